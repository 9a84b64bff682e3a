"""The lower envelope of training curves, and which size is on it (Chinchilla's approach 1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from scalinglaws.arrays import BoolArray, FloatArray, IntArray
from scalinglaws.errors import DataError
from scalinglaws.numerals import plural
from scalinglaws.options import check_level
from scalinglaws.planning.bias import Bias, Truth, bias_of_trends, stated
from scalinglaws.planning.budgets import RunColumns, cost_of_runs, read_columns
from scalinglaws.planning.frontier import Frontier
from scalinglaws.planning.subject import LawWithValues, Rng, numbers, sample_of
from scalinglaws.planning.trend import Trend, carried_on, exponent_table, fit_trend

_POINTS = 1500  # compute budgets, as Hoffmann et al. take
_SAME_SIZE = 0.01  # sizes nearer than this are one
_FEWEST_SIZES = 4
_SHOWN = 5  # budgets at which the bias is written down


@dataclass(frozen=True, eq=False)
class Envelope:
    """The envelope of training curves and its trend; see :func:`scalinglaws.envelope`.

    Attributes
    ----------
    points : DataFrame
        ``C``, and the best ``N``, ``D`` and performance there, where smaller and larger models
        were trained with as much compute and are worse.
    exponents : DataFrame
        Rows N and D: ``exponent`` of compute with ``low`` and ``high``, ``coefficient`` at
        C = 1 with ``_low`` and ``_high``.
    bias : Bias or None
        What this very design and method would get wrong if the law of `truth` were true.
    noise : float
        Relative noise of a run's performance.
    confidence_level : float
    no_bias : str
        Why no bias is stated, where one was asked for.
    """

    points: pd.DataFrame
    exponents: pd.DataFrame
    bias: Bias | None
    noise: float
    confidence_level: float
    no_bias: str
    runs: RunColumns = field(repr=False)
    trends: Mapping[str, Trend] = field(repr=False)

    def predict(self, C: npt.ArrayLike | str) -> pd.DataFrame:
        """The trend at other budgets: ``C``, ``N`` and ``D`` with intervals, ``times_beyond``."""
        largest = float(self.points["C"].max())
        return carried_on(self.trends, numbers("C", C), largest, self.confidence_level)

    def __repr__(self) -> str:
        sizes = self.points["N"].nunique()
        lines = [f"Envelope of training curves: {plural(sizes, 'size')} on it"]
        for name, row in self.exponents.iterrows():
            lines.append(
                f"  {name} ~ C^{row['exponent']:.4f}  ({row['low']:.4f} to {row['high']:.4f}, "
                f"{100 * self.confidence_level:g} %)"
            )
        if self.bias is not None or self.no_bias:
            lines.append(f"  {self.bias.sentence if self.bias else self.no_bias}")
        return "\n".join(lines)


def envelope(
    runs: Any,
    *,
    y: str | None = None,
    columns: Mapping[str, str] | None = None,
    noise: float | None = None,
    truth: LawWithValues | str | None = "chinchilla",
    confidence_level: float = 0.95,
    n_resamples: int = 200,
    rng: Rng = 0,
) -> Envelope:
    """Find the size that reaches each compute's lowest loss, over all training curves.

    Parameters
    ----------
    runs : DataFrame
        Runs, or checkpoints, with N, the performance, and C or D; several lengths for each size.
        C is 6ND where the table has none. The performance is one to be minimised.
    y, columns : optional
        As in :func:`scalinglaws.fit`.
    noise : float, optional
        Relative noise of a run; by default from the scatter around a smooth surface.
    truth : str, Fit or published law, optional
        The law that the stated bias refers to: a name or a line of maths to be fitted to these
        runs, or a law with coefficients. None states none.
    confidence_level, n_resamples, rng
        Level of the intervals, the number of noisy copies behind them, and their seed.

    Returns
    -------
    Envelope

    Raises
    ------
    DataError
        If fewer than four sizes were trained at two lengths or more, or the envelope has no part
        with smaller and larger models above it.

    Notes
    -----
    Each size's performance is interpolated between its own runs, in logarithms, at 1,500 budgets
    at even steps of log C; the best size is regressed on compute. Budgets at which the best is the
    smallest or largest of those trained so long are left out. The lowest of several noisy curves
    is on average too low, and more so where more of them come close: part of the bias.

    References
    ----------
    Hoffmann et al. 2022, arXiv:2203.15556, section 3.1.

    Examples
    --------
    >>> import numpy as np, pandas as pd, scalinglaws as sl
    >>> sizes, lengths = np.geomspace(1e7, 1e11, 40), np.geomspace(1e8, 1e13, 60)
    >>> N, D = (g.ravel() for g in np.meshgrid(sizes, lengths))
    >>> runs = pd.DataFrame({"N": N, "D": D, "loss": 1.7 + 400 / N**0.34 + 410 / D**0.34})
    >>> found = sl.envelope(runs, n_resamples=20)
    >>> print(f"{found.exponents.loc['N', 'exponent']:.2f}")
    0.50
    """
    check_level(confidence_level)
    table = read_columns(runs, y, columns)
    curves = _Curves.of(table)
    found_noise = _noise(table) if noise is None else noise
    generator = np.random.default_rng(rng)
    steps = generator.standard_normal((n_resamples, len(table.y)))
    copies = np.concatenate([np.log(table.y)[None], np.log(table.y) + found_noise * steps])
    lines = [curves.lowest(copy) for copy in copies]
    points = _points(table, lines[0], curves)
    trends = _trends(lines)
    exponents = exponent_table(trends, confidence_level)
    bias, no_bias = stated(
        truth,
        table,
        lambda law: _bias(law, table, curves, lines[0], found_noise * steps, confidence_level),
    )
    return Envelope(points, exponents, bias, found_noise, confidence_level, no_bias, table, trends)


@dataclass(frozen=True)
class _Line:
    """Best size at each budget: ln C, ln N, ln D, ln y and whether it is bracketed."""

    log_c: FloatArray
    log_n: FloatArray
    log_d: FloatArray
    log_y: FloatArray
    bracketed: BoolArray


@dataclass(frozen=True)
class _Curves:
    """One curve for each size, as the places of its runs in the order of compute."""

    log_c: FloatArray
    log_d: FloatArray
    sizes: FloatArray
    rows: tuple[IntArray, ...]
    grid: FloatArray

    @classmethod
    def of(cls, table: RunColumns) -> _Curves:
        order = np.argsort(table.N)
        gaps = np.diff(np.log(table.N[order])) > _SAME_SIZE
        groups = np.split(order, np.flatnonzero(gaps) + 1)
        log_c = np.log(table.C)
        rows = tuple(
            own[np.argsort(log_c[own])] for own in groups if np.ptp(log_c[own]) > _SAME_SIZE
        )
        if len(rows) < _FEWEST_SIZES:
            raise DataError(
                f"{plural(len(rows), 'size')} of {len(groups)} were trained at two lengths or "
                f"more, and an envelope needs at least {_FEWEST_SIZES}: each size's curve is "
                "interpolated between its own runs."
            )
        sizes = np.array([float(np.log(table.N[own]).mean()) for own in rows])
        every = np.concatenate(rows)
        grid = np.linspace(log_c[every].min(), log_c[every].max(), _POINTS)
        return cls(log_c, np.log(table.D), sizes, rows, grid)

    def lowest(self, log_y: FloatArray) -> _Line:
        """The lower envelope of one copy of the performances."""
        heights = np.stack([self._along(own, log_y) for own in self.rows])
        tokens = np.stack([self._along(own, self.log_d) for own in self.rows])
        best = heights.argmin(axis=0)
        there = np.isfinite(heights)
        columns = np.arange(len(self.grid))
        first, last = there.argmax(axis=0), len(there) - 1 - there[::-1].argmax(axis=0)
        return _Line(
            self.grid, self.sizes[best], tokens[best, columns], heights[best, columns],
            (best > first) & (best < last),
        )  # fmt: skip

    def _along(self, own: IntArray, values: FloatArray) -> FloatArray:
        """Values between a size's own runs; infinite where it was not trained so."""
        x, place = np.unique(np.round(self.log_c[own], 9), return_inverse=True)
        lowest = np.full(len(x), np.inf)
        np.minimum.at(lowest, place, values[own])  # of runs that cost the same, the best
        return np.asarray(np.interp(self.grid, x, lowest, left=np.inf, right=np.inf))


