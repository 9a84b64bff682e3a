"""How the plans of a fit read: one card for each verb that returns a DataFrame."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from scalinglaws.display import Bars, Card, Interval, Table, with_card
from scalinglaws.display.plan_columns import (
    BEYOND,
    plan_table,
    read_row,
    written,
    written_interval,
)
from scalinglaws.numerals import (
    format_compute,
    format_count,
    format_factor,
    format_level,
    format_percent,
    format_plain,
    format_times,
    listed,
)
from scalinglaws.planning.sampled import Sampled

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_NEARLY_ALL = 0.995  # of the compute, from which on unlimited data saves nothing
_NOTES = 'plan["note"]'  # where all caveats are
_MOST_PERCENT = 10.0  # of compute, from which on it is written as a factor
_LARGEST_RUN = "times the compute of the largest run"


@dataclass(frozen=True)
class About:
    """Facts of a plan besides its numbers.

    Attributes
    ----------
    target : name of the performance
    level : of the intervals
    of : "law" or "forecast"
    """

    target: str
    level: float
    of: str = "law"

    @property
    def call(self) -> str:
        """What the next call is given."""
        return "fit" if self.of == "law" else self.of


def about_of(sample: Sampled) -> About:
    """Facts of the plan of a law or a forecast."""
    return About(sample.target, sample.level, sample.kind)


def shown(
    frame: pd.DataFrame, card: Callable[..., Card], about: About, **more: Any
) -> pd.DataFrame:
    """A plan that displays as a card, and draws itself, while it is whole."""
    draw = None
    if kind := _DRAWN.get(card):
        draw = partial(_draw, kind=kind, about=about, facts=more)
    return with_card(frame, partial(card, about=about, **more), draw)


def _draw(
    frame: pd.DataFrame, y: str | None = None, *, kind: str, about: About, facts: dict[str, Any],
    **options: Any,
) -> Axes:  # fmt: skip
    from scalinglaws.plotting.plans import plot_plan

    return plot_plan(
        frame, kind, y, target=about.target, level=about.level, of=about.of, facts=facts, **options
    )  # fmt: skip


# --- what all plans have in common ------------------------------------------------------------


def _quoted(row: pd.Series, names: Sequence[str], level: float) -> str:
    """Intervals of some quantities in parentheses; nothing where there are none."""
    spans = [(name, written_interval(row, name)) for name in names]
    known = [f"{name} {span}" if len(names) > 1 else span for name, span in spans if span]
    return f" ({format_level(level)}: {', '.join(known)})" if known else ""


def _notes(frame: pd.DataFrame) -> tuple[list[str], list[list[str]]]:
    """What every row notes, and what single rows note besides; distances are a column."""
    each = [
        [part for part in str(note).split("; ") if part and _LARGEST_RUN not in part]
        for note in frame["note"]
    ]
    common = [part for part in each[0] if all(part in parts for parts in each)] if each else []
    return common, [[part for part in parts if part not in common] for parts in each]


def _caveats(frame: pd.DataFrame, row: pd.Series, about: About) -> tuple[str, ...]:
    """Notes as sentences, those of single rows with their rows, and how far the answer is out."""
    common, single = _notes(frame)
    found = [_sentence(note) for note in common]
    key = str(frame.columns[0])
    rows: dict[str, list[str]] = {}
    for name, parts in zip(frame.to_dict("records"), single, strict=True):
        for part in parts:
            rows.setdefault(part, []).append(written(name, key))
    found += [f"{key} {listed(names)}: {_sentence(part)}" for part, names in rows.items()]
    beyond = float(row.get(BEYOND, np.nan))
    if 1 < beyond < np.inf:
        assumed = ": the intervals assume the law holds there" if about.of == "law" else ""
        found.append(f"{format_factor(beyond)} {_LARGEST_RUN}{assumed}.")
    return tuple(found)


def _sentence(note: str) -> str:
    return f"{note[:1].upper()}{note[1:].removesuffix('.')}."


def _table(frame: pd.DataFrame, about: About, note: str = "", **options: Any) -> Table:
    """The table of a plan; its notes are caveats."""
    without = {*options.pop("without", ()), "note"}
    return replace(plan_table(frame, about.level, without=without, **options), note=note)


def _last_known(frame: pd.DataFrame, name: str) -> pd.Series:
    """The last row that has a finite value of a quantity, or else the last row."""
    known = np.flatnonzero(np.isfinite(frame[name].to_numpy(dtype=float)))
    return frame.iloc[known[-1] if len(known) else -1]


# --- a card for each verb ---------------------------------------------------------------------


def optimal_card(frame: pd.DataFrame, *, about: About, given: str) -> Card:
    """Of `scalinglaws.optimal`."""
    row = _last_known(frame, "N" if given != "N" else "D")
    C, N, D, value = (written(row, name) for name in ("C", "N", "D", about.target))
    if not np.isfinite(row["C"] * row["N"] * row["D"]):
        reason = str(row["note"]).partition(";")[0]
        answer = f"No compute-optimal run here: {reason or 'the law has no optimum'}."
    elif given == "C":
        span = _quoted(row, ("N", about.target), about.level)
        answer = f"At {C} FLOP: {N} parameters on {D} tokens, {about.target} {value}{span}."
    elif given in ("N", "D"):
        what = f"{N} parameters are" if given == "N" else f"{D} tokens are"
        other = f"on {D} tokens" if given == "N" else f"for {N} parameters"
        span = _quoted(row, ("C", "D" if given == "N" else "N"), about.level)
        answer = f"{what} compute-optimal at {C} FLOP, {other}{span}."
    else:
        span = _quoted(row, ("C", "N"), about.level)
        goal = f"{about.target.capitalize()} {value}"
        answer = f"{goal} needs {C} FLOP: {N} parameters on {D} tokens{span}."
    first = about.target if given == "loss" else given
    frame = frame[[first, *frame.columns.drop(first)]]
    call = ""
    if np.isfinite(row["C"]) and about.of == "law":
        call = f'sl.near_optimal(fit, C="{format_compute(float(row["C"]), 2)}")'
    elif about.of == "forecast":
        call = f'forecast.predict(N="{N}", D="{D}")'
    disputed: tuple[str, ...] = ()
    if row.get("disputed") == 1:
        size = f"{written(row, 'N_forecast')}{_quoted(row, ('N_forecast',), about.level)}"
        disputed = (f"Disputed: by the forecast of the same runs the best size is {size}.",)
    titles = {f"{about.target}_forecast": f"{about.target}, forecast"}
    return Card(
        answer,
        tables=(_table(frame, about, bare=("ratio",), titles=titles),),
        caveats=(*disputed, *_caveats(frame, row, about)),
        more=_NOTES,
        next=call,
    )


def near_optimal_card(frame: pd.DataFrame, *, about: About, within: float) -> Card:
    """Of `scalinglaws.near_optimal`."""
    row = frame.iloc[-1]
    smallest = written(row, "smallest") or "below the sizes looked at"
    largest = written(row, "largest") or "beyond the sizes looked at"
    answer = (
        f"At {written(row, 'C')} FLOP the {about.target} is within {format_percent(within)} of the "
        f"best from {smallest} to {largest} parameters"
        f"{_quoted(row, ('smallest', 'largest'), about.level)}."
    )
    return Card(
        answer,
        tables=(_table(frame, about, bare=("span",)),),
        caveats=_caveats(frame, row, about),
        more=_NOTES,
        next=f'sl.overtraining({about.call}, C="{written(row, "C")}")',
    )


def overtraining_card(frame: pd.DataFrame, *, about: About, budget: float) -> Card:
    """Of `scalinglaws.overtraining`."""
    finite = np.isfinite(frame["overhead"].to_numpy(dtype=float))
    smaller = frame["smaller"].to_numpy(dtype=float) > 1
    place = int((finite & smaller).argmax())  # the first row, where none is
    more, extra = "overhead", "more"
    if finite.any() and frame["overhead"][finite].max() > _MOST_PERCENT:
        frame, more, extra = _as_factors(frame), "times_compute", "the"
    row = frame.iloc[place]
    C = format_compute(budget)
    if np.isfinite(row[more]):
        times = format_plain(float(row["smaller"]), 3)
        span = _quoted(row, (more,), about.level)
        answer = (
            f"A model {times} times smaller than the best at {C} FLOP ({written(row, 'N')}) needs "
            f"{written(row, more)} {extra} compute for the same {about.target}{span}."
        )
    else:
        answer = f"No amount of data makes a model this small reach the best {about.target} at {C}."
    limit = written(row, "limit").removesuffix("x")
    span = _quoted(row, ("limit",), about.level)
    note = ""
    if limit and finite.all():  # else the rows beyond it say so
        note = f"No data is enough for a model more than {limit} times smaller{span}."
    return Card(
        answer,
        tables=(_table(frame, about, note, without=("limit",), bare=("times_tokens",)),),
        caveats=_caveats(frame, row, about),
        more=_NOTES,
        next=f'sl.serving({about.call}, served="1T", budget="{C}")',
    )


def _as_factors(frame: pd.DataFrame) -> pd.DataFrame:
    """Compute as a multiple of the budget, where per cent of it would be long numbers."""
    factors = frame.copy()
    for name in ("overhead", "overhead_low", "overhead_high"):
        factors[name] = 1.0 + factors[name]
    return factors.rename(columns=lambda name: str(name).replace("overhead", "times_compute"))


def serving_card(frame: pd.DataFrame, *, about: About, budget: float | None) -> Card:
    """Of `scalinglaws.serving`."""
    row = _last_known(frame, "N")
    if not np.isfinite(row["N"]):
        return Card("No model is possible here.", tables=(_table(frame, about),))
    N, D, value, served = (written(row, n) for n in ("N", "D", about.target, "served"))
    total = float(row["total"])
    goal = f"{about.target} {value}" if budget is None else f"{format_compute(budget)} FLOP in all"
    reached = (
        f"{format_compute(total)} FLOP in all" if budget is None else f"{about.target} {value}"
    )
    answer = (
        f"For {goal} and {served} served tokens: {N} parameters on {D} tokens, {reached}"
        f"{_quoted(row, ('N', 'D'), about.level)}."
    )
    trains, serves = (format_percent(row[name] / total) for name in ("training", "serving"))
    shares = f"{trains} trains, {serves} serves."
    saving = read_row(row, "saving")[0]
    if np.isfinite(saving):
        shares += (
            f" It costs {written(row, 'saving')} less than the best model for training alone, at "
            f"equal {about.target}{_quoted(row, ('saving',), about.level)}."
        )
    narrow = ("D",) if len(frame) > 1 else ()
    table = _table(
        frame, about, shares, without=() if budget is None else ("total",),
        bare=("ratio", "training", "serving", "total", *narrow),
    )  # fmt: skip
    return Card(
        answer,
        tables=(table,),
        caveats=_caveats(frame, row, about),
        more=_NOTES,
        next=(
            f'sl.planning.served_for(fit, N="{N}", D="{D}")'
            if about.of == "law"
            else f'forecast.predict(N="{N}", D="{D}")'
        ),
    )


def served_for_card(frame: pd.DataFrame, *, about: About) -> Card:
    """Of `scalinglaws.planning.served_for`."""
    row = frame.iloc[0]
    N, D, served = (written(row, name) for name in ("N", "D", "served"))
    if row["served"] > 0:
        span = _quoted(row, ("served",), about.level)
        answer = f"{N} parameters on {D} tokens cost least in all for {served} served tokens{span}."
    else:
        answer = (
            f"{N} parameters on {D} tokens are more than compute-optimal: no number of served "
            "tokens makes them the cheapest."
        )
    call = f'sl.planning.regret(fit, N="{N}", D="{D}")'
    return Card(answer, caveats=_caveats(frame, row, about), more=_NOTES, next=call)


def limited_data_card(frame: pd.DataFrame, *, about: About) -> Card:
    """Of `scalinglaws.limited_data`."""
    row = frame.iloc[-1]
    C, unique, N, epochs, value = (
        written(row, name) for name in ("C", "unique", "N", "epochs", about.target)
    )
    often = "one epoch" if row["epochs"] <= 1 else f"{epochs} epochs"
    answer = (
        f"At {C} FLOP and {unique} unique tokens: {N} parameters for {often}, {about.target} "
        f"{value}{_quoted(row, ('N', 'epochs', about.target), about.level)}."
    )
    if (frame["C"] == row["C"]).all():
        frame = frame[["unique", *frame.columns.drop("unique")]]
    worth = read_row(row, "worth")[0]
    note = ""
    if worth < _NEARLY_ALL:
        note = (
            f"With unlimited data {format_times(1 / worth).removesuffix('x')} times less compute "
            f"would reach this {about.target}."
        )
    return Card(
        answer,
        tables=(_table(frame, about, note, bare=("worth", "epochs")),),
        caveats=_caveats(frame, row, about),
        more=_NOTES,
        next=f'sl.optimal(fit, C="{C}")',
    )


def regret_card(frame: pd.DataFrame, *, about: About) -> Card:
    """Of `scalinglaws.planning.near_optimal`."""
    row = _last_known(frame, "regret")
    N, D, C, worse, wasted = (written(row, n) for n in ("N", "D", "C", "regret", "wasted"))
    answer = (
        f"{N} parameters on {D} tokens: the {about.target} is {worse} worse than the best for "
        f"{C} FLOP{_quoted(row, ('regret',), about.level)}, and {wasted} of the compute is wasted"
        f"{_quoted(row, ('wasted',), about.level)}."
    )
    return Card(
        answer,
        tables=(_table(frame, about),),
        caveats=_caveats(frame, row, about),
        more=_NOTES,
        next=f'sl.optimal(fit, C="{C}")',
    )


def trend_card(frame: pd.DataFrame, *, level: float) -> Card:
    """Of the trend of an IsoFLOP analysis or an envelope, at other budgets."""
    row = frame.iloc[-1]
    C, N, D = (written(row, name) for name in ("C", "N", "D"))
    beyond = float(row[BEYOND])
    caveat = f"{format_factor(beyond)} times the largest budget." if beyond > 1 else ""
    return Card(
        f"At {C} FLOP: {N} parameters on {D} tokens{_quoted(row, ('N', 'D'), level)}.",
        tables=(plan_table(frame, level),),
        caveats=(caveat,) if caveat else (),
    )


def approaches_card(frame: pd.DataFrame, *, level: float, budget: float) -> Card:
    """Of `scalinglaws.planning.approaches`."""
    sizes = {str(name): read_row(row, "N") for name, row in frame.iterrows()}
    known = {name: size for name, size in sizes.items() if np.isfinite(size[0])}
    each = [
        f"{format_count(row['N'])} by the {name}{_quoted(row, ('N',), level)}"
        for name, row in frame.iterrows()
        if str(name) in known
    ]
    bars = tuple(
        Interval(name, low, estimate, high, format_count(estimate))
        for name, (estimate, low, high) in known.items()
    )
    titles = {"exponent": "N ~ C^"}
    table = plan_table(
        frame.reset_index(), level, without=("note",), titles=titles, upright=False,
        bare=("exponent_bias", "N_bias"),
    )  # fmt: skip
    failed = tuple(
        f"{name}: {_sentence(row['note'])}" for name, row in frame.iterrows() if row["note"]
    )
    answer = (
        f"Best size at {format_compute(budget)} FLOP: {listed(each)}."
        if each
        else f"No approach has a best size at {format_compute(budget)} FLOP."
    )
    return Card(answer, pictures=(Bars(bars),) if bars else (), tables=(table,), caveats=failed)


# Kinds of plans that have a picture.
_DRAWN: dict[Callable[..., Card], str] = {
    optimal_card: "optimal", near_optimal_card: "near_optimal", overtraining_card: "overtraining",
    serving_card: "serving", limited_data_card: "limited_data",
}  # fmt: skip
