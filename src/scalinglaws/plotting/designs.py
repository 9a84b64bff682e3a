"""Plots of designs of runs: IsoFLOP profiles, envelopes of training curves, the next runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from scipy.interpolate import Akima1DInterpolator

from scalinglaws.arrays import FloatArray
from scalinglaws.numerals import (
    format_compute,
    format_count,
    format_level,
    format_plain,
    plural,
)
from scalinglaws.planning.envelope import Envelope
from scalinglaws.planning.isoflop import IsoFLOP
from scalinglaws.planning.isoflop_profiles import parabola_coefficients
from scalinglaws.planning.next_runs import NextRuns
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
from scalinglaws.plotting.marks import draw_line, draw_minima, draw_runs
from scalinglaws.plotting.sentences import percent, two_digits
from scalinglaws.plotting.style import DASHED, norm_of, style_of

_MOST_MINIMA = 5  # whose sizes are written
_ROOM = 0.08  # of the axis, right of the training curves, for their names
_FAR_FROM_MINIMUM = 0.35  # area of a point that does not enter the parabola, of one that does
_CHOSEN = 60.0  # area of a chosen run, pt²
_CANDIDATES = (1.0, 26.0)  # area of the least and of the most telling candidate, pt²


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


# --- next runs -------------------------------------------------------------------------------


def plot_next_runs(
    plan: NextRuns,
    *,
    ax: Axes | None = None,
    labels: bool = True,
    title: bool | str | None = None,
) -> Axes:
    """Plot the next runs, the existing runs and the candidates, with the expected benefit.

    Parameters
    ----------
    plan : NextRuns
        From :func:`scalinglaws.next_runs`.
    ax, labels, title
        As in `plot_fit`.

    Returns
    -------
    Axes

    Notes
    -----
    The area of a candidate is the share of the target's variance that it would remove alone.

    Examples
    --------
    >>> import scalinglaws as sl
    >>> runs = sl.datasets.ladder()
    >>> fit = sl.fit(runs[runs["D"] > 1.5e6], "kaplan")
    >>> ax = plot_next_runs(sl.next_runs(fit, budget=3e13, C=1e14, most_runs=3))
    """
    check_kind("plan", plan, NextRuns, "sl.next_runs")
    ax, own = settle(ax)
    style, table, seen = style_of(ax), plan.candidates, plan.observed
    share = (table["gain"] / table["gain"].max()).to_numpy()
    areas = style.point * (_CANDIDATES[0] + share * (_CANDIDATES[1] - _CANDIDATES[0]))
    ax.scatter(table["N"], table["D"], c=style.bands[1], s=areas, marker="s", linewidths=0,
               zorder=1.5)  # fmt: skip
    if len(seen):
        draw_runs(ax, seen["N"].to_numpy(), seen["D"].to_numpy(), style.muted)
    counted = plan.runs.groupby(["N", "D"], sort=False).size().rename("times").reset_index()
    ax.scatter(counted["N"], counted["D"], s=_CHOSEN * style.point, color=style.law,
               edgecolors=style.background, linewidths=1.0, zorder=5)  # fmt: skip
    frames = [f for f in (table, plan.runs, seen) if len(f)]
    for axis, v in ((ax.xaxis, "N"), (ax.yaxis, "D")):
        values = np.concatenate([f[v].to_numpy() for f in frames])
        log_axis(axis, v, *padded(values.min(), values.max(), 0.05))
    frame(ax, LABELS["N"], LABELS["D"])
    if labels:
        _note(ax, plan, counted, share)
    write_title(ax, title, _gained_sentence(plan), own=own)
    return ax


def _note(ax: Axes, plan: NextRuns, counted: pd.DataFrame, share: np.ndarray) -> None:
    """One word at one mark of each kind, and how often a run is repeated."""
    style, labels = style_of(ax), labels_of(ax)
    for _, row in counted[counted["times"] > 1].iterrows():
        labels.note((row["N"], row["D"]), f"{row['times']:.0f} times", style.law)
    first = counted.iloc[0]
    labels.note((first["N"], first["D"]), "next runs" if len(counted) > 1 else "next run",
                style.law, leader=True, bold=True)  # fmt: skip
    chosen = set(map(tuple, plan.runs[["N", "D"]].to_numpy()))
    seen = [tuple(row) not in chosen for row in plan.candidates[["N", "D"]].to_numpy()]
    best = plan.candidates.iloc[int(np.argmax(np.where(seen, share, 0.0)))]
    text = "candidates"
    if not style.narrow:
        text += ", by area;\nthe largest " + (
            "informs\nas much as any" if "sigma" in plan.answer
            else f"removes\n{percent(float(best['gain']))} of the variance"
        )  # fmt: skip
    labels.note((best["N"], best["D"]), text, style.forecast, leader=True)
    if len(plan.observed):
        last = plan.observed.iloc[int(np.argmax(plan.observed["N"]))]
        labels.note((last["N"], last["D"]), "runs so far", style.muted, leader=True)


def _gained_sentence(plan: NextRuns) -> str:
    """What the runs cost, and what they buy."""
    spent = format_compute(float(plan.runs["C"].sum()), 2)
    runs = f"{plural(len(plan.runs), 'more run')} of {spent} FLOP"
    ending = "s" if len(plan.runs) == 1 else ""  # of the verb
    if "sigma" in plan.answer:
        apart = float(plan.answer["sigma"].iloc[-1])
        return f"{runs} set{ending} the laws {apart:.1f} standard deviations apart"
    before, after = (f"±{percent(float(w))}" for w in plan.answer["half_width"])
    level = format_level(plan.confidence_level)
    return f"{runs} narrow{ending} the {level} interval of {plan.question} from {before} to {after}"
