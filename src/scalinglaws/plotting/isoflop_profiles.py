"""Plots of IsoFLOP profiles and their minima, and of the envelope of training curves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from scipy.interpolate import Akima1DInterpolator

from scalinglaws.arrays import FloatArray
from scalinglaws.numerals import format_compute, format_count, format_level, format_plain
from scalinglaws.planning.envelope import Envelope
from scalinglaws.planning.isoflop import IsoFLOP
from scalinglaws.planning.isoflop_profiles import parabola_coefficients
from scalinglaws.plotting.axes import (
    LABELS,
    check_kind,
    frame,
    log_axis,
    padded,
    settle,
    write_title,
)
from scalinglaws.plotting.labels import labels_of, named_ones
from scalinglaws.plotting.marks import draw_line, draw_minima
from scalinglaws.plotting.sentences import two_digits
from scalinglaws.plotting.style import DASHED, norm_of, style_of

_MOST_MINIMA = 5  # whose sizes are written
_ROOM = 0.08  # of the axis, right of the training curves, for their names
_FAR_FROM_MINIMUM = 0.35  # area of a point that does not enter the parabola, of one that does


def plot_isoflop(
    found: IsoFLOP,
    *,
    ax: Axes | None = None,
    point: Mapping[str, Any] | None = None,
    labels: bool = True,
    title: bool | str | None = None,
) -> Axes:
    """Plot the runs of each budget, the fitted curve, and its minimum with interval.

    Parameters
    ----------
    found : IsoFLOP
        From :func:`scalinglaws.isoflop`.
    point : mapping, optional
        Matplotlib style of the points.
    ax, labels, title
        As in `plot_fit`.

    Returns
    -------
    Axes

    Notes
    -----
    Budgets without a minimum are hollow and have no curve. Runs too far from the minimum to enter
    the fit are small.

    Examples
    --------
    >>> import numpy as np, scalinglaws as sl
    >>> steps, C = (g.ravel() for g in np.meshgrid(np.geomspace(1 / 4, 4, 9), [1e19, 1e20, 1e21]))
    >>> design = {"N": 0.1 * C**0.5 * steps, "D": C**0.5 / (0.6 * steps)}
    >>> runs = sl.simulate(sl.published["chinchilla/epoch2024"], design, 0.002)
    >>> ax = plot_isoflop(sl.isoflop(runs, n_resamples=100))
    """
    check_kind("found", found, IsoFLOP, "sl.isoflop")
    ax, own = settle(ax)
    style, table = style_of(ax), found.runs
    budgets = found.optima["C"].to_numpy()
    norm, colours = norm_of(budgets.min(), budgets.max()), style.size_map()
    for place, group in enumerate(found.budgets):
        colour, fine = colours(float(norm(group.C))), not group.refusal
        used = np.isin(group.rows, group.near) | (not fine)
        area = min(style.area(len(table.N)), 13 * style.point)
        options: dict[str, Any] = {"zorder": 3, "linewidths": 0.8, "edgecolors": [colour]}
        options |= {"c": [colour] if fine else style.background}
        for rows, share in ((group.rows[used], 1.0), (group.rows[~used], _FAR_FROM_MINIMUM)):
            ax.scatter(
                table.N[rows],
                found.adjusted[rows],
                **{**options, "s": share * area, **(point or {})},
            )
        if fine:
            x, y = table.N[group.near], found.adjusted[group.near]
            along = np.geomspace(x.min(), x.max(), 200)
            heights = _curve(x, y, found.method)(along)
            draw_line(ax, along, heights, np.zeros(200, bool), colour, width=1.4, zorder=2)
            _draw_interval(ax, found.optima.iloc[place], table.target)
    fine_rows = found.optima[found.optima["N"].notna()]
    ax.plot(fine_rows["N"], fine_rows[table.target], color=style.ink, linewidth=0.9 * style.line,
            linestyle=DASHED, zorder=1.8)  # fmt: skip
    draw_minima(ax, fine_rows["N"], fine_rows[table.target])
    log_axis(ax.xaxis, "N", *padded(table.N.min(), table.N.max(), 0.06))
    rows = np.concatenate([g.rows for g in found.budgets])
    log_axis(ax.yaxis, None, *padded(found.adjusted[rows].min(), found.adjusted[rows].max(), 0.06))
    frame(ax, LABELS["N"], table.target)
    if labels:
        _name(ax, found, colours, norm)
    write_title(ax, title, _sentence(found.exponents, found.confidence_level), own=own)
    return ax


def _curve(x: FloatArray, y: FloatArray, method: str) -> Any:
    log_x = np.log(x)
    if method == "parabola":
        coefficients, centre = parabola_coefficients(log_x, y[None, :])
        level, slope, bend = coefficients[0]
        return lambda n: level + slope * (np.log(n) - centre) + bend * (np.log(n) - centre) ** 2
    knots, place = np.unique(np.round(log_x, 6), return_inverse=True)
    means = np.bincount(place, np.log(y)) / np.bincount(place)
    through = Akima1DInterpolator(knots, means)
    return lambda n: np.exp(through(np.clip(np.log(n), knots[0], knots[-1])))


def _draw_interval(ax: Axes, row: pd.Series, target: str) -> None:
    """Interval of the size at a minimum."""
    low, high, style = row["N_low"], row["N_high"], style_of(ax)
    if low > 0 and np.isfinite(high):
        ax.plot([low, high], [row[target]] * 2, color=style.ink, linewidth=2.4 * style.line,
                solid_capstyle="butt", zorder=4)  # fmt: skip


def _name(ax: Axes, found: IsoFLOP, colours: Any, norm: Any) -> None:
    """Budgets after their largest model, sizes at their minima, and what the bars are."""
    style, labels, table = style_of(ax), labels_of(ax), found.runs
    named = named_ones(len(found.budgets))
    for k, place in enumerate(named):
        group, row = found.budgets[place], found.optima.iloc[place]
        last = group.rows[int(np.argmax(table.N[group.rows]))]
        unit = " FLOP" if k == 0 else ""
        text = f"{format_compute(group.C, 2)}{unit}"
        if group.refusal:
            text += "\nno minimum"
        xy = float(table.N[last]), float(found.adjusted[last])
        labels.note(xy, text, colours(float(norm(group.C))), align=(0.0, 0.5))
    for place in named if len(named) <= _MOST_MINIMA else (named[0], named[-1]):
        row = found.optima.iloc[place]
        if np.isfinite(row["N"]):
            size = format_count(row["N"], 2)
            labels.note((row["N"], row[table.target]), size, style.ink, align=(0.5, 1.0))
    exponent, low, high = _exponent(found.exponents)
    level = format_level(found.confidence_level)
    ends = " to ".join(format_plain(end, 3) for end in (low, high))
    labels.note(
        (1.0, 1.0), f"$N \\propto C^{{{exponent:.3f}}}$\n{level}: {ends}", style.ink,
        align=(1.0, 1.0), coordinates=ax.transAxes, maths=True,
    )  # fmt: skip


def _exponent(exponents: pd.DataFrame) -> tuple[float, float, float]:
    """The exponent of N, and its interval."""
    table = exponents.to_dict("index")["N"]
    return float(table["exponent"]), float(table["low"]), float(table["high"])


def _sentence(exponents: pd.DataFrame, level: float) -> str:
    """What a hundredfold of compute asks for."""
    middle, low, high = (two_digits(100.0**power) for power in _exponent(exponents))
    return (
        f"100 times the compute wants {middle} times the parameters "
        f"({format_level(level)}: {low} to {high})"
    )


def plot_envelope(
    found: Envelope,
    *,
    ax: Axes | None = None,
    labels: bool = True,
    title: bool | str | None = None,
) -> Axes:
    """Plot the training curves of all sizes, and the lower envelope that they make.

    Parameters
    ----------
    found : Envelope
        From :func:`scalinglaws.envelope`.
    ax, labels, title
        As in `plot_fit`.

    Returns
    -------
    Axes

    Examples
    --------
    >>> import numpy as np, pandas as pd, scalinglaws as sl
    >>> sizes, lengths = np.geomspace(1e7, 1e10, 16), np.geomspace(1e8, 1e12, 30)
    >>> N, D = (g.ravel() for g in np.meshgrid(sizes, lengths))
    >>> runs = pd.DataFrame({"N": N, "D": D, "loss": 1.7 + 400 / N**0.34 + 410 / D**0.34})
    >>> ax = plot_envelope(sl.envelope(runs, n_resamples=10))
    """
    check_kind("found", found, Envelope, "sl.envelope")
    ax, own = settle(ax)
    style, table = style_of(ax), found.runs
    key = np.round(np.log(table.N), 2)
    sizes = np.unique(key)
    norm, colours = norm_of(table.N.min(), table.N.max()), style.size_map()
    named = set(named_ones(len(sizes)))
    for place, size in enumerate(sizes):
        rows = np.flatnonzero(key == size)
        rows = rows[np.argsort(table.C[rows])]
        colour = colours(float(norm(np.exp(size))))
        draw_line(ax, table.C[rows], table.y[rows], np.zeros(len(rows), bool), colour, width=1.1)
        if labels and place in named:
            text = format_count(float(np.exp(size)), 2)
            labels_of(ax).note((float(table.C[rows[-1]]), float(table.y[rows[-1]])), text, colour,
                               align=(0.0, 0.5))  # fmt: skip
    points = found.points.sort_values("C")
    best = points[table.target].to_numpy()
    draw_line(ax, points["C"].to_numpy(), best, np.zeros(len(points), bool), style.law,
              casing=True, zorder=4)  # fmt: skip
    low, high = padded(table.C.min(), table.C.max())
    log_axis(ax.xaxis, "C", low, high * (high / low) ** _ROOM)
    log_axis(ax.yaxis, None, *padded(table.y.min(), table.y.max()))
    frame(ax, LABELS["C"], table.target)
    if labels:
        middle = len(points) // 2
        labels_of(ax).note((float(points["C"].iloc[middle]), float(best[middle])),
                           "lower envelope", style.law, leader=True)  # fmt: skip
    write_title(ax, title, _sentence(found.exponents, found.confidence_level), own=own)
    return ax
