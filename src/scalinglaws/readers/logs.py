"""What a log holds before it becomes a table: one run, its settings and its series of values."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from scalinglaws.errors import DataError

HEAD = 16_384  # bytes that are enough to recognise most layouts
_CONSOLE_START = 2**22
MOST_COLUMNS = 20_000  # pandas takes minutes over more
# Parameters that the Trainer multiplies by 6 and the tokens: all but those of embeddings.
N_OF_TOTAL_FLOS = "N_of_total_flos"
MOST_BYTES = 2**31  # of a log that is read into memory at once
_MOST_DEPTH = 30  # of nested settings
_MARKS = {b"\xff\xfe", b"\xfe\xff"}  # of UTF-16
_COMMON_NAME = re.compile(  # of files and folders, which does not tell one run from another
    r"trainer_state|tracker_metrics|metrics|report|history|logs?|train|stdout|output|results"
    r"|version_\d+|csv|files",
    re.IGNORECASE,
)
_UNUSUAL = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


@dataclass
class RunLog:
    """One run out of a log.

    Parts of one run, such as the files of a restarted one, have the same `layout` and `key`, and
    later ones win where both have a value.
    """

    name: str
    layout: str
    origin: str
    key: str
    started: float = 0.0
    config: dict[str, Any] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    series: dict[str, dict[float, float]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    overwritten: int = 0
    skipped: int = 0

    def add(self, step: float, name: str, value: float) -> None:
        """One value of one metric; a second value of the same step replaces the first."""
        values = self.series.get(name)
        if values is None:
            values = self.series[name] = {}
        elif values.get(step, value) != value:
            self.overwritten += 1
        values[step] = value

    def add_row(self, step: Any, row: Mapping[str, Any]) -> None:
        """All numbers of one logged row; a row without a step is counted and skipped."""
        number = to_number(step)
        if number is None or not math.isfinite(number):
            self.skipped += 1
            return
        for name, item in flatten(row).items():
            value = to_number(item)
            if value is not None:
                self.add(number, name, value)

    def absorb(self, later: RunLog) -> None:
        """Add a later part of the same run, whose values win."""
        for name, values in later.series.items():
            mine = self.series.setdefault(name, {})
            self.overwritten += sum(mine.get(step, v) != v for step, v in values.items())
            mine.update(values)
        self.config |= later.config
        self.summary |= later.summary
        self.notes += [note for note in later.notes if note not in self.notes]
        self.overwritten += later.overwritten
        self.skipped += later.skipped


def to_number(item: Any) -> float | None:
    """A logged value as a number; None where it is something else."""
    if isinstance(item, str):
        return _UNUSUAL.get(item)
    if isinstance(item, bool) or not isinstance(item, int | float):
        return None
    try:
        return float(item)
    except OverflowError:  # a whole number of more than 308 digits
        return None


def flatten(nested: Mapping[str, Any], separator: str = ".") -> dict[str, Any]:
    """Nested settings as one level: ``{"optimizer": {"lr": 1}}`` becomes ``optimizer.lr``."""
    flat: dict[str, Any] = {}

    def walk(prefix: str, value: Any, depth: int) -> None:
        if isinstance(value, Mapping) and value and depth < _MOST_DEPTH:
            for key, inner in value.items():
                walk(f"{prefix}{separator}{key}" if prefix else str(key), inner, depth + 1)
        else:
            flat[prefix] = value if isinstance(value, str | int | float | None) else str(value)

    walk("", nested, 0)
    flat.pop("", None)
    return flat


@dataclass(frozen=True)
class LogFile:
    """A file on disk, how the user would call it, and whether the user did."""

    path: Path
    shown: str
    named: bool = False

    @cached_property
    def head(self) -> bytes:
        """The first bytes."""
        with self.path.open("rb") as file:
            return file.read(HEAD)

    @cached_property
    def data(self) -> bytes:
        """All bytes.

        Raises
        ------
        DataError
            If they are too many to be held in memory.
        """
        size = self.path.stat().st_size
        if size <= len(self.head):
            return self.head
        if size > MOST_BYTES:
            raise DataError(
                f"{self.shown} has {size / 2**30:.1f} GiB, more than a log can have here "
                f"({MOST_BYTES / 2**30:.0f} GiB); export a table of its runs and read that."
            )
        return self.path.read_bytes()

    @property
    def run_name(self) -> str:
        """What a run is called that has no name in its log: its file, or the folder around it."""
        names = [self.path.stem, *(folder.name for folder in self.path.resolve().parents)]
        return next((n for n in names if n and not _COMMON_NAME.fullmatch(n)), self.path.stem)

    @property
    def is_text(self) -> bool:
        """Whether the beginning looks like text."""
        return b"\0" not in self.head or self.head[:2] in _MARKS

    @property
    def encoding(self) -> str:
        """The encoding of its mark, or else UTF-8."""
        return "utf-16" if self.head[:2] in _MARKS else "utf-8-sig"

    @cached_property
    def text(self) -> str:
        """The contents as text.

        Raises
        ------
        DataError
            If they are no text of its encoding.
        """
        try:
            return self.data.decode(self.encoding)
        except UnicodeDecodeError as error:
            raise self.not_text(error) from error

    def not_text(self, error: UnicodeDecodeError) -> DataError:
        """The error of a file in another encoding."""
        return DataError(
            f"{self.shown} is not {self.encoding.removesuffix('-sig').upper()} text "
            f"({error.reason}: {error.object[error.start : error.end]!r}); save it as UTF-8."
        )

    @property
    def console(self) -> str:
        """The contents as the text of a terminal, where stray bytes do no harm."""
        return self.data.decode("utf-8", errors="replace")

    @cached_property
    def console_start(self) -> str:
        """The beginning of that text, long enough for what a trainer prints before its steps."""
        if not self.is_text:
            return ""
        with self.path.open("rb") as file:
            return file.read(_CONSOLE_START).decode("utf-8", errors="replace")

    @cached_property
    def document(self) -> Any:
        """The contents as JSON; None if they are none."""
        if not self.is_text or self.head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] not in {b"{", b"["}:
            return None
        try:
            return json.loads(self.text)
        except (ValueError, RecursionError):
            return None

    def has_keys(self, *keys: str) -> bool:
        """Whether the contents are a JSON object with all of these keys."""
        return isinstance(self.document, dict) and all(key in self.document for key in keys)


@dataclass(frozen=True)
class Layout:
    """One kind of log: how to recognise a file of it, and how to read its runs.

    Where `marker` matches a file of a folder, the subfolders `parts` belong to that file's run and
    are not searched for other logs.
    """

    name: str
    recognise: Callable[[LogFile], bool]
    read: Callable[[LogFile], Iterable[RunLog]]
    marker: str = ""
    parts: tuple[str, ...] = ()
