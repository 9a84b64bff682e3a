"""Compute-optimal plans: published figures, closed forms against searches, limits, intervals."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import scalinglaws as sl
from tests.conftest import make_runs
from tests.planning_cases import CHINCHILLA_LAW, EPOCH, HOFFMANN, PRINTED, Known, Published


def six_n_d(N: Any, D: Any) -> Any:
    """The default cost in a form that no closed form is known for."""
    return 6.0 * N * D


@pytest.mark.parametrize(
    ("law", "rows"),
    [
        (EPOCH, [(1e19, 2.622e8, 6.357e9, 24.25), (1e21, 2.778e9, 5.999e10, 21.59),
                 (5.76e23, 7.225e10, 1.329e12, 18.39), (3.8e25, 6.187e11, 1.024e13, 16.55)]),
        (HOFFMANN, [(1e19, 2.708e8, 6.154e9, 22.72), (1e21, 2.217e9, 7.518e10, 33.91),
                    (5.76e23, 4.036e10, 2.379e12, 58.93), (3.8e25, 2.732e11, 2.318e13, 84.83)]),
        (PRINTED, [(1e19, 2.280e8, 7.311e9, 32.07), (1e21, 1.824e9, 9.136e10, 50.08),
                   (5.76e23, 3.219e10, 2.982e12, 92.65), (3.8e25, 2.135e11, 2.967e13, 138.96)]),
    ],
    ids=["epoch", "hoffmann", "printed"],
)  # fmt: skip
@pytest.mark.parametrize("cost", [6, six_n_d], ids=["closed", "searched"])
def test_published_laws(law: Published, rows: list[tuple[float, ...]], cost: Any) -> None:
    """Best N, D and D/N of three printed laws at four budgets, to four digits."""
    plan = sl.optimal(law, C=[row[0] for row in rows], cost=cost)

    for (_, found), row in zip(plan.iterrows(), rows, strict=True):
        assert [f"{found[c]:.3e}" for c in ("N", "D")] == [f"{x:.3e}" for x in row[1:3]]
        assert f"{found['ratio']:.2f}" == f"{row[3]:.2f}"


@pytest.mark.parametrize(
    ("law", "digits"),
    [
        (EPOCH, (0.11963, 0.512612, 0.178286)),
        (HOFFMANN, (1.30005, 0.456526, 0.154840)),
        (PRINTED, (1.34471, 0.451613, 0.153548)),
    ],
)
def test_frontier_coefficients(law: Published, digits: tuple[float, float, float]) -> None:
    """G, a and gamma from three plans."""
    plan = sl.optimal(law, C=[6.0, 6e20, 6e24])
    growth = np.log(plan["N"].iloc[2] / plan["N"].iloc[1]) / np.log(1e4)
    reducible = plan["loss"] - law.values["E"]
    fall = -np.log(reducible.iloc[2] / reducible.iloc[1]) / np.log(1e4)

    assert plan["N"].iloc[0] == pytest.approx(digits[0], abs=5e-6)
    assert growth == pytest.approx(digits[1], abs=6e-7)
    assert fall == pytest.approx(digits[2], abs=6e-7)


FORMULAS = [
    "E + A/N**alpha + B/D**beta",
    "((A/N)**(alpha/beta) + B/D)**beta",
    "E + (A/N**alpha + B/D**beta)**q",
    "E + ((A*N**-alpha)**(1/q) + (B*D**-beta)**(1/q))**q",
]


@pytest.mark.parametrize("formula", FORMULAS)
@given(
    alpha=st.floats(0.1, 1.0), beta=st.floats(0.1, 1.0), log_a=st.floats(1, 9),
    log_b=st.floats(1, 9), q=st.floats(0.3, 2.0), log_c=st.floats(17, 26),
)  # fmt: skip
def test_closed_form_against_search(
    formula: str, alpha: float, beta: float, log_a: float, log_b: float, q: float, log_c: float
) -> None:
    """Every question, on random laws of the family: the search knows nothing of the closed form."""
    values = {
        "E": 1.5, "A": np.exp(log_a), "B": np.exp(log_b), "alpha": alpha, "beta": beta, "q": q,
    }  # fmt: skip
    law = sl.Law(formula)
    fit = Published(law, {name: values[name] for name in law.parameter_names})
    with warnings.catch_warnings(action="error"):
        closed = sl.optimal(fit, C=10.0**log_c).iloc[0]
    if not 10 < closed["N"] < 1e18 or not 10 < closed["D"] < 1e28:
        return
    if "E" in law.parameter_names and closed["loss"] - 1.5 < 1e-9:
        return  # what is left above the floor is rounding: there is no valley to see
    searched = sl.optimal(fit, C=10.0**log_c, cost=six_n_d).iloc[0]
    numbers = ["C", "N", "D", "loss"]

    np.testing.assert_allclose(
        searched[numbers].astype(float), closed[numbers].astype(float), rtol=1e-8
    )
    for name in ("N", "D"):
        for cost in (6, six_n_d):
            back = sl.optimal(fit, **{name: closed[name]}, cost=cost).iloc[0]
            np.testing.assert_allclose(
                back[numbers].astype(float), closed[numbers].astype(float), rtol=1e-7
            )
    if closed["loss"] > (1.5 if "E" in law.parameter_names else 0) + 1e-3:
        for cost in (6, six_n_d):
            back = sl.optimal(fit, loss=closed["loss"], cost=cost).iloc[0]
            # the least compute is as steep in the loss as the frontier is flat
            np.testing.assert_allclose(back["C"], closed["C"], rtol=1e-6)


def test_gopher_on_the_chinchilla_runs(epoch: pd.DataFrame) -> None:
    """Besiroglu et al.'s runs: 7.32e10, 90 % about (5.4e10, 1.05e11)."""
    with warnings.catch_warnings(action="ignore", category=sl.ScalingLawWarning):
        fit = sl.fit(epoch, "chinchilla", objective="huber", delta=1e-3)
    plan = sl.optimal(fit, C=5.76e23, confidence_level=0.9, n_resamples=4000).iloc[0]

    assert plan["N"] == pytest.approx(7.319e10, rel=1e-4)
    assert plan["N_low"] == pytest.approx(5.4e10, rel=0.1)
    assert plan["N_high"] == pytest.approx(1.05e11, rel=0.1)
    assert plan["times_beyond"] == pytest.approx(44.46, rel=1e-3)
    assert plan["note"] == "44.5 times the compute of the largest run"


