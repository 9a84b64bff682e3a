"""Curves in one variable: a law that may bend once, and its posterior for many curves at once.

With t the logarithm of x relative to the last point of the curve,

    m = level + ln(s + (1 - s) e^g(t)),    g = -c (r t + (1 - r) A(t)),
    A = f (softplus((t - d)/f) - softplus(-d/f))

At the last point m is the level and s the share of it that is floor. The reducible part falls with
the exponent c after the bend at d, whose width is f, and with c r before it. The coefficients are
(level, logit s, ln c, d, ln f, logit r), with independent normal priors on all but the level; they
were learned from public learning curves. That of the floor is relative to the fall so far: what may
still go is of the size of what has gone.

Residuals of a curve are neighbours' neighbours, so that n points are worth fewer: the likelihood is
tempered by 0.15. sigma^2 has a scaled inverse chi^2 prior of 2 degrees of freedom, with a scale of
1 % of the fall so far, and is integrated out. Each start ends in a mode; modes that differ and are
not far worse than the best are mixed by their Laplace weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, log_expit

from scalinglaws.arrays import FloatArray
from scalinglaws.forecasting.posterior import Expansion, descend

PRIOR_SD = np.array([np.inf, 1.7, 0.55, 0.85, 0.8, 1.0])
PRIOR_PRECISION = PRIOR_SD**-2
_PRIOR_MEAN = np.array([0.0, 1.0, -0.75, -2.6, -1.0, -1.8])
LOWER = np.array([-np.inf, -9.0, -5.0, -14.0, -3.0, -9.0])
UPPER = np.array([np.inf, 6.0, 2.0, 3.0, 2.0, 9.0])
_STARTS = np.array(
    [
        [0.0, floor, rate, bend, -0.5, -2.0]
        for floor in (-2.0, 1.0)
        for rate in (-2.0, -0.8)
        for bend in (-4.0, -1.5)
    ]
)
_TEMPER = 0.15
_NOISE_DOF, _NOISE_SCALE, _LEAST_FALL = 2.0, 0.01, 1e-3
_STEPS, _LONGEST_STEP = 40, 1.5
_SAME_MODE, _WORST_MODE = 0.05, 6.0  # in a coefficient, in the objective
# Variance of a new point in units of sigma^2, and the quantile's factor: both set the coverage.
_NOISE_FACTOR, _WIDTH, DOF = 3.0, 0.9, 5.0
_PRIOR = np.diag(PRIOR_PRECISION)
_BATCH = 250  # curves that are fitted together


# --- the law ---------------------------------------------------------------------------------


def prior_mean(fall: FloatArray) -> FloatArray:
    """Of each curve, shape (curves, 6), from the fall of ln y so far."""
    mean = np.tile(_PRIOR_MEAN, (len(fall), 1))
    mean[:, 1] -= np.log(np.expm1(fall))
    return mean


def starts(level: FloatArray, mean: FloatArray) -> FloatArray:
    """Starts of each curve, shape (curves, 8, 6): those of the floor from its prior mean."""
    found = np.tile(_STARTS, (len(level), 1, 1))
    found[..., 0] += level[:, None]
    found[..., 1] += mean[:, None, 1]
    return found


def values_and_jacobian(theta: FloatArray, t: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The law at t, and its derivatives in the coefficients, (..., points) and (..., points, 6)."""
    level, floor, ln_c, bend, ln_f, split = np.moveaxis(theta[..., None], -2, 0)
    c, f, r = np.exp(ln_c), np.exp(ln_f), expit(split)
    there, last = (t - bend) / f, -bend / f
    bent = f * (np.logaddexp(0.0, there) - np.logaddexp(0.0, last))
    decay = -c * (r * t + (1 - r) * bent)
    reducible = log_expit(-floor) + decay
    law = np.logaddexp(log_expit(floor), reducible)
    share = np.exp(reducible - law)
    s, slope, slope_last = expit(floor), expit(there), expit(last)
    jacobian = np.stack(
        [
            np.ones_like(law),
            (1 - share) * (1 - s) - share * s,
            share * decay,
            share * c * (1 - r) * (slope - slope_last),
            -share * c * (1 - r) * (bent - (t - bend) * slope - bend * slope_last),
            -share * c * (t - bent) * r * (1 - r),
        ],
        axis=-1,
    )
    return level + law, jacobian


# --- its posterior ---------------------------------------------------------------------------


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
        fitted, jacobian = values_and_jacobian(self.theta, t)
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
        target.expand, target.starts, bounds=(LOWER, UPPER), n_steps=_STEPS,
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
        self.mean = prior_mean(fall)[:, None]
        self.starts = starts(last, self.mean[:, 0])
        self.scale = (_NOISE_SCALE * fall[:, None]) ** 2
        self.size = _TEMPER * counts[:, None] + _NOISE_DOF

    def expand(self, theta: FloatArray) -> Expansion:
        """-ln of the posterior density, with sigma^2 integrated out, and its expansion."""
        return self.moments(theta)[1:]

    def moments(self, theta: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """sigma^2, objective, curvature and minus the gradient."""
        fitted, jacobian = values_and_jacobian(theta, self.t)
        residuals = (self.y - fitted) * self.known
        jacobian = jacobian * self.known[..., None]
        total = _NOISE_DOF * self.scale + _TEMPER * (residuals**2).sum(axis=-1)
        noise = total / self.size
        departure = theta - self.mean
        value = 0.5 * self.size * np.log(total) + 0.5 * departure**2 @ PRIOR_PRECISION
        weight = (_TEMPER / noise)[..., None]
        curvature = jacobian.swapaxes(-1, -2) @ jacobian * weight[..., None] + _PRIOR
        downhill = (residuals[..., None, :] @ jacobian)[..., 0, :] * weight
        return noise, value, curvature, downhill - departure * PRIOR_PRECISION


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
