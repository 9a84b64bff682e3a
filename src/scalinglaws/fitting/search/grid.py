"""The parameters that must be searched over, and the points at which they are tried.

Exponents have no units, so one grid serves every table; levels of the performance are tried on both
sides of it, other parameters around the size of what they are added to or measured in. One or two
parameters get a product grid, more of them a space-filling set.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from scalinglaws.arrays import FloatArray, IntArray
from scalinglaws.core.expression import Apply, Expression, Name, evaluate, names_in, walk
from scalinglaws.core.parameters import Parameter
from scalinglaws.fitting.solver.problem import Problem

# Exponents searched, as sizes; published ones lie between 0.03 and 2.
_SMALLEST_EXPONENT, _LARGEST_EXPONENT = 0.015, 9.5
# Points a dimension of a product grid, and points of a space-filling set, at effort 0, 1 and 2.
_GRID_POINTS = {1: (32, 64, 256), 2: (16, 24, 48)}
LARGEST_GRID = max(_GRID_POINTS)  # dimensions
_SPACE_FILLING_POINTS = {3: (600, 1500, 6000)}
_MANY_POINTS = (1000, 3000, 8000)
# How far beyond what it is measured by a positive parameter is sought, as a factor.
_REACH, _REACH_WITHOUT_UNIT = 100.0, 1e6
# Steps of the latter near one, relative to even ones in the logarithm.
_NEAR_ONE = 0.3
# Distances of a level from the performances seen, relative to the nearest of them.
_NEAREST_LEVEL, _FURTHEST_LEVEL = 1e-3, 10.0
# Points of a frequency for each cycle over the table, and the most that a product grid has of them.
_POINTS_A_CYCLE, _MOST_FREQUENCIES = 2, {1: 4000, 2: 250}
# Distance between basins: in spacings of the points, and at most as a share of the range, since
# many dimensions have hardly two points on each axis.
_APART, _MOST_APART = 2.1, 0.3


@dataclass(frozen=True)
class SearchSpace:
    """Points to try.

    Attributes
    ----------
    names : the parameters searched over
    points : (points, names)
    places : (points, names)
        Place of each point on each axis; for a space-filling set, its rank.
    shape : points on each axis of a product grid; None for a space-filling set
    """

    names: tuple[str, ...]
    points: FloatArray
    places: IntArray
    shape: tuple[int, ...] | None

    def distinct(self, names: Collection[str]) -> tuple[IntArray, IntArray]:
        """Points that differ in some of the parameters, and which of them stands for each point."""
        used = [k for k, name in enumerate(self.names) if name in names]
        every = np.arange(len(self.points))
        if self.shape is None:
            return (every, every) if used else (every[:1], np.zeros_like(every))
        code = np.zeros_like(every)
        for k in used:
            code = code * self.shape[k] + self.places[:, k]
        _, first, inverse = np.unique(code, return_index=True, return_inverse=True)
        return first, inverse

    def basins(self, loss: FloatArray, n_best: int) -> list[int]:
        """The lowest points that are apart from each other, local minima of a grid first."""
        order = np.argsort(loss, kind="stable")
        order = order[np.isfinite(loss[order])]
        if not self.names or not len(order):
            return [int(k) for k in order[:1]]
        minima = self._local_minima(loss)
        order = np.concatenate([order[minima[order]], order[~minima[order]]])
        unit = self.places / np.maximum(self.places.max(axis=0), 1)
        apart = min(_APART / len(self.points) ** (1 / len(self.names)), _MOST_APART)
        taken: list[int] = []
        for place in order[: 100 * n_best]:
            distance = np.abs(unit[taken] - unit[place]).max(axis=1) if taken else np.ones(1)
            if minima[place] or distance.min() > apart:
                taken.append(int(place))
            if len(taken) == n_best:
                break
        return taken

    def _local_minima(self, loss: FloatArray) -> np.ndarray:
        """Points of a grid that no neighbour is below and at least one is above."""
        if self.shape is None:
            return np.zeros(len(loss), dtype=np.bool_)
        inner = (slice(1, -1),) * len(self.shape)
        grid = np.full([n + 2 for n in self.shape], np.inf)
        grid[inner] = loss.reshape(self.shape)
        lower, below_some = np.isfinite(grid[inner]), np.zeros(self.shape, dtype=np.bool_)
        for offset in itertools.product((0, 1, 2), repeat=len(self.shape)):
            if any(o != 1 for o in offset):
                beside = tuple(slice(o, o + n) for o, n in zip(offset, self.shape, strict=True))
                lower &= grid[inner] <= grid[beside]
                below_some |= grid[inner] < grid[beside]
        return np.asarray((lower & below_some).ravel())


def grid_of(names: Sequence[str], axes: Sequence[Sequence[float] | FloatArray]) -> SearchSpace:
    """A product grid of given values."""
    shape = tuple(len(axis) for axis in axes)
    points = np.stack([g.ravel() for g in np.meshgrid(*axes, indexing="ij")], axis=1)
    places = np.indices(shape).reshape(len(shape), -1).T
    return SearchSpace(tuple(names), points, places, shape)


def search_space(
    problem: Problem, names: Sequence[str], effort: int, levels: Collection[str] = ()
) -> SearchSpace:
    """Points for the parameters `names`; denser ones for more effort: 0, 1 or 2.

    Those of them that are `levels` of the performance are sought around it.
    """

    def axis(name: str, unit: FloatArray) -> FloatArray:
        parameter = next(p for p in problem.law.parameters if p.name == name)
        values = _levels(problem.y, unit) if name in levels else _values(problem, parameter, unit)
        return _inside(values, parameter, unit)

    n = len(names)
    if n == 0:
        return SearchSpace((), np.zeros((1, 0)), np.zeros((1, 0), np.intp), ())
    if n in _GRID_POINTS:
        size = _GRID_POINTS[n][effort]
        axes = []
        for name in names:
            found = _frequencies(problem, name, _MOST_FREQUENCIES[n])
            axes.append(axis(name, np.linspace(0, 1, size)) if found is None else found)
        return grid_of(names, axes)
    n_points = _SPACE_FILLING_POINTS.get(n, _MANY_POINTS)[effort]
    cube = _space_filling(n_points, n)
    points = np.stack([axis(name, cube[:, k]) for k, name in enumerate(names)], axis=1)
    places = points.argsort(axis=0).argsort(axis=0)
    return SearchSpace(tuple(names), _balanced(problem, names, points), places, None)


def _balanced(problem: Problem, names: Sequence[str], points: FloatArray) -> FloatArray:
    """Coefficients such as A in ``A/N**alpha`` in the unit that alpha gives them at each point."""
    searched = dict(zip(names, points.T, strict=True))
    with np.errstate(all="ignore"):
        centre = {name: np.exp(np.log(x).mean()) for name, x in problem.columns.items()}
    balanced = points.copy()
    for node in walk(problem.law.parsed.expression):
        match node:
            case Apply("/" | "*" as operator, (Name(name), beside)) if name in searched:
                parameter = next(p for p in problem.law.parameters if p.name == name)
                needed = set(names_in(beside))
                known = needed <= {*centre, *searched} and needed & set(searched)
                if not known or not parameter.positive:
                    continue
                with np.errstate(all="ignore"):
                    size = evaluate(beside, {**centre, **searched})
                    values = searched[name] * size if operator == "/" else searched[name] / size
                if np.isfinite(values).all():
                    balanced[:, names.index(name)] = values.clip(parameter.lower, parameter.upper)
    return balanced


def _values(problem: Problem, parameter: Parameter, unit: FloatArray) -> FloatArray:
    """Map [0, 1] to the range in which a parameter is sought."""
    smallest, largest = _span_of(problem, parameter.name)
    size = np.sqrt(smallest * largest)
    if parameter.role == "exponent" and not parameter.positive:
        return np.asarray(size * _exponents(parameter, unit))
    if parameter.positive and smallest < largest:
        # far outside what it is measured by, a place or a shift does nothing
        return np.asarray(smallest / _REACH * (largest / smallest * _REACH**2) ** unit)
    if parameter.positive:
        # what has no unit is seldom far from one
        side = 2 * unit - 1
        bent = side * (_NEAR_ONE + (1 - _NEAR_ONE) * side**2)
        return np.asarray(size * _REACH_WITHOUT_UNIT**bent)
    return np.asarray(size * np.sinh(np.arcsinh(1e3) * (2 * unit - 1)))


def _frequencies(problem: Problem, name: str, most: int) -> FloatArray | None:
    """Values of a frequency or a period inside a sine, fine enough to miss none; else None.

    From half a cycle over the table to as many as there are pairs of runs; each peak of a
    periodogram is about one cycle over the table wide.
    """
    parameter = next(p for p in problem.law.parameters if p.name == name)
    for node in walk(problem.law.parsed.expression):
        if not isinstance(node, Apply) or node.function not in ("sin", "cos"):
            continue
        (phase,) = node.arguments
        if name not in names_in(phase) or set(names_in(phase)) - {name, *problem.columns}:
            continue
        one, two = (np.ptp(evaluate(phase, {**problem.columns, name: v})) for v in (1.0, 2.0))
        cycles = one / (2.0 * np.pi)  # over the table, of a parameter of one
        power = np.log2(two / one) if one > 0 and two > 0 else 0.0
        if not np.isclose(np.abs(power), 1.0):
            continue
        highest = len(np.unique(evaluate(phase, {**problem.columns, name: 1.0}))) / 2.0
        count = min(int(_POINTS_A_CYCLE * highest), most)
        values = np.sort((np.linspace(0.5, highest, count) / cycles) ** power)
        return values[(values >= parameter.lower) & (values <= parameter.upper)]
    return None


def _levels(y: FloatArray, unit: FloatArray) -> FloatArray:
    """Levels below and above all performances, the near ones dense."""
    lowest, highest = y.min(), y.max()
    side = 2 * unit - 1
    distance = _NEAREST_LEVEL * (_FURTHEST_LEVEL / _NEAREST_LEVEL) ** np.abs(side)
    below = lowest - abs(lowest) * np.minimum(distance, 1.0)
    return np.asarray(np.where(side < 0, below, highest + abs(highest) * distance))


def _span_of(problem: Problem, name: str) -> tuple[float, float]:
    """Sizes of what a parameter is added to or measured in; one where it has no unit."""
    for node in walk(problem.law.parsed.expression):
        if not isinstance(node, Apply):
            continue
        arguments = [_without_sign(a) for a in node.arguments]
        if node.function == "neg" or Name(name) not in arguments:
            continue
        beside = [a for a in arguments if a != Name(name)]
        if len(beside) != 1 or not set(names_in(beside[0])) & set(problem.columns):
            continue
        is_log = isinstance(beside[0], Apply) and beside[0].function.startswith("log")
        if is_log or set(names_in(beside[0])) - set(problem.columns):
            continue
        size = np.abs(np.asarray(evaluate(beside[0], problem.columns), dtype=np.float64))
        size = size[np.isfinite(size) & (size > 0)]
        if not size.size:
            continue
        if node.function in ("+", "-", "/"):
            return float(size.min()), float(size.max())
        if node.function == "*":
            return float(1.0 / size.max()), float(1.0 / size.min())
    return 1.0, 1.0


def _without_sign(expression: Expression) -> Expression:
    match expression:
        case Apply("neg", (inner,)):
            return inner
    return expression


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
