"""Linear systems: Newton steps of a batch inside bounds, and least squares in logarithms."""

from __future__ import annotations

import numpy as np
from scipy.linalg import solve_triangular
from scipy.linalg.lapack import dposv

from scalinglaws.arrays import BoolArray, FloatArray, IntArray
from scalinglaws.core.law import Law
from scalinglaws.fitting.solver.model import Model

# Systems up to which calls of LAPACK are cheaper than array operations on all of them, one by one
# or all in one call, and the unknowns from which on they are for any number.
_VERY_FEW, _FEW, _WIDE = 4, 24, 32
# Pivot relative to the diagonal, below which a matrix is not positive definite.
_LEAST_PIVOT = 1e-14


def bounded_step(
    matrix: FloatArray,
    gradient: FloatArray,
    blocked: BoolArray,
    point: FloatArray,
    lower: FloatArray,
    upper: FloatArray,
) -> tuple[FloatArray, BoolArray]:
    """Newton step inside the bounds; False where the matrix is not positive definite.

    What would leave its range stops at the bound, and the others are solved again beside it.
    """
    whole, ok = solve_positive_definite(matrix, -gradient, blocked)
    if not blocked.any():
        reached = point + whole
        if np.all((reached >= lower) & (reached <= upper)):
            return whole, ok
    # a coefficient held at zero sits at minus infinity and does not move
    anchor = np.where(blocked, 0.0, point)

    def inside(step: FloatArray) -> FloatArray:
        return np.where(blocked, 0.0, np.clip(anchor + step, lower, upper) - anchor)

    step = inside(whole)
    hit = (np.abs(step - whole) > 1e-12 * (np.abs(whole) + np.abs(anchor))) & ~blocked
    rows = np.flatnonzero(hit.any(axis=1) & ok)
    if len(rows):
        held = hit[rows] | blocked[rows]
        fixed = np.where(hit[rows], step[rows], 0.0)
        rest = gradient[rows] + np.matmul(matrix[rows], fixed[:, :, None])[:, :, 0]
        keep = ~held
        reduced = matrix[rows] * (keep[:, :, None] & keep[:, None, :])
        again, _ = solve_positive_definite(reduced, np.where(held, 0.0, -rest), held)
        whole[rows] = fixed + np.where(held, 0.0, again)
        step = inside(whole)
    return step, ok


def solve_positive_definite(
    matrix: FloatArray, right: FloatArray, unit: BoolArray | None = None
) -> tuple[FloatArray, BoolArray]:
    """Solve a batch of small systems by Cholesky; False where a matrix is not positive definite.

    One is added to the diagonal where `unit` says so.
    """
    few = len(right) <= _FEW or right.shape[1] >= _WIDE
    solve = _solve_few if few else _solve_together
    with np.errstate(over="ignore", invalid="ignore"):  # such a step is refused
        return solve(matrix, right, unit)


def _solve_few(
    matrix: FloatArray, right: FloatArray, unit: BoolArray | None
) -> tuple[FloatArray, BoolArray]:
    """By LAPACK: all in one call if all of them can be solved."""
    a = matrix.copy()
    diagonal = np.einsum("bii->bi", a)
    if unit is not None:
        diagonal += unit
    least = _LEAST_PIVOT * np.abs(diagonal)
    if len(right) <= _VERY_FEW or right.shape[1] >= _WIDE:
        return _solve_each(a, right, least)
    try:
        pivots = np.einsum("bii->bi", np.linalg.cholesky(a)) ** 2
        if (pivots > least).all():
            x = np.asarray(np.linalg.solve(a, right[:, :, None])[:, :, 0], dtype=np.float64)
            return x, np.ones(len(right), dtype=np.bool_)
    except np.linalg.LinAlgError:
        pass
    return _solve_each(a, right, least)


