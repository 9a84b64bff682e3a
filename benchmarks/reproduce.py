"""Published results beside ours: ``python -m benchmarks.reproduce`` writes reproduction.md.

The public tables are read from ``../shared/data`` or ``$SCALINGLAWS_DATA``; small ones are typed
in with their source. A line that misses its tolerance makes the exit status 1.
"""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import optimize

import scalinglaws as sl
from benchmarks.harness import DATA
from benchmarks.published_results import (
    FOUR_DIGIT_ADDITION,
    PARALLEL_STREAMS,
    Line,
    benchmark_ranking,
    parabola_bias,
    without_embeddings,
    zero_shot_errors,
)
from scalinglaws.fitting.published import PublishedPrediction

FOLDER = Path(__file__).parent
PAGE = FOLDER / "reproduction.md"


def epoch_runs() -> pd.DataFrame:
    """The 245 digitised Chinchilla runs."""
    return pd.read_csv(DATA / "chinchilla" / "chinchilla_epoch.csv")


def five(fit: sl.Fit, expected: dict[str, float], tolerance: dict[str, float]) -> Iterator[Line]:
    """One line for each coefficient."""
    for name, value in expected.items():
        limit = tolerance.get(name, tolerance["else"])
        yield Line(name, value, float(fit.params[name]), limit)


_SURFACE = ("E", "A", "alpha", "B", "beta")


def chinchilla_huber() -> Iterator[Line]:
    """The stated objective."""
    fit = sl.fit(epoch_runs().query("outlier == 0"), "chinchilla", objective="huber", delta=1e-3)
    yield Line("objective", 1.0182740178e-3, fit.objective_value, 1e-8)
    values = dict(zip(_SURFACE, (1.817218, 477.83, 0.347310, 2143.42, 0.367172), strict=True))
    yield from five(fit, values, {"A": 1e-3, "B": 1e-3, "else": 1e-5})
    yield from _thresholds()


def _thresholds() -> Iterator[Line]:
    """Other thresholds, and all runs: each number to its last digit, the exponent a among them."""
    runs = epoch_runs()
    for (outliers, delta), printed in _THRESHOLDS.items():
        own = runs if outliers else runs.query("outlier == 0")
        fit = sl.fit(own, "chinchilla", objective="huber", delta=delta)
        found = {**fit.values, "a": fit.values["beta"] / (fit.values["alpha"] + fit.values["beta"])}
        units = [
            abs(found[name] - float(text)) * 10.0 ** len(text.partition(".")[2])
            for name, text in zip((*_SURFACE, "a"), printed.split(), strict=False)
        ]
        what = f"{'all 245 runs, ' if outliers else ''}delta {delta:g}"
        yield Line(f"{what}: units of the last digit", 0.0, max(units), 0.5, False, printed)


# E, A, alpha, B, beta and the exponent a; a threshold of 1e-7 is that of absolute deviations.
_THRESHOLDS = {
    (False, 1e-1): "1.86455 593.32 .36025 4875.64 .40588 .5298",
    (False, 1e-2): "1.83808 538.75 .35442 2905.60 .38154 .5184",
    (False, 3e-3): "1.82092 493.30 .34925 2212.83 .36864 .5135",
    (False, 1e-3): "1.81722 477.83 .34731 2143.42 .36717 .5139",
    (False, 1e-4): "1.81582 478.69 .34741 2065.41 .36538 .5126",
    (False, 1e-7): "1.81686 482.00 .34781 2085.39 .36585 .5126",
    (True, 1e-3): "1.89134 495.73 .34931 12845.6 .45305",
    (True, 1e-7): "1.8854 463.3 .34536 12530 .45189",
}


def chinchilla_absolute() -> Iterator[Line]:
    """What the printed numbers minimise."""
    fit = sl.fit(epoch_runs().query("outlier == 0"), "chinchilla", objective="absolute")
    values = dict(zip(_SURFACE, (1.81686, 482.00572, 0.34781, 2085.43420, 0.36585), strict=True))
    yield from five(fit, values, {"else": 2e-5})


def chinchilla_squares() -> Iterator[Line]:
    """Another objective on the same runs."""
    fit = sl.fit(epoch_runs().query("outlier == 0"), "chinchilla", objective="squared")
    values = dict(zip(_SURFACE, (1.86455, 593.32, 0.36025, 4875.64, 0.40588), strict=True))
    yield from five(fit, values, {"else": 1e-4})


