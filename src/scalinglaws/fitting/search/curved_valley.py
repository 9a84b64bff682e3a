"""Down a long curved valley, along which Newton's steps can only crawl.

Where the runs hardly determine a direction, the best values of everything else bend on the way, so
that a straight step leaves the valley at once. Here each round tries steps of many lengths, along
Newton's direction and along the least curved one. At the end of each the exponents are held while
the coefficients follow (variable projection: Golub and Pereyra 1973, SIAM J. Numer. Anal. 10), then
all move; the next round starts from the lowest. Both signs of the least curved direction are tried,
so that a saddle is left as well.
"""

from __future__ import annotations

import numpy as np

from scalinglaws.arrays import BoolArray, FloatArray
from scalinglaws.fitting.search.effort import Budget
from scalinglaws.fitting.solver.model import Model
from scalinglaws.fitting.solver.newton import minimise
from scalinglaws.fitting.solver.objective import Loss
from scalinglaws.fitting.solver.problem import Problem, Solution

_MOST_ROUNDS = 60
# A valley ends where so many rounds in turn gain less than this, relative.
_QUIET_ROUNDS, _GAIN = 2, 1e-12
# Lengths tried: of Newton's step, and of a step along the least curved direction, the latter in
# units of the parameter that changes most.
_OF_NEWTON = (0.1, 1.0, 4.0, 16.0, 64.0, 256.0)
_OF_FLATTEST = tuple(sign * size for size in (1e-3, 1e-2, 0.1, 0.4) for sign in (-1.0, 1.0))
_LONGEST = 3.0  # in such units
_STEPS_OF_COEFFICIENTS, _STEPS_OF_ALL, _LAST_STEPS = 8, 6, 50
# More exponents than this are not held together; then it is the parameter that changes most.
_MOST_HELD = 2
_LEAST_CURVATURE = 1e-13  # relative
_NO_EFFECT = 1e-200  # curvature


def follow_valley(
    problem: Problem,
    model: Model,
    loss: Loss,
    theta: FloatArray,
    free: BoolArray,
    budget: Budget,
) -> Solution:
    """The lowest point of the valley that `theta` lies in, as the solution of a batch of one.

    Parameters
    ----------
    theta, free : (parameters,)
        Working parameters, and which of them move.
    budget : Budget
        Rounds end where it is spent.
    """
    weights, (lower, upper) = problem.weights[None], problem.bounds()

    def solved(starts: FloatArray, moving: BoolArray, steps: int) -> Solution:
        return minimise(
            model, loss, starts, weights, np.broadcast_to(moving, starts.shape), lower, upper,
            amplitude=problem.amplitudes, max_iterations=steps,
        )  # fmt: skip

    symbols = [p.symbol for p in problem.law.parameters]
    exponents = np.isin(symbols, problem.law.separation.searched) & free
    value, quiet = np.inf, 0
    for _ in range(_MOST_ROUNDS):
        if budget.is_spent:
            break
        trials, pivot = _trials(problem, model, loss, theta, free)
        if not len(trials):
            break
        held = exponents
        if not 0 < exponents.sum() <= _MOST_HELD or (exponents == free).all():
            held = np.arange(len(symbols)) == pivot
        ends = np.where(free, np.clip(trials, lower, upper), trials)
        if (free & ~held).any():
            ends = solved(ends, free & ~held, _STEPS_OF_COEFFICIENTS).theta
        found = solved(ends, free, _STEPS_OF_ALL)
        best = int(np.where(np.isfinite(found.value), found.value, np.inf).argmin())
        gained = not found.value[best] >= value * (1 - _GAIN)
        if found.value[best] < value:
            theta, value = found.theta[best], float(found.value[best])
        quiet = 0 if gained else quiet + 1
        if quiet == _QUIET_ROUNDS:
            break
    return solved(theta[None], free, _LAST_STEPS)


def _trials(
    problem: Problem, model: Model, loss: Loss, theta: FloatArray, free: BoolArray
) -> tuple[FloatArray, int]:
    """Ends of straight steps, the first of them none, and what changes most along the flattest."""
    weights, (lower, upper) = problem.weights[None], problem.bounds()
    here = model.sums(theta[None], weights, loss)
    gradient, hessian = here.gradient[0], here.hessian[0]
    majorised = model.sums(theta[None], weights, loss, majorise=True).hessian[0]
    held = (theta <= lower) & (gradient > 0) | (theta >= upper) & (gradient < 0)
    # what has next to no effect has no direction either
    effect = np.maximum(np.diag(majorised), np.abs(np.diag(hessian)))
    moving = np.flatnonzero(free & ~held & (effect > _NO_EFFECT))
    if not len(moving) or not np.isfinite(here.value[0]):
        return np.zeros((0, len(theta))), 0
    size = 1.0 / np.sqrt(effect[moving])
    scaled = hessian[np.ix_(moving, moving)] * np.outer(size, size)
    if not np.isfinite(scaled).all():
        return np.zeros((0, len(theta))), 0
    curvature, axes = np.linalg.eigh(scaled)
    least = _LEAST_CURVATURE * np.abs(curvature).max() + 1e-300
    downhill = axes.T @ (gradient[moving] * size) / np.maximum(np.abs(curvature), least)
    newton, flattest = -(axes @ downhill) * size, axes[:, 0] * size
    unit = np.where(problem.positive, 1.0, np.abs(theta) + 1e-3)[moving]
    flattest /= np.abs(flattest / unit).max()
    longest = np.abs(newton / unit).max()
    steps = [share * newton for share in _OF_NEWTON if share * longest <= _LONGEST]
    steps += [share * flattest for share in _OF_FLATTEST]
    trials = np.tile(theta, (len(steps) + 1, 1))
    trials[1:, moving] += np.array(steps)
    return trials, int(moving[np.abs(flattest / unit).argmax()])
