"""Pictures of plans, asserted on their artists."""

from __future__ import annotations

import re
import warnings

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection, PolyCollection
from matplotlib.lines import Line2D

import scalinglaws as sl
from scalinglaws import plotting
from scalinglaws.arrays import FloatArray
from tests.conftest import make_runs
from tests.planning_cases import EPOCH
from tests.test_isoflop import profiles
from tests.test_recipes import _two


@pytest.fixture(scope="module")
def fit() -> sl.Fit:
    """A clean fit on a grid of six sizes and six budgets."""
    return sl.fit(make_runs(noise=0.005), "chinchilla")


@pytest.fixture(autouse=True)
def _close_figures() -> object:
    yield
    plt.close("all")


def _texts(ax: Axes) -> list[str]:
    return [t.get_text() for t in ax.texts]


def _title(ax: Axes) -> str:
    return ax.get_title(loc="left").replace("\n", " ")


def _whole(lines: list[Line2D]) -> tuple[FloatArray, FloatArray]:
    """The parts of a line, solid and dashed, as one; the point where they meet once."""
    x, y = (np.concatenate([np.asarray(get(line)) for line in lines]) for get in _GETTERS)
    x, first = np.unique(x, return_index=True)
    return x, y[first]


_GETTERS = (Line2D.get_xdata, Line2D.get_ydata)


@pytest.mark.parametrize("y", ["N", "D", "ratio", "loss"])
def test_frontier_is_solid_over_the_runs_and_dashed_beyond(fit: sl.Fit, y: str) -> None:
    """Its heights are the plan's; the band is there; the runs are seen."""
    ax = plotting.plot_frontier(fit, y=y)

    solid, dashed = ax.lines[:2]
    largest = 6 * (fit.runs.values["N"] * fit.runs.values["D"]).max()
    assert solid.get_xdata().max() == largest == dashed.get_xdata().min()
    with warnings.catch_warnings(action="ignore", category=sl.ExtrapolationWarning):
        plan = sl.optimal(fit, C=dashed.get_xdata())
    np.testing.assert_allclose(dashed.get_ydata(), plan[y], rtol=1e-12)
    assert sum(isinstance(c, PolyCollection) for c in ax.collections) == 1
    assert "95 % confidence interval" in ax.get_ylabel()
    assert "compute-\noptimal" in _texts(ax)
    points = [c for c in ax.collections if isinstance(c, PathCollection)]
    assert len(points[0].get_offsets()) == fit.n


def test_frontier_of_a_published_law() -> None:
    """No runs and no band: nothing is dashed, nothing is claimed."""
    ax = plotting.plot_frontier(EPOCH, C=("1e20", "1e24"))

    assert _texts(ax) == ["compute-\noptimal"]
    assert not any(isinstance(c, PolyCollection) for c in ax.collections)
    with pytest.raises(ValueError, match="`C` must be \\(low, high\\)"):
        plotting.plot_frontier(EPOCH, C=1e20)


def test_contours_are_the_law(fit: sl.Fit) -> None:
    """Along a drawn contour the law has the level it is labelled with."""
    ax = plotting.plot_contours(fit)

    drawn = ax.collections[0]
    for level, path in zip(drawn.levels, drawn.get_paths(), strict=True):
        corners = path.vertices
        if len(corners) > 3:
            values = fit.law.value(fit.values, N=corners[:, 0], D=corners[:, 1])
            np.testing.assert_allclose(values, level, rtol=5e-3)
    assert {"compute-optimal", "runs"} <= set(_texts(ax))
    assert ax.get_ylabel() == "training tokens D; lines of equal loss"
    assert any(t.get_text() == "1e20 FLOP" for t in ax.texts)


def test_valleys_and_their_minima() -> None:
    """A diamond at each minimum; a refused budget is hollow, has no curve and says so."""
    parts = [
        profiles(EPOCH, width=4, budgets=[c], off=off, n=9, noise=0.001)
        for c, off in ((1e18, 1), (1e19, 30), (1e20, 1))
    ]
    with warnings.catch_warnings(action="ignore", category=sl.DataWarning):
        found = sl.isoflop(pd.concat(parts, ignore_index=True), budgets=[1e18, 1e19, 1e20])
    ax = found.plot()

    curves = [line for line in ax.lines if len(line.get_xdata()) == 200]
    assert len(curves) == 2
    for curve, (_, row) in zip(curves, found.optima.drop("1e19").iterrows(), strict=True):
        lowest = curve.get_xdata()[curve.get_ydata().argmin()]
        assert lowest == pytest.approx(row["N"], rel=0.02)
    assert any(t.endswith("no minimum") for t in _texts(ax))
    akima = plotting.plot_isoflop(sl.isoflop(profiles(EPOCH, width=4), method="akima"))
    assert len([line for line in akima.lines if len(line.get_xdata()) == 200]) == 5


