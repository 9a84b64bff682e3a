"""python -m benchmarks.forecast: 102 cuts of real tables, each hiding every larger run.

python -m benchmarks.forecast             all cuts, some minutes
python -m benchmarks.forecast --quick     a few cuts, for a smoke test
python -m benchmarks.forecast --write     into benchmarks/results/forecast.md
python -m benchmarks.forecast --simulated tables whose law is known, into forecast_simulated.md
python -m benchmarks.forecast --unfinished runs that are still training
python -m benchmarks.forecast --groups    groups of few runs, alone and together
python -m benchmarks.forecast --tasks     accuracies through the loss
python -m benchmarks.forecast --optima    optima of larger budgets, into forecast_optima.md
python -m benchmarks.forecast --tradeoffs near-optimal and smaller models at larger budgets
python -m benchmarks.forecast --curves    public learning curves, into forecast_curves.md
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from benchmarks.forecast import (
    groups,
    learning_curves,
    optima,
    real_runs,
    simulated,
    task_metrics,
    tradeoffs,
    unfinished,
)
from benchmarks.harness import RESULTS, Options, Section, data_folder, header

_STUDIES: dict[str, Callable[[Options], Section]] = {
    "": real_runs.run, "simulated": simulated.run, "curves": learning_curves.run,
    "unfinished": unfinished.run, "tasks": task_metrics.run, "groups": groups.run,
    "optima": optima.run, "tradeoffs": tradeoffs.run,
}  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    """Run one study and print it."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.forecast", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--quick", action="store_true", help="a small version")
    parser.add_argument("--write", action="store_true", help="write into benchmarks/results/")
    parser.add_argument("--simulated", action="store_true", help="tables whose law is known")
    parser.add_argument("--curves", action="store_true", help="learning curves")
    parser.add_argument("--tasks", action="store_true", help="accuracies through the loss")
    parser.add_argument("--groups", action="store_true", help="groups forecast together")
    parser.add_argument("--optima", action="store_true", help="optima of larger budgets")
    parser.add_argument("--tradeoffs", action="store_true", help="near-optimal, smaller models")
    parser.add_argument("--unfinished", action="store_true", help="runs that are still training")
    parser.add_argument("--data", type=Path, help="public tables (or $SCALINGLAWS_DATA)")
    asked = parser.parse_args(arguments)
    options = Options(quick=asked.quick, data=data_folder(asked.data))
    kind = next((kind for kind in _STUDIES if kind and getattr(asked, kind)), "")
    command = "python -m benchmarks.forecast" + (f" --{kind}" if kind else "")
    page = f"{header()}* `{command}`\n\n{_STUDIES[kind](options).markdown()}"
    name = f"forecast_{kind}" if kind else "forecast"
    print(page)
    if asked.write:
        (RESULTS / f"{name}.md").write_text(page, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
