"""One law and its derivatives, written by hand in NumPy as an expert would for speed.

    log f = q L,   L = logsumexp(e, a - alpha log N, b - beta log D, c - gamma log S)

which is the law (E + A/N^alpha + B/D^beta + F/S^gamma)^q in the parameters
(log E, log A, alpha, log B, beta, log F, gamma, q). All sums over runs are matrix products with
fixed tables of products of slopes; every array of the batch's size is used again.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from scalinglaws.fitting.model import Model
from scalinglaws.fitting.objective import Loss
from scalinglaws.fitting.workspace import WORKSPACE

Floats = npt.NDArray[np.float64]

FORMULA = "loss ~ (E + A/N**alpha + B/D**beta + F/S**gamma)**q"
_Q = 7
_COLUMNS = (slice(0, 1), slice(1, 3), slice(3, 5), slice(5, 7))
_TERMS = len(_COLUMNS)


def bind(n: Floats, d: Floats, s: Floats, y: Floats) -> Model:
    """The law on a table, ready for the library's solver."""
    target = np.log(y)

    def block(rows: slice) -> HandWrittenBlock:
        return HandWrittenBlock(n[rows], d[rows], s[rows], target[rows])

    return Model(block, len(y), _Q + 1, max(1.0, float(np.abs(target).max())))


class HandWrittenBlock:
    """The law on a block of rows."""

    work_size = 24_576

    def __init__(self, n: Floats, d: Floats, s: Floats, target: Floats) -> None:
        self.target = target
        one = np.ones_like(target)
        self.designs = [one[:, None]] + [np.stack([one, -np.log(v)], axis=1) for v in (n, d, s)]
        # linear forms of (parameters of the term, 1/q): logarithms relative to the observation
        self.forms = [np.concatenate([w.T, -target[None]]) for w in self.designs]
        self.pairs = [
            (
                k,
                m,
                (self.designs[k][:, :, None] * self.designs[m][:, None]).reshape(len(target), -1),
            )
            for k in range(_TERMS)
            for m in range(k, _TERMS)
        ]

    def slopes(self) -> None:
        """The law is no sum of its terms."""

    def at(self, theta: Floats) -> HandWrittenPoint:
        """The law at each row of a batch."""
        return HandWrittenPoint(self, theta)


def _products(left: Floats, right: Floats) -> Floats:
    return (left[:, :, None] * right[:, None, :]).reshape(len(left), -1)