def chinchilla_all_runs() -> Iterator[Line]:
    """With the five far runs."""
    fit = sl.fit(epoch_runs(), "chinchilla", objective="huber", delta=1e-3)
    values = dict(zip(_SURFACE, (1.89134, 495.73, 0.34931, 12845.6, 0.45305), strict=True))
    yield from five(fit, values, {"else": 1e-4})


def chinchilla_errors() -> Iterator[Line]:
    """Standard deviations and 95 % intervals of 4,000 refits to runs drawn with replacement."""
    fit = sl.fit(epoch_runs().query("outlier == 0"), "chinchilla", objective="huber", delta=1e-3)
    draws = fit.bootstrap(4000, rng=0)
    draws["a"] = draws["beta"] / (draws["alpha"] + draws["beta"])
    published = {"E": 0.0257, "A": 124.5, "alpha": 0.0154, "B": 1293.0, "beta": 0.0206, "a": 0.018}
    for name, value in published.items():
        yield Line(f"std error of {name}", value, float(draws[name].to_numpy().std(ddof=1)), 0.15)
    found = fit.intervals(method="cases", n_resamples=4000)
    for name, (ends, tolerance) in _NOTEBOOK.items():
        for end, printed in zip(("low", "high"), ends, strict=True):
            ours = float(found[end].to_dict()[name])
            yield Line(f"{end} end of {name}, 95 %", printed, ours, *tolerance)


# Ends as printed, and 0.15 of a standard error of each: absolute, or relative for A and B.
_NOTEBOOK = {
    "E": ((1.769, 1.871), (0.0039, False)),
    "A": ((285.2, 743.6), (0.039, True)),
    "alpha": ((0.317, 0.373), (0.0023, False)),
    "B": ((1042.0, 5810.0), (0.063, True)),
    "beta": ((0.331, 0.415), (0.0031, False)),
}


def chinchilla_likelihood() -> Iterator[Line]:
    """Density proportional to exp(-huber(r/s)): the refit's is that of absolute deviations."""
    runs = epoch_runs().query("outlier == 0")
    refit = sl.fit(runs, "chinchilla", objective="absolute")
    law = sl.laws["chinchilla"]
    sets: dict[str, tuple[float, Mapping[str, float]]] = {
        "refit": (879.77, refit.values),
        "Hoffmann et al., digits of the source": (
            837.78, sl.published["chinchilla/hoffmann2022-tex"].values),
        "Hoffmann et al., as printed": (562.25, sl.published["chinchilla/hoffmann2022"].values),
    }  # fmt: skip
    found = []
    for name, (published, values) in sets.items():
        residuals = np.log(runs["loss"] / law.value(values, runs)).to_numpy()
        found.append(_huber_likelihood(residuals))
        yield Line(f"log-likelihood, {name}", published, found[-1], 0.05, False)
    yield Line(
        "likelihood ratio, refit to digits of the source", 84.00, 2 * (found[0] - found[1]), 0.05,
        False,
    )  # fmt: skip


def _estimate(published: sl.Published, **at: float) -> float:
    found = published.predict(at)
    assert isinstance(found, PublishedPrediction)
    return float(found.estimate)


def _huber_likelihood(residuals: np.ndarray, delta: float = 1e-3) -> float:
    """The largest over the scale."""
    normal = math.sqrt(2 * math.pi) * math.erf(delta / math.sqrt(2))
    constant = math.log(normal + 2 * math.exp(-(delta**2) / 2) / delta)

    def negative(log_scale: float) -> float:
        size = np.abs(residuals) * math.exp(-log_scale)
        loss = np.where(size <= delta, size**2 / 2, delta * (size - delta / 2))
        return float(loss.sum() + len(size) * (log_scale + constant))

    return -optimize.minimize_scalar(negative, bounds=(-25.0, 0.0), method="bounded").fun


