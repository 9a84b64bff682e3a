"""IsoFLOP profiles and envelopes: published exponents, known biases, refusals by name."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import scalinglaws as sl
from tests.planning_cases import CHINCHILLA_LAW, EPOCH, Known, Published, chinchilla

BUDGETS = (1e17, 1e18, 1e19, 1e20, 1e21)


def profiles(
    law: Published,
    *,
    width: float,
    off: float = 1.0,
    n: int = 15,
    budgets: Sequence[float] = BUDGETS,
    noise: float = 0.0,
    seed: int = 0,
) -> pd.DataFrame:
    """Runs at even steps of ln N around `off` times the best N of each budget."""
    best = sl.optimal(law, C=list(budgets))["N"].to_numpy()
    steps = np.exp(np.linspace(-np.log(width), np.log(width), n))
    N = (off * best[:, None] * steps).ravel()
    C = np.repeat(budgets, n)
    runs = pd.DataFrame({"N": N, "D": C / (6.0 * N), "C": C})
    draws = np.random.default_rng(seed).standard_normal(len(runs))
    runs["loss"] = law.law.value(law.values, runs) * np.exp(noise * draws)
    return runs


@pytest.mark.parametrize(
    ("alpha", "beta", "errors"),
    [
        (0.34, 0.28, (-0.33, -1.30, -2.90, -5.10)),
        (0.465, 0.155, (-1.67, -6.50, -13.91, -23.12)),
        (0.31, 0.31, (0.0, 0.0, 0.0, 0.0)),
    ],
)
def test_bias_of_parabolas(alpha: float, beta: float, errors: tuple[float, ...]) -> None:
    """Czech et al. 2026, arXiv:2603.22339: error of D at 1e24, of grids 2, 4, 8, 16 times wide."""
    law = chinchilla(1.69, 406.4, 410.7, alpha, beta)
    true = sl.optimal(law, C=1e24).iloc[0]
    for width, error in zip((2, 4, 8, 16), errors, strict=True):
        whole = {"window": np.inf, "rise": np.inf}
        found = sl.isoflop(profiles(law, width=width), truth=law, n_resamples=20, **whole)
        at_target = found.predict(1e24).iloc[0]

        assert 100 * (at_target["D"] / true["D"] - 1) == pytest.approx(error, abs=0.05)
        # and the analysis states that very bias, having seen nothing but the design and the law
        assert found.bias is not None
        stated = found.bias.at(1e24).iloc[0]
        assert 100 * stated["D_bias"] == pytest.approx(error, abs=0.05)
        assert found.bias.exponents["bias"].abs().max() < 1e-9


def test_bias_of_centres() -> None:
    """Grids off the centre by a constant: the intercept only. Drifting ones: the exponent too."""
    law = chinchilla(1.69, 406.4, 410.7, 0.31, 0.31)
    for width, error in zip((2, 4, 8, 16), (None, 3.47, 2.65, 1.51), strict=True):
        runs = profiles(law, width=width, off=1 / 3)
        if width == 2:  # the minimum lies beyond the runs
            with pytest.raises(sl.DataError, match="No budget has an optimum between its runs"):
                sl.isoflop(runs)
            continue
        found = sl.isoflop(runs, truth=law, n_resamples=20, window=np.inf, rise=np.inf)
        assert found.bias is not None
        assert 100 * found.bias.at(1e24)["D_bias"].iloc[0] == pytest.approx(error, abs=0.05)
    # the same sizes on every budget: what looks like 0.40 is 0.50
    N, C = (g.ravel() for g in np.meshgrid(np.geomspace(1e8, 2e10, 9), [1e20, 3e20, 1e21]))
    drifting = pd.DataFrame({"N": N, "D": C / (6.0 * N)})
    drifting["loss"] = law.law.value(law.values, drifting)
    found = sl.isoflop(drifting, truth=law, n_resamples=20, window=np.inf, rise=np.inf)
    assert found.bias is not None
    assert found.bias.exponents.loc["N", "bias"] == pytest.approx(-0.10, abs=0.01)
    assert found.bias.exponents.loc["N", "true"] == pytest.approx(0.5, abs=1e-9)
    np.testing.assert_allclose(
        found.bias.exponents["found"], found.exponents["exponent"], atol=1e-9
    )


def test_a_bias_has_the_interval_of_its_law() -> None:
    """Each draw of the law has a bias of its own; a law without draws has no interval."""
    law = chinchilla(1.69, 406.4, 410.7, 0.34, 0.28)
    runs = profiles(law, width=8)
    table = pd.DataFrame({name: np.full(40, value) for name, value in law.values.items()})
    table["alpha"] *= np.exp(0.02 * np.random.default_rng(0).standard_normal(40))
    known = Known(law.law, law.values, table)
    found = sl.isoflop(runs, truth=known, n_resamples=20, confidence_level=0.8).bias
    plain = sl.isoflop(runs, truth=law, n_resamples=20).bias
    assert found is not None
    assert plain is not None

    own = []
    for row in table.to_dict("records"):
        bias = sl.isoflop(runs, truth=Published(law.law, row), n_resamples=20).bias
        assert bias is not None
        own.append(1 + bias.at(1e24)["N_bias"].iloc[0])
    ahead = found.at(1e24).iloc[0]
    low, high = np.quantile(own, 0.1, method="lower"), np.quantile(own, 0.9, method="higher")
    np.testing.assert_allclose(
        ahead[["N_bias", "N_bias_low", "N_bias_high"]].astype(float),
        [plain.at(1e24)["N_bias"].iloc[0], low - 1, high - 1],
        rtol=1e-8,
    )
    assert f"({100 * found.optima['N_bias_low'].iloc[-1]:+.1f} to " in found.sentence
    assert plain.optima["N_bias_low"].isna().all()
    assert plain.exponents[["bias_low", "bias_high"]].isna().all(axis=None)


def test_symmetric_profiles_are_found_exactly() -> None:
    """Equal exponents: the vertex of the parabola is the minimum, as interpolation's is."""
    law = chinchilla(1.69, 406.4, 410.7, 0.31, 0.31)
    runs = profiles(law, width=8)
    best = sl.optimal(law, C=list(BUDGETS))
    for method, tolerance in (("parabola", 1e-9), ("akima", 1e-2)):
        found = sl.isoflop(runs, method=method)  # type: ignore[arg-type]

        np.testing.assert_allclose(found.optima["N"], best["N"], rtol=tolerance)
        np.testing.assert_allclose(found.optima["D"], best["D"], rtol=tolerance)
        np.testing.assert_allclose(found.optima["C"], BUDGETS, rtol=1e-12)
        assert (found.optima["status"] == "ok").all()


