"""One cell after the other: how often the truth is inside, and how wide the intervals are."""

from __future__ import annotations

import multiprocessing
import time
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

import scalinglaws as sl
from benchmarks.coverage.cells import cells, law_of, truth_of
from benchmarks.coverage.methods import LEVELS, METHODS, Task
from benchmarks.coverage.tables import Oracle, Setting, oracle

Floats = npt.NDArray[np.float64]
_BLOCK = 25  # tables of one piece of work


@dataclass(frozen=True)
class Judged:
    """Intervals of some tables: shape (tables, methods, targets, levels) unless said otherwise.

    Attributes
    ----------
    side : -1 where the truth lies below the interval, 1 above, 0 inside, NaN without an interval
    width : on the target's scale
    seconds : (tables, methods), each without what it shares with those before it
    verdicts : of each table
    """

    side: Floats
    width: Floats
    seconds: Floats
    verdicts: tuple[str, ...]


def judge(index: int, tables: range, methods: Sequence[str], seed: int) -> Judged:
    """Draw tables of a cell and hold the intervals of each method against the truth."""
    setting = Setting(cells()[index])
    truth = np.array([float(t.value(truth_of(setting.cell))) for t in setting.targets])
    sides, widths, seconds, verdicts = [], [], [], []
    for table in tables:
        rng = np.random.default_rng([seed, index, table])
        runs, new = setting.draw(rng)
        task = Task(runs, law_of(setting.cell), setting.targets, setting.cluster)
        found = [_intervals(task, name) for name in methods]
        low, high = (_working(setting, [f[0][..., end] for f in found]) for end in (0, 1))
        seconds.append([f[1] for f in found])
        actual = (truth + new)[None, :, None]
        side = (actual > high).astype(float) - (actual < low)
        nothing = np.isnan(low) | np.isnan(high) | (np.isinf(low) & np.isinf(high))
        sides.append(np.where(nothing, np.nan, side))
        with np.errstate(invalid="ignore"):
            widths.append(np.where(nothing, np.inf, high - low))
        verdicts.append(_verdict(task))
    return Judged(np.array(sides), np.array(widths), np.array(seconds), tuple(verdicts))


def _intervals(task: Task, name: str) -> tuple[Floats, float]:
    begin = time.process_time()
    with warnings.catch_warnings(action="ignore"):
        try:
            found = METHODS[name](task)
        except sl.ScalingLawError:  # an error is an answer: there is no interval
            found = np.full((len(task.targets), len(LEVELS), 2), np.nan)
    return found, time.process_time() - begin


def _working(setting: Setting, natural: Iterable[Floats]) -> Floats:
    return np.array(
        [[t.working(v) for t, v in zip(setting.targets, method, strict=True)] for method in natural]
    )


def _verdict(task: Task) -> str:
    try:
        return task.default.fit.status.name
    except sl.ScalingLawError as error:
        return type(error).__name__


# --- a cell ---------------------------------------------------------------------------------


def study(
    indices: Sequence[int],
    n_tables: int,
    methods: Sequence[str],
    *,
    seed: int = 0,
    workers: int = 1,
    save: Path | None = None,
) -> pd.DataFrame:
    """Every cell that is asked for; with a file, each is added when done, and not done again.

    Raises
    ------
    ValueError
        If the file is of another study.
    """
    done = _earlier(save, n_tables, methods, seed)
    parts = [done] if len(done) else []
    # spawn: the same on every system
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) if workers > 1 else nullcontext() as pool:
        for index in indices:
            if len(done) and (done["cell"] == index).any():
                continue
            task = partial(judge, index, methods=methods, seed=seed)
            blocks = list(_blocks(n_tables))
            judged = list(pool.map(task, blocks) if pool else map(task, blocks))
            frame = summed_up(index, judged, methods).assign(seed=seed)
            parts.append(frame)
            if save is not None:
                frame.to_csv(save, mode="a", header=not save.exists(), index=False)
    return pd.concat(parts, ignore_index=True)


def _earlier(save: Path | None, n_tables: int, methods: Sequence[str], seed: int) -> pd.DataFrame:
    """What an earlier run of the same study saved."""
    if save is None or not save.exists():
        return pd.DataFrame()
    done = pd.read_csv(save)
    found = set(done["tables"]), set(done["seed"]), set(done["method"])
    if found != ({n_tables}, {seed}, set(methods)):
        raise ValueError(
            f"{save} is of another study: {', '.join(map(str, sorted(found[0])))} tables a cell, "
            f"seed {', '.join(map(str, sorted(found[1])))}, methods {', '.join(sorted(found[2]))}. "
            "Ask for the same, or save elsewhere."
        )
    return done


def _blocks(n_tables: int) -> Iterator[range]:
    for first in range(0, n_tables, _BLOCK):
        yield range(first, min(first + _BLOCK, n_tables))


def summed_up(index: int, judged: Sequence[Judged], methods: Sequence[str]) -> pd.DataFrame:
    """One row for each method, target and level of a cell."""
    cell = cells()[index]
    setting = Setting(cell)
    known = oracle(setting)
    side = np.concatenate([j.side for j in judged])
    width = np.concatenate([j.width for j in judged])
    seconds = np.concatenate([j.seconds for j in judged]).mean(axis=0)
    verdicts = Counter(v for j in judged for v in j.verdicts)
    words = " ".join(f"{name}={count}" for name, count in verdicts.most_common())
    rows = []
    for m, method in enumerate(methods):
        for t, target in enumerate(setting.targets):
            for k, level in enumerate(LEVELS):
                own = side[:, m, t, k]
                rows.append({
                    "cell": index, "law": cell.law, "runs": cell.runs, "design": cell.design,
                    "noise": cell.noise, "noise_level": cell.level, "target": target.name,
                    "kind": target.kind, "identified": identified(known, t), "method": method,
                    "level": level, "tables": len(own), "given": int(np.isfinite(own).sum()),
                    "covered": int((own == 0).sum()), "below": int((own == -1).sum()),
                    "above": int((own == 1).sum()),
                    "width": float(np.median(width[:, m, t, k])),
                    "oracle_width": known.width(t, level),
                    "seconds": round(float(seconds[m]), 5), "verdicts": words,
                })  # fmt: skip
    return pd.DataFrame(rows)


# An exponent or a floor of the oracle is this many standard errors from zero, and a coefficient
# known to such a factor (as a logarithm), or its own interval already means little.
_FIRM_RATIO, _FIRM_LOG, _OPEN_RATIO, _OPEN_LOG = 4.0, 1.0, 1.0, 3.0


def identified(known: Oracle, j: int) -> str:
    """Whether one who knows the noise can tell the target: "yes", "weakly" or "no"."""
    target, error = known.setting.targets[j], float(known.std_error[j])
    if target.scale == "log":
        size = error / _FIRM_LOG
        return "yes" if size <= 1 else "weakly" if error <= _OPEN_LOG else "no"
    value = abs(float(target.value(truth_of(known.setting.cell))))
    return "yes" if value >= _FIRM_RATIO * error else (
        "weakly" if value >= _OPEN_RATIO * error else "no"
    )  # fmt: skip
