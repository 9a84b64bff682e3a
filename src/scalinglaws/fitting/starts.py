"""Where the solver begins: an exhaustive search over few parameters, the linear ones solved inside.

Exponents have no units, so one grid serves every table. At each grid point the law is linear in
its coefficients; they come from least squares on relative residuals, once for every set of
coefficients that may be at work, the others being exactly zero. So a floor or a term that belongs
at zero is a candidate like any other.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from scalinglaws.core.algebra import depends_on
from scalinglaws.core.expression import Expression, evaluate
from scalinglaws.core.inversion import find_inversion
from scalinglaws.core.law import Parameter
from scalinglaws.core.structure import Separation, log_affine_terms, separate
from scalinglaws.fitting.inverse_search import inverse_points
from scalinglaws.fitting.linking import inner_target, law_of
from scalinglaws.fitting.objective import BoolArray, FloatArray, IntArray
from scalinglaws.fitting.problem import Problem
from scalinglaws.fitting.search_space import SearchSpace, basins

_MOST_LINEAR = 5  # every set of zero coefficients is tried up to here
_MOST_ROWS = 2000  # of the table, for the search alone
_BASINS = 8
# Parameters searched over from the inside out: a few thousand points cover no more.
_MOST_OUTER = 5
_BASINS_OF_SUBSET = 3


@dataclass
class Candidates:
    """Starting points: working parameters, and which of them may move.

    A coefficient held at zero is a working value of minus infinity that may not move; neither may
    the exponents that then have no effect.
    """

    theta: FloatArray
    free: BoolArray


def find_starts(problem: Problem, effort: int = 1) -> Candidates:
    """Candidates for the global minimum, from the table alone; `effort` multiplies their number."""
    rows = _sample(len(problem.y))
    sample = replace(
        problem,
        columns={name: column[rows] for name, column in problem.columns.items()},
        y=problem.y[rows],
        weights=problem.weights[rows],
    )
    return _Search(sample, effort).candidates()


def _sample(n_rows: int) -> IntArray:
    """Evenly spread rows: enough for a start, whatever the size of the table."""
    if n_rows <= _MOST_ROWS:
        return np.arange(n_rows)
    return np.linspace(0, n_rows - 1, _MOST_ROWS).astype(np.intp)


@dataclass
class _Grid:
    """The linear problem at each point searched.

    Attributes
    ----------
    columns : (points, linear + 1, rows)
        Scaled columns of the linear terms and, last, of the target.
    shifts : (points, linear)
        Logarithm by which each term was divided.
    outer : (points, 1)
        The outer power.
    target, size : (points or 1, rows)
        The sum that meets the performance, and the residual that a unit of it makes.
    """

    columns: FloatArray
    shifts: FloatArray
    outer: FloatArray
    target: FloatArray
    size: FloatArray


class _Search:
    def __init__(self, problem: Problem, effort: int) -> None:
        self.effort, self.problem = effort, problem
        self.law, self.scale, self.fixed = problem.law, problem.scale, problem.fixed
        self.columns, self.y, self.weights = problem.columns, problem.y, problem.weights
        law, fixed = problem.law, problem.fixed
        self.names = law.parameter_names
        self.parameters = {p.name: p for p in law.parameters}
        self.space = SearchSpace(law, problem.columns)
        self.separation: Separation = separate(law.parsed.expression, self.names)
        self.searched = [p for p in self.separation.searched if p not in fixed]
        self.linear = [
            k
            for k, term in enumerate(self.separation.terms)
            if term.coefficient is not None and term.coefficient not in fixed
        ]

    # --- coefficients at each point ----------------------------------------------------------

    def candidates(self) -> Candidates:
        """Best basins of the full law, and of each law with some coefficients at zero."""
        every = tuple(range(len(self.linear)))
        inverted = self._inverted()
        found = [(theta, self._free(every)) for theta in inverted]
        # without linear terms the search below is blind
        if self.linear or not inverted:
            found += self._candidates_of(self._subsets())
        if not found:
            return Candidates(np.zeros((0, len(self.names))), np.zeros((0, len(self.names)), bool))
        return Candidates(np.stack([f[0] for f in found]), np.stack([f[1] for f in found]))

    def _candidates_of(self, subsets: list[tuple[int, ...]]) -> list[tuple[FloatArray, BoolArray]]:
        """Best basins with these sets of terms at work."""
        points = self.space.points(self.searched)
        known = {name: points[:, [k]] for k, name in enumerate(self.searched)}
        known |= {name: np.full((1, 1), value) for name, value in self.fixed.items()}
        found: list[tuple[FloatArray, BoolArray]] = []
        with np.errstate(all="ignore"):
            grid = self._grid(known, len(points))
            moments = grid.columns @ grid.columns.transpose(0, 2, 1)
            for subset in subsets:
                solution, loss = self._solve(moments, subset)
                if not self.separation.is_plain:
                    loss = np.where(np.isfinite(loss), self._true_loss(grid, solution), np.inf)
                whole = len(subset) == len(self.linear)
                n_best = self.effort * (_BASINS if whole else _BASINS_OF_SUBSET)
                free = self._free(subset)
                for place in basins(points, loss, n_best, self.effort):
                    theta = self._assemble(
                        known, place, solution[place], grid.shifts[place], subset
                    )
                    if np.isfinite(np.where(free, theta, 0.0)).all():
                        found.append((theta, free))
        return found

    def _inverted(self) -> list[FloatArray]:
        """Points found from the inside of the law out, where that leaves fewer to search over."""
        expression = self.law.parsed.expression
        if log_affine_terms(expression, self.names) is not None:
            return []  # quick to search as it is
        inversion = find_inversion(expression, self.names)
        if inversion is None or not all(self.parameters[n].positive for n in inversion.form.logs):
            return []
        n_outer = len(set(inversion.searched) - set(self.fixed))
        if n_outer > _MOST_OUTER or n_outer >= len(self.searched):
            return []
        points = inverse_points(self.problem, inversion, _BASINS, self.effort)
        thetas = [
            np.array([self._working(n, float(v)) for n, v in zip(self.names, point, strict=True)])
            for point in points
        ]
        return [theta for theta in thetas if np.isfinite(theta).all()]

    def _subsets(self) -> list[tuple[int, ...]]:
        """Sets of terms at work: all, then smaller ones where a coefficient can be zero."""
        every = tuple(range(len(self.linear)))
        if not every:
            return [()]
        optional = [k for k in every if self._can_vanish(k)]
        if len(optional) > _MOST_LINEAR:
            gone: list[tuple[int, ...]] = [(k,) for k in optional]
        else:
            sizes = range(1, len(optional) + 1)
            gone = [g for size in sizes for g in itertools.combinations(optional, size)]
        subsets: list[tuple[int, ...]] = [every]
        subsets += [tuple(k for k in every if k not in g) for g in gone]
        constant_terms = len(self.separation.terms) > len(self.linear)
        return [s for s in subsets if s or constant_terms]

    def _can_vanish(self, k: int) -> bool:
        parameter = self._coefficient(k)
        return parameter.positive and parameter.lower <= 0.0

    def _coefficient(self, k: int) -> Parameter:
        name = self.separation.terms[self.linear[k]].coefficient
        assert name is not None
        return self.parameters[name]

    def _grid(self, known: Mapping[str, FloatArray], n_points: int) -> _Grid:
        """The linear problem at each point, scaled so that its residuals are those of the fit."""
        values: dict[str, FloatArray] = {**known, **self.columns}
        shape = (n_points, len(self.y))

        def on_grid(expression: Expression) -> FloatArray:
            return np.broadcast_to(np.asarray(evaluate(expression, values), float), shape)

        outer = on_grid(self.separation.outer)[:, :1]
        target, slope = inner_target(self.separation, self.y, outer)
        # residuals of log f, or of f, to first order in the sum inside
        size = slope / self.y if self.scale == "log" else slope
        size = size * np.sqrt(self.weights)
        remainder = np.broadcast_to(target, shape)
        columns = np.empty((n_points, len(self.linear) + 1, len(self.y)))
        shifts = np.zeros((n_points, len(self.linear)))
        for k, term in enumerate(self.separation.terms):
            log_rest = None if term.log_rest is None else on_grid(term.log_rest)
            if k in self.linear and log_rest is not None and not np.isnan(log_rest).any():
                # N**-large underflows: taken at its largest, and the rest put into the coefficient
                place = self.linear.index(k)
                shifts[:, place] = log_rest.max(axis=1)
                rest = term.sign * np.exp(log_rest - shifts[:, [place]])
                columns[:, place] = rest * size
                continue
            rest = term.sign * on_grid(term.rest)
            if k in self.linear:
                columns[:, self.linear.index(k)] = rest * size
            elif term.coefficient is None:
                remainder = remainder - rest
            else:
                amplitude = self._amplitude(term.coefficient, on_grid(term.power))
                remainder = remainder - amplitude * rest
        columns[:, -1] = remainder * size
        return _Grid(columns, shifts, outer, target, size)

    def _true_loss(self, grid: _Grid, solution: FloatArray) -> FloatArray:
        """Squared residuals of the solved law itself; to first order S/T - 1 is not log(S/T)."""
        gap = np.einsum("gkn,gk->gn", grid.columns[:, :-1], solution) - grid.columns[:, -1]
        fitted = law_of(self.separation, grid.target + gap / grid.size, grid.outer)
        residual = np.log(fitted / self.y) if self.scale == "log" else fitted - self.y
        residual = residual * np.sqrt(self.weights)
        loss = (residual * residual).sum(axis=1)
        return np.asarray(np.where(np.isfinite(loss), loss, np.inf))

    def _amplitude(self, name: str, power: FloatArray) -> FloatArray:
        """What a fixed coefficient multiplies its term by."""
        value = self.fixed[name]
        if self.parameters[name].role == "exponent":  # it stands under an exp
            return np.exp(value * power)
        return np.asarray(np.power(value, power))

    def _solve(self, moments: FloatArray, subset: tuple[int, ...]) -> tuple[FloatArray, FloatArray]:
        """Least squares for the terms of the subset, and the sum of squares that it leaves.

        The sum is infinite where a positive coefficient comes out negative.
        """
        n_linear = len(self.linear)
        solution = np.zeros((len(moments), n_linear))
        total = moments[:, -1, -1]
        if not subset:
            return solution, total
        norm = np.sqrt(np.einsum("gkk->gk", moments[:, subset][:, :, subset]))
        gram = moments[:, subset][:, :, subset] / (norm[:, :, None] * norm[:, None, :])
        right = moments[:, subset, -1] / norm
        usable = np.isfinite(gram).all(axis=(1, 2)) & np.isfinite(right).all(axis=1)
        gram[~usable] = np.eye(len(subset))
        right[~usable] = 0.0
        # the ridge only keeps equal columns solvable
        scaled = np.linalg.solve(gram + 1e-13 * np.eye(len(subset)), right[:, :, None])[:, :, 0]
        fitted = np.einsum("gkm,gm->gk", gram, scaled)
        loss = total - np.einsum("gk,gk->g", scaled, 2 * right - fitted)
        positive = np.array([self._is_amplitude_positive(k) for k in subset])
        refused = ~usable | (positive & ~(scaled > 0)).any(axis=1)
        solution[:, subset] = scaled / norm
        return solution, np.where(refused, np.inf, loss)

    def _is_amplitude_positive(self, k: int) -> bool:
        parameter = self._coefficient(k)
        return parameter.positive or parameter.role == "exponent"

    def _assemble(
        self,
        known: Mapping[str, FloatArray],
        place: int,
        solution: FloatArray,
        shift: FloatArray,
        subset: tuple[int, ...],
    ) -> FloatArray:
        """Working parameters of one candidate."""
        natural: dict[str, float] = {}
        for name, values in known.items():
            natural[name] = float(values[place, 0] if len(values) > 1 else values[0, 0])
        theta = np.array([self._working(name, natural.get(name, np.nan)) for name in self.names])
        scalars = {k: np.float64(v) for k, v in natural.items()}
        for k, index in enumerate(self.linear):
            term = self.separation.terms[index]
            parameter = self._coefficient(k)
            slot = self.names.index(parameter.name)
            if self._is_amplitude_positive(k):
                power = float(evaluate(term.power, scalars))
                theta[slot] = (np.log(solution[k]) - shift[k]) / power if k in subset else -np.inf
            else:
                theta[slot] = np.sign(solution[k]) * np.exp(np.log(np.abs(solution[k])) - shift[k])
        return theta

    def _free(self, subset: tuple[int, ...]) -> BoolArray:
        """Which parameters may move where the other terms' coefficients are zero."""
        gone = [self._coefficient(k).name for k in range(len(self.linear)) if k not in subset]
        held = {*self.fixed, *gone, *self._without_effect(gone)}
        return np.array([name not in held for name in self.names])

    def _working(self, name: str, value: float) -> float:
        if not self.parameters[name].positive:
            return value
        return float(np.log(value)) if value > 0 else -np.inf

    def _without_effect(self, gone: list[str]) -> set[str]:
        """Searched parameters that only stand in terms whose coefficient is zero."""
        remaining = [t for t in self.separation.terms if t.coefficient not in gone]
        return {
            name
            for name in self.searched
            if not depends_on(self.separation.outer, [name])
            and not any(
                depends_on(t.rest, [name]) or depends_on(t.power, [name]) for t in remaining
            )
        }
