"""A fit taken up again: its problem, its model, and what each run does to it."""

from __future__ import annotations

from dataclasses import replace
from weakref import WeakKeyDictionary

import numpy as np

from scalinglaws.arrays import BoolArray, FloatArray, IntArray
from scalinglaws.fitting.inference.correlation import whitening_of
from scalinglaws.fitting.inference.influence import MANY_UNITS, Influence
from scalinglaws.fitting.inference.noise import NoiseLaw, log_size, noise_law
from scalinglaws.fitting.inference.record import FitRecord
from scalinglaws.fitting.inference.uncertainty import CLUSTERED, SANDWICHES, influence
from scalinglaws.fitting.solver.binding import bind_problem
from scalinglaws.fitting.solver.model import Model
from scalinglaws.fitting.solver.objective import Loss, smooth_loss
from scalinglaws.fitting.solver.problem import Problem
from scalinglaws.fitting.tables import columns as col
from scalinglaws.fitting.tables.clusters import check_weighted, cluster_codes
from scalinglaws.fitting.tables.runs import RunTable

# A fit does not change, and is asked for its influence by every prediction and interval.
_LINEARISED: WeakKeyDictionary[FitRecord, Influence] = WeakKeyDictionary()


def problem_of(fit: FitRecord) -> Problem:
    """What was fitted, from the record of it."""
    runs = fit.runs
    return Problem(
        fit.law, runs.inputs, runs.y, runs.weights, fit.scale, fit.objective, fit.delta, fit.fixed,
        whitening=whitening_of(runs, fit.correlation),
    )  # fmt: skip


def estimated(fit: FitRecord) -> BoolArray:
    """Parameters with a standard error: those that these runs determine."""
    return np.asarray(np.diag(fit.covariance) > 0)


def at_bound(fit: FitRecord) -> BoolArray:
    """Parameters that were estimated and stopped at a bound."""
    return np.array([row.status.startswith("at its bound") for row in fit.rows])


def linearised(fit: FitRecord) -> Influence:
    """What each run does to the estimate; computed once for each fit."""
    if fit not in _LINEARISED:
        problem = problem_of(fit)
        model, kept = bind_problem(problem), np.flatnonzero(estimated(fit))
        loss = smooth_loss(fit.objective, fit.delta, fit.noise)
        _LINEARISED[fit] = influence_of(
            problem, model, fit.runs, fit.theta, kept, loss, fit.noise_law, told=fit.noise_told
        )
    return _LINEARISED[fit]


def recalled_influence(fit: FitRecord) -> Influence | None:
    """The same, where the covariance is made of it; None elsewhere."""
    return linearised(fit) if fit.interval_method in SANDWICHES else None


def clustered(fit: FitRecord, column: str) -> FitRecord:
    """The same fit with the rows of each value of a column hanging together.

    Raises
    ------
    ValueError
        If the table is no longer there, as with a fit from a file.
    DataError
        If the column does not tell clusters apart.
    """
    source = fit.runs.source
    if source is None:
        raise ValueError(
            "A fit from a file does not have the table's other columns: fit again with "
            f"clusters={column!r}."
        )
    codes = cluster_codes(source, col.require(source, column, "`clusters`"))
    check_weighted(column, codes, fit.runs.weights)
    runs = replace(fit.runs, clusters=codes, cluster_column=column)
    smooth = fit.interval_method in SANDWICHES
    method = CLUSTERED if smooth else fit.interval_method
    return replace(fit, runs=runs, interval_method=method)


def influence_of(
    problem: Problem,
    model: Model,
    table: RunTable,
    theta: FloatArray,
    kept: IntArray,
    loss: Loss,
    weighted_by: NoiseLaw,
    *,
    told: bool,
) -> Influence:
    """Influence of each run, under the noise law that these runs show.

    Parameters
    ----------
    weighted_by : NoiseLaw
        That has made the weights; with equal noise none has.
    told : bool
        The user has said how the noise is: the weights are all there is to it.
    """
    clusters = table.clusters if len(table.clusters) else None
    plain = influence(
        model, theta, problem.weights, kept, loss, clusters=clusters,
        is_weighted=bool(weighted_by.slope),
    )  # fmt: skip
    residuals = model.residuals(theta[None, :])[0]
    sizes = sizes_of(problem, table, residuals)
    used = (problem.weights > 0) & np.isfinite(sizes)
    few = used.sum() <= len(kept) or plain.n_units > MANY_UNITS
    if told or few or model.whitening is not None:
        return plain
    weighted = residuals[used] * np.sqrt(problem.weights[used])
    found = noise_law(weighted, sizes[used], plain.leverage[used], plain.basis[used], shrunk=True)
    where = np.where(np.isfinite(sizes), sizes, found.centre)
    return replace(plain, noise_law=found, log_size=where)


def sizes_of(problem: Problem, table: RunTable, residuals: FloatArray) -> FloatArray:
    """Logarithm of the size of each run; residuals are law minus observation."""
    fitted = problem.y * np.exp(residuals) if problem.scale == "log" else problem.y + residuals
    return log_size(table.values, fitted)
