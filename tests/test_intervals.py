"""Intervals: exact where theory is exact, and each method where it should agree with another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats

import scalinglaws as sl
from scalinglaws.fitting.inference.influence import (
    Influence,
    clipped_kurtosis,
    huber_inflation,
)
from scalinglaws.fitting.inference.noise import NoiseLaw, noise_law

CHINCHILLA = {"E": 1.8, "A": 480.0, "alpha": 0.35, "B": 2085.0, "beta": 0.37}


def ladder(n_sizes: int = 6, n_budgets: int = 5) -> pd.DataFrame:
    """A grid of N and D."""
    N, D = np.meshgrid(np.geomspace(5e7, 5e9, n_sizes), np.geomspace(1e9, 1e11, n_budgets))
    return pd.DataFrame({"N": N.ravel(), "D": D.ravel()})


def power_runs(noise: float = 0.01, seed: int = 0, **shape: int) -> pd.DataFrame:
    """Runs of a power law."""
    runs = ladder(**shape)
    rng = np.random.default_rng(seed)
    curve = 20.0 * runs["N"] ** -0.05 * runs["D"] ** -0.07
    return runs.assign(loss=curve * np.exp(noise * rng.standard_normal(len(runs))))


def chinchilla_runs(noise: float = 0.005, seed: int = 0, **shape: int) -> pd.DataFrame:
    """Runs of a law with a floor."""
    runs = ladder(**shape)
    rng = np.random.default_rng(seed)
    p = CHINCHILLA
    curve = p["E"] + p["A"] / runs["N"] ** p["alpha"] + p["B"] / runs["D"] ** p["beta"]
    return runs.assign(loss=curve * np.exp(noise * rng.standard_normal(len(runs))))


def design(runs: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Columns and responses of the linear regression that a power law is."""
    x = np.column_stack([np.ones(len(runs)), np.log(runs["N"]), np.log(runs["D"])])
    return x, np.log(runs["loss"].to_numpy())


# --- against the formulas ---------------------------------------------------------------------


def test_the_default_of_a_power_law_is_moderated_hc2_with_its_own_freedom() -> None:
    """Standard errors, degrees of freedom and ends, by dense matrices."""
    runs = power_runs()
    fit = sl.fit(runs, "power", confidence_level=0.9)

    x, y = design(runs)
    inverse = np.linalg.inv(x.T @ x)
    hat = x @ inverse @ x.T
    maker = np.eye(len(y)) - hat
    residuals, sizes = maker @ y, np.log(runs["N"] * runs["D"]).to_numpy()
    law = noise_law(residuals, sizes, np.diag(hat), np.linalg.qr(x)[0], shrunk=True)
    noise = law.variance(sizes)
    kept = maker**2 @ noise / noise
    level = np.sum(residuals**2) / np.sum(kept * noise)
    lent = 30 / (30 + 27)
    squares = (1 - lent) * residuals**2 / kept + lent * level * noise
    error = np.sqrt(np.sum((x @ inverse)[:, 1] ** 2 * squares))
    table = fit.intervals("b")
    assert fit.table.loc["b", "std_error"] == pytest.approx(error, rel=1e-9)
    t = stats.t.ppf(0.95, table.loc["b", "dof"])
    assert fit.table.loc["b", "high"] == pytest.approx(fit.params["b"] + t * error, rel=1e-9)
    assert table.loc["b", "high"] == pytest.approx(fit.table.loc["b", "high"], rel=1e-12)


def test_runs_weighted_by_a_noise_law_have_their_own_squares_alone() -> None:
    """The law that has made the weights is not asked twice: plain HC2, by dense matrices."""
    runs = ladder(12, 8)
    rng = np.random.default_rng(0)
    size = runs["N"] * runs["D"]
    noise = 0.03 * (size / size.min()) ** -0.2
    curve = 20.0 * runs["N"] ** -0.05 * runs["D"] ** -0.07
    runs["loss"] = curve * np.exp(noise * rng.standard_normal(len(runs)))
    fit = sl.fit(runs, "power")
    assert fit.noise_law.slope < 0
    assert fit.interval_method == "HC2 sandwich of runs weighted by size, Student t"

    x, y = design(runs)
    roots = np.sqrt(1.0 / fit.noise_law.variance(np.log(size.to_numpy())))
    x, y = x * roots[:, None], y * roots
    inverse = np.linalg.inv(x.T @ x)
    hat = x @ inverse @ x.T
    maker = np.eye(len(y)) - hat
    residuals, sizes = maker @ y, np.log(size.to_numpy())
    # what is expected of each square, by the noise that the weights have left
    left = noise_law(residuals, sizes, np.diag(hat), np.linalg.qr(x)[0], shrunk=True)
    kept = maker**2 @ left.variance(sizes) / left.variance(sizes)
    error = np.sqrt(np.sum((x @ inverse)[:, 1] ** 2 * residuals**2 / kept))
    assert fit.table.loc["b", "std_error"] == pytest.approx(error, rel=1e-9)