# Section "closed forms": N* at 6ND = C; the optimum is found here by search, not by the formula
_OPTIMA = {
    "chinchilla/epoch2024": {1e19: 2.622e8, 1e21: 2.778e9, 5.76e23: 7.225e10, 3.8e25: 6.187e11},
    "chinchilla/hoffmann2022-tex": {1e19: 2.708e8, 1e21: 2.217e9, 5.76e23: 4.036e10,
                                    3.8e25: 2.732e11},
    "chinchilla/hoffmann2022": {1e19: 2.280e8, 1e21: 1.824e9, 5.76e23: 3.219e10, 3.8e25: 2.135e11},
}  # fmt: skip
_TOKENS_PER_PARAMETER = {
    "chinchilla/epoch2024": {1e19: 24.25, 1e21: 21.59, 5.76e23: 18.39, 3.8e25: 16.55},
    "chinchilla/hoffmann2022-tex": {1e19: 22.72, 1e21: 33.91, 5.76e23: 58.93, 3.8e25: 84.83},
    "chinchilla/hoffmann2022": {1e19: 32.07, 1e21: 50.08, 5.76e23: 92.65, 3.8e25: 138.96},
}
# G, a and gamma of N* = G (C/6)^a and L* - E ~ C^-gamma
_CLOSED_FORMS = {
    "chinchilla/epoch2024": (0.11963, 0.512612, 0.178286),
    "chinchilla/hoffmann2022-tex": (1.30005, 0.456526, 0.154840),
    "chinchilla/hoffmann2022": (1.34471, 0.451613, 0.153548),
}


def _closed_forms(name: str) -> Iterator[Line]:
    """From two optima a factor of 1e6 apart."""
    published = sl.published[name]
    optima = sl.optimal(published, C=[1e19, 1e25])
    n, excess = optima["N"].to_numpy(), optima["loss"].to_numpy() - published.values["E"]
    a, gamma = np.log([n[1] / n[0], excess[0] / excess[1]]) / np.log(1e6)
    found = (n[0] / (1e19 / 6) ** a, a, gamma)
    for what, value, ours in zip(("G", "a", "gamma"), _CLOSED_FORMS[name], found, strict=True):
        yield Line(f"{name}: {what}", value, float(ours), 1e-4)


def frontier() -> Iterator[Line]:
    """Compute-optimal sizes of the published sets."""
    for name, optima in _OPTIMA.items():
        published = sl.published[name]
        for compute, n_best in optima.items():

            def loss(log_n: float, c: float = compute, p: sl.Published = published) -> float:
                n = math.exp(log_n)
                return _estimate(p, N=n, D=c / (6 * n))

            best = optimize.minimize_scalar(
                loss, bounds=(math.log(1e6), math.log(1e14)), method="bounded",
                options={"xatol": 1e-9},
            )  # fmt: skip
            # the tables have four digits
            found = math.exp(best.x)
            yield Line(f"{name}: N* at {compute:.3g} FLOP", n_best, found, 3e-4)
            ratio = _TOKENS_PER_PARAMETER[name][compute]
            yield Line(
                f"{name}: D*/N* at {compute:.3g} FLOP", ratio, compute / (6 * found**2), 3e-4
            )
        yield from _closed_forms(name)


def noiseless_recovery() -> Iterator[Line]:
    """Czech et al. 2026: five budgets of fifteen sizes under known coefficients."""
    for alpha, beta in ((0.34, 0.28), (0.465, 0.155), (0.31, 0.31)):
        true = {"E": 1.69, "A": 406.4, "alpha": alpha, "B": 410.7, "beta": beta}
        scale = (alpha * 406.4 / (beta * 410.7)) ** (1 / (alpha + beta))
        budgets = np.geomspace(1e17, 1e21, 5)
        best = scale * (budgets / 6) ** (beta / (alpha + beta))
        n = (best[:, None] * np.geomspace(1 / 16, 16, 15)).ravel()
        table = pd.DataFrame({"N": n, "D": np.repeat(budgets, 15) / (6 * n)})
        table["loss"] = sl.laws["chinchilla"].value(true, table)
        fit = sl.fit(table, "chinchilla", scale="level", objective="squared")
        worst = max(abs(fit.params[k] / v - 1) for k, v in true.items())
        yield Line(f"largest relative error at ({alpha}, {beta})", 0.0, worst, 1e-6, False)


