"""A law typed as a line of maths against code written by hand for that very law."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

import scalinglaws as sl
from benchmarks.harness import DELTA, Options, Section, duration, interleaved
from benchmarks.library import Task, sums
from scalinglaws.arrays import BUFFERS
from scalinglaws.fitting.solver.model import Model
from scalinglaws.fitting.solver.objective import Loss

Floats = npt.NDArray[np.float64]

FORMULA = "loss ~ (E + A/N**alpha + B/D**beta + F/S**gamma)**q"
_Q = 7
_COLUMNS = (slice(0, 1), slice(1, 3), slice(3, 5), slice(5, 7))
_TERMS = len(_COLUMNS)
# Parameter vectors up to which first derivatives are cheaper than a table of their products.
_FEW = 4


def bind(n: Floats, d: Floats, s: Floats, y: Floats) -> Model:
    """The law on a table, ready for the library's solver."""
    target, slopes = np.log(y), -np.log([n, d, s])

    def block(rows: slice) -> HandWrittenBlock:
        return HandWrittenBlock(slopes[:, rows], target[rows])

    return Model(block, len(y), _Q + 1, max(1.0, float(np.abs(target).max())))


class HandWrittenBlock:
    """The law on a block of rows."""

    work_size = 24_576

    def __init__(self, slopes: Floats, target: Floats) -> None:
        self.target = target
        one = np.ones_like(target)
        # shape (parameters of the term, rows)
        self.designs = [one[None]] + [np.stack([one, slope]) for slope in slopes]

    @cached_property
    def pairs(self) -> list[tuple[int, int, Floats]]:
        """Products of the slopes of two terms."""
        return [
            (k, m, (self.designs[k][:, None] * self.designs[m]).reshape(-1, len(self.target)).T)
            for k in range(_TERMS)
            for m in range(k, _TERMS)
        ]

    def slopes(self) -> None:
        """The law is no sum of its terms."""

    def at(self, theta: Floats) -> HandWrittenPoint:
        """The law at each row of a batch."""
        return HandWrittenPoint(self, theta)


