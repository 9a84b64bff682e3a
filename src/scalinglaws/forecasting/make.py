"""forecast(): what larger runs will reach, with an interval that allows for the law's error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypedDict, Unpack, overload

import numpy.typing as npt

from scalinglaws.fitting.tables import columns as col
from scalinglaws.forecasting.chained_forecast import ChainedForecast, chain_metric
from scalinglaws.forecasting.curve import CurveForecast
from scalinglaws.forecasting.curves import CurveForecasts, forecast_curves
from scalinglaws.forecasting.forecast import Forecast, from_rows
from scalinglaws.forecasting.grouped_forecast import GroupedForecast, forecast_groups
from scalinglaws.forecasting.table_input import read_groups, read_rows
from scalinglaws.options import check_level, check_option


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
    if groups is not None:
        if through is not None or ends != (None, None):
            raise ValueError("`groups` goes with neither `through` nor `limits`.")
        table, labels = read_groups(
            col.as_frame(runs), groups, y=y, columns=dict(columns or {}), weights=weights,
            missing=missing, units=units,
        )  # fmt: skip
        return forecast_groups(table, labels, groups, confidence_level)
    rows = read_rows(
        col.as_frame(runs), y=through or y, columns=named, weights=weights,
        missing=missing, units=units, limits=ends if through is None else (None, None),
    )  # fmt: skip
    found = from_rows(rows, confidence_level)
    return found if through is None else chain_metric(found, y, ends)


def _checked_limits(limits: object) -> tuple[float | None, float | None]:
    if limits is None:
        return None, None
    try:
        low, high = (None if end is None else float(end) for end in limits)  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        raise ValueError(f"`limits` is (low, high), such as (0.25, 1); got {limits!r}.") from None
    if low is not None and high is not None and not low < high:
        raise ValueError(f"`limits` is (low, high), the lower first; got {limits!r}.")
    return low, high
