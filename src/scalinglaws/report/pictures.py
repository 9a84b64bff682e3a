"""Smaller pictures: back-tests, the runs over N and D, residuals, and intervals in a table."""

from __future__ import annotations

import numpy as np
import pandas as pd

from scalinglaws.arrays import FloatArray
from scalinglaws.forecasting.backtest import Backtest
from scalinglaws.numerals import format_variable
from scalinglaws.planning import optimal
from scalinglaws.plotting.axes import LABELS
from scalinglaws.report import svg
from scalinglaws.report.forecast_picture import run_styles
from scalinglaws.report.subject import Subject
from scalinglaws.report.svg import Panel, Scale

_HIGH, _GAP_X, _GAP_Y = 132.0, 14.0, 60.0  # pixels: a panel of a back-test, and between two
_BESIDE = 0.9  # quantile of the intervals that a back-test shows in full
_SIDE = 360.0  # width of the pictures in pairs


def backtest_picture(
    tested: Backtest, law: Backtest | None, width: float, style: str, columns: int
) -> str:
    """Errors of the hidden runs with the intervals that were given, a panel for each cut."""
    cuts = list(tested.n_known)
    columns = min(columns, len(cuts))
    wide = (width - 44 - _GAP_X * (columns - 1)) / columns
    frame = _per_cent(tested.frame)
    shown = [frame["error"].abs().max(), frame["high"].quantile(_BESIDE), 1e-6]
    reach = 1.08 * float(np.nanmax(shown))
    farthest = max(float(frame["times_beyond"].max()) * 1.3, 3.0)
    others = None if law is None else _per_cent(law.frame)
    parts = []
    for k, cut in enumerate(cuts):
        left = 40 + (k % columns) * (wide + _GAP_X)
        top = 38 + (k // columns) * (_HIGH + _GAP_Y)
        panel = Panel(
            Scale(1.15, farthest, left, left + wide),
            Scale(-reach, reach, top + _HIGH, top, log=False),
        )
        parts.append(_cut(panel, frame[frame["cut"] == cut], first=k % columns == 0))
        if others is not None:
            some = others[others["cut"] == cut]
            x, y = panel.x(some["times_beyond"].to_numpy()), panel.y(_inside(some, reach))
            parts += [_dot(a, b, "dl", 1.8) for a, b in zip(x, y, strict=True)]
        known = f"{tested.n_known[cut]} runs to {format_variable(tested.by, cut, 2)}"
        n, held = (frame["cut"] == cut).sum(), frame.loc[frame["cut"] == cut, "inside"].sum()
        parts += [svg.words(left, top - 22, known, "lab"),
                  svg.words(left, top - 8, f"{held} of {n} inside", "t")]  # fmt: skip
    rows = -(-len(cuts) // columns)
    height = 38 + rows * (_HIGH + _GAP_Y) - _GAP_Y + 36
    parts.append(svg.words(40, height - 3, "times the largest run that was known", "t"))
    alt = "Back-tests: errors of the forecasts of hidden runs, with their intervals; see the table"
    return svg.picture(parts, width, height, alt, style)


def _per_cent(frame: pd.DataFrame) -> pd.DataFrame:
    """Reached, and the ends of the interval, in per cent of the prediction."""
    ratios = frame[["reached", "low", "high"]].div(frame["estimate"], axis=0).to_numpy()
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = 100 * np.log(ratios)
    logs[~np.isfinite(logs)] = np.nan
    ends = pd.DataFrame(logs, frame.index, ["error", "low", "high"])
    return frame[["cut", "times_beyond", "inside"]].join(ends)


def _inside(frame: pd.DataFrame, reach: float) -> FloatArray:
    """Errors, those beyond the panel at its edge."""
    return np.asarray(np.clip(frame["error"].to_numpy(), -reach, reach))


def _cut(panel: Panel, runs: pd.DataFrame, *, first: bool) -> str:
    reach = panel.y.high
    parts = []
    for value in panel.y.ticks(along_x=False):
        at = float(panel.y(value))
        parts.append(svg.line(panel.x.start, at, panel.x.end, at, "grid" if value else "zero"))
        if first:
            label = svg.signed(value) + (" %" if value else "")
            parts.append(svg.words(panel.x.start - 5, at + 4, label, "t", "end"))
    foot = panel.y.start
    for value in panel.x.ticks(along_x=True):
        at = float(panel.x(value))
        parts.append(svg.line(at, foot, at, foot + 4, "axis"))
        parts.append(svg.words(at, foot + 16, f"{value:g}×", "t", "middle"))
    x, y = panel.x(runs["times_beyond"].to_numpy()), panel.y(_inside(runs, reach))
    ends = [panel.y(runs[end].fillna(edge).clip(-reach, reach).to_numpy())
            for end, edge in (("low", -reach), ("high", reach))]  # fmt: skip
    inside = runs["inside"].to_numpy()
    for k in range(len(runs)):
        parts.append(svg.line(x[k], ends[0][k], x[k], ends[1][k], "iv"))
    for k in range(len(runs)):
        parts.append(_dot(x[k], y[k], "di", 2.2) if inside[k] else _cross(x[k], y[k]))
    return "".join(parts)


def _dot(x: float, y: float, style: str, size: float) -> str:
    return f'<circle class="{style}" cx="{svg.number(x)}" cy="{svg.number(y)}" r="{size:g}"/>'


def _cross(x: float, y: float) -> str:
    return f'<path class="do" d="M{svg.number(x - 3)} {svg.number(y - 3)}l6 6m0-6l-6 6"/>'


def _within(panel: Panel, mark: str) -> str:
    """A mark of the map that ends at the edges of its panel."""
    left, top = panel.x.start, panel.y.end
    inside = svg.rectangle(left, top, panel.x.end - left, panel.y.start - top, "")
    return f'<clipPath id="map">{inside}</clipPath><g clip-path="url(#map)">{mark}</g>'


def map_picture(subject: Subject) -> str:
    """The runs over N and D, with the compute-optimal line and its interval."""
    runs, line = subject.runs.frame, np.geomspace(*subject.span, 40)
    best = None if isinstance(subject.plan, str) else optimal(
        subject.law, C=line, cost=subject.cost, n_resamples=1
    )  # fmt: skip
    ranges = []
    for name in ("N", "D"):
        shown = [runs[name].to_numpy()] + ([] if best is None else [best[name].to_numpy()])
        every = np.concatenate(shown)
        margin = (np.nanmax(every) / np.nanmin(every)) ** 0.05
        ranges.append((np.nanmin(every) / margin, np.nanmax(every) * margin))
    panel = Panel(Scale(*ranges[0], 46, _SIDE - 10), Scale(*ranges[1], 300, 20))
    parts = [panel.grid("D")]
    if best is not None:
        x, y, known = best["N"].to_numpy(), best["D"].to_numpy(), line <= subject.largest
        # along a budget, tokens fall as the size grows
        N = np.concatenate([best["N_low"], best["N_high"][::-1]])
        D = np.concatenate([line, line[::-1]]) / (subject.cost * N)
        parts.append(_within(panel, svg.polyline(panel.x(N), panel.y(D), "lb", closed=True)))
        parts += [panel.curve(x[known], y[known], "law"),
                  panel.curve(x[~known], y[~known], "law beyond")]  # fmt: skip
    parts.append(panel.points(runs["N"].to_numpy(), runs["D"].to_numpy(), run_styles(subject), 2.6))
    parts += [panel.bottom("N", LABELS["N"]), svg.words(0, 11, LABELS["D"], "t")]
    alt = "The runs by parameters and training tokens, with the compute-optimal line"
    return svg.picture(parts, _SIDE, 340, alt)


def residual_picture(subject: Subject) -> str:
    """Residuals of the law along the variable, with the largest run named."""
    fit = subject.law
    runs, log = subject.runs, fit.scale == "log"
    size = 100.0 if log else 1.0
    residuals = size * fit.residuals.to_numpy()[runs.place]
    x = runs.x
    positive = x.min() > 0
    pad = (x.max() / x.min()) ** 0.04 if positive else 0.04 * float(np.ptp(x))
    ends = (x.min() / pad, x.max() * pad) if positive else (x.min() - pad, x.max() + pad)
    reach = 1.1 * max(float(np.abs(residuals).max()), 1e-9)
    panel = Panel(
        Scale(*ends, 52, _SIDE - 10, log=positive), Scale(-reach, reach, 300, 20, log=False)
    )
    noise, last = size * fit.noise, float(residuals[-1])
    unit = " %" if log else ""
    top, foot = float(panel.y(min(noise, reach))), float(panel.y(max(-noise, -reach)))
    side = -1 if last > 0 else 1
    at = float(panel.x(x[-1])) - 7, float(panel.y(last)) + 4
    parts = [
        svg.rectangle(panel.x.start, top, panel.x.end - panel.x.start, foot - top, "sd"),
        panel.grid(None, unit),
        svg.line(panel.x.start, float(panel.y(0)), panel.x.end, float(panel.y(0)), "zero"),
        panel.points(x, residuals, run_styles(subject), 2.6),
        svg.words(at[0], at[1] + (0 if abs(last) > noise else 12 * side), "the largest run", "lab",
                  "end"),
        panel.bottom(subject.variable, LABELS.get(subject.variable, subject.variable)),
        svg.words(0, 11, "run above or below the law", "t"),
    ]  # fmt: skip
    alt = f"Residuals of the law against {subject.variable}"
    return svg.picture(parts, _SIDE, 340, alt)


def interval_glyph(low: float, estimate: float, high: float, reach: float) -> str:
    """An interval relative to its estimate, on a scale of plus and minus `reach`."""
    scale = Scale(-reach, reach, 6, 154, log=False)
    ends = np.clip(scale(np.array([low, high]) / abs(estimate) - np.sign(estimate)), 2, 158)
    middle = float(scale(0))
    return (
        '<svg class="gl" viewBox="0 0 160 16" width="160" height="16" aria-hidden="true">'
        + svg.line(middle, 0, middle, 16, "zero")
        + svg.line(ends[0], 8, ends[1], 8, "ci")
        + _dot(middle, 8, "ce", 3.5)
        + "</svg>"
    )
