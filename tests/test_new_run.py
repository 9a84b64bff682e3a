"""The interval of a new run: its noise by size, how well that is known, and its shape."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import scalinglaws as sl
from scalinglaws.fitting.inference.new_run import RunNoise, run_noise
from scalinglaws.fitting.inference.noise import EQUAL, NoiseLaw, noise_law

NONE = np.zeros(0)


def runs_of(n: int, errors: np.ndarray) -> pd.DataFrame:
    """A power law in N and D with given errors of its logarithm."""
    rng = np.random.default_rng(7)
    N, D = np.exp(rng.uniform(17, 23, n)), np.exp(rng.uniform(20, 26, n))
    return pd.DataFrame({"N": N, "D": D, "loss": 20 * N**-0.05 * D**-0.07 * np.exp(errors)})


def test_a_normal_shape_is_the_normal_interval() -> None:
    """Residuals at normal quantiles, and a normal error of the curve: a normal sum."""
    shape = np.abs(stats.norm.ppf((np.arange(4000) + 0.5) / 4000))
    known = RunNoise(0.02, EQUAL, 1e9, True, np.sort(shape), 4000)
    error = np.array([1e-6, 0.01, 0.05])

    found = known.half_width(np.zeros(3), error, np.full(3, 1e9), 0.9)

    np.testing.assert_allclose(found, stats.norm.ppf(0.95) * np.hypot(error, 0.02), rtol=1e-3)


def test_the_shape_of_heavy_tails_is_found() -> None:
    """Half of the new runs lie within the interval of 50 %, and 95 % within that of 95 %."""
    rng = np.random.default_rng(0)
    fit = sl.fit(runs_of(2000, 0.01 * rng.standard_t(3, 2000)), "power", noise="equal")
    point = {"N": [1e9], "D": [1e11]}
    curve = 20 * 1e9**-0.05 * 1e11**-0.07
    new = curve * np.exp(0.01 * rng.standard_t(3, 20_000))

    for level in (0.5, 0.8, 0.9, 0.95):
        found = fit.predict(point, confidence_level=level)
        inside = np.mean((new > found.run_low[0]) & (new < found.run_high[0]))
        assert inside == pytest.approx(level, abs=0.02)  # a normal shape holds 62 % of 50


def test_many_points_are_those_of_few() -> None:
    """A spline through some of them, to a thousandth of the noise."""
    rng = np.random.default_rng(3)
    known = RunNoise(0.02, EQUAL, 55.0, True, np.sort(np.abs(rng.standard_t(3, 60))), 60, 0.3)
    error, dof = 0.02 * np.geomspace(1e-4, 1e3, 1000), np.full(1000, 40.0)

    many = known.half_width(np.zeros(1000), error, dof, 0.9)

    few = [known.half_width(np.zeros(100), e, dof[:100], 0.9) for e in np.split(error, 10)]
    np.testing.assert_allclose(many, np.concatenate(few), rtol=1e-3)


def test_a_level_that_no_residual_shows_has_student_t() -> None:
    """At 99 % only half a run of fifty lies beyond."""
    shape = np.sort(np.abs(np.random.default_rng(0).standard_normal(50)))
    one = np.array([0.01]), np.array([40.0])
    own = RunNoise(0.02, EQUAL, 45.0, True, shape, 50)
    student = RunNoise(0.02, EQUAL, 45.0, True, NONE, 50)

    far, known = (r.half_width(np.zeros(1), *one, 0.99) for r in (own, student))
    near = own.half_width(np.zeros(1), *one, 0.9)

    assert far == known
    assert near != student.half_width(np.zeros(1), *one, 0.9)


def test_few_runs_have_noise_by_size_and_its_freedom() -> None:
    """By hand: 2/nu is the variance of a log-variance, and Satterthwaite's sum."""
    law = NoiseLaw(-0.4, 0.2, 40.0, 41.0)
    noise = RunNoise(0.02, law, 11.0, False, NONE, 16)
    x, error, dof = np.array([45.0]), np.array([0.01]), np.array([8.0])

    found = noise.half_width(x, error, dof, 0.9)

    run = 0.02**2 * np.exp(-0.4 * 5.0)
    freedom = 2 / (2 / 11 + (0.2 * 4.0) ** 2)
    both = (1e-4 + run) ** 2 / (1e-8 / 8 + run**2 / freedom)
    assert found[0] == pytest.approx(stats.t.ppf(0.95, both) * np.sqrt(1e-4 + run), rel=1e-12)


