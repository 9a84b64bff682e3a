"""Formats behind logs: protobuf messages, records with checksums, and the YAML of settings."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np

_VARINT, _EIGHT, _BYTES, _FOUR = 0, 1, 2, 5  # wire types of protobuf
_BLOCK = 32_768  # bytes in a block of LevelDB's log format
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4  # kinds of its records
_CHECKED = 256  # longest event whose checksum is worked out; scalars are far shorter


def fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Number and value of each field of a protobuf message; fixed widths come as bytes.

    Raises
    ------
    ValueError
        If it is no such message.
    """
    position, end = 0, len(message)
    while position < end:
        key = message[position]
        position += 1
        if key > 127:
            key, position = _varint(message, position - 1)
        kind = key & 7
        if kind == _VARINT:
            value, position = _varint(message, position)
            yield key >> 3, value
            continue
        if kind == _BYTES:
            if position < end and message[position] < 128:  # nearly always
                stop = position + 1 + message[position]
                position += 1
            else:
                length, position = _varint(message, position)
                stop = position + length
        elif kind == _EIGHT:
            stop = position + 8
        elif kind == _FOUR:
            stop = position + 4
        else:
            raise ValueError(f"there is no wire type {kind}")
        if stop > end:
            raise ValueError("a field is longer than its message")
        yield key >> 3, message[position:stop]
        position = stop


def _varint(message: bytes, position: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(message):
            break
        byte = message[position]
        position += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, position
    raise ValueError("a whole number does not end")


def leveldb_records(data: bytes, start: int) -> tuple[list[bytes], int]:
    """Records of a LevelDB log whose blocks count from byte 0, and how many were damaged.

    Reading goes on in the next block after a damaged record.
    """
    records: list[bytes] = []
    parts: list[bytes] | None = None
    position, damaged = start, 0
    while position + 7 <= len(data):
        left = _BLOCK - position % _BLOCK
        if left < 7:
            position += left
            continue
        checksum, length, kind = struct.unpack_from("<IHB", data, position)
        chunk = data[position + 7 : position + 7 + length]
        if not checksum and not length and not kind:  # the rest of a block may be empty
            position += left
            continue
        sound = _FULL <= kind <= _LAST and length <= left - 7 and len(chunk) == length
        if not sound or zlib.crc32(chunk, zlib.crc32(bytes([kind]))) != checksum:
            damaged, parts = damaged + 1, None
            position += left
            continue
        position += 7 + length
        if kind in {_FULL, _FIRST}:
            parts = []
        if parts is None:  # its beginning was damaged
            continue
        parts.append(chunk)
        if kind in {_FULL, _LAST}:
            records.append(b"".join(parts))
            parts = None
    return records, damaged


def event_records(data: bytes) -> tuple[list[bytes], int, int]:
    """Records of a TensorBoard file, how many were damaged, and bytes behind the last whole one."""
    starts: list[int] = []
    lengths: list[int] = []
    position, end = 0, len(data)
    while position + 16 <= end:
        length = int.from_bytes(data[position : position + 8], "little")
        if position + 16 + length > end:
            break
        starts.append(position + 12)
        lengths.append(length)
        position += 16 + length
    sound = _intact(data, np.array(starts, dtype=np.int64), np.array(lengths, dtype=np.int64))
    records = [
        data[start : start + length]
        for start, length, good in zip(starts, lengths, sound, strict=True)
        if good
    ]
    return records, len(starts) - len(records), end - position


def _crc_table() -> np.ndarray:
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, (table >> 1) ^ np.uint32(0x82F63B78), table >> 1)
    return table


_CRC32C = _crc_table()


def _intact(data: bytes, starts: np.ndarray, lengths: np.ndarray) -> list[bool]:
    """Whether each record has its masked CRC-32C, all records at once, byte by byte."""
    if not len(starts):
        return []
    checked = np.flatnonzero(lengths <= _CHECKED)
    order = checked[np.argsort(lengths[checked])]
    content = np.frombuffer(data, dtype=np.uint8)
    first, size = starts[order], lengths[order]
    crc = np.full(len(order), 0xFFFFFFFF, dtype=np.uint32)
    for byte in range(int(size[-1]) if len(size) else 0):
        longer = int(np.searchsorted(size, byte, side="right"))  # records that have this byte
        current = crc[longer:]
        crc[longer:] = _CRC32C[(current ^ content[first[longer:] + byte]) & 255] ^ (current >> 8)
    crc = ~crc
    masked = ((crc >> 15) | (crc << 17)) + np.uint32(0xA282EAD8)
    stored = np.zeros(len(order), dtype=np.uint32)
    for byte in range(4):
        stored |= content[first + size + byte].astype(np.uint32) << np.uint32(8 * byte)
    sound = np.ones(len(starts), dtype=bool)
    sound[order] = masked == stored
    return [bool(good) for good in sound]


# --- YAML ----------------------------------------------------------------------------------------

_WORDS = {"null": None, "~": None, "": None, "true": True, "false": False}
_MOST_DEPTH = 50


def read_yaml(text: str) -> dict[str, Any]:
    """Settings of a file that a tracker wrote; what is not understood stays text."""
    lines = [
        (len(line) - len(line.lstrip(" ")), line.strip())
        for line in text.splitlines()
        if line.strip() and not line.lstrip().startswith("#")
    ]
    settings = _yaml_block(lines, 0, 0)[0] if lines else {}
    return settings if isinstance(settings, dict) else {}


def _yaml_block(lines: list[tuple[int, str]], at: int, depth: int) -> tuple[Any, int]:
    """The mapping or list that begins at a line, and the line behind it."""
    indent, is_list = lines[at][0], _is_item(lines[at][1])
    mapping: dict[str, Any] = {}
    items: list[Any] = []
    while at < len(lines) and lines[at][0] == indent and _is_item(lines[at][1]) == is_list:
        key, _, rest = ("", "", lines[at][1][1:]) if is_list else lines[at][1].partition(":")
        value, at = read_scalar(rest.strip()), at + 1
        end = at
        while end < len(lines) and (
            lines[end][0] > indent
            or (not is_list and lines[end][0] == indent and _is_item(lines[end][1]))
        ):
            end += 1
        if end > at and not rest.strip() and depth < _MOST_DEPTH:
            value, _ = _yaml_block(lines, at, depth + 1)
        at = end
        if is_list:
            items.append(value)
        else:
            mapping[str(read_scalar(key.strip()))] = value
    return (items if is_list else mapping), at


def _is_item(text: str) -> bool:
    return text == "-" or text.startswith("- ")


def read_scalar(text: str) -> Any:
    """A number, a truth value, null or text."""
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if len(text) > 1 and text[0] == text[-1] == "'":
        return text[1:-1].replace("''", "'")
    try:
        return json.loads(text)  # numbers, text in double quotes, lists and mappings in one line
    except (ValueError, RecursionError):
        pass
    try:
        return float(text)  # such as 1e-3 or .5
    except ValueError:
        return text
