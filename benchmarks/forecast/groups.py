"""Groups of few runs, alone and with others that reach higher."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

import scalinglaws as sl
from benchmarks.harness import Options, Section

_LEVEL = 0.9
_KNOWN = (6, 9, 12)  # runs of the group that is forecast
_QUANTILES = (0.45, 0.7)  # of its compute: larger runs are hidden
_OTHERS = 40  # runs of each other group, at most
_NOT_FINAL = ("peteish7_medlr_eval_full", "peteish7_eval_full", "peteish13_eval_full")
_METHODS = ("alone", "together")


def run(options: Options) -> Section:
    """Every group and number of runs, in small nine runs and one draw."""
    section = Section("Groups forecast together")
    if options.data is None:
        section.notes.append("The public tables are absent.")
        return section
    rows = []
    for source, table in _tables(options.data):
        rows += [{"source": source, **row} for row in _scores(table, quick=options.quick)]
    found = pd.DataFrame(rows)
    shown = []
    for known, group in found.groupby("known"):
        means = {
            method: group[group["method"] == method]
            .groupby("source")[["error", "inside", "half"]]
            .mean()
            .mean()
            for method in _METHODS
        }
        shown += [
            {"runs known": str(known), "method": method, "error %": f"{100 * m['error']:.2f}",
             "covered": f"{m['inside']:.2f}", "half-width %": f"{100 * m['half']:.2f}"}
            for method, m in means.items()
        ]  # fmt: skip
        alone = 100 * float(means["alone"]["error"])
        section.at_most(f"{known} runs, error together", 100 * float(means["together"]["error"]),
                        round(alone, 2), " %")  # fmt: skip
        section.at_least(f"{known} runs, covered", float(means["together"]["inside"]), 0.85)
    section.table(
        "Some runs of one group are known, and others' runs to 200 times its compute; hidden are "
        "its larger runs. Gadre (3 data sets), Marin (3 mixes), OLMo (4 metrics), mean over them.",
        shown,
    )
    return section


def _tables(data: Path) -> Iterator[tuple[str, pd.DataFrame]]:
    columns = ["series", "N", "D", "C", "loss"]
    yield "gadre", pd.read_csv(data / "gadre_overtraining" / "gadre_runs.csv")[columns]
    yield "marin", pd.read_csv(data / "isoflop_marin" / "marin_isoflop.csv")[columns]
    olmo = pd.read_csv(data / "olmo_ladder" / "olmo_ladder_final.csv")
    olmo = olmo[~olmo["run"].isin(_NOT_FINAL)]
    metrics = ("loss", "loss_pile", "bpb_hellaswag", "bpb_mmlu")
    parts = [olmo.assign(loss=olmo[name], series=name)[columns] for name in metrics]
    yield "olmo", pd.concat(parts, ignore_index=True)


def _scores(table: pd.DataFrame, *, quick: bool) -> Iterator[dict[str, object]]:
    table = table.astype({"N": float, "D": float}).reset_index(drop=True)
    for name, runs in table.groupby("series"):
        for quantile in _QUANTILES[:1] if quick else _QUANTILES:
            cut = float(runs["C"].quantile(quantile))
            below = runs[runs["C"] <= 1.001 * cut]
            hidden = runs[(runs["C"] > 1.3 * cut) & (runs["C"] < 200 * cut)]
            others = table[(table["series"] != name) & (table["C"] < 200 * cut)]
            for known in _KNOWN[1:2] if quick else _KNOWN:
                for seed in range(1 if quick else 2):
                    if len(below) < known or hidden.empty:
                        continue
                    few = below.sample(known, random_state=seed)
                    spread = [
                        part.sample(min(_OTHERS, len(part)), random_state=seed)
                        for _, part in others.groupby("series")
                    ]
                    yield from _beside(few, pd.concat([few, *spread]), hidden, known)


def _beside(
    few: pd.DataFrame, every: pd.DataFrame, hidden: pd.DataFrame, known: int
) -> Iterator[dict[str, object]]:
    name = few["series"].iloc[0]
    try:
        with warnings.catch_warnings(action="ignore"):
            alone = sl.forecast(few[["N", "D", "C", "loss"]], units="trust")
            together = sl.forecast(every, groups="series", units="trust")[name]
    except (sl.DataError, KeyError):  # two sizes only
        return
    points = {variable: hidden[variable].to_numpy() for variable in ("N", "D", "C")}
    reached = hidden["loss"].to_numpy()
    for method, forecast in zip(_METHODS, (alone, together), strict=True):
        found = forecast.outlook(points, _LEVEL)
        yield {
            "known": known, "method": method,
            "error": float(np.abs(np.log(found.estimate / reached)).mean()),
            "inside": float(((found.run_low <= reached) & (reached <= found.run_high)).mean()),
            "half": float(np.log(found.run_high / found.run_low).mean() / 2),
        }  # fmt: skip
