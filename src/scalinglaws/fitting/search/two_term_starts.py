"""Starts of a power of two terms, ``(a*x + b*z)**c``: where one takes over from the other.

With a small power the law is nearly the larger of its terms, each to that power, and where they
cross decides which runs each must fit. Linear least squares on the sum inside is then of no use: it
is the observation to the power 1/c, noise and all. So the place of the crossing is searched over
beside the exponents; the level of the law, the one thing left, follows in closed form from the
logarithms of the observations.
"""

from __future__ import annotations

import numpy as np

from scalinglaws.arrays import BoolArray, FloatArray, IntArray
from scalinglaws.core.expression import Expression, evaluate
from scalinglaws.fitting.search.grid import SearchSpace, search_space
from scalinglaws.fitting.solver.problem import Problem

# The terms cross where they leave these shares of the runs to the first one.
_SHARES = np.array([0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98])
_MOST_RUNS = 400
_BASINS = (0, 6, 24)  # at effort 0, 1 and 2


def two_term_starts(problem: Problem, effort: int) -> list[tuple[FloatArray, BoolArray]]:
    """Working parameters of the best points, and what may move: all that is not fixed.

    There are none for other laws, or where a coefficient is fixed.
    """
    logs = _logarithms_of_terms(problem)
    if logs is None or not _BASINS[effort]:
        return []
    searched = [name for name in problem.law.separation.searched if name not in problem.fixed]
    points = search_space(problem, searched, effort - 1)
    found = _Crossings(problem, logs, points)
    losses = [found.squares] if problem.objective == "squared" else [found.squares, found.sizes]
    places = [k for loss in losses for k in found.space.basins(loss, _BASINS[effort])]
    starts = [found.start(place) for place in dict.fromkeys(places)]
    return [(theta, problem.movable) for theta in starts if np.isfinite(theta).all()]


def _logarithms_of_terms(problem: Problem) -> list[Expression] | None:
    """Logarithm of each of two terms, less that of its coefficient; None for other laws."""
    separation = problem.law.separation
    if separation.is_plain or separation.link or problem.law.groups or len(separation.terms) != 2:
        return None
    positive = {p.name for p in problem.law.parameters if p.positive} - set(problem.fixed)
    found: list[Expression] = []
    for term in separation.terms:
        if term.coefficient not in positive or term.log_rest is None or term.sign < 0:
            return None
        found.append(term.log_rest)
    return found


class _Crossings:
    """Every point of the search with every place of the crossing.

    Attributes
    ----------
    space : the search, with the place of the crossing as its last axis
    squares, sizes : (points,)
        Sums of the squared and of the absolute residuals of the logarithms.
    """

    def __init__(self, problem: Problem, logs: list[Expression], points: SearchSpace) -> None:
        self._problem = problem
        rows = _spread(problem.weights)
        columns = {name: column[rows] for name, column in problem.columns.items()}
        log_y, weights = np.log(problem.y[rows]), problem.weights[rows]
        self._known = {name: points.points[:, [k]] for k, name in enumerate(points.names)} | {
            name: np.full((1, 1), value) for name, value in problem.fixed.items()
        }
        shape = (len(points.points), len(rows))
        first, second = (
            np.broadcast_to(np.asarray(evaluate(log, {**self._known, **columns}), float), shape)
            for log in logs
        )
        outer = evaluate(problem.law.separation.outer, self._known)
        self._outer = np.broadcast_to(np.asarray(outer, float), (shape[0], 1))
        # logarithm of the second coefficient over the first, at each share: (points, shares)
        gap = np.sort(first - second, axis=1)
        self._offset = gap[:, np.round((1 - _SHARES) * (len(rows) - 1)).astype(np.intp)]
        level, squares, sizes = (np.empty(self._offset.shape) for _ in range(3))
        for k, offset in enumerate(self._offset.T):
            residual = np.logaddexp(first, second + offset[:, None])
            residual *= self._outer
            residual -= log_y
            mean = residual @ weights / weights.sum()
            residual -= mean[:, None]
            level[:, k] = -mean / self._outer[:, 0]
            sizes[:, k] = np.abs(residual) @ weights
            squares[:, k] = np.square(residual, out=residual) @ weights
        self._level = level
        self.squares, self.sizes = (_finite(loss).ravel() for loss in (squares, sizes))
        self.space = _with_axis(points, len(_SHARES))

    def start(self, place: int) -> FloatArray:
        """Working parameters of a point."""
        point, share = divmod(place, len(_SHARES))
        problem = self._problem
        values = {name: float(v[point if len(v) > 1 else 0, 0]) for name, v in self._known.items()}
        logs = (
            self._level[point, share], self._level[point, share] + self._offset[point, share]
        )  # fmt: skip
        working = {}
        for term, log in zip(problem.law.separation.terms, logs, strict=True):
            assert term.coefficient is not None
            working[term.coefficient] = float(log / evaluate(term.power, values))
        with np.errstate(divide="ignore"):
            for parameter in problem.law.parameters:
                if parameter.name in values:
                    value = values[parameter.name]
                    working[parameter.name] = float(np.log(value)) if parameter.positive else value
        return np.array([working[name] for name in problem.law.parameter_names])


def _finite(loss: FloatArray) -> FloatArray:
    return np.where(np.isfinite(loss), loss, np.inf)


def _spread(weights: FloatArray) -> IntArray:
    """Evenly spread rows that count."""
    rows = np.flatnonzero(weights)
    size = min(len(rows), _MOST_RUNS)
    return rows[np.linspace(0, len(rows) - 1, size).astype(np.intp)]


def _with_axis(space: SearchSpace, size: int) -> SearchSpace:
    """The space with one more axis, the last, of so many places."""
    own = np.tile(np.arange(size), len(space.points))[:, None]
    return SearchSpace(
        (*space.names, "crossing"),
        np.hstack([np.repeat(space.points, size, axis=0), own]),
        np.hstack([np.repeat(space.places, size, axis=0), own]),
        None if space.shape is None else (*space.shape, size),
    )
