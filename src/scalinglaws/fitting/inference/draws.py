"""Joint draws of the coefficients: what every interval of a derived quantity is made of."""

from __future__ import annotations

import numpy as np
import pandas as pd

from scalinglaws.arrays import FloatArray
from scalinglaws.errors import FitError
from scalinglaws.fitting.inference.raised import direction
from scalinglaws.fitting.inference.recall import estimated, recalled_influence
from scalinglaws.fitting.inference.record import FitRecord
from scalinglaws.fitting.inference.status import Status
from scalinglaws.fitting.inference.uncertainty import t_quantile
from scalinglaws.options import check_count, generator_of

_ROUNDING = 1e-14  # of a correlation


def draw(fit: FitRecord, n_resamples: int, rng: np.random.Generator | int | None) -> pd.DataFrame:
    """See `Fit.draws`."""
    check_count("n_resamples", n_resamples)
    _refuse(fit)
    generator = generator_of(rng)
    size = (n_resamples, len(fit.theta))
    amplitudes = np.array([parameter.is_amplitude for parameter in fit.law.parameters])
    # exponents first: a change of units then leaves every draw what it was
    order = np.argsort(amplitudes, kind="stable")
    moving = order[np.diag(fit.covariance)[order] > 0]
    steps = np.zeros(size)
    normal = generator.standard_normal((n_resamples, len(moving)))
    steps[:, moving] = normal @ _root(fit.covariance[np.ix_(moving, moving)]).T
    # one scale for a whole draw: a multivariate Student t, as in the table's intervals
    dof = _dof(fit)
    wider = np.sqrt(dof / generator.chisquare(dof, n_resamples))[:, None]
    steps *= wider
    ends, change = direction(fit)
    floors = {}
    if np.isfinite(ends).any():
        # half of a Student t: below zero a floor stays at zero
        share = np.maximum(generator.standard_normal(n_resamples) * wider[:, 0], 0.0)
        share /= t_quantile(fit.confidence_level, dof)
        steps += share[:, None] * change
        floors = {
            p.name: share * end
            for p, end in zip(fit.law.parameters, ends, strict=True)
            if np.isfinite(end)
        }
    drawn = pd.DataFrame({
        p.name: _natural(float(fit.theta[j]), steps[:, j], p.positive, p.is_floor)
        for j, p in enumerate(fit.law.parameters)
    } | floors)  # fmt: skip
    drawn.attrs["method"] = f"drawn from {fit.interval_method}"
    return drawn


def _dof(fit: FitRecord) -> float:
    """Degrees of freedom of the least known parameter of those that units do not change."""
    found = recalled_influence(fit)
    if found is None:
        return float(fit.dof)
    each = found.dof(np.eye(found.columns.shape[1]))
    kept = np.flatnonzero(estimated(fit))
    free_of_units = np.array([not fit.law.parameters[j].is_amplitude for j in kept])
    return float(np.min(each[free_of_units] if free_of_units.any() else each))


def _refuse(fit: FitRecord) -> None:
    """There is nothing to draw from where nothing is known of the errors."""
    if fit.status is Status.NOT_CONVERGED:
        raise FitError("The fit did not converge: its coefficients have no distribution.")
    if fit.dof <= 0:
        raise FitError(
            "There are as many coefficients as runs: nothing is known about their errors."
        )
    if len(fit.runs.clusters) and _dof(fit) == 0:
        raise FitError(
            "There are no more clusters than coefficients: nothing is known about their errors."
        )
    if fit.null_space.shape[1] or len(fit.alternatives):
        raise FitError(
            "The fitted runs do not determine every coefficient of this law, so that these have no "
            f"distribution: {fit.status.value}"
        )


def _root(covariance: FloatArray) -> FloatArray:
    """Lower triangle whose product with its transpose is the covariance, singular or not."""
    size = np.sqrt(np.diag(covariance))
    scaled = covariance / np.outer(size, size)
    ridge = _ROUNDING * np.eye(len(size))
    while True:
        try:
            return np.asarray(size[:, None] * np.linalg.cholesky(scaled + ridge))
        except np.linalg.LinAlgError:
            ridge = 10.0 * ridge


def _natural(centre: float, steps: FloatArray, positive: bool, offset: bool) -> FloatArray:
    if not positive:
        return centre + steps
    if offset:  # the law is linear in a floor, whose logarithm runs off to minus infinity
        return np.asarray(np.exp(centre) * np.maximum(1.0 + steps, 0.0))
    with np.errstate(over="ignore"):
        return np.asarray(np.exp(centre + steps))
