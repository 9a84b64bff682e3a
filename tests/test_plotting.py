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


def _texts(ax: Axes) -> list[str]:
    return [t.get_text() for t in ax.texts]


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
        line.get_xdata().min() >= largest or line.get_xdata().max() <= 1.1e9 for line in _dashed(ax)
    )


def test_the_curve_is_the_law(fit: sl.Fit) -> None:
    """Heights are predictions."""
    ax = plot_fit(fit)
    line = _solid(ax)[0]
    expected = fit.law.value(fit.values, N=1e7, D=line.get_xdata())

    np.testing.assert_allclose(line.get_ydata(), expected, rtol=1e-12)


def test_words_say_what_is_drawn(fit: sl.Fit) -> None:
    """The kind and level of the bands, the sizes of the curves, the largest run; no legend."""
    curve, run = plot_fit(fit), plot_fit(fit, band="run")

    assert curve.get_ylabel() == "loss; bands: 95 % confidence intervals (curve)"
    assert "95 % prediction intervals (new run)" in run.get_ylabel()
    assert plot_fit(fit, band="none").get_ylabel() == "loss"
    texts = _texts(curve)
    assert {"10M", "10B", "parameters", "beyond the runs"} <= set(texts)
    assert any(t.startswith("largest run,\n") and t.endswith("the law") for t in texts)
    assert curve.get_legend() is None
    assert set(_texts(plot_fit(fit, labels=False))) == {"beyond the runs"}


def test_titles_are_results(fit: sl.Fit) -> None:
    """On a figure of its own; not on given axes, unless asked for."""
    sentence = "36 runs scatter by 0.41 % around the chinchilla law"
    _, ax = plt.subplots()

    assert plot_fit(fit).get_title(loc="left") == sentence
    assert plot_fit(fit, title=False).get_title(loc="left") == ""
    assert plot_fit(fit, title="Loss").get_title(loc="left") == "Loss"
    assert plot_fit(fit, ax=ax).get_title(loc="left") == ""
    assert plot_fit(fit, ax=ax, title=True).get_title(loc="left").replace("\n", " ") == sentence


def test_bands_without_ends_are_not_named() -> None:
    """Four runs fix four parameters: there is no interval."""
    with warnings.catch_warnings(action="ignore", category=sl.ScalingLawWarning):
        runs = make_runs(noise=0.005)
        ax = sl.fit(runs.iloc[[0, 8, 21, 28, 35]], "chinchilla").plot()
    if not any(isinstance(c, PolyCollection) for c in ax.collections):
        assert ax.get_ylabel() == "loss"


def test_a_band_that_hides_all_others_is_the_only_one() -> None:
    """Of the largest size, which is named."""
    with warnings.catch_warnings(action="ignore", category=sl.ScalingLawWarning):
        ax = sl.fit(make_runs(noise=0.3), "chinchilla").plot(band="run")

    assert sum(isinstance(c, PolyCollection) for c in ax.collections) == 1
    assert "band: 95 % prediction interval (new run) of 10B" in ax.get_ylabel().replace("\n", " ")


def test_fifty_sizes_do_not_become_spaghetti() -> None:
    """At most nine curves, and names."""
    rng = np.random.default_rng(0)
    runs = pd.DataFrame({"N": np.geomspace(1e7, 1e10, 50), "D": 10 ** rng.uniform(9, 11, 50)})
    noise = np.exp(0.002 * rng.standard_normal(50))
    runs["loss"] = (1.7 + 400 / runs["N"] ** 0.34 + 410 / runs["D"] ** 0.28) * noise
    ax = sl.fit(runs, "chinchilla").plot()

    names = [t for t in _texts(ax) if t[-1] in "MB"]
    assert len(names) <= 9
    assert len({line.get_color() for line in ax.lines}) <= 9


