"""Plots that judge a fit: residuals, observed against predicted, and profiles."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from scalinglaws.arrays import FloatArray
from scalinglaws.core.formula import parse
from scalinglaws.core.typeset import name_to_latex, to_latex
from scalinglaws.errors import FormulaError
from scalinglaws.escaping import for_picture, maths_for_picture
from scalinglaws.fitting.record import FitRecord
from scalinglaws.numerals import format_level, format_plain, format_variable
from scalinglaws.options import check_option
from scalinglaws.plotting.axes import (
    LABELS,
    check_kind,
    frame,
    label_of,
    log_axis,
    padded,
    settle,
    write_title,
)
from scalinglaws.plotting.families import Group, groups_of
from scalinglaws.plotting.labels import labels_of, shortened
from scalinglaws.plotting.marks import draw_guide, draw_held_out, draw_runs
from scalinglaws.plotting.sentences import (
    fit_sentence,
    held_out_note,
    held_out_sentence,
    predicted,
    reached,
)
from scalinglaws.plotting.style import Style, norm_of, style_of

_LABELLED = 3  # the largest residuals get their run's name
# A parameter that moves by less than this factor is read best on a linear axis.
_LINEAR_UP_TO = 1.3
_HEADROOM = 1.7
_HEIGHTS = {
    "deviance": "deviance (increase of the objective / noise)",
    "root": "signed root of the deviance",
}


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


# --- profiles ------------------------------------------------------------------------------------


def plot_profile(
    profile: pd.DataFrame,
    *,
    kind: str = "deviance",
    ax: Axes | None = None,
    line: Mapping[str, Any] | None = None,
    labels: bool = True,
    title: bool | str | None = None,
) -> Axes:
    """Plot a profile with its threshold and interval.

    Parameters
    ----------
    profile : DataFrame
        From `Fit.profile`.
    kind : {"deviance", "root"}
        Increase of the objective in units of the noise, or its signed root. The root is a straight
        line where the quadratic approximation holds.
    line : mapping, optional
        Matplotlib style of the curve.
    ax, labels, title
        As in `plot_fit`.

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        If the table is not a profile, or `kind` is misspelt.

    Examples
    --------
    >>> import scalinglaws as sl
    >>> runs = sl.datasets.ladder()
    >>> fit = sl.fit(runs[runs["D"] > 1.5e6], "kaplan")
    >>> ax = plot_profile(fit.profile("alpha_N", n_points=11), kind="root")
    """
    check_kind("profile", profile, pd.DataFrame, "fit.profile")
    check_option("kind", kind, ("deviance", "root"))
    about: Mapping[str, Any] = {str(key): value for key, value in profile.attrs.items()}
    if "threshold" not in about or "signed_root" not in profile:
        raise ValueError("`profile` must be the table that `fit.profile` returns.")
    ax, own = settle(ax)
    style = style_of(ax)
    x = profile[about["quantity"]].to_numpy()
    y = profile["deviance" if kind == "deviance" else "signed_root"].to_numpy()
    _draw_interval(ax, style, about, kind, x, y)
    options = {"color": style.forecast, "linewidth": 2.0 * style.line, "zorder": 3}
    ax.plot(x, y, **{**options, **dict(line or {})})
    _scale(ax, about, kind, x)
    draw_guide(ax, [about["estimate"]] * 2, ax.get_ylim())
    frame(ax, _label(about["quantity"]), _HEIGHTS[kind], maths=True)
    if labels:
        _note(ax, about, kind)
    write_title(ax, title, _sentence(about), own=own)
    return ax


def _draw_interval(
    ax: Axes, style: Style, about: Mapping[str, Any], kind: str, x: FloatArray, y: FloatArray
) -> None:
    """The interval as a field, the threshold, and where the curve crosses it."""
    root = float(np.sqrt(about["threshold"]))
    low, high = (about[end] for end in ("low", "high"))
    ax.axvspan(max(low, x.min()), min(high, x.max()), color=style.bands[2], linewidth=0, zorder=0)
    for level in [about["threshold"]] if kind == "deviance" else [-root, root]:
        draw_guide(ax, [x.min(), x.max()], [level, level])
    for end, sign in ((low, -1.0), (high, 1.0)):
        if x.min() <= end <= x.max():
            height = about["threshold"] if kind == "deviance" else sign * root
            at_bound = abs(np.interp(end, x, y) - height) > 0.05 * abs(height)
            if not at_bound:
                ax.plot([end], [height], "o", color=style.forecast, markersize=5, zorder=4)


def _scale(ax: Axes, about: Mapping[str, Any], kind: str, x: FloatArray) -> None:
    """Limits of both axes, on the scale of the parameter."""
    positive = x[x > 0]
    if about["is_log"] and positive.max() > _LINEAR_UP_TO * positive.min():
        log_axis(ax.xaxis, None, positive.min(), positive.max())
    else:
        ax.set_xlim(x.min(), x.max())
        ax.xaxis.set_major_locator(MaxNLocator(5))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda v, _: format_plain(v, 4)))
    root = float(np.sqrt(about["threshold"]))
    if kind == "deviance":
        ax.set_ylim(0.0, max(_HEADROOM * about["threshold"], 1.0))
    else:
        ax.set_ylim(-_HEADROOM * root, _HEADROOM * root)
    ax.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    ax.yaxis.set_major_formatter(FuncFormatter(_signed))


def _signed(value: float, _: object) -> str:
    return format_plain(value, 3).replace("-", "−")


def _label(quantity: str) -> str:
    """A parameter or an expression as maths; a user-defined name unchanged."""
    if re.fullmatch(r"\w+(\[.*\])?", quantity):
        return maths_for_picture(name_to_latex(quantity))
    try:
        return maths_for_picture(to_latex(parse(quantity).expression))
    except FormulaError:
        return for_picture(quantity)


def _note(ax: Axes, about: Mapping[str, Any], kind: str) -> None:
    """What the field and the lines are."""
    labels, style = labels_of(ax), style_of(ax)
    threshold = about["threshold"] if kind == "deviance" else np.sqrt(about["threshold"])
    level = format_level(about["confidence_level"])
    labels.name(float(threshold), f"{level}\nthreshold,\n{format_plain(float(threshold), 3)}",
                style.muted)  # fmt: skip
    labels.note((about["estimate"], 1.0), f"estimate\n{format_plain(about['estimate'])}",
                align=(0.0, 1.0), coordinates=ax.get_xaxis_transform())  # fmt: skip
    # the curve leaves the panel outside the interval, so that its upper corner is free
    corner = (max(about["low"], ax.get_xlim()[0]), 1.0)
    labels.note(corner, f"interval:\n{about['method']}", align=(0.0, 1.0),
                coordinates=ax.get_xaxis_transform())  # fmt: skip


def _sentence(about: Mapping[str, Any]) -> str:
    ends = " to ".join(_end(about[end]) for end in ("low", "high"))
    level = format_level(about["confidence_level"])
    return f"{about['quantity']} is {format_plain(about['estimate'])} ({level}: {ends})"


def _end(value: float) -> str:
    if np.isfinite(value):
        return format_plain(value)
    return "infinity" if value > 0 else "minus infinity"
