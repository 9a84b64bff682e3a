"""Standard errors: the sandwich against dense matrices, and what must not change it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from scipy import stats

import scalinglaws as sl
from scalinglaws.fitting.inference.covariance import Rows, t_quantile
from tests.conftest import make_runs

Array = npt.NDArray[np.float64]


def runs_of(n: int = 40, noise: float = 0.01, seed: int = 0) -> pd.DataFrame:
    """Runs of the Chinchilla law at random sizes, four rows a family."""
    rng = np.random.default_rng(seed)
    N, D = np.exp(rng.uniform(17, 23, n)), np.exp(rng.uniform(20, 26, n))
    loss = (1.8 + 480 / N**0.35 + 2085 / D**0.37) * np.exp(noise * rng.standard_t(4, n))
    return pd.DataFrame({"N": N, "D": D, "loss": loss, "family": np.arange(n) // 4})


def dense(fit: sl.Fit, gradient: Array) -> tuple[float, float]:
    """Standard error and degrees of freedom by the formulas, with whole matrices."""
    weights = fit.runs.weights
    x = fit.model.jacobian(fit.theta)[:, fit.kept] * np.sqrt(weights)[:, None]
    r = fit.residuals.to_numpy()
    n, p = x.shape
    delta = fit.threshold
    psi = np.sqrt(weights) * np.clip(r, -delta, delta)
    window = max(delta, np.sort(np.abs(r))[int(np.ceil(n * min(0.5, 1.943 * n ** (-1 / 3)))) - 1])
    slope = np.ones(n) if np.isinf(delta) else delta / window * (np.abs(r) <= window)
    mean = slope.mean()
    bread = np.linalg.inv(x.T @ np.diag((1 - p / n) * slope + p / n * mean) @ x)
    factor = 1 + p / n * (1 - max(mean, 0.5)) / max(mean, 0.5)
    hat = x @ np.linalg.solve(x.T @ x, x.T)
    codes = fit.runs.clusters if len(fit.runs.clusters) else np.arange(n)
    pulls = np.zeros((len(np.unique(codes)), n))
    for g, code in enumerate(np.unique(codes)):
        rows = np.flatnonzero(codes == code)
        values, vectors = np.linalg.eigh((np.eye(n) - hat)[np.ix_(rows, rows)])
        root = vectors @ np.diag(np.maximum(values, 1e-3) ** -0.5) @ vectors.T
        pulls[g, rows] = root @ x[rows] @ bread @ gradient
    error = factor * np.sqrt(np.sum((pulls @ psi) ** 2))
    form = pulls @ (np.eye(n) - hat) @ pulls.T
    return float(error), float(max(np.trace(form) ** 2 / np.sum(form**2), 1.0))


@pytest.mark.parametrize("clusters", [None, "family"])
@pytest.mark.parametrize(
    "options", [{}, {"objective": "squared"}, {"delta": 1e-3}, {"weights": "w"}], ids=str
)
def test_the_sandwich_is_what_dense_matrices_say(
    options: dict[str, Any], clusters: str | None
) -> None:
    """HC2 and CR2, their degrees of freedom and the interval."""
    runs = runs_of().assign(w=np.linspace(0.5, 2.0, 40))
    fit = sl.fit(runs, "chinchilla", clusters=clusters, **options)
    table = fit.intervals(["alpha", "alpha - beta"], confidence_level=0.9)
    alpha, beta = (fit.law.parameter_names.index(name) for name in ("alpha", "beta"))
    unit = np.eye(5)
    for name, gradient in (("alpha", unit[alpha]), ("alpha - beta", unit[alpha] - unit[beta])):
        error, dof = dense(fit, gradient)
        row = table.loc[name]
        assert row["std_error"] == pytest.approx(error, rel=1e-9)
        assert row["dof"] == pytest.approx(dof, rel=1e-9)
        assert row["high"] - row["estimate"] == pytest.approx(
            stats.t.ppf(0.95, dof) * error, rel=1e-9
        )


def test_a_power_law_has_hc2() -> None:
    """Least squares in logarithms: squared residuals over one less the leverage."""
    runs = make_runs(noise=0.01)
    fit = sl.fit(runs, "power")
    x = np.column_stack([np.ones(len(runs)), np.log(runs["N"]), np.log(runs["D"])])
    y = np.log(runs["loss"].to_numpy())
    inverse = np.linalg.inv(x.T @ x)
    residuals = y - x @ inverse @ x.T @ y
    leverage = np.einsum("ij,jk,ik->i", x, inverse, x)
    covariance = inverse @ (x.T * (residuals**2 / (1 - leverage))) @ x @ inverse
    np.testing.assert_allclose(fit.covariance, covariance, rtol=1e-7)


def test_hc2_is_unbiased_for_equal_noise() -> None:
    """The expectation of the sum of squared pulls is the variance of the estimate."""
    rng = np.random.default_rng(1)
    basis = np.linalg.qr(rng.normal(size=(12, 3)))[0]
    expected = np.zeros((3, 3))
    values, vectors = np.linalg.eigh(np.eye(12) - basis @ basis.T)
    for value, vector in zip(values, vectors.T, strict=True):  # a sum over orthogonal errors
        rows = Rows(basis, np.sqrt(max(value, 0.0)) * vector, None, None)
        moved = rows.adjusted(rows.scores)[:, None] * basis
        expected += moved.T @ moved
    np.testing.assert_allclose(expected, np.eye(3), atol=1e-12)


@pytest.mark.parametrize("objective", ["huber", "absolute", "squared"])
@pytest.mark.parametrize("clusters", [None, "family"])
def test_row_order_and_units_do_not_matter(objective: Any, clusters: str | None) -> None:
    """No random numbers, and no unit of parameters, tokens or losses."""
    runs = runs_of()
    delta = 1e-3 if objective == "huber" else "auto"
    options: dict[str, Any] = {"objective": objective, "delta": delta, "clusters": clusters}
    first = sl.fit(runs, "chinchilla", **options).table
    shuffled = sl.fit(runs.sample(frac=1, random_state=3), "chinchilla", **options).table
    other = runs.assign(N=runs["N"] / 1e9, D=runs["D"] / 1e6, loss=runs["loss"] / np.log(2))
    scaled = sl.fit(other, "chinchilla", units="trust", **options).table
    columns = ["std_error", "low", "high"]
    np.testing.assert_allclose(shuffled[columns], first[columns], rtol=1e-6)
    exponents = ["alpha", "beta"]
    np.testing.assert_allclose(
        scaled.loc[exponents, columns], first.loc[exponents, columns], rtol=1e-6
    )


def test_a_small_threshold_has_stable_errors() -> None:
    """Huber at 1e-3 on noise of one per cent is nearly absolute deviations."""
    runs = runs_of(120)
    small = sl.fit(runs, "chinchilla", delta=1e-4).table["std_error"]
    absolute = sl.fit(runs, "chinchilla", objective="absolute").table["std_error"]
    np.testing.assert_allclose(small, absolute, rtol=0.2)


def test_no_more_clusters_than_parameters() -> None:
    """Nothing is known of the errors: infinite intervals, and a verdict that says why."""
    runs = runs_of().assign(run=np.arange(40) % 4)
    with pytest.warns(sl.DataWarning, match=r"4 independent runs \(column 'run'\), for 5"):
        fit = sl.fit(runs, "chinchilla", clusters="run")
    assert fit.status is sl.Status.FEW_CLUSTERS
    assert np.isinf(fit.table["high"]).all()
    assert np.isinf(fit.intervals(["alpha", "alpha - beta"])["high"]).all()
    ahead = fit.predict(N=1e10, D=1e11)
    assert np.isinf(ahead.curve_high)
    assert np.isinf(ahead.run_high)
    with pytest.raises(sl.FitError, match="no more clusters than coefficients"):
        fit.draws(10)


def test_barely_more_clusters_than_parameters() -> None:
    """Finite intervals, with a warning."""
    runs = runs_of().assign(run=np.arange(40) % 7)
    with pytest.warns(sl.DataWarning, match="7 independent runs .* may be too narrow"):
        fit = sl.fit(runs, "chinchilla", clusters="run")
    assert np.isfinite(fit.table["high"]).all()


def test_the_checkpoints_of_one_run_are_not_independent() -> None:
    """Never taken as independent in silence, whether the column is found or named."""
    steps = np.geomspace(100, 6000, 60)
    rng = np.random.default_rng(0)
    curve = pd.DataFrame({"step": steps, "loss": 2 + 30 * steps**-0.5, "run": "a"})
    curve["loss"] += 0.002 * rng.standard_normal(60)
    for clusters in ("auto", "run"):
        with pytest.warns(sl.DataWarning, match="checkpoints of 1 independent run"):
            fit = sl.fit(curve, "loss ~ E + a/step**c", clusters=clusters)
        assert np.isinf(fit.predict(step=12000).curve_high)
    assert sl.fit(curve, "loss ~ E + a/step**c", clusters=None).status.good


def test_t_quantile() -> None:
    """Student's, normal for huge degrees of freedom, infinite for none."""
    dof = np.array([3.5, 1e9, 0.0])
    expected = [stats.t.ppf(0.95, 3.5), stats.norm.ppf(0.95), np.inf]
    np.testing.assert_allclose(t_quantile(0.9, dof), expected)
    assert np.isnan(t_quantile(0.9, -1.0))
