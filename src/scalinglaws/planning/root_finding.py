"""Roots and minima along one axis, for a whole batch at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from scalinglaws.arrays import BoolArray, FloatArray

Function = Callable[[FloatArray], FloatArray]

_MOST_ITERATIONS = 120
ROUNDING = 2e-15  # relative, a few units in the last place of a logarithm
_HALVINGS = 45  # of a step of a scan, towards the end of what is allowed
SCAN_STEPS = 153  # of a scan; half an e-fold over the widest ranges


def root(
    function: Function, low: FloatArray, high: FloatArray, tolerance: float = ROUNDING
) -> FloatArray:
    """Where the function changes sign between `low` and `high`; missing where it does not.

    Inverse quadratic interpolation inside a bracket that always shrinks (Chandrupatla 1997,
    Advances in Engineering Software 28): every element converges, to a relative
    tolerance.
    """
    a, b = np.broadcast_arrays(np.asarray(high, dtype=float), np.asarray(low, dtype=float))
    b, a = b.copy(), a.copy()
    fa, fb = function(a), function(b)
    a, b = (np.broadcast_to(x, fa.shape).copy() for x in (a, b))
    bracketed = np.sign(fa) * np.sign(fb) <= 0
    c, fc = a.copy(), fa.copy()
    t = np.full(fa.shape, 0.5)
    with np.errstate(all="ignore"):
        for _ in range(_MOST_ITERATIONS):
            x = a + t * (b - a)
            fx = function(x)
            same = np.sign(fx) == np.sign(fa)
            c, fc = np.where(same, a, b), np.where(same, fa, fb)
            b, fb = np.where(same, b, a), np.where(same, fb, fa)
            a, fa = x, fx
            closest = np.abs(np.where(np.abs(fa) < np.abs(fb), a, b))
            limit = (tolerance * closest + 1e-300) / np.abs(b - a)
            done = (limit > 0.5) | (fa == 0) | ~bracketed
            if done.all():
                break
            xi, phi = (a - b) / (c - b), (fa - fb) / (fc - fb)
            inverse = (phi**2 < xi) & ((1 - phi) ** 2 < 1 - xi)
            quadratic = fa / (fb - fa) * fc / (fb - fc) + (c - a) / (b - a) * fa / (
                fc - fa
            ) * fb / (fc - fb)
            t = np.clip(np.where(inverse, quadratic, 0.5), limit, 1 - limit)
            t = np.where(done | ~np.isfinite(t), 0.5 * ~done, t)
    found = np.where(np.abs(fa) < np.abs(fb), a, b)
    return np.asarray(np.where(bracketed, found, np.nan))


def minimum(
    value: Function,
    slope: Function,
    low: FloatArray,
    high: FloatArray,
    steps: int = SCAN_STEPS,
    tolerance: float = ROUNDING,
) -> tuple[FloatArray, FloatArray]:
    """The lowest point between `low` and `high`, and on which end it lies.

    A scan finds the valley, so that a second one does no harm; the change of sign of the slope
    finds its bottom, far more precisely than values could.

    Parameters
    ----------
    value, slope : callable
        Of arrays of shape (rows, points) or (rows, points, steps); infinite where not allowed.
    low, high : array, shape (rows, points)
    steps : int
        Of the scan.
    tolerance : float
        Relative, of the root of the slope.

    Returns
    -------
    at, end : arrays
        `end` is -1 at `low`, +1 at `high` and 0 in between; missing where no value is finite.
    """
    shares = np.linspace(0.0, 1.0, steps)
    grid = low[..., None] + (high - low)[..., None] * shares
    values = value(grid)
    values = np.where(np.isnan(values), np.inf, values)
    place = values.argmin(axis=-1)
    finite = np.isfinite(values.min(axis=-1))
    left = np.take_along_axis(grid, np.maximum(place - 1, 0)[..., None], -1)[..., 0]
    right = np.take_along_axis(grid, np.minimum(place + 1, steps - 1)[..., None], -1)[..., 0]
    best = np.take_along_axis(grid, place[..., None], -1)[..., 0]
    left, right = (_allowed(value, edge, best) for edge in (left, right))
    bottom = root(slope, left, right, tolerance)
    end = np.where(place == 0, -1.0, np.where(place == steps - 1, 1.0, 0.0))
    at_end = np.isnan(bottom) & (end != 0)
    at = np.where(np.isnan(bottom), best, bottom)
    return (
        np.where(finite, at, np.nan),
        np.where(finite, np.where(at_end, end, 0.0), np.nan),
    )


def _allowed(value: Function, edge: FloatArray, inside: FloatArray) -> FloatArray:
    """The edge, or where it is not allowed the last allowed point before it."""

    def refused(x: FloatArray) -> BoolArray:
        return ~np.isfinite(value(x[..., None])[..., 0])

    outside = refused(edge)
    if not outside.any():
        return edge
    wrong, right = edge.copy(), np.where(outside, inside, edge)
    for _ in range(_HALVINGS):
        middle = 0.5 * (wrong + right)
        over = refused(middle)
        wrong, right = np.where(over, middle, wrong), np.where(over, right, middle)
    return np.where(outside, right, edge)
