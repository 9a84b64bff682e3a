"""Every catalogue law fitted to its own kind of table: public numbers compared, and times.

python -m benchmarks.snapshot save FILE       public numbers, on the code before a change
python -m benchmarks.snapshot compare FILE    the same on the code after, beside those
python -m benchmarks.snapshot times           times and verdicts, into results/fit_times.md

Numbers are saved with noise of 0.5 %, for three objectives. Where a law is not identified, other
parameters may have the same minimum: that is reported, but is no change.
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
from benchmarks.harness import RESULTS, Section, duration, header
from tests.catalogue_rows import ROWS, coefficients

NOISE, TOLERANCE = 0.005, 1e-9
Objective = Literal["auto", "squared", "absolute"]
OBJECTIVES: tuple[Objective, ...] = ("auto", "squared", "absolute")
_BEYOND = 4.0  # predictions are made at so many times the largest run
_BUDGET = 1e23
_TIMES_NOISE, _TABLES = 0.003, 3  # of the page of times
Record = dict[str, Any]


def fitted(name: str, objective: Objective, noise: float, seed: int) -> tuple[sl.Fit, float]:
    """A law of the catalogue on its own kind of table, and the processor time of the fit."""
    row, law, values, table = ROWS[name], sl.laws[name], coefficients(name), ROWS[name].table()
    truth = law.value(values, table)
    size = truth if row.scale == "log" else np.abs(truth).mean()
    errors = noise * np.random.default_rng(seed).standard_normal(len(table))
    table["performance"] = truth + size * errors
    scale: Any = row.scale
    begin = time.process_time()
    fit = sl.fit(
        table, law, y="performance", scale=scale, units="trust", objective=objective,
        columns={v: v for v in law.variables}, fixed={p: values[p] for p in row.fixed},
    )  # fmt: skip
    return fit, time.process_time() - begin


# --- public numbers ---------------------------------------------------------------------------


def take() -> dict[str, Record]:
    """The numbers of all laws and objectives, and the processor time of each fit."""
    return {
        f"{name} {objective}": _numbers(name, objective)
        for name in ROWS
        for objective in OBJECTIVES
    }


def _numbers(name: str, objective: Objective) -> Record:
    fit, seconds = fitted(name, objective, NOISE, len(name))
    law, table = fit.law, ROWS[name].table()
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


# --- times ------------------------------------------------------------------------------------


def times() -> pd.DataFrame:
    """One row for each law: the median of a few tables with noise of their own."""
    rows: list[dict[str, Any]] = []
    for name, row in ROWS.items():
        tries = [fitted(name, "auto", _TIMES_NOISE, seed) for seed in range(_TABLES)]
        inside = []
        for fit, _ in tries:
            free = fit.table.drop(index=list(row.fixed))
            true = pd.Series(coefficients(name))[free.index]
            inside.append(((free["low"] <= true) & (true <= free["high"])).mean())
        verdicts = [fit.status.name.lower().replace("_", " ") for fit, _ in tries]
        rows.append({
            "law": name, "coefficients": len(tries[0][0].params) - len(row.fixed),
            "runs": tries[0][0].n, "seconds": np.median([seconds for _, seconds in tries]),
            "inside": np.mean(inside), "verdicts": ", ".join(dict.fromkeys(verdicts)),
        })  # fmt: skip
    return pd.DataFrame(rows).sort_values("seconds", ascending=False)


def page(table: pd.DataFrame) -> str:
    """As a document."""
    section = Section("Fit times")
    shown = table.assign(
        seconds=table["seconds"].map("{:.2f}".format),
        inside=(100 * table["inside"]).map("{:.0f} %".format),
    )
    section.table(
        "Written by `python -m benchmarks.snapshot times`, in processor time of one core: each law "
        f"on its own kind of table, noise of {100 * _TIMES_NOISE:g} %, no starting point, Huber "
        f"loss; median of {_TABLES}. The share of true coefficients inside their 95 % intervals is "
        "over all tables.\n\n"
        f"All laws: median {table['seconds'].median():.2f} s, {(table['seconds'] < 1).sum()} of "
        f"{len(table)} under a second, {100 * table['inside'].mean():.0f} % inside.",
        shown.to_dict("records"),  # type: ignore[arg-type]
    )
    return f"{header()}\n{section.markdown()}"


def main() -> None:
    """Save the numbers of this code, compare them with those of a file, or write the times."""
    command = sys.argv[1]
    with warnings.catch_warnings(action="ignore"):
        if command == "times":
            (RESULTS / "fit_times.md").write_text(page(times()), encoding="utf-8")
            return
        now = take()
    path = Path(sys.argv[2])
    if command == "save":
        path.write_text(json.dumps(now), encoding="utf-8")
    else:
        print("\n".join(compare(json.loads(path.read_text(encoding="utf-8")), now)))


if __name__ == "__main__":
    main()
