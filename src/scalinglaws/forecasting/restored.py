"""Forecasts made again from their files: every value is checked before anything is made of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from scalinglaws.arrays import FloatArray
from scalinglaws.fitting import stored_values as stored
from scalinglaws.forecasting import saved
from scalinglaws.forecasting.chained_forecast import ChainedForecast, chain_values
from scalinglaws.forecasting.curve import CurveForecast, CurvePoints
from scalinglaws.forecasting.curve_series import CurveForecasts, forecast_points
from scalinglaws.forecasting.forecast import Forecast, from_rows
from scalinglaws.forecasting.grouped_forecast import GroupedForecast, forecast_rows
from scalinglaws.forecasting.metric_scale import MetricScale
from scalinglaws.forecasting.run_rows import RunRows, restored
from scalinglaws.forecasting.unfinished_run import UnfinishedRun
from scalinglaws.options import check_level

Values = Mapping[str, Any]

_LEAST = 1e-100  # of what has a logarithm and a product; its inverse is the most


def _forecast(values: Values) -> Forecast:
    return from_rows(_rows(values), _level(values))


def _rows(values: Values) -> RunRows:
    given = stored.mapping(values["runs"], "runs")
    n = len(stored.array(given["y"], "y"))
    positive = ("N", "D", "C", "weights")
    runs = {
        name: stored.numbers(
            given[name], name, length=n, least=_LEAST if name in positive else -np.inf
        )
        for name in (*positive, "y")
    }
    scale = _scale(values["scale"], runs["y"])
    columns = {
        name: stored.text(column, f"column of {name}")
        for name, column in stored.mapping(values["columns"], "columns").items()
    }
    return restored(
        runs, pd.Index(stored.labels(given["index"], "index", length=n)), columns,
        stored.text(values["target"], "target"), scale,
        tuple(stored.reasons(values["dropped"], "dropped")),
        stored.text(values["cluster_column"], "cluster_column"),
        (stored.count(values["n_checkpoints"], "n_checkpoints"),
         stored.count(values["n_thinned"], "n_thinned")),
        stored.factors(given.get("factors", {}), n),
    )  # fmt: skip


def _curve(values: Values) -> CurveForecast:
    return forecast_points({None: _curve_points(values)}, _level(values))[None]


def _curves(values: Values) -> CurveForecasts:
    found = _named(values["curves"], "curves", _curve_points)
    return CurveForecasts(
        forecast_points(found, _level(values)), _failed(values),
        stored.text(values["column"], "column"),
    )  # fmt: skip


def _curve_points(values: Values) -> CurvePoints:
    x = stored.numbers(values["x"], "x", least=_LEAST)
    if len(x) < 2 or (np.diff(x) < 0).any() or x[-1] > 1 / _LEAST:
        raise ValueError("x does not increase, or is out of range")
    y = stored.numbers(values["y"], "y", length=len(x))
    return CurvePoints(
        x, y, stored.text(values["variable"], "variable"), stored.text(values["target"], "target"),
        _scale(values["scale"], y), stored.count(values["n_read"], "n_read"),
    )  # fmt: skip


def _grouped(values: Values) -> GroupedForecast:
    return forecast_rows(
        _named(values["groups"], "groups", _rows), _failed(values),
        stored.text(values["column"], "column"), _level(values),
    )  # fmt: skip


def _chained(values: Values) -> ChainedForecast:
    loss = _forecast({**stored.mapping(values["loss"], "loss"), "confidence_level": _level(values)})
    rows = loss.rows
    metric = np.array([
        stored.number(value, "metric", unknown=True)
        for value in stored.array(values["metric"], "metric", length=rows.n)
    ])[rows.places]  # fmt: skip
    if np.isinf(metric).any():
        raise ValueError("the metric is infinite in a run")
    low, high = stored.numbers(values["limits"], "limits", length=2).tolist()
    if not low < high:
        raise ValueError("the limits are not in order")
    return chain_values(loss, metric, stored.text(values["target"], "target"), (low, high))


def _unfinished(values: Values) -> UnfinishedRun:
    numbers = {
        name: stored.number(values[name], name)
        for name in ("fraction", "now", "estimate", "low", "high", "by_finished_runs")
    }
    if not 0 < numbers["fraction"] < 1 or not numbers["low"] <= numbers["high"]:
        raise ValueError("the fraction or the interval is out of range")
    # files of the first release have the last checkpoint alone
    history = values.get("history", [[numbers["fraction"], numbers["now"]]])
    pairs = [stored.numbers(v, "history", length=2) for v in stored.array(history, "history")]
    return UnfinishedRun(
        run=stored.labels([values["run"]], "run")[0], **numbers,
        by_checkpoint=stored.number(values["by_checkpoint"], "by_checkpoint", unknown=True),
        n_finished=stored.count(values["n_finished"], "n_finished"),
        confidence_level=_level(values), target=stored.text(values["target"], "target"),
        history=tuple((float(share), float(y)) for share, y in pairs),
    )  # fmt: skip


_BUILDERS: Mapping[str, Callable[[Values], saved.Saved]] = {
    saved.FORECAST: _forecast,
    saved.CURVE: _curve,
    saved.CURVES: _curves,
    saved.GROUPED: _grouped,
    saved.CHAINED: _chained,
    saved.UNFINISHED: _unfinished,
}
FORMATS = frozenset(_BUILDERS)


def from_dict(values: Values) -> saved.Saved:
    """The forecast of a file that has one of the formats.

    Raises
    ------
    ValueError, TypeError, KeyError
        If something is missing, is not of its kind, or does not go with the rest.
    """
    with np.errstate(all="ignore"):
        return _BUILDERS[values["format"]](values)


# --- parts -------------------------------------------------------------------------------------


def _level(values: Values) -> float:
    check_level(values["confidence_level"])
    return float(values["confidence_level"])


def _scale(values: Any, y: FloatArray) -> MetricScale:
    """The scale of a metric, which all of its values must be on."""
    scale = {"perplexity": False, "most": None, **stored.mapping(values, "scale")}
    best, worst, most = (
        None if scale[name] is None else stored.number(scale[name], name)
        for name in ("best", "worst", "most")
    )
    if any(end is not None and abs(end) > 1 / _LEAST for end in (best, worst, most)):
        raise ValueError("an end of the metric is out of range")
    metric = MetricScale(
        stored.flag(scale["falls"], "falls"),
        best,
        worst,
        perplexity=stored.flag(scale["perplexity"], "perplexity"),
        most=most,
    )
    with np.errstate(all="ignore"):
        inside = metric.is_inside(y) & np.isfinite(metric.forward(y))
        if not len(y) or not inside.all():
            raise ValueError("the metric is outside its limits")
    return metric


def _named(values: Any, name: str, build: Callable[[Values], Any]) -> dict[Any, Any]:
    """Parts by their names, each a pair."""
    found = {}
    for item in stored.array(values, name):
        label, part = stored.array(item, name, length=2)
        stored.labels([label], name)
        if label in found:
            raise ValueError(f"{name} has {label!r} twice")
        found[label] = build(stored.mapping(part, name))
    if not found:
        raise ValueError(f"{name} is empty")
    return found


def _failed(values: Values) -> dict[Any, str]:
    return dict(stored.reasons(values["failed"], "failed"))
