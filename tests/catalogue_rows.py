"""For each law of the catalogue: coefficients, a sensible design, and published check values."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy import linalg

import scalinglaws as sl
from scalinglaws.core import catalogue

Values = Mapping[str, float]


@dataclass(frozen=True)
class Check:
    """The law's value at a point, from the literature or an independent computation."""

    at: Values
    value: float
    tolerance: float  # relative; half a unit of the last digit given
    published: str | None = None  # a set of coefficients; None: those of the row


@dataclass(frozen=True)
class Row:
    """What is known of one law.

    Attributes
    ----------
    values : coefficients; by default the first published set
    design : levels of each variable, crossed; or a function that makes the table
    fixed : parameters that a user would know
    scale : of the residuals
    """

    design: Mapping[str, object] | Callable[[], pd.DataFrame]
    values: Values | None = None
    fixed: tuple[str, ...] = ()
    scale: str = "log"
    checks: tuple[Check, ...] = ()
    open: str = ""  # why this design cannot determine all, where it cannot
    tolerance: float = 1e-6
    at_least: Mapping[str, int] = field(default_factory=dict)  # fewer levels fit other values too
    skip: Mapping[str, str] = field(default_factory=dict)

    def table(self) -> pd.DataFrame:
        """The design as a table without the performance."""
        if callable(self.design):
            return self.design()
        grids = np.meshgrid(*(np.asarray(v, float) for v in self.design.values()), indexing="ij")
        return pd.DataFrame(
            {name: grid.ravel() for name, grid in zip(self.design, grids, strict=True)}
        )


def coefficients(name: str) -> Values:
    """Those of the row, or of the law's first published set."""
    values = ROWS[name].values
    return catalogue.entry(name).published[0].values if values is None else values


N = np.geomspace(1e7, 1e10, 6)
D = np.geomspace(1e9, 1e12, 6)
C = np.geomspace(1e17, 1e22, 12)
CURVE = np.geomspace(1e3, 1e8, 24)  # examples seen
SCORE_CURVE = np.geomspace(16, 1e5, 24)


def _six_n_d() -> pd.DataFrame:
    """Compute measured on its own, close to 6ND."""
    table = Row({"N": N, "D": D}).table()
    return table.assign(C=6.0 * table["N"] * table["D"] + 3e4 * table["N"] ** 0.7 * table["D"])


def _repeats() -> pd.DataFrame:
    """Sizes, and budgets from a tenth of the unique tokens to sixty epochs."""
    u = np.array([1e8, 1e9, 1e10])
    grids = np.meshgrid(np.geomspace(3e6, 3e9, 6), u, np.geomspace(0.1, 60, 8), indexing="ij")
    n, unique, epochs = (g.ravel() for g in grids)
    return pd.DataFrame({"N": n, "D": unique * epochs, "U": unique})


def _mixtures(n: int) -> pd.DataFrame:
    """Shares that add up to one."""
    shares = np.random.default_rng(0).dirichlet(np.full(n, 1.5), 8 * n)
    return pd.DataFrame({f"r_{k + 1}": shares[:, k] for k in range(n)})


def _schedules() -> pd.DataFrame:
    """A constant schedule, one that falls linearly, and one that falls at the end."""
    steps = np.arange(3000)
    shapes = (
        np.ones(len(steps)),
        1 - 0.9 * steps / len(steps),
        np.where(steps < 2400, 0.7, 0.7 - 0.6 * (steps - 2400) / 600),
    )
    features = [sl.schedule_features(3e-4 * shape)[100::100] for shape in shapes]
    return pd.concat(features, ignore_index=True)


def _drops() -> pd.DataFrame:
    """A warm-up and one drop, at several times and to several learning rates."""
    steps = np.arange(1, 4001)
    features = []
    for place, low in ((800, 0.5), (1600, 0.1), (2400, 0.3), (3000, 0.03), (9999, 1.0)):
        shape = np.minimum(steps / 200, 1.0) * np.where(steps < place, 1.0, low)
        features.append(sl.schedule_features(3e-4 * shape, n_falls=2)[250::75])
    return pd.concat(features, ignore_index=True).drop_duplicates(ignore_index=True)


