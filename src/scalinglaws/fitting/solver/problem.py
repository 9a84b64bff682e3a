"""What is asked of the search, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from scalinglaws.arrays import BoolArray, FloatArray
from scalinglaws.core.law import Law
from scalinglaws.options import ObjectiveName, ScaleName

# Logarithms of coefficients stay where exp neither over- nor underflows.
MOST_LOG = 690.0


@dataclass(frozen=True)
class Problem:
    """Everything the search needs: a law bound to columns, what is minimised, what may move."""

    law: Law
    columns: Mapping[str, FloatArray]
    y: FloatArray
    weights: FloatArray
    scale: ScaleName
    objective: ObjectiveName
    delta: float | None  # None: taken from the residuals' own scale
    fixed: Mapping[str, float]  # natural values
    start: Mapping[str, float] | None = None

    @property
    def positive(self) -> BoolArray:
        """Which parameters are worked on as logarithms."""
        return np.array([p.positive for p in self.law.parameters])

    @property
    def amplitudes(self) -> BoolArray:
        """Coefficients worked on as logarithms in which the law itself is linear."""
        return np.array([p.positive and p.linear for p in self.law.parameters])

    @property
    def movable(self) -> BoolArray:
        """Which parameters are not fixed."""
        return np.array([name not in self.fixed for name in self.law.parameter_names])

    def bounds(self) -> tuple[FloatArray, FloatArray]:
        """Bounds on the working parameters."""
        low = np.array([p.lower for p in self.law.parameters])
        high = np.array([p.upper for p in self.law.parameters])
        with np.errstate(divide="ignore", invalid="ignore"):
            low = np.where(self.positive, np.maximum(np.log(low), -MOST_LOG), low)
            high = np.where(self.positive, np.minimum(np.log(high), MOST_LOG), high)
        return low, high


@dataclass(frozen=True)
class Rivals:
    """Other minima that are nearly as low: working parameters, and which of them moved."""

    theta: FloatArray
    free: BoolArray


@dataclass(frozen=True)
class Estimate:
    """The best minimum and how it was reached.

    Attributes
    ----------
    theta : working parameters; a coefficient at zero is minus infinity
    free : parameters that the data determined (not fixed, not at zero or without effect)
    value : objective, summed over the runs with their weights
    delta : Huber threshold used, or None
    converged : bool
    n_starts, n_agreeing, n_minima : int
        Starting points with the same terms at work, how many of them ended at the best minimum,
        and the distinct minima among those.
    decrement : float
        Relative decrease that a further step promises.
    curvature : float
        Smallest eigenvalue of the Hessian of what moved, scaled to a unit diagonal; NaN where
        there is none, as with absolute deviations.
    alternatives : (fits, parameters)
        Natural values of other minima that are equally low and divide the law otherwise.
    rivals : Rivals or None
        Minima of any kind that are nearly as low, for the search on a sample of a larger table.
    """

    theta: FloatArray
    free: BoolArray
    value: float
    delta: float | None
    converged: bool
    n_starts: int
    n_agreeing: int
    n_minima: int
    decrement: float
    alternatives: FloatArray
    curvature: float = np.nan
    rivals: Rivals | None = None
