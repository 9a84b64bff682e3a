"""Damped Gauss-Newton steps, for a batch of starts at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from scalinglaws.arrays import FloatArray

# A function of theta, shape (..., p): objective (...), an approximation of its Hessian that is
# positive definite (..., p, p), and minus its gradient (..., p).
Expansion = tuple[FloatArray, FloatArray, FloatArray]

_FIRST_DAMPING, _LEAST_DAMPING, _MOST_DAMPING = 1e-2, 1e-9, 1e8
_EASED, _RAISED = 0.3, 5.0
_FEWEST_STEPS, _SMALL_GAIN = 4, 1e-8


def descend(
    expand: Callable[[FloatArray], Expansion],
    theta: FloatArray,
    *,
    bounds: tuple[FloatArray, FloatArray],
    n_steps: int,
    longest: float,
) -> tuple[FloatArray, FloatArray]:
    """Minimise from every start; returns coefficients and objectives.

    Parameters
    ----------
    expand : the objective and its expansion
    theta : (..., p), the starts
    bounds : lower and upper, (p,)
    n_steps : most steps
    longest : most that a coefficient moves in one step
    """
    damping = np.full((*theta.shape[:-1], 1), _FIRST_DAMPING)
    value, curvature, downhill = expand(theta)
    diagonal = np.arange(theta.shape[-1])
    for step_number in range(n_steps):
        damped = curvature.copy()
        damped[..., diagonal, diagonal] *= 1.0 + damping
        step = np.linalg.solve(damped, downhill[..., None])[..., 0]
        tried = np.clip(theta + np.clip(step, -longest, longest), *bounds)
        there = expand(tried)
        better = there[0] < value
        gain = float(np.max(np.where(better, value - there[0], 0.0)))
        theta = np.where(better[..., None], tried, theta)
        value = np.where(better, there[0], value)
        curvature = np.where(better[..., None, None], there[1], curvature)
        downhill = np.where(better[..., None], there[2], downhill)
        factor = np.where(better[..., None], _EASED, _RAISED)
        damping = np.clip(damping * factor, _LEAST_DAMPING, _MOST_DAMPING)
        if gain < _SMALL_GAIN and step_number >= _FEWEST_STEPS:
            break
    return theta, value
