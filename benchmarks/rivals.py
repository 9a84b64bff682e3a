"""What people use today for the law E + A/N^alpha + B/D^beta, each written as its users write it.

Parameters are (a, alpha, b, beta, e), the logarithms of A, B and E: log f is the log-sum-exp of
a - alpha log N, b - beta log D and e (Hoffmann et al. 2022, appendix D.3).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import curve_fit, least_squares, minimize
from scipy.special import huber

from benchmarks.data import DELTA, Table

Floats = npt.NDArray[np.float64]

# Hoffmann et al. 2022 as published, the start of the replication's own bootstrap
PUBLISHED = np.array([6.0073, 0.33917, 6.0179, 0.28491, 0.52672])
# a, alpha, b, beta, e of the literature's 4,500 starts
GRID = np.array(
    list(
        itertools.product(
            [0, 5, 10, 15, 20, 25], [0, 0.5, 1, 1.5, 2], [0, 5, 10, 15, 20, 25],
            [0, 0.5, 1, 1.5, 2], [-1, -0.5, 0, 0.5, 1],
        )
    ),
    dtype=float,
)  # fmt: skip
_BOX = np.array([[0, 0, 0, 0, -1], [25, 2, 25, 2, 1]], dtype=float)


def installed(name: str) -> bool:
    """Whether an optional contender is there."""
    return find_spec(name) is not None


@dataclass(frozen=True)
class Rivals:
    """The contenders on one table, with a weight for each run."""

    log_n: Floats
    log_d: Floats
    log_y: Floats
    weights: Floats
    delta: float = DELTA

    @classmethod
    def on(cls, table: Table) -> Rivals:
        """On a table, every run once."""
        return cls(np.log(table.N), np.log(table.D), np.log(table.y), np.ones(len(table.y)))

    def resampled(self, counts: Floats) -> Rivals:
        """On a case resample, as rows."""
        k = np.repeat(np.arange(len(counts)), counts.astype(int))
        return Rivals(self.log_n[k], self.log_d[k], self.log_y[k], np.ones(len(k)), self.delta)

    # --- the objective ------------------------------------------------------------------------

    def residuals(self, x: Floats) -> Floats:
        """Log of the prediction minus log of the loss, as in the literature."""
        a, alpha, b, beta, e = x
        left, right = np.exp(a - alpha * self.log_n), np.exp(b - beta * self.log_d)
        return np.asarray(np.log(left + right + np.exp(e)) - self.log_y)

    def objective(self, x: Floats) -> float:
        """Sum of Huber losses."""
        return float(huber(self.delta, self.residuals(x)).sum())

    def squares(self, x: Floats) -> float:
        """Sum of squared log residuals."""
        return float((self.residuals(x) ** 2).sum())

    def jacobian(self, x: Floats) -> Floats:
        """Exact derivatives of the residuals, (runs, 5)."""
        a, alpha, b, beta, e = x
        left, right = np.exp(a - alpha * self.log_n), np.exp(b - beta * self.log_d)
        total = left + right + np.exp(e)
        left, right = left / total, right / total
        return np.stack(
            [left, -left * self.log_n, right, -right * self.log_d, np.exp(e) / total], axis=1
        )

    def gradient(self, x: Floats) -> Floats:
        """Exact gradient of the objective."""
        psi = np.clip(self.residuals(x), -self.delta, self.delta)
        return np.asarray(psi @ self.jacobian(x))

    # --- contenders ---------------------------------------------------------------------------

    def literature_start(self, start: Any) -> Any:
        """L-BFGS-B with a numerical gradient, as in the replication's grid."""
        with np.errstate(all="ignore"):
            return minimize(self.objective, start, method="L-BFGS-B")

    def literature_mean_start(self, start: Any) -> Any:
        """The same with the mean in place of the sum, as Hoffmann et al. state it."""
        n = len(self.log_y)
        with np.errstate(all="ignore"):
            return minimize(lambda x: self.objective(x) / n, start, method="L-BFGS-B")  # type: ignore[call-overload]

    def bfgs(self, start: Any, scale: float = 1e6) -> Floats:
        """BFGS with the hand-written gradient; the factor lets its tolerance mean something."""
        with np.errstate(all="ignore"):
            found = minimize(  # type: ignore[call-overload]
                lambda x: scale * self.objective(x), start, jac=lambda x: scale * self.gradient(x),
                method="BFGS",
            )  # fmt: skip
        return np.asarray(found.x)

    def robust_least_squares(self, start: Floats, **options: Any) -> Any:
        """least_squares(loss="huber") with the exact Jacobian."""
        with np.errstate(all="ignore"):
            return least_squares(
                self.residuals, start, jac=self.jacobian, loss="huber", f_scale=self.delta,
                **options,
            )  # fmt: skip

    @cached_property
    def autograd_objective(self) -> tuple[Callable[[Floats], float], Callable[[Floats], Floats]]:
        """The objective on autograd's NumPy, and its gradient by automatic differentiation."""
        autograd, anp = import_module("autograd"), import_module("autograd.numpy")
        log_n, log_d, log_y, delta = self.log_n, self.log_d, self.log_y, self.delta

        def value(x: Any) -> Any:
            a, alpha, b, beta, e = x
            total = anp.exp(a - alpha * log_n) + anp.exp(b - beta * log_d) + anp.exp(e)
            size = anp.abs(anp.log(total) - log_y)
            inside = 0.5 * size**2
            return anp.sum(anp.where(size <= delta, inside, delta * (size - 0.5 * delta)))

        return value, autograd.grad(value)

    def autograd_bfgs(self, start: Floats) -> Floats:
        """The literature's bootstrap refit: BFGS, gradient by automatic differentiation."""
        value, gradient = self.autograd_objective
        with np.errstate(all="ignore"):
            return np.asarray(minimize(value, start, jac=gradient, method="BFGS").x)

    def curve_fit_logs(self, start: Floats) -> Floats:
        """curve_fit on log parameters and log losses."""
        n = len(self.log_y)
        found, _ = curve_fit(
            lambda _, *x: self.residuals(np.array(x)) + self.log_y, np.arange(n), self.log_y,
            p0=start,
        )  # fmt: skip
        return np.asarray(found)


