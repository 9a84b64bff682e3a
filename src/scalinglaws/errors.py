"""Exceptions and warnings of the library."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scalinglaws.escaping import for_terminal

_PACKAGE_FOLDER = str(Path(__file__).parent)


class ScalingLawError(Exception):
    """Base class of the library's exceptions."""

    def __str__(self) -> str:
        return for_terminal(super().__str__())


class FormulaError(ScalingLawError, ValueError):
    """A law's line of maths cannot be parsed; the message shows the position."""


class DataError(ScalingLawError, ValueError):
    """The table of runs cannot be fitted without changes."""


class FitError(ScalingLawError, RuntimeError):
    """A fit or plan has no solution, or none could be computed."""


class FileFormatError(ScalingLawError, ValueError):
    """A file is not a saved fit, or was written by a newer version."""


class ScalingLawWarning(UserWarning):
    """Base class of the library's warnings."""


class DataWarning(ScalingLawWarning):
    """The table has doubtful values; check them before using the fit."""


class ConvergenceWarning(ScalingLawWarning):
    """The solver returned an answer that may not be the best one."""


class IdentifiabilityWarning(ScalingLawWarning):
    """Some parameters are not identifiable, or only weakly."""


class LackOfFitWarning(ScalingLawWarning):
    """Lack of fit, or outliers: residuals are larger than noise explains."""


class ExtrapolationWarning(ScalingLawWarning):
    """A prediction lies far beyond the observed runs."""


@contextmanager
def no_warnings() -> Iterator[None]:
    """Without the library's warnings, where the result itself has what they say."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ScalingLawWarning)
        yield


def warn(message: str, category: type[ScalingLawWarning]) -> None:
    """Warn at the first line outside this package, where the user can act on it."""
    message = for_terminal(message)
    if sys.version_info >= (3, 12):
        warnings.warn(message, category, skip_file_prefixes=(_PACKAGE_FOLDER,), stacklevel=2)
        return
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE_FOLDER):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)
