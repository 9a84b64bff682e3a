"""What stands against taking a fit at face value, in sentences about this very fit."""

from __future__ import annotations

import numpy as np
import pandas as pd

from scalinglaws.core.expression import names_in
from scalinglaws.core.parameter import Parameter
from scalinglaws.fitting.inference.record import Row
from scalinglaws.fitting.inference.status import Status, Verdict
from scalinglaws.fitting.solver.objective import is_constant, robust_scale
from scalinglaws.fitting.tables.blocks import places_where, spread_rows
from scalinglaws.fitting.tables.columns import listed_rows
from scalinglaws.fitting.verdicts.identifiability import combination_label
from scalinglaws.fitting.verdicts.lack_of_fit import compare_with_repeats
from scalinglaws.fitting.verdicts.measurement import Measurement
from scalinglaws.numerals import format_error, format_plain, format_to, listed, plural

# Share of a weak direction that a parameter must have to be named in its sentence.
_NAMED_SHARE = 0.3
_WRONG_WAY = 0.3  # rank correlation
# Residuals in units of the robust scale, and the share of the runs up to which they are a few.
_FAR_OFF, _MOST_FAR = 15.0, 0.1
_ROUNDING = 1e-14  # of residuals, relative to their magnitude


def verdicts(m: Measurement) -> list[Verdict]:
    """Everything that stands against taking the numbers at face value."""
    found: list[Verdict] = []
    if not m.found.converged:
        found.append(Verdict(Status.NOT_CONVERGED, _not_converged(m)))
    if m.aliased:
        found.append(Verdict(Status.NOT_IDENTIFIED, _not_identified(m)))
    if m.disputed:
        found.append(Verdict(Status.NOT_IDENTIFIED, _dispute(m)))
    if m.spread.dof <= 0:
        found.append(Verdict(Status.WEAKLY_IDENTIFIED, _no_freedom(m)))
    if m.found.n_starts >= 3 and m.found.n_agreeing < 2:
        found.append(Verdict(Status.STARTS_DISAGREE, _starts_disagree(m)))
    misfit = _misfit(m)
    if misfit:
        found.append(Verdict(Status.LACK_OF_FIT, misfit))
    outliers = _outliers(m)
    if outliers:
        found.append(Verdict(Status.OUTLIERS, outliers))
    found += [
        Verdict(Status.AT_BOUND, _bound_sentence(m, j))
        for j in range(len(m.names))
        if m.names[j] not in (*m.problem.fixed, *m.disputed) and (m.at_zero(j) or m.at_bound(j))
    ]
    if m.local.is_weak:
        found.append(Verdict(Status.WEAKLY_IDENTIFIED, _weak(m)))
    elif m.facts and not m.aliased and not m.disputed:
        found.append(Verdict(Status.WEAKLY_IDENTIFIED, _narrow_design(m)))
    faint = _faint_exponents(m)
    if faint:
        found.append(Verdict(Status.WEAKLY_IDENTIFIED, _faint(faint)))
    return found


def _narrow_design(m: Measurement) -> str:
    """A design that leaves a law identified on paper only."""
    return (
        f"{' '.join(m.facts)} What these variables do apart from each other is barely seen, "
        "and predictions off this line rest on the law alone. Runs off it would show it."
    )


def _faint_exponents(m: Measurement) -> list[Row]:
    """Exponents of a sum that cannot be told from zero: their terms might be constants."""
    if len(m.problem.law.separation.terms) < 2:
        return []
    rows = [m.row(j) for j, p in enumerate(m.parameters) if p.role == "exponent"]
    return [row for row in rows if abs(row.estimate) < 2 * row.std_error]


def _faint(rows: list[Row]) -> str:
    each = [
        f"{row.name} is {format_to(row.estimate, row.std_error)} with a standard error of "
        f"{format_error(row.std_error)}"
        for row in rows
    ]
    return (
        f"{listed(each)}: not distinguishable from 0. A law with fewer parameters, a value held "
        "with `fixed`, or runs over a wider range would make the others firmer."
    )


def _dispute(m: Measurement) -> str:
    names = [name for name in m.names if name in m.disputed]
    n_others = len(m.found.alternatives)
    why = f"{' '.join(m.facts)} " if m.facts else ""
    return (
        f"{why}These runs are fitted equally well in {plural(n_others, 'other way')}, which "
        "divide the law otherwise among "
        f"{listed(names)}: none of these can be told. Predictions where the fits differ have "
        "no finite interval."
    )


def _no_freedom(m: Measurement) -> str:
    return (
        f"{plural(m.table.n, 'run')} for {len(m.kept)} coefficients: the law passes "
        "through the runs, and nothing can be said of its uncertainty."
    )


def _not_converged(m: Measurement) -> str:
    return (
        f"One more step still promises {m.found.decrement:.1e} of the objective. Try a law "
        "with fewer parameters, or pass `bounds`."
    )


def _not_identified(m: Measurement) -> str:
    lost = [m.names[j] for j in m.aliased]
    if not set(m.aliased) <= set(m.structural):
        return _locally_aliased(m)
    shared = sorted({k for weights in m.aliased.values() for k in weights})
    together = [m.names[j] for j in sorted({*m.aliased, *shared})]
    logarithms = {p.name: p.positive for p in m.parameters}
    sums = [
        combination_label(m.names[k], {m.names[j]: w for j, w in m.partners(k).items()}, logarithms)
        for k in shared
    ]
    why = f"{' '.join(m.facts)} " if m.facts else ""
    text = f"{why}No value of {listed(together)} alone can be told from these runs"
    text += f"; only {listed(sums)} can." if sums else "."
    held = [f"{name} is held at {format_plain(m.natural[m.names.index(name)])}"
            for name in lost]  # fmt: skip
    return f"{text} By convention {listed(held)}."