def test_which_runs_show_what() -> None:
    """Few runs follow the size of a run; many show their shape."""
    rng = np.random.default_rng(1)
    few, many = (
        run_noise(sl.fit(runs_of(n, 0.01 * rng.standard_normal(n)), "power")) for n in (16, 60)
    )

    assert few.law.slope != 0
    assert not few.slope_known
    assert not len(few.shape)
    assert not many.law.slope
    assert np.mean(many.shape**2) == pytest.approx(1.0)


def test_an_unknown_curve_has_no_new_run() -> None:
    """Whatever the noise."""
    shape = np.sort(np.abs(np.random.default_rng(0).standard_normal(50)))
    for kind in (shape, NONE):
        noise = RunNoise(0.02, EQUAL, 45.0, True, kind, 50)
        found = noise.half_width(np.zeros(2), np.array([np.inf, 0.01]), np.array([40.0, 0.0]), 0.9)
        assert np.isinf(found).all()


def test_noise_of_few_residuals_is_not_mixed_up() -> None:
    """Quiet runs of high leverage have residuals made of the others' noise."""
    rng = np.random.default_rng(2)
    sizes = np.linspace(-2.0, 2.0, 16)
    basis = np.linalg.qr(np.vander(sizes, 6))[0]
    leverage = np.sum(basis**2, axis=1)
    slopes, mixed = [], []
    for _ in range(600):
        errors = np.exp(-0.5 * sizes) * rng.standard_normal(16)
        r = errors - basis @ (basis.T @ errors)
        slopes.append(noise_law(r, sizes, leverage, basis).slope)
        mixed.append(noise_law(r, sizes, leverage).slope)

    assert np.median(slopes) == pytest.approx(-1.0, abs=0.1)
    assert np.median(mixed) > -0.75


def test_what_is_said_of_the_noise_is_taken_at_its_word() -> None:
    """Equal noise, or weights of one's own, whatever sixteen runs seem to show."""
    rng = np.random.default_rng(1)
    runs = runs_of(16, 0.01 * rng.standard_normal(16)).assign(w=rng.uniform(0.5, 2.0, 16))
    equal = sl.fit(runs, "power", noise="equal")
    own = sl.fit(runs, "power", weights="w")

    for fit in (equal, own):
        assert run_noise(fit).law == EQUAL
        assert run_noise(fit).scale == fit.noise


def test_only_the_ratios_of_weights_count() -> None:
    """Ten thousand times every weight, and the same interval of a new run."""
    rng = np.random.default_rng(1)
    for n in (16, 60):
        runs = runs_of(n, 0.01 * rng.standard_normal(n)).assign(w=rng.uniform(0.5, 2.0, n))
        one, other = (
            sl.fit(runs.assign(w=factor * runs["w"]), "power", weights="w").predict(N=1e9, D=1e11)
            for factor in (1.0, 1e4)
        )
        assert other.run_high == pytest.approx(one.run_high, rel=1e-9)
        assert other.curve_high == pytest.approx(one.curve_high, rel=1e-9)


def test_a_run_without_a_size_has_the_noise_of_the_middle() -> None:
    """A performance of zero has a logarithm of minus infinity."""
    law = NoiseLaw(-0.4, 0.2, 40.0, 41.0)
    for noise in (
        RunNoise(0.02, law, 11.0, False, NONE, 16),
        RunNoise(0.02, EQUAL, 9.0, True, NONE, 9),
    ):
        wide, middle = noise.deviation(np.array([-np.inf, noise.law.middle]))
        assert wide == middle
        assert np.isfinite(noise.draws(np.array([-np.inf]), (5, 1), np.random.default_rng(0))).all()


def test_noise_measured_on_repeats_is_that_of_the_runs() -> None:
    """Repeats of small sizes only: the law is centred on all runs, or new runs are too noisy."""
    rng = np.random.default_rng(0)
    C = np.r_[np.repeat(np.geomspace(1e17, 1e18, 10), 4), np.geomspace(2e18, 1e21, 40)]
    runs = pd.DataFrame({"N": np.sqrt(C / 120), "D": np.sqrt(C / 120) * 20})
    sd = 0.01 * (C / 1e18) ** -0.1
    runs["loss"] = 20 * runs["N"] ** -0.05 * runs["D"] ** -0.07 * np.exp(sd * rng.normal(size=80))
    fit = sl.fit(runs, "loss ~ a * D**b", noise="by-size")

    found = run_noise(fit).deviation(np.log(runs["D"].to_numpy()))

    assert np.sqrt(np.mean((found / sd) ** 2)) == pytest.approx(1.0, abs=0.3)
    assert fit.runs.weights.mean() == pytest.approx(1.0)
