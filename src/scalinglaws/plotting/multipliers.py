"""Plot of the compute saved by one recipe relative to another."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from scalinglaws.arrays import FloatArray
from scalinglaws.numerals import format_level, format_plain, format_variable
from scalinglaws.planning.gain_results import Gain, Gains
from scalinglaws.plotting.axes import (
    check_kind,
    far_field,
    frame,
    log_axis,
    padded,
    settle,
    write_title,
)
from scalinglaws.plotting.labels import labels_of, named_ones, shortened
from scalinglaws.plotting.marks import CURVE, draw_band, draw_guide, draw_line
from scalinglaws.plotting.style import style_of

_FEW = 12  # budgets, each of which is marked where a gain is drawn


def plot_gain(
    found: Gain | Gains,
    *,
    ax: Axes | None = None,
    labels: bool = True,
    title: bool | str | None = None,
) -> Axes:
    """Plot the compute multiplier of a recipe against the compute of the baseline.

    Parameters
    ----------
    found : Gain or Gains
        Result for one recipe, or for several with the same baseline.
    ax, labels, title
        As in `plot_fit`.

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
    ax, own = settle(ax)
    style = style_of(ax)
    several = {"": found} if isinstance(found, Gain) else dict(found)
    colours = [style.forecast] if len(several) == 1 else [style.hue(k) for k in range(len(several))]
    heights, banded = [np.ones(1)], False
    for one, colour in zip(several.values(), colours, strict=True):
        seen, has_band = _draw_gain(ax, one, colour)
        heights.append(seen)
        banded = banded or has_band
    variable = next(iter(several.values())).variable
    budgets = np.concatenate([one.table[variable].to_numpy() for one in several.values()])
    shown = np.concatenate(heights)
    log_axis(ax.xaxis, variable, *(padded(budgets.min(), budgets.max(), 0.02)))
    log_axis(ax.yaxis, None, *padded(shown.min(), shown.max(), 0.08))
    draw_guide(ax, ax.get_xlim(), [1.0, 1.0])
    first = "the first recipe" if isinstance(found, Gain) else str(found.baseline)
    level = format_level(next(iter(several.values())).confidence_level)
    kind = f"; {level} confidence interval" if banded else ""
    what, unit = ("compute", ", FLOP") if variable == "C" else (variable, "")
    frame(ax, f"{what} of {first}{unit}", f"{what} multiplier{kind}")
    far_field(ax, min(_edge(one) for one in several.values()))
    if labels:
        _name(ax, several, colours, first)
    write_title(ax, title, _sentence(several), own=own)
    return ax


def _draw_gain(ax: Axes, found: Gain, colour: str) -> tuple[FloatArray, bool]:
    """One recipe; the heights that were drawn, and whether there is a band."""
    table = found.table
    C, gain = table[found.variable].to_numpy(), table["gain"].to_numpy()
    marker: dict[str, Any] = {"marker": "o", "markersize": 4} if len(C) <= _FEW else {}
    middle = np.where(gain > 0, gain, np.nan)
    draw_line(ax, C, middle, table["times_beyond"].to_numpy() > 1, colour, **marker)
    low, high = table["gain_low"].to_numpy(), table["gain_high"].to_numpy()
    shown = np.isfinite(low) & np.isfinite(high) & (low > 0)
    banded = draw_band(ax, C, np.where(shown, low, np.nan), np.where(shown, high, np.nan), colour)
    if len(C) == 1 and shown[0]:  # a band of no width is not seen
        ax.plot([C[0], C[0]], [low[0], high[0]], color=colour, linewidth=CURVE * style_of(ax).line,
                zorder=2.5)  # fmt: skip
    return np.concatenate([gain[gain > 0], low[shown], high[shown]]), banded


def _edge(found: Gain) -> float:
    """Largest budget within the runs of both recipes."""
    inside = found.table.loc[~(found.table["times_beyond"] > 1), found.variable]
    return float(inside.max()) if len(inside) else np.inf


def _name(ax: Axes, several: dict[str, Gain], colours: list[str], first: str) -> None:
    labels = labels_of(ax)
    labels.name(1.0, shortened(first) if first != "the first recipe" else "no gain",
                style_of(ax).muted)  # fmt: skip
    items = list(several.items())
    for place in named_ones(len(items)):
        name, one = items[place]
        C, gain = one.table[one.variable].to_numpy(float), one.table["gain"].to_numpy(float)
        labels.name_end(C, gain, shortened(name) or "multiplier", colours[place])


def _sentence(several: dict[str, Gain]) -> str:
    """The largest multiplier at the largest budget."""
    name, best = max(several.items(), key=lambda item: float(item[1].table["gain"].iloc[-1]))
    row = best.table.iloc[-1]
    who = shortened(name) if name else "The second recipe"
    gain, low, high = (format_plain(float(row[f"gain{end}"]), 3) for end in ("", "_low", "_high"))
    what, unit = ("the compute", " FLOP") if best.variable == "C" else (best.variable, "")
    where = format_variable(best.variable, float(row[best.variable]), 2)
    text = f"{who} is worth {gain} times {what} at {where}{unit}"
    return f"{text} ({format_level(best.confidence_level)}: {low} to {high})" if low else text
