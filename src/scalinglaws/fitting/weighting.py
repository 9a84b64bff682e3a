"""What follows from noise that is not the same and independent in every row."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from scalinglaws.errors import DataError
from scalinglaws.fitting.inference.correlation import (
    INDEPENDENT,
    Correlation,
    correlation_of,
    whitening_of,
)
from scalinglaws.fitting.inference.noise import (
    EQUAL,
    LEAST_DOF,
    NoiseLaw,
    noise_law,
    of_repeats,
)
from scalinglaws.fitting.inference.recall import sizes_of
from scalinglaws.fitting.inference.uncertainty import influence
from scalinglaws.fitting.search.standing import smallest_curvature
from scalinglaws.fitting.solver.binding import bind_problem
from scalinglaws.fitting.solver.model import Model
from scalinglaws.fitting.solver.newton import minimise
from scalinglaws.fitting.solver.objective import HUBER_FACTOR, robust_scale, smooth_loss
from scalinglaws.fitting.solver.problem import Estimate, Minimum, Problem
from scalinglaws.fitting.tables.runs import RunTable

NoiseName = Literal["auto", "equal", "by-size"]
_MOST_ROUNDS, _SAME_DELTA = 50, 1e-12
_ROUNDING = 1e-9  # residuals of runs without noise, relative to what rounding is relative to
NOISES: tuple[NoiseName, ...] = ("auto", "equal", "by-size")


def noise_of(
    problem: Problem, model: Model, table: RunTable, found: Estimate, noise: NoiseName
) -> NoiseLaw:
    """How the noise depends on the size of a run; equal unless asked for, or clear.

    Raises
    ------
    DataError
        If it is asked for, and these runs cannot show it.
    """
    kept = np.flatnonzero(found.free & np.isfinite(found.theta))
    dof = table.n - len(kept)
    if noise == "equal" or not model.is_one_block:
        return EQUAL
    if noise == "auto" and (dof < LEAST_DOF or len(table.clusters) or not found.converged):
        return EQUAL
    if dof < 2:
        raise DataError(f"noise='by-size' needs more runs: {table.n} for {len(kept)} coefficients.")
    residuals = model.residuals(found.theta[None, :])[0]
    if np.abs(residuals).max() <= _ROUNDING * model.magnitude:
        return EQUAL
    sizes = sizes_of(problem, table, residuals)
    if not np.isfinite(sizes).all():  # a fitted performance of zero
        return EQUAL
    loss = smooth_loss(problem.objective, found.delta, float(np.std(residuals)))
    repeated = of_repeats(table.repeats, residuals, sizes)
    if repeated is not None:
        law = noise_law(*repeated).centred(sizes)
    else:
        pulls = influence(model, found.theta, problem.weights, kept, loss)
        law = noise_law(residuals, sizes, pulls.leverage, pulls.basis)
    return law if noise == "by-size" or law.is_clear else EQUAL


def weighted(
    problem: Problem, table: RunTable, law: NoiseLaw, residuals: np.ndarray
) -> tuple[Problem, RunTable]:
    """The same with each run weighted by its precision."""
    weights = 1.0 / law.variance(sizes_of(problem, table, residuals))
    return replace(problem, weights=weights), replace(table, weights=weights)


def whitened(
    problem: Problem, model: Model, table: RunTable, found: Estimate
) -> tuple[Problem, Model, Estimate, Correlation]:
    """The minimum next to one of independent rows, with neighbouring checkpoints told apart.

    Everything stays as it was where neighbours are not alike or no minimum is reached.
    """
    same = problem, model, found, INDEPENDENT
    if not (found.converged and model.is_one_block) or problem.objective == "absolute":
        return same
    if len(found.alternatives) or not found.free.any():
        return same
    kept = np.flatnonzero(found.free & np.isfinite(found.theta))
    columns = model.jacobian(found.theta)[:, kept]
    if not np.isfinite(columns).all() or model.n_rows <= len(kept):
        return same
    correlation = correlation_of(table, model.residuals(found.theta[None, :])[0], columns)
    if not correlation.variable:
        return same
    own = replace(problem, whitening=whitening_of(table, correlation))
    white = bind_problem(own)
    theta, delta, solution = found.theta, found.delta, None
    for _ in range(_MOST_ROUNDS):
        loss = smooth_loss(own.objective, delta, 0.0)
        solution = minimise(
            white, loss, theta[None, :], own.weights[None, :], found.free[None, :], *own.bounds(),
            amplitude=own.amplitudes,
        )  # fmt: skip
        theta = solution.theta[0]
        if delta is None or problem.delta is not None:
            break
        residuals = white.residuals(theta[None, :])[0]
        last, n_free = delta, int(found.free.sum())
        delta = HUBER_FACTOR * robust_scale(residuals, own.weights, n_free)
        if abs(delta - last) <= _SAME_DELTA * last:
            break
    if solution is None or not solution.converged[0]:
        return same
    hessian = white.sums(theta[None, :], own.weights[None, :], loss).hessian[0]
    value = float(solution.value[0])
    estimate = replace(
        found, theta=theta, value=value, delta=delta, decrement=float(solution.decrement[0]),
        curvature=smallest_curvature(hessian, found.free), n_starts=1, n_agreeing=1, n_minima=1,
        minima=(Minimum(theta, value, hessian),),
    )  # fmt: skip
    return own, white, estimate, correlation