@pytest.mark.parametrize(
    ("clustered", "kurtosis"), [(False, 3.0), (False, 1.9), (True, 3.0), (True, 1.9)]
)
def test_influence_is_what_dense_matrices_say(clustered: bool, kurtosis: float) -> None:
    """HC2, CR2 and their degrees of freedom under unequal noise, without the low-rank algebra."""
    rng = np.random.default_rng(0)
    n, p = 30, 4
    x, sizes = rng.normal(size=(n, p)), rng.normal(size=n)
    law = NoiseLaw(-0.6, 0.3, 0.1, 0.2)
    noise = np.exp(-0.6 * (sizes - 0.1))
    inverse = np.linalg.inv(x.T @ x)
    maker = np.eye(n) - x @ inverse @ x.T
    residuals = maker @ rng.normal(size=n)
    clusters = rng.integers(0, 7, n) if clustered else None
    units = np.arange(n) if clusters is None else clusters
    gradient = rng.normal(size=(3, p))
    most, lent = (np.inf, 0.0) if clustered else (n - p, 30 / (30 + n - p))
    kept = maker**2 @ noise / noise
    level = np.sum(residuals**2) / np.sum(kept * noise)

    found = Influence(x, residuals, inverse, 1.0, law, sizes, clusters, kurtosis)

    for c, dof in zip(gradient, found.dof(gradient), strict=True):
        pulls = []
        for unit in np.unique(units):
            rows = np.flatnonzero(units == unit)
            values, vectors = np.linalg.eigh(maker[np.ix_(rows, rows)])
            root = vectors @ np.diag(values**-0.5) @ vectors.T
            pull = np.zeros(n)
            pull[rows] = (root if clustered else kept[rows, None] ** -0.5) @ x[rows] @ inverse @ c
            pulls.append(pull)
        every, plain = np.array(pulls), (x @ inverse @ c) ** 2 * noise
        own, by_law = np.sum((every @ residuals) ** 2), level * np.sum(plain)
        variance = (1 - lent) * own + lent * by_law
        whole = every @ maker @ np.diag(noise) @ maker @ every.T
        assert c @ found.covariance @ c == pytest.approx(variance, rel=1e-12)
        squares = np.sum(whole**2)
        if not clustered:  # the diagonal of A S, with V = x'Ax and S the variances of x
            form = np.diag(maker @ every.T @ every @ maker) * noise
            squares += 0.5 * (kurtosis - 3.0) * np.sum(form**2)
        of_own = min(np.trace(whole) ** 2 / squares, most)
        tilt = np.sum(plain * 0.3 * (sizes - 0.2)) / np.sum(plain)
        of_law = 2 / (2 / (n - p) + tilt**2)
        expected = ((1 - lent) / np.sqrt(of_own) + lent / np.sqrt(of_law)) ** -2
        assert dof == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("n", "counts"), [(11, False), (12, True)])
def test_clipping_is_no_clue_among_few_residuals(n: int, counts: bool) -> None:
    """With fewer than eight degrees of freedom scores are taken as normal."""
    rng = np.random.default_rng(1)
    x, scores = rng.normal(size=(n, 4)), rng.normal(size=n)
    made = [
        Influence(x, scores, np.linalg.inv(x.T @ x), 1.0, kurtosis=kurtosis)
        for kurtosis in (3.0, 2.0)
    ]
    normal, clipped = (m.dof(np.eye(4)) for m in made)

    assert (clipped > normal).all() if counts else (clipped == normal).all()


