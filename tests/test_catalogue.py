"""Every law of the catalogue: values, derivatives, recovery; and how it is found and shown."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

import scalinglaws as sl
from scalinglaws.cli import main
from scalinglaws.core import catalogue
from scalinglaws.core.catalogue import Entry
from tests.catalogue_rows import (
    ROWS,
    coefficients,
    is_determined,
    smallest_grid,
    smallest_table,
)

ENTRIES = catalogue.entries()
SETS = [(entry, c) for entry in ENTRIES for c in entry.published]
CHECKS = [(name, check) for name, row in ROWS.items() for check in row.checks]


def by_name(value: object) -> str:
    """Identifiers of parametrised tests."""
    return value.name if isinstance(value, Entry) else ""


# --- the rows ---------------------------------------------------------------------------------


def test_every_law_has_a_row_here() -> None:
    """A law without a test row is not in the catalogue."""
    assert set(ROWS) == set(catalogue.NAMES)


def test_names_and_aliases_are_unique() -> None:
    """A name means one law."""
    names = [name for entry in ENTRIES for name in (entry.name, *entry.aliases)]

    assert len(names) == len(set(names))
    assert all(catalogue.looks_like_a_name(name) for name in names)


@pytest.mark.parametrize("entry", ENTRIES, ids=by_name)
def test_rows_are_complete(entry: Entry) -> None:
    """Meaning of each variable, topics, reference; bounds and meanings of real parameters."""
    law = entry.law

    assert set(law.variables) == set(entry.variables)
    assert all(entry.variables.values())
    assert entry.topics
    assert entry.traps.endswith(".")
    assert entry.summary.endswith(".")
    assert set(entry.parameters) <= set(law.parameter_names)
    assert 1980 < entry.reference.year < 2030
    assert str(entry).startswith(entry.name)
    assert entry.law.shown.html in entry._repr_html_()


@pytest.mark.parametrize(("entry", "c"), SETS, ids=lambda v: getattr(v, "name", ""))
def test_published_sets_are_complete_and_inside_the_bounds(
    entry: Entry, c: catalogue.Coefficients
) -> None:
    """A number for each parameter, each in its range, and a word on how it was checked."""
    assert set(c.values) == set(entry.law.parameter_names)
    for parameter in entry.law.parameters:
        assert parameter.lower <= c.values[parameter.name] <= parameter.upper, parameter.name
    assert c.verified
    # where the source is silent, or there is nothing to count, a set says so
    assert all(text.strip() == text != "" for text in (c.data, c.method, c.counting))
    shown = dict(c.describe())
    assert {"data", "method", "counting", "verified"} <= set(shown)


# --- values, derivatives, recovery ------------------------------------------------------------


@pytest.mark.parametrize(("name", "check"), CHECKS, ids=lambda v: v if isinstance(v, str) else "")
def test_values_agree_with_the_literature(name: str, check: object) -> None:
    """The law at a point, to the digits that are given."""
    values = coefficients(name)
    if check.published:  # type: ignore[attr-defined]
        values = sl.published[f"{name}/{check.published}"].values  # type: ignore[attr-defined]

    found = float(sl.laws[name].value(values, **check.at))  # type: ignore[attr-defined]

    assert found == pytest.approx(check.value, rel=check.tolerance)  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ROWS)
def test_derivatives_are_exact(name: str) -> None:
    """Gradient and Hessian against complex steps, on the law's own design."""
    law, values = sl.laws[name], dict(coefficients(name))
    table = ROWS[name].table()
    table = table.sample(min(12, len(table)), random_state=0)
    gradient, hessian = law.gradient(values, table), law.hessian(values, table)

    for j, parameter in enumerate(law.parameter_names):
        h = 1e-30 * max(1e-3, abs(values[parameter]))
        stepped = {**values, parameter: values[parameter] + 1j * h}
        slope = law.value(stepped, table).imag / h
        second = law.gradient(stepped, table).imag / h
        size = np.abs(slope).max() + 1e-300
        np.testing.assert_allclose(gradient[:, j], slope, rtol=1e-10, atol=1e-13 * size)
        for k in range(len(law.parameter_names)):
            size = np.abs(second[:, k]).max() + 1e-300
            np.testing.assert_allclose(hessian[:, j, k], second[:, k], rtol=1e-8, atol=1e-10 * size)


