"""Training recipes compared from one table of runs: multipliers, and tests of pooled laws."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy.special import fdtrc

from scalinglaws.core.groups import distinct_labels, warn_of_look_alikes
from scalinglaws.core.law import Law
from scalinglaws.errors import DataError, IdentifiabilityWarning, no_warnings
from scalinglaws.fitting.arguments import resolve_law
from scalinglaws.fitting.diagnostics.checks import Status
from scalinglaws.fitting.fit import fit as fit_law
from scalinglaws.fitting.result import Fit
from scalinglaws.fitting.tables import columns as col
from scalinglaws.fitting.tables.points import positive_numbers
from scalinglaws.numerals import abridged, listed
from scalinglaws.options import check_option, generator_of
from scalinglaws.planning.compute_multiplier import (
    Frontier,
    frontier_of,
    gain,
    gain_of,
    single_variable,
)
from scalinglaws.planning.cost import SIX, Cost, cost_of
from scalinglaws.planning.gain_results import Gain, Gains
from scalinglaws.planning.law_with_values import Rng
from scalinglaws.planning.sampled import DEFAULT_RESAMPLES

SHARED = ("nothing", "exponents")
# A column that is 1 for the first recipe and 2 for the second.
DUMMY = "second_recipe"


def compare_recipes(
    runs: Any,
    by: str,
    law: str | Law = "chinchilla",
    *,
    baseline: Any = None,
    shared: Literal["nothing", "exponents"] = "nothing",
    C: Any = None,
    y: str | None = None,
    columns: Mapping[str, str] | None = None,
    cost: Cost = SIX,
    confidence_level: float = 0.95,
    n_resamples: int = DEFAULT_RESAMPLES,
    rng: Rng = 0,
) -> Gain | Gains:
    """Compare recipes whose runs are in one table.

    Parameters
    ----------
    runs : DataFrame
        One row per run, with the variables of the law and the performance.
    by : str
        Column with the recipe of each run.
    law : str or Law
        As in :func:`scalinglaws.fit`.
    baseline : optional
        The value of `by` that is the first recipe; by default the first one in the table.
    shared : {"nothing", "exponents"}
        Compare separate laws, or one law with shared exponents and separate coefficients. The
        latter is biased where exponents differ, and far more precise where they do not.
    C : number or array, optional
        Compute of the baseline; by default nine budgets over that of the runs, or nine values of
        the variable of a law in one other variable alone.
    y, columns
        As in :func:`scalinglaws.fit`.
    cost, confidence_level, n_resamples, rng
        As in :func:`scalinglaws.gain`.

    Returns
    -------
    Gain
        For two recipes; for more a :class:`Gains`, with one for each recipe against the first.
        With ``tests``: one law for both recipes ("one law"), shared exponents with coefficients of
        its own for each ("levels differ"), and separate laws; the number of parameters, residual
        sum of squares, AICc, and ``p_value`` of an F test against the next richer one.

    Raises
    ------
    DataError
        If `by` has one value only, or one of them too few runs.

    Notes
    -----
    The tests use least squares of log residuals and assume equal noise in all runs. A small
    ``p_value`` in the row "one law" is evidence that the recipes differ; one in the row "levels
    differ", that their exponents differ.

    Examples
    --------
    >>> import pandas as pd, scalinglaws as sl
    >>> runs = sl.datasets.ladder()
    >>> runs = runs[runs["D"] > 1.5e6]
    >>> worse = runs.assign(loss=1.02 * runs["loss"] * (1 + 1e-4 * (runs["seed"] % 2)))
    >>> both = pd.concat([worse.assign(recipe="old"), runs.assign(recipe="new")])
    >>> found = sl.compare_recipes(both, "recipe", "kaplan", C=[1e12, 1e13])
    >>> bool((found.table["gain"] > 1).all())
    True
    """
    check_option("shared", shared, SHARED)
    frame = col.as_frame(runs)
    values = distinct_labels(col.one_column(frame, col.require(frame, by, "`by`")), by)[1]
    warn_of_look_alikes(values, by)
    if len(values) < 2:
        raise DataError(
            f"Recipes are compared with one another, and {by!r} has one value: "
            f"{listed([str(v) for v in values])}."
        )
    first = values[0] if baseline is None else baseline
    if not pd.api.types.is_scalar(first) or pd.isna(first) or first not in values:
        raise DataError(
            f"`baseline` {abridged(first)} is no value of {by!r}: {listed(list(map(str, values)))}."
        )
    options: dict[str, Any] = {"y": y, "columns": columns, "confidence_level": confidence_level}
    asked: dict[str, Any] = {
        "cost": cost, "confidence_level": confidence_level, "n_resamples": n_resamples, "rng": rng,
    }  # fmt: skip
    alone = fit_law(frame[frame[by] == first], law, **options) if shared == "nothing" else None
    found = {}
    for second in values:
        if second != first:
            pair = frame[frame[by].isin([first, second])]
            found[str(second)] = _two_recipes(
                pair, pair[by] == second, law, alone, C=C, options=options, asked=asked
            )
    return next(iter(found.values())) if len(found) == 1 else Gains(str(first), found)


def _two_recipes(
    both: pd.DataFrame,
    is_second: pd.Series,
    law: str | Law,
    alone: Fit | None,
    *,
    C: Any,
    options: dict[str, Any],
    asked: dict[str, Any],
) -> Gain:
    """A table of two recipes; `alone` is the baseline's own law, where exponents are not shared."""
    tests = pooling_tests(both, is_second, law, options)
    cost = asked["cost"]
    if alone is None:
        pooled = fit_with_levels(both, is_second, law, options)
        amounts = _amounts(pooled, cost, C)
        budgets = np.sort(positive_numbers(*next(iter(amounts.items()))))
        found = gain_of(*_pair(pooled, **asked), budgets)
        return replace(found, tests=tests, fits={"pooled": pooled})
    fits = {"baseline": alone, "recipe": fit_law(both[is_second], law, **options)}
    found = gain(alone, fits["recipe"], **{**asked, **_amounts(alone, cost, C)})
    return replace(found, tests=tests, fits=fits)


