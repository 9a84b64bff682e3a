"""Intervals: exact where theory is exact, and each method where it should agree with another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import scalinglaws as sl

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


# --- derived quantities ------------------------------------------------------------------------


def test_a_quantity_may_be_typed_or_called() -> None:
    """An expression, a function and the delta method by hand agree."""
    fit = sl.fit(chinchilla_runs(), "chinchilla")

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
    fit = sl.fit(chinchilla_runs(), "chinchilla")
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
    # resampled runs follow each run's own residual, as the sandwich does
    np.testing.assert_allclose(
        widths("cases", n_resamples=20_000, rng=0), widths("sandwich"), rtol=0.03
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
    fit = sl.fit(runs, "power")
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


def test_replicates_do_not_depend_on_the_workers() -> None:
    """The same random numbers, whoever draws them."""
    fit = sl.fit(chinchilla_runs(), "chinchilla")
    one = fit.bootstrap(1500, rng=3)
    same = fit.bootstrap(1500, rng=3, workers=map)
    pd.testing.assert_frame_equal(one, same)


def unequal(slope: float = -0.3, seed: int = 1) -> pd.DataFrame:
    """Noise with a standard deviation that falls as compute to a power."""
    runs = ladder(n_sizes=10, n_budgets=8)
    rng = np.random.default_rng(seed)
    size = runs["N"] * runs["D"]
    noise = 0.01 * (size / size.iloc[0]) ** slope
    curve = 20.0 * runs["N"] ** -0.05 * runs["D"] ** -0.07
    return runs.assign(loss=curve * np.exp(noise * rng.standard_normal(len(runs))))


# --- messages ------------------------------------------------------------------------------------


def test_messages() -> None:
    """What is wrong, and what to do."""
    fit = sl.fit(power_runs(), "power")
    with pytest.raises(ValueError, match=r"`method` must be 'sandwich'.*Did you mean 'profile'"):
        fit.intervals(method="profil")  # type: ignore[arg-type]
    with pytest.raises(sl.FormulaError, match="gamma in 'b/gamma' is no parameter"):
        fit.intervals("b/gamma")
    with pytest.raises(ValueError, match=r"There are no clusters.*Name one with `clusters`"):
        fit.bootstrap(10, method="clusters")
    with pytest.raises(sl.DataError, match="`clusters`"):
        sl.fit(power_runs(), "power", clusters="family")
    with pytest.raises(ValueError, match=r"returned \(3,\)"):
        fit.intervals({"x": lambda p: np.ones(3)})
    with pytest.raises(TypeError, match="'x' must be an expression or a function; got 3"):
        fit.intervals({"x": 3})  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("asked", "error", "message"),
    [
        (5, TypeError, "`quantities` must be a name.*got 5"),
        ([], ValueError, "`quantities` is empty"),
        ("a/0", sl.FormulaError, "This is divided by zero"),
        ("a/(a - a)", ValueError, r"is -?inf at the fitted coefficients.*division by zero"),
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
    with pytest.raises(sl.DataError, match="cannot tell groups apart"):
        sl.fit(lists, "power", clusters=name)
    twice = pd.concat([runs, runs[[name]]], axis=1)
    with pytest.raises(sl.DataError, match=f"more than one column called '{name}'"):
        sl.fit(twice, "power", clusters=name)
    measured = runs.drop(columns=name).assign(curve=np.repeat([0.1, 0.2], len(runs))[::2])
    assert sl.fit(measured, "power").runs.cluster_column == ""


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
    """Clusters are saved too."""
    for runs in (checkpoints(), power_runs()):
        fit = sl.fit(runs, "power")
        fit.save(tmp_path / "fit.json")
        again = sl.load(tmp_path / "fit.json")
        pd.testing.assert_frame_equal(fit.intervals(), again.intervals())
        assert again.predict(N=1e10, D=1e11) == fit.predict(N=1e10, D=1e11)
    with pytest.raises(ValueError, match="A fit from a file does not have the table's"):
        again.bootstrap(10, method="clusters", clusters="run")


def test_a_bootstrap_of_few_clusters_says_so() -> None:
    """There are only three different resamples of two."""
    runs = power_runs().assign(family=lambda t: np.arange(len(t)) % 2)
    with pytest.warns(sl.DataWarning, match="2 independent runs"):
        fit = sl.fit(runs, "power", clusters="family")
    with pytest.warns(sl.DataWarning, match="2 clusters have only 3 different resamples"):
        fit.bootstrap(20, method="clusters", rng=0)
