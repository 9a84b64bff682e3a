"""Three laws with hand-written derivatives, in coordinates of their own.

Nothing of the library is used here. Coefficients are natural, not logarithms, so that zero is an
ordinary point of the boundary; each decaying term is anchored at its largest value in the table,
which makes the domain of a sum compact. A parametrisation that differs from the library's is what
makes the comparison worth something.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Protocol

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Pairs = dict[tuple[int, int], Floats]

Ranges = Mapping[str, tuple[float, float]]

# logarithms of coefficients are sought up to this size, at the edge of float64
MOST_LOG = 690.0
_SMALLEST, _HUGE = 1e-8, 1e12


@dataclass
class Jet:
    """A curve for a batch: value (S, n), gradient (S, p, n), second derivatives that exist.

    `logarithm` says that the curve is that of log f. `outer` is a rank-one part of the Hessian,
    (size, direction) with direction (S, p, n).
    """

    value: Floats
    gradient: Floats
    hessian: Pairs
    logarithm: bool = False
    outer: tuple[Floats, Floats] | None = None


class Curve(Protocol):
    """What a descent asks of a law."""

    lower: Floats
    upper: Floats

    def jet(self, x: Floats) -> Jet:
        """Curve and derivatives at each row of x."""


class RivalLaw(Curve, Protocol):
    """What the search asks of a law."""

    def starts(self, count: int, y: Floats, rng: np.random.Generator) -> Floats:
        """Random points, shape (count, p)."""

    def natural(self, x: Floats) -> dict[str, float]:
        """The law's published parameters."""

    def coordinates(self, values: Mapping[str, float]) -> Floats | None:
        """The inverse of `natural`, None where a value has no counterpart."""


class SumOfDecays:
    """E + sum of a_k exp(-e_k u_k), u_k >= 0: chinchilla with two terms, power-floor with one."""

    def __init__(
        self,
        u: list[Floats],
        anchors: list[float],
        names: list[tuple[str, str]],
        largest: list[float],
    ) -> None:
        self.u, self.anchors, self.names = u, anchors, names
        self.lower = np.zeros(1 + 2 * len(u))
        self.upper = np.full(1 + 2 * len(u), np.inf)
        self.upper[2::2] = largest

    def jet(self, x: Floats) -> Jet:
        n = len(self.u[0])
        gradient = np.empty((len(x), x.shape[1], n))
        gradient[:, 0] = 1.0
        value = np.repeat(x[:, :1], n, axis=1)
        hessian: Pairs = {}
        for k, u in enumerate(self.u):
            i, j = 1 + 2 * k, 2 + 2 * k
            decay = np.exp(-x[:, j, None] * u)
            term = x[:, i, None] * decay
            value += term
            gradient[:, i] = decay
            np.multiply(term, -u, out=gradient[:, j])
            hessian[i, j] = -u * decay
            hessian[j, j] = -u * gradient[:, j]
        return Jet(value, gradient, hessian)

    def starts(self, count: int, y: Floats, rng: np.random.Generator) -> Floats:
        """Two thirds with the best coefficients for random exponents, one third fully random."""
        k = len(self.u)
        x = np.zeros((count, 1 + 2 * k))
        for j in range(k):
            x[:, 2 + 2 * j] = _log_uniform(rng, 0.003, self.upper[2 + 2 * j], count)
        solved = 2 * count // 3
        x[:solved] = self._best_coefficients(x[:solved], y)
        wild = count - solved
        x[solved:, 0] = y.min() * rng.uniform(0, 1.2, wild)
        for j in range(k):
            x[solved:, 1 + 2 * j] = y.max() * _log_uniform(rng, 1e-4, 2.0, wild)
        vanished = rng.random((wild, 1 + k)) < 0.15
        for j, place in enumerate((0, *(1 + 2 * j for j in range(k)))):
            x[solved:, place] = np.where(vanished[:, j], 0.0, x[solved:, place])
        x[solved:, 0] = np.where(vanished.all(axis=1), y.mean(), x[solved:, 0])
        return x

    def _best_coefficients(self, x: Floats, y: Floats) -> Floats:
        """Non-negative least squares of relative residuals, by trying every active set."""
        k = len(self.u)
        columns = [np.broadcast_to(1 / y, (len(x), len(y)))]
        columns += [np.exp(-x[:, 2 + 2 * j, None] * u) / y for j, u in enumerate(self.u)]
        design = np.stack(columns, axis=1)
        gram, right = design @ design.transpose(0, 2, 1), design.sum(axis=2)
        best, answer = np.full(len(x), -np.inf), np.zeros((len(x), 1 + k))
        for size in range(1, k + 2):
            for chosen in combinations(range(k + 1), size):
                c = np.array(chosen)
                small = gram[:, c[:, None], c] * (1 + 1e-12 * np.eye(size))
                part = np.linalg.solve(small, right[:, c, None])[..., 0]
                gain = np.einsum("sc,sc->s", part, right[:, c])
                better = (part >= 0).all(axis=1) & (gain > best)
                best[better] = gain[better]
                whole = np.zeros((len(x), 1 + k))
                whole[:, c] = part
                answer[better] = whole[better]
        new = x.copy()
        new[:, [0, *(1 + 2 * j for j in range(k))]] = answer
        return new

    def natural(self, x: Floats) -> dict[str, float]:
        found = {"E": float(x[0])}
        for j, (amplitude, exponent) in enumerate(self.names):
            size, e = float(x[1 + 2 * j]), float(x[2 + 2 * j])
            found[amplitude] = size * float(np.exp(e * self.anchors[j]))
            found[exponent] = e
        return found

    def coordinates(self, values: Mapping[str, float]) -> Floats | None:
        x = [values["E"]]
        for j, (amplitude, exponent) in enumerate(self.names):
            e = values[exponent]
            with np.errstate(divide="ignore", over="ignore"):
                x += [float(np.exp(np.log(values[amplitude]) - e * self.anchors[j])), e]
        found = np.array(x)
        return found if np.isfinite(found).all() and (found >= 0).all() else None


