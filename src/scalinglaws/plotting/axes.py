"""Frames, titles, far fields, and log axes with ticks such as 7B, 1.4T and 1e23."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis, XAxis
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator
from matplotlib.transforms import ScaledTranslation

from scalinglaws.escaping import for_picture
from scalinglaws.numerals import format_compute, format_count, format_plain
from scalinglaws.plotting.labels import labels_of, wrapped
from scalinglaws.plotting.style import inches, style_of

LABELS = {
    "N": "parameters N",
    "D": "training tokens D",
    "C": "training compute C, FLOP",
    "ratio": "tokens per parameter, D/N",
}
# Mantissas of ticks, the finest first; the first set with few enough ticks is taken.
_COARSE = ((1, 2, 5), (1, 3), (1,))
_FINE = ((1, 1.2, 1.5, 2, 2.2, 2.5, 3, 3.5, 4, 5, 6, 7, 8), (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8))
_FEWEST_TICKS, _MOST_TICKS = 3, 7
_TICKS_PER_INCH = (1.3, 2.2)  # labels are wider than high
_SHORT = 1.5  # times as many where all are short numbers
_EXACT = 1 + 1e-9  # for ticks at the very end of an axis
FAR = 100.0  # times the largest run, to which pictures go by themselves
_SIZE = (6.4, 4.0)  # inches of a new figure
_PAD = 0.08  # inches around a new figure
_OUTDENT = 30.0  # points by which titles begin left of the panel, above the tick labels


def check_kind(name: str, given: object, kinds: type | tuple[type, ...], source: str) -> None:
    """Raise if an argument is of the wrong type, naming the function that returns the right one.

    Raises
    ------
    TypeError
        If `given` is none of the kinds.
    """
    if not isinstance(given, kinds):
        raise TypeError(f"`{name}` must be what {source} returns; got {given!r}.")


def new_axes(size: tuple[float, float] = _SIZE) -> Axes:
    """Axes of a new figure, of so many inches."""
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots(figsize=size, layout="constrained")
    set_margins(figure)
    return ax


def set_margins(figure: Figure) -> None:
    """Some room around all that a new figure has."""
    figure.set_layout_engine("constrained", w_pad=_PAD, h_pad=_PAD)


def figure_of(ax: Axes) -> Figure:
    """The figure that the axes are in."""
    figure: Figure = ax.figure.canvas.figure  # the root, also of nested subfigures
    return figure


# --- log axes --------------------------------------------------------------------------------


def log_axis(axis: Axis, name: str | None, low: float, high: float) -> None:
    """Make one axis logarithmic over [low, high], with ticks such as 7B or 6e23.

    A range that is not positive gets a linear axis. What was drawn before stays in sight.
    """
    along_x = isinstance(axis, XAxis)
    low, high = _with_earlier(axis, low, high)
    if low <= 0:
        (axis.axes.set_xscale if along_x else axis.axes.set_yscale)("linear")
        (axis.axes.set_xlim if along_x else axis.axes.set_ylim)(low, high)
        return
    (axis.axes.set_xscale if along_x else axis.axes.set_yscale)("log")
    (axis.axes.set_xlim if along_x else axis.axes.set_ylim)(low, high)
    side = 0 if along_x else 1
    room = int(_TICKS_PER_INCH[side] * inches(axis.axes)[side])
    most = int(np.clip(room, _FEWEST_TICKS, _MOST_TICKS))
    ticks = log_ticks(low, high, most, is_compute=name == "C", fine=not along_x)
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())
    axis.set_major_formatter(FuncFormatter(lambda value, _: tick_text(name, value)))


def _with_earlier(axis: Axis, low: float, high: float) -> tuple[float, float]:
    """Limits that contain those of an earlier picture on the same axes."""
    limits = labels_of(axis.axes).drawn.limits
    key = "x" if isinstance(axis, XAxis) else "y"
    if key in limits:
        low, high = min(low, limits[key][0]), max(high, limits[key][1])
    limits[key] = (low, high)
    return low, high


def tick_text(name: str | None, value: float) -> str:
    """Tick label of a value of a variable; None stands for the performance."""
    if name in ("N", "D"):
        return format_count(value)
    if name == "C":
        return format_compute(value)
    return format_plain(value, 3)


def log_ticks(
    low: float, high: float, most: int, *, is_compute: bool = False, fine: bool = False
) -> list[float]:
    """At most so many round numbers on a logarithmic axis; even steps over less than a decade.

    Parameters
    ----------
    is_compute : powers of ten, if possible
    fine : mantissas between 1, 2 and 5 as well
    """
    exponents = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    sets: Sequence[Sequence[float]] = (*_FINE, *_COARSE) if fine else _COARSE
    if is_compute:
        sets = _COARSE[::-1]
    found = [
        [t for e in exponents for m in mantissas if low <= (t := m * 10.0**e) * _EXACT
         and t <= high * _EXACT]
        for mantissas in sets
    ]  # fmt: skip
    for ticks in found:
        if _FEWEST_TICKS <= len(ticks) <= most:
            return ticks
    for ticks in sorted(found, key=len):  # too many: every second or third of the fewest
        if len(ticks) > most:
            return ticks[:: int(np.ceil(len(ticks) / most))]
    return _even_ticks(low, high, most)


def _even_ticks(low: float, high: float, most: int) -> list[float]:
    """Round numbers at equal steps: over less than a decade they are easier to read."""
    rough = (high - low) / min(most, 5)
    size = 10.0 ** np.floor(np.log10(rough))
    steps = sorted((m * size for m in (1, 2, 5, 10)), key=lambda s: abs(s - rough))
    each = [np.arange(np.ceil(low / s - 1e-9), np.floor(high / s + 1e-9) + 1) * s for s in steps]
    ticks = next((t for t in each if len(t) <= _SHORT * most), each[0])
    return [float(f"{tick:.10g}") for tick in ticks]


def padded(low: float, high: float, share: float = 0.04) -> tuple[float, float]:
    """The range with a margin, in logarithms where it is positive."""
    if low <= 0:
        room = share * (high - low)
        return low - room, high + room
    margin = (high / low) ** share if high > low else 1.3
    return low / margin, high * margin


# --- frames and words ------------------------------------------------------------------------


def label_of(variable: str, column: str) -> str:
    """Axis label of a variable, with the table's column name if it differs."""
    text = LABELS.get(variable, variable)
    return text if column in (variable, text) else f"{text} ({column})"


