"""Lines, bands and points, drawn alike in every picture."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.patheffects import Normal, withStroke

from scalinglaws.arrays import BoolArray, FloatArray
from scalinglaws.plotting.style import DASHED, DOTTED, style_of

# Widths of lines in points: what a picture is about, others, and those of more than nine.
SUBJECT, CURVE, HAIR = 2.0, 1.6, 0.8
_CASING = 1.0  # points of ground on each side of a line that lies on a band
_BAND = 0.16  # opacity of the band of one curve of many
_CLOUD = 1500  # more runs lie under the curves
_HELD_OUT, _MINIMUM, _CHOSEN = 46.0, 30.0, 34.0  # areas of points, pt²


def draw_line(
    ax: Axes,
    x: FloatArray,
    y: FloatArray,
    beyond: BoolArray,
    colour: Any,
    *,
    width: float = SUBJECT,
    casing: bool = False,
    **line: Any,
) -> None:
    """A line that is dashed beyond the runs, from the largest run on.

    With `casing`, the edges of the dashes are of the colour of the ground, so that they stand out
    on a band; within the runs these would hide points.
    """
    style = style_of(ax)
    options = {"color": colour, "linewidth": width * style.line, "zorder": 3, **line}
    stroke = withStroke(linewidth=options["linewidth"] + 2 * _CASING, foreground=style.background)
    beyond = np.asarray(beyond, dtype=np.bool_)
    edges = [0, *(np.flatnonzero(np.diff(beyond)) + 1), len(x)]
    for first, end in pairwise(edges):
        dashed = bool(beyond[first])  # dashes begin at the last point within the runs
        part = slice(max(first - 1, 0), end + 1) if dashed else slice(first, end)
        look: dict[str, Any] = {"linestyle": DASHED if dashed else "-", "dash_capstyle": "butt"}
        if casing and dashed:
            look["path_effects"] = [stroke, Normal()]
        ax.plot(x[part], y[part], **{**look, **options})


def draw_band(
    ax: Axes, x: FloatArray, low: FloatArray, high: FloatArray, colour: Any, *, opaque: bool = False
) -> bool:
    """The band between finite ends; whether there is one."""
    shown = np.isfinite(low) & np.isfinite(high)
    if not shown.any():
        return False
    opacity = 1.0 if opaque else _BAND
    ax.fill_between(x, low, high, where=shown, color=colour, alpha=opacity, linewidth=0, zorder=2)
    return True


def draw_runs(
    ax: Axes, x: FloatArray, y: FloatArray, colours: Any, *, n: int | None = None, **point: Any
) -> None:
    """Runs as points, whose size depends on how many there are."""
    style, n = style_of(ax), len(x) if n is None else n
    area = style.area(n)
    options: dict[str, Any] = {"s": area, "linewidths": 0, "zorder": 4}
    if n <= 40:
        options |= {"linewidths": 0.6, "edgecolors": style.background}
    if n > _CLOUD:
        options |= {"zorder": 1.5, "rasterized": True}
    many = isinstance(colours, list | np.ndarray) and len(colours) == len(x)
    ax.scatter(x, y, c=colours if many else [colours], **(options | point))


def draw_held_out(ax: Axes, x: FloatArray, y: FloatArray, colours: Any) -> None:
    """Runs that were kept out of the fit: hollow circles."""
    style = style_of(ax)
    ax.scatter(x, y, s=_HELD_OUT * style.point, facecolors=style.background, edgecolors=colours,
               linewidths=1.8 * style.line, zorder=6)  # fmt: skip


def draw_minima(ax: Axes, x: npt.ArrayLike, y: npt.ArrayLike) -> None:
    """Minima: hollow diamonds."""
    style = style_of(ax)
    ax.scatter(x, y, marker="D", s=_MINIMUM * style.point, facecolors=style.background,
               edgecolors=style.ink, linewidths=1.2 * style.line, zorder=6)  # fmt: skip


def draw_interval(
    ax: Axes, x: float, y: float, low: float, high: float, *, upright: bool = True
) -> None:
    """What was chosen, with its interval: a bar of ink and a dot."""
    style = style_of(ax)
    across = ([x, x], [low, high]) if upright else ([low, high], [y, y])
    if np.isfinite(across).all():
        ax.plot(*across, color=style.ink, linewidth=2.4 * style.line, solid_capstyle="butt",
                zorder=7)  # fmt: skip
    ax.scatter(x, y, s=_CHOSEN * style.point, color=style.ink, edgecolors=style.background,
               linewidths=1.0, zorder=8)  # fmt: skip


def draw_guide(ax: Axes, x: npt.ArrayLike, y: npt.ArrayLike, colour: Any = None) -> None:
    """A thin dotted line: a limit, a level, a locus."""
    style = style_of(ax)
    ax.plot(x, y, color=style.muted if colour is None else colour, linewidth=0.9 * style.line,
            linestyle=DOTTED, zorder=2.5)  # fmt: skip
