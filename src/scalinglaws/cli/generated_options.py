"""Options of a verb, made from a function's signature and the Parameters of its docstring.

A verb states only what differs: other names of options, other words, and parameters without one.
"""

from __future__ import annotations

import argparse
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import scalinglaws
from scalinglaws.cli.models import law_from, law_or_forecast_from
from scalinglaws.numerals import parse_number
from scalinglaws.readers import read_runs

TABLE_HELP = "table with one row per run (.csv, .tsv, .json, .jsonl or .parquet)"
LAW_HELP = "file written by fit --save, or published law such as chinchilla/epoch2024"
_FORECAST_HELP = (
    "file written by fit --save or forecast --save, or published law such as chinchilla/epoch2024"
)


class Documented(NamedTuple):
    """A parameter in a docstring: its type, and the first sentence about it."""

    kind: str
    text: str


class Pairs(argparse.Action):
    """Items NAME=VALUE as a mapping; values of a mapping to numbers are numbers."""

    def __call__(
        self, _: Any, namespace: argparse.Namespace, values: Any, option: Any = None
    ) -> None:
        """Store the mapping."""
        example = "E=1.7" if self.const is float else "data=c4" if option == "--at" else "N=params"
        found = pairs(values, option, example)
        numbers = {name: parse_number(v) for name, v in found.items()} if self.const else found
        setattr(namespace, self.dest, numbers)


