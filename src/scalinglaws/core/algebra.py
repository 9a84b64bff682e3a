"""Algebra on expression trees: sums, products of powers, and affine dependence."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from scalinglaws.core.expression import Apply, Expression, Name, Number, names_in

ONE, ZERO = Number(1.0), Number(0.0)
EULER = Name("exp(1)")  # the base of exp; no identifier, so it cannot collide with a user's name
_MOST_TERMS = 64


def add(u: Expression, v: Expression) -> Expression:
    """Sum with the trivial cases folded."""
    if isinstance(u, Number) and isinstance(v, Number):
        return Number(u.value + v.value)
    if u == ZERO:
        return v
    return u if v == ZERO else Apply("+", (u, v))


def multiply(u: Expression, v: Expression) -> Expression:
    """Product with the trivial cases folded."""
    if isinstance(u, Number) and isinstance(v, Number):
        return Number(u.value * v.value)
    if ZERO in (u, v):
        return ZERO
    if u == ONE:
        return v
    return u if v == ONE else Apply("*", (u, v))


def substitute(expression: Expression, replacements: Mapping[str, Expression]) -> Expression:
    """The expression with some of its names replaced."""
    if isinstance(expression, Name):
        return replacements.get(expression.name, expression)
    if isinstance(expression, Apply):
        return Apply(
            expression.function,
            tuple(substitute(argument, replacements) for argument in expression.arguments),
        )
    return expression


def depends_on(expression: Expression, names: Collection[str]) -> bool:
    """Whether any of the names occurs."""
    return any(name in names for name in names_in(expression))


def affine(
    expression: Expression, names: Collection[str]
) -> tuple[Expression, dict[str, Expression]] | None:
    """Constant and slopes of an expression that is affine in `names`; None if it is not."""
    if not depends_on(expression, names):
        return expression, {}
    if isinstance(expression, Name):
        return ZERO, {expression.name: ONE}
    assert isinstance(expression, Apply)
    match expression.function, expression.arguments:
        case "neg", (inner,):
            return _scaled(affine(inner, names), Number(-1.0))
        case ("+" | "-") as sign, (u, v):
            left = affine(u, names)
            right = _scaled(affine(v, names), Number(1.0 if sign == "+" else -1.0))
            if left is None or right is None:
                return None
            slopes = dict(left[1])
            for name, slope in right[1].items():
                slopes[name] = add(slopes.get(name, ZERO), slope)
            return add(left[0], right[0]), slopes
        case "*", (u, v) if not depends_on(u, names):
            return _scaled(affine(v, names), u)
        case "*", (u, v) if not depends_on(v, names):
            return _scaled(affine(u, names), v)
        case "/", (u, v) if not depends_on(v, names):
            return _scaled(affine(u, names), Apply("/", (ONE, v)))
    return None


def _scaled(
    parts: tuple[Expression, dict[str, Expression]] | None, factor: Expression
) -> tuple[Expression, dict[str, Expression]] | None:
    if parts is None:
        return None
    constant, slopes = parts
    return multiply(constant, factor), {n: multiply(s, factor) for n, s in slopes.items()}


# --- sums and products ---------------------------------------------------------------------


@dataclass(frozen=True)
class Product:
    """``sign * product of base ** exponent``, as one additive part of a law."""

    sign: float
    factors: Mapping[Expression, Expression]


def products(expression: Expression, parameters: Collection[str]) -> list[Product]:
    """The additive parts of an expression; products over sums of terms are multiplied out."""
    match expression:
        case Apply("+", (u, v)):
            return products(u, parameters) + products(v, parameters)
        case Apply("-", (u, v)):
            return products(u, parameters) + [_negated(p) for p in products(v, parameters)]
        case Apply("neg", (u,)):
            return [_negated(p) for p in products(u, parameters)]
        case Apply("*", (u, v)):
            left, right = products(u, parameters), products(v, parameters)
            return _expanded(expression, (u, left), (v, right), parameters)
        case Apply("/", (u, v)):
            left = products(u, parameters)
            if len(left) > 1:
                inverse = Apply("**", (v, Number(-1.0)))
                right = [_as_product(inverse)]
                return _expanded(expression, (u, left), (inverse, right), parameters)
    return [_as_product(expression)]


def _negated(product: Product) -> Product:
    return Product(-product.sign, product.factors)


def _expanded(
    whole: Expression,
    first: tuple[Expression, list[Product]],
    second: tuple[Expression, list[Product]],
    parameters: Collection[str],
) -> list[Product]:
    """Multiply out, but only where a sum holds coefficients of its own: b*(1 - exp(-c*x)) stays."""
    (u, left), (v, right) = first, second
    if not any(len(s) > 1 and _has_coefficients(s, parameters) for s in (left, right)):
        return [_as_product(whole)]
    # A sum without coefficients of its own goes in as one factor.
    if len(left) > 1 and not _has_coefficients(left, parameters):
        left = [Product(1.0, {u: ONE})]
    if len(right) > 1 and not _has_coefficients(right, parameters):
        right = [Product(1.0, {v: ONE})]
    if len(left) * len(right) > _MOST_TERMS:
        return [_as_product(whole)]
    return [Product(p.sign * q.sign, _merge(p.factors, q.factors)) for p in left for q in right]


def _has_coefficients(parts: list[Product], parameters: Collection[str]) -> bool:
    return any(
        isinstance(base, Name) and base.name in parameters
        for part in parts
        for base in part.factors
    )


def _as_product(expression: Expression) -> Product:
    sign, factors = 1.0, _factors(expression)
    number = factors.pop(_NUMBER, None)
    value = 1.0 if number is None else number.value  # type: ignore[union-attr]
    if value < 0:
        sign, value = -1.0, -value
    if value != 1.0:
        factors = {Number(value): ONE, **factors}
    return Product(sign, factors)


_NUMBER = Name("number factor")  # key under which plain numbers are gathered


def _factors(expression: Expression) -> dict[Expression, Expression]:
    """Bases and their exponents; ``(u*v)**e`` is taken apart, as it may be for positive bases."""
    match expression:
        case Number(value):
            return {_NUMBER: Number(value)}
        case Apply("neg", (u,)):
            return _merge({_NUMBER: Number(-1.0)}, _factors(u))
        case Apply("*", (u, v)):
            return _merge(_factors(u), _factors(v))
        case Apply("/", (u, v)):
            return _merge(_factors(u), _raised(_factors(v), Number(-1.0)))
        case Apply("**", (u, e)):
            return _raised(_factors(u), e)
        case Apply("sqrt", (u,)):
            return _raised(_factors(u), Number(0.5))
        case Apply("exp", (u,)):
            return {EULER: u}
    return {expression: ONE}


def _raised(factors: dict[Expression, Expression], e: Expression) -> dict[Expression, Expression]:
    raised: dict[Expression, Expression] = {}
    for base, exponent in factors.items():
        if base == _NUMBER:
            assert isinstance(exponent, Number)
            folded = _power_of_numbers(exponent.value, e)
            if folded is None:
                raised[exponent] = e  # 2**alpha: a number as a base of its own
            else:
                raised[_NUMBER] = folded
        else:
            raised[base] = multiply(exponent, e)
    return raised


def _power_of_numbers(base: float, e: Expression) -> Number | None:
    """A power of two numbers, where it is a number."""
    if not isinstance(e, Number) or not (base > 0 or e.value == int(e.value)):
        return None
    try:
        return Number(base**e.value)
    except (OverflowError, ZeroDivisionError):
        return None


def _merge(
    left: Mapping[Expression, Expression], right: Mapping[Expression, Expression]
) -> dict[Expression, Expression]:
    merged = dict(left)
    for base, exponent in right.items():
        if base not in merged:
            merged[base] = exponent
        elif base == _NUMBER:
            merged[base] = multiply(merged[base], exponent)
        else:
            merged[base] = add(merged[base], exponent)
    return merged


def is_positive(expression: Expression) -> bool:
    """Positive whatever its names are, as long as these are positive."""
    match expression:
        case Number(value):
            return value > 0
        case Name():
            return True
        case Apply("+" | "*" | "/" | "min" | "max" | "smoothmax" | "saturate", arguments):
            return all(is_positive(a) for a in arguments)
        case Apply("**", (base, _)):
            return is_positive(base)
        case Apply("exp" | "sigmoid" | "share", _):
            return True
        case Apply("sqrt", (u,)):
            return is_positive(u)
    return False


def is_whole(exponent: Expression) -> bool:
    """A power that negative bases have too."""
    return isinstance(exponent, Number) and exponent.value == int(exponent.value)


def is_positive_factor(base: Expression, exponent: Expression, parameters: Collection[str]) -> bool:
    """A base under a power must be positive anyway, such as log(D) in ``log(D)**b``."""
    powered = exponent != ONE and not (depends_on(base, parameters) and is_whole(exponent))
    return base == EULER or is_positive(base) or powered
