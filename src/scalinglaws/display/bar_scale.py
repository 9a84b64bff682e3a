"""The common scale of interval bars."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scalinglaws.display.card import Bars, Interval
from scalinglaws.numerals import format_plain, format_variable

_ROOM = 10.0  # ends beyond so many times the span of the estimates, or a usual width, are cut
_STEPS = (1.0, 2.0, 5.0)
_MOST_TICKS = 4
_READABLE = 1e4  # numbers from here on are written as 10K


@dataclass(frozen=True)
class Scale:
    """Where numbers lie between the ends, as a share; logarithmic where all are positive."""

    low: float
    high: float
    logarithmic: bool

    @property
    def low_text(self) -> str:
        """The lower end, as it is written."""
        return write_tick(self._back(self.low))

    @property
    def high_text(self) -> str:
        """The upper end, as it is written."""
        return write_tick(self._back(self.high))

    def shows(self, interval: Interval) -> bool:
        """Whether there is something to draw."""
        return bool(np.isfinite(interval.estimate))

    def places(self, interval: Interval) -> tuple[float, float, float]:
        """Shares of the low end, the estimate and the high end, each from 0 to 1."""
        low, high = (
            end if np.isfinite(end) or np.isinf(end) else interval.estimate
            for end in (interval.low, interval.high)
        )
        return self.place(low), self.place(interval.estimate), self.place(high)

    def place(self, value: float) -> float:
        """Share of the way from the low to the high end; what lies beyond is at the end."""
        with np.errstate(divide="ignore", invalid="ignore"):
            scaled = float(np.log(max(value, 0.0))) if self.logarithmic else value
        if self.high <= self.low:
            return 0.5
        return (min(max(scaled, self.low), self.high) - self.low) / (self.high - self.low)

    def ticks(self) -> list[float]:
        """At most four round numbers between the ends."""
        low, high = self._back(self.low), self._back(self.high)
        if self.logarithmic and low > 0 and high / low > 4:
            tens = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
            for steps in (_STEPS, (1.0, 3.0), (1.0,)):
                found = np.sort(np.outer(tens, steps).ravel())
                inside = found[(found >= low) & (found <= high)]
                if len(inside) <= _MOST_TICKS:
                    return [float(v) for v in inside]
            return [float(v) for v in inside[:: -(-len(inside) // _MOST_TICKS)]]
        if not high > low:
            return []
        return even_ticks(low, high, _MOST_TICKS)

    def _back(self, value: float) -> float:
        return float(np.exp(value)) if self.logarithmic else value


def even_ticks(low: float, high: float, most: int) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten, in at most so many steps.

    Examples
    --------
    >>> even_ticks(0.0, 1.0, 4)
    [0.0, 0.5, 1.0]
    """
    rough = (high - low) / most
    unit = 10.0 ** np.floor(np.log10(rough))
    step = next(unit * s for s in (*_STEPS, 10.0) if unit * s >= rough)
    first, last = np.ceil(low / step - 1e-9), np.floor(high / step + 1e-9)
    return [float(f"{k * step:.10g}") + 0.0 for k in np.arange(first, last + 1)]  # no -0


def bar_scale(bars: Bars) -> Scale:
    """A scale that holds all bars, and cuts ends that are far out.

    Examples
    --------
    >>> bars = Bars((Interval("a", 1.0, 2.0, 4.0), Interval("b", 2.0, 3.0, 4.0)))
    >>> scale = bar_scale(bars)
    >>> [round(place, 2) for place in scale.places(bars.intervals[1])]
    [0.5, 0.79, 1.0]
    """
    known = np.array(
        [(i.low, i.estimate, i.high) for i in bars.intervals if np.isfinite(i.estimate)]
    ).reshape(-1, 3)
    finite = known[np.isfinite(known)]
    if not len(finite):
        return Scale(0.0, 0.0, False)
    logarithmic = bool((finite > 0).all())
    with np.errstate(invalid="ignore"):
        scaled, ends = (np.log(v) if logarithmic else v for v in (finite, known))
    middle, widths = ends[:, 1], (ends[:, 2] - ends[:, 0])
    usual = float(np.median(widths[np.isfinite(widths)])) if np.isfinite(widths).any() else 0.0
    room = _ROOM * max(float(np.ptp(middle)), usual)
    low = max(float(scaled.min()), float(middle.min()) - room)
    high = min(float(scaled.max()), float(middle.max()) + room)
    return Scale(low, high, logarithmic)


def write_tick(value: float) -> str:
    """A number at the scale, in three digits: 2.02, 140B, 1e24."""
    return format_variable("", value) if abs(value) >= _READABLE else format_plain(value, 3)
