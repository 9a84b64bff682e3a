"""A campaign rehearsed many times: what the chosen runs are worth against usual designs.

A first ladder of nine small runs is known. For the same further compute and the same number of
runs each strategy adds its own; the law is fitted to everything, and asked for the loss and the
best N at a target far beyond. Once the truth is the law that is fitted, once a neighbour of it,
once another law altogether. All strategies start from the same nine runs of each repetition.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

import scalinglaws as sl
from benchmarks.harness import Options, Section

TRUTHS = {
    "the fitted law": (
        "E + A/N**alpha + B/D**beta",
        {"E": 1.8172, "A": 482.01, "alpha": 0.3478, "B": 2085.43, "beta": 0.3658},
    ),
    "a neighbour": (
        "E + ((A/N**alpha)**(1/q) + (B/D**beta)**(1/q))**q",
        {"E": 1.8172, "A": 482.01, "alpha": 0.3478, "B": 2085.43, "beta": 0.3658, "q": 0.93},
    ),
    "another law": (
        "((A/N)**(alpha/beta) + B/D)**beta",
        {"A": 6.4e13, "alpha": 0.076, "beta": 0.103, "B": 1.8e13},
    ),
}
NOISE, TARGET, ALLOWANCE, RUNS = 0.004, 1e22, 2e20, 12
SHORTEST = 4e8  # tokens, as the grid has them
FIRST_ROUND = 0.25  # of the allowance, where the runs are chosen twice
REPETITIONS = 200
FOR_LOSS, FOR_SIZE = "next_runs, loss", "next_runs, N"
# What each design was chosen for.
ANSWERS = {FOR_LOSS: ("error", "width"), FOR_SIZE: ("error_N", "regret")}

Train = Callable[[pd.DataFrame], pd.DataFrame]
Strategy = Callable[[pd.DataFrame, sl.Fit, Train], pd.DataFrame]


class Truth:
    """A law with coefficients."""

    def __init__(self, formula: str, values: dict[str, float]) -> None:
        self.law, self.values = sl.Law(formula), values


# --- designs ----------------------------------------------------------------------------------


def first_ladder() -> pd.DataFrame:
    """Three small sizes at three token counts: what everybody starts from."""
    N, D = (g.ravel() for g in np.meshgrid(np.geomspace(2e7, 2e8, 3), np.geomspace(1e9, 1e10, 3)))
    return pd.DataFrame({"N": N, "D": D})


def scaled(N: np.ndarray, ratio: np.ndarray) -> pd.DataFrame:
    """Runs of these relative sizes, grown until they use the allowance up."""
    area = N * N * ratio
    N = N * np.sqrt(ALLOWANCE / (6 * area.sum()))
    return pd.DataFrame({"N": N, "D": N * ratio})


def grid(known: pd.DataFrame, fit: sl.Fit, train: Train) -> pd.DataFrame:
    """Four sizes at three ratios."""
    N, ratio = (g.ravel() for g in np.meshgrid(np.geomspace(1, 16, 4), [10.0, 20.0, 40.0]))
    return train(scaled(N, ratio))


def isoflop(known: pd.DataFrame, fit: sl.Fit, train: Train) -> pd.DataFrame:
    """Four sizes, four times either side of the best, on three budgets."""
    budgets = ALLOWANCE / RUNS * 3 * np.array([1 / 16, 1 / 4, 1.0]) / 1.3125
    best = sl.optimal(fit, C=budgets, n_resamples=0)["N"].to_numpy()
    N = (best[:, None] * np.geomspace(1 / 4, 4, 4)).ravel()
    return train(pd.DataFrame({"N": N, "D": np.repeat(budgets, 4) / (6 * N)}))


def random(known: pd.DataFrame, fit: sl.Fit, train: Train) -> pd.DataFrame:
    """Sizes over a decade and a half, ratios from 5 to 320."""
    rng = np.random.default_rng(int(1e9 * known["loss"].sum()) % 2**32)
    return train(scaled(10 ** rng.uniform(0, 1.5, RUNS), 5 * 2 ** rng.uniform(0, 6, RUNS)))


def chosen(question: str) -> Strategy:
    """The design of `next_runs` for a question."""

    def design(known: pd.DataFrame, fit: sl.Fit, train: Train) -> pd.DataFrame:
        plan = sl.next_runs(
            fit, budget=ALLOWANCE, C=TARGET, question=question, most_runs=RUNS, shortest=SHORTEST
        )
        return train(plan.runs[["N", "D"]])

    return design


def twice(known: pd.DataFrame, fit: sl.Fit, train: Train) -> pd.DataFrame:
    """Half of the runs for a share of the allowance, then a new fit, then the others."""
    options: dict[str, Any] = {"C": TARGET, "most_runs": RUNS // 2, "shortest": SHORTEST}
    first = train(sl.next_runs(fit, budget=FIRST_ROUND * ALLOWANCE, **options).runs[["N", "D"]])
    refit = sl.fit(pd.concat([known, first], ignore_index=True), "chinchilla")
    left = ALLOWANCE - float(first["C"].sum())
    second = train(sl.next_runs(refit, budget=left, **options).runs[["N", "D"]])
    return pd.concat([first, second], ignore_index=True)


STRATEGIES: dict[str, Strategy] = {
    "grid": grid,
    "IsoFLOP": isoflop,
    "random": random,
    FOR_LOSS: chosen("loss"),
    "next_runs, loss, two rounds": twice,
    FOR_SIZE: chosen("N"),
}


# --- one campaign ---------------------------------------------------------------------------------


def campaign(truth: Truth, seed: int) -> list[dict[str, Any]]:
    """Every strategy after the same first ladder: errors of its answers, regret of following."""
    known = sl.simulate(truth, first_ladder(), NOISE, rng=seed)
    best = sl.optimal(truth, C=TARGET).iloc[0]
    fit = sl.fit(known, "chinchilla")
    return [
        {"seed": seed, "strategy": name, **_outcome(truth, best, known, fit, strategy, seed)}
        for name, strategy in STRATEGIES.items()
    ]


def _outcome(
    truth: Truth, best: Any, known: pd.DataFrame, fit: sl.Fit, strategy: Strategy, seed: int
) -> dict[str, float]:
    noise = np.random.default_rng([seed, 1])

    def train(design: pd.DataFrame) -> pd.DataFrame:
        return sl.simulate(truth, design, NOISE, rng=noise)

    try:
        added = strategy(known, fit, train)
        final = sl.fit(pd.concat([known, added], ignore_index=True), "chinchilla")
        plan = sl.optimal(final, C=TARGET, n_resamples=300, rng=seed).iloc[0]
    except (sl.FitError, sl.DataError):
        return {}
    reached = float(truth.law.value(truth.values, N=plan["N"], D=plan["D"]))
    return {
        "error": np.log(plan["loss"] / best["loss"]),
        "width": np.log(plan["loss_high"] / plan["loss_low"]),
        "covered": float(plan["loss_low"] < best["loss"] < plan["loss_high"]),
        "error_N": np.log(plan["N"] / best["N"]),
        "regret": reached / best["loss"] - 1,
        "spent": float(added["C"].sum()) / ALLOWANCE,
        "clean": float(final.status.good),
    }


# --- all of them --------------------------------------------------------------------------------


_SETTING = (
    "{repetitions} repetitions; nine runs known, "
    f"{RUNS} to add for {ALLOWANCE:g} FLOPs in all, a target of {TARGET:g} FLOPs; a run's noise is "
    f"{100 * NOISE:g} %; the law fitted is always chinchilla; no chosen run sees fewer tokens than "
    f"the grid's shortest ({SHORTEST:g})."
)
_READING = (
    "error: of the log loss predicted at the target's optimum. width: of its 95 % interval. "
    "regret: how much worse than the best the model is that the fit would have one train. clean "
    "verdict: how often the last fit found nothing against itself."
)
_RATIO = (
    "Ratios above one say that the chosen runs do better; in brackets 95 % of 2,000 resamples of "
    "the repetitions, the same ones for both strategies."
)

_COMMAND = (
    "Rehearsed with `python -m benchmarks --only campaign --write --save campaign.csv`, about a "
    "quarter of an hour on one core; summed up anew with `--parts campaign.csv`."
)


def run(options: Options) -> Section:
    """Every strategy under every truth; with `parts`, the outcomes of an earlier run."""
    section = Section("A campaign, rehearsed")
    found = pd.concat(map(pd.read_csv, options.parts)) if options.parts else _rehearsed(options)
    for name, (formula, _) in TRUTHS.items():
        own = found[found["truth"] == name]
        section.table(f"### The truth is {name}\n\n`{formula}`", _summary(own))
        for ours, columns in ANSWERS.items():
            section.table(f"`{ours}` against the others, as ratios", _ratios(own, ours, columns))
    if options.save is not None:
        found.round(9).to_csv(options.save, index=False)
    repetitions = found["seed"].nunique()
    section.notes += [_SETTING.format(repetitions=repetitions), _READING, _RATIO, _COMMAND]
    return section


def _rehearsed(options: Options) -> pd.DataFrame:
    parts = []
    for name, (formula, values) in TRUTHS.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", sl.ScalingLawWarning)
            seeds = range(options.count(REPETITIONS, 2))
            rows = [row for seed in seeds for row in campaign(Truth(formula, values), seed)]
        parts.append(pd.DataFrame(rows).assign(truth=name))
    return pd.concat(parts, ignore_index=True)


def _rms(values: np.ndarray) -> np.ndarray:
    return np.asarray(np.sqrt(np.nanmean(values**2, axis=-1)))


def _mean(values: np.ndarray) -> np.ndarray:
    return np.asarray(np.nanmean(values, axis=-1))


def _median(values: np.ndarray) -> np.ndarray:
    return np.asarray(np.nanmedian(np.abs(values), axis=-1))


# What is compared: column, the way it is summed up, and the factor of its unit.
_MEASURES: dict[str, tuple[str, Callable[[np.ndarray], np.ndarray], float]] = {
    "error of loss, rms %": ("error", _rms, 100.0),
    "error of loss, median %": ("error", _median, 100.0),
    "width, median %": ("width", _median, 100.0),
    "error of N, rms %": ("error_N", _rms, 100.0),
    "error of N, median %": ("error_N", _median, 100.0),
    "regret, mean ppm": ("regret", _mean, 1e6),
    "regret, median ppm": ("regret", _median, 1e6),
}


def _summary(found: pd.DataFrame) -> list[dict[str, Any]]:
    rows = []
    for name in STRATEGIES:
        own = found[found["strategy"] == name]
        row: dict[str, Any] = {"strategy": name}
        for label, (column, sum_up, unit) in _MEASURES.items():
            row[label] = f"{unit * float(sum_up(own[column].to_numpy())):.3g}"
        row["covered %"] = f"{100 * own['covered'].mean():.0f}"
        row["clean verdict %"] = f"{100 * own['clean'].mean():.0f}"
        row["allowance used %"] = f"{100 * own['spent'].mean():.0f}"
        row["without an answer"] = int(own["error"].isna().sum())
        rows.append(row)
    return rows


def _ratios(found: pd.DataFrame, ours: str, columns: tuple[str, ...]) -> list[dict[str, Any]]:
    """What others leave over what the chosen runs leave, on repetitions where both answer."""
    rng = np.random.default_rng(0)
    rows = []
    for name in STRATEGIES:
        if name == ours:
            continue
        row: dict[str, Any] = {"against": name}
        for label, (column, sum_up, _) in _MEASURES.items():
            if column not in columns:
                continue
            table = found.pivot_table(column, "seed", "strategy", aggfunc="first")[[name, ours]]
            theirs, own = table.dropna().to_numpy().T
            drawn = rng.integers(0, len(own), (2000, len(own)))
            rows_of = np.concatenate([np.arange(len(own))[None], drawn])
            row[label.rsplit(" ", 1)[0]] = _ratio(sum_up(theirs[rows_of]), sum_up(own[rows_of]))
        rows.append(row)
    return rows


def _ratio(other: np.ndarray, ours: np.ndarray) -> str:
    """The first ratio, and where the middle 95 % of the others lie."""
    if not np.isfinite(other[0]) and not np.isfinite(ours[0]):
        return "both endless"
    with np.errstate(invalid="ignore"):
        ratio = other / ours
    spread = np.nanquantile(ratio[1:], [0.025, 0.975], method="nearest")
    return f"{ratio[0]:.2f} ({spread[0]:.2f} to {spread[1]:.2f})"