def test_intervals_of_a_law_with_draws_alone() -> None:
    """Each draw has an optimum of its own; the interval is that of the optima."""
    generator = np.random.default_rng(3)
    table = pd.DataFrame({name: np.full(999, value) for name, value in EPOCH.values.items()})
    table["alpha"] *= np.exp(0.05 * generator.standard_normal(999))
    plan = sl.optimal(Known(CHINCHILLA_LAW, EPOCH.values, table), C=1e22, confidence_level=0.8)

    own = [
        sl.optimal(Published(CHINCHILLA_LAW, row), C=1e22)["N"].iloc[0]
        for row in table.to_dict("records")
    ]
    low, high = np.quantile(own, 0.1, method="lower"), np.quantile(own, 0.9, method="higher")
    np.testing.assert_allclose(plan[["N_low", "N_high"]].iloc[0], [low, high], rtol=1e-12)


def test_draws_without_an_optimum_widen_the_interval() -> None:
    """They are counted, and placed at either end of the others, not at zero and infinity."""
    table = pd.DataFrame({name: np.full(100, value) for name, value in EPOCH.values.items()})
    table["A"] *= np.linspace(0.5, 2.0, 100)
    known = Known(CHINCHILLA_LAW, EPOCH.values, table)
    before = sl.optimal(known, C=1e22, confidence_level=0.98).iloc[0]
    table.loc[40:49, "alpha"] = -0.1
    plan = sl.optimal(known, C=1e22).iloc[0]

    assert plan["note"] == "10 of 100 draws have no optimum"
    ends = sl.optimal(Known(CHINCHILLA_LAW, EPOCH.values, table.iloc[[0, -1]]), C=1e22).iloc[0]
    assert (plan["N_low"], plan["N_high"]) == (ends["N_low"], ends["N_high"])
    assert plan["N_low"] <= before["N_low"] < before["N_high"] <= plan["N_high"]


CLIFF = pd.DataFrame(
    {
        "N": np.repeat([1238144, 2869504, 8886784, 33506304], 3),
        "D": np.tile([5e6, 2e7, 8e7], 4),
        "loss": [8.16, 5.64, 4.21, 7.29, 5.30, 3.82, 6.65, 4.80, 3.21, 6.06, 4.50, 2.79],
    }
)


