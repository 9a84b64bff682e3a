"""What people use today for the law E + A/N^alpha + B/D^beta, each written as its users write it.

Parameters are (a, alpha, b, beta, e), the logarithms of A, B and E: log f is the log-sum-exp of
a - alpha log N, b - beta log D and e (Hoffmann et al. 2022, appendix D.3).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import curve_fit, least_squares, minimize
from scipy.special import huber

from benchmarks.harness import DELTA, Table

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

    N: Floats
    D: Floats
    y: Floats
    weights: Floats
    delta: float = DELTA

    @classmethod
    def on(cls, table: Table) -> Rivals:
        """On a table, every run once."""
        return cls(table.N, table.D, table.y, np.ones(len(table.y)))

    @cached_property
    def log_n(self) -> Floats:
        """Logarithm of N."""
        return np.asarray(np.log(self.N))

    @cached_property
    def log_d(self) -> Floats:
        """Logarithm of D."""
        return np.asarray(np.log(self.D))

    @cached_property
    def log_y(self) -> Floats:
        """Logarithm of the losses."""
        return np.asarray(np.log(self.y))

    def resampled(self, counts: Floats) -> Rivals:
        """On a case resample, as rows."""
        k = np.repeat(np.arange(len(counts)), counts.astype(int))
        return Rivals(self.N[k], self.D[k], self.y[k], np.ones(len(k)), self.delta)

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

    def literature(self, x: Any, xp: Any = np) -> Any:
        """The objective as the replication writes it: logarithms are taken at every call.

        Parameters
        ----------
        xp : NumPy, or autograd's
        """
        a, alpha, b, beta, e = x
        left, right = xp.exp(a - alpha * xp.log(self.N)), xp.exp(b - beta * xp.log(self.D))
        residuals = xp.log(self.y) - xp.log(left + right + xp.exp(e))
        inside, delta = xp.abs(residuals) <= self.delta, self.delta
        outside = delta * (xp.abs(residuals) - 0.5 * delta)
        return xp.sum(xp.where(inside, 0.5 * residuals**2, outside))

    def literature_start(self, start: Any) -> Any:
        """L-BFGS-B with a numerical gradient, as in the replication's grid."""
        with np.errstate(all="ignore"):
            return minimize(self.literature, start, method="L-BFGS-B")

    def literature_mean_start(self, start: Any) -> Any:
        """The same with the mean in place of the sum, as Hoffmann et al. state it."""
        n = len(self.log_y)
        with np.errstate(all="ignore"):
            return minimize(lambda x: self.literature(x) / n, start, method="L-BFGS-B")  # type: ignore[call-overload]

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

    def autograd_bfgs(self, start: Floats) -> Floats:
        """The literature's bootstrap refit: BFGS, gradient by automatic differentiation."""
        autograd, anp = import_module("autograd"), import_module("autograd.numpy")

        def value(x: Any) -> Any:
            return self.literature(x, anp)

        with np.errstate(all="ignore"):
            return np.asarray(minimize(value, start, jac=autograd.grad(value), method="BFGS").x)

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
