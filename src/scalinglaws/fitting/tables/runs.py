"""The runs that enter a fit: columns found, values read, problems named before the fit."""

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
from scalinglaws.core.roles import positive_variables
from scalinglaws.errors import DataError, DataWarning, warn
from scalinglaws.fitting.tables import columns as col
from scalinglaws.fitting.tables.blocks import is_large, places_where, row_blocks
from scalinglaws.fitting.tables.clusters import check_weighted, find_clusters
from scalinglaws.fitting.tables.repeats import exact_copies, sets_of_repeats
from scalinglaws.numerals import format_plain, listed, plural
from scalinglaws.options import ScaleName

# Nothing lies in so wide a gap of a ladder's sizes unless two units were mixed.
_UNIT_GAP = 1e3
# Row labels written out in a message.
_MOST_LISTED = 8


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
    dropped : row label to reason, for rows left out
    labels : the group of each run, for each column that indexes parameters; `columns` has these too
    clusters : a number for each set of rows that hang together, such as checkpoints of one run;
        empty where all are independent
    cluster_column : what told them apart
    source : the table that was read, rows left out excepted; None for a fit from a file
    repeats : a number for each set of runs that differ in nothing but the seed; empty where no
        run repeats another

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
    dropped: Mapping[Any, str] = field(default_factory=dict)
    weighted: bool = False
    repeats: IntArray = field(default_factory=lambda: np.zeros(0, dtype=np.intp), repr=False)
    labels: Mapping[str, pd.Categorical] = field(default_factory=dict)
    clusters: IntArray = field(default_factory=lambda: np.zeros(0, dtype=np.intp), repr=False)
    cluster_column: str = ""
    source: pd.DataFrame | None = field(default=None, repr=False, compare=False)

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
    if not len(frame):
        raise DataError("The table of runs is empty.")
    target = col.resolve_target(frame, y, law.target)
    names = {v: col.resolve_variable(frame, v, columns) for v in law.variables}
    groups = {g: col.resolve_variable(frame, g, columns) for g in law.group_columns}
    for variable, name in (*names.items(), *groups.items()):
        if name == target:
            raise DataError(f"Column {name!r} would be both {variable} and the performance.")
    values = {v: col.to_floats(frame[name], name) for v, name in names.items()}
    performance = col.to_floats(frame[target], target)
    weight = _read_weights(frame, weights)
    must_be_positive = {v: names[v] for v in positive_variables(law.parsed.expression, names)}
    if "C" in names:
        _refuse_overflow(frame, values["C"], names["C"])
    labels = {g: categories(frame[name]) for g, name in groups.items()}
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
    check_weighted(cluster_column, cluster, weight)
    table = RunTable(
        values, performance, weight, frame_kept.index, {**names, **groups}, target, dropped,
        weights is not None, repeats, labels, cluster, cluster_column, frame_kept,
    )  # fmt: skip
    _check_enough(table, frame)
    _check_limits(table, law)
    if units == "check":
        _check_units(table, must_be_positive)
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
    array = col.to_floats(pd.Series(np.ravel(np.asarray(weights))), "weights")
    if array.shape != (len(frame),):
        raise DataError(
            f"`weights` must have one number for each of the {len(frame)} runs; "
            f"got shape {array.shape}."
        )
    return array


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


def _handle_unusable(bad: Mapping[int, str], index: pd.Index, missing: str) -> dict[Any, str]:
    dropped = {index[int(place)]: reason for place, reason in bad.items()}
    if not bad:
        return {}
    rows = listed([f"{label} ({reason})" for label, reason in dropped.items()])
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
    return dropped


def _refuse_overflow(frame: pd.DataFrame, compute: FloatArray, name: str) -> None:
    """6*N*D in 64-bit integers wraps around at 9.2e18 without a word; C then is nonsense."""
    n_column, d_column = col.find_variable(frame, "N"), col.find_variable(frame, "D")
    if n_column is None or d_column is None or name in (n_column, d_column):
        return
    n = col.to_floats(frame[n_column], n_column)
    d = col.to_floats(frame[d_column], d_column)
    places = places_where(len(n), lambda rows: _has_wrapped(n[rows], d[rows], compute[rows]))
    wrapped = [f"{frame.index[int(k)]} ({compute[k]:.3g})" for k in places]
    if wrapped:
        raise DataError(
            f"Column {name!r} is 6*N*D computed in integers, which overflowed in row"
            f"{'s' if len(wrapped) > 1 else ''} {listed(wrapped)}. Compute it as 6.0 * N * D."
        )


def _has_wrapped(n: FloatArray, d: FloatArray, compute: FloatArray) -> npt.NDArray[np.bool_]:
    """Where the compute is what 6*N*D becomes in integers of 64 or 32 bits, and not 6*N*D."""
    with np.errstate(all="ignore"):
        true = 6.0 * n * d
        usual = np.isfinite(true) & (np.abs(n) < 2.0**62) & (np.abs(d) < 2.0**62)
        whole_n = np.where(usual, n, 0.0).astype(np.int64)
        whole_d = np.where(usual, d, 0.0).astype(np.int64)
        around = np.int64(6) * whole_n * whole_d  # wraps as the user's own product did
        wrapped = np.zeros(len(n), dtype=np.bool_)
        for bits, product in ((64, around), (32, around.astype(np.int32))):
            found = product.astype(np.float64)
            # float64 keeps 53 of the 64 bits
            same = np.abs(compute - found) <= 2.0**12
            wrapped |= same & (np.abs(true - found) >= 2.0 ** (bits - 4))
        return np.asarray(wrapped & usual & (true >= 2.0**31))


