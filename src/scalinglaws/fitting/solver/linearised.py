"""A law near one parameter vector: its residuals to first order.

Resampled refits end close to the fit that they are resampled from, and there all of them share one
expansion. Its sums cost two matrix products, whatever the law; they bring every refit to where a
few exact steps finish it. That is no place for many digits: it is done in single precision, which
takes half the memory, and half the time.
"""

from __future__ import annotations

from typing import cast

import numpy as np
import numpy.typing as npt

from scalinglaws.arrays import FloatArray
from scalinglaws.fitting.solver.buffers import BUFFERS
from scalinglaws.fitting.solver.model import Model, Sums
from scalinglaws.fitting.solver.objective import Loss

_HELD = 1e6  # sizes whose squares, and sums of them, single precision holds, and their inverses


class Linearised(Model):
    """A model's residuals to first order about `origin`, as a model of its own."""

    def __init__(self, model: Model, origin: FloatArray) -> None:
        residuals = model.residuals(origin[None, :])[0]
        self._block = block = LinearisedBlock(residuals, model.jacobian(origin), origin)
        super().__init__(lambda _: block, model.n_rows, model.n_parameters, model.magnitude)
        self.metric = model.metric

    @property
    def precision(self) -> npt.DTypeLike:
        """In which the expansion is held."""
        return self._block.precision

    def sums_at_origin(self, weights: FloatArray, loss: Loss) -> Sums:
        """Objective and derivatives where every row of weights has the same residuals."""
        block, p = self._block, self.n_parameters
        slope, outer = loss.derivatives(block.residuals)
        first, second = slope[:, None] * block.jacobian, outer[:, None] * block.products
        table = np.hstack([loss.value(block.residuals)[:, None], first, second])
        sums = (weights @ rounded(table, block.precision)).astype(np.float64)
        hessian = (sums[:, 1 + p :] @ block.whole).reshape(-1, p, p)
        return Sums(sums[:, 0], sums[:, 1 : 1 + p], hessian)


class LinearisedBlock:
    """Residuals ``r + J d`` for a step d from the origin."""

    work_size = 49_152

    def __init__(self, residuals: FloatArray, jacobian: FloatArray, origin: FloatArray) -> None:
        p = len(origin)
        finite = np.nan_to_num(jacobian, posinf=0.0, neginf=0.0)
        i, j = np.triu_indices(p)
        products = finite[:, i] * finite[:, j]
        sizes = np.array([np.abs(part).max(initial=0.0) for part in (residuals, finite, products)])
        # performances in odd units have squares that single precision does not hold
        holds = bool(np.all((sizes >= 1.0 / _HELD) & (sizes <= _HELD)))
        self.origin, self.precision = origin, np.float32 if holds else np.float64
        self.residuals, self.jacobian, self.products = (
            rounded(part, self.precision) for part in (residuals, finite, products)
        )
        whole = np.zeros((len(i), p, p))
        whole[np.arange(len(i)), i, j] = whole[np.arange(len(i)), j, i] = 1.0
        self.whole = whole.reshape(len(i), p * p)

    def slopes(self) -> None:
        """It has no terms."""

    def at(self, theta: FloatArray) -> LinearisedPoint:
        """The expansion at each row of a batch."""
        return LinearisedPoint(self, theta)


class LinearisedPoint:
    """The expansion at a batch of parameter vectors."""

    def __init__(self, block: LinearisedBlock, theta: FloatArray) -> None:
        self._block = block
        # a coefficient at zero is a logarithm of minus infinity, and stays
        step = np.where(np.isfinite(block.origin), theta - block.origin, 0.0)
        self.residuals = self._changed(step, "residuals")
        self.residuals += block.residuals

    def gradients(self) -> FloatArray:
        """The same for every row of the batch."""
        return np.broadcast_to(
            self._block.jacobian, (len(self.residuals), *self._block.jacobian.shape)
        )

    def along(self, step: FloatArray) -> FloatArray:
        """Change of the residuals with a step."""
        return self._changed(step, "along")

    def _changed(self, step: FloatArray, name: str) -> FloatArray:
        jacobian = self._block.jacobian
        out = BUFFERS.take(name, len(step), len(jacobian), dtype=jacobian.dtype)
        return np.matmul(rounded(step, jacobian.dtype), jacobian.T, out=out)

    def contract(
        self,
        slope: FloatArray,
        outer: FloatArray,
        *,
        curved: bool,  # noqa: ARG002  (nothing is curved here)
    ) -> tuple[FloatArray, FloatArray]:
        """Sums over the rows; see `Point`."""
        block, p = self._block, len(self._block.origin)
        hessian = (outer @ block.products) @ block.whole
        return slope @ block.jacobian, hessian.reshape(-1, p, p)


def rounded(array: FloatArray, precision: npt.DTypeLike) -> FloatArray:
    """In single precision, if it is that; typed as what it stands for."""
    return cast("FloatArray", array.astype(precision))
