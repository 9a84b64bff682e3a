"""Parameters shared by groups of runs, parameters of each group, and tied ones."""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text
from scipy.optimize import least_squares
from scipy.stats import f as f_distribution

import scalinglaws as sl
from scalinglaws.arrays import FloatArray
from scalinglaws.cli import main
from scalinglaws.core.rewriting import index, tie
from scalinglaws.fitting.solver.build_model import bind, bind_general
from scalinglaws.fitting.solver.objective import Loss
from scalinglaws.fitting.tables import chunks as chunks_module
from tests.conftest import make_runs

LEVELS = ("c4", "dclm", "web")
FLOORS = {"c4": 1.7, "dclm": 1.5, "web": 2.1}
SIZES = {"c4": 400.0, "dclm": 300.0, "web": 700.0}
LINE = "loss ~ E[data] + A[data]/N**alpha + B/D**beta"


def make_groups(noise: float = 0.0, seed: int = 0) -> pd.DataFrame:
    """Three data sets with floors and sizes of their own, in mixed order."""
    rng = np.random.default_rng(seed)
    n, d = (g.ravel() for g in np.meshgrid(np.geomspace(1e7, 1e10, 5), np.geomspace(1e9, 1e12, 5)))
    parts = []
    for level in LEVELS:
        loss = FLOORS[level] + SIZES[level] / n**0.34 + 2000.0 / d**0.36
        loss *= np.exp(noise * rng.standard_normal(len(loss)))
        parts.append(pd.DataFrame({"N": n, "D": d, "loss": loss, "data": level}))
    return pd.concat(parts).sample(frac=1.0, random_state=seed).reset_index(drop=True)


