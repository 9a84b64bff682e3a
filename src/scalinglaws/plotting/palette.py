"""Colour palettes of forecast plots, for light and dark backgrounds and for greyscale print."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.colors import to_rgb


@dataclass(frozen=True)
class Palette:
    """The colour of each role; bands are opaque, from the innermost out."""

    background: str
    ink: str
    muted: str
    grid: str
    far: str
    forecast: str
    bands: tuple[str, str, str]
    law: str
    shares: tuple[str, str, str] = ("#2a66a8", "#a9c6e4", "#6b727c")


LIGHT = Palette(
    "#ffffff", "#1b1d21", "#5d636c", "#e7e8e4", "#f4f4ef", "#174f91",
    ("#8db3da", "#b9d0e8", "#dde8f3"), "#b8480f",
)  # fmt: skip
DARK = Palette(
    "#13161b", "#e8e8e3", "#a2a8b1", "#252a32", "#1a1f26", "#8ec2f5",
    ("#386189", "#27435f", "#1c2c3e"), "#f59a63",
)  # fmt: skip


def palette_of(ax: Axes) -> Palette:
    """The light or dark palette, depending on the background of the axes."""
    red, green, blue = to_rgb(ax.get_facecolor())
    return LIGHT if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.5 else DARK
