"""The coverage study: its cells, its oracle, and the command."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats

from benchmarks import held_out
from benchmarks.coverage.__main__ import main
from benchmarks.coverage.cells import (
    FACTORS,
    FURTHER,
    N_CELLS,
    OPEN,
    TRUTHS,
    Cell,
    Target,
    cells,
    gradient,
    law_of,
    pairs,
    truth_of,
)
from benchmarks.coverage.methods import LEVELS, METHODS, USUAL, Task
from benchmarks.coverage.study import judge, study
from benchmarks.coverage.summary import rates
from benchmarks.coverage.tables import DEGREES, Setting, efficiency, oracle, whitened
from benchmarks.harness import Options
from benchmarks.held_out import LAWS, predictions, splits

NOISES = FACTORS["noise"]


def test_every_level_meets_every_level_of_every_other_factor() -> None:
    chosen = cells()[:N_CELLS]
    met = {
        pair for c in chosen for pair in pairs((c.runs, c.design, c.noise, c.level, c.law))
    }  # fmt: skip
    assert met == {pair for row in product(*FACTORS.values()) for pair in pairs(row)}
    assert len(set(cells())) == N_CELLS + len(OPEN) + len(FURTHER)


@pytest.mark.parametrize("cell", cells(), ids=lambda c: c.name)
def test_a_cell_has_the_runs_it_says(cell: Cell) -> None:
    setting = Setting(cell)
    rows = setting.rows
    assert rows["run"].nunique() == cell.runs
    assert len(rows) == cell.runs * (cell.checkpoints if cell.noise == "checkpoints" else 1)
    ratio = (rows["D"] / rows["N"]).groupby(rows["run"]).max()
    usual = np.isclose(ratio, 20.0)
    if cell.design == "ratio":
        assert 2 <= (~usual).sum() <= cell.runs / 4
    if cell.design == "one ratio":
        assert usual.all()
    table, new = setting.draw(np.random.default_rng(0))
    assert list(table) == [*setting.columns, "loss"]
    assert [bool(e) for e in new] == [t.kind == "run" for t in setting.targets]


@pytest.mark.parametrize("noise", NOISES)
def test_errors_have_the_variance_and_correlation_they_say(noise: str) -> None:
    setting = Setting(Cell(8, "grid", noise, 0.01, "power"))
    rng = np.random.default_rng(1)
    errors = np.array([setting.errors(rng) for _ in range(20_000)])
    if noise == "t3":  # its sample variance has no variance of its own: quartiles instead
        quartile = stats.t.ppf(0.75, DEGREES) / np.sqrt(3)
        np.testing.assert_allclose(np.quantile(errors, 0.75), quartile, rtol=0.01)
        return
    wanted = np.eye(errors.shape[1])
    if noise == "checkpoints":
        wanted = np.kron(np.eye(8), setting.correlation)
        np.testing.assert_allclose(setting.correlation[0, 1:], np.exp([-1 / 3, -2 / 3, -1]))
    np.testing.assert_allclose(np.cov(errors, rowvar=False), wanted, atol=0.05)
    falls = setting.noise_at(np.array([1e18, 1e19]))
    np.testing.assert_allclose(falls[1] / falls[0], 10**-0.2 if noise == "scale" else 1.0)


@pytest.mark.parametrize("noise", ["normal", "scale", "checkpoints"])
def test_the_oracle_is_generalised_least_squares_where_the_law_is_linear(noise: str) -> None:
    """A power is linear in logarithms: the estimator is in closed form, and is simulated."""
    setting = Setting(Cell(16, "ratio", noise, 0.02, "power"))
    rows, truth = setting.rows, truth_of(setting.cell)
    design = np.column_stack([np.ones(len(rows)), np.log(rows["N"]), np.log(rows["D"])])
    white, rng = whitened(setting, design), np.random.default_rng(2)
    n_tables = 20_000
    noise_at = setting.noise_at(rows["C"].to_numpy())
    errors = np.array([setting.errors(rng) * noise_at for _ in range(n_tables)])
    logs = setting.log_curve + errors
    found = np.linalg.lstsq(white, whitened(setting, logs.T), rcond=None)[0]
    params = {"a": np.exp(found[0]), "b": found[1], "c": found[2]}

    known = oracle(setting)
    for j, target in enumerate(setting.targets):
        drawn = target.value(params) - float(target.value(truth))
        if target.kind == "run":
            drawn = drawn + rng.standard_normal(n_tables) * known.noise[j]
        for level in LEVELS:
            inside = np.mean(np.abs(drawn) <= known.width(j, level) / 2)
            # five Monte-Carlo errors
            assert abs(inside - level) < 5 * np.sqrt(level * (1 - level) / n_tables)


def test_the_oracle_of_heavy_tails_has_their_information() -> None:
    """E[score^2] of Student's t by quadrature; a new run's interval by simulation."""
    setting = Setting(Cell(16, "grid", "t3", 0.01, "power"))
    scale = 1 / np.sqrt(3)  # of unit variance

    def square(x: float) -> float:
        score = (DEGREES + 1) * x / (DEGREES * scale**2 + x**2)
        return float(score**2 * stats.t.pdf(x / scale, DEGREES) / scale)

    information = integrate.quad(square, -np.inf, np.inf)[0]
    np.testing.assert_allclose(efficiency(setting), information, rtol=1e-9)

    known = oracle(setting)
    place = [t.name for t in setting.targets].index("run at 100x")
    rng, n = np.random.default_rng(3), 200_000
    drawn = known.std_error[place] * rng.standard_normal(n)
    drawn += known.noise[place] * scale * rng.standard_t(DEGREES, n)
    inside = np.mean(np.abs(drawn) <= known.width(place, 0.9) / 2)
    assert abs(inside - 0.9) < 5 * np.sqrt(0.09 / n)


@pytest.mark.parametrize("law", TRUTHS)
def test_slopes_of_targets_are_those_of_finite_differences(law: str) -> None:
    setting = Setting(Cell(16, "grid", "normal", 0.01, law))
    model, truth = law_of(setting.cell), truth_of(setting.cell)
    h = 1e-5
    for target in setting.targets:
        slope = gradient(model, truth, target)
        for j, p in enumerate(model.parameters):
            step = h * (truth[p.name] if p.positive else 1.0)
            above, below = (
                float(target.value({**truth, p.name: truth[p.name] + s * step})) for s in (1, -1)
            )
            np.testing.assert_allclose(
                slope[j], (above - below) / (2 * h), rtol=1e-4, atol=1e-6 * np.abs(slope).max()
            )


@pytest.mark.parametrize("law", ["chinchilla", "kaplan"])
def test_the_optimum_in_closed_form_is_the_least_loss_on_the_budget(law: str) -> None:
    setting = Setting(Cell(16, "grid", "normal", 0.01, law))
    model, truth = law_of(setting.cell), truth_of(setting.cell)
    budget = 10 * float(setting.rows["C"].max())
    size = next(t for t in setting.targets if t.name == "N_opt at 10x").value(truth)
    N = np.exp(size + np.linspace(-0.01, 0.01, 201))
    loss = model.value(truth, {"N": N, "D": budget / (6 * N)})
    assert abs(int(np.argmin(loss)) - 100) <= 1


def test_what_a_design_leaves_open_has_no_width() -> None:
    setting = Setting(OPEN[1])
    known = oracle(setting)
    open_ = {t.name for t, e in zip(setting.targets, known.std_error, strict=True) if np.isinf(e)}
    assert open_ == {"a", "b", "c", "d"}
    assert known.width(0, 0.9) == np.inf


def test_an_interval_is_counted_on_the_side_on_which_it_misses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ends = iter([(1e-9, 1e9), (1e8, 1e9), (1e-9, 1e-8), (np.nan, np.nan), (0.0, np.inf)])

    def fixed(task: Task) -> np.ndarray:
        return np.broadcast_to(next(ends), (len(task.targets), len(LEVELS), 2))

    monkeypatch.setitem(METHODS, "fixed", fixed)
    power = next(i for i, c in enumerate(cells()) if c.law == "power")
    found = judge(power, range(5), ["fixed"], 0)
    np.testing.assert_array_equal(found.side[:, 0, 0, 0], [0, -1, 1, np.nan, np.nan])


def test_the_command_prints_every_method_and_takes_up_where_it_stopped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save = tmp_path / "part.csv"
    assert main(["--cells", "5,12", "--tables", "2", "--save", str(save)]) == 0
    first = pd.read_csv(save)
    assert set(first["method"]) == set(USUAL)
    assert (first["tables"] == 2).all()
    page = capsys.readouterr().out
    assert all(name in page for name in USUAL)
    assert main(["--cells", "5,12", "--tables", "2", "--save", str(save)]) == 0
    pd.testing.assert_frame_equal(pd.read_csv(save), first)
    assert main(["--parts", str(save)]) == 0
    with pytest.raises(ValueError, match=r"is of another study: 2 tables a cell, seed 0, methods"):
        main(["--cells", "5", "--tables", "3", "--save", str(save)])
    with pytest.raises(SystemExit):
        main(["--parts", str(save), str(save)])
    assert "the parts have cells in common" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["--cells", "99"])
    assert "cells are 0 to 35" in capsys.readouterr().err


def test_the_numbers_do_not_depend_on_the_number_of_processes() -> None:
    methods = ["default", "case bootstrap"]
    one, two = (study([5], 27, methods, workers=n).drop(columns="seconds") for n in (1, 2))
    pd.testing.assert_frame_equal(one, two)
    other = study([5], 27, methods, seed=1).drop(columns="seconds")
    assert not other.equals(one)


def test_a_table_on_one_ratio_whose_threshold_and_lifts_took_turns_without_end() -> None:
    """Each second look seemed better, by rounding, and the search never ended."""
    index = cells().index(OPEN[0])
    found = judge(index, range(122, 123), ["default"], 0)
    assert found.verdicts == ("NOT_IDENTIFIED",)


def test_rates_are_of_the_tables_with_an_interval() -> None:
    frame = pd.DataFrame(
        {"cell": [0], "target": ["alpha"], "tables": [100], "given": [80], "covered": [72],
         "below": [5], "above": [3], "width": [2.0], "oracle_width": [1.6]}
    )  # fmt: skip
    row = rates(frame).iloc[0]
    assert row["coverage"] == pytest.approx(0.9)
    assert row["none"] == pytest.approx(0.2)
    assert row["missed"] == pytest.approx(0.08)
    assert row["ratio"] == pytest.approx(1.25)
    assert row["error"] == pytest.approx(np.sqrt(0.9 * 0.1 / 80), rel=0.05)


def test_targets_go_to_their_scale_and_back() -> None:
    for scale in ("log", "linear"):
        target = Target("x", "derived", scale, lambda p: p)
        np.testing.assert_allclose(target.natural(target.working(np.array([2.0, 3.0]))), [2, 3])


def test_without_the_public_tables_the_own_ladder_is_predicted() -> None:
    section = held_out.run(Options(data=None))
    assert "only the project's own ladder" in section.notes[0]
    summary = section.tables[0][1]
    assert list(summary["data"]) == ["the project's ladder"] * 3
    assert list(summary["targets"]) == [3, 3, 3]


def test_larger_runs_are_held_out_of_the_smaller(data: Path) -> None:
    found = list(splits(data))
    assert len(found) == 8
    for split in found:
        assert not set(split.fitted["run"]) & set(split.targets["run"])
        if not split.name.startswith("Marin"):  # its validation runs are at the optimum instead
            assert split.targets["N"].max() >= split.fitted["N"].max()
    table = predictions(found[0], LAWS[1])
    assert table["in run's"].all()
    assert (table["curve low"] > table["run low"]).all()
