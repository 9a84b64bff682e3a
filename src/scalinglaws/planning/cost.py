"""The cost of a run: 6ND, another multiple, any function of N and D, or a fitted law of it.

Also what FLOPs cost in accelerator hours, money and energy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from scalinglaws.arrays import FloatArray
from scalinglaws.display import Card, with_card
from scalinglaws.display.plan_columns import plan_table, written
from scalinglaws.fitting.tables.points import to_values
from scalinglaws.numerals import abridged, format_compute, listed
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


# Dense BF16 FLOP/s from the makers' data sheets, without sparsity.
PEAKS = {"A100": 312e12, "H100": 989e12, "H200": 989e12}


def bill(
    flops: npt.ArrayLike,
    *,
    device: str | float,
    utilisation: float,
    price: float | None = None,
    power: float | None = None,
    overhead: float = 1.1,
) -> pd.DataFrame:
    """Accelerator hours, money and energy of training runs.

    Parameters
    ----------
    flops : float or array
        FLOPs of each run.
    device : str or float
        "A100", "H100" or "H200" (peak 312, 989 and 989 TFLOP/s, dense BF16), or the peak in FLOP/s.
    utilisation : float
        Share of the peak reached (MFU), such as 0.4.
    price : float, optional
        Price of one accelerator hour, in any currency.
    power : float, optional
        Power drawn by one accelerator with its share of the machine, in watts.
    overhead : float
        Power usage effectiveness (PUE) of the data centre; it multiplies the energy.

    Returns
    -------
    DataFrame
        Columns ``flops``, ``hours``, ``money`` if `price` is given, and ``kwh`` if `power` is.

    Raises
    ------
    ValueError
        If a number is not positive or the utilisation exceeds one.

    Examples
    --------
    >>> bill(5.76e23, device="H100", utilisation=0.4, price=2.0).round(-3)["hours"].item()
    404000.0
    """
    if isinstance(device, str):
        if device not in PEAKS:
            raise ValueError(
                f"`device` must be one of {listed([repr(name) for name in PEAKS])}, or a number: "
                f"the peak FLOP/s of another one; got {device!r}."
            )
        peak = PEAKS[device]
    else:
        peak = device
    given: dict[str, Any] = {"device": peak, "utilisation": utilisation, "overhead": overhead}
    given |= {name: v for name, v in (("price", price), ("power", power)) if v is not None}
    for name, value in given.items():
        if not is_number(value) or not value > 0:
            raise ValueError(f"`{name}` must be a positive number; got {value!r}.")
    if utilisation > 1:
        raise ValueError(f"`utilisation` is a share of the peak, at most 1; got {utilisation!r}.")
    amount = np.atleast_1d(to_values("`flops`", flops))
    if not (np.isfinite(amount) & (amount >= 0)).all():
        raise ValueError(f"`flops` must be finite and not negative; got {flops!r}.")
    frame = pd.DataFrame({"flops": amount, "hours": amount / (peak * utilisation * 3600)})
    if price is not None:
        frame["money"] = frame["hours"] * price
    if power is not None:
        frame["kwh"] = frame["hours"] * power * overhead / 1000
    return with_card(frame, _bill_card)


def _bill_card(frame: pd.DataFrame) -> Card:
    """What runs cost in all."""
    total = frame.sum()
    parts = [f"{written(total, 'hours')} accelerator hours"]
    parts += [f"{written(total, 'money')} in money"] if "money" in frame else []
    parts += [f"{written(total, 'kwh')} kWh"] if "kwh" in frame else []
    runs = "" if len(frame) == 1 else f" for {len(frame)} runs"
    table = (plan_table(frame, 0.95, upright=False),) if len(frame) > 1 else ()
    return Card(f"{format_compute(total['flops'])} FLOP{runs}: {listed(parts)}.", tables=table)
