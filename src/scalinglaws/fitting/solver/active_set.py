"""Least absolute deviations by an active set: Newton's steps along the runs that are met exactly.

At a minimum some runs are met exactly. Where they are as many as the parameters it is a vertex;
where the law is curved they may be fewer. On the manifold on which the residuals of these active
runs are zero the objective is smooth until another residual changes its sign, and a Newton step
with the Hessian of the Lagrangian goes to its minimum there. A run whose sign would change and at
which the objective turns up becomes active; one whose multiplier is larger than its weight is let
go. Where no run is to be let go, no bound holds the point against its will, and the reduced Hessian
is not negative, this is a minimum (Murray and Overton 1981, IMA J. Appl. Math. 27).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scalinglaws.arrays import BoolArray, FloatArray, IntArray
from scalinglaws.fitting.solver.model import Model

_MOST_STEPS = 200
CERTIFIED = 1e-12  # promised decrease, relative to the objective
# Promised decrease, relative to the objective, at which a manifold has no lower point.
_ARRIVED = 1e-15
# Multipliers may exceed their weights, and curvatures be below zero, by so much, relative.
_SLACK = 1e-9
# Rows whose derivatives are dependent on those of the others to this, relative, are not active.
_DEPENDENT = 1e-11
# A step must keep this share of its promise; one refused is made so much shorter.
_KEPT, _SHORTER = 1e-3, 0.25
_MOST_TRIALS, _RESTORATIONS = 25, 4
# Size of the first trust region: the change of a residual, in units of the residuals.
_FIRST_RADIUS = 0.1
# The least curvature, as a share of the largest, that a promise trusts.
_LEAST_CURVATURE = 1e-14
# A step of this share of the radius ends at the edge, to which its multiplier is halved in.
_AT_EDGE, _HALVINGS = 0.99, 60


@dataclass(frozen=True)
class Vertex:
    """Working parameters, objective, and the relative decrease that a further step promises."""

    theta: FloatArray
    value: float
    promise: float

    @property
    def certified(self) -> bool:
        """No step decreases the objective."""
        return self.promise <= CERTIFIED


def descend(
    model: Model,
    theta: FloatArray,
    weights: FloatArray,
    free: BoolArray,
    lower: FloatArray,
    upper: FloatArray,
    near: float,
) -> Vertex:
    """Descend from `theta` to a minimum of the sum of absolute deviations.

    Parameters
    ----------
    near : float
        Runs with a residual below it are taken to be active at first; of a nearby Huber minimum,
        its threshold.
    """
    with np.errstate(all="ignore"):
        return _Descent(model, theta, weights, free, lower, upper, near).run()


@dataclass
class _Local:
    """The objective around a point, in units in which every parameter moves the residuals alike.

    Attributes
    ----------
    open : parameters that move and are not held at a bound; those below are of them alone
    size : (open,), of such a unit
    jacobian : (rows, open)
    signs : (rows,), of the residuals; zero for the active ones
    multipliers : (active,)
    slope, hessian : (open,) and (open, open), of the Lagrangian
    back : (open,), to first order the shortest step that brings the active residuals to zero
    null : (open, free directions), in which they stay zero; axes of the reduced Hessian
    curvature, gradient : (free directions,), along these axes, the latter after the step back
    outwards : (moving,), the pull on each parameter towards the bound at which it is held
    """

    open: IntArray
    size: FloatArray
    jacobian: FloatArray
    signs: FloatArray
    multipliers: FloatArray
    slope: FloatArray
    hessian: FloatArray
    back: FloatArray
    null: FloatArray
    curvature: FloatArray
    gradient: FloatArray
    outwards: FloatArray


class _Descent:
    def __init__(
        self,
        model: Model,
        theta: FloatArray,
        weights: FloatArray,
        free: BoolArray,
        lower: FloatArray,
        upper: FloatArray,
        near: float,
    ) -> None:
        self.model, self.weights = model, weights
        self.moving = np.flatnonzero(free)
        self.lower, self.upper = lower[self.moving], upper[self.moving]
        self.theta = theta.copy()
        self.theta[self.moving] = np.clip(theta[self.moving], self.lower, self.upper)
        self.residuals = model.residuals(self.theta[None])[0]
        self.value = self._objective(self.residuals)
        point = self.theta[self.moving]
        self.held = (point <= self.lower) | (point >= self.upper)
        close = np.flatnonzero((np.abs(self.residuals) <= near) & (weights > 0))
        order = np.argsort(np.abs(self.residuals[close]), kind="stable")
        self.active: list[int] = [int(k) for k in close[order]]
        # signs of runs just let go, whose residuals are zero still
        self.let_go: dict[int, float] = {}
        self.radius = _FIRST_RADIUS * self.value / float(weights.sum())
        self.floor = 1e-15 * model.magnitude * float(weights.sum())

    def _objective(self, residuals: FloatArray) -> float:
        value = float(self.weights @ np.abs(residuals))
        return value if np.isfinite(value) else np.inf

    def run(self) -> Vertex:
        promise = np.inf
        for _ in range(_MOST_STEPS):
            if not np.isfinite(self.value) or not len(self.moving):
                break
            here = self._local()
            if here is None:
                break
            scale = self.value + self.floor
            distance = float(self.weights[self.active] @ np.abs(self.residuals[self.active]))
            promised = _promised(here)
            promise = (promised + distance) / scale
            arrived = promised <= _ARRIVED * scale and distance <= _ARRIVED * scale
            if arrived and self._let_go(here):
                promise = np.inf
                continue
            if arrived and not self._is_curved_down(here):
                break
            if not self._move(here):
                if not self._let_go(here):
                    break
                promise = np.inf
        return Vertex(self.theta, self.value, float(promise))

    # --- around a point ------------------------------------------------------------------------

    def _local(self) -> _Local | None:
        jacobian = self.model.jacobian(self.theta)[:, self.moving]
        if not np.isfinite(jacobian).all():
            return None
        size = np.maximum(np.sqrt(np.mean(jacobian**2, axis=0)), 1e-300)
        inside = np.flatnonzero(~self.held)
        jacobian = jacobian[:, inside] / size[inside]
        self._drop_dependent(jacobian)
        signs = np.sign(self.residuals)
        for row, sign in self.let_go.items():
            signs[row] = sign
        signs[self.active] = 0.0
        pull = self.weights * signs
        n_active = len(self.active)
        basis, triangle = np.linalg.qr(jacobian[self.active].T, mode="complete")
        triangle = triangle[:n_active]
        multipliers = np.linalg.solve(triangle, -(basis[:, :n_active].T @ (pull @ jacobian)))
        pull[self.active] = multipliers
        slope, hessian = _weighted_derivatives(self.model, self.theta, pull)
        slope = slope[self.moving] / size
        places = self.moving[inside]
        hessian = hessian[np.ix_(places, places)] / np.outer(size[inside], size[inside])
        if not np.isfinite(hessian).all():
            return None
        back = basis[:, :n_active] @ np.linalg.solve(triangle.T, -self.residuals[self.active])
        null = basis[:, n_active:]
        curvature, axes = np.linalg.eigh(null.T @ hessian @ null)
        null = null @ axes
        outwards = np.where(self.theta[self.moving] <= self.lower, -slope, slope)
        return _Local(
            places, size[inside], jacobian, signs, multipliers, slope[inside], hessian, back,
            null, curvature, null.T @ (slope[inside] + hessian @ back),
            np.where(self.held, outwards, -np.inf),
        )  # fmt: skip

    def _drop_dependent(self, jacobian: FloatArray) -> None:
        """Active runs whose derivatives say nothing new are not active; the nearest stay."""
        found, kept = np.zeros((0, jacobian.shape[1])), []
        for row in self.active:
            own = jacobian[row]
            rest = own - found.T @ (found @ own)
            rest -= found.T @ (found @ rest)
            size = np.linalg.norm(rest)
            if len(found) < jacobian.shape[1] and size > _DEPENDENT * np.linalg.norm(own):
                found = np.vstack([found, rest / size])
                kept.append(row)
        self.active = kept

    # --- what is active --------------------------------------------------------------------------

    def _let_go(self, here: _Local) -> bool:
        """Let go of the run or the bound that costs most; False if each is where it belongs."""
        weights = self.weights[self.active]
        excess = (np.abs(here.multipliers) - weights) / np.maximum(weights, 1e-300)
        held = here.outwards / float(self.weights.sum())
        worst_run = float(excess.max(initial=-np.inf))
        worst_bound = float(held.max(initial=-np.inf))
        if max(worst_run, worst_bound) <= _SLACK:
            return False
        if worst_bound > worst_run:
            self.held[int(held.argmax())] = False
            return True
        place = int(excess.argmax())
        self.let_go = {self.active[place]: float(np.sign(here.multipliers[place]))}
        del self.active[place]
        return True

    @staticmethod
    def _is_curved_down(here: _Local) -> bool:
        lowest = float(here.curvature.min(initial=0.0))
        return lowest < -_SLACK * float(np.abs(here.hessian).max(initial=0.0))

    # --- one step --------------------------------------------------------------------------------

    def _move(self, here: _Local) -> bool:
        """Take a step, shorter and shorter ones if need be; False if none goes down."""
        first = self.radius
        for trial in range(_MOST_TRIALS):
            direction = here.null @ _in_trust_region(here.curvature, here.gradient, self.radius)
            length = float(np.linalg.norm(direction))
            share, row, bound = self._share(here, direction)
            if self._try(here, share * direction, row, bound):
                if trial == 0 and share == 1.0 and length >= _AT_EDGE * self.radius:
                    self.radius *= 4.0
                return True
            moved = share * length
            if moved <= 1e-15 * (1 + np.abs(self.theta[here.open] * here.size).max()):
                break
            self.radius = _SHORTER * moved
        self.radius = first
        return False

    def _share(self, here: _Local, direction: FloatArray) -> tuple[float, int | None, int | None]:
        """Where the objective along the direction is lowest, and the run or bound met there.

        The residuals are taken as linear, and the curvature as constant.
        """
        start = self.residuals + here.jacobian @ here.back
        change = here.jacobian @ direction
        slope = float(direction @ (here.slope + here.hessian @ here.back))
        bend = float(direction @ here.hessian @ direction)
        bound, limit = self._first_bound(here, direction)
        change[self.active] = 0.0
        crossing = -start / change
        crosses = (crossing > 0) & (crossing < limit) & (here.signs * change < 0)
        rows = np.flatnonzero(crosses & (self.weights > 0))
        rows = rows[np.argsort(crossing[rows], kind="stable")]
        before = slope
        for row in rows:
            at = float(crossing[row])
            if before + bend * at >= 0:  # the minimum lies before the kink
                return min(limit, max(0.0, -before / bend)) if bend > 0 else limit, None, None
            after = before + 2 * self.weights[row] * abs(change[row])
            if after + bend * at >= 0:
                return at, int(row), None
            before = after
        if bend > 0 and before < 0 and -before / bend < limit:
            return -before / bend, None, None
        return limit, None, bound

    def _first_bound(self, here: _Local, direction: FloatArray) -> tuple[int | None, float]:
        """The bound that the step meets first, and the share of the step before it."""
        inside = np.flatnonzero(~self.held)
        point = self.theta[here.open] * here.size + here.back
        wall = np.where(direction < 0, self.lower[inside], self.upper[inside]) * here.size
        distance = np.where(direction != 0, (wall - point) / direction, np.inf)
        distance = np.where(np.isnan(distance), np.inf, np.maximum(distance, 0.0))
        if not len(distance) or distance.min() >= 1.0:
            return None, 1.0
        place = int(distance.argmin())
        return int(inside[place]), float(distance[place])

    def _try(self, here: _Local, along: FloatArray, row: int | None, bound: int | None) -> bool:
        """Take the step and return to the manifold; False if that is not lower."""
        active = [*self.active, row] if row is not None else self.active
        kept = here.open != (-1 if bound is None else self.moving[bound])
        places, size = here.open[kept], here.size[kept]
        theta, residuals, value = self._at(here, here.back + along, bound)
        best = theta, residuals, value
        if active:
            inverse = np.linalg.pinv(here.jacobian[active][:, kept], rcond=_DEPENDENT)
            for _ in range(_RESTORATIONS):
                theta = theta.copy()
                theta[places] -= (inverse @ residuals[active]) / size
                theta[self.moving] = np.clip(theta[self.moving], self.lower, self.upper)
                residuals = self.model.residuals(theta[None])[0]
                value = self._objective(residuals)
                if not value < best[2]:
                    break
                gained = best[2] - value
                best = theta, residuals, value
                if gained <= _ARRIVED * self.value:
                    break
        if not best[2] < self.value:
            return False
        self.theta, self.residuals, self.value = best
        self.let_go = {}
        self.active = list(active)
        if bound is not None:
            self.held[bound] = True
        return True

    def _at(
        self, here: _Local, step: FloatArray, bound: int | None
    ) -> tuple[FloatArray, FloatArray, float]:
        theta = self.theta.copy()
        theta[here.open] += step / here.size
        if bound is not None:
            place = int(self.moving[bound])
            rising = theta[place] > self.theta[place]
            theta[place] = self.upper[bound] if rising else self.lower[bound]
        theta[self.moving] = np.clip(theta[self.moving], self.lower, self.upper)
        residuals = self.model.residuals(theta[None])[0]
        return theta, residuals, self._objective(residuals)


def _promised(here: _Local) -> float:
    """Decrease along the manifold that Newton's step promises."""
    floor = _LEAST_CURVATURE * float(np.abs(here.curvature).max(initial=0.0)) + 1e-300
    return float(0.5 * (here.gradient**2 / np.maximum(np.abs(here.curvature), floor)).sum())


