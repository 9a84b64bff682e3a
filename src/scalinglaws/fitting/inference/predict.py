"""Predictions of a fitted law, with confidence and prediction intervals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from scalinglaws.arrays import FloatArray
from scalinglaws.core.law import Law
from scalinglaws.errors import ConvergenceWarning, DataWarning, IdentifiabilityWarning, warn
from scalinglaws.fitting.inference.covariance import half_widths
from scalinglaws.fitting.inference.extrapolation_factor import times_beyond, warn_if_far
from scalinglaws.fitting.inference.prediction import Prediction
from scalinglaws.fitting.inference.prediction_noise import run_ends
from scalinglaws.fitting.record import FitRecord
from scalinglaws.fitting.tables.points import frame_of_points, read_points
from scalinglaws.options import check_level

_ROUNDING = 1e-12  # of a performance at its limit


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
    prediction = at(fit, points(fit, data, variables), level)
    if not isinstance(data, pd.DataFrame):
        return prediction
    frame = prediction.to_frame(data.index)
    if forecast:
        beside = prediction.forecast
        frame = frame.assign(
            forecast=beside.estimate, forecast_low=beside.run_low, forecast_high=beside.run_high,
            disputed=prediction.disputed,
        )  # fmt: skip
        if beside.reason:
            warn(f"There is no forecast of these runs: {beside.reason}", DataWarning)
    return frame


def points(
    fit: FitRecord, data: pd.DataFrame | Mapping[str, Any] | None, variables: Mapping[str, Any]
) -> dict[str, npt.NDArray[Any]]:
    """Columns under the law's names, from a table, or from a mapping and keywords."""
    if isinstance(data, Mapping):  # a table of held-out runs has the performance as well
        data = {name: values for name, values in data.items() if name != fit.runs.target}
    return read_points(fit.law, fit.runs.columns, data, variables, constant_ratio(fit))


def at(fit: FitRecord, columns: Mapping[str, npt.NDArray[Any]], level: float) -> Prediction:
    """Predict at columns that are already numbers under the law's names."""
    shape = np.broadcast_shapes(*(np.shape(c) for c in columns.values()))
    flat = {n: np.broadcast_to(c, shape).ravel() for n, c in columns.items()}
    estimate = np.broadcast_to(fit.law.value(fit.values, flat), (int(np.prod(shape)),))
    estimate = possible(fit.law, estimate)
    gradient = working_gradient(fit, flat, estimate)
    std_error, dof, leverage = _curve_errors(fit, gradient)
    lost = not_determined(fit, gradient) | _ambiguous(fit, flat, estimate)
    std_error = np.where(lost, np.inf, std_error)
    if lost.any():
        warn(
            f"The law is not identified at {int(lost.sum())} of {len(lost)} points, so they have "
            "no finite interval: they lie off the surface that contains all fitted runs "
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
        fit.runs.target, columns,
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
    estimated = gradient[:, fit.kept]
    return *fit.sandwich.errors(estimated), fit.sandwich.leverage(estimated)


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
    """Estimates, with NaN and a warning if the law is undefined or outside its limits."""
    low, high = law.limits or (-np.inf, np.inf)
    wrong = ~np.isfinite(estimate) | (estimate < low - _ROUNDING) | (estimate > high + _ROUNDING)
    if not wrong.any():
        return estimate
    kind = "finite number" if law.limits is None else f"number from {low:g} to {high:g}"
    warn(
        f"The law {law.label!r} gives no {kind} at {int(wrong.sum())} of {estimate.size} points "
        f"({float(estimate[wrong][0]):g} at one). It does not hold there, so the estimate is NaN.",
        DataWarning,
    )
    return np.asarray(np.where(wrong, np.nan, estimate))


def within_limits(law: Law, performance: FloatArray) -> FloatArray:
    """The performance, clipped to the limits of the law."""
    return performance if law.limits is None else np.clip(performance, *law.limits)


def working_gradient(
    fit: FitRecord, columns: Mapping[str, npt.NDArray[Any]], estimate: FloatArray
) -> FloatArray:
    """Gradient of the residual (log f or f) in the working parameters."""
    params = fit.values
    gradient = fit.law.gradient(params, columns)
    scale = [params[p.name] if p.positive else 1.0 for p in fit.law.parameters]
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):  # no value, or zero
        gradient = gradient * scale
        if fit.scale == "log":
            gradient = gradient / estimate[:, None]
    return np.where(np.isfinite(gradient), gradient, 0.0)


def not_determined(fit: FitRecord, gradient: FloatArray) -> npt.NDArray[np.bool_]:
    """Points at which the law changes along a direction that is not identified."""
    if not fit.null_space.shape[1]:
        return np.zeros(len(gradient), dtype=np.bool_)
    change = np.abs(gradient @ fit.null_space)
    size = np.abs(gradient) @ np.abs(fit.null_space)
    return np.asarray((change > 1e-6 * size + 1e-300).any(axis=1))


def _ambiguous(
    fit: FitRecord, columns: Mapping[str, npt.NDArray[Any]], estimate: FloatArray
) -> npt.NDArray[np.bool_]:
    """Points at which an equally good fit of the same runs predicts something else."""
    ambiguous = np.zeros(len(estimate), dtype=np.bool_)
    for row in fit.alternatives:
        other = fit.law.value(dict(zip(fit.law.parameter_names, row, strict=True)), columns)
        ambiguous |= np.abs(other - estimate) > 1e-6 * np.abs(estimate)
    return ambiguous


def constant_ratio(fit: FitRecord) -> float | None:
    """C / (N*D) where it is the same in every fitted run, to a millionth."""
    values = fit.runs.values
    if not {"N", "D", "C"} <= set(values):
        return None
    ratio = values["C"] / (values["N"] * values["D"])
    return float(ratio[0]) if np.ptp(ratio) <= 1e-6 * ratio[0] else None