@pytest.mark.parametrize(
    ("series", "published"),
    [
        ("rw_base_warmup-long_decay-kaplan_N-kaplan_train", 0.8338),
        ("rw_base_warmup-long_decay-kaplan_N-standard_val", 0.7009),
        ("rw_base_warmup-short_decay-kaplan_N-standard_val", 0.6035),
        ("rw_base_warmup-short_decay-chinchilla_N-standard_val", 0.5714),
        ("rw_tuned_warmup-short_decay-const_N-standard_val", 0.4970),
        ("owt2_base_warmup-long_decay-kaplan_N-kaplan_train", 0.8700),
        ("owt2_base_warmup-long_decay-kaplan_N-standard_val", 0.7000),
        ("owt2_base_warmup-short_decay-kaplan_N-standard_val", 0.6016),
        ("owt2_base_warmup-short_decay-chinchilla_N-standard_val", 0.5689),
        ("owt2_tuned_warmup-short_decay-const_N-standard_val", 0.5184),
    ],
)
def test_porian_step_by_step(data: Path, series: str, published: float) -> None:
    """Porian et al. 2024: the exponent of N after each correction, as released."""
    runs = pd.read_csv(data / "porian" / "porian_isoflop.csv").query("series == @series")
    with warnings.catch_warnings(action="ignore", category=sl.DataWarning):
        found = sl.isoflop(runs, method="akima", weighted=False, n_resamples=100)

    assert found.exponents.loc["N", "exponent"] == pytest.approx(published, abs=0.005)
    assert found.exponents.loc["N", "low"] < published < found.exponents.loc["N", "high"]


