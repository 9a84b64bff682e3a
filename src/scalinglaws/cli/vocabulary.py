"""Messages and cards in the terminal's vocabulary: options and verbs in place of Python's."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Any

# Functions of the package, and the verbs that do the same.
VERBS = {
    "optimal": "plan", "near_optimal": "plan --within", "regret": "judge", "serving": "serve",
    "overtraining": "overtrain", "limited_data": "repeat", "next_runs": "next",
    "compare_recipes": "gain", "read_runs": "read", "served_for": "judge --served",
}  # fmt: skip
# Functions that a verb of another name calls: their names are understood as verbs, too.
FUNCTIONS = {name: verb for name, verb in VERBS.items() if " " not in verb}
# Arguments whose option has another name, each with the first one that a verb has.
_OPTIONS = {
    "C": ("--budget",), "N": ("--params",), "D": ("--tokens",), "budget": ("--allowance",),
    "most_runs": ("--runs",), "limits": ("--most-params", "--at"),
    "unique": ("--unique",), "laws": ("--laws",),
}  # fmt: skip
_PHRASES = (
    (r"pass N=\.\.\., D=\.\.\. \. For compute alone, .*$", "give --at N=7B D=2T, or --at C=1e24."),
    (r"pass C=\.\.\., or N=\.\.\. and D=\.\.\. ?\.", "give --at C=1e24, or --at N=7B D=2T."),
    (r"such as reach\(\w+, (.+?)\)\.", r"such as --at \1."),
    (r"use sl\.optimal\(fit, C=\.\.\.\)", "use scalinglaws plan --budget"),
    (r"use sl\.optimal\(fit, loss=\.\.\.\)", "use scalinglaws plan --loss"),
    (r"group is meant: (\w+)=['\"](.+?)['\"]", r"group is meant: --at \1=\2"),
    (r"of which group: (\w+)=", r"of which group: --at \1="),
    (r" See fit\.\w+\.", ""),
    (r"fit\.plot_residuals\(\)", "the residuals"),
    (r"fit\.identified", "the identified combinations"),
    (r"sl\.read_runs\(path\)", "a file of runs"),
    (r"The names are in sl\.laws, or in a terminal: ", "The names are listed by "),
)  # fmt: skip


def in_terminal(text: str, options: Iterable[str] = ()) -> str:
    """A message with options in place of arguments.

    Parameters
    ----------
    text : as a Python user reads it
    options : those of the verb, such as ``--missing``

    Examples
    --------
    >>> in_terminal('drop them with missing="drop"', ["--missing"])
    'drop them with --missing drop'
    >>> in_terminal("`confidence_level` is a share.", ["--confidence-level"])
    '--confidence-level is a share.'
    """
    known = set(options)
    for pattern, phrase in _PHRASES:
        text = re.sub(pattern, phrase, text)

    def option(word: str) -> str:
        names = (f"--{word.replace('_', '-')}", *_OPTIONS.get(word, ()))
        if word in _OPTIONS:
            names = names[::-1]
        return next((name for name in names if name in known), "")

    def pair(match: re.Match[str]) -> str:
        value = "NAME" if match[3] == "..." else match[3].strip("'\"")
        return f"{option(match[1])} {match[2]}={value}" if option(match[1]) else match[0]

    def value(match: re.Match[str]) -> str:
        return f"{option(match[1])} {match[2]}" if option(match[1]) else match[0]

    text = re.sub(r"(\w+)=\{['\"](.+?)['\"]: (.+?)\}", pair, text)
    text = re.sub(r"(\w+)=\[(.+?)\]", value, text)
    text = re.sub(r"(\w+)=['\"](\w+)['\"]", value, text)
    text = re.sub(r"`(\w+)`", lambda match: option(match[1]) or match[0], text)
    return re.sub(
        r"\bsl\.(\w+)", lambda match: f"scalinglaws {VERBS.get(match[1], match[1])}", text
    )


def nearest_verb(word: str, verbs: Iterable[str]) -> str:
    """What to write in place of a verb that does not exist.

    Examples
    --------
    >>> nearest_verb("forcast", ["fit", "forecast"]), nearest_verb("optimal", ["plan"])
    ('forecast', 'plan')
    """
    near = difflib.get_close_matches(word.replace("-", "_"), [*verbs, *VERBS], n=1)
    return VERBS.get(near[0], near[0]) if near else ""


def option_strings(parser: Any) -> tuple[str, ...]:
    """The options of a verb."""
    return tuple(name for action in parser._actions for name in action.option_strings)