def test_a_loss_is_never_infinite_because_of_a_few_draws() -> None:
    """Twelve runs of which 2 % of the draws have no optimum; the loss has the interval of predict.

    Runs: fourlhs/greek-scaling-laws, results.csv, losses to two decimals.
    """
    with warnings.catch_warnings(action="ignore", category=sl.ScalingLawWarning):
        fit = sl.fit(CLIFF, "chinchilla")
        plan = sl.optimal(fit, C=1e15).iloc[0]
        there = fit.predict(N=plan["N"], D=plan["D"])

    assert "draws have no optimum" in plan["note"]
    assert plan["loss"] == pytest.approx(there.estimate, rel=1e-12)
    assert plan["loss_low"] == pytest.approx(there.curve_low, rel=1e-12)
    assert plan["loss_high"] == pytest.approx(there.curve_high, rel=1e-12)
    assert 1e5 < plan["N_low"] < plan["N"] < plan["N_high"] < 1e8
    with warnings.catch_warnings(action="ignore", category=sl.ScalingLawWarning):
        plans = [
            sl.near_optimal(fit, C=1e15, within=0.01),
            sl.serving(fit, served=1e9, loss=4.0),
            sl.serving(fit, served=1e8, budget=1e15),
            sl.limited_data(fit, C=1e15, unique=2e7),
            sl.optimal(fit, loss=3.5),
            sl.optimal(fit, N=1e7),
        ]
    for table in plans:
        numbers = table.select_dtypes("number").to_numpy()
        assert np.isfinite(numbers).all(), table.T.to_string()
        assert (table.filter(like="_low").drop(columns=["saving_low", "worth_low"], errors="ignore")
                > 0).all(axis=None)  # fmt: skip


@pytest.mark.parametrize("law", ["chinchilla", "kaplan", "E + A/N**alpha + B/D**beta + G/(N*D)"])
def test_intervals_by_the_delta_method(law: str) -> None:
    """Against derivatives of closed forms, and against draws of a fit with little noise."""
    runs = make_runs(0.002, seed=4)
    with warnings.catch_warnings(action="ignore", category=sl.ScalingLawWarning):
        fit = sl.fit(runs, law)
        plan = sl.optimal(fit, C=1e22).iloc[0]
        draws = Known(fit.law, fit.values, fit.draws(2000, rng=1))
        other = sl.optimal(draws, C=1e22).iloc[0]
        best = fit.predict(N=plan["N"], D=plan["D"])
    for name in ("N", "D", "ratio", "loss"):
        assert plan[name] == other[name]
    if law == "chinchilla":
        exact = fit.intervals(
            {
                "N": lambda p: (
                    (p["alpha"] * p["A"] / (p["beta"] * p["B"])) ** (1 / (p["alpha"] + p["beta"]))
                    * (1e22 / 6) ** (p["beta"] / (p["alpha"] + p["beta"]))
                )
            },
            method="sandwich",
        )
        assert plan["N_low"] == pytest.approx(exact["low"].item(), rel=1e-6)
        assert plan["N_high"] == pytest.approx(exact["high"].item(), rel=1e-6)
        assert np.log(plan["N_high"] / plan["N_low"]) == pytest.approx(
            np.log(other["N_high"] / other["N_low"]), rel=0.25
        )
    assert (plan["loss_low"], plan["loss_high"]) == (best.curve_low, best.curve_high)


def test_plans_do_not_depend_on_the_seed_but_for_the_count() -> None:
    """Intervals are made without random numbers."""
    fit = sl.fit(make_runs(0.01, seed=2), "chinchilla")
    first, second = (sl.optimal(fit, C=1e22, rng=seed) for seed in (0, 1))

    pd.testing.assert_frame_equal(first, second)


def test_a_published_law_has_no_interval() -> None:
    """And its plan says so."""
    plan = sl.optimal(EPOCH, C=1e22).iloc[0]

    assert plan[["N_low", "N_high", "loss_low"]].isna().all()
    assert plan["note"] == "no interval: this law comes without runs"
    assert np.isnan(plan["times_beyond"])


