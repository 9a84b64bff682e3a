"""Near-optimal, smaller and served models from a forecast."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import scalinglaws as sl
from scalinglaws.planning.forecast_surface import surface_plan
from tests.planning_cases import EPOCH

BUDGET = 3e21  # 2.8 times the largest run of `grid`
FEW: dict[str, Any] = {"n_resamples": 200}


@pytest.fixture(scope="module")
def grid() -> pd.DataFrame:
    """Sizes and durations of a law that is known."""
    N, D = np.meshgrid(np.geomspace(3e7, 3e9, 6), np.geomspace(1e9, 6e10, 5))
    return sl.simulate("chinchilla", {"N": N.ravel(), "D": D.ravel()}, 0.003, values=EPOCH.values)


@pytest.fixture(scope="module")
def forecast(grid: pd.DataFrame) -> sl.Forecast:
    return sl.forecast(grid)


def covers(found: pd.DataFrame, truth: pd.DataFrame, *names: str) -> None:
    """Intervals hold the truth, and estimates are near it."""
    for name in names:
        assert (found[f"{name}_low"] <= truth[name]).all(), name
        assert (found[f"{name}_high"] >= truth[name]).all(), name


# --- the surface ------------------------------------------------------------------------------


def test_the_surface_is_the_forecast(forecast: sl.Forecast) -> None:
    """Between its nodes to 0.15 %, and missing outside of them."""
    options: dict[str, Any] = {"confidence_level": 0.9, "n_resamples": 300, "rng": 0}
    surface = surface_plan(forecast, BUDGET, None, {}, **options).sample
    sizes, tokens = forecast.rows.path(BUDGET)
    steps = np.random.default_rng(0).uniform(-4.99, 4.99, (2, 200))
    N, D = sizes * np.exp(steps[0]), tokens * np.exp(steps[1])
    said = forecast.outlook({"N": N, "D": D, "C": 6 * N * D}, 0.9)
    values = surface.value(N[None], D[None], np.ones(1))
    np.testing.assert_allclose(values[0], said.estimate, rtol=1.5e-3)
    near = np.abs(steps).max(axis=0) < 2
    low, high = (end[near] for end in surface.quantiles(values))
    widths = np.log(high / low) / np.log(said.curve_high / said.curve_low)[near]
    assert np.abs(widths - 1).max() < 0.25  # 5 % quantiles of 300 draws
    assert np.isnan(surface.value(N[None] * 1e6, D[None], np.ones(1))).all()


def test_slopes_against_differences(forecast: sl.Forecast) -> None:
    """Of the logarithm of the loss."""
    options: dict[str, Any] = {"confidence_level": 0.9, "n_resamples": 3, "rng": 0}
    surface = surface_plan(forecast, BUDGET, None, {}, **options).sample
    N, D, h = np.array([[1e9, 4e9]]), np.array([[1e11, 3e10]]), 1e-4
    by_n, by_d, _ = surface.slopes(N, D, np.ones(1))

    def log_loss(n: float, d: float) -> Any:
        return np.log(surface.value(N * np.exp(n), D * np.exp(d), np.ones(1)))

    np.testing.assert_allclose(by_n, (log_loss(h, 0) - log_loss(-h, 0)) / (2 * h), rtol=1e-4)
    np.testing.assert_allclose(by_d, (log_loss(0, h) - log_loss(0, -h)) / (2 * h), rtol=1e-4)


# --- where the law is known ---------------------------------------------------------------------


def test_near_optimal(forecast: sl.Forecast) -> None:
    """Of several budgets, each as if it were alone."""
    found = sl.near_optimal(forecast, C=[1e21, BUDGET], **FEW)
    truth = sl.near_optimal(EPOCH, C=[1e21, BUDGET])
    covers(found, truth, "N", "loss", "smallest", "largest")
    assert np.abs(np.log(found["span"] / truth["span"])).max() < 0.3
    alone = sl.near_optimal(forecast, C=BUDGET, **FEW)
    numbers = found.select_dtypes("number").columns
    np.testing.assert_allclose(alone[numbers].iloc[0], found[numbers].iloc[1], rtol=1e-9)
    said = forecast.predict(N=found["N"].to_numpy(), C=found["C"].to_numpy())
    np.testing.assert_allclose(found["loss"], said.estimate, rtol=1e-6)
    ends = forecast.predict(N=found["smallest"].to_numpy(), C=found["C"].to_numpy())
    np.testing.assert_allclose(ends.estimate, 1.01 * found["loss"], rtol=5e-4)


def test_overtraining(forecast: sl.Forecast) -> None:
    found = sl.overtraining(forecast, C=BUDGET, smaller=[1, 1.5, 2, 3], **FEW)
    truth = sl.overtraining(EPOCH, C=BUDGET, smaller=[1, 1.5, 2, 3])
    covers(found.iloc[1:], truth.iloc[1:], "N", "D", "times_tokens", "overhead")
    assert found["overhead"].iloc[0] == pytest.approx(0.0, abs=1e-9)
    assert found["limit"].isna().all()
    ratio = (1 + found["overhead"]) / (1 + truth["overhead"])
    assert np.abs(np.log(ratio)).max() < 0.15
    reached = forecast.predict(N=found["N"].to_numpy(), D=found["D"].to_numpy()).estimate
    np.testing.assert_allclose(reached, reached[0], rtol=5e-4)


@pytest.mark.parametrize("goal", [{"loss": 2.4}, {"budget": BUDGET}])
def test_serving(forecast: sl.Forecast, goal: dict[str, float]) -> None:
    found = sl.serving(forecast, served="1T", **goal, **FEW)
    truth = sl.serving(EPOCH, served="1T", **goal)
    covers(found, truth, "N", "D", "total" if "loss" in goal else "loss", "saving")
    row = found.iloc[0]
    assert row["N"] < sl.optimal(forecast, C=row["training"])["N"].iloc[0]
    assert row["training"] == pytest.approx(6 * row["N"] * row["D"], rel=1e-9)
    assert row["serving"] == pytest.approx(2 * row["N"] * 1e12, rel=1e-9)
    said = forecast.predict(N=row["N"], D=row["D"]).estimate
    assert said == pytest.approx(row["loss"], rel=5e-4)


def test_nothing_served_is_the_compute_optimal_model(forecast: sl.Forecast) -> None:
    found = sl.serving(forecast, served=1.0, budget=BUDGET, n_resamples=0).iloc[0]
    best = sl.near_optimal(forecast, C=BUDGET, n_resamples=0).iloc[0]
    assert found["N"] == pytest.approx(best["N"], rel=1e-4)
    assert np.isnan(found["N_low"])
    assert "none was asked for" in found["note"]


# --- options ------------------------------------------------------------------------------------


def test_limits_and_cost(forecast: sl.Forecast) -> None:
    """A limit on N moves the plan there; a cost that is twice as high has twice the budget."""
    found = sl.serving(
        forecast, served="1T", loss=2.4, limits={"N": (0, "400M")}, n_resamples=0
    ).iloc[0]
    assert found["N"] == pytest.approx(4e8, rel=1e-6)
    assert "at the limit of N, 400M" in found["note"]
    plain = sl.near_optimal(forecast, C=BUDGET, n_resamples=0)
    for cost in (12, lambda N, D: 12 * N * D):
        dear = sl.near_optimal(forecast, C=2 * BUDGET, cost=cost, n_resamples=0)
        np.testing.assert_allclose(
            dear[["N", "smallest", "largest"]], plain[["N", "smallest", "largest"]], rtol=1e-3
        )


def test_a_metric_that_rises(grid: pd.DataFrame, forecast: sl.Forecast) -> None:
    """Within 1 % of the best is 1 % below it."""
    score = grid.assign(score=1 / grid["loss"]).drop(columns="loss")
    rising = sl.near_optimal(sl.forecast(score, y="score"), C=BUDGET, within=0.01, n_resamples=0)
    plain = sl.near_optimal(forecast, C=BUDGET, within=1 / 0.99 - 1, n_resamples=0)
    names = ["N", "smallest", "largest"]
    np.testing.assert_allclose(rising[names], plain[names], rtol=1e-6)


def test_seeds_and_order(grid: pd.DataFrame, forecast: sl.Forecast) -> None:
    shuffled = sl.forecast(grid.sample(frac=1, random_state=1))
    first, second = (
        sl.overtraining(it, C=BUDGET, smaller=2, **FEW).select_dtypes("number")
        for it in (forecast, shuffled)
    )
    np.testing.assert_array_equal(first, second)


# --- where a forecast does not reach --------------------------------------------------------------


def test_what_is_not_reached(forecast: sl.Forecast) -> None:
    """Infinite tokens and a note; a sentence in the card."""
    found = sl.overtraining(forecast, C=BUDGET, smaller=[2, 30], n_resamples=0)
    assert np.isinf(found["D"].iloc[1])
    assert found["note"].iloc[1].startswith("not reached with the tokens")
    band = sl.near_optimal(forecast, C=BUDGET, within=0.9, n_resamples=0)
    assert "the band ends beyond the sizes" in band["note"].item()
    assert "from below the sizes looked at to beyond the sizes looked at" in " ".join(
        str(band).split()
    )


def test_far_from_the_runs(forecast: sl.Forecast) -> None:
    with pytest.warns(sl.ExtrapolationWarning, match="largest run: beyond 60 times"):
        found = sl.near_optimal(forecast, C=1e24, n_resamples=0)
    assert "the forecast is not usable here" in found["note"].item()


@pytest.mark.parametrize(
    ("verb", "options", "error", "message"),
    [
        (sl.serving, {"served": 1e9, "loss": 0.5}, sl.FitError, r"does not come to loss 0\.5 "),
        (sl.serving, {"served": 1e9, "loss": 50.0}, sl.FitError, "does not come to loss 50 "),
        (
            sl.serving,
            {"served": 1e30, "budget": BUDGET},
            sl.FitError,
            "the forecast does not reach this performance, or serving alone costs more",
        ),
        (sl.near_optimal, {"C": BUDGET, "data": "c4"}, ValueError, "takes no `data`"),
        (sl.near_optimal, {"C": BUDGET, "cost": 1e300}, ValueError, "buys no model at this `cost`"),
        (sl.near_optimal, {"C": BUDGET, "within": 2}, ValueError, "`within` is a share"),
        (sl.near_optimal, {"C": BUDGET, "n_resamples": -1}, ValueError, "`n_resamples` must be"),
        (sl.overtraining, {"C": BUDGET, "confidence_level": 9}, ValueError, "`confidence_level`"),
    ],
)
def test_refusals(
    forecast: sl.Forecast, verb: Any, options: dict[str, Any], error: type, message: str
) -> None:
    with pytest.raises(error, match=message):
        verb(forecast, **options)


def test_no_optimum_on_the_surface(grid: pd.DataFrame) -> None:
    """Runs whose loss does not depend on D are best at the largest size."""
    flat = grid.assign(loss=3 * (grid["N"] / 1e8) ** -0.1)
    with pytest.raises(sl.FitError, match="The forecast has no compute-optimal division"):
        sl.near_optimal(sl.forecast(flat), C=BUDGET, n_resamples=0)


# --- how they read --------------------------------------------------------------------------------


def test_cards(forecast: sl.Forecast) -> None:
    """The next call names a forecast, and nothing is said of a law."""
    shown = [
        str(sl.near_optimal(forecast, C=BUDGET, **FEW)),
        str(sl.overtraining(forecast, C=BUDGET, smaller=[1.5, 2], **FEW)),
        str(sl.serving(forecast, served="1T", loss=2.4, **FEW)),
    ]
    assert "→ sl.overtraining(forecast, C=" in shown[0]
    assert "→ sl.serving(forecast, served=" in shown[1]
    assert "→ forecast.predict(N=" in shown[2]
    for text in shown:
        assert "law" not in text
    html = sl.near_optimal(forecast, C=BUDGET, **FEW)._repr_html_()
    assert "sl.overtraining(forecast" in html


def test_compute_as_a_factor(grid: pd.DataFrame) -> None:
    """Where per cent of it are long numbers; else per cent."""
    found = sl.overtraining(EPOCH, C=BUDGET, smaller=[1.5, 5])
    assert "needs 1.07x the compute" in str(found)
    assert "14.1x" in str(found)
    assert "%" not in str(found)
    assert found["overhead"].iloc[1] == pytest.approx(13.1, rel=0.01)
    assert "needs 7.1 % more compute" in str(sl.overtraining(EPOCH, C=BUDGET, smaller=[1.5, 2]))


def test_where_more_caveats_are(forecast: sl.Forecast) -> None:
    """In the notes."""
    with pytest.warns(sl.ExtrapolationWarning):
        found = sl.overtraining(forecast, C=1e24, smaller=[2, 100, 1000], n_resamples=0)
    assert 'more caveats: see plan["note"].' in str(found)
