"""Profile intervals that are as wide as the sandwich has it.

An end is where the signed root of the deviance has risen by as many standard errors as Student's t
asks for, the errors those of the sandwich: the profile gives the shape, the sandwich the width.

Floors have these ends by default. A law is linear in its floor, but how well the runs know it hangs
on the floor itself: where it comes out low, exponents are small and the floor could be anywhere;
where it comes out high, it seems well known. A symmetric interval is then far too wide in the one
case and too narrow in the other, and misses on one side only.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scalinglaws.arrays import FloatArray, IntArray
from scalinglaws.fitting.inference.influence import Influence
from scalinglaws.fitting.inference.profile import profile_interval
from scalinglaws.fitting.inference.profiler import Profiler
from scalinglaws.fitting.inference.quantity import Quantity
from scalinglaws.fitting.inference.uncertainty import half_widths, t_quantile


def adjusted_ends(
    profiler: Profiler,
    influence: Influence | None,
    kept: IntArray,
    quantities: Sequence[Quantity],
    level: float,
) -> FloatArray:
    """Ends of the intervals of some quantities, as `profile_interval` gives them.

    Parameters
    ----------
    influence : of the parameters that are kept; None for the profile as it is
    kept : (parameters,)
        Their places among all.
    """
    limits = deviance_limits(profiler, influence, kept, quantities, level)
    bounded = np.isfinite(limits)
    ends = profile_interval(profiler, quantities, np.where(bounded, limits, 1.0))
    ends[~bounded] = -np.inf, np.inf
    return ends


def deviance_limits(
    profiler: Profiler,
    influence: Influence | None,
    kept: IntArray,
    quantities: Sequence[Quantity],
    level: float,
) -> FloatArray:
    """Deviance at the ends of each quantity; infinite where nothing is known of its errors.

    Without an influence it is that of the profile itself. A quantity without an error of its own,
    such as a floor at zero, is taken to be no better known than equal noise has it, nor than the
    parameter whose sandwich is widest beside that, with the fewest degrees of freedom of all.
    Coefficients, which change their meaning with the units, count only if there is nothing else.
    """
    if influence is None:
        return np.full(len(quantities), t_quantile(level, profiler.dof) ** 2)
    gradient = np.array([q.gradient(profiler.theta[None, :])[0] for q in quantities])
    dof, inflation = _freedom_and_inflation(profiler, influence, kept, gradient)
    free_of_units = ~profiler.amplitudes[kept]
    others = kept[free_of_units] if free_of_units.any() else kept
    each = _freedom_and_inflation(profiler, influence, kept, np.eye(len(profiler.theta))[others])
    unknown = ~(np.isfinite(inflation) & np.isfinite(dof))
    dof = np.where(unknown, np.min(each[0]), dof)
    inflation = np.where(unknown, np.nanmax(each[1], initial=1.0), inflation)
    limits = half_widths(level, dof, np.sqrt(inflation)) ** 2
    return np.where(np.isnan(limits), np.inf, limits)


def _freedom_and_inflation(
    profiler: Profiler, influence: Influence, kept: IntArray, gradient: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Degrees of freedom, and variance by the sandwich over that by equal noise."""
    own = np.nan_to_num(gradient)
    robust = np.einsum("ij,jk,ik->i", own[:, kept], influence.covariance, own[:, kept])
    equal = np.einsum("ij,jk,ik->i", own, profiler.covariance, own)
    with np.errstate(divide="ignore", invalid="ignore"):
        inflation = np.where((robust > 0) & (equal > 0), robust / equal, np.nan)
    return influence.dof(own[:, kept]), inflation
