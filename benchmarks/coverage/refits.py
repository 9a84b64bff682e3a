"""Refits to resampled rows, clusters and residuals, as draws of the targets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

import scalinglaws as sl
from benchmarks import library
from benchmarks.coverage.fitted import Fitted
from scalinglaws.fitting.inference.resamples import Kind

Floats = npt.NDArray[np.float64]

N_RESAMPLES = 400
# A bootstrap of which fewer refits have an answer says nothing.
_ENOUGH = 0.5
_MOST_LEVERAGE = 0.98


@dataclass(frozen=True)
class Draws:
    """Targets over the refits.

    Attributes
    ----------
    values : (targets, refits), on the targets' scales
    errors : (targets, refits), errors of a new run; zero for targets that are of no run
    """

    values: Floats
    errors: Floats


def by_cases(fitted: Fitted, seed: int) -> Draws | None:
    """Rows drawn with replacement."""
    return _of_library("cases", fitted, seed)


def by_wild(fitted: Fitted, seed: int) -> Draws | None:
    """Each run's own residual with a random sign."""
    return _of_library("wild", fitted, seed)


def by_normal(fitted: Fitted, seed: int) -> Draws | None:
    """Normal noise on the fitted curve."""
    return _of_library("parametric", fitted, seed)


def _of_library(kind: Kind, fitted: Fitted, seed: int) -> Draws | None:
    try:
        params = fitted.fit.bootstrap(N_RESAMPLES, method=kind, rng=seed)
    except sl.FitError:
        return None
    return _draws(fitted, params, np.random.default_rng([seed, 1]))


def by_clusters(fitted: Fitted, seed: int) -> Draws | None:
    """Clusters drawn with replacement, each with all of its rows."""
    if not len(fitted.kept):
        return None
    rng, n = np.random.default_rng([seed, 2]), fitted.n_groups
    counts = rng.multinomial(n, np.full(n, 1 / n), N_RESAMPLES)[:, fitted.groups]
    return _draws(fitted, library.refits(fitted.fit, weights=counts.astype(np.float64)), rng)


def by_residuals(fitted: Fitted, seed: int) -> Draws | None:
    """The fitted curve with residuals drawn with replacement, inflated by leverage and centred."""
    if not len(fitted.kept):
        return None
    rng, residuals = np.random.default_rng([seed, 3]), fitted.residuals
    leverage = np.minimum((fitted.basis**2).sum(axis=1), _MOST_LEVERAGE)
    inflated = residuals / np.sqrt(1 - leverage)
    inflated = inflated - inflated.mean()
    drawn = inflated[rng.integers(len(residuals), size=(N_RESAMPLES, len(residuals)))]
    return _draws(fitted, library.refits(fitted.fit, shifts=drawn - residuals), rng)


def _draws(fitted: Fitted, params: pd.DataFrame, rng: np.random.Generator) -> Draws | None:
    """Targets of the refits, None where too few of these arrived."""
    if len(params) < _ENOUGH * N_RESAMPLES:
        return None
    columns = {str(name): params[name].to_numpy() for name in params}
    with np.errstate(all="ignore"):
        values = np.array([t.value(columns) for t in fitted.targets])
    spread = float(np.sqrt(np.mean(fitted.residuals**2)))
    residuals = fitted.residuals * (fitted.fit.noise / spread)
    errors = residuals[rng.integers(len(residuals), size=values.shape)]
    return Draws(values, np.where(fitted.is_run[:, None], errors, 0.0))
