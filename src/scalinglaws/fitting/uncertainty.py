"""Standard errors and intervals of the coefficients.

Log-linear fits have the exact covariance of least squares, sigma^2 (X'WX)^-1. Nonlinear fits
have the sandwich H^-1 (sum of psi^2 g g') H^-1 with the exact Hessian H of the objective, so that
noise need not be the same everywhere and the loss need not be a likelihood; each residual is
inflated by 1/(1 - leverage) (HC3: MacKinnon and White 1985, J. Econometrics 29), which keeps small
tables honest. Where the loss has too few runs in its quadratic part for H to mean
anything, as with absolute deviations, runs are resampled instead; where these are too few even for
that, noise is taken to be equal and normal. Quantiles are Student's t with
n - p degrees of freedom.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri, stdtrit

from scalinglaws.fitting.model import Model
from scalinglaws.fitting.objective import FloatArray, IntArray, Loss
from scalinglaws.fitting.resampling import Refitter, resampled_weights
from scalinglaws.fitting.solver import solve_positive_definite

EXACT = "exact, Student t"
SANDWICH = "sandwich HC3, Student t"
BOOTSTRAP = "case bootstrap, Student t"
EQUAL_NOISE = "equal noise, Student t"
# Asymptotic variance of a median relative to a mean, for normal noise.
MEDIAN_VARIANCE = np.pi / 2
N_RESAMPLES = 128
# Below this share of residuals in the quadratic part of the loss, the Hessian is mostly chance.
_SMOOTH_SHARE = 0.5
_SMOOTH_COUNT = 500
_MOST_LEVERAGE = 0.98
# A refit this near its optimum, relative to the objective, is within a hundredth of its own
# standard error.
_CLOSE_ENOUGH = 1e-8


@dataclass(frozen=True)
class Spread:
    """What the residuals say about noise.

    Attributes
    ----------
    run : standard deviation of a new run around the curve, for a run of average weight
    dof : degrees of freedom; zero or less means that nothing can be said
    """

    run: float
    dof: int


def spread(residuals: FloatArray, weights: FloatArray, n_estimated: int) -> Spread:
    """Noise of single runs around the fit."""
    used = weights > 0
    r, w = residuals[used], weights[used]
    dof = len(r) - n_estimated
    if dof <= 0:
        return Spread(np.nan, dof)
    return Spread(float(np.sqrt(w @ (r * r) / w.sum() * len(r) / dof)), dof)


def is_smooth(residuals: FloatArray, weights: FloatArray, delta: float | None) -> bool:
    """Whether enough residuals are in the quadratic part for the Hessian to mean anything."""
    inside = np.abs(residuals) <= (delta or 0.0)
    share = float(weights @ inside) / float(weights.sum())
    return share >= _SMOOTH_SHARE or int(inside.sum()) >= _SMOOTH_COUNT


def least_squares_covariance(
    jacobian: FloatArray, residuals: FloatArray, weights: FloatArray, kept: IntArray
) -> FloatArray:
    """sigma^2 (J'WJ)^-1 of the kept parameters; zero rows for the others."""
    used = weights > 0
    dof = int(used.sum()) - len(kept)
    sigma = np.sqrt(weights @ (residuals * residuals) / dof) if dof > 0 else np.nan
    root = _inverse_root(jacobian[:, kept] * np.sqrt(weights)[:, None])
    return _spread_out(sigma**2 * root @ root.T, kept, jacobian.shape[1])


def sandwich_covariance(
    model: Model, theta: FloatArray, weights: FloatArray, kept: IntArray, loss: Loss
) -> FloatArray:
    """Sandwich of the kept parameters; zero rows for the others."""
    jacobian = np.nan_to_num(model.jacobian(theta))[:, kept]
    residuals = model.residuals(theta[None, :])[0]
    root = _inverse_root(jacobian * np.sqrt(weights)[:, None])
    hat = weights * np.einsum("ij,ij->i", jacobian @ root, jacobian @ root)
    psi = loss.derivatives(residuals)[0] / (1.0 - np.minimum(hat, _MOST_LEVERAGE))
    scores = jacobian * (weights * psi)[:, None]
    hessian = model.sums(theta[None, :], weights[None, :], loss).hessian[0][np.ix_(kept, kept)]
    bread = _inverse_positive(hessian)
    if bread is None:  # not a strict minimum: expected curvature instead
        _, curvature = loss.derivatives(residuals)
        mean_curvature = float(weights @ curvature) / weights.sum()
        bread = root @ root.T / max(mean_curvature, 1e-12)
    half = scores @ bread
    return _spread_out(half.T @ half, kept, model.n_parameters)


def bootstrap_covariance(
    refitter: Refitter, weights: FloatArray, kept: IntArray, rng: np.random.Generator
) -> FloatArray | None:
    """Covariance over refits to resampled runs, all solved as one batch of weights.

    None where fewer than half of the refits have an answer, as with very few runs.
    """
    counts = resampled_weights(weights, N_RESAMPLES, rng)
    solution = refitter.refit(counts, tolerance=_CLOSE_ENOUGH)
    draws = solution.theta[solution.converged][:, kept]
    draws = draws[np.isfinite(draws).all(axis=1)]
    if len(draws) < N_RESAMPLES // 2:
        return None
    return _spread_out(
        np.atleast_2d(np.cov(draws, rowvar=False)), kept, refitter.model.n_parameters
    )


def _inverse_root(columns: FloatArray) -> FloatArray:
    """R^-1 of the QR decomposition, columns scaled first."""
    size = np.maximum(np.linalg.norm(columns, axis=0), 1e-300)
    triangle = np.linalg.qr(columns / size, mode="r")
    return np.asarray(np.linalg.solve(triangle, np.eye(len(size))) / size[:, None])


def _inverse_positive(matrix: FloatArray) -> FloatArray | None:
    """Inverse of a positive definite matrix, None for any other."""
    size = np.sqrt(np.maximum(np.diag(matrix), 1e-300))
    scaled = matrix / np.outer(size, size)
    p = len(size)
    columns, ok = solve_positive_definite(np.repeat(scaled[None], p, axis=0), np.eye(p))
    return columns.T / np.outer(size, size) if ok.all() else None


def _spread_out(matrix: FloatArray, kept: IntArray, p: int) -> FloatArray:
    whole = np.zeros((p, p))
    whole[np.ix_(kept, kept)] = matrix
    return whole


def t_quantile(confidence_level: float, dof: int) -> float:
    """Half-width of a central interval in standard errors."""
    if dof <= 0:
        return float("nan")
    upper = 0.5 + 0.5 * confidence_level
    # stdtrit loses itself for huge dof, where t is normal to all digits
    return float(stdtrit(dof, upper)) if dof < 1e8 else float(ndtri(upper))
