"""Colours of groups of runs: a hue for each group, shades for a second variable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.colors import Colormap, LinearSegmentedColormap, to_rgb

from scalinglaws.core.groups import codes_of
from scalinglaws.errors import DataError
from scalinglaws.fitting.record import FitRecord
from scalinglaws.numerals import listed

_SHARED_COLOURS = "viridis"
_DARKEST, _LIGHTEST = 0.0, 0.88  # the yellow end is lost on white paper
# One hue a group; more groups than these are taken from a continuous scale.
_HUES = ("#1f6fb4", "#d9661f", "#2a8f4d", "#8b52a1", "#b8282e", "#7a6a2b", "#3a9aa8")
_MANY_HUES = "turbo"
_TINT, _SHADE = 0.55, 0.45  # towards white and towards black


@dataclass(frozen=True)
class Group:
    """Runs that share all their parameters, or all runs.

    Attributes
    ----------
    labels : level of each column that is an index
    rows : which of the fitted runs it has
    colours : shades, from the smallest value of a second variable to the largest
    """

    labels: Mapping[str, str]
    rows: npt.NDArray[np.bool_]
    colours: Colormap

    @property
    def name(self) -> str:
        """The labels, as a legend has them."""
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


def groups_of(fit: FitRecord, chosen: str | Mapping[str, str] | None) -> list[Group]:
    """The groups of a fit that have runs; a single group if the law has none.

    Raises
    ------
    ValueError
        If `chosen` is none of them.
    """
    if not fit.law.group_columns:
        if chosen is not None:
            raise ValueError(f"`group` is {chosen!r}, and the law {fit.law.label!r} has no groups.")
        return [Group({}, np.ones(fit.n, dtype=np.bool_), _shared_colours())]
    columns = fit.law.group_columns
    table = pd.DataFrame({c: fit.runs.labels[c].astype(object) for c in columns})
    cells = [
        tuple(cell) for cell in table.drop_duplicates().sort_values(list(columns)).to_numpy(object)
    ]
    groups = [
        Group(
            dict(zip(columns, cell, strict=True)),
            (table == list(cell)).all(axis=1).to_numpy(),
            _shades(number, len(cells)),
        )
        for number, cell in enumerate(cells)
    ]
    if chosen is None:
        return groups
    wanted = dict(chosen) if isinstance(chosen, Mapping) else {columns[0]: str(chosen)}
    found = [g for g in groups if all(g.labels.get(c) == level for c, level in wanted.items())]
    if not found:
        names = [g.name for g in groups]
        raise ValueError(f"`group` is {chosen!r}, and the groups are {listed(names, most=20)}.")
    if len(found) == 1:
        return [Group(found[0].labels, found[0].rows, _shared_colours())]
    return found


def _shared_colours() -> Colormap:
    """The scale of a picture without groups: its ends are what is readable on white."""
    scale = mpl.colormaps[_SHARED_COLOURS]
    return LinearSegmentedColormap.from_list(
        "one group", [scale(x) for x in np.linspace(_DARKEST, _LIGHTEST, 256)]
    )


def _shades(number: int, n_groups: int) -> Colormap:
    """Tints of one hue."""
    if n_groups <= len(_HUES):
        hue: Any = to_rgb(_HUES[number])
    else:
        hue = mpl.colormaps[_MANY_HUES](0.05 + 0.9 * number / (n_groups - 1))[:3]
    base = np.array(hue)
    light, dark = base + _TINT * (1 - base), base * (1 - _SHADE)
    return LinearSegmentedColormap.from_list(f"group {number}", [light, base, dark])
