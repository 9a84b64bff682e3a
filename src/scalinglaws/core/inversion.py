"""Laws turned inside out: the part that is linear, once what stands around it is taken off.

In ``eps + (top - eps) * share(b * D**c, alpha)`` the logarithm of ``b * D**c`` is affine in log b
and c; given eps, top and alpha, each performance says what it must be. `find_inversion` finds such
a part, `invert` takes a performance there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from scalinglaws.core.algebra import (
    EULER,
    ONE,
    ZERO,
    Product,
    add,
    affine,
    depends_on,
    multiply,
    products,
)
from scalinglaws.core.expression import Apply, Expression, Name, evaluate, power, walk

HOLE = Name("inner part")  # no identifier, so that it cannot collide with a name
_FIRST_ARGUMENT_ONLY = ("share",)


@dataclass(frozen=True)
class Inversion:
    """A law as ``outer(inner)``.

    Attributes
    ----------
    outer : the law with `HOLE` in place of its inner part
    logarithmic : the inner part's logarithm is affine in the working parameters, not it itself
    constant, slopes : of that affine form; slopes are by the name of the parameter
    logs : parameters that stand in it as their logarithm
    searched : parameters that must be known for the rest to follow
    levels : those of them that are added to, or subtracted from, the performance
    """

    outer: Expression
    logarithmic: bool
    constant: Expression
    slopes: Mapping[str, Expression]
    logs: frozenset[str]
    searched: tuple[str, ...]
    levels: frozenset[str]


def find_inversion(expression: Expression, parameters: Sequence[str]) -> Inversion | None:
    """The part with the most parameters that follow by linear algebra; None if there is none."""
    total = _counts(expression, parameters)
    best: Inversion | None = None
    for node in walk(expression):
        own = _counts(node, parameters)
        inside = [p for p in parameters if own[p] and own[p] == total[p]]
        if len(inside) < 2 or node == expression:
            continue
        for logarithmic in (True, False):
            found = _log_form(node, inside) if logarithmic else _plain_form(node, inside)
            if found is None or len(found[1]) <= (0 if best is None else len(best.slopes)):
                continue
            outer = _with_hole(expression, node)
            if len(found[1]) < 2 or not _is_invertible(outer, found[1]):
                continue
            searched = tuple(p for p in parameters if p not in found[1])
            levels = frozenset(_levels(outer) & set(searched))
            logs = _bases(node, found[1]) if logarithmic else frozenset()
            best = Inversion(outer, logarithmic, *found, logs, searched, levels)
    return best


def _counts(expression: Expression, parameters: Collection[str]) -> dict[str, int]:
    found = dict.fromkeys(parameters, 0)
    for node in walk(expression):
        if isinstance(node, Name) and node.name in found:
            found[node.name] += 1
    return found


def _plain_form(
    node: Expression, names: Sequence[str]
) -> tuple[Expression, dict[str, Expression]] | None:
    """Constant and slopes of a sum, in as many of the names as can be."""
    linear: list[str] = []
    for name in names:
        if affine(node, [*linear, name]) is not None:
            linear.append(name)
    return affine(node, linear) if linear else None


def _log_form(
    node: Expression, names: Sequence[str]
) -> tuple[Expression, dict[str, Expression]] | None:
    """Constant and slopes of the logarithm of a product, in as many of the names as can be."""
    parts = products(node, names)
    if len(parts) != 1 or parts[0].sign < 0:
        return None
    best: tuple[Expression, dict[str, Expression]] | None = None
    linear: list[str] = []
    for name in names:
        found = _log_affine(parts[0], [*linear, name])
        if found is not None:
            linear.append(name)
            best = found
    return best


def _log_affine(
    part: Product, linear: Sequence[str]
) -> tuple[Expression, dict[str, Expression]] | None:
    constant: Expression = ZERO
    slopes: dict[str, Expression] = {}
    bases = [b.name for b in part.factors if isinstance(b, Name) and b.name in linear]
    for base, exponent in part.factors.items():
        form = affine(exponent, linear)
        if depends_on(exponent, bases) or form is None:
            return None
        if isinstance(base, Name) and base.name in bases:
            if form[1]:
                return None
            slopes[base.name] = exponent
            continue
        if depends_on(base, linear):
            return None
        log_base = ONE if base == EULER else Apply("log", (base,))
        constant = add(constant, multiply(form[0], log_base))
        for name, slope in form[1].items():
            slopes[name] = add(slopes.get(name, ZERO), multiply(slope, log_base))
    return constant, slopes


def _bases(node: Expression, linear: Collection[str]) -> frozenset[str]:
    """Parameters that are factors of a product."""
    factors = products(node, linear)[0].factors
    return frozenset(b.name for b in factors if isinstance(b, Name) and b.name in linear)


def _with_hole(expression: Expression, part: Expression) -> Expression:
    if expression == part:
        return HOLE
    if isinstance(expression, Apply):
        return Apply(expression.function, tuple(_with_hole(a, part) for a in expression.arguments))
    return expression


def _holds(expression: Expression) -> bool:
    return any(node == HOLE for node in walk(expression))


def _is_invertible(outer: Expression, linear: Collection[str]) -> bool:
    """Each step has an inverse, and the hole stands in one place."""
    if sum(node == HOLE for node in walk(outer)) != 1 or depends_on(outer, linear):
        return False
    here = outer
    while here != HOLE:
        assert isinstance(here, Apply)
        known = here.function in _INVERSES or here.function in (*"+-*/", "**")
        if not known and not (here.function in _FIRST_ARGUMENT_ONLY and _holds(here.arguments[0])):
            return False
        here = next(argument for argument in here.arguments if _holds(argument))
    return True


def _levels(outer: Expression) -> set[str]:
    """Names that stand by themselves in sums and differences around the hole."""
    found: set[str] = set()
    for node in walk(outer):
        if isinstance(node, Apply) and node.function in ("+", "-"):
            found |= {a.name for a in node.arguments if isinstance(a, Name) and a != HOLE}
    return found


_INVERSES: Mapping[str, Callable[[Any], Any]] = {
    "neg": np.negative,
    "exp": np.log,
    "log": np.exp,
    "log2": np.exp2,
    "log10": lambda y: 10.0**y,
    "log1p": np.expm1,
    "expm1": np.log1p,
    "sqrt": np.square,
    "tanh": np.arctanh,
    "sigmoid": lambda y: np.log(y / (1 - y)),
}


def invert(outer: Expression, target: Any, values: Mapping[str, Any]) -> Any:
    """What the hole must be for the law to be `target`; NaN where nothing is."""
    if outer == HOLE:
        return target
    assert isinstance(outer, Apply)
    place = next(k for k, argument in enumerate(outer.arguments) if _holds(argument))
    inner = outer.arguments[place]
    others = [evaluate(a, values) for k, a in enumerate(outer.arguments) if k != place]
    match outer.function, place:
        case "+", _:
            target = target - others[0]
        case "-", 0:
            target = target + others[0]
        case "-", 1:
            target = others[0] - target
        case "*", _:
            target = np.true_divide(target, others[0])
        case "/", 0:
            target = target * others[0]
        case "/", 1:
            target = np.true_divide(others[0], target)
        case "**", 0:
            target = power(target, np.true_divide(1.0, others[0]))
        case "**", 1:
            target = np.log(target) / np.log(others[0])
        case "share", _:
            target = target / power(1 - target, others[0])
        case function, _:
            target = _INVERSES[function](target)
    return invert(inner, target, values)
