"""Regret: how far a choice of N and D is from the compute-optimal one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from scalinglaws.fitting.tables.points import positive_numbers
from scalinglaws.planning.cost import SIX, Cost
from scalinglaws.planning.law_with_values import LawWithValues, Rng
from scalinglaws.planning.plan import plan_of
from scalinglaws.planning.plan_cards import about_of, regret_card, shown
from scalinglaws.planning.sampled import DEFAULT_RESAMPLES


def regret(
    fit: LawWithValues,
    *,
    N: Any,
    D: Any,
    cost: Cost = SIX,
    confidence_level: float | None = None,
    n_resamples: int = DEFAULT_RESAMPLES,
    rng: Rng = 0,
    **variables: Any,
) -> pd.DataFrame:
    """Compare runs with the compute-optimal choice for the same compute.

    Parameters
    ----------
    fit : Fit or published law
        A law of N and D with coefficients.
    N, D : number or array
        The runs, paired as arrays broadcast.
    cost, confidence_level, n_resamples, rng, **variables
        As in :func:`scalinglaws.optimal`.

    Returns
    -------
    DataFrame
        One row for each run: ``N``, ``D``, ``C``, the performance by the law, ``regret`` (relative
        loss of performance against the best for the same compute), ``wasted`` (share of the compute
        that the best choice would not need), each with ``_low`` and ``_high``;
        ``times_beyond`` and ``note``.

    Examples
    --------
    >>> import scalinglaws as sl
    >>> runs = sl.datasets.ladder()
    >>> fit = sl.fit(runs[runs["D"] > 1.5e6], "kaplan")
    >>> best = sl.optimal(fit, C=1e13).iloc[0]
    >>> judged = sl.planning.regret(fit, N=[best["N"], 2 * best["N"]], D=[best["D"], best["D"] / 2])
    >>> print(judged["regret"].abs().round(3).tolist())
    [0.0, 0.054]
    """
    size, data = positive_numbers("N", N), positive_numbers("D", D)
    if len(size) != len(data) and 1 not in (len(size), len(data)):
        raise ValueError(
            f"`N` and `D` are paired, one with one; got {len(size)} and {len(data)} of them."
        )
    size, data = np.broadcast_arrays(size, data)
    plan = plan_of(
        fit, cost, variables, confidence_level=confidence_level, n_resamples=n_resamples,
        rng=rng,
    )  # fmt: skip
    sample = plan.sample
    spent = plan.cost(size, data)
    with np.errstate(all="ignore"):
        reached = plan.value(size[None, :], data[None, :])
        best = plan.at_budget(spent[None, :])
        needed = plan.at_performance(reached).C
        worse = sample.sign * (reached / best.performance - 1.0)
    frame = pd.DataFrame({"N": size, "D": data, "C": spent})
    frame = frame.assign(**sample.performance_columns(size, data, spent, reached))
    for name, values in {"regret": worse, "wasted": 1.0 - needed / spent}.items():
        # least at the optimum, where derivatives vanish
        frame = frame.assign(**sample.columns(name, values, smooth=False))
    frame["times_beyond"] = plan.times_beyond(spent)
    frame["note"] = ["; ".join(own) for own in sample.caveats_at(best.N, best.D)]
    return shown(frame, regret_card, about_of(sample))
