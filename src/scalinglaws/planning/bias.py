"""Bias of a design and a method, if a given law were exactly true."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from scalinglaws.arrays import FloatArray
from scalinglaws.display import Card, Displayed
from scalinglaws.errors import DataError, FitError, no_warnings
from scalinglaws.fitting.fit import fit as fit_law
from scalinglaws.fitting.tables.points import positive_numbers
from scalinglaws.numerals import format_compute
from scalinglaws.planning.analysis_cards import bias_card
from scalinglaws.planning.budgets import Budget, RunColumns
from scalinglaws.planning.law_with_values import LawWithValues, check_fit
from scalinglaws.planning.optima_trend import Trend, fit_trend
from scalinglaws.planning.root_finding import minimum
from scalinglaws.planning.sampled import central_interval
from scalinglaws.planning.sampled_law import SampledLaw, sample_of

# Ln N and ln D of the optima, (copies, budgets), from copies of the performances, (copies, runs).
Estimate = Callable[[FloatArray], tuple[FloatArray, FloatArray]]
_SHOWN = 5e-4  # of an exponent, below which its interval is not shown
_DRAWS = 200  # of the law, for the intervals of a bias
_ROOM = float(np.log(1e4))  # around the runs, in which a true optimum is looked for


@dataclass(frozen=True, repr=False)
class Bias(Displayed):
    """Systematic error of an IsoFLOP or envelope analysis.

    The analysis is repeated on performances computed from a law, and compared with the law's own
    optima. A parabola, for instance, misses the minimum of an asymmetric profile, the more so the
    wider the profile. The lowest of several noisy curves is too low on average; for an envelope,
    the answers are therefore averaged over simulated noise.

    Attributes
    ----------
    optima : DataFrame
        For each budget ``N`` and ``D`` by the law, and ``N_bias`` and ``D_bias``: what the
        analysis finds, relative to them, less one; each with ``_low`` and ``_high``.
    truth : str
        The law assumed to be true.
    exponents : DataFrame
        Rows N and D: ``true`` exponent through the law's own optima, ``found``, and ``bias``, each
        with ``_low`` and ``_high``.
    confidence_level : float
        Level of the intervals.

    Notes
    -----
    Intervals are those over joint draws of the law, and missing where it comes without draws. The
    bias of an envelope is a mean over noise, and so is that of each draw.
    """

    optima: pd.DataFrame
    exponents: pd.DataFrame
    truth: str
    confidence_level: float
    found: dict[str, Trend] = field(repr=False)
    true: dict[str, Trend] = field(repr=False)

    def at(self, C: npt.ArrayLike | str) -> pd.DataFrame:
        """Relative error of N and D with both trends extrapolated to other budgets.

        Parameters
        ----------
        C : float, str or array
            Compute budgets.

        Returns
        -------
        DataFrame
            One row per budget.
        """
        budgets = positive_numbers("C", C)
        frame = pd.DataFrame({"C": budgets})
        for name in ("N", "D"):
            frame = frame.assign(
                **_off(self.found, self.true, name, budgets, self.confidence_level)
            )
        return frame

    def _card(self) -> Card:
        return bias_card(self)

    @property
    def sentence(self) -> str:
        """The bias in words."""
        last, own = self.optima.iloc[-1], self.exponents.loc["N"]
        exponent, size = f"{round(own['bias'], 4) + 0.0:+.4f}", f"{100 * last['N_bias']:+.1f} %"
        if np.isfinite(own["bias_low"]):
            shown = max(abs(own["bias_low"]), abs(own["bias_high"])) >= _SHOWN
            exponent += f" ({own['bias_low']:+.4f} to {own['bias_high']:+.4f})" if shown else ""
            size += f" ({100 * last['N_bias_low']:+.1f} to {100 * last['N_bias_high']:+.1f})"
        return (
            f"bias of this design and method, if {self.truth} holds: exponent of N {exponent}, "
            f"N at {format_compute(last['C'])} {size}"
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
    TypeError
        If it is no law.
    """
    if given is None:
        return None, ""
    if not isinstance(given, str):
        check_fit(given)
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
    with no_warnings():  # it is a yardstick, not an answer
        fitted = fit_law(runs, given, y=table.target, columns={"N": "N", "D": "D"})
    return Truth(fitted, f"the law {fitted.law.label!r} fitted to these runs")


