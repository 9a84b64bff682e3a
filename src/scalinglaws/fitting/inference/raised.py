"""What a floor at zero leaves open: everything else, if the floor were as high as it can be.

With a floor at its bound the other estimates are those of a law without one, and their standard
errors know nothing of it. But the runs allow a floor up to the upper end of its interval, and with
it steeper exponents and a higher curve far out. For each such floor the rest is fitted again with
the floor at that end, at the confidence level that is asked for. A quantity then moves by some
delta, to one side; in the linear case the variances of both add up, and so do here the squares of
the half-width and of delta on that side. Of several floors at zero, as of several groups, that
counts which moves the quantity most: either they rise together, or each has quantities of its own.
"""

from __future__ import annotations

from weakref import WeakKeyDictionary

import numpy as np

from scalinglaws.arrays import FloatArray, IntArray
from scalinglaws.core.law import Law
from scalinglaws.errors import FitError
from scalinglaws.fitting.inference.adjusted import deviance_limits
from scalinglaws.fitting.inference.influence import Influence
from scalinglaws.fitting.inference.profile import Ends
from scalinglaws.fitting.inference.profiler import Profiler
from scalinglaws.fitting.inference.quantity import parameter_quantity
from scalinglaws.fitting.inference.recall import at_bound, estimated, recalled_influence
from scalinglaws.fitting.inference.record import FitRecord
from scalinglaws.fitting.tables.blocks import is_large

_OF_FIT: WeakKeyDictionary[FitRecord, dict[float, FloatArray]] = WeakKeyDictionary()


def raised(
    profiler: Profiler, influence: Influence | None, kept: IntArray, law: Law, level: float
) -> FloatArray:
    """Working parameters with a floor that sits at zero at its upper end; (floors, parameters).

    NaN where no end was found.
    """
    places = np.flatnonzero(profiler.at_zero)
    every = [parameter_quantity(law, law.parameter_names[j]) for j in places]
    floors = [q for q in every if profiler.determines(q)]
    if not floors or profiler.is_exact:
        return np.zeros((0, len(profiler.theta)))
    limits = deviance_limits(profiler, influence, kept, floors, level)
    known = np.isfinite(limits)
    ends = Ends(profiler, floors)
    found = ends.find(np.where(known, limits, 1.0))
    theta = np.where(known[:, None], ends.minima(found)[1::2], np.nan)
    stays = np.isneginf(found[:, [1]])
    return np.where(stays, profiler.fitted, profiler.moved(theta))


def raised_floors(fit: FitRecord, level: float) -> FloatArray:
    """The same of a fit; made once for each level."""
    known = _OF_FIT.setdefault(fit, {})
    if level not in known:
        known[level] = _of_fit(fit, level)
    return known[level]


def _of_fit(fit: FitRecord, level: float) -> FloatArray:
    at_zero = (at_bound(fit) & np.isneginf(fit.theta)).any()
    if not at_zero or fit.dof <= 0 or is_large(fit.n) or not estimated(fit).any():
        return np.zeros((0, len(fit.theta)))
    kept = np.flatnonzero(estimated(fit))
    return raised(Profiler.of(fit), recalled_influence(fit), kept, fit.law, level)


def widened(half: FloatArray, moved: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Half-widths below and above, with what floors at zero leave open.

    Parameters
    ----------
    half : (quantities,)
    moved : (floors, quantities)
        By which each quantity moves with a floor at its upper end; NaN where that is not known.
    """
    if not len(moved):
        return half, half
    unknown = np.isnan(moved)
    below = np.where(unknown, np.inf, np.maximum(-moved, 0.0)).max(axis=0)
    above = np.where(unknown, np.inf, np.maximum(moved, 0.0)).max(axis=0)
    return np.hypot(half, below), np.hypot(half, above)


def direction(fit: FitRecord) -> tuple[FloatArray, FloatArray]:
    """Where floors at zero go together, and what the others do, up to the ends of their intervals.

    Returns
    -------
    ends : (parameters,)
        Natural ends of the floors; NaN of anything else.
    change : (parameters,)
        Of the working parameters; of other floors relative to the estimate.

    Raises
    ------
    FitError
        If a floor at zero has no upper end.
    """
    theta = raised_floors(fit, fit.confidence_level)
    ends, change = np.full(len(fit.theta), np.nan), np.zeros(len(fit.theta))
    if not len(theta):
        return ends, change
    if (np.isnan(theta) & ~np.isnan(fit.theta)).any():
        raise FitError(
            "A floor sits at 0 and has no upper end, so that the coefficients have no distribution."
        )
    floors = np.array([p.is_floor for p in fit.law.parameters])
    at_zero = np.isneginf(fit.theta)
    with np.errstate(invalid="ignore", over="ignore"):
        moved = np.where(at_zero, 0.0, theta - fit.theta)
        moved = np.where(floors, np.expm1(moved), moved)
        highest = np.exp(theta.max(axis=0))
    most = np.abs(moved).argmax(axis=0)
    change = moved[most, np.arange(len(change))]
    ends[at_zero & floors] = highest[at_zero & floors]
    return ends, change