def porian_exponents() -> Iterator[Line]:
    """N_opt ~ C^a from the released optima, then from the curves by `isoflop`."""
    optima = pd.read_csv(DATA / "porian" / "porian_optima.csv").dropna(subset=["N_opt"])
    published = pd.read_csv(DATA / "porian" / "porian_published_fits.csv")
    for kind in ("basic", "weighted"):
        gaps = {}
        for _, row in published.query("fit == @kind").iterrows():
            series = optima[optima["series"] == row["series"]]
            weights = None if kind == "basic" else series["log_N_opt_std"].to_numpy() ** -2.0
            fit = sl.fit(series, "power", y="N_opt", columns={"C": "C"}, weights=weights)
            gaps[row["series"]] = abs(fit.params["d"] - row["n_exponent"])
        worst = max(gaps, key=lambda key: gaps[key])
        yield Line(
            f"{kind}: largest difference of {len(gaps)} exponents", 0.0, gaps[worst], 0.002, False,
            f"in {worst}",
        )  # fmt: skip
    runs = pd.read_csv(DATA / "porian" / "porian_isoflop.csv")
    for name, series in _PORIAN_STEPS.items():
        own = runs[runs["series"] == series]
        for kind, tolerance in (("basic", 0.005), ("weighted", 0.015)):
            weighted = kind == "weighted"
            found = sl.isoflop(own, method="akima", weighted=weighted, truth=None)
            target = published.query("series == @series and fit == @kind")["n_exponent"].item()
            yield Line(
                f"from the curves, {kind}: {name}", target,
                float(found.exponents["exponent"].to_dict()["N"]), tolerance, False,
            )  # fmt: skip
    for kind, tolerance, known in (("basic", 0.005, ""), ("weighted", 0.015, _PORIAN_WEIGHTS)):
        gaps = {}
        for series, own in runs.groupby("series"):
            weighted = kind == "weighted"
            found = sl.isoflop(own, method="akima", weighted=weighted, truth=None)
            target = published.query("series == @series and fit == @kind")["n_exponent"].item()
            gaps[series] = abs(float(found.exponents["exponent"].to_dict()["N"]) - target)
        worst = max(gaps, key=lambda key: gaps[key])
        yield Line(
            f"from the curves, {kind}: largest difference of {len(gaps)} exponents", 0.0,
            gaps[worst], tolerance, False, f"in {worst}", known,
        )  # fmt: skip


_PORIAN_WEIGHTS = (
    "other weights: theirs are of a noise that falls with the loss, with a floor; ours of one noise"
)
_PORIAN_STEPS = {
    "as Kaplan et al.": "rw_base_warmup-long_decay-kaplan_N-kaplan_train",
    "head counted": "rw_base_warmup-long_decay-kaplan_N-standard_val",
    "short warm-up": "rw_base_warmup-short_decay-kaplan_N-standard_val",
    "matched decay": "rw_base_warmup-short_decay-chinchilla_N-standard_val",
    "tuned optimiser": "rw_tuned_warmup-short_decay-const_N-standard_val",
}


_GADRE = {
    "c4_original": ("c4", (1.5083, 141.3, 189.5, 0.1212), (0.8497, 2.0789, 0.7561),
                    (0.7589, 1.2885, 0.9722)),
    "rpj": ("redpajama", (1.8366, 212.2, 366.7, 0.1364), (0.8570, 2.2065, 0.7146),
            (0.7608, 1.3229, 0.8907)),
    "rw_original": ("refinedweb", (1.7345, 157.1, 246.2, 0.1272), (0.8653, 2.2148, 0.7070),
                    (0.7677, 1.1281, 0.8215)),
}  # fmt: skip


def gadre() -> Iterator[Line]:
    """Five runs for the loss, six for the error, and the runs predicted from them."""
    runs = pd.read_csv(DATA / "gadre_overtraining" / "gadre_runs.csv")
    small = runs["N"] < 1e9
    chosen = small & (runs["token_multiplier"] == 20) | (
        (runs["N"] < 2e7) & (runs["token_multiplier"] == 320)
    )
    with_1b = chosen | ((runs["N"] > 1e9) & (runs["N"] < 2e9) & (runs["token_multiplier"] == 20))
    for series, (name, surface, tasks_17, tasks_46) in _GADRE.items():
        own = runs[runs["series"] == series]
        fit = sl.fit(own[chosen], "gadre", scale="level", objective="squared")
        for key, value in zip(("E", "a", "b", "eta"), surface, strict=True):
            yield Line(f"{name}: {key}", value, fit.params[key], 1e-3)
        for column, values in (("err_avg_17", tasks_17), ("err_avg_46", tasks_46)):
            link = sl.fit(own[with_1b], "gadre-error", y=column, scale="level", objective="squared")
            for key, value in zip(("eps", "k", "gamma"), values, strict=True):
                yield Line(f"{name}, {column}: {key}", value, link.params[key], 1e-3)
        if series == "rpj":
            link = sl.fit(
                own[with_1b], "gadre-error", y="err_avg_17", scale="level", objective="squared"
            )
            yield from _gadre_predictions(own, fit, link)


