"""The files behind what the user names: a file, a folder, a pattern, a list, an archive."""

from __future__ import annotations

import bz2
import fnmatch
import glob
import gzip
import lzma
import os
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path, PurePosixPath
from typing import IO, Any

from scalinglaws.errors import DataError
from scalinglaws.readers.logs import MOST_BYTES, Layout, LogFile

_MOST_UNPACKED = 2**32  # bytes out of one archive
_MOST_RATIO, _RATIO_FROM = 200, 2**26  # of unpacked to packed bytes, from so many bytes on
_MOST_MEMBERS = 100_000
_CHUNK = 2**20
_PACKED: tuple[tuple[bytes, Callable[..., Any]], ...] = (
    (b"\x1f\x8b", gzip.open), (b"BZh", bz2.open), (b"\xfd7zXZ\x00", lzma.open),
)  # fmt: skip
_DAMAGED = (
    zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, OSError,
    NotImplementedError, RuntimeError, ValueError, OverflowError,
)  # fmt: skip


@dataclass
class Gathered:
    """Files that could be logs, archives that could not be unpacked, and what was left out."""

    files: list[LogFile] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


def gather(
    paths: Iterable[str | PathLike[str]], layouts: Iterable[Layout], scratch: Path
) -> Gathered:
    """Every file that could be a log, with archives unpacked below the scratch folder.

    Raises
    ------
    FileNotFoundError
        If a path or a pattern leads to nothing.
    DataError
        If a path is a web address.
    """
    markers = [layout for layout in layouts if layout.marker]
    gathered = Gathered()
    for path in paths:
        for start in _expand(path):
            files = (
                [LogFile(f, str(f)) for f in _walk(start, markers, gathered.skipped)]
                if start.is_dir()
                else [LogFile(start, str(start), named=True)]
            )
            for file in files:
                try:
                    gathered.files += _unpacked(file, markers, scratch, gathered.skipped)
                except DataError as error:
                    gathered.failed.append(str(error))
    seen: dict[Path, LogFile] = {}
    for file in gathered.files:
        seen.setdefault(file.path.resolve(), file)
    gathered.files = list(seen.values())
    return gathered


def _expand(path: str | PathLike[str]) -> list[Path]:
    text = os.fspath(path)
    if "://" in text:
        raise DataError(f"{text!r} is a web address; download it and give the file.")
    start = Path(text).expanduser()
    if start.exists():
        return [start]
    if glob.has_magic(text):
        matches = sorted(glob.glob(str(start), recursive=True))  # noqa: PTH207 -- absolute patterns too
        if matches:
            return [Path(match) for match in matches]
        raise FileNotFoundError(f"No file matches {text!r}.")
    raise FileNotFoundError(f"There is no file {text!r}.")


def _walk(folder: Path, markers: list[Layout], skipped: list[str]) -> Iterator[Path]:
    """Files below a folder in order of their names, without links and the inside of runs."""
    for parent, folders, names in os.walk(folder):
        inside: set[str] = set()
        for layout in markers:
            if fnmatch.filter(names, layout.marker):
                inside.update(layout.parts)
        folders[:] = sorted(f for f in folders if f not in inside and not f.startswith("."))
        for name in sorted(names):
            file = Path(parent, name)
            if file.is_symlink():
                skipped.append(f"{file}: a link")
            elif file.is_file() and not name.startswith("."):
                yield file


# --- archives ----------------------------------------------------------------------------------


