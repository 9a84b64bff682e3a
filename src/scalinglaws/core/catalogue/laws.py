"""The catalogue by name: look-up, and the mapping ``sl.laws``."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping

import pandas as pd

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
from scalinglaws.display import Card, Column, Displayed, Table
from scalinglaws.errors import FormulaError
from scalinglaws.numerals import plural

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


# --- sl.laws ----------------------------------------------------------------------------------

# Words that people search for, and those of the catalogue.
_SYNONYMS = {"moe": "experts", "quantization": "quantisation"}


class Laws(Displayed, Mapping[str, Law]):
    """The catalogue of named laws, or a selection of it.

    Iterating gives the names; ``laws["gadre"]`` is the law, to fit or to evaluate, and
    ``laws.about("gadre")`` describes it. In a notebook and in a terminal the laws show
    as a table.

    Examples
    --------
    >>> laws = Laws()
    >>> print(laws["gadre"].formula)
    loss ~ E + (a*(D/N)**eta + b*(D/N)**-eta) / C**eta
    >>> list(laws.search("repetition"))
    ['muennighoff']
    >>> list(laws.search(topic="mixture of experts", variable="D"))
    ['krajewski', 'abnar', 'ludziejewski']
    """

    def __init__(self, rows: tuple[Entry, ...] | None = None) -> None:
        self._rows = {row.name: row for row in (entries() if rows is None else rows)}

    def __getitem__(self, name: str) -> Law:
        """The law of that name or alias; ``bnsl-3`` and the like have as many parts as they say.

        Raises
        ------
        FormulaError
            If there is none; the message names the nearest ones.
        """
        return self.about(name).law

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, name: object) -> bool:
        try:
            return isinstance(name, str) and bool(self.about(name).name)
        except FormulaError:
            return False

    def about(self, name: str) -> Entry:
        """Formula, meaning of the names, source, caveats and published coefficients of a law.

        Parameters
        ----------
        name : str
            Name of a law, or another name for it.

        Returns
        -------
        Entry
            The entry of the catalogue; printed, it is a page of text.

        Raises
        ------
        FormulaError
            If there is none of that name; the message names the nearest ones.
        """
        found = entry(name)
        stem = found.name.rpartition("-")[0]  # of a law with as many parts as are asked for
        if found.name not in self._rows and (stem not in self._rows or found.name in NAMES):
            raise FormulaError(f"{name!r} is not among these {len(self)} laws; sl.laws has it.")
        return found

    def search(
        self, text: str = "", *, variable: str | None = None, topic: str | None = None
    ) -> Laws:
        """Find the laws that match all the given criteria.

        Parameters
        ----------
        text : str
            Words that occur anywhere in the description of the law.
        variable : str, optional
            A variable of the law, such as "D".
        topic : str, optional
            One of `topics`.

        Returns
        -------
        Laws
            The laws found, in the order of the catalogue.

        Raises
        ------
        ValueError
            If there is no such topic.
        """
        if topic is not None and topic not in self.topics:
            raise ValueError(
                f"No law has the topic {topic!r}; the topics are {', '.join(self.topics)}."
            )
        words = [_SYNONYMS.get(word, word) for word in text.lower().split()]
        tests: list[Callable[[Entry], bool]] = [
            lambda row: all(word in _text_of(row) for word in words),
            lambda row: variable is None or variable in row.variables,
            lambda row: topic is None or topic in row.topics,
        ]
        return Laws(tuple(r for r in self._rows.values() if all(test(r) for test in tests)))

    @property
    def topics(self) -> tuple[str, ...]:
        """All topics, in alphabetical order."""
        return tuple(sorted({topic for row in self._rows.values() for topic in row.topics}))

    @property
    def table(self) -> pd.DataFrame:
        """One row for each law."""
        return pd.DataFrame(
            [
                {
                    "name": row.name,
                    "formula": row.formula,
                    "variables": ", ".join(row.variables),
                    "summary": row.summary,
                    "reference": str(row.reference),
                    "topics": ", ".join(row.topics),
                    "published": ", ".join(c.name for c in row.published),
                }
                for row in self._rows.values()
            ]
        ).set_index("name")

    def _card(self) -> Card:
        rows = tuple(self._rows.values())
        first = rows[0].name if rows else "chinchilla"
        return Card(
            f"{plural(len(rows), 'law')}.",
            tables=(Table((
                Column("name", tuple(row.name for row in rows), left=True),
                Column("law", tuple(row.law.shown for row in rows), left=True),
                Column("what", tuple(row.summary for row in rows), left=True, roomy=True),
                Column("source", tuple(str(row.reference) for row in rows), left=True, roomy=True),
            )),),
            next=f'sl.laws.about("{first}")',
        )  # fmt: skip


def _text_of(row: Entry) -> str:
    parts = [row.name, *(text for pair in row.describe() for text in pair)]
    parts += [text for c in row.published for text in (c.name, c.data, str(c.reference or ""))]
    return " ".join(parts).lower()
