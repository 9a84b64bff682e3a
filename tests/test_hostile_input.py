"""Input that used to be misread in silence, or to end in somebody else's exception."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest

import scalinglaws as sl
from scalinglaws.fitting import many
from scalinglaws.fitting.tables.points import read_points, to_values
from tests.conftest import make_runs


@pytest.fixture
def runs() -> pd.DataFrame:
    """Thirty runs of a known law, spread over three and two decades."""
    rng = np.random.default_rng(0)
    n = np.exp(rng.uniform(np.log(1e7), np.log(1e10), 30))
    d = np.exp(rng.uniform(np.log(1e9), np.log(3e11), 30))
    noise = np.exp(0.005 * rng.standard_normal(30))
    return pd.DataFrame({"N": n, "D": d, "loss": (1.8 + 480 / n**0.35 + 2100 / d**0.37) * noise})


@pytest.fixture(scope="module")
def fitted() -> sl.Fit:
    """A fit of good runs."""
    return sl.fit(make_runs(noise=0.005), "chinchilla")


# --- numbers that may mean something else ----------------------------------------------------


def test_a_decimal_comma_in_the_performance_is_refused(runs: pd.DataFrame) -> None:
    """ "2,390" is 2.39 to some and 2390 to others."""
    text = runs.assign(loss=[f"{x:.3f}".replace(".", ",") for x in runs["loss"]])
    with pytest.raises(sl.DataError, match=r"Column 'loss' has numbers such as '2,390': their com"):
        sl.fit(text, "chinchilla")
    with pytest.raises(sl.DataError, match=r"Column 'loss' has numbers such as '2,390': their com"):
        sl.isoflop(text)


def test_a_decimal_comma_in_a_variable_is_said(runs: pd.DataFrame) -> None:
    """Counts are read as thousands, with a word; where one is unmistakable, without."""
    thousands = [f"{100 + k},{k:03d}" for k in range(30)]
    with pytest.warns(sl.DataWarning, match=r"'N' has numbers such as '100,000', read as thousand"):
        fit = sl.fit(runs.assign(N=thousands), "loss ~ a/N**b")
    assert fit.runs.values["N"][1] == 101_001
    million = [*thousands[:-1], "1,000,000"]
    assert sl.fit(runs.assign(N=million), "loss ~ a/N**b").runs.values["N"][0] == 100_000


def test_a_loss_has_no_suffix(runs: pd.DataFrame) -> None:
    """2.390m is no loss of 2.39 million."""
    text = runs.assign(loss=[f"{x:.3f}m" for x in runs["loss"]])
    with pytest.raises(sl.DataError, match=r"rows 0 \('2.390m'\).*as 2.39 or 2.39e0, without"):
        sl.fit(text, "chinchilla")


@pytest.mark.parametrize("item", [np.array([1e9]), pd.Timedelta(1, "s"), b"1e9", [1e9], {}])
def test_cells_that_are_no_numbers(runs: pd.DataFrame, item: object) -> None:
    """Arrays, times, bytes and containers."""
    column = pd.Series([item, *runs["N"][1:]], dtype=object)
    with pytest.raises(sl.DataError, match=r"Column 'N' holds something that is not a number in r"):
        sl.fit(runs.assign(N=column), "chinchilla")


# --- labels ----------------------------------------------------------------------------------


def test_labels_that_look_alike_are_named(runs: pd.DataFrame) -> None:
    """With how many groups they make."""
    labels = [1, "1", "c4", "c4 ", "C4", "c4"] * 5
    alike = r"Column 's' has labels that look alike: 1 and '1' \({}\); 'c4', 'c4 ' and 'C4' \({}\)"
    with pytest.warns(sl.ScalingLawWarning) as caught:
        sl.fit(runs.assign(s=labels), "loss ~ E[s] + A/N**a")
    assert caught[0].category is sl.DataWarning
    assert pd.Series([str(caught[0].message)]).str.match(alike.format("1 group", "2 groups")).all()
    with pytest.warns(sl.ScalingLawWarning) as caught:
        sl.fit_each(runs.assign(s=labels), "loss ~ A/N**a", by="s")
    assert pd.Series([str(caught[0].message)]).str.match(alike.format("2 groups", "3 groups")).all()


def test_names_of_runs_and_recipes_that_look_alike(runs: pd.DataFrame) -> None:
    """As clusters and as recipes."""
    alike = runs.assign(name=[f"run {k // 2}" for k in range(29)] + ["Run 14"])
    with pytest.warns(sl.DataWarning, match=r"alike: 'run 14' and 'Run 14' \(2 groups\)"):
        sl.fit(alike, "chinchilla", clusters="name")
    recipes = runs.assign(name=["c4", "c4 "] * 15)
    with pytest.warns(sl.DataWarning, match=r"alike: 'c4' and 'c4 ' \(2 groups\)"):
        sl.compare_recipes(recipes, "name", "chinchilla", C=1e20)


def test_labels_must_be_labels(runs: pd.DataFrame) -> None:
    """A list in a cell tells no groups apart."""
    lists = runs.assign(s=[[1]] * 30)
    with pytest.raises(sl.DataError, match=r"Column 's' cannot tell groups apart.*such as \[1\]"):
        sl.fit(lists, "loss ~ E[s] + A/N**a")
    with pytest.raises(sl.DataError, match=r"Column 's' cannot tell groups apart"):
        sl.fit_each(lists, "power", by="s")


def test_rows_with_one_label_are_dropped_one_by_one(runs: pd.DataFrame) -> None:
    """Each has an entry, and its position in the message."""
    runs.index = pd.Index([0] * 30)
    runs.iloc[:4, 2] = np.nan
    with pytest.warns(
        sl.DataWarning, match=r"Left out 4 runs of 30: rows 0 at position 0 \(loss i"
    ):
        fit = sl.fit(runs, "chinchilla", missing="drop")
    assert len(fit.dropped) == 4
    assert set(fit.dropped) == {"loss is missing"}


def test_rows_in_which_n_and_d_are_exchanged(runs: pd.DataFrame) -> None:
    """A remark with the rows, where exchanging makes both columns span much less."""
    rows = list(range(0, 30, 3))
    runs.loc[rows, ["N", "D"]] = runs.loc[rows, ["D", "N"]].to_numpy()
    with pytest.warns(
        sl.DataWarning, match=r"'N' is above 'D' in rows 0, 3, 6.*are the two exchan"
    ):
        sl.fit(runs, "chinchilla")
    sl.fit(runs, "chinchilla", units="trust")


# --- arguments -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("weights", "found"),
    [
        (np.ones((5, 6)), r"shape \(5, 6\)"), (np.ones((30, 1)), r"shape \(30, 1\)"),
        ([[1], [2, 3]], r"\[\[1\], \[2, 3\]\]"), ({"a": 1}, r"\{'a': 1\}"), (2.0, "2.0"),
    ],
)  # fmt: skip
def test_weights_of_a_wrong_shape(runs: pd.DataFrame, weights: Any, found: str) -> None:
    """Nothing is flattened."""
    with pytest.raises(sl.DataError, match=f"one number for each of the 30 runs; got {found}"):
        sl.fit(runs, "chinchilla", weights=weights)


_START = {"E": 1.0, "A": 1.0, "alpha": 1.0, "B": 1.0, "beta": 1.0}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"start": {**_START, "alpha": np.nan}}, "`start` of alpha must be a finite number; got n"),
        ({"start": {**_START, "alpha": "x"}}, "`start` of alpha must be a finite number; got 'x'"),
        (
            {"start": {**_START, "alpha": 10**400}},
            "`start` of alpha .* a whole number of 1,329 bit",
        ),
        ({"start": {**_START, "gamma": 3}}, "`start` names 'gamma', which is no parameter"),
        ({"start": [1, 2]}, r"`start` must map parameters to numbers; got \[1, 2\]"),
        ({"bounds": [("alpha", 0, 1)]}, r"`bounds` must map parameters to \(low, high\); got \[\("),
        ({"fixed": {"E": 10**400}}, "`fixed` must hold E at a number; got a whole number of 1,32"),
        ({"delta": 1e300}, r"`delta` must be from 1e-100 to 1e100; got 1e\+300.*'squared'"),
        ({"delta": 1e-300}, "`delta` must be from 1e-100 to 1e100; got 1e-300"),
        ({"confidence_level": 1e-300}, "`confidence_level` must be between 0 and 1; got 1e-300"),
        ({"confidence_level": 10**400}, "`confidence_level` must be between 0 and 1; got a whole"),
    ],
)
def test_arguments_that_were_ignored_or_crashed(
    runs: pd.DataFrame, options: dict[str, Any], message: str
) -> None:
    """Each is named."""
    with pytest.raises((ValueError, TypeError), match=message):
        sl.fit(runs, "chinchilla", **options)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (
            {"N": [1, 2], "D": [1]},
            "The columns of `runs` differ in length: 'N' has 2 and 'D' has 1",
        ),
        ({"N": 1e9, "loss": [2.0]}, "`runs` needs a list or an array for each column; N holds one"),
        ({"N": "ab", "loss": "cd"}, "N and loss hold one value"),
        ({"N": [1, [2, 3]], "loss": {1: 2}}, "loss holds one value"),
        (pd.DataFrame({"N": [], "loss": []}), "The table of runs is empty"),
        ({}, "The table of runs is empty"),
    ],
)
def test_tables_of_no_shape(table: Any, message: str) -> None:
    """Said by every verb that reads runs."""
    for verb in (sl.fit, sl.isoflop, lambda runs: sl.fit_each(runs, by="N")):
        with pytest.raises(sl.DataError, match=message):
            verb(table)


def test_rows_as_mappings_are_a_table(runs: pd.DataFrame) -> None:
    """As JSON has them."""
    expected = sl.fit(runs, "chinchilla").params
    pd.testing.assert_series_equal(sl.fit(runs.to_dict("records"), "chinchilla").params, expected)


def test_a_variable_as_an_exponent_is_a_law(runs: pd.DataFrame) -> None:
    """a**N has no coefficient."""
    steps = np.arange(1.0, 31.0)
    table = pd.DataFrame({"N": steps * 1e6, "loss": 0.999999 ** (steps * 1e6)})
    assert sl.fit(table, "loss ~ a**N").params["a"] == pytest.approx(0.999999, rel=1e-9)


def test_a_bound_of_ones_own_is_no_wrong_law() -> None:
    """A rising law follows rising runs; only its coefficient is held too low."""
    x = np.arange(1.0, 21.0)
    table = pd.DataFrame({"x": x, "y": 3 + 20 * x**0.5})
    with pytest.warns(sl.IdentifiabilityWarning, match=r"a stopped at its bound 15\.") as caught:
        sl.fit(table, "y ~ c + a*x**b", bounds={"a": (0, 15)})
    assert not any("cannot follow" in str(w.message) for w in caught)


def test_counts_of_examples_are_no_wrong_unit() -> None:
    """Where the user names the column, 100 to 3200 may be what it says."""
    n = np.array([100, 200, 400, 800, 1600, 3200])
    table = pd.DataFrame({"n": n, "error": [0.31, 0.25, 0.21, 0.178, 0.157, 0.142]})
    assert sl.fit(table, "power-floor", y="error", columns={"D": "n"}).n == 6
    with pytest.warns(sl.DataWarning, match="'tokens' spans 100 to 3200: this looks like"):
        sl.fit(table.rename(columns={"n": "tokens"}), "power-floor", y="error")


@pytest.mark.parametrize(
    ("law", "columns", "change"),
    [
        ("chinchilla", None, {"N": [5e-324, *[1e9] * 29]}),
        ("loss ~ ((S)**(a/b) + T/D)**b", {"S": "S", "T": "T", "D": "D"}, {}),
        ("(a/N + b/D**c)**d", None, {"N": [1, 2, 3, 4, 2] * 6}),
        ("E + log(-N)*A", None, {}),
        ("E + A*exp(-k*N)", None, {"N": np.geomspace(1e295, 1e300, 30)}),
        ("a*(D + b)**c", None, {"D": np.zeros(30)}),
        ("power", None, {"N": np.geomspace(1e297, 1e300, 30), "C": np.geomspace(1e8, 1e11, 30)}),
    ],
)
def test_no_warning_of_numpy_reaches_the_user(
    runs: pd.DataFrame, law: str, columns: dict[str, str] | None, change: dict[str, Any]
) -> None:
    """Warnings are errors here; those of the library are looked away from."""
    table = runs.assign(S=runs["N"] / 1e9, T=runs["D"] / 1e9, **change)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sl.ScalingLawWarning)
        try:
            fit = sl.fit(table, law, columns=columns)
        except sl.ScalingLawError:
            return
        assert fit.summary()
        fit.predict(table)


def test_performances_too_far_apart_are_refused(runs: pd.DataFrame) -> None:
    """A fit whose sum of losses overflows could not be loaded again."""
    far = runs["loss"].where(runs.index % 2 == 0, 1e-300 * runs["loss"])
    with (
        warnings.catch_warnings(action="ignore", category=sl.ScalingLawWarning),
        pytest.raises(sl.FitError, match="the sum over the runs overflows"),
    ):
        sl.fit(runs.assign(loss=far), "outer-power")


# --- many series -------------------------------------------------------------------------------


@pytest.mark.parametrize("by", [3, [], None, {"N": 1}])
def test_series_need_a_column(runs: pd.DataFrame, by: Any) -> None:
    """Named by text."""
    with pytest.raises(TypeError, match="`by` must name a column, or several in a list; got"):
        sl.fit_each(runs, "power", by=by)


def test_one_bad_series_does_not_end_the_others(
    runs: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it raises."""

    def fit(table: pd.DataFrame, law: str, **options: Any) -> sl.Fit:
        if table["s"].iloc[0] == "bad":
            raise np.linalg.LinAlgError("Singular matrix")
        return sl.fit(table, law, **options)

    monkeypatch.setattr(many, "fit", fit)
    series = runs.assign(s=["good", "bad"] * 15)
    with pytest.warns(sl.ScalingLawWarning, match=r"1 series have no fit: 'bad'; see `failed`"):
        fits = sl.fit_each(series, "chinchilla", by="s")
    assert fits.failed["bad"] == "LinAlgError: Singular matrix"
    assert list(fits) == ["good"]


