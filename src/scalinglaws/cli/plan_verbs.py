"""Command-line verbs for plans from a saved fit, a published law or a forecast."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from scalinglaws.cli.generated_options import add_parameters, add_plot, arguments, number, shared
from scalinglaws.cli.output import draw, show
from scalinglaws.forecasting.forecast import Forecast
from scalinglaws.planning import (
    limited_data,
    near_optimal,
    next_runs,
    optimal,
    overtraining,
    regret,
    served_for,
    serving,
)

_AROUND = 30.0  # how far a picture goes beyond the numbers asked for
_POINTS, _SMALLER = 7, (1.05, 2.0)  # of the picture of a forecast's plans
_COST = {"metavar": "K", "help": "training cost of K*N*D FLOPs (6)"}
_NUMBERS = {"nargs": "+", "type": number, "metavar": "NUMBER"}


def add_plan(parser: Any) -> None:
    """Add the options of `plan`."""
    parser.epilog = "example: scalinglaws plan fit.json --budget 1e24 1e25 --plot frontier.png"
    add_parameters(
        parser, optimal, left_out=["limits"], cost=_COST,
        names={"C": "--budget", "N": "--params", "D": "--tokens"},
        N={"help": "parameters, to compute the budget for which they are compute-optimal"},
        D={"help": "training tokens, to compute the budget for which they are compute-optimal"},
    )  # fmt: skip
    _add_limits(parser)
    parser.add_argument(
        "--within", type=float, metavar="SHARE",
        help="with --budget: relative loss increase that defines near-optimal sizes, such as 0.01",
    )  # fmt: skip
    add_plot(parser)
    parser.add_argument(
        "--contours",
        action="store_true",
        help="with --plot: contours of the law over N and D instead of the frontier",
    )
    parser.set_defaults(verb=_plan)


def _plan(options: argparse.Namespace) -> int:
    if options.within is not None:
        return _near_optimal(options)
    given = arguments(options, optimal)
    following = ""
    if "C" in options:
        last = f"{options.C[-1]:.3g}".replace("e+", "e")
        following = f"scalinglaws plan {options.fit} --budget {last} --within 0.01"
    given["limits"] = _limits(options)
    if options.contours and isinstance(given["fit"], Forecast):
        raise ValueError("--contours are those of a law: leave it out for a forecast.")
    show(optimal(**given), options, following=following)
    if options.plot:
        from scalinglaws.plotting import plot_contours, plot_frontier

        plot: Any = plot_contours if options.contours else plot_frontier
        wanted = {k: v for k, v in shared(given, options, plot).items() if k not in "CND"}
        _draw(partial(plot, **wanted), partial(optimal, **given), options)
    return 0


def _near_optimal(options: argparse.Namespace) -> int:
    if "C" not in options:
        raise ValueError("--within goes with --budget.")
    given = arguments(options, near_optimal)
    show(near_optimal(**given), options)
    if options.plot:
        from scalinglaws.plotting import plot_near_optimal

        wanted = {**given, "C": _around(options.C)}
        _draw(partial(plot_near_optimal, **wanted), partial(near_optimal, **given), options)
    return 0


def add_judge(parser: Any) -> None:
    """Add the options of `judge`."""
    parser.epilog = "example: scalinglaws judge fit.json --params 8B --tokens 15T"
    add_parameters(
        parser, regret, cost=_COST, names={"N": "--params", "D": "--tokens"},
        N={"help": "parameters of the model, such as 8B"},
        D={"help": "training tokens of the model, such as 15T"},
    )  # fmt: skip
    parser.add_argument(
        "--served", action="store_true",
        help="lifetime served tokens at which the model has the least cost, instead of the regret",
    )  # fmt: skip
    parser.set_defaults(verb=_judge)


def _judge(options: argparse.Namespace) -> int:
    if not options.served:
        show(regret(**arguments(options, regret)), options)
        return 0
    if len(options.N) != 1 or len(options.D) != 1:
        raise ValueError("--served is about one model: give one --params and one --tokens.")
    show(served_for(**arguments(options, served_for)), options)
    return 0


def add_overtrain(parser: Any) -> None:
    """Add the options of `overtrain`."""
    parser.epilog = "example: scalinglaws overtrain fit.json --budget 1e24 --smaller 1.5 2 3"
    add_parameters(parser, overtraining, names={"C": "--budget"}, cost=_COST)
    add_plot(parser)
    parser.set_defaults(verb=_overtrain)


def _overtrain(options: argparse.Namespace) -> int:
    given = arguments(options, overtraining)
    show(overtraining(**given), options)
    if options.plot:
        from scalinglaws.plotting import plot_overtraining

        wanted = {name: value for name, value in given.items() if name != "smaller"}
        plan = partial(overtraining, **given)
        _draw(partial(plot_overtraining, **wanted), plan, options, along="smaller")
    return 0


def add_serve(parser: Any) -> None:
    """Add the options of `serve`."""
    parser.epilog = "example: scalinglaws serve fit.json --served 1e13 --loss 2.0"
    add_parameters(
        parser, serving, left_out=["limits"], cost=_COST,
        serving_cost={"metavar": "K", "help": "serving cost of K*N FLOPs per token (2)"},
    )  # fmt: skip
    _add_limits(parser)
    add_plot(parser)
    parser.set_defaults(verb=_serve)


def _serve(options: argparse.Namespace) -> int:
    given = {**arguments(options, serving), "limits": _limits(options)}
    show(serving(**given), options)
    if options.plot:
        from scalinglaws.plotting import plot_serving

        wanted = {**given, "served": _around(options.served)}
        _draw(partial(plot_serving, **wanted), partial(serving, **given), options, along="served")
    return 0


def add_repeat(parser: Any) -> None:
    """Add the options of `repeat`."""
    parser.epilog = "example: scalinglaws repeat fit.json --budget 1e24 --unique 1T"
    add_parameters(parser, limited_data, names={"C": "--budget"}, cost=_COST)
    add_plot(parser)
    parser.set_defaults(verb=_repeat)


def _repeat(options: argparse.Namespace) -> int:
    given = arguments(options, limited_data)
    show(limited_data(**given), options)
    if options.plot:
        from scalinglaws.plotting import plot_limited_data

        wanted = {**given, "C": _around(options.C)}
        draw(lambda: plot_limited_data(**wanted), options.plot)
    return 0


def add_next(parser: Any) -> None:
    """Add the options of `next`."""
    parser.epilog = "example: scalinglaws next fit.json --allowance 1e21 --budget 1e24"
    add_parameters(
        parser, next_runs, cost=_COST,
        names={"budget": "--allowance", "C": "--budget", "most_runs": "--runs"},
    )  # fmt: skip
    add_plot(parser)
    parser.set_defaults(verb=_next)


def _next(options: argparse.Namespace) -> int:
    found = next_runs(**arguments(options, next_runs))
    show(found, options, frame=found.runs)
    if options.plot:
        from scalinglaws.plotting import plot_next_runs

        draw(lambda: plot_next_runs(found), options.plot)
    return 0


def _draw(
    of_law: Callable[[], Any], plan: partial[Any], options: argparse.Namespace, along: str = "C"
) -> None:
    """The picture of a law; that of a forecast's plans, from near the runs to what was asked."""
    if not isinstance(plan.keywords["fit"], Forecast):
        draw(of_law, options.plot)
        return
    asked = plan.keywords.get(along, _SMALLER)
    most = max(asked)
    least = min(*asked, min(_SMALLER) if along == "smaller" else most / _AROUND)
    draw(lambda: plan(**{along: np.geomspace(least, most, _POINTS)}).plot(), options.plot)


def _around(values: list[float]) -> tuple[float, float]:
    """A range to draw that has the values inside."""
    return min(values) / _AROUND, max(values) * _AROUND


def _add_limits(parser: Any) -> None:
    """Upper limits of N and D, in place of the mapping `limits`."""
    for name, what in (("params", "parameters"), ("tokens", "training tokens")):
        parser.add_argument(
            f"--most-{name}", type=number, metavar="NUMBER",
            help=f"maximum number of {what} (no limit)",
        )  # fmt: skip


def _limits(options: argparse.Namespace) -> Mapping[str, tuple[float, float]] | None:
    """Limits of N and D from --most-params and --most-tokens."""
    most = {"N": options.most_params, "D": options.most_tokens}
    return {name: (0.0, value) for name, value in most.items() if value is not None} or None
