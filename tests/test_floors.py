"""The interval of a floor, and what a floor at zero leaves open for everything else."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import scalinglaws as sl
from scalinglaws.fitting.inference import intervals
from scalinglaws.fitting.inference.raised import widened
from scalinglaws.fitting.inference.uncertainty import t_quantile

LAW = "loss ~ E + A/N**alpha"


def runs_of(floor: float, noise: float, seed: int, n: int = 20) -> pd.DataFrame:
    """Runs of a power of N on a floor."""
    rng = np.random.default_rng(seed)
    N = np.geomspace(5e7, 5e9, n)
    loss = (floor + 20 * N**-0.1) * np.exp(noise * rng.standard_normal(n))
    return pd.DataFrame({"N": N, "loss": loss})


@pytest.fixture(scope="module")
def at_zero() -> sl.Fit:
    """A fit whose floor is at its bound."""
    with warnings.catch_warnings(action="ignore"):
        found = sl.fit(runs_of(0.0, 0.02, 1), LAW, objective="squared", confidence_level=0.9)
    assert found.table.loc["E", "status"] == "at its bound, 0"
    return found


# --- of the floor itself ----------------------------------------------------------------------


def test_a_floor_has_the_interval_of_its_profile() -> None:
    """In the table and on request, with the method beside it; the rest is symmetric."""
    fit = sl.fit(runs_of(1.0, 0.003, 1), LAW)
    table, profile = fit.intervals(), fit.intervals(["E"], method="adjusted-profile")

    pd.testing.assert_series_equal(table.loc["E"], profile.loc["E"])
    ends = ["low", "high"]
    np.testing.assert_allclose(table[ends], fit.table[ends], rtol=1e-9)
    assert table.loc["E", "method"] == "profile with moderated HC2 sandwich, Student t"
    assert table.loc["A", "method"] == fit.interval_method
    assert "Student t; of E, by its profile)" in fit.summary()
    low, estimate, high = table.loc["A", ["low", "estimate", "high"]]
    assert low * high == pytest.approx(estimate**2, rel=1e-9)


def test_a_floor_reaches_further_down_than_up() -> None:
    """A low floor goes with flat exponents, which say little of it."""
    table = sl.fit(runs_of(1.0, 0.003, 0), LAW).table.loc["E"]

    assert table["estimate"] - table["low"] > 1.2 * (table["high"] - table["estimate"])


@pytest.mark.parametrize("clustered", [False, True])
def test_where_the_law_is_a_plane_the_profile_is_students_t(clustered: bool) -> None:
    """A law that is linear in all its parameters, on residuals of the loss itself."""
    rng = np.random.default_rng(3)
    x = np.repeat(np.linspace(1, 3, 8), 3)
    runs = pd.DataFrame({"x": x, "loss": 2 + 0.5 * x + 0.05 * rng.standard_normal(24)})
    if clustered:
        runs["run"] = np.repeat(np.arange(8), 3)
    fit = sl.fit(runs, "loss ~ E + m*x", scale="level", objective="squared")

    auto, symmetric = (fit.intervals(["E"], method=m).loc["E"] for m in ("auto", "sandwich"))
    assert auto["method"].startswith("profile with")
    assert [auto["low"], auto["high"]] == pytest.approx(
        [symmetric["low"], symmetric["high"]], rel=1e-6
    )


def test_without_an_end_the_interval_is_symmetric(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some profiles have no minimum on the way."""
    fit = sl.fit(runs_of(1.0, 0.003, 1), LAW)
    monkeypatch.setattr(intervals, "adjusted_ends", lambda *_: np.full((1, 2), np.nan))

    auto, symmetric = (fit.intervals(["E"], method=m).loc["E"] for m in ("auto", "sandwich"))
    pd.testing.assert_series_equal(auto, symmetric)


