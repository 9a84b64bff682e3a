"""Files of fits: whole or not there, and refused where they are not what was saved."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import scalinglaws as sl
from benchmarks.fuzz.trial import case_of, run
from scalinglaws import json_files
from tests.conftest import make_runs

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(scope="module")
def fit() -> sl.Fit:
    """A clean fit of noisy runs in two groups, with one row left out."""
    runs = make_runs(noise=0.005)
    runs["s"] = np.where(np.arange(len(runs)) % 2, "web", "c4")
    runs.loc[3, "loss"] = np.nan
    with pytest.warns(sl.DataWarning, match="Left out 1 run"):
        return sl.fit(runs, "loss ~ E[s] + A/N**alpha + B/D**beta", missing="drop")


@pytest.fixture
def path(fit: sl.Fit, tmp_path: Path) -> Path:
    """Its file."""
    fit.save(tmp_path / "fit.json")
    return tmp_path / "fit.json"


def _changed(path: Path, change: Callable[[dict[str, Any]], Any], *, sealed: bool = True) -> None:
    """Write a file again with something changed, and a hash that goes with it."""
    values = json.loads(path.read_text())
    change(values)
    if sealed:
        values["hash"] = json_files.digest(values)
    path.write_text(json.dumps(values))


# --- there and back --------------------------------------------------------------------------


def test_a_fit_comes_back(fit: sl.Fit, path: Path) -> None:
    """The runs travel with it; it plots, predicts and is saved again as it was."""
    back = sl.load(path)

    assert isinstance(back, sl.Fit)
    assert back.runs.digest == fit.runs.digest
    assert back.summary() == fit.summary()
    pd.testing.assert_frame_equal(back.table, fit.table)
    pd.testing.assert_series_equal(back.dropped, fit.dropped)
    assert back.plot().get_xlabel() == "training tokens D"
    back.save(path.parent / "again.json")
    assert (path.parent / "again.json").read_bytes() == path.read_bytes()


def test_the_file_is_plain_json_with_a_schema(path: Path) -> None:
    """A person and another program can read it."""
    values = json.loads(path.read_text())

    assert values["format"] == "scalinglaws fit"
    assert values["schema"] == 2
    assert values["law"]["formula"] == "loss ~ E[s] + A/N**alpha + B/D**beta"
    assert values["runs"]["columns"] == {"N": "N", "D": "D", "s": "s"}
    assert set(values["versions"]) == {"python", "scalinglaws", "numpy", "scipy", "pandas"}


def test_a_file_of_the_first_release_still_loads() -> None:
    """A saved fit of version 0.1.0, kept as it was written."""
    old = sl.load(GOLDEN / "fit-0.1.0.json")

    assert old.params["alpha"] == pytest.approx(0.34, abs=0.03)
    assert old.status is sl.Status.CONVERGED


@pytest.mark.parametrize(
    ("law", "options"),
    [
        ("chinchilla", {"objective": "squared"}), ("chinchilla", {"objective": "absolute"}),
        ("chinchilla", {"scale": "level"}), ("kaplan", {"weights": np.linspace(0, 1, 36)}),
        ("power", {"fixed": {"a": 20.0}}), ("power-floor", {"columns": {"N": "N"}}),
    ],
)  # fmt: skip
def test_every_kind_of_fit_comes_back(tmp_path: Path, law: str, options: dict[str, Any]) -> None:
    """Its objective is found again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("scalinglaws.errors.warnings.warn", lambda *_, **__: None)
        fit = sl.fit(make_runs(noise=0.005), law, **options)
    fit.save(tmp_path / "fit.json")
    pd.testing.assert_series_equal(sl.load(tmp_path / "fit.json").params, fit.params)


def test_exact_runs_and_odd_names_come_back(tmp_path: Path) -> None:
    """An objective of rounding errors alone, and half a surrogate pair as a label."""
    runs = make_runs(noise=0.0)
    runs.index = pd.Index([f"\ud800{k}" for k in range(len(runs))], dtype=object)
    fit = sl.fit(runs, "chinchilla")
    fit.save(tmp_path / "fit.json")
    assert list(sl.load(tmp_path / "fit.json").runs.index) == list(runs.index)


def test_a_byte_order_mark_is_no_damage(path: Path) -> None:
    """As some editors write it."""
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert sl.load(path).n == 35


# --- writing ----------------------------------------------------------------------------------


