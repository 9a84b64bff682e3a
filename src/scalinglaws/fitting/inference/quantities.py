"""Quantities with an interval: parameters, and smooth functions of them, with gradients."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.exceptions import ComplexWarning

from scalinglaws.arrays import BoolArray, FloatArray
from scalinglaws.core.autodiff import Derivatives
from scalinglaws.core.expression import Expression, evaluate, names_in
from scalinglaws.core.formula import parse
from scalinglaws.core.law import Law
from scalinglaws.errors import FormulaError
from scalinglaws.fitting.inference.covariance import root_of
from scalinglaws.fitting.record import FitRecord
from scalinglaws.fitting.solver.model import to_natural
from scalinglaws.numerals import listed

Function = Callable[[Mapping[str, Any]], Any]
Asked = str | Sequence[str] | Mapping[str, str | Function]

_SAME = 1e-6  # relative: of equally good fits, and of a change along a direction not identified
_COMPLEX_STEP = 1e-30
_REAL_STEP = 1e-3
# Normal draws of the coefficients over which a quantity must stay positive to be a logarithm.
_TRIALS, _SEED = 64, 0


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


def linear_quantity(
    name: str, direction: FloatArray, *, is_log: bool = False, parameter: int | None = None
) -> Quantity:
    """A linear combination of working parameters."""
    moving = np.flatnonzero(direction)  # others may be logarithms of zero

    def value(theta: FloatArray) -> FloatArray:
        return np.asarray(theta[:, moving] @ direction[moving])

    def gradient(theta: FloatArray) -> FloatArray:
        return np.broadcast_to(direction, theta.shape)

    return Quantity(name, value, gradient, is_log, parameter)


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
    j = names.index(name)
    direction = np.zeros(len(names))
    direction[j] = 1.0
    return linear_quantity(name, direction, is_log=law.parameters[j].positive, parameter=j)


# --- what is identified -------------------------------------------------------------------------


def is_floor(fit: FitRecord, quantity: Quantity) -> bool:
    """Whether a quantity is a floor: a linear offset whose logarithm may go to minus infinity."""
    j = quantity.parameter
    return j is not None and fit.law.parameters[j].is_floor


def not_determined(fit: FitRecord, gradients: FloatArray) -> BoolArray:
    """Gradients that do not vanish along a direction that is not identified."""
    change = np.abs(gradients @ fit.null_space)
    size = np.abs(gradients) @ np.abs(fit.null_space)
    return np.asarray((change > _SAME * size + 1e-300).any(axis=1))


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
        gradient = np.nan_to_num(quantity.gradient(fit.theta[None, :]))
        others = np.where(fit.problem.positive, np.log(fit.alternatives), fit.alternatives)
        here, there = quantity.value(fit.theta[None, :]), quantity.value(others)
    same = np.isclose(there, here, rtol=_SAME, atol=0.0) | (there == here)
    return bool(not not_determined(fit, gradient)[0] and same.all())


# --- what is asked for --------------------------------------------------------------------------


def quantities_of(fit: FitRecord, asked: Asked | None) -> list[Quantity]:
    """The requested quantities; by default every estimated parameter.

    Raises
    ------
    ValueError, FormulaError
        If a quantity is neither a parameter nor an expression in parameters.
    """
    if asked is None:
        floors = np.array([p.is_floor for p in fit.law.parameters])
        known = fit.estimated | (fit.at_zero & floors & (fit.dof > 0))
        names = np.array(fit.law.parameter_names)[known]
        return [parameter_quantity(fit.law, str(name)) for name in names]
    if isinstance(asked, str):
        asked = [asked]
    if not isinstance(asked, Iterable):
        raise TypeError(
            "`quantities` must be a name, an expression, several of these, or a mapping from names "
            f"of your choice to expressions or functions; got {asked!r}."
        )
    if not isinstance(asked, Mapping):
        wrong = [item for item in asked if not isinstance(item, str)]
        if wrong:
            raise ValueError(
                f"{wrong[0]!r} is not text: pass names, expressions, or a mapping from a name of "
                "your choice to a function of the parameters."
            )
        asked = {item: item for item in asked}
    if not asked:
        raise ValueError(
            "`quantities` is empty: name some, or omit it for an interval of every parameter."
        )
    return [_quantity(fit, name, what) for name, what in asked.items()]


def _quantity(fit: FitRecord, name: str, what: str | Function) -> Quantity:
    if isinstance(what, str):
        if what in fit.law.parameter_names:
            return replace(parameter_quantity(fit.law, what), name=name)
        return _in_working(fit, name, _Typed(fit, what))
    if not callable(what):
        raise TypeError(f"{name!r} must be an expression or a function; got {what!r}.")
    return _in_working(fit, name, _Called(name, what))


class _Typed:
    """An expression in the parameters."""

    def __init__(self, fit: FitRecord, text: str) -> None:
        self.expression: Expression = parse(text).expression
        unknown = [n for n in names_in(self.expression) if n not in fit.law.parameter_names]
        grouped = [name for name in unknown if name in fit.law.groups]
        if grouped:
            every = [n for n in fit.law.parameter_names if n.startswith(f"{grouped[0]}[")]
            raise FormulaError(
                f"{grouped[0]} in {text!r} has a value for each group: {listed(every, most=20)}."
            )
        if unknown:
            raise FormulaError(
                f"{listed(unknown)} in {text!r} is no parameter of the law, which has "
                f"{', '.join(fit.law.parameter_names)}."
            )

    def value(self, params: Mapping[str, FloatArray]) -> npt.NDArray[Any]:
        with np.errstate(all="ignore"):
            values = np.asarray(evaluate(self.expression, params))
        return np.broadcast_to(values, next(iter(params.values())).shape)

    def slopes(self, params: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        """Derivatives in the logarithm of every parameter's natural value, times one."""
        names = list(params)
        gradient = Derivatives(self.expression, params, names).gradient
        return {name: gradient[..., k] for k, name in enumerate(names)}


