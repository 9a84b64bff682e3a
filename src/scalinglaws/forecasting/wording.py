"""A forecast in words: the answer, a table along the way, what to mind, and what comes next."""

from __future__ import annotations

import html
import textwrap
from typing import TYPE_CHECKING

import numpy as np

from scalinglaws.numerals import format_compute, format_count, format_plain, format_to, plural

if TYPE_CHECKING:
    from scalinglaws.forecasting.forecast import Forecast
    from scalinglaws.forecasting.outlook import Outlook

WIDTH = 88
_STEPS = (1, 3, 10, 30, 100)  # times the largest run
_HEADER = ("C", "beyond", "N", "D", "{target}", "{level} of a new run", "coef.", "error", "noise")


def status_of(forecast: Forecast) -> str:
    """How far the forecast can be used."""
    rows = forecast.rows
    if np.isnan(forecast.usable_to):
        return (
            "Not usable beyond the runs: the 90 % interval of a new run is wider than ±10 % at the "
            "largest of them."
        )
    factor = forecast.usable_to / rows.largest
    return (
        f"Usable to {format_compute(forecast.usable_to, 2)} FLOP, {format_plain(factor, 3)} times "
        "the largest run"
        + (
            ", the farthest at which forecasts were tested."
            if factor > 199
            else "; beyond, its 90 % interval is wider than ±10 %."
        )
    )


def outlook_text(found: Outlook) -> str:
    """One forecast: estimate, intervals, what the width is made of, what to mind."""
    level = f"{100 * found.confidence_level:g} %"
    at = ", ".join(f"{v} {format_count(float(found.points[v]))}" for v in ("N", "D"))
    digits = (found.run_high - found.run_low) / 2

    def span(low: float, high: float) -> str:
        return f"{format_to(low, digits)} to {format_to(high, digits)}"

    head = f"{found.target} {format_to(found.estimate, digits)}"
    lines = [
        f"{head} at {at} ({level}: {span(found.run_low, found.run_high)})",
        "",
        f"  the curve        {level}   {span(found.curve_low, found.curve_high)}",
        f"  a new run        {level}   {span(found.run_low, found.run_high)}",
        f"  of the variance  {shares(found)}",
    ]
    if found.times_beyond > 1:
        lines += ["", f"! {format_plain(found.times_beyond, 3)} times the largest run."]
    return "\n".join(lines)


def shares(found: Outlook) -> str:
    """What the variance of a new run is made of."""
    parts = (found.share_coefficients, found.share_law_error, found.share_noise)
    names = ("coefficients", "the law's own error", "noise of a run")
    return ", ".join(f"{n} {100 * p:.0f} %" for n, p in zip(names, parts, strict=True))


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
    table = table_of(forecast)
    widths = [max(len(row[k]) for row in table) for k in range(len(table[0]))]
    out = [title_of(forecast), *_wrapped(forecast.status, ""), ""]
    for row in table:
        cells = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        out.append("  " + "  ".join(cells))
    out += _wrapped(_MADE_OF, "  ")
    for fact in forecast.facts:
        out += _wrapped(fact, "! ")
    return "\n".join([*out, f"next: {_next_call(forecast)}"])


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
    head, *body = table_of(forecast)

    def line(cells: tuple[str, ...], tag: str) -> str:
        inner = "".join(f'<{tag} align="right">{html.escape(c)}</{tag}>' for c in cells)
        return f"<tr>{inner}</tr>"

    facts = "".join(f"<div><b>!</b> {html.escape(fact)}</div>" for fact in forecast.facts)
    return (
        '<div style="max-width:46em;line-height:1.45">'
        f'<div style="font-size:1.25em;font-weight:600">{html.escape(title_of(forecast))}</div>'
        f"<div>{html.escape(forecast.status)}</div>"
        '<table style="font-variant-numeric:tabular-nums;border-collapse:collapse;border:none">'
        f"{line(head, 'th')}{''.join(line(row, 'td') for row in body)}</table>"
        f'<div style="opacity:.72">{html.escape(_MADE_OF)}</div>{facts}'
        f'<div style="opacity:.72">next: <code>{html.escape(_next_call(forecast))}</code></div>'
        "</div>"
    )
