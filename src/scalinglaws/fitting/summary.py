"""Summary of a fit, rendered as text and as HTML."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from scalinglaws.escaping import for_html, for_terminal, maths_for_html, one_line
from scalinglaws.fitting.diagnostics.trend import Trend
from scalinglaws.fitting.tables.chunks import is_large
from scalinglaws.numerals import (
    format_error,
    format_plain,
    format_signed,
    format_to,
    format_variable,
    listed,
    plural,
)

if TYPE_CHECKING:
    from scalinglaws.fitting.result import Fit

_WIDTH = 88
_HEADER = ("", "estimate", "std error", "low", "high", "")


@dataclass(frozen=True)
class Facts:
    """Content of a summary, independent of its rendering."""

    title: str
    latex: str
    verdict: str
    good: bool
    details: tuple[str, ...]
    table: tuple[tuple[str, ...], ...]
    combinations: tuple[tuple[str, ...], ...]
    intervals: str
    lines: tuple[tuple[str, str], ...]


def facts_of(fit: Fit) -> Facts:
    """Collect the facts."""
    level = f"{100 * fit.confidence_level:g} %"
    intervals = f"low, high: {level} interval ({fit.interval_method})"
    if fit.dof <= 0:
        intervals = f"no intervals: {plural(fit.n, 'run')} leave no degrees of freedom"
    return Facts(
        title=f"{fit.law.label} fitted to {plural(fit.n, 'run')}",
        latex=f"{fit.law.latex}",
        verdict=fit.status.value,
        good=fit.status.good,
        details=tuple(verdict.detail for verdict in fit.verdicts),
        table=_cells(fit.table),
        combinations=_cells(fit.identified),
        intervals=intervals,
        lines=tuple(_lines(fit)),
    )


def _cells(table: pd.DataFrame) -> tuple[tuple[str, ...], ...]:
    cells = []
    for name, row in table.iterrows():
        error = float(row["std_error"])
        # a floor at zero has an interval, but no standard error
        digits = error if np.isfinite(error) else 0.5 * (float(row["high"]) - float(row["low"]))
        cells.append((
            one_line(str(name)),
            format_to(float(row["estimate"]), error),
            format_error(error),
            format_to(float(row["low"]), digits),
            format_to(float(row["high"]), digits),
            "" if row["status"] == "estimated" else str(row["status"]),
        ))  # fmt: skip
    return tuple(cells)


def _lines(fit: Fit) -> list[tuple[str, str]]:
    runs = fit.runs
    used = [f"{v} = {name!r}" for v, name in runs.columns.items()]
    lines = [
        ("law", f"{runs.target} ~ {fit.law.formula.rpartition('~')[2].strip()}"),
        ("columns", ", ".join([*used, f"performance = {runs.target!r}"])),
        ("method", describe_method(fit)),
        ("residuals", _residual_line(fit)),
        ("data", _range_line(fit)),
        ("optimum", _evidence_line(fit)),
    ]
    if fit.runs.cluster_column:
        n_clusters = len(np.unique(fit.runs.clusters))
        lines.insert(4, ("clusters", f"{n_clusters} of {fit.runs.cluster_column!r}"))
    if fit.trend is not None and fit.trend.is_clear:
        lines.append(("trend", _trend_line(fit.trend, fit.scale)))
    if fit.fixed:
        values = [f"{name} = {format_plain(v, 6)}" for name, v in fit.fixed.items()]
        lines.insert(3, ("fixed", ", ".join(values)))
    if runs.dropped:
        rows = [f"{label} ({reason})" for label, reason in runs.dropped]
        lines.append(("dropped", listed(rows, most=4)))
    return lines


def describe_method(fit: Fit) -> str:
    """Method, objective and residual scale as a short phrase."""
    what = {"log": "log residuals", "level": "level residuals"}[fit.scale]
    if fit.method == "log-linear":
        text = "log-linear least squares"
    elif fit.objective == "squared":
        text = f"nonlinear least squares on {what}"
    elif fit.objective == "absolute":
        text = f"least absolute deviations on {what}"
    else:
        delta = format_plain(fit.delta or 0.0, 3)
        text = f"nonlinear least squares on {what}, Huber loss with delta = {delta}"
    return text + (", weighted" if fit.runs.weighted else "")


def _trend_line(trend: Trend, scale: str) -> str:
    size = f"{100 * trend.size:.2g} %" if scale == "log" else format_plain(trend.size, 2)
    return (
        f"residuals follow a smooth pattern in {listed(list(trend.variables))}: "
        f"{100 * trend.share:.0f} % of their variance, typical size {size}; expect at least this "
        "model error in extrapolation"
    )


def _residual_line(fit: Fit) -> str:
    residuals = fit.residuals.to_numpy()
    worst = int(np.abs(residuals).argmax())
    value, label = float(residuals[worst]), fit.runs.index[worst]
    rms = np.linalg.norm(residuals) / np.sqrt(fit.n)
    if fit.scale == "log":
        return (
            f"rms {100 * rms:.2g} %, largest {format_signed(100 * np.expm1(value))} % (row {label})"
        )
    return f"rms {format_plain(rms, 3)}, largest {value:+.3g} (row {label})"


def _range_line(fit: Fit) -> str:
    parts = []
    for name, values in fit.runs.values.items():
        low, high = format_variable(name, values.min()), format_variable(name, values.max())
        parts.append(f"{name} {low} to {high}")
    for name, labels in fit.runs.labels.items():
        counts = [f"{level} ({(labels == level).sum()})" for level in labels.categories]
        parts.append(f"{name} {listed(counts)}")
    y = fit.runs.y
    parts.append(f"{fit.runs.target} {format_plain(y.min())} to {format_plain(y.max())}")
    return ", ".join(parts)


def _evidence_line(fit: Fit) -> str:
    evidence = fit.evidence
    if fit.method == "log-linear":
        return f"closed form; condition number {format_error(fit.local.condition)}"
    sample = " on a sample of the runs" if is_large(fit.n) else ""
    return (
        f"reached from {evidence.n_agreeing} of {plural(evidence.n_starts, 'start')}{sample}; "
        f"{'converged' if evidence.converged else 'not converged'} (predicted relative decrease "
        f"{abs(evidence.decrement):.0e}); condition number "
        f"{format_error(fit.local.condition)}"
    )


# --- text --------------------------------------------------------------------------------------


def as_text(fit: Fit) -> str:
    """Text for terminals and logs."""
    facts = facts_of(fit)
    out = [facts.title, "", *_wrapped(facts.verdict, "" if facts.good else "! ")]
    for detail in facts.details:
        out += _wrapped(detail, "  - ")
    out += ["", *_text_table((_HEADER, *facts.table))]
    if facts.combinations:
        out += ["", "identified combinations:", *_text_table((_HEADER, *facts.combinations))]
    out += [*_wrapped(facts.intervals, ""), ""]
    for name, text in facts.lines:
        out += _wrapped(text, f"{name:<10} ")
    return for_terminal("\n".join(line.rstrip() for line in out))


def _wrapped(text: str, first: str) -> list[str]:
    return textwrap.wrap(
        text, _WIDTH, initial_indent=first, subsequent_indent=" " * len(first),
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


def _text_table(rows: tuple[tuple[str, ...], ...]) -> list[str]:
    widths = [max(len(row[k]) for row in rows) for k in range(len(_HEADER))]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:5], widths[1:5], strict=True)]
        lines.append("  " + "  ".join([*cells, row[5]]))
    return lines


# --- HTML --------------------------------------------------------------------------------------

# Inline, since a notebook strips style sheets; no colours that a dark theme would swallow.
_CELL = "padding:2px 10px;text-align:right;border:none"
_NAME_CELL = "padding:2px 10px;text-align:left;border:none"
_GOOD = "border-left:4px solid #2a9d5c;padding:4px 10px;margin:6px 0"
_DOUBTFUL = "border-left:4px solid #d1495b;padding:4px 10px;margin:6px 0"


def as_html(fit: Fit) -> str:
    """HTML for notebooks."""
    facts = facts_of(fit)
    details = "".join(f"<li>{for_html(detail)}</li>" for detail in facts.details)
    parts = [
        f"<div><strong>{for_html(facts.title)}</strong>",
        f"<div>{maths_for_html(facts.latex)}</div>",
        f'<div style="{_GOOD if facts.good else _DOUBTFUL}">{for_html(facts.verdict)}',
        f"<ul style='margin:2px 0'>{details}</ul></div>" if details else "</div>",
        _html_table((_HEADER, *facts.table)),
    ]
    if facts.combinations:
        parts += ["<div>identified combinations:</div>"]
        parts += [_html_table((_HEADER, *facts.combinations))]
    parts.append(f"<div><small>{for_html(facts.intervals)}</small></div>")
    rows = "".join(
        f'<tr><td style="{_NAME_CELL}">{for_html(name)}</td>'
        f'<td style="{_NAME_CELL}">{for_html(text)}</td></tr>'
        for name, text in facts.lines
    )
    parts.append(f'<table style="font-size:90%;border:none">{rows}</table></div>')
    return "\n".join(parts)


def _html_table(rows: tuple[tuple[str, ...], ...]) -> str:
    def row(cells: tuple[str, ...], tag: str) -> str:
        styled = [
            f'<{tag} style="{_CELL if 0 < k < 5 else _NAME_CELL}">{for_html(cell)}</{tag}>'
            for k, cell in enumerate(cells)
        ]
        return f"<tr>{''.join(styled)}</tr>"

    body = "".join(row(cells, "td") for cells in rows[1:])
    head = f"<thead>{row(rows[0], 'th')}</thead>"
    return f'<table style="border:none">{head}<tbody>{body}</tbody></table>'
