"""Names of curves and notes beside marks, placed anew at every draw, instead of a legend."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backend_bases import RendererBase
from matplotlib.font_manager import FontProperties
from matplotlib.offsetbox import (
    AnnotationBbox,
    DrawingArea,
    HPacker,
    OffsetBox,
    TextArea,
    VPacker,
)
from matplotlib.patches import Circle, Rectangle
from matplotlib.patheffects import AbstractPathEffect, withStroke
from matplotlib.text import Annotation, Text
from matplotlib.textpath import text_to_path
from matplotlib.transforms import Bbox, Transform
from scipy.optimize import isotonic_regression

from scalinglaws.arrays import FloatArray
from scalinglaws.escaping import for_picture
from scalinglaws.plotting.obstacles import Panel
from scalinglaws.plotting.style import style_of

_LINE = 1.25  # height of a line of text, of its font size
_NEAR, _AFTER_LEADER, _LEADER_FROM = 5.0, 13.0, 2.0  # points, of a name right of the panel
_ASTRAY = 12.0  # points between a text and its mark, from which on a leader joins them
_CLEAR = 9.0  # points between a note and its mark, at least, for the leader to be seen
_BREAK = r" (?!%|t\b)"  # spaces for new lines: not before a per cent sign, nor in "Student t"
_LEAST_NAME = 24  # characters of a name, from which on it is cut


@dataclass(eq=False)
class _Note:
    """A text inside the panel, near an anchor or, where `line` is given, on it."""

    text: Annotation | AnnotationBbox
    xy: tuple[float, float]
    coordinates: Transform
    align: tuple[float, float] | None
    leader: bool = False
    line: FloatArray | None = None


@dataclass(eq=False)
class _Name:
    """A text right of the panel, at the height of a curve's end."""

    text: Annotation
    y: float


@dataclass(eq=False)
class _Drawn:
    """What a panel shows already, so that no second drawing repeats it."""

    once: set[str] = field(default_factory=set)
    limits: dict[str, tuple[float, float]] = field(default_factory=dict)
    fits: list[str] = field(default_factory=list)
    first_end: float = 0.0


