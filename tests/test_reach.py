"""`reach`: the inverse of laws and forecasts in one variable, with its interval."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest

import scalinglaws as sl
from scalinglaws.fitting.inference.covariance import t_quantile
from tests.conftest import make_runs

ERRORS = {
    "n": [100, 200, 400, 800, 1600, 3200],
    "error": [0.31, 0.25, 0.21, 0.178, 0.157, 0.142],
}


def curve(noise: float, n: int = 12, seed: int = 0, floor: float = 1.0) -> pd.DataFrame:
    """A floor and a power of compute."""
    C = np.geomspace(1e18, 1e21, n)
    rng = np.random.default_rng(seed)
    loss = (floor + 400 * C**-0.13) * np.exp(noise * rng.standard_normal(n))
    return pd.DataFrame({"C": C, "loss": loss})


@pytest.fixture(scope="module")
def errors() -> sl.Fit:
    """The case of a learning curve: how much data for an error of .12?"""
    return sl.fit(ERRORS, "power-floor", y="error", columns={"D": "n"})


# --- laws in one variable ----------------------------------------------------------------------


def test_the_inverse_has_a_closed_form(errors: sl.Fit) -> None:
    """((y - E) / a)**(1/c), to rounding, for one value and for many."""
    E, a, c = (errors.params[name] for name in ("E", "a", "c"))
    wanted = np.array([0.3, 0.2, 0.15, 0.12, 0.11])
    found = errors.reach(wanted)
    np.testing.assert_allclose(found.estimate, ((wanted - E) / a) ** (1 / c), rtol=1e-9)
    assert errors.reach(0.12).estimate == found.estimate[3]
    assert list(found.to_frame()) == ["value", "estimate", "low", "high", "times_beyond"]
    np.testing.assert_allclose(found.times_beyond, found.estimate / 3200)
    assert found.variable == "D"
    assert str(errors.reach("0.12")) == "error 0.12 is reached at D 20K (95 %: 16K to 30K)"


def test_the_interval_is_that_of_the_curve_turned_over(errors: sl.Fit) -> None:
    """At its ends the confidence interval of the curve ends at the value."""
    found = errors.reach(0.12, confidence_level=0.9)
    there = errors.predict(D=[found.low, found.high], confidence_level=0.9)
    assert there.curve_low[0] == pytest.approx(0.12, rel=1e-10)
    assert there.curve_high[1] == pytest.approx(0.12, rel=1e-10)
    assert found.low < found.estimate < found.high


def test_a_pure_power_law_has_fiellers_interval() -> None:
    """For ln y linear in ln x, the roots of a quadratic equation (Fieller 1954)."""
    runs = curve(0.01, floor=0.0)
    fit = sl.fit(runs, "power", columns={"C": "C"})
    x, y = np.log(runs["C"]).to_numpy(), np.log(runs["loss"]).to_numpy()
    wanted = float(np.log(0.6))
    design = np.column_stack([np.ones(len(x)), x])
    intercept, slope = np.linalg.lstsq(design, y)[0]
    found = fit.reach(np.exp(wanted))
    assert np.log(found.estimate) == pytest.approx((wanted - intercept) / slope, rel=1e-10)
    for end in (found.low, found.high):
        (row,) = [np.array([1.0, np.log(end)])]
        covariance = fit.covariance
        gap = wanted - row @ [intercept, slope]
        error = np.sqrt(row @ covariance @ row)
        (dof,) = fit.sandwich.dof(row[None])
        assert abs(gap) == pytest.approx(float(t_quantile(0.95, dof)) * error, rel=1e-6)


def test_ends_are_infinite_at_the_floor_and_where_its_interval_comes_to_the_value(
    errors: sl.Fit,
) -> None:
    """Below the floor never; near it the lower end alone; any value above the law is there."""
    low, high = errors.table.loc["E", ["low", "high"]]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sl.ExtrapolationWarning)
        never, at_floor = errors.reach(0.9 * low), errors.reach(errors.params["E"])
        near, clear = errors.reach(0.5 * (high + errors.params["E"])), errors.reach(1.05 * high)
    assert [never.estimate, never.low, never.high] == [np.inf] * 3
    assert np.isinf(never.times_beyond)
    assert str(never).endswith("is not reached at any D")
    assert np.isinf(at_floor.estimate)
    assert np.isfinite(at_floor.low)
    assert np.isfinite(near.estimate)
    assert np.isinf(near.high)
    assert "to infinity)" in str(near)
    assert np.isfinite(clear.high)
    everywhere = errors.reach(1e30)
    assert everywhere.estimate == everywhere.high == everywhere.times_beyond == 0
    assert str(everywhere) == "error 1e30 is reached at any D"


def test_a_floor_that_stopped_at_zero_leaves_the_end_open() -> None:
    """Up to the end of the floor's own interval, which the curve's interval leaves out."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sl.ScalingLawWarning)
        fits = (sl.fit(curve(0.01, 8, seed, floor=0.0), "power-floor") for seed in range(20))
        fit = next(each for each in fits if each.params["E"] == 0)
        end = fit.table.loc["E", "high"]
        below, above = fit.reach(0.99 * end), fit.reach(1.2 * end)
    assert np.isinf(below.high)
    assert np.isfinite(below.estimate)
    assert np.isfinite(above.high)


