"""Corner plot of joint parameter draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import FuncFormatter, MaxNLocator
from scipy.stats import gaussian_kde

from scalinglaws.arrays import FloatArray
from scalinglaws.core.typeset import name_to_latex
from scalinglaws.escaping import maths_for_picture
from scalinglaws.numerals import format_plain, listed
from scalinglaws.plotting.axes import check_kind, log_axis
from scalinglaws.plotting.labels import wrapped
from scalinglaws.plotting.style import Style, inches, style_of

# A column whose central draws span this factor is read best as a logarithm.
_LOG_FROM = 1.5
_SHARES = (0.9, 0.5)  # of the draws inside each contour
_GRID, _BINS, _MOST_POINTS = 64, 32, 2000
_STRONG = 0.99  # a correlation that is written with more digits
_INSIDE = (0.002, 0.998)  # quantiles shown
_SIDE = 1.75  # inches of a panel
_FEWEST = 20
_TEXT, _LINE = 8.0, 10.0  # points, of a text and of its line


def plot_corner(
    draws: pd.DataFrame,
    params: Sequence[str] | None = None,
    *,
    estimate: Mapping[str, float] | pd.Series | None = None,
    log: Sequence[str] | None = None,
    fig: Figure | SubFigure | None = None,
    axes: npt.NDArray[Any] | None = None,
) -> npt.NDArray[Any]:
    """Corner plot: the histogram of each parameter, and contours of each pair.

    Parameters
    ----------
    draws : DataFrame
        One row per draw and one column per parameter, from `Fit.bootstrap` or `Fit.draws`.
    params : sequence of str, optional
        Columns to plot; by default all that vary.
    estimate : mapping of str to float, optional
        Values to mark, such as ``fit.params``.
    log : sequence of str, optional
        Columns with logarithmic axes; by default positive ones that span more than a factor of 1.5.
    fig : Figure or SubFigure, optional
        Figure for the panels; by default a new one.
    axes : (k, k) array of Axes, optional
        Panels to draw in, for k parameters.

    Returns
    -------
    (k, k) array of Axes
        Panels above the diagonal have the correlations and say what is drawn.

    Raises
    ------
    ValueError
        If a column is missing, nothing varies, or `axes` has another shape.

    Notes
    -----
    Contours enclose 50 and 90 % of the draws, from a Gaussian kernel density estimate on the scale
    of the axes. The number above the diagonal is the correlation on the same scale.

    Examples
    --------
    >>> import scalinglaws as sl
    >>> from scalinglaws.plotting import plot_corner
    >>> runs = sl.datasets.ladder()
    >>> fit = sl.fit(runs[runs["D"] > 1.5e6], "kaplan")
    >>> axes = plot_corner(fit.draws(500), ["N_c", "alpha_N"], estimate=fit.params)
    >>> axes.shape
    (2, 2)
    """
    check_kind("draws", draws, pd.DataFrame, "fit.draws or fit.bootstrap")
    names = _chosen(draws, params)
    table = draws[names].to_numpy(dtype=np.float64)
    finite = np.isfinite(table).all(axis=1)
    table = table[finite]
    if len(table) < _FEWEST:
        raise ValueError(f"A corner needs {_FEWEST} finite draws; these are {len(table)}.")
    is_log = _logarithmic(names, table, log)
    panels = _panels(len(names), fig, axes)
    style = style_of(panels[0, 0])
    shown = np.log(table, where=is_log, out=table.copy())
    ranges = [_range(column) for column in shown.T]
    for row, below in enumerate(names):
        for column, left in enumerate(names):
            ax = panels[row, column]
            if column > row:
                ax.set_axis_off()
                _write_correlation(ax, style, shown[:, column], shown[:, row])
                continue
            _set_axis(ax, "x", ranges[column], logarithmic=bool(is_log[column]))
            if row == column:
                _draw_histogram(ax, style, shown[:, row], ranges[row], bool(is_log[row]))
            else:
                _set_axis(ax, "y", ranges[row], logarithmic=bool(is_log[row]))
                _draw_pair(ax, style, shown[:, [column, row]], is_log[[column, row]],
                           (ranges[column], ranges[row]))  # fmt: skip
            _mark(ax, style, estimate, left, below)
            _label(ax, style, left, below, row, column, len(names))
    _describe(panels, style, draws, len(table), int((~finite).sum()), marked=estimate is not None)
    return panels


def _chosen(draws: pd.DataFrame, params: Sequence[str] | None) -> list[str]:
    if params is None:
        values = draws.to_numpy(dtype=np.float64)
        names = [str(n) for n, v in zip(draws.columns, values.T, strict=True) if np.ptp(v) > 0]
    else:
        names = [params] if isinstance(params, str) else list(params)
        missing = [name for name in names if name not in draws]
        if missing:
            raise ValueError(
                f"The draws have no column {listed(missing)}; they have "
                f"{listed([str(c) for c in draws.columns], most=20)}."
            )
        still = [name for name in names if np.ptp(draws[name].to_numpy(dtype=np.float64)) == 0]
        if still:
            raise ValueError(f"{listed(still)} is the same in every draw: there is no spread.")
    if not names:
        raise ValueError("There is nothing to draw: no column of the draws varies.")
    return names


def _logarithmic(
    names: Sequence[str], table: FloatArray, log: Sequence[str] | None
) -> npt.NDArray[np.bool_]:
    positive = table.min(axis=0) > 0
    if log is not None:
        unknown = [name for name in log if name not in names]
        if unknown:
            raise ValueError(
                f"`log` names {listed(unknown)}; drawn are {listed(list(names), most=20)}."
            )
        wrong = [n for n, p in zip(names, positive, strict=True) if n in log and not p]
        if wrong:
            raise ValueError(f"{listed(wrong)} is not positive in every draw: it has no logarithm.")
        return np.array([name in log for name in names])
    low, high = np.quantile(table, [0.025, 0.975], axis=0)
    return np.asarray(positive & (high > _LOG_FROM * low))


def _panels(
    k: int, fig: Figure | SubFigure | None, axes: npt.NDArray[Any] | None
) -> npt.NDArray[Any]:
    if axes is not None:
        panels = np.atleast_2d(np.asarray(axes, dtype=object))
        if panels.shape != (k, k):
            raise ValueError(
                f"`axes` must be {k} by {k} panels, for {k} parameters; got {panels.shape}."
            )
        return panels
    if fig is None:
        from matplotlib.pyplot import figure

        side = _SIDE * k + 0.8
        fig = figure(figsize=(side, side), layout="constrained")
    return np.asarray(fig.subplots(k, k, squeeze=False))


def _range(column: FloatArray) -> tuple[float, float]:
    low, high = (float(v) for v in np.quantile(column, _INSIDE))
    room = 0.06 * (high - low)
    return low - room, high + room


def _set_axis(ax: Axes, which: str, span: tuple[float, float], *, logarithmic: bool) -> None:
    axis = ax.xaxis if which == "x" else ax.yaxis
    if logarithmic:
        log_axis(axis, None, float(np.exp(span[0])), float(np.exp(span[1])))
    else:
        (ax.set_xlim if which == "x" else ax.set_ylim)(*span)
        axis.set_major_locator(MaxNLocator(3))
        axis.set_major_formatter(FuncFormatter(lambda value, _: format_plain(value, 4)))


def _natural(values: FloatArray, logarithmic: bool) -> FloatArray:
    return np.exp(values) if logarithmic else values


def _draw_histogram(
    ax: Axes, style: Style, values: FloatArray, span: tuple[float, float], logarithmic: bool
) -> None:
    edges = np.linspace(*span, _BINS + 1)
    heights, _ = np.histogram(values, edges)
    ax.stairs(heights, _natural(edges, logarithmic), fill=True, color=style.bands[1])
    ax.stairs(heights, _natural(edges, logarithmic), color=style.forecast, linewidth=0.9)
    ax.set_ylim(0, 1.08 * heights.max())
    ax.set_yticks([])


def _draw_pair(
    ax: Axes,
    style: Style,
    pair: FloatArray,
    is_log: npt.NDArray[np.bool_],
    spans: tuple[tuple[float, float], tuple[float, float]],
) -> None:
    some = pair[:: max(1, len(pair) // _MOST_POINTS)]
    ax.plot(
        _natural(some[:, 0], is_log[0]), _natural(some[:, 1], is_log[1]), ".", color=style.bands[0],
        markersize=1.8, alpha=0.5, markeredgewidth=0, zorder=2, rasterized=True,
    )  # fmt: skip
    try:
        density = gaussian_kde(some.T)
    except np.linalg.LinAlgError:  # the draws lie on a line, which says it all
        return
    x, y = (np.linspace(*span, _GRID) for span in spans)
    heights = density(np.stack([g.ravel() for g in np.meshgrid(x, y)])).reshape(_GRID, _GRID)
    levels = np.quantile(density(some.T), [1.0 - share for share in _SHARES])
    if not levels[0] < levels[1] < heights.max():
        return
    ax.contour(
        _natural(x, is_log[0]), _natural(y, is_log[1]), heights, levels=levels,
        colors=style.forecast, linewidths=(0.9, 1.3), zorder=3,
    )  # fmt: skip


def _write_correlation(ax: Axes, style: Style, x: FloatArray, y: FloatArray) -> None:
    correlation = float(np.corrcoef(x, y)[0, 1])
    digits = 2 if abs(correlation) < _STRONG else 4
    ax.text(
        0.5, 0.42, f"{correlation:.{digits}f}".replace("-", "\N{MINUS SIGN}"), ha="center",
        va="center", transform=ax.transAxes, color=style.ink, fontsize=_TEXT,
    )  # fmt: skip


def _mark(
    ax: Axes, style: Style, estimate: Mapping[str, float] | pd.Series | None, left: str, below: str
) -> None:
    if estimate is None:
        return
    line: dict[str, Any] = {"color": style.law, "linewidth": 0.9, "zorder": 4}
    if left in estimate and np.isfinite(estimate[left]):
        ax.axvline(estimate[left], **line)
    if left != below and below in estimate and np.isfinite(estimate[below]):
        ax.axhline(estimate[below], **line)


def _label(ax: Axes, style: Style, left: str, below: str, row: int, column: int, k: int) -> None:
    ax.tick_params(labelsize=7, labelbottom=row == k - 1, labelleft=column == 0 and row > 0,
                   colors=style.muted)  # fmt: skip
    ax.tick_params(axis="x", rotation=35)
    if row == k - 1:
        ax.set_xlabel(maths_for_picture(name_to_latex(left)), color=style.ink)
    if column == 0 and row > 0:
        ax.set_ylabel(maths_for_picture(name_to_latex(below)), color=style.ink)
    ax.spines[["top", "right", *(["left"] if row == column else [])]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(style.muted)


def _describe(
    panels: npt.NDArray[Any], style: Style, draws: pd.DataFrame, n: int, n_left_out: int, *,
    marked: bool,
) -> None:  # fmt: skip
    """What is drawn, as lines of text in the last panel above the diagonal."""
    method, k = draws.attrs.get("method"), len(panels)
    last = panels[0, k - 1]
    drawn = wrapped(f"{n:,} draws, {method}" if method else f"{n:,} draws",
                    72 * inches(last)[0], _TEXT).split("\n")  # fmt: skip
    lines = [(text, style.ink) for text in drawn]
    if n_left_out:
        lines.append((f"{n_left_out} not finite, left out", style.ink))
    if k > 1:
        lines.append(("contours hold 50 and 90 %", style.forecast))
        lines.append(("numbers are correlations", style.muted))
    if marked:
        lines.append(("the estimate", style.law))
    for place, (text, colour) in enumerate(lines):
        written = last.annotate(
            text, (1.0, 1.0), xycoords="axes fraction", xytext=(0, -_LINE * place),
            textcoords="offset points", ha="right", va="top", fontsize=_TEXT,
            color=style.readable(colour), annotation_clip=False,
        )  # fmt: skip
        written.set_in_layout(False)  # else a wide text moves the column of panels below it