def natural_law(runs: Any, E: float, A: float, alpha: float, B: float, beta: float) -> Floats:
    """The law in natural parameters, as handed to curve_fit and lmfit; log of the loss."""
    with np.errstate(all="ignore"):
        return np.asarray(np.log(E + A / runs[0] ** alpha + B / runs[1] ** beta))


def _law_of_columns(  # lmfit reads the parameters from the signature
    N: Floats, D: Floats, E: float, A: float, alpha: float, B: float, beta: float
) -> Floats:
    return natural_law((N, D), E, A, alpha, B, beta)


def natural_curve_fit(table: Table, start: Floats | None) -> Floats:
    """curve_fit in natural parameters, with p0 or without; NaN where it gives up."""
    try:
        found, _ = curve_fit(
            natural_law, np.stack([table.N, table.D]), np.log(table.y),
            p0=None if start is None else _natural(start),
        )  # fmt: skip
    except (RuntimeError, ValueError):
        return np.full(5, np.nan)
    return _logs(*found)


def lmfit_fit(table: Table, start: Floats | None) -> Floats:
    """lmfit.Model on the same function; without p0 every parameter begins at one."""
    lmfit = import_module("lmfit")
    model = lmfit.Model(_law_of_columns, independent_vars=["N", "D"])
    names = ("E", "A", "alpha", "B", "beta")
    values = [1.0] * 5 if start is None else _natural(start)
    try:
        found = model.fit(
            np.log(table.y), N=table.N, D=table.D,
            **dict(zip(names, values, strict=True)),
        )  # fmt: skip
    except (RuntimeError, ValueError):
        return np.full(5, np.nan)
    return _logs(*(found.params[name].value for name in names))


def _natural(x: Floats) -> Floats:
    a, alpha, b, beta, e = x
    return np.array([np.exp(e), np.exp(a), alpha, np.exp(b), beta])


def _logs(E: float, A: float, alpha: float, B: float, beta: float) -> Floats:
    with np.errstate(all="ignore"):
        return np.array([np.log(A), alpha, np.log(B), beta, np.log(E)])


def random_starts(count: int, rng: np.random.Generator) -> Floats:
    """Uniform in the box that the literature's grid spans."""
    return np.asarray(rng.uniform(_BOX[0], _BOX[1], (count, 5)))
