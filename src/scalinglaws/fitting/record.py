"""Base class of `Fit`: the estimate, the runs, and cached numerical results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
import pandas as pd

from scalinglaws.arrays import BoolArray, FloatArray, IntArray
from scalinglaws.core.expression import names_in
from scalinglaws.core.law import Law
from scalinglaws.fitting.diagnostics.identifiability import (
    Aliasing,
    aliasing,
    design_facts,
    null_space,
    structural_aliasing,
)
from scalinglaws.fitting.inference.covariance import Sandwich, residual_noise, sandwich
from scalinglaws.fitting.solver.build_model import OTHER_DIVISION, bind_problem, term_shares
from scalinglaws.fitting.solver.model import Model, to_natural
from scalinglaws.fitting.solver.objective import Loss, smooth_loss
from scalinglaws.fitting.solver.problem import Problem
from scalinglaws.fitting.tables import columns as col
from scalinglaws.fitting.tables.chunks import row_blocks, spread_rows
from scalinglaws.fitting.tables.related_rows import cluster_codes
from scalinglaws.fitting.tables.runs import RunTable
from scalinglaws.options import ObjectiveName, ScaleName, check_level

SANDWICH = "HC2 sandwich, Student t"
CLUSTERED = "CR2 sandwich, Student t"


@dataclass(frozen=True)
class Evidence:
    """Convergence of the search for the minimum.

    Attributes
    ----------
    n_starts, n_agreeing, n_minima : int
        Number of starting points, number that ended at the reported minimum, and number of
        distinct minima.
    decrement : float
        Predicted relative decrease of the objective for one more step: the scaled gradient.
    curvature : float
        Smallest eigenvalue of the objective's Hessian, scaled to a unit diagonal; NaN if undefined,
        as for least absolute deviations.
    converged : bool
        Whether the search reached a minimum.
    stopped : bool
        Whether the search ended at its limit of evaluations of the law.
    """

    n_starts: int
    n_agreeing: int
    n_minima: int
    decrement: float
    curvature: float = np.nan
    converged: bool = True
    stopped: bool = False


@dataclass(frozen=True, eq=False, repr=False)
class FitRecord:
    """The estimate, the runs, and the numerical results derived from them.

    `Fit` documents the fields and adds the user's methods. All other attributes are computed from
    the fields on first access, so that a loaded fit has them too.
    """

    law: Law
    runs: RunTable
    method: str
    objective: ObjectiveName
    scale: ScaleName
    delta: float | None
    objective_value: float
    fixed: Mapping[str, float]
    confidence_level: float
    evidence: Evidence
    theta: FloatArray = field(repr=False)
    free: BoolArray = field(repr=False)
    alternatives: FloatArray = field(repr=False)
    versions: Mapping[str, str] = field(default_factory=dict)

    def __getstate__(self) -> dict[str, Any]:
        """Fields, and the verdicts if there are any: a copy computes the rest again."""
        names = [f.name for f in fields(self)]
        return {name: value for name, value in vars(self).items() if name in (*names, "verdicts")}

    # --- the fitted law ----------------------------------------------------------------------

    @cached_property
    def problem(self) -> Problem:
        """The minimisation problem."""
        runs = self.runs
        return Problem(
            self.law, runs.inputs, runs.y, runs.weights, self.scale, self.objective, self.delta,
            self.fixed,
        )  # fmt: skip

    @cached_property
    def model(self) -> Model:
        """The law bound to the runs."""
        return bind_problem(self.problem)

    @cached_property
    def natural(self) -> FloatArray:
        """Estimates of all parameters, in the order of the law."""
        return to_natural(self.theta, self.problem.positive)

    @property
    def values(self) -> dict[str, float]:
        """Values of all parameters, including those without effect."""
        return dict(zip(self.law.parameter_names, map(float, self.natural), strict=True))

    @property
    def loss(self) -> Loss:
        """The minimised loss, smoothed where needed for a second-order step."""
        return smooth_loss(self.objective, self.delta, self.noise)

    @property
    def threshold(self) -> float:
        """Huber threshold; infinite for least squares, zero for absolute deviations."""
        if self.objective == "huber" and self.delta is not None:
            return self.delta
        return np.inf if self.objective == "squared" else 0.0

    @property
    def n(self) -> int:
        """Number of runs fitted."""
        return self.runs.n

    @property
    def converged(self) -> bool:
        """Whether the search reached a minimum."""
        return self.evidence.converged

    def level_or_default(self, confidence_level: float | None) -> float:
        """A confidence level, by default that of the fit."""
        if confidence_level is None:
            return self.confidence_level
        check_level(confidence_level)
        return confidence_level

    # --- residuals ---------------------------------------------------------------------------

    @cached_property
    def fitted(self) -> pd.Series:
        """The law at each run, on the input's index."""
        values = np.empty(self.n)
        for rows in row_blocks(self.n):
            columns = {name: column[rows] for name, column in self.runs.inputs.items()}
            values[rows] = self.law.value(self.values, columns)
        return pd.Series(values, index=self.runs.index, name="fitted", copy=False)

    @cached_property
    def residuals(self) -> pd.Series:
        """Observed minus fitted, on the input's index; of logarithms for ``scale="log"``.

        A residual of 0.01 in logarithms is one per cent above the curve.
        """
        values = -self.model.residuals(self.theta[None, :])[0]
        return pd.Series(values, index=self.runs.index, name="residual", copy=False)

    @cached_property
    def noise(self) -> float:
        """Standard deviation of a run around the curve, in the residuals' scale."""
        return residual_noise(self.residuals.to_numpy(), self.runs.weights, len(self.kept))

    @property
    def dof(self) -> int:
        """Runs with weight, less the estimated parameters."""
        return int(np.count_nonzero(self.runs.weights > 0)) - len(self.kept)

    # --- what is identified ------------------------------------------------------------------

    @cached_property
    def structural(self) -> Aliasing:
        """Parameters that are aliased for all values; they were fixed."""
        return structural_aliasing(self.problem, self.model)

    @cached_property
    def local(self) -> Aliasing:
        """Parameters that are aliased at the estimate."""
        amplitudes = [p.is_amplitude for p in self.law.parameters]
        moving = [bool(f) and j not in self.structural.aliased for j, f in enumerate(self.free)]
        return aliasing(self.model.columns(self.theta), amplitudes, moving)

    @cached_property
    def aliased(self) -> dict[int, Mapping[int, float]]:
        """Aliased parameters, with their weights on the others."""
        return {**self.structural.aliased, **self.local.aliased}

    @cached_property
    def facts(self) -> tuple[str, ...]:
        """Relations among N, D and C that hold in every run."""
        return tuple(design_facts(self.runs.values))

    @cached_property
    def null_space(self) -> FloatArray:
        """Directions that are not identified, shape (parameters, directions)."""
        return null_space(self.aliased, len(self.theta))

    @cached_property
    def ambiguous(self) -> frozenset[str]:
        """Parameters whose values differ between equally good fits."""
        if not len(self.alternatives):
            return frozenset()
        some = spread_rows(self.n)
        columns = {name: column[some] for name, column in self.problem.columns.items()}
        shares = [
            term_shares(self.law, columns, natural)
            for natural in (self.natural, *self.alternatives)
        ]
        ambiguous: set[str] = set()
        for place, term in enumerate(self.law.separation.terms):
            apart = np.array([np.abs(other[place] - shares[0][place]) for other in shares])
            rows = apart.max(axis=0) > OTHER_DIVISION
            if rows.any():
                names = [*names_in(term.rest), *names_in(term.power), term.coefficient or ""]
                ambiguous.update(self.law.names_at(names, self.problem.columns, rows))
        return frozenset(ambiguous - set(self.fixed))

    @cached_property
    def at_zero(self) -> BoolArray:
        """Coefficients of exactly zero."""
        return self.problem.positive & np.isneginf(self.theta)

    @cached_property
    def at_bound(self) -> BoolArray:
        """Parameters that stopped at a bound, zero included."""
        low, high = self.problem.bounds()
        stopped = self.free & ((self.theta <= low) | (self.theta >= high))
        is_fixed = np.array([name in self.fixed for name in self.law.parameter_names])
        return np.asarray((stopped | self.at_zero) & ~is_fixed)

    @cached_property
    def kept(self) -> IntArray:
        """Indices of the estimated parameters, without aliased ones."""
        return np.array([j for j in self.local.kept if not self.at_bound[j]], dtype=np.intp)

    @cached_property
    def estimated(self) -> BoolArray:
        """Parameters, or combinations named by them, that have a standard error."""
        mask = np.zeros(len(self.theta), dtype=np.bool_)
        if self.converged and self.dof > 0:
            mask[self.kept] = True
        return mask

    # --- covariance --------------------------------------------------------------------------

    @cached_property
    def sandwich(self) -> Sandwich | None:
        """Covariance of the estimated parameters; None if it cannot be estimated."""
        return self.sandwich_at(self.theta, self.kept) if self.estimated.any() else None

    def sandwich_at(self, theta: FloatArray, kept: IntArray) -> Sandwich:
        """Covariance of some parameters at other values."""
        clusters = self.runs.clusters if len(self.runs.clusters) else None
        return sandwich(self.model, theta, kept, self.runs.weights, self.threshold, clusters)

    @cached_property
    def covariance(self) -> FloatArray:
        """Of the working parameters; zero where a parameter was not estimated."""
        full = np.zeros((len(self.theta), len(self.theta)))
        if self.sandwich is not None:
            full[np.ix_(self.kept, self.kept)] = self.sandwich.covariance
        return full

    def clustered(self, column: str) -> Self:
        """The same fit with rows clustered by a column.

        Raises
        ------
        ValueError
            If the table is not available, as in a fit loaded from a file.
        DataError
            If the column does not name clusters.
        """
        source = self.runs.source
        if source is None:
            raise ValueError(
                "A fit from a file does not have the table's other columns: fit again with "
                f"clusters={column!r}."
            )
        codes = cluster_codes(source, col.require(source, column, "`clusters`"))
        return replace(self, runs=replace(self.runs, clusters=codes, cluster_column=column))

    @property
    def interval_method(self) -> str:
        """Method of the standard errors and intervals."""
        return CLUSTERED if len(self.runs.clusters) else SANDWICH
