"""Group effects: whether residuals differ between the levels of a column that the law ignores.

An F test of the levels' means of the scores, with the directions of the parameters and a quadratic
surface in the variables projected out: a law of the wrong shape is not taken for a group effect.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from scalinglaws.arrays import FloatArray, IntArray
from scalinglaws.fitting.diagnostics.trend import Residuals, residuals_of, unit_means
from scalinglaws.fitting.record import FitRecord

_LEVEL, _LEAST_SHARE = 1e-3, 0.25


@dataclass(frozen=True)
class GroupEffect:
    """A column between whose levels the runs differ.

    Attributes
    ----------
    column : str
    n_levels : int
    p_value : float
        Of the F test of no difference.
    share : float
        Adjusted share of the variance of the residuals that the levels explain.
    """

    column: str
    n_levels: int
    p_value: float
    share: float


def group_effects(fit: FitRecord) -> list[GroupEffect]:
    """Significant and large effects of the factors of a fitted table, the largest share first."""
    factors = fit.runs.factors
    residuals = residuals_of(fit) if factors else None
    return [] if residuals is None else effects_in(residuals, factors)


def effects_in(residuals: Residuals, factors: Mapping[str, IntArray]) -> list[GroupEffect]:
    """Effects of factors, which have a level for each row of the table."""
    tested = (_effect(residuals, name, codes[residuals.used]) for name, codes in factors.items())
    clear = [
        effect
        for effect in tested
        if effect and effect.p_value < _LEVEL / len(factors) and effect.share > _LEAST_SHARE
    ]
    return sorted(clear, key=lambda effect: -effect.share)


def _effect(residuals: Residuals, column: str, codes: IntArray) -> GroupEffect | None:
    """The test of one factor; None if a variable determines its levels, or runs are too few."""
    levels, codes = np.unique(codes, return_inverse=True)
    indicators = unit_means((codes[:, None] == np.arange(len(levels))) * 1.0, residuals.clusters)
    if len(levels) < 2 or _is_nested(residuals.variables, indicators):
        return None
    test = residuals.f_test(indicators, beyond=residuals.surface)
    return None if test is None else GroupEffect(column, len(levels), *test)


def _is_nested(variables: FloatArray, indicators: FloatArray) -> bool:
    """Whether some variable has a single value in each level, and not the same in all."""
    level = indicators.argmax(axis=1)
    first = np.zeros((indicators.shape[1], variables.shape[1]))
    first[level] = variables
    single = (first[level] == variables).all(axis=0)
    return bool((single & (np.ptp(variables, axis=0) > 0)).any())
