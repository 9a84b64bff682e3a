"""How much compute, or data, until a forecast reaches a value: its inverse, with an interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scalinglaws.arrays import FloatArray
from scalinglaws.display import Card, Displayed
from scalinglaws.forecasting.outlook import Outlook
from scalinglaws.numerals import format_plain, format_variable


@dataclass(frozen=True, repr=False)
class Reach(Displayed):
    """Where a forecast reaches a value.

    Attributes
    ----------
    variable : "C" for runs of growing compute, or the variable of a curve
    value : of the metric
    estimate : value of the variable at which the forecast reaches it; infinite if not within `most`
    low, high : the same for the ends of the interval of the curve; infinite likewise
    most : largest value of the variable that was looked at
    confidence_level : level of the interval
    """

    variable: str
    target: str
    value: float
    estimate: float
    low: float
    high: float
    most: float
    confidence_level: float

    def _card(self) -> Card:
        def written(x: float) -> str:
            if np.isinf(x):
                return f"beyond {written(self.most)}"
            return format_variable(self.variable, float(f"{x:.2g}"))

        level = f"{100 * self.confidence_level:g} %"
        text = f"{self.target} {format_plain(self.value)} is "
        if np.isinf(self.estimate):
            text += f"not reached up to {self.variable} {written(self.most)}"
        else:
            text += f"reached at {self.variable} {written(self.estimate)}"
        if not np.isinf(self.low):
            text += f" ({level}: {written(self.low)} to {written(self.high)})"
        return Card(text)


def find_reach(found: Outlook, x: FloatArray, value: float, variable: str, falls: bool) -> Reach:
    """Read it off a forecast along x, by linear interpolation of logarithms."""
    early, late = ("curve_low", "curve_high") if falls else ("curve_high", "curve_low")
    low, middle, high = (
        _first(np.asarray(getattr(found, name)), x, value, falls)
        for name in (early, "estimate", late)
    )
    return Reach(
        variable, found.target, value, middle, low, high, float(x[-1]), found.confidence_level
    )


def _first(y: FloatArray, x: FloatArray, value: float, falls: bool) -> float:
    """The first x at which y has come to a value; infinite if it does not."""
    there = y <= value if falls else y >= value
    if not there.any():
        return float("inf")
    k = int(np.argmax(there))
    if k == 0:
        return float(x[0])
    share = (value - y[k - 1]) / (y[k] - y[k - 1])
    return float(np.exp(np.log(x[k - 1]) + share * np.log(x[k] / x[k - 1])))
