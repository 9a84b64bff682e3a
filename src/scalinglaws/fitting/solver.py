"""The one optimiser: damped Newton steps for a batch of parameter vectors at once.

Each row of the batch has its own start, weights and fixed parameters. A row leaves the batch when
the decrease that an undamped Newton step promises is lost in rounding. Damping is measured in the
model's own metric (how much a step changes each term), so that units do not matter.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scalinglaws.fitting.model import Model, Sums
from scalinglaws.fitting.objective import BoolArray, FloatArray, IntArray, Loss

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
# Relative change of a growing coefficient in one step.
_GROWTH = (-0.9, 20.0)
# Consecutive accepted steps without a decrease that counts, after which a flat valley is left.
_PATIENCE = 4
_MOST_IDLE = 12
# A row that gains less than this, relative, in so many steps is given up.
_WINDOW, _CRAWL = 40, 1e-8

_ROWWISE = ("theta", "value", "decrement", "converged")


@dataclass
class Solution:
    """Where each row of a batch ended.

    Attributes
    ----------
    theta : (batch, parameters)
        Working parameters.
    value : (batch,)
        Objective.
    decrement : (batch,)
        Decrease that one more Newton step promises, relative to the objective: the gradient in
        scaled units.
    converged : (batch,)
        The decrement is at rounding level, or the objective no longer falls.
    """

    theta: FloatArray
    value: FloatArray
    decrement: FloatArray
    converged: BoolArray
    n_iterations: int

    def take(self, rows: npt.ArrayLike) -> Solution:
        """Some rows of the batch."""
        k = np.asarray(rows)
        rows_of = {name: getattr(self, name)[k] for name in _ROWWISE}
        return Solution(**rows_of, n_iterations=self.n_iterations)

    def joined(self, other: Solution) -> Solution:
        """The rows of both."""
        rows = {n: np.concatenate([getattr(self, n), getattr(other, n)]) for n in _ROWWISE}
        return Solution(**rows, n_iterations=self.n_iterations + other.n_iterations)

    def put(self, rows: IntArray, other: Solution) -> None:
        """Replace some rows by those of another solution."""
        for name in _ROWWISE:
            getattr(self, name)[rows] = getattr(other, name)


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
    majorise: bool = False,
    patient: bool = False,
    tolerance: float = TOLERANCE,
    max_iterations: int = 200,
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
    majorise : bool
        Use the Hessian of iteratively reweighted least squares: slower at the end, safer far away.
    patient : bool
        Do not give up a row that crawls, as along a curved valley.
    tolerance : float
        Promised decrease, relative to the objective, below which a row has arrived.
    max_iterations : int
    """
    descent = _Descent(
        model, loss, start, weights, free, (lower, upper), amplitude, majorise, tolerance
    )
    active = np.flatnonzero(np.isfinite(descent.state.value))
    iteration = 0
    while len(active) and iteration < max_iterations:
        iteration += 1
        active = descent.step(active, check=not patient and iteration % _WINDOW == 0)
    return Solution(
        descent.theta, descent.state.value, descent.decrement, descent.converged, iteration,
    )  # fmt: skip


@dataclass
class _Proposal:
    """A step of each active row, and the decrease that its quadratic model promises."""

    trial: FloatArray
    promised: FloatArray
    ok: BoolArray