def test_price_of_smaller_models(fit: sl.Fit) -> None:
    """The curve is the overhead; the limit is named."""
    ax = plotting.plot_overtraining(fit, 1e22)

    x, y = _whole(ax.lines[:2])
    price = sl.overtraining(fit, C=1e22, smaller=x, n_resamples=0)
    np.testing.assert_allclose(y, 1 + price["overhead"], rtol=1e-9)
    assert any(t.startswith("limit,\n") for t in _texts(ax))
    inside = (price["times_beyond"] <= 1).to_numpy()
    np.testing.assert_array_equal(ax.lines[0].get_xdata(), x[inside])
    assert ("beyond the runs" in _texts(ax)) == (not inside.all())


def test_serving_draws_the_table(fit: sl.Fit) -> None:
    """The line is the table's, beside the size that training alone would take."""
    ax = plotting.plot_serving(fit, ("1e9", "1e13"), "ratio", loss=2.3)

    *line, guide = ax.lines
    x, y = _whole(line)
    np.testing.assert_allclose(
        y, sl.serving(fit, served=x, loss=2.3, n_resamples=0)["ratio"], rtol=1e-9
    )
    alone = sl.optimal(fit, loss=2.3, n_resamples=0)["ratio"].iloc[0]
    assert guide.get_ydata()[0] == pytest.approx(alone, rel=1e-9)
    assert "95 % confidence interval" in ax.get_ylabel()
    assert "training\nalone" in _texts(ax)


def test_limited_data_draws_a_line_for_each_amount(fit: sl.Fit) -> None:
    """From the least data to the most, and one without end."""
    ax = plotting.plot_limited_data(fit, (1e19, 1e23), ["30B", "3B"], n_resamples=20)

    for lines, amount in zip((ax.lines[:2], ax.lines[2:4]), (3e9, 3e10), strict=True):
        x, y = _whole(lines)
        table = sl.limited_data(fit, C=x, unique=amount, n_resamples=0)
        np.testing.assert_allclose(y, table["loss"], rtol=1e-9)
    x, y = ax.lines[4].get_data()
    np.testing.assert_allclose(y, sl.optimal(fit, C=x, n_resamples=0)["loss"], rtol=1e-6)
    names = [text.replace("\n", " ") for text in _texts(ax)]
    assert {"3B unique tokens", "30B unique tokens", "unlimited data"} <= set(names)


@pytest.mark.parametrize("given", [1e20, (1e22, 1e20), (1e20, 1e21, 1e22)])
def test_a_range_is_two_numbers(given: object) -> None:
    """Rising, and named where it is not."""
    with pytest.raises(ValueError, match=r"`C` must be \(low, high\)"):
        plotting.plot_limited_data(EPOCH, given, "10B")
    with pytest.raises(ValueError, match=r"`served` must be \(low, high\)"):
        plotting.plot_serving(EPOCH, given, loss=2.0)


def test_gain_of_a_recipe() -> None:
    """The line is the table's, with its band and the level of no gain."""
    found = sl.compare_recipes(_two(), "recipe", C=np.geomspace(1e18, 1e24, 7))
    ax = found.plot()

    np.testing.assert_allclose(_whole(ax.lines[:2])[1], found.table["gain"])
    assert {"beyond the runs", "no gain"} <= set(_texts(ax))
    gain = f"{found.table['gain'].iloc[-1]:.3g}"
    assert f"is worth {gain} times the compute at 1e24 FLOP" in _title(ax)
    assert ax.get_ylim()[0] < 1 < ax.get_ylim()[1]


