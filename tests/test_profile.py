"""Profiles: exact where the law is linear, one-sided at bounds, honest where nothing ends."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from scipy.optimize import least_squares

import scalinglaws as sl
from scalinglaws.fitting.inference.covariance import t_quantile
from scalinglaws.fitting.inference.profile import Profile
from scalinglaws.fitting.inference.quantities import parameter_quantity, quantities_of
from scalinglaws.fitting.solver.reparametrised import Reparametrised
from scalinglaws.plotting import plot_corner, plot_profile
from tests.conftest import make_runs

Array = npt.NDArray[np.float64]


@pytest.fixture(autouse=True)
def _close_figures() -> object:
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def fit() -> sl.Fit:
    """A clean least-squares fit of noisy runs."""
    return sl.fit(make_runs(noise=0.005), "chinchilla", objective="squared")


COMPUTE_EXPONENT = "beta/(alpha + beta)"


def threshold(fit: sl.Fit, level: float = 0.95) -> float:
    return float(t_quantile(level, fit.dof)) ** 2


def intervals(fit: sl.Fit, names: Sequence[str] = (), level: float = 0.95) -> Array:
    """Natural ends for some quantities, by default all parameters."""
    table = fit.intervals(
        list(names) or list(fit.law.parameter_names), method="profile", confidence_level=level
    )
    return table[["low", "high"]].to_numpy()


def line(n: int = 12, noise: float = 0.01, floor: float = 0.0, seed: int = 0) -> pd.DataFrame:
    size = np.geomspace(1e6, 1e9, n)
    error = noise * np.random.default_rng(seed).standard_normal(n)
    return pd.DataFrame({"N": size, "loss": (floor + 3 * size**-0.1) * np.exp(error)})


# --- exactness ---------------------------------------------------------------------------------


@pytest.mark.parametrize("level", [0.5, 0.9, 0.99])
def test_a_linear_law_has_the_t_interval(level: float) -> None:
    """A power law in logarithms: the profile is the square of Student's t."""
    runs = line()
    exact = sl.fit(runs, "loss ~ a*N**b", method="log-linear", confidence_level=level)
    solved = sl.fit(runs, "loss ~ a*N**b", method="nls", objective="squared")

    expected = exact.intervals(method="equal-noise")[["low", "high"]]
    for one in (exact, solved):
        np.testing.assert_allclose(
            np.log(intervals(one, ["a"], level)), np.log(expected.loc[["a"]]), rtol=1e-9
        )
        np.testing.assert_allclose(intervals(one, ["b"], level), expected.loc[["b"]], rtol=1e-8)


def test_the_deviance_of_a_linear_law_is_a_parabola() -> None:
    """At every point of the table, not only at the ends."""
    one = sl.fit(line(), "loss ~ a*N**b", method="log-linear")
    table = one.profile("b", n_points=9)
    error = one.intervals("b", method="equal-noise").loc["b", "std_error"]
    expected = (table["b"] - one.params["b"]) / error

    np.testing.assert_allclose(table["signed_root"], expected, rtol=1e-7, atol=1e-6)


def refitted(runs: pd.DataFrame, name: str, value: float, start: dict[str, float]) -> float:
    """Sum of squares with one parameter held, by another's solver."""
    names = [n for n in start if n != name]
    log = {"E", "A", "B"}

    def residuals(x: Array) -> Array:
        p = {n: np.exp(v) if n in log else v for n, v in zip(names, x, strict=True)}
        p[name] = value
        fitted = p["E"] + p["A"] / runs["N"] ** p["alpha"] + p["B"] / runs["D"] ** p["beta"]
        return np.asarray(np.log(fitted) - np.log(runs["loss"]))

    x0 = [np.log(start[n]) if n in log else start[n] for n in names]
    found = least_squares(residuals, x0, xtol=1e-15, ftol=1e-15, gtol=1e-15, x_scale="jac")
    return float(2.0 * found.cost)