def frame(ax: Axes, x: str, y: str, *, maths: bool = False) -> None:
    """Names of both axes, that of y above them; a spine below, and a grid along y.

    With `maths`, the name of x is mathtext.
    """
    style = style_of(ax)
    labels_of(ax)  # makes room for the name of y
    ax.grid(visible=True, which="major", axis="y", color=style.grid, linewidth=0.7)
    ax.grid(visible=False, axis="x")
    ax.set_axisbelow(True)
    ax.spines[["left", "top", "right"]].set_visible(False)
    ax.spines["bottom"].set(color=style.muted, linewidth=0.8 * style.line)
    ax.tick_params(axis="both", which="both", colors=style.muted, labelsize=style.font)
    ax.tick_params(axis="y", which="both", length=0)
    ax.tick_params(axis="x", length=3.5)
    ax.set_xlabel(x if maths else for_picture(x), fontsize=style.font, color=style.muted)
    if y:
        _name_y(ax, for_picture(y))


def _name_y(ax: Axes, text: str) -> None:
    """The name of y, above the axis."""
    style = style_of(ax)
    ax.set_ylabel(
        wrapped(text, 72 * inches(ax)[0], style.font), rotation=0, ha="left", va="bottom",
        fontsize=style.font, color=style.muted,
    )  # fmt: skip
    offset = ScaledTranslation(-_OUTDENT / 72, 4 / 72, figure_of(ax).dpi_scale_trans)
    ax.yaxis.set_label_coords(0.0, 1.0, transform=ax.transAxes + offset)


def write_title(ax: Axes, title: bool | str | None, sentence: str, *, own: bool) -> None:
    """The answer above the picture: `sentence`, or what the user wants.

    Parameters
    ----------
    title : text, False for none, True for the sentence, None for the sentence on a new figure
    own : whether the figure was made for this picture
    """
    if title is False or (title is None and not own):
        return
    style = style_of(ax)
    room = 72 * (figure_of(ax).get_size_inches()[0] - 0.4 if own else inches(ax)[0])
    text = wrapped(
        for_picture(title if isinstance(title, str) else sentence), room, style.title, bold=True
    )
    lines = ax.get_ylabel().count("\n") + bool(ax.get_ylabel())
    above = 8 + 1.4 * style.font * lines
    drawn = ax.set_title(
        text, loc="left", fontsize=style.title, fontweight="bold", color=style.ink, pad=above
    )  # fmt: skip
    if ax.get_ylabel():
        offset = ScaledTranslation(-_OUTDENT / 72, 0.0, figure_of(ax).dpi_scale_trans)
        drawn.set_transform(drawn.get_transform() + offset)


def far_field(ax: Axes, edge: float, text: str = "beyond the runs") -> None:
    """Shade what lies beyond the largest run up to the edge of the panel, and say so once."""
    style, end = style_of(ax), ax.get_xlim()[1]
    if not np.isfinite(edge) or edge >= end:
        return
    labels = labels_of(ax)
    if labels.once("far field"):
        ax.axvspan(edge, end, color=style.far, linewidth=0, zorder=0)
        labels.note((edge, 1.0), text, align=(0.0, 1.0), coordinates=ax.get_xaxis_transform())


def settle(ax: Axes | None, size: tuple[float, float] = _SIZE) -> tuple[Axes, bool]:
    """The axes to draw in, and whether they were made for it."""
    return (new_axes(size), True) if ax is None else (ax, False)