@pytest.mark.parametrize("cost", [6, six_n_d], ids=["closed", "searched"])
def test_limits(cost: Any) -> None:
    """The best allowed choice; the note names the limit that decides."""
    options = {"cost": cost, "limits": {"N": (0, "10B"), "D": (1e9, "15T")}}
    plan = sl.optimal(EPOCH, C=[1e20, 5.76e23, 6e24], **options)

    free = sl.optimal(EPOCH, C=1e20)
    assert plan["N"].iloc[0] == pytest.approx(free["N"].iloc[0], rel=1e-8)
    assert plan["N"].iloc[1] == pytest.approx(1e10, rel=1e-8)
    assert plan["note"].iloc[1].startswith("at the limit of N, 10B")
    assert np.isnan(plan["N"].iloc[2])  # 10B parameters on 15T tokens cost 9e23
    assert plan["note"].iloc[2].startswith("no such run within the limits")
    least = sl.optimal(EPOCH, loss=float(plan["loss"].iloc[1]), **options)
    assert least["C"].iloc[0] == pytest.approx(5.76e23, rel=1e-6)
    with pytest.raises(sl.FitError, match="No run within `limits` costs what was given as `C`"):
        sl.optimal(EPOCH, C=1e26, **options)


def test_cost_with_attention() -> None:
    """Compute of attention is not proportional to N."""

    def cost(N: Any, D: Any) -> Any:
        return (6.0 * N + 3e3 * N**0.75) * D

    plan = sl.optimal(EPOCH, C=1e20, cost=cost).iloc[0]
    around = plan["N"] * np.array([0.999, 1.001])
    worse = CHINCHILLA_LAW.value(EPOCH.values, N=around, D=1e20 / cost(around, 1.0))

    assert cost(plan["N"], plan["D"]) == pytest.approx(1e20, rel=1e-12)
    assert (worse > plan["loss"]).all()


def test_a_fitted_cost() -> None:
    """A law of the measured cost takes the place of 6ND."""
    runs = make_runs()
    runs["C"] = 8.0 * runs["N"] ** 0.95 * runs["D"]
    cost = sl.fit(runs, "C ~ k * N**p * D**r", y="C", method="nls")
    plan = sl.optimal(EPOCH, C=1e22, cost=cost).iloc[0]

    assert plan["D"] == pytest.approx(1e22 / (8.0 * plan["N"] ** 0.95), rel=1e-6)


def test_performance_that_rises() -> None:
    """An accuracy is as well planned as an error."""
    rising = Published(
        sl.Law("acc ~ S - A/N**alpha - B/D**beta"),
        {"S": 2.0, **{k: v for k, v in EPOCH.values.items() if k != "E"}},
    )
    falling = sl.optimal(EPOCH, C=1e21).iloc[0]
    for cost in (6, six_n_d):
        plan = sl.optimal(rising, C=1e21, cost=cost).iloc[0]

        assert plan["N"] == pytest.approx(falling["N"], rel=1e-8)
        assert 2.0 - plan["acc"] == pytest.approx(falling["loss"] - 1.8172, rel=1e-10)
        back = sl.optimal(rising, loss=plan["acc"], cost=cost).iloc[0]
        assert back["C"] == pytest.approx(1e21, rel=1e-8)


def test_a_law_with_further_variables() -> None:
    """They are held where the user says; C in the law is the cost."""
    law = sl.Law("E + A/N**alpha + B/(D*q)**beta", variables=["N", "D", "q"])
    doubled = sl.optimal(EPOCH, C=2e21).iloc[0]
    for cost in (6, six_n_d):
        plan = sl.optimal(Published(law, EPOCH.values), C=1e21, q=2.0, cost=cost).iloc[0]

        assert plan["N"] == pytest.approx(doubled["N"], rel=1e-9)
    with pytest.raises(ValueError, match="also has the variable q: say at which value to plan"):
        sl.optimal(Published(law, EPOCH.values), C=1e21)


def test_a_law_in_compute_as_well() -> None:
    """C moves along with N and D."""
    law = sl.Law("E + A/N**alpha + B*(N/C)**beta")
    with pytest.raises(ValueError, match="has no D"):
        sl.optimal(Published(law, EPOCH.values), C=1e21)
    law = sl.Law("E + A/N**alpha + B*(6*N/C)**beta + 0*D")
    plan = sl.optimal(Published(law, EPOCH.values), C=1e21).iloc[0]

    assert plan["N"] == pytest.approx(sl.optimal(EPOCH, C=1e21)["N"].iloc[0], rel=1e-9)


