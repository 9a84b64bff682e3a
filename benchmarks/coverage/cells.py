"""The cells of the study: a covering array of strength two over what tables differ in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product

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
