"""The flexible law of a forecast: a floor plus an outer power of two decaying terms.

With n and d the logarithms of N and D, measured from the largest runs (the anchor),

    m = level + ln(s + (1 - s) (r e^(-a n / g) + (1 - r) e^(-b d / g))^g)

At the anchor m is the level, s the share of the loss that is floor, and r the share of the term in
N. There a is the exponent of the reducible loss along N if all of it were the term in N, and b the
same along D. g = 1 is the Chinchilla law; s -> 0 has no floor; g < 1 is an outer power.

The coefficients are theta = (level, logit s, logit r, ln a, ln b, ln g). Their priors are normal,
independent, free of scale, and wide but for the floor: half of the loss at the largest runs may
still go (s between .27 and .73 in 90 %). The level has no prior.
"""

from __future__ import annotations

import numpy as np
from scipy.special import log_expit

from scalinglaws.arrays import FloatArray

N_COEFFICIENTS = 6
PRIOR_MEAN = np.array([0.0, 0.0, 0.0, -1.1, -1.1, -0.35])
PRIOR_SD = np.array([np.inf, 0.5, 1.2, 0.6, 0.6, 0.6])
PRIOR_PRECISION = PRIOR_SD**-2
# Far outside the priors; they keep exponentials finite.
LOWER = np.array([-np.inf, -9.0, -7.0, -4.0, -4.0, -3.5])
UPPER = np.array([np.inf, 9.0, 7.0, 1.5, 1.5, 1.5])


def values(theta: FloatArray, n: FloatArray, d: FloatArray) -> FloatArray:
    """The law at the points (n, d), shape (..., points), for coefficients of shape (..., 6)."""
    return _evaluate(theta, n, d)[0]


def values_and_jacobian(
    theta: FloatArray, n: FloatArray, d: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """The law, and its derivatives in the coefficients, shape (..., points, 6)."""
    law, floor, split, terms, inner, a, b, g = _evaluate(theta, n, d)
    s, r = np.exp(log_expit(floor)), np.exp(log_expit(split))
    level = theta[..., 0, None]
    reducible = np.exp(log_expit(-floor) + g * inner - (law - level))  # share of the loss
    of_n = np.exp(terms - inner)  # share of the term in N
    scaled = reducible * g
    along_n, along_d = of_n * a * n, (1 - of_n) * b * d
    jacobian = np.stack(
        [
            np.ones_like(law),
            (1 - reducible) * (1 - s) - reducible * s,
            scaled * (of_n - r),
            -scaled * along_n,
            -scaled * along_d,
            scaled * (inner + along_n + along_d),
        ],
        axis=-1,
    )
    return law, jacobian


def _evaluate(theta: FloatArray, n: FloatArray, d: FloatArray) -> tuple[FloatArray, ...]:
    level, floor, split, ln_a, ln_b, ln_g = np.moveaxis(theta[..., None], -2, 0)
    g = np.exp(ln_g)
    a, b = np.exp(ln_a) / g, np.exp(ln_b) / g
    term_n = log_expit(split) - a * n
    inner = np.logaddexp(term_n, log_expit(-split) - b * d)
    law = level + np.logaddexp(log_expit(floor), log_expit(-floor) + g * inner)
    return law, floor, split, term_n, inner, a, b, g