def test_next_runs_among_the_candidates(fit: sl.Fit) -> None:
    """Repeats are written beside them; the title says what they buy."""
    plan = sl.next_runs(fit, budget=1e22, C=1e24)
    ax = plan.plot()

    chosen = ax.collections[-1]
    distinct = plan.runs.drop_duplicates(["N", "D"])
    assert len(chosen.get_offsets()) == len(distinct)
    repeats = (plan.runs.groupby(["N", "D"]).size() > 1).sum()
    assert sum(text.endswith(" times") for text in _texts(ax)) == repeats
    assert "runs so far" in _texts(ax)
    assert _title(ax).startswith(f"{len(plan.runs)} more run")
    assert re.search(r" narrows? the 95 % interval of loss at 1e24 from ±", _title(ax))


def test_every_share_of_the_best_has_a_band(fit: sl.Fit) -> None:
    """The widest lies lowest; the line is the optimum, dashed beyond the runs."""
    budgets = np.array([1e20, 1e24])

    ax = plotting.plot_near_optimal(fit, budgets, [0.01, 0.002], n_resamples=50)

    for band, share in zip(ax.collections, (0.01, 0.002), strict=True):
        points = band.get_paths()[0].vertices
        for C in budgets:
            there = points[np.isclose(points[:, 0], C, rtol=1e-9), 1]
            frame = sl.near_optimal(fit, C=C, within=share, n_resamples=0).iloc[0]
            assert there.min() == pytest.approx(frame["smallest"], rel=1e-9)
            assert there.max() == pytest.approx(frame["largest"], rel=1e-9)
    best = sl.optimal(fit, C=budgets, n_resamples=0)["N"]
    np.testing.assert_allclose(_whole(ax.lines[:2])[1][[0, -1]], best, rtol=1e-9)
    labels = [text for text in _texts(ax) if "within" in text]
    assert labels == ["within 1 %\nof the best", "within 0.2 %\nof the best"]


@pytest.mark.parametrize(
    ("C", "within", "message"),
    [
        ((1e24, 1e20), 0.01, r"`C` must be \(low, high\), a range to draw"),
        ((1e20, 1e24), 2.0, "`within` is a share such as 0.01, between 0 and 1; got 2.0"),
        ((1e20, 1e24), -0.1, "`within` must be positive and finite; got -0.1"),
    ],
)
def test_bands_that_cannot_be_drawn(C: object, within: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plotting.plot_near_optimal(EPOCH, C, within)


def test_a_single_gain_has_its_interval(fit: sl.Fit) -> None:
    """As a bar: a band needs two budgets."""
    found = sl.gain(fit, sl.published["chinchilla/hoffmann2022"], C=1e21, n_resamples=100)
    row = found.table.iloc[0]

    drawn = [np.asarray(line.get_ydata(), float) for line in plotting.plot_gain(found).lines]
    assert any(np.array_equal(y, [row["gain_low"], row["gain_high"]]) for y in drawn)


def test_axes_go_in_and_come_out(fit: sl.Fit) -> None:
    """A given Axes is drawn on and returned; nothing global changes."""
    before = dict(mpl.rcParams)
    found = sl.isoflop(profiles(EPOCH, width=4))
    for draw in (
        lambda ax: plotting.plot_frontier(fit, ax=ax, n_resamples=50),
        lambda ax: plotting.plot_contours(fit, ax=ax),
        lambda ax: plotting.plot_overtraining(fit, 1e22, ax=ax, n_resamples=50),
        lambda ax: plotting.plot_serving(EPOCH, (1e9, 1e12), loss=2.0, ax=ax),
        lambda ax: plotting.plot_near_optimal(EPOCH, (1e20, 1e22), 0.01, ax=ax),
        lambda ax: plotting.plot_limited_data(EPOCH, (1e20, 1e22), 1e9, ax=ax),
        lambda ax: plotting.plot_isoflop(found, ax=ax, labels=False),
        lambda ax: plotting.plot_gain(sl.gain(EPOCH, EPOCH, C=[1e20, 1e21]), ax=ax),
        lambda ax: plotting.plot_next_runs(sl.next_runs(EPOCH, budget=1e20, C=1e22), ax=ax),
    ):
        _, ax = plt.subplots(layout="constrained")
        figures = plt.get_fignums()

        assert draw(ax) is ax
        assert plt.get_fignums() == figures
        plt.close("all")
    assert dict(mpl.rcParams) == before
