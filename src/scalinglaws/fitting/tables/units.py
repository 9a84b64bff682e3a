"""Checks of units: mixed units, small counts, swapped N and D, per cent, overflowed integers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from scalinglaws.arrays import FloatArray, IntArray
from scalinglaws.errors import DataError, DataWarning, warn
from scalinglaws.fitting.tables import columns as col
from scalinglaws.fitting.tables.chunks import places_where, row_blocks
from scalinglaws.fitting.tables.columns import listed_rows, row_names
from scalinglaws.numerals import format_plain, listed, plural

# Nothing lies in so wide a gap of a ladder's sizes unless two units were mixed.
_UNIT_GAP = 1e3
# Exchanging N and D in some rows makes each column span so many times less, and both together.
_LEAST_GAIN, _LEAST_GAINS = 2.0, 10.0
# Words in the names of metrics that are shares.
_SHARES = ("acc", "score", "pass@", "pass_rate", "win_rate", "%")


def check_units(
    performance: FloatArray,
    target: str,
    values_of: Mapping[str, FloatArray],
    positive: Mapping[str, str],
    named: Mapping[str, str],
    index: pd.Index,
) -> None:
    """Look at the performance, and at each variable that must be positive.

    Parameters
    ----------
    performance, target : its values and its column
    values_of : the law's variables
    positive : those that must be positive, and their columns
    named : the columns that the user named, where whole numbers may count examples
    index : the labels of the rows

    Raises
    ------
    DataError
        If a column falls into two groups far apart.

    Warns
    -----
    DataWarning
        If one or two rows are far from all others, values are small for counts of parameters or
        tokens, or N and D look exchanged in some rows.
    """
    for variable, name in positive.items():
        values = values_of[variable]
        if len(values) < 2:
            continue
        if _may_have_gap(values):
            _check_gap(values, name, index)
        counted = variable in named and bool((values % 1 == 0).all())  # examples, say
        if variable in ("N", "D") and values.max() < 1e5 and not counted:
            warn(
                f"{name!r} spans {format_plain(values.min())} to {format_plain(values.max())}: "
                "this looks like thousands, millions or billions. The exponents do not depend on "
                "it, but coefficients and predictions are in these units.",
                DataWarning,
            )
    if {"N", "D"} <= set(positive):
        n, d = values_of["N"], values_of["D"]
        if col.names_any(target, col.LOSSES) and len(n) > 1 and (d < n).all():
            _warn_all_exchanged(d / n, positive)
        else:
            _warn_exchanged(n, d, positive, index)
    if col.names_any(target, _SHARES):
        _warn_per_cent(performance, target)


def _warn_per_cent(values: FloatArray, name: str) -> None:
    """An accuracy up to 100; one up to 10 may be on a scale of its own."""
    if values.min() >= 0 and 10 < values.max() <= 100:
        warn(
            f"{name!r} has values from {format_plain(values.min())} to "
            f"{format_plain(values.max())}, which look like per cent. Laws of accuracies, and "
            "`limits`, expect shares from 0 to 1: divide by 100.",
            DataWarning,
        )


def _warn_all_exchanged(ratio: FloatArray, names: Mapping[str, str]) -> None:
    """Language models are hardly ever trained on fewer tokens than they have parameters."""
    warn(
        f"Every run has fewer training tokens than parameters (D/N {format_plain(ratio.min(), 2)} "
        f"to {format_plain(ratio.max(), 2)}): are {names['N']!r} and {names['D']!r} exchanged? "
        'If all is well, pass units="trust".',
        DataWarning,
    )


def _warn_exchanged(
    n: FloatArray, d: FloatArray, names: Mapping[str, str], index: pd.Index
) -> None:
    """Rows in which exchanging N and D would make both columns span much less."""
    fewer, how = d < n, "above"
    if 2 * fewer.sum() > len(n):
        fewer, how = n < d, "below"
    places = np.flatnonzero(fewer)
    if not len(places):
        return
    exchanged = np.where(fewer, d, n), np.where(fewer, n, d)
    before = np.array([np.log(v.max()) - np.log(v.min()) for v in (n, d)])
    after = np.array([np.log(v.max()) - np.log(v.min()) for v in exchanged])
    gains = before - after
    if gains.min() < np.log(_LEAST_GAIN) or gains.sum() < np.log(_LEAST_GAINS):
        return
    spans = [format_plain(float(np.exp(span)), 2) for span in (before[0], after[0])]
    warn(
        f"{names['N']!r} is {how} {names['D']!r} in row{'s' if len(places) > 1 else ''} "
        f"{listed_rows(index, places)}, and in no other row: are the two exchanged there? If so, "
        f"{names['N']!r} spans a factor of {spans[1]}, not {spans[0]}.",
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
        with np.errstate(over="ignore"):
            ratio = ordered[rows.start + 1 : rows.stop + 1] / ordered[rows]
        place = int(np.argmax(ratio))
        if ratio[place] > widest:
            gap, widest = rows.start + place, float(ratio[place])
    return gap, widest


def refuse_overflow(frame: pd.DataFrame, compute: FloatArray, name: str) -> None:
    """Refuse a compute that is nonsense: products of 64-bit integers wrap around at 9.2e18.

    Raises
    ------
    DataError
        If whole numbers are what 6*N*D becomes in integers, or are negative.
    """

    def rows(places: IntArray) -> str:
        names = row_names(frame.index, places)
        shown = [f"{row} ({compute[k]:.3g})" for row, k in zip(names, places, strict=True)]
        return f"row{'s' if len(shown) > 1 else ''} {listed(shown)}"

    wrapped = _wrapped_rows(frame, compute, name)
    if len(wrapped):
        raise DataError(
            f"Column {name!r} is 6*N*D computed in integers, which overflowed in {rows(wrapped)}. "
            "Compute it as 6.0 * N * D."
        )
    negative = np.flatnonzero(compute < 0)
    if len(negative) and (np.fmod(compute[np.isfinite(compute)], 1) == 0).all():
        raise DataError(
            f"Column {name!r} holds whole numbers that are negative in {rows(negative)}: a product "
            "of integers overflowed. Compute it in floats, such as 6.0 * N * D."
        )


def _wrapped_rows(frame: pd.DataFrame, compute: FloatArray, name: str) -> IntArray:
    """Rows whose compute is a 6*N*D of integers that wrapped around; none without N and D."""
    frame = frame.loc[:, ~frame.columns.duplicated(keep=False)]
    n_column, d_column = col.find_variable(frame, "N"), col.find_variable(frame, "D")
    if n_column is None or d_column is None or name in (n_column, d_column):
        return np.zeros(0, dtype=np.intp)
    n = col.to_floats(frame[n_column], n_column)
    d = col.to_floats(frame[d_column], d_column)
    return places_where(len(n), lambda rows: _has_wrapped(n[rows], d[rows], compute[rows]))


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
