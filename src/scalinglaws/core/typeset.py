"""How formulas and laws read: as LaTeX, as HTML that needs no script, and as a card."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import TYPE_CHECKING

from scalinglaws.core.expression import UNARY, Apply, Expression, Name, Number
from scalinglaws.core.functions import FUNCTIONS_OF_SEVERAL
from scalinglaws.display import Card, Typeset, pairs
from scalinglaws.escaping import for_html, for_latex, one_line
from scalinglaws.numerals import format_plain, plural

if TYPE_CHECKING:
    from scalinglaws.core.law import Law

_GREEK = """alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma
    tau upsilon phi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega""".split()
_LATEX = {
    **{name: f"\\{name}" for name in _GREEK},
    "eps": r"\varepsilon", "inf": r"\infty", "star": r"\ast",
}  # fmt: skip
_HTML = {
    **{name: f"&{name};" for name in _GREEK},
    "eps": "&epsilon;", "inf": "&infin;", "star": "*",
}  # fmt: skip
# How tightly an expression binds; a looser one inside a tighter one needs parentheses.
_SUM, _PRODUCT, _NEGATIVE, _POWER, _ATOM = range(5)


def _parts_of_name(name: str) -> tuple[str, str, str]:
    """Stem, index and group: ``alpha_N[c4]`` is alpha, N and c4."""
    level = ""
    if name.endswith("]"):
        name, _, level = name[:-1].partition("[")
    stem, _, index = name.strip("_").partition("_")
    return stem or name, index, level


# --- LaTeX ------------------------------------------------------------------------------------


def to_latex(expression: Expression) -> str:
    r"""Typeset an expression.

    Examples
    --------
    >>> from scalinglaws.core.formula import parse
    >>> print(to_latex(parse("E + A/N**alpha").expression))
    E + \frac{A}{N^{\alpha}}
    """
    return _set_latex(expression)[0]


def name_to_latex(name: str) -> str:
    r"""``alpha_N`` becomes ``\alpha_{N}``, and ``E[c4]`` ``E_{\mathrm{c4}}``."""
    stem, index, level = _parts_of_name(name)
    symbol = stem if len(stem) == 1 and stem.isalnum() else _LATEX.get(stem) or for_latex(stem)
    below = [name_to_latex(index)] if index else []
    if level:
        below.append(for_latex(level))
    return symbol + (f"_{{{','.join(below)}}}" if below else "")


def _number_latex(value: float) -> str:
    text = f"{value:.6g}"
    if "e" in text:
        mantissa, exponent = text.split("e")
        if mantissa == "1":
            return f"10^{{{int(exponent)}}}"
        return rf"{mantissa} \times 10^{{{int(exponent)}}}"
    return text


def _set_latex(expression: Expression) -> tuple[str, int]:
    """LaTeX and how tightly it binds."""
    match expression:
        case Number(value):
            return _number_latex(value), _ATOM if value >= 0 else _NEGATIVE
        case Name(name):
            return name_to_latex(name), _ATOM
        case Apply("+", (u, v)):
            return f"{_inside_latex(u, _SUM)} + {_inside_latex(v, _SUM)}", _SUM
        case Apply("-", (u, v)):
            return f"{_inside_latex(u, _SUM)} - {_inside_latex(v, _PRODUCT)}", _SUM
        case Apply("*", (u, v)):
            dot = r" \cdot " if isinstance(v, Number) else r" \, "
            return f"{_inside_latex(u, _PRODUCT)}{dot}{_inside_latex(v, _PRODUCT)}", _PRODUCT
        case Apply("/", (u, v)):
            return rf"\frac{{{_set_latex(u)[0]}}}{{{_set_latex(v)[0]}}}", _PRODUCT
        case Apply("**", (u, v)):
            base, binding = _set_latex(u)
            if binding < _ATOM:
                base = rf"\left({base}\right)"
            return f"{base}^{{{_set_latex(v)[0]}}}", _POWER
        case Apply("neg", (u,)):
            return f"-{_inside_latex(u, _PRODUCT)}", _NEGATIVE
        case Apply("min" | "max" as which, arguments):
            inner = ", ".join(_set_latex(a)[0] for a in arguments)
            return rf"\{which}\left({inner}\right)", _ATOM
        case Apply(function, arguments) if function in FUNCTIONS_OF_SEVERAL:
            return _set_function(function, arguments)
        case Apply(function, (u,)):
            return UNARY[function].latex.format(_set_latex(u)[0]), _ATOM
    raise AssertionError(expression)


def _set_function(function: str, arguments: tuple[Expression, ...]) -> tuple[str, int]:
    """A function of several arguments: written out where that is short, else by its name."""
    match function, arguments:
        case "smoothmax", (*terms, q):
            return _set_latex(Apply("**", (_power_sum(terms, q), q)))
        case "boxcox", (x, curvature):
            lifted = Apply("-", (Apply("**", (x, curvature)), Number(1.0)))
            return _set_latex(Apply("/", (lifted, curvature)))
        case "saturate", (x, knee, room):
            inside, index = rf"{_set_latex(x)[0]};\, {_set_latex(knee)[0]}", _set_latex(room)[0]
        case _, (x, parameter):
            inside, index = _set_latex(x)[0], _set_latex(parameter)[0]
    return rf"\mathrm{{{function}}}_{{{index}}}\left({inside}\right)", _ATOM


def _power_sum(terms: Sequence[Expression], q: Expression) -> Expression:
    """The sum of powers 1/q that a smooth maximum is a power of."""
    inverse = Apply("/", (Number(1.0), q))
    raised = [u if u == Number(1.0) else Apply("**", (u, inverse)) for u in terms]
    return reduce(lambda u, v: Apply("+", (u, v)), raised)


def _inside_latex(expression: Expression, binding: int) -> str:
    text, own = _set_latex(expression)
    return text if own >= binding else rf"\left({text}\right)"


# --- HTML with raised exponents ---------------------------------------------------------------


def to_html(expression: Expression) -> str:
    """Typeset an expression.

    Examples
    --------
    >>> from scalinglaws.core.formula import parse
    >>> to_html(parse("E + A/N**alpha_N").expression)
    '<i>E</i> + <i>A</i>/<i>N</i><sup><i>&alpha;</i><sub><i>N</i></sub></sup>'
    """
    return _set_html(expression)[0]


def name_to_html(name: str) -> str:
    """``alpha_N`` as a Greek letter with an index, and ``E[c4]`` with the group as its index."""
    stem, index, level = _parts_of_name(name)
    letter = (len(stem) == 1 and stem.isalpha()) or stem in _HTML
    text = _HTML.get(stem) or for_html(one_line(stem))
    below = [name_to_html(index)] if index else []
    if level:
        below.append(for_html(one_line(level)))
    symbol = f"<i>{text}</i>" if letter else text
    return symbol + (f"<sub>{', '.join(below)}</sub>" if below else "")


def _number_html(value: float) -> str:
    mantissa, _, exponent = format_plain(value, 6).partition("e")
    if not exponent:
        return mantissa.replace("-", "&minus;")
    power = f"10<sup>{exponent.replace('-', '&minus;')}</sup>"
    return power if mantissa == "1" else f"{mantissa} &middot; {power}"


def _set_html(expression: Expression) -> tuple[str, int]:
    """HTML and how tightly it binds."""
    match expression:
        case Number(value):
            return _number_html(value), _ATOM if value >= 0 else _SUM
        case Name(name):
            return name_to_html(name), _ATOM
        case Apply("+", (u, v)):
            return f"{_inside_html(u, _SUM)} + {_inside_html(v, _SUM)}", _SUM
        case Apply("-", (u, v)):
            return f"{_inside_html(u, _SUM)} &minus; {_inside_html(v, _PRODUCT)}", _SUM
        case Apply("*", (u, v)):
            return f"{_inside_html(u, _PRODUCT)} &middot; {_inside_html(v, _PRODUCT)}", _PRODUCT
        case Apply("/", (u, v)):
            return f"{_inside_html(u, _PRODUCT)}/{_inside_html(v, _POWER)}", _PRODUCT
        case Apply("**", (u, v)):
            return f"{_inside_html(u, _ATOM)}<sup>{_set_html(v)[0]}</sup>", _POWER
        case Apply("neg", (u,)):
            return f"&minus;{_inside_html(u, _PRODUCT)}", _SUM
        case Apply(function, arguments):
            return f"{function}({', '.join(_set_html(a)[0] for a in arguments)})", _ATOM
    raise AssertionError(expression)


def _inside_html(expression: Expression, binding: int) -> str:
    text, own = _set_html(expression)
    return text if own >= binding else f"({text})"


# --- laws -------------------------------------------------------------------------------------


def law_to_latex(law: Law) -> str:
    """The law typeset, without dollar signs."""
    left = f"{name_to_latex(law.target)} = " if law.target else ""
    defined = [
        rf"{name_to_latex(name)} = {to_latex(part)}"
        for name, part in law.parsed.definitions.items()
    ]
    where = r" \quad \mathrm{where} \quad " + r", \; ".join(defined) if defined else ""
    return left + to_latex(law.indexed) + where


def typeset(law: Law) -> Typeset:
    """The law as it is typed, and as HTML that needs no script."""
    left = f"{name_to_html(law.target)} = " if law.target else ""
    defined = [
        f"{name_to_html(name)} = {to_html(part)}" for name, part in law.parsed.definitions.items()
    ]
    where = f", where {', '.join(defined)}" if defined else ""
    return Typeset(law.formula, left + to_html(law.indexed) + where)


def law_card(law: Law) -> Card:
    """The card of a law."""
    what = law.description or f"A law of {', '.join(law.variables) or 'no variable'}."
    lines = [
        ("variables", ", ".join(law.variables)),
        ("parameters", ", ".join(law.parameter_names)),
        ("indexed", ", ".join(f"{name} by {column!r}" for name, column in law.groups.items())),
        ("limits", "" if law.limits is None else " to ".join(map(format_plain, law.limits))),
        ("source", law.reference),
    ]
    name = f"{law.name}: " if law.name else ""
    count = plural(len(law.parameter_names), "parameter")
    return Card(
        f"{name}{what.rstrip('.')}, with {count}.",
        formula=typeset(law),
        tables=(pairs([line for line in lines if line[1]]),),
        next=f'sl.fit(runs, "{law.name or law.formula}")',
    )
