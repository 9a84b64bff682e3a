"""Escape user text, such as column and group names, for each output format.

One function each for the terminal, HTML in a notebook, a page of its own, LaTeX (and matplotlib's
mathtext, a part of it) and text in a picture.
"""

from __future__ import annotations

import html
import json
from typing import Any

# What math mode of TeX takes for something else, and how it sets the character itself.
_IN_MATH = {
    **{c: f"\\{c}" for c in "_%&$ {}"},
    "#": r"\#{}", "\\": r"\backslash{}", "^": r"\wedge{}", "~": r"\sim{}", "'": r"\prime{}",
    '"': r"\prime{}\prime{}", "`": r"\backprime{}",
}  # fmt: skip
_MATH_DELIMITERS = "$\\"


def for_terminal(text: str) -> str:
    r"""A text whose control characters are written out; only ends of lines stay.

    Examples
    --------
    >>> print(for_terminal("loss\x1b[31m"))
    loss\x1b[31m
    """
    return "".join(
        c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text
    )


def for_html(text: str, tag: str = "span") -> str:
    """A text for HTML; a notebook must not take its dollars and backslashes for maths.

    These are put into elements of their own: `tag` is "tspan" inside a picture.

    Examples
    --------
    >>> for_html("a<b & $N$")
    'a&lt;b &amp; <span>$</span>N<span>$</span>'
    """
    escaped = for_page(text)
    return "".join(f"<{tag}>{c}</{tag}>" if c in _MATH_DELIMITERS else c for c in escaped)


def for_page(text: str) -> str:
    """A text for elements, attributes and SVG of a page in which nothing sets maths.

    Examples
    --------
    >>> for_page('a<b & "$N$"')
    'a&lt;b &amp; &quot;$N$&quot;'
    """
    return html.escape(for_terminal(text))


def json_for_page(values: Any) -> str:
    r"""Compact JSON for a script element, which no text in it can end.

    Examples
    --------
    >>> json_for_page(["</script>", 1.5])
    '["\\u003c/script>",1.5]'
    """
    return json.dumps(values, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def for_latex(text: str) -> str:
    r"""A text for LaTeX's math mode, in upright letters.

    Examples
    --------
    >>> print(for_latex("100% c4"))
    \mathrm{100\%\ c4}
    """
    return rf"\mathrm{{{''.join(_IN_MATH.get(c, c) for c in one_line(text))}}}"


def maths_for_picture(latex: str) -> str:
    r"""LaTeX for matplotlib, whose mathtext writes an ampersand without a backslash.

    Examples
    --------
    >>> print(maths_for_picture(for_latex("a&b")))
    $\mathrm{a&b}$
    """
    ampersand = r"\&"
    return f"${latex.replace(ampersand, '&')}$"


def for_picture(text: str) -> str:
    r"""A text that matplotlib draws as it is: nothing in it is maths, nor hides it from a legend.

    Examples
    --------
    >>> print(for_picture("a$b$c"))
    a\$b\$c
    """
    drawn = one_line(text).replace("$", r"\$")
    return f" {drawn}" if drawn.startswith("_") else drawn


def one_line(text: str) -> str:
    """As `for_terminal`, with ends of lines written out too."""
    return for_terminal(text).replace("\n", r"\n")
