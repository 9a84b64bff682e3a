"""Bounded metrics forecast through the loss."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import scalinglaws as sl
from scalinglaws.forecasting.chained_forecast import infer_step
from tests.conftest import make_runs

FAR = {"N": 2e10, "D": 4e12}
LOSS = 1.8172 + 482.01 / 2e10**0.3478 + 2085.43 / 4e12**0.3658


def accuracy(loss: np.ndarray | float) -> np.ndarray | float:
    """From chance to one."""
    return 0.25 + 0.75 / (1 + np.exp(4 * (loss - 2.3)))


@pytest.fixture(scope="module")
def runs() -> pd.DataFrame:
    """Losses and accuracies with noise."""
    table = make_runs(0.003)
    noise = 0.01 * np.random.default_rng(1).standard_normal(len(table))
    return table.assign(acc=accuracy(table["loss"].to_numpy()) + noise)


def test_the_step_follows_a_sigmoid() -> None:
    """Within the runs it is them, beyond it opens."""
    loss = np.linspace(2.2, 4.0, 20)
    noise = 0.005 * np.random.default_rng(0).standard_normal(20)
    step = infer_step(loss, accuracy(loss) + noise, 1.0, 0.25)
    mean, variance = step.at(np.array([2.5, 2.0, 1.7]))
    assert mean[0] == pytest.approx(accuracy(2.5), abs=0.01)
    assert (np.diff(variance) > 0).all()
    assert abs(mean[1] - accuracy(2.0)) < 3 * np.sqrt(variance[1])
    assert np.sqrt(step.noise) == pytest.approx(0.005, rel=0.5)


def test_a_forecast_through_the_loss(runs: pd.DataFrame) -> None:
    """The truth is inside, and the parts add up."""
    forecast = sl.forecast(runs, y="acc", through="loss", limits=(0.25, 1.0), confidence_level=0.9)
    found = forecast.predict(FAR)
    assert found.run_low < accuracy(LOSS) < found.run_high <= 1.0
    assert found.estimate == pytest.approx(accuracy(LOSS), abs=0.08)
    total = found.share_coefficients + found.share_law_error + found.share_noise
    assert total == pytest.approx(1.0)
    assert found.run_low < found.curve_low < found.curve_high < found.run_high
    assert "variance from" in str(found)
    assert "the loss" in str(found)
    assert str(forecast).startswith("Forecast of acc through loss from 36 runs: acc 0.")
    plain = sl.forecast(runs[["N", "D", "loss"]], confidence_level=0.9)
    assert forecast.loss.predict(FAR).estimate == plain.predict(FAR).estimate
    frame = forecast.predict(pd.DataFrame([FAR, FAR], index=["a", "b"]))
    assert frame.loc["b", "run_low"] == pytest.approx(found.run_low, rel=1e-12)


def test_an_error_that_falls(runs: pd.DataFrame) -> None:
    """The mirror image."""
    up = sl.forecast(runs, y="acc", through="loss", limits=(0.25, 1.0)).predict(FAR)
    table = runs.assign(err=1 - runs["acc"])
    down = sl.forecast(table, y="err", through="loss", limits=(0.0, 0.75)).predict(FAR)
    assert down.estimate == pytest.approx(1 - up.estimate, rel=1e-6)
    assert down.run_high == pytest.approx(1 - up.run_low, rel=1e-6)


def test_runs_without_the_metric_count_for_the_loss(runs: pd.DataFrame) -> None:
    """An evaluation may be missing."""
    some = runs.assign(acc=runs["acc"].where(runs.index % 3 > 0))
    forecast = sl.forecast(some, y="acc", through="loss", limits=(0.25, 1.0))
    assert forecast.loss.n == 36
    assert len(forecast.step.u) == 24


@pytest.mark.parametrize(("change", "options", "error", "message"), [
    (lambda t: t, {"y": "acc"}, ValueError, "needs the metric `y` and both its `limits`"),
    (lambda t: t, {"limits": (0.25, 1.0)}, ValueError, "needs the metric `y`"),
    (lambda t: t.assign(acc=100 * t["acc"]), {"y": "acc", "limits": (0.25, 1.0)}, sl.DataError,
     "divide per cent by 100"),
    (lambda t: t.assign(acc=t["acc"].where(t.index < 5)), {"y": "acc", "limits": (0.25, 1.0)},
     sl.DataError, "is known of 5 runs; 6 are needed"),
])  # fmt: skip
def test_refusals(
    runs: pd.DataFrame, change: object, options: dict[str, object], error: type[Exception],
    message: str,
) -> None:  # fmt: skip
    """With what to do."""
    with pytest.raises(error, match=message):
        sl.forecast(change(runs), through="loss", **options)  # type: ignore[operator, arg-type]


def test_public_tasks(data: Path) -> None:
    """Three OLMo tasks at 7B and 13B, by their own bits per byte."""
    runs = pd.read_csv(data / "olmo_ladder" / "olmo_ladder_final.csv")
    small = runs[runs["series"] == "ladder"]
    large = runs[runs["run"].isin(["peteish7_eval_anneal", "peteish13_eval_final"])]
    for task, chance in (("hellaswag", 0.25), ("mmlu", 0.25), ("piqa", 0.5)):
        forecast = sl.forecast(
            small, y=f"acc_{task}", through=f"bpb_{task}", limits=(chance, 1.0),
            confidence_level=0.9,
        )  # fmt: skip
        found = forecast.predict(large)
        reached = large[f"acc_{task}"]
        assert ((found["run_low"] < reached) & (reached < found["run_high"])).all()
        assert (found["estimate"] - reached).abs().max() < 0.07
