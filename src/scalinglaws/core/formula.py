"""Parse one line of maths into an expression tree; errors mark the position with a caret.

The line is read with the standard library's `ast` and a white list of nodes. Nothing is evaluated.
"""

from __future__ import annotations

import ast
import difflib
import keyword
import math
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field

from scalinglaws.core.algebra import substitute
from scalinglaws.core.expression import (
    FUNCTIONS,
    UNARY,
    VARIADIC,
    Apply,
    Expression,
    Name,
    Number,
    names_in,
)
from scalinglaws.core.functions import FUNCTIONS_OF_SEVERAL
from scalinglaws.errors import FormulaError

_OPERATORS: dict[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.Pow: "**",
}
# Characters that people paste from papers, and what to write instead.
_REPLACEMENTS = {
    "^": "**",
    "·": "*",
    "×": "*",
    "⋅": "*",
    "−": "-",
    "–": "-",
    "÷": "/",
    "²": "**2",
    "³": "**3",
    "√": "sqrt(...)",
}
_LONGEST = 10_000  # characters
_DEEPEST = 200  # operations inside each other
_LARGEST = 10_000  # names, numbers and operations, with definitions put in
_QUOTED = 100  # characters of a longer line that stand around the caret
# Greek and Cyrillic letters that are drawn as a Latin one.
_LATIN = str.maketrans(
    "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧοАВЕЅІЈКМНОРСТХаеорсухіјѕ",
    "ABEZHIKMNOPTYXoABESIJKMHOPCTXaeopcyxijs",
)
_OUT_OF_RANGE = "This number is out of range (about 1e-308 to 1e308 in size)"
_GIANT_NUMBER = re.compile(r"\d{400,}")
_WHERE = re.compile(r"\bwhere\b")


@dataclass(frozen=True)
class Formula:
    """A parsed line.

    Attributes
    ----------
    text : the line
    target : what stands left of ``~``, or None
    expression : the tree, with definitions put in; an index is not part of it
    written, definitions : the tree as written, and what stands after ``where``, by name
    groups : from indexed names to the columns that index them: ``E[data]`` is ``{"E": "data"}``
    """

    text: str
    target: str | None
    expression: Expression
    written: Expression
    definitions: Mapping[str, Expression]
    groups: Mapping[str, str] = field(default_factory=dict, hash=False)


