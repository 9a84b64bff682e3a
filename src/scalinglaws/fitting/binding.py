"""A law and a table become a model: the faster one where the law's form allows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from scalinglaws.core.expression import Expression, evaluate, names_in
from scalinglaws.core.law import Law
from scalinglaws.core.logspace import LogSpace
from scalinglaws.core.structure import LogAffineTerm, log_affine_terms
from scalinglaws.fitting.general import GeneralBlock
from scalinglaws.fitting.log_affine import LogAffineBlock
from scalinglaws.fitting.model import Model, magnitude_of
from scalinglaws.fitting.objective import FloatArray, ScaleName

# Two fits divide a law differently when a term's share of it differs by this much.
OTHER_DIVISION = 1e-4


def bind(law: Law, columns: Mapping[str, FloatArray], y: FloatArray, scale: ScaleName) -> Model:
    """Bind a law to its columns; a sum of positive products gets the faster blocks."""
    terms = log_affine_terms(law.parsed.expression, law.parameter_names)
    if terms is None or not _roles_agree(law, terms):
        return bind_general(law, columns, y, scale)
    names = law.parameter_names

    def block(rows: slice) -> LogAffineBlock:
        lasting = rows.stop - rows.start == len(y)
        cut = _cut(columns, y, scale, rows)
        return LogAffineBlock(terms, names, *cut, scale, lasting=lasting)

    model = Model(block, len(y), len(names), magnitude_of(y, scale))
    with np.errstate(all="ignore"):
        # every base is positive in these runs
        is_finite = all(
            isinstance(part, LogAffineBlock) and part.is_finite for _, part in model.blocks()
        )
    return model if is_finite else bind_general(law, columns, y, scale)


def bind_general(
    law: Law, columns: Mapping[str, FloatArray], y: FloatArray, scale: ScaleName
) -> Model:
    """Bind any law to its columns."""
    names = law.parameter_names
    positive = tuple(p.positive for p in law.parameters)
    space = LogSpace(names, [p.name for p in law.parameters if p.positive])
    rewrite = space.logarithm if scale == "log" else space.value
    expression = rewrite(law.parsed.expression)

    def block(rows: slice) -> GeneralBlock:
        return GeneralBlock(expression, names, positive, *_cut(columns, y, scale, rows))

    return Model(block, len(y), len(law.parameters), magnitude_of(y, scale))


def _cut(
    columns: Mapping[str, FloatArray], y: FloatArray, scale: ScaleName, rows: slice
) -> tuple[dict[str, FloatArray], FloatArray]:
    """Variables and target on some rows."""
    target = np.log(y[rows]) if scale == "log" else y[rows]
    return {name: column[rows] for name, column in columns.items()}, target


def _roles_agree(law: Law, terms: tuple[LogAffineTerm, ...]) -> bool:
    """A coefficient allowed to be negative, by the user's bounds, has no logarithm."""
    for parameter in law.parameters:
        is_base = any(
            isinstance(term.slopes.get(parameter.name), Expression)
            and not names_in(term.slopes[parameter.name])
            for term in terms
        )
        if is_base and parameter.role != "exponent" and not parameter.positive:
            return False
    return True


def term_shares(law: Law, columns: Mapping[str, FloatArray], natural: FloatArray) -> FloatArray:
    """Size of each term of a law relative to their sum, shape (terms, rows)."""
    params = dict(zip(law.parameter_names, map(float, natural), strict=True))
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
                    p.name == term.coefficient and p.role in ("coefficient", "offset")
                    for p in law.parameters
                )
                size = size * np.abs(np.exp(amplitude * power) if under_exp else amplitude**power)
            sizes.append(np.broadcast_to(np.nan_to_num(size), (n,)))
        table = np.stack(sizes)
        return np.asarray(np.nan_to_num(table / table.sum(axis=0)))


def same_everywhere(
    law: Law, columns: Mapping[str, FloatArray], one: FloatArray, other: FloatArray
) -> bool:
    """Whether two parameter vectors are the same function, also away from the runs."""
    away = {
        name: 1.5 * np.roll(column, shift) for shift, (name, column) in enumerate(columns.items())
    }

    def value(natural: FloatArray) -> FloatArray:
        return law.value(dict(zip(law.parameter_names, natural, strict=True)), away)

    return bool(np.allclose(value(one), value(other), rtol=1e-6, equal_nan=True))
