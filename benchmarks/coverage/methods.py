"""Ways to make intervals, each a function of one table's task.

A method gives an array of shape (targets, levels, 2): low and high in natural units, NaN where it
says that there is none.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

import scalinglaws as sl
from benchmarks import library
from benchmarks.coverage.truth import Target, gradient
from scalinglaws.fitting.inference.uncertainty import least_squares_covariance, t_quantile

Floats = npt.NDArray[np.float64]

LEVELS = (0.5, 0.8, 0.9, 0.95)
N_RESAMPLES = 400
# A bootstrap of which fewer refits have an answer says nothing.
_ENOUGH = 0.5


@dataclass
class Task:
    """One table and what is asked of it; whatever several methods need is computed once.

    Attributes
    ----------
    seed : of the resampling
    cluster : column of rows that are not independent, or None
    """

    table: pd.DataFrame
    law: sl.Law
    targets: Sequence[Target]
    seed: int
    cluster: str | None

    @cached_property
    def fit(self) -> sl.Fit:
        """The fit with the documented defaults."""
        columns = self.table.drop(columns=[self.cluster] if self.cluster else [])
        return library.fit(columns, self.law, y="loss")

    @cached_property
    def estimates(self) -> Floats:
        """Targets at the fit, on their own scales."""
        with np.errstate(all="ignore"):
            return np.array([float(t.value(self.fit.values)) for t in self.targets])

    @cached_property
    def slopes(self) -> Floats:
        """Derivatives of the targets in the working parameters."""
        with np.errstate(all="ignore"):
            rows = [gradient(self.fit.law, self.fit.values, t) for t in self.targets]
        return np.nan_to_num(np.array(rows))

    @cached_property
    def answered(self) -> npt.NDArray[np.bool_]:
        """Targets that the fit itself says are determined."""
        fit = self.fit
        if fit.status.name == "NOT_CONVERGED" or fit.dof <= 0:
            return np.zeros(len(self.targets), dtype=np.bool_)
        return np.array([self._is_answered(j, t) for j, t in enumerate(self.targets)])

    def _is_answered(self, j: int, target: Target) -> bool:
        fit = self.fit
        if target.kind == "parameter":
            return bool(fit.table.loc[target.name, "status"] == "estimated")
        if target.point is not None:
            return bool(np.isfinite(self._predictions[target.point]))
        if not np.isfinite(self.estimates[j]):
            return False
        slope = self.slopes[j]
        lost = np.abs(slope @ fit.null_space) > 1e-6 * (np.abs(slope) @ np.abs(fit.null_space))
        return not lost.any() and not len(fit.alternatives)

    @cached_property
    def _predictions(self) -> Mapping[tuple[float, float], float]:
        """Upper ends of the library's own predictions, infinite where it has none."""
        points = list(dict.fromkeys(t.point for t in self.targets if t.point is not None))
        N, D = (np.array(v) for v in zip(*points, strict=True))
        known = {"N": N, "D": D, "C": 6 * N * D}
        with warnings.catch_warnings(action="ignore"):
            found = self.fit.predict({name: known[name] for name in self.fit.law.variables})
        return dict(zip(points, found.curve_high, strict=True))

    @cached_property
    def jacobian(self) -> Floats:
        """Of log loss in the working parameters, rows by parameters."""
        fit, law = self.fit, self.fit.law
        columns = {name: fit.runs.inputs[name] for name in law.variables}
        steps = np.array([fit.values[p.name] if p.positive else 1.0 for p in law.parameters])
        with np.errstate(all="ignore"):
            slopes = law.gradient(fit.values, columns) * steps / fit.fitted.to_numpy()[:, None]
        return np.asarray(np.nan_to_num(slopes))

    @cached_property
    def by_cases(self) -> Resamples | None:
        """Refits to resampled rows."""
        try:
            draws = self.fit.bootstrap(N_RESAMPLES, rng=self.seed)
        except sl.FitError:
            return None
        return resamples(self, draws, np.random.default_rng([self.seed, 1]))

    @cached_property
    def by_clusters(self) -> Resamples | None:
        """Refits to resampled clusters, or rows where these are independent."""
        if self.cluster is None:
            return self.by_cases
        if not (np.diag(self.fit.covariance) > 0).any():
            return None
        rng = np.random.default_rng([self.seed, 3])
        n = int(self.groups.max()) + 1
        counts = rng.multinomial(n, np.full(n, 1 / n), N_RESAMPLES)[:, self.groups]
        draws = library.refits(self.fit, weights=counts.astype(float))
        return resamples(self, draws, rng)

    @cached_property
    def groups(self) -> npt.NDArray[np.intp]:
        """Number of each row's cluster."""
        if self.cluster is None:
            return np.arange(self.fit.n)
        return np.asarray(pd.factorize(self.table[self.cluster])[0])

    @cached_property
    def by_residuals(self) -> Resamples | None:
        """Refits to the fitted curve with resampled residuals, inflated by leverage."""
        rng = np.random.default_rng([self.seed, 2])
        drawn = self.inflated_residuals[rng.integers(self.fit.n, size=(N_RESAMPLES, self.fit.n))]
        return self._shifted(drawn, rng)

    @cached_property
    def inflated_residuals(self) -> Floats:
        """Residuals over the root of one less the leverage, centred."""
        kept = np.diag(self.fit.covariance) > 0
        root = np.linalg.qr(self.jacobian[:, kept])[0]
        leverage = np.minimum((root * root).sum(axis=1), 0.98)
        residuals = self.fit.residuals.to_numpy() / np.sqrt(1 - leverage)
        return np.asarray(residuals - residuals.mean())

    def _shifted(self, errors: Floats, rng: np.random.Generator) -> Resamples | None:
        """Refits to the fitted curve with these errors."""
        if not (np.diag(self.fit.covariance) > 0).any():
            return None
        draws = library.refits(self.fit, shifts=errors - self.fit.residuals.to_numpy())
        return resamples(self, draws, rng)


