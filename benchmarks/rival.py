"""A slow and exact search for a global minimum, independent of the library.

Hundreds of random starts go down at once: first by reweighted least squares, then by Newton steps
with the exact Hessian, whose eigenvalues are made positive, inside a box by projection. Half of
the starts of a Huber fit come by way of least squares and thresholds that shrink, half go there
directly. Absolute deviations end in linear programmes (HiGHS) at a vertex. The best minima are
shaken and solved again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array, eye_array, hstack

from benchmarks.rival_laws import Curve, Floats, Piece, Ranges, pieces

_SAFE_STEPS, _EXACT_STEPS, _LINEAR_PROGRAMMES = 40, 250, 80
_SHRINKING = (1.0, 0.3, 0.1, 0.03, 0.01, 3e-3, 1e-3, 1e-4, 1e-5)
_HOPELESS = 4.0
_MOST_BASINS, _MOST_VERTICES, _SHAKEN, _AROUND = 60, 16, 4, 50


@dataclass(frozen=True)
class Objective:
    """``squared`` r^2, ``huber`` r^2/2 inside delta, ``absolute`` |r|; of logs or of levels."""

    kind: str
    scale: str
    delta: float = np.inf

    def of(self, r: Floats) -> Floats:
        """Sum over the runs, along the last axis."""
        if self.kind == "squared":
            return np.asarray((r * r).sum(axis=-1))
        size = np.abs(r)
        if self.kind == "absolute":
            return np.asarray(size.sum(axis=-1))
        inside = np.minimum(size, self.delta)
        return np.asarray((inside * (size - 0.5 * inside)).sum(axis=-1))

    def slopes(self, r: Floats) -> tuple[Floats, Floats, Floats]:
        """First derivative, second derivative, and weight of reweighted least squares."""
        if self.kind == "squared":
            two = np.full_like(r, 2.0)
            return 2.0 * r, two, two
        psi = np.clip(r, -self.delta, self.delta)
        size = np.abs(r)
        return psi, (size <= self.delta).astype(float), self.delta / np.maximum(size, self.delta)

    def huber(self, delta: float) -> Objective:
        """Huber on the same scale."""
        return Objective("huber", self.scale, delta)

    @property
    def least_squares(self) -> Objective:
        """Squares on the same scale."""
        return Objective("squared", self.scale)


@dataclass(frozen=True)
class Minimum:
    """The best that was found, and the best with a scale that is not a finite number."""

    value: float
    params: Mapping[str, float]
    infimum: float


class Search:
    """One law (or one face of it) on one table."""

    def __init__(self, law: Curve, y: Floats, scale: str) -> None:
        self.law, self.scale = law, scale
        self.target = np.log(y) if scale == "log" else y
        self.y = y

    # --- derivatives of the objective ------------------------------------------------------

    def residuals(self, x: Floats) -> Floats:
        """Shape (S, n)."""
        jet = self.law.jet(x)
        return self._scaled(jet.value, jet.logarithm) - self.target

    def _scaled(self, value: Floats, logarithm: bool) -> Floats:
        if logarithm == (self.scale == "log"):
            return value
        return np.exp(value) if logarithm else np.log(value)

    def derivatives(self, x: Floats, objective: Objective) -> tuple[Floats, Floats, Floats, Floats]:
        """Value, gradient, Hessian and its majorising part for each row of x."""
        jet = self.law.jet(x)
        r = self._scaled(jet.value, jet.logarithm) - self.target
        psi, curvature, weight = objective.slopes(r)
        inner, curved = psi, curvature
        if self.scale == "log" and not jet.logarithm:  # log f: d2 = f''/f - (f'/f)^2
            inverse = 1.0 / jet.value
            inner, curved = psi * inverse, (curvature - psi) * inverse**2
            weight = weight * inverse**2
        elif self.scale == "level" and jet.logarithm:  # exp g: d2 = f (g'' + g'^2)
            f = r + self.target
            inner, curved = psi * f, curvature * f**2 + psi * f
            weight = weight * f**2
        slopes = jet.gradient
        across = slopes.transpose(0, 2, 1)
        majorised = (slopes * weight[:, None]) @ across
        hessian = (slopes * curved[:, None]) @ across
        for (i, j), second in jet.hessian.items():
            part = np.einsum("sn,sn->s", inner, second)
            hessian[:, i, j] += part
            if i != j:
                hessian[:, j, i] += part
        if jet.outer is not None:
            size, direction = jet.outer
            hessian += (direction * (inner * size)[:, None]) @ direction.transpose(0, 2, 1)
        gradient = np.einsum("spn,sn->sp", slopes, inner)
        return objective.of(r), gradient, hessian, majorised

    # --- going down ------------------------------------------------------------------------

    def descend(self, x: Floats, objective: Objective, steps: int, *, exact: bool) -> Floats:
        """Damped steps inside the box until nothing is gained."""
        with np.errstate(all="ignore"):
            return self._descend(
                np.clip(x, self.law.lower, self.law.upper), objective, steps, exact
            )

    def _descend(self, x: Floats, objective: Objective, steps: int, exact: bool) -> Floats:
        state = list(self.derivatives(x, objective))
        keep = np.isfinite(state[0]) & np.all([np.isfinite(s.reshape(len(x), -1)).all(1)
                                               for s in state[1:]], axis=0)  # fmt: skip
        x, state = x[keep], [s[keep] for s in state]
        damping = np.full(len(x), 1e-4 if exact else 1e-2)
        quiet = np.zeros(len(x), dtype=int)
        going = np.arange(len(x))
        for _ in range(steps):
            if not len(going):
                break
            here = [s[going] for s in state]
            step, promise = _step(
                x[going], here[1], here[2], here[3], damping[going], self.law, exact
            )
            trial = np.clip(x[going] + step, self.law.lower, self.law.upper)
            new = self.derivatives(trial, objective)
            gain = here[0] - new[0]
            sound = (
                np.isfinite(new[0]) & np.isfinite(new[1]).all(1) & np.isfinite(new[2]).all((1, 2))
            )
            took = sound & (gain > 0)
            rows = going[took]
            x[rows] = trial[took]
            for old, fresh in zip(state, new, strict=True):
                old[rows] = fresh[took]
            good = took & (gain > 0.7 * promise)
            damping[going] *= np.where(good, 0.1, np.where(took & (gain > 0.2 * promise), 1.0, 6.0))
            damping[going] = np.maximum(damping[going], 1e-15)
            small = (promise <= 1e-15 * here[0]) | (took & (gain <= 1e-14 * here[0]))
            quiet[going] = np.where(small, quiet[going] + 1, 0)
            going = going[(quiet[going] < 4) & (damping[going] < 1e9)]
        return x

    # --- the search ------------------------------------------------------------------------

    def basins(self, x: Floats, objective: Objective, most: int) -> Floats:
        """The best rows, one of each minimum."""
        with np.errstate(all="ignore"):
            values = objective.of(self.residuals(x))
        values = np.where(np.isfinite(values), values, np.inf)
        order = np.argsort(values)
        order = order[values[order] <= _HOPELESS * values[order[0]] + 1e-300]
        kept: list[int] = []
        last = -np.inf
        for k in order:
            if values[k] > last * (1 + 1e-10):
                kept.append(int(k))
                last = values[k]
            if len(kept) == most:
                break
        return x[kept]

    def solve(self, x: Floats, objective: Objective) -> Floats:
        """From starts to minima of the objective."""
        if objective.kind == "squared":
            x = self.descend(x, objective, _SAFE_STEPS, exact=False)
            x = self.basins(x, objective, len(x))
            return self.descend(x, objective, _EXACT_STEPS, exact=True)
        if objective.kind == "absolute":
            return self._absolute(x, objective)
        half = len(x) // 2
        squares = objective.least_squares
        round_about = self.descend(x[:half], squares, _SAFE_STEPS, exact=False)
        round_about = self._shrink(self.basins(round_about, squares, half), objective)
        direct = self.descend(x[half:], objective, _SAFE_STEPS, exact=False)
        both = self.basins(np.concatenate([round_about, direct]), objective, _MOST_BASINS)
        return self.descend(both, objective, _EXACT_STEPS, exact=True)

    def _noise(self, x: Floats) -> float:
        """Typical size of the best row's residuals."""
        return float(np.median(np.abs(self.residuals(x[:1])))) + 1e-15

    def _shrink(self, x: Floats, objective: Objective) -> Floats:
        """Huber thresholds from the size of the residuals down to the one that is wanted."""
        noise = self._noise(x)
        for factor in _SHRINKING:
            delta = 2 * factor * noise
            if delta <= objective.delta:
                break
            x = self.descend(x, objective.huber(delta), 12, exact=False)
            x = self.basins(x, objective.huber(delta), _MOST_BASINS)
            x = self.descend(x, objective.huber(delta), 20, exact=True)
        return x

    def _absolute(self, x: Floats, objective: Objective) -> Floats:
        near = self.solve(x, objective.huber(0.1 * self._start_noise(x)))
        smooth = self._shrink(near, objective.huber(1e-6 * self._noise(near)))
        pool = self.basins(np.concatenate([smooth, near]), objective, _MOST_VERTICES)
        return np.stack([self.vertex(row) for row in pool])

    def _start_noise(self, x: Floats) -> float:
        squares = Objective("squared", self.scale)
        found = self.descend(x[:40], squares, _SAFE_STEPS, exact=False)
        return self._noise(self.basins(found, squares, 1))

    def vertex(self, x: Floats) -> Floats:
        """Sequential linear programmes in a trust region, down to a vertex."""
        value, r, slopes = self._linearised(x)
        radius = 0.3
        for _ in range(_LINEAR_PROGRAMMES):
            size = np.maximum(np.abs(slopes).mean(axis=1), 1e-12)
            reach = radius * value / len(r) * 10 / size
            low = np.maximum(-reach, self.law.lower - x)
            high = np.minimum(reach, self.law.upper - x)
            step, promise = _linear_programme(slopes.T, r, low, high)
            if promise <= 1e-14 * value:
                break
            trial = np.clip(x + step, self.law.lower, self.law.upper)
            new_value, new_r, new_slopes = self._linearised(trial)
            if np.isfinite(new_value) and value - new_value > 0.1 * promise:
                x, value, r, slopes = trial, new_value, new_r, new_slopes
                radius *= 2.0
            else:
                radius *= 0.2
                if radius < 1e-13:
                    break
        return x

    def _linearised(self, x: Floats) -> tuple[float, Floats, Floats]:
        jet = self.law.jet(x[None])
        with np.errstate(all="ignore"):
            f = self._scaled(jet.value, jet.logarithm)[0]
            slopes = jet.gradient[0]
            if self.scale == "log" and not jet.logarithm:
                slopes = slopes / jet.value[0]
            elif self.scale == "level" and jet.logarithm:
                slopes = slopes * f
        r = f - self.target
        return float(np.abs(r).sum()), r, slopes

    def shaken(self, x: Floats, rng: np.random.Generator, count: int) -> Floats:
        """The best minima, moved by steps of all sizes."""
        best = x[:_SHAKEN]
        rows = best[rng.integers(0, len(best), count)]
        size = np.exp(rng.uniform(np.log(1e-4), np.log(0.7), (count, 1)))
        moved = rows * (1 + size * rng.standard_normal(rows.shape))
        moved += 1e-3 * size * np.abs(rng.standard_normal(rows.shape)) * (rows == 0)
        return np.clip(moved, self.law.lower, self.law.upper)