@pytest.mark.parametrize("name", ["E", "A", "beta"])
def test_an_end_is_where_the_deviance_meets_its_threshold(fit: sl.Fit, name: str) -> None:
    """Checked with scipy's least squares."""
    sigma2 = fit.objective_value / fit.dof
    for end in intervals(fit, [name])[0]:
        rise = refitted(fit.runs.frame(), name, end, fit.values) - fit.objective_value
        assert rise / sigma2 == pytest.approx(threshold(fit), rel=1e-6)


def test_lmfit_finds_the_same_intervals(fit: sl.Fit) -> None:
    """`lmfit.conf_interval` on the same residuals."""
    lmfit = pytest.importorskip("lmfit")
    runs = fit.runs.frame()
    params = lmfit.Parameters()
    for name, value in fit.values.items():
        is_log = name in ("E", "A", "B")
        params.add(name, value=np.log(value) if is_log else value)

    def residuals(p: Any) -> Array:
        v = p.valuesdict()
        law = np.exp(v["E"]) + np.exp(v["A"] - v["alpha"] * np.log(runs["N"]))
        law = law + np.exp(v["B"] - v["beta"] * np.log(runs["D"]))
        return np.asarray(np.log(law / runs["loss"]))

    minimizer = lmfit.Minimizer(residuals, params)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = minimizer.minimize(xtol=1e-13, ftol=1e-13)
        theirs = lmfit.conf_interval(minimizer, result, sigmas=[0.95], maxiter=500)
    for name, (low, high) in zip(fit.law.parameter_names, intervals(fit), strict=True):
        ends = np.array([theirs[name][0][1], theirs[name][-1][1]])
        if name in ("E", "A", "B"):
            ends = np.exp(ends)
        np.testing.assert_allclose([low, high], ends, rtol=1e-4)


# --- objectives --------------------------------------------------------------------------------


def test_huber_with_a_wide_threshold_is_least_squares() -> None:
    """The scale reduces to the residual variance, and the objective to half the squares."""
    runs = make_runs(noise=0.005)
    squared = sl.fit(runs, "chinchilla", objective="squared")
    wide = sl.fit(runs, "chinchilla", objective="huber", delta=1.0)

    np.testing.assert_allclose(intervals(wide), intervals(squared), rtol=1e-7)


@pytest.mark.parametrize(
    ("objective", "expected"), [("huber", 0.95**-0.5), ("absolute", (np.pi / 2) ** 0.5)]
)
def test_robust_intervals_are_as_wide_as_theory_says(objective: str, expected: float) -> None:
    """For normal noise the Huber loss is 95 % efficient, and absolute deviations 2/pi."""
    size = np.geomspace(1e6, 1e9, 400)
    ratios = []
    for seed in range(12):
        error = 0.01 * np.random.default_rng(seed).standard_normal(400)
        runs = pd.DataFrame({"N": size, "loss": 3 * size**-0.1 * np.exp(error)})
        squared, robust = (
            np.diff(intervals(sl.fit(runs, "loss ~ a*N**b", method="nls", objective=o), ["b"]))
            for o in ("squared", objective)
        )
        ratios.append((robust / squared).item())

    error_of_mean = np.std(ratios) / np.sqrt(len(ratios))
    assert error_of_mean < 0.04
    assert np.mean(ratios) == pytest.approx(expected, abs=3 * error_of_mean + 0.01)


def test_units_do_not_matter(fit: sl.Fit) -> None:
    """Parameters in billions, tokens in millions, losses in bits."""
    runs = fit.runs.frame()
    other = runs.assign(N=runs["N"] / 1e9, D=runs["D"] / 1e6, loss=runs["loss"] / np.log(2))
    there = sl.fit(other, "chinchilla", objective="squared", units="trust")
    mine, theirs = intervals(fit), intervals(there)
    factor = {"E": 1 / np.log(2), "A": None, "B": None, "alpha": 1.0, "beta": 1.0}

    for k, name in enumerate(fit.law.parameter_names):
        if factor[name] is not None:
            np.testing.assert_allclose(theirs[k], factor[name] * mine[k], rtol=1e-7)


# --- bounds and what has no end ----------------------------------------------------------------


