"""A law on runs of several groups, each with its own selection of the law's parameters.

The parameters are selected by index and never by a matrix product: a coefficient at zero is a
logarithm of minus infinity, and infinity times zero is not a number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scalinglaws.arrays import FloatArray, IntArray
from scalinglaws.fitting.solver.buffers import BUFFERS
from scalinglaws.fitting.solver.model import Block, Point


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