def test_units_do_not_matter() -> None:
    """Of the loss and of the size, at zero as well."""
    for seed, floor in ((1, 1.0), (1, 0.0)):
        runs = runs_of(floor, 0.02, seed)
        other = runs.assign(loss=1e3 * runs["loss"], N=runs["N"] / 1e6)
        with warnings.catch_warnings(action="ignore"):
            own, scaled = sl.fit(runs, LAW), sl.fit(other, LAW, units="trust")
        for end in ("low", "high"):
            assert scaled.table.loc["E", end] == pytest.approx(
                1e3 * own.table.loc["E", end], rel=1e-6
            )
            assert scaled.table.loc["alpha", end] == pytest.approx(
                own.table.loc["alpha", end], rel=1e-6
            )


# --- at zero ----------------------------------------------------------------------------------


def held_at(fit: sl.Fit, value: float) -> sl.Fit:
    """The same runs with the floor given."""
    runs = pd.DataFrame({"N": fit.runs.inputs["N"], "loss": fit.runs.y})
    return sl.fit(runs, LAW, objective="squared", fixed={"E": value})


def test_a_floor_at_zero_has_an_interval_on_one_side(at_zero: sl.Fit) -> None:
    """It ends where a fit with that floor is as much worse as the sandwich of the rest allows."""
    row = at_zero.table.loc["E"]
    rest = at_zero.intervals(["alpha"], method="sandwich").loc["alpha"]
    equal = at_zero.intervals(["alpha"], method="equal-noise").loc["alpha"]
    inflation = max((rest["std_error"] / equal["std_error"]) ** 2, 1)
    limit = t_quantile(0.9, rest["dof"]) ** 2 * inflation

    other = held_at(at_zero, float(row["high"]))
    risen = other.objective_value / at_zero.objective_value - 1
    assert row["low"] == 0
    assert np.isnan(row["std_error"])
    # what is fitted is E, A and alpha, but E is at its bound
    assert risen * at_zero.dof == pytest.approx(limit, rel=1e-4)


def test_everything_else_allows_for_it(at_zero: sl.Fit) -> None:
    """The variance without a floor, and the way to the fit with the highest floor."""
    other = held_at(at_zero, float(at_zero.table.loc["E", "high"]))
    plain = at_zero.intervals(["A", "alpha", "A*alpha"], method="sandwich")
    found = at_zero.intervals(["A", "alpha", "A*alpha"])
    product = (other.params["A"] * other.params["alpha"], plain.loc["A*alpha"])

    for name, there, log in (
        ("A", other.params["A"], True),
        ("alpha", other.params["alpha"], False),
        ("A*alpha", product[0], True),
    ):
        scale = np.log if log else float
        low, centre, high = (scale(plain.loc[name, c]) for c in ("low", "estimate", "high"))
        far = np.hypot(high - centre, scale(there) - centre)
        assert there > plain.loc[name, "estimate"]
        assert scale(found.loc[name, "high"]) == pytest.approx(centre + far, rel=1e-5)
        assert scale(found.loc[name, "low"]) == pytest.approx(low, rel=1e-9)
    np.testing.assert_allclose(
        found.loc[["A", "alpha"], ["low", "high"]],
        at_zero.table.loc[["A", "alpha"], ["low", "high"]],
        rtol=1e-9,
    )


def test_predictions_allow_for_it(at_zero: sl.Fit) -> None:
    """Far out, where a floor would show, the interval goes up by that much."""
    other = held_at(at_zero, float(at_zero.table.loc["E", "high"]))
    with warnings.catch_warnings(action="ignore"):
        found, there = at_zero.predict(N=1e12), other.predict(N=1e12).estimate

    up, down = np.log(found.curve_high / found.estimate), np.log(found.estimate / found.curve_low)
    assert up == pytest.approx(np.hypot(down, np.log(there / found.estimate)), rel=1e-5)
    run_up = np.log(found.run_high / found.estimate)
    run_down = np.log(found.estimate / found.run_low)
    assert run_up == pytest.approx(np.hypot(run_down, np.log(there / found.estimate)), rel=1e-5)


