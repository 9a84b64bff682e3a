"""Recipes compared: how much less compute one needs than another, and whether that grows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from scalinglaws.arrays import FloatArray
from scalinglaws.core.law import Law
from scalinglaws.errors import DataError, FitError
from scalinglaws.fitting.diagnostics.status import Status
from scalinglaws.fitting.fit import fit as fit_law
from scalinglaws.fitting.result import Fit
from scalinglaws.fitting.tables import columns as col
from scalinglaws.numerals import listed
from scalinglaws.options import check_option, generator_of
from scalinglaws.planning.compute_multiplier import Gain, Gains
from scalinglaws.planning.cost import SIX, Cost, cost_of
from scalinglaws.planning.plan import Plan
from scalinglaws.planning.pooling import DUMMY, fit_with_levels, pooling_tests
from scalinglaws.planning.sampled_law import (
    DEFAULT_RESAMPLES,
    LawWithValues,
    Rng,
    check_fit,
    numbers,
    sample_of,
)
from scalinglaws.planning.select_group import OneGroup

SHARED = ("nothing", "exponents")


def gain(
    baseline: LawWithValues,
    recipe: LawWithValues,
    *,
    C: Any,
    cost: Cost = SIX,
    recipe_cost: Cost | None = None,
    confidence_level: float | None = None,
    n_resamples: int = DEFAULT_RESAMPLES,
    rng: Rng = 0,
    **variables: Any,
) -> Gain:
    """How much less compute a recipe needs to perform as another does.

    Parameters
    ----------
    baseline, recipe : Fit, published law or OneGroup
        Of the same performance: fitted to separate runs, or two groups of one fit
        (:func:`scalinglaws.planning.one_group`).
    C : number or array
        Compute of the baseline, in increasing order.
    cost, recipe_cost : number, callable or Fit
        What a run costs, as in :func:`scalinglaws.optimal`; the same for both by default.
    confidence_level, n_resamples, rng
        Level of the intervals, the number of joint draws, and their seed. Two fits are drawn
        independently of each other, two groups of one fit together.
    **variables
        Values of the laws' other variables; a law that has no such variable does without.

    Returns
    -------
    Gain

    Raises
    ------
    FitError
        If either law has no compute-optimal division.

    Notes
    -----
    Both recipes are trained compute-optimally: the gain is ``C1*(L)/C2*(L)`` at the loss that the
    baseline reaches (an equivalent-compute multiplier). It depends on scale unless both frontiers
    fall with the same exponent towards the same floor.

    Examples
    --------
    >>> import scalinglaws as sl
    >>> runs = sl.datasets.ladder()
    >>> fit = sl.fit(runs[runs["D"] > 1.5e6], "kaplan")
    >>> print(sl.gain(fit, fit, C=[1e12, 1e13]).table["gain"].round(6).tolist())
    [1.0, 1.0]
    """
    check_fit(baseline)
    check_fit(recipe)
    known = {*baseline.law.variables, *recipe.law.variables}
    if unknown := [name for name in variables if name not in known]:
        raise ValueError(f"Neither law has the variable {unknown[0]!r}.")
    generators = _generators(baseline, recipe, rng)
    budgets = np.sort(numbers("C", C))
    frontiers = []
    costs = (cost, cost if recipe_cost is None else recipe_cost)
    for law, own, generator in zip((baseline, recipe), costs, generators, strict=True):
        sample = sample_of(
            law, confidence_level=confidence_level, n_resamples=n_resamples, rng=generator,
            variables={k: v for k, v in variables.items() if k in law.law.variables},
            delta=False,
        )  # fmt: skip
        frontiers.append(Plan(sample, cost_of(own), {}))
    first, second = frontiers
    return _gain(first, second, budgets)


def _generators(
    baseline: LawWithValues, recipe: LawWithValues, rng: Rng
) -> tuple[np.random.Generator, np.random.Generator]:
    """The same draws for two groups of one fit, independent ones otherwise."""
    generator = generator_of(rng)
    if (
        isinstance(baseline, OneGroup)
        and isinstance(recipe, OneGroup)
        and baseline.fit is recipe.fit
    ):
        seed = int(generator.integers(2**63))
        return generator_of(seed), generator_of(seed)
    return generator, generator


def _gain(
    first: Plan,
    second: Plan,
    budgets: FloatArray,
) -> Gain:
    rows = max(first.sample.n_rows, second.sample.n_rows)  # of draws: no sample has moved rows
    best = first.at_budget(budgets[None, :])
    if not (best.end[0] == 0).all():
        raise FitError(
            f"The baseline's law {first.sample.law.label!r} has no compute-optimal division."
        )
    performance = np.broadcast_to(best.performance, (rows, len(budgets)))
    if second.sample.n_rows < rows:  # without draws of its own, the recipe is taken as it is
        second = _repeated(second, rows)
    other = second.at_performance(performance)
    with np.errstate(all="ignore"):
        ratio = budgets / other.C
    drawn = first.sample if first.sample.n_rows == rows else second.sample
    frame = pd.DataFrame({"C": budgets})
    for name, values in {
        first.sample.target: performance, "C_recipe": other.C, "gain": ratio,
    }.items():  # fmt: skip
        frame = frame.assign(**drawn.columns(name, values))
    beyond = [
        first.times_beyond(budgets),
        second.times_beyond(other.C[0]),
    ]
    frame["times_beyond"] = np.fmax(*beyond)
    frame["note"] = _notes(first, second, ratio[0])
    return Gain(frame, _growth(ratio, budgets, drawn.level), None, drawn.level)


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
    by : str
        The column that tells the recipes apart.
    law : str or Law
        As in :func:`scalinglaws.fit`.
    baseline : optional
        The value of `by` that is the first recipe; by default the first one in the table.
    shared : {"nothing", "exponents"}
        Whether the gain is that of separate laws, or of one law with the same exponents and
        coefficients of its own for each recipe: less sure of itself where exponents differ, far
        surer where they do not.
    C : number or array, optional
        Compute of the baseline; by default nine budgets over that of the runs.
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
    The tests are on least squares of log residuals; they take
    noise to be equal in all runs. A small ``p_value`` in the row "levels differ" says that the
    exponents differ too; one in the row "one law", that the recipes differ at all.

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
    col.require(frame, by, "`by`")
    values = list(pd.unique(frame[by].dropna()))
    if len(values) < 2:
        raise DataError(
            f"Recipes are compared with one another, and {by!r} has one value: "
            f"{listed([str(v) for v in values])}."
        )
    first = values[0] if baseline is None else baseline
    if first not in values:
        raise DataError(
            f"`baseline` {first!r} is no value of {by!r}: {listed(list(map(str, values)))}."
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
        budgets = _budgets(pooled, cost) if C is None else np.sort(numbers("C", C))
        found = _gain(*_pair(pooled, **asked), budgets)
        return replace(found, tests=tests, fits={"pooled": pooled})
    fits = {"baseline": alone, "recipe": fit_law(both[is_second], law, **options)}
    found = gain(*fits.values(), C=_budgets(alone, cost) if C is None else C, **asked)
    return replace(found, tests=tests, fits=fits)


def _pair(
    pooled: Fit, *, cost: Cost, confidence_level: float, n_resamples: int, rng: Rng
) -> tuple[Plan, Plan]:
    """Both recipes of a pooled law, with the same draws."""
    sample = sample_of(
        pooled, confidence_level=confidence_level, n_resamples=n_resamples, rng=rng,
        variables={DUMMY: 1.0}, delta=False,
    )  # fmt: skip
    if pooled.status is Status.WEAKLY_IDENTIFIED:  # as where recipes differ in little
        sample = replace(sample, doubt="")
    first = Plan(sample, cost_of(cost), {})
    return first, Plan(replace(sample, extra={DUMMY: 2.0}), first.cost, {})


def _budgets(fitted: Fit, cost: Cost) -> FloatArray:
    values = fitted.runs.values
    spent = cost_of(cost)(values["N"], values["D"])
    return np.geomspace(spent.min(), spent.max(), 9)


def _repeated(plan: Plan, rows: int) -> Plan:
    """The same law for every draw of the other one."""
    sample = plan.sample
    params = {name: np.repeat(values[:1], rows, axis=0) for name, values in sample.params.items()}
    return replace(plan, sample=replace(sample, params=params))


def _notes(first: Plan, second: Plan, ratio: FloatArray) -> list[str]:
    missing = [
        f"no interval of the {which}"
        for which, plan in (("baseline", first), ("recipe", second))
        if plan.sample.no_interval
    ]
    missing += [
        f"{which}: {plan.sample.doubt}"
        for which, plan in (("baseline", first), ("recipe", second))
        if plan.sample.doubt
    ]
    return ["; ".join((["the recipe never gets there"] if r == 0 else []) + missing) for r in ratio]


def _growth(ratio: FloatArray, budgets: FloatArray, level: float) -> pd.Series:
    """Exponent of the gain between the ends, and its interval over the draws."""
    if len(budgets) < 2:
        return pd.Series({"exponent": np.nan, "low": np.nan, "high": np.nan}, name="growth")
    with np.errstate(all="ignore"):
        exponent = np.log(ratio[:, -1] / ratio[:, 0]) / np.log(budgets[-1] / budgets[0])
    low = high = np.nan
    if len(exponent) > 1:
        drawn, tail = exponent[1:], 0.5 * (1 - level)
        low = float(np.quantile(np.where(np.isnan(drawn), -np.inf, drawn), tail, method="lower"))
        high = float(
            np.quantile(np.where(np.isnan(drawn), np.inf, drawn), 1 - tail, method="higher")
        )
    return pd.Series({"exponent": exponent[0], "low": low, "high": high}, name="growth")
