"""Tables of many blocks: the same answers as one block, whatever the order, in little memory."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import scalinglaws as sl
from scalinglaws.fitting.solver.build_model import bind
from scalinglaws.fitting.solver.newton import minimise
from scalinglaws.fitting.solver.objective import Loss, weighted_median
from scalinglaws.fitting.tables import chunks
from scalinglaws.fitting.tables.chunks import places_where, row_blocks, spread_rows, summed
from scalinglaws.fitting.tables.related_rows import exact_copies, sets_of_repeats
from scalinglaws.fitting.tables.runs import read_table
from scalinglaws.fitting.tables.units import _has_wrapped


def _table(n: int, seed: int = 0, *, floor: float = 1.69, noise: float = 0.01) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    params = np.exp(rng.uniform(np.log(1e7), np.log(1e10), n))
    tokens = np.exp(rng.uniform(np.log(1e9), np.log(1e12), n))
    curve = floor + 406.4 / params**0.34 + 410.7 / tokens**0.28
    loss = curve * np.exp(noise * rng.standard_normal(n))
    return pd.DataFrame({"N": params, "D": tokens, "loss": loss})


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every table of more than 2,500 runs is a large one."""
    monkeypatch.setattr(chunks, "_ONE_BLOCK", 2500)
    monkeypatch.setattr(chunks, "_ROWS", 700)


@pytest.fixture(scope="module")
def fitted() -> tuple[pd.DataFrame, sl.Fit]:
    runs = _table(200_000)
    return runs, sl.fit(runs, "chinchilla")


# --- blocks --------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 65_536, 65_537, 100_000])
def test_blocks_cover_every_row_once(n: int) -> None:
    rows = np.concatenate([np.arange(n)[part] for part in row_blocks(n)])

    np.testing.assert_array_equal(rows, np.arange(n))
    assert summed(n, lambda part: part.stop - part.start) == n
    np.testing.assert_array_equal(
        places_where(n, lambda part: np.arange(n)[part] % 7 == 3), np.arange(3, n, 7)
    )
    assert len(spread_rows(n, 1000)) == min(n, 1000)


