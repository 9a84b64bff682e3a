"""The scale of a fit's residuals, from which the Huber threshold is taken."""

from __future__ import annotations

import numpy as np

from scalinglaws.arrays import FloatArray, IntArray
from scalinglaws.fitting.solver.objective import robust_scale
from scalinglaws.fitting.solver.problem import Problem
from scalinglaws.fitting.tables.chunks import is_large, spread_rows

# Rounding of a residual, relative to what it is rounded at.
_ROUNDING = 1e-14
# Decimals to which performances may have been rounded, and the relative error of binary numbers.
_DECIMALS, _BINARY = range(-3, 9), 1e-15


class ResidualScale:
    """Standard deviation of residuals, never below that of their rounding.

    Copies of a run count once: a law that meets one of them meets all, and the zeros of a few
    copied runs are no sign of small noise.

    Parameters
    ----------
    problem : Problem
    magnitude : what rounding of the residuals is relative to
    """

    def __init__(self, problem: Problem, magnitude: float) -> None:
        self._rows = _distinct(problem)
        self._weights = problem.weights if self._rows is None else problem.weights[self._rows]
        self.least = max(_ROUNDING * magnitude, _rounding_error(problem))

    def robust(self, residuals: FloatArray, n_parameters: int, *, overwrite: bool = False) -> float:
        """From the median of absolute residuals, which a few outliers do not move."""
        own = residuals if self._rows is None else residuals[self._rows]
        scale = robust_scale(own, self._weights, n_parameters, overwrite=overwrite)
        return max(scale, self.least)

    def root_mean_square(self, residuals: FloatArray, n_parameters: int) -> float:
        """From the mean of squared residuals."""
        own = residuals if self._rows is None else residuals[self._rows]
        n = int(np.count_nonzero(self._weights))
        mean = float(self._weights @ (own * own)) / float(self._weights.sum())
        return max(float(np.sqrt(mean * n / max(n - n_parameters, 1))), self.least)


def _distinct(problem: Problem) -> IntArray | None:
    """One row of each set of equal ones; None where all differ, and for large tables."""
    n = len(problem.y)
    if is_large(n) or len(np.unique(problem.y)) == n:
        return None
    columns = [np.unique(column, return_inverse=True)[1] for column in problem.columns.values()]
    table = np.column_stack([*columns, problem.y, problem.weights])
    rows = np.unique(table, axis=0, return_index=True)[1]
    return None if len(rows) == n else np.sort(rows)


def _rounding_error(problem: Problem) -> float:
    """Standard deviation of the rounding of the performances to a few decimals, if they are."""
    y = problem.y[spread_rows(len(problem.y))]
    for decimals in _DECIMALS:
        scaled = y * 10.0**decimals
        if np.all(np.abs(scaled - np.round(scaled)) <= _BINARY * scaled):
            unit = 10.0**-decimals
            return float(unit / np.sqrt(12.0) / (np.median(y) if problem.scale == "log" else 1.0))
    return 0.0
