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

LARGEST_EXPONENT = 10.0
_SMALLEST = 1e-8
_HUGE = 1e12


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


class RivalLaw(Protocol):
    """What the search asks of a law."""

    lower: Floats
    upper: Floats

    def jet(self, x: Floats) -> Jet:
        """Curve and derivatives at each row of x."""

    def starts(self, count: int, y: Floats, rng: np.random.Generator) -> Floats:
        """Random points, shape (count, p)."""

    def natural(self, x: Floats) -> dict[str, float]:
        """The law's published parameters."""

    def coordinates(self, values: Mapping[str, float]) -> Floats | None:
        """The inverse of `natural`, None where a value has no counterpart."""


class SumOfDecays:
    """E + sum of a_k exp(-e_k u_k), u_k >= 0: chinchilla with two terms, power-floor with one."""

    def __init__(self, u: list[Floats], anchors: list[float], names: list[tuple[str, str]]) -> None:
        self.u, self.anchors, self.names = u, anchors, names
        k = len(u)
        self.lower = np.zeros(1 + 2 * k)
        self.upper = np.array([np.inf, *([np.inf, LARGEST_EXPONENT] * k)])

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
            x[:, 2 + 2 * j] = _log_uniform(rng, 0.003, LARGEST_EXPONENT, count)
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

    def __init__(self, n: Floats, sign: int) -> None:
        logs = np.log(n)
        anchor = logs.min() if sign < 0 else logs.max()
        super().__init__([np.abs(logs - anchor)], [float(anchor)], [("a", "b")])
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


def chinchilla(n: Floats, d: Floats) -> SumOfDecays:
    """E + A/N^alpha + B/D^beta."""
    logs = [np.log(n), np.log(d)]
    anchors = [float(v.min()) for v in logs]
    u = [v - v.min() for v in logs]
    return SumOfDecays(u, anchors, [("A", "alpha"), ("B", "beta")])


class Kaplan:
    """log f = q logsumexp(P/q, Q/q) with P = a - e n and Q = b - q d.

    (a, e) is the law where data abound, (b, q) where parameters do; its exponent q is alpha_D.
    """

    def __init__(self, n: Floats, d: Floats) -> None:
        self.anchors = float(np.log(n).mean()), float(np.log(d).mean())
        self.n, self.d = np.log(n) - self.anchors[0], np.log(d) - self.anchors[1]
        self.lower = np.array([-np.inf, 0.0, -np.inf, _SMALLEST])
        self.upper = np.array([np.inf, np.inf, np.inf, _HUGE])

    def jet(self, x: Floats) -> Jet:
        a, e, b, q = (x[:, k, None] for k in range(4))
        left, right = (a - e * self.n) / q, b / q - self.d
        gap = left - right
        total = np.logaddexp(left, right)
        w = np.exp(left - total)
        v = np.exp(right - total)
        gradient = np.empty((len(x), 4, len(self.n)))
        gradient[:, 0], gradient[:, 1], gradient[:, 2] = w, -w * self.n, v
        gradient[:, 3] = total - w * left - v * right - v * self.d
        direction = np.empty_like(gradient)
        direction[:, 0], direction[:, 1], direction[:, 2] = 1.0, -self.n, -1.0
        direction[:, 3] = self.d - gap
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

    def natural(self, x: Floats) -> dict[str, float]:
        a, e, b, q = map(float, x)
        return {
            "log N_c": _ratio(a, e) + self.anchors[0], "alpha_N": e,
            "alpha_D": q, "log D_c": _ratio(b, q) + self.anchors[1],
        }  # fmt: skip

    def coordinates(self, values: Mapping[str, float]) -> Floats | None:
        e, q = values["alpha_N"], values["alpha_D"]
        with np.errstate(divide="ignore"):
            log_n, log_d = np.log(values["N_c"]), np.log(values["D_c"])
        found = np.array([e * (log_n - self.anchors[0]), e, q * (log_d - self.anchors[1]), q])
        return found if np.isfinite(found).all() and q > 0 else None


class Monomial:
    """log f = a - e u: the faces of the kaplan law on which one of its terms is zero."""

    def __init__(self, variable: Floats, name: str) -> None:
        self.anchor = float(np.log(variable).mean())
        self.u, self.name = np.log(variable) - self.anchor, name
        self.lower, self.upper = np.array([-np.inf, 0.0]), np.array([np.inf, np.inf])

    def jet(self, x: Floats) -> Jet:
        gradient = np.empty((len(x), 2, len(self.u)))
        gradient[:, 0], gradient[:, 1] = 1.0, -self.u
        return Jet(x[:, :1] - x[:, 1:] * self.u, gradient, {}, logarithm=True)

    def starts(self, count: int, y: Floats, rng: np.random.Generator) -> Floats:
        few = max(8, count // 15)
        return np.stack(
            [np.log(y)[rng.integers(0, len(y), few)], _log_uniform(rng, 0.003, 5.0, few)], axis=1
        )

    def natural(self, x: Floats) -> dict[str, float]:
        a, e = map(float, x)
        return {f"log {self.name}_c": _ratio(a, e) + self.anchor, f"alpha_{self.name}": e}

    def coordinates(self, values: Mapping[str, float]) -> Floats | None:  # noqa: ARG002
        return None


def faces(law: str, n: Floats, d: Floats) -> list[RivalLaw]:
    """The law of that name, in as many pieces as its domain has."""
    if law == "chinchilla":
        return [chinchilla(n, d)]
    if law == "power-floor":
        return [PowerFloor(n, -1), PowerFloor(n, +1)]
    return [Kaplan(n, d), Monomial(n, "N"), Monomial(d, "D")]


def _ratio(a: float, e: float) -> float:
    """Logarithm of a scale; the law tends to a constant other than one as e falls to zero."""
    if e > 0:
        return a / e
    return float(np.sign(a)) * np.inf if a else 0.0


def _log_uniform(rng: np.random.Generator, low: float, high: float, count: int) -> Floats:
    return np.asarray(np.exp(rng.uniform(np.log(low), np.log(high), count)))
