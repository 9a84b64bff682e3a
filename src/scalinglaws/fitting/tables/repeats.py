"""Replicates: runs with equal variables, found by a 64-bit hash of each row.

Rows that are equal have equal hashes, so a table whose hashes all differ has no repeats; that is
seen from one sorted array, whatever the number of columns. Rows that are not equal share a hash
with a chance of n^2 / 2^65, three in a million for ten million rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from scalinglaws.arrays import FloatArray, IntArray
from scalinglaws.fitting.tables.chunks import places_where, row_blocks

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
    for name in frame.columns:
        is_seed = any(word in str(name).lower() for word in _SEED_WORDS)
        if name in columns or is_seed:
            continue
        column = _plain(frame[name])
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
