"""Checkpoints of one run: how alike the residuals of neighbours are.

Residuals of one run are taken as an Ornstein-Uhlenbeck process in the logarithm of the variable
along which its checkpoints follow each other: the correlation is exp(-|ln x - ln x'|/length). The
length is that of greatest likelihood for the residuals of a fit that took rows as independent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from scalinglaws.arrays import FloatArray, IntArray
from scalinglaws.fitting.solver.whitening import Whitening
from scalinglaws.fitting.tables.runs import RunTable

# Twice the gain of log-likelihood beyond which neighbours are said to be alike: 0.1 % of chance.
_CLEAR = 10.83
# Lengths tried, from neighbours that hardly know each other to runs that are all of one piece.
_SHORTEST, _LONGEST, _N_LENGTHS = 0.2, 30.0, 80


@dataclass(frozen=True)
class Correlation:
    """Of the residuals of one run's checkpoints.

    Attributes
    ----------
    variable : along which they follow each other; empty where all rows are independent
    length : in natural logarithms of it, over which the correlation falls to 1/e
    """

    variable: str = ""
    length: float = 0.0


INDEPENDENT = Correlation()


def whitening_of(table: RunTable, correlation: Correlation) -> Whitening | None:
    """What makes the residuals independent; None where they are."""
    if not correlation.variable:
        return None
    x = np.log(table.values[correlation.variable])
    return Whitening.ornstein_uhlenbeck(table.clusters, x, correlation.length)


def correlation_of(table: RunTable, residuals: FloatArray) -> Correlation:
    """How alike neighbours are, where these runs show it clearly."""
    variable = _along(table.values, table.clusters)
    if not variable:
        return INDEPENDENT
    x = np.log(table.values[variable])
    gaps = _gaps(x, table.clusters)
    lengths = np.geomspace(_SHORTEST * gaps.min(), _LONGEST * np.ptp(x), _N_LENGTHS)
    losses = np.array([_deviance(residuals, table.clusters, x, length) for length in lengths])
    best = int(np.argmin(losses))
    independent = len(residuals) * np.log(np.sum(residuals**2))
    if not independent - losses[best] > _CLEAR:
        return INDEPENDENT
    return Correlation(variable, _vertex(lengths, losses, best))


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


def _deviance(residuals: FloatArray, clusters: IntArray, x: FloatArray, length: float) -> float:
    """Minus twice the log-likelihood of normal residuals, up to a constant."""
    whitening = Whitening.ornstein_uhlenbeck(clusters, x, length)
    white = whitening.apply(residuals)
    return float(len(residuals) * np.log(np.sum(white**2)) - 2.0 * np.sum(np.log(whitening.scale)))


def _vertex(lengths: FloatArray, losses: FloatArray, best: int) -> float:
    """The bottom of the parabola through the best length and its neighbours, in its logarithm."""
    if best in (0, len(lengths) - 1):
        return float(lengths[best])
    left, middle, right = losses[best - 1 : best + 2]
    bend = left - 2.0 * middle + right
    shift = 0.5 * (left - right) / bend if bend > 0 else 0.0
    return float(lengths[best] * (lengths[1] / lengths[0]) ** shift)