def test_a_floor_at_zero_is_one_sided() -> None:
    """From nothing up to what these runs still allow."""
    with pytest.warns(sl.ScalingLawWarning):
        one = sl.fit(line(), "loss ~ E + A/N**alpha", objective="squared")
    assert one.params["E"] == 0.0
    low, high = intervals(one, ["E"])[0]
    table = one.profile("E")

    assert low == 0.0
    assert 0.0 < high < 1.0
    assert table["E"].iloc[0] == 0.0
    assert table["deviance"].iloc[0] == pytest.approx(0.0, abs=1e-8)
    assert table["deviance"].is_monotonic_increasing


def test_the_others_use_the_floor_that_was_fitted_at_zero() -> None:
    """Holding alpha elsewhere makes a floor welcome: an interval without it would be too short."""
    runs = line()
    with pytest.warns(sl.ScalingLawWarning):
        whole = sl.fit(runs, "loss ~ E + A/N**alpha", objective="squared")
    without = sl.fit(runs, "loss ~ A/N**alpha", objective="squared", method="nls")
    wide, narrow = (np.diff(intervals(f, ["alpha"]))[0, 0] for f in (whole, without))

    assert wide > 1.5 * narrow


def test_a_floor_that_may_be_zero_begins_there() -> None:
    """It was fitted above zero, and zero is no worse than the noise."""
    one = sl.fit(line(floor=0.2, noise=0.02, seed=3), "loss ~ E + A/N**alpha", objective="squared")
    assert one.params["E"] > 0.0
    low, high = intervals(one, ["E"])[0]

    assert low == 0.0
    assert high > one.params["E"]


def test_eight_runs_leave_the_floor_open() -> None:
    """The ridge bends far away from the fit; its other branches are no ends."""
    rng = np.random.default_rng(0)
    for _ in range(3):
        n = np.exp(rng.uniform(np.log(1e7), np.log(1e10), 8))
        d = np.exp(rng.uniform(np.log(1e9), np.log(1e12), 8))
        noise = np.exp(0.01 * rng.standard_normal(8))
    loss = (1.8172 + 482 / n**0.3478 + 2085 / d**0.3658) * noise
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sl.ScalingLawWarning)
        one = sl.fit(pd.DataFrame({"N": n, "D": d, "loss": loss}), "chinchilla")
    low, high = intervals(one, ["E"], 0.9)[0]

    assert low == 0.0
    assert high == pytest.approx(one.profile("E", confidence_level=0.9).attrs["high"])
    assert one.params["E"] < high < loss.min()


def test_an_exponent_without_an_end_says_so() -> None:
    """A term that only the smallest run sees may fall off as steeply as it likes."""
    size = np.geomspace(1e6, 1e9, 12)
    loss = 2.0 * np.exp(0.01 * np.random.default_rng(0).standard_normal(12))
    loss[0] *= 1.2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sl.ScalingLawWarning)
        one = sl.fit(
            pd.DataFrame({"N": size, "loss": loss}), "loss ~ E + A/N**alpha", objective="squared"
        )
    ends = dict(zip(one.law.parameter_names, intervals(one), strict=True))

    assert ends["alpha"][1] == np.inf
    assert ends["A"][1] > 1e50  # as far as the exponent is sought
    assert 0 < ends["alpha"][0] < np.inf
    assert 1.9 < ends["E"][0] < ends["E"][1] < 2.1


def test_a_users_bound_is_an_end() -> None:
    """An interval that reaches it stops there."""
    one = sl.fit(
        line(floor=0.5), "loss ~ E + A/N**alpha", objective="squared",
        bounds={"alpha": (0.0, 0.09)},
    )  # fmt: skip

    assert intervals(one, ["alpha"])[0, 1] == 0.09


def test_what_is_not_determined_is_unbounded_and_has_no_profile() -> None:
    """With C = 6ND the exponents of N, D and C trade off without end."""
    runs = make_runs(noise=0.01)
    with pytest.warns(sl.IdentifiabilityWarning):
        one = sl.fit(runs.assign(C=6.0 * runs["N"] * runs["D"]), "power")

    np.testing.assert_array_equal(intervals(one, ["b", "c", "d"]), [[-np.inf, np.inf]] * 3)
    with pytest.raises(sl.FitError, match="b is not identified by the fitted runs"):
        one.profile("b")


