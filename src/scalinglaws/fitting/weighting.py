"""Weights that follow from noise which depends on the size of a run."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from scalinglaws.errors import DataError
from scalinglaws.fitting.inference.noise import (
    EQUAL,
    LEAST_DOF,
    NoiseLaw,
    log_size,
    noise_law,
    of_repeats,
)
from scalinglaws.fitting.inference.uncertainty import influence
from scalinglaws.fitting.solver.model import Model
from scalinglaws.fitting.solver.objective import smooth_loss
from scalinglaws.fitting.solver.problem import Estimate, Problem
from scalinglaws.fitting.tables.runs import RunTable

NoiseName = Literal["auto", "equal", "by-size"]
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
    leverage = influence(model, found.theta, problem.weights, kept, loss).leverage
    law = noise_law(*of_repeats(table.repeats, residuals, leverage, sizes))
    return law if noise == "by-size" or law.is_clear else EQUAL


def sizes_of(problem: Problem, table: RunTable, residuals: np.ndarray) -> np.ndarray:
    """Logarithm of the size of each run; residuals are law minus observation."""
    fitted = problem.y * np.exp(residuals) if problem.scale == "log" else problem.y + residuals
    return log_size(table.values, fitted)


def weighted(
    problem: Problem, table: RunTable, law: NoiseLaw, residuals: np.ndarray
) -> tuple[Problem, RunTable]:
    """The same with each run weighted by its precision."""
    weights = 1.0 / law.variance(sizes_of(problem, table, residuals))
    return replace(problem, weights=weights), replace(table, weights=weights)
