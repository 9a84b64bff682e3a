"""Command-line verbs for forecasts, back-tests and comparisons of laws."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from scalinglaws.cli.options import (
    level_of,
    numbers_option,
    pairs,
    plot_option,
    table_arguments,
    table_options,
    verb,
)
from scalinglaws.cli.output import DOUBTFUL, OK, draw, save, show
from scalinglaws.errors import FileFormatError
from scalinglaws.fitting.result import Fit
from scalinglaws.fitting.tables.points import to_values
from scalinglaws.forecasting import saved
from scalinglaws.forecasting.backtest import backtest
from scalinglaws.forecasting.comparison import compare
from scalinglaws.forecasting.curve import CurveForecast
from scalinglaws.forecasting.forecast import Forecast
from scalinglaws.forecasting.make import forecast
from scalinglaws.forecasting.outlook import Outlook, given_points
from scalinglaws.loading import Loaded, load
from scalinglaws.numerals import format_compute
from scalinglaws.planning import optimal
from scalinglaws.readers import read_runs

_RUNS = "table with one row per run"


def add_forecasts(verbs: Any) -> None:
    """Add the verbs to the parser's."""
    _add_forecast(verbs)
    _add_backtest(verbs)
    _add_compare(verbs)


def _add_forecast(verbs: Any) -> None:
    parser = verb(verbs, "forecast", "forecast of larger runs, without choosing a law", _forecast)
    parser.add_argument("runs", type=Path, help=f"{_RUNS}, or file written by --save")
    _at_option(parser, "size, tokens or compute of the run to forecast, such as N=70B D=1.4T")
    numbers_option(
        parser,
        "--budget",
        "compute to divide between parameters and tokens, in FLOPs, as the runs'",
    )
    parser.add_argument(
        "--x",
        metavar="COLUMN",
        help="column of the variable of a single curve to forecast, such as step",
    )
    table_options(parser)
    plot_option(parser)
    parser.add_argument(
        "--save", type=Path, metavar="FILE", help="output file of the forecast, JSON"
    )
    parser.epilog = "example: scalinglaws forecast runs.csv --at N=70B D=1.4T --plot forecast.png"


def _add_backtest(verbs: Any) -> None:
    text = "back-test: predictions of the larger runs from the smaller ones"
    parser = verb(verbs, "backtest", text, _backtest)
    parser.add_argument("model", type=Path, help=f"saved fit or forecast, or {_RUNS}")
    parser.add_argument(
        "--by", choices=("C", "N", "D"), default="C", help="variable by which runs are held out (C)"
    )
    parser.add_argument(
        "--cuts", nargs="+", metavar="VALUE",
        help="largest values in training (1/2, 1/5, 1/12 and 1/30 of the largest)",
    )  # fmt: skip
    table_options(parser)
    plot_option(parser)
    parser.epilog = "example: scalinglaws backtest runs.csv --cuts 1e20 1e21"


def _add_compare(verbs: Any) -> None:
    parser = verb(verbs, "compare", "comparison of several laws and the forecast", _compare)
    parser.add_argument("runs", type=Path, help=_RUNS)
    parser.add_argument("--laws", nargs="+", required=True, help="names of laws, or lines of maths")
    _at_option(parser, "target run, such as C=1e24, or N=70B D=1.4T", required=True)
    table_options(parser)
    plot_option(parser)
    parser.epilog = "example: scalinglaws compare runs.csv --laws chinchilla kaplan --at C=1e24"


def _at_option(parser: Any, text: str, **more: Any) -> None:
    parser.add_argument("--at", nargs="+", default=[], metavar="NAME=VALUE", help=text, **more)


