"""From FLOPs to accelerator hours, money and energy."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from scalinglaws.display import with_card
from scalinglaws.fitting.tables.points import to_values
from scalinglaws.numerals import listed
from scalinglaws.options import is_number
from scalinglaws.planning.plan_cards import bill_card

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
    return with_card(frame, bill_card)