def _pair(
    pooled: Fit, *, cost: Cost, confidence_level: float, n_resamples: int, rng: Rng
) -> tuple[Frontier, Frontier]:
    """Both recipes of a pooled law, with the same draws."""
    seed = int(generator_of(rng).integers(2**63))
    first, second = (
        frontier_of(
            pooled, cost=cost, confidence_level=confidence_level, n_resamples=n_resamples,
            rng=seed, variables={DUMMY: which},
        )
        for which in (1.0, 2.0)
    )  # fmt: skip
    if pooled.status is Status.WEAKLY_IDENTIFIED:  # as where recipes differ in little
        first, second = (
            replace(each, sample=replace(each.sample, doubt="")) for each in (first, second)
        )
    return first, second


def _amounts(fitted: Fit, cost: Cost, C: Any) -> dict[str, Any]:
    """What the recipes are compared at, under the name of its variable."""
    if C is not None:
        return {"C": C}
    values, name = fitted.runs.values, single_variable(fitted.law)
    used = cost_of(cost)(values["N"], values["D"]) if name is None else values[name]
    return {name or "C": np.geomspace(used.min(), used.max(), 9)}


def fit_with_levels(
    frame: pd.DataFrame, is_second: pd.Series, law: str | Law, options: Mapping[str, Any]
) -> Fit:
    """One law with the same exponents, and coefficients of its own for each recipe."""
    with warnings.catch_warnings():
        # that recipes hardly differ in some coefficient is an answer, not a fault
        warnings.simplefilter("ignore", IdentifiabilityWarning)
        return fit_law(
            _marked(frame, is_second), _with_levels(_resolved(law, frame, options)), **options
        )


def pooling_tests(
    frame: pd.DataFrame, is_second: pd.Series, law: str | Law, options: Mapping[str, Any]
) -> pd.DataFrame:
    """Each hypothesis with its sum of squares, AICc, and an F test against the next richer one."""
    table = _marked(frame, is_second)
    resolved = _resolved(law, frame, options)
    n, p = len(table), len(resolved.parameter_names)
    levels = _with_levels(resolved)
    squares = {
        "one law": (p, _squares([table], resolved, options)),
        "levels differ": (len(levels.parameter_names), _squares([table], levels, options)),
        "separate": (
            2 * p,
            _squares([table[table[DUMMY] == k] for k in (1.0, 2.0)], resolved, options),
        ),
    }
    rows = []
    names = list(squares)
    for place, name in enumerate(names):
        k, total = squares[name]
        row = {
            "hypothesis": name,
            "parameters": k,
            "sum_of_squares": total,
            "aicc": _aicc(n, k, total),
        }
        if place + 1 < len(names):
            richer, least = squares[names[place + 1]]
            spare = n - richer
            ratio = (total - least) / (richer - k) / (least / spare) if spare > 0 else np.nan
            row["p_value"] = float(fdtrc(richer - k, spare, max(ratio, 0.0)))
        rows.append(row)
    return pd.DataFrame(rows).set_index("hypothesis")


def _marked(frame: pd.DataFrame, is_second: pd.Series) -> pd.DataFrame:
    """The table with a column that is 1 for the first recipe and 2 for the second."""
    # not 0 and 1, since a variable of zero may not stand under every law
    return frame.assign(**{DUMMY: 1.0 + is_second})


def _resolved(law: str | Law, frame: pd.DataFrame, options: Mapping[str, Any]) -> Law:
    return resolve_law(law, frame, dict(options["columns"] or {}), options["y"])


def _aicc(n: int, k: int, total: float) -> float:
    """Small-sample Akaike criterion of normal noise; the noise is one more parameter."""
    estimated = k + 1
    if n <= estimated + 1:
        return np.inf
    return float(n * np.log(total / n)) + 2 * estimated * n / (n - estimated - 1)


def _with_levels(law: Law) -> Law:
    """The law with coefficients of its own for the second recipe, exponents shared."""
    formula = law.formula
    for parameter in law.parameters:
        if parameter.role != "exponent":
            name = parameter.name
            formula = re.sub(rf"\b{name}\b", f"({name}*exp({name}_second*({DUMMY} - 1)))", formula)
    return Law(formula, variables=[*law.variables, DUMMY], bounds=law.bounds)


def _squares(tables: list[pd.DataFrame], law: Law, options: Mapping[str, Any]) -> float:
    """Sum of squared log residuals of the best fit."""
    total = 0.0
    for table in tables:
        with no_warnings():  # the separate fits have said it
            fitted = fit_law(table, law, objective="squared", method="nls", **options)
        total += float((fitted.residuals**2).sum())
    return total