def _solve_each(
    matrix: FloatArray, right: FloatArray, least: FloatArray
) -> tuple[FloatArray, BoolArray]:
    """One system after the other, some of which have no solution."""
    x, ok = np.zeros_like(right), np.zeros(len(right), dtype=np.bool_)
    for b in range(len(right)):
        triangle, solution, failed = dposv(matrix[b], right[b])
        if not failed and np.all(triangle.diagonal() ** 2 > least[b]):
            x[b], ok[b] = solution, True
    return x, ok


def _solve_together(
    matrix: FloatArray, right: FloatArray, unit: BoolArray | None
) -> tuple[FloatArray, BoolArray]:
    """Many at once: the loops run over the few parameters, the arrays over the batch.

    The right side is carried along as one more row of the matrix, so that it is solved forward on
    the way.
    """
    n_batch, p = right.shape
    a = np.empty((p + 1, p, n_batch))  # each entry contiguous
    a[:p] = matrix.transpose(1, 2, 0)
    a[p] = right.T
    if unit is not None:
        np.einsum("iib->ib", a[:p])[...] += unit.T
    least = _LEAST_PIVOT * np.abs(np.einsum("iib->ib", a[:p]))
    ok = np.ones(n_batch, dtype=np.bool_)
    inverse = np.empty((p, n_batch))
    for j in range(p):
        pivot = a[j, j]
        good = pivot > least[j]
        ok &= good
        inverse[j] = 1.0 / np.sqrt(np.where(good, pivot, 1.0))
        below = a[j + 1 :, j]
        below *= inverse[j]
        a[j + 1 :, j + 1 :] -= below[:, None] * below[None, :-1]
    x = a[p]
    for j in reversed(range(p)):
        x[j] *= inverse[j]
        x[:j] -= a[j, :j] * x[j]
    return np.array(x.T), ok


# --- a law that is one product of powers ----------------------------------------------------------


def why_not_log_linear(law: Law) -> str | None:
    """None if the logarithm of the law is linear in its parameters; else the reason."""
    terms = law.products
    if terms is None:
        return "its logarithm is not linear in the parameters"
    if len(terms) > 1:
        return f"it is a sum of {len(terms)} terms, and the logarithm of a sum is not linear"
    if not all(p.positive or p.role in ("exponent", "shape") for p in law.parameters):
        return "a coefficient may be negative under the given bounds"
    return None


def solve_log_linear(
    model: Model, weights: FloatArray, start: FloatArray, estimated: IntArray
) -> FloatArray:
    """Closed form: the residuals are affine in the working parameters.

    Parameters
    ----------
    start : values of the parameters that are not estimated; zero elsewhere
    estimated : indices of the independent parameters
    """
    if not model.is_one_block:
        return _solve_in_blocks(model, weights, start, estimated)
    offset = model.residuals(start[None, :])[0]
    root = np.sqrt(weights)
    columns = model.jacobian(start)[:, estimated] * root[:, None]
    size = np.linalg.norm(columns, axis=0)
    theta = start.copy()
    for _ in range(2):  # the second pass removes the rounding of the first
        step = np.linalg.lstsq(columns / size, -offset * root, rcond=None)[0] / size
        theta[estimated] += step
        offset = model.residuals(theta[None, :])[0]
    return theta


def _solve_in_blocks(
    model: Model, weights: FloatArray, start: FloatArray, estimated: IntArray
) -> FloatArray:
    """The same by corrected seminormal equations: R'R step = -J'Wr, twice (Björck 1987)."""
    triangle = model.columns(start, weights)[:, estimated]
    size = np.linalg.norm(triangle, axis=0)
    triangle = np.asarray(np.linalg.qr(triangle / size, mode="r"))
    theta = start.copy()
    for _ in range(3):
        gradient = np.zeros(len(estimated))
        for rows, residuals, jacobian in model.expansion(theta):
            gradient += jacobian[:, estimated].T @ (weights[rows] * residuals)
        half = solve_triangular(triangle, -gradient / size, trans="T")
        theta[estimated] += solve_triangular(triangle, half) / size
    return theta
