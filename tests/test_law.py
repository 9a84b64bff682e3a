"""Laws: values, exact derivatives, roles."""

import pickle

import numpy as np
import pandas as pd
import pytest

from scalinglaws.core import catalogue
from scalinglaws.core.law import Law
from scalinglaws.errors import FormulaError

LAWS = [
    catalogue.named("power"),
    catalogue.named("power-floor"),
    catalogue.named("kaplan"),
    catalogue.named("chinchilla"),
    Law("E + (a*(D/N)**eta + b*(D/N)**-eta) * C**-eta"),
    Law("min(A*N**-a, tanh(B/D**b) + c) + sqrt(d*N) / (1 + exp(-k*log(D)))**q"),
    Law("max(A/N, B/D) * abs(c - d*log1p(N)) - expm1(-e*log10(D))"),
    Law("p*sigmoid(k*log(N) - m) + arctan(w*D) + sin(u*D)*cos(v*N) + log2(N + z)"),
    Law("E + (A/N**(alpha/q) + B/D**(beta/q))**q"),
    Law("E + smoothmax(A/N**alpha, B/D**beta, c, q)"),
    Law("a + b*D**-c * smoothmax(1, D/d, f)**-e"),
    Law("E + A/saturate(N, k*min(u, D), r)**alpha + B/saturate(D, p*N, s)"),
    Law("exp(c + s*boxcox(N*d, g)) * D**-exp(p + q*boxcox(N, 0*r)) + r"),
    Law("low + high*share(b*D**-c*N**d, strength + 0.3)"),
    Law("low + high*share(b*D**-c*N**d, 2*strength + 1)"),
]


