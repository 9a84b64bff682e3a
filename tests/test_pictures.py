"""Every picture, as it is drawn: light, dark, and in one column of a paper."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection

import scalinglaws as sl
from scalinglaws import plotting
from scalinglaws.plotting.labels import named_ones, spread, wrapped
from scalinglaws.plotting.style import DARK, LIGHT, TEXT_CONTRAST, contrast, norm_of, style_of
from tests.conftest import make_runs
from tests.picture_geometry import check_picture
from tests.planning_cases import EPOCH
from tests.test_forecast_unfinished import checkpoints
from tests.test_groups import make_groups
from tests.test_isoflop import profiles
from tests.test_recipes import _two


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings(action="ignore", category=sl.ScalingLawWarning):
        yield
    plt.close("all")


@cache
def _fit() -> sl.Fit:
    return sl.fit(make_runs(noise=0.005), "chinchilla")


@cache
def _ladder() -> sl.Fit:
    runs = sl.datasets.ladder()
    return sl.fit(runs[runs["D"] > 1.5e6], "kaplan")


@cache
def _grouped() -> sl.Fit:
    return sl.fit(make_groups(noise=0.01), "chinchilla", groups={"E": "data"})


@cache
def _many_groups() -> sl.Fit:
    rng, runs = np.random.default_rng(0), make_runs(noise=0.0)
    tables = [
        runs.sample(12, random_state=k).assign(
            data=f"set {k:02d}", loss=lambda t: t["loss"] * np.exp(0.05 * rng.random())
        )
        for k in range(12)
    ]
    return sl.fit(pd.concat(tables), "chinchilla", groups={"E": "data"})


@cache
def _forecast() -> sl.Forecast:
    runs = sl.datasets.ladder()
    found: sl.Forecast = sl.forecast(runs[runs["D"] > 1.5e6])
    return found


@cache
def _curves(n: int) -> Any:
    x, rng = np.geomspace(1e8, 1e10, 30), np.random.default_rng(0)
    tables = [
        pd.DataFrame({"D": x, "series": f"s{k}",
                      "loss": (1.8 + 0.1 * k + 300 * x**-0.3) * np.exp(rng.normal(0, 0.004, 30))})
        for k in range(n)
    ]  # fmt: skip
    return sl.forecast(pd.concat(tables), x="D", series="series" if n > 1 else None)


@cache
def _chain() -> Any:
    runs = sl.datasets.ladder()
    runs = runs[runs["D"] > 1.5e6]
    noise = np.random.default_rng(0).normal(0, 0.004, len(runs))
    runs = runs.assign(accuracy=0.1 + 2 * np.exp(-runs["loss"]) + noise)
    to_metric = sl.fit(runs, "accuracy-sigmoid", y="accuracy", scale="level")
    return sl.chain(_ladder(), to_metric)


@cache
def _comparison() -> sl.Comparison:
    runs = sl.datasets.ladder()
    laws = ["chinchilla", "kaplan", "gadre"]
    return sl.compare(runs[runs["D"] > 1.5e6], laws, N="1M", D="16M")


def _targets() -> pd.DataFrame:
    return sl.datasets.ladder("target")


def _metric() -> Any:
    runs = sl.datasets.ladder()
    runs = runs[runs["D"] > 1.5e6]
    runs = runs.assign(accuracy=0.1 + 2 * np.exp(-runs["loss"]))
    return sl.forecast(runs, through="loss", y="accuracy", limits=(0.1, 1.0))


def _forecast_of_groups() -> Any:
    return sl.forecast(make_groups(noise=0.01), groups="data")


def _envelope() -> Any:
    sizes, lengths = np.geomspace(1e7, 1e10, 16), np.geomspace(1e8, 1e12, 30)
    N, D = (g.ravel() for g in np.meshgrid(sizes, lengths))
    loss = 1.7 + 400 / N**0.34 + 410 / D**0.34
    return sl.envelope(pd.DataFrame({"N": N, "D": D, "loss": loss}), n_resamples=10)


def _unfinished() -> sl.UnfinishedRun:
    table = checkpoints()
    return sl.finish(table[(table["run"] != "r9") | (table["D"] <= 3.7e10)], "r9", D="60B")


PLANS: dict[str, Callable[[], pd.DataFrame]] = {
    "one budget": lambda: sl.optimal(_fit(), C="1e24"),
    "a given size": lambda: sl.optimal(_fit(), N="70B"),
    "losses": lambda: sl.optimal(_fit(), loss=[2.5, 2.2]),
    "beside the forecast": lambda: sl.optimal(_ladder(), C=["1e13", "1e14"], forecast=True),
    "of a forecast": lambda: sl.optimal(_forecast(), C=["1e13", "1e14"]),
    "near the best of a forecast": lambda: sl.near_optimal(_forecast(), C=["1e13", "1e14"]),
    "served by a forecast": lambda: sl.serving(_forecast(), served=["1M", "100M"], loss=1.3),
    "near one optimum": lambda: sl.near_optimal(_fit(), C="1e22"),
    "smaller models": lambda: sl.overtraining(_fit(), C="1e22"),
    "served models": lambda: sl.serving(_fit(), served=["10B", "1T"], loss=2.3),
    "unique tokens": lambda: sl.limited_data(_fit(), C="1e22", unique=["3B", "30B"]),
    "repeated tokens": lambda: sl.limited_data(_fit(), C=["1e21", "1e22"], unique="3B"),
}


def _many_budgets() -> Any:
    return sl.isoflop(profiles(EPOCH, width=4, budgets=list(np.geomspace(1e18, 1e22, 14))))


def _overlay(ax: Axes | None) -> Axes:
    ax = plt.subplots(figsize=(6.4, 4.0), layout="constrained")[1] if ax is None else ax
    _ladder().plot(ax=ax)
    runs = sl.datasets.ladder()
    return sl.fit(runs[runs["D"] > 1.5e6], "chinchilla").plot(ax=ax)


Draw = Callable[[Axes | None], Axes]
PICTURES: dict[str, Draw] = {
    "curves": lambda ax: _fit().plot(ax=ax),
    "held-out runs": lambda ax: _ladder().plot(targets=_targets(), ax=ax),
    "over N": lambda ax: _ladder().plot("N", band="run", ax=ax),
    "over C": lambda ax: _ladder().plot("C", targets=_targets(), ax=ax),
    "grid over C": lambda ax: _fit().plot("C", ax=ax),
    "twelve groups": lambda ax: _many_groups().plot(ax=ax),
    "twelve groups over C": lambda ax: _many_groups().plot("C", ax=ax),
    "residuals of twelve": lambda ax: _many_groups().plot_residuals("D", ax=ax),
    "groups": lambda ax: _grouped().plot(ax=ax),
    "groups over C": lambda ax: _grouped().plot("C", ax=ax),
    "two fits": _overlay,
    "residuals": lambda ax: _ladder().plot_residuals("D", ax=ax),
    "residuals of groups": lambda ax: _grouped().plot_residuals(ax=ax),
    "observed": lambda ax: _ladder().plot_observed(targets=_targets(), ax=ax),
    "profile": lambda ax: _fit().plot_profile("alpha", n_points=15, ax=ax),
    "forecast": lambda ax: _forecast().plot(law=_ladder(), targets=_targets(), ax=ax),
    "named runs": lambda ax: _forecast().plot(
        targets=_targets().set_index(pd.Index(["one", "two", "three"])), ax=ax
    ),
    "forecast of a run": lambda ax: _forecast().plot(at={"N": "1M", "D": "16M"}, ax=ax),
    "metric": lambda ax: _metric().plot(ax=ax),
    "back-test": lambda ax: _forecast().backtest().plot(ax=ax),
    "curve": lambda ax: _curves(1).plot(at="3e10", ax=ax),
    "three curves": lambda ax: _curves(3).plot(ax=ax),
    "twelve curves": lambda ax: _curves(12).plot(ax=ax),
    "forecasts of groups": lambda ax: _forecast_of_groups().plot(ax=ax),
    "unfinished run": lambda ax: _unfinished().plot(ax=ax),
    "comparison": lambda ax: _comparison().plot(ax=ax),
    "chain": lambda ax: _chain().plot(ax=ax),
    "isoflop": lambda ax: sl.isoflop(profiles(EPOCH, width=4)).plot(ax=ax),
    "many budgets": lambda ax: _many_budgets().plot(ax=ax),
    "envelope": lambda ax: _envelope().plot(ax=ax),
    "gain": lambda ax: sl.compare_recipes(_two(), "recipe", C=np.geomspace(1e18, 1e24, 7)).plot(
        ax=ax
    ),
    "next runs": lambda ax: sl.next_runs(_fit(), budget=1e22, C=1e24).plot(ax=ax),
    "frontier": lambda ax: plotting.plot_frontier(_fit(), ax=ax, n_resamples=50),
    "contours": lambda ax: plotting.plot_contours(_fit(), ax=ax),
    "near optimum": lambda ax: plotting.plot_near_optimal(_fit(), (1e20, 1e24), ax=ax),
    "overtraining": lambda ax: plotting.plot_overtraining(_fit(), 1e22, ax=ax, n_resamples=50),
    "serving": lambda ax: plotting.plot_serving(_fit(), (1e9, 1e13), loss=2.3, ax=ax),
    "limited data": lambda ax: plotting.plot_limited_data(
        _fit(), (1e19, 1e23), ["30B", "3B"], ax=ax, n_resamples=20
    ),
    **{name: lambda ax, make=make: make().plot(ax=ax) for name, make in PLANS.items()},
}


@pytest.mark.parametrize("name", PICTURES)
def test_texts_of_a_new_figure(name: str) -> None:
    """None leaves the figure, lies on another or on a run; all can be read."""
    check_picture(PICTURES[name](None))


@pytest.mark.parametrize("name", PICTURES)
def test_texts_on_dark_ground(name: str) -> None:
    """The same in a dark notebook."""
    with plt.style.context("dark_background"):
        ax = PICTURES[name](None)
        assert style_of(ax).ink == DARK.ink
        check_picture(ax)


@pytest.mark.parametrize("name", PICTURES)
def test_texts_in_one_column(name: str) -> None:
    """The same at 3.35 inches, on axes of the user's."""
    _, ax = plt.subplots(figsize=(3.35, 2.6), layout="constrained")

    assert PICTURES[name](ax) is ax
    check_picture(ax)


