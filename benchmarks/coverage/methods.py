"""Ways to make intervals, each a function of one table's task.

A method gives an array of shape (targets, levels, 2): low and high in natural units, NaN where it
says that there is none. To add one is to add a line to `METHODS`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.coverage.fitted import Fitted, Task
from benchmarks.coverage.refits import (
    Draws,
    by_cases,
    by_clusters,
    by_normal,
    by_residuals,
    by_wild,
)
from benchmarks.coverage.truth import Params, Target
from scalinglaws.fitting.inference.intervals import IntervalMethod
from scalinglaws.fitting.inference.uncertainty import least_squares_covariance, t_quantile

Floats = npt.NDArray[np.float64]
Method = Callable[[Task], Floats]
Maker = Callable[[Fitted, int], Draws | None]

LEVELS = (0.5, 0.8, 0.9, 0.95)
ALL = ("parameter", "derived", "curve", "run")
_MOST_LEVERAGE = 0.98


# --- intervals from standard errors -----------------------------------------------------------


def of_library(method: IntervalMethod, task: Task, *, kinds: tuple[str, ...] = ALL) -> Floats:
    """What `fit.intervals` gives, and `fit.predict` for the curve and new runs, by default.

    Parameters
    ----------
    kinds : of the targets that are answered
    """
    own = task.default
    found = _nothing(own)
    if not own.answered.any():
        return found
    # a budget's optimum that overflows has no interval: the library says so, for all that is asked
    natural = [float(t.natural(e)) for t, e in zip(own.targets, own.estimates, strict=True)]
    # a new run has no profile: it is shown with the library's own prediction
    asks = {"parameter", "derived", *(["curve"] if method != "auto" else [])} & set(kinds)
    places = [j for j, t in enumerate(own.targets) if t.kind in asks and np.isfinite(natural[j])]
    asked = {own.targets[j].name: _function(own.targets[j]) for j in places}
    for k, level in enumerate(LEVELS):
        table = own.fit.intervals(asked, method=method, confidence_level=level)
        found[places, k] = table[["low", "high"]].to_numpy()
        points, predicted = own.predictions(level)
        for j, target in enumerate(own.targets):
            if target.kind not in asks and target.point is not None:
                row = predicted.iloc[points.index(target.point)]
                found[j, k] = row[f"{target.kind}_low"], row[f"{target.kind}_high"]
    answered = own.answered & np.array([t.kind in kinds for t in own.targets])
    return np.where(answered[:, None, None], found, np.nan)


def _function(target: Target) -> str | Callable[[Params], Any]:
    """A target in natural units, as `fit.intervals` takes it."""
    if target.kind == "parameter":
        return target.name
    return target.value if target.scale == "linear" else lambda p: np.exp(target.value(p))


def sandwich(task: Task) -> Floats:
    """HC2 sandwich of rows of equal weight, delta method, Student t with n - p."""
    own = task.plain
    return _sandwich(own, np.arange(own.fit.n), -0.5, own.fit.dof)


def clustered(task: Task) -> Floats:
    """CR3 sandwich: the scores of a cluster are summed, and t has clusters less parameters."""
    own = task.plain
    return _sandwich(own, own.groups, -1.0, own.n_groups - len(own.kept))


def _sandwich(own: Fitted, groups: npt.NDArray[np.intp], power: float, dof: int) -> Floats:
    """Scores summed over groups of rows, times a power of what the fit leaves of these."""
    if not len(own.kept) or dof <= 0:
        return _nothing(own)
    psi, inside = _scores(own)
    size = np.linalg.norm(own.jacobian, axis=0)
    scaled = own.jacobian / size
    bread = np.linalg.inv((scaled * inside[:, None]).T @ scaled)
    meat = np.zeros_like(bread)
    for group in np.unique(groups):
        rows = groups == group
        hat = _MOST_LEVERAGE * own.basis[rows] @ own.basis[rows].T
        left, turned = np.linalg.eigh(np.eye(len(hat)) - hat)
        score = bread @ (scaled[rows].T @ (turned * left**power @ (turned.T @ psi[rows])))
        meat += np.outer(score, score)
    covariance = np.zeros_like(own.fit.covariance)
    covariance[np.ix_(own.kept, own.kept)] = meat / np.outer(size, size)
    return _around(own, _delta(own, covariance), dof)


def equal_noise(task: Task) -> Floats:
    """Covariance of least squares with equal noise, delta method, Student t."""
    return _equal_noise(task.plain, task.plain.residuals)


def equal_noise_huber(task: Task) -> Floats:
    """The same for the loss that was minimised: Huber 1973, Ann. Statist. 1, 799.

    sigma^2 becomes K^2 (sum of psi^2)/(n - p) / m^2 with K = 1 + p/n (1 - m)/m, where m is the
    share of residuals in the quadratic part.
    """
    own = task.plain
    psi, inside = _scores(own)
    m = float(inside.mean())
    correction = 1 + len(own.kept) / own.fit.n * (1 - m) / m
    return _equal_noise(own, psi * correction / m)


def _equal_noise(own: Fitted, residuals: Floats) -> Floats:
    if not len(own.kept) or own.fit.dof <= 0:
        return _nothing(own)
    every = np.arange(len(own.kept))
    covariance = np.zeros_like(own.fit.covariance)
    covariance[np.ix_(own.kept, own.kept)] = least_squares_covariance(
        own.jacobian, residuals, np.ones(own.fit.n), every
    )
    return _around(own, _delta(own, covariance), own.fit.dof)


def _scores(own: Fitted) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Derivative of the loss at each residual, and whether it is in the quadratic part."""
    threshold = np.inf if own.fit.delta is None else own.fit.delta
    residuals = own.residuals
    return np.clip(residuals, -threshold, threshold), np.abs(residuals) <= threshold


