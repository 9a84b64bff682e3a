"""One fit from nothing: the 240 Chinchilla runs, Huber 1e-3 on log losses."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

import scalinglaws as sl
from benchmarks import library
from benchmarks.data import DELTA, chinchilla_runs
from benchmarks.harness import Options, Section, Timing, duration, interleaved
from benchmarks.library import Task
from benchmarks.rivals import (
    GRID,
    PUBLISHED,
    Rivals,
    installed,
    lmfit_fit,
    natural_curve_fit,
    random_starts,
)

Floats = npt.NDArray[np.float64]

LAW = sl.Law("E + A/N**alpha + B/D**beta")
_NEAR = 1.01


class _Starts:
    """A multi-start method, a few starts a round, so that it interleaves with the others."""

    def __init__(self, solve: Callable[[Floats], Any], starts: Floats, rounds: int) -> None:
        self.solve, self.batches = solve, iter(np.array_split(starts, rounds))
        self.found: list[Any] = []

    def __call__(self) -> int:
        batch = next(self.batches)
        self.found += [self.solve(start) for start in batch]
        return len(batch)


def run(options: Options) -> Section:
    """All contenders, interleaved."""
    table = chinchilla_runs(options.data)
    section = Section("Cold fit")
    section.notes.append(f"Table: {table.note}. One start counts as one run of its method.")
    rounds = options.rounds or options.count(20, 3)
    rng = np.random.default_rng(0)
    rivals = Rivals.on(table)
    task = Task(LAW, {"N": table.N, "D": table.D}, table.y)
    squares = Task(LAW, {"N": table.N, "D": table.D}, table.y, "squared", None)
    sample = len(GRID) if options.full else options.count(100, 6)
    grid = GRID if options.full else GRID[rng.choice(len(GRID), sample, replace=False)]
    n_random = options.count(300, 9)
    many = {
        "L-BFGS-B, numerical gradient, sum": _Starts(rivals.literature_start, grid, rounds),
        "L-BFGS-B, numerical gradient, mean": _Starts(rivals.literature_mean_start, grid, rounds),
        "least_squares huber, exact Jacobian": _Starts(
            rivals.robust_least_squares, random_starts(n_random, rng), rounds
        ),
    }
    single: dict[str, Callable[[], object]] = {
        "library": task.cold,
        "library, squared": squares.cold,
        "library, fit() with intervals and verdict": partial(
            library.fit, table.frame, "chinchilla", objective="huber", delta=DELTA
        ),
        "curve_fit": partial(natural_curve_fit, table, None),
        "curve_fit, p0 as published": partial(natural_curve_fit, table, PUBLISHED),
    }
    if installed("lmfit"):
        single["lmfit"] = partial(lmfit_fit, table, None)
        single["lmfit, p0 as published"] = partial(lmfit_fit, table, PUBLISHED)
    else:
        section.notes.append("lmfit is not installed.")
    with warnings.catch_warnings(action="ignore"):
        for call in single.values():
            call()
        timings = interleaved({**single, **many}, rounds, warm=False)
    best = table.minimum
    if best is None:
        found = many["least_squares huber, exact Jacobian"].found
        best = min(timings["library"].result.value, *(rivals.objective(f.x) for f in found))
    lowest = min(squares.cold().value, rivals.squares(timings["curve_fit, p0 as published"].result))
    rows = _single_rows(single, timings, rivals, best, lowest)
    ours, used = timings["library"].median, timings["library"].processor
    starts_of = {0: len(GRID), 1: len(GRID), 2: 300}
    for k, (name, method) in enumerate(many.items()):
        rows.append(_many_row(name, method, starts_of[k], timings[name], rivals, best))
    for row in rows:
        row["times the library"] = f"{row['processor'] / used:.3g}"
        row["time"] = duration(row.pop("seconds"))
        row["processor time"] = duration(row.pop("processor"))
    section.table(
        "Median times on one core, ratios of processor times; excess over the minimum of the "
        "objective named.",
        rows,
    )
    if not options.full:
        section.notes.append(
            f"The {len(GRID)} starts of the literature are timed on a random sample of {sample} "
            f"and scaled up by the count; --full runs them all. least_squares ran from {n_random} "
            "starts, its time is scaled to 300."
        )
    value = timings["library"].result.value
    section.at_most("excess of the cold fit", value / best - 1, 1e-12)
    section.at_most("cold fit, median", ours * 1e3, 5, " ms")
    return section


def _single_rows(
    single: dict[str, Callable[[], object]],
    timings: dict[str, Timing],
    rivals: Rivals,
    best: float,
    lowest: float,
) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for name in single:
        result = timings[name].result
        if name == "library, squared":
            objective, excess = "squared", result.value / lowest - 1
        elif name.startswith("library"):
            value = getattr(result, "value", None) or result.objective_value
            objective, excess = "huber", value / best - 1
        else:
            objective, excess = "squared", rivals.squares(result) / lowest - 1
        rows.append({
            "contender": name, "objective": objective, "starts": 1,
            "excess": f"{excess:.1e}" if np.isfinite(excess) else "no answer",
            "seconds": timings[name].median, "processor": timings[name].processor,
            "min to max": timings[name].spread,
        })  # fmt: skip
        if name.startswith("library"):
            rows[-1]["starts"] = ""
    return rows


def _many_row(
    name: str,
    method: _Starts,
    count: int,
    timing: Timing,
    rivals: Rivals,
    best: float,
) -> dict[str, Any]:
    values = np.array([rivals.objective(f.x) for f in method.found])
    success = np.array([bool(f.success) for f in method.found])
    near = values <= best * _NEAR
    wrong = int((~near & success).sum())
    return {
        "contender": name, "objective": "huber", "excess": f"{np.nanmin(values) / best - 1:.1e}",
        "starts": count, "seconds": sum(timing.times) * count / len(values),
        "processor": sum(timing.processor_times) * count / len(values),
        "min to max": timing.spread,
        "starts within 1 %": f"{near.mean():.1%}",
        "elsewhere, with success=True": f"{wrong / len(values):.1%}",
    }  # fmt: skip
