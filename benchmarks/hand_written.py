"""Gradient and Hessian of one law, written by hand in NumPy as an expert would for speed.

    log f = q L,   L = logsumexp(e, a - alpha log N, b - beta log D, c - gamma log S)

which is the law (E + A/N^alpha + B/D^beta + F/S^gamma)^q in the parameters
(log E, log A, alpha, log B, beta, log F, gamma, q).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from scalinglaws.fitting.model import Sums
from scalinglaws.fitting.objective import Loss

Floats = npt.NDArray[np.float64]

FORMULA = "loss ~ (E + A/N**alpha + B/D**beta + F/S**gamma)**q"
_Q = 7
_COLUMNS = ([0], [1, 2], [3, 4], [5, 6])
_BLOCK = 65_536


class HandWritten:
    """Sums over runs for a batch of parameter vectors and weights, by moments of a softmax."""

    metric = None

    def __init__(self, n: Floats, d: Floats, s: Floats, y: Floats) -> None:
        self.target = np.log(y)
        self.n_parameters, self.n_rows = 8, len(y)
        self.magnitude = max(1.0, float(np.abs(self.target).max()))
        one = np.ones_like(n)
        self.designs = [one[:, None]] + [np.stack([one, -np.log(v)], axis=1) for v in (n, d, s)]
        self.pairs = [
            (k, m, self._products(self.designs[k], self.designs[m]))
            for k in range(4)
            for m in range(k, 4)
        ]

    @staticmethod
    def _products(left: Floats, right: Floats) -> Floats:
        return (left[:, :, None] * right[:, None, :]).reshape(len(left), -1)

    def stacked_slopes(self) -> None:
        """The law is no sum of its terms."""

    def residuals(self, theta: Floats) -> Floats:
        """Shape (batch, runs)."""
        with np.errstate(all="ignore"):
            _, log_sum = self._softmax(theta, slice(None))
            return np.asarray(theta[:, _Q, None] * log_sum - self.target)

    def jacobian(self, theta: Floats) -> Floats:
        """Shape (runs, parameters)."""
        with np.errstate(all="ignore"):
            shares, log_sum = self._softmax(theta[None], slice(None))
        jacobian = np.empty((self.n_rows, 8))
        for share, design, columns in zip(shares, self.designs, _COLUMNS, strict=True):
            jacobian[:, columns] = theta[_Q] * share[0][:, None] * design
        jacobian[:, _Q] = log_sum[0]
        return jacobian

    def _softmax(self, theta: Floats, rows: slice) -> tuple[list[Floats], Floats]:
        logs = [
            theta[:, columns] @ design[rows].T
            for columns, design in zip(_COLUMNS, self.designs, strict=True)
        ]
        top = np.maximum(np.maximum(logs[0], logs[1]), np.maximum(logs[2], logs[3]))
        parts = [np.exp(part - top) for part in logs]
        total = parts[0] + parts[1] + parts[2] + parts[3]
        inverse = 1.0 / total
        return [part * inverse for part in parts], top + np.log(total)

    def sums(self, theta: Floats, weights: Floats, loss: Loss, *, majorised: bool = True) -> Sums:
        """Objective, gradient and Hessian, a cache-sized block at a time."""
        b = len(theta)
        total = Sums(np.zeros(b), np.zeros((b, 8)), np.zeros((b, 8, 8)), np.zeros((b, 8, 8)))
        rows_at_once = min(self.n_rows, _BLOCK)
        batch_at_once = max(1, _BLOCK // rows_at_once)
        for first in range(0, b, batch_at_once):
            batch = slice(first, first + batch_at_once)
            own = weights[batch] if len(weights) > 1 else weights
            for begin in range(0, self.n_rows, rows_at_once):
                rows = slice(begin, begin + rows_at_once)
                with np.errstate(all="ignore"):
                    self._add(total, batch, theta[batch], own[:, rows], loss, rows, majorised)
        total.value[~np.isfinite(total.value)] = np.inf
        return total

    def _add(
        self,
        total: Sums,
        batch: slice,
        theta: Floats,
        weights: Floats,
        loss: Loss,
        rows: slice,
        majorised: bool,
    ) -> None:
        q = theta[:, _Q, None]
        shares, log_sum = self._softmax(theta, rows)
        r = q * log_sum - self.target[rows]
        psi, curvature = loss.derivatives(r)
        slope, outer = weights * psi, weights * curvature
        total.value[batch] += (weights * loss.value(r)).sum(axis=1)
        by_q = slope * q
        first = [by_q * share for share in shares]
        for part, design, columns in zip(first, self.designs, _COLUMNS, strict=True):
            total.gradient[batch, columns] += part @ design[rows]
        total.gradient[batch, _Q] += (slope * log_sum).sum(axis=1)
        outer_by_q = outer * q
        self._moments(total.hessian[batch], shares, outer_by_q * q - by_q, rows, first)
        mixed = outer_by_q * log_sum + slope
        self._with_q(total.hessian[batch], shares, mixed, outer * log_sum * log_sum, rows)
        if majorised:
            again = weights * loss.reweighted(r)
            self._moments(total.majorised[batch], shares, again * q * q, rows, None)
            self._with_q(
                total.majorised[batch], shares, again * q * log_sum, again * log_sum**2, rows
            )

    def _moments(
        self,
        matrices: Floats,
        shares: list[Floats],
        outer: Floats,
        rows: slice,
        own: list[Floats] | None,
    ) -> None:
        half = [outer * share for share in shares]
        for k, m, products in self.pairs:
            moment = half[k] * shares[m]
            if k == m and own is not None:
                moment += own[k]
            left, right = np.array(_COLUMNS[k]), np.array(_COLUMNS[m])
            block = (moment @ products[rows]).reshape(-1, len(left), len(right))
            matrices[:, left[:, None], right] += block
            if k != m:
                matrices[:, right[:, None], left] += block.transpose(0, 2, 1)

    def _with_q(
        self, matrices: Floats, shares: list[Floats], mixed: Floats, last: Floats, rows: slice
    ) -> None:
        for share, design, columns in zip(shares, self.designs, _COLUMNS, strict=True):
            part = (mixed * share) @ design[rows]
            matrices[:, columns, _Q] += part
            matrices[:, _Q, columns] += part
        matrices[:, _Q, _Q] += last.sum(axis=1)


def complex_step_errors(model: HandWritten, theta: Floats) -> tuple[float, float]:
    """Largest relative errors of gradient and Hessian of least squares against complex steps."""
    step = 1e-200
    sums = model.sums(theta[None], np.ones((1, model.n_rows)), Loss("squared"), majorised=False)
    shifted = theta + 1j * step * np.eye(8)
    by_value = np.array([_squares(model, x).imag / step for x in shifted])
    by_gradient = np.array([_slopes(model, x).imag / step for x in shifted])
    size = np.sqrt(np.abs(np.diag(by_gradient)))
    return (
        float((np.abs(sums.gradient[0] - by_value) / size).max() / np.abs(by_value / size).max()),
        float((np.abs(sums.hessian[0] - by_gradient) / np.outer(size, size)).max()),
    )


def _terms(model: HandWritten, theta: Any) -> Any:
    return [
        np.exp(design @ theta[columns])
        for columns, design in zip(_COLUMNS, model.designs, strict=True)
    ]


def _squares(model: HandWritten, theta: Any) -> Any:
    return ((theta[_Q] * np.log(sum(_terms(model, theta))) - model.target) ** 2).sum()


def _slopes(model: HandWritten, theta: Any) -> Any:
    """The gradient once more, plainly, so that it takes complex parameters."""
    terms = _terms(model, theta)
    total = sum(terms)
    r = theta[_Q] * np.log(total) - model.target
    gradient = np.zeros(8, dtype=complex)
    for term, design, columns in zip(terms, model.designs, _COLUMNS, strict=True):
        gradient[columns] = (2 * r * theta[_Q] * term / total) @ design
    gradient[_Q] = (2 * r * np.log(total)).sum()
    return gradient
