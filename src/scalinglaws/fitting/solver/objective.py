"""What is minimised: a loss of each residual, summed with weights.

``squared``  r^2;  ``huber``  r^2/2 inside delta, delta*(|r| - delta/2) outside;  ``absolute``  |r|.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from scalinglaws.arrays import BUFFERS, FloatArray
from scalinglaws.options import ObjectiveName

# 95 % efficient for normal noise (Huber 1964)
HUBER_FACTOR = 1.345
NORMAL_MEDIAN = 0.6744897501960817  # of |standard normal|


@dataclass(frozen=True)
class Loss:
    """A loss function; `delta` is the Huber threshold, infinite for least squares.

    Rows of a batch may each have a threshold, in an array of shape (batch, 1).
    """

    kind: Literal["squared", "huber"]
    delta: float | FloatArray = np.inf

    @property
    def has_kinks(self) -> bool:
        """Its second derivative jumps, so that a Newton step may overshoot."""
        return self.kind == "huber"

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

    def weighted(
        self,
        r: FloatArray,
        weights: FloatArray,
        slope: FloatArray,
        outer: FloatArray,
        *,
        majorise: bool,
    ) -> FloatArray:
        """Weighted loss summed over the runs; its derivatives are written to `slope` and `outer`.

        Parameters
        ----------
        r : (batch, rows)
        weights : (batch, rows) or (1, rows)
        slope : (batch, rows)
            Receives the weighted psi.
        outer : (batch, rows)
            Receives the weighted second derivative or, to `majorise`, the weight psi(r)/r of
            reweighted least squares.
        """
        if self.kind == "squared":
            np.multiply(weights, r, out=slope)
            value: FloatArray = np.einsum("bn,bn->b", slope, r)
            slope *= 2.0
            np.multiply(weights, 2.0, out=outer)
            return value
        psi = np.clip(r, -self.delta, self.delta, out=outer)
        np.multiply(weights, psi, out=slope)
        # psi (r - psi/2) is the loss inside and outside
        value = np.einsum("bn,bn->b", slope, r)
        value -= 0.5 * np.einsum("bn,bn->b", slope, psi)
        if majorise:
            np.abs(r, out=outer)
            np.maximum(outer, self.delta, out=outer)
            np.divide(self.delta, outer, out=outer)
            outer *= weights
        else:
            np.equal(psi, r, out=outer)
            outer *= weights
        return value

    def slope_along(
        self, r: FloatArray, change: FloatArray, weights: FloatArray, t: FloatArray
    ) -> FloatArray:
        """Derivative in t of the weighted loss of ``r + t * change``, one t for each batch row."""
        moved = np.multiply(change, t[:, None], out=BUFFERS.like("moved", change))
        moved += r
        if self.kind == "squared":
            moved *= 2.0
        else:
            np.clip(moved, -self.delta, self.delta, out=moved)
        moved *= change
        return _weighted_sum(moved, weights)


def _weighted_sum(values: FloatArray, weights: FloatArray) -> FloatArray:
    if len(weights) == 1:
        return np.asarray(values @ weights[0])
    return np.asarray(np.einsum("bn,bn->b", values, weights))


def smooth_loss(objective: ObjectiveName, delta: float | None, noise: float) -> Loss:
    """The loss of an objective; absolute deviations as the Huber loss that is next to them."""
    if objective == "squared":
        return Loss("squared")
    return Loss("huber", delta or 1e-2 * max(noise, 1e-300))


def robust_scale(
    residuals: FloatArray, weights: FloatArray, n_parameters: int, *, overwrite: bool = False
) -> float:
    """Standard deviation of the residuals' core: a normalised, weighted median of absolute values.

    About as many residuals as parameters are next to zero by construction: that many of the
    smallest take no part. Only the ratios of the weights matter.
    """
    sizes = np.abs(residuals, out=residuals if overwrite else None)
    used = weights > 0
    if not used.all():
        sizes, weights = sizes[used], weights[used]
    n_small = max(0, min(n_parameters, len(sizes) - 1))
    return weighted_median(sizes, weights, n_small) / NORMAL_MEDIAN


def is_constant(weights: FloatArray) -> bool:
    """Whether every run counts the same."""
    return weights.strides == (0,) or bool(np.ptp(weights) == 0.0)


def weighted_median(values: FloatArray, weights: FloatArray, n_small: int = 0) -> float:
    """Median under weights, by the midpoint rule where one half is hit exactly.

    So many of the smallest values take no part. `values` is overwritten.
    """
    n = len(values)
    if is_constant(weights):
        middle = n_small + (n - n_small) // 2
        values.partition(middle)
        upper = values[middle]
        lower = upper if (n - n_small) % 2 else values[:middle].max()
        return float(0.5 * (lower + upper))
    order = np.argsort(values)
    cumulative = np.cumsum(weights[order])
    half = 0.5 * (cumulative[-1] + (cumulative[n_small - 1] if n_small else 0.0))
    first = np.searchsorted(cumulative, half * (1 - 1e-12))
    last = np.searchsorted(cumulative, half * (1 + 1e-12))
    ends = values[order[[min(int(k), n - 1) for k in (first, last)]]]
    return float(0.5 * (ends[0] + ends[1]))
