"""Each group of runs as a problem of its own, and all of them together if they share nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from scalinglaws.arrays import FloatArray, IntArray
from scalinglaws.core.rewriting import pool
from scalinglaws.fitting.solver.build_model import groups_of
from scalinglaws.fitting.solver.problem import Estimate, Problem


@dataclass(frozen=True)
class Share:
    """One group's part of a problem.

    Attributes
    ----------
    problem : the law without groups on the runs of this group
    selected : where its parameters stand among all
    """

    problem: Problem
    selected: IntArray


def independent_groups(problem: Problem) -> list[Share]:
    """The groups, if nothing is shared between them; else none."""
    if len(problem.law.groups) < len(problem.law.symbols):
        return []
    shares = each_group(problem)
    n_selected = len(np.unique([share.selected for share in shares]))
    alone = n_selected == len(shares) * len(problem.law.symbols)
    return shares if alone and len(shares) > 1 else []


def each_group(problem: Problem) -> list[Share]:
    """Every group by itself."""
    group_of, selections = groups_of(problem.law, problem.columns)
    return [
        Share(_of_group(problem, np.flatnonzero(group_of == k), selected), selected)
        for k, selected in enumerate(selections)
    ]


def _of_group(problem: Problem, rows: IntArray, selected: IntArray) -> Problem:
    law = problem.law
    own = [law.parameters[k] for k in selected]
    alone = pool(law).replaced(
        bounds={p.symbol: (p.lower, p.upper) for p in own if {p.symbol, p.name} & set(law.bounds)}
    )
    named = {p.name: p.symbol for p in own}
    fixed = {named[name]: value for name, value in problem.fixed.items() if name in named}
    start = problem.start and {named[n]: v for n, v in problem.start.items() if n in named}
    return replace(
        problem, law=alone, fixed=fixed, start=start,
        columns={name: problem.columns[name][rows] for name in law.variables},
        y=problem.y[rows], weights=problem.weights[rows],
    )  # fmt: skip


def together(problem: Problem, shares: Sequence[Share], found: Sequence[Estimate]) -> Estimate:
    """The estimates of all groups as one; its evidence is that of the weakest."""
    p = len(problem.law.parameters)
    theta, free = np.empty(p), np.zeros(p, dtype=np.bool_)
    alternatives: list[FloatArray] = []
    for share, one in zip(shares, found, strict=True):
        theta[share.selected], free[share.selected] = one.theta, one.free
    natural = np.where(problem.positive, np.exp(np.where(problem.positive, theta, 0.0)), theta)
    for share, one in zip(shares, found, strict=True):
        for other in one.alternatives:
            alternatives.append(natural.copy())
            alternatives[-1][share.selected] = other
    value = float(sum(one.value for one in found))
    weakest = min(found, key=lambda one: one.n_agreeing / max(one.n_starts, 1))
    return Estimate(
        theta=theta,
        free=free,
        value=value,
        delta=found[0].delta,
        converged=all(one.converged for one in found),
        n_starts=weakest.n_starts,
        n_agreeing=weakest.n_agreeing,
        n_minima=max(one.n_minima for one in found),
        decrement=max(one.decrement for one in found),
        curvature=min(one.curvature for one in found),
        stopped=any(one.stopped for one in found),
        alternatives=np.array(alternatives).reshape(-1, p),
    )
