"""MLflow's file store: a folder for each run, a file for each metric and parameter."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from scalinglaws.errors import DataError
from scalinglaws.readers.flat_yaml import read_scalar, read_yaml
from scalinglaws.readers.logs import Layout, LogFile, RunLog

_NAME = "MLflow file store"
_PARTS = ("metrics", "params", "tags", "artifacts", "inputs", "outputs", "traces")


def _recognise(file: LogFile) -> bool:
    return b"run_id:" in file.head and b"artifact_uri:" in file.head and file.is_text


def _read(file: LogFile) -> list[RunLog]:
    about = read_yaml(file.text)
    key = str(about.get("run_id") or file.path.parent.name)
    run = RunLog(str(about.get("run_name") or key), _NAME, file.shown, key)
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


LAYOUT = Layout(_NAME, _recognise, _read, marker="meta.yaml", parts=_PARTS)
