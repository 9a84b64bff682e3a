"""Repeated runs show when the law itself is wrong."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import scalinglaws as sl
from scalinglaws.fitting.diagnostics.scatter import compare_with_repeats
from tests.conftest import make_runs


def _with_repeats(noise: float, seed: int, bend: float = 0.0) -> pd.DataFrame:
    runs = pd.concat([make_runs(), *[make_runs().iloc[[0, 14, 35]]] * 4], ignore_index=True)
    rng = np.random.default_rng(seed)
    wave = bend * np.sin(2.0 * np.log(runs["N"]))
    runs["loss"] *= np.exp(noise * rng.standard_normal(len(runs)) + wave)
    return runs


def test_a_law_that_bends_away_is_noticed() -> None:
    """Three per cent of misfit over half a per cent of noise."""
    with pytest.warns(sl.LackOfFitWarning, match="repeated runs by 0.* among themselves"):
        fit = sl.fit(_with_repeats(0.005, 0, bend=0.03), "chinchilla")

    assert fit.status is sl.Status.LACK_OF_FIT


def test_a_true_law_is_left_alone() -> None:
    """At the one per cent level, hardly ever an alarm in forty tables."""
    alarms = 0
    for seed in range(40):
        fit = sl.fit(_with_repeats(0.005, seed), "chinchilla", objective="squared")
        alarms += fit.status is sl.Status.LACK_OF_FIT

    assert alarms <= 2


def test_without_repeats_nothing_is_claimed() -> None:
    """There is nothing to compare with."""
    rng = np.random.default_rng(0)

    residuals = rng.standard_normal(20)
    assert compare_with_repeats(np.arange(20), residuals, np.ones(20), 5) is None


def test_runs_without_weight_do_not_count() -> None:
    """Bad runs that were given no weight are as good as dropped."""
    runs = _with_repeats(0.005, 1)
    runs.loc[runs.index[-6:], "loss"] *= 1.3
    weights = np.ones(len(runs))
    weights[-6:] = 0.0

    weighted = sl.fit(runs, "chinchilla", weights=weights)
    dropped = sl.fit(runs.iloc[:-6], "chinchilla")

    assert weighted.status is dropped.status is sl.Status.CONVERGED
    np.testing.assert_allclose(weighted.table.iloc[:, :4], dropped.table.iloc[:, :4], rtol=1e-6)


@pytest.mark.filterwarnings("ignore::scalinglaws.LackOfFitWarning")  # one rate lies apart
def test_other_conditions_are_no_repeats() -> None:
    """Runs with the same N and D at other learning rates do not measure the noise."""
    base = make_runs()
    rates = pd.concat([base.assign(lr=lr, seed=0) for lr in (1e-3, 2e-3, 4e-3)], ignore_index=True)
    rng = np.random.default_rng(0)
    rates["loss"] *= np.exp(
        0.05 * np.log2(rates["lr"] / 2e-3) ** 2 + 0.002 * rng.standard_normal(108)
    )

    fit = sl.fit(rates, "chinchilla")

    assert not len(fit.runs.repeats)


def test_far_outliers_are_named(epoch_all: pd.DataFrame) -> None:
    """The five highest losses of the Chinchilla extraction pull even a robust fit."""
    with pytest.warns(sl.LackOfFitWarning, match="residual more than 12 times the typical scatter"):
        fit = sl.fit(epoch_all, "chinchilla")

    assert fit.status is sl.Status.OUTLIERS
