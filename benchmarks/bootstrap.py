"""A thousand refits to resampled runs."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks import library
from benchmarks.cold_fit import LAW
from benchmarks.harness import DELTA, Options, Section, Table, chinchilla_runs, interleaved
from benchmarks.library import Task
from benchmarks.rival import Objective, Search
from benchmarks.rival_laws import chinchilla
from benchmarks.rivals import PUBLISHED, Rivals, installed

Floats = npt.NDArray[np.float64]

N_RESAMPLES = 1000
_WHOLE, _SOLVER = "library, fit.bootstrap", "library, the refits alone"


class _Sample:
    """A contender on one replicate a round, the same ones for all, drawn beforehand."""

    def __init__(
        self, solve: Callable[[Rivals], Floats], replicates: list[Rivals], wanted: float
    ) -> None:
        self.solve, self.replicates, self.wanted = solve, replicates, wanted
        self.found: dict[int, Floats] = {}

    def __call__(self) -> None:
        k = len(self.found)
        self.found[k] = self.solve(self.replicates[k])


def run(options: Options) -> Section:
    """The library's thousand against samples of the others, on the resamples that it drew."""
    table = chinchilla_runs(options.data)
    section = Section("Bootstrap")
    sample = options.rounds or options.count(30, 3)
    count = options.count(N_RESAMPLES, 100)
    rivals = Rivals.on(table)
    task = Task(LAW, {"N": table.N, "D": table.D}, table.y)
    fit = library.fit(table.frame, LAW, objective="huber", delta=DELTA)
    counts = library.drawn_counts(len(table.y), count)
    refitter = task.refitter(fit.theta)
    replicates = [rivals.resampled(c) for c in counts[:sample]]
    samples = _samples(replicates, _working(fit.values))
    ours: dict[str, Callable[[], object]] = {
        _WHOLE: lambda: fit.bootstrap(count, rng=0), _SOLVER: lambda: refitter.refit(counts)
    }  # fmt: skip
    with warnings.catch_warnings(action="ignore"):
        for call in ours.values():
            call()
        timings = interleaved({**ours, **samples}, sample, warm=False)

    # a refit that did not arrive is not among the draws: it counts as one with no answer
    draws = timings[_WHOLE].result.reindex(range(count))
    answers = draws[list(LAW.parameter_names)].to_dict("records")
    found = {_WHOLE: {k: _working(p) for k, p in enumerate(answers[:sample])}}
    solved = task.natural(timings[_SOLVER].result.theta[:sample])
    found[_SOLVER] = {
        k: _working(dict(zip(LAW.parameter_names, p, strict=True))) for k, p in enumerate(solved)
    }
    found |= {name: s.found for name, s in samples.items()}
    excess = _excess(replicates, found)
    per_refit = {name: t.processor / (count if name in ours else 1) for name, t in timings.items()}
    wall = {name: t.median / (count if name in ours else 1) for name, t in timings.items()}
    section.table(
        f"{table.note}; {count} refits of the library in each of {sample} rounds, one of each "
        "other contender, on the same resamples. Ratios are of processor times, excess is over "
        "the best of all.",
        [
            {"contender": name, "µs per refit": f"{wall[name] * 1e6:.4g}",
             "µs of the processor": f"{per_refit[name] * 1e6:.4g}",
             "min to max": timings[name].spread,
             "times the refits": f"{per_refit[name] / per_refit[_SOLVER]:.3g}",
             "times fit.bootstrap": f"{per_refit[name] / per_refit[_WHOLE]:.3g}",
             "worst excess": f"{excess[name].max():.1e}",
             "median excess": f"{np.median(excess[name]):.1e}"}
            for name in timings
        ],
    )  # fmt: skip
    decrements = _decrements(table, answers, counts)
    section.at_most("a refit in fit.bootstrap, processor time", per_refit[_WHOLE] * 1e6, 50, " µs")
    section.at_most("refits that did not arrive", draws.isna().any(axis=1).sum(), 0)
    section.at_most("largest relative Newton decrement of a refit", decrements.max(), 1e-12)
    section.at_most("largest excess of the library", excess[_WHOLE].max(), 1e-9)
    for name, s in samples.items():
        times = per_refit[name] / per_refit[_SOLVER]
        section.at_least(f"refits, times faster than {name}", times, s.wanted)
    section.notes.append(
        "The refits alone are Refitter.refit with weights drawn beforehand, as the others' "
        "resamples are; fit.bootstrap is the whole call, from the Fit to a table of draws, and "
        "draws them itself."
    )
    section.notes.append(
        "The decrement is what one more Newton step promises, relative to the objective, by "
        "derivatives that share no code with the library, for every refit of fit.bootstrap and "
        "with the weights that it drew."
    )
    if not installed("autograd"):
        section.notes.append("autograd is not installed: the literature's loop was not timed.")
    return section


def _samples(replicates: list[Rivals], start: Floats) -> dict[str, _Sample]:
    """The contenders, each with how many times slower it is to be."""
    every = {
        "least_squares huber, exact Jacobian, warm": _Sample(
            lambda r: np.asarray(r.robust_least_squares(start).x), replicates, 30
        ),
        "BFGS, hand-written gradient, objective x 1e6, warm": _Sample(
            lambda r: r.bfgs(start), replicates, 60
        ),
    }
    if installed("autograd"):
        every["BFGS, autograd, one published start (the literature)"] = _Sample(
            lambda r: r.autograd_bfgs(PUBLISHED), replicates, 500
        )
    return every


def _working(p: Mapping[str, float]) -> Floats:
    """Natural parameters as the literature works on them."""
    with np.errstate(divide="ignore"):
        return np.array([np.log(p["A"]), p["alpha"], np.log(p["B"]), p["beta"], np.log(p["E"])])


def _excess(
    replicates: list[Rivals], found: Mapping[str, Mapping[int, Floats]]
) -> dict[str, Floats]:
    """How far each contender is above the best of all, for each refit."""
    values = {
        name: np.array([r.objective(x[k]) for k, r in enumerate(replicates)])
        for name, x in found.items()
    }
    lowest = np.min(list(values.values()), axis=0)
    return {name: np.asarray(v / lowest - 1) for name, v in values.items()}


def _decrements(table: Table, answers: list[dict[str, Any]], counts: Floats) -> Floats:
    """Relative decrease that a further exact step promises, for each refit."""
    found = []
    objective = Objective("huber", "log", DELTA)
    ranges = {p.name: (p.lower, p.upper) for p in LAW.parameters}
    for values, weights in zip(answers, counts, strict=True):
        k = np.repeat(np.arange(len(table.y)), weights.astype(int))
        law = chinchilla(table.N[k], table.D[k], ranges)
        x = law.coordinates(values)
        if x is None:  # also where the refit did not arrive
            found.append(np.nan)
            continue
        search = Search(law, table.y[k], "log")
        value, gradient, hessian, _ = (part[0] for part in search.derivatives(x[None], objective))
        free = ~((x <= law.lower) & (gradient > 0) | (x >= law.upper) & (gradient < 0))
        size = np.sqrt(np.maximum(np.abs(np.diag(hessian)), 1e-200))[free]
        g = gradient[free] / size
        h = hessian[np.ix_(free, free)] / np.outer(size, size)
        eigenvalues, vectors = np.linalg.eigh(h)
        along = vectors.T @ g
        found.append(0.5 * float((along**2 / np.maximum(np.abs(eigenvalues), 1e-14)).sum() / value))
    return np.asarray(np.nan_to_num(np.array(found), nan=np.inf))
