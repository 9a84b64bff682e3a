"""Atomic JSON files with a hash that detects edits.

A file holds one object with a format, a schema number, and a hash of everything else in it.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from scalinglaws.errors import FileFormatError
from scalinglaws.numerals import abridged

_HASH = "hash"


def write(values: Mapping[str, Any], path: str | Path, *, follow_links: bool = False) -> None:
    """Write an object with its hash; see `write_whole`."""
    write_whole(_as_text({**values, _HASH: digest(values)}), path, follow_links=follow_links)


def write_whole(content: bytes, path: str | Path, *, follow_links: bool = False) -> None:
    """Write a file; whatever goes wrong, an old one stays as it was.

    Raises
    ------
    OSError
        If the file cannot be written, or the path is refused; see `checked_path`.
    """
    _replace(checked_path(path, follow_links=follow_links), content)


def checked_path(path: str | Path, *, follow_links: bool = False) -> Path:
    """The file that a path stands for.

    Raises
    ------
    TypeError
        If `path` is no path.
    FileExistsError
        If the path is a link, and `follow_links` is not given.
    OSError
        If it is a folder, or in none.
    """
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"`path` must be a text or a Path; got {abridged(path)}.")
    target = Path(path)
    if target.is_symlink():
        if not follow_links:
            raise FileExistsError(
                f"{str(path)!r} is a link to {str(target.readlink())!r}: pass follow_links=True to "
                "write what it points to, or remove it."
            )
        target = target.resolve()
    if not target.parent.is_dir():
        raise FileNotFoundError(f"There is no folder {str(target.parent)!r}.")
    if target.is_dir():
        raise IsADirectoryError(f"{str(path)!r} is a folder.")
    return target


def _as_text(values: Mapping[str, Any]) -> bytes:
    for ascii_only in (False, True):  # half a surrogate pair, as in a damaged name, has no UTF-8
        try:
            text = json.dumps(values, indent=1, ensure_ascii=ascii_only, allow_nan=False)
            return f"{text}\n".encode()
        except UnicodeEncodeError:
            continue
    raise AssertionError


def _replace(target: Path, content: bytes) -> None:
    """Write a temporary file beside the target and put it in its place."""
    beside = target.parent / f".{secrets.token_hex(8)}.tmp"
    mode = target.stat().st_mode & 0o777 if target.exists() else 0o666
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, target)  # noqa: PTH105 - atomic, and said in its documentation
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def digest(values: Mapping[str, Any]) -> str:
    """The hash of an object, its own hash left out, whatever the order of its keys."""
    rest = {key: value for key, value in values.items() if key != _HASH}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def built(
    values: Any,
    path: str | Path,
    form: str,
    newest: int,
    hashed_from: int,
    build: Callable[[Any], Any],
) -> Any:
    """What `build` makes of the object in a file.

    Parameters
    ----------
    values : what the file was parsed to
    path : str or Path, for messages
    form, newest : the format, and the newest schema that this version reads
    hashed_from : the first schema whose files have a hash
    build : makes the result; raises ValueError, TypeError or KeyError where it cannot

    Raises
    ------
    FileFormatError
        If it is not such a file, is newer, or was damaged or changed.
    """
    if not isinstance(values, dict) or values.get("format") != form:
        raise FileFormatError(
            f"{path} is not a saved {form.rsplit(maxsplit=1)[-1]}: it has no 'format': {form!r}."
        )
    schema = values.get("schema")
    if isinstance(schema, bool) or not isinstance(schema, int) or schema < 1:
        raise FileFormatError(f"{path} is damaged: it has no valid schema number.")
    if schema > newest:
        raise FileFormatError(
            f"{path} has schema {abridged(schema)}, and this version of scalinglaws reads up to "
            f"{newest}: it was saved by a newer version; update scalinglaws."
        )
    if schema >= hashed_from and values.get(_HASH) != digest(values):
        raise FileFormatError(
            f"{path} was changed after it was saved: its contents do not have the hash that was "
            "saved with them. Save it again, or restore the file."
        )
    try:
        return build(values)
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
        reason = f"{abridged(error.args[0])} is missing" if isinstance(error, KeyError) else error
        raise FileFormatError(f"{path} is damaged: {reason}.") from error


def parsed(path: str | Path) -> Any:
    """The contents of a JSON file.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    FileFormatError
        If it is not JSON.
    """
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"`path` must be a text or a Path; got {abridged(path)}.")
    if not Path(path).is_file():
        raise FileNotFoundError(f"There is no file {str(path)!r}.")
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        reason = "" if isinstance(error, json.JSONDecodeError) and not error.pos else f" ({error})"
        raise FileFormatError(f"{path} is not a saved fit: it is not JSON{reason}.") from error


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")
