"""The lowest point of one IsoFLOP profile, for a whole batch of noisy copies at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scalinglaws.arrays import BoolArray, FloatArray
from scalinglaws.numerals import plural

METHODS = ("parabola", "akima")
_FEWEST = {"parabola": 4, "akima": 5}  # distinct sizes
_GRID = 400
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

    knots, place = np.unique(np.round(x, 6), return_inverse=True)
    counts = np.bincount(place)
    means = np.stack([np.bincount(place, np.log(row)) / counts for row in profiles], axis=1)
    curve = Akima1DInterpolator(knots, means)
    grid = np.linspace(knots[0], knots[-1], _GRID * (len(knots) - 1) + 1)
    values = curve(grid)
    best = values.argmin(axis=0)
    at, lowest = grid[best], values[best, np.arange(len(profiles))]
    end = np.where(best == 0, -1.0, np.where(best == len(grid) - 1, 1.0, 0.0))
    refusal = ""
    if end[0] != 0:
        side = "smallest" if end[0] < 0 else "largest"
        refusal = f"the minimum is not bracketed: the {side} model is the best"
    return ProfileMinimum(at, np.exp(lowest), end, refusal)