# --- the same answers ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("law", "options"),
    [
        ("chinchilla", {}),
        ("chinchilla", {"delta": 5e-3}),
        ("chinchilla", {"objective": "squared"}),
        ("chinchilla", {"objective": "squared", "scale": "level"}),
        ("chinchilla", {"weights": "w"}),
        ("chinchilla", {"fixed": {"alpha": 0.34}}),
        ("chinchilla", {"bounds": {"alpha": (0.0, 0.3)}}),
        ("power", {}),
        ("power", {"weights": "w"}),
        ("power-floor", {}),
        ("kaplan", {"objective": "squared"}),
        ("loss ~ E + A/(N + 3e6)**alpha", {"objective": "squared"}),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore::scalinglaws.ScalingLawWarning")
def test_many_blocks_and_one_say_the_same(
    law: str, options: dict[str, object], request: pytest.FixtureRequest
) -> None:
    """Values, errors, condition and verdicts, for every objective."""
    runs = _table(4000).assign(w=np.random.default_rng(1).uniform(0.1, 3.0, 4000))
    one = sl.fit(runs, law, **options)  # type: ignore[arg-type]
    request.getfixturevalue("small_blocks")
    if one.delta is not None and "delta" not in options:
        automatic = sl.fit(runs, law, **options)  # type: ignore[arg-type]
        # measured at a slightly other threshold
        assert automatic.delta == pytest.approx(one.delta, rel=0.01)
        options = {**options, "delta": one.delta}

    many = sl.fit(runs, law, **options)  # type: ignore[arg-type]

    assert many.objective_value == pytest.approx(one.objective_value, rel=1e-12)
    np.testing.assert_allclose(many.params, one.params, rtol=1e-7)
    np.testing.assert_allclose(many.table["std_error"], one.table["std_error"], rtol=1e-6)
    assert many.local.condition == pytest.approx(one.local.condition, rel=1e-6)
    assert [v.status for v in many.verdicts] == [v.status for v in one.verdicts]
    assert many.summary().splitlines()[:2] == one.summary().splitlines()[:2]
    np.testing.assert_allclose(many.residuals, one.residuals, atol=1e-9)


@pytest.mark.parametrize("weights", [None, "w"])
def test_absolute_deviations_end_at_the_same_vertex(
    weights: str | None, request: pytest.FixtureRequest
) -> None:
    """The linear program over the runs near zero is that over all runs."""
    runs = _table(4500).assign(w=np.random.default_rng(1).uniform(0.1, 3.0, 4500))
    one = sl.fit(runs, "chinchilla", objective="absolute", weights=weights)
    request.getfixturevalue("small_blocks")

    many = sl.fit(runs, "chinchilla", objective="absolute", weights=weights)

    assert many.status.good
    assert many.objective_value == pytest.approx(one.objective_value, rel=1e-12)
    np.testing.assert_allclose(many.params, one.params, rtol=1e-7)
    # a sandwich against 128 resamples
    np.testing.assert_allclose(many.table["std_error"], one.table["std_error"], rtol=0.35)


def test_one_ratio_of_tokens_to_parameters_is_seen(small_blocks: None) -> None:
    """Two terms that cannot be told apart: both ways of dividing the law are found."""
    runs = _table(4000)
    runs["D"] = 20 * runs["N"]
    runs["loss"] = 1.69 + 406.4 / runs["N"] ** 0.34 + 410.7 / runs["D"] ** 0.28
    runs["loss"] *= np.exp(0.01 * np.random.default_rng(0).standard_normal(len(runs)))

    with pytest.warns(sl.IdentifiabilityWarning, match="one ratio of .* 1 other fit of these"):
        fit = sl.fit(runs, "chinchilla")

    assert fit.status is sl.Status.NOT_IDENTIFIED


def test_compute_that_is_6nd_is_seen(small_blocks: None) -> None:
    """Three exponents of which two can be told."""
    runs = _table(4000)
    runs["C"] = 6 * runs["N"] * runs["D"]
    with pytest.warns(sl.IdentifiabilityWarning, match=r"only .* can"):
        fit = sl.fit(runs, "power")

    assert fit.status is sl.Status.NOT_IDENTIFIED


@pytest.mark.parametrize("noise", [0.0, 0.01])
def test_a_floor_of_zero_is_at_its_bound(noise: float) -> None:
    runs = _table(100_000, floor=0.0, noise=noise)

    with pytest.warns(sl.IdentifiabilityWarning, match="E"):
        fit = sl.fit(runs, "chinchilla")

    # one half of the samples has a small positive floor, and says that it is not known
    assert fit.values["E"] < 1e-2 * runs["loss"].min()


def test_a_floor_that_a_sample_does_not_see() -> None:
    """Two standard errors of the whole table: nothing in the sample that is searched."""
    runs = _table(200_000, floor=0.01, noise=0.05)

    fit = sl.fit(runs, "chinchilla", objective="squared")

    row = fit.table.loc["E"]
    assert row["low"] <= 0.01 <= row["high"]


# --- certainty -----------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["shuffled", "by loss", "by N"])
def test_no_order_of_the_rows_matters(fitted: tuple[pd.DataFrame, sl.Fit], order: str) -> None:
    runs, fit = fitted
    if order == "shuffled":
        turned = runs.sample(frac=1.0, random_state=1)
    else:
        turned = runs.sort_values("loss" if order == "by loss" else "N")

    other = sl.fit(turned, "chinchilla")

    np.testing.assert_allclose(other.params, fit.params, rtol=1e-10)
    np.testing.assert_allclose(other.table["std_error"], fit.table["std_error"], rtol=1e-10)
    assert other.delta == pytest.approx(fit.delta, rel=1e-10)
    assert other.objective_value == pytest.approx(fit.objective_value, rel=1e-11)


@pytest.mark.parametrize("delta", ["auto", 1e-3])
def test_nothing_is_left_to_gain_on_the_whole_table(delta: float | str) -> None:
    """A full-table solve from the answer does not end lower."""
    runs = _table(150_000)
    fit = sl.fit(runs, "chinchilla", delta=delta)  # type: ignore[arg-type]
    model = bind(fit.law, fit.runs.values, fit.runs.y, "log")
    n = len(fit.theta)

    again = minimise(
        model, Loss("huber", fit.delta or 0.0), fit.theta[None, :], np.ones((1, len(runs))),
        np.ones((1, n), dtype=np.bool_), np.full(n, -600.0), np.full(n, 600.0),
        amplitude=np.zeros(n, dtype=np.bool_),
    )  # fmt: skip

    assert fit.evidence.decrement < 1e-14
    assert fit.objective_value == pytest.approx(again.value[0], rel=1e-12)
    np.testing.assert_allclose(fit.theta, again.theta[0], rtol=1e-9)


def test_the_threshold_is_that_of_the_residuals(fitted: tuple[pd.DataFrame, sl.Fit]) -> None:
    """1.345 times the robust scale, which hardly depends on the threshold it is measured at."""
    _, fit = fitted
    scale = np.median(np.abs(fit.residuals)) / 0.6744897501960817

    assert fit.delta == pytest.approx(1.345 * scale, rel=1e-3)
    assert fit.status.good


def test_runs_without_weight_do_not_count() -> None:
    """Nine rows of ten are nonsense without weight, and no sample is drawn from them."""
    runs = _table(150_000)
    weights = (np.arange(len(runs)) % 10 == 0).astype(float)
    runs.loc[weights == 0, "loss"] = 7.0

    fit = sl.fit(runs, "chinchilla", weights=weights, delta=0.01)

    part = sl.fit(runs[weights > 0], "chinchilla", delta=0.01)
    np.testing.assert_allclose(fit.params, part.params, rtol=1e-9)
    np.testing.assert_allclose(fit.table["std_error"], part.table["std_error"], rtol=1e-5)


# --- the table -----------------------------------------------------------------------------------


def test_a_large_table_is_not_copied(fitted: tuple[pd.DataFrame, sl.Fit]) -> None:
    runs, fit = fitted

    assert np.shares_memory(fit.runs.y, runs["loss"].to_numpy())
    assert np.shares_memory(fit.runs.values["N"], runs["N"].to_numpy())
    assert fit.runs.weights.strides == (0,)
    copied = sl.fit(runs[:200], "chinchilla")
    assert not np.shares_memory(copied.runs.y, runs["loss"].to_numpy())


def test_reading_takes_little_memory() -> None:
    """One hash a row, and masks."""
    runs = _table(400_000)
    law = sl.fit(runs[:200], "chinchilla").law
    tracemalloc.start()
    read_table(
        runs, law, y=None, columns={}, weights=None, missing="raise", scale="log", units="check"
    )
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 20 * len(runs)


def test_the_digest_does_not_depend_on_the_layout(fitted: tuple[pd.DataFrame, sl.Fit]) -> None:
    _, fit = fitted
    strided = sl.fit(fit.runs.frame(), "chinchilla", weights=np.ones(fit.n)).runs

    assert strided.digest == fit.runs.digest


def test_repeats_in_a_large_table() -> None:
    """Copies are named; runs that differ in the seed alone are sets, those with other data not."""
    runs = _table(100_000).assign(seed=0, data="web")
    copies = runs.iloc[[5, 70_000]]
    others = runs.iloc[:1000].assign(data="code")
    seeds = runs.iloc[1000:3000].assign(seed=1)
    seeds["loss"] *= 1.001
    whole = pd.concat([runs, copies, others, seeds], ignore_index=True)
    whole.loc[102_000:, "loss"] *= 1.0005

    # the seeds agree better than the runs with the law
    lack = pytest.warns(sl.LackOfFitWarning, match="repeated runs by 0.09 %")
    with (
        lack,
        pytest.warns(sl.DataWarning, match=r"1,00\d runs repeat .*rows? 100000, 100001, 100002"),
    ):
        fit = sl.fit(whole, "chinchilla")

    numbers = fit.runs.repeats
    assert numbers[5] == numbers[100_000]
    assert (numbers[1000:3000] == numbers[101_002:]).all()
    assert not (numbers[:1000] == numbers[100_002:101_002]).any()


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2), st.sampled_from("xy")), min_size=2))
@settings(max_examples=60, deadline=None)
def test_sets_of_repeats_are_those_of_a_groupby(rows: list[tuple[int, int, str]]) -> None:
    frame = pd.DataFrame(rows, columns=["N", "D", "kind"]).assign(loss=np.arange(len(rows)) + 1.0)
    values = {v: frame[v].to_numpy(dtype=np.float64) for v in ("N", "D")}
    found = sets_of_repeats(frame, values, ["N", "D", "loss"])
    keys = ["N", "D"] + (["kind"] if frame["kind"].nunique() <= len(frame) / 2 else [])
    expected = frame.groupby(keys).ngroup().to_numpy()

    if len(found):
        pairs = pd.DataFrame({"a": found, "b": expected}).drop_duplicates()
        assert pairs["a"].is_unique
        assert pairs["b"].is_unique
    else:
        assert len(np.unique(expected)) == len(expected)
    copies = frame.duplicated(["N", "D", "kind"])
    np.testing.assert_array_equal(
        exact_copies([values["N"], values["D"], frame["kind"]]), np.flatnonzero(copies)
    )


