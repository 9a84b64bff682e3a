"""Plot of the compute-optimal frontier."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from scalinglaws.arrays import FloatArray
from scalinglaws.errors import no_warnings
from scalinglaws.fitting.tables.points import positive_numbers
from scalinglaws.numerals import format_compute, format_count, format_level, format_plain
from scalinglaws.options import check_option
from scalinglaws.planning.compute_optimal import optimal
from scalinglaws.planning.cost import SIX, Cost, RunCost, cost_of
from scalinglaws.planning.law_with_values import (
    LawWithValues,
    Rng,
    level_of,
    run_columns,
    target_of,
)
from scalinglaws.planning.sampled import DEFAULT_RESAMPLES
from scalinglaws.planning.select_group import chosen_group
from scalinglaws.plotting.axes import (
    LABELS,
    far_field,
    frame,
    log_axis,
    padded,
    settle,
    write_title,
)
from scalinglaws.plotting.labels import labels_of
from scalinglaws.plotting.marks import draw_band, draw_line, draw_runs
from scalinglaws.plotting.planned_lines import band_words, largest_compute, with_edge
from scalinglaws.plotting.style import style_of
from scalinglaws.plotting.words import with_interval

_POINTS = 80
_NAMES = {"N": "size", "D": "number of tokens", "ratio": "tokens per parameter"}


def plot_frontier(
    fit: LawWithValues,
    C: Any = None,
    y: str = "N",
    *,
    cost: Cost = SIX,
    ax: Axes | None = None,
    confidence_level: float | None = None,
    n_resamples: int = DEFAULT_RESAMPLES,
    rng: Rng = 0,
    line: Mapping[str, Any] | None = None,
    labels: bool = True,
    title: bool | str | None = None,
    **variables: Any,
) -> Axes:
    """Plot the compute-optimal frontier with its band: solid within the runs, dashed beyond.

    Parameters
    ----------
    fit : Fit or published law
        A law of N and D with coefficients.
    C : (low, high), optional
        Range of compute; by default up to a hundred times the largest run.
    y : {"N", "D", "ratio", "loss"}
        Quantity of the y axis.
    cost, confidence_level, n_resamples, rng, **variables
        As in :func:`scalinglaws.optimal`.
    ax : Axes, optional
        Axes to draw in; by default those of a new figure.
    line : mapping, optional
        Matplotlib style of the frontier.
    labels : bool
        Whether to write names.
    title : bool or str, optional
        Sentence above the picture; by default the result, on a new figure.

    Returns
    -------
    Axes

    Examples
    --------
    >>> import scalinglaws as sl
    >>> runs = sl.datasets.ladder()
    >>> fit = sl.fit(runs[runs["D"] > 1.5e6], "kaplan")
    >>> plot_frontier(fit, y="ratio").get_xlabel()
    'training compute C, FLOP'
    """
    check_option("y", y, ("N", "D", "ratio", "loss"))
    fit, variables = chosen_group(fit, variables)
    spent = cost_of(cost)
    low, high = _span(fit, spent, C)
    largest = largest_compute(fit, spent)
    along = with_edge(np.geomspace(low, high, _POINTS), largest)
    with no_warnings():
        plan = optimal(
            fit, C=along, cost=cost, confidence_level=confidence_level, n_resamples=n_resamples,
            rng=rng, **variables,
        )  # fmt: skip
    name = y if y in plan else target_of(fit)
    ax, own = settle(ax)
    style = style_of(ax)
    middle = plan[name].to_numpy()
    edges = plan[f"{name}_low"].to_numpy(), plan[f"{name}_high"].to_numpy()
    banded = draw_band(ax, along, *edges, style.tint(style.law, 0.3), opaque=True)
    draw_line(ax, along, middle, along > largest, style.law, casing=True, **(line or {}))
    at, heights = _runs(fit, spent, y)
    draw_runs(ax, at, heights, style.muted, zorder=2.5)
    shown = np.concatenate([v[np.isfinite(v) & (v > 0)] for v in (middle, *edges, heights)])
    log_axis(ax.xaxis, "C", *padded(min([low, *at]), high, 0.02))
    log_axis(ax.yaxis, y if y in ("N", "D") else None, *padded(shown.min(), shown.max()))
    words = band_words(fit, confidence_level, banded=banded)
    frame(ax, LABELS["C"], f"{LABELS.get(y, name)}{words}")
    if len(at):
        far_field(ax, largest)
    if labels:
        labels_of(ax).name_end(along, middle, "compute-\noptimal", style.law)
        if len(at):
            top = int(np.argmax(heights))
            labels_of(ax).note((at[top], heights[top]), "runs", leader=True)
    write_title(ax, title, _sentence(plan, y, name, level_of(fit, confidence_level)), own=own)
    return ax


def _runs(fit: LawWithValues, spent: RunCost, y: str) -> tuple[FloatArray, FloatArray]:
    """Compute of the runs, and their heights; empty for a law without runs."""
    runs = run_columns(fit)
    if not runs:
        return np.zeros(0), np.zeros(0)
    at = spent(runs["N"], runs["D"])
    if y == "loss":
        return at, fit.runs.y  # type: ignore[attr-defined]
    return at, {"N": runs["N"], "D": runs["D"], "ratio": runs["D"] / runs["N"]}[y]


def _span(fit: LawWithValues, spent: RunCost, C: Any) -> tuple[float, float]:
    if C is not None:
        ends = positive_numbers("C", C)
        if len(ends) < 2:
            raise ValueError(f"`C` must be (low, high); got {C!r}.")
        return float(ends.min()), float(ends.max())
    runs = run_columns(fit)
    if not runs:
        return 1e18, 1e26
    used = spent(runs["N"], runs["D"])
    return float(used.min()), 100.0 * float(used.max())


def _sentence(plan: pd.DataFrame, y: str, name: str, level: float) -> str:
    """The optimum at the largest budget of the picture."""
    row = plan.iloc[-1]
    ends = [float(row[f"{name}{end}"]) for end in ("", "_low", "_high")]
    if y in ("N", "D"):
        middle, low, high = (format_count(v, 2) for v in ends)
    else:
        middle, low, high = (format_plain(v, 3) for v in ends)
    bounded = np.isfinite(ends[1:]).all()
    said = f"{middle} ({format_level(level)}: {low} to {high})" if bounded else middle
    if y == "loss":
        said = with_interval(ends[0], ends[1], ends[2], level)
    what = _NAMES.get(y, name)
    return f"At {format_compute(float(row['C']), 2)} FLOP the optimal {what} is {said}"
