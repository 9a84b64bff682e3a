"""Command-line verb that reads logs: ``scalinglaws read``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from scalinglaws.readers import read_runs

_MANY = 200  # files, from which on their number is shown


def add_read(verbs: Any) -> None:
    """Add the verb to the parser's."""
    parser = verbs.add_parser(
        "read",
        help="table of runs from logs",
        description="Read logs into a table of runs, and report the source of each column.",
        epilog="example: scalinglaws read logs/ --every eval --N sizes.csv -o runs.csv",
    )
    parser.add_argument(
        "paths", nargs="+", metavar="PATH", help="files, folders, patterns or archives"
    )
    parser.add_argument(
        "--every", choices=("eval", "step"),
        help="one row per evaluation or per logged step (one row per run)",
    )  # fmt: skip
    parser.add_argument("--metric", help="metric that becomes the loss (a held-out loss)")
    parser.add_argument(
        "--N", metavar="N",
        help="parameters: a number, a table of run and number, or a pattern (from the logs)",
    )  # fmt: skip
    parser.add_argument(
        "--D", metavar="D",
        help="training tokens: as --N, or an expression such as 'step * 524288' (from the logs)",
    )  # fmt: skip
    parser.add_argument(
        "--skip", action="store_true", help="skip and list damaged files (stop at the first)"
    )
    parser.add_argument("--workers", type=int, default=1, help="number of reading processes (1)")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE",
        help="output file, .csv or .parquet (CSV on the terminal)",
    )  # fmt: skip
    parser.set_defaults(verb=_read)


def _counting_map(function: Callable[[Any], Any], tasks: Iterable[Any]) -> Iterator[Any]:
    """Map, with a count on the screen where reading takes a while."""
    chunks = list(tasks)
    total, done = sum(map(len, chunks)), 0
    for task in chunks:
        yield function(task)
        done += len(task)
        if total > _MANY and sys.stderr.isatty():
            print(f"\r{done:,} of {total:,} files", end="", file=sys.stderr)
    if total > _MANY and sys.stderr.isatty():
        print(file=sys.stderr)


def _read(options: argparse.Namespace) -> int:
    if options.output is not None and options.output.suffix not in {".csv", ".parquet"}:
        raise ValueError(f"-o needs a name that ends in .csv or .parquet; got {options.output}.")
    runs = read_runs(
        options.paths,
        every=options.every,
        metric=options.metric,
        N=options.N,
        D=options.D,
        on_error="skip" if options.skip else "raise",
        workers=_counting_map if options.workers == 1 else options.workers,
    )
    print(runs.attrs["source"], file=sys.stderr)
    if options.output is None:
        print(runs.to_csv(index=False), end="")
    elif options.output.suffix == ".parquet":
        runs.to_parquet(options.output, index=False)
    else:
        runs.to_csv(options.output, index=False)
    return 0
