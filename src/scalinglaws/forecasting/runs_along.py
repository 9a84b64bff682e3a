"""`reach` of forecasts over N and D: the runs along which a value is looked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from scalinglaws.arrays import FloatArray
from scalinglaws.fitting.inference.reach import Reach, find_reach
from scalinglaws.fitting.tables.points import to_values
from scalinglaws.forecasting.outlook import Outlook
from scalinglaws.forecasting.run_rows import RunRows
from scalinglaws.numerals import listed

FARTHEST = 200.0  # times the compute of the largest run, to which forecasts were tested
_POINTS = 400


@dataclass(frozen=True)
class RunsAlong:
    """Runs of growing compute: at fixed tokens per parameter, or with N or D held.

    Attributes
    ----------
    variable : "C" at fixed tokens per parameter, else the one of N and D that grows
    x : its values, from the compute of the smallest run to 200 times that of the largest
    points : from x to N, D and C
    """

    variable: str
    x: FloatArray
    points: Callable[[FloatArray], dict[str, FloatArray]]


def runs_along(rows: RunRows, ratio: float | None, variables: Mapping[str, Any]) -> RunsAlong:
    """The runs that `reach` looks at.

    Raises
    ------
    ValueError
        If more than one of `ratio`, N and D is given, or it is no positive number.
    """
    given = {**variables, **({} if ratio is None else {"ratio": ratio})}
    if len(given) > 1 or set(given) - {"N", "D", "ratio"}:
        raise ValueError(
            "`reach` of a forecast takes one of `ratio` (tokens per parameter), N and D; got "
            f"{listed(list(given))}."
        )
    held = {name: to_values(name, value) for name, value in given.items()}
    for name, value in held.items():
        if value.ndim or not 0 < value < np.inf:
            raise ValueError(f"{name} must be one positive number; got {given[name]!r}.")
    compute = np.geomspace(float(rows.C[0]), FARTHEST * rows.largest, _POINTS)

    def at_ratio(x: FloatArray) -> dict[str, FloatArray]:
        sizes, tokens = rows.path(x, float(held["ratio"]) if held else None)
        return {"N": sizes, "D": tokens, "C": x}

    def beside(x: FloatArray) -> dict[str, FloatArray]:
        points = {held_name: np.full(x.shape, float(held[held_name])), grows: x}
        return {**points, "C": rows.flops * points["N"] * points["D"]}

    if not held or "ratio" in held:
        return RunsAlong("C", compute, at_ratio)
    (held_name,) = held
    grows = "D" if held_name == "N" else "N"
    return RunsAlong(grows, compute / (rows.flops * float(held[held_name])), beside)


def reach_of_runs(
    along: RunsAlong,
    outlook: Callable[[dict[str, FloatArray]], Outlook],
    value: Any,
    *,
    largest: float,
    falls: bool,
    target: str,
    confidence_level: float,
) -> Reach:
    """Where a forecast comes to a value along the runs; `largest` is the compute of the largest."""

    def curve(x: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        found = outlook(along.points(x))
        return found.estimate, found.curve_low, found.curve_high

    return find_reach(
        curve, along.x, value, falls=falls, variable=along.variable, target=target,
        confidence_level=confidence_level,
        times_beyond=lambda x: along.points(x)["C"] / largest,
    )  # fmt: skip
