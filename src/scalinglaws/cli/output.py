"""What verbs write: cards, tables, files and pictures."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from scalinglaws.cli.vocabulary import in_terminal
from scalinglaws.display import Card, as_text, card_of
from scalinglaws.display.plan_columns import plan_table
from scalinglaws.errors import no_warnings
from scalinglaws.escaping import one_line
from scalinglaws.numerals import plural

OK, DOUBTFUL = 0, 3  # exit status; see `command_line`


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
    print(as_text(_in_terminal(card, options, following)))


def _in_terminal(card: Card, options: argparse.Namespace, following: str = "") -> Card:
    """A card with the terminal's options, and the command that comes next."""
    known = getattr(options, "known", ())
    caveats = tuple(in_terminal(text, known) for text in card.caveats)
    return replace(card, caveats=caveats, more="--json", next=following)


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
    with no_warnings():  # the table has said it
        ax = make()
    figure_of(ax).savefig(file, dpi=150)
