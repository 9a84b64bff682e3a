"""What a learning-rate schedule has done up to each step, as variables of a law."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import signal


def schedule_features(learning_rates: npt.ArrayLike, *, decay: float = 0.999) -> pd.DataFrame:
    r"""Area and annealing of a schedule up to each step, the variables S1 and S2 of "tissue".

    With learning rates :math:`\eta_1, \eta_2, \ldots`

    .. math::
        S_1(s) = \sum_{i \le s} \eta_i, \qquad
        S_2(s) = \sum_{i \le s} m_i, \qquad
        m_i = \lambda\, m_{i-1} + \eta_{i-1} - \eta_i .

    Parameters
    ----------
    learning_rates : array of float, shape (steps,)
        One learning rate for each optimiser step, warm-up left out.
    decay : float, default 0.999
        How long an annealing is remembered, :math:`\lambda`; it depends on the unit of a step.

    Returns
    -------
    DataFrame
        Columns "S1" and "S2", one row for each step, the index counting steps from one.

    Raises
    ------
    ValueError
        If a learning rate is negative or not finite, or `decay` lies outside [0, 1).

    References
    ----------
    Tissue et al. 2024, arXiv:2408.11029.

    Examples
    --------
    >>> features = schedule_features([1.0, 1.0, 0.5, 0.0], decay=0.5)
    >>> features["S1"].tolist(), features["S2"].tolist()
    ([1.0, 2.0, 2.5, 2.5], [0.0, 0.0, 0.5, 1.25])
    """
    rates = np.asarray(learning_rates, dtype=np.float64)
    if rates.ndim != 1 or not len(rates):
        raise ValueError(
            f"`learning_rates` must be one number for each step; got an array of shape "
            f"{rates.shape}."
        )
    wrong = np.flatnonzero(~np.isfinite(rates) | (rates < 0))
    if len(wrong):
        raise ValueError(
            f"`learning_rates` must be finite and not negative; step {wrong[0] + 1} has "
            f"{rates[wrong[0]]:g}."
        )
    if not 0 <= decay < 1:
        raise ValueError(f"`decay` must be at least 0 and below 1; got {decay}.")
    falls = -np.diff(rates, prepend=rates[0])
    momentum = signal.lfilter([1.0], [1.0, -decay], falls)
    return pd.DataFrame(
        {"S1": np.cumsum(rates), "S2": np.cumsum(momentum)},
        index=pd.RangeIndex(1, len(rates) + 1, name="step"),
    )
