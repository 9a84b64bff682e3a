"""Profile intervals: the values at which the fit gets no worse than the noise allows.

An end is where the signed root of the deviance, z = sign(c - c_0) sqrt(D(c)), reaches the square
root of the threshold (Venzon and Moolgavkar 1988, Applied Statistics 37; Bates and Watts 1988).
The root is nearly straight in c, its slope is known exactly, and the minimum at each new value
begins on the tangent of the last one: a few Newton steps find every end at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scalinglaws.arrays import BoolArray, FloatArray, IntArray
from scalinglaws.core.roles import LARGEST_EXPONENT
from scalinglaws.fitting.inference.profiler import Held, Profiler
from scalinglaws.fitting.inference.quantity import Quantity

# Relative error of the deviance at an end before the last, unseen step.
_CLOSE = 1e-6
_MOST_ROUNDS, _MOST_FAILURES = 60, 12
# Growth of the distance from the estimate while no value beyond the end is known.
_GROWTH = 4.0
# A bracket's ends are kept at this share of it from the next trial.
_MARGIN = 0.02
# Distance, in half-widths of the interval from the curvature, at which a search ends.
_FURTHEST = 1e4
# How near to its end a root may be, and how near to a value outside, relative, to be believed.
_WELL_INSIDE, _BESIDE = 0.95, 0.05
# Fall of the deviance, relative, with a step beyond a range of search that makes an end its work.
_PULLED = 0.1


def profile_interval(
    profiler: Profiler,
    quantities: Quantity | Sequence[Quantity],
    threshold: npt.ArrayLike,
    scale: npt.ArrayLike = 1.0,
) -> FloatArray:
    """Where the deviance of some quantities reaches a threshold.

    Parameters
    ----------
    profiler : Profiler
    quantities : Quantity or sequence of Quantity
        Parameters are searched together, as one batch.
    threshold : float or (quantities,)
        Of the deviance: the square of a quantile of Student's t.
    scale : float or (quantities,)
        Factor on the deviance, such as the ratio of a model variance to a robust one.

    Returns
    -------
    (quantities, 2)
        Low and high ends, in the quantity's own working value: of a quantity with `is_log` its
        logarithm. Infinite where the deviance stays below the threshold as far as one can go; at a
        bound where it stays below up to there, with minus infinity the logarithm of a coefficient
        of zero; NaN where no minimum was found. Both infinite where the runs do not determine the
        quantity at all.

    Raises
    ------
    FitError
        If a quantity does not depend on any parameter that the runs determine.
    """
    every = [quantities] if isinstance(quantities, Quantity) else list(quantities)
    limits = np.broadcast_to(np.asarray(threshold, float) / np.asarray(scale, float), len(every))
    found = np.empty((len(every), 2))
    known = [k for k, q in enumerate(every) if profiler.determines(q)]
    found[:] = -np.inf, np.inf
    if profiler.is_exact:  # without noise there is no other value, and no unit of deviance
        for k in known:
            found[k] = every[k].value(profiler.theta[None, :])
        return found
    together = [k for k in known if every[k].parameter is not None]
    alone = [[k] for k in known if every[k].parameter is None]
    for group in [together, *alone] if together else alone:
        ends = Ends(profiler, [every[k] for k in group])
        found[group] = ends.find(limits[group])
    return found


@dataclass
class _Search:
    """Where the search for each end stands; distances are from the estimate, and positive."""

    low: FloatArray  # the furthest distance known to be inside
    high: FloatArray  # the nearest known to be outside
    trial: FloatArray
    result: FloatArray
    open: BoolArray
    failures: IntArray
    again: BoolArray  # whether the next trial is one that is made again


class Ends:
    """The two ends of the intervals of some quantities, as one batch.

    Each is sought along a distance v from the estimate: of the value itself, or of its natural
    value where the law is linear in that, as in a floor.
    """

    def __init__(self, profiler: Profiler, quantities: Sequence[Quantity]) -> None:
        self.profiler = profiler
        self.model, pivots = profiler.coordinates(quantities)
        self.centres = np.concatenate([q.value(profiler.theta[None, :]) for q in quantities])
        places = np.array([-1 if q.parameter is None else q.parameter for q in quantities])
        is_log = np.array([q.is_log for q in quantities])
        self.pivots = np.repeat(pivots, 2)
        self.centre = np.repeat(self.centres, 2)
        self.side = np.tile([-1.0, 1.0], len(quantities))
        self.natural = np.repeat((places >= 0) & profiler.offsets[places], 2)
        self.base = np.exp(np.where(self.natural, self.centre, 0.0))
        self.width = np.repeat(self._widths(quantities), 2)
        self.width[self.natural] *= self.base[self.natural]
        self.width[self.natural & (self.base == 0.0)] = profiler.noise
        self.start = self._origin()
        self._inside = self.start  # minima inside the ends that were found last
        low, high = self._limits(places, is_log)
        self.bound = np.where(self.side < 0, np.repeat(low, 2), np.repeat(high, 2))
        self.furthest = self.distance(self.bound)

    def _widths(self, quantities: Sequence[Quantity]) -> FloatArray:
        """Standard error of each quantity, from the curvature."""
        origin, covariance = self.profiler.origin[None, :], self.profiler.covariance
        with np.errstate(all="ignore"):
            slopes = np.concatenate([q.gradient(origin) for q in quantities])
        slopes = np.where(self.profiler.free, np.nan_to_num(slopes), 0.0)
        variance = np.einsum("qi,ij,qj->q", slopes, covariance, slopes)
        return np.asarray(np.sqrt(np.maximum(variance, 1e-16)))

    def _limits(self, places: IntArray, is_log: BoolArray) -> tuple[FloatArray, FloatArray]:
        """How far each quantity is looked at."""
        own = self.profiler
        reach = _FURTHEST * self.width[::2]
        low, high = self.centres - reach, self.centres + reach
        parameter = places >= 0
        exponent = parameter & own.exponents[places]
        low = np.where(parameter, own.lower[places], low)
        high = np.where(parameter, own.upper[places], high)
        low = np.where(exponent, np.maximum(low, -LARGEST_EXPONENT), low)
        high = np.where(exponent, np.minimum(high, LARGEST_EXPONENT), high)
        shape = parameter & ~is_log & ~exponent
        low = np.where(shape, np.maximum(low, self.centres - reach), low)
        high = np.where(shape, np.minimum(high, self.centres + reach), high)
        return np.minimum(low, self.centres), np.maximum(high, self.centres)

    def _origin(self) -> Held:
        """The estimate itself, with its tangents."""
        own = self.profiler
        one = np.repeat(own.origin[None, :], len(self.side), axis=0)
        rows = np.arange(len(one))
        one[rows, self.pivots] = self.centre
        return own.stand(self.model, self.pivots, one)

    # --- distances -----------------------------------------------------------------------------

    def value(self, distance: FloatArray, rows: IntArray) -> FloatArray:
        """The quantity at some distances towards some ends, never beyond their bounds."""
        side, bound = self.side[rows], self.bound[rows]
        with np.errstate(divide="ignore", invalid="ignore"):
            moved = np.where(
                self.natural[rows],
                np.log(np.maximum(self.base[rows] + side * distance, 0.0)),
                self.centre[rows] + side * distance,
            )
        return np.where(side < 0, np.maximum(moved, bound), np.minimum(moved, bound))

    def distance(self, value: FloatArray) -> FloatArray:
        """Distances of a value for each end from its estimate."""
        with np.errstate(over="ignore", invalid="ignore"):
            return np.abs(np.where(self.natural, np.exp(value) - self.base, value - self.centre))

    # --- the search ----------------------------------------------------------------------------

    def find(self, limits: FloatArray) -> FloatArray:
        """Values at which the deviance reaches its limit, shape (quantities, 2)."""
        target = np.repeat(np.sqrt(limits), 2)
        n = len(target)
        state = _Search(
            np.zeros(n), np.full(n, np.inf), np.minimum(target * self.width, self.furthest),
            np.full(n, np.nan), np.ones(n, dtype=np.bool_), np.zeros(n, dtype=np.intp),
            np.zeros(n, dtype=np.bool_),
        )  # fmt: skip
        stuck = self.furthest <= 0.0
        state.result[stuck] = self._at_bound(np.flatnonzero(stuck))
        state.open &= ~stuck
        inside = self.start.take(np.arange(n))
        for _ in range(_MOST_ROUNDS):
            rows = np.flatnonzero(state.open)
            if not len(rows):
                break
            self._advance(state, inside, rows, target)
        self._inside = inside
        return state.result.reshape(-1, 2)

    def minima(self, ends: FloatArray) -> FloatArray:
        """Coordinates with each quantity at an end that was just found; NaN where there is none.

        Parameters
        ----------
        ends : (quantities, 2)

        Returns
        -------
        (2 * quantities, parameters)
        """
        rows = np.arange(ends.size)
        found = self._hold(self.distance(ends.ravel()), self._inside, rows)
        known = found.known & np.isfinite(ends.ravel())
        return np.where(known[:, None], found.phi, np.nan)

    def _advance(self, state: _Search, inside: Held, rows: IntArray, target: FloatArray) -> None:
        """One trial of each end that is still sought."""
        trial, aim = state.trial[rows], target[rows]
        found = self._hold(trial, inside.take(rows), rows)
        root = np.sqrt(np.maximum(found.deviance, 0.0))
        known = found.known & np.isfinite(found.deviance)
        below, last = known & (root < aim), trial >= self.furthest[rows]
        outside = known & ~below
        state.low[rows[below]] = trial[below]
        inside.put(rows[below], found.take(below))
        state.high[rows[outside]] = trial[outside]
        state.failures[rows[~known]] += 1
        self._doubt(state, rows, root / aim, below)

        newton = self._newton(trial, root, found.slope, aim, rows)
        close = known & (np.abs(root / aim - 1.0) <= _CLOSE) & (newton <= self.furthest[rows])
        state.result[rows[close]] = self.value(newton[close], rows[close])
        bounded = below & last & ~close
        # an end that is there only because a search ends is none
        away = close & (found.pull > _PULLED * aim * aim)
        state.result[rows[away]] = np.where(self.side[rows[away]] < 0, -np.inf, np.inf)
        state.result[rows[bounded]] = self._at_bound(rows[bounded])
        lost = state.failures[rows] > _MOST_FAILURES
        state.open[rows[close | bounded | lost]] = False

        following = np.where(
            known,
            self._next(newton, root, aim, state.low[rows], state.high[rows], self.furthest[rows]),
            0.5 * (state.low[rows] + trial),
        )
        state.trial[rows] = np.where(state.again[rows], state.trial[rows], following)
        state.again[rows] = False

    @staticmethod
    def _doubt(state: _Search, rows: IntArray, reached: FloatArray, below: BoolArray) -> None:
        """Forget a value that seems outside where one beside it is well inside.

        The least deviance has no jumps: a minimum was missed there, and is sought again from here.
        """
        low, high = state.low[rows], state.high[rows]
        with np.errstate(invalid="ignore"):
            beside = below & (reached < _WELL_INSIDE) & (high - low < _BESIDE * high)
        again = rows[beside]
        state.trial[again], state.high[again] = state.high[again], np.inf
        state.failures[again] += 1
        state.again[again] = True

    def _hold(self, distance: FloatArray, inside: Held, rows: IntArray) -> Held:
        """Minima at some distances, each begun on the tangent of one that is inside."""
        value, pivots = self.value(distance, rows), self.pivots[rows]
        here = inside.phi[np.arange(len(rows)), pivots]
        with np.errstate(invalid="ignore", over="ignore"):
            # the ridge is straight in the natural value where the law is linear in that
            natural = np.minimum(np.expm1(value - here), _GROWTH)
            step = np.where(self.natural[rows], natural, value - here)
        step = np.where(np.isfinite(step) & np.isfinite(here), step, 0.0)
        start = inside.phi + step[:, None] * inside.tangent
        start[np.arange(len(rows)), pivots] = value
        return self.profiler.hold(self.model, pivots, start)

    def _newton(
        self,
        distance: FloatArray,
        root: FloatArray,
        slope: FloatArray,
        aim: FloatArray,
        rows: IntArray,
    ) -> FloatArray:
        """Where the signed root would reach its aim if it went on straight; inf where it falls."""
        with np.errstate(all="ignore"):
            natural = 1.0 / (self.base[rows] + self.side[rows] * distance)
            along = self.side[rows] * slope * np.where(self.natural[rows], natural, 1.0)
            step = (aim - root) * 2.0 * root / along
        rising = np.isfinite(step) & (along > 0)
        return np.where(rising, distance + step, np.inf)

    @staticmethod
    def _next(
        newton: FloatArray,
        root: FloatArray,
        aim: FloatArray,
        low: FloatArray,
        high: FloatArray,
        furthest: FloatArray,
    ) -> FloatArray:
        """The next trial: Newton's, kept inside what is known."""
        free = np.isinf(high)
        with np.errstate(invalid="ignore"):
            margin = _MARGIN * (high - low)
            inner = np.where((newton > low) & (newton < high), newton, 0.5 * (low + high))
            # near the end Newton's step is better than any share of the bracket
            near = np.abs(root / aim - 1.0) < 0.05
            inner = np.where(near, inner, np.clip(inner, low + margin, high - margin))
        outer = np.minimum(np.clip(newton, low, _GROWTH * low), furthest)
        return np.where(free, np.where(np.isfinite(newton) | (low > 0), outer, low), inner)

    def _at_bound(self, rows: IntArray) -> FloatArray:
        """What an end is that was not found before the bound.

        It is the bound itself where the parameter has one, and infinite elsewhere.
        """
        ends = np.where(self.side < 0, -np.inf, np.inf)
        if self.model is self.profiler.model:
            own = self.profiler
            real = np.where(self.side < 0, own.lower[self.pivots], own.upper[self.pivots])
            limit = own.ends_search[(self.side > 0).astype(np.intp), self.pivots]
            ends = np.where((self.bound == real) & ~limit, real, ends)
        return np.asarray(ends[rows])
