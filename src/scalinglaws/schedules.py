"""Features of a learning-rate schedule at each step, as variables of a law."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from scalinglaws.arrays import FloatArray, IntArray


def schedule_features(
    learning_rates: npt.ArrayLike, *, decay: float = 0.999, n_falls: int = 0
) -> pd.DataFrame:
    r"""Variables of the laws "tissue" and "multi-power" at each step of a schedule.

    With learning rates :math:`\eta_1, \eta_2, \ldots`

    .. math::
        S_1(s) = \sum_{i \le s} \eta_i, \qquad
        S_2(s) = \sum_{i \le s} m_i, \qquad
        m_i = \lambda\, m_{i-1} + \eta_{i-1} - \eta_i .

    for "tissue". The warm-up counts for S1 and not for S2: rises of the learning rate before its
    first fall are left out of :math:`m`. The law "multi-power" has a sum over all changes
    :math:`\eta_{i-1} - \eta_i`, each with the area since it and the learning rate after it; here
    that is a sum over `n_falls` groups of neighbouring changes of one sign, in which areas and
    learning rates are averages weighted by the change. Groups are halved where change times area
    is largest; a schedule of no more drops than groups is represented exactly.

    Parameters
    ----------
    learning_rates : array of float, shape (steps,)
        One learning rate for each optimiser step, from the first one on, warm-up included.
    decay : float, default 0.999
        Decay :math:`\lambda` of past annealing for each step.
    n_falls : int, default 0
        Number of groups of changes, as in "multi-power-16".

    Returns
    -------
    DataFrame
        Columns "S1" and "S2", and "fall_k", "since_k" and "lr_k" for each group k from one on; one
        row for each step, the index counting steps from one.

    Raises
    ------
    ValueError
        If a learning rate is negative or not finite, `decay` lies outside [0, 1), or the learning
        rate changes its direction more often than there are groups.

    References
    ----------
    Tissue et al. 2024, arXiv:2408.11029; Luo et al. 2025, arXiv:2503.12811.

    Examples
    --------
    >>> features = schedule_features([1.0, 1.0, 0.5, 0.0], decay=0.5)
    >>> features["S1"].tolist(), features["S2"].tolist()
    ([1.0, 2.0, 2.5, 2.5], [0.0, 0.0, 0.5, 1.25])
    >>> schedule_features([0.5, 1.0, 0.5], decay=0.5)["S2"].tolist()
    [0.0, 0.0, 0.5]
    >>> drop = schedule_features([1.0, 1.0, 0.5, 0.5], n_falls=1)
    >>> drop[["fall_1", "since_1", "lr_1"]].iloc[-1].tolist()
    [0.5, 1.0, 0.5]
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
    annealing = np.where(np.maximum.accumulate(falls) > 0, falls, 0.0)
    from scipy.signal import lfilter  # takes a fifth of a second to import

    momentum = lfilter([1.0], [1.0, -decay], annealing)
    area = np.cumsum(rates)
    columns = {"S1": area, "S2": np.cumsum(momentum)}
    if n_falls:
        for k, changes in enumerate(_groups_of_changes(falls, area, n_falls), start=1):
            fall, since, rate = _group_so_far(changes, falls, area, rates)
            columns |= {f"fall_{k}": fall, f"since_{k}": since, f"lr_{k}": rate}
    return pd.DataFrame(columns, index=pd.RangeIndex(1, len(rates) + 1, name="step"))


def _groups_of_changes(falls: FloatArray, area: FloatArray, n_groups: int) -> list[IntArray]:
    """Steps at which the learning rate changes, in so many groups of one sign; some may be empty.

    What a group loses by taking its changes together grows with their sum and with how far they
    are apart in area.
    """
    steps = np.flatnonzero(falls)
    turns = np.flatnonzero(np.diff(np.sign(falls[steps]))) + 1
    groups = [part for part in np.split(steps, turns) if len(part)]
    if len(groups) > n_groups:
        raise ValueError(
            f"The learning rate changes its direction {len(groups) - 1} times, which takes "
            f"`n_falls` of at least {len(groups)}; got {n_groups}."
        )

    def loss(group: IntArray) -> float:
        return abs(float(falls[group].sum() * (area[group[-1]] - area[group[0]])))

    while groups and len(groups) < n_groups:
        worst = max(range(len(groups)), key=lambda g: loss(groups[g]))
        group = groups[worst]
        if len(group) == 1:
            break
        size = np.cumsum(np.abs(falls[group]))
        middle = int(np.clip(np.searchsorted(size, size[-1] / 2) + 1, 1, len(group) - 1))
        groups[worst : worst + 1] = [group[:middle], group[middle:]]
    return groups + [np.zeros(0, dtype=np.intp)] * (n_groups - len(groups))


def _group_so_far(
    changes: IntArray, falls: FloatArray, area: FloatArray, rates: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Fall, mean area since it and mean learning rate after it, of the changes up to each step."""
    own = np.zeros(len(falls))
    own[changes] = falls[changes]
    fall = np.cumsum(own)
    begun = np.abs(fall) > 0
    safe = np.where(begun, fall, 1.0)
    since = np.where(begun, area - np.cumsum(own * (area - rates)) / safe, 0.0)
    rate = np.cumsum(own * rates) / safe
    # where nothing has fallen yet, or nothing is learned any more, the term is zero at any rate
    return fall, since, np.where(rate > 0, rate, rates.max(initial=0.0))
