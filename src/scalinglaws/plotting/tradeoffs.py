"""Plots of near-optimal sizes and of the compute of smaller models."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from scalinglaws.errors import no_warnings
from scalinglaws.fitting.tables.points import positive_number, positive_numbers
from scalinglaws.numerals import format_compute, format_count, format_level, format_plain
from scalinglaws.planning.cost import SIX, Cost
from scalinglaws.planning.law_with_values import LawWithValues, Rng, level_of, target_of
from scalinglaws.planning.near_optimal import near_optimal, overtraining
from scalinglaws.planning.sampled import DEFAULT_RESAMPLES
from scalinglaws.planning.select_group import chosen_group
from scalinglaws.plotting.axes import (
    LABELS,
    far_field,
    frame,
    log_axis,
    padded,
    settle,
    write_title,
)
from scalinglaws.plotting.labels import labels_of
from scalinglaws.plotting.marks import draw_band, draw_guide, draw_line
from scalinglaws.plotting.planned_lines import band_words, range_of, shade_beyond
from scalinglaws.plotting.style import style_of
from scalinglaws.plotting.words import percent

_POINTS = 40
_RESAMPLES = 200  # ends of a band are sought anew for each
_MOST_COMPUTE = 10.0  # times the compute, up to which smaller models are drawn


def plot_near_optimal(
    fit: LawWithValues,
    C: Any,
    within: Any = (0.002, 0.01),
    *,
    cost: Cost = SIX,
    ax: Axes | None = None,
    confidence_level: float | None = None,
    n_resamples: int = _RESAMPLES,
    rng: Rng = 0,
    labels: bool = True,
    title: bool | str | None = None,
    **variables: Any,
) -> Axes:
    """Plot the sizes whose performance is within a share of the best, against the budget.

    The optimum is a line, and each share a band around it. Dotted lines are the ends of the
    confidence interval of the optimal size.

    Parameters
    ----------
    fit : Fit or published law
        A law of N and D with coefficients.
    C : (low, high)
        Range of budgets.
    within : number or array
        Shares of the best performance, as in :func:`scalinglaws.near_optimal`; a band for each.
    cost : number, callable or Fit
        As in :func:`scalinglaws.optimal`.
    ax : Axes, optional
        Axes to draw in; by default those of a new figure.
    confidence_level, n_resamples, rng, **variables
        As in :func:`scalinglaws.optimal`.
    labels : bool
        Whether to write names.
    title : bool or str, optional
        Sentence above the picture; by default the result, on a new figure.

    Returns
    -------
    Axes

    Raises
    ------
    FitError
        If the law has no optimum there.
    ValueError
        If `C` is not a range, or a share is not between 0 and 1.

    Examples
    --------
    >>> import scalinglaws as sl
    >>> ax = plot_near_optimal(sl.published["chinchilla/epoch2024"], (1e20, 1e25), 0.005)
    >>> ax.get_ylabel()
    'parameters N'
    """
    ends, shares = range_of("C", C), np.sort(positive_numbers("within", within))[::-1]
    fit, variables = chosen_group(fit, variables)
    along = np.geomspace(*ends, _POINTS)
    with no_warnings():
        bands = [
            near_optimal(
                fit, C=along, within=float(share), cost=cost, confidence_level=confidence_level,
                n_resamples=n_resamples if share == shares[-1] else 0, rng=rng, **variables,
            )
            for share in shares
        ]  # fmt: skip
    ax, own = settle(ax)
    style = style_of(ax)
    colours = [style.tint(style.law, share) for share in np.linspace(0.15, 0.4, len(shares))]
    for band, colour in zip(bands, colours, strict=True):  # the inner ones over the outer ones
        ax.fill_between(along, band["smallest"], band["largest"], color=colour, linewidth=0)
    beyond = bands[-1]["times_beyond"].to_numpy(float) > 1
    draw_line(ax, along, bands[-1]["N"].to_numpy(float), beyond, style.law, casing=True)
    bounds = bands[-1][["N_low", "N_high"]].to_numpy(float)
    draw_guide(ax, along, bounds, style.ink)
    log_axis(ax.xaxis, "C", *ends)
    log_axis(ax.yaxis, "N", *padded(bands[0]["smallest"].min(), bands[0]["largest"].max()))
    level = level_of(fit, confidence_level)
    bounded = bool(np.isfinite(bounds).any())
    words = f"; dotted: {format_level(level)} confidence interval of the optimum" if bounded else ""
    frame(ax, LABELS["C"], f"{LABELS['N']}{words}")
    shade_beyond(ax, along, bands[-1])
    if labels:
        names = labels_of(ax)
        names.name_end(along, bands[-1]["N"].to_numpy(float), "compute-\noptimal", style.law)
        for band, share, colour in zip(bands, shares, colours, strict=True):
            names.name(float(band["largest"].iloc[-1]), f"within {percent(share)}\nof the best",
                       colour)  # fmt: skip
    write_title(ax, title, _near_sentence(bands[0], float(shares[0])), own=own)
    return ax


def _near_sentence(band: pd.DataFrame, share: float) -> str:
    """How wide the valley is at the largest budget."""
    row = band.iloc[-1]
    low, high = (format_count(float(row[end]), 2) for end in ("smallest", "largest"))
    return (
        f"At {format_compute(float(row['C']), 2)} FLOP, {low} to {high} parameters are within "
        f"{percent(share)} of the best"
    )


def plot_overtraining(
    fit: LawWithValues,
    C: Any,
    *,
    smaller: tuple[float, float] | None = None,
    cost: Cost = SIX,
    ax: Axes | None = None,
    confidence_level: float | None = None,
    n_resamples: int = DEFAULT_RESAMPLES,
    rng: Rng = 0,
    labels: bool = True,
    title: bool | str | None = None,
    **variables: Any,
) -> Axes:
    """Plot the compute of smaller models at the loss of the compute-optimal one.

    Parameters
    ----------
    fit : Fit or published law
        A law of N and D with coefficients.
    C : number
        Budget whose best performance is the target.
    smaller : (low, high), optional
        Range of the size reduction factor; by default from 1 to near the limit.
    cost, confidence_level, n_resamples, rng, **variables
        As in :func:`scalinglaws.optimal`.
    ax : Axes, optional
        Axes to draw in; by default those of a new figure.
    labels : bool
        Whether to name the limit.
    title : bool or str, optional
        Sentence above the picture; by default the result, on a new figure.

    Returns
    -------
    Axes

    Examples
    --------
    >>> import scalinglaws as sl
    >>> runs = sl.datasets.ladder()
    >>> fit = sl.fit(runs[runs["D"] > 1.5e6], "kaplan")
    >>> ax = plot_overtraining(fit, 1e13)
    """
    fit, variables = chosen_group(fit, variables)
    options: dict[str, Any] = {
        "C": C, "cost": cost, "confidence_level": confidence_level, "rng": rng,
        "n_resamples": n_resamples, **variables,
    }  # fmt: skip
    with no_warnings():
        limit = float(overtraining(fit, smaller=[1.0], **options)["limit"].iloc[0])
        low, high = (1.0, 0.93 * limit) if smaller is None else smaller
        price = overtraining(fit, smaller=np.geomspace(low, high, 60), **options)
        half = overtraining(fit, smaller=[2.0], **options).iloc[0]
    ax, own = settle(ax)
    banded = _draw_overhead(ax, price)
    times = 1.0 + price["overhead"].to_numpy()
    finite = times[np.isfinite(times)]
    log_axis(ax.xaxis, None, low, max(high, min(1.05 * limit, 1.3 * high)))
    log_axis(ax.yaxis, None, 0.97 * finite.min(), min(1.1 * finite.max(), _MOST_COMPUTE))
    target = target_of(fit)
    words = band_words(fit, confidence_level, banded=banded)
    frame(ax, "times smaller than compute-optimal",
          f"compute for equal {target}, relative to the optimum{words}")  # fmt: skip
    along, beyond = price["smaller"].to_numpy(), price["times_beyond"].to_numpy() > 1
    if beyond.any():
        far_field(ax, float(along[int(np.argmax(beyond))]))
    if limit < ax.get_xlim()[1]:
        draw_guide(ax, [limit, limit], ax.get_ylim())
        if labels:
            labels_of(ax).note((limit, 0.5), f"limit,\n{format_plain(limit, 3)} times",
                               align=(1.0, 0.5), coordinates=ax.get_xaxis_transform())  # fmt: skip
    budget, share = format_compute(positive_number("C", C), 2), float(half["overhead"])
    sentence = f"Half the optimal size takes {percent(share)} more compute than {budget} FLOP"
    if not np.isfinite(share):
        sentence = f"No amount of tokens makes up for half the optimal size at {budget} FLOP"
    write_title(ax, title, f"{sentence} for equal {target}", own=own)
    return ax


def _draw_overhead(ax: Axes, price: pd.DataFrame) -> bool:
    """The curve and its band; whether there is a band."""
    style = style_of(ax)
    along, beyond = price["smaller"].to_numpy(), price["times_beyond"].to_numpy() > 1
    banded = bool(price["overhead_low"].notna().any())
    if banded:
        ends = (1.0 + price[f"overhead_{end}"].to_numpy() for end in ("low", "high"))
        low, high = (np.clip(np.nan_to_num(e, posinf=1e9), 1e-3, 1e9) for e in ends)
        draw_band(ax, along, low, high, style.tint(style.law, 0.3), opaque=True)
    draw_line(ax, along, 1.0 + price["overhead"].to_numpy(), beyond, style.law, casing=True)
    return banded
