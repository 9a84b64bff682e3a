"""From loss to a bounded metric: a sigmoid between its ends, plus its own error.

The share of the way from best to worst is sigmoid(x0 + e^k u), where u is the loss above that of
the best runs, in standard deviations of the loss. Priors: k 0 +- 1, x0 0 +- 3. The error of the
sigmoid is a Gaussian process in u, Matern 3/2 with length 2 and variance 10 sigma^2, on the metric
itself, where the noise of the runs is sigma.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_solve, cholesky, lapack
from scipy.special import expit

from scalinglaws.arrays import FloatArray
from scalinglaws.forecasting.descent import Expansion, descend

_PRIOR_SD = np.array([1.0, 3.0])  # of k and x0, whose means are zero
_PRECISION = _PRIOR_SD**-2
_BOUNDS = np.array([-5.0, -20.0]), np.array([5.0, 20.0])
_STARTS = np.array([[0.0, 1.0], [-1.0, 2.0], [1.0, 0.0]])
_ERROR_TO_NOISE, _LENGTH = 10.0, 2.0
_NOISE_DOF, _NOISE_SCALE = 2.0, 0.005  # of the span between the ends
_STEPS, _LONGEST = 60, 1.0


@dataclass(frozen=True)
class MetricStep:
    """The posterior of the step from loss to metric."""

    theta: FloatArray
    covariance: FloatArray
    noise: float
    centre: float
    unit: float
    best: float
    worst: float
    u: FloatArray
    residuals: FloatArray
    jacobian: FloatArray
    factor: FloatArray

    def at(self, loss: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Mean of the metric of a new run, and variance of its mean, at losses."""
        u = (loss - self.centre) / self.unit
        mean, jacobian = _sigmoid(self.theta, u, self.best, self.worst)
        near = _ERROR_TO_NOISE * _alike(u, self.u)
        solved = cho_solve((self.factor, True), near.T, check_finite=False).T
        beyond = jacobian - near @ self.jacobian
        variance = np.einsum("ij,jk,ik->i", beyond, self.covariance, beyond)
        left = np.maximum(_ERROR_TO_NOISE - np.einsum("ij,ij->i", solved, near), 0.0)
        return mean + near @ self.residuals, variance + self.noise * left


def infer_step(loss: FloatArray, metric: FloatArray, best: float, worst: float) -> MetricStep:
    """Posterior from the runs' losses and metrics."""
    count = max(3, len(loss) // 10)
    centre, unit = float(np.sort(loss)[:count].mean()), float(loss.std())
    u = (loss - centre) / unit
    covariance = np.eye(len(u)) + _ERROR_TO_NOISE * _alike(u, u)
    factor = np.asarray(cholesky(covariance, lower=True, check_finite=False))
    whiten = np.tril(lapack.dtrtri(factor, lower=1)[0])
    scale = (_NOISE_SCALE * abs(worst - best)) ** 2
    size = len(u) + _NOISE_DOF

    def whitened(theta: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        fitted, jacobian = _sigmoid(theta, u, best, worst)
        residuals = (metric - fitted) @ whiten.T
        total = _NOISE_DOF * scale + (residuals**2).sum(axis=-1)
        return total / size, residuals, whiten @ jacobian

    def expand(theta: FloatArray) -> Expansion:
        variance, residuals, jacobian = whitened(theta)
        value = 0.5 * size * np.log(variance) + 0.5 * theta**2 @ _PRECISION
        curvature = jacobian.swapaxes(-1, -2) @ jacobian / variance[..., None, None]
        downhill = np.einsum("bik,bi->bk", jacobian, residuals) / variance[..., None]
        return value, curvature + np.diag(_PRECISION), downhill - theta * _PRECISION

    found, value = descend(expand, _STARTS, bounds=_BOUNDS, n_steps=_STEPS, longest=_LONGEST)
    theta = found[np.argmin(value)]
    variance, _, jacobian = (part[0] for part in whitened(theta[None]))
    information = jacobian.T @ jacobian / variance
    fitted, plain = _sigmoid(theta, u, best, worst)
    return MetricStep(
        theta, np.linalg.inv(information + np.diag(_PRECISION)), float(variance), centre, unit,
        best, worst, u, cho_solve((factor, True), metric - fitted, check_finite=False),
        cho_solve((factor, True), plain, check_finite=False), factor,
    )  # fmt: skip


def _sigmoid(
    theta: FloatArray, u: FloatArray, best: float, worst: float
) -> tuple[FloatArray, FloatArray]:
    slope = np.exp(theta[..., 0, None])
    share = expit(theta[..., 1, None] + slope * u)
    change = (worst - best) * share * (1 - share)
    return best + (worst - best) * share, np.stack([change * slope * u, change], axis=-1)


def _alike(a: FloatArray, b: FloatArray) -> FloatArray:
    distance = np.sqrt(3.0) * np.abs(a[:, None] - b) / _LENGTH
    return np.asarray((1 + distance) * np.exp(-distance))
