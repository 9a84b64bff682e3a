"""Standard errors: a sandwich of leverage-adjusted scores, with degrees of freedom.

With X the derivatives of the fitted values in the working parameters and psi the scores, a
quantity with gradient c has the standard error K sqrt(sum over clusters g of (u_g' psi_g)^2), where
u_g = A_g X_g B c. B is the inverse curvature, A_g = (I - H_gg)^(-1/2) undoes what the fit takes
from the residuals of cluster g, and K is Huber's (1973, Ann. Stat. 1) factor. Single rows give HC2,
clusters CR2 (Bell and McCaffrey 2002, Survey Methodology 28; Pustejovsky and Tipton 2018, J. Bus.
Econ. Stat. 36). Student's t has Bell and McCaffrey's degrees of freedom of that quantity.

The curvature counts the residuals inside the Huber threshold. Where too few are, it counts those
inside a wider window, whose width is that of Powell's estimate of a density at zero (Hall and
Sheather 1988, J. R. Stat. Soc. B 50). Absolute deviations are the limit of a threshold at zero.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import ndtri, stdtrit

from scalinglaws.arrays import BoolArray, FloatArray, IntArray
from scalinglaws.fitting.solver.model import Model
from scalinglaws.fitting.tables.chunks import row_blocks

_LEAST_LEFT = 1e-3  # share of a residual that the fit leaves, at least
# (4.5 phi(0)^2 z^2)^(1/3) with z = 1.96: share of the residuals inside the window, times n^(1/3)
_WINDOW_SHARE = 1.943
_ABSOLUTE = 1e-6  # threshold of absolute deviations, relative to the largest residual
_LEAST_EFFECT = 1e-150  # size of a column, so that its inverse and squares are numbers
_ROUNDING = 1e-14  # of a correlation
_MOST_ELEMENTS = 4_000_000  # of the work arrays of one batch of quantities


@dataclass(frozen=True)
class Rows:
    """What each row with weight does to the estimate.

    Attributes
    ----------
    basis : (rows, parameters)
        Orthonormal basis Q of the weighted columns of X.
    scores : (rows,)
        psi times the root of the weight.
    order, first : (rows,), (clusters,)
        Rows sorted by cluster, and where each cluster begins; None where rows are independent.
    """

    basis: FloatArray
    scores: FloatArray
    order: IntArray | None
    first: IntArray | None

    @cached_property
    def leverage(self) -> FloatArray:
        """Diagonal of the hat matrix."""
        return np.asarray(np.einsum("ij,ij->i", self.basis, self.basis))

    @property
    def n_clusters(self) -> int:
        """Independent units."""
        return len(self.scores) if self.first is None else len(self.first)

    def summed(self, values: FloatArray) -> FloatArray:
        """Sums over the rows of each cluster, along the first axis."""
        if self.order is None or self.first is None:
            return values
        return np.asarray(np.add.reduceat(values[self.order], self.first, axis=0))

    def adjusted(self, values: FloatArray) -> FloatArray:
        """Values multiplied by (I - H_gg)^(-1/2) in each cluster, along the first axis."""
        columns = values.reshape(len(values), -1)
        if self.order is None:
            left = np.maximum(1.0 - self.leverage, _LEAST_LEFT)
            return np.asarray((columns / np.sqrt(left)[:, None]).reshape(values.shape))
        # (I - QQ')^(-1/2) = I + Q V ((1 - s)^(-1/2) - 1)/s V'Q' with the eigenvalues s of Q'Q
        inner = self.summed(self.basis[:, :, None] * columns[:, None, :])
        moved = self._gain @ inner
        adjusted = columns + np.einsum("ik,ikq->iq", self.basis, moved[self._cluster_of])
        return np.asarray(adjusted.reshape(values.shape))

    @cached_property
    def _gain(self) -> FloatArray:
        """Q-coordinates of (I - H_gg)^(-1/2) - I, one matrix for each cluster."""
        taken, turned = np.linalg.eigh(self.summed(self.basis[:, :, None] * self.basis[:, None, :]))
        some = np.maximum(taken, 1e-12)
        gain = (1.0 / np.sqrt(np.maximum(1.0 - some, _LEAST_LEFT)) - 1.0) / some
        return np.asarray((turned * gain[:, None, :]) @ turned.transpose(0, 2, 1))

    @cached_property
    def _cluster_of(self) -> IntArray:
        assert self.order is not None
        assert self.first is not None
        sizes = np.diff(self.first, append=len(self.order))
        clusters = np.empty(len(self.order), dtype=np.intp)
        clusters[self.order] = np.repeat(np.arange(len(self.first)), sizes)
        return clusters

    def degrees_of_freedom(self, pulls: FloatArray) -> FloatArray:
        """Bell and McCaffrey's, of quantities with the pulls u; shape (quantities,).

        Rows are taken to be independent with equal noise: nu = tr(G)^2 / tr(G^2) of
        G = U'(I - QQ')U, where U has one column for each cluster.
        """
        squares = self.summed(pulls * pulls)
        if self.order is None:
            shared = self.leverage[:, None] * squares
            inner = np.einsum("iq,ik,il->qkl", squares, self.basis, self.basis, optimize=True)
        else:
            along = self.summed(pulls[:, :, None] * self.basis[:, None, :])
            shared = np.einsum("gqk,gqk->gq", along, along)
            inner = np.einsum("gqk,gql->qkl", along, along, optimize=True)
        trace = (squares - shared).sum(axis=0)
        square = (squares * (squares - 2.0 * shared)).sum(axis=0)
        square += (inner**2).sum(axis=(1, 2))
        with np.errstate(divide="ignore", invalid="ignore"):
            found = np.where(square > 0, trace * trace / square, np.nan)
        return np.asarray(np.maximum(found, 1.0))


@dataclass(frozen=True)
class Sandwich:
    """Covariance of the estimated parameters.

    Attributes
    ----------
    covariance : (parameters, parameters)
    to_basis : (parameters, parameters)
        R^-1 of the weighted columns X = QR.
    bread : (parameters, parameters)
        Inverse curvature in the coordinates of Q.
    gradient : (parameters,)
        Of the objective, in the coordinates of Q.
    n, p : number of rows with weight, and of parameters
    rows : Rows or None
        None for a table of many blocks, where Student's t has n - p degrees of freedom.
    """

    covariance: FloatArray
    to_basis: FloatArray
    bread: FloatArray
    gradient: FloatArray
    n: int
    p: int
    rows: Rows | None

    @property
    def n_units(self) -> int:
        """Independent units: rows, or clusters of rows."""
        return self.n if self.rows is None else self.rows.n_clusters

    def errors(self, gradients: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Standard error and degrees of freedom of each quantity.

        Parameters
        ----------
        gradients : (quantities, parameters)

        Returns
        -------
        (quantities,), (quantities,)
            Without more clusters than parameters, zero degrees of freedom: nothing is known.
        """
        variance = np.einsum("ij,jk,ik->i", gradients, self.covariance, gradients)
        return np.sqrt(np.maximum(variance, 0.0)), self.dof(gradients)

    def dof(self, gradients: FloatArray) -> FloatArray:
        """Degrees of freedom of each quantity; see `errors`."""
        if self.n_units <= self.p:
            return np.zeros(len(gradients))
        if self.rows is None or not self.p:
            return np.full(len(gradients), float(self.n - self.p))
        along = gradients @ self.to_basis
        largest = np.abs(along).max(axis=1, keepdims=True, initial=0.0)
        along = along / np.where(largest > 0, largest, 1.0)  # only the direction counts
        size = max(1, _MOST_ELEMENTS // (2 * self.rows.basis.size + 1))
        parts = [np.zeros(0)]
        for first in range(0, len(along), size):
            pulls = self.rows.basis @ (self.bread @ along[first : first + size].T)
            parts.append(self.rows.degrees_of_freedom(self.rows.adjusted(pulls)))
        found = np.concatenate(parts)
        return np.where(np.isnan(found), float(self.n_units - self.p), found)

    @property
    def step(self) -> FloatArray:
        """The Newton step from here: zero at a minimum, but for parameters not in the fit."""
        return np.asarray(-self.to_basis @ (self.bread @ self.gradient))

    def leverage(self, gradients: FloatArray) -> FloatArray:
        """C' (X'X)^-1 c: the variance of a fitted value relative to that of one run."""
        along = gradients @ self.to_basis
        return np.asarray(np.einsum("ij,ij->i", along, along))


def sandwich(
    model: Model,
    theta: FloatArray,
    kept: IntArray,
    weights: FloatArray,
    delta: float,
    clusters: IntArray | None,
) -> Sandwich:
    """The sandwich at an estimate.

    Parameters
    ----------
    kept : places of the parameters that were estimated
    weights : (rows,)
    delta : Huber threshold: infinite for least squares, zero for absolute deviations
    clusters : (rows,) or None
        A number for each set of rows that are not independent.
    """
    used = weights > 0
    n, p = int(np.count_nonzero(used)), len(kept)
    residuals = model.residuals(theta[None, :])[0]
    if delta == 0.0:
        delta = _ABSOLUTE * float(np.abs(residuals[used]).max(initial=0.0))
    window = _window(residuals[used], delta)
    to_basis = _inverse_triangle(model.columns(theta, weights)[:, kept])
    mean = mean_slope(residuals[used], delta)
    meat: FloatArray = np.zeros((p, p))
    curvature: FloatArray = np.zeros((p, p))
    gradient: FloatArray = np.zeros(p)
    order, first = _sorted_clusters(clusters, used) if model.is_one_block else (None, None)
    for part, basis in _bases(model, theta, kept, weights, to_basis):
        own, w = residuals[part], weights[part]
        scores = np.sqrt(w) * np.clip(own, -delta, delta)
        gradient += basis.T @ scores
        curvature += basis.T @ (_slopes(own, delta, window)[:, None] * basis)
        rows = Rows(basis[used[part]], scores[used[part]], order, first)
        summed = rows.summed(rows.adjusted(rows.scores)[:, None] * rows.basis)
        meat += summed.T @ summed
    few = p / n  # a share of the mean slope keeps the curvature regular
    bread = np.asarray(np.linalg.inv((1.0 - few) * curvature + few * mean * np.eye(p)))
    factor = 1.0 + few * (1.0 - max(mean, 0.5)) / max(mean, 0.5)
    with np.errstate(over="ignore", invalid="ignore"):  # no digits are left of such a parameter
        half = to_basis @ bread
        covariance = np.asarray(factor**2 * half @ meat @ half.T, dtype=np.float64)
    whole = rows if model.is_one_block else None
    return Sandwich(covariance, to_basis, bread, gradient, n, p, whole)


def _bases(
    model: Model, theta: FloatArray, kept: IntArray, weights: FloatArray, to_basis: FloatArray
) -> Iterator[tuple[slice, FloatArray]]:
    """Rows of Q = X R^-1, block by block."""
    for rows, _, jacobian in model.expansion(theta):
        yield rows, (jacobian[:, kept] * np.sqrt(weights[rows])[:, None]) @ to_basis


def mean_slope(residuals: FloatArray, delta: float) -> float:
    """Mean of psi' over residuals of the same weight: the mean curvature of the loss."""
    return float(_slopes(residuals, delta, _window(residuals, delta)).mean())


def _window(residuals: FloatArray, delta: float) -> float:
    """Half-width of the window in which the curvature of the loss is counted."""
    n = len(residuals)
    count = int(np.ceil(n * min(0.5, _WINDOW_SHARE * n ** (-1 / 3))))
    sizes = np.abs(residuals)
    return max(delta, float(np.partition(sizes, count - 1)[count - 1]))


def _slopes(residuals: FloatArray, delta: float, window: float) -> FloatArray:
    """Psi' of each residual, averaged over the window."""
    if np.isinf(delta) or window == 0.0:
        return np.ones(len(residuals))
    return np.where(np.abs(residuals) <= window, delta / window, 0.0)


def _inverse_triangle(columns: FloatArray) -> FloatArray:
    """R^-1 of the QR decomposition, columns scaled first."""
    size = np.maximum(np.linalg.norm(columns, axis=0), _LEAST_EFFECT)
    triangle = np.linalg.qr(columns / size, mode="r")
    with np.errstate(over="ignore"):
        inverse = np.linalg.solve(triangle, np.eye(len(size))) / size[:, None]
    return np.asarray(np.clip(inverse, -1.0 / _LEAST_EFFECT, 1.0 / _LEAST_EFFECT))


def _sorted_clusters(
    clusters: IntArray | None, used: BoolArray
) -> tuple[IntArray | None, IntArray | None]:
    """Rows with weight in the order of their clusters, and where each cluster begins."""
    if clusters is None:
        return None, None
    used_clusters = clusters[used]
    order = np.argsort(used_clusters, kind="stable")
    return order, np.flatnonzero(np.diff(used_clusters[order], prepend=used_clusters[order[0]] - 1))


def residual_noise(residuals: FloatArray, weights: FloatArray, n_estimated: int) -> float:
    """Standard deviation of a run of average weight around the curve; NaN without freedom."""
    n = int(np.count_nonzero(weights > 0))
    if n <= n_estimated:
        return np.nan
    squares = sum(
        float(weights[rows] @ (residuals[rows] * residuals[rows]))
        for rows in row_blocks(len(weights))
    )
    return float(np.sqrt(squares / float(weights.sum()) * n / (n - n_estimated)))


def root_of(covariance: FloatArray) -> FloatArray:
    """Lower triangle whose product with its transpose is the covariance, singular or not."""
    size = np.sqrt(np.maximum(np.diag(covariance), 1e-300))
    scaled = covariance / np.outer(size, size)
    ridge = _ROUNDING * np.eye(len(size))
    while True:
        try:
            return np.asarray(size[:, None] * np.linalg.cholesky(scaled + ridge))
        except np.linalg.LinAlgError:
            ridge = 10.0 * ridge


def t_quantile(confidence_level: float, dof: FloatArray | float) -> FloatArray:
    """Half-width of a central interval in standard errors; infinite at no degrees of freedom."""
    upper = 0.5 + 0.5 * confidence_level
    dof = np.asarray(dof, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        # stdtrit loses itself for huge dof, where t is normal to all digits
        found = np.where(dof < 1e8, stdtrit(np.clip(dof, 1e-3, 1e8), upper), ndtri(upper))
    return np.asarray(np.where(dof > 0, found, np.where(dof == 0, np.inf, np.nan)))


def half_widths(confidence_level: float, dof: FloatArray, std_error: FloatArray) -> FloatArray:
    """Of central intervals, one for each error; infinite where there are no degrees of freedom."""
    quantiles = t_quantile(confidence_level, dof)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(np.isinf(quantiles), np.inf, quantiles * std_error))
