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

from scalinglaws.errors import ScalingLawWarning
from scalinglaws.escaping import for_html
from scalinglaws.numerals import format_plain, format_to

if TYPE_CHECKING:
    from scalinglaws.forecasting.outlook import Outlook

_LABEL = 34  # width of the names in the text of a prediction
NO_FORECAST = "only a law that was fitted to runs has one."


@dataclass(frozen=True)
class Prediction:
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
    """

    estimate: Any
    curve_low: Any
    curve_high: Any
    run_low: Any
    run_high: Any
    times_beyond: Any
    confidence_level: float
    leverage: Any = np.nan
    source: tuple[Any, Mapping[str, npt.NDArray[Any]]] | None = field(
        default=None, repr=False, compare=False
    )
    without_forecast: str = field(default=NO_FORECAST, repr=False, compare=False)

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
        names = [f.name for f in fields(self) if f.name not in ("confidence_level", "source")]
        shape = np.shape(self.estimate)
        columns = {n: np.ravel(np.broadcast_to(getattr(self, n), shape)) for n in names}
        return pd.DataFrame(columns, index=index)

    def __str__(self) -> str:
        if np.ndim(self.estimate):
            return self.to_frame().to_string()
        return "\n".join(f"{name:<{_LABEL}} {text}".rstrip() for name, text in self._lines())

    def _repr_html_(self) -> str:
        if np.ndim(self.estimate):
            return str(self.to_frame().to_html())
        rows = "".join(
            f'<tr><td style="text-align:left">{for_html(name)}</td>'
            f'<td style="text-align:left">{for_html(text)}</td></tr>'
            for name, text in self._lines()
        )
        return f"<table>{rows}</table>"

    def _lines(self) -> list[tuple[str, str]]:
        """Names and texts of the display of a single point."""
        level = f"{100 * self.confidence_level:g} %"

        def span(low: float, high: float) -> str:
            if np.isnan(low):
                return "none"
            half = 0.5 * (high - low)
            return f"{format_to(low, half)} to {format_to(high, half)}"

        half = 0.5 * (self.curve_high - self.curve_low)
        return [
            ("estimate", format_to(self.estimate, half) or "none"),
            (f"{level} confidence interval (curve)", span(self.curve_low, self.curve_high)),
            (f"{level} prediction interval (new run)", span(self.run_low, self.run_high)),
            ("extrapolation", self.beyond),
            ("leverage", format_plain(self.leverage, 2) or "none"),
            ("model error", "not included: the intervals assume that the law still holds here"),
            *self._forecast_lines(),
        ]

    def _forecast_lines(self) -> list[tuple[str, str]]:
        """Lines of the forecast, if there is one."""
        outlook = self.forecast
        if outlook.reason:
            return [("forecast", f"none: {outlook.reason}")]
        level = f"{100 * self.confidence_level:g} %"
        half = 0.5 * (outlook.run_high - outlook.run_low)
        estimate, low, high = (
            format_to(v, half) for v in (outlook.estimate, outlook.run_low, outlook.run_high)
        )
        text = f"{estimate} ({level} prediction interval: {low} to {high})"
        if np.isfinite(self.curve_high):
            verdict = f"{'' if self.disputed else 'not '}disputed by the forecast"
        else:
            verdict = "not determined by these runs"
        return [("forecast", text), ("this law here", verdict)]

    @property
    def beyond(self) -> str:
        """Text of the extrapolation factor."""
        largest = float(np.max(self.times_beyond))
        if largest <= 1.0:
            return "none: inside the range of the fitted runs"
        return f"{format_plain(largest, 3)} times the largest fitted run"
