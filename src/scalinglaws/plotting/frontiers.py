"""Plots of the compute-optimal frontier: against compute, and over N and D with contours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from scalinglaws.arrays import FloatArray
from scalinglaws.errors import FitError, no_warnings
from scalinglaws.fitting.tables.points import positive_numbers
from scalinglaws.numerals import format_compute, format_plain
from scalinglaws.options import check_option
from scalinglaws.planning.compute_optimal import optimal
from scalinglaws.planning.cost import SIX, Cost, RunCost, cost_of
from scalinglaws.planning.law_with_values import (
    LawWithValues,
    Rng,
    chosen_group,
    level_for,
    run_columns,
    target_of,
)
from scalinglaws.planning.sampled import DEFAULT_RESAMPLES
from scalinglaws.planning.sampled_law import sample_of
from scalinglaws.plotting.axes import LABELS, frame, log_axis, padded, settle, write_title
from scalinglaws.plotting.labels import labels_of
from scalinglaws.plotting.marks import draw_line, draw_runs
from scalinglaws.plotting.plans import draw_optimal, optimal_sentence
from scalinglaws.plotting.sentences import two_digits
from scalinglaws.plotting.style import DASHED, style_of

_POINTS, _GRID = 80, 160
_FEWEST = 12  # points of a budget within the panel, for it to be drawn
_RUNS = {"N": (1e7, 1e12), "D": (1e9, 1e14)}  # span of a law without runs


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
    line : mapping, optional
        Matplotlib style of the frontier.
    ax, labels, title
        As in `plot_fit`.

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
    spent, level = cost_of(cost), level_for(fit, confidence_level)
    low, high = _span(fit, spent, C)
    along = _with_edge(np.geomspace(low, high, _POINTS), _largest_compute(fit, spent))
    with no_warnings():
        plan = optimal(
            fit, C=along, cost=cost, confidence_level=confidence_level, n_resamples=n_resamples,
            rng=rng, **variables,
        )  # fmt: skip
    name = target_of(fit) if y == "loss" else y
    ax, own = settle(ax)
    at, heights = _runs(fit, spent, y)
    draw_runs(ax, at, heights, style_of(ax).muted, zorder=2.5)
    draw_optimal(ax, plan, name, level, runs=(at, heights), line=line, labels=labels)
    if labels and len(at):
        top = int(np.argmax(heights))
        labels_of(ax).note((at[top], heights[top]), "runs", leader=True)
    write_title(ax, title, optimal_sentence(plan, name, level), own=own)
    return ax


def _largest_compute(fit: LawWithValues, spent: RunCost) -> float:
    """Compute of the largest run; infinite for a law without runs, of which all is as good."""
    runs = run_columns(fit)
    return float(spent(runs["N"], runs["D"]).max()) if runs else np.inf


def _with_edge(along: FloatArray, largest: float) -> FloatArray:
    """The same with the largest run in between, so that what is drawn apart there still meets."""
    inside = along[0] < largest < along[-1]
    return np.sort(np.append(along, largest)) if inside else along


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


# --- over N and D ----------------------------------------------------------------------------


def plot_contours(
    fit: LawWithValues,
    *,
    budgets: Any = None,
    cost: Cost = SIX,
    span: Mapping[str, tuple[float, float]] | None = None,
    levels: int = 10,
    ax: Axes | None = None,
    labels: bool = True,
    title: bool | str | None = None,
    **variables: Any,
) -> Axes:
    """Plot contours of the law over N and D, with the frontier, budgets as diagonals and runs.

    Parameters
    ----------
    fit : Fit or published law
        A law of N and D with coefficients.
    budgets : number or array, optional
        Budgets drawn as lines; by default powers of ten or a hundred across the picture.
    cost, **variables
        As in :func:`scalinglaws.optimal`.
    span : mapping of "N" or "D" to (low, high), optional
        What is shown; by default the runs and ten times beyond.
    levels : int
        About how many contours.
    ax, labels, title
        As in `plot_fit`.

    Returns
    -------
    Axes

    Examples
    --------
    >>> import scalinglaws as sl
    >>> runs = sl.datasets.ladder()
    >>> fit = sl.fit(runs[runs["D"] > 1.5e6], "kaplan")
    >>> plot_contours(fit, budgets=[1e12, 1e13]).get_ylabel()
    'training tokens D; lines of equal loss'
    """
    fit, variables = chosen_group(fit, variables)
    spent, runs = cost_of(cost), run_columns(fit)
    spans = dict(_RUNS)
    spans |= {v: padded(runs[v].min(), 10 * runs[v].max(), 0.06) for v in runs}
    spans |= {v: tuple(map(float, pair)) for v, pair in (span or {}).items()}  # type: ignore[misc]
    sample = sample_of(fit, confidence_level=None, n_resamples=0, rng=None, variables=variables)
    N, D = (np.geomspace(*spans[v], _GRID) for v in ("N", "D"))
    grid_n, grid_d = np.meshgrid(N, D)
    C = spent(grid_n, grid_d)
    values = sample.value(grid_n.ravel()[None], grid_d.ravel()[None], C.ravel()[None])[0]
    ax, own = settle(ax)
    _draw_contours(ax, N, D, values.reshape(grid_n.shape), levels, spans, labels=labels)
    _draw_budgets(ax, spent, spans, budgets, labels=labels)
    ratio = _draw_frontier(ax, fit, cost, spent, spans, variables, labels=labels)
    if runs:
        style = style_of(ax)
        draw_runs(ax, runs["N"], runs["D"], style.muted)
        if labels:
            top = int(np.argmax(runs["D"] / runs["N"]))
            labels_of(ax).note((runs["N"][top], runs["D"][top]), "runs", leader=True)
    frame(ax, LABELS["N"], f"{LABELS['D']}; lines of equal {sample.target}")
    ax.grid(visible=False)
    write_title(ax, title, _along_sentence(ratio), own=own)
    return ax


def _along_sentence(ratio: tuple[float, float]) -> str:
    """Tokens per parameter along the frontier."""
    low, high = sorted(ratio)
    ends = " to ".join(dict.fromkeys(two_digits(v) for v in (low, high)))
    return f"Along the compute-optimal frontier here, D/N is {ends}"


def _draw_contours(
    ax: Axes,
    N: FloatArray,
    D: FloatArray,
    values: FloatArray,
    levels: int,
    spans: Mapping[str, tuple[float, float]],
    *,
    labels: bool,
) -> None:
    """Contours of the law, the lowest loss the strongest."""
    style = style_of(ax)
    heights = _contour_levels(values, levels)
    shades = style.size_map()(np.linspace(1.0, 0.0, len(heights)))
    drawn = ax.contour(N, D, values, levels=heights, colors=shades, linewidths=1.0, zorder=2)
    log_axis(ax.xaxis, "N", *spans["N"])
    log_axis(ax.yaxis, "D", *spans["D"])
    if not labels:
        return
    for level, path, shade in zip(heights, drawn.get_paths(), shades, strict=True):
        corners = np.asarray(path.vertices, dtype=np.float64)
        if len(corners) >= _FEWEST:
            text = format_plain(float(level), 3)
            labels_of(ax).on_line(corners[:, 0], corners[:, 1], text, shade)


def _contour_levels(values: FloatArray, count: int) -> FloatArray:
    """Levels at even steps of the logarithm of what lies above the lowest, rounded."""
    lowest, highest = float(values.min()), float(np.quantile(values, 0.995))
    steps = np.geomspace(0.04 * (highest - lowest), highest - lowest, count)
    rounded = np.unique([float(f"{v:.3g}") for v in lowest + steps])
    return np.asarray(rounded)


def _draw_budgets(
    ax: Axes, spent: RunCost, spans: Mapping[str, tuple[float, float]], budgets: Any, *,
    labels: bool,
) -> None:  # fmt: skip
    """Lines of equal compute, named where they enter from below."""
    style = style_of(ax)
    if budgets is None:
        corners = [
            float(np.log10(spent(*map(np.array, c)))) for c in zip(*spans.values(), strict=True)
        ]
        first, last = int(np.ceil(corners[0])), int(np.floor(corners[1]))
        chosen = 10.0 ** np.arange(first, last + 1, max(1, (last - first) // 5))
    else:
        chosen = positive_numbers("budgets", budgets)
    N = np.geomspace(*spans["N"], 200)
    for budget in chosen:
        D = spent.tokens(N, np.full(N.shape, budget))
        seen = (spans["D"][0] <= D) & (spans["D"][1] >= D)
        if seen.sum() < _FEWEST:
            continue
        ax.plot(N[seen], D[seen], color=style.muted, linewidth=0.8, linestyle=DASHED, zorder=1.5,
                alpha=0.7)  # fmt: skip
        if labels:
            text = f"{format_compute(float(budget))} FLOP"
            labels_of(ax).on_line(N[seen], D[seen], text, style.muted)


def _draw_frontier(
    ax: Axes, fit: LawWithValues, cost: Cost, spent: RunCost,
    spans: Mapping[str, tuple[float, float]], variables: Mapping[str, Any], *, labels: bool,
) -> tuple[float, float]:  # fmt: skip
    """The compute-optimal line; D/N at its ends within the panel."""
    low, high = (float(spent(*map(np.array, c))) for c in zip(*spans.values(), strict=True))
    largest, style = _largest_compute(fit, spent), style_of(ax)
    along = _with_edge(np.geomspace(low, high, _POINTS), largest)
    with no_warnings():
        plan = optimal(fit, C=along, cost=cost, n_resamples=0, **variables)
    N, D, C = (plan[v].to_numpy() for v in ("N", "D", "C"))
    draw_line(ax, N, D, largest < C, style.law, casing=True)
    seen = (spans["N"][0] < N) & (spans["N"][1] > N) & (spans["D"][0] < D) & (spans["D"][1] > D)
    if not seen.any():
        raise FitError(
            "The compute-optimal frontier does not cross the N and D shown; choose another `span`."
        )
    inside = np.flatnonzero(seen)
    if labels:
        place = inside[int(0.8 * len(inside))]
        labels_of(ax).note((N[place], D[place]), "compute-optimal", style.law, leader=True)
    return float(D[inside[0]] / N[inside[0]]), float(D[inside[-1]] / N[inside[-1]])
