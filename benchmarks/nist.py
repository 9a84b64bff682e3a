"""NIST StRD nonlinear regression: digits of the certified values, against scipy."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import curve_fit, least_squares

import scalinglaws as sl
from benchmarks import library
from benchmarks.harness import Options, Section, duration, interleaved

_LANCZOS = "b1*exp(-b2*x) + b3*exp(-b4*x) + b5*exp(-b6*x)"
_GAUSS = "b1*exp(-b2*x) + b3*exp(-(x-b4)**2/b5**2) + b6*exp(-(x-b7)**2/b8**2)"
_CUBICS = "(b1 + b2*x + b3*x**2 + b4*x**3) / (1 + b5*x + b6*x**2 + b7*x**3)"
_PI = "3.141592653589793"
MODELS = {
    "Bennett5": "b1 * (b2+x)**(-1/b3)",
    "BoxBOD": "b1 * (1-exp(-b2*x))",
    "Chwirut1": "exp(-b1*x) / (b2+b3*x)",
    "Chwirut2": "exp(-b1*x) / (b2+b3*x)",
    "DanWood": "b1 * x**b2",
    "ENSO": (
        f"b1 + b2*cos(2*{_PI}*x/12) + b3*sin(2*{_PI}*x/12) + b5*cos(2*{_PI}*x/b4)"
        f" + b6*sin(2*{_PI}*x/b4) + b8*cos(2*{_PI}*x/b7) + b9*sin(2*{_PI}*x/b7)"
    ),
    "Eckerle4": "(b1/b2) * exp(-0.5*((x-b3)/b2)**2)",
    "Gauss1": _GAUSS,
    "Gauss2": _GAUSS,
    "Gauss3": _GAUSS,
    "Hahn1": _CUBICS,
    "Kirby2": "(b1 + b2*x + b3*x**2) / (1 + b4*x + b5*x**2)",
    "Lanczos1": _LANCZOS,
    "Lanczos2": _LANCZOS,
    "Lanczos3": _LANCZOS,
    "MGH09": "b1*(x**2+x*b2) / (x**2+x*b3+b4)",
    "MGH10": "b1 * exp(b2/(x+b3))",
    "MGH17": "b1 + b2*exp(-x*b4) + b3*exp(-x*b5)",
    "Misra1a": "b1 * (1-exp(-b2*x))",
    "Misra1b": "b1 * (1-(1+b2*x/2)**(-2))",
    "Misra1c": "b1 * (1-(1+2*b2*x)**(-0.5))",
    "Misra1d": "b1*b2*x * ((1+b2*x)**(-1))",
    "Nelson": "b1 - b2*x * exp(-b3*z)",  # the response is log(y)
    "Rat42": "b1 / (1+exp(b2-b3*x))",
    "Rat43": "b1 / ((1+exp(b2-b3*x))**(1/b4))",
    "Roszman1": f"b1 - b2*x - arctan(b3/(x-b4))/{_PI}",
    "Thurber": _CUBICS,
}


@dataclass(frozen=True)
class NistProblem:
    """A table, a law, two starts, certified values and their certified standard deviations."""

    name: str
    table: pd.DataFrame
    law: sl.Law
    starts: tuple[Mapping[str, float], Mapping[str, float]]
    certified: Mapping[str, float]
    deviations: Mapping[str, float]


def read_problem(folder: Path, name: str) -> NistProblem:
    """Read one of the files."""
    lines = (folder / f"{name}.dat").read_text(encoding="utf-8").splitlines()
    pairs = [line.split("=") for line in lines if re.match(r"\s+b\d+ =", line)]
    values = {key.strip(): [float(v) for v in text.split()] for key, text in pairs}
    first = max(k for k, line in enumerate(lines) if line.startswith("Data:"))
    rows = np.array(
        [[float(v) for v in line.split()] for line in lines[first + 1 :] if line.strip()]
    )
    table = pd.DataFrame(rows, columns=["y", "x", "z"][: rows.shape[1]])
    if name == "Nelson":
        table["y"] = np.log(table["y"])
    law = sl.Law(
        f"y ~ {MODELS[name]}",
        variables=[c for c in table.columns if c != "y"],
        bounds=dict.fromkeys(values, (-np.inf, np.inf)),
    )
    one, two, certified, deviations = (
        {key: numbers[k] for key, numbers in values.items()} for k in range(4)
    )
    return NistProblem(name, table, law, (one, two), certified, deviations)


def exchanged(name: str, params: Mapping[str, float]) -> list[dict[str, float]]:
    """The same curve in other names: exchangeable terms and free signs."""
    p = dict(params)
    if name.startswith("Lanczos"):
        pairs = [("b1", "b2"), ("b3", "b4"), ("b5", "b6")]
        orders = ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))
        return [
            {pairs[k][side]: p[pairs[j][side]] for k, j in enumerate(order) for side in (0, 1)}
            for order in orders
        ]
    if name.startswith("Gauss"):
        signs = [{**p, "b5": s * p["b5"], "b8": t * p["b8"]} for s in (1, -1) for t in (1, -1)]
        swap = {"b3": "b6", "b4": "b7", "b5": "b8", "b6": "b3", "b7": "b4", "b8": "b5"}
        return signs + [{k: q[swap.get(k, k)] for k in q} for q in signs]
    if name == "MGH17":
        swap = {"b2": "b3", "b3": "b2", "b4": "b5", "b5": "b4"}
        return [p, {k: p[swap.get(k, k)] for k in p}]
    if name == "Eckerle4":
        return [p, {**p, "b1": -p["b1"], "b2": -p["b2"]}]
    if name == "ENSO":
        swap = {"b4": "b7", "b5": "b8", "b6": "b9", "b7": "b4", "b8": "b5", "b9": "b6"}
        both = [p, {k: p[swap.get(k, k)] for k in p}]
        return both + [
            {**q, a: -q[a], b: -q[b]} for q in both for a, b in (("b4", "b6"), ("b7", "b9"))
        ]
    return [p]


# --- the study ---------------------------------------------------------------------------------


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
    unsolved = [row for row in rows if float(row["library, no start"]) < _WANTED]
    if unsolved:
        said = ", ".join(f"{row['problem']} ({row['verdict, no start']})" for row in unsolved)
        section.notes.append(f"Not solved without a start, and the verdict there: {said}.")
    confident = [row for row in unsolved if row["verdict, no start"] == "CONVERGED"]
    section.at_most("wrong without a start, and not said", len(confident), 0)
    section.notes += [_DEVIATIONS, _TERMS]
    return section


def _row(folder: Path, name: str, options: Options) -> dict[str, Any]:
    problem = read_problem(folder, name)
    contenders: dict[str, Callable[[], Params | sl.Fit | None]] = {}
    for k in (0, 1):
        contenders[f"library, start {k + 1}"] = partial(_library, problem, problem.starts[k])
        contenders[f"curve_fit, start {k + 1}"] = partial(_curve_fit, problem, problem.starts[k])
        contenders[f"least_squares, start {k + 1}"] = partial(_lm, problem, problem.starts[k])
    contenders["library, no start"] = partial(_library, problem, None)
    with warnings.catch_warnings(action="ignore"):
        timings = interleaved(contenders, options.rounds or 1, warm=False)
    row: dict[str, Any] = {"problem": name}
    for key, timing in timings.items():
        best = _as_certified(problem, _params(timing.result))
        row[key] = digits(best, problem.certified)
        if key.startswith("library, start"):
            row[key.replace("library", "deviations")] = _deviation_digits(problem, best)
    row["time of the library, start 1"] = duration(timings["library, start 1"].median)
    row["no start"] = duration(timings["library, no start"].median)
    row["verdict, no start"] = _verdict(timings["library, no start"].result)
    return row


def _params(result: Params | sl.Fit | None) -> Params:
    if result is None:
        return _FAILED
    return dict(result.values) if isinstance(result, sl.Fit) else result


def _verdict(fit: sl.Fit | None) -> str:
    return "no answer" if fit is None else fit.status.name


def _as_certified(problem: NistProblem, found: Params) -> Params:
    if not found:
        return found
    options = exchanged(problem.name, found)
    return max(options, key=lambda p: digits(p, problem.certified))


def _library(problem: NistProblem, start: Params | None) -> sl.Fit | None:
    try:
        return library.fit(
            problem.table, problem.law, objective="squared", scale="level", start=start
        )
    except sl.ScalingLawError:
        return None


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
