"""What must hold of every picture: checks of texts and points, as they are drawn."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox

from scalinglaws.plotting.style import contrast

_TOUCH = 0.75  # points by which boxes, which are taller than the letters, may overlap
_SMALLEST, _CONTRAST = 6.0, 4.5


def texts_of(figure: Figure) -> list[Text]:
    """All texts that are seen."""
    found = [t for t in figure.findobj(Text) if t.get_visible() and t.get_text().strip()]
    hidden = {
        label
        for ax in figure.axes
        for axis in (ax.xaxis, ax.yaxis)
        for tick in axis.get_major_ticks()
        for label in (tick.label1, tick.label2)
        if not label.get_visible() or not _in_view(axis.get_view_interval(), tick.get_loc())
    }
    without_axis = {t for ax in figure.axes if not ax.axison for t in _axis_texts(ax)}
    return [t for t in found if t not in hidden and t not in without_axis]


def _axis_texts(ax: Axes) -> list[Text]:
    return [t for axis in (ax.xaxis, ax.yaxis) for t in axis.findobj(Text)]


def _in_view(view: np.ndarray, place: float) -> bool:
    low, high = sorted(view)
    return bool(low * (1 - 1e-9) <= place <= high * (1 + 1e-9))


def box_of(text: Text) -> Bbox:
    """Box of a text without its leader, in points."""
    pixels = Text.get_window_extent(text)
    scale = 72.0 / text.get_figure(root=True).dpi
    return Bbox.from_extents(*(scale * pixels.extents))


def check_picture(ax: Axes) -> None:
    """Fail if a text leaves the figure, lies on another text, a point or a leader, or is pale."""
    figure = ax.get_figure(root=True)
    figure.canvas.draw()
    texts = texts_of(figure)
    boxes = {text: box_of(text) for text in texts}
    width, height = 72 * figure.get_size_inches()
    for text, box in boxes.items():
        said = text.get_text()
        assert box.x0 >= -1 and box.x1 <= width + 1, f"{said!r} leaves the figure"  # noqa: PT018
        assert box.y0 >= -1 and box.y1 <= height + 1, f"{said!r} leaves the figure"  # noqa: PT018
        assert text.get_fontsize() >= _SMALLEST, f"{said!r} is too small"
        _check_contrast(text)
    for one, other in combinations(texts, 2):
        a, b = boxes[one], boxes[other]
        across = min(a.x1, b.x1) - max(a.x0, b.x0)
        along = min(a.y1, b.y1) - max(a.y0, b.y0)
        assert min(across, along) <= _TOUCH, f"{one.get_text()!r} lies on {other.get_text()!r}"
    _check_leaders(boxes)
    for panel in figure.axes:
        _check_points(panel, boxes)


def _check_leaders(boxes: dict[Text, Bbox]) -> None:
    """No line from a text to its mark crosses another text."""
    for text in boxes:
        arrow = text.arrow_patch if isinstance(text, Annotation) else None
        if arrow is None or not arrow.get_visible():
            continue
        scale = 72.0 / text.get_figure(root=True).dpi
        start, *_, end = scale * arrow.get_transform().transform(arrow.get_path().vertices)
        places = start + np.linspace(0, 1, 200)[:, None] * (end - start)
        for other, box in boxes.items():
            inside = ((places > box.min + 1) & (places < box.max - 1)).all(axis=1)
            crossed = other is not text and inside.any()
            assert not crossed, f"the leader of {text.get_text()!r} crosses {other.get_text()!r}"


def _check_contrast(text: Text) -> None:
    found = contrast(text.get_color(), _ground(text))
    assert found >= _CONTRAST, f"{text.get_text()!r} has a contrast of {found:.1f}"


def _ground(text: Text) -> Any:
    """The colour behind a text: its own box, an opaque band, or the axes."""
    patch = text.get_bbox_patch()
    if patch is not None and patch.get_visible():
        return patch.get_facecolor()
    if text.axes is None:
        return text.get_figure(root=True).get_facecolor()
    box = Text.get_window_extent(text)
    middle = (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2
    bands = [
        band for band in text.axes.collections
        if isinstance(band, PolyCollection) and band.get_alpha() in (None, 1.0)
        and any(p.contains_point(middle, band.get_transform()) for p in band.get_paths())
    ]  # fmt: skip
    if bands:
        return max(bands, key=lambda band: band.get_zorder()).get_facecolor()[0]
    return text.axes.get_facecolor()


def _check_points(ax: Axes, boxes: dict[Text, Bbox]) -> None:
    """No text of a panel covers the middle of a run."""
    scale = 72.0 / ax.get_figure(root=True).dpi
    points = [
        scale * c.get_offset_transform().transform(np.asarray(c.get_offsets()))
        for c in ax.collections
        if isinstance(c, PathCollection) and len(c.get_offsets())
    ]
    if not points:
        return
    places = np.concatenate(points)
    for text, box in boxes.items():
        if text.axes is not ax or not isinstance(text, Annotation):
            continue
        inside = (
            (places[:, 0] > box.x0) & (places[:, 0] < box.x1)
            & (places[:, 1] > box.y0) & (places[:, 1] < box.y1)
        )  # fmt: skip
        assert not inside.any(), f"{text.get_text()!r} covers {int(inside.sum())} points"
