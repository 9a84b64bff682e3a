"""Joint draws of the coefficients: what every interval of a derived quantity is made of."""

from __future__ import annotations

import numpy as np
import pandas as pd

from scalinglaws.errors import FitError
from scalinglaws.fitting.objective import FloatArray
from scalinglaws.fitting.record import FitRecord
from scalinglaws.fitting.status import Status


def draw(fit: FitRecord, n_resamples: int, rng: np.random.Generator | int | None) -> pd.DataFrame:
    """See `Fit.draws`."""
    _refuse(fit)
    generator = np.random.default_rng(rng)
    size = (n_resamples, len(fit.theta))
    moving = np.flatnonzero(np.diag(fit.covariance) > 0)
    steps = np.zeros(size)
    normal = generator.standard_normal((n_resamples, len(moving)))
    steps[:, moving] = normal @ _root(fit.covariance[np.ix_(moving, moving)]).T
    # one scale for a whole draw: a multivariate Student t, as in the table's intervals
    steps *= np.sqrt(fit.dof / generator.chisquare(fit.dof, n_resamples))[:, None]
    columns = {
        p.name: _natural(float(fit.theta[j]), steps[:, j], p.positive, p.role == "offset")
        for j, p in enumerate(fit.law.parameters)
    }
    return pd.DataFrame(columns)


def _refuse(fit: FitRecord) -> None:
    """There is nothing to draw from where nothing is known of the errors."""
    if fit.status is Status.NOT_CONVERGED:
        raise FitError("The fit did not converge: its coefficients have no distribution.")
    if fit.dof <= 0:
        raise FitError(
            "There are as many coefficients as runs: nothing is known about their errors."
        )
    if fit.null_space.shape[1] or len(fit.alternatives):
        raise FitError(
            "The fitted runs do not determine every coefficient of this law, so that these have no "
            f"distribution: {fit.status.value}"
        )


def _root(covariance: FloatArray) -> FloatArray:
    """A matrix whose product with its transpose is the covariance, singular or not."""
    size = np.sqrt(np.diag(covariance))
    values, vectors = np.linalg.eigh(covariance / np.outer(size, size))
    return np.asarray(size[:, None] * vectors * np.sqrt(np.maximum(values, 0.0)))


def _natural(centre: float, steps: FloatArray, positive: bool, offset: bool) -> FloatArray:
    if not positive:
        return centre + steps
    if offset:  # the law is linear in a floor, whose logarithm runs off to minus infinity
        return np.asarray(np.exp(centre) * np.maximum(1.0 + steps, 0.0))
    with np.errstate(over="ignore"):
        return np.asarray(np.exp(centre + steps))