def parse(text: str) -> Formula:
    """Read one line of maths.

    Parameters
    ----------
    text : str
        For instance ``"loss ~ E + A/N**alpha"``; ``target ~`` may be left out. A part may have a
        name of its own: ``"a*x**b where x = N + n_0"``, several separated by ``;``.

    Raises
    ------
    FormulaError
        If the line is not in the language; the message shows the place with a caret.

    Examples
    --------
    >>> parse("loss ~ E + A/N**alpha").target
    'loss'
    >>> parse("loss ~ E[data] + A/N**alpha").groups
    {'E': 'data'}
    """
    if not isinstance(text, str):
        raise FormulaError(f"A law is one line of text; got {type(text).__name__}: {text!r}.")
    line = " ".join(text.splitlines()) if "\n" in text.strip() else text.strip("\n")
    return _Reader(line).read()


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.shift = 0  # where the right-hand side begins
        self.index_of: dict[str, str | None] = {}  # of every name

    def read(self) -> Formula:
        if not self.text.strip():
            raise FormulaError(
                "The law is empty; write one line of maths such as 'E + A/N**alpha'."
            )
        if len(self.text) > _LONGEST:
            raise FormulaError(
                f"The law has {len(self.text):,} characters; the most is {_LONGEST:,}."
            )
        target = self._split_target()
        self._refuse_foreign_characters()
        found = _WHERE.search(self.text, self.shift)
        stop = found.start() if found else len(self.text)
        if not self.text[self.shift : stop].strip():
            raise self._error(stop, "Nothing stands to the right of '~'")
        written = self._tree(self.shift, stop)
        definitions = self._definitions(found.end()) if found else {}
        self._refuse_giants(written, definitions, stop)
        expression = written
        for name in reversed(definitions):  # a definition may use those before it
            if name not in names_in(expression):
                raise self._error(stop, f"The definition of '{name}' is not used")
            expression = substitute(expression, {name: definitions[name]})
        groups = {name: index for name, index in self.index_of.items() if index is not None}
        return Formula(self.text, target, expression, written, definitions, groups)

    def _refuse_giants(
        self, written: Expression, definitions: Mapping[str, Expression], place: int
    ) -> None:
        """Definitions of two uses each double the tree; its size is known before it is built."""
        extents: dict[str, tuple[int, int]] = {}
        for name, part in [*definitions.items(), ("", written)]:
            extents[name] = _extent(part, extents)
        size, depth = extents[""]
        if size > _LARGEST:
            what = f"more than {_LARGEST:,} names, numbers and operations"
        elif depth > _DEEPEST:
            what = f"more than {_DEEPEST} operations inside each other"
        else:
            return
        raise self._error(place, f"With its definitions put in, the law has {what}")

    def _definitions(self, start: int) -> dict[str, Expression]:
        """What stands after ``where``."""
        found: dict[str, Expression] = {}
        for part in re.finditer(r"[^;]+", self.text[start:]):
            name, equals, _ = part[0].partition("=")
            begin = start + part.start()
            if not equals or not name.strip().isidentifier():
                raise self._error(begin, "Write 'name = formula' after 'where', separated by ';'")
            name = name.strip()
            if name in FUNCTIONS or name in found:
                raise self._error(begin, f"'{name}' cannot be defined: it has a meaning already")
            found[name] = self._tree(begin + part[0].index("=") + 1, start + part.end())
        return found

    def _tree(self, start: int, stop: int) -> Expression:
        """The expression between two places of the text."""
        source = self.text[start:stop]
        body = source.strip()
        self.shift = start + len(source) - len(source.lstrip())
        if not body:
            raise self._error(stop, "A formula is missing here")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of "1if", which is refused below
                tree = ast.parse(body, mode="eval")
        except SyntaxError as error:
            raise self._syntax_error(error, body) from None
        except (ValueError, RecursionError, MemoryError):
            raise self._error(self.shift, "This cannot be read as one line of maths") from None
        return self._convert(tree.body, body, 0)

    def _split_target(self) -> str | None:
        place = self.text.find("~")
        if place < 0:
            return None
        if "~" in self.text[place + 1 :]:
            raise self._error(self.text.find("~", place + 1), "A law has one '~' at most")
        target = self.text[:place].strip()
        if not target:
            raise self._error(place, "Name the performance column left of '~', or leave '~' out")
        self.shift = place + 1
        return target

    def _refuse_foreign_characters(self) -> None:
        for place in range(self.shift, len(self.text)):
            replacement = _REPLACEMENTS.get(self.text[place])
            if replacement is not None:
                raise self._error(place, f"Write {replacement} instead of {self.text[place]}")

    def _error(self, place: int, reason: str) -> FormulaError:
        # what cannot be printed would move the caret
        line = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in self.text)
        first, last = 0, len(line)
        if last > _QUOTED:
            first = max(0, min(place - _QUOTED // 2, last - _QUOTED))
            last = first + _QUOTED
        before, after = "..." if first else "", "..." if last < len(line) else ""
        caret = " " * (len(before) + place - first)
        return FormulaError(f"{reason}:\n  {before}{line[first:last]}{after}\n  {caret}^")

    def _syntax_error(self, error: SyntaxError, body: str) -> FormulaError:
        # an error at the end of the line has no offset
        place = self.shift + (error.offset - 1 if error.offset else len(body))
        place = min(place, len(self.text))
        if giant := _GIANT_NUMBER.search(body):
            raise self._error(self.shift + giant.start(), _OUT_OF_RANGE)
        for word in re.finditer(r"[^\W\d]\w*", body):
            if keyword.iskeyword(word[0]):
                return self._error(
                    self.shift + word.start(),
                    f"'{word[0]}' is a reserved word of Python; use another name, "
                    f"such as {word[0]}_",
                )
        if body.count("(") != body.count(")"):
            return self._error(place, "A parenthesis is not closed, or closed once too often")
        if "=" in body:
            return self._error(
                self.shift + body.index("="), "Write 'target ~ formula' instead of '='"
            )
        glued = re.search(r"(?<![\w.])\d[\d.]*(?=[^\W\d_])(?![eE][-+]?\d)", body)
        if glued:
            return self._error(self.shift + glued.end(), "An operator is missing, such as *")
        return self._error(
            place, "This is not one line of maths (is an operator missing, such as *?)"
        )

    def _convert(self, node: ast.expr, body: str, depth: int) -> Expression:
        # ast counts columns in UTF-8 bytes
        column = len(body.encode()[: node.col_offset].decode(errors="ignore"))
        place = self.shift + column
        if depth > _DEEPEST:
            raise self._error(place, "The formula is nested too deeply")
        match node:
            case ast.Constant(value=bool() | complex() | str() | bytes() | None):
                raise self._error(place, f"{node.value!r} is not a number")
            case ast.Constant(value=int() | float() as value):
                return self._number(value, ast.get_source_segment(body, node) or "", place)
            case ast.Name(id=name):
                if name in FUNCTIONS:
                    raise self._error(place, f"'{name}' is a function; write {name}(...)")
                return self._name(name, None, place)
            case ast.Subscript(value=ast.Name(id=name), slice=ast.Name(id=index)):
                return self._name(name, index, place)
            case ast.Subscript():
                raise self._error(place, "An index is the name of one column, as in E[data]")
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                inner = self._convert(operand, body, depth + 1)
                return Number(-inner.value) if isinstance(inner, Number) else Apply("neg", (inner,))
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self._convert(operand, body, depth + 1)
            case ast.BinOp(left=left, op=operator, right=right) if type(operator) in _OPERATORS:
                parts = tuple(self._convert(part, body, depth + 1) for part in (left, right))
                return self._operation(_OPERATORS[type(operator)], parts, place)
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                self._check_call(name, len(arguments), place)
                return Apply(name, tuple(self._convert(a, body, depth + 1) for a in arguments))
            case ast.Compare():
                raise self._error(place, "A law has no comparison; write 'target ~ formula'")
        raise self._error(
            place,
            "Only names, numbers, + - * / **, parentheses and functions "
            f"({', '.join(FUNCTIONS)}) may stand in a law",
        )

    def _operation(self, operator: str, parts: tuple[Expression, ...], place: int) -> Apply:
        if operator == "/" and parts[1] == Number(0.0):
            raise self._error(place, "This is divided by zero")
        return Apply(operator, parts)

    def _number(self, value: float, written: str, place: int) -> Number:
        """A number of the line, if float64 has it."""
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        mantissa = written.lower().partition("e")[0]
        if math.isinf(number) or (number == 0 and any(c in "123456789" for c in mantissa)):
            raise self._error(place, _OUT_OF_RANGE)
        return Number(number)

    def _name(self, name: str, index: str | None, place: int) -> Name:
        """A name, which has the same index, or none, wherever it stands."""
        latin = name.translate(_LATIN)
        if latin.isascii() and not name.isascii():
            raise self._error(
                place, f"This name has letters that only look like those of {latin!r}; type it anew"
            )
        known = self.index_of.setdefault(name, index)
        if known != index:
            forms = [name if i is None else f"{name}[{i}]" for i in (known, index)]
            raise self._error(place, f"Write either {forms[0]} or {forms[1]} throughout")
        return Name(name)

    def _check_call(self, name: str, n_arguments: int, place: int) -> None:
        if name not in FUNCTIONS:
            nearest = difflib.get_close_matches(name, FUNCTIONS, n=1)
            hint = f"did you mean {nearest[0]}?" if nearest else f"to multiply, write {name}*(...)"
            raise self._error(place, f"'{name}' is not a function of the language; {hint}")
        if name in UNARY and n_arguments != 1:
            raise self._error(place, f"'{name}' takes one argument, not {n_arguments}")
        if name in VARIADIC and n_arguments < 2:
            raise self._error(place, f"'{name}' takes two or more arguments")
        several = FUNCTIONS_OF_SEVERAL.get(name)
        if several and not several.fewest <= n_arguments <= several.most:
            raise self._error(
                place, f"'{name}' is written {several.signature}; it got {n_arguments} arguments"
            )


def _extent(expression: Expression, known: Mapping[str, tuple[int, int]]) -> tuple[int, int]:
    """Nodes and depth of a tree whose names stand for trees of known extents."""
    if isinstance(expression, Name):
        return known.get(expression.name, (1, 1))
    if not isinstance(expression, Apply):
        return 1, 1
    parts = [_extent(argument, known) for argument in expression.arguments]
    return 1 + sum(size for size, _ in parts), 1 + max(depth for _, depth in parts)
