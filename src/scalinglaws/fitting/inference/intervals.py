"""Intervals of coefficients and of what follows from them, each by a method that is named."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd

from scalinglaws.arrays import BoolArray, FloatArray
from scalinglaws.errors import ConvergenceWarning, FitError, warn
from scalinglaws.fitting.inference.adjusted import adjusted_ends
from scalinglaws.fitting.inference.bootstrap import Resampled, resample
from scalinglaws.fitting.inference.derived import Asked, quantities_of
from scalinglaws.fitting.inference.profile import profile_interval
from scalinglaws.fitting.inference.profiler import Profiler
from scalinglaws.fitting.inference.quantity import Quantity
from scalinglaws.fitting.inference.raised import raised_floors, widened
from scalinglaws.fitting.inference.recall import at_bound, clustered, estimated, recalled_influence
from scalinglaws.fitting.inference.record import FitRecord
from scalinglaws.fitting.inference.resamples import KINDS
from scalinglaws.fitting.inference.status import Status
from scalinglaws.fitting.inference.uncertainty import half_widths, t_quantile
from scalinglaws.numerals import listed
from scalinglaws.options import check_count, check_level, check_option
from scalinglaws.workers import Workers

IntervalMethod = Literal[
    "auto", "sandwich", "equal-noise", "profile", "adjusted-profile", "cases", "clusters",
    "residual", "wild", "parametric",
]  # fmt: skip
METHODS: tuple[IntervalMethod, ...] = (
    "auto", "sandwich", "equal-noise", "profile", "adjusted-profile", "cases", "clusters",
    "residual", "wild", "parametric",
)  # fmt: skip


def intervals(
    fit: FitRecord,
    asked: Asked | None,
    method: IntervalMethod,
    confidence_level: float | None,
    n_resamples: int,
    clusters: str | None,
    rng: np.random.Generator | int | None,
    workers: Workers,
) -> pd.DataFrame:
    """See `Fit.intervals`."""
    check_option("method", method, METHODS)
    level = fit.confidence_level if confidence_level is None else confidence_level
    check_level(level)
    _refuse(fit)
    quantities = quantities_of(fit, asked)
    if clusters is not None:
        fit = clustered(fit, clusters)
    if method in KINDS:
        needed = int(np.ceil(2.0 / (1.0 - level) - 1e-6))
        check_count("n_resamples", n_resamples)
        if n_resamples < needed:
            raise ValueError(
                f"Percentiles at {100 * level:g} % need {needed} resamples or more; got "
                f"n_resamples={n_resamples}."
            )
        drawn = resample(fit, n_resamples, method, rng, workers)
        table = _from_draws(fit, quantities, drawn, level)
    else:
        table = _FROM_CURVATURE[method](fit, quantities, level)
    table.attrs["confidence_level"] = level
    _warn_of_missing_ends(table, _at_bound(fit, quantities))
    return table


def _warn_of_missing_ends(table: pd.DataFrame, bounded: BoolArray) -> None:
    """An end that is not known is said to be so."""
    unknown = table[["low", "high"]].isna().any(axis=1).to_numpy()
    moving, held = ([str(n) for n in table.index[unknown & w]] for w in (~bounded, bounded))
    if moving:
        warn(
            f"No end was found for {listed(moving)} (NaN): on the way there it has no value or no "
            "minimum, or runs into the bound of a parameter. Ask for an interval of the "
            'parameters, or take method="sandwich".',
            ConvergenceWarning,
        )
    if held:
        warn(
            f"At its bound: {listed(held)}. There it has no standard error, and no interval by "
            'this method (NaN); method="profile" has the end on the other side.',
            ConvergenceWarning,
        )


def _refuse(fit: FitRecord) -> None:
    """There are no intervals where nothing is known of the errors."""
    if fit.status is Status.NOT_CONVERGED:
        raise FitError("The fit did not converge: its coefficients have no intervals.")
    if fit.dof <= 0:
        raise FitError(
            f"There are as many coefficients as runs, {fit.n}: nothing is known about their errors."
        )
    if not estimated(fit).any():
        raise FitError(
            "No coefficient of this fit has a standard error, so that there are no intervals: "
            f"{fit.status.value}"
        )


class _Linear:
    """The quantities at the estimate, and their gradients."""

    def __init__(self, fit: FitRecord, quantities: Sequence[Quantity]) -> None:
        theta = fit.theta[None, :]
        self.profiler = Profiler.of(fit)
        self.centre = np.array([float(q.value(theta)[0]) for q in quantities])
        gradient = np.array([q.gradient(theta)[0] for q in quantities])
        self.gradient = np.where(np.isfinite(gradient), gradient, 0.0)
        self.open = np.array([not self.profiler.determines(q) for q in quantities])
        self.kept = estimated(fit)
        self.bounded = _at_bound(fit, quantities)

    @property
    def equal_noise(self) -> FloatArray:
        """Standard errors if all runs have the same noise."""
        return _errors(self.gradient, self.profiler.covariance)


def _auto(fit: FitRecord, quantities: Sequence[Quantity], level: float) -> pd.DataFrame:
    """Symmetric intervals, but of floors, which have those of their profiles (see `adjusted`)."""
    table = _sandwich(fit, quantities, level, raised_floors(fit, level))
    floors = np.flatnonzero([_is_floor(fit, q) for q in quantities])
    if recalled_influence(fit) is None:  # no sandwich that a profile could be as wide as
        floors = floors[_at_bound(fit, quantities)[floors]]
    if not len(floors):
        return table
    profiled = _adjusted_profile(fit, [quantities[int(row)] for row in floors], level)
    found = profiled[["low", "high"]].notna().all(axis=1).to_numpy()
    # a symmetric interval is better than none
    table.iloc[floors[found]] = profiled[found]
    return table


def _sandwich(
    fit: FitRecord,
    quantities: Sequence[Quantity],
    level: float,
    other: FloatArray | None = None,
) -> pd.DataFrame:
    """Symmetric intervals, widened by what other parameters, (others, parameters), would change."""
    at = _Linear(fit, quantities)
    found = recalled_influence(fit)
    covariance = fit.covariance[np.ix_(at.kept, at.kept)]
    own = at.gradient[:, at.kept]
    if found is not None:
        dof, covariance = found.dof(own), found.covariance
    else:
        dof = np.full(len(own), float(fit.dof))
    errors = _errors(own, covariance)
    return _around(fit, quantities, at, errors, dof, level, fit.interval_method, other)


def _equal_noise(fit: FitRecord, quantities: Sequence[Quantity], level: float) -> pd.DataFrame:
    at = _Linear(fit, quantities)
    dof = np.full(len(quantities), float(fit.dof))
    return _around(fit, quantities, at, at.equal_noise, dof, level, "equal noise, Student t")


def _profile(fit: FitRecord, quantities: Sequence[Quantity], level: float) -> pd.DataFrame:
    at = _Linear(fit, quantities)
    dof = np.full(len(quantities), float(fit.dof))
    ends = profile_interval(at.profiler, quantities, t_quantile(level, fit.dof) ** 2)
    errors = np.where(at.bounded, np.nan, at.equal_noise)
    return _frame(quantities, at.centre, errors, ends, dof, "profile, Student t")


def _adjusted_profile(fit: FitRecord, quantities: Sequence[Quantity], level: float) -> pd.DataFrame:
    """Where the sandwich's errors are known; elsewhere the profile as it is."""
    found = recalled_influence(fit)
    if found is None:
        return _profile(fit, quantities, level)
    at = _Linear(fit, quantities)
    own = at.gradient[:, at.kept]
    ends = adjusted_ends(at.profiler, found, np.flatnonzero(at.kept), quantities, level)
    errors = np.where(at.bounded, np.nan, _errors(own, found.covariance))
    name = f"profile with {fit.interval_method}"
    return _frame(quantities, at.centre, errors, ends, found.dof(own), name)


