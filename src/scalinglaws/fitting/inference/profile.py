"""Profile of the objective in one quantity (other parameters re-optimised).

The deviance of a value c of a quantity g is the increase of the objective, in units of the noise:

    D(c) = (min f - f_min) / sigma^2,  sigma^2 = f_min / (n - p),            least squares
    D(c) = 2 (min f - f_min) / s^2,    s^2 = E[psi^2] / E[psi'],             Huber

where f counts a residual inside the Huber threshold as r^2/2. The interval is where D <= t^2, for t
the quantile of Student's t with n - p degrees of freedom: exact where the law is linear (Bates and
Watts 1988, Nonlinear Regression Analysis, 6.1; Venzon and Moolgavkar 1988, Applied Statistics 37).
The robust unit makes D agree to second order with the interval from the covariance
E[psi^2]/E[psi']^2 (X'X)^-1 (Heritier and Ronchetti 1994, J. Am. Stat. Assoc. 89).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import brentq

from scalinglaws.arrays import BoolArray, FloatArray
from scalinglaws.core.parameters import LARGEST_EXPONENT
from scalinglaws.errors import ConvergenceWarning, FitError, warn
from scalinglaws.fitting.inference.covariance import mean_slope, t_quantile
from scalinglaws.fitting.inference.quantities import Quantity, is_determined, is_floor
from scalinglaws.fitting.record import FitRecord
from scalinglaws.fitting.solver.model import Model, to_natural
from scalinglaws.fitting.solver.newton import minimise
from scalinglaws.fitting.solver.problem import MOST_LOG, Solution
from scalinglaws.fitting.solver.reparametrised import Reparametrised

_STEPS, _SAFE_STEPS, _LAST_STEPS = 60, 20, 120
_KNOWN = 1e-7  # how well a held minimum must be known, in units of the deviance
_FURTHEST = 1e4  # distance, in standard errors from the curvature, at which a search ends
_GROWTH = 2.0  # of the distance while no value outside the interval is known
_CLOSE = 1e-8  # relative error of an end
_MOST_FAILURES = 6  # minima that could not be found on the way to an end
_LOWER = -1e-6  # a deviance that no rounding explains
_BEYOND = 1.4  # the table goes on to this multiple of the signed root at the ends
_SHOWN = 4.0  # half-widths from the curvature, up to which a side without an end is shown
METHOD = "profile, Student t"


@dataclass
class Held:
    """A minimum with the quantity held: coordinates, deviance, and whether it was reached."""

    phi: FloatArray
    deviance: float
    known: bool


class Profile:
    """A fit with one quantity fixed at other values.

    Parameters
    ----------
    fit : FitRecord
    quantity : Quantity

    Raises
    ------
    FitError
        If the noise cannot be estimated, or the quantity is not identified.
    """

    def __init__(self, fit: FitRecord, quantity: Quantity) -> None:
        self.fit, self.quantity, self.loss = fit, quantity, fit.loss
        _refuse(fit, quantity)
        self.problem, self.model = fit.problem, fit.model
        self.weights = fit.runs.weights[None, :]
        self.lower, self.upper = self.problem.bounds()
        self.free = fit.estimated | fit.at_bound
        self.theta = self._settled()
        residuals = self.model.residuals(self.theta[None, :])[0]
        self.minimum = float(self.weights[0] @ self.loss.value(residuals))
        self.unit = self._unit(residuals)
        rounding = float(self.loss.value(np.array([1e-14 * self.model.magnitude]))[0])
        self.is_exact = self.minimum <= rounding * float(self.weights.sum())
        self.is_floor = is_floor(fit, quantity)
        # a floor at zero is searched from a tenth of the noise on: log 0 is no start
        level = float(np.abs(fit.runs.y).min()) if fit.scale == "log" else 1.0
        start = np.log(max(0.1 * fit.noise * level, 1e-300))
        self.origin = np.where(self.free & np.isneginf(self.theta), start, self.theta)
        self._place()
        self.width = self._width()
        self.low_limit, self.high_limit = self._limits()

    def _place(self) -> None:
        """Coordinates in which the quantity is one of them, the pivot."""
        quantity = self.quantity
        self.coordinates = self.model
        self.centre = float(quantity.value(self.theta[None, :])[0])
        if quantity.parameter is not None:
            self.pivot = quantity.parameter
        else:
            gradient = np.nan_to_num(quantity.gradient(self.origin[None, :])[0])
            errors = np.sqrt(np.maximum(np.diag(self.fit.covariance), 0.0))
            share = np.where(self.free, np.abs(gradient) * errors, 0.0)
            if not share.any():
                raise FitError(f"{quantity.name} does not depend on any identified parameter.")
            self.pivot = int(share.argmax())
            self.coordinates = Reparametrised(
                self.model, quantity.value, quantity.gradient, self.pivot, self.origin,
                self.lower, self.upper,
            )  # fmt: skip
        self.start = self.origin.copy()
        if np.isfinite(self.centre):
            self.start[self.pivot] = self.centre
        if self.is_floor:
            self.centre = float(np.exp(self.centre))  # the law is linear in a floor itself

    def _unit(self, residuals: FloatArray) -> float:
        """Rise of the objective that counts as one."""
        if self.loss.kind == "squared":
            return self.minimum / self.fit.dof
        psi = np.clip(residuals, -self.loss.delta, self.loss.delta)
        mean_square = float(self.weights[0] @ (psi * psi)) / self.fit.dof
        used = residuals[self.weights[0] > 0]
        return 0.5 * mean_square / mean_slope(used, float(self.loss.delta))

    def _settled(self) -> FloatArray:
        """The minimum of the loss; that of absolute deviations lies beside its smooth one."""
        theta = self.fit.theta
        if self.fit.objective != "absolute":
            return theta
        found = self._minimise(self.model, theta, self.free, _LAST_STEPS)
        return np.where(np.isneginf(theta), theta, found.theta[0])

    def _width(self) -> float:
        """Standard error from the curvature, in the value along which ends are sought."""
        hessian = self.model.sums(self.origin[None, :], self.weights, self.loss).hessian[0]
        k = np.flatnonzero(self.free & np.isfinite(self.origin))
        with np.errstate(all="ignore"):
            gradient = np.nan_to_num(self.quantity.gradient(self.origin[None, :])[0])[k]
        size = np.sqrt(np.maximum(np.abs(np.diag(hessian)[k]), 1e-300))
        values, vectors = np.linalg.eigh(hessian[np.ix_(k, k)] / np.outer(size, size))
        along = (gradient / size) @ vectors / np.sqrt(np.maximum(np.abs(values), 1e-8))
        width = float(np.sqrt(2.0 * self.unit) * np.linalg.norm(along))
        if self.is_floor:
            width *= float(np.exp(self.origin[self.pivot]))
        return max(width, 1e-8)

    def _limits(self) -> tuple[float, float]:
        """How far the quantity is looked at, on each side."""
        low, high = self.centre - _FURTHEST * self.width, self.centre + _FURTHEST * self.width
        if self.quantity.parameter is None:
            return low, high
        bounds = self.lower[self.pivot], self.upper[self.pivot]
        if self.is_floor:
            with np.errstate(over="ignore"):
                bounds = self.fit.law.parameters[self.pivot].lower, float(np.exp(bounds[1]))
        low, high = max(low, bounds[0]), min(high, bounds[1])
        if self.fit.law.parameters[self.pivot].role == "exponent":
            low, high = max(low, -LARGEST_EXPONENT), min(high, LARGEST_EXPONENT)
        return min(low, self.centre), max(high, self.centre)

    # --- minima ------------------------------------------------------------------------------

    def at(self, value: float, near: Held | None = None) -> Held:
        """The minimum with the quantity at a value, begun at a neighbour's."""
        phi = (self.start if near is None else near.phi).copy()
        with np.errstate(divide="ignore"):
            phi[self.pivot] = np.log(value) if self.is_floor else value
        free = self.free.copy()
        free[self.pivot] = False
        if np.isneginf(phi[self.pivot]):  # a term of zero leaves its parameters without effect
            free &= (np.nan_to_num(self.coordinates.jacobian(phi)) != 0.0).any(axis=0)
        found = self._minimise(self.coordinates, phi, free, _STEPS)
        if not self._is_known(found):
            safe = self._minimise(self.coordinates, phi, free, _SAFE_STEPS, majorise=True)
            last = self._minimise(self.coordinates, safe.theta[0], free, _LAST_STEPS)
            if last.value[0] < found.value[0] or self._is_known(last):
                found = last
        deviance = (float(found.value[0]) - self.minimum) / self.unit
        return Held(found.theta[0], deviance, self._is_known(found))

    def _minimise(
        self,
        model: Model,
        start: FloatArray,
        free: BoolArray,
        steps: int,
        *,
        majorise: bool = False,
    ) -> Solution:
        amplitude = self.problem.amplitudes
        if model is not self.model:
            amplitude = np.zeros_like(amplitude)
        return minimise(
            model, self.loss, start[None, :], self.weights, free[None, :], self.lower, self.upper,
            amplitude=amplitude, majorise=majorise, max_iterations=steps,
        )  # fmt: skip

    def _is_known(self, found: Solution) -> bool:
        value, left = float(found.value[0]), float(found.decrement[0])
        settled = bool(found.converged[0]) or left * abs(value) <= _KNOWN * self.unit
        return bool(np.isfinite(value) and settled)

    # --- ends --------------------------------------------------------------------------------

    def ends(self, threshold: float) -> FloatArray:
        """Where the deviance reaches a threshold, in the value that is searched along.

        Infinite where it stays below as far as the search goes; the bound where the parameter
        stops there; NaN where no minimum was found.
        """
        if self.is_exact:
            return np.array([self.centre, self.centre])
        return np.array([self._end(side, np.sqrt(threshold)) for side in (-1, 1)])

    def _end(self, side: int, aim: float) -> float:
        limit = self.low_limit if side < 0 else self.high_limit
        inside, value = Held(self.start, 0.0, known=True), self.centre
        if value == limit:
            return self._at_limit(side)
        step, failures = aim * self.width, 0
        while True:
            further = value + side * step
            further = max(further, limit) if side < 0 else min(further, limit)
            found = self.at(further, inside)
            if not found.known:
                step, failures = 0.25 * step, failures + 1
                if failures > _MOST_FAILURES:
                    return np.nan
                continue
            if found.deviance >= aim * aim:
                break
            inside, value = found, further
            if value == limit:
                return self._at_limit(side)
            step *= _GROWTH

        def rise(trial: float) -> float:
            nonlocal inside, value
            here = self.at(trial, inside)
            if here.deviance < aim * aim and abs(trial - self.centre) > abs(value - self.centre):
                inside, value = here, trial
            return float(np.sqrt(max(here.deviance, 0.0))) - aim

        try:
            return float(brentq(rise, value, further, rtol=_CLOSE, xtol=_CLOSE * self.width))
        except ValueError:  # a lower minimum was met on the way
            return np.nan

    def _at_limit(self, side: int) -> float:
        """The bound itself where the parameter has one, infinite where only the search ends."""
        infinite = -np.inf if side < 0 else np.inf
        if self.quantity.parameter is None:
            return infinite
        parameter = self.fit.law.parameters[self.pivot]
        bound = parameter.lower if side < 0 else parameter.upper
        limit = self.low_limit if side < 0 else self.high_limit
        if self.is_floor:
            is_set = True
        elif parameter.positive:
            bound = float(np.log(bound)) if bound > 0 else -np.inf
            is_set = abs(bound) < MOST_LOG
        else:
            given = {parameter.name, parameter.symbol} & set(self.fit.law.bounds)
            is_set = bool(given) or abs(bound) < LARGEST_EXPONENT
        return bound if is_set and limit == bound else infinite

    def working(self, ends: FloatArray) -> FloatArray:
        """Ends as values of the quantity."""
        with np.errstate(divide="ignore"):
            return np.log(np.maximum(ends, 0.0)) if self.is_floor else ends

    def natural(self, values: FloatArray) -> FloatArray:
        """Values that were searched along, as they are shown."""
        return values if self.is_floor else self.quantity.natural(values)


