"""Command line: ``scalinglaws demo``, ``fit``, ``predict``, ``laws``, and all other verbs.

Exit status: 0 for success, 1 for invalid data or arguments, 3 for a fit with a doubtful verdict.
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

import scalinglaws
from scalinglaws.cli_designs import add_designs
from scalinglaws.cli_forecast import add_forecasts
from scalinglaws.cli_plans import add_plans
from scalinglaws.cli_predict import add_predictions
from scalinglaws.cli_read import add_read
from scalinglaws.cli_report import add_report
from scalinglaws.cli_tables import format_options, save, show, usual_law
from scalinglaws.cli_words import in_terminal, nearest_verb, option_strings
from scalinglaws.errors import ScalingLawError, ScalingLawWarning
from scalinglaws.escaping import for_terminal
from scalinglaws.fitting import storage
from scalinglaws.fitting.arguments import METHODS
from scalinglaws.fitting.fit import fit
from scalinglaws.fitting.result import Fit
from scalinglaws.numerals import format_variable, parse_number
from scalinglaws.options import OBJECTIVES, SCALES
from scalinglaws.readers import read_runs

OK, WRONG, DOUBTFUL = 0, 1, 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and return the exit status."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    parser, verbs = _parser()
    if given and not given[0].startswith("-") and given[0] not in verbs:
        near = nearest_verb(given[0], verbs)
        hint = f" Did you mean `scalinglaws {near}`?" if near else ""
        parser.error(f"there is no verb {given[0]!r}.{hint} `scalinglaws --help` lists them.")
    options = parser.parse_args(given)
    if not hasattr(options, "verb"):
        parser.print_help()
        return OK
    verb: Callable[[argparse.Namespace], int] = options.verb
    options.name_of_verb, options.known = given[0], option_strings(verbs[given[0]])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always", ScalingLawWarning)
            warnings.showwarning = partial(_show_warning, options.known)
            return verb(options)
    except BrokenPipeError:  # the reader of a pipe has seen enough
        sys.stderr.close()
        return OK
    except (ScalingLawError, ValueError, OSError, ImportError) as error:
        message = in_terminal(for_terminal(str(error)), options.known)
        print(f"error: {message}", file=sys.stderr)
        return WRONG


def _show_warning(
    known: Sequence[str],
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    *_: Any,
) -> None:
    if issubclass(category, ScalingLawWarning):
        print(f"warning: {in_terminal(str(message), known)}", file=sys.stderr)
    else:
        print(warnings.formatwarning(message, category, filename, lineno), file=sys.stderr, end="")


def _parser() -> tuple[argparse.ArgumentParser, Mapping[str, argparse.ArgumentParser]]:
    """The parser, and those of the verbs."""
    parser = argparse.ArgumentParser(
        prog="scalinglaws", description=(scalinglaws.__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--version", action="version", version=scalinglaws.__version__)
    verbs = parser.add_subparsers(title="verbs", metavar="VERB")
    _add_demo(verbs)
    add_forecasts(verbs)
    _add_fit(verbs)
    add_predictions(verbs)
    _add_laws(verbs)
    add_plans(verbs)
    add_report(verbs)
    add_designs(verbs)
    add_read(verbs)
    return parser, verbs.choices


def _add_demo(verbs: Any) -> None:
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


def _add_fit(verbs: Any) -> None:
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
    fitting.add_argument("--y", help="performance column (recognised by common names)")
    fitting.add_argument(
        "--columns",
        nargs="+",
        default=[],
        metavar="N=params",
        help="column of each variable of the law (recognised by common names)",
    )
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
    fitting.add_argument("--weights", help="column of weights (equal weights)")
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
        "--missing",
        choices=("raise", "drop"),
        default="raise",
        help="treatment of runs with unusable values: error, or drop (raise)",
    )
    fitting.add_argument(
        "--units",
        choices=("check", "trust"),
        default="check",
        help="treatment of columns that look like two units mixed: error, or trust (check)",
    )
    fitting.add_argument(
        "--confidence-level", type=float, default=0.95, help="level of the intervals (0.95)"
    )
    fitting.add_argument(
        "--plot", type=Path, metavar="FILE", help="output file of the figure (.png, .pdf or .svg)"
    )
    fitting.add_argument("--save", type=Path, metavar="FILE", help="output file of the fit, JSON")
    format_options(fitting)
    fitting.set_defaults(verb=_fit)


def _add_laws(verbs: Any) -> None:
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
    columns = dict(_pair(item, "--columns", str, "N=params") for item in options.columns)
    fitted = fit(
        runs,
        options.law or usual_law(runs, options.y, columns),
        y=options.y,
        columns=columns,
        method=options.method,
        objective=options.objective,
        delta="auto" if options.delta is None else options.delta,
        scale=options.scale,
        weights=options.weights,
        fixed=dict(_pair(item, "--fixed", parse_number, "E=1.7") for item in options.fixed),
        tied=dict(_pair(item, "--tied", str, "beta=alpha") for item in options.tied),
        groups=dict(_pair(item, "--groups", str, "E=data") for item in options.groups),
        missing=options.missing,
        units=options.units,
        confidence_level=options.confidence_level,
    )
    if options.json:
        print(json.dumps(storage.to_dict(fitted), allow_nan=False))
    else:
        show(fitted, options, frame=fitted.table, index=True, following=_after_fit(options, fitted))
    if options.save:
        save(fitted, options.save)
    if options.plot:
        import matplotlib as mpl

        from scalinglaws.plotting.axes import figure_of

        mpl.use("Agg")
        figure_of(fitted.plot()).savefig(options.plot, dpi=150)
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


def _pair(
    text: str, option: str, read: Callable[[str], Any], example: str = "N=7B"
) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name or not value:
        raise ValueError(f"{option} is written NAME=VALUE, such as {example}; got {text!r}.")
    return name.strip(), read(value.strip())
