"""How the rows that a search ended with stand to its winner: higher minima, rivals and ties."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scalinglaws.arrays import BoolArray, FloatArray
from scalinglaws.fitting.solver.build_model import OTHER_DIVISION, same_everywhere, term_shares
from scalinglaws.fitting.solver.model import to_natural
from scalinglaws.fitting.solver.problem import Problem, Rivals, Solution

# Two minima are the same one when their objectives agree to this, relative.
SAME_MINIMUM = 1e-9
# Minima that are told apart are higher by this, relative.
_HIGHER = 1e-6
# Minima within this factor of the best are remembered, up to so many.
_NEARLY, _MOST_RIVALS = 1.1, 6
# An exponent of this size makes its term a constant.
_CONSTANT = 1e-3


@dataclass(frozen=True)
class MinimaComparison:
    """Where the rows of a search ended.

    Attributes
    ----------
    problem : Problem
    solution : Solution
    free : (rows, parameters)
        Which parameters could move.
    winner : the best row
    rounding : objective of residuals at rounding level
    """

    problem: Problem
    solution: Solution
    free: BoolArray
    winner: int
    rounding: float

    def n_minima(self, settled: FloatArray) -> int:
        """The winner, and each higher minimum once, from the objectives of rows that settled."""
        count, limit = 1, self.solution.value[self.winner]
        for height in np.sort(settled[settled >= limit]):
            if height > limit + _HIGHER * abs(limit) + self.rounding:
                count, limit = count + 1, height
        return count

    def rivals(self) -> Rivals:
        """Minima nearly as low as the winner, each once: on other runs they might be lower."""
        value, theta, winner = self.solution.value, self.solution.theta, self.winner
        natural = to_natural(theta, self.problem.positive)
        limit = value[winner] * _NEARLY + self.rounding
        same = np.isclose(natural, natural[winner], rtol=1e-5, atol=0.0, equal_nan=True)
        others = np.flatnonzero((value <= limit) & ~same.all(axis=1))
        if not len(others):
            return Rivals(theta[others], self.free[others])
        seen = [(value[winner], self._shares(natural[winner]))]
        rows: list[int] = []
        for row in others[np.argsort(value[others])]:
            if len(rows) == _MOST_RIVALS:
                break
            shares = self._shares(natural[row])
            if all(
                abs(value[row] - v) > _HIGHER * v or np.abs(shares - s).max() > OTHER_DIVISION
                for v, s in seen
            ):
                seen.append((value[row], shares))
                rows.append(int(row))
        return Rivals(theta[rows], self.free[rows])

    def alternatives(self) -> FloatArray:
        """Natural values of the rows that are as low as the winner but divide the law otherwise."""
        value, winner = self.solution.value, self.winner
        ties = np.flatnonzero(value <= value[winner] * (1 + SAME_MINIMUM) + self.rounding)
        natural = to_natural(self.solution.theta, self.problem.positive)
        kept: list[FloatArray] = []
        exponents = np.array([p.role == "exponent" for p in self.problem.law.parameters])
        same = np.isclose(natural[ties], natural[winner], rtol=1e-6, equal_nan=True).all(axis=1)
        for row in ties[~same]:
            if np.any(exponents & self.free[row] & (np.abs(natural[row]) < _CONSTANT)):
                continue  # a term that is constant only repeats the floor
            mirrored = (self.free[row] == self.free[winner]).all()
            if mirrored and same_everywhere(
                self.problem.law, self.problem.columns, natural[row], natural[winner]
            ):
                continue  # exchangeable terms under other names
            if self._is_other(natural[row], [natural[winner], *kept]):
                kept.append(natural[row])
        return np.array(kept).reshape(len(kept), natural.shape[1])

    def _is_other(self, natural: FloatArray, known: Sequence[FloatArray]) -> bool:
        """Whether it divides the law otherwise than each of those known."""
        own = self._shares(natural)
        return all(np.abs(own - self._shares(one)).max() > OTHER_DIVISION for one in known)

    def _shares(self, natural: FloatArray) -> FloatArray:
        return term_shares(self.problem.law, self.problem.columns, natural)


def smallest_curvature(hessian: FloatArray, free: BoolArray) -> float:
    """Smallest eigenvalue of the Hessian of what moved, scaled to a unit diagonal."""
    own = hessian[np.ix_(free, free)]
    if not len(own) or not np.all(np.diag(own) > 0):
        return 0.0
    size = np.sqrt(np.diag(own))
    scaled = own / size[:, None] / size
    return float(np.linalg.eigvalsh(scaled)[0]) if np.isfinite(scaled).all() else 0.0