@dataclass(frozen=True)
class _Called:
    """A function of the parameters, given as a mapping from their names."""

    name: str
    function: Function

    def value(self, params: Mapping[str, npt.NDArray[Any]]) -> npt.NDArray[Any]:
        shape = next(iter(params.values())).shape
        try:
            with np.errstate(all="ignore"):
                values = np.asarray(self.function(params))
        except Exception as error:
            raise ValueError(
                f"The function {self.name!r} failed with {type(error).__name__}: {error}. It is "
                f"given a mapping from {', '.join(params)} to arrays, here of shape {shape}, and "
                "must return as many numbers."
            ) from error
        if values.dtype.kind not in "iufcb":
            raise ValueError(
                f"The function {self.name!r} must return one number for each set of parameters; "
                f"it returned {str(values)[:80]!r}."
            )
        values = values.astype(np.float64) if values.dtype.kind != "c" else values
        try:
            return np.broadcast_to(values, shape)
        except ValueError:
            raise ValueError(
                f"The function {self.name!r} must return one number for each set of parameters: "
                f"given arrays of shape {shape} it returned {values.shape}."
            ) from None

    def slopes(self, params: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        """Derivatives by a complex step; by differences for functions that are only real."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", ComplexWarning)
                return {name: self._complex(params, name) for name in params}
        except (TypeError, ValueError):
            return {name: self._difference(params, name) for name in params}

    def _complex(self, params: Mapping[str, FloatArray], name: str) -> FloatArray:
        size = np.maximum(np.abs(params[name]), 1e-30)
        moved = {**params, name: params[name] + 1j * _COMPLEX_STEP * size}
        with np.errstate(all="raise", under="ignore"):
            found = self.value(moved)
        if not np.iscomplexobj(found):
            # nothing moved, or the function looks at real parts only
            if np.allclose(self._difference(params, name), 0.0):
                return np.zeros_like(params[name])
            raise TypeError
        return np.asarray(found.imag / (_COMPLEX_STEP * size))

    def _difference(self, params: Mapping[str, FloatArray], name: str) -> FloatArray:
        """Central differences of fourth order."""
        step = _REAL_STEP * np.maximum(np.abs(params[name]), 1e-30)

        def at(k: int) -> npt.NDArray[Any]:
            return self.value({**params, name: params[name] + k * step})

        with np.errstate(all="ignore"):
            return np.asarray((8.0 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12.0 * step))


def _in_working(fit: FitRecord, name: str, source: _Typed | _Called) -> Quantity:
    """A function of natural parameters as one of the working parameters."""
    names = fit.law.parameter_names
    positive = np.array([p.positive for p in fit.law.parameters])

    def params_of(theta: FloatArray) -> dict[str, FloatArray]:
        return dict(zip(names, to_natural(theta, positive).T, strict=True))

    here = source.value(params_of(fit.theta[None, :]))
    if not np.isfinite(here[0]) or np.iscomplexobj(here):
        raise ValueError(
            f"{name!r} is {here[0]} at the fitted coefficients, but an interval needs a finite "
            "real number. Check for division by zero and for logarithms or roots of negative "
            "numbers. If the value is too large, request its logarithm."
        )
    is_log = _stays_positive(fit, lambda theta: source.value(params_of(theta)))

    def value(theta: FloatArray) -> FloatArray:
        values = np.asarray(source.value(params_of(theta)), dtype=np.float64)
        with np.errstate(all="ignore"):
            return np.log(values) if is_log else values

    def gradient(theta: FloatArray) -> FloatArray:
        params = params_of(theta)
        slopes = source.slopes(params)
        found = np.stack([np.broadcast_to(slopes[n], len(theta)) for n in names], axis=1)
        found = found * np.where(positive, np.stack([params[n] for n in names], axis=1), 1.0)
        if is_log:
            with np.errstate(all="ignore"):
                found = found / np.asarray(source.value(params), dtype=np.float64)[:, None]
        return np.asarray(found)

    return Quantity(name, value, gradient, is_log)


def _stays_positive(fit: FitRecord, value: Callable[[FloatArray], npt.NDArray[Any]]) -> bool:
    """Whether a quantity is positive over the plausible range of the parameters."""
    rng = np.random.default_rng(_SEED)
    root = root_of(fit.covariance)
    steps = rng.standard_normal((_TRIALS, len(root))) @ root.T
    found = np.real(value(np.concatenate([fit.theta[None, :], fit.theta + steps])))
    return bool(np.isfinite(found[0]) and np.nanmin(found) > 0)
