"""Laws turned inside out: the part that is linear, once what stands around it is taken off.

In ``eps + (top - eps) * share(b * D**c, alpha)`` the logarithm of ``b * D**c`` is affine in log b
and c; given eps, top and alpha, each performance says what it must be. `find_inversion` finds such
a part, `invert` takes a performance there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from scalinglaws.core.algebra import (
    EULER,
    ONE,
    ZERO,
    add,
    affine,
    depends_on,
    multiply,
    products,
)
from scalinglaws.core.expression import Apply, Expression, Name, Number, evaluate, power, walk
from scalinglaws.core.structure import log_affine

HOLE = Name("inner part")  # no identifier, so that it cannot collide with a name
_FIRST_ARGUMENT_ONLY = ("share",)
_LARGEST = 200  # nodes of a law; the search takes their square, and longer


@dataclass(frozen=True)
class Form:
    """A part of a law as ``constant + sum of slope * unknown``, or the logarithm of one.

    Attributes
    ----------
    slopes : by the name of the parameter
    logarithmic : it is the part's logarithm
    logs : parameters whose unknown is their logarithm
    powers : exponents of parameters whose unknown is a power of them
    """

    constant: Expression
    slopes: Mapping[str, Expression]
    logarithmic: bool = False
    logs: frozenset[str] = frozenset()
    powers: Mapping[str, Expression] = field(default_factory=dict)


@dataclass(frozen=True)
class Inversion:
    """A law as ``outer(inner)``.

    Attributes
    ----------
    outer : the law with `HOLE` in place of its inner part
    form : of the inner part
    searched : parameters that must be known for the rest to follow
    levels : those of them that are added to, or subtracted from, the performance
    """

    outer: Expression
    form: Form
    searched: tuple[str, ...]
    levels: frozenset[str]


def find_inversion(expression: Expression, parameters: Sequence[str]) -> Inversion | None:
    """The part with the most parameters that follow by linear algebra; None if there is none."""
    if sum(1 for _ in walk(expression)) > _LARGEST:
        return None
    best: Inversion | None = None
    for form in (expression, _without_smoothmax(expression)):
        for node in walk(form):
            found = _inversion_at(form, node, parameters)
            if found and (best is None or len(found.form.slopes) > len(best.form.slopes)):
                best = found
    return best


def _without_smoothmax(expression: Expression) -> Expression:
    """Smooth maxima as the power of a sum of powers that they are."""
    if not isinstance(expression, Apply):
        return expression
    arguments = tuple(_without_smoothmax(argument) for argument in expression.arguments)
    if expression.function != "smoothmax":
        return Apply(expression.function, arguments)
    *terms, q = arguments
    inverse = Apply("/", (ONE, q))
    total: Expression = ZERO
    for term in terms:
        total = add(total, Apply("**", (term, inverse)))
    return Apply("**", (total, q))


def _inversion_at(
    expression: Expression, node: Expression, parameters: Sequence[str]
) -> Inversion | None:
    """The law turned inside out around one part; None where that is not possible."""
    total, own = _counts(expression, parameters), _counts(node, parameters)
    inside = [p for p in parameters if own[p] and own[p] == total[p]]
    if len(inside) < 2 or node == expression:
        return None
    forms = (_log_form(node, inside), _plain_form(node, inside), _power_form(node, inside))
    form = max(filter(None, forms), key=lambda f: len(f.slopes), default=None)
    if form is None or len(form.slopes) < 2:
        return None
    outer = _with_hole(expression, node)
    if not _is_invertible(outer, form.slopes):
        return None
    searched = tuple(p for p in parameters if p not in form.slopes)
    return Inversion(outer, form, searched, frozenset(_levels(outer) & set(searched)))


def _counts(expression: Expression, parameters: Collection[str]) -> dict[str, int]:
    found = dict.fromkeys(parameters, 0)
    for node in walk(expression):
        if isinstance(node, Name) and node.name in found:
            found[node.name] += 1
    return found


def _plain_form(node: Expression, names: Sequence[str]) -> Form | None:
    """A sum, in as many of the names as it can be linear in together."""
    linear: list[str] = []
    for name in names:
        if affine(node, [*linear, name]) is not None:
            linear.append(name)
    found = affine(node, linear) if linear else None
    return None if found is None else Form(*found)


def _power_form(node: Expression, names: Sequence[str]) -> Form | None:
    """A sum in which each name scales one term, perhaps as a power of itself."""
    constant: Expression = ZERO
    slopes: dict[str, Expression] = {}
    powers: dict[str, Expression] = {}
    counts = _counts(node, names)
    for part in products(node, names):
        own = [b for b in part.factors if isinstance(b, Name) and counts.get(b.name) == 1]
        rest: Expression = Number(part.sign)
        for base, exponent in part.factors.items():
            if not own or base != own[0]:
                factor = Apply("exp", (exponent,)) if base == EULER else base
                raised = exponent != ONE and base != EULER
                rest = multiply(rest, Apply("**", (factor, exponent)) if raised else factor)
        if own:
            slopes[own[0].name], powers[own[0].name] = rest, part.factors[own[0]]
        else:
            constant = add(constant, rest)
    return Form(constant, slopes, powers=powers) if slopes else None


def _log_form(node: Expression, names: Sequence[str]) -> Form | None:
    """A product, in as many of the names as its logarithm can be linear in together."""
    parts = products(node, names)
    if len(parts) != 1 or parts[0].sign < 0:
        return None
    bases = {base.name for base in parts[0].factors if isinstance(base, Name)}
    best: Form | None = None
    for name in names:
        linear = [*(best.slopes if best else ()), name]
        logs = frozenset(bases & set(linear))
        found = log_affine(parts[0], linear, logs)
        if found is not None:
            best = Form(found.constant, found.slopes, logarithmic=True, logs=logs)
    return best


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
