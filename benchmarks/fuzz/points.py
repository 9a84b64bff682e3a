"""Points of predictions and plans: of wrong kinds, shapes and sizes."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd

import scalinglaws as sl
from benchmarks.fuzz.tables import damaged, good
from benchmarks.fuzz.trial import VALUES, Case, choice

_NAMES = ("N", "D", "C", "s", "params", "x", "loss")
_POINTS: tuple[Any, ...] = (
    *VALUES, "7B", 7e9, 1e12, [1e9, 2e9], [1e9, 2e9, 3e9], np.full((2, 2), 1e9), ["7B", "1T"],
    np.array([], dtype=float), [], pd.Series([1e9, 2e9]), range(1, 3), "c4", ["c4", "web"],
)  # fmt: skip


@cache
def _fits() -> tuple[Any, ...]:
    runs = good(np.random.default_rng(3), 40)
    return (
        sl.fit(runs, "chinchilla"),
        sl.fit(runs, "E[s] + A/N**alpha + B/D**beta"),
        sl.fit(runs, "power-floor", columns={"N": "N"}),
        sl.published["chinchilla/epoch2024"],
    )


def case(rng: np.random.Generator) -> Case:
    """A fit or a published law, asked for something."""
    which = int(rng.integers(len(_fits())))
    fit = _fits()[which]
    names = [n for n in _NAMES if rng.random() < (0.8 if n in ("N", "D") else 0.15)]
    values = {name: choice(rng, _POINTS) for name in names}
    kind = rng.random()
    if kind < 0.45:
        return Case(f"predict {which} {values!r}", lambda: str(fit.predict(values)))
    if kind < 0.6:
        table, what = damaged(rng)
        return Case(f"predict {which} table {what}", lambda: str(fit.predict(table)))
    if kind < 0.7:
        odd = choice(rng, _POINTS)
        return Case(f"predict {which} {odd!r}", lambda: str(fit.predict(odd)))
    if kind < 0.8:
        level = choice(rng, VALUES)
        return Case(
            f"level {level!r}",
            lambda: str(_fits()[0].predict(N=1e9, D=1e10, confidence_level=level)),
        )
    if kind < 0.85:
        value = choice(rng, (*_POINTS, 2.3, 2.2))
        left = {name: v for name, v in values.items() if name != "D"}
        return Case(f"reach {which} {value!r} {left!r}", lambda: str(fit.reach(value, **left)))
    if kind < 0.92:
        C = choice(rng, _POINTS)
        return Case(f"optimal {which} C={C!r}", lambda: str(sl.optimal(fit, C=C)))
    quantity = choice(rng, (*VALUES, "alpha/(alpha+beta)", "E", "E[c4]", "1/0", "N", ["E", "x"]))
    return Case(f"intervals {which} {quantity!r}", lambda: str(_fits()[0].intervals(quantity)))
