"""Plot of the performance against compute, with the compute-optimal frontier."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from scalinglaws.arrays import FloatArray
from scalinglaws.errors import no_warnings
from scalinglaws.fitting.inference.predict import at
from scalinglaws.fitting.record import FitRecord
from scalinglaws.fitting.result import Fit
from scalinglaws.forecasting.run_rows import compute_of
from scalinglaws.numerals import format_compute, format_count, format_level
from scalinglaws.planning.compute_optimal import optimal
from scalinglaws.planning.law_with_values import chosen_group
from scalinglaws.plotting.axes import (
    FAR,
    LABELS,
    far_field,
    frame,
    log_axis,
    padded,
    settle,
    write_title,
)
from scalinglaws.plotting.families import Group, groups_of
from scalinglaws.plotting.labels import labels_of, named_ones, shortened
from scalinglaws.plotting.marks import HAIR, draw_band, draw_held_out, draw_line, draw_runs
from scalinglaws.plotting.sentences import (
    held_out_note,
    reached,
    run_sentence,
    target_column,
    with_interval,
)
from scalinglaws.plotting.style import norm_of, style_of

_POINTS, _SIZES = 80, 4
_AROUND = (0.03, 30.0)  # tokens per parameter of the curve of a size, relative to the best


def has_compute(fit: FitRecord) -> bool:
    """Whether the law has N and D, and no C of its own."""
    variables = set(fit.law.variables)
    return {"N", "D"} <= variables and "C" not in variables


def plot_against_compute(
    fit: Fit,
    *,
    ax: Axes | None,
    extrapolate: float | None,
    level: float,
    band: str,
    targets: pd.DataFrame | None,
    labels: bool,
    group: str | Mapping[str, str] | None,
    title: bool | str | None,
    point: Mapping[str, Any] | None,
    line: Mapping[str, Any] | None,
) -> Axes:
    """Runs and the best performance of each budget; see `plot_fit`.

    A budget is that of the runs: C of the table, else 6ND. Curves of a few sizes show the way of a
    model that is trained longer.
    """
    ax, own = settle(ax)
    style, C, earlier = style_of(ax), compute_of(fit.runs), labels_of(ax).drawn.fits
    # the first frontier has the colour of laws, which is the second hue
    groups = groups_of(fit, group, style, len(earlier) + 1 if earlier else 0)
    largest = float(C.max())
    end = largest * (FAR if extrapolate is None else extrapolate)
    span = padded(float(C.min()), end, 0.02)
    factor = float(np.median(C / (fit.runs.values["N"] * fit.runs.values["D"])))
    alone = len(groups) == 1 and not earlier
    if len(groups) > len(style.hues):  # a band would hide other curves
        band, line = "none", {"width": HAIR, **(line or {})}
    frontiers = [_frontier(fit, one, span, largest, factor, level) for one in groups]
    shown: list[FloatArray] = [fit.runs.y]
    for one, frontier in zip(groups, frontiers, strict=True):
        colour = style.law if alone else one.hue
        shown.append(_draw_frontier(ax, frontier, fit.runs.target, colour, band, line or {}))
        if labels_of(ax).once(f"runs {fit.runs.digest} {one.name}"):
            sizes = fit.runs.values["N"][one.rows]
            colours = one.colours(norm_of(*_ends(sizes))(sizes)) if alone else one.hue
            draw_runs(ax, C[one.rows], fit.runs.y[one.rows], colours, n=fit.n,
                      **{"zorder": 2.6, **(point or {})})  # fmt: skip
    if targets is not None:
        shown.append(_draw_targets(ax, fit, targets, factor))
    values = np.concatenate(shown)
    log_axis(ax.yaxis, None, *padded(float(values.min()), float(values.max())))
    log_axis(ax.xaxis, "C", *span)
    if alone:
        _draw_sizes(ax, fit, groups[0], frontiers[0], factor, labels=labels)
    finite = np.isfinite(frontiers[0][f"{fit.runs.target}_low"]).any()
    kind = f"; band: {format_level(level)} confidence interval" if finite and band != "none" else ""
    frame(ax, LABELS["C"], f"{fit.runs.target}{kind}")
    far_field(ax, largest)
    if labels:
        _name(ax, fit, groups, frontiers, alone=alone)
        if alone and targets is None:
            _note_largest(ax, fit, C)
    write_title(ax, title, _sentence(fit, frontiers[0], level), own=own)
    labels_of(ax).drawn.fits.append(shortened(fit.law.label))
    return ax


def _ends(values: FloatArray) -> tuple[float, float]:
    return float(values.min()), float(values.max())


def _frontier(
    fit: Fit, group: Group, span: tuple[float, float], largest: float, factor: float, level: float
) -> pd.DataFrame:
    """The plan of each budget of the picture, the largest run's among them."""
    along = np.unique(np.append(np.geomspace(*span, _POINTS), [largest, _round_budget(span[1])]))
    others = _medians(fit, group)
    subject, variables = chosen_group(fit, {**others, **group.labels})
    with no_warnings():  # the picture shows how far it goes
        plan = optimal(subject, C=along, cost=factor, n_resamples=0, **variables)
        columns = {"N": plan["N"].to_numpy(), "D": plan["D"].to_numpy()}
        constant = {v: np.full(len(plan), m) for v, m in others.items()}
        # to first order it does not matter that the optimum moves with the coefficients
        found = at(fit, columns | constant | _labels(group), level)
    target = fit.runs.target
    low, high = (np.asarray(end) for end in (found.curve_low, found.curve_high))
    return plan.assign(beyond=along > largest, **{f"{target}_low": low, f"{target}_high": high})


