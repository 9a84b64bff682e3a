"""Predictions from the coefficients of papers: ``sl.published``."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from scalinglaws.arrays import FloatArray
from scalinglaws.core.catalogue import Coefficients, Entry, entries
from scalinglaws.core.law import Law
from scalinglaws.display import Card, Column, Displayed, Table, pairs
from scalinglaws.display.plan_columns import points_table
from scalinglaws.fitting.inference.inverse import open_variable, reach_along
from scalinglaws.fitting.inference.predict import possible
from scalinglaws.fitting.inference.prediction import NO_FORECAST, describe_points
from scalinglaws.fitting.inference.reach import Reach
from scalinglaws.fitting.tables.points import frame_of_points, read_points
from scalinglaws.numerals import format_plain, plural

if TYPE_CHECKING:
    from scalinglaws.forecasting.outlook import Outlook


@dataclass(frozen=True, repr=False)
class PublishedPrediction(Displayed):
    """A prediction without an interval.

    Attributes
    ----------
    estimate : number or array, in the shape of the input
    source : str, name of the set of coefficients
    target : str, name of the performance
    points : mapping of variable to value
    """

    estimate: Any
    source: str
    target: str = "estimate"
    points: Mapping[str, FloatArray] = field(default_factory=dict)

    @property
    def forecast(self) -> Outlook:
        """No forecast, and why: NaN, as beside a fit whose runs allow none."""
        from scalinglaws.forecasting.beside_law import nothing

        return nothing(NO_FORECAST, np.shape(self.estimate))

    @property
    def disputed(self) -> Any:
        """None, and NaN in an array: without a forecast nothing disputes the law."""
        return np.full(np.shape(self.estimate), np.nan) if np.ndim(self.estimate) else None

    def to_frame(self, index: pd.Index | None = None) -> pd.DataFrame:
        """One row for each point."""
        return pd.DataFrame({"estimate": np.ravel(self.estimate)}, index=index)

    def _card(self) -> Card:
        caveat = "No interval: the source has no covariance of its numbers."
        if np.ndim(self.estimate):
            missing = np.full(np.shape(self.estimate), np.nan)
            table = points_table(
                self.points, self.target, (self.estimate, missing, missing), missing, 0.95
            )
            count = plural(int(np.size(self.estimate)), "point")
            return Card(
                f"{self.target} at {count}, by {self.source}.", tables=(table,), caveats=(caveat,)
            )
        value = format_plain(self.estimate) or "none, for the law does not hold there"
        at = describe_points(self.points)
        return Card(f"{self.target} {value} at {at}, by {self.source}.", caveats=(caveat,))


@dataclass(frozen=True, repr=False)
class Published(Displayed):
    """A law with published coefficients.

    Attributes
    ----------
    name : str
        Law and set, such as "chinchilla/epoch2024".
    law : Law
        The law.
    values : mapping of str to float
        A number for each parameter.
    coefficients : Coefficients
        Source of the numbers: data, method, counting of N and D, and how they were checked.

    Examples
    --------
    >>> chinchilla = published["chinchilla/epoch2024"]
    >>> print(chinchilla.predict(N="70B", D="1.4T"))
    loss 1.974 at N 70B, D 1.4T, by chinchilla/epoch2024.
    <BLANKLINE>
    ! No interval: the source has no covariance of its numbers.
    """

    name: str
    law: Law
    values: Mapping[str, float]
    coefficients: Coefficients

    def predict(
        self,
        data: pd.DataFrame | Mapping[str, Any] | None = None,
        /,
        **variables: npt.ArrayLike | str,
    ) -> PublishedPrediction | pd.DataFrame:
        """Evaluate the law, as `Fit.predict` does but without intervals.

        Parameters
        ----------
        data : DataFrame or mapping, optional
            Columns for the law's variables, named as in the law or by common names.
        **variables : float, str or array
            Variables as keywords, as scalars, arrays or text: ``N="7B"``.

        Returns
        -------
        PublishedPrediction or DataFrame
            A DataFrame with the column "estimate" and the input's index for a DataFrame.

        Raises
        ------
        ValueError
            If a variable is missing, unknown or not positive where it must be; if the options
            ``forecast`` or ``confidence_level`` of `Fit.predict` are given.
        DataError
            If a table has no column for a variable.

        Warns
        -----
        DataWarning
            If the law is undefined or outside its limits at some points; the estimate is then NaN.
        """
        if {"forecast", "confidence_level"} & set(variables):
            raise ValueError(
                f"{self.name} was published without runs and covariance: it has no forecast and "
                "no intervals."
            )
        data = frame_of_points(data)
        own_names = {name: name for name in self.law.variables}
        points = read_points(self.law, own_names, data, variables)
        estimate = self._evaluate(points)
        if isinstance(data, pd.DataFrame):
            return pd.DataFrame({"estimate": estimate}, index=data.index)
        target = self.law.target or "estimate"
        value = estimate if estimate.ndim else float(estimate)
        return PublishedPrediction(value, self.name, target, points)

    def reach(self, value: npt.ArrayLike | str, /, **variables: float | str) -> Reach:
        """The value of one variable at which the law reaches a performance; see `Fit.reach`.

        Parameters
        ----------
        value : number or array
            Performance to reach.
        **variables
            All variables of the law but one.

        Returns
        -------
        Reach
            Without an interval and an extrapolation factor (NaN).

        Examples
        --------
        >>> print(published["chinchilla/epoch2024"].reach(2.0, N="70B"))
        loss 2 is reached at D 620B
        """
        own_names = {name: name for name in self.law.variables}
        target = self.law.target or "loss"
        unknown = open_variable(self.law, own_names, variables, {}, None, target)

        def curve(x: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
            estimate = self._evaluate(unknown.columns(x))
            missing = np.full(estimate.shape, np.nan)
            return estimate, missing, missing

        return reach_along(unknown, curve, value, target, np.nan, None)

    def _evaluate(self, columns: Mapping[str, FloatArray]) -> FloatArray:
        with np.errstate(all="ignore"):
            value = np.asarray(self.law.value(self.values, columns), dtype=np.float64)
        return possible(self.law, value)

    def _card(self) -> Card:
        given = {name: f"{name}=" for name in self.law.variables}
        example = 'N="70B", D="1.4T"' if set(given) == {"N", "D"} else ", ".join(given.values())
        return Card(
            f"{self.name}: published coefficients, without an interval.",
            formula=self.law.shown,
            tables=(pairs(list(self.coefficients.describe())),),
            next=f'sl.published["{self.name}"].predict({example})',
        )


class PublishedSets(Displayed, Mapping[str, Published]):
    """Published coefficients of the laws: a mapping from "law/set" to `Published`.

    Examples
    --------
    >>> [name for name in published if name.startswith("gadre/")]
    ['gadre/c4', 'gadre/redpajama', 'gadre/refinedweb']
    """

    def __init__(self) -> None:
        self._sets = {f"{row.name}/{c.name}": (row, c) for row in entries() for c in row.published}

    def __getitem__(self, name: str) -> Published:
        """The set of that name.

        Raises
        ------
        KeyError
            If there is none; the message names the nearest ones.
        """
        if name not in self._sets:
            raise _UnknownSetError(name, self._sets)
        row, coefficients = self._sets[name]
        return Published(name, row.law, dict(coefficients.values), coefficients)

    def __iter__(self) -> Iterator[str]:
        return iter(self._sets)

    def __len__(self) -> int:
        return len(self._sets)

    @property
    def table(self) -> pd.DataFrame:
        """One row for each set."""
        rows = [
            {"name": name, "data": c.data, "method": c.method, "counting": c.counting,
             "verified": c.verified,
             "reference": str(c.reference or row.reference)}
            for name, (row, c) in self._sets.items()
        ]  # fmt: skip
        return pd.DataFrame(rows).set_index("name")

    def _card(self) -> Card:
        table = self.table
        return Card(
            f"{plural(len(self), 'published set')} of coefficients.",
            tables=(Table((
                Column("name", tuple(map(str, table.index)), left=True),
                Column("data", tuple(table["data"]), left=True, roomy=True),
                Column("source", tuple(table["reference"]), left=True),
            )),),
            next='sl.published["chinchilla/epoch2024"]',
        )  # fmt: skip


class _UnknownSetError(KeyError):
    """KeyError whose message reads as a sentence."""

    def __init__(self, name: object, sets: Mapping[str, tuple[Entry, Coefficients]]) -> None:
        near = difflib.get_close_matches(str(name), sets, n=3)
        of_law = [key for key in sets if key.partition("/")[0] == str(name).partition("/")[0]]
        if "/" in str(name):  # the nearest first
            of_law.sort(key=lambda key: difflib.SequenceMatcher(None, str(name), key).ratio())
            of_law.reverse()
        meant = of_law or near
        hint = f" Did you mean {' or '.join(map(repr, meant))}?" if meant else ""
        super().__init__(f"No published set is called {name!r}.{hint} sl.published lists them.")

    def __str__(self) -> str:
        return str(self.args[0])


published = PublishedSets()
