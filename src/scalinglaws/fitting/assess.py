"""What an estimate is worth: intervals, what is identified, and the verdicts."""

from __future__ import annotations

from dataclasses import dataclass

from scalinglaws.fitting.identifiability import Aliasing
from scalinglaws.fitting.measurement import Measurement
from scalinglaws.fitting.model import Model
from scalinglaws.fitting.objective import FloatArray
from scalinglaws.fitting.problem import Estimate, Problem
from scalinglaws.fitting.record import Row
from scalinglaws.fitting.runs import RunTable
from scalinglaws.fitting.status import Verdict
from scalinglaws.fitting.uncertainty import Spread
from scalinglaws.fitting.verdicts import verdicts


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


def assess(
    problem: Problem,
    model: Model,
    table: RunTable,
    found: Estimate,
    structural: Aliasing,
    method: str,
    confidence_level: float,
) -> Assessment:
    """Judge an estimate.

    Parameters
    ----------
    structural : Aliasing
        What the design already leaves open, whatever the values; those parameters were held.
    """
    measured = Measurement(problem, model, table, found, structural, method, confidence_level)
    return Assessment(
        rows=tuple(measured.row(j) for j in range(len(problem.law.parameters))),
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
