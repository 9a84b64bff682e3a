"""The table of runs as CSV, and the code that makes the page from it again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from scalinglaws.core.catalogue import Laws
from scalinglaws.fitting.result import Fit
from scalinglaws.forecasting.backtest import options_of
from scalinglaws.forecasting.curve import CurveForecast
from scalinglaws.forecasting.metric_scale import MetricScale
from scalinglaws.numerals import format_plain
from scalinglaws.report.subject import Subject

_WEIGHTS = "weights"
_LEVEL = 0.95  # the default of `fit` and `forecast`
_WIDTH = 80


def csv_of(subject: Subject) -> str:
    """The runs with all digits, in the order of the table; what `code_of` reads."""
    frame = _columns(subject)
    return str(frame.to_csv(index_label="", lineterminator="\n"))


def _columns(subject: Subject) -> pd.DataFrame:
    """The runs listed, under the law's names, with weights and clusters where there are some."""
    order = np.argsort(subject.runs.place)
    frame, place = subject.runs.frame.iloc[order].copy(), subject.runs.place[order]
    if subject.fit is not None:
        table = subject.fit.runs
        if table.weighted:
            frame[_WEIGHTS] = table.weights[place]
        if len(table.clusters):
            frame[table.cluster_column] = table.clusters[place]
    elif (weights := _weights(subject)) is not None:
        frame[_WEIGHTS] = weights[place]
    return frame


def _weights(subject: Subject) -> Any:
    """Weights of a forecast's runs, where they were given."""
    if subject.forecast is None or isinstance(subject.forecast, CurveForecast):
        return None
    rows = subject.forecast.rows
    given = rows.table.weights[rows.places]
    return given if np.ptp(given) > 0 else None


def code_of(subject: Subject) -> str:
    """Calls that make the page again from the CSV."""
    whole = len(subject.runs.x) == subject.runs.n
    source = "the CSV above" if whole else "all runs; the CSV above has some"
    lines = ["import pandas as pd", "import scalinglaws as sl", "", f"# runs.csv: {source}"]
    lines.append('runs = pd.read_csv("runs.csv", index_col=0)')
    budgets = ""
    if subject.takes_budgets:
        budgets = ", C=[" + ", ".join(format_plain(c, 12) for c in subject.asked) + "]"
    if subject.fit is not None:
        lines.append(_call("fit = sl.fit", ["runs", _law(subject.fit), *_fit_options(subject.fit)]))
    if subject.fit is not None and subject.forecast in (None, vars(subject.fit).get("forecast")):
        return "\n".join([*lines, f'fit.report("page.html"{budgets})'])
    law = ", law=fit" if subject.fit is not None else ""
    lines.append(_call("forecast = sl.forecast", ["runs", *_forecast_options(subject)]))
    return "\n".join([*lines, f'forecast.report("page.html"{budgets}{law})'])


def _law(fit: Fit) -> str:
    """The law's name in the catalogue, or its line of maths."""
    name, laws = fit.law.name, Laws()
    if name is not None and name in laws and laws[name].formula == fit.law.formula:
        return repr(name)
    return repr(fit.law.formula)


def _fit_options(fit: Fit) -> list[str]:
    options: dict[str, Any] = {"y": fit.runs.target, **options_of(fit)}
    if fit.delta is not None:
        options["delta"] = fit.delta
    if fit.runs.weighted:
        options["weights"] = _WEIGHTS
    if len(fit.runs.clusters):
        options["clusters"] = fit.runs.cluster_column
    return _written(options, fit.confidence_level)


def _forecast_options(subject: Subject) -> list[str]:
    forecast = subject.forecast
    assert forecast is not None
    options: dict[str, Any] = {"y": subject.target}
    if isinstance(forecast, CurveForecast):
        options["x"], scale = forecast.variable, forecast.scale
    else:
        scale = forecast.rows.scale
        if _weights(subject) is not None:
            options["weights"] = _WEIGHTS
    if scale.limits != MetricScale.of(scale.falls, (None, None)).limits:
        options["limits"] = scale.limits
    return _written(options, forecast.confidence_level)


def _written(options: dict[str, Any], level: float) -> list[str]:
    if level != _LEVEL:
        options["confidence_level"] = level
    return [f"{name}={value!r}" for name, value in options.items()]


def _call(function: str, arguments: list[str]) -> str:
    """A call on one line, or with one argument a line where that is too long."""
    line = f"{function}({', '.join(arguments)})"
    if len(line) <= _WIDTH:
        return line
    return "\n".join([f"{function}(", *(f"    {argument}," for argument in arguments), ")"])
