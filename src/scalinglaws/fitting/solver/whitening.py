"""Runs that are points of one curve: what each of them adds to the one before it.

The residuals of neighbouring checkpoints are alike. If they follow an Ornstein-Uhlenbeck process in
x (its correlation is exp(-|x - x'|/length)), each residual less its share of the previous one is
independent of all earlier ones: the inverse covariance is tridiagonal, and whitening is one
subtraction a run.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scalinglaws.arrays import FloatArray, IntArray


@dataclass(frozen=True)
class Whitening:
    """Residual r_i becomes ``(r_i - share_i * r_previous(i)) * scale_i``.

    Attributes
    ----------
    previous : (rows,)
        Row of the point before it on its curve; its own row for the first point.
    following : (rows,)
        Row of the point after it; its own row for the last point.
    share : (rows,)
        Correlation with the previous point; zero for the first.
    """

    previous: IntArray
    following: IntArray
    share: FloatArray

    @classmethod
    def ornstein_uhlenbeck(cls, curve: IntArray, x: FloatArray, length: float) -> Whitening:
        """Correlation exp(-|x - x'|/length) within each curve, none between curves.

        Parameters
        ----------
        curve : (rows,)
            A number for each curve.
        x : (rows,)
            Where on its curve a point is, such as the logarithm of the tokens; points of one curve
            differ.
        length : float
            In the unit of x.
        """
        rows = np.arange(len(x))
        order = np.lexsort((x, curve))
        same = curve[order][1:] == curve[order][:-1]
        previous, following = rows.copy(), rows.copy()
        previous[order[1:][same]] = order[:-1][same]
        following[order[:-1][same]] = order[1:][same]
        share = np.where(previous == rows, 0.0, np.exp(-np.abs(x - x[previous]) / length))
        return cls(previous, following, share)

    @property
    def scale(self) -> FloatArray:
        """Brings every whitened residual to the variance of the process."""
        return np.asarray(1.0 / np.sqrt(1.0 - self.share**2))

    def apply(self, values: FloatArray) -> FloatArray:
        """Whiten along the last axis."""
        return np.asarray((values - self.share * values[..., self.previous]) * self.scale)

    def transpose(self, values: FloatArray) -> FloatArray:
        """The transposed map, along the last axis."""
        scaled = values * self.scale
        handed = scaled * self.share
        has_next = self.following != np.arange(len(self.share))
        return np.asarray(scaled - np.where(has_next, handed[..., self.following], 0.0))
