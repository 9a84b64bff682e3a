"""Plot of a forecast with its interval, what the interval is made of, and the back-test."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from scalinglaws.arrays import BoolArray, FloatArray
from scalinglaws.errors import DataError
from scalinglaws.fitting.inference.covariance import t_quantile
from scalinglaws.fitting.tables import columns as col
from scalinglaws.fitting.tables.points import to_values
from scalinglaws.forecasting.beside_law import DISPUTE_LEVEL, is_disputed
from scalinglaws.forecasting.outlook import given_points, tabled_points
from scalinglaws.numerals import format_compute, format_count, format_level, format_to
from scalinglaws.plotting.axes import (
    FAR,
    LABELS,
    far_field,
    frame,
    log_axis,
    padded,
    set_margins,
    write_title,
)
from scalinglaws.plotting.comparisons import draw_cuts
from scalinglaws.plotting.labels import labels_of, shortened
from scalinglaws.plotting.marks import CURVE, draw_held_out, draw_interval, draw_line, draw_runs
from scalinglaws.plotting.sentences import with_interval
from scalinglaws.plotting.style import LIGHT, Style, contrast, style_of

if TYPE_CHECKING:
    from scalinglaws.fitting.result import Fit
    from scalinglaws.forecasting.forecast import Forecast

_POINTS = 160
_NEAR = 10.0  # times the largest run to which a picture goes at least
_PAST = 2.0  # times the compute of the point that was asked for
_ON_PATH = np.log(2.0)  # difference of ln(D/N) up to which a run counts as on the path
_MOST_NAMES = 4  # of held-out runs
_PARTS = ("coefficients", "law’s error", "noise of a run")
_LEAST_ROOM, _NAME_WIDTH = 0.2, 0.24  # of the strip: height and width of a name


def plot_forecast(
    forecast: Forecast,
    to: float | str | None = None,
    *,
    at: Mapping[str, Any] | None = None,
    ratio: float | None = None,
    law: Fit | None = None,
    targets: pd.DataFrame | None = None,
    ax: Axes | None = None,
    title: bool | str | None = None,
) -> Axes:
    """Plot a forecast against compute, with the shares of its variance and its back-test.

    Parameters
    ----------
    forecast : Forecast
        From :func:`scalinglaws.forecast`.
    to, at, ratio, law, targets, ax, title
        As in `Forecast.plot`.

    Returns
    -------
    Axes
        Of the forecast.

    Examples
    --------
    >>> import scalinglaws as sl
    >>> runs = sl.datasets.ladder()
    >>> ax = plot_forecast(sl.forecast(runs[runs["D"] > 1.5e6]), at={"N": "1M", "D": "16M"})
    """
    path = _Path(forecast, to, at, ratio)
    if ax is not None:
        _Picture(forecast, ax, path, law, targets).draw()
        frame(ax, LABELS["C"], _name_y(path))
        write_title(ax, title, _sentence(path, law), own=False)
        return ax
    import matplotlib.pyplot as plt

    try:
        tested = forecast.backtest()
    except DataError:
        tested = None
    figure = plt.figure(figsize=(8.4 if tested else 6.4, 4.6), layout="constrained")
    set_margins(figure)
    grid = figure.add_gridspec(
        2, 2 if tested else 1, width_ratios=[2.7, 1] if tested else [1], height_ratios=[4.6, 1]
    )
    main = figure.add_subplot(grid[0, 0])
    strip = figure.add_subplot(grid[1, 0], sharex=main)
    _Picture(forecast, main, path, law, targets).draw()
    frame(main, "", _name_y(path))
    shares = [
        np.asarray(getattr(path.outlook, f"share_{name}"))
        for name in ("coefficients", "law_error", "noise")
    ]
    draw_shares(strip, path.compute, shares, _PARTS, LABELS["C"])
    main.tick_params(labelbottom=False, bottom=False)
    write_title(main, title, _sentence(path, law), own=True)
    if tested:
        panel = figure.add_subplot(grid[:, 1])
        draw_cuts(tested, panel)
        write_title(panel, "Back-test" if title is not False else False, "", own=False)
    return main


class _Path:
    """The line through the space of N and D that the picture follows."""

    def __init__(
        self, forecast: Forecast, to: float | str | None, at: Mapping[str, Any] | None,
        ratio: float | None,
    ) -> None:  # fmt: skip
        rows = forecast.rows
        self.forecast = forecast
        self.at = None if at is None else self._one_point(at)
        if ratio is None:
            ratio = rows.ratio if self.at is None else float(self.at["D"] / self.at["N"])
        self.ratio = ratio
        start = max(float(rows.C.min()), rows.largest / 3e3)
        compute = np.geomspace(start, self._end(to), _POINTS)
        if self.at is not None and start < self.at["C"] < compute[-1]:
            compute = np.sort(np.append(compute, self.at["C"]))
        self.compute = np.unique(np.append(compute, rows.largest))
        sizes, tokens = rows.path(self.compute, ratio)
        self.points = {"N": sizes, "D": tokens, "C": self.compute}
        self.moments = forecast.moments(self.points)
        self.outlook = forecast.outlook(self.points, forecast.confidence_level, self.moments)
        self.known = self.compute <= rows.largest
        self.usable = forecast.usable(self.points, self.moments) | self.known

    def _one_point(self, at: Mapping[str, Any]) -> dict[str, FloatArray]:
        points = given_points(self.forecast.rows, at, {})
        if any(np.size(values) != 1 for values in points.values()):
            raise ValueError("`at` is one point to mark; pass one number each of two of N, D, C.")
        return {name: np.asarray(np.ravel(values)[0]) for name, values in points.items()}

    def _end(self, to: float | str | None) -> float:
        rows = self.forecast.rows
        if to is not None:
            end = float(to_values("to", to))
            if end <= rows.largest:
                raise ValueError(
                    f"`to` is the compute up to which to draw, beyond the largest run "
                    f"({format_compute(rows.largest)}); got {to!r}."
                )
            return end
        end = FAR * rows.largest
        if np.isfinite(self.forecast.usable_to):
            end = float(np.clip(4 * self.forecast.usable_to, _NEAR * rows.largest, end))
        return end if self.at is None else max(end, _PAST * float(self.at["C"]))

    def near(self, sizes: FloatArray, tokens: FloatArray) -> BoolArray:
        """Runs with about the tokens per parameter of the path."""
        return np.asarray(np.abs(np.log(tokens / sizes / self.ratio)) < _ON_PATH)

    @property
    def subject(self) -> dict[str, FloatArray]:
        """The point that the title is about: the one asked for, or the farthest usable one."""
        if self.at is not None:
            return self.at
        last = int(np.flatnonzero(self.usable)[-1])
        return {name: array[last] for name, array in self.points.items()}


class _Picture:
    """The panel of runs, forecast, interval, law and held-out runs."""

    def __init__(
        self, forecast: Forecast, ax: Axes, path: _Path, law: Fit | None,
        targets: pd.DataFrame | None,
    ) -> None:  # fmt: skip
        self.forecast, self.ax, self.path, self.law, self.targets = forecast, ax, path, law, targets
        self.style, self.labels = style_of(ax), labels_of(ax)
        self.estimate = np.asarray(path.outlook.estimate)

    def draw(self) -> None:
        """All marks, then the words, which need the limits."""
        path, rows = self.path, self.forecast.rows
        observed = rows.table.y[rows.places]
        shown = [observed, self.estimate]
        values = None if self.law is None else self._law_values()
        if values is not None:
            shown.append(np.asarray(values.estimate))
        if self.targets is not None:
            shown.append(self._draw_targets(self.targets))
        self._limit(shown)
        far_field(self.ax, rows.largest)
        self._draw_bands()
        draw_line(self.ax, path.compute, self.estimate, ~path.known, self.style.forecast,
                  casing=True, zorder=5)  # fmt: skip
        self.labels.name(self.estimate[-1], "forecast", self.style.forecast, bold=True)
        if values is not None:
            self._draw_law(values)
        self._draw_runs(observed)
        if path.at is not None:
            self._mark(path.at)

    def _limit(self, shown: list[FloatArray]) -> None:
        """Limits of both axes."""
        path, rows = self.path, self.forecast.rows
        use = path.usable & ~path.known
        use[np.flatnonzero(path.usable)[-1]] = True  # the end of the band, which is named
        ends = [np.asarray(getattr(path.outlook, name))[use] for name in ("run_low", "run_high")]
        values = np.concatenate([*shown, *ends])
        low, high = float(values.min()), float(values.max())
        # a few bad small runs must not press the rest into a line
        if rows.scale.falls:
            high = max(float(np.quantile(shown[0], 0.95)), *(float(s.max()) for s in shown[1:2]))
        log_axis(self.ax.yaxis, None, *padded(low, high))
        log_axis(self.ax.xaxis, "C", float(path.compute[0]) / 1.15, float(path.compute[-1]))

    def _draw_bands(self) -> None:
        """From the outermost in: all, without the noise of a run, coefficients alone."""
        path, forecast = self.path, self.forecast
        quantile = t_quantile(forecast.confidence_level, forecast.posterior.dof)
        moments, use = path.moments, path.usable
        parts = (moments.run, moments.curve, moments.coefficients)
        low = self.estimate
        for place, (variance, colour) in enumerate(
            zip(parts, self.style.bands[::-1], strict=True), start=1
        ):
            half = quantile * np.sqrt(variance)
            ends = forecast.rows.scale.interval(moments.mean - half, moments.mean + half)
            low = ends[0] if place == 1 else low
            self.ax.fill_between(path.compute[use], ends[0][use], ends[1][use], color=colour,
                                 lw=0, zorder=1 + 0.1 * place)  # fmt: skip
        kind = f"{format_level(forecast.confidence_level)} prediction\ninterval"
        last = int(np.flatnonzero(use)[-1])
        if use[-1]:
            self.labels.name(low[-1], kind, self.style.muted)
        else:
            self.labels.note((path.compute[last], low[last]), kind, align=(1.0, 1.0))
            self.labels.note((path.compute[last], 0.9), "not usable\nbeyond", align=(0.0, 1.0),
                             coordinates=self.ax.get_xaxis_transform())  # fmt: skip

    def _law_values(self) -> Any:
        """What the law predicts along the path."""
        assert self.law is not None
        wanted = {name: self.path.points[name] for name in self.law.law.variables}
        with warnings.catch_warnings(action="ignore"):
            return self.law.predict(wanted, confidence_level=DISPUTE_LEVEL)

    def _draw_law(self, found: Any) -> None:
        """The law through the same points, and a ring where it begins to be disputed."""
        assert self.law is not None
        path, style, values = self.path, self.style, np.asarray(found.estimate)
        draw_line(self.ax, path.compute, values, ~path.known, style.law, width=CURVE, casing=True,
                  zorder=4.5)  # fmt: skip
        self.labels.name(values[-1], shortened(self.law.law.label), style.law)
        disputed = is_disputed(self.forecast, path.points, found) & ~path.known
        if not disputed.any():
            return
        first = int(np.argmax(disputed))
        place = float(path.compute[first]), float(values[first])
        self.ax.scatter(*place, s=60 * style.point, facecolors="none", edgecolors=style.law,
                        lw=1.5, zorder=7)  # fmt: skip
        compute = format_compute(place[0], 1)
        self.labels.note(place, f"law disputed\nfrom {compute} FLOP on", style.law, leader=True)

    def _draw_runs(self, observed: FloatArray) -> None:
        """Runs on the path, and faint ones that are not, which are named."""
        rows, style = self.forecast.rows, self.style
        near = self.path.near(rows.N, rows.D)
        draw_runs(self.ax, rows.C[~near], observed[~near], style.tint(style.muted, 0.45),
                  n=rows.n, zorder=2.5)  # fmt: skip
        draw_runs(self.ax, rows.C[near], observed[near], style.ink, n=rows.n, zorder=6)
        seen = ~near & (observed < self.ax.get_ylim()[1]) & (self.ax.get_xlim()[0] < rows.C)
        if seen.any():
            top = int(np.flatnonzero(seen)[np.argmax(observed[seen])])
            self.labels.note((rows.C[top], observed[top]),
                             "faint: runs at other\ntokens per parameter", leader=True)  # fmt: skip

    def _draw_targets(self, targets: pd.DataFrame) -> FloatArray:
        """Runs kept out: hollow circles."""
        rows = self.forecast.rows
        points, name = tabled_points(rows, targets, {}), rows.table.target
        column = col.one_column(targets, col.require(targets, name, "targets"))
        reached = col.to_floats(column, name)
        near = self.path.near(points["N"], points["D"])
        for some, colour in ((~near, self.style.muted), (near, self.style.ink)):
            draw_held_out(self.ax, points["C"][some], reached[some], colour)
        for place, text in _target_names(targets, points["C"], self.style).items():
            xy = float(points["C"][place]), float(reached[place])
            self.labels.note(xy, text, self.style.ink, leader=True)
        return reached

    def _mark(self, at: Mapping[str, FloatArray]) -> None:
        """The point that was asked for, with its interval."""
        found = self.forecast.outlook(at, self.forecast.confidence_level)
        C, estimate = float(at["C"]), float(found.estimate)
        draw_interval(self.ax, C, estimate, float(found.run_low), float(found.run_high))
        half = (float(found.run_high) - float(found.run_low)) / 2
        self.labels.note((C, float(found.run_high)), format_to(estimate, half), self.style.ink,
                         align=(0.5, 0.0), bold=True)  # fmt: skip


def _target_names(targets: pd.DataFrame, C: FloatArray, style: Style) -> dict[int, str]:
    """Notes beside held-out runs: their labels, where these are few names; else one note."""
    names, largest = list(targets.index), int(np.argmax(C))
    few = len(names) <= _MOST_NAMES and not style.narrow
    if not few or not all(isinstance(name, str) for name in names):
        return {largest: "kept out"}
    notes = {place: shortened(name) for place, name in enumerate(names)}
    return {**notes, largest: f"{notes[largest]}, kept out"}


def _name_y(path: _Path) -> str:
    rows = path.forecast.rows
    better = "" if rows.scale.falls else ", higher is better"
    return f"{rows.table.target}{better}, at {format_count(path.ratio, 2)} tokens per parameter"


def _sentence(path: _Path, law: Fit | None) -> str:
    """The forecast at the point asked for, or at the farthest usable one of the picture."""
    forecast, point = path.forecast, path.subject
    one = {name: np.asarray(value) for name, value in point.items()}
    found = forecast.outlook(one, forecast.confidence_level)
    where = f"{format_compute(float(point['C']), 2)} FLOP"
    if path.at is not None:
        where = ", ".join(f"{v} {format_count(float(point[v]), 2)}" for v in ("N", "D"))
    middle, low, high = (float(v) for v in (found.estimate, found.run_low, found.run_high))
    said = with_interval(middle, low, high, forecast.confidence_level)
    text = f"{where}: {forecast.rows.table.target} {said}"
    if law is None:
        return text
    wanted = {name: one[name] for name in law.law.variables}
    with warnings.catch_warnings(action="ignore"):
        predicted: Any = law.predict(wanted, confidence_level=DISPUTE_LEVEL)
    return f"{text}; the law is disputed" if is_disputed(forecast, one, predicted) else text


# --- what the variance is made of ----------------------------------------------------------------


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
