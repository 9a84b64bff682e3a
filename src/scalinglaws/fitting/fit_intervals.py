"""What is known of the parameters of a fit: tables, intervals, draws and profiles."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import pandas as pd

from scalinglaws.fitting.inference import draws, intervals
from scalinglaws.fitting.inference.draws import Kind
from scalinglaws.fitting.inference.intervals import IntervalMethod
from scalinglaws.fitting.inference.profile import profile_table
from scalinglaws.fitting.inference.quantities import Asked, quantities_of
from scalinglaws.fitting.record import FitRecord
from scalinglaws.options import check_count
from scalinglaws.workers import Workers

_FEWEST_POINTS = 5  # of a profile


class FitIntervals(FitRecord):
    """The parameters of a fit with their intervals; see `Fit`."""

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
        level = self.level_or_default(confidence_level)
        if not isinstance(quantity, str):
            raise TypeError(
                f"`quantity` must be a parameter or an expression of parameters; got {quantity!r}."
            )
        if quantity in self.fixed:
            raise ValueError(f"{quantity} was fixed in this fit, so it has no profile.")
        (asked,) = quantities_of(self, quantity)
        return profile_table(self, asked, n_points, level)
