"""The terminal's verbs of planning."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import scalinglaws as sl
from scalinglaws.cli import main
from tests.conftest import make_runs
from tests.planning_cases import EPOCH
from tests.test_groups import LINE, make_groups
from tests.test_isoflop import profiles
from tests.test_recipes import _two


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A saved fit."""
    path = tmp_path / "fit.json"
    sl.fit(make_runs(noise=0.005), "chinchilla").save(path)
    return path


def test_plan(saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The text is that of `optimal`, with the terminal's next command; the picture is drawn."""
    picture = tmp_path / "plan.png"

    assert main(["plan", str(saved), "--budget", "1e22", "--plot", str(picture)]) == 0
    out = capsys.readouterr().out
    expected = sl.optimal(sl.load(saved), C=1e22)
    assert out.rpartition("→")[0] == str(expected).rpartition("→")[0]
    command = " ".join(out.rpartition("→")[2].split())
    assert command.endswith("--budget 1e22 --within 0.01")
    row = expected.iloc[0]
    low, high = (f"{row[c] / 1e9:.3g}B" for c in ("N_low", "N_high"))
    assert f"{low} to {high}" in out
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["plan", "--params", "7B"], "7B parameters are compute-optimal at "),
        (["plan", "--tokens", "140B"], "140B"),
        (["plan", "--loss", "2.2"], "Loss 2.2 needs "),
        (["plan", "--budget", "1e22", "--most-params", "2B"], "At the limit of N, 2B"),
        (["plan", "--budget", "1e22", "--within", "0.01"], "smallest"),
        (["overtrain", "--budget", "1e22", "--smaller", "2"], "more compute for the same loss"),
        (["serve", "--served", "1e12", "--loss", "2.3"], "saving"),
        (["repeat", "--budget", "1e22", "--unique", "1e10"], "epochs"),
        (["judge", "--params", "7B", "--tokens", "1T"], "wasted"),
        (["judge", "--params", "7B", "--tokens", "15T", "--served"], "served tokens"),
        (["next", "--allowance", "1e20", "--budget", "1e22", "--runs", "1"], "after 1 run"),
    ],
)
def test_verbs_of_a_saved_fit(
    saved: Path, arguments: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each prints a table, and JSON when asked."""
    verb, *rest = arguments

    assert main([verb, str(saved), *rest]) == 0
    assert expected in " ".join(capsys.readouterr().out.split())
    assert main([verb, str(saved), *rest, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert main([verb, str(saved), *rest, "--csv"]) == 0
    table = pd.read_csv(io.StringIO(capsys.readouterr().out))
    assert list(table) == list(rows[0])
    numbers = table.select_dtypes("number").iloc[0].dropna()
    for name, value in numbers.items():
        assert rows[0][name] is None or value == pytest.approx(rows[0][name], rel=1e-9)


def test_isoflop(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From a table of runs; with the bias stated, or the trend carried on."""
    table, picture = tmp_path / "runs.csv", tmp_path / "valleys.png"
    profiles(EPOCH, width=4, noise=0.002).to_csv(table, index=False)

    assert main(["isoflop", str(table), "--plot", str(picture)]) == 0
    out = capsys.readouterr().out
    assert out.startswith("N grows as C^0.5")
    assert "Bias of this design and method" in out
    assert picture.exists()
    assert main(["isoflop", str(table), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 5
    assert main(["isoflop", str(table), "--budget", "1e23"]) == 0
    assert "At 1e23 FLOP: " in capsys.readouterr().out


def test_envelope_and_approaches(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The envelope by itself, and all three side by side."""
    table, saved = tmp_path / "runs.csv", tmp_path / "fit.json"
    runs = make_runs(noise=0.005)
    runs.to_csv(table, index=False)
    sl.fit(runs, "chinchilla").save(saved)

    assert main(["envelope", str(table)]) == 0
    out = capsys.readouterr().out
    assert out.startswith("N grows as C^0.")
    assert "from an envelope of training curves" in " ".join(out.split())
    assert main(["approaches", str(table), str(saved), "--budget", "1e23", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["approach"] for row in rows] == ["envelope", "IsoFLOP", "law"]


def test_one_group(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A fit with groups is planned for the one that --at names."""
    saved = tmp_path / "fit.json"
    fit = sl.fit(make_groups(0.004), LINE)
    fit.save(saved)

    assert main(["plan", str(saved), "--budget", "1e22", "--at", "data=web", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)[0]
    assert found["N"] == pytest.approx(sl.optimal(fit, C=1e22, data="web")["N"].iloc[0])
    assert main(["plan", str(saved), "--budget", "1e22"]) == 1
    assert "Say which group is meant: --at data=c4" in capsys.readouterr().err
    assert main(["plan", str(saved), "--budget", "1e22", "--at", "web"]) == 1
    assert "--at is written NAME=VALUE" in capsys.readouterr().err


def test_simulate(saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A rehearsal's runs are a table that the other verbs read."""
    design = tmp_path / "design.csv"
    make_runs()[["N", "D"]].to_csv(design, index=False)
    for law in (str(saved), "chinchilla/epoch2024"):
        assert main(["simulate", law, str(design), "--noise", "0", "--csv"]) == 0
        table = pd.read_csv(io.StringIO(capsys.readouterr().out))
        np.testing.assert_allclose(table["loss"], make_runs()["loss"], rtol=0.02)


def test_bill(capsys: pytest.CaptureFixture[str]) -> None:
    """Hours and money; another device is given by its peak."""
    known = ["bill", "5.76e23", "--device", "H100", "--utilisation", "0.4", "--price", "2"]
    assert main(known) == 0
    assert capsys.readouterr().out == (
        "5.76e23 FLOP: 404,449 accelerator hours and 808,898 in money.\n"
    )
    assert main(["bill", "1e22", "--device", "2.25e15", "--utilisation", "0.4"]) == 0
    assert "3,086" in capsys.readouterr().out
    assert main(["bill", "1e22", "--device", "abacus", "--utilisation", "0.4"]) == 1
    assert "or a number: the peak FLOP/s of another one; got 'abacus'" in capsys.readouterr().err


def test_gain(saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of two fits, or of one table with two recipes."""
    table, picture = tmp_path / "runs.csv", tmp_path / "gain.png"
    _two().to_csv(table, index=False)

    assert main(["gain", str(saved), str(saved), "--budget", "1e20", "1e21"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "Compute saved by the second recipe (95 %): 1x less compute at 1e20" in out
    assert main(["gain", str(table), "--by", "recipe", "--plot", str(picture)]) == 0
    assert "their exponents differ" in capsys.readouterr().out
    assert picture.exists()
    three = pd.concat([_two(), make_runs(0.004, seed=7).assign(recipe="third")])
    three.to_csv(table, index=False)
    assert main(["gain", str(table), "--by", "recipe", "--budget", "1e20"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("Compute saved relative to old at 1e20 FLOP (95 %): new ")
    assert "\n  third  " in out
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
    out = capsys.readouterr().out
    assert "124,439,808" in out
    assert "FLOP a token by 10 conventions" in out
    assert main(["count", str(config), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["N_no_emb"] == 85_056_000
    config.write_text("<html>")
    assert main(["count", str(config)]) == 1
    assert capsys.readouterr().err.endswith("config.json is no config.json: it is not JSON.\n")


def test_which_law_holds(saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The runs that tell a fit from its rival."""
    rival = tmp_path / "rival.json"
    sl.fit(make_runs(noise=0.005, E=1.5), "chinchilla").save(rival)
    asked = ["next", str(saved), "--allowance", "1e20", "--question", "law", "--runs", "2"]

    assert main([*asked, "--rival", str(rival)]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "standard deviations apart after 2 runs" in out
    assert main(asked) == 1
    assert '"law" needs --rival' in capsys.readouterr().err


def test_a_band_has_a_picture_of_its_own(saved: Path, tmp_path: Path) -> None:
    picture = tmp_path / "band.png"
    asked = ["plan", str(saved), "--budget", "1e22", "--within", "0.01", "--plot", str(picture)]

    assert main(asked) == 0
    assert picture.stat().st_size > 10_000


def test_errors_have_a_status(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One, with the message of the verb behind it."""
    assert main(["plan", str(saved)]) == 1
    assert "Give exactly one of --budget, --params, --tokens and --loss" in capsys.readouterr().err
    assert main(["next", str(saved), "--allowance", "nan", "--budget", "1e22"]) == 1
    assert "--allowance must be positive and finite; got nan." in capsys.readouterr().err
    assert main(["isoflop", str(saved)]) == 1
    assert "columns of one length; a saved fit is none." in capsys.readouterr().err
    assert main(["plan", str(saved), "--within", "0.01"]) == 1
    assert "--within goes with --budget" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["plan", str(saved), "--budget", "lots"])
    assert "argument --budget/--C: 'lots' is not a number; write it as" in capsys.readouterr().err


def test_a_table_is_no_saved_fit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And the message has the command that saves one."""
    table = tmp_path / "runs.csv"
    make_runs().to_csv(table, index=False)

    assert main(["plan", str(table), "--budget", "1e24"]) == 1
    assert f"`scalinglaws fit {table} --save fit.json` writes one" in capsys.readouterr().err


def test_a_published_law_is_planned_by_its_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where no file has that name; a name of neither is an error that says so."""
    name, picture = "chinchilla/epoch2024", tmp_path / "plan.png"
    assert main(["plan", name, "--budget", "5.76e23", "--plot", str(picture)]) == 0
    out = capsys.readouterr().out
    assert "72.2B" in out
    assert "No interval: this law comes without runs" in out
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert main(["gain", name, "chinchilla/hoffmann2022", "--budget", "1e23", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 1
    assert main(["plan", "chinchilla/nobody", "--budget", "1e23"]) != 0
    assert "no published law of that name" in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore::scalinglaws.ExtrapolationWarning")
def test_plans_of_a_saved_forecast(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As the functions make them, with a picture; verbs that need a law say which do not."""
    file, picture = str(tmp_path / "forecast.json"), tmp_path / "plan.png"
    sl.forecast(make_runs(noise=0.005)).save(file)
    for verb, *rest in (
        ["plan", "--budget", "1e22"],
        ["plan", "--budget", "1e22", "--within", "0.01"],
        ["overtrain", "--budget", "1e22", "--smaller", "1.5"],
        ["serve", "--budget", "1e22", "--served", "1e11"],
    ):
        assert main([verb, file, *rest, "--plot", str(picture)]) == 0
        assert "95 %" in capsys.readouterr().out
        assert picture.stat().st_size > 10_000
        picture.unlink()

    assert main(["judge", file, "--params", "7B", "--tokens", "1T"]) == 1
    assert "`serve` and `overtrain` take a forecast" in " ".join(capsys.readouterr().err.split())
    assert main(["plan", file, "--loss", "2"]) == 1
    assert "give --budget alone" in capsys.readouterr().err
