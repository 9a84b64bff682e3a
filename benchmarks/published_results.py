"""Published numbers beside ours: small tables typed in, and results about plans and curves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

import scalinglaws as sl
from benchmarks.learning_curves import scores


@dataclass(frozen=True)
class Line:
    """One number: as published, ours, and how far apart they may be."""

    what: str
    published: float
    ours: float
    tolerance: float
    relative: bool = True
    note: str = ""
    known: str = ""  # why it differs, where that is understood

    @property
    def gap(self) -> float:
        """Relative or absolute difference."""
        gap = abs(self.ours - self.published)
        return gap / abs(self.published) if self.relative else gap

    @property
    def passed(self) -> bool:
        """Within the tolerance."""
        return self.gap <= self.tolerance

    @property
    def verdict(self) -> str:
        """Passes, differs for a known reason, or fails."""
        if self.passed:
            return "pass"
        return f"differs: {self.known}" if self.known else "**fail**"


# --- small published tables, typed in with their source ----------------------------------------


# Caballero et al. 2022, github.com/ethancaballero/broken_neural_scaling_laws, four-digit addition
FOUR_DIGIT_ADDITION = pd.DataFrame(
    {
        "D": [160.0, 192, 256, 320, 384, 448, 480, 512, 544, 576, 608, 640, 672, 736, 800, 864,
              928],
        "loss": [2.13809046, 2.11813418, 2.08955508, 2.06988398, 2.05404987, 2.03837089, 2.02814281,
                 2.00496872, 1.95576149, 1.86313841, 1.70891537, 1.50637664, 1.29754721, 0.96559684,
                 0.75856477, 0.64768338, 0.55695445],
    }
)  # fmt: skip

# Chen et al. 2025 (ParScale), github.com/QwenLM/ParScale, parametric_fit.py: rows are 1, 2, 4 and 8
# streams, columns the six sizes
_PARAMETERS = [
    [535813376, 693753856, 1088376320, 1571472384, 2774773760, 4353203200],
    [538195842, 696738818, 1092762882, 1577522690, 2784937986, 4368529922],
    [540577412, 699722756, 1097148164, 1583571460, 2795100164, 4383854084],
    [545340552, 705690632, 1105918728, 1595669000, 2815424520, 4414502408],
]
_STACK = [
    [1.1722, 1.1496, 1.1131, 1.0817, 1.0451, 1.0213],
    [1.1507, 1.1262, 1.0940, 1.0623, 1.0244, 1.0025],
    [1.1354, 1.1124, 1.0808, 1.0490, 1.0126, 0.9906],
    [1.1231, 1.0997, 1.0688, 1.0383, 1.0016, 0.9794],
]
_PILE = [
    [2.1113, 2.0671, 2.0027, 1.9539, 1.8876, 1.8451],
    [2.0772, 2.0363, 1.9730, 1.9266, 1.8610, 1.8137],
    [2.0544, 2.0128, 1.9509, 1.9040, 1.8394, 1.7938],
    [2.0364, 1.9933, 1.9318, 1.8856, 1.8218, 1.7772],
]


def parallel_streams(losses: list[list[float]]) -> pd.DataFrame:
    """One row for each size and number of streams."""
    return pd.DataFrame(
        {
            "N": np.ravel(_PARAMETERS).astype(float),
            "P": np.repeat([1.0, 2.0, 4.0, 8.0], 6),
            "loss": np.ravel(losses),
        }
    )


PARALLEL_STREAMS = {
    "stack-v2-python": parallel_streams(_STACK),
    "pile": parallel_streams(_PILE),
}

# Cherti et al. 2022, from LAION-AI/scaling-laws-openclip, zeroshot_results.csv: of the 29 models
# trained on LAION those on the lower envelope of an error, in the columns of CLIP_WIT
CLIP_LAION = pd.DataFrame(
    [
        ("ViT-B/32, 400M, 3B", 1.80855445e10, 0.57120, 0.56285489, 0.8050),
        ("ViT-B/32, 2B, 3B", 1.89440983e10, 0.57358, 0.57013196, 0.8216),
        ("ViT-B/16, 400M, 3B", 5.02729258e10, 0.62684, 0.60851657, 0.8584),
        ("ViT-B/16, 2B, 3B", 5.26594732e10, 0.61822, 0.61083567, 0.8512),
        ("ViT-B/32, 2B, 13B", 9.62e10, 0.62526, 0.61663336, 0.8536),
        ("ViT-B/32, 400M, 13B", 9.77984e10, 0.63228, 0.61899239, 0.8520),
        ("ViT-L/14, 400M, 3B", 2.14411462e11, 0.69306, 0.65629750, 0.8914),
        ("ViT-L/14, 2B, 3B", 2.24589965e11, 0.68928, 0.66205519, 0.8982),
        ("ViT-B/16, 2B, 13B", 2.68122271e11, 0.68134, 0.66109556, 0.8990),
        ("ViT-B/16, 2B, 34B", 7.03820959e11, 0.70222, 0.67728907, 0.9032),
        ("ViT-L/14, 2B, 13B", 1.122944e12, 0.73096, 0.69156337, 0.9172),
        ("ViT-L/14, 2B, 34B", 2.80736e12, 0.75202, 0.71079570, 0.9292),
        ("ViT-g/14, 2B, 13B", 3.54939666e12, 0.76664, 0.72399038, 0.9348),
        ("ViT-H/14, 2B, 34B", 6.63150887e12, 0.77972, 0.73430628, 0.9410),
    ],
    columns=["model", "C", "imagenet", "mscoco", "flickr30k"],
)

# Cherti et al. 2022: the three models trained on WIT; compute in GMAC times samples, accuracy on
# ImageNet and recall at 5 of image retrieval, zero-shot. Typed in from
# LAION-AI/scaling-laws-openclip, zeroshot_results.csv.
CLIP_WIT = pd.DataFrame(
    {
        "model": ["ViT-B/32", "ViT-B/16", "ViT-L/14"],
        "C": [9.472e10, 2.63296e11, 1.122944e12],
        "imagenet": [0.63334, 0.68352, 0.7549],
        "mscoco": [0.55845660, 0.58368653, 0.61083567],
        "flickr30k": [0.83380002, 0.85540003, 0.87159997],
    }
)


# --- results about plans, and of a benchmark of extrapolation ----------------------------------


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
