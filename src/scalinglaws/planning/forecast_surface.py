"""The surface of a forecast with joint draws, for plans that need it at any N and D.

Law error and coefficients are drawn together, as in `forecast_plan`, on a grid of ln N and ln D
around the runs that a budget buys at the largest runs' tokens per parameter. Between its nodes
are cubic splines: the law's error is correlated over 3 e-folds, and the nodes are half an e-fold
apart. More tokens are taken to do no harm: where a draw rises with D, it stays at its lowest value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import spline_filter1d

from scalinglaws.arrays import BoolArray, FloatArray
from scalinglaws.errors import FitError
from scalinglaws.forecasting.forecast import Forecast
from scalinglaws.options import check_count, check_level
from scalinglaws.planning.cost import SIX, Cost, RunCost, cost_of
from scalinglaws.planning.forecast_plan import ROOM, CostedForecast, drawn_surface, warn_if_far
from scalinglaws.planning.law_with_values import LawWithValues, Rng
from scalinglaws.planning.plan import Frontier, plan_of
from scalinglaws.planning.sampled import Sampled, interval_columns

_STEP = 0.5  # e-folds between the nodes of the grid
_BORDER = 2  # nodes at the ends of the grid, between which the splines are less accurate
_EDGE = 1e-6  # of a cell, by which rounding may leave what is inside


@dataclass(frozen=True, kw_only=True)
class SampledSurface(Sampled):
    """The surface of a forecast at its mean and at joint draws; missing outside its grid.

    Attributes
    ----------
    forecast : what is drawn
    largest : cost of the costliest run
    corner : ln N and ln D of the first node
    splines : (rows, sizes, tokens), coefficients of cubic B-splines, on the forecast's scale
    """

    forecast: Forecast
    largest: float
    corner: tuple[float, float]
    splines: FloatArray

    @property
    def n_rows(self) -> int:
        """The mean and the draws."""
        return len(self.splines)

    @property
    def estimate(self) -> SampledSurface:
        """The same without the draws."""
        return replace(self, splines=self.splines[:1])

    @property
    def kind(self) -> str:
        """In one word."""
        return "forecast"

    @property
    def label(self) -> str:
        """What it is, for messages."""
        return "The forecast"

    @property
    def tolerance(self) -> float:
        """Far below the error of the splines."""
        return 1e-8

    def costliest(self, cost: RunCost) -> float:
        """What the costliest run cost."""
        del cost  # it is the one that the plan was made with
        return self.largest

    def warn_if_far(self, beyond: FloatArray) -> None:
        """Warn of budgets that are many times the compute of the largest run."""
        warn_if_far(beyond)

    def not_usable(self, N: FloatArray, D: FloatArray) -> BoolArray:
        """Where the forecast is too wide or too far; see `Forecast.usable_to`."""
        known = np.isfinite(N) & np.isfinite(D)
        N, D = np.where(known, N, 1.0), np.where(known, D, 1.0)
        points = {"N": N, "D": D, "C": self.forecast.rows.flops * N * D}
        return known & ~self.forecast.usable(points)

    def value(self, N: npt.ArrayLike, D: npt.ArrayLike, C: npt.ArrayLike) -> FloatArray:
        """Performance at N and D."""
        del C  # a forecast is one of N and D
        return self.forecast.rows.scale.back(self._spline(N, D, _WEIGHTS, _WEIGHTS))

    def slopes(
        self, N: npt.ArrayLike, D: npt.ArrayLike, C: npt.ArrayLike
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Derivatives in ln N and ln D on the forecast's scale, signed as the performance."""
        del C
        by_n = self.sign * self._spline(N, D, _SLOPES, _WEIGHTS)
        by_d = self.sign * self._spline(N, D, _WEIGHTS, _SLOPES)
        return by_n, by_d, np.zeros(by_n.shape)

    def performance_columns(
        self, N: FloatArray, D: FloatArray, C: FloatArray, values: FloatArray
    ) -> dict[str, FloatArray]:
        """The forecast at N and D, with the interval of the curve."""
        known = np.isfinite(values[0])
        found = np.full((3, len(known)), np.nan)
        if known.any():
            at = {"N": N[known], "D": D[known], "C": C[known]}
            outlook = self.forecast.outlook(at, self.level)
            found[:, known] = outlook.estimate, outlook.curve_low, outlook.curve_high
        return interval_columns(self.target, *found)

    def _spline(
        self, N: npt.ArrayLike, D: npt.ArrayLike, by_n: FloatArray, by_d: FloatArray
    ) -> FloatArray:
        """Cubic B-splines or their derivatives; rows are the first axis of N and D, or theirs."""
        N, D = np.broadcast_arrays(np.asarray(N, dtype=float), np.asarray(D, dtype=float))
        with np.errstate(all="ignore"):
            u = (np.log(N) - self.corner[0]) / _STEP
            v = (np.log(D) - self.corner[1]) / _STEP
        _, width, height = self.splines.shape
        inside = (np.abs(u - (width - 1) / 2) < (width - 1) / 2 - _BORDER + _EDGE) & (
            np.abs(v - (height - 1) / 2) < (height - 1) / 2 - _BORDER + _EDGE
        )
        i = np.clip(np.nan_to_num(u), 1, width - 3).astype(np.intp)
        j = np.clip(np.nan_to_num(v), 1, height - 3).astype(np.intp)
        row = np.arange(self.n_rows).reshape(-1, *(1,) * max(N.ndim - 1, 1))
        first = (row * width + i - 1) * height + j - 1
        along_n, along_d = _polynomials(by_n, u - i), _polynomials(by_d, v - j)
        flat, total = self.splines.ravel(), np.zeros(np.broadcast_shapes(first.shape, u.shape))
        for a in range(4):
            for b in range(4):
                total += along_n[a] * along_d[b] * flat[first + a * height + b]
        return np.where(inside, total, np.nan)


