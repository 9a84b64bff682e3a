"""From Huber fits with a very small threshold to the least absolute deviations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from scalinglaws.arrays import BoolArray, FloatArray, IntArray
from scalinglaws.fitting.search.compare_minima import SAME_MINIMUM
from scalinglaws.fitting.search.multistart import ROUNDING, Multistart
from scalinglaws.fitting.solver.absolute import to_vertex
from scalinglaws.fitting.solver.active_set import Vertex, descend
from scalinglaws.fitting.solver.problem import Estimate, Solution

# How much higher than the best a Huber fit may be, and how many, to be followed to a vertex.
_MAY_BE_LOWER, _MOST_VERTICES = 1.01, 8


class Vertices(Multistart):
    """Every Huber fit that may lead to the best, gone to its vertex.

    The order of the Huber fits is that of the absolute deviations only to the size of the
    threshold.

    Parameters
    ----------
    huber : Multistart
        At its minima with the smallest threshold.
    """

    def __init__(self, huber: Multistart) -> None:
        vars(self).update(vars(huber))
        self._near = float(huber.loss.delta)
        theta, value = huber.solution.theta, huber.solution.value
        heights = self._absolute_deviations(theta)
        never = np.full(len(heights), np.inf), np.zeros(len(heights), dtype=np.bool_)
        self.solution = Solution(theta.copy(), heights, *never)
        for rows in self._nearly_as_low(value):
            self.solution.put(rows, self._settled(theta[rows[0]], self.free[rows[0]]))
        winner = self._winner()
        if not self.solution.converged[winner]:
            last = self._settled(self.solution.theta[winner], self.free[winner], to_vertex)
            self.solution.put(np.array([winner]), last)

    def best(self, delta: float | None = None) -> Estimate:
        """The winner; absolute deviations have no curvature."""
        return replace(super().best(delta), curvature=np.nan)

    def _nearly_as_low(self, value: FloatArray) -> list[IntArray]:
        """Rows that may be the best without the threshold; those of one minimum together."""
        rows = np.flatnonzero(value <= np.nanmin(value) * _MAY_BE_LOWER + self._rounding())
        rows = rows[np.argsort(value[rows], kind="stable")]
        found: list[IntArray] = []
        while len(rows):
            same = (self.free[rows] == self.free[rows[0]]).all(axis=1)
            same &= value[rows] <= value[rows[0]] * (1 + SAME_MINIMUM) + self._rounding()
            found.append(rows[same])
            rows = rows[~same]
        return found[:_MOST_VERTICES]

    def _absolute_deviations(self, theta: FloatArray) -> FloatArray:
        with np.errstate(all="ignore"):
            value = np.abs(self.model.residuals(theta)) @ self.problem.weights
        return np.asarray(np.where(np.isfinite(value), value, np.inf))

    def _rounding(self) -> float:
        return float(self.problem.weights.sum() * ROUNDING * self.model.magnitude)

    def _settled(
        self, theta: FloatArray, free: BoolArray, way: Callable[..., Vertex] = descend
    ) -> Solution:
        """The vertex near a point, as the solution of a batch of one."""
        end = way(
            self.model, theta, self.problem.weights, free, self.lower, self.upper, near=self._near
        )
        return Solution(
            end.theta[None], np.array([end.value]), np.array([end.promise]),
            np.array([end.certified]),
        )  # fmt: skip
