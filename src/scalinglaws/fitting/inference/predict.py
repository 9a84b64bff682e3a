"""Predictions of a fitted law: curve, noise of a new run, and extrapolation factor.

With fewer than 30 degrees of freedom the noise of a new run is Student's t, and the squares of the
half-widths of curve and run add. From 30 on, a new run has the distribution of the
leverage-adjusted residuals, convolved with the normal error of the curve.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import ndtr, ndtri

from scalinglaws.arrays import BoolArray, FloatArray, IntArray
from scalinglaws.core.groups import codes_of
from scalinglaws.core.law import Law
from scalinglaws.errors import (
    ConvergenceWarning,
    DataWarning,
    ExtrapolationWarning,
    IdentifiabilityWarning,
    warn,
)
from scalinglaws.fitting.inference.covariance import half_widths, t_quantile
from scalinglaws.fitting.inference.prediction import Prediction
from scalinglaws.fitting.inference.quantities import not_determined
from scalinglaws.fitting.record import FitRecord
from scalinglaws.fitting.tables.points import frame_of_points, read_points
from scalinglaws.numerals import format_factor

FAR = 100.0  # extrapolation factor beyond which predictions and plans warn
_ROUNDING = 1e-12  # of a performance at its limit
_ENOUGH = 30  # degrees of freedom for the residuals' own shape
_MOST_RESIDUALS = 1024  # quantiles of more residuals stand for them
_NODES = 64  # curve errors between which the ends are interpolated
_BISECTIONS = 60


def predict(
    fit: FitRecord,
    data: pd.DataFrame | Mapping[str, Any] | None,
    confidence_level: float | None,
    variables: Mapping[str, Any],
    *,
    forecast: bool = False,
) -> Prediction | pd.DataFrame:
    """See `Fit.predict`."""
    level = fit.level_or_default(confidence_level)
    if data is not None:
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

    low, high, run_low, run_high = (
        shaped(_moved(fit, estimate, end)) for end in (-half, half, below, above)
    )
    return Prediction(
        shaped(estimate), low, high, run_low, run_high, shaped(beyond), level,
        shaped(np.where(lost, np.inf, leverage)), (fit, columns), fit.runs.target, columns,
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


def _moved(fit: FitRecord, estimate: FloatArray, distance: FloatArray) -> FloatArray:
    """The curve moved by a distance on the scale of the residuals."""
    with np.errstate(over="ignore", invalid="ignore"):
        moved = estimate * np.exp(distance) if fit.scale == "log" else estimate + distance
    return within_limits(fit.law, moved)


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


def _ambiguous(
    fit: FitRecord, columns: Mapping[str, npt.NDArray[Any]], estimate: FloatArray
) -> BoolArray:
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
    with np.errstate(over="ignore"):
        ratio = values["C"] / (values["N"] * values["D"])
    return float(ratio[0]) if ratio[0] > 0 and np.ptp(ratio) <= 1e-6 * ratio[0] else None


# --- noise of a new run ------------------------------------------------------------------------


def run_dof(fit: FitRecord) -> int:
    """Independent units less parameters."""
    return fit.dof if fit.sandwich is None else fit.sandwich.n_units - fit.sandwich.p


def run_ends(
    fit: FitRecord, std_error: FloatArray, dof: FloatArray, level: float
) -> tuple[FloatArray, FloatArray]:
    """Ends of the prediction interval of a new run of average weight, relative to the curve.

    Parameters
    ----------
    std_error, dof : (points,)
        Of the curve.

    Returns
    -------
    (points,), (points,)
        Negative and positive; infinite where the curve's error is.
    """
    curve = half_widths(level, dof, std_error)
    free = run_dof(fit)
    if free < _ENOUGH or not fit.noise > 0:
        quantile = t_quantile(level, max(free, 0))
        half = np.hypot(curve, quantile * _deviation(fit) if np.isfinite(quantile) else np.inf)
        return -half, half
    errors = _errors(fit)
    blur = curve / float(ndtri(0.5 + 0.5 * level))
    low, high = np.full(len(blur), -np.inf), np.full(len(blur), np.inf)
    known = np.isfinite(blur)
    if known.any():
        tails = np.array([0.5 - 0.5 * level, 0.5 + 0.5 * level])
        low[known], high[known] = _interpolated(errors, blur[known], tails)
    return low, high


def run_draws(fit: FitRecord, shape: tuple[int, ...], rng: np.random.Generator) -> FloatArray:
    """Noise of new runs of average weight."""
    free = run_dof(fit)
    if free < _ENOUGH or not fit.noise > 0:
        return np.asarray(_deviation(fit) * rng.standard_t(max(free, 1), shape))
    return np.asarray(rng.choice(_errors(fit), shape))


def _errors(fit: FitRecord) -> FloatArray:
    """Leverage-adjusted residuals, of runs of average weight; at most some quantiles of them."""
    weights = fit.runs.weights
    used = weights > 0
    errors = fit.residuals.to_numpy()[used] * np.sqrt(weights[used] / weights[used].mean())
    if fit.sandwich is not None and fit.sandwich.rows is not None:
        errors = fit.sandwich.rows.adjusted(errors)
    errors = np.sort(errors)
    if len(errors) > _MOST_RESIDUALS:
        errors = np.quantile(errors, (np.arange(_MOST_RESIDUALS) + 0.5) / _MOST_RESIDUALS)
    return np.asarray(errors)


def _deviation(fit: FitRecord) -> float:
    """Standard deviation of a run of average weight."""
    if len(fit.runs.clusters) and fit.sandwich is not None:
        return float(np.sqrt(np.mean(np.square(_errors(fit)))))
    return fit.noise


def _interpolated(
    errors: FloatArray, blur: FloatArray, tails: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Quantiles of the blurred errors; of many points by interpolation in the blur."""
    blur = np.maximum(blur, 1e-3 * float(errors.std()))
    if len(blur) <= _NODES:
        low, high = (_quantile(errors, blur, tail) for tail in tails)
        return low, high
    nodes = np.geomspace(blur.min(), blur.max() * (1 + 1e-12), _NODES)
    low, high = (
        np.interp(blur, nodes, _quantile(errors, nodes, tail) / nodes) * blur for tail in tails
    )
    return low, high


