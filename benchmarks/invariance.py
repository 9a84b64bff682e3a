"""The same numbers for any number of workers, order of rows and units."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from multiprocessing import get_context
from typing import Any

import numpy as np
import pandas as pd

import scalinglaws as sl
from benchmarks import library
from benchmarks.harness import DELTA, Options, Section, chinchilla_runs, duration, interleaved
from benchmarks.rivals import installed

_LIMIT = 1e-12
_HUBER: Mapping[str, Any] = {"objective": "huber", "delta": DELTA}


def run(options: Options) -> Section:
    """Rows, units and workers."""
    section = Section("Invariance")
    table = chinchilla_runs(options.data)
    section.notes.append(f"Table: {table.note}; chinchilla and kaplan, three objectives.")
    _rows_and_units(table.frame, section, options)
    _workers(table.frame, section, options)
    return section


# --- rows and units ---------------------------------------------------------------------------


def _rows_and_units(runs: pd.DataFrame, section: Section, options: Options) -> None:
    rng = np.random.default_rng(0)
    changes: dict[str, tuple[pd.DataFrame, float, float]] = {
        f"rows shuffled, {k}": (runs.iloc[rng.permutation(len(runs))], 1.0, 1.0)
        for k in range(options.count(3, 1))
    }
    changes |= {
        f"N in {n}, D in {d}": (runs.assign(N=runs["N"] / by_n, D=runs["D"] / by_d), by_n, by_d)
        for n, by_n, d, by_d in (
            ("millions", 1e6, "units", 1.0), ("billions", 1e9, "billions", 1e9),
            ("units", 1.0, "trillions", 1e12),
        )
    }  # fmt: skip
    kinds: tuple[Mapping[str, Any], ...] = (
        _HUBER, {"objective": "squared"}, {"objective": "absolute"},
    )  # fmt: skip
    laws = ("chinchilla",) if options.quick else ("chinchilla", "kaplan")
    rows = []
    for law in laws:
        for kind in kinds[:1] if options.quick else kinds:
            reference = library.fit(runs, law, **kind)
            for change, (changed, by_n, by_d) in changes.items():
                fit = library.fit(changed, law, **kind)
                value = abs(fit.objective_value / reference.objective_value - 1)
                params = _in_units(fit.values, by_n, by_d)
                errors = {k: abs(params[k] / v - 1) for k, v in reference.values.items() if v}
                exact = all(params[k] == 0 for k, v in reference.values.items() if not v)
                worst = max(errors, key=errors.__getitem__)
                rows.append({
                    "law": law, "objective": kind["objective"], "change": change,
                    "objective's relative change": value,
                    "largest of a parameter": errors[worst], "which": worst,
                    "zeros stay zero": "yes" if exact else "**no**",
                })  # fmt: skip
    for what, words in (("rows", "rows shuffled"), ("units", "N in")):
        chosen = [row for row in rows if str(row["change"]).startswith(words)]
        for key in ("objective's relative change", "largest of a parameter"):
            section.at_most(f"{what}: {key}", max(float(row[key]) for row in chosen), _LIMIT)
    section.table("Relative changes of the minimum.", [
        {k: f"{v:.1e}" if isinstance(v, float) else v for k, v in row.items()} for row in rows
    ])  # fmt: skip


def _in_units(values: Mapping[str, float], by_n: float, by_d: float) -> dict[str, float]:
    """Coefficients of a table in other units, in those of the original."""
    p = dict(values)
    if "alpha" in p:
        return {**p, "A": p["A"] * by_n ** p["alpha"], "B": p["B"] * by_d ** p["beta"]}
    return {**p, "N_c": p["N_c"] * by_n, "D_c": p["D_c"] * by_d}


# --- workers ----------------------------------------------------------------------------------


@contextmanager
def _two_processes() -> Iterator[Callable[..., Any]]:
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        yield pool.map


@contextmanager
def _dask() -> Iterator[Callable[..., Any]]:
    distributed = import_module("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=logging.CRITICAL
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield lambda f, *items: client.gather(client.map(f, *items, pure=False))


def _workers(runs: pd.DataFrame, section: Section, options: Options) -> None:
    jobs = _jobs(runs, section, options)
    if not jobs:
        return
    rows = []
    makers: dict[str, Callable[[], Any]] = {"2 processes (spawn)": _two_processes}
    if installed("distributed"):
        makers["dask, 2 processes"] = _dask
    else:
        section.notes.append("distributed is not installed: no dask.")
    for name, job in jobs.items():
        alone = interleaved({"one": partial(job, 1)}, 1)["one"]
        contenders: dict[str, Any] = {"workers=2": 2, **makers}
        for how, workers in contenders.items():
            if callable(workers):
                with workers() as mapping:
                    timing = interleaved({how: partial(job, mapping)}, 1)[how]
            else:
                timing = interleaved({how: partial(job, workers)}, 1)[how]
            same = _identical(alone.result, timing.result)
            rows.append({
                "job": name, "workers": how, "bit for bit": "yes" if same else "**no**",
                "one worker": duration(alone.median), "time": duration(timing.median),
            })  # fmt: skip
            section.at_most(f"{name}, {how}: numbers that differ", 0.0 if same else 1.0, 0)
    section.table("Workers.", rows)


def _jobs(
    runs: pd.DataFrame, section: Section, options: Options
) -> dict[str, Callable[[Any], object]]:
    jobs: dict[str, Callable[[Any], object]] = {}
    fit = library.fit(runs, "chinchilla", **_HUBER)
    bootstrap = getattr(fit, "bootstrap", None)
    if bootstrap is not None and "workers" in inspect.signature(bootstrap).parameters:
        count = options.count(2000, 100)
        jobs[f"{count} bootstrap refits"] = lambda w: bootstrap(count, rng=0, workers=w)
    else:
        section.notes.append("Fit.bootstrap(workers=) does not exist yet: skipped.")
    fit_each = getattr(sl, "fit_each", None)
    if fit_each is not None:
        series = pd.concat(
            [runs.sample(frac=0.8, random_state=k).assign(series=f"s{k}")
             for k in range(options.count(24, 4))]
        )  # fmt: skip
        jobs["fit_each of many series"] = lambda w: fit_each(
            series, "chinchilla", by="series", workers=w
        )
    else:
        section.notes.append("scalinglaws.fit_each does not exist yet: skipped.")
    return jobs


def _identical(one: Any, other: Any) -> bool:
    """The same numbers, bit for bit."""
    if isinstance(one, pd.DataFrame):
        return bool(one.equals(other))
    if isinstance(one, sl.Fit):
        return bool(one.table.equals(other.table) and one.objective_value == other.objective_value)
    if isinstance(one, Mapping):
        return one.keys() == other.keys() and all(_identical(one[k], other[k]) for k in one)
    if hasattr(one, "table"):
        return bool(one.table.equals(other.table))
    return len(one) == len(other) and all(map(_identical, one, other))
