"""The command line: its parser, and messages in the terminal's vocabulary.

Exit status: 0 for success, 1 for invalid data or arguments, 3 for a fit with a doubtful verdict.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import scalinglaws
from scalinglaws.cli.analyses import add_analyses
from scalinglaws.cli.costs import add_costs
from scalinglaws.cli.fit import add_demo, add_fit, add_laws
from scalinglaws.cli.forecast import add_forecasts
from scalinglaws.cli.output import OK, WRONG
from scalinglaws.cli.plans import add_plans
from scalinglaws.cli.predict import add_predictions
from scalinglaws.cli.read import add_read
from scalinglaws.cli.report import add_report
from scalinglaws.cli.words import in_terminal, nearest_verb, option_strings
from scalinglaws.errors import ScalingLawError, ScalingLawWarning
from scalinglaws.escaping import for_terminal


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
    add_demo(verbs)
    add_forecasts(verbs)
    add_fit(verbs)
    add_predictions(verbs)
    add_laws(verbs)
    add_plans(verbs)
    add_report(verbs)
    add_analyses(verbs)
    add_costs(verbs)
    add_read(verbs)
    return parser, verbs.choices
