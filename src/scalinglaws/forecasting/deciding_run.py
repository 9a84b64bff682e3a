"""Whether one run decides a forecast: the forecast without it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from scalinglaws.arrays import FloatArray
from scalinglaws.display import Card, Displayed
from scalinglaws.errors import DataError
from scalinglaws.forecasting.outlook import USABLE_LEVEL
from scalinglaws.forecasting.posterior import Posterior
from scalinglaws.forecasting.run_rows import check_design
from scalinglaws.numerals import format_compute, format_to

if TYPE_CHECKING:
    from scalinglaws.forecasting.forecast import Forecast

_TRIED = 3  # runs that are left out in turn, those of most influence
_DECIDES = 0.5  # change of the forecast, in half-widths of its 90 % interval


@dataclass(frozen=True, repr=False)
class DecidingRun(Displayed):
    """The run without which a forecast moves most.

    Attributes
    ----------
    run : label of its row
    C : its compute
    estimate : the forecast with it
    without, low, high : the forecast without it, with the interval of a new run
    decides : whether the forecast moves by more than half of the half-width of its 90 % interval
    """

    run: Any
    C: float
    estimate: float
    without: float
    low: float
    high: float
    decides: bool

    @property
    def sentence(self) -> str:
        """The answer in words."""
        digits = (self.high - self.low) / 2
        low, high = (format_to(end, digits) for end in (self.low, self.high))
        return (
            f"{'One run decides' if self.decides else 'No single run decides'}: without row "
            f"{self.run} ({format_compute(self.C, 2)} FLOP) the forecast is "
            f"{format_to(self.without, digits)} ({low} to {high}), with it "
            f"{format_to(self.estimate, digits)}."
        )

    def _card(self) -> Card:
        return Card(self.sentence)


def find_deciding_run(forecast: Forecast, point: Mapping[str, FloatArray]) -> DecidingRun:
    """Leave out, one at a time, the runs that have most influence on a point.

    Raises
    ------
    DataError
        If no run can be left out.
    """
    from scalinglaws.forecasting.forecast import from_rows

    rows, level = forecast.rows, forecast.confidence_level
    with_all = forecast.outlook(point, USABLE_LEVEL)
    half = _distance(with_all.run_high, with_all.run_low) / 2
    ln_n, ln_d = forecast.posterior.origin
    place = float(np.log(point["N"])) - ln_n, float(np.log(point["D"])) - ln_d
    best: DecidingRun | None = None
    for k in np.argsort(-_shifts(forecast.posterior, rows.y, place), kind="stable")[:_TRIED]:
        out = np.arange(rows.n) == k
        try:
            check_design(rows.table, rows.places[~out], rows.C[~out])
        except DataError:
            continue
        found = from_rows(rows.without(out), level).outlook(point, level)
        change = _distance(found.estimate, with_all.estimate)
        if best is None or change > _distance(best.without, best.estimate):
            best = DecidingRun(
                rows.index[k], float(rows.C[k]), float(with_all.estimate), float(found.estimate),
                float(found.run_low), float(found.run_high), bool(change > _DECIDES * half),
            )  # fmt: skip
    if best is None:
        raise DataError("No run can be left out: fewer would leave the forecast open.")
    return best


def _distance(first: float, second: float) -> float:
    """|ln(first / second)|; infinite for a value that has no logarithm."""
    with np.errstate(all="ignore"):
        distance = abs(float(np.log(first) - np.log(second)))
    return np.inf if np.isnan(distance) else distance


def _shifts(posterior: Posterior, y: FloatArray, place: tuple[float, float]) -> FloatArray:
    """First-order size of the change at a place when each run is left out."""
    inside = posterior.at(*posterior.points.T).mean
    own = np.array([posterior.response(*p)[k] for k, p in enumerate(posterior.points)])
    left_out = (y - inside) / np.maximum(1.0 - own, 1e-3)
    return np.asarray(np.abs(posterior.response(*place) * left_out))
