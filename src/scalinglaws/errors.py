"""What can go wrong: errors where there is no answer, warnings where one is doubtful."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

from scalinglaws.escaping import for_terminal

_PACKAGE_FOLDER = str(Path(__file__).parent)


class ScalingLawError(Exception):
    """Root of every error that this library raises on purpose."""

    def __str__(self) -> str:
        return for_terminal(super().__str__())


class FormulaError(ScalingLawError, ValueError):
    """A law's line of maths cannot be read; the message points at the place."""


class DataError(ScalingLawError, ValueError):
    """The table of runs cannot be fitted as it is."""


class FitError(ScalingLawError, RuntimeError):
    """No answer exists or none was found."""


class FileFormatError(ScalingLawError, ValueError):
    """A file is not a saved fit, or is newer than this version understands."""


class ScalingLawWarning(UserWarning):
    """Root of every warning of this library."""


class DataWarning(ScalingLawWarning):
    """Something about the table deserves a look before the fit is believed."""


class ConvergenceWarning(ScalingLawWarning):
    """The solver returned an answer that may not be the best one."""


class IdentifiabilityWarning(ScalingLawWarning):
    """These runs cannot determine, or hardly determine, some parameters."""


class LackOfFitWarning(ScalingLawWarning):
    """The law does not follow the runs as closely as repeated runs agree with each other."""


class ExtrapolationWarning(ScalingLawWarning):
    """A prediction lies far beyond the observed runs."""


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
