"""compare(): laws side by side, with the forecast, at a target and on hidden runs."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from scalinglaws.core.law import Law
from scalinglaws.display import Bars, Card, Column, Displayed, Interval, Table
from scalinglaws.errors import DataError, ScalingLawError
from scalinglaws.fitting.fit import fit
from scalinglaws.fitting.inference.prediction import Prediction
from scalinglaws.fitting.result import Fit
from scalinglaws.fitting.tables.points import to_values
from scalinglaws.forecasting.backtest import Backtest, backtest
from scalinglaws.forecasting.forecast import Forecast
from scalinglaws.forecasting.make import forecast
from scalinglaws.forecasting.outlook import given_points
from scalinglaws.forecasting.run_rows import RunRows
from scalinglaws.numerals import (
    abridged,
    format_factor,
    format_interval,
    format_level,
    format_percent,
    format_to,
    format_variable,
    listed,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FORECAST = "forecast"
# Extrapolation factors that are told apart, and their names.
_BINS, _DISTANCES = [1.3, 3.0, 7.0, 16.0, 60.0, np.inf], ["2x", "5x", "10x", "30x", "100x"]
_COLUMNS = (
    "estimate", "low", "high", "rms", "AICc", "coefficients", "error", "inside", "hidden",
)  # fmt: skip
_NOTE = (
    "error and inside: of hidden runs, each predicted from the runs below a cut; cuts share runs."
)
_NO_CHOICE = (
    "On public tables, laws chosen by them or by AICc predicted no better than a fixed one."
)


@dataclass(frozen=True, eq=False, repr=False)
class Comparison(Displayed):
    """Several laws compared with the forecast at one target; none is selected.

    Attributes
    ----------
    frame : DataFrame
        One row for the forecast and one per law, sorted by error on hidden runs. ``estimate``,
        ``low``, ``high``: prediction of a new run at the target, with its interval. ``rms``: root
        mean square residual of ln y. ``AICc``: computed from these residuals. ``coefficients``:
        number fitted. ``error``: mean absolute error of ln y on hidden runs. ``inside``: share of
        them inside their intervals. ``hidden``: their number over all cuts.
    by_distance : DataFrame
        ``hidden``, ``error`` and ``inside`` for each law and extrapolation factor.
    point : mapping
        N, D and C of the target.
    target : str
        Column of the metric.
    confidence_level : float
        Level of the intervals.
    forecast : Forecast
        The forecast of the same runs.
    fits : mapping of str to Fit
        The fits, by law.
    backtests : mapping of str to Backtest
        The back-tests, by law.
    failed : mapping of str to str
        Laws or back-tests that failed, with the reason.
    """

    frame: pd.DataFrame
    point: Mapping[str, float]
    target: str
    confidence_level: float
    forecast: Forecast
    fits: Mapping[str, Fit]
    backtests: Mapping[str, Backtest]
    failed: Mapping[str, str] = field(default_factory=dict)

    @property
    def by_distance(self) -> pd.DataFrame:
        """Back-test error and coverage by extrapolation factor."""
        rows = []
        for name, found in self.backtests.items():
            miss = np.log(found.frame["estimate"] / found.frame["reached"])
            beyond = pd.cut(found.frame["times_beyond"], _BINS, labels=_DISTANCES)
            frame = found.frame.assign(error=np.abs(miss), beyond=beyond)
            for distance, group in frame.groupby("beyond", observed=True):
                rows.append({
                    "law": name, "beyond": distance, "hidden": len(group),
                    "error": group["error"].mean(), "inside": group["inside"].mean(),
                })  # fmt: skip
        columns = ["law", "beyond", "hidden", "error", "inside"]
        return pd.DataFrame(rows, columns=columns).set_index(["law", "beyond"])

    def plot(self, *, ax: Axes | None = None, title: bool | str | None = None) -> Axes:
        """Draw the estimates at the target with their prediction intervals.

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
        from scalinglaws.plotting.comparisons import plot_comparison

        return plot_comparison(self, ax=ax, title=title)

    def _card(self) -> Card:
        return _card(self)


