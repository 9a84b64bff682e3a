"""A bounded metric forecast through the loss: N, D to loss, and loss to the metric."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from scalinglaws.arrays import FloatArray
from scalinglaws.display import Card, Displayed
from scalinglaws.errors import DataError
from scalinglaws.fitting.inference.covariance import t_quantile
from scalinglaws.fitting.inference.reach import Reach
from scalinglaws.fitting.tables import columns as col
from scalinglaws.forecasting import saved, wording
from scalinglaws.forecasting.forecast import Forecast
from scalinglaws.forecasting.metric_step import MetricStep, infer_step
from scalinglaws.forecasting.outlook import FIELDS, Outlook, points_of
from scalinglaws.forecasting.posterior import Moments
from scalinglaws.forecasting.runs_along import reach_of_runs, runs_along
from scalinglaws.forecasting.saved import Saved
from scalinglaws.options import check_level

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_FEWEST = 6
_BEYOND_ENDS = 0.2  # how far noise may take a run beyond an end such as chance, of the span
_DOF = 6.0
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(9)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()
_PARTS = ("the loss", "step to the metric", "noise")


@dataclass(frozen=True, eq=False, repr=False)
class ChainedForecast(Displayed, Saved):
    """Forecast of a bounded metric through the loss.

    Returned by :func:`scalinglaws.forecast` with ``through``.

    Attributes
    ----------
    loss : Forecast
        Forecast of the loss from N and D.
    step : MetricStep
        Sigmoid from the loss to the metric.
    target : str
        Column of the metric.
    limits : (float, float)
        Lowest and highest possible value of the metric.
    confidence_level : float
        Level of the intervals.
    metric : array
        Metric of each run of `loss`; NaN where unknown.
    """

    loss: Forecast
    step: MetricStep
    target: str
    limits: tuple[float, float]
    confidence_level: float
    metric: FloatArray

    def predict(
        self,
        data: pd.DataFrame | Mapping[str, Any] | None = None,
        /,
        *,
        confidence_level: float | None = None,
        **variables: npt.ArrayLike | str,
    ) -> Outlook | pd.DataFrame:
        """Forecast the metric of runs of given size and duration.

        Parameters
        ----------
        data : DataFrame, object with ``to_pandas()``, or mapping, optional
            Columns N and D, or one of them and C; as in `Forecast.predict`.
        confidence_level : float, optional
            Level of both intervals; by default that of the forecast.
        **variables : float, str or array
            N, D and C as keywords.

        Returns
        -------
        Outlook or DataFrame
            As `Forecast.predict`. The shares of the variance are those of the loss, of the step
            from loss to metric, and of the noise of a run.
        """
        level = self.confidence_level if confidence_level is None else confidence_level
        check_level(level)
        points, index = points_of(self.loss.rows, data, variables)
        found = self.outlook(points, level)
        return found if index is None else found.to_frame(index)

    def outlook(self, points: Mapping[str, FloatArray], level: float) -> Outlook:
        """Forecast at arrays N, D and C of one shape."""
        shape, moments = points["N"].shape, self.loss.moments(points)
        mean, of_loss, of_step = self._through(moments, moments.run)
        curve_mean, *curve = self._through(moments, moments.curve)
        quantile = float(t_quantile(level, _DOF))
        total = of_loss + of_step + self.step.noise
        half, half_curve = quantile * np.sqrt(total), quantile * np.sqrt(curve[0] + curve[1])
        low, high = self.limits
        ends = (curve_mean - half_curve, curve_mean + half_curve, mean - half, mean + half)
        fields = (
            mean, *(np.clip(end, low, high) for end in ends),
            np.ravel(points["C"]) / self.loss.rows.largest,
            of_loss / total, of_step / total, self.step.noise / total,
        )  # fmt: skip
        shaped: list[Any] = [f.reshape(shape) if shape else float(f[0]) for f in fields]
        return Outlook(
            **dict(zip(FIELDS, shaped, strict=True)), confidence_level=level, target=self.target,
            points=dict(points), parts=_PARTS,
        )  # fmt: skip

    def reach(
        self,
        value: npt.ArrayLike | str,
        /,
        *,
        ratio: float | None = None,
        confidence_level: float | None = None,
        **variables: float | str,
    ) -> Reach:
        """The compute at which the forecast reaches a value of the metric.

        Parameters
        ----------
        value, ratio, confidence_level, **variables
            As in `Forecast.reach`.

        Returns
        -------
        Reach
            As in `Forecast.reach`.
        """
        level = self.confidence_level if confidence_level is None else confidence_level
        check_level(level)
        rows = self.loss.rows
        return reach_of_runs(
            runs_along(rows, ratio, variables), lambda points: self.outlook(points, level), value,
            largest=rows.largest, falls=self.step.best < self.step.worst, target=self.target,
            confidence_level=level,
        )  # fmt: skip

    def _through(
        self, moments: Moments, variance: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Mean of the metric over the distribution of the loss, and its variance in two parts."""
        score = moments.mean[:, None] + np.sqrt(variance)[:, None] * _NODES
        loss = self.loss.rows.scale.back(score)
        each, error = (part.reshape(loss.shape) for part in self.step.at(loss.ravel()))
        mean = each @ _WEIGHTS
        return mean, (each - mean[:, None]) ** 2 @ _WEIGHTS, error @ _WEIGHTS

    def plot(
        self,
        to: float | str | None = None,
        *,
        ratio: float | None = None,
        ax: Axes | None = None,
        title: bool | str | None = None,
    ) -> Axes:
        """Draw the runs and the forecast of the metric over compute.

        Parameters
        ----------
        to : float or str, optional
            Compute up to which to draw; by default 100 times the largest run.
        ratio : float, optional
            Tokens per parameter of the curve; by default those of the largest runs.
        ax : Axes, optional
            Where to draw; by default a new figure.
        title : bool or str, optional
            Sentence above the picture; by default the result, on a new figure.

        Returns
        -------
        Axes
        """
        from scalinglaws.plotting.chains import plot_chained_forecast

        return plot_chained_forecast(self, to, ratio=ratio, ax=ax, title=title)

    def _card(self) -> Card:
        return wording.chained_card(self)

    _format = saved.CHAINED

    def _saved_values(self) -> dict[str, Any]:
        return {
            "target": self.target,
            "limits": list(self.limits),
            "confidence_level": self.confidence_level,
            "metric": saved.of_numbers(self.metric),
            "loss": saved.of_rows(self.loss.rows),
        }


