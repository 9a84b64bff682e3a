"""A bounded metric forecast through the loss: N, D to loss, and loss to the metric.

The share of the way from best to worst is sigmoid(x0 + e^k u), where u is the loss above that of
the best runs, in standard deviations of the loss. Priors: k 0 +- 1, x0 0 +- 3. The error of the
sigmoid is a Gaussian process in u, Matern 3/2 with length 2 and variance 10 sigma^2, on the metric
itself, where the noise of the runs is sigma.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.linalg import cho_solve, cholesky, lapack
from scipy.special import expit

from scalinglaws.arrays import FloatArray
from scalinglaws.display import Card, Displayed
from scalinglaws.errors import DataError
from scalinglaws.fitting.inference.covariance import t_quantile
from scalinglaws.fitting.inference.reach import Reach
from scalinglaws.fitting.tables import columns as col
from scalinglaws.forecasting import saved, wording
from scalinglaws.forecasting.forecast import Forecast
from scalinglaws.forecasting.outlook import Outlook, outlook_at, points_of, reach_of_runs
from scalinglaws.forecasting.posterior import Expansion, Moments, correlation, descend
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
# Of the step from loss to metric.
_PRIOR_SD = np.array([1.0, 3.0])  # of k and x0, whose means are zero
_PRECISION = _PRIOR_SD**-2
_BOUNDS = np.array([-5.0, -20.0]), np.array([5.0, 20.0])
_STARTS = np.array([[0.0, 1.0], [-1.0, 2.0], [1.0, 0.0]])
_ERROR_TO_NOISE, _LENGTH = 10.0, 2.0
_NOISE_DOF, _NOISE_SCALE = 2.0, 0.005  # of the span between the ends
_STEPS, _LONGEST = 60, 1.0


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
        moments = self.loss.moments(points)
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
        return outlook_at(points, fields, confidence_level=level, target=self.target, parts=_PARTS)

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
        return reach_of_runs(
            self.loss.rows, lambda points: self.outlook(points, level), value, ratio=ratio,
            variables=variables, falls=self.step.best < self.step.worst, target=self.target,
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


# --- from loss to metric ---------------------------------------------------------------------


@dataclass(frozen=True)
class MetricStep:
    """The posterior of the step from loss to metric."""

    theta: FloatArray
    covariance: FloatArray
    noise: float
    centre: float
    unit: float
    best: float
    worst: float
    u: FloatArray
    residuals: FloatArray
    jacobian: FloatArray
    factor: FloatArray

    def at(self, loss: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Mean of the metric of a new run, and variance of its mean, at losses."""
        u = (loss - self.centre) / self.unit
        mean, jacobian = _sigmoid(self.theta, u, self.best, self.worst)
        near = _ERROR_TO_NOISE * correlation(u[:, None], self.u[:, None], _LENGTH)
        solved = cho_solve((self.factor, True), near.T, check_finite=False).T
        beyond = jacobian - near @ self.jacobian
        variance = np.einsum("ij,jk,ik->i", beyond, self.covariance, beyond)
        left = np.maximum(_ERROR_TO_NOISE - np.einsum("ij,ij->i", solved, near), 0.0)
        return mean + near @ self.residuals, variance + self.noise * left


def infer_step(loss: FloatArray, metric: FloatArray, best: float, worst: float) -> MetricStep:
    """Posterior from the runs' losses and metrics."""
    count = max(3, len(loss) // 10)
    centre, unit = float(np.sort(loss)[:count].mean()), float(loss.std())
    u = (loss - centre) / unit
    covariance = np.eye(len(u)) + _ERROR_TO_NOISE * correlation(u[:, None], u[:, None], _LENGTH)
    factor = np.asarray(cholesky(covariance, lower=True, check_finite=False))
    whiten = np.tril(lapack.dtrtri(factor, lower=1)[0])
    scale = (_NOISE_SCALE * abs(worst - best)) ** 2
    size = len(u) + _NOISE_DOF

    def whitened(theta: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        fitted, jacobian = _sigmoid(theta, u, best, worst)
        residuals = (metric - fitted) @ whiten.T
        total = _NOISE_DOF * scale + (residuals**2).sum(axis=-1)
        return total / size, residuals, whiten @ jacobian

    def expand(theta: FloatArray) -> Expansion:
        variance, residuals, jacobian = whitened(theta)
        value = 0.5 * size * np.log(variance) + 0.5 * theta**2 @ _PRECISION
        curvature = jacobian.swapaxes(-1, -2) @ jacobian / variance[..., None, None]
        downhill = np.einsum("bik,bi->bk", jacobian, residuals) / variance[..., None]
        return value, curvature + np.diag(_PRECISION), downhill - theta * _PRECISION

    found, value = descend(expand, _STARTS, bounds=_BOUNDS, n_steps=_STEPS, longest=_LONGEST)
    theta = found[np.argmin(value)]
    variance, _, jacobian = (part[0] for part in whitened(theta[None]))
    information = jacobian.T @ jacobian / variance
    fitted, plain = _sigmoid(theta, u, best, worst)
    return MetricStep(
        theta, np.linalg.inv(information + np.diag(_PRECISION)), float(variance), centre, unit,
        best, worst, u, cho_solve((factor, True), metric - fitted, check_finite=False),
        cho_solve((factor, True), plain, check_finite=False), factor,
    )  # fmt: skip


def _sigmoid(
    theta: FloatArray, u: FloatArray, best: float, worst: float
) -> tuple[FloatArray, FloatArray]:
    slope = np.exp(theta[..., 0, None])
    share = expit(theta[..., 1, None] + slope * u)
    change = (worst - best) * share * (1 - share)
    return best + (worst - best) * share, np.stack([change * slope * u, change], axis=-1)
