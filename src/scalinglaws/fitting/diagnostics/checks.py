"""Verdicts on a fit, and the checks that give them.

A verdict explains in one or two sentences why the numbers of this fit are doubtful. Each check is
one function that yields verdicts, registered at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from scalinglaws.core.expression import names_in
from scalinglaws.errors import (
    ConvergenceWarning,
    DataWarning,
    IdentifiabilityWarning,
    LackOfFitWarning,
    ScalingLawWarning,
)
from scalinglaws.fitting.diagnostics.identifiability import combination_label
from scalinglaws.fitting.diagnostics.residual_tests import group_effects
from scalinglaws.fitting.diagnostics.scatter import FAR_OFF, compare_with_repeats, outliers
from scalinglaws.fitting.tables.chunks import spread_rows
from scalinglaws.fitting.tables.columns import listed_rows
from scalinglaws.numerals import format_error, format_level, format_plain, format_to, listed, plural

if TYPE_CHECKING:
    from scalinglaws.fitting.result import Fit

_NAMED_SHARE = 0.3  # of a weak direction that a parameter must have to be named
_WRONG_WAY = 0.3  # rank correlation
_FEW_SPARE = 3  # clusters beyond the parameters, below which standard errors are doubtful


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


Verdicts = Iterator[Verdict]


# --- checks --------------------------------------------------------------------------------------


def convergence(fit: Fit) -> Verdicts:
    """The search stopped before a minimum."""
    if not fit.converged:
        yield Verdict(
            Status.NOT_CONVERGED,
            f"{_limit(fit)}The predicted relative decrease of one more step is "
            f"{fit.evidence.decrement:.1e}. Try a law with fewer parameters, or pass `bounds`.",
        )


def _limit(fit: Fit) -> str:
    return "The search stopped at its limit of evaluations. " if fit.evidence.stopped else ""


def aliased_parameters(fit: Fit) -> Verdicts:
    """Parameters that are not separately identifiable."""
    if not fit.aliased:
        return
    everywhere = set(fit.aliased) <= set(fit.structural.aliased)
    text = _structural_sentence(fit) if everywhere else _local_sentence(fit)
    yield Verdict(Status.NOT_IDENTIFIED, text)


def _structural_sentence(fit: Fit) -> str:
    names = fit.law.parameter_names
    shared = sorted({k for weights in fit.aliased.values() for k in weights})
    together = [names[j] for j in sorted({*fit.aliased, *shared})]
    logarithms = {p.name: p.positive for p in fit.law.parameters}
    sums = [
        combination_label(
            names[k], {names[j]: w[k] for j, w in fit.aliased.items() if k in w}, logarithms
        )
        for k in shared
    ]
    if len(together) == 1:
        text = f"{_facts(fit)}Parameter {together[0]} is not identifiable"
    else:
        text = f"{_facts(fit)}Parameters {listed(together)} are not separately identifiable"
    text += f"; only {listed(sums)} can be estimated." if sums else "."
    fixed = [f"{names[j]} is fixed at {format_plain(float(fit.natural[j]))}" for j in fit.aliased]
    return f"{text} By convention, {listed(fixed)}."


def _local_sentence(fit: Fit) -> str:
    """Dependence that only holds near the estimate: no fixed combination to name."""
    names = fit.law.parameter_names
    together = sorted({*fit.aliased, *(k for w in fit.aliased.values() for k in w)})
    stopped = [f"{names[j]} at {format_plain(float(fit.natural[j]))}" for j in fit.aliased]
    return (
        f"{_facts(fit)}{listed([names[j] for j in together])} change the fitted values in the "
        f"same way, so they cannot be told apart. The solver stopped at {listed(stopped)}."
    )


def equally_good_fits(fit: Fit) -> Verdicts:
    """Other minima as low as the best one."""
    if fit.ambiguous:
        names = [name for name in fit.law.parameter_names if name in fit.ambiguous]
        yield Verdict(
            Status.NOT_IDENTIFIED,
            f"{_facts(fit)}{plural(len(fit.alternatives), 'other fit')} of these runs "
            f"{'is' if len(fit.alternatives) == 1 else 'are'} equally good, with other values of "
            f"{listed(names)}, which are therefore not identified. Predictions at which the fits "
            "differ have no finite interval.",
        )


def degrees_of_freedom(fit: Fit) -> Verdicts:
    """As many parameters as runs."""
    if fit.dof <= 0:
        yield Verdict(
            Status.WEAKLY_IDENTIFIED,
            f"{plural(fit.n, 'run')} for {len(fit.kept)} parameters: the law interpolates the "
            "runs, so standard errors cannot be estimated. Add runs, or fix parameters with "
            "`fixed`.",
        )


def starting_points(fit: Fit) -> Verdicts:
    """Only one start reached the best of several minima, or the best before the search stopped."""
    evidence = fit.evidence
    limit = _limit(fit) if fit.converged else ""  # otherwise it was said above
    several = evidence.n_minima > 1 or evidence.stopped
    if evidence.n_starts >= 3 and evidence.n_agreeing < 2 and several:
        yield Verdict(
            Status.STARTS_DISAGREE,
            f"{limit}Only {evidence.n_agreeing} of {evidence.n_starts} starting points ended at "
            "the best minimum, so a better one may exist. Try a law with fewer parameters, or pass "
            "`bounds`.",
        )


def clusters(fit: Fit) -> Verdicts:
    """Standard errors need more independent runs than parameters."""
    sandwich = fit.sandwich
    if (
        sandwich is None
        or not len(fit.runs.clusters)
        or sandwich.n_units >= sandwich.p + _FEW_SPARE
    ):
        return
    text = (
        f"The rows are checkpoints of {plural(sandwich.n_units, 'independent run')} (column "
        f"{fit.runs.cluster_column!r}), for {sandwich.p} parameters: "
    )
    if sandwich.n_units <= sandwich.p:
        text += (
            "the variation between runs cannot be estimated, so intervals are infinite. Add runs, "
            "fit a law with fewer parameters, or pass clusters=None if rows are independent."
        )
    else:
        text += "intervals may be too narrow. Add runs, or fit a law with fewer parameters."
    yield Verdict(Status.FEW_CLUSTERS, text)


def lack_of_fit(fit: Fit) -> Verdicts:
    """Repeated runs agree better with each other than with the law."""
    scatter = compare_with_repeats(
        fit.runs.repeats, fit.residuals.to_numpy(), fit.runs.weights, len(fit.kept)
    )
    if scatter is None or not scatter.is_bad:
        return
    if fit.scale == "log":
        around = f"{100 * scatter.around_law:.2g} %"
        between = f"{100 * scatter.between_repeats:.2g} %"
    else:
        around = format_plain(scatter.around_law, 2)
        between = format_plain(scatter.between_repeats, 2)
    yield Verdict(
        Status.LACK_OF_FIT,
        f"Runs scatter by {around} around the law, and repeated runs by {between} among "
        f"themselves ({scatter.dof_repeats} degrees of freedom). The law has the wrong shape here, "
        "or other runs are noisier. Look at fit.plot_residuals(), try another law, or drop runs "
        "outside its scope, such as the shortest. Do not extrapolate this fit.",
    )


def differing_groups(fit: Fit) -> Verdicts:
    """A text column, such as a data set's name, explains a large part of the residuals."""
    for effect in group_effects(fit):
        yield Verdict(
            Status.GROUPS_DIFFER,
            f"Column {effect.column!r} ({effect.n_levels} values) explains "
            f"{100 * effect.share:.0f} % of the variance of the residuals. Fit each group by "
            f"itself, for example with sl.fit_each(runs, by={effect.column!r}), or give each a "
            f"parameter of its own, such as E[{effect.column}] in a formula.",
        )


