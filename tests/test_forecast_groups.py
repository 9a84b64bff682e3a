"""Several groups in one forecast."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import scalinglaws as sl
from benchmarks.forecast import groups as study
from benchmarks.harness import Options
from scalinglaws.forecasting.run_rows import rows_of
from tests.conftest import make_runs


@pytest.fixture(scope="module")
def runs() -> pd.DataFrame:
    """Three data sets of one kind; of the third only small runs are known."""
    parts = [
        make_runs(0.003, seed=k, E=1.8 + 0.1 * k, B=2085.0 * (1 + 0.1 * k)).assign(data=name)
        for k, name in enumerate(("a", "b", "c"))
    ]
    parts[2] = parts[2][parts[2]["N"] * parts[2]["D"] < 3e19]
    return pd.concat(parts, ignore_index=True)


def truth(n: float, d: float) -> float:
    """The third data set, without noise."""
    return 2.0 + 482.01 / n**0.3478 + 2085.0 * 1.2 / d**0.3658


def test_a_small_group_borrows(runs: pd.DataFrame) -> None:
    """Close, and narrower than alone."""
    found = sl.forecast(runs, groups="data", confidence_level=0.9)
    assert list(found) == ["a", "b", "c"]
    alone = sl.forecast(runs[runs["data"] == "c"], confidence_level=0.9)
    point = {"N": 3e9, "D": 3e11}
    together, by_itself = (
        found["c"].predict(point),
        alone.outlook({"N": np.array(3e9), "D": np.array(3e11), "C": np.array(5.4e21)}, 0.9),
    )
    exact = truth(3e9, 3e11)
    assert together.estimate == pytest.approx(exact, rel=0.01)
    assert together.half_width < 0.8 * by_itself.half_width
    assert together.run_low < exact < together.run_high
    assert found["c"].n == (runs["data"] == "c").sum()


def test_tables_of_several_groups(runs: pd.DataFrame) -> None:
    """By the column of the groups, in the order of the table."""
    found = sl.forecast(runs, groups="data")
    points = pd.DataFrame({"data": ["b", "a", "b"], "N": 1e9, "D": [1e11, 1e11, 2e11]}, [7, 8, 9])
    frame = found.predict(points)
    assert list(frame.index) == [7, 8, 9]
    assert frame.loc[8, "estimate"] == found["a"].predict(N=1e9, D=1e11).estimate
    assert frame.loc[9, "estimate"] == found["b"].predict(N=1e9, D=2e11).estimate
    assert "3 groups by 'data'" in repr(found)


def test_order_does_not_matter(runs: pd.DataFrame) -> None:
    """The same numbers."""
    plain = sl.forecast(runs, groups="data")["b"].predict(N=5e9, D=5e11).run_low
    mixed = sl.forecast(runs.sample(frac=1, random_state=0), groups="data")
    assert mixed["b"].predict(N=5e9, D=5e11).run_low == pytest.approx(plain, rel=1e-6)


def test_groups_that_cannot_be_forecast(runs: pd.DataFrame) -> None:
    """Are named; two are needed."""
    few = pd.concat([runs, runs.head(3).assign(data="d")], ignore_index=True)
    found = sl.forecast(few, groups="data")
    assert "needs 6 runs" in found.failed["d"]
    with pytest.raises(KeyError, match="needs 6 runs"):
        _ = found["d"]
    with pytest.raises(sl.DataError, match="Fewer than two groups of 'data'"):
        sl.forecast(runs[runs["data"] == "a"], groups="data")
    with pytest.raises(sl.DataError, match="No column 'recipe'"):
        sl.forecast(runs, groups="recipe")
    with pytest.raises(ValueError, match="neither `through` nor `limits`"):
        sl.forecast(runs, groups="data", limits=(0.0, 9.0))


def test_large_groups_are_thinned(runs: pd.DataFrame) -> None:
    """The largest runs stay."""
    rows = rows_of(sl.forecast(runs[runs["data"] == "a"]).rows.table).thinned(10)
    assert rows.n == 10
    assert rows.largest == 6e22
    assert (np.sort(rows.C)[-5:] >= np.sort(6 * runs["N"] * runs["D"])[-12]).all()


def test_public_groups(data: Path) -> None:
    """A few groups of nine runs, better together than alone."""
    section = study.run(Options(quick=True, data=data))
    assert all(bar.met for bar in section.bars)
