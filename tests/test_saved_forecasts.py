"""Files of forecasts of every kind: there and back to the same numbers, or refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import scalinglaws as sl
from scalinglaws import json_files
from tests.conftest import make_runs

AT = {"N": 3e9, "D": 3e11}


def curves() -> pd.DataFrame:
    """Two curves, one of them long, and one too short to be forecast."""
    parts = []
    for name, n in (("a", 12), ("b", 300), ("c", 3)):
        x = np.geomspace(1e6, 1e9, n)
        noise = np.exp(0.003 * np.random.default_rng(n).standard_normal(n))
        parts.append(pd.DataFrame({"D": x, "loss": (2 + 30 * x**-0.2) * noise, "run": name}))
    return pd.concat(parts, ignore_index=True)


def grouped() -> pd.DataFrame:
    """Two groups of 36 runs, and one of two."""
    parts = [make_runs(0.003, k, E=1.8 + 0.1 * k).assign(data=k) for k in range(3)]
    return pd.concat([*parts[:2], parts[2].head(2)], ignore_index=True)


def checkpoints() -> pd.DataFrame:
    """Runs with a checkpoint at half of their tokens and one at the end; the largest has half."""
    runs = make_runs(0.003)
    ends = pd.concat([
        runs.assign(run=runs.index),
        runs.assign(run=runs.index, D=runs["D"] / 2, loss=1.05 * runs["loss"]),
    ])  # fmt: skip
    return ends[(ends["run"] != 35) | (ends["D"] < 1e12)].reset_index(drop=True)


def tasks() -> pd.DataFrame:
    """Runs with an accuracy, which two of them lack."""
    runs = make_runs(0.003).assign(top1=lambda t: 1 / (1 + t["loss"] ** 2))
    runs.loc[[3, 20], "top1"] = np.nan
    return runs


MAKERS: dict[str, Callable[[], Any]] = {
    "forecast": lambda: sl.forecast(make_runs(0.003), confidence_level=0.8),
    "curve forecast": lambda: sl.forecast(curves().query("run == 'b'"), x="D"),
    "curve forecasts": lambda: sl.forecast(curves(), x="D", series="run", confidence_level=0.9),
    "grouped forecast": lambda: sl.forecast(grouped(), groups="data"),
    "chained forecast": lambda: sl.forecast(tasks(), y="top1", through="loss", limits=(0, 1)),
    "unfinished run": lambda: sl.finish(checkpoints(), 35, D=1e12),
}


@pytest.fixture(scope="module", params=list(MAKERS))
def saved(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A forecast of each kind, and its file."""
    forecast = MAKERS[request.param]()
    path = tmp_path_factory.mktemp("saved") / "f.json"
    forecast.save(path)
    return request.param, forecast, path


def numbers(forecast: Any) -> Any:
    """What a forecast says at a few points."""
    match forecast:
        case sl.CurveForecasts():
            return forecast.predict([2e9, 1e10])
        case sl.CurveForecast():
            return forecast.predict(D=[2e9, 1e10]).to_frame()
        case sl.GroupedForecast():
            return pd.concat({name: f.predict(**AT).to_frame() for name, f in forecast.items()})
        case sl.UnfinishedRun():
            return pd.DataFrame([vars(forecast)])
        case _:
            return forecast.predict(**AT).to_frame()


def test_every_kind_comes_back_to_the_same_bits(saved: Any) -> None:
    """Numbers, words, and what could not be forecast; saved again it is the same file."""
    kind, forecast, path = saved
    assert json.loads(path.read_text())["format"] == f"scalinglaws {kind}"
    again = sl.load(path)
    assert type(again) is type(forecast)
    pd.testing.assert_frame_equal(numbers(again), numbers(forecast), check_exact=True)
    assert str(again) == str(forecast)
    if hasattr(forecast, "failed"):
        pd.testing.assert_series_equal(again.failed, forecast.failed)
    again.save(path.parent / "again.json")
    assert (path.parent / "again.json").read_bytes() == path.read_bytes()


def test_one_hash_covers_everything(saved: Any, tmp_path: Path) -> None:
    """As in the files of fits; a newer schema is said to be newer."""
    _, _, path = saved
    values = json.loads(path.read_text())
    changed = {**values, "confidence_level": 0.5}
    (tmp_path / "f.json").write_text(json.dumps(changed))
    with pytest.raises(sl.FileFormatError, match="do not have the hash that was saved"):
        sl.load(tmp_path / "f.json")
    (tmp_path / "f.json").write_text(json.dumps({**values, "schema": 2}))
    with pytest.raises(sl.FileFormatError, match=r"has schema 2.*saved by a newer version"):
        sl.load(tmp_path / "f.json")
    (tmp_path / "f.json").write_text(path.read_text()[:-100])
    with pytest.raises(sl.FileFormatError, match="is not JSON"):
        sl.load(tmp_path / "f.json")


