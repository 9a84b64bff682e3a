"""Validation and defaults of the arguments of `fit`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from scalinglaws.core import catalogue
from scalinglaws.core.expression import names_in
from scalinglaws.core.formula import Formula, parse
from scalinglaws.core.groups import member
from scalinglaws.core.law import STANDARD_VARIABLES, Law
from scalinglaws.core.rewriting import index, tie
from scalinglaws.errors import DataError, FitError, FormulaError
from scalinglaws.fitting.solver.linear_solve import why_not_log_linear
from scalinglaws.fitting.tables import columns as col
from scalinglaws.fitting.tables.runs import RunTable
from scalinglaws.numerals import abridged, format_plain, listed, plural
from scalinglaws.options import (
    OBJECTIVES,
    SCALES,
    ObjectiveName,
    check_level,
    check_option,
    is_number,
)

METHODS = ("auto", "log-linear", "nls")
# Thresholds whose squares are ordinary numbers.
DELTAS = (1e-100, 1e100)


def check_options(
    method: str, objective: str, delta: object, scale: str, missing: str, units: str, level: float
) -> None:
    """Refuse misspelt or contradictory options."""
    check_option("method", method, METHODS)
    check_option("objective", objective, ("auto", *OBJECTIVES))
    check_option("scale", scale, SCALES)
    check_option("missing", missing, ("raise", "drop"))
    check_option("units", units, ("check", "trust"))
    check_level(level)
    if delta == "auto":
        return
    if not is_number(delta) or not 0 < delta < np.inf:  # type: ignore[operator]
        raise ValueError(f"`delta` must be a positive number or 'auto'; got {abridged(delta)}.")
    low, high = DELTAS
    if not low <= delta <= high:  # type: ignore[operator]
        raise ValueError(
            f"`delta` must be from {format_plain(low)} to {format_plain(high)}; got "
            f"{abridged(delta)}. For a smaller threshold use objective='absolute', for a larger "
            "one objective='squared'."
        )
    if objective in ("squared", "absolute"):
        raise ValueError(
            f"`delta` is the threshold of the Huber loss; objective={objective!r} has none."
        )


def resolve_law(
    law: str | Law,
    frame: pd.DataFrame,
    columns: Mapping[str, str],
    y: str | None,
    tied: Mapping[str, str] | None = None,
    groups: Mapping[str, str] | None = None,
) -> Law:
    """The law from a name, a line of maths or a `Law`, with ties and groups applied."""
    for option, given in (("tied", tied), ("groups", groups)):
        if given is not None and not isinstance(given, Mapping):
            raise TypeError(f"`{option}` must be a mapping from parameters; got {abridged(given)}.")
    indices = (groups or {}).values()
    resolved = _resolve(law, frame, {v: c for v, c in columns.items() if v not in indices}, y)
    if tied:
        resolved = tie(resolved, tied)
    if groups:
        resolved = index(resolved, groups)
    return _check_columns(resolved, columns)


def _no_law(given: object) -> TypeError:
    own = getattr(given, "law", None)  # as of a fit or a published law
    hint = ": pass its `law`" if isinstance(own, Law) else ""
    return TypeError(
        f"`law` must be a name, one line of maths or a Law; got {type(given).__name__}{hint}."
    )


def _resolve(law: str | Law, frame: pd.DataFrame, columns: Mapping[str, str], y: str | None) -> Law:
    if isinstance(law, Law):
        return law
    if not isinstance(law, str):
        raise _no_law(law)
    if catalogue.looks_like_a_name(law):
        if law not in catalogue.FLEXIBLE:
            return catalogue.named(law)
        return _law(law, tuple(_variables_of(law, frame, columns)))
    parsed = parse(law)
    performance = {y, parsed.target}
    variables = [
        name
        for name in names_in(parsed.expression)
        if name in columns
        or name in STANDARD_VARIABLES
        or (name in frame.columns and name not in performance)
    ]
    if not variables:
        raise FormulaError(
            f"No name in the law {abridged(law, 200)} is a column. {col.describe_columns(frame)} "
            "Map variables to columns with columns={...}."
        )
    _refuse_lost_columns(parsed, variables, frame, performance)
    return _law(law, tuple(variables))


@lru_cache(maxsize=64)
def _law(text: str, variables: tuple[str, ...]) -> Law:
    """The law of a line of maths, or of a name that takes any variables; many tables share it."""
    if text in catalogue.FLEXIBLE:
        return catalogue.named(text, variables)
    return Law(text, variables=variables)


def _refuse_lost_columns(
    parsed: Formula,
    variables: Collection[str],
    frame: pd.DataFrame,
    performance: Collection[object],
) -> None:
    """Raise if a name that was probably meant as a column would become a parameter."""
    by_case = {str(c).lower(): str(c) for c in frame.columns}
    for name in names_in(parsed.expression):
        if name in variables:
            continue
        if name in performance and name in frame.columns:
            raise FormulaError(f"{name!r} is the performance and cannot stand in the law itself.")
        near = by_case.get(name.lower()) if len(name) > 1 else None
        usual = col.usual_variable(name)
        if near is None and usual is None:
            continue
        meant = f"the column {near!r}" if near else f"{usual} ({_describe_meaning(usual)})"
        raise FormulaError(
            f"{name!r} is not a column of the table and would become a parameter. If you mean "
            f"{meant}, write {near or usual}. {col.describe_columns(frame)}"
        )


def _describe_meaning(variable: str | None) -> str:
    """What one of the usual variables stands for."""
    return {"N": "parameters", "D": "tokens", "C": "compute"}.get(variable or "", "")


def _variables_of(law: str, frame: pd.DataFrame, columns: Mapping[str, str]) -> list[str]:
    variables = list(columns) or [v for v in STANDARD_VARIABLES if col.find_variable(frame, v)]
    if not variables:
        raise DataError(
            f"The law {law!r} needs one of N, D and C, and no column has a common name for any. "
            f"{col.describe_columns(frame)} Map variables to columns with columns={{'N': ...}}."
        )
    return variables


def _check_columns(law: Law, columns: Mapping[str, str]) -> Law:
    known = (*law.variables, *law.group_columns)
    for variable in columns:
        if variable not in known:
            raise ValueError(
                f"`columns` names {variable!r}, which is no variable of the law; "
                f"the variables are {', '.join(known)}."
            )
    return law


def check_fixed(law: Law, fixed: Mapping[str, float] | None) -> dict[str, float]:
    """Values of the fixed parameters, checked against their ranges."""
    held: dict[str, float] = {}
    of_name = {p.name: p for p in law.parameters}
    for name, value in _by_parameter(law, "fixed", fixed or {}).items():
        parameter = of_name[name]
        if not is_number(value):
            raise TypeError(f"`fixed` must hold {name} at a number; got {abridged(value)}.")
        if not (parameter.lower <= value <= parameter.upper and abs(value) < np.inf):
            raise ValueError(
                f"`fixed` holds {name} at {abridged(value)}, outside its range from "
                f"{parameter.lower:g} to {parameter.upper:g}; widen the range with `bounds`."
            )
        held[name] = float(value)
    if len(held) == len(law.parameters):
        raise ValueError("`fixed` holds every parameter, so no parameter is left to estimate.")
    return held


def check_start(law: Law, start: Mapping[str, float] | None) -> dict[str, float] | None:
    """A finite start for every parameter; values outside the range are moved into it later."""
    if start is None:
        return None
    start = _by_parameter(law, "start", start)
    missing = [name for name in law.parameter_names if name not in start]
    if missing:
        raise ValueError(f"`start` needs a value for each parameter; {', '.join(missing)} missing.")
    for p in law.parameters:
        value = start[p.name]
        if not is_number(value) or not abs(value) < np.inf:
            raise ValueError(f"`start` of {p.name} must be a finite number; got {abridged(value)}.")
        if p.positive and not value > 0:
            raise ValueError(f"`start` of {p.name} must be positive; got {abridged(value)}.")
    return {name: float(value) for name, value in start.items()}


def _by_parameter(law: Law, option: str, given: object) -> dict[str, Any]:
    """The value of an option for each parameter.

    Raises
    ------
    TypeError, ValueError
        If it is no mapping, or names something else.
    """
    if not isinstance(given, Mapping):
        raise TypeError(f"`{option}` must map parameters to numbers; got {abridged(given)}.")
    for name in given:
        if name not in law.parameter_names and name not in law.symbols:
            raise ValueError(
                f"`{option}` names {abridged(name)}, which is no parameter of the law; "
                f"the parameters are {listed(list(law.parameter_names), most=20)}."
            )
    return law.for_each(given)


def check_bounds(law: Law, bounds: Mapping[str, tuple[float, float]] | None) -> Law:
    """The law with these ranges."""
    if bounds is not None and not isinstance(bounds, Mapping):
        raise TypeError(f"`bounds` must map parameters to (low, high); got {abridged(bounds)}.")
    return law.with_bounds(bounds) if bounds else law


def choose_method(
    law: Law,
    method: str,
    objective: str,
    scale: str,
    bounds: object,
    start: object,
) -> str:
    """The method; "auto" is log-linear if it applies and the other options allow it."""
    reason = why_not_log_linear(law)
    plain = objective in ("auto", "squared") and scale == "log" and not bounds and start is None
    if method == "auto":
        return "log-linear" if reason is None and plain else "nls"
    if method == "nls":
        return method
    if reason is not None:
        raise FitError(f"method='log-linear' cannot fit {law.label!r}: {reason}. Use method='nls'.")
    if not plain:
        raise ValueError(
            "method='log-linear' is least squares in logarithms: it supports objective='squared', "
            "scale='log', and no bounds or start. Use method='nls' for other options."
        )
    return method


def choose_objective(method: str, objective: str) -> ObjectiveName:
    """The loss that "auto" stands for."""
    if objective == "auto":
        return "squared" if method == "log-linear" else "huber"
    return objective  # type: ignore[return-value]


def check_count(law: Law, table: RunTable, fixed: Mapping[str, float]) -> None:
    """Raise if there are fewer runs than free parameters."""
    n_free = len(law.parameters) - len(fixed)
    n_used = int((table.weights > 0).sum())
    if n_used < n_free:
        raise DataError(
            f"{n_used} run{'s' if n_used != 1 else ''} cannot determine {n_free} coefficients of "
            f"the law {law.label!r}. Add runs, fix some with `fixed`, or fit a law with fewer "
            "parameters."
        )
    for column in law.group_columns:
        _check_groups(law, column, table, fixed)


def _check_groups(law: Law, column: str, table: RunTable, fixed: Mapping[str, float]) -> None:
    """Raise if a group has fewer runs than separate parameters."""
    labels = table.labels[column][table.weights > 0]
    counts = dict(
        zip(
            labels.categories,
            np.bincount(labels.codes, minlength=len(labels.categories)),
            strict=True,
        )
    )
    symbols = [symbol for symbol, index in law.groups.items() if index == column]
    for level, n in counts.items():
        separate = [name for name in (member(s, level) for s in symbols) if name not in fixed]
        if n < len(separate):
            raise DataError(
                f"{plural(int(n), 'run')} with {column} = {level!r} cannot determine "
                f"{listed(separate)}. Add runs, drop the group, share a parameter between the "
                "groups, or fix one with `fixed`."
            )