def quiet_fit(runs: pd.DataFrame, law: str, **options: object) -> sl.Fit:
    """A fit whose verdict is not the matter."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sl.ScalingLawWarning)
        return sl.fit(runs, law, **options)  # type: ignore[arg-type]


# --- the language and the law ------------------------------------------------------------------


def test_an_index_makes_one_parameter_for_each_level() -> None:
    """Names follow the formula, then the levels; roles and ranges are those of the symbol."""
    law = sl.Law(LINE, levels={"data": LEVELS}, bounds={"E": (0.5, 3.0), "E[web]": (1.0, 4.0)})

    assert law.parameter_names == (
        "E[c4]", "E[dclm]", "E[web]", "A[c4]", "A[dclm]", "A[web]", "alpha", "B", "beta",
    )  # fmt: skip
    assert [p.lower for p in law.parameters[:3]] == [0.5, 0.5, 1.0]
    assert law.variables == ("N", "D")
    assert law.latex.startswith(r"\mathrm{loss} = E_{\mathrm{data}} + \frac{A_{\mathrm{data}}}")
    assert pickle.loads(pickle.dumps(law)).levels == {"data": LEVELS}


def test_derivatives_agree_with_complex_steps() -> None:
    """Gradient and Hessian in all parameters, also in those that other rows have."""
    law = sl.Law("E[data] + A/N**alpha[data]", levels={"data": LEVELS})
    params = dict(zip(law.parameter_names, [2.0, 2.5, 1.0, 90.0, 0.3, 0.4, 0.5], strict=True))
    columns = {"N": np.array([1e3, 2e4, 1e5, 7e3]), "data": ["web", "c4", "web", "dclm"]}
    gradient, hessian = law.gradient(params, columns), law.hessian(params, columns)

    for j, name in enumerate(law.parameter_names):
        shifted = {**params, name: params[name] + 1e-30j}
        np.testing.assert_allclose(
            law.value(shifted, columns).imag / 1e-30, gradient[:, j], rtol=1e-14
        )
        np.testing.assert_allclose(
            law.gradient(shifted, columns).imag / 1e-30, hessian[:, :, j], rtol=1e-13
        )


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("E[data] + E/N**a", r"either E\[data\] or E throughout"),
        ("E[data] + A/N**a + E[seed]", r"either E\[data\] or E\[seed\] throughout"),
        ("E['c4'] + A/N**a", "name of one column"),
        ("E[data, seed] + A/N**a", "name of one column"),
        ("E + A/N[data]**a", "'N' is a variable of the law .* cannot have an index"),
        ("E[N] + A/N**a", "'N' is a variable of the law .* cannot be an index"),
    ],
)
def test_what_cannot_be_indexed(line: str, message: str) -> None:
    """The message shows what to write."""
    with pytest.raises(sl.FormulaError, match=message):
        sl.Law(line)


def test_rewriting_is_what_one_would_type() -> None:
    """Ties and indices are other lines of maths; names are whole words."""
    law = sl.Law("E ~ E + A/N**alpha + B/D**beta + 1.E-3*alpha_E")

    assert index(law, {"E": "data"}).formula == (
        "E ~ E[data] + A/N**alpha + B/D**beta + 1.E-3*alpha_E"
    )
    assert tie(law, {"beta": "2*alpha", "A": "B"}).formula == (
        "E ~ E + B/N**alpha + B/D**(2*alpha) + 1.E-3*alpha_E"
    )
    grouped = index(law, {"alpha": "data", "beta": "data"})
    assert "D**alpha[data]" in tie(grouped, {"beta": "alpha"}).formula


# --- one model ---------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [bind, bind_general])
@pytest.mark.parametrize("one_block", [100_000, 20])
def test_sums_are_those_of_the_law_with_indicators(
    make: object, one_block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Value, gradient and Hessian, from rows in any order, at once or in blocks of rows."""
    monkeypatch.setattr(chunks_module, "_ONE_BLOCK", one_block)
    monkeypatch.setattr(chunks_module, "_ROWS", 7)
    runs, rng = make_groups(noise=0.01), np.random.default_rng(1)
    law = sl.Law(LINE, levels={"data": LEVELS})
    terms = " + ".join(f"i_{x}*(E_{x} + A_{x}/N**alpha)" for x in LEVELS)
    flags = {f"i_{x}": np.asarray(runs["data"] == x, dtype=float) for x in LEVELS}
    whole = sl.Law(f"loss ~ {terms} + B/D**beta", variables=["N", "D", *flags])
    order = [
        whole.parameter_names.index(n.replace("[", "_").replace("]", ""))
        for n in law.parameter_names
    ]
    columns = {"N": runs["N"].to_numpy(), "D": runs["D"].to_numpy(), **flags}
    natural = np.array([1.7, 1.5, 2.1, 400, 300, 700, 0.34, 2000, 0.36])
    theta = np.where(natural < 1, natural, np.log(natural)) + 0.01 * rng.standard_normal((3, 9))
    weights, loss = rng.random((3, len(runs))), Loss("huber", 0.02)
    y = runs["loss"].to_numpy()
    model = make(law, {**columns, "data": runs["data"].to_numpy()}, y, "log")  # type: ignore[operator]
    other = bind_general(whole, columns, y, "log")

    mine = model.sums(theta, weights, loss)
    theirs = other.sums(theta[:, np.argsort(order)], weights, loss)

    np.testing.assert_allclose(mine.value, theirs.value, rtol=1e-12)
    np.testing.assert_allclose(mine.gradient, theirs.gradient[:, order], rtol=1e-9, atol=1e-12)
    hessian = theirs.hessian[:, order][:, :, order]
    np.testing.assert_allclose(mine.hessian, hessian, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(
        model.jacobian(theta[0]), other.jacobian(theta[0, np.argsort(order)])[:, order], atol=1e-12
    )


def test_a_coefficient_at_zero_in_one_group_only() -> None:
    """Its logarithm is minus infinity, and no sum becomes undefined by it."""
    runs = make_groups()
    law = sl.Law(LINE, levels={"data": LEVELS})
    columns = {name: runs[name].to_numpy() for name in ("N", "D", "data")}
    theta = np.array([-np.inf, 0.4, 0.7, 6.0, -np.inf, 6.5, 0.34, 7.6, 0.36])

    sums = bind(law, columns, runs["loss"].to_numpy(), "log").sums(
        theta[None], np.ones((1, len(runs))), Loss("squared")
    )

    assert np.isfinite(sums.value[0])
    assert np.isfinite(sums.hessian).all()


# --- fits --------------------------------------------------------------------------------------


def test_exact_recovery() -> None:
    """Without noise every group's parameters come back, from both ways to say it."""
    runs = make_groups()

    line = quiet_fit(runs, LINE)
    named = quiet_fit(runs, "chinchilla", groups={"E": "data", "A": "data"})

    for level in LEVELS:
        assert line.params[f"E[{level}]"] == pytest.approx(FLOORS[level], rel=1e-9)
        assert line.params[f"A[{level}]"] == pytest.approx(SIZES[level], rel=1e-7)
    assert line.params["alpha"] == pytest.approx(0.34, rel=1e-8)
    assert named.law.formula == "loss ~ E[data] + A[data]/N**alpha + B/D**beta"
    pd.testing.assert_series_equal(named.params, line.params)


def test_the_same_as_a_law_with_indicators() -> None:
    """Estimates and intervals, from a different path through the library."""
    runs = make_groups(noise=0.01)
    for level in LEVELS:
        runs[f"i_{level}"] = (runs["data"] == level).astype(float)
    floors = " + ".join(f"E_{x}*i_{x}" for x in LEVELS)

    grouped = quiet_fit(runs, "chinchilla", groups={"E": "data"})
    whole = quiet_fit(runs, f"loss ~ {floors} + A/N**alpha + B/D**beta")

    assert grouped.objective_value == pytest.approx(whole.objective_value, rel=1e-9)
    renamed = whole.table.rename(lambda n: f"{n.replace('_', '[')}]" if "_" in n else n)
    columns = ["estimate", "std_error"]
    pd.testing.assert_frame_equal(
        grouped.table[columns], renamed.loc[grouped.table.index, columns], rtol=1e-4
    )


@pytest.mark.parametrize("objective", ["squared", "absolute"])
def test_groups_that_share_nothing_are_fits_of_their_own(objective: str) -> None:
    """The objective is the sum, and the estimates are the same."""
    runs = make_groups(noise=0.005)
    names = ("E", "A", "alpha", "B", "beta")

    together = quiet_fit(runs, "chinchilla", groups=dict.fromkeys(names, "data"),
                         objective=objective)  # fmt: skip
    alone = {x: quiet_fit(runs[runs["data"] == x], "chinchilla", objective=objective)
             for x in LEVELS}  # fmt: skip

    total = sum(one.objective_value for one in alone.values())
    assert together.objective_value == pytest.approx(total, rel=1e-9)
    for level, one in alone.items():
        for name in names:
            assert together.params[f"{name}[{level}]"] == pytest.approx(one.params[name], rel=1e-4)


def test_a_law_of_one_product_is_fitted_in_closed_form() -> None:
    """Grouped amplitudes of a power law are the dummies of a linear regression."""
    runs = make_groups(noise=0.01)

    fit = quiet_fit(runs, "power", columns={"N": "N", "D": "D"}, groups={"a": "data"})

    dummies = np.stack([runs["data"] == x for x in LEVELS], axis=1).astype(float)
    design = np.column_stack([dummies, np.log(runs["N"]), np.log(runs["D"])])
    expected = np.linalg.lstsq(design, np.log(runs["loss"]), rcond=None)[0]
    assert fit.method == "log-linear"
    np.testing.assert_allclose(np.log(fit.params[:3]), expected[:3], rtol=1e-10)
    np.testing.assert_allclose(fit.params[3:], expected[3:], rtol=1e-9)


def test_neither_the_order_of_the_rows_nor_the_kind_of_the_labels_matters() -> None:
    """Text, numbers, categories with an unused level."""
    runs = make_groups(noise=0.01)
    numbers = runs["data"].map({"c4": 10, "dclm": 2, "web": 30.0})
    kinds = pd.Categorical(runs["data"], categories=["none", "web", "dclm", "c4"])
    groups = {"E": "data"}

    fit = quiet_fit(runs, "chinchilla", groups=groups)
    shuffled = quiet_fit(runs.sample(frac=1.0, random_state=3), "chinchilla", groups=groups)
    numbered = quiet_fit(runs.assign(data=numbers), "chinchilla", groups=groups)
    categorical = quiet_fit(runs.assign(data=kinds), "chinchilla", groups=groups)

    pd.testing.assert_series_equal(fit.params, shuffled.params, rtol=1e-9)
    assert list(numbered.params.index[:3]) == ["E[2]", "E[10]", "E[30]"]
    assert numbered.params["E[10]"] == pytest.approx(fit.params["E[c4]"], rel=1e-9)
    assert numbered.predict(N=1e9, D=1e11, data=10).estimate == pytest.approx(
        fit.predict(N=1e9, D=1e11, data="c4").estimate, rel=1e-9
    )
    pd.testing.assert_series_equal(fit.params, categorical.params)


def test_two_indices_at_once() -> None:
    """A floor for each data set and an amplitude for each optimiser."""
    runs = pd.concat([make_groups().assign(opt="adam"), make_groups(seed=1).assign(opt="muon")])
    factor = np.where(runs["opt"] == "muon", 0.8, 1.0)
    floor, size = runs["data"].map(FLOORS), factor * 400.0
    runs = runs.assign(loss=floor + size / runs["N"] ** 0.3 + 900 / runs["D"] ** 0.3)

    fit = quiet_fit(runs.reset_index(drop=True), "chinchilla", groups={"E": "data", "A": "opt"})

    assert fit.params["A[muon]"] / fit.params["A[adam]"] == pytest.approx(0.8, rel=1e-7)
    assert fit.params["E[web]"] == pytest.approx(FLOORS["web"], rel=1e-8)
    assert fit.predict(N=1e8, D=1e10, data="c4", opt="muon").times_beyond < 1


def _random_table(seed: int) -> pd.DataFrame:
    """Groups whose terms may be missing and whose true exponents may differ."""
    rng = np.random.default_rng(seed)
    shared, parts = np.exp(rng.uniform(np.log(0.05), 0.0, 2)), []
    for level in LEVELS[: rng.integers(2, 4)]:
        k = int(rng.integers(10, 30))
        n, d = 10 ** rng.uniform(7, 9.5, k), 10 ** rng.uniform(9, 11.5, k)
        e, a, b = rng.choice([0.0, 1.0, 2.0]), rng.choice([0.0, 0.3, 1.0]), rng.choice([0.2, 1.0])
        alpha, beta = shared if rng.random() < 0.6 else np.exp(rng.uniform(-3, 0, 2))
        loss = e + a * (n / 1e8) ** -alpha + b * (d / 1e10) ** -beta
        loss *= np.exp(0.01 * rng.standard_normal(k))
        parts.append(pd.DataFrame({"N": n, "D": d, "loss": loss, "data": level}))
    return pd.concat(parts, ignore_index=True)


def _from_random_starts(runs: pd.DataFrame, law: sl.Law, n_starts: int) -> float:
    """Least sum of squares that scipy finds, with coefficients as logarithms."""
    rng = np.random.default_rng(0)
    positive = np.array([p.positive for p in law.parameters])
    places = law.places({"data": runs["data"].to_numpy()})
    n, d, y = (np.log(runs[name].to_numpy()) for name in ("N", "D", "loss"))

    def residuals(theta: FloatArray) -> FloatArray:
        e, a, alpha, b, beta = (theta[places[s]] for s in ("E", "A", "alpha", "B", "beta"))
        terms = np.broadcast_arrays(e, a - alpha * n, b - beta * d)
        return np.logaddexp.reduce(np.stack(terms), axis=0) - y

    best = np.inf
    for _ in range(n_starts):
        start = {"alpha": rng.uniform(0.03, 1.0), "beta": rng.uniform(0.03, 1.0)}
        level = {"E": 0.0, "A": start["alpha"] * n.mean(), "B": start["beta"] * d.mean()}
        theta = [
            start[p.symbol] if p.symbol in start else level[p.symbol] + rng.normal()
            for p in law.parameters
        ]
        lower = np.where(positive, -60.0, 0.0)
        upper = np.where(positive, 60.0, 10.0)
        found = least_squares(residuals, theta, bounds=(lower, upper), xtol=1e-15, ftol=1e-15,
                              gtol=1e-15, max_nfev=300)  # fmt: skip
        best = min(best, 2 * found.cost)
    return best


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(
    "line",
    [
        "loss ~ E[data] + A/N**alpha + B/D**beta",
        "loss ~ E[data] + A[data]/N**alpha + B[data]/D**beta",
    ],
)
def test_no_random_start_finds_a_lower_minimum(seed: int, line: str) -> None:
    """Terms vanish in some of the groups, or the shared exponents are wrong for one."""
    runs = _random_table(seed)

    fit = quiet_fit(runs, line, objective="squared")

    assert fit.objective_value <= _from_random_starts(runs, fit.law, 8) * (1 + 1e-9)
    estimated = fit.table["status"] == "estimated"
    assert (fit.params[estimated] > 1e-9).all()  # what has gone to zero is said to be there


# --- fixed, bounded, started, tied -------------------------------------------------------------


def test_fixed_bounds_and_start_by_symbol_or_by_group() -> None:
    """A symbol stands for every group; a name with a level for one."""
    runs = make_groups(noise=0.01)

    one = quiet_fit(runs, "chinchilla", groups={"E": "data"}, fixed={"E[c4]": 1.75})
    every = quiet_fit(runs, "chinchilla", groups={"E": "data"}, fixed={"E": 1.75, "E[web]": 2.0})
    bounded = quiet_fit(
        runs, "chinchilla", groups={"E": "data"},
        bounds={"E": (1.0, 3.0), "E[web]": (2.5, 3.0)},
        start={"E": 2.0, "A": 400, "alpha": 0.3, "B": 1000, "beta": 0.3},
    )  # fmt: skip

    assert one.table.loc["E[c4]", ["estimate", "status"]].tolist() == [1.75, "fixed"]
    assert one.params["E[dclm]"] == pytest.approx(FLOORS["dclm"], abs=0.2)
    assert every.params[["E[c4]", "E[dclm]", "E[web]"]].tolist() == [1.75, 1.75, 2.0]
    assert bounded.params["E[web]"] == 2.5
    assert bounded.table.loc["E[web]", "status"] == "at its bound, 2.5"


def test_tied_parameters_are_a_smaller_law() -> None:
    """The same as typing the law with one name twice."""
    runs = make_groups(noise=0.01)

    tied = quiet_fit(runs, "chinchilla", groups={"E": "data"}, tied={"beta": "alpha"})
    typed = quiet_fit(runs, "loss ~ E[data] + A/N**alpha + B/D**alpha")
    affine = quiet_fit(runs, "chinchilla", tied={"beta": "2*alpha - 0.3"})

    pd.testing.assert_series_equal(tied.params, typed.params)
    assert "beta" not in affine.params


# --- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"groups": {"E": "nope"}}, "needs nope, and the table has no column for it"),
        ({"groups": {"Q": "data"}}, "'Q', which is no parameter of the law"),
        ({"groups": {"E": "my data"}}, r"columns=\{'group': 'my data'\}"),
        ({"groups": {"E": "loss"}}, "would be both loss and the performance"),
        ({"groups": {"E": "data"}, "fixed": {"E[x]": 1}}, r"parameters are E\[c4\], E\[dclm\]"),
        ({"groups": {"E": "data"}, "bounds": {"E[x]": (0, 1)}}, r"'E\[x\]', which is no parameter"),
        ({"tied": {"beta": "gamma"}}, "'gamma' is no parameter of the law"),
        ({"tied": {"beta": "alpha", "alpha": "beta"}}, "'alpha' is tied itself"),
        ({"tied": {"gamma": "alpha"}}, "'gamma', which is no parameter"),
    ],
)
def test_wrong_arguments(options: dict[str, object], message: str) -> None:
    """The message says which name is wrong and which there are."""
    with pytest.raises(ValueError, match=message):
        sl.fit(make_groups(), "chinchilla", **options)  # type: ignore[arg-type]


