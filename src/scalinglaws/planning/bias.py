"""What a design and a method would get wrong if a law were exactly true."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from scalinglaws.arrays import FloatArray
from scalinglaws.errors import DataError, FitError, ScalingLawWarning
from scalinglaws.fitting.fit import fit as fit_law
from scalinglaws.numerals import format_compute
from scalinglaws.planning.budgets import Budget, RunColumns
from scalinglaws.planning.search import minimum
from scalinglaws.planning.subject import LawWithValues, Sample, numbers, sample_of
from scalinglaws.planning.trend import Trend, fit_trend

Estimate = Callable[[FloatArray], tuple[FloatArray, FloatArray]]
_ROOM = float(np.log(1e4))  # around the runs, in which a true optimum is looked for


@dataclass(frozen=True)
class Bias:
    """The error that an IsoFLOP or envelope analysis makes by itself.

    Performances of a law are put in the place of those of the runs, the same analysis is made,
    and its answers are held against the law's own optima. A parabola, for instance, has its
    vertex off the minimum of a profile whose two sides fall unequally; the wider the profile, the
    further off. The lowest of several noisy curves is too low on average: for an envelope, the
    noise of the runs is put on the law's performances many times, and answers are averaged.

    Attributes
    ----------
    optima : DataFrame
        For each budget ``N`` and ``D`` by the law, and ``N_bias`` and ``D_bias``: what the
        analysis finds, relative to them, less one.
    truth : str
        The law that is taken to be true.
    exponents : DataFrame
        Rows N and D: ``true`` exponent through the law's own optima, ``found``, and ``bias``.
    """

    optima: pd.DataFrame
    exponents: pd.DataFrame
    truth: str
    found: dict[str, Trend] = field(repr=False)
    true: dict[str, Trend] = field(repr=False)

    def at(self, C: npt.ArrayLike | str) -> pd.DataFrame:
        """Relative error of N and D where both trends are carried on to other budgets."""
        budgets = numbers("C", C)
        frame = pd.DataFrame({"C": budgets})
        for name in ("N", "D"):
            off = self.found[name].at(np.log(budgets))[0] - self.true[name].at(np.log(budgets))[0]
            frame[f"{name}_bias"] = np.expm1(off)
        return frame

    @property
    def sentence(self) -> str:
        """The bias in words."""
        last = self.optima.iloc[-1]
        exponent = float(self.exponents["bias"].iloc[0])
        return (
            f"bias of this design and method, if {self.truth} holds: exponent of N "
            f"{exponent:+.4f}, N at {format_compute(last['C'])} "
            f"{100 * last['N_bias']:+.1f} %"
        )


@dataclass(frozen=True)
class Truth:
    """The law that a bias refers to, and what it is called."""

    law: LawWithValues
    name: str


def stated(
    given: LawWithValues | str | None, table: RunColumns, analysis: Callable[[Truth], Bias]
) -> tuple[Bias | None, str]:
    """The bias by a law, and why there is none where none can be stated.

    Raises
    ------
    FormulaError
        If a law of that name or form does not exist.
    """
    if given is None:
        return None, ""
    try:
        return analysis(_truth_of(given, table)), ""
    except (DataError, FitError) as error:
        name = given if isinstance(given, str) else given.law.label
        return None, f"no bias can be stated by the law {name!r}: {error}"


def _truth_of(given: LawWithValues | str, table: RunColumns) -> Truth:
    """The law that is given, or one fitted to the runs."""
    if not isinstance(given, str):
        return Truth(given, f"the law {given.law.label!r} as given")
    runs = pd.DataFrame({"N": table.N, "D": table.D, table.target: table.y})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ScalingLawWarning)  # it is a yardstick, not an answer
        fitted = fit_law(runs, given, y=table.target, columns={"N": "N", "D": "D"})
    return Truth(fitted, f"the law {fitted.law.label!r} fitted to these runs")


def bias_of(
    truth: Truth,
    table: RunColumns,
    budgets: Sequence[Budget],
    tokens: Sequence[np.poly1d],
    estimate: Estimate,
    precision: FloatArray | None,
) -> Bias:
    """Make the analysis on exact performances of a law at the runs' own N, D and C."""
    sample = sample_of(truth.law, confidence_level=None, n_resamples=0, rng=None)
    exact = np.array(table.y)
    for budget in budgets:
        own = budget.rows
        # at the budget itself, as the analysis moves its runs there
        D = table.D[own] * budget.C / table.C[own]
        exact[own] = sample.value(table.N[None, own], D[None, :], np.full((1, 1), budget.C))[0]
    log_n, log_d = estimate(exact)
    true_n = np.array(
        [
            _true_optimum(sample, table, budget, along)
            for budget, along in zip(budgets, tokens, strict=True)
        ]
    )
    true_d = np.array([along(x) for along, x in zip(tokens, true_n, strict=True)])
    log_c = np.log([budget.C for budget in budgets])
    usable = np.isfinite(log_n) & np.isfinite(true_n)

    def trend(values: FloatArray) -> Trend:
        return fit_trend(log_c, np.where(usable, values, np.nan)[None, :], precision)

    found = {"N": trend(log_n), "D": trend(log_d)}
    true = {"N": trend(true_n), "D": trend(true_d)}
    optima = pd.DataFrame(
        {
            "C": np.exp(log_c), "N": np.exp(true_n), "D": np.exp(true_d),
            "N_bias": np.expm1(log_n - true_n), "D_bias": np.expm1(log_d - true_d),
        },
        index=pd.Index([format_compute(b.C) for b in budgets], name="budget"),
    )  # fmt: skip
    return Bias(optima, _exponents(found, true), truth.name, found, true)


def bias_of_trends(
    truth: Truth, found: dict[str, Trend], true: dict[str, Trend], C: FloatArray
) -> Bias:
    """The same where the analysis has no optima of its own, but a trend."""
    budgets = pd.DataFrame({"C": C})
    log_c = np.log(C)
    for name in ("N", "D"):
        budgets[name] = np.exp(true[name].at(log_c)[0])
    for name in ("N", "D"):
        budgets[f"{name}_bias"] = np.expm1(found[name].at(log_c)[0] - true[name].at(log_c)[0])
    budgets.index = pd.Index([format_compute(c) for c in C], name="budget")
    return Bias(budgets, _exponents(found, true), truth.name, found, true)


def _exponents(found: dict[str, Trend], true: dict[str, Trend]) -> pd.DataFrame:
    rows = {n: (true[n].exponent[0], found[n].exponent[0]) for n in ("N", "D")}
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=["true", "found"])
    frame["bias"] = frame["found"] - frame["true"]
    frame.index.name = "variable"
    return frame


def _true_optimum(sample: Sample, table: RunColumns, budget: Budget, along: np.poly1d) -> float:
    """Ln N of the law's own minimum on the budget's line of N and D."""
    x = np.log(table.N[budget.rows])
    slope_d = along.deriv()
    C = np.full((1, 1), budget.C)

    def value(u: FloatArray) -> FloatArray:
        return np.asarray(sample.sign * sample.value(np.exp(u), np.exp(along(u)), C))

    def slope(u: FloatArray) -> FloatArray:
        by_n, by_d, _ = sample.slopes(np.exp(u), np.exp(along(u)), C)
        return np.asarray(sample.sign * (by_n + by_d * slope_d(u)))

    low, high = (np.array([[end]]) for end in (x.min() - _ROOM, x.max() + _ROOM))
    found, end = minimum(value, slope, low, high)
    return float(found[0, 0]) if end[0, 0] == 0 else np.nan
