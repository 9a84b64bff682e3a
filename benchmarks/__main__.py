"""python -m benchmarks: everything side by side, as Markdown.

python -m benchmarks                          all subjects, about an hour
python -m benchmarks --quick                  each in small, for a smoke test
python -m benchmarks --only cold_fit --write  one subject, into benchmarks/results/
python -m benchmarks --only global_minimum --seeds 0:500 --save part.csv
python -m benchmarks --only global_minimum --parts part.csv other.csv --write
python -m benchmarks --only global_minimum --save now.csv --rival part.csv
python -m benchmarks --only campaign --parts campaign.csv
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from benchmarks.harness import RESULTS, Options, data_folder, header

SUBJECTS = (
    "cold_fit", "bootstrap", "large", "typed_law", "nist", "global_minimum", "hard_laws",
    "invariance",
    "held_out", "optima", "inverse", "campaign", "forecast", "trends",
    "whole_calls", "verb_path",
)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the chosen subjects and print them."""
    asked = _parser().parse_args(arguments)
    options = Options(
        quick=asked.quick, full=asked.full, data=data_folder(asked.data), rounds=asked.rounds,
        seeds=asked.seeds, real=not asked.no_real, save=asked.save,
        rival=asked.rival, parts=tuple(asked.parts or ()),
    )  # fmt: skip
    missed = 0
    for subject in asked.only or SUBJECTS:
        section = import_module(f"benchmarks.{subject}").run(options)
        missed += sum(not bar.met for bar in section.bars)
        page = f"{header()}\n{section.markdown()}"
        print(page, flush=True)
        if asked.write:
            RESULTS.mkdir(exist_ok=True)
            (RESULTS / f"{subject}.md").write_text(page, encoding="utf-8")
    return min(missed, 100) if asked.strict else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--only", nargs="+", choices=SUBJECTS, help="subjects to run; all by default")
    add("--quick", action="store_true", help="a small version of each, under a minute in all")
    add("--full", action="store_true", help="all 4,500 starts of the literature, not a sample")
    add("--write", action="store_true", help="write the pages into benchmarks/results/")
    add("--strict", action="store_true", help="exit with the number of bars that were missed")
    add("--data", type=Path, help="folder of the public tables (or $SCALINGLAWS_DATA)")
    add("--rounds", type=int, help="interleaved rounds of timing")
    add("--seeds", type=_seeds, default=range(1000), help="random tables, FIRST:END")
    add("--no-real", action="store_true", help="random tables only")
    add("--save", type=Path, help="CSV to which each table's outcome is added, and resumed from")
    add("--rival", type=Path, help="CSV of an earlier run: take the rival's searches from there")
    add("--parts", type=Path, nargs="+", help="summarise CSVs of earlier runs")
    return parser


def _seeds(text: str) -> range:
    first, _, end = text.partition(":")
    return range(int(first), int(end)) if end else range(int(first))


if __name__ == "__main__":
    raise SystemExit(main())
