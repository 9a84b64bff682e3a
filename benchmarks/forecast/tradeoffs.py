"""Near-optimal and smaller models at held-out budgets, from a forecast and from a law.

The sweeps, cuts and profiles are those of `benchmarks.optima`. What was measured comes from the
parabola of a hidden profile: the sizes whose loss is within 1 % of its lowest; and the smaller
model on a larger budget's profile whose loss is the lowest of a smaller budget.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

import scalinglaws as sl
from benchmarks import library
from benchmarks.harness import Options, Section
from benchmarks.optima import LEVEL, Cut, Reference, Sweep, cuts, sweeps

FORECAST, LAW = "forecast", "chinchilla"
_WITHIN = 0.01
_DRAWS = 300
_FARTHEST = 60.0  # times the compute of the largest known run
_LEAST, _MOST = 0.05, 0.08  # ln of the size factor; rise of ln loss along a profile


def run(options: Options) -> Section:
    """Every public sweep."""
    section = Section("Near-optimal and smaller models at held-out budgets")
    if options.data is None:
        section.notes.append("The public tables are absent.")
        return section
    chosen = [s for s in sweeps(options.data) if not options.quick or s.source == "Marin"]
    with warnings.catch_warnings(action="ignore"):
        rows = pd.DataFrame([row for sweep in chosen for row in scored(sweep)])
    section.table(
        f"Budgets up to {_FARTHEST:g} times the largest known run; intervals at 90 %. Error: mean "
        "absolute, of the logarithm; half-widths too, with open ends counted as 5. "
        "Every source counts once, and every series of a source.",
        [
            {"quantity": quantity, "method": method, **_mean(each).round(2), "targets": len(each)}
            for (quantity, method), each in rows.groupby(["quantity", "method"], sort=False)
        ],
    )
    if not options.quick:
        known = rows[rows["method"] == FORECAST].groupby("quantity")
        for quantity, each in known:
            section.at_least(f"covered, {quantity}", _mean(each)["covered"], 0.8)
    return section


def scored(sweep: Sweep) -> Iterator[dict[str, Any]]:
    """One row for each cut, hidden quantity and method."""
    for cut in cuts(sweep):
        known = cut.known[["N", "D", "C", "loss"]].astype(float)
        for method, (fit, options) in _methods(known).items():
            head = {"source": sweep.source, "series": sweep.series, "method": method}
            for quantity, measured, answer in _asked(sweep, cut, fit, options):
                try:
                    yield {**head, "quantity": quantity, **_score(answer(), np.log(measured))}
                except sl.ScalingLawError:
                    continue


def _methods(known: pd.DataFrame) -> dict[str, tuple[Any, dict[str, Any]]]:
    try:
        forecast = sl.forecast(known)
    except sl.DataError:
        return {}
    options = {"confidence_level": LEVEL, "n_resamples": _DRAWS}
    law = library.fit(known[["N", "D", "loss"]], "chinchilla")
    return {FORECAST: (forecast, options), LAW: (law, {**options, "cost": forecast.rows.flops})}


def _asked(
    sweep: Sweep, cut: Cut, fit: Any, options: dict[str, Any]
) -> Iterator[tuple[str, float, Callable[[], list[float]]]]:
    """Name of a quantity, what was measured, and how to get the answer with its interval."""
    near = {b: true for b, true in cut.hidden.items() if b <= _FARTHEST * cut.known["C"].max()}
    for budget, true in near.items():
        half = np.sqrt(np.log1p(_WITHIN) / true.curvature)
        band = partial(sl.near_optimal, fit, C=budget, within=_WITHIN, **options)
        for name, side in (("smallest", -1.0), ("largest", 1.0)):
            measured = float(np.exp(true.ln_n + side * half))
            yield name, measured, partial(_cell, band, name)
        for larger, other in near.items():
            smaller = _smaller(sweep, true, larger, other)
            if larger > budget and smaller is not None:
                extra = partial(sl.overtraining, fit, C=budget, smaller=smaller, **options)
                measured = larger / budget
                yield "compute of a smaller model", measured, partial(_cell, extra, "overhead", 1.0)


def _smaller(sweep: Sweep, true: Reference, larger: float, other: Reference) -> float | None:
    """How many times smaller the model is that reaches the lowest loss on a larger budget."""
    rise = true.ln_loss - other.ln_loss
    if not 0 < rise < _MOST:
        return None
    ln_n = other.ln_n - np.sqrt(rise / other.curvature)
    measured = np.log(sweep.runs.loc[sweep.runs["B"] == larger, "N"].min())
    factor = true.ln_n - ln_n
    return float(np.exp(factor)) if ln_n >= measured and factor > _LEAST else None


def _cell(plan: Callable[[], pd.DataFrame], name: str, more: float = 0.0) -> list[float]:
    frame = plan()
    return [more + float(frame[f"{name}{end}"].iloc[0]) for end in ("", "_low", "_high")]


def _score(answer: list[float], measured: float) -> dict[str, float]:
    with np.errstate(all="ignore"):
        estimate, low, high = np.log(answer)
    return {
        "error": abs(estimate - measured), "half-width": min(0.5 * (high - low), 5.0),
        "covered": float(low <= measured <= high),
    }  # fmt: skip


def _mean(rows: pd.DataFrame) -> pd.Series:
    """Every source counts once, and every series of a source."""
    finite = rows[np.isfinite(rows["error"])]
    each = finite.groupby(["source", "series"])[["error", "half-width", "covered"]].mean()
    mean: pd.Series = each.groupby("source").mean().mean()
    return mean