def _points(table: RunColumns, line: _Line, curves: _Curves) -> pd.DataFrame:
    kept = line.bracketed
    if np.ptp(line.log_n[kept]) == 0 if kept.any() else True:
        raise DataError(
            "No two sizes are best at some compute with smaller and larger models above them: the "
            f"{plural(len(curves.sizes), 'size')} do not bracket an envelope."
        )
    return pd.DataFrame(
        {
            "C": np.exp(line.log_c[kept]), "N": np.exp(line.log_n[kept]),
            "D": np.exp(line.log_d[kept]), table.target: np.exp(line.log_y[kept]),
        }
    )  # fmt: skip


def _trends(lines: list[_Line]) -> dict[str, Trend]:
    def rows(values: list[FloatArray]) -> FloatArray:
        kept = [np.where(line.bracketed, v, np.nan) for line, v in zip(lines, values, strict=True)]
        return np.stack(kept)

    log_c = lines[0].log_c
    used = np.any([line.bracketed for line in lines], axis=0)
    found = {}
    for name, values in (("N", [x.log_n for x in lines]), ("D", [x.log_d for x in lines])):
        found[name] = _lines_through(log_c[used], rows(values)[:, used])
    return found


def _lines_through(log_c: FloatArray, log_y: FloatArray) -> Trend:
    """Like `fit_trend`, but each copy keeps the budgets of its own."""
    each = [fit_trend(log_c, row[None, :], None) for row in log_y if np.isfinite(row).sum() > 1]
    pivot = each[0].pivot
    intercepts = [t.intercept[0] + t.exponent[0] * (pivot - t.pivot) for t in each]
    return Trend(np.array(intercepts), np.array([t.exponent[0] for t in each]), pivot, 1.0)


