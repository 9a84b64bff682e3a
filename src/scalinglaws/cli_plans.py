"""The terminal's plans from a saved fit."""

from __future__ import annotations

import argparse
from typing import Any

from scalinglaws.cli_tables import (
    common,
    draw,
    fit_option,
    law_from,
    limits,
    numbers_option,
    place_option,
    placed,
    plot_option,
    say,
    show,
    verb,
)
from scalinglaws.numerals import parse_number
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
from scalinglaws.planning.next_runs import QUESTIONS
from scalinglaws.planning.sampled_law import numbers

_SMALLER = (1.5, 2.0, 3.0, 5.0, 10.0)
_AROUND = 30.0  # how far a picture goes beyond the numbers asked for


def add_plans(verbs: Any) -> None:
    """Add the verbs that plan from a saved fit to the parser's."""
    _add_plan(verbs)
    _add_judge(verbs)
    _add_overtrain(verbs)
    _add_serve(verbs)
    _add_repeat(verbs)
    _add_next(verbs)


def _add_plan(verbs: Any) -> None:
    parser = verb(verbs, "plan", "the best size and data for a budget, from a saved fit", _plan)
    fit_option(parser)
    place_option(parser)
    numbers_option(parser, "--budget", "training compute, such as 1e24")
    numbers_option(parser, "--params", "sizes: when is each the best choice?")
    numbers_option(parser, "--tokens", "amounts of data: when is each the best choice?")
    numbers_option(parser, "--loss", "the least compute that reaches each")
    _limit_options(parser)
    parser.add_argument(
        "--within", type=float, metavar="SHARE",
        help="with --budget: all sizes whose loss is within this share of the best, such as 0.01",
    )  # fmt: skip
    plot_option(parser)
    parser.add_argument(
        "--contours", action="store_true", help="with --plot: the law's contours over N and D"
    )


def _plan(options: argparse.Namespace) -> int:
    fitted, at = law_from(options.fit), placed(options)
    if options.within is not None:
        if options.budget is None:
            raise ValueError("--within goes with --budget.")
        frame = near_optimal(
            fitted, C=options.budget, within=options.within, **common(options), **at
        )
    else:
        frame = optimal(
            fitted, C=options.budget, N=options.params, D=options.tokens, loss=options.loss,
            limits=limits(options), **common(options), **at,
        )  # fmt: skip
    show(frame, options)
    if options.plot:
        from scalinglaws.plotting import plot_contours, plot_frontier, plot_near_optimal

        if options.contours:
            draw(lambda: plot_contours(fitted, cost=options.cost, **at), options.plot)
        elif options.within is not None:
            around = min(options.budget) / _AROUND, max(options.budget) * _AROUND
            draw(
                lambda: plot_near_optimal(fitted, around, options.within, **common(options), **at),
                options.plot,
            )
        else:
            draw(lambda: plot_frontier(fitted, **common(options), **at), options.plot)
    return 0


def _add_judge(verbs: Any) -> None:
    parser = verb(verbs, "judge", "a trained model beside the best for its compute", _judge)
    fit_option(parser)
    place_option(parser)
    numbers_option(parser, "--params", "its size", required=True)
    numbers_option(parser, "--tokens", "its training tokens", required=True)
    parser.add_argument(
        "--served", action="store_true",
        help="how many served tokens would make it the cheapest choice, instead",
    )  # fmt: skip


def _judge(options: argparse.Namespace) -> int:
    fitted, at = law_from(options.fit), placed(options)
    if not options.served:
        show(regret(fitted, N=options.params, D=options.tokens, **common(options), **at), options)
        return 0
    if len(options.params) != 1 or len(options.tokens) != 1:
        raise ValueError("--served is about one model: give one --params and one --tokens.")
    level = options.confidence_level
    frame = served_for(fitted, N=options.params, D=options.tokens, confidence_level=level, **at)
    show(frame, options)
    return 0


def _add_overtrain(verbs: Any) -> None:
    parser = verb(verbs, "overtrain", "the price of a smaller model that is as good", _overtrain)
    fit_option(parser)
    place_option(parser)
    parser.add_argument("--budget", type=parse_number, required=True, help="of the best model")
    numbers_option(parser, "--smaller", "how many times smaller (1.5 2 3 5 10)")
    plot_option(parser)


