"""A text column that the law does not use, and that explains the residuals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import scalinglaws as sl
from scalinglaws.fitting.diagnostics.residual_tests import group_effects


def pooled(floors: dict[str, float], n_sizes: int = 6) -> pd.DataFrame:
    """One grid of runs for each floor, in a column `series`."""
    rng = np.random.default_rng(0)
    sizes, tokens = map(
        np.ravel, np.meshgrid(np.geomspace(1e7, 1e9, n_sizes), np.geomspace(2e8, 2e10, 5))
    )
    parts = []
    for name, floor in floors.items():
        loss = floor + 400 / sizes**0.34 + 410 / tokens**0.28
        loss *= np.exp(0.003 * rng.standard_normal(len(sizes)))
        parts.append(pd.DataFrame({"series": name, "N": sizes, "D": tokens, "loss": loss}))
    return pd.concat(parts, ignore_index=True)


def test_pooled_data_sets_are_a_verdict(tmp_path: Path) -> None:
    runs = pooled({"c4": 1.7, "web": 1.9, "code": 2.2})
    with pytest.warns(sl.LackOfFitWarning, match=r"Column 'series' \(3 values\) explains 9\d %"):
        fit = sl.fit(runs, "chinchilla")
    assert fit.status is sl.Status.GROUPS_DIFFER
    fit.save(tmp_path / "fit.json")
    assert sl.load(tmp_path / "fit.json").verdicts == fit.verdicts


def test_a_law_with_groups_has_no_such_verdict() -> None:
    runs = pooled({"c4": 1.7, "web": 1.9, "code": 2.2})
    fit = sl.fit(runs, "loss ~ E[series] + A/N**alpha + B/D**beta")
    assert fit.status.good


def test_labels_without_effect_are_none() -> None:
    rng = np.random.default_rng(1)
    runs = pooled({"a": 1.8, "b": 1.8, "c": 1.8}).assign(
        host=lambda t: rng.permutation(t["series"])
    )
    assert sl.fit(runs, "chinchilla").status.good


def test_labels_that_a_variable_determines_are_not_tested() -> None:
    """The name of a size stands for N: a law of the wrong shape is no group effect."""
    runs = pooled({"a": 1.8})
    runs["size"] = runs["N"].map("{:.0e}".format)
    runs["loss"] *= np.exp(0.05 * np.cos(2 * np.log(runs["N"])))
    assert not group_effects(sl.fit(runs, "chinchilla"))


def test_checkpoints_of_pooled_runs() -> None:
    """A run's rows count once."""
    runs = pooled({"c4": 1.7, "web": 2.0}, n_sizes=15)
    runs["run"] = runs["series"] + runs["N"].astype(str)
    with pytest.warns(sl.LackOfFitWarning, match="Column 'series'"):
        fit = sl.fit(runs, "chinchilla")
    (effect,) = group_effects(fit)
    assert fit.runs.cluster_column == "run"
    assert effect.n_levels == 2


def test_a_forecast_says_so_too(tmp_path: Path) -> None:
    forecast = sl.forecast(pooled({"c4": 1.7, "web": 2.0}))
    assert any("Column 'series' (2 values) explains 9" in fact for fact in forecast.facts)
    forecast.save(tmp_path / "forecast.json")
    assert sl.load(tmp_path / "forecast.json").facts == forecast.facts
    assert not sl.forecast(pooled({"c4": 1.7})).facts


@pytest.mark.filterwarnings("ignore::scalinglaws.ScalingLawWarning")
@pytest.mark.parametrize("name", ["gadre_overtraining/gadre_runs", "isoflop_marin/marin_isoflop"])
def test_public_tables_of_several_data_sets(data: Path, name: str) -> None:
    runs = pd.read_csv(data / f"{name}.csv")
    together = sl.fit(runs, "chinchilla", units="trust")
    assert [effect.column for effect in group_effects(together)] == ["series"]
    for _, alone in runs.groupby("series"):
        assert not group_effects(sl.fit(alone, "chinchilla", units="trust"))


def test_a_metric_without_anything_left_has_no_effect() -> None:
    """Not a division by zero."""
    runs = pooled({"a": 1.8, "b": 1.8})
    runs["loss"] = 5 * runs["N"] ** -0.1
    assert not sl.forecast(runs).facts or "explains" not in " ".join(sl.forecast(runs).facts)