@dataclass(frozen=True)
class Resamples:
    """Targets over the refits: of the curve, and as a new run would be seen."""

    values: Floats  # (targets, refits), on the targets' scales
    errors: Floats  # (targets, refits): errors of a new run, zero for targets that are of no run


def resamples(task: Task, draws: pd.DataFrame, rng: np.random.Generator) -> Resamples | None:
    """Targets of refits, None where too few of these arrived."""
    if len(draws) < _ENOUGH * N_RESAMPLES:
        return None
    params = {str(name): draws[name].to_numpy() for name in draws}
    with np.errstate(all="ignore"):
        values = np.array([t.value(params) for t in task.targets])
    residuals = task.fit.residuals.to_numpy()
    residuals = residuals * (task.fit.noise / np.sqrt(np.mean(residuals**2)))
    errors = residuals[rng.integers(len(residuals), size=values.shape)]
    is_run = np.array([t.kind == "run" for t in task.targets])
    return Resamples(values, np.where(is_run[:, None], errors, 0.0))


Method = Callable[[Task], Floats]


def _around(task: Task, std_errors: Floats, noise: float, dof: float) -> Floats:
    """Central intervals with Student's t on the targets' scales."""
    is_run = np.array([t.kind == "run" for t in task.targets])
    spread = np.hypot(std_errors, np.where(is_run, noise, 0.0))
    half = np.array([t_quantile(level, int(dof)) for level in LEVELS]) * spread[:, None]
    centre = task.estimates[:, None]
    return _natural(task, np.stack([centre - half, centre + half], axis=-1))


def _natural(task: Task, working: Floats) -> Floats:
    """In natural units, and only what the fit says is determined."""
    found = np.stack([t.natural(w) for t, w in zip(task.targets, working, strict=True)])
    for j, target in enumerate(task.targets):
        if target.kind == "parameter" and target.scale == "linear" and target.name == "E":
            found[j] = np.maximum(found[j], 0.0)
    return np.where(task.answered[:, None, None], found, np.nan)


def _nothing(task: Task) -> Floats:
    return np.full((len(task.targets), len(LEVELS), 2), np.nan)


def _delta(task: Task, covariance: Floats) -> Floats:
    variance = np.einsum("ij,jk,ik->i", task.slopes, covariance, task.slopes)
    return np.asarray(np.sqrt(np.maximum(variance, 0)))


def sandwich(task: Task) -> Floats:
    """HC3 sandwich, delta method, Student t: what the library prints."""
    return _around(task, _delta(task, task.fit.covariance), task.fit.noise, task.fit.dof)


def clustered(task: Task) -> Floats:
    """CR3 sandwich: the scores of a cluster are summed, and t has clusters less parameters."""
    fit = task.fit
    kept = np.flatnonzero(np.diag(fit.covariance) > 0)
    n_clusters = int(task.groups.max()) + 1
    if not len(kept) or n_clusters <= len(kept):
        return _nothing(task)
    jacobian = task.jacobian[:, kept]
    threshold = np.inf if fit.delta is None else fit.delta
    residuals = fit.residuals.to_numpy()
    psi = np.clip(residuals, -threshold, threshold)
    curved = np.abs(residuals) <= threshold
    size = np.linalg.norm(jacobian, axis=0)
    scaled = jacobian / size
    bread = np.linalg.inv((scaled * curved[:, None]).T @ scaled)
    spanned = scaled @ np.linalg.inv(np.linalg.cholesky(scaled.T @ scaled)).T
    meat = np.zeros((len(kept), len(kept)))
    for group in range(n_clusters):
        own = task.groups == group
        hat = spanned[own] @ spanned[own].T
        out = np.linalg.solve(np.eye(own.sum()) - 0.98 * hat, psi[own])
        score = bread @ (scaled[own].T @ out)
        meat += np.outer(score, score)
    covariance = np.zeros_like(fit.covariance)
    covariance[np.ix_(kept, kept)] = meat / np.outer(size, size)
    return _around(task, _delta(task, covariance), fit.noise, n_clusters - len(kept))


