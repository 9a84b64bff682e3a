"""Where the solver begins."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest

import scalinglaws as sl
from scalinglaws.fitting.search.global_search import estimate
from scalinglaws.fitting.search.neighbours import blocks
from scalinglaws.fitting.search.normal_equations import Column, NormalEquations
from scalinglaws.fitting.search.starts import can_be_exhaustive, find_starts
from scalinglaws.fitting.solver.build_model import bind_problem
from scalinglaws.fitting.solver.model import to_natural
from scalinglaws.fitting.solver.problem import Problem
from tests.catalogue_rows import ROWS

TRUE = {"floor": 0.25, "a": -6.0, "b": 0.3}


def problem_of(law: sl.Law, true: dict[str, float]) -> Problem:
    """Noiseless runs."""
    columns = {"D": np.geomspace(1e6, 1e12, 25)}
    y = law.value(true, columns)
    return Problem(law, columns, y, np.ones_like(y), "log", "squared", None, {})


@pytest.mark.parametrize(
    ("formula", "true"),
    [
        ("floor + (1 - floor) * sigmoid(a + b*log(D))", TRUE),
        ("floor + (top - floor) * share(b * D**c, strength)",
         {"floor": 0.1, "top": 0.9, "b": 30.0, "c": -0.3, "strength": 1.5}),
    ],
)  # fmt: skip
def test_levels_around_a_bend_are_found(formula: str, true: dict[str, float]) -> None:
    """Laws that are linear in nothing but what stands around the bend."""
    problem = problem_of(sl.Law(formula, variables=["D"]), true)

    found = estimate(problem, bind_problem(problem))

    natural = to_natural(found.theta, problem.positive)
    values = dict(zip(problem.law.parameter_names, natural, strict=True))
    assert values == pytest.approx(true, rel=1e-6)


@pytest.mark.parametrize("effort", [0, 1])
@pytest.mark.parametrize("formula", ["floor + (1 - floor) * sigmoid(a + b*log(D))",
                                     "(floor + exp(a) * D**b)**2"])  # fmt: skip
def test_runs_without_weight_do_not_count(formula: str, effort: int) -> None:
    """Also where the loss of the whole law is evaluated at each point."""
    law = sl.Law(formula, variables=["D"])
    problem = problem_of(law, {"floor": 0.25, "a": -3.0, "b": 0.1})
    kept = np.arange(25) % 3 > 0
    weighted = replace(problem, weights=1.0 * kept, y=np.where(kept, problem.y, 7.0))
    without = replace(
        problem, columns={"D": problem.columns["D"][kept]}, y=problem.y[kept],
        weights=problem.weights[kept],
    )  # fmt: skip

    one, other = find_starts(weighted, effort), find_starts(without, effort)

    assert len(one.theta)
    np.testing.assert_array_equal(one.theta, other.theta)
    np.testing.assert_array_equal(one.free, other.free)


@pytest.mark.parametrize(
    ("gamma_1", "c_2", "gamma_2"), [(0.36, 0.42, 1.17), (0.71, 2.7, 0.92), (0.71, 0.31, 1.15)]
)
def test_the_shape_of_a_small_term_is_sought_by_itself(
    gamma_1: float, c_2: float, gamma_2: float
) -> None:
    """Beside large powers of N and D, what a mixture costs."""
    law, table = sl.laws["shukor"], ROWS["shukor"].table()
    true = {
        "E": 1.8, "K": 1.1, "gamma_1": gamma_1, "c_2": c_2, "gamma_2": gamma_2, "A": 480.0,
        "alpha": 0.34, "B": 590.0, "beta": 0.32,
    }  # fmt: skip
    columns = {name: table[name].to_numpy() for name in law.variables}
    y = law.value(true, columns)
    problem = Problem(law, columns, y, np.ones_like(y), "log", "squared", None, {})

    assert blocks(problem) == [("gamma_1", "c_2", "gamma_2")]
    with warnings.catch_warnings(action="ignore", category=sl.IdentifiabilityWarning):
        fit = sl.fit(table.assign(loss=y), "shukor", units="trust")
    assert fit.params.to_dict() == pytest.approx(true, rel=1e-6)


@pytest.mark.parametrize("formula", ["c + a*exp(-b*D)", "c + a*exp(b*D)", "c + a/exp(b*D)"])
def test_rates_are_sought_in_the_unit_of_what_they_multiply(formula: str) -> None:
    """In any unit of D the same curves are tried."""
    law = sl.Law(formula, variables=["D"])
    columns = {"D": np.geomspace(16, 1e5, 9)}
    y = 0.9 - 0.6 * np.exp(-3e-4 * columns["D"])
    problem = Problem(law, columns, y, np.ones_like(y), "log", "squared", None, {})
    scaled = replace(problem, columns={"D": columns["D"] / 1e6})
    rate = law.parameter_names.index("b")

    one, other = find_starts(problem, 1).theta, find_starts(scaled, 1).theta

    np.testing.assert_allclose(other[:, rate], 1e6 * one[:, rate], rtol=1e-8)
    assert np.abs(one[:, rate]).max() < 0.1


def test_terms_inside_a_power_are_tried_in_balance() -> None:
    """A unit of N or D changes no start but the coefficient that it belongs to."""
    law = sl.Law("L + (A/N**alpha + B/D**beta)**gamma * L**c", variables=["N", "D", "L"])
    rng = np.random.default_rng(0)
    columns = {
        "N": 10 ** rng.uniform(7, 10, 30), "D": 10 ** rng.uniform(9, 12, 30),
        "L": rng.uniform(2, 3, 30),
    }  # fmt: skip
    true = {"A": 2e3, "alpha": 0.4, "B": 2e4, "beta": 0.5, "gamma": 0.8, "c": 1.5}
    y = law.value(true, columns)
    problem = Problem(law, columns, y, np.ones_like(y), "log", "squared", None, {})
    scaled = replace(problem, columns={**columns, "N": columns["N"] / 1e6})

    one, other = find_starts(problem, 1).theta, find_starts(scaled, 1).theta

    names = list(law.parameter_names)
    expected = one.copy()
    expected[:, names.index("A")] -= one[:, names.index("alpha")] * np.log(1e6)
    np.testing.assert_allclose(other, expected, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("subset", [(0,), (0, 2), (0, 1, 2), ()])
def test_sets_of_terms_are_solved_from_one_set_of_products(subset: tuple[int, ...]) -> None:
    """As least squares on the columns; one that is not finite spoils the sets that have it."""
    rng = np.random.default_rng(0)
    columns = [
        Column(rng.uniform(0.5, 2.0, (4, 30)), np.array([0, 0, 1, 2, 3]), np.zeros(4))
        for _ in range(3)
    ]
    columns[1].values[2, 7] = np.inf
    target = Column(rng.uniform(1.0, 3.0, (1, 30)), np.zeros(5, dtype=np.intp), np.zeros(1))

    solution, loss = NormalEquations.of(columns, target).solve(subset, [False] * len(subset))

    for place in range(5):
        x = np.array([columns[k].values[columns[k].of_point[place]] for k in subset]).T
        if not np.isfinite(x).all():
            assert loss[place] == np.inf
            continue
        y = target.values[0]
        wanted = np.linalg.lstsq(x, y)[0] if subset else np.zeros(0)
        np.testing.assert_allclose(solution[place, list(subset)], wanted, rtol=1e-9)
        left = y - x @ wanted if subset else y
        assert loss[place] == pytest.approx(left @ left, rel=1e-9)


def test_a_set_with_a_coefficient_of_the_wrong_sign_is_refused() -> None:
    """What must be positive has no solution where least squares want it negative."""
    column = Column(np.ones((1, 5)), np.zeros(1, dtype=np.intp), np.zeros(1))
    target = Column(-np.ones((1, 5)), np.zeros(1, dtype=np.intp), np.zeros(1))
    equations = NormalEquations.of([column], target)

    assert equations.solve((0,), [True])[1][0] == np.inf
    assert equations.solve((0,), [False])[1][0] == pytest.approx(0.0, abs=1e-12)


def test_a_law_is_solved_from_the_inside_out() -> None:
    """One parameter is searched over, all others follow; so a grid covers it."""
    law = sl.Law("floor + (1 - floor) * sigmoid(a + b*log(D))", variables=["D"])

    assert law.separation.searched == ("floor", "a", "b")
    assert law.inversion is not None
    assert law.inversion.searched == ("floor",)
    assert law.inversion.levels == {"floor"}
    assert can_be_exhaustive(problem_of(law, TRUE))