@pytest.mark.parametrize("ground", ["default", "dark_background"])
def test_texts_of_a_corner(ground: str) -> None:
    """All panels of a corner, of a few parameters and of many."""
    with plt.style.context(ground):
        for fit in (_ladder(), _fit(), _grouped()):
            axes = plotting.plot_corner(fit.draws(500, rng=0), estimate=fit.params)
            check_picture(axes[0, 0])


def test_names_are_drawn_as_they_are() -> None:
    """Dollars, underscores and angle brackets in labels of groups; long ones are cut."""
    names = ["$a_b$", "<i>c4</i>", "_dclm"]
    runs = make_groups(noise=0.01)
    levels = dict(zip(sorted(set(runs["data"])), names, strict=True))
    fit = sl.fit(runs.assign(data=runs["data"].map(levels)), "chinchilla", groups={"E": "data"})
    ax = fit.plot()
    check_picture(ax)
    texts = " ".join(t.get_text().replace(r"\$", "$") for t in ax.texts)
    assert all(name in texts for name in names)

    long = fit.plot(group=names[0], title=False)
    assert long.get_title(loc="left") == ""


def test_the_point_asked_for_is_marked() -> None:
    """With its interval, which is in the title too."""
    found = _forecast().predict(N="1M", D="16M")
    ax = _forecast().plot(at={"N": "1M", "D": "16M"})

    bar = next(line for line in ax.lines if line.get_linewidth() == pytest.approx(2.4))
    np.testing.assert_allclose(bar.get_ydata(), [found.run_low, found.run_high])
    said = ax.get_title(loc="left")
    assert said.startswith("N 1M, D 16M: loss ")
    assert float(said.split()[5]) == pytest.approx(found.estimate, abs=5e-4)
    with pytest.raises(ValueError, match="`at` is one point to mark"):
        _forecast().plot(at={"N": [1e6, 2e6], "D": [1e7, 1e7]})


