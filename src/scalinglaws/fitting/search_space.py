"""Where parameters are sought, and which of the points tried are worth a start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from scalinglaws.core.expression import Apply, Name, evaluate, names_in, walk
from scalinglaws.core.law import Law, Parameter
from scalinglaws.fitting.objective import FloatArray

# Exponents searched, as sizes; published ones lie between 0.03 and 2.
_SMALLEST_EXPONENT, _LARGEST_EXPONENT = 0.015, 4.0
_GRID_POINTS = {1: 64, 2: 24}  # per dimension; more dimensions get a space-filling set
_SPACE_FILLING_POINTS = {3: 1500, 4: 3000}
_MOST_SPACE_FILLING_POINTS = 4000
# How far beyond what it is measured by a positive parameter is sought, as a factor.
_NEAR, _WIDE = 30.0, 1e6
# Distances of a level from the performances seen, relative to the nearest of them.
_NEAREST_LEVEL, _FURTHEST_LEVEL = 1e-3, 10.0


class SearchSpace:
    """The ranges in which a law's parameters are sought, given its columns."""

    def __init__(self, law: Law, columns: Mapping[str, FloatArray]) -> None:
        self.law, self.columns = law, columns
        self.parameters = {p.name: p for p in law.parameters}

    def points(
        self, searched: Sequence[str], levels: Mapping[str, tuple[float, float]] | None = None
    ) -> FloatArray:
        """Values of the searched parameters, shape (points, searched).

        Parameters
        ----------
        searched : names
        levels : the range of the performance, for parameters that are levels of it
        """
        n = len(searched)
        if n == 0:
            return np.zeros((1, 0))

        def axis(name: str, unit: FloatArray) -> FloatArray:
            if levels and name in levels:
                return _inside(_levels(*levels[name], unit), self.parameters[name], unit)
            return self._axis(name, unit)

        if n in _GRID_POINTS:
            axes = [axis(name, np.linspace(0, 1, _GRID_POINTS[n])) for name in searched]
            return np.stack([g.ravel() for g in np.meshgrid(*axes, indexing="ij")], axis=1)
        cube = _space_filling(_SPACE_FILLING_POINTS.get(n, _MOST_SPACE_FILLING_POINTS), n)
        return np.stack([axis(name, cube[:, k]) for k, name in enumerate(searched)], axis=1)

    def _axis(self, name: str, unit: FloatArray) -> FloatArray:
        """Map [0, 1] to the range in which a parameter is sought."""
        parameter = self.parameters[name]
        smallest, size, largest = self._span_of(name)
        if parameter.role == "exponent" and not parameter.positive:
            values = size * _exponents(parameter, unit)
        elif parameter.positive:
            values = size * np.exp(np.log(_WIDE) * (2 * unit - 1))
            if smallest < largest:  # half of the points near: a place far from the data is idle
                near = np.log(smallest / _NEAR), np.log(largest * _NEAR)
                close = np.exp(near[0] + (near[1] - near[0]) * 2 * unit)
                far = size * np.exp(np.log(_WIDE) * (4 * unit - 3))
                values = np.where(unit < 0.5, close, far)
        else:
            values = size * np.sinh(np.arcsinh(1e3) * (2 * unit - 1))
        return _inside(values, parameter, unit)

    def _span_of(self, name: str) -> tuple[float, float, float]:
        """Smallest, middle and largest of what a parameter is added to or measured in, or ones."""
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
            span = np.array([size.min(), np.exp(np.log(size).mean()), size.max()])
            if node.function in ("+", "-", "/"):
                return float(span[0]), float(span[1]), float(span[2])
            if node.function == "*":
                return float(1 / span[2]), float(1 / span[1]), float(1 / span[0])
        return 1.0, 1.0, 1.0


def basins(points: FloatArray, loss: FloatArray, n_best: int, effort: int) -> list[int]:
    """The best points that have no better neighbour among those already taken."""
    order = np.argsort(loss, kind="stable")
    order = order[np.isfinite(loss[order])]
    if points.shape[1] == 0:
        return [int(k) for k in order[:1]]
    unit = _ranks(points)
    taken: list[int] = []
    spacing = 2.1 / len(points) ** (1 / points.shape[1]) / effort
    for place in order[: 100 * n_best]:
        apart = np.abs(unit[taken] - unit[place]).max(axis=1) if taken else np.array([np.inf])
        if apart.min() > spacing:
            taken.append(int(place))
        if len(taken) == n_best:
            break
    return taken


def _levels(lowest: float, highest: float, unit: FloatArray) -> FloatArray:
    """Levels on both sides of the performances from `lowest` to `highest`, the near ones dense."""
    ratio = np.log(_FURTHEST_LEVEL / _NEAREST_LEVEL)
    side = 2 * unit - 1
    distance = _NEAREST_LEVEL * np.exp(ratio * np.abs(side))
    below = lowest - abs(lowest) * np.minimum(distance, 1.0)
    return np.asarray(np.where(side < 0, below, highest + abs(highest) * distance))


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
