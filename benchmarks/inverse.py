"""The inverse of a law in one variable, and gains: how often their intervals hold the truth.

Runs of ``loss = E + a*C**-b`` over two decades of compute, noise of half a per cent of the loss.

python -m benchmarks --only inverse --write
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

import scalinglaws as sl
from benchmarks.harness import Options, Section

LEVEL = 0.9
SIZES = (6, 12, 24)
FLOORS = (0.0, 0.5, 0.8)  # shares of the loss at the largest run
DISTANCES = (3.0, 10.0, 100.0)
NOISE, EXPONENT = 0.005, 0.3
SMALLEST, LARGEST = 1e19, 1e21
GAIN = 2.0  # compute of the first recipe over that of the second
_LEAST_MEAN, _LEAST = 86.0, 80.0  # coverage of nominal 90 %, over all rows and in any of them


def run(options: Options) -> Section:
    """Both tables."""
    found = Section("Inverse of a law in one variable")
    repeats = options.count(200, 3)
    reached = [row for cell in product(FLOORS, SIZES) for row in _reached(*cell, repeats)]
    found.table(
        f"Intervals of the compute that reaches a loss, nominal 90 %, {repeats} tables a row.",
        reached,
    )
    gains = [_gained(kind, n, repeats) for kind, n in product(_GAINS, SIZES[1:])]
    found.table(
        f"Intervals of a gain of {GAIN:g} at the largest run, nominal 90 %; floor of half the "
        f"loss, {repeats} tables a row.",
        gains,
    )
    for name, rows in (("compute at a loss", reached), ("gain", gains)):
        held = [row["held, %"] for row in rows]
        found.at_least(f"{name}: mean coverage", float(np.mean(held)), _LEAST_MEAN, " %")
        found.at_least(f"{name}: lowest coverage of a row", min(held), _LEAST, " %")
    return found


def _truth(floor: float) -> dict[str, float]:
    """A loss of 2 at the largest run."""
    return {"E": 2.0 * floor, "a": 2.0 * (1.0 - floor) * LARGEST**EXPONENT}


def _loss(C: Any, floor: float) -> Any:
    truth = _truth(floor)
    return truth["E"] + truth["a"] * np.asarray(C) ** -EXPONENT


def _table(n: int, floor: float, rng: np.random.Generator, gain: float = 1.0) -> pd.DataFrame:
    C = np.geomspace(SMALLEST, LARGEST, n)
    loss = _loss(gain * C, floor) * np.exp(NOISE * rng.standard_normal(n))
    return pd.DataFrame({"C": C, "loss": loss})


def _fit(runs: pd.DataFrame, law: str = "loss ~ E + a/C**b", **options: Any) -> sl.Fit:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sl.ScalingLawWarning)
        return sl.fit(runs, law, confidence_level=LEVEL, **options)


def _reached(floor: float, n: int, repeats: int) -> Iterator[dict[str, Any]]:
    """A row for each distance, and one for a loss below the floor."""
    compute = LARGEST * np.array([*DISTANCES, np.inf])
    wanted = np.append(_loss(compute[:-1], floor), 0.98 * _truth(floor)["E"])
    found = []
    for seed in range(repeats):
        fit = _fit(_table(n, floor, np.random.default_rng([seed, n])))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", sl.ScalingLawWarning)
            found.append(fit.reach(wanted[wanted > 0]).to_frame())
    for k, true in enumerate(compute[: len(found[0])]):
        rows = pd.DataFrame([frame.iloc[k] for frame in found])
        finite = np.isfinite(rows["high"])
        yield {
            "floor, share": floor, "runs": n,
            "beyond": f"{DISTANCES[k]:g}x" if k < len(DISTANCES) else "below the floor",
            "held, %": _percent((rows["low"] <= true) & (true <= rows["high"])),
            "no upper end, %": _percent(~finite),
            "high/low, median": _median((rows["high"] / rows["low"])[finite]),
            "estimate/true, median": _median(rows["estimate"] / true)
            if np.isfinite(true) else np.nan,
        }  # fmt: skip


def _shared(runs: pd.DataFrame) -> tuple[Any, Any]:
    fit = _fit(runs, "loss ~ E + a[recipe]/C**b")
    old, new = (sl.planning.one_group(fit, recipe=name) for name in ("old", "new"))
    return old, new


def _pinned(runs: pd.DataFrame) -> tuple[Any, Any]:
    fixed = {"E": _truth(_FLOOR)["E"]}
    old, new = (_fit(part, fixed=fixed) for part in _parts(runs))
    return old, new


def _apart(runs: pd.DataFrame) -> tuple[Any, Any]:
    old, new = map(_fit, _parts(runs))
    return old, new


def _parts(runs: pd.DataFrame) -> list[pd.DataFrame]:
    return [runs[runs["recipe"] == name] for name in ("old", "new")]


_FLOOR = 0.5
_GAINS = {
    "one floor and exponent": _shared,
    "the same floor given to both": _pinned,
    "a floor of its own each": _apart,
}


def _gained(kind: str, n: int, repeats: int) -> dict[str, Any]:
    found = []
    for seed in range(repeats):
        rng = np.random.default_rng([seed, n])
        tables = [_table(n, _FLOOR, rng, gain) for gain in (1.0, GAIN)]
        runs = pd.concat([t.assign(recipe=r) for t, r in zip(tables, ("old", "new"), strict=True)])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", sl.ScalingLawWarning)
            pair = _GAINS[kind](runs)
            found.append(sl.gain(*pair, C=LARGEST, confidence_level=LEVEL).table.iloc[0])
    rows = pd.DataFrame(found)
    inside = (rows["gain_low"] <= GAIN) & (rows["gain_high"] >= GAIN)
    return {
        "laws": kind, "runs of each": n, "held, %": _percent(inside),
        "high/low, median": _median(rows["gain_high"] / rows["gain_low"]),
        "gain, median": _median(rows["gain"]),
    }  # fmt: skip


def _percent(held: pd.Series) -> float:
    return round(100 * float(held.mean()), 1)


def _median(values: pd.Series) -> float:
    return float(f"{values.median():.3g}")