def bias_of(
    truth: Truth,
    table: RunColumns,
    budgets: Sequence[Budget],
    tokens: Sequence[np.poly1d],
    estimate: Estimate,
    precision: FloatArray | None,
    confidence_level: float,
) -> Bias:
    """Make the analysis on exact performances of a law at the runs' own N, D and C."""
    sample = drawn(truth.law, confidence_level, _DRAWS)
    exact = np.tile(table.y, (sample.n_rows, 1))
    for budget in budgets:
        own = budget.rows
        # at the budget itself, as the analysis moves its runs there
        D = table.D[own] * budget.C / table.C[own]
        exact[:, own] = sample.value(table.N[None, own], D[None, :], np.full((1, 1), budget.C))
    log_n, log_d = estimate(exact)
    true_n = np.stack(
        [
            _true_optimum(sample, table, budget, along)
            for budget, along in zip(budgets, tokens, strict=True)
        ],
        axis=1,
    )
    true_d = np.stack([along(x) for along, x in zip(tokens, true_n.T, strict=True)], axis=1)
    log_c = np.log([budget.C for budget in budgets])
    usable = np.isfinite(log_n) & np.isfinite(true_n)

    def trend(values: FloatArray) -> Trend:
        return fit_trend(log_c, np.where(usable, values, np.nan), precision, widened=False)

    found = {"N": trend(log_n), "D": trend(log_d)}
    true = {"N": trend(true_n), "D": trend(true_d)}
    optima = pd.DataFrame(
        {
            "C": np.exp(log_c),
            **_columns("N", true_n, confidence_level), **_columns("D", true_d, confidence_level),
            **_columns("N_bias", log_n - true_n, confidence_level, less=1.0),
            **_columns("D_bias", log_d - true_d, confidence_level, less=1.0),
        },
        index=pd.Index([format_compute(b.C) for b in budgets], name="budget"),
    )  # fmt: skip
    exponents = _exponents(found, true, confidence_level)
    return Bias(optima, exponents, truth.name, confidence_level, found, true)


def drawn(law: LawWithValues, level: float, n_draws: int) -> SampledLaw:
    """A law with draws; it is a yardstick, not an answer, and warns of nothing."""
    with no_warnings():  # without draws there is no interval
        return sample_of(law, confidence_level=level, n_resamples=n_draws, rng=0, delta=False)


def _columns(
    name: str, logarithms: FloatArray, level: float, *, less: float = 0.0
) -> dict[str, FloatArray]:
    """A positive number from its logarithm, (copies, budgets), with its interval."""
    values = np.exp(logarithms)
    low, high = central_interval(values[1:], level)
    return {name: values[0] - less, f"{name}_low": low - less, f"{name}_high": high - less}


def _off(
    found: dict[str, Trend], true: dict[str, Trend], name: str, C: FloatArray, level: float
) -> dict[str, FloatArray]:
    at = np.log(C)
    return _columns(f"{name}_bias", found[name].at(at) - true[name].at(at), level, less=1.0)


def bias_of_trends(
    truth: Truth,
    found: dict[str, Trend],
    true: dict[str, Trend],
    C: FloatArray,
    confidence_level: float,
) -> Bias:
    """The same where the analysis has no optima of its own, but a trend."""
    budgets = pd.DataFrame({"C": C})
    log_c = np.log(C)
    for name in ("N", "D"):
        budgets = budgets.assign(**_columns(name, true[name].at(log_c), confidence_level))
    for name in ("N", "D"):
        budgets = budgets.assign(**_off(found, true, name, C, confidence_level))
    budgets.index = pd.Index([format_compute(c) for c in C], name="budget")
    exponents = _exponents(found, true, confidence_level)
    return Bias(budgets, exponents, truth.name, confidence_level, found, true)


def _exponents(found: dict[str, Trend], true: dict[str, Trend], level: float) -> pd.DataFrame:
    rows: dict[str, dict[str, float]] = {}
    for name in ("N", "D"):
        true_, found_ = true[name].exponent, found[name].exponent
        rows[name] = {}
        for column, values in (("true", true_), ("found", found_), ("bias", found_ - true_)):
            low, high = central_interval(np.exp(values[1:, None]), level)  # of what is positive
            with np.errstate(divide="ignore"):
                ends = np.log([low[0], high[0]])
            rows[name] |= {
                column: values[0], f"{column}_low": ends[0], f"{column}_high": ends[1],
            }  # fmt: skip
    frame = pd.DataFrame.from_dict(rows, orient="index")
    frame.index.name = "variable"
    return frame


def _true_optimum(
    sample: SampledLaw, table: RunColumns, budget: Budget, along: np.poly1d
) -> FloatArray:
    """Ln N of the law's own minimum on the budget's line of N and D, one for each draw."""
    x = np.log(table.N[budget.rows])
    slope_d = along.deriv()
    C = np.full((1, 1), budget.C)

    def value(u: FloatArray) -> FloatArray:
        return np.asarray(sample.sign * sample.value(np.exp(u), np.exp(along(u)), C))

    def slope(u: FloatArray) -> FloatArray:
        by_n, by_d, _ = sample.slopes(np.exp(u), np.exp(along(u)), C)
        return np.asarray(sample.sign * (by_n + by_d * slope_d(u)))

    ends = x.min() - _ROOM, x.max() + _ROOM
    low, high = (np.full((sample.n_rows, 1), end) for end in ends)
    with np.errstate(all="ignore"):  # far from the runs a law may have no value
        found, end = minimum(value, slope, low, high)
    return np.where(end == 0, found, np.nan)[:, 0]
