"""Summary of a fit: verdict, coefficients, what the verdict is made of, and the method."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from scalinglaws.display import Card, Column, Table, pairs
from scalinglaws.fitting.diagnostics.residual_tests import Trend
from scalinglaws.fitting.tables.chunks import is_large
from scalinglaws.numerals import (
    format_error,
    format_level,
    format_plain,
    format_signed,
    format_span,
    format_to,
    format_variable,
    listed,
    plural,
)

if TYPE_CHECKING:
    from scalinglaws.fitting.result import Fit


def fit_card(fit: Fit) -> Card:
    """The card of a fit."""
    level = format_level(fit.confidence_level)
    tables = [_coefficients(fit.table, level)]
    if len(fit.identified):
        tables.append(_coefficients(fit.identified, level, "identified combinations:"))
    details = pairs(_lines(fit), "columns, method, data and search", folded=True)
    return Card(
        f"{fit.law.label} fitted to {plural(fit.n, 'run')}. {fit.status.value}",
        formula=fit.law.shown,
        tables=(*tables, details),
        caveats=tuple(verdict.detail for verdict in fit.verdicts),
        more="fit.verdicts",
        next=_next(fit),
    )


def _next(fit: Fit) -> str:
    """A prediction at ten times the largest run, where the law has N and D."""
    values = fit.runs.values
    if not fit.status.good:
        return "fit.plot_residuals()"
    if set(fit.law.variables) != {"N", "D"} or fit.law.group_columns:
        return "fit.plot()"
    most = int(np.argmax(np.log(values["N"]) + np.log(values["D"])))
    at = (
        f'{name}="{format_variable(name, values[name][most] * 10**0.5, 2)}"' for name in ("N", "D")
    )
    return f"fit.predict({', '.join(at)})"


def _coefficients(table: pd.DataFrame, level: str, caption: str = "") -> Table:
    """Estimate, standard error, interval and what stands against it, a row for each."""
    rows = []
    for name, row in table.iterrows():
        error = float(row["std_error"])
        low, high = float(row["low"]), float(row["high"])
        # a floor at zero has an interval, but no standard error
        digits = error if np.isfinite(error) else 0.5 * (high - low)
        rows.append((
            str(name), format_to(float(row["estimate"]), error), format_error(error),
            format_span(format_to(low, digits), format_to(high, digits)),
            "" if row["status"] == "estimated" else str(row["status"]),
        ))  # fmt: skip
    names, estimates, errors, spans, status = zip(*rows, strict=True)
    columns = [
        Column("", names, left=True), Column("estimate", estimates), Column("std error", errors),
        Column(level, spans),
    ]  # fmt: skip
    if any(status):
        columns.append(Column("", status, left=True))
    return Table(tuple(columns), caption)


def _lines(fit: Fit) -> list[tuple[str, str]]:
    runs = fit.runs
    used = [f"{v} = {name!r}" for v, name in runs.columns.items()]
    lines = [
        ("columns", ", ".join([*used, f"performance = {runs.target!r}"])),
        ("method", describe_method(fit)),
        ("intervals", _interval_line(fit)),
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


def _interval_line(fit: Fit) -> str:
    if fit.dof <= 0:
        return f"none: {plural(fit.n, 'run')} leave no degrees of freedom"
    return f"{format_level(fit.confidence_level)}: {fit.interval_method}"


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
