"""The main picture: runs, law and forecast along one variable, and what the variance is made of."""

from __future__ import annotations

import numpy as np
import pandas as pd

from scalinglaws.arrays import FloatArray
from scalinglaws.numerals import format_compute, format_count, format_to, format_variable
from scalinglaws.plotting.axes import LABELS
from scalinglaws.report import svg
from scalinglaws.report.subject import Subject
from scalinglaws.report.svg import Panel, Scale

_SHADES = 6  # of the map of sizes
_BANDS = (("forecast", "bn"), ("curve", "bl"), ("coefficients", "bp"))  # from the outermost in
_PARTS = (
    ("coefficients", "coefficients", "sp", "on"), ("law_error", "law’s error", "sl", "on2"),
    ("noise", "noise of a run", "sn", "on"),
)  # fmt: skip
_STRIP, _LINE = 50.0, 15.0  # pixels: height of the strip, least distance of two names
_TALL, _ROOMY = 0.25, 90.0  # share of the strip, and pixels, that a name inside needs


def forecast_picture(subject: Subject, width: float, style: str) -> str:
    """Runs, law and forecast; `style` is "wide" or "narrow"."""
    wide = style == "wide"
    right, foot = (width - 112 if wide else width - 10), (330.0 if wide else 280.0)
    line, largest = subject.line, subject.largest
    low, high = _range(subject)
    panel = Panel(Scale(*subject.span, 44, right), Scale(low, high, foot, 22, log=low > 0))
    parts = [panel.far(largest), panel.grid(), _bands(panel, line)]
    parts.append(panel.points(*_xy(subject), run_styles(subject)))
    parts += [_curves(panel, line, largest), _field_names(panel, largest), _dispute(panel, subject)]
    parts.append(_names(panel, line, wide=wide))
    parts += [_marker(panel, subject), _size_key(subject, 56, foot - 30)]
    parts.append(svg.words(44, 11, subject.target, "t"))
    has_strip = "share_noise" in line
    label = LABELS.get(subject.variable, subject.variable)
    parts.append(panel.bottom(subject.variable, "" if has_strip else label, ticks=not has_strip))
    height = foot + 40
    if has_strip:
        parts.append(_strip(Scale(*subject.span, 44, right), foot + 10, subject, label, wide=wide))
        height = foot + _STRIP + 50
    alt = (
        f"{subject.target} against {label}: {len(subject.runs.x)} runs, the law and the forecast "
        "with its interval beyond them, and what the variance of the forecast is made of."
    )
    ends = [*np.log(subject.span), 44, right], [low, high, foot, 22]
    data = "".join(
        f' data-{axis}="{",".join(f"{v:.8g}" for v in values)}"'
        for axis, values in zip("xy", ends, strict=True)
    )
    return svg.picture(parts, width, height, alt, style, data)


def run_styles(subject: Subject) -> list[str]:
    """A class for each run: its size on the map, or none where runs have no N."""
    runs = subject.runs
    if not subject.has_sizes:
        return ["run"] * len(runs.x)
    logs = np.log(runs.frame["N"].to_numpy())
    share = (logs - logs.min()) / max(float(np.ptp(logs)), 1e-12)
    return [f"s{k}" for k in np.minimum((share * _SHADES).astype(int), _SHADES - 1)]


def _xy(subject: Subject) -> tuple[FloatArray, FloatArray]:
    return subject.runs.x, subject.runs.frame[subject.target].to_numpy()


def _range(subject: Subject) -> tuple[float, float]:
    """Range of the metric; a few bad small runs must not press the rest into a line."""
    line = subject.line
    far = line[line["x"] > subject.largest]
    names = [n for n in ("law", "forecast") if n in line]
    ends = [n for n in ("forecast_low", "forecast_high") if n in line]
    shown = far if "forecast" not in line else far[far["usable"]]
    values = [line[names].to_numpy().ravel(), shown[ends].to_numpy().ravel()]
    values.append(np.quantile(subject.runs.frame[subject.target], [0.005, 0.995]))
    every = np.concatenate(values)
    every = every[np.isfinite(every)]
    low, high = float(every.min()), float(every.max())
    if low > 0:
        margin = (high / low) ** 0.04
        return low / margin, high * margin
    return low - 0.04 * (high - low), high + 0.04 * (high - low)