@pytest.mark.parametrize("name", ROWS)
def test_noiseless_runs_give_the_coefficients_back(name: str) -> None:
    """From the table alone, to 1e-6."""
    row, law, values = ROWS[name], sl.laws[name], coefficients(name)
    table = row.table()
    table["performance"] = law.value(values, table)

    with warnings.catch_warnings(action="ignore", category=sl.IdentifiabilityWarning):
        fit = sl.fit(
            table, name, y="performance", scale=row.scale, units="trust",
            columns={v: v for v in law.variables},
            fixed={p: values[p] for p in row.fixed},
        )  # fmt: skip

    assert fit.status in (sl.Status.CONVERGED, sl.Status.WEAKLY_IDENTIFIED), fit.summary()
    for parameter, true in values.items():
        assert fit.params[parameter] == pytest.approx(true, rel=row.tolerance), parameter
    assert fit.residuals.abs().max() < 1e-9


@pytest.mark.parametrize("name", ROWS)
def test_the_smallest_design_determines_the_law(name: str) -> None:
    """No direction is open there, to first order; with one run less there is. In docs/laws.md."""
    row, law, table = ROWS[name], sl.laws[name], smallest_table(name)
    grid = smallest_grid(name)

    assert is_determined(name, table)
    assert len(table) >= len(law.parameter_names) - len(row.fixed)
    if grid is None:
        assert not is_determined(name, table.iloc[1:])
    else:
        assert len(table) == np.prod(list(grid.values()))


@pytest.mark.parametrize("name", ROWS)
def test_the_smallest_design_is_enough(name: str) -> None:
    """It gives the law back, also where there are no more runs than unknowns."""
    row, law, values, table = ROWS[name], sl.laws[name], coefficients(name), smallest_table(name)
    table["performance"] = law.value(values, table)

    with warnings.catch_warnings(action="ignore", category=sl.ScalingLawWarning):
        fit = sl.fit(
            table, name, y="performance", scale=row.scale, units="trust",
            columns={v: v for v in law.variables}, fixed={p: values[p] for p in row.fixed},
        )  # fmt: skip

    np.testing.assert_allclose(fit.residuals, 0, atol=1e-9)
    for parameter, true in values.items():
        assert fit.params[parameter] == pytest.approx(true, rel=1e-6), parameter


def test_a_smaller_design_is_not() -> None:
    """Two sizes and two budgets leave the Chinchilla law open, and the fit refuses."""
    assert smallest_grid("chinchilla") == {"N": 3, "D": 3}
    table = ROWS["chinchilla"].table()
    table = table[table["N"].isin(table["N"].unique()[:2])]
    table["loss"] = sl.laws["chinchilla"].value(coefficients("chinchilla"), table)

    with warnings.catch_warnings(action="ignore", category=sl.ScalingLawWarning):
        fit = sl.fit(table, "chinchilla")

    assert fit.status not in (sl.Status.CONVERGED, sl.Status.WEAKLY_IDENTIFIED)


# --- laws with as many parts as wanted ----------------------------------------------------------


def test_any_number_of_breaks_and_domains() -> None:
    """bnsl-3, ye-5 and the like; an absurd number is refused."""
    assert sl.laws["shukor-3"].variables == ("h_1", "h_2", "h_3", "N", "D")
    assert len(sl.laws["multi-power-16"].variables) == 49
    assert sl.laws["bnsl-3"].parameter_names[-3:] == ("d_3", "f_3", "c_3")
    assert sl.laws["ye-5"].variables == ("r_1", "r_2", "r_3", "r_4", "r_5")
    with pytest.raises(sl.FormulaError, match="No law is called 'bnsl-99'"):
        sl.laws["bnsl-99"]


def test_two_breaks_are_recovered() -> None:
    """A double descent, from the table alone."""
    law = sl.laws["bnsl-2"]
    true = {"a": 0.3, "b": 40.0, "c_0": 0.4, "d_1": 2e3, "f_1": 0.3, "c_1": -0.6, "d_2": 2e4,
            "f_2": 0.25, "c_2": 0.9}  # fmt: skip
    table = pd.DataFrame({"D": np.geomspace(1e2, 1e7, 40)})
    table["loss"] = law.value(true, table)

    with warnings.catch_warnings(action="ignore", category=sl.ScalingLawWarning):
        fit = sl.fit(table, "bnsl-2")

    # the two breaks may change places
    np.testing.assert_allclose(fit.predict(table)["estimate"], table["loss"], rtol=1e-6)


