"""Free places of a panel for texts: a grid of what is drawn there."""

from __future__ import annotations

from collections.abc import Collection
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib import collections
from matplotlib.axes import Axes
from matplotlib.backend_bases import RendererBase
from matplotlib.collections import PathCollection, PolyCollection
from matplotlib.contour import ContourSet
from matplotlib.lines import Line2D
from matplotlib.text import Text

from scalinglaws.arrays import FloatArray

_CELL = 3.0  # points
_MARGIN = 3.0  # points around a text
_EDGE = 4.0  # points between a text and the frame
_POINT, _LINE, _BAND, _TEXT = 20.0, 3.0, 0.4, 200.0  # cost of a point, of 3 points of line, ...
_DISTANCE = 0.06  # cost of a point of distance from the mark
_STEPS = 2.0  # points between the places that are tried
_TRIED = 60  # places on a line
_ON_LEADER = 24  # points at which a leader is tried
_MOST_ON_LINE = 75.0  # cost of a text on a line, the line itself among it
_AROUND = np.array([[0, 0], [0, 1], [1, 0], [0, -1], [-1, 0]])  # the middle and edges of a point


class Panel:
    """What is drawn in a panel, in cells, in points from its lower left corner."""

    def __init__(
        self, ax: Axes, movable: Collection[Any], renderer: RendererBase | None = None
    ) -> None:
        self.scale = 72.0 / ax.figure.dpi
        self._corner = np.array([ax.bbox.x0, ax.bbox.y0])
        self.width, self.height = self.scale * ax.bbox.width, self.scale * ax.bbox.height
        shape = (int(self.width / _CELL) + 2, int(self.height / _CELL) + 2)
        self._cost = np.zeros(shape)
        self._written = np.zeros(shape)  # texts and leaders, which no leader may cross
        for line in ax.lines:
            self._add_line(line)
        for collection in ax.collections:
            self._add_collection(collection)
        for text in ax.texts:
            if text not in movable and text.get_visible() and text.get_text():
                box = Text.get_window_extent(text, renderer)
                self._fill(*self.points(np.array([box.min, box.max])).ravel())

    def points(self, pixels: FloatArray) -> FloatArray:
        """Pixels of the figure as points in the panel."""
        return np.asarray(self.scale * (np.asarray(pixels) - self._corner))

    def spot(
        self,
        anchor: FloatArray,
        size: tuple[float, float],
        align: tuple[float, float] | None,
        clear: float,
    ) -> tuple[float, float, bool]:
        """Centre of the best place for a text of this size, and whether it is free.

        The place is taken. `clear` is the least distance from the anchor, `align` the part of the
        text that is wanted there; by default any part is as good.
        """
        half = np.array(size) / 2 + _MARGIN
        ends = np.array([self.width, self.height]) - half - _EDGE + _MARGIN
        starts = np.minimum(half + _EDGE - _MARGIN, ends)
        x, y = (np.arange(a, max(b, a) + 1e-9, _STEPS) for a, b in zip(starts, ends, strict=True))
        cost = self._sums(x[:, None], y[None, :], half)
        filled = cost.copy()
        x_off, y_off = x[:, None] - anchor[0], y[None, :] - anchor[1]
        if align is None:
            away = np.hypot(
                np.maximum(np.abs(x_off) - half[0], 0), np.maximum(np.abs(y_off) - half[1], 0)
            )
            # among places equally near, one level with the mark or centred on it
            away = away + 0.02 * np.minimum(np.abs(x_off), np.abs(y_off))
        else:
            shift = (np.array(align) - 0.5) * 2 * half
            away = np.hypot(x_off + shift[0], y_off + shift[1])
        cost = cost + _DISTANCE * away + _TEXT * (away < clear) + self._crossed(x, y, anchor)
        place = np.unravel_index(int(np.argmin(cost)), cost.shape)
        middle = float(x[place[0]]), float(y[place[1]])
        self._fill(
            middle[0] - half[0], middle[1] - half[1], middle[0] + half[0], middle[1] + half[1]
        )
        return *middle, bool(filled[place] < _BAND)

    def _crossed(self, x: FloatArray, y: FloatArray, anchor: FloatArray) -> FloatArray:
        """Cost of texts and leaders on the straight way from each place to the anchor."""
        shares = np.linspace(0.0, 1.0, _ON_LEADER)
        columns = self._cells(anchor[0] + shares * (x[:, None] - anchor[0]), 0)
        rows = self._cells(anchor[1] + shares * (y[:, None] - anchor[1]), 1)
        return np.asarray(self._written[columns[:, None], rows[None, :]].sum(axis=2))

    def take_leader(self, start: FloatArray, end: FloatArray) -> None:
        """No later text or leader may cross this one."""
        places = _filled_in(np.array([start, end], dtype=np.float64))
        self._add(places, _TEXT)
        self._add(places, _TEXT, self._written)

    def spot_on(self, line: FloatArray, size: tuple[float, float]) -> tuple[float, float] | None:
        """The place on a line where a text covers least else; None if there is none."""
        half = np.array(size) / 2 + _MARGIN
        near, far = half + _EDGE, np.array([self.width, self.height]) - half - _EDGE
        inside = ((line >= near) & (line <= far)).all(axis=1)
        if not inside.any():
            return None
        line = line[inside]
        line = line[:: max(1, len(line) // _TRIED)]
        costs = self._sums(line[:, 0], line[:, 1], half)
        best = int(np.argmin(costs))
        if costs[best] > _MOST_ON_LINE:
            return None
        x, y = line[best]
        self._fill(x - half[0], y - half[1], x + half[0], y + half[1])
        return float(x), float(y)

    def _sums(self, x: FloatArray, y: FloatArray, half: FloatArray) -> FloatArray:
        """Cost of a text centred at each place, from sums over the cells below and left."""
        total = np.pad(self._cost.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
        (x0, x1), (y0, y1) = (
            (self._cells(at - reach, side), self._cells(at + reach, side) + 1)
            for at, reach, side in ((x, half[0], 0), (y, half[1], 1))
        )
        return np.asarray(total[x1, y1] - total[x0, y1] - total[x1, y0] + total[x0, y0])

    def _cells(self, at: FloatArray, side: int) -> FloatArray:
        found = np.floor(np.asarray(at) / _CELL).astype(np.intp)
        return np.asarray(np.clip(found, 0, self._cost.shape[side] - 1))

    def _fill(self, x0: float, y0: float, x1: float, y1: float) -> None:
        """Nothing else may be written in this box."""
        if x1 < 0 or y1 < 0 or x0 > self.width or y0 > self.height:
            return
        columns, rows = (
            slice(int(self._cells(np.array(a), side)), int(self._cells(np.array(b), side)) + 1)
            for a, b, side in ((x0, x1, 0), (y0, y1, 1))
        )
        self._cost[columns, rows] += _TEXT
        self._written[columns, rows] += _TEXT

    def _add(self, places: FloatArray, cost: float, to: FloatArray | None = None) -> None:
        """Marks at these points, as far as they lie in the panel."""
        places = places[np.isfinite(places).all(axis=1)]
        inside = ((places >= 0) & (places <= (self.width, self.height))).all(axis=1)
        cells = np.floor(places[inside] / _CELL).astype(np.intp)
        np.add.at(self._cost if to is None else to, (cells[:, 0], cells[:, 1]), cost)

    def _add_line(self, line: Line2D) -> None:
        if not line.get_visible():
            return
        with np.errstate(all="ignore"):
            corners = self.points(line.get_transform().transform(line.get_xydata()))
        if line.get_linestyle() != "None":
            self._add(_filled_in(corners), _LINE)
        if line.get_marker() not in ("None", None, ""):
            self._add(corners, _POINT)

    def _add_collection(self, drawn: collections.Collection) -> None:
        if not drawn.get_visible():
            return
        if isinstance(drawn, PathCollection):
            offsets = drawn.get_offset_transform().transform(np.asarray(drawn.get_offsets()))
            radius = float(np.sqrt(np.max(drawn.get_sizes(), initial=1.0)) / 2)
            for side in _AROUND:
                self._add(self.points(offsets) + radius * side, _POINT)
            return
        cost = _BAND if isinstance(drawn, PolyCollection) else _LINE
        for path in drawn.get_paths():
            vertices = np.asarray(path.vertices, dtype=np.float64)
            if len(vertices):
                corners = self.points(drawn.get_transform().transform(vertices))
                # a contour jumps from one piece to the next
                whole = isinstance(drawn, ContourSet)
                self._add(corners if whole else _filled_in(corners), cost)


def _filled_in(corners: FloatArray) -> FloatArray:
    """A polygonal line as points at most a cell apart."""
    whole = np.isfinite(corners).all(axis=1)
    pieces = [corners[whole]]
    for start, end in pairwise(corners):
        distance = float(np.hypot(*(end - start)))
        if np.isfinite(distance) and distance > _CELL:
            steps = np.linspace(0, 1, min(int(distance / _CELL) + 1, 2000))[1:-1, None]
            pieces.append(start + steps * (end - start))
    return np.concatenate(pieces)
