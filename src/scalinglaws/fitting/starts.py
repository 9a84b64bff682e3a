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
from scalinglaws.core.expression import Apply, Expression, Name, evaluate, names_in, walk
from scalinglaws.core.law import Parameter
from scalinglaws.core.structure import Separation, separate
from scalinglaws.fitting.linking import inner_target, law_of
from scalinglaws.fitting.objective import BoolArray, FloatArray, IntArray
from scalinglaws.fitting.problem import Problem

# Exponents searched, as sizes; published ones lie between 0.03 and 2.
_SMALLEST_EXPONENT, _LARGEST_EXPONENT = 0.015, 4.0
_GRID_POINTS = {1: 64, 2: 24}  # per dimension; more dimensions get a space-filling set
_SPACE_FILLING_POINTS = {3: 1500, 4: 3000}
_MOST_SPACE_FILLING_POINTS = 4000
_MOST_LINEAR = 5  # every set of zero coefficients is tried up to here
_MOST_ROWS = 2000  # of the table, for the search alone
_BASINS = 8
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
        self.effort = effort
        self.law, self.scale, self.fixed = problem.law, problem.scale, problem.fixed
        self.columns, self.y, self.weights = problem.columns, problem.y, problem.weights
        law, fixed = problem.law, problem.fixed
        self.names = law.parameter_names
        self.parameters = {p.name: p for p in law.parameters}
        self.separation: Separation = separate(law.parsed.expression, self.names)
        self.searched = [p for p in self.separation.searched if p not in fixed]
        self.linear = [
            k
            for k, term in enumerate(self.separation.terms)
            if term.coefficient is not None and term.coefficient not in fixed
        ]

    # --- the points searched ---------------------------------------------------------------

    def points(self) -> FloatArray:
        """Values of the searched parameters, shape (points, searched)."""
        n = len(self.searched)
        if n == 0:
            return np.zeros((1, 0))
        if n in _GRID_POINTS:
            axes = [self._axis(name, np.linspace(0, 1, _GRID_POINTS[n])) for name in self.searched]
            return np.stack([g.ravel() for g in np.meshgrid(*axes, indexing="ij")], axis=1)
        n_points = _SPACE_FILLING_POINTS.get(n, _MOST_SPACE_FILLING_POINTS)
        cube = _space_filling(n_points, n)
        return np.stack(
            [self._axis(name, cube[:, k]) for k, name in enumerate(self.searched)], axis=1
        )

    def _axis(self, name: str, unit: FloatArray) -> FloatArray:
        """Map [0, 1] to the range in which a parameter is sought."""
        parameter, size = self.parameters[name], self._unit_of(name)
        if parameter.role == "exponent" and not parameter.positive:
            values = size * _exponents(parameter, unit)
        elif parameter.positive:
            values = size * np.exp(np.log(1e6) * (2 * unit - 1))
        else:
            values = size * np.sinh(np.arcsinh(1e3) * (2 * unit - 1))
        return _inside(values, parameter, unit)

    def _unit_of(self, name: str) -> float:
        """Size of what a parameter is added to or measured in; one where it has no unit."""
        for node in walk(self.law.parsed.expression):
            if not isinstance(node, Apply) or Name(name) not in node.arguments:
                continue
            beside = [a for a in node.arguments if a != Name(name)]
            if len(beside) != 1 or not set(names_in(beside[0])) & set(self.columns):
                continue
            is_log = isinstance(beside[0], Apply) and beside[0].function.startswith("log")
            if is_log or set(names_in(beside[0])) - set(self.columns):
                continue
            size = np.abs(np.asarray(evaluate(beside[0], self.columns), dtype=np.float64))
            size = size[np.isfinite(size) & (size > 0)]
            if not size.size:
                continue
            centre = float(np.exp(np.log(size).mean()))
            if node.function in ("+", "-", "/"):
                return centre
            if node.function == "*":
                return 1.0 / centre
        return 1.0

    # --- coefficients at each point ----------------------------------------------------------

    def candidates(self) -> Candidates:
        """Best basins of the full law, and of each law with some coefficients at zero."""
        points = self.points()
        known = {name: points[:, [k]] for k, name in enumerate(self.searched)}
        known |= {name: np.full((1, 1), value) for name, value in self.fixed.items()}
        found: list[tuple[FloatArray, BoolArray]] = []
        with np.errstate(all="ignore"):
            grid = self._grid(known, len(points))
            moments = grid.columns @ grid.columns.transpose(0, 2, 1)
            for subset in self._subsets():
                solution, loss = self._solve(moments, subset)
                if not self.separation.is_plain:
                    loss = np.where(np.isfinite(loss), self._true_loss(grid, solution), np.inf)
                whole = len(subset) == len(self.linear)
                n_best = self.effort * (_BASINS if whole else _BASINS_OF_SUBSET)
                free = self._free(subset)
                for place in self._basins(points, loss, n_best):
                    theta = self._assemble(
                        known, place, solution[place], grid.shifts[place], subset
                    )
                    if np.isfinite(np.where(free, theta, 0.0)).all():
                        found.append((theta, free))
        if not found:
            return Candidates(np.zeros((0, len(self.names))), np.zeros((0, len(self.names)), bool))
        return Candidates(np.stack([f[0] for f in found]), np.stack([f[1] for f in found]))

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

    def _basins(self, points: FloatArray, loss: FloatArray, n_best: int) -> list[int]:
        """The best points that have no better neighbour among those already taken."""
        order = np.argsort(loss, kind="stable")
        order = order[np.isfinite(loss[order])]
        if points.shape[1] == 0:
            return [int(k) for k in order[:1]]
        unit = _ranks(points)
        taken: list[int] = []
        spacing = 2.1 / len(points) ** (1 / points.shape[1]) / self.effort
        for place in order[: 100 * n_best]:
            apart = np.abs(unit[taken] - unit[place]).max(axis=1) if taken else np.array([np.inf])
            if apart.min() > spacing:
                taken.append(int(place))
            if len(taken) == n_best:
                break
        return taken

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


