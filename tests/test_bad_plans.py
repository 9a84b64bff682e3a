"""Every wrong argument of a plan, a seed or a picture is named, with what may stand there."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import scalinglaws as sl
from scalinglaws import plotting
from scalinglaws.planning import approaches, regret
from tests.conftest import make_runs


@pytest.fixture(scope="module")
def runs() -> pd.DataFrame:
    return make_runs(noise=0.005)


@pytest.fixture(scope="module")
def fit(runs: pd.DataFrame) -> sl.Fit:
    return sl.fit(runs, "chinchilla")


Call = Callable[[sl.Fit, pd.DataFrame, Any], Any]
SEEDED: dict[str, Call] = {
    "optimal": lambda fit, runs, rng: sl.optimal(fit, C=1e22, rng=rng),
    "draws": lambda fit, runs, rng: fit.draws(20, rng=rng),
    "bootstrap": lambda fit, runs, rng: fit.bootstrap(20, rng=rng),
    "simulate": lambda fit, runs, rng: sl.simulate(fit, runs[["N", "D"]], rng=rng),
    "isoflop": lambda fit, runs, rng: sl.isoflop(runs, rng=rng),
    "envelope": lambda fit, runs, rng: sl.envelope(runs, rng=rng),
    "next_runs": lambda fit, runs, rng: sl.next_runs(fit, budget=1e20, C=1e22, rng=rng),
}


@pytest.mark.parametrize("rng", ["x", -1, 1.5])
@pytest.mark.parametrize("name", SEEDED)
def test_seeds_that_are_none(fit: sl.Fit, runs: pd.DataFrame, name: str, rng: Any) -> None:
    """Everywhere in the same words."""
    with pytest.raises(ValueError, match=r"`rng` must be a seed .* or None; got"):
        SEEDED[name](fit, runs, rng)


LAWS: dict[str, Call] = {
    "optimal": lambda fit, runs, it: sl.optimal(it, C=1e22),
    "near_optimal": lambda fit, runs, it: sl.near_optimal(it, C=1e22),
    "overtraining": lambda fit, runs, it: sl.overtraining(it, C=1e22),
    "serving": lambda fit, runs, it: sl.serving(it, served=1e12, loss=2.5),
    "limited_data": lambda fit, runs, it: sl.limited_data(it, C=1e22, unique=1e10),
    "regret": lambda fit, runs, it: regret(it, N=1e9, D=1e10),
    "gain": lambda fit, runs, it: sl.gain(fit, it, C=1e22),
    "baseline": lambda fit, runs, it: sl.gain(it, fit, C=1e22),
    "next_runs": lambda fit, runs, it: sl.next_runs(it, budget=1e20, C=1e22),
    "rival": lambda fit, runs, it: sl.next_runs(fit, budget=1e20, question="law", rival=it),
    "isoflop": lambda fit, runs, it: sl.isoflop(runs, truth=it),
    "approaches": lambda fit, runs, it: approaches(runs, it, C=1e22),
    "plot_frontier": lambda fit, runs, it: plotting.plot_frontier(it),
    "plot_contours": lambda fit, runs, it: plotting.plot_contours(it),
    "plot_overtraining": lambda fit, runs, it: plotting.plot_overtraining(it, 1e22),
}


@pytest.mark.parametrize("name", LAWS)
def test_plans_of_what_is_no_law(fit: sl.Fit, runs: pd.DataFrame, name: str) -> None:
    """What a plan is made from is said, and where to get it."""
    with pytest.raises(TypeError, match=r"A plan needs a fit, .* or a published law .*; got 5\."):
        LAWS[name](fit, runs, 5)


def test_a_published_law_by_its_name(fit: sl.Fit) -> None:
    """The catalogue is named."""
    with pytest.raises(TypeError, match=r"sl\.published\['chinchilla/epoch2024'\] is one"):
        sl.optimal("chinchilla/epoch2024", C=1e22)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (plotting.plot_corner, "`draws` must be what fit.draws or fit.bootstrap returns; got 5"),
        (plotting.plot_profile, "`profile` must be what fit.profile returns; got 5"),
        (plotting.plot_isoflop, "`found` must be what sl.isoflop returns; got 5"),
        (plotting.plot_gain, "`found` must be what sl.gain or sl.compare_recipes returns; got 5"),
        (plotting.plot_next_runs, "`plan` must be what sl.next_runs returns; got 5"),
    ],
)
def test_pictures_of_something_else(draw: Callable[[Any], Any], message: str) -> None:
    """Each says where its subject comes from."""
    with pytest.raises(TypeError, match=message):
        draw(5)


def test_chains_of_something_else(fit: sl.Fit) -> None:
    """Which of the two."""
    with pytest.raises(TypeError, match=r"`first` must be a fit, as sl\.fit returns it; got 5"):
        sl.chain(5, fit)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"`second` must be a fit, as sl\.fit returns it; got 5"):
        sl.chain(fit, 5)  # type: ignore[arg-type]


WRONG: list[tuple[Call, str]] = [
    (lambda fit, runs, _: sl.optimal(fit, C=np.nan), "`C` must be positive and finite; got nan"),
    (lambda fit, runs, _: sl.optimal(fit, C=-1e20), "`C` must be positive and finite; got -1e20"),
    (lambda fit, runs, _: sl.optimal(fit, C=True), "`C` must be a number or numbers; got True"),
    (lambda fit, runs, _: sl.optimal(fit, C=1e20, limits=5), "`limits` are such as .*; got 5"),
    (lambda fit, runs, _: sl.optimal(fit, D=1e11, limits=np.ones(2)), "`limits` are such as"),
    (
        lambda fit, runs, _: sl.optimal(fit, C=1e20, cost=lambda N: N),
        "`cost` must be a function of N and D, as arrays: .* 1 positional argument",
    ),
    (lambda fit, runs, _: sl.optimal(fit, C=1e20, n_resamples=True), "`n_resamples` must be"),
    (
        lambda fit, runs, _: sl.serving(fit, served=1e9, loss=2.5, serving_cost="a"),
        "`serving_cost` must be a number k",
    ),
    (lambda fit, runs, _: regret(fit, N=[1, 2], D=[1, 2, 3]), "paired, .*; got 2 and 3 of them"),
    (lambda fit, runs, _: sl.isoflop(runs, noise=-1), "`noise` is a share such as 0.005; got -1"),
    (lambda fit, runs, _: sl.isoflop(runs, tolerance="a"), "`tolerance` is a share .* got 'a'"),
    (lambda fit, runs, _: sl.isoflop(runs, n_resamples=-1), "`n_resamples` must be a whole"),
    (lambda fit, runs, _: sl.envelope(runs, noise="a"), "`noise` is a share such as 0.005; got"),
    (lambda fit, runs, _: sl.envelope(runs, n_resamples="a"), "`n_resamples` must be a whole"),
    (lambda fit, runs, _: sl.simulate(fit, runs, "a"), "`noise` must be one number, .* got 'a'"),
    (
        lambda fit, runs, _: sl.simulate(fit, runs, [0.1, 0.2]),
        r"one for each of the 36 runs; got \[0.1, 0.2\]",
    ),
    (
        lambda fit, runs, _: sl.next_runs(
            fit, budget=1e20, C=1e22, candidates={"N": [-1.0], "D": [1e9]}
        ),
        r"`candidates\['N'\]` must be positive and finite; got -1",
    ),
    (
        lambda fit, runs, _: sl.next_runs(fit, budget=1e20, C=1e22, most_runs=True),
        "`most_runs` must be a positive whole number; got True",
    ),
]


@pytest.mark.parametrize(("call", "message"), WRONG)
def test_arguments(fit: sl.Fit, runs: pd.DataFrame, call: Call, message: str) -> None:
    """Each names the argument and what it got."""
    with pytest.raises(ValueError, match=message):
        call(fit, runs, None)


def test_tables_and_configurations_of_another_kind(fit: sl.Fit) -> None:
    """The argument by its name, not always as runs."""
    with pytest.raises(TypeError, match="`design` must be a DataFrame"):
        sl.simulate(fit, 5)
    with pytest.raises(TypeError, match="`candidates` must be a DataFrame"):
        sl.next_runs(fit, budget=1e20, C=1e22, candidates=5)
    with pytest.raises(sl.DataError, match=r"mapping, as json.load reads it .*; got int"):
        sl.Transformer.from_config(5)  # type: ignore[arg-type]


def test_a_group_that_is_none(runs: pd.DataFrame) -> None:
    """The parameter's own values are listed."""
    both = pd.concat([runs.assign(data="a"), runs.assign(data="b")])
    with warnings.catch_warnings(action="ignore", category=sl.ScalingLawWarning):
        fit = sl.fit(both, "loss ~ E[data] + A/N**alpha + B/D**beta")
    for ask in (fit.intervals, fit.profile):
        with pytest.raises(sl.FormulaError, match=r"E in 'E\[x\]' has .*: E\[a\] and E\[b\]"):
            ask("E[x]")
