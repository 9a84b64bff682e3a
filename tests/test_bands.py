"""Tolerance bands and over-training."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import scalinglaws as sl
from scalinglaws.planning.near_optimal import near_optimal, overtraining, regret
from tests.conftest import make_runs
from tests.planning_cases import CHINCHILLA_LAW, EPOCH, HOFFMANN, Published
from tests.test_optimal import six_n_d

COSTS = pytest.mark.parametrize("cost", [6, six_n_d], ids=["closed", "searched"])


@COSTS
@pytest.mark.parametrize(
    ("law", "k", "tokens", "overhead", "k_min"),
    [
        (EPOCH, 0.5, "2.519", "25.9", "0.146"),
        (EPOCH, 0.3, "8.71", "161", "0.146"),
        (HOFFMANN, 0.5, "2.420", "21.0", "0.099"),
        (HOFFMANN, 0.3, "6.918", "107.5", "0.099"),
    ],
)
def test_prices_of_smaller_models(
    law: Published, k: float, tokens: str, overhead: str, k_min: str, cost: Any
) -> None:
    """The closed form D [1 - (k^-alpha - 1) beta/alpha]^(-1/beta), at any budget, to each digit."""
    for budget in (1e20, 1e24):
        price = overtraining(law, C=budget, smaller=1 / k, cost=cost).iloc[0]

        found = (price["times_tokens"], 100 * price["overhead"], 1 / price["limit"])
        for value, printed in zip(found, (tokens, overhead, k_min), strict=True):
            assert f"{value:.{len(printed.partition('.')[2])}f}" == printed


def test_beyond_the_limit() -> None:
    """No amount of data makes up for it, and the note says so."""
    price = overtraining(EPOCH, C=1e22, smaller=[0.5, 1, 6, 7])

    assert price["overhead"].iloc[1] == pytest.approx(0, abs=1e-12)
    assert price["overhead"].iloc[0] > 0  # larger models cost more as well
    assert np.isfinite(price["D"].iloc[2])
    assert np.isinf(price["D"].iloc[3])
    assert price["note"].iloc[3].startswith("no data is enough: the limit is 6.83 times smaller")


@COSTS
def test_band_around_the_optimum(cost: Any) -> None:
    """At its ends the performance is worse by just that share; the formula's width at first."""
    band = near_optimal(EPOCH, C=[1e21], within=1e-5, cost=cost).iloc[0]
    ends = np.array([band["smallest"], band["largest"]])
    reached = CHINCHILLA_LAW.value(EPOCH.values, N=ends, D=1e21 / (6 * ends))
    curvature = 0.3478 * 0.3658 * (band["loss"] - 1.8172)

    np.testing.assert_allclose(reached, band["loss"] * (1 + 1e-5), rtol=1e-12)
    half = np.log(band["span"]) / 2
    assert half == pytest.approx(np.sqrt(2e-5 * band["loss"] / curvature), rel=1e-3)


def test_intervals_around_the_estimate() -> None:
    """From joint draws, on every number."""
    fit = sl.fit(make_runs(noise=0.005), "chinchilla")
    band = near_optimal(fit, C=1e22).iloc[0]
    price = overtraining(fit, C=1e22, smaller=[2]).iloc[0]

    for frame, names in (
        (band, ("N", "loss", "smallest", "largest", "span")),
        (price, ("N", "D", "times_tokens", "overhead", "limit")),
    ):
        for name in names:
            assert frame[f"{name}_low"] < frame[name] < frame[f"{name}_high"]
    assert price["times_beyond"] == pytest.approx(1e22 * (1 + price["overhead"]) / 6e22)


def test_wrong_questions() -> None:
    """Per cent for a share, and a law without an optimum."""
    with pytest.raises(ValueError, match=r"`within` is a share such as 0.01, .* got 5"):
        near_optimal(EPOCH, C=1e20, within=5)
    power = Published(sl.Law("a * N**b * D**c"), {"a": 5.0, "b": -0.07, "c": -0.1})
    with pytest.raises(sl.FitError, match="no compute-optimal division"):
        overtraining(power, C=1e20)


# Gadre et al. 2024, arXiv:2403.08540: E, a, b, eta and the best tokens for each parameter.
GADRE = {
    "C4": (1.5083, 141.3, 189.5, 0.1212, 3.36),
    "RedPajama": (1.8366, 212.2, 366.7, 0.1364, 7.43),
    "RefinedWeb": (1.7345, 157.1, 246.2, 0.1272, 5.85),
}


@pytest.mark.parametrize("name", GADRE)
def test_gadre(name: str) -> None:
    """The best ratio and the price of any other, from their law in C and D/N as they write it."""
    E, a, b, eta, ratio = GADRE[name]
    law = sl.Law("E + (a*(D/N)**eta + b*(N/D)**eta) * C**(-eta)")
    fit = Published(law, {"E": E, "a": a, "b": b, "eta": eta})
    plan = sl.optimal(fit, C=[1e19, 1e21])

    np.testing.assert_allclose(plan["ratio"], (b / a) ** (1 / (2 * eta)), rtol=1e-8)
    np.testing.assert_allclose(plan["ratio"], ratio, rtol=2e-3)
    price = overtraining(fit, C=1e21, smaller=[2, 5]).assign(M=lambda t: t["D"] / t["N"])
    M = price["M"]
    times = ((a * M**eta + b * M**-eta) / (2 * np.sqrt(a * b))) ** (1 / eta)
    np.testing.assert_allclose(1 + price["overhead"], times, rtol=1e-7)
    judged = regret(fit, N=price["N"], D=price["D"])
    np.testing.assert_allclose(1 - judged["wasted"], 1 / times, rtol=1e-6)


@COSTS
def test_regret(cost: Any) -> None:
    """Nothing at the optimum; otherwise the excess loss, and the compute that was not needed."""
    best = sl.optimal(EPOCH, C=1e22).iloc[0]
    judged = regret(EPOCH, N=[best["N"], best["N"] / 4], D=[best["D"], 4 * best["D"]], cost=cost)

    assert judged["regret"].iloc[0] == pytest.approx(0, abs=1e-12)
    assert judged["wasted"].iloc[0] == pytest.approx(0, abs=1e-6)
    row = judged.iloc[1]
    assert row["loss"] / best["loss"] - 1 == pytest.approx(row["regret"], rel=1e-9)
    back = sl.optimal(EPOCH, loss=row["loss"])["C"].iloc[0]
    assert row["wasted"] == pytest.approx(1 - back / 1e22, rel=1e-6)
