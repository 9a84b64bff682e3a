"""Which curves a picture of a fit has, and their colours: of groups, and of a second variable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.colors import Colormap, LinearSegmentedColormap, to_hex

from scalinglaws.arrays import FloatArray
from scalinglaws.core.groups import codes_of
from scalinglaws.errors import DataError
from scalinglaws.fitting.record import FitRecord
from scalinglaws.numerals import format_variable, listed
from scalinglaws.plotting.sentences import target_column
from scalinglaws.plotting.style import Style, norm_of

_MOST_CURVES, _MOST_OF_ALL_GROUPS = 7, 9
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

    A single group has the colours of sizes; up to four, and further fits on the same axes (at
    `place` one and more), have a hue each. More groups take the map of sizes, in their order.

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
    n = len(found)
    hues = [style.hue(place + number) for number in range(n)]
    if n > len(style.hues):
        hues = [to_hex(style.size_map()(number / (n - 1))) for number in range(n)]
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


# --- curves of one group -----------------------------------------------------------------------


class Family:
    """The curves of one group of runs: one for each value of a second variable."""

    def __init__(
        self, fit: FitRecord, x: str, targets: pd.DataFrame | None, group: Group, n_groups: int
    ) -> None:
        self.fit, self.x, self.group = fit, x, group
        self.values = {name: column[group.rows] for name, column in fit.runs.values.items()}
        self.y = fit.runs.y[group.rows]
        self.targets = None if targets is None else targets[group.in_table(fit, targets)]
        self.most_curves = (
            _MOST_CURVES if n_groups == 1 else max(1, _MOST_OF_ALL_GROUPS // n_groups)
        )
        others = [v for v in fit.law.variables if v != x]
        # C belongs to the curves only where nothing else does
        self.by = next((v for v in others if v != "C"), others[0] if others else None)
        self.rest = [v for v in others if v != self.by]
        self.levels = np.unique(self.values[self.by]) if self.by else np.array([np.nan])
        self.curves = self._curve_values()
        low, high = float(self.levels.min()), max(float(self.levels.max()), self.curves[-1])
        self.norm = norm_of(low, high) if self.by and high > low else None

    def text_of(self, value: float) -> str:
        """A value of the second variable, in two digits where these tell the curves apart."""
        assert self.by is not None
        short = [float(f"{v:.2g}") for v in self.curves]
        clear = len(set(short)) == len(short)
        return format_variable(self.by, float(f"{value:.2g}") if clear else float(value))

    @property
    def colours_of_runs(self) -> Any:
        """Colours of the runs, by their second variable."""
        if self.norm is None or self.by is None:
            return self.group.hue
        return self.group.colours(np.clip(self.norm(self.values[self.by]), 0.0, 1.0))

    def colour(self, value: float) -> Any:
        """Colour of a value of the second variable."""
        if self.norm is None:
            return self.group.hue
        return self.group.colours(float(np.clip(self.norm(value), 0.0, 1.0)))

    @property
    def largest_target(self) -> float:
        """How far along x the runs go that were not fitted."""
        if self.targets is None or not len(self.targets):
            return 0.0
        return float(target_column(self.fit, self.targets, self.x).max())

    def _curve_values(self) -> list[float]:
        """Values that get a curve: all where they are few, else evenly spread ones."""
        if self.by is None:
            return [np.nan]
        chosen = list(self.levels)
        most = self.most_curves
        if len(chosen) > most:
            places = np.linspace(0, len(chosen) - 1, most) if most > 1 else [len(chosen) / 2]
            sizes = self._size(self.levels)
            wanted = np.interp(places, np.arange(len(chosen)), sizes)
            if self._is_scattered() and most > 1:
                wanted = np.linspace(sizes[0], sizes[-1], most)
            nearest = {int(np.abs(sizes - w).argmin()) for w in wanted}
            chosen = [float(self.levels[k]) for k in sorted(nearest)]
        if self.targets is not None:
            own = target_column(self.fit, self.targets, self.by)
            chosen += [float(v) for v in np.unique(own) if v > self.levels[-1] * 1.001]
        return chosen

    def observed(self, value: float) -> tuple[float, float] | None:
        """Range along x of the runs that this curve stands for; None if there are none."""
        values = self.values
        if self.by is None:
            own = values[self.x]
        elif value > self.levels[-1]:
            return None
        else:
            own = values[self.x][self._near(value)]
        return (float(own.min()), float(own.max())) if len(own) else None

    def _near(self, value: float) -> npt.NDArray[np.bool_]:
        """The runs that a curve stands for; for a curve beyond them, those of the last one."""
        values = self.values
        if self.by is None:
            return np.ones(len(self.y), dtype=np.bool_)
        inside = [c for c in self.curves if c <= self.levels[-1]]
        distance = np.abs(self._size(values[self.by])[:, None] - self._size(np.array(inside)))
        place = inside.index(value) if value in inside else len(inside) - 1
        near: npt.NDArray[np.bool_] = distance.argmin(axis=1) == place
        return near if near.any() else np.ones_like(near)

    def _size(self, values: FloatArray) -> FloatArray:
        """Values on the scale of the second variable: logarithms where it is positive."""
        return np.asarray(np.log(values) if self.levels[0] > 0 else values)

    def _is_scattered(self) -> bool:
        return len(self.levels) > 3 * self.most_curves

    def columns(self, along: FloatArray, value: float) -> dict[str, Any]:
        """All variables and labels along one curve."""
        columns = {self.x: along}
        if self.by:
            columns[self.by] = np.full_like(along, value)
        for name in self.rest:
            columns[name] = self._typical(name, columns, value)
        labels = {c: np.asarray(level, object) for c, level in self.group.labels.items()}
        return {v: columns[v] for v in self.fit.law.variables} | labels

    def _typical(self, name: str, columns: Mapping[str, FloatArray], value: float) -> FloatArray:
        """A variable that is not drawn, as in the runs that this curve stands for.

        C is taken at its ratio to N*D there, others at their geometric mean.
        """
        near = self._near(value)
        values = {v: column[near] for v, column in self.values.items()}
        others = [v for v in (self.x, self.by) if v and v != "C"]
        runs = np.prod([values[v] for v in others], axis=0)
        here = np.prod([columns[v] for v in others], axis=0)
        if name == "C":
            return np.asarray(_geometric_mean(values["C"] / runs) * here)
        if "C" in columns:
            ratio = _geometric_mean(values["C"] / runs / values[name])
            return np.asarray(columns["C"] / (ratio * here))
        return np.full_like(columns[self.x], _geometric_mean(values[name]))


def _geometric_mean(values: FloatArray) -> float:
    if (values <= 0).any():
        return float(np.mean(values))
    return float(np.exp(np.mean(np.log(values))))
