"""What goes wrong in real tables: outliers, checkpoints, one run, rising losses, units."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest

import scalinglaws as sl
from tests.conftest import make_runs

LAW = {"E": 1.8, "A": 480.0, "alpha": 0.35, "B": 2085.0, "beta": 0.37}


def chinchilla_runs(n: int, noise: float, seed: int = 0) -> pd.DataFrame:
    """Runs at random sizes, smallest compute first."""
    rng = np.random.default_rng(seed)
    N, D = np.exp(rng.uniform(17, 23, n)), np.exp(rng.uniform(20, 26, n))
    order = np.argsort(N * D)
    N, D = N[order], D[order]
    loss = 1.8 + 480 / N**0.35 + 2085 / D**0.37
    return pd.DataFrame({"N": N, "D": D, "loss": loss * np.exp(noise * rng.standard_normal(n))})


@pytest.mark.parametrize("seed", range(5))
def test_the_largest_runs_may_be_off(seed: int) -> None:
    """Two of 40 runs ten per cent off: named, and the exponents stay where they are."""
    runs = chinchilla_runs(40, 0.004, seed)
    runs.loc[[38, 39], "loss"] *= 1.1
    with pytest.warns(sl.LackOfFitWarning, match="Rows 38 and 39"):
        fit = sl.fit(runs, "chinchilla")
    assert fit.status is sl.Status.OUTLIERS
    assert fit.delta == pytest.approx(1.345 * 0.004, rel=0.6)
    assert fit.params["alpha"] == pytest.approx(0.35, abs=0.1)
    assert fit.table.loc["alpha", "std_error"] > 1e-3


def test_many_outliers_hardly_move_a_far_prediction() -> None:
    """Five per cent of the runs far off: the error at ten times the compute stays small."""
    errors = []
    for seed in range(10):
        runs = chinchilla_runs(60, 0.005, seed)
        rng = np.random.default_rng(100 + seed)
        far = rng.choice(60, 3, replace=False)
        runs.loc[far, "loss"] *= np.exp(rng.choice([-1, 1], 3) * rng.uniform(0.08, 0.2, 3))
        with warnings.catch_warnings(action="ignore"):
            fit = sl.fit(runs, "chinchilla")
        assert set(far) <= set(_named(fit))
        N, D = 3e10, 6e11
        true = 1.8 + 480 / N**0.35 + 2085 / D**0.37
        errors.append(np.log(fit.predict(N=N, D=D).estimate / true))
    assert np.sqrt(np.mean(np.square(errors))) < 0.006


def _named(fit: sl.Fit) -> list[int]:
    (text,) = [v.detail for v in fit.verdicts if v.status is sl.Status.OUTLIERS]
    return [int(word.strip(",:")) for word in text.split() if word.strip(",:").isdigit()]


@pytest.mark.parametrize(
    "options", [{}, {"method": "nls"}, {"method": "nls", "objective": "squared"}], ids=str
)
def test_a_diverged_run_is_named_by_every_objective(options: dict[str, Any]) -> None:
    """The last of a ladder of powers, ten times off."""
    n = np.geomspace(1e6, 1e9, 20)
    loss = 6 * n**-0.05 * np.exp(0.005 * np.random.default_rng(0).standard_normal(20))
    loss[-1] *= 10
    with pytest.warns(sl.LackOfFitWarning, match="Row 19"):
        fit = sl.fit(pd.DataFrame({"N": n, "loss": loss}), "power", **options)
    assert not fit.status.good


def test_checkpoints_leave_the_estimate_alone() -> None:
    """Clusters change the standard errors, never the floor or the exponents."""
    rng = np.random.default_rng(0)
    parts = []
    for run in range(22):
        N = 1e7 * 1.3**run
        D = np.geomspace(1e8, 2e10, 12) * rng.uniform(0.5, 2)
        drift = 0.01 * rng.standard_normal() + 0.005 * np.cumsum(rng.standard_normal(12)) / 3
        loss = (1.95 + 150 / N**0.265 + 900 / D**0.33) * np.exp(drift)
        parts.append(pd.DataFrame({"run": f"r{run}", "N": N, "D": D, "loss": loss}))
    runs = pd.concat(parts, ignore_index=True)
    with warnings.catch_warnings(action="ignore"):
        by_run = sl.fit(runs, "chinchilla")
        by_row = sl.fit(runs, "chinchilla", clusters=None)
    pd.testing.assert_series_equal(by_run.params, by_row.params)
    assert by_run.params["E"] == pytest.approx(1.95, abs=0.3)
    assert by_run.params["alpha"] == pytest.approx(0.265, abs=0.06)
    assert by_run.table.loc["alpha", "std_error"] > by_row.table.loc["alpha", "std_error"]


def test_a_users_bound_is_no_misfit() -> None:
    """A rising curve whose coefficient meets the user's bound: the bound is all there is to say."""
    x = np.geomspace(1, 100, 15)
    runs = pd.DataFrame({"x": x, "y": 3 + 20 * x**0.5})
    with pytest.warns(sl.IdentifiabilityWarning, match="a stopped at its bound 15") as caught:
        sl.fit(runs, "y ~ c + a*x**b", bounds={"a": (0, 15)})
    assert "cannot follow" not in str(caught[0].message)


@pytest.mark.parametrize("law", ["chinchilla", "kaplan", "power"])
def test_verdicts_do_not_depend_on_units(law: str) -> None:
    """Parameters in billions, tokens in millions, losses in bits."""
    for seed in range(3):
        runs = make_runs(noise=0.02, seed=seed)
        other = runs.assign(N=runs["N"] / 1e9, D=runs["D"] / 1e6, loss=runs["loss"] / np.log(2))
        with warnings.catch_warnings(action="ignore"):
            mine, theirs = sl.fit(runs, law), sl.fit(other, law, units="trust")
        assert [v.status for v in mine.verdicts] == [v.status for v in theirs.verdicts]


# --- the trend check ----------------------------------------------------------------------------


def test_the_wrong_law_leaves_a_trend() -> None:
    """Kaplan's law fitted by Chinchilla's, at a noise of a tenth of a per cent."""
    runs = chinchilla_runs(40, 0.0, 3)
    law, params = sl.laws["kaplan"], {
        "N_c": 6.4e13, "alpha_N": 0.076, "alpha_D": 0.103, "D_c": 1.8e13,
    }  # fmt: skip
    loss = law.value(params, {"N": runs["N"].to_numpy(), "D": runs["D"].to_numpy()})
    noise = 0.001 * np.random.default_rng(0).standard_normal(40)
    with warnings.catch_warnings(action="ignore"):
        fit = sl.fit(runs.assign(loss=loss * np.exp(noise)), "chinchilla")
    assert fit.trend is not None
    assert fit.trend.is_clear
    assert "residuals follow a smooth pattern in N and D" in fit.summary()


def test_the_right_law_rarely_has_a_trend() -> None:
    """False alarms at a level of one per cent."""
    alarms = 0
    for seed in range(100):
        with warnings.catch_warnings(action="ignore"):
            fit = sl.fit(chinchilla_runs(30, 0.01, seed), "chinchilla")
        alarms += fit.trend is not None and fit.trend.is_clear
    assert alarms <= 5
