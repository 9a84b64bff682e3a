"""Runs that are still training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import scalinglaws as sl
from benchmarks.forecast import unfinished
from benchmarks.harness import Options


def checkpoints(noise: float = 0.001) -> pd.DataFrame:
    """Runs whose loss falls by a tenth of what is left as the learning rate decays."""
    rng, rows = np.random.default_rng(0), []
    for k, size in enumerate(np.geomspace(1e7, 3e9, 10)):
        total = size * (20 if k % 2 else 60)
        for share in (0.2, 0.4, 0.6, 0.8, 1.0):
            seen = share * total
            loss = 1.8 + 480 / size**0.35 + 2100 / seen**0.37
            loss *= np.exp(0.06 * (1 - share) + noise * rng.standard_normal())
            rows.append({"run": f"r{k}", "N": size, "D": seen, "loss": loss})
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def running() -> pd.DataFrame:
    """The largest run has come to 60 % of its tokens."""
    table = checkpoints()
    return table[(table["run"] != "r9") | (table["D"] <= 0.61 * 3e9 * 20)]


def test_its_end_is_forecast(running: pd.DataFrame) -> None:
    """Closer, and more surely, than from the finished runs alone."""
    found = sl.finish(running, "r9", D="60B", confidence_level=0.9)
    truth = 1.8 + 480 / 3e9**0.35 + 2100 / 6e10**0.37
    assert found.fraction == pytest.approx(0.6)
    assert found.n_finished == 9
    assert found.low < truth < found.high
    assert abs(np.log(found.estimate / truth)) < 0.006
    alone = sl.forecast(running[running["run"] != "r9"], confidence_level=0.9)
    said = alone.predict(N=3e9, D=6e10)
    assert found.by_finished_runs == pytest.approx(said.estimate, rel=1e-12)
    assert found.high - found.low < 0.7 * (said.run_high - said.run_low)
    assert found.now == running["loss"].iloc[-1]
    text = str(found)
    assert text.startswith("Run r9 will end at loss 2.")
    assert "at 60 % of its tokens" in text
    assert max(map(len, text.splitlines())) <= 88


def test_order_does_not_matter(running: pd.DataFrame) -> None:
    """The same numbers."""
    plain = sl.finish(running, "r9", D=6e10)
    mixed = sl.finish(running.sample(frac=1, random_state=1), "r9", D=6e10)
    assert mixed.low == pytest.approx(plain.low, rel=1e-12)


def test_without_finished_runs_at_this_fraction(running: pd.DataFrame) -> None:
    """Its own checkpoints say nothing, which is said."""
    table = running[(running["run"] == "r9") | (running["D"] / running["N"] % 20 == 0)]
    ends = running.groupby("run")["D"].transform("max") == running["D"]
    early = running["D"] / running.groupby("run")["D"].transform("max") < 0.3
    table = running[ends | early | (running["run"] == "r9")]
    found = sl.finish(table, "r9", D=6e10)
    assert found.n_finished == 0
    assert np.isnan(found.by_checkpoint)
    assert found.estimate == pytest.approx(found.by_finished_runs)
    assert "its own checkpoints are not used" in " ".join(str(found).split())


@pytest.mark.parametrize(("run", "options", "error", "message"), [
    ("r99", {"D": 6e10}, sl.DataError, "There is no run 'r99' in the column 'run'"),
    ("r9", {"D": 1e9}, ValueError, "has seen 36B tokens, and `D` is 1B"),
    ("r9", {"D": "many"}, ValueError, "not a number"),
    ("r9", {"D": 6e10, "confidence_level": 2}, ValueError, "between 0 and 1"),
])  # fmt: skip
def test_refusals(
    running: pd.DataFrame,
    run: str,
    options: dict[str, object],
    error: type[Exception],
    message: str,
) -> None:
    """With the reason."""
    with pytest.raises(error, match=message):
        sl.finish(running, run, **options)  # type: ignore[arg-type]


def test_runs_must_be_told_apart(running: pd.DataFrame) -> None:
    """By a column."""
    with pytest.raises(sl.DataError, match="No column such as 'run'"):
        sl.finish(running.drop(columns="run"), "r9", D=6e10)
    last = running.groupby("run", as_index=False).last()
    with pytest.raises(sl.DataError, match="has several rows of one run, and a run that still"):
        sl.finish(last, "r9", D=6e10)


def test_public_runs(data: Path) -> None:
    """OLMo and the models of Misfitting at 60 % of their tokens, one cut of each."""
    section = unfinished.run(Options(quick=True, data=data))
    assert len(section.bars) == 4
    assert all(bar.met for bar in section.bars)
