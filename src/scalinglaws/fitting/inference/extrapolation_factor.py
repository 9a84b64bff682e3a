"""Extrapolation factor: compute of a point relative to the largest fitted run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from scalinglaws.arrays import FloatArray
from scalinglaws.core.groups import codes_of
from scalinglaws.errors import ExtrapolationWarning, warn
from scalinglaws.fitting.record import FitRecord
from scalinglaws.fitting.tables.chunks import row_blocks
from scalinglaws.numerals import format_factor

FAR = 100.0  # extrapolation factor beyond which predictions and plans warn


def times_beyond(fit: FitRecord, columns: Mapping[str, npt.NDArray[Any]]) -> FloatArray:
    """Extrapolation factor of each point; at most one inside the range of the runs.

    The factor is relative to the largest run in C if the law has C, else in N*D, or in whichever
    of N and D it has. For any other variable, such as a loss, the factor counts on both sides of
    the range of the runs. For indexed parameters, the runs are those of the point's group.
    """
    shape = np.broadcast_shapes(*map(np.shape, columns.values()))
    points = {name: np.broadcast_to(columns[name], shape) for name in columns}
    factors = np.empty(shape)
    for here, runs in _by_group(fit, points, shape):
        group = {name: points[name][here] for name in fit.law.variables}
        factors[here] = _beyond({name: v[runs] for name, v in fit.runs.values.items()}, group)
    return factors


def _by_group(
    fit: FitRecord, points: Mapping[str, npt.NDArray[Any]], shape: tuple[int, ...]
) -> Iterator[tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]]:
    """Points and runs of each group; all runs if a combination of groups has none."""
    law, whole = fit.law, np.ones(fit.n, dtype=np.bool_)
    codes = [
        (codes_of(c, points[c], law.levels[c]), codes_of(c, fit.runs.labels[c], law.levels[c]))
        for c in law.group_columns
    ]
    cells = {tuple(cell) for cell in np.stack([p.ravel() for p, _ in codes]).T} if codes else {()}
    for cell in cells:
        here, runs = np.ones(shape, dtype=np.bool_), whole
        for (of_points, of_runs), code in zip(codes, cell, strict=True):
            here, runs = here & (of_points == code), runs & (of_runs == code)
        yield here, runs if runs.any() else whole


def _beyond(runs: Mapping[str, FloatArray], columns: Mapping[str, FloatArray]) -> FloatArray:
    used = ["C"] if "C" in runs else [v for v in ("N", "D") if v in runs]
    with np.errstate(all="ignore"):  # infinitely far, or of no size
        products = np.prod([np.asarray(columns[v]) for v in used], axis=0)
        beyond = products / _largest_product([runs[v] for v in used]) if used else np.zeros(1)
    for name in (v for v in runs if v not in ("N", "D", "C")):
        with np.errstate(divide="ignore", invalid="ignore"):
            above = columns[name] / runs[name].max()
            below = runs[name].min() / columns[name]
        beyond = np.maximum(beyond, np.nan_to_num(np.maximum(above, below)))
    return np.asarray(beyond)


def _largest_product(columns: list[FloatArray]) -> float:
    return max(
        float(np.prod([column[rows] for column in columns], axis=0).max())
        for rows in row_blocks(len(columns[0]))
    )


def warn_if_far(beyond: FloatArray) -> None:
    """Warn of a large extrapolation factor."""
    largest = float(beyond.max(initial=0.0))
    if largest > FAR:
        warn(
            f"Predicting {format_factor(largest)} times beyond the largest fitted run. The "
            "intervals assume that the law still holds there, which these runs cannot test.",
            ExtrapolationWarning,
        )
