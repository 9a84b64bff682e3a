"""Plot of a profile with its threshold and interval."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter

from scalinglaws.core.formula import parse
from scalinglaws.core.latex import name_to_latex, to_latex
from scalinglaws.errors import FormulaError
from scalinglaws.escaping import for_picture, maths_for_picture
from scalinglaws.numerals import format_plain
from scalinglaws.options import check_option
from scalinglaws.plotting.axes import (
    add_legend,
    check_kind,
    is_small,
    log_axis,
    new_axes,
    quiet_frame,
)
from scalinglaws.plotting.lines import DASHED, DOTTED, GREY, INK

# A parameter that moves by less than this factor is read best on a linear axis.
_LINEAR_UP_TO = 1.3
_HEADROOM = 1.7


def plot_profile(
    profile: pd.DataFrame,
    *,
    kind: str = "deviance",
    ax: Axes | None = None,
    line: Mapping[str, Any] | None = None,
    legend: bool = True,
) -> Axes:
    """Plot a profile with its threshold and interval.

    Parameters
    ----------
    profile : DataFrame
        From `Fit.profile`.
    kind : {"deviance", "root"}
        Increase of the objective in units of the noise, or its signed root. The root is a straight
        line where the quadratic approximation holds.
    ax : Axes, optional
        Axes to draw in; by default those of a new figure.
    line : mapping, optional
        Matplotlib style of the curve.
    legend : bool, default True
        Whether to draw a legend.

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
    about = profile.attrs
    if "threshold" not in about or "signed_root" not in profile:
        raise ValueError("`profile` must be the table that `fit.profile` returns.")
    ax = new_axes() if ax is None else ax
    x = profile[about["quantity"]].to_numpy()
    y = profile["deviance" if kind == "deviance" else "signed_root"].to_numpy()
    root = float(np.sqrt(about["threshold"]))
    levels = [about["threshold"]] if kind == "deviance" else [-root, root]
    low, high = (about[end] for end in ("low", "high"))
    ax.axvspan(max(low, x.min()), min(high, x.max()), color=INK, alpha=0.12, linewidth=0, zorder=1)
    for level in levels:
        ax.axhline(level, color=GREY, linewidth=0.9, linestyle=DASHED, zorder=2)
    for end, sign in ((low, -1.0), (high, 1.0)):
        if x.min() <= end <= x.max():
            height = about["threshold"] if kind == "deviance" else sign * root
            at_bound = abs(np.interp(end, x, y) - height) > 0.05 * abs(height)
            if not at_bound:
                ax.plot([end], [height], "o", color=INK, markersize=4.5, zorder=4)
    ax.plot(x, y, **{"color": INK, "linewidth": 1.8, "zorder": 3, **dict(line or {})})
    ax.axvline(about["estimate"], color=GREY, linewidth=0.8, linestyle=DOTTED, zorder=2)
    _finish(ax, profile, kind, x)
    if legend:
        add_legend(ax, _handles(profile))
    return ax


def _finish(ax: Axes, profile: pd.DataFrame, kind: str, x: np.ndarray) -> None:
    about = profile.attrs
    positive = x[x > 0]
    if about["is_log"] and positive.max() > _LINEAR_UP_TO * positive.min():
        log_axis(ax.xaxis, None, positive.min(), positive.max())
    else:
        ax.set_xlim(x.min(), x.max())
        ax.xaxis.set_major_formatter(FuncFormatter(lambda v, _: format_plain(v, 4)))
    root = float(np.sqrt(about["threshold"]))
    if kind == "deviance":
        ax.set_ylim(0.0, max(_HEADROOM * about["threshold"], 1.0))
        ax.set_ylabel("deviance (increase of the objective / noise)")
    else:
        ax.set_ylim(-_HEADROOM * root, _HEADROOM * root)
        ax.set_ylabel("signed root of the deviance")
    ax.set_xlabel(_label(about["quantity"]))
    quiet_frame(ax)
    if is_small(ax):
        ax.yaxis.label.set_fontsize(7)


def _label(quantity: str) -> str:
    """A parameter or an expression as maths; a user-defined name unchanged."""
    if re.fullmatch(r"\w+(\[.*\])?", quantity):
        return maths_for_picture(name_to_latex(quantity))
    try:
        return maths_for_picture(to_latex(parse(quantity).expression))
    except FormulaError:
        return for_picture(quantity)


def _handles(profile: pd.DataFrame) -> list[Any]:
    about = profile.attrs
    level = f"{100 * about['confidence_level']:g} %"
    span = " to ".join(_end(about[end]) for end in ("low", "high"))
    return [
        Line2D([], [], color=INK, linewidth=1.8, label="profile (other parameters re-optimised)"),
        Line2D([], [], color=GREY, linewidth=0.8, linestyle=DOTTED,
               label=f"estimate, {format_plain(about['estimate'])}"),
        Line2D([], [], color=GREY, linewidth=0.9, linestyle=DASHED,
               label=f"threshold, {format_plain(about['threshold'], 3)}"),
        Patch(color=INK, alpha=0.2, linewidth=0,
              label=f"{level} confidence interval,\n{span} ({about['method']})"),
    ]  # fmt: skip


def _end(value: float) -> str:
    if np.isfinite(value):
        return format_plain(value)
    return "infinity" if value > 0 else "minus infinity"
