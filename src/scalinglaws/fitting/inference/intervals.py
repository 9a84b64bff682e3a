"""Confidence intervals of parameters and derived quantities, by several methods."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pandas as pd

from scalinglaws.arrays import BoolArray, FloatArray
from scalinglaws.errors import ConvergenceWarning, FitError, warn
from scalinglaws.fitting.diagnostics.identifiability import combination_label
from scalinglaws.fitting.inference.covariance import half_widths
from scalinglaws.fitting.inference.draws import KINDS, NAMES, resample
from scalinglaws.fitting.inference.profile import METHOD, profile_ends
from scalinglaws.fitting.inference.quantities import (
    Asked,
    Quantity,
    is_determined,
    is_floor,
    linear_quantity,
    parameter_quantity,
    quantities_of,
)
from scalinglaws.fitting.record import FitRecord
from scalinglaws.numerals import format_level, format_plain, listed
from scalinglaws.options import check_count, check_option
from scalinglaws.workers import Workers

IntervalMethod = Literal["sandwich", "equal-noise", "profile", "cases", "clusters"]
_NEAR_ZERO = 1e-8  # of the smallest performance: a floor at zero is linearised there


@dataclass(frozen=True)
class Request:
    """Quantities, level and method options of one call."""

    fit: FitRecord
    quantities: Sequence[Quantity]
    level: float
    method: IntervalMethod = "sandwich"
    n_resamples: int = 1000
    rng: np.random.Generator | int | None = 0
    workers: Workers = 1

    @cached_property
    def centres(self) -> FloatArray:
        """Estimates, as working values."""
        theta = self.fit.theta[None, :]
        return np.array([float(q.value(theta)[0]) for q in self.quantities])

    @cached_property
    def gradients(self) -> FloatArray:
        """Of the working values, shape (quantities, parameters)."""
        theta = self.fit.theta[None, :]
        slopes = np.array([q.gradient(theta)[0] for q in self.quantities])
        return np.where(np.isfinite(slopes), slopes, 0.0).reshape(-1, theta.shape[1])

    @cached_property
    def undetermined(self) -> BoolArray:
        """Mask of the quantities that are not identified."""
        return np.array([not is_determined(self.fit, q) for q in self.quantities], dtype=np.bool_)

    @cached_property
    def at_bound(self) -> BoolArray:
        """Mask of the quantities that are parameters at a bound."""
        places = [-1 if q.parameter is None else q.parameter for q in self.quantities]
        return np.append(self.fit.at_bound, False)[places]


@dataclass(frozen=True)
class Intervals:
    """Standard errors, degrees of freedom and ends, in each quantity's working value."""

    errors: FloatArray
    dof: FloatArray
    ends: FloatArray  # (quantities, 2)
    method: str
    attrs: dict[str, Any] = field(default_factory=dict)


# --- methods ------------------------------------------------------------------------------------


def _sandwich(request: Request) -> Intervals:
    fit = request.fit
    assert fit.sandwich is not None
    errors, dof = fit.sandwich.errors(request.gradients[:, fit.kept])
    return _symmetric(request, errors, dof, fit.interval_method)


def _equal_noise(request: Request) -> Intervals:
    """Of the curvature of least squares: sigma^2 (X'X)^-1."""
    fit = request.fit
    assert fit.sandwich is not None
    along = request.gradients[:, fit.kept] @ fit.sandwich.to_basis
    scale = float(np.sqrt(np.mean(fit.runs.weights[fit.runs.weights > 0])))
    errors = fit.noise * scale * np.linalg.norm(along, axis=1)
    return _symmetric(request, errors, np.full(len(along), float(fit.dof)), "equal noise, t")


def _profile(request: Request) -> Intervals:
    fit = request.fit
    ends = np.array([
        [-np.inf, np.inf] if lost else profile_ends(fit, q, request.level)
        for q, lost in zip(request.quantities, request.undetermined, strict=True)
    ])  # fmt: skip
    equal = _equal_noise(request)
    return Intervals(equal.errors, equal.dof, ends.reshape(-1, 2), METHOD)


