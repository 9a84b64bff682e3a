"""Units, bounded performances and their noise."""

from __future__ import annotations

import warnings
from fractions import Fraction
from math import comb

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import scalinglaws as sl
from scalinglaws import metrics


@given(st.floats(0.01, 20), st.floats(0.5, 20))
def test_units_of_the_loss_are_inverse_to_each_other(loss: float, bytes_per_token: float) -> None:
    bits = metrics.bits_per_byte(loss, bytes_per_token)

    assert metrics.loss_from_bits_per_byte(bits, bytes_per_token) == pytest.approx(loss, rel=1e-14)
    assert metrics.loss_from_perplexity(metrics.perplexity(loss)) == pytest.approx(loss, rel=1e-13)
    # 2^(bits of a token) is the perplexity
    assert 2 ** (bits * bytes_per_token) == pytest.approx(metrics.perplexity(loss), rel=1e-12)


def test_binomial_std_error_is_the_usual_one_with_many_questions() -> None:
    """And not zero at the ends."""
    share = np.array([0.1, 0.5, 0.9])
    usual = np.sqrt(share * (1 - share) / 1e6)
    np.testing.assert_allclose(metrics.binomial_std_error(share, 1e6), usual, rtol=1e-5)
    # Beta(1/2, n + 1/2): n + 1/2 over (n + 1)^2 (n + 2), times 1/2
    expected = np.sqrt(0.5 * 10.5 / (11**2 * 12))
    assert metrics.binomial_std_error(0.0, 10) == pytest.approx(expected, rel=1e-14)
    assert metrics.binomial_std_error(1.0, 10) == pytest.approx(expected, rel=1e-14)


@given(st.integers(1, 60), st.data())
def test_pass_at_k_is_the_ratio_of_binomials(n: int, data: st.DataObject) -> None:
    c, k = data.draw(st.integers(0, n)), data.draw(st.integers(1, n))

    exact = 1 - Fraction(comb(n - c, k), comb(n, k))

    assert metrics.pass_at_k(n, c, k) == pytest.approx(float(exact), rel=1e-13)


def test_pass_at_k_keeps_its_digits_where_it_is_tiny_and_takes_arrays() -> None:
    assert metrics.pass_at_k(10**6, 1, 1) == pytest.approx(1e-6, rel=1e-12)
    np.testing.assert_allclose(metrics.pass_at_k(4, [0, 1, 4], 2), [0, 0.5, 1], rtol=1e-14)
    assert metrics.pass_at_k([4, 10], [2, 3], [[1], [2]]).shape == (2, 2)