def _labels(group: Group) -> dict[str, Any]:
    """Labels of a group, as a law takes them."""
    return {column: np.asarray(level, object) for column, level in group.labels.items()}


def _round_budget(end: float) -> float:
    """The largest power of ten in the picture."""
    return float(10.0 ** np.floor(np.log10(end) + 1e-9))


def _medians(fit: Fit, group: Group) -> dict[str, float]:
    """Other variables of the law, as in the runs."""
    others = set(fit.law.variables) - {"N", "D", "C"}
    return {v: float(np.median(fit.runs.values[v][group.rows])) for v in others}


def _draw_frontier(
    ax: Axes, plan: pd.DataFrame, target: str, colour: Any, band: str, line: Mapping[str, Any]
) -> FloatArray:
    C, best = plan["C"].to_numpy(), plan[target].to_numpy()
    beyond = plan["beyond"].to_numpy()
    if band != "none":
        style = style_of(ax)
        draw_band(ax, C, plan[f"{target}_low"].to_numpy(), plan[f"{target}_high"].to_numpy(),
                  style.tint(colour, 0.3), opaque=True)  # fmt: skip
    draw_line(ax, C, best, beyond, colour, casing=True, **{"zorder": 3.5, **line})
    return np.asarray(best[np.isfinite(best)])


def _draw_sizes(
    ax: Axes, fit: Fit, group: Group, plan: pd.DataFrame, factor: float, *, labels: bool
) -> None:
    """Curves of a few sizes that are trained longer."""
    sizes = fit.runs.values["N"][group.rows]
    norm = norm_of(*_ends(sizes))
    low, high = ax.get_ylim()
    for size in np.geomspace(*_ends(sizes), _SIZES):
        best = float(np.exp(np.interp(np.log(size), np.log(plan["N"]), np.log(plan["C"]))))
        C = np.geomspace(best * _AROUND[0], best * _AROUND[1], _POINTS)
        columns = {"N": np.full(_POINTS, size), "D": C / (factor * size)}
        others = {v: np.full(_POINTS, m) for v, m in _medians(fit, group).items()}
        y = np.asarray(fit.law.value(fit.values, columns | others | _labels(group)))
        seen = (y > low) & (y < high) & (ax.get_xlim()[0] < C) & (ax.get_xlim()[1] > C)
        if seen.sum() < 2:
            continue
        colour = group.colours(float(norm(size)))
        draw_line(ax, C[seen], y[seen], np.zeros(seen.sum(), bool), colour, width=1.1, zorder=2.4)
        if labels:
            labels_of(ax).note(
                (C[seen][-1], y[seen][-1]), format_count(size, 2), colour,
                align=(0.0, 0.5),
            )  # fmt: skip


def _draw_targets(ax: Axes, fit: Fit, targets: pd.DataFrame, factor: float) -> FloatArray:
    C = factor * target_column(fit, targets, "N") * target_column(fit, targets, "D")
    y = reached(fit, targets)
    draw_held_out(ax, C, y, style_of(ax).ink)
    labels_of(ax).note(
        (float(C[-1]), float(y[-1])), held_out_note(fit, targets), style_of(ax).ink, leader=True
    )
    return y


def _name(
    ax: Axes, fit: Fit, groups: list[Group], frontiers: list[pd.DataFrame], *, alone: bool
) -> None:
    """Names right of the frontiers: of the only one, of groups, or of fits."""
    style, labels = style_of(ax), labels_of(ax)
    if len(labels.drawn.fits) == 1 and labels.once("first fit"):
        labels.name(labels.drawn.first_end, labels.drawn.fits[0], style.law, bold=True)
    heights = [float(plan[fit.runs.target].iloc[-1]) for plan in frontiers]
    order = np.argsort(heights)
    for place in order[named_ones(len(groups))]:
        group, height = groups[place], heights[place]
        if alone:
            labels.drawn.first_end = height
            labels.name(height, "compute-\noptimal", style.law)
        else:
            labels.name(height, shortened(group.name or fit.law.label), group.hue, bold=True)


def _note_largest(ax: Axes, fit: Fit, C: FloatArray) -> None:
    place = int(np.argmax(C))
    labels_of(ax).note(
        (float(C[place]), float(fit.runs.y[place])), f"largest run,\n{run_sentence(fit, place)}",
        style_of(ax).ink, leader=True,
    )  # fmt: skip


def _sentence(fit: Fit, plan: pd.DataFrame, level: float) -> str:
    """The best performance of the largest budget of the picture that is a power of ten."""
    wanted = _round_budget(float(plan["C"].iloc[-1]))
    row = plan.iloc[int(np.argmin(np.abs(np.log(plan["C"] / wanted))))]
    best, low, high = (float(row[f"{fit.runs.target}{end}"]) for end in ("", "_low", "_high"))
    where = f"{format_compute(float(row['C']), 1)} FLOP"
    return f"The best {fit.runs.target} at {where} is {with_interval(best, low, high, level)}"