def _gadre_predictions(own: pd.DataFrame, fit: sl.Fit, link: sl.Fit) -> Iterator[Line]:
    for label, chosen, of_loss, of_tasks in (
        ("1.4B, M = 640", "N > 1e9 and N < 2e9 and token_multiplier == 640", 0.7103, 3.6365),
        ("6.9B, M = 20", "N > 5e9 and token_multiplier == 20", 0.7320, 0.0464),
    ):
        target = own.query(chosen)
        loss = fit.law.value(fit.values, target)
        tasks = link.law.value(link.values, loss=loss)
        for what, found, column, published in (
            ("loss", loss, "loss", of_loss), ("17-task error", tasks, "err_avg_17", of_tasks),
        ):  # fmt: skip
            error = 100 * abs(float(np.ravel(found)[0] / target[column].iloc[0]) - 1)
            yield Line(f"redpajama: error of the {what} of {label} [%]", published, error, 2e-3)


def parallel_streams() -> Iterator[Line]:
    """Two tables of 24 runs."""
    for name, runs in PARALLEL_STREAMS.items():
        fit = sl.fit(runs, "parscale", objective="huber", delta=1e-3)
        for key, value in sl.published[f"parscale/{name}"].values.items():
            yield Line(f"{name}: {key}", value, fit.params[key], 1e-2 if key == "A" else 1e-3)


def four_digit_addition() -> Iterator[Line]:
    """Least squares of log(1 + y) on the first 14 points, the last 3 kept out."""
    train, rest = FOUR_DIGIT_ADDITION[:14], FOUR_DIGIT_ADDITION[14:]
    shifted = train.assign(y=np.log1p(train["loss"]))
    law = sl.Law(
        "log1p(a + b*D**-c_0 * smoothmax(1, D/d_1, f_1)**-c_1)",
        variables=["D"],
        bounds={"f_1": (1e-3, 10.0), "a": (0.0, 10.0), "b": (0.0, 1e6), "c_0": (0.0, 10.0)},
    )
    fit = sl.fit(shifted, law, y="y", scale="level", objective="squared")
    published = sl.published["bnsl/four-digit-addition"].values
    for key, value in published.items():
        yield Line(key, value, fit.params[key], 1e-3)
    for label, part, value in (("fitted", train, 0.000598), ("kept out", rest, 0.010916)):
        error = np.log(sl.laws["bnsl"].value(fit.values, part) / part["loss"])
        yield Line(f"rms of log residuals, {label}", value, float(np.sqrt(np.mean(error**2))), 2e-2)


def steplaw_grids() -> Iterator[Line]:
    """Runs near the minimum of each grid."""
    runs = pd.read_csv(DATA / "steplaw" / "steplaw_dense.csv")
    best = runs.groupby(["N", "D"])["loss"].transform("min")
    near = runs[runs["loss"] <= 1.0025 * best].assign(batch=lambda t: 2048.0 * t["batch_size_seqs"])
    yield Line("runs within 0.25 % of their grid's minimum", 129, len(near), 0, False)
    lr = sl.fit(near, "power", y="lr", columns={"N": "N", "D": "D"})
    batch = sl.fit(near, "power", y="batch", columns={"D": "D"})
    for what, value, ours in (
        ("lr: factor", 77.69, lr.params["a"]), ("lr: exponent of N", -0.7662, lr.params["b"]),
        ("lr: exponent of D", 0.1970, lr.params["c"]),
        ("batch: factor", 0.2085, batch.params["a"]),
        ("batch: exponent of D", 0.6125, batch.params["c"]),
    ):  # fmt: skip
        yield Line(what, value, ours, 1e-3)
    point = {"N": 4.29e8, "D": 4e10}
    both = {  # other constants, inside the grids the same rates
        "refitted": (float(lr.law.value(lr.values, **point)), 3e-2),
        "published": (_estimate(sl.published["steplaw-lr/steplaw2025"], **point), 5e-3),
    }
    for which, (ours, tolerance) in both.items():
        yield Line(f"lr at N = 4.29e8, D = 4e10, {which} law", 2.25e-3, ours, tolerance)


