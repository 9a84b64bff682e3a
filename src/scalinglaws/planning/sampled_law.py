"""What a plan is made from: a law in N and D with coefficients, and joint draws of them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import pandas as pd

from scalinglaws.arrays import FloatArray
from scalinglaws.core.law import Law
from scalinglaws.errors import (
    ExtrapolationWarning,
    FitError,
    FormulaError,
    IdentifiabilityWarning,
    warn,
)
from scalinglaws.fitting.inference.predict import FAR
from scalinglaws.fitting.result import Fit
from scalinglaws.fitting.tables.points import positive_number
from scalinglaws.numerals import format_factor, format_plain
from scalinglaws.options import check_count, check_level
from scalinglaws.planning.cost import RunCost
from scalinglaws.planning.law_with_values import (
    LawWithValues,
    OneGroup,
    Rng,
    check_fit,
    level_for,
    refuse_groups,
    run_columns,
    target_of,
)
from scalinglaws.planning.sampled import Delta, Sampled, interval_columns


@runtime_checkable
class Drawable(Protocol):
    """Coefficients with a joint distribution, as those of a fit."""

    def draws(self, n_resamples: int, rng: Rng) -> pd.DataFrame:
        """Joint draws, one column for each parameter."""


@dataclass(frozen=True)
class SampledLaw(Sampled):
    """The law at its estimate, at every draw and at moved parameters, evaluated as one batch.

    Attributes
    ----------
    fit, law : what is sampled, and its law
    params : mapping of parameter to array of shape (rows, 1): the estimate, the draws, and the
        parameters that `delta` moves
    extra : values of variables other than N, D and C
    """

    fit: LawWithValues
    law: Law
    params: Mapping[str, FloatArray]
    extra: Mapping[str, float]

    @property
    def estimate(self) -> SampledLaw:
        """The same without the draws."""
        params = {name: values[:1] for name, values in self.params.items()}
        return replace(self, params=params, delta=None)

    @property
    def n_rows(self) -> int:
        """The estimate, the draws and the moved parameters."""
        return len(next(iter(self.params.values())))

    @property
    def kind(self) -> str:
        """In one word."""
        return "law"

    @property
    def label(self) -> str:
        """What it is, for messages."""
        return f"The law {self.law.label!r}"

    @property
    def needs_cost(self) -> bool:
        """Whether the performance depends on C besides N and D."""
        return "C" in self.law.variables

    def costliest(self, cost: RunCost) -> float:
        """What the costliest fitted run cost; NaN for a law without runs."""
        runs = run_columns(self.fit)
        return float(cost(runs["N"], runs["D"]).max()) if set(runs) == {"N", "D"} else np.nan

    def warn_if_far(self, beyond: FloatArray) -> None:
        """Warn of budgets that are many times the compute of the largest run."""
        if beyond.max(initial=0.0) > FAR:
            warn(
                f"Planning at {format_factor(float(beyond.max()))} times the compute of the "
                "largest fitted run: model error is not included, and the intervals assume that "
                "the law still holds there.",
                ExtrapolationWarning,
            )

    def value(self, N: npt.ArrayLike, D: npt.ArrayLike, C: npt.ArrayLike) -> FloatArray:
        """Performance, for arrays whose first axis is that of the draws (or of length 1)."""
        columns = self._columns(N, D, C)
        params = self._params(max(np.ndim(c) for c in columns.values()))
        values = np.asarray(self.law.value(params, columns), dtype=np.float64)
        shapes = (values.shape, *map(np.shape, columns.values()))
        return np.broadcast_to(values, np.broadcast_shapes(*shapes))

    def slopes(
        self, N: npt.ArrayLike, D: npt.ArrayLike, C: npt.ArrayLike
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Derivatives of the performance in ln N, ln D and ln C, each with the others held."""
        columns = self._columns(N, D, C)
        params = self._params(max(np.ndim(c) for c in columns.values()))
        gradient = self.law.variable_gradient(params, columns)
        found = {v: gradient[..., j] * columns[v] for j, v in enumerate(self.law.variables)}
        zero = np.zeros(gradient.shape[:-1])
        return found["N"], found["D"], found.get("C", zero)

    def _columns(self, N: Any, D: Any, C: Any) -> dict[str, FloatArray]:
        known = {**self.extra, "N": N, "D": D, "C": C}
        return {v: np.asarray(known[v], dtype=np.float64) for v in self.law.variables}

    def _params(self, ndim: int) -> dict[str, FloatArray]:
        shape = (self.n_rows,) + (1,) * max(ndim - 1, 1)
        return {name: values.reshape(shape) for name, values in self.params.items()}

    def performance_columns(
        self, N: FloatArray, D: FloatArray, C: FloatArray, values: FloatArray
    ) -> dict[str, FloatArray]:
        """Performance at a choice of N, D and C that is held fixed, as the fit predicts it."""
        if self.delta is None:
            return self.columns(self.target, values)
        known = np.isfinite(N) & np.isfinite(D) & np.isfinite(values[0])
        low, high = np.full((2, len(N)), np.nan)
        if known.any():
            given = {**self.extra, "N": N[known], "D": D[known], "C": C[known]}
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ExtrapolationWarning)  # the plan itself says so
                found = self.delta.fit.predict(
                    confidence_level=self.level, **{v: given[v] for v in self.law.variables}
                )
            low[known], high[known] = found.curve_low, found.curve_high
        return interval_columns(self.target, values[0], low, high)


