"""Command-line verbs for plans from a saved fit."""

from __future__ import annotations

import argparse
from typing import Any

from scalinglaws.cli.models import law_from
from scalinglaws.cli.options import (
    number,
    numbers_option,
    plan_arguments,
    plan_options,
    plot_option,
    verb,
)
from scalinglaws.cli.output import draw, show
from scalinglaws.fitting.tables.points import positive_numbers
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
    parser = verb(
        verbs, "plan", "compute-optimal parameters and tokens of a saved fit", _plan,
        "fit.json --budget 1e24 1e25 --plot frontier.png",
    )  # fmt: skip
    plan_options(parser)
    numbers_option(parser, "--budget", "training compute in FLOPs, such as 1e24")
    numbers_option(
        parser, "--params", "parameters N, to compute their compute-optimal budget, such as 7B"
    )
    numbers_option(
        parser, "--tokens", "training tokens D, to compute their compute-optimal budget, such as 2T"
    )
    numbers_option(parser, "--loss", "losses, to compute the least compute that reaches them")
    _limit_options(parser)
    parser.add_argument(
        "--within", type=float, metavar="SHARE",
        help="with --budget: relative loss increase that defines near-optimal sizes, such as 0.01",
    )  # fmt: skip
    parser.add_argument(
        "--forecast", action="store_true",
        help="with --budget: the forecast from the fitted runs beside the law's plan",
    )  # fmt: skip
    plot_option(parser)
    parser.add_argument(
        "--contours",
        action="store_true",
        help="with --plot: contours of the law over N and D instead of the frontier",
    )


def _plan(options: argparse.Namespace) -> int:
    fitted, given = law_from(options.fit), plan_arguments(options)
    if options.within is not None:
        if options.budget is None:
            raise ValueError("--within goes with --budget.")
        frame = near_optimal(fitted, C=options.budget, within=options.within, **given)
    else:
        frame = optimal(
            fitted, C=options.budget, N=options.params, D=options.tokens, loss=options.loss,
            limits=_limits(options), forecast=options.forecast, **given,
        )  # fmt: skip
    following = ""
    if options.budget is not None and options.within is None:
        following = (
            f"scalinglaws plan {options.fit} --budget {options.budget[-1]:.3g} --within 0.01"
        )
    show(frame, options, following=following.replace("e+", "e"))
    if options.plot:
        from scalinglaws.plotting import plot_contours, plot_frontier, plot_near_optimal

        if options.contours:
            del given["confidence_level"]  # contours have no interval
            draw(lambda: plot_contours(fitted, **given), options.plot)
        elif options.within is not None:
            around = min(options.budget) / _AROUND, max(options.budget) * _AROUND
            draw(
                lambda: plot_near_optimal(fitted, around, options.within, **given),
                options.plot,
            )
        else:
            draw(lambda: plot_frontier(fitted, **given), options.plot)
    return 0


def _add_judge(verbs: Any) -> None:
    parser = verb(
        verbs, "judge", "regret of a trained model relative to the compute-optimal one", _judge,
        "fit.json --params 8B --tokens 15T",
    )  # fmt: skip
    plan_options(parser)
    numbers_option(parser, "--params", "parameters of the model, such as 8B", required=True)
    numbers_option(parser, "--tokens", "training tokens of the model, such as 15T", required=True)
    parser.add_argument(
        "--served", action="store_true",
        help="lifetime served tokens at which the model has the least cost, instead of the regret",
    )  # fmt: skip


def _judge(options: argparse.Namespace) -> int:
    fitted, given = law_from(options.fit), plan_arguments(options)
    if not options.served:
        show(
            regret(fitted, N=options.params, D=options.tokens, **given),
            options,
        )
        return 0
    if len(options.params) != 1 or len(options.tokens) != 1:
        raise ValueError("--served is about one model: give one --params and one --tokens.")
    del given["cost"]  # of training, which is spent
    show(served_for(fitted, N=options.params, D=options.tokens, **given), options)
    return 0


def _add_overtrain(verbs: Any) -> None:
    parser = verb(
        verbs, "overtrain", "extra compute for a smaller model at equal loss", _overtrain,
        "fit.json --budget 1e24 --smaller 1.5 2 3",
    )  # fmt: skip
    plan_options(parser)
    parser.add_argument(
        "--budget", type=number, required=True, help="compute of the optimal model, in FLOPs"
    )
    numbers_option(parser, "--smaller", "size reduction factors of the model (1.5 2 3 5 10)")
    plot_option(parser)


def _overtrain(options: argparse.Namespace) -> int:
    fitted, given = law_from(options.fit), plan_arguments(options)
    smaller = options.smaller or _SMALLER
    frame = overtraining(fitted, C=options.budget, smaller=smaller, **given)
    show(frame, options)
    if options.plot:
        from scalinglaws.plotting import plot_overtraining

        draw(
            lambda: plot_overtraining(fitted, options.budget, **given),
            options.plot,
        )
    return 0


