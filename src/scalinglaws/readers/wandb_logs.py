"""Weights & Biases: offline files, folders with a summary, and run objects of its API."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from scalinglaws.errors import DataError
from scalinglaws.readers.file_formats import fields, leveldb_records, read_yaml
from scalinglaws.readers.logs import Layout, LogFile, RunLog, flatten

_HISTORY, _SUMMARY, _CONFIG, _RUN = 2, 3, 5, 17  # fields of a record
_ITEM, _STEP = 1, 2  # fields of a history; items also of a summary and of a configuration
_KEY, _NESTED_KEY, _VALUE = 1, 2, 16  # fields of an item
_ID, _RUN_CONFIG, _DISPLAY_NAME, _START = 1, 4, 8, 17  # fields of a run
_AUTOMATIC = "_wandb"  # settings of the tracker itself


# --- offline files -----------------------------------------------------------------------------


def _read(file: LogFile) -> list[RunLog]:
    records, damaged = leveldb_records(file.data, start=7)
    key = file.path.stem.removeprefix("run-")
    run = RunLog("", OFFLINE.name, file.shown, key)
    for record in records:
        try:
            for number, value in fields(record):
                if isinstance(value, bytes):
                    _add_record(run, number, value)
        except (ValueError, TypeError, RecursionError):
            damaged += 1
    if damaged:
        run.notes.append(f"{file.shown}: {damaged:,} damaged records were skipped.")
    if not (run.series or run.summary or run.config):
        raise DataError(f"{file.shown} is a W&B file without a readable record.")
    run.name = run.name or key
    return [run]


def _add_record(run: RunLog, number: int, value: bytes) -> None:
    if number == _HISTORY:
        row = _items(value)
        run.add_row(row.pop("_step", _step(value)), row)
    elif number == _SUMMARY:
        run.summary |= flatten(_without_automatic(_items(value)))
    elif number == _CONFIG:
        run.config |= flatten(_without_automatic(_items(value)))
    elif number == _RUN:
        for inner, content in fields(value):
            if inner == _ID and isinstance(content, bytes):
                run.key = content.decode()
            elif inner == _DISPLAY_NAME and isinstance(content, bytes):
                run.name = content.decode()
            elif inner == _RUN_CONFIG and isinstance(content, bytes):
                run.config |= flatten(_without_automatic(_items(content)))
            elif inner == _START and isinstance(content, bytes):
                run.started = float(dict(fields(content)).get(1, 0))


def _items(message: bytes) -> dict[str, Any]:
    """The named values of a history, summary or configuration, each stored as JSON."""
    values: dict[str, Any] = {}
    for number, item in fields(message):
        if number != _ITEM or not isinstance(item, bytes):
            continue
        path: list[str] = []
        value: Any = None
        for inner, content in fields(item):
            if inner in {_KEY, _NESTED_KEY} and isinstance(content, bytes):
                path.append(content.decode())
            elif inner == _VALUE and isinstance(content, bytes):
                value = json.loads(content)
        values[".".join(path)] = value
    return values


def _step(history: bytes) -> int | None:
    for number, value in fields(history):
        if number == _STEP and isinstance(value, bytes):
            step = dict(fields(value)).get(1, 0)
            return step if isinstance(step, int) else None
    return None


def _without_automatic(items: Mapping[str, Any]) -> dict[str, Any]:
    return {key: item for key, item in items.items() if key.split(".")[0] != _AUTOMATIC}


OFFLINE = Layout(
    "W&B offline run",
    lambda file: file.head[:4] == b":W&B",
    _read,
    marker="*.wandb",
    parts=("files", "logs", "tmp"),
)


# --- folders with a summary ---------------------------------------------------------------------


def _recognise_summary(file: LogFile) -> bool:
    document = file.document
    return isinstance(document, dict) and bool(
        {"_step", "_runtime", "_timestamp", _AUTOMATIC} & document.keys()
    )


def _read_summary(file: LogFile) -> list[RunLog]:
    folder = file.path.parent.parent if file.path.parent.name == "files" else file.path.parent
    run = RunLog(folder.name, SUMMARY.name, file.shown, str(folder))
    run.summary = flatten(_without_automatic(file.document))
    step = run.summary.pop("_step", None)
    if step is not None:  # a summary holds the last value of each metric
        run.add_row(step, run.summary)
    config = file.path.with_name("config.yaml")
    if config.is_file():
        run.config = settings(read_yaml(LogFile(config, str(config)).text))
    else:
        run.notes.append(f"{file.shown}: there is no config.yaml beside it.")
    return [run]


def settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration without the wrapping ``{"value": ..., "desc": ...}`` of each setting."""
    plain = {
        key: item["value"] if isinstance(item, Mapping) and "value" in item else item
        for key, item in config.items()
        if key not in {_AUTOMATIC, "wandb_version"}
    }
    return flatten(plain)


SUMMARY = Layout("W&B summary", _recognise_summary, _read_summary)


# --- run objects --------------------------------------------------------------------------------


def is_run_object(item: Any) -> bool:
    """Whether something has the attributes of a run of the W&B API."""
    return all(hasattr(item, name) for name in ("config", "summary", "scan_history"))


def read_run_objects(runs: Iterable[Any]) -> list[RunLog]:
    """Runs of the API; the whole history is read, since ``history()`` is a sample."""
    logs: list[RunLog] = []
    for item in runs:
        key = str(getattr(item, "id", len(logs)))
        run = RunLog(str(getattr(item, "name", None) or key), "W&B API", f"W&B run {key}", key)
        run.config = settings(dict(item.config))
        summary = getattr(item.summary, "_json_dict", item.summary)
        run.summary = flatten(_without_automatic(dict(summary)))
        for row in item.scan_history():
            values = dict(row)
            run.add_row(values.pop("_step", None), values)
        logs.append(run)
    return logs