def test_breaks_cannot_overflow() -> None:
    """A break of width 0.001 at 1e12 times its place."""
    law, values = sl.laws["bnsl"], {"a": 0.1, "b": 5.0, "c_0": 0.1, "c_1": 1.0, "d_1": 1.0,
                                    "f_1": 1e-3}  # fmt: skip

    assert float(law.value(values, D=1e12)) == pytest.approx(0.1 + 5.0 * 1e12**-1.1)
    assert np.isfinite(law.gradient(values, D=1e12)).all()


def test_power_laws_take_any_variables() -> None:
    """Steps and batch size, say."""
    steps, batch = (g.ravel() for g in np.meshgrid([1e3, 3e3, 9e3, 3e4], [64.0, 128, 256, 512]))
    runs = pd.DataFrame({"steps": steps, "batch": batch})
    runs["loss"] = 1.5 + 30 * runs["steps"] ** -0.4 * runs["batch"] ** -0.2

    fit = sl.fit(runs, "power-floor", columns={"steps": "steps", "batch": "batch"})

    expected = {"E": 1.5, "a": 30.0, "b_steps": -0.4, "b_batch": -0.2}
    assert fit.params.to_dict() == pytest.approx(expected, rel=1e-8)


def test_the_outer_power_family_contains_chinchilla_and_kaplan() -> None:
    """q = 1 is Chinchilla; E = 0 with q = alpha_D is Kaplan; small q is the larger term."""
    family, point = sl.laws["outer-power"], {"N": 1e9, "D": 2e10}
    chinchilla = sl.published["chinchilla/epoch2024"]
    kaplan = sl.published["kaplan/kaplan2020"]
    k = kaplan.values
    a, b = k["alpha_N"], k["alpha_D"]
    as_family = {"E": 0.0, "A": k["N_c"] ** a, "alpha": a, "B": k["D_c"] ** b, "beta": b, "q": b}

    same = float(family.value({**chinchilla.values, "q": 1.0}, **point))
    assert same == pytest.approx(chinchilla.predict(**point).estimate, rel=1e-14)
    other = float(family.value(as_family, **point))
    assert other == pytest.approx(kaplan.predict(**point).estimate, rel=1e-12)
    bottleneck = float(family.value({**chinchilla.values, "q": 1e-9}, **point))
    larger = max(482.01 / 1e9**0.3478, 2085.43 / 2e10**0.3658)
    assert bottleneck == pytest.approx(1.8172 + larger, rel=1e-12)


def test_m4_solves_its_own_equation() -> None:
    """(loss - eps_inf)/(eps_0 - loss)^alpha = b D^c, far into both tails; m2 at alpha = 0."""
    law = sl.laws["m4"]
    d = np.geomspace(1e-6, 1e12, 60)
    for alpha in (0.05, 0.5, 1.0, 2.0, 7.0):
        values = {"eps_inf": 0.1, "eps_0": 0.9, "b": 30.0, "c": -0.4, "alpha": alpha}
        loss = law.value(values, D=d)
        inside = (loss - 0.1 > 1e-9) & (0.9 - loss > 1e-9)
        ratio = (loss[inside] - 0.1) / (0.9 - loss[inside]) ** alpha
        np.testing.assert_allclose(ratio, (30 * d**-0.4)[inside], rtol=1e-5)
        assert (np.diff(loss) <= 0).all()
    small = sl.Law("share(b/D, s)").value({"b": 1.0, "s": 3.0}, D=1e40)
    assert float(small) == pytest.approx(1e-40, rel=1e-12)
    assert float(law.value({**values, "alpha": 0.0}, D=1e-3)) == pytest.approx(0.9)
    flat = law.value({**values, "alpha": 0.0}, D=1e6)
    assert float(flat) == pytest.approx(0.1 + 30 * 1e6**-0.4)


def test_repeats_are_worth_what_the_paper_says() -> None:
    """Muennighoff et al.: 4 epochs are worth 3.726, 40 are worth 15.167 of the unique tokens."""
    row = sl.published["muennighoff/muennighoff2023"]
    worth = sl.Law("saturate(D, U, R_D)", variables=["D", "U"])

    for epochs, expected in ((0.5, 0.5), (2, 1.968), (4, 3.726), (8, 6.624), (40, 15.167)):
        found = float(worth.value({"R_D": row.values["R_D"]}, D=epochs * 1e9, U=1e9)) / 1e9
        assert found == pytest.approx(expected, abs=5e-4)


