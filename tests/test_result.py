"""The object that comes back: tables, text, files, predictions."""

from __future__ import annotations

import dataclasses
import pickle
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import scalinglaws as sl
from tests.conftest import make_runs

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(scope="module")
def fit() -> sl.Fit:
    """A clean fit of noisy runs."""
    runs = make_runs(noise=0.005)
    runs.index = pd.Index([f"r{k}" for k in range(len(runs))], name="run")
    return sl.fit(runs, "chinchilla")


@pytest.fixture(scope="module")
def doubtful() -> sl.Fit:
    """A fit in which b, c and d cannot be told apart."""
    runs = make_runs(noise=0.01)
    with pytest.warns(sl.IdentifiabilityWarning):
        return sl.fit(runs.assign(C=6.0 * runs["N"] * runs["D"]), "power")


def test_the_surface(fit: sl.Fit) -> None:
    """What a user reaches for is there, as pandas objects."""
    assert isinstance(fit.params, pd.Series)
    assert list(fit.table.columns) == ["estimate", "std_error", "low", "high", "status"]
    assert fit.table.index.name == "parameter"
    assert fit.status is sl.Status.CONVERGED
    assert fit.status.good
    assert fit.residuals.index.equals(fit.runs.index)
    assert fit.n == 36
    assert fit.dropped.empty
    assert (fit.table["low"] < fit.table["estimate"]).all()
    assert (fit.table["estimate"] < fit.table["high"]).all()


def test_residuals_are_observed_minus_fitted(fit: sl.Fit) -> None:
    """In logarithms by default."""
    observed = fit.runs.frame()["loss"]

    np.testing.assert_allclose(fit.residuals, np.log(observed / fit.fitted), rtol=1e-12)
    level = sl.fit(fit.runs.frame(), "chinchilla", scale="level")
    np.testing.assert_allclose(level.residuals, observed - level.fitted, atol=1e-15)


def test_a_fit_does_not_change(fit: sl.Fit) -> None:
    """It is frozen."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        fit.method = "other"  # type: ignore[misc]


def test_a_fit_pickles(fit: sl.Fit, doubtful: sl.Fit) -> None:
    """And says the same afterwards."""
    for one in (fit, doubtful):
        back = pickle.loads(pickle.dumps(one))
        assert back.summary() == one.summary()


# --- text and HTML ---------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["fit", "doubtful"])
@pytest.mark.parametrize("kind", ["txt", "html"])
def test_golden_text(
    which: str, kind: str, request: pytest.FixtureRequest, pytestconfig: pytest.Config
) -> None:
    """What a user sees, whole; read these files, and delete one to have it written anew."""
    one: sl.Fit = request.getfixturevalue(which)
    text = one.summary() if kind == "txt" else one._repr_html_()
    # the predicted decrease is rounding, and differs between machines
    text = re.sub(r"(relative\s+decrease )[^)]+", r"\g<1>0e+00", text)
    file = GOLDEN / f"{which}.{kind}"
    if not file.exists():
        file.write_text(text + "\n", encoding="utf-8")
        pytest.fail(f"{file} was missing; it is written now: read it")

    assert text + "\n" == file.read_text(encoding="utf-8")


def test_the_summary_is_at_most_a_screen(fit: sl.Fit, doubtful: sl.Fit) -> None:
    """Twenty-eight lines of at most 88 characters."""
    for one in (fit, doubtful):
        lines = one.summary().splitlines()
        assert len(lines) <= 28
        assert max(map(len, lines)) <= 88
        assert repr(one) == one.summary()


def test_text_and_html_say_the_same(doubtful: sl.Fit) -> None:
    """One list of facts."""
    html = doubtful._repr_html_()

    assert doubtful.status.value in html
    for name in doubtful.identified.index:
        assert name in html


def test_every_status_is_a_sentence() -> None:
    """The members' values are what a person reads."""
    for status in sl.Status:
        assert status.value[0].isupper()
        assert status.value.endswith(".")
        assert str(status) == status.value
        assert status.good == (status is sl.Status.CONVERGED)


# --- predictions -----------------------------------------------------------------------------


def test_scalars_arrays_and_frames_keep_their_shape(fit: sl.Fit) -> None:
    """The same shape out as in."""
    scalar = fit.predict(N="70B", D=1.4e12)
    array = fit.predict(N=np.full((2, 3), 70e9), D=1.4e12)
    frame = pd.DataFrame({"N": [70e9, 7e9], "D": [1.4e12, 2e12]}, index=["a", "b"])
    table = fit.predict(frame)

    assert isinstance(scalar, sl.Prediction)
    assert isinstance(scalar.estimate, float)
    assert array.estimate.shape == (2, 3)
    assert isinstance(table, pd.DataFrame)
    assert list(table.index) == ["a", "b"]
    assert list(table.columns) == [
        "estimate", "curve_low", "curve_high", "run_low", "run_high", "times_beyond", "leverage",
    ]  # fmt: skip
    np.testing.assert_allclose(array.estimate, scalar.estimate)
    assert table.loc["a", "curve_low"] == scalar.curve_low


def test_the_two_intervals_are_nested(fit: sl.Fit) -> None:
    """A new run scatters around the curve."""
    found = fit.predict(N=1e9, D=1e11)

    assert found.run_low < found.curve_low < found.estimate < found.curve_high < found.run_high
    wide = fit.predict(N=1e9, D=1e11, confidence_level=0.99)
    assert wide.curve_low < found.curve_low


def test_the_distance_beyond_the_data_is_stated(fit: sl.Fit) -> None:
    """In multiples of the largest run's compute."""
    inside = fit.predict(N=1e8, D=1e10)
    outside = fit.predict(N=2e10, D=1e12)

    assert inside.times_beyond < 1
    assert "inside the range" in str(inside)
    assert outside.times_beyond == pytest.approx(2.0)
    assert "2 times the largest fitted run" in str(outside)
    tiny = fit.predict(N=7, D=1e10)
    assert "none, but N lies outside the range of the fitted runs" in " ".join(str(tiny).split())


def test_frames_may_use_the_tables_own_names() -> None:
    """A table like the fitted one is understood."""
    runs = make_runs(noise=0.005).rename(columns={"N": "params", "D": "tokens"})
    fit = sl.fit(runs, "chinchilla")

    pd.testing.assert_series_equal(fit.predict(runs)["estimate"], fit.fitted, check_names=False)
    assert fit.predict(params=1e9, tokens=1e10) == fit.predict(N=1e9, D=1e10)


def test_what_the_law_does_not_use_may_be_given() -> None:
    """N and D are offered to a law in N alone."""
    runs = make_runs(noise=0.005)
    fit = sl.fit(runs[runs["D"] == runs["D"].max()], "loss ~ E + A/N**alpha")

    assert fit.predict(N=1e9, D=1e12) == fit.predict(N=1e9)


def test_tables_of_held_out_runs_may_be_mappings() -> None:
    """The performance is in them as well."""
    runs = make_runs(noise=0.005)
    fit, forecast = sl.fit(runs, "chinchilla"), sl.forecast(runs)
    table = runs[["N", "D", "loss"]].to_dict("list")
    np.testing.assert_allclose(fit.predict(table).estimate, fit.fitted)
    np.testing.assert_allclose(
        forecast.predict(table).estimate, forecast.predict(runs)["estimate"], rtol=1e-12
    )