def test_above_chance() -> None:
    np.testing.assert_allclose(metrics.above_chance([0.25, 0.6, 0.95], 0.25, 0.95), [0, 0.5, 1])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: metrics.binomial_std_error(63.2, 100), "`accuracy` must be a share.*got 63.2"),
        (lambda: metrics.binomial_std_error(0.5, 0.5), "`n_questions` must be at least 1"),
        (lambda: metrics.binomial_weights(0.5, 10, scale="logs"), "`scale` must be"),
        (
            lambda: metrics.binomial_weights(0.5, 10, run_std_error=-1),
            "`run_std_error` must be 0 or",
        ),
        (
            lambda: metrics.binomial_weights(0.5, 10, run_std_error="a"),  # type: ignore[arg-type]
            "`run_std_error` must be a number",
        ),
        (lambda: metrics.above_chance(0.5, 0.25, np.nan), "`ceiling` must be finite"),
        (lambda: metrics.binomial_weights(0, 10, scale="log"), "`accuracy` must be positive"),
        (lambda: metrics.pass_at_k(4, 5, 1), "`n_correct` must be at most n_samples; got 5"),
        (lambda: metrics.pass_at_k(4, 1, 5), "`k` must be from 1 to n_samples; got 5"),
        (lambda: metrics.pass_at_k(4, 1.5, 2), "`n_correct` must be a whole number"),
        (lambda: metrics.above_chance(0.5, 1.0), "`chance` must be below the ceiling of 1"),
        (lambda: metrics.loss_from_perplexity(0.5), "`perplexity` must be at least 1; got 0.5"),
        (lambda: metrics.bits_per_byte(2.0, 0.0), "`bytes_per_token` must be positive; got 0"),
        (lambda: metrics.perplexity(np.nan), "`loss` must be finite"),
    ],
)
def test_what_is_no_metric_is_refused(call: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()  # type: ignore[operator]


# --- bounded performances -------------------------------------------------------------------------

TRUE = {"floor": 0.25, "ceiling": 0.97, "k": 4.0, "L_0": 2.4}


def accuracies(n_questions: int, seed: int = 0) -> pd.DataFrame:
    """Counts of right answers of twenty models, and the share."""
    rng = np.random.default_rng(seed)
    runs = pd.DataFrame({"loss": np.linspace(1.7, 3.4, 20)})
    share = sl.laws["accuracy-sigmoid"].value(TRUE, runs)
    return runs.assign(accuracy=rng.binomial(n_questions, share) / n_questions)


def _quiet_fit(*args: object, **options: object) -> sl.Fit:
    """Without weights runs near the middle look like outliers."""
    with warnings.catch_warnings(action="ignore", category=sl.LackOfFitWarning):
        return sl.fit(*args, **options)  # type: ignore[arg-type]


def test_binomial_weights_make_the_better_estimator() -> None:
    """A smaller error near the ceiling, where an accuracy is known best."""
    law = sl.Law("1 - (1 - floor)*sigmoid(k*(loss - L_0))", variables=["loss"])
    true = {"floor": 0.25, "k": 4.0, "L_0": 2.4}
    rng = np.random.default_rng(0)
    runs = pd.DataFrame({"loss": np.linspace(1.2, 3.4, 24)})
    exact, target = law.value(true, runs), float(law.value(true, loss=1.0))
    errors = []
    for _ in range(30):
        runs["accuracy"] = rng.binomial(5000, exact) / 5000
        weights = metrics.binomial_weights(runs["accuracy"], 5000)
        fits = [
            _quiet_fit(
                runs, law, y="accuracy", scale="level", objective="squared", weights=own,
                fixed={"floor": 0.25},
            )
            for own in (None, weights)
        ]  # fmt: skip
        errors.append([fit.law.value(fit.values, loss=1.0) - target for fit in fits])
    plain, weighted = np.sqrt(np.mean(np.square(errors), axis=0))

    assert weighted < 0.95 * plain


def test_an_accuracy_law_stays_below_its_ceiling_and_so_do_its_intervals() -> None:
    runs = accuracies(400)
    weights = metrics.binomial_weights(runs["accuracy"], 400)
    fit = sl.fit(runs, "accuracy-sigmoid", scale="level", fixed={"floor": 0.25}, weights=weights)
    found = fit.predict(loss=np.array([0.5, 1.5, 2.4, 9.0]))

    assert (found.run_high <= 1).all()
    assert found.run_high[0] == 1  # it would be beyond
    assert (found.curve_high >= found.estimate).all()
    assert (found.estimate <= float(fit.params["ceiling"])).all()
    assert fit.params["ceiling"] < fit.table.loc["ceiling", "high"] <= 1
    assert found.run_low[-1] < found.estimate[-1]


def test_per_cent_are_refused() -> None:
    runs = accuracies(100).assign(accuracy=lambda t: 100 * t["accuracy"])

    with pytest.raises(
        sl.DataError, match=r"'accuracy' lies outside 0 to 1.*rows 0 \(92\).*per cent"
    ):
        sl.fit(runs, "accuracy-sigmoid", scale="level")


def test_limits_are_part_of_a_law() -> None:
    """Read back, checked, and told."""
    law = sl.Law("accuracy ~ h*sigmoid(a + b*log(C))", limits=(0, 1))

    assert sl.Law.from_dict(law.to_dict()).limits == (0, 1)
    assert law.with_bounds({"h": (0.0, 1.0)}).limits == (0, 1)
    assert "the performance lies between 0 and 1" in str(sl.laws.about("accuracy-sigmoid"))
    with pytest.raises(sl.FormulaError, match=r"`limits` must be \(low, high\) with low < high"):
        sl.Law("loss ~ E + A/N**alpha", limits=(1, 0))
    with pytest.raises(sl.FormulaError, match=r"`limits` must be \(low, high\).*got 5"):
        sl.Law("loss ~ E + A/N**alpha", limits=5)  # type: ignore[arg-type]