@pytest.mark.parametrize("threshold", [0.7, 1.345, 3.0])
def test_kurtosis_of_a_clipped_normal(threshold: float) -> None:
    """By quadrature; an infinite threshold clips nothing."""
    second, fourth = (
        integrate.quad(
            lambda x, power=power: 2 * min(x, threshold) ** power * stats.norm.pdf(x), 0, 40,
            points=[threshold], epsabs=0, epsrel=1e-12, limit=200,
        )[0]
        for power in (2, 4)
    )  # fmt: skip

    assert clipped_kurtosis(threshold) == pytest.approx(fourth / second**2, rel=1e-10)
    assert clipped_kurtosis(np.inf) == 3.0


def test_variance_of_a_variance_of_clipped_scores() -> None:
    """Degrees of freedom are 2 mean^2 / variance of the estimated variance, by simulation."""
    rng = np.random.default_rng(0)
    x = np.column_stack([np.ones(20), np.linspace(-1, 1, 20) ** 3])
    inverse = np.linalg.inv(x.T @ x)
    maker = np.eye(20) - x @ inverse @ x.T
    scores = np.clip(rng.standard_normal((200_000, 20)), -1.345, 1.345) @ maker
    made = Influence(x, scores[0], inverse, 1.0, kurtosis=clipped_kurtosis(1.345))
    pulls = (x @ inverse[1]) ** 2
    lent = 30 / (30 + 18)

    own = scores**2 @ (pulls / (1.0 - made.leverage))
    seen = (1 - lent) * own + lent * pulls.sum() * np.sum(scores**2, axis=1) / 18

    freedom = 2 * seen.mean() ** 2 / seen.var()
    of_own = 2 * own.mean() ** 2 / own.var()
    assert made._dof_of_squares(np.eye(2)[1:])[0] == pytest.approx(of_own, rel=0.03)
    # the two parts are taken to rise and fall together, and the law's not to profit from clipping
    assert 0.5 * freedom < made.dof(np.eye(2)[1:])[0] < freedom


