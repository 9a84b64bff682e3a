"""Laws that are sums of positive products: log f is a logsumexp of linear forms.

With t_k the terms, the gradient of log f is the softmax-weighted mean of the terms' slopes and its
Hessian their covariance. All sums over runs are then matrix products with fixed tables of products
of slopes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np

from scalinglaws.arrays import BUFFERS, FloatArray, IntArray
from scalinglaws.core.expression import Expression, evaluate
from scalinglaws.core.structure import LogAffineTerm
from scalinglaws.options import ScaleName


class LogAffineBlock:
    """A sum of terms whose logarithms are affine in the working parameters, on a block of rows.

    Parameters
    ----------
    terms : the terms
    names : the parameters, in order
    columns : variables on these rows
    target : observations on these rows, logarithms if `scale` is "log"
    lasting : whether the block is evaluated often, so that tables of products pay
    """

    work_size = 24_576  # ten such arrays are 2 MB
    # elements up to which few calls count for more than little arithmetic
    few = 4_096

    def __init__(
        self,
        terms: Sequence[LogAffineTerm],
        names: Sequence[str],
        columns: Mapping[str, FloatArray],
        target: FloatArray,
        scale: ScaleName,
        *,
        lasting: bool = True,
    ) -> None:
        self.lasting = lasting
        self.n_parameters, self.n_rows, self.n_terms = len(names), len(target), len(terms)
        self.is_log = scale == "log"
        self.target = target
        self.indices: list[IntArray] = []
        self.term_slopes: list[FloatArray] = []
        # linear forms of (parameters of the term, 1)
        self.forms: list[FloatArray] = []
        for term in terms:
            used = [name for name in names if name in term.slopes]
            self.indices.append(np.array([names.index(name) for name in used], dtype=np.intp))
            form = np.empty((len(used) + 1, self.n_rows))
            for place, name in enumerate(used):
                form[place] = _column(term.slopes[name], columns)
            form[-1] = _column(term.constant, columns)
            if self.is_log:
                # terms relative to the observation: their sum is near one, whatever the units
                form[-1] -= target
            self.forms.append(np.asfortranarray(form) if lasting else form)
            self.term_slopes.append(np.array(form[:-1].T, order="C") if lasting else form[:-1].T)

    @property
    def is_finite(self) -> bool:
        """All logarithms exist."""
        return all(bool(np.isfinite(form).all()) for form in self.forms)

    def slopes(self) -> FloatArray:
        stack = np.zeros((self.n_terms, self.n_rows, self.n_parameters))
        for k, (index, slopes) in enumerate(zip(self.indices, self.term_slopes, strict=True)):
            stack[k][:, index] = slopes
        return stack.reshape(-1, self.n_parameters)

    def at(self, theta: FloatArray) -> LogAffinePoint:
        return LogAffinePoint(self, theta)

    def logs(self, theta: FloatArray) -> FloatArray:
        """Logarithms of the terms, relative to the observations if these are logarithms."""
        found = BUFFERS.take("shares", self.n_terms, len(theta), self.n_rows)
        with_one = np.ones((len(theta), self.n_parameters + 1))
        with_one[:, :-1] = theta
        for k, index in enumerate(self.with_constant):
            _apply(self.forms[k], with_one.take(index, axis=1), found[k])
        return found

    @cached_property
    def with_constant(self) -> list[IntArray]:
        """Parameters of each term, and the place behind the last one, where a one stands."""
        return [np.append(index, self.n_parameters) for index in self.indices]

    @cached_property
    def slots(self) -> Slots:
        """Every parameter of every term."""
        return Slots(self)

    @cached_property
    def slot_slopes(self) -> FloatArray:
        """Slopes of each slot, shape (slots, 1, rows)."""
        return np.concatenate([slopes.T for slopes in self.term_slopes])[:, None]

    @cached_property
    def products(self) -> list[list[FloatArray]]:
        """Products of the slopes of two terms, the second not before the first.

        Of one term with itself each pair of parameters stands once.
        """
        found = []
        for k, left in enumerate(self.term_slopes):
            i, j = np.triu_indices(left.shape[1])
            others = [
                (left[:, :, None] * right[:, None, :]).reshape(self.n_rows, -1)
                for right in self.term_slopes[k + 1 :]
            ]
            found.append([left[:, i] * left[:, j], *others])
        return found

    @cached_property
    def own_products(self) -> list[FloatArray]:
        """Slopes of each term beside the products of two of them."""
        own = zip(self.term_slopes, self.products, strict=True)
        return [np.hstack([slopes, products[0]]) for slopes, products in own]

    @cached_property
    def spread(self) -> FloatArray:
        """From all sums side by side to the gradient and the flattened Hessian."""
        p = self.n_parameters
        rows = []
        for k, index in enumerate(self.indices):
            rows.append(np.eye(p, p + p * p)[index])
            upper = np.triu_indices(len(index))
            itself = _to_hessian(index[upper[0]], index[upper[1]], p, mirrored=False)
            rows += [itself, itself]
            for other in self.indices[k + 1 :]:
                i, j = np.meshgrid(index, other, indexing="ij")
                rows.append(_to_hessian(i.ravel(), j.ravel(), p, mirrored=True))
        return np.concatenate(rows)

    @cached_property
    def spread_flat(self) -> FloatArray:
        """The same without what the curvature of the terms adds."""
        found, place = self.spread.copy(), 0
        for k, (own, products) in enumerate(zip(self.own_products, self.products, strict=True)):
            found[place + len(self.indices[k]) : place + own.shape[1]] = 0.0
            place += own.shape[1] + sum(table.shape[1] for table in products)
        return found


def _apply(form: FloatArray, parameters: FloatArray, out: FloatArray) -> None:
    """A linear form, or one for each row of a batch, of each row's parameters."""
    if form.ndim == 2:
        np.matmul(parameters, form, out=out)
    else:
        np.matmul(parameters[:, None], form, out=out[:, None])


