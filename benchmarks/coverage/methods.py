"""One fit seen through what is asked of it, and the table behind it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

import scalinglaws as sl
from benchmarks import library
from benchmarks.coverage.cells import Params, Target, gradient
from scalinglaws.fitting.inference.intervals import IntervalMethod

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Fitted:
    """A fit, and the targets at it."""

    fit: sl.Fit
    targets: Sequence[Target]

    @cached_property
    def estimates(self) -> Floats:
        """Targets at the fit, on their own scales."""
        with np.errstate(all="ignore"):
            return np.array([float(t.value(self.fit.values)) for t in self.targets])

    @cached_property
    def slopes(self) -> Floats:
        """Derivatives of the targets in the working parameters."""
        with np.errstate(all="ignore"):
            rows = [gradient(self.fit.law, self.fit.values, t) for t in self.targets]
        return np.nan_to_num(np.array(rows))

    @cached_property
    def answered(self) -> npt.NDArray[np.bool_]:
        """Targets that the fit itself says are determined."""
        fit = self.fit
        if fit.status.name == "NOT_CONVERGED" or fit.dof <= 0:
            return np.zeros(len(self.targets), dtype=np.bool_)
        return np.array([self._is_answered(j, t) for j, t in enumerate(self.targets)])

    def _is_answered(self, j: int, target: Target) -> bool:
        fit = self.fit
        if target.kind == "parameter":
            row = fit.table.loc[target.name]
            # a floor at zero has an interval as well
            return bool(row["status"] == "estimated" or row["high"] < np.inf)
        if target.point is not None:
            return bool(np.isfinite(self._reached[target.point]))
        if not np.isfinite(self.estimates[j]):
            return False
        slope = self.slopes[j]
        lost = np.abs(slope @ fit.null_space) > 1e-6 * (np.abs(slope) @ np.abs(fit.null_space))
        return not lost.any() and not len(fit.alternatives)

    @cached_property
    def _reached(self) -> Mapping[tuple[float, float], float]:
        """Upper ends of the library's own predictions, infinite where it has none."""
        points, found = self.predictions(0.9)
        return dict(zip(points, found["curve_high"], strict=True))

    def predictions(self, level: float) -> tuple[list[tuple[float, float]], pd.DataFrame]:
        """The library's own, at the points of the targets."""
        points = list(dict.fromkeys(t.point for t in self.targets if t.point is not None))
        table = pd.DataFrame(points, columns=["N", "D"]).assign(C=lambda t: 6 * t["N"] * t["D"])
        table = table.assign(**{g: levels[0] for g, levels in self.fit.law.levels.items()})
        with warnings.catch_warnings(action="ignore"):
            found = self.fit.predict(table, confidence_level=level)
        assert isinstance(found, pd.DataFrame)
        return points, found


@dataclass
class Task:
    """One table and what is asked of it; whatever several methods need is computed once.

    Attributes
    ----------
    cluster : column of rows that are not independent, or None
    """

    table: pd.DataFrame
    law: sl.Law
    targets: Sequence[Target]
    cluster: str | None

    @cached_property
    def default(self) -> Fitted:
        """The fit with every documented default, of the table as it is."""
        return Fitted(library.fit(self.table, self.law, y="loss"), self.targets)


# --- methods -----------------------------------------------------------------------------------


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
