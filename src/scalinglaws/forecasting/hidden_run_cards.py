"""How back-tests and comparisons of laws read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scalinglaws.display import Bars, Card, Column, Interval, Table
from scalinglaws.numerals import (
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
    from scalinglaws.forecasting.backtest import Backtest
    from scalinglaws.forecasting.comparison import Comparison

_NOTE = (
    "error and inside: of hidden runs, each predicted from the runs below a cut; cuts share runs."
)
_NO_CHOICE = (
    "On public tables, laws chosen by them or by AICc predicted no better than a fixed one."
)


def backtest_card(found: Backtest) -> Card:
    """What held, then a line for each cut."""
    frame, error = found.frame, format_percent(found.overall["error"])
    level = format_level(found.confidence_level)
    whose = "forecast" if found.label == "forecast" else f"law {found.label}"
    rows = [
        (
            format_variable(found.by, float(str(cut)), 2), f"{row['known']:.0f}",
            f"{row['hidden']:.0f}", f"to {format_plain(row['farthest'], 2)}x",
            format_percent(row["error"]), _signed(row["bias"]), f"{100 * row['inside']:.0f} %",
        )
        for cut, row in found.summary.iterrows()
    ]  # fmt: skip
    titles = (f"{found.by} up to", "known", "hidden", "beyond", "error", "bias", "inside")
    columns = zip(titles, zip(*rows, strict=True), strict=True)
    caveats = [f"Left out: {reason}" for reason in found.skipped]
    if len(rows) > 1:
        caveats.insert(0, "Cuts share runs: their misses are not independent.")
    inside = f"{int(frame['inside'].sum())} of {plural(len(frame), 'hidden run')}"
    return Card(
        f"{inside} lie inside the {level} interval of the {whose}; mean error {error}.",
        tables=(Table(tuple(Column(title, cells) for title, cells in columns)),),
        caveats=tuple(caveats),
        more="found.skipped",
        next="found.plot()",
    )


def comparison_card(found: Comparison) -> Card:
    """What held, the estimates at the target, the table, and what it cannot tell."""
    frame = found.frame
    bars = []
    for name, row in frame.iterrows():
        text = format_to(row["estimate"], 0.5 * (row["high"] - row["low"])) or "-"
        role = "forecast" if name == "forecast" else "law"
        span = format_interval(row["low"], row["high"])
        bars.append(
            Interval(str(name), row["low"], row["estimate"], row["high"], text, span, role)  # type: ignore[arg-type]
        )
    columns = (
        Column("law", tuple(map(str, frame.index)), left=True),
        Column("coef.", tuple(_or_dash(v, "{:.0f}") for v in frame["coefficients"])),
        Column("rms of fit", tuple(format_percent(v) or "-" for v in frame["rms"])),
        Column("AICc", tuple(_or_dash(v, "{:.1f}") for v in frame["AICc"])),
        Column("error", tuple(format_percent(v) or "-" for v in frame["error"])),
        Column("inside", tuple(_or_dash(100 * v, "{:.0f} %") for v in frame["inside"])),
    )
    failed = tuple(f"{name}: {reason}" for name, reason in found.failed.items())
    beyond = found.point["C"] / found.forecast.rows.largest
    far = (f"The target is {format_factor(beyond)} times the largest run.",) if beyond > 1 else ()
    return Card(
        _held(found),
        pictures=(Bars(tuple(bars)),),
        tables=(Table(columns, note=_NOTE),),
        caveats=(*failed, *far, _NO_CHOICE),
        more="found.failed",
        next="found.by_distance",
    )


def _held(found: Comparison) -> str:
    """Shares of hidden runs inside, without a favourite."""
    tested = found.frame.dropna(subset=["inside"])
    at = ", ".join(f"{v} {format_variable(v, found.point[v])}" for v in ("N", "D"))
    own = found.frame.iloc[0]
    estimate = format_to(own["estimate"], 0.5 * (own["high"] - own["low"]))
    span = format_interval(own["low"], own["high"])
    level = format_level(found.confidence_level)
    quoted = f"At {at} the forecast is {estimate} ({level}: {span})."
    if not len(tested):
        return f"Laws on one table; no run could be hidden. {quoted}"
    shares = [f"{name} {100 * row['inside']:.0f} %" for name, row in tested.iterrows()]
    return f"Hidden runs inside their {level} interval: {listed(shares)}. {quoted}"


def _signed(value: float) -> str:
    text = format_percent(value)
    return f"+{text}" if value > 0 else text


def _or_dash(value: float, form: str) -> str:
    return form.format(value) if np.isfinite(value) else "-"
