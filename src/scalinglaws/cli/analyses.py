"""Command-line verbs for analyses of tables: optimal sizes, recipes and simulated runs."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from scalinglaws.cli.models import law_from
from scalinglaws.cli.options import (
    LAW_HELP,
    level_of,
    level_option,
    number,
    numbers_option,
    plot_option,
    verb,
)
from scalinglaws.cli.output import draw, show
from scalinglaws.planning import (
    Envelope,
    IsoFLOP,
    approaches,
    compare_recipes,
    envelope,
    gain,
    isoflop,
    simulate,
)
from scalinglaws.planning.isoflop_profiles import METHODS
from scalinglaws.planning.recipes import SHARED
from scalinglaws.readers import read_runs


def add_analyses(verbs: Any) -> None:
    """Add these verbs to the parser's."""
    _add_isoflop(verbs)
    _add_envelope(verbs)
    _add_approaches(verbs)
    _add_gain(verbs)
    _add_simulate(verbs)


def _runs_option(parser: Any) -> None:
    parser.add_argument("runs", type=Path, help="table with one row per run")
    parser.add_argument("--y", help="performance column (recognised by common names)")
    level_option(parser)


def _truth_option(parser: Any) -> None:
    parser.add_argument(
        "--truth", default="chinchilla", help="true law assumed for the bias (chinchilla)"
    )


def _profile_options(parser: Any) -> None:
    numbers_option(parser, "--budgets", "budgets of the profiles, in FLOPs (those of the table)")
    parser.add_argument(
        "--tolerance",
        type=float,
        default=0.05,
        help="largest relative deviation of C from a budget (0.05)",
    )
    parser.add_argument(
        "--method", choices=METHODS, default="parabola", help="curve fitted to a profile (parabola)"
    )


def _profile(options: argparse.Namespace) -> dict[str, Any]:
    return {
        "budgets": options.budgets, "tolerance": options.tolerance, "method": options.method,
    }  # fmt: skip


def _add_isoflop(verbs: Any) -> None:
    parser = verb(
        verbs, "isoflop", "optimal size at each budget of a table, and its power law", _isoflop,
        "runs.csv --budget 1e24 --plot profiles.png",
    )  # fmt: skip
    _runs_option(parser)
    _profile_options(parser)
    _truth_option(parser)
    parser.add_argument(
        "--exponent-prior", nargs=2, type=float, metavar=("MEAN", "SD"),
        help="normal prior of the exponent of N, such as 0.5 0.15 (none)",
    )  # fmt: skip
    numbers_option(parser, "--budget", "budgets for extrapolation, in FLOPs (none)")
    plot_option(parser)


def _isoflop(options: argparse.Namespace) -> int:
    found = isoflop(
        read_runs(options.runs), y=options.y, truth=options.truth,
        exponent_prior=options.exponent_prior,
        confidence_level=level_of(options), **_profile(options),
    )  # fmt: skip
    _show_trend(found, found.optima, options)
    if options.plot:
        from scalinglaws.plotting import plot_isoflop

        draw(lambda: plot_isoflop(found), options.plot)
    return 0


def _add_envelope(verbs: Any) -> None:
    parser = verb(
        verbs, "envelope", "optimal size along the lower envelope of training curves", _envelope,
        "runs.csv --budget 1e24",
    )  # fmt: skip
    _runs_option(parser)
    _truth_option(parser)
    numbers_option(parser, "--budget", "budgets for extrapolation, in FLOPs (none)")


def _envelope(options: argparse.Namespace) -> int:
    found = envelope(
        read_runs(options.runs), y=options.y, truth=options.truth,
        confidence_level=level_of(options),
    )  # fmt: skip
    _show_trend(found, found.exponents.reset_index(), options)
    return 0


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


def _add_approaches(verbs: Any) -> None:
    parser = verb(
        verbs, "approaches", "optimal size by envelope, IsoFLOP and law, with biases", _approaches,
        "runs.csv fit.json --budget 1e24",
    )  # fmt: skip
    _runs_option(parser)
    parser.add_argument("fit", type=Path, help="saved fit of a law to these runs")
    parser.add_argument(
        "--budget", type=number, required=True, help="budget of the comparison, in FLOPs"
    )
    _profile_options(parser)


def _approaches(options: argparse.Namespace) -> int:
    frame = approaches(
        read_runs(options.runs), law_from(options.fit), C=options.budget, y=options.y,
        confidence_level=level_of(options), **_profile(options),
    )  # fmt: skip
    show(frame, options, index=True)
    return 0


def _add_gain(verbs: Any) -> None:
    parser = verb(
        verbs, "gain", "compute saved by one training recipe relative to another", _gain,
        "runs.csv --by recipe --plot gain.png",
    )  # fmt: skip
    parser.add_argument(
        "files", type=Path, nargs="+", help="two saved fits, or one table of runs with --by"
    )
    numbers_option(parser, "--budget", "compute of the first recipe, in FLOPs")
    parser.add_argument("--by", help="column with the recipe of each run")
    parser.add_argument(
        "--baseline", help="with --by: recipe to compare with (that of the first run)"
    )
    parser.add_argument(
        "--law", default="chinchilla", help="with --by: law of each recipe (chinchilla)"
    )
    parser.add_argument(
        "--shared",
        choices=SHARED,
        default="nothing",
        help="with --by: parameters shared by the recipes (nothing)",
    )
    level_option(parser)
    plot_option(parser)


def _gain(options: argparse.Namespace) -> int:
    files: Sequence[Path] = options.files
    level = options.confidence_level
    if options.by is not None and len(files) == 1:
        found = compare_recipes(
            read_runs(files[0]), options.by, options.law, C=options.budget,
            baseline=options.baseline, shared=options.shared, confidence_level=level_of(options),
        )  # fmt: skip
    elif options.by is None and len(files) == 2:
        if options.budget is None:
            raise ValueError("Two fits need --budget: the compute at which to compare them.")
        found = gain(
            law_from(files[0]), law_from(files[1]), C=options.budget, confidence_level=level
        )
    else:
        raise ValueError("Give two saved fits, or one table of runs with --by.")
    show(found, options, frame=found.table)
    if options.plot:
        from scalinglaws.plotting import plot_gain

        draw(lambda: plot_gain(found), options.plot)
    return 0


def _add_simulate(verbs: Any) -> None:
    parser = verb(
        verbs, "simulate", "simulated runs of a law on a given design", _simulate,
        "chinchilla/epoch2024 design.csv --csv",
    )  # fmt: skip
    parser.add_argument("law", type=Path, help=LAW_HELP)
    parser.add_argument("design", type=Path, help="table with the variables of the law")
    parser.add_argument(
        "--noise",
        type=float,
        default=0.005,
        help="relative standard deviation of a run (0.005)",
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the noise (0)")


def _simulate(options: argparse.Namespace) -> int:
    law = law_from(options.law)
    frame = simulate(law, read_runs(options.design), options.noise, rng=options.seed)
    show(frame, options)
    return 0
