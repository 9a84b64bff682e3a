"""Pictures, asserted on their artists; nothing global changes."""

from __future__ import annotations

import subprocess
import sys
import warnings

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection, PolyCollection

import scalinglaws as sl
from scalinglaws.plotting import plot_fit, plot_residuals
from tests.catalogue_rows import ROWS, coefficients
from tests.conftest import make_runs


@pytest.fixture(scope="module")
def fit() -> sl.Fit:
    """A clean fit on a grid of six sizes and six budgets."""
    return sl.fit(make_runs(noise=0.005), "chinchilla")


@pytest.fixture(autouse=True)
def _close_figures() -> object:
    yield
    plt.close("all")


def _dashed(ax: Axes) -> list[mpl.lines.Line2D]:
    return [line for line in ax.lines if line.get_linestyle() == "--" and len(line.get_xdata()) > 2]


def _solid(ax: Axes) -> list[mpl.lines.Line2D]:
    return [line for line in ax.lines if line.get_linestyle() == "-"]


def test_runs_curves_bands_and_extrapolation_are_apart(fit: sl.Fit) -> None:
    """One solid curve for each size inside the data, dashed beyond, each with its band."""
    ax = plot_fit(fit)

    points = [c for c in ax.collections if isinstance(c, PathCollection)]
    bands = [c for c in ax.collections if isinstance(c, PolyCollection)]
    assert len(points[0].get_offsets()) == fit.n
    assert len(_solid(ax)) == 6
    assert len(bands) == 6
    largest = fit.runs.values["D"].max()
    assert all(line.get_xdata().max() <= largest for line in _solid(ax))
    assert all(
        line.get_xdata().min() >= largest or line.get_xdata().max() <= 1e9 for line in _dashed(ax)
    )


def test_the_curve_is_the_law(fit: sl.Fit) -> None:
    """Heights are predictions."""
    ax = plot_fit(fit)
    line = _solid(ax)[0]
    expected = fit.law.value(fit.values, N=1e7, D=line.get_xdata())

    np.testing.assert_allclose(line.get_ydata(), expected, rtol=1e-12)


def test_the_legend_says_what_the_band_is(fit: sl.Fit) -> None:
    """Interval, level and method."""
    curve = [t.get_text() for t in plot_fit(fit).get_legend().get_texts()]
    run = [t.get_text() for t in plot_fit(fit, band="run").get_legend().get_texts()]

    assert "95 % confidence interval (curve)" in curve
    assert "95 % prediction interval (new run)" in run
    assert {"fit (chinchilla)", "extrapolated", "largest run"} <= set(curve)
    assert plot_fit(fit, legend=False).get_legend() is None


@pytest.mark.parametrize(
    ("x", "ticks"), [("D", {"1B", "10B", "100B", "1T", "10T"}), ("N", {"10M", "100M", "1B", "10B"})]
)
def test_ticks_are_in_the_fields_own_words(fit: sl.Fit, x: str, ticks: set[str]) -> None:
    """7B and 1.4T, not 10^9."""
    ax = plot_fit(fit, x)
    ax.figure.canvas.draw()

    assert ticks <= {t.get_text() for t in ax.get_xticklabels()}
    assert ax.get_xscale() == ax.get_yscale() == "log"


def test_compute_ticks_are_powers_of_ten() -> None:
    """1e21, 3e21."""
    runs = make_runs(noise=0.005)
    runs["C"] = 6.0 * runs["N"] * runs["D"]
    with warnings.catch_warnings(action="ignore", category=sl.ScalingLawWarning):
        ax = plot_fit(sl.fit(runs, "loss ~ E + A/C**g"))
    ax.figure.canvas.draw()

    assert "1e21" in {t.get_text() for t in ax.get_xticklabels()}


def test_targets_are_stars_within_sight(fit: sl.Fit) -> None:
    """Runs that were not fitted get their own marker and a curve of their size."""
    target = pd.DataFrame({"N": [3e10], "D": [5e12], "loss": [2.0]})

    ax = plot_fit(fit, targets=target, extrapolate=1)

    stars = ax.collections[-1]
    assert stars.get_offsets().tolist() == [[5e12, 2.0]]
    assert ax.get_xlim()[1] > 5e12
    with pytest.raises(sl.DataError, match="`targets` has no column 'D' for D"):
        plot_fit(fit, targets=target.drop(columns="D"))