@pytest.mark.parametrize("series", ["comma", "dclm", "nemotron"])
def test_three_approaches_on_marin(data: Path, series: str) -> None:
    """All three on runs with a measured C, side by side; the bias explains how they differ."""
    runs = pd.read_csv(data / "isoflop_marin" / "marin_isoflop.csv")
    runs = runs.query("kind == 'isoflop' and series == @series")
    with warnings.catch_warnings(action="ignore", category=sl.ScalingLawWarning):
        law = sl.fit(runs, "chinchilla")
        valleys = sl.isoflop(runs, truth=law, n_resamples=200)
        curves = sl.envelope(runs, truth=law, n_resamples=100)
    assert valleys.bias is not None
    assert curves.bias is not None
    exponent = valleys.exponents.loc["N", "exponent"]
    bias = valleys.bias.exponents.loc["N"]

    # D falls faster than N rises along these budgets: 6ND does not hold
    assert 0.37 < exponent < 0.40  # 0.42 to 0.45 by whole profiles, most of the excess being bias
    assert abs(bias["bias"]) < 0.02
    assert exponent - bias["bias"] == pytest.approx(bias["true"], abs=0.03)
    own = curves.bias.exponents.loc["N"]
    assert 0.02 < own["bias"] < 0.05
    row = curves.exponents.loc["N"]
    assert row["low"] < bias["true"] + own["bias"] < row["high"]
    with warnings.catch_warnings(action="ignore", category=sl.ScalingLawWarning):
        frame = sl.planning.approaches(runs, law, C=1e21, n_resamples=200)
    assert frame.index.tolist() == ["envelope", "IsoFLOP", "law"]
    assert frame.loc["IsoFLOP", "exponent"] == pytest.approx(exponent, abs=2e-3)
    assert frame.loc["law", "exponent"] == pytest.approx(bias["true"], abs=0.02)
    # freed of the bias that each implies, the approaches agree
    freed = frame["N"] / (1 + frame["N_bias"])
    assert freed["IsoFLOP"] == pytest.approx(freed["law"], rel=0.15)


def test_approaches_that_have_no_answer() -> None:
    """The others are there all the same; the note says why one is not."""
    runs = profiles(EPOCH, width=4, n=9, noise=0.001)
    fit = sl.fit(runs, "chinchilla")
    frame = sl.planning.approaches(runs, fit, C=1e22, n_resamples=50)

    assert frame.loc["envelope", "note"].startswith("0 sizes of")
    assert np.isnan(frame.loc["envelope", "N"])
    best = sl.optimal(EPOCH, C=1e22)["N"].iloc[0]
    assert frame.loc["law", "N_low"] < best < frame.loc["law", "N_high"]
    assert frame.loc["IsoFLOP", "exponent"] == pytest.approx(0.5126, abs=0.03)


def test_budgets_in_noisy_compute(epoch: pd.DataFrame) -> None:
    """The Chinchilla runs' compute was read off a picture; approach 2 gave 0.49 there."""
    with warnings.catch_warnings(action="ignore", category=sl.DataWarning):
        found = sl.isoflop(epoch)
        named = sl.isoflop(epoch, budgets=[1e19, 3e19, 6e19, 1e20, 3e20, 6e20, 1e21], tolerance=0.1)

    assert len(found.optima) == 15
    assert (found.optima["runs"] >= 4).all()
    assert (found.optima["sizes"] >= 4).all()
    assert f"{found.left_out} runs of 240 share no budget" in repr(found)
    row = found.exponents.loc["N"]
    assert row["exponent"] == pytest.approx(0.495, abs=5e-3)
    assert row["low"] < 0.49 < row["high"]
    assert named.optima["C"].tolist() == [1e19, 3e19, 6e19, 1e20, 3e20, 6e20, 1e21]
    assert named.exponents.loc["N", "exponent"] == pytest.approx(0.49, abs=0.05)


def test_budgets_in_a_column(marin: pd.DataFrame) -> None:
    """As measured runs often have them."""
    with warnings.catch_warnings(action="ignore", category=sl.DataWarning):
        named = sl.isoflop(marin, budgets="budget", n_resamples=50)
        found = sl.isoflop(marin, n_resamples=50)

    assert named.optima["C"].tolist() == sorted(marin["budget"].unique())
    np.testing.assert_allclose(named.optima["N"], found.optima["N"], rtol=1e-3)


