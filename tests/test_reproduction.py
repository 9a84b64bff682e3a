"""Published results are reproduced, or the difference is understood."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from benchmarks import reproduce


@pytest.mark.parametrize("number", reproduce.ROWS)
def test_published_results(data: Path, number: int) -> None:
    """Every line of a row within its tolerance; see benchmarks/reproduction.md."""
    title, make = reproduce.ROWS[number]
    with warnings.catch_warnings(action="ignore"):
        lines = list(make())

    assert lines
    failed = [line for line in lines if not line.passed and not line.known]
    assert not failed, f"{title}: {failed}"


def test_every_row_is_accounted_for() -> None:
    """Reached, or the reason why not."""
    assert set(reproduce.ROWS) | set(reproduce.UNREACHABLE) == set(range(1, 32))
    assert not set(reproduce.ROWS) & set(reproduce.UNREACHABLE)
