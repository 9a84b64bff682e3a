"""Laws of the Chinchilla kind, for which the frontier has a closed form.

``E + s * (A * N**-alpha + B * D**-beta) ** q``: the Chinchilla law has q = s = 1, the Kaplan law
E = 0 and q = alpha_D. On a budget C = k*N*D the best N is where ``alpha*A*N**-alpha`` equals
``beta*B*D**-beta``, whatever q is (Hoffmann et al. 2022, eq. 4).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np

from scalinglaws.arrays import FloatArray
from scalinglaws.core.algebra import Product, products
from scalinglaws.core.expression import Apply, Expression, Name, Number, evaluate, names_in
from scalinglaws.core.law import Law


@dataclass(frozen=True)
class ClosedForm:
    """The canonical form at each row of a batch; every field has shape (rows, 1)."""

    E: FloatArray
    scale: FloatArray
    A: FloatArray
    alpha: FloatArray
    B: FloatArray
    beta: FloatArray
    q: FloatArray

    def aligned(self, ndim: int) -> ClosedForm:
        """The same for arrays of that many axes, the first of which is that of the rows."""
        shape = (-1,) + (1,) * (ndim - 1)
        return ClosedForm(*(getattr(self, f.name).reshape(shape) for f in fields(self)))

    @property
    def a(self) -> FloatArray:
        """Exponent of N along the frontier."""
        return np.asarray(self.beta / (self.alpha + self.beta))

    @property
    def gamma(self) -> FloatArray:
        """Exponent at which the sum of the two terms falls with compute."""
        return np.asarray(self.alpha * self.beta / (self.alpha + self.beta))

    @property
    def G(self) -> FloatArray:
        """N along the frontier where C/k is 1."""
        ratio = self.alpha * self.A / (self.beta * self.B)
        return np.asarray(ratio ** (1.0 / (self.alpha + self.beta)))

    def parameters(self, area: FloatArray) -> FloatArray:
        """The best N where N*D is `area`."""
        return np.asarray(self.G * area**self.a)

    def tokens_beside(self, N: FloatArray) -> FloatArray:
        """The D at which this N is the best choice."""
        return np.asarray(
            (self.beta * self.B / (self.alpha * self.A) * N**self.alpha) ** (1.0 / self.beta)
        )

    def parameters_beside(self, D: FloatArray) -> FloatArray:
        """The N at which this D is the best choice."""
        return np.asarray(
            (self.alpha * self.A / (self.beta * self.B) * D**self.beta) ** (1.0 / self.alpha)
        )

    def area(self, performance: FloatArray) -> FloatArray:
        """The least N*D that reaches a performance; infinite at the floor and below."""
        at_one = self.A * self.G**-self.alpha + self.B * self.G**self.beta
        return np.asarray((self._terms(performance) / at_one) ** (-1.0 / self.gamma))

    def tokens(self, performance: FloatArray, N: FloatArray) -> FloatArray:
        """The D that reaches a performance with N parameters; infinite where none does."""
        rest = np.maximum(self._terms(performance) - self.A * N**-self.alpha, 0.0)
        return np.asarray((rest / self.B) ** (-1.0 / self.beta))

    def _terms(self, performance: FloatArray) -> FloatArray:
        return np.asarray(np.maximum((performance - self.E) / self.scale, 0.0) ** (1.0 / self.q))


def closed_form_of(law: Law, params: Mapping[str, FloatArray]) -> ClosedForm | None:
    """The canonical form of a law, or None if it has none or its estimate is not of that kind.

    `params` also has values for variables other than N and D.
    """
    form = _form(law)
    if form is None:
        return None
    with np.errstate(all="ignore"):
        found = form.at(params)
    fine = [found.A > 0, found.B > 0, found.alpha > 0, found.beta > 0]
    way = np.sign(found.scale * found.q)  # falls with size, or rises
    fine.append((way != 0) & (way == way[0]))
    estimate_fine = all(bool(f[0, 0]) for f in fine)
    if not estimate_fine:
        return None
    rows = np.logical_and.reduce(np.broadcast_arrays(*fine))
    found.alpha[~rows] = np.nan  # a draw without a frontier has no answer
    return found


@dataclass(frozen=True)
class _Form:
    offset: tuple[Product, ...]
    scale: tuple[float, Expression]
    q: Expression
    by_n: Product
    by_d: Product

    def at(self, params: Mapping[str, FloatArray]) -> ClosedForm:
        shape = next(iter(params.values())).shape

        def value(expression: Expression) -> FloatArray:
            return np.array(np.broadcast_to(evaluate(expression, params), shape), dtype=float)

        offset = np.zeros(shape)
        for part in self.offset:
            offset = offset + _coefficient(part, params, shape)
        sign, scale = self.scale
        return ClosedForm(
            offset, sign * value(scale),
            _coefficient(self.by_n, params, shape), -value(self.by_n.factors[Name("N")]),
            _coefficient(self.by_d, params, shape), -value(self.by_d.factors[Name("D")]),
            value(self.q),
        )  # fmt: skip


def _coefficient(
    part: Product, params: Mapping[str, FloatArray], shape: tuple[int, ...]
) -> FloatArray:
    """What a product is apart from N and D."""
    total = np.full(shape, part.sign)
    euler = {**params, "exp(1)": np.e}
    for base, exponent in part.factors.items():
        if base not in (Name("N"), Name("D")):
            total = total * evaluate(Apply("**", (base, exponent)), euler)
    return total


def _fixed_names(law: Law) -> list[str]:
    """Parameters and further variables: what has one value along a budget."""
    others = [v for v in law.variables if v not in ("N", "D")]
    return [*law.parameter_names, *others]


def _form(law: Law) -> _Form | None:
    """The law taken apart into an offset and two powers, one of N and one of D."""
    if not {"N", "D"} <= set(law.variables) or "C" in law.variables:
        return None
    fixed = _fixed_names(law)
    parts = products(law.parsed.expression, fixed)
    moving = [p for p in parts if _variables(p)]
    offset = tuple(p for p in parts if not _variables(p))
    scale: tuple[float, Expression] = (1.0, Number(1.0))
    q: Expression = Number(1.0)
    if len(moving) == 1:
        opened = _open(moving[0], law)
        if opened is None:
            return None
        moving, q, scale = opened
    elif all(p.sign < 0 for p in moving):
        moving = [Product(1.0, p.factors) for p in moving]
        scale = (-1.0, Number(1.0))
    by = {v: [p for p in moving if _variables(p) == {v}] for v in ("N", "D")}
    if len(moving) != 2 or any(len(own) != 1 for own in by.values()):
        return None
    by_n, by_d = by["N"][0], by["D"][0]
    if not (_is_power(by_n, "N") and _is_power(by_d, "D")) or {"N", "D"} & set(names_in(q)):
        return None
    return _Form(offset, scale, q, by_n, by_d)


def _open(
    part: Product, law: Law
) -> tuple[list[Product], Expression, tuple[float, Expression]] | None:
    """A sum under an outer power, and what it is multiplied by."""
    inside = [b for b in part.factors if {"N", "D"} <= set(names_in(b))]
    if len(inside) != 1:
        return None
    scale: Expression = Number(1.0)
    for base, exponent in part.factors.items():
        if base != inside[0]:
            if {"N", "D"} & {*names_in(base), *names_in(exponent)}:
                return None
            scale = Apply("*", (scale, Apply("**", (base, exponent))))
    if "exp(1)" in names_in(scale):
        return None
    moving = products(inside[0], _fixed_names(law))
    return moving, part.factors[inside[0]], (part.sign, scale)


def _variables(part: Product) -> set[str]:
    return {
        name
        for base, exponent in part.factors.items()
        for side in (base, exponent)
        for name in names_in(side)
    } & {"N", "D"}


def _is_power(part: Product, variable: str) -> bool:
    """The variable is in the product as a base of its own, and nowhere else."""
    if Name(variable) not in part.factors:
        return False
    elsewhere = [
        side
        for base, exponent in part.factors.items()
        for side in ((exponent,) if base == Name(variable) else (base, exponent))
    ]
    return not any(variable in names_in(side) for side in elsewhere)