def test_the_default_is_unbiased_for_equal_noise() -> None:
    """Its expectation is sigma^2 (X'X)^-1 exactly."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(12, 3))
    inverse = np.linalg.inv(x.T @ x)
    maker = np.eye(12) - x @ inverse @ x.T
    expected = np.zeros((3, 3))
    values, vectors = np.linalg.eigh(maker)
    for value, vector in zip(values, vectors.T, strict=True):  # a sum over orthogonal errors
        found = Influence(x, np.sqrt(max(value, 0.0)) * vector, inverse, 1.0)
        expected += found.covariance
    np.testing.assert_allclose(expected, inverse, rtol=1e-12, atol=1e-14)


def test_equal_noise_of_a_power_law_is_ordinary_least_squares() -> None:
    """The classical t interval, to the last digits."""
    runs = power_runs()
    fit = sl.fit(runs, "power")

    table = fit.intervals(["b", "c"], method="equal-noise", confidence_level=0.9)

    x, y = design(runs)
    beta, rss, *_ = np.linalg.lstsq(x, y, rcond=None)
    error = np.sqrt(np.diag(rss[0] / (len(y) - 3) * np.linalg.inv(x.T @ x)))
    half = stats.t.ppf(0.95, len(y) - 3) * error[1:]
    np.testing.assert_allclose(table["std_error"], error[1:], rtol=1e-8)
    np.testing.assert_allclose(table["low"], beta[1:] - half, rtol=1e-8)
    np.testing.assert_allclose(table["high"], beta[1:] + half, rtol=1e-8)


def test_huber_inflation_is_hubers() -> None:
    """K = 1 + p/n var(psi')/mean(psi')^2; one for squares."""
    inside = np.r_[np.ones(30), np.zeros(10)]
    expected = 1 + 5 / 40 * (0.75 * 0.25) / 0.75**2
    assert huber_inflation(inside, np.ones(40), 5) == pytest.approx(expected**2, rel=1e-14)
    assert huber_inflation(np.full(40, 2.0), np.ones(40), 5) == 1.0


# --- derived quantities ------------------------------------------------------------------------


def test_a_quantity_may_be_typed_or_called() -> None:
    """An expression, a function and the delta method by hand agree."""
    fit = sl.fit(chinchilla_runs(), "chinchilla", noise="equal")

    table = fit.intervals({
        "typed": "beta/(alpha + beta)",
        "called": lambda p: p["beta"] / (p["alpha"] + p["beta"]),
        "real": lambda p: np.real(p["beta"]) / np.real(p["alpha"] + p["beta"]),
    })  # fmt: skip

    alpha, beta = fit.params["alpha"], fit.params["beta"]
    names = list(fit.law.parameter_names)
    slope = np.zeros(5)
    slope[names.index("alpha")] = -beta / (alpha + beta) ** 2
    slope[names.index("beta")] = alpha / (alpha + beta) ** 2
    error = np.sqrt(slope @ fit.covariance @ slope)
    np.testing.assert_allclose(table["std_error"], error, rtol=1e-7)
    np.testing.assert_allclose(table["estimate"], beta / (alpha + beta), rtol=1e-12)
    assert table["low"].std() < 1e-7 * table["low"].mean()


def test_positive_quantities_have_positive_intervals_and_others_need_not() -> None:
    """N_opt is taken as a logarithm; a difference of exponents is not."""
    fit = sl.fit(chinchilla_runs(), "chinchilla", noise="equal")
    size = "(alpha*A/(beta*B))**(1/(alpha + beta)) * (1e24/6)**(beta/(alpha + beta))"

    table = fit.intervals([size, "alpha - beta"])

    low, estimate, high = table.loc[size, ["low", "estimate", "high"]]
    assert np.sqrt(low * high) == pytest.approx(estimate, rel=1e-9)
    low, estimate, high = table.loc["alpha - beta", ["low", "estimate", "high"]]
    assert (low + high) / 2 == pytest.approx(estimate, rel=1e-9)
    assert low < 0 < high
    with pytest.warns(sl.ExtrapolationWarning):
        plan = sl.optimal(fit, C=1e24)
    assert table.loc[size, "estimate"] == pytest.approx(plan["N"].iloc[0], rel=1e-6)


def test_intervals_do_not_depend_on_units() -> None:
    """Parameters in billions and losses in bits: the same exponents, ends and freedom."""
    runs = chinchilla_runs()
    other = runs.assign(N=runs["N"] / 1e9, D=runs["D"] / 1e6, loss=runs["loss"] / np.log(2))
    ask = ["alpha", "beta/(alpha + beta)"]

    first = sl.fit(runs, "chinchilla").intervals(ask)
    second = sl.fit(other, "chinchilla", units="trust").intervals(ask)

    numbers = ["estimate", "low", "high", "dof"]
    np.testing.assert_allclose(first[numbers], second[numbers], rtol=1e-7)


def test_what_the_runs_leave_open_has_no_finite_interval() -> None:
    """C = 6ND: b alone is open, b + d is not."""
    runs = power_runs().assign(C=lambda t: 6 * t["N"] * t["D"])
    with pytest.warns(sl.IdentifiabilityWarning):
        fit = sl.fit(runs, "power")

    table = fit.intervals(["b", "b + d"])

    assert np.isinf(table.loc["b", ["low", "high"]].astype(float)).all()
    assert np.isfinite(table.loc["b + d", ["low", "high"]].astype(float)).all()


# --- replicates --------------------------------------------------------------------------------


def test_profile_bootstrap_and_delta_agree_where_they_should() -> None:
    """Many runs, little noise: every method has the width of least squares, to 2 %."""
    runs = chinchilla_runs(noise=1e-4, n_sizes=20, n_budgets=15)
    fit = sl.fit(runs, "chinchilla", objective="squared")
    ask = {"names": ["alpha", "beta", "beta/(alpha + beta)"]}["names"]

    def widths(method: str, **options: object) -> np.ndarray:
        table = fit.intervals(ask, method=method, confidence_level=0.9, **options)  # type: ignore[arg-type]
        return (table["high"] - table["low"]).to_numpy()

    exact = widths("equal-noise")
    np.testing.assert_allclose(widths("profile"), exact, rtol=2e-3)
    for method in ("parametric", "residual"):
        np.testing.assert_allclose(
            widths(method, n_resamples=20_000, rng=0), exact, rtol=0.02, err_msg=method
        )
    # cases and wild follow each run's own residual, as the sandwich does
    robust = widths("sandwich")
    for method in ("cases", "wild"):
        np.testing.assert_allclose(
            widths(method, n_resamples=20_000, rng=0), robust, rtol=0.03, err_msg=method
        )


def test_case_bootstrap_agrees_with_scipy() -> None:
    """The percentile interval of a slope, to 2 % of its width."""
    runs = power_runs(n_sizes=10, n_budgets=8)
    fit = sl.fit(runs, "power")
    x, y = design(runs)
    x[:, 1:] -= x[:, 1:].mean(axis=0)

    def slope(rows: np.ndarray, axis: int) -> np.ndarray:
        chosen = np.moveaxis(rows, axis, -1).astype(int)
        a, b = x[chosen], y[chosen]
        products = np.einsum("...ni,...nj->...ij", a, a)
        return np.linalg.solve(products, np.einsum("...ni,...n->...i", a, b)[..., None])[..., 1, 0]

    theirs = stats.bootstrap(
        (np.arange(len(y)),), slope, n_resamples=20_000, batch=500, method="percentile",
        confidence_level=0.9, rng=np.random.default_rng(0),
    ).confidence_interval  # fmt: skip
    ours = fit.intervals("b", method="cases", confidence_level=0.9, n_resamples=20_000, rng=1).loc[
        "b"
    ]
    width = theirs.high - theirs.low
    assert ours["low"] == pytest.approx(theirs.low, abs=0.02 * width)
    assert ours["high"] == pytest.approx(theirs.high, abs=0.02 * width)


def checkpoints(correlation: float = 0.95, seed: int = 0) -> pd.DataFrame:
    """Twelve runs of eight checkpoints, whose errors are mostly the run's own."""
    rng = np.random.default_rng(seed)
    rows = []
    for run in range(12):
        N = 5e7 * 1.5**run
        own = rng.standard_normal()
        for D in np.geomspace(1e9, 3e10, 8):
            rest = rng.standard_normal()
            error = np.sqrt(correlation) * own + np.sqrt(1 - correlation) * rest
            rows.append([f"r{run}", N, D, 20 * N**-0.05 * D**-0.07 * np.exp(0.01 * error)])
    return pd.DataFrame(rows, columns=["run", "N", "D", "loss"])