def _check_enough(table: RunTable, frame: pd.DataFrame) -> None:
    if table.n == 0:
        raise DataError(
            f"None of the {len(frame)} runs can be fitted: {listed(list(table.dropped.values()))}."
        )
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
        rows = [f"{table.index[int(k)]} ({format_plain(table.y[k])})" for k in outside]
        raise DataError(
            f"{table.target!r} lies outside {format_plain(low)} to {format_plain(high)}, which is "
            f"all that the law {law.label!r} knows, in row{'s' if len(rows) > 1 else ''} "
            f"{listed(rows)}. Divide per cent by 100; a law of your own has no such limits."
        )


def _check_units(table: RunTable, positive: Mapping[str, str]) -> None:
    for variable, name in positive.items():
        values = table.values[variable]
        if len(values) < 2:
            continue
        if _may_have_gap(values):
            _check_gap(values, name, table.index)
        if variable in ("N", "D") and values.max() < 1e5:
            warn(
                f"{name!r} spans {format_plain(values.min())} to {format_plain(values.max())}: "
                "this looks like thousands, millions or billions. The exponents do not depend on "
                "it, but coefficients and predictions are in these units.",
                DataWarning,
            )


def _may_have_gap(values: FloatArray) -> bool:
    """Whether so many powers of two in a row are missing that a gap of a thousand fits in."""
    present = np.zeros(2200, dtype=np.bool_)
    for rows in row_blocks(len(values)):
        present[np.frexp(values[rows])[1] + 1100] = True  # exponents are -1073 to 1024
    missing = np.diff(np.flatnonzero(present)) - 1
    return bool((missing >= np.floor(np.log2(_UNIT_GAP)) - 1).any())


def _check_gap(values: FloatArray, name: str, index: pd.Index) -> None:
    """Refuse two groups far apart; one lone tiny or huge run may be meant."""
    ordered = np.sort(values)
    gap, ratio = _widest_gap(ordered)
    if ratio < _UNIT_GAP:
        return
    below, above = gap + 1, len(ordered) - gap - 1
    is_low = values <= ordered[gap]
    if min(below, above) < max(2, len(ordered) // 10):
        rows = index[is_low if below < above else ~is_low]
        warn(
            f"{name!r} of row{'s' if len(rows) > 1 else ''} "
            f"{listed_rows(rows, np.arange(len(rows)))} is more than {_UNIT_GAP:g} times apart "
            "from that of every other run: is it in another unit?",
            DataWarning,
        )
        return
    low = index[is_low]
    raise DataError(
        f"{name!r} falls into two groups, {plural(below, 'run')} from "
        f"{format_plain(ordered[0])} to {format_plain(ordered[gap])} and {above} from "
        f"{format_plain(ordered[gap + 1])} to {format_plain(ordered[-1])}, with nothing in "
        "between: are some rows in millions and some in units? The smaller ones are rows "
        f"{listed_rows(low, np.arange(len(low)))}. If all is well, pass "
        'units="trust".'
    )


def _widest_gap(ordered: FloatArray) -> tuple[int, float]:
    """Place and ratio of the widest step of sorted values."""
    gap, widest = 0, 0.0
    for rows in row_blocks(len(ordered) - 1):
        ratio = ordered[rows.start + 1 : rows.stop + 1] / ordered[rows]
        place = int(np.argmax(ratio))
        if ratio[place] > widest:
            gap, widest = rows.start + place, float(ratio[place])
    return gap, widest


def _warn_repeats(table: RunTable, frame: pd.DataFrame) -> None:
    """Runs that agree in everything fitted, and in N, D and C where the table has them."""
    if not len(table.repeats):
        return
    seen: list[FloatArray | pd.Series] = [*table.values.values(), table.y]
    seen += [np.asarray(labels.codes, dtype=np.float64) for labels in table.labels.values()]
    for variable in ("N", "D", "C"):
        column = col.find_variable(frame, variable) if variable not in table.values else None
        if column is not None:
            seen.append(frame[column])
    repeated = exact_copies(seen)
    if len(repeated):
        rows = listed_rows(table.index, repeated)
        warn(
            f"{plural(len(repeated), 'run')} repeat"
            f"{'s' if len(repeated) == 1 else ''} another run exactly (row"
            f"{'s' if len(repeated) > 1 else ''} {rows}). They count as independent and make the "
            "intervals too narrow; if they are copies, pass runs.drop_duplicates("
            f"subset={list(dict.fromkeys([*table.columns.values(), table.target]))}).",
            DataWarning,
        )


def listed_rows(index: pd.Index, places: IntArray) -> str:
    """The labels of some rows, the first few in words."""
    labels = [str(index[int(place)]) for place in places[:_MOST_LISTED]]
    return listed(labels, n_more=len(places) - len(labels))
