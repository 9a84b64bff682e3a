"""From a law and a table to the global minimum, with the evidence that it is one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from scalinglaws.errors import FitError
from scalinglaws.fitting.search.effort import QUICK, THOROUGH, Budget, Effort
from scalinglaws.fitting.search.group_starts import find_group_starts
from scalinglaws.fitting.search.multistart import Multistart
from scalinglaws.fitting.search.reactivate_terms import vanished_terms
from scalinglaws.fitting.search.scale import ResidualScale
from scalinglaws.fitting.search.split_groups import Share, independent_groups, together
from scalinglaws.fitting.search.starts import Candidates, can_be_exhaustive, find_starts
from scalinglaws.fitting.search.vertices import Vertices
from scalinglaws.fitting.solver.build_model import bind
from scalinglaws.fitting.solver.model import Model
from scalinglaws.fitting.solver.objective import HUBER_FACTOR, Loss
from scalinglaws.fitting.solver.problem import Estimate, Problem

# Huber thresholds, in units of the residuals' scale, on the way to absolute deviations.
_TOWARDS_ABSOLUTE = (0.3, 0.03, 1e-3)
# Starts from which on agreement is asked for, and exponents so small that a term hardly changes.
_ENOUGH, _FLAT = 3, 0.02
_EFFORTS = QUICK, replace(THOROUGH, many=_ENOUGH), THOROUGH
# A threshold is renewed, once, if the residuals ask for another by more than this factor.
_MOVED = 4.0 / 3.0
# Scaled curvature below which parameters may trade against each other without end.
_SINGULAR = 1e-10


def estimate(problem: Problem, model: Model) -> Estimate:
    """Search, polish every basin, and return the best.

    Where a grid covers all parameters but the linear ones, a quick look is enough if several starts
    agree on a minimum in which every term is at work.
    Elsewhere every set of terms is followed down, and where even then only one start reaches the
    best minimum, from many more basins.

    Raises
    ------
    FitError
        If no start has a finite objective.
    """
    shares = independent_groups(problem)
    return _of_each_group(problem, model, shares) if shares else _of_whole(problem, model)


def _of_each_group(problem: Problem, model: Model, shares: Sequence[Share]) -> Estimate:
    """Each group by itself, with one Huber threshold for all of them."""

    def solved(problem: Problem) -> Estimate:
        found = []
        for share in shares:
            own = replace(share.problem, objective=problem.objective, delta=problem.delta)
            own_model = bind(own.law, own.columns, own.y, own.scale)
            found.append(_searched(own, own_model, Budget(own, own_model))[0])
        return together(problem, shares, found)

    if not _is_automatic(problem):
        return solved(problem)
    start = solved(replace(problem, objective="squared"))
    only = Candidates(start.theta[None], start.free[None])
    run = Multistart(problem, model, only, THOROUGH, Budget(problem, model))
    run.warm_up()
    found = solved(replace(problem, delta=run.threshold()))
    renewed = _renewed(problem, model, found)
    return found if renewed is None else solved(renewed)


def _of_whole(problem: Problem, model: Model) -> Estimate:
    budget = Budget(problem, model)
    found, effort = _searched(problem, model, budget)
    renewed = _renewed(problem, model, found) if _is_automatic(problem) else None
    if renewed is None:
        return found
    budget.renew()
    return _searched(renewed, model, budget, found, effort)[0]


def _is_automatic(problem: Problem) -> bool:
    """Whether the Huber threshold is taken from the residuals."""
    return problem.objective == "huber" and problem.delta is None


def _renewed(problem: Problem, model: Model, found: Estimate) -> Problem | None:
    """The problem with the threshold that the fit's residuals ask for, if it is a different one."""
    assert found.delta is not None
    scale = ResidualScale(problem, model.magnitude)
    residuals = model.residuals(found.theta[None])[0]
    asked = HUBER_FACTOR * scale.robust(residuals, int(found.free.sum()))
    if 1.0 / _MOVED < asked / found.delta < _MOVED:
        return None
    return replace(problem, delta=asked)


