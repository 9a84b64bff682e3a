"""How forecasts read: the answer, a table along the way, caveats, and the next call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from scalinglaws.arrays import FloatArray
from scalinglaws.display import Card, Column, Shares, Table, pairs
from scalinglaws.display.plan_columns import points_table, range_of
from scalinglaws.errors import DataError
from scalinglaws.fitting.inference.prediction import call_at, describe_points
from scalinglaws.numerals import (
    format_compute,
    format_count,
    format_factor,
    format_interval,
    format_level,
    format_percent,
    format_plain,
    format_to,
    format_variable,
    listed,
    plural,
)

if TYPE_CHECKING:
    from scalinglaws.forecasting.chained_forecast import ChainedForecast
    from scalinglaws.forecasting.curve import CurveForecast
    from scalinglaws.forecasting.forecast import Forecast
    from scalinglaws.forecasting.outlook import Outlook
    from scalinglaws.forecasting.saved import SeveralForecasts
    from scalinglaws.forecasting.unfinished_run import UnfinishedRun

_CURVE_STEPS = (1, 2, 5, 10, 30)  # times the last point
_STEPS = (1, 3, 10, 30, 100)  # times the largest run
_FAR = 10  # times the largest run, at which a forecast is quoted
_CURVE_FAR = 2  # times the last point, to which public curves have tested forecasts
_MADE_OF = "Variance from: coefficients of the law, its own error, noise of a single run."


# --- one point, or many --------------------------------------------------------------------------


def outlook_card(found: Outlook) -> Card:
    """Estimate, intervals, what the width is made of, and the distance."""
    if found.reason:
        return Card(f"no forecast: {found.reason}")
    level = format_level(found.confidence_level)
    points = {v: p for v, p in found.points.items() if v != "C" or len(found.points) == 1}
    if np.ndim(found.estimate):
        return _outlook_of_many(found, points)
    digits = (found.run_high - found.run_low) / 2
    run = format_interval(found.run_low, found.run_high)
    curve = " to ".join(format_to(end, digits) for end in (found.curve_low, found.curve_high))
    lines = [
        (f"{level} confidence interval (curve)", curve),
        (f"{level} prediction interval (new run)", run),
    ]
    if found.times_beyond > 1:
        lines.append(
            ("extrapolation", f"{format_factor(found.times_beyond)} times the largest run")
        )
    return Card(
        f"{found.target} {format_to(found.estimate, digits)} at {describe_points(points)} "
        f"({level}: {run})",
        pictures=(Shares("variance from", _parts(found)),),
        tables=(pairs(lines),),
    )


def _outlook_of_many(found: Outlook, points: Mapping[str, Any]) -> Card:
    values = np.ravel(found.estimate)
    level = found.confidence_level
    numbers = (found.estimate, found.run_low, found.run_high)
    return Card(
        f"Forecast of {found.target} at {plural(len(values), 'point')}{range_of(values)} "
        f"({format_level(level)}: intervals of a new run).",
        tables=(points_table(points, found.target, numbers, found.times_beyond, level),),
    )


def _parts(found: Outlook) -> tuple[tuple[str, float], ...]:
    """What the variance of a new run is made of."""
    shares = (found.share_coefficients, found.share_law_error, found.share_noise)
    return tuple(zip(found.parts, map(float, shares), strict=True))


def _quoted(found: Outlook) -> str:
    """An estimate with its interval, in one text."""
    digits = (found.run_high - found.run_low) / 2
    level, span = (
        format_level(found.confidence_level),
        format_interval(found.run_low, found.run_high),
    )
    return f"{format_to(found.estimate, digits)} ({level}: {span})"


# --- over N and D --------------------------------------------------------------------------------


def forecast_card(forecast: Forecast) -> Card:
    """An estimate at ten times the largest run, how far it reaches, and estimates on the way."""
    point = _along(forecast, _FAR)
    found = forecast.outlook(point, forecast.confidence_level)
    at = f"{format_compute(float(point['C']), 2)} FLOP, {_FAR} times the largest run"
    return Card(
        f"Forecast of {forecast.rows.table.target} from {plural(forecast.n, 'run')}: "
        f"{_quoted(found)} at {at}. {forecast.status}",
        tables=(_way(forecast),),
        caveats=(*forecast.facts, *_decided(forecast)),
        more="forecast.facts",
        next=call_at("forecast.predict", {v: float(f"{float(point[v]):.2g}") for v in ("N", "D")}),
    )


def _along(forecast: Forecast, step: float) -> dict[str, FloatArray]:
    """So many times the largest run, at the largest runs' tokens per parameter."""
    return forecast.rows.points(step * forecast.rows.largest)