class PowerFloor(SumOfDecays):
    """E + a N^b on one side of b = 0: `sign` is that of b."""

    def __init__(self, n: Floats, sign: int, ranges: Ranges) -> None:
        logs = np.log(n)
        anchor = logs.min() if sign < 0 else logs.max()
        largest = abs(ranges["b"][0 if sign < 0 else 1])
        super().__init__([np.abs(logs - anchor)], [float(anchor)], [("a", "b")], [largest])
        self.sign = sign

    def natural(self, x: Floats) -> dict[str, float]:
        b = self.sign * float(x[2])
        return {"E": float(x[0]), "a": float(x[1] * np.exp(-b * self.anchors[0])), "b": b}

    def coordinates(self, values: Mapping[str, float]) -> Floats | None:
        b = values["b"]
        if b * self.sign < 0:
            return None
        with np.errstate(divide="ignore", over="ignore"):
            size = float(np.exp(np.log(values["a"]) + b * self.anchors[0]))
        found = np.array([values["E"], size, abs(b)])
        return found if np.isfinite(found).all() else None


def chinchilla(n: Floats, d: Floats, ranges: Ranges) -> SumOfDecays:
    """E + A/N^alpha + B/D^beta."""
    logs = [np.log(n), np.log(d)]
    anchors = [float(v.min()) for v in logs]
    u = [v - v.min() for v in logs]
    largest = [ranges["alpha"][1], ranges["beta"][1]]
    return SumOfDecays(u, anchors, [("A", "alpha"), ("B", "beta")], largest)


