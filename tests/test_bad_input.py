"""Every way in which a table or an argument can be wrong gets its own clear sentence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import scalinglaws as sl
from tests.conftest import make_runs


@pytest.fixture
def runs() -> pd.DataFrame:
    """A good table with named rows."""
    table = make_runs(noise=0.005)
    table.index = pd.Index([f"r{k}" for k in range(len(table))])
    return table


# --- columns ---------------------------------------------------------------------------------


def test_a_missing_column_lists_those_that_exist(runs: pd.DataFrame) -> None:
    """And suggests the nearest."""
    with pytest.raises(sl.DataError, match=r"No column 'los', named by `y`. .*Did you mean 'loss'"):
        sl.fit(runs, "chinchilla", y="los")
    with pytest.raises(sl.DataError, match="No column 'paramz', named by `columns` for N"):
        sl.fit(runs, "chinchilla", columns={"N": "paramz"})
    with pytest.raises(sl.DataError, match="No column 'perf', named by the law's left side"):
        sl.fit(runs, "perf ~ E + A/N**alpha")


def test_a_law_whose_variable_the_table_lacks(runs: pd.DataFrame) -> None:
    """The message names the variable and how to say where it is."""
    with pytest.raises(sl.DataError, match=r"The law needs D, and the table has no column for it"):
        sl.fit(runs.drop(columns="D"), "chinchilla")
    with pytest.raises(sl.DataError, match="needs one of N, D and C"):
        sl.fit(pd.DataFrame({"x": [1.0, 2.0], "loss": [1.0, 2.0]}), "power")
    with pytest.raises(sl.FormulaError, match="No name in the law 'E \\+ A' is a column"):
        sl.fit(runs, "E + A")


def test_no_usual_name_for_the_performance(runs: pd.DataFrame) -> None:
    """`y` is asked for."""
    with pytest.raises(sl.DataError, match="No column has a usual name for the performance"):
        sl.fit(runs.rename(columns={"loss": "quality"}), "chinchilla")


def test_two_equally_usual_names_are_ambiguous(runs: pd.DataFrame) -> None:
    """Nothing is guessed."""
    two = runs.rename(columns={"loss": "eval_loss"}).assign(val_loss=1.0)
    with pytest.raises(sl.DataError, match="Several columns could be the performance"):
        sl.fit(two, "chinchilla")
    params = runs.rename(columns={"N": "params"})
    with pytest.raises(sl.DataError, match="Several columns could be N: 'params' and 'num_params'"):
        sl.fit(params.assign(num_params=params["params"] * 2), "chinchilla")


def test_usual_names_are_found(runs: pd.DataFrame) -> None:
    """And shown in the text of the fit."""
    renamed = runs.rename(columns={"N": "num_params", "D": "total_tokens", "loss": "eval/loss"})

    fit = sl.fit(renamed, "chinchilla")

    assert fit.runs.columns == {"N": "num_params", "D": "total_tokens"}
    assert "N = 'num_params', D = 'total_tokens', performance = 'eval/loss'" in fit.summary()


def test_a_doubled_column_is_refused(runs: pd.DataFrame) -> None:
    """Two columns of one name cannot be told apart."""
    doubled = pd.concat([runs, runs["N"]], axis=1)
    with pytest.raises(sl.DataError, match="more than one column called 'N'"):
        sl.fit(doubled, "chinchilla")


def test_the_performance_cannot_be_a_variable(runs: pd.DataFrame) -> None:
    """N explained by N."""
    with pytest.raises(sl.DataError, match="Column 'N' would be both N and the performance"):
        sl.fit(runs, "chinchilla", y="N")


# --- values ----------------------------------------------------------------------------------


def test_numbers_as_people_write_them(runs: pd.DataFrame) -> None:
    """7B, 1.4T and 1,000,000 are numbers."""
    text = runs.astype(object)
    text["N"] = [f"{n / 1e6:.6f}M" for n in runs["N"]]
    text["D"] = [f"{d:,.3f}" for d in runs["D"]]

    fit = sl.fit(text, "chinchilla")

    np.testing.assert_allclose(fit.params, sl.fit(runs, "chinchilla").params, rtol=1e-4)


def test_text_that_is_no_number_names_its_rows(runs: pd.DataFrame) -> None:
    """Labels and contents are shown."""
    bad = runs.astype(object)
    bad.loc["r3", "N"] = "seven"
    bad.loc["r9", "N"] = "7Z"
    with pytest.raises(sl.DataError, match=r"rows r3 \('seven'\) and r9 \('7Z'\)"):
        sl.fit(bad, "chinchilla")


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("loss", np.nan, "loss is missing"),
        ("N", np.inf, "N is infinite"),
        ("D", 0.0, "D is zero"),
        ("loss", -1.0, "loss is negative"),
    ],
)
def test_unusable_rows_are_named_or_dropped(
    runs: pd.DataFrame, column: str, value: float, reason: str
) -> None:
    """By label and reason; with missing="drop" a list is kept."""
    bad = runs.copy()
    bad.loc["r4", column] = value

    with pytest.raises(sl.DataError, match=rf"1 run of 36 cannot be fitted: row r4 \({reason}\)"):
        sl.fit(bad, "chinchilla")
    with pytest.warns(sl.DataWarning, match=r"Left out 1 run of 36: row r4"):
        fit = sl.fit(bad, "chinchilla", missing="drop")
    assert fit.dropped.to_dict() == {"r4": reason}
    assert fit.n == 35
    assert "r4" not in fit.residuals.index
    assert "dropped" in fit.summary()


def test_nothing_left_is_an_error(runs: pd.DataFrame) -> None:
    """All rows dropped is no table."""
    with (
        pytest.warns(sl.DataWarning, match="Left out 36 runs"),
        pytest.raises(sl.DataError, match="None of the 36 runs can be fitted"),
    ):
        sl.fit(runs.assign(loss=np.nan), "chinchilla", missing="drop")


@pytest.mark.parametrize("dtype", ["Int64", "Float64", "int64", "float32"])
def test_every_numeric_dtype_is_read(runs: pd.DataFrame, dtype: str) -> None:
    """Nullable and narrow types alike."""
    typed = runs.assign(N=runs["N"].round().astype(dtype))

    assert sl.fit(typed, "chinchilla").params["alpha"] == pytest.approx(
        sl.fit(runs, "chinchilla").params["alpha"], rel=1e-4
    )


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (pd.date_range("2024", periods=36), "holds datetime64"),
        ([True] * 36, "holds bool values"),
        (np.ones(36) * 1j, "holds complex numbers"),
    ],
)
def test_things_that_are_not_numbers(runs: pd.DataFrame, values: Any, message: str) -> None:
    """Dates, truth values and complex numbers are refused."""
    with pytest.raises(sl.DataError, match=message):
        sl.fit(runs.assign(N=np.asarray(values)), "chinchilla")


def test_overflowed_compute_is_recognised(runs: pd.DataFrame) -> None:
    """6*N*D in int64 wraps around without a word; the rows are named."""
    n, d = runs["N"].astype("int64"), runs["D"].astype("int64")
    wrapped = runs.assign(N=n, D=d, C=6 * n * d)
    assert (wrapped["C"] < 0).any()

    with pytest.raises(sl.DataError, match=r"6\*N\*D computed in integers.*6\.0 \* N \* D"):
        sl.fit(wrapped, "power")


def test_two_units_in_one_column(runs: pd.DataFrame) -> None:
    """Some rows in millions."""
    mixed = runs.copy()
    few = mixed.index[::3]
    mixed.loc[few, "N"] /= 1e6

    with pytest.raises(sl.DataError, match="are some rows in millions and some in units"):
        sl.fit(mixed, "chinchilla")


def test_small_units_are_mentioned(runs: pd.DataFrame) -> None:
    """All in billions is fitted, with a word."""
    with pytest.warns(sl.DataWarning, match="looks like thousands, millions or billions"):
        fit = sl.fit(runs.assign(N=runs["N"] / 1e9), "chinchilla")

    assert fit.params["alpha"] == pytest.approx(
        sl.fit(runs, "chinchilla").params["alpha"], rel=1e-8
    )


def test_copies_of_runs_are_mentioned(runs: pd.DataFrame) -> None:
    """Duplicated rows would shrink the intervals."""
    twice = pd.concat([runs, runs.iloc[:2]])
    with pytest.warns(sl.DataWarning, match="2 runs repeat another run exactly"):
        sl.fit(twice, "chinchilla")


def test_a_constant_performance(runs: pd.DataFrame) -> None:
    """There is nothing to fit."""
    with pytest.raises(sl.DataError, match="'loss' is 2 in every run: there is nothing to fit"):
        sl.fit(runs.assign(loss=2.0), "chinchilla")


def test_performance_that_goes_the_wrong_way(runs: pd.DataFrame) -> None:
    """A score that rises cannot be a sum of decaying terms."""
    rising = runs.assign(loss=1 / runs["loss"])
    with pytest.warns(sl.ScalingLawWarning, match=r"loss increases with N \(rank correlation \+"):
        fit = sl.fit(rising, "chinchilla")

    assert not fit.status.good


def test_fewer_runs_than_coefficients(runs: pd.DataFrame) -> None:
    """Four runs, five coefficients."""
    with pytest.raises(sl.DataError, match="4 runs cannot determine 5 coefficients"):
        sl.fit(runs.iloc[[0, 7, 14, 22]], "chinchilla")


def test_as_many_runs_as_coefficients_leave_no_intervals(runs: pd.DataFrame) -> None:
    """An exact fit says nothing of its own uncertainty."""
    with pytest.warns(sl.IdentifiabilityWarning, match="3 runs for 3 parameters"):
        fit = sl.fit(runs.iloc[[0, 8, 19]], "power")

    assert fit.table["std_error"].isna().all()
    assert "none: 3 runs leave no degrees of freedom" in fit.summary()
    assert np.isnan(fit.predict(N=1e9, D=1e10).curve_low)


def test_an_empty_table() -> None:
    """No rows, no columns."""
    with pytest.raises(sl.DataError, match="The table of runs is empty"):
        sl.fit(pd.DataFrame({"N": [], "D": [], "loss": []}), "chinchilla")


@pytest.mark.parametrize("table", ["runs.csv", 3, [1, 2]])
def test_things_that_are_not_tables(table: object) -> None:
    """A path is answered with read_runs."""
    with pytest.raises(TypeError, match="`runs` must be a DataFrame"):
        sl.fit(table, "power")


def test_mappings_and_foreign_frames_are_tables(runs: pd.DataFrame) -> None:
    """A dict of arrays, and anything with to_pandas()."""

    class Foreign:
        def to_pandas(self) -> pd.DataFrame:
            return runs

    columns = {name: runs[name].to_numpy() for name in runs}

    expected = sl.fit(runs, "chinchilla").params
    pd.testing.assert_series_equal(sl.fit(columns, "chinchilla").params, expected)
    pd.testing.assert_series_equal(sl.fit(Foreign(), "chinchilla").params, expected)


# --- arguments -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"objective": "hubber"}, "got 'hubber'. Did you mean 'huber'"),
        ({"objective": "mse"}, "must be 'auto', 'squared', 'huber' or 'absolute'; got 'mse'"),
        ({"method": "ols"}, "`method` must be 'auto', 'log-linear' or 'nls'; got 'ols'"),
        ({"scale": "linear"}, "`scale` must be 'log' or 'level'"),
        ({"missing": "omit"}, "`missing` must be 'raise' or 'drop'"),
        ({"units": "no"}, "`units` must be 'check' or 'trust'"),
        ({"delta": -1}, "`delta` must be a positive number or 'auto'; got -1"),
        ({"delta": 0.1, "objective": "squared"}, "objective='squared' has none"),
        ({"confidence_level": 95}, "`confidence_level` must be between 0 and 1; got 95"),
        ({"fixed": {"gamma": 1}}, "`fixed` names 'gamma', .* the parameters are E, A, alpha, B"),
        ({"fixed": {"E": -1}}, "`fixed` holds E at -1, outside its range from 0 to inf"),
        ({"fixed": {"E": np.nan}}, "`fixed` holds E at nan"),
        ({"fixed": dict.fromkeys(["E", "A", "alpha", "B", "beta"], 1.0)}, "holds every parameter"),
        ({"start": {"E": 1.0}}, "`start` needs a value for each parameter; A, alpha, B, beta"),
        ({"columns": {"M": "N"}}, "`columns` names 'M', which is no variable of the law"),
        ({"bounds": {"E": (2, 1)}}, "must be \\(low, high\\) with low < high"),
    ],
)  # fmt: skip
def test_wrong_arguments(runs: pd.DataFrame, options: dict[str, Any], message: str) -> None:
    """Each is named, with what was found and what may stand there."""
    with pytest.raises(ValueError, match=message):
        sl.fit(runs, "chinchilla", **options)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones(3), "must have one number for each of the 36 runs; got shape \\(3,\\)"),
        (np.zeros(36), "The weights are all zero"),
        (-np.ones(36), "the weight is missing, infinite or negative"),
        ("w", "No column 'w', named by `weights`"),
    ],
)
def test_wrong_weights(runs: pd.DataFrame, weights: Any, message: str) -> None:
    """Lengths, signs and names."""
    with pytest.raises(sl.DataError, match=message):
        sl.fit(runs, "chinchilla", weights=weights)


def test_log_linear_is_refused_with_the_reason(runs: pd.DataFrame) -> None:
    """A sum has no linear logarithm; other losses are not least squares."""
    with pytest.raises(sl.FitError, match=r"it is a sum of 3 terms.*Use method='nls'"):
        sl.fit(runs, "chinchilla", method="log-linear")
    with pytest.raises(sl.FitError, match="its logarithm is not linear in the parameters"):
        sl.fit(runs, "kaplan", method="log-linear")
    with pytest.raises(ValueError, match="method='log-linear' is least squares in logarithms"):
        sl.fit(runs, "power", method="log-linear", objective="huber")


def test_a_law_must_be_a_name_a_line_or_a_law(runs: pd.DataFrame) -> None:
    """Anything else is refused."""
    with pytest.raises(TypeError, match="`law` must be a name, one line of maths or a Law"):
        sl.fit(runs, 3)  # type: ignore[arg-type]
    with pytest.raises(sl.FormulaError, match=r"No law is called 'chinchila'.*Did you mean"):
        sl.fit(runs, "chinchila")


# --- predictions -------------------------------------------------------------------------------


def test_predictions_need_their_variables(runs: pd.DataFrame) -> None:
    """Missing, unknown and impossible values."""
    fit = sl.fit(runs, "chinchilla")

    with pytest.raises(ValueError, match=r"The prediction needs D: .* Pass N=\.\.\., D=\.\.\."):
        fit.predict(N=1e9)
    with pytest.raises(ValueError, match=r"The prediction needs N, D: .* use sl\.optimal\(fit, C="):
        fit.predict(C=1e24)
    with pytest.raises(ValueError, match="The law has no variable 'M'; it has N, D"):
        fit.predict(N=1e9, D=1e9, M=3)
    with pytest.raises(ValueError, match="N must be positive and finite; got -1"):
        fit.predict(N=-1, D=1e9)
    with pytest.raises(ValueError, match="'big' is not a number"):
        fit.predict(N="big", D=1e9)
    with pytest.raises(ValueError, match="`confidence_level` must be between 0 and 1"):
        fit.predict(N=1e9, D=1e9, confidence_level=95)


def test_far_extrapolation_is_said(runs: pd.DataFrame) -> None:
    """More than a hundred times the largest run."""
    fit = sl.fit(runs, "chinchilla")

    with pytest.warns(sl.ExtrapolationWarning, match="Predicting 1e6 times beyond"):
        fit.predict(N=1e13, D=1e15)
    with pytest.warns(sl.ExtrapolationWarning, match="Predicting 2,000 times beyond"):
        fit.predict(N=2e11, D=1e14)


def test_warnings_point_at_the_users_line(runs: pd.DataFrame) -> None:
    """Not into the library."""
    with pytest.warns(sl.DataWarning) as caught:
        sl.fit(pd.concat([runs, runs.iloc[:1]]), "chinchilla")

    assert caught[0].filename == __file__


def test_a_name_meant_as_a_column_is_no_parameter(runs: pd.DataFrame) -> None:
    """Usual names and near misses of columns are refused in a formula."""
    with pytest.raises(sl.FormulaError, match="'tokens' is not a column of the table"):
        sl.fit(runs, "loss ~ E + A/N**alpha + B/tokens**beta")
    with pytest.raises(sl.FormulaError, match="If you mean the column 'size'"):
        sl.fit(runs.assign(size=runs["N"]), "loss ~ E + A/Size**alpha + B/D**beta")
    with pytest.raises(sl.FormulaError, match="'loss' is the performance"):
        sl.fit(runs, "loss ~ E + A*loss/N**alpha")


def test_weights_follow_their_labels(runs: pd.DataFrame) -> None:
    """A Series in another order is put in order; other labels are refused."""
    weights = pd.Series(np.linspace(0.1, 2, len(runs)), index=runs.index)

    shuffled = sl.fit(runs, "chinchilla", weights=weights.sample(frac=1, random_state=0))

    pd.testing.assert_series_equal(
        shuffled.params, sl.fit(runs, "chinchilla", weights=weights).params
    )
    with pytest.raises(sl.DataError, match="row labels that are not those of the runs"):
        sl.fit(runs, "chinchilla", weights=weights.reset_index(drop=True))


def test_the_scale_of_the_weights_does_not_matter(runs: pd.DataFrame) -> None:
    """They are relative."""
    one = sl.fit(runs, "chinchilla", weights=np.ones(36))
    small = sl.fit(runs, "chinchilla", weights=np.full(36, 1e-4))

    np.testing.assert_allclose(one.table.iloc[:, :4], small.table.iloc[:, :4], rtol=1e-7)
    assert one.delta == pytest.approx(small.delta, rel=1e-9)


def test_one_run_in_another_unit_is_mentioned(runs: pd.DataFrame) -> None:
    """By row."""
    odd = runs.copy()
    odd.loc["r7", "N"] /= 1e6
    with pytest.warns(sl.DataWarning, match="'N' of row r7 is more than 1000 times apart"):
        sl.fit(odd, "power")


@pytest.mark.parametrize("value", [-1.0, 0.0, np.nan, np.inf, "-7B"])
def test_impossible_predictions(runs: pd.DataFrame, value: float | str) -> None:
    """As a number, as text or in a frame."""
    fit = sl.fit(runs, "chinchilla")
    with pytest.raises(ValueError, match="N must be positive and finite"):
        fit.predict(N=value, D=1e10)
    if not isinstance(value, str):
        with pytest.raises(ValueError, match="N must be positive and finite"):
            fit.predict(pd.DataFrame({"N": [value], "D": [1e10]}))


def test_few_runs_do_not_pretend(runs: pd.DataFrame) -> None:
    """With five runs for four coefficients the intervals are wide, not collapsed."""
    fit = sl.fit(runs.iloc[[0, 8, 15, 21, 28]], "kaplan")

    errors = fit.table["std_error"].dropna()
    assert (errors > 1e-3 * fit.params[errors.index].abs()).all()
    exponents = fit.table.loc[["alpha_N", "alpha_D"]]
    assert (exponents["high"] - exponents["low"] > 24 * exponents["std_error"]).all()  # t(1)


def test_an_exponent_that_runs_away_is_held(runs: pd.DataFrame) -> None:
    """A term that only the smallest run sees is no law: nothing is infinite, and it is said."""
    rng = np.random.default_rng(3)
    n, d = 10 ** rng.uniform(7, 10, 40), 10 ** rng.uniform(8.5, 11.5, 40)
    loss = (1.7 + 410 / d**0.28) * np.exp(0.01 * rng.standard_normal(40))

    with pytest.warns(sl.ScalingLawWarning):
        fit = sl.fit(pd.DataFrame({"N": n, "D": d, "loss": loss}), "chinchilla")

    assert np.isfinite(fit.params.drop(["alpha", "A"])).all()
    assert np.isfinite(fit.residuals).all()
    assert np.isfinite(fit.predict(N=n.min(), D=1e10).estimate)