def test_checkpoints_of_a_run_are_not_independent() -> None:
    """The run is found by itself; the exponent of N is then far less certain."""
    runs = checkpoints()
    fit = sl.fit(runs, "power", noise="equal")
    naive = sl.fit(runs, "power", clusters=None)

    assert fit.interval_method == "CR2 sandwich, Student t"
    assert fit.runs.cluster_column == "run"
    assert fit.table.loc["b", "std_error"] > 2 * naive.table.loc["b", "std_error"]
    assert fit.intervals("b").loc["b", "dof"] < 12
    named = naive.intervals("b", clusters="run")
    assert named.loc["b", "std_error"] == pytest.approx(fit.table.loc["b", "std_error"], rel=1e-9)
    drawn = fit.bootstrap(2000, method="clusters", rng=0)
    assert drawn.attrs["method"] == "cluster bootstrap"
    assert drawn["b"].std() == pytest.approx(fit.table.loc["b", "std_error"], rel=0.25)
    wild = fit.bootstrap(4000, method="wild", rng=0)
    assert wild["b"].std() == pytest.approx(fit.table.loc["b", "std_error"], rel=0.05)


def test_neighbouring_checkpoints_are_told_apart() -> None:
    """Generalised least squares with the length that was found, by dense matrices."""
    rng = np.random.default_rng(2)
    runs = checkpoints()
    x, length = np.log(runs["D"].to_numpy()), 1.5
    same = runs["run"].to_numpy()[:, None] == runs["run"].to_numpy()[None, :]
    truth = same * np.exp(-np.abs(x[:, None] - x[None, :]) / length)
    runs["loss"] = 20 * runs["N"] ** -0.05 * runs["D"] ** -0.07
    runs["loss"] *= np.exp(0.01 * np.linalg.cholesky(truth) @ rng.standard_normal(len(runs)))
    fit = sl.fit(runs, "power")

    found = fit.correlation
    assert found.variable == "D"
    assert np.log(found.length / length) == pytest.approx(0.0, abs=0.8)
    columns, y = design(runs)
    inverse = np.linalg.inv(same * np.exp(-np.abs(x[:, None] - x[None, :]) / found.length))
    gls = np.linalg.solve(columns.T @ inverse @ columns, columns.T @ inverse @ y)
    np.testing.assert_allclose(fit.params[["b", "c"]], gls[1:], rtol=1e-7)
    assert "residuals of one are alike over a factor of" in fit.summary()
    # nothing is done where something else was asked for, or runs have no order
    assert not sl.fit(runs, "power", noise="equal").correlation.variable
    assert not sl.fit(runs, "power", method="log-linear").correlation.variable


