"""A law bound to a table: residuals, gradient and Hessian for a batch of parameter vectors.

Parameters are worked on in their natural form, positive ones as logarithms. A coefficient of
exactly zero is a logarithm of minus infinity. Every row of a batch has its own parameter vector and
its own weights; all share the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from scalinglaws.core.expression import Apply, Expression, Name, evaluate, names_in
from scalinglaws.core.jets import Jet, differentiate
from scalinglaws.core.law import Law
from scalinglaws.core.structure import LogAffineTerm, log_affine_terms, separate
from scalinglaws.fitting.objective import BoolArray, FloatArray, IntArray, Loss, ScaleName

# Elements of one (batch, rows) work array: 512 kB of float64, so that a dozen stay in cache.
_BLOCK = 65_536


@dataclass
class Sums:
    """Objective, gradient, Hessian and majorising Hessian of each row of a batch.

    The majorising Hessian is that of iteratively reweighted least squares: positive semidefinite.
    """

    value: FloatArray
    gradient: FloatArray
    hessian: FloatArray
    majorised: FloatArray


class Model(Protocol):
    """What the solver asks of a law bound to a table."""

    n_parameters: int
    n_rows: int
    magnitude: float  # largest size of the target: what rounding is relative to

    @property
    def metric(self) -> FloatArray | None:
        """Quadratic form that measures steps, if the model has one of its own."""

    def stacked_slopes(self) -> FloatArray | None:
        """Slopes of every term's logarithm at every run, where the law has such terms."""

    def residuals(self, theta: FloatArray) -> FloatArray:
        """Residuals of each row of a batch, shape (batch, rows)."""

    def jacobian(self, theta: FloatArray) -> FloatArray:
        """Derivatives of the residuals in one parameter vector, shape (rows, parameters)."""

    def sums(
        self, theta: FloatArray, weights: FloatArray, loss: Loss, *, majorised: bool = True
    ) -> Sums:
        """Objective and its derivatives; `weights` has shape (batch, rows) or (1, rows).

        The majorising Hessian is left at zero where it is not wanted.
        """


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


def to_natural(theta: FloatArray, positive: BoolArray) -> FloatArray:
    """Natural values from working values."""
    with np.errstate(over="ignore"):
        return np.where(positive, np.exp(np.where(positive, theta, 0.0)), theta)


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


