"""F tests of the residuals for patterns: a smooth surface, and differences between groups.

The scores are tested with the directions of the parameters projected out; with clusters, their
means. `trend` tests a quadratic surface in the standardised logarithms of the variables. Real
tables nearly always have a trend, because no law is exactly right. `group_effects` tests the means
of the levels of a column that the law ignores, with that surface projected out as well: a law of
the wrong shape is not taken for a group effect.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations_with_replacement

import numpy as np
from scipy.special import fdtrc

from scalinglaws.arrays import BoolArray, FloatArray, IntArray
from scalinglaws.fitting.record import FitRecord

_TREND_LEVEL, _GROUP_LEVEL = 0.01, 1e-3
_LEAST_SHARE = 0.25  # of the variance of the residuals
_LEAST_LEFT = 1e-2  # of a direction that is tested, after projection
_ROUNDING = 1e-9  # of residuals, relative to what rounding is relative to


@dataclass(frozen=True)
class Residuals:
    """Scores of independent runs, and the directions that the fit took from them.

    Attributes
    ----------
    columns : (runs, parameters)
    scores : (runs,)
    variables : (runs, variables)
        Logarithms of the variables that vary.
    names : tuple of str
        Of the variables.
    used : (rows of the table,)
        Mask of the rows with weight.
    clusters : (rows with weight,) or None
        Cluster of each row, as an integer. The other arrays are then means over a cluster's rows.
    """

    columns: FloatArray
    scores: FloatArray
    variables: FloatArray
    names: tuple[str, ...]
    used: BoolArray
    clusters: IntArray | None

    @cached_property
    def surface(self) -> FloatArray:
        """Monomials of degree two at most in the standardised variables, shape (runs, terms)."""
        variables = self.variables
        z = (variables - variables.mean(axis=0)) / np.maximum(variables.std(axis=0), 1e-12)
        kinds = [
            list(kind)
            for degree in range(3)
            for kind in combinations_with_replacement(range(z.shape[1]), degree)
        ]
        return np.column_stack([z[:, kind].prod(axis=1) for kind in kinds])

    def f_test(
        self, tested: FloatArray, beyond: FloatArray | None = None
    ) -> tuple[float, float] | None:
        """p-value, and adjusted share of the variance, of some directions in the scores.

        Parameters
        ----------
        tested : (runs, directions)
        beyond : (runs, directions), optional
            Directions that are removed first, like those of the parameters.
        """
        size = np.maximum(np.linalg.norm(self.columns, axis=0), 1e-300)
        basis = np.linalg.qr(self.columns / size)[0]
        if beyond is not None:
            basis = np.hstack([basis, _outside(beyond, basis)])
        extra = _outside(tested, basis)
        scores = self.scores - basis @ (basis.T @ self.scores)
        dof, n_extra = len(scores) - basis.shape[1], extra.shape[1]
        if n_extra == 0 or dof - n_extra < 3:
            return None
        total, explained = float(scores @ scores), float(np.sum((extra.T @ scores) ** 2))
        if total == 0.0:
            return None
        residual = max(total - explained, 1e-300) / (dof - n_extra)
        p_value = float(fdtrc(n_extra, dof - n_extra, explained / n_extra / residual))
        return p_value, 1.0 - residual / (total / dof)


def residuals_of(fit: FitRecord) -> Residuals | None:
    """What there is to test; None where nothing varies, or there are too few runs."""
    rows = None if fit.sandwich is None else fit.sandwich.rows
    if rows is None or fit.noise <= _ROUNDING * fit.model.magnitude:
        return None
    used = fit.runs.weights > 0
    logs = {
        name: np.log(values[used])
        for name, values in fit.runs.values.items()
        if np.all(values[used] > 0) and np.ptp(values[used]) > 0
    }
    if not logs:
        return None
    clusters = None if rows.order is None else fit.runs.clusters[used]
    parts = rows.basis, rows.scores, np.column_stack(list(logs.values()))
    columns, scores, variables = (unit_means(part, clusters) for part in parts)
    return Residuals(columns, scores, variables, tuple(logs), used, clusters)


def unit_means(values: FloatArray, clusters: IntArray | None) -> FloatArray:
    """Means over the rows of each cluster; the rows themselves where they are independent."""
    if clusters is None:
        return values
    _, own, counts = np.unique(clusters, return_inverse=True, return_counts=True)
    flat = values.reshape(len(values), -1)
    sums = np.stack([np.bincount(own, column) for column in flat.T], axis=1)
    return np.asarray((sums / counts[:, None]).reshape(len(counts), *values.shape[1:]))


def _outside(columns: FloatArray, basis: FloatArray) -> FloatArray:
    """Orthonormal directions of some columns outside a basis, but for nearly none."""
    columns = columns / np.maximum(np.linalg.norm(columns, axis=0), 1e-300)
    left, singular, _ = np.linalg.svd(columns - basis @ (basis.T @ columns), full_matrices=False)
    return np.asarray(left[:, singular > _LEAST_LEFT])


# --- a smooth surface ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Trend:
    """A smooth pattern in the residuals.

    Attributes
    ----------
    p_value : float
        Of the F test of no pattern.
    share : float
        Adjusted share of the residual variance that the surface explains.
    size : float
        Typical size of the surface, in the residuals' scale.
    variables : tuple of str
    """

    p_value: float
    share: float
    size: float
    variables: tuple[str, ...]

    @property
    def is_clear(self) -> bool:
        """Significant, and a large part of the residual variance."""
        return self.p_value < _TREND_LEVEL and self.share > _LEAST_SHARE


def trend(fit: FitRecord) -> Trend | None:
    """The trend of a fit; None where there are too few runs, or none that vary."""
    residuals = residuals_of(fit)
    test = None if residuals is None else residuals.f_test(residuals.surface)
    if residuals is None or test is None:
        return None
    p_value, share = test
    return Trend(p_value, share, float(np.sqrt(max(share, 0.0))) * fit.noise, residuals.names)


# --- groups --------------------------------------------------------------------------------------


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
        if effect and effect.p_value < _GROUP_LEVEL / len(factors) and effect.share > _LEAST_SHARE
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
