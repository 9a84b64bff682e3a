"""The `Fit` class: predictions, intervals, bootstrap, profiles, plots and files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from scalinglaws.display import Card, Displayed, as_text
from scalinglaws.fitting import storage
from scalinglaws.fitting.diagnostics.checks import Status, Verdict, run_checks
from scalinglaws.fitting.diagnostics.residual_tests import Trend, trend
from scalinglaws.fitting.inference import draws, intervals
from scalinglaws.fitting.inference.draws import Kind
from scalinglaws.fitting.inference.intervals import IntervalMethod
from scalinglaws.fitting.inference.inverse import reach_of_fit
from scalinglaws.fitting.inference.predict import predict
from scalinglaws.fitting.inference.prediction import Prediction
from scalinglaws.fitting.inference.profile import profile_table
from scalinglaws.fitting.inference.quantities import Asked, quantities_of
from scalinglaws.fitting.inference.reach import Reach
from scalinglaws.fitting.record import FitRecord
from scalinglaws.fitting.summary import fit_card
from scalinglaws.options import check_count, check_level
from scalinglaws.workers import Workers

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from scalinglaws.forecasting.forecast import Forecast

_FEWEST_POINTS = 5  # of a profile


@dataclass(frozen=True, eq=False, repr=False)
class Fit(Displayed, FitRecord):
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

    # --- coefficients ------------------------------------------------------------------------

    @cached_property
    def params(self) -> pd.Series:
        """Estimates by parameter."""
        return self.table["estimate"].rename_axis(None)

    @cached_property
    def table(self) -> pd.DataFrame:
        """Estimate, standard error, interval and status of each parameter.

        The numbers equal those of ``fit.intervals()``; NaN for parameters that are not identified.
        """
        return intervals.parameter_table(self)

    @cached_property
    def identified(self) -> pd.DataFrame:
        """Identified combinations of parameters that are not separately identifiable."""
        return intervals.combination_table(self)

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

    # --- draws -------------------------------------------------------------------------------

    def bootstrap(
        self,
        n_resamples: int = 1000,
        *,
        method: Kind = "cases",
        clusters: str | None = None,
        rng: np.random.Generator | int | None = None,
        workers: Workers = 1,
    ) -> pd.DataFrame:
        """Bootstrap draws of the parameters: refits to resampled runs.

        Each refit starts at the fit and is optimised to convergence. Unidentified parameters, the
        Huber threshold and the weights keep their values.

        Parameters
        ----------
        n_resamples : int, default 1000
            Number of resamples.
        method : {"cases", "clusters"}
            "cases" draws runs with replacement. "clusters" draws whole clusters, such as all
            checkpoints of a run.
        clusters : str, optional
            A column of the fitted table that names the run of each row; by default the cluster
            column of the fit.
        rng : Generator or int, optional
            Random number generator, or a seed.
        workers : int or callable, default 1
            Number of processes, -1 for one per processor, or a map-like callable such as the
            ``map`` of a pool. The draws do not depend on the workers. More than one worker helps
            only for large tables or very many resamples.

        Returns
        -------
        DataFrame
            One row per converged refit and one column per parameter, in natural values. The index
            numbers the resamples. ``draws.attrs`` has the method, the number of resamples and the
            number that did not converge and were dropped. It also has the largest predicted
            relative decrease of one more step.

        Raises
        ------
        FitError
            If no parameter is identified.
        ValueError
            If `n_resamples` or `workers` is invalid, or there are no clusters.

        Warns
        -----
        ConvergenceWarning
            If some refits did not converge; they are dropped.

        Examples
        --------
        >>> import scalinglaws as sl
        >>> runs = sl.datasets.ladder()
        >>> fit = sl.fit(runs[runs["D"] > 1.5e6], "kaplan")
        >>> draws = fit.bootstrap(200, rng=0)
        >>> draws.shape, draws.attrs["n_failed"]
        ((200, 4), 0)
        """
        fit = self if clusters is None else self.clustered(clusters)
        return draws.bootstrap(fit, n_resamples, method, rng, workers)

    def intervals(
        self,
        quantities: Asked | None = None,
        *,
        method: IntervalMethod = "sandwich",
        confidence_level: float | None = None,
        n_resamples: int = 1000,
        clusters: str | None = None,
        rng: np.random.Generator | int | None = 0,
        workers: Workers = 1,
    ) -> pd.DataFrame:
        """Confidence intervals of the parameters and of derived quantities.

        Parameters
        ----------
        quantities : str, sequence of str, or mapping, optional
            Names of parameters, expressions such as ``"beta/(alpha + beta)"``, or a mapping from
            names of your choice to expressions or functions. A function takes a mapping from
            parameters to arrays and returns an array of the same shape. By default, all parameters.
        method : {"sandwich", "equal-noise", "profile", "cases", "clusters"}
            Method of the intervals; see the notes. "cases" and "clusters" are percentiles of
            `bootstrap`.
        confidence_level : float, optional
            Level of the intervals; by default that of the fit.
        n_resamples, rng, workers
            Options of `bootstrap`.
        clusters : str, optional
            A column of the fitted table that names the run of each row.

        Returns
        -------
        DataFrame
            One row per quantity: ``estimate``, ``std_error``, ``low``, ``high``, degrees of
            freedom ``dof`` and ``method``. A quantity that is not identified has an infinite
            interval.

        Raises
        ------
        FitError
            If standard errors cannot be estimated.
        ValueError, FormulaError
            If a quantity or an option is unknown.

        Notes
        -----
        "sandwich": standard error of the HC2 sandwich (CR2 with clusters) and Student's t with
        Bell and McCaffrey's degrees of freedom. Intervals are symmetric in the logarithm of a
        positive quantity. Those of an irreducible loss such as E are symmetric on its natural
        scale and truncated at zero. "equal-noise": standard error from the curvature, for noise
        that is equal for all runs. "profile": profile likelihood (other parameters re-optimised),
        not necessarily symmetric. The documentation has the measured coverage of each.

        Examples
        --------
        >>> import scalinglaws as sl
        >>> runs = sl.datasets.ladder()
        >>> fit = sl.fit(runs[runs["D"] > 1.5e6], "kaplan")
        >>> table = fit.intervals(["alpha_N", "alpha_D/(alpha_N + alpha_D)"], confidence_level=0.9)
        >>> bool((table["low"] < table["high"]).all())
        True
        """
        fit = self if clusters is None else self.clustered(clusters)
        return intervals.intervals(
            fit, quantities, confidence_level, method=method, n_resamples=n_resamples, rng=rng,
            workers=workers,
        )  # fmt: skip

    def draws(
        self, n_resamples: int = 1000, rng: np.random.Generator | int | None = 0
    ) -> pd.DataFrame:
        """Joint draws of the parameters from their estimated distribution.

        Quantiles over the draws give intervals of quantities that depend on several parameters,
        whose errors are strongly correlated.

        Parameters
        ----------
        n_resamples : int
            Number of draws.
        rng : Generator, int or None
            Random number generator, or a seed.

        Returns
        -------
        DataFrame
            One row per draw and one column per parameter, in natural values. Parameters that were
            fixed or stopped at a bound, such as an irreducible loss of zero, are constant.

        Raises
        ------
        FitError
            If the fit did not converge, or its parameters are not identified.

        Notes
        -----
        Multivariate Student t with the fit's covariance; positive parameters are drawn as
        logarithms. The degrees of freedom are the median of those of the exponents, at least 3.

        Examples
        --------
        >>> import scalinglaws as sl
        >>> runs = sl.datasets.ladder()
        >>> fit = sl.fit(runs[runs["D"] > 1.5e6], "kaplan")
        >>> fit.draws(200, rng=1).shape
        (200, 4)
        """
        return draws.draw(self, n_resamples, rng)

    # --- profiles ----------------------------------------------------------------------------

    def profile(
        self,
        quantity: str,
        *,
        n_points: int = 41,
        confidence_level: float | None = None,
    ) -> pd.DataFrame:
        """Profile of the objective in one quantity (other parameters re-optimised).

        Parameters
        ----------
        quantity : str
            A parameter, or an expression of several, such as ``"beta/(alpha + beta)"``.
        n_points : int, default 41
            Number of values at which the law is refitted, including the estimate.
        confidence_level : float, optional
            Level of the interval; by default that of the fit.

        Returns
        -------
        DataFrame
            One row per value: the quantity; `deviance`, the increase of the objective in units of
            the noise; `signed_root`, its square root, negative below the estimate; and the other
            parameters, which trace the ridge. ``profile.attrs`` has the interval, `low` and `high`:
            infinite if an end does not exist, the bound if the parameter stops there. It also has
            the `threshold` of the deviance, the `confidence_level` and the `method`.

        Raises
        ------
        FitError
            If the quantity is not identified, or the noise cannot be estimated.
        ValueError
            If the law has no such parameter, it was fixed, or an option is invalid.

        Warns
        -----
        ConvergenceWarning
            If the profile reaches a lower minimum than the fit.

        Notes
        -----
        With D the deviance, the interval is where D <= t^2, for t the quantile of Student's t with
        n - p degrees of freedom. For least squares D = (f - f_min) / sigma^2 with
        sigma^2 = f_min / (n - p). This is exact for a linear law (Bates and Watts 1988, Nonlinear
        Regression Analysis, 6.1; Venzon and Moolgavkar 1988, Applied Statistics 37). For the Huber
        loss D = 2 (f - f_min) / s^2 with s^2 = E[psi^2] / E[psi'] (Heritier and Ronchetti 1994,
        J. Am. Stat. Assoc. 89). The noise is assumed equal and independent over the runs.

        Examples
        --------
        >>> import scalinglaws as sl
        >>> runs = sl.datasets.ladder()
        >>> fit = sl.fit(runs[runs["D"] > 1.5e6], "kaplan")
        >>> profile = fit.profile("alpha_N")
        >>> low, high = profile.attrs["low"], profile.attrs["high"]
        >>> bool(low < fit.params["alpha_N"] < high)
        True
        """
        check_count("n_points", n_points, _FEWEST_POINTS)
        level = self.confidence_level if confidence_level is None else confidence_level
        check_level(level)
        if not isinstance(quantity, str):
            raise TypeError(
                f"`quantity` must be a parameter or an expression of parameters; got {quantity!r}."
            )
        if quantity in self.fixed:
            raise ValueError(f"{quantity} was fixed in this fit, so it has no profile.")
        (asked,) = quantities_of(self, quantity)
        return profile_table(self, asked, n_points, level)

    # --- pictures --------------------------------------------------------------------------

    def plot(
        self,
        x: str | None = None,
        *,
        ax: Axes | None = None,
        extrapolate: float | None = None,
        band: str = "curve",
        targets: pd.DataFrame | None = None,
        confidence_level: float | None = None,
        point: Mapping[str, Any] | None = None,
        line: Mapping[str, Any] | None = None,
        labels: bool = True,
        label: str | None = None,
        group: str | Mapping[str, str] | None = None,
        title: bool | str | None = None,
    ) -> Axes:
        """Plot the fitted curves with the observed runs.

        Parameters
        ----------
        x : str, optional
            Variable of the x axis; by default D, or the law's first variable. "C" with a law of N
            and D draws the runs, and the compute-optimal frontier below them.
        ax : Axes, optional
            Axes to draw in; by default those of a new figure. Further fits on the same axes have
            colours of their own, and all are named.
        extrapolate : float, optional
            Extrapolation factor up to which the curves are drawn, dashed.
        band : {"curve", "run", "none"}
            Shaded band: the confidence interval (curve) or the prediction interval (new run).
        targets : DataFrame, optional
            Held-out runs, drawn as hollow circles.
        confidence_level : float, optional
            Level of the band; by default that of the fit.
        point, line : mapping, optional
            Matplotlib styles of the points and lines.
        labels : bool, default True
            Whether to write names and notes.
        label : str, optional
            Name of this fit where several are on the same axes; by default that of the law.
        group : str or mapping of column to str, optional
            The group of runs to draw, for laws with indexed parameters; by default all groups,
            each in a different colour.
        title : bool or str, optional
            Sentence above the picture; by default the result, on a new figure.

        Returns
        -------
        Axes
        """
        from scalinglaws.plotting.curves import plot_fit

        return plot_fit(
            self, x, ax=ax, extrapolate=extrapolate, band=band, targets=targets,
            confidence_level=confidence_level, point=point, line=line, labels=labels,
            label=label, group=group, title=title,
        )  # fmt: skip

    def plot_residuals(
        self,
        x: str | None = None,
        *,
        ax: Axes | None = None,
        point: Mapping[str, Any] | None = None,
        title: bool | str | None = None,
    ) -> Axes:
        """Plot the residuals against a variable of the law, or against the fitted value.

        Parameters
        ----------
        x : str, optional
            A variable of the law, by default the first; "fitted" for the fitted value.
        ax : Axes, optional
            Axes to draw in; by default those of a new figure.
        point : mapping, optional
            Matplotlib style of the points.
        title : bool or str, optional
            Sentence above the picture; by default the result, on a new figure.

        Returns
        -------
        Axes
        """
        from scalinglaws.plotting.residuals import plot_residuals

        return plot_residuals(self, x, ax=ax, point=point, title=title)

    def plot_observed(
        self,
        *,
        ax: Axes | None = None,
        targets: pd.DataFrame | None = None,
        point: Mapping[str, Any] | None = None,
        title: bool | str | None = None,
    ) -> Axes:
        """Plot what each run reached against what the law predicts, with held-out `targets`.

        Parameters
        ----------
        ax : Axes, optional
            Axes to draw in; by default those of a new figure.
        targets : DataFrame, optional
            Held-out runs.
        point : mapping, optional
            Matplotlib style of the points.
        title : bool or str, optional
            Sentence above the picture; by default the result, on a new figure.

        Returns
        -------
        Axes
        """
        from scalinglaws.plotting.residuals import plot_observed

        return plot_observed(self, ax=ax, targets=targets, point=point, title=title)

    def plot_profile(
        self,
        quantity: str,
        *,
        ax: Axes | None = None,
        n_points: int = 41,
        confidence_level: float | None = None,
        labels: bool = True,
        title: bool | str | None = None,
    ) -> Axes:
        """Plot the profile of a quantity, its threshold and its interval; see `profile`.

        Parameters
        ----------
        quantity : str
            A parameter, or an expression of several.
        ax : Axes, optional
            Axes to draw in; by default those of a new figure.
        n_points : int, default 41
            Number of values at which the law is refitted, including the estimate.
        confidence_level : float, optional
            Level of the interval; by default that of the fit.
        labels : bool, default True
            Whether to write names and notes.
        title : bool or str, optional
            Sentence above the picture; by default the result, on a new figure.

        Returns
        -------
        Axes
        """
        from scalinglaws.plotting.profiles import plot_profile

        table = self.profile(quantity, n_points=n_points, confidence_level=confidence_level)
        return plot_profile(table, ax=ax, labels=labels, title=title)

    # --- report ----------------------------------------------------------------------------

    def report(self, path: str | Path, *, C: Any = None, follow_links: bool = False) -> None:
        """Write a page about this fit: verdicts, forecast, plan, back-test, runs, coefficients.

        One HTML file that loads nothing from a network. It has a planner, and prints as an
        appendix.

        Parameters
        ----------
        path : str or Path
            An existing file is replaced after the new one is complete.
        C : number or array, optional
            Budgets of the plan, such as "1e24"; the first is that of the headline. By default ten
            times the largest run, the largest run, and a hundred times, each as a power of ten.
        follow_links : bool, default False
            Whether to follow a symbolic link and write its target.

        Raises
        ------
        ValueError
            If `C` is given for a law without N and D, or C.
        OSError
            If the file cannot be written, or is a link and `follow_links` is false.

        Examples
        --------
        >>> import tempfile, pathlib
        >>> import scalinglaws as sl
        >>> runs = sl.datasets.ladder()
        >>> fit = sl.fit(runs[runs["D"] > 1.5e6], "kaplan")
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "page.html"
        >>> fit.report(path, C="1e14")
        >>> path.stat().st_size < 300_000
        True
        """
        from scalinglaws.report.page import write_report

        write_report(self, path, C=C, follow_links=follow_links)

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
