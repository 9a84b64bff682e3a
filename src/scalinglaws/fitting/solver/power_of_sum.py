"""Laws that are a power of a sum of positive products: log f = q L, with L a logsumexp.

The sums of L are those of the softmax (see `log_affine`). With h the derivatives of the power q,
which is the same for every run, q L has the gradient ``q L' + L h`` and the Hessian
``q L'' + h L'^T + L' h^T + L h'``: what q adds are three more sums over the runs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scalinglaws.arrays import FloatArray
from scalinglaws.core.expression import Expression
from scalinglaws.core.jets import Jet, differentiate
from scalinglaws.fitting.solver.log_affine import LogAffineBlock, LogAffinePoint
from scalinglaws.fitting.solver.workspace import WORKSPACE
from scalinglaws.options import ScaleName


class PowerOfSumBlock:
    """A power of a sum of terms, on a block of rows.

    Parameters
    ----------
    total : the sum, as residuals of its logarithm from zero
    outer : the power, in the working parameters
    names : working names of the parameters, in order
    target : observations on these rows, logarithms if `scale` is "log"
    """

    def __init__(
        self,
        total: LogAffineBlock,
        outer: Expression,
        names: Sequence[str],
        target: FloatArray,
        scale: ScaleName,
    ) -> None:
        self.total, self.target, self.is_log = total, target, scale == "log"
        self.work_size = total.work_size
        self._outer, self._names = outer, names

    @property
    def is_finite(self) -> bool:
        """All logarithms exist."""
        return self.total.is_finite

    def slopes(self) -> None:
        """The law is no sum of its terms."""

    def at(self, theta: FloatArray) -> PowerOfSumPoint:
        """The law at each row of a batch."""
        jets = {name: Jet(theta[:, j], {j: 1.0}) for j, name in enumerate(self._names)}
        return PowerOfSumPoint(self, self.total.at(theta), differentiate(self._outer, jets))


class PowerOfSumPoint:
    """The law at a batch of parameter vectors."""

    def __init__(self, block: PowerOfSumBlock, total: LogAffinePoint, outer: Jet) -> None:
        self._block, self._total = block, total
        self._log_sum = total.residuals
        shape, p = self._log_sum.shape, block.total.n_parameters
        self._power = np.broadcast_to(outer.value, shape[0])[:, None]
        self._first = np.zeros((shape[0], p))
        for j, derivative in outer.gradient.items():
            self._first[:, j] = derivative
        self._second = np.zeros((shape[0], p, p))
        for (i, j), derivative in outer.hessian.items():
            self._second[:, i, j] = self._second[:, j, i] = derivative
        self.residuals = WORKSPACE.take("residuals of a power", *shape)
        np.multiply(self._log_sum, self._power, out=self.residuals)
        self._value: FloatArray | None = None
        if not block.is_log:
            value = WORKSPACE.take("value of a power", *shape)
            self._value = np.exp(self.residuals, out=value)
            self.residuals[...] = value
        self.residuals -= block.target

    def gradients(self) -> FloatArray:
        """Derivatives of the residuals, shape (batch, rows, parameters)."""
        found = self._power[:, :, None] * self._total.gradients()
        found += self._log_sum[:, :, None] * self._first[:, None, :]
        return found if self._value is None else found * self._value[:, :, None]

    def along(self, step: FloatArray) -> FloatArray:
        """Change of the residuals to first order in a step."""
        found = self._total.along(self._power * step)
        found += self._log_sum * np.einsum("bp,bp->b", self._first, step)[:, None]
        if self._value is not None:
            found *= self._value
        return found

    def contract(
        self, slope: FloatArray, outer: FloatArray, *, curved: bool
    ) -> tuple[FloatArray, FloatArray]:
        """Sums over the rows; see `Point`."""
        if self._value is not None:
            # of exp(u) to those of u
            slope *= self._value
            outer *= self._value
            outer *= self._value
            if curved:
                outer += slope
        h, log_sum = self._first, self._log_sum
        by_power = np.einsum("bn,bn->b", slope, log_sum)
        mixed = np.multiply(outer, log_sum, out=WORKSPACE.take("mixed", *slope.shape))
        squares = np.einsum("bn,bn->b", mixed, log_sum)
        mixed *= self._power
        if curved:
            mixed += slope
        cross = self._total.slope_sums(mixed)[:, :, None] * h[:, None, :]
        slope *= self._power
        outer *= self._power**2
        gradient, hessian = self._total.contract(slope, outer, curved=curved)
        gradient += by_power[:, None] * h
        hessian += cross
        hessian += cross.transpose(0, 2, 1)
        hessian += squares[:, None, None] * h[:, :, None] * h[:, None, :]
        if curved:
            hessian += by_power[:, None, None] * self._second
        return gradient, hessian