@given(st.data())
@settings(max_examples=50, deadline=None)
def test_weighted_median(data: st.DataObject) -> None:
    """Half of the weight is on either side."""
    n = data.draw(st.integers(1, 30))
    values = np.array(data.draw(st.lists(st.floats(0, 1e6), min_size=n, max_size=n)))
    weights = np.array(data.draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)), float)
    weights[0] += 1.0
    repeated = np.repeat(values, weights.astype(int))

    assert weighted_median(values.copy(), weights) == pytest.approx(np.median(repeated), rel=1e-15)


def test_weighted_median_of_many_values() -> None:
    """Found inside a bracket from a sample, also where the sample is misled."""
    rng = np.random.default_rng(0)
    for values in (rng.random(250_000), np.sort(rng.random(250_000)), np.zeros(250_000)):
        weights = rng.integers(1, 4, len(values)).astype(np.float64)
        expected = np.median(np.repeat(values, weights.astype(int)))
        assert weighted_median(values.copy(), weights) == expected
    values, weights = rng.random(250_000), np.ones(250_000)
    weights[spread_rows(250_000, 20_000)] = 1e-9
    inside = np.sort(values[weights == 1.0])
    assert weighted_median(values.copy(), weights) == pytest.approx(np.median(inside), rel=1e-5)


