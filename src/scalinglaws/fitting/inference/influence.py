"""What each run does to an estimate, to first order, and the variances that follow from it.

The estimate solves sum(w_i psi(r_i) g_i) = 0, so that a smooth function of it with gradient c moves
by -sum(u_i psi_i) with u_i = w_i g_i' B c, B an inverse of the curvature. Its variance is
sum(u_i^2 v_i) with v_i the variance of each score. Two things are known of that: the run's own
square, brought back to the size that it had before the fit took its share of it (HC2), which any
pattern of noise shows in and which is one observation; and what a noise law fitted to all squares
says of a run of this size (`noise`), which is all that few runs can tell. With nu degrees of
freedom the second has a share of 30/(30 + nu) in v_i: three quarters with 11, a ninth with 235. The
inverse of the expected curvature has the same share in B, beside that of the Hessian. Where a noise
law has made the weights, it is not asked twice: then the runs' own squares are all.

Runs that hang together in clusters have their own squares alone, in whole clusters (CR2: Bell and
McCaffrey 2002, Survey Methodology 28; Pustejovsky and Tipton 2018, J. Bus. Econ. Stat. 36). Both
are unbiased where the noise is as the law says, and consistent where it is not. For the Huber loss
the curvature is itself a count of residuals, for which Huber's (1973, Ann. Stat. 1) factor makes
up.

Student's t has the degrees of freedom that the variance estimate of this very function has
(Satterthwaite): few runs of high leverage, few clusters or a few noisy runs make them small, and
so does a noise law that is asked far from the middle of the sizes. The square of a clipped score
varies less than that of a normal one: its kurtosis enters the variance of the variance,
2 tr(ASAS) + sum (kurtosis - 3) a_ii^2 s_i^2 of the quadratic form x'Ax.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import ndtr

from scalinglaws.arrays import BoolArray, FloatArray, IntArray
from scalinglaws.fitting.inference.noise import EQUAL, LEAST_DOF, NoiseLaw, kept_noise

_LEAST_REST = 1e-3  # share of its own residual that a direction of a cluster keeps
_NO_SHARE = 1e-12
MANY_UNITS = 2_000  # of which what they show themselves is all
_LEAST_CLIPPED = 8  # degrees of freedom below which clipping is no clue to the kurtosis
_MOST_ELEMENTS = 4_000_000  # of the work arrays of one batch of functions


@dataclass(frozen=True)
class Influence:
    """Runs and their pull on the estimated parameters.

    Attributes
    ----------
    columns : (runs, parameters)
        Derivatives of the residuals times the roots of the weights.
    scores : (runs,)
        psi of the residuals times the roots of the weights.
    bread : (parameters, parameters)
        Inverse of the curvature of the objective.
    inflation : float
        Factor on every variance.
    noise_law : NoiseLaw
        Of the scores; equal by default.
    log_size : (runs,) or None
        Where on that law each run stands; None where the noise is equal.
    clusters : (runs,) or None
        A number for each cluster; None where runs are independent.
    kurtosis : float
        Fourth moment of a score over the square of its second; 3 for a normal one. Scores that are
        summed over clusters are taken as normal.
    is_weighted : bool
        The weights are those of a noise law that was fitted to these very runs.
    """

    columns: FloatArray
    scores: FloatArray
    bread: FloatArray
    inflation: float
    noise_law: NoiseLaw = EQUAL
    log_size: FloatArray | None = None
    clusters: IntArray | None = None
    kurtosis: float = 3.0
    is_weighted: bool = False

    @cached_property
    def basis(self) -> FloatArray:
        """Orthonormal columns of the space that the fit takes from the residuals."""
        size = np.maximum(np.linalg.norm(self.columns, axis=0), 1e-300)
        return np.asarray(np.linalg.qr(self.columns / size)[0])

    @cached_property
    def noise(self) -> FloatArray:
        """Relative variance of each score, by the noise law."""
        if self.log_size is None:
            return np.ones(len(self.scores))
        return self.noise_law.variance(self.log_size)

    @cached_property
    def tilt(self) -> FloatArray:
        """Error of the logarithm of `noise` that comes from the slope's."""
        if self.log_size is None:
            return np.zeros(len(self.scores))
        return self.noise_law.tilt(self.log_size)

    @cached_property
    def kept(self) -> FloatArray:
        """Expected square of each residual, relative to its run's own noise."""
        return kept_noise(self.noise, self.leverage, self.basis)

    @cached_property
    def leverage(self) -> FloatArray:
        """Share of each run's own residual that the fit takes."""
        return np.asarray(np.einsum("ij,ij->i", self.basis, self.basis))

    @cached_property
    def _members(self) -> list[IntArray]:
        """Rows of each cluster."""
        assert self.clusters is not None
        order = np.argsort(self.clusters, kind="stable")
        ends = np.flatnonzero(np.diff(self.clusters[order])) + 1
        return [np.asarray(part) for part in np.split(order, ends)]

    @cached_property
    def n_units(self) -> int:
        """Independent units that count for something: runs, or clusters of runs."""
        if self.clusters is None:
            return int(np.count_nonzero(self._counted))
        return len(np.unique(self.clusters[self._counted]))

    @property
    def rest(self) -> int:
        """Units less parameters."""
        return self.n_units - len(self.bread)

    def adjusted(self, values: FloatArray) -> FloatArray:
        """Runs' values, such as residuals, before the fit took its share.

        Parameters
        ----------
        values : (runs,) or (runs, columns)
        """
        columns = values.reshape(len(values), -1)
        if self.clusters is None:
            return np.asarray((columns / np.sqrt(self.kept)[:, None]).reshape(values.shape))
        found = np.empty_like(columns)
        for rows in self._members:
            own = self.basis[rows]
            taken, turned = np.linalg.eigh(own.T @ own)
            # (I - QQ')^(-1/2) = I + Q V ((1 - s)^(-1/2) - 1)/s V'Q' with the eigenvalues s of Q'Q
            some = np.maximum(taken, _NO_SHARE)
            gain = (1.0 / np.sqrt(np.maximum(1.0 - some, _LEAST_REST)) - 1.0) / some
            here = columns[rows]
            found[rows] = here + own @ ((turned * gain) @ (turned.T @ (own.T @ here)))
        return np.asarray(found.reshape(values.shape))

    @cached_property
    def _pulls(self) -> FloatArray:
        """Adjusted pull of each run on each parameter; shape (runs, parameters)."""
        return self.adjusted(self.columns @ self.bread)

    def _by_unit(self, values: FloatArray) -> FloatArray:
        """Sums over the runs of each unit, along the axis before the last."""
        if self.clusters is None:
            return values
        return np.stack([values[..., rows, :].sum(axis=-2) for rows in self._members], axis=-2)

    @cached_property
    def covariance(self) -> FloatArray:
        """Covariance of the parameters."""
        if self.clusters is not None:
            moved = self._by_unit(self._pulls * self.scores[:, None])
            return np.asarray(self.inflation * (moved.T @ moved))
        pulls = self.columns @ self.bread
        return np.asarray(self.inflation * (pulls.T @ (self._squares[:, None] * pulls)))

    @cached_property
    def _squares(self) -> FloatArray:
        """Variance of each score: its own square, and what the noise law says; shape (runs,)."""
        own, counted = self.scores**2 / self.kept, self._counted
        expected = float(np.sum((self.kept * self.noise)[counted]))
        level = float(np.sum(self.scores[counted] ** 2)) / max(expected, 1e-300)
        return np.asarray((1.0 - self.lent) * own + self.lent * level * self.noise)

    @property
    def lent(self) -> float:
        """Share of what is expected in what these units show.

        None where the weights have taken the noise law at its word already: where that is too
        steep by chance, so are the weights, and only the runs' own squares show it.
        """
        return 0.0 if self.is_weighted else lent_share(self.n_units, self.rest)

    @cached_property
    def _counted(self) -> BoolArray:
        """Runs that the parameters move, and that have a weight."""
        return np.asarray((self.columns != 0.0).any(axis=1))

    def leverage_of(self, gradient: FloatArray) -> FloatArray:
        """G' (J'WJ)^-1 g of the gradient of a prediction; shape (functions,)."""
        size = np.maximum(np.linalg.norm(self.columns, axis=0), 1e-300)
        triangle = np.asarray(np.linalg.qr(self.columns / size, mode="r"))
        turned = np.linalg.solve(triangle.T, (gradient / size).T)
        return np.asarray(np.einsum("kf,kf->f", turned, turned))

    def dof(self, gradient: FloatArray) -> FloatArray:
        """Degrees of freedom of the variance of each function of the parameters.

        Parameters
        ----------
        gradient : (functions, parameters)

        Returns
        -------
        (functions,)
            NaN for a function that does not move; zero where there are no more clusters than
        parameters, which leaves no variance to be seen between them.
        """
        if self.clusters is not None and self.rest <= 0:
            return np.zeros(len(gradient))
        if self.n_units > MANY_UNITS:  # t is normal to the third digit
            return np.full(len(gradient), float(self.rest))
        size = max(1, _MOST_ELEMENTS // (4 * self.basis.size + 1))
        parts = [self._dof(gradient[i : i + size]) for i in range(0, len(gradient), size)]
        return np.concatenate([np.zeros(0), *parts])

    def _dof(self, gradient: FloatArray) -> FloatArray:
        own = self._dof_of_squares(gradient)
        if self.clusters is not None:
            return own
        # of two estimates of one variance that rise and fall together
        lent = self.lent
        error = (1.0 - lent) / np.sqrt(own) + lent / np.sqrt(self._dof_of_law(gradient))
        return np.asarray(1.0 / error**2)

    def _dof_of_law(self, gradient: FloatArray) -> FloatArray:
        """Where the noise law gives the variances: those of its level, and what its slope adds."""
        along = _scaled(gradient @ (self.columns @ self.bread).T)
        pulled = along * along * self.noise
        total = pulled.sum(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            tilt = np.where(total > 0, pulled @ self.tilt / total, 0.0)
        return np.asarray(2.0 / (2.0 / max(self.rest, 1) + tilt**2))

    def _dof_of_squares(self, gradient: FloatArray) -> FloatArray:
        """Where the runs' own squares, or those of whole clusters, give them."""
        along = _scaled(gradient @ self._pulls.T)
        # V = e'(sum of u_g u_g')e with residuals e = M x and var(x) = diag(noise): what counts is
        # W_gh = u_g' M diag(noise) M u_h, a diagonal plus a product of few columns
        own = self._by_unit((along * along * self.noise)[:, :, None])[:, :, 0]
        taken = self._by_unit(along[:, :, None] * self.basis)
        noisy = self._by_unit((along * self.noise)[:, :, None] * self.basis)
        whole = self.basis.T @ (self.noise[:, None] * self.basis)
        left = np.concatenate([taken @ whole - noisy, -taken], axis=2)
        right = np.concatenate([taken, noisy], axis=2)
        cross = np.einsum("fgk,fgk->fg", left, right)
        trace = (own + cross).sum(axis=1)
        squares = np.einsum(
            "fkl,fkl->f", left.transpose(0, 2, 1) @ left, right.transpose(0, 2, 1) @ right
        )
        squares += (own * (own + 2.0 * cross)).sum(axis=1)
        if self._is_clipped:
            squares -= 0.5 * (3.0 - self.kurtosis) * self._fourth(along)
        with np.errstate(divide="ignore", invalid="ignore"):
            found = np.where(squares > 0, trace * trace / squares, np.nan)
        # where few are left, residuals are sums of many scores, and their own clipping is no clue
        most = np.inf if self.clusters is not None else max(self.rest, 1)
        return np.asarray(np.minimum(found, most))

    @property
    def _is_clipped(self) -> bool:
        """Whether the kurtosis of the scores is known, and is not that of normal ones.

        Each of a few residuals is a mixture of the noise of many runs, and nearly normal.
        """
        return self.clusters is None and self.kurtosis != 3.0 and self.rest >= _LEAST_CLIPPED

    def _fourth(self, along: FloatArray) -> FloatArray:
        """Sum of a_ii^2 s_i^2, with A the matrix of V as a quadratic form; shape (functions,)."""
        pulled = along * along
        spanned = np.einsum("fg,gk,gl->fkl", pulled, self.basis, self.basis, optimize=True)
        through = np.einsum("ik,fkl,il->fi", self.basis, spanned, self.basis, optimize=True)
        own = pulled * (1.0 - 2.0 * self.leverage) + through
        return np.asarray(((own * self.noise) ** 2).sum(axis=1))


def lent_share(n_units: int, dof: int) -> float:
    """Share of what is expected in what units show: a half at 30 degrees of freedom."""
    return 0.0 if n_units > MANY_UNITS else LEAST_DOF / (LEAST_DOF + max(dof, 0))


def _scaled(along: FloatArray) -> FloatArray:
    """Rows whose largest is one, so that no gradient under- or overflows when it is squared."""
    largest = np.abs(along).max(axis=1, keepdims=True)
    return np.asarray(along / np.where(largest > 0, largest, 1.0))


def clipped_kurtosis(threshold: float) -> float:
    """Kurtosis of a standard normal variable clipped at a threshold.

    Parameters
    ----------
    threshold : float
        In standard deviations; infinite for no clipping.
    """
    if not np.isfinite(threshold):
        return 3.0
    k = threshold
    inside, density = 2.0 * ndtr(k) - 1.0, np.exp(-0.5 * k * k) / np.sqrt(2.0 * np.pi)
    second = inside - 2.0 * k * density + (1.0 - inside) * k**2
    fourth = 3.0 * inside - 2.0 * density * (k**3 + 3.0 * k) + (1.0 - inside) * k**4
    return float(fourth / second**2)


def huber_inflation(curvature: FloatArray, weights: FloatArray, n_estimated: int) -> float:
    """Factor on the variances for a curvature that is a count of residuals (Huber 1973).

    Parameters
    ----------
    curvature : (runs,)
        Second derivative of the loss at each residual: one or zero, or constant for squares.
    """
    total = float(weights.sum())
    mean, square = float(weights @ curvature) / total, float(weights @ curvature**2) / total
    return inflation(mean, square, int(np.count_nonzero(weights > 0)), n_estimated)


def inflation(mean: float, square: float, n: int, n_estimated: int) -> float:
    """Huber's factor, from the mean of the curvature and of its square over n runs."""
    if mean <= 0:
        return 1.0
    variance = max(square - mean * mean, 0.0)
    return (1.0 + n_estimated / n * variance / mean**2) ** 2
