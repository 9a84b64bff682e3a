"""Starts of laws with an inner part that follows linearly once the outer parameters are known."""

from __future__ import annotations

import numpy as np

from scalinglaws.arrays import FloatArray
from scalinglaws.core.expression import Expression, evaluate, power
from scalinglaws.core.inversion import HOLE, Inversion, invert
from scalinglaws.fitting.search.grid import search_space
from scalinglaws.fitting.search.normal_equations import RIDGE
from scalinglaws.fitting.solver.linear_solve import solve_positive_definite
from scalinglaws.fitting.solver.problem import Problem

_STEP = 1e-30  # of the complex-step derivative
_LARGEST_EXPONENT = 100.0  # a larger one makes a break an indicator of the runs beyond it
_MOST_ELEMENTS = 500_000  # of an array of points and rows


def inverse_points(
    problem: Problem, inversion: Inversion, n_best: int, effort: int
) -> list[FloatArray]:
    """Natural values of all parameters at the best points of the search.

    Where the inner part does not exist or follows with impossible values, there is no point.
    """
    searched = [p for p in inversion.searched if p not in problem.fixed]
    space = search_space(problem, searched, effort, inversion.levels)
    n_points = len(space.points)
    n_parts = -(-n_points * len(problem.y) // _MOST_ELEMENTS)
    found = [
        _complete(
            problem, inversion, dict(zip(searched, part.T[:, :, None], strict=True)), len(part)
        )
        for part in np.array_split(space.points, n_parts)
    ]
    every = np.concatenate([values for values, _ in found])
    loss = np.concatenate([losses for _, losses in found])
    return [every[place] for place in space.basins(loss, n_best)]


def _complete(
    problem: Problem, inversion: Inversion, searched: dict[str, FloatArray], n_points: int
) -> tuple[FloatArray, FloatArray]:
    """All parameters at each point, shape (points, parameters), and the loss there.

    Parameters
    ----------
    searched : values of the parameters searched over, shape (points, 1)
    """
    law, fixed = problem.law, problem.fixed
    linear = [p for p in inversion.form.slopes if p not in fixed]
    values = {**{p: np.full((1, 1), v) for p, v in fixed.items()}, **problem.columns, **searched}
    with np.errstate(all="ignore"):
        solution = _solve(problem, inversion, linear, values, n_points)
        solution = _inside(problem, linear, solution)
        values |= {name: solution[:, [k]] for k, name in enumerate(linear)}
        fitted = _on_grid(law.parsed.expression, values, (n_points, len(problem.y)))
        residual = np.log(fitted / problem.y) if problem.scale == "log" else fitted - problem.y
        loss = (problem.weights * residual * residual).sum(axis=1)
    every = [np.broadcast_to(values[name], (n_points, 1)) for name in law.parameter_names]
    return np.hstack(every), np.where(np.isfinite(loss), loss, np.inf)


def _solve(
    problem: Problem,
    inversion: Inversion,
    linear: list[str],
    values: dict[str, FloatArray],
    n_points: int,
) -> FloatArray:
    """Weighted least squares for the inner part at each point; NaN where there is no inner part."""
    form = inversion.form
    shape = (n_points, len(problem.y))
    inner = np.broadcast_to(invert(inversion.outer, problem.y, values), shape)
    target = np.log(inner) if form.logarithmic else inner
    # residual of the law to first order in the target
    stepped = np.exp(target + 1j * _STEP) if form.logarithmic else inner + 1j * _STEP
    slope = np.imag(evaluate(inversion.outer, {**values, HOLE.name: stepped})) / _STEP
    size = slope / problem.y if problem.scale == "log" else slope
    size = size * np.sqrt(problem.weights)
    rest = target - _on_grid(form.constant, values, shape)
    for name, slope_of in form.slopes.items():
        if name not in linear:
            known = problem.fixed[name]
            known = float(np.log(known)) if name in form.logs else known
            if name in form.powers:
                known = power(known, _on_grid(form.powers[name], values, shape))
            rest = rest - known * _on_grid(slope_of, values, shape)
    columns = np.stack([_on_grid(form.slopes[name], values, shape) for name in linear])
    columns, rest = columns * size, rest * size
    norm = np.sqrt((columns * columns).sum(axis=-1))
    columns = columns / norm[:, :, None]
    gram = np.einsum("kgn,mgn->gkm", columns, columns)
    right = np.einsum("kgn,gn->gk", columns, rest)
    usable = np.isfinite(gram).all(axis=(1, 2)) & np.isfinite(right).all(axis=1)
    gram[~usable], right[~usable] = np.eye(len(linear)), np.nan
    scaled, solved = solve_positive_definite(gram + RIDGE * np.eye(len(linear)), right)
    solution = np.where(solved[:, None], scaled / norm.T, np.nan)
    logs = np.array([name in form.logs for name in linear])
    solution = np.where(logs, np.exp(np.where(logs, solution, 0.0)), solution)
    for k, name in enumerate(linear):
        if name in form.powers:
            exponent = _on_grid(form.powers[name], values, shape)[:, 0]
            solution[:, k] = power(solution[:, k], 1.0 / exponent)
    return solution


def _inside(problem: Problem, linear: list[str], solution: FloatArray) -> FloatArray:
    """Solutions moved into their ranges; NaN where one is not positive or an exponent is huge."""
    ranges = {p.name: p for p in problem.law.parameters}
    low = np.array([ranges[name].lower for name in linear])
    high = np.array([ranges[name].upper for name in linear])
    positive = np.array([ranges[name].positive for name in linear])
    exponent = np.array([ranges[name].role == "exponent" for name in linear])
    refused = (positive & (solution <= 0)) | (exponent & (np.abs(solution) > _LARGEST_EXPONENT))
    return np.where(refused.any(axis=1, keepdims=True), np.nan, np.clip(solution, low, high))


def _on_grid(
    expression: Expression, values: dict[str, FloatArray], shape: tuple[int, int]
) -> FloatArray:
    return np.broadcast_to(np.asarray(evaluate(expression, values), float), shape)
