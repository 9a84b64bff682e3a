"""Predictions of a fitted law: of the curve, of a new run, and how far beyond the data."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from scalinglaws.arrays import FloatArray
from scalinglaws.core.groups import codes_of
from scalinglaws.core.law import Law
from scalinglaws.errors import (
    ConvergenceWarning,
    DataWarning,
    ExtrapolationWarning,
    IdentifiabilityWarning,
    ScalingLawWarning,
    warn,
)
from scalinglaws.fitting.inference.covariance import half_widths
from scalinglaws.fitting.inference.prediction_noise import run_ends
from scalinglaws.fitting.record import FitRecord
from scalinglaws.fitting.tables.blocks import row_blocks
from scalinglaws.fitting.tables.points import frame_of_points, read_points
from scalinglaws.numerals import format_plain
from scalinglaws.options import check_level

if TYPE_CHECKING:
    from scalinglaws.forecasting.outlook import Outlook

_FAR = 100.0
_ROUNDING = 1e-12  # of a performance at its limit


@dataclass(frozen=True)
class Prediction:
    """A prediction; every field has the shape of the input.

    Attributes
    ----------
    estimate : the law at this point
    curve_low, curve_high : interval of the curve, from the uncertainty of the coefficients
    run_low, run_high : interval of one new run, which adds the noise of single runs
    times_beyond : compute (or the variable, where there is one) relative to the largest fitted run
    leverage : variance of the curve relative to that of a run, if all runs have the same noise: a
        run of one counts for nothing but this point, and far from the runs it grows without end;
        NaN where the covariance is not made of the runs' own influence
    confidence_level : level of both intervals
    """

    estimate: Any
    curve_low: Any
    curve_high: Any
    run_low: Any
    run_high: Any
    times_beyond: Any
    confidence_level: float
    leverage: Any = np.nan
    source: tuple[Any, Mapping[str, npt.NDArray[Any]]] | None = field(
        default=None, repr=False, compare=False
    )

    @cached_property
    def _beside(self) -> Any:
        from scalinglaws.forecasting.beside_law import Beside, beside, nothing

        if self.source is None:
            return Beside(nothing("only a law that was fitted to runs has one."), np.nan)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ScalingLawWarning)  # the prediction has said it
            return beside(*self.source, self.confidence_level)

    @property
    def forecast(self) -> Outlook:
        """What `scalinglaws.forecast` says of the same runs here; NaN with a reason if nothing."""
        outlook: Outlook = self._beside.outlook
        return outlook

    @property
    def disputed(self) -> Any:
        """Whether the law is farther from the forecast than both their intervals allow.

        The distance of the logarithms is above the half-width of the law's 90 % interval of a new
        run and above half of the forecast's. NaN where there is no forecast.
        """
        return self._beside.disputed

    def to_frame(self, index: pd.Index | None = None) -> pd.DataFrame:
        """One row for each point."""
        names = [f.name for f in fields(self) if f.name not in ("confidence_level", "source")]
        shape = np.shape(self.estimate)
        columns = {n: np.ravel(np.broadcast_to(getattr(self, n), shape)) for n in names}
        return pd.DataFrame(columns, index=index)

    def __str__(self) -> str:
        if np.ndim(self.estimate):
            return self.to_frame().to_string()
        level = f"{100 * self.confidence_level:g} %"

        def span(low: float, high: float) -> str:
            return "none" if np.isnan(low) else f"{format_plain(low)} to {format_plain(high)}"

        return "\n".join(
            [
                f"estimate              {format_plain(self.estimate) or 'none'}",
                f"{level} of the curve     {span(self.curve_low, self.curve_high)}",
                f"{level} of a new run     {span(self.run_low, self.run_high)}",
                f"beyond the data       {self.beyond}",
                f"leverage              {format_plain(self.leverage, 2) or 'none'}",
                "the law itself        taken to be true: no interval knows whether it bends",
                *self._forecast_lines(),
            ]
        )

    def _forecast_lines(self) -> list[str]:
        """The forecast beside the law, where there is one."""
        found = self.forecast
        if found.reason:
            return []
        level = f"{100 * self.confidence_level:g} %"
        low, high = (format_plain(end) for end in (found.run_low, found.run_high))
        said = f"{format_plain(found.estimate)} ({level} of a new run: {low} to {high})"
        verdict = "disputed by the forecast" if self.disputed else "not disputed by the forecast"
        return [f"forecast              {said}", f"the law               {verdict}"]

    @property
    def beyond(self) -> str:
        """How far beyond the data, in words."""
        largest = float(np.max(self.times_beyond))
        if largest <= 1.0:
            return "no: inside the range of the fitted runs"
        return f"{format_plain(largest, 3)} times the largest fitted run"


def predict(
    fit: FitRecord,
    data: pd.DataFrame | Mapping[str, Any] | None,
    confidence_level: float | None,
    variables: Mapping[str, Any],
    *,
    forecast: bool = False,
) -> Prediction | pd.DataFrame:
    """See `Fit.predict`."""
    level = fit.confidence_level if confidence_level is None else confidence_level
    check_level(level)
    data = frame_of_points(data)
    found = at(fit, points(fit, data, variables), level)
    if not isinstance(data, pd.DataFrame):
        return found
    frame = found.to_frame(data.index)
    if forecast:
        beside = found.forecast
        frame = frame.assign(
            forecast=beside.estimate, forecast_low=beside.run_low, forecast_high=beside.run_high,
            disputed=found.disputed,
        )  # fmt: skip
        if beside.reason:
            warn(f"There is no forecast of these runs: {beside.reason}", DataWarning)
    return frame


def points(
    fit: FitRecord, data: pd.DataFrame | Mapping[str, Any] | None, variables: Mapping[str, Any]
) -> dict[str, npt.NDArray[Any]]:
    """Columns under the law's names, from a table, or from a mapping and keywords."""
    return read_points(fit.law, fit.runs.columns, data, variables, constant_ratio(fit))