class Labels(Artist):
    """The names and notes of one panel; `labels_of` makes or finds them.

    It is itself an artist, the first to be drawn, so that the texts are placed when the size of
    the panel, its limits and all marks are known.
    """

    def __init__(self, ax: Axes) -> None:
        super().__init__()
        self.panel, self.drawn = ax, _Drawn()
        self._names: list[_Name] = []
        self._notes: list[_Note] = []
        self.set_zorder(-1000)
        ax.add_artist(self)
        self.set_clip_on(False)  # else a layout takes it for lying outside

    def name_end(
        self, x: FloatArray, y: FloatArray, text: str, colour: Any, *, bold: bool = False
    ) -> None:
        """Name a curve: right of the panel, or after its last point where it ends before."""
        known = np.flatnonzero(np.isfinite(y))
        if not len(known):
            return
        last = int(known[-1])
        if last >= len(y) - 2:
            self.name(float(y[last]), text, colour, bold=bold)
        else:
            self.note((float(x[last]), float(y[last])), text, colour, align=(0.0, 0.5), bold=bold)

    def name(self, y: float, text: str, colour: Any, *, bold: bool = False) -> None:
        """Write right of the panel, at this height."""
        style = style_of(self.panel)
        drawn = self.panel.annotate(
            "\n".join(for_picture(line) for line in text.split("\n")), (1.0, y),
            xycoords=("axes fraction", "data"), xytext=(_NEAR, 0), textcoords="offset points",
            ha="left", va="center", color=style.readable(colour), fontsize=style.font,
            fontweight="bold" if bold else "normal", annotation_clip=False, linespacing=1.1,
            arrowprops={"arrowstyle": "-", "color": colour, "lw": 0.6, "shrinkA": 2, "shrinkB": 2,
                        "relpos": (0.0, 0.5)},
        )  # fmt: skip
        assert drawn.arrow_patch is not None
        drawn.arrow_patch.set_visible(False)
        self._names.append(_Name(drawn, y))

    def note(
        self,
        xy: tuple[float, float],
        text: str,
        colour: Any = None,
        *,
        leader: bool = False,
        align: tuple[float, float] | None = None,
        coordinates: Transform | None = None,
        bold: bool = False,
        maths: bool = False,
    ) -> None:
        """Write beside a mark, where no data are.

        Parameters
        ----------
        xy : the mark
        text : may have several lines
        colour : of the text; by default muted
        leader : a line from the text to the mark; else there is one only where it had to move far
        align : part of the text, from (0, 0) to (1, 1), that is wanted at the mark; by default any
        coordinates : of `xy`; by default the data's; in others, nothing is marked
        maths : the text is mathtext, and not a name
        """
        style = style_of(self.panel)
        colour = style.muted if colour is None else colour
        line = {"arrowstyle": "-", "color": colour, "lw": 0.7, "shrinkA": 1, "shrinkB": 4}
        marks = coordinates is None
        coordinates = self.panel.transData if coordinates is None else coordinates
        lines = text if maths else "\n".join(for_picture(line) for line in text.split("\n"))
        drawn = self.panel.annotate(
            lines, xy, xycoords=coordinates, xytext=(0, 0), textcoords="axes points", ha="center",
            va="center", color=style.readable(colour), fontsize=style.font, zorder=10,
            fontweight="bold" if bold else "normal", annotation_clip=False, linespacing=1.15,
            arrowprops=line if marks else None,
        )  # fmt: skip
        drawn.set_in_layout(False)
        self._notes.append(_Note(drawn, xy, coordinates, align, leader))

    def on_line(self, x: FloatArray, y: FloatArray, text: str, colour: Any) -> None:
        """Write on a line, where it is clear of other marks, as on the contours of a map."""
        style = style_of(self.panel)
        drawn = self.panel.annotate(
            for_picture(text), (x[0], y[0]), xytext=(0, 0), textcoords="axes points", ha="center",
            va="center", color=style.readable(colour), fontsize=0.9 * style.font, zorder=3.5,
            annotation_clip=False,
            bbox={"facecolor": style.background, "edgecolor": "none", "pad": 0.8},
        )  # fmt: skip
        drawn.set_in_layout(False)
        self._notes.append(_Note(drawn, (x[0], y[0]), self.panel.transData, None,
                                 line=np.column_stack([x, y])))  # fmt: skip

    def key(self, entries: Sequence[tuple[str, Any]]) -> None:
        """Names of clouds of points, which have no ends to name: a dot and a word each."""
        style = style_of(self.panel)
        rows: list[Artist] = []
        for text, colour in entries:
            dot = DrawingArea(style.font, style.font)
            dot.add_artist(Circle((style.font / 2, style.font / 2), 0.3 * style.font, color=colour))
            rows.append(HPacker(children=[dot, self._word(text, colour)], pad=0, sep=3,
                                align="center"))  # fmt: skip
        self._add_box(VPacker(children=rows, pad=0, sep=2, align="left"))

    def size_key(self, low: str, high: str, name: str) -> None:
        """Patches of the map of sizes, with the smallest and the largest."""
        style = style_of(self.panel)
        side = style.font
        patches = DrawingArea(len(style.sizes) * side, side)
        for place, colour in enumerate(style.sizes):
            patches.add_artist(Rectangle((place * side, 0), side, side, color=colour, linewidth=0))
        row = HPacker(children=[self._word(low), patches, self._word(high)], pad=0, sep=3,
                      align="center")  # fmt: skip
        self._add_box(VPacker(children=[self._word(name), row], pad=0, sep=2, align="left"))

    def _word(self, text: str, colour: Any = None) -> TextArea:
        style = style_of(self.panel)
        colour = style.readable(style.muted if colour is None else colour)
        return TextArea(for_picture(text), textprops={"color": colour, "fontsize": style.font})

    def _add_box(self, box: OffsetBox) -> None:
        placed = AnnotationBbox(box, (1.0, 1.0), xybox=(0, 0), xycoords="axes fraction",
                                boxcoords="axes points", frameon=False, pad=0,
                                annotation_clip=False)  # fmt: skip
        placed.set_in_layout(False)
        placed.set_zorder(10)
        self.panel.add_artist(placed)
        self._notes.append(_Note(placed, (1.0, 1.0), self.panel.transAxes, (1.0, 1.0)))

    def once(self, key: str) -> bool:
        """Whether this is written for the first time in the panel."""
        if key in self.drawn.once:
            return False
        self.drawn.once.add(key)
        return True

    # --- placement -----------------------------------------------------------------------------

    def draw(self, renderer: RendererBase) -> None:
        """Place the texts; they draw themselves."""
        self._place(renderer)

    def get_tightbbox(self, renderer: RendererBase | None = None) -> Bbox | None:
        """Place the texts before a layout measures them; the height of the name of y.

        That name stands above its axis, where a layout does not expect it.
        """
        self._place(renderer)
        label = self.panel.yaxis.label
        if not label.get_text() or label.get_rotation():
            return None
        box = label.get_window_extent(renderer)
        left = self.panel.bbox.x0
        return Bbox.from_extents(left, box.y0, left + 1, box.y1)

    def _place(self, renderer: RendererBase | None) -> None:
        self._place_names(renderer)
        if not self._notes:
            return
        panel = Panel(self.panel, {n.text for n in self._notes}, renderer)
        for note in self._notes:
            size = _size(note.text, renderer, panel.scale)
            if note.line is not None:
                line = panel.points(note.coordinates.transform(note.line))
                place = panel.spot_on(line, size)
                note.text.set_visible(place is not None)
                if place is not None and isinstance(note.text, Text):
                    note.text.set_position(place)
                continue
            anchor = panel.points(note.coordinates.transform(note.xy))
            x, y, free = panel.spot(anchor, size, note.align, _CLEAR if note.leader else 0.0)
            if isinstance(note.text, AnnotationBbox):
                note.text.xybox = (x, y)
                continue
            self._put(note.text, (x, y), halo=not free)
            if note.text.arrow_patch is None:
                continue
            away = np.abs(np.array([x, y]) - anchor) - np.array(size) / 2
            led = note.leader or bool(np.hypot(*np.maximum(away, 0)) > _ASTRAY)
            note.text.arrow_patch.set_visible(led)
            if led:
                panel.take_leader(anchor, np.array([x, y]))

    def _put(self, text: Text, place: tuple[float, float], *, halo: bool) -> None:
        """A text at its place, with a halo where it lies on something."""
        text.set_position(place)
        effects: list[AbstractPathEffect] = []
        if halo:
            ground = style_of(self.panel).background
            effects = [withStroke(linewidth=2.4, foreground=ground)]
        text.set_path_effects(effects)

    def _place_names(self, renderer: RendererBase | None) -> None:
        if not self._names:
            return
        scale = 72.0 / self.panel.figure.dpi
        box = self.panel.bbox
        data = self.panel.transData
        ends = np.array([scale * float(data.transform((1.0, n.y))[1]) for n in self._names])
        low, high = scale * box.y0, scale * box.y1
        ends = np.clip(ends, low, high)
        heights = np.array([
            max(_size(n.text, renderer, scale)[1],
                _LINE * float(n.text.get_fontsize()) * (1 + n.text.get_text().count("\n")))
            for n in self._names
        ])  # fmt: skip
        placed = spread(ends, heights, low - heights.min() / 2, high + heights.min() / 2)
        moved = np.abs(placed - ends) > _LEADER_FROM
        leaders = np.sort(np.column_stack([ends, placed]), axis=1)[moved]
        for k, name in enumerate(self._names):
            bottom, top = placed[k] - heights[k] / 2, placed[k] + heights[k] / 2
            passed = ((leaders[:, 0] < top) & (leaders[:, 1] > bottom)).any()
            name.text.set_position((_AFTER_LEADER if passed else _NEAR, placed[k] - ends[k]))
            assert name.text.arrow_patch is not None
            name.text.arrow_patch.set_visible(moved[k])


