"""A law typed as a line of maths against code written by hand for that very law."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

import scalinglaws as sl
from benchmarks.data import DELTA
from benchmarks.hand_written import FORMULA, HandWritten, complex_step_errors
from benchmarks.harness import Options, Section, duration, interleaved
from benchmarks.library import Task, sums

Floats = npt.NDArray[np.float64]

LAW = sl.Law(FORMULA, variables=("N", "D", "S"))
TRUTH = {
    "E": 1.4, "A": 60.0, "alpha": 0.25, "B": 600.0, "beta": 0.3, "F": 12.0, "gamma": 0.35, "q": 0.6,
}  # fmt: skip
_RATIO = 2.0


def table(rows: int) -> tuple[dict[str, Floats], Floats]:
    """Runs in which sizes, durations and a third variable vary freely, with 0.2 % of noise."""
    rng = np.random.default_rng(rows)
    columns = {
        "N": 10 ** rng.uniform(7, 10, rows), "D": 10 ** rng.uniform(9, 12, rows),
        "S": 10 ** rng.uniform(3, 6, rows),
    }  # fmt: skip
    y = LAW.value(TRUTH, columns) * np.exp(0.002 * rng.standard_normal(rows))
    return columns, np.asarray(y)


def run(options: Options) -> Section:
    """Sums of a batch, a cold fit, a bootstrap and a large table, both ways."""
    section = Section("A law typed as a line of maths")
    columns, y = table(240)
    task = Task(LAW, columns, y, "huber", DELTA)
    hand = HandWritten(columns["N"], columns["D"], columns["S"], y)
    rounds = options.rounds or options.count(15, 3)
    best = task.cold()
    gradient_error, hessian_error = complex_step_errors(hand, best.theta)
    section.at_most("hand-written gradient against complex steps", gradient_error, 1e-10)
    section.at_most("hand-written Hessian against complex steps", hessian_error, 1e-10)

    rng = np.random.default_rng(0)
    n_batch = options.count(1000, 100)
    counts = rng.multinomial(240, np.full(240, 1 / 240), n_batch).astype(float)
    points = best.theta + 1e-3 * rng.standard_normal((n_batch, 8))
    model = task.bound()
    agreement = _agreement(sums(model, points, counts, DELTA), sums(hand, points, counts, DELTA))
    section.at_most("library's sums against the hand-written ones", agreement, 1e-10)

    n_large = options.count(1_000_000, 20_000)
    many, many_y = table(n_large)
    large = Task(LAW, many, many_y).bound()
    large_hand = HandWritten(many["N"], many["D"], many["S"], many_y)
    one, every = best.theta[None], np.ones((1, n_large))
    pairs: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
        f"objective, gradient, Hessian of {n_batch} replicates": (
            lambda: sums(model, points, counts, DELTA), lambda: sums(hand, points, counts, DELTA)
        ),
        "the same, once over a large table": (
            lambda: sums(large, one, every, DELTA), lambda: sums(large_hand, one, every, DELTA)
        ),
        f"{n_batch} bootstrap refits": (
            lambda: task.refits(best.theta, counts, model),
            lambda: task.refits(best.theta, counts, hand),
        ),
        "cold fit": (lambda: task.cold(model), lambda: task.cold(hand)),
    }  # fmt: skip
    rows = []
    for what, (library, by_hand) in pairs.items():
        few = rounds if what.startswith(("objective", "the same")) else max(3, rounds // 5)
        try:
            timings = interleaved({"library": library, "hand": by_hand}, few)
        except (AttributeError, TypeError) as error:
            section.notes.append(f"{what}: the solver does not take hand-written sums ({error}).")
            continue
        ours, theirs = timings["library"], timings["hand"]
        ratios = np.divide(ours.processor_times, theirs.processor_times)
        rows.append({
            "what": what, "library": duration(ours.median),
            "hand-written": duration(theirs.median), "ratio": f"{np.median(ratios):.2f}",
            "min to max": f"{ratios.min():.2f} to {ratios.max():.2f}",
        })  # fmt: skip
        section.at_most(f"{what}, ratio", float(np.median(ratios)), _RATIO)
    section.table(
        f"`{FORMULA}` on a synthetic table of 240 runs (the large one has {n_large:,}), Huber "
        "1e-3. Both sides use the library's solver; only objective, gradient and Hessian differ. "
        "Ratios are of processor times.",
        rows,
    )
    return section


def _agreement(ours: tuple[Floats, Floats, Floats], theirs: tuple[Floats, Floats, Floats]) -> float:
    """Largest relative difference of value, gradient and Hessian, in units of the curvature."""
    # one replicate may have no run in the quadratic part, and no curvature by it
    size = np.sqrt(np.abs(np.einsum("bii->bi", theirs[2])).max(axis=0))
    value = np.abs(ours[0] / theirs[0] - 1).max()
    typical = np.sqrt(theirs[0])[:, None]
    gradient = (np.abs(ours[1] - theirs[1]) / (size * typical)).max()
    hessian = (np.abs(ours[2] - theirs[2]) / np.outer(size, size)).max()
    return float(max(value, gradient, hessian))
