"""A law near one parameter vector: its residuals to first order.

Resampled refits end close to the fit that they are resampled from, and there all of them share one
expansion. Its sums cost two matrix products, whatever the law; they bring every refit to where a
few exact steps finish it.
"""

from __future__ import annotations

import numpy as np

from scalinglaws.arrays import FloatArray
from scalinglaws.fitting.solver.model import Model
from scalinglaws.fitting.solver.workspace import WORKSPACE


def linearise(model: Model, origin: FloatArray) -> Model:
    """The model's residuals to first order about `origin`, as a model of its own."""
    block = LinearisedBlock(model.residuals(origin[None, :])[0], model.jacobian(origin), origin)
    around = Model(lambda _: block, model.n_rows, model.n_parameters, model.magnitude)
    around.metric = model.metric
    return around


class LinearisedBlock:
    """Residuals ``r + J d`` for a step d from the origin."""

    work_size = 24_576

    def __init__(self, residuals: FloatArray, jacobian: FloatArray, origin: FloatArray) -> None:
        p = len(origin)
        self.origin, self.residuals = origin, residuals
        self.jacobian = np.nan_to_num(jacobian, posinf=0.0, neginf=0.0)
        i, j = np.triu_indices(p)
        self.products = self.jacobian[:, i] * self.jacobian[:, j]
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
        shape = len(theta), len(block.residuals)
        self.residuals = np.matmul(step, block.jacobian.T, out=WORKSPACE.take("residuals", *shape))
        self.residuals += block.residuals

    def gradients(self) -> FloatArray:
        """The same for every row of the batch."""
        return np.broadcast_to(
            self._block.jacobian, (len(self.residuals), *self._block.jacobian.shape)
        )

    def along(self, step: FloatArray) -> FloatArray:
        """Change of the residuals with a step."""
        out = WORKSPACE.take("along", *self.residuals.shape)
        return np.matmul(step, self._block.jacobian.T, out=out)

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