def _additive_mixtures() -> pd.DataFrame:
    """Mixtures of two domains, some with hardly any of one."""
    shares = [0.001, 0.01, 0.05, 0.2, 0.5, 0.8, 0.95, 0.99, 0.999]
    grids = np.meshgrid(N[::2], D[::2], shares, indexing="ij")
    n, d, share = (g.ravel() for g in grids)
    return pd.DataFrame({"N": n, "D": d, "h_1": share, "h_2": 1 - share})


def _distilled() -> pd.DataFrame:
    """Teachers from far better than the student would be alone to worse."""
    grids = np.meshgrid(
        np.geomspace(1e7, 1e10, 5), np.geomspace(3e8, 3e11, 5), np.linspace(1.7, 3.3, 5),
        indexing="ij",
    )  # fmt: skip
    n, d, teacher = (g.ravel() for g in grids)
    student = 1.22 + (3355 / n**0.408 + 18186 / d**0.431) ** 0.452
    return pd.DataFrame({"N": n, "D": d, "L_T": teacher, "L_S": student})


_EPOCH = "epoch2024"
_TEX = "hoffmann2022-tex"
_PRINTED = "hoffmann2022"
_LEVELS = {"loss": np.linspace(0.4, 3.0, 20)}

ROWS: Mapping[str, Row] = {
    "power": Row(_six_n_d, {"a": 30.0, "b": -0.05, "c": -0.06, "d": -0.02}),
    "power-floor": Row(_six_n_d, {"E": 1.5, "a": 400.0, "b": -0.1, "c": -0.2, "d": -0.05}),
    "m1": Row({"D": CURVE}, {"b": 12.0, "c": -0.13}),
    "m2": Row({"D": CURVE}, {"eps_inf": 0.2, "b": 12.0, "c": -0.4}),
    "m3": Row({"D": CURVE}, {"b": 12.0, "gamma": 1e-7, "c": -0.3}),
    "m4": Row(
        {"D": np.geomspace(10, 1e8, 24)},
        {"eps_inf": 0.1, "eps_0": 0.9, "b": 30.0, "c": -0.4, "alpha": 1.7},
    ),
    "hestness": Row({"D": CURVE}, {"a": 11.9, "beta_g": -0.2, "gamma": 1.0},
                    checks=(Check({"D": 1e6}, 11.9 * 1e6**-0.066, 1e-12, "word-language-model"),)),
    "henighan": Row({"N": N}, {"L_inf": 2.2, "x_0": 63.0, "alpha": 0.13}),
    "bnsl": Row(
        {"D": np.geomspace(30, 3e4, 24)},
        {"a": 0.41388453, "b": 2.27727229, "c_0": 0.05507735, "c_1": 0.9, "d_1": 612.58362,
         "f_1": 0.3},
        checks=(
            Check({"D": 160.0}, 2.135824, 5e-7, "four-digit-addition"),
            Check({"D": 928.0}, 0.562598, 1e-6, "four-digit-addition"),
        ),
    ),
    "nezhurina": Row({"C": np.geomspace(1e15, 1e23, 20)},
                     {"E": 0.3, "A": 2e3, "B": 1e17, "alpha": 0.2}),
    "cherti": Row({"C": C}),
    "chinchilla": Row(
        {"N": N, "D": D},
        checks=(
            Check({"N": 70e9, "D": 1.4e12}, 1.973882, 3e-7, _EPOCH),
            Check({"N": 1e9, "D": 2e10}, 2.530050, 3e-7, _EPOCH),
            Check({"N": 70e9, "D": 1.4e12}, 1.920842, 4e-6, _TEX),
            Check({"N": 1e9, "D": 2e10}, 2.530665, 4e-6, _TEX),
            Check({"N": 70e9, "D": 1.4e12}, 1.936645, 3e-7, _PRINTED),
            Check({"N": 1e9, "D": 2e10}, 2.580048, 3e-7, _PRINTED),
        ),
    ),
    "outer-power": Row(
        {"N": N, "D": D}, {"E": 1.7, "A": 480.0, "alpha": 0.33, "B": 2000.0, "beta": 0.37, "q": 0.6}
    ),
    "kaplan": Row({"N": N, "D": D}, checks=(Check({"N": 1e9, "D": 2e10}, 2.37388, 3e-6),)),
    "kaplan-params": Row({"N": N}, checks=(Check({"N": 1e9}, 2.37564, 3e-6),)),
    "kaplan-data": Row({"D": D}, checks=(Check({"D": 2e10}, 2.11826, 3e-6),)),
    "kaplan-compute": Row(
        {"C": C}, checks=(Check({"C": 8.64e19}, 3.1e8**0.05, 1e-12),)  # one PF-day
    ),
    "kaplan-steps": Row(
        {"N": N, "S": np.geomspace(1e3, 1e6, 6)},
        {"N_c": 6.5e13, "alpha_N": 0.077, "S_c": 2.1e3, "alpha_S": 0.76},
        # the check of L(N, S_min) takes the single-variable N_c and alpha_N
        checks=(Check({"N": 1e9, "S": 1e4}, (6.5e4) ** 0.077 + 0.21**0.76, 1e-12),),
    ),
    "critical-batch": Row(
        {"loss": np.linspace(2, 6, 12)}, checks=(Check({"loss": 3.0}, 1.0691e6, 5e-5),)
    ),
    "rosenfeld": Row(
        {"D": np.geomspace(1e3, 1e8, 8), "N": np.geomspace(1e4, 1e9, 8)},
        {"eps_0": 0.9, "eta": 0.02, "alpha": 0.75, "b": 0.7, "beta": 0.61, "c": 0.002},
    ),
    "gadre": Row(_six_n_d),
    "farseer": Row(
        {"N": np.geomspace(1e8, 6e9, 10), "D": np.geomspace(1e9, 5e11, 10)},
        {"c_3": 0.4, "s_3": -0.119, "g_3": 0.17, "c_2": -0.5, "s_2": -0.3, "g_2": -0.1,
         "c_1": -1.166, "s_1": -0.196, "g_1": 0.123},
    ),
    "tao": Row(
        {"N_nv": np.geomspace(3e7, 3e9, 5), "N_v": np.geomspace(2e3, 1e5, 5),
         "D": np.geomspace(1e9, 1e11, 5)},
        scale="level",
    ),
    "parscale": Row({"N": np.geomspace(5e8, 5e9, 6), "P": [1.0, 2.0, 4.0, 8.0]}),
    "tissue": Row(_schedules),
    "busbridge": Row(
        {"N": N, "D": D},
        {"E": 1.22, "A": 3355.0, "alpha": 0.408, "B": 18186.0, "beta": 0.431, "gamma": 0.452},
    ),
    "busbridge-student": Row(
        _distilled,
        {"c_0": 2.5, "d_1": 0.9, "f_1": 0.1, "c_1": 3.0, "A": 2243.0, "alpha": 0.321,
         "B": 2.4e6, "beta": 0.637, "gamma": 0.764},
    ),
    "muennighoff": Row(
        _repeats,
        checks=(
            Check({"N": 2.8e9, "D": 55e9, "U": 55e9}, 2.354404, 3e-7),
            Check({"N": 2.8e9, "D": 55e9, "U": 13.75e9}, 2.377776, 3e-7),
            Check({"N": 2.8e9, "D": 55e9, "U": 1.25e9}, 2.701207, 3e-7),
        ),
    ),
    "hernandez": Row({"D_F": np.geomspace(1e5, 1e9, 5), "N": N}),
    "hernandez-loss": Row(
        {"D_F": np.geomspace(1e5, 1e9, 6), "N": N},
        {"N_c": 6.4e13, "alpha_N": 0.076, "alpha_D": 0.103, "D_c": 1.8e13, "k": 1.9e4,
         "alpha": 0.18, "beta": 0.38},
        fixed=("D_c",),
    ),
    "zhang": Row({"X": N, "D_f": np.geomspace(1e3, 1e7, 6)},
                 {"A": 60.0, "alpha": 0.1, "beta": 0.08, "E": 0.6}),
    "lin": Row({"D": np.geomspace(200, 8e5, 20)},
               {"B": 300.0, "D_l": 80.0, "beta": 0.6, "E": 0.9}),
    "multi-power": Row(
        _drops,
        # after the warm-up and long training, the floor with the rise's whole cost
        checks=(
            Check(
                {"S1": 1e12, "fall_1": -3e-4, "since_1": 1e12, "lr_1": 3e-4, "fall_2": 0.0,
                 "since_2": 0.0, "lr_2": 3e-4},
                2.783, 1e-4, "luo-100m",
            ),
        ),
    ),
    "shukor": Row(
        _additive_mixtures,
        {"E": 1.2, "K": 1.1, "gamma_1": 0.3, "c_2": 0.6, "gamma_2": 0.5, "A": 480.0,
         "alpha": 0.34, "B": 2000.0, "beta": 0.36},
    ),
    "ge": Row(
        {"r": [0.02, 0.1, 0.3, 0.6, 0.9], "S": np.geomspace(1e3, 1e6, 8)},
        {"A": 2.1, "alpha": 0.08, "B": 12.0, "beta": 0.45},
    ),
    "que": Row(
        {"N": N[::2], "D": D[::2], "r": [0.001, 0.01, 0.05, 0.2, 0.4, 0.6, 0.8, 1.0]},
        {"E": 1.3, "A": 480.0, "alpha": 0.34, "B": 2000.0, "eta": 0.2, "beta": 0.36, "C_r": 0.3,
         "eps": 0.05, "gamma": 0.5},
    ),
    "kumar-parts": Row(
        {"N": N[::2], "D": D[::2], "P_w": [3.0, 5, 8, 16], "P_a": [4.0, 6, 12],
         "P_kv": [4.0, 6, 12]},
        {"E": 2.7648, "A": 4299.0, "gamma_w": 2.6745, "gamma_a": 2.2102, "gamma_kv": 0.9578,
         "alpha": 0.4965, "B": 18060.0, "beta": 0.4965},
    ),
    "ye": Row(lambda: _mixtures(2), {"c": 1.9, "t_1": -1.4, "t_2": 0.4}),
    "clark": Row(
        {"N": np.geomspace(1e7, 2e9, 7), "n_exp": [1.0, 2, 4, 8, 16, 32, 64, 128, 256, 512]},
        checks=(
            Check({"N": 1e9, "n_exp": 64}, 2.08581, 3e-6),
            Check({"N": 1e9, "n_exp": 1}, 2.28457, 3e-6),
        ),
    ),
    "krajewski": Row(
        {"N": np.geomspace(1e8, 5e9, 5), "D": np.geomspace(1e10, 2e11, 5), "G": [1.0, 2, 4, 8, 16]},
        checks=(Check({"N": 1e9, "D": 1e11, "G": 8}, 2.94182, 3e-6),),
    ),
    "abnar": Row(
        {"N": np.geomspace(1e8, 1e10, 5), "D": np.geomspace(1e9, 2e11, 5),
         "S": [0.0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98]},
        checks=(Check({"N": 1e9, "D": 2e10, "S": 0.9}, 2.70187, 3e-6),),
    ),
    "ludziejewski": Row(
        {"N": np.geomspace(1e8, 3e9, 5), "D": np.geomspace(1e9, 2e11, 5),
         "n_exp": [1.0, 2, 4, 8, 16, 32]},
        fixed=("E_start", "E_max"),
        at_least={"N": 3, "D": 3},
        # the coefficients of the paper's table 4, for one and for eight experts
        checks=tuple(
            Check({"N": 1e9, "D": 2e10, "n_exp": n_exp}, 1.3637 + m * 1e9**mu + n * 2e10**nu, 5e-4)
            for n_exp, m, mu, n, nu in (
                (1, 30.3640, -0.1817, 53.9838, -0.1965), (8, 21.8330, -0.1676, 119.9126, -0.2338),
            )
        ),
    ),
    "frantar": Row(
        {"N": np.geomspace(1e6, 1e9, 5), "D": np.geomspace(1e9, 1e11, 5),
         "S": [0.0, 0.5, 0.75, 0.875]},
        {"a_S": 16.8, "b_S": 0.722, "c_S": 45.0, "b_N": 0.245, "a_D": 6.9e8, "b_D": 0.203,
         "c": 0.651},
    ),
    "kumar": Row(
        {"N": N, "D": D, "P": [3.0, 4, 6, 8, 12, 16]},
        {"E": 2.7648, "A": 4299.0, "gamma": 2.6745, "alpha": 0.4965, "B": 18060.0, "beta": 0.4965},
    ),
    "kumar-ptq": Row(
        {"N": N, "D": D, "P": [3.0, 4, 5, 6]},
        {"C_T": 0.0598, "gamma_D": 0.5068, "gamma_N": 0.3439, "gamma_post": 0.5907},
    ),
    "ouyang": Row({"N": N, "D": D, "P": [2.0, 3, 4]},
                  checks=(Check({"N": 1e9, "D": 2e10, "P": 4}, 0.0197, 3e-3),)),
    "chen-qat": Row(
        {"N": N, "D": D, "G": [32.0, 64, 128, 256]},
        {"k": 0.1582, "gamma_D": 0.0745, "gamma_G": 0.7779, "gamma_N": 0.2186},
    ),
    "accuracy-sigmoid": Row(
        _LEVELS, {"floor": 0.25, "ceiling": 0.93, "k": 4.0, "L_0": 1.6}, scale="level"
    ),
    "accuracy-exponential": Row(_LEVELS, {"floor": 0.1, "k": 0.9}),
    "accuracy-cloglog": Row(
        _LEVELS, {"floor": 0.25, "ceiling": 0.93, "k": 2.0, "L_0": 1.6}, scale="level"
    ),
    "gadre-error": Row({"loss": np.linspace(2.2, 5.0, 14)}),
    "loss-to-loss": Row(
        {"loss_0": np.linspace(2.1, 4.5, 20)}, {"K": 0.9, "E_0": 1.7, "kappa": 1.2, "E_1": 1.1}
    ),
    "observational": Row({"C": C}, {"h": 0.9, "a": -30.0, "b": 0.62}),
    "pass-at-k": Row({"k": np.geomspace(1, 1000, 12)}, {"a": 1.8, "b": 0.3}),
    "scalerl": Row(
        {"C": np.geomspace(1e2, 1e6, 24)}, {"R_0": 0.12, "A": 0.61, "C_mid": 3e3, "B": 0.9}
    ),
    "jones": Row({"train": C, "elo": np.linspace(-1500, 0, 6)}),
    "deepseek-lr": Row({"C": C}, checks=(Check({"C": 1e20}, 9.860e-4, 1e-4),)),
    "deepseek-batch": Row({"C": C}, checks=(Check({"C": 1e20}, 1.017e6, 5e-4),)),
    "deepseek-allocation": Row({"C": C}, checks=(Check({"C": 1e20}, 1.905e10, 3e-4),)),
    "llama3-allocation": Row({"C": C}, checks=(Check({"C": 3.8e25}, 1.63e13, 3e-3),)),
    "steplaw-lr": Row(
        {"N": N, "D": D}, checks=(Check({"N": 7e9, "D": 1.4e12}, 9.166e-4, 6e-5),)
    ),
    "steplaw-batch": Row({"D": D}, checks=(Check({"D": 1.4e12}, 5.0e6, 1e-2),)),
    "porian-lr": Row({"N": N}, checks=(Check({"N": 1e9}, 2.129e-3, 3e-4),)),
    "porian-batch": Row({"N": N}, checks=(Check({"N": 1e9}, 785.6, 1e-4),)),
    "lcdb-log2": Row({"D": SCORE_CURVE}, {"b": 0.1, "a": 0.05}),
    "lcdb-lin2": Row({"D": SCORE_CURVE}, {"a": 5e-6, "b": 0.3}),
    "lcdb-pow2": Row({"D": SCORE_CURVE}, {"a": 0.3, "b": 0.08}),
    "lcdb-exp2": Row({"D": SCORE_CURVE}, {"a": 0.9, "b": 3e-5}),
    "lcdb-ilog2": Row({"D": SCORE_CURVE}, {"b": 0.95, "a": 1.2}),
    "lcdb-pow3": Row({"D": SCORE_CURVE}, {"a": 0.92, "b": 2.0, "c": 0.5}),
    "lcdb-exp3": Row({"D": SCORE_CURVE}, {"a": -0.6, "b": 3e-4, "c": 0.9}),
    "lcdb-vap3": Row({"D": SCORE_CURVE}, {"a": -0.4, "b": -9.0, "c": 0.03}),
    "lcdb-expp3": Row({"D": SCORE_CURVE}, {"c": 1.9, "b": 40.0, "a": -0.3}),
    "lcdb-expd3": Row({"D": SCORE_CURVE}, {"c": 0.9, "a": 0.3, "b": 3e-4}),
    "lcdb-logpower3": Row({"D": SCORE_CURVE}, {"a": 0.9, "d": 300.0, "c": -0.7}),
    "lcdb-hill3": Row({"D": SCORE_CURVE}, {"a": 0.9, "c": 0.7, "b": 300.0}),
    "lcdb-mmf4": Row({"D": SCORE_CURVE}, {"a": 0.3, "b": 60.0, "c": 0.93, "d": 0.7}),
    "lcdb-wbl4": Row({"D": SCORE_CURVE}, {"c": 0.92, "b": 0.7, "a": 0.05, "d": 0.5}),
    "lcdb-exp4": Row({"D": SCORE_CURVE}, {"c": 0.92, "b": -0.36, "a": 0.05, "d": 0.5}),
    "lcdb-pow4": Row({"D": SCORE_CURVE}, {"a": 0.92, "b": 8.0, "d": 50.0, "c": 0.6}),
}  # fmt: skip