class _Descent:
    """Where each row of a batch stands, and one damped step of those that have not arrived."""

    def __init__(
        self,
        model: Model,
        loss: Loss,
        start: FloatArray,
        weights: FloatArray,
        free: BoolArray,
        bounds: tuple[FloatArray, FloatArray],
        amplitude: BoolArray,
        majorise: bool,
        tolerance: float,
    ) -> None:
        self.tolerance = tolerance
        self.model, self.loss, self.weights = model, loss, weights
        self.free, self.bounds = free, bounds
        self.growable = amplitude & (not majorise)
        self.majorise = majorise
        n_batch = len(start)
        self.theta = np.where(free, np.clip(start, *bounds), start)
        self.state = self._evaluate(self.theta, np.arange(n_batch), majorised=True)
        self.metric = _damping_metric(model, self.state)
        self.damping = np.full(n_batch, _FIRST_DAMPING if majorise else 0.0)
        self.decrement = np.full(n_batch, np.inf)
        self.converged = np.zeros(n_batch, dtype=np.bool_)
        self._idle = np.zeros(n_batch, dtype=np.intp)
        self._earlier = self.state.value.copy()
        rounding = np.array([_ROUNDING * model.magnitude])
        self._floor = weights.sum(axis=1) * loss.value(rounding)[0] + 1e-300

    def step(self, active: IntArray, *, check: bool) -> IntArray:
        """Move the active rows; return those that go on. `check` looks for rows that crawl."""
        proposal = self._propose(active)
        promised, ok = proposal.promised, proposal.ok
        scale = (
            np.abs(self.state.value[active]) + np.broadcast_to(self._floor, len(self.theta))[active]
        )
        damping = self.damping[active]
        self.decrement[active] = np.where(ok, promised / scale, np.inf)
        arrived = ok & (promised <= self.tolerance * scale) & (damping <= 1e-8)
        new = self._evaluate(proposal.trial, active, majorised=self.majorise)
        actual = self.state.value[active] - new.value
        with np.errstate(divide="ignore", invalid="ignore"):
            gain = np.where(promised > 0, actual / promised, 0.0)
        # The last steps go by the gradient: the objective no longer sees so small a change.
        close = ok & (promised <= _LOST_IN_ROUNDING * scale) & (damping <= 1e-8)
        lost = np.abs(actual) <= _LOST_IN_ROUNDING * scale
        accepted = ok & np.isfinite(new.value) & ((actual > 0) | (close & lost))
        self._accept(active, accepted, proposal.trial, new)
        # A refused step whose promise is rounding is an arrival as well.
        arrived |= ok & ~accepted & lost & (promised <= _LOST_IN_ROUNDING * scale)
        self.damping[active] = _next_damping(damping, ok, gain, accepted)
        useful = accepted & (actual > TOLERANCE * scale)
        self._idle[active] = np.where(useful, 0, self._idle[active] + 1)
        flat = accepted & (self._idle[active] >= _PATIENCE)
        stuck = (self.damping[active] > _MOST_DAMPING) | (self._idle[active] >= _MOST_IDLE)
        if check:
            stuck |= self._crawling(active, scale) & ~arrived
        self.converged[active] = arrived | flat | (stuck & (self.decrement[active] <= 1e-9))
        return np.asarray(active[~(arrived | flat | stuck)])

    def _propose(self, active: IntArray) -> _Proposal:
        point = self.theta[active]
        lower, upper = self.bounds
        gradient = self.state.gradient[active].copy()
        hessian = (self.state.majorised if self.majorise else self.state.hessian)[active].copy()
        blocked = ~self.free[active]
        blocked |= (point <= lower) & (gradient > 0)
        blocked |= (point >= upper) & (gradient < 0)
        gradient[blocked] = 0.0
        keep = (~blocked).astype(np.float64)
        hessian *= keep[:, :, None] * keep[:, None, :]
        # A coefficient that wants to grow steps in its natural value, in which the law is linear:
        # near zero its logarithm sees negative curvature.
        growing = self.growable & (gradient < 0)
        np.einsum("bii->bi", hessian)[...] -= np.where(growing, gradient, 0.0)
        damping = self.damping[active][:, None, None] * self.metric[active]
        step, promised, ok = _damped_step(gradient, hessian, damping, blocked, point, lower, upper)
        move = np.where(growing, np.log1p(np.clip(step, *_GROWTH)), step)
        return _Proposal(point + np.where(ok[:, None], move, 0.0), promised, ok)

    def _evaluate(self, theta: FloatArray, rows: IntArray, *, majorised: bool) -> Sums:
        own = self.weights[rows] if len(self.weights) > 1 else self.weights
        with np.errstate(over="ignore", invalid="ignore"):
            sums = self.model.sums(theta, own, self.loss, majorised=majorised)
        sums.value[~np.isfinite(sums.value)] = np.inf
        return sums

    def _accept(self, active: IntArray, accepted: BoolArray, trial: FloatArray, new: Sums) -> None:
        rows = active[accepted]
        self.theta[rows] = trial[accepted]
        for name in ("value", "gradient", "hessian", "majorised"):
            getattr(self.state, name)[rows] = getattr(new, name)[accepted]

    def _crawling(self, active: IntArray, scale: FloatArray) -> BoolArray:
        """Rows that have gained next to nothing since the last check."""
        gained = self._earlier[active] - self.state.value[active]
        self._earlier[active] = self.state.value[active]
        return np.asarray(gained <= _CRAWL * scale)


