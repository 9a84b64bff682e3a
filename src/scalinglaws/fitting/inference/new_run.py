"""What the noise of a new run is: its size, how well that is known, and its shape.

With few degrees of freedom it cannot be told from chance whether noise depends on the size of a
run. From eight on it is then taken to do so as the runs have it, and the error of that enters the
degrees of freedom: 2/nu is the relative variance of a variance (Satterthwaite). With fewer a slope
says next to nothing, and would only make intervals wider; with thirty and more, noise is the same
everywhere unless the runs clearly show that it is not (`weighting`).

With more, the residuals also show the shape: a new run lies within h of the curve as often as they
do, spread out by the error of the curve. As quantiles of residuals are uncertain themselves, they
lend from the normal shape, in the share in which variances lend from what is expected
(`lent_share`). Where residuals are few, or less than two of them lie beyond a level, the shape
is Student's t alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.special import ndtr, ndtri

from scalinglaws.arrays import FloatArray
from scalinglaws.fitting.inference.influence import Influence, lent_share
from scalinglaws.fitting.inference.noise import LEAST_DOF, NoiseLaw
from scalinglaws.fitting.inference.recall import recalled_influence
from scalinglaws.fitting.inference.record import FitRecord
from scalinglaws.fitting.inference.uncertainty import half_widths, t_quantile

_LEAST_SLOPE_DOF = 8  # degrees of freedom below which noise is taken to be equal
_FEWEST_BEYOND = 2.0
_MOST_NODES = 256  # quantiles that stand for the residuals
_BISECTIONS = 40
_MOST_DIRECT = 256  # points
_OF_FIT: WeakKeyDictionary[FitRecord, RunNoise] = WeakKeyDictionary()


@dataclass(frozen=True)
class RunNoise:
    """Noise of single runs around the curve.

    Sizes that are no number, as of a performance of zero, have the noise of the middle of the law.

    Attributes
    ----------
    scale : standard deviation of a run whose relative variance is one
    law : relative variance by size
    dof : degrees of freedom of the scale
    slope_known : whether the error of the law's slope is left out of account
    shape : sizes of the residuals in units of the scale, ascending; empty where few
    n : number of residuals
    lent : share of the normal shape
    """

    scale: float
    law: NoiseLaw
    dof: float
    slope_known: bool
    shape: FloatArray
    n: int
    lent: float = 0.0

    def deviation(self, log_size: FloatArray) -> FloatArray:
        """Standard deviation of a run of some size."""
        return np.asarray(self.scale * np.sqrt(self.law.variance(self._known(log_size))))

    def _known(self, log_size: FloatArray) -> FloatArray:
        return np.where(np.isfinite(log_size), log_size, self.law.middle)

    def draws(
        self, log_size: FloatArray, shape: tuple[int, ...], rng: np.random.Generator
    ) -> FloatArray:
        """Errors of new runs of some size, drawn independently.

        With a shape none is larger than the largest residual, but for those of the normal part.

        Parameters
        ----------
        log_size : broadcasts to `shape`
        """
        student = rng.standard_t(self._freedom(log_size), shape)
        if not len(self.shape):
            return np.asarray(self.deviation(log_size) * student)
        own = rng.choice(self.shape, shape) * rng.choice([-1.0, 1.0], shape)
        drawn = np.where(rng.random(shape) < self.lent, student, own)
        return np.asarray(self.deviation(log_size) * drawn)

    def half_width(
        self, log_size: FloatArray, std_error: FloatArray, dof: FloatArray, level: float
    ) -> FloatArray:
        """Half-width of the interval of a new run, which is never surer than the curve.

        Parameters
        ----------
        std_error, dof : (points,)
            Of the curve.
        """
        noise = self.deviation(log_size)
        curve = half_widths(level, dof, std_error)
        if not len(self.shape) or self.n * (1.0 - level) < _FEWEST_BEYOND - 1e-9:
            return np.maximum(self._of_student(noise, log_size, std_error, dof, level), curve)
        # as wide as Student's t has it, at this level
        normal = float(ndtri(0.5 + 0.5 * level))
        found = np.full(len(noise), np.inf)
        known = np.isfinite(curve) & np.isfinite(noise)
        ratio = curve[known] / normal / noise[known]
        student = t_quantile(level, self.dof) / normal
        found[known] = noise[known] * self._at_ratios(ratio, student, level)
        return found

    def _at_ratios(self, ratio: FloatArray, student: float, level: float) -> FloatArray:
        """Half-widths in units of the noise; of many points by a spline, to a thousandth of one."""
        if len(ratio) <= _MOST_DIRECT:
            return self._root(ratio, student, level)
        least, most = np.clip([ratio.min(), ratio.max()], 1e-6, 1e6)
        nodes = np.geomspace(0.999 * least, 1.001 * most, _MOST_DIRECT)
        spline = CubicSpline(np.log(nodes), self._root(nodes, student, level))
        found = spline(np.log(np.clip(ratio, least, most)))
        return np.asarray(found * np.maximum(ratio / most, 1.0))

    def _root(self, ratio: FloatArray, student: float, level: float) -> FloatArray:
        """Where the shape, plus a normal error of the curve, has its central share.

        Parameters
        ----------
        ratio : (points,)
            Standard deviation of the curve, in units of the noise.
        student : standard deviation of the normal shape that is lent
        """
        both, curve = np.hypot(student, ratio), np.maximum(ratio, 1e-9)[:, None]
        low, high = np.zeros(len(ratio)), self.shape[-1] + 10.0 * both
        for _ in range(_BISECTIONS):
            middle = 0.5 * (low + high)
            at = middle[:, None]
            own = ndtr((at - self.shape) / curve) - ndtr((-at - self.shape) / curve)
            lent = 2.0 * ndtr(middle / both) - 1.0
            less = (1.0 - self.lent) * own.mean(axis=1) + self.lent * lent < level
            low, high = np.where(less, middle, low), np.where(less, high, middle)
        return np.asarray(0.5 * (low + high))

    def _of_student(
        self,
        noise: FloatArray,
        log_size: FloatArray,
        std_error: FloatArray,
        dof: FloatArray,
        level: float,
    ) -> FloatArray:
        """Student's t with the degrees of freedom of the sum of both variances."""
        curve, run = std_error**2, noise**2
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            both = (curve + run) ** 2 / (curve**2 / dof + run**2 / self._freedom(log_size))
        # an unknown curve has no interval, whatever the noise
        both = np.where(np.isfinite(both), both, dof)
        return half_widths(level, both, np.sqrt(curve + run))

    def _freedom(self, log_size: FloatArray) -> FloatArray:
        """Degrees of freedom of the variance of a run of some size."""
        tilt = 0.0 if self.slope_known else self.law.tilt(self._known(log_size))
        with np.errstate(divide="ignore"):
            return np.asarray(2.0 / (2.0 / np.float64(self.dof) + np.square(tilt)))