class LogAffineModel:
    """Sum of terms whose logarithms are affine in the working parameters.

    With t_k the terms, log f = logsumexp of linear forms; its gradient is the softmax-weighted mean
    of the slopes and its Hessian their covariance, so that all sums over runs are matrix products
    with fixed tables of slope products.
    """

    def __init__(
        self,
        law: Law,
        terms: tuple[LogAffineTerm, ...],
        columns: Mapping[str, FloatArray],
        y: FloatArray,
        scale: ScaleName,
    ) -> None:
        names = law.parameter_names
        self.n_parameters, self.n_rows = len(names), len(y)
        self._log = scale == "log"
        self._target = np.log(y) if self._log else y
        self.magnitude = float(np.abs(self._target).max())
        self._indices: list[IntArray] = []
        self._slopes: list[FloatArray] = []
        self._constants: list[FloatArray] = []
        for term in terms:
            used = [name for name in names if name in term.slopes]
            columns_of_term = [self._column(term.slopes[name], columns) for name in used]
            self._indices.append(np.array([names.index(name) for name in used], dtype=np.intp))
            self._slopes.append(
                np.stack(columns_of_term, axis=1) if used else np.zeros((self.n_rows, 0))
            )
            self._constants.append(self._column(term.constant, columns))
        self._pairs = [
            (k, m, self._outer(self._slopes[k], self._slopes[m]))
            for k in range(len(terms))
            for m in range(k, len(terms))
        ]
        self._metric = self._design_metric()

    def _column(self, expression: Expression, columns: Mapping[str, FloatArray]) -> FloatArray:
        value = np.asarray(evaluate(expression, columns), dtype=np.float64)
        return np.broadcast_to(value, (self.n_rows,)).copy()

    @staticmethod
    def _outer(left: FloatArray, right: FloatArray) -> FloatArray:
        return (left[:, :, None] * right[:, None, :]).reshape(len(left), -1)

    def _design_metric(self) -> FloatArray:
        """Mean square change of the terms' logarithms, as a quadratic form of a step."""
        metric = np.zeros((self.n_parameters, self.n_parameters))
        for index, slopes in zip(self._indices, self._slopes, strict=True):
            metric[np.ix_(index, index)] += slopes.T @ slopes / self.n_rows
        return metric

    @property
    def metric(self) -> FloatArray:
        return self._metric

    @property
    def is_finite(self) -> bool:
        """All logarithms exist."""
        return all(np.isfinite(c).all() for c in (*self._constants, *self._slopes))

    def stacked_slopes(self) -> FloatArray:
        """Slopes of every term's logarithm at every run, shape (terms * rows, parameters)."""
        stack = np.zeros((len(self._slopes), self.n_rows, self.n_parameters))
        for k, (index, slopes) in enumerate(zip(self._indices, self._slopes, strict=True)):
            stack[k][:, index] = slopes
        return stack.reshape(-1, self.n_parameters)

    def _logs(self, theta: FloatArray, rows: slice) -> list[FloatArray]:
        return [
            theta[:, index] @ slopes[rows].T + constant[rows]
            for index, slopes, constant in zip(
                self._indices, self._slopes, self._constants, strict=True
            )
        ]

    def _shares(self, theta: FloatArray, rows: slice) -> tuple[list[FloatArray], FloatArray]:
        """Derivative of f (or log f) with respect to each term's logarithm, and the residuals."""
        logs = self._logs(theta, rows)
        if not self._log:
            parts = [np.exp(part) for part in logs]
            return parts, sum(parts, start=np.zeros(1)) - self._target[rows]
        if len(logs) == 1:
            return [np.ones_like(logs[0])], logs[0] - self._target[rows]
        top = np.maximum.reduce(logs)
        parts = [np.exp(part - top) for part in logs]
        total = sum(parts[1:], start=parts[0].copy())
        residuals = top + np.log(total) - self._target[rows]
        inverse = 1.0 / total
        return [part * inverse for part in parts], residuals

    def residuals(self, theta: FloatArray) -> FloatArray:
        with np.errstate(over="ignore", invalid="ignore"):
            return self._shares(theta, slice(None))[1]

    def jacobian(self, theta: FloatArray) -> FloatArray:
        shares, _ = self._shares(theta[None, :], slice(None))
        jacobian = np.zeros((self.n_rows, self.n_parameters))
        for share, index, slopes in zip(shares, self._indices, self._slopes, strict=True):
            jacobian[:, index] += share[0][:, None] * slopes
        return jacobian

    def sums(
        self, theta: FloatArray, weights: FloatArray, loss: Loss, *, majorised: bool = True
    ) -> Sums:
        return _in_blocks(self._sums_of_block, theta, weights, loss, majorised, self.n_rows)

    def _sums_of_block(
        self, theta: FloatArray, weights: FloatArray, loss: Loss, majorised: bool, rows: slice
    ) -> Sums:
        shares, residuals = self._shares(theta, rows)
        psi, curvature, reweight = loss.derivatives(residuals)
        slope = weights * psi
        outer = weights * curvature
        if self._log:
            outer = outer - slope  # Hessian of logsumexp: second moment minus squared mean
        majorising = weights * reweight
        b, p = theta.shape
        sums = Sums(
            np.einsum("bn,bn->b", np.broadcast_to(weights, residuals.shape), loss.value(residuals)),
            np.zeros((b, p)),
            np.zeros((b, p, p)),
            np.zeros((b, p, p)),
        )
        for k, share in enumerate(shares):
            sums.gradient[:, self._indices[k]] += (slope * share) @ self._slopes[k][rows]
        for k, m, products in self._pairs:
            table = products[rows]
            share = shares[k] * shares[m]
            moment = outer * share
            if k == m:
                moment = moment + slope * shares[k]
            self._scatter(sums.hessian, moment @ table, k, m)
            if majorised:
                self._scatter(sums.majorised, (majorising * share) @ table, k, m)
        return sums

    def _scatter(self, matrices: FloatArray, block: FloatArray, k: int, m: int) -> None:
        left, right = self._indices[k], self._indices[m]
        square = block.reshape(len(block), len(left), len(right))
        matrices[:, left[:, None], right[None, :]] += square
        if k != m:
            matrices[:, right[:, None], left[None, :]] += square.transpose(0, 2, 1)


