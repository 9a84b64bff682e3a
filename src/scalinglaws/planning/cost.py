"""The cost of a run: 6ND, another multiple, any function of N and D, or a fitted law of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from scalinglaws.arrays import FloatArray
from scalinglaws.numerals import abridged
from scalinglaws.options import is_number
from scalinglaws.planning.law_with_values import LawWithValues
from scalinglaws.planning.root_finding import root

CostFunction = Callable[[Any, Any], Any]
Cost = float | CostFunction | LawWithValues

SIX = 6.0  # FLOPs for each parameter and token: forward 2, backward 4
_LINEAR = 1e-12  # relative departure from proportionality that is rounding
_STEP = 1e-4  # in logarithms, of a difference quotient of fourth order
_FEWEST_TOKENS, _MOST_TOKENS = np.log(1e-12), np.log(1e30)  # in any unit


@dataclass(frozen=True)
class RunCost:
    """Cost of training N parameters on D tokens.

    Attributes
    ----------
    factor : k of k*N*D, where the cost is that
    function : the cost for arrays N and D
    per_token : the cost is proportional to D
    """

    factor: float | None
    function: CostFunction
    per_token: bool = False

    def __call__(self, N: FloatArray, D: FloatArray) -> FloatArray:
        """Cost, broadcast over N and D."""
        with np.errstate(all="ignore"):
            return np.asarray(self.function(N, D), dtype=np.float64)

    def tokens(self, N: FloatArray, C: FloatArray) -> FloatArray:
        """D that a budget pays for at this N; missing where none are."""
        if self.factor is not None:
            return np.asarray(C / (self.factor * N))
        if self.per_token:
            return np.asarray(C / self(N, np.ones(1)))
        N, C = np.broadcast_arrays(np.asarray(N, dtype=float), np.asarray(C, dtype=float))
        found = root(
            lambda x: np.log(self(N, np.exp(x))) - np.log(C),
            np.full(N.shape, _FEWEST_TOKENS), np.full(N.shape, _MOST_TOKENS),
        )  # fmt: skip
        return np.asarray(np.exp(found))

    def elasticities(self, N: FloatArray, D: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Derivatives of the log cost in ln N and ln D."""
        shape = np.broadcast_shapes(np.shape(N), np.shape(D))
        if self.factor is not None:
            one = np.ones(shape)
            return one, one

        def quotient(move_n: float, move_d: float) -> FloatArray:
            def at(k: float) -> FloatArray:
                moved = self(N * np.exp(k * move_n), D * np.exp(k * move_d))
                return np.asarray(np.log(moved))

            return np.asarray((8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * _STEP))

        return (
            np.broadcast_to(quotient(_STEP, 0.0), shape),
            np.broadcast_to(quotient(0.0, _STEP), shape),
        )


def cost_of(cost: Cost, name: str = "cost") -> RunCost:
    """The cost that a user asks for.

    Raises
    ------
    ValueError
        If it is no number, function or law, or does not grow with N and D.
    """
    if is_number(cost):
        factor = float(cost)  # type: ignore[arg-type]
        if not (np.isfinite(factor) and factor > 0):
            raise ValueError(f"`{name}` as a number is the k of k*N*D, positive; got {cost}.")
        return RunCost(factor, lambda N, D: factor * N * D)
    if callable(cost):
        found = RunCost(None, cost)
    elif hasattr(cost, "law") and hasattr(cost, "values"):
        fitted = cost
        found = RunCost(None, lambda N, D: fitted.law.value(fitted.values, N=N, D=D))
    else:
        raise ValueError(
            f"`{name}` must be a number k, for k*N*D, a function of N and D, or a fitted law of "
            f"the cost; got {abridged(cost)}."
        )
    try:
        by_n, by_d = found.elasticities(np.array([1e9]), np.array([2e10]))
    except TypeError as error:
        raise ValueError(f"`{name}` must be a function of N and D, as arrays: {error}.") from error
    if not (by_n[0] > 0 and by_d[0] > 0):
        raise ValueError(
            f"`{name}` must grow with N and with D and accept arrays; at N = 1e9 and D = 2e10 its "
            f"elasticities are {by_n[0]:.3g} and {by_d[0]:.3g}."
        )
    return RunCost(None, found.function, _is_per_token(found))


def _is_per_token(cost: RunCost) -> bool:
    """Whether the cost is proportional to D, at sizes and lengths of every order."""
    N, D = np.meshgrid(10.0 ** np.arange(3, 14, 2), 10.0 ** np.arange(0, 16, 3))
    with np.errstate(all="ignore"):
        ratio = cost(N, D) / (cost(N, np.ones(D.shape)) * D)
    return bool(np.isfinite(ratio).all() and np.abs(ratio - 1.0).max() < _LINEAR)
