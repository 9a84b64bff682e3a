"""The library's inner verbs, as the benchmarks call them: the one place that names its modules."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

import scalinglaws as sl
from scalinglaws.fitting.binding import bind
from scalinglaws.fitting.estimate import estimate
from scalinglaws.fitting.model import Model
from scalinglaws.fitting.objective import Loss, ObjectiveName
from scalinglaws.fitting.problem import Estimate, Problem
from scalinglaws.fitting.solver import minimise

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

    def refits(self, theta: Floats, counts: Floats, model: Model | None = None) -> Floats:
        """Working parameters of a refit for each row of weights, all from one start."""
        problem = self.problem
        loss = Loss("squared") if self.delta is None else Loss("huber", self.delta)
        model = model or self.bound()
        start = np.repeat(theta[None], len(counts), axis=0)
        free = np.ones_like(start, dtype=np.bool_)
        settings: dict[str, Any] = {"amplitude": problem.amplitudes}
        first = minimise(
            model, loss, start, counts, free, *problem.bounds(), max_iterations=60, **settings
        )
        late = np.flatnonzero(~first.converged)
        if len(late):
            safe = minimise(
                model, loss, first.theta[late], counts[late], free[late], *problem.bounds(),
                majorise=True, max_iterations=20, **settings,
            )  # fmt: skip
            last = minimise(
                model, loss, safe.theta, counts[late], free[late], *problem.bounds(),
                max_iterations=100, **settings,
            )  # fmt: skip
            first.put(late, last)
        return first.theta


@dataclass(frozen=True)
class Bootstrap:
    """The library's refits: a call, the counts of each run in each resample, and the answers."""

    name: str
    refit: Callable[[], Any]
    counts: Floats
    natural: Callable[[Any], Floats]


def bootstrap(task: Task, fit: sl.Fit, n_resamples: int) -> Bootstrap:
    """`Fit.bootstrap` where it exists and says what it drew, or else the solver itself."""
    method: Any = getattr(fit, "bootstrap", None)
    if method is not None:
        counts = method(n_resamples, rng=0).attrs.get("counts")
        if counts is not None:
            return Bootstrap(
                "library, fit.bootstrap", lambda: method(n_resamples, rng=0), np.asarray(counts),
                lambda frame: np.asarray(frame[list(task.law.parameter_names)]),
            )  # fmt: skip
    n = len(task.y)
    counts = np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), n_resamples).astype(float)
    theta = task.cold().theta
    return Bootstrap("library, solver", lambda: task.refits(theta, counts), counts, task.natural)


def fit(table: pd.DataFrame, law: str | sl.Law, **options: Any) -> sl.Fit:
    """`scalinglaws.fit`, whose verdicts are of no interest here."""
    with warnings.catch_warnings(action="ignore"):
        return sl.fit(table, law, units="trust", **options)


def sums(
    model: Model, theta: Floats, weights: Floats, delta: float
) -> tuple[Floats, Floats, Floats]:
    """Objective, gradient and Hessian of each row of a batch, as the solver asks for them."""
    found = model.sums(theta, weights, Loss("huber", delta), majorised=False)
    return found.value, found.gradient, found.hessian
