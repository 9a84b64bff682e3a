"""Compute multipliers as results: one gain, and those of several recipes over one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from scalinglaws.display import Card, Displayed
from scalinglaws.fitting.result import Fit
from scalinglaws.numerals import format_plain, format_variable
from scalinglaws.planning.analysis_cards import gain_card, gains_card

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# What is saved, in words.
_WHAT = {"C": "compute", "D": "data", "N": "parameters"}


@dataclass(frozen=True, eq=False, repr=False)
class Gain(Displayed):
    """Compute multiplier of one recipe over another; see :func:`scalinglaws.gain`.

    Attributes
    ----------
    table : DataFrame
        One row for each compute ``C`` of the first recipe: its best performance, the compute
        ``C_recipe`` with which the second reaches the same, and ``gain``, C over that; each with
        ``_low`` and ``_high``; ``times_beyond`` the runs of either, and ``note``. For laws in one
        other variable the columns have its name, such as ``D`` and ``D_recipe``.
    growth : Series
        ``exponent`` of the gain in compute between the first and last row, ``low``, ``high``.
    tests : DataFrame or None
        The pooled laws against the separate ones, where the runs were compared.
    fits : mapping of str to Fit
        The fits, if runs were compared: "baseline" and "recipe", or "pooled".
    confidence_level : float
        Level of the intervals.
    variable : str
        "C", or the one variable of the laws.
    """

    table: pd.DataFrame
    growth: pd.Series
    tests: pd.DataFrame | None
    confidence_level: float
    fits: Mapping[str, Fit] = field(default_factory=dict, repr=False)
    variable: str = "C"

    @property
    def sentence(self) -> str:
        """The multiplier and its interval, as a sentence."""
        first, last = self.table.iloc[0], self.table.iloc[-1]
        what = _WHAT.get(self.variable, self.variable)
        less = f"{'fewer' if self.variable == 'N' else 'less'} {what}"

        def at(row: pd.Series) -> str:
            saved = not row["gain"] < 1 - 5e-4  # what is written as 1x
            ends = (row["gain_low"], row["gain_high"])
            low, high = ends if saved else np.reciprocal(ends[::-1])
            factor = format_plain(row["gain"] if saved else 1 / row["gain"], 3)
            span = f"{format_plain(low, 3)} to {format_plain(high, 3)}"
            amount = format_variable(self.variable, row[self.variable])
            return f"{factor}x {less if saved else f'more {what}'} at {amount} ({span})"

        if len(self.table) == 1:
            return f"{at(first)}."
        return f"{at(first)}, {at(last)}; the multiplier is {self.direction}."

    @property
    def direction(self) -> str:
        """Whether the gain grows with compute, as far as the interval decides."""
        what = _WHAT.get(self.variable, self.variable)
        if self.growth["low"] > 0:
            return f"growing with {what}"
        if self.growth["high"] < 0:
            return f"vanishing with {what}" if (self.table["gain"] > 1).all() else "falling"
        return "not shown to grow or to vanish"

    def plot(
        self, *, ax: Axes | None = None, labels: bool = True, title: bool | str | None = None
    ) -> Axes:
        """Draw the multiplier over compute; see `scalinglaws.plotting.plot_gain`.

        Parameters
        ----------
        ax : Axes, optional
            Axes to draw in; by default those of a new figure.
        labels : bool, default True
            Whether to write names and notes.
        title : bool or str, optional
            Sentence above the picture; by default the result, on a new figure.

        Returns
        -------
        Axes
        """
        from scalinglaws.plotting import plot_gain

        return plot_gain(self, ax=ax, labels=labels, title=title)

    @property
    def what(self) -> str:
        """What is saved, in words."""
        return _WHAT.get(self.variable, self.variable)

    def _card(self) -> Card:
        return gain_card(self)


@dataclass(frozen=True, eq=False, repr=False)
class Gains(Displayed, Mapping[str, Gain]):
    """Several recipes, each against the same baseline; a mapping from recipe to :class:`Gain`.

    Attributes
    ----------
    baseline : str
        Name of the baseline recipe.
    by_recipe : mapping of str to Gain
        Multiplier of each recipe.
    """

    baseline: str
    by_recipe: Mapping[str, Gain]

    def plot(
        self, *, ax: Axes | None = None, labels: bool = True, title: bool | str | None = None
    ) -> Axes:
        """Draw all multipliers over compute; see `scalinglaws.plotting.plot_gain`.

        Parameters
        ----------
        ax : Axes, optional
            Axes to draw in; by default those of a new figure.
        labels : bool, default True
            Whether to write names and notes.
        title : bool or str, optional
            Sentence above the picture; by default the result, on a new figure.

        Returns
        -------
        Axes
        """
        from scalinglaws.plotting import plot_gain

        return plot_gain(self, ax=ax, labels=labels, title=title)

    def __getitem__(self, recipe: str) -> Gain:
        return self.by_recipe[recipe]

    def __iter__(self) -> Iterator[str]:
        return iter(self.by_recipe)

    def __len__(self) -> int:
        return len(self.by_recipe)

    @property
    def table(self) -> pd.DataFrame:
        """Concatenated tables of all recipes, with a column ``recipe``."""
        return _stacked({name: found.table for name, found in self.items()})

    @property
    def growth(self) -> pd.DataFrame:
        """The exponent of each gain in compute, with ``low`` and ``high``."""
        return pd.DataFrame({name: found.growth for name, found in self.items()}).T

    @property
    def tests(self) -> pd.DataFrame:
        """Concatenated tests of all recipes, with a column ``recipe``."""
        tests = {n: found.tests for n, found in self.items() if found.tests is not None}
        return _stacked({name: frame.reset_index() for name, frame in tests.items()})

    @property
    def sentence(self) -> str:
        """The multipliers and their intervals, one line per recipe."""
        return "\n".join(f"{name}: {found.sentence}" for name, found in self.items())

    def _card(self) -> Card:
        return gains_card(self)


def _stacked(frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    parts = [frame.assign(recipe=name) for name, frame in frames.items()]
    whole = pd.concat(parts, ignore_index=True)
    return whole[["recipe", *whole.columns.drop("recipe")]]