@pytest.mark.parametrize("scale", ["log", "level"])
def test_laws_that_rise_have_an_inverse(scale: Any) -> None:
    """An accuracy over compute, and no answer above its ceiling."""
    C = np.geomspace(1e18, 1e22, 12)
    rng = np.random.default_rng(1)
    accuracy = 0.25 + 0.6 / (1 + (1e20 / C) ** 0.6) + 0.003 * rng.standard_normal(12)
    runs = pd.DataFrame({"C": C, "accuracy": accuracy})
    line = "accuracy ~ low + rise / (1 + (mid/C)**b)"
    fit = sl.fit(runs, line, scale=scale, fixed={"low": 0.25})
    found = fit.reach(0.7)
    assert fit.predict(C=found.estimate).estimate == pytest.approx(0.7, rel=1e-9)
    assert found.low < 1e20 * (0.45 / 0.15) ** (1 / 0.6) < found.high
    assert np.isinf(fit.reach(0.99).estimate)
    assert fit.reach(0.2).estimate == 0


def test_a_law_that_turns_among_the_runs_is_refused() -> None:
    """Beyond the runs it is followed up to where it turns."""
    x = np.geomspace(1.0, 100.0, 20)

    def fitted(turn: float) -> sl.Fit:
        table = pd.DataFrame({"x": x, "y": 2 + (np.log(x / turn)) ** 2 / 10})
        law = sl.Law("y ~ a + b*(log(x) - m)**2", variables=["x"])
        return sl.fit(table, law, bounds={"m": (-20, 20)}, scale="level")

    with pytest.raises(sl.FitError, match=r"turns near x = .*each value twice"):
        fitted(10.0).reach(2.3)
    beyond = fitted(1000.0).reach(2.05)
    assert beyond.estimate == pytest.approx(1000 * np.exp(-np.sqrt(0.5)), rel=1e-3)
    assert beyond.most == pytest.approx(1000, rel=0.3)
    assert "is not reached up to x 1" in str(fitted(1000.0).reach(1.9))


def test_the_answer_does_not_depend_on_units(errors: sl.Fit) -> None:
    """Of the variable, nor on the order of the rows."""
    table = pd.DataFrame(ERRORS).assign(n=lambda t: t["n"] * 1e6).iloc[::-1]
    again = sl.fit(table, "power-floor", y="error", columns={"D": "n"}).reach(0.12)
    once = errors.reach(0.12)
    for end in ("estimate", "low", "high"):
        assert getattr(again, end) == pytest.approx(1e6 * getattr(once, end), rel=1e-6)
    assert again.times_beyond == pytest.approx(once.times_beyond, rel=1e-6)


def test_far_answers_warn(errors: sl.Fit) -> None:
    """As the prediction there does."""
    with pytest.warns(sl.ExtrapolationWarning, match="times beyond the largest fitted run"):
        errors.reach(0.108)


# --- laws in several -----------------------------------------------------------------------------


