"""From a minimum, starts around it with the coefficients solved again, some perhaps at zero.

Where a term is nearly constant in these runs, a floor and a flat power trade places along a valley
that ends at a bound, and Newton steps crawl along it; where one run stands apart, a term may serve
that run alone. Least squares at exponents that are some times smaller or larger, or far away, looks
at the other end of such a valley.
"""

from __future__ import annotations

import numpy as np

from scalinglaws.arrays import FloatArray
from scalinglaws.core.parameter import Parameter
from scalinglaws.fitting.search.grid import grid_of
from scalinglaws.fitting.search.per_term_starts import per_term_starts
from scalinglaws.fitting.search.starts import Candidates, starts_on
from scalinglaws.fitting.solver.model import to_natural
from scalinglaws.fitting.solver.problem import Problem

# By how much the exponents of the minimum are changed, and the sizes tried beside them, by how many
# exponents there are.
_FACTORS = {1: (0.25, 0.5, 1.0, 2.0, 4.0), 2: (0.25, 0.5, 1.0, 2.0), 3: (0.3, 1.0, 3.0)}
_SIZES = {1: tuple(np.geomspace(0.003, 10.0, 24)), 2: (0.03, 0.3, 10.0), 3: (10.0,)}


def neighbouring_starts(problem: Problem, theta: FloatArray) -> Candidates:
    """New starts around a minimum, every set of terms solved as in the search.

    Where many parameters are searched over, one term or one parameter is at a time.

    Parameters
    ----------
    theta : working parameters of the minimum
    """
    searched = [n for n in problem.law.separation.searched if n not in problem.fixed]
    if len(searched) > max(_FACTORS):
        return per_term_starts(problem, theta)
    if not searched or problem.law.groups:
        return Candidates.of([], len(theta))
    natural = to_natural(theta, problem.positive)
    axes = [
        _around(parameter, float(value), len(searched))
        for parameter, value in zip(problem.law.parameters, natural, strict=True)
        if parameter.name in searched
    ]
    return starts_on(problem, grid_of(searched, axes))


def _around(parameter: Parameter, value: float, n_searched: int) -> list[float]:
    """Values to try for one exponent, inside its bounds."""
    tried = {value * factor for factor in _FACTORS[n_searched]}
    for size in _SIZES[n_searched]:
        tried |= {float(size), -float(size)}
    return sorted(v for v in tried if parameter.lower <= v <= parameter.upper)
