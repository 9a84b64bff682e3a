"""IsoFLOP profiles: their runs near the minimum, noise, and minima of many noisy copies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from scalinglaws.arrays import BoolArray, FloatArray
from scalinglaws.numerals import plural
from scalinglaws.options import generator_of
from scalinglaws.planning.budgets import Budget, RunColumns, count_sizes
from scalinglaws.planning.law_with_values import Rng

METHODS = ("parabola", "akima")
# Runs near the best one of a budget: ln N within the window, and log performance within the rise.
WINDOW, RISE = 1.7, 0.08
_FEWEST = {"parabola": 4, "akima": 5}  # distinct sizes
_POLYNOMIAL = {"parabola": 2, "akima": 4}  # around which a profile's own noise is measured
_SAME = 1e-3  # spread of compute inside a budget that needs no correction
_GRID = 400
_MOST_NOISE = 50.0  # of a logarithm in a copy: the noise of one degree of freedom has no bound
_FLAT = 2.0  # standard errors of the curvature, below which a profile is flat


@dataclass(frozen=True)
class ProfileMinimum:
    """Lowest points of profiles over x = ln N, each array over the batch.

    Attributes
    ----------
    x, y : lowest point of the curve between the smallest and the largest model
    end : 0 where it lies between them, -1 at the smallest and +1 at the largest
    refusal : why the first profile has no minimum; empty where it has one
    """

    x: FloatArray
    y: FloatArray
    end: FloatArray
    refusal: str


def near_minimum(x: FloatArray, y: FloatArray, window: float, rise: float) -> BoolArray:
    """Runs within `window` of ln N and `rise` of ln y of the best one, and its four nearest sizes.

    With coarse steps of N, four sizes are wider apart than any window.
    """
    best = int(y.argmin())
    log_y, sizes = np.log(y), np.round(x, 4)
    near = (np.abs(x - x[best]) < window) & (log_y < log_y[best] + rise)
    distinct = np.unique(sizes)
    nearest = np.argsort(np.abs(distinct - sizes[best]), kind="stable")[: _FEWEST["parabola"]]
    return np.asarray(near | np.isin(sizes, distinct[nearest]))


def why_not_bracketed(x: FloatArray, y: FloatArray, method: str) -> str:
    """Why a profile cannot have a minimum between its runs; empty where it may."""
    sizes, least = len(np.unique(np.round(x, 4))), _FEWEST[method]
    if sizes < least:
        return f"{plural(sizes, 'model size')}, and at least {least} are needed"
    best = x[y.argmin()]
    if method == "parabola" and best in (x.min(), x.max()):
        side = "smallest" if best == x.min() else "largest"
        return f"the minimum is not bracketed: the {side} model is the best"
    return ""


def profile_minimum(x: FloatArray, profiles: FloatArray, method: str) -> ProfileMinimum:
    """Lowest point of each profile, shape (batch, runs), over the shared x."""
    return _parabola(x, profiles) if method == "parabola" else _akima(x, profiles)


def parabola_coefficients(x: FloatArray, profiles: FloatArray) -> tuple[FloatArray, float]:
    """Coefficients of 1, u and u^2 with u = x - mean(x), shape (batch, 3), and that mean."""
    centre = float(x.mean())
    design = np.vander(x - centre, 3, increasing=True)
    return np.asarray(profiles @ np.linalg.pinv(design).T), centre


def _parabola(x: FloatArray, profiles: FloatArray) -> ProfileMinimum:
    coefficients, centre = parabola_coefficients(x, profiles)
    level, slope, bend = coefficients.T
    low, high = x.min() - centre, x.max() - centre
    with np.errstate(divide="ignore", invalid="ignore"):
        vertex = -slope / (2 * bend)
    lower_end = np.where(slope * (high - low) + bend * (high**2 - low**2) > 0, low, high)
    at = np.where(bend > 0, np.clip(vertex, low, high), lower_end)
    end = np.where(at <= low, -1.0, np.where(at >= high, 1.0, 0.0))
    refusal = ""
    if bend[0] <= 0:
        refusal = "the profile has no minimum: the parabola opens downwards"
    elif end[0] != 0:
        side = "smallest" if end[0] < 0 else "largest"
        refusal = f"the minimum is not bracketed: it lies beyond the {side} model"
    elif _is_flat(x, profiles[0], coefficients[0], centre):
        refusal = "the profile is flat: its curvature is within two standard errors of zero"
    return ProfileMinimum(centre + at, level + slope * at + bend * at**2, end, refusal)


def _is_flat(x: FloatArray, y: FloatArray, coefficients: FloatArray, centre: float) -> bool:
    design = np.vander(x - centre, 3, increasing=True)
    dof = len(x) - 3
    residual = y - design @ coefficients
    variance = float(residual @ residual) / dof * np.linalg.inv(design.T @ design)[2, 2]
    return bool(coefficients[2] <= _FLAT * np.sqrt(variance))


def _akima(x: FloatArray, profiles: FloatArray) -> ProfileMinimum:
    """Akima's interpolation of log performance, as Porian et al. 2024 do."""
    from scipy.interpolate import Akima1DInterpolator  # a fifth of a second that few need

    known: BoolArray = np.all(np.isfinite(profiles) & (profiles > 0), axis=1)
    logs = np.log(np.where(known[:, None], profiles, 1.0))  # a law may have no value somewhere
    knots, place = np.unique(np.round(x, 6), return_inverse=True)
    counts = np.bincount(place)
    means = np.stack([np.bincount(place, row) / counts for row in logs], axis=1)
    curve = Akima1DInterpolator(knots, means)
    grid = np.linspace(knots[0], knots[-1], _GRID * (len(knots) - 1) + 1)
    values = curve(grid)
    best = values.argmin(axis=0)
    at = np.where(known, grid[best], np.nan)
    lowest = np.where(known, values[best, np.arange(len(profiles))], np.nan)
    end = np.where(best == 0, -1.0, np.where(best == len(grid) - 1, 1.0, 0.0))
    refusal = ""
    if end[0] != 0:
        side = "smallest" if end[0] < 0 else "largest"
        refusal = f"the minimum is not bracketed: the {side} model is the best"
    return ProfileMinimum(at, np.exp(lowest), end, refusal)


