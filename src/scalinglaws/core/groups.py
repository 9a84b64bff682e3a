"""Parameters with one value per group of runs: names, labels and the group of each run.

In ``E[data]`` the index is a column of labels. A law that knows the labels has the parameters
``E[c4]``, ``E[dclm]`` and so on; a run has those of its own label.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from scalinglaws.arrays import IntArray
from scalinglaws.errors import DataError, DataWarning, warn
from scalinglaws.numerals import abridged, listed, plural
from scalinglaws.options import is_number


def member(symbol: str, level: str) -> str:
    """Name of a parameter in one group.

    Examples
    --------
    >>> member("E", "c4")
    'E[c4]'
    """
    return f"{symbol}[{level}]"


def level_of(label: Any) -> str | None:
    """A label as text; None where it is missing.

    Examples
    --------
    >>> level_of("c4"), level_of(2.0), level_of(float("nan"))
    ('c4', '2', None)
    """
    if isinstance(label, str):
        return label.strip() or None
    if label is None or label is pd.NA or label is pd.NaT:
        return None
    if is_number(label):
        number = float(label)
        if math.isnan(number):
            return None
        return str(int(number)) if math.isfinite(number) and number == int(number) else str(number)
    return str(label)


def categories(column: pd.Series, name: str) -> pd.Categorical:
    """A column of labels as text, one category for each group; missing labels have none.

    The order of the groups does not depend on that of the rows.

    Raises
    ------
    DataError
        If something in the column is no label.

    Warns
    -----
    DataWarning
        If labels look alike, such as "C4" and "c4".
    """
    codes, uniques = distinct_labels(column, name)
    texts = [level_of(label) for label in uniques]
    warn_of_look_alikes(uniques, name, level_of)
    levels = sorted({text for text in texts if text is not None}, key=_numbers_first)
    place = {level: k for k, level in enumerate(levels)}
    # the last entry stands for the code -1
    of_unique = np.array([-1 if t is None else place[t] for t in texts] + [-1], dtype=np.intp)
    return pd.Categorical.from_codes(of_unique[codes], categories=pd.Index(levels, dtype=object))


def distinct_labels(column: pd.Series, name: str) -> tuple[IntArray, list[Any]]:
    """A code for each row, -1 where the label is missing, and the labels that occur.

    Raises
    ------
    DataError
        If something in the column is no label, such as a list.
    """
    try:
        codes, uniques = pd.factorize(column)
    except TypeError as error:
        raise DataError(
            f"Column {name!r} cannot tell groups apart: it holds values such as "
            f"{abridged(column.iloc[0])}, where text or numbers are needed."
        ) from error
    return np.asarray(codes, dtype=np.intp), [
        label.item() if isinstance(label, np.generic) else label for label in uniques
    ]


def warn_of_look_alikes(
    labels: Iterable[Any], name: str, group_of: Callable[[Any], Any] = lambda label: label
) -> None:
    """Warn of labels that differ only in type, case or spaces, and say how they are taken.

    Parameters
    ----------
    labels : the labels that occur, each once
    name : their column
    group_of : what makes two labels one group; by default their being the same object of Python
    """
    alike: dict[str, list[Any]] = {}
    for label in labels:
        text = level_of(label)
        if text is not None:
            plain = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
            alike.setdefault(plain, []).append(label)
    parts = []
    for same in (same for same in alike.values() if len(same) > 1):
        n_groups = len({group_of(label) for label in same})
        parts.append(f"{listed([abridged(x) for x in same])} ({plural(n_groups, 'group')})")
    if parts:
        warn(
            f"Column {name!r} has labels that look alike: {'; '.join(parts)}. If they mean the "
            "same, write them alike.",
            DataWarning,
        )


def _numbers_first(level: str) -> tuple[float, str]:
    try:
        number = float(level)
    except ValueError:
        number = math.nan
    return (math.inf if math.isnan(number) else number), level


def codes_of(column: str, labels: Any, levels: Sequence[str]) -> IntArray:
    """Place of each label among the levels.

    Raises
    ------
    ValueError
        If a label is none of the levels; the message lists them.
    """
    if isinstance(labels, pd.Categorical) and list(labels.categories) == list(levels):
        codes = np.asarray(labels.codes, dtype=np.intp)
        if not len(codes) or codes.min() >= 0:
            return codes
    place = {level: k for k, level in enumerate(levels)}
    array = np.asarray(labels, dtype=object)
    try:
        codes, uniques = pd.factorize(array.ravel(), use_na_sentinel=False)
    except TypeError:
        raise ValueError(f"{column} must be a label or labels; got {abridged(labels)}.") from None
    texts = [level_of(label) for label in uniques]
    for label, text in zip(uniques, texts, strict=True):
        if text not in place:
            raise ValueError(
                f"{column} = {abridged(label)} is no group of this law; the groups are "
                f"{listed(list(levels), most=20)}."
            )
    found = np.array([place[text or ""] for text in texts], dtype=np.intp)
    return np.asarray(found[codes].reshape(array.shape))


def expanded_names(
    symbols: Iterable[str], groups: Mapping[str, str], levels: Mapping[str, Sequence[str]]
) -> dict[str, tuple[str, ...]]:
    """Names of the parameters that each symbol of a line of maths stands for.

    An index whose levels are not known yet stands for itself.
    """
    return {
        symbol: (
            tuple(member(symbol, level) for level in levels.get(groups[symbol], [groups[symbol]]))
            if symbol in groups
            else (symbol,)
        )
        for symbol in symbols
    }
