"""Do the intervals hold? The study as a command.

python -m benchmarks.coverage --quick            a few tables of four cells, for a smoke test
python -m benchmarks.coverage --workers 2 --write  all of it, an hour, into benchmarks/results/
python -m benchmarks.coverage --cells 0:13 --save a.csv   half of it, resumed where it stopped
python -m benchmarks.coverage --parts a.csv b.csv --write
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from benchmarks.coverage.cells import cells
from benchmarks.coverage.methods import METHODS, USUAL
from benchmarks.coverage.study import study
from benchmarks.coverage.summary import section
from benchmarks.harness import RESULTS, header

_QUICK_CELLS, _QUICK_TABLES = [0, 5, 12, 25], 4


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the study, or put its parts together, and print the page."""
    parser = _parser()
    asked = parser.parse_args(arguments)
    if asked.parts:
        frame = pd.concat([pd.read_csv(part) for part in asked.parts], ignore_index=True)
        frame = frame.sort_values("cell", kind="stable", ignore_index=True)
        if frame.duplicated(["cell", "method", "target", "level"]).any():
            parser.error("the parts have cells in common; each cell belongs in one")
    else:
        indices = _QUICK_CELLS if asked.quick else asked.cells
        frame = study(
            indices, _QUICK_TABLES if asked.quick else asked.tables, asked.methods,
            seed=asked.seed, workers=asked.workers, save=asked.save,
        )  # fmt: skip
    found = section(frame, asked.promised)
    page = f"{header()}\n{found.markdown()}"
    print(page, flush=True)
    if asked.write:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "coverage.md").write_text(page, encoding="utf-8")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.coverage",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--quick", action="store_true", help="a few tables of a few cells")
    add("--cells", type=_cells, default=list(range(len(cells()))), help="FIRST:END, or 1,4,7")
    add("--tables", type=int, default=1000, help="simulated tables in each cell")
    add("--methods", nargs="+", choices=list(METHODS), default=list(USUAL))
    add("--promised", default="default", choices=list(METHODS), help="the method that is judged")
    add("--seed", type=int, default=0)
    add("--workers", type=int, default=1, help="processes; the numbers do not depend on it")
    add("--save", type=Path, help="CSV to which each cell is added when done, and resumed from")
    add("--parts", type=Path, nargs="+", help="put together CSVs of earlier runs")
    add("--write", action="store_true", help="write the page and its numbers")
    return parser


def _cells(text: str) -> list[int]:
    every = range(len(cells()))
    if ":" in text:
        first, _, end = text.partition(":")
        chosen = list(every[int(first or 0) : int(end) if end else None])
    else:
        chosen = [int(part) for part in text.split(",")]
    if not chosen or not set(chosen) <= set(every):
        raise argparse.ArgumentTypeError(f"cells are 0 to {len(every) - 1}; got {text!r}")
    return chosen


if __name__ == "__main__":
    raise SystemExit(main())