def test_all_variables_but_one_are_given() -> None:
    """The other of N and D; C follows where it is 6ND."""
    runs = make_runs(0.003)
    fit = sl.fit(runs, "chinchilla")
    found = fit.reach(2.3, N="3B")
    assert found.variable == "D"
    assert fit.predict(N=3e9, D=found.estimate).estimate == pytest.approx(2.3, rel=1e-9)
    assert fit.reach(2.3, D=found.estimate).estimate == pytest.approx(3e9, rel=1e-6)
    assert found.times_beyond == pytest.approx(3e9 * found.estimate / (1e10 * 1e12))
    renamed = sl.fit(runs.rename(columns={"N": "params"}), "chinchilla", columns={"N": "params"})
    assert renamed.reach(2.3, params="3B").estimate == pytest.approx(found.estimate, rel=1e-6)
    with_compute = sl.fit(runs.assign(C=6 * runs["N"] * runs["D"]), "loss ~ E + A/N**a + B/C**b")
    assert with_compute.reach(2.5, N="3B").variable == "C"
    three = sl.Law("loss ~ E + A/N**a + B/D**b + 0*C", variables=["N", "D", "C"])
    with pytest.warns(sl.IdentifiabilityWarning, match="C = 6"):
        filled = sl.fit(runs.assign(C=6 * runs["N"] * runs["D"]), three)
    assert filled.reach(2.3, N=3e9).estimate == pytest.approx(found.estimate, rel=1e-4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, r"the law has N and D: give all but one, .*N=.*use sl.optimal\(fit, loss=...\)"),
        ({"N": 1e9, "D": 1e9}, "all of N and D are: leave one out, or use `predict`"),
        ({"N": [1e9, 2e9]}, "N must be one number; got"),
        ({"N": 1e9, "steps": 3}, "The law has no variable 'steps'; it has N, D"),
        ({"N": -1}, "N must be positive and finite; got -1"),
        ({"N": "many"}, "'many' is not a number"),
    ],
)
def test_what_is_left_open_is_checked(options: dict[str, Any], message: str) -> None:
    """Fits and published laws alike."""
    fit = sl.fit(make_runs(0.003), "chinchilla")
    for law in (fit, sl.published["chinchilla/epoch2024"]):
        with pytest.raises(ValueError, match=message):
            law.reach(2.3, **options)
    for value in (np.nan, [2.0, np.inf], "much"):
        with pytest.raises(ValueError, match=r"`value` must be finite|is not a number"):
            fit.reach(value, N=1e9)
    with pytest.raises(ValueError, match="`confidence_level` must be between 0 and 1"):
        fit.reach(2.3, N=1e9, confidence_level=95)


def test_groups_are_named() -> None:
    """Or taken out as one."""
    runs = pd.concat([curve(0.003, seed=k, floor=1 + k).assign(data=f"d{k}") for k in (0, 1)])
    fit = sl.fit(runs, "loss ~ E[data] + a/C**b")
    found = fit.reach(2.5, data="d1")
    assert fit.predict(C=found.estimate, data="d1").estimate == pytest.approx(2.5, rel=1e-9)
    assert sl.planning.one_group(fit, data="d1").reach(2.5) == found
    with pytest.raises(ValueError, match=r"needs data: .* data is one of d0 and d1"):
        fit.reach(2.5)


def test_without_standard_errors_there_is_no_interval() -> None:
    """As many coefficients as runs; or a published law."""
    with pytest.warns(sl.IdentifiabilityWarning, match="3 runs for 3 parameters"):
        fit = sl.fit(curve(0.0, 3), "power-floor", columns={"C": "C"})
    found = fit.reach(1.5)
    assert found.estimate == pytest.approx((0.5 / 400) ** (-1 / 0.13), rel=1e-3)
    assert not (np.isfinite(found.low) and np.isfinite(found.high))
    law = sl.published["chinchilla/epoch2024"]
    published = law.reach([1.5, 2.0], N="70B")
    assert law.predict(N=70e9, D=published.estimate[1]).estimate == pytest.approx(2.0, rel=1e-10)
    assert np.isinf(published.estimate[0])
    assert np.isnan(published.low).all()
    assert np.isnan(published.times_beyond).all()
    assert str(law.reach(2.0, N="70B")) == "loss 2 is reached at D 620B"


def test_every_published_law_in_one_variable_has_an_inverse() -> None:
    """Value to variable and back."""
    for name, law in sl.published.items():
        if len(law.law.variables) == 1:
            (variable,) = law.law.variables
            x = 2.5 if variable == "loss" else 1e5
            value = law.predict({variable: x}).estimate
            assert law.reach(value).estimate == pytest.approx(x, rel=1e-6), name