def _way(forecast: Forecast) -> Table:
    """Estimates along the largest runs' tokens per parameter, and the back-test."""
    rows = []
    for step in _STEPS:
        point = _along(forecast, step)
        found = forecast.outlook(point, forecast.confidence_level)
        half = (found.run_high - found.run_low) / 2
        rows.append((
            format_compute(float(point["C"]), 2), f"{step}x" if step > 1 else "no",
            *(format_count(float(point[v]), 2) for v in ("N", "D")),
            format_to(found.estimate, half), format_interval(found.run_low, found.run_high),
            *(f"{100 * share:.0f} %" for _, share in _parts(found)),
        ))  # fmt: skip
    level = format_level(forecast.confidence_level)
    titles = (
        "C", "beyond", "N", "D", forecast.rows.table.target, level, "coef.", "error", "noise",
    )  # fmt: skip
    columns = zip(titles, zip(*rows, strict=True), strict=True)
    note = f"{level}: prediction interval of a new run. {_MADE_OF}{_tested(forecast)}"
    return Table(tuple(Column(t, cells, joined=t == level) for t, cells in columns), note=note)


def _tested(forecast: Forecast) -> str:
    """The back-test in a sentence, where runs can be hidden."""
    try:
        tested = forecast.backtest()
    except DataError:
        return ""
    overall, level = tested.overall, format_level(tested.confidence_level)
    return (
        f" Back-test: {int(tested.frame['inside'].sum())} of "
        f"{plural(len(tested.frame), 'hidden run')} inside the {level} interval, mean error "
        f"{format_percent(overall['error'])}."
    )


def _decided(forecast: Forecast) -> list[str]:
    """Whether one run decides the forecast at ten times the largest run."""
    point = _along(forecast, _FAR)
    try:
        found = forecast.deciding_run(N=float(point["N"]), D=float(point["D"]))
    except DataError:
        return []
    return (
        [f"At {format_compute(float(point['C']), 2)} FLOP o{found.sentence[1:]}"]
        if found.decides
        else []
    )


def status_of(forecast: Forecast) -> str:
    """How far the forecast can be used."""
    rows = forecast.rows
    if np.isnan(forecast.usable_to):
        return (
            "Not usable beyond the runs: the 90 % prediction interval is wider than ±10 % at the "
            "largest of them."
        )
    factor = forecast.usable_to / rows.largest
    return (
        f"Usable to {format_compute(forecast.usable_to, 2)} FLOP, {format_plain(factor, 3)} times "
        "the largest run"
        + (
            ", the farthest at which forecasts were tested."
            if factor > 199
            else "; beyond, its 90 % prediction interval is wider than ±10 %."
        )
    )


def several_card(found: SeveralForecasts[Forecast]) -> Card:
    """Of groups: each forecast at ten times its largest run, and how far it can be used."""
    rows = []
    for name, forecast in found.items():
        point = _along(forecast, _FAR)
        here = forecast.outlook(point, forecast.confidence_level)
        usable = forecast.usable_to
        rows.append((
            str(name), str(forecast.n), format_compute(float(point["C"]), 2), _quoted(here),
            "no" if np.isnan(usable) else f"to {format_compute(usable, 2)}",
        ))  # fmt: skip
    names, runs, compute, estimates, usable_to = zip(*rows, strict=True)
    target = next(iter(found.values())).rows.table.target
    first = next(iter(found))
    return Card(
        f"Forecasts of {target} for {plural(len(found), 'group')} by {found.column!r}, made "
        f"together: {listed([f'{n} {e}' for n, e in zip(names, estimates, strict=True)])}, each at "
        f"{_FAR} times its largest run.",
        tables=(Table((
            Column(found.column, names, left=True), Column("runs", runs), Column("C", compute),
            Column(target, estimates), Column("usable", usable_to),
        )),),
        caveats=tuple(f"No forecast of {name!r}: {why}" for name, why in found.failed.items()),
        more="forecasts.failed",
        next=f"found[{first!r}]".replace("'", '"'),
    )  # fmt: skip


# --- curves --------------------------------------------------------------------------------------


