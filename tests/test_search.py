"""Batched roots and minima."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scalinglaws.planning.optima_trend import fit_trend
from scalinglaws.planning.root_finding import minimum, root
from scalinglaws.planning.sampled import central_interval


@given(st.lists(st.floats(-20, 20), min_size=1, max_size=8), st.integers(0, 3))
def test_roots_to_rounding(roots: list[float], kind: int) -> None:
    """Of straight, cubic, saturating and steep functions, all in one batch."""
    at = np.array(roots)
    functions = [
        lambda x: x - at,
        lambda x: (x - at) ** 3,
        lambda x: np.tanh(x - at),
        lambda x: np.expm1(2 * (x - at)),
    ]
    found = root(functions[kind], np.full(at.shape, -25.0), np.full(at.shape, 31.0))

    np.testing.assert_allclose(found, at, rtol=1e-13, atol=1e-5 if kind == 1 else 1e-12)


def test_no_root_is_missing() -> None:
    """Where the sign does not change, beside elements where it does."""
    level = np.array([[-1.0, 0.5, 2.0]])
    found = root(lambda x: x**2 - level, np.zeros((1, 3)), np.ones((1, 3)))

    assert np.isnan(found[0, 0])
    assert found[0, 1] == pytest.approx(np.sqrt(0.5), rel=1e-14)
    assert np.isnan(found[0, 2])


def test_jumps_are_bracketed() -> None:
    """A change of sign without a zero is found as well."""
    found = root(lambda x: np.where(x < np.pi, -1.0, 2.0), np.zeros(1), np.full(1, 10.0))

    assert found[0] == pytest.approx(np.pi, rel=1e-13)


@given(st.floats(-8, 8), st.floats(0.1, 3))
def test_the_lower_of_two_valleys(centre: float, depth: float) -> None:
    """Two valleys, the deeper one moved about; the ends of the range are told."""
    other = centre + (6 if centre < 0 else -6)

    def value(x: np.ndarray) -> np.ndarray:
        return -(1 + depth) * np.exp(-((x - centre) ** 2)) - np.exp(-((x - other) ** 2))

    def slope(x: np.ndarray) -> np.ndarray:
        first = 2 * (1 + depth) * (x - centre) * np.exp(-((x - centre) ** 2))
        return first + 2 * (x - other) * np.exp(-((x - other) ** 2))

    at, end = minimum(value, slope, np.full((1, 1), -10.0), np.full((1, 1), 10.0))

    assert at[0, 0] == pytest.approx(centre, abs=1e-9)
    assert end[0, 0] == 0
    low, low_end = minimum(lambda x: x, np.ones_like, np.full((1, 1), -1.0), np.full((1, 1), 1.0))
    assert (low[0, 0], low_end[0, 0]) == (-1.0, -1.0)
    nothing, _ = minimum(
        lambda x: np.full(x.shape, np.inf), np.ones_like, np.zeros((1, 1)), np.ones((1, 1))
    )
    assert np.isnan(nothing[0, 0])


def test_trends_leave_gaps_out() -> None:
    """Each copy is fitted to the budgets that it has; scatter beyond the noise widens."""
    x = np.arange(6.0)
    copies = np.stack([1 + 0.5 * x, 2 + 0.25 * x, 3 - x])
    copies[1, 3] = np.nan
    trend = fit_trend(x, copies, None)

    np.testing.assert_allclose(trend.exponent, [0.5, 0.25, -1.0], rtol=1e-12)
    np.testing.assert_allclose(trend.at(np.array([10.0]))[:, 0], [6.0, 4.5, -7.0], rtol=1e-12)
    rough = copies[:1] + np.array([0.1, -0.1, 0.1, -0.1, 0.1, -0.1])
    noisy = rough + 0.01 * np.random.default_rng(0).standard_normal((200, 6))
    for weight in (None, np.full(6, 1 / 0.01**2)):
        scatter = fit_trend(x, np.concatenate([rough, noisy]), weight).scatter
        assert scatter == pytest.approx(0.1 / 0.01 * np.sqrt(6 / 4), rel=0.15)


def test_intervals_count_missing_copies_as_beyond() -> None:
    """They are placed at the lowest and at the highest copy, not at zero and infinity."""
    copies = np.linspace(1.0, 2.0, 100)[:, None]
    low, high = central_interval(copies, 0.9)
    assert 1.0 < low[0] < high[0] < 2.0
    copies[:6] = np.nan
    assert [float(v[0]) for v in central_interval(copies, 0.9)] == [copies[6, 0], 2.0]
    assert np.isnan(central_interval(np.zeros((0, 1)), 0.9)[0][0])
