"""The terminal verbs, their output and their exit status."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import scalinglaws as sl
from scalinglaws.cli import main
from tests.conftest import make_runs


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A CSV of runs."""
    path = tmp_path / "runs.csv"
    make_runs(noise=0.005).to_csv(path, index=False)
    return path


def test_fit_saves_draws_and_prints(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """fit, then predict from the saved file."""
    picture, saved = tmp_path / "fit.png", tmp_path / "fit.json"

    status = main(["fit", str(table), "--law", "chinchilla", "--plot", str(picture),
                   "--save", str(saved)])  # fmt: skip

    assert status == 0
    assert "chinchilla fitted to 36 runs" in capsys.readouterr().out
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert main(["predict", str(saved), "N=7B", "D=2T"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("loss 2.0")
    assert "at N 7B, D 2T, by the law chinchilla (95 %, a new run: " in " ".join(out.split())
    expected = sl.load(saved).predict(N=7e9, D=2e12)
    assert f"{expected.estimate:.4g}" in out


def test_json_for_machines(table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Both verbs print JSON when asked."""
    saved = tmp_path / "fit.json"
    main(["fit", str(table), "--law", "chinchilla", "--json", "--save", str(saved)])
    assert json.loads(capsys.readouterr().out)["schema"] == 2
    main(["predict", str(saved), "N=7B", "D=2T", "--json"])
    assert json.loads(capsys.readouterr().out)[0]["estimate"] > 1.8


def test_options_reach_the_fit(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Columns, fixed values, objective."""
    status = main(
        ["fit", str(table), "--law", "loss ~ E + A/x**alpha", "--columns", "x=D",
         "--fixed", "E=1.7", "--objective", "squared", "--scale", "level"]
    )  # fmt: skip

    out = capsys.readouterr().out
    assert "x = 'D'" in out
    assert "E = 1.7" in out
    assert "nonlinear least squares on level residuals" in out
    assert status in (0, 3)


def test_a_doubtful_fit_has_its_own_status(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """3: there is a fit, but read the verdict."""
    runs = make_runs(noise=0.01)
    runs["C"] = 6.0 * runs["N"] * runs["D"]
    runs.to_csv(tmp_path / "runs.csv", index=False)

    assert main(["fit", str(tmp_path / "runs.csv"), "--law", "power"]) == 3
    assert capsys.readouterr().err.startswith("warning: These runs cannot determine")


def test_a_loss_with_n_and_d_gets_the_law_for_it(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line says which, and how to name another; other tables get powers."""
    assert main(["fit", str(table)]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("chinchilla fitted to 36 runs")
    assert err.startswith("note: fitting --law chinchilla, because the table has a loss")
    scores = make_runs(noise=0.005).rename(columns={"loss": "accuracy"})
    scores.assign(accuracy=1 / scores["accuracy"]).to_csv(tmp_path / "scores.csv", index=False)
    assert main(["fit", str(tmp_path / "scores.csv")]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("power fitted to 36 runs")
    assert "note" not in err


def test_what_is_overwritten_is_said(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the size of the old file."""
    (tmp_path / "fit.json").write_text("old")
    main(["fit", str(table), "--save", str(tmp_path / "fit.json")])
    assert "fit.json, which replaces a file of 3 bytes" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fit", "nothing.csv"], "error: There is no file 'nothing.csv'."),
        (["predict", "nothing.json", "N=1"], "error: "),
        (["fit", "{table}", "--law", "E + A/N^2"], "error: Write ** instead of ^"),
        (["fit", "{table}", "--columns", "N"], "error: --columns is written NAME=VALUE"),
        (["fit", "{table}", "--y", "los"], "error: No column 'los'"),
    ],
)
def test_wrong_input_is_one_line(
    table: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """No traceback; status 1."""
    status = main([a.format(table=table) for a in arguments])

    assert status == 1
    assert capsys.readouterr().err.startswith(message)


def test_laws_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """With formula and reference."""
    assert main(["laws"]) == 0
    out = capsys.readouterr().out
    assert "chinchilla            loss ~ E + A/N**alpha + B/D**beta" in out
    assert main(["laws", "kaplan"]) == 0
    assert "arXiv:2001.08361" in capsys.readouterr().out


def test_no_verb_prints_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    """And is no error."""
    assert main([]) == 0
    assert "law fitted to a table of runs" in capsys.readouterr().out


def test_the_demo_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Fits, verdicts, held-out runs and pictures."""
    assert main(["demo", str(tmp_path)]) == 0

    out = capsys.readouterr().out
    assert "extrapolated to the larger runs" in out
    assert "covered" in out
    assert len(list(tmp_path.glob("*.png"))) == 6
    assert sl.load(tmp_path / "chinchilla.json").law.name == "chinchilla"


def test_python_m_works() -> None:
    """python -m scalinglaws is the same program."""
    done = subprocess.run(
        [sys.executable, "-m", "scalinglaws", "--version"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == sl.__version__


def test_units_may_be_trusted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The terminal has the option that the error names."""
    runs = make_runs(noise=0.01)
    runs.loc[:5, "N"] /= 1e9
    runs.to_csv(tmp_path / "runs.csv", index=False)
    assert main(["fit", str(tmp_path / "runs.csv"), "--law", "power"]) == 1
    assert "units" in capsys.readouterr().err
    assert main(["fit", str(tmp_path / "runs.csv"), "--law", "power", "--units", "trust"]) != 1
