"""Optima of held-out, larger budgets from the forecast's plan, beside IsoFLOP fits and a law.

The sweeps, cuts and reference optima are those of `benchmarks.optima`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd

import scalinglaws as sl
from benchmarks import library
from benchmarks.forecast.simulated import designs
from benchmarks.harness import Options, Section
from benchmarks.optima import LEVEL, Reference, Sweep, cuts, sweeps
from scalinglaws.planning.forecast_plan import CostedForecast, SurfaceMinimum

PLAN, SURFACE, ISOFLOP, PRIOR, LAW = (
    "optimal(forecast)", "its surface alone", "isoflop", "isoflop, exponent_prior", "chinchilla",
)  # fmt: skip
_T90 = 1.645  # of the reference's own standard error
_MOST = 3.0  # error of ln N that the regret counts
_BEYOND = {"<3.5x": (1.0, 3.5), "3.5-12x": (3.5, 12.0), "12-60x": (12.0, 60.0), ">60x": (60, 1e9)}
_BUDGETS = np.array([3.0, 10.0, 30.0, 100.0])
_TRUTH = sl.published["chinchilla/epoch2024"]

# From a cut and its larger budgets to columns N, N_low, N_high, and loss where there is one.
Method = Callable[[pd.DataFrame, list[float]], pd.DataFrame]


def _plan(known: pd.DataFrame, budgets: list[float]) -> pd.DataFrame:
    return sl.optimal(sl.forecast(known, confidence_level=LEVEL), C=budgets)


def _surface(known: pd.DataFrame, budgets: list[float]) -> pd.DataFrame:
    costed = CostedForecast.of(sl.forecast(known), None)
    found = np.exp(SurfaceMinimum(costed, 300, 0).interval(np.log(budgets), LEVEL))
    return pd.DataFrame(dict(zip(("N", "N_low", "N_high"), found, strict=True)))


def _isoflop(known: pd.DataFrame, budgets: list[float], **options: Any) -> pd.DataFrame:
    found = sl.isoflop(known, truth=None, confidence_level=LEVEL, n_resamples=200, rng=0, **options)
    return found.predict(budgets)


def _prior(known: pd.DataFrame, budgets: list[float]) -> pd.DataFrame:
    return _isoflop(known, budgets, exponent_prior=(0.5, 0.15))


def _law(known: pd.DataFrame, budgets: list[float]) -> pd.DataFrame:
    fit = library.fit(known[["N", "D", "loss"]], "chinchilla")
    flops = sl.forecast(known).rows.flops
    return sl.optimal(fit, C=budgets, cost=flops, forecast=True, confidence_level=LEVEL)


METHODS: dict[str, Method] = {
    PLAN: _plan, SURFACE: _surface, ISOFLOP: _isoflop, PRIOR: _prior, LAW: _law,
}  # fmt: skip


def run(options: Options) -> Section:
    """Every public sweep, and tables whose law is known."""
    section = Section("Optima of held-out budgets from the forecast")
    with warnings.catch_warnings(action="ignore"):
        if options.data is None:
            section.notes.append("The public tables are absent.")
        else:
            chosen = [s for s in sweeps(options.data) if not options.quick or s.source == "Marin"]
            rows = pd.DataFrame([row for sweep in chosen for row in _predicted(sweep)])
            every = sum(len(cut.hidden) for sweep in chosen for cut in cuts(sweep))
            section.notes.append(f"{every} targets; a cut of one budget alone has no forecast.")
            _real(section, rows, whole=not options.quick)
        _known(section, options.count(60, 2))
    return section


def _predicted(sweep: Sweep) -> Iterator[dict[str, Any]]:
    for place, cut in enumerate(cuts(sweep)):
        known = cut.known[["N", "D", "C", "loss"]].astype(float)
        for name, method in METHODS.items():
            try:
                found = method(known, list(cut.hidden))
            except sl.ScalingLawError:
                continue
            for (budget, true), (_, row) in zip(cut.hidden.items(), found.iterrows(), strict=True):
                beyond = budget / cut.known["B"].max()
                target = {"source": sweep.source, "series": sweep.series, "cut": place,
                          "budget": budget, "beyond": beyond, "method": name}  # fmt: skip
                yield target | _scored(row, true)


def _scored(row: pd.Series, true: Reference) -> dict[str, float]:
    miss = abs(np.log(row["N"]) - true.ln_n)
    with np.errstate(divide="ignore"):
        half = 0.5 * float(np.log(row["N_high"]) - np.log(row["N_low"]))
    loss = row.get("loss", np.nan)
    return {
        "error": miss, "half-width": min(half, 5.0),
        "covered": float(miss <= np.hypot(half, _T90 * true.error)),
        "regret %": 100 * true.curvature * min(miss, _MOST) ** 2,
        "loss %": 100 * abs(np.log(loss) - true.ln_loss),
        "disputed": float(row.get("disputed", np.nan)),
    }  # fmt: skip


def _mean(rows: pd.DataFrame) -> pd.Series:
    """Every source counts once, and every series of a source."""
    scores = ["error", "half-width", "covered", "regret %", "loss %"]
    each = rows.groupby(["source", "series"])[scores].mean()
    return each.groupby("source").mean().mean()


def _real(section: Section, rows: pd.DataFrame, *, whole: bool) -> None:
    targets = rows[rows["method"] == PLAN]
    by_method = {name: rows[rows["method"] == name] for name in METHODS}
    answers = rows.groupby(["source", "series", "cut", "budget"])["method"].transform("nunique")
    common = rows[answers == len(METHODS)]
    section.table(_CAPTION, [
        {"method": name, **_mean(each).round(3), "targets": len(each),
         "error, common": round(_mean(common[common["method"] == name])["error"], 3)}
        for name, each in by_method.items()
    ])  # fmt: skip
    section.table("Error of ln N and coverage, by distance.", [
        {"method": name} | {
            distance: _pair(each[each["beyond"].between(low, high, inclusive="right")])
            for distance, (low, high) in _BEYOND.items()
        }
        for name, each in by_method.items()
    ])  # fmt: skip
    section.table(f"The same for each source, by `{PLAN}`.", [
        {"source": source, **_mean(each).round(3), "targets": len(each)}
        for source, each in targets.groupby("source")
    ])  # fmt: skip
    law = by_method[LAW].dropna(subset="disputed")
    hits = law["covered"] == 1
    section.table("N of the Chinchilla law disputed by the forecast.", [{
        "law misses": f"{1 - hits.mean():.2f}",
        "disputed, of its misses": f"{law.loc[~hits, 'disputed'].mean():.2f}",
        "disputed, of its hits": f"{law.loc[hits, 'disputed'].mean():.2f}",
    }])  # fmt: skip
    if whole:
        overall = _mean(targets)
        section.at_most("mean error of ln N", overall["error"], 0.15)
        section.at_least("covered", overall["covered"], 0.85)
        section.at_most("covered", overall["covered"], 0.96)
        section.at_most("error of the loss", overall["loss %"], 1.2, " %")


_CAPTION = (
    "Each cut of a sweep hides all larger budgets; error and half-width are of ln N, intervals at "
    "90 %. Every source counts once, and every series of a source. Regret: what the error of N "
    "costs in loss by the profile that was hidden. Loss: what the plan says, against the lowest "
    "loss of that profile. Methods without an answer are scored on the rest; *common*: on those "
    "that all answer."
)


def _pair(rows: pd.DataFrame) -> str:
    if not len(rows):
        return ""
    mean = _mean(rows)
    return f"{mean['error']:.2f}, {mean['covered']:.2f}"


def _known(section: Section, repeats: int) -> None:
    """Tables drawn from the Chinchilla law, whose own optimum is then the one to take."""
    rng, rows = np.random.default_rng(22), []
    for design in ("IsoFLOP, 48 runs", "grid, 30 runs"):
        N, D = designs()[design]
        budgets = _BUDGETS * 6 * float((N * D).max())
        truth = sl.optimal(_TRUTH, C=budgets)["N"].to_numpy()
        for _ in range(repeats):
            runs = sl.simulate(_TRUTH, {"N": N, "D": D}, 0.003, rng=rng)
            plans = {LAW: _law(runs, list(budgets)), PLAN: _plan(runs, list(budgets))}
            for name, plan in plans.items():
                miss = np.log(plan["N"] / truth)
                half = 0.5 * np.log(plan["N_high"] / plan["N_low"])
                rows += [
                    {"design": design, "method": name, "beyond": b, "error": abs(m),
                     "half": h, "covered": abs(m) <= h, "disputed": d}
                    for b, m, h, d in zip(
                        _BUDGETS, miss, half, plan.get("disputed", miss * np.nan), strict=True
                    )
                ]  # fmt: skip
    found = pd.DataFrame(rows)
    section.table(
        "Tables drawn from the Chinchilla law (noise .3 %), at 3, 10, 30 and 100 times the largest "
        "run.",
        [
            {"design": design, "method": name} | {
                column: " ".join(f"{v:.2f}" for v in each.groupby("beyond")[column].mean())
                for column in ("error", "half", "covered", "disputed")
            }
            for (design, name), each in found.groupby(["design", "method"], sort=False)
        ],
    )  # fmt: skip
    disputed = found.loc[found["method"] == LAW, "disputed"].astype(float).mean()
    section.at_most("true law disputed", disputed, 0.1)
