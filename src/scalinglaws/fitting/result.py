"""What `fit` returns: the record of a fit, with its verbs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from scalinglaws.fitting import storage, summary
from scalinglaws.fitting.diagnostics.checks import run_checks
from scalinglaws.fitting.diagnostics.status import Status, Verdict, most_serious
from scalinglaws.fitting.diagnostics.trend import Trend, trend
from scalinglaws.fitting.inference import bootstrap, draws, intervals
from scalinglaws.fitting.inference.bootstrap import Kind
from scalinglaws.fitting.inference.derived import Asked, quantities_of
from scalinglaws.fitting.inference.intervals import IntervalMethod
from scalinglaws.fitting.inference.predict import predict
from scalinglaws.fitting.inference.prediction import Prediction
from scalinglaws.fitting.inference.profile import profile_table
from scalinglaws.fitting.record import FitRecord
from scalinglaws.options import check_count, check_level
from scalinglaws.workers import Workers

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from scalinglaws.forecasting.forecast import Forecast

_FEWEST_POINTS = 5  # of a profile


@dataclass(frozen=True, eq=False, repr=False)
class Fit(FitRecord):
    """A fitted scaling law.

    Returned by :func:`scalinglaws.fit`; never changes after it is made.

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
        Sum over the runs of weight times loss: r^2 for "squared"; r^2/2 inside delta and
        delta*(|r| - delta/2) outside for "huber"; |r| for "absolute".
    fixed : mapping of str to float
        Parameters that were held.
    confidence_level : float
        Level of the intervals in `table`.
    evidence : Evidence
        How sure the optimum is.
    theta : (parameters,)
        Working parameters: logarithms of positive ones.
    free : (parameters,)
        Which of them moved.
    alternatives : (fits, parameters)
        Other fits that are equally good, in natural values.
    """

    # --- coefficients ------------------------------------------------------------------------

    @cached_property
    def params(self) -> pd.Series:
        """Estimates by parameter."""
        return self.table["estimate"].rename_axis(None)

    @cached_property
    def table(self) -> pd.DataFrame:
        """Estimate, standard error, interval and status of each parameter.

        The numbers are those of ``fit.intervals()``; missing where the runs do not determine them.
        """
        return intervals.parameter_table(self)

    @cached_property
    def identified(self) -> pd.DataFrame:
        """The combinations that are determined where single parameters are not."""
        return intervals.combination_table(self)

    @cached_property
    def verdicts(self) -> tuple[Verdict, ...]:
        """Everything that was found wrong or doubtful; empty when the fit is good."""
        return run_checks(self)

    @property
    def status(self) -> Status:
        """The most serious verdict, or CONVERGED."""
        return most_serious(self.verdicts)

    @cached_property
    def trend(self) -> Trend | None:
        """A smooth pattern in the residuals; None where there are too few runs to look for one."""
        return trend(self)

    @property
    def dropped(self) -> pd.Series:
        """Rows left out, with the reason."""
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
        """Evaluate the fitted law, with two intervals that are never mixed.

        Parameters
        ----------
        data : DataFrame or mapping, optional
            Columns for the law's variables, under the law's names or the names that the fitted
            table had. Keywords do the same with scalars or arrays, also as text: ``N="7B"``.
            Where parameters have an index, its value says which group is meant: ``data="c4"``.
        confidence_level : float, optional
            Level of both intervals; that of the fit by default.
        forecast : bool
            Whether a DataFrame gets the forecast of the same runs too, as columns ``forecast``,
            ``forecast_low``, ``forecast_high`` and ``disputed``. A `Prediction` has it in any case,
            as ``forecast`` and ``disputed``, made when first asked for.

        Returns
        -------
        Prediction or DataFrame
            A DataFrame with the input's index for a DataFrame; else a `Prediction`, whose fields
            have the shape of the input: ``estimate``; ``curve_low`` and ``curve_high``, the
            interval of the curve; ``run_low`` and ``run_high``, the interval of one new run,
            which adds the runs' own noise; ``times_beyond``, how far beyond the largest fitted run;
            ``leverage``, the variance of the curve relative to that of a run.

        Raises
        ------
        ValueError
            If a variable or a group is missing or unknown.

        Warns
        -----
        ExtrapolationWarning
            If the point is more than 100 times beyond the data.

        Notes
        -----
        Both intervals assume that the law still holds at the point. Model error is not included:
        see the forecast beside them.

        Examples
        --------
        >>> import scalinglaws as sl
        >>> runs = sl.datasets.ladder()
        >>> fit = sl.fit(runs[runs["D"] > 1.5e6], "kaplan")
        >>> fit.predict(N=1e6, D=16e6).estimate < fit.predict(N=1e5, D=16e6).estimate
        True
        """
        return predict(self, data, confidence_level, variables, forecast=forecast)

    @cached_property
    def forecast(self) -> Forecast:
        """The forecast of the runs fitted, which does not take the law to be true; made once.

        Raises
        ------
        DataError
            If none can be made: too few runs, no N or D, or other variables and groups.
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
        """Refit to resampled runs.

        Each refit starts at the fit and goes to its own minimum. Parameters that these runs do not
        determine keep their values, and so do the Huber threshold and the weights.

        Parameters
        ----------
        n_resamples : int, default 1000
        method : {"cases", "clusters"}
            "cases" draws runs with replacement, "clusters" whole clusters of them, such as all
            checkpoints of a run.
        clusters : str, optional
            A column of the fitted table that names the run of each row; by default the one that
            the fit found or was given.
        rng : Generator or int, optional
            Random numbers, or a seed for them.
        workers : int or callable, default 1
            Number of processes, -1 for one on each processor, or a map-like callable such as the
            ``map`` of a pool. The draws are the same whatever the workers. More than one pays
            only for large tables or very many resamples.

        Returns
        -------
        DataFrame
            A row for each refit that arrived and a column for each parameter, in natural values.
            The index numbers the replicates. ``draws.attrs`` has the method, the number of
            resamples, how many of them did not arrive (and are left out), and the largest relative
            decrease that a further step promised.

        Raises
        ------
        FitError
            If these runs determine no parameter.
        ValueError
            If `n_resamples` or `workers` makes no sense, or there are no clusters.

        Warns
        -----
        ConvergenceWarning
            If some replicates have no minimum; they are left out.

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
        return bootstrap.bootstrap(fit, n_resamples, method, rng, workers)

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
        """Intervals of the coefficients, and of anything that follows from them.

        Parameters
        ----------
        quantities : str, sequence of str, or mapping, optional
            Names of parameters, expressions in them such as ``"beta/(alpha + beta)"``, or a mapping
            from names of your choice to expressions or functions. A function gets a mapping from
            parameters to arrays and returns as many numbers. By default every parameter.
        method : {"sandwich", "equal-noise", "profile", ...}
            How the intervals are made, see the notes; also any method of `bootstrap`, whose
            percentiles are then taken.
        confidence_level : float, optional
            That of the fit by default.
        n_resamples, rng, workers
            For a bootstrap, see there.
        clusters : str, optional
            A column of the fitted table that names the run of each row.

        Returns
        -------
        DataFrame
            A row for each quantity: ``estimate``, ``std_error``, ``low``, ``high``, degrees of
            freedom ``dof`` and ``method``. A quantity that these runs leave open has an infinite
            interval.

        Raises
        ------
        FitError
            If nothing is known of the errors.
        ValueError, FormulaError
            If a quantity or an option is not known.

        Notes
        -----
        "sandwich": estimate and standard error of the HC2 sandwich (CR2 with clusters), with
        Student's t at Bell and McCaffrey's degrees of freedom. It is symmetric: in the logarithm of
        a positive quantity, and in a floor such as E itself, cut at zero. "equal-noise": the same
        from the curvature, where all runs have the same noise. "profile": where the fit gets worse
        by more than the noise allows while everything else is re-optimised; such intervals need not
        be symmetric. The documentation has the measured coverage of each.

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
        options = {
            "method": method, "confidence_level": confidence_level, "n_resamples": n_resamples,
            "rng": rng, "workers": workers,
        }  # fmt: skip
        return intervals.intervals(fit, quantities, options)

    def draws(
        self, n_resamples: int = 1000, rng: np.random.Generator | int | None = 0
    ) -> pd.DataFrame:
        """Joint draws of the coefficients, from their estimated distribution.

        Intervals of anything that follows from several coefficients are quantiles over these:
        the errors of coefficients are far from independent.

        Parameters
        ----------
        n_resamples : int
            Number of draws.
        rng : Generator, int or None
            Seed, or a generator to draw from.

        Returns
        -------
        DataFrame
            One row for each draw, one column for each parameter, in natural values; parameters
            that were fixed or stopped at a bound, such as a floor at zero, are the same in every
            row.

        Raises
        ------
        FitError
            If the fit did not converge, or the runs do not determine its coefficients.

        Notes
        -----
        Multivariate Student t with the fit's covariance, coefficients as logarithms, and the
        median of the exponents' degrees of freedom, at least 3.

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
        """How fast the fit gets worse as one quantity moves and all others follow.

        Parameters
        ----------
        quantity : str
            A parameter, or an expression of several, such as ``"beta/(alpha + beta)"``.
        n_points : int, default 41
            Values at which the law is fitted again, the estimate among them.
        confidence_level : float, optional
            Level of the interval; that of the fit by default.

        Returns
        -------
        DataFrame
            A row for each value: the quantity; `deviance`, the rise of the objective in units of
            the noise; `signed_root`, its square root, negative below the estimate; and the other
            parameters, which show the ridge. ``profile.attrs`` has the interval, `low` and `high`
            (infinite where no end exists, the bound where the parameter stops there), the
            `threshold` of the deviance, the `confidence_level` and the `method`.

        Raises
        ------
        FitError
            If these runs do not determine the quantity, or nothing is known of their noise.
        ValueError
            If the law has no such parameter, it was fixed, or an option makes no sense.

        Warns
        -----
        ConvergenceWarning
            If a lower minimum than the fit's is met on the way.

        Notes
        -----
        With D the deviance, the interval is where D <= t^2, for t the quantile of Student's t with
        n - p degrees of freedom. For least squares D = (f - f_min) / sigma^2 with
        sigma^2 = f_min / (n - p): exact where the law is linear, and following the curvature
        elsewhere (Bates and Watts 1988, Nonlinear Regression Analysis, 6.1; Venzon and Moolgavkar
        1988, Applied Statistics 37). For the Huber loss D = 2 (f - f_min) / s^2 with
        s^2 = E[psi^2] / E[psi'] (Heritier and Ronchetti 1994, J. Am. Stat. Assoc. 89). Noise is
        taken to be equal and independent over the runs.

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
                f"`quantity` must be a parameter or an expression of some; got {quantity!r}."
            )
        if quantity in self.fixed:
            raise ValueError(f"{quantity} was held fixed in this fit: it has no profile.")
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
        legend: bool = True,
        group: str | Mapping[str, str] | None = None,
    ) -> Axes:
        """Draw the fitted curves over the observed runs.

        Parameters
        ----------
        x : str, optional
            The variable along the axis; D, or the law's first.
        ax : Axes, optional
            Where to draw; by default a new figure.
        extrapolate : float, optional
            How many times beyond the largest run the curves go on, dashed.
        band : {"curve", "run", "none"}
            The interval shaded: of the curve, or of a new run.
        targets : DataFrame, optional
            Runs that were not fitted, drawn as stars.
        confidence_level : float, optional
            Level of the band; that of the fit by default.
        point, line : mapping, optional
            Styles handed to matplotlib.
        legend : bool
        group : str or mapping of column to str, optional
            The group of runs to draw, where parameters have one value in each; by default all,
            each in its own colour.

        Returns
        -------
        Axes
        """
        from scalinglaws.plotting.curves import plot_fit

        return plot_fit(
            self, x, ax=ax, extrapolate=extrapolate, band=band, targets=targets,
            confidence_level=confidence_level, point=point, line=line, legend=legend,
            group=group,
        )  # fmt: skip

    def plot_residuals(
        self,
        x: str | None = None,
        *,
        ax: Axes | None = None,
        point: Mapping[str, Any] | None = None,
    ) -> Axes:
        """Draw the residuals against a variable of the law, or against "fitted"."""
        from scalinglaws.plotting.residuals import plot_residuals

        return plot_residuals(self, x, ax=ax, point=point)

    def plot_profile(
        self,
        quantity: str,
        *,
        ax: Axes | None = None,
        n_points: int = 41,
        confidence_level: float | None = None,
        legend: bool = True,
    ) -> Axes:
        """Draw the profile of a quantity, its threshold and its interval; see `profile`."""
        from scalinglaws.plotting.profiles import plot_profile

        table = self.profile(quantity, n_points=n_points, confidence_level=confidence_level)
        return plot_profile(table, ax=ax, legend=legend)

    # --- words -----------------------------------------------------------------------------

    def summary(self) -> str:
        """The fit in at most a screen of text: verdict, coefficients, quality, what to mind."""
        return summary.as_text(self)

    def __repr__(self) -> str:
        return self.summary()

    def _repr_html_(self) -> str:
        return summary.as_html(self)

    # --- files -----------------------------------------------------------------------------

    def save(self, path: str | Path, *, follow_links: bool = False) -> None:
        """Write the fit as JSON; numbers round-trip exactly. `scalinglaws.load` reads it.

        Parameters
        ----------
        path : str or Path
            A file that exists is replaced once the new one is complete; if writing fails, it
            stays as it was.
        follow_links : bool, default False
            Where the path is a symbolic link, whether to write what it points to.

        Raises
        ------
        FileExistsError
            If the path is a link and `follow_links` is false.
        OSError
            If the file cannot be written.
        """
        storage.write(self, path, follow_links=follow_links)


def load(path: str | Path) -> Fit:
    """Read a fit that `Fit.save` wrote.

    Parameters
    ----------
    path : str or Path

    Raises
    ------
    FileFormatError
        If the file is not a saved fit, was changed or damaged, or is from a newer version.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> import scalinglaws as sl
    >>> runs = sl.datasets.ladder()
    >>> fit = sl.fit(runs[runs["D"] > 1.5e6], "kaplan")
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "fit.json"
    >>> fit.save(path)
    >>> bool((sl.load(path).params == fit.params).all())
    True
    """
    return Fit(**storage.read(path))
