"""Load saved fits and forecasts: `load`."""

from __future__ import annotations

from pathlib import Path

from scalinglaws.fitting import result
from scalinglaws.fitting.result import Fit
from scalinglaws.forecasting import saved
from scalinglaws.forecasting.forecast import Forecast, from_rows


def load(path: str | Path) -> Fit | Forecast:
    """Read a fit or a forecast that its ``save`` wrote.

    Parameters
    ----------
    path : str or Path

    Raises
    ------
    FileFormatError
        If the file is neither, or is from a newer version.

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
    if saved.is_forecast(path):
        return from_rows(*saved.read(path))
    return result.load(path)
