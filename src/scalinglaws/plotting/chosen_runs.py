"""Plot of the chosen next runs and their candidates."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from scalinglaws.numerals import format_compute, format_level, plural
from scalinglaws.planning.next_runs import NextRuns
from scalinglaws.plotting.axes import (
    LABELS,
    check_kind,
    frame,
    log_axis,
    padded,
    settle,
    write_title,
)
from scalinglaws.plotting.labels import labels_of
from scalinglaws.plotting.marks import draw_runs
from scalinglaws.plotting.sentences import percent
from scalinglaws.plotting.style import style_of

_CHOSEN = 60.0  # area of a chosen run, pt²
_CANDIDATES = (1.0, 26.0)  # area of the least and of the most telling candidate, pt²


def plot_next_runs(
    plan: NextRuns,
    *,
    ax: Axes | None = None,
    labels: bool = True,
    title: bool | str | None = None,
) -> Axes:
    """Plot the next runs, the existing runs and the candidates, with the expected benefit.

    Parameters
    ----------
    plan : NextRuns
        From :func:`scalinglaws.next_runs`.
    ax, labels, title
        As in `plot_fit`.

    Returns
    -------
    Axes

    Notes
    -----
    The area of a candidate is the share of the target's variance that it would remove alone.

    Examples
    --------
    >>> import scalinglaws as sl
    >>> runs = sl.datasets.ladder()
    >>> fit = sl.fit(runs[runs["D"] > 1.5e6], "kaplan")
    >>> ax = plot_next_runs(sl.next_runs(fit, budget=3e13, C=1e14, most_runs=3))
    """
    check_kind("plan", plan, NextRuns, "sl.next_runs")
    ax, own = settle(ax)
    style, table, seen = style_of(ax), plan.candidates, plan.observed
    share = (table["gain"] / table["gain"].max()).to_numpy()
    areas = style.point * (_CANDIDATES[0] + share * (_CANDIDATES[1] - _CANDIDATES[0]))
    ax.scatter(table["N"], table["D"], c=style.bands[1], s=areas, marker="s", linewidths=0,
               zorder=1.5)  # fmt: skip
    if len(seen):
        draw_runs(ax, seen["N"].to_numpy(), seen["D"].to_numpy(), style.muted)
    counted = plan.runs.groupby(["N", "D"], sort=False).size().rename("times").reset_index()
    ax.scatter(counted["N"], counted["D"], s=_CHOSEN * style.point, color=style.law,
               edgecolors=style.background, linewidths=1.0, zorder=5)  # fmt: skip
    frames = [f for f in (table, plan.runs, seen) if len(f)]
    for axis, v in ((ax.xaxis, "N"), (ax.yaxis, "D")):
        values = np.concatenate([f[v].to_numpy() for f in frames])
        log_axis(axis, v, *padded(values.min(), values.max(), 0.05))
    frame(ax, LABELS["N"], LABELS["D"])
    if labels:
        _note(ax, plan, counted, share)
    write_title(ax, title, _sentence(plan), own=own)
    return ax


def _note(ax: Axes, plan: NextRuns, counted: pd.DataFrame, share: np.ndarray) -> None:
    """One word at one mark of each kind, and how often a run is repeated."""
    style, labels = style_of(ax), labels_of(ax)
    for _, row in counted[counted["times"] > 1].iterrows():
        labels.note((row["N"], row["D"]), f"{row['times']:.0f} times", style.law)
    first = counted.iloc[0]
    labels.note((first["N"], first["D"]), "next runs" if len(counted) > 1 else "next run",
                style.law, leader=True, bold=True)  # fmt: skip
    chosen = set(map(tuple, plan.runs[["N", "D"]].to_numpy()))
    seen = [tuple(row) not in chosen for row in plan.candidates[["N", "D"]].to_numpy()]
    best = plan.candidates.iloc[int(np.argmax(np.where(seen, share, 0.0)))]
    text = "candidates"
    if not style.narrow:
        text += ", by area;\nthe largest " + (
            "informs\nas much as any" if "sigma" in plan.answer
            else f"removes\n{percent(float(best['gain']))} of the variance"
        )  # fmt: skip
    labels.note((best["N"], best["D"]), text, style.forecast, leader=True)
    if len(plan.observed):
        last = plan.observed.iloc[int(np.argmax(plan.observed["N"]))]
        labels.note((last["N"], last["D"]), "runs so far", style.muted, leader=True)


def _sentence(plan: NextRuns) -> str:
    """What the runs cost, and what they buy."""
    spent = format_compute(float(plan.runs["C"].sum()), 2)
    runs = f"{plural(len(plan.runs), 'more run')} of {spent} FLOP"
    ending = "s" if len(plan.runs) == 1 else ""  # of the verb
    if "sigma" in plan.answer:
        apart = float(plan.answer["sigma"].iloc[-1])
        return f"{runs} set{ending} the laws {apart:.1f} standard deviations apart"
    before, after = (f"±{percent(float(w))}" for w in plan.answer["half_width"])
    level = format_level(plan.confidence_level)
    return f"{runs} narrow{ending} the {level} interval of {plan.question} from {before} to {after}"
