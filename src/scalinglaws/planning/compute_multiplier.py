"""How much less compute recipes need than another: tables, and the answer in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import pandas as pd

from scalinglaws.fitting.result import Fit
from scalinglaws.numerals import format_compute, format_plain


@dataclass(frozen=True, eq=False)
class Gain:
    """How much less compute a recipe needs than another; see :func:`scalinglaws.gain`.

    Attributes
    ----------
    table : DataFrame
        One row for each compute ``C`` of the first recipe: its best performance, the compute
        ``C_recipe`` with which the second reaches the same, and ``gain``, C over that; each with
        ``_low`` and ``_high``; ``times_beyond`` the runs of either, and ``note``.
    growth : Series
        ``exponent`` of the gain in compute between the first and last row, ``low``, ``high``.
    tests : DataFrame or None
        The pooled laws against the separate ones, where the runs were compared.
    fits : mapping of str to Fit
        What was fitted, where the runs were compared: "baseline" and "recipe", or "pooled".
    confidence_level : float
    """

    table: pd.DataFrame
    growth: pd.Series
    tests: pd.DataFrame | None
    confidence_level: float
    fits: Mapping[str, Fit] = field(default_factory=dict, repr=False)

    @property
    def sentence(self) -> str:
        """The answer in words."""
        first, last = self.table.iloc[0], self.table.iloc[-1]

        def at(row: pd.Series) -> str:
            span = f"{format_plain(row['gain_low'], 3)} to {format_plain(row['gain_high'], 3)}"
            return (
                f"{format_plain(row['gain'], 3)} times less at {format_compute(row['C'])} ({span})"
            )

        if len(self.table) == 1:
            return f"{at(first)}."
        return f"{at(first)}, {at(last)}; the gain is {self.direction}."

    @property
    def direction(self) -> str:
        """Whether the gain grows with compute, as far as the interval decides."""
        if self.growth["low"] > 0:
            return "growing with compute"
        if self.growth["high"] < 0:
            return "vanishing with compute" if (self.table["gain"] > 1).all() else "falling"
        return "not known to grow or to vanish"

    def __repr__(self) -> str:
        lines = [f"Compute that the second recipe needs: {self.sentence}"]
        if self.tests is not None:
            lines += ["", self.tests.to_string()]
        return "\n".join(lines)


@dataclass(frozen=True, eq=False)
class Gains(Mapping[str, Gain]):
    """Several recipes, each against the same baseline; a mapping from recipe to :class:`Gain`.

    Attributes
    ----------
    baseline : str
    by_recipe : mapping of str to Gain
    """

    baseline: str
    by_recipe: Mapping[str, Gain]

    def __getitem__(self, recipe: str) -> Gain:
        return self.by_recipe[recipe]

    def __iter__(self) -> Iterator[str]:
        return iter(self.by_recipe)

    def __len__(self) -> int:
        return len(self.by_recipe)

    @property
    def table(self) -> pd.DataFrame:
        """The tables of all of them below one another, with a column ``recipe``."""
        return _stacked({name: found.table for name, found in self.items()})

    @property
    def growth(self) -> pd.DataFrame:
        """The exponent of each gain in compute, with ``low`` and ``high``."""
        return pd.DataFrame({name: found.growth for name, found in self.items()}).T

    @property
    def tests(self) -> pd.DataFrame:
        """The tests of all of them, with a column ``recipe``."""
        tests = {n: found.tests for n, found in self.items() if found.tests is not None}
        return _stacked({name: frame.reset_index() for name, frame in tests.items()})

    @property
    def sentence(self) -> str:
        """The answers in words, a line for each."""
        return "\n".join(f"{name}: {found.sentence}" for name, found in self.items())

    def __repr__(self) -> str:
        return f"Compute that recipes need beside {self.baseline}\n{self.sentence}"


def _stacked(frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    parts = [frame.assign(recipe=name) for name, frame in frames.items()]
    whole = pd.concat(parts, ignore_index=True)
    return whole[["recipe", *whole.columns.drop("recipe")]]
