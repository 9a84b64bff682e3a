"""Compute multipliers: how much less one recipe needs than another for the same loss.

Of compute for laws in N and D or in C; of data or parameters for laws in D or N alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from scalinglaws.arrays import FloatArray
from scalinglaws.errors import FitError
from scalinglaws.fitting.tables.points import positive_numbers
from scalinglaws.options import generator_of
from scalinglaws.planning.cost import SIX, Cost, cost_of
from scalinglaws.planning.gain_results import Gain
from scalinglaws.planning.law_with_values import LawWithValues, Rng, check_fit
from scalinglaws.planning.plan import Plan
from scalinglaws.planning.sampled import DEFAULT_RESAMPLES
from scalinglaws.planning.sampled_law import sample_of
from scalinglaws.planning.select_group import OneGroup
from scalinglaws.planning.single_variable import (
    SingleVariable,
    single_variable,
    single_variable_plan,
)

Frontier = Plan | SingleVariable


def gain(
    baseline: LawWithValues,
    recipe: LawWithValues,
    *,
    C: Any = None,
    cost: Cost = SIX,
    recipe_cost: Cost | None = None,
    confidence_level: float | None = None,
    n_resamples: int = DEFAULT_RESAMPLES,
    rng: Rng = 0,
    **variables: Any,
) -> Gain:
    """Compute multiplier: how much less compute a recipe needs for equal performance.

    Parameters
    ----------
    baseline, recipe : Fit, published law or OneGroup
        Of the same performance: fitted to separate runs, or two groups of one fit
        (:func:`scalinglaws.planning.one_group`).
    C : number or array
        Compute of the baseline, for laws in N and D or in C. Of laws in another variable alone,
        its amounts are given instead: ``D=[1e9, 1e10]``.
    cost, recipe_cost : number, callable or Fit
        What a run costs, as in :func:`scalinglaws.optimal`; the same for both by default. For laws
        in N and D.
    confidence_level, n_resamples, rng
        Level of the intervals, the number of joint draws, and their seed. Two fits are drawn
        independently of each other, two groups of one fit together.
    **variables
        Values of the laws' other variables; a law without such a variable ignores it.

    Returns
    -------
    Gain
        The multiplier at each compute, with intervals, and its growth.

    Raises
    ------
    FitError
        If either law has no compute-optimal division, or one in a single variable turns.
    ValueError
        If the amounts are missing, or the laws are not in the same variable.

    Notes
    -----
    Laws in N and D: both recipes are trained compute-optimally. The gain is ``C1*(L)/C2*(L)`` at
    the loss that the baseline reaches (an equivalent-compute multiplier). It depends on scale
    unless both frontiers fall with the same exponent towards the same floor.

    Laws in one variable, such as ``E + a*C**-b``: the same with the law itself in place of its
    frontier. For a floor and exponent that both share, the gain is ``(a1/a2)**(1/b)`` everywhere.
    Share a floor by fitting both recipes as groups of one fit, or give both fits the same by
    `fixed`. Two floors of their own make the gain depend on scale, and its interval wide.

    Examples
    --------
    >>> import scalinglaws as sl
    >>> runs = sl.datasets.ladder()
    >>> fit = sl.fit(runs[runs["D"] > 1.5e6], "kaplan")
    >>> print(sl.gain(fit, fit, C=[1e12, 1e13]).table["gain"].round(6).tolist())
    [1.0, 1.0]

    Two groups of one fit, with one floor and one exponent:

    >>> import numpy as np, pandas as pd
    >>> C = np.geomspace(1e18, 1e21, 8)
    >>> both = pd.DataFrame({"C": np.tile(C, 2), "recipe": np.repeat(["old", "new"], 8)})
    >>> effective = both["C"] * both["recipe"].map({"old": 1, "new": 3})
    >>> both["loss"] = 1.5 + 900 * effective**-0.15
    >>> fit = sl.fit(both, "loss ~ E + a[recipe]/C**b")
    >>> old, new = (sl.planning.one_group(fit, recipe=name) for name in ("old", "new"))
    >>> print(round(sl.gain(old, new, C=1e22).table["gain"].item(), 3))
    3.0
    """
    check_fit(baseline)
    check_fit(recipe)
    known = {*baseline.law.variables, *recipe.law.variables}
    if unknown := [name for name in variables if name not in known]:
        raise ValueError(f"Neither law has the variable {unknown[0]!r}.")
    amounts, others = _amounts(baseline, recipe, C, variables)
    generators = _generators(baseline, recipe, rng)
    costs = (cost, cost if recipe_cost is None else recipe_cost)
    first, second = (
        frontier_of(
            law, cost=own, confidence_level=confidence_level, n_resamples=n_resamples,
            rng=generator,
            variables={k: v for k, v in others.items() if k in law.law.variables},
        )
        for law, own, generator in zip((baseline, recipe), costs, generators, strict=True)
    )  # fmt: skip
    return gain_of(first, second, amounts)


def frontier_of(
    law: LawWithValues,
    *,
    cost: Cost,
    confidence_level: float | None,
    n_resamples: int,
    rng: Rng,
    variables: Mapping[str, Any],
) -> Frontier:
    """The compute-optimal frontier of a law in N and D, or a law in one variable as it is."""
    sampling: dict[str, Any] = {
        "confidence_level": confidence_level, "n_resamples": n_resamples, "rng": rng,
        "variables": variables,
    }  # fmt: skip
    if single_variable(law.law) is None:
        return Plan(sample_of(law, **sampling, delta=False), cost_of(cost), {})
    if cost is not SIX:
        raise ValueError(
            f"`cost` is for laws in N and D; {law.law.label!r} is in {single_variable(law.law)}."
        )
    return single_variable_plan(law, **sampling)


def _amounts(
    baseline: LawWithValues, recipe: LawWithValues, C: Any, variables: Mapping[str, Any]
) -> tuple[FloatArray, dict[str, Any]]:
    """Amounts of the variable that both laws share, and values of all other variables."""
    names = [single_variable(law.law) or "C" for law in (baseline, recipe)]
    if names[0] != names[1]:
        raise ValueError(
            f"The baseline's law is in {names[0]} and the recipe's in {names[1]}: a gain needs the "
            "same variable."
        )
    (name, _), others = names, dict(variables)
    given = {"C": C, **others}.get(name)
    if given is None or (C is not None and name != "C"):
        raise ValueError(f"Say at which {name} of the baseline to compare: {name}=... .")
    others.pop(name, None)
    return np.sort(positive_numbers(name, given)), others


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


def gain_of(first: Frontier, second: Frontier, budgets: FloatArray) -> Gain:
    """The multiplier of two frontiers, whose draws belong together row by row."""
    variable = first.variable if isinstance(first, SingleVariable) else "C"
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
    frame = pd.DataFrame({variable: budgets})
    for name, values in {
        first.sample.target: performance, f"{variable}_recipe": other.C, "gain": ratio,
    }.items():  # fmt: skip
        frame = frame.assign(**drawn.columns(name, values))
    beyond = [
        first.times_beyond(budgets),
        second.times_beyond(other.C[0]),
    ]
    frame["times_beyond"] = np.fmax(*beyond)
    frame["note"] = _notes(first, second, ratio[0])
    growth = _growth(ratio, budgets, drawn.level)
    return Gain(frame, growth, None, drawn.level, variable=variable)


def _repeated(plan: Frontier, rows: int) -> Frontier:
    """The same law for every draw of the other one."""
    sample = plan.sample
    params = {name: np.repeat(values[:1], rows, axis=0) for name, values in sample.params.items()}
    return replace(plan, sample=replace(sample, params=params))


def _notes(first: Frontier, second: Frontier, ratio: FloatArray) -> list[str]:
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
    return [
        "; ".join((["the recipe does not reach this performance"] if r == 0 else []) + missing)
        for r in ratio
    ]


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