def data_constrained() -> Iterator[Line]:
    """The published formula."""
    repeats = sl.Law("saturate(D, U, R_D)", variables=["D", "U"])
    law = sl.published["muennighoff/muennighoff2023"]
    for epochs, worth in ((2, 1.968), (4, 3.726), (8, 6.624), (16, 10.582), (40, 15.167)):
        found = float(repeats.value(law.values, D=epochs * 1e9, U=1e9)) / 1e9
        yield Line(f"worth of {epochs} epochs", worth, found, 5e-4, False)
    for unique, loss in ((55e9, 2.354404), (13.75e9, 2.377776), (1.25e9, 2.701207)):
        found = _estimate(law, N=2.8e9, D=55e9, U=unique)
        yield Line(f"L(2.8e9, 55e9) with {unique:.3g} unique tokens", loss, found, 1e-6)


def repetition_refit() -> Iterator[Line]:
    """The second stage: E, A, B and alpha held, R_N and R_D fitted on the 182 runs."""
    runs = pd.read_csv(DATA / "datablations" / "datablations_runs.csv").query("in_fit_182 == 1")
    values = sl.published["muennighoff/muennighoff2023"].values
    held = {k: values[k] for k in ("E", "A", "B", "alpha")}
    known = (
        "the published surface lies 8 % below these runs, so that the answer hangs on which of "
        "them are taken; the authors' selection is not recorded"
    )
    for label, some in (("all runs", runs), ("losses below 5", runs.query("loss < 5"))):
        fit = sl.fit(
            some, "muennighoff", columns={"U": "unique_tokens"}, objective="huber", delta=1e-3,
            fixed=held,
        )  # fmt: skip
        for key in ("R_D", "R_N"):
            yield Line(f"{key}, {label}", values[key], fit.params[key], 0.20, known=known)


_OLMO = {
    # column: E, A, alpha, B, beta; errors [%] of 7B at 4T and 13B at 5T tokens; and the authors'
    # prediction of the latter
    "bpb_hellaswag": ((0.5019, 11.23, 0.1955, 60.37, 0.2565), (-0.29, -1.17), 0.653),
    "loss": ((0.9344, 12.48, 0.1036, 33.48, 0.1620), (-1.98, -3.83), 2.344),
    "bpb_arc_challenge": (None, (3.70, 6.13), 0.783),
    "bpb_piqa": (None, (-2.04, -2.67), None),
    "bpb_mmlu": (None, None, 0.750),
}


def olmo_ladder() -> Iterator[Line]:
    """16 runs, each the mean of its last five evaluations, and so the 13B target."""
    checkpoints = pd.read_csv(DATA / "olmo_ladder" / "olmo_ladder_checkpoints.csv.gz")
    checkpoints = checkpoints.sort_values("step")
    runs = checkpoints.groupby("run").tail(5).groupby("run").mean(numeric_only=True)
    runs["D"] = checkpoints.groupby("run")["D"].last()
    ladder = runs[runs.index.str.fullmatch(r"(190M|370M|760M|1B)-(1|2|5|10)xC")]
    ends = pd.read_csv(DATA / "olmo_ladder" / "olmo_ladder_final.csv").set_index("run")
    targets = pd.concat([ends.loc[["peteish7_eval_anneal"]], runs.loc[["peteish13_eval_full"]]])
    for column, (surface, errors, prediction) in _OLMO.items():
        fit = sl.fit(ladder, "chinchilla", y=column, objective="huber", delta=1e-3)
        for key, value in zip(_SURFACE, surface or (), strict=bool(surface)):
            relative = key not in ("alpha", "beta")
            yield Line(f"{column}: {key}", value, fit.params[key], 1e-2, relative)
        found = fit.law.value(fit.values, targets)
        if prediction:
            yield Line(
                f"{column}: 13B at 5T, as the authors predict it", prediction, float(found[1]),
                6e-4, False,
            )  # fmt: skip
        known = "a worse minimum; the authors' own prediction agrees with ours"
        for label, value, ours in zip(
            ("7B at 4T", "13B at 5T"), errors or (), 100 * (found / targets[column].to_numpy() - 1),
            strict=bool(errors),
        ):  # fmt: skip
            yield Line(
                f"{column}: error of {label} [%]", value, ours, 0.1, False,
                known=known if column == "bpb_arc_challenge" else "",
            )  # fmt: skip


