"""A forecast in words: the answer, a table along the way, what to mind, and what comes next."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from scalinglaws.errors import DataError
from scalinglaws.escaping import NO_MATHS, for_html, for_terminal
from scalinglaws.forecasting.interval_bars import interval_bars
from scalinglaws.numerals import (
    format_compute,
    format_count,
    format_plain,
    format_to,
    format_variable,
    listed,
    plural,
)

if TYPE_CHECKING:
    from scalinglaws.forecasting.backtest import Backtest
    from scalinglaws.forecasting.comparison import Comparison
    from scalinglaws.forecasting.curve import CurveForecast
    from scalinglaws.forecasting.forecast import Forecast
    from scalinglaws.forecasting.outlook import Outlook

WIDTH = 88
_HUE = "#3b82c4"
_CURVE_STEPS = (1, 2, 5, 10, 30)  # times the last point
_CARD = "max-width:46em;line-height:1.45"
_STEPS = (1, 3, 10, 30, 100)  # times the largest run
_HEADER = (
    "C",
    "beyond",
    "N",
    "D",
    "{target}",
    "{level} prediction interval",
    "coef.",
    "error",
    "noise",
)


def status_of(forecast: Forecast) -> str:
    """How far the forecast can be used."""
    rows = forecast.rows
    if np.isnan(forecast.usable_to):
        return (
            "Not usable beyond the runs: the 90 % prediction interval is wider than ±10 % at the "
            "largest of them."
        )
    factor = forecast.usable_to / rows.largest
    return (
        f"Usable to {format_compute(forecast.usable_to, 2)} FLOP, {format_plain(factor, 3)} times "
        "the largest run"
        + (
            ", the farthest at which forecasts were tested."
            if factor > 199
            else "; beyond, its 90 % prediction interval is wider than ±10 %."
        )
    )


def outlook_text(found: Outlook) -> str:
    """One forecast: estimate, intervals, what the width is made of, what to mind."""
    level = f"{100 * found.confidence_level:g} %"
    shown = [v for v in found.points if v != "C" or len(found.points) == 1]
    at = ", ".join(f"{v} {format_variable(v, float(found.points[v]))}" for v in shown)
    digits = (found.run_high - found.run_low) / 2

    def span(low: float, high: float) -> str:
        return f"{format_to(low, digits)} to {format_to(high, digits)}"

    whole = span(found.run_low, found.run_high)
    lines = [
        f"{found.target} {format_to(found.estimate, digits)} at {at} ({level}: {whole})",
        "",
        f"  {level} confidence interval (curve)    {span(found.curve_low, found.curve_high)}",
        f"  {level} prediction interval (new run)  {whole}",
        f"  variance from                       {_shares(found)}",
    ]
    if found.times_beyond > 1:
        factor = format_plain(found.times_beyond, 3)
        lines.append(f"  extrapolation                       {factor} times the largest run")
    return for_terminal("\n".join(lines))


def _shares(found: Outlook) -> str:
    """What the variance of a new run is made of."""
    shares = (found.share_coefficients, found.share_law_error, found.share_noise)
    parts = [(name, share) for name, share in zip(found.parts, shares, strict=True) if share]
    return ", ".join(f"{name} {100 * part:.0f} %" for name, part in parts)


def outlook_html(found: Outlook) -> str:
    """The same as a card: the answer, then the rest."""
    head, _, *rest = outlook_text(found).splitlines()
    rows = "".join(
        f'<tr><td align="left">{for_html(name.strip())}</td>'
        f'<td align="left">{for_html(text.strip())}</td></tr>'
        for name, text in (line.strip().split("  ", 1) for line in rest)
    )
    return (
        f'<div class="{NO_MATHS}" style="{_CARD}"><div style="font-size:1.25em;font-weight:600">'
        f"{for_html(head)}</div>{_variance_bar(found)}<table>{rows}</table></div>"
    )


def _variance_bar(found: Outlook) -> str:
    """Shares of the variance as a strip; two tints of one hue and the text's own colour."""
    parts, x = [], 0.0
    for share, fill, opacity in (
        (found.share_coefficients, _HUE, "1"), (found.share_law_error, _HUE, ".5"),
        (found.share_noise, "currentColor", ".5"),
    ):  # fmt: skip
        parts.append(
            f'<rect x="{x:.1f}" y="2" width="{max(400 * share - 1, 0):.1f}" height="10" '
            f'fill="{fill}" opacity="{opacity}"/>'
        )
        x += 400 * share
    return (
        '<svg viewBox="0 0 400 14" width="400" style="max-width:100%;height:auto" role="img" '
        f'aria-label="{for_html(_shares(found))}">{"".join(parts)}</svg>'
    )


def title_of(forecast: Forecast) -> str:
    """What was forecast, from what."""
    return f"Forecast of {forecast.rows.table.target} from {plural(forecast.n, 'run')}"


