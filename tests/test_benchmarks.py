"""The benchmarks' own parts: derivatives, the rival search, and the command."""

from __future__ import annotations

import importlib
import itertools
import pkgutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import benchmarks
import scalinglaws as sl
from benchmarks import typed_law
from benchmarks.__main__ import main
from benchmarks.fuzz import __main__ as fuzz
from benchmarks.fuzz.trial import KINDS, case_of
from benchmarks.global_minimum import compare, outcomes, random_case, read
from benchmarks.library import Task, drawn_counts
from benchmarks.rival import Objective, Search
from benchmarks.rival_laws import pieces
from benchmarks.typed_law import LAW, TRUTH, table
from scalinglaws.core import catalogue
from scalinglaws.fitting.solver.objective import Loss


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
    """Values are the law's; its derivatives are those of complex steps and of the typed law."""
    columns, y = table(60)
    hand = typed_law.bind(columns["N"], columns["D"], columns["S"], y)
    natural = np.array([TRUTH[name] for name in LAW.parameter_names])
    logs = np.isin(LAW.parameter_names, ["E", "A", "B", "F"])
    theta = np.where(logs, np.log(natural), natural)

    residuals = hand.residuals(theta[None])[0]

    np.testing.assert_allclose(residuals, np.log(LAW.value(TRUTH, columns) / y), atol=1e-14)
    assert max(typed_law.complex_step_errors(hand, theta).values()) < 1e-10
    typed, weights, loss = Task(LAW, columns, y).bound(), np.ones((1, 60)), Loss("huber", 1e-3)
    for majorise, n_batch in itertools.product((False, True), (1, 9)):
        batch = np.repeat(theta[None], n_batch, axis=0)
        ours = typed.sums(batch, weights, loss, majorise=majorise).hessian[-1]
        theirs = hand.sums(batch, weights, loss, majorise=majorise).hessian[-1]
        size = np.sqrt(np.diag(hand.sums(theta[None], weights, loss, majorise=True).hessian[0]))
        np.testing.assert_allclose(theirs / np.outer(size, size), ours / np.outer(size, size),
                                   atol=1e-11, rtol=0)  # fmt: skip
    (_, block), step = next(hand.blocks()), np.random.default_rng(0).standard_normal((1, 8))
    np.testing.assert_allclose(
        block.at(theta[None]).along(step)[0], hand.jacobian(theta) @ step[0], rtol=1e-10
    )


def test_the_hand_written_law_does_not_overflow() -> None:
    """Where the terms leave float64 it subtracts the largest of them."""
    columns, y = table(60)
    hand = typed_law.bind(columns["N"], columns["D"], columns["S"], y)
    far = np.array([[800.0, 900.0, 0.1, 5.0, 0.3, 2.0, 0.3, 1.0]])
    expected = 900.0 - 0.1 * np.log(columns["N"]) - np.log(y)
    np.testing.assert_allclose(hand.residuals(far)[0], expected, rtol=1e-12)


def test_the_draws_of_a_bootstrap_are_known() -> None:
    """A refit to the reconstructed weights is the draw, in every task."""
    runs = pd.DataFrame({"D": np.geomspace(1e6, 1e10, 12)})
    runs["loss"] = 2.0 * runs["D"] ** -0.1 * np.exp(0.01 * np.random.default_rng(0).normal(size=12))
    draws = sl.fit(runs, "a*D**b", objective="squared").bootstrap(1100, rng=3)
    weights = drawn_counts(12, 1100, seed=3)
    x = np.log(runs["D"])
    slopes = [np.polyfit(x, np.log(runs["loss"]), 1, w=np.sqrt(w))[0] for w in weights]
    np.testing.assert_allclose(draws["b"], np.array(slopes)[draws.index], rtol=1e-9)


def test_an_outcome_is_read_as_it_was_saved(tmp_path: Path) -> None:
    """A study can stop and go on; what is done is not done again."""
    file = tmp_path / "part.csv"
    case = random_case(7)
    saved = outcomes([case], file, 40)
    assert read(file) == saved
    assert outcomes([case], file, 40) == saved


def test_the_rivals_searches_are_taken_from_an_earlier_study(tmp_path: Path) -> None:
    """All but the times is the same, and no random start is made; another threshold is searched."""
    file = tmp_path / "earlier.csv"
    case = random_case(7)
    (before,) = outcomes([case], file, 40)
    (after,) = outcomes([case], None, 0, file)
    assert replace(after, seconds=0, rival_seconds=0) == replace(before, seconds=0, rival_seconds=0)
    known = {(case.name, case.law, case.objective, case.scale): replace(before, delta=1.0)}
    assert compare(case, 40, known).random == pytest.approx(before.random, rel=1e-9)


@pytest.mark.parametrize(("name", "columns"), [
    ("chinchilla", ["N", "D"]), ("power-floor", ["N"]), ("kaplan", ["N", "D"]),
])  # fmt: skip
def test_the_rival_searches_the_ranges_of_the_laws_that_are_fitted(
    name: str, columns: list[str]
) -> None:
    """The ends of every range, where the rival's formula is that of the catalogue's row."""
    law = catalogue.named(name, columns)
    n, d, y = (random_case(0).runs[c].to_numpy() for c in ("N", "D", "loss"))
    ranges = {p.name: (p.lower, p.upper) for p in law.parameters}
    values = {p.name: 1.5 if p.positive else 0.3 for p in law.parameters}
    for piece in pieces(name, n, d, ranges):
        x = piece.law.coordinates(values)
        if x is None:
            continue
        found = Search(piece.law, y, "log").residuals(x[None])[0]
        expected = np.log(law.value(values, {"N": n, "D": d}) / y)
        np.testing.assert_allclose(found, expected, atol=1e-12)
        ends = piece.law.natural(np.clip(np.full(len(x), 1e300), piece.law.lower, piece.law.upper))
        for exponent, (_, upper) in ranges.items():
            if exponent in ends and np.isfinite(upper):
                assert ends[exponent] == upper


def test_the_rival_is_no_worse_than_the_library_on_an_easy_table() -> None:
    """Both find the same minimum."""
    outcome = compare(random_case(3), 40)
    assert outcome.random == pytest.approx(outcome.ours, rel=1e-9)


def test_every_module_can_be_imported() -> None:
    """Also those that no other test runs."""
    for module in pkgutil.walk_packages(benchmarks.__path__, "benchmarks."):
        assert importlib.import_module(module.name).__doc__


def test_the_command_prints_a_page(capsys: pytest.CaptureFixture[str]) -> None:
    """Bars, ratios and versions."""
    main(["--quick", "--only", "cold_fit", "--rounds", "1"])
    page = capsys.readouterr().out
    assert "## Cold fit" in page
    assert "numpy" in page
    assert "| times the library |" in page


def test_the_fuzzing_knows_its_kinds(capsys: pytest.CaptureFixture[str]) -> None:
    """Each has a number of cases in the smoke test, is drawn from its number alone, and runs."""
    assert set(fuzz.QUICK) == set(KINDS)
    for kind in KINDS:
        assert case_of(kind, 3, 5).text == case_of(kind, 3, 5).text
        assert fuzz.main(["--kind", kind, "--seed", "3", "--minutes", "0.002"]) == 0
        assert f"| {kind} |" in capsys.readouterr().out


def test_the_study_of_inverses_runs_in_small(capsys: pytest.CaptureFixture[str]) -> None:
    """Both tables, and a bar for each."""
    main(["--quick", "--only", "inverse"])
    page = capsys.readouterr().out
    assert "below the floor" in page
    assert "a floor of its own each" in page
    assert "gain: mean coverage" in page