def test_a_full_disk_leaves_the_old_file(fit: sl.Fit, path: Path) -> None:
    """And nothing beside it."""
    resource = pytest.importorskip("resource")
    before = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            fit.save(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_an_interrupt_leaves_the_old_file(
    fit: sl.Fit, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C while the new file is written."""

    def interrupted(handle: int) -> None:
        raise KeyboardInterrupt

    before = path.read_bytes()
    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fit.save(path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_a_link_is_followed_only_if_asked(fit: sl.Fit, tmp_path: Path) -> None:
    """What it points to may belong to another fit."""
    (tmp_path / "other.json").write_text("precious")
    (tmp_path / "link.json").symlink_to("other.json")
    with pytest.raises(FileExistsError, match=r"is a link to 'other.json': pass follow_links=True"):
        fit.save(tmp_path / "link.json")
    assert (tmp_path / "other.json").read_text() == "precious"

    fit.save(tmp_path / "link.json", follow_links=True)
    assert (tmp_path / "link.json").is_symlink()
    assert sl.load(tmp_path / "other.json").n == 35


def test_places_where_nothing_can_be_written(fit: sl.Fit, path: Path) -> None:
    """A folder, and one that is not there."""
    with pytest.raises(IsADirectoryError, match="is a folder"):
        fit.save(path.parent)
    with pytest.raises(TypeError, match="`path` must be a text or a Path; got 3"):
        fit.save(3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="`path` must be a text or a Path; got None"):
        sl.load(None)  # type: ignore[arg-type]
    with pytest.raises(FileNotFoundError, match="There is no file"):
        sl.load(path.parent)
    with pytest.raises(FileNotFoundError, match="There is no folder"):
        fit.save(path.parent / "nothing" / "fit.json")


def test_the_mode_of_a_file_stays(fit: sl.Fit, path: Path) -> None:
    """A file that only its owner reads is not opened to others."""
    path.chmod(0o600)
    fit.save(path)
    assert path.stat().st_mode & 0o777 == 0o600


# --- reading ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hello", "is not a saved fit: it is not JSON"),
        ("[1, 2]", "is not a saved fit: it has no 'format'"),
        ('{"format": "other"}', "is not a saved fit"),
        ('{"format": "scalinglaws fit", "schema": 99}', "was saved by a newer version"),
        ('{"format": "scalinglaws fit", "schema": 1}', "is damaged: 'law' is missing"),
        ('{"format": "scalinglaws fit", "schema": 2}', "was changed after it was saved"),
        ('{"format": "scalinglaws fit", "schema": ' + "9" * 5000 + "}", "is not JSON"),
        ('{"format": NaN}', "NaN is no JSON"),
        ("[" * 100_000, "is not JSON"),
    ],
)
def test_foreign_files_are_recognised(tmp_path: Path, text: str, message: str) -> None:
    """Each with its own sentence."""
    (tmp_path / "fit.json").write_text(text)
    with pytest.raises(sl.FileFormatError, match=message):
        sl.load(tmp_path / "fit.json")


def test_one_hash_covers_everything(path: Path) -> None:
    """A word of a verdict is enough."""
    for change in (
        lambda v: v["versions"].update(numpy="1.0"),
        lambda v: v.update(confidence_level=0.9),
        lambda v: v["theta"].__setitem__(2, -3.0),
    ):
        good = path.read_text()
        _changed(path, change, sealed=False)
        with pytest.raises(sl.FileFormatError, match="do not have the hash that was saved"):
            sl.load(path)
        path.write_text(good)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda v: v["theta"].__setitem__(0, 10**400), "theta must be a number that float64 holds"),
        (lambda v: v["theta"].__setitem__(3, -3.0), "do not belong together: the objective is"),
        (lambda v: v["theta"].__setitem__(0, 1e308), "the law has no value at the runs"),
        (lambda v: v["theta"].__setitem__(0, "nan"), "theta must be a number; got 'nan'"),
        (lambda v: v["theta"].pop(), "theta has 5 items, not 6"),
        (lambda v: v["free"].__setitem__(0, 1), "free must be true or false; got 1"),
        (lambda v: v["law"].update(limits=[]), "law limits has 0 items, not 2"),
        (lambda v: v["law"].update(formula="E[s] + A/N + B/D"), "theta has 6 items, not 4"),
        (lambda v: v["law"].update(formula=3), "law formula must be a text; got 3"),
        (lambda v: v["law"].update(formula="x = N"), "Write 'target ~ formula' instead of '='"),
        (lambda v: v["runs"].update(columns=[1, 2]), r"columns must be an object; got \[1, 2\]"),
        (lambda v: v["runs"].update(columns={"N": "D"}), "the columns are not those of the law"),
        (lambda v: v["runs"]["index"].pop(), "index has 34 items, not 35"),
        (lambda v: v["runs"]["y"].__setitem__(0, 2.0), "the runs do not have the hash"),
        (lambda v: v["runs"]["labels"]["s"].__setitem__(0, "x"), "s has labels that are none of"),
        (lambda v: v["runs"].update(repeats=[10**9] * 35), "repeats must be numbers from -1 to 34"),
        (lambda v: v.update(scale="x"), "scale must be one of log, level; got 'x'"),
        (lambda v: v.update(delta=1e308), "delta is out of range"),
        (lambda v: v.update(delta=None), "delta does not go with the objective"),
        (lambda v: v.update(confidence_level=95), "`confidence_level` must be between 0 and 1"),
        (lambda v: v.update(fixed={"x": 1.0}), r"fixed names \['x'\], and the law has no such"),
        (lambda v: v["evidence"].update(n_starts="x"), "n_starts must be a count; got 'x'"),
        (lambda v: v.pop("alternatives"), "'alternatives' is missing"),
        (lambda v: v.update(alternatives=[[1.0]]), "alternatives has 1 items, not 6"),
    ],
)
def test_what_does_not_go_together_is_refused(
    path: Path, change: Callable[[dict[str, Any]], Any], message: str
) -> None:
    """Kinds, shapes, ranges, and the objective found again; even where the hash is right."""
    _changed(path, change)
    with pytest.raises(sl.FileFormatError, match=message):
        sl.load(path)


def test_parts_of_an_old_file_are_compared(tmp_path: Path) -> None:
    """Files of version 0.1.0 hash the runs alone; the objective tells of the rest."""
    values = json.loads((GOLDEN / "fit-0.1.0.json").read_text())
    other = copy.deepcopy(values)
    other["theta"][2] = -3.0
    (tmp_path / "fit.json").write_text(json.dumps(other))
    with pytest.raises(sl.FileFormatError, match="do not belong together"):
        sl.load(tmp_path / "fit.json")


def test_damaged_files_end_in_one_kind_of_error() -> None:
    """Three hundred of them, loaded and used; the benchmark tries thousands."""
    for number in range(300):
        found = run(case_of("files", 1, number))
        assert found.outcome in ("answer", "refused"), (number, found)
        assert found.seconds < 1
