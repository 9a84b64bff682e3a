"""Intervals of smooth functions of a fit's coefficients: the delta method."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scalinglaws.arrays import FloatArray, IntArray
from scalinglaws.fitting.inference.covariance import half_widths
from scalinglaws.fitting.inference.quantities import Quantity, is_determined
from scalinglaws.fitting.result import Fit
from scalinglaws.planning.select_group import OneGroup

_STEP = 1e-4  # of a logarithm, or relative, for central differences


@dataclass(frozen=True)
class Delta:
    """Half-widths of intervals from the gradients of quantities in the coefficients.

    Attributes
    ----------
    fit : fit, or one group of it
    whole : the fit whose covariance and degrees of freedom are used
    names : the parameters that the runs determine
    places : where they are in the law of `whole`
    steps : how far each is moved, to either side, as a logarithm if it is positive
    """

    fit: Fit | OneGroup
    whole: Fit
    names: tuple[str, ...]
    places: IntArray
    steps: FloatArray

    @classmethod
    def of(cls, fit: Fit | OneGroup) -> Delta:
        """For all parameters that have a variance."""
        names, values = fit.law.parameter_names, fit.values
        whole = fit.fit if isinstance(fit, OneGroup) else fit
        places = fit.places if isinstance(fit, OneGroup) else np.arange(len(names))
        known = np.diag(whole.covariance)[places] > 0
        chosen = [p for p, own in zip(fit.law.parameters, known, strict=True) if own]
        steps = [_STEP * (1.0 if p.positive else abs(values[p.name]) or 1.0) for p in chosen]
        return cls(fit, whole, tuple(p.name for p in chosen), places[known], np.array(steps))

    def moved(self) -> dict[str, FloatArray]:
        """Each parameter in turn up, then each in turn down; shape (2 * names,) a parameter."""
        p = len(self.names)
        positive = {q.name for q in self.fit.law.parameters if q.positive}
        rows = {name: np.full(2 * p, value) for name, value in self.fit.values.items()}
        for j, (name, step) in enumerate(zip(self.names, self.steps, strict=True)):
            for row, by in ((j, step), (j + p, -step)):
                at = rows[name][row]
                rows[name][row] = at * np.exp(by) if name in positive else at + by
        return rows

    def half_widths(self, values: FloatArray, level: float) -> FloatArray:
        """Half-widths of intervals of quantities, given in the rows of `moved`, (rows, points)."""
        p = len(self.names)
        moved = (values[:p] - values[p:]) / (2.0 * self.steps[:, None])
        known = np.isfinite(moved).all(axis=0)
        half = np.full(values.shape[1], np.nan)
        if known.any():
            gradients = np.zeros((np.count_nonzero(known), len(self.whole.theta)))
            gradients[:, self.places] = moved[:, known].T
            half[known] = self._of_gradients(gradients, level)
        return half

    def _of_gradients(self, gradients: FloatArray, level: float) -> FloatArray:
        assert self.whole.sandwich is not None
        errors, dof = self.whole.sandwich.errors(gradients[:, self.whole.kept])
        half = half_widths(level, dof, errors)
        half = np.where((errors > 0) | np.isinf(half), half, 0.0)
        determined = [is_determined(self.whole, _linear(self.whole, g)) for g in gradients]
        return np.where(determined, half, np.inf)


def _linear(fit: Fit, gradient: FloatArray) -> Quantity:
    """A linear function of the working parameters, zero at the estimate."""
    return Quantity(
        "linear",
        lambda theta: (theta - fit.theta) @ gradient,
        lambda theta: np.tile(gradient, (len(theta), 1)),
    )
