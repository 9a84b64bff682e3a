"""User interface of the catalogue: ``sl.laws``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import pandas as pd

from scalinglaws.core.catalogue.entry import Entry
from scalinglaws.core.catalogue.lookup import NAMES, entries, entry
from scalinglaws.core.law import Law
from scalinglaws.display import Card, Column, Displayed, Table
from scalinglaws.errors import FormulaError
from scalinglaws.numerals import plural

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
