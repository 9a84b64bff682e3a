"""Forecasts: the flexible law, its posterior, the rows used, and what is said of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize

import scalinglaws as sl
from scalinglaws import json_files
from scalinglaws.forecasting import flexible_law, posterior
from scalinglaws.forecasting.metric_scale import MetricScale
from scalinglaws.forecasting.run_rows import largest_runs
from tests.conftest import make_runs

FAR = {"N": 2e10, "D": 4e12}


def formula(theta: np.ndarray, n: np.ndarray, d: np.ndarray) -> np.ndarray:
    """The flexible law as its module states it, in complex numbers."""
    level, s, r = theta[0], 1 / (1 + np.exp(-theta[1])), 1 / (1 + np.exp(-theta[2]))
    a, b, g = np.exp(theta[3:])
    inner = r * np.exp(-a * n / g) + (1 - r) * np.exp(-b * d / g)
    return level + np.log(s + (1 - s) * inner**g)


def test_the_flexible_law_and_its_derivatives() -> None:
    """Against the formula, and its complex steps."""
    rng = np.random.default_rng(0)
    n, d = rng.uniform(-6, 4, (2, 50))
    for _ in range(20):
        theta = flexible_law.PRIOR_MEAN + rng.normal(size=6)
        value, jacobian = flexible_law.values_and_jacobian(theta, n, d)
        np.testing.assert_allclose(value, formula(theta, n, d), rtol=1e-12, atol=1e-13)
        for j, step in enumerate(1e-30j * np.eye(6)):
            exact = formula(theta + step, n, d).imag / 1e-30
            np.testing.assert_allclose(jacobian[:, j], exact, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("exponents", [(0.35, 0.37), (0.2, 0.5)])
def test_chinchilla_is_among_the_flexible_laws(exponents: tuple[float, float]) -> None:
    """With an outer power of one."""
    alpha, beta = exponents
    n, d = np.random.default_rng(1).uniform(-5, 5, (2, 30))
    e, a, b = 1.8, 0.3, 0.5
    loss = e + a * np.exp(-alpha * n) + b * np.exp(-beta * d)
    total = e + a + b
    theta = np.array([
        np.log(total), np.log(e / (a + b)), np.log(a / b), np.log(alpha), np.log(beta), 0.0,
    ])  # fmt: skip
    np.testing.assert_allclose(flexible_law.values(theta, n, d), np.log(loss), rtol=1e-12)


def test_the_minimum_is_one() -> None:
    """No descent from it, by another minimiser, gets lower."""
    rng = np.random.default_rng(2)
    points = rng.uniform([-6, -6], [0, 0], (30, 2))
    y = formula(np.array([1.0, 0.3, 0.2, -1.0, -1.2, -0.2]), *points.T)
    y = y + 0.004 * rng.standard_normal(30)
    covariance = np.eye(30) + 30 * posterior.correlation(points, points)
    model = posterior.Model(
        lambda theta: flexible_law.values_and_jacobian(theta, *points.T), posterior._starts(1.0),
        flexible_law.PRIOR_MEAN, np.diag(flexible_law.PRIOR_PRECISION), flexible_law.LOWER,
        flexible_law.UPPER,
    )  # fmt: skip
    target = posterior._Target(model, y, covariance)
    theta = target.minimise(model.starts, 60)
    value = float(target.expand(theta)[0][0])
    other = minimize(
        lambda t: float(target.expand(t[None])[0][0]), theta[0], method="Nelder-Mead",
        options={"maxiter": 4000, "xatol": 1e-9, "fatol": 1e-12},
    )  # fmt: skip
    assert other.fun > value - 1e-6


def test_the_law_error_is_conditioned_as_a_gaussian_process() -> None:
    """Mean and variance, against the textbook formulas for known coefficients."""
    rng = np.random.default_rng(3)
    points, y = rng.uniform(-5, 0, (12, 2)), rng.normal(0.5, 0.05, 12)
    found = posterior.infer(points, y, np.ones(12), 0.5, np.zeros(2))
    new = rng.uniform(-1, 3, (5, 2))
    law, jacobian = flexible_law.values_and_jacobian(found.theta, *points.T)
    there, jacobian_there = flexible_law.values_and_jacobian(found.theta, *new.T)
    covariance = np.diag(1 / found.weights)
    covariance += found.ratio * posterior.correlation(points, points)
    near = found.ratio * posterior.correlation(new, points)
    gain = near @ np.linalg.inv(covariance)
    moments = found.at(*new.T)
    np.testing.assert_allclose(moments.mean, there + gain @ (y - law), rtol=1e-9)
    error = found.noise * (found.ratio - np.sum(gain * near, axis=1))
    np.testing.assert_allclose(moments.law_error, error, rtol=1e-7)
    slope = jacobian_there - gain @ jacobian
    expected = np.sum((slope @ found.covariance) * slope, axis=1)
    np.testing.assert_allclose(moments.coefficients, expected, rtol=1e-7)
    step = 1e-6 * np.eye(12)[4]
    response = found.response(*new[0])[4]
    fixed = (there[0] + gain[0] @ (y + step - law) - moments.mean[0]) / 1e-6
    assert response == pytest.approx(
        fixed
        + slope[0] @ found.covariance @ jacobian.T @ np.linalg.inv(covariance)[4] / found.noise,
        rel=1e-6,
    )


# --- the forecast ----------------------------------------------------------------------------


def test_it_follows_the_runs_and_opens_beyond_them() -> None:
    """Inside the runs it is them; beyond, the interval widens and holds the law."""
    runs = make_runs(0.003)
    forecast = sl.forecast(runs, confidence_level=0.9)
    inside = forecast.predict(runs)
    assert isinstance(inside, pd.DataFrame)
    assert inside.index.equals(runs.index)
    assert np.sqrt(np.mean((inside["estimate"] / runs["loss"] - 1) ** 2)) < 0.004
    steps = [1, 10, 100]
    far = forecast.predict(
        N=[1e10 * np.sqrt(s) for s in steps], D=[1e12 * np.sqrt(s) for s in steps]
    )
    half = np.log(far.run_high / far.run_low)
    assert (np.diff(half) > 0).all()
    truth = 1.8172 + 482.01 / (1e10 * np.sqrt(steps)) ** 0.3478
    truth += 2085.43 / (1e12 * np.sqrt(steps)) ** 0.3658
    assert ((far.run_low < truth) & (truth < far.run_high)).all()
    np.testing.assert_allclose(
        far.share_coefficients + far.share_law_error + far.share_noise, 1.0, rtol=1e-12
    )
    assert (far.curve_low > far.run_low).all()
    assert (far.curve_high < far.run_high).all()


def test_neither_order_nor_unit_matters() -> None:
    """The same bits for another order; the same numbers in millions and in bits."""
    runs = make_runs(0.005).assign(C=lambda t: 6.3 * t["N"] * t["D"])
    repeats = [runs.assign(loss=runs["loss"] * k) for k in np.linspace(1, 1.01, 12)]
    for table in (runs, pd.concat(repeats, ignore_index=True)):
        plain = sl.forecast(table).predict(FAR)
        shuffled = sl.forecast(table.sample(frac=1, random_state=1)).predict(FAR)
        assert shuffled.run_high == plain.run_high
        units = table.assign(N=table["N"] / 1e6, D=table["D"] / 1e9, loss=table["loss"] / np.log(2))
        other = sl.forecast(units, units="trust").predict(N=FAR["N"] / 1e6, D=FAR["D"] / 1e9)
        assert other.run_high * np.log(2) == pytest.approx(plain.run_high, rel=1e-7)
        assert other.times_beyond == pytest.approx(plain.times_beyond, rel=1e-9)


@pytest.mark.parametrize("compute", [np.nan, 0.0, "unknown"])
def test_compute_that_is_not_there_for_every_run(compute: object) -> None:
    """It is not used, and that is said."""
    runs = make_runs(0.003)
    some = runs.assign(C=(7 * runs["N"] * runs["D"]).astype(object))
    some.loc[3, "C"] = compute
    forecast = sl.forecast(some)
    assert forecast.predict(FAR).estimate == sl.forecast(runs).predict(FAR).estimate
    assert forecast.facts == ("C is 6ND: no single column has a positive compute for every run.",)


def test_compute_in_whole_numbers_does_not_overflow() -> None:
    """6ND of Chinchilla's runs is beyond 64 bits."""
    runs = make_runs().assign(
        N=lambda t: t["N"].astype("int64"), D=lambda t: t["D"].astype("int64")
    )
    assert sl.forecast(runs).predict(N=10**10, D=10**12).times_beyond == pytest.approx(1.0)


