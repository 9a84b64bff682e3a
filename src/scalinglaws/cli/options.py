"""Options that several verbs have, and what they were given."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from scalinglaws.numerals import parse_number

LAW_HELP = "file written by fit --save, or published law such as chinchilla/epoch2024"


def number(text: str) -> float:
    """A number of an option, such as 7B, with the reason where it is none."""
    try:
        return parse_number(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def verb(
    verbs: Any, name: str, text: str, run: Callable[[argparse.Namespace], int], example: str = ""
) -> Any:
    """A parser for one verb, with the formats of its table and an example below its help."""
    parser = verbs.add_parser(
        name, help=text, description=f"{text[0].upper()}{text[1:]}.",
        epilog=f"example: scalinglaws {name} {example}" if example else None,
    )  # fmt: skip
    format_options(parser)
    parser.set_defaults(verb=run)
    return parser


def format_options(parser: Any) -> None:
    """The formats of a table."""
    formats = parser.add_mutually_exclusive_group()
    formats.add_argument("--csv", action="store_true", help="CSV output with all digits")
    formats.add_argument("--json", action="store_true", help="JSON output with all digits")


def plan_options(parser: Any) -> None:
    """A saved fit, what a run costs, and values of the law's other variables or groups."""
    parser.add_argument("fit", type=Path, help=LAW_HELP)
    parser.add_argument(
        "--cost",
        type=number,
        default=6.0,
        metavar="K",
        help="training cost of K*N*D FLOPs (6)",
    )
    level_option(parser)
    parser.add_argument(
        "--at", nargs="+", default=[], metavar="NAME=VALUE",
        help="values of other variables of the law, or the group, such as data=c4",
    )  # fmt: skip


def plan_arguments(options: argparse.Namespace) -> dict[str, Any]:
    """What `plan_options` was given, as arguments of a plan.

    Raises
    ------
    ValueError
        If an item of --at is not NAME=VALUE.
    """
    return {
        "cost": options.cost, "confidence_level": options.confidence_level,
        **pairs(options.at, "--at", "data=c4"),
    }  # fmt: skip


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


def level_option(parser: Any) -> None:
    """The level of the intervals."""
    parser.add_argument(
        "--confidence-level",
        type=float,
        help="level of the intervals, such as 0.9 (0.95, or that of a saved model)",
    )


def level_of(options: argparse.Namespace) -> float:
    """The level that was asked for, of a model that is made here."""
    return 0.95 if options.confidence_level is None else float(options.confidence_level)


def numbers_option(parser: Any, option: str, text: str, **more: Any) -> None:
    """One number or several, written as people write them."""
    parser.add_argument(option, nargs="+", type=number, metavar="NUMBER", help=text, **more)


def plot_option(parser: Any) -> None:
    """A file for the picture."""
    parser.add_argument(
        "--plot", type=Path, metavar="FILE", help="output file of the figure (.png, .pdf or .svg)"
    )


def table_options(parser: Any) -> None:
    """How a table of runs is read."""
    parser.add_argument("--y", help="performance column (recognised by common names)")
    parser.add_argument(
        "--columns", nargs="+", default=[], metavar="N=params",
        help="column of each variable, such as N, D or C (recognised by common names)",
    )  # fmt: skip
    parser.add_argument("--weights", help="column of weights (equal weights)")
    parser.add_argument(
        "--missing", choices=("raise", "drop"), default="raise",
        help="treatment of runs with unusable values: error, or drop (raise)",
    )  # fmt: skip
    level_option(parser)


def table_arguments(options: argparse.Namespace) -> dict[str, Any]:
    """What `table_options` was given, as options of `fit` and `forecast`."""
    return {
        "y": options.y, "columns": pairs(options.columns, "--columns", "N=params"),
        "weights": options.weights, "missing": options.missing,
    }  # fmt: skip
