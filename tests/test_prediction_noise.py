"""The prediction interval of a new run: Student's t for few runs, their own shape for many."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import scalinglaws as sl
from scalinglaws.fitting.inference.predict import run_ends


def runs_of(n: int, errors: np.ndarray) -> pd.DataFrame:
    """A power law in N and D with given errors of its logarithm."""
    rng = np.random.default_rng(7)
    N, D = np.exp(rng.uniform(17, 23, n)), np.exp(rng.uniform(20, 26, n))
    return pd.DataFrame({"N": N, "D": D, "loss": 20 * N**-0.05 * D**-0.07 * np.exp(errors)})


def test_few_runs_have_students_t() -> None:
    """Squares of the half-widths of curve and run add."""
    fit = sl.fit(runs_of(12, 0.01 * np.random.default_rng(0).standard_normal(12)), "power")
    found = fit.predict(N=1e10, D=1e12, confidence_level=0.9)
    curve = np.log(found.curve_high / found.estimate)
    run = stats.t.ppf(0.95, 9) * np.sqrt((fit.residuals**2).sum() / 9)
    assert np.log(found.run_high / found.estimate) == pytest.approx(np.hypot(curve, run))


def test_a_normal_shape_is_the_normal_interval() -> None:
    """Many residuals at normal quantiles, and a normal error of the curve: a normal sum."""
    errors = np.random.default_rng(1).permutation(stats.norm.ppf((np.arange(4000) + 0.5) / 4000))
    fit = sl.fit(runs_of(4000, 0.02 * errors), "power")
    error = np.array([1e-6, 0.01, 0.05])
    low, high = run_ends(fit, error, np.full(3, 1e9), 0.9)
    expected = stats.norm.ppf(0.95) * np.hypot(error, 0.02)
    np.testing.assert_allclose(high, expected, rtol=5e-3)
    np.testing.assert_allclose(-low, expected, rtol=5e-3)


def test_the_shape_of_heavy_tails_is_found() -> None:
    """Half of the new runs lie within the interval of 50 %, and 95 % within that of 95 %."""
    rng = np.random.default_rng(0)
    fit = sl.fit(runs_of(2000, 0.01 * rng.standard_t(3, 2000)), "power")
    point = {"N": [1e9], "D": [1e11]}
    new = 20 * 1e9**-0.05 * 1e11**-0.07 * np.exp(0.01 * rng.standard_t(3, 20_000))
    for level in (0.5, 0.8, 0.9, 0.95):
        found = fit.predict(point, confidence_level=level)
        inside = np.mean((new > found.run_low[0]) & (new < found.run_high[0]))
        assert inside == pytest.approx(level, abs=0.02)  # a normal shape holds 62 % of 50


def test_many_points_are_those_of_few() -> None:
    """Interpolated in the error of the curve, to a thousandth of the noise."""
    rng = np.random.default_rng(3)
    fit = sl.fit(runs_of(60, 0.02 * rng.standard_t(3, 60)), "power")
    error, dof = 0.02 * np.geomspace(1e-4, 1e3, 1000), np.full(1000, 40.0)
    many = run_ends(fit, error, dof, 0.9)[1]
    few = [run_ends(fit, e, dof[:50], 0.9)[1] for e in np.split(error, 20)]
    np.testing.assert_allclose(many, np.concatenate(few), rtol=2e-2)


def test_clusters_have_their_own_freedom() -> None:
    """Checkpoints of eight runs leave three degrees of freedom for five parameters."""
    rng = np.random.default_rng(0)
    N = np.repeat(np.geomspace(1e7, 1e9, 8), 10)
    D = np.tile(np.geomspace(1e9, 1e11, 10), 8)
    loss = (1.8 + 480 / N**0.35 + 2085 / D**0.37) * np.exp(
        np.repeat(0.01 * rng.standard_normal(8), 10) + 0.001 * rng.standard_normal(80)
    )
    fit = sl.fit(pd.DataFrame({"N": N, "D": D, "loss": loss, "run": N.astype(int)}), "chinchilla")
    assert fit.sandwich is not None
    assert fit.sandwich.n_units == 8
    found = fit.predict(N=1e9, D=1e11)
    adjusted = fit.sandwich.rows.adjusted(fit.residuals.to_numpy())
    run = stats.t.ppf(0.975, 3) * np.sqrt(np.mean(adjusted**2))
    curve = np.log(found.curve_high / found.estimate)
    assert np.log(found.run_high / found.estimate) == pytest.approx(np.hypot(curve, run))


def test_a_law_through_every_run_says_nothing_of_new_ones() -> None:
    """Two runs and two parameters: the noise is unknown, and the interval is without end."""
    runs = pd.DataFrame({"N": [1e7, 1e8], "loss": [3.0, 2.5]})
    with warnings.catch_warnings(action="ignore", category=sl.ScalingLawWarning):
        found = sl.fit(runs, "loss ~ A/N**alpha").predict(N=1e9)
    assert (found.run_low, found.run_high) == (0.0, np.inf)
