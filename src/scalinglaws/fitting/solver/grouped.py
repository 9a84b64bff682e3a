"""A law on runs of several groups, or of several tables.

Runs of several groups are one table, and each has its own selection of the law's parameters. They
are selected by index and never by a matrix product: a coefficient at zero is a logarithm of minus
infinity, and infinity times zero is not a number.

Of several tables, each row of a batch of parameter vectors has one for itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from typing import cast

import numpy as np

from scalinglaws.arrays import BUFFERS, FloatArray, IntArray
from scalinglaws.fitting.solver.log_affine import LogAffineBlock, LogAffinePoint, Slots
from scalinglaws.fitting.solver.model import Block, Model, Point, Sums
from scalinglaws.fitting.solver.objective import Loss


@dataclass(frozen=True)
class Part:
    """The runs of one group.

    Attributes
    ----------
    rows : where they stand in the block; a slice where they are side by side
    block : the law with the group's own parameters, on these rows
    selected : where these parameters stand among all; no two at the same place
    """

    rows: slice | IntArray
    block: Block
    selected: IntArray


class GroupedBlock:
    """A law on a block of rows, in parts.

    Parameters
    ----------
    parts : sequence of Part
        Every row is in one of them.
    n_rows, n_parameters : of all parts
    """

    def __init__(self, parts: Sequence[Part], n_rows: int, n_parameters: int) -> None:
        self.parts, self.n_rows, self.n_parameters = parts, n_rows, n_parameters
        self.work_size = min(part.block.work_size for part in parts)

    def slopes(self) -> FloatArray | None:
        """Slopes of every term's logarithm at every run, in all parameters."""
        found = []
        for part in self.parts:
            own = part.block.slopes()
            if own is None:
                return None
            wide = np.zeros((len(own), self.n_parameters))
            wide[:, part.selected] = own
            found.append(wide)
        return np.concatenate(found)

    def at(self, theta: FloatArray) -> GroupedPoint:
        """The law at each row of a batch."""
        return GroupedPoint(self, theta)


class GroupedPoint:
    """Every part at a batch of parameter vectors."""

    def __init__(self, block: GroupedBlock, theta: FloatArray) -> None:
        self._block = block
        self._points: list[Point] = []
        self.residuals = BUFFERS.take("residuals of all", len(theta), block.n_rows)
        for number, part in enumerate(block.parts):
            with BUFFERS.room(number):
                point = part.block.at(theta[:, part.selected])
            self._points.append(point)
            self.residuals[:, part.rows] = point.residuals

    def gradients(self) -> FloatArray:
        """Derivatives of the residuals, shape (batch, rows, parameters)."""
        n_batch, n_rows = self.residuals.shape
        found = np.zeros((n_batch, n_rows, self._block.n_parameters))
        for part, point in zip(self._block.parts, self._points, strict=True):
            wide = np.zeros((n_batch, *point.residuals.shape[1:], self._block.n_parameters))
            wide[..., part.selected] = point.gradients()
            found[:, part.rows] = wide
        return found

    def along(self, step: FloatArray) -> FloatArray:
        """Change of the residuals to first order in a step."""
        found = BUFFERS.take("along of all", *self.residuals.shape)
        for part, point in zip(self._block.parts, self._points, strict=True):
            found[:, part.rows] = point.along(step[:, part.selected])
        return found

    def contract(
        self, slope: FloatArray, outer: FloatArray, *, curved: bool
    ) -> tuple[FloatArray, FloatArray]:
        """Sums over the rows; see `Point`."""
        n_batch, p = len(slope), self._block.n_parameters
        gradient, hessian = np.zeros((n_batch, p)), np.zeros((n_batch, p, p))
        for part, point in zip(self._block.parts, self._points, strict=True):
            first, second = point.contract(slope[:, part.rows], outer[:, part.rows], curved=curved)
            gradient[:, part.selected] += first
            hessian[:, part.selected[:, None], part.selected] += second
        return gradient, hessian


# --- several tables -------------------------------------------------------------------------------


class StackedModel(Model):
    """Models of one law as one, for `minimise`.

    Parameters
    ----------
    models, losses : the law bound to each table, as sums of products of powers, and its loss
    tables : (batch,)
        The table of each row of the batch.
    """

    def __init__(self, models: Sequence[Model], losses: Sequence[Loss], tables: IntArray) -> None:
        blocks = [cast("LogAffineBlock", block) for m in models for _, block in m.blocks()]
        stack = StackedBlock(blocks)
        super().__init__(lambda _: stack, stack.n_rows, stack.n_parameters, np.nan)
        self._models, self._tables = models, tables
        self._thresholds = np.array([loss.delta for loss in losses])[tables, None]
        self._magnitudes = np.array([model.magnitude for model in models])[tables, None]

    def metrics(self, rows: IntArray) -> tuple[FloatArray, FloatArray]:
        """Metric of each of some rows of a batch, and its pseudo-inverse."""
        own = [self._models[table].metrics(rows) for table in self._tables[rows]]
        metric, inverse = zip(*(pair for pair in own if pair is not None), strict=True)
        return np.concatenate(metric), np.concatenate(inverse)

    def rounding_loss(self, loss: Loss, relative: float) -> FloatArray:
        """Loss, for each row of a batch, of a residual of this relative size."""
        own = Loss(loss.kind, self._thresholds)
        return own.value(relative * self._magnitudes)[:, 0]

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
        """As `Model.sums`; it counts as an evaluation of each table that is in the batch."""
        for table in np.unique(self._tables if chosen is None else self._tables[chosen]):
            self._models[table].n_evaluations += 1
        return super().sums(theta, weights, loss, shifts=shifts, chosen=chosen, majorise=majorise)

    def _at(
        self, block: Block, theta: FloatArray, loss: Loss, rows: IntArray | None
    ) -> tuple[LogAffinePoint, Loss]:
        assert isinstance(block, StackedBlock)
        assert rows is not None
        own = block.take(self._tables[rows])
        return own.at(theta), Loss(loss.kind, self._thresholds[rows])


class StackedBlock(LogAffineBlock):
    """The same law on several small tables; each row of a batch has one of them for itself.

    Shorter tables are filled up with copies of their last row, whose weights must be zero.
    """

    def __init__(self, blocks: Sequence[LogAffineBlock]) -> None:
        first = blocks[0]
        self.lasting, self.is_log, self.indices = True, first.is_log, first.indices
        self.n_parameters, self.n_terms = first.n_parameters, first.n_terms
        self.n_rows = n = max(block.n_rows for block in blocks)
        self.few = self.work_size  # tables of products would be as many as rows of the batch
        self.target = np.stack([filled_up(block.target, n) for block in blocks])
        self.forms = [
            np.stack([filled_up(form, n) for form in forms])
            for forms in zip(*(block.forms for block in blocks), strict=True)
        ]
        slopes = np.concatenate([form[:, :-1] for form in self.forms], axis=1)
        self.slot_slopes = np.ascontiguousarray(slopes.transpose(1, 0, 2))
        self.slots = Slots(self)

    def take(self, tables: IntArray) -> StackedBlock:
        """The tables of some rows of a batch, in their order."""
        found = copy(self)
        found.target = self.target[tables]
        found.forms = [form[tables] for form in self.forms]
        found.slot_slopes = self.slot_slopes[:, tables]
        return found


def filled_up(array: FloatArray, n_rows: int) -> FloatArray:
    """An array whose last axis is as long as that, by copies of its last entry."""
    missing = n_rows - array.shape[-1]
    if not missing:
        return array
    return np.concatenate([array, np.repeat(array[..., -1:], missing, axis=-1)], axis=-1)