def search(
    law: str,
    columns: Mapping[str, Floats],
    y: Floats,
    objective: Objective,
    ranges: Ranges,
    rng: np.random.Generator,
    *,
    n_starts: int = 300,
) -> Minimum:
    """The lowest minimum from random starts."""
    found = [
        _from_afar(piece, y, objective, rng, n_starts)
        for piece in pieces(law, columns["N"], columns["D"], ranges)
    ]
    best = min(found, key=lambda m: m.value)
    return Minimum(best.value, best.params, min(m.infimum for m in found))


def search_near(
    law: str,
    columns: Mapping[str, Floats],
    y: Floats,
    objective: Objective,
    ranges: Ranges,
    rng: np.random.Generator,
    values: Mapping[str, float],
) -> tuple[float, Minimum]:
    """The objective at given parameters, and the lowest minimum from around them."""
    here, found = np.inf, [Minimum(np.inf, {}, np.inf)]
    for piece in pieces(law, columns["N"], columns["D"], ranges):
        point = piece.law.coordinates(values)
        if point is None:
            continue
        run = Search(piece.law, y, objective.scale)
        with np.errstate(all="ignore"):
            value = float(objective.of(run.residuals(point[None]))[0])
        here = value if value < here else here
        if np.isfinite(point).all():
            point = np.clip(point, piece.law.lower, piece.law.upper)
            around = np.concatenate([point[None], run.shaken(point[None], rng, _AROUND)])
            found.append(_lowest(run, piece, _from_near(run, around, objective), objective))
    return here, min(found, key=lambda m: m.value)


