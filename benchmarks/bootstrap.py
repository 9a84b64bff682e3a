"""A thousand refits to resampled runs."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks import library
from benchmarks.cold_fit import LAW
from benchmarks.data import DELTA, chinchilla_runs
from benchmarks.harness import Options, Section, interleaved
from benchmarks.library import Task
from benchmarks.rival import Objective, Search
from benchmarks.rival_laws import chinchilla
from benchmarks.rivals import PUBLISHED, Rivals, installed

Floats = npt.NDArray[np.float64]

N_RESAMPLES = 1000
_ORDER = ("A", "alpha", "B", "beta", "E")


class _Sample:
    """A contender on a few replicates a round, the same ones for all."""

    def __init__(self, solve: Callable[[Rivals], Floats], rivals: Rivals, counts: Floats) -> None:
        self.solve, self.rivals, self.counts = solve, rivals, counts
        self.found: dict[int, Floats] = {}
        self._next = 0

    def __call__(self) -> None:
        k = self._next
        self._next += 1
        self.found[k] = self.solve(self.rivals.resampled(self.counts[k]))


def run(options: Options) -> Section:
    """The library's thousand against samples of the others."""
    table = chinchilla_runs(options.data)
    section = Section("Bootstrap")
    n_resamples = options.count(N_RESAMPLES, 100)
    sample = options.rounds or options.count(30, 3)
    rivals = Rivals.on(table)
    task = Task(LAW, {"N": table.N, "D": table.D}, table.y)
    fit = library.fit(table.frame, LAW, objective="huber", delta=DELTA)
    names = list(LAW.parameter_names)
    best = task.cold()
    warm = dict(zip(names, best.theta, strict=True))
    start = np.array([warm[name] for name in _ORDER])
    n = len(table.y)
    counts = np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), n_resamples).astype(float)
    replicates = np.arange(n_resamples)[:sample]

    contenders: dict[str, Callable[[], object]] = {
        "library, solver": lambda: task.refits(best.theta, counts)
    }
    if hasattr(fit, "bootstrap"):
        contenders["library, fit.bootstrap"] = lambda: _bootstrap(fit, n_resamples)
    else:
        section.notes.append("Fit.bootstrap does not exist; the solver is called directly.")
    samples = {
        "least_squares huber, exact Jacobian, warm": _Sample(
            lambda r: np.asarray(r.robust_least_squares(start).x), rivals, counts
        ),
        "BFGS, hand-written gradient, objective x 1e6, warm": _Sample(
            lambda r: r.bfgs(start), rivals, counts
        ),
    }
    if installed("autograd"):
        samples["BFGS, autograd, one published start (the literature)"] = _Sample(
            lambda r: r.autograd_bfgs(PUBLISHED), rivals, counts
        )
    else:
        section.notes.append("autograd is not installed: the literature's loop was not timed.")
    with warnings.catch_warnings(action="ignore"):
        for call in contenders.values():
            call()
        timings = interleaved({**contenders, **samples}, len(replicates), warm=False)

    theta = np.asarray(timings["library, solver"].result)
    ours = {k: np.array([theta[k][names.index(p)] for p in _ORDER]) for k in replicates}
    found = {"library, solver": ours, **{name: s.found for name, s in samples.items()}}
    values = {
        name: np.array([rivals.resampled(counts[k]).objective(x[k]) for k in replicates])
        for name, x in found.items()
    }
    lowest = np.min(list(values.values()), axis=0)
    count = {name: n_resamples if name in contenders else 1 for name in timings}
    wall = {name: t.median / count[name] for name, t in timings.items()}
    per_refit = {name: t.processor / count[name] for name, t in timings.items()}
    public = list(contenders)[-1]
    rows = [
        {"contender": name, "µs per refit": f"{wall[name] * 1e6:.4g}",
         "µs of the processor": f"{per_refit[name] * 1e6:.4g}",
         "min to max": timings[name].spread,
         "times the library": f"{per_refit[name] / per_refit[public]:.3g}",
         "worst excess": f"{(values[name] / lowest - 1).max():.1e}" if name in values else "",
         "median excess": f"{np.median(values[name] / lowest - 1):.1e}" if name in values else ""}
        for name in timings
    ]  # fmt: skip
    section.table(
        f"{table.note}; {n_resamples} refits of the library in each of {sample} rounds, one of "
        "each other contender, on the same resamples. Ratios are of processor "
        "times, excess is over the best of all.",
        rows,
    )
    decrements = _decrements(table.N, table.D, table.y, task.natural(theta), names, counts)
    section.at_most("a refit, processor time", per_refit[public] * 1e6, 50, " µs")
    section.at_most("largest relative Newton decrement of a replicate", decrements.max(), 1e-12)
    section.at_most("largest excess of the library", (values["library, solver"] / lowest - 1).max(),
                    1e-9)  # fmt: skip
    for name, factor in zip(samples, (30, 60, 500), strict=False):
        section.at_least(f"times faster than {name}", per_refit[name] / per_refit[public], factor)
    section.notes.append(
        "The decrement is what one more Newton step promises, relative to the objective, by "
        "derivatives that share no code with the library, for every replicate."
    )
    return section


def _bootstrap(fit: Any, n_resamples: int) -> object:
    return fit.bootstrap(n_resamples, rng=0)


def _decrements(
    n: Floats, d: Floats, y: Floats, natural: Floats, names: list[str], counts: Floats
) -> Floats:
    """Relative decrease that a further exact step promises, for each replicate."""
    found = []
    objective = Objective("huber", "log", DELTA)
    ranges = {p.name: (p.lower, p.upper) for p in LAW.parameters}
    for values, weights in zip(natural, counts, strict=True):
        k = np.repeat(np.arange(len(y)), weights.astype(int))
        law = chinchilla(n[k], d[k], ranges)
        x = law.coordinates(dict(zip(names, map(float, values), strict=True)))
        if x is None:
            found.append(np.nan)
            continue
        search = Search(law, y[k], "log")
        value, gradient, hessian, _ = (part[0] for part in search.derivatives(x[None], objective))
        free = ~((x <= law.lower) & (gradient > 0) | (x >= law.upper) & (gradient < 0))
        size = np.sqrt(np.maximum(np.abs(np.diag(hessian)), 1e-200))[free]
        g = gradient[free] / size
        h = hessian[np.ix_(free, free)] / np.outer(size, size)
        eigenvalues, vectors = np.linalg.eigh(h)
        along = vectors.T @ g
        found.append(0.5 * float((along**2 / np.maximum(np.abs(eigenvalues), 1e-14)).sum() / value))
    return np.asarray(np.nan_to_num(np.array(found), nan=np.inf))
