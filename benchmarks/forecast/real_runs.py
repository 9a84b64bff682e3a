"""Hidden runs of real tables: the forecast, beside laws and the last value."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

import scalinglaws as sl
from benchmarks import library
from benchmarks.forecast import scores
from benchmarks.harness import Options, Section, interleaved
from scalinglaws.arrays import BoolArray
from scalinglaws.forecasting.beside_law import DISPUTE_SHARE, disputes

_CUTS, _FEWEST, _SPAN = 5, 9, 4.5
NEAREST, FARTHEST = 1.3, 200.0
# Intermediate and unannealed checkpoints of the two largest OLMo runs.
_NOT_FINAL = ("peteish7_medlr_eval_full", "peteish7_eval_full", "peteish13_eval_full")
_PORIAN = (
    "owt2_base_warmup-short_decay-chinchilla_N-standard_val",
    "rw_base_warmup-short_decay-chinchilla_N-standard_val",
    "owt2_tuned_warmup-short_decay-const_N-standard_val",
    "rw_tuned_warmup-short_decay-const_N-standard_val",
    "rw_base_warmup-long_decay-kaplan_N-standard_val",
)


@dataclass(frozen=True)
class Cut:
    """Runs that are known, and larger ones that are hidden."""

    source: str
    table: str
    known: pd.DataFrame
    hidden: pd.DataFrame

    @property
    def times_beyond(self) -> pd.Series:
        """Compute of the hidden runs relative to the largest known one."""
        compute: pd.Series = self.hidden["C"]
        return compute / float(self.known["C"].max())


def cuts(data: Path | None) -> list[Cut]:
    """All cuts, in a fixed order."""
    found = []
    for source, name, runs in tables(data):
        every = list({len(cut.known): cut for cut in _possible(source, name, runs)}.values())
        chosen = np.linspace(0, len(every) - 1, min(_CUTS, len(every)))
        found += [every[k] for k in np.unique(np.round(chosen).astype(int))]
    return found


def _possible(source: str, name: str, runs: pd.DataFrame) -> Iterator[Cut]:
    size = np.log10(runs["C"])
    for level in np.unique(size.round(1)):
        known = runs[size < level + 0.05]
        largest = known["C"].max()
        hidden = runs[(runs["C"] > NEAREST * largest) & (runs["C"] < FARTHEST * largest)]
        sizes = min(known["N"].nunique(), known["D"].nunique())
        wide = largest >= _SPAN * known["C"].min()
        if len(known) >= _FEWEST and len(hidden) and wide and sizes >= 3:
            yield Cut(source, name, known, hidden)


def tables(data: Path | None) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Source, name and runs of every table."""
    if data is not None:
        yield from _public(data)
    ladder = pd.concat([sl.datasets.ladder(), sl.datasets.ladder("target")])
    yield "ladder", "long", _plain(ladder[ladder["D"] > 1.5e6].drop(columns="C"))


def _public(data: Path) -> Iterator[tuple[str, str, pd.DataFrame]]:
    def read(file: str) -> pd.DataFrame:
        return pd.read_csv(data / file)

    yield "chinchilla", "", _plain(read("chinchilla/chinchilla_epoch.csv").query("outlier == 0"))
    for name, runs in read("gadre_overtraining/gadre_runs.csv").groupby("series"):
        yield "gadre", str(name), _plain(runs)
    for name, runs in read("isoflop_marin/marin_isoflop.csv").groupby("series"):
        yield "marin", str(name), _plain(runs)
    olmo = read("olmo_ladder/olmo_ladder_final.csv")
    olmo = olmo[~olmo["run"].isin(_NOT_FINAL)]
    for metric in ("loss", "loss_pile", "bpb_hellaswag", "bpb_mmlu"):
        yield "olmo", metric, _plain(olmo.assign(loss=olmo[metric]))
    porian = read("porian/porian_isoflop.csv")
    for name in _PORIAN:
        yield "porian", name, _plain(porian[porian["series"] == name])
    final = read("misfitting/misfitting_openlm_final.csv")
    yield "misfitting", "final", _plain(_best(final))
    isoflop = read("misfitting/misfitting_isoflop_interpolated.csv")
    yield "misfitting", "isoflop", _plain(isoflop.query("qc_outlier == 0"))
    repeated = read("datablations/datablations_runs.csv")
    once = repeated.query("series == 'main' and epochs <= 1.01")
    yield "datablations", "one epoch", _plain(once)
    yield "steplaw", "best", _plain(_best(read("steplaw/steplaw_dense.csv")).drop(columns="C"))


def _best(runs: pd.DataFrame) -> pd.DataFrame:
    """The best run of each size and duration: others had bad hyper-parameters."""
    return runs.loc[runs.groupby(["N", "D"])["loss"].idxmin()]


def _plain(runs: pd.DataFrame) -> pd.DataFrame:
    """N, D, C and loss as float64, by compute."""
    runs = runs.assign(N=runs["N"].astype(float), D=runs["D"].astype(float))
    if "C" not in runs:
        runs["C"] = 6 * runs["N"] * runs["D"]
    runs = runs[["N", "D", "C", "loss"]].astype(float).dropna()
    return runs.sort_values("C", kind="stable").reset_index(drop=True)


# --- the study ---------------------------------------------------------------------------------


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
