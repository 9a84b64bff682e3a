"""Many small fits at once: each has the numbers that it has alone."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
import pytest

import scalinglaws as sl
from scalinglaws.fitting.solver.grouped import StackedModel
from scalinglaws.fitting.solver.objective import Loss
from scalinglaws.fitting.solver.side_by_side import run_side_by_side


def short_series(n_series: int, scatter: float) -> pd.DataFrame:
    """Series of 6 to 15 runs, whose noise hides the floor of some."""
    rng, parts = np.random.default_rng(7), []
    for name in range(n_series):
        N = np.geomspace(1e6, 1e9, rng.integers(6, 16)) * rng.uniform(0.5, 2.0)
        floor, size, exponent = rng.uniform([1.5, 5.0, 0.1], [2.5, 50.0, 0.4])
        loss = (floor + size * N**-exponent) * np.exp(scatter * rng.standard_normal(len(N)))
        parts.append(pd.DataFrame({"series": name, "N": N, "loss": loss}))
    return pd.concat(parts, ignore_index=True)


@pytest.mark.filterwarnings("ignore::scalinglaws.errors.ScalingLawWarning")
@pytest.mark.parametrize(
    ("scatter", "options"),
    [
        (0.01, {}),
        (0.0, {}),
        (0.01, {"objective": "squared"}),
        (0.01, {"objective": "absolute"}),
        (0.01, {"scale": "level", "bounds": {"E": (0.1, 1.6)}}),
        (0.01, {"fixed": {"b": 0.2}, "weights": "N"}),
    ],
)
def test_each_fit_is_the_one_of_its_series_alone(
    scatter: float, options: dict[str, object]
) -> None:
    series = short_series(16, scatter)
    fits = sl.fit_each(series, "power-floor", by="series", **options)

    for name, runs in series.groupby("series"):
        fit, alone = fits[name], sl.fit(runs, "power-floor", **options)  # type: ignore[arg-type]
        np.testing.assert_allclose(fit.params, alone.params, rtol=1e-9)
        np.testing.assert_allclose(fit.table["std_error"], alone.table["std_error"], 1e-9, 1e-12)
        assert fit.status is alone.status
        assert fit.evidence.n_agreeing == alone.evidence.n_agreeing
        assert [verdict.detail for verdict in fit.verdicts] == [v.detail for v in alone.verdicts]


@pytest.mark.parametrize("kind", ["squared", "huber"])
@pytest.mark.parametrize("majorise", [False, True])
def test_sums_of_stacked_tables_are_those_of_each(kind: str, majorise: bool) -> None:
    """Rows of the batch are given in any order, and the shorter tables are filled up."""
    series = short_series(3, 1e-3)
    fits = sl.fit_each(series, "power-floor", by="series", objective="squared")
    models = [fit.model for fit in fits.values()]
    losses = [
        Loss("squared") if kind == "squared" else Loss("huber", delta)
        for delta in (0.01, 0.02, 0.005)
    ]
    tables = np.array([0, 1, 1, 2])
    theta = np.stack([fits[t].theta for t in tables]) + 0.01 * np.arange(4)[:, None]
    stacked = StackedModel(models, losses, tables)
    weights = np.zeros((4, stacked.n_rows))
    for row, table in enumerate(tables):
        weights[row, : models[table].n_rows] = 1.0 + row

    chosen = np.array([1, 3])
    many = stacked.sums(theta[chosen], weights, losses[0], chosen=chosen, majorise=majorise)
    for place, row in enumerate(chosen):
        model = models[tables[row]]
        one = model.sums(
            theta[[row]], weights[[row], : model.n_rows], losses[tables[row]], majorise=majorise
        )
        for name, values in vars(one).items():
            np.testing.assert_allclose(getattr(many, name)[place], values[0], rtol=1e-11)


@pytest.mark.filterwarnings("ignore::scalinglaws.errors.ScalingLawWarning")
def test_a_joined_search_counts_the_evaluations_that_it_makes_alone() -> None:
    """The budget of a search is a number of evaluations; rounding may change the last steps."""
    tables = [runs for _, runs in short_series(4, 0.01).groupby("series")]
    tasks = [partial(sl.fit, runs, "power-floor") for runs in tables]
    joined = run_side_by_side(tasks)

    counts = [fit.model.n_evaluations for fit in joined]
    alone = [task().model.n_evaluations for task in tasks]
    np.testing.assert_allclose(counts, alone, rtol=0.05)


def test_every_thread_ends_and_an_error_is_raised() -> None:
    def works() -> int:
        return 1

    def fails() -> int:
        raise ZeroDivisionError("of this task")

    before = threading.active_count()
    assert run_side_by_side([works, works]) == [1, 1]
    assert run_side_by_side([]) == []
    tasks: list[Callable[[], int]] = [works, fails, works]
    with pytest.raises(ZeroDivisionError, match="of this task"):
        run_side_by_side(tasks)
    assert threading.active_count() == before


def test_waiting_searches_are_ended_where_another_fails() -> None:
    """They wait for a minimisation when the error comes."""
    runs = short_series(1, 0.01)

    def search() -> sl.Fit | None:
        return sl.fit(runs, "power-floor")

    def fails() -> None:
        raise KeyError("of this task")

    before = threading.active_count()
    with pytest.raises(KeyError, match="of this task"):
        run_side_by_side([search, fails])
    assert threading.active_count() == before
