"""What a plan accepts: a law with a number for each parameter, fitted or published.

Of a fit with a law for each group it is that of one group.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import pandas as pd

from scalinglaws.arrays import FloatArray, IntArray
from scalinglaws.core.groups import level_of, member
from scalinglaws.core.law import Law
from scalinglaws.display import Card, Displayed
from scalinglaws.errors import DataError
from scalinglaws.fitting.chain import Chain
from scalinglaws.fitting.diagnostics.checks import Status
from scalinglaws.fitting.inference.prediction import Prediction
from scalinglaws.fitting.inference.reach import Reach
from scalinglaws.fitting.many import Fits
from scalinglaws.fitting.result import Fit
from scalinglaws.fitting.tables.runs import RunTable
from scalinglaws.forecasting.chained_forecast import ChainedForecast
from scalinglaws.forecasting.curve import CurveForecast
from scalinglaws.forecasting.forecast import Forecast
from scalinglaws.forecasting.saved import SeveralForecasts
from scalinglaws.numerals import abridged, listed, plural

Rng = np.random.Generator | int | None


class LawWithValues(Protocol):
    """A law with a number for each of its parameters, fitted or published."""

    @property
    def law(self) -> Law:
        """The law."""

    @property
    def values(self) -> Mapping[str, float]:
        """A number for each parameter."""


def check_fit(fit: object) -> None:
    """Refuse what has no law with a number for each parameter.

    Raises
    ------
    TypeError
        If it is none.
    """
    if isinstance(getattr(fit, "law", None), Law) and hasattr(fit, "values"):
        return
    if isinstance(fit, Forecast | ChainedForecast | CurveForecast | SeveralForecasts):
        raise TypeError(
            "This plan needs a law: fit one with sl.fit. A forecast over N and D (of groups, one "
            'such as forecast["c4"]) divides budgets by sl.optimal(forecast, C=...), and has '
            "sl.near_optimal, sl.overtraining, sl.serving, forecast.predict and forecast.reach."
        )
    got = abridged(fit) if isinstance(fit, str | int | float) else type(fit).__name__
    raise TypeError(
        "A plan needs a fit, as sl.fit returns it, or a published law such as "
        f'sl.published["chinchilla/epoch2024"]; got {got}{_nearest(fit)}.'
    )


def _nearest(given: object) -> str:
    """Which law may have been meant."""
    if isinstance(given, str) and "/" in given:
        return f": sl.published[{given!r}] is one"
    if isinstance(given, Chain):
        return ": each of its `fits` is one"
    if isinstance(given, Fits):
        return f": each of them is one, such as fits[{next(iter(given))!r}]"
    return ""


def refuse_groups(fit: LawWithValues) -> None:
    """Refuse the law of several groups.

    Raises
    ------
    ValueError
        If it is one.
    """
    if fit.law.groups:
        columns = " and ".join(repr(column) for column in fit.law.group_columns)
        raise ValueError(
            f"The law {fit.law.formula!r} has parameters for each value of {columns}, and a plan "
            "is for one of them: in place of the fit, give sl.planning.one_group(fit, "
            f"{', '.join(f'{column}=...' for column in fit.law.group_columns)})."
        )


def level_for(fit: LawWithValues, given: float | None) -> float:
    """The confidence level that was given, or that of the fit; .95 for a published law."""
    level: float = getattr(fit, "confidence_level", 0.95) if given is None else given
    return level


def target_of(fit: LawWithValues) -> str:
    """What the performance is called: as in the fitted table, in the law, or "loss"."""
    return getattr(getattr(fit, "runs", None), "target", None) or fit.law.target or "loss"


def run_columns(fit: LawWithValues) -> dict[str, FloatArray]:
    """N and D of the fitted runs; empty for a law without runs."""
    values = getattr(getattr(fit, "runs", None), "values", {})
    return {v: np.asarray(values[v]) for v in ("N", "D") if v in values}


Function = Callable[[Mapping[str, Any]], Any]


@dataclass(frozen=True, eq=False, repr=False)
class OneGroup(Displayed):
    """The law of one group of a fit, for any plan; returned by :func:`one_group`.

    Attributes
    ----------
    fit : Fit
        The fit of all groups.
    labels : mapping of column to str
        The group.
    law : Law
        The law without its index.
    """

    fit: Fit
    labels: Mapping[str, str]
    law: Law

    def _card(self) -> Card:
        group = ", ".join(f"{column} = {label!r}" for column, label in self.labels.items())
        return Card(
            f"The law of {group}, {plural(self.runs.n, 'run')} of {self.fit.n} in one fit.",
            formula=self.law.shown, next='sl.optimal(group, C="1e24")',
        )  # fmt: skip

    @property
    def values(self) -> dict[str, float]:
        """Value of each parameter."""
        return {name: self.fit.values[full] for name, full in self._full_names.items()}

    @property
    def runs(self) -> RunTable:
        """The runs of the group."""
        table = self.fit.runs
        own = np.ones(table.n, dtype=bool)
        for column, label in self.labels.items():
            own &= np.asarray(table.labels[column] == label)
        return replace(
            table,
            values={name: values[own] for name, values in table.values.items()},
            y=table.y[own],
            weights=table.weights[own],
            index=table.index[own],
            labels={},
            repeats=np.zeros(0, dtype=np.intp),
        )

    @property
    def status(self) -> Status:
        """The verdict of the fit of all groups."""
        return self.fit.status

    @property
    def confidence_level(self) -> float:
        """Level of the intervals."""
        return self.fit.confidence_level

    @property
    def noise(self) -> float:
        """Noise of a run, shared by all groups."""
        return self.fit.noise

    @property
    def scale(self) -> str:
        """Scale of the residuals, "log" or "level"."""
        return self.fit.scale

    @property
    def places(self) -> IntArray:
        """Places of the group's parameters in the law of all groups."""
        names = self.fit.law.parameter_names
        return np.array([names.index(full) for full in self._full_names.values()], dtype=np.intp)

    @property
    def covariance(self) -> FloatArray:
        """Covariance of the working parameters of the group."""
        return np.asarray(self.fit.covariance[np.ix_(self.places, self.places)])

    def intervals(self, quantities: Mapping[str, Function], **options: Any) -> pd.DataFrame:
        """Confidence intervals of functions of the group's parameters; see `Fit.intervals`.

        Parameters
        ----------
        quantities : mapping of str to callable
            Functions of a mapping from parameters to arrays.
        **options
            Options of `Fit.intervals`.

        Returns
        -------
        DataFrame
            One row per quantity.
        """
        names = self._full_names

        def of_group(function: Function) -> Function:
            return lambda params: function({name: params[full] for name, full in names.items()})

        asked = {name: of_group(function) for name, function in quantities.items()}
        return self.fit.intervals(asked, **options)

    def predict(self, **given: Any) -> Prediction | pd.DataFrame:
        """Evaluate the law of the group; see `Fit.predict`.

        Parameters
        ----------
        **given : float, str or array
            Variables of the law as keywords.

        Returns
        -------
        Prediction or DataFrame
        """
        return self.fit.predict(**{**given, **self.labels})

    def reach(self, value: Any, /, **given: Any) -> Reach:
        """Value of a variable at which the law of the group reaches a performance.

        Parameters
        ----------
        value, **given
            As in `Fit.reach`.

        Returns
        -------
        Reach
            As in `Fit.reach`.
        """
        return self.fit.reach(value, **{**given, **self.labels})

    def draws(self, n_resamples: int = 1000, rng: Rng = None) -> pd.DataFrame:
        """Joint draws of the parameters of the group; see `Fit.draws`.

        Draws of two groups of one fit with the same seed are joint.

        Parameters
        ----------
        n_resamples : int, default 1000
            Number of draws.
        rng : Generator, int or None
            Random number generator, or a seed.

        Returns
        -------
        DataFrame
            One row per draw and one column per parameter.
        """
        every = self.fit.draws(n_resamples, rng=rng)
        return pd.DataFrame({name: every[full] for name, full in self._full_names.items()})

    @property
    def _full_names(self) -> dict[str, str]:
        groups = self.fit.law.groups
        return {
            name: member(name, self.labels[groups[name]]) if name in groups else name
            for name in self.law.parameter_names
        }


