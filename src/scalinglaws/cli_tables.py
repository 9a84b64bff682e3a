"""Shared options and table output of the command-line verbs."""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from scalinglaws.errors import FileFormatError, ScalingLawWarning
from scalinglaws.escaping import one_line
from scalinglaws.fitting.published import Published, published
from scalinglaws.fitting.result import Fit
from scalinglaws.loading import Loaded, load
from scalinglaws.numerals import (
    format_compute,
    format_count,
    format_plain,
    parse_number,
)

LAW_HELP = "file written by fit --save, or published law such as chinchilla/epoch2024"
_COMPUTE = {"C", "C_recipe", "training", "serving", "total", "flops", "flops_per_token"}
_COUNTS = {
    "N", "D", "N_forecast", "served", "unique", "smallest", "largest", "true N", "parameters",
    "active",
}  # fmt: skip
_PERCENT = {"overhead", "saving", "regret", "wasted", "N_bias", "D_bias"}
_WHOLE = {"hours", "money", "kwh"}


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
    if Path(name).exists():
        return load(name)
    if key not in published:
        raise FileNotFoundError(
            f"There is no file {key!r}, and no published law of that name; `scalinglaws laws` "
            "lists the laws, and `scalinglaws laws NAME` the published coefficients of one."
        )
    return published[key]


# --- tables ----------------------------------------------------------------------------------


def markdown(frame: pd.DataFrame, *, index: bool = False) -> str:
    """A frame as a Markdown table; estimates and their intervals share a cell.

    Columns that are empty throughout are left out.
    """
    shown = frame.reset_index() if index else frame
    cells: dict[str, list[str]] = {}
    for name in shown.columns:
        column = str(name)
        if column.endswith(("_low", "_high")) and column.rsplit("_", 1)[0] in shown.columns:
            continue
        texts = [_cell(shown.iloc[row], column) for row in range(len(shown))]
        if any(texts):
            cells[column] = texts
    widths = {name: max(len(name), *map(len, texts)) for name, texts in cells.items()}
    head = "| " + " | ".join(name.ljust(widths[name]) for name in cells) + " |"
    rule = "|" + "|".join("-" * (widths[name] + 2) for name in cells) + "|"
    body = [
        "| " + " | ".join(texts[row].ljust(widths[name]) for name, texts in cells.items()) + " |"
        for row in range(len(shown))
    ]
    return "\n".join([head, rule, *body])


def _cell(row: pd.Series, name: str) -> str:
    text = _written(name, row[name])
    low, high = row.get(f"{name}_low"), row.get(f"{name}_high")
    if text and low is not None and pd.notna(low):
        text += f" ({_written(name, low)} to {_written(name, high)})"
    return text


def _written(name: str, value: Any) -> str:
    if isinstance(value, str):
        return one_line(value).replace("|", r"\|")
    if pd.isna(value):
        return ""
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    number = float(value)
    if name in _WHOLE:
        return f"{number:,.0f}" if number >= 100 else format_plain(number)
    if name in _PERCENT:
        sign = "-" if number < 0 else "+"
        return f"{sign}{format_plain(100 * abs(number), 3)} %"
    if name in _COMPUTE:
        return format_compute(number)
    return format_count(number) if name in _COUNTS else format_plain(number)


def show(frame: pd.DataFrame, options: argparse.Namespace, *, index: bool = False) -> None:
    """Print a table as Markdown, or with all digits as CSV or JSON."""
    shown = frame.reset_index() if index else frame
    if options.json:
        text = shown.to_json(orient="records", double_precision=15)
        print(json.dumps(json.loads(text), allow_nan=False))
    elif options.csv:
        print(shown.to_csv(index=False), end="")
    else:
        print(markdown(frame, index=index))


def say(text: str, options: argparse.Namespace) -> None:
    """Print a sentence beside a table that is for people."""
    if not (options.json or options.csv):
        print(text)


def save(result: Any, file: Path) -> None:
    """Save a fit or a forecast, and say which file was written or replaced."""
    size = file.stat().st_size if file.is_file() else None
    result.save(file)
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
    formats = parser.add_mutually_exclusive_group()
    formats.add_argument("--csv", action="store_true", help="CSV output with all digits")
    formats.add_argument("--json", action="store_true", help="JSON output with all digits")
    parser.set_defaults(verb=run)
    return parser


def fit_option(parser: Any) -> None:
    """A saved fit, what a run costs, and where in the law's other variables to plan."""
    parser.add_argument("fit", type=Path, help=LAW_HELP)
    parser.add_argument(
        "--cost",
        type=parse_number,
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
    parser.add_argument(option, nargs="+", type=parse_number, metavar="NUMBER", help=text, **more)


def plot_option(parser: Any) -> None:
    """A file for the picture."""
    parser.add_argument(
        "--plot", type=Path, metavar="FILE", help="output file of the figure (.png, .pdf or .svg)"
    )


def limits(options: argparse.Namespace) -> dict[str, tuple[float, float]] | None:
    """Limits of N and D from --most-params and --most-tokens."""
    most = {"N": options.most_params, "D": options.most_tokens}
    return {name: (0.0, value) for name, value in most.items() if value is not None} or None