def test_wrapped_integers_are_seen_at_once() -> None:
    """Products that overflowed 64 or 32 bits, and none of those that did not."""
    rng = np.random.default_rng(0)
    n, d = rng.integers(10**6, 10**11, 2000), rng.integers(10**9, 10**13, 2000)
    true = 6.0 * n * d
    for bits in (np.int64, np.int32):
        with np.errstate(over="ignore"):
            wrapped = (6 * n * d).astype(bits).astype(np.float64)
        found = _has_wrapped(n.astype(float), d.astype(float), wrapped)
        assert found[true > 2.0**66].all()
        assert not _has_wrapped(n.astype(float), d.astype(float), true).any()


def test_blocks_seen_once_are_those_seen_often(small_blocks: None) -> None:
    """Objective, gradient, Hessian and Jacobian of a batch, without tables of products."""
    runs = _table(4000)
    law = sl.fit(runs[:200], "chinchilla").law
    columns = {name: runs[name].to_numpy() for name in ("N", "D")}
    many = bind(law, columns, runs["loss"].to_numpy(), "log")
    theta = np.log([[1.7, 400.0, 1.4, 410.0, 1.3], [1.5, 300.0, 1.3, 500.0, 1.4]])
    weights = np.ones((1, len(runs)))
    sums = [many.sums(theta, weights, Loss("huber", 0.02), majorise=m) for m in (False, True)]
    blocks_of = [block.at(theta).gradients() for _, block in many.blocks()]
    chunks._ONE_BLOCK = len(runs)
    one = bind(law, columns, runs["loss"].to_numpy(), "log")

    for majorise in (False, True):
        expected = one.sums(theta, weights, Loss("huber", 0.02), majorise=majorise)
        for name in ("value", "gradient", "hessian"):
            found, wanted = getattr(sums[majorise], name), getattr(expected, name)
            np.testing.assert_allclose(found, wanted, rtol=1e-11, atol=1e-11 * np.abs(wanted).max())
    for b in range(2):
        jacobian = np.concatenate([part[b] for part in blocks_of])
        np.testing.assert_allclose(jacobian, one.jacobian(theta[b]), rtol=1e-13)


def test_the_summary_says_that_the_search_saw_a_sample(fitted: tuple[pd.DataFrame, sl.Fit]) -> None:
    _, fit = fitted

    assert "starts on a sample of the runs" in " ".join(fit.summary().split())
    assert "starts on a sample of the runs" in fit._repr_html_()
    beyond = fit.predict(N=1e10, D=1e12).times_beyond
    assert beyond == pytest.approx(1e22 / (fit.runs.values["N"] * fit.runs.values["D"]).max())
