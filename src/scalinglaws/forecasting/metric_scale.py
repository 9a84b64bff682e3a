"""The scale on which a metric is forecast: the logarithm of what is left to improve."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from scalinglaws.arrays import BoolArray, FloatArray
from scalinglaws.errors import DataWarning, warn
from scalinglaws.fitting.tables import columns as col

Limits = tuple[float | None, float | None]

_LEAST_PRECISION = 1e-6
# Parts of names that tell what a metric is.
_FALLING = (*col.LOSSES, "error")
_SHARES = ("acc", "percent", "pct", "%", "exact_match", "pass@", "bleu")  # of 1 or of 100


@dataclass(frozen=True)
class MetricScale:
    """A one-to-one map from a metric to a number that falls as the metric improves.

    ``ln((y - best) / (worst - y))`` where both ends are known, as for an accuracy between chance
    and one; ``ln |y - best|`` where only the best value is; ``-ln |y - worst|`` where only the
    worst is. A loss has 0 as its best value and no worst, hence ``ln y``. A perplexity is the
    exponential of a loss, hence ``ln ln y``.

    Attributes
    ----------
    falls : whether smaller values are better
    best, worst : ends of what the metric can be; None where there is none
    perplexity : whether the logarithm of the metric is a loss
    most : where estimates and intervals of a rising metric are cut off; None for nowhere
    """

    falls: bool
    best: float | None
    worst: float | None
    perplexity: bool = False
    most: float | None = None

    @classmethod
    def of(cls, falls: bool, limits: Limits) -> MetricScale:
        """The scale of a metric that lies between (low, high)."""
        low, high = limits
        if low is None and (falls or high is None):
            low = 0.0
        return cls(falls, low, high) if falls else cls(falls, high, low)

    @property
    def limits(self) -> Limits:
        """(low, high) of the metric, or of the logarithm of a perplexity."""
        return (self.best, self.worst) if self.falls else (self.worst, self.best)

    def is_inside(self, y: FloatArray) -> BoolArray:
        """Whether values lie between the ends."""
        low, high = self.limits
        y = np.log(y) if self.perplexity else y
        return np.asarray(
            (y > (-np.inf if low is None else low)) & (y < (np.inf if high is None else high))
        )

    def forward(self, y: FloatArray) -> FloatArray:
        """From the metric to the scale."""
        y = np.log(y) if self.perplexity else y
        found = np.zeros_like(y)
        if self.best is not None:
            found = found + np.log(np.abs(y - self.best))
        if self.worst is not None:
            found = found - np.log(np.abs(self.worst - y))
        return found

    def back(self, score: FloatArray) -> FloatArray:
        """From the scale to the metric."""
        sign = 1.0 if self.falls else -1.0
        with np.errstate(over="ignore"):
            left = np.exp(score)
            if self.best is None:
                y = (self.worst or 0.0) + 1.0 / left
            elif self.worst is None:
                y = self.best + sign * left
            else:
                y = self.best + (self.worst - self.best) * expit(score)
            y = np.exp(y) if self.perplexity else y
        return np.asarray(y if self.most is None else np.minimum(y, self.most))

    def precision(self, score: FloatArray) -> FloatArray:
        """Of a run, relative: between two ends its noise is equal on the metric, not the scale.

        The square of d(metric)/d(score), at most one; one where an end is not known.
        """
        if self.best is None or self.worst is None:
            return np.ones_like(score)
        share = expit(score)
        return np.maximum(16.0 * (share * (1.0 - share)) ** 2, _LEAST_PRECISION)

    def interval(self, low: FloatArray, high: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Ends of an interval on the scale, as metric, the lower first."""
        ends = self.back(low), self.back(high)
        return ends if self.falls else ends[::-1]

    def facts(self, target: str) -> Iterator[str]:
        """What a reader should know of the scale."""
        if self.perplexity:
            yield f"{target!r} is forecast through its logarithm, the loss."
        elif self.falls:
            return
        elif self.most is not None:
            yield (
                f"{target!r} rises; estimates and intervals end at {self.most:g}. Other ends are "
                "set by `limits`."
            )
        elif self.best is None:
            yield f"{target!r} rises without an upper end: pass `limits` if it has one."
        else:
            yield f"{target!r} rises."


def find_scale(
    target: str, y: FloatArray, variables: dict[str, FloatArray], limits: Limits
) -> MetricScale:
    """The scale of a metric, from its name, its values at the variables, and its limits."""
    points = np.log(np.column_stack(list(variables.values())))
    ranks = np.searchsorted(np.sort(y), y)  # a run that diverged counts no more than others
    slopes = np.linalg.lstsq(points - points.mean(axis=0), ranks - ranks.mean())[0]
    falls, named_as_falling = bool(slopes.sum() <= 0), col.names_any(target, _FALLING)
    if named_as_falling and not falls:
        warn(
            f"{target!r} rises with {' and '.join(variables)} in these runs, and is forecast to "
            "fall: is the column what its name says?",
            DataWarning,
        )
    falls = falls or named_as_falling
    scale = MetricScale.of(falls, limits)
    if limits != (None, None):
        return scale
    if col.names_any(target, col.PERPLEXITIES) and (y > 1).all():
        return MetricScale(falls, 0.0, None, perplexity=True)
    if not falls and col.names_any(target, _SHARES) and (y <= 100).all():
        return MetricScale(falls, None, 0.0, most=1.0 if (y <= 1).all() else 100.0)
    return scale