def at(fit: FitRecord, columns: Mapping[str, npt.NDArray[Any]], level: float) -> Prediction:
    """Predict at columns that are already numbers under the law's names."""
    shape = np.broadcast_shapes(*(np.shape(c) for c in columns.values()))
    flat = {n: np.broadcast_to(c, shape).ravel() for n, c in columns.items()}
    estimate = np.broadcast_to(fit.law.value(fit.values, flat), (int(np.prod(shape)),))
    estimate = possible(fit.law, estimate)
    gradient = working_gradient(fit, flat, estimate)
    std_error, dof, leverage = _curve_errors(fit, gradient)
    lost = not_determined(fit, gradient) | _disputed(fit, flat, estimate)
    std_error = np.where(lost, np.inf, std_error)
    if lost.any():
        warn(
            f"The fitted runs do not determine the law at {int(lost.sum())} of {len(lost)} points: "
            "these lie off the surface on which all runs lie "
            f"({' '.join(fit.facts) or 'see fit.identified'})",
            IdentifiabilityWarning,
        )
    half = half_widths(level, dof, std_error)
    below, above = run_ends(fit, std_error, dof, level)
    beyond = times_beyond(fit, flat)
    warn_if_far(beyond)

    def shaped(values: npt.NDArray[Any]) -> Any:
        return values.reshape(shape) if shape else float(values[0])

    low, high = _around(fit, estimate, -half, half)
    run_low, run_high = _around(fit, estimate, below, above)
    return Prediction(
        shaped(estimate), shaped(low), shaped(high), shaped(run_low), shaped(run_high),
        shaped(beyond), level, shaped(np.where(lost, np.inf, leverage)), (fit, columns),
    )  # fmt: skip


