"""What plans are made from: a performance over N and D at an estimate and at joint draws."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from scalinglaws.arrays import BoolArray, FloatArray, IntArray
from scalinglaws.fitting.inference.covariance import half_widths
from scalinglaws.fitting.inference.quantities import Quantity, is_determined
from scalinglaws.fitting.result import Fit
from scalinglaws.planning.cost import RunCost
from scalinglaws.planning.law_with_values import OneGroup
from scalinglaws.planning.root_finding import ROUNDING

_STEP = 1e-4  # of a logarithm, or relative, for central differences


@dataclass(frozen=True)
class Delta:
    """Half-widths of intervals from the gradients of quantities in the coefficients.

    Attributes
    ----------
    fit : fit, or one group of it
    whole : the fit whose covariance and degrees of freedom are used
    names : the parameters that the runs determine
    places : where they are in the law of `whole`
    steps : how far each is moved, to either side, as a logarithm if it is positive
    """

    fit: Fit | OneGroup
    whole: Fit
    names: tuple[str, ...]
    places: IntArray
    steps: FloatArray

    @classmethod
    def of(cls, fit: Fit | OneGroup) -> Delta:
        """For all parameters that have a variance."""
        names, values = fit.law.parameter_names, fit.values
        whole = fit.fit if isinstance(fit, OneGroup) else fit
        places = fit.places if isinstance(fit, OneGroup) else np.arange(len(names))
        known = np.diag(whole.covariance)[places] > 0
        chosen = [p for p, own in zip(fit.law.parameters, known, strict=True) if own]
        steps = [_STEP * (1.0 if p.positive else abs(values[p.name]) or 1.0) for p in chosen]
        return cls(fit, whole, tuple(p.name for p in chosen), places[known], np.array(steps))

    def moved(self) -> dict[str, FloatArray]:
        """Each parameter in turn up, then each in turn down; shape (2 * names,) a parameter."""
        p = len(self.names)
        positive = {q.name for q in self.fit.law.parameters if q.positive}
        rows = {name: np.full(2 * p, value) for name, value in self.fit.values.items()}
        for j, (name, step) in enumerate(zip(self.names, self.steps, strict=True)):
            for row, by in ((j, step), (j + p, -step)):
                at = rows[name][row]
                rows[name][row] = at * np.exp(by) if name in positive else at + by
        return rows

    def half_widths(self, values: FloatArray, level: float) -> FloatArray:
        """Half-widths of intervals of quantities, given in the rows of `moved`, (rows, points)."""
        p = len(self.names)
        moved = (values[:p] - values[p:]) / (2.0 * self.steps[:, None])
        known = np.isfinite(moved).all(axis=0)
        half = np.full(values.shape[1], np.nan)
        if known.any():
            gradients = np.zeros((np.count_nonzero(known), len(self.whole.theta)))
            gradients[:, self.places] = moved[:, known].T
            half[known] = self._of_gradients(gradients, level)
        return half

    def _of_gradients(self, gradients: FloatArray, level: float) -> FloatArray:
        assert self.whole.sandwich is not None
        errors, dof = self.whole.sandwich.errors(gradients[:, self.whole.kept])
        half = half_widths(level, dof, errors)
        half = np.where((errors > 0) | np.isinf(half), half, 0.0)
        determined = [is_determined(self.whole, _linear(self.whole, g)) for g in gradients]
        return np.where(determined, half, np.inf)


def _linear(fit: Fit, gradient: FloatArray) -> Quantity:
    """A linear function of the working parameters, zero at the estimate."""
    return Quantity(
        "linear",
        lambda theta: (theta - fit.theta) @ gradient,
        lambda theta: np.tile(gradient, (len(theta), 1)),
    )


DEFAULT_RESAMPLES = 1000


@dataclass(frozen=True, kw_only=True)
class Sampled(ABC):
    """A performance over N and D at its estimate, at draws and at moved parameters, as one batch.

    Attributes
    ----------
    target : name of the performance
    level : confidence level of the intervals
    sign : +1 where a smaller performance is better, -1 where a larger one is
    no_interval : why there are no draws; empty where there are
    doubt : what stands against the estimate; empty where nothing does
    delta : the delta method for smooth quantities; None where draws are all there is
    """

    target: str
    level: float
    sign: float
    no_interval: str
    doubt: str = ""
    delta: Delta | None = field(default=None, repr=False)

    # --- what laws and surfaces do differently ---------------------------------------------------

    @property
    @abstractmethod
    def n_rows(self) -> int:
        """The estimate, the draws and the moved parameters."""

    @property
    @abstractmethod
    def estimate(self) -> Sampled:
        """The same without the draws."""

    @property
    @abstractmethod
    def label(self) -> str:
        """What it is, for messages."""

    @property
    @abstractmethod
    def kind(self) -> str:
        """In one word: law or forecast."""

    @property
    def tolerance(self) -> float:
        """Relative, of the logarithm of an amount that reaches a performance."""
        return ROUNDING

    @property
    def needs_cost(self) -> bool:
        """Whether the performance depends on C besides N and D."""
        return False

    @abstractmethod
    def costliest(self, cost: RunCost) -> float:
        """What the costliest run cost; NaN for a law without runs."""

    def not_usable(self, N: FloatArray, D: FloatArray) -> BoolArray:
        """Where a forecast is too wide or too far."""
        return np.zeros(np.broadcast_shapes(N.shape, D.shape), dtype=np.bool_)

    @abstractmethod
    def warn_if_far(self, beyond: FloatArray) -> None:
        """Warn of budgets that are many times the compute of the largest run."""

    @abstractmethod
    def value(self, N: npt.ArrayLike, D: npt.ArrayLike, C: npt.ArrayLike) -> FloatArray:
        """Performance, for arrays whose first axis is that of the draws (or of length 1)."""

    @abstractmethod
    def slopes(
        self, N: npt.ArrayLike, D: npt.ArrayLike, C: npt.ArrayLike
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Derivatives in ln N, ln D and ln C, each with the others held.

        Those of the performance, or of one increasing function of it.
        """

    @abstractmethod
    def performance_columns(
        self, N: FloatArray, D: FloatArray, C: FloatArray, values: FloatArray
    ) -> dict[str, FloatArray]:
        """Performance at a choice of N, D and C that is held fixed.

        At an optimum this is the interval of the best performance too: to first order it does not
        matter that the optimum moves with the coefficients (envelope theorem).
        """

    # --- intervals and caveats -------------------------------------------------------------------

    @property
    def caveats(self) -> list[str]:
        """Caveats of every number of a plan."""
        return [text for text in (self.doubt, self.no_interval) if text]

    def caveats_at(self, N: FloatArray, D: FloatArray) -> list[list[str]]:
        """Caveats of each point of a plan, whose N and D have the shape (rows, points)."""
        lost = (~np.isfinite(self.drawn(N))).sum(axis=0)
        lost = np.where(np.isfinite(N[0]), lost, 0)
        return [
            [
                *(["the forecast is not usable here"] if wide else []), *self.caveats,
                *([f"{n} of {self.n_draws} draws have no optimum"] if n else []),
            ]
            for n, wide in zip(lost, self.not_usable(N[0], D[0]), strict=True)
        ]  # fmt: skip

    @property
    def n_draws(self) -> int:
        """How many joint draws there are."""
        moved = 0 if self.delta is None else 2 * len(self.delta.names)
        return self.n_rows - 1 - moved

    def drawn(self, values: FloatArray) -> FloatArray:
        """Those of some rows that belong to the draws."""
        return values[1 : 1 + self.n_draws]

    def quantiles(self, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Interval over the draws, missing without any; see `central_interval`."""
        return central_interval(self.drawn(values), self.level)

    def interval(self, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Interval of positive and smooth quantities by the delta method, on a log scale.

        Quantiles over the draws where there is no such method, or no derivative.
        """
        low, high = self.quantiles(values)
        if self.delta is None:
            return low, high
        with np.errstate(all="ignore"):
            logs = np.log(values)
            half = self.delta.half_widths(logs[1 + self.n_draws :], self.level)
            ends = values[0] * np.exp(-half), values[0] * np.exp(half)
        known = np.isfinite(logs[0]) & ~np.isnan(half)
        return np.where(known, ends[0], low), np.where(known, ends[1], high)

    def columns(
        self, name: str, values: FloatArray, *, smooth: bool = True
    ) -> dict[str, FloatArray]:
        """Estimate and interval as columns of a frame; `values` has shape (rows, points).

        Quantities with a kink, a limit or infinite values are not smooth.
        """
        low, high = self.interval(values) if smooth else self.quantiles(values)
        return interval_columns(name, values[0], low, high)


def interval_columns(
    name: str, estimate: FloatArray, low: FloatArray, high: FloatArray
) -> dict[str, FloatArray]:
    """An estimate and its interval as columns of a frame."""
    unknown = np.isnan(estimate)  # what has no estimate has no interval either
    low, high = (np.where(unknown, np.nan, end) for end in (low, high))
    return {name: estimate, f"{name}_low": low, f"{name}_high": high}


def central_interval(drawn: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:
    """Quantiles of each column over draws, (draws, points); missing without any.

    A draw without an answer counts as beyond either end: it is placed at the lowest draw for the
    low end and at the highest for the high end.
    """
    if not len(drawn) or np.isnan(drawn).all():
        missing = np.full(drawn.shape[1:], np.nan)
        return missing, missing
    tail = 0.5 * (1.0 - level)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # columns without any answer
        ends = np.nanmin(drawn, axis=0), np.nanmax(drawn, axis=0)
    low, high = (np.where(np.isnan(drawn), end, drawn) for end in ends)
    return (
        np.asarray(np.quantile(low, tail, axis=0, method="lower")),
        np.asarray(np.quantile(high, 1.0 - tail, axis=0, method="higher")),
    )
