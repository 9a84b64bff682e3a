"""What an estimate is worth: covariance, intervals, what is identified, and the verdicts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.stats import spearmanr

from scalinglaws.core.expression import names_in
from scalinglaws.core.law import Parameter
from scalinglaws.core.structure import separate
from scalinglaws.fitting import uncertainty
from scalinglaws.fitting.estimate import Estimate, Problem
from scalinglaws.fitting.identifiability import (
    Aliasing,
    aliasing,
    combination_label,
    design_facts,
)
from scalinglaws.fitting.lack_of_fit import compare_with_repeats
from scalinglaws.fitting.model import Model, term_shares, to_natural
from scalinglaws.fitting.objective import FloatArray, IntArray, Loss
from scalinglaws.fitting.record import Row
from scalinglaws.fitting.runs import RunTable
from scalinglaws.fitting.status import Status, Verdict
from scalinglaws.fitting.uncertainty import Spread, t_quantile
from scalinglaws.numerals import format_error, format_plain, format_to, listed, plural

# Share of a weak direction that a parameter must have to be named in its sentence.
_NAMED_SHARE = 0.3
_WRONG_WAY = 0.3  # rank correlation
BOOTSTRAP_SEED = 0


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
    assessor = _Assessor(problem, model, table, found, structural, method, confidence_level)
    return Assessment(
        rows=tuple(assessor.row(j) for j in range(len(problem.law.parameters))),
        combinations=tuple(assessor.combinations()),
        verdicts=tuple(assessor.verdicts()),
        facts=tuple(assessor.facts),
        spread=assessor.spread,
        covariance=assessor.covariance,
        interval_method=assessor.interval_method,
        null_space=assessor.null_space,
        condition=assessor.local.condition,
    )


class _Assessor:
    def __init__(
        self,
        problem: Problem,
        model: Model,
        table: RunTable,
        found: Estimate,
        structural: Aliasing,
        method: str,
        confidence_level: float,
    ) -> None:
        self.method = method
        self.problem, self.model, self.table, self.found = problem, model, table, found
        self.parameters = problem.law.parameters
        self.names = problem.law.parameter_names
        self.confidence_level = confidence_level
        self.natural = to_natural(found.theta, problem.positive)
        amplitudes = [p.is_amplitude for p in self.parameters]
        self.jacobian = np.nan_to_num(model.jacobian(found.theta))
        self.local = aliasing(self.jacobian, amplitudes, list(found.free))
        self.structural = structural.aliased
        self.aliased = {**structural.aliased, **self.local.aliased}
        self.disputed = self._disputed()
        self.facts = design_facts(table.values)

    # --- numbers -----------------------------------------------------------------------------

    @cached_property
    def kept(self) -> IntArray:
        """Parameters that were estimated and are determined, up to those aliased with them."""
        return np.array([j for j in self.local.kept if not self._at_bound(j)], dtype=np.intp)

    @cached_property
    def residuals(self) -> FloatArray:
        residuals: FloatArray = self.model.residuals(self.found.theta[None, :])[0]
        return residuals

    @cached_property
    def spread(self) -> Spread:
        return uncertainty.spread(self.residuals, self.problem.weights, len(self.kept))

    @cached_property
    def interval_method(self) -> str:
        if self.method == "log-linear":
            return uncertainty.EXACT
        smooth = self.problem.objective == "squared" or uncertainty.is_smooth(
            self.residuals, self.problem.weights, self.found.delta
        )
        if smooth:
            return uncertainty.SANDWICH
        return uncertainty.EQUAL_NOISE if self._bootstrap is None else uncertainty.BOOTSTRAP

    @cached_property
    def covariance(self) -> FloatArray:
        weights, theta = self.problem.weights, self.found.theta
        if self.spread.dof <= 0 or not len(self.kept):
            return np.zeros((len(theta), len(theta)))
        if self.interval_method == uncertainty.SANDWICH:
            return uncertainty.sandwich_covariance(
                self.model, theta, weights, self.kept, self._loss()
            )
        if self.interval_method == uncertainty.BOOTSTRAP:
            assert self._bootstrap is not None
            return self._bootstrap
        covariance = uncertainty.least_squares_covariance(
            self.jacobian, self.residuals, weights, self.kept
        )
        exact = self.interval_method == uncertainty.EXACT
        return covariance if exact else covariance * uncertainty.MEDIAN_VARIANCE

    @cached_property
    def _bootstrap(self) -> FloatArray | None:
        if self.spread.dof <= 0 or not len(self.kept):
            return None
        amplitude = np.array([p.positive and p.linear for p in self.parameters])
        return uncertainty.bootstrap_covariance(
            self.model, self.found.theta, self.problem.weights, self.kept, self._loss(),
            self.problem.bounds(), amplitude, np.random.default_rng(BOOTSTRAP_SEED),
        )  # fmt: skip

    def _loss(self) -> Loss:
        if self.problem.objective == "squared":
            return Loss("squared")
        # absolute deviations as the limit of Huber losses, smooth enough for a second-order step
        return Loss("huber", self.found.delta or 1e-2 * max(self.spread.run, 1e-300))

    @cached_property
    def null_space(self) -> FloatArray:
        basis = np.zeros((len(self.names), len(self.aliased)))
        for place, (j, weights) in enumerate(self.aliased.items()):
            basis[j, place] = 1.0
            for k, weight in weights.items():
                basis[k, place] = -weight
        return basis

    def _partners(self, k: int) -> dict[int, float]:
        """Aliased parameters that share the effect of parameter k, with their weights."""
        return {j: weights[k] for j, weights in self.aliased.items() if k in weights}

    # --- rows --------------------------------------------------------------------------------

    def row(self, j: int) -> Row:
        """One line of the table; a number only where these runs determine it."""
        parameter, value = self.parameters[j], float(self.natural[j])
        if parameter.name in self.problem.fixed:
            return self._bare(j, "fixed")
        if j in self.aliased:
            held = f"aliased: held at {format_plain(value)}"
            return self._bare(j, held if j in self.structural else "not identified")
        if self._at_zero(j):
            disputed = parameter.name in self.disputed
            return self._bare(j, "not identified" if disputed else "at its bound, 0")
        if not self.found.free[j]:
            return Row(parameter.name, np.nan, np.nan, np.nan, np.nan, "without effect")
        if self._at_bound(j):
            return self._bare(j, f"at its bound, {format_plain(value)}")
        if self._partners(j) or parameter.name in self.disputed:
            return self._bare(j, "not identified")
        error = float(np.sqrt(self.covariance[j, j]))
        std_error = value * error if parameter.positive else error
        if parameter.role == "offset" and parameter.positive:
            # the law is linear in a floor, whose logarithm runs off to minus infinity
            low, high = self._interval(False, value, std_error)
            low = max(low, 0.0)
        else:
            low, high = self._interval(parameter.positive, float(self.found.theta[j]), error)
        if self.spread.dof <= 0:
            return self._bare(j, "estimated")
        return Row(parameter.name, value, std_error, low, high, "estimated")

    def _bare(self, j: int, status: str) -> Row:
        return Row(self.names[j], float(self.natural[j]), np.nan, np.nan, np.nan, status)

    def _interval(self, logarithm: bool, centre: float, error: float) -> tuple[float, float]:
        half = t_quantile(self.confidence_level, self.spread.dof) * error
        low, high = centre - half, centre + half
        if not logarithm:
            return low, high
        with np.errstate(over="ignore"):
            return float(np.exp(low)), float(np.exp(high))

    def _at_zero(self, j: int) -> bool:
        return bool(self.parameters[j].positive and np.isneginf(self.found.theta[j]))

    def _at_bound(self, j: int) -> bool:
        low, high = self.problem.bounds()
        theta = self.found.theta[j]
        return bool(self.found.free[j] and (theta <= low[j] or theta >= high[j]))

    def combinations(self) -> list[Row]:
        """What is determined where single parameters are not."""
        logarithms = {p.name: p.positive for p in self.parameters}
        found = []
        for j in self.kept:
            mine = self._partners(int(j))
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
                w * float(self.found.theta[k]) for k, w in self._partners(int(j)).items()
            )
            error = float(np.sqrt(self.covariance[j, j]))
            low, high = self._interval(False, value, error)
            found.append(Row(label, value, error, low, high, "estimated"))
        return found

    # --- verdicts ----------------------------------------------------------------------------

    def verdicts(self) -> list[Verdict]:
        """Everything that stands against taking the numbers at face value."""
        found: list[Verdict] = []
        if not self.found.converged:
            found.append(Verdict(Status.NOT_CONVERGED, self._not_converged()))
        if self.aliased:
            found.append(Verdict(Status.NOT_IDENTIFIED, self._not_identified()))
        if self.disputed:
            found.append(Verdict(Status.NOT_IDENTIFIED, self._dispute()))
        if self.spread.dof <= 0:
            found.append(Verdict(Status.WEAKLY_IDENTIFIED, self._no_freedom()))
        if self.found.n_starts >= 3 and self.found.n_agreeing < 2:
            found.append(Verdict(Status.STARTS_DISAGREE, self._starts_disagree()))
        misfit = self._misfit()
        if misfit:
            found.append(Verdict(Status.LACK_OF_FIT, misfit))
        found += [
            Verdict(Status.AT_BOUND, self._bound_sentence(j))
            for j in range(len(self.names))
            if self.names[j] not in (*self.problem.fixed, *self.disputed)
            and (self._at_zero(j) or self._at_bound(j))
        ]
        if self.local.is_weak:
            found.append(Verdict(Status.WEAKLY_IDENTIFIED, self._weak()))
        elif self.facts and not self.aliased and not self.disputed:
            found.append(Verdict(Status.WEAKLY_IDENTIFIED, self._narrow_design()))
        faint = self._faint_exponents()
        if faint:
            found.append(Verdict(Status.WEAKLY_IDENTIFIED, self._faint(faint)))
        return found

    def _narrow_design(self) -> str:
        """A design that leaves a law identified on paper only."""
        return (
            f"{' '.join(self.facts)} What these variables do apart from each other is hardly seen, "
            "and predictions off this line rest on the law alone. Runs off it would show it."
        )

    def _faint_exponents(self) -> list[Row]:
        """Exponents of a sum that cannot be told from zero: their terms might be constants."""
        if len(separate(self.problem.law.parsed.expression, self.names).terms) < 2:
            return []
        rows = [self.row(j) for j, p in enumerate(self.parameters) if p.role == "exponent"]
        return [row for row in rows if abs(row.estimate) < 2 * row.std_error]

    def _faint(self, rows: list[Row]) -> str:
        each = [
            f"{row.name} is {format_to(row.estimate, row.std_error)} with a standard error of "
            f"{format_error(row.std_error)}"
            for row in rows
        ]
        return (
            f"{listed(each)}: not told from 0. A law with fewer parameters, a value held with "
            "`fixed`, or runs over a wider range would make the others firmer."
        )

    def _disputed(self) -> set[str]:
        """Parameters of terms that equally good fits divide otherwise."""
        shares = [
            term_shares(self.problem.law, self.table.values, natural)
            for natural in (self.natural, *self.found.alternatives)
        ]
        terms = separate(self.problem.law.parsed.expression, self.names).terms
        disputed: set[str] = set()
        for place, term in enumerate(terms):
            if all(np.abs(other[place] - shares[0][place]).max() <= 1e-4 for other in shares):
                continue
            own = [*names_in(term.rest), *names_in(term.power), term.coefficient]
            disputed.update(name for name in own if name in self.names)
        return disputed - set(self.problem.fixed)

    def _dispute(self) -> str:
        names = [name for name in self.names if name in self.disputed]
        n_others = len(self.found.alternatives)
        why = f"{' '.join(self.facts)} " if self.facts else ""
        return (
            f"{why}These runs are fitted equally well in {plural(n_others, 'other way')}, which "
            "divide the law otherwise among "
            f"{listed(names)}: none of these can be told. Predictions where the fits differ have "
            "no finite interval."
        )

    def _no_freedom(self) -> str:
        return (
            f"{plural(self.table.n, 'run')} for {len(self.kept)} coefficients: the law passes "
            "through the runs, and nothing can be said of its uncertainty."
        )

    def _not_converged(self) -> str:
        return (
            f"One more step still promises {self.found.decrement:.1e} of the objective. Try a law "
            "with fewer parameters, or pass `bounds`."
        )

    def _not_identified(self) -> str:
        lost = [self.names[j] for j in self.aliased]
        if not set(self.aliased) <= set(self.structural):
            return self._locally_aliased()
        shared = sorted({k for weights in self.aliased.values() for k in weights})
        together = [self.names[j] for j in sorted({*self.aliased, *shared})]
        logarithms = {p.name: p.positive for p in self.parameters}
        sums = [
            combination_label(
                self.names[k], {self.names[j]: w for j, w in self._partners(k).items()}, logarithms
            )
            for k in shared
        ]
        why = f"{' '.join(self.facts)} " if self.facts else ""
        text = f"{why}No value of {listed(together)} alone can be told from these runs"
        text += f"; only {listed(sums)} can." if sums else "."
        held = [f"{name} is held at {format_plain(self.natural[self.names.index(name)])}"
                for name in lost]  # fmt: skip
        return f"{text} By convention {listed(held)}."

    def _locally_aliased(self) -> str:
        """Dependence that only holds near the estimate: no fixed combination to name."""
        together = sorted({*self.aliased, *(k for w in self.aliased.values() for k in w)})
        why = f"{' '.join(self.facts)} " if self.facts else ""
        stopped = [
            f"{self.names[j]} at {format_plain(float(self.natural[j]))}" for j in self.aliased
        ]
        return (
            f"{why}{listed([self.names[j] for j in together])} change the fitted values in the "
            f"same way, and cannot be told apart. The solver stopped with {listed(stopped)}."
        )

    def _starts_disagree(self) -> str:
        return (
            f"Of {self.found.n_starts} starts only {self.found.n_agreeing} ended at the best of "
            f"{self.found.n_minima} minima; a better one may exist. A law with fewer parameters, "
            "or `bounds`, would make the answer firmer."
        )

    def _misfit(self) -> str | None:
        """A sentence where repeated runs show that the law itself is off."""
        variables = np.stack(list(self.table.values.values()), axis=1)
        found = compare_with_repeats(
            variables, self.residuals, self.problem.weights, len(self.kept)
        )
        if found is None or not found.is_bad:
            return None
        if self.problem.scale == "log":
            scatter = f"{100 * found.around_law:.2g} %", f"{100 * found.between_repeats:.2g} %"
        else:
            scatter = format_plain(found.around_law, 2), format_plain(found.between_repeats, 2)
        return (
            f"Runs scatter by {scatter[0]} around the law, and repeated runs by {scatter[1]} among "
            f"themselves ({found.dof_repeats} degrees of freedom): the law is off, or noise is "
            "larger elsewhere. Look at fit.plot_residuals(), "
            "try another law, or leave out runs that it was not made for, such as the shortest; "
            "extrapolations of this fit are not to be trusted."
        )

    def _bound_sentence(self, j: int) -> str:
        parameter = self.parameters[j]
        value = format_plain(float(self.natural[j]))
        if parameter.role == "offset" and self._at_zero(j):
            text = f"{parameter.name} is 0: these runs show no floor."
        elif self._at_zero(j):
            text = f"{parameter.name} is 0: these runs show no such term."
        else:
            text = f"{parameter.name} stopped at its bound {value}."
        return text + self._wrong_way(parameter) + self._facts_sentence()

    def _wrong_way(self, parameter: Parameter) -> str:
        """Say so if the performance goes the other way than a decaying term can."""
        terms = separate(self.problem.law.parsed.expression, self.names).terms
        for term in terms:
            if parameter.name != term.coefficient and parameter.name not in names_in(term.rest):
                continue
            for variable in (v for v in names_in(term.rest) if v in self.table.values):
                values = self.table.values[variable]
                if np.ptp(values) == 0:
                    continue
                trend = float(spearmanr(values, self.table.y).statistic)
                if trend > _WRONG_WAY:
                    return (
                        f" {self.table.target} rises with {variable} (rank correlation "
                        f"{trend:+.2f}), which this term cannot follow: fit 1 - score or an "
                        "error, or a law such as 'power' whose exponents have either sign."
                    )
        return ""

    def _facts_sentence(self) -> str:
        return f" {' '.join(self.facts)}" if self.facts else ""

    def _weak(self) -> str:
        weights = np.abs(self.local.weakest)
        involved = [self.names[j] for j in np.argsort(-weights) if weights[j] >= _NAMED_SHARE]
        why = f"{' '.join(self.facts)} " if self.facts else ""
        return (
            f"{why}{listed(involved)} trade off against each other (condition number "
            f"{format_error(self.local.condition)}): their sum of effects is known, each alone "
            "hardly. Runs off this line would separate them."
        )
