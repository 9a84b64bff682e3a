"""Checks of units: mixed units in a column, small counts, and swapped N and D."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from scalinglaws.arrays import FloatArray
from scalinglaws.errors import DataError, DataWarning, warn
from scalinglaws.fitting.tables.chunks import row_blocks
from scalinglaws.fitting.tables.columns import listed_rows
from scalinglaws.numerals import format_plain, plural

# Nothing lies in so wide a gap of a ladder's sizes unless two units were mixed.
_UNIT_GAP = 1e3
# Exchanging N and D in some rows makes each column span so many times less, and both together.
_LEAST_GAIN, _LEAST_GAINS = 2.0, 10.0


def check_units(
    values_of: Mapping[str, FloatArray],
    positive: Mapping[str, str],
    named: Mapping[str, str],
    index: pd.Index,
) -> None:
    """Look at each variable that must be positive.

    Parameters
    ----------
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
        _warn_exchanged(values_of["N"], values_of["D"], positive, index)


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
