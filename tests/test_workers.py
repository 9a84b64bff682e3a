"""Many refits and many series: the same numbers wherever they are computed."""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import scalinglaws as sl
from scalinglaws.workers import map_tasks
from tests.conftest import make_runs


@pytest.fixture(scope="module")
def fit() -> sl.Fit:
    return sl.fit(make_runs(noise=0.01), "chinchilla", objective="huber", delta=1e-2)


@pytest.fixture(scope="module")
def series() -> pd.DataFrame:
    return pd.concat(
        [make_runs(noise=0.01, seed=seed).assign(series=f"s{seed}") for seed in range(5)],
        ignore_index=True,
    )


def test_draws_are_the_same_in_other_processes(fit: sl.Fit) -> None:
    """More resamples than one task holds, in this process, two others, and threads."""
    here = fit.bootstrap(1100, rng=3)

    pd.testing.assert_frame_equal(here, fit.bootstrap(1100, rng=3, workers=2), check_exact=True)
    with ThreadPoolExecutor(3) as pool:
        there = fit.bootstrap(1100, rng=3, workers=pool.map)
    pd.testing.assert_frame_equal(here, there, check_exact=True)


def test_series_are_the_same_on_a_cluster(fit: sl.Fit, series: pd.DataFrame) -> None:
    """A real cluster of several processes on this machine."""
    distributed = pytest.importorskip("distributed", reason="distributed is not installed")
    here = sl.fit_each(series, "chinchilla", by="series")
    draws = fit.bootstrap(1100, rng=3)

    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):

        def on_cluster(function, tasks):  # type: ignore[no-untyped-def]
            return client.gather(client.map(function, list(tasks), pure=False))

        there = sl.fit_each(series, "chinchilla", by="series", workers=on_cluster)
        other_draws = fit.bootstrap(1100, rng=3, workers=on_cluster)

    pd.testing.assert_frame_equal(here.table, there.table, check_exact=True)
    pd.testing.assert_frame_equal(draws, other_draws, check_exact=True)


def test_each_series_has_the_fit_that_it_has_alone(series: pd.DataFrame) -> None:
    fits = sl.fit_each(series, "chinchilla", by="series", workers=2)

    assert list(fits) == [f"s{seed}" for seed in range(5)]
    alone = sl.fit(series[series["series"] == "s3"], "chinchilla")
    # sums of a batch are added up in another order
    np.testing.assert_allclose(fits["s3"].theta, alone.theta, rtol=1e-9)
    assert fits.params.shape == (5, 5)
    assert fits.table.index.names == ["series", "parameter"]
    assert "5 fits" in repr(fits)
    assert "<table" in fits._repr_html_()


def test_a_series_without_a_fit_is_told_and_the_others_stay(series: pd.DataFrame) -> None:
    series = series.copy()
    series.loc[series["series"] == "s2", "loss"] = 3.0
    with pytest.warns(sl.ScalingLawWarning, match=r"1 series have no fit: 's2'; see `failed`"):
        fits = sl.fit_each(series, "chinchilla", by="series")

    assert len(fits) == 4
    assert "loss is 3 in every run" in fits.failed["s2"].replace("'", "")
    with pytest.raises(KeyError, match="It failed"):
        fits["s2"]


def test_several_columns_name_a_series(series: pd.DataFrame) -> None:
    fits = sl.fit_each(series.assign(kind="a"), "chinchilla", by=["kind", "series"])
    assert ("a", "s0") in fits


@pytest.mark.parametrize("workers", [0, -2, 1.5, True, "all"])
def test_workers_that_make_no_sense(fit: sl.Fit, workers: object) -> None:
    with pytest.raises(ValueError, match="`workers` must be a number of processes"):
        fit.bootstrap(10, workers=workers)  # type: ignore[arg-type]


def test_tasks_keep_their_order() -> None:
    assert map_tasks(abs, [-3, 2, -1], 1) == [3, 2, 1]


def test_published_bootstrap(data: Path) -> None:
    """Besiroglu et al. 2024 (arXiv 2404.10102): standard errors of 4000 resamples."""
    runs = pd.read_csv(data / "chinchilla" / "chinchilla_epoch.csv")
    fit = sl.fit(runs[runs["outlier"] == 0], "chinchilla", objective="huber", delta=1e-3)

    draws = fit.bootstrap(4000, rng=0)

    assert draws.attrs["n_failed"] == 0
    assert draws.attrs["largest_decrement"] <= 1e-14
    deviation = draws.std()
    share = draws["beta"] / (draws["alpha"] + draws["beta"])
    assert deviation["E"] == pytest.approx(0.0257, rel=0.1)
    assert deviation["alpha"] == pytest.approx(0.0154, rel=0.1)
    assert deviation["beta"] == pytest.approx(0.0206, rel=0.1)
    assert share.std() == pytest.approx(0.018, rel=0.1)
    assert deviation["A"] == pytest.approx(124.5, rel=0.2)
    assert deviation["B"] == pytest.approx(1293, rel=0.2)
    # by chance, an end of two such studies differs by 1.5e-3, one standard deviation
    published = {"alpha": (0.317, 0.373), "beta": (0.331, 0.415), "E": (1.769, 1.871)}
    for name, ends in published.items():
        np.testing.assert_allclose(draws[name].quantile([0.025, 0.975]), ends, atol=4e-3)


@pytest.mark.parametrize("n_resamples", [0, -1, 2.5, True])
def test_a_number_of_resamples_that_makes_no_sense(fit: sl.Fit, n_resamples: object) -> None:
    with pytest.raises(ValueError, match="`n_resamples` must be a positive whole number"):
        fit.bootstrap(n_resamples)  # type: ignore[arg-type]


def test_nothing_to_resample() -> None:
    """As many runs as parameters: no coefficient has a standard error."""
    runs = make_runs(noise=0.01).sample(5, random_state=0)
    with warnings.catch_warnings(action="ignore", category=sl.ScalingLawWarning):
        fit = sl.fit(runs, "chinchilla")
    with pytest.raises(sl.FitError, match="There is nothing to resample"):
        fit.bootstrap(10)
