"""How a law reads: what it is of, the line of maths, its names and its source."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scalinglaws.core.html_formula import name_to_html, to_html
from scalinglaws.display import Card, Typeset, pairs
from scalinglaws.numerals import format_plain, plural

if TYPE_CHECKING:
    from scalinglaws.core.law import Law


def typeset(law: Law) -> Typeset:
    """The law as it is typed, and as HTML that needs no script."""
    left = f"{name_to_html(law.target)} = " if law.target else ""
    defined = [
        f"{name_to_html(name)} = {to_html(part)}" for name, part in law.parsed.definitions.items()
    ]
    where = f", where {', '.join(defined)}" if defined else ""
    return Typeset(law.formula, left + to_html(law.indexed) + where)


def law_card(law: Law) -> Card:
    """The card of a law."""
    what = law.description or f"A law of {', '.join(law.variables) or 'no variable'}."
    lines = [
        ("variables", ", ".join(law.variables)),
        ("parameters", ", ".join(law.parameter_names)),
        ("indexed", ", ".join(f"{name} by {column!r}" for name, column in law.groups.items())),
        ("limits", "" if law.limits is None else " to ".join(map(format_plain, law.limits))),
        ("source", law.reference),
    ]
    name = f"{law.name}: " if law.name else ""
    count = plural(len(law.parameter_names), "parameter")
    return Card(
        f"{name}{what.rstrip('.')}, with {count}.",
        formula=typeset(law),
        tables=(pairs([line for line in lines if line[1]]),),
        next=f'sl.fit(runs, "{law.name or law.formula}")',
    )
