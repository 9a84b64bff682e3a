"""The rows that a forecast is made from: last checkpoints, a fixed order, at most 300."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from scalinglaws.arrays import BoolArray, FloatArray, IntArray
from scalinglaws.errors import DataError
from scalinglaws.fitting.tables import columns as col
from scalinglaws.fitting.tables.runs import RunTable
from scalinglaws.fitting.tables.units import refuse_overflow
from scalinglaws.forecasting.metric_scale import Limits, MetricScale, find_scale
from scalinglaws.numerals import format_compute, format_count, plural

FEWEST_RUNS, FEWEST_SIZES = 6, 3
_LEAST_SPAN = 2.0  # of compute, smallest to largest
_ONE_RATIO = 1.1  # D/N that differ by less are one
# An IsoFLOP sweep: runs within a factor of compute, their number, and their range of D/N.
_SWEEP_SPAN, _SWEEP_RUNS, _SWEEP_RATIOS = 2.0, 5, 4.0
# Runs kept: those of largest compute, and others spread over the rest of the table.
LARGEST, SPREAD = 150, 150
_SAME = 1e-6  # relative difference of compute that is rounding
_DIGITS = 9  # of logarithms that are compared, so that units do not decide ties


@dataclass(frozen=True)
class RunRows:
    """Runs in an order that does not depend on the table's, by compute.

    Attributes
    ----------
    table : everything that was read
    places : rows of the table that the forecast uses
    N, D, C, y, weights : of these rows; C is the table's, or 6ND; weights have a mean of one
    scale : on which the metric is forecast
    mean_weight : of the weights before that, relative to those of a new run
    flops : C / (N D) of the largest runs
    n_checkpoints : earlier checkpoints of the same runs, left out
    n_thinned : runs left out because the table is large
    """

    table: RunTable
    places: IntArray
    N: FloatArray
    D: FloatArray
    C: FloatArray
    y: FloatArray
    weights: FloatArray
    scale: MetricScale
    mean_weight: float
    flops: float
    n_checkpoints: int
    n_thinned: int

    @property
    def n(self) -> int:
        """Number of runs used."""
        return len(self.y)

    @property
    def index(self) -> pd.Index:
        """Labels of the rows used."""
        return self.table.index[self.places]

    @property
    def largest(self) -> float:
        """Compute of the largest run."""
        return float(self.C[-1])

    @property
    def is_largest(self) -> BoolArray:
        """The runs that the anchor is made of."""
        return largest_runs(self.C)

    @property
    def anchor(self) -> tuple[float, float]:
        """Mean ln N and ln D of the largest tenth of the runs, three at least."""
        top = self.is_largest
        return float(np.log(self.N[top]).mean()), float(np.log(self.D[top]).mean())

    @property
    def log_points(self) -> FloatArray:
        """Ln N and ln D relative to the largest run, shape (runs, 2)."""
        return np.asarray(np.log(np.column_stack([self.N / self.N[-1], self.D / self.D[-1]])))

    @property
    def one_ratio(self) -> bool:
        """Whether all runs have the same tokens per parameter."""
        ratios = self.D / self.N
        return bool(ratios.max() < _ONE_RATIO * ratios.min())

    @property
    def ratio(self) -> float:
        """Tokens per parameter of the largest runs; of an IsoFLOP sweep, of its best third."""
        best = np.flatnonzero(self.sweep)
        if not len(best):
            ln_n, ln_d = self.anchor
            return float(np.exp(ln_d - ln_n))
        best = best[np.argsort(self.y[best], kind="stable")[: len(best) // 3]]
        return float(np.exp(np.log(self.D[best] / self.N[best]).mean()))

    @property
    def sweep(self) -> BoolArray:
        """The runs near the largest compute, if they sweep the tokens per parameter; else none."""
        near = self.largest / _SWEEP_SPAN < self.C
        ratios = self.D[near] / self.N[near]
        wide = len(ratios) >= _SWEEP_RUNS and ratios.max() > _SWEEP_RATIOS * ratios.min()
        return np.asarray(near & wide)

    def path(
        self, compute: npt.ArrayLike, ratio: float | None = None
    ) -> tuple[FloatArray, FloatArray]:
        """N and D of a compute at some tokens per parameter; by default the largest runs'."""
        ratio = self.ratio if ratio is None else ratio
        # roots first: products of very small numbers are zero, and quotients may overflow
        root = np.sqrt(np.asarray(compute, dtype=np.float64)) / np.sqrt(self.flops)
        size = root / np.sqrt(ratio)
        return size, size * ratio

    def points(self, compute: npt.ArrayLike, ratio: float | None = None) -> dict[str, FloatArray]:
        """N, D and C of the same."""
        size, tokens = self.path(compute, ratio)
        return {"N": size, "D": tokens, "C": np.asarray(compute, dtype=np.float64)}

    def thinned(self, most: int) -> RunRows:
        """At most so many of the rows: half of them the largest, half spread over the others."""
        if self.n <= most:
            return self
        points = np.round(self.log_points, _DIGITS)
        out = np.ones(self.n, dtype=np.bool_)
        out[_kept(points, most // 2, most - most // 2)] = False
        return self.without(out)

    def without(self, out: BoolArray) -> RunRows:
        """The rows without some of them; their scale stays."""
        return _rows(self.table, self.places[~out], self.C[~out], self.scale, 0)


def rows_of(table: RunTable, limits: Limits = (None, None)) -> RunRows:
    """The rows of a table that was read, with N and D among its values.

    Raises
    ------
    DataError
        If they leave a forecast open.
    """
    check_limits(table, limits)
    compute = compute_of(table)
    last = _last_rows(table) & (table.weights > 0)
    places = np.flatnonzero(last)
    check_design(table, places, compute[places])
    scale = scale_of(table, places, limits)
    n_earlier = int((table.weights > 0).sum()) - len(places)
    return _rows(table, places, compute[places], scale, n_earlier)


def compute_of(table: RunTable) -> FloatArray:
    """C as read, or the column that the law did not need; 6ND where the table has none."""
    if "C" in table.values:
        return table.values["C"]
    compute = None if table.source is None else usable_compute(table.source)
    if compute is not None:
        return compute
    with np.errstate(over="ignore"):
        compute = 6.0 * table.values["N"] * table.values["D"]
    if not np.isfinite(compute).all():
        label = table.index[int(np.argmin(np.isfinite(compute)))]
        raise DataError(f"6ND is too large for a number in row {label!r}: correct N or D there.")
    return compute


def usable_compute(frame: pd.DataFrame) -> FloatArray | None:
    """The column of C, if there is one and it has a positive number for every run.

    Raises
    ------
    DataError
        If its integers overflowed.
    """
    try:
        name = col.find_variable(frame, "C")
        if name is None:
            return None
        values = col.to_floats(frame[name], name)
    except DataError:  # several columns, or words
        return None
    refuse_overflow(frame, values, name)
    good = np.isfinite(values) & (values > 0)
    return values if good.all() else None


def _rows(
    table: RunTable, places: IntArray, compute: FloatArray, scale: MetricScale, n_earlier: int
) -> RunRows:
    """Rows in their order, thinned where there are many."""

    def part(values: FloatArray) -> FloatArray:
        return np.asarray(np.round(np.log(values) - np.log(values.max()), _DIGITS))

    sizes, tokens, y = table.values["N"][places], table.values["D"][places], table.y[places]
    score = scale.forward(y)
    order = np.lexsort((table.weights[places], score, part(tokens), part(sizes), part(compute)))
    points = np.column_stack([part(sizes), part(tokens)])[order]
    order = order[_kept(points)]
    chosen, given = places[order], table.weights[places[order]]
    given = given / given.mean()
    weights = given * scale.precision(score[order])
    compute, sizes, tokens = compute[order], sizes[order], tokens[order]
    top = largest_runs(compute)
    return RunRows(
        table, chosen, sizes, tokens, compute, score[order], weights / weights.mean(), scale,
        float(weights.mean()),
        float(np.exp(np.mean(np.log(compute[top]) - np.log(sizes[top]) - np.log(tokens[top])))),
        n_earlier, len(places) - len(order),
    )  # fmt: skip


def restored(
    runs: Mapping[str, FloatArray],
    index: pd.Index,
    columns: Mapping[str, str],
    target: str,
    scale: MetricScale,
    dropped: tuple[tuple[Any, str], ...],
    cluster_column: str,
    left_out: tuple[int, int],
    factors: Mapping[str, IntArray],
) -> RunRows:
    """The rows of a saved forecast."""
    table = RunTable(
        {name: runs[name] for name in ("N", "D", "C")}, runs["y"], runs["weights"], index,
        columns, target, dropped, cluster_column=cluster_column, factors=factors,
    )  # fmt: skip
    rows = _rows(table, np.arange(table.n), runs["C"], scale, left_out[0])
    return replace(rows, n_thinned=left_out[1])


def largest_runs(compute: FloatArray) -> BoolArray:
    """The tenth of the runs with the largest compute, three at least, and those equal to them."""
    count = min(max(3, len(compute) // 10), len(compute))
    return np.asarray(compute >= np.sort(compute)[-count] * (1 - _SAME))


def _kept(points: FloatArray, largest: int = LARGEST, spread: int = SPREAD) -> IntArray:
    """All of few runs; of many the largest, and each time the one farthest from those kept."""
    count = len(points)
    if count <= largest + spread:
        return np.arange(count)
    rest, kept = points[: count - largest], list(range(count - largest, count))
    nearest = np.full(len(rest), np.inf)
    for point in points[kept]:
        nearest = np.minimum(nearest, ((rest - point) ** 2).sum(axis=1))
    for _ in range(spread):
        place = int(np.argmax(nearest))
        kept.append(place)
        nearest = np.minimum(nearest, ((rest - rest[place]) ** 2).sum(axis=1))
        nearest[place] = -1.0
    return np.sort(np.array(kept, dtype=np.intp))


def _last_rows(table: RunTable) -> BoolArray:
    """The row of most tokens of each run; every row where runs have one each."""
    if not len(table.clusters):
        return np.ones(table.n, dtype=np.bool_)
    order = np.lexsort((table.values["D"], table.clusters))
    ends = np.append(np.diff(table.clusters[order]) != 0, True)
    last = np.zeros(table.n, dtype=np.bool_)
    last[order[ends]] = True
    return last


# --- refusals --------------------------------------------------------------------------------


def check_limits(table: RunTable, limits: Limits) -> None:
    """Refuse values of a bounded metric that are not inside.

    Raises
    ------
    DataError
        If there are some.
    """
    outside = ~MetricScale(True, *limits).is_inside(table.y)
    if outside.any():
        place = int(np.flatnonzero(outside)[0])
        raise DataError(
            f"{table.target!r} is {table.y[place]:g} in row {table.index[place]!r}, which is not "
            f"between the `limits` {limits}: correct them, or leave such runs out. Accuracies that "
            "scatter below chance can be forecast with `through`."
        )


def check_design(table: RunTable, places: IntArray, compute: FloatArray) -> None:
    """Refuse runs that leave a forecast open.

    Raises
    ------
    DataError
        If there are too few runs, sizes, durations or budgets.
    """
    if len(places) < FEWEST_RUNS:
        found = plural(len(places), "run")
        raise DataError(f"A forecast needs {FEWEST_RUNS} runs or more; the table has {found}.")
    for variable, what in (("N", "size N"), ("D", "number of tokens D")):
        values = table.values[variable][places]
        distinct = len(np.unique(np.round(np.log(values) - np.log(values.max()), 6)))
        if distinct < FEWEST_SIZES:
            shown = " and ".join(format_count(v) for v in sorted({float(v) for v in values})[:2])
            raise DataError(
                f"All runs have the same {what} or one of two ({shown}), which leaves open how "
                f"{table.target!r} falls with {variable}. A forecast needs {FEWEST_SIZES} or more: "
                f"add runs, or fit a law in the other variable."
            )
    if compute.max() < _LEAST_SPAN * compute.min():
        raise DataError(
            f"All runs have nearly the same compute ({format_compute(compute.min())} to "
            f"{format_compute(compute.max())}), which leaves open how {table.target!r} changes "
            f"with compute. Add runs of {_LEAST_SPAN:g} times less or more."
        )


def scale_of(table: RunTable, places: IntArray, limits: Limits) -> MetricScale:
    """The scale of the metric of some rows."""
    names = [name for name in table.values if name != "C"] or ["C"]
    return find_scale(
        table.target, table.y[places], {v: table.values[v][places] for v in names}, limits
    )
