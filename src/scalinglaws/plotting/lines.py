"""Lines and bands that go beyond the runs, and their legend keys."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from scalinglaws.arrays import BoolArray, FloatArray

INK = "#31688e"  # of viridis
GREY = "0.35"
DASHED = (0, (4, 2.5))
DOTTED = (0, (1, 2))


def draw_line(ax: Axes, x: FloatArray, y: FloatArray, beyond: BoolArray, color: Any) -> None:
    """A line that is dashed beyond the runs."""
    ax.plot(x, y, color=color, linewidth=1.8, linestyle=DASHED, zorder=3)
    ax.plot(x, np.where(beyond, np.nan, y), color=color, linewidth=1.8, zorder=3)


def draw_band(ax: Axes, x: FloatArray, low: FloatArray, high: FloatArray, color: Any) -> bool:
    """The band between finite ends; whether there is one."""
    shown = np.isfinite(low) & np.isfinite(high)
    if not shown.any():
        return False
    ax.fill_between(x, low, high, where=shown, color=color, alpha=0.16, linewidth=0, zorder=2)
    return True


def extrapolated_key(color: Any) -> Line2D:
    """Legend key of the dashes."""
    return Line2D([], [], color=color, linewidth=1.8, linestyle=DASHED, label="extrapolated")


def interval_key(color: Any, level: float, kind: str = "interval") -> Patch:
    """Legend key of a band."""
    return Patch(color=color, alpha=0.2, linewidth=0, label=f"{100 * level:g} % {kind}")