# --- predictions -------------------------------------------------------------------------------


def test_every_table_that_is_fitted_is_predicted(fitted: sl.Fit) -> None:
    """Rows as mappings, and anything with to_pandas()."""

    class Foreign:
        def to_pandas(self) -> pd.DataFrame:
            return frame

    frame = pd.DataFrame({"N": [1e9, 2e9], "D": [1e10, 2e10]})
    expected = fitted.predict(frame)
    assert isinstance(expected, pd.DataFrame)
    for table in (frame.to_dict("records"), Foreign()):
        pd.testing.assert_frame_equal(fitted.predict(table), expected)
    columns = fitted.predict(frame.to_dict("list"))
    np.testing.assert_array_equal(columns.estimate, expected["estimate"])
    assert fitted.predict(frame.iloc[0]).estimate == expected["estimate"][0]
    published = sl.published["chinchilla/epoch2024"].predict(frame.to_dict("records"))
    assert len(published) == 2


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"N": True, "D": 1e10}, "N must be a number or numbers; got True"),
        ({"N": [True, 1e9], "D": 1e10}, r"N must be a number or numbers; got \[True, 1000000000.0"),
        ({"N": 10**400, "D": 1e10}, "N must be a number or numbers; got a whole number of 1,329 b"),
        ({"N": 1j, "D": 1e10}, "N must be a number or numbers; got 1j"),
        ({"N": [[1e9], [1, 2]], "D": 1e10}, "N must be a number or numbers; got"),
        ({"N": [1e9, 2e9], "D": [1e10] * 3}, r"N has shape \(2,\) and D has shape \(3,\)"),
        ({"N": 1e9, "D": 1e10, "params": 1e9}, "The law has no variable 'params'"),
    ],
)
def test_points_that_are_none(fitted: sl.Fit, values: Mapping[str, Any], message: str) -> None:
    """The message names the variable."""
    with pytest.raises(ValueError, match=message):
        fitted.predict(values)