def equal_noise(task: Task) -> Floats:
    """Covariance of least squares with equal noise, delta method, Student t."""
    fit = task.fit
    kept = np.flatnonzero(np.diag(fit.covariance) > 0)
    if not len(kept) or fit.dof <= 0:
        return _nothing(task)
    residuals = fit.residuals.to_numpy()
    covariance = least_squares_covariance(
        task.jacobian, residuals, np.ones(fit.n), kept.astype(np.intp)
    )
    return _around(task, _delta(task, covariance), fit.noise, fit.dof)


def equal_noise_huber(task: Task) -> Floats:
    """The same for the loss that was minimised: Huber 1973, Ann. Statist. 1, eq. 8.

    sigma^2 becomes K^2 sum psi^2/(n - p) / mean(psi')^2 with K = 1 + p/n (1 - m)/m, where m is
    the share of residuals in the quadratic part.
    """
    fit = task.fit
    kept = np.flatnonzero(np.diag(fit.covariance) > 0)
    if not len(kept) or fit.dof <= 0:
        return _nothing(task)
    residuals = fit.residuals.to_numpy()
    threshold = np.inf if fit.delta is None else fit.delta
    inside = float(np.mean(np.abs(residuals) <= threshold))
    psi = np.clip(residuals, -threshold, threshold)
    correction = (1 + len(kept) / fit.n * (1 - inside) / inside) / inside
    covariance = least_squares_covariance(
        task.jacobian, psi * correction, np.ones(fit.n), kept.astype(np.intp)
    )
    return _around(task, _delta(task, covariance), fit.noise, fit.dof)


def percentile(task: Task, found: Resamples | None) -> Floats:
    """Quantiles over refits."""
    if found is None:
        return _nothing(task)
    return _natural(task, _quantiles(found.values + found.errors))


def basic(task: Task, found: Resamples | None) -> Floats:
    """Quantiles of refits less the fit, turned around, and widened as Student's t is."""
    if found is None:
        return _nothing(task)
    fit = task.fit
    shift = _quantiles(found.values - task.estimates[:, None] + found.errors)
    wider = np.array([t_quantile(v, fit.dof) / t_quantile(v, 10**9) for v in LEVELS])
    shift = shift * (wider * np.sqrt(fit.n / max(fit.dof, 1)))[None, :, None]
    return _natural(task, task.estimates[:, None, None] - shift[..., ::-1])


def bootstrap_t(task: Task, found: Resamples | None) -> Floats:
    """Standard deviation over refits, by their middle 68 %, times Student's t."""
    if found is None:
        return _nothing(task)
    with np.errstate(invalid="ignore"):
        low, high = np.nanquantile(found.values, [0.1587, 0.8413], axis=1)
    return _around(task, (high - low) / 2, task.fit.noise, task.fit.dof)


def _quantiles(values: Floats) -> Floats:
    """Low and high of each level, shape (targets, levels, 2); no answer counts as either end."""
    tails = 0.5 - 0.5 * np.array(LEVELS)
    with np.errstate(invalid="ignore"):
        low = np.quantile(
            np.where(np.isnan(values), -np.inf, values), tails, axis=1, method="lower"
        )
        high = np.quantile(
            np.where(np.isnan(values), np.inf, values), 1 - tails, axis=1, method="higher"
        )
    return np.stack([low.T, high.T], axis=-1)


METHODS: Mapping[str, Method] = {
    "sandwich": sandwich,
    "equal noise": equal_noise,
    "equal noise Huber": equal_noise_huber,
    "cluster sandwich": clustered,
    "cases percentile": lambda task: percentile(task, task.by_cases),
    "cases basic t": lambda task: basic(task, task.by_cases),
    "cases sd t": lambda task: bootstrap_t(task, task.by_cases),
    "clusters percentile": lambda task: percentile(task, task.by_clusters),
    "clusters sd t": lambda task: bootstrap_t(task, task.by_clusters),
    "residuals percentile": lambda task: percentile(task, task.by_residuals),
    "residuals sd t": lambda task: bootstrap_t(task, task.by_residuals),
}