# Coefficients of 1, t, t^2 and t^3 of the four cubic B-splines on a cell, and of their slopes.
_WEIGHTS = np.array([[1, -3, 3, -1], [4, 0, -6, 3], [1, 3, 3, -3], [0, 0, 0, 1]]) / 6.0
_SLOPES = np.column_stack([_WEIGHTS[:, 1:] * [1, 2, 3], np.zeros(4)]) / _STEP


def _polynomials(coefficients: FloatArray, t: FloatArray) -> list[FloatArray]:
    return [a + t * (b + t * (c + t * d)) for a, b, c, d in coefficients]


def plans_at(
    fit: LawWithValues | Forecast,
    budgets: FloatArray,
    cost: Cost | None,
    variables: Mapping[str, Any],
    **options: Any,
) -> list[tuple[Frontier[Sampled], FloatArray]]:
    """Plans with their budgets: one of a law for all, or one of a forecast for each.

    Parameters
    ----------
    fit, cost, variables
        As in `scalinglaws.optimal`.
    budgets : shape (budgets,)
    **options
        ``confidence_level``, ``n_resamples`` and ``rng``.
    """
    if isinstance(fit, Forecast):
        return [
            (surface_plan(fit, float(C), cost, variables, **options), np.array([C]))
            for C in budgets
        ]
    return [(plan_of(fit, SIX if cost is None else cost, variables, **options), budgets)]


def surface_plan(
    forecast: Forecast,
    budget: float,
    cost: Cost | None,
    variables: Mapping[str, Any],
    *,
    confidence_level: float | None,
    n_resamples: int,
    rng: Rng,
) -> Frontier[SampledSurface]:
    """The plan of a forecast around a budget.

    Raises
    ------
    ValueError
        If an option is wrong.
    """
    if variables:
        raise ValueError(f"A plan from a forecast takes no `{next(iter(variables))}`.")
    level = forecast.confidence_level if confidence_level is None else confidence_level
    check_level(level)
    check_count("n_resamples", n_resamples, 0)
    costed = CostedForecast.of(forecast, None if cost is None else cost_of(cost))
    rows = forecast.rows
    reached = np.asarray(costed.runs_at(budget))
    if not np.all((reached > 0) & np.isfinite(reached)):
        raise ValueError(f"A budget of {budget:g} buys no model at this `cost`: check both.")
    centre = np.log(reached)
    steps = np.arange(-ROOM, ROOM + _STEP / 2, _STEP)
    ln_n, ln_d = np.meshgrid(centre[0] + steps, centre[1] + steps, indexing="ij")
    drawn = drawn_surface(forecast, ln_n.ravel(), ln_d.ravel(), n_resamples, rng)
    splines = np.minimum.accumulate(drawn.reshape(-1, *ln_n.shape), axis=2)
    for axis in (1, 2):
        splines = spline_filter1d(splines, 3, axis=axis, mode="mirror")
    surface = SampledSurface(
        target=rows.table.target, level=float(level), sign=1.0 if rows.scale.falls else -1.0,
        no_interval="" if n_resamples else "no interval: none was asked for",
        forecast=forecast, largest=float(costed.C.max()),
        corner=(float(ln_n[0, 0]), float(ln_d[0, 0])), splines=splines,
    )  # fmt: skip
    inside = ROOM - _BORDER * _STEP
    low, high = np.exp(centre - inside), np.exp(centre + inside)
    limits = {"N": (float(low[0]), float(high[0])), "D": (float(low[1]), float(high[1]))}
    return Frontier(surface, costed.cost, limits)


def plan_to(
    fit: LawWithValues | Forecast,
    wanted: float,
    cost: Cost | None,
    variables: Mapping[str, Any],
    **options: Any,
) -> Frontier[Sampled]:
    """The plan of a law, or that of a forecast around the compute that reaches a performance.

    Raises
    ------
    FitError
        If a forecast does not reach it up to 200 times the compute of its largest run.
    """
    if not isinstance(fit, Forecast):
        return plan_of(fit, SIX if cost is None else cost, variables, **options)
    budget = float(np.ravel(fit.reach(wanted).estimate)[0])
    if not 0 < budget < np.inf:
        raise FitError(
            f"The forecast does not come to {fit.rows.table.target} {wanted:g} between the compute "
            "of its smallest run and 200 times that of its largest, at the largest runs' tokens "
            "per parameter."
        )
    costed = CostedForecast.of(fit, None if cost is None else cost_of(cost))
    return surface_plan(fit, budget * costed.unit, cost, variables, **options)
