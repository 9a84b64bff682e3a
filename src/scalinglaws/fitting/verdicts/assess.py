"""What an estimate is worth: intervals, what is identified, and the verdicts."""

from __future__ import annotations

from dataclasses import dataclass

from scalinglaws.arrays import FloatArray
from scalinglaws.fitting.inference.record import Row
from scalinglaws.fitting.inference.status import Verdict
from scalinglaws.fitting.inference.uncertainty import Spread
from scalinglaws.fitting.verdicts.judge import verdicts
from scalinglaws.fitting.verdicts.measurement import Measurement


@dataclass(frozen=True)
class Assessment:
    """Everything that a fit says beyond the estimates."""

    rows: tuple[Row, ...]
    combinations: tuple[Row, ...]
    verdicts: tuple[Verdict, ...]
    facts: tuple[str, ...]
    spread: Spread
    covariance: FloatArray
    interval_method: str
    seed: int | None
    null_space: FloatArray
    condition: float


def assess(measured: Measurement) -> Assessment:
    """Judge a measured estimate."""
    return Assessment(
        rows=tuple(measured.row(j) for j in range(len(measured.parameters))),
        combinations=tuple(measured.combinations()),
        verdicts=tuple(verdicts(measured)),
        facts=tuple(measured.facts),
        spread=measured.spread,
        covariance=measured.covariance,
        interval_method=measured.interval_method,
        seed=measured.seed,
        null_space=measured.null_space,
        condition=measured.local.condition,
    )