class HandWrittenPoint:
    """Residuals q L - log y, and the terms' shares of their sum."""

    def __init__(self, block: HandWrittenBlock, theta: Floats) -> None:
        self._block, self._q = block, theta[:, _Q, None]
        shape = len(theta), len(block.target)
        self.shares = BUFFERS.take("shares", _TERMS, *shape)
        self.residuals = BUFFERS.take("residuals", *shape)
        self.log_sum = BUFFERS.take("log sum", *shape)
        total, constant, falling = BUFFERS.take("total", *shape), self.shares[0], self.shares[1:]
        self._logs(theta)
        np.exp(falling, out=falling)
        floor = np.exp(theta[:, :1])
        np.add(falling[0], falling[1], out=total)
        total += falling[2]
        total += floor
        np.log(total, out=self.log_sum)
        if not np.isfinite(self.log_sum.sum()):  # far from the runs: subtract the largest
            self._logs(theta)
            constant[...] = theta[:, :1]
            top = self.shares.max(axis=0)
            self.shares -= top
            np.exp(self.shares, out=self.shares).sum(axis=0, out=total)
            np.add(np.log(total, out=self.log_sum), top, out=self.log_sum)
            floor = constant
        np.multiply(self.log_sum, self._q, out=self.residuals)
        self.residuals -= block.target
        np.divide(1.0, total, out=total)
        falling *= total
        np.multiply(total, floor, out=constant)

    def _logs(self, theta: Floats) -> None:
        for k in range(1, _TERMS):
            np.matmul(theta[:, _COLUMNS[k]], self._block.designs[k], out=self.shares[k])

    def _rows(self) -> Floats:
        """Derivatives of L in the terms' parameters, shape (batch, 7, rows)."""
        found = BUFFERS.take("derivatives", len(self.residuals), _Q, self.residuals.shape[1])
        for share, design, columns in zip(self.shares, self._block.designs, _COLUMNS, strict=True):
            np.multiply(share[:, None], design, out=found[:, columns])
        return found

    def gradients(self) -> Floats:
        """Shape (batch, rows, parameters)."""
        found = np.empty((*self.residuals.shape, _Q + 1))
        found[..., :_Q] = (self._rows() * self._q[:, None]).transpose(0, 2, 1)
        found[..., _Q] = self.log_sum
        return found

    def along(self, step: Floats) -> Floats:
        """Change of the residuals with a step, to first order."""
        shape = self.residuals.shape
        found, part = BUFFERS.take("along", *shape), BUFFERS.take("along one", *shape)
        by_q = self._q * step
        np.multiply(self.shares[0], by_q[:, :1], out=found)
        for k in range(1, _TERMS):
            np.matmul(by_q[:, _COLUMNS[k]], self._block.designs[k], out=part)
            part *= self.shares[k]
            found += part
        found += np.multiply(self.log_sum, step[:, _Q, None], out=part)
        return found

    def contract(self, slope: Floats, outer: Floats, *, curved: bool) -> tuple[Floats, Floats]:
        """Sums over the rows: of slope * first, and of outer * first first' + slope * second."""
        q, log_sum, b = self._q, self.log_sum, len(slope)
        gradient, hessian = np.empty((b, _Q + 1)), np.empty((b, _Q + 1, _Q + 1))
        gradient[:, _Q] = np.einsum("bn,bn->b", slope, log_sum)
        mixed = np.multiply(outer, log_sum, out=BUFFERS.take("mixed", *slope.shape))
        hessian[:, _Q, _Q] = np.einsum("bn,bn->b", mixed, log_sum)
        mixed *= q
        if curved:
            mixed += slope
        # what multiplies a term's share, two terms' shares, and a term's share towards q
        slope *= q
        outer *= q * q
        if curved:
            outer -= slope
        way = self._by_products if b > _FEW else self._by_gradients
        way(gradient, hessian, slope, outer, mixed, curved=curved)
        return gradient, hessian

    def _by_products(
        self,
        gradient: Floats,
        hessian: Floats,
        slope: Floats,
        outer: Floats,
        mixed: Floats,
        *,
        curved: bool,
    ) -> None:
        """Every entry as a matrix product of the whole batch."""
        b, designs = len(slope), self._block.designs
        first, half, moment = (
            BUFFERS.take(name, *slope.shape) for name in ("first", "half", "moment")
        )
        for k, m, products in self._block.pairs:
            left, right, share = _COLUMNS[k], _COLUMNS[m], self.shares[k]
            if k == m:
                np.multiply(slope, share, out=first)
                gradient[:, left] = first @ designs[k].T
                np.multiply(mixed, share, out=moment)
                hessian[:, _Q, left] = hessian[:, left, _Q] = moment @ designs[k].T
                np.multiply(outer, share, out=half)
            np.multiply(half, self.shares[m], out=moment)
            if k == m and curved:
                moment += first
            part = (moment @ products).reshape(b, left.stop - left.start, right.stop - right.start)
            hessian[:, left, right] = part
            if k != m:
                hessian[:, right, left] = part.transpose(0, 2, 1)

    def _by_gradients(
        self,
        gradient: Floats,
        hessian: Floats,
        slope: Floats,
        outer: Floats,
        mixed: Floats,
        *,
        curved: bool,
    ) -> None:
        """The same from first derivatives, vector by vector."""
        rows, designs = self._rows(), self._block.designs
        gradient[:, :_Q] = np.matmul(rows, slope[:, :, None])[:, :, 0]
        hessian[:, _Q, :_Q] = np.matmul(rows, mixed[:, :, None])[:, :, 0]
        hessian[:, :_Q, _Q] = hessian[:, _Q, :_Q]
        half = BUFFERS.take("half", *rows.shape)
        np.multiply(rows, outer[:, None], out=half)
        np.matmul(half, rows.transpose(0, 2, 1), out=hessian[:, :_Q, :_Q])
        if curved:  # a term's own second derivatives
            for k, columns in enumerate(_COLUMNS):
                np.multiply(rows[:, columns], slope[:, None], out=half[:, columns])
                hessian[:, columns, columns] += half[:, columns] @ designs[k].T


def complex_step_errors(model: Model, theta: Floats) -> dict[str, float]:
    """Largest relative errors against complex steps, for a table of one block.

    Of the Jacobian against steps of the residuals, and of gradient and Hessian of least squares
    against steps of their sum and of the gradient, all written once more, plainly.
    """
    step = 1e-200
    sums = model.sums(theta[None], np.ones((1, model.n_rows)), Loss("squared"))
    _, block = next(model.blocks())
    shifted = theta + 1j * step * np.eye(_Q + 1)
    residuals = np.array([_residuals(block, x) for x in shifted])
    jacobian = residuals.imag.T / step
    gradient = (residuals**2).sum(axis=1).imag / step
    hessian = np.array([_slopes(block, x).imag / step for x in shifted])
    size = np.sqrt(np.abs(np.diag(hessian)))
    return {
        "Jacobian": float((np.abs(model.jacobian(theta) - jacobian) / size).max()),
        "gradient": float((np.abs(sums.gradient[0] - gradient) / size).max())
        / float(np.abs(gradient / size).max()),
        "Hessian": float((np.abs(sums.hessian[0] - hessian) / np.outer(size, size)).max()),
    }


