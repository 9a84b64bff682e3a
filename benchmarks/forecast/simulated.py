"""Tables whose law is known: what a forecast costs where a law is exactly true.

The law that drew the table is fitted too, with the library's defaults; its interval knows what no
forecast can. Targets have 20 tokens per parameter.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

import scalinglaws as sl
from benchmarks import library
from benchmarks.coverage.cells import TRUTHS
from benchmarks.harness import Options, Section
from scalinglaws.core import catalogue
from scalinglaws.forecasting.beside_law import DISPUTE_SHARE, disputes

Floats = npt.NDArray[np.float64]

_LEVEL, _RATIO = 0.9, 20.0
_BEYOND = np.array([3.0, 10.0, 30.0, 100.0])
_NOISES = (0.002, 0.008)
_LARGEST = 1e20  # FLOP of the largest run
# Exponents of N as in Li et al. 2025, in the coordinates of the catalogue.
_FARSEER = {
    "c_3": 0.4, "s_3": -0.119, "g_3": 0.17, "c_2": -0.5, "s_2": -0.3, "g_2": -0.1, "c_1": -1.166,
    "s_1": -0.196, "g_1": 0.123,
}  # fmt: skip
_TRUTHS: dict[str, Mapping[str, float]] = {
    "chinchilla": TRUTHS["chinchilla"], "kaplan": TRUTHS["kaplan"], "farseer": _FARSEER,
}  # fmt: skip


def designs() -> dict[str, tuple[Floats, Floats]]:
    """N and D of the runs of each design."""
    budgets, ratios = np.geomspace(_LARGEST / 100, _LARGEST, 6), np.geomspace(3, 150, 8)
    compute, ratio = (grid.ravel() for grid in np.meshgrid(budgets, ratios, indexing="ij"))
    isoflop = np.sqrt(compute / 6 / ratio)
    sizes, tokens = (
        grid.ravel()
        for grid in np.meshgrid(np.geomspace(5e7, 1e9, 6), np.geomspace(1e9, _LARGEST / 6e9, 5))
    )
    ladder = np.sqrt(np.geomspace(_LARGEST / 300, _LARGEST, 12) / 6 / _RATIO)
    return {
        "IsoFLOP, 48 runs": (isoflop, isoflop * ratio),
        "grid, 30 runs": (sizes, tokens),
        "one ratio, 12 runs": (ladder, _RATIO * ladder),
    }


def run(options: Options) -> Section:
    """Every truth, design and noise."""
    section = Section("Forecasts where the law is known")
    found = pd.DataFrame(list(_targets(options)))
    keys = ["truth", "design", "noise"]
    rows = []
    for key, group in found.groupby(keys, sort=False):
        place = dict(zip(keys, map(str, key), strict=True))
        rows.append({**place, **_row(group)})
    section.table(
        "90 % intervals of a new run, at 3, 10, 30 and 100 times the largest run. Half-widths are "
        "medians, biases means of ln loss, in %. *Law*: the fit of the law that drew the table.",
        rows,
    )
    section.table(
        "The same over all tables, by distance.",
        [{"beyond": f"{beyond:g}x", **_summary(found[found["beyond"] == beyond])}
         for beyond in _BEYOND],
    )  # fmt: skip
    off = pd.DataFrame(list(_off_ratio(options.count(60, 2))))
    section.table(
        "Tables of one ratio, 20 tokens per parameter (12 runs, chinchilla, .2 % noise), asked at "
        "10 times the compute and at other ratios.",
        [
            {
                "tokens per parameter": f"{ratio:g}", "covered": f"{g['covered'].mean():.2f}",
                "half-width %": f"{100 * g['half'].median():.2f}",
                "bias %": f"{100 * g['bias'].mean():+.2f}",
            }
            for ratio, g in off.groupby("ratio")
        ],
    )  # fmt: skip
    two = found[found["design"] != "one ratio, 12 runs"]
    section.at_most("law disputed though true, IsoFLOP and grid", two["disputed"].mean(), 0.15)
    section.notes.append(
        "Disputed though true counts targets at which the law that drew the table is farther from "
        f"the forecast than {DISPUTE_SHARE:g} of the wider half-width of the two."
    )
    return section


def _targets(options: Options) -> Iterator[dict[str, object]]:
    rng, repeats = np.random.default_rng(20), options.count(25, 1)
    for truth, params in list(_TRUTHS.items())[: options.count(3, 1)]:
        law = catalogue.named(truth, ["N", "D"])
        for design, (sizes, tokens) in designs().items():
            for noise in _NOISES:
                for _ in range(repeats):
                    runs = _table(law, params, sizes, tokens, noise, rng)
                    place = {"truth": truth, "design": design, "noise": f"{100 * noise:g} %"}
                    for row in _asked(runs, law, params, noise, rng):
                        yield {**place, **row}


def _table(
    law: sl.Law, params: Mapping[str, float], sizes: Floats, tokens: Floats, noise: float,
    rng: np.random.Generator,
) -> pd.DataFrame:  # fmt: skip
    loss = law.value(params, {"N": sizes, "D": tokens})
    return pd.DataFrame(
        {"N": sizes, "D": tokens, "loss": loss * np.exp(noise * rng.standard_normal(len(sizes)))}
    )


def _asked(
    runs: pd.DataFrame, law: sl.Law, params: Mapping[str, float], noise: float,
    rng: np.random.Generator,
) -> Iterator[dict[str, object]]:  # fmt: skip
    sizes = np.sqrt(_BEYOND * _LARGEST / 6 / _RATIO)
    points = pd.DataFrame({"N": sizes, "D": _RATIO * sizes})
    curve = np.log(law.value(params, {"N": sizes, "D": _RATIO * sizes}))
    reached = curve + noise * rng.standard_normal(len(sizes))
    with warnings.catch_warnings(action="ignore"):
        found = sl.forecast(runs).predict(points, confidence_level=_LEVEL)
        fitted = library.fit(runs, law).predict(points, confidence_level=_LEVEL)
    assert isinstance(found, pd.DataFrame)
    assert isinstance(fitted, pd.DataFrame)
    means, halves = [], []
    for each in (found, fitted):
        low = np.log(each["run_low"].clip(lower=1e-9))
        means.append(np.log(each["estimate"]).to_numpy())
        halves.append(((np.log(each["run_high"]) - low) / 2).to_numpy())
    disputed = disputes(np.abs(means[1] - means[0]), halves[1], halves[0])
    for k, beyond in enumerate(_BEYOND):
        yield {
            "beyond": beyond, "disputed": disputed[k],
            "covered": abs(reached[k] - means[0][k]) <= halves[0][k],
            "half": halves[0][k], "bias": means[0][k] - curve[k],
            "law covered": abs(reached[k] - means[1][k]) <= halves[1][k],
            "law half": halves[1][k], "law bias": means[1][k] - curve[k],
        }  # fmt: skip


def _off_ratio(repeats: int) -> Iterator[dict[str, object]]:
    rng = np.random.default_rng(21)
    law, params = catalogue.named("chinchilla", ["N", "D"]), _TRUTHS["chinchilla"]
    sizes, tokens = designs()["one ratio, 12 runs"]
    for _ in range(repeats):
        forecast = sl.forecast(_table(law, params, sizes, tokens, _NOISES[0], rng))
        for ratio in (2.0, 7.0, 20.0, 60.0, 200.0):
            n = np.sqrt(10 * _LARGEST / 6 / ratio)
            with warnings.catch_warnings(action="ignore"):
                found = forecast.predict(N=n, D=ratio * n, confidence_level=_LEVEL)
            curve = float(law.value(params, {"N": np.array(n), "D": np.array(ratio * n)}))
            yield {
                "ratio": ratio, "covered": found.run_low <= curve <= found.run_high,
                "half": found.half_width, "bias": float(np.log(found.estimate / curve)),
            }  # fmt: skip


def _row(group: pd.DataFrame) -> dict[str, str]:
    by = group.groupby("beyond")
    return {
        "covered": _series(by["covered"].mean(), 1, 2),
        "half-width %": _series(by["half"].median(), 100, 1),
        "bias %": _series(by["bias"].mean(), 100, 1),
        "law: covered": _series(by["law covered"].mean(), 1, 2),
        "half-width": _series(by["law half"].median(), 100, 1),
        "disputed": _series(by["disputed"].mean(), 1, 2),
    }


def _series(values: pd.Series, factor: float, digits: int) -> str:
    return " ".join(f"{factor * v:.{digits}f}" for v in values)


def _summary(group: pd.DataFrame) -> dict[str, str]:
    return {
        "covered": f"{group['covered'].mean():.2f}",
        "half-width %": f"{100 * group['half'].median():.1f}",
        "mean |bias| %": f"{100 * group['bias'].abs().mean():.1f}",
        "law: covered": f"{group['law covered'].mean():.2f}",
        "law: half-width %": f"{100 * group['law half'].median():.1f}",
        "disputed though true": f"{group['disputed'].mean():.2f}",
    }
