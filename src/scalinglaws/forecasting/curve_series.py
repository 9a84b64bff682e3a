"""Many curves in one variable: read from a table, fitted together, and extrapolated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from scalinglaws.arrays import BoolArray, FloatArray, IntArray
from scalinglaws.core.law import Law
from scalinglaws.display import Card, Displayed
from scalinglaws.errors import DataError, DataWarning, warn
from scalinglaws.fitting.tables import columns as col
from scalinglaws.fitting.tables.points import to_values
from scalinglaws.fitting.tables.runs import RunTable, read_table
from scalinglaws.forecasting import saved, wording
from scalinglaws.forecasting.curve import CurveForecast, CurvePoints
from scalinglaws.forecasting.curve_posterior import infer_curves
from scalinglaws.forecasting.metric_scale import Limits, MetricScale
from scalinglaws.forecasting.run_rows import check_limits, scale_of
from scalinglaws.forecasting.saved import SeveralForecasts
from scalinglaws.numerals import format_variable, plural

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LAW = Law("E + A/x**alpha", variables=["x"])  # what a table must have to be read
_FEWEST_POINTS, _LEAST_SPAN = 5, 2.0
_MOST_POINTS = 100  # of a longer curve, means over equal steps of ln x


class CurveForecasts(Displayed, SeveralForecasts[CurveForecast]):
    """Forecasts of many curves: a mapping from the name of a series to its `CurveForecast`.

    Returned by :func:`scalinglaws.forecast` with ``x`` and ``series``.
    """

    def predict(
        self, data: npt.ArrayLike | str, /, *, confidence_level: float | None = None
    ) -> pd.DataFrame:
        """Forecast every series at the same values.

        Parameters
        ----------
        data : float, str or array
            Values of the variable.
        confidence_level : float, optional
            Level of both intervals; by default that of the forecasts.

        Returns
        -------
        DataFrame
            One row per series and value, with the columns of `Forecast.predict`.
        """
        frames = {}
        for name, forecast in self.items():
            level = forecast.confidence_level if confidence_level is None else confidence_level
            x = np.atleast_1d(to_values(forecast.variable, data))
            index = pd.Index(x, name=forecast.variable)
            frames[name] = forecast.outlook(x, level).to_frame(index)
        together: pd.DataFrame = pd.concat(frames, names=["series"])
        return together

    _format = saved.CURVES

    def _saved_values(self) -> dict[str, Any]:
        return {
            "confidence_level": next(iter(self.values())).confidence_level,
            "column": self.column, "failed": self._saved_failed,
            "curves": [[saved.label_of(name), f.saved_points()] for name, f in self.items()],
        }  # fmt: skip

    def plot(
        self,
        to: float | str | None = None,
        *,
        ax: Axes | None = None,
        title: bool | str | None = None,
    ) -> Axes:
        """Draw all curves and their forecasts.

        Parameters
        ----------
        to : float or str, optional
            Value of the variable up to which to draw; by default ten times the last points.
        ax : Axes, optional
            Axes to draw in; by default those of a new figure.
        title : bool or str, optional
            Sentence above the picture; by default the result, on a new figure.

        Returns
        -------
        Axes
        """
        from scalinglaws.plotting.curve_forecasts import plot_curve_forecasts

        return plot_curve_forecasts(self, to, ax=ax, title=title)

    def _card(self) -> Card:
        return wording.curves_card(self)


def forecast_curves(
    frame: pd.DataFrame,
    x: str,
    series: str | None,
    *,
    y: str | None,
    missing: str,
    units: str,
    limits: Limits,
    confidence_level: float,
) -> CurveForecast | CurveForecasts:
    """One curve, or each of several; see `scalinglaws.forecast`.

    Raises
    ------
    DataError
        If the table, or the one curve, leaves a forecast open.
    """
    name = col.find_variable(frame, x) if x in ("N", "D", "C") and x not in frame.columns else x
    column = col.require(frame, name or x, "`x`")
    table = read_table(
        frame, _LAW, y=y, columns={"x": column}, weights=None, missing=missing,
        scale="log" if limits == (None, None) else "level", units=units, clusters=None,
    )  # fmt: skip
    check_limits(table, limits)
    if series is None:
        _warn_of_several(table)
        found, failed = _each(table, {None: np.arange(table.n)}, limits, x, confidence_level)
        if failed:
            raise DataError(failed[None])
        return found[None]
    assert table.source is not None
    groups = table.source[col.require(table.source, series, "`series`")].reset_index(drop=True)
    places = {label: np.asarray(some.index) for label, some in groups.groupby(groups, sort=False)}
    found, failed = _each(table, places, limits, x, confidence_level)
    if not found:
        first = next(iter(failed.values()), "the table has no series.")
        raise DataError(f"No series of {series!r} can be forecast: {first}")
    return CurveForecasts(found, failed, "series")


def _warn_of_several(table: RunTable) -> None:
    """Warn of a column whose values alternate along x, as those of several curves do."""
    order = np.argsort(table.values["x"], kind="stable")
    for name, codes in sorted(table.factors.items(), key=lambda item: -int(item[1].max())):
        n_levels = int(codes.max()) + 1
        if np.count_nonzero(np.diff(codes[order])) >= 2 * n_levels:
            warn(
                f"Column {name!r} tells {n_levels} curves apart, whose points are forecast as one "
                f"curve: pass series={name!r}, unless all repeat one run.",
                DataWarning,
            )
            return


def _each(
    table: RunTable, places: Mapping[Any, IntArray], limits: Limits,
    variable: str, level: float,
) -> tuple[dict[Any, CurveForecast], dict[Any, str]]:  # fmt: skip
    """Forecasts of the series that have one, and why the others have none."""
    ready: dict[Any, CurvePoints] = {}
    failed: dict[Any, str] = {}
    for label, some in places.items():
        try:
            scale = scale_of(table, some, limits)
            x, score = _points(table, some, scale)
        except DataError as error:
            failed[label] = str(error)
            continue
        y = scale.back(score)
        ready[label] = CurvePoints(x, y, variable, table.target, scale, len(some))
    return forecast_points(ready, level), failed


def forecast_points(curves: Mapping[Any, CurvePoints], level: float) -> dict[Any, CurveForecast]:
    """The forecast of each curve; all are fitted together."""
    if not curves:
        return {}
    posteriors = infer_curves([
        (np.log(curve.x / curve.x[-1]), curve.scale.forward(curve.y)) for curve in curves.values()
    ])  # fmt: skip
    return {
        label: CurveForecast(
            curve.x, curve.y, curve.variable, curve.target, curve.scale, posterior, level,
            curve.n_read,
        )
        for (label, curve), posterior in zip(curves.items(), posteriors, strict=True)
    }  # fmt: skip


def _points(table: RunTable, places: IntArray, scale: MetricScale) -> tuple[FloatArray, FloatArray]:
    """Points of a curve by x, on the scale of the forecast; means of a long one."""
    x, score = table.values["x"][places], scale.forward(table.y[places])
    order = np.lexsort((score, x))
    x, score = x[order], score[order]
    if len(np.unique(x)) < _FEWEST_POINTS or x[-1] < _LEAST_SPAN * x[0]:
        raise DataError(
            f"A curve needs {_FEWEST_POINTS} points or more that span a factor of {_LEAST_SPAN:g}; "
            f"it has {plural(len(np.unique(x)), 'point')} from "
            f"{format_variable('', x[0])} to {format_variable('', x[-1])}."
        )
    if len(x) <= _MOST_POINTS:
        return x, score
    step = np.log(x / x[0])
    cells = np.minimum((step / step[-1] * _MOST_POINTS).astype(np.intp), _MOST_POINTS - 1)
    filled: BoolArray = np.bincount(cells, minlength=_MOST_POINTS) > 0
    counts = np.bincount(cells)[filled]
    return (
        np.exp(np.bincount(cells, np.log(x))[filled] / counts),
        np.bincount(cells, score)[filled] / counts,
    )
