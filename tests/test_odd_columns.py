"""Columns that are numbers, but not what they seem: remarks, and errors that say why."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import scalinglaws as sl
from tests.conftest import make_runs
from tests.planning_cases import EPOCH
from tests.test_isoflop import profiles

ALL_SWAPPED = r"D/N \S+ to 0\.\d+\): are 'N' and 'D' exchanged\?"


def _swapped() -> pd.DataFrame:
    runs = make_runs(noise=0.005)
    runs = runs[runs["D"] > 2 * runs["N"]]
    return runs.rename(columns={"N": "D", "D": "N"})


def test_n_and_d_exchanged_in_every_row() -> None:
    """A remark for losses, of fits and forecasts; none with units="trust"."""
    with pytest.warns(sl.DataWarning, match=ALL_SWAPPED):
        sl.fit(_swapped(), "chinchilla")
    with pytest.warns(sl.DataWarning, match=ALL_SWAPPED):
        sl.forecast(_swapped())
    sl.fit(_swapped(), "chinchilla", units="trust")


def test_other_metrics_may_have_few_examples() -> None:
    """An error rate over training examples is no loss of a language model."""
    sl.fit(_swapped().rename(columns={"loss": "error"}), "chinchilla")


@pytest.mark.parametrize("name", ["accuracy", "eval_accuracy", "score"])
def test_accuracies_in_per_cent(name: str) -> None:
    """A remark where no law's limits refuse them; none for shares, nor for BLEU."""
    runs = make_runs(noise=0.005)
    share = 1 / runs["loss"]
    match = rf"'{name}' has values from \d+\S* to \d+\S*, which look like per cent.*divide by 100"
    with pytest.warns(sl.DataWarning, match=match):
        sl.fit(runs.assign(**{name: 100 * share}), "power", y=name)
    sl.fit(runs.assign(**{name: share}), "power", y=name)
    sl.fit(runs.assign(bleu=100 * share), "power", y="bleu")


def test_a_forecast_of_per_cent() -> None:
    """Limits of shares refuse it, and a forecast without limits has the remark."""
    runs = make_runs(noise=0.005)
    runs["accuracy"] = 100 / runs["loss"]
    with pytest.warns(sl.DataWarning, match="look like per cent"):
        sl.forecast(runs, y="accuracy")


def _wrapped(negative: bool) -> pd.DataFrame:
    """6*N*D in 64-bit integers; negative in some rows, or wrapped to another positive number."""
    runs = make_runs(noise=0.005)
    n, d = (runs[name].to_numpy().astype(np.int64) for name in ("N", "D"))
    with np.errstate(over="ignore"):
        runs["C"] = np.int64(6) * n * d
    return runs[(runs["C"] < 0) == negative] if not negative else runs


OVERFLOWED = r"Column 'C' (is 6\*N\*D computed in integers|holds whole numbers that are negative)"


@pytest.mark.parametrize("negative", [True, False])
def test_integers_that_overflowed(negative: bool) -> None:
    """Wherever compute is read: laws in C, forecasts, back-tests, profiles, envelopes."""
    runs = _wrapped(negative)
    assert (runs["C"] < 0).any() == negative
    assert (runs["C"] < 3 * runs["N"] * runs["D"]).any()
    with pytest.raises(sl.DataError, match=OVERFLOWED):
        sl.fit(runs, "loss ~ E + A/C**alpha")
    with pytest.raises(sl.DataError, match=OVERFLOWED):
        sl.forecast(runs)
    for analysis in (sl.isoflop, sl.envelope):
        with pytest.raises(sl.DataError, match=OVERFLOWED):
            analysis(runs)


def test_profiles_that_pool_several_series() -> None:
    """A text column that explains what a smooth surface leaves is named."""
    one = profiles(EPOCH, width=4, noise=0.002).assign(data="web")
    other = profiles(EPOCH, width=4, noise=0.002).assign(data="code")
    other["loss"] *= 0.99
    with pytest.warns(
        sl.DataWarning, match=r"Column 'data' \(2 values\) explains \d\d %.*by itself"
    ):
        sl.isoflop(pd.concat([one, other], ignore_index=True))
    sl.isoflop(one)
