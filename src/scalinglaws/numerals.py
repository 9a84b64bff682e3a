"""Parse and format numbers such as 7B, 1.4T, 1,000,000 and 6e23."""

from __future__ import annotations

import math
import re

_SUFFIXES = {"": 1.0, "k": 1e3, "m": 1e6, "b": 1e9, "g": 1e9, "t": 1e12, "q": 1e15}
_LETTERS = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K"))
_PATTERN = re.compile(
    r"([-+]?)((?:[1-9]\d{0,2}(?:[,_]\d{3})+|\d+)(?:\.\d*)?|\.\d+)(?:e([-+]?\d+))?\s*([kmbgtq]?)",
    re.IGNORECASE,
)
_DECIMAL_COMMA = re.compile(r"[-+]?\d+,\d+(?:e[-+]?\d+)?", re.IGNORECASE)
_THOUSANDS_OR_DECIMALS = re.compile(r"[-+]?\d{1,3},\d{3}")
_WIDEST_INTEGER = 1024  # bits; what is wider is no float64
_UNUSUAL = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def parse_number(text: str) -> float:
    """Read a number such as ``"7B"``, ``"1.4T"``, ``"1,000,000"`` or ``"2e12"``.

    Raises
    ------
    ValueError
        If the text is not such a number.

    Examples
    --------
    >>> parse_number("7B"), parse_number("1,000,000"), parse_number("6e23")
    (7000000000.0, 1000000.0, 6e+23)
    """
    stripped = text.strip()
    if stripped.lower() in _UNUSUAL:
        return _UNUSUAL[stripped.lower()]
    match = _PATTERN.fullmatch(stripped)
    if match is None:
        how = "write it as 7000000000, 7e9, 7,000,000,000 or 7B"
        if _DECIMAL_COMMA.fullmatch(stripped):
            how = "write a decimal point, not a comma"
        raise ValueError(f"{abridged(text)} is not a number; {how}.")
    sign, digits, exponent, suffix = match.groups()
    plain = float(f"{sign}{digits.replace(',', '').replace('_', '')}e{exponent or 0}")
    return plain * _SUFFIXES[suffix.lower()]


def has_suffix(text: str) -> bool:
    """Whether a number is written with one of the letters for thousands, millions and so on.

    Examples
    --------
    >>> has_suffix("7B"), has_suffix("2.39")
    (True, False)
    """
    match = _PATTERN.fullmatch(text.strip())
    return match is not None and bool(match[4])


def has_doubtful_comma(text: str) -> bool:
    """Whether the comma of a number may stand for thousands as well as for decimals.

    Examples
    --------
    >>> has_doubtful_comma("2,390"), has_doubtful_comma("2,390,000"), has_doubtful_comma("2.39")
    (True, False, False)
    """
    return _THOUSANDS_OR_DECIMALS.fullmatch(text.strip()) is not None


def abridged(value: object, most: int = 60) -> str:
    """A value as Python writes it, cut where it is long.

    Examples
    --------
    >>> abridged("2,39"), abridged("x" * 100, most=11)
    ("'2,39'", "'xxx...xxx'")
    """
    if isinstance(value, int) and value.bit_length() > _WIDEST_INTEGER:
        return f"a whole number of {value.bit_length():,} bits"
    return cut(" ".join(repr(value).split()), most)


def cut(text: str, most: int = 60) -> str:
    """A text without its middle, where it is long."""
    half = (most - 3) // 2
    return text if len(text) <= most else f"{text[:half]}...{text[-half:]}"


def format_count(value: float, digits: int = 3) -> str:
    """Write a count of parameters or tokens: 7B, 1.4T, 125M.

    Examples
    --------
    >>> format_count(7e9), format_count(1.4e12), format_count(224576), format_count(1.13e11, 2)
    ('7B', '1.4T', '225K', '110B')
    """
    if not math.isfinite(value):
        return str(value)
    rounded = float(f"{value:.{digits}g}")  # 999,999 is 1M, not 1000K
    whole = max(digits, 3)  # 110B in two digits
    for size, letter in _LETTERS:
        if abs(rounded) >= size:
            return format_compute(value, digits) if abs(rounded) >= 1e15 else (
                f"{rounded / size:.{whole}g}{letter}"
            )  # fmt: skip
    return f"{rounded:.{whole}g}"


def format_compute(value: float, digits: int = 3) -> str:
    """Write a number of FLOPs: 6e23, 1.05e13.

    Examples
    --------
    >>> format_compute(5.76e23), format_compute(1e21)
    ('5.76e23', '1e21')
    """
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    return f"{mantissa}e{int(exponent)}"


