"""Optimal design: which of many candidate runs narrow an answer most for their compute.

Near the estimate, the logarithm of the performance of a run is ``g(x) @ theta + error(x) + noise``
with coefficients theta of known covariance and a smooth error that the law makes. Any answer that
is wanted, such as the loss at a target, is then jointly normal with what new runs would show, and
what they would narrow it to is known before they are trained.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from scalinglaws.arrays import FloatArray
from scalinglaws.errors import FitError
from scalinglaws.planning.plan import Plan
from scalinglaws.planning.sampled_law import SampledLaw

# Standard deviations of coefficients that are only guessed: of logarithms, and of offsets
# and exponents relative to themselves.
GUESS = {"coefficient": 1.0, "offset": 0.2, "exponent": 0.2, "shape": 0.2}
_STEP = 1e-4
_ALONG = 0.05  # e-folds of N between the points at which the slope of an error is taken
_ROUNDS = 20
_TINY = 1e-12
_SETTLED = 1e-9
_SHARES = (1.0, 0.5, 0.3, 0.2, 0.12)  # of the allowance, for a single run
_DECADE = float(np.log(10.0))  # over which the law's own error changes


@dataclass(frozen=True)
class Coefficients:
    """Working values (positive ones as logarithms), their covariance, and draws of them."""

    names: tuple[str, ...]
    logarithms: tuple[bool, ...]
    theta: FloatArray
    covariance: FloatArray
    drawn: FloatArray

    def natural(self, theta: FloatArray) -> dict[str, FloatArray]:
        """Natural values of rows of working values, each of shape (rows, 1)."""
        return {
            name: np.exp(theta[:, j : j + 1]) if self.logarithms[j] else theta[:, j : j + 1]
            for j, name in enumerate(self.names)
        }


def coefficients_of(sample: SampledLaw) -> Coefficients:
    """Estimates with the covariance of the draws, or of a guess where there are none."""
    parameters = sample.law.parameters
    names = tuple(p.name for p in parameters)
    natural = np.stack([sample.params[name][:, 0] for name in names], axis=1)
    # the law is linear in a floor, whose logarithm runs off to minus infinity
    logarithms = tuple(
        p.positive and p.role != "offset" and natural[0, j] > 0 for j, p in enumerate(parameters)
    )
    with np.errstate(all="ignore"):
        working = np.where(np.array(logarithms), np.log(natural), natural)
    theta, drawn = working[0], sample.drawn(working)
    if not len(drawn):
        spread = [
            GUESS[p.role] * (1.0 if log else max(abs(theta[j]), 0.1))
            for j, (p, log) in enumerate(zip(parameters, logarithms, strict=True))
        ]
        return Coefficients(
            names, logarithms, theta, np.diag(np.square(spread)), np.empty((0, len(theta)))
        )
    drawn = drawn[np.isfinite(drawn).all(axis=1)]
    covariance = np.atleast_2d(np.cov(drawn, rowvar=False))
    return Coefficients(names, logarithms, theta, covariance, drawn)


@dataclass(frozen=True)
class Question:
    """A number that is wanted: its gradient in theta, and what it sees of the law's error.

    Attributes
    ----------
    name : str
        The number, such as "loss".
    estimate : float
    gradient : array
        Of the number's logarithm in the working coefficients.
    points, weights : arrays, shapes (k, 2) and (k,)
        The law's error at these (ln N, ln D) enters the number's logarithm with these weights.
    """

    name: str
    estimate: float
    gradient: FloatArray
    points: FloatArray
    weights: FloatArray


def log_gradient(plan: Plan, known: Coefficients, N: FloatArray, D: FloatArray) -> FloatArray:
    """Gradient of the log performance at each (N, D) in the working coefficients."""
    rows = _around(known)
    moved = _with(plan, known, rows)
    values = np.log(moved.value(N[None, :], D[None, :]))
    return _quotient(values, known)


def question_of(plan: Plan, known: Coefficients, budget: float, wanted: str) -> Question:
    """The loss, or the best N, on the frontier at a budget.

    Raises
    ------
    FitError
        If the law has no optimum there.
    """
    rows = _around(known)
    moved = _with(plan, known, rows)
    best = moved.at_budget(np.full((1, 1), budget))
    if not (best.end == 0).all():
        raise FitError(
            f"The law {plan.sample.law.label!r} has no compute-optimal division at the target."
        )
    centre = np.array([np.log(best.N[0, 0]), np.log(best.D[0, 0])])
    if wanted == "N":
        gradient = _quotient(np.log(best.N), known)[0]
        points, weights = _slope_weights(plan, known, centre, budget)
        return Question("N", float(best.N[0, 0]), gradient, points, weights)
    # the optimum moves too, but to first order that does not matter
    gradient = _quotient(np.log(best.performance), known)[0]
    return Question(
        plan.sample.target, float(best.performance[0, 0]), gradient, centre[None, :],
        np.ones(1),
    )  # fmt: skip


def plausible(plan: Plan, known: Coefficients, budget: float, most: int) -> list[Coefficients]:
    """Other values that the draws hold possible, of those that have an optimum at a budget."""
    rows = len(known.drawn)
    chosen = known.drawn[np.linspace(0, rows - 1, min(rows, 4 * most)).astype(int)]
    if not rows:
        return []
    best = _with(plan, known, chosen).at_budget(np.full((1, 1), budget))
    fine = (best.end[:, 0] == 0) & np.isfinite(best.performance[:, 0])
    return [replace(known, theta=theta) for theta in chosen[fine][:most]]


def _slope_weights(
    plan: Plan, known: Coefficients, centre: FloatArray, budget: float
) -> tuple[FloatArray, FloatArray]:
    """How far an error of the law moves its optimum: its slope along the budget over curvature."""
    x = centre[0] + _ALONG * np.array([-1.0, 0.0, 1.0])
    N = np.exp(x)[None, :]
    D = plan.cost.tokens(N, np.full(N.shape, budget))
    one = _with(plan, known, known.theta[None, :])
    values = np.log(one.value(N, D))[0]
    curvature = (values[0] - 2 * values[1] + values[2]) / _ALONG**2
    points = np.stack([x, np.log(D[0])], axis=1)[[0, 2]]
    return points, np.array([1.0, -1.0]) / (2 * _ALONG * curvature)


def _around(known: Coefficients) -> FloatArray:
    """The estimate, then a step up and a step down in each coefficient."""
    steps = _STEP * np.eye(len(known.theta))
    return np.concatenate([known.theta[None, :], known.theta + steps, known.theta - steps])


def _quotient(values: FloatArray, known: Coefficients) -> FloatArray:
    """Central differences from the rows of `_around`, shape (points, coefficients)."""
    p = len(known.theta)
    return np.asarray((values[1 : p + 1] - values[p + 1 :]).T / (2 * _STEP))


def _with(plan: Plan, known: Coefficients, rows: FloatArray) -> Plan:
    params = known.natural(rows)
    return Plan(replace(plan.sample, params=params), plan.cost, {})


@dataclass(frozen=True)
class Belief:
    """What candidates would show, jointly with the answer, under each of some plausible truths.

    The first truth is the estimate, which is what a plan reports; a set of runs is chosen for all.

    Attributes
    ----------
    between : covariance of the candidates' log performances, without noise, (truths, n, n)
    across : covariance of each with the answer's logarithm, (truths, n); for two laws, how far
        these lie apart, since the squared distance of two means over the covariance is the same
        quadratic form
    variance : of the answer's logarithm, (truths,); 0 for two laws
    floor : variance that remains if everything about theta were known and no run were near
    noise : variance of a run
    """

    between: FloatArray
    across: FloatArray
    variance: FloatArray
    floor: float
    noise: float

    @property
    def estimate(self) -> Belief:
        """The first truth alone."""
        return Belief(self.between[:1], self.across[:1], self.variance[:1], self.floor, self.noise)

    def after(self, chosen: list[int]) -> FloatArray:
        """Variance of the answer once these candidates have been trained, one for each truth."""
        if not chosen:
            return self.variance
        across = self.across[:, chosen]
        return np.asarray(self.variance - (across * self._solve(chosen, across)).sum(axis=-1))

    def gains(self, chosen: list[int]) -> FloatArray:
        """By how much each candidate would lower it once these have been trained, (truths, n)."""
        variances, across = np.diagonal(self.between, axis1=1, axis2=2), self.across
        if chosen:
            rows = self.between[:, chosen]
            solved = self._solve(chosen, rows)
            variances = variances - np.einsum("kij,kij->kj", rows, solved)
            across = across - np.einsum("ki,kij->kj", self.across[:, chosen], solved)
        return np.asarray(across**2 / (np.maximum(variances, 0.0) + self.noise))

    def worth(self, chosen: list[int]) -> FloatArray:
        """What each candidate would add: the mean fall of the log variance over the truths.

        Logarithms, so that a truth under which little can be known does not decide alone; for two
        laws the squared distance itself.
        """
        gains = self.gains(chosen)
        if not self.variance.any():
            return np.asarray(gains.mean(axis=0))
        left = np.maximum(self.after(chosen), _TINY * self.variance)[:, None]
        return np.asarray(-np.log1p(-np.minimum(gains / left, 1 - _TINY)).mean(axis=0))

    def loss(self, chosen: list[int]) -> float:
        """What a set leaves: the mean log variance over the truths."""
        after = self.after(chosen)
        if not self.variance.any():
            return float(after.mean())
        return float(np.log(np.maximum(after, _TINY * self.variance)).mean())

    def _solve(self, chosen: list[int], right: FloatArray) -> FloatArray:
        both = self.between[:, chosen][:, :, chosen] + self.noise * np.eye(len(chosen))
        columns = right[..., None] if right.ndim == 2 else right
        solved = np.linalg.solve(both, columns)
        return np.asarray(solved[..., 0] if right.ndim == 2 else solved)


def choose(belief: Belief, spent: FloatArray, allowance: float, most: int) -> list[int]:
    """A good set of candidates: several greedy ones, each improved by exchanges, the best taken.

    Exchanges of single runs never undo a choice of one large run over several middling ones, so
    that some sets begin with a ceiling on what a run may cost.
    """
    sets = [
        _exchange(belief, spent, allowance, _greedy(belief, spent, allowance, most, power, share))
        for power in (0.0, 0.5, 1.0)
        for share in _SHARES
        if (spent <= share * allowance).any()
    ]
    best = min(sets, key=belief.loss)
    order: list[int] = []
    rest = list(best)
    while rest:  # the most telling first
        worth = belief.worth(order)
        place = max(rest, key=lambda j: worth[j])
        rest.remove(place)
        order.append(place)
    return order


def _greedy(
    belief: Belief, spent: FloatArray, allowance: float, most: int, power: float, share: float
) -> list[int]:
    """Add the candidate of the largest gain over cost**power, as long as the allowance lasts."""
    chosen: list[int] = []
    left = allowance * (1 + 1e-9)
    ceiling = share * left
    while len(chosen) < most and (spent <= min(left, ceiling)).any():
        value = np.where(spent <= min(left, ceiling), belief.worth(chosen) / spent**power, -1.0)
        place = int(value.argmax())
        chosen.append(place)
        left -= spent[place]
    return chosen


def _exchange(belief: Belief, spent: FloatArray, allowance: float, chosen: list[int]) -> list[int]:
    """Replace single runs by better ones within the allowance until none is left."""
    for _ in range(_ROUNDS):
        before = belief.loss(chosen)
        for k in range(len(chosen)):
            others = chosen[:k] + chosen[k + 1 :]
            left = allowance * (1 + 1e-9) - spent[others].sum()
            value = np.where(spent <= left, belief.worth(others), -1.0)
            chosen = [*others[:k], int(value.argmax()), *others[k:]]
        if belief.loss(chosen) >= before - _SETTLED * max(abs(before), 1.0):
            break
    return chosen


def covariance_of_candidates(
    plan: Plan, known: Coefficients, table: pd.DataFrame, law_error: float
) -> FloatArray:
    """Covariance of the candidates' log performances."""
    N, D = table["N"].to_numpy(), table["D"].to_numpy()
    gradient = log_gradient(plan, known, N, D)
    places = np.log(np.stack([N, D], axis=1))
    return np.asarray(
        gradient @ known.covariance @ gradient.T + law_error**2 * _alike(places, places)
    )


