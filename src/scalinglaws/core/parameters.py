"""Parameters of a law: their roles (coefficient, offset, exponent) and ranges."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from scalinglaws.core.algebra import (
    EULER,
    ONE,
    Product,
    affine,
    depends_on,
    is_positive_factor,
    is_whole,
    products,
)
from scalinglaws.core.expression import Apply, Expression, Name, Number, evaluate, names_in, walk
from scalinglaws.core.functions import FUNCTIONS_OF_SEVERAL
from scalinglaws.core.structure import separate

_UNBOUNDED = float("inf")
LARGEST_EXPONENT = 10.0


@dataclass(frozen=True)
class Parameter:
    """One coefficient of a law.

    Attributes
    ----------
    name : str
    symbol : str
        Its name in the line of maths: that of ``E[c4]`` is E.
    role : str
        "coefficient", "offset", "exponent" or "shape".
    linear : bool
        The law is linear in it once the exponents are known.
    positive : bool
        Positive, and therefore worked on as a logarithm.
    lower, upper : float
        The range in which it is sought.
    """

    name: str
    symbol: str
    role: str
    linear: bool
    positive: bool
    lower: float
    upper: float

    @property
    def is_amplitude(self) -> bool:
        """It scales a term, as a coefficient or as the logarithm of one under an exp."""
        return self.linear or self.role in ("coefficient", "offset")

    @property
    def is_floor(self) -> bool:
        """A positive constant of its own, such as an irreducible loss: the law is linear in it."""
        return self.positive and self.role == "offset"


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
    things. A shape parameter is positive where only positive things can stand, such as d in
    ``log(x/d)``. An exponent that only makes terms decay in a sum, as in ``A/N**alpha``, is not
    negative; exponents of variables in a sum are at most 10 in size.
    """
    separation = separate(expression, parameters)
    parts = products(separation.inner, parameters)
    in_exponents = _names_in_exponents(expression)
    all_positive = all(_is_positive_product(part, parameters) for part in parts)
    slopes = _exponent_slopes(parts, parameters) if len(parts) > 1 else {}
    inside = _positive_inside(expression, parameters)
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
            positive = name in inside
            kind = "coefficient" if inside.get(name) else "shape"
            low = 0.0 if positive else -_UNBOUNDED
            found[name] = Role(kind, positive, low, _UNBOUNDED)
    return found


def names_in_product(part: Product) -> list[str]:
    """Every name of a product, in its bases or exponents."""
    return [
        name
        for base, exponent in part.factors.items()
        for side in (base, exponent)
        for name in names_in(side)
        if side != EULER
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


def _positive_inside(expression: Expression, parameters: Collection[str]) -> dict[str, bool]:
    """Parameters that stand where only positive things can, such as d in log(x/d).

    The value tells whether a parameter scales a product there, as A does in
    ``smoothmax(A/N**alpha, B/D**beta, q)``.
    """
    found: dict[str, bool] = {}
    for node in walk(expression):
        slots: tuple[Expression, ...] = ()
        match node:
            case Apply("**", (base, exponent)) if not is_whole(exponent):
                slots = (base,)
            case Apply("log" | "log2" | "log10" | "sqrt", arguments):
                slots = arguments
            case Apply(function, arguments) if function in FUNCTIONS_OF_SEVERAL:
                slots = arguments
        for slot in slots:
            for name, scales in _positive_bases(slot, parameters).items():
                found[name] = found.get(name, False) or scales
    return found


def _positive_bases(slot: Expression, parameters: Collection[str]) -> dict[str, bool]:
    """Names that a sum of positive products is made of, and the sums within it."""
    parts = products(slot, parameters)
    if not all(part.sign > 0 and _is_positive_product(part, parameters) for part in parts):
        return {}
    found: dict[str, bool] = {}
    for part in parts:
        others = set(names_in_product(part)) - set(parameters)
        for base, exponent in part.factors.items():
            if isinstance(base, Name):
                found[base.name] = exponent == ONE and bool(others)
            elif isinstance(base, Apply) and base.function == "+":
                found |= _positive_bases(base, parameters)
    return found


def _is_positive_product(part: Product, parameters: Collection[str]) -> bool:
    return all(is_positive_factor(base, e, parameters) for base, e in part.factors.items())


def _exponent_slopes(parts: list[Product], parameters: Collection[str]) -> dict[str, list[float]]:
    """Exponents of variables, with the plain numbers that they are multiplied by."""
    slopes: dict[str, list[float]] = {}
    for part in parts:
        for base, exponent in part.factors.items():
            if base == EULER or depends_on(base, parameters):
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
                if not is_whole(exponent) or (isinstance(exponent, Number) and exponent.value < 0):
                    found.update(_factors_of(base))
            case Apply("log" | "log2" | "log10" | "sqrt", (u,)):
                found.update(_factors_of(u))
            case Apply("/", (_, v)):
                found.update(names_in(v) if isinstance(v, Name) else ())
    return found & set(variables)


def _factors_of(expression: Expression) -> set[str]:
    """Names that a product is made of; in a sum such as 1 - S the names are free."""
    parts = products(expression, ())
    if len(parts) > 1:
        return set()
    return {base.name for base in parts[0].factors if isinstance(base, Name)}
