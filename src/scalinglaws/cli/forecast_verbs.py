"""Command-line verbs for forecasts, back-tests, comparisons, predictions and their inverse."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from scalinglaws.cli.generated_options import (
    TABLE_HELP,
    Pairs,
    add_parameters,
    add_plot,
    arguments,
    number,
    pairs,
    shared,
)
from scalinglaws.cli.models import given_model, model_from
from scalinglaws.cli.output import DOUBTFUL, OK, draw, save, show
from scalinglaws.errors import FileFormatError
from scalinglaws.fitting.published import Published
from scalinglaws.fitting.result import Fit
from scalinglaws.fitting.tables.points import to_values
from scalinglaws.forecasting import saved
from scalinglaws.forecasting.backtest import backtest
from scalinglaws.forecasting.chained_forecast import ChainedForecast
from scalinglaws.forecasting.comparison import compare
from scalinglaws.forecasting.curve import CurveForecast
from scalinglaws.forecasting.forecast import Forecast
from scalinglaws.forecasting.grouped_forecast import GroupedForecast
from scalinglaws.forecasting.make import forecast
from scalinglaws.forecasting.outlook import Outlook, given_points
from scalinglaws.loading import Loaded
from scalinglaws.numerals import format_compute
from scalinglaws.planning import optimal

_MODEL = "file written by --save, or published law such as chinchilla/epoch2024"
_One = Fit | Published | Forecast | CurveForecast | ChainedForecast


def add_forecast(parser: Any) -> None:
    """Add the options of `forecast`."""
    parser.epilog = "example: scalinglaws forecast runs.csv --at N=70B D=1.4T --plot forecast.png"
    add_parameters(
        parser, forecast, runs={"help": f"{TABLE_HELP}, or file written by --save"}
    )  # fmt: skip
    _add_at(parser, "size, tokens or compute of the run to forecast, such as N=70B D=1.4T")
    parser.add_argument(
        "--budget", nargs="+", type=number, metavar="NUMBER",
        help="compute to divide between parameters and tokens, in FLOPs, as the runs'",
    )  # fmt: skip
    add_plot(parser)
    parser.add_argument(
        "--save", type=Path, metavar="FILE", help="output file of the forecast, JSON"
    )
    parser.set_defaults(verb=_forecast)


def _add_at(parser: Any, text: str, **more: Any) -> None:
    parser.add_argument(
        "--at", nargs="+", action=Pairs, default={}, metavar="NAME=VALUE", help=text, **more
    )


def _forecast(options: argparse.Namespace) -> int:
    model = _model(options)
    if isinstance(model, Fit):
        raise FileFormatError(f"{options.runs} is a saved fit: use `scalinglaws predict`.")
    if options.budget and isinstance(model, CurveForecast):
        raise ValueError("--budget divides compute between N and D: a curve has one variable.")
    if options.budget and options.at:
        raise ValueError("--at asks for the forecast of a run, --budget for a plan: give one.")
    if options.save:
        save(model, options.save)
    level: Any = {}
    if "confidence_level" in options:
        level = {"confidence_level": options.confidence_level}
    if isinstance(model, Forecast):
        return _surface(model, options, level)
    if isinstance(model, CurveForecast):
        return _curve(model, options, level)
    return _other(model, options, level)


def _surface(model: Forecast, options: argparse.Namespace, level: Any) -> int:
    """A forecast over N and D: of a run, or of a budget's best run, or itself."""
    points: dict[str, Any] = dict(options.at)
    if options.plot:
        draw(lambda: model.plot(at=options.at or None), options.plot)
    if options.budget:
        show(optimal(model, C=options.budget, **level), options)
        return OK
    if not points:
        _print_forecast(model, options)
        return OK
    if set(points) == {"C"}:  # at the largest runs' tokens per parameter
        points["N"], points["D"] = model.rows.path(to_values("C", points["C"]))
    found = model.predict(points, **level)
    assert isinstance(found, Outlook)
    show(found, options, frame=found.to_frame())
    usable = model.usable(given_points(model.rows, points, {}))
    return OK if usable.all() else DOUBTFUL


def _curve(model: CurveForecast, options: argparse.Namespace, level: Any) -> int:
    """A curve in one variable."""
    if options.plot:
        draw(lambda: model.plot(at=options.at.get(model.variable)), options.plot)
    found = model.predict(options.at, **level) if options.at else None
    if (options.json or options.csv) and not isinstance(found, Outlook):
        raise ValueError("--json and --csv need --at NAME=VALUE for a curve.")
    if isinstance(found, Outlook):
        show(found, options, frame=found.to_frame())
    else:
        show(model, options)
    return OK


def _other(model: Any, options: argparse.Namespace, level: Any) -> int:
    """A forecast of several series or groups, of a metric, or of one run's end."""
    if options.at and isinstance(model, ChainedForecast | GroupedForecast):
        found: Any = model.predict(**options.at, **level)
        show(found, options, frame=found.to_frame())
        return OK
    if options.at or options.budget or options.json or options.csv or options.plot:
        raise ValueError(
            f"The forecast of {options.runs} is a {type(model).__name__}, which is printed or "
            "saved: for anything else use sl.load in Python."
        )
    print(model)
    return OK


def _print_forecast(model: Forecast, options: argparse.Namespace) -> None:
    if options.json:
        print(json.dumps(saved.to_dict(model), allow_nan=False))
    elif options.csv:
        print(model.params.to_csv(), end="")
    else:
        at = f"C={format_compute(10 * model.rows.largest, 1)}"
        show(model, options, following=f"scalinglaws forecast {options.runs} --at {at}")