def compare(
    runs: Any,
    laws: Sequence[str | Law],
    *,
    N: float | str | None = None,
    D: float | str | None = None,
    C: float | str | None = None,
    y: str | None = None,
    columns: Mapping[str, str] | None = None,
    weights: str | npt.ArrayLike | None = None,
    missing: Literal["raise", "drop"] = "raise",
    units: Literal["check", "trust"] = "check",
    cuts: Sequence[float | str] | None = None,
    confidence_level: float = 0.9,
) -> Comparison:
    """Compare several laws and the forecast: prediction of a target, error on hidden runs.

    Parameters
    ----------
    runs, y, columns, weights, missing, units
        As in `forecast`.
    laws : sequence of str or Law
        Names of the catalogue, lines of maths, or laws.
    N, D, C : float or str
        The target: two of the three, or C alone. With C alone, the target has the tokens per
        parameter of the largest runs.
    cuts : sequence of float or str, optional
        As in `backtest`, by compute.
    confidence_level : float, default 0.9
        Level of the intervals.

    Returns
    -------
    Comparison
        Predictions, errors on hidden runs, fits and back-tests of all laws.

    Raises
    ------
    DataError
        If the table cannot be read, or a forecast from it is impossible.
    ValueError
        If no target is given.

    Notes
    -----
    No law is selected. On 102 cuts of real tables, laws selected by AICc or by back-tests inside
    the table predicted no better than one fixed law.

    Examples
    --------
    >>> import scalinglaws as sl
    >>> runs = sl.datasets.ladder()
    >>> found = sl.compare(runs[runs["D"] > 1.5e6], ["chinchilla", "kaplan"], N="1M", D="16M")
    >>> list(found.frame.index)
    ['forecast', 'kaplan', 'chinchilla']
    """
    if isinstance(laws, str | Law) or not isinstance(laws, Sequence):
        raise TypeError(f"`laws` must be a list of laws; got {abridged(laws)}.")
    shared = forecast(
        runs, y=y, columns=columns, weights=weights, missing=missing, units=units,
        confidence_level=confidence_level,
    )  # fmt: skip
    rows = shared.rows
    points = _target(rows, {"N": N, "D": D, "C": C})
    at = {name: float(value) for name, value in points.items()}
    failed: dict[str, str] = {}
    fits = _fits(rows, laws, confidence_level, failed)
    backtests = {}
    models: dict[str, Fit | Forecast] = {FORECAST: shared, **fits}
    for name, model in models.items():
        try:
            backtests[name] = backtest(model, cuts=cuts)
        except (DataError, ScalingLawError) as error:
            failed[name] = f"no back-test: {error}"
    found = shared.outlook(points, confidence_level)
    lines = {
        FORECAST: _line((found.estimate, found.run_low, found.run_high), backtests.get(FORECAST))
    }
    for name, fitted in fits.items():
        lines[name] = {
            **_line(_predicted(fitted, at), backtests.get(name)), **_quality(fitted)
        }  # fmt: skip
    frame = pd.DataFrame.from_dict(lines, orient="index", columns=list(_COLUMNS))
    order = [FORECAST, *frame.drop(index=FORECAST).sort_values("error", kind="stable").index]
    return Comparison(
        frame.loc[order].rename_axis("law"), at, rows.table.target, confidence_level, shared, fits,
        backtests, failed,
    )  # fmt: skip


def _target(rows: RunRows, given: Mapping[str, Any]) -> dict[str, Any]:
    known = {name: value for name, value in given.items() if value is not None}
    if not known:
        raise ValueError("compare needs a target: pass C=..., or N=... and D=... .")
    if set(known) == {"C"}:
        known["N"], known["D"] = rows.path(to_values("C", known["C"]))
    return given_points(rows, None, known)


def _fits(
    rows: RunRows, laws: Sequence[str | Law], level: float, failed: dict[str, str]
) -> dict[str, Fit]:
    """Each law on the runs that the forecast uses, under the usual names."""
    table = rows.table
    used = {"N": rows.N, "D": rows.D, table.target: table.y[rows.places]}
    if "C" in table.values:
        used["C"] = rows.C
    frame = pd.DataFrame(used, index=rows.index)
    if table.source is not None:
        others = table.source.iloc[rows.places].drop(
            columns=[*table.columns.values(), *used], errors="ignore"
        )
        frame = pd.concat([frame, others], axis=1)
    weights = rows.weights if table.weighted else None
    found = {}
    for law in laws:
        label = law.label if isinstance(law, Law) else str(law)
        try:
            with warnings.catch_warnings(action="ignore"):
                found[label] = fit(
                    frame, law, y=table.target, weights=weights, units="trust", clusters=None,
                    confidence_level=level,
                )  # fmt: skip
        except ScalingLawError as error:
            failed[label] = str(error)
    return found


