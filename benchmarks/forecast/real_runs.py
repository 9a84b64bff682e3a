"""Hidden runs of real tables: the forecast, beside laws and the last value."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Hashable, Iterable, Mapping
from functools import partial

import numpy as np
import pandas as pd
from scipy import stats

import scalinglaws as sl
from benchmarks import library
from benchmarks.forecast import scores
from benchmarks.forecast.cuts import Cut, cuts
from benchmarks.harness import Options, Section, interleaved
from scalinglaws.arrays import BoolArray
from scalinglaws.forecasting.dispute import DISPUTE_SHARE, disputes

FORECAST, LAST = "forecast", "last value"
LAWS = ("chinchilla", "kaplan")
Columns = Mapping[str, object]
_WIDEST = 1.0  # half-width of ln loss at which intervals are cut off, so that means exist
_QUANTILE = 0.5 + scores.LEVEL / 2
_TIMES = {60: 25.0, 240: 100.0, 5000: 2000.0}  # rows, milliseconds


def run(options: Options) -> Section:
    """Every cut and method, in small with a few cuts only."""
    section = Section("Forecasts of hidden runs")
    every = cuts(options.data)
    if options.quick:
        every = every[:: max(len(every) // 4, 1)]
    found = {
        name: scores.scored(pd.DataFrame(rows))
        for name, rows in predictions(every).items()
    }  # fmt: skip
    if options.data is None:
        section.notes.append("The public tables are absent: only the project's ladder is cut.")
    section.table(
        f"{len(every)} cuts, {len(found[FORECAST])} hidden runs. Errors are of ln loss; intervals "
        "are of a new run at 90 %, cut off at half-widths of 100 %. Every source counts once, and "
        "each distance in it.",
        [{"method": name, **_row(name, scores.overall(rows))} for name, rows in found.items()],
    )
    section.table("The forecast, by distance.", _each(scores.by_distance(found[FORECAST])))
    section.table("The forecast, by source.", _each(scores.by_source(found[FORECAST])))
    section.table("Error in % and coverage of every method, by distance.", _beside(found))
    disputed = law_disputes(found)
    section.table(
        f"Disputed: the law's estimate is farther from the forecast's than {DISPUTE_SHARE:g} of "
        "the wider half-width of the two. Every cut of a source counts the same.",
        disputed,
    )
    overall = scores.overall(found[FORECAST])
    if options.data is not None and not options.quick:
        section.at_most("error", 100 * overall["error"], 2.9, " %")
        section.at_least("coverage of 90 %", overall["covered"], 0.88)
        section.at_most("coverage of 90 %", overall["covered"], 0.96)
        section.at_most("Winkler score x100", 100 * overall["winkler"], 21)
        section.at_most("-ln density", overall["density"], -2.2)
        for row in disputed:
            section.at_least(f"misses of {row['law']} disputed", float(row["of its misses"]), 0.7)
    _times(section, options)
    section.notes.append(
        "The constants of the forecast were chosen on these cuts. With each source left out of the "
        "choice that its own runs are scored by, the error was 2.91 % and .91 were covered."
    )
    return section


def predictions(every: Iterable[Cut]) -> dict[str, list[dict[Hashable, object]]]:
    """Mean, sd and degrees of freedom for each method and hidden run; rows align over methods."""
    methods: dict[str, Callable[[Cut], Columns]] = {FORECAST: _forecast}
    methods |= {law: partial(_law, law=law) for law in LAWS}
    methods[LAST] = _last
    found: dict[str, list[dict[Hashable, object]]] = {name: [] for name in methods}
    for cut in every:
        place = {"source": cut.source, "table": cut.table, "cut": cut.known["C"].max()}
        truth = {"times_beyond": cut.times_beyond, "y": np.log(cut.hidden["loss"])}
        for name, method in methods.items():
            rows = pd.DataFrame({**place, **truth, **method(cut)})
            found[name] += rows.to_dict("records")
    return found


def _forecast(cut: Cut) -> Columns:
    with warnings.catch_warnings(action="ignore"):
        forecast = sl.forecast(cut.known, units="trust")
    points = {name: cut.hidden[name].to_numpy() for name in ("N", "D", "C")}
    moments = forecast.moments(points)
    return {"mean": moments.mean, "sd": np.sqrt(moments.run), "dof": forecast.posterior.dof}


def _law(cut: Cut, law: str) -> Columns:
    """The library's defaults; the interval of a new run stands for Student's t."""
    fit = library.fit(cut.known[["N", "D", "loss"]], law)
    with warnings.catch_warnings(action="ignore"):
        found = fit.predict(cut.hidden[["N", "D"]], confidence_level=scores.LEVEL)
    assert isinstance(found, pd.DataFrame)
    dof = max(float(fit.dof), 1.0)
    half = np.log(found["run_high"] / found["run_low"].clip(lower=1e-9)) / 2
    sd = np.minimum(half, _WIDEST) / stats.t.ppf(_QUANTILE, dof)
    return {"mean": np.log(found["estimate"]).to_numpy(), "sd": np.asarray(sd), "dof": dof}


def _last(cut: Cut) -> Columns:
    """The lowest loss that is known; it has no interval."""
    last = np.log(cut.known["loss"].min())
    return {"mean": np.full(len(cut.hidden), last), "sd": np.nan, "dof": 1.0}


def law_disputes(found: dict[str, pd.DataFrame]) -> list[dict[str, str]]:
    """How often laws are disputed where they miss, and where they hold."""
    forecast, rows = found[FORECAST], []
    for law in LAWS:
        each = found[law]
        gap = (each["mean"] - forecast["mean"]).abs()
        disputed = disputes(gap, each["half_width"], forecast["half_width"])
        cut = each.groupby(["source", "table", "cut"])["y"].transform("size")
        n_cuts = each.drop_duplicates(["source", "table", "cut"]).groupby("source").size()
        weight = 1 / (cut * each["source"].map(n_cuts))
        missed = each["covered"] == 0
        far = each["error"] > 1.5 * each["half_width"]

        def share(where: pd.Series, of: BoolArray = disputed, weight: pd.Series = weight) -> str:
            return f"{(weight * of * where).sum() / (weight * where).sum():.2f}"

        rows.append({
            "law": law, "misses": f"{(weight * missed).sum() / weight.sum():.2f}",
            "disputed": f"{(weight * disputed).sum() / weight.sum():.2f}",
            "of its misses": share(missed), "of misses by 1.5 half-widths": share(far),
            "of its hits": share(~missed),
        })  # fmt: skip
    return rows


def _row(name: str, overall: pd.Series) -> dict[str, str]:
    shown = scores.shown(overall)
    return {k: v if name != LAST or k in ("error %", "bias %") else "" for k, v in shown.items()}


def _each(table: pd.DataFrame) -> list[dict[str, str]]:
    return [
        {str(table.index.name): str(name), **scores.shown(row)} for name, row in table.iterrows()
    ]


def _beside(found: dict[str, pd.DataFrame]) -> list[dict[str, str]]:
    rows = []
    for name, each in found.items():
        table = scores.by_distance(each)
        row = {"method": name}
        for distance, at in table.iterrows():
            covered = "" if name == LAST else f", {at['covered']:.2f}"
            row[str(distance)] = f"{100 * at['error']:.1f}{covered}"
        rows.append(row)
    return rows


def _times(section: Section, options: Options) -> None:
    """A forecast and 1,000 predictions, from nothing."""
    rng = np.random.default_rng(0)
    points = pd.DataFrame(
        {"N": 10 ** rng.uniform(9, 10, 1000), "D": 10 ** rng.uniform(11, 12, 1000)}
    )
    rows = []
    for count, limit in _TIMES.items():
        n, d = 10 ** rng.uniform(7, 9, count), 10 ** rng.uniform(9, 11, count)
        loss = (1.7 + 400 / n**0.34 + 410 / d**0.28) * np.exp(0.005 * rng.standard_normal(count))
        runs = pd.DataFrame({"N": n, "D": d, "loss": loss})

        def both(runs: pd.DataFrame = runs) -> object:
            with warnings.catch_warnings(action="ignore"):
                return sl.forecast(runs).predict(points)

        timing = interleaved({"both": both}, options.count(9, 3))["both"]
        rows.append({"runs": f"{count:,}", "milliseconds": f"{1e3 * timing.processor:.3g}"})
        section.at_most(f"{count:,} runs", 1e3 * timing.processor, limit, " ms")
    section.table("Processor time of a forecast and 1,000 predictions.", rows)
