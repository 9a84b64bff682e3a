"""A curve in one variable, extrapolated: loss over tokens, steps, parameters or compute."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from scalinglaws.arrays import BoolArray, FloatArray
from scalinglaws.display import Card, Displayed
from scalinglaws.errors import ExtrapolationWarning, warn
from scalinglaws.fitting.inference.covariance import t_quantile
from scalinglaws.fitting.inference.reach import Reach, find_reach
from scalinglaws.fitting.tables import columns as col
from scalinglaws.fitting.tables.points import to_values
from scalinglaws.forecasting import saved, wording
from scalinglaws.forecasting.curve_posterior import DOF, CurvePosterior
from scalinglaws.forecasting.metric_scale import MetricScale
from scalinglaws.forecasting.outlook import USABLE_LEVEL, USABLE_WIDTH, Outlook, outlook_at
from scalinglaws.forecasting.saved import Saved
from scalinglaws.numerals import format_factor, format_variable, listed, plural
from scalinglaws.options import check_level

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ALONG = np.geomspace(1.0, 1000.0, 121)
_REACH_POINTS = 400
_SPIKE, _LEAST_SPIKE = 10.0, 0.05  # above its neighbours, in usual steps and on the scale


@dataclass(frozen=True, eq=False)
class CurvePoints:
    """What a curve is forecast from; see `CurveForecast`."""

    x: FloatArray
    y: FloatArray
    variable: str
    target: str
    scale: MetricScale
    n_read: int


@dataclass(frozen=True, eq=False, repr=False)
class CurveForecast(Displayed, Saved):
    """Forecast of one curve.

    Returned by :func:`scalinglaws.forecast` with ``x``.

    Attributes
    ----------
    x, y : array
        The points used, sorted by x; `y` is the metric.
    variable : str
        Name of x.
    target : str
        Column of the metric.
    scale : MetricScale
        Scale on which the metric is forecast.
    posterior : CurvePosterior
        Distribution of the coefficients.
    confidence_level : float
        Level of the intervals.
    n_read : int
        Points in the table; more than in `x` if they were averaged.
    """

    x: FloatArray
    y: FloatArray
    variable: str
    target: str
    scale: MetricScale
    posterior: CurvePosterior
    confidence_level: float
    n_read: int

    def predict(
        self,
        data: pd.DataFrame | Mapping[str, Any] | npt.ArrayLike | str | None = None,
        /,
        *,
        confidence_level: float | None = None,
        **variables: npt.ArrayLike | str,
    ) -> Outlook | pd.DataFrame:
        """Forecast the curve at values of its variable.

        Parameters
        ----------
        data : number, text, array, mapping or DataFrame, optional
            Values of the variable, or a table or mapping with them under its name.
        confidence_level : float, optional
            Level of both intervals; by default that of the forecast.
        **variables : float, str or array
            Values of the variable as a keyword, such as ``D="60B"``.

        Returns
        -------
        Outlook or DataFrame
            As `Forecast.predict`. The prediction interval is that of one more point of the curve.

        Raises
        ------
        ValueError
            If the variable is missing, or not positive.

        Warns
        -----
        ExtrapolationWarning
            If the half-width of the 90 % interval exceeds 10 %.
        """
        level = self.confidence_level if confidence_level is None else confidence_level
        check_level(level)
        frame = col.frame_of(data, "data")
        x = self._values(data if frame is None else frame, variables)
        found = self.outlook(x, level)
        if not (self.outlook(x, USABLE_LEVEL).half_width <= USABLE_WIDTH).all():
            warn(f"The forecast is not usable at some points. {self.status}", ExtrapolationWarning)
        return found if frame is None else found.to_frame(frame.index)

    def _values(self, data: Any, variables: Mapping[str, Any]) -> FloatArray:
        if isinstance(data, pd.DataFrame):
            column = col.require(data, self.variable, "the curve")
            x = col.to_floats(col.one_column(data, column), column)
        else:
            given = {**(dict(data) if isinstance(data, Mapping) else {}), **variables}
            if data is not None and not isinstance(data, Mapping):
                given = {self.variable: data, **given}
            if set(given) != {self.variable}:
                got = listed(sorted(given)) if given else "nothing"
                raise ValueError(f"The curve is over {self.variable!r}; got {got}.")
            x = to_values(self.variable, given[self.variable])
        wrong = ~(np.isfinite(x) & (x > 0))
        if wrong.any():
            raise ValueError(
                f"{self.variable} must be positive; got {np.ravel(x)[wrong.ravel()][0]}."
            )
        return x

    def outlook(self, x: FloatArray, level: float) -> Outlook:
        """Forecast at an array, without warnings."""
        beyond = np.ravel(x) / self.x[-1]
        mean, curve, noise = self.posterior.at(np.log(beyond))
        quantile = float(t_quantile(level, DOF))
        halves = [quantile * np.sqrt(v) for v in (curve, curve + noise)]
        fields = (
            self.scale.back(mean),
            *self.scale.interval(mean - halves[0], mean + halves[0]),
            *self.scale.interval(mean - halves[1], mean + halves[1]),
            beyond, curve / (curve + noise), np.zeros(len(mean)), noise / (curve + noise),
        )  # fmt: skip
        return outlook_at({self.variable: x}, fields, confidence_level=level, target=self.target)

    def reach(
        self, value: npt.ArrayLike | str, /, *, confidence_level: float | None = None
    ) -> Reach:
        """Value of the variable at which the curve reaches values of the metric.

        Parameters
        ----------
        value : float, str or array
            Values of the metric.
        confidence_level : float, optional
            Level of the interval, which is the confidence interval (curve).

        Returns
        -------
        Reach
            ``estimate``, ``low`` and ``high``. Zero if reached before the first point, infinite if
            not within 1,000 times the last one.
        """
        level = self.confidence_level if confidence_level is None else confidence_level
        check_level(level)
        along = np.geomspace(float(self.x[0]), _ALONG[-1] * float(self.x[-1]), _REACH_POINTS)

        def curve(x: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
            found = self.outlook(x, level)
            return found.estimate, found.curve_low, found.curve_high

        return find_reach(
            curve, along, value, falls=self.scale.falls, times_beyond=lambda x: x / self.x[-1],
            variable=self.variable, target=self.target, confidence_level=level,
        )  # fmt: skip

    @cached_property
    def usable_to(self) -> float:
        """Value of x up to which the half-width of the 90 % interval is at most 10 %."""
        good = self.outlook(self.x[-1] * _ALONG, USABLE_LEVEL).half_width <= USABLE_WIDTH
        last = len(good) - 1 if good.all() else int(np.argmin(good)) - 1
        return float(self.x[-1] * _ALONG[last]) if last >= 0 else float("nan")

    @property
    def status(self) -> str:
        """How far the forecast can be used, as a sentence."""
        if np.isnan(self.usable_to):
            return "Not usable beyond the curve: the 90 % interval is wider than ±10 % at its end."
        end = format_variable(self.variable, self.usable_to, 2)
        factor = format_factor(self.usable_to / self.x[-1])
        return (
            f"The 90 % interval stays within ±10 % to {self.variable} {end}, {factor} times the "
            "last point. Public curves have tested such forecasts to twice the last point."
        )

    @property
    def facts(self) -> tuple[str, ...]:
        """Caveats about the points used."""
        found = list(self.scale.facts(self.target))
        if self.n_read != len(self.x):
            found.append(f"{plural(self.n_read, 'point')} are averaged into {len(self.x)}.")
        spikes = [format_variable(self.variable, x) for x in self.x[self._spikes()]]
        if spikes:
            found.append(
                f"{self.target!r} jumps at {self.variable} {listed(spikes)}, far off the points "
                "beside. Leave spikes out: they widen and shift the forecast."
            )
        return tuple(found)

    def _spikes(self) -> BoolArray:
        """Points far worse than both neighbours, beside the usual scatter from them."""
        score = self.scale.forward(self.y)
        found = np.zeros(len(score), dtype=np.bool_)
        gaps = np.minimum(score[1:-1] - score[:-2], score[1:-1] - score[2:])
        usual = np.median(np.abs(np.diff(score)))
        found[1:-1] = gaps > max(_SPIKE * usual, _LEAST_SPIKE)
        return found

    @property
    def n(self) -> int:
        """Number of points used."""
        return len(self.x)

    def plot(
        self,
        to: float | str | None = None,
        *,
        at: float | str | None = None,
        ax: Axes | None = None,
        title: bool | str | None = None,
    ) -> Axes:
        """Draw the curve and its forecast.

        Parameters
        ----------
        to : float or str, optional
            Value of the variable up to which to draw; by default ten times the last point.
        at : float or str, optional
            Value to mark, with the prediction interval there.
        ax : Axes, optional
            Axes to draw in; by default those of a new figure.
        title : bool or str, optional
            Sentence above the picture; by default the result, on a new figure.

        Returns
        -------
        Axes
        """
        from scalinglaws.plotting.curve_forecasts import plot_curve_forecast

        return plot_curve_forecast(self, to, at=at, ax=ax, title=title)

    def report(self, path: str | Path, *, follow_links: bool = False) -> None:
        """Write a page about this forecast; see `Forecast.report`.

        Parameters
        ----------
        path : str or Path
            File of the page.
        follow_links : bool, default False
            Whether a symbolic link is followed.
        """
        from scalinglaws.report.page import write_report

        write_report(self, path, follow_links=follow_links)

    def _card(self) -> Card:
        return wording.curve_card(self)

    _format = saved.CURVE

    def _saved_values(self) -> dict[str, Any]:
        return {"confidence_level": self.confidence_level, **self.saved_points()}

    def saved_points(self) -> dict[str, Any]:
        """The points, as JSON has them."""
        return {
            "variable": self.variable, "target": self.target, "scale": asdict(self.scale),
            "n_read": self.n_read, "x": self.x.tolist(), "y": self.y.tolist(),
        }  # fmt: skip
