"""The terminal's verbs of planning."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

import scalinglaws as sl
from scalinglaws.cli import main
from scalinglaws.cli_plans import markdown
from tests.conftest import make_runs
from tests.planning_cases import EPOCH
from tests.test_isoflop import profiles
from tests.test_recipes import _two


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A saved fit."""
    path = tmp_path / "fit.json"
    sl.fit(make_runs(noise=0.005), "chinchilla").save(path)
    return path


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_plan(saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The table is that of `optimal`, estimate and interval in one cell; the picture is drawn."""
    picture = tmp_path / "plan.png"

    assert main(["plan", str(saved), "--budget", "1e22", "--plot", str(picture)]) == 0
    head, rule, row = capsys.readouterr().out.splitlines()
    assert _cells(head)[:5] == ["C", "N", "D", "ratio", "loss"]
    assert set(rule) == {"|", "-"}
    expected = sl.optimal(sl.load(saved), C=1e22).iloc[0]
    cells = dict(zip(_cells(head), _cells(row), strict=True))
    assert cells["C"] == "1e22"
    assert cells["N"] == "{} ({} to {})".format(
        *(f"{expected[c] / 1e9:.3g}B" for c in ("N", "N_low", "N_high"))
    )
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["plan", "--params", "7B"], "| 7B"),
        (["plan", "--tokens", "140B"], "140B"),
        (["plan", "--loss", "2.2"], "2.2"),
        (["plan", "--budget", "1e22", "--most-params", "2B"], "at the limit of N, 2B"),
        (["plan", "--budget", "1e22", "--within", "0.01"], "smallest"),
        (["overtrain", "--budget", "1e22", "--smaller", "2"], "overhead"),
        (["serve", "--served", "1e12", "--loss", "2.3"], "saving"),
        (["repeat", "--budget", "1e22", "--unique", "1e10"], "epochs"),
        (["next", "--allowance", "1e20", "--budget", "1e22", "--runs", "1"], "after 1 run "),
    ],
)
def test_verbs_of_a_saved_fit(
    saved: Path, arguments: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each prints a table, and JSON when asked."""
    verb, *rest = arguments

    assert main([verb, str(saved), *rest]) == 0
    assert expected in capsys.readouterr().out
    assert main([verb, str(saved), *rest, "--json"]) == 0
    assert isinstance(json.loads(capsys.readouterr().out), list)


def test_isoflop(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From a table of runs; with the bias stated, and the envelope instead."""
    table, picture = tmp_path / "runs.csv", tmp_path / "valleys.png"
    profiles(EPOCH, width=4, noise=0.002).to_csv(table, index=False)

    assert main(["isoflop", str(table), "--plot", str(picture)]) == 0
    out = capsys.readouterr().out
    assert "N ~ C^0.5" in out
    assert "bias of this design and method" in out
    assert picture.exists()
    assert main(["isoflop", str(table), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 5


def test_gain(saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of two fits, or of one table with two recipes."""
    table, picture = tmp_path / "runs.csv", tmp_path / "gain.png"
    _two().to_csv(table, index=False)

    assert main(["gain", str(saved), str(saved), "--budget", "1e20", "1e21"]) == 0
    assert "Compute that the second recipe needs: 1 times less at 1e20" in capsys.readouterr().out
    assert main(["gain", str(table), "--by", "recipe", "--plot", str(picture)]) == 0
    assert "levels differ" in capsys.readouterr().out
    assert picture.exists()
    for wrong in ([str(saved)], [str(saved), str(saved), "--by", "x"]):
        assert main(["gain", *wrong]) == 1
    assert main(["gain", str(saved), str(saved)]) == 1
    assert "need --budget" in capsys.readouterr().err


def test_count(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From a config.json."""
    config = tmp_path / "config.json"
    config.write_text(
        '{"model_type": "gpt2", "n_embd": 768, "n_layer": 12, "n_head": 12, '
        '"n_positions": 1024, "vocab_size": 50257}'
    )

    assert main(["count", str(config)]) == 0
    assert "124,439,808" in capsys.readouterr().out
    assert main(["count", str(config), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["N_no_emb"] == 85_056_000


def test_errors_have_a_status(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One, with the message of the verb behind it."""
    assert main(["plan", str(saved)]) == 1
    assert "Give exactly one of `C`, `N`, `D` and `loss`" in capsys.readouterr().err
    assert main(["plan", str(saved), "--within", "0.01"]) == 1
    assert "--within goes with --budget" in capsys.readouterr().err


def test_markdown_joins_intervals_and_leaves_out_empty_columns() -> None:
    """What a document wants to see."""
    frame = pd.DataFrame(
        {"N": [7e9], "N_low": [5e9], "N_high": [1e10], "overhead": [0.259], "note": [""]}
    )

    assert markdown(frame).splitlines() == [
        "| N              | overhead |",
        "|----------------|----------|",
        "| 7B (5B to 10B) | +26 %    |",
    ]
