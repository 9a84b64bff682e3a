"""Verdicts on a fit, each with the sentence shown and the class of its warning."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from scalinglaws.errors import (
    ConvergenceWarning,
    DataWarning,
    IdentifiabilityWarning,
    LackOfFitWarning,
    ScalingLawWarning,
)


class Status(Enum):
    """Verdict on a fit, the most serious one first; the value is the sentence shown."""

    NOT_CONVERGED = "The solver did not reach an optimum; do not use these numbers."
    NOT_IDENTIFIED = "These runs cannot determine every parameter of this law."
    STARTS_DISAGREE = "Different starting points end in different minima; the best one is reported."
    FEW_CLUSTERS = "Too few independent runs to estimate the standard errors well."
    LACK_OF_FIT = "Lack of fit: runs scatter around the law more than repeated runs differ."
    GROUPS_DIFFER = "Runs differ between the values of a column that the law does not use."
    AT_BOUND = "A parameter is at the limit of its range."
    OUTLIERS = "A few runs are outliers and may distort the fit."
    WEAKLY_IDENTIFIED = "These runs barely determine some of the parameters."
    CONVERGED = "Converged: the optimum was reached, and no check found a problem."

    @property
    def good(self) -> bool:
        """No check failed."""
        return self is Status.CONVERGED

    @property
    def warning(self) -> type[ScalingLawWarning]:
        """Class of the warning that `fit` issues."""
        return _WARNINGS.get(self, IdentifiabilityWarning)

    def __str__(self) -> str:
        return self.value


_WARNINGS: dict[Status, type[ScalingLawWarning]] = {
    Status.NOT_CONVERGED: ConvergenceWarning,
    Status.STARTS_DISAGREE: ConvergenceWarning,
    Status.FEW_CLUSTERS: DataWarning,
    Status.LACK_OF_FIT: LackOfFitWarning,
    Status.GROUPS_DIFFER: LackOfFitWarning,
    Status.OUTLIERS: LackOfFitWarning,
}


@dataclass(frozen=True)
class Verdict:
    """Outcome of one check: its kind, and a sentence about this fit."""

    status: Status
    detail: str


def most_serious(verdicts: tuple[Verdict, ...]) -> Status:
    """The most serious of some verdicts, or CONVERGED."""
    present = {verdict.status for verdict in verdicts}
    return next((status for status in Status if status in present), Status.CONVERGED)