def labels_of(ax: Axes) -> Labels:
    """The names and notes of a panel; none yet at the first call."""
    found = (child for child in ax.get_children() if isinstance(child, Labels))
    return next(found, None) or Labels(ax)


def spread(wanted: FloatArray, heights: FloatArray, low: float, high: float) -> FloatArray:
    """Centres of texts that do not overlap, nearest to those wanted in the sum of squares.

    With the texts in order, each centre less what lies below it has to rise: an isotonic
    regression.

    Examples
    --------
    >>> spread(np.array([1.0, 1.0, 9.0]), np.full(3, 2.0), 0.0, 10.0)
    array([1., 3., 9.])
    """
    order = np.argsort(wanted, kind="stable")
    tall = heights[order]
    below = np.concatenate([[0.0], np.cumsum((tall[:-1] + tall[1:]) / 2)])
    lowest = low + tall[0] / 2
    highest = max(high - tall[-1] / 2 - below[-1], lowest)
    rising = np.clip(isotonic_regression(wanted[order] - below).x, lowest, highest)
    placed = np.empty(len(wanted))
    placed[order] = rising + below
    return placed


def named_ones(n: int, most: int = 9) -> list[int]:
    """Places of the curves to name: all, or the first, the last and every second, third, ..."""
    step = max(1, int(np.ceil((n - 1) / (most - 1))))
    places = list(range(0, n - 1, step))
    if len(places) > 1 and n - 1 - places[-1] < step:
        places.pop()
    return [*places, n - 1] if n > 1 else [0]


def shortened(name: str, most: int = _LEAST_NAME) -> str:
    """A long name without its middle."""
    half = (most - 1) // 2
    return name if len(name) <= most else f"{name[:half]}…{name[-half:]}"


def wrapped(text: str, width: float, size: float, *, bold: bool = False) -> str:
    """A text in lines that are at most so many points wide; parentheses stay whole if they can."""
    prop = FontProperties(size=size, weight="bold" if bold else "normal")
    words: list[str] = []
    for part in re.split(rf"{_BREAK}(?![^()]*\))", text):
        words += [part] if _width(part, prop) <= width else re.split(_BREAK, part)
    lines: list[str] = []
    for word in words:
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and _width(longer, prop) > width:
            lines.append(word)
        elif lines:
            lines[-1] = longer
        else:
            lines.append(word)
    return "\n".join(lines)


def _width(text: str, prop: FontProperties) -> float:
    plain = text.replace(r"\$", "$")
    width, _, _ = text_to_path.get_text_width_height_descent(plain, prop, ismath=False)
    return float(width)


def _size(
    text: Text | AnnotationBbox, renderer: RendererBase | None, scale: float
) -> tuple[float, float]:
    """Width and height of a text without its leader, in points."""
    if isinstance(text, AnnotationBbox):
        box = text.get_window_extent(renderer)
    else:
        box = Text.get_window_extent(text, renderer)
    return scale * box.width, scale * box.height