# --- derived quantities ------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{"objective": "squared"}, {"delta": 2e-3}])
def test_a_derived_quantity_is_that_of_the_law_written_with_it(options: dict[str, object]) -> None:
    """With a = beta/(alpha+beta) as a parameter, its profile is the same."""
    runs = make_runs(noise=0.005)
    one = sl.fit(runs, "chinchilla", **options)  # type: ignore[arg-type]
    written = sl.fit(
        runs, "loss ~ E + A/N**alpha + B/D**(alpha*a/(1-a))", bounds={"a": (0.05, 0.95)},
        **options,
    )  # fmt: skip
    assert written.objective_value == pytest.approx(one.objective_value, rel=1e-10)
    np.testing.assert_allclose(
        intervals(one, [COMPUTE_EXPONENT]), intervals(written, ["a"]), rtol=1e-6
    )


def test_a_parameter_as_a_derived_quantity(fit: sl.Fit) -> None:
    """An expression of one parameter has the interval of the parameter."""
    np.testing.assert_allclose(intervals(fit, ["1*B"]), intervals(fit, ["B"]), rtol=1e-7)


def test_derivatives_in_the_new_coordinates(fit: sl.Fit) -> None:
    """Against central differences of the value and of the gradient."""
    (quantity,) = quantities_of(fit, COMPUTE_EXPONENT)
    profiler = Profile(fit, quantity)
    model = profiler.coordinates
    assert isinstance(model, Reparametrised)
    assert profiler.pivot in (1, 2, 3, 4)
    theta = fit.theta[None, :] + 0.01
    phi = theta.copy()
    phi[:, profiler.pivot] = quantity.value(theta)
    np.testing.assert_allclose(model.to_theta(phi)[0], theta, rtol=1e-12)
    here = model.sums(phi, profiler.weights, profiler.loss)
    for j in range(phi.shape[1]):
        step = np.zeros_like(phi)
        step[0, j] = 1e-6
        up, down = (model.sums(phi + s, profiler.weights, profiler.loss) for s in (step, -step))
        slope = (up.value - down.value) / 2e-6
        np.testing.assert_allclose(slope, here.gradient[:, j], rtol=1e-6, atol=1e-7)
        bend = (up.gradient - down.gradient)[0] / 2e-6
        np.testing.assert_allclose(
            bend, here.hessian[0, j], rtol=1e-5, atol=1e-6 * np.abs(here.hessian).max()
        )


# --- the table and its picture -----------------------------------------------------------------


def test_the_table(fit: sl.Fit) -> None:
    """The quantity, the rise, and the ridge; the estimate is among the points."""
    table = fit.profile("alpha", n_points=21, confidence_level=0.9)

    assert list(table.columns) == ["alpha", "deviance", "signed_root", "E", "A", "B", "beta"]
    assert len(table) == 21
    centre = table.iloc[10]
    assert centre["alpha"] == fit.params["alpha"]
    assert centre["deviance"] == pytest.approx(0.0, abs=1e-8)
    assert table["A"].is_monotonic_increasing  # the ridge between alpha and A
    assert table["signed_root"].is_monotonic_increasing
    assert table.attrs["confidence_level"] == 0.9
    assert table.attrs["threshold"] == pytest.approx(threshold(fit, 0.9))
    assert table.attrs["method"] == "profile, Student t"
    assert table.attrs["n_failed"] == 0
    assert [table.attrs["low"], table.attrs["high"]] == pytest.approx(
        list(intervals(fit, ["alpha"], 0.9)[0])
    )


def test_the_table_of_a_derived_quantity(fit: sl.Fit) -> None:
    """Every point of the ridge has the value that was asked for."""
    table = fit.profile(COMPUTE_EXPONENT, n_points=11)

    np.testing.assert_allclose(
        table["beta"] / (table["alpha"] + table["beta"]), table[COMPUTE_EXPONENT], rtol=1e-9
    )


@pytest.mark.parametrize("n_points", [4, 10.0, True])
def test_too_few_points(fit: sl.Fit, n_points: object) -> None:
    with pytest.raises(ValueError, match="`n_points` must be a whole number, 5 or more"):
        fit.profile("alpha", n_points=n_points)  # type: ignore[arg-type]