def _locally_aliased(m: Measurement) -> str:
    """Dependence that only holds near the estimate: no fixed combination to name."""
    together = sorted({*m.aliased, *(k for w in m.aliased.values() for k in w)})
    why = f"{' '.join(m.facts)} " if m.facts else ""
    stopped = [f"{m.names[j]} at {format_plain(float(m.natural[j]))}" for j in m.aliased]
    return (
        f"{why}{listed([m.names[j] for j in together])} change the fitted values in the "
        f"same way, and cannot be told apart. The solver stopped with {listed(stopped)}."
    )


def _starts_disagree(m: Measurement) -> str:
    return (
        f"Of {m.found.n_starts} starting points only {m.found.n_agreeing} ended at the best "
        "minimum; a better one may exist. A law with fewer parameters, or `bounds`, would make "
        "the answer firmer."
    )


def _misfit(m: Measurement) -> str | None:
    """A sentence where repeated runs show that the law itself is off."""
    found = compare_with_repeats(m.table.repeats, m.residuals, m.problem.weights, len(m.kept))
    if found is None or not found.is_bad:
        return None
    if m.problem.scale == "log":
        scatter = f"{100 * found.around_law:.2g} %", f"{100 * found.between_repeats:.2g} %"
    else:
        scatter = format_plain(found.around_law, 2), format_plain(found.between_repeats, 2)
    return (
        f"Runs scatter by {scatter[0]} around the law, and repeated runs by {scatter[1]} among "
        f"themselves ({found.dof_repeats} degrees of freedom): the law is off, or the noise of "
        "other runs is larger. Look at fit.plot_residuals(), "
        "try another law, or leave out runs that it was not made for, such as the shortest; "
        "extrapolations of this fit are not to be trusted."
    )


def _outliers(m: Measurement) -> str | None:
    """Runs so far off that even a robust loss may follow them, where they sit at the edge."""
    residuals, weights = m.residuals, m.problem.weights
    if not is_constant(weights):  # each in units of its own noise
        residuals = residuals * np.sqrt(weights / weights.mean())
        weights = (weights > 0).astype(np.float64)
    scale = robust_scale(residuals, weights, len(m.kept))
    scale = max(scale, _ROUNDING * m.model.magnitude)
    far = places_where(m.table.n, lambda rows: np.abs(residuals[rows]) > _FAR_OFF * scale)
    if not len(far) or len(far) > _MOST_FAR * m.table.n or m.spread.dof <= 0:
        return None
    rows = listed_rows(m.table.index, far)
    return (
        f"Row{'s' if len(far) > 1 else ''} {rows}: more than {_FAR_OFF:g} times the typical "
        "scatter away. Look at them, and fit once without them: exponents that move much are not "
        "settled."
    )


def _bound_sentence(m: Measurement, j: int) -> str:
    parameter = m.parameters[j]
    value = format_plain(float(m.natural[j]))
    if parameter.role == "offset" and m.at_zero(j):
        high = m.row(j).high
        text = f"{parameter.name} is 0: these runs show no floor"
        level = f"{100 * m.confidence_level:g} %"
        text += f", or one of at most {format_plain(high, 2)} ({level})." if high < np.inf else "."
    elif m.at_zero(j):
        text = f"{parameter.name} is 0: these runs show no such term."
    else:
        text = f"{parameter.name} stopped at its bound {value}."
        if m.natural[j] != 0:  # the term is there
            return text + _facts_sentence(m)
    return text + _wrong_way(m, parameter) + _facts_sentence(m)


def _wrong_way(m: Measurement, parameter: Parameter) -> str:
    """Say so if the performance goes the other way than a decaying term can."""
    terms = m.problem.law.separation.terms
    rows = m.problem.law.rows_of(parameter.name, m.problem.columns)
    for term in terms:
        if parameter.symbol != term.coefficient and parameter.symbol not in names_in(term.rest):
            continue
        for variable in (v for v in names_in(term.rest) if v in m.table.values):
            some = np.arange(m.table.n)[rows]
            some = some[spread_rows(len(some))]
            values = m.table.values[variable][some]
            if np.ptp(values) == 0:
                continue
            ranks = pd.DataFrame({"x": values, "y": m.table.y[some]}).rank()
            trend = float(np.corrcoef(ranks["x"], ranks["y"])[0, 1])
            if trend > _WRONG_WAY:
                return (
                    f" {m.table.target} rises with {variable} (rank correlation "
                    f"{trend:+.2f}), which this term cannot follow: fit 1 - score or an "
                    "error, or a law such as 'power' whose exponents have either sign."
                )
    return ""


def _facts_sentence(m: Measurement) -> str:
    return f" {' '.join(m.facts)}" if m.facts else ""


def _weak(m: Measurement) -> str:
    weights = np.abs(m.local.weakest)
    involved = [m.names[j] for j in np.argsort(-weights) if weights[j] >= _NAMED_SHARE]
    why = f"{' '.join(m.facts)} " if m.facts else ""
    return (
        f"{why}{listed(involved)} trade off against each other (condition number "
        f"{format_error(m.local.condition)}): their effects together are known, "
        "each alone barely. Runs off this line would separate them."
    )
