"""Type-checked values of a JSON file."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from scalinglaws.arrays import FloatArray, IntArray
from scalinglaws.numerals import abridged

_UNUSUAL = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def mapping(value: Any, name: str) -> Mapping[str, Any]:
    """An object of JSON."""
    if not isinstance(value, dict):
        raise _wrong(name, "an object", value)
    return value


def array(value: Any, name: str, length: int | None = None) -> list[Any]:
    """A list, perhaps of a given length."""
    if not isinstance(value, list):
        raise _wrong(name, "a list", value)
    if length is not None and len(value) != length:
        raise ValueError(f"{name} has {len(value):,} items, not {length:,}")
    return value


def text(value: Any, name: str) -> str:
    """A text."""
    if not isinstance(value, str):
        raise _wrong(name, "a text", value)
    return value


def texts(value: Any, name: str, length: int | None = None) -> list[str]:
    """A list of texts."""
    return [text(item, name) for item in array(value, name, length)]


def one_of(value: Any, choices: Sequence[str], name: str) -> str:
    """One of a few words."""
    if text(value, name) not in choices:
        raise _wrong(name, f"one of {', '.join(choices)}", value)
    return str(value)


def flag(value: Any, name: str) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise _wrong(name, "true or false", value)
    return value


def count(value: Any, name: str) -> int:
    """A whole number, zero or more, that an array may have as its length."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**62:
        raise _wrong(name, "a count", value)
    return value


def number(
    value: Any,
    name: str,
    *,
    least: float = -math.inf,
    infinite: bool = False,
    unknown: bool = False,
) -> float:
    """A number, or the name of one that JSON lacks, where that may be."""
    found = _UNUSUAL.get(value) if isinstance(value, str) else value
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise _wrong(name, "a number", value)
    try:
        found = float(found)
    except OverflowError as error:
        raise _wrong(name, "a number that float64 holds", value) from error
    if math.isnan(found) and not unknown:
        raise _wrong(name, "a number", value)
    if not (math.isfinite(found) or infinite or unknown):
        raise _wrong(name, "finite", value)
    if found < least:
        raise _wrong(name, f"{least:g} or more", value)
    return found


def numbers(
    value: Any,
    name: str,
    *,
    length: int | None = None,
    least: float = -math.inf,
    infinite: bool = False,
) -> FloatArray:
    """A list of numbers."""
    items = array(value, name, length)
    return np.array(
        [number(item, name, least=least, infinite=infinite) for item in items], dtype=np.float64
    )


def codes(value: Any, name: str, n: int) -> IntArray:
    """A number of a set for each row, or none at all; -1 stands for no set."""
    items = array(value, name)
    if items:
        array(items, name, length=n)
    for item in items:
        if isinstance(item, bool) or not isinstance(item, int) or not -1 <= item < n:
            raise _wrong(name, f"numbers from -1 to {n - 1}", item)
    return np.array(items, dtype=np.intp)


def factors(value: Any, n: int) -> dict[str, IntArray]:
    """A level for each row, for each text column that a law does not use."""
    return {
        name: codes(array(each, f"factor {name}", length=n), f"factor {name}", n)
        for name, each in mapping(value, "factors").items()
    }


def labels(value: Any, name: str, length: int | None = None) -> list[Any]:
    """Labels of rows: texts and numbers."""
    items = array(value, name, length)
    for item in items:
        if not isinstance(item, str | int | float):
            raise _wrong(name, "texts and numbers", item)
    return items


def reasons(value: Any, name: str) -> Iterator[tuple[Any, str]]:
    """Labels of rows with a text each."""
    for item in array(value, name):
        label, reason = array(item, name, length=2)
        labels([label], name)
        yield label, text(reason, name)


def _wrong(name: str, kind: str, value: Any) -> ValueError:
    return ValueError(f"{name} must be {kind}; got {abridged(value)}")