def test_beyond_the_floor() -> None:
    """No compute reaches a loss below E."""
    plan = sl.optimal(EPOCH, loss=[1.8, 2.0])

    assert np.isinf(plan.loc[0, ["C", "N", "D"]].astype(float)).all()
    assert plan.loc[0, "note"].startswith("out of reach of this law at any compute")
    assert np.isfinite(plan.loc[1, "C"])


def test_far_plans_warn() -> None:
    """Beyond a hundred times the largest run."""
    fit = sl.fit(make_runs(noise=0.005), "chinchilla")
    with pytest.warns(sl.ExtrapolationWarning, match="Planning at 1,000 times the compute of"):
        sl.optimal(fit, C=6e25)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "Give exactly one of `C`, `N`, `D` and `loss`; got none"),
        ({"C": 1e20, "N": 1e9}, "got C and N"),
        ({"C": -1.0}, "`C` must be positive and finite; got -1"),
        ({"C": []}, "`C` must be positive and finite; got nothing"),
        ({"C": "1e2x"}, "'1e2x' is not a number"),
        ({"C": 1e20, "U": 3}, "no variable 'U' besides N, D and C"),
        ({"C": 1e20, "cost": 0}, "as a number is the k of k\\*N\\*D, positive; got 0"),
        ({"C": 1e20, "cost": "6ND"}, "`cost` must be a number k"),
        ({"C": 1e20, "cost": lambda N, D: N}, "must grow with N and with D"),
        ({"C": 1e20, "limits": {"M": (0, 1)}}, "`limits` are of 'N' and 'D'; got 'M'"),
        ({"C": 1e20, "limits": {"N": 7e9}}, "`limits` of N must be \\(low, high\\)"),
        ({"C": 1e20, "limits": {"N": (7e9, 1e9)}}, "low < high"),
        ({"N": 1e9, "limits": {"N": (0, 1e9)}}, "`limits` are for budgets and losses"),
        ({"C": 1e20, "n_resamples": -1}, "`n_resamples` must be a whole number"),
        ({"C": 1e20, "confidence_level": 95}, "`confidence_level` must be between 0 and 1"),
    ],
)
def test_wrong_questions(options: dict[str, Any], message: str) -> None:
    """Each says what may stand there."""
    with pytest.raises(ValueError, match=message):
        sl.optimal(EPOCH, **options)


def test_a_law_without_an_optimum() -> None:
    """A product of powers is best at one end of every budget; a law in C alone has no N."""
    power = Published(sl.Law("a * N**b * D**c"), {"a": 5.0, "b": -0.07, "c": -0.1})
    with pytest.raises(sl.FitError, match="has no compute-optimal division here"):
        sl.optimal(power, C=1e20)
    worse = Published(sl.Law("a * N**b * D**c"), {"a": 5.0, "b": 0.07, "c": -0.1})
    with pytest.raises(sl.FitError, match="does not get better with both N and D"):
        sl.optimal(worse, C=1e20)
    with pytest.raises(sl.FormulaError, match="has no N and no D; its variables are C"):
        sl.optimal(Published(sl.Law("a*C**d"), {"a": 1.0, "d": -0.1}), C=1e20)


def test_unidentified_fits() -> None:
    """Runs at one ratio leave the frontier open: an error that quotes the fit's own verdict."""
    n = np.geomspace(1e7, 1e10, 8)
    runs = pd.DataFrame({"N": n, "D": 20 * n})
    noise = 0.003 * np.random.default_rng(1).standard_normal(8)
    runs["loss"] = CHINCHILLA_LAW.value(EPOCH.values, runs) * np.exp(noise)
    with warnings.catch_warnings(action="ignore", category=sl.ScalingLawWarning):
        fit = sl.fit(runs, "chinchilla")
        with pytest.raises(sl.FitError, match="The fit itself: These runs cannot determine"):
            sl.optimal(fit, C=1e21)
        with pytest.raises(sl.FitError, match="do not determine every coefficient of this law"):
            fit.draws(10)


class _Undrawable(Published):
    def draws(self, n_resamples: int, rng: object) -> pd.DataFrame:
        raise sl.FitError("It did not converge.")


def test_fits_without_a_distribution() -> None:
    """The plan is made, with a warning and without an interval."""
    fit = _Undrawable(CHINCHILLA_LAW, EPOCH.values)
    with pytest.warns(
        sl.IdentifiabilityWarning, match="no interval and may be meaningless. It did"
    ):
        plan = sl.optimal(fit, C=1e21).iloc[0]

    assert np.isnan(plan["N_low"])
    assert plan["note"] == "no interval: It did not converge."


