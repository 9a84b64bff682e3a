"""Every law against its formula as the paper has it, written out in plain numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import exp, log, log2

import pytest
from scipy import optimize

import scalinglaws as sl
from tests.catalogue_rows import ROWS, coefficients

Numbers = Mapping[str, float]
Formula = Callable[..., float]


class Values(dict[str, float]):
    """Names as attributes, so that a formula reads as in print."""

    __getattr__ = dict.__getitem__


def experts(p: Values, n: float) -> float:
    """Clark et al. 2022: the number of experts between the two saturations."""
    return 1 / (1 / (n - 1 + 1 / (1 / p.E_start - 1 / p.E_max)) + 1 / p.E_max)


def m4(p: Values, x: Values) -> float:
    """The loss between floor and chance level that solves the law's equation."""

    def gap(loss: float) -> float:
        left = (loss - p.eps_inf) / (p.eps_0 - loss) ** p.alpha
        return log(left) - log(p.b * x.D**p.c)

    width = p.eps_0 - p.eps_inf
    return optimize.brentq(gap, p.eps_inf + 1e-13 * width, p.eps_0 - 1e-13 * width, xtol=1e-16)


def rosenfeld(p: Values, x: Values) -> float:
    """eps_0 |e / (e - i eta)|."""
    error = x.D**-p.alpha + p.b * x.N**-p.beta + p.c
    return p.eps_0 * abs(error / (error - 1j * p.eta))


def farseer(p: Values, x: Values) -> float:
    """exp(a N^g + b) with a = s/g and b = c - s/g, sizes in billions."""
    n, d = x.N / 1e9, x.D / 1e9

    def nested(k: int) -> float:
        s, g, c = p[f"s_{k}"], p[f"g_{k}"], p[f"c_{k}"]
        return exp(s / g * n**g + c - s / g)

    return nested(3) + nested(2) * d ** -nested(1)


def muennighoff(p: Values, x: Values) -> float:
    """Sums of geometric worth, beyond the unique tokens and the size optimal for them."""
    unique = min(x.U, x.D)
    base = min((p.A / p.B) ** (1 / p.alpha) * unique, x.N)

    def worth(amount: float, fresh: float, room: float) -> float:
        return fresh + fresh * room * (1 - exp(-(amount / fresh - 1) / room))

    return (
        p.E + p.A * worth(x.N, base, p.R_N) ** -p.alpha
        + p.B * worth(x.D, unique, p.R_D) ** -p.alpha
    )  # fmt: skip


def multi_power(p: Values, x: Values) -> float:
    """Two changes of the learning rate."""
    paid = sum(
        x[f"fall_{k}"] * (1 - (1 + p.C_s * x[f"lr_{k}"] ** -p.gamma * x[f"since_{k}"]) ** -p.beta)
        for k in (1, 2)
    )
    return p.L_0 + p.A * x.S1**-p.alpha - p.B * paid


def student(p: Values, x: Values) -> float:
    """The student of a teacher of loss L_T."""
    gap = (1 + (x.L_T / (x.L_S * p.d_1)) ** (1 / p.f_1)) ** (-p.c_1 * p.f_1)
    own = (p.A * x.N**-p.alpha + p.B * x.D**-p.beta) ** p.gamma
    return x.L_T + x.L_T**-p.c_0 * gap * own


def ludziejewski(p: Values, x: Values) -> float:
    """Exponents that move with the experts."""
    e = experts(p, x.n_exp)
    return (
        p.a * e**p.delta * x.N ** (p.alpha + p.gamma * log(e))
        + p.b * e**p.omega * x.D ** (p.beta + p.zeta * log(e)) + p.c
    )  # fmt: skip


def clark(p: Values, x: Values) -> float:
    """Bilinear in the logarithms of size and experts, to the base 10."""
    n, e = log(x.N) / log(10), log(experts(p, x.n_exp)) / log(10)
    return 10 ** (p.a * n + p.b * e + p.c * n * e + p.d)


def _kumar(p: Values, x: Values, parts: str) -> float:
    n = x.N
    for part in parts.split():
        n *= 1 - exp(-x[f"P{part}"] / p[f"gamma{part}"])
    return p.A * n**-p.alpha + p.B * x.D**-p.beta + p.E


