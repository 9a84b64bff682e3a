"""Laws in one variable, at their estimate and at joint draws: value and inverse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from scalinglaws.arrays import FloatArray
from scalinglaws.core.law import Law
from scalinglaws.fitting.inference.inverse import OpenVariable, open_variable
from scalinglaws.fitting.inference.predict import warn_if_far
from scalinglaws.planning.law_with_values import LawWithValues, Rng, refuse_groups, target_of
from scalinglaws.planning.plan import Optimum
from scalinglaws.planning.root_finding import root
from scalinglaws.planning.sampled_law import SampledLaw, sample_at

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
