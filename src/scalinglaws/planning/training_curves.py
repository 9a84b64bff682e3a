"""Training curves of several sizes, and the lowest of them at each compute, for a whole batch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scalinglaws.arrays import BoolArray, FloatArray, IntArray
from scalinglaws.errors import DataError
from scalinglaws.numerals import plural
from scalinglaws.planning.budgets import RunColumns

_POINTS = 1500  # compute budgets, as Hoffmann et al. take
_SAME_SIZE = 0.01  # sizes nearer than this are one
_FEWEST_SIZES = 4


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