class HandWrittenPoint:
    """Residuals q L - log y, and the terms' shares of their sum."""

    def __init__(self, block: HandWrittenBlock, theta: Floats) -> None:
        self._block, self._q = block, theta[:, _Q, None]
        shape = len(theta), len(block.target)
        inverse = 1.0 / self._q
        self.shares = WORKSPACE.take("shares", _TERMS, *shape)
        for columns, form, log in zip(_COLUMNS, block.forms, self.shares, strict=True):
            np.matmul(np.concatenate([theta[:, columns], inverse], axis=1), form, out=log)
        self.log_sum = WORKSPACE.take("log sum", *shape)
        self.residuals = WORKSPACE.take("residuals", *shape)
        total = np.exp(self.shares, out=self.shares).sum(
            axis=0, out=WORKSPACE.take("total", *shape)
        )
        np.log(total, out=self.log_sum)
        np.multiply(self.log_sum, self._q, out=self.residuals)
        if not np.isfinite(self.residuals.sum()):  # far from the runs: subtract the largest
            self._carefully(theta, total)
        self.log_sum += block.target * inverse
        np.divide(1.0, total, out=total)
        self.shares *= total

    def _carefully(self, theta: Floats, total: Floats) -> None:
        for columns, form, log in zip(_COLUMNS, self._block.forms, self.shares, strict=True):
            np.matmul(np.concatenate([theta[:, columns], 1.0 / self._q], axis=1), form, out=log)
        top = self.shares.max(axis=0)
        self.shares -= top
        np.exp(self.shares, out=self.shares).sum(axis=0, out=total)
        np.log(total, out=self.log_sum)
        self.log_sum += top
        np.multiply(self.log_sum, self._q, out=self.residuals)

    def gradients(self) -> Floats:
        """Shape (batch, rows, parameters)."""
        found = np.empty((*self.residuals.shape, _Q + 1))
        for share, design, columns in zip(self.shares, self._block.designs, _COLUMNS, strict=True):
            found[..., columns] = (self._q * share)[..., None] * design
        found[..., _Q] = self.log_sum
        return found

    def along(self, step: Floats) -> Floats:
        """Change of the residuals with a step, to first order."""
        shape = self.residuals.shape
        found, part = WORKSPACE.take("along", *shape), WORKSPACE.take("along one", *shape)
        np.multiply(self.log_sum, step[:, _Q, None], out=found)
        for share, design, columns in zip(self.shares, self._block.designs, _COLUMNS, strict=True):
            np.matmul(self._q * step[:, columns], design.T, out=part)
            part *= share
            found += part
        return found

    def contract(self, slope: Floats, outer: Floats, *, curved: bool) -> tuple[Floats, Floats]:
        """Sums over the rows: of slope * first, and of outer * first first' + slope * second."""
        block, q, log_sum, b = self._block, self._q, self.log_sum, len(slope)
        gradient, hessian = np.empty((b, _Q + 1)), np.empty((b, _Q + 1, _Q + 1))
        first, half, moment, mixed = (
            WORKSPACE.take(name, *slope.shape) for name in ("first", "half", "moment", "mixed")
        )
        gradient[:, _Q] = np.einsum("bn,bn->b", slope, log_sum)
        np.multiply(outer, log_sum, out=mixed)
        hessian[:, _Q, _Q] = np.einsum("bn,bn->b", mixed, log_sum)
        mixed *= q
        if curved:
            mixed += slope
        slope *= q
        outer *= q * q
        if curved:
            outer -= slope
        for k, m, products in block.pairs:
            left, right = _COLUMNS[k], _COLUMNS[m]
            if k == m:
                np.multiply(slope, self.shares[k], out=first)
                gradient[:, left] = first @ block.designs[k]
                np.multiply(mixed, self.shares[k], out=moment)
                hessian[:, _Q, left] = hessian[:, left, _Q] = moment @ block.designs[k]
                np.multiply(outer, self.shares[k], out=half)
            np.multiply(half, self.shares[m], out=moment)
            if k == m and curved:
                moment += first
            part = (moment @ products).reshape(b, left.stop - left.start, right.stop - right.start)
            hessian[:, left, right] = part
            if k != m:
                hessian[:, right, left] = part.transpose(0, 2, 1)
        return gradient, hessian


def complex_step_errors(model: Model, theta: Floats) -> dict[str, float]:
    """Largest relative errors against complex steps, for a table of one block.

    Of the Jacobian against steps of the residuals, and of gradient and Hessian of least squares
    against steps of their sum and of the gradient, all written once more, plainly.
    """
    step = 1e-200
    sums = model.sums(theta[None], np.ones((1, model.n_rows)), Loss("squared"))
    _, block = next(model.blocks())
    shifted = theta + 1j * step * np.eye(_Q + 1)
    residuals = np.array([_residuals(block, x) for x in shifted])
    jacobian = residuals.imag.T / step
    gradient = (residuals**2).sum(axis=1).imag / step
    hessian = np.array([_slopes(block, x).imag / step for x in shifted])
    size = np.sqrt(np.abs(np.diag(hessian)))
    return {
        "Jacobian": float((np.abs(model.jacobian(theta) - jacobian) / size).max()),
        "gradient": float((np.abs(sums.gradient[0] - gradient) / size).max())
        / float(np.abs(gradient / size).max()),
        "Hessian": float((np.abs(sums.hessian[0] - hessian) / np.outer(size, size)).max()),
    }


def _terms(block: Any, theta: Any) -> Any:
    return [
        np.exp(design @ theta[columns])
        for columns, design in zip(_COLUMNS, block.designs, strict=True)
    ]


def _residuals(block: Any, theta: Any) -> Any:
    return theta[_Q] * np.log(sum(_terms(block, theta))) - block.target


def _slopes(block: Any, theta: Any) -> Any:
    """The gradient once more, so that it takes complex parameters."""
    terms = _terms(block, theta)
    total = sum(terms)
    r = theta[_Q] * np.log(total) - block.target
    gradient = np.zeros(_Q + 1, dtype=complex)
    for term, design, columns in zip(terms, block.designs, _COLUMNS, strict=True):
        gradient[columns] = (2 * r * theta[_Q] * term / total) @ design
    gradient[_Q] = (2 * r * np.log(total)).sum()
    return gradient
