"""Parameters with one value per group of runs: names, labels and the group of each run.

In ``E[data]`` the index is a column of labels. A law that knows the labels has the parameters
``E[c4]``, ``E[dclm]`` and so on; a run has those of its own label.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
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


class IndexedNames:
    """Symbols of a formula, some of which have a value for each level of a column.

    Whoever inherits says which symbols there are, the column that indexes each of those that have
    an index, and the levels of these columns.
    """

    levels: Mapping[str, tuple[str, ...]]

    @property
    def symbols(self) -> tuple[str, ...]:
        """Names of the parameters as the formula has them, without an index."""
        raise NotImplementedError

    @property
    def groups(self) -> Mapping[str, str]:
        """The column that indexes each parameter that has an index."""
        raise NotImplementedError

    @property
    def group_columns(self) -> tuple[str, ...]:
        """The columns that are an index."""
        return tuple(dict.fromkeys(self.groups.values()))

    @cached_property
    def members(self) -> Mapping[str, tuple[str, ...]]:
        """Names of the parameters that each symbol stands for.

        An index whose levels are not known yet stands for itself.
        """
        found: dict[str, tuple[str, ...]] = {symbol: (symbol,) for symbol in self.symbols}
        for symbol, column in self.groups.items():
            found[symbol] = tuple(member(symbol, v) for v in self.levels.get(column, [column]))
        return found

    @cached_property
    def parameter_names(self) -> tuple[str, ...]:
        """Names of the parameters, in the order in which the formula has them."""
        return tuple(name for names in self.members.values() for name in names)

    def for_each(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Values by parameter; one that is given for an indexed symbol is that of every group."""
        found: dict[str, Any] = {}
        for name, value in given.items():
            found.update(dict.fromkeys(self.members.get(name, (name,)), value))
        return {**found, **{name: given[name] for name in self.parameter_names if name in given}}

    def places(self, columns: Mapping[str, Any]) -> dict[str, int | IntArray]:
        """Where the value of each symbol stands among the parameters, at each row of a table.

        Parameters
        ----------
        columns : mapping
            The labels of each column that is an index.

        Returns
        -------
        dict of str to int or array
            One place for a parameter without an index, else one for each row.
        """
        codes = {c: codes_of(c, columns[c], self.levels[c]) for c in self.group_columns}
        found: dict[str, int | IntArray] = {}
        first = 0
        for symbol, names in self.members.items():
            shared = symbol not in self.groups
            found[symbol] = first if shared else first + codes[self.groups[symbol]]
            first += len(names)
        return found

    def rows_of(self, name: str, columns: Mapping[str, Any]) -> slice | npt.NDArray[np.bool_]:
        """The rows of a table at which a parameter stands."""
        symbol = next(s for s, names in self.members.items() if name in names)
        if symbol not in self.groups:
            return slice(None)
        column = self.groups[symbol]
        codes = codes_of(column, columns[column], self.levels[column])
        return np.asarray(codes == self.members[symbol].index(name))

    def names_at(
        self,
        symbols: Iterable[str],
        columns: Mapping[str, Any],
        rows: slice | npt.NDArray[np.bool_],
    ) -> list[str]:
        """Names of the parameters that some symbols stand for at some rows."""
        places = self.places(columns)
        found: list[str] = []
        for symbol in (s for s in dict.fromkeys(symbols) if s in places):
            own = places[symbol]
            which = [own] if isinstance(own, int) else np.unique(own[rows])
            found += [self.parameter_names[k] for k in which]
        return found

    def local(self, params: Mapping[str, Any], columns: Mapping[str, Any]) -> dict[str, Any]:
        """Value of each symbol: one, or one for each row where it has an index."""
        if not self.groups:
            return {symbol: params[symbol] for symbol in self.symbols}
        vector = [params[name] for name in self.parameter_names]
        return {
            symbol: vector[place] if isinstance(place, int) else np.asarray(vector)[place]
            for symbol, place in self.places(columns).items()
        }

    def scattered(
        self, by_symbol: npt.NDArray[Any], n_axes: int, columns: Mapping[str, Any]
    ) -> npt.NDArray[Any]:
        """Derivatives in the symbols, on the last axes, as derivatives in the parameters."""
        if not self.groups:
            return by_symbol
        shape, p = by_symbol.shape[:-n_axes], len(self.parameter_names)
        places = self.places(columns)
        rows = np.stack([np.broadcast_to(place, shape) for place in places.values()], axis=-1)
        if n_axes == 2:  # places in the flattened matrix
            rows = (rows[..., :, None] * p + rows[..., None, :]).reshape(*shape, -1)
        found = np.zeros((*shape, p**n_axes), dtype=by_symbol.dtype)
        np.put_along_axis(found, rows, by_symbol.reshape(rows.shape), axis=-1)
        return found.reshape(*shape, *[p] * n_axes)
