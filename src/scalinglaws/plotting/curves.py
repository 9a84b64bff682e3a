"""Plot of fitted curves and runs: solid within the data, dashed beyond, with a band."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator

from scalinglaws.arrays import FloatArray
from scalinglaws.core.law import STANDARD_VARIABLES
from scalinglaws.errors import DataError, ScalingLawWarning
from scalinglaws.escaping import for_picture
from scalinglaws.fitting.inference.predict import at
from scalinglaws.fitting.record import FitRecord
from scalinglaws.numerals import format_variable
from scalinglaws.options import check_option
from scalinglaws.plotting.axes import (
    figure_of,
    is_small,
    label_of,
    log_axis,
    new_axes,
    padded,
    quiet_frame,
)
from scalinglaws.plotting.group_curves import Group, groups_of
from scalinglaws.plotting.lines import DASHED, DOTTED, GREY

_POINTS = 160
# Limits of the default extrapolation along other variables, and along N, D and C.
_EXTRAPOLATION = ((1.0, 1.3), (1.5, 10.0))
_MANY_RUNS = 1500  # more are drawn small and under the curves
_LONGEST_LABEL = 24
_MOST_CURVES, _MOST_OF_ALL_GROUPS = 7, 9
_MOST_NAMED = 3  # curves that the legend names; more get a colour bar
_MOST_GROUPS_NAMED, _LONGEST_GROUP = 7, 32
_BANDS = ("curve", "run", "none")


def plot_fit(
    fit: FitRecord,
    x: str | None = None,
    *,
    ax: Axes | None = None,
    extrapolate: float | None = None,
    band: str = "curve",
    targets: pd.DataFrame | None = None,
    confidence_level: float | None = None,
    point: Mapping[str, Any] | None = None,
    line: Mapping[str, Any] | None = None,
    legend: bool = True,
    group: str | Mapping[str, str] | None = None,
) -> Axes:
    """Plot the fitted law with the observed runs.

    Parameters
    ----------
    fit : Fit
        From :func:`scalinglaws.fit`.
    x : str, optional
        Variable of the x axis; by default D if the law has it, else its first variable. There is
        one curve for each value of the other variable, or for a selection of its values.
    ax : Axes, optional
        Axes to draw in; by default those of a new figure.
    extrapolate : float, optional
        Factor in x, relative to the largest run, up to which the curves are drawn, dashed. The
        default is the range of the runs, limited to between 1.5 and 10.
    band : {"curve", "run", "none"}
        Shaded band: the confidence interval (curve) or the prediction interval (new run).
    targets : DataFrame, optional
        Held-out runs, drawn as stars.
    confidence_level : float, optional
        Level of the band; by default that of the fit.
    point, line : mapping, optional
        Matplotlib styles of the points and curves.
    legend : bool, default True
        Whether to draw a legend.
    group : str or mapping of column to str, optional
        The group of runs to draw, for laws with indexed parameters; by default all groups, each in
        a different colour whose shades are the values of the other variable.

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        If the law has no such variable or group, or an option is misspelt.

    Notes
    -----
    If the law has more than two variables, the others take the values of the runs near each curve:
    C its ratio to N*D, any other variable its geometric mean.

    Examples
    --------
    >>> import scalinglaws as sl
    >>> runs = sl.datasets.ladder()
    >>> fit = sl.fit(runs[runs["D"] > 1.5e6], "kaplan")
    >>> ax = plot_fit(fit, targets=sl.datasets.ladder("target"))
    >>> ax.get_ylabel()
    'loss'
    """
    check_option("band", band, _BANDS)
    x = _axis_variable(fit, x)
    if extrapolate is not None and extrapolate < 1:
        raise ValueError(f"`extrapolate` must be 1 or more; got {extrapolate}.")
    ax = new_axes() if ax is None else ax
    groups = groups_of(fit, group)
    families = [_Family(fit, x, targets, one, len(groups)) for one in groups]
    level = fit.confidence_level if confidence_level is None else confidence_level
    smallest = min(float(family.values[x].min()) for family in families)
    largest = max(float(family.values[x].max()) for family in families)
    if smallest <= 0:  # no factor leads beyond
        extrapolate, start, end = 1.0, smallest, largest
    else:
        if extrapolate is None:
            limits = _EXTRAPOLATION[x in STANDARD_VARIABLES]
            extrapolate = float(np.clip(largest / smallest, *limits))
        end = largest * extrapolate
        # of a variable such as a loss, smaller values are as far from the runs as larger ones
        start = smallest if x in STANDARD_VARIABLES else smallest / extrapolate
    end = max(end, *(family.largest_target for family in families))
    low, high = padded(start, end)
    heights: list[FloatArray] = []
    for family in families:
        heights.append(family.y)
        for value in family.curves:
            heights.append(
                _draw_curve(ax, family, value, (low, high), band, level, dict(line or {}))
            )
        _draw_runs(ax, family, dict(point or {}))
        if family.targets is not None:
            heights.append(_draw_targets(ax, family, family.targets))
    if extrapolate > 1 or end > largest:
        ax.axvline(largest, color=GREY, linewidth=0.8, linestyle=DOTTED, zorder=1)
    _finish(ax, families, (low, high), np.concatenate(heights))
    if legend:
        _add_legend(ax, families, band, level, targets is not None)
    return ax


def _axis_variable(fit: FitRecord, x: str | None) -> str:
    if x is None:
        return "D" if "D" in fit.law.variables else fit.law.variables[0]
    variable = fit.runs.variable_of(x)
    check_option("x", variable, fit.law.variables)
    return variable


class _Family:
    """The curves of one group of runs: one for each value of a second variable."""

    def __init__(
        self, fit: FitRecord, x: str, targets: pd.DataFrame | None, group: Group, n_groups: int
    ) -> None:
        self.fit, self.x, self.group = fit, x, group
        self.values = {name: column[group.rows] for name, column in fit.runs.values.items()}
        self.y = fit.runs.y[group.rows]
        self.targets = None if targets is None else targets[group.in_table(fit, targets)]
        self.most_curves = (
            _MOST_CURVES if n_groups == 1 else max(1, _MOST_OF_ALL_GROUPS // n_groups)
        )
        others = [v for v in fit.law.variables if v != x]
        # C belongs to the curves only where nothing else does
        self.by = next((v for v in others if v != "C"), others[0] if others else None)
        self.rest = [v for v in others if v != self.by]
        self.levels = np.unique(self.values[self.by]) if self.by else np.array([np.nan])
        self.curves = self._curve_values()
        low, high = float(self.levels.min()), max(float(self.levels.max()), self.curves[-1])
        norm = LogNorm if low > 0 else Normalize
        self.norm = norm(low, high) if self.by and high > low else None

    def colour(self, value: float) -> Any:
        """Colour of a value of the second variable."""
        if self.norm is None:
            return self.group.colours(0.4)
        return self.group.colours(float(np.clip(self.norm(value), 0.0, 1.0)))

    @property
    def largest_target(self) -> float:
        """How far along x the runs go that were not fitted."""
        if self.targets is None or not len(self.targets):
            return 0.0
        return float(_column(self.fit, self.targets, self.x).max())

    def _curve_values(self) -> list[float]:
        """Values that get a curve: all where they are few, else evenly spread ones."""
        if self.by is None:
            return [np.nan]
        chosen = list(self.levels)
        most = self.most_curves
        if len(chosen) > most:
            places = np.linspace(0, len(chosen) - 1, most) if most > 1 else [len(chosen) / 2]
            sizes = self._size(self.levels)
            wanted = np.interp(places, np.arange(len(chosen)), sizes)
            if self._is_scattered() and most > 1:
                wanted = np.linspace(sizes[0], sizes[-1], most)
            nearest = {int(np.abs(sizes - w).argmin()) for w in wanted}
            chosen = [float(self.levels[k]) for k in sorted(nearest)]
        if self.targets is not None:
            own = _column(self.fit, self.targets, self.by)
            chosen += [float(v) for v in np.unique(own) if v > self.levels[-1] * 1.001]
        return chosen

    @property
    def ticks(self) -> list[float] | None:
        """Values that the colour bar names, where they are few; else it has ticks of its own."""
        return self.curves if len(self.levels) <= self.most_curves else None

    def observed(self, value: float) -> tuple[float, float] | None:
        """Range along x of the runs that this curve stands for; None if there are none."""
        values = self.values
        if self.by is None:
            own = values[self.x]
        elif value > self.levels[-1]:
            return None
        else:
            own = values[self.x][self._near(value)]
        return (float(own.min()), float(own.max())) if len(own) else None

    def _near(self, value: float) -> npt.NDArray[np.bool_]:
        """The runs that a curve stands for; for a curve beyond them, those of the last one."""
        values = self.values
        if self.by is None:
            return np.ones(len(self.y), dtype=np.bool_)
        inside = [c for c in self.curves if c <= self.levels[-1]]
        distance = np.abs(self._size(values[self.by])[:, None] - self._size(np.array(inside)))
        place = inside.index(value) if value in inside else len(inside) - 1
        near: npt.NDArray[np.bool_] = distance.argmin(axis=1) == place
        return near if near.any() else np.ones_like(near)

    def _size(self, values: FloatArray) -> FloatArray:
        """Values on the scale of the second variable: logarithms where it is positive."""
        return np.asarray(np.log(values) if self.levels[0] > 0 else values)

    def _is_scattered(self) -> bool:
        return len(self.levels) > 3 * self.most_curves

    def columns(self, along: FloatArray, value: float) -> dict[str, Any]:
        """All variables and labels along one curve."""
        columns = {self.x: along}
        if self.by:
            columns[self.by] = np.full_like(along, value)
        for name in self.rest:
            columns[name] = self._typical(name, columns, value)
        labels = {c: np.asarray(level, object) for c, level in self.group.labels.items()}
        return {v: columns[v] for v in self.fit.law.variables} | labels

    def _typical(self, name: str, columns: Mapping[str, FloatArray], value: float) -> FloatArray:
        """A variable that is not drawn, as in the runs that this curve stands for.

        C is taken at its ratio to N*D there, others at their geometric mean.
        """
        near = self._near(value)
        values = {v: column[near] for v, column in self.values.items()}
        others = [v for v in (self.x, self.by) if v and v != "C"]
        runs = np.prod([values[v] for v in others], axis=0)
        here = np.prod([columns[v] for v in others], axis=0)
        if name == "C":
            return np.asarray(_geometric_mean(values["C"] / runs) * here)
        if "C" in columns:
            ratio = _geometric_mean(values["C"] / runs / values[name])
            return np.asarray(columns["C"] / (ratio * here))
        return np.full_like(columns[self.x], _geometric_mean(values[name]))


def _geometric_mean(values: FloatArray) -> float:
    if (values <= 0).any():
        return float(np.mean(values))
    return float(np.exp(np.mean(np.log(values))))


def _draw_curve(
    ax: Axes,
    family: _Family,
    value: float,
    span: tuple[float, float],
    band: str,
    level: float,
    style: dict[str, Any],
) -> FloatArray:
    """One curve with its band; returns the heights that must be visible."""
    low, high = span
    fit = family.fit
    inside = family.observed(value) or (high, high)
    spaced = (np.geomspace if low > 0 else np.linspace)(low, high, _POINTS)
    along = np.unique(np.concatenate([spaced, inside]))
    with warnings.catch_warnings():
        # the picture says itself how far beyond the data it goes
        warnings.simplefilter("ignore", ScalingLawWarning)
        found = at(fit, family.columns(along, value), level)
    colour = family.colour(value)
    options = {"color": colour, "linewidth": 1.6, "zorder": 3, **style}
    for part, dashes in (
        (along <= inside[0], DASHED),
        ((along >= inside[0]) & (along <= inside[1]), "-"),
        (along >= inside[1], DASHED),
    ):
        if part.sum() > 1:
            ax.plot(along[part], found.estimate[part], **{**options, "linestyle": dashes})
    if band != "none":
        edges = {
            "curve": (found.curve_low, found.curve_high),
            "run": (found.run_low, found.run_high),
        }[band]
        finite = np.isfinite(edges[0]) & np.isfinite(edges[1])
        ax.fill_between(
            along, edges[0], edges[1], where=finite, color=colour, alpha=0.16, linewidth=0, zorder=2
        )
    return np.asarray(found.estimate)


def _draw_runs(ax: Axes, family: _Family, style: dict[str, Any]) -> None:
    runs = family.fit.runs
    values = family.values[family.by] if family.by else np.ones(len(family.y))
    colours = [family.colour(v) for v in values]
    options: dict[str, Any] = {"zorder": 4, "edgecolors": "white", "linewidths": 0.5}
    options["s"] = 26 if runs.n <= 150 else 14
    if runs.n > _MANY_RUNS:
        options = {"zorder": 1.5, "s": 4, "linewidths": 0, "alpha": 0.3, "rasterized": True}
    options.update(style)
    ax.scatter(family.values[family.x], family.y, c=colours, **options)


def _draw_targets(ax: Axes, family: _Family, targets: pd.DataFrame) -> FloatArray:
    fit = family.fit
    x = _column(fit, targets, family.x)
    by = _column(fit, targets, family.by) if family.by else np.ones(len(x))
    if fit.runs.target not in targets.columns:
        raise DataError(f"`targets` has no column {fit.runs.target!r} for the performance.")
    y = targets[fit.runs.target].to_numpy(dtype=np.float64)
    ax.scatter(
        x, y, c=[family.colour(v) for v in by], marker="*", s=120, zorder=6,
        edgecolors="black", linewidths=0.7,
    )  # fmt: skip
    return y


def _column(fit: FitRecord, frame: pd.DataFrame, variable: str) -> FloatArray:
    name = fit.runs.columns[variable]
    name = name if name in frame.columns else variable
    if name not in frame.columns:
        raise DataError(f"`targets` has no column {name!r} for {variable}.")
    return frame[name].to_numpy(dtype=np.float64)


def _finish(
    ax: Axes,
    families: Sequence[_Family],
    span: tuple[float, float],
    heights: npt.NDArray[np.float64],
) -> None:
    family = families[0]
    fit = family.fit
    log_axis(ax.xaxis, family.x, *span)
    heights = heights[np.isfinite(heights) & ((heights > 0) | (fit.runs.y.min() <= 0))]
    log_axis(ax.yaxis, None, *padded(float(heights.min()), float(heights.max()), 0.06))
    ax.set_xlabel(label_of(family.x, fit.runs.columns[family.x]))
    ax.set_ylabel(for_picture(fit.runs.target))
    quiet_frame(ax)
    alone = len(families) == 1
    if alone and family.norm is not None and len(family.curves) > _MOST_NAMED:
        _add_colour_bar(ax, family)


def _add_colour_bar(ax: Axes, family: _Family) -> None:
    assert family.norm is not None
    assert family.by is not None
    bar = figure_of(ax).colorbar(
        ScalarMappable(family.norm, family.group.colours), ax=ax, pad=0.02, aspect=30
    )
    low, high = family.norm.vmin, family.norm.vmax
    assert low is not None
    assert high is not None
    log_axis(bar.ax.yaxis, family.by, low, high)
    if family.ticks is not None:
        bar.ax.yaxis.set_major_locator(FixedLocator(family.ticks))
    bar.set_label(label_of(family.by, family.fit.runs.columns[family.by]))
    bar.outline.set_visible(False)


def _add_legend(
    ax: Axes, families: Sequence[_Family], band: str, level: float, has_targets: bool
) -> None:
    grey, family = GREY, families[0]
    handles: list[Any] = []
    if len(families) > 1:
        handles += _group_handles(families)
    elif family.by and len(family.curves) <= _MOST_NAMED:
        handles += [
            Line2D([], [], color=family.colour(v), marker="o", markersize=4, linewidth=1.6,
                   label=f"{for_picture(family.by)} = {format_variable(family.by, float(v))}")
            for v in family.curves
        ]  # fmt: skip
    else:
        handles.append(
            Line2D([], [], color=grey, marker="o", linestyle="none", markersize=4, label="run")
        )
    handles.append(Line2D([], [], color=grey, linewidth=1.6, label=_fit_label(family.fit)))
    handles.append(
        Line2D([], [], color=grey, linewidth=1.6, linestyle=DASHED, label="extrapolated")
    )
    kinds = {"curve": "confidence interval (curve)", "run": "prediction interval (new run)"}
    if band in kinds:
        handles.append(
            Patch(color=grey, alpha=0.2, linewidth=0, label=f"{100 * level:g} % {kinds[band]}")
        )
    handles.append(Line2D([], [], color=grey, linewidth=0.8, linestyle=DOTTED, label="largest run"))
    if has_targets:
        handles.append(
            Line2D([], [], color=grey, marker="*", linestyle="none", markersize=10,
                   markeredgecolor="black", label="held-out run")
        )  # fmt: skip
    if family.rest:
        others = ", ".join(family.rest)
        handles.append(
            Line2D([], [], linestyle="none", label=f"{for_picture(others)} as in nearby runs")
        )
    ax.legend(
        handles=handles, loc="best", fontsize=5.5 if is_small(ax) else 8,
        handlelength=1.6 if is_small(ax) else 2.2,
        frameon=True, framealpha=0.75, edgecolor="none",
    )  # fmt: skip


def _group_handles(families: Sequence[_Family]) -> list[Line2D]:
    """The colour of each group, and what its shades mean."""
    handles = [
        Line2D([], [], color=family.group.colours(0.5), marker="o", markersize=4, linewidth=1.6,
               label=for_picture(_shortened(family.group.name)))
        for family in families[:_MOST_GROUPS_NAMED]
    ]  # fmt: skip
    others = len(families) - len(handles)
    if others:
        handles.append(Line2D([], [], linestyle="none", label=f"and {others} more groups"))
    by = families[0].by
    if by:
        low = min(float(family.levels.min()) for family in families)
        high = max(float(family.levels.max()) for family in families)
        text = f"{by} {format_variable(by, low)} (light) to {format_variable(by, high)} (dark)"
        handles.append(Line2D([], [], linestyle="none", label=for_picture(text)))
    return handles


def _shortened(name: str) -> str:
    """A long name without its middle."""
    half = _LONGEST_GROUP // 2
    return name if len(name) <= _LONGEST_GROUP else f"{name[:half]}…{name[-half:]}"


def _fit_label(fit: FitRecord) -> str:
    label = fit.law.label
    return f"fit ({for_picture(label)})" if len(label) <= _LONGEST_LABEL else "fit"
