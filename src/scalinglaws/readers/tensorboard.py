"""TensorBoard event files; the files of a restarted run share a folder and are merged by step."""

from __future__ import annotations

import struct

from scalinglaws.errors import DataError
from scalinglaws.readers.file_formats import event_records, fields
from scalinglaws.readers.logs import Layout, LogFile, RunLog

_WALL_TIME, _STEP, _SUMMARY = 1, 2, 5  # fields of an event
_TAG, _SIMPLE, _TENSOR = 1, 2, 8  # fields of a value
_TAG_KEY, _SIMPLE_KEY = _TAG << 3 | 2, _SIMPLE << 3 | 5  # as they are written
_FLOAT = struct.Struct("<f")
_DTYPE, _CONTENT = 1, 4  # fields of a tensor
_CODES = {1: "<f", 2: "<d", 3: "<i", 9: "<q"}  # types of a tensor, as bytes
_PACKED = {1: 5, 2: 6}  # types whose values stand in a field of their own, as bytes
_INTEGERS = {3: 7, 9: 10}  # likewise, as whole numbers


def _recognise(file: LogFile) -> bool:
    return file.head[12:128].find(b"brain.Event:") > 0


def _read(file: LogFile) -> list[RunLog]:
    records, damaged, behind = event_records(file.data)
    folder = file.path.parent
    run = RunLog(folder.resolve().name, LAYOUT.name, file.shown, str(folder))
    for record in records:
        try:
            _add_event(run, record)
        except (ValueError, struct.error, OverflowError, TypeError):
            damaged += 1
    if damaged:
        run.notes.append(f"{file.shown}: {damaged:,} damaged records were skipped.")
    if behind:
        run.notes.append(f"{file.shown}: the last {behind:,} bytes are no whole record.")
    if not run.series:
        raise DataError(f"{file.shown} is a TensorBoard file without a readable scalar.")
    return [run]


def _add_event(run: RunLog, record: bytes) -> None:
    step, summaries = 0, []
    for number, value in fields(record):
        if number == _STEP and isinstance(value, int):
            step = value
        elif number == _SUMMARY:
            summaries.append(value)
        elif number == _WALL_TIME and not run.started and isinstance(value, bytes):
            run.started = struct.unpack("<d", value)[0]
    for summary in summaries:
        for _, item in fields(summary):  # type: ignore[arg-type]
            scalar = _scalar(item)  # type: ignore[arg-type]
            if scalar is not None:
                run.add(step, *scalar)


def _scalar(item: bytes) -> tuple[str, float] | None:
    n = item[1] if len(item) > 7 else 0
    if len(item) == n + 7 and item[0] == _TAG_KEY and item[n + 2] == _SIMPLE_KEY:  # nearly always
        return item[2 : n + 2].decode(), _FLOAT.unpack_from(item, n + 3)[0]
    tag, value = "", None
    for number, content in fields(item):
        if number == _TAG:
            tag = content.decode()  # type: ignore[union-attr]
        elif number == _SIMPLE:
            (value,) = struct.unpack("<f", content)  # type: ignore[arg-type]
        elif number == _TENSOR:
            value = _tensor(content)  # type: ignore[arg-type]
    return None if value is None or not tag else (tag, value)


def _tensor(message: bytes) -> float | None:
    """The value of a tensor that holds one number."""
    parts = dict(fields(message))
    kind = parts.get(_DTYPE)
    if not isinstance(kind, int) or kind not in _CODES:
        return None
    content = parts.get(_CONTENT) or parts.get(_PACKED.get(kind, 0))
    if isinstance(content, bytes) and len(content) == struct.calcsize(_CODES[kind]):
        return float(struct.unpack(_CODES[kind], content)[0])
    whole = parts.get(_INTEGERS.get(kind, 0))
    return float(whole) if isinstance(whole, int) else None


LAYOUT = Layout("TensorBoard events", _recognise, _read)
