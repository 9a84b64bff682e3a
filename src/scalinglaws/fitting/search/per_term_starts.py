"""From a minimum, starts with the shape of one term, or one parameter, sought anew.

Where many parameters are searched over at once, the points of the search lie far apart, and which
of them are the best is decided by the largest terms. Near a minimum those are known well, and the
shape of a small term, or any one parameter, can be searched for by itself, everything else held and
all coefficients solved again.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from scalinglaws.arrays import FloatArray
from scalinglaws.core.expression import names_in
from scalinglaws.fitting.search.grid import search_space
from scalinglaws.fitting.search.starts import Candidates, starts_on
from scalinglaws.fitting.solver.model import to_natural
from scalinglaws.fitting.solver.problem import Problem

_EFFORT = 1  # of the search for one term's shape
_FEWEST = 2  # parameters of a shape
_MOST_OF_ONE = 4  # starts of one parameter


def per_term_starts(problem: Problem, theta: FloatArray) -> Candidates:
    """New starts around a minimum of a plain sum, one term's or one parameter searched over.

    Parameters
    ----------
    theta : working parameters of the minimum
    """
    names = problem.law.parameter_names
    natural = dict(zip(names, to_natural(theta, problem.positive), strict=True))
    found = Candidates.of([], len(names))
    singles = [(name,) for name in _searched(problem) if not problem.law.groups]
    for block in blocks(problem) + singles:
        others = [n for n in _searched(problem) if n not in block]
        held = {**problem.fixed, **{n: float(natural[n]) for n in others}}
        if not np.isfinite([held[n] for n in others]).all():
            continue
        part = replace(problem, fixed=held)
        starts = starts_on(part, search_space(part, block, _EFFORT))
        if len(block) == 1:
            starts = starts.best(_MOST_OF_ONE)
        starts.free[:, [names.index(n) for n in others]] = True
        found = found.joined(starts)
    return found


def blocks(problem: Problem) -> list[tuple[str, ...]]:
    """Parameters searched over that share a term: several, and not all there are."""
    separation = problem.law.separation
    if not separation.is_plain or problem.law.groups:
        return []
    searched = _searched(problem)
    joined: list[set[str]] = []
    for term in separation.terms:
        own = {*names_in(term.rest), *names_in(term.power)} & set(searched)
        joined = [b for b in joined if not b & own] + [own.union(*(b for b in joined if b & own))]
    return [
        tuple(n for n in searched if n in b) for b in joined if _FEWEST <= len(b) < len(searched)
    ]


def _searched(problem: Problem) -> list[str]:
    return [n for n in problem.law.separation.searched if n not in problem.fixed]
