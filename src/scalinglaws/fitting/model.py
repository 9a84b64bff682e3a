"""A law bound to a table: residuals, gradient and Hessian for a batch of parameter vectors.

Parameters are worked on in their natural form, positive ones as logarithms. A coefficient of
exactly zero is a logarithm of minus infinity. Every row of a batch has its own parameter vector and
its own weights; all share the table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from scalinglaws.fitting.objective import BoolArray, FloatArray, Loss

# Elements of one (batch, rows) work array: 512 kB of float64, so that a dozen stay in cache.
_BLOCK = 65_536


@dataclass
class Sums:
    """Objective, gradient, Hessian and majorising Hessian of each row of a batch.

    The majorising Hessian is that of iteratively reweighted least squares: positive semidefinite.
    """

    value: FloatArray
    gradient: FloatArray
    hessian: FloatArray
    majorised: FloatArray


class Model(Protocol):
    """What the solver asks of a law bound to a table."""

    n_parameters: int
    n_rows: int
    magnitude: float  # what rounding of the residuals is relative to

    @property
    def metric(self) -> FloatArray | None:
        """Quadratic form that measures steps, if the model has one of its own."""

    def stacked_slopes(self) -> FloatArray | None:
        """Slopes of every term's logarithm at every run, where the law has such terms."""

    def residuals(self, theta: FloatArray) -> FloatArray:
        """Residuals of each row of a batch, shape (batch, rows)."""

    def jacobian(self, theta: FloatArray) -> FloatArray:
        """Derivatives of the residuals in one parameter vector, shape (rows, parameters)."""

    def sums(
        self, theta: FloatArray, weights: FloatArray, loss: Loss, *, majorised: bool = True
    ) -> Sums:
        """Objective and its derivatives; `weights` has shape (batch, rows) or (1, rows).

        The majorising Hessian is left at zero where it is not wanted.
        """


def magnitude_of(target: FloatArray, *, logarithms: bool) -> float:
    """Size that rounding is relative to; a logarithm near zero still has terms of order one."""
    largest = float(np.abs(target).max())
    return max(1.0, largest) if logarithms else largest


def to_natural(theta: FloatArray, positive: BoolArray) -> FloatArray:
    """Natural values from working values."""
    with np.errstate(over="ignore"):
        return np.where(positive, np.exp(np.where(positive, theta, 0.0)), theta)


class BlockSums(Protocol):
    """Sums over one block of rows."""

    def __call__(
        self, theta: FloatArray, weights: FloatArray, loss: Loss, majorised: bool, rows: slice, /
    ) -> Sums:
        """Sums over `rows`; `weights` is cut to them already."""


def in_blocks(
    sums_of_block: BlockSums,
    theta: FloatArray,
    weights: FloatArray,
    loss: Loss,
    majorised: bool,
    n_rows: int,
) -> Sums:
    """Add up over blocks of rows, a cache-sized part of the batch at a time."""
    n_batch, p = theta.shape
    total = Sums(
        np.zeros(n_batch),
        np.zeros((n_batch, p)),
        np.zeros((n_batch, p, p)),
        np.zeros((n_batch, p, p)),
    )
    step_rows = min(n_rows, _BLOCK)
    step_batch = max(1, _BLOCK // step_rows)
    for first in range(0, n_batch, step_batch):
        batch = slice(first, first + step_batch)
        own = weights[batch] if len(weights) > 1 else weights
        for start in range(0, n_rows, step_rows):
            rows = slice(start, start + step_rows)
            part = sums_of_block(theta[batch], own[:, rows], loss, majorised, rows)
            total.value[batch] += part.value
            total.gradient[batch] += part.gradient
            total.hessian[batch] += part.hessian
            total.majorised[batch] += part.majorised
    return total
