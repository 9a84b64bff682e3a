"""How a fit can end. Each member's value is the sentence that a person reads."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Status(Enum):
    """Verdict on a fit, the most serious one first."""

    NOT_CONVERGED = "The solver did not reach an optimum; do not use these numbers."
    NOT_IDENTIFIED = "These runs cannot determine every parameter of this law."
    STARTS_DISAGREE = "Different starting points end in different minima; the best one is reported."
    LACK_OF_FIT = "The law misses these runs by more than repeated runs differ."
    AT_BOUND = "A parameter sits at the edge of its range."
    OUTLIERS = "A few runs lie far off the law, and may pull it."
    WEAKLY_IDENTIFIED = "These runs barely determine some of the parameters."
    CONVERGED = "Converged: the optimum was reached, and different starting points agree on it."

    @property
    def good(self) -> bool:
        """Nothing stands against using the fit."""
        return self is Status.CONVERGED

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True)
class Verdict:
    """One thing that was found: its kind, and a sentence about this very fit."""

    status: Status
    detail: str


def most_serious(verdicts: tuple[Verdict, ...]) -> Status:
    """The verdict to show first."""
    found = {verdict.status for verdict in verdicts}
    return next((status for status in Status if status in found), Status.CONVERGED)
