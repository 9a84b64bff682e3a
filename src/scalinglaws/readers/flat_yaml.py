"""The part of YAML that trackers write for settings: nested mappings, lists and scalars."""

from __future__ import annotations

import json
from typing import Any

_WORDS = {"null": None, "~": None, "": None, "true": True, "false": False}
_MOST_DEPTH = 50


def read_yaml(text: str) -> dict[str, Any]:
    """Settings of a file that a tracker wrote; what is not understood stays text."""
    lines = [
        (len(line) - len(line.lstrip(" ")), line.strip())
        for line in text.splitlines()
        if line.strip() and not line.lstrip().startswith("#")
    ]
    settings = _block(lines, 0, 0)[0] if lines else {}
    return settings if isinstance(settings, dict) else {}


def _block(lines: list[tuple[int, str]], at: int, depth: int) -> tuple[Any, int]:
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
            value, _ = _block(lines, at, depth + 1)
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
