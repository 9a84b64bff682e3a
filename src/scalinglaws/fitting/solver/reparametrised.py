"""A model in which a function of the parameters takes the place of one of them.

To hold g(theta) at a value is then to hold one coordinate, and the one solver minimises over the
others, inside their bounds, with any loss. With theta_k the parameter that gives way, its
derivatives in the new coordinates are -g_i/g_k and 1/g_k, and the Hessian of the objective is
T'(H - (f_k/g_k) G) T, with G that of g and T the derivatives of theta: the Hessian of the
Lagrangian.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from scalinglaws.arrays import BoolArray, FloatArray, IntArray
from scalinglaws.fitting.solver.model import Model, Sums
from scalinglaws.fitting.solver.objective import Loss

_MOST_STEPS = 60
_ROUNDING = 1e-13
# Share of the way to a bound that one step may take.
_TOWARDS_BOUND = 0.9
# Step of the central differences of an exact gradient: they only speed up the last steps.
_DIFFERENCE = 1e-5

Function = Callable[[FloatArray], FloatArray]


class Reparametrised(Model):
    """A model with g(theta) in the place of parameter `pivot`.

    Parameters
    ----------
    model : Model
    value, gradient : callable
        g and its derivatives, of a batch of parameter vectors.
    pivot : int
        The parameter that gives way.
    origin : (parameters,)
        Parameters from which the one that gives way is sought.
    lower, upper : (parameters,)
        Bounds of the parameters.
    """

    metric = None

    def __init__(
        self,
        model: Model,
        value: Function,
        gradient: Function,
        pivot: int,
        origin: FloatArray,
        lower: FloatArray,
        upper: FloatArray,
    ) -> None:
        super().__init__(model._make, model.n_rows, model.n_parameters, model.magnitude)
        self.inner, self.pivot = model, pivot
        self._value, self._gradient = value, gradient
        self._start = float(origin[pivot])
        self._ends = float(lower[pivot]), float(upper[pivot])

    def to_theta(self, phi: FloatArray) -> tuple[FloatArray, BoolArray]:
        """Parameters at some coordinates, and whether there are any.

        One Newton step, and secants from there: values cost a fraction of gradients.
        """
        k, target = self.pivot, phi[:, self.pivot]
        theta = phi.copy()
        theta[:, k] = self._start
        with np.errstate(all="ignore"):
            slope, miss = self._gradient(theta)[:, k], self._value(theta) - target
            for _ in range(_MOST_STEPS):
                step = self._inside(theta[:, k], -miss / slope)
                theta[:, k] += step
                if np.all(np.abs(step) <= _ROUNDING * (1.0 + np.abs(theta[:, k]))):
                    break
                last, miss = miss, self._value(theta) - target
                secant = (miss - last) / step
                slope = np.where(np.isfinite(secant) & (secant != 0.0), secant, slope)
            miss = np.abs(self._value(theta) - target)
        return theta, np.asarray(miss <= 1e-10 * (1.0 + np.abs(target)))

    def _inside(self, here: FloatArray, step: FloatArray) -> FloatArray:
        """The step, cut before it reaches a bound."""
        low, high = self._ends
        room = _TOWARDS_BOUND * np.where(step > 0, high - here, here - low)
        return np.nan_to_num(np.clip(step, -room, room), posinf=0.0, neginf=0.0)

    def _derivatives(self, theta: FloatArray) -> FloatArray:
        """T, the derivatives of the parameters in the coordinates."""
        g, k = self._gradient(theta), self.pivot
        found = np.repeat(np.eye(theta.shape[1])[None], len(theta), axis=0)
        found[:, k] = -g / g[:, k, None]
        found[:, k, k] = 1.0 / g[:, k]
        return np.asarray(found)

    def _curvature(self, theta: FloatArray) -> FloatArray:
        """Hessian of g, from differences of its gradient."""
        n, p = theta.shape
        size = _DIFFERENCE * (1.0 + np.abs(np.where(np.isfinite(theta), theta, 0.0)))
        steps = size[:, None, :] * np.eye(p)
        # one batch: (sides, rows, moved parameter)
        moved = np.stack([theta[:, None] + steps, theta[:, None] - steps])
        up, down = self._gradient(moved.reshape(-1, p)).reshape(2, n, p, p)
        found = (up - down) / (2.0 * size[:, :, None])
        return 0.5 * (found + found.transpose(0, 2, 1))

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
        """Objective and its derivatives in the coordinates; see `Model.sums`."""
        inside, exists = self.to_theta(theta)
        found = self.inner.sums(
            inside, weights, loss, shifts=shifts, chosen=chosen, majorise=majorise
        )
        with np.errstate(all="ignore"):
            turn = self._derivatives(inside)
            hessian = found.hessian
            if not majorise:
                k = self.pivot
                multiplier = found.gradient[:, k] * turn[:, k, k]
                hessian = hessian - multiplier[:, None, None] * self._curvature(inside)
            hessian = turn.transpose(0, 2, 1) @ hessian @ turn
            gradient = np.einsum("bji,bj->bi", turn, found.gradient)
        exists &= np.isfinite(gradient).all(axis=1) & np.isfinite(hessian).all(axis=(1, 2))
        value = np.where(exists, found.value, np.inf)
        gradient = np.where(exists[:, None], gradient, 0.0)
        eye = np.eye(theta.shape[1])
        return Sums(value, gradient, np.where(exists[:, None, None], hessian, eye))

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
        """Share of a step to take; see `Model.shorten`."""
        inside, _ = self.to_theta(theta)
        with np.errstate(all="ignore"):
            change = np.einsum("bij,bj->bi", self._derivatives(inside), step)
        return self.inner.shorten(
            inside, np.nan_to_num(change), descent, weights, loss, shifts=shifts, chosen=chosen
        )
