"""A prediction: estimate, two intervals, extrapolation factor and forecast."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from scalinglaws.display import Card, Displayed
from scalinglaws.errors import ScalingLawWarning
from scalinglaws.fitting.inference.prediction_card import prediction_card

if TYPE_CHECKING:
    from scalinglaws.forecasting.outlook import Outlook

_NO_COLUMNS = ("confidence_level", "source", "target", "points", "without_forecast")
NO_FORECAST = "only a law that was fitted to runs has one."


@dataclass(frozen=True, repr=False)
class Prediction(Displayed):
    """A prediction; every field has the shape of the input.

    Attributes
    ----------
    estimate : the law at this point
    curve_low, curve_high : confidence interval of the curve, from the errors of the parameters
    run_low, run_high : prediction interval of one new run, which adds the noise of a run
    times_beyond : extrapolation factor: compute (or the variable, where there is one) relative to
        the largest fitted run
    leverage : variance of the curve relative to that of one run, for equal noise
    confidence_level : level of both intervals
    target : name of the performance
    points : values of the variables
    """

    estimate: Any
    curve_low: Any
    curve_high: Any
    run_low: Any
    run_high: Any
    times_beyond: Any
    confidence_level: float
    leverage: Any = np.nan
    source: tuple[Any, Mapping[str, npt.NDArray[Any]]] | None = field(default=None, compare=False)
    target: str = field(default="", compare=False)
    points: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict, compare=False)
    without_forecast: str = field(default=NO_FORECAST, compare=False)

    @cached_property
    def _beside(self) -> Any:
        from scalinglaws.forecasting.beside_law import Beside, beside, nothing

        if self.source is None:
            return Beside(nothing(self.without_forecast), np.nan)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ScalingLawWarning)  # the prediction has said it
            return beside(*self.source, self.confidence_level)

    @property
    def forecast(self) -> Outlook:
        """Forecast from the same runs at this point; NaN with a reason if there is none."""
        outlook: Outlook = self._beside.outlook
        return outlook

    @property
    def disputed(self) -> Any:
        """Whether the law is farther from the forecast than both their intervals allow.

        The distance of the logarithms is above 0.7 of the half-width of either's 90 % interval of
        a new run. Without a forecast it is None, and NaN in an array.
        """
        disputed = self._beside.disputed
        return None if np.ndim(disputed) == 0 and np.isnan(disputed) else disputed

    def to_frame(self, index: pd.Index | None = None) -> pd.DataFrame:
        """One row for each point."""
        names = [f.name for f in fields(self) if f.name not in _NO_COLUMNS]
        shape = np.shape(self.estimate)
        columns = {n: np.ravel(np.broadcast_to(getattr(self, n), shape)) for n in names}
        return pd.DataFrame(columns, index=index)

    def _card(self) -> Card:
        return prediction_card(self)
