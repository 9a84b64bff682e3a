"""Numbers and sentences of pictures: shares, errors, and how far runs lie from a law."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from scalinglaws.arrays import FloatArray
from scalinglaws.errors import DataError, no_warnings
from scalinglaws.fitting.diagnostics.checks import Status
from scalinglaws.fitting.record import FitRecord
from scalinglaws.fitting.result import Fit
from scalinglaws.numerals import format_error, format_level, format_plain, format_to, plural

_LONGEST_LABEL = 24
_DOUBTS = {Status.LACK_OF_FIT: ": lack of fit", Status.NOT_CONVERGED: ": not converged"}


def two_digits(value: float) -> str:
    """A number in two digits, written out: 1.8, 450; with the true minus sign."""
    return f"{'−' if value < 0 else ''}{format_error(abs(value))}"


def percent(share: float) -> str:
    """A share in per cent, with the true minus sign: 2.3 %."""
    return f"{two_digits(100 * share)} %"


def signed_percent(share: float) -> str:
    """The same with its sign: +2.3 %."""
    return f"{'+' if share > 0 else ''}{percent(share)}"


def with_interval(estimate: float, low: float, high: float, level: float) -> str:
    """An estimate with its interval: 1.87 (90 %: 1.77 to 1.97)."""
    half = (high - low) / 2
    if not np.isfinite(half):
        return format_plain(estimate, 3)
    ends = " to ".join(format_to(end, half) for end in (low, high))
    return f"{format_to(estimate, half)} ({format_level(level)}: {ends})"


def law_words(fit: FitRecord) -> str:
    """A law in a sentence: by its name, if it has a short one."""
    named = fit.law.name and len(fit.law.label) <= _LONGEST_LABEL
    return f"the {fit.law.label} law" if named else "the law"


def fit_sentence(fit: FitRecord, n: int) -> str:
    """How near so many runs of a fit are to the law."""
    if not np.isfinite(fit.noise):
        return f"{plural(n, 'run')} and {law_words(fit)}"
    noise = percent(np.expm1(fit.noise)) if fit.scale == "log" else format_plain(fit.noise, 2)
    status = fit.status if isinstance(fit, Fit) else Status.CONVERGED
    return f"{plural(n, 'run')} scatter by {noise} around {law_words(fit)}{_DOUBTS.get(status, '')}"


def run_sentence(fit: FitRecord, place: int) -> str:
    """How far one of the runs lies from the law."""
    return _aside(float(fit.runs.y[place] / fit.fitted.to_numpy()[place]) - 1.0, "the law")


def _aside(share: float, what: str) -> str:
    return f"{percent(abs(share))} {'above' if share > 0 else 'below'} {what}"


# --- held-out runs ---------------------------------------------------------------------------


def target_column(fit: FitRecord, targets: pd.DataFrame, variable: str) -> FloatArray:
    """A variable of a table of held-out runs, under the table's name or the law's.

    Raises
    ------
    DataError
        If it has neither.
    """
    name = fit.runs.columns[variable]
    name = name if name in targets.columns else variable
    if name not in targets.columns:
        raise DataError(f"`targets` has no column {name!r} for {variable}.")
    return targets[name].to_numpy(dtype=np.float64)


def reached(fit: FitRecord, targets: pd.DataFrame) -> FloatArray:
    """The performance of held-out runs.

    Raises
    ------
    DataError
        If the table has no such column.
    """
    if fit.runs.target not in targets.columns:
        raise DataError(f"`targets` has no column {fit.runs.target!r} for the performance.")
    return targets[fit.runs.target].to_numpy(dtype=np.float64)


def predicted(fit: FitRecord, targets: pd.DataFrame) -> FloatArray:
    """What the law predicts for held-out runs."""
    assert isinstance(fit, Fit)
    with no_warnings():  # the picture shows how far they are
        found: Any = fit.predict(targets)
    return np.asarray(found["estimate"], dtype=np.float64)


def held_out_note(fit: FitRecord, targets: pd.DataFrame) -> str:
    """How far held-out runs lie from their predictions."""
    miss = reached(fit, targets) / predicted(fit, targets) - 1.0
    if len(miss) == 1:
        return f"kept out of the fit:\n{_aside(float(miss[0]), 'its curve')}"
    low, high = (signed_percent(float(m)) for m in (miss.min(), miss.max()))
    return f"kept out of the fit:\n{low[:-2]} to {high}\nfrom their curves"


def held_out_sentence(fit: FitRecord, targets: pd.DataFrame) -> str:
    """The largest miss, as a title."""
    miss = reached(fit, targets) / predicted(fit, targets) - 1.0
    worst = percent(float(np.abs(miss).max()))
    if len(miss) == 1:
        return f"The run kept out of the fit lies {worst} from its curve"
    return f"{len(miss)} runs kept out of the fit come within {worst} of their curves"