def one_group(fit: Fit, **labels: Any) -> OneGroup:
    """Select the law of one group of runs, for any plan.

    Parameters
    ----------
    fit : Fit
        A fit with parameters for each value of a column, as with ``groups={"E": "data"}``.
    **labels
        The group: a value for each such column, ``data="c4"``.

    Returns
    -------
    OneGroup
        Accepted by every planning function in place of a fit. Its draws are those of the whole
        fit, so that comparisons of two groups account for shared parameters.

    Raises
    ------
    TypeError
        If it is no fit.
    DataError
        If the fit has no groups, a column is missing, or a label is none of the fit's.

    Examples
    --------
    >>> import pandas as pd, scalinglaws as sl
    >>> runs = sl.datasets.ladder()
    >>> runs = runs[runs["D"] > 1.5e6]
    >>> code = runs.assign(data="code", loss=0.9 * runs["loss"])
    >>> both = pd.concat([runs.assign(data="web"), code])
    >>> line = "loss ~ s[data] * ((N_c/N)**(alpha_N/alpha_D) + D_c/D)**alpha_D"
    >>> fit = sl.fit(both, line, fixed={"s[web]": 1.0})
    >>> print(round(one_group(fit, data="code").values["s"], 3))
    0.9
    >>> bool(sl.optimal(fit, C=1e13, data="code")["loss"].iloc[0] < 1.2)
    True
    """
    check_fit(fit)
    columns = fit.law.group_columns
    if not columns:
        raise DataError(f"The law {fit.law.formula!r} has no parameters for single groups.")
    wrong = [name for name in labels if name not in columns]
    if wrong or len(labels) < len(columns):
        raise DataError(
            f"Say which group is meant: {_example(fit)}"
            f"{f'; {wrong[0]!r} is no column that tells groups apart' if wrong else ''}."
        )
    found = {}
    for column in columns:
        level = level_of(labels[column])
        if level not in fit.law.levels[column]:
            raise DataError(
                f"{column} = {labels[column]!r} is no group of this law; the groups are "
                f"{listed(list(fit.law.levels[column]), most=20)}."
            )
        found[column] = str(level)
    return OneGroup(fit, found, _without_index(fit.law, found))


