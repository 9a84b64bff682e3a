"""The terminal's verbs about tables of runs, shapes of models, and money."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from scalinglaws.cli_tables import (
    LAW_HELP,
    draw,
    law_from,
    level_option,
    markdown,
    numbers_option,
    plot_option,
    say,
    show,
    verb,
)
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
from scalinglaws.planning.cost_estimate import PEAKS
from scalinglaws.planning.isoflop_profiles import METHODS
from scalinglaws.planning.recipes import SHARED
from scalinglaws.readers import read_runs


def add_designs(verbs: Any) -> None:
    """Add these verbs to the parser's."""
    _add_isoflop(verbs)
    _add_envelope(verbs)
    _add_approaches(verbs)
    _add_gain(verbs)
    _add_simulate(verbs)
    _add_count(verbs)
    _add_bill(verbs)


# --- from runs alone -------------------------------------------------------------------------


def _runs_option(parser: Any) -> None:
    parser.add_argument("runs", type=Path, help="a table, one row per run")
    parser.add_argument("--y", help="the performance column (found by its usual names)")
    level_option(parser)


def _truth_option(parser: Any) -> None:
    parser.add_argument(
        "--truth", default="chinchilla", help="law that the stated bias refers to (chinchilla)"
    )


def _profile_options(parser: Any) -> None:
    numbers_option(parser, "--budgets", "budgets in FLOPs (found in the table)")
    parser.add_argument(
        "--tolerance",
        type=float,
        default=0.05,
        help="largest relative deviation of C from a budget (0.05)",
    )
    parser.add_argument(
        "--method", choices=METHODS, default="parabola", help="curve of a profile (parabola)"
    )


def _profile(options: argparse.Namespace) -> dict[str, Any]:
    return {
        "budgets": options.budgets, "tolerance": options.tolerance, "method": options.method,
    }  # fmt: skip


def _add_isoflop(verbs: Any) -> None:
    parser = verb(
        verbs, "isoflop", "best size on each budget of a table, and its power law", _isoflop,
        "runs.csv --budget 1e24 --plot profiles.png",
    )  # fmt: skip
    _runs_option(parser)
    _profile_options(parser)
    _truth_option(parser)
    numbers_option(parser, "--budget", "further budgets, to which the power law is extrapolated")
    plot_option(parser)


def _isoflop(options: argparse.Namespace) -> int:
    found = isoflop(
        read_runs(options.runs), y=options.y, truth=options.truth,
        confidence_level=options.confidence_level or 0.95, **_profile(options),
    )  # fmt: skip
    say(f"{found}\n", options)
    _show_trend(found, found.optima, options)
    if options.plot:
        from scalinglaws.plotting import plot_isoflop

        draw(lambda: plot_isoflop(found), options.plot)
    return 0


def _add_envelope(verbs: Any) -> None:
    parser = verb(
        verbs, "envelope", "best size along the lower envelope of training curves", _envelope,
        "runs.csv --budget 1e24",
    )  # fmt: skip
    _runs_option(parser)
    _truth_option(parser)
    numbers_option(parser, "--budget", "further budgets, to which the power law is extrapolated")


def _envelope(options: argparse.Namespace) -> int:
    found = envelope(
        read_runs(options.runs), y=options.y, truth=options.truth,
        confidence_level=options.confidence_level or 0.95,
    )  # fmt: skip
    say(f"{found}\n", options)
    _show_trend(found, found.exponents.reset_index(), options)
    return 0


def _show_trend(
    found: IsoFLOP | Envelope, table: pd.DataFrame, options: argparse.Namespace
) -> None:
    show(table if options.budget is None else found.predict(options.budget), options)


def _add_approaches(verbs: Any) -> None:
    parser = verb(
        verbs, "approaches", "best size by envelope, IsoFLOP and law, with biases", _approaches,
        "runs.csv fit.json --budget 1e24",
    )  # fmt: skip
    _runs_option(parser)
    parser.add_argument("fit", type=Path, help="saved fit of a law to these runs")
    parser.add_argument(
        "--budget", type=parse_number, required=True, help="budget to compare at, in FLOPs"
    )
    _profile_options(parser)


