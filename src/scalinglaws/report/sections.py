"""The head of the page, the forecast, the plan and the back-test as HTML."""

from __future__ import annotations

import numpy as np
import pandas as pd

from scalinglaws.escaping import for_page
from scalinglaws.forecasting.backtest import Backtest
from scalinglaws.forecasting.forecast import Forecast
from scalinglaws.numerals import (
    format_compute,
    format_count,
    format_factor,
    format_level,
    format_percent,
    format_plain,
    format_variable,
)
from scalinglaws.report import pictures
from scalinglaws.report.answer import (
    about_runs,
    answer_of,
    beyond_text,
    record_of,
    rounded,
    verdicts_of,
    width_of,
)
from scalinglaws.report.forecast_picture import compute, disputed_from, forecast_picture
from scalinglaws.report.markup import prose, section, table
from scalinglaws.report.subject import Subject

# --- head ----------------------------------------------------------------------------------------


def title_of(subject: Subject) -> str:
    """The answer without mark-up."""
    return "".join(text for text, _ in answer_of(subject))


def header(subject: Subject) -> str:
    """The answer first, then the verdicts."""
    said = "".join(
        f"<b>{for_page(text)}</b>" if stressed else for_page(text)
        for text, stressed in answer_of(subject)
    )
    lines = "".join(
        f'<li class="{"good" if v.good else "warn"}"><span class="g" aria-hidden="true">'
        f"{'✓' if v.good else '!'}</span><b>{for_page(v.title)}</b><span>{prose(v.text)}</span>"
        "</li>\n"
        for v in verdicts_of(subject)
    )
    return (
        f'<header>\n<p class="kick">{prose(about_runs(subject))}</p>\n<h1>{said}</h1>\n'
        f'<p class="sub">{prose(beyond_text(subject))}</p>\n'
        f'<ul class="verdict" aria-label="Verdicts">\n{lines}</ul>\n</header>'
    )


# --- forecast ------------------------------------------------------------------------------------


_DASHES = "Solid inside the range of the runs, dashed beyond."


def forecast_section(subject: Subject) -> str:
    """The picture, and where the width comes from."""
    if not subject.has_line:
        return ""
    has_forecast = subject.forecast is not None
    shades = (
        "The band’s three shades add up: <b>coefficients</b> (dark), <b>law’s error</b>, "
        "<b>noise of a run</b> (pale). "
        if has_forecast
        else "The band is the prediction interval of the law, if the law holds. "
    )
    notes = "".join(f"<p>{text}</p>" for text in _notes(subject))
    return section("forecast", _forecast_title(subject), [
        "<figure>", forecast_picture(subject, 760, "wide"),
        forecast_picture(subject, 360, "narrow"),
        f"<figcaption>{shades}{_DASHES}</figcaption></figure>",
        f'<div class="note">{notes}</div>' if notes else "",
    ])  # fmt: skip


def _forecast_title(subject: Subject) -> str:
    if subject.fit is None or not isinstance(subject.forecast, Forecast):
        return "Runs and what lies beyond them"
    first = disputed_from(subject)
    if first is None:
        return "Law and forecast agree beyond the runs"
    return f"Law and forecast differ from {compute(first['x'])} FLOP on"


def _notes(subject: Subject) -> list[str]:
    answer = subject.answer
    if answer is None or "forecast" not in answer:
        return []
    shares = [f"{100 * answer[f'share_{n}']:.0f} %" for n in ("coefficients", "law_error", "noise")]
    why = (
        f"<b>Where the {width_of(answer)} comes from.</b> {shares[0]} of the variance is "
        f"coefficients that the runs leave open, {shares[1]} the law’s own error, {shares[2]} "
        "noise of a single run."
    )
    return [why] if subject.deciding_run is None else [why, prose(str(subject.deciding_run))]


# --- plan ----------------------------------------------------------------------------------------


def plan_section(subject: Subject, planner: str) -> str:
    """The planner, and the same for some budgets as a table."""
    if not (subject.has_line and subject.variable == "C" and subject.has_sizes):
        return ""
    if isinstance(subject.plan, str):
        lead = (
            f"N and D have the largest runs’ {subject.ratio:.3g} tokens per parameter. "
            f"{for_page(subject.plan)}"
        )
    else:
        metric = "the forecast’s" if subject.forecast is not None else "the law’s"
        target = for_page(subject.target)
        lead = f"N and D are the law’s compute-optimal ones; the {target} is {metric}."
    lead += f" C is {format_plain(subject.cost)}ND."
    return section("plan", "Plan a budget", [
        f'<p class="lead">{lead}</p>', planner, _plan_table(subject),
    ])  # fmt: skip


