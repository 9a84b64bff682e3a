"""What a reader should know of a forecast: its runs, and whether one of them decides it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from scalinglaws.arrays import FloatArray
from scalinglaws.display import Card, Displayed
from scalinglaws.errors import DataError
from scalinglaws.fitting.diagnostics.residual_tests import GroupEffect, Residuals, effects_in
from scalinglaws.fitting.tables import columns as col
from scalinglaws.fitting.tables.runs import RunTable
from scalinglaws.forecasting.outlook import USABLE_LEVEL
from scalinglaws.forecasting.posterior import Posterior
from scalinglaws.forecasting.run_rows import (
    LARGEST,
    SPREAD,
    RunRows,
    check_design,
    usable_compute,
)
from scalinglaws.numerals import format_compute, format_factor, format_to, plural

if TYPE_CHECKING:
    from scalinglaws.forecasting.forecast import Forecast

_OUTLIER_WEIGHT = 0.05  # of a run whose residual is some ten standard deviations
# Range and level of C / (6ND) beyond which C is not believed.
_WIDEST_COMPUTE, _FARTHEST_COMPUTE = 100.0, 30.0
_FEWEST_SETS, _LEAST_SPREAD = 3, 0.05  # of runs of equal N and D: sets, and median range
_TRIED = 3  # runs that are left out in turn, those of most influence
_DECIDES = 0.5  # change of the forecast, in half-widths of its 90 % interval


# --- the runs --------------------------------------------------------------------------------


def facts_of(rows: RunRows, posterior: Posterior) -> Iterator[str]:
    """How the runs were chosen, what they leave open, and outliers."""
    yield from _about_compute(rows)
    yield from _about_ratios(rows)
    if rows.n_checkpoints:
        yield (
            f"The last checkpoint of each run is used ({rows.table.cluster_column!r}); "
            f"{plural(rows.n_checkpoints, 'earlier one')} left out."
        )
    if rows.n_thinned:
        yield (
            f"{plural(rows.n, 'run')} of {rows.n + rows.n_thinned:,} are used: the {LARGEST} of "
            f"largest compute and {SPREAD} spread over the others."
        )
    yield from rows.scale.facts(rows.table.target)
    effects = _group_effects(rows)
    for effect in effects:
        yield (
            f"Column {effect.column!r} ({effect.n_levels} values) explains "
            f"{100 * effect.share:.0f} % of what a smooth surface in N and D leaves: pass "
            f"groups={effect.column!r}, or forecast each group by itself."
        )
    if not effects:
        yield from _about_equal_runs(rows)
    far = np.flatnonzero(posterior.weights < _OUTLIER_WEIGHT * rows.weights)
    if len(far):
        yield (
            f"Row{'s' if len(far) > 1 else ''} {col.listed_rows(rows.index, far)}: far off the "
            "forecast, and given little weight. Check these runs."
        )


def _about_compute(rows: RunRows) -> Iterator[str]:
    """Compute that was not read, or that does not go with N and D."""
    if _has_unused_compute(rows.table):
        yield "C is 6ND: no single column has a positive compute for every run."
    times = np.log(rows.C) - np.log(6.0) - np.log(rows.N) - np.log(rows.D)
    low, high = float(times.min()), float(times.max())
    if high - low > np.log(_WIDEST_COMPUTE) or abs(times.mean()) > np.log(_FARTHEST_COMPUTE):
        ends = dict.fromkeys(format_factor(float(np.exp(end)), 2) for end in (low, high))
        span = " to ".join(ends)
        yield f"C is {span} times 6ND: check its units, and that it belongs to these runs."


def _about_ratios(rows: RunRows) -> Iterator[str]:
    """The tokens per parameter of the runs, and of estimates over compute alone."""
    if rows.one_ratio:
        yield (
            f"All runs have about {rows.D[-1] / rows.N[-1]:.3g} tokens per parameter. At other "
            "ratios the split between N and D rests on the prior."
        )
    if rows.sweep.any():
        yield (
            "The largest runs are an IsoFLOP sweep. Where C alone is given, D/N is "
            f"{rows.ratio:.3g}, as of the best third of them."
        )


def _about_equal_runs(rows: RunRows) -> Iterator[str]:
    """Runs of equal N and D that differ as settings do, not seeds."""
    _, sets = np.unique(np.round(rows.log_points, 6), axis=0, return_inverse=True)
    metric = pd.Series(rows.table.y[rows.places]).groupby(sets)
    ranges = ((metric.max() - metric.min()) / metric.mean().abs())[metric.size() > 1]
    if len(ranges) >= _FEWEST_SETS and ranges.median() > _LEAST_SPREAD:
        yield (
            f"Runs of equal N and D differ in {rows.table.target!r} by "
            f"{100 * ranges.median():.2g} % (median), and the forecast is of an average one. If "
            "they are a sweep of settings, keep the best of each."
        )


def _has_unused_compute(table: RunTable) -> bool:
    if "C" in table.values or table.source is None or usable_compute(table.source) is not None:
        return False
    try:
        return col.find_variable(table.source, "C") is not None
    except DataError:
        return True


def _group_effects(rows: RunRows) -> list[GroupEffect]:
    """Of the text columns, in what a quadratic surface leaves of the metric."""
    used = np.ones(rows.n, dtype=np.bool_)
    variables = np.log(np.column_stack([rows.N, rows.D]))
    residuals = Residuals(np.ones((rows.n, 1)), rows.y, variables, ("N", "D"), used, None)
    factors = {name: codes[rows.places] for name, codes in rows.table.factors.items()}
    return effects_in(residuals, factors)


# --- one run ---------------------------------------------------------------------------------


@dataclass(frozen=True, repr=False)
class DecidingRun(Displayed):
    """The run without which a forecast moves most.

    Attributes
    ----------
    run : label of its row
    C : its compute
    estimate : the forecast with it
    without, low, high : the forecast without it, with the interval of a new run
    decides : whether the forecast moves by more than half of the half-width of its 90 % interval
    """

    run: Any
    C: float
    estimate: float
    without: float
    low: float
    high: float
    decides: bool

    @property
    def sentence(self) -> str:
        """The answer in words."""
        digits = (self.high - self.low) / 2
        low, high = (format_to(end, digits) for end in (self.low, self.high))
        return (
            f"{'One run decides' if self.decides else 'No single run decides'}: without row "
            f"{self.run} ({format_compute(self.C, 2)} FLOP) the forecast is "
            f"{format_to(self.without, digits)} ({low} to {high}), with it "
            f"{format_to(self.estimate, digits)}."
        )

    def _card(self) -> Card:
        return Card(self.sentence)


def find_deciding_run(forecast: Forecast, point: Mapping[str, FloatArray]) -> DecidingRun:
    """Leave out, one at a time, the runs that have most influence on a point.

    Raises
    ------
    DataError
        If no run can be left out.
    """
    from scalinglaws.forecasting.forecast import from_rows

    rows, level = forecast.rows, forecast.confidence_level
    with_all = forecast.outlook(point, USABLE_LEVEL)
    half = _distance(with_all.run_high, with_all.run_low) / 2
    ln_n, ln_d = forecast.posterior.origin
    place = float(np.log(point["N"])) - ln_n, float(np.log(point["D"])) - ln_d
    best: DecidingRun | None = None
    for k in np.argsort(-_shifts(forecast.posterior, rows.y, place), kind="stable")[:_TRIED]:
        out = np.arange(rows.n) == k
        try:
            check_design(rows.table, rows.places[~out], rows.C[~out])
        except DataError:
            continue
        found = from_rows(rows.without(out), level).outlook(point, level)
        change = _distance(found.estimate, with_all.estimate)
        if best is None or change > _distance(best.without, best.estimate):
            best = DecidingRun(
                rows.index[k], float(rows.C[k]), float(with_all.estimate), float(found.estimate),
                float(found.run_low), float(found.run_high), bool(change > _DECIDES * half),
            )  # fmt: skip
    if best is None:
        raise DataError("No run can be left out: fewer would leave the forecast open.")
    return best


def _distance(first: float, second: float) -> float:
    """|ln(first / second)|; infinite for a value that has no logarithm."""
    with np.errstate(all="ignore"):
        distance = abs(float(np.log(first) - np.log(second)))
    return np.inf if np.isnan(distance) else distance


def _shifts(posterior: Posterior, y: FloatArray, place: tuple[float, float]) -> FloatArray:
    """First-order size of the change at a place when each run is left out."""
    inside = posterior.at(*posterior.points.T).mean
    own = np.array([posterior.response(*p)[k] for k, p in enumerate(posterior.points)])
    left_out = (y - inside) / np.maximum(1.0 - own, 1e-3)
    return np.asarray(np.abs(posterior.response(*place) * left_out))
