"""Expression trees of formulas, and the functions that they may use.

Every function carries its value and its first two derivatives, so that a law's gradient
and Hessian are exact by the chain rule (see `autodiff`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from scalinglaws.core.functions import FUNCTIONS_OF_SEVERAL, Array, sigmoid


@dataclass(frozen=True, slots=True)
class Number:
    """A literal number."""

    value: float


@dataclass(frozen=True, slots=True)
class Name:
    """A variable or a parameter."""

    name: str


@dataclass(frozen=True, slots=True)
class Apply:
    """An operator or a function applied to its arguments: ``+ - * / ** neg`` or a name."""

    function: str
    arguments: tuple[Expression, ...]


Expression = Number | Name | Apply


@dataclass(frozen=True, slots=True)
class UnaryFunction:
    """A function of one argument ``u``; the derivatives get ``u`` and the value ``f(u)``."""

    value: Callable[[Array], Array]
    first: Callable[[Array, Array], Array]
    second: Callable[[Array, Array], Array]
    latex: str


def _absolute(u: Array) -> Array:
    # analytic continuation: np.abs would lose the imaginary part of a complex step
    return np.where(np.real(u) < 0, -u, u)


# Value, first and second derivative, and LaTeX.
UNARY: Mapping[str, UnaryFunction] = {
    name: UnaryFunction(value, first, second, latex)
    for name, value, first, second, latex in (
        ("neg", np.negative, lambda u, f: -np.ones_like(u), lambda u, f: np.zeros_like(u), "-{}"),
        ("exp", np.exp, lambda u, f: f, lambda u, f: f, r"\exp\left({}\right)"),
        ("log", np.log, lambda u, f: 1 / u, lambda u, f: -1 / u**2, r"\log\left({}\right)"),
        ("log2", np.log2, lambda u, f: 1 / (u * np.log(2)),
         lambda u, f: -1 / (u**2 * np.log(2)), r"\log_2\left({}\right)"),
        ("log10", np.log10, lambda u, f: 1 / (u * np.log(10)),
         lambda u, f: -1 / (u**2 * np.log(10)), r"\log_{{10}}\left({}\right)"),
        ("log1p", np.log1p, lambda u, f: 1 / (1 + u), lambda u, f: -1 / (1 + u) ** 2,
         r"\log\left(1 + {}\right)"),
        ("expm1", np.expm1, lambda u, f: f + 1, lambda u, f: f + 1,
         r"\left(e^{{{}}} - 1\right)"),
        ("sqrt", np.sqrt, lambda u, f: 0.5 / f, lambda u, f: -0.25 / (u * f), r"\sqrt{{{}}}"),
        ("abs", _absolute, lambda u, f: np.sign(np.real(u)), lambda u, f: np.zeros_like(u),
         r"\left|{}\right|"),
        ("tanh", np.tanh, lambda u, f: 1 - f**2, lambda u, f: -2 * f * (1 - f**2),
         r"\tanh\left({}\right)"),
        ("sigmoid", sigmoid, lambda u, f: f * (1 - f), lambda u, f: f * (1 - f) * (1 - 2 * f),
         r"\sigma\left({}\right)"),
        ("sin", np.sin, lambda u, f: np.cos(u), lambda u, f: -f, r"\sin\left({}\right)"),
        ("cos", np.cos, lambda u, f: -np.sin(u), lambda u, f: -f, r"\cos\left({}\right)"),
        ("arctan", np.arctan, lambda u, f: 1 / (1 + u**2), lambda u, f: -2 * u / (1 + u**2) ** 2,
         r"\arctan\left({}\right)"),
    )
}  # fmt: skip

VARIADIC = ("min", "max")
FUNCTIONS = (*(name for name in UNARY if name != "neg"), *VARIADIC, *FUNCTIONS_OF_SEVERAL)


def names_in(expression: Expression) -> list[str]:
    """Every name, in order of first appearance."""
    found: dict[str, None] = {}

    def visit(node: Expression) -> None:
        if isinstance(node, Name):
            found.setdefault(node.name)
        elif isinstance(node, Apply):
            for argument in node.arguments:
                visit(argument)

    visit(expression)
    return list(found)


def walk(expression: Expression) -> Iterator[Expression]:
    """Every node of the tree, parents first."""
    yield expression
    if isinstance(expression, Apply):
        for argument in expression.arguments:
            yield from walk(argument)


def evaluate(expression: Expression, values: Mapping[str, Any]) -> Any:
    """Value of the expression with numbers or arrays for its names; NumPy broadcasting applies.

    What is infinite or undefined is returned as such, without a warning.
    """
    with np.errstate(all="ignore"):
        return _evaluate(expression, values)


def _evaluate(expression: Expression, values: Mapping[str, Any]) -> Any:
    if isinstance(expression, Number):
        return expression.value
    if isinstance(expression, Name):
        return values[expression.name]
    arguments = [_evaluate(argument, values) for argument in expression.arguments]
    match expression.function:
        case "+":
            return arguments[0] + arguments[1]
        case "-":
            return arguments[0] - arguments[1]
        case "*":
            return arguments[0] * arguments[1]
        case "/":
            return np.true_divide(arguments[0], arguments[1])
        case "**":
            return power(arguments[0], arguments[1])
        case "min" | "max" as which:
            result = arguments[0]
            for other in arguments[1:]:
                result = np.where(first_wins(which, result, other), result, other)
            return result
        case name if name in FUNCTIONS_OF_SEVERAL:
            return FUNCTIONS_OF_SEVERAL[name].value(*(np.asarray(a) * 1.0 for a in arguments))
        case name:
            return UNARY[name].value(np.asarray(arguments[0]))


def power(base: Any, exponent: Any) -> Any:
    """``base ** exponent`` in floating point: integers would be refused a negative exponent."""
    return np.power(np.asarray(base) * 1.0, exponent)


def first_wins(which: str, left: Any, right: Any) -> Any:
    """Where `min` or `max` takes its left argument; complex steps compare by the real part."""
    if which == "min":
        return np.real(left) <= np.real(right)
    return np.real(left) >= np.real(right)