class Kaplan:
    """log f = q logsumexp(P/q, Q/q) with P = a - e n and Q = b - q d.

    (a, e) is the law where data abound, (b, q) where parameters do; its exponent q is alpha_D. A
    scale such as log N_c = a/e may be infinite here: the box is that of `KaplanScales`.
    """

    def __init__(self, n: Floats, d: Floats, ranges: Ranges) -> None:
        self.anchors = float(np.log(n).mean()), float(np.log(d).mean())
        self.n, self.d = np.log(n) - self.anchors[0], np.log(d) - self.anchors[1]
        low, high = np.transpose([ranges["alpha_N"], ranges["alpha_D"]])
        high = np.minimum(high, _HUGE)
        self.lower = np.array([-np.inf, max(low[0], 0.0), -np.inf, max(low[1], _SMALLEST)])
        self.upper = np.array([np.inf, high[0], np.inf, high[1]])

    def jet(self, x: Floats) -> Jet:
        a, e, b, q = (x[:, k, None] for k in range(4))
        left, right = (a - e * self.n) / q, b / q - self.d
        total = np.logaddexp(left, right)
        w, v = np.exp(left - total), np.exp(right - total)
        gradient = np.empty((len(x), 4, len(self.n)))
        gradient[:, 0], gradient[:, 1], gradient[:, 2] = w, -w * self.n, v
        gradient[:, 3] = total - w * left - v * right - v * self.d
        direction = np.empty_like(gradient)
        direction[:, 0], direction[:, 1], direction[:, 2] = 1.0, -self.n, -1.0
        direction[:, 3] = self.d - left + right
        return Jet(q * total, gradient, {}, logarithm=True, outer=(w * v / q, direction))

    def starts(self, count: int, y: Floats, rng: np.random.Generator) -> Floats:
        """Random exponents; each limit of the law passes through a random run."""
        e, q = _log_uniform(rng, 0.003, 5.0, count), _log_uniform(rng, 0.003, 20.0, count)
        one, two = rng.integers(0, len(y), (2, count))
        logs = np.log(y)
        shift = -np.abs(rng.normal(0, 0.5, (2, count)))
        a = logs[one] + e * self.n[one] + shift[0] * np.minimum(1, q)
        b = logs[two] + q * self.d[two] + shift[1] * np.minimum(1, q)
        return np.stack([a, e, b, q], axis=1)

    def scales(self, x: Floats) -> Floats:
        """Coordinates of `KaplanScales`, moved into its box with the limits of the law kept."""
        a, e, b, q = x.T
        c, e = _scale_in_the_box(a, e, self.anchors[0])
        h = np.clip(b / q, -MOST_LOG - self.anchors[1], MOST_LOG - self.anchors[1])
        return np.stack([c, e, h, q], axis=1)


class KaplanScales:
    """The same in the law's own parameters: P = e (c - n), Q = q (h - d), both scales in a box."""

    def __init__(self, n: Floats, d: Floats, ranges: Ranges) -> None:
        free = Kaplan(n, d, ranges)
        self.anchors, self.n, self.d = free.anchors, free.n, free.d
        low, high = -MOST_LOG - np.array(self.anchors), MOST_LOG - np.array(self.anchors)
        self.lower = np.array([low[0], free.lower[1], low[1], free.lower[3]])
        self.upper = np.array([high[0], free.upper[1], high[1], free.upper[3]])

    def jet(self, x: Floats) -> Jet:
        c, e, h, q = (x[:, k, None] for k in range(4))
        left, right = e * (c - self.n) / q, h - self.d
        total = np.logaddexp(left, right)
        w, v = np.exp(left - total), np.exp(right - total)
        gradient = np.empty((len(x), 4, len(self.n)))
        gradient[:, 0], gradient[:, 1], gradient[:, 2] = w * e, w * (c - self.n), v * q
        gradient[:, 3] = total - w * left
        direction = np.empty_like(gradient)
        direction[:, 0], direction[:, 1], direction[:, 2] = e, c - self.n, -q
        direction[:, 3] = -left
        mixed: Pairs = {(0, 1): w, (2, 3): v}
        return Jet(q * total, gradient, mixed, logarithm=True, outer=(w * v / q, direction))

    def starts(self, count: int, y: Floats, rng: np.random.Generator) -> Floats:
        raise NotImplementedError

    def natural(self, x: Floats) -> dict[str, float]:
        c, e, h, q = map(float, x)
        return {
            "log N_c": c + self.anchors[0], "alpha_N": e, "alpha_D": q,
            "log D_c": h + self.anchors[1],
        }  # fmt: skip

    def coordinates(self, values: Mapping[str, float]) -> Floats | None:
        with np.errstate(divide="ignore"):
            c, h = np.log(values["N_c"]), np.log(values["D_c"])
        return np.array(
            [c - self.anchors[0], values["alpha_N"], h - self.anchors[1], values["alpha_D"]]
        )


