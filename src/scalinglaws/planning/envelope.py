"""The lower envelope of training curves, and which size is on it (Chinchilla's approach 1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from scalinglaws.arrays import BoolArray, FloatArray, IntArray
from scalinglaws.display import Card, Displayed
from scalinglaws.errors import DataError
from scalinglaws.fitting.tables.points import positive_numbers
from scalinglaws.numerals import plural
from scalinglaws.options import check_count, check_level, check_share, generator_of
from scalinglaws.planning.analysis_cards import envelope_card
from scalinglaws.planning.bias import Bias, Truth, bias_of_trends, drawn, stated
from scalinglaws.planning.budgets import RunColumns, cost_of_runs, read_columns
from scalinglaws.planning.law_with_values import LawWithValues, Rng
from scalinglaws.planning.optima_trend import (
    Trend,
    carried_on,
    exponent_table,
    fit_trend,
)
from scalinglaws.planning.plan import Plan
from scalinglaws.planning.sampled import central_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SHOWN = 5  # budgets at which the bias is written down
_ALONG = 100  # budgets through whose true optima a trend is laid
_DRAWS, _COPIES = 100, 10  # of the law, and of the noise on each, for the interval of a bias
_POINTS = 1500  # compute budgets, as Hoffmann et al. take
_SAME_SIZE = 0.01  # sizes nearer than this are one
_FEWEST_SIZES = 4


@dataclass(frozen=True, eq=False, repr=False)
class Envelope(Displayed):
    """The envelope of training curves and its trend; see :func:`scalinglaws.envelope`.

    Attributes
    ----------
    points : DataFrame
        ``C``, and the best ``N``, ``D`` and performance there, each with ``_low`` and ``_high``,
        where smaller and larger models were trained with as much compute and are worse.
    exponents : DataFrame
        Rows N and D: ``exponent`` of compute with ``low`` and ``high``, ``coefficient`` at
        C = 1 with ``_low`` and ``_high``.
    bias : Bias or None
        Bias of this design and method if the law of `truth` were true.
    noise : float
        Relative noise of a run's performance.
    confidence_level : float
        Level of the intervals.
    no_bias : str
        Reason for a missing bias, if one was requested.
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
        """Optimal N and D at other budgets, by the power law in compute.

        Parameters
        ----------
        C : float, str or array
            Compute budgets.

        Returns
        -------
        DataFrame
            ``C``, ``N`` and ``D`` with ``_low`` and ``_high``, and ``times_beyond``.
        """
        largest = float(self.points["C"].max())
        return carried_on(self.trends, positive_numbers("C", C), largest, self.confidence_level)

    def plot(
        self, *, ax: Axes | None = None, labels: bool = True, title: bool | str | None = None
    ) -> Axes:
        """Draw the curves and their envelope; see `scalinglaws.plotting.plot_envelope`.

        Parameters
        ----------
        ax : Axes, optional
            Axes to draw in; by default those of a new figure.
        labels : bool, default True
            Whether curves are named.
        title : bool or str, optional
            Sentence above the picture; by default the result, on a new figure.

        Returns
        -------
        Axes
        """
        from scalinglaws.plotting import plot_envelope

        return plot_envelope(self, ax=ax, labels=labels, title=title)

    def _card(self) -> Card:
        return envelope_card(self)


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
    """Fit the lower envelope of training curves: the best size at each compute.

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
        Points of the envelope, exponents of their growth, and the bias of the method.

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
    check_count("n_resamples", n_resamples, 0)
    known_noise = None if noise is None else check_share("noise", noise)
    table = read_columns(runs, y, columns)
    curves = Curves.of(table)
    found_noise = _noise(table) if known_noise is None else known_noise
    generator = generator_of(rng)
    steps = found_noise * generator.standard_normal((n_resamples, len(table.y)))
    copies = np.log(table.y) + np.concatenate([np.zeros((1, len(table.y))), steps])
    line = curves.lowest(copies)
    points = _points(table, line, curves, confidence_level)
    trends = _trends(line, curves)
    exponents = exponent_table(trends, confidence_level)
    bias, no_bias = stated(
        truth,
        table,
        lambda law: _bias(law, table, curves, points["C"].to_numpy(), steps, confidence_level),
    )
    return Envelope(points, exponents, bias, found_noise, confidence_level, no_bias, table, trends)


def _points(table: RunColumns, line: Lowest, curves: Curves, level: float) -> pd.DataFrame:
    kept = line.bracketed[0]
    if np.ptp(line.log_n[0, kept]) == 0 if kept.any() else True:
        raise DataError(
            "No two sizes are best at some compute with smaller and larger models above them: the "
            f"{plural(len(curves.sizes), 'size')} do not bracket an envelope."
        )
    frame = pd.DataFrame({"C": np.exp(curves.log_c[kept])})
    # a copy may be lowest at the smallest or largest size: how low is known, but not where
    bracketed = line.bracketed[:, kept]
    for name, values, known in (
        ("N", line.log_n, bracketed), ("D", line.log_d, bracketed), (table.target, line.log_y, True)
    ):  # fmt: skip
        own = np.where(known, np.exp(values[:, kept]), np.nan)
        low, high = central_interval(own[1:], level)
        frame = frame.assign(**{name: own[0], f"{name}_low": low, f"{name}_high": high})
    return frame


def _trends(line: Lowest, curves: Curves) -> dict[str, Trend]:
    return {
        name: _through(curves.log_c, np.where(line.bracketed, values, np.nan))
        for name, values in (("N", line.log_n), ("D", line.log_d))
    }


def _through(log_c: FloatArray, log_y: FloatArray) -> Trend:
    """A line through each row, over the budgets of its own; the first row's mean is the pivot."""
    used = np.isfinite(log_y)
    pivot = float(log_c[used[0]].mean())
    u = np.where(used, log_c - pivot, 0.0)
    y = np.where(used, log_y, 0.0)
    n, s1, s2 = used.sum(axis=1), u.sum(axis=1), (u * u).sum(axis=1)
    t0, t1 = y.sum(axis=1), (u * y).sum(axis=1)
    with np.errstate(all="ignore"):  # a copy with fewer than two budgets has no line
        exponent = np.where(n > 1, (n * t1 - s1 * t0) / (n * s2 - s1**2), np.nan)
        intercept = (t0 - exponent * s1) / n
    return Trend(intercept, exponent, pivot, 1.0)


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
    curves: Curves,
    C: FloatArray,
    noise: FloatArray,
    level: float,
) -> Bias:
    """The envelope of the law's own performances with noise, on average, for each of its draws."""
    sample = drawn(truth.law, level, _DRAWS)
    exact = np.log(sample.value(table.N[None], table.D[None], table.C[None]))
    every = noise if len(noise) else np.zeros((1, len(table.y)))
    few = every[:_COPIES]
    some = C[:: max(1, len(C) // _ALONG)]
    best = Plan(sample, cost_of_runs(table), {}).at_budget(some[None, :])
    true = {n: fit_trend(np.log(some), np.log(v), None) for n, v in (("N", best.N), ("D", best.D))}
    noisy = _trends(curves.lowest(exact[0] + every), curves)
    drawn_noisy = _trends(curves.lowest((exact[:, None] + few).reshape(-1, len(table.y))), curves)
    found = {
        name: _averaged(noisy[name], drawn_noisy[name], sample.n_rows, len(few)) for name in noisy
    }
    shown = np.geomspace(C[0], C[-1], _SHOWN)
    return bias_of_trends(truth, found, true, shown, level)


def _averaged(noisy: Trend, drawn: Trend, n_rows: int, n_copies: int) -> Trend:
    """Means over the noise: of the law over all copies, of its draws relative to it over a few.

    Since the few copies are the same ones for each draw, their mean's own noise cancels.
    """

    def mean(values: FloatArray, all_of_them: FloatArray) -> FloatArray:
        few = np.nanmean(values.reshape(n_rows, n_copies), axis=1)
        return np.asarray(np.nanmean(all_of_them) + few - few[0])

    shift = drawn.exponent * (noisy.pivot - drawn.pivot)
    return replace(
        noisy, intercept=mean(drawn.intercept + shift, noisy.intercept),
        exponent=mean(drawn.exponent, noisy.exponent),
    )  # fmt: skip


@dataclass(frozen=True)
class Lowest:
    """The lowest curve at each budget: ln N, ln D, ln y and whether sizes on both sides are worse.

    Each has the shape (copies, budgets).
    """

    log_n: FloatArray
    log_d: FloatArray
    log_y: FloatArray
    bracketed: BoolArray


@dataclass(frozen=True)
class _Curve:
    """One size: its runs in the order of compute, and how budgets between them are reached.

    `starts` are the places in `runs` at which the compute changes; `left` and `share` say between
    which two of these a budget lies and how far along; `columns` are the budgets it was trained to.
    """

    runs: IntArray
    starts: IntArray
    left: IntArray
    share: FloatArray
    columns: slice

    @classmethod
    def of(cls, runs: IntArray, log_c: FloatArray, grid: FloatArray) -> _Curve:
        x, starts = np.unique(np.round(log_c[runs], 9), return_index=True)
        first, stop = np.searchsorted(grid, x[0], "left"), np.searchsorted(grid, x[-1], "right")
        own = grid[first:stop]
        left = np.clip(np.searchsorted(x, own, "right") - 1, 0, len(x) - 2)
        share = (own - x[left]) / (x[left + 1] - x[left])
        return cls(runs, starts, left, share, slice(int(first), int(stop)))

    def along(self, values: FloatArray) -> FloatArray:
        """Values of its runs, shape (copies, all runs), at its budgets; of equal runs the least."""
        knots = np.minimum.reduceat(values[:, self.runs], self.starts, axis=1)
        return np.asarray(
            knots[:, self.left] * (1.0 - self.share) + knots[:, self.left + 1] * self.share
        )


@dataclass(frozen=True)
class Curves:
    """One curve for each size that was trained to two lengths or more, over a grid of budgets."""

    log_c: FloatArray
    sizes: FloatArray
    curves: tuple[_Curve, ...]
    tokens: FloatArray
    first: IntArray
    last: IntArray

    @classmethod
    def of(cls, table: RunColumns) -> Curves:
        """Sort the runs of a table into curves.

        Raises
        ------
        DataError
            If there are fewer than four.
        """
        order = np.argsort(table.N)
        gaps = np.diff(np.log(table.N[order])) > _SAME_SIZE
        groups = np.split(order, np.flatnonzero(gaps) + 1)
        log_c = np.log(table.C)
        rows = [own[np.argsort(log_c[own])] for own in groups if np.ptp(log_c[own]) > _SAME_SIZE]
        if len(rows) < _FEWEST_SIZES:
            raise DataError(
                f"{plural(len(rows), 'size')} of {len(groups)} were trained at two lengths or "
                f"more, and an envelope needs at least {_FEWEST_SIZES}: each size's curve is "
                "interpolated between its own runs."
            )
        sizes = np.array([float(np.log(table.N[own]).mean()) for own in rows])
        every = np.concatenate(rows)
        grid = np.linspace(log_c[every].min(), log_c[every].max(), _POINTS)
        curves = tuple(_Curve.of(own, log_c, grid) for own in rows)
        tokens = np.full((len(curves), _POINTS), np.nan)
        for own, curve in zip(tokens, curves, strict=True):
            own[curve.columns] = curve.along(np.log(table.D)[None])[0]
        there = np.isfinite(tokens)
        last = len(there) - 1 - there[::-1].argmax(axis=0)
        return cls(grid, sizes, curves, tokens, there.argmax(axis=0), last)

    def lowest(self, log_y: FloatArray) -> Lowest:
        """The lower envelope of each copy of the performances, shape (copies, runs)."""
        height = np.full((len(log_y), len(self.log_c)), np.inf)
        best = np.zeros(height.shape, dtype=np.intp)
        for k, curve in enumerate(self.curves):
            own = curve.along(log_y)
            lower = own < height[:, curve.columns]
            height[:, curve.columns][lower] = own[lower]
            best[:, curve.columns][lower] = k
        return Lowest(
            self.sizes[best], self.tokens[best, np.arange(len(self.log_c))], height,
            (best > self.first) & (best < self.last),
        )  # fmt: skip
