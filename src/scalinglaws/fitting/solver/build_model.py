"""A law and a table become a model: the faster one where the law's form allows.

Any other law is differentiated automatically.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from scalinglaws.arrays import BUFFERS, FloatArray, IntArray
from scalinglaws.core.autodiff import Tape, Trace
from scalinglaws.core.expression import Apply, Expression, Name, Number, evaluate, names_in
from scalinglaws.core.groups import codes_of
from scalinglaws.core.law import Law
from scalinglaws.core.structure import LogAffineTerm, LogSpace, working_names
from scalinglaws.fitting.solver.grouped import GroupedBlock, Part
from scalinglaws.fitting.solver.log_affine import LogAffineBlock
from scalinglaws.fitting.solver.model import Block, Model, magnitude_of
from scalinglaws.fitting.solver.problem import Problem
from scalinglaws.fitting.tables.chunks import is_large
from scalinglaws.options import ScaleName

Rows = slice | IntArray
# Two fits divide a law differently when a term's share of it differs by this much.
OTHER_DIVISION = 1e-4


def bind(law: Law, columns: Mapping[str, Any], y: FloatArray, scale: ScaleName) -> Model:
    """Bind a law to its columns; sums of positive products get the faster blocks."""
    terms = law.products
    if terms is None or not _roles_agree(law, terms):
        return bind_general(law, columns, y, scale)
    lasting = not is_large(len(y))

    def block(rows: Rows, _: IntArray) -> LogAffineBlock:
        own, target = _cut(law, columns, y, scale, rows)
        return LogAffineBlock(terms, law.symbols, own, target, scale, lasting=lasting)

    model = _model(block, law, columns, y, scale)
    with np.errstate(all="ignore"):
        # every base is positive in these runs
        is_finite = all(_is_finite(part) for _, part in model.blocks())
    return model if is_finite else bind_general(law, columns, y, scale)


def bind_problem(problem: Problem) -> Model:
    """Bind a problem's law to its table."""
    return bind(problem.law, problem.columns, problem.y, problem.scale)


def _is_finite(block: Block) -> bool:
    if isinstance(block, GroupedBlock):
        return all(_is_finite(part.block) for part in block.parts)
    return isinstance(block, LogAffineBlock) and block.is_finite


def _log_space(law: Law, positive: Sequence[bool]) -> LogSpace:
    return LogSpace(law.symbols, [s for s, p in zip(law.symbols, positive, strict=True) if p])


def bind_general(law: Law, columns: Mapping[str, Any], y: FloatArray, scale: ScaleName) -> Model:
    """Bind any law to its columns."""

    def block(rows: Rows, selected: IntArray) -> GeneralBlock:
        positive = [law.parameters[k].positive for k in selected]
        space = _log_space(law, positive)
        rewrite = space.logarithm if scale == "log" else space.value
        return GeneralBlock(
            rewrite(law.parsed.expression), working_names(law.symbols, positive),
            *_cut(law, columns, y, scale, rows),
        )  # fmt: skip

    return _model(block, law, columns, y, scale)


def _model(
    make: Callable[[Rows, IntArray], Block],
    law: Law,
    columns: Mapping[str, Any],
    y: FloatArray,
    scale: ScaleName,
) -> Model:
    """A model whose blocks are made of some rows and the places of their parameters."""
    p, magnitude = len(law.parameters), magnitude_of(y, scale)
    if not law.groups:
        every = np.arange(p)
        return Model(lambda rows: make(rows, every), len(y), p, magnitude)
    group_of, selections = groups_of(law, columns)

    def block(rows: slice) -> GroupedBlock:
        own = group_of[rows]
        parts = []
        for group in np.flatnonzero(np.bincount(own)):
            inside = _as_slice(np.flatnonzero(own == group))
            selected = selections[group]
            parts.append(Part(inside, make(_moved(inside, rows.start), selected), selected))
        return GroupedBlock(parts, len(own), p)

    return Model(block, len(y), p, magnitude)


def groups_of(law: Law, columns: Mapping[str, Any]) -> tuple[IntArray, IntArray]:
    """Runs that share all their parameters.

    Returns
    -------
    group_of : (rows,)
        A number for each group of runs.
    selections : (groups, symbols)
        Where the parameters of each group stand among all.
    """
    codes = [codes_of(c, columns[c], law.levels[c]) for c in law.group_columns]
    cell = np.ravel_multi_index(codes, [len(law.levels[c]) for c in law.group_columns])
    _, first, group_of = np.unique(cell, return_index=True, return_inverse=True)
    places = law.places({column: columns[column][first] for column in law.group_columns})
    every = [np.broadcast_to(place, len(first)) for place in places.values()]
    return group_of, np.stack(every, axis=1)


def _as_slice(rows: IntArray) -> Rows:
    """Rows that are side by side as a slice, which makes no copies."""
    first, last = int(rows[0]), int(rows[-1]) + 1
    return slice(first, last) if last - first == len(rows) else rows


def _moved(rows: Rows, by: int) -> Rows:
    return slice(rows.start + by, rows.stop + by) if isinstance(rows, slice) else rows + by


def _cut(
    law: Law, columns: Mapping[str, Any], y: FloatArray, scale: ScaleName, rows: Rows
) -> tuple[dict[str, FloatArray], FloatArray]:
    """Variables and target on some rows."""
    target = np.log(y[rows]) if scale == "log" else y[rows]
    return {name: columns[name][rows] for name in law.variables}, target


