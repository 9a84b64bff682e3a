"""Models to be served, and models short of data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import optimize

import scalinglaws as sl
from scalinglaws.planning.data_constrained import effective, limited_data
from scalinglaws.planning.serving import served_for, serving
from tests.conftest import make_runs
from tests.planning_cases import (
    CHINCHILLA_LAW,
    EPOCH,
    FOUR_DIGITS,
    HOFFMANN,
    PRINTED,
    SARDANA,
    Known,
    Published,
    chinchilla,
)
from tests.test_optimal import six_n_d

# Muennighoff et al. 2023, arXiv:2305.16264, from its released analysis.
MUENNIGHOFF = chinchilla(
    float(np.exp(0.6254804)), float(np.exp(6.255414)), float(np.exp(7.3049974)), 0.3526596,
    0.3526596,
)  # fmt: skip
COSTS = pytest.mark.parametrize("cost", [6, six_n_d], ids=["closed", "searched"])


@pytest.mark.parametrize(
    ("law", "times"), [(EPOCH, 12.65), (HOFFMANN, 5.778), (FOUR_DIGITS, 5.771), (PRINTED, 4.571)]
)
def test_serving_that_llama_3_implies(law: Published, times: float) -> None:
    """8B parameters on 15T tokens: served tokens over training tokens, by each law.

    It takes four digits of Hoffmann et al.'s exponents to say 5.77, and two say 4.57.
    """
    found = served_for(law, N="8B", D="15T").iloc[0]

    assert found["served"] / 15e12 == pytest.approx(times, abs=0.0006 if times < 10 else 0.005)
    assert served_for(law, N="8T", D="15B")["served"].iloc[0] == 0.0


@COSTS
def test_first_order_condition(cost: Any) -> None:
    """Sardana et al. 2024: alpha A N^-alpha / (beta B D^-beta) = 1 + served/(3 D)."""
    plan = serving(EPOCH, served=[1e10, 1e12, 1e14], loss=2.1, cost=cost)
    v = EPOCH.values
    left = (v["alpha"] * v["A"] * plan["N"] ** -v["alpha"]) / (
        v["beta"] * v["B"] * plan["D"] ** -v["beta"]
    )

    np.testing.assert_allclose(left, 1 + plan["served"] / (3 * plan["D"]), rtol=1e-8)
    np.testing.assert_allclose(CHINCHILLA_LAW.value(v, plan), 2.1, rtol=1e-12)
    np.testing.assert_allclose(plan["total"], plan["training"] + plan["serving"], rtol=1e-14)
    back = [served_for(EPOCH, N=n, D=d)["served"].iloc[0] for n, d in plan[["N", "D"]].to_numpy()]
    np.testing.assert_allclose(back, plan["served"], rtol=1e-7)


@pytest.mark.parametrize(
    ("quality", "served", "size", "times_data", "saving"),
    [
        (7e9, 1e11, 6.0e9, 1.18, 0.01),
        (13e9, 2e12, 7.0e9, None, 0.17),
        (30e9, 1e13, 13.6e9, 2.84, 0.28),
        (70e9, 1e13, 41.6e9, 7.92 / 4.26, 0.12),
    ],
)
def test_sardana_flops(
    quality: float, served: float, size: float, times_data: float | None, saving: float
) -> None:
    """Sardana et al. 2024, section 2 and table 2: least FLOPs for the quality of a larger model."""
    best = sl.optimal(SARDANA, N=quality).iloc[0]
    plan = serving(SARDANA, served=served, loss=best["loss"]).iloc[0]

    assert plan["N"] == pytest.approx(size, abs=0.05e9)
    if times_data is not None:
        assert plan["D"] / best["D"] == pytest.approx(times_data, abs=0.0055)
    assert plan["saving"] == pytest.approx(saving, abs=0.005)


def test_sardana_dollars() -> None:
    """Sardana et al. 2024, section 6 and table 3: three costs in dollars, by a single price.

    70 tokens are read and 215 written for a request; prices and utilisations enter by the ratio of
    a served FLOP's cost to a trained one's alone. One ratio gives all of their digits.
    """
    price, tokens = 12.46, 70 + 215

    def plan(quality: float, requests: float) -> tuple[Any, float]:
        best = sl.optimal(SARDANA, N=quality).iloc[0]
        served = tokens * requests
        found = serving(SARDANA, served=served, loss=best["loss"], price=price).iloc[0]
        return found, best["C"] + price * 2 * quality * served

    found, larger = plan(30e9, 1.5e9)
    assert found["N"] == pytest.approx(16e9, abs=0.5e9)
    assert found["D"] == pytest.approx(3.35e12, abs=0.005e12)
    assert 1 - found["total"] / larger == pytest.approx(0.17, abs=0.005)
    found, larger = plan(70e9, 35.1e9)
    assert found["N"] == pytest.approx(21.5e9, abs=0.05e9)
    assert found["D"] == pytest.approx(27e12, abs=0.5e12)
    assert 1 - found["total"] / larger == pytest.approx(0.54, abs=0.005)
    found, larger = plan(70e9, 7.02e9)
    assert larger / found["total"] - 1 == pytest.approx(0.36, abs=0.005)


@COSTS
def test_budget_and_loss_are_two_sides_of_one_question(cost: Any) -> None:
    """The best loss for the least cost of a loss is that loss."""
    least = serving(EPOCH, served=[1e12], loss=2.1, price=4.0, cost=cost).iloc[0]
    back = serving(EPOCH, served=[1e12], budget=least["total"], price=4.0, cost=cost).iloc[0]

    for name in ("N", "D", "loss", "total"):
        assert back[name] == pytest.approx(least[name], rel=1e-6)


def test_dear_serving_makes_models_smaller() -> None:
    """As do more tokens; without any, the plan is the compute-optimal one."""
    best = sl.optimal(EPOCH, loss=2.1).iloc[0]
    cheap, dear = (serving(EPOCH, served=1e12, loss=2.1, price=p)["N"].iloc[0] for p in (1, 8))
    none = serving(EPOCH, served=1.0, loss=2.1).iloc[0]

    assert dear < cheap < best["N"]
    assert none["N"] == pytest.approx(best["N"], rel=1e-6)
    assert none["saving"] == 0


def test_memory_and_data_limits() -> None:
    """The note says which one decides."""
    free = serving(EPOCH, served=1e13, loss=2.1).iloc[0]
    small = serving(EPOCH, served=1e13, loss=2.1, limits={"N": (0, 0.8 * free["N"])}).iloc[0]
    short = serving(EPOCH, served=1e13, loss=2.1, limits={"D": (1, 0.5 * free["D"])}).iloc[0]

    assert small["N"] == pytest.approx(0.8 * free["N"], rel=1e-9)
    assert small["note"].startswith("at the limit of N")
    assert short["D"] <= 0.5 * free["D"]
    assert short["total"] > free["total"]
    with pytest.raises(sl.FitError, match=r"No model is possible: .* within `limits`"):
        serving(EPOCH, served=1e13, loss=2.1, limits={"N": (0, 1e8)})
    with pytest.raises(sl.FitError, match="the law does not reach this performance"):
        serving(EPOCH, served=1e13, loss=1.8)


def test_intervals() -> None:
    """From joint draws, on every number."""
    fit = sl.fit(make_runs(noise=0.005), "chinchilla")
    plan = sl.serving(fit, served=1e12, loss=2.2).iloc[0]

    for name in ("N", "D", "training", "serving", "total", "saving"):
        assert plan[f"{name}_low"] < plan[name] < plan[f"{name}_high"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "exactly one of `loss` and `budget`"),
        ({"loss": 2.0, "budget": 1e24}, "exactly one of `loss` and `budget`"),
        ({"loss": 2.0, "price": 0}, "`price` is a positive ratio; got 0"),
        ({"loss": 2.0, "served": -1}, "`served` must be positive"),
    ],
)
def test_wrong_questions(options: dict[str, Any], message: str) -> None:
    """Each says what may stand there."""
    with pytest.raises(ValueError, match=message):
        serving(EPOCH, **{"served": 1e12, **options})


# --- little data ---------------------------------------------------------------------------------


def test_worth_of_epochs() -> None:
    """Effective tokens over unique ones at 2, 4, 8, 16, 40 and endless epochs."""
    found = effective([2, 4, 8, 16, 40, 1e9], 1.0)

    np.testing.assert_allclose(found, [1.968, 3.726, 6.624, 10.582, 15.167, 16.388], atol=5e-4)
    np.testing.assert_array_equal(effective([0.5, 1.0], 1.0), [0.5, 1.0])


@pytest.mark.parametrize(
    ("unique", "loss"), [(55e9, 2.354404), (13.75e9, 2.377776), (1.25e9, 2.701207)]
)
def test_published_losses_with_repeats(unique: float, loss: float) -> None:
    """2.8B parameters on 55B tokens, by the law and its released coefficients."""
    enough = sl.optimal(MUENNIGHOFF, D=unique)["N"].iloc[0]
    assert enough / unique == pytest.approx(0.0509865, abs=1e-7)
    found = CHINCHILLA_LAW.value(
        MUENNIGHOFF.values, N=effective(2.8e9, enough, 5.309743), D=effective(55e9, unique)
    )

    assert float(found) == pytest.approx(loss, abs=1e-6)


def test_plans_with_little_data() -> None:
    """The best of a fine grid; enough data changes nothing; scale does not matter either."""
    budget, unique = 1e22, 1e10
    plan = limited_data(MUENNIGHOFF, C=[budget, budget, 1e24], unique=[unique, 1e15, 1e11])
    N = np.geomspace(1e8, 1e12, 20_001)
    D = budget / (6 * N)
    enough = sl.optimal(MUENNIGHOFF, D=np.minimum(D, unique))["N"].to_numpy()
    grid = CHINCHILLA_LAW.value(
        MUENNIGHOFF.values, N=effective(N, enough, 5.309743), D=effective(D, unique)
    )

    assert plan["N"].iloc[0] == pytest.approx(N[grid.argmin()], rel=1e-3)
    assert plan["loss"].iloc[0] <= grid.min()
    best = sl.optimal(MUENNIGHOFF, C=budget).iloc[0]
    assert plan["N"].iloc[1] == best["N"]
    assert plan["epochs"].iloc[1] == 1.0
    assert plan["worth"].iloc[1] == pytest.approx(1.0, abs=1e-12)
    # with equal exponents, a hundred times the compute and ten times the data are the same plan
    assert plan["epochs"].iloc[2] == pytest.approx(plan["epochs"].iloc[0], rel=1e-6)
    # epochs before parameters: N is smaller than with unlimited data
    assert plan["N"].iloc[0] < best["N"]
    assert plan["worth"].iloc[0] < 0.25


def test_worth_is_compute_with_unlimited_data() -> None:
    """At that compute, unlimited data reach the same loss."""
    plan = limited_data(EPOCH, C=1e22, unique=1e10).iloc[0]
    back = sl.optimal(EPOCH, C=plan["worth"] * 1e22).iloc[0]

    assert back["loss"] == pytest.approx(plan["loss"], rel=1e-9)


def test_little_data_with_draws() -> None:
    """Each draw has its own plan."""
    table = pd.DataFrame({name: np.full(50, value) for name, value in EPOCH.values.items()})
    table["beta"] *= np.exp(0.02 * np.random.default_rng(0).standard_normal(50))
    plan = limited_data(Known(CHINCHILLA_LAW, EPOCH.values, table), C=1e22, unique=1e10).iloc[0]

    assert plan["epochs_low"] < plan["epochs"] < plan["epochs_high"]


def test_a_law_with_its_own_worth_of_repeats() -> None:
    """The muennighoff law at the published coefficients; drawn, its intervals include R_D."""
    own = sl.published["muennighoff/muennighoff2023"]
    pairs = {"C": [1e22, 1e22], "unique": [1e10, 1e15]}
    found, plain = limited_data(own, **pairs), limited_data(MUENNIGHOFF, **pairs)
    columns = ["N", "D", "epochs", "loss", "worth"]

    np.testing.assert_allclose(found[columns], plain[columns], rtol=1e-6)
    table = pd.DataFrame({name: np.full(40, value) for name, value in own.values.items()})
    table["R_D"] *= np.exp(0.2 * np.random.default_rng(0).standard_normal(40))
    drawn = limited_data(Known(own.law, own.values, table), C=1e22, unique=1e10).iloc[0]
    assert drawn["epochs_low"] < drawn["epochs"] < drawn["epochs_high"]
    assert drawn["note"] == ""
    with pytest.raises(ValueError, match="leave out `repeats` and `excess`"):
        limited_data(own, C=1e22, unique=1e10, repeats=10.0)


def test_published_worth_of_repeats_is_taken_to_be_exact() -> None:
    """The note says so where data are repeated."""
    fit = sl.fit(make_runs(noise=0.005), "chinchilla")
    plan = limited_data(fit, C=1e22, unique=[1e10, 1e15])

    assert plan["note"].tolist() == [
        "repetition decay: published constants (Muennighoff 2023), uncertainty not included",
        "",
    ]
    assert plan["epochs_low"].iloc[0] < plan["epochs"].iloc[0] < plan["epochs_high"].iloc[0]


def test_a_law_of_unique_tokens_agrees() -> None:
    """The same question asked of a law that has the unique tokens as a variable of its own."""
    fresh, again = "min(D, U)", "(1 + r*(1 - exp(-(D/min(D, U) - 1)/r)))"
    law = sl.Law(f"E + A/N**alpha + B/({fresh} * {again})**beta", variables=["N", "D", "U"])
    fit = Published(law, {**EPOCH.values, "r": 15.387756})
    direct = sl.optimal(fit, C=1e22, U=1e10).iloc[0]
    plan = limited_data(EPOCH, C=1e22, unique=1e10, excess=1e9).iloc[0]

    assert direct["N"] == pytest.approx(plan["N"], rel=1e-6)
    assert direct["loss"] == pytest.approx(plan["loss"], rel=1e-8)


def test_many_served_tokens_press_towards_the_smallest_size_that_can_do() -> None:
    """Near it the wanted loss takes any amount of data; the optimum beside it is still found."""
    p, loss, served = EPOCH.values, 2.0, np.geomspace(1e9, 1e17, 33)
    smallest = (p["A"] / (loss - p["E"])) ** (1 / p["alpha"])

    plan = sl.serving(EPOCH, served=served, loss=loss, n_resamples=0)

    def logarithm_of_total(above: float, tokens: float) -> float:
        """Of the cost at so much above the smallest size, both as logarithms."""
        N = smallest * (1 + np.exp(above))
        data = ((loss - p["E"] - p["A"] / N ** p["alpha"]) / p["B"]) ** (-1 / p["beta"])
        return float(np.log(6 * N * data + 2 * N * tokens))

    for tokens, found in zip(served, plan["total"], strict=True):
        best = optimize.minimize_scalar(
            logarithm_of_total, bounds=(-15.0, 5.0), args=(tokens,), method="bounded",
            options={"xatol": 1e-9},
        )  # fmt: skip
        assert np.log(found) == pytest.approx(best.fun, abs=1e-9)
    assert (np.diff(plan["N"]) < 0).all()
    assert smallest < plan["N"].iloc[-1] < 1.2 * smallest
