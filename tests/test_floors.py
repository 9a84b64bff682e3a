"""Floors: symmetric intervals that are cut at zero, and what is said of a floor at zero."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import brentq

import scalinglaws as sl

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


def test_a_floor_is_symmetric_and_cut_at_zero() -> None:
    """The law is linear in it; its logarithm runs off to minus infinity."""
    sharp = sl.fit(runs_of(1.0, 0.003, 1), LAW).table.loc["E"]
    assert sharp["estimate"] - sharp["low"] == pytest.approx(sharp["high"] - sharp["estimate"])
    with warnings.catch_warnings(action="ignore"):
        wide = sl.fit(runs_of(0.8, 0.02, 3), LAW).table.loc["E"]
    assert wide["low"] == 0.0 < wide["estimate"] < wide["high"]


def test_table_and_intervals_say_the_same(at_zero: sl.Fit) -> None:
    """One path for every number."""
    for fit in (at_zero, sl.fit(runs_of(1.0, 0.003, 1), LAW)):
        columns = ["estimate", "std_error", "low", "high"]
        pd.testing.assert_frame_equal(
            fit.intervals()[columns], fit.table[columns], check_names=False
        )


def test_a_floor_at_zero_has_an_upper_end(at_zero: sl.Fit) -> None:
    """Close to where the squares rise as much as Student's t allows, refitted with that floor."""
    row = at_zero.table.loc["E"]
    assert row["low"] == 0
    assert np.isnan(row["std_error"])
    runs = pd.DataFrame({"N": at_zero.runs.inputs["N"], "loss": at_zero.runs.y})

    def rise(floor: float) -> float:
        held = sl.fit(runs, LAW, objective="squared", fixed={"E": floor})
        return held.objective_value / at_zero.objective_value - 1 - 2.9 / at_zero.dof

    end = brentq(rise, 1e-3, 2.0)
    assert row["high"] == pytest.approx(end, rel=0.6)


def test_units_do_not_matter() -> None:
    """Of the loss and of the size, at zero as well."""
    for floor in (1.0, 0.0):
        runs = runs_of(floor, 0.02, 1)
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


def test_a_common_factor_of_the_weights_does_not_matter() -> None:
    """Weights such as 1/variance are large numbers."""
    runs = runs_of(0.0, 0.02, 1)
    ends = []
    for factor in (1e-8, 1.0, 1e8):
        with warnings.catch_warnings(action="ignore"):
            ends.append(sl.fit(runs, LAW, weights=np.full(20, factor)).table[["low", "high"]])
    np.testing.assert_allclose(ends[0], ends[1], rtol=1e-6)
    np.testing.assert_allclose(ends[2], ends[1], rtol=1e-6)


def test_the_profile_has_an_end_as_well(at_zero: sl.Fit) -> None:
    """From zero up to what these runs still allow."""
    low, high = at_zero.intervals(["E"], method="profile").loc["E", ["low", "high"]]
    assert low == 0 < high < 2


def test_it_is_said(at_zero: sl.Fit) -> None:
    """In the verdict, and where a method has nothing to say."""
    most = format(at_zero.table.loc["E", "high"], ".2g")
    text = f"these runs show no irreducible loss, or one of at most {most} (90 %)."
    assert text in " ".join(at_zero.summary().split())
    with pytest.warns(sl.DataWarning, match="At its bound, and held there in every resample: E"):
        at_zero.bootstrap(50)
    assert (at_zero.draws(20)["E"] == 0).all()


def test_a_file_keeps_it(at_zero: sl.Fit, tmp_path: Path) -> None:
    """The interval on one side, and what follows from it."""
    at_zero.save(tmp_path / "fit.json")
    back = sl.load(tmp_path / "fit.json")
    pd.testing.assert_frame_equal(back.table, at_zero.table)
    pd.testing.assert_frame_equal(back.intervals(), at_zero.intervals())
