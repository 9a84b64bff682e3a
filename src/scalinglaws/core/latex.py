"""Typeset a formula as LaTeX."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from scalinglaws.core.expression import UNARY, Apply, Expression, Name, Number
from scalinglaws.core.functions import FUNCTIONS_OF_SEVERAL
from scalinglaws.escaping import for_latex

_GREEK = set(
    """alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi rho sigma tau
    upsilon phi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega""".split()
)
_SYMBOLS = {
    "eps": r"\varepsilon",
    "inf": r"\infty",
    "star": r"\ast",
    **{g: f"\\{g}" for g in _GREEK},
}
# How tightly an expression binds; a looser one inside a tighter one needs parentheses.
_SUM, _PRODUCT, _NEGATIVE, _POWER, _ATOM = range(5)


def to_latex(expression: Expression) -> str:
    r"""Typeset an expression.

    Examples
    --------
    >>> from scalinglaws.core.formula import parse
    >>> print(to_latex(parse("E + A/N**alpha").expression))
    E + \frac{A}{N^{\alpha}}
    """
    return _set(expression)[0]


def name_to_latex(name: str) -> str:
    r"""``alpha_N`` becomes ``\alpha_{N}``, and ``E[c4]`` ``E_{\mathrm{c4}}``."""
    level = ""
    if name.endswith("]"):
        name, _, level = name[:-1].partition("[")
    stem, _, index = name.strip("_").partition("_")
    if stem in _SYMBOLS:
        symbol = _SYMBOLS[stem]
    elif len(stem) == 1:
        symbol = stem if stem.isalnum() else for_latex(stem)
    else:
        symbol = for_latex(stem or name)
    below = [name_to_latex(index)] if index else []
    if level:
        below.append(for_latex(level))
    return symbol + (f"_{{{','.join(below)}}}" if below else "")


def _number(value: float) -> str:
    text = f"{value:.6g}"
    if "e" in text:
        mantissa, exponent = text.split("e")
        if mantissa == "1":
            return f"10^{{{int(exponent)}}}"
        return rf"{mantissa} \times 10^{{{int(exponent)}}}"
    return text


def _set(expression: Expression) -> tuple[str, int]:
    """LaTeX and how tightly it binds."""
    match expression:
        case Number(value):
            return _number(value), _ATOM if value >= 0 else _NEGATIVE
        case Name(name):
            return name_to_latex(name), _ATOM
        case Apply("+", (u, v)):
            return f"{_inside(u, _SUM)} + {_inside(v, _SUM)}", _SUM
        case Apply("-", (u, v)):
            return f"{_inside(u, _SUM)} - {_inside(v, _PRODUCT)}", _SUM
        case Apply("*", (u, v)):
            dot = r" \cdot " if isinstance(v, Number) else r" \, "
            return f"{_inside(u, _PRODUCT)}{dot}{_inside(v, _PRODUCT)}", _PRODUCT
        case Apply("/", (u, v)):
            return rf"\frac{{{_set(u)[0]}}}{{{_set(v)[0]}}}", _PRODUCT
        case Apply("**", (u, v)):
            base, binding = _set(u)
            if binding < _ATOM:
                base = rf"\left({base}\right)"
            return f"{base}^{{{_set(v)[0]}}}", _POWER
        case Apply("neg", (u,)):
            return f"-{_inside(u, _PRODUCT)}", _NEGATIVE
        case Apply("min" | "max" as which, arguments):
            inner = ", ".join(_set(a)[0] for a in arguments)
            return rf"\{which}\left({inner}\right)", _ATOM
        case Apply(function, arguments) if function in FUNCTIONS_OF_SEVERAL:
            return _set_function(function, arguments)
        case Apply(function, (u,)):
            return UNARY[function].latex.format(_set(u)[0]), _ATOM
    raise AssertionError(expression)


def _set_function(function: str, arguments: tuple[Expression, ...]) -> tuple[str, int]:
    """A function of several arguments: written out where that is short, else by its name."""
    match function, arguments:
        case "smoothmax", (*terms, q):
            return _set(Apply("**", (_power_sum(terms, q), q)))
        case "boxcox", (x, curvature):
            lifted = Apply("-", (Apply("**", (x, curvature)), Number(1.0)))
            return _set(Apply("/", (lifted, curvature)))
        case "saturate", (x, knee, room):
            inside, index = rf"{_set(x)[0]};\, {_set(knee)[0]}", _set(room)[0]
        case _, (x, parameter):
            inside, index = _set(x)[0], _set(parameter)[0]
    return rf"\mathrm{{{function}}}_{{{index}}}\left({inside}\right)", _ATOM


def _power_sum(terms: Sequence[Expression], q: Expression) -> Expression:
    """The sum of powers 1/q that a smooth maximum is a power of."""
    inverse = Apply("/", (Number(1.0), q))
    raised = [u if u == Number(1.0) else Apply("**", (u, inverse)) for u in terms]
    return reduce(lambda u, v: Apply("+", (u, v)), raised)


def _inside(expression: Expression, binding: int) -> str:
    text, own = _set(expression)
    return text if own >= binding else rf"\left({text}\right)"