def test_independent_checkpoints_stay_so() -> None:
    """Rows of one run with noise of their own are not whitened."""
    assert not sl.fit(checkpoints(correlation=0.0), "power").correlation.variable


def test_replicates_do_not_depend_on_the_workers() -> None:
    """Kinds with other observations are shared out as those with weights are."""
    fit = sl.fit(chinchilla_runs(), "chinchilla")
    one = fit.bootstrap(1500, method="residual", rng=3)
    same = fit.bootstrap(1500, method="residual", rng=3, workers=map)
    pd.testing.assert_frame_equal(one, same)


# --- noise that depends on the size ------------------------------------------------------------


def unequal(slope: float = -0.3, seed: int = 1) -> pd.DataFrame:
    """Noise with a standard deviation that falls as compute to a power."""
    runs = ladder(n_sizes=10, n_budgets=8)
    rng = np.random.default_rng(seed)
    size = runs["N"] * runs["D"]
    noise = 0.01 * (size / size.iloc[0]) ** slope
    curve = 20.0 * runs["N"] ** -0.05 * runs["D"] ** -0.07
    return runs.assign(loss=curve * np.exp(noise * rng.standard_normal(len(runs))))


def test_noise_that_falls_with_compute_is_found_and_weighed() -> None:
    """The variance function is near the true one, and the runs far out are told their noise."""
    runs = unequal()
    fit = sl.fit(runs, "power")

    assert fit.noise_law.slope == pytest.approx(-0.6, abs=3 * fit.noise_law.std_error)
    assert fit.noise_law.is_clear
    largest = runs.assign(size=runs["N"] * runs["D"]).nlargest(1, "size").iloc[0]
    point = fit.predict(N=largest["N"], D=largest["D"])
    plain = sl.fit(runs, "power", noise="equal").predict(N=largest["N"], D=largest["D"])
    assert point.run_high - point.run_low < 0.5 * (plain.run_high - plain.run_low)
    errors = [sl.fit(runs, "power", noise=n).table.loc["b", "std_error"] for n in ("auto", "equal")]  # type: ignore[arg-type]
    assert errors[0] < errors[1]
    assert "noise" in fit.summary()


def test_equal_noise_is_left_alone() -> None:
    """So is every fit whose objective or weights were chosen."""
    assert sl.fit(power_runs(n_sizes=10, n_budgets=8), "power").noise_law.slope == 0
    assert sl.fit(unequal(), "power", method="log-linear").noise_law.slope == 0
    assert sl.fit(unequal(), "power", objective="huber").noise_law.slope == 0
    runs = unequal()
    assert sl.fit(runs, "power", weights=np.ones(len(runs))).noise_law.slope == 0


def test_repeated_runs_measure_the_noise_by_themselves() -> None:
    """A law that misses the runs must not look like noise of the small ones."""
    rng = np.random.default_rng(0)
    runs = pd.concat([ladder(5, 4)] * 5, ignore_index=True)
    misfit = 0.1 * (np.log(runs["N"]) - np.log(runs["N"]).max()) ** 2 / 20
    noise = 0.005 * rng.standard_normal(len(runs))
    runs["loss"] = 20 * runs["N"] ** -0.05 * runs["D"] ** -0.07 * np.exp(misfit + noise)
    with pytest.warns(sl.LackOfFitWarning):
        fit = sl.fit(runs, "power", noise="by-size")
    assert abs(fit.noise_law.slope) < 3 * fit.noise_law.std_error


def test_the_slope_of_the_noise_is_unbiased() -> None:
    """Over 300 tables of 60 residuals; a few wild ones do not tilt it."""
    rng = np.random.default_rng(0)
    sizes = np.linspace(0.0, 5.0, 60)
    slopes, wild = [], []
    for _ in range(300):
        r = np.exp(-0.2 * sizes) * rng.standard_normal(60)
        slopes.append(noise_law(r, sizes, np.zeros(60)).slope)
        r[-1] = 10.0
        wild.append(noise_law(r, sizes, np.zeros(60)).slope)
    assert np.mean(slopes) == pytest.approx(-0.4, abs=0.03)
    # the wild one counts as 2.5 standard deviations: uncut, it would turn the sign
    assert np.mean(wild) == pytest.approx(-0.4, abs=0.17)