def test_an_outlier_hardly_moves_it() -> None:
    """A run that is 20 % off counts for little."""
    runs = make_runs(0.003)
    plain = sl.forecast(runs).predict(FAR).estimate
    worse = runs.assign(loss=runs["loss"].where(runs.index != 20, runs["loss"] * 1.2))
    assert sl.forecast(worse).predict(FAR).estimate == pytest.approx(plain, rel=0.004)


def test_weights() -> None:
    """Weights of zero leave runs out; a common factor does not matter."""
    runs = make_runs(0.005)
    weights = np.where(np.arange(len(runs)) % 3 == 0, 0.0, 4.0)
    left = sl.forecast(runs[weights > 0]).predict(FAR)
    weighted = sl.forecast(runs.assign(w=weights), weights="w").predict(FAR)
    assert weighted.run_low == pytest.approx(left.run_low, rel=1e-12)


def test_a_rising_metric_is_its_inverse() -> None:
    """Forecasts of 1/loss are those of the loss."""
    runs = make_runs(0.005)
    loss = sl.forecast(runs).predict(FAR)
    score = sl.forecast(runs.assign(score=1 / runs["loss"]), y="score").predict(FAR)
    assert 1 / score.estimate == pytest.approx(loss.estimate, rel=1e-9)
    assert 1 / score.run_high == pytest.approx(loss.run_low, rel=1e-9)


