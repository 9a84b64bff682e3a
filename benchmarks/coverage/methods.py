"""Ways to make intervals, each a function of one table's task.

A method gives an array of shape (targets, levels, 2): low and high in natural units, NaN where it
says that there is none. To add one is to add a line to `METHODS`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.coverage.fitted import Fitted, Task
from benchmarks.coverage.truth import Params, Target
from scalinglaws.fitting.inference.intervals import IntervalMethod

Floats = npt.NDArray[np.float64]
Method = Callable[[Task], Floats]

LEVELS = (0.5, 0.8, 0.9, 0.95)
ALL = ("parameter", "derived", "curve", "run")


def of_library(method: IntervalMethod, task: Task, *, kinds: tuple[str, ...] = ALL) -> Floats:
    """What `fit.intervals` gives, and `fit.predict` for the curve and new runs, by default.

    Parameters
    ----------
    kinds : of the targets that are answered
    """
    own = task.default
    found = _nothing(own)
    if not own.answered.any():
        return found
    # a budget's optimum that overflows has no interval: the library says so, for all that is asked
    natural = [float(t.natural(e)) for t, e in zip(own.targets, own.estimates, strict=True)]
    asks = {"parameter", "derived"} & set(kinds)
    places = [j for j, t in enumerate(own.targets) if t.kind in asks and np.isfinite(natural[j])]
    asked = {own.targets[j].name: _function(own.targets[j]) for j in places}
    for k, level in enumerate(LEVELS):
        table = own.fit.intervals(asked, method=method, confidence_level=level)
        found[places, k] = table[["low", "high"]].to_numpy()
        points, predicted = own.predictions(level)
        for j, target in enumerate(own.targets):
            if target.kind not in asks and target.point is not None:
                row = predicted.iloc[points.index(target.point)]
                found[j, k] = row[f"{target.kind}_low"], row[f"{target.kind}_high"]
    answered = own.answered & np.array([t.kind in kinds for t in own.targets])
    return np.where(answered[:, None, None], found, np.nan)


def _function(target: Target) -> str | Callable[[Params], Any]:
    """A target in natural units, as `fit.intervals` takes it."""
    if target.kind == "parameter":
        return target.name
    return target.value if target.scale == "linear" else lambda p: np.exp(target.value(p))


def _nothing(own: Fitted) -> Floats:
    return np.full((len(own.targets), len(LEVELS), 2), np.nan)


def _resampled(method: IntervalMethod, task: Task) -> Floats:
    """A bootstrap: whole clusters where the table has some."""
    return of_library("clusters" if task.cluster else method, task)


METHODS: dict[str, Method] = {
    "default": partial(of_library, "sandwich"),
    "profile": partial(of_library, "profile"),
    # the profile of a derived quantity takes up to a second
    "profile of parameters": partial(of_library, "profile", kinds=("parameter",)),
    "equal noise": partial(of_library, "equal-noise"),
    "case bootstrap": partial(_resampled, "cases"),
}
# Those of the committed page; the others take long.
USUAL = ("default", "equal noise", "case bootstrap")
