"""A campaign rehearsed many times: what the chosen runs are worth against usual designs.

    python benchmarks/campaign.py [repetitions] [truth ...]

A first ladder of nine small runs is known. For the same further compute and the same number of
runs each strategy adds its own; the law is fitted to everything, and asked for the loss and the
best N at a target far beyond. Once the truth is the law that is fitted, once a neighbour of it,
once another law altogether.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd

import scalinglaws as sl

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
SHORTEST = 2.5e8  # tokens, where the grid has 4e8


class Truth:
    """A law with coefficients."""

    def __init__(self, formula: str, values: dict[str, float]) -> None:
        self.law, self.values = sl.Law(formula), values


def first_ladder() -> pd.DataFrame:
    """Three small sizes at three token counts: what everybody starts from."""
    N, D = (g.ravel() for g in np.meshgrid(np.geomspace(2e7, 2e8, 3), np.geomspace(1e9, 1e10, 3)))
    return pd.DataFrame({"N": N, "D": D})


def scaled(N: np.ndarray, ratio: np.ndarray) -> pd.DataFrame:
    """Runs of these relative sizes, grown until they use the allowance up."""
    area = N * N * ratio
    N = N * np.sqrt(ALLOWANCE / (6 * area.sum()))
    return pd.DataFrame({"N": N, "D": N * ratio})


def grid(fit: sl.Fit, rng: np.random.Generator) -> pd.DataFrame:
    """Four sizes at three ratios."""
    N, ratio = (g.ravel() for g in np.meshgrid(np.geomspace(1, 16, 4), [10.0, 20.0, 40.0]))
    return scaled(N, ratio)


def isoflop(fit: sl.Fit, rng: np.random.Generator) -> pd.DataFrame:
    """Four sizes, four times either side of the best, on three budgets."""
    budgets = ALLOWANCE / RUNS * 3 * np.array([1 / 16, 1 / 4, 1.0]) / 1.3125
    best = sl.optimal(fit, C=budgets, n_resamples=0)["N"].to_numpy()
    N = (best[:, None] * np.geomspace(1 / 4, 4, 4)).ravel()
    return pd.DataFrame({"N": N, "D": np.repeat(budgets, 4) / (6 * N)})


def random(fit: sl.Fit, rng: np.random.Generator) -> pd.DataFrame:
    """Sizes over a decade and a half, ratios from 5 to 320."""
    return scaled(10 ** rng.uniform(0, 1.5, RUNS), 5 * 2 ** rng.uniform(0, 6, RUNS))


def chosen(question: str) -> Callable[[sl.Fit, np.random.Generator], pd.DataFrame]:
    """The design of `next_runs` for a question."""

    def design(fit: sl.Fit, rng: np.random.Generator) -> pd.DataFrame:
        plan = sl.next_runs(
            fit, budget=ALLOWANCE, C=TARGET, question=question, most_runs=RUNS, shortest=SHORTEST
        )
        return plan.runs[["N", "D"]]

    return design


STRATEGIES = {
    "grid": grid,
    "IsoFLOP": isoflop,
    "random": random,
    "next_runs, loss": chosen("loss"),
    "next_runs, N": chosen("N"),
}


def campaign(truth: Truth, strategy: str, seed: int) -> dict[str, float]:
    """One campaign: errors of the answers, and the regret of following them."""
    rng = np.random.default_rng(seed)
    known = sl.simulate(truth, first_ladder(), NOISE, rng=rng)
    fit = sl.fit(known, "chinchilla")
    added = STRATEGIES[strategy](fit, rng)
    runs = pd.concat([known, sl.simulate(truth, added, NOISE, rng=rng)], ignore_index=True)
    final = sl.fit(runs, "chinchilla")
    best = sl.optimal(truth, C=TARGET).iloc[0]
    plan = sl.optimal(final, C=TARGET, n_resamples=300, rng=seed).iloc[0]
    reached = float(truth.law.value(truth.values, N=plan["N"], D=plan["D"]))
    return {
        "error": np.log(plan["loss"] / best["loss"]),
        "width": np.log(plan["loss_high"] / plan["loss_low"]),
        "covered": plan["loss_low"] < best["loss"] < plan["loss_high"],
        "error_N": np.log(plan["N"] / best["N"]),
        "regret": reached / best["loss"] - 1,
        "spent": float((6 * added["N"] * added["D"]).sum()),
    }


def main(repetitions: int, truths: list[str]) -> None:
    """Every strategy under every truth, as a table."""
    warnings.simplefilter("ignore", sl.ScalingLawWarning)
    for name in truths or TRUTHS:
        formula, values = TRUTHS[name]
        rows = []
        for strategy in STRATEGIES:
            results, failed = [], 0
            for seed in range(repetitions):
                try:
                    results.append(campaign(Truth(formula, values), strategy, seed))
                except (sl.FitError, sl.DataError):
                    failed += 1
            frame = pd.DataFrame(results)
            rows.append(
                {
                    "strategy": strategy,
                    "error of loss, rms %": 100 * np.sqrt((frame["error"] ** 2).mean()),
                    "median |error| %": 100 * frame["error"].abs().median(),
                    "median width %": 100 * frame["width"].median(),
                    "covered %": 100 * frame["covered"].mean(),
                    "error of N, rms %": 100 * np.sqrt((frame["error_N"] ** 2).mean()),
                    "mean regret, ppm": 1e6 * frame["regret"].mean(),
                    "spent": frame["spent"].mean(),
                    "failed": failed,
                }
            )
        print(f"\nthe truth is {name}\n{pd.DataFrame(rows).round(3).to_string(index=False)}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200, sys.argv[2:])