@dataclass(frozen=True)
class Minima:
    """Minima of every copy on every accepted budget, arrays of shape (copies, budgets)."""

    log_n: FloatArray
    log_d: FloatArray
    y: FloatArray
    end: FloatArray


def bracketed_profiles(
    table: RunColumns, budgets: Sequence[Budget], method: str, window: float, rise: float
) -> tuple[list[Budget], FloatArray]:
    """Budgets with their runs near the minimum or refused, and performances on the budgets."""
    groups = [with_near_runs(table, group, method, window, rise) for group in budgets]
    adjusted = moved_to_budgets(table, groups)
    return [with_refusal(table, group, adjusted, method) for group in groups], adjusted


def with_near_runs(
    table: RunColumns, group: Budget, method: str, window: float, rise: float
) -> Budget:
    """The budget with its runs near the minimum, or refused."""
    x, y = np.log(table.N[group.rows]), table.y[group.rows]
    if not len(x):
        return replace(group, refusal="no runs")
    near = np.ones(len(x), dtype=bool)
    if method == "parabola":
        near = near_minimum(x, y, window, rise)
    return replace(group, near=group.rows[near], refusal=why_not_bracketed(x, y, method))


def with_refusal(table: RunColumns, group: Budget, adjusted: FloatArray, method: str) -> Budget:
    """The budget, refused if the curve through its runs has no minimum."""
    if group.refusal:
        return group
    found = profile_minimum(*profile_of(table, adjusted[None], group), method)
    return replace(group, refusal=found.refusal)


def profile_of(
    table: RunColumns, performance: FloatArray, group: Budget
) -> tuple[FloatArray, FloatArray]:
    """Ln N of a budget's runs near the minimum, and their performance, shape (copies, runs)."""
    return np.log(table.N[group.near]), performance[:, group.near]


