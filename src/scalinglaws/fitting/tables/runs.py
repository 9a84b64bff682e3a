"""Read and check the runs of a fit: the `RunTable` class."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from scalinglaws.arrays import FloatArray, IntArray
from scalinglaws.core.groups import categories
from scalinglaws.core.law import Law
from scalinglaws.core.parameters import positive_variables
from scalinglaws.errors import DataError, DataWarning, warn
from scalinglaws.fitting.tables import columns as col
from scalinglaws.fitting.tables.chunks import is_large, places_where, row_blocks
from scalinglaws.fitting.tables.columns import listed_rows, row_names
from scalinglaws.fitting.tables.related_rows import (
    exact_copies,
    find_clusters,
    find_factors,
    sets_of_repeats,
)
from scalinglaws.fitting.tables.units import check_units, refuse_overflow
from scalinglaws.numerals import abridged, format_plain, listed, plural
from scalinglaws.options import ScaleName


@dataclass(frozen=True)
class RunTable:
    """The runs of a fit as arrays, and where they came from.

    Attributes
    ----------
    values : mapping of variable to float64 array
    y : performance
    weights : one number per run
    index : the input's row labels
    columns : the table's column for each variable; `target` likewise for the performance
    dropped : label and reason of each row left out
    labels : the group of each run, for each column that indexes parameters; `columns` has these too
    clusters : a number for each set of related rows, such as checkpoints of one run;
        empty where all are independent
    cluster_column : what told them apart
    source : the table that was read, rows left out excepted; None for a fit from a file
    repeats : a number for each set of runs that differ in nothing but the seed; empty where no
        run repeats another
    factors : for each text column that the law does not use, a number for each of its values

    Notes
    -----
    The columns of a table of more than 65,536 rows are not copied where they are float64 already:
    such a table must not be changed in place while the fit is in use.
    """

    values: Mapping[str, FloatArray]
    y: FloatArray
    weights: FloatArray
    index: pd.Index
    columns: Mapping[str, str]
    target: str
    dropped: tuple[tuple[Any, str], ...] = ()
    weighted: bool = False
    repeats: IntArray = field(default_factory=lambda: np.zeros(0, dtype=np.intp), repr=False)
    labels: Mapping[str, pd.Categorical] = field(default_factory=dict)
    clusters: IntArray = field(default_factory=lambda: np.zeros(0, dtype=np.intp), repr=False)
    cluster_column: str = ""
    source: pd.DataFrame | None = field(default=None, repr=False, compare=False)
    factors: Mapping[str, IntArray] = field(default_factory=dict, repr=False)

    @property
    def n(self) -> int:
        """Number of runs."""
        return len(self.y)

    @property
    def digest(self) -> str:
        """A short hash of the numbers that were fitted."""
        whole = hashlib.sha256()
        for name in sorted(self.values):
            whole.update(name.encode())
            _hash_into(whole, self.values[name])
        for name in sorted(self.labels):
            labels = self.labels[name]
            whole.update("\0".join([name, *labels.categories]).encode() + labels.codes.tobytes())
        _hash_into(whole, self.y)
        _hash_into(whole, self.weights)
        return whole.hexdigest()[:16]

    @property
    def inputs(self) -> dict[str, Any]:
        """Everything that a law is evaluated at: variables and labels."""
        return {**self.values, **self.labels}

    @property
    def levels(self) -> dict[str, tuple[str, ...]]:
        """The groups that each index tells apart."""
        return {name: tuple(labels.categories) for name, labels in self.labels.items()}

    def variable_of(self, name: str) -> str:
        """The law's name for one of the table's columns; any other name stays."""
        by_column = {column: variable for variable, column in self.columns.items()}
        return by_column.get(name, name)

    def frame(self) -> pd.DataFrame:
        """Variables, labels and performance under the law's names, with the input's index."""
        return pd.DataFrame({**self.inputs, self.target: self.y}, index=self.index)


def _hash_into(whole: Any, column: FloatArray) -> None:
    for rows in row_blocks(len(column)):
        whole.update(np.ascontiguousarray(column[rows]).data)


def read_table(
    frame: pd.DataFrame,
    law: Law,
    *,
    y: str | None,
    columns: Mapping[str, str],
    weights: str | npt.ArrayLike | None,
    missing: str,
    scale: ScaleName,
    units: str,
    clusters: str | None = "auto",
) -> RunTable:
    """Find the columns, read them, and name what is wrong with them.

    Raises
    ------
    DataError
        If the table cannot be fitted as it is.
    """
    target = col.resolve_target(frame, y, law.target)
    names = {v: col.resolve_variable(frame, v, columns) for v in law.variables}
    groups = {g: col.resolve_variable(frame, g, columns) for g in law.group_columns}
    for variable, name in (*names.items(), *groups.items()):
        if name == target:
            raise DataError(f"Column {name!r} would be both {variable} and the performance.")
    values = {v: col.to_floats(frame[name], name) for v, name in names.items()}
    performance = col.performance_to_floats(frame[target], target)
    weight = _read_weights(frame, weights)
    must_be_positive = {v: names[v] for v in positive_variables(law.parsed.expression, names)}
    if "C" in names:
        refuse_overflow(frame, values["C"], names["C"])
    labels = {g: categories(col.one_column(frame, name), name) for g, name in groups.items()}
    unlabelled = {groups[g]: found.isna() for g, found in labels.items()}
    bad = _unusable(values, performance, weight, names, target, must_be_positive, scale, unlabelled)
    dropped = _handle_unusable(bad, frame.index, missing)
    if bad:
        keep = np.ones(len(frame), dtype=np.bool_)
        keep[list(bad)] = False
        frame_kept, performance, weight = frame[keep], performance[keep], weight[keep]
        values = {v: a[keep] for v, a in values.items()}
        labels = {g: found[keep].remove_unused_categories() for g, found in labels.items()}
    else:
        frame_kept = frame
    if not is_large(len(performance)):
        # what is small is copied, so that later changes of the table do not reach the fit
        values = {v: np.array(a) for v, a in values.items()}
        performance, weight = np.array(performance), np.array(weight)
    repeats = sets_of_repeats(frame_kept, values, [*names.values(), target])
    cluster_column, cluster = find_clusters(frame_kept, values, clusters)
    factors = find_factors(frame_kept, {*names.values(), *groups.values(), target, cluster_column})
    table = RunTable(
        values, performance, weight, frame_kept.index, {**names, **groups}, target, dropped,
        weights is not None, repeats, labels, cluster, cluster_column, frame_kept, factors,
    )  # fmt: skip
    _check_enough(table, frame)
    _check_limits(table, law)
    if units == "check":
        check_units(table.y, target, table.values, must_be_positive, columns, table.index)
    _warn_repeats(table, frame_kept)
    return table


def _read_weights(frame: pd.DataFrame, weights: str | npt.ArrayLike | None) -> FloatArray:
    if weights is None:
        return np.broadcast_to(1.0, (len(frame),))
    if isinstance(weights, str):
        return col.to_floats(frame[col.require(frame, weights, "`weights`")], weights)
    if isinstance(weights, pd.Series) and not weights.index.equals(frame.index):
        if not weights.index.is_unique or set(weights.index) != set(frame.index):
            raise DataError("`weights` has row labels that are not those of the runs.")
        weights = weights.reindex(frame.index)
    try:
        given = np.asarray(weights)
    except ValueError:  # lists of several lengths
        given = np.asarray(None)
    if given.shape != (len(frame),):
        raise DataError(
            f"`weights` must have one number for each of the {len(frame)} runs; "
            f"got {f'shape {given.shape}' if given.shape else abridged(weights)}."
        )
    return col.to_floats(pd.Series(given, index=frame.index), "weights")


def _unusable(
    values: Mapping[str, FloatArray],
    performance: FloatArray,
    weights: FloatArray,
    names: Mapping[str, str],
    target: str,
    positive: Mapping[str, str],
    scale: ScaleName,
    unlabelled: Mapping[str, npt.NDArray[np.bool_]],
) -> dict[int, str]:
    """Row positions that cannot enter the fit, with the reason."""
    reasons: dict[int, list[str]] = {}

    def note(mask: npt.NDArray[np.bool_], text: str) -> None:
        for place in np.flatnonzero(mask):
            reasons.setdefault(int(place), []).append(text)

    checked = [(names[v], array, v in positive) for v, array in values.items()]
    checked += [(target, performance, scale == "log")]
    for name, array, needs_positive in checked:
        low, high = array.min(), array.max()
        if high < np.inf and (low > 0 if needs_positive else low > -np.inf):
            continue  # NaN compares false
        note(np.isnan(array), f"{name} is missing")
        note(np.isinf(array), f"{name} is infinite")
        if needs_positive:
            note(array == 0, f"{name} is zero")
            note((array < 0) & ~np.isinf(array), f"{name} is negative")
    for name, mask in unlabelled.items():
        note(mask, f"{name} is missing")
    if not (weights.min() >= 0 and weights.max() < np.inf):
        note(~np.isfinite(weights) | (weights < 0), "the weight is missing, infinite or negative")
    return {place: "; ".join(texts) for place, texts in sorted(reasons.items())}


def _handle_unusable(
    bad: Mapping[int, str], index: pd.Index, missing: str
) -> tuple[tuple[Any, str], ...]:
    if not bad:
        return ()
    names = row_names(index, list(bad))
    rows = listed([f"{name} ({why})" for name, why in zip(names, bad.values(), strict=True)])
    if missing == "raise":
        raise DataError(
            f"{plural(len(bad), 'run')} of {len(index)} cannot be fitted: row"
            f"{'s' if len(bad) > 1 else ''} {rows}. "
            'Fix them, or pass missing="drop" to leave them out.'
        )
    warn(
        f"Left out {plural(len(bad), 'run')} of {len(index)}: row{'s' if len(bad) > 1 else ''} "
        f"{rows}. See fit.dropped.",
        DataWarning,
    )
    return tuple((index[place], reason) for place, reason in bad.items())


def _check_enough(table: RunTable, frame: pd.DataFrame) -> None:
    if table.n == 0:
        reasons = listed([reason for _, reason in table.dropped])
        raise DataError(f"None of the {len(frame)} runs can be fitted: {reasons}.")
    if table.weights.sum() <= 0:
        raise DataError("The weights are all zero.")
    spread = np.ptp(table.y)
    if table.n > 1 and spread <= 1e-12 * np.abs(table.y).max():
        raise DataError(
            f"{table.target!r} is {format_plain(table.y[0])} in every run: there is nothing to fit."
        )


def _check_limits(table: RunTable, law: Law) -> None:
    """An accuracy in per cent is no accuracy."""
    if law.limits is None:
        return
    low, high = law.limits
    outside = places_where(table.n, lambda rows: (table.y[rows] < low) | (table.y[rows] > high))
    if len(outside):
        names = row_names(table.index, outside)
        rows = [f"{r} ({format_plain(table.y[k])})" for r, k in zip(names, outside, strict=True)]
        raise DataError(
            f"{table.target!r} lies outside {format_plain(low)} to {format_plain(high)}, which is "
            f"all that the law {law.label!r} knows, in row{'s' if len(rows) > 1 else ''} "
            f"{listed(rows)}. Divide per cent by 100; a law of your own has no such limits."
        )


def _warn_repeats(table: RunTable, frame: pd.DataFrame) -> None:
    """Runs that agree in everything fitted, and in N, D and C where the table has them."""
    if not len(table.repeats):
        return
    seen: list[FloatArray | pd.Series] = [*table.values.values(), table.y]
    seen += [np.asarray(labels.codes, dtype=np.float64) for labels in table.labels.values()]
    for variable in ("N", "D", "C"):
        column = col.find_variable(frame, variable) if variable not in table.values else None
        seen += [given for name, given in frame.items() if name == column]
    repeated = exact_copies(seen)
    if len(repeated):
        rows = listed_rows(table.index, repeated)
        warn(
            f"{plural(len(repeated), 'run')} repeat"
            f"{'s' if len(repeated) == 1 else ''} another run exactly (row"
            f"{'s' if len(repeated) > 1 else ''} {rows}). Each counts as independent, which makes "
            "the intervals too narrow if it is a copy: then pass runs.drop_duplicates("
            f"subset={list(dict.fromkeys([*table.columns.values(), table.target]))}).",
            DataWarning,
        )
