"""NIST StRD nonlinear regression: digits of the certified values, against scipy."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import curve_fit, least_squares

import scalinglaws as sl
from benchmarks import library
from benchmarks.harness import Options, Section, duration, interleaved
from benchmarks.nist_problems import MODELS, NistProblem, exchanged, read_problem

Floats = npt.NDArray[np.float64]
Params = Mapping[str, float]

_WANTED, _WANTED_DEVIATIONS, _MOST = 6.0, 4.0, 11.0
_FAILED: Params = {}
_DEVIATIONS = (
    "Standard deviations are the classical ones that NIST certifies: s² (J'J)⁻¹ with "
    "s² = RSS/(n - p), J from `Law.gradient` at the library's estimates, and the residuals there "
    "in extended precision, since those of Lanczos1 drown in the rounding of float64."
)
_TERMS = (
    "curve_fit and least_squares (method lm) have a numerical Jacobian and tolerances of 1e-15. "
    "Exchangeable terms and free signs are arranged as certified, for all contenders alike."
)


def digits(found: Params, certified: Params) -> float:
    """Log relative error: digits that agree, of the worst parameter, at most 11."""
    if not found:
        return 0.0
    worst = max(abs(found[k] / v - 1) if v else abs(found[k]) for k, v in certified.items())
    if not np.isfinite(worst):
        return 0.0
    return float(np.clip(-np.log10(max(worst, 1e-300)), 0.0, _MOST))


def run(options: Options) -> Section:
    """All problems from both starts, and from none."""
    section = Section("NIST StRD")
    if options.data is None:
        section.notes.append("The files are absent: skipped.")
        return section
    names = list(MODELS)[:4] if options.quick else list(MODELS)
    rows = [_row(options.data / "nist_strd", name, options) for name in names]
    section.table("Digits of the certified parameters (of the worst one, at most 11).", [
        {k: f"{v:.1f}" if isinstance(v, float) else v for k, v in row.items()} for row in rows
    ])  # fmt: skip
    count = len(rows)
    for what, key in (("parameters", "library"), ("deviations", "deviations")):
        limit = _WANTED if what == "parameters" else _WANTED_DEVIATIONS
        for start in (1, 2):
            least = min(float(row[f"{key}, start {start}"]) for row in rows)
            section.at_least(f"fewest digits of {what}, start {start}", least, limit)
    for key in rows[0]:
        if key.startswith(("library", "curve_fit", "least_squares")):
            solved = sum(float(row[key]) >= _WANTED for row in rows)
            section.notes.append(f"{key}: {solved} of {count} to {_WANTED:g} digits.")
    section.notes += [
        _DEVIATIONS,
        _TERMS,
    ]
    return section


def _row(folder: Path, name: str, options: Options) -> dict[str, Any]:
    problem = read_problem(folder, name)
    contenders: dict[str, Callable[[], Params]] = {}
    for k in (0, 1):
        contenders[f"library, start {k + 1}"] = partial(_library, problem, problem.starts[k])
        contenders[f"curve_fit, start {k + 1}"] = partial(_curve_fit, problem, problem.starts[k])
        contenders[f"least_squares, start {k + 1}"] = partial(_lm, problem, problem.starts[k])
    contenders["library, no start"] = partial(_library, problem, None)
    with warnings.catch_warnings(action="ignore"):
        timings = interleaved(contenders, options.rounds or 1, warm=False)
    row: dict[str, Any] = {"problem": name}
    for key, timing in timings.items():
        best = _as_certified(problem, timing.result)
        row[key] = digits(best, problem.certified)
        if key.startswith("library, start"):
            row[key.replace("library", "deviations")] = _deviation_digits(problem, best)
    row["time of the library, start 1"] = duration(timings["library, start 1"].median)
    row["no start"] = duration(timings["library, no start"].median)
    return row


def _as_certified(problem: NistProblem, found: Params) -> Params:
    if not found:
        return found
    options = exchanged(problem.name, found)
    return max(options, key=lambda p: digits(p, problem.certified))


def _library(problem: NistProblem, start: Params | None) -> Params:
    try:
        fit = library.fit(
            problem.table, problem.law, objective="squared", scale="level", start=start
        )
    except sl.ScalingLawError:
        return _FAILED
    return dict(fit.values)


def _residuals(problem: NistProblem) -> Callable[[Floats], Floats]:
    names, y = problem.law.parameter_names, problem.table["y"].to_numpy()

    def residuals(x: Floats) -> Floats:
        value = problem.law.value(dict(zip(names, x, strict=True)), problem.table)
        return np.asarray(np.broadcast_to(value, y.shape) - y)

    return residuals


def _extended_residuals(problem: NistProblem, x: Floats) -> Floats:
    """Residuals in extended precision: those of Lanczos1 are 1e-13, near the rounding of y."""
    columns = {
        str(name): np.array([np.longdouble(repr(float(v))) for v in problem.table[name]])
        for name in problem.table
    }
    params = dict(zip(problem.law.parameter_names, x.astype(np.longdouble), strict=True))
    return np.asarray(problem.law.value(params, columns) - columns["y"], dtype=np.float64)


def _start(problem: NistProblem, start: Params) -> Floats:
    return np.array([start[name] for name in problem.law.parameter_names])


def _lm(problem: NistProblem, start: Params) -> Params:
    try:
        found = least_squares(
            _residuals(problem), _start(problem, start), method="lm", x_scale="jac",
            xtol=1e-15, ftol=1e-15, gtol=1e-15, max_nfev=100_000,
        )  # fmt: skip
    except ValueError:
        return _FAILED
    return dict(zip(problem.law.parameter_names, map(float, found.x), strict=True))


def _curve_fit(problem: NistProblem, start: Params) -> Params:
    residuals, y = _residuals(problem), problem.table["y"].to_numpy()
    try:
        found, _ = curve_fit(
            lambda _, *x: residuals(np.array(x)) + y, np.arange(len(y)), y,
            p0=_start(problem, start), maxfev=100_000, xtol=1e-15, ftol=1e-15,
        )  # fmt: skip
    except (RuntimeError, ValueError):
        return _FAILED
    return dict(zip(problem.law.parameter_names, map(float, found), strict=True))


def _deviation_digits(problem: NistProblem, found: Params) -> float:
    if not found:
        return 0.0
    names = problem.law.parameter_names
    x = np.array([found[name] for name in names])
    r = _extended_residuals(problem, x)
    jacobian = problem.law.gradient(found, problem.table)
    size = np.linalg.norm(jacobian, axis=0)
    try:
        root = np.linalg.inv(np.linalg.qr(jacobian / size, mode="r"))
    except np.linalg.LinAlgError:
        return 0.0
    deviations = np.linalg.norm(root, axis=1) / size * np.sqrt(r @ r / (len(r) - len(x)))
    return digits(dict(zip(names, map(float, deviations), strict=True)), problem.deviations)
