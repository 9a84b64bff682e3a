"""Reading one line of maths, and the errors that point at the place."""

import time

import pytest

from scalinglaws.core.expression import Apply, Name, Number
from scalinglaws.core.formula import parse
from scalinglaws.core.law import Law
from scalinglaws.core.typeset import to_latex
from scalinglaws.errors import FormulaError


def test_a_line_becomes_a_tree() -> None:
    """Operators, numbers and names are kept as written."""
    formula = parse("loss ~ E + A/N**alpha")

    assert formula.target == "loss"
    assert formula.expression == Apply(
        "+",
        (Name("E"), Apply("/", (Name("A"), Apply("**", (Name("N"), Name("alpha")))))),
    )


def test_the_target_may_be_left_out_or_be_any_column_name() -> None:
    """What stands left of ~ is a column, not maths."""
    assert parse("E + A/N").target is None
    assert parse("eval/loss ~ E + A/N").target == "eval/loss"


def test_a_negative_number_is_a_number() -> None:
    """-3 is not an operator applied to 3."""
    assert parse("-3").expression == Number(-3.0)


@pytest.mark.parametrize(
    ("text", "message", "column"),
    [
        ("E + A/N^alpha", r"Write \*\* instead of \^", 7),
        ("E + A·N", r"Write \* instead of ·", 5),
        ("E − A/N", "Write - instead of −", 2),
        ("loss ~ ", "Nothing stands to the right", 7),
        ("~ E + N", "Name the performance column left of '~'", 0),
        ("a ~ b ~ c", "A law has one '~' at most", 6),
        ("E + 2A/N", r"An operator is missing, such as \*", 5),
        ("E + A(N)", r"'A' is not a function of the language; to multiply, write A\*\(", 4),
        ("E + sqr(N)", "did you mean sqrt", 4),
        ("E + exp", "'exp' is a function", 4),
        ("E + exp(N, D)", "'exp' takes one argument, not 2", 4),
        ("E + min(N)", "'min' takes two or more arguments", 4),
        ("E + lambda*N", "'lambda' is a reserved word of Python", 4),
        ("y = E + N", "Write 'target ~ formula' instead of '='", 2),
        ("E < N", "A law has no comparison", 0),
        ("E + N.size", "Only names, numbers", 4),
        ("E + N[0]", "An index is the name of one column", 4),
        ("E + 'N'", "'N' is not a number", 4),
        ("E + True", "True is not a number", 4),
        ("E if N else A", "Only names, numbers", 0),
        ("__import__('os').system('ls')", "Only names, numbers", 0),
        ("loss ~ E + (A/N", "A parenthesis is not closed", None),
    ],
)
def test_an_error_points_at_the_place(text: str, message: str, column: int | None) -> None:
    """The caret stands under the character that is wrong."""
    with pytest.raises(FormulaError, match=message) as caught:
        parse(text)

    _, line, caret = str(caught.value).split("\n")
    assert line == f"  {text}"
    if column is not None:
        assert caret.index("^") - 2 == column


def test_carets_count_characters_not_bytes() -> None:
    """Greek names take two bytes each."""
    with pytest.raises(FormulaError) as caught:
        parse("α + β*foo(N)")

    assert str(caught.value).split("\n")[2].index("^") - 2 == 6


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "The law is empty"),
        ("a+" * 6000 + "a", "the most is 10,000"),
        ("-" * 300 + "a", "nested too deeply"),
    ],
)
def test_hopeless_lines_are_refused(text: str, message: str) -> None:
    """Empty, endless and bottomless formulas get an error, not a crash."""
    with pytest.raises(FormulaError, match=message):
        parse(text)


@pytest.mark.parametrize(
    ("n", "message"),
    [
        (26, "the law has more than 10,000 names, numbers and operations"),
        (300, "the law has more than 10,000 names"),
    ],
)
def test_definitions_that_multiply_are_refused(n: int, message: str) -> None:
    """Each use of a definition copies it; the size is known before the tree is built."""
    definitions = "; ".join(f"x{i + 1}=x{i}+x{i}" for i in range(n))
    with pytest.raises(FormulaError, match=message):
        Law(f"loss ~ E + A/N**x{n} where x0=beta; {definitions}")
    with pytest.raises(FormulaError, match="more than 200 operations inside each other"):
        Law("N*x250 where x0=beta; " + "; ".join(f"x{i + 1}=x{i}+1" for i in range(250)))


@pytest.mark.parametrize(
    "text",
    [
        "N+(a+b)" + "/c" * 50, "N+(a+b)" + "/(c+d)" * 50, "N+(a+b)" + "*(c+d)" * 150,
        "N+" + "+".join(f"a{i}*N**b{i}" for i in range(190)),
        "N*" + "*".join(f"a{i}**b{i}" for i in range(190)),
        "N+min(" + ",".join(["a"] * 3000) + ")",
    ],
)  # fmt: skip
def test_a_law_is_taken_apart_within_a_second(text: str) -> None:
    """Quotients of sums doubled the work each, and wide laws squared it."""
    begin = time.process_time()
    law = Law(text)
    assert law.parameters
    assert law.separation
    assert time.process_time() - begin < 2


