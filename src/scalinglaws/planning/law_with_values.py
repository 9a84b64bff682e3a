"""What a plan accepts: a law with a number for each parameter, fitted or published."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from scalinglaws.arrays import FloatArray
from scalinglaws.core.law import Law
from scalinglaws.fitting.chain import Chain
from scalinglaws.fitting.many import Fits
from scalinglaws.forecasting.chained_forecast import ChainedForecast
from scalinglaws.forecasting.curve import CurveForecast
from scalinglaws.forecasting.forecast import Forecast
from scalinglaws.forecasting.saved import SeveralForecasts
from scalinglaws.numerals import abridged

Rng = np.random.Generator | int | None


class LawWithValues(Protocol):
    """A law with a number for each of its parameters, fitted or published."""

    @property
    def law(self) -> Law:
        """The law."""

    @property
    def values(self) -> Mapping[str, float]:
        """A number for each parameter."""


def check_fit(fit: object) -> None:
    """Refuse what has no law with a number for each parameter.

    Raises
    ------
    TypeError
        If it is none.
    """
    if isinstance(getattr(fit, "law", None), Law) and hasattr(fit, "values"):
        return
    if isinstance(fit, Forecast | ChainedForecast | CurveForecast | SeveralForecasts):
        raise TypeError(
            "This plan needs a law: fit one with sl.fit. A forecast over N and D (of groups, one "
            'such as forecast["c4"]) divides budgets by sl.optimal(forecast, C=...), and has '
            "sl.near_optimal, sl.overtraining, sl.serving, forecast.predict and forecast.reach."
        )
    got = abridged(fit) if isinstance(fit, str | int | float) else type(fit).__name__
    raise TypeError(
        "A plan needs a fit, as sl.fit returns it, or a published law such as "
        f'sl.published["chinchilla/epoch2024"]; got {got}{_nearest(fit)}.'
    )


def _nearest(given: object) -> str:
    """Which law may have been meant."""
    if isinstance(given, str) and "/" in given:
        return f": sl.published[{given!r}] is one"
    if isinstance(given, Chain):
        return ": each of its `fits` is one"
    if isinstance(given, Fits):
        return f": each of them is one, such as fits[{next(iter(given))!r}]"
    return ""


def refuse_groups(fit: LawWithValues) -> None:
    """Refuse the law of several groups.

    Raises
    ------
    ValueError
        If it is one.
    """
    if fit.law.groups:
        columns = " and ".join(repr(column) for column in fit.law.group_columns)
        raise ValueError(
            f"The law {fit.law.formula!r} has parameters for each value of {columns}, and a plan "
            "is for one of them: in place of the fit, give sl.planning.one_group(fit, "
            f"{', '.join(f'{column}=...' for column in fit.law.group_columns)})."
        )


def level_of(fit: LawWithValues, given: float | None) -> float:
    """The confidence level that was given, or that of the fit; .95 for a published law."""
    level: float = getattr(fit, "confidence_level", 0.95) if given is None else given
    return level


def target_of(fit: LawWithValues) -> str:
    """What the performance is called: as in the fitted table, in the law, or "loss"."""
    return getattr(getattr(fit, "runs", None), "target", None) or fit.law.target or "loss"


def run_columns(fit: LawWithValues) -> dict[str, FloatArray]:
    """N and D of the fitted runs; empty for a law without runs."""
    values = getattr(getattr(fit, "runs", None), "values", {})
    return {v: np.asarray(values[v]) for v in ("N", "D") if v in values}
