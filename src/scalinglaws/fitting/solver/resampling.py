"""Many refits of one fit, each with its own weights or its own shifted observations.

A resample is a vector of weights: no run is copied. Every refit starts at the fit itself, is
brought near its own minimum on the expansion that all of them share, and finished on the law.

Refits end close to the fit, and there all of them share one expansion of the residuals to first
order. Its sums cost two matrix products, whatever the law; they bring every refit to where a few
exact steps finish it. That is no place for many digits: it is done in single precision, which
takes half the memory, and half the time.
"""

from __future__ import annotations

from typing import cast

import numpy as np
import numpy.typing as npt

from scalinglaws.arrays import BUFFERS, BoolArray, FloatArray
from scalinglaws.fitting.solver.model import Model, Sums
from scalinglaws.fitting.solver.newton import TOLERANCE, minimise
from scalinglaws.fitting.solver.objective import Loss
from scalinglaws.fitting.solver.problem import Problem, Solution

# Elements of the weights of one batch: 2 MB of float64; and of runs drawn at a time.
_BATCH, _DRAWN = 262_144, 24_576
# Promised decrease, relative to the objective, at which the expansion has done its work.
_NEAR = 3e-4
_NEAR_STEPS, _STEPS, _SAFE_STEPS, _LAST_STEPS = 5, 40, 20, 80

# Sizes whose squares, and sums of them, single precision holds, and their inverses.
_HELD = 1e6


def resampled_weights(
    weights: FloatArray, n_resamples: int, rng: np.random.Generator
) -> FloatArray:
    """Weights of resampled runs: how often each run with weight is drawn, times its weight.

    Returns
    -------
    (n_resamples, rows)
    """
    used = np.flatnonzero(weights > 0)
    n = len(used)
    found = np.empty((n_resamples, n))
    size = max(1, _DRAWN // n)
    for first in range(0, n_resamples, size):
        batch = found[first : first + size]
        # drawn runs, counted: several times faster than one multinomial draw for each resample
        drawn = rng.integers(n, size=batch.shape)
        drawn += np.arange(0, batch.size, n)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=batch.size)
        np.multiply(counts.reshape(batch.shape), weights[used], out=batch)
    if n == len(weights):
        return found
    whole = np.zeros((n_resamples, len(weights)))
    whole[:, used] = found
    return whole


class Refitter:
    """A fit that is to be repeated with other weights.

    Parameters
    ----------
    problem, model : the law bound to its table
    loss : with the threshold of the fit, which the refits keep
    theta : working parameters of the fit
    free : which of them move
    """

    def __init__(
        self, problem: Problem, model: Model, loss: Loss, theta: FloatArray, free: BoolArray
    ) -> None:
        self.model, self.loss, self.theta, self.free = model, loss, theta, free
        self._bounds, self._amplitude = problem.bounds(), problem.amplitudes
        self._around = Linearised(model, theta)

    @property
    def batch_size(self) -> int:
        """Refits whose weights fit into the cache together."""
        return max(1, _BATCH // self.model.n_rows)

    def refit(
        self,
        weights: FloatArray,
        shifts: FloatArray | None = None,
        *,
        tolerance: float = TOLERANCE,
    ) -> Solution:
        """Minimise with each row of weights.

        Parameters
        ----------
        weights : (refits, rows) or (1, rows)
        shifts : (refits, rows), optional
            Added to the observations, in the residuals' scale.
        tolerance : float
            Promised decrease, relative to the objective, below which a refit has arrived.
        """
        n = max(len(weights), 1 if shifts is None else len(shifts))
        parts = []
        for first in range(0, n, self.batch_size):
            batch = slice(first, min(first + self.batch_size, n))
            own = weights[batch] if len(weights) > 1 else weights
            shift = None if shifts is None else shifts[batch]
            parts.append(self._batch(batch.stop - first, own, shift, tolerance))
        whole = parts[0]
        for part in parts[1:]:
            whole = whole.joined(part)
        return whole

    def _batch(
        self, n: int, weights: FloatArray, shifts: FloatArray | None, tolerance: float
    ) -> Solution:
        origin = np.repeat(self.theta[None, :], n, axis=0)
        rough, known = rounded(weights, self._around.precision), None
        if shifts is None:
            known = self._around.sums_at_origin(rough, self.loss)
        near = self._descend(
            self._around, origin, rough, shifts, tolerance=_NEAR, steps=_NEAR_STEPS, known=known
        )
        start = np.where(np.isfinite(near.value)[:, None], near.theta, origin)
        found = self._descend(self.model, start, weights, shifts, tolerance=tolerance, steps=_STEPS)
        above = found.value > self._at_origin(weights, shifts) * (1 + 1e-12)
        late = np.flatnonzero(~found.converged | above | ~np.isfinite(found.value))
        if len(late):
            own = weights[late] if len(weights) > 1 else weights
            shift = None if shifts is None else shifts[late]
            safe = self._descend(
                self.model, origin[late], own, shift, tolerance=tolerance, steps=_SAFE_STEPS,
                majorise=True,
            )  # fmt: skip
            last = self._descend(
                self.model, safe.theta, own, shift, tolerance=tolerance, steps=_LAST_STEPS
            )
            better = last.converged & ((last.value <= found.value[late]) | ~found.converged[late])
            found.put(late[better], last.take(better))
        return found

    def _descend(
        self,
        model: Model,
        start: FloatArray,
        weights: FloatArray,
        shifts: FloatArray | None,
        *,
        tolerance: float,
        steps: int,
        majorise: bool = False,
        known: Sums | None = None,
    ) -> Solution:
        lower, upper = self._bounds
        return minimise(
            model, self.loss, start, weights,
            np.broadcast_to(self.free, start.shape), lower, upper,
            amplitude=self._amplitude, shifts=shifts, majorise=majorise,
            tolerance=tolerance, max_iterations=steps, known=known,
        )  # fmt: skip

    def _at_origin(self, weights: FloatArray, shifts: FloatArray | None) -> FloatArray:
        """Objective of every refit at the fit itself."""
        residuals = self.model.residuals(self.theta[None, :])
        values = self.loss.value(residuals if shifts is None else residuals - shifts)
        return np.asarray(
            (values * weights).sum(axis=1) if len(values) > 1 else weights @ values[0]
        )


# --- the expansion --------------------------------------------------------------------------------


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
