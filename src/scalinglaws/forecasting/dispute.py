"""Whether a law's prediction is disputed by the forecast of the same runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from scalinglaws.arrays import BoolArray, FloatArray

if TYPE_CHECKING:
    from scalinglaws.fitting.inference.prediction import Prediction
    from scalinglaws.forecasting.forecast import Forecast

DISPUTE_LEVEL = 0.9  # of the intervals of both


def is_disputed(
    forecast: Forecast, points: Mapping[str, FloatArray], law: Prediction | Any
) -> BoolArray:
    """Where |ln(law) - ln(forecast)| is above the law's half-width and half of the forecast's.

    Parameters
    ----------
    forecast : of the runs that the law was fitted to
    points : N, D and C
    law : what the law predicts there, with intervals at 90 %

    Notes
    -----
    The law's half-width is that of its interval of a new run. Half of the forecast's keeps a law
    that is true from being disputed wherever its interval is narrow: `docs/forecast.md` has how
    often either happens.
    """
    found = forecast.outlook(points, DISPUTE_LEVEL)
    widths = []
    with np.errstate(divide="ignore", invalid="ignore"):
        for each in (law, found):
            low = np.maximum(np.asarray(each.run_low, dtype=np.float64), 1e-300)
            widths.append(np.log(np.asarray(each.run_high) / low) / 2)
        gap = np.abs(np.log(np.asarray(law.estimate) / np.asarray(found.estimate)))
        return np.asarray(gap > np.maximum(widths[0], 0.5 * widths[1]))