def test_schedule_features_follow_their_definition() -> None:
    """Against the recursion written out; a warm-up and a constant schedule anneal nothing."""
    warm_up = np.linspace(0.0, 1.0, 12)
    rates = np.append(warm_up, np.abs(np.random.default_rng(1).standard_normal(50)))
    rates[12] = 0.3  # the first fall
    features = sl.schedule_features(rates, decay=0.9)

    momentum, annealed = 0.0, 0.0
    for step, rate in enumerate(rates):
        momentum = 0.9 * momentum + (rates[step - 1] - rate if step >= 12 else 0.0)
        annealed += momentum
        assert features["S2"].iloc[step] == pytest.approx(annealed, abs=1e-13)
    np.testing.assert_allclose(features["S1"], np.cumsum(rates))
    assert (sl.schedule_features(np.full(9, 0.1))["S2"] == 0).all()


def _whole_schedules() -> dict[str, np.ndarray]:
    """A warm-up, then a cosine, a late exponential fall, or nothing."""
    steps, peak, warm = np.arange(1.0, 24001.0), 3e-4, 2160
    cosine = 0.55 + 0.45 * np.cos(np.pi * (steps - warm) / (24000 - warm))
    late = 0.1 ** np.maximum((steps - 20000) / 4000, 0.0)
    shapes = {"cosine": cosine, "late": late, "constant": np.ones(len(steps))}
    return {
        name: peak * np.where(steps <= warm, steps / warm, shape) for name, shape in shapes.items()
    }


def _r_squared(found: np.ndarray, true: np.ndarray) -> float:
    return float(1 - ((found - true) ** 2).sum() / ((true - true.mean()) ** 2).sum())


@pytest.mark.parametrize("size", ["25m", "100m", "400m"])
def test_the_warm_up_counts_for_one_sum_alone(size: str) -> None:
    """Two laws published for the same curves agree on schedules with a warm-up.

    The one has S1 and S2, the other a sum over every change of the learning rate.
    """
    law, other = sl.published[f"tissue/luo-{size}"], sl.laws["multi-power-32"]
    values = dict(sl.published[f"multi-power/luo-{size}"].values)
    for rates in _whole_schedules().values():
        features = sl.schedule_features(rates, n_falls=32)
        at = features.iloc[3000::500]
        curve = np.asarray(other.value(values, at))

        assert _r_squared(np.asarray(law.law.value(law.values, at)), curve) > 0.996
        without = sl.schedule_features(rates[2160:]).iloc[3000 - 2160 :: 500]
        assert _r_squared(np.asarray(law.law.value(law.values, without)), curve) < 0.8


@pytest.mark.parametrize("size", ["25m", "100m", "400m"])
def test_annealing_is_recovered_from_whole_schedules(size: str) -> None:
    """A published set comes back from its own curves, the sums written out."""
    law, tables = sl.published[f"tissue/luo-{size}"], []
    for rates in _whole_schedules().values():
        falls = -np.diff(rates, prepend=rates[0])
        falls[:2160] = 0.0  # the warm-up
        momentum = np.zeros(len(rates))
        for step in range(1, len(rates)):
            momentum[step] = 0.999 * momentum[step - 1] + falls[step]
        truth = {"S1": np.cumsum(rates), "S2": np.cumsum(momentum)}
        loss = law.law.value(law.values, truth)
        tables.append(sl.schedule_features(rates).assign(loss=loss).iloc[2500::250])
    with warnings.catch_warnings(action="ignore", category=sl.ScalingLawWarning):
        fit = sl.fit(pd.concat(tables, ignore_index=True), "tissue")

    for name, value in law.values.items():
        assert fit.params[name] == pytest.approx(value, rel=1e-5)


def _multi_power(rates: np.ndarray, values: dict[str, float]) -> np.ndarray:
    """The sum over every change of the learning rate, as the paper has it."""
    area = np.cumsum(rates)
    loss = values["L_0"] + values["A"] / area ** values["alpha"]
    for k in np.flatnonzero(np.diff(rates)) + 1:
        since = area[k:] - area[k - 1]
        bent = 1 + values["C_s"] * since / rates[k] ** values["gamma"]
        change = rates[k] - rates[k - 1]
        loss[k:] += values["B"] * change * (1 - bent ** -values["beta"])
    return loss


