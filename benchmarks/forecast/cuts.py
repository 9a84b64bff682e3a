"""Real tables, and cuts of them that hide every run above a compute.

A cut is taken at up to five computes of each table, where at least 9 runs, 3 sizes, 3 durations and
a factor of 4.5 in compute are left, and runs of 1.3 to 200 times the largest of these are hidden.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

import scalinglaws as sl

_CUTS, _FEWEST, _SPAN = 5, 9, 4.5
NEAREST, FARTHEST = 1.3, 200.0
# Intermediate and unannealed checkpoints of the two largest OLMo runs.
_NOT_FINAL = ("peteish7_medlr_eval_full", "peteish7_eval_full", "peteish13_eval_full")
_PORIAN = (
    "owt2_base_warmup-short_decay-chinchilla_N-standard_val",
    "rw_base_warmup-short_decay-chinchilla_N-standard_val",
    "owt2_tuned_warmup-short_decay-const_N-standard_val",
    "rw_tuned_warmup-short_decay-const_N-standard_val",
    "rw_base_warmup-long_decay-kaplan_N-standard_val",
)


@dataclass(frozen=True)
class Cut:
    """Runs that are known, and larger ones that are hidden."""

    source: str
    table: str
    known: pd.DataFrame
    hidden: pd.DataFrame

    @property
    def times_beyond(self) -> pd.Series:
        """Compute of the hidden runs relative to the largest known one."""
        compute: pd.Series = self.hidden["C"]
        return compute / float(self.known["C"].max())


def cuts(data: Path | None) -> list[Cut]:
    """All cuts, in a fixed order."""
    found = []
    for source, name, runs in tables(data):
        every = list({len(cut.known): cut for cut in _possible(source, name, runs)}.values())
        chosen = np.linspace(0, len(every) - 1, min(_CUTS, len(every)))
        found += [every[k] for k in np.unique(np.round(chosen).astype(int))]
    return found


def _possible(source: str, name: str, runs: pd.DataFrame) -> Iterator[Cut]:
    size = np.log10(runs["C"])
    for level in np.unique(size.round(1)):
        known = runs[size < level + 0.05]
        largest = known["C"].max()
        hidden = runs[(runs["C"] > NEAREST * largest) & (runs["C"] < FARTHEST * largest)]
        sizes = min(known["N"].nunique(), known["D"].nunique())
        wide = largest >= _SPAN * known["C"].min()
        if len(known) >= _FEWEST and len(hidden) and wide and sizes >= 3:
            yield Cut(source, name, known, hidden)


def tables(data: Path | None) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Source, name and runs of every table."""
    if data is not None:
        yield from _public(data)
    ladder = pd.concat([sl.datasets.ladder(), sl.datasets.ladder("target")])
    yield "ladder", "long", _plain(ladder[ladder["D"] > 1.5e6].drop(columns="C"))


def _public(data: Path) -> Iterator[tuple[str, str, pd.DataFrame]]:
    def read(file: str) -> pd.DataFrame:
        return pd.read_csv(data / file)

    yield "chinchilla", "", _plain(read("chinchilla/chinchilla_epoch.csv").query("outlier == 0"))
    for name, runs in read("gadre_overtraining/gadre_runs.csv").groupby("series"):
        yield "gadre", str(name), _plain(runs)
    for name, runs in read("isoflop_marin/marin_isoflop.csv").groupby("series"):
        yield "marin", str(name), _plain(runs)
    olmo = read("olmo_ladder/olmo_ladder_final.csv")
    olmo = olmo[~olmo["run"].isin(_NOT_FINAL)]
    for metric in ("loss", "loss_pile", "bpb_hellaswag", "bpb_mmlu"):
        yield "olmo", metric, _plain(olmo.assign(loss=olmo[metric]))
    porian = read("porian/porian_isoflop.csv")
    for name in _PORIAN:
        yield "porian", name, _plain(porian[porian["series"] == name])
    final = read("misfitting/misfitting_openlm_final.csv")
    yield "misfitting", "final", _plain(_best(final))
    isoflop = read("misfitting/misfitting_isoflop_interpolated.csv")
    yield "misfitting", "isoflop", _plain(isoflop.query("qc_outlier == 0"))
    repeated = read("datablations/datablations_runs.csv")
    once = repeated.query("series == 'main' and epochs <= 1.01")
    yield "datablations", "one epoch", _plain(once)
    yield "steplaw", "best", _plain(_best(read("steplaw/steplaw_dense.csv")).drop(columns="C"))


def _best(runs: pd.DataFrame) -> pd.DataFrame:
    """The best run of each size and duration: others had bad hyper-parameters."""
    return runs.loc[runs.groupby(["N", "D"])["loss"].idxmin()]


def _plain(runs: pd.DataFrame) -> pd.DataFrame:
    """N, D, C and loss as float64, by compute."""
    runs = runs.assign(N=runs["N"].astype(float), D=runs["D"].astype(float))
    if "C" not in runs:
        runs["C"] = 6 * runs["N"] * runs["D"]
    runs = runs[["N", "D", "C", "loss"]].astype(float).dropna()
    return runs.sort_values("C", kind="stable").reset_index(drop=True)
