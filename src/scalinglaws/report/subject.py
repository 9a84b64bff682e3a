"""What a report is of: a fit, a forecast or both, and their values along one variable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from scalinglaws.arrays import FloatArray, IntArray
from scalinglaws.errors import DataError, FitError
from scalinglaws.fitting.result import Fit
from scalinglaws.fitting.tables.points import positive_numbers
from scalinglaws.forecasting.backtest import Backtest, backtest
from scalinglaws.forecasting.caveats import DecidingRun
from scalinglaws.forecasting.curve import CurveForecast
from scalinglaws.forecasting.forecast import Forecast
from scalinglaws.forecasting.run_rows import compute_of
from scalinglaws.planning import optimal
from scalinglaws.planning.cost import SIX
from scalinglaws.report.values import values_at

_SAME_COST = 1e-3  # relative difference of FLOPs per parameter and token from 6
_BACK, _AHEAD = 3e3, 10.0  # pictures start at the largest run over, and end at the target times
_TARGETS, _ON_A_CURVE = (10.0, 1.0, 100.0), (2.0, 1.0, 5.0)  # times the largest run, or point
_DRAWN = 1000  # runs drawn and listed at most


@dataclass(frozen=True, eq=False)
class Runs:
    """Runs in the order of the x of the pictures.

    Attributes
    ----------
    frame : variables, groups and metric, with the table's row labels
    x : value of the pictures' variable
    place : row in the table that was fitted, or forecast
    n : how many there are; more than are here where these were thinned
    """

    frame: pd.DataFrame
    x: FloatArray
    place: IntArray
    n: int

    @classmethod
    def of(cls, frame: pd.DataFrame, x: FloatArray) -> Runs:
        """Sorted; of more than a thousand, half the largest and half spread over the others."""
        order, n, half = np.argsort(x, kind="stable"), len(x), _DRAWN // 2
        if n > _DRAWN:
            spread = np.linspace(0, n - half - 1, half).astype(np.intp)
            order = order[np.concatenate([spread, np.arange(n - half, n)])]
        return cls(frame.iloc[order], x[order], order, n)


@dataclass(frozen=True, eq=False)
class Subject:
    """A fit, a forecast or both; everything that a page shows is derived from these.

    Attributes
    ----------
    fit : Fit, optional
    forecast : Forecast or CurveForecast, optional
    no_forecast : why there is none
    budgets : budgets of the plan, the first being that of the headline; none to choose them
    """

    fit: Fit | None
    forecast: Forecast | CurveForecast | None
    no_forecast: str
    budgets: tuple[float, ...]

    # --- runs ------------------------------------------------------------------------------------

    @property
    def law(self) -> Fit:
        """The fit, where there is one."""
        assert self.fit is not None
        return self.fit

    @property
    def target(self) -> str:
        """The metric's column."""
        if self.fit is not None:
            return self.fit.runs.target
        assert self.forecast is not None
        if isinstance(self.forecast, CurveForecast):
            return self.forecast.target
        return self.forecast.rows.table.target

    @property
    def level(self) -> float:
        """Confidence level of all intervals."""
        model = self.fit or self.forecast
        assert model is not None
        return model.confidence_level

    @cached_property
    def runs(self) -> Runs:
        """The runs that are drawn and listed."""
        if self.fit is not None:
            table = self.fit.runs
            x = compute_of(table) if self.variable == "C" else table.values[self.variable]
            return Runs.of(table.frame(), x)
        if isinstance(self.forecast, CurveForecast):
            curve = self.forecast
            frame = pd.DataFrame({curve.variable: curve.x, curve.target: curve.y})
            return Runs.of(frame, curve.x)
        assert self.forecast is not None
        rows = self.forecast.rows
        columns = {"N": rows.N, "D": rows.D, "C": rows.C, self.target: rows.table.y[rows.places]}
        return Runs.of(pd.DataFrame(columns, index=rows.index), rows.C)

    @property
    def largest(self) -> float:
        """Largest x of a run."""
        return float(self.runs.x[-1])

    # --- the variable of the pictures ------------------------------------------------------------

    @cached_property
    def variable(self) -> str:
        """C for runs with N and D, else the law's or the curve's first variable."""
        if self.fit is None:
            return self.forecast.variable if isinstance(self.forecast, CurveForecast) else "C"
        names = self.fit.law.variables
        return "C" if {"N", "D"} <= set(names) else names[0]

    @property
    def has_sizes(self) -> bool:
        """Whether the runs have N and D."""
        return {"N", "D"} <= set(self.runs.frame.columns)

    @property
    def has_line(self) -> bool:
        """Whether law and forecast can be followed along the variable: nothing else is needed."""
        if self.fit is None or self.largest <= 0:
            return self.fit is None
        names = set(self.fit.law.variables)
        alone = names <= {"N", "D", "C"} if {"N", "D"} <= names else len(names) == 1
        return alone and not self.fit.law.group_columns

    @property
    def takes_budgets(self) -> bool:
        """Whether a budget of compute can be asked for."""
        return (
            self.has_line and self.variable == "C" and not isinstance(self.forecast, CurveForecast)
        )

    @cached_property
    def asked(self) -> tuple[float, ...]:
        """Values of the variable in the plan, the first being that of the headline."""
        if self.budgets:
            return self.budgets
        if isinstance(self.forecast, CurveForecast):
            return tuple(float(f"{factor * self.largest:.2g}") for factor in _ON_A_CURVE)
        return tuple(10.0 ** round(np.log10(factor * self.largest)) for factor in _TARGETS)

    @property
    def span(self) -> tuple[float, float]:
        """Range of the pictures and of the planner."""
        start = min(max(float(self.runs.x[0]), self.largest / _BACK), *self.asked)
        return start, _AHEAD * max(*self.asked, self.largest)

    # --- sizes at a budget -----------------------------------------------------------------------

    @cached_property
    def cost(self) -> float:
        """FLOPs for each parameter and token, of the largest runs."""
        flops = self.forecast.rows.flops if isinstance(self.forecast, Forecast) else SIX
        return SIX if abs(flops / SIX - 1) < _SAME_COST else float(f"{flops:.4g}")

    @cached_property
    def plan(self) -> pd.DataFrame | str:
        """Compute-optimal sizes at the budgets, the smallest first; or why there are none."""
        if self.fit is None:
            return "For the best sizes by the forecast, see sl.optimal(forecast, C=...)."
        if not (self.has_line and self.variable == "C" and "N" in self.fit.law.variables):
            return "A plan needs a law in N and D, without groups or further variables."
        try:
            return optimal(self.fit, C=sorted(self.asked), cost=self.cost)
        except (FitError, ValueError) as error:
            return str(error)

    def points(self, x: FloatArray) -> dict[str, FloatArray]:
        """All variables at values of the one of the pictures.

        N and D of a budget are the compute-optimal ones where the law has an optimum; otherwise
        they have the largest runs' tokens per parameter.
        """
        if not self.has_sizes:
            return {self.variable: x}
        if not isinstance(self.plan, str):
            best = optimal(self.law, C=x, cost=self.cost, n_resamples=0)
            return {"N": best["N"].to_numpy(), "D": best["D"].to_numpy(), "C": x}
        ratio = self.ratio
        sizes = np.sqrt(x / (self.cost * ratio))
        return {"N": sizes, "D": ratio * sizes, "C": x}

    @property
    def ratio(self) -> float:
        """Tokens per parameter of the largest runs."""
        if isinstance(self.forecast, Forecast):
            return self.forecast.rows.ratio
        last = self.runs.frame.iloc[-1]
        return float(last["D"] / last["N"])

    # --- law and forecast ------------------------------------------------------------------------

    @cached_property
    def answer(self) -> pd.Series | None:
        """Everything at the value of the headline; None where nothing can be said."""
        if not self.has_line:
            return None
        found = self.along(np.array(self.asked[:1])).iloc[0]
        estimate = found["law" if self.forecast is None else "forecast"]
        return found if np.isfinite(estimate) else None

    @cached_property
    def deciding_run(self) -> DecidingRun | None:
        """The run without which the headline's forecast moves most."""
        if self.answer is None or not isinstance(self.forecast, Forecast):
            return None
        try:
            return self.forecast.deciding_run(N=self.answer["N"], D=self.answer["D"])
        except DataError:
            return None

    @cached_property
    def line(self) -> pd.DataFrame:
        """Everything along the pictures."""
        return self.along(np.geomspace(*self.span, 160))

    def along(self, x: FloatArray) -> pd.DataFrame:
        """Law and forecast at values of the variable."""
        return self.at(self.points(x)).assign(x=x, beyond=x / self.largest)

    def at(self, points: Mapping[str, FloatArray]) -> pd.DataFrame:
        """Law and forecast at points; see `values_at`."""
        return values_at(self.fit, self.forecast, points, self.level)

    # --- back-tests ------------------------------------------------------------------------------

    @cached_property
    def forecast_tested(self) -> Backtest | str:
        """Back-test of the forecast, or why there is none."""
        if not isinstance(self.forecast, Forecast):
            return "Back-tests are of forecasts over N and D."
        return _tested(self.forecast, "C")

    @cached_property
    def law_tested(self) -> Backtest | str:
        """Back-test of the law, or why there is none."""
        if self.fit is None:
            return "There is no law."
        if self.variable not in ("N", "D", "C"):
            return "Runs are hidden by N, D or C, which this law does not have."
        return _tested(self.fit, self.variable)


