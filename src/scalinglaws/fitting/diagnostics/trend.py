"""Trend check: whether the residuals follow a smooth surface in the law's variables.

An F test of a quadratic surface in the standardised logarithms of the variables, fitted to the
scores, with the directions of the parameters projected out. With clusters, it uses cluster means.
Real tables nearly always have a trend, because no law is exactly right.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
from scipy.special import fdtrc

from scalinglaws.arrays import FloatArray, IntArray
from scalinglaws.fitting.record import FitRecord

_LEVEL, _LEAST_SHARE = 0.01, 0.25
_LEAST_LEFT = 1e-2  # of a direction of the surface, after projection
_ROUNDING = 1e-9  # of residuals, relative to what rounding is relative to


@dataclass(frozen=True)
class Trend:
    """A smooth pattern in the residuals.

    Attributes
    ----------
    p_value : float
        Of the F test of no pattern.
    share : float
        Adjusted share of the residual variance that the surface explains.
    size : float
        Typical size of the surface, in the residuals' scale.
    variables : tuple of str
    """

    p_value: float
    share: float
    size: float
    variables: tuple[str, ...]

    @property
    def is_clear(self) -> bool:
        """Significant, and a large part of the residual variance."""
        return self.p_value < _LEVEL and self.share > _LEAST_SHARE


def trend(fit: FitRecord) -> Trend | None:
    """The trend of a fit; None where there are too few runs, or none that vary."""
    rows = None if fit.sandwich is None else fit.sandwich.rows
    if rows is None or fit.noise <= _ROUNDING * fit.model.magnitude:
        return None
    used = fit.runs.weights > 0
    logs = {
        name: np.log(values[used])
        for name, values in fit.runs.values.items()
        if np.all(values[used] > 0) and np.ptp(values[used]) > 0
    }
    if not logs:
        return None
    variables = np.column_stack(list(logs.values()))
    codes = None if rows.order is None else fit.runs.clusters[used]
    test = surface_test(rows.basis, rows.scores, variables, codes)
    if test is None:
        return None
    p_value, share = test
    return Trend(p_value, share, float(np.sqrt(max(share, 0.0))) * fit.noise, tuple(logs))


def surface_test(
    columns: FloatArray, scores: FloatArray, variables: FloatArray, codes: IntArray | None = None
) -> tuple[float, float] | None:
    """p-value, and adjusted share of the variance, of a quadratic surface in some scores.

    Parameters
    ----------
    columns : (rows, parameters)
        Directions removed from the scores by the fit.
    scores : (rows,)
    variables : (rows, variables)
    codes : (rows,), optional
        Cluster of each row, as an integer.
    """
    if codes is not None:
        columns, scores, variables = (
            _cluster_means(v, codes) for v in (columns, scores, variables)
        )
    scale = np.maximum(variables.std(axis=0), 1e-12)
    z = (variables - variables.mean(axis=0)) / scale
    kinds = [
        list(kind) for d in range(3) for kind in combinations_with_replacement(range(z.shape[1]), d)
    ]
    surface = np.column_stack([z[:, kind].prod(axis=1) for kind in kinds])
    surface /= np.linalg.norm(surface, axis=0)
    size = np.maximum(np.linalg.norm(columns, axis=0), 1e-300)
    basis = np.linalg.qr(columns / size)[0]
    left, singular, _ = np.linalg.svd(surface - basis @ (basis.T @ surface), full_matrices=False)
    extra = left[:, singular > _LEAST_LEFT]
    scores = scores - basis @ (basis.T @ scores)
    dof = len(scores) - columns.shape[1]
    n_extra = extra.shape[1]
    if n_extra == 0 or dof - n_extra < 3:
        return None
    total, explained = float(scores @ scores), float(np.sum((extra.T @ scores) ** 2))
    residual = max(total - explained, 1e-300) / (dof - n_extra)
    p_value = float(fdtrc(n_extra, dof - n_extra, explained / n_extra / residual))
    return p_value, 1.0 - residual / (total / dof)


def _cluster_means(values: FloatArray, codes: IntArray) -> FloatArray:
    _, own, counts = np.unique(codes, return_inverse=True, return_counts=True)
    flat = values.reshape(len(values), -1)
    sums = np.stack([np.bincount(own, column) for column in flat.T], axis=1)
    return np.asarray((sums / counts[:, None]).reshape(len(counts), *values.shape[1:]))
