"""What makes a law quick to fit, read from its tree.

* Is it a sum of positive products, each affine in the working parameters once the logarithm is
  taken (`log_affine_terms`)? Then value, gradient and Hessian are a softmax and its moments.
* Which parameters enter linearly once the others are known (`separate`)? Then a start needs a
  search over the others only.
* With logarithms for its positive parameters, products become exponentials (`LogSpace`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
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
from scalinglaws.core.expression import Apply, Expression, Name, Number, names_in

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
    found = []
    for part in parts:
        term = log_affine(part, parameters, coefficients)
        positive = part.sign > 0 and all(
            is_positive_factor(base, exponent, parameters)
            for base, exponent in part.factors.items()
        )
        if term is None or not positive:
            return None
        if any(names_in(term.slopes[name]) for name in coefficients & set(term.slopes)):
            return None  # a**N has no logarithm that is affine in log a with a known slope
        found.append(term)
    return tuple(found)


def log_affine(
    part: Product, parameters: Collection[str], coefficients: Collection[str]
) -> LogAffineTerm | None:
    """The logarithm of a product, if it is affine in the parameters.

    Parameters
    ----------
    part : the product
    parameters : names in which it shall be affine
    coefficients : those of them that enter by their logarithm
    """
    constant: Expression = ZERO
    slopes: dict[str, Expression] = {}
    for base, exponent in part.factors.items():
        form = affine(exponent, parameters)
        if form is None or depends_on(exponent, coefficients):
            return None
        if isinstance(base, Name) and base.name in coefficients:
            if form[1]:
                return None
            slopes[base.name] = exponent
            continue
        if depends_on(base, parameters):
            return None
        log_base: Expression = ONE if base == EULER else Apply("log", (base,))
        constant = add(constant, multiply(form[0], log_base))
        for name, slope in form[1].items():
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


# --- in log space -----------------------------------------------------------------------------

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

    ``A / N**alpha`` becomes ``exp(log A - alpha * log N)``, in which the logarithm of the
    coefficient is the working parameter itself and ``log N`` is known. A power costs one
    exponential instead of a power function and its poles, no factor under- or overflows on its own,
    and the logarithm of a law that is a product or a power of a sum needs no exponential at all.

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
