"""The terminal's verbs of planning; their tables are Markdown, to go into a document."""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from scalinglaws.errors import ScalingLawWarning
from scalinglaws.fitting.result import load
from scalinglaws.numerals import (
    format_compute,
    format_count,
    format_plain,
    format_signed,
    parse_number,
)
from scalinglaws.planning import (
    Transformer,
    compare_recipes,
    envelope,
    gain,
    isoflop,
    limited_data,
    near_optimal,
    next_runs,
    optimal,
    overtraining,
    serving,
)
from scalinglaws.readers import read_runs

_COMPUTE = {"C", "C_recipe", "training", "serving", "total", "flops_per_token"}
_COUNTS = {
    "N", "D", "served", "unique", "smallest", "largest", "true N", "parameters", "active",
}  # fmt: skip
_PERCENT = {"overhead", "saving", "N_bias", "D_bias"}


def add_plans(verbs: Any) -> None:
    """Add every verb of planning to the parser's."""
    _add_plan(verbs)
    _add_overtrain(verbs)
    _add_serve(verbs)
    _add_repeat(verbs)
    _add_isoflop(verbs)
    _add_gain(verbs)
    _add_next(verbs)
    _add_count(verbs)


# --- tables ----------------------------------------------------------------------------------


def markdown(frame: pd.DataFrame, *, index: bool = False) -> str:
    """A frame as a Markdown table; estimates and their intervals share a cell.

    Columns that are empty throughout are left out.
    """
    shown = frame.reset_index() if index else frame
    cells: dict[str, list[str]] = {}
    for name in shown.columns:
        column = str(name)
        if column.endswith(("_low", "_high")) and column.rsplit("_", 1)[0] in shown.columns:
            continue
        texts = [_cell(shown.iloc[row], column) for row in range(len(shown))]
        if any(texts):
            cells[column] = texts
    widths = {name: max(len(name), *map(len, texts)) for name, texts in cells.items()}
    head = "| " + " | ".join(name.ljust(widths[name]) for name in cells) + " |"
    rule = "|" + "|".join("-" * (widths[name] + 2) for name in cells) + "|"
    body = [
        "| " + " | ".join(texts[row].ljust(widths[name]) for name, texts in cells.items()) + " |"
        for row in range(len(shown))
    ]
    return "\n".join([head, rule, *body])


def _cell(row: pd.Series, name: str) -> str:
    text = _written(name, row[name])
    low, high = row.get(f"{name}_low"), row.get(f"{name}_high")
    if text and low is not None and pd.notna(low):
        text += f" ({_written(name, low)} to {_written(name, high)})"
    return text


