"""Posterior of many curves at once: the broken law, its modes mixed.

Residuals of a curve are neighbours' neighbours, so that n points are worth fewer: the likelihood is
tempered by 0.15. sigma^2 has a scaled inverse chi^2 prior of 2 degrees of freedom, with a scale of
1 % of the fall so far, and is integrated out. Each start ends in a mode; modes that differ and are
not far worse than the best are mixed by their Laplace weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scalinglaws.arrays import FloatArray
from scalinglaws.forecasting import broken_law as law
from scalinglaws.forecasting.descent import Expansion, descend

_TEMPER = 0.15
_NOISE_DOF, _NOISE_SCALE, _LEAST_FALL = 2.0, 0.01, 1e-3
_STEPS, _LONGEST_STEP = 40, 1.5
_SAME_MODE, _WORST_MODE = 0.05, 6.0  # in a coefficient, in the objective
# Variance of a new point in units of sigma^2, and the quantile's factor: both set the coverage.
_NOISE_FACTOR, _WIDTH, DOF = 3.0, 0.9, 5.0
_BATCH = 250  # curves that are fitted together
_PRIOR = np.diag(law.PRIOR_PRECISION)


@dataclass(frozen=True)
class CurvePosterior:
    """Modes of one curve.

    Attributes
    ----------
    theta : (modes, 6)
    covariance : (modes, 6, 6)
    noise : (modes,), variances
    weights : (modes,), which add up to one
    """

    theta: FloatArray
    covariance: FloatArray
    noise: FloatArray
    weights: FloatArray

    def at(self, t: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Mean, and variances of the curve and of the noise of a point, scaled to hold."""
        fitted, jacobian = law.values_and_jacobian(self.theta, t)
        mean = self.weights @ fitted
        curve = np.einsum("mtj,mjk,mtk->mt", jacobian, self.covariance, jacobian)
        spread = self.weights @ (np.maximum(curve, 0.0) + (fitted - mean) ** 2)
        noise = _NOISE_FACTOR * float(self.weights @ self.noise)
        return mean, _WIDTH**2 * spread, np.full(len(t), _WIDTH**2 * noise)


def infer_curves(curves: Sequence[tuple[FloatArray, FloatArray]]) -> list[CurvePosterior]:
    """The posterior of each curve, from t (sorted, the last is zero) and ln y."""
    order = np.argsort([len(t) for t, _ in curves], kind="stable")
    found: dict[int, CurvePosterior] = {}
    for first in range(0, len(order), _BATCH):
        some = order[first : first + _BATCH]
        found |= dict(zip(some.tolist(), _infer([curves[k] for k in some]), strict=True))
    return [found[k] for k in range(len(curves))]


def _infer(curves: Sequence[tuple[FloatArray, FloatArray]]) -> list[CurvePosterior]:
    longest = max(len(t) for t, _ in curves)
    t, y, known = (np.zeros((len(curves), longest)) for _ in range(3))
    for k, (points, values) in enumerate(curves):
        t[k, : len(points)], y[k, : len(points)], known[k, : len(points)] = points, values, 1.0
    target = _Target(t, y, known)
    theta, value = descend(
        target.expand, target.starts, bounds=(law.LOWER, law.UPPER), n_steps=_STEPS,
        longest=_LONGEST_STEP,
    )  # fmt: skip
    noise, _, curvature, _ = target.moments(theta)
    return [_mixture(theta[k], value[k], noise[k], curvature[k]) for k in range(len(curves))]


class _Target:
    """Objective of a batch of curves, each with several starts."""

    def __init__(self, t: FloatArray, y: FloatArray, known: FloatArray) -> None:
        self.t, self.y, self.known = t[:, None], y[:, None], known[:, None]
        counts = known.sum(axis=1).astype(np.intp)
        last = y[np.arange(len(y)), counts - 1]
        highest = np.where(known > 0, y, -np.inf).max(axis=1)
        fall = np.maximum(highest - last, _LEAST_FALL)
        self.mean = law.prior_mean(fall)[:, None]
        self.starts = law.starts(last, self.mean[:, 0])
        self.scale = (_NOISE_SCALE * fall[:, None]) ** 2
        self.size = _TEMPER * counts[:, None] + _NOISE_DOF

    def expand(self, theta: FloatArray) -> Expansion:
        """-ln of the posterior density, with sigma^2 integrated out, and its expansion."""
        return self.moments(theta)[1:]

    def moments(self, theta: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """sigma^2, objective, curvature and minus the gradient."""
        fitted, jacobian = law.values_and_jacobian(theta, self.t)
        residuals = (self.y - fitted) * self.known
        jacobian = jacobian * self.known[..., None]
        total = _NOISE_DOF * self.scale + _TEMPER * (residuals**2).sum(axis=-1)
        noise = total / self.size
        departure = theta - self.mean
        value = 0.5 * self.size * np.log(total) + 0.5 * departure**2 @ law.PRIOR_PRECISION
        weight = (_TEMPER / noise)[..., None]
        curvature = jacobian.swapaxes(-1, -2) @ jacobian * weight[..., None] + _PRIOR
        downhill = (residuals[..., None, :] @ jacobian)[..., 0, :] * weight
        return noise, value, curvature, downhill - departure * law.PRIOR_PRECISION


def _mixture(
    theta: FloatArray, value: FloatArray, noise: FloatArray, curvature: FloatArray
) -> CurvePosterior:
    """Distinct modes, weighted by Laplace's approximation of their mass."""
    kept: list[int] = []
    for k in np.argsort(value, kind="stable"):
        if value[k] > value.min() + _WORST_MODE:
            break
        if all(np.abs(theta[k] - theta[other]).max() > _SAME_MODE for other in kept):
            kept.append(int(k))
    mass = -value[kept] - 0.5 * np.linalg.slogdet(curvature[kept])[1]
    weights = np.exp(mass - mass.max())
    covariance = np.asarray(np.linalg.inv(curvature[kept]), dtype=np.float64)
    return CurvePosterior(theta[kept], covariance, noise[kept], weights / weights.sum())
