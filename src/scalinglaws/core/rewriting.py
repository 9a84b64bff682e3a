"""Derive laws by substitution in the formula: tied and indexed parameters."""

from __future__ import annotations

import re
from collections.abc import Mapping

from scalinglaws.core.expression import names_in
from scalinglaws.core.formula import parse
from scalinglaws.core.law import Law
from scalinglaws.errors import FormulaError

_NAME = re.compile(r"(?<![\w.])([^\W\d]\w*)(\s*\[[^\]]*\])?")


def tie(law: Law, ties: Mapping[str, str]) -> Law:
    """The law with some parameters replaced by expressions of the others.

    Parameters
    ----------
    law : Law
    ties : mapping of str to str
        From a parameter to what it equals: ``{"beta": "alpha"}``, ``{"b": "-2*a"}``.

    Raises
    ------
    FormulaError
        If a name is no parameter of the law, or is tied to one that is tied itself.

    Examples
    --------
    >>> tie(Law("E + A/N**alpha + B/D**beta"), {"beta": "alpha"}).formula
    'E + A/N**alpha + B/D**alpha'
    """
    _check_symbols("tied", law, ties)
    replacements: dict[str, str] = {}
    for name, text in ties.items():
        for other in names_in(parse(text).expression):
            if other not in law.symbols or other in ties:
                what = "tied itself" if other in ties else "no parameter of the law"
                raise FormulaError(f"`tied` makes {name} equal {text!r}, but {other!r} is {what}.")
        indexed = {} if "[" in text else {s: f"{s}[{column}]" for s, column in law.groups.items()}
        right = _replaced(text.strip(), indexed)
        replacements[name] = right if _NAME.fullmatch(right) else f"({right})"
    bounds = {name: pair for name, pair in law.bounds.items() if name not in ties}
    return law.replaced(formula=_rewritten(law.formula, replacements), bounds=bounds)


def index(law: Law, groups: Mapping[str, str]) -> Law:
    """The law with some parameters indexed by a column.

    Parameters
    ----------
    law : Law
    groups : mapping of str to str
        From a parameter to the column whose every value has a parameter of its own.

    Raises
    ------
    FormulaError
        If a name is no parameter of the law or has an index already, or the column's name cannot
        stand in a line of maths.

    Examples
    --------
    >>> index(Law("E + A/N**alpha"), {"E": "data"}).formula
    'E[data] + A/N**alpha'
    """
    _check_symbols("groups", law, groups)
    for name, column in groups.items():
        if name in law.groups:
            raise FormulaError(
                f"`groups` indexes {name!r}, which the law has as {name}[{law.groups[name]}]."
            )
        if not isinstance(column, str) or not column.isidentifier():
            raise FormulaError(
                f"`groups` indexes {name!r} by {column!r}, which cannot stand in a line of maths; "
                f"write groups={{{name!r}: 'group'}} and columns={{'group': {column!r}}}."
            )
    indexed = {name: f"{name}[{column}]" for name, column in groups.items()}
    return law.replaced(formula=_rewritten(law.formula, indexed))


def pool(law: Law) -> Law:
    """The law without indices, each range as wide as those of all groups together.

    Examples
    --------
    >>> pool(Law("E[data] + A/N**alpha")).formula
    'E + A/N**alpha'
    """
    bounds = {}
    for symbol, names in law.members.items():
        if {symbol, *names} & set(law.bounds):
            own = [p for p in law.parameters if p.symbol == symbol]
            bounds[symbol] = min(p.lower for p in own), max(p.upper for p in own)
    bare = {symbol: symbol for symbol in law.groups}
    return law.replaced(formula=_rewritten(law.formula, bare), bounds=bounds, levels={})


def _check_symbols(option: str, law: Law, given: Mapping[str, str]) -> None:
    for name in given:
        if name not in law.symbols:
            raise FormulaError(
                f"`{option}` names {name!r}, which is no parameter of the law; "
                f"the parameters are {', '.join(law.symbols)}."
            )


def _rewritten(formula: str, replacements: Mapping[str, str]) -> str:
    left, tilde, right = formula.rpartition("~")
    return left + tilde + _replaced(right, replacements)


def _replaced(text: str, replacements: Mapping[str, str]) -> str:
    return _NAME.sub(lambda match: replacements.get(match[1], match[0]), text)
