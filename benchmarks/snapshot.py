"""The public numbers of every catalogue law, saved and compared: a change that should change none.

python -m benchmarks.snapshot save FILE       on the code before
python -m benchmarks.snapshot compare FILE    on the code after

Each law is fitted to its own kind of table, with noise of 0.5 %, for three objectives. Where a law
is not identified, other parameters may have the same minimum: that is reported, but is no change.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

import scalinglaws as sl
from benchmarks.harness import duration
from tests.catalogue_rows import ROWS, coefficients

NOISE, TOLERANCE = 0.005, 1e-9
OBJECTIVES: tuple[Literal["auto", "squared", "absolute"], ...] = ("auto", "squared", "absolute")
_BEYOND = 4.0  # predictions are made at so many times the largest run
_BUDGET = 1e23
Record = dict[str, Any]


def take() -> dict[str, Record]:
    """The numbers of all laws and objectives, and the processor time of each fit."""
    return {
        f"{name} {objective}": _numbers(name, objective)
        for name in ROWS
        for objective in OBJECTIVES
    }


def _numbers(name: str, objective: Literal["auto", "squared", "absolute"]) -> Record:
    row, law, values, table = ROWS[name], sl.laws[name], coefficients(name), ROWS[name].table()
    truth = law.value(values, table)
    noise = NOISE * np.random.default_rng(len(name)).standard_normal(len(table))
    size = truth if row.scale == "log" else np.abs(truth).mean()
    table["performance"] = truth + size * noise
    scale: Any = row.scale
    begin = time.process_time()
    fit = sl.fit(
        table, law, y="performance", scale=scale, units="trust", objective=objective,
        columns={v: v for v in law.variables}, fixed={p: values[p] for p in row.fixed},
    )  # fmt: skip
    seconds = time.process_time() - begin
    last = {v: float(table[v].max()) * _BEYOND for v in law.variables}
    return {
        "loss": [fit.objective_value], "status": fit.status.name, "seconds": seconds,
        "params": fit.params.tolist(),
        "table": _floats(fit.table),
        "predict": _floats(law.value(fit.values, last)),
        "optimal": _optimal(fit) if {"N", "D"} == set(law.variables) else [],
    }  # fmt: skip


def _optimal(fit: sl.Fit) -> list[float]:
    try:
        return _floats(sl.optimal(fit, C=_BUDGET))
    except (sl.ScalingLawError, ValueError):
        return []


def _floats(numbers: Any) -> list[float]:
    """All numbers of a table, an array or a number, in one list."""
    if isinstance(numbers, pd.DataFrame):
        numbers = numbers.select_dtypes("number")
    return [float(v) for v in np.ravel(numbers)]


def compare(before: dict[str, Record], after: dict[str, Record]) -> list[str]:
    """One line for each fit with another number, and the processor times of all."""
    lines = []
    for name, old in before.items():
        new = after[name]
        if not _same(old["loss"], new["loss"]):
            (was,), (now,) = old["loss"], new["loss"]
            word = "lower" if now < was else "HIGHER"
            lines.append(f"{name}: {word} minimum, {was:.12g} before, {now:.12g} now")
            continue
        other = [k for k in ("params", "table", "predict", "optimal") if not _same(old[k], new[k])]
        if old["status"] != new["status"]:
            lines.append(f"{name}: {old['status']} before, {new['status']} now")
        if other:
            lines.append(f"{name}: equal loss, other {', '.join(other)} ({new['status']})")
    times = [sum(record["seconds"] for record in records.values()) for records in (before, after)]
    lines.append(f"{len(lines)} differences; fits took {' and '.join(map(duration, times))}")
    return lines


def _same(old: list[float], new: list[float]) -> bool:
    return len(old) == len(new) and np.allclose(new, old, TOLERANCE, 1e-300, equal_nan=True)


def main() -> None:
    """Save the numbers of this code, or compare them with those of a file."""
    command, path = sys.argv[1], Path(sys.argv[2])
    with warnings.catch_warnings(action="ignore"):
        now = take()
    if command == "save":
        path.write_text(json.dumps(now), encoding="utf-8")
    else:
        print("\n".join(compare(json.loads(path.read_text(encoding="utf-8")), now)))


if __name__ == "__main__":
    main()