def test_no_method_takes_it_as_known(at_zero: sl.Fit) -> None:
    """Whichever is asked for: an interval on one side, or none."""
    for method in set(intervals.METHODS) - {"clusters"}:
        with warnings.catch_warnings(action="ignore"):
            found = at_zero.intervals(method=method, n_resamples=100)
        assert found.loc["E", "high"] != 0


@pytest.mark.parametrize(
    ("n", "seed", "how"), [(60, 4, {"objective": "absolute"}), (20, 1, {"delta": 1e-3})]
)
def test_losses_without_a_sandwich_allow_for_it(n: int, seed: int, how: dict[str, Any]) -> None:
    """By the profile itself; the table and the verbs say the same."""
    with warnings.catch_warnings(action="ignore"):
        fit = sl.fit(runs_of(0.0, 0.02, seed, n), LAW, **how)
    assert fit.table.loc["E", "status"] == "at its bound, 0"
    assert 0 < fit.table.loc["E", "high"] < 2

    found, plain = fit.intervals(), fit.intervals(["A", "alpha"], method="sandwich")
    ends = ["low", "high"]
    np.testing.assert_allclose(found[ends], fit.table[ends], rtol=1e-6)
    assert (found["high"] - plain["high"])[["A", "alpha"]].gt(0).all()
    np.testing.assert_allclose(found["low"][["A", "alpha"]], plain["low"], rtol=1e-9)


def test_a_common_factor_of_the_weights_does_not_matter() -> None:
    """Weights such as 1/variance are large numbers."""
    runs = runs_of(0.0, 0.02, 1)
    ends = []
    for factor in (1e-8, 1.0, 1e8):
        with warnings.catch_warnings(action="ignore"):
            ends.append(sl.fit(runs, LAW, weights=np.full(20, factor)).table[["low", "high"]])
    np.testing.assert_allclose(ends[0], ends[1], rtol=1e-6)
    np.testing.assert_allclose(ends[2], ends[1], rtol=1e-6)


def test_an_unknown_end_opens_both_sides() -> None:
    """What has no minimum on the way may lie on either side."""
    below, above = widened(np.array([1.0, 2.0]), np.array([[np.nan, 3.0], [0.5, -1.0]]))

    np.testing.assert_array_equal(below, [np.inf, np.hypot(2, 1)])
    np.testing.assert_array_equal(above, [np.inf, np.hypot(2, 3)])


def test_no_more_clusters_than_coefficients_leave_the_floor_open() -> None:
    """Two runs with ten checkpoints each."""
    runs = runs_of(0.0, 0.02, 1).assign(run=np.repeat([0, 1], 10))
    with warnings.catch_warnings(action="ignore"):
        fit = sl.fit(runs, LAW)
    assert fit.table.loc["E", "status"] == "at its bound, 0"
    assert fit.table["high"].eq(np.inf).all()
    with warnings.catch_warnings(action="ignore"):
        assert fit.intervals()["high"].eq(np.inf).all()
        assert fit.predict(N=1e10).curve_high == np.inf
    with pytest.raises(sl.FitError, match="no more clusters than coefficients"):
        fit.draws(10)


# --- of several groups ------------------------------------------------------------------------


def grouped(floors: tuple[float, ...], seed: int) -> pd.DataFrame:
    """Runs of some data sets, each on its own floor."""
    rng = np.random.default_rng(seed)
    parts = []
    for k, floor in enumerate(floors):
        N = np.geomspace(5e7, 5e9, 12)
        loss = (floor + 20 * N**-0.1) * np.exp(0.02 * rng.standard_normal(12))
        parts.append(pd.DataFrame({"N": N, "loss": loss, "data": f"g{k}"}))
    return pd.concat(parts, ignore_index=True)


