"""The `Fit` class: verdicts, predictions, summary and files, over its intervals and plots."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy.typing as npt
import pandas as pd

from scalinglaws.display import Card, Displayed, as_text
from scalinglaws.fitting import storage
from scalinglaws.fitting.diagnostics.checks import Status, Verdict, run_checks
from scalinglaws.fitting.diagnostics.residual_tests import Trend, trend
from scalinglaws.fitting.fit_plots import FitPlots
from scalinglaws.fitting.inference.inverse import reach_of_fit
from scalinglaws.fitting.inference.predict import predict
from scalinglaws.fitting.inference.prediction import Prediction
from scalinglaws.fitting.inference.reach import Reach
from scalinglaws.fitting.summary import fit_card

if TYPE_CHECKING:
    from scalinglaws.forecasting.forecast import Forecast


@dataclass(frozen=True, eq=False, repr=False)
class Fit(FitPlots, Displayed):
    """A fitted scaling law.

    Returned by :func:`scalinglaws.fit`; immutable.

    Attributes
    ----------
    law : Law
    runs : RunTable
        The runs fitted, the columns used and the rows dropped.
    method, objective, scale : str
        "log-linear" or "nls"; "squared", "huber" or "absolute"; "log" or "level".
    delta : float or None
        Huber threshold.
    objective_value : float
        Sum over the runs of weight times loss of the residual r: ``r**2`` for "squared"; for
        "huber" ``r**2/2`` up to delta and ``delta*(abs(r) - delta/2)`` beyond; ``abs(r)`` for
        "absolute".
    fixed : mapping of str to float
        Parameters that were fixed by the user.
    confidence_level : float
        Level of the intervals in `table`.
    evidence : Evidence
        Convergence of the search for the minimum.
    theta : (parameters,)
        Working parameters: logarithms of positive parameters.
    free : (parameters,)
        Mask of the estimated parameters.
    alternatives : (fits, parameters)
        Other, equally good fits, in natural values.
    versions : mapping of str to str
        Versions of the software that made the fit.
    fitted, residuals : Series
        The law at each run, and observed minus fitted (of logarithms for ``scale="log"``), on the
        index of the table.
    n, dof : int
        Number of runs fitted, and that number less the estimated parameters.
    noise : float
        Standard deviation of a run around the curve, on the scale of the residuals.
    """

    # --- verdicts ------------------------------------------------------------------------------

    @cached_property
    def verdicts(self) -> tuple[Verdict, ...]:
        """All problems detected by the checks; empty for a good fit."""
        return run_checks(self)

    @property
    def status(self) -> Status:
        """The most serious verdict, or CONVERGED."""
        found = (verdict.status for verdict in self.verdicts)
        return min(found, key=list(Status).index, default=Status.CONVERGED)

    @cached_property
    def trend(self) -> Trend | None:
        """Test for a smooth pattern in the residuals; None if there are too few runs."""
        return trend(self)

    @property
    def dropped(self) -> pd.Series:
        """Dropped rows, with the reason."""
        labels, reasons = zip(*self.runs.dropped, strict=True) if self.runs.dropped else ((), ())
        return pd.Series(reasons, pd.Index(labels, tupleize_cols=False), object, "reason")

    # --- predictions -----------------------------------------------------------------------

    def predict(
        self,
        data: pd.DataFrame | Mapping[str, Any] | None = None,
        /,
        *,
        confidence_level: float | None = None,
        forecast: bool = False,
        **variables: npt.ArrayLike | str,
    ) -> Prediction | pd.DataFrame:
        """Evaluate the fitted law, with confidence and prediction intervals.

        Parameters
        ----------
        data : DataFrame or mapping, optional
            Columns for the law's variables, named as in the law or as in the fitted table.
        confidence_level : float, optional
            Level of both intervals; by default that of the fit.
        forecast : bool, default False
            Whether a returned DataFrame includes the forecast from the same runs, as columns
            ``forecast``, ``forecast_low``, ``forecast_high`` and ``disputed``. A `Prediction`
            always has ``forecast`` and ``disputed``, computed on first access.
        **variables : float, str or array
            Variables as keywords, as scalars, arrays or text: ``N="7B"``. For indexed parameters,
            also the group: ``data="c4"``.

        Returns
        -------
        Prediction or DataFrame
            For a DataFrame, a DataFrame with the same index; otherwise a `Prediction` whose fields
            have the shape of the input. Fields: ``estimate``; ``curve_low`` and ``curve_high``,
            the confidence interval (curve); ``run_low`` and ``run_high``, the prediction interval
            (new run), which adds the noise of a run; ``times_beyond``, the extrapolation factor;
            ``leverage``, the variance of the curve relative to that of a run.

        Raises
        ------
        ValueError
            If a variable or a group is missing or unknown.

        Warns
        -----
        ExtrapolationWarning
            If the extrapolation factor exceeds 100.

        Notes
        -----
        Both intervals assume that the law still holds at the point. Model error is not included;
        the forecast includes it.

        Examples
        --------
        >>> import scalinglaws as sl
        >>> runs = sl.datasets.ladder()
        >>> fit = sl.fit(runs[runs["D"] > 1.5e6], "kaplan")
        >>> fit.predict(N=1e6, D=16e6).estimate < fit.predict(N=1e5, D=16e6).estimate
        True
        """
        return predict(self, data, confidence_level, variables, forecast=forecast)

    def reach(
        self,
        value: npt.ArrayLike | str,
        /,
        *,
        confidence_level: float | None = None,
        **variables: float | str,
    ) -> Reach:
        """The value of one variable at which the law reaches a performance; inverse of `predict`.

        Parameters
        ----------
        value : number or array
            Performance to reach.
        confidence_level : float, optional
            Level of the interval; by default that of the fit.
        **variables
            All variables of the law but one, and the group of indexed parameters.

        Returns
        -------
        Reach
            ``estimate``, ``low``, ``high`` and ``times_beyond`` of the variable left open. An end
            is infinite where the law, or its interval, does not come to the value: at the floor and
            below.

        Raises
        ------
        ValueError
            If none or several variables are left open, or `value` is not finite.
        FitError
            If the law turns among the runs, so that it has two such values.

        Warns
        -----
        ExtrapolationWarning
            If the extrapolation factor exceeds 100.

        See Also
        --------
        scalinglaws.optimal : the least compute that reaches a loss, for laws in N and D.

        Notes
        -----
        The interval inverts the confidence interval (curve) of `predict` (Fieller 1954, J. R. Stat.
        Soc. B 16). It begins at the last value at which the near end of that interval has not
        reached the performance, and ends at the first at which the far end has. It assumes that the
        law still holds there. A floor that stopped at zero leaves the upper end open where the
        floor's own interval contains the performance.

        Examples
        --------
        >>> import scalinglaws as sl
        >>> errors = {
        ...     "n": [100, 200, 400, 800, 1600, 3200],
        ...     "error": [0.31, 0.25, 0.21, 0.178, 0.157, 0.142],
        ... }
        >>> fit = sl.fit(errors, "power-floor", y="error", columns={"D": "n"})
        >>> print(fit.reach(0.12))
        error 0.12 is reached at D 20K (95 %: 16K to 30K)
        >>> print(fit.reach(0.1))
        error 0.1 is not reached at any D
        """
        return reach_of_fit(self, value, confidence_level, variables)

    @cached_property
    def forecast(self) -> Forecast:
        """Forecast from the fitted runs, which does not assume this law; computed once.

        Raises
        ------
        DataError
            If the runs allow no forecast: too few runs, no N or D, or other variables and groups.
        """
        from scalinglaws.forecasting.beside_law import forecast_of_fit

        return forecast_of_fit(self)

    # --- words -----------------------------------------------------------------------------

    def summary(self) -> str:
        """Text of at most one screen: verdict, parameters, goodness of fit and caveats.

        Returns
        -------
        str
        """
        return as_text(self._card())

    def _card(self) -> Card:
        return fit_card(self)

    # --- files -----------------------------------------------------------------------------

    def save(self, path: str | Path, *, follow_links: bool = False) -> None:
        """Write the fit as JSON; numbers round-trip exactly. `scalinglaws.load` reads it.

        Parameters
        ----------
        path : str or Path
            An existing file is replaced after the new one is complete. If writing fails, the
            existing file is unchanged.
        follow_links : bool, default False
            Whether to follow a symbolic link and write its target.

        Raises
        ------
        FileExistsError
            If the path is a link and `follow_links` is false.
        OSError
            If the file cannot be written.
        """
        storage.write(self, path, follow_links=follow_links)
