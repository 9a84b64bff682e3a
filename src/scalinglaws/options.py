"""Validation of options: names, numbers, levels and counts."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Literal

import numpy as np

from scalinglaws.numerals import abridged

ObjectiveName = Literal["squared", "huber", "absolute"]
ScaleName = Literal["log", "level"]
OBJECTIVES: tuple[ObjectiveName, ...] = ("squared", "huber", "absolute")
SCALES: tuple[ScaleName, ...] = ("log", "level")
# A level nearer to 0 or 1 has a quantile that rounds to zero, or one without a use.
_LEVEL_MARGIN = 1e-9


def is_number(value: object) -> bool:
    """Whether something is a number that float64 holds, NumPy's included and truth values not."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return False
    try:
        float(value)
    except OverflowError:
        return False
    return True


def check_level(level: object) -> None:
    """Refuse a confidence level that is none.

    Raises
    ------
    ValueError
        If `level` is not a number between 0 and 1.
    """
    low, high = _LEVEL_MARGIN, 1 - _LEVEL_MARGIN
    if not is_number(level) or not low <= level <= high:  # type: ignore[operator]
        raise ValueError(f"`confidence_level` must be between 0 and 1; got {abridged(level)}.")


_MOST_COUNTED = 10**9  # nothing that is counted here fits into memory beyond


def check_count(name: str, value: object, least: int = 1) -> None:
    """Refuse what is not a whole number, or too small; NumPy's whole numbers are some.

    Raises
    ------
    ValueError
        If `value` is none, or below `least`.
    """
    if is_number(value) and isinstance(value, Integral) and least <= int(value) <= _MOST_COUNTED:
        return
    what = "a positive whole number" if least == 1 else f"a whole number, {least} or more"
    raise ValueError(f"`{name}` must be {what}; got {abridged(value)}.")


def check_share(name: str, value: object, *, zero: bool = True) -> float:
    """A share: a number from 0 to below 1, such as a relative noise.

    Raises
    ------
    ValueError
        If `value` is none.
    """
    if is_number(value) and 0 <= value < 1 and (zero or value):  # type: ignore[operator]
        return float(value)  # type: ignore[arg-type]
    raise ValueError(f"`{name}` is a share such as 0.005; got {abridged(value)}.")


def generator_of(rng: object) -> np.random.Generator:
    """NumPy's generator of a seed, of None, or itself.

    Raises
    ------
    ValueError
        If `rng` is none of them.
    """
    try:
        return np.random.default_rng(rng)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise ValueError(
            "`rng` must be a seed (a whole number, 0 or more), a NumPy Generator or None; "
            f"got {abridged(rng)}."
        ) from error


def check_option(name: str, value: str, choices: Sequence[str]) -> None:
    """Refuse an option that does not exist, listing those that do.

    Raises
    ------
    ValueError
        If `value` is none of `choices`.
    """
    if isinstance(value, str) and value in choices:
        return
    near = difflib.get_close_matches(str(value), choices, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise ValueError(
        f"`{name}` must be {', '.join(map(repr, choices[:-1]))} or {choices[-1]!r}; "
        f"got {abridged(value)}.{hint}"
    )