def _approaches(options: argparse.Namespace) -> int:
    frame = approaches(
        read_runs(options.runs), law_from(options.fit), C=options.budget, y=options.y,
        confidence_level=options.confidence_level or 0.95, **_profile(options),
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
    parser.add_argument("--baseline", help="with --by: the first recipe (that of the first run)")
    parser.add_argument("--law", default="chinchilla", help="with --by: law to fit (chinchilla)")
    parser.add_argument(
        "--shared",
        choices=SHARED,
        default="nothing",
        help="with --by: what recipes share (nothing)",
    )
    level_option(parser)
    plot_option(parser)


def _gain(options: argparse.Namespace) -> int:
    files: Sequence[Path] = options.files
    level = options.confidence_level
    if options.by is not None and len(files) == 1:
        found = compare_recipes(
            read_runs(files[0]), options.by, options.law, C=options.budget,
            baseline=options.baseline, shared=options.shared, confidence_level=level or 0.95,
        )  # fmt: skip
    elif options.by is None and len(files) == 2:
        if options.budget is None:
            raise ValueError("Two fits need --budget: the compute at which to compare them.")
        found = gain(
            law_from(files[0]), law_from(files[1]), C=options.budget, confidence_level=level
        )
    else:
        raise ValueError("Give two saved fits, or one table of runs with --by.")
    show(found.table, options)
    say(f"\n{found}".partition("\n\n")[0], options)
    if found.tests is not None:
        say(f"\n{markdown(found.tests, index='recipe' not in found.tests)}", options)
    if options.plot:
        from scalinglaws.plotting import plot_gain

        draw(lambda: plot_gain(found), options.plot)
    return 0


def _add_simulate(verbs: Any) -> None:
    parser = verb(
        verbs, "simulate", "simulated runs of a design by a law", _simulate,
        "chinchilla/epoch2024 design.csv --csv",
    )  # fmt: skip
    parser.add_argument("law", type=Path, help=LAW_HELP)
    parser.add_argument("design", type=Path, help="table with the variables of the law")
    parser.add_argument(
        "--noise", type=float, default=0.005, help="relative noise of a run (0.005)"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the noise (0)")


def _simulate(options: argparse.Namespace) -> int:
    law = law_from(options.law)
    frame = simulate(law, read_runs(options.design), options.noise, rng=options.seed)
    show(frame, options)
    return 0


# --- shapes and money --------------------------------------------------------------------------


def _add_count(verbs: Any) -> None:
    parser = verb(
        verbs, "count", "parameters and FLOPs of a Hugging Face config.json", _count,
        "config.json --context 4096",
    )  # fmt: skip
    parser.add_argument("config", type=Path, help="config.json of a model")
    parser.add_argument("--context", type=int, help="sequence length in training")


def _count(options: argparse.Namespace) -> int:
    config = json.loads(options.config.read_text(encoding="utf-8"))
    shape = Transformer.from_config(config, context=options.context)
    if options.json:
        print(json.dumps({"N": shape.N, "N_active": shape.N_active, "N_no_emb": shape.N_no_emb}))
        return 0
    flops = shape.flops()
    if options.csv:
        show(flops, options, index=True)
        return 0
    parts = shape.parameters()
    print(markdown(parts.map("{:,}".format), index=True))
    print(f"\nwithout embeddings and head: {shape.N_no_emb:,}\n")
    print(markdown(flops.round(4), index=True))
    return 0


def _add_bill(verbs: Any) -> None:
    parser = verb(
        verbs, "bill", "accelerator hours, money and energy of training runs", _bill,
        "5.76e23 --device H100 --utilisation 0.4 --price 2",
    )  # fmt: skip
    numbers_option(parser, "flops", "FLOPs of each run, such as 5.76e23")
    parser.add_argument(
        "--device", required=True, help=f"{', '.join(PEAKS)}, or the peak FLOP/s of another one"
    )
    parser.add_argument("--utilisation", type=float, required=True, help="share of the peak (MFU)")
    parser.add_argument("--price", type=float, help="price of an accelerator hour")
    parser.add_argument("--power", type=float, help="power of an accelerator, in watts")


def _bill(options: argparse.Namespace) -> int:
    device = options.device if options.device in PEAKS else _peak(options.device)
    frame = bill(
        options.flops, device=device, utilisation=options.utilisation, price=options.price,
        power=options.power,
    )  # fmt: skip
    show(frame, options)
    return 0


def _peak(text: str) -> float | str:
    """FLOP/s; anything else is left for the message that lists the devices."""
    try:
        return parse_number(text)
    except ValueError:
        return text
