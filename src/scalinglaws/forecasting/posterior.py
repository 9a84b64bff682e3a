"""The posterior of a forecast: flexible law, plus its own error as a Gaussian process.

The runs are y = m(theta) + e + noise. The noise of run i has variance sigma^2 / w_i. The error e of
the law is a Gaussian process over (ln N, ln D) with variance 30 sigma^2 + (1 %)^2 and a Matern 3/2
correlation of three e-folds: smooth, never negligible, larger where runs scatter more. So

    y ~ normal(m(theta), sigma^2 R),    R = diag(1/w) + q K,    q = 30 + (.01 / sigma)^2

sigma^2 has a scaled inverse chi^2 prior of 2 degrees of freedom and scale (.4 %)^2, and is
integrated out, which leaves a smooth objective in theta. The Gauss-Newton approximation of its
curvature is positive definite, so there is always an answer. The posterior of theta is taken to be
normal around the minimum.

Outliers: each run's noise has Student's t with 4 degrees of freedom, by iterative reweighting.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import cho_solve, cholesky, lapack
from scipy.spatial.distance import cdist

from scalinglaws.arrays import FloatArray
from scalinglaws.forecasting import flexible_law as law

# Error of the law: variance in units of that of a run, least standard deviation (of ln loss), and
# length in e-folds.
_ERROR_TO_NOISE, _LEAST_ERROR, _LENGTH = 30.0, 0.01, 3.0
# Prior of the noise of a run: degrees of freedom, scale.
_NOISE_DOF, _NOISE_SCALE = 2.0, 0.004
_TAIL_DOF, _MOST_WEIGHT = 4.0, 1.25
# Degrees of freedom of intervals: n + 2 - p, but not beyond these.
_LEAST_DOF, _MOST_DOF = 2.5, 6.0
# Rounds of solving, before each of which covariance and weights are brought up to date, and the
# relative change of a weight at which they end.
_FEWEST_ROUNDS, _MOST_ROUNDS, _SAME_WEIGHT = 4, 30, 0.05
_STEPS, _LATER_STEPS, _LONGEST_STEP = 30, 10, 1.0
_BLOCK = 4096  # points that are forecast at a time

# A function of theta, shape (..., p): objective (...), an approximation of its Hessian that is
# positive definite (..., p, p), and minus its gradient (..., p).
Expansion = tuple[FloatArray, FloatArray, FloatArray]

_FIRST_DAMPING, _LEAST_DAMPING, _MOST_DAMPING = 1e-2, 1e-9, 1e8
_EASED, _RAISED = 0.3, 5.0
_FEWEST_STEPS, _SMALL_GAIN = 4, 1e-8


@dataclass(frozen=True)
class Moments:
    """Mean of the logarithm of the loss, and the three parts of its variance."""

    mean: FloatArray
    coefficients: FloatArray
    law_error: FloatArray
    noise: FloatArray

    @property
    def curve(self) -> FloatArray:
        """Variance of the curve: all but the noise of a new run."""
        return self.coefficients + self.law_error

    @property
    def run(self) -> FloatArray:
        """Variance of one new run."""
        return self.curve + self.noise


@dataclass(frozen=True)
class Posterior:
    """The posterior of the flexible law and of its error.

    Attributes
    ----------
    theta : coefficients of the flexible law, m
    covariance : of the coefficients
    noise : variance of a run of weight one, on the scale of ln loss
    ratio : variance of the law's error in units of `noise`
    weights : of the runs, those that make outliers count less included
    n_effective : coefficients that the runs determine, from 0 to 6
    dof : degrees of freedom of the intervals
    points : (runs, 2), ln N and ln D from the anchor
    residuals, jacobian : R^-1 (y - m), and R^-1 dm/dtheta
    factor : lower Cholesky factor of R
    origin : ln N and ln D of the anchor
    """

    theta: FloatArray
    covariance: FloatArray
    noise: float
    ratio: float
    weights: FloatArray
    n_effective: float
    dof: float
    points: FloatArray
    residuals: FloatArray
    jacobian: FloatArray
    factor: FloatArray
    origin: FloatArray

    def at(self, n: FloatArray, d: FloatArray) -> Moments:
        """Forecast at points (n, d), measured from the anchor."""
        blocks = [self._moments(n[rows], d[rows]) for rows in _blocks(len(n))]
        return Moments(*(np.concatenate(part) for part in zip(*blocks, strict=True)))

    def joint(self, n: FloatArray, d: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Mean of the curve at points (n, d), and its covariance between them."""
        mean, near, solved, beyond = self._conditioned(n, d)
        points = np.column_stack([n, d])
        error = self.ratio * correlation(points, points) - solved @ near.T
        return mean, beyond @ self.covariance @ beyond.T + self.noise * error

    def _moments(self, n: FloatArray, d: FloatArray) -> tuple[FloatArray, ...]:
        mean, near, solved, beyond = self._conditioned(n, d)
        coefficients = np.einsum("ij,jk,ik->i", beyond, self.covariance, beyond)
        error = self.noise * np.maximum(self.ratio - np.einsum("ij,ij->i", solved, near), 0.0)
        return mean, np.maximum(coefficients, 0.0), error, np.full(len(n), self.noise)

    def _conditioned(self, n: FloatArray, d: FloatArray) -> tuple[FloatArray, ...]:
        """Mean, covariance k with the runs, A = k R^-1, and derivatives in the coefficients."""
        mean, jacobian = self._law(n, d)
        near = self._near(n, d)
        solved = cho_solve((self.factor, True), near.T, check_finite=False).T
        return mean + near @ self.residuals, near, solved, jacobian - near @ self.jacobian

    def _law(self, n: FloatArray, d: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The law at points, and its derivatives."""
        return law.values_and_jacobian(self.theta, n, d)

    def _near(self, n: FloatArray, d: FloatArray) -> FloatArray:
        """Covariance of the law's error at points with that at the runs, in units of `noise`."""
        return self.ratio * correlation(np.column_stack([n, d]), self.points)

    def response(self, n: float, d: float) -> FloatArray:
        """Change of the forecast at a point with the logarithm of each run's loss."""
        point = np.array([n]), np.array([d])
        jacobian, near = self._law(*point)[1][0], self._near(*point)[0]
        solved = cho_solve((self.factor, True), near, check_finite=False)
        beyond = jacobian - near @ self.jacobian
        found = solved + self.jacobian @ self.covariance @ beyond / self.noise
        return np.asarray(found)


def correlation(a: FloatArray, b: FloatArray, length: float = _LENGTH) -> FloatArray:
    """Matern 3/2 correlation of an error between points (rows), shape (len(a), len(b))."""
    distance = cdist(a, b) * (np.sqrt(3.0) / length)
    return np.asarray((1.0 + distance) * np.exp(-distance))


def infer(
    points: FloatArray, y: FloatArray, weights: FloatArray, level: float, origin: FloatArray
) -> Posterior:
    """Posterior of the flexible law and its error.

    Parameters
    ----------
    points : (runs, 2), logarithms of N and D from the anchor
    y : logarithm of the loss
    weights : relative precisions, of mean one
    level : y at the anchor, a start
    origin : ln N and ln D of the anchor
    """
    model = Model(
        lambda theta: law.values_and_jacobian(theta, *points.T), _starts(level), law.PRIOR_MEAN,
        np.diag(law.PRIOR_PRECISION), law.LOWER, law.UPPER,
    )  # fmt: skip
    return Posterior(**solve(model, correlation(points, points), y, weights), points=points,
                     origin=origin)  # fmt: skip


@dataclass(frozen=True)
class Model:
    """A law at the runs, and what is known of its coefficients beforehand.

    Attributes
    ----------
    evaluate : from theta (b, p) to ln loss at the runs (b, n) and its derivatives (b, n, p)
    starts : (starts, p)
    prior_mean, precision, lower, upper : of the coefficients, (p,) and (p, p)
    """

    evaluate: Callable[[FloatArray], tuple[FloatArray, FloatArray]]
    starts: FloatArray
    prior_mean: FloatArray
    precision: FloatArray
    lower: FloatArray
    upper: FloatArray


def solve(model: Model, alike: FloatArray, y: FloatArray, weights: FloatArray) -> dict[str, Any]:
    """Fields of the posterior, after rounds that bring covariance and weights up to date.

    `alike` is the correlation of the law's error between the runs.
    """
    theta, robust, ratio = model.starts, np.ones(len(y)), _ERROR_TO_NOISE
    target = _Target(model, y, np.diag(1.0 / weights) + ratio * alike)
    theta = target.minimise(theta, _STEPS)
    for done in range(1, _MOST_ROUNDS + 1):
        noise, pulled, last = target.noise(theta), target.pulled(theta), robust
        outlying = pulled**2 / (weights * robust**2 * noise)
        robust = np.minimum((_TAIL_DOF + 1) / (_TAIL_DOF + outlying), _MOST_WEIGHT)
        ratio = _ERROR_TO_NOISE + _LEAST_ERROR**2 / noise
        target = _Target(model, y, np.diag(1.0 / (weights * robust)) + ratio * alike)
        theta = target.minimise(theta, _LATER_STEPS)
        if done >= _FEWEST_ROUNDS and np.abs(robust / last - 1.0).max() <= _SAME_WEIGHT:
            break
    return {"ratio": ratio, "weights": weights * robust, **target.posterior(theta)}


def _starts(level: float) -> FloatArray:
    """Little floor or much, slow decay or fast."""
    return np.array(
        [
            [level, floor, 0.0, rate, rate, law.PRIOR_MEAN[5]]
            for floor in (-1.0, 1.5)
            for rate in (-1.6, -0.5)
        ]
    )


class _Target:
    """The runs with one covariance sigma^2 R: objective, minimum, posterior."""

    def __init__(self, model: Model, y: FloatArray, covariance: FloatArray) -> None:
        self.model, self.y = model, y
        self.factor = np.asarray(cholesky(covariance, lower=True, check_finite=False))
        self.whiten = np.tril(lapack.dtrtri(self.factor, lower=1)[0])
        self.size = len(y) + _NOISE_DOF

    def minimise(self, theta: FloatArray, n_steps: int) -> FloatArray:
        """The best of the minima reached from several starts, shape (1, p)."""
        found, value = descend(
            self.expand, theta, bounds=(self.model.lower, self.model.upper), n_steps=n_steps,
            longest=_LONGEST_STEP,
        )  # fmt: skip
        return found[[np.argmin(value)]]

    def expand(self, theta: FloatArray) -> Expansion:
        """-ln of the posterior density of theta, with sigma^2 integrated out.

        (n + nu)/2 ln(nu s^2 + r'R^-1 r) + prior/2, and its Gauss-Newton expansion.
        """
        variance, residuals, jacobian = self.whitened(theta)
        departure = theta - self.model.prior_mean
        pull = departure @ self.model.precision
        value = 0.5 * self.size * np.log(variance * self.size)
        value += 0.5 * np.einsum("bk,bk->b", pull, departure)
        curvature = jacobian.transpose(0, 2, 1) @ jacobian / variance[:, None, None]
        downhill = np.einsum("bik,bi->bk", jacobian, residuals) / variance[:, None]
        return value, curvature + self.model.precision, downhill - pull

    def whitened(self, theta: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """sigma^2, and residuals and derivatives with covariance sigma^2."""
        fitted, jacobian = self.model.evaluate(theta)
        residuals = (self.y - fitted) @ self.whiten.T
        total = _NOISE_DOF * _NOISE_SCALE**2 + np.einsum("bi,bi->b", residuals, residuals)
        return total / self.size, residuals, self.whiten @ jacobian

    def noise(self, theta: FloatArray) -> float:
        """Variance of a run at the minimum."""
        return float(self.whitened(theta)[0][0])

    def pulled(self, theta: FloatArray) -> FloatArray:
        """R^-1 (y - m)."""
        residuals = self.y - self.model.evaluate(theta)[0][0]
        return np.asarray(cho_solve((self.factor, True), residuals, check_finite=False))

    def posterior(self, theta: FloatArray) -> dict[str, Any]:
        """Normal approximation at the minimum, with sigma^2 divided by n + nu - p."""
        variance, _, whitened = (part[0] for part in self.whitened(theta))
        information, precision = whitened.T @ whitened / variance, self.model.precision
        n_effective = float(np.trace(np.linalg.solve(information + precision, information)))
        left = max(self.size - n_effective, 1.0)
        growth = self.size / left
        jacobian = self.model.evaluate(theta)[1][0]
        return {
            "theta": theta[0],
            "covariance": np.linalg.inv(information / growth + precision),
            "noise": float(variance) * growth,
            "n_effective": n_effective,
            "dof": float(np.clip(left, _LEAST_DOF, _MOST_DOF)),
            "residuals": self.pulled(theta),
            "jacobian": np.asarray(cho_solve((self.factor, True), jacobian, check_finite=False)),
            "factor": self.factor,
        }


def _blocks(count: int) -> Iterator[slice]:
    for first in range(0, max(count, 1), _BLOCK):
        yield slice(first, first + _BLOCK)


def descend(
    expand: Callable[[FloatArray], Expansion],
    theta: FloatArray,
    *,
    bounds: tuple[FloatArray, FloatArray],
    n_steps: int,
    longest: float,
) -> tuple[FloatArray, FloatArray]:
    """Minimise from every start; returns coefficients and objectives.

    Parameters
    ----------
    expand : the objective and its expansion
    theta : (..., p), the starts
    bounds : lower and upper, (p,)
    n_steps : most steps
    longest : most that a coefficient moves in one step
    """
    damping = np.full((*theta.shape[:-1], 1), _FIRST_DAMPING)
    value, curvature, downhill = expand(theta)
    diagonal = np.arange(theta.shape[-1])
    for step_number in range(n_steps):
        damped = curvature.copy()
        damped[..., diagonal, diagonal] *= 1.0 + damping
        step = np.linalg.solve(damped, downhill[..., None])[..., 0]
        tried = np.clip(theta + np.clip(step, -longest, longest), *bounds)
        there = expand(tried)
        better = there[0] < value
        gain = float(np.max(np.where(better, value - there[0], 0.0)))
        theta = np.where(better[..., None], tried, theta)
        value = np.where(better, there[0], value)
        curvature = np.where(better[..., None, None], there[1], curvature)
        downhill = np.where(better[..., None], there[2], downhill)
        factor = np.where(better[..., None], _EASED, _RAISED)
        damping = np.clip(damping * factor, _LEAST_DAMPING, _MOST_DAMPING)
        if gain < _SMALL_GAIN and step_number >= _FEWEST_STEPS:
            break
    return theta, value
