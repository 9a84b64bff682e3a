"""A prediction: estimate, two intervals, extrapolation factor and forecast."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from scalinglaws.display import Card, Displayed
from scalinglaws.errors import no_warnings
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
    estimate : float or array
        Value of the law.
    curve_low, curve_high : float or array
        Confidence interval (curve), from the errors of the parameters.
    run_low, run_high : float or array
        Prediction interval (new run), which adds the noise of a run.
    times_beyond : float or array
        Extrapolation factor: compute relative to the largest fitted run. For a law of one
        variable, that variable.
    leverage : float or array
        Variance of the curve relative to that of a run, for equal noise.
    confidence_level : float
        Level of both intervals.
    target : str
        Name of the performance.
    points : mapping of str to array
        Values of the variables.
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
        with no_warnings():  # the prediction has said it
            return beside(*self.source, self.confidence_level)

    @property
    def forecast(self) -> Outlook:
        """Forecast from the same runs at this point; NaN with a reason if there is none."""
        outlook: Outlook = self._beside.outlook
        return outlook

    @property
    def disputed(self) -> Any:
        """Whether the law and the forecast differ by more than their intervals allow.

        The difference of the logarithms exceeds 0.7 times the half-width of the wider of their
        90 % prediction intervals. None without a forecast; NaN in an array.
        """
        disputed = self._beside.disputed
        return None if np.ndim(disputed) == 0 and np.isnan(disputed) else disputed

    def to_frame(self, index: pd.Index | None = None) -> pd.DataFrame:
        """Table of the fields.

        Parameters
        ----------
        index : Index, optional
            Index of the table.

        Returns
        -------
        DataFrame
            One row per point.
        """
        names = [f.name for f in fields(self) if f.name not in _NO_COLUMNS]
        shape = np.shape(self.estimate)
        columns = {n: np.ravel(np.broadcast_to(getattr(self, n), shape)) for n in names}
        return pd.DataFrame(columns, index=index)

    def _card(self) -> Card:
        return prediction_card(self)
