"""How a prediction reads: estimate, both intervals, the forecast beside it, and distance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from scalinglaws.display import Bars, Card, Interval, pairs
from scalinglaws.display.quantities import points_table, range_of
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
    from scalinglaws.fitting.inference.prediction import Prediction


_BARELY = 1.005  # times the largest run, which is written as 1


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


def prediction_card(found: Prediction) -> Card:
    """Of one point, or of many as a table."""
    law = f", by the law {found.source[0].law.label}" if found.source else ""
    target = found.target or "estimate"
    if np.ndim(found.estimate):
        return _of_many(found, target, law)
    level = format_level(found.confidence_level)
    half = 0.5 * (found.curve_high - found.curve_low)
    estimate = format_to(found.estimate, half) or "none: the law has no value"
    at = f" at {describe_points(found.points)}" if found.points else ""
    run = format_interval(found.run_low, found.run_high)
    lines = [
        (
            f"{level} confidence interval (curve)",
            format_interval(found.curve_low, found.curve_high),
        ),
        (f"{level} prediction interval (new run)", run),
        ("extrapolation", _beyond(found)),
        *([("leverage", format_plain(found.leverage, 2))] if found.source else []),
        *(_forecast_lines(found, level) if found.source else []),
    ]
    span = f" ({level}, a new run: {run})" if run else ""
    return Card(
        f"{target} {estimate}{at}{law}{span}.",
        pictures=_beside(found),
        tables=(pairs([(name, text or "none") for name, text in lines]),),
        caveats=tuple(_caveats(found)),
        next="" if found.forecast.reason else call_at("fit.forecast.predict", found.points),
    )


def _of_many(found: Prediction, target: str, law: str) -> Card:
    values = np.ravel(found.estimate)
    numbers = (found.estimate, found.run_low, found.run_high)
    level = format_level(found.confidence_level)
    return Card(
        f"{target} at {plural(len(values), 'point')}{law}{range_of(values)} "
        f"({level}: intervals of a new run).",
        tables=(
            points_table(found.points, target, numbers, found.times_beyond, found.confidence_level),
        ),
        caveats=_distance(found),
    )


def _beside(found: Prediction) -> tuple[Bars, ...]:
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


def _caveats(found: Prediction) -> list[str]:
    disputed = not found.forecast.reason and bool(found.disputed)
    gap = found.estimate / found.forecast.estimate - 1 if disputed else np.nan
    side = "above" if gap > 0 else "below"
    text = f"The law lies {format_percent(abs(gap))} {side} the forecast, which disputes it."
    return [*([text] if disputed else []), *_distance(found)]


def _distance(found: Prediction) -> tuple[str, ...]:
    largest = float(np.max(found.times_beyond, initial=0.0))
    if not largest > _BARELY:
        return ()
    text = f"{format_factor(largest)} times the largest run"
    return (f"{text}: the intervals assume the law holds there.",)