SCHEDULES = {
    "warm-up, then three drops": lambda t: np.select(
        [t < 500, t < 2000, t < 3000, t < 5000], [t / 500, 1.0, 0.6, 0.25], 0.1
    ),
    "cosine": lambda t: np.minimum(t / 300, 0.55 + 0.45 * np.cos(np.pi * t / 6000)),
    "constant, then linear": lambda t: np.minimum(
        t / 300, np.where(t < 4800, 1, (6600 - t) / 1800)
    ),
}


@pytest.mark.parametrize(("name", "n_falls", "largest"), [
    ("warm-up, then three drops", 9, 1.2e-3), ("warm-up, then three drops", 16, 4e-4),
    ("cosine", 16, 1.2e-3), ("cosine", 64, 3.2e-4), ("constant, then linear", 32, 5e-4),
])  # fmt: skip
def test_groups_of_changes_stand_for_all_of_them(name: str, n_falls: int, largest: float) -> None:
    """The Multi-Power law by groups against the sum over every step, in nats."""
    values = dict(sl.published["multi-power/luo-400m"].values)
    rates = 3e-4 * SCHEDULES[name](np.arange(1.0, 6001.0))
    features = sl.schedule_features(rates, n_falls=n_falls)

    found = sl.laws[f"multi-power-{n_falls}"].value(values, features)

    after = slice(400, None)
    np.testing.assert_allclose(found[after], _multi_power(rates, values)[after], atol=largest)


def test_drops_are_exact_and_groups_may_be_empty() -> None:
    """As many drops as groups, and fewer."""
    values = dict(sl.published["multi-power/luo-400m"].values)
    rates = np.repeat([3e-4, 2e-4, 5e-5, 0.0], 40)
    for n_falls in (3, 5):
        features = sl.schedule_features(rates, n_falls=n_falls)
        found = sl.laws[f"multi-power-{n_falls}"].value(values, features)
        np.testing.assert_allclose(found[:120], _multi_power(rates[:120], values), rtol=1e-13)
        assert np.isfinite(found).all()
    with pytest.raises(ValueError, match=r"changes its direction 1 times.*at least 2; got 1"):
        sl.schedule_features([1.0, 2.0, 1.0], n_falls=1)
    assert list(sl.schedule_features([1.0, 1.0])) == ["S1", "S2"]


def test_schedules_that_are_none_are_refused() -> None:
    """Shape, sign, decay."""
    with pytest.raises(ValueError, match="one number for each step; got an array of shape"):
        sl.schedule_features([[1.0, 2.0]])
    with pytest.raises(ValueError, match="step 2 has -1"):
        sl.schedule_features([1.0, -1.0])
    with pytest.raises(ValueError, match=r"`decay` must be at least 0 and below 1; got 1\.5"):
        sl.schedule_features([1.0], decay=1.5)


# --- finding and showing ------------------------------------------------------------------------


def test_iterating_gives_the_names() -> None:
    """And indexing the laws."""
    assert list(sl.laws)[:2] == ["power", "power-floor"]
    assert len(sl.laws) == len(list(sl.laws)) >= 70
    assert "gadre" in sl.laws
    assert "over-training" in sl.laws  # an alias
    assert "nonsense" not in sl.laws
    assert sl.laws["data-constrained"].name == "muennighoff"


def test_what_a_search_found_is_all_that_it_has() -> None:
    """Also by alias and number of parts; whole catalogue answers to every name."""
    found = sl.laws.search("moe")

    assert list(found) == ["clark", "krajewski", "abnar", "ludziejewski"]
    assert "routed-experts" in found
    assert "chinchilla" not in found
    with pytest.raises(sl.FormulaError, match="is not among these 4 laws"):
        found["chinchilla"]
    assert "bnsl-3" in sl.laws
    assert "bnsl-3" in sl.laws.search("breaks")
    assert "bnsl-3" not in found


def test_a_law_gives_no_number_that_its_performance_cannot_be() -> None:
    """An error below zero, from published coefficients and from a fit: NaN, and a warning."""
    published = sl.published["gadre-error/c4-17"]
    table = pd.DataFrame({"loss": np.linspace(2.5, 5, 30)})
    noise = 0.005 * np.random.default_rng(0).standard_normal(30)
    table["error"] = published.predict(table)["estimate"] * np.exp(noise)
    fit = sl.fit(table, "gadre-error", y="error")

    for law in (published, fit):
        with pytest.warns(sl.ScalingLawWarning, match="no number from 0 to 1 at 1 of 2 points"):
            found = law.predict(loss=np.array([0.5, 3.0]))
        assert np.isnan(found.estimate[0])
        assert 0 < found.estimate[1] < 1
    with pytest.warns(sl.ScalingLawWarning, match="does not hold there"):
        alone = fit.predict(loss=0.5)
    assert np.isnan([alone.estimate, alone.curve_low, alone.run_high]).all()
    assert str(alone).startswith("error none: the law has no value")


