"""Plans from forecasts: measured optima with a prior of the exponent, the surface, beside a law."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import scalinglaws as sl
from scalinglaws.cli import main
from scalinglaws.fitting.inference.covariance import t_quantile
from scalinglaws.planning.forecast_plan import CostedForecast, SurfaceMinimum
from scalinglaws.planning.optima_trend import power_law_with_prior
from tests.planning_cases import EPOCH
from tests.test_bad_plans import LAWS
from tests.test_isoflop import profiles

FAR = [3e21, 1e22]  # 3 and 10 times the largest run of `sweep`
NUMBERS = ["N", "N_low", "N_high", "D", "D_low", "D_high", "loss", "loss_low", "loss_high"]


@pytest.fixture(scope="module")
def sweep() -> pd.DataFrame:
    """Five IsoFLOP profiles."""
    return profiles(EPOCH, width=4, n=9, noise=0.003)


@pytest.fixture(scope="module")
def grid() -> pd.DataFrame:
    """Sizes and durations in steps that share no compute."""
    N, D = np.meshgrid(np.geomspace(3e7, 3e9, 6), np.geomspace(1e9, 6e10, 5))
    return sl.simulate("chinchilla", {"N": N.ravel(), "D": D.ravel()}, 0.003, values=EPOCH.values)


def truth(budgets: list[float]) -> pd.DataFrame:
    """The optimum of the law that drew the tables."""
    return sl.optimal(EPOCH, C=budgets)


# --- the power law through measured optima ---------------------------------------------------


@pytest.mark.parametrize("t", [-3.0, -0.7, 0.0, 2.0, 5.0])
def test_power_law_with_prior_against_conditioning(t: float) -> None:
    """The same numbers from one normal distribution of optima and prediction, conditioned."""
    log_c = np.log([1e18, 1e19, 3e19, 1e20])
    log_n, errors = np.array([18.1, 19.3, 19.7, 20.5]), np.array([0.01, 0.1, 0.05, 0.2])
    found = power_law_with_prior(log_c, log_n, errors, (0.5, 0.15))
    estimate, low, high = found.interval(log_c[-1:] + t, 0.9)

    s = np.append(log_c - log_c[-1], t)  # the prediction comes last
    walk = np.minimum(np.abs(s[:, None]), np.abs(s)) * (s[:, None] * s > 0)
    vague = 1e4  # variance of the level
    joint = vague + 0.15**2 * np.outer(s, s) + 0.001 * walk
    joint[:4, :4] += np.diag(np.maximum(errors, 0.03) ** 2 + 0.05**2)
    gain = joint[4, :4] @ np.linalg.inv(joint[:4, :4])
    mean = 20.0 + 0.5 * t + gain @ (log_n - 20.0 - 0.5 * s[:4])
    variance = joint[4, 4] - gain @ joint[:4, 4] + (0.05 * max(t, 0.0)) ** 2
    assert estimate[0] == pytest.approx(mean, abs=1e-4)
    half = float(t_quantile(0.9, 6.0)) * np.sqrt(variance)
    assert high[0] - estimate[0] == pytest.approx(half, rel=1e-4)
    assert estimate[0] - low[0] == pytest.approx(half, rel=1e-4)


def test_exponent_between_the_data_and_the_prior() -> None:
    """Two budgets close together leave it to the prior; many far apart do not."""
    near = power_law_with_prior(
        np.array([0.0, 0.1]), np.array([0.0, 0.08]), np.zeros(2), (0.5, 0.15)
    )
    far = np.linspace(0.0, 12.0, 9)
    wide = power_law_with_prior(far, 0.8 * far, np.zeros(9), (0.5, 0.15))
    assert near.exponent_interval(0.9)[0][0] == pytest.approx(0.5, abs=0.02)
    assert wide.exponent_interval(0.9)[0][0] == pytest.approx(0.8, abs=0.01)


def test_isoflop_with_a_prior(sweep: pd.DataFrame) -> None:
    """The law's exponents, which add up to one, and its optima at larger budgets."""
    found = sl.isoflop(sweep, exponent_prior=(0.5, 0.15), n_resamples=50)
    exponents = found.exponents
    assert exponents["exponent"].sum() == pytest.approx(1.0, abs=1e-9)
    assert (exponents["low"] < [0.3658 / 0.7136, 0.3478 / 0.7136]).all()
    assert (exponents["high"] > [0.3658 / 0.7136, 0.3478 / 0.7136]).all()
    ahead, true = found.predict(FAR), truth(FAR)
    for name in ("N", "D"):
        assert (ahead[f"{name}_low"] < true[name]).all()
        assert (ahead[f"{name}_high"] > true[name]).all()
    np.testing.assert_allclose(ahead["N"] * ahead["D"] * 6, FAR, rtol=1e-6)
    assert found.bias is None
    plain = sl.isoflop(sweep, truth=None, n_resamples=50)
    assert "exponent_prior" not in repr(plain)
    pd.testing.assert_frame_equal(found.optima, plain.optima)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"exponent_prior": 0.5}, r"`exponent_prior` is \(mean, sd\) .* such as \(0.5, 0.15\)"),
        ({"exponent_prior": (0.5, 0.0)}, "positive standard deviation"),
        ({"exponent_prior": (0.5, "x")}, "positive standard deviation"),
        ({"exponent_prior": (0.5, 0.1), "method": "akima"}, "leave out `method='akima'`"),
        ({"exponent_prior": (0.5, 0.1), "weighted": True}, "leave out `weighted`"),
    ],
)
def test_priors_that_are_none(sweep: pd.DataFrame, options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sl.isoflop(sweep, **options)


# --- plans from a forecast -------------------------------------------------------------------


def test_the_surface_has_the_moments_of_the_forecast(grid: pd.DataFrame) -> None:
    """Means and variances of `at`, and a covariance that is one."""
    posterior = sl.forecast(grid).posterior
    n, d = np.random.default_rng(0).uniform(-3, 3, (2, 40))
    mean, covariance = posterior.joint(n, d)
    moments = posterior.at(n, d)
    np.testing.assert_allclose(mean, moments.mean, rtol=1e-12)
    np.testing.assert_allclose(np.diag(covariance), moments.curve, rtol=1e-8, atol=1e-14)
    np.testing.assert_allclose(covariance, covariance.T, atol=1e-12)
    assert np.linalg.eigvalsh(covariance).min() > -1e-10


@pytest.mark.parametrize("design", ["sweep", "grid"])
def test_recovery(design: str, request: pytest.FixtureRequest) -> None:
    """The true optimum of the law that drew the runs, and the true loss there."""
    runs = request.getfixturevalue(design)
    budgets = [k * 6 * float((runs["N"] * runs["D"]).max()) for k in (1, 3, 10)]
    plan, true = sl.optimal(sl.forecast(runs), C=budgets), truth(budgets)
    for name in ("N", "D", "ratio", "loss"):
        assert (plan[f"{name}_low"] < true[name]).all()
        assert (plan[f"{name}_high"] > true[name]).all()
    assert np.abs(np.log(plan["N"] / true["N"])).max() < 0.25
    assert np.abs(np.log(plan["loss"] / true["loss"])).max() < 0.01
    assert list(plan.columns) == list(true.columns)
    source = "measured profiles of 5 budgets" if design == "sweep" else "surface of the forecast"
    assert plan["note"].str.endswith(f"N from the {source}").all()
    np.testing.assert_allclose(plan["times_beyond"], [1, 3, 10], rtol=1e-9)


@pytest.mark.parametrize("design", ["sweep", "grid"])
def test_the_loss_is_the_forecast_of_that_run(design: str, request: pytest.FixtureRequest) -> None:
    forecast = sl.forecast(request.getfixturevalue(design), confidence_level=0.8)
    plan = sl.optimal(forecast, C=FAR)
    said = forecast.predict(N=plan["N"].to_numpy(), D=plan["D"].to_numpy())
    np.testing.assert_allclose(plan["loss"], said.estimate, rtol=1e-12)
    np.testing.assert_allclose(plan["loss_low"], said.curve_low, rtol=1e-12)
    np.testing.assert_allclose(plan["loss_high"], said.curve_high, rtol=1e-12)
    np.testing.assert_allclose(plan["C"], 6 * plan["N"] * plan["D"], rtol=1e-9)


@pytest.mark.parametrize("design", ["sweep", "grid"])
def test_neither_order_nor_unit_nor_company_matters(
    design: str, request: pytest.FixtureRequest
) -> None:
    """Nor the other budgets that are asked about."""
    runs = request.getfixturevalue(design)
    plan = sl.optimal(sl.forecast(runs), C=FAR)[NUMBERS]
    shuffled = sl.optimal(sl.forecast(runs.sample(frac=1, random_state=1)), C=FAR)[NUMBERS]
    np.testing.assert_array_equal(shuffled, plan)
    alone = sl.optimal(sl.forecast(runs), C=FAR[1])[NUMBERS]
    np.testing.assert_allclose(alone.iloc[0], plan.iloc[1], rtol=1e-12)
    units = runs.assign(N=runs["N"] / 1e6, D=runs["D"] / 1e9, C=runs["C"] / 1e15)
    other = sl.optimal(sl.forecast(units, units="trust"), C=np.divide(FAR, 1e15))[NUMBERS]
    scale = np.array([1e6] * 3 + [1e9] * 3 + [1] * 3)
    np.testing.assert_allclose(other * scale, plan, rtol=1e-5)


def test_compute_as_the_table_or_the_cost_has_it(sweep: pd.DataFrame) -> None:
    """A table that counts twice the FLOPs has twice the budgets; `cost` counts anew."""
    twice = sl.forecast(sweep.assign(C=2 * sweep["C"]))
    plan = sl.optimal(sl.forecast(sweep), C=1e22)
    np.testing.assert_allclose(sl.optimal(twice, C=2e22)[NUMBERS], plan[NUMBERS], rtol=1e-9)
    counted = [
        sl.optimal(twice, C=1e22, cost=cost)[NUMBERS] for cost in (6, lambda N, D: 6.0 * N * D)
    ]
    for found in counted:
        np.testing.assert_allclose(found, plan[NUMBERS], rtol=1e-6)


def test_limits(grid: pd.DataFrame) -> None:
    """The nearest allowed size, and its loss."""
    forecast = sl.forecast(grid)
    free = sl.optimal(forecast, C="1e22").iloc[0]
    most = free["N"] / 2
    plan = sl.optimal(forecast, C=1e22, limits={"N": (0, most)}).iloc[0]
    assert plan["N"] == pytest.approx(most)
    assert plan["N_high"] == pytest.approx(most)
    assert plan["note"].startswith("at the limit of N")
    assert plan["loss"] == pytest.approx(forecast.predict(N=most, D=plan["D"]).estimate)
    few = sl.optimal(forecast, C=1e22, limits={"D": (0, free["D"] / 2)}).iloc[0]
    assert few["D"] == pytest.approx(free["D"] / 2, rel=1e-6)
    assert few["note"].startswith("at the limit of D")
    with pytest.raises(sl.FitError, match="No run within `limits` costs what was given as `C`"):
        sl.optimal(forecast, C=1e22, limits={"N": (0, 1e6), "D": (0, 1e6)})


def test_far_beyond_the_runs(grid: pd.DataFrame) -> None:
    """It is said, in a warning and in the note."""
    with pytest.warns(sl.ExtrapolationWarning, match="100 times .* largest run: beyond 60 times"):
        plan = sl.optimal(sl.forecast(grid), C=100 * 6 * 3e9 * 6e10).iloc[0]
    assert "90 % intervals from the surface held 79 %" in plan["note"]


def test_a_rising_metric_and_groups(sweep: pd.DataFrame) -> None:
    """1/loss is best where the loss is; a group of several has a plan of its own."""
    plan = sl.optimal(sl.forecast(sweep), C=1e22)
    score = sweep.assign(score=1 / sweep["loss"])
    rising = sl.optimal(sl.forecast(score.drop(columns="loss"), y="score"), C=1e22)
    np.testing.assert_allclose(rising["N"], plan["N"], rtol=1e-9)
    np.testing.assert_allclose(1 / rising["score"], plan["loss"], rtol=1e-9)
    both = pd.concat([sweep.assign(data="a"), sweep.assign(data="b", loss=1.1 * sweep["loss"])])
    together = sl.forecast(both, groups="data")
    assert sl.optimal(together["a"], C=1e22)["N"].item() == pytest.approx(plan["N"].item(), rel=0.1)
    with pytest.raises(TypeError, match=r'one such as forecast\["c4"\]'):
        sl.optimal(together, C=1e22)  # type: ignore[arg-type]


def test_runs_of_one_ratio_may_have_no_optimum() -> None:
    """The draws of the surface then differ so much that the interval says it."""
    N = np.geomspace(1e7, 1e9, 10)
    runs = sl.simulate("chinchilla", {"N": N, "D": 20 * N}, 0.003, values=EPOCH.values)
    costed = CostedForecast.of(sl.forecast(runs), None)
    _, low, high = SurfaceMinimum(costed, 300, 0).interval(np.log([1e21]), 0.9)
    assert high[0] - low[0] > 2.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loss": 2.0}, r"for budgets: give `C` alone\. For the compute .* forecast\.reach"),
        ({"C": 1e22, "N": 1e9}, "give `C` alone"),
        ({}, "give `C`. For"),
        ({"C": 1e22, "data": "c4"}, "takes no `data`"),
        ({"C": 1e22, "forecast": True}, "takes no `forecast`"),
        ({"C": -1.0}, "`C` must be positive and finite; got -1"),
        ({"C": 1e22, "n_resamples": -1}, "`n_resamples` must be"),
        ({"C": 1e22, "confidence_level": 90}, "`confidence_level` must be between 0 and 1"),
        ({"C": 1e22, "cost": lambda N: N}, "`cost` must be a function of N and D"),
        ({"C": 1e22, "rng": "x"}, "`rng` must be a seed"),
    ],
)
def test_refusals(sweep: pd.DataFrame, options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sl.optimal(sl.forecast(sweep), **options)


FROM_FORECASTS = {"optimal", "near_optimal", "overtraining", "serving"}


@pytest.mark.parametrize("name", [name for name in LAWS if name not in FROM_FORECASTS])
def test_other_plans_need_a_law(sweep: pd.DataFrame, name: str) -> None:
    """They say so, and what a forecast has instead."""
    fit = sl.fit(sweep, "chinchilla")
    with pytest.raises(TypeError, match=r"needs a law: fit one .* sl\.optimal\(forecast, C="):
        LAWS[name](fit, sweep, sl.forecast(sweep))


# --- beside a law ----------------------------------------------------------------------------


def test_beside_a_law(grid: pd.DataFrame) -> None:
    """The plan stays the law's; what stands beside it is the forecast's own plan."""
    fit = sl.fit(grid, "chinchilla")
    plan, plain = sl.optimal(fit, C=FAR, forecast=True), sl.optimal(fit, C=FAR)
    pd.testing.assert_frame_equal(plan[plain.columns], pd.DataFrame(plain))
    own = sl.optimal(sl.forecast(grid), C=FAR)
    for end in ("", "_low", "_high"):
        np.testing.assert_allclose(plan[f"N_forecast{end}"], own[f"N{end}"], rtol=1e-9)
    said = sl.forecast(grid).predict(N=plan["N"].to_numpy(), D=plan["D"].to_numpy())
    np.testing.assert_allclose(plan["loss_forecast"], said.estimate, rtol=1e-9)
    assert plan["disputed"].tolist() == [False, False]  # the law is true


def test_the_rule_of_a_dispute(sweep: pd.DataFrame) -> None:
    """By hand, at 90 % whatever the level, for a law that is moved away from its fit."""
    fit = sl.fit(sweep, "chinchilla")
    for factor in (1.0, 1.5, 4.0):
        moved = sl.fit(
            sweep.assign(loss=sweep["loss"] * factor ** (0.02 * np.log(sweep["N"] / 1e9))),
            "chinchilla",
        )
        moved.__dict__["forecast"] = fit.forecast  # of the runs that were not moved
        plan = sl.optimal(moved, C=FAR, forecast=True, confidence_level=0.5)
        at = sl.optimal(moved, C=FAR, forecast=True, confidence_level=0.9)
        widths = [0.5 * np.log(at[f"{n}_high"] / at[f"{n}_low"]) for n in ("N", "N_forecast")]
        gap = np.abs(np.log(at["N"] / at["N_forecast"]))
        expected = gap > 0.7 * np.maximum(*widths)
        assert plan["disputed"].tolist() == expected.tolist()
        if factor != 1.5:
            assert expected.all() == (factor == 4.0)


def test_no_forecast_beside_a_law(sweep: pd.DataFrame) -> None:
    """Missing, with the reason in a warning; and budgets only."""
    with pytest.warns(sl.DataWarning, match="no forecast of these runs: only a law"):
        plan = sl.optimal(sl.published["chinchilla/epoch2024"], C=1e22, forecast=True)
    assert plan[["N_forecast", "loss_forecast", "loss_forecast_high"]].isna().all(axis=None)
    assert plan["disputed"].isna().all()
    with pytest.warns(sl.IdentifiabilityWarning, match="barely"):
        few = sl.fit(sweep.iloc[::11], "E + A/N**0.3478 + B/D**0.3658")
    with pytest.warns(sl.DataWarning, match="no forecast of these runs: A forecast needs 6 runs"):
        plan = sl.optimal(few, C=1e20, forecast=True)
    assert plan["N_forecast"].isna().all()
    with pytest.raises(ValueError, match="`forecast` goes with budgets `C`; here loss is given"):
        sl.optimal(few, loss=2.5, forecast=True)
    with pytest.raises(TypeError, match="`forecast` is True or False; got"):
        sl.optimal(few, C=1e20, forecast=sl.forecast(sweep))  # type: ignore[arg-type]


def test_in_a_terminal(
    grid: pd.DataFrame, sweep: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """From a table or a saved forecast, beside a saved fit, and with a prior of the exponent."""
    table, saved, kept = (tmp_path / name for name in ("runs.csv", "fit.json", "forecast.json"))
    grid.to_csv(table, index=False)
    sl.fit(grid, "chinchilla").save(saved)
    assert main(["forecast", str(table), "--budget", "1e22", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["N"] == pytest.approx(sl.optimal(sl.forecast(grid), C=1e22)["N"].item())
    sl.forecast(grid).save(kept)
    assert main(["forecast", str(kept), "--budget", "1e22", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["N_high"] == pytest.approx(row["N_high"])
    assert main(["plan", str(saved), "--budget", "1e22", "--forecast"]) == 0
    assert "disputed no" in " ".join(capsys.readouterr().out.split())
    assert main(["forecast", str(table), "--budget", "1e22", "--at", "N=1B"]) == 1
    assert "give one" in capsys.readouterr().err
    assert main(["forecast", str(table), "--budget", "1e22", "--x", "D"]) == 1
    assert "a curve has one variable" in capsys.readouterr().err
    sweep.to_csv(table, index=False)
    prior = ["--exponent-prior", "0.5", "0.15"]
    assert main(["isoflop", str(table), *prior, "--budget", "1e22", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    expected = sl.isoflop(sweep, exponent_prior=(0.5, 0.15), n_resamples=0).predict(1e22)
    assert row["N_low"] == pytest.approx(expected["N_low"].item())