def test_what_cannot_be_profiled(fit: sl.Fit) -> None:
    runs = fit.runs.frame()
    with pytest.raises(sl.FormulaError, match="gamma in 'gamma' is no parameter of the law"):
        fit.profile("gamma")
    held = sl.fit(runs, "chinchilla", fixed={"E": 1.8})
    with pytest.raises(ValueError, match="E was fixed"):
        held.profile("E")
    with pytest.raises(sl.FitError, match="fits every run exactly"):
        sl.fit(make_runs(), "chinchilla").profile("E")


def test_the_picture_names_its_method(fit: sl.Fit) -> None:
    ax = fit.plot_profile("A")
    texts = " ".join(t.get_text() for t in ax.texts)

    assert "profile, Student t" in texts
    assert "95 %" in texts
    assert ax.get_xlabel() == "$A$"
    markers = [ln for ln in ax.lines if ln.get_marker() == "o"]
    assert sorted(float(ln.get_xdata()[0]) for ln in markers) == pytest.approx(
        list(intervals(fit, ["A"])[0])
    )
    root = plot_profile(fit.profile("A"), kind="root")
    assert root.get_ylabel() == "signed root of the deviance"
    with pytest.raises(ValueError, match=r"that `fit\.profile` returns"):
        plot_profile(fit.table)


def test_a_corner(fit: sl.Fit) -> None:
    """Panels below the diagonal, the method in words, amplitudes on logarithmic axes."""
    draws = fit.bootstrap(200, rng=0)
    axes = plot_corner(draws, ["A", "alpha"], estimate=fit.params, log=["A"])

    assert axes.shape == (2, 2)
    assert axes[1, 0].get_xscale() == "log"
    assert axes[1, 0].get_yscale() == "linear"
    assert axes[1, 0].get_xlabel() == "$A$"
    texts = " ".join(t.get_text() for t in axes[0, 1].texts)
    assert "200 draws, case bootstrap" in texts
    again = plot_corner(draws, ["A", "alpha"], axes=plt.figure().subplots(2, 2))
    assert again.shape == (2, 2)


def test_what_a_corner_refuses(fit: sl.Fit) -> None:
    draws = fit.bootstrap(50, rng=0)
    with pytest.raises(ValueError, match="no column gamma; they have E"):
        plot_corner(draws, ["gamma"])
    with pytest.raises(ValueError, match="must be 2 by 2 panels"):
        plot_corner(draws, ["A", "alpha"], axes=plt.figure().subplots(2, 3))
    with pytest.raises(ValueError, match="is the same in every draw"):
        plot_corner(draws.assign(E=1.0), ["E"])
    with pytest.raises(ValueError, match="needs 20 finite draws; these are 3"):
        plot_corner(draws.iloc[:3])
    with pytest.raises(ValueError, match="it has no logarithm"):
        plot_corner(draws - draws.mean(), ["A"], log=["A"])
    with pytest.raises(ValueError, match="`log` names gamma; drawn are A"):
        plot_corner(draws, ["A"], log=["gamma"])


def test_the_chinchilla_runs(epoch: pd.DataFrame) -> None:
    """Every end that is reported satisfies its equation, under the papers' objective."""
    one = sl.fit(epoch, "chinchilla", delta=1e-3)
    for name, ends in zip(one.law.parameter_names, intervals(one), strict=True):
        held = Profile(one, parameter_quantity(one.law, name))
        for end in ends:
            value = end if held.is_floor or name in ("alpha", "beta") else np.log(end)
            found = held.at(value)
            assert found.known
            assert found.deviance == pytest.approx(threshold(one), rel=1e-6)


def test_an_end_that_is_not_found_is_said(fit: sl.Fit, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table is there all the same; the warning says which end it lacks."""
    ends = Profile.ends

    def without_upper(self: Profile, limit: float) -> Array:
        return np.array([ends(self, limit)[0], np.nan])

    monkeypatch.setattr(Profile, "ends", without_upper)
    with pytest.warns(sl.ConvergenceWarning, match="No high end of the interval of alpha was"):
        table = fit.profile("alpha", n_points=9)
    assert np.isnan(table.attrs["high"])
    assert np.isfinite(table.attrs["low"])
