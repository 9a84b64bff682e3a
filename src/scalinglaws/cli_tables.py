"""Shared options and table output of the command-line verbs."""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from scalinglaws.cli_words import card_in_terminal
from scalinglaws.display import Card, as_text, card_of
from scalinglaws.display.quantities import plan_table
from scalinglaws.errors import FileFormatError, ScalingLawWarning
from scalinglaws.escaping import one_line
from scalinglaws.fitting.published import Published, published
from scalinglaws.fitting.result import Fit
from scalinglaws.fitting.tables import columns as col
from scalinglaws.loading import Loaded, load
from scalinglaws.numerals import parse_number, plural

_TABLES = (".csv", ".tsv", ".jsonl", ".parquet")  # files that hold runs, and never a fit
LAW_HELP = "file written by fit --save, or published law such as chinchilla/epoch2024"


def number(text: str) -> float:
    """A number of an option, such as 7B, with the reason where it is none."""
    try:
        return parse_number(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def law_from(name: Path | str) -> Fit | Published:
    """A saved fit, or a published law where no file has that name.

    Raises
    ------
    FileFormatError
        If it is a saved forecast.
    """
    found = model_from(name)
    if not isinstance(found, Fit | Published):
        raise FileFormatError(f"{name} is a saved {type(found).__name__}, and a plan needs a fit.")
    return found


def model_from(name: Path | str) -> Loaded | Published:
    """What was saved in a file, or a published law where no file has that name."""
    key = Path(name).as_posix()
    if Path(name).suffix.lower() in _TABLES and Path(name).is_file():
        raise FileFormatError(
            f"{name} is a table of runs, and this verb needs a saved fit: "
            f"`scalinglaws fit {name} --save fit.json` writes one."
        )
    if Path(name).exists():
        return load(name)
    if key not in published:
        raise FileNotFoundError(
            f"There is no file {key!r}, and no published law of that name; `scalinglaws laws` "
            "lists the laws, and `scalinglaws laws NAME` the published coefficients of one."
        )
    return published[key]


def usual_law(runs: pd.DataFrame, y: str | None, columns: Mapping[str, str]) -> str:
    """The default law for a table; a note names it and how to choose another."""
    target = (y or col.find_performance(runs)).lower()
    is_loss = any(word in target for word in ("loss", "crossentropy"))
    found = [v for v in ("N", "D") if v in columns or col.find_variable(runs, v)]
    if not (is_loss and len(found) == 2 and not set(columns) - {"N", "D"}):
        return "power"
    print(
        "note: fitting --law chinchilla, because the table has a loss with N and D; `scalinglaws "
        "laws` lists others, such as --law power.",
        file=sys.stderr,
    )
    return "chinchilla"


# --- tables ----------------------------------------------------------------------------------


def show(
    result: Any,
    options: argparse.Namespace,
    *,
    frame: pd.DataFrame | None = None,
    index: bool = False,
    following: str = "",
) -> None:
    """Print a result as its card, or with all digits as CSV or JSON.

    Parameters
    ----------
    result : what a verb of the package returns
    options : of the command line
    frame : the table of CSV and JSON; by default the result itself
    index : whether its index is a column
    following : the command that comes next
    """
    table = result if frame is None else frame
    if options.json or options.csv:
        print_frame(table.reset_index() if index else table, options)
        return
    card = card_of(result)
    if card is None:
        count = plural(len(table), "row")
        card = Card(f"{count}.", tables=(plan_table(table, 0.95, upright=False),))
    print(as_text(card_in_terminal(card, options, following)))


def print_frame(frame: pd.DataFrame, options: argparse.Namespace) -> None:
    """Print a table as JSON, or as CSV."""
    if options.json:
        text = frame.replace([np.inf, -np.inf], np.nan).to_json(
            orient="records", double_precision=15
        )
        print(json.dumps(json.loads(text), allow_nan=False))
    else:
        print(frame.to_csv(index=False), end="")


def save(result: Any, file: Path) -> None:
    """Save a fit or a forecast, and say which file was written or replaced."""
    write_file(result.save, file)


def write_file(write: Callable[[Path], None], file: Path) -> None:
    """Write a file, and say which one was written or replaced."""
    size = file.stat().st_size if file.is_file() else None
    write(file)
    replaced = "" if size is None else f", which replaces a file of {size:,} bytes"
    print(f"saved to {one_line(str(file))}{replaced}", file=sys.stderr)


def draw(make: Callable[[], Any], file: Path) -> None:
    """Save the picture that a function draws."""
    import matplotlib as mpl

    from scalinglaws.plotting.axes import figure_of

    mpl.use("Agg")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ScalingLawWarning)  # the table has said it
        ax = make()
    figure_of(ax).savefig(file, dpi=150)


# --- options ---------------------------------------------------------------------------------


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


def fit_option(parser: Any) -> None:
    """A saved fit, what a run costs, and where in the law's other variables to plan."""
    parser.add_argument("fit", type=Path, help=LAW_HELP)
    parser.add_argument(
        "--cost",
        type=number,
        default=6.0,
        metavar="K",
        help="training cost of K*N*D FLOPs (6)",
    )
    level_option(parser)


def place_option(parser: Any) -> None:
    """Values of further variables, and groups."""
    parser.add_argument(
        "--at", nargs="+", default=[], metavar="NAME=VALUE",
        help="values of other variables of the law, or the group, such as data=c4",
    )  # fmt: skip


def placed(options: argparse.Namespace) -> dict[str, Any]:
    """What `place_option` was given.

    Raises
    ------
    ValueError
        If an item is not NAME=VALUE.
    """
    return pairs(options.at, "--at", "data=c4")


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


def common(options: argparse.Namespace) -> dict[str, Any]:
    """The options that every plan of a saved fit has."""
    return {"cost": options.cost, "confidence_level": options.confidence_level}


def level_option(parser: Any) -> None:
    """The level of the intervals."""
    parser.add_argument(
        "--confidence-level",
        type=float,
        help="level of the intervals, such as 0.9 (0.95, or that of the fit)",
    )


def numbers_option(parser: Any, option: str, text: str, **more: Any) -> None:
    """One number or several, written as people write them."""
    parser.add_argument(option, nargs="+", type=number, metavar="NUMBER", help=text, **more)


def plot_option(parser: Any) -> None:
    """A file for the picture."""
    parser.add_argument(
        "--plot", type=Path, metavar="FILE", help="output file of the figure (.png, .pdf or .svg)"
    )


def limits(options: argparse.Namespace) -> dict[str, tuple[float, float]] | None:
    """Limits of N and D from --most-params and --most-tokens."""
    most = {"N": options.most_params, "D": options.most_tokens}
    return {name: (0.0, value) for name, value in most.items() if value is not None} or None
