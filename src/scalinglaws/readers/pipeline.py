"""Find the files, recognise and read each, and make one table of all."""

from __future__ import annotations

import csv
import struct
import tempfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import pandas as pd

from scalinglaws.errors import DataError, DataWarning, warn
from scalinglaws.numerals import listed, plural
from scalinglaws.readers.folder import gather
from scalinglaws.readers.given import Given
from scalinglaws.readers.layouts import LAYOUTS
from scalinglaws.readers.logs import LogFile, RunLog
from scalinglaws.readers.tables import (
    complete_table,
    has_usual_columns,
    looks_like_table,
    read_table,
)
from scalinglaws.readers.tabulate import Every, Source, merge_parts, tabulate
from scalinglaws.readers.wandb_logs import is_run_object, read_run_objects
from scalinglaws.workers import Workers, map_tasks

_CHUNK = 32  # files that one task reads
# What a reader may meet in a file that is not what it seems.
_DAMAGE = (
    ArithmeticError, AttributeError, EOFError, LookupError, MemoryError, OSError, RuntimeError,
    TypeError, ValueError, csv.Error, struct.error, zlib.error,
)  # fmt: skip


@dataclass
class _Contents:
    """What some files hold."""

    logs: list[RunLog] = field(default_factory=list)
    others: list[LogFile] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


def read(
    path: Any,
    every: Every,
    metric: str | None,
    given: dict[str, Given],
    *,
    skip: bool,
    workers: Workers,
) -> pd.DataFrame:
    """One table of all runs behind a path, several, or run objects."""
    items = [path] if isinstance(path, str | PathLike) or is_run_object(path) else list(path)
    if not items:
        raise DataError("There is no file to read: the list of paths is empty.")
    if all(is_run_object(item) for item in items):
        return tabulate(merge_parts(read_run_objects(items)), every, metric, given)
    with tempfile.TemporaryDirectory() as scratch:
        gathered = gather(items, LAYOUTS, Path(scratch))
        contents = _read_files(gathered.files, workers)
        contents.failed[:0] = gathered.failed
        tables, ignored = _read_tables(contents)
    called = listed([str(item) for item in items])
    if contents.failed and not skip:
        raise DataError(_first_of(contents.failed))
    if not (contents.logs or tables):
        nothing = (
            f"{called} holds {plural(len(gathered.files), 'file')}, none of them a known log or "
            "table; docs/logs.md lists what is read."
        )
        raise DataError(_first_of(contents.failed or [nothing]))
    if not contents.logs and every is not None:
        raise DataError(
            f"every={every!r} needs a log with steps; {called} is a table, so read it without."
        )
    frames = [complete_table(frame, metric, given) for frame in tables.values()]
    if contents.logs:
        frames.insert(0, tabulate(merge_parts(contents.logs), every, metric, given))
    return _joined(
        frames, list(tables), [*contents.failed, *gathered.skipped, *ignored], contents.failed
    )


def _first_of(failed: list[str]) -> str:
    if not failed[1:]:
        return failed[0]
    rest = plural(len(failed) - 1, "more file")
    return f"{failed[0]} {rest} cannot be read; on_error='skip' reads the others."


def _read_files(files: Sequence[LogFile], workers: Workers) -> _Contents:
    chunks = [files[at : at + _CHUNK] for at in range(0, len(files), _CHUNK)]
    contents = _Contents()
    for part in map_tasks(_read_chunk, chunks, workers):
        contents.logs += part.logs
        contents.others += part.others
        contents.failed += part.failed
    return contents


def _read_chunk(files: Sequence[LogFile]) -> _Contents:
    contents = _Contents()
    for listed_file in files:
        file = LogFile(listed_file.path, listed_file.shown, listed_file.named)
        try:
            layout = next((layout for layout in LAYOUTS if layout.recognise(file)), None)
            if layout is None:
                contents.others.append(listed_file)
            else:
                contents.logs += layout.read(file)
        except DataError as error:
            contents.failed.append(str(error))
        except _DAMAGE as error:
            kind = type(error).__name__
            contents.failed.append(f"{file.shown} is damaged or half-written: {error} ({kind}).")
    return contents


def _read_tables(contents: _Contents) -> tuple[dict[str, pd.DataFrame], list[str]]:
    """Plain tables: those that were named, and those of a folder that has no logs."""
    tables: dict[str, pd.DataFrame] = {}
    ignored: list[str] = []
    for file in contents.others:
        if not file.named and (contents.logs or not looks_like_table(file)):
            ignored.append(f"{file.shown}: no log of a known layout")
            continue
        try:
            frame = read_table(file)
        except DataError as error:
            (contents.failed if file.named else ignored).append(str(error))
            continue
        if file.named or has_usual_columns(frame):
            tables[file.shown] = frame
        else:
            ignored.append(f"{file.shown}: no column for N, D, C or a loss")
    return tables, ignored


def _joined(
    frames: list[pd.DataFrame], names: list[str], skipped: list[str], failed: list[str]
) -> pd.DataFrame:
    """All rows in one table; rows of several tables have the name of their file."""
    source = Source(files={}, columns={}, guessed=[], skipped=skipped, notes=[])
    for frame in frames:
        part_source = frame.attrs.pop("source")
        source["files"] |= part_source["files"]
        source["columns"] |= part_source["columns"]
        source["guessed"] += part_source["guessed"]
        source["notes"] += part_source["notes"]
    if names:
        source["files"]["table"] = len(names)
    if len(names) > 1:
        for name, frame in zip(reversed(names), reversed(frames), strict=False):
            if "file" not in frame:
                frame["file"] = name
    whole = frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)
    whole.attrs["source"] = source
    if failed:
        warn(f"{plural(len(failed), 'file')} could not be read: {failed[0]}", DataWarning)
    return whole
