"""From a minimum, starts around it with the coefficients solved again, some perhaps at zero.

Where a term is nearly constant in these runs, a floor and a flat power trade places along a valley
that ends at a bound, and Newton steps crawl along it; where one run stands apart, a term may serve
that run alone. Non-negative least squares at exponents that are some times smaller or larger, or
far away, looks at the other end of such a valley.

Where many parameters are searched over at once, the points of the search lie far apart, and which
of them are the best is decided by the largest terms. Near a minimum those are known well, and the
shape of a small term, or any one parameter, can be searched for by itself, everything else held and
all coefficients solved again.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from scipy.optimize import nnls

from scalinglaws.arrays import BoolArray, FloatArray
from scalinglaws.core.algebra import ONE
from scalinglaws.core.expression import Expression, evaluate, names_in
from scalinglaws.core.parameters import Parameter
from scalinglaws.fitting.search.grid import grid_of, search_space
from scalinglaws.fitting.search.starts import MOST_ROWS, Candidates, starts_on
from scalinglaws.fitting.solver.model import to_natural
from scalinglaws.fitting.solver.problem import Problem

# By how much the exponents of the minimum are changed, and the sizes tried beside them, by how many
# exponents there are.
_FACTORS = {1: (0.25, 0.5, 1.0, 2.0, 4.0), 2: (0.25, 0.5, 1.0, 2.0), 3: (0.3, 1.0, 3.0)}
_SIZES = {1: tuple(np.geomspace(0.003, 10.0, 24)), 2: (0.03, 0.3, 10.0), 3: (10.0,)}
_MOST_STARTS = 16
_EFFORT = 1  # of the search for one term's shape
_FEWEST = 2  # parameters of a shape
_MOST_OF_ONE = 4  # starts of one parameter


def neighbouring_starts(problem: Problem, theta: FloatArray) -> Candidates:
    """New starts around a minimum, for a sum of coefficients that are not negative.

    Inside an outer power or a link, every set of terms is solved to first order, as in the search.

    Parameters
    ----------
    theta : working parameters of the minimum
    """
    names = problem.law.parameter_names
    logs_of_terms = _logarithms(problem)
    searched = _searched(problem)
    found: list[tuple[float, FloatArray, BoolArray]] = []
    axes: list[list[float]] = []
    if len(searched) > max(_FACTORS):
        return per_term_starts(problem, theta)
    if len(searched) in _FACTORS and not problem.law.groups:
        natural = dict(zip(names, to_natural(theta, problem.positive), strict=True))
        parameters = {p.name: p for p in problem.law.parameters}
        axes = [_around(parameters[n], natural[n], len(searched)) for n in searched]
    if axes and not problem.law.separation.is_plain:
        return starts_on(problem, grid_of(searched, axes))
    if axes and logs_of_terms is not None:
        sample = _Sample(problem, logs_of_terms)
        # where the variables are dependent, terms that change places fit as well
        changed = itertools.permutations([natural[n] for n in searched])
        for point in itertools.chain(itertools.product(*axes), changed):
            found += sample.solve(dict(zip(searched, point, strict=True)), theta)
    kept = _different(sorted(found, key=lambda f: f[0]))
    return Candidates.of([(point, moving) for _, point, moving in kept], len(names))


def _logarithms(problem: Problem) -> dict[str, Expression] | None:
    """Logarithm of each term, less that of its coefficient; None where the law is no such sum."""
    separation = problem.law.separation
    positive = {p.name for p in problem.law.parameters if p.positive} - set(problem.fixed)
    found: dict[str, Expression] = {}
    alone = separation.is_plain and not problem.law.groups
    for term in separation.terms if alone else ():
        if term.coefficient not in positive or term.power != ONE or term.log_rest is None:
            return None
        found[term.coefficient] = term.log_rest
    return found or None


def _around(parameter: Parameter, value: float, n_searched: int) -> list[float]:
    """Values to try for one exponent, inside its bounds."""
    tried = {value * factor for factor in _FACTORS[n_searched]}
    for size in _SIZES[n_searched]:
        tried |= {float(size), -float(size)}
    return sorted(v for v in tried if parameter.lower <= v <= parameter.upper)


class _Sample:
    """The linear problem for the coefficients, on at most a few thousand runs."""

    def __init__(self, problem: Problem, logs: Mapping[str, Expression]) -> None:
        rows = np.linspace(0, len(problem.y) - 1, min(len(problem.y), MOST_ROWS)).astype(np.intp)
        self._columns = {name: column[rows] for name, column in problem.columns.items()}
        self._names, self._fixed, self._logs = problem.law.parameter_names, problem.fixed, logs
        y = problem.y[rows]
        self._size = np.sqrt(problem.weights[rows]) / (y if problem.scale == "log" else 1.0)
        self._target = y * self._size

    def solve(
        self, exponents: Mapping[str, float], theta: FloatArray
    ) -> list[tuple[float, FloatArray, BoolArray]]:
        """Misfit, working parameters, and which of them move: with all terms, and without each.

        Empty where a term is not finite.
        """
        values = {**exponents, **self._fixed, **self._columns}
        with np.errstate(all="ignore"):
            logs = [
                np.broadcast_to(evaluate(log, values), self._target.shape)
                for log in self._logs.values()
            ]
            tops = np.array([log.max() for log in logs])
            table = np.exp(np.stack(logs, axis=1) - tops) * self._size[:, None]
        if not np.isfinite(table).all():
            return []
        scale = np.maximum(np.linalg.norm(table, axis=0), 1e-300)
        every = np.arange(len(self._logs))
        found = []
        for kept in (every, *(np.delete(every, k) for k in every if len(every) > 1)):
            solution = np.zeros(len(every))
            solution[kept], misfit = nnls(table[:, kept] / scale[kept], self._target)
            with np.errstate(divide="ignore"):
                logarithms = np.log(solution / scale) - tops
            coefficients = dict(zip(self._logs, map(float, logarithms), strict=True))
            found.append((float(misfit), *self._point(exponents, coefficients, theta)))
        return found

    def _point(
        self,
        exponents: Mapping[str, float],
        coefficients: Mapping[str, float],
        theta: FloatArray,
    ) -> tuple[FloatArray, BoolArray]:
        """Working parameters, and which of them move."""
        at_work = {
            name
            for coefficient, log in coefficients.items()
            if np.isfinite(log)
            for name in (coefficient, *names_in(self._logs[coefficient]))
        }
        point = theta.copy()
        for name, value in {**exponents, **coefficients}.items():
            point[self._names.index(name)] = value
        movable = {*exponents, *coefficients} & at_work
        return point, np.array([name in movable for name in self._names])


def _different(
    found: list[tuple[float, FloatArray, BoolArray]],
) -> list[tuple[float, FloatArray, BoolArray]]:
    """The best with each set of terms at work, then the best of the others."""
    first: dict[bytes, int] = {}
    for place, (_, point, moving) in enumerate(found):
        extreme = np.abs(point) == _SIZES[1][-1]
        first.setdefault((moving & ~extreme).tobytes() + moving.tobytes(), place)
    chosen = list(first.values())
    chosen += [k for k in range(len(found)) if k not in chosen]
    return [found[k] for k in chosen[:_MOST_STARTS]]


# --- one term, or one parameter, by itself ------------------------------------------------------


def per_term_starts(problem: Problem, theta: FloatArray) -> Candidates:
    """New starts around a minimum of a plain sum, one term's or one parameter searched over.

    Parameters
    ----------
    theta : working parameters of the minimum
    """
    names = problem.law.parameter_names
    natural = dict(zip(names, to_natural(theta, problem.positive), strict=True))
    found = Candidates.of([], len(names))
    singles = [(name,) for name in _searched(problem) if not problem.law.groups]
    for block in blocks(problem) + singles:
        others = [n for n in _searched(problem) if n not in block]
        held = {**problem.fixed, **{n: float(natural[n]) for n in others}}
        if not np.isfinite([held[n] for n in others]).all():
            continue
        part = replace(problem, fixed=held)
        starts = starts_on(part, search_space(part, block, _EFFORT))
        if len(block) == 1:
            starts = starts.best(_MOST_OF_ONE)
        starts.free[:, [names.index(n) for n in others]] = True
        found = found.joined(starts)
    return found


def blocks(problem: Problem) -> list[tuple[str, ...]]:
    """Parameters searched over that share a term: several, and not all there are."""
    separation = problem.law.separation
    if not separation.is_plain or problem.law.groups:
        return []
    searched = _searched(problem)
    joined: list[set[str]] = []
    for term in separation.terms:
        own = {*names_in(term.rest), *names_in(term.power)} & set(searched)
        joined = [b for b in joined if not b & own] + [own.union(*(b for b in joined if b & own))]
    return [
        tuple(n for n in searched if n in b) for b in joined if _FEWEST <= len(b) < len(searched)
    ]


def _searched(problem: Problem) -> list[str]:
    return [n for n in problem.law.separation.searched if n not in problem.fixed]
