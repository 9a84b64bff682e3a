"""`scalinglaws predict` and `reach`: of saved fits and forecasts, and of published laws."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import scalinglaws as sl
from scalinglaws.cli import main
from tests.conftest import make_runs

CHINCHILLA = "chinchilla/epoch2024"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A fit, one of groups, forecasts of several kinds, and a curve as a table."""
    folder, runs = tmp_path_factory.mktemp("files"), make_runs(0.003)
    grouped = runs.assign(data=np.where(np.arange(len(runs)) % 2, "web", "code"))
    x = np.geomspace(1e6, 1e9, 12)
    curve = pd.DataFrame({"D": x, "loss": 2 + 30 * x**-0.2})
    sl.fit(runs, "chinchilla").save(folder / "fit.json")
    sl.fit(grouped, "chinchilla", groups={"E": "data"}).save(folder / "grouped.json")
    sl.forecast(runs, confidence_level=0.9).save(folder / "forecast.json")
    sl.forecast(grouped, groups="data").save(folder / "groups.json")
    curve.to_csv(folder / "curve.csv", index=False)
    return {path.name: str(path) for path in folder.iterdir()} | {
        "curve.json": str(folder / "curve.json")
    }


def test_published_laws_predict(capsys: pytest.CaptureFixture[str]) -> None:
    """By name, without an interval and with the reason."""
    assert main(["predict", CHINCHILLA, "N=70B", "D=1.4T"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("loss 1.974 at N 70B, D 1.4T, by chinchilla/epoch2024.")
    assert main(["predict", CHINCHILLA, "N=70B", "D=1.4T", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    expected = sl.published[CHINCHILLA].predict(N=70e9, D=1.4e12).estimate
    assert row == {"estimate": pytest.approx(expected)}


def test_saved_forecasts_predict(files: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    """As forecast does."""
    assert main(["predict", files["forecast.json"], "N=3B", "D=1T"]) == 0
    assert "90 % prediction interval" in capsys.readouterr().out
    assert main(["predict", files["forecast.json"], "N=3B", "D=1T", "--csv"]) == 0
    assert capsys.readouterr().out.startswith("estimate,curve_low,curve_high,run_low")


def test_reach(files: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    """Sentences, or all digits; of fits, groups, published laws and forecasts."""
    assert main(["reach", files["fit.json"], "2.3", "2.2", "--at", "N=3B"]) == 0
    lines = capsys.readouterr().out.splitlines()
    expected = sl.load(files["fit.json"])
    assert lines == [str(expected.reach(v, N=3e9)) for v in (2.3, 2.2)]
    assert main(["reach", files["fit.json"], "2.3", "--at", "N=3B", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["low"] == pytest.approx(expected.reach(2.3, N=3e9).low)
    assert main(["reach", files["fit.json"], "2.3"]) == 1
    said = capsys.readouterr().err
    assert "give all but one, such as --at N=...." in said
    assert "use scalinglaws plan --loss" in said
    assert main(["reach", files["grouped.json"], "2.3", "--at", "N=3B", "data=web"]) == 0
    assert "is reached at D" in capsys.readouterr().out
    assert main(["reach", CHINCHILLA, "2.0", "--at", "N=70B"]) == 0
    assert capsys.readouterr().out == "loss 2 is reached at D 620B\n"
    level = ["--confidence-level", "0.5"]
    assert main(["reach", files["forecast.json"], "2.1", "--ratio", "100", *level]) == 0
    out = capsys.readouterr().out
    assert out.startswith("loss 2.1 is reached at C ")
    assert "(50 %: " in out


def test_curves_are_saved_and_read(
    files: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """forecast --x --save, then forecast, predict and reach from the file."""
    assert main(["forecast", files["curve.csv"], "--x", "D", "--save", files["curve.json"]]) == 0
    captured = capsys.readouterr()
    assert "saved to" in captured.err
    assert main(["forecast", files["curve.json"]]) == 0
    assert capsys.readouterr().out == captured.out
    assert main(["predict", files["curve.json"], "D=2B"]) == 0
    predicted = capsys.readouterr().out
    assert main(["forecast", files["curve.json"], "--at", "D=2B"]) == 0
    assert capsys.readouterr().out == predicted
    assert main(["reach", files["curve.json"], "2.4"]) == 0
    assert "loss 2.4 is reached at D" in capsys.readouterr().out


def test_groups_are_printed(files: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    """A saved forecast of several."""
    assert main(["forecast", files["groups.json"]]) == 0
    assert "Forecasts of loss for 2 groups by 'data'" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (["predict", "chinchila/epoch2024", "N=1"], "no published law of that name"),
        (["predict", CHINCHILLA, "N=1B", "D=1T", "--confidence-level", "0.9"], "no intervals"),
        (["predict", "fit.json", "N"], "a value is written NAME=VALUE, such as N=7B"),
        (["predict", "groups.json", "N=1B"], "is a saved GroupedForecast, which has several"),
        (["reach", "fit.json", "2.3"], "give all but one"),
        (["reach", "fit.json", "much", "--at", "N=3B"], "'much' is not a number"),
        (["reach", "fit.json", "2.3", "--at", "N"], "--at is written NAME=VALUE"),
        (["reach", "fit.json", "2.3", "--ratio", "20"], "--ratio is for forecasts over N and D"),
        (["reach", "groups.json", "2.3"], "is a saved GroupedForecast, which has several"),
        (["forecast", "groups.json", "--at", "N=1B"], "Say of which group: --at data="),
        (["forecast", "groups.json", "--json"], "is a GroupedForecast, which is printed or saved"),
        (["backtest", "groups.json"], "is a saved GroupedForecast; a back-test needs a fit"),
    ],
)
def test_errors_are_one_line(
    files: dict[str, str], call: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """And status 1."""
    assert main([files.get(item, item) for item in call]) == 1
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1
