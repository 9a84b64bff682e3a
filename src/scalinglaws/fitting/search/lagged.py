"""Coefficients that scale a term and also stand inside one, brought to scale at points of a search.

In ``E + A/g(N, A/B)**a + B/D**a`` the ratio A/B sets the place of a bend. With its last values held
inside g, the law is linear in E, A and B; two or three rounds bring all of them to the size that
the runs ask for, where a guess by units would be off by orders of magnitude.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from scalinglaws.arrays import FloatArray
from scalinglaws.core.algebra import EULER, ONE, Product, multiply, products
from scalinglaws.core.expression import Apply, Expression, Name, Number, evaluate
from scalinglaws.fitting.search.grid import SearchSpace
from scalinglaws.fitting.search.normal_equations import Column, NormalEquations
from scalinglaws.fitting.solver.problem import Problem

_ROUNDS = 3
# Change of a coefficient in one round, as a factor, and that of one that came out negative.
_LARGEST_CHANGE, _NEGATIVE = 1e3, 0.1


def rescaled(problem: Problem, space: SearchSpace, target: Column, size: FloatArray) -> SearchSpace:
    """The space with such coefficients changed; itself if there are none, or for a grid.

    Parameters
    ----------
    target : the observations, scaled so that residuals are those of the fit
    size : (rows,)
        That scale.
    """
    law = problem.law
    parts = products(law.separation.inner, law.symbols)
    positive = {p.symbol for p in law.parameters if p.positive}
    scaling = [name for name in space.names if name in positive and _scales(parts, name)]
    if not scaling or space.shape is not None or not law.separation.is_plain:
        return space
    linear = [
        t.coefficient
        for t in law.separation.terms
        if t.coefficient is not None and t.coefficient not in problem.fixed
    ]
    terms = [_sum_of(parts, name) for name in (*scaling, *linear)]
    points = space.points.copy()
    places = [space.names.index(name) for name in scaling]
    for _ in range(_ROUNDS):
        known = dict(zip(space.names, points.T[:, :, None], strict=True))
        values = {**known, **problem.fixed, **problem.columns, **dict.fromkeys(linear, 1.0)}
        columns = [_column(term, values, (len(points), len(size)), size) for term in terms]
        found, _ = NormalEquations.of(columns, target).solve(
            range(len(terms)), [False] * len(terms)
        )
        factor = np.where(found > 0, found, _NEGATIVE)[:, : len(scaling)]
        factor = np.clip(factor, 1.0 / _LARGEST_CHANGE, _LARGEST_CHANGE)
        points[:, places] *= np.where(np.isfinite(factor), factor, 1.0)
    return replace(space, points=points, places=points.argsort(axis=0).argsort(axis=0))


def _scales(parts: Sequence[Product], name: str) -> bool:
    """Whether a parameter stands before every product that it is a factor of, itself not raised."""
    own = [part.factors[Name(name)] for part in parts if Name(name) in part.factors]
    return bool(own) and all(exponent == ONE for exponent in own)


def _sum_of(parts: Sequence[Product], name: str) -> Expression:
    """The products that a coefficient stands before."""
    total: Expression = Number(0.0)
    for part in parts:
        if Name(name) in part.factors:
            product: Expression = Number(part.sign)
            for base, exponent in part.factors.items():
                raised = Apply("exp", (exponent,)) if base == EULER else _power(base, exponent)
                product = multiply(product, raised)
            total = Apply("+", (total, product))
    return total


def _power(base: Expression, exponent: Expression) -> Expression:
    return base if exponent == ONE else Apply("**", (base, exponent))


def _column(
    term: Expression, values: Mapping[str, FloatArray], shape: tuple[int, int], size: FloatArray
) -> Column:
    found = np.broadcast_to(np.asarray(evaluate(term, values), dtype=np.float64), shape) * size
    return Column(found, np.arange(shape[0]), np.zeros(shape[0]))