def profile_ends(fit: FitRecord, quantity: Quantity, level: float) -> FloatArray:
    """Ends of the profile interval of a quantity, in its working value."""
    held = Profile(fit, quantity)
    return held.working(held.ends(float(t_quantile(level, fit.dof)) ** 2))


def profile_table(fit: FitRecord, quantity: Quantity, n_points: int, level: float) -> pd.DataFrame:
    """See `Fit.profile`."""
    held = Profile(fit, quantity)
    if held.is_exact:
        raise FitError(
            "The law fits every run exactly, so there is no noise to scale a profile by."
        )
    threshold = float(t_quantile(level, fit.dof)) ** 2
    ends = held.ends(threshold)
    values = _grid(held, ends, n_points, np.sqrt(threshold))
    minima = _trace(held, values)
    theta = np.array([minimum.phi for minimum in minima])
    if isinstance(held.coordinates, Reparametrised):
        theta, _ = held.coordinates.to_theta(theta)
    known = np.array([minimum.known for minimum in minima])
    deviance = np.where(known, [minimum.deviance for minimum in minima], np.nan)
    sign = np.where(values < held.centre, -1.0, 1.0)
    names = fit.law.parameter_names
    natural = dict(zip(names, to_natural(theta, fit.problem.positive).T, strict=True))
    table = pd.DataFrame({
        quantity.name: held.natural(values),
        "deviance": deviance,
        "signed_root": sign * np.sqrt(np.maximum(deviance, 0.0)),
        **{name: natural[name] for name in names if name != quantity.name},
    })  # fmt: skip
    estimate, low, high = held.natural(np.array([held.centre, *ends]))
    table.attrs |= {
        "method": METHOD, "quantity": quantity.name, "estimate": float(estimate),
        "low": float(low), "high": float(high), "threshold": threshold,
        "confidence_level": level, "is_log": quantity.is_log and not held.is_floor,
        "n_failed": int((~known).sum()),
    }  # fmt: skip
    _warn_of_lost(table)
    _warn_of_lower(table, quantity)
    return table