def _delta(own: Fitted, covariance: Floats) -> Floats:
    variance = np.einsum("ij,jk,ik->i", own.slopes, covariance, own.slopes)
    return np.asarray(np.sqrt(np.maximum(variance, 0)))


def _around(own: Fitted, std_errors: Floats, dof: float) -> Floats:
    """Central intervals with Student's t on the targets' scales."""
    spread = np.hypot(std_errors, np.where(own.is_run, own.fit.noise, 0.0))
    spread = np.where(spread > 0, spread, np.nan)  # as of a floor at zero
    half = np.array([t_quantile(level, int(dof)) for level in LEVELS]) * spread[:, None]
    centre = own.estimates[:, None]
    return _natural(own, np.stack([centre - half, centre + half], axis=-1))


def _natural(own: Fitted, working: Floats) -> Floats:
    """In natural units, and only what the fit says is determined."""
    found = np.stack([t.natural(w) for t, w in zip(own.targets, working, strict=True)])
    floor = np.array([t.name == "E" for t in own.targets])
    found[floor] = np.maximum(found[floor], 0.0)
    return np.where(own.answered[:, None, None], found, np.nan)


def _nothing(own: Fitted) -> Floats:
    return np.full((len(own.targets), len(LEVELS), 2), np.nan)


# --- intervals from refits --------------------------------------------------------------------


def percentile(own: Fitted, draws: Draws) -> Floats:
    """Quantiles over refits."""
    return _natural(own, _quantiles(draws.values + draws.errors))


def basic(own: Fitted, draws: Draws) -> Floats:
    """Quantiles of refits less the fit, turned around, and widened as Student's t is."""
    shift = _quantiles(draws.values - own.estimates[:, None] + draws.errors)
    wider = np.array([t_quantile(v, own.fit.dof) / t_quantile(v, 10**9) for v in LEVELS])
    shift = shift * (wider * np.sqrt(own.fit.n / max(own.fit.dof, 1)))[None, :, None]
    return _natural(own, own.estimates[:, None, None] - shift[..., ::-1])


def spread_t(own: Fitted, draws: Draws) -> Floats:
    """Standard deviation over refits, by their middle 68 %, times Student's t."""
    with np.errstate(invalid="ignore"):
        low, high = np.nanquantile(draws.values, [0.1587, 0.8413], axis=1)
    return _around(own, (high - low) / 2, own.fit.dof)


def _quantiles(values: Floats) -> Floats:
    """Low and high of each level, shape (targets, levels, 2); no answer counts as either end."""
    tails = 0.5 - 0.5 * np.array(LEVELS)
    lost = np.isnan(values)
    low = np.quantile(np.where(lost, -np.inf, values), tails, axis=1, method="lower")
    high = np.quantile(np.where(lost, np.inf, values), 1 - tails, axis=1, method="higher")
    return np.stack([low.T, high.T], axis=-1)


def _resampled(make: Maker, read: Callable[[Fitted, Draws], Floats], task: Task) -> Floats:
    """Intervals that are read off refits, which are made once for a table."""
    if make is by_clusters and task.cluster is None:
        make = by_cases
    if make not in task.shared:
        task.shared[make] = make(task.plain, task.seed)
    draws = task.shared[make]
    return _nothing(task.plain) if draws is None else read(task.plain, draws)


METHODS: dict[str, Method] = {
    "auto": partial(of_library, "auto"),
    "profile": partial(of_library, "profile"),
    "adjusted profile": partial(of_library, "adjusted-profile"),
    # the profile of a derived quantity takes up to a second
    "profile of parameters": partial(of_library, "profile", kinds=("parameter",)),
    "adjusted profile of parameters": partial(of_library, "adjusted-profile", kinds=("parameter",)),
    "sandwich": sandwich,
    "cluster sandwich": clustered,
    "equal noise": equal_noise,
    "equal noise Huber": equal_noise_huber,
    "cases percentile": partial(_resampled, by_cases, percentile),
    "cases basic t": partial(_resampled, by_cases, basic),
    "cases sd t": partial(_resampled, by_cases, spread_t),
    "clusters percentile": partial(_resampled, by_clusters, percentile),
    "clusters sd t": partial(_resampled, by_clusters, spread_t),
    "residuals percentile": partial(_resampled, by_residuals, percentile),
    "wild percentile": partial(_resampled, by_wild, percentile),
    "parametric percentile": partial(_resampled, by_normal, percentile),
    "residuals sd t": partial(_resampled, by_residuals, spread_t),
}
# Those of the committed page; the others were left behind, or take long.
USUAL = ("auto", "sandwich", "equal noise Huber", "cases percentile", "clusters percentile")
