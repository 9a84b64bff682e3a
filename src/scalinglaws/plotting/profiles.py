"""Plot of a profile with its threshold and interval."""

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
from scalinglaws.numerals import format_level, format_plain
from scalinglaws.options import check_option
from scalinglaws.plotting.axes import check_kind, frame, log_axis, settle, write_title
from scalinglaws.plotting.labels import labels_of
from scalinglaws.plotting.marks import draw_guide
from scalinglaws.plotting.style import Style, style_of

# A parameter that moves by less than this factor is read best on a linear axis.
_LINEAR_UP_TO = 1.3
_HEADROOM = 1.7
_HEIGHTS = {
    "deviance": "deviance (increase of the objective / noise)",
    "root": "signed root of the deviance",
}


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
