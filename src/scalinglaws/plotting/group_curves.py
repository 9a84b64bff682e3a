"""Colours of groups of runs: a hue for each group, shades for a second variable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.colors import Colormap, LinearSegmentedColormap

from scalinglaws.core.groups import codes_of
from scalinglaws.errors import DataError
from scalinglaws.fitting.record import FitRecord
from scalinglaws.numerals import listed
from scalinglaws.plotting.style import Style

_LIGHTEST = 0.5  # share of a hue in its lightest shade


@dataclass(frozen=True)
class Group:
    """Runs that share all their parameters, or all runs.

    Attributes
    ----------
    labels : level of each column that is an index
    rows : which of the fitted runs it has
    hue : of its points, and of its name
    colours : shades, from the smallest value of a second variable to the largest
    """

    labels: Mapping[str, str]
    rows: npt.NDArray[np.bool_]
    hue: str
    colours: Colormap

    @property
    def name(self) -> str:
        """The labels, as a picture has them."""
        return ", ".join(self.labels.values())

    def in_table(self, fit: FitRecord, frame: pd.DataFrame) -> npt.NDArray[np.bool_]:
        """Rows of another table that are of this group."""
        found = np.ones(len(frame), dtype=np.bool_)
        for column, level in self.labels.items():
            name = next((n for n in (fit.runs.columns[column], column) if n in frame.columns), None)
            if name is None:
                raise DataError(f"`targets` has no column {column!r} for the groups.")
            levels = fit.law.levels[column]
            found &= codes_of(column, frame[name].to_numpy(object), levels) == levels.index(level)
        return found


def groups_of(
    fit: FitRecord, chosen: str | Mapping[str, str] | None, style: Style, place: int = 0
) -> list[Group]:
    """The groups of a fit that have runs; a single group if the law has none.

    A single group has the colours of sizes; several, and further fits on the same axes (at
    `place` one and more), have a hue each.

    Raises
    ------
    ValueError
        If `chosen` is none of them.
    """
    columns = fit.law.group_columns
    if not columns and chosen is not None:
        raise ValueError(f"`group` is {chosen!r}, and the law {fit.law.label!r} has no groups.")
    found = _cells(fit, columns) if columns else [({}, np.ones(fit.n, dtype=np.bool_))]
    if chosen is not None:
        wanted = dict(chosen) if isinstance(chosen, Mapping) else {columns[0]: str(chosen)}
        names = [", ".join(labels.values()) for labels, _ in found]
        found = [
            cell for cell in found if all(cell[0].get(c) == level for c, level in wanted.items())
        ]
        if not found:
            raise ValueError(f"`group` is {chosen!r}, and the groups are {listed(names, most=20)}.")
    if len(found) == 1 and place == 0:
        (labels, rows), hue = found[0], style.sizes[3]
        return [Group(labels, rows, hue, style.size_map())]
    hues = [style.hue(place + number) for number in range(len(found))]
    return [
        Group(labels, rows, hue, _shades(style, hue))
        for (labels, rows), hue in zip(found, hues, strict=True)
    ]


def _cells(
    fit: FitRecord, columns: tuple[str, ...]
) -> list[tuple[dict[str, str], npt.NDArray[np.bool_]]]:
    """The combinations of labels that have runs, with these runs."""
    table = pd.DataFrame({c: fit.runs.labels[c].astype(object) for c in columns})
    return [
        (dict(zip(columns, cell, strict=True)), (table == list(cell)).all(axis=1).to_numpy())
        for cell in map(tuple, table.drop_duplicates().sort_values(list(columns)).to_numpy(object))
    ]


def _shades(style: Style, hue: str) -> Colormap:
    """Tints of one hue, the strongest for the largest."""
    return LinearSegmentedColormap.from_list("shades", [style.tint(hue, _LIGHTEST), hue])
