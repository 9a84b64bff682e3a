"""Weak knowledge of the parameters: a normal prior is a square added to the objective."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scalinglaws.arrays import FloatArray


@dataclass(frozen=True)
class Penalty:
    """Adds ``sum(strength * (theta - centre)**2)`` to the objective of each row of a batch.

    A normal prior of standard deviation s on a parameter, beside runs of noise sigma, has the
    strength (sigma/s)^2 for least squares and half of that for the Huber loss. It is a prior on
    the working parameter: on the logarithm of a coefficient.

    Attributes
    ----------
    centre, strength : (parameters,)
        A strength of zero leaves a parameter alone.
    """

    centre: FloatArray
    strength: FloatArray

    def add_to(
        self, theta: FloatArray, value: FloatArray, gradient: FloatArray, hessian: FloatArray
    ) -> None:
        """Add the penalty and its derivatives."""
        away = np.where(self.strength > 0, theta - self.centre, 0.0)
        value += (self.strength * away * away).sum(axis=1)
        gradient += 2.0 * self.strength * away
        np.einsum("bii->bi", hessian)[...] += 2.0 * self.strength
