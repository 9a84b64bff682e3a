"""Law and forecast at the same points, side by side in one frame."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from scalinglaws.arrays import BoolArray, FloatArray
from scalinglaws.fitting.result import Fit
from scalinglaws.forecasting.beside_law import DISPUTE_LEVEL, is_disputed
from scalinglaws.forecasting.curve import CurveForecast
from scalinglaws.forecasting.forecast import Forecast

_OF_LAW = {
    "law": "estimate", "law_low": "curve_low", "law_high": "curve_high",
    "law_run_low": "run_low", "law_run_high": "run_high",
}  # fmt: skip
_OF_FORECAST = {
    "forecast": "estimate", "forecast_low": "run_low", "forecast_high": "run_high",
    "share_coefficients": "share_coefficients", "share_law_error": "share_law_error",
    "share_noise": "share_noise",
}  # fmt: skip


def values_at(
    fit: Fit | None,
    forecast: Forecast | CurveForecast | None,
    points: Mapping[str, FloatArray],
    level: float,
) -> pd.DataFrame:
    """Law and forecast at points, NaN where there is no such point.

    Returns
    -------
    DataFrame
        N and D, where the points have them; ``law``, with the confidence interval ``law_low`` and
        ``law_high`` and the prediction interval ``law_run_low`` and ``law_run_high``; ``forecast``,
        with the prediction interval ``forecast_low`` and ``forecast_high``, its ends without the
        noise of a run, ``curve_...``, and those of the coefficients alone, ``coefficients_...``;
        the shares of the variance; ``disputed`` and ``usable``.
    """
    known: BoolArray = np.isfinite(np.sum(list(points.values()), axis=0))
    given = {name: np.asarray(values)[known] for name, values in points.items()}
    columns: dict[str, Any] = {"disputed": False, "usable": False}
    if fit is not None:
        columns |= _law_at(fit, given, level)
    if forecast is not None:
        columns |= _forecast_at(forecast, given, level)
    if fit is not None and isinstance(forecast, Forecast):
        wanted = {name: given[name] for name in fit.law.variables}
        judged = fit.predict(wanted, confidence_level=DISPUTE_LEVEL)
        columns["disputed"] = is_disputed(forecast, given, judged)
    sizes = pd.DataFrame({v: points[v] for v in ("N", "D") if v in points}, np.arange(len(known)))
    frame = sizes.join(pd.DataFrame(columns, np.flatnonzero(known)))
    return frame.assign(**{name: frame[name].eq(True) for name in ("disputed", "usable")})


def _law_at(fit: Fit, points: Mapping[str, FloatArray], level: float) -> dict[str, Any]:
    wanted = {name: points[name] for name in fit.law.variables}
    found = fit.predict(wanted, confidence_level=level)
    return {name: np.asarray(getattr(found, field)) for name, field in _OF_LAW.items()}


def _forecast_at(
    forecast: Forecast | CurveForecast, points: dict[str, FloatArray], level: float
) -> dict[str, Any]:
    if isinstance(forecast, CurveForecast):
        x, scale = points[forecast.variable], forecast.scale
        found = forecast.outlook(x, level)
        usable = x <= np.nan_to_num(forecast.usable_to)
    else:
        scale = forecast.rows.scale
        found = forecast.outlook(points, level)
        usable = forecast.usable(points)
    columns: dict[str, Any] = {
        name: np.asarray(getattr(found, field)) for name, field in _OF_FORECAST.items()
    }
    middle = scale.forward(columns["forecast"])
    ends = scale.forward(columns["forecast_low"]), scale.forward(columns["forecast_high"])
    half, part = np.abs(ends[1] - ends[0]) / 2, np.zeros(len(middle))
    for name, share in (("coefficients", "coefficients"), ("curve", "law_error")):
        part = part + columns[f"share_{share}"]
        within = half * np.sqrt(part)
        low, high = scale.interval(middle - within, middle + within)
        columns |= {f"{name}_low": low, f"{name}_high": high}
    return columns | {"usable": usable}
