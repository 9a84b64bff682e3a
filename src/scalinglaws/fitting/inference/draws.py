"""Draws of the parameters: from their estimated distribution, and by the bootstrap."""

from __future__ import annotations

from dataclasses import dataclass
from math import comb
from typing import Literal

import numpy as np
import pandas as pd

from scalinglaws.arrays import BoolArray, FloatArray, IntArray
from scalinglaws.errors import ConvergenceWarning, DataWarning, FitError, warn
from scalinglaws.fitting.inference.covariance import root_of
from scalinglaws.fitting.record import FitRecord
from scalinglaws.fitting.solver.build_model import bind_problem
from scalinglaws.fitting.solver.model import to_natural
from scalinglaws.fitting.solver.objective import smooth_loss
from scalinglaws.fitting.solver.problem import Problem
from scalinglaws.fitting.solver.resampling import Refitter, resampled_weights
from scalinglaws.numerals import listed
from scalinglaws.options import check_count, check_option, generator_of
from scalinglaws.workers import Workers, map_tasks

Kind = Literal["cases", "clusters"]
NAMES: dict[Kind, str] = {"cases": "case bootstrap", "clusters": "cluster bootstrap"}
KINDS: tuple[Kind, ...] = tuple(NAMES)
# Resamples of one task: the draws must not depend on how many tasks run at once.
_PER_TASK = 1000
_MOST_WEIGHTS = 8_000_000  # elements: 64 MB
_FEWEST_CLUSTERS = 6  # below, there are no more than 126 different resamples
_LEAST_DOF = 3.0


# --- the estimated distribution ------------------------------------------------------------------


def draw(fit: FitRecord, n_resamples: int, rng: np.random.Generator | int | None) -> pd.DataFrame:
    """See `Fit.draws`."""
    check_count("n_resamples", n_resamples)
    _refuse(fit)
    generator = generator_of(rng)
    parameters = fit.law.parameters
    # exponents first: a change of units then leaves every draw what it was
    order = np.argsort([p.is_amplitude for p in parameters], kind="stable")
    moving = order[fit.estimated[order]]
    steps = np.zeros((n_resamples, len(fit.theta)))
    normal = generator.standard_normal((n_resamples, len(moving)))
    steps[:, moving] = normal @ root_of(fit.covariance[np.ix_(moving, moving)]).T
    dof = draw_dof(fit)
    steps *= np.sqrt(dof / generator.chisquare(dof, n_resamples))[:, None]
    drawn = pd.DataFrame({
        p.name: _natural(float(fit.theta[j]), steps[:, j], p.positive, p.is_floor)
        for j, p in enumerate(parameters)
    })  # fmt: skip
    drawn.attrs["method"] = f"drawn from {fit.interval_method}"
    return drawn


def draw_dof(fit: FitRecord) -> float:
    """Median degrees of freedom of the parameters, at least 3.

    Only exponents are used if there are any, because coefficients depend on the units.
    """
    assert fit.sandwich is not None
    dof = fit.sandwich.dof(np.eye(len(fit.kept)))
    unitless = np.array([not fit.law.parameters[j].is_amplitude for j in fit.kept])
    return max(float(np.median(dof[unitless] if unitless.any() else dof)), _LEAST_DOF)


def _refuse(fit: FitRecord) -> None:
    """Raise if the standard errors cannot be estimated."""
    if not fit.converged:
        raise FitError("The fit did not converge, so its parameters cannot be drawn.")
    if fit.null_space.shape[1] or len(fit.alternatives):
        raise FitError(
            "The fitted runs do not determine every coefficient of this law, so the coefficients "
            f"cannot be drawn. {' '.join(fit.facts)}".rstrip()
        )
    if fit.dof <= 0 or fit.sandwich is None:
        raise FitError(
            "There are as many coefficients as runs, so their errors cannot be estimated."
        )
    if fit.sandwich.n_units <= fit.sandwich.p:
        raise FitError(
            "There are no more clusters than coefficients, so their errors cannot be estimated."
        )


def _natural(centre: float, steps: FloatArray, positive: bool, floor: bool) -> FloatArray:
    if not positive:
        return centre + steps
    if floor:  # the law is linear in a floor, whose logarithm runs off to minus infinity
        return np.asarray(np.exp(centre) * np.maximum(1.0 + steps, 0.0))
    with np.errstate(over="ignore"):
        return np.asarray(np.exp(centre + steps))


# --- the bootstrap -------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Task:
    """A batch of resamples, with a separate random stream."""

    problem: Problem
    theta: FloatArray
    free: BoolArray
    noise: float
    clusters: IntArray | None
    n_resamples: int
    rng: np.random.Generator


