"""Base classes of forecasts: what is saved as JSON, and several forecasts by name.

A file has the runs and the settings, from which `restored` makes the forecast again. Every kind has
a format of its own; all are written by `json_files`, whole or not at all, with a hash.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

import numpy as np
import pandas as pd

from scalinglaws import json_files
from scalinglaws.arrays import FloatArray
from scalinglaws.errors import FileFormatError
from scalinglaws.fitting.inference.reach import Reach, stacked_reaches
from scalinglaws.forecasting.run_rows import RunRows

FORECAST = "scalinglaws forecast"
CURVE, CURVES = "scalinglaws curve forecast", "scalinglaws curve forecasts"
GROUPED, CHAINED = "scalinglaws grouped forecast", "scalinglaws chained forecast"
UNFINISHED = "scalinglaws unfinished run"
SCHEMA = 1


class Saved:
    """Base class of all forecasts that can be saved."""

    _format: ClassVar[str]

    def _saved_values(self) -> dict[str, Any]:
        """What the forecast is made from, as JSON has it."""
        raise NotImplementedError

    def save(self, path: str | Path, *, follow_links: bool = False) -> None:
        """Write the runs and the settings as JSON; `scalinglaws.load` reads them.

        Parameters
        ----------
        path : str or Path
            An existing file is replaced after the new one is complete.
        follow_links : bool, default False
            Whether to follow a symbolic link and write its target.

        Raises
        ------
        FileExistsError
            If the path is a link and `follow_links` is false.
        OSError
            If the file cannot be written.
        """
        json_files.write(to_dict(self), path, follow_links=follow_links)


def to_dict(forecast: Saved) -> dict[str, Any]:
    """A forecast as the object of its file."""
    return {"format": forecast._format, "schema": SCHEMA, **forecast._saved_values()}


def is_saved(path: str | Path) -> bool:
    """Whether a file says that it is something that was saved, and no table."""
    try:
        values = json_files.parsed(path)
    except (OSError, FileFormatError):
        return False
    return isinstance(values, dict) and values.get("format") is not None


# --- several -----------------------------------------------------------------------------------


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
        return [[label_of(name), reason] for name, reason in self._failed.items()]

    def _unknown(self) -> str:
        return f"there is no such {self.column}"


# --- parts -------------------------------------------------------------------------------------


def of_rows(rows: RunRows) -> dict[str, Any]:
    """The runs of a forecast over N and D."""
    table = rows.table
    return {
        "scale": asdict(rows.scale),
        "columns": dict(table.columns),
        "target": table.target,
        "cluster_column": table.cluster_column,
        "dropped": [[label_of(k), v] for k, v in table.dropped],
        "n_checkpoints": rows.n_checkpoints,
        "n_thinned": rows.n_thinned,
        "runs": {
            "index": [label_of(label) for label in rows.index],
            "N": rows.N.tolist(),
            "D": rows.D.tolist(),
            "C": rows.C.tolist(),
            "y": table.y[rows.places].tolist(),
            "weights": table.weights[rows.places].tolist(),
            "factors": {n: codes[rows.places].tolist() for n, codes in table.factors.items()},
        },
    }


def of_numbers(values: FloatArray) -> list[Any]:
    """Numbers, and "nan" where there is none."""
    return [value if math.isfinite(value) else str(value) for value in values.tolist()]


def label_of(label: Any) -> Any:
    """Labels as JSON has them: numbers and text stay, anything else becomes text."""
    label = label.item() if isinstance(label, np.generic) else label
    return label if isinstance(label, int | str) else str(label)
