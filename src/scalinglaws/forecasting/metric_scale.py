"""The scale on which a metric is forecast: the logarithm of what is left to improve."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from scalinglaws.arrays import BoolArray, FloatArray

_LEAST_PRECISION = 1e-6


@dataclass(frozen=True)
class MetricScale:
    """A one-to-one map from a metric to a number that falls as the metric improves.

    ``ln((y - best) / (worst - y))`` where both ends are known, as for an accuracy between chance
    and one; ``ln |y - best|`` where only the best value is; ``-ln |y - worst|`` where only the
    worst is. A loss has 0 as its best value and no worst, hence ``ln y``.

    Attributes
    ----------
    falls : whether smaller values are better
    best, worst : ends of what the metric can be; None where there is none
    """

    falls: bool
    best: float | None
    worst: float | None

    @classmethod
    def of(cls, falls: bool, limits: tuple[float | None, float | None]) -> MetricScale:
        """The scale of a metric that lies between (low, high)."""
        low, high = limits
        if low is None and (falls or high is None):
            low = 0.0
        return cls(falls, low, high) if falls else cls(falls, high, low)

    def is_inside(self, y: FloatArray) -> BoolArray:
        """Whether values lie between the ends."""
        low, high = (self.best, self.worst) if self.falls else (self.worst, self.best)
        return np.asarray(
            (y > (-np.inf if low is None else low)) & (y < (np.inf if high is None else high))
        )

    def forward(self, y: FloatArray) -> FloatArray:
        """From the metric to the scale."""
        found = np.zeros_like(y)
        if self.best is not None:
            found = found + np.log(np.abs(y - self.best))
        if self.worst is not None:
            found = found - np.log(np.abs(self.worst - y))
        return found

    def back(self, score: FloatArray) -> FloatArray:
        """From the scale to the metric."""
        sign = 1.0 if self.falls else -1.0
        with np.errstate(over="ignore"):
            left = np.exp(score)
            if self.worst is None:
                return np.asarray((self.best or 0.0) + sign * left)
            if self.best is None:
                return np.asarray(self.worst + 1.0 / left)
            share = expit(score)
        return self.best + (self.worst - self.best) * share

    def precision(self, score: FloatArray) -> FloatArray:
        """Of a run, relative: between two ends its noise is equal on the metric, not the scale.

        The square of d(metric)/d(score), at most one; one where an end is not known.
        """
        if self.best is None or self.worst is None:
            return np.ones_like(score)
        share = expit(score)
        return np.maximum(16.0 * (share * (1.0 - share)) ** 2, _LEAST_PRECISION)

    def interval(self, low: FloatArray, high: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Ends of an interval on the scale, as metric, the lower first."""
        ends = self.back(low), self.back(high)
        return ends if self.falls else ends[::-1]
