"""From a law and a table to the global minimum, with the evidence that it is one."""

from __future__ import annotations

import numpy as np

from scalinglaws.errors import FitError
from scalinglaws.fitting.model import Model
from scalinglaws.fitting.objective import Loss
from scalinglaws.fitting.polish import SAME_MINIMUM, Polisher
from scalinglaws.fitting.problem import Estimate, Problem
from scalinglaws.fitting.starts import Candidates, find_starts

# Starts from which on agreement is asked for, and how many more are tried where there is none.
_ENOUGH, _MORE_EFFORT = 3, 4
# Huber thresholds, in units of the residuals' scale, on the way to absolute deviations.
_TOWARDS_ABSOLUTE = (0.3, 0.03, 1e-3, 1e-5)


def estimate(problem: Problem, model: Model) -> Estimate:
    """Search, polish every basin, and return the best.

    Raises
    ------
    FitError
        If no start has a finite objective.
    """
    found = _search(problem, model, effort=1)
    if found.n_starts >= _ENOUGH and found.n_agreeing < 2:
        # one start alone at the best minimum: look in many more basins
        again = _search(problem, model, effort=_MORE_EFFORT)
        return again if again.value <= found.value * (1 + SAME_MINIMUM) else found
    return found


def _search(problem: Problem, model: Model, effort: int) -> Estimate:
    run = Polisher(problem, model, _starts(problem, effort))
    run.warm_up()
    if problem.objective == "squared":
        run.newton(Loss("squared"))
        run.lift()
        return run.best(None)
    if problem.objective == "huber":
        if problem.delta is None:
            return run.best(run.own_delta())
        run.to_huber(problem.delta)
        run.lift()
        return run.best(problem.delta)
    run.newton(Loss("squared"))
    run.least_squares()
    for factor in _TOWARDS_ABSOLUTE:
        run.to_huber(factor * run.residual_scale())
    return run.vertex()


def _starts(problem: Problem, effort: int) -> Candidates:
    found = find_starts(problem, effort)
    theta, free = found.theta, found.free
    if problem.start is not None:
        own = np.array([problem.start[name] for name in problem.law.parameter_names], dtype=float)
        with np.errstate(divide="ignore", invalid="ignore"):
            own = np.where(problem.positive, np.log(own), own)
        may_move = np.array([name not in problem.fixed for name in problem.law.parameter_names])
        theta = np.concatenate([own[None], theta])
        free = np.concatenate([may_move[None], free])
    if not len(theta):
        raise FitError(
            f"No starting point has a finite value for the law {problem.law.label!r} on these "
            "runs; pass `start` with a value for each parameter, or `bounds`."
        )
    return Candidates(theta, free)