def test_a_bounded_metric_stays_inside() -> None:
    """Accuracies from chance to one."""
    runs = make_runs()
    runs["accuracy"] = 0.25 + 0.75 / (1 + np.exp(6 * (runs["loss"] - 2.4)))
    found = sl.forecast(runs, y="accuracy", limits=(0.25, 1.0)).predict(FAR)
    truth = 0.25 + 0.75 / (
        1 + np.exp(6 * (1.8172 + 482 / 2e10**0.3478 + 2085 / 4e12**0.3658 - 2.4))
    )
    assert runs["accuracy"].max() < found.estimate < found.run_high < 1
    assert found.run_low < truth < found.run_high


def test_runs_near_chance_count_for_little(tmp_path: Path) -> None:
    """Their log-odds are far off, and hardly known."""
    rng = np.random.default_rng(0)
    n = 10 ** rng.uniform(7, 9, 12)
    d = n * 10 ** rng.uniform(0.8, 2.2, 12)
    loss = (1.8 + 480 / n**0.35 + 2100 / d**0.37) * np.exp(0.004 * rng.standard_normal(12))
    runs = pd.DataFrame({"N": n, "D": d, "accuracy": 0.25 + 0.75 / (1 + np.exp(4 * (loss - 2.6)))})
    forecast = sl.forecast(runs, limits=(0.25, 1.0))
    truth = 0.25 + 0.75 / (1 + np.exp(4 * (1.8 + 480 / 1.8e9**0.35 + 2100 / 1e11**0.37 - 2.6)))
    found = forecast.predict(N=1.8e9, D=1e11)
    assert found.estimate == pytest.approx(truth, abs=0.06)
    forecast.save(tmp_path / "f.json")
    assert sl.load(tmp_path / "f.json").predict(N=1.8e9, D=1e11) == found