def add_backtest(parser: Any) -> None:
    """Add the options of `backtest`, and those of the forecast of a table."""
    parser.epilog = "example: scalinglaws backtest runs.csv --cuts 1e20 1e21"
    parser.add_argument("runs", type=Path, help=f"saved fit or forecast, or {TABLE_HELP}")
    add_parameters(parser, backtest, left_out=["model"])
    add_parameters(
        parser, forecast, left_out=["x", "series", "through", "groups", "limits"]
    )  # fmt: skip
    add_plot(parser)
    parser.set_defaults(verb=_backtest)


def _backtest(options: argparse.Namespace) -> int:
    model = _model(options, backtest)
    if not isinstance(model, Fit | Forecast):
        raise FileFormatError(
            f"{options.runs} is a saved {type(model).__name__}; a back-test needs a fit, or a "
            "forecast over N and D."
        )
    names = ("by", "cuts", "confidence_level")
    found = backtest(model, **{name: getattr(options, name) for name in names if name in options})
    if options.plot:
        draw(found.plot, options.plot)
    show(found, options, frame=found.frame)
    return OK


def add_compare(parser: Any) -> None:
    """Add the options of `compare`."""
    parser.epilog = "example: scalinglaws compare runs.csv --laws chinchilla kaplan --at C=1e24"
    add_parameters(
        parser, compare, names={"laws": "--laws"}, left_out=["N", "D", "C"],
                laws={"required": True, "help": "names of laws, or lines of maths"},
    )  # fmt: skip
    _add_at(parser, "target run, such as C=1e24, or N=70B D=1.4T", required=True)
    add_plot(parser)
    parser.set_defaults(verb=_compare)


def _compare(options: argparse.Namespace) -> int:
    unknown = set(options.at) - {"N", "D", "C"}
    if unknown:
        raise ValueError(f"--at names {', '.join(sorted(unknown))}; a target has N, D and C.")
    found = compare(**arguments(options, compare), **options.at)
    if options.plot:
        draw(found.plot, options.plot)
    show(found, options, frame=found.frame, index=True)
    return OK


def _model(options: argparse.Namespace, *more: Any) -> Loaded:
    """A saved fit or forecast, or the forecast of a table."""
    model = given_model(options)
    if model is not None:
        return model
    found: Loaded = forecast(**shared(arguments(options, forecast, *more), options, forecast))
    return found


def add_predict(parser: Any) -> None:
    """Add the options of `predict`."""
    parser.epilog = "example: scalinglaws predict fit.json N=7B D=2T"
    parser.add_argument("model", type=Path, help=_MODEL)
    parser.add_argument(
        "values", nargs="+", metavar="N=7B", help="value of each variable and index of the law"
    )
    _add_level(parser)
    parser.set_defaults(verb=_predict)


def _predict(options: argparse.Namespace) -> int:
    model = _one(model_from(options.model), options)
    at = pairs(options.values, "a value", "N=7B")
    found: Any = model.predict(at, **_level(model, options))
    show(found, options, frame=found.to_frame())
    return OK


def add_reach(parser: Any) -> None:
    """Add the options of `reach`."""
    parser.epilog = "example: scalinglaws reach fit.json 2.0 --at N=7B"
    parser.add_argument("model", type=Path, help=_MODEL)
    parser.add_argument("values", nargs="+", metavar="LOSS", help="losses, or other performance")
    _add_at(parser, "all variables but one, such as N=7B, or the group, such as data=c4")
    parser.add_argument(
        "--ratio", type=float, help="of a forecast: tokens per parameter (those of the largest run)"
    )
    _add_level(parser)
    parser.set_defaults(verb=_reach)


def _reach(options: argparse.Namespace) -> int:
    model = _one(model_from(options.model), options)
    asked: dict[str, Any] = {**options.at, **_level(model, options)}
    if options.ratio is not None:
        if not isinstance(model, Forecast | ChainedForecast):
            raise ValueError("--ratio is for forecasts over N and D.")
        asked["ratio"] = options.ratio
    elif isinstance(model, CurveForecast) and options.at:
        raise ValueError("--at is for laws and forecasts in several variables.")
    if options.json or options.csv:
        show(model.reach(options.values, **asked).to_frame(), options)
    else:
        print("\n".join(str(model.reach(value, **asked)) for value in options.values))
    return OK


def _one(model: Loaded | Published, options: argparse.Namespace) -> _One:
    """What predicts one number.

    Raises
    ------
    FileFormatError
        If there are several, or it is one already.
    """
    if not isinstance(model, _One):
        raise FileFormatError(
            f"{options.model} is a saved {type(model).__name__}, which has several predictions or "
            "is one: use `scalinglaws forecast`, or sl.load in Python."
        )
    return model


def _add_level(parser: Any) -> None:
    parser.add_argument(
        "--confidence-level", type=number, default=argparse.SUPPRESS, metavar="NUMBER",
        help="level of the intervals, such as 0.9 (that of the model)",
    )  # fmt: skip


def _level(model: _One, options: argparse.Namespace) -> dict[str, Any]:
    if "confidence_level" not in options:
        return {}
    if isinstance(model, Published):
        raise ValueError(  # noqa: TRY004 - the option is wrong, not the type of the model
            "--confidence-level is for fits and forecasts: published laws have no intervals."
        )
    return {"confidence_level": options.confidence_level}
