"""Composition of two fits, such as loss from N and D, then accuracy from loss: `chain`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from scalinglaws.arrays import FloatArray
from scalinglaws.display import Card, Displayed, pairs
from scalinglaws.errors import FitError, IdentifiabilityWarning, warn
from scalinglaws.fitting.inference.inverse import open_variable_of, reach_along
from scalinglaws.fitting.inference.predict import (
    points,
    run_draws,
    times_beyond,
    warn_if_far,
    within_limits,
)
from scalinglaws.fitting.inference.prediction import Prediction, call_at
from scalinglaws.fitting.inference.reach import Reach
from scalinglaws.fitting.result import Fit
from scalinglaws.fitting.tables.points import frame_of_points
from scalinglaws.numerals import abridged, listed, plural
from scalinglaws.options import generator_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DEFAULT_RESAMPLES = 10_000
_REACH_RESAMPLES = 2_000  # at each of some hundred points
_NO_FORECAST = "a chain has none; sl.forecast(runs, y=..., through=..., limits=...) makes one."
_MOST_UNDEFINED = 1e-3  # of the draws


@dataclass(frozen=True, eq=False, repr=False)
class Chain(Displayed):
    """Composed fits; each one's variable is the quantity that the previous one predicts.

    Returned by :func:`scalinglaws.chain`.

    Attributes
    ----------
    fits : tuple of Fit
        Fits in order, from the variables of the runs to the final performance.
    """

    fits: tuple[Fit, ...]

    @property
    def target(self) -> str:
        """Name of the final performance."""
        return self.fits[-1].runs.target

    def predict(
        self,
        data: pd.DataFrame | Mapping[str, Any] | None = None,
        /,
        *,
        confidence_level: float | None = None,
        n_resamples: int = DEFAULT_RESAMPLES,
        rng: np.random.Generator | int | None = 0,
        **variables: npt.ArrayLike | str,
    ) -> Prediction | pd.DataFrame:
        """Evaluate the composed laws, with the uncertainty of both.

        Parameters
        ----------
        data : DataFrame or mapping, optional
            Columns for the variables of the first law, as in `Fit.predict`.
        confidence_level : float, optional
            Level of both intervals; by default that of the last fit.
        n_resamples : int
            Number of draws for the intervals.
        rng : Generator, int or None
            Random number generator, or a seed.
        **variables : float, str or array
            Variables of the first law as keywords, as in `Fit.predict`.

        Returns
        -------
        Prediction or DataFrame
            As `Fit.predict`. ``times_beyond`` is the largest extrapolation factor of the steps.

        Raises
        ------
        ValueError
            If a variable is missing or unknown.

        Warns
        -----
        ExtrapolationWarning
            If the extrapolation factor exceeds 100.
        IdentifiabilityWarning
            If a fit's parameters are not identified, or a law is undefined at some draws of the
            intermediate quantity. The estimate then has no interval (NaN).

        Notes
        -----
        Intervals are quantiles over draws of the coefficients, joint within a fit and independent
        between fits. The confidence interval (curve) does not include the noise of runs. The
        prediction interval (new run) includes the noise of each step: the residual of a run from
        the first law is passed through the second, and its residual from the second is added. The
        second law must be fitted to measured losses, not to the values of the first law, which
        would count that noise twice.
        """
        level = self.fits[-1].level_or_default(confidence_level)
        if "forecast" in variables:
            raise ValueError(f"`forecast` is for single fits: {_NO_FORECAST}")
        data = frame_of_points(data)
        columns = points(self.fits[0], data, variables)
        shape = np.broadcast_shapes(*map(np.shape, columns.values()))
        flat = {name: np.broadcast_to(c, shape).ravel() for name, c in columns.items()}
        estimate, beyond = self._estimate(flat)
        warn_if_far(beyond)
        try:
            curve, run = self._draws(flat, n_resamples, generator_of(rng))
            ends = (*_interval(curve, level), *_interval(run, level))
        except FitError as error:  # nothing is known of the errors of a fit
            warn(f"This prediction has no interval. {error}", IdentifiabilityWarning)
            ends = (np.full(len(estimate), np.nan),) * 4

        def shaped(values: FloatArray) -> Any:
            return values.reshape(shape) if shape else float(values[0])

        low, high, run_low, run_high = (shaped(end) for end in ends)
        prediction = Prediction(
            shaped(estimate), low, high, run_low, run_high, shaped(beyond), level,
            target=self.target, points=columns,
            without_forecast=_NO_FORECAST,
        )  # fmt: skip
        return prediction.to_frame(data.index) if isinstance(data, pd.DataFrame) else prediction

    def reach(
        self,
        value: npt.ArrayLike | str,
        /,
        *,
        confidence_level: float | None = None,
        n_resamples: int = _REACH_RESAMPLES,
        rng: int = 0,
        **variables: float | str,
    ) -> Reach:
        """The value of one variable at which the composed laws reach a performance.

        Parameters
        ----------
        value, **variables
            As in `Fit.reach`, of the final performance and the first law.
        confidence_level, n_resamples
            As in `predict`; with fewer draws, since these are needed all along the curve.
        rng : int
            Seed of the draws, which are the same at every point.

        Returns
        -------
        Reach
            As in `Fit.reach`.
        """
        level = self.fits[-1].level_or_default(confidence_level)
        unknown = open_variable_of(self.fits[0], variables)

        def curve(x: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
            found = self.predict(
                unknown.columns(x), confidence_level=level, n_resamples=n_resamples, rng=rng
            )
            assert isinstance(found, Prediction)
            return found.estimate, found.curve_low, found.curve_high

        return reach_along(
            unknown, curve, value, self.target, level,
            lambda x: self._estimate(unknown.columns(x))[1],
        )  # fmt: skip

    def _estimate(self, columns: Mapping[str, npt.NDArray[Any]]) -> tuple[FloatArray, FloatArray]:
        """The performance, and how far beyond the runs."""
        first, *others = self.fits
        beyond = times_beyond(first, columns)
        value = np.broadcast_to(first.law.value(first.values, columns), beyond.shape)
        for fit in others:
            between = {fit.law.variables[0]: value}
            beyond = np.maximum(beyond, times_beyond(fit, between))
            value = fit.law.value(fit.values, between)
        return value, beyond

    def _draws(
        self,
        columns: Mapping[str, npt.NDArray[Any]],
        n_resamples: int,
        generator: np.random.Generator,
    ) -> tuple[FloatArray, FloatArray]:
        """The curve, and a new run, at every draw: arrays of shape (draws, points)."""
        first, *others = self.fits
        # coefficients before noise, so that the curve does not depend on the number of points
        drawn, *drawn_after = [fit.draws(n_resamples, generator) for fit in self.fits]
        curve = _at_draws(first, drawn, columns)
        curve = np.broadcast_to(curve, (n_resamples, len(next(iter(columns.values())))))
        run = _with_noise(first, curve, generator)
        for fit, params in zip(others, drawn_after, strict=True):
            (variable,) = fit.law.variables
            curve = _at_draws(fit, params, {variable: curve})
            exact = _at_draws(fit, params, {variable: run})
            run = _with_noise(fit, exact, generator)
        return curve, run

    def plot(
        self,
        to: float | str | None = None,
        *,
        ratio: float | None = None,
        ax: Axes | None = None,
        title: bool | str | None = None,
    ) -> Axes:
        """Draw the last quantity against compute; see `scalinglaws.plotting.plot_chain`.

        Parameters
        ----------
        to : float or str, optional
            Compute up to which to draw; by default 100 times the largest run.
        ratio : float, optional
            Tokens per parameter of the curve; by default those of the largest run.
        ax : Axes, optional
            Axes to draw in; by default those of a new figure.
        title : bool or str, optional
            Sentence above the picture; by default the result, on a new figure.

        Returns
        -------
        Axes
        """
        from scalinglaws.plotting import plot_chain

        return plot_chain(self, to, ratio=ratio, ax=ax, title=title)

    def _card(self) -> Card:
        steps = [f"{fit.runs.target} by {fit.law.label}" for fit in self.fits]
        rows = [
            (fit.runs.target, f"{fit.law.formula}; {plural(fit.n, 'run')}, {fit.status.value}")
            for fit in self.fits
        ]
        doubtful = [fit.runs.target for fit in self.fits if not fit.status.good]
        first = {name: values.max() * 10**0.5 for name, values in self.fits[0].runs.values.items()}
        return Card(
            f"Chain to {self.target}: {', then '.join(steps)}.",
            tables=(pairs(rows),),
            caveats=(f"Doubtful: the step to {listed(doubtful)}.",) if doubtful else (),
            next=call_at("chain.predict", {n: float(f"{v:.2g}") for n, v in first.items()}),
        )


def chain(first: Fit | Chain, second: Fit, *, through: str | None = None) -> Chain:
    """Chain two fits: from size and data to a loss, and from the loss to an accuracy.

    Parameters
    ----------
    first : Fit or Chain
        Predicts the intermediate quantity, such as a loss.
    second : Fit
        A law whose only variable is the intermediate quantity.
    through : str, optional
        The second law's variable, if it is the same quantity as the first fit predicts but has a
        different column name.

    Returns
    -------
    Chain
        ``predict(N=..., D=...)`` gives the estimate with intervals of the curve and of a new run.

    Raises
    ------
    TypeError
        If an argument is not a fit.
    ValueError
        If the second law's variable is not the quantity that the first fit predicts.

    Examples
    --------
    >>> import numpy as np
    >>> import scalinglaws as sl
    >>> runs = sl.datasets.ladder()
    >>> runs = runs[runs["D"] > 1.5e6]
    >>> noise = np.random.default_rng(0).normal(0, 0.002, len(runs))
    >>> runs = runs.assign(error=0.9 - 2 * np.exp(-runs["loss"]) + noise)
    >>> to_loss = sl.fit(runs, "kaplan")
    >>> to_error = sl.fit(runs, "gadre-error", y="error", scale="level")
    >>> error = sl.chain(to_loss, to_error).predict(N="100K", D="16M")
    >>> error.run_low < error.curve_low < error.estimate < error.curve_high < error.run_high
    True
    """
    for name, given, kinds in (("first", first, (Fit, Chain)), ("second", second, (Fit,))):
        if not isinstance(given, kinds):
            raise TypeError(f"`{name}` must be a fit, as sl.fit returns it; got {abridged(given)}.")
    before = first.fits if isinstance(first, Chain) else (first,)
    target = before[-1].runs.target
    variables, columns = second.law.variables, second.runs.columns
    if len(variables) != 1 or second.law.groups:
        raise ValueError(
            "The second law must be in the quantity in between alone, with one value of each "
            f"parameter; got {second.law.formula!r} in {', '.join(columns)}. Fit each group by "
            "itself."
        )
    if columns[variables[0]] != target and through != variables[0]:
        raise ValueError(
            f"The first fit predicts {target!r}, and the second is in "
            f"{columns[variables[0]]!r}. If these are the same quantity in the same unit, pass "
            f"through={variables[0]!r}."
        )
    return Chain((*before, second))


def _at_draws(
    fit: Fit, params: pd.DataFrame, columns: Mapping[str, npt.NDArray[Any]]
) -> FloatArray:
    """The law at every draw; NaN where it is undefined."""
    by_draw = {name: params[name].to_numpy()[:, None] for name in fit.law.parameter_names}
    return within_limits(fit.law, np.asarray(fit.law.value(by_draw, columns), dtype=np.float64))


def _with_noise(
    fit: Fit,
    exact: FloatArray,
    generator: np.random.Generator,
) -> FloatArray:
    """The law at every draw with the noise of a run."""
    noise = run_draws(fit, exact.shape, generator)
    with np.errstate(invalid="ignore", over="ignore"):
        noisy = exact * np.exp(noise) if fit.scale == "log" else exact + noise
    return within_limits(fit.law, noisy)


def _interval(drawn: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:
    """Quantiles over the draws; NaN if the law is undefined at too many of them."""
    undefined = np.isnan(drawn).mean(axis=0)
    lost = undefined > _MOST_UNDEFINED
    if lost.any():
        warn(
            f"The law has no value at {100 * undefined.max():.2g} % of the draws of the quantity "
            f"in between: there is no interval at {int(lost.sum())} of {len(lost)} points.",
            IdentifiabilityWarning,
        )
    tail = 0.5 * (1.0 - level)
    low, high = np.nanquantile(np.where(lost, 0.0, drawn), [tail, 1.0 - tail], axis=0)
    return np.where(lost, np.nan, low), np.where(lost, np.nan, high)