def _written(name: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    if pd.isna(value):
        return ""
    number = float(value)
    if name in _PERCENT:
        return f"{format_signed(100 * number)} %"
    if name in _COMPUTE:
        return format_compute(number)
    return format_count(number) if name in _COUNTS else format_plain(number)


def _print(frame: pd.DataFrame, options: argparse.Namespace, *, index: bool = False) -> None:
    if options.json:
        shown = frame.reset_index() if index else frame
        print(json.dumps(json.loads(shown.to_json(orient="records")), allow_nan=False))
    else:
        print(markdown(frame, index=index))


# --- verbs -----------------------------------------------------------------------------------


def _verb(verbs: Any, name: str, text: str, run: Callable[[argparse.Namespace], int]) -> Any:
    parser = verbs.add_parser(name, help=text)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.set_defaults(verb=run)
    return parser


def _fitted(parser: Any, *, level: bool = True) -> None:
    parser.add_argument("fit", type=Path, help="a file that fit --save wrote")
    parser.add_argument(
        "--cost", type=parse_number, default=6.0, metavar="K", help="a run costs K*N*D (6)"
    )
    if level:
        _level(parser)


def _level(parser: Any) -> None:
    parser.add_argument("--confidence-level", type=float, help="level of the intervals")


def _numbers(parser: Any, option: str, text: str, **more: Any) -> None:
    parser.add_argument(option, nargs="+", type=parse_number, metavar="NUMBER", help=text, **more)


def _plot_option(parser: Any) -> None:
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw it (.png, .pdf, .svg)")


def _add_plan(verbs: Any) -> None:
    parser = _verb(verbs, "plan", "the best size and data for a budget, from a saved fit", _plan)
    _fitted(parser)
    _numbers(parser, "--budget", "training compute, such as 1e24")
    _numbers(parser, "--params", "sizes: when is each the best choice?")
    _numbers(parser, "--tokens", "amounts of data: when is each the best choice?")
    _numbers(parser, "--loss", "the least compute that reaches each")
    parser.add_argument("--most-params", type=parse_number, help="no model larger than this")
    parser.add_argument("--most-tokens", type=parse_number, help="no more data than this")
    parser.add_argument(
        "--within", type=float, metavar="SHARE",
        help="with --budget: all sizes whose loss is within this share of the best, such as 0.01",
    )  # fmt: skip
    _plot_option(parser)


def _plan(options: argparse.Namespace) -> int:
    fitted = load(options.fit)
    common = {"cost": options.cost, "confidence_level": options.confidence_level}
    if options.within is not None:
        if options.budget is None:
            raise ValueError("--within goes with --budget.")
        frame = near_optimal(fitted, C=options.budget, within=options.within, **common)
    else:
        limits = {
            name: (0, most)
            for name, most in (("N", options.most_params), ("D", options.most_tokens))
            if most is not None
        }
        frame = optimal(
            fitted, C=options.budget, N=options.params, D=options.tokens, loss=options.loss,
            limits=limits, **common,
        )  # fmt: skip
    _print(frame, options)
    if options.plot:
        from scalinglaws.plotting import plot_frontier

        _draw(lambda: plot_frontier(fitted, **common), options.plot)
    return 0


def _add_overtrain(verbs: Any) -> None:
    parser = _verb(verbs, "overtrain", "the price of a smaller model that is as good", _overtrain)
    _fitted(parser)
    parser.add_argument("--budget", type=parse_number, required=True, help="of the best model")
    _numbers(parser, "--smaller", "how many times smaller (1.5 2 3 5 10)")
    _plot_option(parser)


def _overtrain(options: argparse.Namespace) -> int:
    fitted = load(options.fit)
    common = {"cost": options.cost, "confidence_level": options.confidence_level}
    smaller = options.smaller or (1.5, 2, 3, 5, 10)
    _print(overtraining(fitted, C=options.budget, smaller=smaller, **common), options)
    if options.plot:
        from scalinglaws.plotting import plot_overtraining

        _draw(lambda: plot_overtraining(fitted, options.budget, **common), options.plot)
    return 0


def _add_serve(verbs: Any) -> None:
    parser = _verb(verbs, "serve", "the cheapest model to train and then serve", _serve)
    _fitted(parser)
    _numbers(parser, "--served", "tokens processed in the model's life", required=True)
    parser.add_argument("--loss", type=parse_number, help="that is wanted")
    parser.add_argument("--budget", type=parse_number, help="for training and serving together")
    parser.add_argument(
        "--price", type=float, default=1.0, help="of a served FLOP to a trained (1)"
    )
    parser.add_argument("--most-params", type=parse_number, help="no model larger than this")


def _serve(options: argparse.Namespace) -> int:
    most = options.most_params
    frame = serving(
        load(options.fit), served=options.served, loss=options.loss, budget=options.budget,
        price=options.price, cost=options.cost, confidence_level=options.confidence_level,
        limits=None if most is None else {"N": (0, most)},
    )  # fmt: skip
    _print(frame, options)
    return 0


def _add_repeat(verbs: Any) -> None:
    parser = _verb(verbs, "repeat", "how many epochs where there is little data", _repeat)
    _fitted(parser)
    _numbers(parser, "--budget", "training compute", required=True)
    _numbers(parser, "--unique", "different tokens there are", required=True)


def _repeat(options: argparse.Namespace) -> int:
    frame = limited_data(
        load(options.fit), C=options.budget, unique=options.unique, cost=options.cost,
        confidence_level=options.confidence_level,
    )  # fmt: skip
    _print(frame, options)
    return 0


def _add_isoflop(verbs: Any) -> None:
    parser = _verb(verbs, "isoflop", "the best size on each budget of a table of runs", _isoflop)
    parser.add_argument("runs", type=Path, help="a table, one row per run")
    parser.add_argument("--y", help="the performance column (found by its usual names)")
    _numbers(parser, "--budgets", "the budgets (found in the table)")
    parser.add_argument("--tolerance", type=float, default=0.05, help="how far C may be off (0.05)")
    parser.add_argument(
        "--method", choices=("parabola", "akima"), default="parabola", help="(parabola)"
    )
    parser.add_argument(
        "--truth", default="chinchilla", help="the law that the bias refers to (chinchilla)"
    )
    parser.add_argument("--envelope", action="store_true", help="the envelope of curves instead")
    _level(parser)
    _plot_option(parser)


def _isoflop(options: argparse.Namespace) -> int:
    runs = read_runs(options.runs)
    level = options.confidence_level or 0.95
    if options.envelope:
        curves = envelope(runs, y=options.y, truth=options.truth, confidence_level=level)
        print(curves)
        return 0
    found = isoflop(
        runs, y=options.y, budgets=options.budgets, tolerance=options.tolerance,
        method=options.method, truth=options.truth, confidence_level=level,
    )  # fmt: skip
    if options.json:
        _print(found.optima, options, index=True)
    else:
        print(f"{found}\n\n{markdown(found.optima)}")
    if options.plot:
        from scalinglaws.plotting import plot_isoflop

        _draw(lambda: plot_isoflop(found), options.plot)
    return 0


def _add_gain(verbs: Any) -> None:
    parser = _verb(verbs, "gain", "how much less compute a second recipe needs", _gain)
    parser.add_argument(
        "files", type=Path, nargs="+", help="two saved fits, or one table of runs with --by"
    )
    _numbers(parser, "--budget", "compute of the first recipe")
    parser.add_argument("--by", help="the column that tells two recipes apart")
    parser.add_argument("--law", default="chinchilla", help="with --by (chinchilla)")
    _level(parser)
    _plot_option(parser)


def _gain(options: argparse.Namespace) -> int:
    files: Sequence[Path] = options.files
    level = options.confidence_level
    if options.by is not None and len(files) == 1:
        found = compare_recipes(
            read_runs(files[0]), options.by, options.law, C=options.budget,
            confidence_level=level or 0.95,
        )  # fmt: skip
    elif options.by is None and len(files) == 2:
        if options.budget is None:
            raise ValueError("Two fits need --budget: the compute at which to compare them.")
        found = gain(load(files[0]), load(files[1]), C=options.budget, confidence_level=level)
    else:
        raise ValueError("Give two saved fits, or one table of runs with --by.")
    _print(found.table, options)
    if not options.json:
        print(f"\nCompute that the second recipe needs: {found.sentence}")
        if found.tests is not None:
            print(f"\n{markdown(found.tests, index=True)}")
    if options.plot:
        from scalinglaws.plotting import plot_gain

        _draw(lambda: plot_gain(found), options.plot)
    return 0


def _add_next(verbs: Any) -> None:
    parser = _verb(verbs, "next", "which runs to train next", _next)
    _fitted(parser)
    parser.add_argument(
        "--allowance", type=parse_number, required=True, help="compute of all new runs together"
    )
    parser.add_argument("--budget", type=parse_number, required=True, help="of the target")
    parser.add_argument("--question", choices=("loss", "N"), default="loss", help="(loss)")
    parser.add_argument("--runs", type=int, default=10, help="at most (10)")
    _plot_option(parser)


def _next(options: argparse.Namespace) -> int:
    found = next_runs(
        load(options.fit), budget=options.allowance, C=options.budget, question=options.question,
        most_runs=options.runs, cost=options.cost, confidence_level=options.confidence_level,
    )  # fmt: skip
    _print(found.runs, options)
    if not options.json:
        print("\n" + repr(found).splitlines()[0])
    if options.plot:
        from scalinglaws.plotting import plot_next_runs

        _draw(lambda: plot_next_runs(found), options.plot)
    return 0


def _add_count(verbs: Any) -> None:
    parser = _verb(verbs, "count", "parameters and FLOPs of a Hugging Face config.json", _count)
    parser.add_argument("config", type=Path, help="config.json of a model")
    parser.add_argument("--context", type=int, help="sequence length in training")


def _count(options: argparse.Namespace) -> int:
    config = json.loads(options.config.read_text(encoding="utf-8"))
    shape = Transformer.from_config(config, context=options.context)
    if options.json:
        print(json.dumps({"N": shape.N, "N_active": shape.N_active, "N_no_emb": shape.N_no_emb}))
        return 0
    parts = shape.parameters()
    print(markdown(parts.map("{:,}".format), index=True))
    print(f"\nwithout embeddings and head: {shape.N_no_emb:,}\n")
    print(markdown(shape.flops().round(4), index=True))
    return 0


def _draw(draw: Callable[[], Any], file: Path) -> None:
    import matplotlib as mpl

    from scalinglaws.plotting.axes import figure_of

    mpl.use("Agg")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ScalingLawWarning)  # the table has said it
        ax = draw()
    figure_of(ax).savefig(file, dpi=150)
