"""The trend check: how often it is right where the truth is known, and what it says of real tables.

python -m benchmarks --only trends --write
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

import scalinglaws as sl
from benchmarks.forecast.real_runs import tables
from benchmarks.harness import Options, Section
from benchmarks.library import fit

Floats = npt.NDArray[np.float64]
TRUTHS = {
    "chinchilla": {"E": 1.8172, "A": 482.01, "alpha": 0.3478, "B": 2085.43, "beta": 0.3658},
    "kaplan": {"N_c": 6.4e13, "alpha_N": 0.076, "alpha_D": 0.103, "D_c": 1.8e13},
}
NOISES = (0.001, 0.003, 0.01)
SIZES = (20, 40, 100)
_SHOWN = 0.01  # level of the test
# Fewer than chance may show in 100 tables at a level of one per cent.
_MOST_ALARMS, _LEAST_SEEN = 4.0, 75.0


def run(options: Options) -> Section:
    """Both tables."""
    found = Section("Trend check")
    repeats = options.count(100, 5)
    known = list(_known(repeats))
    found.table(
        f"Share of {repeats} simulated tables with p < {_SHOWN:g}, and with the line in the "
        "summary (share above a quarter as well), in per cent.",
        known,
    )
    alarms = [row["p < .01, %"] for row in known if row["truth"] == row["law"]]
    seen = [
        row["p < .01, %"]
        for row in known
        if (row["truth"], row["law"], row["runs"]) == ("kaplan", "chinchilla", 40)
    ]
    found.at_most("most false alarms", max(alarms), _MOST_ALARMS, " %")
    found.at_least("kaplan's law fitted by chinchilla's, 40 runs", min(seen), _LEAST_SEEN, " %")
    real = list(_real(options))
    if real:
        found.table("Real tables: share of the residual variance, and typical size.", real)
        rejected = [row["p"] < 0.001 for row in real]
        found.notes.append(f"{sum(rejected)} of {len(real)} fits are rejected at p < .001.")
    return found


def _known(repeats: int) -> Iterator[dict[str, Any]]:
    for truth, law, n, noise in product(TRUTHS, ("chinchilla", "kaplan"), SIZES, NOISES):
        if law == "kaplan" and truth == "chinchilla":
            continue
        p_values, clear = [], []
        for seed in range(repeats):
            trend = fit(_draw(truth, n, noise, seed), law).trend
            p_values.append(1.0 if trend is None else trend.p_value)
            clear.append(trend is not None and trend.is_clear)
        yield {
            "truth": truth, "law": law, "runs": n, "noise, %": 100 * noise,
            "p < .01, %": 100 * float(np.mean(np.array(p_values) < _SHOWN)),
            "shown, %": 100 * float(np.mean(clear)),
        }  # fmt: skip


def _draw(truth: str, n: int, noise: float, seed: int) -> pd.DataFrame:
    """Runs at random sizes over three decades."""
    rng = np.random.default_rng([seed, n])
    N, D = np.exp(rng.uniform(17, 23, n)), np.exp(rng.uniform(20, 26, n))
    loss = sl.laws[truth].value(TRUTHS[truth], {"N": N, "D": D})
    return pd.DataFrame({"N": N, "D": D, "loss": loss * np.exp(noise * rng.standard_normal(n))})


def _real(options: Options) -> Iterator[dict[str, Any]]:
    for source, name, runs in tables(options.data):
        for law in ("chinchilla", "kaplan"):
            found = fit(runs[["N", "D", "loss"]], law)
            trend = found.trend
            if trend is not None:
                yield {
                    "table": f"{source} {name}".strip(), "runs": found.n, "law": law,
                    "verdict": found.status.name, "p": float(f"{trend.p_value:.1g}"),
                    "share, %": round(100 * trend.share), "size, %": round(100 * trend.size, 2),
                }  # fmt: skip
