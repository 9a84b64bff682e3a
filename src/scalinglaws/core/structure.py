"""What makes a law quick to fit, read from its tree.

* Is it a sum of positive products, each affine in the working parameters once the logarithm is
  taken (`log_affine_terms`)? Then value, gradient and Hessian are a softmax and its moments.
* Which parameters enter linearly once the others are known (`separate`)? Then a start needs a
  search over the others only.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from scalinglaws.core.algebra import (
    EULER,
    ONE,
    ZERO,
    Product,
    add,
    affine,
    depends_on,
    is_positive_factor,
    multiply,
    products,
    substitute,
)
from scalinglaws.core.expression import Apply, Expression, Name, names_in

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
        if depends_on(base, coefficients | plain) or not is_positive_factor(
            base, exponent, coefficients | plain
        ):
            return None
        parts = affine(exponent, plain)
        if parts is None or depends_on(exponent, coefficients):
            return None
        log_base: Expression = ONE if base == EULER else Apply("log", (base,))
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
    """A law as ``link((sum of linear terms) ** outer)``, once the `searched` parameters are known.

    Attributes
    ----------
    inner : the sum
    outer : its power, one where there is none
    link : "log", "log1p" or "sqrt" around the sum, or empty; then there is no outer power
    """

    terms: tuple[LinearTerm, ...]
    searched: tuple[str, ...]
    inner: Expression
    outer: Expression = ONE
    link: str = ""

    @property
    def is_plain(self) -> bool:
        """The law is the sum itself."""
        return self.outer == ONE and not self.link


def separate(expression: Expression, parameters: Collection[str]) -> Separation:
    """Split the parameters into those searched over and those solved for linearly."""
    outer: Expression = ONE
    inner, link = expression, ""
    match expression:
        case Apply("**", (base, exponent)) if len(products(base, parameters)) > 1:
            inner, outer = base, exponent
        case Apply("log" | "log1p" | "sqrt" as function, (argument,)):
            inner, link = argument, function
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
    return Separation(tuple(terms), searched, inner, outer, link)


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
    found = [
        base.name
        for base, exponent in part.factors.items()
        if isinstance(base, Name)
        and base.name in parameters
        and set(names_in(exponent)) <= set(parameters)  # a**N is no coefficient
    ]
    decomposed = affine(part.factors.get(EULER, ZERO), parameters)
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
        elif base == EULER:
            # exp(a + u) is the coefficient exp(a) times exp(u)
            without = {} if coefficient is None else {coefficient: ZERO}
            inner = substitute(exponent, without)
            rest = multiply(rest, Apply("exp", (inner,)))
            log_rest = None if log_rest is None else add(log_rest, inner)
        else:
            factor = base if exponent == ONE else Apply("**", (base, exponent))
            rest = multiply(rest, factor)
            if log_rest is None or not is_positive_factor(base, exponent, parameters):
                log_rest = None
            else:
                log_rest = add(log_rest, multiply(exponent, Apply("log", (base,))))
    return LinearTerm(part.sign, coefficient, power, rest, log_rest)
