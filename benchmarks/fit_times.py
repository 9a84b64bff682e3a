"""Time and verdict of a fit of each law on its own kind of table, with noise of 0.3 %.

``python -m benchmarks.fit_times`` writes fit_times.md.
"""

from __future__ import annotations

import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import scalinglaws as sl
from tests.catalogue_rows import ROWS, coefficients

PAGE = Path(__file__).parent / "fit_times.md"
NOISE, REPEATS = 0.003, 3


def times() -> pd.DataFrame:
    """One row for each law: the median of a few tables with noise of their own."""
    rows: list[dict[str, Any]] = []
    for name, row in ROWS.items():
        law, values, table = sl.laws[name], coefficients(name), row.table()
        truth = law.value(values, table)
        seconds, verdicts, inside = [], [], []
        for seed in range(REPEATS):
            noise = NOISE * np.random.default_rng(seed).standard_normal(len(table))
            size = np.abs(truth).mean()
            table["performance"] = (
                truth * np.exp(noise) if row.scale == "log" else truth + size * noise
            )
            started = time.process_time()
            scale: Any = row.scale
            fit = sl.fit(
                table, name, y="performance", scale=scale, units="trust",
                columns={v: v for v in law.variables}, fixed={p: values[p] for p in row.fixed},
            )  # fmt: skip
            seconds.append(time.process_time() - started)
            verdicts.append(fit.status.name.lower().replace("_", " "))
            free = fit.table.drop(index=list(row.fixed))
            true = pd.Series(values)[free.index]
            inside.append(((free["low"] <= true) & (true <= free["high"])).mean())
        rows.append(
            {"law": name, "coefficients": len(values) - len(row.fixed), "runs": len(table),
             "seconds": np.median(seconds), "inside": np.mean(inside),
             "verdicts": ", ".join(dict.fromkeys(verdicts))}
        )  # fmt: skip
    return pd.DataFrame(rows)


def page(table: pd.DataFrame) -> str:
    """As a document."""
    summary = (
        f"All laws: median {table['seconds'].median():.2f} s, {(table['seconds'] < 1).sum()} of "
        f"{len(table)} under a second, {100 * table['inside'].mean():.0f} % inside."
    )
    out = [
        "# Fit times",
        "",
        "Written by `python -m benchmarks.fit_times`, in processor time of one core: each law on",
        f"its own kind of table, noise of {100 * NOISE:g} %, no starting point, Huber loss;",
        f"median of {REPEATS}. The share of true coefficients inside their 95 % intervals is over",
        "all tables.",
        "",
        summary,
        "",
        "| law | coefficients | runs | seconds | inside | verdicts |",
        "|---|---:|---:|---:|---:|---|",
    ]
    for r in table.sort_values("seconds", ascending=False).to_dict("records"):
        out.append(
            f"| {r['law']} | {r['coefficients']} | {r['runs']} | {r['seconds']:.2f} "
            f"| {100 * r['inside']:.0f} % | {r['verdicts']} |"
        )
    return "\n".join([*out, ""])


def main() -> None:
    """Write the page."""
    with warnings.catch_warnings(action="ignore"):
        text = page(times())
    PAGE.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
