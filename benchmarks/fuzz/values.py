"""Odd values that every kind of case draws from."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

TEXTS = (
    "", " ", "x", "$\\frac{$", "a$b$c", "_", "\x1b[31m", "a\nb", "<b>", "\\", "{}", "α", "Ν",
    "nan", "7B", "2,390", "2,39", "1e999", "0x10", "9" * 400, "N" * 300, "\ud800", "c4 ", "C4",
)  # fmt: skip
NUMBERS = (
    0, 1, -1, 0.5, 1e-300, 5e-324, 1e300, -1e300, np.nan, np.inf, -np.inf, True, 10**400, 2**63,
    np.float32(1e10), np.int64(7), 1j, 1e9, 7e10, 0.3,
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    *TEXTS, *NUMBERS, None, pd.NA, pd.NaT, pd.Timestamp("2024"), b"7B", [1.0], {"a": 1}, (),
    np.array([1.0, 2.0]), object, float,
)  # fmt: skip


@cache
def scratch_folder() -> Path:
    """A folder for files of one run."""
    return Path(tempfile.mkdtemp(prefix="scalinglaws-fuzz-"))


def choice(rng: np.random.Generator, values: Sequence[Any]) -> Any:
    """One of some values as it is: NumPy's own choice would convert it."""
    return values[int(rng.integers(len(values)))]