def _exponents(parameter: Parameter, unit: FloatArray) -> FloatArray:
    """Geometric spacing of sizes; both signs where both are allowed."""
    ratio = np.log(_LARGEST_EXPONENT / _SMALLEST_EXPONENT)
    if parameter.lower >= 0:
        return np.asarray(_SMALLEST_EXPONENT * np.exp(ratio * unit))
    if parameter.upper <= 0:
        return np.asarray(-_SMALLEST_EXPONENT * np.exp(ratio * unit))
    signed = 2 * unit - 1
    return np.asarray(np.sign(signed) * _SMALLEST_EXPONENT * np.exp(ratio * np.abs(signed)))


def _inside(values: FloatArray, parameter: Parameter, unit: FloatArray) -> FloatArray:
    """A search range that leaves the bounds is replaced by the bounds."""
    low, high = parameter.lower, parameter.upper
    if ((values >= low) & (values <= high)).all():
        return values
    if np.isfinite(low) and np.isfinite(high):
        if low > 0 and high / low > 10:
            return np.asarray(low * (high / low) ** unit)
        return np.asarray(low + (high - low) * unit)
    return np.asarray(np.clip(values, low if low != 0 else -np.inf, high))


def _space_filling(n_points: int, n_dimensions: int) -> FloatArray:
    """Additive recurrence with the generalised golden ratio (Roberts' R_d sequence)."""
    ratio = 2.0
    for _ in range(60):  # the fixed point of x^(d+1) = x + 1
        ratio = (1 + ratio) ** (1 / (n_dimensions + 1))
    steps = ratio ** -np.arange(1.0, n_dimensions + 1)
    return np.asarray((0.5 + np.arange(1, n_points + 1)[:, None] * steps) % 1.0)


def _ranks(points: FloatArray) -> FloatArray:
    """Each coordinate as its rank among the distinct values, scaled to [0, 1]."""
    ranks = np.empty_like(points)
    for k in range(points.shape[1]):
        values, places = np.unique(points[:, k], return_inverse=True)
        ranks[:, k] = places / max(1, len(values) - 1)
    return ranks
