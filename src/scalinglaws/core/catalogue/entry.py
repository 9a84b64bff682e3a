"""Structure of a catalogue row: law, reference, caveats and published coefficients."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from scalinglaws.core.law import Law
from scalinglaws.display import Card, Displayed, pairs
from scalinglaws.numerals import format_plain

NOT_NEGATIVE = (0.0, float("inf"))
NOT_POSITIVE = (-float("inf"), 0.0)
DECAY = (0.0, 10.0)  # an exponent that makes its term fall
# What a set says where its source is silent, or where there is nothing to count.
NOT_STATED = "not stated where the numbers were read"
NOT_COUNTED = "none: the law has no size, data or compute in it"
_INFINITE = float("inf")


@dataclass(frozen=True)
class Reference:
    """Where a law or its coefficients are from.

    Attributes
    ----------
    authors : such as "Hoffmann et al."
    year : of the first public version
    arxiv : identifier, or empty
    where : equation, table, page or repository
    """

    authors: str
    year: int
    arxiv: str = ""
    where: str = ""

    def __str__(self) -> str:
        parts = [f"{self.authors} {self.year}"]
        if self.arxiv:
            parts.append(f"arXiv:{self.arxiv}")
        return ", ".join([*parts, self.where] if self.where else parts)


@dataclass(frozen=True)
class Coefficients:
    """One published set of coefficients.

    Attributes
    ----------
    name : short name within the law, such as "epoch2024"
    values : a number for each parameter, in the units of the law's variables
    reference : None where it is that of the law
    data, method : what was fitted, and how
    counting : what N, D, C and the like count in this set
    verified : how the numbers were checked; sets that were not are not in the catalogue
    note : caveats, such as digits lost to rounding
    """

    name: str
    values: Mapping[str, float]
    verified: str
    data: str
    method: str
    counting: str
    note: str = ""
    reference: Reference | None = None

    def describe(self) -> Iterator[tuple[str, str]]:
        """Everything about the set, as pairs of a label and a text."""
        yield "values", ", ".join(f"{k} = {format_plain(v, 7)}" for k, v in self.values.items())
        for word, text in (
            ("source", "" if self.reference is None else str(self.reference)),
            ("data", self.data),
            ("method", self.method),
            ("counting", self.counting),
            ("verified", self.verified),
            ("caveats", self.note),
        ):
            if text:
                yield word, text


@dataclass(frozen=True, repr=False)
class Entry(Displayed):
    """One row of the catalogue.

    Attributes
    ----------
    name, aliases : what the law is called
    formula : one line of maths
    variables : meaning and unit of each variable
    summary : what the law describes, in a sentence
    reference : where it is from
    topics : words to find it by
    traps : caveats in practice, in a sentence or two
    parameters : meaning of parameters whose name does not say it
    bounds : ranges that do not follow from the roles
    limits : what the performance can be at all, such as 0 to 1
    published : sets of coefficients
    """

    name: str
    formula: str
    variables: Mapping[str, str]
    summary: str
    reference: Reference
    topics: tuple[str, ...]
    traps: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    bounds: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    limits: tuple[float, float] | None = None
    published: tuple[Coefficients, ...] = ()
    aliases: tuple[str, ...] = ()

    @cached_property
    def law(self) -> Law:
        """The law itself, to fit or to evaluate."""
        return Law(
            self.formula,
            variables=tuple(self.variables),
            name=self.name,
            bounds=self.bounds,
            limits=self.limits,
            description=self.summary,
            reference=str(self.reference),
        )

    @property
    def ranges(self) -> str:
        """Where each parameter is sought, unless a fit says otherwise; empty if anywhere."""
        by_range: dict[str, list[str]] = {}
        for p in self.law.parameters:
            if p.upper < _INFINITE and p.lower > -_INFINITE:
                where = f"{format_plain(p.lower)} to {format_plain(p.upper)}"
            elif p.lower > -_INFINITE:
                where = "not negative" if p.lower == 0 else f"above {format_plain(p.lower)}"
            elif p.upper < _INFINITE:
                where = "not positive" if p.upper == 0 else f"below {format_plain(p.upper)}"
            else:
                continue
            by_range.setdefault(where, []).append(p.name)
        return "; ".join(f"{', '.join(names)} {where}" for where, names in by_range.items())

    def describe(self) -> Iterator[tuple[str, str]]:
        """Everything about the law, as pairs of a label and a text."""
        yield "law", self.formula
        yield "summary", self.summary
        yield "source", str(self.reference)
        for name, meaning in self.variables.items():
            yield name, meaning
        for name, meaning in self.parameters.items():
            yield name, meaning
        if self.ranges:
            yield "ranges", self.ranges
        if self.limits:
            low, high = (format_plain(limit) for limit in self.limits)
            yield "limits", f"the performance lies between {low} and {high}"
        if self.traps:
            yield "caveats", self.traps
        if self.aliases:
            yield "aliases", ", ".join(self.aliases)
        yield "topics", ", ".join(self.topics)

    def _card(self) -> Card:
        described = [line for line in self.describe() if line[0] not in ("law", "summary")]
        sets = [
            pairs(list(c.describe()), f"published as {self.name}/{c.name}") for c in self.published
        ]
        return Card(
            f"{self.name}: {self.summary}", formula=self.law.shown,
            tables=(pairs(described), *sets), next=f'sl.fit(runs, "{self.name}")',
        )  # fmt: skip
