"""Runs that are still training: their end, from a part of their schedule and finished runs."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

import scalinglaws as sl
from benchmarks.harness import Options, Section

_LEVEL = 0.9
_FRACTIONS = (0.3, 0.6, 0.8)
_QUANTILES = (0.35, 0.5, 0.65, 0.8)  # of the final compute: larger runs are still training
_BARS = {"olmo": 0.25, "misfitting": 0.6}  # error at 60 %, in %


def run(options: Options) -> Section:
    """Every larger run at each fraction, in small one fraction and cut."""
    section = Section("Runs that are still training")
    if options.data is None:
        section.notes.append("The public checkpoints are absent.")
        return section
    found = pd.DataFrame(list(_ends(options.data, quick=options.quick)))
    rows = []
    for (source, fraction), group in found.groupby(["source", "fraction"], sort=False):
        per_cut = group.groupby("cut")[["error", "alone", "inside", "half"]].mean().mean()
        rows.append({
            "source": source, "at": f"{100 * float(str(fraction)):.0f} %", "ends": len(group),
            "error %": f"{100 * per_cut['error']:.2f}", "covered": f"{per_cut['inside']:.2f}",
            "half-width %": f"{100 * per_cut['half']:.2f}",
            "error % of the finished runs alone": f"{100 * per_cut['alone']:.2f}",
        })  # fmt: skip
        if fraction == 0.6:
            name = str(source)
            section.at_most(f"{name}, error at 60 %", 100 * per_cut["error"], _BARS[name], " %")
            section.at_least(f"{name}, covered at 60 %", per_cut["inside"], 0.85)
    section.table("90 % intervals; every cut counts the same.", rows)
    return section


def _ends(data: Path, *, quick: bool) -> Iterator[dict[str, object]]:
    for source, table in _tables(data):
        total = table.groupby("run")["D"].transform("max")
        final = table[table["D"] == total].drop_duplicates("run").set_index("run")
        compute = 6.0 * final["N"] * final["D"]
        for quantile in _QUANTILES[2:3] if quick else _QUANTILES:
            cut = float(np.exp(np.quantile(np.log(compute), quantile)))
            small = compute.index[compute <= 1.001 * cut]
            large = compute.index[(compute > 1.3 * cut) & (compute < 200 * cut)]
            for fraction in _FRACTIONS[1:2] if quick else _FRACTIONS:
                for name in large:
                    end = float(final["D"][name])
                    own = table[(table["run"] == name) & (table["D"] <= (fraction + 0.06) * end)]
                    own = own[(own["D"] / end - fraction).abs() < 0.06]
                    if own.empty:
                        continue
                    nearest = own.loc[[(own["D"] / end - fraction).abs().idxmin()]]
                    known = pd.concat([table[table["run"].isin(small)], nearest])
                    with warnings.catch_warnings(action="ignore"):
                        said = sl.finish(known, name, D=end, units="trust", confidence_level=_LEVEL)
                    reached = float(final["loss"][name])
                    yield {
                        "source": source, "cut": quantile, "fraction": fraction, "run": name,
                        "error": abs(np.log(said.estimate / reached)),
                        "alone": abs(np.log(said.by_finished_runs / reached)),
                        "inside": float(said.low <= reached <= said.high),
                        "half": np.log(said.high / said.low) / 2,
                    }  # fmt: skip


def _tables(data: Path) -> Iterator[tuple[str, pd.DataFrame]]:
    columns = ["run", "N", "D", "loss"]
    olmo = pd.read_csv(data / "olmo_ladder" / "olmo_ladder_checkpoints.csv.gz")
    olmo = olmo[olmo["run"] != "peteish7_medlr_eval_full"].dropna(subset=["loss"])
    yield "olmo", olmo[columns].astype({"N": float, "D": float}).reset_index(drop=True)
    folder = data / "misfitting"
    final = pd.read_csv(folder / "misfitting_openlm_final.csv")
    best = final.loc[final.groupby(["N", "D"])["loss"].idxmin(), "run"]
    every = pd.read_csv(folder / "misfitting_openlm_checkpoints.csv")
    every = every[every["run"].isin(best)].dropna(subset=["loss"])
    yield "misfitting", every[columns].astype({"N": float, "D": float}).reset_index(drop=True)
