"""Simulated campaigns and the choice of the next runs."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest

import scalinglaws as sl
from scalinglaws.planning.cost import cost_of
from scalinglaws.planning.optimal_design import coefficients_of, log_gradient, question_of
from scalinglaws.planning.plan import Plan
from scalinglaws.planning.sampled_law import sample_of
from tests.planning_cases import CHINCHILLA_LAW, EPOCH, Known, Published


def _ladder() -> pd.DataFrame:
    N, D = (g.ravel() for g in np.meshgrid(np.geomspace(2e7, 2e8, 4), np.geomspace(1e9, 1e10, 4)))
    return pd.DataFrame({"N": N, "D": D})


@pytest.fixture(scope="module")
def fit() -> sl.Fit:
    """A law fitted to a first ladder."""
    return sl.fit(sl.simulate(EPOCH, _ladder(), 0.004, rng=1), "chinchilla")


# --- simulate -------------------------------------------------------------------------------------


def test_simulated_runs_are_the_law_with_noise() -> None:
    """Exact without noise; the noise is of the logarithm; the same seed, the same runs."""
    exact = sl.simulate(EPOCH, _ladder(), 0.0)
    many = pd.concat([_ladder()] * 400, ignore_index=True)
    noisy = sl.simulate(EPOCH, many, 0.01, rng=2)
    residual = np.log(noisy["loss"] / CHINCHILLA_LAW.value(EPOCH.values, many))

    np.testing.assert_allclose(exact["loss"], CHINCHILLA_LAW.value(EPOCH.values, exact), rtol=1e-15)
    np.testing.assert_allclose(exact["C"], 6 * exact["N"] * exact["D"], rtol=1e-15)
    assert residual.std() == pytest.approx(0.01, rel=0.05)
    pd.testing.assert_frame_equal(noisy, sl.simulate(EPOCH, many, 0.01, rng=2))
    assert not noisy.equals(sl.simulate(EPOCH, many, 0.01, rng=3))


def test_noise_may_depend_on_the_run() -> None:
    """A callable of the design."""
    many = pd.concat([_ladder()] * 200, ignore_index=True)
    runs = sl.simulate(EPOCH, many, lambda t: 0.02 * (t["N"] > 1e8))
    residual = np.log(runs["loss"] / CHINCHILLA_LAW.value(EPOCH.values, runs))

    assert residual[runs["N"] < 1e8].abs().max() < 1e-14
    assert residual[runs["N"] > 1e8].std() == pytest.approx(0.02, rel=0.1)


@pytest.mark.parametrize(
    ("law", "options", "message"),
    [
        ("chinchilla", {}, "`values` must give E, A, alpha, B, beta"),
        (EPOCH, {"noise": -1}, "`noise` must be finite and not negative; got -1"),
        (Published(sl.Law("E - A*N"), {"E": 1.0, "A": 1.0}), {}, "no positive value at some"),
    ],
)
def test_campaigns_that_cannot_be(law: Any, options: dict[str, Any], message: str) -> None:
    """What is missing."""
    with pytest.raises((ValueError, sl.FitError), match=message):
        sl.simulate(law, _ladder(), **options)


# --- the linearised question ----------------------------------------------------------------------


def _frontier(fit: Any) -> Plan:
    sample = sample_of(fit, confidence_level=None, n_resamples=500, rng=0)
    return Plan(sample, cost_of(6), {})


def test_gradients_are_those_of_the_law(fit: sl.Fit) -> None:
    """By the exact derivatives of the law; of N by the closed form."""
    frontier = _frontier(fit)
    known = coefficients_of(frontier.sample)
    runs = _ladder()
    found = log_gradient(frontier, known, runs["N"].to_numpy(), runs["D"].to_numpy())
    exact = fit.law.gradient(fit.values, runs) / fit.law.value(fit.values, runs)[:, None]
    scale = [
        fit.values[n] if log else 1.0 for n, log in zip(known.names, known.logarithms, strict=True)
    ]

    np.testing.assert_allclose(found, exact * scale, rtol=1e-5, atol=1e-9)
    asked = question_of(frontier, known, 1e22, "N")
    by_name = dict(zip(known.names, asked.gradient, strict=True))
    v = fit.values
    total = v["alpha"] + v["beta"]
    assert by_name["A"] == pytest.approx(1 / total, rel=1e-6)
    assert by_name["B"] == pytest.approx(-1 / total, rel=1e-6)
    assert by_name["E"] == pytest.approx(0, abs=1e-8)


def test_an_error_of_the_law_moves_its_optimum(fit: sl.Fit) -> None:
    """The weights of the slope, against the optimum of a law with a little more slope in N."""
    frontier = _frontier(fit)
    known = coefficients_of(frontier.sample)
    asked = question_of(frontier, known, 1e22, "N")
    tilt = 1e-5
    tilted = Published(sl.Law("(E + A/N**alpha + B/D**beta) * N**0.00001"), fit.values)
    moved = np.log(sl.optimal(tilted, C=1e22)["N"].iloc[0] / asked.estimate)

    # log f gains tilt * ln N
    assert asked.weights @ (tilt * asked.points[:, 0]) == pytest.approx(moved, rel=0.01)


# --- the choice -----------------------------------------------------------------------------------


def test_the_interval_before_is_that_of_the_plan(fit: sl.Fit) -> None:
    """Without an error of the law, up to what linearising costs."""
    for question in ("loss", "N"):
        plan = sl.next_runs(fit, budget=2e20, C=1e22, question=question, model_error=0.0)
        with warnings.catch_warnings(action="ignore", category=sl.ExtrapolationWarning):
            direct = sl.optimal(fit, C=1e22).iloc[0]
        width = np.log(direct[f"{question}_high"] / direct[f"{question}_low"])
        before = plan.answer.loc["before"]

        assert before["estimate"] == pytest.approx(direct[question], rel=1e-9)
        assert np.log(before["high"] / before["low"]) == pytest.approx(width, rel=0.35)
        assert plan.answer.loc["after", "sd"] < before["sd"] / 2
        # where the interval will lie is not known
        assert plan.answer.loc["after", ["estimate", "low", "high"]].isna().all()
        assert plan.floor == 0.0


def test_the_variance_after_is_that_of_least_squares() -> None:
    """With draws whose covariance is known, the promised spread is that of a joint refit."""
    spread = np.array([0.05, 0.2, 0.3, 0.02, 0.02])
    names = list(CHINCHILLA_LAW.parameter_names)
    centre = np.array([EPOCH.values[n] for n in names])
    logs = np.array([n in ("A", "B") for n in names])
    steps = np.random.default_rng(0).standard_normal((4000, 5))
    steps = (steps - steps.mean(axis=0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(steps.T))).T
    steps = steps * spread
    table = pd.DataFrame(np.where(logs, centre * np.exp(steps), centre + steps), columns=names)
    known = Known(CHINCHILLA_LAW, EPOCH.values, table)
    plan = sl.next_runs(known, budget=2e20, C=1e22, noise=0.004, model_error=0.0, n_resamples=4000)

    def gradient(where: pd.DataFrame) -> Any:
        relative = CHINCHILLA_LAW.gradient(EPOCH.values, where)
        relative /= CHINCHILLA_LAW.value(EPOCH.values, where)[:, None]
        return relative * np.where(logs, centre, 1.0)

    rows = gradient(plan.runs)
    target = gradient(sl.optimal(EPOCH, C=1e22))[0]
    information = np.diag(1 / spread**2) + rows.T @ rows / 0.004**2
    assert plan.answer.loc["after", "sd"] ** 2 == pytest.approx(
        target @ np.linalg.solve(information, target), rel=1e-3
    )
    assert plan.answer.loc["before", "sd"] == pytest.approx(
        np.sqrt(target @ np.diag(spread**2) @ target), rel=1e-3
    )


def test_allowance_and_ceilings_are_kept(fit: sl.Fit) -> None:
    """Nothing costs more than it may."""
    plan = sl.next_runs(fit, budget=2e20, C=1e22, largest=5e19, most_runs=7)

    assert plan.runs["C"].sum() <= 2e20 * (1 + 1e-9)
    assert plan.runs["C"].max() <= 5e19 * (1 + 1e-9)
    assert len(plan.runs) == 7
    assert plan.runs["sd_after"].is_monotonic_decreasing
    assert plan.runs["sd_after"].iloc[-1] == plan.answer.loc["after", "sd"]


def test_better_than_a_plain_grid(fit: sl.Fit) -> None:
    """By the true law the chosen runs leave less variance than a grid of the same compute.

    In the middle one of five ladders: the choice goes by each fit's own idea of the law.
    """
    n = np.geomspace(1, 16, 4)
    N, ratio = (g.ravel() for g in np.meshgrid(n, [10.0, 20.0, 40.0]))
    N = N * np.sqrt(2e20 / (6 * (N * N * ratio).sum()))
    grid = pd.DataFrame({"N": N, "D": N * ratio})
    alone = sl.next_runs(fit, budget=2e20, C=1e22, most_runs=12, candidates=grid, shortest=1e8)
    scale = [EPOCH.values[n] if n in "AB" else 1.0 for n in CHINCHILLA_LAW.parameter_names]

    def gradient(runs: pd.DataFrame) -> Any:
        value = CHINCHILLA_LAW.value(EPOCH.values, runs)
        return CHINCHILLA_LAW.gradient(EPOCH.values, runs) * scale / np.asarray(value)[:, None]

    def left(runs: pd.DataFrame) -> float:
        rows = gradient(pd.concat([_ladder(), runs[["N", "D"]]]))
        target = gradient(sl.optimal(EPOCH, C=1e22))[0]
        return float(target @ np.linalg.solve(rows.T @ rows, target))

    ratios = []
    for seed in range(5):
        ladder = sl.fit(sl.simulate(EPOCH, _ladder(), 0.004, rng=seed), "chinchilla")
        chosen = sl.next_runs(ladder, budget=2e20, C=1e22, most_runs=12, shortest=N.min() * 10)
        ratios.append(left(chosen.runs) / left(grid))
    assert np.median(ratios) < 0.75
    assert max(ratios) < 1.0
    assert set(alone.runs["N"]) <= set(N)


def test_trust_in_the_law_changes_the_choice(fit: sl.Fit) -> None:
    """An error of the law leaves a floor, and makes repeats worth less."""
    trusting = sl.next_runs(fit, budget=2e20, C=1e22, model_error=0.0)
    wary = sl.next_runs(fit, budget=2e20, C=1e22, model_error=0.02)

    assert wary.floor == pytest.approx(0.02)
    assert wary.answer.loc["after", "sd"] > trusting.answer.loc["after", "sd"]
    assert sl.next_runs(fit, budget=2e20, C=1e22, shortest="3B").runs["D"].min() >= 3e9
    assert trusting.runs["D"].min() >= _ladder()["D"].min() * (1 - 1e-9)
    one = pd.DataFrame({"N": [5e8], "D": [1e10]})
    worth = []
    for error in (0.0, 0.02):
        twice = sl.next_runs(
            fit, budget=2e20, C=1e22, model_error=error, candidates=one, most_runs=2
        )
        variance = [twice.answer.loc["before", "sd"] ** 2, *twice.runs["sd_after"] ** 2]
        worth.append((variance[1] - variance[2]) / (variance[0] - variance[1]))
    assert worth[1] < worth[0] / 2


def test_a_first_ladder_from_a_guess() -> None:
    """A law without runs; the note says that it is a guess."""
    plan = sl.next_runs(EPOCH, budget=1e20, C=1e22)

    assert (
        plan.note
        == "coefficients are assumed, not fitted (no interval: this law comes without runs)"
    )
    assert len(plan.runs) == 10
    assert plan.answer.loc["before", "sd"] > 0.1
    assert plan.answer.loc["after", "sd"] < 0.05


def test_a_law_with_further_variables() -> None:
    """They are held where the user says, also for the rival."""
    law = sl.Law("E + A/N**alpha + B/(D*q)**beta", variables=["N", "D", "q"])
    options = {"budget": 1e20, "C": 1e22, "most_runs": 3}
    plan = sl.next_runs(Published(law, EPOCH.values), q=1.0, **options)

    pd.testing.assert_frame_equal(plan.runs, sl.next_runs(EPOCH, **options).runs, rtol=1e-6)
    with pytest.raises(ValueError, match="also has the variable q: say at which value to plan"):
        sl.next_runs(Published(law, EPOCH.values), **options)
    rival = Published(law, {**EPOCH.values, "E": 1.5})
    apart = sl.next_runs(
        Published(law, EPOCH.values), budget=1e20, question="law", rival=rival, q=2.0
    )
    assert apart.answer.loc["after", "sigma"] > 0


def test_telling_two_laws_apart(fit: sl.Fit) -> None:
    """The promised distance is that of the residuals which a refit cannot make up for."""
    with warnings.catch_warnings(action="ignore", category=sl.ScalingLawWarning):
        rival = sl.fit(fit.runs.frame(), "kaplan")
    plan = sl.next_runs(fit, budget=2e20, question="law", rival=rival, model_error=0.0)
    few = sl.next_runs(fit, budget=2e20, question="law", rival=rival, model_error=0.0, most_runs=2)

    assert plan.runs["sigma_after"].is_monotonic_increasing
    assert plan.answer["sigma"].tolist() == [0.0, plan.runs["sigma_after"].iloc[-1]]
    assert few.answer.loc["after", "sigma"] < plan.answer.loc["after", "sigma"]
    sample = sample_of(fit, confidence_level=None, n_resamples=1000, rng=0)
    known = coefficients_of(sample)
    N, D = plan.runs["N"].to_numpy(), plan.runs["D"].to_numpy()
    rows = log_gradient(Plan(sample, cost_of(6), {}), known, N, D)
    covariance = rows @ known.covariance @ rows.T + fit.noise**2 * np.eye(len(rows))
    apart = np.log(rival.law.value(rival.values, plan.runs) / fit.law.value(fit.values, plan.runs))
    assert plan.answer.loc["after", "sigma"] ** 2 == pytest.approx(
        apart @ np.linalg.solve(covariance, apart), rel=1e-6
    )
    assert repr(plan).startswith("chinchilla or kaplan: ")
    assert "standard deviations apart after " in " ".join(repr(plan).split())


def test_in_words(fit: sl.Fit) -> None:
    """What is known now, what will be, and the runs."""
    lines = repr(sl.next_runs(fit, budget=2e20, C=1e22, question="N", most_runs=3)).splitlines()

    answer = " ".join(lines[:2])
    assert answer.startswith("N at 1e22: 95 % interval ")
    assert " now (within " in answer
    assert " of the new estimate after 3 runs of " in answer
    assert [line.split()[0] for line in lines[4:6]] == ["now", "after"]
    assert lines[7].split() == ["N", "D", "C", "sd", "after"]
    assert len(lines) == 13


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"question": "alpha"}, "`question` must be 'loss', 'N' or 'law'; got 'alpha'"),
        ({"question": "law"}, '"law" needs `rival` and no `C`'),
        ({"rival": EPOCH}, "need the target `C` and no `rival`"),
        ({"most_runs": 0}, "`most_runs` must be a positive whole number; got 0"),
        ({"noise": 0}, "`noise` is a share such as 0.005; got 0"),
        ({"model_error": 5}, "`model_error` is a share such as 0.005; got 5"),
        ({"budget": -1}, "`budget` must be positive"),
    ],
)
def test_wrong_questions(fit: sl.Fit, options: dict[str, Any], message: str) -> None:
    """Each says what may stand there."""
    with pytest.raises(ValueError, match=message):
        sl.next_runs(fit, **{"budget": 2e20, "C": 1e22, **options})


def test_runs_that_cannot_be_afforded(fit: sl.Fit) -> None:
    """The message names the cheapest."""
    with pytest.raises(
        sl.FitError,
        match="at most 1e15 and sees at least 1B tokens; the cheapest costs 6e20",
    ):
        sl.next_runs(fit, budget=1e15, C=1e22, candidates={"N": [1e10], "D": [1e10]})


def test_the_interval_that_will_be() -> None:
    """Rehearsed eight times: the promised half-width is about that of the plan after the runs.

    It allows for a law that errs by as much as the noise, which no later fit does.
    """
    design = pd.DataFrame({"N": np.geomspace(1e7, 1e9, 20)})
    ratios = np.exp(np.random.default_rng(0).uniform(np.log(5), np.log(200), 20))
    design["D"] = ratios * design["N"]
    promised, found = [], []
    for seed in range(8):
        first = sl.simulate(EPOCH, design, 0.005, rng=seed)
        with warnings.catch_warnings(action="ignore", category=sl.ScalingLawWarning):
            plan = sl.next_runs(sl.fit(first, "chinchilla"), budget=3e21, C=1e23)
            more = sl.simulate(EPOCH, plan.runs[["N", "D"]], 0.005, rng=100 + seed)
            fit = sl.fit(pd.concat([first, more], ignore_index=True), "chinchilla")
            best = sl.optimal(fit, C=1e23).iloc[0]
        promised.append(plan.answer.loc["after", "half_width"])
        found.append(np.sqrt(best["loss_high"] / best["loss_low"]) - 1)

    assert np.median(np.divide(promised, found)) == pytest.approx(1.2, abs=0.3)