def _noise(table: RunColumns) -> float:
    """Scatter of log performance around a smooth surface over ln N and ln C."""
    x, u = (np.log(v) - np.log(v).mean() for v in (table.N, table.C))
    degree = 3 if len(x) >= 20 else 2
    powers = [(i, j) for i in range(degree + 1) for j in range(degree + 1 - i)]
    design = np.stack([x**i * u**j for i, j in powers], axis=1)
    log_y = np.log(table.y)
    residual = log_y - design @ np.linalg.lstsq(design, log_y, rcond=None)[0]
    dof = len(x) - len(powers)
    return float(np.sqrt(residual @ residual / dof)) if dof > 0 else 0.0


def _bias(
    truth: Truth,
    table: RunColumns,
    curves: _Curves,
    line: _Line,
    noise: FloatArray,
    level: float,
) -> Bias:
    sample = sample_of(truth.law, confidence_level=None, n_resamples=0, rng=None)
    exact = np.log(sample.value(table.N[None], table.D[None], table.C[None])[0])
    every = noise if len(noise) else np.zeros((1, len(exact)))
    noisy = _trends([curves.lowest(exact + step) for step in every])
    found = {
        name: replace(
            trend, intercept=trend.intercept.mean(keepdims=True),
            exponent=trend.exponent.mean(keepdims=True),
        )
        for name, trend in noisy.items()
    }  # fmt: skip
    log_c = line.log_c[line.bracketed]
    best = Frontier(sample, cost_of_runs(table), {}).at_budget(np.exp(log_c)[None, :])
    true = {n: fit_trend(log_c, np.log(v), None) for n, v in (("N", best.N), ("D", best.D))}
    shown = np.geomspace(np.exp(log_c[0]), np.exp(log_c[-1]), _SHOWN)
    return bias_of_trends(truth, found, true, shown, level)
