"""Checkpoints of one run: how alike the residuals of neighbours are.

Residuals of one run are taken as an Ornstein-Uhlenbeck process in the logarithm of the variable
along which its checkpoints follow each other: the correlation is exp(-|ln x - ln x'|/length). The
length is that of greatest restricted likelihood for the residuals of a fit that took rows as
independent: it knows that the fit has taken its share of them, and mostly of what neighbours have
in common (Patterson and Thompson 1971, Biometrika 58).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from scalinglaws.arrays import FloatArray, IntArray
from scalinglaws.fitting.solver.whitening import Whitening
from scalinglaws.fitting.tables.runs import RunTable

# Twice the gain of log-likelihood beyond which neighbours are said to be alike: 5 % of chance. More
# evidence is not asked for what checkpoints of one run nearly always are.
_CLEAR = 2.706
# Lengths tried, from neighbours that hardly know each other to runs that are all of one piece.
_SHORTEST, _LONGEST, _N_LENGTHS = 0.2, 30.0, 80


@dataclass(frozen=True)
class Correlation:
    """Of the residuals of one run's checkpoints.

    Attributes
    ----------
    variable : along which they follow each other; empty where all rows are independent
    length : in natural logarithms of it, over which the correlation falls to 1/e
    dof : degrees of freedom of the noise of a run: rows that are alike tell less of it
    """

    variable: str = ""
    length: float = 0.0
    dof: float = np.inf


INDEPENDENT = Correlation()


def whitening_of(table: RunTable, correlation: Correlation) -> Whitening | None:
    """What makes the residuals independent; None where they are."""
    if not correlation.variable:
        return None
    x = np.log(table.values[correlation.variable])
    return Whitening.ornstein_uhlenbeck(table.clusters, x, correlation.length)


def correlation_of(table: RunTable, residuals: FloatArray, columns: FloatArray) -> Correlation:
    """How alike neighbours are, where these runs show it clearly.

    Parameters
    ----------
    residuals : (rows,)
    columns : (rows, parameters)
        Their derivatives in the parameters that were estimated.
    """
    variable = _along(table.values, table.clusters)
    if not variable:
        return INDEPENDENT
    x = np.log(table.values[variable])
    gaps = _gaps(x, table.clusters)
    lengths = np.geomspace(_SHORTEST * gaps.min(), _LONGEST * np.ptp(x), _N_LENGTHS)
    size = np.maximum(np.linalg.norm(columns, axis=0), 1e-300)
    taken = np.linalg.qr(columns / size)[0]
    whitenings = [Whitening.ornstein_uhlenbeck(table.clusters, x, length) for length in lengths]
    found = np.array([_deviance(residuals, taken, whitening) for whitening in whitenings])
    losses, logs = found.T
    best = int(np.argmin(losses))
    independent, _ = _deviance(residuals, taken, None)
    if not independent - losses[best] > _CLEAR:
        return INDEPENDENT
    rest, runs = len(residuals) - taken.shape[1], len(np.unique(table.clusters))
    return Correlation(
        variable, _vertex(lengths, losses, best), _noise_dof(losses, logs, best, rest, runs)
    )


def _noise_dof(losses: FloatArray, logs: FloatArray, best: int, rest: int, runs: int) -> float:
    """Degrees of freedom of a variance whose estimate moves with the length.

    2 over the variance of the logarithm of the variance: that at a known length, and what the
    length's own uncertainty adds. Not fewer than there are runs.

    Parameters
    ----------
    losses, logs : (lengths,)
        Deviance and logarithm of the variance at lengths in geometric progression.
    rest : rows less parameters
    """
    if best in (0, len(losses) - 1):
        return float(min(runs, rest))
    bend = losses[best - 1] - 2.0 * losses[best] + losses[best + 1]
    slope = 0.5 * (logs[best + 1] - logs[best - 1])
    added = slope**2 * 2.0 / bend if bend > 0 else np.inf
    return float(np.clip(2.0 / (2.0 / rest + added), min(runs, rest), rest))


def _along(values: Mapping[str, FloatArray], clusters: IntArray) -> str:
    """The variable that differs between all checkpoints of every run; empty if none or several."""
    found = []
    for name, column in values.items():
        if (column > 0).all() and len(gaps := _gaps(np.log(column), clusters)) and gaps.min() > 0:
            found.append(name)
    # compute grows with the tokens
    found = [name for name in found if name != "C"] or found
    return found[0] if len(found) == 1 else ""


def _gaps(x: FloatArray, clusters: IntArray) -> FloatArray:
    """Distances between neighbours in every cluster."""
    order = np.lexsort((x, clusters))
    same = np.diff(clusters[order]) == 0
    return np.asarray(np.diff(x[order])[same])


def _deviance(
    residuals: FloatArray, taken: FloatArray, whitening: Whitening | None
) -> tuple[float, float]:
    """Minus twice the restricted log-likelihood of normal residuals, up to a constant.

    And the logarithm of the variance at which it is largest.

    Parameters
    ----------
    taken : (rows, parameters)
        Orthonormal columns of the space in which the fit moves the residuals.
    """
    if whitening is not None:
        residuals, taken = whitening.apply(residuals), whitening.apply(taken.T).T
    basis, triangle = np.linalg.qr(taken)
    rest = residuals - basis @ (basis.T @ residuals)
    dof = len(residuals) - taken.shape[1]
    log_variance = float(np.log(np.sum(rest**2) / dof))
    loss = dof * log_variance + 2.0 * float(np.sum(np.log(np.abs(np.diag(triangle)))))
    if whitening is not None:
        loss -= 2.0 * float(np.sum(np.log(whitening.scale)))
    return loss, log_variance


def _vertex(lengths: FloatArray, losses: FloatArray, best: int) -> float:
    """The bottom of the parabola through the best length and its neighbours, in its logarithm."""
    if best in (0, len(lengths) - 1):
        return float(lengths[best])
    left, middle, right = losses[best - 1 : best + 2]
    bend = left - 2.0 * middle + right
    shift = 0.5 * (left - right) / bend if bend > 0 else 0.0
    return float(lengths[best] * (lengths[1] / lengths[0]) ** shift)
