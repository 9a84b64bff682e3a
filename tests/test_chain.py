"""Fits in a row, with the uncertainty of each."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import scalinglaws as sl
from tests.conftest import make_runs

LINK = {"floor": 0.25, "ceiling": 0.9, "k": 3.0, "L_0": 2.6}


def two_steps(noise: float = 0.003, seed: int = 0) -> tuple[pd.DataFrame, sl.Fit, sl.Fit]:
    """Runs with a loss and an accuracy, and the two fits."""
    runs = make_runs(noise, seed)
    accuracy = sl.laws["accuracy-sigmoid"].value(LINK, runs)
    rng = np.random.default_rng(seed + 1)
    runs["accuracy"] = accuracy + noise * rng.standard_normal(len(runs))
    to_loss = sl.fit(runs, "chinchilla", objective="squared")
    to_accuracy = sl.fit(
        runs, "accuracy-sigmoid", scale="level", objective="squared", fixed={"floor": 0.25}
    )
    return runs, to_loss, to_accuracy


def test_intervals_are_those_of_the_delta_method_where_noise_is_small() -> None:
    """Curve: both covariances; run: the noise of the loss through the link, and the link's own."""
    _, to_loss, to_accuracy = two_steps(noise=2e-4)
    point = {"N": np.array([3e7, 3e8, 3e9]), "D": np.array([3e9, 3e10, 1e11])}

    # a level at which Student's t hardly depends on the degrees of freedom, which differ
    level = 0.7
    found = sl.chain(to_loss, to_accuracy).predict(
        point, n_resamples=40_000, confidence_level=level
    )

    loss = to_loss.predict(point, confidence_level=level)
    link, values = to_accuracy.law, to_accuracy.values
    by_loss = link.variable_gradient(values, loss=loss.estimate)[:, 0]
    own = to_accuracy.predict(loss=loss.estimate, confidence_level=level)
    log_half = np.log(loss.curve_high / loss.estimate)
    log_half_run = np.log(loss.run_high / loss.estimate)
    half = np.hypot(by_loss * loss.estimate * log_half, own.curve_high - own.estimate)
    half_run = np.hypot(by_loss * loss.estimate * log_half_run, own.run_high - own.estimate)
    np.testing.assert_allclose(found.estimate, own.estimate, rtol=1e-14)
    np.testing.assert_allclose((found.curve_high - found.curve_low) / 2, half, rtol=0.03)
    # the residuals' own shape is carried through the link, not its width alone
    np.testing.assert_allclose((found.run_high - found.run_low) / 2, half_run, rtol=0.08)


def test_intervals_cover() -> None:
    """The true curve and a new run, over forty repetitions: 95 % within what chance allows."""
    at, curve, run = {"N": 2e10, "D": 1e12}, 0, 0
    true_loss = float(sl.laws["chinchilla"].value(_TRUE, **at))
    true = float(sl.laws["accuracy-sigmoid"].value(LINK, loss=true_loss))
    rng = np.random.default_rng(7)
    for seed in range(40):
        with warnings.catch_warnings(action="ignore", category=sl.ScalingLawWarning):
            _, to_loss, to_accuracy = two_steps(0.004, 100 + seed)
            found = sl.chain(to_loss, to_accuracy).predict(at, n_resamples=2000)
        own_loss = true_loss * np.exp(0.004 * rng.standard_normal())
        new = float(sl.laws["accuracy-sigmoid"].value(LINK, loss=own_loss))
        new += 0.004 * rng.standard_normal()
        curve += found.curve_low <= true <= found.curve_high
        run += found.run_low <= new <= found.run_high

    assert curve >= 34  # below this once in two hundred times, were it 95 %
    assert run >= 34


_TRUE = {"E": 1.8172, "A": 482.01, "alpha": 0.3478, "B": 2085.43, "beta": 0.3658}


def test_the_same_draws_for_a_table_a_mapping_and_keywords() -> None:
    _, to_loss, to_accuracy = two_steps()
    chain = sl.chain(to_loss, to_accuracy)
    table = pd.DataFrame({"N": [1e9, 2e9], "D": [1e10, 2e10]}, index=["a", "b"])

    by_table = chain.predict(table)
    by_keyword = chain.predict(N="1B", D="10B")

    assert list(by_table.index) == ["a", "b"]
    assert by_table.loc["a", "estimate"] == pytest.approx(by_keyword.estimate, rel=1e-14)
    assert by_keyword.curve_low < by_keyword.estimate < by_keyword.curve_high
    wider = chain.predict(N="1B", D="10B", confidence_level=0.99)
    assert wider.curve_low < by_keyword.curve_low
    assert "accuracy by accuracy-sigmoid" in repr(chain)
    assert chain.target == "accuracy"


def test_no_interval_leaves_the_limits() -> None:
    runs, to_loss, _ = two_steps(0.01)
    easy = {"floor": 0.25, "ceiling": 1.0, "k": 5.0, "L_0": 3.0}
    noise = 0.01 * np.random.default_rng(0).standard_normal(len(runs))
    runs["accuracy"] = np.minimum(sl.laws["accuracy-sigmoid"].value(easy, runs) + noise, 1)
    held = {"floor": 0.25, "ceiling": 1.0}
    to_accuracy = sl.fit(runs, "accuracy-sigmoid", scale="level", fixed=held)

    found = sl.chain(to_loss, to_accuracy).predict(N=1e11, D=5e12)

    assert found.estimate < found.curve_high < found.run_high == 1
    assert found.times_beyond == pytest.approx(50)


