"""The library's inner verbs, as the benchmarks call them: the one place that names its modules."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

import scalinglaws as sl
from scalinglaws.fitting.inference.draws import shared_out
from scalinglaws.fitting.search.global_search import estimate
from scalinglaws.fitting.solver.build_model import bind
from scalinglaws.fitting.solver.model import Model, to_natural
from scalinglaws.fitting.solver.objective import Loss, smooth_loss
from scalinglaws.fitting.solver.problem import Estimate, Problem
from scalinglaws.fitting.solver.resampling import Refitter, resampled_weights
from scalinglaws.options import ObjectiveName

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Task:
    """A law on a table, ready to be bound and estimated."""

    law: sl.Law
    columns: Mapping[str, Floats]
    y: Floats
    objective: ObjectiveName = "huber"
    delta: float | None = 1e-3

    @property
    def problem(self) -> Problem:
        """What the search is asked."""
        return Problem(
            self.law, self.columns, self.y, np.ones(len(self.y)), "log", self.objective,
            self.delta, {},
        )  # fmt: skip

    def bound(self) -> Model:
        """The law bound to the table."""
        return bind(self.law, self.columns, self.y, "log")

    def cold(self, model: Model | None = None) -> Estimate:
        """From nothing to the minimum: binding, start search and solver, no intervals."""
        return estimate(self.problem, model or self.bound())

    def natural(self, theta: Floats) -> Floats:
        """Natural values of working parameters, along the last axis."""
        return np.where(self.problem.positive, np.exp(theta), theta)

    def refitter(self, theta: Floats, model: Model | None = None) -> Refitter:
        """Refits with other weights, all from one fit in which every parameter moves."""
        problem = self.problem
        loss = smooth_loss(problem.objective, problem.delta, 1.0)
        free = np.ones(len(theta), dtype=np.bool_)
        return Refitter(problem, model or self.bound(), loss, theta, free)


def drawn_counts(n_runs: int, n_resamples: int, seed: int = 0) -> Floats:
    """How often `Fit.bootstrap` draws each run in each resample: tasks with their own streams."""
    every = np.ones(n_runs)
    return np.concatenate(
        [resampled_weights(every, n, rng) for n, rng in shared_out(n_runs, n_resamples, seed)]
    )


def fit(table: pd.DataFrame, law: str | sl.Law, **options: Any) -> sl.Fit:
    """`scalinglaws.fit`, whose verdicts are of no interest here."""
    with warnings.catch_warnings(action="ignore"):
        return sl.fit(table, law, units="trust", **options)


def sums(
    model: Model, theta: Floats, weights: Floats, delta: float
) -> tuple[Floats, Floats, Floats]:
    """Objective, gradient and Hessian of each row of a batch, as the solver asks for them."""
    found = model.sums(theta, weights, Loss("huber", delta))
    return found.value, found.gradient, found.hessian


def refits(
    found: sl.Fit, *, weights: Floats | None = None, shifts: Floats | None = None
) -> pd.DataFrame:
    """Natural parameters of refits, one row for each that arrived.

    Parameters
    ----------
    weights : (refits, runs), instead of those of the fit
    shifts : (refits, runs), added to log observations
    """
    problem = found.problem
    model = bind(problem.law, problem.columns, problem.y, problem.scale)
    loss = smooth_loss(problem.objective, problem.delta, found.noise)
    refitter = Refitter(problem, model, loss, found.theta, found.estimated)
    solution = refitter.refit(problem.weights[None, :] if weights is None else weights, shifts)
    natural = to_natural(solution.theta, problem.positive)
    return pd.DataFrame(natural, columns=pd.Index(found.law.parameter_names))[solution.converged]
