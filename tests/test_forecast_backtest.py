"""Back-tests, comparisons of laws, disputes, and their pictures."""

from __future__ import annotations

from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import scalinglaws as sl
from scalinglaws.forecasting.backtest import refit
from scalinglaws.forecasting.beside_law import is_disputed
from tests.conftest import CHINCHILLA, make_runs

# laws that are wrong on purpose are weakly determined
pytestmark = pytest.mark.filterwarnings("ignore::scalinglaws.IdentifiabilityWarning")


@pytest.fixture(scope="module")
def runs() -> pd.DataFrame:
    """A grid under the chinchilla law, with measured compute that is not 6ND."""
    return make_runs(0.004, seed=3).assign(C=lambda t: 7.0 * t["N"] * t["D"])


@pytest.fixture(scope="module")
def comparison(runs: pd.DataFrame) -> sl.Comparison:
    """Two laws and the forecast."""
    return sl.compare(runs, ["kaplan", "chinchilla"], C=1e24)


# --- back-tests ------------------------------------------------------------------------------


def test_a_backtest_is_a_forecast_of_the_smaller_runs(runs: pd.DataFrame) -> None:
    """Each row is what the runs below the cut say."""
    found = sl.forecast(runs).backtest(cuts=["3e21", 1e22])
    assert found.label == "forecast"
    for cut, group in found.frame.groupby("cut"):
        known = runs[runs["C"] <= float(str(cut))]
        assert cut == known["C"].max()
        hidden = runs.loc[group["run"]]
        assert (hidden["C"] > 1.3 * known["C"].max()).all()
        again = sl.forecast(known).predict(hidden)
        assert isinstance(again, pd.DataFrame)
        np.testing.assert_allclose(group["estimate"], again["estimate"], rtol=1e-12)
        np.testing.assert_allclose(group["low"], again["run_low"], rtol=1e-12)
        np.testing.assert_allclose(group["reached"], hidden["loss"])
        np.testing.assert_allclose(group["times_beyond"], hidden["C"] / known["C"].max())
        inside = hidden["loss"].between(again["run_low"], again["run_high"])
        assert (inside.to_numpy() == group["inside"].to_numpy()).all()
        row = found.summary.loc[cut]
        assert row["known"] == len(known)
        assert row["hidden"] == len(hidden)
        miss = np.log(again["estimate"] / hidden["loss"])
        assert row["error"] == pytest.approx(miss.abs().mean())
        assert row["bias"] == pytest.approx(miss.mean())


@pytest.mark.parametrize("options", [
    {}, {"objective": "squared"}, {"fixed": {"E": 1.8}},
    {"weights": "w"}, {"scale": "level"},
])  # fmt: skip
def test_a_fit_is_made_again_with_its_options(
    runs: pd.DataFrame, options: dict[str, object]
) -> None:
    """All runs give the same coefficients."""
    table = runs.assign(w=np.linspace(1, 2, len(runs)))
    fit = sl.fit(table, "chinchilla", **options)  # type: ignore[arg-type]
    again = refit(fit, np.ones(fit.n, dtype=bool))
    pd.testing.assert_series_equal(again.params, fit.params)


def test_a_fit_of_runs_with_checkpoints_is_made_again() -> None:
    """Clusters stay clusters."""
    table = pd.concat(
        [
            make_runs(0.004).assign(D=lambda t, k=k: t["D"] * k, run=lambda t: t.index)
            for k in (1, 2)
        ]
    )
    table["loss"] = sl.Law("E + A/N**alpha + B/D**beta").value(CHINCHILLA, table)
    table["loss"] *= np.exp(0.004 * np.random.default_rng(0).standard_normal(len(table)))
    fit = sl.fit(table.reset_index(drop=True), "chinchilla")
    again = refit(fit, np.ones(fit.n, dtype=bool))
    assert again.runs.cluster_column == "run"
    pd.testing.assert_series_equal(again.params, fit.params)


def test_a_backtest_of_a_fit(runs: pd.DataFrame) -> None:
    """The law that is true holds; by N, D and the table's compute."""
    fit = sl.fit(runs, "chinchilla")
    for by in ("C", "N", "D"):
        found = sl.backtest(fit, by=by, confidence_level=0.9)
        assert found.by == by
        assert found.overall["error"] < 0.02
    by_compute = sl.backtest(fit).frame
    assert set(by_compute["cut"]) <= set(runs["C"])


def test_backtests_that_cannot_be_made(runs: pd.DataFrame) -> None:
    """Say why."""
    forecast = sl.forecast(runs)
    with pytest.raises(sl.DataError, match=r"No cut by C .* C up to .*: A forecast needs 6 runs"):
        forecast.backtest(cuts=[3e17])
    with pytest.raises(sl.DataError, match="No cut by N leaves 9 runs"):
        sl.forecast(runs.iloc[[0, 5, 7, 14, 21, 28, 35]]).backtest(by="N")
    with pytest.raises(sl.DataError, match="The fit has no C"):
        sl.backtest(sl.fit(runs[["D", "loss"]], "power-floor"), by="C")
    with pytest.raises(TypeError, match="must be a Fit or a Forecast"):
        sl.backtest(runs)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="`by` must be"):
        forecast.backtest(by="E")  # type: ignore[arg-type]


def test_the_words_of_a_backtest(runs: pd.DataFrame) -> None:
    """What held, and that cuts share runs."""
    text = str(sl.forecast(runs).backtest())
    assert "hidden runs lie inside the 95 % interval of the forecast" in text
    assert "Cuts share runs" in text
    assert max(map(len, text.splitlines())) <= 88
    assert "Back-test: " in sl.forecast(runs)._repr_html_()


# --- comparisons -----------------------------------------------------------------------------


