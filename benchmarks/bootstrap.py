"""A thousand refits to resampled runs."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from benchmarks import library
from benchmarks.cold_fit import LAW
from benchmarks.data import DELTA, Table, chinchilla_runs
from benchmarks.harness import Options, Section, interleaved
from benchmarks.library import Task
from benchmarks.rival import Objective, Search
from benchmarks.rival_laws import chinchilla
from benchmarks.rivals import PUBLISHED, Rivals, installed

Floats = npt.NDArray[np.float64]

N_RESAMPLES = 1000


class _Sample:
    """A contender on a few replicates a round, the same ones for all."""

    def __init__(
        self, solve: Callable[[Rivals], Floats], rivals: Rivals, counts: Floats, wanted: float
    ) -> None:
        self.solve, self.rivals, self.counts, self.wanted = solve, rivals, counts, wanted
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
    sample = options.rounds or options.count(30, 3)
    rivals = Rivals.on(table)
    task = Task(LAW, {"N": table.N, "D": table.D}, table.y)
    fit = library.fit(table.frame, LAW, objective="huber", delta=DELTA)
    ours = library.bootstrap(task, fit, options.count(N_RESAMPLES, 100))
    samples = _samples(rivals, _working(fit.values), ours.counts)
    with warnings.catch_warnings(action="ignore"):
        ours.refit()
        timings = interleaved({ours.name: ours.refit, **samples}, sample, warm=False)

    natural = ours.natural(timings[ours.name].result)
    answers = [dict(zip(LAW.parameter_names, map(float, row), strict=True)) for row in natural]
    found = {ours.name: {k: _working(p) for k, p in enumerate(answers[:sample])}}
    found |= {name: s.found for name, s in samples.items()}
    replicates = [rivals.resampled(c) for c in ours.counts[:sample]]
    excess = _excess(replicates, found)
    per_refit = {name: t.processor for name, t in timings.items()}
    per_refit[ours.name] /= len(natural)
    wall = {name: t.median for name, t in timings.items()}
    wall[ours.name] /= len(natural)
    section.table(
        f"{table.note}; {len(natural)} refits of the library in each of {sample} rounds, one of "
        "each other contender, on the same resamples. Ratios are of processor times, excess is "
        "over the best of all.",
        [
            {"contender": name, "µs per refit": f"{wall[name] * 1e6:.4g}",
             "µs of the processor": f"{per_refit[name] * 1e6:.4g}",
             "min to max": timings[name].spread,
             "times the library": f"{per_refit[name] / per_refit[ours.name]:.3g}",
             "worst excess": f"{excess[name].max():.1e}",
             "median excess": f"{np.median(excess[name]):.1e}"}
            for name in timings
        ],
    )  # fmt: skip
    decrements = _decrements(table, answers, ours.counts)
    section.at_most("a refit, processor time", per_refit[ours.name] * 1e6, 50, " µs")
    section.at_most("largest relative Newton decrement of a replicate", decrements.max(), 1e-12)
    section.at_most("largest excess of the library", excess[ours.name].max(), 1e-9)
    for name, s in samples.items():
        section.at_least(
            f"times faster than {name}", per_refit[name] / per_refit[ours.name], s.wanted
        )
    section.notes.append(
        "The decrement is what one more Newton step promises, relative to the objective, by "
        "derivatives that share no code with the library, for every replicate."
    )
    if ours.name.endswith("solver"):
        section.notes.append("Fit.bootstrap does not say what it drew; the solver is called.")
    if not installed("autograd"):
        section.notes.append("autograd is not installed: the literature's loop was not timed.")
    return section


def _samples(rivals: Rivals, start: Floats, counts: Floats) -> dict[str, _Sample]:
    """The contenders, each with how many times slower it is to be."""
    every = {
        "least_squares huber, exact Jacobian, warm": _Sample(
            lambda r: np.asarray(r.robust_least_squares(start).x), rivals, counts, 30
        ),
        "BFGS, hand-written gradient, objective x 1e6, warm": _Sample(
            lambda r: r.bfgs(start), rivals, counts, 60
        ),
    }
    if installed("autograd"):
        every["BFGS, autograd, one published start (the literature)"] = _Sample(
            lambda r: r.autograd_bfgs(PUBLISHED), rivals, counts, 500
        )
    return every


def _working(p: Mapping[str, float]) -> Floats:
    """Natural parameters as the literature works on them."""
    with np.errstate(divide="ignore"):
        return np.array([np.log(p["A"]), p["alpha"], np.log(p["B"]), p["beta"], np.log(p["E"])])


def _excess(
    replicates: list[Rivals], found: Mapping[str, Mapping[int, Floats]]
) -> dict[str, Floats]:
    """How far each contender is above the best of all, for each replicate."""
    values = {
        name: np.array([r.objective(x[k]) for k, r in enumerate(replicates)])
        for name, x in found.items()
    }
    lowest = np.min(list(values.values()), axis=0)
    return {name: np.asarray(v / lowest - 1) for name, v in values.items()}


def _decrements(table: Table, answers: list[dict[str, float]], counts: Floats) -> Floats:
    """Relative decrease that a further exact step promises, for each replicate."""
    found = []
    objective = Objective("huber", "log", DELTA)
    ranges = {p.name: (p.lower, p.upper) for p in LAW.parameters}
    for values, weights in zip(answers, counts, strict=True):
        k = np.repeat(np.arange(len(table.y)), weights.astype(int))
        law = chinchilla(table.N[k], table.D[k], ranges)
        x = law.coordinates(values)
        if x is None:
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
