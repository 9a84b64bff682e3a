"""A quantity with an interval: a parameter, or a smooth function of parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from scalinglaws.arrays import FloatArray
from scalinglaws.core.law import Law
from scalinglaws.fitting.record import FitRecord


@dataclass(frozen=True)
class Quantity:
    """A smooth function of the working parameters, with its gradient.

    Attributes
    ----------
    name : str
    value : callable
        From working parameters, shape (batch, parameters), to shape (batch,).
    gradient : callable
        From working parameters to the derivatives of the value, shape (batch, parameters).
    is_log : bool
        Whether the value is the logarithm of a positive quantity; intervals are computed on the
        log scale and exponentiated.
    parameter : int or None
        Index of the parameter, if the quantity is one.
    """

    name: str
    value: Callable[[FloatArray], FloatArray]
    gradient: Callable[[FloatArray], FloatArray]
    is_log: bool = False
    parameter: int | None = None

    def natural(self, values: FloatArray) -> FloatArray:
        """Values as they are shown."""
        with np.errstate(over="ignore"):
            return np.asarray(np.exp(values) if self.is_log else values, dtype=np.float64)


def parameter_quantity(law: Law, name: str) -> Quantity:
    """One parameter of a law.

    Raises
    ------
    ValueError
        If the law has no such parameter.
    """
    names = law.parameter_names
    if name not in names:
        raise ValueError(f"The law has no parameter {name!r}; it has {', '.join(names)}.")
    position = names.index(name)

    def value(theta: FloatArray) -> FloatArray:
        return np.asarray(theta[:, position])

    def gradient(theta: FloatArray) -> FloatArray:
        slopes = np.zeros_like(theta)
        slopes[:, position] = 1.0
        return slopes

    return Quantity(name, value, gradient, law.parameters[position].positive, position)


def is_floor(fit: FitRecord, quantity: Quantity) -> bool:
    """Whether a quantity is a floor: a linear offset whose logarithm may go to minus infinity."""
    j = quantity.parameter
    return j is not None and fit.law.parameters[j].is_floor


def is_determined(fit: FitRecord, quantity: Quantity) -> bool:
    """Whether a quantity is identified.

    It is not if an unidentified direction changes it, if an equally good fit has another value, or
    if it belongs to a term of size zero.
    """
    j = quantity.parameter
    if j is not None and fit.at_zero[j] and not is_floor(fit, quantity):
        return False
    if not fit.null_space.shape[1] and not len(fit.alternatives):
        return True
    with np.errstate(all="ignore"):
        gradient = np.nan_to_num(quantity.gradient(fit.theta[None, :])[0])
        others = np.where(fit.problem.positive, np.log(fit.alternatives), fit.alternatives)
        here, there = quantity.value(fit.theta[None, :]), quantity.value(others)
    change = np.abs(gradient @ fit.null_space)
    size = np.abs(gradient) @ np.abs(fit.null_space)
    same = np.isclose(there, here, rtol=1e-6, atol=0.0) | (there == here)
    return bool(not (change > 1e-6 * size + 1e-300).any() and same.all())