class GeneralModel:
    """Any law, by second-order automatic differentiation of its expression."""

    def __init__(
        self,
        law: Law,
        positive: tuple[bool, ...],
        columns: Mapping[str, FloatArray],
        y: FloatArray,
        scale: ScaleName,
    ) -> None:
        self.n_parameters, self.n_rows = len(law.parameters), len(y)
        self._names = law.parameter_names
        self._positive = positive
        self._log = scale == "log"
        self._target = np.log(y) if self._log else y
        self.magnitude = float(np.abs(self._target).max())
        self._known: dict[str, FloatArray] = {}
        self._expression = self._fold(law.parsed.expression, columns)

    @property
    def metric(self) -> None:
        return None

    def stacked_slopes(self) -> None:
        return None

    def _fold(self, expression: Expression, columns: Mapping[str, FloatArray]) -> Expression:
        """Evaluate every part without parameters once, here."""
        if not set(names_in(expression)) & set(self._names):
            name = f"known {len(self._known)}"
            value = np.asarray(evaluate(expression, columns), dtype=np.float64)
            self._known[name] = np.broadcast_to(value, (self.n_rows,)) if value.ndim else value
            return Name(name)
        if isinstance(expression, Apply):
            return Apply(
                expression.function, tuple(self._fold(a, columns) for a in expression.arguments)
            )
        return expression

    def _jet(self, theta: FloatArray, rows: slice) -> Jet:
        """Residuals as a jet in the working parameters."""
        jets = {k: Jet(v[rows] if v.ndim else v) for k, v in self._known.items()}
        for place, name in enumerate(self._names):
            value = theta[:, place : place + 1]
            if self._positive[place]:
                value = np.exp(value)
                jets[name] = Jet(value, {place: value}, {(place, place): value})
            else:
                jets[name] = Jet(value, {place: np.ones_like(value)})
        f = differentiate(self._expression, jets)
        shape = (len(theta), len(self._target[rows]))
        if not self._log:
            return Jet(np.broadcast_to(f.value, shape) - self._target[rows], f.gradient, f.hessian)
        inverse = 1.0 / f.value
        gradient = {i: d * inverse for i, d in f.gradient.items()}
        hessian = {pair: h * inverse for pair, h in f.hessian.items()}
        for i, d in gradient.items():
            for j, e in gradient.items():
                if i <= j:
                    hessian[i, j] = hessian.get((i, j), 0.0) - d * e
        residual = np.log(f.value) - self._target[rows]
        return Jet(np.broadcast_to(residual, shape), gradient, hessian)

    def residuals(self, theta: FloatArray) -> FloatArray:
        with np.errstate(all="ignore"):
            return np.asarray(self._jet(theta, slice(None)).value)

    def jacobian(self, theta: FloatArray) -> FloatArray:
        with np.errstate(all="ignore"):
            gradient = self._jet(theta[None, :], slice(None)).gradient
        columns = [
            np.broadcast_to(gradient.get(i, 0.0), (1, self.n_rows))[0]
            for i in range(self.n_parameters)
        ]
        return np.stack(columns, axis=1)

    def sums(
        self, theta: FloatArray, weights: FloatArray, loss: Loss, *, majorised: bool = True
    ) -> Sums:
        with np.errstate(all="ignore"):
            sums = _in_blocks(self._sums_of_block, theta, weights, loss, majorised, self.n_rows)
        broken = ~(
            np.isfinite(sums.value)
            & np.isfinite(sums.gradient).all(axis=1)
            & np.isfinite(sums.hessian).all(axis=(1, 2))
        )
        sums.value[broken] = np.inf
        sums.gradient[broken] = 0.0
        sums.hessian[broken] = sums.majorised[broken] = np.eye(self.n_parameters)
        return sums

    def _sums_of_block(
        self, theta: FloatArray, weights: FloatArray, loss: Loss, majorised: bool, rows: slice
    ) -> Sums:
        jet = self._jet(theta, rows)
        psi, curvature, reweight = loss.derivatives(jet.value)
        slope, outer, majorising = weights * psi, weights * curvature, weights * reweight
        b, p = theta.shape
        value = (weights * loss.value(jet.value)).sum(axis=1)
        sums = Sums(value, np.zeros((b, p)), np.zeros((b, p, p)), np.zeros((b, p, p)))
        for i, d in jet.gradient.items():
            sums.gradient[:, i] = (slope * d).sum(axis=1)
            for j, e in jet.gradient.items():
                if i > j:
                    continue
                product = d * e
                second = outer * product
                if (i, j) in jet.hessian:
                    second = second + slope * jet.hessian[i, j]
                sums.hessian[:, i, j] = sums.hessian[:, j, i] = second.sum(axis=1)
                if majorised:
                    second = (majorising * product).sum(axis=1)
                    sums.majorised[:, i, j] = sums.majorised[:, j, i] = second
        return sums


class _BlockSums(Protocol):
    def __call__(
        self, theta: FloatArray, weights: FloatArray, loss: Loss, majorised: bool, rows: slice, /
    ) -> Sums: ...


def _in_blocks(
    sums_of_block: _BlockSums,
    theta: FloatArray,
    weights: FloatArray,
    loss: Loss,
    majorised: bool,
    n_rows: int,
) -> Sums:
    """Add up over blocks of rows, a cache-sized part of the batch at a time."""
    n_batch, p = theta.shape
    total = Sums(
        np.zeros(n_batch),
        np.zeros((n_batch, p)),
        np.zeros((n_batch, p, p)),
        np.zeros((n_batch, p, p)),
    )
    step_rows = min(n_rows, _BLOCK)
    step_batch = max(1, _BLOCK // step_rows)
    for first in range(0, n_batch, step_batch):
        batch = slice(first, first + step_batch)
        own = weights[batch] if len(weights) > 1 else weights
        for start in range(0, n_rows, step_rows):
            rows = slice(start, start + step_rows)
            part = sums_of_block(theta[batch], own[:, rows], loss, majorised, rows)
            total.value[batch] += part.value
            total.gradient[batch] += part.gradient
            total.hessian[batch] += part.hessian
            total.majorised[batch] += part.majorised
    return total
