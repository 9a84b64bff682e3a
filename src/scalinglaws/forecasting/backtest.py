"""backtest(): the larger runs predicted from the smaller ones, and what they reached."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from scalinglaws.arrays import BoolArray, FloatArray
from scalinglaws.display import Card, Column, Displayed, Table
from scalinglaws.errors import DataError, ScalingLawError
from scalinglaws.fitting.chain import Chain
from scalinglaws.fitting.fit import fit
from scalinglaws.fitting.published import Published
from scalinglaws.fitting.result import Fit
from scalinglaws.fitting.solver.linear_solve import why_not_log_linear
from scalinglaws.fitting.tables.points import to_values
from scalinglaws.fitting.tables.runs import RunTable
from scalinglaws.forecasting.chained_forecast import ChainedForecast
from scalinglaws.forecasting.forecast import Forecast, from_rows
from scalinglaws.forecasting.run_rows import check_design, compute_of
from scalinglaws.numerals import format_level, format_percent, format_plain, format_variable, plural
from scalinglaws.options import check_level, check_option

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Variable = Literal["C", "N", "D"]
# What is known at the default cuts: up to these fractions of the largest run.
_FRACTIONS = (1 / 2, 1 / 5, 1 / 12, 1 / 30)
FEWEST = 9  # runs that a default cut leaves
_BEYOND = 1.3  # hidden runs are at least so many times the largest that is known


@dataclass(frozen=True, eq=False, repr=False)
class Backtest(Displayed):
    """Hidden larger runs, and their predictions from the smaller ones.

    Attributes
    ----------
    frame : DataFrame
        One row per cut and hidden run: ``cut``, the largest known value of the variable; ``run``,
        the label; ``times_beyond``, the extrapolation factor; ``reached``, the measured metric;
        ``estimate``; ``low`` and ``high``, the prediction interval; ``inside``, whether the
        interval contains the measured metric.
    label : str
        "forecast", or the name of the law.
    target : str
        Column of the metric.
    by : str
        The variable by which runs were hidden.
    n_known : dict of float to int
        Number of known runs at each cut.
    confidence_level : float
        Level of the intervals.
    skipped : tuple of str
        Cuts that could not be made, with the reason.
    """

    frame: pd.DataFrame
    label: str
    target: str
    by: str
    n_known: dict[float, int]
    confidence_level: float
    skipped: tuple[str, ...] = ()

    @property
    def summary(self) -> pd.DataFrame:
        """One row per cut: known and hidden runs, mean error, bias and share inside.

        ``error`` and ``bias`` are the mean absolute and the mean error of the logarithm of the
        metric. ``inside`` is the share of hidden runs inside their intervals, and ``farthest`` the
        largest extrapolation factor.
        """
        rows = {cut: _scores(group) for cut, group in self.frame.groupby("cut", sort=False)}
        found = pd.DataFrame.from_dict(rows, orient="index").rename_axis("cut")
        found.insert(0, "known", [self.n_known[float(str(cut))] for cut in found.index])
        return found

    @property
    def overall(self) -> pd.Series:
        """The scores of `summary` over all cuts together, which share runs."""
        return pd.Series(_scores(self.frame))

    def plot(self, *, ax: Axes | None = None, title: bool | str | None = None) -> Axes:
        """Draw the errors of each cut with their prediction intervals.

        Parameters
        ----------
        ax : Axes, optional
            Axes to draw in; by default those of a new figure.
        title : bool or str, optional
            Sentence above the picture; by default the result, on a new figure.

        Returns
        -------
        Axes
        """
        from scalinglaws.plotting.comparisons import plot_backtest

        return plot_backtest(self, ax=ax, title=title)

    def _card(self) -> Card:
        return _card(self)


def backtest(
    model: Fit | Forecast,
    *,
    by: Variable = "C",
    cuts: Sequence[float | str] | None = None,
    confidence_level: float | None = None,
) -> Backtest:
    """Hide the larger runs, predict them from the smaller ones, and compare.

    Parameters
    ----------
    model : Fit or Forecast
        Refitted to the runs up to each cut, with the same options.
    by : {"C", "N", "D"}
        The variable by which runs are hidden; C is 6ND where the table has none.
    cuts : sequence of float or str, optional
        Largest values of the variable that are known. By default a half, a fifth, a twelfth and a
        thirtieth of the largest, where 9 runs are left.
    confidence_level : float, optional
        Level of the intervals; that of the model by default.

    Returns
    -------
    Backtest
        Predictions and errors of the hidden runs, with a summary of each cut.

    Raises
    ------
    DataError
        If no cut leaves enough runs, or the table has no such variable.

    Notes
    -----
    A back-test cannot detect a change of recipe between the largest run and the next one. Cuts
    share runs, so their errors are not independent. Two or three cuts are too few to select a law.

    Examples
    --------
    >>> import scalinglaws as sl
    >>> runs = sl.datasets.ladder()
    >>> found = sl.backtest(sl.forecast(runs[runs["D"] > 1.5e6]))
    >>> list(found.summary.columns)
    ['known', 'hidden', 'farthest', 'error', 'bias', 'inside']
    """
    if not isinstance(model, Fit | Forecast):
        raise TypeError(
            f"`model` must be a Fit or a Forecast; got {type(model).__name__}{_instead(model)}."
        )
    check_option("by", by, ("C", "N", "D"))
    level = model.confidence_level if confidence_level is None else confidence_level
    check_level(level)
    table, again = _repeatable(model, level)
    sizes = _sizes(model, table, by)
    label = model.law.label if isinstance(model, Fit) else "forecast"
    rows: list[pd.DataFrame] = []
    known: dict[float, int] = {}
    skipped: list[str] = []
    for cut in _cuts(sizes, by, cuts):
        keep = sizes <= cut
        hide = sizes > _BEYOND * cut
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = again(keep, hide)
        except ScalingLawError as error:
            skipped.append(f"{by} up to {format_variable(by, cut)}: {error}")
            continue
        known[cut] = int(keep.sum())
        found.insert(0, "cut", cut)
        found.insert(2, "times_beyond", sizes[hide] / cut)
        rows.append(found)
    if not rows:
        reasons = f" {' '.join(skipped)}" if skipped else ""
        raise DataError(
            f"No cut by {by} leaves {FEWEST} runs and hides a larger one.{reasons} Pass `cuts`, "
            "such as cuts=[1e20], or another `by`."
        )
    frame = pd.concat(rows, ignore_index=True)
    return Backtest(frame, label, table.target, by, known, level, tuple(skipped))


def _instead(model: object) -> str:
    """What to back-test in place of something that has no runs to hide, or several parts."""
    if isinstance(model, Published):
        return ", which comes without runs"
    if isinstance(model, Chain):
        return ": back-test each of its `fits`"
    if isinstance(model, ChainedForecast):
        return ": back-test its `loss`"
    if isinstance(model, Mapping):
        return ": back-test each of them"
    return ""


def _scores(group: pd.DataFrame) -> dict[str, float]:
    with np.errstate(divide="ignore", invalid="ignore"):  # an estimate too small, or not positive
        miss = np.log(group["estimate"].to_numpy()) - np.log(group["reached"].to_numpy())
    return {
        "hidden": len(group),
        "farthest": float(group["times_beyond"].max()),
        "error": float(np.abs(miss).mean()),
        "bias": float(miss.mean()),
        "inside": float(group["inside"].mean()),
    }


# --- cuts ------------------------------------------------------------------------------------


def _sizes(model: Fit | Forecast, table: RunTable, by: str) -> FloatArray:
    """The variable of each run."""
    if isinstance(model, Forecast):
        return {"N": model.rows.N, "D": model.rows.D, "C": model.rows.C}[by]
    values = table.values
    if by in values:
        return values[by]
    if by == "C" and {"N", "D"} <= set(values):
        return compute_of(table)
    raise DataError(f"The fit has no {by}, only {', '.join(values)}: pass one of these as `by`.")


def _cuts(sizes: FloatArray, by: str, given: Sequence[float | str] | None) -> list[float]:
    """The largest known value at each cut, the highest first; every cut keeps other runs."""
    if given is not None:
        asked = np.ravel(to_values(by, list(np.atleast_1d(np.asarray(given, object)))))
        fewest = 1
    else:
        asked, fewest = sizes.max() * np.array(_FRACTIONS), FEWEST
    found = []
    for most in asked:
        keep = sizes <= most * (1 + 1e-9)
        if keep.sum() < fewest:
            continue
        largest = float(sizes[keep].max())
        if largest not in found and (sizes > _BEYOND * largest).any():
            found.append(largest)
    return sorted(found, reverse=True)


# --- the model again -------------------------------------------------------------------------


def _repeatable(
    model: Fit | Forecast, level: float
) -> tuple[RunTable, Callable[[BoolArray, BoolArray], pd.DataFrame]]:
    """The runs, and a function from those known and hidden to predictions of the hidden."""
    if isinstance(model, Forecast):
        return model.rows.table, partial(_forecast_again, model, level)
    return model.runs, partial(_fit_again, model, level)


def _forecast_again(
    model: Forecast, level: float, keep: BoolArray, hide: BoolArray
) -> pd.DataFrame:
    rows = model.rows
    check_design(rows.table, rows.places[keep], rows.C[keep])
    forecast = from_rows(rows.without(~keep), level)
    points = {"N": rows.N[hide], "D": rows.D[hide], "C": rows.C[hide]}
    found = forecast.outlook(points, level).to_frame()
    return _compared(rows.index[hide], rows.table.y[rows.places[hide]], found)


def _fit_again(model: Fit, level: float, keep: BoolArray, hide: BoolArray) -> pd.DataFrame:
    fitted = refit(model, keep)
    points = model.runs.frame()[hide]
    found = fitted.predict(points, confidence_level=level)
    assert isinstance(found, pd.DataFrame)
    return _compared(model.runs.index[hide], model.runs.y[hide], found)


def refit(model: Fit, keep: BoolArray) -> Fit:
    """The same law with the same options on some of the runs."""
    runs = model.runs
    frame = runs.frame()
    options = {"clusters": runs.cluster_column or None, **options_of(model)}
    if runs.weighted:
        options["weights"] = runs.weights[keep]
    if len(runs.clusters):
        frame = frame.assign(**{runs.cluster_column: runs.clusters})
    names = {name: name for name in (*model.law.variables, *model.law.group_columns)}
    return fit(
        frame[keep], model.law, y=runs.target, columns=names, units="trust",
        confidence_level=model.confidence_level, **options,
    )  # fmt: skip


def options_of(model: Fit) -> dict[str, Any]:
    """Options with which a fit was made, other than the defaults, and than columns of the table."""
    options: dict[str, Any] = {}
    if model.method == "nls" and why_not_log_linear(model.law) is None:
        options["method"] = "nls"
    if model.objective != {"log-linear": "squared", "nls": "huber"}[model.method]:
        options["objective"] = model.objective
    if model.scale != "log":
        options["scale"] = model.scale
    if model.fixed:
        options["fixed"] = dict(model.fixed)
    return options


def _compared(index: pd.Index, reached: FloatArray, found: pd.DataFrame) -> pd.DataFrame:
    low, high = found["run_low"].to_numpy(), found["run_high"].to_numpy()
    return pd.DataFrame({
        "run": index, "reached": reached, "estimate": found["estimate"].to_numpy(), "low": low,
        "high": high, "inside": (low <= reached) & (reached <= high),
    })  # fmt: skip


# --- words -----------------------------------------------------------------------------------


def _card(found: Backtest) -> Card:
    """What held, then a line for each cut."""
    frame, error = found.frame, format_percent(found.overall["error"])
    level = format_level(found.confidence_level)
    whose = "forecast" if found.label == "forecast" else f"law {found.label}"
    rows = [
        (
            format_variable(found.by, float(str(cut)), 2), f"{row['known']:.0f}",
            f"{row['hidden']:.0f}", f"to {format_plain(row['farthest'], 2)}x",
            format_percent(row["error"]), _signed(row["bias"]), f"{100 * row['inside']:.0f} %",
        )
        for cut, row in found.summary.iterrows()
    ]  # fmt: skip
    titles = (f"{found.by} up to", "known", "hidden", "beyond", "error", "bias", "inside")
    columns = zip(titles, zip(*rows, strict=True), strict=True)
    caveats = [f"Left out: {reason}" for reason in found.skipped]
    if len(rows) > 1:
        caveats.insert(0, "Cuts share runs: their misses are not independent.")
    inside = f"{int(frame['inside'].sum())} of {plural(len(frame), 'hidden run')}"
    return Card(
        f"{inside} lie inside the {level} interval of the {whose}; mean error {error}.",
        tables=(Table(tuple(Column(title, cells) for title, cells in columns)),),
        caveats=tuple(caveats),
        more="found.skipped",
        next="backtest.plot()",
    )


def _signed(value: float) -> str:
    text = format_percent(value)
    return f"+{text}" if value > 0 else text
