"""Published results about plans, from typed-in figures, and of a benchmark of extrapolation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

import scalinglaws as sl
from benchmarks.figures import CLIP_LAION, CLIP_WIT
from benchmarks.learning_curves import scores
from benchmarks.lines import Line


@dataclass(frozen=True)
class Known:
    """A law with coefficients, to plan from."""

    law: sl.Law
    values: Mapping[str, float]


_CZECH = {
    # exponents: error [%] of the tokens at 1e24 from profiles 2, 4, 8 and 16 times wide each way
    (0.34, 0.28): (-0.33, -1.30, -2.90, -5.10),
    (0.465, 0.155): (-1.67, -6.50, -13.91, -23.12),
    (0.31, 0.31): (0.0, 0.0, 0.0, 0.0),
}


def parabola_bias() -> Iterator[Line]:
    """Approach 2 on noiseless profiles at 1e17 to 1e21, 15 runs each, carried on to 1e24."""
    budgets = np.geomspace(1e17, 1e21, 5)
    for (alpha, beta), errors in _CZECH.items():
        values = {"E": 1.69, "A": 406.4, "alpha": alpha, "B": 410.7, "beta": beta}
        known = Known(sl.laws["chinchilla"], values)
        best = sl.optimal(known, C=budgets)["N"].to_numpy()
        true = sl.optimal(known, C=1e24)["D"].iloc[0]
        for width, error in zip((2, 4, 8, 16), errors, strict=True):
            n = best[:, None] * np.geomspace(1 / width, width, 15)
            runs = pd.DataFrame({"N": n.ravel(), "C": np.repeat(budgets, 15)})
            runs["D"] = runs["C"] / (6 * runs["N"])
            runs["loss"] = known.law.value(values, runs)
            whole = sl.isoflop(runs, n_resamples=20, truth=None, window=np.inf, rise=np.inf)
            found = whole.predict(1e24)["D"].iloc[0]
            yield Line(
                f"({alpha}, {beta}), {width} times wide: error of D at 1e24 FLOP [%]", error,
                100 * (found / true - 1), 0.05, False,
            )  # fmt: skip


def without_embeddings() -> Iterator[Line]:
    """The frontier in parameters and compute without embeddings, for 768 to 1.58e9 parameters."""
    law = sl.Law("loss ~ E + A/N_total**alpha + B/D**beta where N_total = N + omega*N**(1/3)")
    budgets = np.geomspace(10**12.95, 10**20.7, 100)
    for name, exponent in (("epoch2024", 0.7805), ("hoffmann2022-tex", 0.7388)):
        values = {**sl.published[f"chinchilla/{name}"].values, "omega": 47491.0}
        optima = sl.optimal(Known(law, values), C=budgets)
        within = optima[optima["N"].between(768, 1.58e9)]
        fit = sl.fit(within, "power", y="N", columns={"C": "C"})
        yield Line(f"{name}: exponent of N", exponent, fit.params["d"], 5e-3, False)


_CHERTI = {
    # data set: models; error: exponent, factor where it is known
    "WIT": (CLIP_WIT, {"imagenet": (-0.164, 23.18), "mscoco": (-0.051, 1.59),
                       "flickr30k": (-0.103, None)}),
    "LAION": (CLIP_LAION, {"imagenet": (-0.111, 5.88), "mscoco": (-0.082, 2.99),
                           "flickr30k": (-0.189, None)}),
}  # fmt: skip


def zero_shot_errors() -> Iterator[Line]:
    """Error as a power of compute, on the models that no cheaper one surpasses."""
    for data, (models, errors) in _CHERTI.items():
        for column, (exponent, factor) in errors.items():
            runs = models.assign(error=1 - models[column]).sort_values("C")
            best = runs[runs["error"] <= runs["error"].cummin()]
            fit = sl.fit(best, "cherti", objective="squared")
            what, note = f"{data}, {column}", f"{len(best)} models"
            yield Line(f"{what}: exponent", exponent, fit.params["alpha"], 5e-3, False, note)
            if factor is not None:
                yield Line(f"{what}: factor", factor, fit.params["beta"], 1e-2)


def benchmark_ranking() -> Iterator[Line]:
    """The half of the curves that is public; each law's mean error on the part kept out."""
    table = scores(("m1", "m2", "m3", "m4")).query("law != 'last value'")
    for domain, own in table.groupby("domain", sort=True):
        by_curve = own.pivot_table(index="curve", columns="law", values="score")
        means = by_curve.mean()
        each = ", ".join(f"{law} {means[law]:.4f}" for law in means.index)
        what = f"{domain}: rank of M4 by the mean error"
        yield Line(what, 1, means.rank()["m4"], 0, False, f"{len(by_curve)} curves; {each}")
        if domain == "IC":
            best = int((by_curve.idxmin(axis=1) == "m4").sum())
            yield Line(
                "IC: M4 is best on most curves (1: yes)", 1, float(best > len(by_curve) / 2), 0,
                False, f"best on {best} of {len(by_curve)}",
            )  # fmt: skip
