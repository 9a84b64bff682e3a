"""Parameter names of a law, expanded over groups for indexed parameters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from scalinglaws.arrays import IntArray
from scalinglaws.core.groups import codes_of, expanded_names


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
        """Names of the parameters that each symbol stands for."""
        return expanded_names(self.symbols, self.groups, self.levels)

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
