"""A plan: a law with draws, the cost of runs, and the compute-optimal frontier of both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar

import numpy as np

from scalinglaws.arrays import FloatArray
from scalinglaws.fitting.tables.points import positive_number
from scalinglaws.numerals import format_count
from scalinglaws.planning.closed_form import ClosedForm, closed_form_of
from scalinglaws.planning.cost import Cost, RunCost, cost_of
from scalinglaws.planning.law_with_values import LawWithValues, Rng, chosen_group
from scalinglaws.planning.root_finding import Function, minimum, root
from scalinglaws.planning.sampled import Sampled
from scalinglaws.planning.sampled_law import SampledLaw, sample_of

Limits = Mapping[str, tuple[float, float]]

# Ranges in which N and D are looked for, in logarithms, where no limits are given: those of any
# model in any unit.
_SIZES = (float(np.log(1e-12)), float(np.log(1e21)))
_TOKENS = (float(np.log(1e-12)), float(np.log(1e30)))
# How far from the estimate's optimum those of its draws are looked for at first, in e-folds.
_NEAR, NEAR_STEPS = 5.0, 29
_BUDGETS = (float(np.log(1e-9)), float(np.log(1e40)))


@dataclass(frozen=True)
class Optimum:
    """Best divisions of budgets, each array of shape (1 + draws, points).

    `end` is 0 inside, -1 or +1 at a lower or upper limit of N, missing where nothing is allowed.
    """

    C: FloatArray
    N: FloatArray
    D: FloatArray
    performance: FloatArray
    end: FloatArray


S_co = TypeVar("S_co", bound=Sampled, covariant=True)


@dataclass(frozen=True)
class Frontier(Generic[S_co]):
    """The compute-optimal frontier of a law or a surface with draws, under a cost and limits.

    Closed forms are used where law and cost have them, otherwise a bracketed search along the
    budget.
    """

    sample: S_co
    cost: RunCost
    limits: Limits

    def times_beyond(self, C: FloatArray) -> FloatArray:
        """Budgets relative to the costliest run; missing for a law without runs."""
        with np.errstate(all="ignore"):  # of a cost without end
            beyond = np.asarray(C / self.sample.costliest(self.cost))
        self.sample.warn_if_far(beyond[np.isfinite(beyond)])
        return beyond

    @cached_property
    def closed_form(self) -> ClosedForm | None:
        """The law's canonical form, if law and cost have closed forms."""
        if self.cost.factor is None or not isinstance(self.sample, SampledLaw):
            return None
        extra = {name: np.array([[value]]) for name, value in self.sample.extra.items()}
        return closed_form_of(self.sample.law, {**self.sample.params, **extra})

    def value(self, N: FloatArray, D: FloatArray) -> FloatArray:
        """Performance of the law, C being the cost."""
        return self.sample.value(N, D, self.cost(N, D) if self.sample.needs_cost else np.ones(1))

    def elasticities(self, N: FloatArray, D: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Derivatives of the performance in ln N and ln D, C moving along."""
        by_n, by_d, by_c = self.sample.slopes(N, D, self.cost(N, D))
        if not self.sample.needs_cost:
            return by_n, by_d
        cost_n, cost_d = self.cost.elasticities(N, D)
        return by_n + by_c * cost_n, by_d + by_c * cost_d

    # --- at a budget ---------------------------------------------------------------------------

    def at_budget(self, C: FloatArray) -> Optimum:
        """The best division of each budget, shape (1 or rows, points)."""
        C = np.broadcast_to(C, (self.sample.n_rows, C.shape[-1]))
        with np.errstate(all="ignore"):
            N, end = self._closed(C) if self.closed_form is not None else self._searched(C)
            D = self.cost.tokens(N, C)
            return Optimum(C, N, D, self.value(N, D), end)

    def _closed(self, C: FloatArray) -> tuple[FloatArray, FloatArray]:
        assert self.closed_form is not None
        assert self.cost.factor is not None
        area = C / self.cost.factor
        best = self.closed_form.parameters(area)
        low, high = self._range(area)
        # the law has one valley along a budget, so that the nearest allowed N is the best one
        N = np.where(low > high, np.nan, np.clip(best, low, high))
        end = np.where(best < low, -1.0, np.where(best > high, 1.0, 0.0))
        return N, np.where(np.isnan(N), np.nan, end)

    def _range(self, area: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Sizes that the limits of N and D allow where N*D is `area`."""
        n_low, n_high = self.limits.get("N", (0.0, np.inf))
        d_low, d_high = self.limits.get("D", (0.0, np.inf))
        low = np.maximum(n_low, area / d_high)
        high = np.minimum(n_high, area / d_low if d_low > 0 else np.inf)
        return low, np.broadcast_to(high, low.shape)

    def _searched(self, C: FloatArray) -> tuple[FloatArray, FloatArray]:
        low, high = allowed_sizes(self.cost, self.limits, C)

        def value(x: FloatArray) -> FloatArray:
            N = np.exp(x)
            D = self.cost.tokens(N, _beside(C, x))
            return np.where(np.isnan(D), np.inf, self.sample.sign * self.value(N, D))

        def slope(x: FloatArray) -> FloatArray:
            N = np.exp(x)
            D = self.cost.tokens(N, _beside(C, x))
            by_n, by_d = self.elasticities(N, D)
            cost_n, cost_d = self.cost.elasticities(N, D)
            return np.asarray(self.sample.sign * (by_n - by_d * cost_n / cost_d))

        best, end = self._draws_near_estimate(value, slope, C, low, high)
        empty = low > high
        return np.where(empty, np.nan, np.exp(best)), np.where(empty, np.nan, end)

    def _draws_near_estimate(
        self, value: Function, slope: Function, C: FloatArray, low: FloatArray, high: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Look everywhere for the estimate, and for the draws near it, unless that fails."""
        if self.sample.n_rows > 1:
            alone = Frontier(self.sample.estimate, self.cost, self.limits)
            centre = np.log(alone._searched(C[:1])[0])
            near = np.maximum(low, centre - _NEAR), np.minimum(high, centre + _NEAR)
            if (near[0] < near[1]).all():
                best, end = minimum(value, slope, *near, NEAR_STEPS, self.sample.tolerance)
                cut = ((end < 0) & (near[0] > low)) | ((end > 0) & (near[1] < high))
                if not (cut | np.isnan(end)).any():
                    return best, end
        return minimum(value, slope, low, high, tolerance=self.sample.tolerance)

    # --- beside a given size, or a given amount of data -------------------------------------------

    def beside(self, variable: str, given: FloatArray) -> Optimum:
        """The budget at which a given N, or a given D, is the best choice."""
        rows = (self.sample.n_rows, given.shape[-1])
        given = np.broadcast_to(given, rows)
        with np.errstate(all="ignore"):
            if self.closed_form is not None:
                pair = (
                    (given, self.closed_form.tokens_beside(given))
                    if variable == "N"
                    else (self.closed_form.parameters_beside(given), given)
                )
            else:
                pair = self._beside(variable, given)
            N, D = pair
            return Optimum(
                self.cost(N, D), N, D, self.value(N, D), np.where(np.isnan(N * D), np.nan, 0.0)
            )

    def _beside(self, variable: str, given: FloatArray) -> tuple[FloatArray, FloatArray]:
        low, high = _TOKENS if variable == "N" else _SIZES

        def pair(x: FloatArray) -> tuple[FloatArray, FloatArray]:
            return (given, np.exp(x)) if variable == "N" else (np.exp(x), given)

        def balance(x: FloatArray) -> FloatArray:
            """Gain of an e-fold of cost spent on N, less that of one spent on D."""
            by_n, by_d = self.elasticities(*pair(x))
            cost_n, cost_d = self.cost.elasticities(*pair(x))
            return np.asarray(by_n * cost_d - by_d * cost_n)

        found = root(balance, np.full(given.shape, low), np.full(given.shape, high))
        N, D = pair(found)
        missing = np.isnan(found)
        return np.where(missing, np.nan, N), np.where(missing, np.nan, D)

    # --- at a performance ------------------------------------------------------------------------

    def at_performance(self, wanted: FloatArray) -> Optimum:
        """The least compute that reaches each performance; infinite where none does."""
        wanted = np.broadcast_to(wanted, (self.sample.n_rows, wanted.shape[-1]))
        with np.errstate(all="ignore"):
            if self.closed_form is not None and not self.limits:
                assert self.cost.factor is not None
                C = self.cost.factor * self.closed_form.area(wanted)
                N = self.closed_form.parameters(C / self.cost.factor)
                D = self.cost.tokens(N, C)
                end = np.where(np.isnan(C), np.nan, 0.0)
                return Optimum(C, N, np.where(np.isinf(C), np.inf, D), wanted, end)
            return self._at_performance(wanted)

    def _at_performance(self, wanted: FloatArray) -> Optimum:
        low, high = (np.full(wanted.shape, x) for x in self._budgets())

        def excess(x: FloatArray) -> FloatArray:
            found = self.at_budget(np.exp(x)).performance
            return np.asarray(self.sample.sign * (found - wanted))

        log_c = root(excess, low, high, self.sample.tolerance)
        never = np.isnan(log_c) & (excess(high) > 0)
        C = np.exp(log_c)
        found = self.at_budget(np.where(np.isnan(C), 1.0, C))
        return Optimum(
            np.where(never, np.inf, C), np.where(never, np.inf, found.N),
            np.where(never, np.inf, found.D), wanted, np.where(np.isnan(C), np.nan, found.end),
        )  # fmt: skip

    def _budgets(self) -> tuple[float, float]:
        """Logarithms of the budgets that the limits allow, or of all that anyone may ask for."""
        if not self.limits:
            return _BUDGETS
        corners = []
        for side, shrink in ((0, 1e-9), (1, -1e-9)):
            N = self.limits.get("N", tuple(np.exp(_SIZES)))[side]
            D = self.limits.get("D", tuple(np.exp(_TOKENS)))[side]
            corners.append(float(np.log(self.cost(np.array(N), np.array(D)))) + shrink)
        return corners[0], corners[1]

    # --- isolines ------------------------------------------------------------------------------

    def tokens_for(self, performance: FloatArray, N: FloatArray) -> FloatArray:
        """The D that reaches a performance with N parameters; infinite where none does."""
        with np.errstate(all="ignore"):
            if self.closed_form is not None:
                form = self.closed_form.aligned(max(performance.ndim, N.ndim))
                return form.tokens(performance, N)
            shape = np.broadcast_shapes(performance.shape, N.shape)
            N, performance = np.broadcast_to(N, shape), np.broadcast_to(performance, shape)
            tokens = self.limits.get("D", tuple(np.exp(_TOKENS)))
            low, high = (np.full(shape, np.log(D)) for D in tokens)

            def excess(x: FloatArray) -> FloatArray:
                return np.asarray(self.sample.sign * (self.value(N, np.exp(x)) - performance))

            found = np.exp(root(excess, low, high, self.sample.tolerance))
            return np.asarray(np.where(np.isnan(found) & (excess(high) > 0), np.inf, found))


Plan = Frontier[SampledLaw]


def allowed_sizes(cost: RunCost, limits: Limits, C: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Logarithms of the least and the largest size that limits and a budget allow.

    The least is above the largest where nothing is allowed.
    """
    n_low, n_high = limits.get("N", (np.exp(_SIZES[0]), np.exp(_SIZES[1])))
    d_low, d_high = limits.get("D", (np.exp(_TOKENS[0]), np.exp(_TOKENS[1])))
    low, high = np.full(C.shape, np.log(n_low)), np.full(C.shape, np.log(n_high))

    def paid(D: float) -> FloatArray:
        """The size at which the budget buys just so many tokens."""
        return root(lambda x: np.log(cost(np.exp(x), np.array(D))) - np.log(C), low, high)

    # more tokens than allowed at small sizes, fewer at large ones
    at_most, at_least = paid(d_high), paid(d_low)
    beyond = cost(np.exp(high), np.array(d_high)) < C
    within = cost(np.exp(low), np.array(d_low)) > C
    start = np.where(np.isnan(at_most), low, at_most)
    stop = np.where(np.isnan(at_least), high, at_least)
    nothing = beyond | within
    return np.where(nothing, 1.0, start), np.where(nothing, 0.0, stop)


def common_limits(limits: Limits, others: Limits) -> Limits:
    """What both allow."""
    found = dict(limits)
    for name, (low, high) in others.items():
        least, most = found.get(name, (0.0, np.inf))
        found[name] = (max(low, least), min(high, most))
    return found


def limit_note(limits: Limits, N: float, D: float) -> str:
    """Which limit a plan is at."""
    for name, value in (("N", N), ("D", D)):
        for bound in limits.get(name, ()):
            if abs(np.log(value / bound)) < 1e-6:
                return f"at the limit of {name}, {format_count(bound)}"
    return "at a limit"


def _beside(C: FloatArray, x: FloatArray) -> FloatArray:
    """Budgets with a trailing axis where x has one."""
    return C[..., None] if x.ndim > C.ndim else C


def plan_of(
    fit: LawWithValues,
    cost: Cost,
    variables: Mapping[str, Any],
    *,
    limits: Mapping[str, tuple[Any, Any]] | None = None,
    confidence_level: float | None,
    n_resamples: int,
    rng: Rng,
    delta: bool = True,
) -> Plan:
    """The plan of a fit, of the group that is named among the variables; see `sample_of`."""
    fit, others = chosen_group(fit, variables)
    sample = sample_of(
        fit, confidence_level=confidence_level, n_resamples=n_resamples, rng=rng,
        variables=others, delta=delta,
    )  # fmt: skip
    return Plan(sample, cost_of(cost), limits_of(limits))


def limits_of(limits: Mapping[str, tuple[Any, Any]] | None) -> Limits:
    """Limits as numbers.

    Raises
    ------
    ValueError
        If they are not (low, high) of N or D with low < high.
    """
    found = {}
    if limits is not None and not isinstance(limits, Mapping):
        raise ValueError(f'`limits` are such as {{"N": (0, "70B")}}; got {limits!r}.')
    for name, pair in (limits or {}).items():
        if name not in ("N", "D"):
            raise ValueError(f"`limits` are of 'N' and 'D'; got {name!r}.")
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise ValueError(f"`limits` of {name} must be (low, high); got {pair!r}.")
        low = 1e-12 if pair[0] in (0, None) else positive_number(f"limits[{name!r}]", pair[0])
        high = 1e30 if pair[1] in (np.inf, None) else positive_number(f"limits[{name!r}]", pair[1])
        if not low < high:
            raise ValueError(f"`limits` of {name} must have low < high; got {pair!r}.")
        found[name] = (low, high)
    return found
