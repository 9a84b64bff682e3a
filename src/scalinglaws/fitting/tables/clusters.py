"""Rows that hang together: checkpoints of one run, whose residuals are alike."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from scalinglaws.arrays import FloatArray, IntArray
from scalinglaws.errors import DataError
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
        different variables, as its checkpoints have. None: all rows are independent.

    Raises
    ------
    DataError
        If there is no such column, or all rows are one cluster.
    """
    independent = "", np.zeros(0, dtype=np.intp)
    if column is None:
        return independent
    if column != "auto":
        return column, cluster_codes(frame, col.require(frame, column, "`clusters`"))
    for name in (name for name in _RUN_ALIASES if name in frame.columns):
        codes = pd.factorize(frame[name])[0]
        n_clusters = int(codes.max(initial=-1)) + 1
        if codes.min(initial=0) < 0 or not 2 <= n_clusters < len(codes):
            continue
        if any(_vary_within(codes, column) for column in values.values()):
            return name, np.asarray(codes, dtype=np.intp)
    return independent


def cluster_codes(frame: pd.DataFrame, name: str) -> IntArray:
    """A number for each cluster that a column names.

    Raises
    ------
    DataError
        If a row has none, or all rows are one cluster.
    """
    codes, labels = pd.factorize(frame[name])
    if (codes < 0).any():
        raise DataError(
            f"Column {name!r} names the clusters, and {int((codes < 0).sum())} rows have none."
        )
    if len(labels) < 2:
        raise DataError(
            f"Column {name!r} has one value in all rows: one cluster says nothing about how "
            "clusters differ. Name a column with several values, or pass clusters=None."
        )
    return np.asarray(codes, dtype=np.intp)


def _vary_within(codes: IntArray, column: FloatArray) -> bool:
    """Whether some cluster has rows with different values."""
    first = np.zeros(codes.max() + 1)
    first[codes[::-1]] = column[::-1]
    return bool((column != first[codes]).any())
