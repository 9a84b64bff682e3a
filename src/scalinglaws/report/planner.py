"""The planner's numbers: tables of plans over budgets, which the page interpolates.

Every plan comes from `optimal`, `serving`, `limited_data` and `near_optimal`, so that the page
needs no law: it works for all of them. Sizes and tokens are stored as logarithms, which are nearly
straight in the logarithm of the budget; cubic interpolation keeps more than three digits.

Intervals are stored too, and not made in the page from joint draws of the coefficients. Two hundred
draws would be 10 kB, but the ends of their intervals are off by 2 % (median) to 6 % from those of
`optimal`, which are by the delta method; three digits would need megabytes of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import pandas as pd

from scalinglaws.arrays import FloatArray
from scalinglaws.errors import FitError
from scalinglaws.planning import limited_data, near_optimal, optimal, serving
from scalinglaws.planning.cost import PEAKS
from scalinglaws.report.subject import Subject

_FINE, _COARSE = 4.0, 1.5  # budgets a decade, along one axis and along two
_SERVED = (1e-3, 1e2, 16)  # served tokens over the tokens of the plan for training alone
_UNIQUE = (2e-2, 1 - 1e-9, 24)  # unique tokens over the same; with as many, data is not limited
_AROUND = (1 / 20, 20.0, 15)  # sizes over the best one
_WITHIN = 0.01
_ONE_DRAW = 1  # intervals of smooth quantities are by the delta method, whatever the draws
_FORECAST = ("forecast", "forecast_low", "forecast_high", "disputed", "usable")


def planner_of(subject: Subject) -> dict[str, Any] | None:
    """Tables for the page; None where there is no plan to move.

    Returns
    -------
    dict
        ``plan`` over ln C, ``around`` over ln C and ln(N/best), ``served`` and ``unique`` over ln C
        and the logarithm of served, or unique, tokens relative to the plan's. Each has ``axes``,
        (first, step, count), and flat ``columns``.
    """
    if not (subject.has_line and subject.variable == "C" and subject.has_sizes):
        return None
    budgets = _axis(subject.span, _FINE)
    found: dict[str, Any] = {
        "cost": subject.cost, "largest": subject.largest, "peak": PEAKS["H100"],
        "level": subject.level, "first": subject.asked[0],
        "plan": _table([budgets], _along_budgets(subject, np.exp(budgets))),
    }  # fmt: skip
    if isinstance(subject.plan, str):
        return found
    coarse = _axis(subject.span, _COARSE)
    plain = optimal(subject.law, C=np.exp(coarse), cost=subject.cost, n_resamples=0)
    if plain["N"].isna().any():  # the law has no optimum at some budgets
        return found
    for name, table in (("served", _served), ("unique", _limited), ("around", _around)):
        with suppress(FitError):
            found[name] = table(subject, coarse, plain)
    return found


def _axis(span: tuple[float, float], per_decade: float) -> FloatArray:
    low, high = np.log(span)
    count = max(4, 1 + int(np.ceil((high - low) / np.log(10) * per_decade)))
    return np.linspace(low, high, count)


def _along_budgets(subject: Subject, C: FloatArray) -> pd.DataFrame:
    """Sizes, law and forecast at each budget."""
    if isinstance(subject.plan, str):
        found = subject.along(C)
        names = [n for n in ("N", "D", "law", "law_low", "law_high", *_FORECAST) if n in found]
        return found[names]
    frame = optimal(subject.law, C=C, cost=subject.cost)
    band = near_optimal(subject.law, C=C, cost=subject.cost, within=_WITHIN, n_resamples=_ONE_DRAW)
    beside = {"smallest": band["smallest"], "largest": band["largest"]}
    return _with_forecast(subject, frame).assign(**beside)


def _plan_columns(subject: Subject, frame: pd.DataFrame) -> pd.DataFrame:
    """N, D and the metric, called law, with their intervals."""
    ends = ("", "_low", "_high")
    names = {f"{v}{end}": f"{v}{end}" for v in ("N", "D") for end in ends}
    names |= {f"{subject.target}{end}": f"law{end}" for end in ends}
    return frame[[name for name in names if name in frame]].rename(columns=names)


def _with_forecast(subject: Subject, frame: pd.DataFrame) -> pd.DataFrame:
    """A plan with the forecast of its sizes and tokens."""
    found = _plan_columns(subject, frame)
    if subject.forecast is None:
        return found
    N, D = (frame[name].to_numpy() for name in ("N", "D"))
    beside = subject.at({"N": N, "D": D, "C": subject.cost * N * D})
    return found.assign(**{name: beside[name].to_numpy() for name in _FORECAST})


def _served(subject: Subject, budgets: FloatArray, plain: pd.DataFrame) -> dict[str, Any]:
    """Plans that pay for serving too."""
    shares = np.geomspace(*_SERVED)
    frames = [
        serving(subject.law, served=shares * D, budget=C, cost=subject.cost, n_resamples=_ONE_DRAW)
        for C, D in zip(np.exp(budgets), plain["D"], strict=True)
    ]
    frame = pd.concat(frames, ignore_index=True)
    return _table([budgets, np.log(shares)], _with_forecast(subject, frame))


def _limited(subject: Subject, budgets: FloatArray, plain: pd.DataFrame) -> dict[str, Any]:
    """Plans with few unique tokens: of the law alone, since the runs repeat none."""
    shares = np.geomspace(*_UNIQUE)
    C, D = (np.repeat(v, len(shares)) for v in (np.exp(budgets), plain["D"].to_numpy()))
    unique = D * np.tile(shares, len(budgets))
    frame = limited_data(subject.law, C=C, unique=unique, cost=subject.cost, n_resamples=_ONE_DRAW)
    return _table([budgets, np.log(shares)], _plan_columns(subject, frame))


def _around(subject: Subject, budgets: FloatArray, plain: pd.DataFrame) -> dict[str, Any]:
    """Law and forecast at sizes around the best, on each budget."""
    shares = np.geomspace(*_AROUND)
    N = np.outer(plain["N"], shares).ravel()
    C = np.repeat(np.exp(budgets), len(shares))
    found = subject.at({"N": N, "D": C / (subject.cost * N), "C": C})
    names = [n for n in ("law", "law_low", "law_high", *_FORECAST[:3]) if n in found]
    return _table([budgets, np.log(shares)], found[names])


def _table(axes: Sequence[FloatArray], frame: pd.DataFrame) -> dict[str, Any]:
    """Axes as (first, step, count), and columns as compact numbers, null where there is none."""
    columns = {}
    for name, values in frame.items():
        numbers = values.to_numpy(dtype=np.float64)
        if str(name)[0] in "ND" or name in ("smallest", "largest"):
            with np.errstate(divide="ignore", invalid="ignore"):
                numbers = np.log(numbers)
        if np.isfinite(numbers).any():
            columns[str(name)] = [float(f"{v:.6g}") if np.isfinite(v) else None for v in numbers]
    shape: list[Mapping[str, Any] | list[float]] = [
        [round(float(axis[0]), 9), round(float(axis[1] - axis[0]), 9), len(axis)] for axis in axes
    ]
    return {"axes": shape, "columns": columns}