def _to_hessian(i: IntArray, j: IntArray, p: int, *, mirrored: bool) -> FloatArray:
    """Rows that put sums to places of a symmetric matrix, behind a gradient.

    With `mirrored`, a sum stands for (i, j) and for (j, i), and counts twice where they are one.
    """
    found = np.zeros((len(i), p + p * p))
    rows = np.arange(len(i))
    found[rows, p + p * i + j] = 1.0
    if mirrored:
        found[rows, p + p * j + i] += 1.0
    else:
        found[rows, p + p * j + i] = 1.0
    return found


class Slots:
    """Sums over the rows of a small batch, in as few array operations as there can be.

    A slot is a parameter of a term; one that several terms share has several.
    """

    def __init__(self, block: LogAffineBlock) -> None:
        sizes = [len(index) for index in block.indices]
        self._term = np.repeat(np.arange(block.n_terms), sizes)
        self._same_term = self._term[:, None] == self._term
        self._to_parameter = np.zeros((len(self._term), block.n_parameters))
        self._to_parameter[np.arange(len(self._term)), np.concatenate(block.indices)] = 1.0

    def contract(
        self,
        slopes: FloatArray,
        shares: FloatArray,
        slope: FloatArray,
        outer: FloatArray,
        *,
        curved: bool,
    ) -> tuple[FloatArray, FloatArray]:
        """As `LogAffinePoint.contract`, from slopes of the slots and shares of the terms."""
        derivatives = shares[self._term]
        derivatives *= slopes
        rows = derivatives.transpose(1, 0, 2)  # (batch, slots, rows)
        gradient = np.matmul(rows, slope[:, :, None])[:, :, 0]
        weighted = derivatives * outer
        hessian = np.matmul(weighted.transpose(1, 0, 2), rows.transpose(0, 2, 1))
        if curved:
            np.multiply(derivatives, slope, out=weighted)
            own = np.matmul(weighted.transpose(1, 0, 2), slopes.transpose(1, 2, 0))
            own *= self._same_term
            hessian += own
        to = self._to_parameter
        return gradient @ to, to.T @ hessian @ to


class LogAffinePoint:
    """The sum of terms at a batch of parameter vectors.

    `shares` holds the derivative of each residual with respect to each term's logarithm.
    """

    def __init__(self, block: LogAffineBlock, theta: FloatArray) -> None:
        self._block = block
        shape = len(theta), block.n_rows
        self.shares = shares = block.logs(theta)
        if block.is_log and block.n_terms == 1:
            self.residuals = BUFFERS.take("residuals", *shape)
            self.residuals[...] = shares[0]
            shares[0] = 1.0
            return
        np.exp(shares, out=shares)
        total = BUFFERS.take("total", *shape)
        np.sum(shares, axis=0, out=total)
        if not block.is_log:
            total -= block.target
            self.residuals = total
            return
        self.residuals = np.log(total, out=BUFFERS.take("residuals", *shape))
        np.divide(1.0, total, out=total)
        shares *= total

    def gradients(self) -> FloatArray:
        block = self._block
        found = np.zeros((*self.residuals.shape, block.n_parameters))
        for share, index, slopes in zip(self.shares, block.indices, block.term_slopes, strict=True):
            found[..., index] += share[..., None] * slopes
        return found

    def along(self, step: FloatArray) -> FloatArray:
        block = self._block
        found = BUFFERS.take("along", *self.residuals.shape)
        part = BUFFERS.take("along one", *self.residuals.shape)
        for k, index in enumerate(block.indices):
            into = part if k else found
            _apply(block.forms[k][..., :-1, :], step[:, index], into)
            into *= self.shares[k]
            if k:
                found += part
        return found

    def contract(
        self, slope: FloatArray, outer: FloatArray, *, curved: bool
    ) -> tuple[FloatArray, FloatArray]:
        block, shares = self._block, self.shares
        if curved and block.is_log:
            outer -= slope
        if not block.lasting or slope.size <= block.few:
            return block.slots.contract(block.slot_slopes, shares, slope, outer, curved=curved)
        half = BUFFERS.take("half", *slope.shape)
        moment = BUFFERS.take("moment", *slope.shape)
        sums = []
        for k, products in enumerate(block.products):
            sums.append(np.multiply(slope, shares[k], out=moment) @ block.own_products[k])
            np.multiply(outer, shares[k], out=half)
            for share, table in zip(shares[k:], products, strict=True):
                sums.append(np.multiply(half, share, out=moment) @ table)
        p = block.n_parameters
        whole = np.concatenate(sums, axis=1) @ (block.spread if curved else block.spread_flat)
        return whole[:, :p], whole[:, p:].reshape(len(slope), p, p)


def _column(expression: Expression, columns: Mapping[str, FloatArray]) -> FloatArray:
    return np.asarray(evaluate(expression, columns), dtype=np.float64)