def test_search_by_words_variable_and_topic() -> None:
    """All conditions together."""
    assert "clark" in sl.laws.search("experts")
    assert {"P", "N"} <= set(sl.laws["parscale"].variables)
    assert list(sl.laws.search(variable="P", topic="test time")) == ["parscale"]
    with pytest.raises(ValueError, match="No law has the topic 'x'; the topics are accuracy"):
        sl.laws.search(topic="x")


def test_laws_show_as_a_table() -> None:
    """In a terminal, in a notebook and as a DataFrame."""
    few = sl.laws.search(topic="batch size")

    assert "porian-batch    batch ~ a * N**b" in repr(few)
    assert "batch = <i>a</i> &middot; <i>N</i><sup><i>b</i></sup>" in few._repr_html_()
    assert few.table.loc["porian-batch", "reference"] == "Porian et al. 2024, arXiv:2406.19146"


def test_about_tells_everything() -> None:
    """Formula, meaning, reference, traps, published numbers."""
    text = str(sl.laws.about("kaplan-compute"))

    assert "Kaplan et al. 2020, arXiv:2001.08361, eq. 1.3" in text
    assert "PF-days" in text
    assert "ranges   C_c, alpha_C not negative" in text
    assert "alpha, beta 0 to 10" in str(sl.laws.about("chinchilla"))
    assert "published as kaplan-compute/kaplan2020" in text


def test_published_sets_predict_without_data() -> None:
    """Numbers, text, arrays, mappings and tables; no interval, and it says so."""
    chinchilla = sl.published["chinchilla/epoch2024"]

    one = chinchilla.predict(N="70B", D="1.4T")
    assert one.estimate == pytest.approx(1.973882, abs=5e-7)
    assert str(one).startswith("loss 1.974 at N 70B, D 1.4T, by chinchilla/epoch2024.")
    assert "! No interval: the source has no covariance" in str(one)
    several = chinchilla.predict({"N": [1e9, 70e9], "D": [2e10, 1.4e12]}, C=1.0)
    np.testing.assert_allclose(several.estimate, [2.530050, 1.973882], atol=5e-7)
    assert "! No interval" in str(several)
    runs = pd.DataFrame({"params": [70e9], "tokens": [1.4e12]}, index=["x"])
    assert chinchilla.predict(runs).loc["x", "estimate"] == pytest.approx(one.estimate)
    assert "verified" in str(chinchilla)
    assert "chinchilla/epoch2024" in repr(sl.published)
    assert "chinchilla/epoch2024" in sl.published._repr_html_()


def test_published_errors_say_what_to_do() -> None:
    """Unknown sets, missing and impossible values."""
    with pytest.raises(KeyError, match="Did you mean 'gadre/c4' or 'gadre/redpajama'"):
        sl.published["gadre/x"]
    with pytest.raises(KeyError, match="Did you mean 'chinchilla/hoffmann2022'"):
        sl.published["chinchilla/hofmann2022"]
    with pytest.raises(ValueError, match="The prediction needs D: the law is"):
        sl.published["chinchilla/epoch2024"].predict(N=1e9)
    with pytest.raises(ValueError, match="D must be positive and finite; got -1"):
        sl.published["chinchilla/epoch2024"].predict(N=1e9, D=-1)


def test_terminal_lists_and_describes(capsys: pytest.CaptureFixture[str]) -> None:
    """All, one, some, none."""
    assert main(["laws"]) == 0
    assert "chinchilla" in capsys.readouterr().out
    assert main(["laws", "gadre"]) == 0
    assert "published as gadre/c4" in capsys.readouterr().out
    assert main(["laws", "--topic", "precision", "--search", "post"]) == 0
    assert "\n  kumar-ptq  delta ~ " in capsys.readouterr().out
    assert main(["laws", "--search", "xyzzy"]) == 1
    assert "No law matches" in capsys.readouterr().err
    assert main(["laws", "gadr"]) == 1
    assert "Did you mean 'gadre'" in capsys.readouterr().err
