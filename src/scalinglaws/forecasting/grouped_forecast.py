"""Several data sets or recipes of one kind in one forecast: their laws and law errors are alike.

The coefficients of a group are a common value plus a departure, and the Gaussian process that is
the error of the law has correlation 0.7 between groups. The levels are free. A group of few runs
borrows from others that reach higher; one sigma and one anchor, the largest tenth of all runs,
serve all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from scalinglaws.arrays import FloatArray, IntArray
from scalinglaws.display import Card, Displayed
from scalinglaws.errors import DataError
from scalinglaws.fitting.tables import columns as col
from scalinglaws.fitting.tables.runs import RunTable
from scalinglaws.forecasting import flexible_law as law
from scalinglaws.forecasting import saved, wording
from scalinglaws.forecasting.forecast import Forecast
from scalinglaws.forecasting.outlook import Outlook
from scalinglaws.forecasting.posterior import Model, Posterior, correlation, solve
from scalinglaws.forecasting.run_rows import RunRows, largest_runs, rows_of
from scalinglaws.forecasting.saved import SeveralForecasts
from scalinglaws.numerals import listed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_BETWEEN = 0.7  # correlation of the law's error between groups
# Standard deviation of a group's departure: logit s, logit r, ln a, ln b, ln g.
_DEPARTURE = np.array([np.inf, 0.25, 0.4, 0.15, 0.15, 0.2])
_NUGGET = 1e-8
_MOST_RUNS = 500  # of all groups together


@dataclass(frozen=True)
class GroupPosterior(Posterior):
    """The posterior of all groups, seen from one of them.

    Attributes
    ----------
    codes : group of each run
    group : the one that is forecast; `theta` has its coefficients only
    n_groups : number of groups, whose coefficients stand one after another in `covariance`
    """

    codes: IntArray
    group: int
    n_groups: int

    def _law(self, n: FloatArray, d: FloatArray) -> tuple[FloatArray, FloatArray]:
        values, own = super()._law(n, d)
        jacobian = np.zeros((len(n), self.n_groups, law.N_COEFFICIENTS))
        jacobian[:, self.group] = own
        return values, jacobian.reshape(len(n), -1)

    def _near(self, n: FloatArray, d: FloatArray) -> FloatArray:
        return super()._near(n, d) * np.where(self.codes == self.group, 1.0, _BETWEEN)


class GroupedForecast(Displayed, SeveralForecasts[Forecast]):
    """Joint forecasts of several groups: a mapping from the group to its `Forecast`.

    Returned by :func:`scalinglaws.forecast` with ``groups``.
    """

    def predict(
        self, data: Any = None, /, *, confidence_level: float | None = None, **variables: Any
    ) -> Outlook | pd.DataFrame:
        """Forecast runs, each with the forecast of its group.

        Parameters
        ----------
        data : DataFrame or mapping, optional
            The column of the groups, and the columns of `Forecast.predict`.
        confidence_level : float, optional
            Level of both intervals; by default that of the forecasts.
        **variables : float, str or array
            The same as keywords: ``data="c4", N="7B", D="2T"``.

        Returns
        -------
        DataFrame or Outlook
            A DataFrame with the input's index for a table, otherwise an `Outlook` of one group.

        Raises
        ------
        ValueError
            If the group is missing.
        """
        given = {**(dict(data) if isinstance(data, Mapping) else {}), **variables}
        label = given.pop(self.column, None)
        if label is not None and not np.ndim(label):
            return self[label].predict(given, confidence_level=confidence_level)
        if data is None or variables:
            raise ValueError(f"Say of which group: {self.column}=...; {self._unknown()}.")
        frame = col.as_frame(data, "data")
        labels = col.one_column(frame, col.require(frame, self.column, "the groups"))
        parts = []
        for label, rows in frame.groupby(labels.to_numpy(), sort=False):
            found = self[label].predict(rows, confidence_level=confidence_level)
            assert not isinstance(found, Outlook)
            parts.append(found)
        together: pd.DataFrame = pd.concat(parts).loc[frame.index]
        return together

    def plot(
        self,
        to: float | str | None = None,
        *,
        ax: Axes | None = None,
        title: bool | str | None = None,
    ) -> Axes:
        """Draw the runs and the forecast of each group, by default to 100 times the largest run.

        Each curve has the tokens per parameter of the largest runs of its group.

        Parameters
        ----------
        to : float or str, optional
            Compute up to which to draw; by default 100 times the largest run.
        ax : Axes, optional
            Axes to draw in; by default those of a new figure.
        title : bool or str, optional
            Sentence above the picture; by default the result, on a new figure.

        Returns
        -------
        Axes
        """
        from scalinglaws.plotting.curve_forecasts import plot_grouped_forecast

        return plot_grouped_forecast(self, to, ax=ax, title=title)

    def _unknown(self) -> str:
        return f"the groups are {listed(list(map(str, self)))}"

    _format = saved.GROUPED

    def _saved_values(self) -> dict[str, Any]:
        level = next(iter(self.values())).confidence_level
        return {
            "confidence_level": level, "column": self.column, "failed": self._saved_failed,
            "groups": [[saved.label_of(name), saved.of_rows(f.rows)] for name, f in self.items()],
        }  # fmt: skip

    def _card(self) -> Card:
        return wording.several_card(self)


def forecast_groups(table: RunTable, column: str, confidence_level: float) -> GroupedForecast:
    """The forecasts of the groups of a table that was read.

    Raises
    ------
    DataError
        If fewer than two groups can be forecast.
    """
    assert table.source is not None
    labels = col.one_column(table.source, col.require(table.source, column, "`groups`"))
    ready: dict[Any, RunRows] = {}
    failed: dict[Any, str] = {}
    for label in pd.unique(labels).tolist():
        mine = (labels == label).to_numpy()
        try:
            ready[label] = rows_of(replace(table, weights=np.where(mine, table.weights, 0.0)))
        except DataError as error:
            failed[label] = str(error)
    if len(ready) < 2:
        reasons = " ".join(f"{label}: {why}" for label, why in failed.items())
        raise DataError(f"Fewer than two groups of {column!r} can be forecast. {reasons}".strip())
    return forecast_rows(ready, failed, column, confidence_level)


def forecast_rows(
    groups: Mapping[Any, RunRows], failed: Mapping[Any, str], column: str, confidence_level: float
) -> GroupedForecast:
    """The forecasts of groups, made together from their rows."""
    most = _MOST_RUNS // len(groups)
    rows = {label: found.thinned(most) for label, found in groups.items()}
    posteriors = _infer(list(rows.values()))
    found = {
        label: Forecast(each, posterior, confidence_level)
        for (label, each), posterior in zip(rows.items(), posteriors, strict=True)
    }
    return GroupedForecast(found, failed, column)


def _infer(groups: list[RunRows]) -> list[GroupPosterior]:
    """One posterior, seen from each group."""
    count, size = len(groups), law.N_COEFFICIENTS
    codes = np.repeat(np.arange(count), [rows.n for rows in groups])
    sizes, tokens, y, weights, compute = (
        np.concatenate([getattr(rows, name) for rows in groups])
        for name in ("N", "D", "y", "weights", "C")
    )
    ln_n, ln_d = np.log(sizes), np.log(tokens)
    top = largest_runs(compute)
    origin = np.array([ln_n[top].mean(), ln_d[top].mean()])
    points = np.column_stack([ln_n, ln_d]) - origin
    alike = correlation(points, points) * np.where(codes[:, None] == codes, 1.0, _BETWEEN)

    def evaluate(theta: FloatArray) -> tuple[FloatArray, FloatArray]:
        own = theta.reshape(-1, count, size)[:, codes]  # coefficients of each run's group
        values, slopes = law.values_and_jacobian(own, points[:, :1], points[:, 1:])
        jacobian = np.zeros((len(own), len(y), count, size))
        jacobian[:, np.arange(len(y)), codes] = slopes[:, :, 0]
        return values[..., 0], jacobian.reshape(len(own), len(y), -1)

    levels = np.array([rows.y[rows.is_largest].mean() for rows in groups])
    starts = np.tile(law.PRIOR_MEAN, (2, count, 1))
    starts[..., 0] = levels
    starts[..., 1] = np.array([-1.0, 1.0])[:, None]
    starts[..., 3:5] = np.array([-1.6, -0.6])[:, None, None]
    model = Model(
        evaluate, starts.reshape(2, -1), np.tile(law.PRIOR_MEAN, count), _precision(count),
        np.tile(law.LOWER, count), np.tile(law.UPPER, count),
    )  # fmt: skip
    fields = solve(model, alike, y, weights)
    theta = fields.pop("theta").reshape(count, size)
    return [
        GroupPosterior(**fields, theta=theta[g], points=points, origin=origin, codes=codes,
                       group=g, n_groups=count)
        for g in range(count)
    ]  # fmt: skip


def _precision(count: int) -> FloatArray:
    """Prior precision of the stacked coefficients: a common part, and departures."""
    size = law.N_COEFFICIENTS
    found = np.zeros((count, size, count, size))
    for k in range(1, size):
        apart = min(_DEPARTURE[k], law.PRIOR_SD[k]) ** 2
        common = law.PRIOR_SD[k] ** 2 - apart
        covariance = common * np.ones((count, count)) + (apart + _NUGGET) * np.eye(count)
        found[:, k, :, k] = np.linalg.inv(covariance)
    return found.reshape(count * size, count * size)
