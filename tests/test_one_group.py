"""Plans of one group of a fit whose parameters have a value for each."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import scalinglaws as sl
from scalinglaws import plotting
from scalinglaws.planning import limited_data, one_group, regret, served_for
from tests.conftest import make_runs
from tests.planning_cases import EPOCH
from tests.test_groups import FLOORS, LEVELS, LINE, SIZES, make_groups


@pytest.fixture(scope="module")
def fit() -> sl.Fit:
    """Three data sets with floors and sizes of their own."""
    return sl.fit(make_groups(0.004), LINE)


@pytest.mark.parametrize("level", LEVELS)
def test_a_plan_is_that_of_the_groups_own_law(level: str) -> None:
    """Without noise, by the coefficients that made the runs."""
    exact = sl.fit(make_groups(), LINE)
    own = sl.Law("E + A/N**alpha + B/D**beta")
    values = {"E": FLOORS[level], "A": SIZES[level], "alpha": 0.34, "B": 2000.0, "beta": 0.36}
    truth = type(EPOCH)(own, values)
    numbers = ["N", "D", "loss"]

    for question in ({"C": 1e22}, {"loss": 2.6}, {"N": 5e9}):
        found = sl.optimal(exact, **question, n_resamples=0, data=level)
        np.testing.assert_allclose(
            found[numbers], sl.optimal(truth, **question)[numbers], rtol=1e-6
        )


def test_every_plan_takes_the_group(fit: sl.Fit) -> None:
    """By the column's name, or as a fit of its own; intervals are those of the whole fit."""
    web = one_group(fit, data="web")
    calls = [
        lambda f, **at: sl.optimal(f, C=1e22, **at),
        lambda f, **at: sl.near_optimal(f, C=1e22, **at),
        lambda f, **at: sl.overtraining(f, C=1e22, **at),
        lambda f, **at: sl.serving(f, served=1e12, loss=2.6, **at),
        lambda f, **at: served_for(f, N=1e9, D=1e12, **at),
        lambda f, **at: limited_data(f, C=1e22, unique=1e10, **at),
        lambda f, **at: regret(f, N=1e9, D=1e11, **at),
    ]
    for call in calls:
        frame = call(fit, data="web")
        pd.testing.assert_frame_equal(frame, call(web))
        assert (frame.filter(like="_low").iloc[0] <= frame.filter(like="_high").to_numpy()[0]).all()
    plan = sl.next_runs(fit, budget=1e21, C=1e22, most_runs=2, data="web")
    pd.testing.assert_frame_equal(
        plan.runs, sl.next_runs(web, budget=1e21, C=1e22, most_runs=2).runs
    )
    assert len(plan.observed) == 25
    assert plotting.plot_frontier(fit, data="web").get_xlabel().startswith("training compute")
    assert len(plotting.plot_contours(fit, data="web").collections) >= 2


def test_only_the_groups_runs_count(fit: sl.Fit) -> None:
    """How far a plan lies beyond them."""
    runs = make_groups(0.004)
    runs = runs[(runs["data"] != "web") | (runs["D"] < 1e11)]
    short = sl.fit(runs, LINE)
    beyond = [sl.optimal(f, C=1e22, data="web")["times_beyond"].iloc[0] for f in (fit, short)]

    assert beyond[1] > 3 * beyond[0]


def test_what_is_no_group(fit: sl.Fit) -> None:
    """The message says what may stand there."""
    plain = sl.fit(make_runs(0.004), "chinchilla")
    with pytest.raises(sl.DataError, match="Say which group is meant: data='c4'"):
        sl.optimal(fit, C=1e22)
    with pytest.raises(sl.DataError, match="data = 'x' is no group of this law; the groups are c4"):
        sl.optimal(fit, C=1e22, data="x")
    with pytest.raises(sl.DataError, match="'seed' is no column that tells groups apart"):
        one_group(fit, seed=1)
    with pytest.raises(sl.DataError, match="has no parameters for single groups"):
        one_group(plain, data="web")
    with pytest.raises(sl.DataError, match="Say which group is meant"):
        sl.next_runs(fit, budget=1e21, C=1e22)
    with pytest.raises(ValueError, match=r"give sl.planning.one_group\(fit, data=...\)"):
        sl.gain(fit, fit, C=1e22)