# --- other models, one vocabulary -----------------------------------------------------------------


def test_chains_reach_the_final_performance() -> None:
    """Through the loss, with the draws of both fits."""
    rng = np.random.default_rng(0)
    runs = make_runs(0.003)
    accuracy = 0.1 + 0.9 * np.exp(-0.8 * runs["loss"]) + 0.002 * rng.standard_normal(len(runs))
    runs = runs.assign(accuracy=accuracy)
    chained = sl.chain(
        sl.fit(runs, "chinchilla"), sl.fit(runs, "accuracy-exponential", scale="level")
    )
    found = chained.reach(0.25, N="3B", n_resamples=500)
    there = chained.predict(N=3e9, D=[found.low, found.estimate, found.high], n_resamples=500)
    assert there.estimate[1] == pytest.approx(0.25, rel=1e-8)
    assert there.curve_high[0] == pytest.approx(0.25, rel=1e-6)
    assert there.curve_low[2] == pytest.approx(0.25, rel=1e-6)
    assert found.target == "accuracy"


def test_forecasts_reach_along_compute_or_with_one_of_n_and_d_held() -> None:
    """Zero before the smallest run, infinite beyond 200 times the largest."""
    forecast = sl.forecast(make_runs(0.003), confidence_level=0.9)
    held = forecast.reach(2.2, N="3B")
    assert held.variable == "D"
    there = forecast.outlook(
        {name: np.array(v) for name, v in (("N", 3e9), ("D", held.estimate), ("C", 1e22))}, 0.9
    )
    assert there.estimate == pytest.approx(2.2, rel=1e-9)
    several = forecast.reach([9.0, 2.2, 0.5])
    assert several.estimate[0] == 0
    assert np.isinf(several.estimate[2])
    assert "is reached at C below" in str(forecast.reach(9.0))
    for wrong in ({"N": 1, "D": 1}, {"ratio": 20, "N": 1}, {"C": 1e20}, {"steps": 3}):
        with pytest.raises(ValueError, match=r"takes one of `ratio` .* N and D; got"):
            forecast.reach(2.2, **wrong)
    for wrong in ({"N": -1}, {"N": [1, 2]}, {"ratio": 0}):
        with pytest.raises(ValueError, match="must be one positive number"):
            forecast.reach(2.2, **wrong)


def test_a_chained_forecast_reaches_its_metric() -> None:
    """Which rises."""
    runs = make_runs(0.003).assign(top1=lambda t: 1 / (1 + t["loss"] ** 2))
    found = sl.forecast(runs, y="top1", through="loss", limits=(0, 1)).reach(0.17)
    assert found.target == "top1"
    assert found.low < found.estimate < found.high < np.inf


def test_mappings_reach_by_series_and_group() -> None:
    """A row for each and value: curves, groups, and fits of series."""
    series = pd.concat([
        curve(0.003, 30, k, floor=1 + 0.4 * k).assign(run=f"r{k}", D=lambda t: t["C"])
        for k in range(3)
    ])  # fmt: skip
    curves = sl.forecast(series, x="D", series="run")
    fits = sl.fit_each(series, "loss ~ E + a/D**b", by="run", clusters=None)
    groups = pd.concat([make_runs(0.003, k, E=1.8 + 0.1 * k).assign(data=k) for k in (0, 1)])
    grouped = sl.forecast(groups, groups="data")
    for several, names in ((curves, 3), (fits, 3), (grouped, 2)):
        frame = several.reach([2.5, 2.4])
        assert len(frame) == 2 * names
        assert list(frame) == ["estimate", "low", "high", "times_beyond"]
        first = next(iter(several))
        assert frame.loc[(first, 2.4), "estimate"] == several[first].reach(2.4).estimate
    predicted = fits.predict(D=[1e21, 1e22])
    assert predicted.index.names[0] == "series"
    assert predicted.loc[("r0", 1), "estimate"] == fits["r0"].predict(D=1e22).estimate
    table = fits.predict(pd.DataFrame({"D": [1e22]}, index=["big"]))
    assert table.loc[("r2", "big"), "estimate"] == fits["r2"].predict(D=1e22).estimate
    with pytest.raises(sl.DataError, match="No series of 'run' can be forecast: A curve needs 5"):
        sl.forecast(series.groupby("run").head(3), x="D", series="run")
