"""Rows that belong together: those of one run, replicates, and levels of text columns."""

from __future__ import annotations

from collections.abc import Container, Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api import types

from scalinglaws.arrays import FloatArray, IntArray
from scalinglaws.core.groups import distinct_labels, warn_of_look_alikes
from scalinglaws.errors import DataError, DataWarning, warn
from scalinglaws.fitting.tables import columns as col
from scalinglaws.fitting.tables.chunks import is_large, places_where, row_blocks

# --- clusters ------------------------------------------------------------------------------------

# Usual names of the column that names a run.
_RUN_ALIASES = (
    "run", "run_id", "run_name", "runid", "Run", "run id", "run name", "wandb_run", "wandb_id",
    "experiment", "experiment_id", "experiment_name", "trajectory", "curve",
)  # fmt: skip


def find_clusters(
    frame: pd.DataFrame, values: Mapping[str, FloatArray], column: str | None
) -> tuple[str, IntArray]:
    """The column of clusters, and a number for each cluster.

    Parameters
    ----------
    frame : the table
    values : the law's variables
    column : str, "auto" or None
        "auto" takes a column with a usual name for runs if some run has several rows with
        different variables but one N, as its checkpoints have. None: all rows are independent.

    Raises
    ------
    DataError
        If there is no such column.
    """
    independent = "", np.zeros(0, dtype=np.intp)
    if column is None:
        return independent
    if not isinstance(column, str) or column != "auto":
        return column, cluster_codes(frame, col.require(frame, column, "`clusters`"))
    for name in (name for name in _RUN_ALIASES if name in frame.columns):
        if not _may_name_runs(frame[name]):
            continue
        codes = pd.factorize(frame[name])[0]
        named = codes >= 0
        n_clusters = int(codes.max(initial=-1)) + 1
        if not 1 <= n_clusters < int(named.sum()):
            continue
        varies = {v: _vary_within(codes[named], values[v][named]) for v in values}
        if not any(varies.values()) or varies.get("N", False):
            continue
        if named.all():
            return name, np.asarray(codes, dtype=np.intp)
        warn(
            f"Column {name!r} would tell which rows are of one run, but is empty in "
            f"{int((~named).sum())} of {len(codes)} rows, such as row "
            f"{frame.index[~named][0]!r}: all rows are taken as independent, and intervals may be "
            "too narrow. Fill it, or pass clusters=None.",
            DataWarning,
        )
    return independent


def cluster_codes(frame: pd.DataFrame, name: str) -> IntArray:
    """A number for each cluster that a column names.

    Raises
    ------
    DataError
        If a row has none.
    """
    codes, labels = distinct_labels(col.one_column(frame, name), name)
    warn_of_look_alikes(labels, name)
    empty = codes < 0
    if empty.any():
        raise DataError(
            f"Column {name!r} names the clusters, and is empty in {int(empty.sum())} rows, such as "
            f"row {frame.index[empty][0]!r}. Fill it, leave these rows out, or pass clusters=None."
        )
    return codes


def _may_name_runs(column: pd.Series | pd.DataFrame) -> bool:
    """Whether values could be names or numbers of runs; measurements are not."""
    if not isinstance(column, pd.Series):
        return False
    if pd.api.types.is_float_dtype(column):  # whole numbers become floats where some are missing
        known = column.dropna()
        return bool((known == known.round()).all())
    return all(isinstance(value, Hashable) for value in column)


def _vary_within(codes: IntArray, column: FloatArray) -> bool:
    """Whether some cluster has rows with different values."""
    first = np.zeros(codes.max() + 1)
    first[codes[::-1]] = column[::-1]
    return bool((column != first[codes]).any())


# --- replicates ----------------------------------------------------------------------------------

# Replicates are found by a 64-bit hash of each row. Equal rows have equal hashes, so a table whose
# hashes all differ has none; one sorted array shows that, whatever the number of columns. Rows that
# are not equal share a hash with a chance of n^2 / 2^65: three in a million for ten million rows.
HashArray = npt.NDArray[np.uint64]
# In the names of columns that tell repeated runs apart.
_SEED_WORDS = ("seed", "rerun", "repeat", "replicate", "trial", "role", "index")
_MIX = np.uint64(0x9E3779B97F4A7C15)  # odd: 2^64 over the golden ratio