def _bootstrap(request: Request) -> Intervals:
    fit, level = request.fit, request.level
    needed = int(np.ceil(2.0 / (1.0 - level) - 1e-6))
    check_count("n_resamples", request.n_resamples)
    if request.n_resamples < needed:
        raise ValueError(
            f"Percentiles at {format_level(level)} need {needed} resamples or more; got "
            f"n_resamples={request.n_resamples}."
        )
    assert request.method in KINDS
    theta, converged, _ = resample(
        fit, request.n_resamples, request.method, request.rng, request.workers
    )
    tails = np.array([0.5 - 0.5 * level, 0.5 + 0.5 * level])
    values = [np.asarray(q.value(theta), dtype=np.float64) for q in request.quantities]
    ends = np.array([np.quantile(v, tails, method="inverted_cdf") for v in values])
    ends[request.undetermined] = -np.inf, np.inf
    ends[request.at_bound] = np.nan
    known = [v[np.isfinite(v)] for v in values]
    errors = np.array([np.std(v, ddof=1) if len(v) > 1 else np.nan for v in known])
    errors[request.undetermined | request.at_bound] = np.nan
    dof = np.full(len(values), float(fit.dof))
    counts = {"n_resamples": len(converged), "n_failed": int((~converged).sum())}
    return Intervals(errors, dof, ends, f"{NAMES[request.method]}, percentiles", counts)


# An interval method is one function of a request, registered here.
METHODS: dict[IntervalMethod, Callable[[Request], Intervals]] = {
    "sandwich": _sandwich,
    "equal-noise": _equal_noise,
    "profile": _profile,
    **dict.fromkeys(KINDS, _bootstrap),
}


def _symmetric(request: Request, errors: FloatArray, dof: FloatArray, method: str) -> Intervals:
    """Student's t intervals; those of floors on the natural scale, truncated at zero."""
    fit = request.fit
    half = half_widths(request.level, dof, errors)
    half = np.where(np.isinf(half), np.inf, np.where(errors > 0, half, 0.0))
    half[request.undetermined], half[request.at_bound] = np.inf, np.nan
    errors = np.where(request.undetermined | request.at_bound, np.nan, errors)
    with np.errstate(invalid="ignore"):
        ends = request.centres[:, None] + half[:, None] * np.array([-1.0, 1.0])
    for row, quantity in enumerate(request.quantities):
        if not is_floor(fit, quantity):
            continue
        assert quantity.parameter is not None
        if fit.at_zero[quantity.parameter]:
            ends[row] = -np.inf, _log_upper_end_of_zero(fit, quantity.parameter, request.level)
        elif np.isfinite(half[row]):
            with np.errstate(divide="ignore"):
                sides = np.log(np.maximum(1.0 + half[row] * np.array([-1.0, 1.0]), 0.0))
            ends[row] = fit.theta[quantity.parameter] + sides
    return Intervals(errors, dof, ends, method)


def _log_upper_end_of_zero(fit: FitRecord, j: int, level: float) -> float:
    """Logarithm of the upper end of a floor that was estimated as zero.

    With e the (negative) Newton step from zero, the quadratic model of the objective has risen by
    (t se)^2/2 curvatures at e + sqrt(e^2 + (t se)^2).
    """
    if not fit.model.is_one_block or fit.ambiguous:
        return np.nan
    smallest = float(np.log(_NEAR_ZERO * np.abs(fit.runs.y).min()))
    theta = fit.theta.copy()
    theta[j] = smallest
    there = fit.sandwich_at(theta, np.append(fit.kept, j))
    errors, dof = there.errors(np.eye(there.p)[-1:])
    half = float(half_widths(level, dof, errors)[0])
    step = min(float(there.step[-1]), 0.0)
    with np.errstate(divide="ignore", over="ignore"):
        return smallest + float(np.log(step + np.hypot(step, half)))


# --- tables -------------------------------------------------------------------------------------


def intervals(
    fit: FitRecord, asked: Asked | None, confidence_level: float | None, **options: Any
) -> pd.DataFrame:
    """See `Fit.intervals`."""
    check_option("method", options["method"], tuple(METHODS))
    level = fit.level_or_default(confidence_level)
    _refuse(fit)
    request = Request(fit, quantities_of(fit, asked), level, **options)
    table = _as_frame(request, METHODS[request.method](request))
    _warn_of_missing_ends(table, request.at_bound)
    return table


def _as_frame(request: Request, found: Intervals) -> pd.DataFrame:
    table = pd.DataFrame(
        {**_natural(request, found), "dof": found.dof, "method": found.method},
        index=pd.Index([q.name for q in request.quantities], name="quantity"),
    )
    table.attrs |= {"confidence_level": request.level, **found.attrs}
    return table


def _natural(request: Request, found: Intervals) -> dict[str, FloatArray]:
    """Natural values; the standard error of a positive quantity is its relative one times it."""
    rows = np.empty((len(request.quantities), 4))
    centres = request.centres
    for row, quantity in enumerate(request.quantities):
        low, high = found.ends[row]
        low, estimate, high = quantity.natural(np.array([low, centres[row], high]))
        low, high = _within_limits(request.fit, quantity, low, high)
        rows[row] = estimate, found.errors[row] * (estimate if quantity.is_log else 1.0), low, high
    return dict(zip(("estimate", "std_error", "low", "high"), rows.T, strict=True))


