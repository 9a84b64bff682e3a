"""Optima of held-out, larger budgets from IsoFLOP profiles, and exponents beside published ones.

A budget with at least four runs near its minimum, the best of them not at an end, has a reference
optimum: the vertex of a parabola of the log loss in ln N. It is predicted from profiles of three or
more smaller budgets.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import scalinglaws as sl
from benchmarks.harness import Options, Section

LEVEL = 0.9
_T90 = 1.645  # of the reference's own standard error
_MOST_CUTS = 5
_NOMINAL = np.array([6e18, 1e19, 3e19, 6e19, 1e20, 3e20, 6e20, 1e21, 3e21])  # Hoffmann et al.
_WHOLE = {"window": np.inf, "rise": np.inf}
METHODS: dict[str, dict[str, Any]] = {
    "default": {},
    "weighted": {"weighted": True},
    "whole profiles": _WHOLE,
    "whole profiles, weighted": {**_WHOLE, "weighted": True},
}
# Porian et al. 2024, arXiv:2406.19146: exponents after each of their corrections, as released.
_PORIAN = {
    "rw_base_warmup-long_decay-kaplan_N-kaplan_train": 0.8338,
    "rw_base_warmup-long_decay-kaplan_N-standard_val": 0.7009,
    "rw_base_warmup-short_decay-kaplan_N-standard_val": 0.6035,
    "rw_base_warmup-short_decay-chinchilla_N-standard_val": 0.5714,
    "rw_tuned_warmup-short_decay-const_N-standard_val": 0.4970,
    "owt2_base_warmup-long_decay-kaplan_N-kaplan_train": 0.8700,
    "owt2_base_warmup-long_decay-kaplan_N-standard_val": 0.7000,
    "owt2_base_warmup-short_decay-kaplan_N-standard_val": 0.6016,
    "owt2_base_warmup-short_decay-chinchilla_N-standard_val": 0.5689,
    "owt2_tuned_warmup-short_decay-const_N-standard_val": 0.5184,
}


@dataclass(frozen=True)
class Sweep:
    """The runs of one table with their budgets, B."""

    source: str
    series: str
    runs: pd.DataFrame


def sweeps(data: Path) -> Iterator[Sweep]:
    """Porian, Marin, Misfitting and Chinchilla."""
    porian = pd.read_csv(data / "porian" / "porian_isoflop.csv")
    for series, runs in porian.groupby("series"):
        if "standard_val" in str(series):
            yield Sweep("Porian", str(series), runs.assign(B=runs["C"]))
    marin = pd.read_csv(data / "isoflop_marin" / "marin_isoflop.csv").query("kind == 'isoflop'")
    for series, runs in marin.groupby("series"):
        yield Sweep("Marin", str(series), runs.assign(B=runs["budget"]))
    misfitting = pd.read_csv(data / "misfitting" / "misfitting_isoflop_interpolated.csv")
    misfitting = misfitting.query("qc_outlier == 0")
    yield Sweep("Misfitting", "isoflop", misfitting.assign(B=misfitting["budget"]))
    runs = pd.read_csv(data / "chinchilla" / "chinchilla_epoch.csv").query("outlier == 0")
    off = np.abs(np.log(runs["C"].to_numpy()[:, None]) - np.log(_NOMINAL))
    runs = runs.assign(B=_NOMINAL[off.argmin(axis=1)])[off.min(axis=1) < 0.12]
    yield Sweep("Chinchilla", "runs", runs)


@dataclass(frozen=True)
class Reference:
    """The optimum of one budget: ln N and its standard error, ln loss there, and curvature."""

    ln_n: float
    error: float
    ln_loss: float
    curvature: float


def reference(runs: pd.DataFrame) -> Reference | None:
    """The vertex of one budget; None without a clear minimum."""
    runs = runs.sort_values("N")
    x, y = np.log(runs["N"].to_numpy(float)), np.log(runs["loss"].to_numpy(float))
    best = int(y.argmin())
    near = (np.abs(x - x[best]) < 1.7) & (y < y[best] + 0.08)
    if near.sum() < 4 or best in (0, len(x) - 1):
        return None
    x, y = x[near], y[near]
    design = np.vander(x - x.mean(), 3, increasing=True)
    level = np.linalg.lstsq(design, y, rcond=None)[0]
    vertex = -level[1] / (2 * level[2])
    if level[2] <= 0.003 or not x.min() < x.mean() + vertex < x.max():
        return None
    residual = y - design @ level
    variance = max(float(residual @ residual) / max(len(x) - 3, 1), 1e-6)
    gradient = np.array([0.0, -1 / (2 * level[2]), level[1] / (2 * level[2] ** 2)])
    error = np.sqrt(variance * gradient @ np.linalg.inv(design.T @ design) @ gradient)
    if error >= 0.25:
        return None
    lowest = level[0] + 0.5 * level[1] * vertex
    return Reference(float(x.mean() + vertex), float(error), float(lowest), float(level[2]))


@dataclass(frozen=True)
class Cut:
    """Runs of the smaller budgets, and the optima of the larger ones that have one."""

    known: pd.DataFrame
    hidden: dict[float, Reference]


def cuts(sweep: Sweep) -> Iterator[Cut]:
    """Up to five cuts of a sweep, with three smaller budgets at least."""
    budgets = np.sort(sweep.runs["B"].unique())
    known = {b: reference(runs) for b, runs in sweep.runs.groupby("B")}
    places = [i for i in range(3, len(budgets)) if any(known[b] for b in budgets[i:])]
    chosen = np.linspace(0, len(places) - 1, min(_MOST_CUTS, len(places)))
    for place in np.unique(np.round(chosen).astype(int)):
        cut = budgets[places[place]]
        hidden = {float(b): r for b in budgets[places[place] :] if (r := known[b]) is not None}
        yield Cut(sweep.runs[sweep.runs["B"] < cut], hidden)


def predicted(sweep: Sweep, n_resamples: int) -> Iterator[dict[str, Any]]:
    """One row for each method, cut and larger budget with a reference optimum."""
    for place, cut in enumerate(cuts(sweep)):
        for method, options in METHODS.items():
            try:
                found = sl.isoflop(
                    cut.known, budgets="B", tolerance=0.13, truth=None, confidence_level=LEVEL,
                    n_resamples=n_resamples, **options,
                )  # fmt: skip
            except sl.DataError:
                continue
            for budget, true in cut.hidden.items():
                ahead = found.predict(budget).iloc[0]
                half = 0.5 * np.log(ahead["N_high"] / ahead["N_low"])
                error = np.log(ahead["N"]) - true.ln_n
                yield {
                    "source": sweep.source, "series": sweep.series, "cut": place, "budget": budget,
                    "method": method, "error": abs(error), "half-width": half,
                    "covered": abs(error) <= np.hypot(half, _T90 * true.error),
                }  # fmt: skip


def exponents(data: Path) -> Iterator[dict[str, Any]]:
    """N ~ C^a by each method, beside the published exponent where there is one."""
    porian = pd.read_csv(data / "porian" / "porian_isoflop.csv")
    tables = {
        f"Porian, {series}": (porian[porian["series"] == series].assign(B=lambda t: t["C"]), a)
        for series, a in _PORIAN.items()
    }
    others = [s for s in sweeps(data) if s.source != "Porian"]
    tables |= {f"{s.source}, {s.series}": (s.runs, np.nan) for s in others}
    for name, (runs, published) in tables.items():
        row: dict[str, Any] = {"table": name, "published": published}
        for method, options in {**METHODS, "akima": {"method": "akima"}}.items():
            found = sl.isoflop(
                runs, budgets="B", tolerance=0.13, truth=None, n_resamples=20, **options
            )
            row[method] = float(found.exponents["exponent"].to_dict()["N"])
        yield row


def run(options: Options) -> Section:
    """Every public sweep; nothing without them."""
    section = Section("Optima of held-out budgets from IsoFLOP profiles")
    if options.data is None:
        section.notes.append("The public tables are absent.")
        return section
    with warnings.catch_warnings(action="ignore", category=sl.DataWarning):
        chosen = [s for s in sweeps(options.data) if not options.quick or s.source == "Marin"]
        rows = [row for sweep in chosen for row in predicted(sweep, options.count(200, 20))]
        section.tables.append((_HELD_OUT, _summary(pd.DataFrame(rows))))
        section.tables.append((_EXPONENTS, pd.DataFrame(exponents(options.data)).round(4)))
    return section


_HELD_OUT = (
    "Error and half-width are of ln N, intervals at 90 %. Methods are compared on the targets that "
    "all of them predict; every source counts once, and every series of a source."
)
_EXPONENTS = (
    "Exponents of N. The published ones are of Akima's interpolation; parabolas are biased where "
    "profiles are asymmetric."
)


def _summary(rows: pd.DataFrame) -> pd.DataFrame:
    keys = ["source", "series", "cut", "budget"]
    common = rows.groupby(keys)["method"].transform("nunique") == len(METHODS)
    rows = rows[common].astype({"covered": float})
    numbers = ["error", "half-width", "covered"]
    each = rows.groupby(["method", "source", "series"])[numbers].mean()
    by_source = each.groupby(["method", "source"]).mean()
    overall = by_source.groupby("method").mean()
    overall.index = pd.MultiIndex.from_product(
        [overall.index, ["all sources"]], names=["method", "source"]
    )
    count = rows.groupby(["method", "source"]).size()
    table = pd.concat([overall, by_source]).assign(targets=count)
    table.loc[overall.index, "targets"] = rows.groupby("method").size().to_numpy()
    return table.reset_index().sort_values(["source", "method"], key=_order).round(3)


def _order(column: pd.Series) -> pd.Series:
    places = {"all sources": -1, **{name: k for k, name in enumerate(METHODS)}}
    return (
        column.map(lambda name: places.get(name, 10))
        if column.name == "method"
        else (column.map(lambda name: "" if name == "all sources" else name))
    )
