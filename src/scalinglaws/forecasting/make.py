"""forecast(): what larger runs will reach, with an interval that allows for the law's error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypedDict, Unpack, overload

import numpy.typing as npt
import pandas as pd

from scalinglaws.core.law import Law
from scalinglaws.errors import DataError
from scalinglaws.fitting.tables import columns as col
from scalinglaws.fitting.tables.runs import RunTable, read_table
from scalinglaws.forecasting.chained_forecast import ChainedForecast, chain_metric
from scalinglaws.forecasting.curve import CurveForecast
from scalinglaws.forecasting.curve_series import CurveForecasts, forecast_curves
from scalinglaws.forecasting.forecast import Forecast, from_rows
from scalinglaws.forecasting.grouped_forecast import GroupedForecast, forecast_groups
from scalinglaws.forecasting.metric_scale import Limits
from scalinglaws.forecasting.run_rows import rows_of, usable_compute
from scalinglaws.options import check_level, check_option

# What a table must have to be read; the forecast's own law is in `flexible_law`.
_TWO = Law("E + A/N**alpha + B/D**beta", variables=["N", "D"])
_THREE = Law("E + A/N**alpha + B/D**beta + F/C**gamma", variables=["N", "D", "C"])


class _Options(TypedDict, total=False):
    y: str | None
    columns: Mapping[str, str] | None
    weights: str | npt.ArrayLike | None
    limits: tuple[float | None, float | None] | None
    missing: Literal["raise", "drop"]
    units: Literal["check", "trust"]
    confidence_level: float


@overload
def forecast(
    runs: Any,
    *,
    x: None = None,
    series: None = None,
    through: None = None,
    groups: None = None,
    **options: Unpack[_Options],
) -> Forecast: ...
@overload
def forecast(runs: Any, *, groups: str, **options: Unpack[_Options]) -> GroupedForecast: ...
@overload
def forecast(runs: Any, *, through: str, **options: Unpack[_Options]) -> ChainedForecast: ...
@overload
def forecast(
    runs: Any, *, x: str, series: None = None, **options: Unpack[_Options]
) -> CurveForecast: ...
@overload
def forecast(runs: Any, *, x: str, series: str, **options: Unpack[_Options]) -> CurveForecasts: ...
def forecast(
    runs: Any,
    *,
    x: str | None = None,
    series: str | None = None,
    through: str | None = None,
    groups: str | None = None,
    y: str | None = None,
    columns: Mapping[str, str] | None = None,
    weights: str | npt.ArrayLike | None = None,
    limits: tuple[float | None, float | None] | None = None,
    missing: Literal["raise", "drop"] = "raise",
    units: Literal["check", "trust"] = "check",
    confidence_level: float = 0.95,
) -> Forecast | CurveForecast | CurveForecasts | ChainedForecast | GroupedForecast:
    """Forecast larger runs from a table of smaller ones, with no law to choose.

    The forecast is a flexible law plus a smooth error of that law, both estimated from the table
    with weak priors. Its intervals include this model error and widen with the distance from the
    runs.

    Parameters
    ----------
    runs : DataFrame, object with ``to_pandas()``, or mapping of columns
        One row per run with parameters N, training tokens D and a metric. Numbers may be text such
        as "7B". If a column such as "run" shows several rows of one run, the last row is used.
    x : str, optional
        Variable of a curve: "N", "D", "C" or any column such as "steps". The table is then one
        curve in this variable, such as the evaluations of one run.
    series : str, optional
        With `x`, a column that names the curve of each row.
    through : str, optional
        Column of the loss through which a bounded metric `y`, such as an accuracy, is forecast: N
        and D to loss, then loss to the metric, with the uncertainty of both. Needs `limits`.
    groups : str, optional
        A column of data sets or recipes that are forecast jointly, in one metric. Groups with few
        runs borrow strength from groups with larger runs.
    y : str, optional
        Column of the metric; by default one with a common name, such as "loss". Values must be
        positive and fall or rise with compute. A perplexity (by its name) is forecast through its
        logarithm.
    columns : mapping of str to str, optional
        Columns of N, D and C; by default those with common names. C is in FLOP and by default
        6ND.
    weights : str or array, optional
        A column, or one number per run: relative precisions.
    limits : (low, high), optional
        Possible range of a bounded metric, such as ``(0.25, 1)`` for an accuracy with chance level
        0.25. None stands for an unknown end. Without it, a metric that rises and has the name of
        an accuracy is cut off at 1, or at 100 in per cent.
    missing : {"raise", "drop"}
        What to do with runs that have missing, infinite or non-positive values.
    units : {"check", "trust"}
        Whether to reject a column whose values appear to mix two units.
    confidence_level : float, default 0.95
        Level of the intervals.

    Returns
    -------
    Forecast
        With `x` a `CurveForecast`; with `series` a `CurveForecasts`, a mapping; with `through` a
        `ChainedForecast`; with `groups` a `GroupedForecast`, a mapping.

    Raises
    ------
    DataError
        If the table cannot be read, or has fewer than 6 runs, 3 sizes N or 3 durations D, or only
        one budget.
    ValueError
        If an option is misspelt.

    See Also
    --------
    scalinglaws.fit : Fit one law that is known to hold.

    Notes
    -----
    With n, d the logarithms of N and D relative to the largest runs, ln loss is::

        level + ln(s + (1 - s) (r e^(-a n / g) + (1 - r) e^(-b d / g))^g) + e(n, d) + noise

    where e is a Gaussian process (Matern 3/2 with a length of 3 e-folds, standard deviation
    sqrt(30 noise^2 + .01^2)) and the noise of single runs has heavy tails. The intervals are
    Student's t around the posterior mean. `docs/forecast.md` has the reasons, and what was measured
    on 102 cuts of real tables.

    Examples
    --------
    >>> import scalinglaws as sl
    >>> runs = sl.datasets.ladder()
    >>> forecast = sl.forecast(runs[runs["D"] > 1.5e6])
    >>> print(str(forecast.predict(N="1.04M", D="16M")).splitlines()[0])
    loss 1.067 at N 1.04M, D 16M (95 %: 0.973 to 1.170)
    """
    check_option("missing", missing, ("raise", "drop"))
    check_option("units", units, ("check", "trust"))
    check_level(confidence_level)
    named = col.named_columns(columns)
    if series is not None and x is None:
        raise ValueError("`series` tells curves apart: say with `x` what they are curves of.")
    if x is not None:
        if weights is not None:
            raise ValueError("A curve takes no `weights`.")
        return forecast_curves(
            col.as_frame(runs), named.get(x, x), series, y=y, missing=missing,
            units=units, limits=_checked_limits(limits), confidence_level=confidence_level,
        )  # fmt: skip
    ends = _checked_limits(limits)
    if groups is not None and (through is not None or ends != (None, None)):
        raise ValueError("`groups` goes with neither `through` nor `limits`.")
    of_rows = ends if through is None else (None, None)
    table = _read_runs(
        col.as_frame(runs), y=through or y, columns=named, weights=weights, missing=missing,
        units=units, limits=of_rows,
    )  # fmt: skip
    if groups is not None:
        return forecast_groups(table, groups, confidence_level)
    found = from_rows(rows_of(table, of_rows), confidence_level)
    return found if through is None else chain_metric(found, y, ends)


def _checked_limits(limits: object) -> Limits:
    if limits is None:
        return None, None
    try:
        low, high = (None if end is None else float(end) for end in limits)  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        raise ValueError(f"`limits` is (low, high), such as (0.25, 1); got {limits!r}.") from None
    if low is not None and high is not None and not low < high:
        raise ValueError(f"`limits` is (low, high), the lower first; got {limits!r}.")
    return low, high


# --- the table -------------------------------------------------------------------------------


def read_checkpoints(
    frame: pd.DataFrame,
    *,
    y: str | None,
    columns: Mapping[str, str],
    missing: str,
    units: str,
) -> tuple[RunTable, pd.Series]:
    """A table of checkpoints, and the run of each row.

    Raises
    ------
    DataError
        If nothing tells the runs apart.
    """
    _check_columns(frame, columns)
    table = read_table(
        frame, _TWO, y=y, columns={v: c for v, c in columns.items() if v != "C"}, weights=None,
        missing=missing, scale="log", units=units,
    )  # fmt: skip
    if not table.cluster_column or table.source is None:
        raise DataError(
            "No column such as 'run' has several rows of one run, and a run that still trains "
            f"needs checkpoints: one row each. {col.describe_columns(frame)}"
        )
    return table, table.source[table.cluster_column]


def _read_runs(
    frame: pd.DataFrame,
    *,
    y: str | None,
    columns: Mapping[str, str],
    weights: str | npt.ArrayLike | None,
    missing: str,
    units: str,
    limits: Limits = (None, None),
) -> RunTable:
    """A table with N, D and the metric; with C where every run has it."""
    _check_columns(frame, columns)
    has_compute = "C" in columns or usable_compute(frame) is not None
    return read_table(
        frame, _THREE if has_compute else _TWO, y=y, columns=columns, weights=weights,
        missing=missing, scale="log" if limits == (None, None) else "level", units=units,
    )  # fmt: skip


def _check_columns(frame: pd.DataFrame, columns: Mapping[str, str]) -> None:
    for variable in columns:
        if variable not in ("N", "D", "C"):
            raise ValueError(f"`columns` names {variable!r}; a forecast has N, D and C.")
    has = {v for v in "NDC" if v in columns or col.find_variable(frame, v) is not None}
    for variable, what in (("N", "parameters"), ("D", "training tokens")):
        if variable not in has:
            raise DataError(
                f"A forecast needs {variable} ({what}), and the table has no column for it. "
                f"{col.describe_columns(frame)} {_without(variable, has)}"
            )


def _without(variable: str, has: set[str]) -> str:
    """What to do about a table without N or without D."""
    say = f"Say which it is with columns={{{variable!r}: ...}}"
    if len(has) == 2:  # the other one, and compute
        (other,) = has - {"C"}
        return f"{say}, or add it as C / (6 {other}) where C is 6ND."
    return f'{say}, or pass x="{min(has, default="D")}" for a curve in one variable.'