def sets_of_repeats(
    frame: pd.DataFrame, values: Mapping[str, FloatArray], columns: Sequence[str]
) -> IntArray:
    """Number the sets of runs with the same variables under the same conditions.

    A condition is any other column whose values recur, such as a learning rate or a data set; a
    seed is none, and neither are measurements, whose values are nearly all different.

    Parameters
    ----------
    frame : the table
    values : the law's variables
    columns : names of the columns that hold the variables and the performance

    Returns
    -------
    (runs,) or (0,)
        A number for each set; nothing where no run repeats another.
    """
    variables = list(values.values())
    nothing = np.zeros(0, dtype=np.intp)
    if not len(_recurring(_hashes(variables))):
        return nothing
    conditions = []
    for name, given in frame.items():  # two columns may have one name
        is_seed = any(word in str(name).lower() for word in _SEED_WORDS)
        if name in columns or is_seed:
            continue
        column = _plain(given)
        if column is not None and _recurs(column):
            conditions.append(column)
    ordered = _hashes([*variables, *conditions])
    hashes = ordered.copy()
    ordered.sort()
    ordered = ordered[np.concatenate([[True], ordered[1:] != ordered[:-1]])]
    if len(ordered) == len(hashes):
        return nothing
    numbers = np.empty(len(hashes), dtype=np.intp)
    for rows in row_blocks(len(hashes)):
        numbers[rows] = np.searchsorted(ordered, hashes[rows])
    return numbers


def exact_copies(columns: Sequence[npt.NDArray[Any] | pd.Series]) -> IntArray:
    """Rows that agree with an earlier one in all of some columns."""
    plain = [column for column in map(_plain, columns) if column is not None]
    twice = _recurring(_hashes(plain))
    if not len(twice):
        return np.zeros(0, dtype=np.intp)

    def may_be(rows: slice) -> npt.NDArray[np.bool_]:
        hashes = _hash_block(plain, rows)
        place = np.minimum(np.searchsorted(twice, hashes), len(twice) - 1)
        return np.asarray(twice[place] == hashes)

    places = places_where(len(plain[0]), may_be)
    chosen = pd.DataFrame({k: column[places] for k, column in enumerate(plain)})
    return np.asarray(places[chosen.duplicated(keep="first").to_numpy()], dtype=np.intp)


def _plain(column: npt.NDArray[Any] | pd.Series) -> npt.NDArray[Any] | None:
    """A column as numbers; text and other objects as a number for each value.

    None if its values cannot be compared.
    """
    array = column.to_numpy() if isinstance(column, pd.Series) else column
    if array.dtype.kind in "fiub":
        return array
    try:
        codes, _ = pd.factorize(column, use_na_sentinel=False)
    except TypeError:
        return None
    return codes


def _recurs(column: npt.NDArray[Any]) -> bool:
    """Whether values come back, as those of a condition do and measurements do not."""
    share = 1 / 3 if column.dtype.kind == "f" else 1 / 2
    hashes = _hashes([column])
    hashes.sort()
    n_distinct = 1 + int(np.count_nonzero(hashes[1:] != hashes[:-1]))
    return n_distinct <= share * len(column)


def _recurring(hashes: HashArray) -> HashArray:
    """Hashes that occur more than once, in order. The array is sorted."""
    hashes.sort()
    return np.asarray(np.unique(hashes[1:][hashes[1:] == hashes[:-1]]), dtype=np.uint64)


def _hashes(columns: Sequence[npt.NDArray[Any]]) -> HashArray:
    """A 64-bit hash of each row of some columns."""
    found = np.empty(len(columns[0]), dtype=np.uint64)
    for rows in row_blocks(len(found)):
        found[rows] = _hash_block(columns, rows)
    return found


def _hash_block(columns: Sequence[npt.NDArray[Any]], rows: slice) -> HashArray:
    total = np.zeros(rows.stop - rows.start, dtype=np.uint64)
    for column in columns:
        part = column[rows]
        if part.dtype.kind == "f":
            part = part.astype(np.float64) + 0.0  # zero has one sign, and NaN one pattern
            part[np.isnan(part)] = np.nan
        total *= _MIX
        total += pd.util.hash_array(part)
    return total


# --- text columns --------------------------------------------------------------------------------

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