def number(text: str) -> float:
    """A number of an option, such as 7B, with the reason where it is none."""
    try:
        return parse_number(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def pairs(items: Sequence[str], option: str, example: str = "N=7B") -> dict[str, str]:
    """Items NAME=VALUE by their names.

    Raises
    ------
    ValueError
        If an item is not NAME=VALUE.
    """
    found = {}
    for item in items:
        name, equals, value = item.partition("=")
        if not (name and equals and value):
            raise ValueError(f"{option} is written NAME=VALUE, such as {example}; got {item!r}.")
        found[name.strip()] = value.strip()
    return found


_ONE: Mapping[str, Any] = {"type": number, "metavar": "NUMBER"}
_PAIRS: Mapping[str, Any] = {"nargs": "+", "action": Pairs, "metavar": "NAME=VALUE"}
# The start of a type in a docstring that is given by a file: its help, and what reads it.
_FILES: tuple[tuple[str, str, Callable[[Any], Any]], ...] = (
    (r"DataFrame", TABLE_HELP, read_runs),
    (r"Fit\b.*Forecast", _FORECAST_HELP, law_or_forecast_from),
    (r"Fit", LAW_HELP, law_from),
)
# The start of a type in a docstring, and how the terminal takes its values.
_KINDS: tuple[tuple[str, Mapping[str, Any]], ...] = (
    (r"bool", {"action": "store_true"}),
    (r"(number|float) or array|array|floats", {**_ONE, "nargs": "+"}),
    (r"(number|float)(, callable or Fit| or callable| or \"auto\"|)$", _ONE),
    (r"int\b|Generator|Rng", {"type": int, "metavar": "INTEGER"}),
    (r"\(", {**_ONE, "nargs": 2}),
    (r"mapping of str to float", {**_PAIRS, "const": float}),
    (r"mapping of str to str", _PAIRS),
    (r"sequence", {"nargs": "+"}),
    (r"str\b|$", {}),
    *((start, {"type": Path, "help": text}) for start, text, _ in _FILES),
)


def add_parameters(
    parser: Any,
    function: Callable[..., Any],
    *,
    names: Mapping[str, str] | None = None,
    left_out: Sequence[str] = (),
    **differing: Mapping[str, Any],
) -> None:
    """Add an option, or a place, for every parameter of a function.

    Parameters
    ----------
    parser : of the verb
    function : what the verb calls
    names : options of parameters whose option has another name; Python's is understood as well
    left_out : parameters without an option
    **differing : by parameter, what differs in the arguments of ``add_argument``

    Raises
    ------
    LookupError
        If a name is no parameter of the function.
    TypeError
        If a parameter's type has no form in the terminal.
    """
    signature, names = inspect.signature(function).parameters, names or {}
    if unknown := {*names, *left_out, *differing} - set(signature):
        raise LookupError(f"{function.__name__} has no parameter {', '.join(sorted(unknown))}.")
    taken = {action.dest for action in parser._actions}
    flags = dict(parser.get_default("flags") or {})
    for name, parameter in signature.items():
        if name in taken or name in left_out:
            continue
        if parameter.kind is parameter.VAR_KEYWORD:
            text = documented(function)[name].text
            parser.add_argument("--at", **{"default": {}, "help": text, **_PAIRS})
            continue
        form = _form(function, parameter, differing.get(name, {}))
        needed = parameter.default is parameter.empty
        if needed and parameter.kind is parameter.POSITIONAL_OR_KEYWORD and name not in names:
            parser.add_argument(name, **{k: v for k, v in form.items() if k != "default"})
            continue
        if needed and parameter.kind is parameter.KEYWORD_ONLY:
            form["required"] = True
        own = f"--{name.replace('_', '-')}"
        flag = names.get(name, own)
        also = {own} - {flag, *names.values(), *parser._option_string_actions}
        parser.add_argument(flag, *also, dest=name, **form)
        flags[name] = flag
    loads = {
        name: load
        for name, (kind, _) in documented(function).items()
        if (load := _reader_of(kind)) is not None
    }
    parser.set_defaults(loads={**(parser.get_default("loads") or {}), **loads}, flags=flags)


def arguments(options: argparse.Namespace, *functions: Callable[..., Any]) -> dict[str, Any]:
    """What was given, as arguments of functions; tables and fits are read from their files.

    Options that were not given are absent, so that the functions' defaults hold.

    Raises
    ------
    ValueError
        If an option was given that none of the functions has.
    """
    signature = {k: p for f in functions for k, p in inspect.signature(f).parameters.items()}
    for name, flag in options.flags.items():
        if name in options and name not in signature:
            raise ValueError(f"{flag} has no effect together with the other options: leave it out.")
    found: dict[str, Any] = {}
    for name, parameter in signature.items():
        if parameter.kind is parameter.VAR_KEYWORD:
            found |= getattr(options, "at", {})
        elif name in options:
            value = getattr(options, name)
            load = options.loads.get(name) if isinstance(value, Path) else None
            found[name] = load(value) if load else value
    return found


def shared(
    given: Mapping[str, Any], options: argparse.Namespace, function: Callable[..., Any]
) -> dict[str, Any]:
    """Those of the arguments that another function takes too, such as a plot."""
    takes = {*inspect.signature(function).parameters, *getattr(options, "at", {})}
    return {name: value for name, value in given.items() if name in takes}


def _reader_of(kind: str) -> Callable[[Any], Any] | None:
    """What reads the file that gives a parameter of a type; None if it is given otherwise."""
    return next((read for start, _, read in _FILES if re.match(start, kind)), None)


def _form(
    function: Callable[..., Any], parameter: inspect.Parameter, differing: Mapping[str, Any]
) -> dict[str, Any]:
    """Arguments of ``add_argument`` for a parameter."""
    kind, text = documented(function).get(parameter.name, Documented("", ""))
    kind = kind or str(parameter.annotation).split(" | None")[0]
    choices = re.findall(r'"(.+?)"', kind) if kind.startswith("{") else []
    forms = [form for start, form in _KINDS if re.match(start, kind)]
    if not (choices or forms or differing):
        raise TypeError(f"{function.__name__}: {parameter.name} of type {kind!r} has no form.")
    form: Mapping[str, Any] = {"choices": choices} if choices else forms[0] if forms else {}
    words = {"help": f"{text}{_default(parameter.default)}", "default": argparse.SUPPRESS}
    return {**words, **form, **differing}


def _default(value: Any) -> str:
    """A default in brackets, where it says something."""
    if value is inspect.Parameter.empty or value is None or value is False:
        return ""
    items = value if isinstance(value, tuple) else (value,)
    return f" ({' '.join(f'{v:g}' if isinstance(v, float) else str(v) for v in items)})"


@cache
def documented(function: Callable[..., Any]) -> dict[str, Documented]:
    """The parameters in a function's docstring; "As in `f`" is looked up in f's.

    Examples
    --------
    >>> documented(scalinglaws.backtest)["by"].kind
    '{"C", "N", "D"}'
    """
    doc = inspect.getdoc(function) or ""
    section = re.search(r"^Parameters\n-+\n(.*?)(?=\n\n[A-Z]\w+\n-{3}|\Z)", doc, re.S | re.M)
    entries = re.findall(
        r"^(\S[^\n]*?)(?: : ([^\n]*))?\n((?: +[^\n]*\n|\n)*)",
        f"{section[1]}\n" if section else "",
        re.M,
    )
    found = {}
    for names, stated, body in entries:
        text = " ".join(body.split())
        kind = re.sub(r"(, |^)(optional|default .*)$", "", stated)
        like = re.match(r"As in (?::func:)?`(?:scalinglaws\.)?(\w+)`", text)
        other = documented(getattr(scalinglaws, like[1])) if like else {}
        if kind.startswith("bool"):
            text = text.removeprefix("Whether to ")
        words = _for_help(text if kind.startswith("{") else re.split(r"(?<=\.)\s+", text)[0])
        for name in (n.strip("* ") for n in names.split(", ")):
            seen = other.get(name, Documented("", ""))
            found[name] = Documented(kind or seen.kind, seen.text or words)
    return found


def _for_help(text: str) -> str:
    """Words of a docstring in a list of options: no markup, no full stop, options as typed."""
    plain = re.sub(r":\w+:`(?:\w+\.)*(\w+)`|`+(.+?)`+", r"\1\2", text).rstrip(".")
    typed = re.sub(r'\{"(\w+)": "(\w+)"\}|(\w+)="(\w+)"', r"\1\3=\2\4", plain)
    lower = typed[:1].lower() if typed[:2] == "A " or typed[1:2].islower() else typed[:1]
    return (lower + typed[1:]).replace("%", "%%")


def add_plot(parser: Any) -> None:
    """A file for the picture."""
    parser.add_argument(
        "--plot", type=Path, metavar="FILE", help="output file of the figure (.png, .pdf or .svg)"
    )
