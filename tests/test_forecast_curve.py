"""Curves in one variable: the broken law, its posterior, and forecasts of one or many series."""

from __future__ import annotations

import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import scalinglaws as sl
from scalinglaws.forecasting import curve_posterior
from scalinglaws.forecasting.curve_posterior import infer_curves


def curve(noise: float = 0.0, n: int = 30, seed: int = 0) -> pd.DataFrame:
    """A floor and a power."""
    x = np.geomspace(1e6, 1e9, n)
    loss = (2.0 + 30.0 * x**-0.2) * np.exp(noise * np.random.default_rng(seed).standard_normal(n))
    return pd.DataFrame({"D": x, "loss": loss})


def formula(theta: np.ndarray, t: np.ndarray) -> np.ndarray:
    """The law as its module states it, in complex numbers."""
    level, floor, ln_c, bend, ln_f, split = theta
    c, f = np.exp(ln_c), np.exp(ln_f)
    s, r = 1 / (1 + np.exp(-floor)), 1 / (1 + np.exp(-split))

    def softplus(z: np.ndarray) -> np.ndarray:
        return np.log(1 + np.exp(z))

    bent = f * (softplus((t - bend) / f) - softplus(-bend / f))
    return level + np.log(s + (1 - s) * np.exp(-c * (r * t + (1 - r) * bent)))


def test_the_broken_law_and_its_derivatives() -> None:
    """Against the formula, and its complex steps."""
    rng = np.random.default_rng(0)
    t = rng.uniform(-4, 2, 30)
    for _ in range(20):
        theta = np.array([0.0, 1.0, -0.75, -2.6, -1.0, -1.8]) + 0.6 * rng.normal(size=6)
        value, jacobian = curve_posterior.values_and_jacobian(theta, t)
        np.testing.assert_allclose(value, formula(theta, t), rtol=1e-11, atol=1e-12)
        for j, step in enumerate(1e-30j * np.eye(6)):
            exact = formula(theta + step, t).imag / 1e-30
            np.testing.assert_allclose(jacobian[:, j], exact, rtol=1e-8, atol=1e-11)


def test_a_curve_alone_is_the_curve_in_a_batch() -> None:
    """Whatever else is fitted with it."""
    curves = []
    for n, seed in ((8, 0), (40, 1), (20, 2)):
        table = curve(0.01, n, seed)
        t = np.log(table["D"] / table["D"].max()).to_numpy()
        curves.append((t, np.log(table["loss"].to_numpy())))
    together = infer_curves(curves)
    for each, one in zip(curves, together, strict=True):
        alone = infer_curves([each])[0].at(np.array([1.0, 2.0]))
        for a, b in zip(one.at(np.array([1.0, 2.0])), alone, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4)


def test_a_forecast_of_a_curve() -> None:
    """The truth lies inside, and the interval opens."""
    forecast = sl.forecast(curve(0.002), x="D", confidence_level=0.9)
    x = np.array([2e9, 1e10])
    found = forecast.predict(x)
    assert isinstance(found, sl.forecasting.outlook.Outlook)
    truth = 2.0 + 30.0 * x**-0.2
    assert ((found.run_low < truth) & (truth < found.run_high)).all()
    assert found.half_width[1] > found.half_width[0]
    np.testing.assert_allclose(found.times_beyond, [2.0, 10.0])
    np.testing.assert_allclose(found.share_coefficients + found.share_noise, 1.0)
    same = forecast.predict(D="2B").estimate
    assert same == forecast.predict("2B").estimate == forecast.predict({"D": 2e9}).estimate
    frame = forecast.predict(pd.DataFrame({"D": x}, index=["a", "b"]))
    assert frame.loc["a", "estimate"] == pytest.approx(same, rel=1e-12)


def test_order_and_units_do_not_matter() -> None:
    """Nor whether the curve is over steps."""
    table = curve(0.01)
    plain = sl.forecast(table, x="D").predict(4e9).run_low
    mixed = sl.forecast(table.sample(frac=1, random_state=0), x="D").predict(4e9).run_low
    assert mixed == pytest.approx(plain, rel=1e-12)
    steps = table.assign(step=table["D"] / 1e5, loss=table["loss"] * 3).drop(columns="D")
    assert sl.forecast(steps, x="step").predict(4e4).run_low == pytest.approx(3 * plain, rel=1e-6)


def test_a_rising_metric() -> None:
    """Accuracies between chance and one."""
    table = curve().assign(accuracy=lambda t: 0.1 + 0.9 / (1 + 4 * (t["D"] / 1e7) ** -0.5))
    forecast = sl.forecast(table, x="D", y="accuracy", limits=(0.1, 1.0))
    found = forecast.predict(4e9)
    assert found.run_low < 0.1 + 0.9 / (1 + 4 * 400**-0.5) < found.run_high < 1


