"""Random tables of runs on which it is hard to find the global minimum, and the real ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]

LAWS = ("chinchilla", "power-floor", "kaplan")
OBJECTIVES = ("squared", "huber", "huber-auto", "absolute")
DESIGNS = ("spread", "grid", "isoflops", "one-isoflop", "narrow", "fixed-ratio", "few-sizes")
NOISES = ("normal", "student-2", "by-size", "outliers")


@dataclass(frozen=True)
class Case:
    """A table, the law to fit to it, and the objective."""

    name: str
    law: str
    objective: str
    scale: str
    runs: pd.DataFrame
    note: str = ""


def random_case(seed: int) -> Case:
    """The table of that seed: 12 to 300 runs, exponents 0.03 to 2, noise 0.05 to 5 %."""
    rng = np.random.default_rng([seed, 2404])
    law = LAWS[seed % 3]
    objective = OBJECTIVES[(seed // 3) % 4]
    scale = "level" if rng.random() < 0.25 else "log"
    truth = str(rng.choice(LAWS)) if rng.random() < 0.15 else law
    design = str(rng.choice(DESIGNS))
    n, d = _design(design, int(np.exp(rng.uniform(np.log(12), np.log(301)))), rng)
    curve, vanished = _curve(truth, n, d, rng)
    kind = str(rng.choice(NOISES, p=[0.55, 0.15, 0.15, 0.15]))
    size = np.exp(rng.uniform(np.log(5e-4), np.log(0.05)))
    y = curve * np.exp(np.clip(size * _noise(kind, n, rng), -1.5, 1.5))
    note = f"n={len(y)} {design} noise={size:.1e} {kind}"
    note += f" truth={truth}" * (truth != law) + f" without {vanished}" * bool(vanished)
    runs = pd.DataFrame({"N": n, "D": d, "loss": y})
    return Case(f"seed {seed}", law, objective, scale, runs, note)


def _design(kind: str, count: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    def between(low: float, high: float) -> Floats:
        return np.asarray(10 ** rng.uniform(low, high, count))

    if kind == "grid":
        side = max(3, int(np.sqrt(count)))
        n = np.logspace(7, 7 + rng.uniform(0.7, 3), side)
        d = np.logspace(9, 9 + rng.uniform(0.7, 3), max(4, count // side))
        grid = np.meshgrid(n, d)
        return grid[0].ravel(), grid[1].ravel()
    if kind in ("isoflops", "one-isoflop"):
        budgets = np.logspace(18, 18 + rng.uniform(1, 4), 1 if kind == "one-isoflop" else 5)
        c = np.resize(budgets, count) * np.exp(0.02 * rng.standard_normal(count))
        n = np.sqrt(c / 120) * np.exp(rng.uniform(-1.5, 1.5, count))
        return n, c / 6 / n
    if kind == "narrow":
        width = rng.uniform(0.15, 0.7)
        return between(8, 8 + width), between(10, 10 + width)
    if kind == "fixed-ratio":
        n = between(7, 10)
        return n, 20 * n * np.exp(rng.uniform(0.01, 0.3) * rng.standard_normal(count))
    if kind == "few-sizes":
        sizes = 10 ** rng.uniform(7, 10, int(rng.integers(3, 6)))
        return np.resize(sizes, count), between(8.5, 11.5)
    return between(7, 10), between(8.5, 11.5)


def _curve(law: str, n: Floats, d: Floats, rng: np.random.Generator) -> tuple[Floats, str]:
    alpha, beta = np.exp(rng.uniform(np.log(0.03), np.log(2), 2))
    size_n, size_d = np.exp(rng.uniform(np.log(0.02), np.log(5), 2))
    floor = rng.uniform(0.3, 2.5)
    vanish = rng.random(3) < 0.15
    vanish[2] &= not vanish[1]
    x = n / np.exp(np.log(n).mean())
    z = d / np.exp(np.log(d).mean())
    if law == "kaplan":
        both = max(size_n, 0.05) * x ** (-alpha / beta) + max(size_d, 0.05) / z
        return rng.uniform(1, 4) * both**beta, ""
    floor, size_n, size_d = np.where(vanish, 0.0, [floor, size_n, size_d])
    if law == "power-floor":
        return floor + max(size_n, 0.02) * x**-alpha, "E" * bool(vanish[0])
    curve = floor + size_n * x**-alpha + size_d * z**-beta
    return curve, "".join(np.array(list("EAB"))[vanish])


def _noise(kind: str, n: Floats, rng: np.random.Generator) -> Floats:
    noise = rng.standard_normal(len(n))
    if kind == "student-2":
        return rng.standard_t(2, len(n))
    if kind == "by-size":
        return np.asarray(noise * (n / np.exp(np.log(n).mean())) ** -0.3)
    if kind == "outliers":
        noise[rng.random(len(n)) < 0.1] *= 15
    return noise


def real_cases(data: Path) -> Iterator[Case]:
    """Every law and objective on the public tables of runs that were trained to their end."""
    for name, runs in _tables_of_runs(data):
        for law in LAWS:
            for objective in OBJECTIVES:
                yield Case(name, law, objective, "log", runs, f"n={len(runs)}")
    curves = pd.read_csv(data / "alabdulmohsin/learning_curves_dev_half.csv.gz")
    for series, curve in curves.groupby("series"):
        for objective in OBJECTIVES:
            # the law in one variable calls it N
            runs = _plain(curve.assign(N=curve["D"]))
            yield Case(str(series), "power-floor", objective, "log", runs, f"n={len(runs)}")


def _tables_of_runs(data: Path) -> Iterator[tuple[str, pd.DataFrame]]:
    chinchilla = pd.read_csv(data / "chinchilla/chinchilla_epoch.csv")
    yield "chinchilla 245", _plain(chinchilla)
    yield "chinchilla 240", _plain(chinchilla.query("outlier == 0"))
    tables = {
        "porian": "porian/porian_isoflop.csv",
        "gadre": "gadre_overtraining/gadre_runs.csv",
        "marin": "isoflop_marin/marin_isoflop.csv",
    }
    for name, file in tables.items():
        for series, runs in pd.read_csv(data / file).groupby("series"):
            yield f"{name} {series}", _plain(runs)
    data_limited = pd.read_csv(data / "datablations/datablations_runs.csv")
    yield "datablations one epoch", _plain(data_limited.query("epochs <= 1"))
    yield "datablations fit", _plain(data_limited.query("in_fit_182 == 1"))
    for kind in ("isoflop_interpolated", "openlm_final", "lr_sweep"):
        yield f"misfitting {kind}", _plain(pd.read_csv(data / f"misfitting/misfitting_{kind}.csv"))
    ladder = pd.read_csv(data / "olmo_ladder/olmo_ladder_final.csv")
    yield "olmo ladder", _plain(ladder.query("series == 'ladder'"))
    yield "steplaw", _plain(pd.read_csv(data / "steplaw/steplaw_dense.csv").query("loss < 4"))


def _plain(runs: pd.DataFrame) -> pd.DataFrame:
    return runs[["N", "D", "loss"]].dropna().astype(float).reset_index(drop=True)
