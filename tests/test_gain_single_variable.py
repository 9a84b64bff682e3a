"""Gains of laws in one variable: compute, data, parameters or steps saved by a recipe."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import scalinglaws as sl
from tests.conftest import make_runs

FLOOR, EXPONENT, GAIN = 1.5, 0.15, 3.0
LINE = "loss ~ E + a/{}**b"


def recipes(noise: float, variable: str = "C", n: int = 8, seed: int = 1) -> pd.DataFrame:
    """Two recipes with one floor and exponent; the second needs a third of the amount."""
    x = np.tile(np.geomspace(1e18, 1e21, n), 2)
    name = np.repeat(["old", "new"], n)
    loss = FLOOR + 900 * np.where(name == "new", GAIN * x, x) ** -EXPONENT
    loss *= np.exp(noise * np.random.default_rng(seed).standard_normal(2 * n))
    return pd.DataFrame({variable: x, "recipe": name, "loss": loss})


def separate(runs: pd.DataFrame, line: str, **options: Any) -> list[sl.Fit]:
    """A fit for each."""
    return [sl.fit(runs[runs["recipe"] == name], line, **options) for name in ("old", "new")]


def test_one_floor_and_one_exponent_have_a_closed_form() -> None:
    """(a1/a2)**(1/b) at any compute, with the interval of that quantity."""
    fit = sl.fit(recipes(0.003), "loss ~ E + a[recipe]/C**b", confidence_level=0.9)
    old, new = (sl.planning.one_group(fit, recipe=name) for name in ("old", "new"))
    found = sl.gain(old, new, C=[1e19, 1e21, 1e23], n_resamples=4000)
    p = fit.params
    exact = (p["a[old]"] / p["a[new]"]) ** (1 / p["b"])
    np.testing.assert_allclose(found.table["gain"], exact, rtol=1e-10)
    names = list(fit.params.index)
    assert "a[old]" in names

    def ratio(params: Any) -> Any:
        return (params["a[old]"] / params["a[new]"]) ** (1 / params["b"])

    row = fit.intervals({"gain": ratio}, confidence_level=0.9).loc["gain"]
    width = np.log(found.table["gain_high"] / found.table["gain_low"])
    np.testing.assert_allclose(width, np.log(row["high"] / row["low"]), rtol=0.15)
    assert ((found.table["gain_low"] < GAIN) & (found.table["gain_high"] > GAIN)).all()
    assert found.growth["exponent"] == pytest.approx(0, abs=1e-10)
    assert found.direction == "not shown to grow or to vanish"


@pytest.mark.parametrize("variable", ["C", "D", "N", "steps"])
def test_every_single_variable_will_do(variable: str) -> None:
    """Under its own name, in tables and words; floors pinned alike."""
    fits = separate(recipes(0.002, variable), LINE.format(variable), fixed={"E": FLOOR})
    found = sl.gain(*fits, **{variable: [1e20, 1e22]})
    assert found.variable == variable
    assert list(found.table)[:4] == [variable, "loss", "loss_low", "loss_high"]
    assert f"{variable}_recipe" in found.table
    assert ((found.table["gain_low"] < GAIN) & (found.table["gain_high"] > GAIN)).all()
    assert found.table["times_beyond"].tolist() == pytest.approx([0.1, 10])
    words = {"C": "less compute", "D": "less data", "N": "fewer parameters", "steps": "less steps"}
    assert f"x {words[variable]} at " in found.sentence
    assert "saved by the second recipe" in repr(found)
    axes = found.plot()
    name = "compute" if variable == "C" else variable
    assert axes.get_ylabel() == f"{name} multiplier; 95 % confidence interval"
    axes.figure.clear()


def test_the_loss_of_the_recipe_is_that_of_the_baseline() -> None:
    """With floors of their own, at the inverse of the second law."""
    first, second = separate(recipes(0.002), LINE.format("C"))
    found = sl.gain(first, second, C=1e20).table.iloc[0]
    assert first.predict(C=1e20).estimate == pytest.approx(found["loss"], rel=1e-12)
    assert second.predict(C=found["C_recipe"]).estimate == pytest.approx(found["loss"], rel=1e-10)
    assert found["gain"] == pytest.approx(1e20 / second.reach(found["loss"]).estimate, rel=1e-9)


def test_a_loss_below_the_recipes_floor_is_out_of_reach() -> None:
    """No gain, and a note that says so."""
    runs = recipes(0.001)
    old_runs = runs[runs["recipe"] == "old"]
    old, _ = separate(runs, LINE.format("C"), fixed={"E": FLOOR})
    worse = sl.fit(
        old_runs.assign(loss=old_runs["loss"] + 0.5), LINE.format("C"), fixed={"E": FLOOR + 0.5}
    )
    row = sl.gain(old, worse, C=1e23).table.iloc[0]
    assert row["gain"] == 0
    assert np.isinf(row["C_recipe"])
    assert "does not reach this performance" in row["note"]


def test_a_frontier_and_a_law_in_compute_go_together() -> None:
    """The first is in N and D, trained compute-optimally."""
    fit = sl.fit(make_runs(0.003), "chinchilla")
    C = np.geomspace(1e19, 1e22, 10)
    frontier = pd.DataFrame({"C": C, "loss": sl.optimal(fit, C=C)["loss"]})
    in_compute = sl.fit(frontier, LINE.format("C"))
    found = sl.gain(fit, in_compute, C=1e21)
    assert found.table["gain"].item() == pytest.approx(1, rel=1e-3)
    again = sl.gain(in_compute, fit, C=1e21)
    assert again.table["gain"].item() == pytest.approx(1, rel=1e-3)
    published = sl.gain(sl.published["kaplan-compute/kaplan2020"], in_compute, C=1e21)
    assert "no interval of the baseline" in published.table["note"].item()


def test_recipes_of_one_table_are_compared_in_one_variable() -> None:
    """Separate laws, and one law with shared exponents; budgets by default those of the runs."""
    for shared in ("nothing", "exponents"):
        found = sl.compare_recipes(
            recipes(0.003, "D"), "recipe", LINE.format("D"), shared=shared, n_resamples=300
        )
        assert found.variable == "D"
        assert len(found.table) == 9
        middle = found.table.iloc[4]
        assert middle["gain_low"] < GAIN < middle["gain_high"]
        assert found.tests.loc["one law", "p_value"] < 0.01
    at = sl.compare_recipes(recipes(0.003), "recipe", LINE.format("C"), C=1e20, n_resamples=50)
    assert at.table["C"].tolist() == [1e20]


@pytest.mark.parametrize(
    ("pair", "options", "message"),
    [
        ("CC", {}, r"Say at which C of the baseline to compare: C=\.\.\."),
        ("DD", {"C": 1e20}, r"Say at which D of the baseline to compare: D=\.\.\."),
        ("CD", {"C": 1e20}, "law is in C and the recipe's in D: a gain needs the same variable"),
        ("DD", {"D": 1e20, "cost": 3}, "`cost` is for laws in N and D; .* is in D"),
        ("DD", {"D": 1e20, "lr": 3}, "Neither law has the variable 'lr'"),
        ("DD", {"D": -1}, "`D` must be positive and finite; got -1"),
    ],
)
def test_what_does_not_go_together_is_refused(
    pair: str, options: dict[str, Any], message: str
) -> None:
    """Missing amounts, two variables, a cost."""
    laws = [sl.fit(recipes(0.01, v).iloc[:8], LINE.format(v), fixed={"E": 1.5}) for v in pair]
    with pytest.raises(ValueError, match=message):
        sl.gain(*laws, **options)


def test_the_law_of_several_groups_is_refused() -> None:
    """And names the way to one of them; so does a plan of a law in one variable."""
    fit = sl.fit(recipes(0.003), "loss ~ E + a[recipe]/C**b")
    with pytest.raises(ValueError, match=r"has parameters for each value of 'recipe'.*one_group"):
        sl.gain(fit, fit, C=1e20)
    one = separate(recipes(0.003), LINE.format("C"))[0]
    with pytest.raises(sl.FormulaError, match="have `predict` and its inverse, `reach`"):
        sl.optimal(one, loss=2.0)


def test_far_gains_warn() -> None:
    """As predictions do."""
    fits = separate(recipes(0.002), LINE.format("C"), fixed={"E": FLOOR})
    with pytest.warns(sl.ExtrapolationWarning, match="times beyond the largest"):
        sl.gain(*fits, C=1e25)
