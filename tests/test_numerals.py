"""Numbers as people write them."""

import pytest

from scalinglaws.numerals import (
    format_compute,
    format_count,
    format_error,
    format_plain,
    format_to,
    listed,
    parse_number,
    plural,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7B", 7e9), ("1.4T", 1.4e12), ("125m", 1.25e8), ("1,000,000", 1e6), ("1_000", 1e3),
        ("6e23", 6e23), (" 2.5 K ", 2500.0), ("-3", -3.0), (".5", 0.5), ("1.5e3M", 1.5e9),
        ("inf", float("inf")),
    ],
)  # fmt: skip
def test_numbers_are_read(text: str, value: float) -> None:
    """Suffixes, separators and exponents."""
    assert parse_number(text) == value


@pytest.mark.parametrize("text", ["", "seven", "7Z", "1.2.3", "7 billion", "0x10"])
def test_other_text_is_refused(text: str) -> None:
    """With what to write instead."""
    with pytest.raises(ValueError, match="is not a number; write it as"):
        parse_number(text)


@pytest.mark.parametrize("text", ["1,00", "2,39", "0,980", "-0,5e3"])
def test_a_decimal_comma_is_refused(text: str) -> None:
    """Thousands have three digits and do not begin with zero."""
    with pytest.raises(ValueError, match="is not a number; write a decimal point, not a comma"):
        parse_number(text)


@pytest.mark.parametrize(
    ("value", "text"),
    [(7e9, "7B"), (1.4e12, "1.4T"), (999_999, "1M"), (12.5, "12.5"), (3e15, "3e15")],
)
def test_counts(value: float, text: str) -> None:
    """The field's letters."""
    assert format_count(value) == text


def test_other_formats() -> None:
    """Compute, plain numbers, errors, rounding by the error, lists."""
    assert format_compute(5.76e23) == "5.76e23"
    assert format_plain(1e21) == "1e21"
    assert format_plain(float("nan")) == ""
    assert format_error(359.2) == "360"
    assert format_to(0.36725, 0.0206) == "0.367"
    assert format_to(1.8172, float("nan")) == "1.8172"
    assert plural(1, "run") == "1 run"
    assert plural(1200, "run") == "1,200 runs"
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert listed([str(k) for k in range(12)]).endswith("and 4 more")


def test_end_of_an_interval_near_zero() -> None:
    """Is not rounded away: on which side of zero it lies matters."""
    assert format_to(-0.0032, 0.19) == "-0.003"
    assert format_to(0.0, 0.19) == "0"