def _unpacked(
    file: LogFile, markers: list[Layout], scratch: Path, skipped: list[str]
) -> list[LogFile]:
    """The file itself, or what is in it where it is compressed or a named archive.

    Archives of a folder are left alone: checkpoints of PyTorch are some.
    """
    head = _head(file)
    try:
        opener = next((o for magic, o in _PACKED if head.startswith(magic)), None)
        is_zip = head[:4] == b"PK\x03\x04"
        is_tar = b"ustar" in head[257:263] or (opener is not None and _is_tar(file.path))
        if (is_zip or is_tar) and not file.named:
            skipped.append(f"{file.shown}: an archive in a folder; name it to have it read")
            return []
        if is_zip or is_tar:
            members = _zip_members(file) if is_zip else _tar_members(file, skipped)
            return _archive(file, members, markers, scratch, skipped)
        largest = MOST_BYTES if opener is None else _RATIO_FROM
        if not file.named and file.path.stat().st_size > largest:
            skipped.append(f"{file.shown}: too large for a log; name it to have it read")
            return []
        if opener is None:
            return [file]
        target = _target(scratch, file.path.stem)
        with opener(file.path) as packed:
            _copy(packed, target, [_limit(file)], file)
    except _DAMAGED as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{file.shown} cannot be unpacked: {error}.") from error
    return [LogFile(target, file.shown, file.named)]


def _head(file: LogFile) -> bytes:
    try:
        return file.head
    except OSError as error:
        raise DataError(f"{file.shown} cannot be opened: {error.strerror}.") from error


def _is_tar(path: Path) -> bool:
    try:
        with tarfile.open(path) as archive:
            return archive.next() is not None
    except tarfile.TarError:
        return False


Member = tuple[str, Callable[[], IO[bytes] | None]]


def _zip_members(file: LogFile) -> Iterator[Member]:
    with zipfile.ZipFile(file.path) as archive:
        for info in archive.infolist():
            if not info.is_dir():
                yield info.filename, lambda info=info: archive.open(info)  # type: ignore[misc]


def _tar_members(file: LogFile, skipped: list[str]) -> Iterator[Member]:
    with tarfile.open(file.path) as archive:
        for member in archive:
            if member.isfile():
                yield member.name, lambda member=member: archive.extractfile(member)  # type: ignore[misc]
            elif not member.isdir():
                skipped.append(f"{file.shown}/{member.name}: a link or device")


def _archive(
    file: LogFile,
    members: Iterator[Member],
    markers: list[Layout],
    scratch: Path,
    skipped: list[str],
) -> list[LogFile]:
    """Members copied under names of their own below a scratch folder, then read as a folder."""
    root = _target(scratch, "archive")
    left = [_limit(file)]
    for count, (name, opener) in enumerate(members):
        if count >= _MOST_MEMBERS:
            raise DataError(f"{file.shown} has more than {_MOST_MEMBERS:,} members.")
        parts = PurePosixPath(name.replace("\\", "/")).parts
        if not parts or parts[0] == "/" or ".." in parts or ":" in parts[0]:
            skipped.append(f"{file.shown}/{name}: its path leads outside the archive")
            continue
        target = root.joinpath(*parts)
        target.parent.mkdir(parents=True, exist_ok=True)
        source = opener()
        if source is not None:
            with source:
                _copy(source, target, left, file)
    root.mkdir(exist_ok=True)
    paths = list(_walk(root, markers, skipped))
    named = file.named and len(paths) == 1
    return [LogFile(p, f"{file.shown}/{p.relative_to(root).as_posix()}", named) for p in paths]


def _target(scratch: Path, name: str) -> Path:
    """A new place below the scratch folder that ends in this name."""
    folder = scratch / str(sum(1 for _ in scratch.iterdir()))
    folder.mkdir()
    return folder / name


def _limit(file: LogFile) -> int:
    """Bytes that may come out of an archive: no log packs as well as a zip bomb."""
    return min(_MOST_UNPACKED, max(_RATIO_FROM, _MOST_RATIO * file.path.stat().st_size))


def _copy(source: IO[bytes], target: Path, left: list[int], file: LogFile) -> None:
    with target.open("wb") as out:
        while chunk := source.read(_CHUNK):
            left[0] -= len(chunk)
            free = shutil.disk_usage(target.parent).free
            if left[0] < 0 or free < 4 * _CHUNK:
                raise DataError(
                    f"{file.shown} unpacks to more than {_limit(file) / 2**20:,.0f} MiB, or than "
                    "the disk holds; unpack it yourself and give the folder."
                )
            out.write(chunk)
