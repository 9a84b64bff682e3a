"""A forecast at given points: how the points are read, and those along which a value is reached."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from scalinglaws.arrays import BoolArray, FloatArray
from scalinglaws.display import Card, Displayed
from scalinglaws.errors import ExtrapolationWarning, warn
from scalinglaws.fitting.inference.reach import Reach, find_reach
from scalinglaws.fitting.tables import columns as col
from scalinglaws.fitting.tables.points import to_values
from scalinglaws.forecasting import wording
from scalinglaws.forecasting.run_rows import RunRows
from scalinglaws.numerals import abridged, listed

# A forecast is usable while its prediction interval at this level has at most this half-width.
USABLE_LEVEL, USABLE_WIDTH = 0.9, 0.1
FARTHEST = 200.0  # times the compute of the largest run, to which forecasts were tested
_POINTS = 400
FIELDS = (
    "estimate", "curve_low", "curve_high", "run_low", "run_high", "times_beyond",
    "share_coefficients", "share_law_error", "share_noise",
)  # fmt: skip


@dataclass(frozen=True, repr=False)
class Outlook(Displayed):
    """A forecast at one point or many; every field has the shape of the input.

    Attributes
    ----------
    estimate : the metric, posterior median
    curve_low, curve_high : interval of the mean of many such runs
    run_low, run_high : interval of one new run
    times_beyond : compute relative to the largest run of the table
    share_coefficients, share_law_error, share_noise : of the variance of a new run: from the
        coefficients of the flexible law, from its own error, and from the noise of single runs
    confidence_level : level of both intervals
    reason : why there is no forecast, where all numbers are NaN
    parts : what the three shares are of, in words
    """

    estimate: Any
    curve_low: Any
    curve_high: Any
    run_low: Any
    run_high: Any
    times_beyond: Any
    share_coefficients: Any
    share_law_error: Any
    share_noise: Any
    confidence_level: float
    target: str = field(default="loss", repr=False)
    points: Mapping[str, FloatArray] = field(default_factory=dict, repr=False)
    reason: str = ""
    parts: tuple[str, str, str] = ("coefficients", "law's error", "noise")

    @property
    def half_width(self) -> Any:
        """Half the width of the interval of a new run, relative to the estimate."""
        with np.errstate(divide="ignore", invalid="ignore"):  # metrics at zero
            return (self.run_high - self.run_low) / (2 * np.abs(self.estimate))

    @property
    def usable(self) -> BoolArray:
        """Where intervals at `USABLE_LEVEL` are narrow, and the runs as near as those tested."""
        return np.asarray((self.half_width <= USABLE_WIDTH) & (self.times_beyond <= FARTHEST))

    def to_frame(self, index: pd.Index | None = None) -> pd.DataFrame:
        """One row for each point.

        Parameters
        ----------
        index : Index, optional
            Of the rows.

        Returns
        -------
        DataFrame
            A column for each field from `estimate` to `share_noise`.
        """
        return pd.DataFrame({name: np.ravel(getattr(self, name)) for name in FIELDS}, index=index)

    def _card(self) -> Card:
        return wording.outlook_card(self)


def outlook_at(
    points: Mapping[str, FloatArray], fields: Sequence[FloatArray], **more: Any
) -> Outlook:
    """From the flat arrays of `FIELDS`, at points of one shape; a number where that is ()."""
    shape = np.shape(next(iter(points.values())))
    shaped: list[Any] = [f.reshape(shape) if shape else float(f[0]) for f in fields]
    return Outlook(*shaped, **{"points": dict(points), **more})


def points_of(
    rows: RunRows, data: Any, variables: Mapping[str, Any]
) -> tuple[dict[str, FloatArray], pd.Index | None]:
    """N, D and C from a table, with its index, or from numbers or text, without one.

    Raises
    ------
    ValueError
        If two of them are not given, or something is not positive.
    """
    frame = col.frame_of(data, "data")
    if frame is None:
        return given_points(rows, data, variables), None
    return tabled_points(rows, frame, variables), frame.index


def given_points(rows: RunRows, data: Any, variables: Mapping[str, Any]) -> dict[str, FloatArray]:
    """N, D and C from numbers or text.

    Raises
    ------
    ValueError
        If two of them are not given, or something is not positive.
    """
    if not isinstance(data, Mapping | None):
        raise TypeError(f"`data` must be a table or a mapping; got {abridged(data)}.")
    # a table of held-out runs has the metric as well
    columns = {name: values for name, values in (data or {}).items() if name != rows.table.target}
    given = {**columns, **variables}
    by_column = {column: variable for variable, column in rows.table.columns.items()}
    values = {}
    for name, value in given.items():
        variable = by_column.get(name, name)
        if variable not in ("N", "D", "C"):
            raise ValueError(f"A forecast has no variable {name!r}; it has N, D and C.")
        if variable in values:
            raise ValueError(f"{variable} is given twice, once as {name!r}.")
        values[variable] = to_values(variable, value)
    return _completed(rows, values)


def tabled_points(
    rows: RunRows, frame: pd.DataFrame, variables: Mapping[str, Any]
) -> dict[str, FloatArray]:
    """N, D and C of a table."""
    if variables:
        raise ValueError(f"Pass a table or {listed(sorted(variables))}, not both.")
    values = {}
    for variable in ("N", "D", "C"):
        column = rows.table.columns.get(variable)
        if column is None or column not in frame.columns:
            column = col.find_variable(frame, variable)
        if column is not None:
            values[variable] = col.to_floats(col.one_column(frame, column), column)
    return _completed(rows, values)


def _completed(rows: RunRows, values: dict[str, FloatArray]) -> dict[str, FloatArray]:
    """With the third of N, D and C, by the FLOPs per parameter and token of the largest runs."""
    for name, array in values.items():
        wrong = ~(np.isfinite(array) & (array > 0))
        if np.any(wrong):
            got = np.ravel(array)[np.ravel(wrong)][0]
            raise ValueError(f"{name} must be positive and finite; got {got:g}.")
    missing = {"N", "D", "C"} - set(values)
    if len(missing) > 1:
        raise ValueError(
            "A forecast needs N and D, or one of them and C: pass N=..., D=... . For compute "
            "alone, forecast.rows.path(C) has N and D at the largest runs' tokens per parameter."
        )
    shapes = {name: np.shape(array) for name, array in values.items()}
    try:
        shape = np.broadcast_shapes(*shapes.values())
    except ValueError:
        raise ValueError(f"The points do not go together; their shapes are {shapes}.") from None
    with np.errstate(over="ignore"):  # so far from the runs that the interval has no end
        if missing == {"C"}:
            values["C"] = rows.flops * values["N"] * values["D"]
        elif missing:
            known = values["D" if missing == {"N"} else "N"]
            values[missing.pop()] = values["C"] / (rows.flops * known)
    return {name: np.broadcast_to(values[name], shape) for name in ("N", "D", "C")}


def warn_if_not_usable(found: Outlook) -> None:
    """Say at how many points an outlook at `USABLE_LEVEL` is not usable, and why."""
    usable = found.usable
    if usable.all():
        return
    widest = 100 * float(np.max(found.half_width))
    furthest = float(np.max(found.times_beyond))
    if furthest > FARTHEST:
        why = f"up to {furthest:.3g} times the largest run, and tested to {FARTHEST:g} times"
    else:
        why = (
            f"the {100 * USABLE_LEVEL:g} % prediction interval is up to ±{widest:.2g} % wide, "
            f"and ±{100 * USABLE_WIDTH:g} % is the most"
        )
    warn(
        f"The forecast is not usable at {np.count_nonzero(~usable)} of {usable.size} points: "
        f"{why}.",
        ExtrapolationWarning,
    )


# --- reach -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _RunsAlong:
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


def _runs_along(rows: RunRows, ratio: float | None, variables: Mapping[str, Any]) -> _RunsAlong:
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
        return rows.points(x, float(held["ratio"]) if held else None)

    def beside(x: FloatArray) -> dict[str, FloatArray]:
        points = {held_name: np.full(x.shape, float(held[held_name])), grows: x}
        return {**points, "C": rows.flops * points["N"] * points["D"]}

    if not held or "ratio" in held:
        return _RunsAlong("C", compute, at_ratio)
    (held_name,) = held
    grows = "D" if held_name == "N" else "N"
    return _RunsAlong(grows, compute / (rows.flops * float(held[held_name])), beside)


def reach_of_runs(
    rows: RunRows,
    outlook: Callable[[dict[str, FloatArray]], Outlook],
    value: Any,
    *,
    ratio: float | None,
    variables: Mapping[str, Any],
    falls: bool,
    target: str,
    confidence_level: float,
) -> Reach:
    """Where a forecast comes to a value along runs of growing compute."""
    along = _runs_along(rows, ratio, variables)

    def curve(x: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        found = outlook(along.points(x))
        return found.estimate, found.curve_low, found.curve_high

    return find_reach(
        curve, along.x, value, falls=falls, variable=along.variable, target=target,
        confidence_level=confidence_level,
        times_beyond=lambda x: along.points(x)["C"] / rows.largest,
    )  # fmt: skip