def table_of(forecast: Forecast) -> list[tuple[str, ...]]:
    """Estimates along the largest runs' tokens per parameter, a header first."""
    rows, level = forecast.rows, forecast.confidence_level
    compute = rows.largest * np.array(_STEPS, dtype=np.float64)
    sizes, tokens = rows.path(compute)
    found = forecast.outlook({"N": sizes, "D": tokens, "C": compute}, level).to_frame()
    names = {"target": rows.table.target, "level": f"{100 * level:g} %"}
    lines = [tuple(name.format(**names) for name in _HEADER)]
    for k, step in enumerate(_STEPS):
        here = found.iloc[k]
        digits = (here["run_high"] - here["run_low"]) / 2
        low, high = (format_to(here[name], digits) for name in ("run_low", "run_high"))
        parts = (here[f"share_{name}"] for name in ("coefficients", "law_error", "noise"))
        cells = [
            format_compute(compute[k], 2),
            f"{step}x" if step > 1 else "no",
            count(sizes[k]),
            count(tokens[k]),
            format_to(here["estimate"], digits),
            f"{low} to {high}",
        ]
        lines.append((*cells, *(f"{100 * part:.0f} %" for part in parts)))
    return lines


def as_text(forecast: Forecast) -> str:
    """Text for terminals and logs."""
    out = [title_of(forecast), *_wrapped(forecast.status, ""), ""]
    out += [*_aligned(table_of(forecast)), *_wrapped(_MADE_OF, "  ")]
    for fact in forecast.facts:
        out += _wrapped(fact, "! ")
    return for_terminal("\n".join([*out, f"next: {_next_call(forecast)}"]))


_MADE_OF = "variance from: coefficients of the law, its own error, noise of a single run"


def _next_call(forecast: Forecast) -> str:
    sizes, tokens = forecast.rows.path(10 * forecast.rows.largest)
    return f'forecast.predict(N="{count(float(sizes))}", D="{count(float(tokens))}")'


def count(value: float) -> str:
    """A count in two digits."""
    return format_count(float(f"{value:.2g}"))


def _wrapped(text: str, first: str) -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent=first, subsequent_indent=" " * len(first),
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


def as_html(forecast: Forecast) -> str:
    """HTML for notebooks."""
    said = [*forecast.facts, *_decided(forecast)]
    facts = "".join(f"<div><b>!</b> {for_html(fact)}</div>" for fact in said)
    return (
        f'<div class="{NO_MATHS}" style="{_CARD}">'
        f'<div style="font-size:1.25em;font-weight:600">{for_html(title_of(forecast))}</div>'
        f"<div>{for_html(forecast.status)}</div>"
        f"{_html_table(table_of(forecast))}"
        f'<div style="opacity:.72">{for_html(_MADE_OF)}</div>{facts}{_tested_html(forecast)}'
        f'<div style="opacity:.72">next: <code>{for_html(_next_call(forecast))}</code></div>'
        "</div>"
    )


def _decided(forecast: Forecast) -> list[str]:
    """Whether one run decides the forecast at ten times the largest run."""
    compute = 10 * forecast.rows.largest
    sizes, tokens = forecast.rows.path(compute)
    try:
        found = forecast.deciding_run(N=float(sizes), D=float(tokens))
    except DataError:
        return []
    return [f"At {format_compute(compute, 2)} FLOP: {found}"] if found.decides else []


def _tested(forecast: Forecast) -> Backtest | None:
    """The back-test, where runs can be hidden."""
    try:
        return forecast.backtest()
    except DataError:
        return None


def _tested_html(forecast: Forecast) -> str:
    tested = _tested(forecast)
    if tested is None:
        return ""
    head, *rest = backtest_text(tested).splitlines()
    return (
        f'<details><summary style="cursor:pointer">Back-test: {for_html(head)}</summary>'
        f"<pre>{for_html(chr(10).join(rest))}</pre></details>"
    )


def curve_text(forecast: CurveForecast) -> str:
    """Text for terminals and logs."""
    level = f"{100 * forecast.confidence_level:g} %"
    what = f"{forecast.target} over {forecast.variable}"
    out = [f"Forecast of {what} from {plural(forecast.n, 'point')}"]
    out += [*_wrapped(forecast.status, ""), ""]
    lines: list[tuple[str, ...]] = [
        (forecast.variable, "beyond", forecast.target, f"{level} prediction interval")
    ]
    for step in _CURVE_STEPS:
        x = step * float(forecast.x[-1])
        found = forecast.outlook(np.array(x), forecast.confidence_level)
        digits = (found.run_high - found.run_low) / 2
        ends = (format_to(end, digits) for end in (found.run_low, found.run_high))
        where = format_variable(forecast.variable, float(f"{x:.2g}"))
        beyond = f"{step}x" if step > 1 else "no"
        lines.append((where, beyond, format_to(found.estimate, digits), " to ".join(ends)))
    out += _aligned(lines)
    for fact in forecast.facts:
        out += _wrapped(fact, "! ")
    return for_terminal("\n".join(out))


# --- back-tests and comparisons --------------------------------------------------------------


