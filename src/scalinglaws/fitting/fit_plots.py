"""Plots and page of a fit, which import `plotting` and `report` when they are called."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pandas as pd

from scalinglaws.fitting.fit_intervals import FitIntervals

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from scalinglaws.fitting.result import Fit


class FitPlots(FitIntervals):
    """Plots and page of a fit; see `Fit`."""

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
        from scalinglaws.plotting.fit_curves import plot_fit

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
        from scalinglaws.plotting.fit_diagnostics import plot_residuals

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
        from scalinglaws.plotting.fit_diagnostics import plot_observed

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
        from scalinglaws.plotting.fit_diagnostics import plot_profile

        table = self.profile(quantity, n_points=n_points, confidence_level=confidence_level)
        return plot_profile(table, ax=ax, labels=labels, title=title)

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
            If `path` does not end in .html or .htm, or the law of `C` has neither N and D nor C.
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

        write_report(cast("Fit", self), path, C=C, follow_links=follow_links)
