"""What runs cannot determine is said, gets no standard error, and leaves predictions exact."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import scalinglaws as sl
from tests.conftest import make_runs


@pytest.fixture
def exact() -> pd.DataFrame:
    """Runs whose compute column is 6ND."""
    runs = make_runs(noise=0.01)
    return runs.assign(C=6.0 * runs["N"] * runs["D"])


def test_six_n_d_leaves_two_sums(exact: pd.DataFrame) -> None:
    """b, c and d get no standard error; b + d and c + d do."""
    with pytest.warns(
        sl.IdentifiabilityWarning, match=r"only log a \+ 1.792\*d, b \+ d and c \+ d"
    ):
        fit = sl.fit(exact, "power")

    assert fit.status is sl.Status.NOT_IDENTIFIED
    assert fit.params["d"] == 0.0
    assert fit.table.loc["d", "status"] == "aliased: held at 0"
    assert fit.table["std_error"].isna().all()
    assert fit.table[["low", "high"]].isna().all(axis=None)
    assert list(fit.identified.index) == ["log a + 1.792*d", "b + d", "c + d"]
    assert (fit.identified["std_error"] > 0).all()
    assert "C = 6 * N * D, in every run." in fit.verdicts[0].detail


def test_the_sums_are_those_of_the_law_without_c(exact: pd.DataFrame) -> None:
    """Estimates, errors and predictions on the observed surface are exact."""
    with pytest.warns(sl.IdentifiabilityWarning):
        fit = sl.fit(exact, "power")
    smaller = sl.fit(exact, "power", columns={"N": "N", "D": "D"})

    ours = fit.identified.loc[["b + d", "c + d"], ["estimate", "std_error", "low", "high"]]
    theirs = smaller.table.loc[["b", "c"], ["estimate", "std_error", "low", "high"]]
    np.testing.assert_allclose(ours.astype(float), theirs.astype(float), rtol=1e-9)
    a = fit.predict(N=1e11, D=1e13, C=6e24)
    b = smaller.predict(N=1e11, D=1e13)
    assert a.estimate == pytest.approx(b.estimate, rel=1e-10)
    assert a.curve_low == pytest.approx(b.curve_low, rel=1e-8)


def test_off_the_surface_nothing_is_known(exact: pd.DataFrame) -> None:
    """A prediction at C = 12ND has no finite interval, and C is filled in where it is left out."""
    with pytest.warns(sl.IdentifiabilityWarning):
        fit = sl.fit(exact, "power")

    with pytest.warns(
        sl.IdentifiabilityWarning, match="The law is not identified at 1 of 1 points"
    ):
        off = fit.predict(N=1e9, D=1e10, C=1.2e20)

    assert off.curve_high == np.inf
    assert off.run_low == 0.0
    assert np.isfinite(fit.predict(N=1e9, D=1e10).curve_high)


def test_real_runs_with_six_n_d(epoch: pd.DataFrame) -> None:
    """The 240 Chinchilla runs: D was derived from C, so the four exponents have two sums."""
    with pytest.warns(sl.IdentifiabilityWarning, match="C = 6"):
        fit = sl.fit(epoch, "power")

    assert fit.table.loc[["b", "c", "d"], "std_error"].isna().all()
    assert {"b + d", "c + d"} <= set(fit.identified.index)


def test_measured_compute_determines_all_four_and_says_how_weakly(marin: pd.DataFrame) -> None:
    """Marin logs its own FLOPs, 0.74 to 1.07 times 6ND."""
    with pytest.warns(sl.IdentifiabilityWarning, match="trade off against each other"):
        fit = sl.fit(marin, "power")

    assert fit.status is sl.Status.WEAKLY_IDENTIFIED
    assert (fit.table["std_error"] > 0).all()
    assert fit.local.condition > 30


def test_nearly_six_n_d_is_named(exact: pd.DataFrame) -> None:
    """Compute measured within one per cent of 6ND."""
    rng = np.random.default_rng(1)
    runs = exact.assign(C=exact["C"] * np.exp(rng.uniform(-0.01, 0.01, len(exact))))

    with pytest.warns(sl.IdentifiabilityWarning, match=r"C = 6\S* \* N \* D within") as caught:
        fit = sl.fit(runs, "power")

    assert "b" in str(caught[0].message)
    assert fit.status is sl.Status.WEAKLY_IDENTIFIED
    assert fit.local.condition > 300


@pytest.mark.parametrize("law", ["power", "chinchilla"])
def test_one_ratio_of_tokens_to_parameters(law: str) -> None:
    """D = 20N in every run."""
    n = np.geomspace(1e7, 1e10, 12)
    rng = np.random.default_rng(0)
    loss = (1.7 + 400 / n**0.34) * np.exp(0.003 * rng.standard_normal(12))
    runs = pd.DataFrame({"N": n, "D": 20 * n, "loss": loss})

    with pytest.warns(sl.ScalingLawWarning, match=r"D = 20 \* N, one ratio"):
        fit = sl.fit(runs, law)

    assert not fit.status.good
    assert fit.table.loc[[p for p in fit.table.index if p in ("b", "c")], "std_error"].isna().all()


def test_one_budget() -> None:
    """A single IsoFLOP leaves the level and b - c."""
    n = np.geomspace(1e8, 1e10, 10)
    rng = np.random.default_rng(0)
    d = 1e20 / (6 * n)
    runs = pd.DataFrame({"N": n, "D": d})
    runs["loss"] = (30 * n**-0.05 * d**-0.06) * np.exp(0.002 * rng.standard_normal(10))

    with pytest.warns(sl.IdentifiabilityWarning, match=r"a single compute budget"):
        fit = sl.fit(runs, "power")

    assert "b - c" in fit.identified.index
    assert fit.identified.loc["b - c", "estimate"] == pytest.approx(0.01, abs=0.01)


def test_a_constant_column() -> None:
    """N never changes: its exponent is not determined, the rest is."""
    runs = make_runs(noise=0.002).query("N == N.min()").reset_index(drop=True)

    with pytest.warns(sl.IdentifiabilityWarning, match="N is the same in every run"):
        fit = sl.fit(runs, "power")

    assert np.isnan(fit.table.loc["b", "std_error"])
    assert fit.table.loc["c", "std_error"] > 0


def test_aliases_do_not_depend_on_units(exact: pd.DataFrame) -> None:
    """The same verdict in billions."""
    scaled = exact.assign(N=exact["N"] / 1e9, D=exact["D"] / 1e9)

    with pytest.warns((sl.IdentifiabilityWarning, sl.DataWarning)):
        fit = sl.fit(scaled, "power")

    assert fit.status is sl.Status.NOT_IDENTIFIED
    assert {"b + d", "c + d"} <= set(fit.identified.index)


def test_the_floor_law_with_six_n_d(exact: pd.DataFrame) -> None:
    """The same holds for any law, here a power law above a floor."""
    with pytest.warns(sl.IdentifiabilityWarning, match=r"b \+ d and c \+ d"):
        fit = sl.fit(exact, "power-floor")

    assert fit.table.loc[["a", "b", "c", "d"], "std_error"].isna().all()
    assert fit.table.loc["E", "std_error"] > 0


def test_one_ratio_is_disputed_and_off_the_line_unknown() -> None:
    """With D = 20N the terms of N and D cannot be told apart; off the line nothing is known."""
    n = np.geomspace(3e7, 1e10, 18)
    rng = np.random.default_rng(1)
    loss = 1.7 + 400 / n**0.34 + 410 / (20 * n) ** 0.28
    runs = pd.DataFrame(
        {"N": n, "D": 20 * n, "loss": loss * np.exp(0.005 * rng.standard_normal(18))}
    )

    with pytest.warns(sl.IdentifiabilityWarning, match="of these runs (is|are) equally good"):
        fit = sl.fit(runs, "chinchilla")

    assert fit.status is sl.Status.NOT_IDENTIFIED
    assert fit.table.loc[["A", "alpha", "B"], "std_error"].isna().all()
    on_the_line = fit.predict(N=1e9, D=2e10)
    assert np.isfinite(on_the_line.curve_high)
    assert on_the_line.run_low < 1.7 + 400 / 1e9**0.34 + 410 / 2e10**0.28 < on_the_line.run_high
    with pytest.warns(sl.IdentifiabilityWarning, match="The law is not identified"):
        assert fit.predict(N=1e9, D=1e13).curve_high == np.inf


def test_two_floors_are_one() -> None:
    """E and E2 have only a sum; neither is said to be absent."""
    with pytest.warns(sl.IdentifiabilityWarning, match="other values of E and E2"):
        fit = sl.fit(make_runs(noise=0.005), "loss ~ E + E2 + A/N**alpha + B/D**beta")

    assert fit.table.loc[["E", "E2"], "std_error"].isna().all()
    assert fit.table.loc["alpha", "std_error"] > 0


def test_a_product_of_parameters_is_one() -> None:
    """alpha*k has no fixed linear combination to name."""
    runs = make_runs(noise=0.005)
    with pytest.warns(sl.ScalingLawWarning, match="cannot be told apart"):
        fit = sl.fit(runs[runs["D"] == runs["D"].max()], "loss ~ E + A/N**(alpha*k)")

    assert fit.table.loc[["alpha", "k"], "std_error"].isna().all()
    assert fit.identified.empty


@pytest.mark.parametrize("objective", ["auto", "squared"])
def test_one_ratio_without_noise_has_two_exact_answers(objective: str) -> None:
    """D = 20 N in every run: the terms of N and D can change places."""
    rng = np.random.default_rng(0)
    n = np.exp(rng.uniform(np.log(1e7), np.log(1e10), 30))
    loss = 1.8 + 480 / n**0.35 + 2100 / (20 * n) ** 0.37
    table = pd.DataFrame({"N": n, "D": 20 * n, "loss": loss})

    with pytest.warns(sl.IdentifiabilityWarning, match=r"D = 20 \* N.*1 other fit"):
        fit = sl.fit(table, "chinchilla", objective=objective)

    assert fit.status is sl.Status.NOT_IDENTIFIED
    assert sorted(fit.params[["alpha", "beta"]]) == pytest.approx([0.35, 0.37], rel=1e-6)