def test_groups_are_checked_before_the_fit() -> None:
    """Missing labels, and groups with fewer runs than parameters of their own."""
    runs = make_groups(noise=0.01)
    missing = runs.assign(data=runs["data"].astype(object).where(runs.index > 1, None))
    few = runs[(runs["data"] != "web") | (runs.groupby("data").cumcount() < 2)]
    groups = {"E": "data", "A": "data", "B": "data"}

    with pytest.raises(sl.DataError, match=r"rows 0 \(data is missing\) and 1"):
        sl.fit(missing, "chinchilla", groups=groups)
    with pytest.raises(sl.DataError, match=r"2 runs with data = 'web' .* E\[web\], A\[web\] and B"):
        sl.fit(few, "chinchilla", groups=groups)
    with pytest.warns(sl.DataWarning, match="data is missing"):
        assert sl.fit(missing, "chinchilla", groups=groups, missing="drop").n == len(runs) - 2


def test_an_exponent_that_one_group_cannot_tell() -> None:
    """A group with a single size does not determine its own alpha, and the fit says so."""
    runs = make_groups(noise=0.01)
    runs = runs[(runs["data"] != "web") | (runs["N"] == runs["N"].min())]

    fit = quiet_fit(runs, "chinchilla", groups={"A": "data", "alpha": "data"})

    assert fit.status is sl.Status.NOT_IDENTIFIED
    assert fit.table.loc["alpha[dclm]", "status"] == "estimated"
    with pytest.warns(sl.IdentifiabilityWarning):
        assert fit.predict(N=1e10, D=1e11, data="web").curve_high == np.inf
    assert np.isfinite(fit.predict(N=1e10, D=1e11, data="dclm").curve_high)