@pytest.mark.parametrize("floors", [(0.0, 0.0), (0.0, 0.6)])
def test_floors_of_groups_are_not_counted_twice(floors: tuple[float, float]) -> None:
    """They rise together with the exponent they share; draws and predictions agree."""
    seeds = iter(range(100))
    while True:
        with warnings.catch_warnings(action="ignore"):
            runs = grouped(floors, next(seeds))
            fit = sl.fit(runs, "loss ~ E[data] + A[data]/N**alpha", objective="squared")
        bounded = fit.table["status"].eq("at its bound, 0")
        if bounded["E[g0]"] and bounded["E[g1]"] == (floors[1] == 0):
            break
    profile = fit.intervals(["alpha"], method="adjusted-profile").loc["alpha"]
    with warnings.catch_warnings(action="ignore"):
        far = fit.predict({"N": [1e12, 1e12], "data": ["g0", "g1"]})
    draws = fit.draws(40_000, rng=0)

    # counted twice it would be 1.4 times as far
    far_up = fit.table.loc["alpha", "high"] - fit.params["alpha"]
    assert far_up == pytest.approx(profile["high"] - profile["estimate"], rel=0.2)
    for k in range(2):
        curve = draws[f"E[g{k}]"] + draws[f"A[g{k}]"] * 1e12 ** -draws["alpha"]
        width = far.curve_high[k] - far.curve_low[k]
        assert curve.quantile(0.975) == pytest.approx(far.curve_high[k], abs=0.15 * width)
        assert curve.quantile(0.025) == pytest.approx(far.curve_low[k], abs=0.15 * width)


def test_draws_allow_for_it(at_zero: sl.Fit) -> None:
    """Half of them have a floor, and their quantiles are those of the intervals."""
    draws = at_zero.draws(20_000, rng=0)
    curve = draws["E"] + draws["A"] * 1e12 ** -draws["alpha"]
    with warnings.catch_warnings(action="ignore"):
        found = at_zero.predict(N=1e12)

    assert (draws["E"] == 0).mean() == pytest.approx(0.5, abs=0.02)
    assert draws["E"].quantile(0.95) == pytest.approx(at_zero.table.loc["E", "high"], rel=0.03)
    width = found.curve_high - found.curve_low
    assert curve.quantile(0.95) == pytest.approx(found.curve_high, abs=0.08 * width)


def test_it_is_said(at_zero: sl.Fit) -> None:
    """In the verdict, and where a method has nothing to say."""
    most = format(at_zero.table.loc["E", "high"], ".2g")
    assert f"these runs show no floor, or one of at most {most} (90 %)." in at_zero.summary()
    with pytest.warns(sl.ConvergenceWarning, match="At its bound: E. There it has no standard"):
        found = at_zero.intervals(method="sandwich")
    assert found.loc["E", ["std_error", "low", "high"]].isna().all()
    with pytest.warns(sl.DataWarning, match="At its bound, and held there in every resample: E"):
        at_zero.bootstrap(50)


def test_a_file_keeps_it(at_zero: sl.Fit, tmp_path: Path) -> None:
    """The interval on one side, and what follows from it."""
    at_zero.save(tmp_path / "fit.json")
    back = sl.load(tmp_path / "fit.json")

    pd.testing.assert_frame_equal(back.table, at_zero.table)
    pd.testing.assert_frame_equal(back.intervals(), at_zero.intervals())


def test_a_curve_without_a_floor_holds_where_there_is_one() -> None:
    """Of tables whose floor comes out at zero, a nominal 90 % hold the loss far out: it was a few.

    Eight runs whose floor can hardly be told; at a size a hundred times as large.
    """
    truth, inside, n = 0.6 + 20 * 5e11**-0.1, 0, 0
    for seed in range(120):
        with warnings.catch_warnings(action="ignore"):
            fit = sl.fit(runs_of(0.6, 0.03, seed, n=8), LAW, confidence_level=0.9)
            if fit.table.loc["E", "status"] != "at its bound, 0":
                continue
            found = fit.predict(N=5e11)
        n += 1
        inside += found.curve_low <= truth <= found.curve_high
    assert n >= 30
    assert inside / n >= 0.8