def formulas() -> Iterator[Line]:
    """The check vectors of every published law that has one."""
    points: list[tuple[str, dict[str, float], float]] = [
        ("kaplan/kaplan2020", {"N": 1e9, "D": 2e10}, 2.37388),
        ("kaplan-params/kaplan2020", {"N": 1e9}, 2.37564),
        ("kaplan-data/kaplan2020", {"D": 2e10}, 2.11826),
        ("critical-batch/kaplan2020", {"loss": 3.0}, 1.0691e6),
        ("chinchilla/epoch2024", {"N": 70e9, "D": 1.4e12}, 1.973882),
        ("chinchilla/hoffmann2022-tex", {"N": 70e9, "D": 1.4e12}, 1.920842),
        ("chinchilla/hoffmann2022", {"N": 70e9, "D": 1.4e12}, 1.936645),
        ("chinchilla/epoch2024", {"N": 1e9, "D": 2e10}, 2.530050),
        ("chinchilla/hoffmann2022-tex", {"N": 1e9, "D": 2e10}, 2.530665),
        ("chinchilla/hoffmann2022", {"N": 1e9, "D": 2e10}, 2.580048),
        ("bnsl/four-digit-addition", {"D": 160}, 2.135824),
        ("bnsl/four-digit-addition", {"D": 928}, 0.562598),
        ("clark/s-base", {"N": 1e9, "n_exp": 64}, 2.08581),
        ("clark/s-base", {"N": 1e9, "n_exp": 1}, 2.28457),
        ("krajewski/krajewski2024", {"N": 1e9, "D": 1e11, "G": 8}, 2.94182),
        ("abnar/abnar2025", {"N": 1e9, "D": 2e10, "S": 0.9}, 2.70187),
        ("deepseek-lr/deepseek2024", {"C": 1e20}, 9.860e-4),
        ("deepseek-batch/deepseek2024", {"C": 1e20}, 1.017e6),
        ("deepseek-allocation/deepseek2024", {"C": 1e20}, 1.905e10),
        ("steplaw-lr/steplaw2025", {"N": 7e9, "D": 1.4e12}, 9.166e-4),
        ("steplaw-batch/steplaw2025", {"D": 1.4e12}, 5.0e6),
        ("porian-lr/porian2024", {"N": 1e9}, 2.129e-3),
        ("porian-batch/porian2024", {"N": 1e9}, 785.6),
    ]
    for name, at, value in points:
        found = _estimate(sl.published[name], **at)
        place = ", ".join(f"{k} = {v:.3g}" for k, v in at.items())
        # half a unit of the fewest digits
        yield Line(f"{name} at {place}", value, found, 1e-2 if "batch/step" in name else 5e-4)
    others: list[tuple[str, dict[str, float], dict[str, float], float]] = [
        # the steps' law takes N_c and alpha_N of L(N); the last one is the mean of the resamples
        (
            "kaplan-steps",
            {"N_c": 8.8e13, "alpha_N": 0.076, "S_c": 2.1e3, "alpha_S": 0.76},
            {"N": 1e9, "S": 1e4},
            2.68105,
        ),
        (
            "chinchilla",
            {"E": 0.47, "A": 16.3, "alpha": 0.126, "B": 26.7, "beta": 0.127},
            {"N": 1e9, "D": 1e11},
            2.73757,
        ),
        ("power", {"a": 0.1715, "d": 0.5243}, {"C": 1e20}, 5.251e9),
        (
            "steplaw-lr",
            {"a": math.exp(0.586308), "b": -0.712922, "c": 0.307491},
            {"N": 7e9, "D": 1.4e12},
            9.347e-4,
        ),
    ]
    for name, values, at, value in others:
        law = sl.Law("a*C**d", variables=["C"]) if name == "power" else sl.laws[name]
        place = ", ".join(f"{k} = {v:.3g}" for k, v in at.items())
        what = {"chinchilla": "Krajewski et al., dense", "power": "DeepSeek's M*"}.get(name, name)
        yield Line(f"{what} at {place}", value, float(law.value(values, **at)), 5e-4)


