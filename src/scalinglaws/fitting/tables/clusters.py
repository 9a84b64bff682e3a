"""Clusters: rows that are not independent, such as the checkpoints of one run."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

import numpy as np
import pandas as pd

from scalinglaws.arrays import FloatArray, IntArray
from scalinglaws.core.groups import distinct_labels, warn_of_look_alikes
from scalinglaws.errors import DataError, DataWarning, warn
from scalinglaws.fitting.tables import columns as col

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
