"""Laws that are sums of positive products: log f is a logsumexp of linear forms."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from scalinglaws.core.expression import Expression, evaluate
from scalinglaws.core.law import Law
from scalinglaws.core.structure import LogAffineTerm
from scalinglaws.fitting.model import Sums, in_blocks, magnitude_of
from scalinglaws.fitting.objective import FloatArray, IntArray, Loss, ScaleName


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
        self.magnitude = magnitude_of(self._target, logarithms=self._log)
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
        return in_blocks(self._sums_of_block, theta, weights, loss, majorised, self.n_rows)

    def _sums_of_block(
        self, theta: FloatArray, weights: FloatArray, loss: Loss, majorised: bool, rows: slice
    ) -> Sums:
        shares, residuals = self._shares(theta, rows)
        psi, curvature = loss.derivatives(residuals)
        slope = weights * psi
        outer = weights * curvature
        if self._log:
            outer = outer - slope  # Hessian of logsumexp: second moment minus squared mean
        b, p = theta.shape
        sums = Sums(
            np.einsum("bn,bn->b", np.broadcast_to(weights, residuals.shape), loss.value(residuals)),
            np.zeros((b, p)),
            np.zeros((b, p, p)),
            np.zeros((b, p, p)),
        )
        first = [slope * share for share in shares]
        for k, part in enumerate(first):
            sums.gradient[:, self._indices[k]] += part @ self._slopes[k][rows]
        self._add_moments(sums.hessian, shares, outer, rows, diagonal=first)
        if majorised:
            reweighted = weights * loss.reweighted(residuals)
            self._add_moments(sums.majorised, shares, reweighted, rows)
        return sums

    def _add_moments(
        self,
        matrices: FloatArray,
        shares: list[FloatArray],
        outer: FloatArray,
        rows: slice,
        diagonal: list[FloatArray] | None = None,
    ) -> None:
        """Add the sums of ``outer * mean slope * mean slope'``, and of each term's own moments."""
        half = [outer * share for share in shares]
        for k, m, products in self._pairs:
            moment = half[k] * shares[m]
            if k == m and diagonal is not None:
                moment += diagonal[k]
            self._scatter(matrices, moment @ products[rows], k, m)

    def _scatter(self, matrices: FloatArray, block: FloatArray, k: int, m: int) -> None:
        left, right = self._indices[k], self._indices[m]
        square = block.reshape(len(block), len(left), len(right))
        matrices[:, left[:, None], right[None, :]] += square
        if k != m:
            matrices[:, right[:, None], left[None, :]] += square.transpose(0, 2, 1)
