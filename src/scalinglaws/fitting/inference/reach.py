"""Where a prediction along one variable comes to a value: the inverse of `predict`, with interval.

The interval inverts the confidence interval of the curve (Fieller 1954, J. R. Stat. Soc. B 16). It
begins at the last x at which the near end has not reached the value, and ends at the first at which
the far end has. For a monotone curve it covers as often as the interval of the curve does. It has
no upper end where the curve may never reach the value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import brentq

from scalinglaws.arrays import FloatArray
from scalinglaws.display import Card, Displayed
from scalinglaws.display.plan_columns import plan_table
from scalinglaws.fitting.tables.points import to_values
from scalinglaws.numerals import format_level, format_plain, format_variable, plural

# From x to the estimate and both ends of the interval of the curve, each in the shape of x.
Curve = Callable[[FloatArray], tuple[FloatArray, FloatArray, FloatArray]]

_LARGEST = 1e300  # instead of infinite differences, from which no secant can be drawn
_COLUMNS = ("value", "estimate", "low", "high", "times_beyond")


@dataclass(frozen=True, repr=False)
class Reach(Displayed):
    """Where a prediction comes to a value; numbers have the shape of `value`.

    Attributes
    ----------
    variable : "C" for runs of growing compute, else the variable that was left open
    target : name of the performance
    value : of the performance
    estimate : the variable where the prediction comes to the value; infinite if it does not up to
        `most`, zero if it has at `least`
    low, high : the same for the ends of the confidence interval (curve); NaN without one
    times_beyond : extrapolation factor at the estimate; NaN without runs
    least, most : range of the variable that was looked at; zero and infinity for all of it
    confidence_level : level of the interval
    """

    variable: str
    target: str
    value: Any
    estimate: Any
    low: Any
    high: Any
    times_beyond: Any
    least: float
    most: float
    confidence_level: float

    def to_frame(self) -> pd.DataFrame:
        """One row for each value.

        Returns
        -------
        DataFrame
            A column for each field.
        """
        return pd.DataFrame({name: np.ravel(getattr(self, name)) for name in _COLUMNS})

    def _card(self) -> Card:
        if np.ndim(self.value):
            return self._card_of_many()
        text = f"{self.target} {format_plain(self.value)} is {self._where}"
        if np.isfinite(self.low) and self.high > 0:
            level = format_level(self.confidence_level)
            text += f" ({level}: {self._written(self.low)} to {self._written(self.high)})"
        return Card(text)

    def _card_of_many(self) -> Card:
        """The first and the last value, and all of them as a table."""
        names = {"estimate": self.variable, "low": f"{self.variable}_low"}
        names["high"] = f"{self.variable}_high"
        frame = self.to_frame().rename(columns=names)
        table = plan_table(
            frame, self.confidence_level, titles={"value": self.target}, upright=False
        )  # fmt: skip
        count = plural(len(frame), "value")
        return Card(f"{self.variable} at which {self.target} reaches {count}.", tables=(table,))

    @property
    def _where(self) -> str:
        if self.estimate == 0 == self.least:
            return f"reached at any {self.variable}"
        if np.isfinite(self.estimate):
            return f"reached at {self.variable} {self._written(self.estimate)}"
        if np.isinf(self.most):
            return f"not reached at any {self.variable}"
        return f"not reached up to {self.variable} {self._written(self.most)}"

    def _written(self, x: float) -> str:
        if np.isinf(x):
            return "infinity" if np.isinf(self.most) else f"beyond {self._written(self.most)}"
        if x == 0 < self.least:
            return f"below {self._written(self.least)}"
        return format_variable(self.variable, x, 2)


def stacked_reaches(found: Mapping[Any, Reach], column: str) -> pd.DataFrame:
    """Several of the same values, below one another; the index has the name of each and value."""
    frames = {name: each.to_frame().set_index("value") for name, each in found.items()}
    together: pd.DataFrame = pd.concat(frames, names=[column])
    return together


def find_reach(
    curve: Curve,
    x: FloatArray,
    value: Any,
    *,
    limits: tuple[float, float] | None = None,
    falls: bool,
    times_beyond: Callable[[FloatArray], FloatArray] | None,
    variable: str,
    target: str,
    confidence_level: float,
) -> Reach:
    """Where a curve comes to a value, or several.

    Parameters
    ----------
    curve : from values of the variable to estimate and ends
    x : where to look, increasing; the crossings are then found to rounding
    value : as given by the user
    limits : `least` and `most` of the result; by default the ends of x
    falls : whether the performance falls with the variable
    times_beyond : extrapolation factor of finite, positive values of the variable; None without
        runs

    Raises
    ------
    ValueError
        If a value is no finite number.
    """
    values = to_values("`value`", value)
    if not np.isfinite(values).all():
        raise ValueError(f"`value` must be finite; got {values[~np.isfinite(values)].ravel()[0]}.")
    least, most = (float(x[0]), float(x[-1])) if limits is None else limits
    lines = curve(x)
    near, far = (1, 2) if falls else (2, 1)  # the end that comes to the value first, and last
    found = np.array([
        [_crossing(curve, line, lines[line], x, wanted, falls=falls, last=line == near)
         for line in (0, near, far)]
        for wanted in values.ravel()
    ]).reshape(-1, 3)  # fmt: skip
    beyond = np.full(len(found), np.nan) if times_beyond is None else found[:, 0].copy()
    known = np.isfinite(beyond) & (beyond > 0)
    if times_beyond is not None and known.any():
        beyond[known] = times_beyond(beyond[known])

    def shaped(column: npt.NDArray[Any]) -> Any:
        return column.reshape(values.shape) if values.shape else float(column[0])

    return Reach(
        variable, target, shaped(values.ravel()), shaped(found[:, 0]), shaped(found[:, 1]),
        shaped(found[:, 2]), shaped(beyond), least, most, confidence_level,
    )  # fmt: skip


def _crossing(
    curve: Curve, line: int, y: FloatArray, x: FloatArray, wanted: float, *, falls: bool, last: bool
) -> float:
    """The first or the last x at which a line of the curve comes to a value."""
    if np.isnan(y).all():
        return float("nan")
    if last:
        short = np.flatnonzero(y > wanted if falls else y < wanted)
        k = int(short[-1]) + 1 if len(short) else 0
    else:
        there = np.flatnonzero(y <= wanted if falls else y >= wanted)
        k = int(there[0]) if len(there) else len(x)
    if k in (0, len(x)):
        return 0.0 if k == 0 else float("inf")

    def above(log_x: float) -> float:
        height = curve(np.exp(np.array([log_x])))[line][0]
        return float(np.clip(height - wanted, -_LARGEST, _LARGEST))

    low, high = np.log(x[k - 1]), np.log(x[k])
    if not above(low) * above(high) <= 0:  # undefined at one end, or a rounding apart
        return float(x[k])
    return float(np.exp(brentq(above, low, high)))