def _bands(panel: Panel, line: pd.DataFrame) -> str:
    """From the outermost in; that of the law where there is no forecast."""
    x = line["x"].to_numpy()
    if "forecast" not in line:
        return panel.band(x, line["law_run_low"].to_numpy(), line["law_run_high"].to_numpy(), "lb")
    good = line["usable"] | (line["beyond"] <= 1)
    ends = line.where(good)
    parts = [
        panel.band(x, ends[f"{name}_low"].to_numpy(), ends[f"{name}_high"].to_numpy(), style)
        for name, style in _BANDS
    ]
    if not good.all():
        first = line[~good].iloc[0]
        text = "not usable beyond"
        at = min(float(panel.x(first["x"])) + 4, panel.x.end - svg.width_of(text))
        parts.append(svg.words(at, panel.y.end + 27, text, "t halo"))
    return "".join(parts)


def _curves(panel: Panel, line: pd.DataFrame, largest: float) -> str:
    """Solid inside the runs, dashed beyond; on a casing, since they cross the bands."""
    x, known, parts = line["x"].to_numpy(), line["x"].to_numpy() <= largest, []
    for name, style in (("law", "law"), ("forecast", "fc")):
        if name not in line:
            continue
        y = line[name].to_numpy()
        parts.append(panel.curve(x[~known], y[~known], "case"))
        parts.append(panel.curve(x[known], y[known], style))
        parts.append(panel.curve(x[~known], y[~known], f"{style} beyond"))
    return "".join(parts)


def _field_names(panel: Panel, largest: float) -> str:
    at, top = float(panel.x(largest)), panel.y.end
    return (
        svg.line(at, top, at, panel.y.start, "hair")
        + svg.words(at - 5, top + 11, "runs", "t", "end")
        + svg.words(at + 5, top + 11, "beyond the largest run", "t")
    )


def _dispute(panel: Panel, subject: Subject) -> str:
    """A ring where the law begins to be disputed, and words with a leader."""
    first = disputed_from(subject)
    if first is None:
        return ""
    x, y = float(panel.x(first["x"])), float(panel.y(first["law"]))
    up = first["law"] > first["forecast"]
    side, turn = (1, -1) if up else (-1, 1)
    end = x + 26 * side, y + 42 * turn
    anchor = "" if up else "end"
    text = end[0] + 4 * side, end[1] + (-12 if up else 10)
    since = f"from {compute(first['x'])} FLOP on"
    if up:
        text = min(text[0], panel.x.end - svg.width_of(since)), text[1]
    return (
        f'<circle class="ring" cx="{svg.number(x)}" cy="{svg.number(y)}" r="5.5"/>'
        + svg.line(x + 4 * side, y + 5 * turn, *end, "leader")
        + svg.words(*text, "law disputed", "lab lawt", anchor)
        + svg.words(text[0], text[1] + 14, since, "t lawt", anchor)
    )


def disputed_from(subject: Subject) -> pd.Series | None:
    """The first point beyond the runs at which the law is disputed."""
    line = subject.line
    found = line[line["disputed"] & (line["beyond"] > 1)]
    return found.iloc[0] if len(found) else None


def compute(value: float) -> str:
    """Compute in one digit where that is close, else in two."""
    one = float(f"{value:.1g}")
    return format_compute(value, 1 if abs(np.log(value / one)) < 0.1 else 2)