# --- messages ------------------------------------------------------------------------------------


def test_messages() -> None:
    """What is wrong, and what to do."""
    fit = sl.fit(power_runs(), "power")
    with pytest.raises(ValueError, match=r"`method` must be 'auto'.*Did you mean 'profile'"):
        fit.intervals(method="profil")  # type: ignore[arg-type]
    with pytest.raises(sl.FormulaError, match="gamma in 'b/gamma' is no parameter"):
        fit.intervals("b/gamma")
    with pytest.raises(ValueError, match=r"There are no clusters.*Name one with `clusters`"):
        fit.bootstrap(10, method="clusters")
    with pytest.raises(sl.DataError, match="`clusters`"):
        sl.fit(power_runs(), "power", clusters="family")
    with pytest.raises(sl.DataError, match="has one value in all rows"):
        sl.fit(power_runs().assign(family="a"), "power", clusters="family")
    with pytest.raises(ValueError, match="`noise` must be"):
        sl.fit(power_runs(), "power", noise="size")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"returned \(3,\)"):
        fit.intervals({"x": lambda p: np.ones(3)})
    with pytest.raises(TypeError, match="'x' must be an expression or a function; got 3"):
        fit.intervals({"x": 3})  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("asked", "error", "message"),
    [
        (5, TypeError, "`quantities` must be a name.*got 5"),
        ([], ValueError, "`quantities` is empty"),
        ("a/0", ValueError, r"'a/0' is -?inf at the fitted coefficients.*divided by zero"),
        ("log(-a**2)", ValueError, "is nan at the fitted coefficients"),
        ({"s": lambda p: "text"}, ValueError, "'s' must return one number.*returned 'text'"),
        ({"s": lambda p: None}, ValueError, "'s' must return one number.*returned 'None'"),
        ({"s": lambda p: p["q"]}, ValueError, "'s' failed with KeyError: 'q'.*a mapping from"),
        ({"s": lambda p: float(p["a"])}, ValueError, "'s' failed with TypeError"),
    ],
)
def test_what_is_asked_for_must_have_a_number(
    asked: Any, error: type[Exception], message: str
) -> None:
    """Neither NaN nor a message of NumPy's."""
    fit = sl.fit(power_runs(), "power")
    with pytest.raises(error, match=message):
        fit.intervals(asked)


def test_constants_and_discrete_functions() -> None:
    """A number that does not move has an interval without width."""
    fit = sl.fit(power_runs(), "power")
    asked = {"two": "2", "one": lambda p: 1.0, "none": lambda p: p["a"].astype(int)}
    table = fit.intervals(asked)  # type: ignore[arg-type]
    assert (table["low"] == table["estimate"]).all()
    assert (table["high"] == table["estimate"]).all()
    assert (table["std_error"] == 0).all()


def test_an_end_that_is_not_found_is_told() -> None:
    """A quantity that has no value on the way to an end."""
    fit = sl.fit(power_runs(), "power")
    low = float(fit.intervals("a")["low"].iloc[0])
    estimate = float(fit.params["a"])
    asked = f"log(a - ({(low + 3 * estimate) / 4!r}))"
    with pytest.warns(sl.ConvergenceWarning, match="No end was found for log"):
        table = fit.intervals(asked, method="cases", n_resamples=200)
    assert table["low"].isna().all()


def test_too_few_resamples_for_percentiles() -> None:
    """The share of draws outside must be one draw at least."""
    fit = sl.fit(power_runs(), "power")
    with pytest.raises(ValueError, match=r"Percentiles at 95 % need 40 resamples.*n_resamples=39"):
        fit.intervals(method="cases", n_resamples=39)
    table = fit.intervals(method="cases", n_resamples=np.int64(40))  # type: ignore[arg-type]
    assert (table["low"] < table["high"]).all()
    for wrong in (-1, 2.5, True):
        with pytest.raises(ValueError, match="`n_resamples` must be a positive whole number"):
            fit.draws(wrong)  # type: ignore[arg-type]


