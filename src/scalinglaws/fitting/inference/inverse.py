"""`reach` of laws: the law along the one variable that was left open, and its inverse."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from scalinglaws.arrays import FloatArray
from scalinglaws.core.law import Law
from scalinglaws.errors import DataError, FitError, no_warnings
from scalinglaws.fitting.inference.intervals import intervals
from scalinglaws.fitting.inference.predict import at, constant_ratio, times_beyond
from scalinglaws.fitting.inference.reach import Curve, Reach, find_reach
from scalinglaws.fitting.record import FitRecord
from scalinglaws.fitting.tables.points import read_points
from scalinglaws.numerals import format_variable, listed

Columns = dict[str, npt.NDArray[Any]]

# How far below the smallest run and above the largest one an answer is looked for.
_BELOW, _ABOVE = 1e-12, 1e30
_WITHOUT_RUNS = (1e-12, 1e40)
_PER_DECADE = 12  # points of the first scan
_ROUNDING = 1e-12  # of a performance, relative


@dataclass(frozen=True)
class OpenVariable:
    """The one variable of a law that was not given.

    Attributes
    ----------
    name : str
    x : where to look, increasing
    inside : smallest and largest value among the runs; (0, infinity) without runs
    columns : from values of the variable to all columns of the law
    """

    name: str
    x: FloatArray
    inside: tuple[float, float]
    columns: Callable[[FloatArray], Columns]

    def monotone(self, estimate: FloatArray) -> tuple[FloatArray, bool]:
        """Where to look so that the law has one inverse, and whether it falls there.

        Raises
        ------
        FitError
            If the law turns among the runs.
        """
        steps = np.diff(estimate)
        with np.errstate(invalid="ignore"):
            small = np.abs(steps) <= _ROUNDING * np.abs(estimate[1:])
        signs = np.where(np.isnan(steps) | small, 0.0, np.sign(steps))
        turns = _turns(signs)
        within = [k for k in turns if self.inside[0] < self.x[k] < self.inside[1]]
        if within:
            turn = format_variable(self.name, self.x[within[0]], 2)
            raise FitError(
                f"The law turns near {self.name} = {turn}, so that it has each value twice there: "
                "an inverse needs a law that falls or rises all the way."
            )
        first = max((k for k in turns if self.x[k] <= self.inside[0]), default=0)
        last = min((k for k in turns if self.x[k] >= self.inside[1]), default=len(self.x) - 1)
        return self.x[first : last + 1], bool(signs[first:last].sum() <= 0)

    def limits(self, x: FloatArray) -> tuple[float, float]:
        """The range that a part of x stands for: all of the variable where it is all of x."""
        return (
            0.0 if x[0] == self.x[0] else float(x[0]),
            np.inf if x[-1] == self.x[-1] else float(x[-1]),
        )


def _turns(signs: FloatArray) -> list[int]:
    """Points at which the steps change their sign; flat stretches do not count."""
    moving = np.flatnonzero(signs)
    changed = np.flatnonzero(np.diff(signs[moving]))
    return [int(place) for place in moving[changed + 1]]


def reach_of_fit(
    fit: FitRecord, value: Any, confidence_level: float | None, variables: Mapping[str, Any]
) -> Reach:
    """See `Fit.reach`."""
    level = fit.level_or_default(confidence_level)
    unknown = open_variable_of(fit, variables)

    def curve(x: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        found = at(fit, unknown.columns(x), level)
        return found.estimate, found.curve_low, found.curve_high

    found = reach_along(
        unknown, curve, value, fit.runs.target, level,
        lambda x: times_beyond(fit, unknown.columns(x)),
    )  # fmt: skip
    known = np.ravel(found.estimate)[np.ravel(np.isfinite(found.estimate) & (found.estimate > 0))]
    if len(known):  # with all warnings of a prediction there
        at(fit, unknown.columns(known), level)
    return _with_floors_at_zero(fit, found, unknown, level)


def reach_along(
    unknown: OpenVariable,
    curve: Curve,
    value: Any,
    target: str,
    level: float,
    beyond: Callable[[FloatArray], FloatArray] | None,
) -> Reach:
    """Where a curve along the open variable comes to a value, without warnings on the way."""
    with no_warnings():
        x, falls = unknown.monotone(np.asarray(curve(unknown.x)[0]))
        return find_reach(
            curve, x, value, limits=unknown.limits(x), falls=falls, times_beyond=beyond,
            variable=unknown.name, target=target, confidence_level=level,
        )  # fmt: skip


def open_variable_of(fit: FitRecord, variables: Mapping[str, Any]) -> OpenVariable:
    """The variable of a fit that is not among those given."""
    return open_variable(
        fit.law, fit.runs.columns, variables, fit.runs.values, constant_ratio(fit), fit.runs.target
    )


def open_variable(
    law: Law,
    names: Mapping[str, str],
    variables: Mapping[str, Any],
    runs: Mapping[str, FloatArray],
    compute_ratio: float | None,
    target: str,
) -> OpenVariable:
    """The variable of a law that is not among those given.

    Parameters
    ----------
    law, names, compute_ratio : as in `read_points`
    variables : all others, under the law's names or those of the fitted table
    runs : variables of the runs; empty without runs
    target : name of the performance

    Raises
    ------
    ValueError
        If none or several are left open, or one that is given is unknown or no single number.
    DataError
        If the open variable was not positive in any run.
    """
    by_column = {column: variable for variable, column in names.items()}
    given = {by_column.get(name, name): value for name, value in variables.items()}
    left = [name for name in law.variables if name not in given]
    if compute_ratio is not None and len(left) > 1 and "C" in left:
        left.remove("C")  # it follows from N and D
    if len(left) != 1:
        raise ValueError(_how_many(law, left, target))
    several = [name for name, value in given.items() if np.ndim(value)]
    if several:
        raise ValueError(f"{several[0]} must be one number; got {given[several[0]]!r}.")
    (name,) = left

    def columns(x: FloatArray) -> Columns:
        return read_points(law, names, {**given, name: x}, {}, compute_ratio)

    inside = (0.0, np.inf)
    low, high = _WITHOUT_RUNS
    if runs:
        positive = runs[name][runs[name] > 0]
        if not len(positive):
            raise DataError(f"{name} is not positive in any run, and `reach` looks at ln {name}.")
        inside = float(positive.min()), float(positive.max())
        low, high = inside[0] * _BELOW, inside[1] * _ABOVE
    n_points = int(np.log10(high / low) * _PER_DECADE) + 1
    x = np.geomspace(low, high, n_points)
    columns(x)  # refuses what is unknown
    return OpenVariable(name, x, inside, columns)


def _how_many(law: Law, left: list[str], target: str) -> str:
    if not left:
        return (
            f"`reach` looks for the one variable that is not given, and all of "
            f"{listed(list(law.variables))} are: leave one out, or use `predict`."
        )
    best = (
        " For the best division of compute use sl.optimal(fit, loss=...)."
        if {"N", "D"} <= set(left)
        else ""
    )
    others = ", ".join(f"{name}=..." for name in left[:-1])
    return (
        f"`reach` looks for one variable, and the law has {listed(left)}: give all but one, such "
        f"as reach({target}, {others}).{best}"
    )


def _with_floors_at_zero(
    fit: FitRecord, found: Reach, unknown: OpenVariable, level: float
) -> Reach:
    """No upper end where a floor that stopped at zero may lie above the value.

    The interval of the curve holds such a floor at zero; the floor's own interval does not.
    """
    places = [
        j for j, parameter in enumerate(fit.law.parameters) if parameter.is_floor and fit.at_zero[j]
    ]
    if not places or not fit.converged or fit.dof <= 0 or fit.sandwich is None:
        return found
    names = [fit.law.parameter_names[j] for j in places]
    with no_warnings(), np.errstate(all="ignore"):
        columns = unknown.columns(unknown.x[[0, -1]])
        start, end = fit.law.value(fit.values, columns)
        shares = fit.law.gradient(fit.values, columns)[-1, places]  # 0 for other groups' floors
        room = float(shares @ intervals(fit, names, level, method="sandwich")["high"])
    if end > start:
        return found
    high = np.where(np.asarray(found.value) <= end + room, np.inf, found.high)
    return replace(found, high=high if high.shape else float(high))