# --- predictions, files, words, pictures -----------------------------------------------------


def test_predictions_need_a_known_group() -> None:
    """By keyword, with arrays, and from a table; how far beyond counts from the group's own."""
    runs = make_groups(noise=0.01)
    runs = runs[(runs["data"] != "web") | (runs["N"] < 1e9)]
    fit = quiet_fit(runs, "chinchilla", groups={"E": "data"})
    points = {"N": [1e9, 1e9], "D": 1e11, "data": ["c4", "web"]}

    found = fit.predict(points)

    assert found.estimate[1] - found.estimate[0] == pytest.approx(
        fit.params["E[web]"] - fit.params["E[c4]"], rel=1e-9
    )
    assert found.times_beyond[1] > 4 * found.times_beyond[0]
    frame = fit.predict(runs)
    np.testing.assert_allclose(frame["estimate"], fit.fitted)
    with pytest.raises(ValueError, match=r"needs data.*data is one of c4, dclm and web"):
        fit.predict(N=1e9, D=1e11)
    with pytest.raises(ValueError, match=r"'pile' is no group of this law; the groups are c4"):
        fit.predict(N=1e9, D=1e11, data="pile")


def test_a_saved_fit_comes_back(tmp_path: Path) -> None:
    """Parameters, labels, residuals and predictions, to the last digit."""
    fit = quiet_fit(make_groups(noise=0.01), "chinchilla", groups={"E": "data"})
    fit.save(tmp_path / "fit.json")

    again = sl.load(tmp_path / "fit.json")

    assert again.summary() == fit.summary()
    pd.testing.assert_series_equal(again.residuals, fit.residuals)
    assert again.predict(N=1e9, D=1e11, data="web") == fit.predict(N=1e9, D=1e11, data="web")
    assert "data c4 (25), dclm (25) and web (25)" in " ".join(fit.summary().split())


