"""Refits to resampled runs: the coefficients as draws."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from scalinglaws.arrays import BoolArray, FloatArray
from scalinglaws.errors import FitError
from scalinglaws.fitting.inference.record import FitRecord
from scalinglaws.fitting.solver.binding import bind
from scalinglaws.fitting.solver.model import to_natural
from scalinglaws.fitting.solver.objective import smooth_loss
from scalinglaws.fitting.solver.problem import Problem
from scalinglaws.fitting.solver.resampling import Refitter, resampled_weights
from scalinglaws.workers import Workers, map_tasks

METHOD = "case bootstrap"
# Resamples of one task: the draws must not depend on how many tasks run at once.
_PER_TASK = 1000
_MOST_WEIGHTS = 8_000_000  # elements: 64 MB


@dataclass(frozen=True)
class _Task:
    """Some of the resamples, with random numbers of their own."""

    problem: Problem
    theta: FloatArray
    free: BoolArray
    noise: float
    n_resamples: int
    rng: np.random.Generator


def bootstrap(
    fit: FitRecord, n_resamples: int, rng: np.random.Generator | int | None, workers: Workers
) -> pd.DataFrame:
    """Draws of the coefficients; see `Fit.bootstrap`."""
    if isinstance(n_resamples, bool) or not isinstance(n_resamples, int) or n_resamples < 1:
        raise ValueError(f"`n_resamples` must be a positive whole number; got {n_resamples!r}.")
    free = estimated(fit)
    if not free.any():
        raise FitError(
            "There is nothing to resample: no coefficient of this fit has a standard error. "
            f"{fit.status.value}"
        )
    problem = problem_of(fit)
    tasks = [
        _Task(problem, fit.theta, free, fit.noise, n, own)
        for n, own in shared_out(fit.n, n_resamples, rng)
    ]
    answers = map_tasks(_refit, tasks, workers)
    theta = np.concatenate([a[0] for a in answers])
    converged = np.concatenate([a[1] for a in answers])
    draws = pd.DataFrame(
        to_natural(theta, problem.positive), columns=pd.Index(fit.law.parameter_names)
    )
    draws.index.name = "resample"
    draws = draws[converged]
    draws.attrs |= {
        "method": METHOD,
        "n_resamples": n_resamples,
        "n_failed": int((~converged).sum()),
        "largest_decrement": float(
            max((np.concatenate([a[2] for a in answers])[converged]), default=0.0)
        ),
    }
    return draws


def shared_out(
    n_runs: int, n_resamples: int, rng: np.random.Generator | int | None
) -> list[tuple[int, np.random.Generator]]:
    """Resamples of each task, and its random numbers: the same whatever the workers."""
    size = max(1, min(_PER_TASK, _MOST_WEIGHTS // n_runs))
    sizes = [min(size, n_resamples - first) for first in range(0, n_resamples, size)]
    return list(zip(sizes, np.random.default_rng(rng).spawn(len(sizes)), strict=True))


def estimated(fit: FitRecord) -> BoolArray:
    """Parameters with a standard error: those that these runs determine."""
    return np.asarray(np.diag(fit.covariance) > 0)


def problem_of(fit: FitRecord) -> Problem:
    """What was fitted, from the record of it."""
    runs = fit.runs
    return Problem(
        fit.law, runs.inputs, runs.y, runs.weights, fit.scale, fit.objective, fit.delta, fit.fixed
    )


def _refit(task: _Task) -> tuple[FloatArray, BoolArray, FloatArray]:
    """Working parameters of the refits, whether each arrived, and what a further step promises."""
    problem = task.problem
    model = bind(problem.law, problem.columns, problem.y, problem.scale)
    loss = smooth_loss(problem.objective, problem.delta, task.noise)
    refitter = Refitter(problem, model, loss, task.theta, task.free)
    found = refitter.refit(resampled_weights(problem.weights, task.n_resamples, task.rng))
    return found.theta, found.converged, found.decrement