def _curve_errors(
    fit: FitRecord, gradient: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Standard error, degrees of freedom and leverage of the curve at each point."""
    nothing, dof = np.zeros(len(gradient)), np.full(len(gradient), float(fit.dof))
    if not fit.converged:
        warn("The fit did not converge: its predictions have no interval.", ConvergenceWarning)
        return nothing + np.inf, dof, nothing + np.nan
    if fit.sandwich is None:
        return nothing + np.nan, dof + np.nan, nothing + np.nan
    own = gradient[:, fit.kept]
    return *fit.sandwich.errors(own), fit.sandwich.leverage(own)


def _around(
    fit: FitRecord, estimate: FloatArray, below: FloatArray, above: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """The curve moved by two distances on the scale of the residuals."""
    with np.errstate(over="ignore", invalid="ignore"):
        if fit.scale == "log":
            low, high = estimate * np.exp(below), estimate * np.exp(above)
        else:
            low, high = estimate + below, estimate + above
    return within_limits(fit.law, low), within_limits(fit.law, high)


def possible(law: Law, estimate: FloatArray) -> FloatArray:
    """NaN, with a warning, where a law gives no number or one that its performance cannot be."""
    low, high = law.limits or (-np.inf, np.inf)
    wrong = ~np.isfinite(estimate) | (estimate < low - _ROUNDING) | (estimate > high + _ROUNDING)
    if not wrong.any():
        return estimate
    kind = "finite number" if law.limits is None else f"number from {low:g} to {high:g}"
    warn(
        f"The law {law.label!r} gives no {kind} at {int(wrong.sum())} of {estimate.size} points "
        f"({float(estimate[wrong][0]):g} at one): it does not hold there, and the estimate is NaN.",
        DataWarning,
    )
    return np.asarray(np.where(wrong, np.nan, estimate))


def within_limits(law: Law, performance: FloatArray) -> FloatArray:
    """The performance, not beyond what it can be at all."""
    return performance if law.limits is None else np.clip(performance, *law.limits)


def working_gradient(
    fit: FitRecord, columns: Mapping[str, npt.NDArray[Any]], estimate: FloatArray
) -> FloatArray:
    """Gradient of the residual (log f or f) in the working parameters."""
    params = fit.values
    gradient = fit.law.gradient(params, columns)
    for j, parameter in enumerate(fit.law.parameters):
        if parameter.positive:
            gradient[:, j] *= params[parameter.name]
    if fit.scale == "log":
        with np.errstate(divide="ignore", invalid="ignore"):  # a performance of zero
            gradient = gradient / estimate[:, None]
    return np.where(np.isfinite(gradient), gradient, 0.0)


def not_determined(fit: FitRecord, gradient: FloatArray) -> npt.NDArray[np.bool_]:
    """Points at which the law changes along a direction that the runs leave open."""
    if not fit.null_space.shape[1]:
        return np.zeros(len(gradient), dtype=np.bool_)
    change = np.abs(gradient @ fit.null_space)
    size = np.abs(gradient) @ np.abs(fit.null_space)
    return np.asarray((change > 1e-6 * size + 1e-300).any(axis=1))


def _disputed(
    fit: FitRecord, columns: Mapping[str, npt.NDArray[Any]], estimate: FloatArray
) -> npt.NDArray[np.bool_]:
    """Points at which an equally good fit of the same runs says something else."""
    disputed = np.zeros(len(estimate), dtype=np.bool_)
    for row in fit.alternatives:
        other = fit.law.value(dict(zip(fit.law.parameter_names, row, strict=True)), columns)
        disputed |= np.abs(other - estimate) > 1e-6 * np.abs(estimate)
    return disputed


def times_beyond(fit: FitRecord, columns: Mapping[str, npt.NDArray[Any]]) -> FloatArray:
    """How far beyond the fitted runs each point lies, as a factor; up to one is inside.

    Compute counts: C where the law has it, N*D where it has both, or whichever it has. A variable
    of another kind, such as a loss, is beyond the runs on either side of their range. Where
    parameters have an index, the runs are those of the point's own group.
    """
    shape = np.broadcast_shapes(*map(np.shape, columns.values()))
    points = {name: np.broadcast_to(columns[name], shape) for name in columns}
    found = np.empty(shape)
    for here, runs in _by_group(fit, points, shape):
        own = {name: points[name][here] for name in fit.law.variables}
        found[here] = _beyond({name: v[runs] for name, v in fit.runs.values.items()}, own)
    return found


def _by_group(
    fit: FitRecord, points: Mapping[str, npt.NDArray[Any]], shape: tuple[int, ...]
) -> Iterator[tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]]:
    """Points and runs of each group; all runs where a combination of groups has none."""
    law, whole = fit.law, np.ones(fit.n, dtype=np.bool_)
    codes = [
        (codes_of(c, points[c], law.levels[c]), codes_of(c, fit.runs.labels[c], law.levels[c]))
        for c in law.group_columns
    ]
    cells = {tuple(cell) for cell in np.stack([p.ravel() for p, _ in codes]).T} if codes else {()}
    for cell in cells:
        here, runs = np.ones(shape, dtype=np.bool_), whole
        for (of_points, of_runs), code in zip(codes, cell, strict=True):
            here, runs = here & (of_points == code), runs & (of_runs == code)
        yield here, runs if runs.any() else whole


def _beyond(runs: Mapping[str, FloatArray], columns: Mapping[str, FloatArray]) -> FloatArray:
    used = ["C"] if "C" in runs else [v for v in ("N", "D") if v in runs]
    with np.errstate(all="ignore"):  # infinitely far, or of no size
        here = np.prod([np.asarray(columns[v]) for v in used], axis=0)
        beyond = here / _largest_product([runs[v] for v in used]) if used else np.zeros(1)
    for name in (v for v in runs if v not in ("N", "D", "C")):
        with np.errstate(divide="ignore", invalid="ignore"):
            above = columns[name] / runs[name].max()
            below = runs[name].min() / columns[name]
        beyond = np.maximum(beyond, np.nan_to_num(np.maximum(above, below)))
    return np.asarray(beyond)


def _largest_product(columns: list[FloatArray]) -> float:
    return max(
        float(np.prod([column[rows] for column in columns], axis=0).max())
        for rows in row_blocks(len(columns[0]))
    )


def warn_if_far(beyond: FloatArray) -> None:
    """Say that no interval knows whether the law holds there."""
    largest = float(beyond.max(initial=0.0))
    if largest > _FAR:
        warn(
            f"Predicting {format_plain(largest, 3)} times beyond the largest fitted run: the "
            "intervals take the law to be true there, which these runs cannot show.",
            ExtrapolationWarning,
        )


def constant_ratio(fit: FitRecord) -> float | None:
    """C / (N*D) where it is the same in every fitted run, to a millionth."""
    values = fit.runs.values
    if not {"N", "D", "C"} <= set(values):
        return None
    ratio = values["C"] / (values["N"] * values["D"])
    return float(ratio[0]) if np.ptp(ratio) <= 1e-6 * ratio[0] else None
