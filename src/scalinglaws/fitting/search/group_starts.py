"""Where the solver begins if some parameters have one value in each group of runs.

The exponents are searched with the same values in every group. At each point searched the
coefficients of all groups come from one linear problem: one column for each coefficient of each
group, none of them negative. To these are added the starts of the law without groups and, where
what is searched over differs between groups, the best of each group for some of the shared values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from scalinglaws.arrays import BoolArray, FloatArray
from scalinglaws.core.expression import evaluate, names_in
from scalinglaws.core.parameters import Parameter
from scalinglaws.core.rewriting import pool
from scalinglaws.core.structure import LinearTerm
from scalinglaws.fitting.search.normal_equations import Column
from scalinglaws.fitting.search.split_groups import each_group
from scalinglaws.fitting.search.starts import MOST_ROWS, Candidates, Search, find_starts
from scalinglaws.fitting.solver.build_model import bind, groups_of
from scalinglaws.fitting.solver.linear_solve import solve_positive_definite
from scalinglaws.fitting.solver.model import to_natural
from scalinglaws.fitting.solver.objective import Loss
from scalinglaws.fitting.solver.problem import Problem

_LEAST_ROWS = 100  # of a group, for the search alone
# Basins of the search with the groups' own coefficients, at effort 0, 1 and 2.
_BASINS = (5, 12, 40)
_PROPOSALS = 4
# Share of the most negative coefficient from which on others leave with it.
_LEAVING = 0.5
# Elements of an array that stays in the cache.
_CACHED = 262_144


def find_group_starts(problem: Problem, effort: int) -> Candidates:
    """Candidates for the global minimum of a law with groups, from the table alone.

    Parameters
    ----------
    effort : {0, 1, 2}
        As in `find_starts`.
    """
    problem = _sampled(problem)
    pooled = _pooled(problem)
    with np.errstate(all="ignore"):
        found = [_GroupSearch(problem, pooled, effort).candidates()]
    if effort:
        found.append(_of_every_group(problem, find_starts(pooled, effort), pooled))
    if set(problem.law.groups) & set(problem.law.separation.searched):
        found.append(_of_each_group(problem, found[0]))
    return Candidates(
        np.concatenate([f.theta for f in found]), np.concatenate([f.free for f in found])
    )


def _sampled(problem: Problem) -> Problem:
    """Evenly spread rows of each group: enough for a start, whatever the size of the table."""
    counts = problem.weights > 0
    n = int(counts.sum())
    if n <= MOST_ROWS and counts.all():
        return problem
    group_of, _ = groups_of(problem.law, problem.columns)
    parts = []
    for group in range(group_of.max() + 1):
        rows = np.flatnonzero((group_of == group) & counts)
        size = min(len(rows), max(_LEAST_ROWS, MOST_ROWS * len(rows) // n))
        parts.append(rows[np.linspace(0, len(rows) - 1, size).astype(np.intp)])
    rows = np.sort(np.concatenate(parts))
    columns = {name: column[rows] for name, column in problem.columns.items()}
    return replace(problem, columns=columns, y=problem.y[rows], weights=problem.weights[rows])


def _pooled(problem: Problem) -> Problem:
    """The same with one value of each parameter for all groups."""
    law = problem.law
    fixed = {}
    for symbol, names in law.members.items():
        values = {problem.fixed.get(name) for name in names}
        value = values.pop()
        if value is not None and not values:
            fixed[symbol] = value
    columns = {name: problem.columns[name] for name in law.variables}
    return replace(problem, law=pool(law), columns=columns, fixed=fixed, start=None)


# --- starts of the law without groups -----------------------------------------------------------


def _of_every_group(problem: Problem, found: Candidates, pooled: Problem) -> Candidates:
    """The starts of the law without groups, in every group."""
    law = problem.law
    place = [law.symbols.index(p.symbol) for p in law.parameters]
    natural = to_natural(found.theta, pooled.positive)[:, place]
    return _held(problem, natural, found.free[:, place])


def _of_each_group(problem: Problem, proposed: Candidates) -> Candidates:
    """The best of every group, given the shared values of some starts and of each group alone."""
    law, shares = problem.law, each_group(problem)
    shared = np.array([p.symbol not in law.groups for p in law.parameters])
    proposals = list(to_natural(proposed.theta, problem.positive)[:_PROPOSALS])
    for share in shares[:_PROPOSALS]:
        alone = np.full(len(shared), np.nan)
        alone[share.selected] = _best_start(share.problem)[0]
        proposals.append(alone)
    natural, free = (
        np.array(proposals).reshape(-1, len(shared)),
        np.tile(shared, (len(proposals), 1)),
    )
    for row, moving in zip(natural, free, strict=True):
        held = {p.symbol: v for p, v, one in zip(law.parameters, row, shared, strict=True) if one}
        for share in shares:
            own, selected = share.problem, share.selected
            best, at_work = _best_start(replace(own, fixed={**held, **own.fixed}))
            row[selected] = np.where(shared[selected], row[selected], best)
            moving[selected] |= at_work
    # a shared coefficient at zero stays there, and a shared exponent that is not a number goes
    return _held(problem, natural, free & (natural != 0))


def _best_start(problem: Problem) -> tuple[FloatArray, BoolArray]:
    """Natural values of the best start of a group, and which of them may move."""
    found = find_starts(problem, 0)
    if not len(found.theta):
        p = len(problem.law.parameters)
        return np.full(p, np.nan), np.zeros(p, dtype=np.bool_)
    model = bind(problem.law, problem.columns, problem.y, problem.scale)
    value = model.sums(found.theta, problem.weights[None], Loss("squared")).value
    best = int(np.argmin(value))
    return to_natural(found.theta[[best]], problem.positive)[0], found.free[best]


def _held(problem: Problem, natural: FloatArray, free: BoolArray) -> Candidates:
    """Natural values as starts, with fixed parameters where they are fixed."""
    for j, parameter in enumerate(problem.law.parameters):
        if parameter.name in problem.fixed:
            natural[:, j], free[:, j] = problem.fixed[parameter.name], False
    with np.errstate(divide="ignore", invalid="ignore"):
        theta = np.where(problem.positive, np.log(natural), natural)
    usable = np.isfinite(np.where(free, theta, 0.0)).all(axis=1)
    return Candidates(theta[usable], free[usable])


# --- the search with the groups' own coefficients -----------------------------------------------


@dataclass
class _Member:
    """A coefficient of one group: its term, and the term's column on the rows of the group."""

    term: LinearTerm
    parameter: Parameter
    rows: BoolArray
    column: Column