def curve_card(forecast: CurveForecast) -> Card:
    """An estimate at twice the last point, how far it reaches, and estimates on the way."""
    target, variable = forecast.target, forecast.variable
    last, level = float(forecast.x[-1]), forecast.confidence_level
    rows = []
    for step in _CURVE_STEPS:
        found = forecast.outlook(np.array(step * last), level)
        half = (found.run_high - found.run_low) / 2
        rows.append((
            format_variable(variable, step * last, 2), f"{step}x" if step > 1 else "no",
            format_to(found.estimate, half), format_interval(found.run_low, found.run_high),
        ))  # fmt: skip
    x, beyond, estimates, spans = zip(*rows, strict=True)
    there = format_variable(variable, _CURVE_FAR * last, 2)
    quoted = _quoted(forecast.outlook(np.array(_CURVE_FAR * last), level))
    return Card(
        f"Forecast of {target} over {variable} from {plural(forecast.n, 'point')}: {quoted} at "
        f"{variable} {there}, twice the last point. {forecast.status}",
        tables=(Table((
            Column(variable, x), Column("beyond", beyond), Column(target, estimates),
            Column(format_level(level), spans, joined=True),
        )),),
        caveats=forecast.facts,
        next=f'forecast.predict("{there}")',
    )  # fmt: skip


def curves_card(found: SeveralForecasts[CurveForecast]) -> Card:
    """Of series: each curve at twice its last point."""
    caveats = tuple(f"No forecast of {name!r}: {why}" for name, why in found.failed.items())
    if not len(found):
        return Card("0 forecasts of curves.", caveats=caveats, more="forecasts.failed")
    rows = []
    for name, forecast in found.items():
        x = _CURVE_FAR * float(forecast.x[-1])
        here = forecast.outlook(np.array(x), forecast.confidence_level)
        rows.append((
            str(name), str(forecast.n), format_variable(forecast.variable, x, 2),
            format_to(here.estimate, (here.run_high - here.run_low) / 2),
            format_interval(here.run_low, here.run_high),
        ))  # fmt: skip
    one = next(iter(found.values()))
    names, points, x_there, estimates, spans = zip(*rows, strict=True)
    return Card(
        f"{plural(len(found), 'forecast')} of curves of {one.target} over {one.variable}, each at "
        "twice its last point.",
        tables=(Table((
            Column("series", names, left=True), Column("points", points),
            Column(one.variable, x_there), Column(one.target, estimates),
            Column(format_level(one.confidence_level), spans, joined=True),
        )),),
        caveats=caveats,
        more="forecasts.failed",
        next=f'forecasts.predict("{x_there[0]}")',
    )  # fmt: skip


# --- through the loss, and of a run that is still training ---------------------------------------


def chained_card(forecast: ChainedForecast) -> Card:
    """An estimate at ten times the largest run, how far the loss reaches, and the distance."""
    loss = forecast.loss
    point = _along(loss, _FAR)
    found = forecast.outlook(point, forecast.confidence_level)
    card = outlook_card(found)
    low, high = (format_plain(end) for end in forecast.limits)
    reach = f"{loss.status[:1].lower()}{loss.status[1:]}"
    return Card(
        f"Forecast of {forecast.target} through {loss.rows.table.target} from "
        f"{plural(len(forecast.step.u), 'run')}: {card.answer}. The loss: {reach}",
        pictures=card.pictures,
        tables=(*card.tables, pairs([("limits", f"{forecast.target} from {low} to {high}")])),
        caveats=loss.facts,
        more="forecast.loss.facts",
        next=call_at("forecast.predict", {v: float(f"{float(point[v]):.2g}") for v in ("N", "D")}),
    )


def unfinished_card(found: UnfinishedRun, fewest: int) -> Card:
    """Where the run will end, and by what."""
    digits = (found.high - found.low) / 2
    now, end, checkpoint, alone = (
        format_to(value, digits)
        for value in (found.now, found.estimate, found.by_checkpoint, found.by_finished_runs)
    )
    level, span = format_level(found.confidence_level), format_interval(found.low, found.high)
    finished = plural(found.n_finished, "finished run")
    unused = (
        f"Fewer than {fewest} finished runs have a checkpoint near this fraction: its own "
        "checkpoints are not used."
    )
    return Card(
        f"Run {found.run} will end at {found.target} {end} ({level}: {span}).",
        tables=(pairs([
            ("now", f"{now}, at {100 * found.fraction:.0f} % of its tokens"),
            (f"its checkpoint less the gain of {finished}", checkpoint or "none"),
            ("finished runs alone", alone),
        ]),),
        caveats=() if found.n_finished else (unused,),
    )  # fmt: skip