def test_a_forecast_ends_inside_its_picture() -> None:
    """Also where no run beyond the known ones is usable: the band and the curve are whole."""
    runs = sl.datasets.ladder().assign(loss=lambda t: 0.3 + t["loss"])
    bad = runs["loss"] * (1 + np.random.default_rng(0).exponential(0.4, len(runs)))
    found = sl.forecast(runs.assign(loss=bad))
    largest = float(runs["C"].max())
    assert not found.usable_to > largest
    ax = found.plot()
    bottom, top = ax.get_ylim()

    curve = np.concatenate([np.asarray(line.get_ydata(), float) for line in ax.lines])
    assert bottom < curve.min() <= curve.max() < top
    last = np.asarray(ax.collections[0].get_paths()[0].vertices)
    assert bottom < last[np.isclose(last[:, 0], largest)][:, 1].min()


def test_a_chain_over_compute() -> None:
    """The curve is the prediction at the tokens per parameter of the largest run."""
    ax = _chain().plot("1e15", ratio=20.0)
    line = ax.lines[1]
    C = np.asarray(line.get_xdata())
    runs = sl.datasets.ladder()
    largest = runs.loc[runs["C"].idxmax()]
    N = np.sqrt(C / (20 * largest["C"] / (largest["N"] * largest["D"])))
    expected = _chain().predict(N=N, D=20 * N, n_resamples=100).estimate

    np.testing.assert_allclose(line.get_ydata(), expected, rtol=1e-9)
    assert ax.get_ylabel().startswith("accuracy, higher is better")
    grouped = sl.chain(_grouped(), sl.fit(make_groups(noise=0.01).assign(
        error=lambda t: 0.9 - 2 * np.exp(-t["loss"]) + 0.001 * np.sin(np.arange(len(t)))
    ), "gadre-error", y="error", scale="level"))  # fmt: skip
    with pytest.raises(sl.DataError, match="needs a first law of N and D, without groups"):
        grouped.plot()


