"""Plots that show lack of fit: residuals against a variable, and observed against predicted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from scalinglaws.arrays import FloatArray
from scalinglaws.fitting.record import FitRecord
from scalinglaws.numerals import format_plain, format_variable
from scalinglaws.options import check_option
from scalinglaws.plotting.axes import (
    LABELS,
    frame,
    label_of,
    log_axis,
    padded,
    settle,
    write_title,
)
from scalinglaws.plotting.families import Group, groups_of
from scalinglaws.plotting.labels import labels_of, shortened
from scalinglaws.plotting.marks import draw_held_out, draw_runs
from scalinglaws.plotting.sentences import (
    fit_sentence,
    held_out_note,
    held_out_sentence,
    predicted,
    reached,
)
from scalinglaws.plotting.style import norm_of, style_of

_LABELLED = 3  # the largest residuals get their run's name


def plot_residuals(
    fit: FitRecord,
    x: str | None = None,
    *,
    ax: Axes | None = None,
    point: Mapping[str, Any] | None = None,
    title: bool | str | None = None,
) -> Axes:
    """Plot the residuals against one of the law's variables, or against the fitted value.

    Parameters
    ----------
    fit : Fit
        From :func:`scalinglaws.fit`.
    x : str, optional
        A variable of the law; by default its first. "fitted" stands for the fitted value.
    point : mapping, optional
        Matplotlib style of the points.
    ax, title
        As in `plot_fit`.

    Returns
    -------
    Axes

    Notes
    -----
    The band is one standard deviation of a run around the curve. Residuals of logarithms are shown
    in per cent.

    Examples
    --------
    >>> import scalinglaws as sl
    >>> runs = sl.datasets.ladder()
    >>> fit = sl.fit(runs[runs["D"] > 1.5e6], "kaplan")
    >>> ax = plot_residuals(fit, "D")
    """
    x = fit.law.variables[0] if x is None else x
    x = fit.runs.variable_of(x)
    check_option("x", x, (*fit.law.variables, "fitted"))
    ax, own = settle(ax)
    style = style_of(ax)
    values = fit.fitted.to_numpy() if x == "fitted" else fit.runs.values[x]
    residuals, noise = fit.residuals.to_numpy(), fit.noise
    if fit.scale == "log":
        residuals, noise = 100 * np.expm1(residuals), 100 * np.expm1(noise)
    if np.isfinite(noise):
        ax.axhspan(-noise, noise, color=style.far, linewidth=0, zorder=0)
    ax.axhline(0, color=style.muted, linewidth=0.9 * style.line, zorder=2)
    _draw_groups(ax, fit, groups_of(fit, None, style), values, residuals, point or {})
    log_axis(ax.xaxis, None if x == "fitted" else x, *padded(values.min(), values.max()))
    _scale_residuals(ax, residuals, noise, in_percent=fit.scale == "log")
    target = fit.runs.target
    frame(
        ax, f"fitted {target}" if x == "fitted" else label_of(x, fit.runs.columns[x]),
        f"{target}: observed minus fitted",
    )  # fmt: skip
    labels = labels_of(ax)
    if np.isfinite(noise):
        labels.note((1.0, noise), "one standard deviation of a run", align=(1.0, 0.0),
                    coordinates=ax.get_yaxis_transform())  # fmt: skip
    for place in np.argsort(-np.abs(residuals))[:_LABELLED]:
        labels.note((values[place], residuals[place]), shortened(str(fit.runs.index[place])))
    write_title(ax, title, fit_sentence(fit, fit.n), own=own)
    return ax


def _scale_residuals(ax: Axes, residuals: FloatArray, noise: float, *, in_percent: bool) -> None:
    """A linear axis around zero, with signs."""
    largest = 1.25 * max(float(np.abs(residuals).max()), noise if np.isfinite(noise) else 0.0)
    ax.set_yscale("linear")
    if largest > 0:
        ax.set_ylim(-largest, largest)
    unit = " %" if in_percent else ""

    def text(value: float, _: object) -> str:
        sign = "+" if value > 0 else ""
        return f"{sign}{format_plain(value, 3)}{unit}".replace("-", "−")

    ax.yaxis.set_major_formatter(FuncFormatter(text))


def plot_observed(
    fit: FitRecord,
    *,
    ax: Axes | None = None,
    targets: pd.DataFrame | None = None,
    point: Mapping[str, Any] | None = None,
    title: bool | str | None = None,
) -> Axes:
    """Plot the observed performance of each run against what the law predicts.

    Parameters
    ----------
    fit : Fit
        From :func:`scalinglaws.fit`.
    targets : DataFrame, optional
        Held-out runs, drawn as hollow circles.
    point : mapping, optional
        Matplotlib style of the points.
    ax, title
        As in `plot_fit`.

    Returns
    -------
    Axes

    Notes
    -----
    A run on the line is predicted exactly. Colours are groups, or sizes N.

    Examples
    --------
    >>> import scalinglaws as sl
    >>> runs = sl.datasets.ladder()
    >>> fit = sl.fit(runs[runs["D"] > 1.5e6], "kaplan")
    >>> ax = plot_observed(fit, targets=sl.datasets.ladder("target"))
    """
    ax, own = settle(ax)
    style = style_of(ax)
    fitted, y = fit.fitted.to_numpy(), fit.runs.y
    groups = groups_of(fit, None, style)
    ends = [fitted, y]
    if targets is not None:
        held_out = predicted(fit, targets), reached(fit, targets)
        ends += held_out
        draw_held_out(ax, *held_out, style.ink)
    values = np.concatenate(ends)
    span = padded(float(values.min()), float(values.max()))
    ax.plot(span, span, color=style.muted, linewidth=0.9 * style.line, zorder=2)
    _draw_groups(ax, fit, groups, fitted, y, point or {}, by_size=True)
    for axis in (ax.xaxis, ax.yaxis):
        log_axis(axis, None, *span)
    frame(ax, f"{fit.runs.target} predicted by the law", f"{fit.runs.target} observed")
    if targets is not None:
        labels_of(ax).note(
            (float(held_out[0][-1]), float(held_out[1][-1])), held_out_note(fit, targets),
            style.ink, leader=True,
        )  # fmt: skip
    sentence = fit_sentence(fit, fit.n) if targets is None else held_out_sentence(fit, targets)
    write_title(ax, title, sentence, own=own)
    return ax


def _draw_groups(
    ax: Axes, fit: FitRecord, groups: list[Group], x: FloatArray, y: FloatArray,
    point: Mapping[str, Any], *, by_size: bool = False,
) -> None:  # fmt: skip
    """Runs in the colours of their groups, or of their sizes, with a key."""
    sizes = fit.runs.values.get("N") if by_size and len(groups) == 1 else None
    for group in groups:
        colours: Any = group.hue
        if sizes is not None and sizes.min() > 0:
            colours = group.colours(norm_of(sizes.min(), sizes.max())(sizes))
        draw_runs(ax, x[group.rows], y[group.rows], colours, n=fit.n, **point)
    labels = labels_of(ax)
    if len(groups) > len(style_of(ax).hues):
        ends = shortened(groups[0].name), shortened(groups[-1].name)
        labels.size_key(*ends, f"{len(groups)} groups, by name")
    elif len(groups) > 1:
        labels.key([(shortened(group.name), group.hue) for group in groups])
    elif sizes is not None and sizes.max() > sizes.min() > 0:
        ends = (format_variable("N", float(sizes.min())), format_variable("N", float(sizes.max())))
        labels.size_key(*ends, LABELS["N"])
