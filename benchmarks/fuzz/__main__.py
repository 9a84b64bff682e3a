"""Input that ends in an exception or a warning of someone else's, or does not end.

python -m benchmarks.fuzz --quick                  a few dozen cases of each kind, half a minute
python -m benchmarks.fuzz --minutes 60 --write     as many as an hour holds
python -m benchmarks.fuzz --kind tables --case 17  one case, with its traceback

A case is drawn from its seed, kind and number alone, and can be run again. `--quick` ends with
the number of cases that ended badly.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from benchmarks.fuzz.trial import KINDS, LIMIT, Case, Trial, case_of, run
from benchmarks.harness import RESULTS, Section, header

# Cases of each kind in the smoke test: about as much time for each.
QUICK = {
    "tables": 50, "formulas": 400, "files": 200, "commands": 120, "points": 200, "plans": 80,
}  # fmt: skip
_BAD = ("foreign", "leak", "hang")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run cases for a while, and print how they ended."""
    asked = _parser().parse_args(arguments)
    kinds = asked.kind or list(KINDS)
    if asked.case is not None:
        one = case_of(kinds[0], asked.seed, asked.case)
        print(one.text, run(one))
        one.act()
        return 0
    begin = time.perf_counter()
    rows = []
    for kind, number in _numbers(kinds, asked.minutes, quick=asked.quick):
        case = case_of(kind, asked.seed, number)
        found = run(case)
        rows.append(_row(kind, number, case, found))
        if found.outcome in _BAD and asked.verbose:
            print(*rows[-1].values(), sep=" | ", flush=True)
    section = _section(pd.DataFrame(rows), (time.perf_counter() - begin) / 60, asked.seed)
    page = f"{header()}\n{section.markdown()}"
    print(page, flush=True)
    if asked.write:
        (RESULTS / "fuzz.md").write_text(page, encoding="utf-8")
    bad = sum(row["outcome"] in _BAD for row in rows)
    return min(bad, 100) if asked.quick else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.fuzz",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--quick", action="store_true", help="a fixed number of cases, as a smoke test")
    add("--minutes", type=float, default=1.0, help="how long to go on (1)")
    add("--kind", nargs="+", choices=KINDS, help="kinds of input; all by default")
    add("--case", type=int, help="run one case and show its traceback")
    add("--seed", type=int, default=0)
    add("--verbose", action="store_true", help="print bad cases at once")
    add("--write", action="store_true", help="write the page into benchmarks/results/")
    return parser


def _numbers(kinds: Sequence[str], minutes: float, *, quick: bool) -> Iterator[tuple[str, int]]:
    """Kinds and numbers of cases: a fixed set, or in turns of equal time until time is over."""
    if quick:
        for kind in kinds:
            yield from ((kind, number) for number in range(QUICK[kind]))
        return
    counters = {kind: itertools.count() for kind in kinds}
    spent = dict.fromkeys(kinds, 0.0)
    end = time.perf_counter() + 60 * minutes
    while (now := time.perf_counter()) < end:
        kind = min(spent, key=lambda k: spent[k])
        yield kind, next(counters[kind])
        spent[kind] += time.perf_counter() - now


def _row(kind: str, number: int, case: Case, trial: Trial) -> dict[str, object]:
    return {
        "kind": kind, "number": number, "outcome": trial.outcome, "signature": trial.signature,
        "message": _plain(trial.message), "seconds": trial.seconds, "text": _plain(case.text),
    }  # fmt: skip


def _plain(text: str) -> str:
    return text.encode("unicode_escape").decode()[:300]


def _section(frame: pd.DataFrame, minutes: float, seed: int) -> Section:
    section = Section("Fuzzing")
    rows = []
    for kind, own in frame.groupby("kind", sort=False):
        counts = Counter(own["outcome"])
        rows.append({
            "kind": kind, "cases": f"{len(own):,}", "answers": counts["answer"],
            "errors of the library": counts["refused"], "foreign exceptions": counts["foreign"],
            "leaked warnings": counts["leak"], f"over {LIMIT:g} s": counts["hang"],
            "slowest": f"{own['seconds'].max():.2f} s",
        })  # fmt: skip
    section.table(f"{minutes:.1f} minutes, seed {seed}", rows)
    bad = frame[frame["outcome"].isin(_BAD)]
    groups = bad.groupby(["kind", "outcome", "signature"], sort=False)
    bad_ones: list[dict[str, Any]] = [
        {"kind": kind, "what": outcome, "where": signature, "cases": len(own),
         "first": own["number"].iloc[0],
         "message": own["message"].iloc[0].replace("|", r"\|")[:90]}
        for (kind, outcome, signature), own in groups
    ]  # fmt: skip
    if bad_ones:
        section.table("What ended badly, each kind once", bad_ones)
    for name, outcome in (
        ("foreign exceptions", "foreign"), ("leaked warnings", "leak"),
        (f"cases over {LIMIT:g} s", "hang"),
    ):  # fmt: skip
        section.at_most(name, float((frame["outcome"] == outcome).sum()), 0)
    return section


if __name__ == "__main__":
    raise SystemExit(main())
