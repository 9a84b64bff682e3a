"""One fit from nothing: the 240 Chinchilla runs, Huber 1e-3 on log losses."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

import scalinglaws as sl
from benchmarks import library
from benchmarks.harness import (
    DELTA,
    Options,
    Section,
    Table,
    Timing,
    chinchilla_runs,
    duration,
    interleaved,
)
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
_N_RANDOM = 300


_ROBUST = "least_squares huber, exact Jacobian"
_WITH_START = "curve_fit, p0 as published"


class _Starts:
    """A multi-start method, a few starts a round, so that it interleaves with the others."""

    def __init__(
        self, solve: Callable[[Floats], Any], starts: Floats, rounds: int, of: int
    ) -> None:
        self.solve, self.batches = solve, iter(np.array_split(starts, rounds))
        self.of = of  # starts that the whole method has
        self.found: list[Any] = []

    def __call__(self) -> None:
        self.found += [self.solve(start) for start in next(self.batches)]


@dataclass(frozen=True)
class _Contest:
    """One table, and everything that is minimised on it."""

    table: Table
    rivals: Rivals
    huber: Task
    squares: Task

    @classmethod
    def on(cls, table: Table) -> _Contest:
        columns = {"N": table.N, "D": table.D}
        squares = Task(LAW, columns, table.y, "squared", None)
        return cls(table, Rivals.on(table), Task(LAW, columns, table.y), squares)

    def from_one_start(self) -> dict[str, Callable[[], object]]:
        """The library, which needs none, and what people type."""
        every: dict[str, Callable[[], object]] = {
            "library": self.huber.cold,
            "library, squared": self.squares.cold,
            "library, fit() with intervals and verdict": partial(
                library.fit, self.table.frame, "chinchilla", objective="huber", delta=DELTA
            ),
            "curve_fit": partial(natural_curve_fit, self.table, None),
            _WITH_START: partial(natural_curve_fit, self.table, PUBLISHED),
        }
        if installed("lmfit"):
            every["lmfit"] = partial(lmfit_fit, self.table, None)
            every["lmfit, p0 as published"] = partial(lmfit_fit, self.table, PUBLISHED)
        return every

    def from_many_starts(self, options: Options, rounds: int) -> dict[str, _Starts]:
        """The literature's grid, or a sample of it, and least squares from random starts."""
        rng = np.random.default_rng(0)
        count = len(GRID) if options.full else options.count(100, 6)
        grid = rng.permutation(GRID)[:count]
        uniform = random_starts(options.count(_N_RANDOM, 9), rng)
        literature, mean = self.rivals.literature_start, self.rivals.literature_mean_start
        return {
            "L-BFGS-B, numerical gradient, sum": _Starts(literature, grid, rounds, len(GRID)),
            "L-BFGS-B, numerical gradient, mean": _Starts(mean, grid, rounds, len(GRID)),
            _ROBUST: _Starts(self.rivals.robust_least_squares, uniform, rounds, _N_RANDOM),
        }


def run(options: Options) -> Section:
    """All contenders, interleaved."""
    contest = _Contest.on(chinchilla_runs(options.data))
    section = Section("Cold fit")
    rounds = options.rounds or options.count(20, 3)
    single, many = contest.from_one_start(), contest.from_many_starts(options, rounds)
    with warnings.catch_warnings(action="ignore"):
        for call in single.values():
            call()
        timings = interleaved({**single, **many}, rounds, warm=False, again=single)
    minima = _minima(contest, timings, many)
    rows = [_single_row(name, timings[name], contest.rivals, minima) for name in single]
    rows += [_many_row(name, m, timings[name], contest.rivals, minima) for name, m in many.items()]
    ours = timings["library"]
    for row in rows:
        row["times the library"] = f"{row['processor'] / ours.processor:.3g}"
        row["time"] = duration(row.pop("seconds"))
        row["processor time"] = duration(row.pop("processor"))
    section.table(
        "Median times on one core, ratios of processor times; excess over the minimum of the "
        "objective named.",
        rows,
    )
    section.at_most("excess of the cold fit", ours.result.value / minima["huber"] - 1, 1e-12)
    section.at_most("cold fit, processor time", ours.processor * 1e3, 5, " ms")
    section.notes.append(f"Table: {contest.table.note}. A method's starts are runs of it.")
    section.notes.append(
        "Contenders take turns; those of one start are called for 50 ms in each, as timeit does. "
        "The first call of a turn, with the caches full of the others' data, took the library "
        f"{duration(ours.first)}."
    )
    section.notes += [
        f"{name}: timed on {len(m.found)} random starts and scaled to {m.of}; --full runs the "
        "whole grid."
        for name, m in many.items()
        if len(m.found) < m.of
    ]
    if not installed("lmfit"):
        section.notes.append("lmfit is not installed.")
    return section


def _minima(
    contest: _Contest, timings: dict[str, Timing], many: dict[str, _Starts]
) -> dict[str, float]:
    """The certified minimum where there is one, or the best that any contender found."""
    rivals = contest.rivals
    found = [rivals.objective(f.x) for f in many[_ROBUST].found]
    best = min(timings["library"].result.value, *found)
    squares = [
        timings["library, squared"].result.value,
        rivals.squares(timings[_WITH_START].result),
    ]
    return {
        "huber": best if contest.table.minimum is None else contest.table.minimum,
        "squared": np.nanmin(squares),
    }


def _single_row(
    name: str, timing: Timing, rivals: Rivals, minima: dict[str, float]
) -> dict[str, Any]:
    result = timing.result
    ours = name.startswith("library")
    objective = "huber" if ours and not name.endswith("squared") else "squared"
    if isinstance(result, sl.Fit):
        value = result.objective_value
    else:
        value = result.value if ours else rivals.squares(result)
    excess = value / minima[objective] - 1
    return {
        "contender": name, "objective": objective, "starts": "none" if ours else 1,
        "excess": f"{excess:.1e}" if np.isfinite(excess) else "no answer",
        "seconds": timing.median, "processor": timing.processor, "min to max": timing.spread,
    }  # fmt: skip


def _many_row(
    name: str, method: _Starts, timing: Timing, rivals: Rivals, minima: dict[str, float]
) -> dict[str, Any]:
    values = np.array([rivals.objective(f.x) for f in method.found])
    success = np.array([bool(f.success) for f in method.found])
    near = values <= minima["huber"] * _NEAR
    scale = method.of / len(values)
    return {
        "contender": name, "objective": "huber", "starts": method.of,
        "excess": f"{np.nanmin(values) / minima['huber'] - 1:.1e}",
        "seconds": sum(timing.times) * scale, "processor": sum(timing.processor_times) * scale,
        "min to max": timing.spread, "starts within 1 %": f"{near.mean():.1%}",
        "elsewhere, with success=True": f"{(~near & success).mean():.1%}",
    }  # fmt: skip