def test_several_fits_on_the_same_axes(fit: sl.Fit) -> None:
    """Each has a colour and a name; the runs are drawn once."""
    other = sl.fit(make_runs(noise=0.005), "kaplan")
    ax = fit.plot()
    n_points = sum(isinstance(c, PathCollection) for c in ax.collections)
    first = {line.get_color() for line in ax.lines}
    other.plot(ax=ax)
    fit.plot(ax=ax, label="again")

    names = {t.get_text(): t for t in ax.texts}
    assert {"chinchilla", "kaplan", "again"} <= set(names)
    assert names["kaplan"].get_color() != names["again"].get_color()
    assert sum(isinstance(c, PathCollection) for c in ax.collections) == n_points
    assert mpl.colors.to_hex(ax.lines[-1].get_color()) not in {mpl.colors.to_hex(c) for c in first}
    assert sum(t.get_text() == "beyond the runs" for t in ax.texts) == 1


def test_loss_against_compute_has_the_frontier(fit: sl.Fit) -> None:
    """Its heights are the plan's; dashed beyond the largest run; the title is its end."""
    ax = fit.plot("C", line={"zorder": 7})

    solid, dashed = (line for line in ax.lines if line.get_zorder() == 7)
    largest = 6 * (fit.runs.values["N"] * fit.runs.values["D"]).max()
    assert solid.get_xdata().max() == dashed.get_xdata().min() == pytest.approx(largest)
    with warnings.catch_warnings(action="ignore", category=sl.ExtrapolationWarning):
        plan = sl.optimal(fit, C=dashed.get_xdata())
    np.testing.assert_allclose(dashed.get_ydata(), plan["loss"], rtol=1e-9)
    best = sl.optimal(fit, C=1e24)["loss"].iloc[0]
    said = ax.get_title(loc="left")
    assert said.startswith("The best loss at 1e24 FLOP is ")
    assert float(said.split()[7]) == pytest.approx(best, abs=5e-5)
    assert "compute-\noptimal" in _texts(ax)
    assert ax.get_ylabel() == "loss; band: 95 % confidence interval"
    offsets = np.concatenate(
        [c.get_offsets() for c in ax.collections if isinstance(c, PathCollection)]
    )
    assert len(offsets) == fit.n


def test_a_metric_that_rises_says_so() -> None:
    """So that nobody reads an accuracy as a loss."""
    runs = make_runs()
    rising = 1 / runs["loss"] * np.exp(0.002 * np.sin(np.arange(len(runs))))
    ax = sl.fit(runs.assign(score=rising), "s * N**a * D**b", y="score").plot()

    assert ax.get_ylabel().startswith("score, higher is better")


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


def test_targets_are_hollow_and_within_sight(fit: sl.Fit) -> None:
    """Runs that were not fitted are hollow, and get a curve of their size and a sentence."""
    target = pd.DataFrame({"N": [3e10], "D": [5e12], "loss": [2.0]})

    ax = plot_fit(fit, targets=target, extrapolate=1)

    hollow = ax.collections[-1]
    assert hollow.get_offsets().tolist() == [[5e12, 2.0]]
    assert mpl.colors.to_hex(hollow.get_facecolor()[0]) == "#ffffff"
    assert any(t.startswith("kept out of the fit:") for t in _texts(ax))
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
        ({"x": "M"}, "`x` must be 'N', 'D' or 'C'; got 'M'"),
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
    assert len(ax.texts) == 4
    assert "one standard deviation of a run" in _texts(ax)


def test_observed_against_predicted(fit: sl.Fit) -> None:
    """Runs at their fitted values; held-out ones at their predictions."""
    target = pd.DataFrame({"N": [3e10], "D": [5e12], "loss": [2.0]})
    ax = fit.plot_observed(targets=target)

    held_out, runs = (c.get_offsets() for c in ax.collections)
    np.testing.assert_allclose(runs, np.column_stack([fit.fitted, fit.runs.y]))
    np.testing.assert_allclose(held_out, [[fit.predict(target)["estimate"].iloc[0], 2.0]])
    assert ax.get_xlabel() == "loss predicted by the law"


def test_laws_without_a_second_variable_have_one_curve() -> None:
    """A power law in compute alone."""
    runs = pd.DataFrame({"C": np.geomspace(1e18, 1e22, 9)})
    runs["loss"] = 50 * runs["C"] ** -0.06 * (1 + 0.002 * np.sin(np.arange(9.0)))
    ax = sl.fit(runs, "power").plot()

    assert len(_solid(ax)) == 1
    assert ax.get_xlabel() == "training compute C, FLOP"


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
