"""The description of a result: answer, pictures, tables, caveats and the next call.

All texts are plain: renderers wrap and escape them. A part with nothing to say is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Role = Literal["", "forecast", "law"]
MOST_CAVEATS = 3


@dataclass(frozen=True)
class Interval:
    """One bar: an estimate with its interval.

    Attributes
    ----------
    label : what it is of
    low, estimate, high : numbers, on the scale that all bars share
    text : the estimate as it is written
    note : what stands behind the bar, such as its half-width
    role : decides the colour; text without a role has that of the page
    """

    label: str
    low: float
    estimate: float
    high: float
    text: str = ""
    note: str = ""
    role: Role = ""


@dataclass(frozen=True)
class Bars:
    """Intervals one above the other, on a common scale."""

    intervals: tuple[Interval, ...]


@dataclass(frozen=True)
class Shares:
    """Parts of a whole, such as those of a variance, as a name and a share each."""

    whole: str
    parts: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Typeset:
    """A line of maths as it is typed, and as HTML that needs no script."""

    text: str
    html: str


@dataclass(frozen=True)
class Column:
    """One column of a table; numbers stand at the right, words at the left.

    Attributes
    ----------
    title, cells : texts, or formulas
    left : whether it holds words
    joined : whether it is not parted from the one before it, as an interval
    roomy : whether it is shown in notebooks alone, which have the room
    """

    title: str
    cells: tuple[str | Typeset, ...]
    left: bool = False
    joined: bool = False
    roomy: bool = False

    @property
    def texts(self) -> tuple[str, ...]:
        """The cells as plain text."""
        return tuple(cell if isinstance(cell, str) else cell.text for cell in self.cells)


@dataclass(frozen=True)
class Table:
    """Columns of one length.

    Attributes
    ----------
    columns : the first one names the rows
    caption : a sentence above it
    note : a sentence below it
    folded : whether a notebook shows it only when asked, under its caption
    """

    columns: tuple[Column, ...]
    caption: str = ""
    note: str = ""
    folded: bool = False


@dataclass(frozen=True)
class Card:
    """The description of a result.

    Attributes
    ----------
    answer : sentences with the number and its interval, fit to be quoted alone
    formula : the law, where the result is one
    pictures : intervals that are compared, and what a variance is made of
    tables : the numbers
    caveats : the most important first; `more` says where those after the third are
    next : the call that a reader most likely wants now
    """

    answer: str
    formula: Typeset | None = None
    pictures: tuple[Bars | Shares, ...] = ()
    tables: tuple[Table, ...] = ()
    caveats: tuple[str, ...] = ()
    more: str = ""
    next: str = ""

    @property
    def shown_caveats(self) -> list[str]:
        """At most three, the last of which counts what is left out."""
        if len(self.caveats) <= MOST_CAVEATS:
            return list(self.caveats)
        first = self.caveats[: MOST_CAVEATS - 1]
        where = f": see {self.more}" if self.more else ""
        return [*first, f"{len(self.caveats) - len(first)} more caveats{where}."]


def pairs(lines: Sequence[tuple[str, str]], caption: str = "", *, folded: bool = False) -> Table:
    """A table of names and texts, without a header."""
    names, texts = zip(*lines, strict=True) if lines else ((), ())
    columns = Column("", tuple(names), left=True), Column("", tuple(texts), left=True)
    return Table(columns, caption, folded=folded)