def run_noise(fit: FitRecord) -> RunNoise:
    """The noise of new runs of a fit; made once, since many residuals take long to sort."""
    if fit not in _OF_FIT:
        _OF_FIT[fit] = _noise_of(fit)
    return _OF_FIT[fit]


def _noise_of(fit: FitRecord) -> RunNoise:
    found, dof = recalled_influence(fit), min(fit.dof, fit.correlation.dof)
    n = int(np.count_nonzero(fit.runs.weights > 0))
    # checkpoints of one run are one witness of the noise
    by_run = found is not None and found.clusters is not None
    few = (found.rest if found is not None and by_run else fit.dof) < LEAST_DOF
    shown = not by_run and not fit.noise_told and fit.dof >= _LEAST_SLOPE_DOF
    if found is not None and shown and few and not fit.noise_law.slope:
        return RunNoise(_level(fit, found), found.noise_law, dof, False, np.zeros(0), n)
    if few:
        return RunNoise(fit.noise, fit.noise_law, dof, False, np.zeros(0), n)
    lent = lent_share(n, fit.dof if found is None else found.rest)
    return RunNoise(fit.noise, fit.noise_law, dof, True, _shape(fit), n, lent)


def _level(fit: FitRecord, found: Influence) -> float:
    """Standard deviation of a run of average weight, where few runs' noise law is one."""
    weights = fit.runs.weights
    used = weights > 0
    squares = fit.residuals.to_numpy()[used] ** 2 * weights[used] / weights[used].mean()
    return float(np.sqrt(squares.sum() / np.sum((found.kept * found.noise)[used])))


def _shape(fit: FitRecord) -> FloatArray:
    """Sizes of the residuals, in units of their root mean square."""
    weights = fit.runs.weights
    sizes = np.sort(np.abs(fit.residuals.to_numpy() * np.sqrt(weights))[weights > 0])
    mean = float(np.sqrt(np.mean(sizes**2)))
    if not mean > 0:
        return np.zeros(0)
    if len(sizes) > _MOST_NODES:
        sizes = np.quantile(sizes, (np.arange(_MOST_NODES) + 0.5) / _MOST_NODES)
    return np.asarray(sizes / mean)
