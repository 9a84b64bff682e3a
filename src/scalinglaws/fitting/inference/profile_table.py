"""The profile of one quantity as a table: how fast the fit gets worse, and along which ridge."""

from __future__ import annotations

import numpy as np
import pandas as pd

from scalinglaws.arrays import FloatArray
from scalinglaws.errors import ConvergenceWarning, FitError, warn
from scalinglaws.fitting.inference.derived import quantities_of
from scalinglaws.fitting.inference.profile import Ends
from scalinglaws.fitting.inference.profiler import Held, Profiler
from scalinglaws.fitting.inference.quantity import Quantity, parameter_quantity
from scalinglaws.fitting.inference.record import FitRecord
from scalinglaws.fitting.inference.uncertainty import t_quantile
from scalinglaws.fitting.solver.model import to_natural
from scalinglaws.fitting.solver.reparametrised import Reparametrised
from scalinglaws.options import check_count, check_level

METHODS = {
    "squared": "profile, Student t",
    "huber": "profile, robust scale, Student t",
    "absolute": "profile, robust scale, Student t",
}
_FEWEST_POINTS = 5
# The table goes on beyond the interval, to this multiple of the signed root at its ends.
_BEYOND = 1.4
# Half-widths from the curvature, up to which a side without an end is shown.
_SHOWN = 4.0
# Neighbours' minima are tried as starts so often.
_SWEEPS = 2
_LOWER = -1e-6  # a deviance that no rounding explains


def profile(
    fit: FitRecord,
    quantity: str | Quantity,
    n_points: int,
    confidence_level: float | None,
    scale: float = 1.0,
) -> pd.DataFrame:
    """See `Fit.profile`."""
    check_count("n_points", n_points, _FEWEST_POINTS)
    level = fit.confidence_level if confidence_level is None else confidence_level
    check_level(level)
    asked = quantity if isinstance(quantity, Quantity) else _one_quantity(fit, quantity)
    if asked.name in fit.fixed:
        raise ValueError(f"{asked.name} was held fixed in this fit: it has no profile.")
    profiler = Profiler.of(fit)
    if profiler.is_exact:
        raise FitError(
            "The law meets every run exactly: there is no noise in which to measure a profile."
        )
    if not profiler.determines(asked):
        raise FitError(
            f"The fitted runs do not determine {asked.name}, so that it has no profile: "
            f"{fit.status.value}"
        )
    threshold = t_quantile(level, fit.dof) ** 2
    ends = Ends(profiler, [asked])
    low, high = ends.find(np.array([threshold / scale]))[0]
    values = _grid(ends, n_points, _BEYOND**2 * threshold / scale)
    held = _trace(ends, values)
    table = _as_table(fit, asked, ends, values, held, scale)
    estimate, low, high = asked.natural(np.array([ends.centres[0], low, high]))
    table.attrs |= {
        "method": METHODS[fit.objective],
        "quantity": asked.name,
        "estimate": float(estimate),
        "low": float(low),
        "high": float(high),
        "threshold": threshold,
        "confidence_level": level,
        "is_log": bool(asked.is_log and not ends.natural[0]),
        "n_failed": int((~held.known).sum()),
    }
    lost = [name for name, end in (("lower", low), ("upper", high)) if np.isnan(end)]
    if lost:
        warn(
            f"The {' and the '.join(lost)} end of the interval of {asked.name} "
            f"{'was' if len(lost) == 1 else 'were'} not found: along the way the other parameters "
            "could not be fitted again. The table shows how far the profile is known.",
            ConvergenceWarning,
        )
    if profiler.lowest < _LOWER:
        warn(
            f"Along the profile of {asked.name} the objective falls below that of the fit, by "
            f"{-profiler.lowest:.3g} in units of the noise: the fit is not at the lowest minimum; "
            "fit again with `start` from the row of this table where `deviance` is least.",
            ConvergenceWarning,
        )
    return table


def _one_quantity(fit: FitRecord, asked: str) -> Quantity:
    if not isinstance(asked, str):
        raise TypeError(f"`quantity` must be a parameter or an expression of some; got {asked!r}.")
    if asked.isidentifier():
        return parameter_quantity(fit.law, asked)
    return quantities_of(fit, asked)[0]


def _grid(ends: Ends, n_points: int, limit: float) -> FloatArray:
    """Values of the quantity on both sides of its estimate, the estimate among them."""
    reach = ends.distance(ends.find(np.array([limit]))[0])
    shown = np.minimum(_SHOWN * ends.width * np.sqrt(limit), ends.furthest)
    reach = np.where(np.isfinite(reach), np.minimum(reach, ends.furthest), shown)
    n_low = (n_points - 1) // 2 if reach.min() > 0 else (n_points - 1 if reach[0] > 0 else 0)
    parts = [
        ends.value(np.linspace(0.0, reach[side], n + 1), np.full(n + 1, side))
        for side, n in ((0, n_low), (1, n_points - 1 - n_low))
    ]
    return np.concatenate([parts[0][:0:-1], parts[1]])


def _trace(ends: Ends, values: FloatArray) -> Held:
    """Minima at each value; each is also begun at what its neighbours found."""
    profiler, model = ends.profiler, ends.model
    n = len(values)
    rows, pivots = np.arange(n), np.full(n, ends.pivots[0])
    origin = ends.start.take(np.zeros(n, dtype=np.intp))
    with np.errstate(invalid="ignore"):
        step = np.nan_to_num(values - ends.centres[0], posinf=0.0, neginf=0.0)
    found = profiler.hold(model, pivots, _moved(origin, step, pivots, values))
    for _ in range(_SWEEPS):
        for shift in (1, -1):
            near = found.take(np.clip(rows + shift, 0, n - 1))
            start = _moved(near, np.zeros(n), pivots, values)
            other = profiler.hold(model, pivots, start)
            better = other.known & (~found.known | (other.deviance < found.deviance))
            found.put(better, other.take(better))
    return found


def _moved(held: Held, step: FloatArray, pivots: FloatArray, values: FloatArray) -> FloatArray:
    start = held.phi + step[:, None] * held.tangent
    start[np.arange(len(values)), pivots] = values
    return np.asarray(start)


def _as_table(
    fit: FitRecord,
    quantity: Quantity,
    ends: Ends,
    values: FloatArray,
    held: Held,
    scale: float,
) -> pd.DataFrame:
    theta = held.phi
    if isinstance(ends.model, Reparametrised):
        theta, _ = ends.model.to_theta(held.phi)
    positive = np.array([p.positive for p in fit.law.parameters])
    deviance = np.where(held.known, scale * held.deviance, np.nan)
    above = np.where(values < ends.centres[0], -1.0, 1.0)
    names = fit.law.parameter_names
    natural = dict(zip(names, to_natural(theta, positive).T, strict=True))
    columns = {
        quantity.name: quantity.natural(values),
        "deviance": deviance,
        "signed_root": above * np.sqrt(np.maximum(deviance, 0.0)),
        **{name: natural[name] for name in names if name != quantity.name},
    }
    return pd.DataFrame(columns)