@pytest.mark.parametrize("data", [3, [1, 2], "N=7B"])
def test_things_that_are_no_points(fitted: sl.Fit, data: Any) -> None:
    """Neither a table nor a mapping."""
    with pytest.raises(TypeError, match="`data` must be a DataFrame, something with to_pandas"):
        fitted.predict(data)


@pytest.mark.parametrize("law", ["loss ~ E + A/N**alpha", "loss ~ E + A/C**alpha"])
def test_an_unused_name_may_stand_twice(law: str) -> None:
    """Two columns D are of no harm to a law of N or C, even if runs repeat."""
    runs = make_runs(noise=0.005)
    table = pd.concat([runs.assign(C=6 * runs["N"] * runs["D"]), runs[["D"]]], axis=1)
    with warnings.catch_warnings(action="ignore"):
        fit = sl.fit(pd.concat([table, table]), law)
    assert np.isfinite(fit.objective_value)


def test_a_variable_is_given_once(runs: pd.DataFrame) -> None:
    """By the law's name or by the table's."""
    fit = sl.fit(runs.rename(columns={"N": "params"}), "chinchilla")
    with pytest.raises(ValueError, match="N is given twice: by this name and as 'params'"):
        fit.predict(N=1e9, params=1e9, D=1e10)


def test_a_point_without_end_leaks_no_warning(fitted: sl.Fit) -> None:
    """N*D overflows, which only means far."""
    with pytest.warns(sl.ExtrapolationWarning, match="Predicting inf times beyond"):
        assert np.isfinite(fitted.predict(N=1e300, D=1e10).estimate)


@pytest.mark.parametrize("read", [lambda v: to_values("N", v)])
def test_text_within_arrays_is_read(read: Callable[[Any], Any]) -> None:
    """As in a table."""
    np.testing.assert_array_equal(read(np.array(["7B", "1,000,000"])), [7e9, 1e6])
    np.testing.assert_array_equal(read(["7B", 2]), [7e9, 2])
    law = sl.laws["chinchilla"]
    assert set(read_points(law, {"N": "N", "D": "D"}, None, {"N": "7B", "D": 1})) == {"N", "D"}
