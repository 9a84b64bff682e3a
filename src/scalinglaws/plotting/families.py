"""Which curves a picture of a fit has: one for each value of a second variable."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from scalinglaws.arrays import FloatArray
from scalinglaws.fitting.record import FitRecord
from scalinglaws.numerals import format_variable
from scalinglaws.plotting.group_curves import Group
from scalinglaws.plotting.sentences import target_column
from scalinglaws.plotting.style import norm_of

_MOST_CURVES, _MOST_OF_ALL_GROUPS = 7, 9


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
