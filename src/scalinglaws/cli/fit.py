"""Command-line verbs that fit: ``fit``, ``laws``, the laws to choose from, and ``demo``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pandas as pd

import scalinglaws
from scalinglaws.cli.models import usual_law
from scalinglaws.cli.options import (
    format_options,
    level_of,
    pairs,
    plot_option,
    table_arguments,
    table_options,
)
from scalinglaws.cli.output import DOUBTFUL, OK, draw, save, show
from scalinglaws.fitting import storage
from scalinglaws.fitting.arguments import METHODS
from scalinglaws.fitting.fit import fit
from scalinglaws.fitting.result import Fit
from scalinglaws.numerals import format_variable, parse_number
from scalinglaws.options import OBJECTIVES, SCALES
from scalinglaws.readers import read_runs


def add_demo(verbs: Any) -> None:
    """Add the verb `demo` to the parser's."""
    demo = verbs.add_parser(
        "demo", help="fits, extrapolations and figures for the included runs",
        description="Fits, extrapolations and figures for the included runs, or for your logs.",
        epilog="example: scalinglaws demo --logs wandb/",
    )  # fmt: skip
    demo.add_argument(
        "folder", nargs="?", type=Path, default=Path("scalinglaws-demo"),
        help="output folder of the figures (scalinglaws-demo)",
    )  # fmt: skip
    demo.add_argument("--logs", help="folder of logs, such as wandb/ (the included runs)")
    demo.set_defaults(verb=_demo)


def add_fit(verbs: Any) -> None:
    """Add the verb `fit` to the parser's."""
    fitting = verbs.add_parser(
        "fit", help="law fitted to a table of runs, with intervals and verdict",
        description="Fit a law to a table of runs.",
        epilog="example: scalinglaws fit runs.csv --law chinchilla --save fit.json",
    )  # fmt: skip
    fitting.add_argument(
        "runs", type=Path,
        help="table with one row per run (.csv, .tsv, .json, .jsonl or .parquet)",
    )  # fmt: skip
    fitting.add_argument(
        "--law",
        help="name of a law, or one line of maths (chinchilla for a loss with N and D, else power)",
    )
    table_options(fitting)
    fitting.add_argument("--method", choices=METHODS, default="auto", help="fitting method (auto)")
    fitting.add_argument(
        "--objective",
        choices=("auto", *OBJECTIVES),
        default="auto",
        help="loss of the residuals (auto: squared for log-linear fits, else huber)",
    )
    fitting.add_argument(
        "--delta",
        type=float,
        help="Huber threshold, in units of the residuals (1.345 times their robust scale)",
    )
    fitting.add_argument(
        "--scale",
        choices=SCALES,
        default="log",
        help="residuals of the logarithm or of the level of the performance (log)",
    )
    fitting.add_argument(
        "--fixed", nargs="+", default=[], metavar="E=1.7", help="values of fixed parameters"
    )
    fitting.add_argument(
        "--groups", nargs="+", default=[], metavar="E=data",
        help="parameters with a separate value for each value of a column",
    )  # fmt: skip
    fitting.add_argument(
        "--tied", nargs="+", default=[], metavar="beta=alpha",
        help="parameters set equal to others, or to an expression of them",
    )  # fmt: skip
    fitting.add_argument(
        "--units",
        choices=("check", "trust"),
        default="check",
        help="treatment of columns that look like two units mixed: error, or trust (check)",
    )
    plot_option(fitting)
    fitting.add_argument("--save", type=Path, metavar="FILE", help="output file of the fit, JSON")
    format_options(fitting)
    fitting.set_defaults(verb=_fit)


def add_laws(verbs: Any) -> None:
    """Add the verb `laws` to the parser's."""
    laws = verbs.add_parser(
        "laws", help="list of the named laws, or details of one",
        description="List the named laws, or show the details of one.",
        epilog='example: scalinglaws laws --topic "mixture of experts"',
    )  # fmt: skip
    laws.add_argument("name", nargs="?", help="name of a law, such as gadre (list of all laws)")
    laws.add_argument(
        "--search", default="", metavar="TEXT", help="text that a law's description contains (any)"
    )
    laws.add_argument("--variable", metavar="D", help="variable that a law has (any)")
    laws.add_argument("--topic", help="topic of the laws (any)")
    format_options(laws)
    laws.set_defaults(verb=_laws)


def _demo(options: argparse.Namespace) -> int:
    from scalinglaws.demo import run_demo, run_demo_of_logs

    if options.logs is None:
        run_demo(options.folder)
    else:
        run_demo_of_logs(options.logs, options.folder)
    return OK


def _fit(options: argparse.Namespace) -> int:
    runs = read_runs(options.runs)
    given = table_arguments(options)
    fixed = pairs(options.fixed, "--fixed", "E=1.7")
    fitted = fit(
        runs,
        options.law or usual_law(runs, options.y, given["columns"]),
        **given,
        method=options.method,
        objective=options.objective,
        delta="auto" if options.delta is None else options.delta,
        scale=options.scale,
        fixed={name: parse_number(value) for name, value in fixed.items()},
        tied=pairs(options.tied, "--tied", "beta=alpha"),
        groups=pairs(options.groups, "--groups", "E=data"),
        units=options.units,
        confidence_level=level_of(options),
    )
    if options.json:
        print(json.dumps(storage.to_dict(fitted), allow_nan=False))
    else:
        show(fitted, options, frame=fitted.table, index=True, following=_after_fit(options, fitted))
    if options.save:
        save(fitted, options.save)
    if options.plot:
        draw(fitted.plot, options.plot)
    return OK if fitted.status.good else DOUBTFUL


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


def _after_fit(options: argparse.Namespace, fitted: Fit) -> str:
    """The command after a fit: a prediction from its file, or the file first."""
    if not options.save:
        return f"scalinglaws fit {options.runs} --law {fitted.law.name or 'LAW'} --save fit.json"
    largest = fitted.runs.values
    at = " ".join(
        f"{v}={format_variable(v, float(f'{10 * x.max():.1g}'))}" for v, x in largest.items()
    )
    return f"scalinglaws predict {options.save} {at}"