def test_draws_agree_with_the_table(long_runs: pd.DataFrame) -> None:
    """Their quantiles are the table's intervals; the same seed, the same draws."""
    fit = sl.fit(long_runs, "kaplan")
    draws = fit.draws(20_000, rng=5)
    quantiles = draws.quantile([0.025, 0.975]).T

    assert list(draws.columns) == list(fit.params.index)
    np.testing.assert_allclose(np.log(quantiles[0.025]), np.log(fit.table["low"]), atol=0.05)
    np.testing.assert_allclose(np.log(quantiles[0.975]), np.log(fit.table["high"]), atol=0.05)
    pd.testing.assert_frame_equal(fit.draws(10, rng=5), fit.draws(10, rng=5))
    with warnings.catch_warnings(action="ignore", category=sl.ScalingLawWarning):
        small = sl.fit(make_runs().iloc[[0, 8, 15, 20, 35]], "chinchilla")
    with pytest.raises(sl.FitError, match="as many coefficients as runs"):
        small.draws(10)


def test_the_fits_own_verdict_travels_along(ladder: pd.DataFrame) -> None:
    """A fit that misses its runs makes doubtful plans, and each says so."""
    with warnings.catch_warnings(action="ignore", category=sl.LackOfFitWarning):
        fit = sl.fit(ladder, "chinchilla")

    for frame in (
        sl.optimal(fit, C=1e13),
        sl.near_optimal(fit, C=1e13),
        sl.overtraining(fit, C=1e13, smaller=1.2),
        sl.planning.regret(fit, N=1e5, D=1e7),
    ):
        assert "doubtful fit: lack of fit" in frame["note"].iloc[0]


@pytest.mark.parametrize("cost", [6, six_n_d], ids=["closed", "searched"])
def test_units_do_not_matter(cost: Any) -> None:
    """N in billions and D in trillions: every answer is the same in its own unit."""
    runs = make_runs(noise=0.004)
    small = runs.assign(N=runs["N"] / 1e9, D=runs["D"] / 1e12)
    with warnings.catch_warnings(action="ignore", category=sl.ScalingLawWarning):
        fits = [sl.fit(table, "chinchilla") for table in (runs, small)]
        for options in ({"C": 1e23}, {"loss": 2.05}, {"N": 3e9}):
            name, value = next(iter(options.items()))
            scaled = {"C": value / 1e21, "N": value / 1e9, "loss": value}[name]
            plan = sl.optimal(fits[0], **options, cost=cost, n_resamples=50).iloc[0]
            other = sl.optimal(fits[1], **{name: scaled}, cost=cost, n_resamples=50).iloc[0]
            for column, unit in (("N", 1e9), ("D", 1e12), ("C", 1e21), ("loss", 1.0)):
                for end in ("", "_low", "_high"):
                    if column + end in plan and column + end in other:
                        assert other[column + end] * unit == pytest.approx(
                            plan[column + end], rel=1e-6
                        )
        chosen = [
            sl.next_runs(fit, budget=b, C=10 * b, n_resamples=200, cost=cost).answer
            for fit, b in zip(fits, (1e22, 1e1), strict=True)
        ]
    np.testing.assert_allclose(chosen[1], chosen[0], rtol=1e-3)


@pytest.mark.parametrize(
    ("name", "elasticity"), [("epoch2024", 0.737), ("hoffmann2022-tex", 0.762)]
)
def test_elasticity_of_substitution(name: str, elasticity: float) -> None:
    """Besiroglu et al. 2024: of N for D along a contour at the optimum, from exact derivatives."""
    known = sl.published[f"chinchilla/{name}"]
    best = sl.optimal(known, C=5.76e23).iloc[0]

    def log_slope(N: float, D: float) -> float:
        """ln of the marginal rate of substitution, -dD/dN at equal loss."""
        slopes = known.law.variable_gradient(known.values, N=N, D=D)
        by = dict(zip(known.law.variables, np.ravel(slopes), strict=True))
        return float(np.log(by["N"] / by["D"]))

    # along a contour at the optimum N and D trade off one for one in logarithms
    step, N, D = 1e-4, best["N"], best["D"]
    up, down = (log_slope(N * np.exp(s), D * np.exp(-s)) for s in (step, -step))
    assert -4 * step / (up - down) == pytest.approx(elasticity, abs=6e-4)
