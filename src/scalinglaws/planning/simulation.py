"""Simulated runs of a law, to rehearse experiments before training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from scalinglaws.arrays import FloatArray
from scalinglaws.core.law import Law
from scalinglaws.errors import FitError
from scalinglaws.fitting.arguments import resolve_law
from scalinglaws.fitting.tables import columns as col
from scalinglaws.options import generator_of
from scalinglaws.planning.cost import SIX
from scalinglaws.planning.law_with_values import LawWithValues, Rng, check_fit

Noise = float | Callable[[pd.DataFrame], Any]


def simulate(
    law: LawWithValues | str | Law,
    design: Any,
    noise: Noise = 0.005,
    *,
    values: Mapping[str, float] | None = None,
    rng: Rng = 0,
) -> pd.DataFrame:
    """Simulate the runs of a design from a law.

    Parameters
    ----------
    law : Fit, published law, name, line of maths or Law
        The law to simulate from. Names, lines of maths and `Law` objects need `values`.
    design : DataFrame or mapping
        One row for each run, with a column for each of the law's variables. Rows may repeat.
    noise : float or callable
        Standard deviation of the log performance between runs: 0.005 is half a per cent. A
        callable gets the design and returns one for each run.
    values : mapping of str to float, optional
        Coefficients.
    rng : Generator, int or None
        Seed of the noise.

    Returns
    -------
    DataFrame
        The design with a column for the performance, named as the law names it or "loss"; with C
        as 6ND where the design has N and D only.

    Raises
    ------
    ValueError
        If a coefficient, a variable or the noise is missing or wrong.

    Examples
    --------
    >>> import scalinglaws as sl
    >>> truth = {"E": 1.8, "A": 480.0, "alpha": 0.35, "B": 2100.0, "beta": 0.37}
    >>> runs = sl.simulate("chinchilla", {"N": [1e8, 1e9], "D": [2e9, 2e10]}, 0.0, values=truth)
    >>> print(runs["loss"].round(3).tolist())
    [3.321, 2.464]
    """
    table = col.as_frame(design, "design").copy()
    if isinstance(law, str | Law):
        resolved, coefficients = resolve_law(law, table, {}, None), values
        if coefficients is None:
            raise ValueError(f"`values` must give {', '.join(resolved.parameter_names)}.")
    else:
        check_fit(law)
        resolved, coefficients = law.law, {**law.values, **(values or {})}
    if "C" not in table and {"N", "D"} <= set(table):
        table["C"] = SIX * table["N"].to_numpy(dtype=float) * table["D"].to_numpy(dtype=float)
    exact = np.asarray(resolved.value(coefficients, table), dtype=np.float64)
    exact = np.broadcast_to(exact, len(table))
    if not (np.isfinite(exact) & (exact > 0)).all():
        raise FitError("The law has no positive value at some of the runs of the design.")
    spread = _spread(noise, table)
    steps = generator_of(rng).standard_normal(len(table))
    target = resolved.target or getattr(getattr(law, "runs", None), "target", None) or "loss"
    return table.assign(**{target: exact * np.exp(spread * steps)})


def _spread(noise: Noise, table: pd.DataFrame) -> FloatArray:
    """Standard deviation of each run's log performance."""
    try:
        found = np.asarray(noise(table) if callable(noise) else noise, dtype=np.float64)
        found = np.broadcast_to(found, len(table))
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"`noise` must be one number, or one for each of the {len(table)} runs; got {noise!r}."
        ) from error
    if not (np.isfinite(found) & (found >= 0)).all():
        raise ValueError(f"`noise` must be finite and not negative; got {noise!r}.")
    return found