class Monomial:
    """log f = a - e u: the faces of the kaplan law on which one of its terms is zero."""

    def __init__(self, variable: Floats, name: str, ranges: Ranges) -> None:
        self.anchor = float(np.log(variable).mean())
        self.u, self.name = np.log(variable) - self.anchor, name
        low, high = ranges[f"alpha_{name}"]
        self.lower, self.upper = np.array([-np.inf, low]), np.array([np.inf, high])

    def jet(self, x: Floats) -> Jet:
        gradient = np.empty((len(x), 2, len(self.u)))
        gradient[:, 0], gradient[:, 1] = 1.0, -self.u
        return Jet(x[:, :1] - x[:, 1:] * self.u, gradient, {}, logarithm=True)

    def starts(self, count: int, y: Floats, rng: np.random.Generator) -> Floats:
        few = max(8, count // 15)
        return np.stack(
            [np.log(y)[rng.integers(0, len(y), few)], _log_uniform(rng, 0.003, 5.0, few)], axis=1
        )

    def scales(self, x: Floats) -> Floats:
        """Coordinates of `MonomialScale`."""
        return np.stack(_scale_in_the_box(x[:, 0], x[:, 1], self.anchor), axis=1)


class MonomialScale:
    """log f = e (c - u), the scale in a box."""

    def __init__(self, variable: Floats, name: str, ranges: Ranges) -> None:
        free = Monomial(variable, name, ranges)
        self.anchor, self.u, self.name = free.anchor, free.u, name
        self.lower = np.array([-MOST_LOG - self.anchor, free.lower[1]])
        self.upper = np.array([MOST_LOG - self.anchor, free.upper[1]])

    def jet(self, x: Floats) -> Jet:
        c, e = x[:, :1], x[:, 1:]
        gradient = np.empty((len(x), 2, len(self.u)))
        gradient[:, 0], gradient[:, 1] = e, c - self.u
        mixed: Pairs = {(0, 1): np.ones((len(x), len(self.u)))}
        return Jet(e * (c - self.u), gradient, mixed, logarithm=True)

    def starts(self, count: int, y: Floats, rng: np.random.Generator) -> Floats:
        raise NotImplementedError

    def natural(self, x: Floats) -> dict[str, float]:
        c, e = map(float, x)
        return {f"log {self.name}_c": c + self.anchor, f"alpha_{self.name}": e}

    def coordinates(self, values: Mapping[str, float]) -> Floats | None:  # noqa: ARG002
        return None


@dataclass(frozen=True)
class Piece:
    """A law, or a face of its domain; `free` is where the search begins, if it is not the same."""

    law: RivalLaw
    free: Kaplan | Monomial | None = None


def pieces(law: str, n: Floats, d: Floats, ranges: Ranges) -> list[Piece]:
    """The law of that name, in as many pieces as its domain has."""
    if law == "chinchilla":
        return [Piece(chinchilla(n, d, ranges))]
    if law == "power-floor":
        return [Piece(PowerFloor(n, -1, ranges)), Piece(PowerFloor(n, +1, ranges))]
    return [
        Piece(KaplanScales(n, d, ranges), Kaplan(n, d, ranges)),
        Piece(MonomialScale(n, "N", ranges), Monomial(n, "N", ranges)),
        Piece(MonomialScale(d, "D", ranges), Monomial(d, "D", ranges)),
    ]


def _scale_in_the_box(a: Floats, e: Floats, anchor: float) -> tuple[Floats, Floats]:
    """The scale a/e, clipped, and the exponent with which it keeps a."""
    with np.errstate(all="ignore"):
        scale = np.nan_to_num(np.where(e > 0, a / e, np.sign(a) * np.inf), nan=0.0)
        clipped = np.clip(scale, -MOST_LOG - anchor, MOST_LOG - anchor)
        return clipped, np.where(clipped == scale, e, np.abs(a / clipped))


def _log_uniform(rng: np.random.Generator, low: float, high: float, count: int) -> Floats:
    return np.asarray(np.exp(rng.uniform(np.log(low), np.log(high), count)))
