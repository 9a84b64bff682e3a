"""One try of a piece of input, and how it ended."""

from __future__ import annotations

import linecache
import signal
import tempfile
import time
import traceback
import warnings
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Any, Literal

import numpy as np
import pandas as pd

import scalinglaws as sl

Outcome = Literal["answer", "refused", "foreign", "leak", "hang"]
LIMIT = 5.0  # seconds of processor time
_PACKAGE = str(Path(sl.__file__).parent)


@dataclass(frozen=True)
class Case:
    """A piece of input, in words, and what to do with it."""

    text: str
    act: Callable[[], object]


@dataclass(frozen=True)
class Trial:
    """How a case ended.

    Attributes
    ----------
    outcome : an answer, an error of the library, an exception or a warning of someone else's, or
        more than the time limit
    signature : kind of the error and the place in the library where it left it
    seconds : processor time
    """

    outcome: Outcome
    signature: str
    message: str
    seconds: float


class HangError(BaseException):
    """Raised in a case that goes on for too long; nothing that catches Exception stops it."""


def run(case: Case) -> Trial:
    """Try a case."""
    begin = time.process_time()
    outcome: Outcome = "answer"
    signature = message = ""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            with _limited(LIMIT):
                case.act()
        except HangError as error:
            outcome, signature, message = "hang", _place(error), "hang"
        except Exception as error:  # noqa: BLE001 - it is what is looked for
            own = is_own(error)
            outcome = "refused" if own else "foreign"
            signature = f"{type(error).__name__}{'' if own else ' at ' + _place(error)}"
            message = _first_line(str(error))
    leaks = [w for w in caught if not issubclass(w.category, sl.ScalingLawWarning)]
    if outcome in ("answer", "refused") and leaks:
        first = leaks[0]
        outcome, message = "leak", _first_line(str(first.message))
        where = f"{Path(first.filename).name}:{first.lineno}"
        signature = f"{first.category.__name__} at {where}"
    return Trial(outcome, signature, message, time.process_time() - begin)


def is_own(error: Exception) -> bool:
    """Whether an exception was raised by the library, or by the system about a file."""
    if isinstance(error, sl.ScalingLawError):
        return True
    if isinstance(error, OSError):
        return error.errno is not None or _raised_here(error)
    return isinstance(error, ValueError | TypeError | KeyError) and _raised_here(error)


def _raised_here(error: BaseException) -> bool:
    """Whether the innermost frame is a raise of the library's."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    if not last.filename.startswith(_PACKAGE):
        return False
    return linecache.getline(last.filename, last.lineno or 0).strip().startswith("raise ")


def _place(error: BaseException) -> str:
    """The innermost place of the library in a traceback."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename.startswith(_PACKAGE):
            return f"{Path(frame.filename).relative_to(_PACKAGE)}:{frame.name}"
    return "outside"


def _first_line(text: str) -> str:
    return text.partition("\n")[0][:160]


@contextmanager
def _limited(seconds: float) -> Iterator[None]:
    """Processor time counts, so that a busy machine makes no hangs."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise HangError

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        signal.signal(signal.SIGPROF, before)


# --- odd values --------------------------------------------------------------------------------


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


# --- cases by kind -----------------------------------------------------------------------------


KINDS = ("tables", "formulas", "files", "commands", "points", "plans")


def case_of(kind: str, seed: int, number: int) -> Case:
    """One case."""
    rng = np.random.default_rng([seed, zlib.crc32(kind.encode()), number])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        case: Case = import_module(f"benchmarks.fuzz.{kind}").case(rng)
    return case