def _slopes(name: str, table: pd.DataFrame) -> np.ndarray:
    """Derivatives by the free parameters, each scaled to a norm of one; zeros stay zeros."""
    row, law, values = ROWS[name], catalogue.entry(name).law, coefficients(name)
    free = [k for k, p in enumerate(law.parameter_names) if p not in row.fixed]
    slopes = law.gradient(values, table)[:, free]
    if row.scale == "log":
        slopes = slopes / law.value(values, table)[:, None]
    norms = np.linalg.norm(slopes, axis=0)
    return np.asarray(slopes / np.where(norms > 0, norms, 1.0))


def is_determined(name: str, table: pd.DataFrame) -> bool:
    """Whether noiseless runs of this design leave no direction open, to first order."""
    slopes = _slopes(name, table)
    if len(slopes) < slopes.shape[1]:
        return False
    singular = np.linalg.svd(slopes, compute_uv=False)
    return bool(singular[-1] > 1e-9 * singular[0])


def smallest_table(name: str) -> pd.DataFrame:
    """The smallest grid, or for a design that is none as few of its runs: no fewer will do."""
    grid, table = smallest_grid(name), ROWS[name].table()
    if grid is None:
        slopes = _slopes(name, table)
        # the runs that stand furthest from the span of those taken before them
        order = linalg.qr(slopes.T, mode="r", pivoting=True)[1]
        return table.iloc[np.sort(order[: slopes.shape[1]])].reset_index(drop=True)
    for variable, n in grid.items():
        levels = np.unique(table[variable])
        kept = levels[np.unique(np.linspace(0, len(levels) - 1, n).round().astype(int))]
        table = table[table[variable].isin(kept)]
    return table.reset_index(drop=True)


def smallest_grid(name: str) -> dict[str, int] | None:
    """The fewest levels of each variable, crossed, that determine the law; None for other designs.

    Levels are spread over those of the row's own design.
    """
    design = ROWS[name].design
    if callable(design):
        return None
    levels = {v: np.asarray(values, float) for v, values in design.items()}
    counts = itertools.product(*(range(1, len(v) + 1) for v in levels.values()))
    for wanted in sorted(counts, key=lambda c: (math.prod(c), max(c))):
        least = ROWS[name].at_least
        if any(n < least.get(v, 1) for v, n in zip(levels, wanted, strict=True)):
            continue
        chosen = {
            v: values[np.unique(np.linspace(0, len(values) - 1, n).round().astype(int))]
            for (v, values), n in zip(levels.items(), wanted, strict=True)
        }
        if is_determined(name, Row(chosen).table()):
            return dict(zip(levels, wanted, strict=True))
    raise AssertionError(f"the design of {name} does not determine it")
