"""Two recipes: the compute that one saves, and whether it grows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import scalinglaws as sl
from tests.conftest import CHINCHILLA, make_runs
from tests.planning_cases import CHINCHILLA_LAW, EPOCH, Published, chinchilla


def test_a_constant_gain() -> None:
    """A recipe that makes every parameter and token worth 1.5 and 2 saves a factor of 3."""
    v = EPOCH.values
    better = chinchilla(
        v["E"], v["A"] * 1.5 ** -v["alpha"], v["B"] * 2.0 ** -v["beta"], v["alpha"], v["beta"]
    )
    found = sl.gain(EPOCH, better, C=[1e20, 1e22, 1e24])

    np.testing.assert_allclose(found.table["gain"], 3.0, rtol=1e-9)
    np.testing.assert_allclose(found.table["C_recipe"], found.table["C"] / 3, rtol=1e-9)
    assert found.growth["exponent"] == pytest.approx(0, abs=1e-9)
    assert (found.table["note"] == "no interval of the baseline; no interval of the recipe").all()


def test_gain_that_grows() -> None:
    """A larger exponent: the gain at loss L is C1*(L)/C2*(L), by inverting both frontiers."""
    v = EPOCH.values
    better = chinchilla(v["E"], v["A"], v["B"], v["alpha"], v["beta"] * 1.02)
    found = sl.gain(EPOCH, better, C=[1e20, 1e24])

    for _, row in found.table.iterrows():
        assert sl.optimal(better, C=row["C_recipe"])["loss"].iloc[0] == pytest.approx(row["loss"])
    assert found.table["gain"].is_monotonic_increasing
    assert found.growth["exponent"] > 0
    never = sl.gain(EPOCH, chinchilla(2.5, v["A"], v["B"], v["alpha"], v["beta"]), C=1e24)
    assert never.table["gain"].iloc[0] == 0.0
    assert "the recipe does not reach this performance" in never.table["note"].iloc[0]


def _two(noise: float = 0.004, **second: float) -> pd.DataFrame:
    return pd.concat(
        [
            make_runs(noise, seed=1).assign(recipe="old"),
            make_runs(noise, seed=2, **second).assign(recipe="new"),
        ],
        ignore_index=True,
    )


def test_levels_that_differ() -> None:
    """Twice the worth of a token: the tests find the levels to differ and the exponents not to."""
    runs = _two(B=CHINCHILLA["B"] * 2.0 ** -CHINCHILLA["beta"])
    found = sl.compare_recipes(runs, "recipe", C=[1e18, 1e20, 1e22])

    assert found.tests is not None
    assert found.tests.index.tolist() == ["one law", "levels differ", "separate"]
    assert found.tests["parameters"].tolist() == [5, 8, 10]
    assert found.tests.loc["one law", "p_value"] < 1e-6
    assert found.tests.loc["levels differ", "p_value"] > 0.01
    assert found.tests["aicc"].idxmin() == "levels differ"
    assert ((found.table["gain_low"] < 2) & (found.table["gain_high"] > 2)).all()
    assert found.direction == "not shown to grow or to vanish"
    assert repr(found).startswith("Compute saved by the second recipe (95 %): 1.9")


def test_exponents_that_differ() -> None:
    """A better exponent: separate laws win and the gain grows."""
    runs = _two(0.002, beta=CHINCHILLA["beta"] * 1.1)
    found = sl.compare_recipes(runs, "recipe", C=[1e18, 1e22])
    back = sl.compare_recipes(runs, "recipe", baseline="new", C=[1e18, 1e22])

    assert found.tests is not None
    assert found.tests["aicc"].idxmin() == "separate"
    assert found.tests.loc["levels differ", "p_value"] < 0.01
    assert found.direction == "growing with compute"
    assert back.direction == "falling"


def test_the_same_recipe_twice() -> None:
    """No test finds a difference, and the interval holds one."""
    found = sl.compare_recipes(_two(), "recipe")

    assert found.tests is not None
    assert found.tests["p_value"].iloc[:2].min() > 0.01
    assert len(found.table) == 9
    assert ((found.table["gain_low"] < 1) & (found.table["gain_high"] > 1)).all()


def test_one_law_published_and_one_fitted() -> None:
    """The interval is of the fitted one alone, and the note says so."""
    fit = sl.fit(make_runs(0.004), "chinchilla")
    for pair, which in (((EPOCH, fit), "baseline"), ((fit, EPOCH), "recipe")):
        table = sl.gain(*pair, C=1e20, confidence_level=0.999).table

        assert table["gain_low"].iloc[0] < 1.0 < table["gain_high"].iloc[0]
        assert table["note"].iloc[0] == f"no interval of the {which}"


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({}, {"by": "kind"}, "No column 'kind', named by `by`"),
        ({"recipe": "old"}, {}, "'recipe' has one value: old"),
        ({}, {"baseline": "older"}, "`baseline` 'older' is no value of 'recipe': old and new"),
        ({}, {"baseline": np.array([1.0, 2.0])}, r"`baseline` array\(\[1., 2.\]\) is no value"),
    ],
)
def test_tables_without_two_recipes(
    change: dict[str, Any], options: dict[str, Any], message: str
) -> None:
    """What is there instead."""
    with pytest.raises(sl.DataError, match=message):
        sl.compare_recipes(_two().assign(**change), **{"by": "recipe", **options})


def test_laws_with_further_variables() -> None:
    """They are held where the user says, in the law that has them."""
    law = sl.Law("E + A/N**alpha + B/(D*q)**beta", variables=["N", "D", "q"])
    found = sl.gain(EPOCH, Published(law, EPOCH.values), C=1e22, q=2.0)

    assert found.table["gain"].iloc[0] == pytest.approx(2.0, rel=1e-9)
    with pytest.raises(ValueError, match="Neither law has the variable 'U'"):
        sl.gain(EPOCH, EPOCH, C=1e22, U=1e12)


def test_three_recipes() -> None:
    """Each against the first, as two at a time; the baseline is fitted once."""
    third = make_runs(0.004, seed=7, beta=CHINCHILLA["beta"] * 1.1).assign(recipe="third")
    two = _two(B=CHINCHILLA["B"] * 2.0 ** -CHINCHILLA["beta"])
    found = sl.compare_recipes(pd.concat([two, third]), "recipe", C=[1e18, 1e22])
    alone = sl.compare_recipes(two, "recipe", C=[1e18, 1e22])

    assert isinstance(found, sl.planning.Gains)
    assert isinstance(alone, sl.planning.Gain)
    assert (list(found), found.baseline) == (["new", "third"], "old")
    pd.testing.assert_frame_equal(found["new"].table, alone.table)
    assert found.table["recipe"].tolist() == ["new", "new", "third", "third"]
    assert found.tests["recipe"].tolist() == ["new"] * 3 + ["third"] * 3
    assert found["third"].direction == "growing with compute"
    assert found.growth.loc["third", "low"] > 0
    assert repr(found).startswith("Compute saved relative to old at 1e22 FLOP (95 %): new 2.1")


def test_two_groups_of_one_fit_are_drawn_together() -> None:
    """What they share cancels: the interval is far narrower than that of two fits."""
    runs = _two(B=CHINCHILLA["B"] * 2.0 ** -CHINCHILLA["beta"])
    fit = sl.fit(runs, "chinchilla", groups={"A": "recipe", "B": "recipe", "E": "recipe"})
    old, new = (sl.planning.one_group(fit, recipe=name) for name in ("old", "new"))
    together = sl.gain(old, new, C=1e22).table.iloc[0]
    apart = sl.compare_recipes(runs, "recipe", C=1e22).table.iloc[0]
    shared = sl.compare_recipes(runs, "recipe", C=1e22, shared="exponents").table.iloc[0]

    width = [np.log(row["gain_high"] / row["gain_low"]) for row in (together, shared, apart)]
    assert width[0] == pytest.approx(width[1], rel=0.1)
    assert together["gain"] == pytest.approx(shared["gain"], rel=1e-5)
    assert width[0] < 0.7 * width[2]


def test_a_baseline_without_optimum() -> None:
    """A power law has none."""
    power = Published(sl.Law("a * N**b * D**c"), {"a": 5.0, "b": -0.07, "c": -0.1})
    with pytest.raises(sl.FitError, match=r"The baseline's law .* has no compute-optimal"):
        sl.gain(power, Published(CHINCHILLA_LAW, EPOCH.values), C=1e20)


def test_shared_exponents_are_surer() -> None:
    """The pooled law's gain has a narrower interval around the same truth."""
    runs = _two(B=CHINCHILLA["B"] * 2.0 ** -CHINCHILLA["beta"])
    apart = sl.compare_recipes(runs, "recipe", C=[1e18, 1e20, 1e22])
    pooled = sl.compare_recipes(runs, "recipe", C=[1e18, 1e20, 1e22], shared="exponents")

    widths = [np.log(f.table["gain_high"] / f.table["gain_low"]) for f in (apart, pooled)]
    assert (widths[1] < widths[0]).all()
    assert ((pooled.table["gain_low"] < 2) & (pooled.table["gain_high"] > 2)).all()
    assert list(pooled.fits) == ["pooled"]
    assert list(apart.fits) == ["baseline", "recipe"]
    assert pooled.tests is not None
    pd.testing.assert_frame_equal(pooled.tests, apart.tests)
    with pytest.raises(ValueError, match="`shared` must be 'nothing' or 'exponents'"):
        sl.compare_recipes(runs, "recipe", shared="all")  # type: ignore[arg-type]
