"""The three approaches of Hoffmann et al. side by side, each with its own bias."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from scalinglaws.arrays import FloatArray
from scalinglaws.display import with_card
from scalinglaws.errors import ScalingLawError, no_warnings
from scalinglaws.fitting.tables.points import positive_number
from scalinglaws.planning.budgets import cost_of_runs, read_columns
from scalinglaws.planning.compute_optimal import optimal
from scalinglaws.planning.envelope import Envelope, envelope
from scalinglaws.planning.isoflop import IsoFLOP, isoflop
from scalinglaws.planning.law_with_values import LawWithValues, Rng, check_fit
from scalinglaws.planning.plan import Plan
from scalinglaws.planning.plan_cards import approaches_card
from scalinglaws.planning.sampled import DEFAULT_RESAMPLES, central_interval
from scalinglaws.planning.sampled_law import sample_of


def approaches(
    runs: Any,
    fit: LawWithValues,
    *,
    C: Any,
    y: str | None = None,
    columns: Mapping[str, str] | None = None,
    confidence_level: float = 0.95,
    n_resamples: int = DEFAULT_RESAMPLES,
    rng: Rng = 0,
    **options: Any,
) -> pd.DataFrame:
    """Compare three estimates of the best size: envelope, IsoFLOP profiles, fitted law.

    Parameters
    ----------
    runs : DataFrame
        As in :func:`scalinglaws.isoflop`.
    fit : Fit
        A law of N and D fitted to the runs: the third approach, and the truth that the biases of
        the other two refer to.
    C : number
        Compute budget, in FLOP.
    y, columns
        As in :func:`scalinglaws.fit`.
    confidence_level, n_resamples, rng
        Level of the intervals, number of draws, and their seed.
    **options
        Further options of :func:`scalinglaws.isoflop`, such as `budgets` or `method`.

    Returns
    -------
    DataFrame
        Rows "envelope", "IsoFLOP" and "law": ``exponent`` of N in compute, over the range of the
        runs, and ``N`` at the budget, each with ``_low`` and ``_high``; ``exponent_bias`` and
        ``N_bias`` (relative) that this design and approach imply, with intervals too; ``note``, the
        reason for a missing result.

    Notes
    -----
    C is that of the table: the law is evaluated with the same compute per token as the runs.

    Examples
    --------
    >>> import numpy as np, pandas as pd, scalinglaws as sl
    >>> truth = {"E": 1.69, "A": 406.4, "B": 410.7, "alpha": 0.34, "beta": 0.28}
    >>> N, C = np.meshgrid(np.geomspace(2e7, 2e10, 19), np.geomspace(1e18, 1e21, 7))
    >>> design = pd.DataFrame({"N": N.ravel(), "D": C.ravel() / (6 * N.ravel())})
    >>> design = design[(design["D"] / design["N"]).between(0.5, 2000)]
    >>> runs = sl.simulate("chinchilla", design, 0.002, values=truth)
    >>> fit = sl.fit(runs, "chinchilla")
    >>> sl.planning.approaches(runs, fit, C=1e23, n_resamples=100).index.tolist()
    ['envelope', 'IsoFLOP', 'law']
    """
    check_fit(fit)
    budget = positive_number("C", C)
    table = read_columns(runs, y, columns)
    common: dict[str, Any] = {
        "y": y, "columns": columns, "truth": fit, "confidence_level": confidence_level, "rng": rng,
    }  # fmt: skip
    rows = {
        "envelope": _tried(
            lambda: envelope(runs, n_resamples=min(n_resamples, 200), **common), budget
        ),
        "IsoFLOP": _tried(
            lambda: isoflop(runs, n_resamples=n_resamples, **common, **options), budget
        ),
    }
    ends = np.array([table.C.min(), table.C.max()])
    rows["law"] = _of_law(fit, table, ends, budget, confidence_level, n_resamples, rng)
    frame = pd.DataFrame.from_dict(rows, orient="index")
    frame.index.name = "approach"
    describe = partial(approaches_card, level=confidence_level, budget=budget)
    return with_card(frame, describe)


def _tried(analysis: Any, budget: float) -> dict[str, Any]:
    try:
        with no_warnings():  # refused budgets are no news here
            found: IsoFLOP | Envelope = analysis()
    except ScalingLawError as error:
        missing = dict.fromkeys(_NUMBERS, np.nan)
        return {**missing, "note": str(error)}
    exponent, ahead = found.exponents.loc["N"], found.predict(budget).iloc[0]
    bias = found.bias
    return {
        "exponent": exponent["exponent"], "exponent_low": exponent["low"],
        "exponent_high": exponent["high"],
        **{f"exponent_{n}": np.nan if bias is None else bias.exponents.loc["N", n] for n in _ENDS},
        "N": ahead["N"], "N_low": ahead["N_low"], "N_high": ahead["N_high"],
        **{f"N_{n}": np.nan if bias is None else bias.at(budget)[f"N_{n}"].iloc[0] for n in _ENDS},
        "note": found.no_bias,
    }  # fmt: skip


_ENDS = ("bias", "bias_low", "bias_high")
_NUMBERS = tuple(
    f"{name}{end}"
    for name in ("exponent", "N")
    for end in ("", "_low", "_high", *map("_{}".format, _ENDS))
)


def _of_law(
    fit: LawWithValues,
    table: Any,
    ends: FloatArray,
    budget: float,
    level: float,
    n_resamples: int,
    rng: Rng,
) -> dict[str, Any]:
    cost = cost_of_runs(table)
    sample = sample_of(fit, confidence_level=level, n_resamples=n_resamples, rng=rng, delta=False)
    best = Plan(sample, cost, {}).at_budget(ends[None, :])
    with np.errstate(all="ignore"):
        exponent = np.log(best.N[:, 1:] / best.N[:, :1]) / np.log(ends[1] / ends[0])
    low, high = central_interval(exponent[1:], level)
    with no_warnings():  # the note says the same
        plan = optimal(
            fit, C=budget, cost=cost.factor or cost.function, confidence_level=level,
            n_resamples=n_resamples, rng=rng,
        ).iloc[0]  # fmt: skip
    return {
        "exponent": exponent[0, 0], "exponent_low": low[0], "exponent_high": high[0],
        **dict.fromkeys((f"exponent_{n}" for n in _ENDS), 0.0),
        "N": plan["N"], "N_low": plan["N_low"], "N_high": plan["N_high"],
        **dict.fromkeys((f"N_{n}" for n in _ENDS), 0.0), "note": plan["note"],
    }  # fmt: skip