def _roles_agree(law: Law, terms: tuple[LogAffineTerm, ...]) -> bool:
    """A coefficient allowed to be negative, by the user's bounds, has no logarithm."""
    for parameter in law.parameters:
        is_base = any(
            isinstance(term.slopes.get(parameter.symbol), Expression)
            and not names_in(term.slopes[parameter.symbol])
            for term in terms
        )
        if is_base and parameter.role != "exponent" and not parameter.positive:
            return False
    return True


def term_shares(law: Law, columns: Mapping[str, Any], natural: FloatArray) -> FloatArray:
    """Size of each term of a law relative to their sum, shape (terms, rows)."""
    params = law.local(
        dict(zip(law.parameter_names, map(np.float64, natural), strict=True)), columns
    )
    names: dict[str, Any] = {**params, **columns}
    n = len(next(iter(columns.values())))
    sizes = []
    with np.errstate(all="ignore"):
        for term in law.separation.terms:
            size = np.abs(evaluate(term.rest, names))
            if term.coefficient is not None:
                amplitude = params[term.coefficient]
                power = evaluate(term.power, names)
                under_exp = not any(
                    p.symbol == term.coefficient and p.role in ("coefficient", "offset")
                    for p in law.parameters
                )
                size = size * np.abs(np.exp(amplitude * power) if under_exp else amplitude**power)
            sizes.append(np.broadcast_to(np.nan_to_num(size), (n,)))
        table = np.stack(sizes)
        return np.asarray(np.nan_to_num(table / table.sum(axis=0)))


def same_everywhere(
    law: Law, columns: Mapping[str, Any], one: FloatArray, other: FloatArray
) -> bool:
    """Whether two parameter vectors are the same function, also away from the runs."""
    away = {
        name: 1.5 * np.roll(columns[name], shift) for shift, name in enumerate(law.variables)
    } | {name: columns[name] for name in law.group_columns}

    def value(natural: FloatArray) -> FloatArray:
        return law.value(dict(zip(law.parameter_names, natural, strict=True)), away)

    return bool(np.allclose(value(one), value(other), rtol=1e-6, equal_nan=True))


# --- any law, by second-order automatic differentiation of its expression ------------------------


class GeneralBlock:
    """A law on a block of rows; every part without parameters is evaluated once, here.

    Parameters
    ----------
    expression : the law, or its logarithm, in log space
    names : working names of the parameters, in order
    columns : variables on these rows
    target : observations on these rows, in the residuals' scale
    """

    work_size = 8_192  # every step of the tape leaves a few such arrays

    def __init__(
        self,
        expression: Expression,
        names: Sequence[str],
        columns: Mapping[str, FloatArray],
        target: FloatArray,
    ) -> None:
        self.n_parameters, self.n_rows = len(names), len(target)
        self._names = names
        self.target = target
        known: dict[str, FloatArray] = {}
        folded = self._fold(expression, columns, known)
        self._tape = Tape(folded, self._names, known)

    def _fold(
        self,
        expression: Expression,
        columns: Mapping[str, FloatArray],
        known: dict[str, FloatArray],
    ) -> Expression:
        if isinstance(expression, Number):
            return expression
        if not set(names_in(expression)) & set(self._names):
            name = f"known {len(known)}"
            known[name] = np.asarray(evaluate(expression, columns), dtype=np.float64)
            return Name(name)
        if isinstance(expression, Apply):
            inner = tuple(self._fold(a, columns, known) for a in expression.arguments)
            return Apply(expression.function, inner)
        return expression

    def slopes(self) -> None:
        """It has no terms."""

    def at(self, theta: FloatArray) -> GeneralPoint:
        """The law at each row of a batch."""
        parameters = np.split(theta, self.n_parameters, axis=1)
        return GeneralPoint(self, self._tape.run(parameters), len(theta))


class GeneralPoint:
    """A law and its derivatives at a batch of parameter vectors."""

    def __init__(self, block: GeneralBlock, trace: Trace, n_batch: int) -> None:
        self._block, self._trace = block, trace
        self._shape = n_batch, block.n_rows
        self.residuals = np.broadcast_to(trace.value, self._shape) - block.target

    def _rows(self) -> FloatArray:
        """Derivatives of the residuals, shape (batch, parameters, rows)."""
        n_batch, n_rows = self._shape
        found = BUFFERS.take("derivatives", n_batch, self._block.n_parameters, n_rows)
        for j in range(self._block.n_parameters):
            found[:, j] = self._trace.gradient.get(j, 0.0)
        return found

    def gradients(self) -> FloatArray:
        """Derivatives of the residuals, shape (batch, rows, parameters)."""
        return np.array(self._rows().transpose(0, 2, 1))

    def along(self, step: FloatArray) -> FloatArray:
        """Change of the residuals to first order in a step."""
        return np.asarray(np.matmul(step[:, None, :], self._rows())[:, 0])

    def contract(
        self, slope: FloatArray, outer: FloatArray, *, curved: bool
    ) -> tuple[FloatArray, FloatArray]:
        """Sums over the rows; see `Point`."""
        rows = self._rows()
        gradient = np.matmul(rows, slope[:, :, None])[:, :, 0]
        weighted = np.multiply(rows, outer[:, None, :], out=BUFFERS.take("weighted", *rows.shape))
        hessian = np.matmul(weighted, rows.transpose(0, 2, 1))
        if curved:
            hessian += self._trace.curvature(slope, self._block.n_parameters)
        return gradient, hessian