def _searched(
    problem: Problem,
    model: Model,
    budget: Budget,
    known: Estimate | None = None,
    first: int = 0,
) -> tuple[Estimate, int]:
    """The best minimum, and the effort that it took: 0 for a quick look, 1, or 2 for most starts.

    Parameters
    ----------
    known : a minimum to begin with
    first : the least effort; a quick look is only of use where a grid covers the law
    """
    if problem.objective == "absolute" or not can_be_exhaustive(problem):
        first = max(first, 1)
    found = known
    for effort in range(first, len(_EFFORTS)):
        starts = _starts(problem, effort)
        if effort == 0 and not len(starts.theta):
            continue
        starts = _with(found, starts)
        if not len(starts.theta):
            raise FitError(
                f"No starting point has a finite value for the law {problem.law.label!r} on these "
                "runs; pass `start` with a value for each parameter, or `bounds`."
            )
        found = _search(problem, model, starts, _EFFORTS[effort], budget)
        if _is_enough(problem, found, effort) or budget.is_spent:
            break
        if effort:
            problem = replace(problem, delta=found.delta)
    assert found is not None
    return replace(found, stopped=budget.is_spent), effort


def _is_enough(problem: Problem, found: Estimate, effort: int) -> bool:
    """Whether more starts would find nothing lower."""
    if effort == 0:
        return _is_certain(problem, found)
    return effort == len(_EFFORTS) - 1 or found.n_starts < _ENOUGH or not _is_disputed(found)


def _is_disputed(found: Estimate) -> bool:
    """Whether more starts may find a lower minimum: a few may agree on one of several by chance."""
    most = 2 * found.n_agreeing > found.n_starts
    return found.n_agreeing < 2 or (found.n_minima > 1 and not most)


def _with(found: Estimate | None, starts: Candidates) -> Candidates:
    """Starts, and first among them what was found before."""
    if found is None:
        return starts
    return Candidates(found.theta[None], found.free[None]).joined(starts)


def _is_certain(problem: Problem, found: Estimate) -> bool:
    """Whether a quick look has seen all that there is to see."""
    moving = problem.movable
    lower, upper = problem.bounds()
    exponents = np.array([p.role == "exponent" for p in problem.law.parameters]) & moving
    return bool(
        found.converged
        and found.n_agreeing >= 2
        and found.n_minima == 1
        and found.curvature > _SINGULAR
        and (found.free == moving).all()
        and np.all((found.theta > lower) & (found.theta < upper) | ~moving)
        and np.all(np.abs(found.theta[exponents]) > _FLAT)
        and not vanished_terms(problem, found.theta, found.free)
    )


def _search(
    problem: Problem, model: Model, starts: Candidates, effort: Effort, budget: Budget
) -> Estimate:
    run = Multistart(problem, model, starts, effort, budget)
    run.warm_up()
    if problem.objective == "squared":
        run.newton(Loss("squared"))
        run.finish()
        return run.best(None)
    if problem.objective == "huber":
        delta = run.threshold() if problem.delta is None else problem.delta
        run.to_huber(delta)
        run.finish()
        return run.best(delta)
    run.newton(Loss("squared"), last=False)
    run.least_squares()
    for factor in _TOWARDS_ABSOLUTE:
        run.to_huber(factor * run.residual_scale(), last=factor == _TOWARDS_ABSOLUTE[-1])
    run.try_neighbours()
    return Vertices(run).best()


def _starts(problem: Problem, effort: int) -> Candidates:
    search = find_group_starts if problem.law.groups else find_starts
    found = search(problem, effort)
    if problem.start is None:
        return found
    own = np.array([problem.start[name] for name in problem.law.parameter_names], dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        own = np.where(problem.positive, np.log(own), own)
    return Candidates(own[None], problem.movable[None]).joined(found)