def test_many_series() -> None:
    """Each as alone; those that cannot be forecast are named."""
    table = pd.concat([curve(0.01, seed=k).assign(run=f"r{k}") for k in range(5)])
    table = pd.concat([table, curve().head(3).assign(run="short")], ignore_index=True)
    found = sl.forecast(table, x="D", series="run")
    assert list(found) == [f"r{k}" for k in range(5)]
    assert "needs 5 points" in found.failed["short"]
    with pytest.raises(KeyError, match="needs 5 points"):
        _ = found["short"]
    frame = found.predict(["2B", "4B"])
    assert frame.index.names == ["series", "D"]
    alone = sl.forecast(table[table["run"] == "r3"], x="D").predict(4e9)
    assert frame.loc[("r3", 4e9), "estimate"] == pytest.approx(alone.estimate, rel=1e-4)
    assert "5 forecasts" in repr(found)


def test_several_curves_are_not_taken_for_one() -> None:
    """Without `series`, a column that tells them apart is named; no column of one curve is."""
    tables = [curve(0.01, seed=k).assign(run=f"r{k}", set="c4") for k in range(3)]
    halves = np.repeat(["first", "second"], 15)
    with pytest.warns(sl.DataWarning, match="Column 'run' tells 3 curves apart.*series='run'"):
        sl.forecast(pd.concat(tables), x="D")
    with warnings.catch_warnings(action="error"):
        sl.forecast(tables[0].assign(part=halves), x="D")
        sl.forecast(pd.concat(tables), x="D", series="run")


def test_a_long_curve_is_averaged() -> None:
    """And that is said."""
    forecast = sl.forecast(curve(0.02, 5000), x="D")
    assert forecast.n == 100
    assert forecast.facts == ("5,000 points are averaged into 100.",)
    found = forecast.predict(2e9)
    assert found.run_low < 2.0 + 30.0 * 2e9**-0.2 < found.run_high


@pytest.mark.parametrize(("table", "options", "error", "message"), [
    (curve().head(4), {"x": "D"}, sl.DataError, "needs 5 points"),
    (curve().tail(2), {"x": "steps"}, sl.DataError, "No column 'steps', named by `x`"),
    (curve(), {"series": "run"}, ValueError, "say with `x`"),
    (curve(), {"x": "D", "weights": "loss"}, ValueError, "takes no `weights`"),
    (curve(), {}, sl.DataError, 'or pass x="D"'),
])  # fmt: skip
def test_refusals(
    table: pd.DataFrame, options: dict[str, str], error: type[Exception], message: str
) -> None:
    """With what to do."""
    with pytest.raises(error, match=message):
        sl.forecast(table, **options)


def test_words_and_points() -> None:
    """The reach, and wrong names."""
    forecast = sl.forecast(curve(0.002), x="D")
    assert str(forecast).startswith("Forecast of loss over D from 30 points: ")
    assert "to twice the last point" in " ".join(str(forecast).split())
    assert max(map(len, str(forecast).splitlines())) <= 88
    assert "loss 2." in str(forecast.predict(2e9))
    with pytest.raises(ValueError, match="The curve is over 'D'; got N"):
        forecast.predict(N=1e9)
    with pytest.raises(ValueError, match="D must be positive"):
        forecast.predict(-1.0)
    with pytest.warns(sl.ExtrapolationWarning, match="not usable"):
        sl.forecast(curve(0.1), x="D").predict(1e15)


def test_a_picture() -> None:
    """Axes come back."""
    ax = sl.forecast(curve(0.01), x="D").plot()
    assert "D 1e10" in ax.get_title(loc="left") or "D 10B" in ax.get_title(loc="left")
    with pytest.raises(ValueError, match="beyond the last point"):
        sl.forecast(curve(), x="D").plot(1e6)
    plt.close("all")


def test_public_learning_curves(data: Path) -> None:
    """The protocol of Alabdulmohsin et al. 2022: mean log-rmse and coverage, with one default."""
    curves = pd.read_csv(data / "alabdulmohsin" / "learning_curves_dev_half.csv.gz")
    curves = curves.drop_duplicates(["series", "split", "D"], keep="last")
    found = sl.forecast(
        curves[curves["split"] == "train"], x="D", series="series", y="loss", units="trust",
        confidence_level=0.9,
    )  # fmt: skip
    rows = []
    for name, test in curves[curves["split"] == "test"].groupby("series"):
        said = found[name].outlook(test["D"].to_numpy(), 0.9)
        miss = np.log(said.estimate / test["loss"])
        inside = test["loss"].between(said.run_low, said.run_high).mean()
        rows.append((test["domain"].iloc[0], np.sqrt(np.mean(miss**2)), inside))
    scores = pd.DataFrame(rows, columns=["domain", "rmsle", "inside"]).groupby("domain").mean()
    assert scores.loc["IC", "rmsle"] < 0.038
    assert scores.loc["NMT", "rmsle"] < 0.010
    assert scores.loc["LM", "rmsle"] < 0.0010
    assert scores.loc["BB", "rmsle"] < 0.013
    assert 0.85 < scores.loc["IC", "inside"] < 0.96


def test_where_a_curve_reaches_a_value() -> None:
    """How much data for a loss."""
    forecast = sl.forecast(curve(0.002), x="D", confidence_level=0.9)
    found = forecast.reach(2.4)
    assert forecast.predict(found.estimate).estimate == pytest.approx(2.4, rel=1e-4)
    assert found.low < found.estimate < found.high
    assert "is reached at D " in str(found)
    assert np.isinf(forecast.reach(0.1).high)
