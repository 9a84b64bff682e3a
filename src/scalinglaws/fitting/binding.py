"""A law and a table become a model: the faster one where the law's form allows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from scalinglaws.core.expression import Expression, evaluate, names_in
from scalinglaws.core.law import Law
from scalinglaws.core.structure import LogAffineTerm, log_affine_terms, separate
from scalinglaws.fitting.general import GeneralModel
from scalinglaws.fitting.log_affine import LogAffineModel
from scalinglaws.fitting.model import Model
from scalinglaws.fitting.objective import FloatArray, ScaleName

# Two fits divide a law differently when a term's share of it differs by this much.
OTHER_DIVISION = 1e-4


def bind(law: Law, columns: Mapping[str, FloatArray], y: FloatArray, scale: ScaleName) -> Model:
    """Bind a law to its columns; a sum of positive products gets the faster model."""
    positive = tuple(p.positive for p in law.parameters)
    terms = log_affine_terms(law.parsed.expression, law.parameter_names)
    if terms is not None and _roles_agree(law, terms):
        with np.errstate(all="ignore"):
            model = LogAffineModel(law, terms, columns, y, scale)
        if model.is_finite:  # every base is positive in these runs
            return model
    return GeneralModel(law, positive, columns, y, scale)


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
        for term in separate(law.parsed.expression, law.parameter_names).terms:
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
