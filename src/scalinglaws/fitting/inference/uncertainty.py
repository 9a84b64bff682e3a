"""Standard errors of the coefficients, and how they are made.

The covariance is a sandwich around the curvature of the objective, so that noise need not be the
same everywhere and the loss need not be a likelihood: HC2 and a noise law for independent runs, HC2
alone where such a law has made the weights, CR2 where checkpoints of one run hang together, each
with the degrees of freedom of its own (`influence`). Of many runs the curvature is the exact
Hessian; few lend from the expected one. That is without the part in which residuals meet second
derivatives of the law, whose mean is zero, and which makes errors small just where the estimate
happens to lie in a narrow place.
Tables of many blocks of rows have the same, summed block by block. Where the loss has too few runs
in its quadratic part for a Hessian to mean anything, as with absolute deviations, runs are
resampled instead; where these are too few even for that, noise is taken to be equal and normal.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtri, stdtrit

from scalinglaws.arrays import FloatArray, IntArray
from scalinglaws.fitting.inference.influence import (
    Influence,
    clipped_kurtosis,
    huber_inflation,
    inflation,
)
from scalinglaws.fitting.solver.model import Model
from scalinglaws.fitting.solver.objective import Loss, robust_scale
from scalinglaws.fitting.solver.resampling import Refitter, resampled_weights
from scalinglaws.fitting.solver.steps import solve_positive_definite
from scalinglaws.fitting.tables.blocks import row_blocks, summed

ROBUST = "moderated HC2 sandwich, Student t"
WEIGHTED = "HC2 sandwich of runs weighted by size, Student t"
CLUSTERED = "CR2 sandwich, Student t"
SANDWICHES = (ROBUST, WEIGHTED, CLUSTERED)  # that are made of the influence of each run
STREAMED = "HC2 sandwich, normal quantiles"
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
    n = int(np.count_nonzero(weights > 0))
    dof = n - n_estimated
    if dof <= 0:
        return Spread(np.nan, dof)

    def squares(rows: slice) -> float:
        used = weights[rows] > 0
        r, w = residuals[rows][used], weights[rows][used]
        return float(w @ (r * r))

    total = weights.sum() if n == len(weights) else weights[weights > 0].sum()
    return Spread(float(np.sqrt(summed(len(weights), squares) / total * n / dof)), dof)


def is_smooth(residuals: FloatArray, weights: FloatArray, delta: float | None) -> bool:
    """Whether enough residuals are in the quadratic part for the Hessian to mean anything."""
    counted = np.zeros(2)
    for rows in row_blocks(len(residuals)):
        inside = np.abs(residuals[rows]) <= (delta or 0.0)
        counted += weights[rows] @ inside, np.count_nonzero(inside)
    share = counted[0] / float(weights.sum())
    return bool(share >= _SMOOTH_SHARE or counted[1] >= _SMOOTH_COUNT)


def least_squares_covariance(
    columns: FloatArray, residuals: FloatArray, weights: FloatArray, kept: IntArray
) -> FloatArray:
    """sigma^2 (J'WJ)^-1 of the kept parameters; zero rows for the others.

    Parameters
    ----------
    columns : the Jacobian times the roots of the weights, or its triangle
    """
    dof = int(np.count_nonzero(weights > 0)) - len(kept)
    squares = summed(len(weights), lambda rows: weights[rows] @ (residuals[rows] * residuals[rows]))
    sigma = np.sqrt(squares / dof) if dof > 0 else np.nan
    root = _inverse_root(columns[:, kept])
    return spread_out(sigma**2 * root @ root.T, kept, columns.shape[1])


def influence(
    model: Model,
    theta: FloatArray,
    weights: FloatArray,
    kept: IntArray,
    loss: Loss,
    *,
    clusters: IntArray | None = None,
    is_weighted: bool = False,
) -> Influence:
    """What each run does to the kept parameters; for a table of one block.

    Parameters
    ----------
    clusters : (runs,), optional
        A number for each set of runs that hang together.
    is_weighted : bool
        The weights are those of a noise law that was fitted to these runs.
    """
    roots = np.sqrt(weights)
    residuals = model.residuals(theta[None, :])[0]
    columns = model.jacobian(theta)[:, kept] * roots[:, None]
    columns = np.where(np.isfinite(columns), columns, 0.0)
    score, curvature = loss.derivatives(residuals)
    expected = _expected_bread(_inverse_root(columns), float(weights @ curvature / weights.sum()))
    hessian = model.sums(theta[None, :], weights[None, :], loss).hessian[0]
    observed = _inverse_positive(hessian[np.ix_(kept, kept)])
    found = Influence(
        columns,
        score * roots,
        expected,
        huber_inflation(curvature, weights, len(kept)),
        clusters=clusters,
        kurtosis=_kurtosis(loss, residuals, weights, len(kept)),
        is_weighted=is_weighted,
    )
    if observed is None:
        return found
    bread = found.lent * expected + (1.0 - found.lent) * observed
    return replace(found, bread=bread)


def _kurtosis(loss: Loss, residuals: FloatArray, weights: FloatArray, n_estimated: int) -> float:
    """Of the scores, if the core of the residuals is normal."""
    if not np.isfinite(loss.delta):
        return 3.0
    scale = robust_scale(residuals.copy(), weights, n_estimated)
    return clipped_kurtosis(loss.delta / scale) if scale > 0 else 3.0


def streamed_covariance(
    model: Model,
    theta: FloatArray,
    weights: FloatArray,
    kept: IntArray,
    loss: Loss,
    columns: FloatArray,
    hessian: FloatArray | None = None,
) -> FloatArray:
    """HC2 sandwich of the kept parameters, block by block; zero rows for the others.

    Parameters
    ----------
    columns : the Jacobian times the roots of the weights, or its triangle
    hessian : of the objective, where it is known
    """
    root = _inverse_root(columns[:, kept])
    if hessian is None:
        hessian = model.sums(theta[None, :], weights[None, :], loss).hessian[0]
    bread = _inverse_positive(hessian[np.ix_(kept, kept)])
    if bread is None:
        bread = _expected_bread(root, _mean_curvature(model, theta, weights, loss))
    meat: FloatArray = np.zeros((len(kept), len(kept)))
    inside = np.zeros(2)
    for rows, residuals, jacobian in model.expansion(theta):
        own = jacobian if len(kept) == jacobian.shape[1] else jacobian[:, kept]
        w = weights[rows]
        spanned = own @ root
        hat = w * np.einsum("ij,ij->i", spanned, spanned)
        psi, curvature = loss.derivatives(residuals)
        inside += w @ curvature, w @ (curvature * curvature)
        psi = psi / np.sqrt(1.0 - np.minimum(hat, _MOST_LEVERAGE))
        half = (own * (w * psi)[:, None]) @ bread
        meat = meat + half.T @ half
    n = int(np.count_nonzero(weights > 0))
    mean, square = inside / weights.sum()
    return spread_out(inflation(mean, square, n, len(kept)) * meat, kept, model.n_parameters)


def _expected_bread(root: FloatArray, curvature: float) -> FloatArray:
    """Inverse of the expected curvature: of the mean one of the loss, times J'WJ."""
    return np.asarray(root @ root.T / max(curvature, 1e-12))


def _mean_curvature(model: Model, theta: FloatArray, weights: FloatArray, loss: Loss) -> float:
    residuals = model.residuals(theta[None, :])[0]
    curved = summed(
        len(weights), lambda rows: float(weights[rows] @ loss.derivatives(residuals[rows])[1])
    )
    return float(curved / weights.sum())


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
    return spread_out(np.atleast_2d(np.cov(draws, rowvar=False)), kept, refitter.model.n_parameters)


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


def spread_out(matrix: FloatArray, kept: IntArray, p: int) -> FloatArray:
    """A matrix of the kept parameters as one of all, with zeros for the others."""
    whole = np.zeros((p, p))
    whole[np.ix_(kept, kept)] = matrix
    return whole


def t_quantile(confidence_level: float, dof: float) -> float:
    """Half-width of a central interval in standard errors; infinite at no degrees of freedom."""
    if dof == 0:
        return float("inf")
    if not dof > 0:
        return float("nan")
    upper = 0.5 + 0.5 * confidence_level
    # stdtrit loses itself for huge dof, where t is normal to all digits
    return float(stdtrit(dof, upper)) if dof < 1e8 else float(ndtri(upper))


def half_widths(confidence_level: float, dof: FloatArray, std_error: FloatArray) -> FloatArray:
    """Of central intervals, one for each error; infinite where there are no degrees of freedom."""
    quantiles = np.array([t_quantile(confidence_level, d) for d in dof])
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(np.isinf(quantiles), np.inf, quantiles * std_error))
