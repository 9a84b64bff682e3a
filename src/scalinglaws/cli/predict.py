"""Command-line verbs of what was saved or published: `predict`, and its inverse, `reach`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from scalinglaws.cli.models import model_from
from scalinglaws.cli.options import level_option, pairs, verb
from scalinglaws.cli.output import show
from scalinglaws.errors import FileFormatError
from scalinglaws.fitting.published import Published
from scalinglaws.fitting.result import Fit
from scalinglaws.forecasting.chained_forecast import ChainedForecast
from scalinglaws.forecasting.curve import CurveForecast
from scalinglaws.forecasting.forecast import Forecast
from scalinglaws.loading import Loaded

_MODEL = "file written by --save, or published law such as chinchilla/epoch2024"
_One = Fit | Published | Forecast | CurveForecast | ChainedForecast


def add_predictions(verbs: Any) -> None:
    """Add the verbs to the parser's."""
    _add_predict(verbs)
    _add_reach(verbs)


def _add_predict(verbs: Any) -> None:
    parser = verb(
        verbs, "predict", "prediction of a saved fit, a forecast or a published law", _predict,
        "fit.json N=7B D=2T",
    )  # fmt: skip
    parser.add_argument("model", type=Path, help=_MODEL)
    parser.add_argument(
        "values", nargs="+", metavar="N=7B", help="value of each variable and index of the law"
    )
    level_option(parser)


def _predict(options: argparse.Namespace) -> int:
    model = _one(model_from(options.model), options)
    at = pairs(options.values, "a value", "N=7B")
    found: Any = model.predict(at, **_level(model, options))
    show(found, options, frame=found.to_frame())
    return 0


def _add_reach(verbs: Any) -> None:
    parser = verb(
        verbs, "reach", "compute, data or size at which a prediction comes to a value", _reach,
        "fit.json 2.0 --at N=7B",
    )  # fmt: skip
    parser.add_argument("model", type=Path, help=_MODEL)
    parser.add_argument("values", nargs="+", metavar="LOSS", help="losses, or other performance")
    parser.add_argument(
        "--at", nargs="+", default=[], metavar="NAME=VALUE",
        help="all variables but one, such as N=7B, or the group, such as data=c4",
    )  # fmt: skip
    parser.add_argument(
        "--ratio", type=float, help="of a forecast: tokens per parameter (those of the largest run)"
    )
    level_option(parser)


def _reach(options: argparse.Namespace) -> int:
    model = _one(model_from(options.model), options)
    asked: dict[str, Any] = {**pairs(options.at, "--at", "N=7B"), **_level(model, options)}
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
    return 0


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


def _level(model: _One, options: argparse.Namespace) -> dict[str, Any]:
    level = options.confidence_level
    if level is not None and isinstance(model, Published):
        raise ValueError(
            "--confidence-level is for fits and forecasts: published laws have no intervals."
        )
    return {} if level is None else {"confidence_level": level}