def _errors(gradient: FloatArray, covariance: FloatArray) -> FloatArray:
    variance = np.einsum("ij,jk,ik->i", gradient, covariance, gradient)
    return np.asarray(np.sqrt(np.maximum(variance, 0.0)))


def _around(
    fit: FitRecord,
    quantities: Sequence[Quantity],
    at: _Linear,
    errors: FloatArray,
    dof: FloatArray,
    level: float,
    method: str,
    other: FloatArray | None = None,
) -> pd.DataFrame:
    """Symmetric intervals on the scale of each quantity; of a floor, in itself and not below 0."""
    half = half_widths(level, dof, errors)
    half = np.where(at.open, np.inf, np.where(errors > 0, half, 0.0))
    half = np.where(at.bounded, np.nan, half)
    below, above = widened(half, _moved(quantities, at.centre, other))
    with np.errstate(invalid="ignore"):  # the logarithm of a floor at zero
        ends = at.centre[:, None] + np.stack([-below, above], axis=1)
    for row, quantity in enumerate(quantities):
        if _is_floor(fit, quantity) and np.isfinite(half[row]):
            with np.errstate(divide="ignore"):
                sides = np.log(np.maximum(1.0 + half[row] * np.array([-1.0, 1.0]), 0.0))
            ends[row] = at.centre[row] + sides
    errors = np.where(at.open | at.bounded, np.nan, errors)
    return _frame(quantities, at.centre, errors, ends, dof, method)