def _names(panel: Panel, line: pd.DataFrame, *, wide: bool) -> str:
    """Names right of the ends of the curves, at least a line apart; or above and below them."""
    last, names = line.iloc[-1], {"law": ("law", "lawt"), "forecast": ("forecast", "fct")}
    ends = sorted((float(panel.y(last[n])), n) for n in names if n in line)
    heights = np.array([y for y, _ in ends])
    if len(ends) == 2 and heights[1] - heights[0] < _LINE:
        heights = heights.mean() + np.array([-_LINE / 2, _LINE / 2])
    if not wide:
        shifts = (-8, 17) if len(ends) == 2 else (-8,)
        return "".join(
            svg.words(panel.x.end, y + shift, names[name][0], f"lab {names[name][1]}", "end")
            for (y, name), shift in zip(ends, shifts, strict=True)
        )
    return "".join(
        svg.words(panel.x.end + 7, y + 4, names[name][0], f"lab {names[name][1]}")
        for y, (_, name) in zip(heights, ends, strict=True)
    )


def _marker(panel: Panel, subject: Subject) -> str:
    """The headline's value with its interval; the planner moves it."""
    answer = subject.answer
    if answer is None:
        return ""
    name = "forecast" if "forecast" in answer else "law"
    low, high = answer[f"{name}_low"], answer[f"{name}_high"]
    if name == "law":
        low, high = answer["law_run_low"], answer["law_run_high"]
    x, y = float(panel.x(answer["x"])), float(panel.y(answer[name]))
    ends = np.clip(panel.y([low, high]), panel.y.end, panel.y.start)
    top = min(ends[1], float(panel.y(answer.get("law", high)))) - 9
    shown = format_to(answer[name], (high - low) / 2)
    return (
        '<g class="mark">'
        + svg.line(x, panel.y.end + 18, x, panel.y.start, "mkl")
        + svg.line(x, ends[0], x, ends[1], "mki")
        + f'<circle class="mkc" cx="{svg.number(x)}" cy="{svg.number(y)}" r="4.5"/>'
        + svg.words(x, max(top, panel.y.end + 26), shown, "lab mkt", "middle")
        + "</g>"
    )


def _size_key(subject: Subject, x: float, y: float) -> str:
    """The map of sizes, in the corner below the runs."""
    if not subject.has_sizes:
        return ""
    sizes, step = subject.runs.frame["N"], 120 / _SHADES
    patches = "".join(svg.rectangle(x + k * step, y, step, 6, f"s{k}") for k in range(_SHADES))
    ends = [format_count(v, 2) for v in (sizes.min(), sizes.max())]
    return (
        svg.words(x, y - 5, "parameters of the run", "t") + patches
        + svg.words(x, y + 18, ends[0], "t") + svg.words(x + 120, y + 18, ends[1], "t", "end")
    )  # fmt: skip


def _strip(x: Scale, top: float, subject: Subject, label: str, *, wide: bool) -> str:
    """Shares of the variance of a new run along the same x."""
    line = subject.line
    panel = Panel(x, Scale(0, 1, top + _STRIP, top, log=False))
    xs, below, parts = line["x"].to_numpy(), np.zeros(len(line)), []
    places = np.asarray(x(xs))
    for name, text, style, colour in _PARTS:
        share = line[f"share_{name}"].to_numpy()
        parts.append(panel.band(xs, below, below + share, style))
        tall = share >= _TALL
        if (places[tall].size) and np.ptp(places[tall]) > max(_ROOMY, svg.width_of(text) + 8):
            k = int(np.argmin(np.abs(places - np.mean(places[tall]))))
            at = float(panel.y(below[k] + share[k] / 2)) + 4
            parts.append(svg.words(float(places[k]), at, text, f"t {colour}", "middle"))
        below = below + share
    at = float(x(subject.largest))
    parts += [svg.line(at, top, at, top + _STRIP, "hair"), panel.bottom(subject.variable, label)]
    if wide:
        parts += [
            svg.words(x.end + 7, top + 12 + 14 * k, text, "t")
            for k, text in enumerate(("what the band", "is made of,", "% of variance"))
        ]
    return "".join(parts)


def shown_value(subject: Subject, value: float) -> str:
    """A value of the variable in the headline and in sentences."""
    return format_variable(subject.variable, value, 2)
