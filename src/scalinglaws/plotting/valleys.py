"""Pictures of IsoFLOP profiles, of the price of smaller models, and of a recipe's gain."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, LogNorm
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from scipy.interpolate import Akima1DInterpolator

from scalinglaws.arrays import FloatArray
from scalinglaws.errors import ScalingLawWarning
from scalinglaws.escaping import for_picture
from scalinglaws.numerals import format_compute, format_plain
from scalinglaws.planning.compute_multiplier import Gain, Gains
from scalinglaws.planning.cost import SIX, Cost
from scalinglaws.planning.isoflop import IsoFLOP
from scalinglaws.planning.isoflop_profiles import parabola_coefficients
from scalinglaws.planning.near_optimal import overtraining
from scalinglaws.planning.sampled_law import (
    DEFAULT_RESAMPLES,
    LawWithValues,
    Rng,
    number,
    target_of,
)
from scalinglaws.planning.select_group import chosen_group
from scalinglaws.plotting.axes import (
    LABELS,
    add_legend,
    check_kind,
    figure_of,
    log_axis,
    new_axes,
    padded,
    quiet_frame,
)

_INK, _GREY = "#31688e", "0.35"
_DASHED = (0, (4, 2.5))
_FEW = 12  # budgets, each of which is marked where a gain is drawn
_DEAREST = 10.0  # times the compute, as far as the price of smaller models is drawn


def plot_isoflop(
    found: IsoFLOP,
    *,
    ax: Axes | None = None,
    point: Mapping[str, Any] | None = None,
    legend: bool = True,
) -> Axes:
    """Draw the runs of each budget, the curve through them, and its minimum with interval.

    Parameters
    ----------
    found : IsoFLOP
    ax : Axes, optional
        Where to draw; by default a new figure.
    point : mapping, optional
        Style of the runs, handed to matplotlib.
    legend : bool

    Returns
    -------
    Axes

    Notes
    -----
    Budgets that were refused are hollow and have no curve. Runs far from the minimum, to which no
    parabola is fitted, are small.
    """
    check_kind("found", found, IsoFLOP, "sl.isoflop")
    ax = new_axes() if ax is None else ax
    table, optima = found.runs, found.optima
    budgets = optima["C"].to_numpy()
    norm = LogNorm(budgets.min(), budgets.max() if len(budgets) > 1 else 2 * budgets.min())
    colours = mpl.colormaps["viridis"]
    for place, group in enumerate(found.budgets):
        row = optima.iloc[place]
        colour = colours(0.88 * float(norm(group.C)))
        fine = not group.refusal
        used = np.isin(group.rows, group.near) | (not fine)
        options: dict[str, Any] = {"zorder": 3, "linewidths": 0.8, "edgecolors": colour}
        options |= {"c": [colour] if fine else "white"}
        for rows, size in ((group.rows[used], 22), (group.rows[~used], 6)):
            style = {**options, "s": size, **(point or {})}
            ax.scatter(table.N[rows], found.adjusted[rows], **style)
        if not fine:
            continue
        x, y = table.N[group.near], found.adjusted[group.near]
        along = np.geomspace(x.min(), x.max(), 200)
        ax.plot(along, _curve(x, y, found.method)(along), color=colour, linewidth=1.3, zorder=2)
        _draw_minimum(ax, row, table.target, colour)
    _draw_trend(ax, found)
    log_axis(ax.xaxis, "N", *padded(table.N.min(), table.N.max()))
    every = found.adjusted[np.concatenate([g.rows for g in found.budgets])]
    log_axis(ax.yaxis, None, *padded(every.min(), every.max(), 0.06))
    ax.set_xlabel(LABELS["N"])
    ax.set_ylabel(for_picture(table.target))
    quiet_frame(ax)
    if len(budgets) > 1:
        _add_bar(ax, norm, colours)
    if legend:
        _add_legend(ax, found)
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


def _draw_minimum(ax: Axes, row: Any, target: str, colour: Any) -> None:
    low, high = row["N_low"], row["N_high"]
    if low > 0 and np.isfinite(high):
        ax.plot([low, high], [row[target]] * 2, color="black", linewidth=1.2, zorder=4)
    ax.scatter(
        row["N"], row[target], marker="D", s=34, color=colour, edgecolors="black", linewidths=0.9,
        zorder=5,
    )  # fmt: skip


def _draw_trend(ax: Axes, found: IsoFLOP) -> None:
    """The minima joined, in the order of compute."""
    fine = found.optima[found.optima["N"].notna()]
    ax.plot(
        fine["N"], fine[found.runs.target], color=_GREY, linewidth=0.8, linestyle=_DASHED,
        zorder=1.8,
    )  # fmt: skip


def _add_bar(ax: Axes, norm: LogNorm, colours: Any) -> None:
    shades = colours(np.linspace(0.0, 0.88, 256))
    bar = figure_of(ax).colorbar(
        ScalarMappable(norm, ListedColormap(shades)), ax=ax, pad=0.02, aspect=30
    )
    assert norm.vmin is not None
    assert norm.vmax is not None
    log_axis(bar.ax.yaxis, "C", norm.vmin, norm.vmax)
    bar.set_label(LABELS["C"])
    bar.outline.set_visible(False)


def _add_legend(ax: Axes, found: IsoFLOP) -> None:
    exponent = found.exponents.loc["N"]
    level = f"{100 * found.confidence_level:g} %"
    handles: list[Any] = [
        Line2D([], [], color=_GREY, marker="o", markersize=4, linewidth=1.3,
               label=f"runs of one budget, {found.method}"),
        Line2D([], [], color="black", marker="D", markersize=5, markerfacecolor="0.7",
               linewidth=1.2, label=f"minimum, {level}"),
        Line2D([], [], linestyle="none",
               label=f"$N \\propto C^{{{exponent['exponent']:.3f}}}$ "
                     f"({exponent['low']:.3f} to {exponent['high']:.3f})"),
    ]  # fmt: skip
    if len(found.refused):
        handles.insert(
            1,
            Line2D([], [], color=_GREY, marker="o", markersize=4, markerfacecolor="white",
                   linestyle="none", label="budget without a minimum"),
        )  # fmt: skip
    add_legend(ax, handles)


def plot_overtraining(
    fit: LawWithValues,
    C: Any,
    *,
    smaller: tuple[float, float] | None = None,
    cost: Cost = SIX,
    ax: Axes | None = None,
    confidence_level: float | None = None,
    n_resamples: int = DEFAULT_RESAMPLES,
    rng: Rng = 0,
    legend: bool = True,
    **variables: Any,
) -> Axes:
    """Draw the price of smaller models that perform as well as the compute-optimal one.

    Parameters
    ----------
    fit : Fit or published law
    C : number
        The budget whose best performance is to be reached.
    smaller : (low, high), optional
        Range of the factor by which models are smaller; by default from 1 to near the limit.
    cost, confidence_level, n_resamples, rng, **variables
        As in :func:`scalinglaws.optimal`.
    ax : Axes, optional
        Where to draw; by default a new figure.
    legend : bool

    Returns
    -------
    Axes
    """
    fit, variables = chosen_group(fit, variables)
    options: dict[str, Any] = {
        "C": C, "cost": cost, "confidence_level": confidence_level, "rng": rng, **variables,
    }  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ScalingLawWarning)
        limit = overtraining(fit, smaller=[1.0], n_resamples=n_resamples, **options).iloc[0]
        low, high = (1.0, 0.93 * limit["limit"]) if smaller is None else smaller
        along = np.geomspace(low, high, 60)
        price = overtraining(fit, smaller=along, n_resamples=n_resamples, **options)
    ax = new_axes() if ax is None else ax
    times = 1.0 + price["overhead"].to_numpy()
    beyond = price["times_beyond"].to_numpy() > 1
    ax.plot(along, times, color=_INK, linewidth=1.8, linestyle=_DASHED, zorder=3)
    ax.plot(along[~beyond], times[~beyond], color=_INK, linewidth=1.8, zorder=3)
    banded = bool(price["overhead_low"].notna().any())
    if banded:
        ends = (1.0 + price[f"overhead_{end}"].to_numpy() for end in ("low", "high"))
        low_end, high_end = (np.clip(np.nan_to_num(e, posinf=1e9), 1e-3, 1e9) for e in ends)
        ax.fill_between(along, low_end, high_end, color=_INK, alpha=0.16, linewidth=0, zorder=2)
    if limit["limit"] < 1.3 * high:
        ax.axvline(limit["limit"], color=_GREY, linewidth=0.8, linestyle=(0, (1, 2)), zorder=1)
    log_axis(ax.xaxis, None, low, max(high, min(1.05 * limit["limit"], 1.3 * high)))
    finite = times[np.isfinite(times)]
    log_axis(ax.yaxis, None, 0.97 * finite.min(), min(1.1 * finite.max(), _DEAREST))
    ax.set_xlabel("times smaller than compute-optimal")
    ax.set_ylabel(f"times the compute for equal {for_picture(target_of(fit))}")
    quiet_frame(ax)
    if legend:
        handles: list[Any] = [
            Line2D([], [], color=_INK, linewidth=1.8,
                   label=f"as good as the best of {format_compute(number('C', C))} FLOP"),
            Line2D([], [], color=_GREY, linewidth=0.8, linestyle=(0, (1, 2)),
                   label=f"limit, {format_plain(float(limit['limit']), 3)} times"),
        ]  # fmt: skip
        if banded:
            level = getattr(fit, "confidence_level", 0.95)
            share = 100 * (level if confidence_level is None else confidence_level)
            handles.insert(
                1, Patch(color=_INK, alpha=0.2, linewidth=0, label=f"{share:g} % interval")
            )
        if beyond.any():
            handles.insert(
                1, Line2D([], [], color=_INK, linewidth=1.8, linestyle=_DASHED,
                          label="beyond the runs")
            )  # fmt: skip
        add_legend(ax, handles)
    return ax


def plot_gain(found: Gain | Gains, *, ax: Axes | None = None, legend: bool = True) -> Axes:
    """Draw how many times less compute a recipe needs, against the compute of the other.

    Parameters
    ----------
    found : Gain or Gains
        Of one recipe, or of several against the same baseline.
    ax : Axes, optional
        Where to draw; by default a new figure.
    legend : bool

    Returns
    -------
    Axes
    """
    check_kind("found", found, (Gain, Gains), "sl.gain or sl.compare_recipes")
    ax = new_axes() if ax is None else ax
    several = found if isinstance(found, Gains) else {"gain": found}
    shades = mpl.colormaps["viridis"](np.linspace(0.1, 0.75, len(several)))
    colours = shades if len(several) > 1 else [_INK]
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
    ax.axhline(1.0, color=_GREY, linewidth=0.9, zorder=1)
    budgets, shown = np.concatenate(across), np.concatenate(heights)
    log_axis(ax.xaxis, "C", *(padded(budgets.min(), budgets.max())))
    log_axis(ax.yaxis, None, *padded(shown.min(), shown.max(), 0.08))
    one = len(several) == 1
    first = "the first recipe" if isinstance(found, Gain) else for_picture(str(found.baseline))
    ax.set_xlabel(f"compute of {first} [FLOP]")
    ax.set_ylabel(f"times less compute{' with the second' if one else ''}")
    quiet_frame(ax)
    if legend:
        tone = _INK if one else _GREY
        if beyond:
            handles.append(
                Line2D([], [], color=tone, linewidth=1.8, linestyle=_DASHED,
                       label="beyond the runs")
            )  # fmt: skip
        if banded:
            level = next(iter(several.values())).confidence_level
            label = f"{100 * level:g} % interval"
            handles.append(Patch(color=tone, alpha=0.2, linewidth=0, label=label))
        add_legend(ax, handles)
    return ax


def _draw_gain(ax: Axes, found: Gain, colour: Any) -> tuple[FloatArray, FloatArray, bool, bool]:
    """One recipe; returns where it was drawn, and whether beyond the runs and with a band."""
    table = found.table
    C, gain = table["C"].to_numpy(), table["gain"].to_numpy()
    style: dict[str, Any] = {
        "color": colour, "linewidth": 1.8, "zorder": 3, "markersize": 4,
        "marker": "o" if len(C) <= _FEW else "none",
    }  # fmt: skip
    inside = ~(table["times_beyond"].to_numpy() > 1)
    ax.plot(C, np.where(gain > 0, gain, np.nan), **{**style, "linestyle": _DASHED})
    ax.plot(C[inside], gain[inside], **style)
    ends = table["gain_low"].to_numpy(), table["gain_high"].to_numpy()
    shown = np.isfinite(ends[0]) & np.isfinite(ends[1]) & (ends[0] > 0)
    ax.fill_between(C, *ends, where=shown, color=colour, alpha=0.16, linewidth=0, zorder=2)
    heights = np.concatenate([gain[gain > 0], ends[0][shown], ends[1][shown]])
    return C, heights, not inside.all(), bool(shown.any())
