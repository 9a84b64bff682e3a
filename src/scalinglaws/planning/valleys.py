"""The lowest point of one IsoFLOP profile, for a whole batch of noisy copies at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scalinglaws.arrays import FloatArray
from scalinglaws.numerals import plural

METHODS = ("parabola", "akima")
_FEWEST = {"parabola": 4, "akima": 5}  # distinct sizes
_GRID = 400
_FLAT = 2.0  # standard errors of curvature below which there is no valley


@dataclass(frozen=True)
class Valley:
    """Lowest points of profiles over x = ln N.

    Attributes
    ----------
    x, y : arrays over the batch; missing where the minimum is not between the runs
    refusal : why the first profile has no minimum; empty where it has
    """

    x: FloatArray
    y: FloatArray
    refusal: str


def valley(x: FloatArray, profiles: FloatArray, method: str) -> Valley:
    """Lowest point of each profile, shape (batch, runs), over the shared x."""
    sizes = len(np.unique(np.round(x, 4)))
    if sizes < _FEWEST[method]:
        return _refused(
            len(profiles),
            f"{plural(sizes, 'model size')}, and at least {_FEWEST[method]} are needed",
        )
    return _parabola(x, profiles) if method == "parabola" else _akima(x, profiles)


def _refused(n: int, reason: str) -> Valley:
    missing = np.full(n, np.nan)
    return Valley(missing, missing, reason)


def parabola_coefficients(x: FloatArray, profiles: FloatArray) -> tuple[FloatArray, float]:
    """Coefficients of 1, u and u^2 with u = x - mean(x), shape (batch, 3), and that mean."""
    centre = float(x.mean())
    design = np.vander(x - centre, 3, increasing=True)
    return np.asarray(profiles @ np.linalg.pinv(design).T), centre


def _parabola(x: FloatArray, profiles: FloatArray) -> Valley:
    coefficients, centre = parabola_coefficients(x, profiles)
    level, slope, bend = coefficients.T
    with np.errstate(all="ignore"):
        at = centre - slope / (2 * bend)
        lowest = level - slope**2 / (4 * bend)
    inside = (bend > 0) & (at > x.min()) & (at < x.max())
    refusal = ""
    if not inside[0]:
        refusal = _why(x, float(bend[0]), float(at[0]))
    elif not _is_bent(x, profiles[0], coefficients[0], centre):
        refusal = "the profile is flat: its curvature is within two standard errors of zero"
    return Valley(np.where(inside, at, np.nan), np.where(inside, lowest, np.nan), refusal)


def _why(x: FloatArray, bend: float, at: float) -> str:
    if bend <= 0:
        return "the profile has no valley: the parabola opens downwards"
    side = "smallest" if at <= x.min() else "largest"
    return f"the minimum is not bracketed: it lies beyond the {side} model"


def _is_bent(x: FloatArray, y: FloatArray, coefficients: FloatArray, centre: float) -> bool:
    design = np.vander(x - centre, 3, increasing=True)
    dof = len(x) - 3
    residual = y - design @ coefficients
    if dof <= 0:
        return True
    variance = float(residual @ residual) / dof * np.linalg.inv(design.T @ design)[2, 2]
    return bool(coefficients[2] > _FLAT * np.sqrt(variance))


def _akima(x: FloatArray, profiles: FloatArray) -> Valley:
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
    inside = (at > knots[0]) & (at < knots[-1])
    refusal = ""
    if not inside[0]:
        side = "smallest" if at[0] <= knots[0] else "largest"
        refusal = f"the minimum is not bracketed: the {side} model is the best"
    return Valley(np.where(inside, at, np.nan), np.where(inside, np.exp(lowest), np.nan), refusal)
