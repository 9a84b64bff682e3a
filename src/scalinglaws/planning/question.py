"""What a campaign is to find out, linearised in the coefficients and in the law's own error.

Near the estimate, the logarithm of the performance of a run is ``g(x) @ theta + error(x) + noise``
with coefficients theta of known covariance and a smooth error that the law makes. Any answer that
is wanted, such as the loss at a target, is then jointly normal with what new runs would show, and
what they would narrow it to is known before they are trained.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from scalinglaws.arrays import FloatArray
from scalinglaws.errors import FitError
from scalinglaws.planning.plan import Plan
from scalinglaws.planning.sampled_law import SampledLaw

# Standard deviations of coefficients that are only guessed: of logarithms, and of offsets
# and exponents relative to themselves.
GUESS = {"coefficient": 1.0, "offset": 0.2, "exponent": 0.2, "shape": 0.2}
_STEP = 1e-4
_ALONG = 0.05  # e-folds of N between the points at which the slope of an error is taken


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
