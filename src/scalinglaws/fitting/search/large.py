"""Large tables: the search on a sample, the answer from the whole table in a handful of passes.

A sample of a few thousand runs has the same basins as the table. Its best minima, polished on a
larger sample, are within a few standard errors of those of the table, where Newton's steps on the
whole table converge at once. A minimum that the larger sample does not tell apart from the
best (Vuong 1989, Econometrica 57) is followed to the end as well. The Huber threshold comes from
the residuals of the whole table, near absolute deviations.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from scalinglaws.arrays import BoolArray, FloatArray, IntArray
from scalinglaws.fitting.search.compare_minima import SAME_MINIMUM, smallest_curvature
from scalinglaws.fitting.search.global_search import estimate
from scalinglaws.fitting.search.reactivate_terms import reactivated_starts
from scalinglaws.fitting.search.scale import ResidualScale
from scalinglaws.fitting.solver.absolute import to_vertex
from scalinglaws.fitting.solver.build_model import (
    OTHER_DIVISION,
    bind_problem,
    same_everywhere,
    term_shares,
)
from scalinglaws.fitting.solver.model import Model, to_natural
from scalinglaws.fitting.solver.newton import TOLERANCE, minimise
from scalinglaws.fitting.solver.objective import HUBER_FACTOR, Loss, is_constant
from scalinglaws.fitting.solver.problem import Estimate, Problem

# Rows of the sample that is searched, and of the one on which its minima are compared.
_SEARCHED, _COMPARED, _COMPARED_SHARE, _MOST_COMPARED = 8_192, 131_072, 16, 1_048_576
# Rows on which a coefficient at zero is tried again.
_REACTIVATED = 32_768
# A minimum is given up when it is so many standard errors above the best, on the larger sample.
_BEHIND = 6.0
# Steps along a long valley, from and to, and times the rows: a minute or two.
_STEPS, _WORK = (100, 2000), 1e9
_ROUGH = 1e-9  # promised decrease at which a minimum is reached on a sample
# Huber threshold, in units of the residuals' scale, of the fit whose residuals are measured.
_SHARP = 0.1
# Huber thresholds on the way to absolute deviations: the first in units of the residuals' scale,
# and the runs that the last leaves in its quadratic part.
_FIRST_FACTOR, _LAST_INSIDE = 0.1, 1000
_SEED = 0  # of the sample: the same table has the same one


@dataclass(frozen=True)
class _Minimum:
    """A minimum on one table; `decrement` is what a further step promises, relative."""

    theta: FloatArray
    free: BoolArray
    value: float = np.inf
    decrement: float = np.inf
    converged: bool = False


def estimate_large(problem: Problem, model: Model) -> Estimate:
    """The global minimum on a table of many blocks; see `estimate`.

    Raises
    ------
    FitError
        If no start has a finite objective.
    """
    if problem.objective == "absolute":
        return _absolute(problem, model)
    small, found, contenders = _searched(problem)
    if problem.objective == "huber" and problem.delta is None:
        assert found.delta is not None
        problem = replace(problem, delta=_threshold(problem, model, found.delta, contenders[0]))
    whole = _Finisher(problem, model)
    best, *others = whole.best_of(contenders)
    sample = _sampled(problem, _REACTIVATED, np.random.default_rng(_SEED))
    best = whole.reactivated(best, sample)
    return replace(
        found,
        theta=best.theta,
        free=best.free,
        value=best.value,
        delta=problem.delta,
        converged=best.converged,
        decrement=best.decrement,
        alternatives=_alternatives(small, best, others, whole.rounding),
        curvature=smallest_curvature(whole.hessian(best), best.free),
        rivals=None,
    )


def _threshold(problem: Problem, model: Model, rough: float, start: _Minimum) -> float:
    """Huber threshold for the whole table, from that of the sample."""
    # a power of two: the sample, and with it the order of the rows, does not show in the answer
    near = 2.0 ** np.round(np.log2(_SHARP * rough / HUBER_FACTOR))
    sharp = _Finisher(replace(problem, delta=float(near)), model)
    residuals = sharp.residuals(sharp.finish(start))
    scale = ResidualScale(problem, model.magnitude)
    return HUBER_FACTOR * scale.robust(residuals, int(start.free.sum()), overwrite=True)


def _searched(problem: Problem) -> tuple[Problem, Estimate, list[_Minimum]]:
    """A sample, what a search on it found, and the minima that a larger one does not rule out."""
    n = len(problem.y)
    rng = np.random.default_rng(_SEED)
    small = _sampled(problem, _SEARCHED, rng)
    found = estimate(small, bind_problem(small))
    n_compared = min(max(_COMPARED, n // _COMPARED_SHARE), _MOST_COMPARED)
    larger = replace(_sampled(problem, n_compared, rng), delta=found.delta)
    return small, found, _compared(larger, found)


def _absolute(problem: Problem, model: Model) -> Estimate:
    """Least absolute deviations: by Huber losses ever nearer to them, and to the vertex."""
    robust = replace(problem, objective="huber", delta=None)
    small, found, minima = _searched(robust)
    assert found.delta is not None
    # at the last threshold a thousand runs or more are in the quadratic part
    factor, last = _FIRST_FACTOR, _LAST_INSIDE / len(problem.y)
    scale = found.delta / HUBER_FACTOR
    while True:
        whole = _Finisher(replace(robust, delta=max(factor, last) * scale), model)
        minima = whole.best_of(minima)
        if factor <= last:
            break
        factor *= 0.1
    best, *others = minima
    lower, upper = problem.bounds()
    vertex = to_vertex(model, best.theta, problem.weights, best.free, lower, upper)
    return replace(
        found,
        theta=vertex.theta,
        free=best.free,
        value=vertex.value,
        delta=None,
        converged=vertex.certified,
        decrement=vertex.promise,
        curvature=np.nan,
        alternatives=_alternatives(small, best, others, whole.rounding),
        rivals=None,
    )


def _sampled(problem: Problem, n_rows: int, rng: np.random.Generator) -> Problem:
    """A table of fewer rows, drawn in proportion to the weights."""
    rows = _draw(problem.weights, n_rows, rng)
    return replace(
        problem,
        columns={name: column[rows] for name, column in problem.columns.items()},
        y=problem.y[rows],
        weights=np.ones(len(rows)),
    )


def _draw(weights: FloatArray, n_drawn: int, rng: np.random.Generator) -> IntArray:
    """One row from each of so many stretches of equal weight: no order of the rows misleads it."""
    n = len(weights)
    if n <= n_drawn:
        return np.arange(n)
    places = (np.arange(n_drawn) + rng.random(n_drawn)) / n_drawn
    if is_constant(weights):
        return (places * n).astype(np.intp)
    cumulative = np.cumsum(weights)
    return np.asarray(np.searchsorted(cumulative, places * cumulative[-1], side="right"))


def _compared(problem: Problem, found: Estimate) -> list[_Minimum]:
    """The minima of a search that a larger sample does not rule out, the best first."""
    finisher = _Finisher(problem, bind_problem(problem), _ROUGH)
    minima = [_Minimum(found.theta, found.free)]
    if found.rivals is not None:
        minima += map(_Minimum, found.rivals.theta, found.rivals.free)
    best, *others = finisher.best_of(minima)
    losses = finisher.loss.value(finisher.residuals(best))
    kept = [best]
    for other in others:
        excess = finisher.loss.value(finisher.residuals(other)) - losses
        error = float(np.sqrt((excess * excess).sum()))
        if excess.sum() <= _BEHIND * error + finisher.rounding:
            kept.append(other)
    return kept


def _alternatives(
    sample: Problem, best: _Minimum, others: list[_Minimum], rounding: float
) -> FloatArray:
    """Natural values of minima that are as low as the best but divide the law otherwise."""
    own = to_natural(best.theta, sample.positive)
    shares = term_shares(sample.law, sample.columns, own)
    found = []
    for other in others:
        natural = to_natural(other.theta, sample.positive)
        if other.value > best.value * (1 + SAME_MINIMUM) + rounding:
            continue
        if (other.free == best.free).all() and same_everywhere(
            sample.law, sample.columns, natural, own
        ):
            continue  # exchangeable terms under other names
        apart = np.abs(term_shares(sample.law, sample.columns, natural) - shares).max()
        if apart > OTHER_DIVISION:
            found.append(natural)
    return np.array(found).reshape(len(found), len(own))


class _Finisher:
    """From near a minimum to its bottom, on one table and with one loss."""

    def __init__(self, problem: Problem, model: Model, tolerance: float = TOLERANCE) -> None:
        self.problem, self.model, self.tolerance = problem, model, tolerance
        self.lower, self.upper = problem.bounds()
        self.weights = problem.weights[None, :]
        self.loss = Loss("squared") if problem.delta is None else Loss("huber", problem.delta)
        self.steps = int(np.clip(_WORK / model.n_rows, *_STEPS))
        residual = np.array([1e-13 * model.magnitude])
        # objective of residuals at rounding level: below it, minima cannot be told apart
        self.rounding = float(problem.weights.sum() * self.loss.value(residual)[0])

    def finish(self, minimum: _Minimum) -> _Minimum:
        """To the bottom."""
        found = minimise(
            self.model, self.loss, minimum.theta[None, :], self.weights, minimum.free[None, :],
            self.lower, self.upper, amplitude=self.problem.amplitudes, patient=True,
            tolerance=self.tolerance, max_iterations=self.steps,
        )  # fmt: skip
        value = float(found.value[0])
        return replace(
            minimum,
            theta=found.theta[0],
            value=value,
            decrement=float(found.decrement[0]),
            converged=bool(found.converged[0]) or value <= self.rounding,
        )

    def best_of(self, minima: list[_Minimum]) -> list[_Minimum]:
        """All of them at the bottom, the lowest first."""
        return sorted(map(self.finish, minima), key=lambda minimum: minimum.value)

    def reactivated(self, best: _Minimum, sample: Problem) -> _Minimum:
        """The same minimum, or a lower one in which a coefficient at zero is at work."""
        starts = reactivated_starts(sample, bind_problem(sample), self.loss, best.theta, best.free)
        if not len(starts.theta):
            return best
        there = self.model.sums(starts.theta, self.weights, self.loss)
        place = int(np.argmin(there.value))
        low = self.finish(replace(best, theta=starts.theta[place], free=starts.free[place]))
        return low if low.value < best.value * (1 - SAME_MINIMUM) - self.rounding else best

    def residuals(self, minimum: _Minimum) -> FloatArray:
        """Residuals of each row."""
        return np.asarray(self.model.residuals(minimum.theta[None, :])[0])

    def hessian(self, minimum: _Minimum) -> FloatArray:
        """Of the objective at a minimum."""
        return np.asarray(
            self.model.sums(minimum.theta[None, :], self.weights, self.loss).hessian[0]
        )