@pytest.mark.parametrize("falls", [True, False])
@pytest.mark.parametrize("limits", [(None, None), (0.1, None), (None, 1.0), (0.1, 1.0)])
def test_metric_scales(falls: bool, limits: tuple[float | None, float | None]) -> None:
    """One to one, and falling as the metric improves."""
    scale = MetricScale.of(falls, limits)
    y = np.linspace(0.2, 0.9, 8)
    score = scale.forward(y)
    np.testing.assert_allclose(scale.back(score), y, rtol=1e-12)
    assert (np.diff(score) > 0).all() == falls
    low, high = scale.interval(score - 0.1, score + 0.1)
    assert (low < y).all()
    assert (y < high).all()


# --- rows ------------------------------------------------------------------------------------


def test_the_last_checkpoint_of_each_run_is_used() -> None:
    """And said."""
    last = make_runs(0.003).assign(run=lambda t: [f"r{k}" for k in t.index])
    early = last.assign(D=last["D"] / 3, loss=last["loss"] * 1.2)
    forecast = sl.forecast(pd.concat([last, early], ignore_index=True))
    assert forecast.predict(FAR).estimate == sl.forecast(last).predict(FAR).estimate
    assert "36 earlier ones left out" in " ".join(forecast.facts)


def test_large_tables_are_thinned() -> None:
    """Those of largest compute stay, and hardly anything changes."""
    rng = np.random.default_rng(4)
    n, d = 10 ** rng.uniform([[7], [9]], [[9.5], [11.5]], (2, 2000))
    loss = (1.8 + 480 / n**0.35 + 2100 / d**0.37) * np.exp(0.004 * rng.standard_normal(2000))
    runs = pd.DataFrame({"N": n, "D": d, "loss": loss})
    forecast = sl.forecast(runs)
    largest = runs.index[np.argsort(n * d)[-150:]]
    assert forecast.n == 300
    assert set(largest) <= set(forecast.rows.index)
    assert "300 runs of 2,000" in " ".join(forecast.facts)
    truth = 1.8 + 480 / 5e9**0.35 + 2100 / 5e11**0.37
    assert forecast.predict(N=5e9, D=5e11).estimate == pytest.approx(truth, rel=0.01)


def test_equal_runs_share_the_anchor() -> None:
    """Runs of the largest compute stand together, whatever their order."""
    np.testing.assert_array_equal(
        largest_runs(np.array([1, 5, 5, 5, 2, 5.0, 1])), [0, 1, 1, 1, 0, 1, 0]
    )


@pytest.mark.parametrize(("change", "message"), [
    (lambda t: t.head(5), "needs 6 runs or more; the table has 5 runs"),
    (lambda t: t[t["N"] < 1e8], r"same size N .*two \(10M and 39.8M\).*how 'loss' falls with N"),
    (lambda t: t[t["D"] < 1e10], "number of tokens D.*falls with D"),
    (lambda t: t.assign(D=1e21 / t["N"]), "nearly the same compute .*how 'loss' changes with"),
    (lambda t: t.drop(columns="D"), r"A forecast needs D \(training tokens\)"),
])  # fmt: skip
def test_refusals_say_why(change: object, message: str) -> None:
    """What the table leaves open."""
    with pytest.raises(sl.DataError, match=message):
        sl.forecast(change(make_runs()))  # type: ignore[operator]


def test_a_loss_that_rises_is_doubted() -> None:
    """It may be a score."""
    with pytest.warns(sl.DataWarning, match="'loss' rises with N and D"):
        sl.forecast(make_runs().assign(loss=lambda t: 1 / t["loss"]))


