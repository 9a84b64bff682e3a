"""Command-line verbs for optimal sizes from tables, recipes, simulated runs, shapes and costs."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd

from scalinglaws.cli.generated_options import add_parameters, add_plot, arguments, number
from scalinglaws.cli.models import law_from
from scalinglaws.cli.output import draw, show
from scalinglaws.errors import FileFormatError
from scalinglaws.numerals import parse_number
from scalinglaws.planning import (
    Envelope,
    IsoFLOP,
    Transformer,
    approaches,
    bill,
    compare_recipes,
    envelope,
    gain,
    isoflop,
    simulate,
)
from scalinglaws.planning.cost import PEAKS
from scalinglaws.readers import read_runs

# The docstrings describe these three together.
_SAMPLING: Any = {
    "confidence_level": {"help": "level of the intervals, such as 0.9"},
    "n_resamples": {"help": "number of random draws behind the intervals"},
    "rng": {"help": "seed of the draws (0)"},
}


def add_isoflop(parser: Any) -> None:
    """Add the options of `isoflop`."""
    parser.epilog = "example: scalinglaws isoflop runs.csv --budget 1e24 --plot profiles.png"
    add_parameters(parser, isoflop, **_SAMPLING)
    _add_extrapolation(parser)
    add_plot(parser)
    parser.set_defaults(verb=_isoflop)


def _isoflop(options: argparse.Namespace) -> int:
    found = isoflop(**arguments(options, isoflop))
    _show_trend(found, found.optima, options)
    if options.plot:
        from scalinglaws.plotting import plot_isoflop

        draw(lambda: plot_isoflop(found), options.plot)
    return 0


def add_envelope(parser: Any) -> None:
    """Add the options of `envelope`."""
    parser.epilog = "example: scalinglaws envelope runs.csv --budget 1e24"
    add_parameters(parser, envelope, **_SAMPLING)
    _add_extrapolation(parser)
    parser.set_defaults(verb=_envelope)


def _envelope(options: argparse.Namespace) -> int:
    found = envelope(**arguments(options, envelope))
    _show_trend(found, found.exponents.reset_index(), options)
    return 0


def _add_extrapolation(parser: Any) -> None:
    """Budgets at which the trend of an analysis is evaluated."""
    parser.add_argument(
        "--budget", nargs="+", type=number, metavar="NUMBER",
        help="budgets for extrapolation, in FLOPs (none)",
    )  # fmt: skip


def _show_trend(
    found: IsoFLOP | Envelope, table: pd.DataFrame, options: argparse.Namespace
) -> None:
    """The analysis, and its trend at other budgets."""
    shown = table if options.budget is None else found.predict(options.budget)
    if options.json or options.csv:
        show(shown, options)
        return
    following = f"scalinglaws {options.name_of_verb} {options.runs} --budget 1e24"
    show(found, options, following="" if options.budget else following)
    if options.budget is not None:
        print()
        show(shown, options)


def add_approaches(parser: Any) -> None:
    """Add the options of `approaches`, and those of `isoflop` that it passes on."""
    parser.epilog = "example: scalinglaws approaches runs.csv fit.json --budget 1e24"
    add_parameters(
        parser, approaches, left_out=["options"], names={"C": "--budget"}, **_SAMPLING
    )  # fmt: skip
    add_parameters(parser, isoflop, left_out=["exponent_prior", "truth"])
    parser.set_defaults(verb=_approaches)


def _approaches(options: argparse.Namespace) -> int:
    show(approaches(**arguments(options, isoflop, approaches)), options, index=True)
    return 0


def add_gain(parser: Any) -> None:
    """Add the options of `gain`: of two fits, or of one table with two recipes or more."""
    parser.epilog = "example: scalinglaws gain runs.csv --by recipe --plot gain.png"
    parser.add_argument(
        "files", type=Path, nargs="+", help="two saved fits, or one table of runs with --by"
    )
    add_parameters(
        parser, gain, names={"C": "--budget"}, left_out=["baseline", "recipe", "variables"],
        **_SAMPLING,
    )  # fmt: skip
    add_parameters(
        parser, compare_recipes, names={"by": "--by"}, left_out=["runs", "C"],
        baseline={"help": "with --by: recipe to compare with (that of the first run)"},
        law={"help": "with --by: law of each recipe (chinchilla)"},
        shared={"help": "with --by: parameters shared by the recipes (nothing)"},
    )  # fmt: skip
    add_plot(parser)
    parser.set_defaults(verb=_gain)


def _gain(options: argparse.Namespace) -> int:
    files: Sequence[Path] = options.files
    found: Any
    if "by" in options and len(files) == 1:
        found = compare_recipes(read_runs(files[0]), **arguments(options, compare_recipes))
    elif "by" not in options and len(files) == 2:
        if "C" not in options:
            raise ValueError("Two fits need --budget: the compute at which to compare them.")
        given = {**arguments(options, gain), "recipe": law_from(files[1])}
        found = gain(**{**given, "baseline": law_from(files[0])})
    else:
        raise ValueError("Give two saved fits, or one table of runs with --by.")
    show(found, options, frame=found.table)
    if options.plot:
        from scalinglaws.plotting import plot_gain

        draw(lambda: plot_gain(found), options.plot)
    return 0


def add_simulate(parser: Any) -> None:
    """Add the options of `simulate`."""
    parser.epilog = "example: scalinglaws simulate chinchilla/epoch2024 design.csv --csv"
    add_parameters(
        parser, simulate, names={"rng": "--seed"}, left_out=["values"],
        noise={"type": number, "help": "relative standard deviation of a run (0.005)"},
    )  # fmt: skip
    parser.set_defaults(verb=_simulate)


def _simulate(options: argparse.Namespace) -> int:
    show(simulate(**arguments(options, simulate)), options)
    return 0


def add_count(parser: Any) -> None:
    """Add the options of `count`."""
    parser.epilog = "example: scalinglaws count config.json --context 4096"
    add_parameters(
        parser, Transformer.from_config, config={"type": Path, "help": "config.json of a model"}
    )
    parser.set_defaults(verb=_count)


def _count(options: argparse.Namespace) -> int:
    try:
        config = json.loads(options.config.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise FileFormatError(f"{options.config} is no config.json: it is not JSON.") from error
    given = {**arguments(options, Transformer.from_config), "config": config}
    shape = Transformer.from_config(**given)
    if options.json:
        print(json.dumps({"N": shape.N, "N_active": shape.N_active, "N_no_emb": shape.N_no_emb}))
        return 0
    if not options.csv:
        show(shape, options)
        print()
    show(shape.flops(), options, index=True)
    return 0


def add_bill(parser: Any) -> None:
    """Add the options of `bill`."""
    parser.epilog = "example: scalinglaws bill 5.76e23 --device H100 --utilisation 0.4 --price 2"
    peaks = f"accelerator ({', '.join(PEAKS)}), or the peak FLOP/s of another one"
    add_parameters(parser, bill, device={"help": peaks})
    parser.set_defaults(verb=_bill)


def _bill(options: argparse.Namespace) -> int:
    given = arguments(options, bill)
    with suppress(ValueError):  # a name; bill lists those that it knows
        given["device"] = parse_number(options.device)
    show(bill(**given), options)
    return 0