def backtest_text(found: Backtest) -> str:
    """What held, then a line for each cut."""
    frame, overall = found.frame, found.overall
    level = f"{100 * found.confidence_level:g} %"
    whose = "forecast" if found.label == "forecast" else f"law {found.label}"
    out = _wrapped(
        f"{int(frame['inside'].sum())} of {plural(len(frame), 'hidden run')} lie inside the {level}"
        f" interval of the {whose}; mean error {percent(overall['error'])}.",
        "",
    )
    head = (f"{found.by} up to", "known", "hidden", "beyond", "error", "bias", "inside")
    lines = [head]
    for cut, row in found.summary.iterrows():
        lines.append((
            format_variable(found.by, float(f"{float(str(cut)):.2g}")), f"{row['known']:.0f}",
            f"{row['hidden']:.0f}", f"to {format_plain(row['farthest'], 2)}x",
            percent(row["error"]), percent(row["bias"], "+"), f"{100 * row['inside']:.0f} %",
        ))  # fmt: skip
    out += ["", *_aligned(lines)]
    for reason in found.skipped:
        out += _wrapped(f"Left out: {reason}", "! ")
    if len(lines) > 2:
        out += _wrapped("Cuts share runs: their misses are not independent.", "! ")
    return for_terminal("\n".join(out))


def comparison_text(found: Comparison) -> str:
    """What held, the table, and what it cannot tell."""
    out = [*_wrapped(_held(found), ""), ""]
    out += _aligned(_comparison_lines(found), left=1)
    for fact in _comparison_facts(found):
        out += _wrapped(fact, "! ")
    return for_terminal("\n".join(out))


def _held(found: Comparison) -> str:
    """Shares of hidden runs inside, without a favourite."""
    tested = found.frame.dropna(subset=["inside"])
    at = ", ".join(f"{v} {format_variable(v, found.point[v])}" for v in ("N", "D"))
    if not len(tested):
        return f"Laws on one table at {at}; no run could be hidden."
    shares = [f"{name} {100 * row['inside']:.0f} %" for name, row in tested.iterrows()]
    return (
        f"Hidden runs inside their {100 * found.confidence_level:g} % interval: {listed(shares)}."
        f" Target: {at}."
    )


def _comparison_lines(found: Comparison) -> list[tuple[str, ...]]:
    frame = found.frame
    intervals = frame[["low", "estimate", "high"]].to_numpy().tolist()
    scale, bars = interval_bars([(low, mid, high) for low, mid, high in intervals])
    lines: list[tuple[str, ...]] = []
    lines.append(("law", "coef.", "rms of fit", "error", "inside", scale, "target"))
    for (name, row), bar in zip(frame.iterrows(), bars, strict=True):
        digits = (row["high"] - row["low"]) / 2
        lines.append((
            str(name), _or_dash(row["coefficients"], "{:.0f}"), percent(row["rms"]) or "-",
            percent(row["error"]) or "-", _or_dash(100 * row["inside"], "{:.0f} %"), bar,
            format_to(row["estimate"], digits) or "-",
        ))  # fmt: skip
    return lines


def _comparison_facts(found: Comparison) -> list[str]:
    facts = [_OF_COMPARISONS]
    beyond = found.point["C"] / found.forecast.rows.largest
    if beyond > 1:
        facts.insert(0, f"The target is {format_plain(beyond, 3)} times the largest run.")
    return facts + [f"{name}: {reason}" for name, reason in found.failed.items()]


_OF_COMPARISONS = (
    "error and inside are of hidden runs, each predicted from the runs below a cut; cuts share "
    "runs. "
    "On public tables, laws chosen by them or by AICc predicted no better than a fixed one."
)


def comparison_html(found: Comparison) -> str:
    """HTML for notebooks."""
    facts = "".join(f"<div><b>!</b> {for_html(f)}</div>" for f in _comparison_facts(found))
    return (
        f'<div class="{NO_MATHS}" style="{_CARD}"><div>{for_html(_held(found))}</div>'
        f'<div style="font-family:monospace;white-space:pre">'
        f"{_html_table(_comparison_lines(found))}</div>"
        f'<div style="opacity:.72">{facts}</div></div>'
    )


def percent(value: float, sign: str = "") -> str:
    """A share in per cent, in two digits; nothing where it is not known."""
    if not np.isfinite(value):
        return ""
    return f"{float(f'{100 * value:.2g}'):{sign}g} %"


def _or_dash(value: float, form: str) -> str:
    return form.format(value) if np.isfinite(value) else "-"


def _aligned(lines: Sequence[tuple[str, ...]], left: int = 0) -> list[str]:
    """Cells to the right, those of the first columns to the left."""
    widths = [max(len(row[k]) for row in lines) for k in range(len(lines[0]))]
    return [
        "  "
        + "  ".join(
            cell.ljust(width) if k < left else cell.rjust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in lines
    ]


def _html_table(lines: Sequence[tuple[str, ...]]) -> str:
    def line(cells: tuple[str, ...], tag: str) -> str:
        inner = "".join(f'<{tag} align="right">{for_html(c)}</{tag}>' for c in cells)
        return f"<tr>{inner}</tr>"

    style = "font-variant-numeric:tabular-nums;border-collapse:collapse;border:none"
    body = "".join(line(row, "td") for row in lines[1:])
    return f'<table style="{style}">{line(lines[0], "th")}{body}</table>'
