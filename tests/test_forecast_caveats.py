"""What a forecast says of tables that are not as they should be, and of other metrics."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import scalinglaws as sl


def grid(noise: float = 0.003) -> pd.DataFrame:
    """Runs of the Chinchilla law over 6 sizes and 5 durations."""
    sizes, tokens = np.meshgrid(np.geomspace(1e7, 1e9, 6), np.geomspace(5e8, 2e10, 5))
    runs = pd.DataFrame({"N": sizes.ravel(), "D": tokens.ravel()})
    loss = 1.8172 + 477.8 / runs["N"] ** 0.3473 + 2143 / runs["D"] ** 0.3672
    scatter = np.random.default_rng(0).standard_normal(len(runs))
    return runs.assign(loss=loss * np.exp(noise * scatter))


def isoflop() -> pd.DataFrame:
    """Budgets whose runs sweep N; the largest are mostly too small or too large."""
    budgets = np.repeat(np.geomspace(1e18, 1e20, 5), 8)
    sizes = np.sqrt(budgets / 120) * np.tile(np.geomspace(0.1, 2, 8), 5)
    runs = pd.DataFrame({"N": sizes, "D": budgets / 6 / sizes})
    return runs.assign(loss=1.8 + 478 / runs["N"] ** 0.35 + 2143 / runs["D"] ** 0.37)


def facts(runs: pd.DataFrame, **options: str) -> str:
    """All caveats as one text."""
    return " ".join(sl.forecast(runs, **options).facts)  # type: ignore[call-overload]


def test_a_perplexity_is_forecast_as_its_loss(tmp_path: Path) -> None:
    """Both columns have one forecast, also after it was saved."""
    runs = grid()
    of_loss = sl.forecast(runs).predict(N="5B", D="100B")
    runs = runs.assign(ppl=np.exp(runs["loss"])).drop(columns="loss")
    forecast = sl.forecast(runs, y="ppl")
    found = forecast.predict(N="5B", D="100B")
    for name in ("estimate", "run_low", "run_high", "curve_low"):
        assert getattr(found, name) == pytest.approx(np.exp(getattr(of_loss, name)), rel=1e-9)
    assert "forecast through its logarithm" in " ".join(forecast.facts)
    forecast.save(tmp_path / "ppl.json")
    again = sl.load(tmp_path / "ppl.json")
    assert isinstance(again, sl.Forecast)
    assert again.predict(N="5B", D="100B").estimate == pytest.approx(found.estimate, rel=1e-12)


@pytest.mark.parametrize("whole", [1.0, 100.0])
def test_an_accuracy_does_not_pass_its_whole(whole: float) -> None:
    """Shares and per cent are told by their values."""
    runs = grid()
    runs["accuracy"] = whole * (0.97 - 0.05 * (runs["loss"] - runs["loss"].min()))
    forecast = sl.forecast(runs.drop(columns="loss"), y="accuracy", units="trust")
    with pytest.warns(sl.ExtrapolationWarning):
        found = forecast.predict(N="1T", D="20T")
    assert found.estimate <= found.run_high == whole
    assert f"end at {whole:g}" in " ".join(forecast.facts)


def test_other_rising_metrics_ask_for_limits() -> None:
    """A reward may have an end."""
    runs = grid()
    runs["reward"] = 60 - 5 * runs["loss"]
    assert "pass `limits` if it has one" in facts(runs.drop(columns="loss"), y="reward")


def test_a_sweep_of_settings_is_named() -> None:
    """Runs of equal N and D that differ by far more than seeds."""
    runs = grid()
    sweep = pd.concat([runs.assign(loss=runs["loss"] * k) for k in (1, 1.05, 1.12)])
    sweep = sweep.reset_index(drop=True)
    assert "If they are a sweep of settings, keep the best of each." in facts(sweep)
    seeds = pd.concat([grid(), grid(0.004)], ignore_index=True).assign(seed=np.repeat([0, 1], 30))
    assert "sweep" not in facts(seeds)


def test_compute_that_belongs_to_other_runs() -> None:
    """A wrong order, and other units."""
    runs = grid()
    compute = 6 * runs["N"] * runs["D"]
    assert "times 6ND: check" in facts(runs.assign(C=compute.to_numpy()[::-1]))
    assert "C is 1e-18 times 6ND" in facts(runs.assign(C=compute / 1e18))
    assert "6ND" not in facts(runs.assign(C=1.3 * compute))


def test_compute_alone_follows_the_best_runs_of_an_isoflop_sweep() -> None:
    """Their mean over all sizes would be far from the optimum."""
    forecast = sl.forecast(isoflop())
    assert 10 < forecast.rows.ratio < 60
    assert "D/N is" in " ".join(forecast.facts)
    sizes, tokens = forecast.rows.path(1e21)
    assert tokens / sizes == pytest.approx(forecast.rows.ratio)


@pytest.mark.parametrize(("columns", "message"), [
    (["N", "C", "loss"], r"needs D .* or add it as C / \(6 N\) where C is 6ND"),
    (["D", "C", "loss"], r"needs N .* or add it as C / \(6 D\) where C is 6ND"),
    (["C", "loss"], 'or pass x="C" for a curve'),
    (["N", "loss"], 'or pass x="N" for a curve'),
])  # fmt: skip
def test_tables_without_n_or_d(columns: list[str], message: str) -> None:
    """What is there tells what to do."""
    runs = grid().assign(C=lambda t: 6 * t["N"] * t["D"])
    with pytest.raises(sl.DataError, match=message):
        sl.forecast(runs[columns])


def test_caveats_are_found_once() -> None:
    """They test every text column."""
    forecast = sl.forecast(grid())
    assert forecast.facts is forecast.facts


def test_a_spike_of_a_curve_is_named() -> None:
    """It neither turns the metric around nor passes in silence."""
    steps = np.geomspace(1e3, 1e5, 30)
    curve = pd.DataFrame({"steps": steps, "loss": 1.8 + 3 * steps**-0.3})
    assert sl.forecast(curve, x="steps").facts == ()
    curve.loc[20, "loss"] = 6.0
    forecast = sl.forecast(curve, x="steps")
    assert forecast.scale.falls
    assert "'loss' jumps at steps 24K" in " ".join(forecast.facts)
