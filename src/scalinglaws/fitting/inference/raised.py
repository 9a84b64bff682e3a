"""What a floor at zero leaves open: everything else, if the floor were as high as it can be.

With a floor at its bound the other estimates are those of a law without one, and their standard
errors know nothing of it. But the runs allow a floor up to the upper end of its interval, and with
it steeper exponents and a higher curve far out. For each such floor the rest is fitted again with
the floor at that end, at the confidence level that is asked for. A quantity then moves by some
delta, to one side; in the linear case the variances of both add up, and so do here the squares of
the half-width and of delta on that side.
"""

from __future__ import annotations

from weakref import WeakKeyDictionary

import numpy as np

from scalinglaws.arrays import FloatArray, IntArray
from scalinglaws.core.law import Law
from scalinglaws.fitting.inference.adjusted import deviance_limits
from scalinglaws.fitting.inference.influence import Influence
from scalinglaws.fitting.inference.profile import Ends
from scalinglaws.fitting.inference.profiler import Profiler
from scalinglaws.fitting.inference.quantity import parameter_quantity
from scalinglaws.fitting.inference.recall import at_bound, estimated, recalled_influence
from scalinglaws.fitting.inference.record import FitRecord

_OF_FIT: WeakKeyDictionary[FitRecord, dict[float, dict[int, FloatArray]]] = WeakKeyDictionary()


def raised(
    profiler: Profiler, influence: Influence, kept: IntArray, law: Law, level: float
) -> dict[int, FloatArray]:
    """Working parameters with a floor that sits at zero at its upper end, by its place.

    NaN where no end was found.
    """
    places = np.flatnonzero(profiler.at_zero)
    if not len(places) or profiler.is_exact:
        return {}
    floors = [parameter_quantity(law, law.parameter_names[j]) for j in places]
    ends = Ends(profiler, floors)
    found = ends.find(deviance_limits(profiler, influence, kept, floors, level))
    stays = np.isneginf(found[:, [1]])
    theta = np.where(stays, profiler.theta, ends.minima(found)[1::2])
    return dict(zip(places.tolist(), theta, strict=True))


def raised_floors(fit: FitRecord, level: float) -> dict[int, FloatArray]:
    """The same of a fit; made once for each level."""
    known = _OF_FIT.setdefault(fit, {})
    if level not in known:
        known[level] = _of_fit(fit, level)
    return known[level]


def _of_fit(fit: FitRecord, level: float) -> dict[int, FloatArray]:
    influence = recalled_influence(fit) if (at_bound(fit) & np.isneginf(fit.theta)).any() else None
    if influence is None or fit.dof <= 0:
        return {}
    kept = np.flatnonzero(estimated(fit))
    return raised(Profiler.of(fit), influence, kept, fit.law, level)


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
    moved = np.where(np.isnan(moved), np.inf, moved)
    below = np.sum(np.minimum(moved, 0.0) ** 2, axis=0)
    above = np.sum(np.maximum(moved, 0.0) ** 2, axis=0)
    return np.sqrt(half**2 + below), np.sqrt(half**2 + above)
