"""Noise that depends on the size of a run: a variance function, from residuals or from repeats.

The logarithm of the variance is taken to be a straight line in the logarithm of the size of a run:
its compute, or the variable there is; where there is none of N, D and C, the fitted performance
(power of the mean). The line is fitted by normal likelihood, with squares beyond 2.5 standard
deviations cut there, so that a few wild runs do not tilt it (Carroll and Ruppert 1988,
Transformation and Weighting in Regression, ch. 3). A residual is a mixture of the noise of many
runs: with e = M eps, M what the fit leaves, var(e_i) = sum_j M_ij^2 var(eps_j). The line is fitted
to these, since quiet runs of high leverage would otherwise look as noisy as the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import chdtr

from scalinglaws.arrays import FloatArray, IntArray

_CUT = 2.5**2
# Mean of a cut chi-squared variable.
_CUT_MEAN = float(chdtr(3, _CUT) + _CUT * (1.0 - chdtr(1, _CUT)))
_STEPS = 50
_LEAST_REST = 0.05  # share of its own noise that a residual is taken to have kept
# Standard errors of the slope beyond which the noise is said to depend on the size, and the degrees
# of freedom without which the slope is too uncertain to weight by.
CLEAR, LEAST_DOF = 3.5, 30
# Log-variance over one standard deviation of the log-sizes, as expected before any run is seen.
_PRIOR = 1.0
_LEAST_REPEATS = 20  # degrees of freedom of repeated runs that measure the noise by themselves


@dataclass(frozen=True)
class NoiseLaw:
    """Variance of single runs, relative to that of a run of average weight.

    Attributes
    ----------
    slope : d ln(variance) / d ln(size); zero for equal noise
    std_error : of the slope
    centre : ln(size) at which the relative variance is one
    middle : ln(size) at which slope and level of the fitted line are independent
    """

    slope: float = 0.0
    std_error: float = np.inf
    centre: float = 0.0
    middle: float = 0.0

    @property
    def is_clear(self) -> bool:
        """Whether the runs show beyond doubt that the noise depends on the size."""
        return abs(self.slope) > CLEAR * self.std_error

    def variance(self, log_size: FloatArray) -> FloatArray:
        """Relative variance at a logarithm of size."""
        if not self.slope:
            return np.ones(np.shape(log_size))
        return np.asarray(np.exp(self.slope * (log_size - self.centre)))

    def centred(self, sizes: FloatArray) -> NoiseLaw:
        """The same with weights 1/variance whose mean over these runs is one."""
        if not self.slope:
            return self
        logs = -self.slope * sizes
        centre = float(np.log(np.mean(np.exp(logs - logs.max()))) + logs.max())
        return replace(self, centre=-centre / self.slope)

    def tilt(self, log_size: FloatArray) -> FloatArray:
        """Error of the log-variance at a size that comes from the slope's; zero for equal noise."""
        if not self.slope:
            return np.zeros(np.shape(log_size))
        return np.asarray(self.std_error * (log_size - self.middle))


EQUAL = NoiseLaw()


def log_size(values: Mapping[str, FloatArray], fitted: FloatArray) -> FloatArray:
    """Logarithm of the size of each run: C, or N*D, or whichever there is."""
    used = ["C"] if "C" in values else [v for v in ("N", "D") if v in values]
    if not used:
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(np.abs(fitted)))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(sum(np.log(values[v]) for v in used))


def noise_law(
    residuals: FloatArray,
    sizes: FloatArray,
    leverage: FloatArray,
    basis: FloatArray | None = None,
    *,
    shrunk: bool = False,
) -> NoiseLaw:
    """Variance function of residuals of equal weight.

    Parameters
    ----------
    residuals, sizes, leverage : (runs,)
        Sizes as logarithms.
    basis : (runs, parameters), optional
        Orthonormal columns of the space that the fit takes; without it the residuals that mix are
        of runs of one size, such as repeats around their mean.
    shrunk : bool
        Weigh the slope against the expectation that it is near zero; its error is then that of
        both.
    """
    spread = float(np.std(sizes))
    if spread < 1e-9 or not np.any(residuals):
        return NoiseLaw()
    z = (sizes - sizes.mean()) / spread
    design = np.column_stack([np.ones_like(z), z])
    information = 0.5 * design.T @ design
    prior = np.diag([0.0, 1.0 / _PRIOR**2 if shrunk else 0.0])
    line = np.array([np.log(np.mean(residuals**2 / kept_noise(np.ones_like(z), leverage))), 0.0])
    for _ in range(_STEPS):
        kept = kept_noise(np.exp(line[1] * z), leverage, basis)
        relative = np.minimum(residuals**2 / kept * np.exp(-design @ line), _CUT) / _CUT_MEAN
        gradient = 0.5 * design.T @ (relative - 1.0) - prior @ line
        step = np.clip(np.linalg.solve(information + prior, gradient), -1.0, 1.0)
        line = line + step
        if np.abs(step).max() < 1e-10:
            break
    slope = float(line[1]) / spread
    if shrunk:
        error = 1.0 / np.sqrt(0.5 * float(np.sum(1.0 - leverage)) + 1.0 / _PRIOR**2)
    else:
        # what the scores really scatter by, since heavy tails make the slope less certain
        uncut = np.where(relative < _CUT / _CUT_MEAN, relative, 0.0)
        error = float(np.linalg.norm(z * (relative - 1.0))) / max(float(z * z @ uncut), 1e-300)
    return NoiseLaw(slope, float(error) / spread, middle=float(sizes.mean())).centred(sizes)


def kept_noise(
    variance: FloatArray, leverage: FloatArray, basis: FloatArray | None = None
) -> FloatArray:
    """Expected square of each residual relative to that run's own variance; shape (runs,).

    Parameters
    ----------
    variance : (runs,)
        Relative, of the noise.
    """
    if basis is None:
        return np.maximum(1.0 - leverage, _LEAST_REST)
    whole = basis.T @ (variance[:, None] * basis)
    mixed = np.einsum("ik,kl,il->i", basis, whole, basis, optimize=True)
    return np.asarray(np.maximum(1.0 - 2.0 * leverage + mixed / variance, _LEAST_REST))


def of_repeats(
    repeats: IntArray, residuals: FloatArray, sizes: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray] | None:
    """Repeated runs around the mean of their set, where there are enough to measure the noise.

    Returns
    -------
    residuals, sizes, leverage
        As `noise_law` takes them; None where there are too few.
    """
    if not len(repeats):
        return None
    _, sets, counts = np.unique(repeats, return_inverse=True, return_counts=True)
    repeated = counts[sets] > 1
    if int(repeated.sum()) - int((counts > 1).sum()) < _LEAST_REPEATS:
        return None
    means = np.bincount(sets, residuals) / counts
    within = (residuals - means[sets])[repeated]
    return within, sizes[repeated], (1.0 / counts[sets])[repeated]
