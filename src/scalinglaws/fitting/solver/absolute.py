"""Least absolute deviations: from a nearby Huber minimum to the vertex, with a certificate.

At the minimum of a sum of absolute values as many runs as parameters are met exactly, or fewer
where the law is curved. The active set of these runs is found by Newton's steps; what it cannot
certify, and a large table, goes by linear programs (scipy's HiGHS), each of which solves the
linearised problem inside a trust region. The decrease that is still promised is the certificate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array, eye_array, hstack

from scalinglaws.arrays import BoolArray, FloatArray, IntArray
from scalinglaws.fitting.solver.active_set import CERTIFIED, Vertex, descend
from scalinglaws.fitting.solver.model import Model
from scalinglaws.fitting.tables.chunks import summed

_MOST_STEPS = 300
# Runs of a large table that may be met exactly.
_MOST_NEAR = 4000
# Size of the first trust region; a large table is begun much nearer to its vertex.
_FIRST_RADIUS, _FIRST_RADIUS_OF_MANY = 0.1, 1e-3


def to_vertex(
    model: Model,
    theta: FloatArray,
    weights: FloatArray,
    free: BoolArray,
    lower: FloatArray,
    upper: FloatArray,
    near: float = 0.0,
) -> Vertex:
    """Descend from `theta` to a point where no step helps.

    Parameters
    ----------
    near : float
        Size of the residuals that may be met exactly at the end.
    """
    if model.is_one_block:
        vertex = descend(model, theta, weights, free, lower, upper, near)
        if vertex.certified:
            return vertex
        theta = vertex.theta
    return _by_linear_programs(model, theta, weights, free, lower, upper)


def _by_linear_programs(
    model: Model,
    theta: FloatArray,
    weights: FloatArray,
    free: BoolArray,
    lower: FloatArray,
    upper: FloatArray,
) -> Vertex:
    moving = np.flatnonzero(free)
    residuals = model.residuals(theta[None, :])[0]
    value = _objective(residuals, weights)
    radius, promise = _FIRST_RADIUS if model.is_one_block else _FIRST_RADIUS_OF_MANY, np.inf
    for _ in range(_MOST_STEPS):
        linear = _linearised(model, theta, residuals, weights, moving)
        # radius: the mean change of a residual along one parameter, in units of the residuals
        reach = radius * max(value / weights.sum(), 1e-15) / linear.size
        low = np.maximum(lower[moving] - theta[moving], -reach)
        high = np.minimum(upper[moving] - theta[moving], reach)
        step, promised = _linear_step(linear, low, high)
        promise = promised / max(value, 1e-300)
        if promise <= CERTIFIED:
            break
        trial = theta.copy()
        trial[moving] += step
        new = model.residuals(trial[None, :])[0]
        new_value = _objective(new, weights)
        if np.isfinite(new_value) and value - new_value > 0.1 * promised:
            at_edge = np.any(np.abs(step) >= 0.999 * reach)
            theta, residuals, value = trial, new, new_value
            radius = radius * 4 if at_edge else radius
        else:
            radius *= 0.25
            if radius < 1e-14:
                break
    return Vertex(theta, value, float(promise))


def _objective(residuals: FloatArray, weights: FloatArray) -> float:
    return float(summed(len(weights), lambda rows: weights[rows] @ np.abs(residuals[rows])))


@dataclass(frozen=True)
class _Linear:
    """The problem to first order in a step.

    Attributes
    ----------
    jacobian, residuals, weights : of the runs that the step may bring to zero
    outside : sum of the weighted, signed derivatives of the other runs, whose signs stay
    """

    jacobian: FloatArray
    residuals: FloatArray
    weights: FloatArray
    outside: FloatArray

    @property
    def size(self) -> FloatArray:
        """Root mean square of each derivative."""
        return np.asarray(np.maximum(np.sqrt((self.jacobian**2).mean(axis=0)), 1e-300))


def _linearised(
    model: Model, theta: FloatArray, residuals: FloatArray, weights: FloatArray, moving: IntArray
) -> _Linear:
    """The problem to first order at one parameter vector.

    Of a large table only the runs near zero are kept; the others keep their signs (Portnoy and
    Koenker 1997, Statistical Science 12).
    """
    outside = np.zeros(len(moving))
    if model.is_one_block:
        jacobian = np.nan_to_num(model.jacobian(theta)[:, moving], posinf=0.0, neginf=0.0)
        return _Linear(jacobian, residuals, weights, outside)
    sizes = np.abs(residuals)
    last = min(_MOST_NEAR, len(sizes) - 1)
    sizes.partition(last)
    limit = sizes[last]
    del sizes
    parts: list[tuple[FloatArray, FloatArray, FloatArray]] = []
    for rows, own, jacobian in model.expansion(theta):
        near, w = np.abs(own) <= limit, weights[rows]
        slopes = jacobian[:, moving]
        signed = np.where(near, 0.0, w * np.sign(own))
        outside += signed @ slopes
        parts.append((slopes[near], own[near], w[near]))
    jacobian, near_zero, w = (np.concatenate(column) for column in zip(*parts, strict=True))
    return _Linear(jacobian, near_zero, w, outside)


def _linear_step(linear: _Linear, low: FloatArray, high: FloatArray) -> tuple[FloatArray, float]:
    """Minimise sum w |r + J s| + outside s over low <= s <= high; return s and the decrease.

    The program's variables are the scaled step and the positive and negative parts of the new
    residuals.
    """
    jacobian, residuals, weights = linear.jacobian, linear.residuals, linear.weights
    n, p = jacobian.shape
    scale = np.maximum(np.abs(residuals).max(), 1e-300)
    size = linear.size
    columns = csr_array(jacobian / size)
    matrix = hstack([columns, -eye_array(n), eye_array(n)], format="csc")
    cost = np.concatenate([linear.outside / size, weights, weights])
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
    decrease = float(
        weights @ np.abs(residuals)
        - weights @ np.abs(residuals + jacobian @ step)
        - linear.outside @ step
    )
    return step, max(decrease, 0.0)
