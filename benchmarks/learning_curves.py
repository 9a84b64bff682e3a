"""The 44 public learning curves of Alabdulmohsin et al. 2022 under that benchmark's protocol.

``python -m benchmarks.learning_curves`` writes learning_curves.md. Each law is fitted to the train
part of each curve by least squares of log residuals and scored on the test part by the root mean
square of log residuals; a domain's score is the mean over its curves.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

import scalinglaws as sl
from benchmarks.harness import DATA

PAGE = Path(__file__).parent / "learning_curves.md"
LAWS = ("m1", "m2", "m3", "m4", "bnsl")
_FILE = DATA / "alabdulmohsin" / "learning_curves_dev_half.csv.gz"
# Alabdulmohsin et al. 2022 and Caballero et al. 2022, over all 72 image-classification curves
_PUBLISHED = {"last value": 0.0880, "m4": 0.0415, "bnsl": 0.0406}


def score(predicted: np.ndarray | float, actual: pd.Series) -> float:
    """Root mean square of log residuals."""
    return float(np.sqrt(np.mean(np.log(predicted / actual.to_numpy()) ** 2)))


def scores(laws: Sequence[str] = LAWS, domain: str | None = None) -> pd.DataFrame:
    """One row for each curve, of a domain or of all, and law."""
    rows = []
    curves = pd.read_csv(_FILE)
    if domain is not None:
        curves = curves[curves["domain"] == domain]
    for name, curve in curves.groupby("series", sort=True):
        train, test = curve.query("split == 'train'"), curve.query("split == 'test'")
        about = {"curve": name, "domain": curve["domain"].iloc[0]}
        last = float(train["loss"].to_numpy()[train["D"].to_numpy().argmax()])
        rows.append({**about, "law": "last value", "score": score(last, test["loss"])})
        for law in laws:
            started = time.process_time()
            fit = sl.fit(train, law, objective="squared", units="trust")
            seconds = time.process_time() - started
            found = sl.laws[law].value(fit.values, test)
            rows.append(
                {**about, "law": law, "score": score(found, test["loss"]), "seconds": seconds,
                 "train": float(np.sqrt(np.mean(fit.residuals**2))), "verdict": fit.status.name}
            )  # fmt: skip
    return pd.DataFrame(rows)


def page(table: pd.DataFrame) -> str:
    """Means by domain, published means, and how the fits went."""
    order = ["last value", *LAWS]
    means = table.pivot_table(index="law", columns="domain", values="score").loc[order]
    counts = table.drop_duplicates("curve")["domain"].value_counts().to_dict()
    out = [
        "# Learning curves, extrapolated",
        "",
        "Written by `python -m benchmarks.learning_curves`: mean over the curves of a domain of",
        "the root mean square log residual on the test part, after least squares of log residuals",
        "on the train part. IC: image classification, NMT: translation, LM: language models, BB:",
        "BIG-Bench. The published means are over all 72 IC curves, of which 36 are here; these are",
        "harder, as the score of the last value shows. For the other domains no means of M1 to M4",
        "and BNSL are at hand. Fits take long where a curve has no minimum inside the ranges: as",
        "chance level and strength of the bend grow together m4 tends to an exponential of the",
        "loss, and a break outside the curve leaves bnsl a bend that its other coefficients make",
        "up for. Such a winner is followed for up to 2,000 steps before it is called not settled.",
        "Seconds are processor time of one core.",
        "",
        "| law | " + " | ".join(f"{d} ({counts[d]})" for d in means) + " | published, IC | median "
        "seconds | longest | optimum not settled |",
        "|---|" + "---:|" * (len(means.columns) + 4),
    ]
    for law, row in means.iterrows():
        own = table[table["law"] == law]
        published = f"{_PUBLISHED[law]:.4f}" if law in _PUBLISHED else ""
        speed = good = longest = ""
        if law in LAWS:
            speed = f"{own['seconds'].median():.2f}"
            longest = f"{own['seconds'].max():.2f}"
            unsettled = own["verdict"].isin(["NOT_CONVERGED", "STARTS_DISAGREE"]).sum()
            good = f"{unsettled} of {len(own)}"
        numbers = " | ".join(f"{value:.4f}" for value in row)
        out.append(f"| {law} | {numbers} | {published} | {speed} | {longest} | {good} |")
    out += ["", "| curve | " + " | ".join(order) + " |", "|---|" + "---:|" * len(order)]
    for curve, row in table.pivot_table(index="curve", columns="law", values="score").iterrows():
        out.append(f"| {curve} | " + " | ".join(f"{row[law]:.4f}" for law in order) + " |")
    return "\n".join([*out, ""])


def main() -> int:
    """Write the page."""
    if not _FILE.exists():
        print(f"The curves are not in {_FILE}; set SCALINGLAWS_DATA.", file=sys.stderr)
        return 2
    with warnings.catch_warnings(action="ignore"):
        text = page(scores())
    PAGE.write_text(text, encoding="utf-8")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
