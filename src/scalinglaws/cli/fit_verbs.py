"""Command-line verbs from logs to a fit and its page: `read`, `laws`, `fit`, `report`, `demo`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import pandas as pd

import scalinglaws
from scalinglaws.cli.generated_options import (
    TABLE_HELP,
    add_parameters,
    add_plot,
    arguments,
    number,
)
from scalinglaws.cli.models import given_model, usual_law
from scalinglaws.cli.output import DOUBTFUL, OK, draw, print_frame, save, show, write_file
from scalinglaws.errors import FileFormatError
from scalinglaws.fitting import storage
from scalinglaws.fitting.fit import fit
from scalinglaws.fitting.result import Fit
from scalinglaws.forecasting.curve import CurveForecast
from scalinglaws.forecasting.forecast import Forecast
from scalinglaws.forecasting.make import forecast
from scalinglaws.numerals import format_variable
from scalinglaws.readers import read_runs

_DEFAULT_LAW = "(chinchilla for a loss with N and D, else power)"
_NO_LAW = "none"
_WEIGHTS = {"help": "column of weights, relative precisions (equal weights)"}
_DELTA = {"help": "Huber threshold, in units of the residuals (1.345 times their robust scale)"}


def add_demo(parser: Any) -> None:
    """Add the options of `demo`."""
    parser.epilog = "example: scalinglaws demo --logs wandb/"
    parser.add_argument(
        "folder", nargs="?", type=Path, default=Path("scalinglaws-demo"),
        help="output folder of the figures (scalinglaws-demo)",
    )  # fmt: skip
    parser.add_argument("--logs", help="folder of logs, such as wandb/ (the included runs)")
    parser.set_defaults(verb=_demo)


def _demo(options: argparse.Namespace) -> int:
    from scalinglaws.demo import run_demo, run_demo_of_logs

    if options.logs is None:
        run_demo(options.folder)
    else:
        run_demo_of_logs(options.logs, options.folder)
    return OK


def add_read(parser: Any) -> None:
    """Add the options of `read`."""
    parser.epilog = "example: scalinglaws read logs/ --every eval --N sizes.csv -o runs.csv"
    add_parameters(
        parser, read_runs, left_out=["on_error"],
        path={"nargs": "+", "metavar": "PATH", "help": "files, folders, patterns or archives"},
        N={"help": "parameters: a number, a table of run and number, or a pattern (from the logs)"},
        D={"help": "training tokens: as --N, or an expression such as 'step * 524288' (from the "
                   "logs)"},
    )  # fmt: skip
    parser.add_argument(
        "--skip", action="store_true", help="skip and list damaged files (stop at the first)"
    )
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE",
        help="output file, .csv or .parquet (CSV on the terminal)",
    )  # fmt: skip
    parser.set_defaults(verb=_read)


def _read(options: argparse.Namespace) -> int:
    file = options.output
    if file is not None and file.suffix not in {".csv", ".parquet"}:
        raise ValueError(f"-o needs a name that ends in .csv or .parquet; got {file}.")
    on_error: Any = "skip" if options.skip else "raise"
    given = {"workers": options.progress.map, **arguments(options, read_runs)}
    runs = read_runs(**given, on_error=on_error)
    print(runs.attrs["source"], file=sys.stderr)
    if file is None:
        print_frame(runs, options)
    elif file.suffix == ".parquet":
        runs.to_parquet(file, index=False)
    else:
        runs.to_csv(file, index=False)
    return OK


def add_laws(parser: Any) -> None:
    """Add the options of `laws`."""
    parser.epilog = 'example: scalinglaws laws --topic "mixture of experts"'
    parser.add_argument("name", nargs="?", help="name of a law, such as gadre (list of all laws)")
    parser.add_argument(
        "--search", default="", metavar="TEXT", help="text that a law's description contains (any)"
    )
    parser.add_argument("--variable", metavar="D", help="variable that a law has (any)")
    parser.add_argument("--topic", help="topic of the laws (any)")
    parser.set_defaults(verb=_laws)


def _laws(options: argparse.Namespace) -> int:
    laws = scalinglaws.laws
    if options.name is not None:
        about = laws.about(options.name)
        table = pd.DataFrame(list(about.describe()), columns=["about", "text"])
        example = f"scalinglaws fit runs.csv --law {options.name}"
        show(about, options, frame=table, following=example)
        return OK
    found = laws.search(options.search, variable=options.variable, topic=options.topic)
    if not found:
        raise ValueError("No law matches; the topics are " + ", ".join(laws.topics) + ".")
    first = next(iter(found))
    show(found, options, frame=found.table, index=True, following=f"scalinglaws laws {first}")
    return OK


def add_fit(parser: Any) -> None:
    """Add the options of `fit`."""
    parser.epilog = "example: scalinglaws fit runs.csv --law chinchilla --save fit.json"
    add_parameters(
        parser, fit, left_out=["bounds", "start"], weights=_WEIGHTS, delta=_DELTA,
        law={"help": f"name of a law, or one line of maths {_DEFAULT_LAW}"},
    )  # fmt: skip
    add_plot(parser)
    parser.add_argument("--save", type=Path, metavar="FILE", help="output file of the fit, JSON")
    parser.set_defaults(verb=_fit)


def _fit(options: argparse.Namespace) -> int:
    fitted = _fitted(options)
    if options.json:
        print(json.dumps(storage.to_dict(fitted), allow_nan=False))
    else:
        show(fitted, options, frame=fitted.table, index=True, following=_after_fit(options, fitted))
    if options.save:
        save(fitted, options.save)
    if options.plot:
        draw(fitted.plot, options.plot)
    return OK if fitted.status.good else DOUBTFUL


def _fitted(options: argparse.Namespace) -> Fit:
    """The law that was asked for, or the usual one, on a table."""
    given = arguments(options, fit)
    if "law" not in given:
        given["law"] = usual_law(given["runs"], given.get("y"), given.get("columns", {}))
    return fit(**given)


def _after_fit(options: argparse.Namespace, fitted: Fit) -> str:
    """The command after a fit: a prediction from its file, or the file first."""
    if not options.save:
        return f"scalinglaws fit {options.runs} --law {fitted.law.name or 'LAW'} --save fit.json"
    largest = fitted.runs.values
    at = " ".join(
        f"{v}={format_variable(v, float(f'{10 * x.max():.1g}'))}" for v, x in largest.items()
    )
    return f"scalinglaws predict {options.save} {at}"


def add_report(parser: Any) -> None:
    """Add the options of `report`."""
    parser.epilog = (
        "example: scalinglaws report runs.csv -o page.html --law chinchilla --budget 1e24"
    )
    add_parameters(
        parser, fit, left_out=["bounds", "start"], weights=_WEIGHTS, delta=_DELTA,
        runs={"help": f"{TABLE_HELP}, or file written by --save"},
        law={"help": "name of a law, or one line of maths; none for a forecast alone "
                     f"{_DEFAULT_LAW}"},
    )  # fmt: skip
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FILE", help="output file, .html"
    )
    parser.add_argument(
        "--budget", nargs="+", type=number, metavar="NUMBER",
        help="training compute in FLOPs of the plans, the first in the headline (ten times the "
        "largest run)",
    )  # fmt: skip
    parser.set_defaults(verb=_report)


def _report(options: argparse.Namespace) -> int:
    from scalinglaws.report.page import write_report

    model = _reported(options)
    write_file(lambda file: write_report(model, file, C=options.budget), options.output)
    return DOUBTFUL if isinstance(model, Fit) and not model.status.good else OK


def _reported(options: argparse.Namespace) -> Fit | Forecast | CurveForecast:
    """A saved fit or forecast, or the law, or the forecast, of a table."""
    model = given_model(options)
    if model is not None:
        if not isinstance(model, Fit | Forecast | CurveForecast):
            raise FileFormatError(
                f"{options.runs} is a saved {type(model).__name__}; a report is of a fit, or of "
                "one forecast."
            )
        return model
    if getattr(options, "law", None) == _NO_LAW:
        del options.law
        found: Forecast = forecast(**arguments(options, forecast))
        return found
    return _fitted(options)