def belief_of(
    plan: Plan,
    truths: list[Coefficients],
    target: float,
    question: str,
    table: pd.DataFrame,
    noise: float,
    law_error: float,
) -> Belief:
    """What the candidates would tell about a number, linearised at each of the truths."""
    N, D = table["N"].to_numpy(), table["D"].to_numpy()
    places = np.log(np.stack([N, D], axis=1))
    error = law_error**2
    alike = error * _alike(places, places)
    between: list[FloatArray] = []
    across: list[FloatArray] = []
    variance: list[float] = []
    floors: list[float] = []
    for known in truths:
        with np.errstate(all="ignore"):
            asked = question_of(plan, known, target, question)
            gradient = log_gradient(plan, known, N, D)
            spread = gradient @ known.covariance
            left = error * (asked.weights @ _alike(asked.points, asked.points) @ asked.weights)
            shared = error * _alike(places, asked.points) @ asked.weights
            shown, told = spread @ gradient.T + alike, spread @ asked.gradient + shared
            own = asked.gradient @ known.covariance @ asked.gradient + left
        if between and not (np.isfinite(shown).all() and np.isfinite(told).all()):
            continue  # a draw whose valley is flat, or that has no value at a candidate
        between.append(shown)
        across.append(told)
        variance.append(float(own))
        floors.append(float(left))
    return Belief(np.stack(between), np.stack(across), np.array(variance), floors[0], noise**2)


def _alike(left: FloatArray, right: FloatArray) -> FloatArray:
    """Correlation of the law's error between two sets of places in (ln N, ln D)."""
    apart = ((left[:, None, :] - right[None, :, :]) ** 2).sum(axis=-1)
    return np.asarray(np.exp(-0.5 * apart / _DECADE**2))