def test_links_and_folders_are_refused_as_for_fits(saved: Any, tmp_path: Path) -> None:
    """One way of writing for all."""
    _, forecast, path = saved
    (tmp_path / "link.json").symlink_to(path)
    with pytest.raises(FileExistsError, match="is a link"):
        forecast.save(tmp_path / "link.json")
    with pytest.raises(FileNotFoundError, match="There is no folder"):
        forecast.save(tmp_path / "nothing" / "f.json")


def _set(place: list[Any], value: Any) -> Callable[[Any], None]:
    def change(values: Any) -> None:
        for key in place[:-1]:
            values = values[key]
        values[place[-1]] = value

    return change


@pytest.mark.parametrize(
    ("kind", "change", "message"),
    [
        ("curve forecast", _set(["x", 0], -1.0), "x must be 1e-100 or more; got -1"),
        ("curve forecast", _set(["x", 3], 1e9), "x does not increase"),
        ("curve forecast", _set(["x"], [1.0]), "x does not increase"),
        ("curve forecast", _set(["y", 0], -1.0), "the metric is outside its limits"),
        ("curve forecast", _set(["y"], [1.0]), "y has 1 items, not 100"),
        ("curve forecast", _set(["variable"], 3), "variable must be a text; got 3"),
        ("curve forecast", _set(["scale", "falls"], 1), "falls must be true or false; got 1"),
        ("curve forecast", _set(["n_read"], -1), "n_read must be a count"),
        ("curve forecasts", _set(["curves"], []), "curves is empty"),
        ("curve forecasts", _set(["curves", 0], ["a"]), "curves has 1 items, not 2"),
        ("curve forecasts", _set(["curves", 0, 0], "b"), "curves has 'b' twice"),
        ("curve forecasts", _set(["curves", 0, 0], [1]), "curves must be texts and numbers"),
        ("curve forecasts", _set(["failed"], [["c"]]), "failed has 1 items, not 2"),
        ("grouped forecast", _set(["groups"], {}), "groups must be a list"),
        ("grouped forecast", _set(["groups", 0, 1, "runs", "N", 0], 0), "N must be 1e-100"),
        ("grouped forecast", _set(["column"], None), "column must be a text"),
        ("chained forecast", _set(["limits"], [0.0, 0.01]), "not within the `limits`"),
        ("chained forecast", _set(["limits"], [1.0, 0.0]), "the limits are not in order"),
        ("chained forecast", _set(["metric"], ["nan"] * 36), "is known of 0 runs; 6 are needed"),
        ("chained forecast", _set(["metric", 0], "inf"), "the metric is infinite in a run"),
        ("chained forecast", _set(["metric"], [0.5]), "metric has 1 items, not 36"),
        ("chained forecast", _set(["loss"], []), r"loss must be an object; got \[\]"),
        ("unfinished run", _set(["fraction"], 2.0), "the fraction or the interval is out of"),
        ("unfinished run", _set(["low"], 9.0), "the fraction or the interval is out of range"),
        ("unfinished run", _set(["estimate"], "nan"), "estimate must be a number; got 'nan'"),
        ("unfinished run", _set(["run"], {}), "run must be texts and numbers"),
        ("unfinished run", _set(["confidence_level"], 95), "`confidence_level` must be between"),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_refused(
    kind: str, change: Callable[[Any], None], message: str, tmp_path: Path
) -> None:
    """Even where the hash is right."""
    path = tmp_path / "f.json"
    MAKERS[kind]().save(path)
    values = json.loads(path.read_text())
    change(values)
    path.write_text(json.dumps({**values, "hash": json_files.digest(values)}))
    with pytest.raises(sl.FileFormatError, match=f"is damaged: .*{message}"):
        sl.load(path)


@pytest.mark.parametrize("form", [3, [], {}, None, "scalinglaws plan"])
def test_unknown_formats_are_refused(form: Any, tmp_path: Path) -> None:
    """Of any type."""
    (tmp_path / "f.json").write_text(json.dumps({"format": form, "schema": 1}))
    with pytest.raises(sl.FileFormatError, match="is not a saved fit"):
        sl.load(tmp_path / "f.json")