def sample_of(
    fit: LawWithValues,
    *,
    confidence_level: float | None,
    n_resamples: int,
    rng: Rng,
    variables: Mapping[str, Any] | None = None,
    delta: bool = True,
) -> SampledLaw:
    """Everything that a plan asks of a fit or a published law; without `delta` draws alone.

    Raises
    ------
    ValueError
        If the law has no N or no D or is that of several groups, a variable has no value, or an
        option is wrong.
    FitError
        If the law does not get better with size.
    """
    check_fit(fit)
    refuse_groups(fit)
    sample = sample_at(
        fit, _extra(fit.law, variables or {}), confidence_level=confidence_level,
        n_resamples=n_resamples, rng=rng, delta=delta,
    )  # fmt: skip
    return replace(sample, sign=_direction(fit, sample.estimate))


def sample_at(
    fit: LawWithValues,
    extra: Mapping[str, float],
    *,
    confidence_level: float | None,
    n_resamples: int,
    rng: Rng,
    delta: bool,
) -> SampledLaw:
    """The law at its estimate and joint draws, with values of further variables.

    `sign` is not known yet.

    Raises
    ------
    ValueError
        If an option is wrong.
    """
    law = fit.law
    level = level_for(fit, confidence_level)
    check_level(level)
    check_count("n_resamples", n_resamples, 0)
    drawn, reason = _draws(fit, n_resamples, rng)
    smooth = delta and drawn is not None
    own = Delta.of(fit) if smooth and isinstance(fit, Fit | OneGroup) else None
    moved = {} if own is None else own.moved()
    params = {}
    for name in law.parameter_names:
        rows = [np.array([float(fit.values[name])])]
        if drawn is not None:
            rows += [drawn[name].to_numpy(dtype=np.float64), moved.get(name, np.zeros(0))]
        params[name] = np.concatenate(rows)[:, None]
    return SampledLaw(
        fit,
        law,
        params,
        extra,
        target=target_of(fit),
        level=float(level),
        sign=1.0,
        no_interval=reason,
        doubt=_doubt(fit),
        delta=own,
    )


def _extra(law: Law, variables: Mapping[str, Any]) -> dict[str, float]:
    missing = [v for v in ("N", "D") if v not in law.variables]
    if missing:
        raise FormulaError(
            f"A plan divides compute between N and D, and the law {law.label!r} has no "
            f"{' and no '.join(missing)}; its variables are {', '.join(law.variables)}. Laws in "
            "one variable have `predict` and its inverse, `reach`, and are compared by sl.gain."
        )
    needed = [v for v in law.variables if v not in ("N", "D", "C")]
    unknown = [v for v in variables if v not in needed]
    if unknown:
        raise ValueError(
            f"The law has no variable {unknown[0]!r} besides N, D and C"
            f"{'; it has ' + ', '.join(needed) if needed else ''}."
        )
    absent = [v for v in needed if v not in variables]
    if absent:
        raise ValueError(
            f"The law also has the variable{'s' if len(absent) > 1 else ''} {', '.join(absent)}: "
            f"say at which value to plan, with {', '.join(f'{v}=...' for v in absent)}."
        )
    return {name: positive_number(name, value) for name, value in variables.items()}


def _draws(fit: LawWithValues, n_resamples: int, rng: Rng) -> tuple[pd.DataFrame | None, str]:
    if not isinstance(fit, Drawable):
        return None, "no interval: this law comes without runs"
    if not n_resamples:
        return None, "no interval: none was asked for"
    try:
        return fit.draws(n_resamples, rng=rng), ""
    except FitError as error:
        warn(f"This plan has no interval and may be meaningless. {error}", IdentifiabilityWarning)
        return None, f"no interval: {error}"


def _doubt(fit: LawWithValues) -> str:
    """The verdict of a fit that is not good, in two words or three."""
    status = getattr(fit, "status", None)
    if status is None or status.good:
        return ""
    return f"doubtful fit: {status.name.lower().replace('_', ' ')}"


def _direction(fit: LawWithValues, sample: SampledLaw) -> float:
    """Which way is better, from the law's slopes in the middle of its runs."""
    columns = run_columns(fit)
    at = {v: float(np.exp(np.mean(np.log(columns[v])))) for v in columns} or {"N": 1e9, "D": 2e10}
    middle = np.full((1, 1), at["N"]), np.full((1, 1), at["D"])
    by_n, by_d, by_c = sample.slopes(*middle, 6.0 * middle[0] * middle[1])
    slopes = np.array([by_n[0, 0] + by_c[0, 0], by_d[0, 0] + by_c[0, 0]])
    if (slopes <= 0).all() and (slopes < 0).any():
        return 1.0
    if (slopes >= 0).all() and (slopes > 0).any():
        return -1.0
    raise FitError(
        "By this law a run does not get better with both N and D: at "
        f"N = {format_plain(at['N'])} and D = {format_plain(at['D'])} the performance changes by "
        f"{format_plain(slopes[0])} for each e-fold of N and {format_plain(slopes[1])} of D."
    )
