"""Pictures of plans: their rows, the intervals of these, and the lines between them.

Each `draw_` function takes the table that a verb of planning returns. `plot_plan` draws such a
table as it is; the functions of `plan_ranges` compute one along a range first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes

from scalinglaws.arrays import FloatArray
from scalinglaws.numerals import (
    format_compute,
    format_count,
    format_level,
    format_plain,
)
from scalinglaws.options import check_option
from scalinglaws.plotting.axes import (
    LABELS,
    far_field,
    frame,
    log_axis,
    padded,
    settle,
    write_title,
)
from scalinglaws.plotting.labels import labels_of, named_ones
from scalinglaws.plotting.marks import draw_band, draw_guide, draw_interval, draw_line
from scalinglaws.plotting.sentences import percent, two_digits, with_interval
from scalinglaws.plotting.style import Style, norm_of, style_of

_FEW = 12  # rows, each of which is marked with its interval
_WITH_RUNS = 1e4  # times the largest run, up to which that is in the picture of few rows
_MOST_COMPUTE = 10.0  # times the compute, up to which a curve of smaller models is drawn
_NAMES = {"N": "size", "D": "number of tokens", "ratio": "tokens per parameter"}
_WRITTEN: dict[str, Callable[[float], str]] = {
    "N": partial(format_count, digits=2), "D": partial(format_count, digits=2),
    "ratio": partial(format_plain, digits=3), "overhead": percent,
}  # fmt: skip
_QUANTITIES = {
    "optimal": ("N", "D", "ratio", "loss"),
    "serving": ("N", "D", "ratio"),
    "near_optimal": ("N",),
    "overtraining": ("overhead",),
    "limited_data": ("loss", "N", "D", "epochs", "worth"),
}


def plot_plan(
    plan: pd.DataFrame,
    kind: str,
    y: str | None = None,
    *,
    target: str,
    level: float,
    of: str,
    facts: Mapping[str, Any],
    ax: Axes | None = None,
    labels: bool = True,
    title: bool | str | None = None,
) -> Axes:
    """Draw the rows of a plan; see `CardFrame.plot`.

    Parameters
    ----------
    kind : name of the verb that made the plan
    y : quantity of the y axis, where the kind has a choice; "loss" is the performance
    target, level : name of the performance, and level of the intervals
    of : "law" or "forecast", which decides the colour
    facts : arguments of the verb, such as the share of `near_optimal`
    """
    choices = _QUANTITIES[kind]
    if y is None:  # of a given size the tokens are the answer
        y = "D" if facts.get("given") == "N" else choices[0]
    check_option("y", y, choices)
    name = target if y == "loss" else y
    along = "smaller" if kind == "overtraining" else "served" if kind == "serving" else "C"
    if kind == "limited_data" and plan["C"].nunique() == 1 < len(plan):
        along = "unique"
    known = np.isfinite(plan[[along, name]].to_numpy(dtype=float)).all(axis=1)
    if not known.any():
        raise ValueError(f"No row of the plan has a {name} to draw: {plan['note'].iloc[0]}.")
    plan = plan[known].sort_values(along, kind="stable")
    ax, own = settle(ax)
    if kind == "optimal":
        draw_optimal(ax, plan, name, level, of=of, labels=labels)
        sentence = optimal_sentence(plan, name, level)
    elif kind == "serving":
        draw_serving(ax, plan, name, level, of=of, labels=labels)
        served, said = format_count(float(plan["served"].iloc[-1]), 2), _said(plan, name, level)
        sentence = f"To serve {served} tokens at least cost, the {_NAMES[name]} is {said}"
    elif kind == "near_optimal":
        draw_near_optimal(ax, [plan], [facts["within"]], level, of=of, labels=labels)
        sentence = near_optimal_sentence(plan, facts["within"])
    elif kind == "overtraining":
        draw_overtraining(ax, plan, target, level, of=of, labels=labels)
        sentence = _overtraining_sentence(plan, target, level)
    else:
        plans = [plan] if along == "unique" else [rows for _, rows in plan.groupby("unique")]
        draw_limited_data(ax, plans, name, level, along=along, labels=labels)
        sentence = limited_data_sentence(plans[0].iloc[:1] if along == "unique" else plans[0])
    if len(plan) <= _FEW:
        _mark(ax, plan, along, name, level, labels=labels)
    write_title(ax, title, sentence, own=own)
    return ax


def _mark(
    ax: Axes, plan: pd.DataFrame, along: str, name: str, level: float, *, labels: bool
) -> None:
    """The rows of a plan with their intervals, and the number of the last one."""
    shift = 1.0 if name == "overhead" else 0.0
    rows = plan[[along, name]].assign(**_ends(plan, name)).to_numpy(float)
    for x, *heights in rows:
        middle, low, high = (shift + height for height in heights)
        draw_interval(ax, x, middle, low, high)
    if labels:
        top = min(high if np.isfinite(high) else middle, ax.get_ylim()[1])
        text, _, _ = _said(plan, name, level).partition(" (")
        labels_of(ax).note((x, top), text, style_of(ax).ink, align=(0.5, 0.0), bold=True)


# --- lines and bands -------------------------------------------------------------------------


def _ends(plan: pd.DataFrame, name: str) -> dict[str, FloatArray]:
    """Ends of the interval of a quantity, NaN where it has none."""
    missing = pd.Series(np.nan, plan.index)
    return {
        end: np.asarray(plan.get(f"{name}_{end}", missing), dtype=np.float64)
        for end in ("low", "high")
    }


def _draw_quantity(
    ax: Axes, plan: pd.DataFrame, along: str, name: str, colour: Any, *, band: Any = None,
    **line: Any,
) -> bool:  # fmt: skip
    """A quantity of a plan, dashed beyond the runs, and its band; whether there is a band."""
    x, ends = plan[along].to_numpy(float), _ends(plan, name)
    banded = draw_band(ax, x, ends["low"], ends["high"], colour if band is None else band,
                       opaque=band is not None)  # fmt: skip
    beyond = plan["times_beyond"].to_numpy(float) > 1
    draw_line(ax, x, plan[name].to_numpy(float), beyond, colour, **line)
    return banded


def _heights(plan: pd.DataFrame, name: str, *others: float) -> tuple[float, float]:
    """Lowest and highest of what is drawn."""
    values = np.concatenate([plan[name].to_numpy(float), *_ends(plan, name).values(), others])
    values = values[np.isfinite(values) & (values > 0)]
    return float(values.min()), float(values.max())


def _band_words(level: float, *, banded: bool) -> str:
    """What a band is, after the name of y."""
    return f"; {format_level(level)} confidence interval" if banded else ""


def _limits(x: FloatArray) -> tuple[float, float]:
    """Ends along x, with room for the marks of few rows."""
    low, high = float(x.min()), float(x.max())
    return padded(low, high, 0.02) if len(x) <= _FEW else (low, high)


def _shade_beyond(ax: Axes, x: FloatArray, plan: pd.DataFrame) -> None:
    """The far field, from the first point that is beyond the largest run."""
    beyond = plan["times_beyond"].to_numpy(float) > 1
    if beyond.any() and not beyond.all():
        far_field(ax, float(x[int(np.argmax(beyond))]))
    elif beyond.all():
        far_field(ax, ax.get_xlim()[0], "all beyond the runs")


def _largest_run(plan: pd.DataFrame) -> float:
    """Compute of the largest run, by how far the budgets are beyond it; infinite for none."""
    largest = (plan["C"] / plan["times_beyond"]).to_numpy(float)
    return float(largest[0]) if np.isfinite(largest[0]) else np.inf


# --- a picture for each kind of plan -----------------------------------------------------------


def _colour(style: Style, of: str) -> str:
    return style.law if of == "law" else style.forecast


def draw_optimal(
    ax: Axes, plan: pd.DataFrame, name: str, level: float, *, runs: Sequence[FloatArray] = (),
    line: Mapping[str, Any] | None = None, labels: bool = True, of: str = "law",
) -> None:  # fmt: skip
    """A quantity of compute-optimal runs against the budget; `runs` are their C and heights."""
    style, C = style_of(ax), plan["C"].to_numpy(float)
    colour = _colour(style, of)
    banded = _draw_quantity(
        ax, plan, "C", name, colour, band=style.tint(colour, 0.3), casing=True, **(line or {})
    )
    beside = f"{name}_forecast"
    heights = [_heights(plan, name)]
    if beside in plan:  # the plan of the forecast, beside that of the law
        _draw_quantity(ax, plan, "C", beside, style.forecast, casing=True)
        heights.append(_heights(plan, beside))
    largest = _largest_run(plan)
    at, seen = (list(v) for v in runs) if len(runs) else ([], [])
    near = (
        [largest] if not at and len(plan) <= _FEW and C[0] < _WITH_RUNS * largest < np.inf else []
    )
    log_axis(ax.xaxis, "C", *padded(min([C[0], *at, *near]), float(C[-1]), 0.02))
    low, high = min(h[0] for h in heights), max(h[1] for h in heights)
    scale = name if name in ("N", "D") else None
    log_axis(ax.yaxis, scale, *padded(min([low, *seen]), max([high, *seen])))
    frame(ax, LABELS["C"], f"{LABELS.get(name, name)}{_band_words(level, banded=banded)}")
    far_field(ax, largest)
    if labels:
        text = "compute-\noptimal" if of == "law" else "by the\nforecast"
        labels_of(ax).name_end(C, plan[name].to_numpy(float), text, colour)
        if beside in plan:
            labels_of(ax).name_end(C, plan[beside].to_numpy(float), "by the\nforecast",
                                   style.forecast)  # fmt: skip


def _said(plan: pd.DataFrame, name: str, level: float) -> str:
    """The last value of a quantity with its interval."""
    ends = _ends(plan, name)
    middle, low, high = float(plan[name].iloc[-1]), float(ends["low"][-1]), float(ends["high"][-1])
    if name not in _WRITTEN:
        return with_interval(middle, low, high, level)
    write = _WRITTEN[name]
    if not np.isfinite([low, high]).all():
        return write(middle)
    return f"{write(middle)} ({format_level(level)}: {write(low)} to {write(high)})"


def optimal_sentence(plan: pd.DataFrame, name: str, level: float) -> str:
    """The optimum at the largest budget of the picture."""
    budget = format_compute(float(plan["C"].iloc[-1]), 2)
    return f"At {budget} FLOP the optimal {_NAMES.get(name, name)} is {_said(plan, name, level)}"


def draw_serving(
    ax: Axes, plan: pd.DataFrame, name: str, level: float, *, alone: float | None = None,
    of: str = "law", labels: bool = True,
) -> None:  # fmt: skip
    """A quantity of the model of least cost against served tokens; `alone`, for training alone."""
    style, served = style_of(ax), plan["served"].to_numpy(float)
    others, colour = () if alone is None else (alone,), _colour(style, of)
    banded = _draw_quantity(ax, plan, "served", name, colour)
    log_axis(ax.xaxis, "D", *_limits(served))
    scale = name if name != "ratio" else None
    log_axis(ax.yaxis, scale, *padded(*_heights(plan, name, *others)))
    words = _band_words(level, banded=banded)
    frame(ax, "tokens served in the model's lifetime", f"{LABELS[name]}{words}")
    _shade_beyond(ax, served, plan)
    if labels:
        labels_of(ax).name_end(served, plan[name].to_numpy(float), "least cost,\nserved", colour)
    if alone is not None:
        draw_guide(ax, ax.get_xlim(), [alone, alone])
        if labels:
            labels_of(ax).name(alone, "training\nalone", style.muted)


def draw_limited_data(
    ax: Axes, plans: Sequence[pd.DataFrame], name: str, level: float, *, along: str = "C",
    unlimited: npt.ArrayLike | None = None, labels: bool = True,
) -> None:  # fmt: skip
    """A quantity of plans with limited unique tokens, a line for each number of them."""
    style, names = style_of(ax), labels_of(ax)
    amounts = np.array([float(plan["unique"].iloc[0]) for plan in plans])
    colours = style.size_map()(norm_of(amounts.min(), amounts.max())(amounts))
    banded = [
        _draw_quantity(ax, plan, along, name, colour)
        for plan, colour in zip(plans, colours, strict=True)
    ]
    x = plans[0][along].to_numpy(float)
    every = np.concatenate([plan[along].to_numpy(float) for plan in plans])
    others: tuple[float, ...] = ()
    if unlimited is not None:
        others = tuple(np.asarray(unlimited, dtype=np.float64))
        draw_guide(ax, x, others)
    log_axis(ax.xaxis, "D" if along == "unique" else "C", *_limits(every))
    edges = [_heights(plan, name, *others) for plan in plans]
    low, high = min(e[0] for e in edges), max(e[1] for e in edges)
    log_axis(ax.yaxis, name if name in ("N", "D") else None, *padded(low, high))
    label = {**LABELS, "worth": "compute of unlimited data / C"}.get(name, name)
    at = "unique tokens" if along == "unique" else LABELS["C"]
    frame(ax, at, f"{label}{_band_words(level, banded=any(banded))}")
    _shade_beyond(ax, x, plans[0])
    if not labels:
        return
    for k in named_ones(len(plans)) if along == "C" else ():
        text = f"{format_count(amounts[k])} unique\ntokens"
        names.name_end(plans[k][along].to_numpy(float), plans[k][name].to_numpy(float), text,
                       colours[k])  # fmt: skip
    if unlimited is not None:
        names.name_end(x, np.asarray(others), "unlimited data", style.muted)


def limited_data_sentence(plan: pd.DataFrame) -> str:
    """What the largest budget is worth with the least data."""
    row = plan.iloc[-1]
    return (
        f"With {format_count(float(row['unique']), 2)} unique tokens, "
        f"{format_compute(float(row['C']), 2)} FLOP are worth "
        f"{two_digits(100 * float(row['worth']))} % of that with unlimited data"
    )


def draw_near_optimal(
    ax: Axes, plans: Sequence[pd.DataFrame], shares: Sequence[float], level: float, *,
    of: str = "law", labels: bool = True,
) -> None:  # fmt: skip
    """Sizes within shares of the best, the widest first, and the interval of the optimum."""
    style, last = style_of(ax), plans[-1]
    C, best = last["C"].to_numpy(float), last["N"].to_numpy(float)
    colour = _colour(style, of)
    tints = [style.tint(colour, share) for share in np.linspace(0.15, 0.4, len(shares))]
    for plan, tint in zip(plans, tints, strict=True):  # the inner ones over the outer ones
        ax.fill_between(C, plan["smallest"], plan["largest"], color=tint, linewidth=0)
    if len(C) == 1:  # a band of no width is not seen
        ends = plans[0][["smallest", "largest"]].to_numpy(float)[0]
        ax.plot([C[0], C[0]], ends, color=tints[-1], lw=6 * style.line, solid_capstyle="butt")
    draw_line(ax, C, best, last["times_beyond"].to_numpy(float) > 1, colour, casing=True)
    bounds = np.column_stack(list(_ends(last, "N").values()))
    draw_guide(ax, C, bounds, style.ink)
    log_axis(ax.xaxis, "C", *_limits(C))
    edges = plans[0][["smallest", "largest"]].to_numpy(float).ravel()
    log_axis(ax.yaxis, "N", *padded(*_heights(plans[0], "N", *edges)))
    bounded = bool(np.isfinite(bounds).any()) and len(C) > _FEW
    words = f"; dotted: {format_level(level)} confidence interval of the optimum" if bounded else ""
    frame(ax, LABELS["C"], f"{LABELS['N']}{words}")
    _shade_beyond(ax, C, last)
    if labels:
        names = labels_of(ax)
        names.name_end(C, best, "compute-\noptimal", colour)
        for plan, share, tint in zip(plans, shares, tints, strict=True):
            text = f"within {percent(share)}\nof the best"
            names.name_end(C, plan["largest"].to_numpy(float), text, tint)


def near_optimal_sentence(plan: pd.DataFrame, share: float) -> str:
    """How wide the valley is at the largest budget."""
    row = plan.iloc[-1]
    low, high = (
        format_count(float(row[name]), 2) if np.isfinite(row[name]) else otherwise
        for name, otherwise in (("smallest", "any smaller"), ("largest", "any larger number of"))
    )
    return (
        f"At {format_compute(float(row['C']), 2)} FLOP, {low} to {high} parameters are within "
        f"{percent(share)} of the best"
    )


def draw_overtraining(
    ax: Axes, plan: pd.DataFrame, target: str, level: float, *, of: str = "law", labels: bool = True
) -> None:
    """Compute of smaller models at equal performance, relative to the optimum."""
    style, smaller = style_of(ax), plan["smaller"].to_numpy(float)
    times, beyond = 1.0 + plan["overhead"].to_numpy(float), plan["times_beyond"].to_numpy() > 1
    colour = _colour(style, of)
    banded = bool(plan["overhead_low"].notna().any())
    if banded:
        ends = (1.0 + values for values in _ends(plan, "overhead").values())
        low, high = (np.clip(np.nan_to_num(e, posinf=1e9), 1e-3, 1e9) for e in ends)
        draw_band(ax, smaller, low, high, style.tint(colour, 0.3), opaque=True)
    draw_line(ax, smaller, times, beyond, colour, casing=True)
    limit, finite, high = float(plan["limit"].iloc[0]), times[np.isfinite(times)], smaller[-1]
    log_axis(ax.xaxis, None, min(1.0, smaller[0]), max(high, min(1.05 * limit, 1.3 * high)))
    most = np.inf if len(plan) <= _FEW else _MOST_COMPUTE
    log_axis(ax.yaxis, None, 0.97 * min(1.0, finite.min()), min(1.1 * finite.max(), most))
    words = f"relative to the optimum{_band_words(level, banded=banded)}"
    frame(ax, "times smaller than compute-optimal", f"compute for equal {target}, {words}")
    if beyond.any():
        far_field(ax, float(smaller[int(np.argmax(beyond))]))
    if limit < ax.get_xlim()[1]:
        draw_guide(ax, [limit, limit], ax.get_ylim())
        if labels:
            labels_of(ax).note((limit, 0.5), f"limit,\n{format_plain(limit, 3)} times",
                               align=(1.0, 0.5), coordinates=ax.get_xaxis_transform())  # fmt: skip


def _overtraining_sentence(plan: pd.DataFrame, target: str, level: float) -> str:
    """What the smallest model of the plan takes."""
    times = format_plain(float(plan["smaller"].iloc[-1]), 3)
    more, _, span = _said(plan, "overhead", level).partition(" (")
    found = f"A model {times} times smaller takes {more} more compute for equal {target}"
    return f"{found} ({span}" if span else found
