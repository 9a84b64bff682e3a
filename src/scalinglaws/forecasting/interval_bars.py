"""Intervals as text, one above the other on a common scale."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np

from scalinglaws.numerals import format_plain

_MARKS = ("├", "─", "●", "┤")
_ASCII = ("|", "-", "o", "|")


def interval_bars(
    rows: Sequence[tuple[float, float, float]], width: int = 30
) -> tuple[str, list[str]]:
    """The ends of the scale, and a bar for each (low, estimate, high).

    The scale is logarithmic where all numbers are positive. Rows that are not finite are empty;
    ends beyond ten times the span of the estimates are cut off.

    Examples
    --------
    >>> _, bars = interval_bars([(1.0, 2.0, 4.0), (2.0, 3.0, 4.0)], width=13)
    >>> [bar.translate(str.maketrans("├─●┤", "|-o|")) for bar in bars]
    ['|-----o-----|', '      |---o-|']
    """
    known = np.array([row for row in rows if np.isfinite(row[1])], dtype=np.float64)
    if not len(known):
        return " " * width, [" " * width for _ in rows]
    logs = bool((known[np.isfinite(known)] > 0).all())
    scaled = np.log(known) if logs else known
    middle = scaled[:, 1]
    room = 10 * max(float(np.ptp(middle)), 0.02 * (1.0 if logs else abs(float(middle[0]))))
    low = max(float(scaled.min()), float(middle.min()) - room)
    high = min(float(scaled.max()), float(middle.max()) + room)
    first, last = (format_plain(float(np.exp(end)) if logs else end, 3) for end in (low, high))
    scale = first + last.rjust(width - len(first))

    def place(value: float) -> int:
        value = np.log(value) if logs else value
        share = (min(max(value, low), high) - low) / (high - low) if high > low else 0.5
        return round(share * (width - 1))

    return scale, [
        _bar([place(value) for value in row], width) if np.isfinite(row[1]) else " " * width
        for row in rows
    ]


def _bar(places: list[int], width: int) -> str:
    low, estimate, high = places
    left, line, dot, right = _marks()
    cells = [" "] * width
    cells[low : high + 1] = [line] * (high + 1 - low)
    cells[low], cells[high] = left, right
    cells[estimate] = dot
    return "".join(cells)


def _marks() -> tuple[str, str, str, str]:
    """ASCII where the terminal has nothing better."""
    try:
        "".join(_MARKS).encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError, AttributeError):
        return _ASCII
    return _MARKS