def test_axes_go_in_and_come_out(fit: sl.Fit) -> None:
    """A given Axes is drawn on and returned; no figure is made."""
    _, ax = plt.subplots()
    figures = plt.get_fignums()

    assert fit.plot(ax=ax) is ax
    assert fit.plot_residuals(ax=ax) is ax
    assert plt.get_fignums() == figures


def test_no_global_state_changes(fit: sl.Fit) -> None:
    """Neither rcParams nor the current figure of the user."""
    before = dict(mpl.rcParams)
    plt.figure(7)

    _, ax = plt.subplots()
    plt.figure(7)
    fit.plot(ax=ax)

    assert dict(mpl.rcParams) == before
    assert plt.gcf().number == 7


def test_style_passes_through(fit: sl.Fit) -> None:
    """What the user says wins."""
    ax = plot_fit(fit, line={"linewidth": 3.0}, point={"s": 99})

    assert _solid(ax)[0].get_linewidth() == 3.0
    assert ax.collections[-1].get_sizes().tolist() == [99]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"x": "M"}, "`x` must be 'N' or 'D'; got 'M'"),
        ({"band": "both"}, "`band` must be 'curve', 'run' or 'none'"),
        ({"extrapolate": 0.5}, "`extrapolate` must be 1 or more"),
    ],
)
def test_wrong_options(fit: sl.Fit, options: dict[str, object], message: str) -> None:
    """Each lists what may stand there."""
    with pytest.raises(ValueError, match=message):
        fit.plot(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize("x", ["N", "D", "fitted"])
def test_residuals_are_in_per_cent(fit: sl.Fit, x: str) -> None:
    """Against each variable, with the noise as a band and the largest named."""
    ax = plot_residuals(fit, x)

    offsets = ax.collections[-1].get_offsets()
    np.testing.assert_allclose(offsets[:, 1], 100 * np.expm1(fit.residuals))
    assert len(ax.texts) == 3
    assert ax.get_legend().get_texts()[0].get_text() == "one standard deviation of a run"


def test_laws_without_a_second_variable_have_one_curve() -> None:
    """A power law in compute alone."""
    runs = pd.DataFrame({"C": np.geomspace(1e18, 1e22, 9)})
    runs["loss"] = 50 * runs["C"] ** -0.06 * (1 + 0.002 * np.sin(np.arange(9.0)))
    ax = sl.fit(runs, "power").plot()

    assert len(_solid(ax)) == 1
    assert ax.get_xlabel() == "training compute C [FLOP]"


def test_import_is_light() -> None:
    """`import scalinglaws` brings no matplotlib, and neither does a fit."""
    code = (
        "import sys, scalinglaws as sl;"
        "sl.fit(sl.datasets.ladder(), 'power', columns={'N': 'N'}, missing='raise');"
        "assert 'matplotlib' not in sys.modules"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)


@pytest.mark.parametrize("name", ["abnar", "frantar", "tissue", "tao", "jones"])
def test_variables_and_performances_that_are_not_positive(name: str) -> None:
    """A share of zero, an annealing of zero, a negative loss, a negative strength."""
    row, law, values = ROWS[name], sl.laws[name], coefficients(name)
    table = row.table()
    truth = law.value(values, table)
    table["y"] = truth * (1 + 0.003 * np.random.default_rng(0).standard_normal(len(table)))
    with warnings.catch_warnings(action="ignore", category=sl.ScalingLawWarning):
        fit = sl.fit(table, name, y="y", scale=row.scale, units="trust")

    for x in law.variables:
        ax = fit.plot(x)
        ax.figure.canvas.draw()
        low, high = ax.get_xlim()
        assert low <= table[x].min() <= table[x].max() <= high
        fit.plot_residuals(x).figure.canvas.draw()
        plt.close("all")
