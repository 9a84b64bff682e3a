"""Where the solver begins: an exhaustive search over few parameters, the linear ones solved inside.

At each point searched the law is linear in its coefficients; they come from least squares on
relative residuals, once for every set of coefficients that may be at work, the others being exactly
zero. So a floor or a term that belongs at zero is a candidate like any other. A law that leaves
fewer parameters to search over when it is solved from the inside out is searched in this way.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from scalinglaws.arrays import BoolArray, FloatArray, IntArray
from scalinglaws.core.expression import Expression, evaluate, names_in
from scalinglaws.core.inversion import Inversion
from scalinglaws.core.parameters import Parameter
from scalinglaws.core.structure import LinearTerm
from scalinglaws.fitting.search.grid import LARGEST_GRID, SearchSpace, search_space
from scalinglaws.fitting.search.inverse_search import inverse_points
from scalinglaws.fitting.search.link import inner_target, law_of
from scalinglaws.fitting.search.normal_equations import Column, NormalEquations
from scalinglaws.fitting.search.rational import rational_starts
from scalinglaws.fitting.search.two_term_starts import two_term_starts
from scalinglaws.fitting.solver.problem import Problem

_MOST_LINEAR = 5  # every set of zero coefficients is tried up to here
MOST_ROWS = 2000  # of the table, for the search alone
# Basins kept of the best solution at each point, of the whole law, and of each smaller one, at
# effort 0, 1 and 2.
_BASINS, _BASINS_OF_WHOLE, _BASINS_OF_SUBSET = (5, 4, 16), (3, 8, 32), (0, 3, 12)
_BASINS_OF_INVERSE = (5, 8, 32)  # kept of a search from the inside out


@dataclass
class Candidates:
    """Starting points: working parameters, and which of them may move.

    A coefficient held at zero is a working value of minus infinity that may not move; neither may
    the exponents that then have no effect.
    """

    theta: FloatArray
    free: BoolArray

    @classmethod
    def of(cls, points: Sequence[tuple[FloatArray, BoolArray]], n_parameters: int) -> Candidates:
        """From working parameters and what may move, point by point; there may be none."""
        return cls(
            np.array([theta for theta, _ in points]).reshape(-1, n_parameters),
            np.array([free for _, free in points], dtype=np.bool_).reshape(-1, n_parameters),
        )

    def best(self, n: int) -> Candidates:
        """The first so many."""
        return Candidates(self.theta[:n], self.free[:n])

    def joined(self, other: Candidates) -> Candidates:
        """Both."""
        return Candidates(
            np.concatenate([self.theta, other.theta]), np.concatenate([self.free, other.free])
        )


def find_starts(problem: Problem, effort: int) -> Candidates:
    """Candidates for the global minimum, from the table alone.

    Parameters
    ----------
    effort : {0, 1, 2}
        At 0, the best set of coefficients at each point is followed; from 1 on every set is, since
        what vanishes in least squares need not in a robust fit. A law that is searched from the
        inside out has all its terms at work at effort 0.
    """
    with np.errstate(all="ignore"):
        return Search(_sampled(problem), effort).candidates()


def starts_on(problem: Problem, space: SearchSpace) -> Candidates:
    """The best points of a space, with every set of terms at work."""
    with np.errstate(all="ignore"):
        search = Search(_sampled(problem), 1, space)
        found = search.separated(search.subsets())
    return Candidates.of(found, len(problem.law.parameter_names))


def can_be_exhaustive(problem: Problem) -> bool:
    """Whether a grid covers what must be searched over, of a plain sum."""
    if not problem.law.separation.is_plain:
        return False
    law = problem.law
    if law.groups:
        open_ones = {s for s in law.separation.searched if set(law.members[s]) - set(problem.fixed)}
        return len(open_ones) <= LARGEST_GRID and not open_ones & set(law.groups)
    inversion = _useful_inversion(problem)
    searched = problem.law.separation.searched if inversion is None else inversion.searched
    return len(set(searched) - set(problem.fixed)) <= LARGEST_GRID


def _useful_inversion(problem: Problem) -> Inversion | None:
    """How to solve the law from the inside out, where that leaves fewer to search over."""
    law, inversion = problem.law, problem.law.inversion
    if inversion is None:
        return None
    n_outer = len(set(inversion.searched) - set(problem.fixed))
    n_searched = len(set(law.separation.searched) - set(problem.fixed))
    if n_outer >= n_searched:
        return None
    positive = {p.name for p in law.parameters if p.positive}
    if not inversion.form.logs <= positive:  # what may be negative has no logarithm
        return None
    # a sum of products is quick to search as it is
    return None if law.products is not None else inversion


def _sampled(problem: Problem) -> Problem:
    """The problem on rows enough for a search."""
    rows = _sample(problem.weights)
    if len(rows) == len(problem.y):
        return problem
    return replace(
        problem,
        columns={name: column[rows] for name, column in problem.columns.items()},
        y=problem.y[rows],
        weights=problem.weights[rows],
    )


def _sample(weights: FloatArray) -> IntArray:
    """Evenly spread rows that count: enough for a start, whatever the size of the table."""
    rows = np.flatnonzero(weights)
    if len(rows) <= MOST_ROWS:
        return rows
    return rows[np.linspace(0, len(rows) - 1, MOST_ROWS).astype(np.intp)]


class Search:
    """The search of one problem.

    Parameters
    ----------
    problem : Problem
    effort : {0, 1, 2}
    space : where to look; by default everywhere
    """

    def __init__(self, problem: Problem, effort: int, space: SearchSpace | None = None) -> None:
        self.problem, self.effort, self.fixed = problem, effort, problem.fixed
        self.y, self.root_weights = problem.y, np.sqrt(problem.weights)
        self.names = problem.law.parameter_names
        self.parameters = {p.name: p for p in problem.law.parameters}
        self.separation = problem.law.separation
        searched = [p for p in self.separation.searched if p not in self.fixed]
        self.space: SearchSpace = space or search_space(problem, searched, effort)
        self.linear = [
            term
            for term in self.separation.terms
            if term.coefficient is not None and term.coefficient not in self.fixed
        ]
        self._outer_names = set(names_in(self.separation.outer))
        self._names_of_terms = [
            (term, {*names_in(term.rest), *names_in(term.power)}) for term in self.separation.terms
        ]

    def candidates(self) -> Candidates:
        """Best basins of the full law, and of each law with some coefficients at zero."""
        every = tuple(range(len(self.linear)))
        found = [(theta, self._free(every)) for theta in self._inverted()]
        subsets = self.subsets()
        if found:
            # what is best in the inner residuals need not be in those of the law
            subsets = [s for s in subsets if s != every or self.linear] if self.effort else []
        if subsets:
            found += self.separated(subsets)
        found += two_term_starts(self.problem, self.effort)
        found += [(theta, self.problem.movable) for theta in rational_starts(self.problem)]
        return Candidates.of(found, len(self.names))

    def _inverted(self) -> list[FloatArray]:
        """Working parameters found from the inside of the law out, all terms at work."""
        inversion = _useful_inversion(self.problem)
        if inversion is None:
            return []
        n_best = _BASINS_OF_INVERSE[self.effort]
        points = inverse_points(self.problem, inversion, n_best, self.effort)
        thetas = [np.array(list(map(self._working, self.names, point))) for point in points]
        return [theta for theta in thetas if np.isfinite(theta).all()]

    def separated(self, subsets: Sequence[tuple[int, ...]]) -> list[tuple[FloatArray, BoolArray]]:
        """The best points with these sets of terms at work, and what may move from there."""
        columns = [self._column(term) for term in self.linear]
        target = self._target()
        equations = NormalEquations.of(columns, target)
        positive = [self._is_amplitude_positive(term) for term in self.linear]
        solutions, losses = [], []
        for subset in subsets:
            solution, loss = equations.solve(subset, [positive[k] for k in subset])
            if not self.separation.is_plain:
                usable = np.isfinite(loss)
                loss[usable] = self._true_loss(columns, target, solution, usable)
            solutions.append(solution)
            losses.append(loss)
        found = []
        for place, which in dict.fromkeys(self._chosen(subsets, np.array(losses))):
            shifts = [c.shift[c.of_point[place]] for c in columns]
            point = self._assemble(place, solutions[which][place], shifts, subsets[which])
            moving = self._free(subsets[which])
            if np.isfinite(np.where(moving, point, 0.0)).all():
                found.append((point, moving))
        return found

    def _chosen(
        self, subsets: Sequence[tuple[int, ...]], losses: FloatArray
    ) -> Iterator[tuple[int, int]]:
        """Points to start from, each with the set of terms at work there."""
        best = losses.argmin(axis=0)
        for place in self.space.basins(losses.min(axis=0), _BASINS[self.effort]):
            yield place, int(best[place])
        for which, subset in enumerate(subsets):
            whole = len(subset) == len(self.linear)
            n_best = (_BASINS_OF_WHOLE if whole else _BASINS_OF_SUBSET)[self.effort]
            for place in self.space.basins(losses[which], n_best) if n_best else ():
                yield place, which

    # --- the linear problem at each point ------------------------------------------------------

    def _evaluate(self, expressions: Sequence[Expression]) -> tuple[list[FloatArray], IntArray]:
        """Values at the distinct points that matter to them, and which of these each point has."""
        names = {*names_in(self.separation.outer)}.union(*(names_in(e) for e in expressions))
        first, of_point = self.space.distinct(names)
        known = {
            name: self.space.points[first, k][:, None] for k, name in enumerate(self.space.names)
        }
        values = {**known, **self.fixed, **self.problem.columns}
        shape = (len(first), len(self.y))
        found = [
            np.broadcast_to(np.asarray(evaluate(e, values), dtype=np.float64), shape)
            for e in expressions
        ]
        return found, of_point

    def _linked(self, outer: FloatArray) -> tuple[FloatArray, FloatArray]:
        """What the sum of the terms should be, and the residual of the fit that a unit of it makes.

        The latter is to first order; both broadcast to (distinct points, rows).
        """
        target, slope = inner_target(self.separation, self.y, outer)
        size = slope if self.problem.scale == "level" else slope / self.y
        return target, size * self.root_weights

    def _column(self, term: LinearTerm) -> Column:
        expressions = [self.separation.outer, term.rest if term.log_rest is None else term.log_rest]
        (outer, rest), of_point = self._evaluate(expressions)
        _, size = self._linked(outer)
        shift = np.zeros(len(rest))
        if term.log_rest is not None and not np.isnan(rest).any():
            # N**-large underflows: taken at its largest, and the rest put into the coefficient
            shift = rest.max(axis=1)
            return Column(term.sign * np.exp(rest - shift[:, None]) * size, of_point, shift)
        if term.log_rest is not None:
            (outer, rest), of_point = self._evaluate([self.separation.outer, term.rest])
        return Column(term.sign * rest * size, of_point, shift)

    def _target(self) -> Column:
        """The observations, less the terms that are fully known."""
        known = [t for t in self.separation.terms if t not in self.linear]
        expressions = [e for t in known for e in (t.rest, t.power)]
        (outer, *values), of_point = self._evaluate([self.separation.outer, *expressions])
        wanted, size = self._linked(outer)
        remainder = np.broadcast_to(wanted, outer.shape)
        for place, term in enumerate(known):
            rest, power = values[2 * place], values[2 * place + 1]
            amplitude = 1.0 if term.coefficient is None else self._amplitude(term, power)
            remainder = remainder - term.sign * amplitude * rest
        return Column(remainder * size, of_point, np.zeros(len(outer)))

    def _amplitude(self, term: LinearTerm, power: FloatArray) -> FloatArray:
        """What a fixed coefficient multiplies its term by."""
        assert term.coefficient is not None
        value = self.fixed[term.coefficient]
        if self.parameters[term.coefficient].role == "exponent":  # it stands under an exp
            return np.asarray(np.exp(value * power))
        return np.asarray(np.power(value, power))

    def _true_loss(
        self,
        columns: Sequence[Column],
        target: Column,
        solution: FloatArray,
        usable: BoolArray,
    ) -> FloatArray:
        """Squared residuals of the solved law itself; to first order S/T - 1 is not log(S/T)."""
        gap = -target.values[target.of_point[usable]]
        for k, column in enumerate(columns):
            gap += solution[usable, k][:, None] * column.values[column.of_point[usable]]
        (outer,), of_point = self._evaluate([self.separation.outer])
        power = outer[of_point[usable], :1]
        wanted, size = self._linked(power)
        fitted = law_of(self.separation, wanted + gap / size, power)
        residual = fitted - self.y if self.problem.scale == "level" else np.log(fitted / self.y)
        residual = residual * self.root_weights
        loss = np.einsum("gn,gn->g", residual, residual)
        return np.asarray(np.where(np.isfinite(loss), loss, np.inf))

    # --- which coefficients are at work ----------------------------------------------------------

    def subsets(self) -> list[tuple[int, ...]]:
        """Sets of terms at work: all, then smaller ones where a coefficient can be zero."""
        every = tuple(range(len(self.linear)))
        if not every:
            return [()]
        optional = [k for k in every if self._can_vanish(self._parameter(self.linear[k]))]
        if len(optional) > _MOST_LINEAR:
            gone: list[tuple[int, ...]] = [(k,) for k in optional]
        else:
            sizes = range(1, len(optional) + 1)
            gone = [g for size in sizes for g in itertools.combinations(optional, size)]
        subsets = [every, *(tuple(k for k in every if k not in g) for g in gone)]
        constant_terms = len(self.separation.terms) > len(self.linear)
        return [s for s in subsets if s or constant_terms]

    @staticmethod
    def _can_vanish(parameter: Parameter) -> bool:
        return parameter.positive and parameter.lower <= 0.0

    def _parameter(self, term: LinearTerm) -> Parameter:
        assert term.coefficient is not None
        return self.parameters[term.coefficient]

    def _is_amplitude_positive(self, term: LinearTerm) -> bool:
        parameter = self._parameter(term)
        return parameter.positive or parameter.role == "exponent"

    def _free(self, subset: tuple[int, ...]) -> BoolArray:
        """Which parameters may move where the other terms' coefficients are zero.

        Parameters that only stand in terms whose coefficient is zero have no effect.
        """
        gone = [self.linear[k] for k in range(len(self.linear)) if k not in subset]
        at_work = self._outer_names.union(
            *(names for term, names in self._names_of_terms if term not in gone)
        )
        held = {*self.fixed, *(self._parameter(term).name for term in gone)}
        held.update(name for name in self.space.names if name not in at_work)
        return np.array([name not in held for name in self.names])

    # --- working parameters -----------------------------------------------------------------

    def _assemble(
        self, place: int, solution: FloatArray, shifts: list[float], subset: tuple[int, ...]
    ) -> FloatArray:
        """Working parameters of one candidate."""
        natural = dict(zip(self.space.names, self.space.points[place], strict=True)) | dict(
            self.fixed
        )
        theta = np.array([self._working(name, natural.get(name, np.nan)) for name in self.names])
        for k, term in enumerate(self.linear):
            slot = self.names.index(self._parameter(term).name)
            if self._is_amplitude_positive(term):
                power = float(evaluate(term.power, natural))
                theta[slot] = (np.log(solution[k]) - shifts[k]) / power if k in subset else -np.inf
            else:
                theta[slot] = np.sign(solution[k]) * np.exp(np.log(np.abs(solution[k])) - shifts[k])
        return theta

    def _working(self, name: str, value: float) -> float:
        if not self.parameters[name].positive:
            return value
        return float(np.log(value)) if value > 0 else -np.inf
