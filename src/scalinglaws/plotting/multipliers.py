"""Plot of the compute saved by one recipe relative to another."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from scalinglaws.arrays import FloatArray
from scalinglaws.escaping import for_picture
from scalinglaws.planning.compute_multiplier import Gain, Gains
from scalinglaws.plotting.axes import (
    add_legend,
    check_kind,
    log_axis,
    new_axes,
    padded,
    quiet_frame,
)
from scalinglaws.plotting.lines import DASHED, GREY, INK, extrapolated_key, interval_key

_FEW = 12  # budgets, each of which is marked where a gain is drawn


def plot_gain(found: Gain | Gains, *, ax: Axes | None = None, legend: bool = True) -> Axes:
    """Plot the compute multiplier of a recipe against the compute of the baseline.

    Parameters
    ----------
    found : Gain or Gains
        Result for one recipe, or for several with the same baseline.
    ax : Axes, optional
        Axes to draw in; by default those of a new figure.
    legend : bool, default True
        Whether to draw a legend.

    Returns
    -------
    Axes

    Examples
    --------
    >>> import scalinglaws as sl
    >>> runs = sl.datasets.ladder()
    >>> fit = sl.fit(runs[runs["D"] > 1.5e6], "kaplan")
    >>> ax = plot_gain(sl.gain(fit, fit, C=[1e12, 1e13]))
    """
    check_kind("found", found, (Gain, Gains), "sl.gain or sl.compare_recipes")
    ax = new_axes() if ax is None else ax
    several = found if isinstance(found, Gains) else {"gain": found}
    shades = mpl.colormaps["viridis"](np.linspace(0.1, 0.75, len(several)))
    colours = shades if len(several) > 1 else [INK]
    handles: list[Any] = []
    heights, across, beyond, banded = [np.ones(1)], [], False, False
    for (name, own), colour in zip(several.items(), colours, strict=True):
        C, seen, goes_beyond, has_band = _draw_gain(ax, own, colour)
        across.append(C)
        heights.append(seen)
        beyond, banded = beyond or goes_beyond, banded or has_band
        handles.append(
            Line2D(
                [], [], color=colour, linewidth=1.8, label=for_picture(f"{name}, {own.direction}")
            )
        )
    ax.axhline(1.0, color=GREY, linewidth=0.9, zorder=1)
    budgets, shown = np.concatenate(across), np.concatenate(heights)
    variable = next(iter(several.values())).variable
    log_axis(ax.xaxis, variable, *(padded(budgets.min(), budgets.max())))
    log_axis(ax.yaxis, None, *padded(shown.min(), shown.max(), 0.08))
    one = len(several) == 1
    first = "the first recipe" if isinstance(found, Gain) else for_picture(str(found.baseline))
    is_compute = variable == "C"
    ax.set_xlabel(f"{'compute' if is_compute else variable} of {first}{' [FLOP]' * is_compute}")
    ax.set_ylabel(f"{'compute' if is_compute else variable} multiplier")
    quiet_frame(ax)
    if legend:
        tone = INK if one else GREY
        if beyond:
            handles.append(extrapolated_key(tone))
        if banded:
            level = next(iter(several.values())).confidence_level
            handles.append(interval_key(tone, level))
        add_legend(ax, handles)
    return ax


def _draw_gain(ax: Axes, found: Gain, colour: Any) -> tuple[FloatArray, FloatArray, bool, bool]:
    """One recipe; returns where it was drawn, and whether beyond the runs and with a band."""
    table = found.table
    C, gain = table[found.variable].to_numpy(), table["gain"].to_numpy()
    style: dict[str, Any] = {
        "color": colour, "linewidth": 1.8, "zorder": 3, "markersize": 4,
        "marker": "o" if len(C) <= _FEW else "none",
    }  # fmt: skip
    inside = ~(table["times_beyond"].to_numpy() > 1)
    ax.plot(C, np.where(gain > 0, gain, np.nan), **{**style, "linestyle": DASHED})
    ax.plot(C[inside], gain[inside], **style)
    ends = table["gain_low"].to_numpy(), table["gain_high"].to_numpy()
    shown = np.isfinite(ends[0]) & np.isfinite(ends[1]) & (ends[0] > 0)
    ax.fill_between(C, *ends, where=shown, color=colour, alpha=0.16, linewidth=0, zorder=2)
    heights = np.concatenate([gain[gain > 0], ends[0][shown], ends[1][shown]])
    return C, heights, not inside.all(), bool(shown.any())