def moved_to_budgets(table: RunColumns, groups: Sequence[Budget]) -> FloatArray:
    """Performances moved to the compute of their budget, along a slope that all budgets share."""
    offset = np.zeros(len(table.C))
    for group in groups:
        offset[group.rows] = np.log(table.C[group.rows]) - np.log(group.C)
    accepted = [group for group in groups if not group.refusal]
    if np.abs(offset).max() < _SAME or not accepted:
        return table.y
    left: list[FloatArray] = []
    right: list[FloatArray] = []
    for group in accepted:
        x = np.log(table.N[group.near])
        basis = np.linalg.qr(np.vander(x - x.mean(), 3))[0]
        for source, kept in ((offset[group.near], left), (np.log(table.y[group.near]), right)):
            kept.append(source - basis @ (basis.T @ source))
    moved, response = np.concatenate(left), np.concatenate(right)
    size = float(moved @ moved)
    slope = float(moved @ response) / size if size > 0 else 0.0
    return np.asarray(table.y * np.exp(-slope * offset))


def profile_noise(
    table: RunColumns, groups: Sequence[Budget], adjusted: FloatArray, method: str
) -> tuple[float, int]:
    """Relative scatter of runs around smooth profiles, and its degrees of freedom."""
    total, dof = 0.0, 0
    for group in groups:
        x, y = profile_of(table, adjusted[None], group)
        log_y = np.log(y[0])
        degree = min(_POLYNOMIAL[method], count_sizes(table.N[group.near]) - 2)
        design = np.vander(x - x.mean(), degree + 1)
        residual = log_y - design @ np.linalg.lstsq(design, log_y, rcond=None)[0]
        total += float(residual @ residual)
        dof += len(x) - degree - 1
    return (float(np.sqrt(total / dof)), dof) if dof > 0 else (0.0, 0)


def noisy_copies(
    performance: FloatArray, noise: float, dof: int, n_resamples: int, rng: Rng
) -> FloatArray:
    """The runs as they are, then as they might have been."""
    generator = generator_of(rng)
    steps = generator.standard_normal((n_resamples, len(performance)))
    if dof > 0:  # the noise itself is known only so well
        steps *= np.sqrt(dof / generator.chisquare(dof, n_resamples))[:, None]
    factors = np.exp(np.clip(noise * steps, -_MOST_NOISE, _MOST_NOISE))
    return np.concatenate([performance[None, :], performance * factors])


def minima_of(
    table: RunColumns, groups: Sequence[Budget], copies: FloatArray, method: str
) -> Minima:
    """Minima of every copy of the performances, (copies, runs), on every budget."""
    found: list[ProfileMinimum] = [
        profile_minimum(*profile_of(table, copies, group), method) for group in groups
    ]
    log_d = [tokens_along(table, g)(own.x) for g, own in zip(groups, found, strict=True)]
    return Minima(
        np.stack([own.x for own in found], axis=1), np.stack(log_d, axis=1),
        np.stack([own.y for own in found], axis=1), np.stack([own.end for own in found], axis=1),
    )  # fmt: skip


def standard_errors(
    table: RunColumns, groups: Sequence[Budget], adjusted: FloatArray, noise: float
) -> FloatArray:
    """Of ln N at the vertex of each budget's parabola (delta method), for runs of this noise."""
    found = []
    for group in groups:
        x, profiles = profile_of(table, adjusted[None], group)
        coefficients, centre = parabola_coefficients(x, profiles)
        _, slope, bend = coefficients[0]
        gradient = np.array([0.0, -1.0 / (2.0 * bend), slope / (2.0 * bend**2)])
        of_runs = gradient @ np.linalg.pinv(np.vander(x - centre, 3, increasing=True))
        found.append(noise * float(np.linalg.norm(of_runs * profiles[0])))
    return np.array(found)


def tokens_along(table: RunColumns, group: Budget) -> np.poly1d:
    """Ln D as a polynomial of ln N on a budget; a line of slope -1 where C is 6ND."""
    x = np.log(table.N[group.rows])
    # D on the budget itself: its runs may be a little off
    log_d = np.log(table.D[group.rows]) + np.log(group.C / table.C[group.rows])
    return np.poly1d(np.polynomial.Polynomial.fit(x, log_d, 2).convert().coef[::-1])
