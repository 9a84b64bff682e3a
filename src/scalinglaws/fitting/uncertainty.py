"""Standard errors and intervals from the curvature of the objective.

For least squares this is the usual covariance, sigma^2 (J'WJ)^-1. For Huber and absolute objectives
sigma^2 is replaced by tau^2 = K^2 mean(psi^2) / mean(psi')^2 (Huber 1981, section 7.6), which for
absolute deviations is 1/(2 f(0))^2. Quantiles are Student's t with n - p degrees of freedom.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri, stdtrit

from scalinglaws.fitting.objective import FloatArray, ObjectiveName

METHOD = "curvature of the objective, Student t"


@dataclass(frozen=True)
class Spread:
    """What the residuals say about noise.

    Attributes
    ----------
    tau : multiplies (J'WJ)^-1/2 in standard errors
    run : standard deviation of a new run around the curve, for a run of average weight
    dof : degrees of freedom; zero or less means that nothing can be said
    """

    tau: float
    run: float
    dof: int


def spread(
    residuals: FloatArray,
    weights: FloatArray,
    objective: ObjectiveName,
    delta: float | None,
    n_estimated: int,
) -> Spread:
    """Noise of the fit's residuals."""
    used = weights > 0
    r, w = residuals[used], weights[used]
    n = len(r)
    dof = n - n_estimated
    if dof <= 0:
        return Spread(np.nan, np.nan, dof)
    mean_square = float(w @ (r * r)) / dof
    run = float(np.sqrt(mean_square * n / w.sum()))
    if objective == "squared":
        return Spread(float(np.sqrt(mean_square)), run, dof)
    threshold = 0.0 if objective == "absolute" or delta is None else delta
    return Spread(_robust_tau(r, w, threshold, n_estimated), run, dof)


def _robust_tau(r: FloatArray, w: FloatArray, delta: float, n_estimated: int) -> float:
    n = len(r)
    dof = n - n_estimated
    size = np.sort(np.abs(r))
    if size[-1] == 0:
        return 0.0
    # As many residuals as parameters may be zero by construction: they say nothing of the density.
    window = max(delta, _density_window(size[n_estimated:]), 1e-300)
    inside = np.abs(r) <= window
    share = float(w @ inside) / w.sum()
    share = max((share * n - n_estimated) / dof, 0.5 / dof)
    if delta > 0:
        psi = np.clip(r, -delta, delta)
        # mean of psi' is the density of residuals inside delta, seen through the wider window
        slope = share * min(1.0, delta / window)
        mean_square = float(w @ (psi * psi)) / dof
    else:
        slope = share / window
        mean_square = float(w.sum()) / dof
    correction = 1.0 + n_estimated / n * max(0.0, 1.0 - share) / max(share, 1e-12)
    correction = correction if delta >= window else 1.0
    return float(correction * np.sqrt(mean_square) / slope)


def _density_window(size: FloatArray) -> float:
    """Half-width around zero for the density there (Hall and Sheather 1988, at the median)."""
    n = len(size)
    if n == 0:
        return 0.0
    normal_density = 1 / np.sqrt(2 * np.pi)
    share = n ** (-1 / 3) * 1.96 ** (2 / 3) * (1.5 * normal_density**2) ** (1 / 3)
    return float(np.quantile(size, min(2 * share, 0.9)))


def covariance(jacobian: FloatArray, weights: FloatArray, kept: FloatArray, tau: float) -> FloatArray:
    """Covariance of the working parameters; zero rows for those that were not estimated."""
    p = jacobian.shape[1]
    matrix = np.zeros((p, p))
    if not len(kept) or not np.isfinite(tau):
        return matrix
    columns = jacobian[:, kept] * np.sqrt(weights)[:, None]
    size = np.linalg.norm(columns, axis=0)
    triangle = np.linalg.qr(columns / size, mode="r")
    inverse = np.linalg.solve(triangle, np.eye(len(kept))) / size[:, None]
    matrix[np.ix_(kept, kept)] = tau**2 * inverse @ inverse.T
    return matrix


def t_quantile(confidence_level: float, dof: int) -> float:
    """Half-width of a central interval in standard errors."""
    if dof <= 0:
        return float("nan")
    upper = 0.5 + 0.5 * confidence_level
    # stdtrit loses itself for huge dof, where t is normal to all digits
    return float(stdtrit(dof, upper)) if dof < 1e8 else float(ndtri(upper))
