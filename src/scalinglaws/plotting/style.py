"""Colours by role, sizes and widths of all pictures, on light and on dark ground."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, LinearSegmentedColormap, LogNorm, Normalize, to_hex, to_rgba

from scalinglaws.arrays import FloatArray

DASHED = (0, (4, 2.5))  # beyond the runs
DOTTED = (0, (1, 2))  # guides
TEXT_CONTRAST = 4.5  # of text to its ground (WCAG 2, level AA)
_SMALL = 3.2  # inches; narrower panels are for one column of a paper
_SLIDE = 7.5  # inches
_MANY_RUNS = ((40, 20.0), (300, 11.0), (1500, 5.0))  # runs up to which a point has this area, pt²


@dataclass(frozen=True)
class Style:
    """The colour of each role, and sizes in points.

    Attributes
    ----------
    background, ink, muted, grid, far : ground; titles and what is chosen; axis text and notes;
        y grid; field beyond the runs
    forecast, law : lines, and their names
    bands : of the forecast, opaque, from the innermost out
    law_band : interval of a law or of an optimum
    shares : of the variance: coefficients, the law's error, noise
    sizes : sequential map, from the smallest to the largest model or budget
    hues : of groups, recipes or fits, in this order
    font, title : size of names and notes, and of titles
    line, point : factors of line widths, and of areas of points
    narrow : whether there is no room for long notes
    """

    background: str
    ink: str
    muted: str
    grid: str
    far: str
    forecast: str
    law: str
    bands: tuple[str, str, str]
    law_band: str
    sizes: tuple[str, ...]
    hues: tuple[str, str, str, str]
    shares: tuple[str, str, str] = ("#2a66a8", "#a9c6e4", "#6b727c")
    font: float = 8.5
    title: float = 10.5
    line: float = 1.0
    point: float = 1.0
    narrow: bool = False

    def readable(self, colour: Any) -> str:
        """The colour, mixed with ink until text in it can be read on the ground."""
        given, ink = (np.array(to_rgba(c)[:3]) for c in (colour, self.ink))
        shares = np.linspace(0, 1, 41)
        mixtures = (_hex((1 - share) * given + share * ink) for share in shares)
        clear = (m for m in mixtures if contrast(m, self.background) >= TEXT_CONTRAST)
        return next(clear, self.ink)

    def size_map(self) -> Colormap:
        """Sequential map of sizes or budgets; the largest stand out."""
        return LinearSegmentedColormap.from_list("sizes", self.sizes)

    def hue(self, place: int) -> str:
        """Colour of a group; the names tell those apart that share one."""
        return self.hues[place % len(self.hues)]

    def area(self, n_runs: int) -> float:
        """Area of a point, pt², by the number of runs."""
        return self.point * next((area for most, area in _MANY_RUNS if n_runs <= most), 2.0)

    def tint(self, colour: Any, share: float) -> str:
        """An opaque mixture of a colour with the ground."""
        given, ground = (np.array(to_rgba(c)[:3]) for c in (colour, self.background))
        return _hex(share * given + (1 - share) * ground)


LIGHT = Style(
    background="#ffffff", ink="#1b1d21", muted="#5d636c", grid="#e7e8e4", far="#f4f4ef",
    forecast="#174f91", law="#b8480f", bands=("#8db3da", "#b9d0e8", "#dde8f3"),
    law_band="#f3cdb4",
    sizes=("#ddb049", "#84aa48", "#009871", "#00768f", "#004a90", "#3a1c6c"),
    hues=("#1b1d21", "#b8480f", "#174f91", "#1b6f52"),
)  # fmt: skip
DARK = Style(
    background="#13161b", ink="#e8e8e3", muted="#a2a8b1", grid="#252a32", far="#1a1f26",
    forecast="#8ec2f5", law="#f59a63", bands=("#386189", "#27435f", "#1c2c3e"),
    law_band="#5b3520",
    sizes=("#976c00", "#739734", "#1db990", "#00cae5", "#8acfff", "#e7d0ff"),
    hues=("#e8e8e3", "#f59a63", "#8ec2f5", "#5fc79f"),
)  # fmt: skip


def style_of(ax: Axes) -> Style:
    """Light or dark by the ground of the axes, and sizes by their width."""
    ground = _ground(ax)
    style = LIGHT if luminance(ground) > 0.5 else DARK
    style = replace(style, background=_hex(ground))
    width = inches(ax)[0]
    if width < _SMALL:
        return replace(style, font=7.0, title=8.5, line=0.8, point=0.6, narrow=True)
    if width > _SLIDE:
        return replace(style, font=12.0, title=14.0, line=1.6, point=2.0)
    return style


def _ground(ax: Axes) -> FloatArray:
    """Colour behind the data: the axes' own, or what shines through from the figure."""
    ground = np.ones(3)
    for colour in (ax.figure.get_facecolor(), ax.get_facecolor()):
        *rgb, opacity = to_rgba(colour)
        ground = opacity * np.array(rgb) + (1 - opacity) * ground
    return ground


def _hex(colour: FloatArray) -> str:
    """Red, green and blue as text."""
    red, green, blue = (float(c) for c in np.clip(colour, 0.0, 1.0))
    return to_hex((red, green, blue))


def luminance(colour: Any) -> float:
    """Relative luminance of a colour in sRGB (WCAG 2)."""
    c = np.array(to_rgba(colour)[:3])
    linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))


def contrast(one: Any, other: Any) -> float:
    """Contrast ratio of two colours, from 1 to 21 (WCAG 2)."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def inches(ax: Axes) -> tuple[float, float]:
    """Width and height of the axes, as far as they are known before drawing."""
    width, height = ax.figure.canvas.figure.get_size_inches()  # of the root, also of subfigures
    box = ax.get_position()
    return float(width * box.width), float(height * box.height)


def norm_of(low: float, high: float) -> Normalize:
    """Scale of the map of sizes: logarithmic where sizes are positive."""
    if high <= low:  # a single size takes the strong end
        low, high = (low / 2, high) if low > 0 else (low - 1.0, high)
    return LogNorm(low, high) if low > 0 else Normalize(low, high)
