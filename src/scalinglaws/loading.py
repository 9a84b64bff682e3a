"""Load saved fits and forecasts: `load`."""

from __future__ import annotations

from pathlib import Path

from scalinglaws import json_files
from scalinglaws.fitting import storage
from scalinglaws.fitting.result import Fit
from scalinglaws.forecasting import restored, saved
from scalinglaws.forecasting.chained_forecast import ChainedForecast
from scalinglaws.forecasting.curve import CurveForecast
from scalinglaws.forecasting.curve_series import CurveForecasts
from scalinglaws.forecasting.forecast import Forecast
from scalinglaws.forecasting.grouped_forecast import GroupedForecast
from scalinglaws.forecasting.unfinished_run import UnfinishedRun

Loaded = (
    Fit
    | Forecast
    | CurveForecast
    | CurveForecasts
    | GroupedForecast
    | ChainedForecast
    | UnfinishedRun
)


def load(path: str | Path) -> Loaded:
    """Read a fit or a forecast of any kind that its ``save`` wrote.

    Parameters
    ----------
    path : str or Path
        A JSON file from ``save`` of a fit or a forecast.

    Returns
    -------
    Fit, Forecast, CurveForecast, CurveForecasts, GroupedForecast, ChainedForecast or UnfinishedRun
        Of the kind that was saved. Forecasts are recomputed from the runs, to the same numbers.

    Raises
    ------
    FileFormatError
        If the file is not a saved fit or forecast, was edited or truncated, or is from a newer
        version.
    FileNotFoundError
        If the file does not exist.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> import scalinglaws as sl
    >>> runs = sl.datasets.ladder()
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "forecast.json"
    >>> sl.forecast(runs).save(path)
    >>> sl.load(path).n
    62
    """
    values = json_files.parsed(path)
    form = values.get("format") if isinstance(values, dict) else None
    if isinstance(form, str) and form in restored.FORMATS:
        found: Loaded = json_files.built(values, path, form, saved.SCHEMA, 1, restored.from_dict)
        return found
    return storage.built(values, path, Fit)
