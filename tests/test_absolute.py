"""Least absolute deviations by an active set, and starts of a power of two terms."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import linprog

import scalinglaws as sl
from scalinglaws.arrays import FloatArray
from scalinglaws.core import catalogue
from scalinglaws.fitting.solver.active_set import Vertex, descend
from scalinglaws.fitting.solver.build_model import bind
from scalinglaws.options import ObjectiveName

# what these fits warn of is not what is tested
pytestmark = pytest.mark.filterwarnings("ignore::scalinglaws.errors.ScalingLawWarning")


def _table(seed: int, n: int, noise: float) -> dict[str, FloatArray]:
    rng = np.random.default_rng(seed)
    size, tokens = 10 ** rng.uniform(7, 10, n), 10 ** rng.uniform(9, 11.5, n)
    curve = 1.7 + 400 / size**0.34 + 410 / tokens**0.28
    return {"N": size, "D": tokens, "loss": curve * np.exp(noise * rng.standard_t(2, n))}


def _descend(law: sl.Law, runs: dict[str, FloatArray], start: list[float], near: float) -> Vertex:
    model = bind(law, {k: runs[k] for k in law.variables}, runs["loss"], "log")
    p = len(start)
    every = np.ones(p, dtype=np.bool_)
    wide = np.full(p, 100.0)
    return descend(model, np.array(start), np.ones(len(runs["loss"])), every, -wide, wide, near)


def test_a_line_in_logarithms_ends_where_the_linear_program_does() -> None:
    runs = _table(0, 57, 0.02)
    found = _descend(sl.Law("a*N**b"), runs, [0.0, 0.0], near=0.0)
    design = np.stack([np.ones(57), np.log(runs["N"])], axis=1)
    parts = np.hstack([design, np.eye(57), -np.eye(57)])
    exact = linprog(
        np.r_[0.0, 0.0, np.ones(114)], A_eq=parts, b_eq=np.log(runs["loss"]),
        bounds=[(None, None)] * 2 + [(0, None)] * 114,
    )  # fmt: skip
    assert found.certified
    assert found.value == pytest.approx(exact.fun, rel=1e-12)


@pytest.mark.parametrize("seed", range(6))
def test_nothing_around_the_end_is_lower(seed: int) -> None:
    runs = _table(seed, 40, 0.03)
    law = catalogue.named("chinchilla", ["N", "D"])
    start = sl.fit(pd.DataFrame(runs), law, objective="squared").values
    working = [float(np.log(v + 1e-3)) if k in "EAB" else v for k, v in start.items()]
    found = _descend(law, runs, working, near=1e-4)
    assert found.certified
    model = bind(law, {k: runs[k] for k in "ND"}, runs["loss"], "log")
    rng = np.random.default_rng(seed)
    sizes = 10 ** rng.uniform(-9, -2, (2000, 1))
    around = found.theta * (1 + sizes * rng.standard_normal((2000, 5)))
    values = np.abs(model.residuals(around)).sum(axis=1)
    assert values.min() >= found.value * (1 - 1e-14)


def test_a_minimum_between_the_vertices() -> None:
    """Two runs pull apart a law that is curved in its one parameter: neither is met."""
    law = sl.Law("1 + N**b + N**(-b)")
    runs = {"N": np.array([10.0, 10.0, 30.0]), "loss": np.array([2.0, 2.5, 2.2])}
    found = _descend(law, runs, [0.3], near=0.0)
    assert found.certified
    assert found.theta[0] == pytest.approx(0.0, abs=1e-8)


def test_a_flat_valley_is_followed_to_its_end() -> None:
    """Linear programs crawl there, for seconds, and stop too early."""
    rng = np.random.default_rng(5)
    n = np.logspace(7, 9, 120)
    y = (2.5 - 0.005 * np.log(n)) * np.exp(0.003 * rng.standard_normal(120))
    fit = sl.fit(pd.DataFrame({"N": n, "loss": y}), "E + A/N**alpha", objective="absolute")
    assert fit.status.name != "NOT_CONVERGED"
    assert fit.evidence.decrement <= 1e-12


@pytest.mark.parametrize("objective", ["squared", "huber", "absolute"])
def test_a_law_that_is_nearly_the_larger_of_two_powers(objective: ObjectiveName) -> None:
    """Linear least squares on the sum inside says nothing where the power is small."""
    rng = np.random.default_rng(8)
    n, d = 10 ** rng.uniform(7, 10, 80), 10 ** rng.uniform(9, 12, 80)
    truth = {"N_c": 3e13, "alpha_N": 0.08, "alpha_D": 0.02, "D_c": 1e37}
    law = catalogue.named("kaplan", ["N", "D"])
    noise = np.exp(0.002 * rng.standard_normal(80))
    runs = pd.DataFrame({"N": n, "D": d, "loss": law.value(truth, N=n, D=d) * noise})
    fit = sl.fit(runs, law, objective=objective)
    near = sl.fit(runs, law, objective=objective, start=truth)
    assert fit.objective_value <= near.objective_value * (1 + 1e-9)
    assert fit.values["alpha_D"] == pytest.approx(0.02, rel=0.1)
