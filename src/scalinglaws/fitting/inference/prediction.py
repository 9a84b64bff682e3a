"""A prediction: estimate, two intervals, extrapolation factor, forecast, and how they read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from scalinglaws.display import Bars, Card, Displayed, Interval, pairs
from scalinglaws.display.plan_columns import points_table, range_of
from scalinglaws.errors import no_warnings
from scalinglaws.numerals import (
    format_factor,
    format_interval,
    format_level,
    format_percent,
    format_plain,
    format_to,
    format_variable,
    listed,
    plural,
)

if TYPE_CHECKING:
    from scalinglaws.forecasting.outlook import Outlook

_NO_COLUMNS = ("confidence_level", "source", "target", "points", "without_forecast")
NO_FORECAST = "only a law that was fitted to runs has one."
_BARELY = 1.005  # times the largest run, which is written as 1


@dataclass(frozen=True, repr=False)
class Prediction(Displayed):
    """A prediction; every field has the shape of the input.

    Attributes
    ----------
    estimate : float or array
        Value of the law.
    curve_low, curve_high : float or array
        Confidence interval (curve), from the errors of the parameters.
    run_low, run_high : float or array
        Prediction interval (new run), which adds the noise of a run.
    times_beyond : float or array
        Extrapolation factor: compute relative to the largest fitted run. For a law of one
        variable, that variable.
    leverage : float or array
        Variance of the curve relative to that of a run, for equal noise.
    confidence_level : float
        Level of both intervals.
    target : str
        Name of the performance.
    points : mapping of str to array
        Values of the variables.
    """

    estimate: Any
    curve_low: Any
    curve_high: Any
    run_low: Any
    run_high: Any
    times_beyond: Any
    confidence_level: float
    leverage: Any = np.nan
    source: tuple[Any, Mapping[str, npt.NDArray[Any]]] | None = field(default=None, compare=False)
    target: str = field(default="", compare=False)
    points: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict, compare=False)
    without_forecast: str = field(default=NO_FORECAST, compare=False)

    @cached_property
    def _beside(self) -> Any:
        from scalinglaws.forecasting.beside_law import Beside, beside, nothing

        if self.source is None:
            return Beside(nothing(self.without_forecast), np.nan)
        with no_warnings():  # the prediction has said it
            return beside(*self.source, self.confidence_level)

    @property
    def forecast(self) -> Outlook:
        """Forecast from the same runs at this point; NaN with a reason if there is none."""
        outlook: Outlook = self._beside.outlook
        return outlook

    @property
    def disputed(self) -> Any:
        """Whether the law and the forecast differ by more than their intervals allow.

        The difference of the logarithms exceeds 0.7 times the half-width of the wider of their
        90 % prediction intervals. None without a forecast; NaN in an array.
        """
        disputed = self._beside.disputed
        return None if np.ndim(disputed) == 0 and np.isnan(disputed) else disputed

    def to_frame(self, index: pd.Index | None = None) -> pd.DataFrame:
        """Table of the fields.

        Parameters
        ----------
        index : Index, optional
            Index of the table.

        Returns
        -------
        DataFrame
            One row per point.
        """
        names = [f.name for f in fields(self) if f.name not in _NO_COLUMNS]
        shape = np.shape(self.estimate)
        columns = {n: np.ravel(np.broadcast_to(getattr(self, n), shape)) for n in names}
        return pd.DataFrame(columns, index=index)

    def _card(self) -> Card:
        return _of_many(self) if np.ndim(self.estimate) else _of_one(self)


# --- how it reads ------------------------------------------------------------------------------


def describe_points(points: Mapping[str, Any]) -> str:
    """One point in words: N 70B, D 1.4T."""
    return ", ".join(f"{name} {_value(name, value)}" for name, value in points.items())


def call_at(function: str, points: Mapping[str, Any]) -> str:
    """A call with one point as keywords; nothing without points."""
    given = ", ".join(f'{name}="{_value(name, value)}"' for name, value in points.items())
    return f"{function}({given})" if given else ""


def _value(name: str, value: Any) -> str:
    value = np.asarray(value).item()
    return value if isinstance(value, str) else format_variable(name, float(value))


def _of_one(found: Prediction) -> Card:
    level = format_level(found.confidence_level)
    estimate = format_to(found.estimate, 0.5 * (found.curve_high - found.curve_low))
    at = f" at {describe_points(found.points)}" if found.points else ""
    curve = format_interval(found.curve_low, found.curve_high)
    run = format_interval(found.run_low, found.run_high)
    lines = [
        (f"{level} confidence interval (curve)", curve),
        (f"{level} prediction interval (new run)", run),
        ("extrapolation", _beyond(found)),
    ]
    if found.source:
        lines += [("leverage", format_plain(found.leverage, 2)), *_forecast_lines(found, level)]
    span = f" ({level}, a new run: {run})" if run else ""
    return Card(
        f"{found.target or 'estimate'} {estimate or 'none: the law has no value'}{at}"
        f"{_by_law(found)}{span}.",
        pictures=_bars(found),
        tables=(pairs([(name, text or "none") for name, text in lines]),),
        caveats=(*_dispute(found), *_distance(found)),
        next="" if found.forecast.reason else call_at("fit.forecast.predict", found.points),
    )


def _of_many(found: Prediction) -> Card:
    target, level = found.target or "estimate", found.confidence_level
    values = np.ravel(found.estimate)
    numbers = (found.estimate, found.run_low, found.run_high)
    return Card(
        f"{target} at {plural(len(values), 'point')}{_by_law(found)}{range_of(values)} "
        f"({format_level(level)}: intervals of a new run).",
        tables=(points_table(found.points, target, numbers, found.times_beyond, level),),
        caveats=_distance(found),
    )


def _by_law(found: Prediction) -> str:
    return f", by the law {found.source[0].law.label}" if found.source else ""


def _bars(found: Prediction) -> tuple[Bars, ...]:
    """The forecast and the law, where there is a forecast."""
    outlook = found.forecast
    if outlook.reason or not np.isfinite(found.run_high):
        return ()
    rows = (
        ("forecast", outlook.run_low, outlook.estimate, outlook.run_high),
        ("law", found.run_low, found.estimate, found.run_high),
    )
    return (
        Bars(tuple(
            Interval(
                name, low, estimate, high, format_to(estimate, 0.5 * (high - low)),
                f"±{format_percent(0.5 * (high - low) / abs(estimate))}", name,  # type: ignore[arg-type]
            )
            for name, low, estimate, high in rows
        )),
    )  # fmt: skip


def _forecast_lines(found: Prediction, level: str) -> list[tuple[str, str]]:
    """The forecast from the same runs, if there is one."""
    outlook = found.forecast
    if outlook.reason:
        return [("forecast", f"none: {outlook.reason}")]
    half = 0.5 * (outlook.run_high - outlook.run_low)
    span = format_interval(outlook.run_low, outlook.run_high)
    text = f"{format_to(outlook.estimate, half)} ({level} prediction interval: {span})"
    if np.isfinite(found.curve_high):
        verdict = f"{'' if found.disputed else 'not '}disputed by the forecast"
    else:
        verdict = "not determined by these runs"
    return [("forecast", text), ("this law here", verdict)]


def _beyond(found: Prediction) -> str:
    if not found.times_beyond > _BARELY:
        outside = _outside(found)
        if outside:
            return (
                f"none, but {listed(outside)} lie{'s' if len(outside) == 1 else ''} outside the "
                "range of the fitted runs"
            )
        return "none: inside the range of the fitted runs"
    return f"{format_factor(float(found.times_beyond))} times the largest fitted run"


def _outside(found: Prediction) -> list[str]:
    """Variables that are smaller, or larger, than those of every fitted run."""
    fitted = found.source[0].runs.values if found.source else {}
    outside = []
    for name, values in fitted.items():
        low, high = float(values.min()), float(values.max())
        point = float(found.points[name]) if name in found.points else low
        margin = (_BARELY - 1) * abs(point)
        if not low - margin <= point <= high + margin:
            outside.append(name)
    return outside


def _dispute(found: Prediction) -> tuple[str, ...]:
    if found.forecast.reason or not found.disputed:
        return ()
    gap = found.estimate / found.forecast.estimate - 1
    side = "above" if gap > 0 else "below"
    return (f"The law lies {format_percent(abs(gap))} {side} the forecast, which disputes it.",)


def _distance(found: Prediction) -> tuple[str, ...]:
    largest = float(np.max(found.times_beyond, initial=0.0))
    if not largest > _BARELY:
        return ()
    text = f"{format_factor(largest)} times the largest run"
    return (f"{text}: the intervals assume the law holds there.",)
