"""Fit a scaling law to a table of runs: `fit`."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from importlib import metadata
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from scalinglaws.core.law import Law
from scalinglaws.errors import FitError, warn
from scalinglaws.fitting.arguments import (
    check_bounds,
    check_count,
    check_fixed,
    check_options,
    check_start,
    choose_method,
    choose_objective,
    resolve_law,
)
from scalinglaws.fitting.diagnostics.identifiability import Aliasing, structural_aliasing
from scalinglaws.fitting.record import Evidence
from scalinglaws.fitting.result import Fit
from scalinglaws.fitting.search.compare_minima import smallest_curvature
from scalinglaws.fitting.search.global_search import estimate
from scalinglaws.fitting.search.large import estimate_large
from scalinglaws.fitting.solver.build_model import bind_problem
from scalinglaws.fitting.solver.linear_solve import solve_log_linear
from scalinglaws.fitting.solver.model import Model
from scalinglaws.fitting.solver.objective import Loss
from scalinglaws.fitting.solver.problem import Estimate, Problem
from scalinglaws.fitting.tables import columns as col
from scalinglaws.fitting.tables.runs import RunTable, read_table
from scalinglaws.options import ScaleName

_ROUNDING = 1e-15  # of residuals, relative to their magnitude


def fit(
    runs: Any,
    law: str | Law = "power",
    *,
    y: str | None = None,
    columns: Mapping[str, str] | None = None,
    method: Literal["auto", "log-linear", "nls"] = "auto",
    objective: Literal["auto", "squared", "huber", "absolute"] = "auto",
    delta: float | Literal["auto"] = "auto",
    scale: ScaleName = "log",
    weights: str | npt.ArrayLike | None = None,
    fixed: Mapping[str, float] | None = None,
    bounds: Mapping[str, tuple[float, float]] | None = None,
    start: Mapping[str, float] | None = None,
    tied: Mapping[str, str] | None = None,
    groups: Mapping[str, str] | None = None,
    clusters: str | None = "auto",
    missing: Literal["raise", "drop"] = "raise",
    units: Literal["check", "trust"] = "check",
    confidence_level: float = 0.95,
) -> Fit:
    """Fit a scaling law to a table of training runs.

    Parameters
    ----------
    runs : DataFrame, object with ``to_pandas()``, or mapping of columns
        One row per run. Numbers may be text such as "7B" or "1,000,000".
    law : str or Law, default "power"
        A name from the catalogue (``scalinglaws.laws``), one line of maths such as
        ``"loss ~ E + A/N**alpha"``, or a `Law`. In a line of maths, column names (and N, D, C) are
        variables; all other names are parameters. A name used twice is one parameter. A parameter
        with an index, as in ``"loss ~ E[data] + A/N**alpha"``, has one value for each value of
        that column, called ``E[c4]`` and so on.
    y : str, optional
        The performance column. The default is the name left of ``~`` in the law, or a column with
        a common name, such as "loss" or "eval_loss". Values must be positive; performance may
        increase or decrease with scale.
    columns : mapping of str to str, optional
        Map from the law's variables and indices to the table's columns, such as
        ``{"N": "params"}``. By default, columns are recognised by common names. For "power" and
        "power-floor" it also selects the variables: by default those of N, D and C in the table.
    method : {"auto", "log-linear", "nls"}
        "log-linear": closed-form least squares in logarithms, for a law that is one product of
        powers. "nls": nonlinear least squares, for every law. "auto" uses "log-linear" if it
        applies and no other objective, scale, bounds or start is given.
    objective : {"auto", "squared", "huber", "absolute"}
        Loss of the residuals. "auto" is "squared" for log-linear fits and "huber" for others.
    delta : float or "auto"
        Huber threshold, in the units of the residuals (1e-3 in Hoffmann et al. 2022). "auto" is
        1.345 times the robust scale of the residuals.
    scale : {"log", "level"}
        "log": residuals of the logarithm of the performance (relative errors). "level": residuals
        of the performance.
    weights : str or array, optional
        A column, or one number per run, that multiplies each run's loss; relative precisions.
    fixed : mapping of str to float, optional
        Values of parameters that are not estimated. In `fixed`, `bounds` and `start`, the name of
        an indexed parameter such as ``E`` means all its values, and ``E[c4]`` means one.
    bounds : mapping of str to (low, high), optional
        Ranges of parameters. By default, coefficients and offsets are positive, and the exponents
        of decaying terms are non-negative. A lower bound below zero removes that constraint.
    start : mapping of str to float, optional
        An additional starting point. None is needed: the library generates its starting points.
    tied : mapping of str to str, optional
        Parameters set equal to others, or to an expression of others: ``{"beta": "alpha"}``.
    groups : mapping of str to str, optional
        Parameters with one value per group, and the column that defines the groups.
        ``groups={"E": "data"}`` is the same as writing ``E[data]`` in the line of maths.
    clusters : str or None, default "auto"
        A column that names the run of each row. Rows of one run are not independent, so standard
        errors are then clustered by run; estimates stay the same. "auto" uses a column such as
        "run" or "run_id" if a run has several checkpoints. None treats all rows as independent.
    missing : {"raise", "drop"}
        What to do with runs that have missing, infinite or non-positive values.
    units : {"check", "trust"}
        Whether to reject a column whose values appear to mix two units.
    confidence_level : float, default 0.95
        Level of the intervals.

    Returns
    -------
    Fit
        Coefficients with intervals, verdict, residuals, predictions and plots.

    Raises
    ------
    DataError
        If the table cannot be fitted; the message names the rows and the problem.
    FormulaError
        If the law cannot be parsed.
    FitError
        If the fit has no solution.
    ValueError
        If an option is misspelt or contradicts another.

    Warns
    -----
    DataWarning, ConvergenceWarning, IdentifiabilityWarning, LackOfFitWarning
        If the fit is usable but doubtful; `Fit.status` has the same verdict.

    Examples
    --------
    >>> import scalinglaws as sl
    >>> runs = sl.datasets.ladder()
    >>> fit = sl.fit(runs[runs["D"] > 1.5e6], "kaplan")
    >>> fit.status.good
    True
    >>> list(fit.params.index)
    ['N_c', 'alpha_N', 'alpha_D', 'D_c']
    """
    check_options(method, objective, delta, scale, missing, units, confidence_level)
    frame = col.as_frame(runs)
    named = col.named_columns(columns)
    law = resolve_law(law, frame, named, y, tied, groups)
    table = read_table(
        frame, law, y=y, columns=named, weights=weights, missing=missing,
        scale=scale, units=units, clusters=clusters,
    )  # fmt: skip
    law = law.with_levels(table.levels)
    law = check_bounds(law, bounds)
    fixed_values = check_fixed(law, fixed)
    start = check_start(law, start)
    how = choose_method(law, method, objective, scale, bounds, start)
    chosen = choose_objective(how, objective)
    check_count(law, table, fixed_values)
    problem = Problem(
        law, table.inputs, table.y, table.weights, scale, chosen,
        None if delta == "auto" else float(delta), fixed_values, start,
    )  # fmt: skip
    return _fit_problem(problem, table, how, confidence_level)


# --- the fit itself -----------------------------------------------------------------------------


def _failed(problem: Problem, reason: object) -> FitError:
    return FitError(
        f"The search for the minimum of {problem.law.label!r} failed on these runs ({reason}): "
        "some values or coefficients differ by too many orders of magnitude. Narrow the "
        "ranges with `bounds`, or check the largest and smallest values of each column."
    )


def _fit_problem(problem: Problem, table: RunTable, method: str, confidence_level: float) -> Fit:
    model = bind_problem(problem)
    try:
        with np.errstate(all="ignore"):  # the search also tries values at which a law overflows
            aliases = structural_aliasing(problem, model)
            minimum = _minimise(problem, model, aliases, method)
    except np.linalg.LinAlgError as error:
        raise _failed(problem, error) from error
    if not np.isfinite(minimum.value):
        raise _failed(problem, "the sum over the runs overflows")
    fit = Fit(
        law=problem.law,
        runs=table,
        method=method,
        objective=problem.objective,
        scale=problem.scale,
        delta=minimum.delta,
        objective_value=minimum.value,
        fixed=dict(problem.fixed),
        confidence_level=confidence_level,
        evidence=Evidence(
            # starts of other terms may end there as well
            max(minimum.n_starts, minimum.n_agreeing), minimum.n_agreeing, minimum.n_minima,
            minimum.decrement, minimum.curvature, minimum.converged, minimum.stopped,
        ),
        theta=minimum.theta,
        free=minimum.free,
        alternatives=minimum.alternatives,
        versions=dict(installed_versions()),
    )  # fmt: skip
    fit.__dict__.update(model=model, structural=aliases)  # made once
    if fit.verdicts:
        details = " ".join(verdict.detail for verdict in fit.verdicts)
        warn(f"{fit.status.value} {details}", fit.status.warning)
    return fit


def _minimise(problem: Problem, model: Model, aliases: Aliasing, method: str) -> Estimate:
    """The estimate, in closed form or by search."""
    if method == "log-linear":
        return _closed_form(problem, model, aliases)
    names = problem.law.parameter_names
    # zero as an exponent, one as a coefficient: both are a working value of zero
    neutral = {names[j]: 1.0 if problem.positive[j] else 0.0 for j in aliases.aliased}
    search = estimate if model.is_one_block else estimate_large
    return search(replace(problem, fixed={**problem.fixed, **neutral}), model)


def _closed_form(problem: Problem, model: Model, aliases: Aliasing) -> Estimate:
    start = np.zeros(len(problem.law.parameters))
    for j, parameter in enumerate(problem.law.parameters):
        if parameter.name in problem.fixed:
            value = problem.fixed[parameter.name]
            start[j] = np.log(value) if parameter.positive else value
    estimated = np.array(aliases.kept, dtype=np.intp)
    theta = solve_log_linear(model, problem.weights, start, estimated)
    free = np.zeros(len(start), dtype=np.bool_)
    free[estimated] = True
    sums = model.sums(theta[None], problem.weights[None], Loss("squared"))
    value, gradient, hessian = float(sums.value[0]), sums.gradient[0, estimated], sums.hessian[0]
    step = np.linalg.lstsq(hessian[np.ix_(estimated, estimated)], gradient, rcond=None)[0]
    rounding = problem.weights.sum() * (_ROUNDING * model.magnitude) ** 2 + 1e-300
    return Estimate(
        theta, free, value, None, True, 1, 1, 1,
        decrement=abs(0.5 * float(gradient @ step)) / (value + rounding),
        alternatives=np.zeros((0, len(theta))),
        curvature=smallest_curvature(hessian, free),
    )  # fmt: skip


@cache
def installed_versions() -> Mapping[str, str]:
    """Versions of Python, this library and what it is built on."""
    packages = ("scalinglaws", "numpy", "scipy", "pandas")
    return {"python": platform.python_version(), **{p: metadata.version(p) for p in packages}}
