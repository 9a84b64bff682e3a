"""How analyses of runs read: IsoFLOP profiles, envelopes, compute multipliers and next runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from scalinglaws.display import Bars, Card, Column, Interval, Table
from scalinglaws.display.plan_columns import BEYOND, plan_table, read_row, written, written_interval
from scalinglaws.numerals import (
    format_compute,
    format_count,
    format_interval,
    format_level,
    format_percent,
    format_plain,
    format_times,
    format_to,
    format_variable,
    plural,
)

if TYPE_CHECKING:
    from scalinglaws.planning.bias import Bias
    from scalinglaws.planning.envelope import Envelope
    from scalinglaws.planning.gain_results import Gain, Gains
    from scalinglaws.planning.isoflop import IsoFLOP
    from scalinglaws.planning.next_runs import NextRuns

_SHOWN = 5  # points of an envelope
_FINE = "between its runs"
_SURE = 0.05  # p value below which a test rejects


def isoflop_card(found: IsoFLOP) -> Card:
    """Of `IsoFLOP`: the exponent, the optimum of each budget, refusals, and the bias."""
    optima, level = found.optima, found.confidence_level
    accepted = optima[optima["N"].notna()]
    status = [text if text != "ok" else _FINE for text in optima["status"]]
    shown = optima.assign(minimum=status)
    table = plan_table(
        shown[[name for name in shown.columns if name not in ("status", "sizes", "used")]], level,
        bare=("D", found.runs.target), titles={"C": "budget", "N": "best N", "D": "best D"},
        upright=False,
    )  # fmt: skip
    caveats = [_bias_sentence(found.bias, found.no_bias)]
    if found.left_out:
        n_runs = len(found.runs.N)
        caveats.append(f"{plural(found.left_out, 'run')} of {n_runs} share no budget.")
    if len(found.refused):
        caveats.insert(0, f"{plural(len(found.refused), 'budget')} refused: no minimum.")
    answer = (
        f"{_exponent(found.exponents, level)}, from {plural(len(accepted), 'IsoFLOP budget')} of "
        f"{plural(int(accepted['runs'].sum()), 'run')} ({found.method})."
    )
    return Card(
        answer, tables=(table,), caveats=tuple(filter(None, caveats)),
        next=f'isoflop.predict("{format_compute(100 * float(accepted["C"].max()), 1)}")',
    )  # fmt: skip


def envelope_card(found: Envelope) -> Card:
    """Of `Envelope`: the exponent, some of its points, and the bias."""
    points, level = found.points, found.confidence_level
    few = points.iloc[np.unique(np.linspace(0, len(points) - 1, _SHOWN).astype(int))]
    table = plan_table(few, level, bare=("D", found.runs.target), upright=False)
    answer = (
        f"{_exponent(found.exponents, level)}, from an envelope of training curves: "
        f"{plural(points['N'].nunique(), 'size')} on it."
    )
    note = f"{len(few)} of {plural(len(points), 'point')}"
    return Card(
        answer, tables=(Table(table.columns, note=f"{note}: envelope.points has all."),),
        caveats=tuple(filter(None, [_bias_sentence(found.bias, found.no_bias)])),
        next=f'envelope.predict("{format_compute(100 * float(points["C"].max()), 1)}")',
    )  # fmt: skip


def _exponent(exponents: pd.DataFrame, level: float) -> str:
    estimate, low, high = (float(exponents[name].iloc[0]) for name in ("exponent", "low", "high"))
    span = format_interval(low, high)
    written_out = format_to(estimate, 0.5 * (high - low))
    return f"N grows as C^{written_out}" + (f" ({format_level(level)}: {span})" if span else "")


def _bias_sentence(bias: Bias | None, otherwise: str) -> str:
    text = bias.sentence if bias is not None else otherwise
    return f"{text[:1].upper()}{text[1:].removesuffix('.')}." if text else ""


def bias_card(bias: Bias) -> Card:
    """Of `Bias`: the sentence, and what each budget is off by."""
    names = ["C", *(n for n in bias.optima.columns if n.startswith(("N_bias", "D_bias")))]
    table = plan_table(bias.optima[names], bias.confidence_level, upright=False)
    return Card(_bias_sentence(bias, ""), tables=(table,))


# --- compute multipliers ----------------------------------------------------------------------


def gain_card(found: Gain) -> Card:
    """Of `Gain`: the multiplier at each budget, and the tests where runs were compared."""
    table, variable = found.table, found.variable
    recipe, level = f"{variable}_recipe", format_level(found.confidence_level)
    bars = [
        _multiplier(format_variable(variable, row[variable]), row) for _, row in table.iterrows()
    ]
    titles = {variable: f"baseline {variable}", recipe: f"recipe {variable}"}
    numbers = plan_table(
        table, found.confidence_level, without=("note",), titles=titles, upright=False,
        bare=(recipe, str(table.columns[1])),
    )  # fmt: skip
    tests = () if found.tests is None else (_tests(found.tests),)
    return Card(
        f"{found.what.capitalize()} saved by the second recipe ({level}): {found.sentence}",
        pictures=(Bars(tuple(bars)),) if len(bars) > 1 else (),
        tables=(numbers, *tests),
        caveats=tuple(dict.fromkeys(f"{note}." for note in table["note"] if note)),
        next="gain.plot()",
    )


def gains_card(found: Gains) -> Card:
    """Of `Gains`: each recipe at the largest budget."""
    last = {name: gain.table.iloc[-1] for name, gain in found.items()}
    first = next(iter(found.values()))
    level, variable = first.confidence_level, first.variable
    amount = format_variable(variable, next(iter(last.values()))[variable])
    at = f"{amount} FLOP" if variable == "C" else f"{variable} {amount}"
    parts = [
        f"{name} {format_times(row['gain'])} ({written_interval(row, 'gain')})"
        for name, row in last.items()
    ]
    rows = [
        (name, format_times(row["gain"]), written_interval(row, "gain"), found[name].direction)
        for name, row in last.items()
    ]
    names, gains, spans, directions = zip(*rows, strict=True)
    table = Table((
        Column("recipe", names, left=True), Column("gain", gains),
        Column(format_level(level), spans, joined=True),
        Column(f"with {variable}", directions, left=True),
    ))  # fmt: skip
    return Card(
        f"{first.what.capitalize()} saved relative to {found.baseline} at {at} "
        f"({format_level(level)}): {', '.join(parts)}.",
        pictures=(Bars(tuple(_multiplier(name, row) for name, row in last.items())),),
        tables=(table,),
        next="gains.table",
    )


def _multiplier(label: str, row: pd.Series) -> Interval:
    estimate, low, high = read_row(row, "gain")
    beyond = float(row.get(BEYOND, np.nan))
    note = f"{written(row, BEYOND)} beyond" if beyond > 1 and np.isfinite(beyond) else ""
    return Interval(label, low, estimate, high, format_times(estimate), note)


def _tests(tests: pd.DataFrame) -> Table:
    """Each hypothesis, and whether the next richer one is better."""
    questions = {"one law": "the recipes differ", "levels differ": "their exponents differ"}
    p_values, aicc = tests["p_value"].to_dict(), tests["aicc"].to_dict()
    rows = [
        (
            question, "yes" if p_values[name] < _SURE else "not shown",
            f"p = {_p_value(p_values[name])}", f"AICc {format_plain(aicc[name], 5)}",
        )
        for name, question in questions.items()
    ]  # fmt: skip
    what, answers, values, criteria = zip(*rows, strict=True)
    return Table((
        Column("", what, left=True), Column("", answers, left=True),
        Column("", values, left=True), Column("", criteria, left=True),
    ))  # fmt: skip


def _p_value(p: float) -> str:
    return "below 1e-16" if p < 1e-16 else format_plain(p, 2)


# --- next runs --------------------------------------------------------------------------------


def next_runs_card(plan: NextRuns) -> Card:
    """Of `NextRuns`: what the runs buy, the intervals now and then, and the runs."""
    spent = (
        f"after {plural(len(plan.runs), 'run')} of "
        f"{format_compute(float(plan.runs['C'].sum()))} FLOPs in all"
    )
    return Card(
        f"{plan.sentence} {spent}.",
        pictures=() if "sigma" in plan.answer else (_now_and_after(plan),),
        tables=(_runs(plan.runs),),
        caveats=(f"{plan.note[:1].upper()}{plan.note[1:]}.",) if plan.note else (),
        next="plan.plot()",
    )


def _now_and_after(plan: NextRuns) -> Bars:
    """The interval now, and as wide as it will be, around the estimate of today."""
    estimate = float(plan.answer["estimate"].iloc[0])
    write = format_count if plan.question.startswith("N ") else format_plain
    bars = []
    for label, half in zip(("now", "after"), plan.answer["half_width"], strict=True):
        factor = 1 + float(half)
        note = f"±{format_percent(float(half))}" if half < 1 else f"a factor of {factor:.2g}"
        text = write(estimate) if label == "now" else ""
        bars.append(Interval(label, estimate / factor, estimate, estimate * factor, text, note))
    return Bars(tuple(bars))


def _runs(runs: pd.DataFrame) -> Table:
    """Runs that agree in N and D are one row with their number."""
    last = str(runs.columns[-1])
    grouped = runs.groupby(["N", "D"], sort=False, as_index=False)
    each = grouped.agg(C=("C", "first"), runs=("C", "size"), after=(last, "last"))
    without = () if (each["runs"] > 1).any() else ("runs",)
    table = plan_table(each[["N", "D", "C", "runs"]], 0.95, upright=False, without=without)
    after = tuple(f"{value:.4f}" for value in each["after"])
    title = "sd after" if last == "sd_after" else "sd apart"
    return Table((*table.columns, Column(title, after)))
