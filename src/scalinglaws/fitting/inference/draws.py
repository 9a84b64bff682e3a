"""Joint draws of the parameters from their estimated distribution."""

from __future__ import annotations

import numpy as np
import pandas as pd

from scalinglaws.arrays import FloatArray
from scalinglaws.errors import FitError
from scalinglaws.fitting.record import FitRecord
from scalinglaws.options import check_count, generator_of

_ROUNDING = 1e-14  # of a correlation
_LEAST_DOF = 3.0


def draw(fit: FitRecord, n_resamples: int, rng: np.random.Generator | int | None) -> pd.DataFrame:
    """See `Fit.draws`."""
    check_count("n_resamples", n_resamples)
    _refuse(fit)
    generator = generator_of(rng)
    parameters = fit.law.parameters
    # exponents first: a change of units then leaves every draw what it was
    order = np.argsort([p.is_amplitude for p in parameters], kind="stable")
    moving = order[fit.estimated[order]]
    steps = np.zeros((n_resamples, len(fit.theta)))
    normal = generator.standard_normal((n_resamples, len(moving)))
    steps[:, moving] = normal @ _root(fit.covariance[np.ix_(moving, moving)]).T
    dof = draw_dof(fit)
    steps *= np.sqrt(dof / generator.chisquare(dof, n_resamples))[:, None]
    drawn = pd.DataFrame({
        p.name: _natural(float(fit.theta[j]), steps[:, j], p.positive, p.is_floor)
        for j, p in enumerate(parameters)
    })  # fmt: skip
    drawn.attrs["method"] = f"drawn from {fit.interval_method}"
    return drawn


def draw_dof(fit: FitRecord) -> float:
    """Median degrees of freedom of the parameters, at least 3.

    Only exponents are used if there are any, because coefficients depend on the units.
    """
    assert fit.sandwich is not None
    dof = fit.sandwich.dof(np.eye(len(fit.kept)))
    unitless = np.array([not fit.law.parameters[j].is_amplitude for j in fit.kept])
    return max(float(np.median(dof[unitless] if unitless.any() else dof)), _LEAST_DOF)


def _refuse(fit: FitRecord) -> None:
    """Raise if the standard errors cannot be estimated."""
    if not fit.converged:
        raise FitError("The fit did not converge, so its parameters cannot be drawn.")
    if fit.null_space.shape[1] or len(fit.alternatives):
        raise FitError(
            "The fitted runs do not determine every coefficient of this law, so the coefficients "
            f"cannot be drawn. {' '.join(fit.facts)}".rstrip()
        )
    if fit.dof <= 0 or fit.sandwich is None:
        raise FitError(
            "There are as many coefficients as runs, so their errors cannot be estimated."
        )
    if fit.sandwich.n_units <= fit.sandwich.p:
        raise FitError(
            "There are no more clusters than coefficients, so their errors cannot be estimated."
        )


def _root(covariance: FloatArray) -> FloatArray:
    """Lower triangle whose product with its transpose is the covariance, singular or not."""
    size = np.sqrt(np.maximum(np.diag(covariance), 1e-300))
    scaled = covariance / np.outer(size, size)
    ridge = _ROUNDING * np.eye(len(size))
    while True:
        try:
            return np.asarray(size[:, None] * np.linalg.cholesky(scaled + ridge))
        except np.linalg.LinAlgError:
            ridge = 10.0 * ridge


def _natural(centre: float, steps: FloatArray, positive: bool, floor: bool) -> FloatArray:
    if not positive:
        return centre + steps
    if floor:  # the law is linear in a floor, whose logarithm runs off to minus infinity
        return np.asarray(np.exp(centre) * np.maximum(1.0 + steps, 0.0))
    with np.errstate(over="ignore"):
        return np.asarray(np.exp(centre + steps))
