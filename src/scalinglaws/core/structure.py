"""What a formula is made of: sums, products, exponents, and which parameters enter linearly.

Three questions are answered from the tree alone, and the solver lives on the answers:

* is the law a sum of positive products, each affine in the working parameters once the logarithm
  is taken (`log_affine_terms`)? Then value, gradient and Hessian are a softmax and its moments;
* which parameters enter linearly once the others are known (`separate`)? Then a start needs a
  search over the others only;
* what is the role of each parameter (`role_of`)?
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from scalinglaws.core.expression import Apply, Expression, Name, Number, evaluate, names_in, walk

ONE, ZERO = Number(1.0), Number(0.0)
_EULER = Name("exp(1)")  # no identifier, so it cannot collide with a user's name
_MOST_TERMS = 64


# --- small algebra -------------------------------------------------------------------------


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
            return _expanded(expression, u, v, parameters)
        case Apply("/", (u, v)) if len(products(u, parameters)) > 1:
            return _expanded(expression, u, Apply("**", (v, Number(-1.0))), parameters)
    return [_as_product(expression)]


def _negated(product: Product) -> Product:
    return Product(-product.sign, product.factors)


def _expanded(
    whole: Expression, u: Expression, v: Expression, parameters: Collection[str]
) -> list[Product]:
    """Multiply out, but only where a sum holds coefficients of its own: b*(1 - exp(-c*x)) stays."""
    left, right = products(u, parameters), products(v, parameters)
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
            return {_EULER: u}
    return {expression: ONE}


def _raised(factors: dict[Expression, Expression], e: Expression) -> dict[Expression, Expression]:
    raised: dict[Expression, Expression] = {}
    for base, exponent in factors.items():
        if base == _NUMBER:
            assert isinstance(exponent, Number)
            if isinstance(e, Number) and (exponent.value > 0 or e.value == int(e.value)):
                raised[_NUMBER] = Number(exponent.value**e.value)
            else:
                raised[exponent] = e  # 2**alpha: a number as a base of its own
        else:
            raised[base] = multiply(exponent, e)
    return raised


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
        case Apply("+" | "*" | "/" | "min" | "max", arguments):
            return all(is_positive(a) for a in arguments)
        case Apply("**", (base, _)):
            return is_positive(base)
        case Apply("exp", _):
            return True
        case Apply("sqrt", (u,)):
            return is_positive(u)
    return False


def _is_positive_factor(
    base: Expression, exponent: Expression, parameters: Collection[str]
) -> bool:
    """A base under a power must be positive anyway, such as log(D) in ``log(D)**b``."""
    powered = exponent != ONE and not depends_on(base, parameters)
    return base == _EULER or is_positive(base) or powered


# --- sums of positive products ---------------------------------------------------------------


@dataclass(frozen=True)
class LogAffineTerm:
    """One term: its logarithm is ``constant + sum of slope * working parameter``.

    Constant and slopes hold variables and numbers only. The working parameter of a coefficient is
    its logarithm, that of an exponent is itself.
    """

    constant: Expression
    slopes: Mapping[str, Expression]


def log_affine_terms(
    expression: Expression, parameters: Collection[str]
) -> tuple[LogAffineTerm, ...] | None:
    """The terms of a sum of positive products, or None if the law is not one."""
    parts = products(expression, parameters)
    coefficients = {
        base.name
        for part in parts
        for base in part.factors
        if isinstance(base, Name) and base.name in parameters
    }
    plain = set(parameters) - coefficients
    terms = [_log_affine(part, coefficients, plain) for part in parts]
    if any(term is None for term in terms):
        return None
    return tuple(term for term in terms if term is not None)


def _log_affine(part: Product, coefficients: set[str], plain: set[str]) -> LogAffineTerm | None:
    if part.sign < 0:
        return None
    constant: Expression = ZERO
    slopes: dict[str, Expression] = {}
    for base, exponent in part.factors.items():
        if isinstance(base, Name) and base.name in coefficients:
            if names_in(exponent):
                return None
            slopes[base.name] = exponent
            continue
        if depends_on(base, coefficients | plain) or not _is_positive_factor(
            base, exponent, coefficients | plain
        ):
            return None
        parts = affine(exponent, plain)
        if parts is None or depends_on(exponent, coefficients):
            return None
        log_base: Expression = ONE if base == _EULER else Apply("log", (base,))
        constant = add(constant, multiply(parts[0], log_base))
        for name, slope in parts[1].items():
            slopes[name] = add(slopes.get(name, ZERO), multiply(slope, log_base))
    return LogAffineTerm(constant, slopes)


# --- linear parameters, for the search of starts ---------------------------------------------


@dataclass(frozen=True)
class LinearTerm:
    """``sign * coefficient ** power * rest``; without a coefficient the term is fully known.

    `power` and `rest` hold variables and the parameters that the search goes over. A coefficient
    may also stand under an exp, as ``exp(a + ...)``; its logarithm is then the parameter itself.
    """

    sign: float
    coefficient: str | None
    power: Expression
    rest: Expression
    log_rest: Expression | None


@dataclass(frozen=True)
class Separation:
    """A law as ``(sum of linear terms) ** outer`` once the `searched` parameters are known."""

    terms: tuple[LinearTerm, ...]
    outer: Expression
    searched: tuple[str, ...]


def separate(expression: Expression, parameters: Collection[str]) -> Separation:
    """Split the parameters into those searched over and those solved for linearly."""
    outer: Expression = ONE
    inner = expression
    match expression:
        case Apply("**", (base, exponent)) if len(products(base, parameters)) > 1:
            inner, outer = base, exponent
    parts = products(inner, parameters)
    occurrences = [name for part in parts for name in _parameters_of(part, parameters)]
    terms: list[LinearTerm] = []
    linear: set[str] = set()
    for part in parts:
        own = [
            name
            for name in _linear_candidates(part, parameters)
            if occurrences.count(name) == 1 and not depends_on(outer, [name])
        ]
        terms.append(_linear_term(part, own[0] if own else None, parameters))
        linear.update(own[:1])
    searched = tuple(p for p in parameters if p not in linear)
    return Separation(tuple(terms), outer, searched)


def _parameters_of(part: Product, parameters: Collection[str]) -> list[str]:
    """Parameters of a product, once for each factor or exponent that they occur in."""
    return [
        name
        for base, exponent in part.factors.items()
        for side in (base, exponent)
        for name in names_in(side)
        if name in parameters
    ]


def _linear_candidates(part: Product, parameters: Collection[str]) -> list[str]:
    """Parameters that scale a product: a base of its own, or a summand under exp."""
    found = [b.name for b in part.factors if isinstance(b, Name) and b.name in parameters]
    decomposed = affine(part.factors.get(_EULER, ZERO), parameters)
    if decomposed is not None:
        found += [name for name, slope in decomposed[1].items() if slope == ONE]
    return found


def _linear_term(part: Product, coefficient: str | None, parameters: Collection[str]) -> LinearTerm:
    rest: Expression = ONE
    power: Expression = ONE
    log_rest: Expression | None = ZERO
    for base, exponent in part.factors.items():
        if isinstance(base, Name) and base.name == coefficient:
            power = exponent
        elif base == _EULER:
            # exp(a + u) is the coefficient exp(a) times exp(u)
            without = {} if coefficient is None else {coefficient: ZERO}
            inner = substitute(exponent, without)
            rest = multiply(rest, Apply("exp", (inner,)))
            log_rest = None if log_rest is None else add(log_rest, inner)
        else:
            factor = base if exponent == ONE else Apply("**", (base, exponent))
            rest = multiply(rest, factor)
            if log_rest is None or not _is_positive_factor(base, exponent, parameters):
                log_rest = None
            else:
                log_rest = add(log_rest, multiply(exponent, Apply("log", (base,))))
    return LinearTerm(part.sign, coefficient, power, rest, log_rest)


_UNBOUNDED = float("inf")
LARGEST_EXPONENT = 10.0

# --- roles -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Role:
    """What a parameter is for, and the range that follows from it."""

    kind: str  # "coefficient", "offset", "exponent" or "shape"
    positive: bool  # worked on as a logarithm
    lower: float
    upper: float


def roles(expression: Expression, parameters: Collection[str]) -> dict[str, Role]:
    """The role of each parameter.

    A coefficient or an offset is positive when every part of the law is a product of positive
    things. An exponent that only makes terms decay in a sum, as in ``A/N**alpha``, is not negative;
    exponents of variables in a sum are at most 10 in size.
    """
    separation = separate(expression, parameters)
    parts = [
        part
        for top in ([expression.arguments[0]] if separation.outer != ONE else [expression])  # type: ignore[union-attr]
        for part in products(top, parameters)
    ]
    in_exponents = _names_in_exponents(expression)
    all_positive = all(
        _is_positive_factor(base, exponent, parameters)
        for part in parts
        for base, exponent in part.factors.items()
    )
    slopes = _exponent_slopes(parts, parameters) if len(parts) > 1 else {}
    found: dict[str, Role] = {}
    for name in parameters:
        in_base = [p for p in parts if Name(name) in p.factors]
        if name in in_exponents and not in_base:
            low, high = -_UNBOUNDED, _UNBOUNDED
            if name in slopes:
                # a larger exponent makes its term an indicator of one run, not a law
                decays = all(slope < 0 for slope in slopes[name])
                low, high = 0.0 if decays else -LARGEST_EXPONENT, LARGEST_EXPONENT
            found[name] = Role("exponent", False, low, high)
        elif in_base:
            alone = any(not (set(names_in_product(p)) - {name}) and p.sign > 0 for p in in_base)
            kind = "offset" if alone and len(parts) > 1 else "coefficient"
            found[name] = Role(kind, all_positive, 0.0 if all_positive else -_UNBOUNDED, _UNBOUNDED)
        else:
            found[name] = Role("shape", False, -_UNBOUNDED, _UNBOUNDED)
    return found


def names_in_product(part: Product) -> list[str]:
    """Every name of a product, in its bases or exponents."""
    return [
        name
        for base, exponent in part.factors.items()
        for side in (base, exponent)
        for name in names_in(side)
        if side != _EULER
    ]


def _names_in_exponents(expression: Expression) -> set[str]:
    found: set[str] = set()
    for node in walk(expression):
        match node:
            case Apply("**", (_, exponent)):
                found.update(names_in(exponent))
            case Apply("exp", (u,)):
                found.update(names_in(u))
    return found


def _exponent_slopes(parts: list[Product], parameters: Collection[str]) -> dict[str, list[float]]:
    """Exponents of variables, with the plain numbers that they are multiplied by."""
    slopes: dict[str, list[float]] = {}
    for part in parts:
        for base, exponent in part.factors.items():
            if base == _EULER or depends_on(base, parameters):
                continue
            decomposed = affine(exponent, parameters)
            for name in (n for n in names_in(exponent) if n in parameters):
                slope = decomposed[1].get(name) if decomposed else None
                known = slope is not None and not names_in(slope)
                slopes.setdefault(name, []).append(evaluate(slope, {}) if known and slope else 1.0)
    return slopes


def positive_variables(expression: Expression, variables: Collection[str]) -> set[str]:
    """Variables that must be positive: under a power that is no whole number, a log or a root."""
    found: set[str] = set()
    for node in walk(expression):
        match node:
            case Apply("**", (base, exponent)):
                whole = isinstance(exponent, Number) and exponent.value == int(exponent.value)
                if not whole or (isinstance(exponent, Number) and exponent.value < 0):
                    found.update(names_in(base))
            case Apply("log" | "log2" | "log10" | "sqrt", (u,)):
                found.update(names_in(u))
            case Apply("/", (_, v)):
                found.update(names_in(v) if isinstance(v, Name) else ())
    return found & set(variables)
