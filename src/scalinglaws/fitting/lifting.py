"""From a minimum in which a coefficient vanished, starts in which it is at work again."""

from __future__ import annotations

import itertools

import numpy as np

from scalinglaws.core.algebra import ONE
from scalinglaws.core.expression import evaluate, names_in
from scalinglaws.core.law import Parameter
from scalinglaws.fitting.objective import BoolArray, FloatArray
from scalinglaws.fitting.problem import Problem
from scalinglaws.fitting.starts import Candidates

# Shares of the smallest performance at which a vanished term is brought back, the exponents then
# tried, and the share below which a term counts as vanished.
_LIFTS = (1e-4, 1e-2, 0.1, 0.3)
_LIFT_EXPONENTS = (0.05, 0.2, 0.6, 1.5)
_AT_WORK = 1e-3


def lifted_starts(problem: Problem, theta: FloatArray, free: BoolArray) -> Candidates:
    """From a minimum, new starts in which one coefficient at or near zero is at work.

    Parameters
    ----------
    theta, free : working parameters of the minimum, and which of them moved
    """
    law, columns, y, fixed = problem.law, problem.columns, problem.y, problem.fixed
    names = law.parameter_names
    smallest = np.abs(y).min()  # a level may be negative
    parameters = {p.name: p for p in law.parameters}
    values = dict(zip(names, theta, strict=True))
    new_theta: list[FloatArray] = []
    new_free: list[BoolArray] = []
    for term in law.separation.terms if law.separation.is_plain else ():
        parameter = parameters.get(term.coefficient or "")
        if parameter is None or parameter.name in fixed or term.log_rest is None:
            continue
        if not (parameter.positive and parameter.lower <= 0) or term.power != ONE:
            continue
        exponents = [n for n in names_in(term.log_rest) if n in parameters and n not in fixed]
        idle = [n for n in exponents if not free[names.index(n)]]
        for sizes in itertools.product(*(_lift_values(parameters[n]) for n in idle)):
            trial = {**values, **fixed, **dict(zip(idle, sizes, strict=True))}
            with np.errstate(all="ignore"):
                rest = np.broadcast_to(evaluate(term.log_rest, {**trial, **columns}), y.shape)
            if not np.isfinite(rest).all():
                continue
            if values[parameter.name] + rest.max() > np.log(_AT_WORK * smallest):
                continue  # it is at work already
            for share in _LIFTS:
                point = theta.copy()
                for name, size in zip(idle, sizes, strict=True):
                    point[names.index(name)] = size
                point[names.index(parameter.name)] = np.log(share * smallest) - rest.max()
                moving = free.copy()
                moving[[names.index(n) for n in (parameter.name, *idle)]] = True
                new_theta.append(point)
                new_free.append(moving)
    if not new_theta:
        return Candidates(np.zeros((0, len(names))), np.zeros((0, len(names)), bool))
    return Candidates(np.stack(new_theta), np.stack(new_free))


def _lift_values(parameter: Parameter) -> list[float]:
    """Exponents tried for a term that is brought back."""
    sizes = [s for s in _LIFT_EXPONENTS if parameter.lower <= s <= parameter.upper]
    return sizes + [-s for s in _LIFT_EXPONENTS if parameter.lower <= -s <= parameter.upper]