def _random(law: Law, seed: int = 0) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    rng = np.random.default_rng(seed)
    params = {p: rng.uniform(0.2, 0.9) for p in law.parameter_names}
    return params, {v: rng.uniform(1.0, 9.0, 7) for v in law.variables}


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.label)
def test_derivatives_are_exact(law: Law) -> None:
    """Gradient, Hessian and variable gradient agree with complex steps to 1e-12."""
    params, variables = _random(law)
    gradient, hessian = law.gradient(params, **variables), law.hessian(params, **variables)
    h = 1e-30

    for j, name in enumerate(law.parameter_names):
        stepped = {**params, name: params[name] + 1j * h}
        value = law.value(stepped, **variables).imag / h
        slope = law.gradient(stepped, **variables).imag / h
        np.testing.assert_allclose(gradient[:, j], value, rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(hessian[:, j], slope, rtol=1e-12, atol=1e-13)
    by_variable = law.variable_gradient(params, **variables)
    for j, name in enumerate(law.variables):
        moved = {**variables, name: variables[name] + 1j * h}
        value = law.value(params, **moved).imag / h
        np.testing.assert_allclose(by_variable[:, j], value, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.label)
def test_hessian_is_symmetric(law: Law) -> None:
    """Mixed derivatives do not depend on the order."""
    params, variables = _random(law, seed=1)
    hessian = law.hessian(params, **variables)

    np.testing.assert_array_equal(hessian, hessian.swapaxes(1, 2))


def test_values_take_scalars_arrays_and_frames() -> None:
    """The shape that comes out is the shape that went in."""
    law = catalogue.named("chinchilla")
    params = {"E": 1.8172, "A": 482.01, "alpha": 0.3478, "B": 2085.43, "beta": 0.3658}
    frame = pd.DataFrame({"N": [70_000_000_000], "D": [1_400_000_000_000], "other": ["x"]})

    scalar = law.value(params, N=70e9, D=1.4e12)
    array = law.value(params, N=np.full((2, 3), 70e9), D=1.4e12)

    assert scalar.shape == ()
    # section 1.7 of the catalogue of laws: L(70e9, 1.4e12) = 1.973882
    assert float(scalar) == pytest.approx(1.973882, abs=5e-7)
    assert array.shape == (2, 3)
    assert law.value(params, frame).tolist() == [float(scalar)]


def test_kaplan_reproduces_its_check_value() -> None:
    """Kaplan et al. 2020, joint fit at N = 1e9, D = 2e10: 2.37388."""
    law = catalogue.named("kaplan")
    params = {"N_c": 6.4e13, "D_c": 1.8e13, "alpha_N": 0.076, "alpha_D": 0.103}

    assert float(law.value(params, N=1e9, D=2e10)) == pytest.approx(2.37388, abs=5e-6)


def test_integers_do_not_overflow() -> None:
    """6*N*D is past 2^63 here."""
    law = Law("a * (6*N*D)**-b")

    value = law.value({"a": 1.0, "b": 1.0}, N=np.array([10**11]), D=np.array([10**13]))

    assert value[0] == pytest.approx(1 / 6e24)


def test_missing_values_are_named() -> None:
    """The message says which parameter or variable is missing."""
    law = catalogue.named("chinchilla")

    with pytest.raises(ValueError, match="needs the variable D; got N"):
        law.value(dict.fromkeys(law.parameter_names, 1.0), N=1.0)
    with pytest.raises(ValueError, match="needs the parameters B, beta"):
        law.value({"E": 1, "A": 1, "alpha": 1}, N=1.0, D=1.0)


@pytest.mark.parametrize(
    ("formula", "roles"),
    [
        (
            "E + A/N**alpha",
            {"E": ("offset", True, 0.0), "A": ("coefficient", True, 0.0),
             "alpha": ("exponent", False, 0.0)},
        ),
        ("a*N**b", {"a": ("coefficient", True, 0.0), "b": ("exponent", False, -np.inf)}),
        ("E + a*N**b", {"b": ("exponent", False, -10.0)}),
        ("c - A/N**alpha", {"c": ("offset", True, 0.0), "A": ("coefficient", True, 0.0)}),
        (
            "p - q*log(N)",
            {"p": ("offset", False, -np.inf), "q": ("coefficient", False, -np.inf)},
        ),
    ],
)  # fmt: skip
def test_roles_follow_from_the_formula(
    formula: str, roles: dict[str, tuple[str, bool, float]]
) -> None:
    """Coefficients of powers are positive; exponents that make a term decay are not negative."""
    found = {p.name: (p.role, p.positive, p.lower) for p in Law(formula).parameters}

    assert roles.items() <= found.items()


def test_linear_parameters_are_known() -> None:
    """Given the exponents, a law is linear in its coefficients."""
    linear = {p.name for p in catalogue.named("chinchilla").parameters if p.linear}

    assert linear == {"E", "A", "B"}


def test_bounds_are_checked() -> None:
    """Bounds of nothing, and empty bounds, are refused."""
    with pytest.raises(FormulaError, match="`bounds` names 'gamma', which is no parameter"):
        Law("E + A/N", bounds={"gamma": (0, 1)})
    with pytest.raises(FormulaError, match="must be \\(low, high\\) with low < high"):
        Law("E + A/N", bounds={"E": (2, 1)})


def test_a_law_needs_parameters_and_its_variables() -> None:
    """A law that could not be fitted is refused when it is made."""
    with pytest.raises(FormulaError, match="has no parameters"):
        Law("N + D")
    with pytest.raises(FormulaError, match="The variable 'D' does not occur"):
        Law("E + A/N", variables=["D"])


def test_unknown_names_list_the_known_ones() -> None:
    """A misspelt name gets the nearest one."""
    with pytest.raises(FormulaError, match="Did you mean 'chinchilla'"):
        catalogue.named("chinchila")


def test_laws_survive_pickle_and_json() -> None:
    """A law is its text and its bounds."""
    law = Law("loss ~ E + A/N**alpha", name="mine", bounds={"E": (0.5, np.inf)})

    assert pickle.loads(pickle.dumps(law)) == law
    assert Law.from_dict(law.to_dict()) == law
    assert law.latex == r"\mathrm{loss} = E + \frac{A}{N^{\alpha}}"
