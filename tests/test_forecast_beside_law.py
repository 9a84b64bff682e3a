"""The forecast beside the prediction of a law."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import scalinglaws as sl
from scalinglaws.forecasting.beside_law import is_disputed
from tests.conftest import make_runs


@pytest.fixture(scope="module")
def runs() -> pd.DataFrame:
    """A grid under the chinchilla law."""
    return make_runs(0.004, seed=3)


@pytest.fixture(scope="module")
def fit(runs: pd.DataFrame) -> sl.Fit:
    """The law that is true."""
    return sl.fit(runs, "chinchilla")


def test_a_prediction_has_the_forecast_beside_it(runs: pd.DataFrame, fit: sl.Fit) -> None:
    """That of the same runs, at the same level; in the text too."""
    found = fit.predict(N="30B", D="3T", confidence_level=0.8)
    assert isinstance(found, sl.Prediction)
    expected = sl.forecast(runs).predict(N=3e10, D=3e12, confidence_level=0.8)
    assert found.forecast.estimate == expected.estimate
    assert found.forecast.run_low == expected.run_low
    assert found.disputed is False
    assert f" {expected.estimate:.3f} (80 % prediction interval" in str(found)
    assert "not disputed by the forecast" in str(found)
    assert "disputed" not in found.to_frame()
    again = pickle.loads(pickle.dumps(found))
    assert again.forecast.estimate == expected.estimate


def test_it_is_made_when_asked_for_and_once(runs: pd.DataFrame) -> None:
    """A prediction alone makes none."""
    fit = sl.fit(runs, "chinchilla")
    found = fit.predict(N=3e10, D=3e12)
    assert "forecast" not in fit.__dict__
    assert isinstance(found, sl.Prediction)
    first = found.forecast
    assert fit.__dict__["forecast"] is fit.forecast
    assert found.forecast is first


def test_a_wrong_law_is_disputed(runs: pd.DataFrame) -> None:
    """By the rule, in frames too."""
    fit = sl.fit(runs, "power")
    points = pd.DataFrame({"N": [1e9, 1e12], "D": [1e11, 1e14]}, index=["near", "far"])
    with pytest.warns(sl.ExtrapolationWarning):
        frame = fit.predict(points, forecast=True)
    with pytest.warns(sl.ExtrapolationWarning):
        law = fit.predict(points.to_dict("list"), confidence_level=0.9)
    assert isinstance(frame, pd.DataFrame)
    arrays = {name: points[name].to_numpy() for name in points}
    arrays["C"] = 6 * arrays["N"] * arrays["D"]
    assert list(frame["disputed"]) == list(is_disputed(fit.forecast, arrays, law))
    assert frame.loc["far", "disputed"]
    np.testing.assert_allclose(frame["forecast"], fit.forecast.outlook(arrays, 0.95).estimate)
    assert (frame["forecast_low"] < frame["forecast"]).all()
    with pytest.warns(sl.ExtrapolationWarning):
        assert "disputed by the forecast" in str(fit.predict(N=1e12, D=1e14))


def test_a_loaded_fit_has_the_same(fit: sl.Fit, tmp_path: Path) -> None:
    """From its stored runs."""
    fit.save(tmp_path / "fit.json")
    loaded = sl.load(tmp_path / "fit.json")
    point = {"N": 3e10, "D": 3e12}
    assert loaded.predict(point).forecast.estimate == fit.predict(point).forecast.estimate


@pytest.mark.parametrize(("law", "change", "reason"), [
    ("power-floor", lambda t: t[["D", "loss"]], "the law has no N"),
    ("power", lambda t: t.head(5), "needs 6 runs"),
    ("loss ~ E + A/N**a + B/D**b + F*Q", lambda t: t.assign(Q=np.arange(36.0) + 1), "also has Q"),
    ("loss ~ E[g] + A/N**a + B/D**b", lambda t: t.assign(g=["a", "b"] * 18), "also has g"),
])  # fmt: skip
@pytest.mark.filterwarnings("ignore::scalinglaws.ScalingLawWarning")
def test_none_can_be_made(law: str, change: object, reason: str, runs: pd.DataFrame) -> None:
    """NaN, with the reason; the property of the fit raises it."""
    columns = {"Q": "Q"} if "Q" in law else None
    table = change(runs)  # type: ignore[operator]
    fit = sl.fit(table, law, columns=columns)
    found = fit.predict(table.iloc[0][[*fit.law.variables, *fit.law.group_columns]].to_dict())
    assert isinstance(found, sl.Prediction)
    assert np.isnan(found.forecast.estimate)
    assert found.disputed is None
    assert reason in found.forecast.reason
    assert reason in str(found.forecast)
    assert "by the forecast" not in str(found)
    with pytest.raises(sl.DataError, match=reason):
        _ = fit.forecast
    with pytest.warns(sl.DataWarning, match="There is no forecast of these runs"):
        frame = fit.predict(table.head(2), forecast=True)
    assert frame["disputed"].isna().all()


def test_a_chain_has_none(runs: pd.DataFrame) -> None:
    """Only a fitted law has one."""
    prediction = sl.Prediction(1.0, 0.9, 1.1, 0.8, 1.2, 2.0, 0.95)
    assert prediction.disputed is None
    assert "only a law that was fitted" in prediction.forecast.reason
