"""Strip below a forecast: what the variance of a new run is made of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from scalinglaws.arrays import FloatArray
from scalinglaws.plotting.axes import frame
from scalinglaws.plotting.style import LIGHT, contrast, style_of

_LEAST_ROOM, _NAME_WIDTH = 0.2, 0.24  # of the strip: height and width of a name


def draw_shares(
    ax: Axes, x: FloatArray, shares: Sequence[FloatArray], names: Sequence[str], name_x: str
) -> None:
    """Shares of the variance, one on the other, each with its name where there is room."""
    style = style_of(ax)
    ends = np.cumsum([np.zeros(len(x)), *shares], axis=0)
    for k, (share, name, colour) in enumerate(zip(shares, names, style.shares, strict=True)):
        ax.fill_between(x, ends[k], ends[k + 1], color=colour, lw=0)
        room = _room(share)
        widest = int(np.argmax(room))
        if room[widest] > _LEAST_ROOM:
            inks = ("#ffffff", LIGHT.ink)
            ax.annotate(
                name, (x[widest], (ends[k] + ends[k + 1])[widest] / 2), ha="center", va="center",
                fontsize=style.font, color=max(inks, key=lambda ink: contrast(ink, colour)),
            )  # fmt: skip
    ax.set_ylim(0, 1)
    frame(ax, name_x, "")
    ax.grid(visible=False)
    ax.yaxis.set_major_locator(NullLocator())
    ax.annotate(
        "what the band\nis made of", (1, 0.5), xycoords="axes fraction", xytext=(5, 0),
        va="center", textcoords="offset points", color=style.muted, fontsize=style.font,
        annotation_clip=False,
    )  # fmt: skip


def _room(share: FloatArray) -> FloatArray:
    """Height that is free over the width of a name centred at each point; zero at the ends."""
    reach = max(1, round(_NAME_WIDTH * len(share) / 2))
    found = np.zeros(len(share))
    for middle in range(reach, len(share) - reach):
        found[middle] = share[middle - reach : middle + reach + 1].min()
    return found
