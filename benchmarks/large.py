"""Large tables: time and peak memory from 1e4 to 1e7 rows, each fit in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import library
from benchmarks.harness import DELTA, Options, Section, Table, duration, large_table
from benchmarks.rivals import PUBLISHED, Rivals

ROWS = (10_000, 100_000, 1_000_000, 10_000_000)
LIMIT = 600.0
_HOLD = "the table alone"
_LIBRARY, _HUBER = "library, huber", "least_squares huber, exact Jacobian"


# What each process runs.
CONTENDERS: dict[str, Callable[[Table], object]] = {
    _HOLD: lambda table: table.y,
    _LIBRARY: lambda table: library.fit(table.frame, "chinchilla", objective="huber", delta=DELTA),
    "library, squared": lambda table: library.fit(table.frame, "chinchilla", objective="squared"),
    "curve_fit, log parameters, p0 as published": lambda table: Rivals.on(table).curve_fit_logs(
        PUBLISHED
    ),
    _HUBER: lambda table: Rivals.on(table).robust_least_squares(PUBLISHED),
}


def run(options: Options) -> Section:
    """Every contender at every size; sizes in turn, contenders in turn inside a round."""
    section = Section("Large tables")
    sizes = ROWS[:1] if options.quick else ROWS
    rows: list[dict[str, Any]] = []
    for size in sizes:
        rounds = options.rounds or (1 if options.quick or size >= ROWS[-1] else 3)
        rows += _at_size(size, rounds)
    by = {(r["contender"], r["rows"]): r for r in rows}
    last = f"{sizes[-1]:.0e}"
    ours, theirs = by[_LIBRARY, last], by[_HUBER, last]
    section.table(
        "sl.fit with intervals and verdict, against a bare minimisation from a good start. Memory "
        "is the peak of the process above that of one that only holds the table "
        "(24 bytes a row). Ratios are of processor times.",
        [{k: v for k, v in row.items() if not k.startswith("_")} for row in rows],
    )
    # a contender that gave up counts as infinitely slow
    faster = theirs["_seconds"] / ours["_seconds"]
    extra = ours["_extra"]
    section.at_least(f"times faster than least_squares at {last} rows", faster, 5)
    section.at_most(f"memory relative to least_squares at {last}", extra / theirs["_extra"], 0.1)
    section.at_most(f"extra bytes a row at {last} rows", extra / sizes[-1], 100)
    section.at_most(f"extra memory relative to the table at {last}", extra / (24 * sizes[-1]), 1)
    return section


def _at_size(size: int, rounds: int) -> list[dict[str, Any]]:
    names = list(CONTENDERS)
    reports: dict[str, list[dict[str, float] | None]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory() as folder:
        table = large_table(size)
        for name in ("N", "D", "y"):
            np.save(Path(folder) / f"{name}.npy", getattr(table, name))
        del table
        for _ in range(rounds):
            for name in names:
                reports[name].append(_in_a_process(name, Path(folder)))
    hold = min(r["peak"] for r in reports[_HOLD] if r)
    rows: list[dict[str, Any]] = []
    for name in names[1:]:
        done = [r for r in reports[name] if r]
        row: dict[str, Any] = {"contender": name, "rows": f"{size:.0e}"}
        if done:
            times = [r["seconds"] for r in done]
            used = float(np.median([r["processor"] for r in done]))
            extra = float(np.median([r["peak"] for r in done]) - hold)
            row |= {
                "time": duration(float(np.median(times))),
                "min to max": f"{duration(min(times))} to {duration(max(times))}",
                "processor time": duration(used), "µs a row": f"{used / size * 1e6:.3g}",
                "extra memory": f"{extra / 1e6:.0f} MB", "bytes a row": f"{extra / size:.0f}",
                "_seconds": used, "_extra": max(extra, 1.0),
            }  # fmt: skip
        else:
            row |= {"time": f"> {LIMIT:.0f} s, or no answer", "_seconds": np.inf, "_extra": np.inf}
        rows.append(row)
    return rows


def _in_a_process(name: str, folder: Path) -> dict[str, float] | None:
    command = [sys.executable, "-m", "benchmarks.large", name, str(folder)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=LIMIT, check=True,
            cwd=Path(__file__).parents[1],
        )  # fmt: skip
    except (subprocess.TimeoutExpired, subprocess.CalledProcessError) as error:
        print(f"{name}: {type(error).__name__} {getattr(error, 'stderr', '')!s:.300}", flush=True)
        return None
    return dict(json.loads(done.stdout.splitlines()[-1]))


def _child(name: str, folder: str) -> None:
    n, d, y = (np.load(Path(folder) / f"{column}.npy") for column in ("N", "D", "y"))
    table = Table(n, d, y, "")
    begin, used = time.perf_counter(), time.process_time()
    CONTENDERS[name](table)
    report = {
        "seconds": time.perf_counter() - begin,
        "processor": time.process_time() - used,
        "peak": _peak(),
    }
    print(json.dumps(report))


def _peak() -> float:
    """Largest resident memory of this process, in bytes."""
    status = Path("/proc/self/status")
    if status.exists():  # ru_maxrss would count what the parent held when it forked
        line = next(v for v in status.read_text().splitlines() if v.startswith("VmHWM"))
        return float(line.split()[1]) * 1024
    resource = import_module("resource")
    unit = 1 if sys.platform == "darwin" else 1024
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)


if __name__ == "__main__":
    _child(*sys.argv[1:])
