"""A fit with one quantity held and the rest fitted again, in units of the noise.

The deviance of a value c of a quantity g is how far the objective rises above its minimum when
g(theta) = c and everything else is fitted again, in units of the noise:

    D(c) = (min f - f_min) / sigma^2,  sigma^2 = f_min / (n - p),            least squares
    D(c) = 2 (min f - f_min) / s^2,    s^2 = E[psi^2] / E[psi'],             Huber

where f counts a residual inside the Huber threshold as r^2/2. For a law that is linear in its
parameters D is the square of Student's t, so that D <= t^2 is the exact interval (Bates and Watts
1988, Nonlinear Regression Analysis, 6.1). The robust scale makes D agree to second order with the
interval from the covariance E[psi^2]/E[psi']^2 (X'X)^-1 (Heritier and Ronchetti 1994, J. Am. Stat.
Assoc. 89). E[psi^2] is taken with n - p; E[psi'] is the share of residuals inside the threshold, or
inside a wider window where these are too few to be counted (Hall and Sheather 1988, J. R. Stat.
Soc. B 50), which is also how absolute deviations are treated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from scalinglaws.arrays import BoolArray, FloatArray, IntArray
from scalinglaws.core.roles import LARGEST_EXPONENT
from scalinglaws.errors import FitError
from scalinglaws.fitting.inference.quantity import Quantity
from scalinglaws.fitting.inference.recall import at_bound, estimated, problem_of
from scalinglaws.fitting.inference.record import FitRecord
from scalinglaws.fitting.inference.status import Status
from scalinglaws.fitting.solver.binding import bind_problem
from scalinglaws.fitting.solver.model import Model
from scalinglaws.fitting.solver.newton import Solution, minimise
from scalinglaws.fitting.solver.objective import Loss, smooth_loss
from scalinglaws.fitting.solver.problem import MOST_LOG, Problem
from scalinglaws.fitting.solver.reparametrised import Reparametrised
from scalinglaws.fitting.solver.steps import solve_positive_definite

# Share of residuals inside the threshold from which on they are simply counted.
_COUNTED = 0.5
# (1.5 phi(0)^2 z^2)^(1/3) with z = 1.96: Hall and Sheather's bandwidth of a median, times n^(1/3).
_BANDWIDTH = 0.9716
_STEPS, _SAFE_STEPS, _LAST_STEPS = 60, 20, 120
# How well a held minimum must be known, in units of the deviance.
_KNOWN = 1e-7
_SMALLEST_EIGENVALUE = 1e-8
# Logarithm of a coefficient that has all but left the law.
_VANISHED = -60.0


@dataclass
class Held:
    """Minima with a quantity held, one a row.

    Attributes
    ----------
    phi : (batch, parameters)
        Coordinates: working parameters, the held value in the place of one of them.
    deviance : (batch,)
    slope : (batch,)
        Derivative of the deviance in the held value.
    tangent : (batch, parameters)
        Derivatives of the coordinates in the held value.
    known : (batch,)
        Whether the minimum was reached.
    pull : (batch,)
        How much the deviance would fall for each step that a parameter could go beyond the range
        in which it is sought; zero where none is at the end of its range.
    """

    phi: FloatArray
    deviance: FloatArray
    slope: FloatArray
    tangent: FloatArray
    known: BoolArray
    pull: FloatArray

    def take(self, rows: IntArray | BoolArray) -> Held:
        """Some of the rows."""
        return Held(*(values[rows] for values in vars(self).values()))

    def put(self, rows: IntArray | BoolArray, other: Held) -> None:
        """Replace some of the rows."""
        for name, values in vars(other).items():
            getattr(self, name)[rows] = values


class Profiler:
    """A fit that is asked how much worse it gets with a quantity held elsewhere.

    Parameters
    ----------
    problem, model : the law bound to its table
    loss : with the threshold of the fit, which is kept
    theta : working parameters of the fit
    free : which of them move; those at a bound included
    dof : runs less estimated parameters
    null_space : (parameters, directions), optional
        Directions that the runs leave open.
    alternatives : (fits, parameters), optional
        Natural parameters of other fits that are as good.

    Raises
    ------
    FitError
        If nothing is known of the noise.
    """

    def __init__(
        self,
        problem: Problem,
        model: Model,
        loss: Loss,
        theta: FloatArray,
        free: BoolArray,
        dof: int,
        *,
        null_space: FloatArray | None = None,
        alternatives: FloatArray | None = None,
    ) -> None:
        if dof <= 0:
            raise FitError(
                "There are as many coefficients as runs: nothing is known about their errors."
            )
        self.model, self.loss, self.free, self.dof = model, loss, free, dof
        self.weights = problem.weights[None, :]
        self._bounds = self.lower, self.upper = problem.bounds()
        self.amplitudes = problem.amplitudes
        self.offsets = np.array([p.is_floor for p in problem.law.parameters])
        self.exponents = np.array([p.role == "exponent" for p in problem.law.parameters])
        own = problem.law.bounds
        asked = np.array([p.name in own or p.symbol in own for p in problem.law.parameters])
        self.ends_search = np.stack(
            [_is_search_limit(bound, problem.positive, asked) for bound in self._bounds]
        )
        self.fitted = theta
        if problem.objective == "absolute":  # the minimum of the smooth loss is beside the vertex
            theta = _settle(problem, model, loss, theta, free)
        self.theta = theta
        p = len(theta)
        self._open = np.zeros((p, 0)) if null_space is None else null_space
        others = np.zeros((0, p)) if alternatives is None else alternatives
        with np.errstate(divide="ignore", invalid="ignore"):
            self._others = np.where(problem.positive, np.log(others), others)
        residuals = model.residuals(theta[None, :])[0]
        self.minimum = float(problem.weights @ loss.value(residuals))
        self.unit = _unit(loss, residuals, problem.weights, dof)
        rounding = float(loss.value(np.array([1e-14 * model.magnitude]))[0])
        self.is_exact = self.minimum <= rounding * float(problem.weights.sum())
        self.lowest = 0.0  # deviance seen so far: below zero, the fit was not at its minimum
        # where an offset was fitted at zero, other values may want some: a search begins above that
        level = float(np.abs(problem.y).min()) if problem.scale == "log" else 1.0
        self.noise = float(np.sqrt(self.unit / problem.weights.mean())) * level
        self.at_zero = free & np.isneginf(theta) & self.offsets
        self.origin = np.where(self.at_zero, np.log(self.noise + 1e-300), theta)

    @classmethod
    def of(cls, fit: FitRecord) -> Profiler:
        """A profiler of a fit.

        Raises
        ------
        FitError
            If the fit did not converge, or nothing is known of its noise.
        """
        if fit.status is Status.NOT_CONVERGED:
            raise FitError("The fit did not converge: it has no minimum to profile.")
        problem = problem_of(fit)
        model = bind_problem(problem)
        loss = smooth_loss(problem.objective, problem.delta, fit.noise)
        free = estimated(fit) | at_bound(fit)
        return cls(
            problem, model, loss, fit.theta, free, fit.dof, null_space=fit.null_space,
            alternatives=fit.alternatives,
        )  # fmt: skip

    def moved(self, theta: FloatArray) -> FloatArray:
        """The fit, moved as the minimum of the smooth loss is; that is the same but for vertices.

        Parameters
        ----------
        theta : (batch, parameters)
            Other minima.
        """
        known = np.isfinite(self.theta)
        with np.errstate(invalid="ignore"):
            return np.where(known, self.fitted + (theta - self.theta), theta)

    def determines(self, quantity: Quantity) -> bool:
        """Whether the runs determine a quantity: no direction that they leave open changes it.

        Neither may a fit that is as good as this one say something else.
        """
        j = quantity.parameter
        if j is not None and np.isneginf(self.theta[j]) and not self.offsets[j]:
            return False  # a term of size zero: any exponent goes with it
        if not self._open.shape[1] and not len(self._others):
            return True
        with np.errstate(all="ignore"):
            gradient = np.nan_to_num(quantity.gradient(self.origin[None, :])[0])
            here, there = quantity.value(self.theta[None, :]), quantity.value(self._others)
        change = np.abs(gradient @ self._open)
        size = np.abs(gradient) @ np.abs(self._open)
        differs = ~(np.isclose(there, here, rtol=1e-6, atol=0.0) | (there == here))
        return not (np.any(change > 1e-6 * size + 1e-300) or bool(differs.any()))

    # --- coordinates ---------------------------------------------------------------------------

    def coordinates(self, quantities: Sequence[Quantity]) -> tuple[Model, IntArray]:
        """A model in which each quantity is one coordinate, and which.

        Parameters share the law's own model; any other quantity needs one for itself.
        """
        if all(q.parameter is not None for q in quantities):
            return self.model, np.array([q.parameter for q in quantities], dtype=np.intp)
        (quantity,) = quantities
        with np.errstate(all="ignore"):
            gradient = quantity.gradient(self.origin[None, :])[0]
        # the parameter whose uncertainty moves the quantity most gives way
        share = np.where(self.free, np.abs(np.nan_to_num(gradient)) * self._spread, 0.0)
        if not share.any():
            raise FitError(
                f"{quantity.name} does not depend on any parameter that these runs determine."
            )
        pivot = int(share.argmax())
        model = Reparametrised(
            self.model, quantity.value, quantity.gradient, pivot, self.origin, self.lower,
            self.upper,
        )  # fmt: skip
        return model, np.array([pivot])

    @property
    def _spread(self) -> FloatArray:
        return np.asarray(np.sqrt(np.maximum(np.diag(self.covariance), 0.0)))

    @cached_property
    def covariance(self) -> FloatArray:
        """Twice the unit of deviance times the inverse Hessian, at the fit."""
        theta = self.theta[None, :]
        hessian = self.model.sums(theta, self.weights, self.loss).hessian[0]
        k = np.flatnonzero(self.free & ~self._at_bound(theta)[0] & np.isfinite(theta[0]))
        found = np.zeros_like(hessian)
        with np.errstate(over="ignore"):
            found[np.ix_(k, k)] = 2.0 * self.unit * _positive_inverse(hessian[np.ix_(k, k)])
        return np.asarray(found)

    def _pull(self, phi: FloatArray, gradient: FloatArray, pivots: IntArray) -> FloatArray:
        """Decrease of the deviance for each step beyond where a parameter is no longer sought."""
        low, high = self.ends_search
        gone = ((phi <= self.lower) & low) | ((phi >= self.upper) & high)
        gone &= self.free & np.isfinite(phi)
        gone[np.arange(len(phi)), pivots] = False
        return np.asarray(np.where(gone, np.abs(gradient), 0.0).max(axis=1) / self.unit)

    def _at_bound(self, phi: FloatArray) -> BoolArray:
        return np.asarray((phi <= self.lower) | (phi >= self.upper))

    # --- minima --------------------------------------------------------------------------------

    def hold(self, model: Model, pivots: IntArray, start: FloatArray) -> Held:
        """Minimise from each row of `start`, one coordinate of it held."""
        rows = np.arange(len(start))
        free = np.repeat(self.free[None, :], len(start), axis=0)
        free[rows, pivots] = False
        for row in np.flatnonzero(np.isneginf(start[rows, pivots])):
            # a term of size zero leaves its other parameters without effect
            slopes = model.jacobian(start[row])
            free[row] &= (np.nan_to_num(slopes) != 0.0).any(axis=0)
        found = self._minimise(model, start, free, steps=_STEPS)
        # a term that vanished on the way may have been lost to a step that was too long
        vanished = (found.theta < _VANISHED) & (start >= _VANISHED) & self.amplitudes
        late = np.flatnonzero(~self._is_known(found) | vanished.any(axis=1))
        if len(late):
            safe = self._minimise(model, start[late], free[late], steps=_SAFE_STEPS, majorise=True)
            last = self._minimise(model, safe.theta, free[late], steps=_LAST_STEPS)
            better = last.value < found.value[late]
            better |= self._is_known(last) & (last.value <= found.value[late])
            found.put(late[better], last.take(better))
        return self._held(model, pivots, found, free)

    def _minimise(
        self,
        model: Model,
        start: FloatArray,
        free: BoolArray,
        *,
        steps: int,
        majorise: bool = False,
    ) -> Solution:
        amplitude = self.amplitudes if model is self.model else np.zeros_like(self.amplitudes)
        return minimise(
            model, self.loss, start, self.weights, free, self.lower, self.upper,
            amplitude=amplitude, majorise=majorise, max_iterations=steps,
        )  # fmt: skip

    def _is_known(self, found: Solution) -> BoolArray:
        """The decrease that a further step promises is next to nothing beside the noise."""
        with np.errstate(invalid="ignore"):
            return np.asarray(
                np.isfinite(found.value)
                & (found.converged | (found.decrement * np.abs(found.value) <= _KNOWN * self.unit))
            )

    def _held(self, model: Model, pivots: IntArray, found: Solution, free: BoolArray) -> Held:
        held = self.stand(model, pivots, found.theta, free)
        held.known &= self._is_known(found)
        self.lowest = min(self.lowest, float(np.min(held.deviance, initial=0.0)))
        return held

    def stand(
        self, model: Model, pivots: IntArray, phi: FloatArray, free: BoolArray | None = None
    ) -> Held:
        """What is known at some coordinates, taken to be minima."""
        rows = np.arange(len(phi))
        sums = model.sums(phi, self.weights, self.loss)
        fixed = (~self.free if free is None else ~free) | self._at_bound(phi)
        fixed[rows, pivots] = True
        return Held(
            phi,
            (sums.value - self.minimum) / self.unit,
            sums.gradient[rows, pivots] / self.unit,
            tangents(sums.hessian, pivots, fixed),
            np.isfinite(sums.value),
            self._pull(phi, sums.gradient, pivots),
        )


def tangents(hessian: FloatArray, pivots: IntArray, fixed: BoolArray) -> FloatArray:
    """How the others follow when one coordinate is moved, to first order; zero where unknown."""
    rows = np.arange(len(hessian))
    keep = ~fixed
    right = np.where(keep, -hessian[rows, :, pivots], 0.0)
    reduced = hessian * (keep[:, :, None] & keep[:, None, :])
    step, fine = solve_positive_definite(reduced, right, fixed)
    step = np.where(fine[:, None] & np.isfinite(step), step, 0.0)
    step[rows, pivots] = 1.0
    return np.asarray(step)


def _is_search_limit(bound: FloatArray, positive: BoolArray, asked: BoolArray) -> BoolArray:
    """Bounds that only end a search: of logarithms, and of exponents where none was asked for."""
    of_logarithm = positive & (np.abs(bound) >= MOST_LOG)
    return np.asarray(of_logarithm | (~positive & ~asked & (np.abs(bound) >= LARGEST_EXPONENT)))


def _settle(
    problem: Problem, model: Model, loss: Loss, theta: FloatArray, free: BoolArray
) -> FloatArray:
    """The minimum of a smooth loss next to that of absolute deviations."""
    lower, upper = problem.bounds()
    found = minimise(
        model, loss, theta[None, :], problem.weights[None, :], free[None, :], lower, upper,
        amplitude=problem.amplitudes,
    )  # fmt: skip
    return np.where(np.isneginf(theta), theta, found.theta[0])


def _unit(loss: Loss, residuals: FloatArray, weights: FloatArray, dof: int) -> float:
    """Rise of the objective that counts as one: the noise; see the module's formulas."""
    if loss.kind == "squared":
        return float(weights @ (residuals * residuals)) / dof
    psi = np.clip(residuals, -loss.delta, loss.delta)
    return 0.5 * float(weights @ (psi * psi)) / dof / _mean_curvature(loss, residuals, weights)


