"""Terms of a minimum that have all but vanished."""

from __future__ import annotations

import numpy as np

from scalinglaws.arrays import BoolArray, FloatArray
from scalinglaws.core.algebra import ONE
from scalinglaws.core.expression import names_in
from scalinglaws.fitting.solver.build_model import term_shares
from scalinglaws.fitting.solver.model import to_natural
from scalinglaws.fitting.solver.problem import Problem

_VANISHED = 1e-6  # share of the law below which a coefficient is tried at exactly zero


def smallest_share(problem: Problem, theta: FloatArray) -> float:
    """Largest share of the law that its smallest term has in a run."""
    natural = to_natural(theta, problem.positive)
    return float(term_shares(problem.law, problem.columns, natural).max(axis=1).min())


def without_vanished(
    problem: Problem, theta: FloatArray, free: BoolArray
) -> tuple[FloatArray, BoolArray]:
    """The same point with each coefficient that has all but vanished at exactly zero.

    Its logarithm only crept towards minus infinity. What stands in no other term is held.
    """
    law, columns = problem.law, problem.columns
    index = {name: j for j, name in enumerate(law.parameter_names)}
    shares = term_shares(law, columns, to_natural(theta, problem.positive))
    if np.isfinite(theta).all() and shares.min(initial=1.0) >= _VANISHED:
        return theta, free  # every term is at work in every run
    theta, free = theta.copy(), free.copy()
    every = np.ones(len(problem.y), dtype=np.bool_)
    moving = set(law.names_at(names_in(law.separation.outer), columns, every))
    for term, share in zip(law.separation.terms, shares, strict=True):
        remains = every.copy()
        for name in law.members.get(term.coefficient or "", ()):
            parameter, rows = law.parameters[index[name]], law.rows_of(name, columns)
            can_vanish = parameter.positive and parameter.lower <= 0 and term.power == ONE
            if can_vanish and free[index[name]] and share[rows].max() < _VANISHED:
                theta[index[name]], free[index[name]] = -np.inf, False
                remains[rows] = False
            elif np.isneginf(theta[index[name]]):
                remains[rows] = False
        moving.update(law.names_at([*names_in(term.rest), *names_in(term.power)], columns, remains))
        moving.update(law.members.get(term.coefficient or "", ()))
    return theta, free & np.array([name in moving for name in law.parameter_names])