class _GroupSearch(Search):
    """The search of the law without groups, with coefficients of each group.

    Parameters
    ----------
    whole : the problem with groups
    pooled : the same without
    """

    def __init__(self, whole: Problem, pooled: Problem, effort: int) -> None:
        super().__init__(pooled, effort)
        self.whole = whole
        self.own_parameters = {p.name: p for p in whole.law.parameters}

    def candidates(self) -> Candidates:
        """The best basins, each with the coefficients that are at work there."""
        members = [member for term in self.linear for member in self._members(term)]
        target = self._target()
        moments = self._moments(members, target)
        known = np.stack([self._known(m) for m in members], axis=1) if members else None
        positive = np.array([self._is_positive(m.parameter) for m in members])
        few = max(1, _CACHED // moments[0].size)
        parts = [
            _nonnegative(
                moments[k : k + few], positive, known if known is None else known[k : k + few]
            )
            for k in range(0, len(moments), few)
        ]
        solution, loss = (np.concatenate(part) for part in zip(*parts, strict=True))
        if not self.separation.is_plain:
            usable = np.isfinite(loss)
            loss[usable] = self._true_loss([m.column for m in members], target, solution, usable)
        natural, free = [], []
        for place in self.space.basins(loss, _BASINS[self.effort]):
            natural.append(self._natural(place, members, solution[place]))
            free.append(self._moving(members, solution[place]))
        p = len(self.own_parameters)
        return _held(
            self.whole, np.array(natural).reshape(-1, p), np.array(free, bool).reshape(-1, p)
        )

    def _members(self, term: LinearTerm) -> list[_Member]:
        column = self._column(term)
        law, found = self.whole.law, []
        for name in law.members[term.coefficient or ""]:
            rows = np.zeros(len(self.y), dtype=np.bool_)
            rows[law.rows_of(name, self.whole.columns)] = True
            own = Column(np.where(rows, column.values, 0.0), column.of_point, column.shift)
            found.append(_Member(term, self.own_parameters[name], rows, own))
        return found

    def _moments(self, members: Sequence[_Member], target: Column) -> FloatArray:
        """Inner products of all columns, the target last, at each point."""
        n = len(members)
        moments = np.zeros((len(self.space.points), n + 1, n + 1))
        for k, left in enumerate(members):
            moments[:, k, n] = moments[:, n, k] = left.column.times(target)
            for m, right in enumerate(members[: k + 1]):
                if (left.rows & right.rows).any():
                    moments[:, k, m] = moments[:, m, k] = left.column.times(right.column)
        moments[:, n, n] = target.times(target)
        return moments

    def _known(self, member: _Member) -> FloatArray:
        """What multiplies a column at each point, if its coefficient is fixed; else NaN."""
        n_points = len(self.space.points)
        if member.parameter.name not in self.whole.fixed:
            return np.full(n_points, np.nan)
        value = self.whole.fixed[member.parameter.name]
        power = np.broadcast_to(evaluate(member.term.power, self._searched(None)), n_points)
        under_exp = member.parameter.role == "exponent"
        amplitude = np.exp(value * power) if under_exp else np.power(value, power)
        return np.asarray(amplitude * np.exp(member.column.shift[member.column.of_point]))

    def _searched(self, place: int | None) -> dict[str, FloatArray]:
        """Parameters of the law without groups at one point searched, or at all."""
        points = self.space.points if place is None else self.space.points[place]
        own = {name: points[..., k] for k, name in enumerate(self.space.names)}
        return own | {name: np.float64(value) for name, value in self.fixed.items()}

    def _is_positive(self, parameter: Parameter) -> bool:
        return parameter.positive or parameter.role == "exponent"

    def _natural(self, place: int, members: Sequence[_Member], solution: FloatArray) -> FloatArray:
        """Natural values of all parameters at one point searched."""
        searched = self._searched(place)
        value = {
            p.name: float(searched.get(p.symbol, np.nan)) for p in self.own_parameters.values()
        }
        for member, size in zip(members, solution, strict=True):
            shift = member.column.shift[member.column.of_point[place]]
            if self._is_positive(member.parameter):
                power = float(evaluate(member.term.power, searched))
                logarithm = (np.log(size) - shift) / power if size > 0 else -np.inf
                under_exp = member.parameter.role == "exponent"
                value[member.parameter.name] = logarithm if under_exp else np.exp(logarithm)
            else:
                value[member.parameter.name] = size * np.exp(-shift)
        return np.array([value[name] for name in self.own_parameters])

    def _moving(self, members: Sequence[_Member], solution: FloatArray) -> BoolArray:
        """Which parameters may move: those of terms that are at work."""
        law, columns = self.whole.law, self.whole.columns
        every = np.ones(len(self.y), dtype=np.bool_)
        moving = set(law.names_at(names_in(self.separation.outer), columns, every))
        for term in self.separation.terms:
            own = [(m, size) for m, size in zip(members, solution, strict=True) if m.term is term]
            at_work = [m for m, size in own if size != 0]
            moving.update(m.parameter.name for m in at_work)
            rows = np.any([m.rows for m in at_work], axis=0) if at_work else ~every
            symbols = [*names_in(term.rest), *names_in(term.power)]
            moving.update(law.names_at(symbols, columns, rows if own else every))
        return np.array([name in moving for name in self.own_parameters])


def _nonnegative(
    moments: FloatArray, positive: BoolArray, known: FloatArray | None
) -> tuple[FloatArray, FloatArray]:
    """Least squares with some coefficients not negative, and the sum of squares that it leaves.

    Columns whose coefficient comes out negative leave, the most negative first.

    Parameters
    ----------
    moments : (points, columns + 1, columns + 1)
    positive : (columns,)
    known : (points, columns)
        Coefficients that are given; NaN for the others.
    """
    if known is None:
        return np.zeros((len(moments), 0)), moments[:, -1, -1].copy()
    given = np.where(np.isnan(known), 0.0, known)
    gram, right = moments[:, :-1, :-1], moments[:, :-1, -1]
    total = moments[:, -1, -1] + np.einsum(
        "gk,gk->g", given, np.einsum("gkm,gm->gk", gram, given) - 2 * right
    )
    right = right - np.einsum("gkm,gm->gk", gram, given)
    norm = np.sqrt(np.einsum("gkk->gk", gram))
    active = np.isnan(known) & (norm > 0)
    norm = np.where(norm > 0, norm, 1.0)
    gram, right = gram / (norm[:, :, None] * norm[:, None, :]), right / norm
    usable = np.isfinite(gram).all(axis=(1, 2)) & np.isfinite(right).all(axis=1)
    gram, right = np.where(usable[:, None, None], gram, 0.0), np.where(usable[:, None], right, 0.0)
    scaled = np.zeros_like(right)
    rows = np.flatnonzero(usable)
    ridge = 1e-13 * np.eye(right.shape[1])  # only keeps equal columns solvable
    while len(rows):
        keep = active[rows]
        matrix = np.where(keep[:, :, None] & keep[:, None, :], gram[rows], 0.0) + ridge
        found, ok = solve_positive_definite(matrix, np.where(keep, right[rows], 0.0), ~keep)
        scaled[rows] = found
        usable[rows[~ok]] = False
        worst = np.where(positive & keep, found, np.inf)
        least = worst.min(axis=1, initial=np.inf)
        again = ok & (least <= 0)
        active[rows[again]] &= worst[again] > _LEAVING * least[again, None]
        rows = rows[again]
    loss = np.where(usable, total - np.einsum("gk,gk->g", scaled, right), np.inf)
    return scaled / norm + given, loss
