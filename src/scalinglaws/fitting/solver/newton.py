"""The one optimiser: damped Newton steps for a batch of parameter vectors at once.

Each row of the batch has its own start, weights and fixed parameters. A row leaves the batch when
the decrease that an undamped Newton step promises is lost in rounding. Damping is measured in the
model's own metric (how much a step changes each term), so that units do not matter.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar

import numpy as np

from scalinglaws.arrays import BoolArray, FloatArray, IntArray
from scalinglaws.fitting.solver.linear_solve import bounded_step
from scalinglaws.fitting.solver.model import Model, Sums
from scalinglaws.fitting.solver.objective import Loss
from scalinglaws.fitting.solver.problem import Minimisation, Solution

# Promised decrease, relative to the objective, below which a row has arrived.
TOLERANCE = 1e-14
# Residuals of this relative size are rounding: an objective below it is zero.
_ROUNDING = 4e-16
# Changes of the objective, relative, that are rounding in a sum over many runs.
_LOST_IN_ROUNDING = 1e-11
_FIRST_DAMPING = 1e-3
_RENEWED_DAMPING = 1e-7
_LEAST_DAMPING = 1e-10
_MOST_DAMPING = 1e12
# Share of each parameter's own curvature in the damping of a law without a metric of its own.
_OWN_UNITS = 0.1
# A small step of a parameter, as a share of its range; it is about one for a logarithm. A change of
# the objective with such a step, relative, that is none; and what it is at least for the damping.
_SHARE_OF_RANGE, _NO_EFFECT, _LEAST_EFFECT = 1e-3, 1e-13, 1e-6
# Relative change of a growing coefficient in one step.
_GROWTH = (-0.9, 20.0)
# Relative change of each parameter up to which an arrived row takes its last step.
_UNSEEN = 1e-5
# A step over kinks that brings this share of the decrease it promised is taken as it is, and so is
# one that would hardly be shortened.
_KEPT, _WHOLE = 0.8, 0.9
# Consecutive accepted steps without a decrease that counts, after which a flat valley is left.
_PATIENCE = 4
_MOST_IDLE = 12
# A row that gains less than this, relative, in so many steps is given up.
_WINDOW, _CRAWL = 40, 1e-8


def minimise(
    model: Model,
    loss: Loss,
    start: FloatArray,
    weights: FloatArray,
    free: BoolArray,
    lower: FloatArray,
    upper: FloatArray,
    *,
    amplitude: BoolArray,
    shifts: FloatArray | None = None,
    majorise: bool = False,
    patient: bool = False,
    tolerance: float = TOLERANCE,
    max_iterations: int = 200,
    enough: int | None = None,
    known: Sums | None = None,
) -> Solution:
    """Minimise the objective from each row of `start`.

    Parameters
    ----------
    model : Model
        Law bound to a table.
    loss : Loss
    start : (batch, parameters)
    weights : (batch, rows) or (1, rows)
    free : (batch, parameters)
        Parameters that may move; the others stay at their start.
    lower, upper : (parameters,)
        Bounds on the working parameters.
    amplitude : (parameters,)
        Coefficients worked on as logarithms in which the law itself is linear.
    shifts : (batch, rows), optional
        Added to the observations of each row of the batch.
    majorise : bool
        Use the Hessian of iteratively reweighted least squares: slower at the end, safer far away.
    patient : bool
        Do not give up a row that crawls, as along a curved valley.
    tolerance : float
        Promised decrease, relative to the objective, below which a row has arrived.
    max_iterations : int
    enough : int, optional
        Stop when so many rows have arrived at one objective and no other row is below it.
    known : Sums, optional
        The objective and its derivatives at the start, which must lie inside the bounds.
    """
    return SOLVER.get()(
        Minimisation(
            model, loss, start, weights, free, lower, upper, amplitude, shifts, majorise,
            patient, tolerance, max_iterations, enough, known,
            np.zeros(len(start), dtype=np.intp),
        )
    )  # fmt: skip


def solve(task: Minimisation) -> Solution:
    """Where each row ends."""
    descent = _Descent(task)
    with np.errstate(all="ignore"):  # steps that go astray are refused
        for _ in range(task.max_iterations):
            if not len(descent.rows):
                break
            descent.step()
    return descent.solution()


# Solves what `minimise` is asked; another function where many searches are done together.
SOLVER: ContextVar[Callable[[Minimisation], Solution]] = ContextVar("SOLVER", default=solve)


# Arrays of a descent with one entry a row.
_OF_ROW = (
    "rows", "theta", "free", "owner", "damping", "metric", "decrement", "idle", "earlier", "floor",
)  # fmt: skip


class _Descent:
    """Where each row of a batch stands. Rows that have arrived, or are given up, leave."""

    def __init__(self, task: Minimisation) -> None:
        self.task = task
        start, weights, free = task.start, task.weights, task.free
        n_batch, p = start.shape
        self.weights, self.shifts, self.free, self.owner = weights, task.shifts, free, task.owner
        self.theta = np.where(free, np.clip(start, task.lower, task.upper), start)
        self.rows = np.arange(n_batch)
        self.state = task.known or self._evaluate(self.theta)
        self.damping = np.full(n_batch, _FIRST_DAMPING if task.majorise else 0.0)
        self.metric = np.full((n_batch, p, p), np.nan)
        self.decrement = np.full(n_batch, np.inf)
        self.idle = np.zeros(n_batch, dtype=np.intp)
        self.earlier = self.state.value
        rounding = task.model.rounding_loss(task.loss, _ROUNDING)
        self.floor = np.broadcast_to(weights.sum(axis=1) * rounding + 1e-300, n_batch)
        # A small step of each parameter by its range; infinite without bounds.
        self.unit = (task.upper - task.lower) * _SHARE_OF_RANGE
        self.n_iterations = 0
        self._ended = Solution(
            self.theta.copy(), self.state.value.copy(), self.decrement.copy(),
            np.zeros(n_batch, dtype=np.bool_),
        )  # fmt: skip
        self._leave(~np.isfinite(self.state.value), np.zeros(n_batch, dtype=np.bool_))

    def solution(self) -> Solution:
        """Where every row ended, or stands."""
        self._leave(np.ones(len(self.rows), bool), np.zeros(len(self.rows), bool))
        return self._ended

    def _stop_where_enough_agree(self, enough: int) -> None:
        """Rows of an owner leave once enough of them are at its lowest objective of all."""
        arrived = self._ended.converged
        value, owner = self._ended.value[arrived], self.task.owner[arrived]
        if len(value) < enough or not len(self.rows):
            return
        n_owners = int(self.task.owner[-1]) + 1
        lowest, floor = np.full(n_owners, np.inf), np.zeros(n_owners)
        np.minimum.at(lowest, owner, value)
        np.maximum.at(floor, self.owner, self.floor)
        limit = lowest + 1e-9 * np.abs(lowest) + floor
        n_agreeing = np.bincount(owner[value <= limit[owner]], minlength=len(lowest))
        settled = n_agreeing >= enough
        settled[self.owner[self.state.value < lowest[self.owner]]] = False
        leaving = settled[self.owner]
        self._leave(leaving, np.zeros(len(leaving), dtype=np.bool_))

    def step(self) -> None:
        """One damped step of each row."""
        self.n_iterations += 1
        scale = np.abs(self.state.value) + self.floor
        step, promised, ok = self._propose(scale)
        self.decrement = np.where(ok, promised / scale, np.inf)
        newton = ok & (self.damping <= 1e-8)
        arrived = newton & (promised <= self.task.tolerance * scale)
        if arrived.any():
            # The last step is taken unseen, if it is one that changes next to nothing.
            self.theta = np.where(
                (arrived & self._is_near(step))[:, None], self.theta + step, self.theta
            )
            self._leave(arrived, arrived)
            rest = ~arrived
            step, promised, ok, scale = step[rest], promised[rest], ok[rest], scale[rest]
            newton = newton[rest]
        if len(self.rows):
            self._try(step, promised, ok, newton, scale)
        if self.task.enough is not None:
            self._stop_where_enough_agree(self.task.enough)

    def _try(
        self,
        step: FloatArray,
        promised: FloatArray,
        ok: BoolArray,
        newton: BoolArray,
        scale: FloatArray,
    ) -> None:
        """Evaluate the steps, take those that go down, and adapt the damping."""
        new = self._evaluate(self.theta + step)
        cut = self.task.loss.has_kinks and not self.task.majorise
        if cut:
            short = ok & ~(self.state.value - new.value >= _KEPT * promised)
            short &= promised > _LOST_IN_ROUNDING * scale
            if short.any():
                self._cut(np.flatnonzero(short), step, promised, new)
        trial = self.theta + step
        actual = self.state.value - new.value
        gain = np.where(promised > 0, actual / promised, 0.0)
        # The last steps go by the gradient: the objective no longer sees so small a change.
        close = newton & (promised <= _LOST_IN_ROUNDING * scale)
        lost = np.abs(actual) <= _LOST_IN_ROUNDING * scale
        accepted = ok & np.isfinite(new.value) & ((actual > 0) | (close & lost))
        self._accept(accepted, trial, new)
        # A refused step whose promise is rounding is an arrival as well.
        arrived = ok & ~accepted & lost & (promised <= _LOST_IN_ROUNDING * scale)
        if arrived.any():
            self.theta = np.where((arrived & self._is_near(step))[:, None], trial, self.theta)
        if cut:
            # the step was cut where the linear residuals ask for it: any gain will do
            gain = np.where(accepted, 1.0, gain)
        self.damping = _next_damping(self.damping, ok, gain, accepted)
        useful = accepted & (actual > TOLERANCE * scale)
        self.idle = np.where(useful, 0, self.idle + 1)
        flat = accepted & (self.idle >= _PATIENCE)
        stuck = (self.damping > _MOST_DAMPING) | (self.idle >= _MOST_IDLE)
        if not self.task.patient and self.n_iterations % _WINDOW == 0:
            stuck |= (self.earlier - self.state.value <= _CRAWL * scale) & ~arrived
            self.earlier = self.state.value.copy()
        converged = arrived | flat | (stuck & (self.decrement <= 1e-9))
        self._leave(arrived | flat | stuck, converged)

    def _is_near(self, step: FloatArray) -> BoolArray:
        """Steps so short that they need not be seen."""
        near = np.abs(step) <= _UNSEEN * (np.abs(self.theta) + _UNSEEN)
        return np.asarray(near.all(axis=1))

    def _propose(self, scale: FloatArray) -> tuple[FloatArray, FloatArray, BoolArray]:
        """A step of each row, and the decrease that its quadratic model promises."""
        task, point = self.task, self.theta
        gradient, hessian = self.state.gradient, self.state.hessian
        blocked = ~self.free
        blocked |= (point <= task.lower) & (gradient > 0)
        blocked |= (point >= task.upper) & (gradient < 0)
        diagonal = np.einsum("bii->bi", hessian)
        # what changes nothing stays where it is
        effect = np.abs(gradient) * self.unit + np.abs(diagonal) * self.unit**2
        blocked |= effect <= _NO_EFFECT * scale[:, None]
        if blocked.any():
            gradient = np.where(blocked, 0.0, gradient)
            keep = ~blocked
            hessian = hessian * (keep[:, :, None] & keep[:, None, :])
        # A coefficient that wants to grow manifold steps in its natural value, in which the law is
        # linear: near zero its logarithm sees next to no curvature, or a negative one.
        diagonal = np.einsum("bii->bi", hessian)
        growing = task.amplitude & (not task.majorise) & (gradient < 0) & (diagonal < -gradient)
        if growing.any():
            hessian = hessian.copy()
            np.einsum("bii->bi", hessian)[...] -= np.where(growing, gradient, 0.0)
        damped = np.flatnonzero(self.damping > 0)
        matrix = hessian
        if len(damped):
            matrix = hessian.copy()
            keep = ~blocked[damped]
            ridge = self.damping[damped, None, None] * self._metric_of(damped)
            matrix[damped] += ridge * (keep[:, :, None] & keep[:, None, :])
        step, ok = bounded_step(matrix, gradient, blocked, point, task.lower, task.upper)
        turned = gradient + 0.5 * np.matmul(hessian, step[:, :, None])[:, :, 0]
        promised = -(turned * step).sum(axis=1)
        # at the bottom the sign of a promise is rounding
        ok &= np.isfinite(promised) & (promised >= -task.tolerance * scale)
        promised = np.maximum(promised, 0.0)
        if growing.any():
            step = np.where(growing, np.log1p(np.clip(step, *_GROWTH)), step)
        return np.where(ok[:, None], step, 0.0), promised, ok

    def _cut(self, rows: IntArray, step: FloatArray, promised: FloatArray, new: Sums) -> None:
        """Shorten the steps of some rows as their linear residuals ask for, where that is lower.

        The steps, what they promise and what is there are replaced; see `Model.shorten`.
        """
        share = self.task.model.shorten(
            self.theta[rows], step[rows],
            np.einsum("bi,bi->b", self.state.gradient[rows], step[rows]),
            self.weights, self.task.loss, shifts=self.shifts, chosen=self.rows[rows],
        )  # fmt: skip
        rows, share = rows[share < _WHOLE], share[share < _WHOLE]
        if not len(rows):
            return
        shorter = self._evaluate(self.theta[rows] + share[:, None] * step[rows], rows)
        lower = shorter.value <= new.value[rows]
        rows, share = rows[lower], share[lower]
        step[rows] *= share[:, None]
        promised[rows] *= share * (2.0 - share)
        new.put(rows, shorter.take(lower))

    def _metric_of(self, rows: IntArray) -> FloatArray:
        """What measures the steps of some rows, at the size of their curvature."""
        new = rows[np.isnan(self.metric[rows, 0, 0])]
        if len(new):
            majorised = (
                self.state.hessian[new]
                if self.task.majorise
                else self._evaluate(self.theta[new], new, majorise=True).hessian
            )
            least = np.abs(self.state.value[new, None]) * _LEAST_EFFECT / self.unit**2
            self.metric[new] = _damping_metric(self.task.model, majorised, least, self.rows[new])
        return self.metric[rows]

    def _evaluate(
        self, theta: FloatArray, rows: IntArray | None = None, *, majorise: bool | None = None
    ) -> Sums:
        return self.task.model.sums(
            theta, self.weights, self.task.loss, shifts=self.shifts,
            chosen=self.rows if rows is None else self.rows[rows],
            majorise=self.task.majorise if majorise is None else majorise,
        )  # fmt: skip

    def _accept(self, accepted: BoolArray, trial: FloatArray, new: Sums) -> None:
        if accepted.all():
            self.theta, self.state = trial, new
            return
        self.theta[accepted] = trial[accepted]
        self.state.put(accepted, new.take(accepted))

    def _leave(self, leaving: BoolArray, converged: BoolArray) -> None:
        """Write down where some rows ended, and go on with the others."""
        if not leaving.any():
            return
        ended, rows = self._ended, self.rows[leaving]
        ended.theta[rows], ended.value[rows] = self.theta[leaving], self.state.value[leaving]
        ended.decrement[rows], ended.converged[rows] = self.decrement[leaving], converged[leaving]
        stay = ~leaving
        for name in _OF_ROW:
            setattr(self, name, getattr(self, name)[stay])
        self.state = self.state.take(stay)


def _damping_metric(
    model: Model, majorised: FloatArray, least: FloatArray, rows: IntArray
) -> FloatArray:
    """Metric of each row: the model's own, at the size of the row's curvature."""
    p, metrics = model.n_parameters, model.metrics(rows)
    if metrics is None:
        # each parameter in its own unit: a common ridge would freeze those with large units
        diagonal = np.maximum(np.einsum("bii->bi", majorised), np.maximum(least, 1e-300))
        return np.asarray(majorised + _OWN_UNITS * diagonal[:, :, None] * np.eye(p))
    metric, inverse = metrics
    size = np.einsum("bij,bji->b", majorised, np.broadcast_to(inverse, majorised.shape)) / p
    size = np.maximum(size, 1e-300)
    ridge = 1e-9 * np.trace(metric, axis1=1, axis2=2)[:, None, None] / p * np.eye(p)
    return np.asarray(size[:, None, None] * (metric + ridge))


def _next_damping(
    damping: FloatArray, ok: BoolArray, gain: FloatArray, accepted: BoolArray
) -> FloatArray:
    """Less after a step that kept its promise, more after one that did not."""
    good = accepted & (gain > 0.75)
    bad = ~ok | ~accepted | (gain < 0.25)
    smaller = np.where(damping > _LEAST_DAMPING, damping * 0.1, 0.0)
    larger = np.maximum(damping * 8.0, _RENEWED_DAMPING)
    return np.where(bad, larger, np.where(good, smaller, damping))
