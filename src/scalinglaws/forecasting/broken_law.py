"""The law of a curve in one variable: a floor, and a power that may bend once.

With t the logarithm of x relative to the last point of the curve,

    m = level + ln(s + (1 - s) e^g(t)),    g = -c (r t + (1 - r) A(t)),
    A = f (softplus((t - d)/f) - softplus(-d/f))

At the last point m is the level and s the share of it that is floor. The reducible part falls with
the exponent c after the bend at d, whose width is f, and with c r before it. The coefficients are
(level, logit s, ln c, d, ln f, logit r), with independent normal priors on all but the level; they
were learned from public learning curves. That of the floor is relative to the fall so far: what may
still go is of the size of what has gone.
"""

from __future__ import annotations

import numpy as np
from scipy.special import expit, log_expit

from scalinglaws.arrays import FloatArray

N_COEFFICIENTS = 6
PRIOR_SD = np.array([np.inf, 1.7, 0.55, 0.85, 0.8, 1.0])
PRIOR_PRECISION = PRIOR_SD**-2
_PRIOR_MEAN = np.array([0.0, 1.0, -0.75, -2.6, -1.0, -1.8])
LOWER = np.array([-np.inf, -9.0, -5.0, -14.0, -3.0, -9.0])
UPPER = np.array([np.inf, 6.0, 2.0, 3.0, 2.0, 9.0])
_STARTS = np.array(
    [
        [0.0, floor, rate, bend, -0.5, -2.0]
        for floor in (-2.0, 1.0)
        for rate in (-2.0, -0.8)
        for bend in (-4.0, -1.5)
    ]
)


def prior_mean(fall: FloatArray) -> FloatArray:
    """Of each curve, shape (curves, 6), from the fall of ln y so far."""
    mean = np.tile(_PRIOR_MEAN, (len(fall), 1))
    mean[:, 1] -= np.log(np.expm1(fall))
    return mean


def starts(level: FloatArray, mean: FloatArray) -> FloatArray:
    """Starts of each curve, shape (curves, 8, 6): those of the floor from its prior mean."""
    found = np.tile(_STARTS, (len(level), 1, 1))
    found[..., 0] += level[:, None]
    found[..., 1] += mean[:, None, 1]
    return found


def values_and_jacobian(theta: FloatArray, t: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The law at t, and its derivatives in the coefficients, (..., points) and (..., points, 6)."""
    level, floor, ln_c, bend, ln_f, split = np.moveaxis(theta[..., None], -2, 0)
    c, f, r = np.exp(ln_c), np.exp(ln_f), expit(split)
    there, last = (t - bend) / f, -bend / f
    bent = f * (np.logaddexp(0.0, there) - np.logaddexp(0.0, last))
    decay = -c * (r * t + (1 - r) * bent)
    reducible = log_expit(-floor) + decay
    law = np.logaddexp(log_expit(floor), reducible)
    share = np.exp(reducible - law)
    s, slope, slope_last = expit(floor), expit(there), expit(last)
    jacobian = np.stack(
        [
            np.ones_like(law),
            (1 - share) * (1 - s) - share * s,
            share * decay,
            share * c * (1 - r) * (slope - slope_last),
            -share * c * (1 - r) * (bent - (t - bend) * slope - bend * slope_last),
            -share * c * (t - bent) * r * (1 - r),
        ],
        axis=-1,
    )
    return level + law, jacobian