def test_compute_inside_a_budget_is_corrected() -> None:
    """Without noise, runs a few per cent off their budget cost nothing in precision."""
    law = chinchilla(1.69, 406.4, 410.7, 0.31, 0.31)
    runs = profiles(law, width=4)
    runs["D"] *= 1 + 0.04 * np.sin(np.arange(len(runs)))
    runs["C"] = 6.0 * runs["N"] * runs["D"]
    runs["loss"] = law.law.value(law.values, runs)
    found = sl.isoflop(runs)
    best = sl.optimal(law, C=found.optima["C"].to_numpy())

    np.testing.assert_allclose(found.optima["N"], best["N"], rtol=0.02)
    assert found.noise < 1e-3


def test_refusals_are_by_name() -> None:
    """A minimum beyond the runs, too few sizes, no curvature: each budget says why."""
    budgets = (1e18, 3e18, 1e19, 3e19, 1e20)
    parts = [
        profiles(EPOCH, width=4, budgets=[c], off=off, n=n)
        for c, off, n in zip(budgets, (1, 30, 0.02, 1, 1), (9, 9, 9, 3, 9), strict=True)
    ]
    with pytest.warns(sl.DataWarning, match="3 budgets of 5 have no optimum: 3e18"):
        found = sl.isoflop(pd.concat(parts, ignore_index=True), budgets=budgets)

    assert found.refused.to_dict() == {
        "3e18": "the minimum is not bracketed: the smallest model is the best",
        "1e19": "the minimum is not bracketed: the largest model is the best",
        "3e19": "3 model sizes, and at least 4 are needed",
    }
    assert found.optima.loc["3e18", ["N", "N_low", "D", "loss"]].isna().all()
    flat = profiles(EPOCH, width=1.3, noise=0.01)
    with pytest.raises(sl.DataError, match=r"needs at least two\. Refused: "):
        sl.isoflop(flat)


FOUR_SIZES = pd.DataFrame(
    {
        "C": np.repeat([3e18, 1e19], 4),
        "D": [1.73e10, 7e9, 2.77e9, 1.57e9, 5.77e10, 2.3e10, 9.2e9, 5.2e9],
        "loss": [3.298, 3.204, 3.224, 3.289, 3.21, 3.06, 3.033, 3.06],
    }
).assign(N=lambda t: t["C"] / (6 * t["D"]))


def test_four_sizes_a_budget_are_enough() -> None:
    """A sweep of four sizes a budget is found unasked, as by the name of its column."""
    found, named = sl.isoflop(FOUR_SIZES), sl.isoflop(FOUR_SIZES, budgets="C")

    assert found.exponents.loc["N", "exponent"] == pytest.approx(0.3694, abs=5e-4)
    pd.testing.assert_frame_equal(found.optima, named.optima)
    numbers = named.optima.drop(columns="status").to_numpy(dtype=float)
    assert np.isfinite(numbers).all()
    assert (named.optima["N_low"] < named.optima["N"]).all()


def test_errors_list_the_reason_of_each_budget() -> None:
    """Three sizes are no profile; a table is not needed to see so."""
    table = pd.DataFrame(
        {
            "C": [1e18] * 3 + [3e18] * 4,
            "D": [5.77e9, 2.33e9, 9.23e8, 1.73e10, 7e9, 2.77e9, 1.57e9],
            "loss": [3.399, 3.364, 3.456, 3.298, 3.204, 3.224, 3.289],
        }
    )
    table["N"] = table["C"] / (6 * table["D"])
    message = r"Refused: 1e18 \(3 model sizes, and at least 4 are needed\)\."
    with pytest.raises(sl.DataError, match=message):
        sl.isoflop(table, budgets="C")
    with pytest.raises(sl.DataError, match=r"5e20 \(no runs\)"):
        sl.isoflop(FOUR_SIZES, budgets=[3e18, 5e20])


def test_a_refused_budget_changes_nothing() -> None:
    """Its runs enter neither the noise, nor the power law, nor any interval."""
    good = profiles(EPOCH, width=4, n=9, budgets=[1e18, 1e19, 1e20], noise=0.002)
    bad = profiles(EPOCH, width=4, n=9, budgets=[1e21], noise=0.3, seed=5).sort_values("N")
    bad["loss"] = np.sort(bad["loss"])[::-1]  # the largest model is the best
    options = {"n_resamples": 200, "truth": None}
    alone = sl.isoflop(good, **options)
    with pytest.warns(sl.DataWarning, match="1 budget of 4 has no optimum"):
        both = sl.isoflop(pd.concat([good, bad], ignore_index=True), **options)

    assert both.noise == alone.noise
    assert both.optima["status"].tolist()[:3] == ["ok"] * 3
    # other random numbers, since a copy has more runs
    pd.testing.assert_frame_equal(both.exponents, alone.exponents, rtol=0.3)
    np.testing.assert_allclose(both.exponents["exponent"], alone.exponents["exponent"], rtol=1e-12)


