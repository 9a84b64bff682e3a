"""Detection of outliers, for any loss that was minimised.

An outlier can bias the fit, especially least squares. The residuals are therefore first fitted by
least absolute deviations in the directions of the parameters, which removes the bias
to first order.
"""

from __future__ import annotations

import numpy as np

from scalinglaws.arrays import FloatArray, IntArray
from scalinglaws.fitting.record import FitRecord
from scalinglaws.fitting.solver.objective import NORMAL_MEDIAN, is_constant
from scalinglaws.fitting.tables.chunks import places_where

# Residuals in units of the robust scale, and the share of the runs up to which they are a few.
FAR_OFF, _MOST_FAR = 12.0, 0.2
_ROUNDING = 1e-14  # of residuals, relative to their magnitude
_STEPS = 30
_LEAST_DOF = 3


def outliers(fit: FitRecord) -> IntArray:
    """Positions of the outlying runs; empty if there are more than a few."""
    nothing = np.zeros(0, dtype=np.intp)
    if fit.dof < _LEAST_DOF:
        return nothing
    residuals, weights = _without_pull(fit), fit.runs.weights
    if not is_constant(weights):  # each in units of its own noise
        residuals = residuals * np.sqrt(weights / weights.mean())
    # about p residuals are next to zero by construction
    sizes = np.sort(np.abs(residuals[weights > 0]))[len(fit.kept) :]
    scale = max(float(np.median(sizes)) / NORMAL_MEDIAN, _ROUNDING * fit.model.magnitude)
    far = places_where(fit.n, lambda rows: np.abs(residuals[rows]) > FAR_OFF * scale)
    return far if len(far) <= _MOST_FAR * fit.n else nothing


def _without_pull(fit: FitRecord) -> FloatArray:
    """Residuals of the linearised law, refitted by least absolute deviations."""
    residuals = fit.residuals.to_numpy()
    rows = None if fit.sandwich is None else fit.sandwich.rows
    if rows is None:
        return residuals
    used = fit.runs.weights > 0
    roots = np.sqrt(fit.runs.weights[used])
    refitted = residuals.copy()
    refitted[used] = least_absolute(rows.basis, residuals[used] * roots) / roots
    return refitted


def least_absolute(basis: FloatArray, residuals: FloatArray) -> FloatArray:
    """Residuals less their least-absolute-deviations fit, by reweighted least squares."""
    remaining = residuals
    scale = float(np.median(np.abs(residuals)))
    for _ in range(_STEPS):
        weights = 1.0 / np.maximum(np.abs(remaining), 1e-3 * scale + 1e-300)
        weights /= weights.max()
        normal = basis.T @ (weights[:, None] * basis)
        step = np.linalg.lstsq(normal, basis.T @ (weights * residuals), rcond=None)[0]
        last, remaining = remaining, residuals - basis @ step
        if np.abs(remaining - last).max() <= 1e-3 * scale:
            break
    return remaining