def _predicted(fitted: Fit, at: Mapping[str, float]) -> tuple[float, float, float]:
    wanted = {name: at[name] for name in fitted.law.variables if name in at}
    try:
        with warnings.catch_warnings(action="ignore"):
            found = fitted.predict(wanted)
    except ValueError:  # the law has variables that the target has not
        return np.nan, np.nan, np.nan
    assert isinstance(found, Prediction)
    return float(found.estimate), float(found.run_low), float(found.run_high)


def _line(predicted: tuple[float, float, float], tested: Backtest | None) -> dict[str, float]:
    names = ("estimate", "low", "high")
    line: dict[str, float] = dict(zip(names, predicted, strict=True))
    if tested is not None:
        overall = tested.overall.to_dict()
        line |= {name: overall[name] for name in ("error", "inside", "hidden")}
    return line


def _quality(fitted: Fit) -> dict[str, float]:
    """Residuals of ln y whatever was minimised, so that laws can be compared."""
    squares = float(np.mean(np.log(fitted.runs.y / fitted.fitted.to_numpy()) ** 2))
    n, k = fitted.n, len(fitted.law.parameters) - len(fitted.fixed) + 1
    spare = n - k - 1
    aicc = n * np.log(squares) + 2 * k + 2 * k * (k + 1) / spare if spare > 0 else np.nan
    return {"rms": float(np.sqrt(squares)), "AICc": float(aicc), "coefficients": k - 1}


# --- words -----------------------------------------------------------------------------------


def _card(found: Comparison) -> Card:
    """What held, the estimates at the target, the table, and what it cannot tell."""
    frame = found.frame
    bars = []
    for name, row in frame.iterrows():
        text = format_to(row["estimate"], 0.5 * (row["high"] - row["low"])) or "-"
        role = "forecast" if name == "forecast" else "law"
        span = format_interval(row["low"], row["high"])
        bars.append(
            Interval(str(name), row["low"], row["estimate"], row["high"], text, span, role)  # type: ignore[arg-type]
        )
    columns = (
        Column("law", tuple(map(str, frame.index)), left=True),
        Column("coef.", tuple(_or_dash(v, "{:.0f}") for v in frame["coefficients"])),
        Column("rms of fit", tuple(format_percent(v) or "-" for v in frame["rms"])),
        Column("AICc", tuple(_or_dash(v, "{:.1f}") for v in frame["AICc"])),
        Column("error", tuple(format_percent(v) or "-" for v in frame["error"])),
        Column("inside", tuple(_or_dash(100 * v, "{:.0f} %") for v in frame["inside"])),
    )
    failed = tuple(f"{name}: {reason}" for name, reason in found.failed.items())
    beyond = found.point["C"] / found.forecast.rows.largest
    far = (f"The target is {format_factor(beyond)} times the largest run.",) if beyond > 1 else ()
    return Card(
        _held(found),
        pictures=(Bars(tuple(bars)),),
        tables=(Table(columns, note=_NOTE),),
        caveats=(*failed, *far, _NO_CHOICE),
        more="found.failed",
        next="found.by_distance",
    )


def _held(found: Comparison) -> str:
    """Shares of hidden runs inside, without a favourite."""
    tested = found.frame.dropna(subset=["inside"])
    at = ", ".join(f"{v} {format_variable(v, found.point[v])}" for v in ("N", "D"))
    own = found.frame.iloc[0]
    estimate = format_to(own["estimate"], 0.5 * (own["high"] - own["low"]))
    span = format_interval(own["low"], own["high"])
    level = format_level(found.confidence_level)
    quoted = f"At {at} the forecast is {estimate} ({level}: {span})."
    if not len(tested):
        return f"Laws on one table; no run could be hidden. {quoted}"
    shares = [f"{name} {100 * row['inside']:.0f} %" for name, row in tested.iterrows()]
    return f"Hidden runs inside their {level} interval: {listed(shares)}. {quoted}"


def _or_dash(value: float, form: str) -> str:
    return form.format(value) if np.isfinite(value) else "-"
