"""Simulated tables, and the oracle that knows their noise."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats
from scipy.optimize import brentq

from benchmarks.coverage.cells import RATIO, Cell, Target, gradient, law_of, targets_of, truth_of

Floats = npt.NDArray[np.float64]

LEAST, MOST = 3e17, 1e21  # compute of the smallest and the largest run [FLOP]
LEAST_SHARE = 1 / 8  # of a run's tokens, at its first checkpoint
MEMORY = np.log(8.0)  # correlation of checkpoints falls by e over a factor of 8 in tokens
DEGREES = 3.0  # of freedom of the heavy-tailed noise
FALL = -0.2  # exponent of compute in noise that depends on scale
RISE = 0.5  # exponent of tokens per parameter in noise that depends on that
OUTLIERS, FAR = 0.05, 10.0  # share of runs, and standard deviations
DATA = ("a", "b", "c")  # names of the data sets of a grouped law
# Budgets and the sizes on each; sizes and token counts.
_BUDGETS = {8: (3, 3, 2), 16: (4,) * 4, 60: (10,) * 6, 240: (24,) * 10}
_GRID = {6: (2, 3), 8: (3, 3), 10: (5, 2), 16: (4, 4), 40: (5, 8), 60: (6, 10), 240: (12, 20)}
_OFF = {8: 2, 16: 4, 60: 6, 240: 12}


@dataclass(frozen=True)
class Setting:
    """A cell made concrete: rows, true curve, and the noise around it."""

    cell: Cell

    @cached_property
    def rows(self) -> pd.DataFrame:
        """N, D, C and run of every row of a table."""
        N, D = _design(self.cell)
        run = np.arange(len(N))
        if self.cell.noise == "checkpoints":
            D = np.outer(D, self.shares).ravel()
            N, run = np.repeat(N, len(self.shares)), np.repeat(run, len(self.shares))
        data = np.resize(DATA, len(N))
        return pd.DataFrame({"N": N, "D": D, "C": 6.0 * N * D, "run": run, "data": data})

    @property
    def shares(self) -> Floats:
        """Shares of a run's tokens at its checkpoints, the last one first."""
        return np.geomspace(1.0, LEAST_SHARE, self.cell.checkpoints)

    @cached_property
    def columns(self) -> list[str]:
        """What a table shows of its rows."""
        law = law_of(self.cell)
        seen = [*law.variables, *law.group_columns]
        return [*seen, "run"] if self.cell.noise == "checkpoints" else seen

    @property
    def cluster(self) -> str | None:
        """The column of rows that are not independent, if there is one."""
        return "run" if self.cell.noise == "checkpoints" else None

    @cached_property
    def log_curve(self) -> Floats:
        """The truth at every row."""
        law = law_of(self.cell)
        columns = {n: self.rows[n].to_numpy() for n in (*law.variables, *law.group_columns)}
        return np.asarray(np.log(law.value(truth_of(self.cell), columns)))

    @cached_property
    def targets(self) -> tuple[Target, ...]:
        """What is asked of each table."""
        return targets_of(self.cell, float(self.rows["C"].max()))

    def noise_at(self, C: Floats, ratio: Floats | float = RATIO) -> Floats:
        """Standard deviation of log loss at some compute and tokens per parameter."""
        level = np.full(np.shape(C), self.cell.level)
        if self.cell.noise == "by ratio":
            return np.asarray(level * (ratio / RATIO) ** RISE)
        if self.cell.noise != "scale":
            return level
        middle = np.exp(np.mean(np.log(self.rows["C"])))
        return np.asarray(level * (C / middle) ** FALL)

    @cached_property
    def correlation(self) -> Floats:
        """Of two checkpoints of one run, shape (checkpoints, checkpoints)."""
        steps = np.log(self.shares)
        return np.asarray(np.exp(-np.abs(steps[:, None] - steps) / MEMORY))

    def draw(self, rng: np.random.Generator) -> tuple[pd.DataFrame, Floats]:
        """One table, and the error of a new run for each target (zero for those of no run)."""
        errors = self.errors(rng) * self.noise
        table = self.rows[self.columns].assign(loss=np.exp(self.log_curve + errors))
        if self.cell.noise == "rounded":
            table["loss"] = table["loss"].round(2)
        C = np.array([t.compute if t.kind == "run" else np.nan for t in self.targets])
        new = np.where(np.isnan(C), 0.0, self.noise_at(C) * self._standard(rng, len(C)))
        return table, new

    @cached_property
    def noise(self) -> Floats:
        """Standard deviation of every row."""
        rows = self.rows
        return self.noise_at(rows["C"].to_numpy(), (rows["D"] / rows["N"]).to_numpy())

    def errors(self, rng: np.random.Generator) -> Floats:
        """Errors of unit variance, one for each row."""
        if self.cell.noise != "checkpoints":
            return self._standard(rng, len(self.rows))
        root = np.linalg.cholesky(self.correlation)
        independent = rng.standard_normal((self.cell.runs, len(self.shares)))
        return np.asarray(independent @ root.T).ravel()

    def _standard(self, rng: np.random.Generator, n: int) -> Floats:
        if self.cell.noise == "t3":
            return np.asarray(rng.standard_t(DEGREES, n) * np.sqrt((DEGREES - 2) / DEGREES))
        errors = rng.standard_normal(n)
        if self.cell.noise == "outliers":
            far = rng.random(n) < OUTLIERS
            errors[far] += FAR * rng.choice([-1.0, 1.0], int(far.sum()))
        return errors


