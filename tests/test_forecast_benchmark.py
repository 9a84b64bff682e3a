"""The study of forecasts, in small."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import scalinglaws as sl
from benchmarks.forecast import optima, real_runs, scores
from benchmarks.forecast.__main__ import main
from benchmarks.forecast.real_runs import cuts
from benchmarks.harness import Options
from benchmarks.optima import sweeps


def test_the_ladder_alone() -> None:
    """Without the public tables the project's own is cut, and the page says so."""
    every = cuts(None)
    assert [cut.source for cut in every] == ["ladder"] * len(every)
    for cut in every:
        assert cut.known["C"].max() * 1.3 < cut.hidden["C"].min()
    section = real_runs.run(Options(quick=True))
    assert "only the project's ladder" in section.notes[0]
    assert all(bar.met for bar in section.bars)


def test_there_are_102_cuts(data: Path) -> None:
    """Of nine sources."""
    every = cuts(data)
    assert len(every) == 102
    assert len({cut.source for cut in every}) == 9


def test_a_few_real_cuts(data: Path) -> None:
    """A tenth of the cuts meets the bars of all, with some room."""
    every = [cut for cut in cuts(data)[::6] if len(cut.known) < 90]
    rows = []
    for cut in every:
        rows.append(pd.DataFrame({
            "source": cut.source, "table": cut.table, "cut": cut.known["C"].max(),
            "times_beyond": cut.times_beyond, "y": np.log(cut.hidden["loss"]),
            **real_runs._forecast(cut),
        }))  # fmt: skip
    overall = scores.overall(scores.scored(pd.concat(rows)))
    assert overall["error"] < 0.04
    assert overall["covered"] > 0.85
    assert overall["density"] < -2.0


def test_optima_of_larger_budgets(data: Path) -> None:
    """One sweep, by the forecast's plan and a fitted law."""
    sweep = next(s for s in sweeps(data) if s.source == "Marin")
    with warnings.catch_warnings(action="ignore", category=sl.ScalingLawWarning):
        rows = pd.DataFrame(optima._predicted(sweep))
    mean = rows.groupby("method")[["error", "covered", "loss %"]].mean()
    assert mean.loc[optima.PLAN, "error"] < 0.1
    assert mean.loc[optima.PLAN, "covered"] > 0.9
    assert mean.loc[optima.PLAN, "loss %"] < mean.loc[optima.LAW, "loss %"]


def test_optima_where_the_law_is_known() -> None:
    """A true law is not disputed."""
    section = optima.run(Options(quick=True))
    assert "public tables are absent" in section.notes[0]
    assert [bar.met for bar in section.bars] == [True]


def test_scores() -> None:
    """A standard case by hand."""
    rows = pd.DataFrame({
        "source": "a", "table": "b", "cut": 1.0, "times_beyond": [2.0, 2.0], "y": [0.0, 1.0],
        "mean": 0.0, "sd": 0.1, "dof": 1e9,
    })  # fmt: skip
    found = scores.scored(rows)
    half = 0.1 * stats.norm.ppf(0.95)
    assert found["covered"].tolist() == [1.0, 0.0]
    np.testing.assert_allclose(found["winkler"], [2 * half, 2 * half + 20 * (1 - half)], rtol=1e-6)
    assert found["density"].iloc[0] == pytest.approx(-stats.norm.logpdf(0, scale=0.1), rel=1e-6)
    assert scores.overall(found)["error"] == pytest.approx(0.5)


def test_the_command_prints_a_page(capsys: pytest.CaptureFixture[str]) -> None:
    """Of tables whose law is known."""
    main(["--simulated", "--quick"])
    assert "law disputed though true" in capsys.readouterr().out
