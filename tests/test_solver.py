"""The solver and its parts against independent computations."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import least_squares

import scalinglaws as sl
from scalinglaws.core import catalogue
from scalinglaws.core.law import Law
from scalinglaws.fitting.search.global_search import estimate
from scalinglaws.fitting.solver.build_model import bind, bind_general
from scalinglaws.fitting.solver.linear_solve import solve_positive_definite
from scalinglaws.fitting.solver.log_affine import LogAffineBlock
from scalinglaws.fitting.solver.newton import minimise
from scalinglaws.fitting.solver.objective import Loss, robust_scale
from scalinglaws.fitting.solver.problem import Problem
from scalinglaws.fitting.solver.resampling import Linearised, Refitter, resampled_weights
from tests.conftest import make_runs

RUNS = make_runs(noise=0.01)
COLUMNS = {name: RUNS[name].to_numpy() for name in ("N", "D")}
LOSSES = RUNS["loss"].to_numpy()
THETA = np.array([[0.5, 6.0, 0.33, 7.5, 0.36], [0.2, 5.0, 0.3, 6.0, 0.3]])


@pytest.mark.parametrize("scale", ["log", "level"])
@pytest.mark.parametrize("loss", [Loss("squared"), Loss("huber", 0.01)], ids=["squared", "huber"])
def test_the_fast_model_is_the_general_one(scale: str, loss: Loss) -> None:
    """Softmax moments and automatic differentiation give the same sums."""
    law = catalogue.named("chinchilla")
    fast = bind(law, COLUMNS, LOSSES, scale)
    general = bind_general(law, COLUMNS, LOSSES, scale)
    weights = np.linspace(0.5, 2.0, len(LOSSES))[None, :]
    shifts = np.random.default_rng(0).normal(0, 0.01, (2, len(LOSSES)))
    assert all(isinstance(block, LogAffineBlock) for _, block in fast.blocks())

    for majorise in (False, True):
        a = fast.sums(THETA, weights, loss, majorise=majorise, shifts=shifts)
        b = general.sums(THETA, weights, loss, majorise=majorise, shifts=shifts)
        for name in ("value", "gradient", "hessian"):
            np.testing.assert_allclose(getattr(a, name), getattr(b, name), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(fast.jacobian(THETA[0]), general.jacobian(THETA[0]), rtol=1e-10)


@pytest.mark.parametrize("law", ["chinchilla", "kaplan"])
def test_gradient_and_hessian_are_those_of_the_objective(law: str) -> None:
    """Central differences of the objective, where the loss is smooth."""
    bound = bind(catalogue.named(law), COLUMNS, LOSSES, "log")
    theta = THETA[0] if law == "chinchilla" else np.array([29.0, 0.08, 0.11, 30.0])
    loss, weights, h = Loss("squared"), np.ones((1, len(LOSSES))), 1e-5
    sums = bound.sums(theta[None], weights, loss)
    p = len(theta)

    shifted = np.concatenate([theta + h * np.eye(p), theta - h * np.eye(p)])
    around = bound.sums(shifted, weights, loss)

    slope = (around.value[:p] - around.value[p:]) / (2 * h)
    np.testing.assert_allclose(sums.gradient[0], slope, rtol=1e-6)
    curvature = (around.gradient[:p] - around.gradient[p:]) / (2 * h)
    np.testing.assert_allclose(sums.hessian[0], curvature, rtol=1e-5, atol=1e-4)


def test_blocks_of_rows_add_up() -> None:
    """A table larger than a work block gives the same sums as its parts."""
    many = pd.concat([RUNS] * 1500, ignore_index=True)
    columns = {name: many[name].to_numpy() for name in ("N", "D")}
    law = catalogue.named("chinchilla")
    large = bind(law, columns, many["loss"].to_numpy(), "log")
    small = bind(law, COLUMNS, LOSSES, "log")
    loss = Loss("huber", 0.01)

    a = large.sums(THETA, np.ones((1, len(many))), loss)
    b = small.sums(THETA, np.full((1, len(RUNS)), 1500.0), loss)

    np.testing.assert_allclose(a.value, b.value, rtol=1e-11)
    np.testing.assert_allclose(a.hessian, b.hessian, rtol=1e-10)


def test_each_row_of_a_batch_has_its_own_weights() -> None:
    """Bootstrap replicates are weights; every one is an independent fit."""
    law = catalogue.named("chinchilla")
    model = bind(law, COLUMNS, LOSSES, "log")
    rng = np.random.default_rng(0)
    weights = rng.multinomial(len(LOSSES), np.full(len(LOSSES), 1 / len(LOSSES)), 20).astype(float)
    start = np.repeat(THETA[:1], 20, axis=0)
    free = np.ones((20, 5), dtype=bool)
    low, high = np.array([-np.inf, -np.inf, 0, -np.inf, 0]), np.full(5, np.inf)
    amplitude = np.array([True, True, False, True, False])

    batch = minimise(model, Loss("squared"), start, weights, free, low, high, amplitude=amplitude)

    assert batch.converged.all()
    for k in range(20):
        root = np.sqrt(weights[k])
        other = least_squares(
            lambda t, root=root: root * model.residuals(t[None])[0], batch.theta[k],
            jac=lambda t, root=root: root[:, None] * model.jacobian(t), xtol=1e-15, ftol=1e-15,
        )  # fmt: skip
        assert batch.value[k] <= 2 * other.cost * (1 + 1e-10)


def test_resamples_are_counts_of_the_runs_with_weight() -> None:
    """Every resample has as many runs as have weight; each run is drawn once on average."""
    weights = np.array([2.0, 0.0, 1.0, 1.0, 0.5])
    drawn = resampled_weights(weights, 20_000, np.random.default_rng(0))
    counts = drawn[:, weights > 0] / weights[weights > 0]
    assert (drawn[:, 1] == 0).all()
    assert (counts == np.round(counts)).all()
    assert (counts.sum(axis=1) == 4).all()
    # of 20,000 binomial counts, n = 4 and p = 1/4: the mean is within five standard errors of 1
    np.testing.assert_allclose(counts.mean(axis=0), 1.0, atol=5 * np.sqrt(0.75 / 20_000))
    np.testing.assert_allclose(counts.var(axis=0), 0.75, rtol=0.05)


@pytest.mark.parametrize("loss", [Loss("squared"), Loss("huber", 0.01)])
def test_an_expansion_has_the_sums_of_the_law_at_its_origin(loss: Loss) -> None:
    """To single precision, but for the curvature of the law, and beside it to first order."""
    model = bind(catalogue.named("chinchilla"), COLUMNS, LOSSES, "log")
    around = Linearised(model, THETA[0])
    weights = np.random.default_rng(0).integers(0, 3, (6, len(LOSSES))).astype(float)
    origin = np.repeat(THETA[:1], 6, axis=0)

    known = around.sums_at_origin(weights, loss)
    here = around.sums(origin, weights, loss)
    exact = model.sums(origin, weights, loss)

    for name in ("value", "gradient", "hessian"):
        size = np.abs(getattr(here, name)).max()
        np.testing.assert_allclose(getattr(known, name), getattr(here, name), atol=1e-5 * size)
    np.testing.assert_allclose(known.value, exact.value, rtol=1e-5)
    size = np.abs(exact.gradient).max()
    np.testing.assert_allclose(known.gradient, exact.gradient, atol=1e-5 * size)
    step = 1e-3 * np.ones((1, 5))
    change = around.residuals(origin[:1] + step) - around.residuals(origin[:1])
    expected = step @ model.jacobian(THETA[0]).T
    np.testing.assert_allclose(change, expected, atol=1e-6)


def test_refits_end_where_double_precision_says() -> None:
    """The rough first steps leave no trace: each refit is at a minimum of its own objective."""
    law = catalogue.named("chinchilla")
    problem = Problem(law, COLUMNS, LOSSES, np.ones_like(LOSSES), "log", "huber", 0.005, {})
    model = bind(law, COLUMNS, LOSSES, "log")
    fit = estimate(problem, model)
    free = np.ones(5, dtype=np.bool_)
    refitter = Refitter(problem, model, Loss("huber", 0.005), fit.theta, free)
    weights = resampled_weights(np.ones_like(LOSSES), 50, np.random.default_rng(0))

    found = refitter.refit(weights)

    assert found.converged.all()
    assert (found.decrement <= 1e-14).all()
    again = minimise(
        model, Loss("huber", 0.005), found.theta, weights, np.ones((50, 5), dtype=np.bool_),
        *problem.bounds(), amplitude=problem.amplitudes,
    )  # fmt: skip
    np.testing.assert_allclose(again.value, found.value, rtol=1e-13)


@pytest.mark.parametrize("unit", [1e-20, 1e20])
def test_refits_do_not_depend_on_the_unit_of_the_performance(unit: float) -> None:
    """Squares of levels in odd units are beyond single precision; no warning leaks (an error)."""
    runs = sl.datasets.ladder()
    runs = runs[runs["D"] > 1.5e6]
    spreads = []
    for size in (1.0, unit):
        table = runs.assign(loss=size * runs["loss"])
        fit = sl.fit(table, "kaplan", units="trust", scale="level")
        spreads.append(fit.bootstrap(40, rng=0)["alpha_N"].std())

    assert spreads[1] == pytest.approx(spreads[0], rel=1e-8)


@pytest.mark.parametrize("n_batch", [1, 7, 40])
def test_few_systems_are_solved_as_many_are(n_batch: int) -> None:
    """One by one and all together: solutions, blocked places and refusals."""
    rng = np.random.default_rng(n_batch)
    root = rng.standard_normal((n_batch, 5, 5))
    matrices = root @ root.transpose(0, 2, 1) + np.eye(5)
    matrices[0, 2] = matrices[0, :, 2] = 0.0
    right, unit = rng.standard_normal((n_batch, 5)), np.zeros((n_batch, 5), dtype=bool)
    right[0, 2], unit[0, 2] = 0.0, True
    x, ok = solve_positive_definite(matrices, right, unit)
    assert ok.all()
    held = matrices + unit[:, :, None] * np.eye(5)
    np.testing.assert_allclose(x, np.linalg.solve(held, right[..., None])[..., 0], rtol=1e-9)
    _, ok = solve_positive_definite(matrices, right)
    assert not ok[0]
    assert ok[1:].all()


def test_cholesky_solves_and_refuses() -> None:
    """A batch of small systems; an indefinite one is flagged."""
    rng = np.random.default_rng(0)
    root = rng.standard_normal((7, 4, 4))
    matrices = root @ root.transpose(0, 2, 1) + np.eye(4)
    right = rng.standard_normal((7, 4))
    matrices[3] = -np.eye(4)

    x, ok = solve_positive_definite(matrices, right)

    assert ok.tolist() == [True] * 3 + [False] + [True] * 3
    np.testing.assert_allclose(
        np.einsum("bij,bj->bi", matrices[ok], x[ok]), right[ok], rtol=1e-10, atol=1e-12
    )


def test_huber_is_quadratic_inside_and_linear_outside() -> None:
    """And its derivatives are those of its value."""
    loss = Loss("huber", 0.5)
    r = np.array([-2.0, -0.3, 0.0, 0.4, 3.0])

    np.testing.assert_allclose(loss.value(r), [0.875, 0.045, 0.0, 0.08, 1.375])
    psi, curvature = loss.derivatives(r)
    np.testing.assert_allclose(psi, [-0.5, -0.3, 0.0, 0.4, 0.5])
    slope, weight = np.empty((1, 5)), np.empty((1, 5))
    total = loss.weighted(r[None], np.full((1, 5), 2.0), slope, weight, majorise=True)
    np.testing.assert_allclose(total, 2 * loss.value(r).sum())
    np.testing.assert_allclose(slope[0], 2 * psi)
    np.testing.assert_allclose(curvature, [0, 1, 1, 1, 0])
    np.testing.assert_allclose(weight[0] / 2, [0.25, 1, 1, 1, 0.5 / 3.0])


def test_the_robust_scale_of_normal_noise() -> None:
    """Consistent for the standard deviation, whatever a few outliers do."""
    rng = np.random.default_rng(0)
    noise = 0.02 * rng.standard_normal(20_000)
    noise[:500] = 10.0

    assert robust_scale(noise, np.ones(20_000), 5) == pytest.approx(0.02, rel=0.04)


@pytest.mark.parametrize("seed", range(12))
def test_no_random_start_finds_a_lower_minimum(seed: int) -> None:
    """Hard tables: few runs, narrow designs, vanishing terms; 60 random starts do not do better."""
    rng = np.random.default_rng(seed)
    n_runs = int(rng.integers(12, 80))
    n = np.exp(rng.uniform(16, 16 + rng.uniform(1.5, 7), n_runs))
    d = np.exp(rng.uniform(20, 20 + rng.uniform(1.5, 7), n_runs))
    alpha, beta = rng.uniform(0.05, 1.0, 2)
    share = rng.uniform(0, 1, 3) * (rng.uniform(size=3) > 0.25)
    y = share[0] + share[1] * (n / n.mean()) ** -alpha + share[2] * (d / d.mean()) ** -beta + 0.3
    y *= np.exp(rng.uniform(0.0005, 0.05) * rng.standard_normal(n_runs))
    law = Law("E + A/N**alpha + B/D**beta")
    model = bind(law, {"N": n, "D": d}, y, "log")
    runs = pd.DataFrame({"N": n, "D": d, "loss": y})
    with warnings.catch_warnings(action="ignore", category=sl.ScalingLawWarning):
        fit = sl.fit(runs, law, objective="squared")

    starts = np.column_stack(
        [rng.uniform(-3, 1, 60), rng.uniform(0, 20, 60), rng.uniform(0.01, 1.5, 60),
         rng.uniform(0, 20, 60), rng.uniform(0.01, 1.5, 60)]
    )  # fmt: skip
    low, high = np.array([-40, -40, 0, -40, 0.0]), np.array([5, 90, 4.0, 90, 4.0])
    best = np.inf
    for start in starts:
        try:
            found = least_squares(
                lambda t: model.residuals(t[None])[0], np.clip(start, low + 1e-6, high - 1e-6),
                jac=model.jacobian, bounds=(low, high), xtol=1e-14, ftol=1e-14, gtol=1e-14,
                max_nfev=150,
            )  # fmt: skip
        except (ValueError, np.linalg.LinAlgError):
            continue
        best = min(best, 2 * found.cost)
    assert fit.objective_value <= best * (1 + 1e-9)