def test_resampled_fits_keep_the_groups() -> None:
    """The draws scatter as the standard errors say."""
    fit = quiet_fit(make_groups(noise=0.01), "chinchilla", groups={"E": "data"})

    draws = fit.bootstrap(200, rng=0)

    assert list(draws.columns) == list(fit.law.parameter_names)
    ratio = draws["E[web]"].std() / fit.table.loc["E[web]", "std_error"]
    assert 0.6 < ratio < 1.5


def test_the_terminal_knows_groups(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Fit, save, and predict one group."""
    make_groups(noise=0.01).to_csv(tmp_path / "runs.csv", index=False)
    table, saved = str(tmp_path / "runs.csv"), str(tmp_path / "fit.json")
    arguments = ["--law", "chinchilla", "--groups", "E=data", "--tied", "beta=alpha"]

    assert main(["fit", table, *arguments, "--save", saved]) in (0, 3)
    assert "E[data] + A/N**alpha + B/D**alpha" in capsys.readouterr().out
    assert main(["predict", saved, "N=7B", "D=140B", "data=web"]) == 0
    assert main(["predict", saved, "N=7B", "D=140B"]) == 1
    assert "data is one of c4, dclm and web" in capsys.readouterr().err


def test_pictures_name_the_groups() -> None:
    """All groups in colours of their own, or one of them."""
    runs = make_groups(noise=0.01)
    fit = quiet_fit(runs, "chinchilla", groups={"E": "data"})

    every, one = fit.plot(targets=runs.head(4)), fit.plot(group="web")

    texts = " ".join(text.get_text() for text in every.texts)
    assert all(level in texts for level in LEVELS)
    n_points = [sum(len(c.get_offsets()) for c in ax.collections[-1:]) for ax in (one,)]
    assert n_points == [25]
    drawn = fit.plot_residuals().findobj(Text)
    assert set(LEVELS) <= {text.get_text() for text in drawn}
    with pytest.raises(ValueError, match="the groups are c4, dclm and web"):
        fit.plot(group="pile")
    with pytest.raises(ValueError, match="has no groups"):
        quiet_fit(runs, "chinchilla").plot(group="web")


def test_three_corpora_share_their_exponents(data: Path) -> None:
    """Isoflop runs on three corpora: one alpha and beta serve all of them."""
    runs = pd.read_csv(data / "isoflop_marin" / "marin_isoflop.csv").query("kind == 'isoflop'")

    shared = quiet_fit(
        runs, "chinchilla", groups={"E": "series", "A": "series", "B": "series"},
        objective="squared",
    )  # fmt: skip

    assert shared.status is sl.Status.CONVERGED
    alone = [quiet_fit(own, "chinchilla", objective="squared") for _, own in runs.groupby("series")]
    total = sum(one.objective_value for one in alone)
    dof = len(runs) - 15
    ratio = (shared.objective_value - total) / 4 / (total / dof)
    assert ratio > 0
    assert f_distribution.sf(ratio, 4, dof) > 0.05
    spread = [one.table.loc["alpha", "std_error"] for one in alone]
    assert shared.table.loc["alpha", "std_error"] < 0.75 * min(spread)


def test_a_plan_is_for_one_group() -> None:
    """And the message says how to get one."""
    runs = pd.concat([make_runs(noise=0.01, seed=k).assign(data=f"d{k}") for k in range(2)])
    fit = sl.fit(runs, "loss ~ E[data] + A/N**alpha + B/D**beta")
    with pytest.raises(ValueError, match="Say which group is meant: data='d0'"):
        sl.optimal(fit, C=1e22)