def _from_afar(
    piece: Piece, y: Floats, objective: Objective, rng: np.random.Generator, n_starts: int
) -> Minimum:
    first = piece.free or piece.law
    run = Search(first, y, objective.scale)
    ends = run.solve(first.starts(n_starts, y, rng), objective)
    ends = run.basins(ends, objective, _MOST_BASINS)
    ends = np.concatenate([ends, _from_near(run, run.shaken(ends, rng, _AROUND), objective)])
    ends = run.basins(ends, objective, _MOST_BASINS)
    infimum = float(objective.of(run.residuals(ends[:1]))[0])
    if piece.free is not None:
        ends = piece.free.scales(ends)
        run = Search(piece.law, y, objective.scale)
        again = np.concatenate([ends, run.shaken(ends, rng, _AROUND)])
        ends = np.concatenate([ends, _from_near(run, again, objective)])
    found = _lowest(run, piece, ends, objective)
    return Minimum(found.value, found.params, min(infimum, found.value))


def _lowest(run: Search, piece: Piece, ends: Floats, objective: Objective) -> Minimum:
    ends = run.basins(ends, objective, 1)
    value = float(objective.of(run.residuals(ends))[0])
    return Minimum(value, piece.law.natural(ends[0]), value)


def _from_near(run: Search, x: Floats, objective: Objective) -> Floats:
    """Local minima from starts that are close to one already."""
    if objective.kind == "absolute":
        noise, raw = run._noise(x), run.basins(x, objective, 4)
        x = run.descend(x, objective.huber(0.1 * noise), 40, exact=True)
        x = run._shrink(x, objective.huber(1e-6 * noise))
        pool = np.concatenate([raw, run.basins(x, objective, 4)])
        return np.stack([run.vertex(row) for row in pool])
    x = run.descend(x, objective, 10, exact=False)
    return run.descend(run.basins(x, objective, _MOST_BASINS), objective, _EXACT_STEPS, exact=True)


