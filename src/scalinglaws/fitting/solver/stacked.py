"""One law on several small tables at once: each row of a batch has a table of its own."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import cast

import numpy as np

from scalinglaws.arrays import FloatArray, IntArray
from scalinglaws.fitting.solver.log_affine import LogAffineBlock, LogAffinePoint, Slots
from scalinglaws.fitting.solver.model import Block, Model
from scalinglaws.fitting.solver.objective import Loss


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
