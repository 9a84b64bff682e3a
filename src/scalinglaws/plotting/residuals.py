"""Plot of residuals against a variable, to detect lack of fit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from scalinglaws.escaping import for_picture
from scalinglaws.fitting.record import FitRecord
from scalinglaws.numerals import format_plain
from scalinglaws.options import check_option
from scalinglaws.plotting.axes import is_small, label_of, log_axis, new_axes, padded, quiet_frame
from scalinglaws.plotting.group_curves import groups_of

_LABELLED = 3  # the largest residuals get their run's name


def plot_residuals(
    fit: FitRecord,
    x: str | None = None,
    *,
    ax: Axes | None = None,
    point: Mapping[str, Any] | None = None,
) -> Axes:
    """Plot the residuals against one of the law's variables, or against the fitted value.

    Parameters
    ----------
    fit : Fit
        From :func:`scalinglaws.fit`.
    x : str, optional
        A variable of the law; by default its first. "fitted" stands for the fitted value.
    ax : Axes, optional
        Axes to draw in; by default those of a new figure.
    point : mapping, optional
        Matplotlib style of the points.

    Returns
    -------
    Axes

    Notes
    -----
    The grey band is one standard deviation of a run around the curve. Residuals of logarithms are
    shown in per cent.

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
    ax = new_axes() if ax is None else ax
    values = fit.fitted.to_numpy() if x == "fitted" else fit.runs.values[x]
    in_percent = fit.scale == "log"
    residuals, noise = fit.residuals.to_numpy(), fit.noise
    if in_percent:
        residuals, noise = 100 * np.expm1(residuals), 100 * np.expm1(noise)
    if np.isfinite(noise):
        ax.axhspan(-noise, noise, color="0.5", alpha=0.15, linewidth=0, zorder=1,
                   label="one standard deviation of a run")  # fmt: skip
    ax.axhline(0, color="0.35", linewidth=0.8, zorder=2)
    options = {"s": 22, "color": "#31688e", "edgecolors": "white", "linewidths": 0.5, "zorder": 3}
    groups = groups_of(fit, None)
    for group in groups:
        own = {"color": group.colours(0.5), "label": for_picture(group.name)}
        ax.scatter(
            values[group.rows],
            residuals[group.rows],
            **{**options, **(own if len(groups) > 1 else {}), **dict(point or {})},
        )
    log_axis(ax.xaxis, None if x == "fitted" else x, *padded(values.min(), values.max()))
    largest = 1.25 * max(float(np.abs(residuals).max()), noise if np.isfinite(noise) else 0.0)
    ax.set_yscale("linear")
    ax.set_ylim(-largest, largest)
    unit = " %" if in_percent else ""
    ax.yaxis.set_major_formatter(
        FuncFormatter(lambda v, _: f"{'+' if v > 0 else ''}{format_plain(v, 3)}{unit}")
    )
    labelled = 0 if is_small(ax) else _LABELLED
    for place in np.argsort(-np.abs(residuals))[:labelled]:
        ax.annotate(
            for_picture(str(fit.runs.index[place])), (values[place], residuals[place]),
            xytext=(4, 4), textcoords="offset points", fontsize=7, color="0.35",
        )  # fmt: skip
    target = for_picture(fit.runs.target)
    ax.set_xlabel(f"fitted {target}" if x == "fitted" else label_of(x, fit.runs.columns[x]))
    ax.set_ylabel(f"{target}: observed minus fitted")
    quiet_frame(ax)
    if np.isfinite(noise) or len(groups) > 1:
        ax.legend(fontsize=5.5 if is_small(ax) else 8, frameon=False, loc="upper right")
    return ax