def chosen_group(
    fit: LawWithValues, variables: Mapping[str, Any]
) -> tuple[LawWithValues, dict[str, Any]]:
    """The fit of the group that is named among the variables, and the other variables.

    Raises
    ------
    TypeError
        If it is no fit and no published law.
    DataError
        If the law has groups and none is named.
    """
    check_fit(fit)
    columns = fit.law.group_columns
    if not columns or not isinstance(fit, Fit):
        return fit, dict(variables)
    labels = {name: value for name, value in variables.items() if name in columns}
    others = {name: value for name, value in variables.items() if name not in columns}
    return one_group(fit, **labels), others


def _example(fit: Fit) -> str:
    first = {column: fit.law.levels[column][0] for column in fit.law.group_columns}
    return ", ".join(f"{column}={level!r}" for column, level in first.items())


def _without_index(law: Law, labels: Mapping[str, str]) -> Law:
    formula = law.formula
    for column in labels:
        formula = re.sub(rf"\[\s*{re.escape(column)}\s*\]", "", formula)
    bounds = {}
    for name, pair in law.bounds.items():
        symbol, _, level = name.partition("[")
        if not level or level.rstrip("]") in labels.values():
            bounds[symbol] = pair
    return Law(formula, variables=law.variables, bounds=bounds)
