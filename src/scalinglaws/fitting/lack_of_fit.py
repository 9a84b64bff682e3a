"""Whether the law follows the runs as closely as repeated runs agree with each other.

Runs with the same variables and other seeds measure the noise without any law. If the residuals
scatter much more, the law itself is wrong here (the classical F test for lack of fit).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import fdtrc

from scalinglaws.fitting.objective import FloatArray

_LEAST_REPEATS = 4  # degrees of freedom of the noise
_LEVEL = 0.01
_LEAST_RATIO = 1.5  # a tiny misfit in a huge table is not worth a warning


@dataclass(frozen=True)
class Comparison:
    """Scatter around the law and between repeated runs, in the residuals' scale."""

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
    variables: FloatArray, residuals: FloatArray, n_estimated: int
) -> Comparison | None:
    """Compare the two scatters; None where there are too few repeated runs.

    Parameters
    ----------
    variables : (runs, variables)
    residuals : (runs,)
    """
    frame = pd.DataFrame(variables)
    group = frame.groupby(list(frame.columns), sort=False).ngroup().to_numpy()
    counts = np.bincount(group)
    dof_repeats = int(len(residuals) - len(counts))
    dof_law = len(residuals) - n_estimated
    dof_misfit = dof_law - dof_repeats
    if dof_repeats < _LEAST_REPEATS or dof_misfit < 1:
        return None
    means = np.bincount(group, residuals) / counts
    pure = float(np.sum((residuals - means[group]) ** 2))
    whole = float(residuals @ residuals)
    if pure <= 0 or whole <= pure:
        return None
    ratio = ((whole - pure) / dof_misfit) / (pure / dof_repeats)
    return Comparison(
        around_law=float(np.sqrt(whole / dof_law)),
        between_repeats=float(np.sqrt(pure / dof_repeats)),
        dof_repeats=dof_repeats,
        p_value=float(fdtrc(dof_misfit, dof_repeats, ratio)),
    )
