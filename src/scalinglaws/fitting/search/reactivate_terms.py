"""From a minimum in which a coefficient vanished, starts in which it is at work again, or gone.

At a true minimum no term may lower the objective as it grows from zero, whatever its exponent. The
derivative of the objective by the coefficient is therefore looked at for many exponents at once;
where it is negative, growth helps, and there is a start.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from scalinglaws.arrays import BoolArray, FloatArray
from scalinglaws.core.algebra import ONE
from scalinglaws.core.expression import evaluate, names_in
from scalinglaws.core.parameters import Parameter
from scalinglaws.core.structure import LinearTerm
from scalinglaws.fitting.search.link import log_slope
from scalinglaws.fitting.search.starts import Candidates
from scalinglaws.fitting.solver.build_model import term_shares
from scalinglaws.fitting.solver.model import Model, to_natural
from scalinglaws.fitting.solver.objective import Loss
from scalinglaws.fitting.solver.problem import Problem

# Share of the smallest performance below which a term counts as vanished.
_AT_WORK = 1e-3
_VANISHED = 1e-6  # share below which a coefficient is tried at exactly zero
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
# A parameter made this many times larger shows whether it has an effect.
_OTHER = 1.5


def vanished_terms(
    problem: Problem, theta: FloatArray, free: BoolArray
) -> list[tuple[LinearTerm, Parameter]]:
    """Terms whose coefficient is at zero, or next to nothing in every run.

    Each with that coefficient: a law with groups has one for each.
    """
    law, columns = problem.law, problem.columns
    if not law.separation.is_plain:
        return [] if law.groups else _vanished_inside(problem, theta, free)
    names = law.parameter_names
    values = law.local({**dict(zip(names, theta, strict=True)), **problem.fixed}, columns)
    found = []
    for term in law.separation.terms:
        for parameter in _coefficients(problem, term):
            k, rows = names.index(parameter.name), law.rows_of(parameter.name, columns)
            smallest = np.log(max(_AT_WORK * np.abs(problem.y[rows]).min(), 1e-300))
            largest = -np.inf
            if free[k]:
                with np.errstate(all="ignore"):
                    log_rest = evaluate(term.log_rest, {**values, **columns})  # type: ignore[arg-type]
                largest = float(np.max(np.broadcast_to(log_rest, problem.y.shape)[rows]))
            if not free[k] or theta[k] + largest <= smallest:
                found.append((term, parameter))
    return found


def _vanished_inside(
    problem: Problem, theta: FloatArray, free: BoolArray
) -> list[tuple[LinearTerm, Parameter]]:
    """The same inside an outer power or a link, as shares of the sum there."""
    law = problem.law
    shares = term_shares(law, problem.columns, to_natural(theta, problem.positive))
    return [
        (term, parameter)
        for term, share in zip(law.separation.terms, shares, strict=True)
        for parameter in _coefficients(problem, term)
        if not free[law.parameter_names.index(parameter.name)] or share.max() <= _AT_WORK
    ]


def reactivated_starts(
    problem: Problem, model: Model, loss: Loss, theta: FloatArray, free: BoolArray
) -> Candidates:
    """From a minimum, new starts in which one vanished coefficient is at work.

    Parameters
    ----------
    theta, free : working parameters of the minimum, and which of them moved
    """
    names = problem.law.parameter_names
    found: list[tuple[FloatArray, BoolArray]] = []
    vanished = vanished_terms(problem, theta, free)
    if vanished:
        residuals = model.residuals(theta[None, :])
        slope, outer = np.empty_like(residuals), np.empty_like(residuals)
        loss.weighted(residuals, problem.weights[None, :], slope, outer, majorise=True)
        is_log = problem.scale == "log"
        f = problem.y * np.exp(residuals[0]) if is_log else problem.y + residuals[0]
        unit = f if is_log else 1.0
        pull, stiffness = slope[0] / unit, outer[0] / unit**2
    gone = {parameter.name for _, parameter in vanished}
    for term, parameter in vanished:
        if problem.law.separation.is_plain:
            idle = _idle(problem, term, parameter, gone)
        else:
            idle = _idle_inside(problem, model, term, parameter, theta)
        growths = _growths(problem, term, parameter, idle, theta, f, pull, stiffness)
        for exponents, log_size in growths:
            point, moving = theta.copy(), free.copy()
            for name, size in exponents.items():
                point[names.index(name)] = size
            point[names.index(parameter.name)] = log_size
            moving[[names.index(n) for n in (parameter.name, *exponents)]] = True
            found.append((point, moving))
    return Candidates.of(found, len(names))


def without_vanished(
    problem: Problem, theta: FloatArray, free: BoolArray
) -> tuple[FloatArray, BoolArray]:
    """The same point with each coefficient that has all but vanished at exactly zero.

    Its logarithm only crept towards minus infinity. What stands in no other term is held.
    """
    law, columns = problem.law, problem.columns
    index = {name: j for j, name in enumerate(law.parameter_names)}
    shares = term_shares(law, columns, to_natural(theta, problem.positive))
    if np.isfinite(theta).all() and shares.min(initial=1.0) >= _VANISHED:
        return theta, free  # every term is at work in every run
    theta, free = theta.copy(), free.copy()
    every = np.ones(len(problem.y), dtype=np.bool_)
    moving = set(law.names_at(names_in(law.separation.outer), columns, every))
    for term, share in zip(law.separation.terms, shares, strict=True):
        remains = every.copy()
        for name in law.members.get(term.coefficient or "", ()):
            parameter, rows = law.parameters[index[name]], law.rows_of(name, columns)
            can_vanish = parameter.positive and parameter.lower <= 0 and term.power == ONE
            if can_vanish and free[index[name]] and share[rows].max() < _VANISHED:
                theta[index[name]], free[index[name]] = -np.inf, False
                remains[rows] = False
            elif np.isneginf(theta[index[name]]):
                remains[rows] = False
        moving.update(law.names_at([*names_in(term.rest), *names_in(term.power)], columns, remains))
        moving.update(law.members.get(term.coefficient or "", ()))
    return theta, free & np.array([name in moving for name in law.parameter_names])


def _coefficients(problem: Problem, term: LinearTerm) -> list[Parameter]:
    """The coefficients of a term that may vanish."""
    is_plain = problem.law.separation.is_plain
    if (is_plain and term.power != ONE) or term.log_rest is None or term.coefficient is None:
        return []
    own = problem.law.members.get(term.coefficient, ())
    return [
        p
        for p in problem.law.parameters
        if p.name in own and p.name not in problem.fixed and p.positive and p.lower <= 0
    ]


def _idle(problem: Problem, term: LinearTerm, parameter: Parameter, gone: set[str]) -> list[str]:
    """Parameters that have no effect but through a coefficient that is gone."""
    law, columns = problem.law, problem.columns
    own = law.names_at(names_in(term.rest), columns, law.rows_of(parameter.name, columns))
    elsewhere: set[str] = set()
    for other in law.separation.terms:
        symbols = [*names_in(other.rest), *names_in(other.power)]
        if other is not term:
            elsewhere.update(law.names_at(symbols, columns, slice(None)))
            continue
        for name in set(law.members[term.coefficient or ""]) - gone:
            elsewhere.update(law.names_at(symbols, columns, law.rows_of(name, columns)))
    return [name for name in own if name not in elsewhere and name not in problem.fixed]


def _idle_inside(
    problem: Problem, model: Model, term: LinearTerm, parameter: Parameter, theta: FloatArray
) -> list[str]:
    """The same inside an outer power, which itself may be without effect: by trial."""
    names = problem.law.parameter_names
    outer = problem.law.separation.outer
    tried = dict.fromkeys([*names_in(term.rest), *names_in(term.power), *names_in(outer)])
    places = {name: names.index(name) for name in tried if name in names}
    without = theta.copy()
    for place in places.values():  # nought times the logarithm of nought is not a number
        without[place] = without[place] or 1.0
    without[names.index(parameter.name)] = -np.inf
    residuals = model.residuals(without[None])[0]
    found = []
    for name, place in places.items():
        other = without.copy()
        other[place] *= _OTHER
        change = model.residuals(other[None])[0] - residuals
        if name not in problem.fixed and np.abs(change).max() <= _ROUNDING * model.magnitude:
            found.append(name)
    return found


def _growths(
    problem: Problem,
    term: LinearTerm,
    parameter: Parameter,
    idle: Sequence[str],
    theta: FloatArray,
    fitted: FloatArray,
    pull: FloatArray,
    stiffness: FloatArray,
) -> Iterator[tuple[dict[str, float], float]]:
    """Exponents at which the term should grow, and the logarithms of coefficients to start from.

    Parameters
    ----------
    idle : parameters to try, which have no effect yet
    fitted : (rows,)
        The law's value.
    pull, stiffness : (rows,)
        First and majorising second derivative of the objective by the law's value.
    """
    law, names = problem.law, problem.law.parameter_names
    parameters = {p.name: p for p in law.parameters}
    n_each = _SIZES.get(len(idle), 6)
    grid = list(itertools.product(*(_tried(parameters[n], n_each) for n in idle)))
    points = np.tile(theta, (len(grid), 1))
    for name, value in problem.fixed.items():
        points[:, names.index(name)] = value
    for k, name in enumerate(idle):
        points[:, names.index(name)] = [g[k] for g in grid]
    rows = law.rows_of(parameter.name, problem.columns)
    fitted, pull, stiffness = fitted[rows], pull[rows], stiffness[rows]
    values: dict[str, FloatArray] = {v: problem.columns[v][rows] for v in law.variables}
    for symbol, place in law.places(problem.columns).items():
        values[symbol] = points[:, [place]] if isinstance(place, int) else points[:, place[rows]]
    with np.errstate(all="ignore"):
        rest = np.asarray(evaluate(term.log_rest, values), dtype=np.float64)  # type: ignore[arg-type]
        if not law.separation.is_plain:
            power_outside = np.asarray(evaluate(law.separation.outer, values), dtype=np.float64)
            rest = rest + log_slope(law.separation, fitted, power_outside)
        rest = np.broadcast_to(rest, (len(grid), len(pull)))
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
        power = float(np.ravel(evaluate(term.power, {**values, **exponents}))[0])
        step, smallest = -first[place] / second[place], np.abs(problem.y).min()
        for size_of_term in (*(s * step for s in _STEPS), *(s * smallest for s in _SHARES)):
            if size_of_term > 0:
                yield exponents, float(np.log(size_of_term) - top[place, 0]) / power


def _tried(parameter: Parameter, n: int) -> list[float]:
    """Exponents within the bounds, of both signs where both are allowed."""
    sizes = np.geomspace(_SMALLEST, _LARGEST, n)
    both = np.concatenate([-sizes[::-1], sizes])
    return [float(s) for s in both if parameter.lower <= s <= parameter.upper]
