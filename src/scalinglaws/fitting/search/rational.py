"""Starts of a ratio ``P/Q`` whose parts are both linear in the parameters.

Multiplied out, ``y*Q = P`` is linear in all of them at once, with residuals that are Q times those
of the law; dividing by the last Q, a few times over, makes them the law's own (Sanathanan and
Koerner 1963, IEEE Trans. Autom. Control 8). A search over the parameters of Q would mostly meet
poles among the runs.
"""

from __future__ import annotations

import numpy as np

from scalinglaws.arrays import FloatArray
from scalinglaws.core.algebra import ZERO, affine
from scalinglaws.core.expression import Apply, Expression, evaluate, names_in
from scalinglaws.fitting.solver.problem import Problem

_PASSES = 4


def rational_starts(problem: Problem) -> list[FloatArray]:
    """Working parameters after each pass; none for other laws, or where signs are not as they must.

    Fixed parameters, and groups, are left to the search.
    """
    law, expression = problem.law, problem.law.parsed.expression
    if problem.fixed or law.groups:
        return []
    match expression:
        case Apply("/", (top, bottom)):
            over, under = _linear(problem, top), _linear(problem, bottom)
        case _:
            return []
    if over is None or under is None or set(over[1]) & set(under[1]) or not under[1]:
        return []
    names = [*over[1], *under[1]]
    y, size = problem.y, np.sqrt(problem.weights)
    if problem.scale == "log":
        size = size / y
    table = np.stack([*over[1].values(), *(-y * column for column in under[1].values())], axis=1)
    target = y * under[0] - over[0]
    denominator, found = np.ones_like(y), []
    for _ in range(_PASSES):
        share = size / denominator
        scaled = table * share[:, None]
        norm = np.maximum(np.linalg.norm(scaled, axis=0), 1e-300)
        if not np.isfinite(scaled).all() or not np.isfinite(target * share).all():
            break
        solution = np.linalg.lstsq(scaled / norm, target * share, rcond=None)[0] / norm
        values = dict(zip(names, map(float, solution), strict=True))
        denominator = under[0] + sum(values[name] * c for name, c in under[1].items())
        natural = np.array([values[name] for name in law.parameter_names])
        if np.all(natural[problem.positive] > 0):
            with np.errstate(invalid="ignore", divide="ignore"):
                found.append(np.where(problem.positive, np.log(natural), natural))
        if not np.all(denominator != 0):
            break
    return found


def _linear(
    problem: Problem, expression: Expression
) -> tuple[FloatArray, dict[str, FloatArray]] | None:
    """What an expression is without its parameters, and its column for each; None if not linear."""
    own = [name for name in problem.law.parameter_names if name in names_in(expression)]
    form = affine(expression, own)
    if form is None:
        return None

    def on_rows(part: Expression) -> FloatArray:
        value = np.asarray(evaluate(part, problem.columns), dtype=np.float64)
        return np.broadcast_to(value, problem.y.shape)

    constant, columns = on_rows(form[0]), {n: on_rows(form[1].get(n, ZERO)) for n in own}
    usable = all(np.isfinite(part).all() for part in (constant, *columns.values()))
    return (constant, columns) if usable else None
