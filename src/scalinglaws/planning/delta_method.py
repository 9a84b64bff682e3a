"""Intervals of smooth functions of a fit's coefficients: the delta method."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import pandas as pd

from scalinglaws.arrays import FloatArray
from scalinglaws.core.law import Law

_STEP = 1e-4  # of a logarithm, or relative, for central differences


@runtime_checkable
class Inferable(Protocol):
    """A law with coefficients, their covariance, and intervals of what follows from them."""

    law: Law
    covariance: FloatArray

    @property
    def values(self) -> Mapping[str, float]:
        """A number for each parameter."""

    def intervals(self, quantities: Any, *, confidence_level: float) -> pd.DataFrame:
        """Estimate and interval of functions of the parameters."""

    def predict(self, *, confidence_level: float, **variables: Any) -> Any:
        """The law at some points, with the interval of the curve."""


@dataclass(frozen=True)
class Delta:
    """Half-widths of intervals from the gradients of quantities in the coefficients.

    Attributes
    ----------
    fit : fit whose covariance and degrees of freedom are used
    names : the parameters that the runs determine
    steps : how far each is moved, to either side, as a logarithm if it is positive
    """

    fit: Inferable
    names: tuple[str, ...]
    steps: FloatArray

    @classmethod
    def of(cls, fit: Inferable) -> Delta:
        """For all parameters that have a variance."""
        known = np.diag(fit.covariance) > 0
        chosen = [p for p, own in zip(fit.law.parameters, known, strict=True) if own]
        steps = [_STEP * (1.0 if p.positive else abs(fit.values[p.name]) or 1.0) for p in chosen]
        return cls(fit, tuple(p.name for p in chosen), np.array(steps))

    def moved(self) -> dict[str, FloatArray]:
        """Each parameter in turn up, then each in turn down; shape (2 * names,) a parameter."""
        p = len(self.names)
        rows = {n: np.full(2 * p, float(self.fit.values[n])) for n in self.fit.law.parameter_names}
        for j, (name, step) in enumerate(zip(self.names, self.steps, strict=True)):
            for row, sign in ((j, 1.0), (j + p, -1.0)):
                at = rows[name][row]
                rows[name][row] = at * np.exp(sign * step) if self._log(name) else at + sign * step
        return rows

    def half_widths(self, values: FloatArray, level: float) -> FloatArray:
        """Half-widths of intervals of quantities, given in the rows of `moved`, (rows, points)."""
        p = len(self.names)
        gradient = (values[:p] - values[p:]) / (2.0 * self.steps[:, None])
        known = np.isfinite(gradient).all(axis=0)
        half = np.full(values.shape[1], np.nan)
        if known.any():
            linear = {str(j): self._along(g) for j, g in enumerate(gradient[:, known].T)}
            half[known] = self.fit.intervals(linear, confidence_level=level)["high"]
        return half

    def _along(self, gradient: FloatArray) -> Callable[[Mapping[str, Any]], Any]:
        """A linear function of the working parameters, zero at the estimate."""

        def function(params: Mapping[str, Any]) -> Any:
            total = 0.0
            for name, slope in zip(self.names, gradient, strict=True):
                here, there = params[name], float(self.fit.values[name])
                moved = np.log(here) - np.log(there) if self._log(name) else here - there
                total = total + slope * moved
            return total

        return function

    def _log(self, name: str) -> bool:
        place = self.fit.law.parameter_names.index(name)
        return self.fit.law.parameters[place].positive
