"""The benchmarks' own parts: derivatives, the rival search, and the command."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.__main__ import main
from benchmarks.global_minimum import compare, outcomes, read
from benchmarks.hand_written import HandWritten, complex_step_errors
from benchmarks.random_tables import random_case
from benchmarks.rival import Objective, Search
from benchmarks.rival_laws import pieces
from benchmarks.typed_law import LAW, TRUTH, table
from scalinglaws.core import catalogue


@pytest.mark.parametrize("law", ["chinchilla", "power-floor", "kaplan"])
@pytest.mark.parametrize("scale", ["log", "level"])
@pytest.mark.parametrize("kind", ["squared", "huber"])
def test_the_rivals_derivatives_are_those_of_its_objective(law: str, scale: str, kind: str) -> None:
    """Central differences on every face of the law's domain."""
    runs = random_case(0).runs
    n, d, y = (runs[name].to_numpy() for name in ("N", "D", "loss"))
    objective, h = Objective(kind, scale, 0.3), 1e-6
    ranges = {p.name: (p.lower, p.upper) for p in catalogue.named(law, ["N"]).parameters}
    for curve in [c for piece in pieces(law, n, d, ranges) for c in (piece.law, piece.free) if c]:
        search = Search(curve, y, scale)
        x = np.random.default_rng(0).uniform(0.05, 1.5, (4, len(curve.lower)))
        _, gradient, hessian, _ = search.derivatives(x, objective)
        for j, step in enumerate(h * np.eye(x.shape[1])):
            above, below = (search.derivatives(x + s * step, objective) for s in (1, -1))
            slope = (above[0] - below[0]) / (2 * h)
            curvature = (above[1] - below[1]) / (2 * h)
            np.testing.assert_allclose(
                gradient[:, j], slope, atol=1e-6 * np.abs(gradient).max(), rtol=0
            )
            np.testing.assert_allclose(
                hessian[:, j], curvature, atol=1e-5 * np.abs(hessian).max(), rtol=0
            )


def test_the_hand_written_law_is_the_typed_one() -> None:
    """Values are the law's; gradient and Hessian are those of complex steps."""
    columns, y = table(60)
    hand = HandWritten(columns["N"], columns["D"], columns["S"], y)
    natural = np.array([TRUTH[name] for name in LAW.parameter_names])
    logs = np.isin(LAW.parameter_names, ["E", "A", "B", "F"])
    theta = np.where(logs, np.log(natural), natural)

    residuals = hand.residuals(theta[None])[0]

    np.testing.assert_allclose(residuals, np.log(LAW.value(TRUTH, columns) / y), atol=1e-14)
    assert max(complex_step_errors(hand, theta)) < 1e-10


def test_an_outcome_is_read_as_it_was_saved(tmp_path: Path) -> None:
    """A study can stop and go on; what is done is not done again."""
    file = tmp_path / "part.csv"
    case = random_case(7)
    saved = outcomes([case], file, 40)
    assert read(file) == saved
    assert outcomes([case], file, 40) == saved


def test_the_rival_is_no_worse_than_the_library_on_an_easy_table() -> None:
    """Both find the same minimum."""
    outcome = compare(random_case(3), 40)
    assert outcome.random == pytest.approx(outcome.ours, rel=1e-9)


def test_the_command_prints_a_page(capsys: pytest.CaptureFixture[str]) -> None:
    """Bars, ratios and versions."""
    main(["--quick", "--only", "cold_fit", "--rounds", "1"])
    page = capsys.readouterr().out
    assert "## Cold fit" in page
    assert "numpy" in page
    assert "| times the library |" in page