def _quantile(errors: FloatArray, blur: FloatArray, tail: float) -> FloatArray:
    """Quantiles of the equal mixture of normals centred at the errors; shape of `blur`."""
    reach = 10.0 * blur
    low, high = errors.min() - reach, errors.max() + reach
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        below = ndtr((middle[:, None] - errors) / blur[:, None]).mean(axis=1) < tail
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return np.asarray(0.5 * (low + high))


# --- extrapolation factor -----------------------------------------------------------------------


def times_beyond(fit: FitRecord, columns: Mapping[str, npt.NDArray[Any]]) -> FloatArray:
    """Extrapolation factor of each point; at most one inside the range of the runs.

    The factor is relative to the largest run in C if the law has C, else in N*D, or in whichever
    of N and D it has. For any other variable, such as a loss, the factor counts on both sides of
    the range of the runs. For indexed parameters, the runs are those of the point's group; all
    runs if a combination of groups has none.
    """
    shape = np.broadcast_shapes(*map(np.shape, columns.values()))
    points = {name: np.broadcast_to(column, shape) for name, column in columns.items()}
    runs = fit.runs.values
    if not fit.law.group_columns:
        return _beyond(runs, points)
    cells, cells_of_runs = _cells(fit.law, points), _cells(fit.law, fit.runs.labels)
    factors = np.empty(shape)
    for cell in np.unique(cells):
        there = cells_of_runs == cell
        group = {name: v[there] for name, v in runs.items()} if there.any() else runs
        here = cells == cell
        factors[here] = _beyond(group, {name: points[name][here] for name in runs})
    return factors


def _cells(law: Law, labels: Mapping[str, Any]) -> IntArray:
    """Number of the combination of groups of each row."""
    codes = [codes_of(name, labels[name], law.levels[name]) for name in law.group_columns]
    sizes = [len(law.levels[name]) for name in law.group_columns]
    return np.asarray(np.ravel_multi_index(codes, sizes))


def _beyond(runs: Mapping[str, FloatArray], points: Mapping[str, FloatArray]) -> FloatArray:
    used = ["C"] if "C" in runs else [v for v in ("N", "D") if v in runs]
    beyond: FloatArray = np.zeros(())
    with np.errstate(all="ignore"):  # infinitely far, or of no size
        if used:
            beyond = np.asarray(prod(points[v] for v in used) / np.max(prod(runs[v] for v in used)))
        for name in (v for v in runs if v not in ("N", "D", "C")):
            above, below = points[name] / runs[name].max(), runs[name].min() / points[name]
            beyond = np.maximum(beyond, np.nan_to_num(np.maximum(above, below)))
    return np.asarray(beyond)


def warn_if_far(beyond: FloatArray) -> None:
    """Warn of a large extrapolation factor."""
    largest = float(beyond.max(initial=0.0))
    if largest > FAR:
        warn(
            f"Predicting {format_factor(largest)} times beyond the largest fitted run. The "
            "intervals assume that the law still holds there, which these runs cannot test.",
            ExtrapolationWarning,
        )
