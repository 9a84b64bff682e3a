"""`read_runs`: find the files, recognise and read each, and make one table of all."""

from __future__ import annotations

import csv
import struct
import tempfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from scalinglaws.errors import DataError, DataWarning, warn
from scalinglaws.numerals import listed, plural
from scalinglaws.options import check_option
from scalinglaws.readers.folder import gather
from scalinglaws.readers.given import Given
from scalinglaws.readers.layouts import LAYOUTS
from scalinglaws.readers.logs import LogFile, RunLog
from scalinglaws.readers.table_files import (
    complete_table,
    has_usual_columns,
    looks_like_table,
    read_table,
)
from scalinglaws.readers.tabulate import Every, Source, merge_parts, tabulate
from scalinglaws.readers.wandb_logs import is_run_object, read_run_objects
from scalinglaws.workers import Workers, map_tasks


def read_runs(
    path: Any,
    *,
    every: Literal["eval", "step"] | None = None,
    metric: str | None = None,
    N: Given | None = None,
    D: Given | None = None,
    on_error: Literal["raise", "skip"] = "raise",
    workers: Workers = 1,
) -> pd.DataFrame:
    r"""Read training runs out of the logs of trackers and trainers, or out of a table.

    Parameters
    ----------
    path : str, Path, or an iterable of them
        A file, a folder, a pattern such as ``"logs/*/metrics.csv"``, or an archive (.zip, .tar,
        .tar.gz; single files may be packed with .gz, .bz2, .xz or .zst). Files are recognised by
        their contents; ``docs/logs.md`` lists the layouts. Run objects of the W&B API do as well.
    every : {"eval", "step"}, optional
        One row for each evaluated or each logged step. By default, one row for each run.
    metric : str, optional
        The metric that becomes the column ``loss``, or a pattern such as ``"*/c4*/loss"``. By
        default a held-out loss, else the training loss, with a warning.
    N, D : number, str, mapping, Path, re.Pattern or callable, optional
        Parameters and tokens where the logs do not have them, or to replace what they have: one
        number; a mapping from run to number, or a file with one (CSV of two columns, JSON); a
        pattern with one group on the run's name, such as ``r"_([\d.]+[MB])_"``; a column times a
        number, such as ``"step * 524288"``; a function of the row.
    on_error : {"raise", "skip"}
        What to do with a damaged file: raise an error, or skip it with a warning and list it in
        ``attrs["source"]``.
    workers : int or callable
        Number of processes that read files, -1 for one per processor, or a map-like callable.

    Returns
    -------
    DataFrame
        From logs: the columns ``run``, ``step``, ``N``, ``D``, ``C`` (FLOPs) and ``loss``, then
        settings and metrics under their own names. A metric with the name of a setting is called
        ``logged NAME``. From a table: its columns as they are. ``attrs["source"]`` says where each
        column came from, and what was skipped or guessed.

    Raises
    ------
    DataError
        If a file is damaged or of no known layout, or if nothing was found.
    FileNotFoundError
        If there is no such file.

    Notes
    -----
    One rule for all logs: each metric has its last value that is a number, by step; a step that was
    logged twice has its later value. N, D and C are found by their usual names. D and C belong to
    the step of the loss, and are interpolated between logged steps. N is counted from the shape
    where a configuration has one. Unknown values are NaN.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> import scalinglaws as sl
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = (folder / "runs.csv").write_text("N,D,loss\n1e6,2e7,3.1\n")
    >>> sl.read_runs(folder / "runs.csv").shape
    (1, 3)
    >>> _ = (folder / "trainer_state.json").write_text(
    ...     '{"global_step": 9, "log_history": [{"step": 9, "eval_loss": 3.2}]}'
    ... )
    >>> runs = sl.read_runs(folder / "trainer_state.json", N="1M", D="step * 1000")
    >>> runs[["step", "N", "D", "loss"]].values.tolist()
    [[9.0, 1000000.0, 9000.0, 3.2]]
    """
    check_option("on_error", on_error, ("raise", "skip"))
    if every is not None:
        check_option("every", every, ("eval", "step"))
    given = {name: item for name, item in (("N", N), ("D", D)) if item is not None}
    return _read(path, every, metric, given, skip=on_error == "skip", workers=workers)


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


def _read(
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
