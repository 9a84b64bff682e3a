"""Factors: text columns of a table that the law does not use, such as a data set's name."""

from __future__ import annotations

from collections.abc import Container

import pandas as pd
from pandas.api import types

from scalinglaws.arrays import IntArray
from scalinglaws.fitting.tables.chunks import is_large

_LEAST_RUNS = 4  # per level on average: a column with more levels names runs


def find_factors(frame: pd.DataFrame, used: Container[str]) -> dict[str, IntArray]:
    """The level of each run, as an integer, for each factor; none for a large table.

    Parameters
    ----------
    frame : the table
    used : its columns that are variables, performance, groups, weights or clusters
    """
    if is_large(len(frame)):
        return {}
    found = {}
    for name in frame.columns.unique():
        column = frame[name]
        if name in used or not isinstance(column, pd.Series) or not _is_text(column):
            continue
        try:
            codes, levels = pd.factorize(column, use_na_sentinel=False)
        except TypeError:  # lists and the like
            continue
        if 2 <= len(levels) <= len(frame) / _LEAST_RUNS:
            found[str(name)] = codes
    return found


def _is_text(column: pd.Series) -> bool:
    return (
        types.is_object_dtype(column)
        or types.is_string_dtype(column)
        or types.is_bool_dtype(column)
        or isinstance(column.dtype, pd.CategoricalDtype)
    )
