"""Laws turned inside out: what is found, and that it holds."""

from __future__ import annotations

import numpy as np
import pytest

import scalinglaws as sl
from scalinglaws.core.expression import evaluate
from scalinglaws.core.inversion import find_inversion, invert
from tests.catalogue_rows import ROWS, coefficients


@pytest.mark.parametrize("name", ROWS)
def test_the_inner_part_is_what_its_form_says(name: str) -> None:
    """Taken out of the law's own values, it is linear in the unknowns, with these slopes."""
    law, values = sl.laws[name], coefficients(name)
    inversion = find_inversion(law.parsed.expression, law.parameter_names)
    if inversion is None or any(values[p] < 0 for p in inversion.form.logs):
        return  # a coefficient that may be negative has no logarithm
    table = ROWS[name].table()
    names = {**values, **{v: table[v].to_numpy() for v in law.variables}}
    inner = invert(inversion.outer, law.value(values, table), names)

    form = inversion.form
    expected = evaluate(form.constant, names)
    for parameter, slope in form.slopes.items():
        unknown = values[parameter]
        unknown = np.log(unknown) if parameter in form.logs else unknown
        if parameter in form.powers:
            unknown = unknown ** evaluate(form.powers[parameter], names)
        expected = expected + unknown * evaluate(slope, names)
    found = np.log(inner) if form.logarithmic else inner

    np.testing.assert_allclose(found, np.broadcast_to(expected, found.shape), rtol=1e-6, atol=1e-8)
    assert set(form.slopes) | set(inversion.searched) == set(law.parameter_names)


@pytest.mark.parametrize(
    ("formula", "solved", "levels"),
    [
        ("L + (U - L)*share(b*D**c, s)", {"b", "c"}, {"L", "U"}),
        ("E + smoothmax(A/N**a, B/D**b, q)", {"A", "B"}, {"E"}),
        ("E + (A/N**a + B/D**b)**g", {"A", "B"}, {"E"}),
        ("10**(d + a*log10(N) + b*log10(D/(1 + D/k)))", {"d", "a", "b"}, set()),
        ("h*sigmoid(a + b*log(C))", {"a", "b"}, set()),
        ("a + b*D**-c * smoothmax(1, D/d, f)**-e", {"b", "c", "e"}, {"a"}),
    ],
)
def test_what_follows_linearly(formula: str, solved: set[str], levels: set[str]) -> None:
    """Links, powers, smooth maxima, implicit laws."""
    law = sl.Law(formula)
    inversion = find_inversion(law.parsed.expression, law.parameter_names)

    assert inversion is not None
    assert set(inversion.form.slopes) == solved
    assert inversion.levels == levels


def test_a_law_that_cannot_be_inverted() -> None:
    """The unknowns stand in two places of the sine."""
    law = sl.Law("sin(a*N + b) + a*D")

    assert find_inversion(law.parsed.expression, law.parameter_names) is None