def format_variable(name: str, value: float, digits: int = 3) -> str:
    """Write the value of a variable in its own way: counts for N and D, powers of ten for C."""
    if name == "C" or not 1e-3 <= abs(value) < 1e15:
        return format_compute(value, digits)
    return format_count(value, digits)


def format_plain(value: float, digits: int = 4) -> str:
    """A number with so many significant digits and no trailing zeros; 1e21 rather than 1e+21."""
    if not math.isfinite(value):
        return {math.inf: "inf", -math.inf: "-inf"}.get(value, "")
    text = f"{value:.{digits}g}"
    if "e" in text:
        return format_compute(value, digits)
    return text


def format_to(value: float, error: float) -> str:
    """A number rounded by its standard error: the error keeps two digits.

    Examples
    --------
    >>> format_to(0.347310, 0.0154), format_to(2143.4, 1293.0)
    ('0.347', '2100')
    """
    if not math.isfinite(value):
        return format_plain(value)
    if not (math.isfinite(error) and error > 0):
        return format_plain(value, 5)
    if error < 1e-8 * abs(value):  # known to more digits than anyone reads
        return format_plain(value, 8)
    place = math.floor(math.log10(error)) - 1
    digits = max(2, math.floor(math.log10(abs(value))) - place + 1) if value else 2
    rounded = float(f"{value:.{min(digits, 12)}g}")
    if 1e-4 <= abs(rounded) < 1e6:
        text = f"{rounded:.{min(max(0, -place), 12)}f}"
        return text if float(text) else format_plain(value, 1)  # the end of an interval near zero
    return format_plain(value, min(digits, 12))


def format_error(value: float) -> str:
    """A standard error: two significant digits, written out where that is readable."""
    if not math.isfinite(value):
        return format_plain(value)
    rounded = float(f"{value:.2g}")
    return f"{rounded:.0f}" if 100 <= rounded < 1e6 else format_plain(value, 2)


def format_signed(value: float) -> str:
    """Two significant digits with the sign written."""
    sign = "+" if value > 0 else "-" if value < 0 else ""
    return sign + format_error(abs(value))


def plural(n: int, noun: str) -> str:
    """``3 runs``, ``1 run``."""
    return f"{n:,} {noun}" + ("" if n == 1 else "s")


def listed(items: list[str], most: int = 8, n_more: int = 0) -> str:
    """``a, b and c``; a long list is cut and the rest counted, with `n_more` that are not given."""
    if len(items) + n_more > most:
        shown = items[:most]
        return f"{', '.join(shown)} and {len(items) + n_more - len(shown):,} more"
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def format_percent(share: float, digits: int = 2) -> str:
    """A share in per cent; nothing where it is not known.

    Examples
    --------
    >>> format_percent(0.0123), format_percent(0.97), format_percent(-0.2)
    ('1.2 %', '97 %', '-20 %')
    """
    return f"{float(f'{100 * share:.{digits}g}'):g} %" if math.isfinite(share) else ""


def format_factor(factor: float, digits: int = 3) -> str:
    """A factor in so many digits, written out up to a million.

    Examples
    --------
    >>> format_factor(7.7142), format_factor(1000.0), format_factor(4.2e7)
    ('7.71', '1,000', '4.2e7')
    """
    if not math.isfinite(factor) or abs(factor) >= 1e6:
        return format_plain(factor, digits)
    return f"{float(f'{factor:.{digits}g}'):,.6g}"


def format_times(factor: float, digits: int = 3) -> str:
    """A factor with its sign: 7.7x."""
    text = format_factor(factor, digits)
    return f"{text}x" if text else ""


def format_level(level: float) -> str:
    """A confidence level: 95 %."""
    return f"{100 * level:g} %"


def format_span(low: str, high: str) -> str:
    """Both ends of an interval, where it has any.

    Examples
    --------
    >>> format_span("69.5B", "177B"), format_span("69.5B", "inf"), format_span("", "2")
    ('69.5B to 177B', '69.5B or more', '')
    """
    if not low or not high:
        return ""
    if high.startswith("inf"):
        return "not bounded" if low.startswith("-inf") else f"{low} or more"
    return f"at most {high}" if low.startswith("-inf") else f"{low} to {high}"


def format_interval(low: float, high: float) -> str:
    """An interval in digits that its half-width decides.

    Examples
    --------
    >>> format_interval(1.7682, 1.9731), format_interval(float("nan"), 1.0)
    ('1.77 to 1.97', '')
    """
    half = 0.5 * (high - low)
    return format_span(*("" if math.isnan(end) else format_to(end, half) for end in (low, high)))
