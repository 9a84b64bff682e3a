"""Forecasts in a terminal."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

import scalinglaws as sl
from scalinglaws.cli import main
from tests.conftest import make_runs


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A table of runs in a file."""
    make_runs(0.004).to_csv(tmp_path / "runs.csv", index=False)
    return tmp_path / "runs.csv"


def test_forecast(runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A table, one run, a file, a picture."""
    assert main(["forecast", str(runs)]) == 0
    assert capsys.readouterr().out.startswith("Forecast of loss from 36 runs")
    file, picture = tmp_path / "f.json", tmp_path / "f.png"
    call = ["forecast", str(runs), "--at", "N=20B", "D=4T", "--save", str(file)]
    assert main([*call, "--plot", str(picture)]) == 0
    assert "prediction interval (new run)" in capsys.readouterr().out
    assert picture.stat().st_size > 10_000
    marked = tmp_path / "marked.svg"
    assert main(["forecast", str(file), "--at", "N=20B", "D=4T", "--plot", str(marked)]) == 0
    assert "<!-- N 20B, D 4T: loss " in marked.read_text(encoding="utf-8")  # the title
    capsys.readouterr()
    assert main(["forecast", str(file), "--at", "N=20B", "D=4T", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)[0]
    expected = sl.forecast(pd.read_csv(runs)).predict(N=2e10, D=4e12)
    assert found["estimate"] == pytest.approx(expected.estimate, rel=1e-9)
    assert main(["forecast", str(runs), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["format"] == "scalinglaws forecast"
    assert main(["forecast", str(runs), "--csv"]) == 0
    assert "outer_power" in capsys.readouterr().out


def test_a_forecast_that_is_not_usable(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Status 3, as for a fit that is not clean."""
    assert main(["forecast", str(runs), "--at", "N=20T", "D=400T"]) == 3
    assert "not usable" in capsys.readouterr().err


def test_backtest(runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of a table and of a saved fit."""
    assert main(["backtest", str(runs), "--by", "N", "--plot", str(tmp_path / "b.png")]) == 0
    assert "interval of the forecast" in capsys.readouterr().out
    sl.fit(pd.read_csv(runs), "chinchilla").save(tmp_path / "fit.json")
    assert main(["backtest", str(tmp_path / "fit.json"), "--cuts", "1e21", "--json"]) == 0
    assert {"cut", "run", "inside"} <= set(json.loads(capsys.readouterr().out)[0])


def test_compare(runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Laws at a target."""
    call = ["compare", str(runs), "--laws", "chinchilla", "--at", "C=1e24"]
    assert main([*call, "--plot", str(tmp_path / "c.png")]) == 0
    assert "chinchilla" in capsys.readouterr().out
    assert main([*call, "--csv"]) == 0
    assert capsys.readouterr().out.startswith("law,estimate,low,high")


@pytest.mark.parametrize(("call", "message"), [
    (["forecast", "RUNS", "--at", "N"], "--at is written NAME=VALUE"),
    (["forecast", "RUNS", "--at", "N=1B"], "needs N and D"),
    (["forecast", "FIT"], "is a saved fit"),
    (["compare", "RUNS", "--laws", "power", "--at", "E=3"], "a target has N, D and C"),
])  # fmt: skip
def test_errors(
    runs: Path, tmp_path: Path, call: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line, and status 1."""
    sl.fit(pd.read_csv(runs), "chinchilla").save(tmp_path / "fit.json")
    names = {"RUNS": str(runs), "FIT": str(tmp_path / "fit.json")}
    assert main([names.get(item, item) for item in call]) == 1
    assert message in capsys.readouterr().err


def test_a_curve(runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Over a column, and at one of its values."""
    table = pd.read_csv(runs)
    table[table["N"] == table["N"].max()].to_csv(tmp_path / "curve.csv", index=False)
    file, picture = str(tmp_path / "curve.csv"), str(tmp_path / "curve.png")
    assert main(["forecast", file, "--x", "D", "--plot", picture]) == 0
    assert capsys.readouterr().out.startswith("Forecast of loss over D from 6 points")
    marked = tmp_path / "marked.svg"
    assert main(["forecast", file, "--x", "D", "--at", "D=2T", "--plot", str(marked)]) == 0
    assert "<!-- D 2T: loss " in marked.read_text(encoding="utf-8")  # the title
    assert "loss 2" in capsys.readouterr().out
    assert main(["forecast", file, "--x", "D", "--at", "D=2T", "--json"]) == 0
    assert "estimate" in json.loads(capsys.readouterr().out)[0]
    assert main(["forecast", file, "--x", "D", "--json"]) == 1
    assert "need --at" in capsys.readouterr().err


def test_groups_and_metrics_at_a_run(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of one group of several, and of an accuracy through its loss."""
    table = pd.read_csv(runs)
    table["data"] = ["web", "code"] * (len(table) // 2)
    table["accuracy"] = 1 / table["loss"]
    table.to_csv(tmp_path / "both.csv", index=False)
    run = ["--at", "N=20B", "D=4T"]
    assert main(["forecast", str(tmp_path / "both.csv"), "--groups", "data", *run, "data=web"]) == 0
    assert capsys.readouterr().out.startswith("loss ")
    through = ["--y", "accuracy", "--through", "loss", "--limits", "0", "1"]
    assert main(["forecast", str(tmp_path / "both.csv"), *through, *run, "--json"]) == 0
    assert 0 < json.loads(capsys.readouterr().out)[0]["estimate"] < 1
