"""Typeset a formula as HTML with raised exponents, which needs neither script nor fonts."""

from __future__ import annotations

from scalinglaws.core.expression import Apply, Expression, Name, Number
from scalinglaws.escaping import for_html, one_line
from scalinglaws.numerals import format_plain

_SMALL = "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi rho sigma tau"
_GREEK = {
    **{name: f"&{name};" for name in f"{_SMALL} upsilon phi chi psi omega".split()},
    **{n: f"&{n};" for n in "Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega".split()},
    "pi": "&pi;", "eps": "&epsilon;", "inf": "&infin;", "star": "*",
}  # fmt: skip
# How tightly an expression binds; a looser one inside a tighter one needs parentheses.
_SUM, _PRODUCT, _POWER, _ATOM = range(4)


def to_html(expression: Expression) -> str:
    """Typeset an expression.

    Examples
    --------
    >>> from scalinglaws.core.formula import parse
    >>> to_html(parse("E + A/N**alpha_N").expression)
    '<i>E</i> + <i>A</i>/<i>N</i><sup><i>&alpha;</i><sub><i>N</i></sub></sup>'
    """
    return _set(expression)[0]


def name_to_html(name: str) -> str:
    """``alpha_N`` as a Greek letter with an index, and ``E[c4]`` with the group as its index."""
    level = ""
    if name.endswith("]"):
        name, _, level = name[:-1].partition("[")
    stem, _, index = name.strip("_").partition("_")
    letter = (len(stem) == 1 and stem.isalpha()) or stem in _GREEK
    text = _GREEK.get(stem) or for_html(one_line(stem or name))
    below = [name_to_html(index)] if index else []
    if level:
        below.append(for_html(one_line(level)))
    symbol = f"<i>{text}</i>" if letter else text
    return symbol + (f"<sub>{', '.join(below)}</sub>" if below else "")


def _number(value: float) -> str:
    mantissa, _, exponent = format_plain(value, 6).partition("e")
    if not exponent:
        return mantissa.replace("-", "&minus;")
    power = f"10<sup>{exponent.replace('-', '&minus;')}</sup>"
    return power if mantissa == "1" else f"{mantissa} &middot; {power}"


def _set(expression: Expression) -> tuple[str, int]:
    """HTML and how tightly it binds."""
    match expression:
        case Number(value):
            return _number(value), _ATOM if value >= 0 else _SUM
        case Name(name):
            return name_to_html(name), _ATOM
        case Apply("+", (u, v)):
            return f"{_inside(u, _SUM)} + {_inside(v, _SUM)}", _SUM
        case Apply("-", (u, v)):
            return f"{_inside(u, _SUM)} &minus; {_inside(v, _PRODUCT)}", _SUM
        case Apply("*", (u, v)):
            return f"{_inside(u, _PRODUCT)} &middot; {_inside(v, _PRODUCT)}", _PRODUCT
        case Apply("/", (u, v)):
            return f"{_inside(u, _PRODUCT)}/{_inside(v, _POWER)}", _PRODUCT
        case Apply("**", (u, v)):
            return f"{_inside(u, _ATOM)}<sup>{_set(v)[0]}</sup>", _POWER
        case Apply("neg", (u,)):
            return f"&minus;{_inside(u, _PRODUCT)}", _SUM
        case Apply(function, arguments):
            return f"{function}({', '.join(_set(a)[0] for a in arguments)})", _ATOM
    raise AssertionError(expression)


def _inside(expression: Expression, binding: int) -> str:
    text, own = _set(expression)
    return text if own >= binding else f"({text})"