def _overtrain(options: argparse.Namespace) -> int:
    fitted, at = law_from(options.fit), placed(options)
    smaller = options.smaller or _SMALLER
    frame = overtraining(fitted, C=options.budget, smaller=smaller, **common(options), **at)
    show(frame, options)
    if options.plot:
        from scalinglaws.plotting import plot_overtraining

        draw(
            lambda: plot_overtraining(fitted, options.budget, **common(options), **at),
            options.plot,
        )
    return 0


def _add_serve(verbs: Any) -> None:
    parser = verb(verbs, "serve", "the cheapest model to train and then serve", _serve)
    fit_option(parser)
    place_option(parser)
    numbers_option(parser, "--served", "tokens processed in the model's life", required=True)
    parser.add_argument("--loss", type=parse_number, help="that is wanted")
    parser.add_argument("--budget", type=parse_number, help="for training and serving together")
    parser.add_argument(
        "--price", type=float, default=1.0, help="of a served FLOP to a trained (1)"
    )
    parser.add_argument(
        "--serving-cost", type=parse_number, default=2.0, metavar="K",
        help="serving costs K*N for each token (2)",
    )  # fmt: skip
    _limit_options(parser)
    plot_option(parser)


def _serve(options: argparse.Namespace) -> int:
    fitted = law_from(options.fit)
    wanted = {
        "loss": options.loss, "budget": options.budget, "price": options.price,
        "serving_cost": options.serving_cost, "limits": limits(options), **common(options),
        **placed(options),
    }  # fmt: skip
    show(serving(fitted, served=options.served, **wanted), options)
    if options.plot:
        from scalinglaws.plotting import plot_serving

        draw(lambda: plot_serving(fitted, _around(options.served), **wanted), options.plot)
    return 0


def _add_repeat(verbs: Any) -> None:
    parser = verb(verbs, "repeat", "how many epochs where there is little data", _repeat)
    fit_option(parser)
    place_option(parser)
    numbers_option(parser, "--budget", "training compute", required=True)
    numbers_option(parser, "--unique", "different tokens there are", required=True)
    plot_option(parser)


def _repeat(options: argparse.Namespace) -> int:
    fitted, wanted = law_from(options.fit), {**common(options), **placed(options)}
    show(limited_data(fitted, C=options.budget, unique=options.unique, **wanted), options)
    if options.plot:
        from scalinglaws.plotting import plot_limited_data

        budgets = _around(options.budget)
        draw(lambda: plot_limited_data(fitted, budgets, options.unique, **wanted), options.plot)
    return 0


def _around(values: list[float]) -> tuple[float, float]:
    """A range to draw that has the values inside."""
    return min(values) / _AROUND, max(values) * _AROUND


def _add_next(verbs: Any) -> None:
    parser = verb(verbs, "next", "which runs to train next", _next)
    fit_option(parser)
    place_option(parser)
    parser.add_argument(
        "--allowance", type=parse_number, required=True, help="compute of all new runs together"
    )
    parser.add_argument("--budget", type=parse_number, help="of the target")
    parser.add_argument("--question", choices=QUESTIONS, default="loss", help="(loss)")
    parser.add_argument("--rival", metavar="FIT", help="with --question law: the other saved fit")
    parser.add_argument("--runs", type=int, default=10, help="at most (10)")
    parser.add_argument("--largest", type=parse_number, help="what a single run may cost")
    parser.add_argument("--shortest", type=parse_number, help="tokens that a run sees at least")
    parser.add_argument("--noise", type=float, metavar="SHARE", help="of a run (that of the fit)")
    parser.add_argument(
        "--model-error", type=float, metavar="SHARE", help="how far the truth may be off the law"
    )
    plot_option(parser)


def _next(options: argparse.Namespace) -> int:
    fitted = law_from(options.fit)
    (allowance,) = numbers("--allowance", options.allowance)
    found = next_runs(
        fitted, budget=allowance, C=options.budget,
        question=options.question, rival=law_from(options.rival) if options.rival else None,
        most_runs=options.runs, largest=options.largest, shortest=options.shortest,
        noise=options.noise, model_error=options.model_error, **common(options), **placed(options),
    )  # fmt: skip
    show(found.runs, options)
    say("\n" + "\n".join(filter(None, [repr(found).splitlines()[0], found.note])), options)
    if options.plot:
        from scalinglaws.plotting import plot_next_runs

        draw(lambda: plot_next_runs(found), options.plot)
    return 0


def _limit_options(parser: Any) -> None:
    parser.add_argument("--most-params", type=parse_number, help="no model larger than this")
    parser.add_argument("--most-tokens", type=parse_number, help="no more data than this")