def _damping_metric(model: Model, state: Sums) -> FloatArray:
    """Metric of each row: the model's own, at the size of the row's curvature."""
    p = model.n_parameters
    if model.metric is None:
        # each parameter in its own unit: a common ridge would freeze those with large units
        diagonal = np.maximum(np.einsum("bii->bi", state.majorised), 1e-300)
        return np.asarray(state.majorised + _OWN_UNITS * diagonal[:, :, None] * np.eye(p))
    size = np.einsum("bij,ji->b", state.majorised, np.linalg.pinv(model.metric)) / p
    size = np.maximum(size, 1e-300)
    ridge = 1e-9 * np.trace(model.metric) / p * np.eye(p)
    return np.asarray(size[:, None, None] * (model.metric + ridge))


def _damped_step(
    gradient: FloatArray,
    hessian: FloatArray,
    damping: FloatArray,
    blocked: BoolArray,
    point: FloatArray,
    lower: FloatArray,
    upper: FloatArray,
) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Step inside the bounds, the decrease that the quadratic model promises, and success."""
    p = gradient.shape[1]
    keep = (~blocked).astype(np.float64)
    matrix = hessian + damping * keep[:, :, None] * keep[:, None, :]
    matrix[:, np.arange(p), np.arange(p)] += blocked
    step, ok = solve_positive_definite(matrix, -gradient)
    # a coefficient held at zero sits at minus infinity and does not move
    anchor = np.where(blocked, 0.0, point)
    step = np.where(blocked, 0.0, np.clip(anchor + step, lower, upper) - anchor)
    promised = -(
        np.einsum("bi,bi->b", gradient, step) + 0.5 * np.einsum("bi,bij,bj->b", step, hessian, step)
    )
    ok &= np.isfinite(promised) & (promised >= 0)
    return step, promised, ok


def _next_damping(
    damping: FloatArray, ok: BoolArray, gain: FloatArray, accepted: BoolArray
) -> FloatArray:
    """Less after a step that kept its promise, more after one that did not."""
    good = accepted & (gain > 0.75)
    bad = ~ok | ~accepted | (gain < 0.25)
    smaller = np.where(damping > _LEAST_DAMPING, damping * 0.1, 0.0)
    larger = np.maximum(damping * 8.0, _RENEWED_DAMPING)
    return np.where(bad, larger, np.where(good, smaller, damping))


def solve_positive_definite(matrix: FloatArray, right: FloatArray) -> tuple[FloatArray, BoolArray]:
    """Solve a batch of small systems by Cholesky; False where a matrix is not positive definite.

    The loops run over the few parameters, the arrays over the batch.
    """
    p = matrix.shape[1]
    a = np.moveaxis(matrix, 0, -1)  # (p, p, batch), so that each entry is contiguous
    factor = np.zeros_like(a)
    x = np.array(right.T)
    ok = np.ones(matrix.shape[0], dtype=np.bool_)
    for j in range(p):
        pivot = a[j, j] - np.einsum("kb,kb->b", factor[j, :j], factor[j, :j])
        good = pivot > 1e-14 * np.abs(a[j, j])
        ok &= good
        factor[j, j] = np.sqrt(np.where(good, pivot, 1.0))
        for i in range(j + 1, p):
            below = a[i, j] - np.einsum("kb,kb->b", factor[i, :j], factor[j, :j])
            factor[i, j] = below / factor[j, j]
    for j in range(p):
        x[j] = (x[j] - np.einsum("kb,kb->b", factor[j, :j], x[:j])) / factor[j, j]
    for j in reversed(range(p)):
        x[j] = (x[j] - np.einsum("kb,kb->b", factor[j + 1 :, j], x[j + 1 :])) / factor[j, j]
    return x.T, ok
