"""Plans asked for with arguments of every kind, one or two of them odd."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np

import scalinglaws as sl
from benchmarks.fuzz.tables import good
from benchmarks.fuzz.trial import VALUES, Case, choice

_USUAL: Mapping[str, tuple[Any, ...]] = {
    "C": (1e21, [1e20, 1e22]), "N": (1e9, "7B"), "D": (1e11, "1T"), "loss": (2.3, [2.2, 2.4]),
    "served": (1e12,), "unique": (1e10,), "cost": (6.0,), "confidence_level": (0.9,),
    "n_resamples": (50,), "rng": (0, None), "budgets": (None, [1e20, 1e21]), "tolerance": (0.1,),
    "method": ("parabola",), "y": (None, "loss"), "columns": (None, {"N": "N"}), "limits": (None,),
    "by": ("s",), "law": ("chinchilla",), "shared": ("nothing", "exponents"), "truth": (None,),
    "baseline": (None, "c4"), "noise": (0.01,), "seeds": (1,), "budget": (1e20,),
    "forecast": (True, False), "exponent_prior": (None, (0.5, 0.15)),
}  # fmt: skip
_VERBS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "optimal": ("fit", ("C", "N", "D", "loss", "cost", "confidence_level", "limits", "forecast")),
    "near_optimal": ("fit", ("C", "tolerance", "cost")),
    "overtraining": ("fit", ("C", "loss", "cost", "confidence_level", "rng")),
    "serving": ("fit", ("loss", "served", "cost", "N", "confidence_level")),
    "limited_data": ("fit", ("C", "unique", "cost")),
    "isoflop": ("runs", ("budgets", "tolerance", "method", "y", "columns", "confidence_level",
                         "exponent_prior")),
    "envelope": ("runs", ("y", "columns", "confidence_level", "rng")),
    "compare_recipes": ("runs", ("by", "law", "C", "baseline", "shared", "confidence_level")),
    "gain": ("two fits", ("C", "confidence_level", "rng", "n_resamples")),
    "fit_each": ("runs", ("law", "by", "y")),
    "forecast": ("runs", ("y", "columns", "confidence_level", "limits")),
    "backtest": ("fit", ("by", "confidence_level")),
}  # fmt: skip


@cache
def _given() -> Mapping[str, tuple[Any, ...]]:
    runs = good(np.random.default_rng(3), 40)
    fit = sl.fit(runs, "chinchilla")
    return {
        "fit": (fit,), "two fits": (fit, fit), "runs": (runs,), "forecast": (fit.forecast,),
    }  # fmt: skip


def case(rng: np.random.Generator) -> Case:
    """A verb and its arguments."""
    name = str(choice(rng, tuple(_VERBS)))
    kind, arguments = _VERBS[name]
    verb: Callable[..., object] = getattr(sl, name)
    parameters = inspect.signature(verb).parameters.values()
    required = {p.name for p in parameters if p.default is p.empty}
    given = {a: choice(rng, _USUAL[a]) for a in arguments if a in required or rng.random() < 0.4}
    for argument in rng.choice(np.array(arguments), int(rng.integers(0, 3))):
        given[str(argument)] = choice(rng, VALUES)
    first = _given()[kind]
    if kind == "fit" and rng.random() < 0.2:
        first = _given()["forecast"]
    if rng.random() < 0.1:
        first = tuple(choice(rng, VALUES) for _ in first)
    return Case(f"{name} {given!r}", lambda: repr(verb(*first, **given)))
