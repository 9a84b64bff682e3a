"""From starting points to minima, all as one batch, and which of them wins."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from scalinglaws.arrays import BoolArray, FloatArray, IntArray
from scalinglaws.errors import FitError
from scalinglaws.fitting.search.compare_minima import (
    SAME_MINIMUM,
    MinimaComparison,
    smallest_curvature,
)
from scalinglaws.fitting.search.curved_valley import follow_valley
from scalinglaws.fitting.search.effort import QUICK, THOROUGH, Budget, Effort
from scalinglaws.fitting.search.neighbours import neighbouring_starts
from scalinglaws.fitting.search.reactivate_terms import reactivated_starts, without_vanished
from scalinglaws.fitting.search.scale import ResidualScale
from scalinglaws.fitting.search.starts import Candidates
from scalinglaws.fitting.solver.model import Model
from scalinglaws.fitting.solver.newton import minimise
from scalinglaws.fitting.solver.objective import HUBER_FACTOR, Loss
from scalinglaws.fitting.solver.problem import Estimate, Problem, Solution

ROUNDING = 1e-13  # of a residual, relative to what it is rounded at
_MOST_ROUNDS = 3
_LAST_STEPS = 300
# A winner that further steps promise more than this, or with a smaller curvature than this, is
# followed on; so is a row that has not arrived and is so little above it, in so many rows.
_SETTLED, _FLAT = 1e-12, 1e-7
_MAY_YET_WIN, _MOST_VALLEYS = 1e-3, 3
# A row this many times above the best after the Newton steps is late, and may be given some more.
_LATE = 1.01
_MOST_LATE = 8
# Thresholds on the way to the scale of the residuals, in units of the scale so far.
_SHARPENING = (HUBER_FACTOR, 0.5, 0.1)
# Scale of the residuals of runs without noise, relative to what rounding is relative to.
_EXACT = 1e-6


class Multistart:
    """Every candidate on its way down, all as one batch."""

    def __init__(
        self,
        problem: Problem,
        model: Model,
        candidates: Candidates,
        effort: Effort,
        budget: Budget,
    ) -> None:
        self.effort, self.budget = effort, budget
        self.problem, self.model = problem, model
        self.free = candidates.free
        self.lower, self.upper = problem.bounds()
        self.amplitude = problem.amplitudes
        self.kinds = candidates.free.copy()
        self.scale = ResidualScale(problem, model.magnitude)
        self.weights = problem.weights[None, :]
        self.ties: tuple[Solution, BoolArray] | None = None  # what the last second look found
        self.loss = Loss("squared")
        none = np.full(len(candidates.theta), np.nan)
        self.solution = Solution(
            candidates.theta, none, none.copy(), np.zeros(len(none), dtype=np.bool_)
        )

    def _minimise(
        self,
        loss: Loss,
        theta: FloatArray,
        *,
        majorise: bool = False,
        patient: bool = False,
        steps: int,
        rows: IntArray | None = None,
        enough: int | None = None,
    ) -> Solution:
        rows = np.arange(len(theta)) if rows is None else rows
        return minimise(
            self.model, loss, theta[rows], self.weights, self.free[rows], self.lower, self.upper,
            majorise=majorise, patient=patient, max_iterations=steps, amplitude=self.amplitude,
            enough=enough,
        )  # fmt: skip

    def warm_up(self) -> None:
        """A few safe steps of least squares."""
        loss = Loss("squared")
        self.solution = self._minimise(
            loss, self.solution.theta, majorise=True, steps=self.effort.safe
        )
        self.loss = loss
        if not np.isfinite(self.solution.value).any():
            raise FitError(
                f"The law {self.problem.law.label!r} has no finite value at any starting point on "
                "these runs; check the columns, or pass `bounds` or `start`."
            )

    def newton(self, loss: Loss, *, last: bool = True) -> None:
        """To the bottom of each basin that may still be the deepest.

        Rows that are late are followed further with the last of several losses alone.
        """
        self.loss = loss
        self._keep_hopeful(self.effort.hopeless)
        self.solution = self._minimise(
            loss, self.solution.theta, steps=self.effort.newton, enough=self.effort.enough
        )
        if self.effort.enough is not None or not last or self.budget.is_spent:
            return
        limit = np.nanmin(self.solution.value) * _LATE + self._rounding()
        late = np.flatnonzero(~self.solution.converged & (self.solution.value <= limit))
        late = late[np.argsort(self.solution.value[late])][:_MOST_LATE]
        if len(late):
            end = self._minimise(
                loss, self.solution.theta, steps=self.budget.steps(_LAST_STEPS), rows=late
            )
            self.solution.put(late, end)

    def finish(self) -> None:
        """Neighbours of the best minimum, and what may be lowest to the end of its valley.

        Where no two starts agree and many more will be tried, nothing is worth it before.
        """
        many = self.effort.many
        if many is None or self.n_starts < many or self.n_agreeing >= 2:
            self.try_neighbours()
            self.settle()

    def settle(self) -> bool:
        """Follow what may be lowest to the end of its valley; True if the winner is lower."""
        improved = False
        for _ in range(_MOST_ROUNDS if self.effort.enough is None else 0):
            if self.budget.is_spent or not self._persist():
                break
            improved = True
            if not self.try_neighbours():
                break
        return improved

    def _persist(self) -> bool:
        """Down a long curved valley, if the winner lies in one, or a row that may yet win."""
        before = self.solution.value[self._winner()]
        for row in self._in_valleys():
            if self.budget.is_spent:
                break
            one, free = np.array([row]), self.free[row]
            last = self._minimise(
                self.loss,
                self.solution.theta,
                steps=self.budget.steps(_LAST_STEPS),
                rows=one,
                patient=True,
            )
            if last.value[0] < self.solution.value[row]:
                self.solution.put(one, last)
            end = follow_valley(
                self.problem, self.model, self.loss, self.solution.theta[row], free, self.budget
            )
            if end.value[0] <= self.solution.value[row]:
                self.solution.put(one, end)
        after = self.solution.value[self._winner()]
        return bool(after < before * (1 - SAME_MINIMUM) - self._rounding())

    def _in_valleys(self) -> list[int]:
        """The winner if it is doubtful, and the lowest row that has not arrived, of each kind."""
        winner, found = self._winner(), self.solution
        settled = found.converged & (found.decrement <= _SETTLED)
        rows = []
        if not settled[winner] or self._is_flat(winner):
            rows.append(winner)
        limit = found.value[winner] * (1 + _MAY_YET_WIN) + self._rounding()
        late = np.flatnonzero(~settled & (found.value <= limit))
        kinds = {self.free[row].tobytes() for row in rows}
        for row in late[np.argsort(found.value[late], kind="stable")]:
            kind = self.free[row].tobytes()
            if kind not in kinds and len(rows) < _MOST_VALLEYS:
                kinds.add(kind)
                rows.append(int(row))
        return rows

    def _hessian(self, row: int) -> FloatArray:
        """Of the objective at a row."""
        there = self.model.sums(self.solution.theta[[row]], self.weights, self.loss)
        return np.asarray(there.hessian[0])

    def _is_flat(self, row: int) -> bool:
        """Whether some direction is next to undetermined there, or the point is a saddle."""
        theta = self.solution.theta[row]
        inside = (theta > self.lower) & (theta < self.upper)
        return smallest_curvature(self._hessian(row), self.free[row] & inside) < _FLAT

    def _keep_hopeful(self, factor: float) -> None:
        """Keep what is not far above the best, and as many with its terms as must agree."""
        values, winner = self.solution.value, np.nanargmin(self.solution.value)
        hopeful = values <= values[winner] * factor + self._rounding()
        if self.effort.enough is not None:
            alike = np.flatnonzero((self.free == self.free[winner]).all(axis=1))
            hopeful[alike[np.argsort(values[alike])[: self.effort.enough]]] = True
        self._keep(hopeful)

    def _keep(self, rows: BoolArray) -> None:
        self.free = self.free[rows]
        self.solution = self.solution.take(rows)

    def to_huber(self, delta: float, *, last: bool = True) -> None:
        """Reweighted least squares first, then exact second-order steps."""
        self._keep_hopeful(THOROUGH.hopeless)
        self.loss = Loss("huber", delta)
        self.solution = self._minimise(
            self.loss, self.solution.theta, majorise=True, steps=self.effort.reweighted
        )
        self.newton(self.loss, last=last)

    def residual_scale(self) -> float:
        """Robust scale of the best row's residuals, never quite zero."""
        winner = self._winner()
        residuals = self.model.residuals(self.solution.theta[winner][None])[0]
        return self.scale.robust(residuals, int(self.free[winner].sum()))

    def least_squares(self) -> None:
        """Bring the winner to the bottom of least squares.

        The others stay where the safe steps left them: what vanishes in least squares need not in
        a robust fit.
        """
        winner = np.array([self._winner()])
        one = self._minimise(
            self.loss, self.solution.theta, steps=self.budget.steps(_LAST_STEPS), rows=winner
        )
        self.solution.put(winner, one)

    def threshold(self) -> float:
        """Huber threshold for these runs: 1.345 times the scale of their residuals.

        The winner alone goes from least squares towards absolute deviations, each time with the
        scale of the last residuals.
        """
        self.least_squares()
        theta, free, scale = self._least_squares_scale()
        if scale <= _EXACT * self.model.magnitude and self.effort.enough is None:
            # the runs obey the law, and all its valleys end in one point
            self.newton(self.loss)
            self._persist()
            theta, free, scale = self._least_squares_scale()
        n_free = int(free.sum())
        for factor in _SHARPENING:
            loss = Loss("huber", factor * scale)
            exact = self.budget.steps(_LAST_STEPS)
            for majorise, steps in ((True, QUICK.reweighted), (False, exact)):
                theta = minimise(
                    self.model, loss, theta, self.weights, free, self.lower, self.upper,
                    majorise=majorise, max_iterations=steps, amplitude=self.amplitude,
                ).theta  # fmt: skip
            scale = self.scale.robust(self.model.residuals(theta)[0], n_free)
        return HUBER_FACTOR * scale

    def _least_squares_scale(self) -> tuple[FloatArray, BoolArray, float]:
        """The winner as a batch of one, and the root mean square of its residuals."""
        winner = self._winner()
        theta, free = self.solution.theta[[winner]], self.free[[winner]]
        residuals = self.model.residuals(theta)[0]
        return theta, free, self.scale.root_mean_square(residuals, int(free.sum()))

    def try_neighbours(self) -> bool:
        """Follow starts near the winner; True if one of them ends lower.

        Each coefficient at or near zero gets the chance to grow, since its logarithm would need
        very many steps to come back from minus infinity; and the winner's neighbours are tried,
        with the coefficients solved again.
        """
        improved = False
        for _ in range(_MOST_ROUNDS if self.effort.enough is None else 0):
            if self.budget.is_spent:
                break
            winner = self._winner()
            theta = self.solution.theta[winner]
            starts = reactivated_starts(
                self.problem, self.model, self.loss, theta, self.free[winner]
            ).joined(neighbouring_starts(self._reweighted(theta), theta))
            if not len(starts.theta):
                return improved
            old = self.free, self.solution
            best = self.solution.value[winner]
            self.free = starts.free
            self.solution = self._minimise(
                self.loss, starts.theta, majorise=True, steps=self.effort.reweighted
            )
            self.newton(self.loss)
            lower = np.nanmin(self.solution.value) < best * (1 - SAME_MINIMUM) - self._rounding()
            if not lower:
                # what is as low may divide the law otherwise
                self._keep(self.solution.value <= best * (1 + SAME_MINIMUM) + self._rounding())
                self.ties = self.solution, self.free
                self.free, self.solution = old
                return improved
            self.free = np.concatenate([old[0], self.free])
            self.solution = old[1].joined(self.solution)
            self.kinds = np.concatenate([self.kinds, starts.free])
            improved = True
        return False  # three times is enough

    def _reweighted(self, theta: FloatArray) -> Problem:
        """The problem with less weight for runs that a robust loss does not follow."""
        if self.loss.kind == "squared":
            return self.problem
        residuals = np.abs(self.model.residuals(theta[None])[0])
        limit = HUBER_FACTOR * self.residual_scale()
        share = limit / np.maximum(residuals, limit)
        return replace(self.problem, weights=self.problem.weights * share)

    def _winner(self) -> int:
        """Best row; among equals the one with most coefficients at zero.

        Where a law is symmetric, as in two exchangeable terms, a start of the user's own decides.
        """
        value = np.where(np.isfinite(self.solution.value), self.solution.value, np.inf)
        limit = value.min() * (1 + SAME_MINIMUM) + self._rounding()
        equals = np.flatnonzero(value <= limit)
        n_free = self.free[equals].sum(axis=1)
        last = equals if self.problem.start is not None else value[equals]
        return int(equals[np.lexsort((last, ~self.solution.converged[equals], n_free))[0]])

    def _rounding(self) -> float:
        """Objective of residuals at rounding level: below it, minima cannot be told apart."""
        loss = self.loss.value(np.array([ROUNDING * self.model.magnitude]))
        return float(self.problem.weights.sum() * loss[0])

    def best(self, delta: float | None) -> Estimate:
        """The winner, and how many starts agree with it."""
        winner = self._winner()
        value = self.solution.value
        same_kind = (self.free == self.free[winner]).all(axis=1)
        settled = self.solution.converged & np.isfinite(value) & same_kind
        rows, kinds = self.solution, self.free
        if self.ties is not None:
            rows, kinds = rows.joined(self.ties[0]), np.concatenate([kinds, self.ties[1]])
        comparison = MinimaComparison(self.problem, rows, kinds, winner, self._rounding())
        theta, free = self._without_vanished(winner)
        return Estimate(
            theta=theta,
            free=free,
            value=float(value[winner]),
            delta=delta,
            converged=bool(self.solution.converged[winner] or self._is_perfect),
            alternatives=comparison.alternatives(),
            n_starts=self.n_starts,
            n_agreeing=self.n_agreeing,
            n_minima=comparison.n_minima(value[settled]),
            decrement=float(self.solution.decrement[winner]) + 0.0,  # -0.0 is zero
            curvature=smallest_curvature(self._hessian(winner), self.free[winner]),
            rivals=comparison.rivals(),
        )

    @property
    def _is_perfect(self) -> bool:
        """Nothing can be lower."""
        return bool(self.solution.value[self._winner()] <= self._rounding())

    @property
    def n_starts(self) -> int:
        """Candidates with the same terms at work as the winner."""
        return int((self.kinds == self.free[self._winner()]).all(axis=1).sum())

    @property
    def n_agreeing(self) -> int:
        """How many of them ended where it did."""
        if self._is_perfect:
            return self.n_starts
        winner, value = self._winner(), self.solution.value
        same_kind = (self.free == self.free[winner]).all(axis=1)
        return int((same_kind & (value <= value[winner] * (1 + 1e-7) + self._rounding())).sum())

    def _without_vanished(self, winner: int) -> tuple[FloatArray, BoolArray]:
        """The winner, with coefficients at exactly zero if that is no worse."""
        theta, free = self.solution.theta[winner], self.free[winner]
        trial, moving = without_vanished(self.problem, theta, free)
        if (moving == free).all() or not moving.any():
            return theta, free
        lower = self._settled(trial, moving)
        limit = self.solution.value[winner] * (1 + SAME_MINIMUM) + self._rounding()
        fine = bool(lower.converged[0] and lower.value[0] <= limit)
        return (lower.theta[0], moving) if fine else (theta, free)

    def _settled(self, theta: FloatArray, free: BoolArray) -> Solution:
        """The minimum near a point."""
        return minimise(
            self.model, self.loss, theta[None], self.weights, free[None], self.lower, self.upper,
            amplitude=self.amplitude, max_iterations=self.effort.newton,
        )  # fmt: skip
