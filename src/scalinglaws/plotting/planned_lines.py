"""Lines of plans against a range of budgets or tokens, with their bands and notes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from scalinglaws.arrays import FloatArray
from scalinglaws.fitting.tables.points import positive_numbers
from scalinglaws.numerals import format_level
from scalinglaws.planning.cost import RunCost
from scalinglaws.planning.law_with_values import LawWithValues, level_of, run_columns
from scalinglaws.plotting.axes import far_field
from scalinglaws.plotting.marks import draw_band, draw_line


def range_of(name: str, given: Any) -> tuple[float, float]:
    """Two ends of what is drawn.

    Raises
    ------
    ValueError
        If they are not a low and a high one.
    """
    ends = positive_numbers(name, given)
    if len(ends) != 2 or not ends[0] < ends[1]:
        raise ValueError(f"`{name}` must be (low, high), a range to draw; got {given!r}.")
    return float(ends[0]), float(ends[1])


def draw_plan(
    ax: Axes, along: FloatArray, plan: pd.DataFrame, name: str, colour: Any, **line: Any
) -> bool:
    """A quantity of a plan, dashed beyond the runs, and its band; whether there is a band."""
    beyond = plan["times_beyond"].to_numpy(float) > 1
    low, high = (plan[f"{name}_{end}"].to_numpy(float) for end in ("low", "high"))
    banded = draw_band(ax, along, low, high, colour)
    draw_line(ax, along, plan[name].to_numpy(float), beyond, colour, **line)
    return banded


def shade_beyond(ax: Axes, along: FloatArray, plan: pd.DataFrame) -> None:
    """The far field, from the first point that is beyond the largest run."""
    beyond = plan["times_beyond"].to_numpy(float) > 1
    if beyond.any() and not beyond.all():
        far_field(ax, float(along[int(np.argmax(beyond))]))
    elif beyond.all():
        far_field(ax, float(along[0]), "all beyond the runs")


def heights_of(plan: pd.DataFrame, name: str, *others: float) -> tuple[float, float]:
    """Lowest and highest of what is drawn."""
    drawn = plan[[name, f"{name}_low", f"{name}_high"]].to_numpy(float)
    every = np.concatenate([drawn.ravel(), np.asarray(others, dtype=np.float64)])
    every = every[np.isfinite(every) & (every > 0)]
    return float(every.min()), float(every.max())


def band_words(fit: LawWithValues, level: float | None, *, banded: bool) -> str:
    """What a band is, after the name of y."""
    return f"; {format_level(level_of(fit, level))} confidence interval" if banded else ""


def largest_compute(fit: LawWithValues, spent: RunCost) -> float:
    """Compute of the largest run; infinite for a law without runs, of which all is as good."""
    runs = run_columns(fit)
    return float(spent(runs["N"], runs["D"]).max()) if runs else np.inf


def with_edge(along: FloatArray, largest: float) -> FloatArray:
    """The same with the largest run in between, so that what is drawn apart there still meets."""
    inside = along[0] < largest < along[-1]
    return np.sort(np.append(along, largest)) if inside else along