# --- plans -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PLANS)
def test_plans_draw_their_rows(name: str) -> None:
    """Each row is a dot at its value; parts and copies have the plot of pandas."""
    plan = PLANS[name]()
    ax = plan.plot()
    shift = 1.0 if "overhead" in plan else 0.0
    kinds = {"overhead": "smaller", "epochs": "unique", "saving": "served"}
    x = next((along for key, along in kinds.items() if key in plan), "C")
    x = "C" if name == "repeated tokens" else x
    y = "overhead" if shift else "loss" if x == "unique" or "epochs" in plan else "N"
    y = "D" if name == "a given size" else y
    known = plan[np.isfinite(plan[y])].sort_values(x)
    dots = [c.get_offsets()[0] for c in ax.collections if isinstance(c, PathCollection)]
    np.testing.assert_allclose(dots, known[[x, y]] + [0.0, shift])
    for part in (plan.copy(), plan[:1], plan.frame):
        assert not isinstance(part.plot, partial)
        assert callable(part.plot.line)


def test_a_changed_plan_has_the_plot_of_pandas() -> None:
    """So have tables without a picture; what cannot be drawn is refused."""
    plan = sl.optimal(_fit(), C=["1e22", "1e24"])
    assert plan.plot(y="ratio", title=True).get_ylabel().startswith("tokens per parameter")
    again = pickle.loads(pickle.dumps(plan))
    assert len(again.plot().collections) == len(plan.plot().collections)
    with pytest.raises(ValueError, match="`y` must be 'N', 'D', 'ratio' or 'loss'"):
        plan.plot("epochs")
    plan["more"] = 1.0
    assert callable(plan.plot.line)
    assert callable(sl.planning.regret(_fit(), N="7B", D="1T").plot.line)
    with pytest.raises(ValueError, match="No row of the plan has a N to draw: out of reach"):
        sl.optimal(_fit(), loss=0.01).plot()


# --- style -----------------------------------------------------------------------------------


@pytest.mark.parametrize("style", [LIGHT, DARK])
def test_colours_of_texts_can_be_read(style: Any) -> None:
    """Mixed with ink as far as needed; the map of sizes is monotone in contrast."""
    for colour in (*style.sizes, *style.hues, *style.bands, style.law_band, style.muted):
        assert contrast(style.readable(colour), style.background) >= TEXT_CONTRAST
    found = [contrast(colour, style.background) for colour in style.sizes]
    assert found == sorted(found)
    assert style.size_map()(norm_of(1e7, 1e9)(1e9)) == style.size_map()(1.0)


def test_names_move_as_little_as_possible() -> None:
    """Apart by their heights, inside the panel, in order; those with room stay."""
    wanted = np.array([10.0, 11.0, 12.0, 50.0])
    placed = spread(wanted, np.full(4, 10.0), 0.0, 100.0)
    np.testing.assert_allclose(placed, [5.0, 15.0, 25.0, 50.0])
    free = spread(wanted + 30, np.full(4, 10.0), 0.0, 100.0)
    np.testing.assert_allclose(free, [31.0, 41.0, 51.0, 80.0])
    assert named_ones(9) == list(range(9))
    assert named_ones(12) == [0, 2, 4, 6, 8, 11]
    assert named_ones(1) == [0]


def test_titles_are_wrapped_between_words_that_belong_together() -> None:
    """Not before a per cent sign, nor inside an interval that fits on a line."""
    text = "one two 95 % three"
    assert wrapped(text, 1e3, 10) == text
    assert "95 %" in wrapped(text, 1.0, 10).split("\n")
    said = "the optimal size is 112B (95 %: 109B to 119B)"
    assert wrapped(said, 200.0, 10) == "the optimal size is 112B\n(95 %: 109B to 119B)"
    assert wrapped(said, 60.0, 10).count("\n") > 3