def _in_trust_region(curvature: FloatArray, gradient: FloatArray, radius: float) -> FloatArray:
    """The step in a ball at which a quadratic is lowest, in the axes of its Hessian."""
    if not len(curvature):
        return np.zeros(0)
    size = float(np.linalg.norm(gradient))
    lowest = float(curvature[0])
    if lowest > 0:
        step = -gradient / curvature
        if np.linalg.norm(step) <= radius:
            return step
    # the multiplier of the ball lies between these
    low = max(0.0, -lowest) * (1 + 1e-12) + 1e-300
    high = low + size / radius
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        if np.linalg.norm(gradient / (curvature + middle)) > radius:
            low = middle
        else:
            high = middle
    step = -gradient / (curvature + high)
    rest = radius**2 - float(step @ step)
    if lowest < 0 and rest > 0:  # nothing pulls along the negative curvature: go there all the same
        step[0] += np.copysign(np.sqrt(rest), step[0])
    return np.asarray(step)


def _weighted_derivatives(
    model: Model, theta: FloatArray, pull: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Sums over the runs of ``pull`` times the first and second derivatives of the residuals."""
    gradient = np.zeros(model.n_parameters)
    hessian = np.zeros((model.n_parameters, model.n_parameters))
    for rows, block in model.blocks():
        own = np.array(pull[rows])[None]
        first, second = block.at(theta[None]).contract(own, np.zeros_like(own), curved=True)
        gradient += first[0]
        hessian += second[0]
    return gradient, hessian