def _within_limits(
    fit: FitRecord, quantity: Quantity, low: float, high: float
) -> tuple[float, float]:
    """Truncate intervals of levels, such as a ceiling, to the limits of the performance."""
    if quantity.parameter is not None:
        parameter = fit.law.parameters[quantity.parameter]
        if fit.law.limits == (parameter.lower, parameter.upper):
            return max(float(low), parameter.lower), min(float(high), parameter.upper)
    return float(low), float(high)


def parameter_table(fit: FitRecord) -> pd.DataFrame:
    """Estimate, standard error, interval and status of each parameter; see `Fit.table`.

    Numbers are NaN for parameters that are not identified.
    """
    names = fit.law.parameter_names
    status = [_status(fit, j) for j in range(len(names))]
    lost = np.array([text == "without effect" for text in status])
    columns = {"estimate": np.where(lost, np.nan, fit.natural)}
    columns |= {name: np.full(len(names), np.nan) for name in ("std_error", "low", "high")}
    known = [j for j, text in enumerate(status) if _has_interval(fit, j, text)]
    if known and fit.sandwich is not None:
        quantities = [parameter_quantity(fit.law, names[j]) for j in known]
        request = Request(fit, quantities, fit.confidence_level)
        for name, values in _natural(request, _sandwich(request)).items():
            columns[name][known] = values
    index = pd.Index(names, name="parameter")
    return pd.DataFrame({**columns, "status": status}, index=index)


def combination_table(fit: FitRecord) -> pd.DataFrame:
    """Identified combinations of aliased parameters, such as ``b + d``."""
    logarithms = {p.name: p.positive for p in fit.law.parameters}
    names, quantities = fit.law.parameter_names, []
    for j in fit.kept:
        weights = {k: w[j] for k, w in fit.aliased.items() if j in w}
        # elsewhere the direction turns from point to point, and no one sum is determined
        if not weights or not set(weights) <= set(fit.structural.aliased):
            continue
        if names[j] in fit.ambiguous:
            continue
        label = combination_label(names[j], {names[k]: w for k, w in weights.items()}, logarithms)
        direction = np.zeros(len(fit.theta))
        direction[[j, *weights]] = 1.0, *weights.values()
        quantities.append(linear_quantity(label, direction))
    columns = ["estimate", "std_error", "low", "high"]
    if not quantities or fit.sandwich is None:
        return pd.DataFrame(columns=[*columns, "status"], index=pd.Index([], name="parameter"))
    request = Request(fit, quantities, fit.confidence_level)
    found = _as_frame(request, _sandwich(request))[columns]
    return found.rename_axis("parameter").assign(status="estimated")


def _has_interval(fit: FitRecord, j: int, status: str) -> bool:
    return status == "estimated" or bool(fit.at_zero[j] and fit.law.parameters[j].is_floor)


def _status(fit: FitRecord, j: int) -> str:
    """Status text of a parameter."""
    name, value = fit.law.parameter_names[j], format_plain(float(fit.natural[j]))
    shared = any(j in weights for weights in fit.aliased.values())
    if name in fit.fixed:
        return "fixed"
    if not fit.converged:
        return "not converged"
    if j in fit.structural.aliased:
        return f"aliased: held at {value}"
    if j in fit.aliased or name in fit.ambiguous:
        return "not identified"
    if fit.at_bound[j]:
        return f"at its bound, {'0' if fit.at_zero[j] else value}"
    if not fit.free[j]:
        return "without effect"
    return "not identified" if shared else "estimated"


def _refuse(fit: FitRecord) -> None:
    """Raise if the standard errors cannot be estimated."""
    if not fit.converged:
        raise FitError("The fit did not converge, so its coefficients have no intervals.")
    if fit.dof <= 0:
        raise FitError(
            f"There are as many coefficients as runs, {fit.n}: their errors cannot be estimated."
        )
    if fit.sandwich is None:
        raise FitError(
            "No coefficient of this fit has a standard error, so there are no intervals."
        )


def _warn_of_missing_ends(table: pd.DataFrame, bounded: BoolArray) -> None:
    """Warn of intervals with a missing end."""
    unknown = table[["low", "high"]].isna().any(axis=1).to_numpy()
    moving, held = ([str(n) for n in table.index[unknown & w]] for w in (~bounded, bounded))
    if moving:
        warn(
            f"No end was found for {listed(moving)} (NaN): along the profile it is undefined, has "
            "no minimum, or reaches the bound of a parameter. Request intervals of the "
            'parameters, or use method="sandwich".',
            ConvergenceWarning,
        )
    if held:
        warn(
            f"At its bound: {listed(held)}. A parameter at its bound has no standard error, and no "
            'interval by this method (NaN). method="profile" gives the other end.',
            ConvergenceWarning,
        )
