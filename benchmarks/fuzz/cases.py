"""The kinds of cases, each drawn from its seed and number alone."""

from __future__ import annotations

import warnings
import zlib
from importlib import import_module

import numpy as np

from benchmarks.fuzz.trial import Case

KINDS = ("tables", "formulas", "files", "commands", "points", "plans")


def case_of(kind: str, seed: int, number: int) -> Case:
    """One case."""
    rng = np.random.default_rng([seed, zlib.crc32(kind.encode()), number])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        case: Case = import_module(f"benchmarks.fuzz.{kind}").case(rng)
    return case