def chain_metric(
    loss: Forecast, metric: str | None, limits: tuple[float | None, float | None]
) -> ChainedForecast:
    """The metric of the runs of a forecast, through their loss.

    Raises
    ------
    DataError
        If fewer than 6 runs have the metric, or it lies outside its limits.
    ValueError
        If the metric or one of its ends is not named.
    """
    low, high = limits
    if metric is None or low is None or high is None:
        raise ValueError(
            "A forecast through the loss needs the metric `y` and both its `limits`, such as "
            "limits=(0.25, 1) for an accuracy with four choices."
        )
    rows = loss.rows
    source = rows.table.source
    assert source is not None
    column = col.one_column(source, col.require(source, metric, "`y`")).iloc[rows.places]
    return chain_values(loss, col.to_floats(column, metric), metric, (low, high))


def chain_values(
    loss: Forecast, values: FloatArray, metric: str, limits: tuple[float, float]
) -> ChainedForecast:
    """The same from the metric of each run of the forecast, NaN where it is not known.

    Raises
    ------
    DataError
        If fewer than 6 runs have the metric, or it lies outside its limits.
    """
    (low, high), rows = limits, loss.rows
    known = np.isfinite(values)
    if known.sum() < _FEWEST:
        raise DataError(f"{metric!r} is known of {int(known.sum())} runs; {_FEWEST} are needed.")
    lowest, highest = float(values[known].min()), float(values[known].max())
    room = _BEYOND_ENDS * (high - low)
    if highest > high + room or lowest < low - room:
        raise DataError(
            f"{metric!r} runs from {lowest:g} to {highest:g}, which is not within the `limits` "
            f"{limits}: divide per cent by 100, or correct them."
        )
    losses = rows.table.y[rows.places][known]
    rises = np.sum((losses - losses.mean()) * values[known]) < 0  # as the loss falls
    best, worst = (high, low) if rises else (low, high)
    step = infer_step(losses, values[known], best, worst)
    return ChainedForecast(loss, step, metric, (low, high), loss.confidence_level, values)
