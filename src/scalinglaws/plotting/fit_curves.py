"""Plot of fitted curves and runs: solid within the runs, dashed beyond, with a band."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from scalinglaws.arrays import BoolArray, FloatArray
from scalinglaws.core.law import STANDARD_VARIABLES
from scalinglaws.errors import ScalingLawWarning
from scalinglaws.fitting.inference.predict import at
from scalinglaws.fitting.record import FitRecord
from scalinglaws.fitting.result import Fit
from scalinglaws.forecasting.run_rows import compute_of
from scalinglaws.numerals import format_level
from scalinglaws.options import check_option
from scalinglaws.plotting.axes import (
    far_field,
    frame,
    label_of,
    log_axis,
    padded,
    settle,
    write_title,
)
from scalinglaws.plotting.compute_curves import has_compute, plot_against_compute
from scalinglaws.plotting.families import Family, groups_of
from scalinglaws.plotting.labels import labels_of, named_ones, shortened
from scalinglaws.plotting.marks import CURVE, HAIR, draw_band, draw_held_out, draw_line, draw_runs
from scalinglaws.plotting.sentences import (
    fit_sentence,
    held_out_note,
    held_out_sentence,
    reached,
    run_sentence,
    target_column,
)
from scalinglaws.plotting.style import style_of

_POINTS = 160
# Limits of the default extrapolation along other variables, and along N, D and C.
_EXTRAPOLATION = ((1.0, 1.3), (1.5, 10.0))
_BANDS = ("curve", "run", "none")
_KINDS = {
    "curve": ("confidence interval (curve)", "confidence intervals (curve)"),
    "run": ("prediction interval (new run)", "prediction intervals (new run)"),
}
_PLURALS = {"N": "parameters", "D": "tokens", "C": "FLOP"}  # of names right of the panel
_MANY = 9  # groups, beyond which their curves are thin
_MOST_HIDDEN = 0.5  # of the curves may lie in the band of another


@dataclass(frozen=True)
class _Options:
    """What the user wants drawn."""

    band: str
    level: float
    point: Mapping[str, Any]
    line: Mapping[str, Any]


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
    labels: bool = True,
    label: str | None = None,
    group: str | Mapping[str, str] | None = None,
    title: bool | str | None = None,
) -> Axes:
    """Plot the fitted law with the observed runs.

    Parameters
    ----------
    fit : Fit
        From :func:`scalinglaws.fit`.
    x : str, optional
        Variable of the x axis; by default D if the law has it, else its first variable. There is
        one curve for each value of the other variable, or for a selection of its values. "C" with
        a law of N and D draws the compute-optimal frontier.
    ax : Axes, optional
        Axes to draw in; by default those of a new figure. A second fit on the same axes has its
        own colour, and both are named.
    extrapolate : float, optional
        Factor in x, relative to the largest run, up to which the curves are drawn, dashed. The
        default is the range of the runs, limited to between 1.5 and 10.
    band : {"curve", "run", "none"}
        Shaded band: the confidence interval (curve) or the prediction interval (new run).
    targets : DataFrame, optional
        Held-out runs, drawn as hollow circles.
    confidence_level : float, optional
        Level of the band; by default that of the fit.
    point, line : mapping, optional
        Matplotlib styles of the points and curves.
    labels : bool
        Whether to write names and notes.
    label : str, optional
        Name of this fit where several are on the same axes; by default that of the law.
    group : str or mapping of column to str, optional
        The group of runs to draw, for laws with indexed parameters; by default all groups, each in
        a different colour whose shades are the values of the other variable.
    title : bool or str, optional
        Sentence above the picture; by default the result, on a new figure.

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
    >>> ax.get_title(loc="left")
    '3 runs kept out of the fit come within 2.3 % of their curves'
    """
    check_option("band", band, _BANDS)
    if extrapolate is not None and extrapolate < 1:
        raise ValueError(f"`extrapolate` must be 1 or more; got {extrapolate}.")
    level = fit.confidence_level if confidence_level is None else confidence_level
    if x is not None and fit.runs.variable_of(x) == "C" and has_compute(fit):
        assert isinstance(fit, Fit)
        return plot_against_compute(
            fit, ax=ax, extrapolate=extrapolate, level=level, band=band, targets=targets,
            labels=labels, group=group, title=title, point=point, line=line,
        )  # fmt: skip
    x = _axis_variable(fit, x)
    ax, own = settle(ax)
    options = _Options(band, level, point or {}, line or {})
    earlier = labels_of(ax).drawn.fits
    groups = groups_of(fit, group, style_of(ax), len(earlier))
    families = [Family(fit, x, targets, one, len(groups)) for one in groups]
    span = padded(*_span(families, extrapolate))
    curves = [_curve(family, v, span, options) for family in families for v in family.curves]
    # bands of a second fit would hide those of the first
    banded = [] if band == "none" or earlier else _banded(curves)
    _draw(ax, curves, banded, options, again=bool(earlier))
    if not earlier:
        _frame(ax, curves, banded, options)
    if labels:
        _name(ax, curves, _own_label(fit, label, earlier))
        _note(ax, families, targets)
    write_title(ax, title, _sentence(fit, families, targets), own=own)
    return ax


def _axis_variable(fit: FitRecord, x: str | None) -> str:
    if x is None:
        return "D" if "D" in fit.law.variables else fit.law.variables[0]
    variable = fit.runs.variable_of(x)
    compute = ("C",) if has_compute(fit) else ()
    check_option("x", variable, (*fit.law.variables, *compute))
    return variable


def _span(families: Sequence[Family], extrapolate: float | None) -> tuple[float, float]:
    """Ends of the curves along x."""
    x = families[0].x
    smallest = min(float(family.values[x].min()) for family in families)
    largest = max(float(family.values[x].max()) for family in families)
    held_out = max(family.largest_target for family in families)
    if smallest <= 0:  # no factor leads beyond
        return smallest, max(largest, held_out)
    if extrapolate is None:
        limits = _EXTRAPOLATION[x in STANDARD_VARIABLES]
        extrapolate = float(np.clip(largest / smallest, *limits))
    # of a variable such as a loss, smaller values are as far from the runs as larger ones
    start = smallest if x in STANDARD_VARIABLES else smallest / extrapolate
    return start, max(largest * extrapolate, held_out)


# --- marks -----------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Curve:
    """One curve: its family, the value of the second variable, and the prediction along x."""

    family: Family
    value: float
    along: FloatArray
    estimate: FloatArray
    low: FloatArray
    high: FloatArray
    beyond: BoolArray

    @property
    def colour(self) -> Any:
        """Its colour in the map of sizes, or in the shades of its group."""
        return self.family.colour(self.value)


def _curve(family: Family, value: float, span: tuple[float, float], options: _Options) -> _Curve:
    low, high = span
    inside = family.observed(value) or (high, high)
    spaced = (np.geomspace if low > 0 else np.linspace)(low, high, _POINTS)
    along = np.unique(np.concatenate([spaced, inside]))
    with warnings.catch_warnings():
        # the picture says itself how far beyond the data it goes
        warnings.simplefilter("ignore", ScalingLawWarning)
        found = at(family.fit, family.columns(along, value), options.level)
    kind = "curve" if options.band == "none" else options.band
    low_end, high_end = (np.asarray(getattr(found, f"{kind}_{end}")) for end in ("low", "high"))
    beyond = (along < inside[0]) | (along > inside[1])
    return _Curve(family, value, along, np.asarray(found.estimate), low_end, high_end, beyond)


def _banded(curves: Sequence[_Curve]) -> list[_Curve]:
    """Curves with a band: all, or the last where most bands would hide their neighbours."""
    finite = [c for c in curves if np.isfinite(c.low[-1]) and np.isfinite(c.high[-1])]
    order = sorted(finite, key=lambda c: float(c.estimate[-1]))
    hidden = [upper.low[-1] < lower.estimate[-1] for lower, upper in pairwise(order)]
    return finite[-1:] if sum(hidden) > _MOST_HIDDEN * len(hidden) else finite


def _draw(
    ax: Axes, curves: Sequence[_Curve], banded: Sequence[_Curve], options: _Options, *, again: bool
) -> None:
    """Bands, curves, runs and held-out runs, and the limits that they need."""
    families = list(dict.fromkeys(curve.family for curve in curves))
    fit, x = families[0].fit, families[0].x
    heights = [family.y for family in families] + [curve.estimate for curve in curves]
    for curve in banded:
        draw_band(ax, curve.along, curve.low, curve.high, curve.colour)
    width = CURVE if len(families) <= _MANY else HAIR
    for curve in curves:
        draw_line(ax, curve.along, curve.estimate, curve.beyond, curve.colour,
                  **{"width": width, **options.line})  # fmt: skip
    for family in families:
        if labels_of(ax).once(f"runs {fit.runs.digest} {family.group.name}"):
            hollow = {"facecolors": "none", "linewidths": 0.8} if again else {}
            draw_runs(ax, family.values[x], family.y, family.colours_of_runs, n=fit.n,
                      **{**hollow, **options.point})  # fmt: skip
        if family.targets is not None:
            heights.append(_draw_targets(ax, family, family.targets))
    shown = np.concatenate(heights)
    shown = shown[np.isfinite(shown) & ((shown > 0) | (fit.runs.y.min() <= 0))]
    log_axis(ax.yaxis, None, *padded(float(shown.min()), float(shown.max()), 0.06))
    log_axis(ax.xaxis, x, float(curves[0].along[0]), float(curves[0].along[-1]))


def _draw_targets(ax: Axes, family: Family, targets: pd.DataFrame) -> FloatArray:
    fit = family.fit
    x = target_column(fit, targets, family.x)
    by = target_column(fit, targets, family.by) if family.by else np.ones(len(x))
    y = reached(fit, targets)
    draw_held_out(ax, x, y, [family.colour(v) for v in by])
    return y


# --- words -----------------------------------------------------------------------------------


def _frame(ax: Axes, curves: Sequence[_Curve], banded: Sequence[_Curve], options: _Options) -> None:
    """Names of the axes, with the kind of the bands, and the far field."""
    family = curves[-1].family
    fit = family.fit
    x = label_of(family.x, fit.runs.columns[family.x])
    if family.rest:
        x += f" ({', '.join(family.rest)} as in nearby runs)"
    y = fit.runs.target
    if family.x in STANDARD_VARIABLES and curves[-1].estimate[-1] > curves[-1].estimate[0]:
        y += ", higher is better"
    if banded:
        one = len(banded) == 1
        y += f"; {'band' if one else 'bands'}: {format_level(options.level)} "
        y += _KINDS[options.band][0 if one else 1]
        y += f" of {_curve_name(banded[0], 1)}" if one and len(curves) > 1 else ""
    frame(ax, x, y)
    if family.x in STANDARD_VARIABLES:
        far_field(ax, float(fit.runs.values[family.x].max()))


def _own_label(fit: FitRecord, label: str | None, earlier: Sequence[str]) -> str:
    """The name of a fit, different from those that are on the axes."""
    name = label or fit.law.label
    if name in earlier:
        name = f"{name} ({len(earlier) + 1})"
    return name


def _name(ax: Axes, curves: Sequence[_Curve], label: str) -> None:
    """Names right of the curves: of their sizes, their groups, or of the fit among several."""
    labels = labels_of(ax)
    earlier, last = labels.drawn.fits, curves[-1]
    n_groups = len({curve.family for curve in curves})
    if earlier:
        if len(earlier) == 1 and labels.once("first fit"):
            labels.name(labels.drawn.first_end, earlier[0], style_of(ax).ink, bold=True)
        labels.name_end(last.along, last.estimate, shortened(label), last.family.group.hue,
                        bold=True)  # fmt: skip
    else:
        for k in named_ones(len(curves)):
            curve = curves[k]
            colour = curve.colour if n_groups == 1 else curve.family.group.hue
            labels.name_end(curve.along, curve.estimate, _curve_name(curve, n_groups), colour)
        by = last.family.by
        if by and n_groups == 1:
            _name_scale(ax, _PLURALS.get(by, by))
        labels.drawn.first_end = float(last.estimate[-1])
    labels.drawn.fits.append(shortened(label))


def _curve_name(curve: _Curve, n_groups: int) -> str:
    family = curve.family
    size = "" if family.by is None else family.text_of(curve.value)
    if n_groups == 1:
        return size or shortened(family.fit.law.label)
    name = shortened(family.group.name)
    return f"{name}, {size}" if size and len(family.curves) > 1 else name


def _name_scale(ax: Axes, text: str) -> None:
    """What the names right of the panel are, above them."""
    style = style_of(ax)
    ax.annotate(text, (1.0, 1.0), xycoords="axes fraction", xytext=(5, 4),
                textcoords="offset points", ha="left", va="bottom", fontsize=style.font,
                color=style.muted, annotation_clip=False)  # fmt: skip


def _note(ax: Axes, families: Sequence[Family], targets: pd.DataFrame | None) -> None:
    """What is odd: the runs kept out, or the largest run."""
    fit, x = families[0].fit, families[0].x
    labels, style = labels_of(ax), style_of(ax)
    if targets is not None and len(targets):
        heights = reached(fit, targets)
        place = int(np.argmin(heights))
        xy = float(target_column(fit, targets, x)[place]), float(heights[place])
        if labels.once("held out"):
            labels.note(xy, held_out_note(fit, targets), style.ink, leader=True)
    elif len(families) == 1 and {"N", "D"} <= set(fit.law.variables) and labels.once("largest"):
        place = int(np.argmax(compute_of(fit.runs)))
        xy = float(fit.runs.values[x][place]), float(fit.runs.y[place])
        labels.note(xy, f"largest run,\n{run_sentence(fit, place)}", style.ink, leader=True)


def _sentence(fit: FitRecord, families: Sequence[Family], targets: pd.DataFrame | None) -> str:
    """The title: how near the runs are."""
    if targets is not None and len(targets):
        return held_out_sentence(fit, targets)
    return fit_sentence(fit, sum(len(family.y) for family in families))
