"""An estimate measured: noise, covariance, intervals, and what is identified."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from scalinglaws.arrays import FloatArray, IntArray
from scalinglaws.core.expression import names_in
from scalinglaws.fitting.inference import uncertainty
from scalinglaws.fitting.inference.adjusted import adjusted_ends
from scalinglaws.fitting.inference.influence import Influence
from scalinglaws.fitting.inference.noise import NoiseLaw
from scalinglaws.fitting.inference.profiler import Profiler
from scalinglaws.fitting.inference.quantity import parameter_quantity
from scalinglaws.fitting.inference.raised import raised, widened
from scalinglaws.fitting.inference.recall import influence_of
from scalinglaws.fitting.inference.record import Row
from scalinglaws.fitting.inference.uncertainty import Spread, t_quantile
from scalinglaws.fitting.solver.binding import OTHER_DIVISION, term_shares
from scalinglaws.fitting.solver.model import Model, to_natural
from scalinglaws.fitting.solver.objective import Loss, is_constant, smooth_loss
from scalinglaws.fitting.solver.problem import Estimate, Problem
from scalinglaws.fitting.solver.resampling import Refitter
from scalinglaws.fitting.tables.blocks import spread_rows
from scalinglaws.fitting.tables.runs import RunTable
from scalinglaws.fitting.verdicts.identifiability import (
    Aliasing,
    aliasing,
    combination_label,
    design_facts,
    null_space,
)
from scalinglaws.numerals import format_plain

SEED = 0  # of the resampling: the same table has the same intervals


class Measurement:
    """Everything that numbers say of an estimate; sentences are made of it in `verdicts`.

    Parameters
    ----------
    structural : Aliasing
        What the design leaves open whatever the values; those parameters were held.
    noise_law : NoiseLaw
        That has made the weights; with equal noise none has.
    noise_told : bool
        The user has said how the noise is.
    """

    def __init__(
        self,
        problem: Problem,
        model: Model,
        table: RunTable,
        found: Estimate,
        structural: Aliasing,
        method: str,
        confidence_level: float,
        noise_law: NoiseLaw,
        *,
        noise_told: bool,
    ) -> None:
        self.method, self.noise_law, self.noise_told = method, noise_law, noise_told
        self.problem, self.model, self.table, self.found = problem, model, table, found
        self.parameters = problem.law.parameters
        self.names = problem.law.parameter_names
        self.confidence_level = confidence_level
        self.natural = to_natural(found.theta, problem.positive)
        amplitudes = [p.is_amplitude for p in self.parameters]
        self.residuals: FloatArray = np.empty(model.n_rows)  # law minus observation
        self.columns = model.columns(found.theta, residuals=self.residuals)
        self.local = aliasing(self.columns, amplitudes, list(found.free))
        self.structural = structural.aliased
        self.aliased = {**structural.aliased, **self.local.aliased}
        self.disputed = self._disputed()
        self.facts = design_facts(table.values)

    # --- numbers -----------------------------------------------------------------------------

    @cached_property
    def kept(self) -> IntArray:
        """Parameters that were estimated and are determined, up to those aliased with them."""
        return np.array([j for j in self.local.kept if not self.at_bound(j)], dtype=np.intp)

    @cached_property
    def spread(self) -> Spread:
        """Noise of single runs around the fit."""
        return uncertainty.spread(self.residuals, self.problem.weights, len(self.kept))

    @cached_property
    def interval_method(self) -> str:
        """How the covariance is computed."""
        if not self.model.is_one_block:  # too many runs to resample, and enough for a Hessian
            return uncertainty.STREAMED
        if self.problem.objective == "squared" or uncertainty.is_smooth(
            self.residuals, self.problem.weights, self.found.delta
        ):
            if len(self.table.clusters):
                return uncertainty.CLUSTERED
            return uncertainty.WEIGHTED if self.noise_law.slope else uncertainty.ROBUST
        return uncertainty.EQUAL_NOISE if self._bootstrap is None else uncertainty.BOOTSTRAP

    @property
    def seed(self) -> int | None:
        """Seed of the resampling, where there is one."""
        return SEED if self.interval_method == uncertainty.BOOTSTRAP else None

    @cached_property
    def covariance(self) -> FloatArray:
        """Covariance of the working parameters."""
        weights, theta = self.problem.weights, self.found.theta
        if self.spread.dof <= 0 or not len(self.kept):
            return np.zeros((len(theta), len(theta)))
        if self.influence is not None:
            return uncertainty.spread_out(self.influence.covariance, self.kept, len(theta))
        if self.interval_method == uncertainty.STREAMED:
            absolute = self.problem.objective == "absolute"
            known = None if absolute or not self.found.minima else self.found.minima[0].hessian
            # the curvature of absolute deviations is the density of residuals around zero
            window = self.spread.run * self.table.n ** (-1 / 3)
            loss = Loss("huber", window) if absolute else self.loss
            return uncertainty.streamed_covariance(
                self.model, theta, weights, self.kept, loss, self._weighted_columns, known
            )
        if self.interval_method == uncertainty.BOOTSTRAP:
            assert self._bootstrap is not None
            return self._bootstrap
        covariance = uncertainty.least_squares_covariance(
            self._weighted_columns, self.residuals, weights, self.kept
        )
        return covariance * uncertainty.MEDIAN_VARIANCE

    @cached_property
    def influence(self) -> Influence | None:
        """What each run does to the estimate, where the covariance is made of it."""
        if self.interval_method not in uncertainty.SANDWICHES:
            return None
        return influence_of(
            self.problem, self.model, self.table, self.found.theta, self.kept, self.loss,
            self.noise_law, told=self.noise_told,
        )  # fmt: skip

    @cached_property
    def dof(self) -> FloatArray:
        """Degrees of freedom of the variance of each parameter."""
        found = np.full(len(self.names), float(self.spread.dof))
        if self.influence is not None and self.spread.dof > 0 and len(self.kept):
            found[self.kept] = self.influence.dof(np.eye(len(self.kept)))
        return found

    @cached_property
    def _weighted_columns(self) -> FloatArray:
        """The Jacobian times the roots of the weights; of a large table, its triangle."""
        weights = self.problem.weights
        if self.model.is_one_block:
            return self.columns * np.sqrt(weights)[:, None]
        if is_constant(weights):
            return np.asarray(self.columns * np.sqrt(weights[0]))
        return self.model.columns(self.found.theta, weights)

    @cached_property
    def _bootstrap(self) -> FloatArray | None:
        if self.spread.dof <= 0 or not len(self.kept):
            return None
        free = np.zeros(len(self.names), dtype=np.bool_)
        free[self.kept] = True
        refitter = Refitter(self.problem, self.model, self.loss, self.found.theta, free)
        return uncertainty.bootstrap_covariance(
            refitter, self.problem.weights, self.kept, np.random.default_rng(SEED)
        )

    @property
    def loss(self) -> Loss:
        """The loss as it was minimised, or smooth enough for a second-order step."""
        return smooth_loss(self.problem.objective, self.found.delta, self.spread.run)

    @cached_property
    def null_space(self) -> FloatArray:
        """Directions that these runs leave open."""
        return null_space(self.aliased, len(self.names))

    def partners(self, k: int) -> dict[int, float]:
        """Aliased parameters that share the effect of parameter k, with their weights."""
        return {j: weights[k] for j, weights in self.aliased.items() if k in weights}

    # --- rows --------------------------------------------------------------------------------

    def row(self, j: int) -> Row:
        """One line of the table; a number only where these runs determine it."""
        parameter, value = self.parameters[j], float(self.natural[j])
        if parameter.name in self.problem.fixed:
            return self._bare(j, "fixed")
        if not self.found.converged:
            return self._bare(j, "not converged")
        if j in self.aliased:
            held = f"aliased: held at {format_plain(value)}"
            return self._bare(j, held if j in self.structural else "not identified")
        if self.at_zero(j):
            disputed = parameter.name in self.disputed
            return self._bare(j, "not identified") if disputed else self._at_bound(j, "0")
        if not self.found.free[j]:
            return Row(parameter.name, np.nan, np.nan, np.nan, np.nan, "without effect")
        if self.at_bound(j):
            return self._at_bound(j, format_plain(value))
        if self.partners(j) or parameter.name in self.disputed:
            return self._bare(j, "not identified")
        error = float(np.sqrt(self.covariance[j, j]))
        std_error = value * error if parameter.positive else error
        if j in self._floor_ends:
            low, high = self._floor_ends[j]
        elif parameter.is_floor:
            # the law is linear in a floor, whose logarithm runs off to minus infinity
            half = self._half_width(j, std_error)
            low, high = max(value - half, 0.0), value + half
        else:
            low, high = self._interval(j, parameter.positive, float(self.found.theta[j]), error)
        if self.problem.law.limits == (parameter.lower, parameter.upper):
            # a level of the performance, such as a ceiling, is not where that cannot be
            low, high = max(low, parameter.lower), min(high, parameter.upper)
        if self.spread.dof <= 0:
            return self._bare(j, "estimated")
        return Row(parameter.name, value, std_error, low, high, "estimated")

    def _at_bound(self, j: int, bound: str) -> Row:
        """A floor at its bound has an interval on the other side of it, and no standard error."""
        low, high = self._floor_ends.get(j, (np.nan, np.nan))
        value = float(self.natural[j])
        return Row(self.names[j], value, np.nan, low, high, f"at its bound, {bound}")

    @cached_property
    def _floor_ends(self) -> dict[int, tuple[float, float]]:
        """Intervals of floors from their profiles; without those that have no end."""
        floors = [j for j, p in enumerate(self.parameters) if p.is_floor and self._is_free(j)]
        if self.influence is None:  # standard errors that a profile cannot be scaled to
            floors = [j for j in floors if self.at_zero(j)]
        if not floors or not self._can_profile:
            return {}
        asked = [parameter_quantity(self.problem.law, self.names[j]) for j in floors]
        found = adjusted_ends(
            self._profiler, self.influence, self.kept, asked, self.confidence_level
        )
        with np.errstate(over="ignore"):
            ends = zip(floors, np.exp(found).tolist(), strict=True)
        return {j: (low, high) for j, (low, high) in ends if not np.isnan([low, high]).any()}

    @property
    def _can_profile(self) -> bool:
        return self.model.is_one_block and self.spread.dof > 0 and len(self.kept) > 0

    @cached_property
    def _raised(self) -> FloatArray:
        """Parameters with a floor that sits at zero at its upper end; (floors, parameters)."""
        if not self._can_profile or not any(self.at_zero(j) for j in range(len(self.names))):
            return np.zeros((0, len(self.names)))
        return raised(
            self._profiler, self.influence, self.kept, self.problem.law, self.confidence_level
        )

    @cached_property
    def _profiler(self) -> Profiler:
        free = np.array([self._is_free(j) for j in range(len(self.names))])
        return Profiler(
            self.problem, self.model, self.loss, self.found.theta, free, self.spread.dof,
            null_space=self.null_space, alternatives=self.found.alternatives,
        )  # fmt: skip

    def _is_free(self, j: int) -> bool:
        """Estimated, at a bound or not."""
        name = self.names[j]
        at_zero = self.at_zero(j) and name not in (*self.problem.fixed, *self.disputed)
        return j in self.kept or at_zero or self.at_bound(j)

    def _bare(self, j: int, status: str) -> Row:
        return Row(self.names[j], float(self.natural[j]), np.nan, np.nan, np.nan, status)

    def _interval(
        self, j: int, logarithm: bool, centre: float, error: float
    ) -> tuple[float, float]:
        half = np.array([self._half_width(j, error)])
        below, above = widened(half, self._raised[:, [j]] - self.found.theta[j])
        low, high = float(centre - below[0]), float(centre + above[0])
        if not logarithm:
            return low, high
        with np.errstate(over="ignore"):
            return float(np.exp(low)), float(np.exp(high))

    def _half_width(self, j: int, error: float) -> float:
        return t_quantile(self.confidence_level, self.dof[j]) * error

    def at_zero(self, j: int) -> bool:
        """A coefficient of exactly zero."""
        return bool(self.parameters[j].positive and np.isneginf(self.found.theta[j]))

    def at_bound(self, j: int) -> bool:
        """Estimated, and stopped at a bound."""
        low, high = self.problem.bounds()
        theta = self.found.theta[j]
        return bool(self.found.free[j] and (theta <= low[j] or theta >= high[j]))

    def combinations(self) -> list[Row]:
        """What is determined where single parameters are not."""
        logarithms = {p.name: p.positive for p in self.parameters}
        found = []
        for j in self.kept:
            mine = self.partners(int(j))
            partners = {self.names[k]: w for k, w in mine.items()}
            # elsewhere the direction turns from point to point, and no one sum is determined
            if (
                not partners
                or not set(mine) <= set(self.structural)
                or self.names[j] in self.disputed
            ):
                continue
            label = combination_label(self.names[j], partners, logarithms)
            value = float(self.found.theta[j]) + sum(
                w * float(self.found.theta[k]) for k, w in mine.items()
            )
            error = float(np.sqrt(self.covariance[j, j]))
            low, high = self._interval(int(j), False, value, error)
            found.append(Row(label, value, error, low, high, "estimated"))
        return found

    def _disputed(self) -> set[str]:
        """Parameters of terms that equally good fits divide otherwise."""
        if not len(self.found.alternatives):
            return set()
        some = spread_rows(self.table.n)
        columns = {name: column[some] for name, column in self.problem.columns.items()}
        shares = [
            term_shares(self.problem.law, columns, natural)
            for natural in (self.natural, *self.found.alternatives)
        ]
        terms = self.problem.law.separation.terms
        disputed: set[str] = set()
        for place, term in enumerate(terms):
            apart = np.array([np.abs(other[place] - shares[0][place]) for other in shares])
            rows = apart.max(axis=0) > OTHER_DIVISION
            if rows.any():
                own = [*names_in(term.rest), *names_in(term.power), term.coefficient or ""]
                disputed.update(self.problem.law.names_at(own, self.problem.columns, rows))
        return disputed - set(self.problem.fixed)
