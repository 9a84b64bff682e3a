"""Lines of maths: made by a grammar, damaged, or of no meaning at all."""

from __future__ import annotations

import numpy as np

import scalinglaws as sl
from benchmarks.fuzz.trial import Case, choice

_NAMES = ("N", "D", "C", "a", "b", "E", "alpha", "beta_1", "x", "α", "N[s]", "a[s]", "where")
_NUMBERS = (
    "0",
    "1",
    "2",
    "0.5",
    "-1",
    "1e3",
    "1e-300",
    "1e400",
    "1e-400",
    "007",
    "1_0",
    "0x1",
    ".5",
)
_FUNCTIONS = (
    "exp", "log", "log2", "log10", "log1p", "expm1", "sqrt", "abs", "tanh", "sigmoid", "sin",
    "cos", "arctan", "min", "max", "smoothmax", "saturate", "share", "boxcox", "f", "lambda",
)  # fmt: skip
_PIECES = (
    *"+-*/()[]{}^~=;:,.!@#$%&|<>?\\'\"`_ \t\n\x00\x1b·×−²√",
    "**", "//", "~ ", " where ", "loss ~", "if", "else", "lambda", "import", "1if", "\ud800", "é",
)  # fmt: skip


def case(rng: np.random.Generator) -> Case:
    """A line, parsed, typeset and evaluated with its derivatives."""
    text = _line(rng)
    return Case(text, lambda: _use(text))


def _use(text: str) -> None:
    law = sl.Law(text, levels={"s": ["c4", "web"]})
    assert law.latex
    assert law.parameters
    law.separation, law.products, repr(law)
    params = dict.fromkeys(law.parameter_names, 0.7)
    point = {"N": np.array([1e6, 1e9]), "D": 1e10, "C": 1e20, "s": "c4"}
    data = {k: v for k, v in point.items() if k in (*law.variables, *law.group_columns)}
    law.value(params, data), law.gradient(params, data), law.hessian(params, data)


def _line(rng: np.random.Generator) -> str:
    kind = rng.random()
    if kind < 0.15:
        return "".join(choice(rng, (*_PIECES, *_NAMES)) for _ in range(int(rng.integers(0, 30))))
    text = _expression(rng, int(rng.integers(1, 6)))
    if kind < 0.3:
        text = f"{text} where " + "; ".join(
            f"{choice(rng, ('x', 'y', 'a'))} = {_expression(rng, 2)}"
            for _ in range(int(rng.integers(1, 4)))
        )
    if kind < 0.4:
        n = int(choice(rng, (5, 20, 40, 200)))
        text = choice(rng, ("({})/c", "{0}+{0}", "({})*(a+b)", "({})**c", "exp({})", "-{}"))
        text = _repeated(text, n)
    if kind > 0.7:
        place = int(rng.integers(0, len(text) + 1))
        end = place + int(rng.integers(0, 3))
        text = text[:place] + choice(rng, _PIECES) + text[end:]
    return f"loss ~ {text}" if rng.random() < 0.5 else text


def _repeated(form: str, n: int) -> str:
    text = "N"
    for _ in range(n):
        text = form.format(text)
        if len(text) > 20_000:
            break
    return text


def _expression(rng: np.random.Generator, depth: int) -> str:
    kind = rng.random()
    if depth == 0 or kind < 0.2:
        return str(choice(rng, _NAMES[:-1] if rng.random() < 0.8 else _NUMBERS))
    if kind < 0.75:
        operator = choice(rng, ("+", "-", "*", "/", "**"))
        return f"({_expression(rng, depth - 1)}{operator}{_expression(rng, depth - 1)})"
    arguments = [_expression(rng, depth - 1) for _ in range(int(rng.choice([1, 1, 1, 2, 3])))]
    return f"{choice(rng, _FUNCTIONS)}({', '.join(arguments)})"