def _tested(model: Fit | Forecast, by: Any) -> Backtest | str:
    try:
        return backtest(model, by=by)
    except (DataError, FitError) as error:
        return str(error)


def subject_of(model: Any, C: Any = None, law: Fit | None = None) -> Subject:
    """The subject of a report.

    Raises
    ------
    TypeError
        If it is neither a fit nor a forecast.
    ValueError
        If budgets are given for what has no C, or the law is not of the forecast's variables.
    """
    budgets = () if C is None else tuple(map(float, positive_numbers("C", C)))
    if isinstance(model, Fit):
        try:
            found = Subject(model, model.forecast, "", budgets)
        except DataError as error:
            found = Subject(model, None, str(error), budgets)
    elif isinstance(model, Forecast | CurveForecast):
        found = Subject(law, model, "", budgets)
    else:
        raise TypeError(
            "A report is of what sl.fit or sl.forecast returns, of one group and one metric; got "
            f"{type(model).__name__}."
        )
    _check_law(found, law)
    if budgets and not found.takes_budgets:
        raise ValueError(
            "`C` is for laws and forecasts over N and D, or C; this one is over "
            f"{found.variable!r}."
        )
    return found


def _check_law(subject: Subject, law: Fit | None) -> None:
    if law is None:
        return
    if not isinstance(law, Fit):
        raise TypeError(f"`law` must be what sl.fit returns; got {type(law).__name__}.")
    if isinstance(subject.forecast, CurveForecast) or not (subject.has_line and subject.has_sizes):
        raise ValueError("`law` must be a law in N and D alone, for a forecast over N and D.")