def _moved(
    quantities: Sequence[Quantity], centre: FloatArray, other: FloatArray | None
) -> FloatArray:
    """Each quantity at other parameters, less the estimate; shape (others, quantities)."""
    if other is None or not len(other):
        return np.zeros((0, len(centre)))
    with np.errstate(invalid="ignore"):
        return np.stack([q.value(other) for q in quantities], axis=1) - centre


def _at_bound(fit: FitRecord, quantities: Sequence[Quantity]) -> BoolArray:
    """Which are parameters that stopped at a bound."""
    places = [-1 if q.parameter is None else q.parameter for q in quantities]
    return np.append(at_bound(fit), False)[places]


def _is_floor(fit: FitRecord, quantity: Quantity) -> bool:
    """The law is linear in a floor, whose logarithm runs off to minus infinity."""
    if quantity.parameter is None:
        return False
    return fit.law.parameters[quantity.parameter].is_floor


def _from_draws(
    fit: FitRecord, quantities: Sequence[Quantity], drawn: Resampled, level: float
) -> pd.DataFrame:
    at = _Linear(fit, quantities)
    tails = np.array([0.5 - 0.5 * level, 0.5 + 0.5 * level])
    values = [np.asarray(q.value(drawn.theta), dtype=np.float64) for q in quantities]
    ends = np.array([np.quantile(v, tails, method="inverted_cdf") for v in values])
    ends[at.open] = -np.inf, np.inf
    ends[at.bounded] = np.nan
    with np.errstate(invalid="ignore"):
        errors = np.array([_spread(v[np.isfinite(v)]) for v in values])
    errors = np.where(at.open | at.bounded, np.nan, errors)
    dof = np.full(len(values), float(fit.dof))
    table = _frame(quantities, at.centre, errors, ends, dof, f"{drawn.method}, percentiles")
    table.attrs |= {"n_resamples": len(drawn.converged), "n_failed": drawn.n_failed}
    return table


def _spread(values: FloatArray) -> float:
    return float(np.std(values, ddof=1)) if len(values) > 1 else np.nan


def _frame(
    quantities: Sequence[Quantity],
    centre: FloatArray,
    errors: FloatArray,
    ends: FloatArray,
    dof: FloatArray,
    method: str,
) -> pd.DataFrame:
    """Natural values; the standard error of a positive quantity is its relative one times it."""
    rows = []
    for row, quantity in enumerate(quantities):
        low, estimate, high = quantity.natural(np.array([ends[row, 0], centre[row], ends[row, 1]]))
        error = errors[row] * estimate if quantity.is_log else errors[row]
        rows.append([float(estimate), float(error), float(low), float(high), float(dof[row])])
    table = pd.DataFrame(
        rows,
        index=pd.Index([q.name for q in quantities], name="quantity"),
        columns=["estimate", "std_error", "low", "high", "dof"],
    )
    table["method"] = method
    return table


_FROM_CURVATURE = {
    "auto": _auto,
    "sandwich": _sandwich,
    "equal-noise": _equal_noise,
    "profile": _profile,
    "adjusted-profile": _adjusted_profile,
}
