"""A forecast over N and D: what larger runs will reach, with an interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from scalinglaws.arrays import FloatArray
from scalinglaws.display import Card, Displayed, as_text
from scalinglaws.fitting.inference.covariance import t_quantile
from scalinglaws.fitting.inference.reach import Reach
from scalinglaws.forecasting import saved, wording
from scalinglaws.forecasting.caveats import DecidingRun, facts_of, find_deciding_run
from scalinglaws.forecasting.outlook import (
    FARTHEST,
    USABLE_LEVEL,
    Outlook,
    given_points,
    outlook_at,
    points_of,
    reach_of_runs,
    warn_if_not_usable,
)
from scalinglaws.forecasting.posterior import Moments, Posterior, infer
from scalinglaws.forecasting.run_rows import RunRows
from scalinglaws.forecasting.saved import Saved
from scalinglaws.options import check_level

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from scalinglaws.fitting.result import Fit
    from scalinglaws.forecasting.backtest import Backtest


@dataclass(frozen=True, eq=False, repr=False)
class Forecast(Displayed, Saved):
    """A forecast of a metric over N and D.

    Returned by :func:`scalinglaws.forecast`; never changes after it is made.

    Attributes
    ----------
    rows : RunRows
        The runs used, in order of compute.
    posterior : Posterior
        Flexible law, its error, and the noise of a run.
    confidence_level : float
        Level of the intervals.
    """

    rows: RunRows
    posterior: Posterior
    confidence_level: float

    # --- predictions -----------------------------------------------------------------------

    def predict(
        self, data: pd.DataFrame | Mapping[str, Any] | None = None, /, *,
        confidence_level: float | None = None, **variables: npt.ArrayLike | str,
    ) -> Outlook | pd.DataFrame:  # fmt: skip
        """Forecast runs of given size and duration.

        Parameters
        ----------
        data : DataFrame, object with ``to_pandas()``, or mapping, optional
            Columns N and D, or one of them and C. Names are these, common ones, or those of the
            table of runs.
        confidence_level : float, optional
            Level of both intervals; by default that of the forecast.
        **variables : float, str or array
            N, D and C as keywords, also as text: ``N="7B"``.

        Returns
        -------
        Outlook or DataFrame
            For a DataFrame, a DataFrame with the same index; otherwise an `Outlook` whose fields
            have the shape of the input. Fields: ``estimate``; ``curve_low`` and ``curve_high``,
            the confidence interval (curve); ``run_low`` and ``run_high``, the prediction interval
            (new run); ``times_beyond``, the extrapolation factor; ``share_coefficients``,
            ``share_law_error`` and ``share_noise``, the shares of the variance of a new run.

        Raises
        ------
        ValueError
            If N or D is missing, or not positive.

        Warns
        -----
        ExtrapolationWarning
            If the half-width of the 90 % prediction interval exceeds 10 %, or the extrapolation
            factor exceeds 200.

        Examples
        --------
        >>> import scalinglaws as sl
        >>> runs = sl.datasets.ladder()
        >>> forecast = sl.forecast(runs[runs["D"] > 1.5e6])
        >>> found = forecast.predict(N="1.04M", D="16M")
        >>> bool(found.run_low < 1.032 < found.run_high)  # what such a run reached
        True
        """
        level = self.confidence_level if confidence_level is None else confidence_level
        check_level(level)
        points, index = points_of(self.rows, data, variables)
        moments = self.moments(points)
        found = self.outlook(points, level, moments)
        warn_if_not_usable(self.outlook(points, USABLE_LEVEL, moments))
        return found if index is None else found.to_frame(index)

    def outlook(
        self, points: Mapping[str, FloatArray], level: float, moments: Moments | None = None
    ) -> Outlook:
        """Forecast at arrays N, D and C of one shape, without warnings."""
        found = self.moments(points) if moments is None else moments
        quantile = float(t_quantile(level, self.posterior.dof))
        scale = self.rows.scale
        curve, run = (quantile * np.sqrt(v) for v in (found.curve, found.run))
        fields = (
            scale.back(found.mean),
            *scale.interval(found.mean - curve, found.mean + curve),
            *scale.interval(found.mean - run, found.mean + run),
            np.ravel(points["C"]) / self.rows.largest,
            *(part / found.run for part in (found.coefficients, found.law_error, found.noise)),
        )
        return outlook_at(points, fields, confidence_level=level, target=self.rows.table.target)

    def moments(self, points: Mapping[str, FloatArray]) -> Moments:
        """Mean and variance on the scale of the forecast; see `rows.scale`."""
        ln_n, ln_d = self.posterior.origin
        sizes, tokens = np.ravel(points["N"]), np.ravel(points["D"])
        found = self.posterior.at(np.log(sizes) - ln_n, np.log(tokens) - ln_d)
        precision = self.rows.scale.precision(found.mean) / self.rows.mean_weight
        return replace(found, noise=found.noise / precision)

    def usable(
        self, points: Mapping[str, FloatArray], moments: Moments | None = None
    ) -> npt.NDArray[np.bool_]:
        """Where the forecast is narrow and near enough; see `predict`."""
        return self.outlook(points, USABLE_LEVEL, moments).usable

    def reach(
        self, value: npt.ArrayLike | str, /, *, ratio: float | None = None,
        confidence_level: float | None = None, **variables: float | str,
    ) -> Reach:  # fmt: skip
        """The compute at which the forecast reaches a value of the metric; see also `Fit.reach`.

        Parameters
        ----------
        value : number or array
            Values of the metric.
        ratio : float, optional
            Tokens per parameter; by default those of the largest runs.
        confidence_level : float, optional
            Level of the interval, which is the confidence interval (curve).
        **variables : float or str
            N or D, to find the other one instead: ``N="7B"``.

        Returns
        -------
        Reach
            ``estimate``, ``low`` and ``high`` of the compute in FLOP, or of the other of N and D.
            Zero if reached before the compute of the smallest run, infinite if not within 200
            times that of the largest.

        Examples
        --------
        >>> import scalinglaws as sl
        >>> runs = sl.datasets.ladder()
        >>> print(sl.forecast(runs[runs["D"] > 1.5e6], confidence_level=0.9).reach(1.1))
        loss 1.1 is reached at C 5.4e13 (90 %: 3.9e13 to 1e14)
        """
        level = self.confidence_level if confidence_level is None else confidence_level
        check_level(level)
        return reach_of_runs(
            self.rows, lambda points: self.outlook(points, level), value, ratio=ratio,
            variables=variables, falls=self.rows.scale.falls, target=self.rows.table.target,
            confidence_level=level,
        )  # fmt: skip

    # --- how far it reaches -----------------------------------------------------------------

    @cached_property
    def usable_to(self) -> float:
        """Compute to which the forecast is usable, along the largest runs' tokens per parameter.

        Up to there the half-width of the 90 % prediction interval is at most 10 %. The
        extrapolation factor is at most 200: forecasts were tested on real runs up to there.
        NaN if the interval is wider at the largest runs already.
        """
        compute = self.rows.largest * np.geomspace(1.0, FARTHEST, 60)
        good = self.usable(self.rows.points(compute))
        n_good = len(good) if good.all() else int(np.argmin(good))
        return float(compute[n_good - 1]) if n_good else float("nan")

    @property
    def status(self) -> str:
        """How far the forecast can be used, as a sentence."""
        return wording.status_of(self)

    @cached_property
    def facts(self) -> tuple[str, ...]:
        """Caveats: how the runs were chosen, what they leave open, and outliers."""
        return tuple(facts_of(self.rows, self.posterior))

    @cached_property
    def params(self) -> pd.Series:
        """The flexible law at the largest runs, and the size of its error and of the noise.

        ``level``: the metric there; ``floor``: share of it that no scale removes; ``share_N``:
        share of the term in N in the rest; ``alpha``, ``beta``: exponents of the reducible part
        along N and D, each if it stood alone; ``outer_power``; ``law_error`` and ``noise``:
        relative standard deviations.
        """
        level, floor, split, alpha, beta, outer = self.posterior.theta
        noise = self.posterior.noise
        return pd.Series({
            "level": float(self.rows.scale.back(np.array([level]))[0]),
            "floor": 1 / (1 + np.exp(-floor)), "share_N": 1 / (1 + np.exp(-split)),
            "alpha": np.exp(alpha), "beta": np.exp(beta), "outer_power": np.exp(outer),
            "law_error": np.sqrt(noise * self.posterior.ratio), "noise": np.sqrt(noise),
        }, name="estimate")  # fmt: skip

    # --- runs and back-test ------------------------------------------------------------------

    @property
    def n(self) -> int:
        """Number of runs used."""
        return self.rows.n

    @property
    def dropped(self) -> pd.Series:
        """Rows left out as unusable, with the reason."""
        dropped = self.rows.table.dropped
        labels, reasons = zip(*dropped, strict=True) if dropped else ((), ())
        return pd.Series(reasons, pd.Index(labels, tupleize_cols=False), object, "reason")

    def backtest(
        self, *, by: Literal["C", "N", "D"] = "C", cuts: Sequence[float | str] | None = None,
        confidence_level: float | None = None,
    ) -> Backtest:  # fmt: skip
        """Predict the larger runs from the smaller ones; see `scalinglaws.backtest`.

        Parameters
        ----------
        by, cuts, confidence_level
            As in :func:`scalinglaws.backtest`.

        Returns
        -------
        Backtest
        """
        from scalinglaws.forecasting.backtest import backtest

        return backtest(self, by=by, cuts=cuts, confidence_level=confidence_level)

    def deciding_run(self, **variables: float | str) -> DecidingRun:
        """Find the run whose removal changes the forecast of one point most.

        The three most influential runs are left out in turn.

        Parameters
        ----------
        **variables : float or str
            N and D of the point, or one of them and C.

        Returns
        -------
        DecidingRun
            The run, and the forecast without it.

        Raises
        ------
        ValueError
            If more than one point is given.

        Examples
        --------
        >>> import scalinglaws as sl
        >>> runs = sl.datasets.ladder()
        >>> print(sl.forecast(runs[runs["D"] > 1.5e6]).deciding_run(N="1M", D="16M"))
        No single run decides: ...
        """
        points = given_points(self.rows, None, variables)
        if points["N"].ndim:
            raise ValueError("`deciding_run` takes one point; pass one N and one D.")
        return find_deciding_run(self, points)

    # --- pictures ----------------------------------------------------------------------------

    def plot(
        self,
        to: float | str | None = None,
        *,
        at: Mapping[str, Any] | None = None,
        ratio: float | None = None,
        law: Fit | None = None,
        targets: pd.DataFrame | None = None,
        ax: Axes | None = None,
        title: bool | str | None = None,
    ) -> Axes:
        """Draw the runs and the forecast over compute, with the back-test.

        Parameters
        ----------
        to : float or str, optional
            Compute up to which to draw; by default somewhat beyond `usable_to`, and at most 100
            times the largest run.
        at : mapping, optional
            A run to mark with its interval, by two of N, D and C, such as ``{"N": "70B",
            "D": "1.4T"}``; the curve then has its tokens per parameter.
        ratio : float, optional
            Tokens per parameter of the curve; by default those of the largest runs. Runs with more
            than twice or less than half of it are drawn faint.
        law : Fit, optional
            A law to draw too, with a ring where its prediction begins to be disputed.
        targets : DataFrame, optional
            Held-out runs, drawn hollow; up to four are named by their row labels, where these are
            text.
        ax : Axes, optional
            Axes to draw the forecast alone in. By default a new figure, which also shows the
            shares of the variance, and the back-test if there are enough runs.
        title : bool or str, optional
            Sentence above the picture; by default the result, on a new figure.

        Returns
        -------
        Axes
            Of the forecast.
        """
        from scalinglaws.plotting.forecasts import plot_forecast

        return plot_forecast(
            self, to, at=at, ratio=ratio, law=law, targets=targets, ax=ax, title=title
        )  # fmt: skip

    def report(
        self, path: str | Path, *, C: Any = None, law: Fit | None = None, follow_links: bool = False
    ) -> None:
        """Write a page about this forecast, beside a law where one is given; see `Fit.report`.

        Without a law, a budget is planned at the largest runs' tokens per parameter.

        Parameters
        ----------
        path : str or Path
            File of the page.
        C : number or array, optional
            Budgets to plan for.
        law : Fit, optional
            Law to show beside the forecast.
        follow_links : bool, default False
            Whether a symbolic link is followed.
        """
        from scalinglaws.report.page import write_report

        write_report(self, path, C=C, law=law, follow_links=follow_links)

    # --- words and files ---------------------------------------------------------------------

    def summary(self) -> str:
        """Text of at most one screen: range of use, predictions on the way, and caveats.

        Returns
        -------
        str
        """
        return as_text(self._card())

    def _card(self) -> Card:
        return self._described

    @cached_property
    def _described(self) -> Card:
        return wording.forecast_card(self)  # which makes the back-test

    _format = saved.FORECAST

    def _saved_values(self) -> dict[str, Any]:
        return {
            "confidence_level": self.confidence_level,
            "params": {name: float(value) for name, value in self.params.items()},
            **saved.of_rows(self.rows),
        }


def from_rows(rows: RunRows, confidence_level: float) -> Forecast:
    """The forecast of rows that were read."""
    ln_n, ln_d = rows.anchor
    points = np.column_stack([np.log(rows.N) - ln_n, np.log(rows.D) - ln_d])
    level = float(rows.y[rows.is_largest].mean())
    posterior = infer(points, rows.y, rows.weights, level, np.array([ln_n, ln_d]))
    return Forecast(rows, posterior, confidence_level)