def _plan_table(subject: Subject) -> str:
    budgets = np.array(sorted(subject.asked))
    found = subject.along(budgets)
    plan = None if isinstance(subject.plan, str) else subject.plan
    head = ["C, FLOP", "beyond", "N", "D", "D/N"]
    head += [f"{subject.target}, forecast"] if "forecast" in found else []
    head += [f"{subject.target}, law"] if "law" in found else []
    rows = []
    for k, row in found.iterrows():
        sizes = [_with_interval(row, plan, int(str(k)), name) for name in ("N", "D")]
        cells = [
            format_compute(row["x"], 2), _times(float(row["beyond"])), *sizes,
            format_count(row["D"] / row["N"], 2),
        ]  # fmt: skip
        for name in ("forecast", "law"):
            if name in found:
                estimate, low, high = rounded(
                    *(float(row[name + e]) for e in ("", "_low", "_high"))
                )
                cells.append(f"{estimate} <i>{low} to {high}</i>" if low else estimate)
        rows.append(cells)
    level = format_level(subject.level)
    caption = f"Plans. Intervals: {level}; of a new run for the forecast, of the curve for the law"
    return table(head, rows, caption)


def _with_interval(row: pd.Series, plan: pd.DataFrame | None, k: int, name: str) -> str:
    text = format_count(row[name], 2)
    if plan is None or f"{name}_low" not in plan or not np.isfinite(plan[f"{name}_low"].iloc[k]):
        return text
    ends = (format_count(plan[f"{name}_{end}"].iloc[k], 2) for end in ("low", "high"))
    return f"{text} <i>{' to '.join(ends)}</i>"


def _times(beyond: float) -> str:
    return f"{format_factor(beyond, 2)}×" if beyond > 1 else "no"


# --- back-tests ----------------------------------------------------------------------------------


_HIDDEN = (
    "Every run above a value was hidden, the rest fitted, and the hidden ones predicted. Points: "
    "what they reached, above or below the prediction."
)
_RECORD = "<b>Read it as a record, not as a guarantee.</b>"
_OF_CUTS = (
    "Cuts share runs, so their errors are not independent, and no cut can show a change of recipe "
    "between small and large runs."
)


def backtest_section(subject: Subject) -> str:
    """Predictions of the larger runs from the smaller ones."""
    forecast, law = subject.forecast_tested, subject.law_tested
    title = "Has this worked before, on this table?"
    main = forecast if isinstance(forecast, Backtest) else law
    if isinstance(main, str):
        why = main if isinstance(forecast, Backtest) or subject.fit is not None else str(forecast)
        return section("tested", title, [f'<p class="lead">{prose(why)}</p>'])
    other = law if isinstance(law, Backtest) and law is not main else None
    whose = "forecast" if main is forecast else "law"
    dots = '; <span class="k3">● law</span>' if other is not None else ""
    level = format_level(main.confidence_level)
    key = (
        f'<figcaption><span class="k1">● {whose}, inside</span>; × {whose}, outside{dots}. '
        f"Pale bars: {level} intervals.</figcaption></figure>"
    )
    note = f"{_RECORD} {prose(record_of(main))} {_OF_CUTS}"
    return section("tested", title, [
        f'<p class="lead">{_HIDDEN}</p>', "<figure>",
        pictures.backtest_picture(main, other, 760, "wide", 4),
        pictures.backtest_picture(main, other, 360, "narrow", 2), key,
        _backtest_table(main, other, whose), f'<div class="note"><p>{note}</p></div>',
    ])  # fmt: skip


def _backtest_table(main: Backtest, other: Backtest | None, whose: str) -> str:
    head = [f"{main.by} up to", "known", "hidden", "farthest", f"{whose}: error", "inside"]
    head += ["law: error", "inside"] if other is not None else []
    rows = []
    for cut, row in main.summary.iterrows():
        cells = [
            format_variable(main.by, float(str(cut)), 2), f"{row['known']:.0f}",
            f"{row['hidden']:.0f}", f"{format_plain(row['farthest'], 2)}×", *_scores(row),
        ]  # fmt: skip
        if other is not None:  # the law may have too few runs at a cut
            cells += _scores(other.summary.reindex([cut]).iloc[0])
        rows.append(cells)
    return table(head, rows, "Mean error and share inside the interval, by cut")


def _scores(row: pd.Series) -> list[str]:
    if np.isnan(row["inside"]):
        return ["", ""]
    return [format_percent(float(row["error"])), f"{100 * row['inside']:.0f} %"]
