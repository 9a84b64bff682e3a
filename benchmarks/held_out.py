"""Held-out real runs: fit on the smaller, predict the larger, with the documented defaults.

Laws, splits and options were set down once, before any result: two laws in N and D, every smaller
run of a table, the fit's defaults. Nothing is tuned to the targets.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

import scalinglaws as sl
from benchmarks import library
from benchmarks.harness import Options, Section

LAWS = ("chinchilla", "kaplan")
FORECAST, IN_RUN = "forecast", "in run's"
LEVEL = 0.9
_ADVICE = "the project's ladder"
# Of the 240 Chinchilla runs, those from here on are predicted [FLOP].
_LARGE = 1e21


@dataclass(frozen=True)
class Split:
    """Smaller runs that are fitted, and larger ones that are predicted."""

    name: str
    fitted: pd.DataFrame
    targets: pd.DataFrame
    label: str  # column that names a target


def splits(data: Path | None) -> Iterator[Split]:
    """The project's own ladder, and the public tables where they are."""
    ladder = sl.datasets.ladder().reset_index()
    # README: shorter runs were still warming up
    long = ladder[ladder["D"] > 1.5e6]
    yield Split(_ADVICE, long, sl.datasets.ladder("target").reset_index(), "run")
    if data is None:
        return
    olmo = pd.read_csv(data / "olmo_ladder/olmo_ladder_final.csv")
    final = ["peteish7_eval_anneal", "peteish13_eval_final"]
    yield Split(
        "OLMo ladder, C4", olmo[olmo["series"] == "ladder"], olmo[olmo["run"].isin(final)], "run"
    )
    for series, runs in pd.read_csv(data / "gadre_overtraining/gadre_runs.csv").groupby("series"):
        small = runs["N"] < 1e9
        yield Split(f"Gadre, {series}", runs[small], runs[~small], "run")
    for series, runs in pd.read_csv(data / "isoflop_marin/marin_isoflop.csv").groupby("series"):
        validation = runs["kind"] == "validation_optimal"
        if validation.any():
            yield Split(f"Marin, {series}", runs[~validation], runs[validation], "run")
    chinchilla = pd.read_csv(data / "chinchilla/chinchilla_epoch.csv").query("outlier == 0")
    large = chinchilla["C"] >= _LARGE
    yield Split("Chinchilla, C from 1e21", chinchilla[~large], chinchilla[large], "run")


def predictions(split: Split, law: str) -> pd.DataFrame:
    """One row for each target, of a law or of the forecast."""
    runs = split.fitted[["N", "D", "loss"]].astype(float)
    points = split.targets[["N", "D"]].astype(float)
    with warnings.catch_warnings(action="ignore"):
        fit = sl.forecast(runs) if law == FORECAST else library.fit(runs, law)
        found = fit.predict(points, confidence_level=LEVEL)
    verdict = "" if isinstance(fit, sl.Forecast) else fit.status.name
    actual = split.targets["loss"].to_numpy(float)
    assert isinstance(found, pd.DataFrame)
    return pd.DataFrame({
        "data": split.name, "law": law, "fitted": fit.n, "verdict": verdict,
        "run": split.targets[split.label].astype(str).to_numpy(),
        "times beyond": found["times_beyond"].to_numpy(), "actual": actual,
        "estimate": found["estimate"].to_numpy(),
        "error %": 100 * (found["estimate"].to_numpy() / actual - 1),
        "curve low": found["curve_low"].to_numpy(), "curve high": found["curve_high"].to_numpy(),
        "run low": found["run_low"].to_numpy(), "run high": found["run_high"].to_numpy(),
    }).assign(**{
        "in curve's": lambda t: t["actual"].between(t["curve low"], t["curve high"]),
        "in run's": lambda t: t["actual"].between(t["run low"], t["run high"]),
    })  # fmt: skip


def run(options: Options) -> Section:
    """Every split and law, in small with two splits only."""
    section = Section("Held-out runs")
    every = [s for n, s in enumerate(splits(options.data)) if n < options.count(100, 2)]
    if options.data is None:
        section.notes.append(
            "The public tables are absent: only the project's own ladder is predicted."
        )
    found = pd.concat(
        [predictions(s, law) for s in every for law in (FORECAST, *LAWS)], ignore_index=True
    )
    section.tables.append((_SUMMARY, _summary(found)))
    section.tables.append((_EACH, _rounded(found)))
    forecast = found[found["law"] == FORECAST]
    section.notes.append(
        f"The forecast holds {_share(forecast[IN_RUN])} targets; its "
        f"largest error is {forecast['error %'].abs().max():.1f} %."
    )
    section.notes.append(
        "Fitted are all smaller runs of each table; of the project's ladder those of more than 1.5 "
        "million bytes, as in the README. Options are the defaults, and the two laws the same for "
        "every table."
    )
    section.notes.append(
        "A new run's interval holds the run itself at the level named only where the law is right "
        "out there. Many misses on one side say that it is not, and no interval of coefficients "
        "can know it. The interval of the curve is not meant to hold single runs; it is shown for "
        "its width."
    )
    return section


_SUMMARY = (
    f"The fit's defaults, intervals at {100 * LEVEL:g} %. *In run's*: share of the targets inside "
    "the interval of a new run; *low* and *high*: share of the targets below and above it."
)
_EACH = "Every target."


def _summary(found: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for (data, law), group in found.groupby(["data", "law"], sort=False):
        width = (group["run high"] / group["run low"]).apply(np.log)
        rows.append({
            "data": data, "law": law, "fitted": int(group["fitted"].iloc[0]),
            "verdict": group["verdict"].iloc[0], "targets": len(group),
            "farthest": f"{group['times beyond'].max():.3g}",
            "median |error| %": f"{group['error %'].abs().median():.2f}",
            "mean error %": f"{group['error %'].mean():+.2f}",
            "median width %": f"{100 * width.median():.2f}",
            "in run's": _share(group["in run's"]),
            "low": _share(group["actual"] < group["run low"]),
            "high": _share(group["actual"] > group["run high"]),
            "in curve's": _share(group["in curve's"]),
        })  # fmt: skip
    return pd.DataFrame(rows)


def _share(inside: pd.Series) -> str:
    return f"{int(inside.sum())}/{len(inside)}"


def _rounded(found: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({
        "data": found["data"], "law": found["law"], "run": found["run"],
        "times beyond": [f"{v:.3g}" for v in found["times beyond"]],
        "actual": [f"{v:.4f}" for v in found["actual"]],
        "estimate": [f"{v:.4f}" for v in found["estimate"]],
        "error %": [f"{v:+.2f}" for v in found["error %"]],
        "curve": _spans(found["curve low"], found["curve high"]),
        "new run": _spans(found["run low"], found["run high"]),
        "in curve's": _yes(found["in curve's"]), "in run's": _yes(found["in run's"]),
    })  # fmt: skip


def _spans(low: pd.Series, high: pd.Series) -> list[str]:
    return [f"{a:.4f} to {b:.4f}" for a, b in zip(low, high, strict=True)]


def _yes(inside: pd.Series) -> list[str]:
    return ["yes" if v else "**no**" for v in inside]