def test_intervals_that_are_cut_say_so() -> None:
    """Copies without a minimum inside are placed at the end, never at zero or infinity."""
    law = chinchilla(1.69, 406.4, 410.7, 0.31, 0.31)
    runs = profiles(law, width=2.2, n=7, noise=0.003, seed=3)
    with warnings.catch_warnings(action="ignore", category=sl.DataWarning):
        found = sl.isoflop(runs, noise=0.01, truth=None)
    used = found.optima[found.optima["N"].notna()]

    assert used["status"].str.startswith("interval cut: the minimum is at the smallest").any()
    assert "interval cut" in repr(found)
    for budget, row in used.iterrows():
        sizes = runs.loc[np.isclose(runs["C"], row["C"]), "N"]
        assert sizes.min() * 0.999 <= row["N_low"] <= row["N_high"] <= sizes.max() * 1.001, budget


@pytest.mark.parametrize(
    ("source", "error", "covered"), [("porian", 0.13, 0.6), ("marin", 0.08, 0.9)]
)
def test_optima_of_larger_budgets(data: Path, source: str, error: float, covered: float) -> None:
    """Three budgets or more foretell those held out, in ln N; 90 % intervals."""
    if source == "porian":
        table = pd.read_csv(data / "porian" / "porian_isoflop.csv")
        table = table[table["series"].str.endswith("N-standard_val")].assign(
            budget=lambda t: t["C"]
        )
    else:
        table = pd.read_csv(data / "isoflop_marin" / "marin_isoflop.csv").query("kind == 'isoflop'")
    errors, inside = [], []
    for _, runs in table.groupby("series"):
        with warnings.catch_warnings(action="ignore", category=sl.DataWarning):
            whole = sl.isoflop(runs, budgets="budget", truth=None, n_resamples=50).optima
            half = runs[runs["budget"] <= whole["C"].iloc[len(whole) // 2]]
            found = sl.isoflop(
                half, budgets="budget", truth=None, confidence_level=0.9, n_resamples=200
            )
        later = whole[(whole["C"] > half["budget"].max()) & whole["N"].notna()]
        ahead = found.predict(later["C"])
        errors.append(np.abs(np.log(ahead["N"].to_numpy() / later["N"].to_numpy())).mean())
        inside.append(
            ((ahead["N_low"].to_numpy() < later["N"]) & (later["N"] < ahead["N_high"].to_numpy()))
            .mean()
        )  # fmt: skip

    assert np.mean(errors) < error
    assert np.mean(inside) > covered


def test_intervals_cover_about_as_often_as_they_say() -> None:
    """Of 40 noisy ladders with equal exponents, the 90 % intervals of a."""
    law = chinchilla(1.69, 406.4, 410.7, 0.31, 0.31)
    covered = []
    for seed in range(40):
        runs = profiles(law, width=4, n=9, noise=0.003, seed=seed)
        with warnings.catch_warnings(action="ignore", category=sl.DataWarning):
            found = sl.isoflop(runs, confidence_level=0.9, n_resamples=200, truth=None)
        row = found.exponents.loc["N"]
        covered.append(row["low"] < 0.5 < row["high"])

    assert 30 <= sum(covered) <= 40


def test_the_answer_in_words() -> None:
    """Exponents, refusals and the bias."""
    law = chinchilla(1.69, 406.4, 410.7, 0.34, 0.28)
    found = sl.isoflop(profiles(law, width=8), truth=law, n_resamples=50)
    text = " ".join(repr(found).split())

    assert "if the law 'E + A/N**alpha + B/D**beta' as given holds" in text
    assert text.startswith("N grows as C^0.4516")
    assert "from 5 IsoFLOP budgets of 75 runs (parabola)" in text
    assert "exponent of N +0.0000, N at 1e21 +1.6 %" in text
    assert repr(sl.envelope(_grid(law), n_resamples=9)).startswith("N grows as C^0.4")


def _grid(law: Published) -> pd.DataFrame:
    N, D = (
        g.ravel() for g in np.meshgrid(np.geomspace(1e7, 1e11, 40), np.geomspace(1e8, 1e13, 60))
    )
    runs = pd.DataFrame({"N": N, "D": D})
    return runs.assign(loss=law.law.value(law.values, runs))


def test_envelope_of_exact_curves() -> None:
    """The exponent of the law, to what forty sizes resolve."""
    found = sl.envelope(_grid(EPOCH), truth=EPOCH, noise=0.0, n_resamples=2)
    a = 0.3658 / (0.3478 + 0.3658)

    assert found.exponents.loc["N", "exponent"] == pytest.approx(a, abs=2e-3)
    assert found.bias is not None
    exponents = found.bias.exponents.loc["N"]
    assert exponents["true"] == pytest.approx(a, abs=1e-6)
    assert exponents["found"] == pytest.approx(found.exponents.loc["N", "exponent"])
    best = sl.optimal(EPOCH, C=found.points["C"].to_numpy()[::100])
    assert np.abs(np.log(found.points["N"].to_numpy()[::100] / best["N"])).max() < 0.15
    ahead = found.predict([1e24]).iloc[0]
    assert ahead["times_beyond"] > 1
    assert ahead["N"] == pytest.approx(sl.optimal(EPOCH, C=1e24)["N"].iloc[0], rel=0.05)


def test_the_bias_of_an_envelope_has_the_interval_of_its_law() -> None:
    """Each draw has a bias of its own, over the same noise."""
    runs = _grid(EPOCH)
    table = pd.DataFrame({name: np.full(30, value) for name, value in EPOCH.values.items()})
    table["alpha"] *= np.exp(0.02 * np.random.default_rng(0).standard_normal(30))
    options: dict[str, Any] = {"noise": 0.003, "n_resamples": 10, "confidence_level": 0.8}
    known = sl.envelope(runs, truth=Known(EPOCH.law, EPOCH.values, table), **options).bias
    plain = sl.envelope(runs, truth=EPOCH, **options).bias
    assert known is not None
    assert plain is not None

    own = []
    for row in table.to_dict("records"):
        bias = sl.envelope(runs, truth=Published(EPOCH.law, row), **options).bias
        assert bias is not None
        own.append([bias.exponents.loc["N", "bias"], bias.at(1e24)["D_bias"].iloc[0]])
    low, high = (
        np.quantile(own, q, axis=0, method=method)  # type: ignore[call-overload]
        for q, method in ((0.1, "lower"), (0.9, "higher"))
    )
    exponent, ahead = known.exponents.loc["N"], known.at(1e24).iloc[0]
    np.testing.assert_allclose(exponent[["bias_low", "bias_high"]], [low[0], high[0]], rtol=1e-6)
    np.testing.assert_allclose(ahead[["D_bias_low", "D_bias_high"]], [low[1], high[1]], rtol=1e-6)
    assert exponent["bias"] == pytest.approx(plain.exponents.loc["N", "bias"], rel=1e-12)
    assert np.isnan(plain.exponents.loc["N", "bias_low"])


def test_points_of_an_envelope_have_intervals() -> None:
    """At nine of ten budgets or more the 95 % intervals hold the best of the law's own curves."""
    design = _grid(EPOCH)
    noisy = sl.simulate(EPOCH, design[["N", "D"]], 0.002, rng=3)
    points = sl.envelope(noisy, noise=0.002, truth=None, rng=1).points
    best = sl.optimal(EPOCH, C=points["C"].to_numpy())

    for name in ("N", "D"):
        step = 1.3  # between neighbouring sizes
        held = (points[f"{name}_low"] / step <= best[name]) & (
            best[name] <= points[f"{name}_high"] * step
        )
        assert held.mean() > 0.9
    assert (points["loss_low"] < points["loss_high"]).all()


@pytest.mark.parametrize(
    ("table", "options", "message"),
    [
        ({"N": [1e8] * 5, "loss": [3.0] * 5}, {}, "needs D, and the table has no column"),
        (
            {"N": np.geomspace(1e8, 1e9, 6), "D": [1e9] * 6, "loss": [3.0] * 6}, {},
            "No runs of 4 sizes have the same compute to 5 per cent",
        ),
        ({"N": [1e8, -1.0], "C": [1e18] * 2, "loss": [3.0] * 2}, {}, "N is missing, .* in row 1"),
        ({"N": [1e8], "C": [1e18], "loss": [3.0]}, {"method": "cubic"}, "`method` must be"),
        ({"N": [1e8], "C": [1e18], "loss": [3.0]}, {"tolerance": 5}, "`tolerance` is a share"),
    ],
)  # fmt: skip
def test_tables_that_have_no_profiles(
    table: dict[str, Any], options: dict[str, Any], message: str
) -> None:
    """What is missing, in which row."""
    with pytest.raises(ValueError, match=message):
        sl.isoflop(pd.DataFrame(table), **options)


def test_tables_that_have_no_envelope() -> None:
    """One length for each size, or sizes that bracket nothing."""
    runs = profiles(EPOCH, width=4, budgets=[1e19])
    with pytest.raises(sl.DataError, match="0 sizes of 15 were trained at two lengths or more"):
        sl.envelope(runs)
    N, D = (g.ravel() for g in np.meshgrid(np.geomspace(1e10, 1e12, 5), np.geomspace(1e8, 1e9, 5)))
    runs = pd.DataFrame({"N": N, "D": D})
    runs["loss"] = CHINCHILLA_LAW.value(EPOCH.values, runs)
    with pytest.raises(sl.DataError, match="do not bracket an envelope"):
        sl.envelope(runs)


def test_the_bias_is_stated_unasked() -> None:
    """Of the law fitted to the runs; too few runs state none, and a wrong name is an error."""
    law = chinchilla(1.69, 406.4, 410.7, 0.465, 0.155)
    runs = profiles(law, width=8, noise=1e-4)
    stated = sl.isoflop(runs, n_resamples=20, window=np.inf, rise=np.inf).bias
    assert stated is not None
    assert stated.truth == "the law 'chinchilla' fitted to these runs"
    assert 100 * stated.at(1e24)["D_bias"].iloc[0] == pytest.approx(-13.91, abs=0.5)
    assert sl.isoflop(runs, n_resamples=20, truth=None).bias is None
    # by a law whose optima lie far from these runs, they would bracket nothing
    far = chinchilla(1.69, 406.4, 410.7, 0.2, 0.6)
    found = sl.isoflop(runs, n_resamples=20, truth=far)
    assert found.bias is None
    assert "No bias can be stated by the law 'E + A/N**alpha + B/D**beta'" in repr(found)
    frame = sl.planning.approaches(runs, far, C=1e22, n_resamples=20)
    assert np.isnan(frame.loc["IsoFLOP", "N_bias"])
    assert frame.loc["IsoFLOP", "note"].startswith("no bias can be stated")
    with pytest.raises(sl.FormulaError, match="No law is called 'chinchila'"):
        sl.isoflop(runs, truth="chinchila")


@pytest.mark.parametrize("method", ["parabola", "akima"])
def test_poor_tables_warn_of_nothing_but_the_data(method: Any) -> None:
    """Few, noisy or close budgets end in an answer or an error of the library, without NumPy's."""
    answered = 0
    for seed in range(25):
        generator = np.random.default_rng(seed)
        budgets = 1e18 * np.cumprod(np.exp(generator.uniform(0.02, 2.0, 3)))
        parts = []
        for budget in budgets:
            N = 0.1 * budget**0.5 * np.exp(np.sort(generator.uniform(-2, 2, 6)))
            bend = generator.choice([0.0, 0.01, 0.1]) * np.log(N / (0.1 * budget**0.5)) ** 2
            noise = generator.choice([0.0, 0.01, 0.3]) * generator.standard_normal(6)
            parts.append(pd.DataFrame({"N": N, "C": budget, "loss": 3.0 * np.exp(bend + noise)}))
        try:
            with warnings.catch_warnings(action="ignore", category=sl.ScalingLawWarning):
                found = sl.isoflop(
                    pd.concat(parts), budgets="C", method=method, n_resamples=40,
                    truth="chinchilla" if seed % 8 == 0 else None,
                )  # fmt: skip
        except sl.DataError:
            continue
        answered += 1
        usable = found.optima[found.optima["N"].notna()].drop(columns="status")
        assert np.isfinite(usable.to_numpy(dtype=float)).all()

    assert answered > 5