def test_one_ratio_is_said() -> None:
    """A ladder of one D/N is forecast, and where that holds is said."""
    n = np.geomspace(1e7, 1e9, 8)
    runs = pd.DataFrame(
        {"N": n, "D": 20 * n, "loss": 1.8 + 480 / n**0.35 + 2100 / (20 * n) ** 0.37}
    )
    assert "20 tokens per parameter" in sl.forecast(runs).facts[0]


@pytest.mark.parametrize(("options", "error", "message"), [
    ({"columns": {"E": "x"}}, ValueError, "names 'E'; a forecast has N, D and C"),
    ({"columns": "N"}, TypeError, "must map variables"),
    ({"limits": (1, 0)}, ValueError, "the lower first"),
    ({"limits": 3}, ValueError, r"is \(low, high\)"),
    ({"limits": (2.5, None)}, sl.DataError, "not between the `limits`"),
    ({"missing": "no"}, ValueError, "`missing` must be"),
    ({"confidence_level": 95}, ValueError, "between 0 and 1"),
])  # fmt: skip
def test_options_are_checked(
    options: dict[str, object], error: type[Exception], message: str
) -> None:
    """Misspelt or impossible ones."""
    with pytest.raises(error, match=message):
        sl.forecast(make_runs(), **options)  # type: ignore[arg-type]


# --- points ----------------------------------------------------------------------------------


def test_points_by_any_two_of_n_d_and_c() -> None:
    """As numbers, text, mappings, or tables under the names of the runs' table."""
    runs = make_runs(0.003).rename(columns={"N": "params", "D": "tokens"})
    forecast = sl.forecast(runs)
    plain = forecast.predict(N=2e10, D=4e12)
    for other in (
        forecast.predict(N="20B", D="4T"),
        forecast.predict({"params": 2e10, "D": 4e12}),
        forecast.predict(N="20B", C=6 * 2e10 * 4e12),
        forecast.predict(D=4e12, C=6 * 2e10 * 4e12),
    ):
        assert other.estimate == pytest.approx(plain.estimate, rel=1e-12)
        assert other.times_beyond == pytest.approx(8.0)
    frame = forecast.predict(pd.DataFrame({"params": [2e10], "tokens": [4e12]}, index=["big"]))
    assert frame.loc["big", "run_low"] == plain.run_low
    grid = forecast.predict(N=[[2e10], [1e10]], D=[4e12, 5e12, 6e12])
    assert grid.estimate.shape == (2, 3)
    assert len(forecast.predict(frame.assign(N=1e10, D=1e12).iloc[:0])) == 0


@pytest.mark.parametrize(("points", "message"), [
    ({"N": 1e9}, "needs N and D"), ({"N": 1e9, "D": -1}, "D must be positive"),
    ({"N": 1e9, "D": "many"}, "not a number"), ({"N": 1e9, "D": 1e9, "E": 1}, "no variable 'E'"),
])  # fmt: skip
def test_points_are_checked(points: dict[str, object], message: str) -> None:
    """A forecast needs two numbers."""
    with pytest.raises(ValueError, match=message):
        sl.forecast(make_runs()).predict(points)


def test_where_it_is_not_usable_it_says_so() -> None:
    """By a warning, and in the status."""
    forecast = sl.forecast(make_runs(0.02).iloc[::4])
    assert 1 < forecast.usable_to / forecast.rows.largest < 200
    assert "wider than ±10 %" in forecast.status
    with pytest.warns(sl.ExtrapolationWarning, match="not usable at .* points"):
        forecast.predict(N=1e12, D=1e14)
    precise = sl.forecast(make_runs(0.0005))
    assert "farthest at which forecasts were tested" in precise.status


