"""What is asked of the search and of the optimiser, and what they answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scalinglaws.arrays import BoolArray, FloatArray, IntArray
from scalinglaws.core.law import Law
from scalinglaws.fitting.solver.model import Model, Sums
from scalinglaws.fitting.solver.objective import Loss
from scalinglaws.options import ObjectiveName, ScaleName

# Logarithms of coefficients stay where exp neither over- nor underflows.
MOST_LOG = 690.0

_ROWWISE = ("theta", "value", "decrement", "converged")


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
    stopped : bool
        The search ended at its limit of work, and would have gone on.
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
    stopped: bool = False
    rivals: Rivals | None = None


# --- of the optimiser --------------------------------------------------------------------------


@dataclass(frozen=True)
class Minimisation:
    """What is minimised, from where, and how long: the arguments of `newton.minimise`.

    Attributes
    ----------
    owner : (batch,)
        Rows with one number, in rising order, agree among themselves; see `enough`.
    """

    model: Model
    loss: Loss
    start: FloatArray
    weights: FloatArray
    free: BoolArray
    lower: FloatArray
    upper: FloatArray
    amplitude: BoolArray
    shifts: FloatArray | None
    majorise: bool
    patient: bool
    tolerance: float
    max_iterations: int
    enough: int | None
    known: Sums | None
    owner: IntArray


@dataclass
class Solution:
    """Where each row of a batch ended.

    Attributes
    ----------
    theta : (batch, parameters)
        Working parameters.
    value : (batch,)
        Objective.
    decrement : (batch,)
        Decrease that one more Newton step promises, relative to the objective: the gradient in
        scaled units.
    converged : (batch,)
        The decrement is at rounding level, or the objective no longer falls.
    """

    theta: FloatArray
    value: FloatArray
    decrement: FloatArray
    converged: BoolArray

    def take(self, rows: npt.ArrayLike) -> Solution:
        """Some rows of the batch."""
        k = np.asarray(rows)
        return Solution(**{name: getattr(self, name)[k] for name in _ROWWISE})

    def joined(self, other: Solution) -> Solution:
        """The rows of both."""
        return Solution(
            **{n: np.concatenate([getattr(self, n), getattr(other, n)]) for n in _ROWWISE}
        )

    def put(self, rows: IntArray, other: Solution) -> None:
        """Replace some rows by those of another solution."""
        for name in _ROWWISE:
            getattr(self, name)[rows] = getattr(other, name)
