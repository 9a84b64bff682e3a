"""A law bound to a table: the objective, its gradient and Hessian for a batch of parameter vectors.

Parameters are worked on in their natural form, positive ones as logarithms. A coefficient of
exactly zero is a logarithm of minus infinity. Every row of a batch has its own parameter vector,
its own weights and, if need be, its own shift of the observations; all share the table.

The table is taken in blocks of rows. A small table is one block, whose fixed tables are made once;
those of a large table are made when its turn comes and forgotten, so that they take no memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Protocol

import numpy as np

from scalinglaws.arrays import BUFFERS, BoolArray, FloatArray, IntArray
from scalinglaws.fitting.solver.objective import Loss
from scalinglaws.fitting.tables.chunks import is_large, row_blocks
from scalinglaws.options import ScaleName


@dataclass
class Sums:
    """Objective, gradient and Hessian of each row of a batch."""

    value: FloatArray
    gradient: FloatArray
    hessian: FloatArray

    def take(self, rows: IntArray | BoolArray) -> Sums:
        """Some rows of the batch."""
        return Sums(self.value[rows], self.gradient[rows], self.hessian[rows])

    def put(self, rows: IntArray | BoolArray, other: Sums) -> None:
        """Replace some rows by those of another batch."""
        self.value[rows], self.gradient[rows] = other.value, other.gradient
        self.hessian[rows] = other.hessian


class Point(Protocol):
    """A law at a batch of parameter vectors, on one block of rows."""

    residuals: FloatArray  # (batch, rows)

    def gradients(self) -> FloatArray:
        """Derivatives of the residuals, shape (batch, rows, parameters)."""

    def along(self, step: FloatArray) -> FloatArray:
        """Change of the residuals to first order in a step of each row of the batch."""

    def contract(
        self, slope: FloatArray, outer: FloatArray, *, curved: bool
    ) -> tuple[FloatArray, FloatArray]:
        """Sums over the rows: of ``slope * g``, and of ``outer * g g'``.

        With `curved`, ``slope * second derivatives`` is added to the latter. Both arrays,
        of shape (batch, rows), may be overwritten.
        """


class Block(Protocol):
    """A law on one block of rows."""

    work_size: int  # elements of a (batch, rows) array at which its work stays in the cache

    def at(self, theta: FloatArray) -> Point:
        """The law at each row of a batch; valid until the next call."""

    def slopes(self) -> FloatArray | None:
        """Slopes of every term's logarithm at every run, shape (terms * rows, parameters).

        None if the law has no such terms.
        """


class Model:
    """A law bound to a table.

    Parameters
    ----------
    make_block : from a slice of rows to the law on these rows
    n_rows, n_parameters : int
    magnitude : what rounding of the residuals is relative to
    """

    def __init__(
        self,
        make_block: Callable[[slice], Block],
        n_rows: int,
        n_parameters: int,
        magnitude: float,
    ) -> None:
        self._make = make_block
        self.n_rows, self.n_parameters, self.magnitude = n_rows, n_parameters, magnitude
        self.n_evaluations = 0  # of batches, so far

    @cached_property
    def _whole(self) -> Block:
        return self._make(slice(0, self.n_rows))

    @property
    def is_one_block(self) -> bool:
        """The table is small enough."""
        return not is_large(self.n_rows)

    def blocks(self) -> Iterator[tuple[slice, Block]]:
        """The table in blocks of rows."""
        if self.is_one_block:
            yield slice(0, self.n_rows), self._whole
            return
        for rows in row_blocks(self.n_rows):
            yield rows, self._make(rows)

    # --- one parameter vector ----------------------------------------------------------------

    def residuals(self, theta: FloatArray) -> FloatArray:
        """Residuals of each row of a batch, shape (batch, rows)."""
        found = np.empty((len(theta), self.n_rows))
        with np.errstate(all="ignore"):
            for rows, block in self.blocks():
                found[:, rows] = block.at(theta).residuals
        return found

    def jacobian(self, theta: FloatArray) -> FloatArray:
        """Derivatives of the residuals in one parameter vector, shape (rows, parameters)."""
        found = np.empty((self.n_rows, self.n_parameters))
        with np.errstate(all="ignore"):
            for rows, block in self.blocks():
                found[rows] = block.at(theta[None, :]).gradients()[0]
        return found

    def expansion(self, theta: FloatArray) -> Iterator[tuple[slice, FloatArray, FloatArray]]:
        """Rows, residuals and finite Jacobian of one parameter vector, block by block."""
        if self.is_one_block:
            rows = slice(0, self.n_rows)
            yield rows, self.residuals(theta[None, :])[0], np.nan_to_num(self.jacobian(theta))
            return
        for rows, block in self.blocks():
            with np.errstate(all="ignore"):
                point = block.at(theta[None, :])
                jacobian = point.gradients()[0]
                if not np.isfinite(jacobian).all():
                    jacobian = np.nan_to_num(jacobian)
            yield rows, point.residuals[0], jacobian

    def columns(
        self,
        theta: FloatArray,
        weights: FloatArray | None = None,
        *,
        residuals: FloatArray | None = None,
    ) -> FloatArray:
        """The Jacobian, times the roots of the weights if there are any.

        Of a large table, R of its QR decomposition: all that its columns say of each other. The
        residuals are written where there is room for them.
        """

        def weighted() -> Iterator[FloatArray]:
            for rows, own, jacobian in self.expansion(theta):
                if residuals is not None:
                    residuals[rows] = own
                yield jacobian if weights is None else jacobian * np.sqrt(weights[rows])[:, None]

        parts = weighted()
        return next(parts) if self.is_one_block else _triangle(parts)

    # --- the design ----------------------------------------------------------------------------

    @cached_property
    def design_triangle(self) -> FloatArray | None:
        """R of the slopes of every term's logarithm at every run, if the law has such terms."""
        slopes = (block.slopes() for _, block in self.blocks())
        known = (part for part in slopes if part is not None)
        triangle = _triangle(known)
        return triangle if len(triangle) else None

    @cached_property
    def metric(self) -> FloatArray | None:
        """Mean square change of the terms' logarithms, as a quadratic form of a step."""
        triangle = self.design_triangle
        return None if triangle is None else np.asarray(triangle.T @ triangle / self.n_rows)

    @cached_property
    def _inverse_metric(self) -> FloatArray:
        assert self.metric is not None
        return np.asarray(np.linalg.pinv(self.metric), dtype=np.float64)

    # --- rows of a batch, which here share the table; see `StackedModel` -------------------------

    def metrics(self, rows: IntArray) -> tuple[FloatArray, FloatArray] | None:  # noqa: ARG002
        """Metric of each of some rows of a batch, or one for all, and its pseudo-inverse."""
        return None if self.metric is None else (self.metric[None], self._inverse_metric[None])

    def rounding_loss(self, loss: Loss, relative: float) -> FloatArray:
        """Loss, for each row of a batch or one for all, of a residual of this relative size."""
        return loss.value(np.array([relative * self.magnitude]))

    def _at(
        self,
        block: Block,
        theta: FloatArray,
        loss: Loss,
        rows: IntArray | None,  # noqa: ARG002
    ) -> tuple[Point, Loss]:
        """The law and the loss at some rows of a batch."""
        return block.at(theta), loss

    # --- sums over the table -------------------------------------------------------------------

    def sums(
        self,
        theta: FloatArray,
        weights: FloatArray,
        loss: Loss,
        *,
        shifts: FloatArray | None = None,
        chosen: IntArray | None = None,
        majorise: bool = False,
    ) -> Sums:
        """Objective and its derivatives.

        Parameters
        ----------
        theta : (batch, parameters)
        weights : (batch, rows) or (1, rows)
        loss : Loss
        shifts : (batch, rows), optional
            Added to the observations of each row of the batch, in the residuals' scale.
        chosen : (batch,), optional
            Which of the weights and shifts belong to each row of the batch, in rising order.
        majorise : bool
            Give the Hessian of iteratively reweighted least squares instead of the true one: it is
            positive semidefinite, and its steps never go uphill.
        """
        n_batch, p = theta.shape
        self.n_evaluations += 1
        total = Sums(np.zeros(n_batch), np.zeros((n_batch, p)), np.zeros((n_batch, p, p)))
        with np.errstate(all="ignore"):
            for rows, block in self.blocks():
                size = max(1, block.work_size // (rows.stop - rows.start))
                for first in range(0, n_batch, size):
                    batch = slice(first, first + size)
                    own = _own(weights, chosen, batch)[:, rows]
                    shift = None if shifts is None else _own(shifts, chosen, batch)[:, rows]
                    chosen_rows = None if chosen is None else chosen[batch]
                    point, own_loss = self._at(block, theta[batch], loss, chosen_rows)
                    r = point.residuals
                    if shift is not None:
                        r -= shift
                    slope, outer = BUFFERS.like("slope", r), BUFFERS.like("outer", r)
                    total.value[batch] += own_loss.weighted(r, own, slope, outer, majorise=majorise)
                    gradient, hessian = point.contract(slope, outer, curved=not majorise)
                    total.gradient[batch] += gradient
                    total.hessian[batch] += hessian
        _mark_broken(total)
        return total

    def shorten(
        self,
        theta: FloatArray,
        step: FloatArray,
        descent: FloatArray,
        weights: FloatArray,
        loss: Loss,
        *,
        shifts: FloatArray | None = None,
        chosen: IntArray | None = None,
    ) -> FloatArray:
        """Share of a step to take where the loss has kinks that its Hessian does not see.

        The minimum along the step is sought with the residuals taken as linear: the derivative
        along it then rises from kink to kink, and two probes find its zero well enough.

        Parameters
        ----------
        theta, step : (batch, parameters)
        descent : (batch,)
            Derivative of the objective along the step, at its beginning.
        weights, shifts, chosen : as for `sums`

        Returns
        -------
        (batch,)
            Between 0 and 1; all ones for a table that is taken in blocks.
        """
        if not self.is_one_block:
            return np.ones(len(theta))
        share = np.empty(len(theta))
        size = max(1, self._whole.work_size // self.n_rows)
        with np.errstate(all="ignore"):
            for first in range(0, len(theta), size):
                batch = slice(first, first + size)
                chosen_rows = None if chosen is None else chosen[batch]
                point, own_loss = self._at(self._whole, theta[batch], loss, chosen_rows)
                shift = None if shifts is None else _own(shifts, chosen, batch)
                r, change = point.residuals, point.along(step[batch])
                if shift is not None:
                    r -= shift
                own = _own(weights, chosen, batch)
                derivative = partial(own_loss.slope_along, r, change, own)
                share[batch] = _first_zero(derivative, descent[batch])
        return share


def _own(array: FloatArray, chosen: IntArray | None, batch: slice) -> FloatArray:
    """Weights or shifts of some rows of a batch: copied only where they are not side by side."""
    if len(array) == 1:
        return array
    if chosen is None:
        return array[batch]
    places = chosen[batch]
    first, last = int(places[0]), int(places[-1]) + 1
    return array[first:last] if last - first == len(places) else array[places]


def _first_zero(derivative: Callable[[FloatArray], FloatArray], at_zero: FloatArray) -> FloatArray:
    """Where rising functions that are negative at 0 cross zero, if before 1; else 1."""
    low, high = np.zeros_like(at_zero), np.ones_like(at_zero)
    below, above = at_zero, derivative(high)
    crosses = (below < 0) & (above > 0)
    if not crosses.any():
        return high
    probe = np.where(crosses, below / (below - above), 1.0)
    there = derivative(probe)
    before = there <= 0
    low, below = np.where(before, probe, low), np.where(before, there, below)
    high, above = np.where(before, high, probe), np.where(before, above, there)
    zero = low - (high - low) * below / (above - below)
    return np.where(crosses & np.isfinite(zero), np.clip(zero, 1e-3, 1.0), 1.0)


def _mark_broken(sums: Sums) -> None:
    """An objective that is not a number, or has no derivatives, is infinitely high."""
    if all(bool(np.isfinite(part).all()) for part in vars(sums).values()):
        return
    fine = np.isfinite(sums.value) & np.isfinite(sums.gradient).all(axis=1)
    fine &= np.isfinite(sums.hessian).all(axis=(1, 2))
    sums.value[~fine] = np.inf
    sums.gradient[~fine] = 0.0
    sums.hessian[~fine] = np.eye(sums.gradient.shape[1])


def _triangle(parts: Iterator[FloatArray]) -> FloatArray:
    """R of the QR decomposition of matrices on top of each other."""
    triangle = np.zeros((0, 0))
    for part in parts:
        above = triangle if len(triangle) else np.zeros((0, part.shape[1]))
        triangle = np.asarray(np.linalg.qr(np.concatenate([above, part]), mode="r"))
    return triangle


def magnitude_of(y: FloatArray, scale: ScaleName) -> float:
    """Size that rounding is relative to; a logarithm near zero still has terms of order one."""
    ends = np.array([y.min(), y.max()])
    if scale == "log":
        return max(1.0, float(np.abs(np.log(ends)).max()))
    return float(np.abs(ends).max())


def to_natural(theta: FloatArray, positive: BoolArray) -> FloatArray:
    """Natural values from working values."""
    with np.errstate(over="ignore"):
        return np.where(positive, np.exp(np.where(positive, theta, 0.0)), theta)
