"""What must not change the answer does not, and what must does so in the right way."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import scalinglaws as sl
from scalinglaws.numerals import format_compute, format_count, format_to, parse_number
from tests.conftest import make_runs

LAWS = st.sampled_from(["power", "chinchilla"])
SEEDS = st.integers(0, 10_000)


def _fit(runs: pd.DataFrame, law: str, **options: object) -> sl.Fit:
    columns = {"N": "N", "D": "D"} if law == "power" else None
    return sl.fit(runs, law, columns=columns, units="trust", **options)  # type: ignore[arg-type]


@given(seed=SEEDS, law=LAWS)
def test_row_order_does_not_matter(seed: int, law: str) -> None:
    """A shuffled table has the same fit."""
    runs = make_runs(noise=0.005, seed=seed)
    shuffled = runs.sample(frac=1.0, random_state=seed)

    first, second = _fit(runs, law), _fit(shuffled, law)

    np.testing.assert_allclose(first.params, second.params, rtol=1e-6)
    assert first.objective_value == pytest.approx(second.objective_value, rel=1e-11)
    np.testing.assert_allclose(
        first.residuals, second.residuals.loc[first.residuals.index], atol=1e-9
    )


@given(seed=SEEDS, n_unit=st.sampled_from([1e3, 1e6, 1e9]), d_unit=st.sampled_from([1e6, 1e9]))
def test_units_of_the_variables_change_amplitudes_only(
    seed: int, n_unit: float, d_unit: float
) -> None:
    """A' = A * unit^-alpha; exponents, floor, objective and predictions stay."""
    runs = make_runs(noise=0.005, seed=seed)
    scaled = runs.assign(N=runs["N"] / n_unit, D=runs["D"] / d_unit)

    plain = _fit(runs, "chinchilla")
    with_units = _fit(scaled, "chinchilla")

    assert with_units.objective_value == pytest.approx(plain.objective_value, rel=1e-11)
    for name in ("E", "alpha", "beta"):
        assert with_units.params[name] == pytest.approx(plain.params[name], rel=1e-6)
    expected = plain.params["A"] * n_unit ** -plain.params["alpha"]
    assert with_units.params["A"] == pytest.approx(expected, rel=1e-5)


@given(seed=SEEDS, factor=st.floats(0.01, 100.0))
def test_units_of_the_loss_scale_the_coefficients(seed: int, factor: float) -> None:
    """Nats or bits: E, A and B scale, exponents and log residuals stay."""
    runs = make_runs(noise=0.005, seed=seed)

    plain = _fit(runs, "chinchilla")
    scaled = _fit(runs.assign(loss=runs["loss"] * factor), "chinchilla")

    assert scaled.objective_value == pytest.approx(plain.objective_value, rel=1e-11)
    assert scaled.params["E"] == pytest.approx(factor * plain.params["E"], rel=1e-6)
    assert scaled.params["alpha"] == pytest.approx(plain.params["alpha"], rel=1e-6)


@given(seed=SEEDS, law=LAWS, delta=st.sampled_from([1e-3, 1e-2]))
def test_weights_are_repetitions(seed: int, law: str, delta: float) -> None:
    """A weight of three is three copies: same estimates, same objective."""
    runs = make_runs(noise=0.005, seed=seed)
    counts = np.random.default_rng(seed).integers(1, 4, len(runs))
    copies = runs.loc[runs.index.repeat(counts)].reset_index(drop=True)
    options = {} if law == "power" else {"objective": "huber", "delta": delta}

    weighted = _fit(runs, law, weights=counts.astype(float), **options)
    with pytest.warns(sl.DataWarning, match="repeat another run"):
        repeated = _fit(copies, law, **options)

    assert weighted.objective_value == pytest.approx(repeated.objective_value, rel=1e-10)
    np.testing.assert_allclose(weighted.params, repeated.params, rtol=1e-5)


@given(seed=SEEDS, law=LAWS)
def test_json_round_trip_is_exact(seed: int, law: str) -> None:
    """Every number comes back as it was."""
    fit = _fit(make_runs(noise=0.01, seed=seed), law)

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fit.json"
        fit.save(path)
        back = sl.load(path)

    pd.testing.assert_frame_equal(back.table, fit.table, check_exact=True)
    pd.testing.assert_series_equal(back.residuals, fit.residuals, check_exact=True)
    assert back.summary() == fit.summary()
    assert back.predict(N=1e10, D=1e12) == fit.predict(N=1e10, D=1e12)


@given(
    seed=SEEDS,
    n=st.floats(1e7, 1e11),
    d=st.floats(1e9, 1e13),
    factor=st.floats(1.01, 10.0),
)
def test_predictions_fall_with_size(seed: int, n: float, d: float, factor: float) -> None:
    """More parameters and more data never raise a chinchilla prediction."""
    fit = _fit(make_runs(noise=0.005, seed=seed % 5), "chinchilla")

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sl.ExtrapolationWarning)
        here = fit.predict(N=n, D=d)
        larger = fit.predict(N=n * factor, D=d)
        longer = fit.predict(N=n, D=d * factor)

    assert larger.estimate <= here.estimate
    assert longer.estimate <= here.estimate
    assert here.run_low <= here.curve_low <= here.estimate <= here.curve_high <= here.run_high


@given(value=st.floats(1e-2, 1e14))
def test_counts_round_trip_through_text(value: float) -> None:
    """format_count and parse_number are inverse to three digits."""
    assert parse_number(format_count(value)) == pytest.approx(value, rel=5.1e-3)


@given(value=st.floats(1e-30, 1e30))
def test_compute_round_trips_through_text(value: float) -> None:
    """format_compute likewise."""
    assert parse_number(format_compute(value)) == pytest.approx(value, rel=5.1e-3)


@given(value=st.floats(1e-6, 1e12), share=st.floats(1e-4, 10.0))
def test_rounding_by_the_error_keeps_what_matters(value: float, share: float) -> None:
    """The rounded number is within a tenth of a standard error, or two digits of the value."""
    error = value * share
    rounded = parse_number(format_to(value, error))

    assert abs(rounded - value) <= max(0.1 * error, 0.06 * value)
