"""The automatic Huber threshold: 1.345 times the scale of the residuals, at most two values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import least_squares

import scalinglaws as sl
from scalinglaws.fitting.search.global_search import estimate
from scalinglaws.fitting.solver.build_model import bind
from scalinglaws.fitting.solver.problem import Estimate, Problem

TRUE = {"E": 1.8, "A": 480.0, "alpha": 0.35, "B": 2100.0, "beta": 0.37}
FACTOR, NORMAL_MEDIAN = 1.345, 0.6744897501960817


def problem_of(
    columns: Mapping[str, np.ndarray], y: np.ndarray, law: str = "chinchilla"
) -> Problem:
    """The default objective on a table."""
    return Problem(sl.laws[law], columns, y, np.ones_like(y), "log", "huber", None, {})


def solve(problem: Problem) -> Estimate:
    """The library's minimum."""
    return estimate(problem, bind(problem.law, problem.columns, problem.y, problem.scale))


def runs(n: int, noise: float, seed: int = 0) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Runs of the chinchilla law."""
    rng = np.random.default_rng(seed)
    columns = {"N": 10 ** rng.uniform(7, 10, n), "D": 10 ** rng.uniform(9, 11.5, n)}
    y = sl.laws["chinchilla"].value(TRUE, columns)
    return columns, y * np.exp(noise * rng.standard_normal(n))


def by_hand(problem: Problem, theta: np.ndarray) -> float:
    """Least squares, three Huber fits, and the median of all but the five smallest residuals."""
    log_n, log_d = np.log(problem.columns["N"]), np.log(problem.columns["D"])

    def residuals(t: np.ndarray) -> np.ndarray:
        terms = [np.full_like(log_n, t[0]), t[1] - t[2] * log_n, t[3] - t[4] * log_d]
        return np.logaddexp.reduce(terms) - np.log(problem.y)

    def fitted(t: np.ndarray, **loss: object) -> np.ndarray:
        found = least_squares(
            residuals, t, x_scale="jac", xtol=1e-14, ftol=1e-15, gtol=1e-15, **loss
        )
        return np.asarray(found.x)

    theta = fitted(theta)
    scale = np.sqrt(np.sum(residuals(theta) ** 2) / (len(log_n) - 5))
    for factor in (FACTOR, 0.5, 0.1):
        theta = fitted(theta, loss="huber", f_scale=factor * scale)
        scale = np.median(np.sort(np.abs(residuals(theta)))[5:]) / NORMAL_MEDIAN
    return float(FACTOR * scale)


@pytest.mark.parametrize("seed", range(3))
def test_the_recipe(seed: int) -> None:
    """Against the same steps by scipy."""
    problem = problem_of(*runs(60, 0.01, seed))

    found = solve(problem)

    assert found.delta == pytest.approx(by_hand(problem, found.theta), rel=1e-3)


@pytest.mark.parametrize("seed", range(8))
def test_outliers_do_not_move_it(seed: int) -> None:
    """Two runs 10 % off among 40 of .4 % noise: the threshold stays of the size of the noise."""
    columns, y = runs(40, 0.004, seed)
    largest = np.argsort(columns["N"] * columns["D"])[-2:]
    y[largest] *= 1.1

    found = solve(problem_of(columns, y))

    assert 0.5 < found.delta / (FACTOR * 0.004) < 2.0


@pytest.mark.parametrize("decimals", [1, 2])
def test_rounding_of_the_losses_is_its_lower_limit(decimals: int) -> None:
    """A plateau of equal rounded losses is met exactly; the rounding is still there."""
    x = np.geomspace(1e3, 1e9, 40)
    y = np.round(0.3 + 40.0 * x**-0.6, decimals)

    found = solve(problem_of({"D": x}, y, "m2"))

    assert found.delta >= FACTOR * 10.0**-decimals / np.sqrt(12) / np.median(y) * (1 - 1e-9)


def test_copies_of_a_run_count_once() -> None:
    """Eight runs, each ten times: the five that the law meets are fifty zeros, and no scale."""
    columns, y = runs(8, 0.01)
    copied = problem_of({name: np.repeat(x, 10) for name, x in columns.items()}, np.repeat(y, 10))

    found = solve(copied)

    assert 1e-3 < found.delta < 0.05


def test_exact_runs_with_outliers() -> None:
    """The law is met nearly, whatever four runs of thirty say."""
    columns, y = runs(30, 0.0)
    y[::8] *= 1.3
    problem = problem_of(columns, y)

    found = solve(problem)

    true = np.array([TRUE[name] for name in problem.law.parameter_names])
    natural = np.where(problem.positive, np.exp(found.theta), found.theta)
    np.testing.assert_allclose(natural, true, rtol=5e-3)


def test_units_and_order_do_not_matter() -> None:
    """Tokens in billions, rows turned round."""
    columns, y = runs(50, 0.02)
    problem = problem_of(columns, y)
    turned = {"N": columns["N"][::-1], "D": columns["D"][::-1] / 1e9}

    one, other = solve(problem), solve(replace(problem, columns=turned, y=y[::-1]))

    assert other.delta == pytest.approx(one.delta, rel=1e-9)