def test_columns_that_cannot_name_clusters() -> None:
    """Empty cells, lists, two columns of one name, measurements."""
    runs = checkpoints()
    name = sl.fit(runs, "power").runs.cluster_column
    holes = runs.assign(**{name: runs[name].astype(object).where(np.arange(len(runs)) != 3)})
    with pytest.warns(sl.DataWarning, match=rf"'{name}' would tell.*empty in 1 of"):
        assert sl.fit(holes, "power").runs.cluster_column == ""
    assert sl.fit(holes, "power", clusters=None).runs.cluster_column == ""
    with pytest.raises(sl.DataError, match=rf"'{name}' names the clusters, and is empty in 1 rows"):
        sl.fit(holes, "power", clusters=name)
    lists = runs.assign(**{name: [[1]] * len(runs)})
    assert sl.fit(lists, "power").runs.cluster_column == ""
    with pytest.raises(sl.DataError, match="cannot name clusters"):
        sl.fit(lists, "power", clusters=name)
    twice = pd.concat([runs, runs[[name]]], axis=1)
    with pytest.raises(sl.DataError, match=f"There are 2 columns '{name}'"):
        sl.fit(twice, "power", clusters=name)
    measured = runs.drop(columns=name).assign(curve=np.repeat([0.1, 0.2], len(runs))[::2])
    assert sl.fit(measured, "power").runs.cluster_column == ""


def test_weights_and_noise_by_size_contradict() -> None:
    """A run of no weight must not get one."""
    with pytest.raises(ValueError, match="noise='by-size' makes the weights itself"):
        sl.fit(power_runs().assign(w=1.0), "power", weights="w", noise="by-size")


def test_one_cluster_with_weight_is_too_few() -> None:
    """Its scores sum to zero: the standard error would be rounding."""
    runs = checkpoints()
    runs = runs.assign(w=(runs["run"] == "r3") * 1.0)
    with pytest.raises(sl.DataError, match="Only one cluster of 'run' has weight"):
        sl.fit(runs, "loss ~ A/D**alpha", weights="w", clusters="run")


def test_the_profile_of_an_expression() -> None:
    """The same ends as the interval by profile has."""
    fit = sl.fit(power_runs(), "power")
    found = fit.profile("a + 1", n_points=5)
    expected = fit.intervals("a + 1", method="profile").iloc[0]
    np.testing.assert_allclose(
        [found.attrs["low"], found.attrs["high"]], [expected["low"], expected["high"]], rtol=1e-8
    )
    with pytest.raises(TypeError, match="`quantity` must be a parameter or an expression"):
        fit.profile(5)  # type: ignore[arg-type]
    assert fit.plot_profile("a + 1", n_points=5).get_xlabel() == "$a + 1$"


def test_a_saved_fit_has_the_same_intervals(tmp_path: Path) -> None:
    """Clusters and the noise law are saved too."""
    for runs in (checkpoints(), unequal()):
        fit = sl.fit(runs, "power")
        fit.save(tmp_path / "fit.json")
        again = sl.load(tmp_path / "fit.json")
        pd.testing.assert_frame_equal(fit.intervals(), again.intervals())
        assert again.predict(N=1e10, D=1e11) == fit.predict(N=1e10, D=1e11)
    with pytest.raises(ValueError, match="A fit from a file does not have the table's"):
        again.bootstrap(10, method="clusters", clusters="run")


def test_no_more_clusters_than_coefficients() -> None:
    """Their variance cannot be seen: infinite intervals, with a warning, never narrow ones."""
    runs = chinchilla_runs().assign(family=lambda t: np.arange(len(t)) % 4)
    with pytest.warns(sl.DataWarning, match="4 clusters of 'family' for 5 coefficients"):
        fit = sl.fit(runs, "chinchilla", clusters="family")

    table = fit.intervals(["alpha", "alpha - beta"])
    assert np.isinf(table["high"]).all()
    assert np.isinf(fit.table["high"]).all()
    ahead = fit.predict(N=1e10, D=1e11)
    assert np.isinf(ahead.curve_high)
    assert np.isinf(ahead.run_high)


def test_a_bootstrap_of_few_clusters_says_so() -> None:
    """There are only three different resamples of two."""
    runs = power_runs().assign(family=lambda t: np.arange(len(t)) % 2)
    with pytest.warns(sl.DataWarning, match="2 clusters of 'family' for 3"):
        fit = sl.fit(runs, "power", clusters="family")
    with pytest.warns(sl.DataWarning, match="2 clusters have only 3 different resamples"):
        fit.bootstrap(20, method="clusters", rng=0)
