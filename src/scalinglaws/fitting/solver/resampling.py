"""Many refits of one fit, each with its own weights or its own shifted observations.

A resample is a vector of weights: no run is copied. Every refit starts at the fit itself, is
brought near its own minimum on the expansion that all of them share, and finished on the law.
"""

from __future__ import annotations

import numpy as np

from scalinglaws.arrays import BoolArray, FloatArray
from scalinglaws.fitting.solver.linearised import Linearised, rounded
from scalinglaws.fitting.solver.model import Model, Sums
from scalinglaws.fitting.solver.newton import TOLERANCE, Solution, minimise
from scalinglaws.fitting.solver.objective import Loss
from scalinglaws.fitting.solver.problem import Problem

# Elements of the weights of one batch: 2 MB of float64; and of runs drawn at a time.
_BATCH, _DRAWN = 262_144, 24_576
# Promised decrease, relative to the objective, at which the expansion has done its work.
_NEAR = 3e-4
_NEAR_STEPS, _STEPS, _SAFE_STEPS, _LAST_STEPS = 5, 40, 20, 80


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