def test_three_steps() -> None:
    """Size to loss, loss to the loss of a task, and that to accuracy."""
    runs = make_runs(0.002)
    rng = np.random.default_rng(3)
    runs["task"] = 0.8 * (runs["loss"] - 1.0) * np.exp(0.002 * rng.standard_normal(len(runs)))
    link = sl.Law("accuracy ~ exp(-k*task)", variables=["task"], limits=(0, 1))
    runs["accuracy"] = link.value({"k": 0.4}, runs) * np.exp(0.002 * rng.standard_normal(len(runs)))
    to_loss = sl.fit(runs, "chinchilla")
    to_task = sl.fit(runs, "task ~ a*(loss - b)")
    to_accuracy = sl.fit(runs, link)

    both = sl.chain(sl.chain(to_loss, to_task), to_accuracy).predict(N=1e10, D=1e12)

    task = 0.8 * (float(to_loss.law.value(_TRUE, N=1e10, D=1e12)) - 1.0)
    assert both.estimate == pytest.approx(np.exp(-0.4 * task), rel=2e-3)
    assert both.run_low < np.exp(-0.4 * task) < both.run_high


def test_fits_that_do_not_follow_each_other_are_refused() -> None:
    runs, to_loss, to_accuracy = two_steps()
    other = sl.fit(
        runs.rename(columns={"loss": "bpb"}), "accuracy-sigmoid", columns={"loss": "bpb"},
        scale="level", fixed={"floor": 0.25},
    )  # fmt: skip

    with pytest.raises(
        ValueError, match=r"predicts 'loss', and the second is in 'bpb'.*through='loss'"
    ):
        sl.chain(to_loss, other)
    assert sl.chain(to_loss, other, through="loss").target == "accuracy"
    with pytest.raises(ValueError, match=r"in the quantity in between alone.*in N, D"):
        sl.chain(to_accuracy, to_loss)


def test_a_law_without_a_value_has_no_interval() -> None:
    """A power of the loss above a floor that the predicted losses reach."""
    runs = make_runs(0.003)
    noise = 1 + 0.001 * np.random.default_rng(5).standard_normal(len(runs))
    runs["other"] = (0.9 * (runs["loss"] - 1.99) ** 1.3 + 0.4) * noise
    to_loss = sl.fit(runs, "chinchilla")
    law = sl.Law("other ~ K*(loss - 1.99)**kappa + E", variables=["loss"])
    to_other = sl.fit(runs, law)

    with pytest.warns(sl.IdentifiabilityWarning, match=r"no value at .* no interval at 1 of 1"):
        found = sl.chain(to_loss, to_other).predict(N=2e10, D=3e12, n_resamples=2000)

    assert np.isfinite(found.estimate)
    assert np.isnan(found.run_low)


def test_gadre_over_training_to_downstream_error(data: Path) -> None:
    """Small runs predict the 17-task error of the largest ones, with intervals that hold them."""
    runs = pd.read_csv(data / "gadre_overtraining" / "gadre_runs.csv").query("series == 'rpj'")
    small, large = runs[runs["N"] < 1e9], runs[runs["N"] > 1e9]
    with warnings.catch_warnings(action="ignore", category=sl.ScalingLawWarning):
        to_loss = sl.fit(small, "gadre", columns={"N": "N", "D": "D", "C": "C"})
        to_error = sl.fit(small, "gadre-error", y="err_avg_17", scale="level")
        found = sl.chain(to_loss, to_error).predict(large)
    inside = large["err_avg_17"].between(found["run_low"], found["run_high"])

    assert len(large) == 3
    assert inside.all()
    np.testing.assert_allclose(found["estimate"], large["err_avg_17"], rtol=0.06)


def test_a_fit_without_a_distribution_has_an_estimate() -> None:
    """Runs that do not identify a coefficient leave the prediction without an interval."""
    runs = make_runs(0.002)
    runs["accuracy"] = 0.25 + 0.75 * np.exp(-runs["loss"])
    to_loss = sl.fit(runs, "chinchilla")
    with pytest.warns(sl.IdentifiabilityWarning):
        to_accuracy = sl.fit(
            runs, "accuracy ~ floor + a*b*exp(-loss)", y="accuracy", columns={"loss": "loss"},
            scale="level",
        )  # fmt: skip
    with pytest.warns(sl.IdentifiabilityWarning, match="This prediction has no interval"):
        found = sl.chain(to_loss, to_accuracy).predict(N=1e9, D=1e11)

    loss = to_loss.predict(N=1e9, D=1e11).estimate
    assert found.estimate == pytest.approx(0.25 + 0.75 * np.exp(-loss), rel=1e-3)
    assert np.isnan([found.curve_low, found.curve_high, found.run_low, found.run_high]).all()
