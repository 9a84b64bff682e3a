"""Compute multipliers: how much less one recipe needs than another for the same loss.

Of compute for laws in N and D or in C; of data or parameters for laws in D or N alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from scalinglaws.arrays import FloatArray
from scalinglaws.core.law import Law
from scalinglaws.errors import FitError
from scalinglaws.fitting.inference.inverse import OpenVariable, open_variable
from scalinglaws.fitting.inference.predict import warn_if_far
from scalinglaws.fitting.tables.points import positive_numbers
from scalinglaws.options import generator_of
from scalinglaws.planning.cost import SIX, Cost, cost_of
from scalinglaws.planning.gain_results import Gain
from scalinglaws.planning.law_with_values import (
    LawWithValues,
    OneGroup,
    Rng,
    check_fit,
    refuse_groups,
    target_of,
)
from scalinglaws.planning.plan import Optimum, Plan
from scalinglaws.planning.root_finding import root
from scalinglaws.planning.sampled import DEFAULT_RESAMPLES
from scalinglaws.planning.sampled_law import SampledLaw, sample_at, sample_of

_USUAL = ("C", "D", "N")


@dataclass(frozen=True)
class SingleVariable:
    """A law along its one variable, with the verbs of a `Plan`: the variable is the budget.

    Attributes
    ----------
    sample : the law with draws; `sign` is +1 where the performance falls along the variable
    open : the variable, and where its values are looked for
    """

    sample: SampledLaw
    open: OpenVariable

    @property
    def variable(self) -> str:
        """Its name."""
        return self.open.name

    def value(self, x: FloatArray) -> FloatArray:
        """Performance at amounts of the variable, shape (1 or rows, points)."""
        found = self.sample.law.value(self.sample.params, self.open.columns(x))
        return np.broadcast_to(found, (self.sample.n_rows, x.shape[-1]))

    def at_budget(self, amounts: FloatArray) -> Optimum:
        """The performance with amounts of the variable, shape (1 or rows, points)."""
        with np.errstate(all="ignore"):
            return self._as_optimum(amounts, self.value(amounts))

    def at_performance(self, wanted: FloatArray) -> Optimum:
        """The amount that reaches each performance: zero where any does, infinite where none."""
        wanted = np.broadcast_to(wanted, (self.sample.n_rows, wanted.shape[-1]))
        low, high = (np.full(wanted.shape, np.log(end)) for end in self.open.x[[0, -1]])

        def excess(log_x: FloatArray) -> FloatArray:
            return np.asarray(self.sample.sign * (self.value(np.exp(log_x)) - wanted))

        with np.errstate(all="ignore"):
            found = np.exp(root(excess, low, high))
            found = np.where(excess(high) > 0, np.inf, np.where(excess(low) < 0, 0.0, found))
        return self._as_optimum(found, wanted)

    def _as_optimum(self, amounts: FloatArray, performance: FloatArray) -> Optimum:
        amounts = np.broadcast_to(amounts, performance.shape)
        missing = np.full(performance.shape, np.nan)
        return Optimum(amounts, missing, missing, performance, np.zeros(performance.shape))

    def times_beyond(self, amounts: FloatArray) -> FloatArray:
        """Amounts relative to the largest of the runs; missing for a law without runs."""
        largest = self.open.inside[1]
        if not np.isfinite(largest):
            return np.full(amounts.shape, np.nan)
        beyond = np.asarray(amounts / largest)
        warn_if_far(beyond[np.isfinite(beyond)])
        return beyond


def single_variable(law: Law) -> str | None:
    """The variable along which a law is inverted; None for a law in N and D.

    C, D or N where the law has it, also with further variables; else its only variable.
    """
    if {"N", "D"} <= set(law.variables):
        return None
    usual = [name for name in _USUAL if name in law.variables]
    return usual[0] if usual else law.variables[0]


def single_variable_plan(
    fit: LawWithValues,
    *,
    variables: Mapping[str, Any],
    confidence_level: float | None,
    n_resamples: int,
    rng: Rng,
) -> SingleVariable:
    """The law of a fit along its one variable.

    Raises
    ------
    ValueError
        If it is the law of several groups, or another variable has no value.
    FitError
        If the law turns among the runs.
    """
    refuse_groups(fit)
    runs = getattr(fit, "runs", None)
    names = {name: name for name in fit.law.variables} if runs is None else runs.columns
    along = open_variable(
        fit.law, names, variables, {} if runs is None else runs.values, None, target_of(fit)
    )
    sample = sample_at(
        fit, {}, confidence_level=confidence_level, n_resamples=n_resamples, rng=rng, delta=False
    )
    alone = SingleVariable(sample.estimate, along)
    with np.errstate(all="ignore"):
        x, falls = along.monotone(alone.value(along.x[None])[0])
    return SingleVariable(replace(sample, sign=1.0 if falls else -1.0), replace(along, x=x))


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
