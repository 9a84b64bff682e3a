"""Look up catalogue rows by name."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping

from scalinglaws.core.catalogue import (
    architectures,
    data,
    downstream,
    hyperparameters,
    language_models,
    learning_curves,
    learning_rates,
    powers,
)
from scalinglaws.core.catalogue.entry import Entry
from scalinglaws.core.law import STANDARD_VARIABLES, Law
from scalinglaws.errors import FormulaError

# Laws in any variables: the table or the user says which.
FLEXIBLE: Mapping[str, Callable[[Iterable[str]], Entry]] = {
    "power": powers.power,
    "power-floor": powers.power_floor,
}
# Laws with as many parts as are asked for, such as "bnsl-3": the most, and how to make one.
_COUNTED: Mapping[str, tuple[int, Callable[[int], Entry]]] = {
    "bnsl": (powers.MOST_BREAKS, powers.bnsl),
    "ye": (data.MOST_DOMAINS, data.ye),
    "shukor": (data.MOST_DOMAINS, data.shukor),
    "multi-power": (learning_rates.MOST_FALLS, learning_rates.multi_power),
}
_FLEXIBLE_ROWS = tuple(make(STANDARD_VARIABLES) for make in FLEXIBLE.values())
# Titles and rows, in the order in which the laws are listed.
GROUPS: Mapping[str, tuple[Entry, ...]] = {
    "Powers, floors and breaks": (*_FLEXIBLE_ROWS, *powers.ENTRIES),
    "Loss of language models": language_models.ENTRIES,
    "Loss curves under a schedule": learning_rates.ENTRIES,
    "Limited, borrowed and mixed data": data.ENTRIES,
    "Experts, sparsity and precision": architectures.ENTRIES,
    "Accuracy, error, reward and coverage": downstream.ENTRIES,
    "Learning rate, batch size, allocation": hyperparameters.ENTRIES,
    "Learning-curve families of the LCDB": learning_curves.ENTRIES,
}
_ROWS: Mapping[str, Entry] = {row.name: row for rows in GROUPS.values() for row in rows}
_ALIASES: Mapping[str, str] = {alias: row.name for row in _ROWS.values() for alias in row.aliases}
NAMES = tuple(_ROWS)


def entries() -> tuple[Entry, ...]:
    """Every row, topic by topic."""
    return tuple(_ROWS.values())


def entry(name: str) -> Entry:
    """The row of that name or alias.

    Raises
    ------
    FormulaError
        If there is none; the message names the nearest ones.
    """
    name = _ALIASES.get(name, name)
    if name in _ROWS:
        return _ROWS[name]
    stem, _, count = name.rpartition("-")
    if stem in _COUNTED and count.isdecimal():
        most, make = _COUNTED[stem]
        if 1 <= int(count) <= most:
            return make(int(count))
    near = difflib.get_close_matches(name, (*NAMES, *_ALIASES), n=3)
    hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
    raise FormulaError(
        f"No law is called {name!r}.{hint} The names are in sl.laws, or in a terminal: "
        "scalinglaws laws. A law of your own is one line of maths, such as "
        "'loss ~ E + A/N**alpha'."
    )


def named(name: str, variables: Iterable[str] = STANDARD_VARIABLES) -> Law:
    """The law of that name; `variables` are those of a law that takes any.

    Raises
    ------
    FormulaError
        If there is none; the message names the nearest ones.
    """
    if name in FLEXIBLE:
        return FLEXIBLE[name](variables).law
    return entry(name).law


def looks_like_a_name(text: str) -> bool:
    """A word with no operator that a formula would have is meant as a name."""
    return not any(character in text for character in "~+*/()^=") and " " not in text.strip()
