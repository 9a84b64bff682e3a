"""The runs that enter a fit: columns found, values read, problems named before the fit."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from scalinglaws.core.groups import categories
from scalinglaws.core.law import Law
from scalinglaws.core.roles import positive_variables
from scalinglaws.errors import DataError, DataWarning, warn
from scalinglaws.fitting import columns as col
from scalinglaws.fitting.objective import FloatArray, IntArray, ScaleName
from scalinglaws.numerals import format_plain, listed, plural

# In the names of columns that tell repeated runs apart.
_SEED_WORDS = ("seed", "rerun", "repeat", "replicate", "trial", "role", "index")
# Nothing lies in so wide a gap of a ladder's sizes unless two units were mixed.
_UNIT_GAP = 1e3


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
    repeats : a number for each set of runs that differ in nothing but the seed
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

    @property
    def n(self) -> int:
        """Number of runs."""
        return len(self.y)

    @property
    def digest(self) -> str:
        """A short hash of the numbers that were fitted."""
        whole = hashlib.sha256()
        for name in sorted(self.values):
            whole.update(name.encode() + np.ascontiguousarray(self.values[name]).tobytes())
        for name in sorted(self.labels):
            labels = self.labels[name]
            whole.update("\0".join([name, *labels.categories]).encode() + labels.codes.tobytes())
        whole.update(self.y.tobytes() + self.weights.tobytes())
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
    keep = np.array([place not in bad for place in range(len(frame))])
    kept, kept_values = frame[keep], {v: a[keep] for v, a in values.items()}
    table = RunTable(
        kept_values, performance[keep], weight[keep], kept.index, {**names, **groups}, target,
        dropped, weights is not None, _repeats(kept, kept_values, target),
        {g: found[keep].remove_unused_categories() for g, found in labels.items()},
    )  # fmt: skip
    _check_enough(table, frame)
    if units == "check":
        _check_units(table, must_be_positive)
    _warn_repeats(table, kept)
    return table


def _repeats(frame: pd.DataFrame, values: Mapping[str, FloatArray], target: str) -> IntArray:
    """Number the sets of runs with the same variables under the same conditions.

    A condition is any other column whose values recur, such as a learning rate or a data set; a
    seed is none, and neither are measurements, whose values are nearly all different.
    """
    keys: dict[str, Any] = {f"variable {name}": column for name, column in values.items()}
    for name in frame.columns:
        is_seed = any(word in str(name).lower() for word in _SEED_WORDS)
        if name != target and not is_seed and _recurs(frame[name]):
            keys[f"condition {name}"] = frame[name].to_numpy()
    table = pd.DataFrame(keys)
    numbers = table.groupby(list(table.columns), sort=False, dropna=False).ngroup()
    return np.asarray(numbers.to_numpy(), dtype=np.intp)


def _recurs(column: pd.Series) -> bool:
    """Whether values come back, as those of a condition do and measurements do not."""
    share = 1 / 3 if pd.api.types.is_float_dtype(column.dtype) else 1 / 2
    try:
        return bool(column.nunique(dropna=False) <= share * len(column))
    except TypeError:  # values that cannot be compared
        return False


def _read_weights(frame: pd.DataFrame, weights: str | npt.ArrayLike | None) -> FloatArray:
    if weights is None:
        return np.ones(len(frame))
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
        note(np.isnan(array), f"{name} is missing")
        note(np.isinf(array), f"{name} is infinite")
        if needs_positive:
            note(array == 0, f"{name} is zero")
            note((array < 0) & ~np.isinf(array), f"{name} is negative")
    for name, mask in unlabelled.items():
        note(mask, f"{name} is missing")
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
    wrapped: list[str] = []
    for place in np.flatnonzero(6.0 * n * d >= 2.0**31):
        if not (np.isfinite(n[place]) and np.isfinite(d[place])):
            continue
        true = 6 * int(n[place]) * int(d[place])
        for bits in (64, 32):
            around = (true + 2 ** (bits - 1)) % 2**bits - 2 ** (bits - 1)
            # float64 keeps 53 of the 64 bits
            if abs(compute[place] - around) > 2.0**12 or abs(true - around) < 2.0 ** (bits - 4):
                continue
            wrapped.append(f"{frame.index[int(place)]} ({compute[place]:.3g})")
    if wrapped:
        raise DataError(
            f"Column {name!r} is 6*N*D computed in integers, which overflowed in row"
            f"{'s' if len(wrapped) > 1 else ''} {listed(wrapped)}. Compute it as 6.0 * N * D."
        )


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


def _check_units(table: RunTable, positive: Mapping[str, str]) -> None:
    for variable, name in positive.items():
        ordered = np.sort(table.values[variable])
        ratio = ordered[1:] / ordered[:-1]
        if not len(ratio):
            continue
        gap = int(np.argmax(ratio))
        below, above = gap + 1, len(ordered) - gap - 1
        is_wide = ratio[gap] >= _UNIT_GAP
        # two groups are two units; one lone tiny or huge run may be meant
        if is_wide and min(below, above) < max(2, len(ordered) // 10):
            few = table.values[variable] <= ordered[gap]
            rows = table.index[few if below < above else ~few]
            warn(
                f"{name!r} of row{'s' if len(rows) > 1 else ''} "
                f"{listed([str(label) for label in rows])} is more than {_UNIT_GAP:g} times apart "
                "from that of every other run: is it in another unit?",
                DataWarning,
            )
        elif is_wide:
            low = table.index[table.values[variable] <= ordered[gap]]
            raise DataError(
                f"{name!r} falls into two groups, {plural(below, 'run')} from "
                f"{format_plain(ordered[0])} to {format_plain(ordered[gap])} and {above} from "
                f"{format_plain(ordered[gap + 1])} to {format_plain(ordered[-1])}, with nothing in "
                "between: are some rows in millions and some in units? The smaller ones are rows "
                f"{listed([str(label) for label in low])}. If all is well, pass "
                'units="trust".'
            )
        if variable in ("N", "D") and ordered[-1] < 1e5:
            warn(
                f"{name!r} spans {format_plain(ordered[0])} to {format_plain(ordered[-1])}: this "
                "looks like thousands, millions or billions. The exponents do not depend on it, "
                "but coefficients and predictions are in these units.",
                DataWarning,
            )


def _warn_repeats(table: RunTable, frame: pd.DataFrame) -> None:
    """Runs that agree in everything fitted, and in N, D and C where the table has them."""
    seen = table.frame().reset_index(drop=True)
    for variable in ("N", "D", "C"):
        column = col.find_variable(frame, variable) if variable not in table.values else None
        if column is not None:
            seen[variable] = frame[column].to_numpy()
    repeated = seen.duplicated(keep="first").to_numpy()
    if repeated.any():
        rows = listed([str(label) for label in table.index[repeated]])
        warn(
            f"{plural(int(repeated.sum()), 'run')} repeat"
            f"{'s' if repeated.sum() == 1 else ''} another run exactly (row"
            f"{'s' if repeated.sum() > 1 else ''} {rows}). They count as independent and make the "
            "intervals too narrow; if they are copies, pass runs.drop_duplicates("
            f"subset={list(dict.fromkeys([*table.columns.values(), table.target]))}).",
            DataWarning,
        )
