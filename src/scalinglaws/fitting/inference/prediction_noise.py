"""Noise of one new run around the curve, in the units of the residuals.

With fewer than 30 degrees of freedom the noise is Student's t, and the squares of the half-widths
of curve and run add. From 30 on, a new run has the distribution of the leverage-adjusted residuals,
convolved with the normal error of the curve.
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr, ndtri

from scalinglaws.arrays import FloatArray
from scalinglaws.fitting.inference.covariance import half_widths, t_quantile
from scalinglaws.fitting.record import FitRecord

_ENOUGH = 30  # degrees of freedom for the residuals' own shape
_MOST_RESIDUALS = 1024  # quantiles of more residuals stand for them
_NODES = 64  # curve errors between which the ends are interpolated
_BISECTIONS = 60


def run_dof(fit: FitRecord) -> int:
    """Independent units less parameters."""
    return fit.dof if fit.sandwich is None else fit.sandwich.n_units - fit.sandwich.p


def run_ends(
    fit: FitRecord, std_error: FloatArray, dof: FloatArray, level: float
) -> tuple[FloatArray, FloatArray]:
    """Ends of the prediction interval of a new run of average weight, relative to the curve.

    Parameters
    ----------
    std_error, dof : (points,)
        Of the curve.

    Returns
    -------
    (points,), (points,)
        Negative and positive; infinite where the curve's error is.
    """
    curve = half_widths(level, dof, std_error)
    free = run_dof(fit)
    if free < _ENOUGH or not fit.noise > 0:
        half = np.hypot(curve, t_quantile(level, max(free, 0)) * _deviation(fit))
        return -half, half
    errors = _errors(fit)
    blur = curve / float(ndtri(0.5 + 0.5 * level))
    low, high = np.full(len(blur), -np.inf), np.full(len(blur), np.inf)
    known = np.isfinite(blur)
    if known.any():
        tails = np.array([0.5 - 0.5 * level, 0.5 + 0.5 * level])
        low[known], high[known] = _interpolated(errors, blur[known], tails)
    return low, high


def run_draws(fit: FitRecord, shape: tuple[int, ...], rng: np.random.Generator) -> FloatArray:
    """Noise of new runs of average weight."""
    free = run_dof(fit)
    if free < _ENOUGH or not fit.noise > 0:
        return np.asarray(_deviation(fit) * rng.standard_t(max(free, 1), shape))
    return np.asarray(rng.choice(_errors(fit), shape))


def _errors(fit: FitRecord) -> FloatArray:
    """Leverage-adjusted residuals, of runs of average weight; at most some quantiles of them."""
    weights = fit.runs.weights
    used = weights > 0
    errors = fit.residuals.to_numpy()[used] * np.sqrt(weights[used] / weights[used].mean())
    if fit.sandwich is not None and fit.sandwich.rows is not None:
        errors = fit.sandwich.rows.adjusted(errors)
    errors = np.sort(errors)
    if len(errors) > _MOST_RESIDUALS:
        errors = np.quantile(errors, (np.arange(_MOST_RESIDUALS) + 0.5) / _MOST_RESIDUALS)
    return np.asarray(errors)


def _deviation(fit: FitRecord) -> float:
    """Standard deviation of a run of average weight."""
    if len(fit.runs.clusters) and fit.sandwich is not None:
        return float(np.sqrt(np.mean(np.square(_errors(fit)))))
    return fit.noise


def _interpolated(
    errors: FloatArray, blur: FloatArray, tails: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Quantiles of the blurred errors; of many points by interpolation in the blur."""
    blur = np.maximum(blur, 1e-3 * float(errors.std()))
    if len(blur) <= _NODES:
        low, high = (_quantile(errors, blur, tail) for tail in tails)
        return low, high
    nodes = np.geomspace(blur.min(), blur.max() * (1 + 1e-12), _NODES)
    low, high = (
        np.interp(blur, nodes, _quantile(errors, nodes, tail) / nodes) * blur for tail in tails
    )
    return low, high


def _quantile(errors: FloatArray, blur: FloatArray, tail: float) -> FloatArray:
    """Quantiles of the equal mixture of normals centred at the errors; shape of `blur`."""
    reach = 10.0 * blur
    low, high = errors.min() - reach, errors.max() + reach
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        below = ndtr((middle[:, None] - errors) / blur[:, None]).mean(axis=1) < tail
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return np.asarray(0.5 * (low + high))