def _terms(block: Any, theta: Any) -> Any:
    return [
        np.exp(theta[columns] @ design)
        for columns, design in zip(_COLUMNS, block.designs, strict=True)
    ]


def _residuals(block: Any, theta: Any) -> Any:
    return theta[_Q] * np.log(sum(_terms(block, theta))) - block.target


def _slopes(block: Any, theta: Any) -> Any:
    """The gradient once more, so that it takes complex parameters."""
    terms = _terms(block, theta)
    total = sum(terms)
    r = theta[_Q] * np.log(total) - block.target
    gradient = np.zeros(_Q + 1, dtype=complex)
    for term, design, columns in zip(terms, block.designs, _COLUMNS, strict=True):
        gradient[columns] = (2 * r * theta[_Q] * term / total) @ design.T
    gradient[_Q] = (2 * r * np.log(total)).sum()
    return gradient


# --- the study ---------------------------------------------------------------------------------


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
    hand = bind(columns["N"], columns["D"], columns["S"], y)
    rounds = options.rounds or options.count(15, 3)
    best = task.cold()
    for part, error in complex_step_errors(hand, best.theta).items():
        section.at_most(f"hand-written {part} against complex steps", error, 1e-10)

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
    large_hand = bind(many["N"], many["D"], many["S"], many_y)
    one, every = best.theta[None], np.ones((1, n_large))
    refit, refit_hand = task.refitter(best.theta, model), task.refitter(best.theta, hand)
    pairs: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
        f"objective, gradient, Hessian of {n_batch} replicates": (
            lambda: sums(model, points, counts, DELTA), lambda: sums(hand, points, counts, DELTA)
        ),
        "the same, once over a large table": (
            lambda: sums(large, one, every, DELTA), lambda: sums(large_hand, one, every, DELTA)
        ),
        f"{n_batch} bootstrap refits": (
            lambda: refit.refit(counts), lambda: refit_hand.refit(counts)
        ),
        "cold fit": (lambda: task.cold(model), lambda: task.cold(hand)),
    }  # fmt: skip
    rows = []
    for what, (library, by_hand) in pairs.items():
        few = rounds if what.startswith(("objective", "the same")) else max(3, rounds // 5)
        timings = interleaved({"library": library, "hand": by_hand}, few)
        ours, theirs = timings["library"], timings["hand"]
        ratios = np.divide(ours.processor_times, theirs.processor_times)
        rows.append({
            "what": what, "library": duration(ours.median),
            "hand-written": duration(theirs.median),
            "processor times": f"{duration(ours.processor)}, {duration(theirs.processor)}",
            "ratio": f"{np.median(ratios):.2f}",
            "min to max": f"{ratios.min():.2f} to {ratios.max():.2f}",
        })  # fmt: skip
        section.at_most(f"{what}, ratio", float(np.median(ratios)), _RATIO)
        if what.endswith(("refits", "fit")):
            gap = np.max(np.abs(np.divide(_values(ours.result), _values(theirs.result)) - 1))
            section.at_most(f"{what}, objectives differ by", float(gap), 1e-10)
    section.table(
        f"`{FORMULA}` on a synthetic table of 240 runs (the large one has {n_large:,}), Huber "
        "1e-3. Both sides use the library's solver and loss; only the law and its derivatives "
        "differ. Ratios are of processor times.",
        rows,
    )
    return section


def _values(result: Any) -> Floats:
    """Objective of an estimate, or of each refit."""
    return np.atleast_1d(result.value)


def _agreement(ours: tuple[Floats, Floats, Floats], theirs: tuple[Floats, Floats, Floats]) -> float:
    """Largest relative difference of value, gradient and Hessian, in units of the curvature."""
    # one replicate may have no run in the quadratic part, and no curvature by it
    size = np.sqrt(np.abs(np.einsum("bii->bi", theirs[2])).max(axis=0))
    value = np.abs(ours[0] / theirs[0] - 1).max()
    typical = np.sqrt(theirs[0])[:, None]
    gradient = (np.abs(ours[1] - theirs[1]) / (size * typical)).max()
    hessian = (np.abs(ours[2] - theirs[2]) / np.outer(size, size)).max()
    return float(max(value, gradient, hessian))
