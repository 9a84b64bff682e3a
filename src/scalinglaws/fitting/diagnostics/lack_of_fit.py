"""F test for lack of fit: residual scatter compared with that of replicates.

Runs with the same variables and different seeds measure the noise without any law. If the residuals
scatter much more, the law has the wrong shape in the range of the runs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import fdtrc

from scalinglaws.arrays import FloatArray, IntArray
from scalinglaws.fitting.tables.chunks import row_blocks, summed

_LEAST_REPEATS = 4  # degrees of freedom of the noise
_LEAST_POINTS = 2  # repeated at so many places, since noise may differ between them
_LEVEL = 0.001
# Repeated runs that agree to this share of the scatter are copies, and measure no noise.
_COPIES = 1e-18
_LEAST_RATIO = 1.5  # a tiny misfit in a huge table is not worth a warning


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
