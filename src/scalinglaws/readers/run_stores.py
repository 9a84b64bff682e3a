"""Trackers with a store of their own: trackio and MLflow, in SQLite or in files."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from scalinglaws.errors import DataError
from scalinglaws.readers.file_formats import read_scalar, read_yaml
from scalinglaws.readers.logs import Layout, LogFile, RunLog, flatten

if TYPE_CHECKING:
    import sqlite3

_MAGIC = b"SQLite format 3\0"
_TRACKIO = {"metrics": {"run_name", "step", "metrics"}}
_MLFLOW = {"runs": {"run_uuid"}, "metrics": {"run_uuid", "key", "value", "step"}}


def _has(file: LogFile, tables: dict[str, set[str]]) -> bool:
    if file.head[:16] != _MAGIC:
        return False
    present = _query(file, _columns)
    return all(names <= present.get(table, set()) for table, names in tables.items())


def _columns(database: sqlite3.Connection) -> dict[str, set[str]]:
    rows = database.execute(
        "SELECT m.name, p.name FROM sqlite_master m JOIN pragma_table_info(m.name) p "
        "WHERE m.type = 'table'"
    )
    columns: dict[str, set[str]] = {}
    for table, column in rows:
        columns.setdefault(table, set()).add(column)
    return columns


T = TypeVar("T")


def _query(file: LogFile, ask: Callable[[sqlite3.Connection], T]) -> T:
    """Ask the database without writing anything beside it."""
    import sqlite3  # only such logs need it

    journal = file.path.with_name(file.path.name + "-wal")
    with tempfile.TemporaryDirectory() as folder:
        path = file.path
        if journal.is_file():  # what a running tracker has not yet written into the file
            path = Path(folder) / "copy.db"
            shutil.copyfile(file.path, path)
            shutil.copyfile(journal, path.with_name("copy.db-wal"))
        mode = "rw" if journal.is_file() else "ro&immutable=1"
        try:
            with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode={mode}", uri=True)) as db:
                return ask(db)
        except sqlite3.Error as error:
            raise DataError(f"{file.shown} is a damaged SQLite database: {error}.") from error


# --- trackio -----------------------------------------------------------------------------------


def _read_trackio(file: LogFile) -> list[RunLog]:
    def ask(database: sqlite3.Connection) -> list[RunLog]:
        tables = _columns(database)
        key = "run_id" if "run_id" in tables["metrics"] else "run_name"
        runs: dict[str, RunLog] = {}
        for ident, name, step, metrics in database.execute(
            f"SELECT {key}, run_name, step, metrics FROM metrics ORDER BY step, id"
        ):
            run = runs.setdefault(ident, RunLog(name, TRACKIO.name, file.shown, str(ident)))
            run.add_row(step, json.loads(metrics))
        if "configs" in tables:
            for ident, config in database.execute(f"SELECT {key}, config FROM configs"):
                if ident in runs:
                    items = json.loads(config).items()
                    runs[ident].config = flatten({k: v for k, v in items if k[0] != "_"})
        return list(runs.values())

    return _query(file, ask)


TRACKIO = Layout("trackio database", lambda file: _has(file, _TRACKIO), _read_trackio)

# --- MLflow ------------------------------------------------------------------------------------


def _read_mlflow(file: LogFile) -> list[RunLog]:
    def ask(database: sqlite3.Connection) -> list[RunLog]:
        tables = _columns(database)
        names = "name" if "name" in tables["runs"] else "run_uuid"
        runs = {
            ident: RunLog(name or ident, MLFLOW.name, file.shown, ident)
            for ident, name in database.execute(f"SELECT run_uuid, {names} FROM runs")
        }
        # what was logged as not a number is stored as 0 with a mark
        value = "CASE is_nan WHEN 1 THEN 'NaN' ELSE value END"
        value = value if "is_nan" in tables["metrics"] else "value"
        for ident, key, item, step in database.execute(
            f"SELECT run_uuid, key, {value}, step FROM metrics ORDER BY step, timestamp"
        ):
            if ident in runs:
                runs[ident].add_row(step, {key: item})
        if "params" in tables:
            for ident, key, value in database.execute("SELECT run_uuid, key, value FROM params"):
                if ident in runs:
                    runs[ident].config[key] = read_scalar(str(value))
        return list(runs.values())

    return _query(file, ask)


MLFLOW = Layout("MLflow database", lambda file: _has(file, _MLFLOW), _read_mlflow)


# --- MLflow's file store -------------------------------------------------------------------------

_PARTS = ("metrics", "params", "tags", "artifacts", "inputs", "outputs", "traces")


def _is_file_store(file: LogFile) -> bool:
    return b"run_id:" in file.head and b"artifact_uri:" in file.head and file.is_text


def _read_file_store(file: LogFile) -> list[RunLog]:
    about = read_yaml(file.text)
    key = str(about.get("run_id") or file.path.parent.name)
    run = RunLog(str(about.get("run_name") or key), MLFLOW_FILES.name, file.shown, key)
    folder = file.path.parent
    for name, log in _files(folder / "metrics"):
        for line in log.text.splitlines():
            words = line.split()  # milliseconds, value, step
            try:
                run.add(float(words[2]), name, float(words[1]))
            except (IndexError, ValueError):
                run.skipped += 1
    for name, log in _files(folder / "params"):
        run.config[name] = read_scalar(log.text.strip())
    if about.get("lifecycle_stage") == "deleted":
        run.notes.append(f"{run.name} was deleted in MLflow and is still in the store.")
    if not (run.series or run.config):
        raise DataError(f"{file.shown} is an MLflow run without metrics and parameters.")
    return [run]


def _files(folder: Path) -> Iterator[tuple[str, LogFile]]:
    """Files below a folder; a metric may have slashes in its name."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            yield path.relative_to(folder).as_posix(), LogFile(path, str(path))


MLFLOW_FILES = Layout(
    "MLflow file store", _is_file_store, _read_file_store, marker="meta.yaml", parts=_PARTS
)
