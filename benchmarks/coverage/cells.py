"""Cells of the study, a covering array over what tables differ in, and the law behind each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

import scalinglaws as sl
from scalinglaws.core import catalogue

FACTORS: Mapping[str, tuple[float | str, ...]] = {
    "runs": (8, 16, 60, 240),
    "design": ("IsoFLOP", "grid", "ratio"),
    "noise": ("normal", "t3", "scale", "checkpoints"),
    "level": (0.002, 0.01, 0.03),
    "law": ("chinchilla", "kaplan", "power-floor", "power"),
}
N_CELLS = 24


@dataclass(frozen=True)
class Cell:
    """One kind of table.

    Attributes
    ----------
    runs : number of runs
    design : "IsoFLOP", "grid", "ratio" (D = 20N with a few runs off), or a design that leaves the
        law open: "one ratio", "C = 6ND"
    noise : "normal", "t3" (Student, three degrees of freedom), "scale" (normal, smaller for larger
        runs), "checkpoints" (several of each run, with correlated errors), "outliers" (one run in
        twenty ten standard deviations off), "by ratio" (normal, larger for more tokens per
        parameter), "rounded" (normal, losses rounded to two decimals)
    level : standard deviation of a run's log loss; its geometric mean over the runs for "scale"
    law : name in the catalogue, or "grouped": Chinchilla with a floor for each of three data sets
    checkpoints : rows of each run, where noise is that of checkpoints
    """

    runs: int
    design: str
    noise: str
    level: float
    law: str
    checkpoints: int = 4

    @property
    def name(self) -> str:
        """All of it in a line."""
        runs = f"{self.runs} runs"
        if self.checkpoints != Cell.checkpoints:
            runs += f" x {self.checkpoints}"
        return f"{self.law}, {runs}, {self.design}, {self.noise} {100 * self.level:g} %"


# The design leaves parameters of these laws open: an interval of one is a wrong answer.
OPEN = (
    Cell(16, "one ratio", "normal", 0.002, "chinchilla"),
    Cell(60, "C = 6ND", "normal", 0.01, "power"),
)


# What real tables have beside.
FURTHER = (
    Cell(40, "grid", "outliers", 0.005, "chinchilla"),
    Cell(60, "IsoFLOP", "outliers", 0.01, "power"),
    Cell(60, "grid", "by ratio", 0.005, "chinchilla"),
    Cell(60, "IsoFLOP", "by ratio", 0.01, "power"),
    Cell(60, "grid", "rounded", 0.002, "chinchilla"),
    Cell(16, "IsoFLOP", "rounded", 0.01, "kaplan"),
    Cell(6, "grid", "checkpoints", 0.005, "power-floor", 15),
    Cell(8, "grid", "checkpoints", 0.005, "power-floor", 15),
    Cell(10, "grid", "checkpoints", 0.005, "chinchilla", 12),
    Cell(60, "grid", "normal", 0.005, "grouped"),
)


def cells() -> tuple[Cell, ...]:
    """Those in which every level meets every level of every other factor, then the others."""
    names = tuple(FACTORS)
    rows = covering_array([FACTORS[name] for name in names], N_CELLS)
    return (*(Cell(**dict(zip(names, row, strict=True))) for row in rows), *OPEN, *FURTHER)  # type: ignore[arg-type]


def covering_array(
    levels: Sequence[Sequence[float | str]], n_rows: int
) -> list[tuple[float | str, ...]]:
    """Rows of the full factorial, each the one whose pairs of levels met least so far."""
    met: Counter[tuple[int, object, int, object]] = Counter()
    everything = list(product(*levels))
    chosen = []
    for _ in range(n_rows):
        row = max(everything, key=lambda r: sum(8.0 ** -met[pair] for pair in pairs(r)))
        met.update(pairs(row))
        chosen.append(row)
    return chosen


def pairs(row: Sequence[float | str]) -> list[tuple[int, object, int, object]]:
    """Which levels of which two factors meet in a row."""
    return [(i, a, j, b) for (i, a), (j, b) in combinations(enumerate(row), 2)]


# --- the laws, and what is asked of them -------------------------------------------------------


Floats = npt.NDArray[np.float64]
Params = Mapping[str, Any]

# Chinchilla as refitted by Besiroglu et al. 2024; Kaplan et al. 2020; the powers have about the
# losses and slopes of these over the runs of the study.
TRUTHS: Mapping[str, Mapping[str, float]] = {
    "chinchilla": {"E": 1.8172, "A": 482.01, "alpha": 0.3478, "B": 2085.43, "beta": 0.3658},
    "kaplan": {"N_c": 6.4e13, "alpha_N": 0.076, "alpha_D": 0.103, "D_c": 1.8e13},
    "power-floor": {"E": 1.8, "a": 1500.0, "b": -0.17, "c": -0.17},
    "power": {"a": 16.0, "b": -0.04, "c": -0.04, "d": 0.0},
    "grouped": {
        "E[a]": 1.7,
        "E[b]": 1.9,
        "E[c]": 2.1,
        "A": 482.01,
        "alpha": 0.3478,
        "B": 2085.43,
        "beta": 0.3658,
    },
}
GROUPED = "loss ~ E[data] + A/N**alpha + B/D**beta"
RATIO = 20.0  # tokens for each parameter, of most runs and of the extrapolations
REACH = (10.0, 100.0)  # times the largest compute


@dataclass(frozen=True)
class Target:
    """A quantity with an interval.

    Attributes
    ----------
    scale : on which widths are measured and the delta method works: logarithm or as it is
    value : of natural parameters, as numbers or arrays of draws, on that scale
    point : N and D of a prediction
    kind : a parameter, what follows from several, the curve at a point, or a new run there
    """

    name: str
    kind: Literal["parameter", "derived", "curve", "run"]
    scale: Literal["log", "linear"]
    value: Callable[[Params], Any]
    point: tuple[float, float] | None = None
    reach: float | None = None

    @property
    def compute(self) -> float:
        """FLOPs of the point; NaN for a target without one."""
        return np.nan if self.point is None else 6.0 * self.point[0] * self.point[1]

    def working(self, natural: Floats) -> Floats:
        """Natural values on the target's scale."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.log(natural) if self.scale == "log" else natural

    def natural(self, working: Floats) -> Floats:
        """Back from the target's scale."""
        with np.errstate(over="ignore"):
            return np.exp(working) if self.scale == "log" else working


