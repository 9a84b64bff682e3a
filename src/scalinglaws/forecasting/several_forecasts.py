"""Forecasts by name, and the reasons of those that could not be made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol, TypeVar

import pandas as pd

from scalinglaws.fitting.inference.reach import Reach, stacked_reaches
from scalinglaws.forecasting import saved
from scalinglaws.forecasting.saved import Saved


class Reaching(Protocol):
    """What has an inverse."""

    def reach(self, *args: Any, **options: Any) -> Reach:
        """Where it comes to a value."""


Each = TypeVar("Each", bound=Reaching)


class SeveralForecasts(Saved, Mapping[Any, Each]):
    """A mapping from the values of a column, such as groups or series, to their forecasts."""

    def __init__(self, found: Mapping[Any, Each], failed: Mapping[Any, str], column: str) -> None:
        self._found: dict[Any, Each] = dict(found)
        self._failed, self.column = dict(failed), column

    def __getitem__(self, name: Any) -> Each:
        if name not in self._found:
            raise KeyError(f"No forecast of {name!r}: {self._failed.get(name, self._unknown())}")
        return self._found[name]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def reach(self, value: Any, /, **options: Any) -> pd.DataFrame:
        """Where each reaches a value: a row for each and value; options as for one of them."""
        found = {name: each.reach(value, **options) for name, each in self.items()}
        return stacked_reaches(found, self.column)

    @property
    def failed(self) -> pd.Series:
        """Names without a forecast, with the reason."""
        return pd.Series(self._failed, name="reason", dtype=object).rename_axis(self.column)

    @property
    def _saved_failed(self) -> list[list[Any]]:
        return [[saved.label_of(name), reason] for name, reason in self._failed.items()]

    def _unknown(self) -> str:
        return f"there is no such {self.column}"
