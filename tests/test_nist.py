"""NIST StRD nonlinear regression: every problem typed as a line of maths, certified to 6 digits.

The 27 problems are public domain; they are read from the folder of public tables.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

import scalinglaws as sl
from benchmarks.nist import MODELS, digits, exchanged, read_problem


@pytest.mark.parametrize("start", [0, 1])
@pytest.mark.parametrize("name", MODELS)
def test_certified_values(data: Path, name: str, start: int) -> None:
    """From both of the file's starting points, up to exchangeable terms and free signs."""
    problem = read_problem(data / "nist_strd", name)

    with warnings.catch_warnings(action="ignore", category=sl.ScalingLawWarning):
        fit = sl.fit(
            problem.table, problem.law, objective="squared", scale="level", units="trust",
            start=problem.starts[start],
        )  # fmt: skip

    assert max(digits(p, problem.certified) for p in exchanged(name, fit.params)) >= 6