def test_a_comparison(runs: pd.DataFrame, comparison: sl.Comparison) -> None:
    """The forecast first, then laws by their error on hidden runs."""
    frame = comparison.frame
    assert list(frame.index) == ["forecast", "chinchilla", "kaplan"]
    assert comparison.point["C"] == 1e24
    fit = sl.fit(runs, "chinchilla", confidence_level=0.9)
    there = fit.predict(N=comparison.point["N"], D=comparison.point["D"])
    assert isinstance(there, sl.Prediction)
    assert frame.loc["chinchilla", "estimate"] == pytest.approx(there.estimate, rel=1e-9)
    assert frame.loc["chinchilla", "high"] == pytest.approx(there.run_high, rel=1e-9)
    rms = np.sqrt(np.mean(fit.residuals**2))
    assert frame.loc["chinchilla", "rms"] == pytest.approx(rms)
    n, k = 36, 6
    aicc = n * np.log(rms**2) + 2 * k + 2 * k * (k + 1) / (n - k - 1)
    assert frame.loc["chinchilla", "AICc"] == pytest.approx(aicc)
    assert frame.loc["kaplan", "AICc"] > aicc + 20
    hidden = comparison.by_distance["hidden"]
    for name in frame.index:
        assert hidden[name].sum() == frame.loc[name, "hidden"] == frame["hidden"].iloc[0]


def test_a_comparison_picks_nothing(comparison: sl.Comparison) -> None:
    """No law is called best, and what cannot be told is said."""
    text = str(comparison)
    assert "best" not in text
    assert "Hidden runs inside their 90 % interval: forecast" in text
    assert "no better than a fixed one" in text.replace("\n  ", " ")
    assert max(map(len, text.splitlines())) <= 88
    assert "<table" in comparison._repr_html_()


def test_laws_that_fail_are_named(runs: pd.DataFrame) -> None:
    """With the reason; the others are compared."""
    found = sl.compare(
        runs.drop(columns="C"), ["power", "loss ~ E + A/Q**a", "muennighoff"], N=1e10, D=1e12
    )
    assert list(found.fits) == ["power"]
    assert "needs U" in found.failed["muennighoff"]
    assert "! muennighoff: " in str(found)


def test_a_target_is_needed(runs: pd.DataFrame) -> None:
    """Two numbers, or compute."""
    with pytest.raises(ValueError, match="needs N and D"):
        sl.compare(runs, ["power"], N=1e9)
    with pytest.raises(TypeError, match="must be a list of laws"):
        sl.compare(runs, "power", N=1e9, D=1e9)


# --- disputes --------------------------------------------------------------------------------


def test_the_rule_of_disputes(runs: pd.DataFrame) -> None:
    """The gap against 0.7 of the wider half-width of the law and the forecast."""
    forecast = sl.forecast(runs)
    points = {
        name: np.array([value]) for name, value in zip("NDC", (2e11, 2e12, 3e24), strict=True)
    }
    found = forecast.outlook(points, 0.9)
    half = float(np.log(found.run_high / found.run_low)[0]) / 2

    def disputed(gap: float, own: float) -> bool:
        estimate = found.estimate * np.exp(gap)
        law = SimpleNamespace(
            estimate=estimate, run_low=estimate * np.exp(-own), run_high=estimate * np.exp(own)
        )
        return bool(is_disputed(forecast, points, law)[0])

    assert disputed(0.71 * half, 0.3 * half)
    assert not disputed(0.69 * half, 0.3 * half)
    assert disputed(-1.41 * half, 2 * half)
    assert not disputed(-1.39 * half, 2 * half)


# --- pictures --------------------------------------------------------------------------------


def test_pictures(runs: pd.DataFrame, comparison: sl.Comparison) -> None:
    """Axes come back, texts stay inside the figure, and nothing global changes."""
    before = dict(plt.rcParams)
    forecast = sl.forecast(runs)
    targets = make_runs().assign(N=2e10, D=2e12).head(1)
    wrong = sl.fit(runs[["N", "D", "loss"]], "power")
    axes = [
        forecast.plot("1e25", law=wrong, targets=targets),
        comparison.plot(),
        forecast.backtest().plot(),
        sl.forecast(runs.iloc[[0, 5, 7, 14, 21, 28, 35]]).plot(),
    ]
    assert dict(plt.rcParams) == before
    for ax in axes:
        figure = ax.figure
        figure.canvas.draw()
        box = figure.bbox.padded(2)
        for text in [t for each in figure.axes for t in each.texts if t.get_text()]:
            extent = text.get_window_extent()
            assert box.x0 <= extent.x0 and extent.x1 <= box.x1, text.get_text()  # noqa: PT018
        plt.close(figure)
    assert "law disputed" in " ".join(t.get_text() for t in axes[0].texts)


def test_a_picture_on_given_axes(runs: pd.DataFrame) -> None:
    """One panel, dark where the ground is dark."""
    figure, ax = plt.subplots(facecolor="#13161b")
    ax.set_facecolor("#13161b")
    forecast = sl.forecast(runs)
    assert forecast.plot("1e24", ax=ax, title="Loss") is ax
    assert len(figure.axes) == 1
    assert ax.get_title(loc="left") == "Loss"
    assert ax.lines[0].get_color() == "#8ec2f5"
    with pytest.raises(ValueError, match="beyond the largest run"):
        forecast.plot(1e20)
    plt.close("all")


def test_a_law_that_predicts_what_is_not_positive() -> None:
    """A straight line in D: no error in logarithms, without a warning of NumPy."""
    fit = sl.fit(make_runs(0.004), "lcdb-lin2", y="loss")
    summary = sl.backtest(fit, by="D").summary
    assert summary["error"].isna().any()
    assert (summary["inside"] <= 1).all()
