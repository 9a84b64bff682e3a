"""Scatter of the residuals: compared with that of replicates, and outliers.

Runs with the same variables and different seeds measure the noise without any law. If the residuals
scatter much more, the law has the wrong shape in the range of the runs.

An outlier can bias the fit, especially least squares. The residuals are therefore first fitted by
least absolute deviations in the directions of the parameters, which removes the bias
to first order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import fdtrc

from scalinglaws.arrays import FloatArray, IntArray
from scalinglaws.fitting.record import FitRecord
from scalinglaws.fitting.solver.objective import NORMAL_MEDIAN, is_constant
from scalinglaws.fitting.tables.chunks import places_where, row_blocks, summed

_LEAST_REPEATS = 4  # degrees of freedom of the noise
_LEAST_POINTS = 2  # repeated at so many places, since noise may differ between them
_LEVEL = 0.001
# Repeated runs that agree to this share of the scatter are copies, and measure no noise.
_COPIES = 1e-18
_LEAST_RATIO = 1.5  # a tiny misfit in a huge table is not worth a warning
# Residuals in units of the robust scale, and the share of the runs up to which they are a few.
FAR_OFF, _MOST_FAR = 12.0, 0.2
_ROUNDING = 1e-14  # of residuals, relative to their magnitude
_STEPS = 30
_LEAST_DOF = 3


@dataclass(frozen=True)
class Comparison:
    """Scatter around the law and between replicates, in the units of the residuals."""

    around_law: float
    between_repeats: float
    dof_repeats: int
    p_value: float

    @property
    def is_bad(self) -> bool:
        """The law misses the runs by more than chance and more than a little."""
        ratio = self.around_law / max(self.between_repeats, 1e-300)
        return self.p_value < _LEVEL and ratio > _LEAST_RATIO


def compare_with_repeats(
    repeats: IntArray, residuals: FloatArray, weights: FloatArray, n_estimated: int
) -> Comparison | None:
    """Compare the two scatters; None if there are too few replicates.

    Parameters
    ----------
    repeats : (runs,)
        Replicate set of each run, as an integer; empty if there are none.
    residuals, weights : (runs,)
        Runs of zero weight are ignored.
    """
    if not len(repeats):
        return None
    used = weights > 0
    r, w, group = residuals, weights, repeats
    if not used.all():
        r, w, group = r[used], w[used], group[used]
    mean = w.mean()
    counts = np.bincount(group)
    n_sets = int(np.count_nonzero(counts))
    dof_repeats = len(r) - n_sets
    dof_law = len(r) - n_estimated
    dof_misfit = dof_law - dof_repeats
    too_few = dof_repeats < _LEAST_REPEATS or int((counts > 1).sum()) < _LEAST_POINTS
    if too_few or dof_misfit < 1:
        return None
    sums, sizes = np.zeros(len(counts)), np.zeros(len(counts))
    for rows in row_blocks(len(r)):
        share = w[rows] / mean
        np.add.at(sums, group[rows], share * r[rows])
        np.add.at(sizes, group[rows], share)
    means = sums / np.where(counts > 0, sizes, 1.0)
    pure = float(summed(len(r), lambda rows: w[rows] / mean @ (r[rows] - means[group[rows]]) ** 2))
    whole = float(summed(len(r), lambda rows: w[rows] / mean @ (r[rows] * r[rows])))
    if pure <= _COPIES * whole or whole <= pure:
        return None
    ratio = ((whole - pure) / dof_misfit) / (pure / dof_repeats)
    return Comparison(
        around_law=float(np.sqrt(whole / dof_law)),
        between_repeats=float(np.sqrt(pure / dof_repeats)),
        dof_repeats=dof_repeats,
        p_value=float(fdtrc(dof_misfit, dof_repeats, ratio)),
    )


# --- outliers ------------------------------------------------------------------------------------


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
        # runs without noise leave too few with weight for a regular matrix
        step = np.linalg.lstsq(normal, basis.T @ (weights * residuals), rcond=None)[0]
        last, remaining = remaining, residuals - basis @ step
        if np.abs(remaining - last).max() <= 1e-3 * scale:
            break
    return remaining