def _mean_curvature(loss: Loss, residuals: FloatArray, weights: FloatArray) -> float:
    """E[psi'], as a share of residuals inside a window at least as wide as the threshold."""
    sizes = np.abs(residuals)
    total = float(weights.sum())
    share = float(weights @ (sizes <= loss.delta)) / total
    if share >= _COUNTED:
        return share
    n = int(np.count_nonzero(weights > 0))
    wanted = min(_COUNTED, 2.0 * _BANDWIDTH * n ** (-1.0 / 3.0))
    if share >= wanted:
        return share
    order = np.argsort(sizes)
    reached = np.searchsorted(np.cumsum(weights[order]), wanted * total)
    window = float(sizes[order[min(int(reached), len(order) - 1)]])
    inside = float(weights @ (sizes <= window)) / total
    return inside * loss.delta / window


def _positive_inverse(matrix: FloatArray) -> FloatArray:
    """Inverse of a symmetric matrix, its eigenvalues kept from zero."""
    size = np.sqrt(np.maximum(np.abs(np.diag(matrix)), 1e-300))
    values, vectors = np.linalg.eigh(matrix / np.outer(size, size))
    values = np.maximum(values, _SMALLEST_EIGENVALUE * np.abs(values).max(initial=1.0))
    return np.asarray((vectors / values) @ vectors.T / np.outer(size, size))
