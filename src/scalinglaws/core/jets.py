"""Exact first and second derivatives of an expression, by second-order forward differentiation.

A `Jet` carries a value, its non-zero first derivatives and its non-zero second derivatives with
respect to numbered names. Arrays keep the smallest shape that broadcasting allows: the derivative
of a parameter with respect to itself is the number 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from scalinglaws.core.expression import UNARY, Expression, Name, Number, first_wins, power
from scalinglaws.core.functions import FUNCTIONS_OF_SEVERAL, Pair, Partials


@dataclass(slots=True)
class Jet:
    """Value, gradient by index and Hessian by (smaller, larger) pair of indices."""

    value: Any
    gradient: dict[int, Any] = field(default_factory=dict)
    hessian: dict[Pair, Any] = field(default_factory=dict)

    @property
    def is_constant(self) -> bool:
        """No derivative differs from zero."""
        return not self.gradient


def differentiate(expression: Expression, values: Mapping[str, Jet]) -> Jet:
    """Value and derivatives of `expression`, given a jet for each of its names."""
    if isinstance(expression, Number):
        return Jet(expression.value)
    if isinstance(expression, Name):
        return values[expression.name]
    arguments = [differentiate(argument, values) for argument in expression.arguments]
    match expression.function:
        case "+":
            return _combine(arguments[0], 1.0, arguments[1], 1.0)
        case "-":
            return _combine(arguments[0], 1.0, arguments[1], -1.0)
        case "*":
            return _multiply(arguments[0], arguments[1])
        case "/":
            return _divide(arguments[0], arguments[1])
        case "**":
            return _power(arguments[0], arguments[1])
        case "min" | "max" as which:
            result = arguments[0]
            for other in arguments[1:]:
                result = _choose(first_wins(which, result.value, other.value), result, other)
            return result
        case name if name in FUNCTIONS_OF_SEVERAL:
            return _function_of_several(name, arguments)
        case name:
            return _function_of_one(name, arguments[0])


def _function_of_one(name: str, inner: Jet) -> Jet:
    function, u = UNARY[name], np.asarray(inner.value)
    f = function.value(u)
    if inner.is_constant:
        return Jet(f)
    return chain(inner, f, function.first(u, f), function.second(u, f))


def _function_of_several(name: str, arguments: Sequence[Jet]) -> Jet:
    function = FUNCTIONS_OF_SEVERAL[name]
    values = [np.asarray(argument.value) * 1.0 for argument in arguments]
    if all(argument.is_constant for argument in arguments):
        return Jet(function.value(*values))
    return chain_several(arguments, function.partials(*values))


def chain(inner: Jet, value: Any, first: Any, second: Any) -> Jet:
    """Jet of f(u) from the jet of u and the values of f, f' and f''."""
    hessian = {pair: first * h for pair, h in inner.hessian.items()}
    items = sorted(inner.gradient.items())
    for place, (i, du_i) in enumerate(items):
        bent = second * du_i
        for j, du_j in items[place:]:
            _add_to(hessian, (i, j), bent * du_j)
    return Jet(value, {i: first * du for i, du in inner.gradient.items()}, hessian)


def chain_several(inner: Sequence[Jet], outer: Partials) -> Jet:
    """Jet of f(u, v, ...) from the jets of its arguments and its partial derivatives."""
    gradient: dict[int, Any] = {}
    hessian: dict[Pair, Any] = {}
    for jet, slope in zip(inner, outer.first, strict=True):
        for i, du in jet.gradient.items():
            _add_to(gradient, i, slope * du)
        for pair, h in jet.hessian.items():
            _add_to(hessian, pair, slope * h)
    for (a, b), curvature in outer.second.items():
        for i, du in inner[a].gradient.items():
            for j, dv in inner[b].gradient.items():
                # f_ab stands for f_ba as well, and both orders of (i, j) are one entry
                if a == b and i > j:
                    continue
                both = 2.0 if a != b and i == j else 1.0
                _add_to(hessian, (min(i, j), max(i, j)), both * curvature * du * dv)
    return Jet(outer.value, gradient, hessian)


def _add_to(terms: dict[Any, Any], key: Any, term: Any) -> None:
    terms[key] = terms[key] + term if key in terms else term


def _combine(u: Jet, scale_u: float, v: Jet, scale_v: float) -> Jet:
    gradient = {i: scale_u * d for i, d in u.gradient.items()}
    for i, d in v.gradient.items():
        _add_to(gradient, i, scale_v * d)
    hessian = {pair: scale_u * h for pair, h in u.hessian.items()}
    for pair, h in v.hessian.items():
        _add_to(hessian, pair, scale_v * h)
    return Jet(scale_u * u.value + scale_v * v.value, gradient, hessian)


def _multiply(u: Jet, v: Jet) -> Jet:
    gradient = {i: d * v.value for i, d in u.gradient.items()}
    for i, d in v.gradient.items():
        _add_to(gradient, i, u.value * d)
    hessian = {pair: h * v.value for pair, h in u.hessian.items()}
    for pair, h in v.hessian.items():
        _add_to(hessian, pair, u.value * h)
    for i, du in u.gradient.items():
        for j, dv in v.gradient.items():
            # the diagonal receives both orders of the mixed product
            _add_to(hessian, (min(i, j), max(i, j)), du * dv * (2.0 if i == j else 1.0))
    return Jet(u.value * v.value, gradient, hessian)


def _divide(u: Jet, v: Jet) -> Jet:
    inverse = np.true_divide(1.0, v.value)
    if v.is_constant:
        return _multiply(u, Jet(inverse))
    return _multiply(u, chain(v, inverse, -(inverse**2), 2 * inverse**3))


def _power(base: Jet, exponent: Jet) -> Jet:
    if exponent.is_constant:
        c, u = exponent.value, base.value
        if base.is_constant:
            return Jet(power(u, c))
        if np.ndim(c) == 0 and c == 1.0:  # c - 2 would be a pole at u = 0
            return base
        return chain(base, power(u, c), c * power(u, c - 1.0), c * (c - 1.0) * power(u, c - 2.0))
    log_base = np.log(np.asarray(base.value))
    if base.is_constant:
        value = np.exp(exponent.value * log_base)
        return chain(exponent, value, value * log_base, value * log_base**2)
    u = np.asarray(base.value)
    logarithm = chain(base, log_base, 1 / u, -1 / u**2)
    product = _multiply(exponent, logarithm)
    value = np.exp(product.value)
    return chain(product, value, value, value)


def _choose(condition: Any, u: Jet, v: Jet) -> Jet:
    def pick(left: Mapping[Any, Any], right: Mapping[Any, Any]) -> dict[Any, Any]:
        keys = {**left, **right}
        return {k: np.where(condition, left.get(k, 0.0), right.get(k, 0.0)) for k in keys}

    return Jet(
        np.where(condition, u.value, v.value),
        pick(u.gradient, v.gradient),
        pick(u.hessian, v.hessian),
    )