def law_of(cell: Cell) -> sl.Law:
    """The law, in the variables that the cell's tables have."""
    if cell.law == "grouped":
        return sl.Law(GROUPED).with_levels({"data": ("a", "b", "c")})
    variables = ["N", "D", "C"] if cell.design == "C = 6ND" else ["N", "D"]
    return catalogue.named(cell.law, variables)


def truth_of(cell: Cell) -> dict[str, float]:
    """The parameters from which the tables are drawn."""
    return {name: TRUTHS[cell.law][name] for name in law_of(cell).parameter_names}


def targets_of(cell: Cell, largest: float) -> tuple[Target, ...]:
    """Each parameter, what it means for planning, and the loss far out.

    Parameters
    ----------
    largest : compute of the largest run [FLOP]
    """
    law = law_of(cell)
    found = [_parameter(p) for p in law.parameters] + _derived(cell.law, largest)
    for reach in REACH:
        N = float(np.sqrt(reach * largest / (6 * RATIO)))
        found += _prediction(law, N, reach)
    return tuple(found)


def _parameter(parameter: Any) -> Target:
    name = parameter.name
    # the law is linear in a floor, whose logarithm may run off
    log = parameter.positive and parameter.role != "offset"
    return Target(
        name, "parameter", "log" if log else "linear",
        (lambda p: np.log(p[name])) if log else (lambda p: p[name]),
    )  # fmt: skip


