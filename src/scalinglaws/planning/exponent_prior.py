"""A power law through measured optima, with a prior of its exponent and a drift around the line.

With t the logarithm of compute from the last measured budget, the optimum of budget j is

    ln y_j = level + exponent t_j + drift(t_j) + error_j

The exponent has a normal prior, the level none. The drift is a random walk in t that is zero at
the last budget. Beyond the last budget the line may also bend. Level and exponent are those of
generalised least squares (universal kriging); intervals are Student's t with 6 degrees of freedom.

The constants were chosen on optima of public IsoFLOP sweeps; see `benchmarks/forecast/optima.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from scalinglaws.arrays import FloatArray
from scalinglaws.fitting.inference.covariance import t_quantile
from scalinglaws.numerals import abridged
from scalinglaws.planning.isoflop_profiles import Minima
from scalinglaws.planning.optima_trend import Interval

# Standard deviations of an optimum: the least one that a profile is trusted to have, and how far
# optima lie from any smooth line.
_LEAST_ERROR, _SCATTER = 0.03, 0.05
_DRIFT = 0.001  # variance of the random walk for each e-fold of compute
_BEND = 0.05  # standard deviation for each e-fold beyond the last budget
_DOF = 6.0


@dataclass(frozen=True)
class DriftingPowerLaw:
    """A power law with a prior of its exponent; see the module.

    Attributes
    ----------
    pivot : logarithm of the last budget
    t : (budgets,), logarithms of the budgets from there
    coefficients, covariance : level at the pivot and exponent
    precision : inverse covariance of the optima around the line
    residuals : `precision` times the residuals
    """

    pivot: float
    t: FloatArray
    coefficients: FloatArray
    covariance: FloatArray
    precision: FloatArray
    residuals: FloatArray

    @property
    def scatter(self) -> float:
        """Not estimated: the scatter of optima around the line is part of the model."""
        return float("nan")

    def interval(self, log_c: FloatArray, level: float) -> Interval:
        """Log y at some compute."""
        t = np.asarray(log_c, dtype=np.float64) - self.pivot
        near = _walk(t, self.t)
        gain = near @ self.precision
        basis = _line(t) - gain @ _line(self.t)
        variance = np.einsum("ij,jk,ik->i", basis, self.covariance, basis)
        variance += _DRIFT * np.abs(t) - np.einsum("ij,ij->i", gain, near)
        variance += (_BEND * np.maximum(t, 0.0)) ** 2
        half = t_quantile(level, _DOF) * np.sqrt(variance)
        estimate = _line(t) @ self.coefficients + near @ self.residuals
        return estimate, estimate - half, estimate + half

    def exponent_interval(self, level: float) -> Interval:
        """The exponent; arrays of one."""
        half = t_quantile(level, _DOF) * np.sqrt(self.covariance[1, 1])
        exponent = self.coefficients[1:]
        return exponent, exponent - half, exponent + half


def checked_prior(prior: Any, method: str, weighted: bool) -> tuple[float, float]:
    """Mean and standard deviation of `exponent_prior`.

    Raises
    ------
    ValueError
        If they are none, or another option sets the weights.
    """
    try:
        mean, sd = map(float, prior)
    except (TypeError, ValueError):
        mean, sd = np.nan, np.nan
    if not (np.isfinite(mean) and 0 < sd < np.inf):
        raise ValueError(
            "`exponent_prior` is (mean, sd) with a positive standard deviation, such as "
            f"(0.5, 0.15); got {abridged(prior)}."
        )
    if method != "parabola" or weighted:
        other = "weighted" if weighted else f"method={method!r}"
        raise ValueError(f"`exponent_prior` weights the minima of parabolas; leave out `{other}`.")
    return mean, sd


def power_laws_with_prior(
    log_c: FloatArray, minima: Minima, errors: FloatArray, prior: tuple[float, float]
) -> dict[str, DriftingPowerLaw]:
    """Power laws of N and D, whose exponents sum to one."""
    mean, sd = prior
    return {
        "N": power_law_with_prior(log_c, minima.log_n[0], errors, prior),
        "D": power_law_with_prior(log_c, minima.log_d[0], errors, (1 - mean, sd)),
    }


def power_law_with_prior(
    log_c: FloatArray, log_y: FloatArray, errors: FloatArray, prior: tuple[float, float]
) -> DriftingPowerLaw:
    """The power law through optima.

    Parameters
    ----------
    log_c, log_y : logarithms of the budgets, in order, and of their optima
    errors : standard errors of `log_y`
    prior : mean and standard deviation of the exponent
    """
    t = log_c - log_c[-1]
    errors = np.maximum(errors, _LEAST_ERROR)
    precision = np.asarray(np.linalg.inv(np.diag(errors**2 + _SCATTER**2) + _walk(t, t)))
    mean, sd = prior
    known = np.diag([0.0, sd**-2])
    design = _line(t)
    covariance = np.asarray(np.linalg.inv(design.T @ precision @ design + known))
    coefficients = covariance @ (design.T @ precision @ log_y + known @ np.array([0.0, mean]))
    residuals = precision @ (log_y - design @ coefficients)
    return DriftingPowerLaw(float(log_c[-1]), t, coefficients, covariance, precision, residuals)


def _line(t: FloatArray) -> FloatArray:
    return np.column_stack([np.ones_like(t), t])


def _walk(a: FloatArray, b: FloatArray) -> FloatArray:
    """Covariance of the drift, a random walk that leaves zero to either side, (len(a), len(b))."""
    nearer = np.minimum(np.abs(a[:, None]), np.abs(b))
    return np.where(a[:, None] * b > 0, _DRIFT * nearer, 0.0)