def bootstrap(
    fit: FitRecord,
    n_resamples: int,
    kind: Kind,
    rng: np.random.Generator | int | None,
    workers: Workers,
) -> pd.DataFrame:
    """Draws of the coefficients; see `Fit.bootstrap`."""
    theta, converged, decrement = resample(fit, n_resamples, kind, rng, workers)
    draws = pd.DataFrame(
        to_natural(theta, fit.problem.positive),
        index=pd.Index(np.flatnonzero(converged), name="resample"),
        columns=pd.Index(fit.law.parameter_names),
    )
    draws.attrs |= {
        "method": NAMES[kind],
        "n_resamples": n_resamples,
        "n_failed": int((~converged).sum()),
        "largest_decrement": float(np.max(decrement, initial=0.0)),
    }
    return draws


def resample(
    fit: FitRecord,
    n_resamples: int,
    kind: Kind,
    rng: np.random.Generator | int | None,
    workers: Workers,
) -> tuple[FloatArray, BoolArray, FloatArray]:
    """Refit to resampled runs.

    Returns
    -------
    (converged, parameters), (resamples,), (converged,)
        Working parameters of the refits that converged, which of all did, and the predicted
        relative decrease of one more step.

    Raises
    ------
    FitError, ValueError
        If there is nothing to resample.
    """
    check_count("n_resamples", n_resamples)
    check_option("method", kind, KINDS)
    if kind == "clusters" and not len(fit.runs.clusters):
        raise ValueError(
            "There are no clusters: the table has no column that names the run of each row. Name "
            'one with `clusters`, or resample "cases".'
        )
    if kind == "clusters" and (few := len(np.unique(fit.runs.clusters))) < _FEWEST_CLUSTERS:
        warn(
            f"{few} clusters have only {comb(2 * few - 1, few)} different resamples: percentiles "
            'of the cluster bootstrap are too narrow. Use method="sandwich".',
            DataWarning,
        )
    free = fit.estimated
    if not free.any():
        raise FitError(
            "There is nothing to resample: no coefficient of this fit has a standard error."
        )
    _warn_of_bounds(fit)
    clusters = fit.runs.clusters if kind == "clusters" else None
    tasks = [
        _Task(fit.problem, fit.theta, free, fit.noise, clusters, n, own)
        for n, own in shared_out(fit.n, n_resamples, rng)
    ]
    answers = map_tasks(_refit, tasks, workers)
    theta, converged, decrement = (np.concatenate(part) for part in zip(*answers, strict=True))
    if not converged.any():
        raise FitError(
            f"None of the {n_resamples} refits converged ({NAMES[kind]}). Use "
            'method="sandwich" for intervals, or fit a law with fewer parameters.'
        )
    if not converged.all():
        warn(
            f"{int((~converged).sum())} of {n_resamples} refits ({NAMES[kind]}) did not converge, "
            "for instance because a resample does not identify a parameter. They are dropped.",
            ConvergenceWarning,
        )
    return theta[converged], converged, decrement[converged]


def _warn_of_bounds(fit: FitRecord) -> None:
    """Warn that parameters at a bound are not refitted."""
    at_bound = [n for n, bound in zip(fit.law.parameter_names, fit.at_bound, strict=True) if bound]
    if at_bound:
        warn(
            f"At its bound, and held there in every resample: {listed(at_bound)}. The draws "
            "therefore understate the variation of parameters that trade off with it.",
            DataWarning,
        )


def shared_out(
    n_runs: int, n_resamples: int, rng: np.random.Generator | int | None
) -> list[tuple[int, np.random.Generator]]:
    """Resamples and random stream of each task, independent of the number of workers."""
    size = max(1, min(_PER_TASK, _MOST_WEIGHTS // n_runs))
    sizes = [min(size, n_resamples - first) for first in range(0, n_resamples, size)]
    return list(zip(sizes, generator_of(rng).spawn(len(sizes)), strict=True))


def _refit(task: _Task) -> tuple[FloatArray, BoolArray, FloatArray]:
    """Working parameters, convergence and predicted relative decrease of each refit."""
    problem = task.problem
    model = bind_problem(problem)
    loss = smooth_loss(problem.objective, problem.delta, task.noise)
    refitter = Refitter(problem, model, loss, task.theta, task.free)
    solution = refitter.refit(_weights(task))
    return solution.theta, solution.converged, solution.decrement


def _weights(task: _Task) -> FloatArray:
    """Weights of each resample, shape (resamples, runs)."""
    weights = task.problem.weights
    if task.clusters is None:
        return resampled_weights(weights, task.n_resamples, task.rng)
    _, codes = np.unique(task.clusters, return_inverse=True)
    n = int(codes.max()) + 1
    counts = task.rng.multinomial(n, np.full(n, 1.0 / n), task.n_resamples)
    return np.asarray(counts[:, codes] * weights)
