"""Command-line verbs for model shapes and training cost: ``count`` and ``bill``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from scalinglaws.cli.options import numbers_option, verb
from scalinglaws.cli.output import show
from scalinglaws.errors import FileFormatError
from scalinglaws.numerals import parse_number
from scalinglaws.planning import Transformer, bill
from scalinglaws.planning.cost_estimate import PEAKS


def add_costs(verbs: Any) -> None:
    """Add these verbs to the parser's."""
    _add_count(verbs)
    _add_bill(verbs)


def _add_count(verbs: Any) -> None:
    parser = verb(
        verbs, "count", "parameters and FLOPs of a Hugging Face config.json", _count,
        "config.json --context 4096",
    )  # fmt: skip
    parser.add_argument("config", type=Path, help="config.json of a model")
    parser.add_argument(
        "--context",
        type=int,
        help="training sequence length, in tokens (the longest of the config)",
    )


def _count(options: argparse.Namespace) -> int:
    try:
        config = json.loads(options.config.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise FileFormatError(f"{options.config} is no config.json: it is not JSON.") from error
    shape = Transformer.from_config(config, context=options.context)
    if options.json:
        print(json.dumps({"N": shape.N, "N_active": shape.N_active, "N_no_emb": shape.N_no_emb}))
        return 0
    flops = shape.flops()
    if not options.csv:
        show(shape, options)
        print()
    show(flops, options, index=True)
    return 0


def _add_bill(verbs: Any) -> None:
    parser = verb(
        verbs, "bill", "accelerator hours, cost and energy of training runs", _bill,
        "5.76e23 --device H100 --utilisation 0.4 --price 2",
    )  # fmt: skip
    numbers_option(parser, "flops", "FLOPs of each run, such as 5.76e23")
    parser.add_argument(
        "--device",
        required=True,
        help=f"accelerator ({', '.join(PEAKS)}), or the peak FLOP/s of another one",
    )
    parser.add_argument(
        "--utilisation",
        type=float,
        required=True,
        help="share of the peak FLOP/s, from 0 to 1 (MFU)",
    )
    parser.add_argument("--price", type=float, help="price per accelerator hour (no cost)")
    parser.add_argument("--power", type=float, help="power per accelerator, in watts (no energy)")


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