def _step(
    x: Floats,
    gradient: Floats,
    hessian: Floats,
    majorised: Floats,
    damping: Floats,
    law: Curve,
    exact: bool,
) -> tuple[Floats, Floats]:
    """A damped Newton step with positive eigenvalues, and the decrease that it promises."""
    fixed = ((x <= law.lower) & (gradient > 0)) | ((x >= law.upper) & (gradient < 0))
    free = (~fixed).astype(float)
    size = np.sqrt(np.maximum(np.einsum("sii->si", majorised), 1e-200))
    scaled = np.where(fixed, 0.0, gradient / size)
    matrix = (hessian if exact else majorised) / (size[:, :, None] * size[:, None, :])
    matrix = matrix * free[:, :, None] * free[:, None, :]
    p = x.shape[1]
    matrix[:, np.arange(p), np.arange(p)] += fixed
    eigenvalues, vectors = np.linalg.eigh(np.nan_to_num(matrix, posinf=0.0, neginf=0.0))
    along = np.einsum("sij,si->sj", vectors, scaled)
    steepness = np.maximum(np.abs(eigenvalues), 1e-14) + damping[:, None]
    move = -along / steepness
    promise = -(along * move + 0.5 * np.abs(eigenvalues) * move**2).sum(axis=1)
    return np.einsum("sij,sj->si", vectors, move) / size * free, promise


def _linear_programme(slopes: Floats, r: Floats, low: Floats, high: Floats) -> tuple[Floats, float]:
    """The step in the box that minimises sum |r + slopes step|, and the decrease."""
    n, p = slopes.shape
    unit = np.maximum(np.abs(slopes).mean(axis=0), 1e-300)
    scale = float(np.abs(r).max())
    table = hstack([csr_array(slopes / unit), -eye_array(n), eye_array(n)], format="csc")
    cost = np.concatenate([np.zeros(p), np.ones(2 * n)])
    box = np.stack([low * unit / scale, high * unit / scale], axis=1)
    bounds = np.concatenate([box, np.tile([0.0, np.inf], (2 * n, 1))])
    if not (np.isfinite(slopes).all() and np.isfinite(r).all()):
        return np.zeros(p), 0.0
    answer = linprog(  # type: ignore[call-overload]
        cost, A_eq=table, b_eq=-r / scale, bounds=bounds, method="highs"
    )
    if answer.x is None:
        return np.zeros(p), 0.0
    step = np.clip(answer.x[:p] * scale / unit, low, high)
    return step, float(np.abs(r).sum() - np.abs(r + slopes @ step).sum())
