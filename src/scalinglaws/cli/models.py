"""The model that a verb works on: a saved file, a published law, or the default law of a table."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from scalinglaws.errors import DataError, FileFormatError
from scalinglaws.fitting.published import Published, published
from scalinglaws.fitting.result import Fit
from scalinglaws.fitting.tables import columns as col
from scalinglaws.forecasting import saved
from scalinglaws.forecasting.forecast import Forecast
from scalinglaws.loading import Loaded, load

_TABLES = (".csv", ".tsv", ".jsonl", ".parquet")  # files that hold runs, and never a fit


def law_from(name: Path | str) -> Fit | Published:
    """A saved fit, or a published law where no file has that name.

    Raises
    ------
    FileFormatError
        If it is a saved forecast.
    """
    found = model_from(name)
    if not isinstance(found, Fit | Published):
        raise FileFormatError(
            f"{name} is a saved {type(found).__name__}, and this verb needs a fit; `plan`, `serve` "
            "and `overtrain` take a forecast over N and D too."
        )
    return found


def law_or_forecast_from(name: Path | str) -> Fit | Published | Forecast:
    """A saved fit or forecast, or a published law where no file has that name.

    Raises
    ------
    FileFormatError
        If what was saved is several forecasts, or one of a curve.
    """
    found = model_from(name)
    return found if isinstance(found, Forecast) else law_from(name)


def model_from(name: Path | str) -> Loaded | Published:
    """What was saved in a file, or a published law where no file has that name."""
    key = Path(name).as_posix()
    if Path(name).suffix.lower() in _TABLES and Path(name).is_file():
        raise FileFormatError(
            f"{name} is a table of runs, and this verb needs a saved fit: "
            f"`scalinglaws fit {name} --save fit.json` writes one."
        )
    if Path(name).exists():
        return load(name)
    if key not in published:
        raise FileNotFoundError(
            f"There is no file {key!r}, and no published law of that name; `scalinglaws laws` "
            "lists the laws, and `scalinglaws laws NAME` the published coefficients of one."
        )
    return published[key]


def given_model(options: argparse.Namespace) -> Loaded | None:
    """The saved fit or forecast in the file of a verb that takes tables too; none of a table.

    Raises
    ------
    DataError
        If options say how to read a table or to fit, and the file is no table.
    """
    path: Path = options.runs
    if path.suffix != ".json" or not saved.is_saved(path):
        return None
    given = set(options.flags) & set(vars(options)) - {"confidence_level", "by", "cuts"}
    if given:
        named = ", ".join(options.flags[name] for name in sorted(given))
        raise DataError(
            f"{path} is a saved model: it has its law, y and columns; leave out {named}."
        )
    return load(path)


def usual_law(runs: pd.DataFrame, y: str | None, columns: Mapping[str, str]) -> str:
    """The default law for a table; a note names it and how to choose another."""
    target = (y or col.find_performance(runs)).lower()
    is_loss = any(word in target for word in ("loss", "crossentropy"))
    found = [v for v in ("N", "D") if v in columns or col.find_variable(runs, v)]
    if not (is_loss and len(found) == 2 and not set(columns) - {"N", "D"}):
        return "power"
    print(
        "note: fitting --law chinchilla, because the table has a loss with N and D; `scalinglaws "
        "laws` lists others, such as --law power.",
        file=sys.stderr,
    )
    return "chinchilla"
