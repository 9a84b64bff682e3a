"""Tables of runs with something wrong, the laws fitted to them, and options."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import scalinglaws as sl
from benchmarks.fuzz.trial import TEXTS, VALUES, Case, choice, scratch_folder
from scalinglaws.plotting.axes import figure_of

Generator = np.random.Generator

_NAMES = tuple(sl.laws)
# Laws of what every table here has.
_USUAL = ("power", "power-floor", "chinchilla", "kaplan", *(
    name for name in sl.laws if set(sl.laws[name].variables) <= {"N", "D", "x", "step"}
))  # fmt: skip
_LINES = (
    "loss ~ E + A/N**alpha", "E[s] + A/N**alpha", "E + A[s]/N**alpha + B/D**beta",
    "a*N**b*D**c", "a**N", "E + log(-N)*A", "((N)**(a/b) + E/D)**b", "(a/N + b/D**c)**d",
    "E + A*exp(-k*N)", "a + b*sin(N/c)", "min(a, b*N)", "a*tanh(b*log(N))", "E*loss + A/N**a",
    "1/(a + b*log10(D))", "a - b", "a*(D + b)**c", "smoothmax(a/N**b, c/D**d, e)", "sqrt(a*N - b)",
    "E + A/(N*D)**a", "share(a*N**b, c)", "E + (A/N)**(B/D)", "N**a**b**c", "exp(exp(a*log(N)))",
)  # fmt: skip
_OPTIONS: dict[str, tuple[Any, ...]] = {
    "method": ("auto", "log-linear", "nls", "ols", 3),
    "objective": ("auto", "squared", "huber", "absolute", "mse", None),
    "delta": ("auto", 1e-3, 1e300, 1e-300, -1, np.nan, "x", True, 10**400),
    "scale": ("log", "level", "linear"),
    "weights": (None, "N", "w", np.ones(3), [1, 2], "missing"),
    "fixed": ({"E": 1.5}, {"E": np.inf}, {"nothing": 1}, {"alpha": "x"}, [1], {3: 4}),
    "bounds": (
        {"E": (0, 2)}, {"E": (2, 1)}, {"alpha": (-1e300, 1e300)}, [("E", 0, 1)], {"E": 3},
        {"E": (0, np.nan)}, {"alpha": (0.3, 0.3 + 1e-15)},
    ),
    "start": ({"E": 1.0, "A": 1e3, "alpha": 0.3}, {"E": np.nan}, {"x": 1}, 3),
    "tied": ({"beta": "alpha"}, {"beta": "beta"}, {"E": "1/0"}, "beta", {"alpha": "2*x +"}),
    "groups": ({"E": "s"}, {"E": "missing"}, {"E": ["s"]}, {"x": "s"}, {"E": "N"}),
    "clusters": ("auto", None, "s", "run", "missing", 3),
    "missing": ("raise", "drop", "omit"),
    "units": ("check", "trust", "no"),
    "confidence_level": (0.9, 0.5, 1e-300, 95, np.nan, None, "x"),
    "y": ("loss", "N", "missing", 3, None),
    "columns": ({"N": "N"}, {"N": "missing"}, {"M": "N"}, {"N": "loss"}, "N", {"N": 3}),
}  # fmt: skip


def case(rng: Generator) -> Case:
    """A table, a law and options."""
    table, what = damaged(rng)
    law = choice(rng, _LINES)
    if rng.random() < 0.6:
        law = choice(rng, _NAMES if rng.random() < 0.3 else _USUAL)
    options = {
        name: choice(rng, values) for name, values in _OPTIONS.items() if rng.random() < 0.04
    }
    if rng.random() < 0.1:
        return Case(f"fit_each {what} {law} {options}", lambda: _each(table, law, options))
    if rng.random() < 0.08:
        return Case(f"forecast {what}", lambda: _foresee(table))
    more = choice(rng, tuple(_MORE)) if rng.random() < 0.3 else "look"
    return Case(
        f"fit and {more} {what} {law} {options}",
        lambda: _MORE[more](_looked_at(sl.fit(table, law, **options))),
    )


def _foresee(table: Any) -> None:
    forecast = sl.forecast(table)
    repr(forecast), forecast._repr_html_(), forecast.predict(N=1e10, D=1e12)


def _each(table: Any, law: str, options: dict[str, Any]) -> None:
    fits = sl.fit_each(table, law, by="s", **options)
    repr(fits), fits._repr_html_(), fits.table, fits.failed, fits.status


def _looked_at(fit: sl.Fit) -> sl.Fit:
    """What every user looks at; the file of a fit is read again."""
    fit.summary(), fit._repr_html_(), fit.table, fit.identified, fit.residuals, fit.dropped
    fit.predict(fit.runs.frame())
    path = scratch_folder() / "fit.json"
    fit.save(path)
    try:
        loaded = sl.load(path)
    except sl.FileFormatError as error:
        raise AssertionError(f"a file of the library's own: {error}") from error
    assert isinstance(loaded, sl.Fit)
    assert loaded.params.equals(fit.params)
    return fit


def _drawn(fit: sl.Fit) -> None:
    for ax in (fit.plot(), fit.plot_residuals()):
        figure_of(ax).savefig(io.BytesIO(), format="svg")
    plt.close("all")


_MORE: dict[str, Callable[[sl.Fit], object]] = {
    "look": repr,
    "draw": _drawn,
    "resample": lambda fit: fit.bootstrap(20, rng=0),
    "sample": lambda fit: fit.draws(20),
    "profile": lambda fit: fit.profile(fit.law.parameter_names[0], n_points=5),
    "plan": lambda fit: sl.optimal(fit, C=1e21),
    "intervals": lambda fit: fit.intervals(confidence_level=0.5),
}


def good(rng: Generator, n: int) -> pd.DataFrame:
    """Runs of a law, with a few more columns."""
    size: Any = (
        10 ** rng.uniform(6, 10, n) if rng.random() < 0.7 else 10.0 ** rng.integers(6, 11, n)
    )
    tokens = 10 ** rng.uniform(8, 12, n)
    if rng.random() < 0.2:
        tokens = 20 * size
    loss: Any = 1.8 + 480 / size**0.35 + 2100 / tokens**0.37
    loss = loss * np.exp(choice(rng, (0.0, 1e-6, 0.003, 0.05, 0.5)) * rng.standard_normal(n))
    frame = pd.DataFrame({"N": size, "D": tokens, "loss": loss})
    if rng.random() < 0.3:
        frame["C"] = 6 * size * tokens
    frame["s"] = rng.choice(np.array(["c4", "web", "code"]), n)
    if rng.random() < 0.1:
        frame["run"] = rng.integers(0, max(2, n // 4), n)
    for name in ("x", "step", "lr", "accuracy", "error"):
        if rng.random() < 0.3:
            frame[name] = rng.random(n) if name != "step" else np.arange(1.0, n + 1)
    frame["w"] = rng.random(n)
    return frame


def damaged(rng: Generator) -> tuple[Any, str]:
    """A table, and in words what is wrong with it."""
    n = int(choice(rng, (0, 1, 2, 3, 5, 8, 12, 12, 20, 20, 30, 30, 60, 60)))
    frame, words = good(rng, n), [f"n={n}"]
    for _ in range(int(rng.choice([0, 0, 1, 1, 2]))):
        try:
            frame, word = choice(rng, _DAMAGES)(frame, rng)
        except UnicodeEncodeError:  # labels that pandas itself cannot move
            word = "unmoved"
        words.append(word)
    form = rng.random()
    if form < 0.05:
        return frame.to_dict("records"), " ".join([*words, "records"])
    if form < 0.1:
        return frame.to_dict("list"), " ".join([*words, "columns"])
    if form < 0.12:
        odd = choice(rng, (None, 3, "runs.csv", [], {}, [1, 2], {"N": 1}, frame.to_numpy()))
        return odd, f"{type(odd).__name__}"
    return frame, " ".join(words)


def _cell(frame: pd.DataFrame, rng: Generator) -> tuple[pd.DataFrame, str]:
    if frame.empty:
        return frame, "no cell"
    place, value = int(rng.integers(frame.shape[1])), choice(rng, VALUES)
    values = list(frame.iloc[:, place])
    for row in rng.integers(0, len(frame), int(rng.integers(1, 4))):
        values[int(row)] = value
    return _with(frame, place, values), f"{frame.columns[place]!r}={value!r}"


def _column(frame: pd.DataFrame, rng: Generator) -> tuple[pd.DataFrame, str]:
    if frame.empty:
        return frame, "no column"
    place, value = int(rng.integers(min(4, frame.shape[1]))), choice(rng, VALUES)
    return _with(frame, place, [value] * len(frame)), f"all {frame.columns[place]!r}={value!r}"


def _with(frame: pd.DataFrame, place: int, values: list[Any]) -> pd.DataFrame:
    """The frame with one column replaced, whatever it is called."""
    changed = frame.copy()
    column: Any = pd.Series(values, frame.index, object)
    changed.isetitem(place, column)
    return changed


def _is_plain(frame: pd.DataFrame, column: str) -> bool:
    """One column of that name, of floats."""
    return list(frame.columns).count(column) == 1 and frame[column].dtype == np.float64


def _scaled(frame: pd.DataFrame, rng: Generator) -> tuple[pd.DataFrame, str]:
    column = str(choice(rng, ("N", "D", "loss")))
    factor = float(choice(rng, (1e-300, 1e-30, 1e-9, -1.0, 0.0, 1e9, 1e30, 1e290)))
    if not _is_plain(frame, column):
        return frame, "not scaled"
    with np.errstate(all="ignore"):
        values = frame[column] * factor
    if rng.random() < 0.5:
        values = values.where(pd.Series(rng.random(len(frame)) < 0.3, frame.index), frame[column])
    return frame.assign(**{column: values}), f"{column}*{factor:g}"


def _typed(frame: pd.DataFrame, rng: Generator) -> tuple[pd.DataFrame, str]:
    column = str(choice(rng, ("N", "D", "loss", "s")))
    kind: Any = str(
        choice(rng, ("float32", "float16", "Float64", "category", "str", "complex", "bool"))
    )
    if not frame.columns.is_unique:
        return frame, "no type"
    try:
        with np.errstate(all="ignore"):
            return frame.assign(**{column: frame[column].astype(kind)}), f"{column} as {kind}"
    except (KeyError, TypeError, ValueError, OverflowError, NotImplementedError):
        return frame, "no type"


def _renamed(frame: pd.DataFrame, rng: Generator) -> tuple[pd.DataFrame, str]:
    names: list[Any] = list(frame.columns)
    if not names:
        return frame, "no column"
    place = int(rng.integers(len(names)))
    new = choice(rng, (*TEXTS, 3, ("a", "b"), "params", "tokens", "eval_loss", "N", "D", "loss"))
    old, names[place] = names[place], new
    return frame.set_axis(
        pd.Index(names, dtype=object, tupleize_cols=False), axis=1
    ), f"{old!r} called {new!r}"


def _without(frame: pd.DataFrame, rng: Generator) -> tuple[pd.DataFrame, str]:
    place = int(rng.integers(frame.shape[1] or 1))
    keep = [k for k in range(frame.shape[1]) if k != place]
    return frame.iloc[:, keep], f"without column {place}"


def _indexed(frame: pd.DataFrame, rng: Generator) -> tuple[pd.DataFrame, str]:
    n = len(frame)
    kind = str(choice(rng, ("same", "text", "dates", "several", "nan")))
    index = {
        "same": pd.Index([0] * n),
        "text": pd.Index([choice(rng, TEXTS) for _ in range(n)], dtype=object),
        "dates": pd.date_range("2024", periods=n),
        "several": pd.MultiIndex.from_arrays([range(n), range(n)]),
        "nan": pd.Index([np.nan] * n),
    }[kind]
    return frame.set_index(index), f"index {kind}"


def _tied(frame: pd.DataFrame, rng: Generator) -> tuple[pd.DataFrame, str]:
    column = str(choice(rng, ("N", "D", "loss")))
    if not len(frame) or not _is_plain(frame, column):
        return frame, "not tied"
    kind = str(choice(rng, ("constant", "rounded", "doubled", "sorted")))
    if kind == "constant":
        return frame.assign(**{column: frame[column].iloc[0]}), f"{column} constant"
    if kind == "rounded":
        return frame.assign(**{column: frame[column].round(1)}), f"{column} rounded"
    if kind == "sorted":
        return frame.assign(**{column: np.sort(frame[column])}), f"{column} sorted"
    return pd.concat([frame, frame]), "rows twice"


_DAMAGES = (
    _cell, _cell, _column, _scaled, _scaled, _typed, _renamed, _without, _indexed, _indexed, _tied,
    _tied, _tied,
)  # fmt: skip
