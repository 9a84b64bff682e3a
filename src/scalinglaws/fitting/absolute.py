"""Least absolute deviations: from a nearby Huber minimum to the vertex, with a certificate.

At the minimum of a sum of absolute values as many runs as parameters are met exactly. Each step
solves the linearised problem as a linear program (scipy's HiGHS) inside a trust region; the
decrease that the last program promises is the certificate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array, eye_array, hstack

from scalinglaws.fitting.model import Model
from scalinglaws.fitting.objective import BoolArray, FloatArray

_MOST_STEPS = 300
_CERTIFIED = 1e-12  # promised decrease, relative to the objective


@dataclass(frozen=True)
class Vertex:
    """Working parameters, objective, and the relative decrease that a further step promises."""

    theta: FloatArray
    value: float
    promise: float

    @property
    def certified(self) -> bool:
        """No linear step decreases the objective."""
        return self.promise <= _CERTIFIED


def to_vertex(
    model: Model,
    theta: FloatArray,
    weights: FloatArray,
    free: BoolArray,
    lower: FloatArray,
    upper: FloatArray,
) -> Vertex:
    """Descend from `theta` to a point where no linear step helps."""
    moving = np.flatnonzero(free)
    residuals = model.residuals(theta[None, :])[0]
    value = float(weights @ np.abs(residuals))
    radius, promise = 0.1, np.inf
    for _ in range(_MOST_STEPS):
        jacobian = np.nan_to_num(model.jacobian(theta)[:, moving], posinf=0.0, neginf=0.0)
        size = np.maximum(np.sqrt((jacobian**2).mean(axis=0)), 1e-300)
        # radius: the mean change of a residual along one parameter, in units of the residuals
        reach = radius * max(value / weights.sum(), 1e-15) / size
        low = np.maximum(lower[moving] - theta[moving], -reach)
        high = np.minimum(upper[moving] - theta[moving], reach)
        step, promised = _linear_step(jacobian, residuals, weights, low, high)
        promise = promised / max(value, 1e-300)
        if promise <= _CERTIFIED:
            break
        trial = theta.copy()
        trial[moving] += step
        new = model.residuals(trial[None, :])[0]
        new_value = float(weights @ np.abs(new))
        if np.isfinite(new_value) and value - new_value > 0.1 * promised:
            at_edge = np.any(np.abs(step) >= 0.999 * reach)
            theta, residuals, value = trial, new, new_value
            radius = radius * 4 if at_edge else radius
        else:
            radius *= 0.25
            if radius < 1e-14:
                break
    return Vertex(theta, value, float(promise))


def _linear_step(
    jacobian: FloatArray,
    residuals: FloatArray,
    weights: FloatArray,
    low: FloatArray,
    high: FloatArray,
) -> tuple[FloatArray, float]:
    """Minimise sum w |r + J s| over low <= s <= high; return s and the decrease.

    The program's variables are the scaled step and the positive and negative parts of the new
    residuals.
    """
    n, p = jacobian.shape
    scale = np.maximum(np.abs(residuals).max(), 1e-300)
    size = np.maximum(np.sqrt((jacobian**2).mean(axis=0)), 1e-300)
    columns = csr_array(jacobian / size)
    matrix = hstack([columns, -eye_array(n), eye_array(n)], format="csc")
    cost = np.concatenate([np.zeros(p), weights, weights])
    bounds = np.concatenate(
        [
            np.stack([low * size / scale, high * size / scale], axis=1),
            np.tile([0.0, np.inf], (2 * n, 1)),
        ]
    )
    answer = linprog(  # type: ignore[call-overload]
        cost, A_eq=matrix, b_eq=-residuals / scale, bounds=bounds, method="highs-ds",
        options={"dual_feasibility_tolerance": 1e-10, "primal_feasibility_tolerance": 1e-10},
    )  # fmt: skip
    if answer.x is None:
        return np.zeros(p), 0.0
    step = np.clip(answer.x[:p] * scale / size, low, high)
    decrease = float(weights @ np.abs(residuals) - weights @ np.abs(residuals + jacobian @ step))
    return step, max(decrease, 0.0)
