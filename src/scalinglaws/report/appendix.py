"""The runs, the coefficients, caveats and how to reproduce the page, as HTML."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from scalinglaws.escaping import for_page
from scalinglaws.numerals import (
    format_compute,
    format_level,
    format_percent,
    format_plain,
    format_to,
    format_variable,
    listed,
    plural,
)
from scalinglaws.report import pictures
from scalinglaws.report.answer import times_text
from scalinglaws.report.markup import prose, section, table
from scalinglaws.report.subject import Subject

# --- runs and residuals --------------------------------------------------------------------------


_GLYPH = 0.5  # widest half of an interval, relative to its estimate, that is drawn in full
_AS_CSV = "The same with all digits, as CSV"


def runs_section(subject: Subject, csv: str) -> str:
    """The runs and the residuals of the law, drawn and listed."""
    drawn = []
    if subject.has_sizes:
        drawn.append((
            pictures.map_picture(subject),
            "The runs" + ("" if isinstance(subject.plan, str) else " and the compute-optimal line, "
                          "with its interval") + "; large models are strongest.",
        ))  # fmt: skip
    if subject.fit is not None:
        drawn.append((
            pictures.residual_picture(subject),
            f"Residuals of the law. Grey: one standard deviation, {_scatter(subject)}.",
        ))  # fmt: skip
    figures = "".join(
        f"<figure>{picture}<figcaption>{prose(text)}</figcaption></figure>"
        for picture, text in drawn
    )
    runs = subject.runs
    counted = plural(runs.n, "run")
    counted += "" if len(runs.x) == runs.n else f"; {len(runs.x):,} are listed and drawn"
    return section("runs", "The runs", [
        f'<div class="pair">{figures}</div>' if figures else "",
        f'<details id="runs"><summary>{counted}</summary>{_runs_table(subject)}</details>',
        f"<details><summary>{_AS_CSV}</summary><pre>{for_page(csv)}</pre></details>",
    ])  # fmt: skip


def _scatter(subject: Subject) -> str:
    fit = subject.law
    return format_percent(fit.noise) if fit.scale == "log" else format_plain(fit.noise, 2)


def _runs_table(subject: Subject) -> str:
    runs, fit = subject.runs, subject.fit
    columns = {
        str(name): [_cell(subject, str(name), value) for value in values]
        for name, values in runs.frame.items()
    }
    if subject.variable not in columns:
        columns[subject.variable] = [format_compute(x) for x in runs.x]
    if fit is not None:
        size, unit = (100, " %") if fit.scale == "log" else (1, "")
        residuals = size * fit.residuals.to_numpy()[runs.place]
        columns["residual"] = [f"{r:+.2g}{unit}".replace("-", "−") for r in residuals]
    labels = [for_page(str(label)) for label in runs.frame.index]
    return table(["row", *columns], zip(labels, *columns.values(), strict=True), "Runs", "runs")


def _cell(subject: Subject, name: str, value: object) -> str:
    if not isinstance(value, float | int | np.number):
        return for_page(str(value))
    number = float(value)
    return format_plain(number, 5) if name == subject.target else format_variable(name, number)


# --- coefficients --------------------------------------------------------------------------------


_CORRELATED = (
    "They are drawn relative to the estimate. The errors of coefficients are correlated: a sum of "
    "terms is known better than each of them."
)


def coefficients_section(subject: Subject) -> str:
    """Estimates with intervals, those drawn relative to the estimates."""
    fit = subject.fit
    if fit is None:
        return ""
    tables = [(fit.table, "Coefficients")]
    if len(fit.identified):
        tables.append((fit.identified, "Identified combinations"))
    level = format_level(fit.confidence_level)
    formula = for_page(f"{fit.runs.target} ~ {fit.law.formula.rpartition('~')[2].strip()}")
    parts = [f'<p class="lead"><code>{formula}</code></p>']
    parts += [_coefficients(values, f"{name}, with {level} intervals") for name, values in
              ((n, v) for v, n in tables)]  # fmt: skip
    note = f"Intervals: {for_page(fit.interval_method)}. {_CORRELATED}"
    parts.append(f'<div class="note"><p>{note}</p></div>')
    return section("coefficients", "Coefficients", parts)


def _coefficients(values: pd.DataFrame, caption: str) -> str:
    relative = (values["high"] - values["low"]).div(2 * values["estimate"].abs())
    finite = relative[np.isfinite(relative)]
    reach = float(min(finite.max(), _GLYPH)) if len(finite) else _GLYPH
    rows = []
    for name, row in values.iterrows():
        estimate, low, high = (float(row[k]) for k in ("estimate", "low", "high"))
        error = float(row["std_error"])
        half = error if np.isfinite(error) else (high - low) / 2
        known = np.isfinite(high - low) and estimate != 0
        status = "" if row["status"] == "estimated" else str(row["status"])
        rows.append([
            for_page(str(name)), format_to(estimate, error),
            f"{format_to(low, half)} to {format_to(high, half)}" if np.isfinite(high - low) else "",
            pictures.interval_glyph(low, estimate, high, reach) if known else "",
            for_page(status),
        ])  # fmt: skip
    width = f"±{format_percent(reach)}"
    return table(["", "estimate", "interval", f"on a scale of {width}", ""], rows, caption)


# --- the end -------------------------------------------------------------------------------------


_RECIPE = (
    "A table cannot show a change of recipe, data or optimiser between the runs and the target."
)


def caveats_section(subject: Subject) -> str:
    """Caveats, the most serious first."""
    items = "".join(f"<li>{prose(text)}</li>\n" for text in _caveats(subject))
    return section("caveats", "Caveats", [f'<ol class="caveats">\n{items}</ol>'])


def _caveats(subject: Subject) -> list[str]:
    found = []
    fit, forecast = subject.fit, subject.forecast
    answer = subject.answer
    if answer is not None and answer["beyond"] > 1:
        found.append(f"The headline is {times_text(subject, answer['beyond'])}. {_RECIPE}")
    if subject.deciding_run is not None and subject.deciding_run.decides:
        found.append(str(subject.deciding_run))
    if fit is not None:
        found += [v.detail for v in fit.verdicts] + list(fit.facts)
        left_out = [f"{label} ({why})" for label, why in fit.runs.dropped]
        found += [f"Left out of the fit: rows {listed(left_out)}."] if left_out else []
        found.append("Model error is not included: intervals of the law assume that it holds.")
    if forecast is not None:
        found += list(forecast.facts)
    if isinstance(subject.plan, pd.DataFrame):
        notes = {note for note in subject.plan["note"] if note and "times the compute" not in note}
        found += [f"The plan: {note}." for note in sorted(notes)]
    return list(dict.fromkeys(found))


def reproduce_section(code: str, facts: Sequence[str]) -> str:
    """The calls, and what they were made with."""
    lines = "<br>".join(for_page(fact) for fact in facts)
    return section("reproduce", "Reproduce", [
        f'<pre id="reproduce">{for_page(code)}</pre>', f'<p class="small">{lines}</p>',
    ])  # fmt: skip
