"""Rewrite an expression in log space: products of positive factors become exponentials.

``A / N**alpha`` becomes ``exp(log A - alpha * log N)``, in which the logarithm of the coefficient
is the working parameter itself and ``log N`` is known. A power costs one exponential instead of a
power function and its poles, no factor under- or overflows on its own, and the logarithm of a law
that is a product or a power of a sum needs no exponential at all.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from scalinglaws.core.algebra import ONE, ZERO, add, depends_on, multiply
from scalinglaws.core.expression import Apply, Expression, Name, Number

_MINUS_ONE = Number(-1.0)


def working_name(parameter: str) -> str:
    """Name under which the logarithm of a positive parameter stands; no user's name has a space."""
    return f"log {parameter}"


def working_names(parameters: Sequence[str], positive: Sequence[bool]) -> list[str]:
    """Names of the working parameters, in order; `positive` tells which are logarithms."""
    pairs = zip(parameters, positive, strict=True)
    return [working_name(name) if is_positive else name for name, is_positive in pairs]


@dataclass(frozen=True)
class _Factored:
    """``rest * exp(logarithm)``."""

    rest: Expression
    logarithm: Expression

    def times(self, other: _Factored) -> _Factored:
        return _Factored(multiply(self.rest, other.rest), add(self.logarithm, other.logarithm))


class LogSpace:
    """Rewrites expressions in which some parameters stand for their logarithms.

    Parameters
    ----------
    parameters : names of all parameters; every other name is known
    positive : those worked on as logarithms
    """

    def __init__(self, parameters: Collection[str], positive: Collection[str]) -> None:
        self._parameters, self._positive = set(parameters), set(positive)

    def value(self, expression: Expression) -> Expression:
        """The same value."""
        factored = self._factored(expression)
        if factored.logarithm == ZERO:
            return factored.rest
        return multiply(factored.rest, Apply("exp", (factored.logarithm,)))

    def logarithm(self, expression: Expression) -> Expression:
        """The logarithm of the value."""
        factored = self._factored(expression)
        if factored.rest == ONE:
            return factored.logarithm
        return add(Apply("log", (factored.rest,)), factored.logarithm)

    def _factored(self, expression: Expression) -> _Factored:
        if not depends_on(expression, self._parameters):
            return _Factored(expression, ZERO)
        if isinstance(expression, Name):
            if expression.name in self._positive:
                return _Factored(ONE, Name(working_name(expression.name)))
            return _Factored(expression, ZERO)
        assert isinstance(expression, Apply)
        match expression.function, expression.arguments:
            case "*", (u, v):
                return self._factored(u).times(self._factored(v))
            case "/", (u, v):
                return self._factored(u).times(self._power(v, _MINUS_ONE))
            case "**", (u, exponent):
                return self._power(u, exponent)
            case "sqrt", (u,):
                return self._power(u, Number(0.5))
            case "exp", (u,):
                return _Factored(ONE, self.value(u))
        inner = tuple(self.value(argument) for argument in expression.arguments)
        return _Factored(Apply(expression.function, inner), ZERO)

    def _power(self, base: Expression, exponent: Expression) -> _Factored:
        whole = isinstance(exponent, Number) and exponent.value == int(exponent.value)
        if not whole:
            # only a positive base has such a power, and so it has a logarithm
            return _Factored(ONE, multiply(self.value(exponent), self.logarithm(base)))
        factored = self._factored(base)
        rest = ONE if factored.rest == ONE else Apply("**", (factored.rest, exponent))
        return _Factored(rest, multiply(exponent, factored.logarithm))