def _grid(held: Profile, ends: FloatArray, n_points: int, aim: float) -> FloatArray:
    """Values on both sides of the estimate, the estimate among them."""
    reach = np.abs(ends - held.centre) * _BEYOND
    shown = _SHOWN * aim * held.width
    reach = np.where(np.isfinite(reach), reach, shown)
    room = np.abs(np.array([held.low_limit, held.high_limit]) - held.centre)
    reach = np.minimum(reach, room)
    n_low = (n_points - 1) // 2 if reach.min() > 0 else (n_points - 1 if reach[0] > 0 else 0)
    low = held.centre - np.linspace(0.0, reach[0], n_low + 1)
    high = held.centre + np.linspace(0.0, reach[1], n_points - n_low)
    return np.concatenate([low[:0:-1], high])


def _trace(held: Profile, values: FloatArray) -> list[Held]:
    """Minima at each value, each begun at its neighbour on the side of the estimate."""
    minima: dict[int, Held] = {}
    middle = int(np.abs(values - held.centre).argmin())
    for places in (range(middle, -1, -1), range(middle, len(values))):
        near = Held(held.start, 0.0, known=True)
        for place in places:
            minima[place] = near = held.at(float(values[place]), near)
    return [minima[place] for place in range(len(values))]


def _warn_of_lost(table: pd.DataFrame) -> None:
    lost = [side for side in ("low", "high") if np.isnan(table.attrs[side])]
    if lost:
        warn(
            f"No {' and no '.join(lost)} end of the interval of {table.attrs['quantity']} was "
            "found: the other parameters could not be re-optimised on the way there. The table "
            "shows how far the profile is known.",
            ConvergenceWarning,
        )


def _warn_of_lower(table: pd.DataFrame, quantity: Quantity) -> None:
    lowest = float(table["deviance"].min())  # NaN where no point was reached
    if lowest < _LOWER:
        warn(
            f"Along the profile of {quantity.name} the objective falls below that of the fit, by "
            f"{-lowest:.3g} in units of the noise: the fit is not at the lowest minimum. "
            "Refit with `start` from the row of this table with the lowest `deviance`.",
            ConvergenceWarning,
        )


def _refuse(fit: FitRecord, quantity: Quantity) -> None:
    if not fit.converged:
        raise FitError("The fit did not converge, so it has no minimum to profile.")
    if fit.dof <= 0:
        raise FitError(
            "There are as many coefficients as runs, so their errors cannot be estimated."
        )
    if not is_determined(fit, quantity):
        raise FitError(f"{quantity.name} is not identified by the fitted runs: it has no profile.")
