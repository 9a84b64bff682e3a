"""A fit as data: coefficients, verdicts, the runs, and how it all came about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from scalinglaws.arrays import FloatArray
from scalinglaws.core.law import Law
from scalinglaws.fitting.inference.correlation import INDEPENDENT, Correlation
from scalinglaws.fitting.inference.noise import EQUAL, NoiseLaw
from scalinglaws.fitting.inference.status import Status, Verdict, most_serious
from scalinglaws.fitting.solver.model import to_natural
from scalinglaws.fitting.tables.blocks import row_blocks
from scalinglaws.fitting.tables.runs import RunTable
from scalinglaws.options import ObjectiveName, ScaleName


@dataclass(frozen=True)
class Row:
    """One line of the table of coefficients; NaN where nothing can be said, and `status` why."""

    name: str
    estimate: float
    std_error: float
    low: float
    high: float
    status: str


@dataclass(frozen=True)
class Evidence:
    """How sure the optimum is.

    Attributes
    ----------
    n_starts, n_agreeing, n_minima : int
        Starting points found from the table, how many ended at the reported minimum, and how many
        distinct minima were seen.
    decrement : float
        Relative decrease of the objective that one more step promises: the gradient, scaled.
    condition : float
        Condition number of the scaled Jacobian: how nearly the parameters trade off.
    curvature : float
        Smallest eigenvalue of the objective's Hessian, scaled to a unit diagonal; NaN where there
        is none, as with absolute deviations.
    """

    n_starts: int
    n_agreeing: int
    n_minima: int
    decrement: float
    condition: float
    curvature: float = np.nan


@dataclass(frozen=True, eq=False, repr=False)
class FitRecord:
    """Everything that a fit holds, and what follows from it without further ado.

    The attributes are described at `Fit`, which adds the verbs.
    """

    law: Law
    rows: tuple[Row, ...]
    combinations: tuple[Row, ...]
    verdicts: tuple[Verdict, ...]
    runs: RunTable
    method: str
    objective: ObjectiveName
    scale: ScaleName
    delta: float | None
    objective_value: float
    noise: float
    dof: int
    confidence_level: float
    interval_method: str
    seed: int | None
    evidence: Evidence
    fixed: Mapping[str, float]
    facts: tuple[str, ...]
    versions: Mapping[str, str]
    theta: FloatArray = field(repr=False)
    covariance: FloatArray = field(repr=False)
    null_space: FloatArray = field(repr=False)
    alternatives: FloatArray = field(repr=False)
    noise_law: NoiseLaw = EQUAL
    noise_told: bool = False
    correlation: Correlation = INDEPENDENT

    # --- coefficients ----------------------------------------------------------------------

    @property
    def status(self) -> Status:
        """The most serious verdict, or CONVERGED."""
        return most_serious(self.verdicts)

    @cached_property
    def params(self) -> pd.Series:
        """Estimates by parameter."""
        return pd.Series({row.name: row.estimate for row in self.rows}, name="estimate")

    @property
    def values(self) -> dict[str, float]:
        """A number for every parameter, also for those that have no effect here."""
        positive = np.array([p.positive for p in self.law.parameters])
        natural = to_natural(self.theta, positive)
        return dict(zip(self.law.parameter_names, map(float, natural), strict=True))

    @cached_property
    def table(self) -> pd.DataFrame:
        """Estimate, standard error, interval and status of each parameter."""
        return _as_frame(self.rows)

    @cached_property
    def identified(self) -> pd.DataFrame:
        """The combinations that are determined where single parameters are not."""
        return _as_frame(self.combinations)

    @property
    def n(self) -> int:
        """Number of runs fitted."""
        return self.runs.n

    @property
    def dropped(self) -> pd.Series:
        """Rows left out, with the reason."""
        labels, reasons = zip(*self.runs.dropped, strict=True) if self.runs.dropped else ((), ())
        return pd.Series(reasons, pd.Index(labels, tupleize_cols=False), object, "reason")

    # --- runs ------------------------------------------------------------------------------

    @cached_property
    def fitted(self) -> pd.Series:
        """The law at each run, on the input's index."""
        values = np.empty(self.n)
        for rows, fitted, _ in self.residual_blocks():
            values[rows] = fitted
        return pd.Series(values, index=self.runs.index, name="fitted", copy=False)

    @cached_property
    def residuals(self) -> pd.Series:
        """Observed minus fitted, on the input's index; of logarithms where these were fitted.

        A residual of 0.01 in logarithms is one per cent above the curve.
        """
        values = np.empty(self.n)
        for rows, _, residuals in self.residual_blocks():
            values[rows] = residuals
        return pd.Series(values, index=self.runs.index, name="residual", copy=False)

    def residual_blocks(self) -> Iterator[tuple[slice, FloatArray, FloatArray]]:
        """Rows, fitted values and residuals, block by block."""
        for rows in row_blocks(self.n):
            columns = {name: column[rows] for name, column in self.runs.inputs.items()}
            y = self.runs.y[rows]
            fitted = np.broadcast_to(self.law.value(self.values, columns), y.shape)
            yield rows, fitted, np.log(y / fitted) if self.scale == "log" else y - fitted


def _as_frame(rows: tuple[Row, ...]) -> pd.DataFrame:
    columns = ["estimate", "std_error", "low", "high", "status"]
    return pd.DataFrame(
        [[getattr(row, c) for c in columns] for row in rows],
        index=pd.Index([row.name for row in rows], name="parameter"),
        columns=columns,
    )
