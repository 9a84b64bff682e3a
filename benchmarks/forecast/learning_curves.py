"""The 44 public learning curves of Alabdulmohsin et al. 2022, under that benchmark's protocol."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd

import scalinglaws as sl
from benchmarks.harness import Options, Section

_LEVEL = 0.9
_IMAGES = "IC"
# Most that the mean log-rmse of each domain may be.
_BARS = {"IC": 0.038, "NMT": 0.010, "LM": 0.0010, "BB": 0.013}


def run(options: Options) -> Section:
    """Every curve with one default, and the time of many."""
    section = Section("Forecasts of learning curves")
    if options.data is None:
        section.notes.append("The public curves are absent.")
    else:
        each, seconds = _scores(options)
        rows = []
        for domain, most in _BARS.items():
            some = each[each["domain"] == domain]
            error, inside = float(some["error"].mean()), float(some["inside"].mean())
            rows.append({"domain": domain, "curves": len(some), "error": f"{error:.4f}",
                         "inside": f"{inside:.2f}"})  # fmt: skip
            section.at_most(f"{domain}, error", error, most)
        section.table(
            "Root mean square of log residuals on the test part after a forecast from the train "
            "part, mean over the curves, and the share of test points inside the 90 % interval.",
            rows,
        )
        is_image = each["domain"] == _IMAGES
        for name, some, low, high in (
            ("images", each[is_image], 0.85, 0.96), ("language", each[~is_image], 0.80, 0.99),
        ):  # fmt: skip
            section.at_least(f"{name}, inside", float(some["inside"].mean()), low)
            section.at_most(f"{name}, inside", float(some["inside"].mean()), high)
        section.at_most("a curve", 1e3 * seconds, 10, " ms")
    _many(section, options.count(10_000, 200))
    return section


def _scores(options: Options) -> tuple[pd.DataFrame, float]:
    assert options.data is not None
    curves = pd.read_csv(options.data / "alabdulmohsin" / "learning_curves_dev_half.csv.gz")
    curves = curves.drop_duplicates(["series", "split", "D"], keep="last")
    train, test = (curves[curves["split"] == part] for part in ("train", "test"))
    started = time.process_time()
    found = sl.forecast(
        train, x="D", series="series", y="loss", units="trust", confidence_level=_LEVEL
    )
    seconds = (time.process_time() - started) / len(found)
    rows = []
    for name, part in test.groupby("series"):
        said = found[name].outlook(part["D"].to_numpy(), _LEVEL)
        reached = part["loss"].to_numpy()
        miss = np.log(said.estimate / reached)
        inside = (said.run_low <= reached) & (reached <= said.run_high)
        rows.append({"domain": part["domain"].iloc[0], "error": float(np.sqrt(np.mean(miss**2))),
                     "inside": float(inside.mean())})  # fmt: skip
    return pd.DataFrame(rows), seconds


def _many(section: Section, count: int) -> None:
    """Curves of 60 points."""
    rng, x = np.random.default_rng(0), np.geomspace(1e6, 1e9, 60)
    floor = 1 + rng.random(count)
    loss = (floor[:, None] + 30 * x**-0.2) * np.exp(0.01 * rng.standard_normal((count, 60)))
    runs = pd.DataFrame({
        "D": np.tile(x, count), "loss": loss.ravel(), "run": np.repeat(np.arange(count), 60),
    })  # fmt: skip
    started = time.process_time()
    sl.forecast(runs, x="D", series="run")
    seconds = time.process_time() - started
    section.at_most(f"{count:,} curves of 60 points", seconds, 90 * count / 10_000, " s")
