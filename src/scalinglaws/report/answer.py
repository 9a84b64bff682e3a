"""The words at the head of the page: the answer, and three verdicts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from scalinglaws.fitting.summary import describe_method
from scalinglaws.forecasting.backtest import Backtest
from scalinglaws.forecasting.curve import CurveForecast
from scalinglaws.forecasting.forecast import Forecast
from scalinglaws.numerals import (
    format_count,
    format_factor,
    format_level,
    format_percent,
    format_plain,
    format_to,
    plural,
)
from scalinglaws.report.forecast_picture import compute, disputed_from, shown_value
from scalinglaws.report.subject import Subject


@dataclass(frozen=True)
class Verdict:
    """One line of the head: whether it is good, a few words, and a sentence."""

    good: bool
    title: str
    text: str


def answer_of(subject: Subject) -> list[tuple[str, bool]]:
    """The headline in pieces, each with whether it is a number to stress."""
    answer = subject.answer
    if answer is None:
        fit = subject.law
        law, runs = fit.law.label, plural(fit.n, "run")
        scatter = format_percent(fit.noise) if fit.scale == "log" else ""
        tail = [(", with a scatter of ", False), (scatter, True)] if scatter else []
        return [(f"The law {law} fitted to {runs}", False), *tail]
    estimate, low, high = rounded_answer(answer)
    where = shown_value(subject, float(answer["x"]))
    start = f"With {where} FLOP" if subject.variable == "C" else f"At {subject.variable} {where}"
    what = "a loss" if subject.target == "loss" else subject.target
    pieces = [(f"{start}, expect {what} of ", False), (estimate, True)]
    if not low:
        return pieces
    return [*pieces, (", between ", False), (low, True), (" and ", False), (high, True)]


def rounded_answer(answer: pd.Series) -> tuple[str, str, str]:
    """Estimate and prediction interval, of the forecast where there is one; rounded."""
    name, run = ("forecast", "forecast") if "forecast" in answer else ("law", "law_run")
    low, high = float(answer[f"{run}_low"]), float(answer[f"{run}_high"])
    return rounded(float(answer[name]), low, high)


def rounded(estimate: float, low: float, high: float) -> tuple[str, str, str]:
    """An estimate and its interval in the digits that the interval's width decides."""
    half = (high - low) / 2
    if not np.isfinite(half):
        return format_plain(estimate), "", ""
    return format_to(estimate, half), format_to(low, half), format_to(high, half)


def times_text(subject: Subject, factor: float) -> str:
    """How many times beyond the runs."""
    what = "compute" if subject.variable == "C" else subject.variable
    return f"{format_factor(factor, 2)} times the {what} of the largest run"


def width_of(answer: pd.Series, name: str = "forecast", interval: str = "forecast") -> str:
    """Half-width of an interval, relative to the estimate."""
    width = float(answer[f"{interval}_high"] - answer[f"{interval}_low"])
    return f"±{format_percent(width / (2 * abs(float(answer[name]))))}"


def beyond_text(subject: Subject) -> str:
    """How far the headline's point is, and the prediction of the law alone."""
    answer = subject.answer
    if answer is None:
        return ""
    factor = float(answer["beyond"])
    text = "That is within the range of the runs."
    if factor > 1:
        text = f"That is {times_text(subject, factor)}."
    if subject.fit is None or "forecast" not in answer:
        return text
    law, low, high = rounded(*(float(answer[f"law{end}"]) for end in ("", "_run_low", "_run_high")))
    return f"{text} The law {subject.fit.law.label} alone predicts {law} ({low} to {high})."


def about_runs(subject: Subject) -> str:
    """Of what the page is, in one line."""
    runs = subject.runs
    parts = [plural(runs.n, "run")]
    if subject.has_sizes:
        ends = (format_count(v, 2) for v in (runs.frame["N"].min(), runs.frame["N"].max()))
        parts = [f"{parts[0]} of {' to '.join(ends)} parameters"]
    largest = shown_value(subject, subject.largest)
    unit = "FLOP" if subject.variable == "C" else subject.variable
    parts[0] += f", up to {largest} {unit}" if subject.variable == "C" else f", {unit} to {largest}"
    if subject.fit is not None:
        parts.append(f"law: {subject.fit.law.label}")
    return " · ".join([*parts, f"all intervals: {format_level(subject.level)}"])


def verdicts_of(subject: Subject) -> list[Verdict]:
    """On the fit, the law beyond the runs, and the forecast."""
    found = [] if subject.fit is None else [_of_fit(subject), _of_law(subject)]
    return [*found, _of_forecast(subject)]


def _of_fit(subject: Subject) -> Verdict:
    fit = subject.law
    how = describe_method(fit)
    if fit.status.good:
        text = f"The optimum was reached, and no check found a problem ({how})."
        return Verdict(True, "Fit converged", text)
    details = " ".join([fit.status.value, *(verdict.detail for verdict in fit.verdicts)])
    return Verdict(False, "Fit doubtful", details)


def _of_law(subject: Subject) -> Verdict:
    answer = subject.answer
    if answer is None or not isinstance(subject.forecast, Forecast):
        return Verdict(
            False, "Law not tested", "No forecast of these runs tests it. Its intervals assume "
            "that it holds.",
        )  # fmt: skip
    first = disputed_from(subject)
    share = float(answer["law"]) / float(answer["forecast"]) - 1
    side = "above" if share > 0 else "below"
    here = shown_value(subject, float(answer["x"]))
    gap = (
        f"At {here} it lies {format_percent(abs(share))} {side} the forecast; its own interval is "
    )
    gap += f"{width_of(answer, 'law', 'law_run')}."
    if first is None and not answer["disputed"]:
        return Verdict(True, "Law holds", f"{gap} It is disputed nowhere in the picture.")
    start = f"From {compute(first['x'])} FLOP on" if first is not None else f"At {here}"
    text = f"{start}, law and forecast differ by more than their intervals allow. {gap}"
    return Verdict(False, "Law disputed", text)


def _of_forecast(subject: Subject) -> Verdict:
    if subject.forecast is None:
        return Verdict(False, "No forecast", subject.no_forecast)
    tested = subject.forecast_tested
    record = f" {record_of(tested)}" if isinstance(tested, Backtest) else ""
    answer = subject.answer
    if isinstance(subject.forecast, CurveForecast) or answer is None:
        good = answer is not None and bool(answer["usable"])
        return Verdict(
            good, "Forecast usable" if good else "Forecast wide", subject.forecast.status
        )
    here = f"At {shown_value(subject, float(answer['x']))} it is {width_of(answer)}."
    if answer["usable"]:
        return Verdict(True, "Forecast usable", f"{here}{record}")
    return Verdict(False, "Forecast not usable", f"{here} {subject.forecast.status}{record}")


def record_of(tested: Backtest) -> str:
    """What a back-test has shown, in a sentence."""
    held, hidden = int(tested.frame["inside"].sum()), len(tested.frame)
    return (
        f"In {plural(len(tested.n_known), 'back-test')} on this table, {held} of "
        f"{plural(hidden, 'hidden run')} ({100 * held / hidden:.0f} %) fell inside its "
        f"{format_level(tested.confidence_level)} interval."
    )
