"""What could be known: intervals of one who knows the noise.

The maximum-likelihood estimator at the true parameters, with the true distribution of the errors:
weighted by their variances, generalised least squares where checkpoints are correlated, and the
Fisher information of Student's t, (nu + 1)/((nu + 3) scale^2) a run, where tails are heavy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats
from scipy.optimize import brentq

from benchmarks.coverage.tables import DEGREES, Setting
from benchmarks.coverage.truth import Target, gradient, law_of, truth_of

Floats = npt.NDArray[np.float64]
_OPEN = 1e-9  # relative size of what no information reaches


@dataclass(frozen=True)
class Oracle:
    """Errors of the targets, for one who knows the noise.

    Attributes
    ----------
    std_error : of each target on its own scale; infinite where the design leaves it open
    noise : standard deviation of a new run there; zero for targets that are of no run
    """

    setting: Setting
    std_error: Floats
    noise: Floats

    def width(self, j: int, level: float) -> float:
        """Width of the central interval of target j."""
        error, noise = float(self.std_error[j]), float(self.noise[j])
        if not np.isfinite(error):
            return np.inf
        if noise and self.setting.cell.noise == "t3":
            return 2 * _convolved(level, error, noise)
        return float(2 * stats.norm.ppf(0.5 + level / 2) * np.hypot(error, noise))


def oracle(setting: Setting) -> Oracle:
    """The oracle of a cell."""
    covariance, seen = _covariance(setting)
    law, truth = law_of(setting.cell), truth_of(setting.cell)
    errors, noise = [], []
    for target in setting.targets:
        slope = gradient(law, truth, target)
        lost = np.abs(slope - seen @ slope) > 1e-6 * np.abs(slope).max()
        variance = slope @ covariance @ slope
        errors.append(np.inf if lost.any() else float(np.sqrt(variance)))
        noise.append(_noise(setting, target))
    return Oracle(setting, np.array(errors), np.array(noise))


def _noise(setting: Setting, target: Target) -> float:
    return float(setting.noise_at(np.array(target.compute))) if target.kind == "run" else 0.0


def information(setting: Setting) -> Floats:
    """Fisher information of the working parameters."""
    white = whitened(setting, _jacobian(setting))
    return np.asarray(white.T @ white) * efficiency(setting)


def efficiency(setting: Setting) -> float:
    """Information of a run relative to normal noise of the same variance."""
    if setting.cell.noise != "t3":
        return 1.0
    return (DEGREES + 1) / (DEGREES + 3) * DEGREES / (DEGREES - 2)


def whitened(setting: Setting, columns: Floats) -> Floats:
    """Columns over rows, divided by a root of the errors' covariance."""
    scaled = columns / setting.noise[:, None]
    if setting.cell.noise != "checkpoints":
        return scaled
    root = np.linalg.cholesky(setting.correlation)
    by_run = scaled.reshape(setting.cell.runs, len(setting.shares), -1)
    return np.linalg.solve(root, by_run).reshape(scaled.shape)


def _jacobian(setting: Setting) -> Floats:
    """Derivatives of log loss in the working parameters, rows by parameters."""
    law, truth = law_of(setting.cell), truth_of(setting.cell)
    columns = {n: setting.rows[n].to_numpy() for n in (*law.variables, *law.group_columns)}
    steps = np.array([truth[p.name] if p.positive else 1.0 for p in law.parameters])
    slopes = law.gradient(truth, columns) / np.exp(setting.log_curve)[:, None]
    return np.asarray(slopes * steps)


def _covariance(setting: Setting) -> tuple[Floats, Floats]:
    """Inverse of the information where there is any, and the projection on what it reaches."""
    white = whitened(setting, _jacobian(setting)) * np.sqrt(efficiency(setting))
    size = np.linalg.norm(white, axis=0)
    _, singular, directions = np.linalg.svd(white / size, full_matrices=False)
    reached = singular > _OPEN * singular[0]
    kept = directions[reached] / singular[reached, None]
    covariance = kept.T @ kept / np.outer(size, size)
    # in scaled coordinates a slope is size^-1 slope
    onto = directions[reached].T @ directions[reached]
    return covariance, size[:, None] * onto / size


def _convolved(level: float, error: float, noise: float) -> float:
    """Half-width for the sum of a normal error and a Student one."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    weights = weights / weights.sum()
    scale = noise * np.sqrt((DEGREES - 2) / DEGREES)

    def excess(half: float) -> float:
        inside = stats.t.cdf((half - error * nodes) / scale, DEGREES)
        return float(weights @ inside) - (0.5 + level / 2)

    return float(brentq(excess, 0.0, 50 * np.hypot(error, noise)))