def _add_serve(verbs: Any) -> None:
    parser = verb(
        verbs, "serve", "model with the least cost of training and serving", _serve,
        "fit.json --served 1e13 --loss 2.0",
    )  # fmt: skip
    plan_options(parser)
    numbers_option(
        parser, "--served", "tokens served in the model's lifetime, such as 1e13", required=True
    )
    parser.add_argument(
        "--loss", type=number, help="loss to reach at the least cost (or give --budget)"
    )
    parser.add_argument(
        "--budget", type=number,
        help="total compute of training and serving, in FLOPs (or give --loss)",
    )  # fmt: skip
    parser.add_argument(
        "--price",
        type=float,
        default=1.0,
        help="price of a served FLOP relative to a training FLOP (1)",
    )
    parser.add_argument(
        "--serving-cost", type=number, default=2.0, metavar="K",
        help="serving cost of K*N FLOPs per token (2)",
    )  # fmt: skip
    _limit_options(parser)
    plot_option(parser)


def _serve(options: argparse.Namespace) -> int:
    fitted = law_from(options.fit)
    wanted = {
        "loss": options.loss, "budget": options.budget, "price": options.price,
        "serving_cost": options.serving_cost, "limits": _limits(options), **plan_arguments(options),
    }  # fmt: skip
    show(serving(fitted, served=options.served, **wanted), options)
    if options.plot:
        from scalinglaws.plotting import plot_serving

        draw(lambda: plot_serving(fitted, _around(options.served), **wanted), options.plot)
    return 0


def _add_repeat(verbs: Any) -> None:
    parser = verb(
        verbs, "repeat", "optimal epochs and size for limited unique tokens", _repeat,
        "fit.json --budget 1e24 --unique 1T",
    )  # fmt: skip
    plan_options(parser)
    numbers_option(parser, "--budget", "training compute in FLOPs", required=True)
    numbers_option(parser, "--unique", "unique tokens available, such as 1T", required=True)
    plot_option(parser)


def _repeat(options: argparse.Namespace) -> int:
    fitted, wanted = law_from(options.fit), plan_arguments(options)
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
    parser = verb(
        verbs, "next", "next runs that reduce a prediction's uncertainty most", _next,
        "fit.json --allowance 1e21 --budget 1e24",
    )  # fmt: skip
    plan_options(parser)
    parser.add_argument(
        "--allowance", type=number, required=True,
        help="total compute of the new runs, in FLOPs",
    )  # fmt: skip
    parser.add_argument("--budget", type=number, help="compute of the target run, in FLOPs")
    parser.add_argument(
        "--question", choices=QUESTIONS, default="loss",
        help="quantity whose uncertainty is reduced (loss)",
    )  # fmt: skip
    parser.add_argument(
        "--rival", metavar="FIT", help="with --question law: saved fit of the alternative law"
    )
    parser.add_argument("--runs", type=int, default=10, help="maximum number of new runs (10)")
    parser.add_argument("--largest", type=number, help="maximum compute of a run, in FLOPs")
    parser.add_argument("--shortest", type=number, help="minimum training tokens of a run")
    parser.add_argument(
        "--noise",
        type=float,
        metavar="SHARE",
        help="relative standard deviation of a run (that of the fit)",
    )
    parser.add_argument(
        "--model-error",
        type=float,
        metavar="SHARE",
        help="relative standard deviation of the model error (the noise)",
    )
    plot_option(parser)


def _next(options: argparse.Namespace) -> int:
    fitted = law_from(options.fit)
    (allowance,) = positive_numbers("--allowance", options.allowance)
    found = next_runs(
        fitted, budget=allowance, C=options.budget,
        question=options.question, rival=law_from(options.rival) if options.rival else None,
        most_runs=options.runs, largest=options.largest, shortest=options.shortest,
        noise=options.noise, model_error=options.model_error, **plan_arguments(options),
    )  # fmt: skip
    show(found, options, frame=found.runs)
    if options.plot:
        from scalinglaws.plotting import plot_next_runs

        draw(lambda: plot_next_runs(found), options.plot)
    return 0


def _limit_options(parser: Any) -> None:
    parser.add_argument(
        "--most-params", type=number, help="maximum number of parameters (no limit)"
    )
    parser.add_argument(
        "--most-tokens", type=number, help="maximum number of training tokens (no limit)"
    )


def _limits(options: argparse.Namespace) -> dict[str, tuple[float, float]] | None:
    """Limits of N and D from --most-params and --most-tokens."""
    most = {"N": options.most_params, "D": options.most_tokens}
    return {name: (0.0, value) for name, value in most.items() if value is not None} or None
