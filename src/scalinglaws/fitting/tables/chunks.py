"""Sums over large tables in chunks of rows that fit in the cache."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from scalinglaws.arrays import IntArray

# Rows of a block of a large table, and the size up to which a table is one block.
_ROWS, _ONE_BLOCK = 16_384, 65_536


def is_large(n_rows: int) -> bool:
    """Whether a table is taken in more than one block."""
    return n_rows > _ONE_BLOCK


def row_blocks(n_rows: int) -> Iterator[slice]:
    """The rows of a table in order, block by block; those of a small table at once."""
    if not is_large(n_rows):
        yield slice(0, n_rows)
        return
    for first in range(0, n_rows, _ROWS):
        yield slice(first, min(first + _ROWS, n_rows))


def summed(n_rows: int, term: Callable[[slice], Any]) -> Any:
    """Sum of a function of the rows, over the blocks of a table."""
    blocks = row_blocks(n_rows)
    total = term(next(blocks))
    for rows in blocks:
        total = total + term(rows)
    return total


def spread_rows(n_rows: int, most: int | None = None) -> IntArray:
    """At most so many rows, evenly spread over a table; by default as many as make one block."""
    most = _ONE_BLOCK if most is None else most
    if n_rows <= most:
        return np.arange(n_rows)
    return np.linspace(0, n_rows - 1, most).astype(np.intp)


def places_where(n_rows: int, holds: Callable[[slice], npt.NDArray[np.bool_]]) -> IntArray:
    """Rows for which something holds."""
    found = [rows.start + np.flatnonzero(holds(rows)) for rows in row_blocks(n_rows)]
    return np.concatenate(found)