def outlying_runs(fit: Fit) -> Verdicts:
    """A few runs far off the law."""
    far = outliers(fit)
    if len(far):
        yield Verdict(
            Status.OUTLIERS,
            f"Row{'s' if len(far) > 1 else ''} {listed_rows(fit.runs.index, far)}: residual more "
            f"than {FAR_OFF:g} times the typical scatter. Check these runs, and refit without them "
            "to see how much the parameters change.",
        )


def bounds(fit: Fit) -> Verdicts:
    """Parameters at the edge of their range."""
    for j, parameter in enumerate(fit.law.parameters):
        if fit.at_bound[j] and parameter.name not in fit.ambiguous:
            yield Verdict(Status.AT_BOUND, _bound_sentence(fit, j))


def _bound_sentence(fit: Fit, j: int) -> str:
    parameter = fit.law.parameters[j]
    facts = f" {_facts(fit)}".rstrip()
    if parameter.role == "offset" and fit.at_zero[j]:
        high = float(fit.table["high"].iloc[j])
        text = f"{parameter.name} is 0: these runs show no irreducible loss"
        level = format_level(fit.confidence_level)
        text += f", or one of at most {format_plain(high, 2)} ({level})." if high < np.inf else "."
    elif fit.at_zero[j]:
        text = f"{parameter.name} is 0: these runs show no such term."
    else:
        text = f"{parameter.name} stopped at its bound {format_plain(float(fit.natural[j]))}."
        if fit.natural[j] != 0:  # the term is there
            return text + facts
    return text + _wrong_way(fit, j) + facts


