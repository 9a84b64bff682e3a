"""The forecast beside a law's prediction, and whether it disputes the law there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from scalinglaws.arrays import BoolArray, FloatArray
from scalinglaws.errors import DataError
from scalinglaws.fitting.inference.predict import at
from scalinglaws.fitting.record import FitRecord
from scalinglaws.forecasting.forecast import Forecast, from_rows
from scalinglaws.forecasting.outlook import FIELDS, Outlook
from scalinglaws.forecasting.run_rows import rows_of
from scalinglaws.numerals import listed

if TYPE_CHECKING:
    from scalinglaws.fitting.inference.prediction import Prediction

DISPUTE_LEVEL = 0.9  # of the intervals of both
# Share of the wider half-width. Chosen on the cuts of real tables and on tables drawn from a law;
# with any one source left out it is chosen again.
DISPUTE_SHARE = 0.7


@dataclass(frozen=True)
class Beside:
    """A forecast at the points of a law's prediction, and whether it disputes the law there."""

    outlook: Outlook
    disputed: Any


def forecast_of_fit(fit: FitRecord) -> Forecast:
    """The forecast of the runs that a law was fitted to.

    Raises
    ------
    DataError
        If none can be made, with the reason.
    """
    law = fit.law
    missing = [name for name in ("N", "D") if name not in law.variables]
    others = [name for name in law.variables if name not in ("N", "D", "C")]
    if missing:
        raise DataError(f"A forecast needs N and D; the law has no {listed(missing)}.")
    if others or law.group_columns:
        more = listed([*others, *law.group_columns])
        raise DataError(f"A forecast is over N and D alone; the law also has {more}.")
    if law.limits is None and not (fit.runs.y > 0).all():
        raise DataError(f"{fit.runs.target!r} is not positive in every run.")
    return from_rows(rows_of(fit.runs, law.limits or (None, None)), fit.confidence_level)


def beside(fit: Any, columns: Mapping[str, npt.NDArray[Any]], level: float) -> Beside:
    """The forecast at a law's points; NaN with the reason where there is none.

    Parameters
    ----------
    fit : Fit, with `forecast`
    columns : numbers under the law's names, of shapes that go together
    level : of the forecast's intervals
    """
    shape = np.broadcast_shapes(*(np.shape(c) for c in columns.values()))
    try:
        forecast: Forecast = fit.forecast
    except DataError as error:
        return Beside(nothing(str(error), shape, level), _shaped(np.full(shape, np.nan)))
    points = {name: np.broadcast_to(columns[name], shape) for name in ("N", "D")}
    with np.errstate(over="ignore"):  # infinitely far, then
        compute = columns.get("C", forecast.rows.flops * points["N"] * points["D"])
    points["C"] = np.broadcast_to(compute, shape)
    law = at(fit, columns, DISPUTE_LEVEL)
    found = forecast.outlook(points, level)
    return Beside(found, _shaped(is_disputed(forecast, points, law)))


def nothing(reason: str, shape: tuple[int, ...] = (), level: float = DISPUTE_LEVEL) -> Outlook:
    """No forecast, and why."""
    empty = _shaped(np.full(shape, np.nan))
    return Outlook(**dict.fromkeys(FIELDS, empty), confidence_level=level, reason=reason)


def is_disputed(
    forecast: Forecast, points: Mapping[str, FloatArray], law: Prediction | Any
) -> BoolArray:
    """Where |ln(law) - ln(forecast)| is above 0.7 of the wider half-width of the two.

    Parameters
    ----------
    forecast : of the runs that the law was fitted to
    points : N, D and C
    law : what the law predicts there, with intervals at 90 %

    Notes
    -----
    The half-widths are those of the 90 % intervals of a new run: at 0.7 of the wider one, either
    estimate lies near or outside the end of the other's 75 % interval. `docs/forecast.md` has how
    often a wrong law is caught and a true one disputed.
    """
    found = forecast.outlook(points, DISPUTE_LEVEL)
    widths = []
    with np.errstate(divide="ignore", invalid="ignore"):
        for each in (law, found):
            low = np.maximum(np.asarray(each.run_low, dtype=np.float64), 1e-300)
            widths.append(np.log(np.asarray(each.run_high) / low) / 2)
        gap = np.abs(np.log(np.asarray(law.estimate) / np.asarray(found.estimate)))
    return disputes(gap, widths[0], widths[1])


def disputes(
    gap: npt.ArrayLike, law_width: npt.ArrayLike, forecast_width: npt.ArrayLike
) -> BoolArray:
    """The rule, for distances and half-widths of logarithms."""
    return np.asarray(np.asarray(gap) > DISPUTE_SHARE * np.maximum(law_width, forecast_width))


def _shaped(values: FloatArray | npt.NDArray[np.bool_]) -> Any:
    return values if values.shape else values.item()
