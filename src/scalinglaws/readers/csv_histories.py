"""CSV files with one row a step: chart exports, histories, TensorBoard downloads, Lightning."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping

from scalinglaws.readers.file_formats import read_scalar, read_yaml
from scalinglaws.readers.logged_quantities import as_loss
from scalinglaws.readers.logs import MOST_COLUMNS, Layout, LogFile, RunLog, flatten

_STEPS = ("_step", "step", "Step", "global_step", "trainer/global_step")
_RUNS = ("run", "run_name", "Name", "name", "run_id")
_TWINS = ("__MIN", "__MAX")
_COLUMN = re.compile(r"(?:Group: |name: )?(.+) - (.+)", re.DOTALL)
_DOWNLOAD = re.compile(r"run-(.+)-tag-(.+)")


def _header(file: LogFile) -> list[str]:
    """Names of the columns; none where the file is no CSV."""
    if not file.is_text or b"," not in file.head:
        return []
    line = file.head.decode("utf-8-sig", errors="replace").splitlines()[0]
    if len(file.head) <= len(line):  # the first line is longer than the head
        line = file.text.partition("\n")[0]
    names = next(csv.reader([line]), [])
    return names if len(names) <= MOST_COLUMNS else []


def _rows(file: LogFile) -> Iterator[Mapping[str, str]]:
    return csv.DictReader(file.text.splitlines(), restval="")


def _values(row: Mapping[str, str], *without: str) -> dict[str, object]:
    """The cells that hold something."""
    return {
        name: read_scalar(text.strip())
        for name, text in row.items()
        if name and name not in without and isinstance(text, str) and text.strip()
    }


# --- charts of W&B -----------------------------------------------------------------------------


def _is_chart(file: LogFile) -> bool:
    """Twins of minimum and maximum, or a step and nothing but runs with their metric."""
    axis, *names = _header(file) or [""]
    if axis in _STEPS and names and all(map(_COLUMN.fullmatch, names)):
        return True
    present = set(names)
    return any(n + twin in present and _COLUMN.fullmatch(n) for n in names for twin in _TWINS)


def _read_chart(file: LogFile) -> list[RunLog]:
    """A column for each run: ``Group: NAME - METRIC``, and twins of it, which are left out."""
    axis, *names = _header(file)
    columns: dict[str, tuple[RunLog, str]] = {}
    runs: dict[str, RunLog] = {}
    for name in names:
        match = None if name.endswith(_TWINS) else _COLUMN.fullmatch(name)
        if match:
            run = runs.setdefault(match[1], RunLog(match[1], CHART.name, file.shown, match[1]))
            columns[name] = run, match[2]
    for row in _rows(file):
        cells = _values(row)
        axis_value = cells.get(axis)
        for name, (run, metric) in columns.items():
            if name in cells:
                extra = {} if axis in _STEPS else {axis: axis_value}
                run.add_row(axis_value, {metric: cells[name], **extra})
    for run in runs.values():
        run.notes.append(f"{file.shown}: a chart holds a sample of the steps, not all of them.")
    return list(runs.values())


CHART = Layout("W&B chart export", _is_chart, _read_chart)

# --- scalars downloaded from TensorBoard ---------------------------------------------------------


def _read_download(file: LogFile) -> list[RunLog]:
    match = _DOWNLOAD.fullmatch(file.path.stem)
    name, tag = match.groups() if match else (file.path.parent.name, file.path.stem)
    run = RunLog(name, DOWNLOAD.name, file.shown, f"{file.path.parent}/{name}")
    for row in _rows(file):
        cells = _values(row)
        run.add_row(cells.get("Step"), {tag: cells.get("Value")})
    run.notes.append(f"{file.shown}: a download holds 1,000 steps at most unless asked for more.")
    return [run]


DOWNLOAD = Layout(
    "TensorBoard CSV", lambda file: _header(file) == ["Wall time", "Step", "Value"], _read_download
)

# --- histories ---------------------------------------------------------------------------------


def _is_history(file: LogFile) -> bool:
    """The tracker's own step, or Lightning's losses that never share a row."""
    names = _header(file)
    if "_step" in names or {"iter_time", "iter", "step"} <= set(names):
        return True
    if not {"step", "epoch"} <= set(names) or set(_RUNS) & set(names):
        return False
    losses = [name for name in names if as_loss(name)]
    return len(losses) > 1 and all(sum(bool(row[n]) for n in losses) <= 1 for row in _rows(file))


def _read_history(file: LogFile) -> list[RunLog]:
    names = _header(file)
    step = next(name for name in _STEPS if name in names)
    column = next((name for name in _RUNS if name in names), None)
    runs: dict[str, RunLog] = {}
    for row in _rows(file):
        name = row[column] if column else file.run_name
        run = runs.setdefault(name, RunLog(name, HISTORY.name, file.shown, f"{file.path}/{name}"))
        values = _values(row, step, column or "")
        if {"tokens", "total_tokens"} <= values.keys():  # LitGPT counts the first on each device
            values["tokens on each device"] = values.pop("tokens")
        run.add_row(read_scalar(row[step].strip()), values)
    settings = file.path.with_name("hparams.yaml")  # what Lightning writes beside it
    if settings.is_file():
        for run in runs.values():
            run.config = flatten(read_yaml(LogFile(settings, str(settings)).text))
    return list(runs.values())


HISTORY = Layout("history CSV", _is_history, _read_history)
