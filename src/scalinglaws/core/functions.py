"""Functions of several arguments that formulas may use.

Each has its value and its exact first and second partial derivatives; `autodiff` chains them. They
are few and compose: a smooth maximum is also a break of BNSL and the outer power of Kaplan's law.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import factorial
from typing import Any

import numpy as np
import numpy.typing as npt

# Real in ordinary use; complex when a test takes a complex step.
Array = npt.NDArray[Any]
Pair = tuple[int, int]

_TINY = 1e-300  # a term that underflows still has a logarithm
_SERIES_UP_TO, _SERIES_TERMS = 1.0, 20
_MOST_LOGIT = 700.0  # its exponential is still finite
_ROOT_STEPS = 60  # of Newton, which needs about six


@dataclass(frozen=True, slots=True)
class Partials:
    """Value, first and second partial derivatives; pairs that are missing are zero."""

    value: Array
    first: tuple[Array, ...]
    second: Mapping[Pair, Array]


@dataclass(frozen=True, slots=True)
class Function:
    """A function of several arguments.

    Attributes
    ----------
    signature : the call as a user writes it
    fewest, most : number of arguments
    value, partials : take one array for each argument
    """

    signature: str
    fewest: int
    most: int
    value: Callable[..., Array]
    partials: Callable[..., Partials]


def smoothmax(*arguments: Array) -> Array:
    """``(u**(1/q) + v**(1/q) + ...)**q`` of positive terms, which cannot overflow; q comes last.

    The sum of the terms at q = 1, their maximum as q goes to 0.
    """
    logarithm, _, _ = _smoothmax_logs(arguments)
    return np.asarray(np.exp(logarithm))


def _smoothmax_logs(arguments: tuple[Array, ...]) -> tuple[Array, list[Array], list[Array]]:
    """Logarithm of the smooth maximum, share of each term, and log(term)/q relative to the sum."""
    *terms, q = arguments
    logs = [np.log(np.where(np.abs(u) < _TINY, _TINY, u)) / q for u in terms]
    largest = np.real(logs[0])
    for log_term in logs[1:]:
        largest = np.maximum(largest, np.real(log_term))
    total = np.log(sum(np.exp(log_term - largest) for log_term in logs)) + largest
    relative = [log_term - total for log_term in logs]
    return q * total, [np.exp(r) for r in relative], relative


def _smoothmax_partials(*arguments: Array) -> Partials:
    *terms, q = arguments
    n = len(terms)
    logarithm, shares, relative = _smoothmax_logs(arguments)
    value = np.exp(logarithm)
    safe = [np.where(np.abs(u) < _TINY, _TINY, u) for u in terms]
    mean = sum(p * r for p, r in zip(shares, relative, strict=True))
    variance = sum(p * (r - mean) ** 2 for p, r in zip(shares, relative, strict=True))
    # of the logarithm: shares over terms, and the entropy of the shares
    slopes = [p / u for p, u in zip(shares, safe, strict=True)] + [-mean]
    second: dict[Pair, Array] = {}
    for i in range(n):
        for j in range(i, n):
            cross = -shares[i] * shares[j] / (q * safe[i] * safe[j])
            if i == j:
                cross = cross + shares[i] * (1 / q - 1) / safe[i] ** 2
            second[i, j] = value * (cross + slopes[i] * slopes[j])
        cross = slopes[i] * (mean - relative[i]) / q
        second[i, n] = value * (cross + slopes[i] * slopes[n])
    second[n, n] = value * (variance / q + slopes[n] ** 2)
    return Partials(value, tuple(value * s for s in slopes), second)


def saturate(x: Array, knee: Array, room: Array) -> Array:
    """``x`` up to the knee, from there exponentially towards ``knee * (1 + room)``."""
    beyond = (x - knee) / (knee * room)
    curved = knee - knee * room * np.expm1(-beyond)
    return np.asarray(np.where(np.real(x) <= np.real(knee), x * np.ones_like(curved), curved))


def _saturate_partials(x: Array, knee: Array, room: Array) -> Partials:
    straight = np.real(x) <= np.real(knee)
    ratio = x / knee
    above = np.where(straight, 0.0, (ratio - 1) / room)  # nothing to overflow where it is not used
    decay, loss = np.exp(-above), -np.expm1(-above)
    in_knee = 1 + room * loss - ratio * decay
    in_room = knee * (loss - decay * above)
    second = {
        (0, 0): -decay / (room * knee),
        (0, 1): decay * ratio / (knee * room),
        (0, 2): decay * above / room,
        (1, 1): -(ratio**2) * decay / (knee * room),
        (1, 2): loss - decay * above - ratio * decay * above / room,
        (2, 2): -knee * decay * above**2 / room,
    }
    return Partials(
        saturate(x, knee, room),
        tuple(
            np.where(straight, flat, curved)
            for flat, curved in ((1.0, decay), (0.0, in_knee), (0.0, in_room))
        ),
        {pair: np.where(straight, 0.0, value) for pair, value in second.items()},
    )


def share(z: Array, strength: Array) -> Array:
    """The t between 0 and 1 with ``t / (1 - t)**strength = z``; ``z/(1 + z)`` at strength 1."""
    return sigmoid(_share_logit(z, strength))


def sigmoid(u: Array) -> Array:
    """``1/(1 + exp(-u))`` to full relative accuracy in both tails."""
    falling = np.real(u) < 0
    e = np.exp(np.where(falling, u, -u))  # not abs: it would lose a complex step
    return np.where(falling, e, 1.0) / (1.0 + e)


def _share_logit(z: Array, strength: Array) -> Array:
    """Logit of the share, by Newton's method on a monotone function without inflection.

    With v the logit, log t = -log(1 + exp(-v)) and log(1 - t) = -log(1 + exp(v)); the start, where
    both asymptotes meet the target, lies on the side from which Newton's steps do not overshoot.
    """
    target, strength = np.broadcast_arrays(np.log(z), strength)
    real_target, real_strength = np.real(target), np.real(strength)
    v = np.where(real_target < 0, real_target, real_target / np.maximum(real_strength, _TINY))
    v = np.clip(v, -_MOST_LOGIT, _MOST_LOGIT)
    before = np.full(v.shape, np.inf)
    for _ in range(_ROOT_STEPS):
        step = _share_gap(v, real_target, real_strength)
        new = np.clip(v - step, -_MOST_LOGIT, _MOST_LOGIT)  # at strength 0 it would run away
        moved, v, size = np.abs(new - v), new, 1 + np.abs(new)
        # steps that no longer shrink are rounding
        if not ((moved > 1e-15 * size) & ((moved > 1e-8 * size) | (moved < before))).any():
            break
        before = moved
    if np.iscomplexobj(target) or np.iscomplexobj(strength):
        for _ in range(3):  # carries the imaginary part exactly
            v = v - _share_gap(v, target, strength)
    return np.asarray(v)


def _share_gap(v: Array, target: Array, strength: Array) -> Array:
    bent = np.log1p(np.exp(-np.abs(np.real(v)))) if np.isrealobj(v) else None
    if bent is None:
        sign = np.where(np.real(v) < 0, -1.0, 1.0)
        bent = np.log1p(np.exp(-sign * v))
    low, high = np.where(np.real(v) < 0, v, 0.0), np.where(np.real(v) < 0, 0.0, v)
    value = (low - bent) + strength * (high + bent) - target
    slope = sigmoid(-v) + strength * sigmoid(v)
    return np.asarray(value / slope)


def _share_partials(z: Array, strength: Array) -> Partials:
    v = _share_logit(z, strength)
    t, rest = sigmoid(v), sigmoid(-v)
    sign = np.where(np.real(v) < 0, -1.0, 1.0)
    log_rest = -(np.where(np.real(v) < 0, 0.0, v) + np.log1p(np.exp(-sign * v)))
    below = rest + strength * t
    slope = t * rest / below  # of t in log z
    slope_in_t = ((1 - 2 * t) - slope * (strength - 1)) / below
    slope_in_strength = -slope * t / below
    by_log = slope_in_t * slope
    by_strength = log_rest * slope
    mixed = slope_in_t * by_strength + slope_in_strength
    second_strength = log_rest * mixed - slope * by_strength / rest
    second = {
        (0, 0): (by_log - slope) / z**2,
        (0, 1): mixed / z,
        (1, 1): second_strength,
    }
    return Partials(t, (slope / z, by_strength), second)


def boxcox(x: Array, curvature: Array) -> Array:
    """``(x**curvature - 1) / curvature``, the logarithm at curvature 0."""
    logarithm = np.log(x)
    exponent = curvature * logarithm
    flat = exponent == 0
    safe = np.where(flat, 1.0, exponent)
    return np.where(flat, logarithm, logarithm * np.expm1(safe) / safe)


def _boxcox_partials(x: Array, curvature: Array) -> Partials:
    logarithm = np.log(x)
    ratio, first, second = _relative_expm1(curvature * logarithm)
    slope = np.exp((curvature - 1) * logarithm)
    return Partials(
        logarithm * ratio,
        (slope, logarithm**2 * first),
        {
            (0, 0): (curvature - 1) * slope / x,
            (0, 1): slope * logarithm,
            (1, 1): logarithm**3 * second,
        },
    )


def _relative_expm1(u: Array) -> tuple[Array, Array, Array]:
    """``expm1(u)/u`` and its first two derivatives; a series where the formulas would cancel."""
    small = np.abs(u) < _SERIES_UP_TO
    safe, near = np.where(small, 1.0, u), np.where(small, u, 0.0)
    e = np.exp(safe)
    far = (
        np.expm1(safe) / safe,
        (e * (safe - 1) + 1) / safe**2,
        (e * (safe**2 - 2 * safe + 2) - 2) / safe**3,
    )
    series = [np.zeros_like(near) for _ in range(3)]
    for n in range(_SERIES_TERMS, -1, -1):  # Horner's rule for the sum of u**n / (n + 1)!
        series[0] = series[0] * near + 1 / factorial(n + 1)
        series[1] = series[1] * near + (n + 1) / factorial(n + 2)
        series[2] = series[2] * near + (n + 1) * (n + 2) / factorial(n + 3)
    value, first, second = (np.where(small, s, f) for s, f in zip(series, far, strict=True))
    return value, first, second


FUNCTIONS_OF_SEVERAL: Mapping[str, Function] = {
    "smoothmax": Function("smoothmax(u, v, ..., q)", 3, 64, smoothmax, _smoothmax_partials),
    "saturate": Function("saturate(x, knee, room)", 3, 3, saturate, _saturate_partials),
    "boxcox": Function("boxcox(x, curvature)", 2, 2, boxcox, _boxcox_partials),
    "share": Function("share(z, strength)", 2, 2, share, _share_partials),
}