@pytest.mark.parametrize(
    ("text", "column"),
    [("1e999*N", 0), ("N*" + "9" * 400, 2), ("N*" + "9" * 5000, 2), ("a*N + 1e-400", 6)],
)
def test_numbers_out_of_range_are_refused(text: str, column: int) -> None:
    """Neither an infinity nor a zero in their place."""
    with pytest.raises(FormulaError, match="This number is out of range") as caught:
        parse(text)

    assert str(caught.value).split("\n")[2].index("^") - 2 == column


@pytest.mark.parametrize(
    ("text", "latin", "column"),
    [("E + A/\N{GREEK CAPITAL LETTER NU}**alpha", "N", 6),
     ("N*\N{CYRILLIC SMALL LETTER A}lpha", "alpha", 2)],
)  # fmt: skip
def test_letters_that_look_latin_are_pointed_at(text: str, latin: str, column: int) -> None:
    """Such a name would be a parameter beside the one that it looks like."""
    with pytest.raises(FormulaError, match=f"only look like those of '{latin}'") as caught:
        parse(text)

    assert str(caught.value).split("\n")[2].index("^") - 2 == column
    assert parse("α*N + \N{CYRILLIC SMALL LETTER EF}").target is None


def test_a_long_line_is_quoted_around_its_caret() -> None:
    """A hundred characters of it, and the caret under the right one."""
    text = "a+" * 2000 + "N^a" + "+a" * 2000
    with pytest.raises(FormulaError) as caught:
        parse(text)

    _, line, caret = str(caught.value).split("\n")
    assert len(line) < 120
    assert line[caret.index("^")] == "^"
    assert line.startswith("  ...")
    assert line.endswith("...")
    assert len(Law("a+" * 190 + "N").label) <= 200


def test_what_cannot_be_printed_is_not_quoted() -> None:
    """Control characters would move the caret, or colour the terminal."""
    with pytest.raises(FormulaError) as caught:
        parse("N\t*^a\x1b[31m")

    assert str(caught.value).split("\n")[1:] == ["  N\ufffd*^a\ufffd[31m", "     ^"]


def test_python_says_nothing_of_its_own() -> None:
    """The parser warns of "1if"; warnings are errors here."""
    with pytest.raises(FormulaError):
        parse("1if N else a")


def test_a_law_must_be_text() -> None:
    """Numbers are not laws."""
    with pytest.raises(FormulaError, match="one line of text; got int"):
        parse(3)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        ("E + A/N**alpha", r"E + \frac{A}{N^{\alpha}}"),
        ("(a + b)*c", r"\left(a + b\right) \, c"),
        ("a - (b - c)", r"a - \left(b - c\right)"),
        ("alpha_N*sqrt(D)", r"\alpha_{N} \, \sqrt{D}"),
        ("-a**2", r"-a^{2}"),
        ("(-a)**2", r"\left(-a\right)^{2}"),
        ("1e21*exp(-k)", r"10^{21} \, \exp\left(-k\right)"),
        ("min(a, b)/2", r"\frac{\min\left(a, b\right)}{2}"),
        ("log10(N)", r"\log_{10}\left(N\right)"),
    ],
)
def test_latex_reads_like_a_paper(text: str, latex: str) -> None:
    """Parentheses stand where they are needed and nowhere else."""
    assert to_latex(parse(text).expression) == latex


def test_parts_may_have_names_of_their_own() -> None:
    """They are put in, also into each other, and typeset as written."""
    named = parse("loss ~ a*x**b + y where x = N + n_0; y = E*x")
    plain = parse("loss ~ a*(N + n_0)**b + E*(N + n_0)")

    assert named.expression == plain.expression
    assert Law(named.text).latex == (
        r"\mathrm{loss} = a \, x^{b} + y \quad \mathrm{where} \quad x = N + n_{0}, \; y = E \, x"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a*N where x = D", "The definition of 'x' is not used"),
        ("a*x where x", "Write 'name = formula' after 'where'"),
        ("a*x where x = ", "A formula is missing here"),
        ("a*log where log = N", "'log' is a function"),
        ("a*x where x = N; x = D", "'x' cannot be defined: it has a meaning already"),
        ("a*x where x = N^2", r"Write \*\* instead of \^"),
        ("~ where x = N", "Name the performance column"),
    ],
)
def test_definitions_that_are_none(text: str, message: str) -> None:
    """The message says what is wrong."""
    with pytest.raises(FormulaError, match=message):
        parse(text)