def test_saved_and_loaded(tmp_path: Path) -> None:
    """The same bits."""
    runs = make_runs(0.003).assign(run=lambda t: t.index // 2, C=lambda t: 6.5 * t["N"] * t["D"])
    runs.loc[3, "loss"] = np.nan
    with pytest.warns(sl.DataWarning):
        forecast = sl.forecast(runs, missing="drop", confidence_level=0.8)
    forecast.save(tmp_path / "f.json")
    loaded = sl.load(tmp_path / "f.json")
    assert isinstance(loaded, sl.Forecast)
    assert loaded.predict(FAR).run_low == forecast.predict(FAR).run_low
    assert loaded.facts == forecast.facts
    assert str(loaded) == str(forecast)
    pd.testing.assert_series_equal(loaded.params, forecast.params)
    text = (tmp_path / "f.json").read_text().replace('"schema": 1', '"schema": 2')
    (tmp_path / "g.json").write_text(text)
    with pytest.raises(sl.FileFormatError, match="has schema 2"):
        sl.load(tmp_path / "g.json")
    text = text.replace('"schema": 2', '"schema": 1').replace('"N"', '"X"')
    (tmp_path / "h.json").write_text(text)
    with pytest.raises(sl.FileFormatError, match="was changed after it was saved"):
        sl.load(tmp_path / "h.json")
    values = json.loads(text)
    (tmp_path / "h.json").write_text(json.dumps({**values, "hash": json_files.digest(values)}))
    with pytest.raises(sl.FileFormatError, match="is damaged: 'N' is missing"):
        sl.load(tmp_path / "h.json")


@pytest.mark.parametrize("worst", [-1.0, 0.0, 2.5])
def test_a_saved_metric_lies_between_its_limits(tmp_path: Path, worst: float) -> None:
    """A worst value on the wrong side of the runs has no scale."""
    path = tmp_path / "f.json"
    sl.forecast(make_runs(0.003)).save(path)
    values = json.loads(path.read_text())
    values["scale"]["worst"] = worst
    path.write_text(json.dumps({**values, "hash": json_files.digest(values)}))
    with pytest.raises(sl.FileFormatError, match="the metric is outside its limits"):
        sl.load(path)


def test_runs_of_tiny_sizes() -> None:
    """The product of size and tokens is zero in floating point; the page is still written."""
    runs = make_runs(0.003).assign(N=lambda t: 1e-300 * t["N"])
    forecast = sl.forecast(runs, units="trust")
    assert "forecast" in forecast._repr_html_()
    given = runs.assign(C=lambda t: 6e300 * t["N"] * t["D"])
    with pytest.warns(sl.ExtrapolationWarning, match="not usable"):
        assert not sl.forecast(given, units="trust").predict(N=1e10, D=1e12).usable


def test_words() -> None:
    """The answer first, and everything within a line of 88 characters."""
    forecast = sl.forecast(make_runs(0.003))
    text = str(forecast)
    assert text.startswith("Forecast of loss from 36 runs: ")
    assert "the largest run. Usable to " in " ".join(text.split())
    point = str(forecast.predict(FAR))
    assert point.startswith("loss 1.")
    assert "8 times the largest run" in point
    assert max(map(len, f"{text}\n{point}".splitlines())) <= 88
    assert "<script" not in forecast._repr_html_()
    hostile = make_runs().rename(columns={"loss": "<b>"})
    assert "Forecast of <b>" not in sl.forecast(hostile, y="<b>")._repr_html_()
    assert "&lt;b&gt;" in sl.forecast(hostile, y="<b>")._repr_html_()


@pytest.mark.parametrize("seed", range(4))
def test_random_tables_never_fail(seed: int) -> None:
    """Any positive numbers either make a finite forecast, or are refused with a reason."""
    rng = np.random.default_rng(seed)
    for _ in range(15):
        size = int(rng.integers(3, 80))
        n, d = 10 ** rng.uniform(2, 13, (2, size))
        if rng.random() < 0.5:
            n, d = rng.choice(n, size), rng.choice(d, size)
        y = np.exp(rng.normal(0, 10 ** rng.uniform(-5, 1), size)) * n ** rng.normal(-0.1, 0.2)
        runs = pd.DataFrame({"N": n, "D": d, "metric": y})
        try:
            found = sl.forecast(runs, y="metric", units="trust")
        except sl.DataError:
            continue
        outlook = found.outlook(
            {"N": np.array(1e10), "D": np.array(1e12), "C": np.array(6e22)}, 0.9
        )
        assert 0 < outlook.run_low <= outlook.estimate <= outlook.run_high


def test_the_run_that_decides() -> None:
    """It is found, and the forecast without it is the one that is told."""
    runs = make_runs(0.003).iloc[[0, 5, 7, 9, 14, 16, 21, 23, 28, 30]]
    last = runs["N"].mul(runs["D"]).idxmax()
    runs.loc[last, "loss"] *= 0.97
    found = sl.forecast(runs).deciding_run(N=1e10, D=1e13)
    without = sl.forecast(runs.drop(index=found.run)).predict(N=1e10, D=1e13)
    assert found.without == pytest.approx(without.estimate, rel=1e-12)
    changes = []
    for label in runs.index:
        again = sl.forecast(runs.drop(index=label)).predict(N=1e10, D=1e13).estimate
        changes.append(abs(np.log(again / found.estimate)))
    assert found.run == runs.index[int(np.argmax(changes))]
    assert str(found.run) in str(found)
    with pytest.raises(ValueError, match="takes one point"):
        sl.forecast(runs).deciding_run(N=[1e9, 1e10], D=1e12)  # type: ignore[arg-type]


def test_reach_is_the_inverse() -> None:
    """Of the estimate and of the ends of the curve's interval; infinite below the floor."""
    forecast = sl.forecast(make_runs(0.003), confidence_level=0.9)
    found = forecast.reach(2.05, ratio=100)
    sizes, tokens = forecast.rows.path(np.array([found.low, found.estimate, found.high]), 100)
    there = forecast.predict(N=sizes, D=tokens)
    assert there.curve_low[0] == pytest.approx(2.05, rel=1e-4)
    assert there.estimate[1] == pytest.approx(2.05, rel=1e-4)
    assert there.curve_high[2] == pytest.approx(2.05, rel=1e-4)
    assert found.low < found.estimate < found.high
    assert str(found).startswith("loss 2.05 is reached at C ")
    never = forecast.reach(0.5)
    assert np.isinf([never.low, never.estimate, never.high]).all()
    assert "is not reached up to" in str(never)
    rising = sl.forecast(make_runs(0.003).assign(score=lambda t: 1 / t["loss"]), y="score")
    same = rising.reach(1 / 2.05, ratio=100, confidence_level=0.9)
    assert same.estimate == pytest.approx(found.estimate, rel=1e-4)
    assert same.high == pytest.approx(found.high, rel=1e-4)


def test_a_diverged_run_is_named_and_does_not_widen_the_interval() -> None:
    """However far off it is: its weight falls until it no longer counts."""
    rng = np.random.default_rng(0)
    N, D = np.exp(rng.uniform(16, 21, 24)), np.exp(rng.uniform(20, 24, 24))
    loss = (1.8 + 480 / N**0.35 + 2085 / D**0.37) * np.exp(0.004 * rng.standard_normal(24))
    runs = pd.DataFrame({"N": N, "D": D, "loss": loss})
    clean = sl.forecast(runs).predict(N=4e9, D=2e11)
    for factor in (1.3, 3.0, 20.0):
        bad = runs.assign(loss=np.where(np.arange(24) == 7, factor * loss, loss))
        forecast = sl.forecast(bad)
        found = forecast.predict(N=4e9, D=2e11)
        assert any("Row 7: far off the forecast" in fact for fact in forecast.facts)
        assert found.half_width < 1.5 * clean.half_width
        assert abs(np.log(found.estimate / clean.estimate)) < 0.02
