"""Accuracies of larger runs: through the loss, directly, and by two least-squares fits."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.optimize import curve_fit
from scipy.special import expit

import scalinglaws as sl
from benchmarks import library
from benchmarks.harness import Options, Section

_LEVEL = 0.9
_METHODS = ("through the loss", "direct, log-odds", "two least-squares fits")
_QUANTILES = (0.4, 0.6, 0.8)  # of the compute: larger runs are hidden
_FEWEST, _BEYOND = 9, 1.3
_CHANCE: Mapping[str, float] = {
    "hellaswag": 0.25, "arc_challenge": 0.25, "arc_easy": 0.25, "openbookqa": 0.25, "mmlu": 0.25,
    "socialiqa": 1 / 3, "piqa": 0.5, "boolq": 0.5, "winogrande": 0.5, "csqa": 0.2,
}  # fmt: skip
_NOT_FINAL = ("peteish7_medlr_eval_full", "peteish7_eval_full", "peteish13_eval_full")


def run(options: Options) -> Section:
    """Every task and cut, in small a few."""
    section = Section("Accuracies of hidden runs")
    if options.data is None:
        section.notes.append("The public tables are absent.")
        return section
    tasks = list(_tasks(options.data))
    rows = [row for task in tasks[:: options.count(1, 5)] for row in _scores(*task)]
    found = pd.DataFrame(rows)
    each = {
        (str(source), str(method)): _means(group)
        for (source, method), group in found.groupby(["source", "method"])
    }
    sources = [name for name in ("olmo", "gadre") if (name, _METHODS[0]) in each]
    overall = {
        method: {
            key: float(np.mean([each[source, method][key] for source in sources]))
            for key in ("error", "inside", "half")
        }
        for method in _METHODS
    }
    section.table(
        "Mean absolute error of the accuracy, share inside the 90 % interval and its half-width. "
        "Every cut of a source counts the same, and every source.",
        [_row(method, overall[method]) for method in _METHODS],
    )
    section.table(
        "By source.",
        [
            {"source": source, **_row(method, each[source, method])}
            for source in sources
            for method in _METHODS
        ],
    )
    through, plain = overall[_METHODS[0]], overall[_METHODS[2]]
    section.at_least("covered", through["inside"], 0.85)
    section.at_most("covered", through["inside"], 0.95)
    section.at_most("error", through["error"], round(plain["error"], 4))
    return section


def _means(group: pd.DataFrame) -> dict[str, float]:
    return {key: float(group[key].mean()) for key in ("error", "inside", "half")}


def _row(name: str, scores: Mapping[str, float]) -> dict[str, str]:
    inside = "" if np.isnan(scores["inside"]) else f"{scores['inside']:.2f}"
    half = "" if np.isnan(scores["half"]) else f"{scores['half']:.3f}"
    return {"method": name, "error": f"{scores['error']:.3f}", "inside": inside, "half-width": half}


def _tasks(data: Path) -> Iterator[tuple[str, pd.DataFrame, float]]:
    """Source, runs with N, D, C, loss and accuracy, and chance."""
    olmo = pd.read_csv(data / "olmo_ladder" / "olmo_ladder_final.csv")
    olmo = olmo[~olmo["run"].isin(_NOT_FINAL)]
    for task, chance in _CHANCE.items():
        yield "olmo", _plain(olmo.assign(loss=olmo[f"bpb_{task}"], acc=olmo[f"acc_{task}"])), chance
    gadre = pd.read_csv(data / "gadre_overtraining" / "gadre_runs.csv")
    for _, runs in gadre.groupby("series"):
        for column, chance in (("err_avg_17", 0.18), ("err_avg_46", 0.25)):
            yield "gadre", _plain(runs.assign(acc=1 - runs[column])), chance


def _plain(runs: pd.DataFrame) -> pd.DataFrame:
    return runs[["N", "D", "C", "loss", "acc"]].astype(float).dropna().reset_index(drop=True)


def _scores(source: str, runs: pd.DataFrame, chance: float) -> Iterator[dict[str, object]]:
    for quantile in _QUANTILES:
        cut = float(runs["C"].quantile(quantile))
        known, hidden = runs[runs["C"] <= cut], runs[runs["C"] > _BEYOND * cut]
        if len(known) < _FEWEST or hidden.empty:
            continue
        reached = hidden["acc"].to_numpy()
        points = {name: hidden[name].to_numpy() for name in ("N", "D", "C")}
        limits = (chance, 1.0)
        lowest = (min(chance, float(known["acc"].min()) - 0.005), 1.0)
        with warnings.catch_warnings(action="ignore"):
            chained = sl.forecast(known, y="acc", through="loss", limits=limits, units="trust")
            direct = sl.forecast(
                known[["N", "D", "C", "acc"]], y="acc", limits=lowest, units="trust"
            )
        for name, found in (
            ("through the loss", chained.outlook(points, _LEVEL)),
            ("direct, log-odds", direct.outlook(points, _LEVEL)),
        ):
            yield {
                "source": source, "method": name,
                "error": float(np.abs(found.estimate - reached).mean()),
                "inside": float(((found.run_low <= reached) & (reached <= found.run_high)).mean()),
                "half": float((found.run_high - found.run_low).mean() / 2),
            }  # fmt: skip
        plain = _least_squares(known, hidden, chance)
        yield {
            "source": source, "method": "two least-squares fits",
            "error": float(np.abs(plain - reached).mean()), "inside": np.nan, "half": np.nan,
        }  # fmt: skip


def _least_squares(
    known: pd.DataFrame, hidden: pd.DataFrame, chance: float
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """The Chinchilla law, then a sigmoid from its loss to the accuracy."""
    law = library.fit(known[["N", "D", "loss"]], "chinchilla", objective="squared")
    loss = law.law.value(law.values, {name: hidden[name].to_numpy() for name in ("N", "D")})

    def sigmoid(x: np.ndarray, slope: float, middle: float) -> np.ndarray:
        return np.asarray(chance + (1 - chance) * expit(slope * (middle - x)))

    start = (3.0 / float(known["loss"].std()), float(known["loss"].mean()))
    try:
        found, _ = curve_fit(sigmoid, known["loss"], known["acc"], p0=start, maxfev=20_000)
    except RuntimeError:  # it did not converge
        found = np.array(start)
    return sigmoid(loss, *found)
