"""What is minimised: a loss of each residual, summed with weights.

``squared``  r^2;  ``huber``  r^2/2 inside delta, delta*(|r| - delta/2) outside;  ``absolute``  |r|.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.intp]
ObjectiveName = Literal["squared", "huber", "absolute"]
ScaleName = Literal["log", "level"]
OBJECTIVES: tuple[ObjectiveName, ...] = ("squared", "huber", "absolute")
SCALES: tuple[ScaleName, ...] = ("log", "level")

# 95 % efficient for normal noise (Huber 1964)
HUBER_FACTOR = 1.345
# median of |standard normal|
_NORMAL_MEDIAN = 0.6744897501960817


@dataclass(frozen=True)
class Loss:
    """A loss function; `delta` is the Huber threshold, infinite for least squares."""

    kind: Literal["squared", "huber"]
    delta: float = np.inf

    def value(self, r: FloatArray) -> FloatArray:
        """Loss of each residual."""
        if self.kind == "squared":
            return r * r
        size = np.abs(r)
        inside = np.minimum(size, self.delta)
        # r^2/2 inside, delta*(|r| - delta/2) outside, as one product
        return inside * (size - 0.5 * inside)

    def derivatives(self, r: FloatArray) -> tuple[FloatArray, FloatArray]:
        """First derivative psi, and second derivative."""
        if self.kind == "squared":
            return 2.0 * r, np.full_like(r, 2.0)
        return np.clip(r, -self.delta, self.delta), (np.abs(r) <= self.delta).astype(np.float64)

    def reweighted(self, r: FloatArray) -> FloatArray:
        """Weight psi(r)/r of reweighted least squares."""
        if self.kind == "squared":
            return np.full_like(r, 2.0)
        return np.asarray(self.delta / np.maximum(np.abs(r), self.delta))


def robust_scale(residuals: FloatArray, weights: FloatArray, n_parameters: int) -> float:
    """Standard deviation of the residuals' core: a normalised, weighted median of absolute values.

    Only the ratios of the weights matter. The factor sqrt(n/(n-p)), with n the number of runs that
    have weight, makes up for the fitted parameters.
    """
    size = np.abs(residuals)
    order = np.argsort(size)
    cumulative = np.cumsum(weights[order])
    total = cumulative[-1]
    # midpoint rule of the ordinary median when the cumulated weight hits one half exactly
    low = int(np.searchsorted(cumulative, 0.5 * total * (1 - 1e-12)))
    high = int(np.searchsorted(cumulative, 0.5 * total * (1 + 1e-12)))
    median = 0.5 * (size[order[low]] + size[order[min(high, len(order) - 1)]])
    n = max(int((weights > 0).sum()), n_parameters + 1)
    return float(median / _NORMAL_MEDIAN * np.sqrt(n / (n - n_parameters)))