def _forecast(options: argparse.Namespace) -> int:
    if options.x is not None:
        return _curve(_read_curve(options), options)
    model = _model(options.runs, options)
    if isinstance(model, CurveForecast):
        return _curve(model, options)
    if isinstance(model, Fit):
        raise FileFormatError(f"{options.runs} is a saved fit: use `scalinglaws predict`.")
    if not isinstance(model, Forecast):
        return _other(model, options)
    if options.save:
        save(model, options.save)
    at = pairs(options.at, "--at")
    if options.plot:
        draw(lambda: model.plot(at=at or None), options.plot)
    if options.budget and at:
        raise ValueError("--at asks for the forecast of a run, --budget for a plan: give one.")
    if options.budget:
        level = options.confidence_level
        show(optimal(model, C=options.budget, confidence_level=level), options)
        return OK
    if not at:
        _print_forecast(model, options)
        return OK
    points: dict[str, Any] = dict(at)
    if set(at) == {"C"}:  # at the largest runs' tokens per parameter
        points["N"], points["D"] = model.rows.path(to_values("C", at["C"]))
    found = model.predict(points, confidence_level=options.confidence_level)
    assert isinstance(found, Outlook)
    show(found, options, frame=found.to_frame())
    usable = model.usable(given_points(model.rows, points, {}))
    return OK if usable.all() else DOUBTFUL


def _other(model: Any, options: argparse.Namespace) -> int:
    """A saved forecast of several series or groups, of a metric, or of one run's end."""
    if options.at or options.budget or options.json or options.csv or options.plot or options.save:
        raise ValueError(
            f"{options.runs} is a saved {type(model).__name__}: without further options it is "
            "printed; for anything else use sl.load in Python."
        )
    print(model)
    return OK


def _read_curve(options: argparse.Namespace) -> CurveForecast:
    given = {key: value for key, value in table_arguments(options).items() if key != "weights"}
    found: CurveForecast = forecast(
        read_runs(options.runs), x=options.x, **given, confidence_level=level_of(options)
    )
    return found


def _curve(model: CurveForecast, options: argparse.Namespace) -> int:
    """A curve in one variable."""
    if options.budget:
        raise ValueError("--budget divides compute between N and D: a curve has one variable.")
    if options.save:
        save(model, options.save)
    at = pairs(options.at, "--at")
    if options.plot:
        draw(lambda: model.plot(at=at.get(model.variable)), options.plot)
    found = model.predict(at, confidence_level=options.confidence_level) if at else None
    if (options.json or options.csv) and not isinstance(found, Outlook):
        raise ValueError("--json and --csv need --at NAME=VALUE for a curve.")
    if isinstance(found, Outlook):
        show(found, options, frame=found.to_frame())
    else:
        show(model, options)
    return OK


def _print_forecast(model: Forecast, options: argparse.Namespace) -> None:
    if options.json:
        print(json.dumps(saved.to_dict(model), allow_nan=False))
    elif options.csv:
        print(model.params.to_csv(), end="")
    else:
        at = f"C={format_compute(10 * model.rows.largest, 1)}"
        show(model, options, following=f"scalinglaws forecast {options.runs} --at {at}")


def _backtest(options: argparse.Namespace) -> int:
    model = _model(options.model, options)
    if not isinstance(model, Fit | Forecast):
        raise FileFormatError(
            f"{options.model} is a saved {type(model).__name__}; a back-test needs a fit, or a "
            "forecast over N and D."
        )
    found = backtest(
        model, by=options.by, cuts=options.cuts, confidence_level=options.confidence_level
    )
    if options.plot:
        draw(found.plot, options.plot)
    show(found, options, frame=found.frame)
    return OK


def _compare(options: argparse.Namespace) -> int:
    at = pairs(options.at, "--at")
    unknown = set(at) - {"N", "D", "C"}
    if unknown:
        raise ValueError(f"--at names {', '.join(sorted(unknown))}; a target has N, D and C.")
    asked: dict[str, Any] = {**at, **table_arguments(options)}
    if options.confidence_level is not None:
        asked["confidence_level"] = options.confidence_level
    found = compare(read_runs(options.runs), options.laws, **asked)
    if options.plot:
        draw(found.plot, options.plot)
    show(found, options, frame=found.frame, index=True)
    return OK


def _model(path: Path, options: argparse.Namespace) -> Loaded:
    """A saved fit or forecast, or the forecast of a table."""
    if path.suffix == ".json" and saved.is_saved(path):
        return load(path)
    found: Forecast = forecast(
        read_runs(path), **table_arguments(options), confidence_level=level_of(options)
    )
    return found
