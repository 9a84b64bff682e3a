"""Axes, ticks such as 7B, 1.4T and 6e23, and legends shared by all plots."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis, XAxis
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

from scalinglaws.escaping import for_picture
from scalinglaws.numerals import format_compute, format_count, format_plain

LABELS = {
    "N": "parameters N",
    "D": "training tokens D",
    "C": "training compute C [FLOP]",
}
# Mantissas of the ticks, the coarsest first; the first set with enough ticks is taken.
_MANTISSAS = ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 5, 7))
_ENOUGH_TICKS = 4
_TICKS_PER_INCH = (1.5, 2.5)  # labels are wider than high
_SMALL = 3.2  # inches


def check_kind(name: str, given: object, kinds: type | tuple[type, ...], source: str) -> None:
    """Raise if an argument is of the wrong type, naming the function that returns the right one.

    Raises
    ------
    TypeError
        If `given` is none of the kinds.
    """
    if not isinstance(given, kinds):
        raise TypeError(f"`{name}` must be what {source} returns; got {given!r}.")


def new_axes() -> Axes:
    """Axes of a new figure, made without pyplot so that no global state changes."""
    import matplotlib.pyplot as plt

    _, ax = plt.subplots(figsize=(6.4, 4.2), layout="constrained")
    return ax


def figure_of(ax: Axes) -> Figure:
    """The figure that the axes are in."""
    figure: Figure = ax.figure.canvas.figure  # the root, also of nested subfigures
    return figure


def log_axis(axis: Axis, name: str | None, low: float, high: float) -> None:
    """Make one axis logarithmic over [low, high], with ticks such as 7B or 6e23.

    A range that is not positive gets a linear axis.
    """
    along_x = isinstance(axis, XAxis)
    if low <= 0:
        (axis.axes.set_xscale if along_x else axis.axes.set_yscale)("linear")
        (axis.axes.set_xlim if along_x else axis.axes.set_ylim)(low, high)
        return
    (axis.axes.set_xscale if along_x else axis.axes.set_yscale)("log")
    (axis.axes.set_xlim if along_x else axis.axes.set_ylim)(low, high)
    axis.set_major_locator(FixedLocator(_ticks(low, high, _most_ticks(axis, along_x=along_x))))
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())
    axis.set_major_formatter(FuncFormatter(lambda value, _: tick_text(name, value)))


def tick_text(name: str | None, value: float) -> str:
    """Tick label of a value of a variable; None stands for the performance."""
    if name in ("N", "D"):
        return format_count(value)
    if name == "C":
        return format_compute(value)
    return format_plain(value, 3)


def _most_ticks(axis: Axis, *, along_x: bool) -> int:
    """Largest number of labels that fit along the axis."""
    side = 0 if along_x else 1
    return max(3, int(_TICKS_PER_INCH[side] * inches(axis.axes)[side]))


def inches(ax: Axes) -> tuple[float, float]:
    """Width and height of the axes, as far as they are known before drawing."""
    width, height = figure_of(ax).get_size_inches()
    box = ax.get_position()
    return float(width * box.width), float(height * box.height)


def is_small(ax: Axes) -> bool:
    """A panel too narrow for long legends and for names beside points."""
    return inches(ax)[0] < _SMALL


def _ticks(low: float, high: float, most: int) -> list[float]:
    exponents = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    for mantissas in _MANTISSAS:
        ticks = [m * 10.0**e for e in exponents for m in mantissas]
        inside = [t for t in ticks if low <= t * (1 + 1e-9) and t <= high * (1 + 1e-9)]
        if len(inside) >= min(_ENOUGH_TICKS, most):
            return inside[:: int(np.ceil(len(inside) / most))]
    return _even_ticks(low, high)


def _even_ticks(low: float, high: float) -> list[float]:
    """Round numbers at equal steps: over less than a decade they are easier to read."""
    rough = (high - low) / 5
    size = 10.0 ** np.floor(np.log10(rough))
    step = min((m * size for m in (1, 2, 5, 10)), key=lambda s: abs(s - rough))
    first = np.ceil(low / step - 1e-9)
    return [float(f"{k * step:.10g}") for k in np.arange(first, np.floor(high / step + 1e-9) + 1)]


def label_of(variable: str, column: str) -> str:
    """Axis label of a variable, with the table's column name if it differs."""
    text = LABELS.get(variable, variable)
    return for_picture(text if column in (variable, text) else f"{text} ({column})")


def quiet_frame(ax: Axes) -> None:
    """A light grid behind the data, and no box."""
    ax.grid(visible=True, which="major", color="0.9", linewidth=0.6)
    ax.set_axisbelow(True)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)


def add_legend(ax: Axes, handles: list[Any]) -> None:
    """A legend at the best location, small in a small panel."""
    ax.legend(
        handles=handles, loc="best", fontsize=5.5 if is_small(ax) else 8,
        handlelength=1.6 if is_small(ax) else 2.2,
        frameon=True, framealpha=0.75, edgecolor="none",
    )  # fmt: skip


def add_legend_above(ax: Axes, handles: list[Any]) -> None:
    """A one-line legend above the panel, for panels without free space."""
    ax.legend(
        handles=handles, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=len(handles),
        fontsize=5.5 if is_small(ax) else 8, handlelength=1.6, columnspacing=1.2,
        borderaxespad=0.2, frameon=False,
    )  # fmt: skip


def padded(low: float, high: float, share: float = 0.04) -> tuple[float, float]:
    """The range with a margin, in logarithms where it is positive."""
    if low <= 0:
        room = share * (high - low)
        return low - room, high + room
    margin = (high / low) ** share if high > low else 1.3
    return low / margin, high * margin
