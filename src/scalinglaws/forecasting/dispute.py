"""Whether a law's prediction is disputed by the forecast of the same runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from scalinglaws.arrays import BoolArray, FloatArray

if TYPE_CHECKING:
    from scalinglaws.fitting.inference.prediction import Prediction
    from scalinglaws.forecasting.forecast import Forecast

DISPUTE_LEVEL = 0.9  # of the intervals of both
# Share of the wider half-width. Chosen on the cuts of real tables and on tables drawn from a law;
# with any one source left out it is chosen again.
DISPUTE_SHARE = 0.7


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


def disputes(gap: ArrayLike, law_width: ArrayLike, forecast_width: ArrayLike) -> BoolArray:
    """The rule, for distances and half-widths of logarithms."""
    return np.asarray(np.asarray(gap) > DISPUTE_SHARE * np.maximum(law_width, forecast_width))
