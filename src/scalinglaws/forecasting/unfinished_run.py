"""finish(): where a run that is still training will end, by finished runs of the same schedule.

A finished run gains something between the same fraction of its schedule and its end. The logarithm
of the gain is linear in ln N and ln D of the whole run, plus a Gaussian process and noise, whose
sizes are chosen by their evidence. The run's own checkpoint less the gain, and the forecast of the
finished runs, are pooled by their precisions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from scipy.linalg import cho_factor, cho_solve

from scalinglaws.arrays import FloatArray
from scalinglaws.display import Card, Displayed
from scalinglaws.errors import DataError
from scalinglaws.fitting.inference.covariance import t_quantile
from scalinglaws.fitting.tables import columns as col
from scalinglaws.fitting.tables.points import to_values
from scalinglaws.fitting.tables.runs import RunTable
from scalinglaws.forecasting import saved, wording
from scalinglaws.forecasting.forecast import Forecast, from_rows
from scalinglaws.forecasting.make import read_checkpoints
from scalinglaws.forecasting.posterior import correlation
from scalinglaws.forecasting.run_rows import rows_of
from scalinglaws.forecasting.saved import Saved
from scalinglaws.numerals import format_variable
from scalinglaws.options import check_level

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Prior of ln gain: level, its standard deviation, and those of the slopes along ln N and ln D.
_LEVEL, _PRIOR_SD = np.log(0.05), np.array([2.0, 0.15, 0.15])
_AMPLITUDES, _NOISES, _USUAL = (0.03, 0.1, 0.3), (0.03, 0.1, 0.2, 0.4), 0.1
_LEAST_GAIN, _LEAST_ERROR = 2e-3, 1e-3  # of ln loss
_NEAR, _FEWEST = 0.06, 4  # difference in fraction of the schedule, finished runs
_WIDEST = 4.0  # variance of ln gain that is taken into account
_DOF = 6.0


@dataclass(frozen=True, repr=False)
class UnfinishedRun(Displayed, Saved):
    """Forecast of the end of a run, returned by :func:`scalinglaws.finish`.

    Attributes
    ----------
    run : str or int
        Label of the run.
    fraction : float
        Share of its tokens seen so far, 0 to 1.
    now : float
        The metric at the last checkpoint.
    estimate, low, high : float
        The metric at the end, with its prediction interval.
    by_finished_runs : float
        Forecast from the finished runs alone.
    by_checkpoint : float
        The last checkpoint less the gain of finished runs from that fraction to the end; NaN
        without such runs.
    n_finished : int
        Finished runs with a checkpoint near this fraction.
    confidence_level : float
        Level of the interval.
    target : str
        Column of the metric.
    history : tuple of (fraction, metric)
        Checkpoints of the run so far.
    """

    run: Any
    fraction: float
    now: float
    estimate: float
    low: float
    high: float
    by_finished_runs: float
    by_checkpoint: float
    n_finished: int
    confidence_level: float
    target: str
    history: tuple[tuple[float, float], ...]

    _format = saved.UNFINISHED

    def _saved_values(self) -> dict[str, Any]:
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        (by_checkpoint,) = saved.of_numbers(np.array([self.by_checkpoint]))
        history = [list(pair) for pair in self.history]
        return {
            **values, "run": saved.label_of(self.run), "by_checkpoint": by_checkpoint,
            "history": history,
        }  # fmt: skip

    def plot(self, *, ax: Axes | None = None, title: bool | str | None = None) -> Axes:
        """Draw the run so far, and where it will end.

        Parameters
        ----------
        ax : Axes, optional
            Axes to draw in; by default those of a new figure.
        title : bool or str, optional
            Sentence above the picture; by default the result, on a new figure.

        Returns
        -------
        Axes
        """
        from scalinglaws.plotting.curve_forecasts import plot_unfinished_run

        return plot_unfinished_run(self, ax=ax, title=title)

    def _card(self) -> Card:
        return wording.unfinished_card(self, _FEWEST)


def finish(
    runs: Any,
    run: Any,
    *,
    D: float | str,
    y: str | None = None,
    columns: Mapping[str, str] | None = None,
    missing: Literal["raise", "drop"] = "raise",
    units: Literal["check", "trust"] = "check",
    confidence_level: float = 0.95,
) -> UnfinishedRun:
    """Forecast the end of a run that is still training.

    Parameters
    ----------
    runs : DataFrame, object with ``to_pandas()``, or mapping of columns
        One row per checkpoint: N, tokens D seen so far, the metric, and a column such as "run"
        that names the run. All other runs must have finished, on schedules of the same shape.
    run : str or int
        Label of the run that is still training.
    D : float or str
        Tokens at the end of this run.
    y, columns, missing, units
        As in `forecast`.
    confidence_level : float, default 0.95
        Level of the interval.

    Returns
    -------
    UnfinishedRun
        The metric at the end, with its prediction interval.

    Raises
    ------
    DataError
        If a forecast from the finished runs is impossible, or the table has no such run.
    ValueError
        If the run has seen more than `D` tokens.

    Notes
    -----
    Checkpoints lie above the curve of finished runs until the learning rate has decayed. The gain
    of finished runs, from the same fraction of the schedule to the end, corrects for this. Its
    logarithm is linear in ln N and ln D, plus a Gaussian process and noise. The last checkpoint
    less this gain, and the forecast from the finished runs, are averaged by their precisions.

    Examples
    --------
    >>> import numpy as np, pandas as pd, scalinglaws as sl
    >>> share = np.array([0.25, 0.5, 0.75, 1.0])
    >>> def checkpoints(run, N, D):
    ...     loss = 1.8 + 480 / N**0.35 + 2100 / (share * D) ** 0.37
    ...     loss = loss * (1.06 - 0.06 * share)  # higher until the learning rate has decayed
    ...     return pd.DataFrame({"run": run, "N": N, "D": share * D, "loss": loss})
    >>> sizes = np.geomspace(1e7, 1e9, 5)
    >>> finished = [checkpoints(f"{N:.0e} {r}", N, r * N) for N in sizes for r in (20, 60)]
    >>> running = checkpoints("large", 3e9, 6e10)[:2]
    >>> end = sl.finish(pd.concat([*finished, running]), "large", D="60B")
    >>> bool(end.low < 2.247 < end.high)  # the loss at 60B
    True
    """
    check_level(confidence_level)
    table, labels = read_checkpoints(
        col.as_frame(runs), y=y, columns=col.named_columns(columns), missing=missing, units=units
    )
    mine = labels == run
    if not mine.any():
        raise DataError(f"There is no run {run!r} in the column {table.cluster_column!r}.")
    forecast = from_rows(
        rows_of(replace(table, weights=np.where(mine, 0.0, table.weights))), confidence_level
    )
    total = float(to_values("D", D))
    last = np.flatnonzero(mine)[np.argmax(table.values["D"][mine])]
    fraction = float(table.values["D"][last]) / total
    if not 0 < fraction < 1:
        raise ValueError(
            f"Run {run!r} has seen {format_variable('D', table.values['D'][last])} tokens, and `D` "
            f"is {format_variable('D', total)}: it must be larger."
        )
    return _pooled(forecast, table, labels, run, int(last), fraction, total)


def _pooled(
    forecast: Forecast, table: RunTable, labels: pd.Series, run: Any, last: int, fraction: float,
    total: float,
) -> UnfinishedRun:  # fmt: skip
    scale, level = forecast.rows.scale, forecast.confidence_level
    size = float(table.values["N"][last])
    point = {"N": np.array([size]), "D": np.array([total]), "C": np.array([6 * size * total])}
    moments = forecast.moments(point)
    means, variances = [float(moments.mean[0])], [float(moments.run[0])]
    sizes, gains = _gains(forecast, table, labels, run, fraction)
    now = scale.forward(table.y[[last]])[0]
    if len(gains) >= _FEWEST:
        where = np.array([np.log(size), np.log(total)])
        middle, spread = _expected_gain(sizes, gains, where)
        gain = float(np.exp(middle))
        means.append(float(now) - gain)
        variances.append(gain**2 * np.expm1(min(spread, _WIDEST)) + _LEAST_ERROR**2)
    weights = 1 / np.array(variances)
    mean = float(weights @ means / weights.sum())
    half = float(t_quantile(level, _DOF)) / np.sqrt(weights.sum())
    low, high = scale.interval(np.array([mean - half]), np.array([mean + half]))
    each = [float(scale.back(np.array([m]))[0]) for m in (mean, *means)]
    mine = np.flatnonzero(labels == run)
    mine = mine[np.argsort(table.values["D"][mine], kind="stable")]
    shares = table.values["D"][mine] / total
    return UnfinishedRun(
        run, fraction, float(table.y[last]), each[0], float(low[0]), float(high[0]), each[1],
        each[2] if len(each) > 2 else float("nan"), len(gains) if len(each) > 2 else 0, level,
        table.target, tuple(zip(shares.tolist(), table.y[mine].tolist(), strict=True)),
    )  # fmt: skip


def _gains(
    forecast: Forecast, table: RunTable, labels: pd.Series, run: Any, fraction: float
) -> tuple[FloatArray, FloatArray]:
    """Ln N and ln D of the finished runs, and ln of what each gained from there to its end."""
    tokens, score = table.values["D"], forecast.rows.scale.forward(table.y)
    places, gains = [], []
    for label, some in labels.reset_index(drop=True).groupby(labels.to_numpy(), sort=True):
        if label == run:
            continue
        rows = np.asarray(some.index)
        end = rows[np.argmax(tokens[rows])]
        apart = np.abs(tokens[rows] / tokens[end] - fraction)
        near = rows[np.argmin(apart)]
        if apart.min() < _NEAR and near != end:
            places.append([np.log(table.values["N"][end]), np.log(tokens[end])])
            gains.append(np.log(max(score[near] - score[end], _LEAST_GAIN)))
    return np.array(places).reshape(-1, 2), np.array(gains)


def _expected_gain(points: FloatArray, gains: FloatArray, where: FloatArray) -> tuple[float, float]:
    """Mean and variance of ln gain at a point, by the sizes of largest evidence."""
    count = max(3, len(gains) // 5)
    centre = points[np.argsort(-points.sum(axis=1), kind="stable")[:count]].mean(axis=0)
    points, where = points - centre, (where - centre)[None]
    design, there = (np.column_stack([np.ones(len(p)), p]) * _PRIOR_SD for p in (points, where))
    alike = correlation(points, points)
    best = (-np.inf, 0.0, 0.0)
    for amplitude in _AMPLITUDES:
        for noise in _NOISES:
            covariance = design @ design.T + amplitude**2 * alike + noise**2 * np.eye(len(gains))
            factor = cho_factor(covariance, lower=True)
            solved = cho_solve(factor, gains - _LEVEL)
            evidence = -0.5 * (gains - _LEVEL) @ solved - np.log(np.diag(factor[0])).sum()
            evidence -= 0.5 * np.log(noise / _USUAL) ** 2 + 0.5 * np.log(amplitude / _USUAL) ** 2
            if evidence > best[0]:
                near = there @ design.T + amplitude**2 * correlation(where, points)
                prior = float((there**2).sum()) + amplitude**2 + noise**2
                left = prior - float((near @ cho_solve(factor, near.T))[0, 0])
                best = (evidence, float(_LEVEL + (near @ solved)[0]), max(left, noise**2))
    return best[1], best[2]
