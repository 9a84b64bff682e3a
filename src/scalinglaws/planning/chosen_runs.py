"""The runs that were chosen, and what they buy."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd

from scalinglaws.numerals import format_compute, format_count, format_plain, plural

_WIDE = 0.5  # relative half-width from which on it is written as a factor


@dataclass(frozen=True, eq=False)
class NextRuns:
    """Runs to train, and what they buy; see :func:`scalinglaws.next_runs`.

    Attributes
    ----------
    runs : DataFrame
        One row for each run, the most telling first: ``N``, ``D``, ``C``, and ``sd_after``, the
        standard deviation of the answer's logarithm once it and those above are trained (for the
        question "law" ``sigma_after``, the standard deviations by which the laws will differ).
        Rows that agree in N and D are repeats with another seed.
    answer : DataFrame
        Rows "before" and "after": ``estimate``, ``low``, ``high``, ``half_width`` of the interval
        relative to its estimate, and ``sd``, the standard deviation of the answer's logarithm; for
        the question "law" ``sigma``. After the runs only the width is known: the new estimate may
        lie anywhere in the interval before them. The width allows for `model_error`, which the
        interval of a later fit does not.
    floor : float
        The part of ``sd`` that no run of these would take away if the law's own error is as large
        as `model_error`.
    question : str
    confidence_level : float
    note : str
    """

    runs: pd.DataFrame
    answer: pd.DataFrame
    floor: float
    question: str
    confidence_level: float
    note: str
    candidates: pd.DataFrame = field(repr=False)
    observed: pd.DataFrame = field(repr=False)

    def __repr__(self) -> str:
        spent = (
            f"after {plural(len(self.runs), 'run')} of "
            f"{format_compute(float(self.runs['C'].sum()))} FLOPs in all"
        )
        writers = {"N": format_count, "D": format_count, "C": format_compute}
        writers[self.runs.columns[-1]] = "{:.4f}".format
        shown = self.runs.assign(**{name: self.runs[name].map(w) for name, w in writers.items()})
        lines = [f"{self.sentence} {spent}", self.note, shown.to_string(index=False)]
        return "\n".join(filter(None, lines))

    @property
    def sentence(self) -> str:
        """What the runs buy, in words."""
        if "sigma" in self.answer:
            apart = float(self.answer["sigma"].iloc[-1])
            return f"{self.question}: {apart:.1f} standard deviations apart"
        write = format_count if self.question.startswith("N ") else format_plain
        low, high = (write(float(self.answer[end].iloc[0])) for end in ("low", "high"))
        before, after = (_within(float(half)) for half in self.answer["half_width"])
        return (
            f"{self.question}: {100 * self.confidence_level:g} % interval {low} to {high} now "
            f"({before}), {after} of the new estimate"
        )


def _within(half_width: float) -> str:
    if half_width < _WIDE:
        return f"within {100 * half_width:.2g} %"
    return f"within a factor of {1 + half_width:.2g}"