def _design(cell: Cell) -> tuple[Floats, Floats]:
    """N and D of the runs."""
    if cell.design in ("IsoFLOP", "C = 6ND"):
        return _isoflop(_BUDGETS[cell.runs])
    smallest, largest = (np.sqrt(C / (6 * RATIO)) for C in (LEAST, MOST))
    if cell.design == "grid":
        return _grid(cell.runs, smallest, largest)
    N = np.geomspace(smallest, largest, cell.runs)
    ratio = np.full(cell.runs, RATIO)
    if cell.design == "ratio":
        # spread over the sizes, an eighth and eight times the tokens in turn
        off = np.linspace(0, cell.runs - 1, _OFF[cell.runs] + 2).round().astype(int)[1:-1]
        ratio[off] *= np.resize([8.0, 1 / 8], len(off))
    return N, ratio * N


def _isoflop(sizes: tuple[int, ...]) -> tuple[Floats, Floats]:
    """On each budget, sizes from a quarter to four times that of the usual ratio."""
    N, D = [], []
    for C, n in zip(np.geomspace(LEAST, MOST, len(sizes)), sizes, strict=True):
        own = np.sqrt(C / (6 * RATIO)) * np.geomspace(0.25, 4.0, n)
        N.append(own)
        D.append(C / (6 * own))
    return np.concatenate(N), np.concatenate(D)


def _grid(runs: int, smallest: float, largest: float) -> tuple[Floats, Floats]:
    """Sizes times token counts, over the same range; of nine, the costliest is left out."""
    n_sizes, n_tokens = _GRID[runs]
    sizes = np.geomspace(smallest, largest, n_sizes)
    tokens = RATIO * np.geomspace(smallest, largest, n_tokens)
    N, D = (g.ravel()[:runs] for g in np.meshgrid(sizes, tokens, indexing="ij"))
    return N, D


# --- the oracle --------------------------------------------------------------------------------


_OPEN = 1e-9  # relative size of what no information reaches


@dataclass(frozen=True)
class Oracle:
    """Errors of the targets, for one who knows the noise.

    Attributes
    ----------
    std_error : of each target on its own scale; infinite where the design leaves it open
    noise : standard deviation of a new run there; zero for targets that are of no run
    """

    setting: Setting
    std_error: Floats
    noise: Floats

    def width(self, j: int, level: float) -> float:
        """Width of the central interval of target j."""
        error, noise = float(self.std_error[j]), float(self.noise[j])
        if not np.isfinite(error):
            return np.inf
        if noise and self.setting.cell.noise == "t3":
            return 2 * _convolved(level, error, noise)
        return float(2 * stats.norm.ppf(0.5 + level / 2) * np.hypot(error, noise))


def oracle(setting: Setting) -> Oracle:
    """The oracle of a cell."""
    covariance, seen = _covariance(setting)
    law, truth = law_of(setting.cell), truth_of(setting.cell)
    errors, noise = [], []
    for target in setting.targets:
        slope = gradient(law, truth, target)
        lost = np.abs(slope - seen @ slope) > 1e-6 * np.abs(slope).max()
        variance = slope @ covariance @ slope
        errors.append(np.inf if lost.any() else float(np.sqrt(variance)))
        noise.append(_noise(setting, target))
    return Oracle(setting, np.array(errors), np.array(noise))


def _noise(setting: Setting, target: Target) -> float:
    return float(setting.noise_at(np.array(target.compute))) if target.kind == "run" else 0.0


def information(setting: Setting) -> Floats:
    """Fisher information of the working parameters."""
    white = whitened(setting, _jacobian(setting))
    return np.asarray(white.T @ white) * efficiency(setting)


def efficiency(setting: Setting) -> float:
    """Information of a run relative to normal noise of the same variance."""
    if setting.cell.noise != "t3":
        return 1.0
    return (DEGREES + 1) / (DEGREES + 3) * DEGREES / (DEGREES - 2)


def whitened(setting: Setting, columns: Floats) -> Floats:
    """Columns over rows, divided by a root of the errors' covariance."""
    scaled = columns / setting.noise[:, None]
    if setting.cell.noise != "checkpoints":
        return scaled
    root = np.linalg.cholesky(setting.correlation)
    by_run = scaled.reshape(setting.cell.runs, len(setting.shares), -1)
    return np.linalg.solve(root, by_run).reshape(scaled.shape)


def _jacobian(setting: Setting) -> Floats:
    """Derivatives of log loss in the working parameters, rows by parameters."""
    law, truth = law_of(setting.cell), truth_of(setting.cell)
    columns = {n: setting.rows[n].to_numpy() for n in (*law.variables, *law.group_columns)}
    steps = np.array([truth[p.name] if p.positive else 1.0 for p in law.parameters])
    slopes = law.gradient(truth, columns) / np.exp(setting.log_curve)[:, None]
    return np.asarray(slopes * steps)


def _covariance(setting: Setting) -> tuple[Floats, Floats]:
    """Inverse of the information where there is any, and the projection on what it reaches."""
    white = whitened(setting, _jacobian(setting)) * np.sqrt(efficiency(setting))
    size = np.linalg.norm(white, axis=0)
    _, singular, directions = np.linalg.svd(white / size, full_matrices=False)
    reached = singular > _OPEN * singular[0]
    kept = directions[reached] / singular[reached, None]
    covariance = kept.T @ kept / np.outer(size, size)
    # in scaled coordinates a slope is size^-1 slope
    onto = directions[reached].T @ directions[reached]
    return covariance, size[:, None] * onto / size


def _convolved(level: float, error: float, noise: float) -> float:
    """Half-width for the sum of a normal error and a Student one."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    weights = weights / weights.sum()
    scale = noise * np.sqrt((DEGREES - 2) / DEGREES)

    def excess(half: float) -> float:
        inside = stats.t.cdf((half - error * nodes) / scale, DEGREES)
        return float(weights @ inside) - (0.5 + level / 2)

    return float(brentq(excess, 0.0, 50 * np.hypot(error, noise)))