def _wrong_way(fit: Fit, j: int) -> str:
    """A sentence if the performance rises with a variable of a decaying term."""
    parameter = fit.law.parameters[j]
    rows = fit.law.rows_of(parameter.name, fit.problem.columns)
    for term in fit.law.separation.terms:
        if parameter.symbol != term.coefficient and parameter.symbol not in names_in(term.rest):
            continue
        for variable in (v for v in names_in(term.rest) if v in fit.runs.values):
            some = np.arange(fit.n)[rows]
            some = some[spread_rows(len(some))]
            values = fit.runs.values[variable][some]
            if np.ptp(values) == 0:
                continue
            ranks = pd.DataFrame({"x": values, "y": fit.runs.y[some]}).rank()
            correlation = float(np.corrcoef(ranks["x"], ranks["y"])[0, 1])
            if correlation > _WRONG_WAY:
                return (
                    f" {fit.runs.target} increases with {variable} (rank correlation "
                    f"{correlation:+.2f}), but this term can only decrease. Fit 1 - score or an "
                    "error, or use a law such as 'power' whose exponents have either sign."
                )
    return ""


def collinearity(fit: Fit) -> Verdicts:
    """Parameters that trade off, or a design in which they would."""
    if fit.local.is_weak:
        weights = np.abs(fit.local.weakest)
        names = fit.law.parameter_names
        involved = [names[j] for j in np.argsort(-weights) if weights[j] >= _NAMED_SHARE]
        yield Verdict(
            Status.WEAKLY_IDENTIFIED,
            f"{_facts(fit)}{listed(involved)} trade off against each other (condition number "
            f"{format_error(fit.local.condition)}): their joint effect is well determined, their "
            "separate effects barely. Add runs off this line to separate them.",
        )
    elif fit.facts and not fit.aliased and not fit.ambiguous:
        yield Verdict(
            Status.WEAKLY_IDENTIFIED,
            f"{_facts(fit)}The separate effects of these variables are barely identifiable, and "
            "predictions off this line depend on the law alone. Add runs off it.",
        )


def faint_exponents(fit: Fit) -> Verdicts:
    """Exponents of a sum that are not distinguishable from zero: the term may be a constant."""
    if len(fit.law.separation.terms) < 2:
        return
    estimates, errors = (fit.table[name].to_numpy() for name in ("estimate", "std_error"))
    each = [
        f"{parameter.name} is {format_to(value, error)} with a standard error of "
        f"{format_error(error)}"
        for parameter, value, error in zip(fit.law.parameters, estimates, errors, strict=True)
        if parameter.role == "exponent" and abs(value) < 2 * error
    ]
    if each:
        yield Verdict(
            Status.WEAKLY_IDENTIFIED,
            f"{listed(each)}: not distinguishable from 0. Use a law with fewer parameters, fix a "
            "value with `fixed`, or add runs over a wider range.",
        )


def _facts(fit: Fit) -> str:
    return f"{' '.join(fit.facts)} " if fit.facts else ""


# A new check is a function above and its name here.
CHECKS: tuple[Callable[[Fit], Verdicts], ...] = (
    convergence,
    aliased_parameters,
    equally_good_fits,
    degrees_of_freedom,
    starting_points,
    clusters,
    lack_of_fit,
    differing_groups,
    outlying_runs,
    bounds,
    collinearity,
    faint_exponents,
)


def run_checks(fit: Fit) -> tuple[Verdict, ...]:
    """All verdicts on a fit, in the order of the checks."""
    return tuple(verdict for check in CHECKS for verdict in check(fit))