FORMULAS: Mapping[str, Formula] = {
    "power": lambda p, x: p.a * x.N**p.b * x.D**p.c * x.C**p.d,
    "power-floor": lambda p, x: p.E + p.a * x.N**p.b * x.D**p.c * x.C**p.d,
    "m1": lambda p, x: p.b * x.D**p.c,
    "m2": lambda p, x: p.eps_inf + p.b * x.D**p.c,
    "m3": lambda p, x: p.b * (1 / x.D + p.gamma) ** -p.c,
    "m4": m4,
    "hestness": lambda p, x: p.a * x.D**p.beta_g + p.gamma,
    "henighan": lambda p, x: p.L_inf + (x.N / p.x_0) ** -p.alpha,
    "bnsl": lambda p, x: p.a + p.b * x.D**-p.c_0
    * (1 + (x.D / p.d_1) ** (1 / p.f_1)) ** (-p.c_1 * p.f_1),
    "nezhurina": lambda p, x: p.A * (x.C + p.B) ** -p.alpha + p.E,
    "cherti": lambda p, x: p.beta * x.C**p.alpha,
    "chinchilla": lambda p, x: p.E + p.A * x.N**-p.alpha + p.B * x.D**-p.beta,
    "outer-power": lambda p, x: p.E
    + ((p.A * x.N**-p.alpha) ** (1 / p.q) + (p.B * x.D**-p.beta) ** (1 / p.q)) ** p.q,
    "kaplan": lambda p, x: ((p.N_c / x.N) ** (p.alpha_N / p.alpha_D) + p.D_c / x.D) ** p.alpha_D,
    "kaplan-params": lambda p, x: (p.N_c / x.N) ** p.alpha_N,
    "kaplan-data": lambda p, x: (p.D_c / x.D) ** p.alpha_D,
    "kaplan-compute": lambda p, x: (p.C_c / x.C) ** p.alpha_C,
    "kaplan-steps": lambda p, x: (p.N_c / x.N) ** p.alpha_N + (p.S_c / x.S) ** p.alpha_S,
    "critical-batch": lambda p, x: p.B_star / x.loss ** (1 / p.alpha_B),
    "rosenfeld": rosenfeld,
    "gadre": lambda p, x: p.E
    + (p.a * (x.D / x.N) ** p.eta + p.b * (x.D / x.N) ** -p.eta) * x.C**-p.eta,
    "farseer": farseer,
    "tao": lambda p, x: -p.E + p.A_1 * (x.N_nv / 1e6) ** -p.alpha_1
    + p.A_2 * (x.N_v / 1e3) ** -p.alpha_2 + p.B * (x.D / 1e9) ** -p.alpha_1,
    "parscale": lambda p, x: p.E + (p.A / (x.N * (p.k * log(x.P) + 1))) ** p.alpha,
    "busbridge": lambda p, x: p.E + (p.A * x.N**-p.alpha + p.B * x.D**-p.beta) ** p.gamma,
    "busbridge-student": student,
    "tissue": lambda p, x: p.L_0 + p.A * x.S1**-p.alpha - p.C_s * x.S2,
    "multi-power": multi_power,
    "muennighoff": muennighoff,
    "hernandez": lambda p, x: p.k * x.D_F**p.alpha * x.N**p.beta,
    "hernandez-loss": lambda p, x: (
        (p.N_c / x.N) ** (p.alpha_N / p.alpha_D)
        + p.D_c / (p.k * x.D_F**p.alpha * x.N**p.beta)
    ) ** p.alpha_D,
    "zhang": lambda p, x: p.A * x.X**-p.alpha * x.D_f**-p.beta + p.E,
    "lin": lambda p, x: p.B / (p.D_l + x.D**p.beta) + p.E,
    "ye": lambda p, x: p.c + exp(p.t_1 * x.r_1 + p.t_2 * x.r_2),
    "shukor": lambda p, x: p.E
    + 1 / ((1 / p.K) * x.h_1**p.gamma_1 + (p.c_2 / p.K) * x.h_2**p.gamma_2)
    + p.A * x.N**-p.alpha + p.B * x.D**-p.beta,
    "ge": lambda p, x: p.A / x.r**p.alpha * (p.B / x.S**p.beta + 1),
    "que": lambda p, x: p.E + p.A * x.N**-p.alpha + p.B * x.r**p.eta * x.D**-p.beta
    + p.C_r * (x.r + p.eps) ** -p.gamma,
    "clark": clark,
    "krajewski": lambda p, x: p.c + (p.g * x.G**-p.gamma + p.a) * x.N**-p.alpha
    + p.b * x.D**-p.beta,
    "abnar": lambda p, x: p.e + p.a * x.N**-p.alpha + p.b * x.D**-p.beta
    + p.c * (1 - x.S) ** -p.lambda_ + p.d * (1 - x.S) ** -p.delta * x.N**-p.gamma,
    "ludziejewski": ludziejewski,
    "frantar": lambda p, x: (p.a_S * (1 - x.S) ** p.b_S + p.c_S) * x.N**-p.b_N
    + (p.a_D / x.D) ** p.b_D + p.c,
    "kumar": lambda p, x: p.A * (x.N * (1 - exp(-x.P / p.gamma))) ** -p.alpha
    + p.B * x.D**-p.beta + p.E,
    "kumar-parts": lambda p, x: _kumar(p, x, "_w _a _kv"),
    "kumar-ptq": lambda p, x: p.C_T * x.D**p.gamma_D * x.N**-p.gamma_N * exp(-x.P / p.gamma_post),
    "ouyang": lambda p, x: p.k * x.D**p.beta / (x.N**p.alpha * x.P**p.gamma),
    "chen-qat": lambda p, x: p.k * x.D**p.gamma_D * log2(x.G) ** p.gamma_G * x.N**-p.gamma_N,
    "accuracy-sigmoid": lambda p, x: p.floor
    + (p.ceiling - p.floor) / (1 + exp(p.k * (x.loss - p.L_0))),
    "accuracy-exponential": lambda p, x: p.floor + (1 - p.floor) * exp(-p.k * x.loss),
    "accuracy-cloglog": lambda p, x: p.floor
    + (p.ceiling - p.floor) * (1 - exp(-exp(-p.k * (x.loss - p.L_0)))),
    "gadre-error": lambda p, x: p.eps - p.k * exp(-p.gamma * x.loss),
    "loss-to-loss": lambda p, x: p.K * (x.loss_0 - p.E_0) ** p.kappa + p.E_1,
    "observational": lambda p, x: p.h / (1 + exp(-p.a) * x.C**-p.b),
    "pass-at-k": lambda p, x: exp(-p.a * x.k**-p.b),
    "scalerl": lambda p, x: p.R_0 + (p.A - p.R_0) / (1 + (p.C_mid / x.C) ** p.B),
    "jones": lambda p, x: 10 ** (-p.c * log(x.train) / log(10) + p.b * x.elo + p.a),
    "deepseek-lr": lambda p, x: p.a * x.C**p.b,
    "deepseek-batch": lambda p, x: p.a * x.C**p.b,
    "deepseek-allocation": lambda p, x: p.a * x.C**p.b,
    "llama3-allocation": lambda p, x: p.A * x.C**p.alpha,
    "steplaw-lr": lambda p, x: p.a * x.N**p.b * x.D**p.c,
    "steplaw-batch": lambda p, x: p.a * x.D**p.b,
    "porian-lr": lambda p, x: p.a * x.N**p.b,
    "porian-batch": lambda p, x: p.a * x.N**p.b,
    "lcdb-log2": lambda p, x: p.a * log(x.D) + p.b,
    "lcdb-lin2": lambda p, x: p.a * x.D + p.b,
    "lcdb-pow2": lambda p, x: p.a * x.D**p.b,
    "lcdb-exp2": lambda p, x: p.a * exp(-p.b * x.D),
    "lcdb-ilog2": lambda p, x: p.b - p.a / log(x.D),
    "lcdb-pow3": lambda p, x: p.a - p.b * x.D**-p.c,
    "lcdb-exp3": lambda p, x: p.a * exp(-p.b * x.D) + p.c,
    "lcdb-vap3": lambda p, x: exp(p.a + p.b / x.D + p.c * log(x.D)),
    "lcdb-expp3": lambda p, x: p.c - exp((x.D + p.b) ** p.a),
    "lcdb-expd3": lambda p, x: p.c - (p.c - p.a) * exp(-p.b * x.D),
    "lcdb-logpower3": lambda p, x: p.a / (1 + (x.D / p.d) ** p.c),
    "lcdb-hill3": lambda p, x: p.a * x.D**p.c / (p.b**p.c + x.D**p.c),
    "lcdb-mmf4": lambda p, x: (p.a * p.b + p.c * x.D**p.d) / (p.b + x.D**p.d),
    "lcdb-wbl4": lambda p, x: p.c - p.b * exp(-p.a * x.D**p.d),
    "lcdb-exp4": lambda p, x: p.c - exp(-p.a * x.D**p.d + p.b),
    "lcdb-pow4": lambda p, x: p.a - p.b * (x.D + p.d) ** -p.c,
}  # fmt: skip


def test_every_law_is_written_out() -> None:
    assert set(FORMULAS) == set(sl.laws)


@pytest.mark.parametrize("name", FORMULAS)
def test_values_are_those_of_the_formula(name: str) -> None:
    """With the coefficients of the row and of every published set, on the row's own design."""
    law, about = sl.laws[name], sl.laws.about(name)
    table = ROWS[name].table().sample(8, random_state=0, replace=True)
    for values in (coefficients(name), *(c.values for c in about.published)):
        found = law.value(values, table)
        points = (Values(row) for row in table.to_dict("records"))
        expected = [FORMULAS[name](Values(values), point) for point in points]
        assert found == pytest.approx(expected, rel=1e-11)
