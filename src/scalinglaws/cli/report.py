"""Command-line verb that writes a page: ``scalinglaws report``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from scalinglaws.cli.models import usual_law
from scalinglaws.cli.options import level_of, numbers_option, table_arguments, table_options
from scalinglaws.cli.output import DOUBTFUL, OK, write_file
from scalinglaws.errors import DataError
from scalinglaws.fitting.fit import fit
from scalinglaws.fitting.result import Fit
from scalinglaws.forecasting import saved
from scalinglaws.forecasting.curve import CurveForecast
from scalinglaws.forecasting.forecast import Forecast
from scalinglaws.forecasting.make import forecast
from scalinglaws.loading import load
from scalinglaws.readers import read_runs

_NO_LAW = "none"


def add_report(verbs: Any) -> None:
    """Add the verb to the parser's."""
    parser = verbs.add_parser(
        "report", help="page with verdicts, forecast, planner, runs and coefficients",
        description="Write one HTML page about a table of runs, a saved fit or a saved forecast.",
        epilog="example: scalinglaws report runs.csv -o page.html --law chinchilla --budget 1e24",
    )  # fmt: skip
    parser.add_argument(
        "runs", type=Path, help="table with one row per run, or file written by --save"
    )
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FILE", help="output file, .html"
    )
    parser.add_argument(
        "--law",
        help="name of a law, or one line of maths; none for a forecast alone (chinchilla for a "
        "loss with N and D, else power)",
    )
    numbers_option(
        parser, "--budget",
        "training compute in FLOPs of the plans, the first in the headline (ten times the largest "
        "run)",
    )  # fmt: skip
    table_options(parser)
    parser.set_defaults(verb=_report)


def _report(options: argparse.Namespace) -> int:
    from scalinglaws.report.page import write_report

    model = _model(options)
    write_file(lambda file: write_report(model, file, C=options.budget), options.output)
    return DOUBTFUL if isinstance(model, Fit) and not model.status.good else OK


def _model(options: argparse.Namespace) -> Fit | Forecast | CurveForecast:
    """A saved fit or forecast, or the law, or the forecast, of a table."""
    given = table_arguments(options)
    if options.runs.suffix == ".json" and saved.is_saved(options.runs):
        if options.law is not None or any(given[name] for name in ("y", "columns", "weights")):
            raise DataError(f"{options.runs} is a saved model: it has its law, y and columns.")
        model = load(options.runs)
        if not isinstance(model, Fit | Forecast | CurveForecast):
            raise DataError(
                f"{options.runs} is a saved {type(model).__name__}; a report is of a fit, or of "
                "one forecast."
            )
        return model
    runs = read_runs(options.runs)
    if options.law == _NO_LAW:
        found: Forecast = forecast(runs, **given, confidence_level=level_of(options))
        return found
    law = options.law or usual_law(runs, options.y, given["columns"])
    return fit(runs, law, **given, confidence_level=level_of(options))