ROWS: dict[int, tuple[str, Callable[[], Iterator[Line]]]] = {
    1: ("Besiroglu et al. 2024: 240 Chinchilla runs, Huber 1e-3, and others", chinchilla_huber),
    2: ("the same: as printed, least absolute deviations", chinchilla_absolute),
    3: ("the same: least squares of log residuals", chinchilla_squares),
    4: ("the same: all 245 runs, Huber 1e-3", chinchilla_all_runs),
    5: ("the same: bootstrap standard errors", chinchilla_errors),
    6: ("the same: log-likelihoods", chinchilla_likelihood),
    7: ("compute-optimal sizes", frontier),
    11: ("Czech et al. 2026: bias of parabolas", parabola_bias),
    12: ("Czech et al. 2026: noiseless IsoFLOP grids", noiseless_recovery),
    13: ("Pearce and Song 2024: the frontier without embeddings", without_embeddings),
    14: ("Porian et al. 2024: exponents of the compute-optimal size", porian_exponents),
    15: ("Gadre et al. 2024: over-training and downstream error", gadre),
    16: ("Chen et al. 2025: parallel streams", parallel_streams),
    17: ("Caballero et al. 2022: four-digit addition, one break", four_digit_addition),
    21: ("Li et al. 2025 (Step Law): released grids", steplaw_grids),
    24: (
        "Cherti et al. 2022: zero-shot errors of CLIP models on the lower envelope",
        zero_shot_errors,
    ),
    25: ("Muennighoff et al. 2023: formula", data_constrained),
    26: ("Muennighoff et al. 2023: refit on 182 runs", repetition_refit),
    27: ("Bhagia et al. 2024: OLMo ladder, step 1", olmo_ladder),
    29: (
        "Alabdulmohsin et al. 2022: extrapolation of 44 of the 92 learning curves",
        benchmark_ranking,
    ),
    31: ("formula checks", formulas),
}
UNREACHABLE = {
    8: "the 133 digitised points of the Llama 3 profiles are not among the tables, and too many to "
    "type in; sl.isoflop is checked against the bias that it should have (row 11)",
    9: "the 124 points of another reading of the Chinchilla figure are not among the tables, and "
    "too many to type in; the same fit of the 240 points is rows 1 to 4",
    10: "the same 124 points",
    18: "the 1,200 runs of the vocabulary study are not among the tables; the formula is checked",
    19: "the routed models' curves are not among the tables; the formula is checked",
    20: "the authors' 1,000 resamples are not among the tables; their means give the learning rate "
    "of row 31",
    22: "the loss curves are not among the tables; the law is checked against its sum over every "
    "step",
    23: "the loss curves are not among the tables; the law and its features are tested",
    28: "principal components are no law, and the benchmark scores are not among the tables",
    30: "the 404 runs of Farseer are not among the tables",
}


def page() -> tuple[str, bool]:
    """The table, and whether every line passes."""
    out = [
        "# Published results beside ours",
        "",
        "Written by `python -m benchmarks.reproduce` from public tables and typed-in figures.",
        "",
        "| # | what | published | ours | difference | tolerance | |",
        "|---:|---|---:|---:|---:|---:|---|",
    ]
    passed = True
    for number in sorted({*ROWS, *UNREACHABLE}):
        if number in UNREACHABLE:
            out.append(f"| {number} | not reached: {UNREACHABLE[number]} | | | | | |")
            continue
        title, make = ROWS[number]
        out.append(f"| {number} | **{title}** | | | | | |")
        with warnings.catch_warnings(action="ignore"):
            for line in make():
                passed &= line.passed or bool(line.known)
                unit = " rel" if line.relative else ""
                out.append(
                    f"| | {line.what}{f' ({line.note})' if line.note else ''} "
                    f"| {line.published:.7g} | {line.ours:.7g} | {line.gap:.1e}{unit} "
                    f"| {line.tolerance:.2g}{unit} | {line.verdict} |"
                )
    return "\n".join([*out, ""]), passed


def main() -> int:
    """Write the page; 1 if a line misses its tolerance."""
    if not DATA.exists():
        print(f"The public tables are not in {DATA}; set SCALINGLAWS_DATA.", file=sys.stderr)
        return 2
    text, passed = page()
    PAGE.write_text(text, encoding="utf-8")
    print(text)
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
