"""Linear least squares at many points of a search at once.

The terms of a law are columns there, one for each distinct value of what they depend on. Their
inner products are taken once; every set of terms is then solved from the same normal equations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scalinglaws.arrays import BoolArray, FloatArray, IntArray
from scalinglaws.fitting.solver.linear_solve import solve_positive_definite

# Columns are multiplied all with all if that is at most so many products a point searched.
_MOST_PRODUCTS = 64
RIDGE = 1e-13  # only keeps equal columns solvable


@dataclass
class Column:
    """A linear term, or the target, at each point searched.

    Attributes
    ----------
    values : (distinct points, rows)
        Scaled so that the residuals of the linear problem are those of the fit.
    of_point : (points,)
        Which of the distinct ones belongs to each point.
    shift : (distinct points,)
        Logarithm by which the term was divided.
    """

    values: FloatArray
    of_point: IntArray
    shift: FloatArray

    def times(self, other: Column) -> FloatArray:
        """Inner products over the rows, at each point."""
        n_points = len(self.of_point)
        if len(self.values) * len(other.values) <= _MOST_PRODUCTS * n_points:
            return np.asarray((self.values @ other.values.T)[self.of_point, other.of_point])
        left, right = self.values[self.of_point], other.values[other.of_point]
        return np.asarray(np.einsum("gn,gn->g", left, right))


@dataclass(frozen=True)
class NormalEquations:
    """Normal equations at each point, of columns brought to unit length.

    Attributes
    ----------
    gram : (points, terms, terms)
    right : (points, terms)
    norm : (points, terms)
        Length of each column.
    total : (points,)
        Square of the target's length.
    usable : (points, terms)
        Columns that are finite and not zero; the others stand as zeros.
    """

    gram: FloatArray
    right: FloatArray
    norm: FloatArray
    total: FloatArray
    usable: BoolArray

    @classmethod
    def of(cls, columns: Sequence[Column], target: Column) -> NormalEquations:
        """From the terms, and what they are to sum up to."""
        every = [*columns, target]
        moments = np.empty((len(target.of_point), len(every), len(every)))
        for k, left in enumerate(every):
            for m in range(k + 1):
                moments[:, k, m] = moments[:, m, k] = left.times(every[m])
        norm = np.sqrt(np.einsum("gkk->gk", moments)[:, :-1])
        with np.errstate(invalid="ignore", divide="ignore"):
            right = moments[:, :-1, -1] / norm
            gram = moments[:, :-1, :-1] / (norm[:, :, None] * norm[:, None, :])
        usable = np.isfinite(right) & np.isfinite(norm)
        gram = np.where(usable[:, :, None] & usable[:, None, :], gram, 0.0)
        gram += RIDGE * np.eye(len(columns))
        return cls(gram, np.where(usable, right, 0.0), norm, moments[:, -1, -1], usable)

    def solve(
        self, subset: Sequence[int], positive: Sequence[bool]
    ) -> tuple[FloatArray, FloatArray]:
        """Coefficients of a set of terms, the others zero, and the sum of squares that they leave.

        The sum is infinite where there is no solution, or where a coefficient that must be positive
        comes out otherwise.

        Returns
        -------
        (points, terms), (points,)
        """
        solution = np.zeros(self.right.shape)
        if not len(subset):
            return solution, self.total.copy()
        own = np.array(subset)
        right = self.right[:, own]
        scaled, ok = solve_positive_definite(self.gram[:, own[:, None], own], right)
        loss = self.total - np.einsum("gk,gk->g", scaled, right)
        fine = ok & self.usable[:, own].all(axis=1)
        fine &= ((scaled > 0) | ~np.array(positive)).all(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            solution[:, own] = scaled / self.norm[:, own]
        return solution, np.where(fine, loss, np.inf)