def _prediction(law: sl.Law, N: float, reach: float) -> list[Target]:
    own = columns_at(law, N, RATIO * N)
    plain = catalogue.named("chinchilla", ["N", "D"]) if law.groups else law

    def value(params: Params) -> Any:
        # of a grouped law, the first group
        shaped = {name.replace("[a]", ""): np.asarray(v)[..., None] for name, v in params.items()}
        columns = {name: own[name] for name in plain.variables}
        with np.errstate(all="ignore"):
            found = plain.value({name: shaped[name] for name in plain.parameter_names}, columns)
            return np.log(found)[..., 0]

    point = N, RATIO * N
    return [
        Target(f"curve at {reach:g}x", "curve", "log", value, point, reach),
        Target(f"run at {reach:g}x", "run", "log", value, point, reach),
    ]


def _derived(law: str, largest: float) -> list[Target]:
    """How compute is best divided; for a power without a sum, its slope along a ratio."""
    budget = REACH[0] * largest
    if law in ("chinchilla", "grouped"):
        share, size = _chinchilla_share, _chinchilla_size
    elif law == "kaplan":
        share, size = _kaplan_share, _kaplan_size
    else:
        return [Target("slope in C", "derived", "linear", _slope)]
    return [
        Target("a", "derived", "linear", share),
        Target(f"N_opt at {REACH[0]:g}x", "derived", "log", lambda p: size(p, budget)),
    ]


def _slope(p: Params) -> Any:
    """Exponent of compute along a constant ratio, where N and D both grow as its root."""
    return (p["b"] + p["c"]) / 2 + p.get("d", 0.0)


def _chinchilla_share(p: Params) -> Any:
    return p["beta"] / (p["alpha"] + p["beta"])


def _chinchilla_size(p: Params, budget: float) -> Any:
    """Hoffmann et al. 2022, eq. 4, as a logarithm."""
    both = p["alpha"] + p["beta"]
    scale = (np.log(p["alpha"] * p["A"]) - np.log(p["beta"] * p["B"])) / both
    return scale + p["beta"] / both * np.log(budget / 6)


def _kaplan_share(p: Params) -> Any:
    return p["alpha_D"] / (p["alpha_N"] + p["alpha_D"])


def _kaplan_size(p: Params, budget: float) -> Any:
    """The sum inside is smallest where its terms' slopes in log N cancel."""
    power = p["alpha_N"] / p["alpha_D"]
    scale = (np.log(power) + power * np.log(p["N_c"]) - np.log(p["D_c"])) / (1 + power)
    return scale + np.log(budget / 6) / (1 + power)


def columns_at(law: sl.Law, N: float, D: float) -> dict[str, Any]:
    """One point as the law's columns; of a grouped law, of the first group."""
    known = {"N": N, "D": D, "C": 6 * N * D}
    columns: dict[str, Any] = {name: np.array([known[name]]) for name in law.variables}
    return columns | {g: np.array([law.levels[g][0]]) for g in law.group_columns}


def gradient(law: sl.Law, params: Mapping[str, float], target: Target) -> Floats:
    """Derivative of the target in the working parameters: logarithms of coefficients.

    By complex steps for what is a closed form of the parameters, and by the law's own derivative
    for predictions.
    """
    natural = dict(params)
    steps = np.array([params[p.name] if p.positive else 1.0 for p in law.parameters])
    if target.point is not None:
        columns = columns_at(law, *target.point)
        slope = law.gradient(natural, columns)[0] / law.value(natural, columns)
        return np.asarray(slope * steps)
    found = np.zeros(len(steps))
    for j, p in enumerate(law.parameters):
        moved = {**natural, p.name: natural[p.name] + 1e-30j * steps[j]}
        found[j] = np.imag(target.value(moved)) / 1e-30
    return found
