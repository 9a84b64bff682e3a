"""The command line: its parser, and messages in the terminal's vocabulary.

Exit status: 0 for success, 1 for invalid data or arguments, 3 for a fit with a doubtful verdict.
"""

from __future__ import annotations

import argparse
import difflib
import sys
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from typing import Any

import scalinglaws
from scalinglaws.cli.progress import shown_progress
from scalinglaws.cli.vocabulary import FUNCTIONS, in_terminal, nearest_verb, option_strings
from scalinglaws.errors import ScalingLawError, ScalingLawWarning
from scalinglaws.escaping import for_terminal

# Each verb: the module whose `add_` function has its options, and what it makes.
VERBS = {
    "demo": ("fit_verbs", "fits, extrapolations and figures for the included runs"),
    "forecast": ("forecast_verbs", "forecast of larger runs, without choosing a law"),
    "backtest": ("forecast_verbs", "back-test: predictions of the larger runs from the smaller"),
    "compare": ("forecast_verbs", "comparison of several laws and the forecast"),
    "fit": ("fit_verbs", "law fitted to a table of runs, with intervals and verdict"),
    "predict": ("forecast_verbs", "prediction of a saved fit, a forecast or a published law"),
    "reach": ("forecast_verbs", "compute, data or size at which a prediction comes to a value"),
    "laws": ("fit_verbs", "list of the named laws, or details of one"),
    "plan": ("plan_verbs", "compute-optimal parameters and tokens of a saved fit"),
    "judge": ("plan_verbs", "regret of a trained model relative to the compute-optimal one"),
    "overtrain": ("plan_verbs", "extra compute for a smaller model at equal loss"),
    "serve": ("plan_verbs", "model with the least cost of training and serving"),
    "repeat": ("plan_verbs", "optimal epochs and size for limited unique tokens"),
    "next": ("plan_verbs", "next runs that reduce a prediction's uncertainty most"),
    "report": ("fit_verbs", "page with verdicts, forecast, planner, runs and coefficients"),
    "isoflop": ("analysis_verbs", "optimal size at each budget of a table, and its power law"),
    "envelope": ("analysis_verbs", "optimal size along the lower envelope of training curves"),
    "approaches": ("analysis_verbs", "optimal size by envelope, IsoFLOP and law, with biases"),
    "gain": ("analysis_verbs", "compute saved by one training recipe relative to another"),
    "simulate": ("analysis_verbs", "simulated runs of a law on a given design"),
    "count": ("analysis_verbs", "parameters and FLOPs of a Hugging Face config.json"),
    "bill": ("analysis_verbs", "accelerator hours, cost and energy of training runs"),
    "read": ("fit_verbs", "table of runs from logs, with the source of each column"),
}
_OK, _WRONG = 0, 1  # exit status
_WITHOUT_TABLE = ("demo", "report")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and return the exit status."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    name = FUNCTIONS.get(given[0], given[0]) if given else ""
    parser, chosen = build_parser(name)
    if chosen is None and name and not name.startswith("-"):
        near = nearest_verb(name, VERBS)
        hint = f" Did you mean `scalinglaws {near}`?" if near else ""
        parser.error(f"there is no verb {name!r}.{hint} `scalinglaws --help` lists them.")
    known = option_strings(chosen) if chosen else ()
    try:
        if chosen:
            _check_options(chosen, given[1:], known)
        options = parser.parse_args([name, *given[1:]] if chosen else given)
        if not hasattr(options, "verb"):
            parser.print_help()
            return _OK
        verb: Callable[[argparse.Namespace], int] = options.verb
        options.name_of_verb, options.known = name, known
        with warnings.catch_warnings():
            warnings.simplefilter("always", ScalingLawWarning)
            warnings.showwarning = partial(_show_warning, known)
            with shown_progress(name) as options.progress:
                return verb(options)
    except BrokenPipeError:  # the reader of a pipe has seen enough
        sys.stderr.close()
        return _OK
    except (ScalingLawError, ValueError, OSError, ImportError) as error:
        message = in_terminal(for_terminal(str(error)), known)
        print(f"error: {message}", file=sys.stderr)
        return _WRONG


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


def _check_options(parser: argparse.ArgumentParser, given: list[str], known: Sequence[str]) -> None:
    """Refuse an option that the verb does not have, with the nearest that it has."""
    for word in given:
        option = word.partition("=")[0]
        if option[:2] == "--" and option != "--" and not any(o.startswith(option) for o in known):
            near = difflib.get_close_matches(option, known, n=1)
            hint = f" Did you mean {near[0]}?" if near else " `--help` lists its options."
            parser.error(f"there is no option {option}.{hint}")


def build_parser(verb: str) -> tuple[argparse.ArgumentParser, argparse.ArgumentParser | None]:
    """The parser of all verbs, and that of one verb, which alone has its options."""
    parser = argparse.ArgumentParser(
        prog="scalinglaws", description=(scalinglaws.__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--version", action="version", version=scalinglaws.__version__)
    verbs = parser.add_subparsers(title="verbs", metavar="VERB")
    for name, (module, text) in VERBS.items():
        one = verbs.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        if name == verb:
            getattr(import_module(f"scalinglaws.cli.{module}"), f"add_{name}")(one)
            if name not in _WITHOUT_TABLE:
                _add_formats(one)
    return parser, verbs.choices.get(verb)


def _add_formats(parser: argparse.ArgumentParser) -> None:
    """The formats of a table."""
    formats = parser.add_mutually_exclusive_group()
    formats.add_argument("--csv", action="store_true", help="CSV output with all digits")
    formats.add_argument("--json", action="store_true", help="JSON output with all digits")
