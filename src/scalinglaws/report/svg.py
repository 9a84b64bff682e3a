"""Elements of SVG pictures: scales, axes, curves, bands, points and words.

Colours come from the page's style sheet, by class, so that one picture serves light, dark and
print. All texts are escaped here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from scalinglaws.arrays import FloatArray
from scalinglaws.display.bar_scale import even_ticks
from scalinglaws.escaping import for_page
from scalinglaws.plotting.axes import log_ticks, tick_text

_PIXELS_PER_TICK = (68.0, 32.0)  # along x and along y
_LETTER = 6.3  # pixels, of the small text


@dataclass(frozen=True)
class Scale:
    """From values to pixels: `low` is drawn at `start`, `high` at `end`."""

    low: float
    high: float
    start: float
    end: float
    log: bool = True

    def __call__(self, values: Any) -> Any:
        """Pixels of values."""
        v = np.asarray(values, dtype=np.float64)
        low, high = self.low, self.high
        if self.log:
            with np.errstate(divide="ignore", invalid="ignore"):
                v, low, high = np.log(v), np.log(low), np.log(high)
        return self.start + (v - low) / (high - low) * (self.end - self.start)

    def ticks(self, *, along_x: bool) -> list[float]:
        """Round values at which the axis has room for a label."""
        most = max(2, int(abs(self.end - self.start) / _PIXELS_PER_TICK[0 if along_x else 1]))
        if self.log:
            return log_ticks(self.low, self.high, most)
        return even_ticks(self.low, self.high, most + 1)


@dataclass(frozen=True)
class Panel:
    """A rectangle with two scales."""

    x: Scale
    y: Scale

    def grid(self, name: str | None = None, unit: str = "") -> str:
        """Horizontal lines with their values; `name` is the variable along y."""
        parts = []
        for value in self.y.ticks(along_x=False):
            at = float(self.y(value))
            label = signed(value) + unit if unit else tick_text(name, value)
            parts.append(line(self.x.start, at, self.x.end, at, "grid"))
            parts.append(words(self.x.start - 6, at + 4, label, "t", "end"))
        return "".join(parts)

    def bottom(self, name: str | None, label: str = "", *, ticks: bool = True) -> str:
        """The x axis with its values; `name` is the variable along x."""
        foot = max(self.y.start, self.y.end)
        parts = [line(self.x.start, foot, self.x.end, foot, "axis")]
        for value in self.x.ticks(along_x=True) if ticks else ():
            at = float(self.x(value))
            parts.append(line(at, foot, at, foot + 4, "axis"))
            parts.append(words(at, foot + 16, tick_text(name, value), "t", "middle"))
        if label:
            middle = (self.x.start + self.x.end) / 2
            parts.append(words(middle, foot + 33, label, "t", "middle"))
        return "".join(parts)

    def far(self, beyond: float) -> str:
        """The field beyond the runs."""
        at = float(self.x(beyond))
        top, foot = sorted((self.y.start, self.y.end))
        return rectangle(at, top, self.x.end - at, foot - top, "far")

    def curve(self, x: FloatArray, y: FloatArray, style: str) -> str:
        """A curve, where it is finite."""
        return polyline(self.x(x), self.y(y), style)

    def band(self, x: FloatArray, low: FloatArray, high: FloatArray, style: str) -> str:
        """The area between two curves, where both are finite."""
        known = np.isfinite(low) & np.isfinite(high)
        if known.sum() < 2:
            return ""
        xs, ends = self.x(x[known]), (self.y(low[known]), self.y(high[known]))
        outline = np.concatenate([xs, xs[::-1]]), np.concatenate([ends[1], ends[0][::-1]])
        return polyline(*outline, style, closed=True)

    def points(self, x: FloatArray, y: FloatArray, styles: Sequence[str], size: float = 2.3) -> str:
        """A circle for each run, in order; those outside the panel are left out."""
        xs, ys = self.x(x), self.y(y)
        (left, right), (top, foot) = (
            sorted((self.x.start, self.x.end)),
            sorted((self.y.start, self.y.end)),
        )
        inside = (xs >= left - 1) & (xs <= right + 1) & (ys >= top - 1) & (ys <= foot + 1)
        return "".join(
            f'<circle class="{styles[k]}" cx="{number(xs[k])}" cy="{number(ys[k])}" '
            f'r="{size:g}" data-run="{k}"/>'
            for k in np.flatnonzero(inside).tolist()
        )


def number(value: float) -> str:
    """A coordinate to a tenth of a pixel."""
    return f"{value:.1f}".removesuffix(".0")


def signed(value: float) -> str:
    """A number with its sign, the true minus included."""
    return f"{value:+g}".replace("-", "−") if value else "0"


def polyline(x: FloatArray, y: FloatArray, style: str, *, closed: bool = False) -> str:
    """A path through points; those that are not finite are left out."""
    known = np.isfinite(x) & np.isfinite(y)
    if known.sum() < 2:
        return ""
    places = "L".join(f"{number(a)} {number(b)}" for a, b in zip(x[known], y[known], strict=True))
    return f'<path class="{style}" d="M{places}{"Z" if closed else ""}"/>'


def line(x1: float, y1: float, x2: float, y2: float, style: str) -> str:
    """A straight line."""
    return polyline(np.array([x1, x2]), np.array([y1, y2]), style)


def rectangle(x: float, y: float, width: float, height: float, style: str) -> str:
    """A filled rectangle."""
    return (
        f'<rect class="{style}" x="{number(x)}" y="{number(y)}" width="{number(max(width, 0))}" '
        f'height="{number(max(height, 0))}"/>'
    )


def words(x: float, y: float, text: str, style: str, anchor: str = "") -> str:
    """A text."""
    where = f' text-anchor="{anchor}"' if anchor else ""
    return f'<text class="{style}" x="{number(x)}" y="{number(y)}"{where}>{for_page(text)}</text>'


def width_of(text: str) -> float:
    """Approximate width of a small text, in pixels."""
    return _LETTER * len(text)


def picture(
    parts: Iterable[str],
    width: float,
    height: float,
    alt: str,
    style: str = "",
    data: str = "",
) -> str:
    """An SVG element; `alt` is its text for those who do not see it."""
    shown = f' class="{style}"' if style else ""
    return (
        f'<svg{shown} viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
        f'height="{height:.0f}" role="img" aria-label="{for_page(alt)}"{data}>'
        f"{''.join(parts)}</svg>"
    )
