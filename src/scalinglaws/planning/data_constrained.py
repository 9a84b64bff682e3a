"""Data-constrained training: how many epochs, which size, and what unlimited data would save."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from scalinglaws.arrays import FloatArray
from scalinglaws.errors import FitError
from scalinglaws.fitting.tables.points import positive_number, positive_numbers
from scalinglaws.planning.cost import SIX, Cost
from scalinglaws.planning.law_with_values import LawWithValues, Rng, chosen_group
from scalinglaws.planning.plan import Plan, plan_of
from scalinglaws.planning.plan_cards import about_of, limited_data_card, shown
from scalinglaws.planning.root_finding import Function, minimum

# Repetitions after which a repeated token, and an excess parameter, has lost 1 - 1/e of its value:
# Muennighoff et al. 2023, arXiv:2305.16264, from its released analysis.
REPEATS, EXCESS = 15.387756, 5.309743
UNIQUE = "U"  # different tokens, as a variable of a law
_ENDLESS = 1e30  # different tokens, where data is not limited
_EXACT = "repetition decay: published constants (Muennighoff 2023), uncertainty not included"
_ROOM = 9.0  # e-folds around the size for unlimited data
_STEP = 1e-4


def effective(amount: npt.ArrayLike, unique: npt.ArrayLike, decay: float = REPEATS) -> FloatArray:
    """Number of unique tokens equivalent to repeated ones; also for excess parameters.

    Parameters
    ----------
    amount : array
        Tokens seen.
    unique : array
        Unique tokens available.
    decay : float
        Repetitions R* after which one more repetition is worth 1/e of unique tokens.

    Returns
    -------
    ndarray
        ``U + U*decay*(1 - exp(-R/decay))`` with ``R = amount/U - 1``, where `amount` exceeds U.

    Examples
    --------
    >>> print(effective([1.0, 4.0, 40.0], 1.0).round(3))
    [ 1.     3.726 15.167]
    """
    seen = np.asarray(amount, dtype=np.float64)
    own = np.minimum(np.asarray(unique, dtype=np.float64), seen)
    return np.asarray(own * (1.0 - decay * np.expm1(-(seen / own - 1.0) / decay)))


@dataclass(frozen=True)
class _Repeated:
    """A law fitted to unique tokens, extended to repeated tokens and excess parameters."""

    plan: Plan
    repeats: float
    excess: float

    def value(self, N: FloatArray, D: FloatArray, unique: FloatArray) -> FloatArray:
        """Performance of N parameters on D tokens of which `unique` are unique."""
        fresh = np.minimum(unique, D)
        enough = self._enough(fresh)
        return self.plan.value(effective(N, enough, self.excess), effective(D, fresh, self.repeats))

    def _enough(self, fresh: FloatArray) -> FloatArray:
        """Parameters that are compute-optimal for so many unique tokens."""
        if fresh.ndim < 3:
            return self.plan.beside("D", fresh).N
        flat = fresh.reshape(len(fresh), -1)
        return self.plan.beside("D", flat).N.reshape(-1, *fresh.shape[1:])

    def best(self, budgets: FloatArray, tokens: FloatArray) -> FloatArray:
        """Compute-optimal N at pairs of a budget and unique tokens, (rows, pairs)."""
        free = self.plan.at_budget(budgets[None, :])

        def value(x: FloatArray) -> FloatArray:
            N = np.exp(x)
            C, U = (v if x.ndim == 2 else v[:, None] for v in (budgets, tokens))
            D = self.plan.cost.tokens(N, np.broadcast_to(C, x.shape))
            found = self.plan.sample.sign * self.value(N, D, np.broadcast_to(U, x.shape))
            return np.where(np.isnan(found), np.inf, found)

        centre = np.log(free.N)
        best, _ = minimum(value, _quotient(value), centre - _ROOM, centre + _ROOM)
        # with enough unique tokens the plan is that of unlimited data, to the last digit
        return np.where(tokens >= free.D, free.N, np.exp(best))


@dataclass(frozen=True)
class _WithUnique:
    """A law that has the unique tokens as a variable; one pair at a time."""

    plan: Plan

    def value(self, N: FloatArray, D: FloatArray, unique: FloatArray) -> FloatArray:
        """Performance of N parameters on D tokens of which `unique` are unique."""
        columns = [
            self._at(U).value(N[:, j : j + 1], D[:, j : j + 1])[:, 0] for j, U in enumerate(unique)
        ]
        return np.stack(columns, axis=1)

    def best(self, budgets: FloatArray, tokens: FloatArray) -> FloatArray:
        """Compute-optimal N at pairs of a budget and unique tokens, (rows, pairs)."""
        columns = []
        for budget, unique in zip(budgets, tokens, strict=True):
            best = self._at(unique).at_budget(np.full((1, 1), budget))
            columns.append(np.where(best.end == 0, best.N, np.nan)[:, 0])
        return np.stack(columns, axis=1)

    def _at(self, unique: float) -> Plan:
        sample = self.plan.sample
        extra = {**sample.extra, UNIQUE: float(unique)}
        return Plan(replace(sample, extra=extra), self.plan.cost, {})


def limited_data(
    fit: LawWithValues,
    *,
    C: Any,
    unique: Any,
    repeats: float | None = None,
    excess: float | None = None,
    cost: Cost = SIX,
    confidence_level: float | None = None,
    n_resamples: int = 200,
    rng: Rng = 0,
    **variables: Any,
) -> pd.DataFrame:
    """Divide a compute budget when the number of unique tokens is limited.

    Parameters
    ----------
    fit : Fit or published law
        A law of training on unique tokens, with the variables N and D; or a law fitted to repeated
        tokens as well, whose variable U is the number of unique tokens, such as muennighoff.
    C : number or array
        Budgets.
    unique : number or array
        Unique tokens available; paired with `C` by broadcasting.
    repeats, excess : float
        Decay constants of repeated tokens and of excess parameters; by default those of
        Muennighoff et al. They were published without covariance, so that intervals do not include
        their uncertainty (see `note`). A law with the variable U has its own, with uncertainty.
    cost, confidence_level, n_resamples, rng, **variables
        As in :func:`scalinglaws.optimal`.

    Returns
    -------
    DataFrame
        One row for each pair: ``C``, ``unique``, ``N``, ``D`` (tokens seen), ``epochs``, the
        performance, ``worth`` (compute that unlimited data would need for the same, over C),
        each with ``_low`` and ``_high``; ``times_beyond`` and ``note``.

    Raises
    ------
    FitError
        If the law has no optimum at a budget.
    ValueError
        If a number is not positive, or `repeats` or `excess` are given for a law with U.

    Notes
    -----
    ``L(N', D')`` with D' = U + U R*(1 - exp(-r/R*)), r the repetitions of the U different tokens,
    and N' likewise above the N that is compute-optimal for U (Muennighoff et al. 2023,
    arXiv:2305.16264, eq. 5 and 6). Up to about four epochs, repeated tokens are nearly as good
    as unique ones. The form saturates: it cannot describe a loss that rises.

    Examples
    --------
    >>> import scalinglaws as sl
    >>> runs = sl.datasets.ladder()
    >>> fit = sl.fit(runs[runs["D"] > 1.5e6], "kaplan")
    >>> plan = limited_data(fit, C=1e13, unique=["1M", "1B"])
    >>> bool(plan["epochs"].iloc[0] > 1 and plan["epochs"].iloc[1] == 1)
    True
    """
    budgets, tokens = np.broadcast_arrays(
        positive_numbers("C", C), positive_numbers("unique", unique)
    )
    fit, variables = chosen_group(fit, variables)
    own = UNIQUE in fit.law.variables
    if own and not (repeats is None and excess is None):
        raise ValueError(
            f"The law {fit.law.label!r} has the variable U and its own decay constants; leave "
            "out `repeats` and `excess`."
        )
    decays = {
        name: positive_number(name, default if given is None else given)
        for name, given, default in (("repeats", repeats, REPEATS), ("excess", excess, EXCESS))
    }
    plan = plan_of(
        fit, cost, {**variables, UNIQUE: _ENDLESS} if own else variables,
        confidence_level=confidence_level, n_resamples=n_resamples, rng=rng,
    )  # fmt: skip
    sample, law = plan.sample, _WithUnique(plan) if own else _Repeated(plan, **decays)
    with np.errstate(all="ignore"):
        N = law.best(budgets, tokens)
        D = plan.cost.tokens(N, np.broadcast_to(budgets, N.shape))
        performance = law.value(N, D, tokens)
        worth = np.minimum(plan.at_performance(performance).C / budgets, 1.0)
    if np.isnan(N[0]).any():
        raise FitError(
            f"The law {fit.law.label!r} has no compute-optimal division on every budget that was "
            "given."
        )
    frame = pd.DataFrame({"C": budgets, "unique": tokens})
    with np.errstate(over="ignore"):  # next to no tokens
        epochs = np.maximum(D / tokens, 1.0)
    for name, values in {
        "N": N, "D": D, "epochs": epochs, sample.target: performance, "worth": worth,
    }.items():  # fmt: skip
        smooth = name not in ("epochs", "worth")  # at least one epoch, at most the whole compute
        frame = frame.assign(**sample.columns(name, values, smooth=smooth))
    frame["times_beyond"] = plan.times_beyond(budgets)
    exact = sample.n_draws > 0 and not own
    frame["note"] = [
        "; ".join([*([_EXACT] if exact and often else []), *caveats])
        for often, caveats in zip(epochs[0] > 1, sample.caveats_at(N, D), strict=True)
    ]
    return shown(frame, limited_data_card, about_of(sample))


def _quotient(value: Function) -> Function:
    """Slope by a difference quotient of fourth order; the law has a kink at one epoch."""

    def slope(x: FloatArray) -> FloatArray:
        near = value(x + _STEP) - value(x - _STEP)
        far = value(x + 2 * _STEP) - value(x - 2 * _STEP)
        return np.asarray((8 * near - far) / (12 * _STEP))

    return slope
