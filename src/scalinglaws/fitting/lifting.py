"""From a minimum in which a coefficient vanished, starts in which it is at work again.

At a true minimum no term may lower the objective as it grows from zero, whatever its exponent. The
derivative of the objective by the coefficient is therefore looked at for many exponents at once;
where it is negative, growth helps, and there is a start.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from scalinglaws.core.algebra import ONE
from scalinglaws.core.expression import evaluate, names_in
from scalinglaws.core.law import Parameter
from scalinglaws.core.structure import LinearTerm
from scalinglaws.fitting.model import Model
from scalinglaws.fitting.objective import BoolArray, FloatArray, Loss
from scalinglaws.fitting.problem import Problem
from scalinglaws.fitting.starts import Candidates

# Share of the smallest performance below which a term counts as vanished.
_AT_WORK = 1e-3
# Exponents at which a term is tried, by how many of them it has.
_SIZES = {0: 1, 1: 60, 2: 14}
_SMALLEST, _LARGEST = 0.003, 10.0
_MOST_STARTS = 4  # of one term
# Where a term starts: at shares of the step that reweighted least squares would take, and of the
# smallest performance; at kinks the former is too short.
_STEPS = (1.0, 0.1)
_SHARES = (1e-4, 1e-2)
# A derivative below this share of what it could be is rounding.
_ROUNDING = 1e-9


def vanished_terms(problem: Problem, theta: FloatArray, free: BoolArray) -> list[LinearTerm]:
    """Terms of a plain sum whose coefficient is at zero, or next to nothing in every run."""
    law, names = problem.law, problem.law.parameter_names
    if not law.separation.is_plain:
        return []
    values = {**dict(zip(names, theta, strict=True)), **problem.fixed, **problem.columns}
    smallest = np.log(max(_AT_WORK * np.abs(problem.y).min(), 1e-300))
    found = []
    for term in law.separation.terms:
        parameter = _coefficient(problem, term)
        if parameter is None:
            continue
        k = names.index(parameter.name)
        with np.errstate(all="ignore"):
            largest = np.max(evaluate(term.log_rest, values)) if free[k] else -np.inf  # type: ignore[arg-type]
        if not free[k] or theta[k] + largest <= smallest:
            found.append(term)
    return found


def lifted_starts(
    problem: Problem, model: Model, loss: Loss, theta: FloatArray, free: BoolArray
) -> Candidates:
    """From a minimum, new starts in which one vanished coefficient is at work.

    Parameters
    ----------
    theta, free : working parameters of the minimum, and which of them moved
    """
    names = problem.law.parameter_names
    new_theta: list[FloatArray] = []
    new_free: list[BoolArray] = []
    terms = vanished_terms(problem, theta, free)
    if terms:
        residuals = model.residuals(theta[None, :])
        slope, outer = np.empty_like(residuals), np.empty_like(residuals)
        loss.weighted(residuals, problem.weights[None, :], slope, outer, majorise=True)
        f = np.exp(residuals[0] + np.log(problem.y)) if problem.scale == "log" else 1.0
        pull, stiffness = slope[0] / f, outer[0] / f**2
    for term in terms:
        parameter = _coefficient(problem, term)
        assert parameter is not None
        for exponents, log_size in _growths(problem, term, theta, pull, stiffness):
            point, moving = theta.copy(), free.copy()
            for name, size in exponents.items():
                point[names.index(name)] = size
            point[names.index(parameter.name)] = log_size
            moving[[names.index(n) for n in (parameter.name, *exponents)]] = True
            new_theta.append(point)
            new_free.append(moving)
    if not new_theta:
        return Candidates(np.zeros((0, len(names))), np.zeros((0, len(names)), bool))
    return Candidates(np.stack(new_theta), np.stack(new_free))


def _coefficient(problem: Problem, term: LinearTerm) -> Parameter | None:
    """The coefficient of a term, if it is one that may vanish."""
    for parameter in problem.law.parameters:
        if parameter.name != term.coefficient or parameter.name in problem.fixed:
            continue
        may_vanish = parameter.positive and parameter.lower <= 0
        return parameter if may_vanish and term.power == ONE and term.log_rest is not None else None
    return None


def _growths(
    problem: Problem,
    term: LinearTerm,
    theta: FloatArray,
    pull: FloatArray,
    stiffness: FloatArray,
) -> Iterator[tuple[dict[str, float], float]]:
    """Exponents at which the term should grow, and the logarithms of coefficients to start from.

    Parameters
    ----------
    pull, stiffness : (rows,)
        First and majorising second derivative of the objective by the law's value.
    """
    names = problem.law.parameter_names
    parameters = {p.name: p for p in problem.law.parameters}
    own = [n for n in names_in(term.log_rest) if n in parameters and n not in problem.fixed]  # type: ignore[arg-type]
    elsewhere = {
        name
        for other in problem.law.separation.terms
        if other is not term
        for name in (*names_in(other.rest), *names_in(other.power))
    }
    idle = [name for name in own if name not in elsewhere]
    n_each = _SIZES.get(len(idle), 6)
    grid = list(itertools.product(*(_tried(parameters[n], n_each) for n in idle)))
    known = {n: v for n, v in zip(names, theta, strict=True) if n not in idle}
    values = {**known, **problem.fixed, **problem.columns}
    values |= {name: np.array([[g[k]] for g in grid]) for k, name in enumerate(idle)}
    with np.errstate(all="ignore"):
        rest = np.asarray(evaluate(term.log_rest, values), dtype=np.float64)  # type: ignore[arg-type]
        rest = np.broadcast_to(rest, (len(grid), len(problem.y)))
        top = rest.max(axis=1, keepdims=True)
        size = term.sign * np.exp(rest - top)
    first, second = size @ pull, (size * size) @ stiffness
    scale = np.sqrt(second * np.sum(pull**2 / np.maximum(stiffness, 1e-300)))
    drop = np.where(np.isfinite(first) & (second > 0), first / np.maximum(scale, 1e-300), 0.0)
    order = np.argsort(drop)
    for place in order[:: max(1, len(order) // 40)][:_MOST_STARTS] if len(order) > 8 else order:
        if drop[place] >= -_ROUNDING:
            continue
        exponents = dict(zip(idle, grid[place], strict=True))
        step, smallest = -first[place] / second[place], np.abs(problem.y).min()
        for size_of_term in (*(s * step for s in _STEPS), *(s * smallest for s in _SHARES)):
            if size_of_term > 0:
                yield exponents, float(np.log(size_of_term) - top[place, 0])


def _tried(parameter: Parameter, n: int) -> list[float]:
    """Exponents within the bounds, of both signs where both are allowed."""
    sizes = np.geomspace(_SMALLEST, _LARGEST, n)
    both = np.concatenate([-sizes[::-1], sizes])
    return [float(s) for s in both if parameter.lower <= s <= parameter.upper]
