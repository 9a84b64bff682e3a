"""Automatic differentiation of an expression as a list of steps.

First derivatives are carried forward, step by step, for the parameters that a step depends on. The
second derivatives of the whole are never formed: with w the derivative of the result by a step,
carried backward, each step f(a, b, ...) adds ``w * f_ab * (grad a)(grad b)'``, summed over rows.
A step that joins terms linearly adds nothing. `Derivatives` are those at each point.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from scalinglaws.arrays import FloatArray
from scalinglaws.core.expression import (
    UNARY,
    Apply,
    Expression,
    Name,
    Number,
    first_wins,
    power,
)
from scalinglaws.core.functions import FUNCTIONS_OF_SEVERAL, Pair

# Rows share a value of shape (batch, 1); a known column has shape (rows,).
Value = Any
NumberArray = npt.NDArray[Any]
# The logarithm of a sum of exponentials is one step: the sum by itself may underflow, or its square
_LOG_SUM = "log of a sum of exponentials"
_VARYING_POWER = "power with a parameter in the exponent"
_RESULT = -1  # in a pair of arguments, the step's own value


@dataclass(frozen=True)
class Step:
    """One operation: the function, the earlier steps that it takes, and the parameters below it."""

    function: str
    arguments: tuple[int, ...]
    parameters: tuple[int, ...]


@dataclass
class Local:
    """Value of one step and its derivatives by its arguments; missing ones are not needed."""

    value: Value
    first: Sequence[Value] = ()
    second: Mapping[Pair, Value] | None = None


class Tape:
    """The steps of an expression, common parts once.

    Parameters
    ----------
    expression : with names of parameters and of known columns
    parameters : names of the parameters, in order
    known : columns, and numbers
    """

    def __init__(
        self, expression: Expression, parameters: Sequence[str], known: Mapping[str, Value]
    ) -> None:
        self._place = {name: j for j, name in enumerate(parameters)}
        self._known = dict(known)
        self.steps: list[Step] = []
        self._leaves: list[Value | None] = []
        self._seen: dict[Expression, int] = {}
        self._append(expression)

    def _append(self, expression: Expression) -> int:
        if expression in self._seen:
            return self._seen[expression]
        leaf: Value | None = None
        if isinstance(expression, Number):
            step, leaf = Step("known", (), ()), expression.value
        elif isinstance(expression, Name):
            j = self._place.get(expression.name)
            step = Step("known", (), ()) if j is None else Step("parameter", (), (j,))
            leaf = self._known[expression.name] if j is None else None
        else:
            exponents = self._exponents_of_sum(expression)
            taken, function = expression.arguments, expression.function
            if exponents:
                taken, function = exponents, _LOG_SUM
            arguments = tuple(self._append(argument) for argument in taken)
            below = sorted({j for a in arguments for j in self.steps[a].parameters})
            if function == "**" and self.steps[arguments[1]].parameters:
                function = _VARYING_POWER
            step = Step(function, arguments, tuple(below))
        self.steps.append(step)
        self._leaves.append(leaf)
        self._seen[expression] = len(self.steps) - 1
        return len(self.steps) - 1

    def _exponents_of_sum(self, expression: Expression) -> tuple[Expression, ...]:
        """u, v + log(c), ... of ``log(exp(u) + c*exp(v) + ...)``; empty for anything else."""
        match expression:
            case Apply("log", (Apply("+") as inside,)):
                terms = _added(inside)
            case _:
                return ()
        exponents = [self._exponent(term) for term in terms]
        return () if None in exponents else tuple(e for e in exponents if e is not None)

    def _exponent(self, term: Expression) -> Expression | None:
        """Logarithm of a term, if it is an exponential or such a number of times one."""
        match term:
            case Apply("exp", (u,)):
                return u
            case Apply("*", (Name(name), Apply("exp", (u,)))) if name in self._known:
                if np.all(np.asarray(self._known[name]) > 0):
                    logarithm = f"log {name}"
                    self._known[logarithm] = np.log(self._known[name])
                    return Apply("+", (Name(logarithm), u))
        return None

    def run(self, parameters: Sequence[Value]) -> Trace:
        """Value and first derivatives at values of the parameters, in order."""
        locals_: list[Local] = []
        gradients: list[dict[int, Value]] = []
        for step, leaf in zip(self.steps, self._leaves, strict=True):
            if step.function == "known":
                # Python's own numbers raise where NumPy's become infinite
                locals_.append(Local(np.float64(leaf) if isinstance(leaf, float | int) else leaf))
                gradients.append({})
                continue
            if step.function == "parameter":
                (j,) = step.parameters
                locals_.append(Local(parameters[j]))
                gradients.append({j: np.ones_like(parameters[j])})
                continue
            local = _local(step.function, [locals_[a].value for a in step.arguments])
            gradient: dict[int, Value] = {}
            for a, slope in zip(step.arguments, local.first, strict=True):
                plain = isinstance(slope, float) and slope == 1.0
                for j, derivative in gradients[a].items():
                    part = derivative if plain else slope * derivative
                    gradient[j] = gradient[j] + part if j in gradient else part
            locals_.append(local)
            gradients.append(gradient)
        return Trace(self.steps, locals_, gradients)


@dataclass
class Trace:
    """An expression and the derivatives of each step."""

    steps: Sequence[Step]
    locals: Sequence[Local]
    gradients: Sequence[Mapping[int, Value]]

    @property
    def value(self) -> Value:
        """The result."""
        return self.locals[-1].value

    @property
    def gradient(self) -> Mapping[int, Value]:
        """Derivatives of the result, by place of the parameter."""
        return self.gradients[-1]

    def curvature(self, weights: FloatArray, n_parameters: int) -> FloatArray:
        """Second derivatives of the result, times weights, summed over the rows.

        Parameters
        ----------
        weights : (batch, rows)

        Returns
        -------
        (batch, parameters, parameters)
        """
        kind = np.result_type(weights, self.value)
        total = np.zeros((len(weights), n_parameters, n_parameters), dtype=kind)
        adjoint: list[Value | None] = [None] * len(self.steps)
        adjoint[-1] = weights
        for place in range(len(self.steps) - 1, -1, -1):
            step, local, above = self.steps[place], self.locals[place], adjoint[place]
            if above is None or not step.parameters or not step.arguments:
                continue
            if np.shape(local.value)[-1:] == (1,) and np.shape(above)[-1] != 1:
                # the same for every row: so is everything below it
                above = above.sum(axis=1, keepdims=True)
            if local.second:
                self._add(total, place, local.second, above)
            for a, slope in zip(step.arguments, local.first, strict=True):
                if not self.steps[a].arguments or not self.steps[a].parameters:
                    continue
                plain = isinstance(slope, float) and slope == 1.0
                part = above if plain else above * slope
                before = adjoint[a]
                adjoint[a] = part if before is None else _sum(before, part)
        return total

    def _add(
        self, total: FloatArray, place: int, second: Mapping[Pair, Value], above: Value
    ) -> None:
        """Add ``w * f_ab * (grad a)(grad b)'`` of one step."""
        arguments = self.steps[place].arguments
        for (a, b), bend in second.items():
            left, right = (self.gradients[place if k == _RESULT else arguments[k]] for k in (a, b))
            if not left or not right:
                continue
            bent = above if isinstance(bend, float) and bend == 1.0 else above * bend
            for i, d in left.items():
                weighted = bent * d
                for j, e in right.items():
                    if a == b and j < i:
                        continue
                    sums = _row_sums(weighted, e)
                    total[:, i, j] += sums
                    if a != b or i != j:
                        total[:, j, i] += sums


def _added(expression: Expression) -> list[Expression]:
    """Terms of a sum."""
    match expression:
        case Apply("+", (left, right)):
            return _added(left) + _added(right)
    return [expression]


def _sum(u: Value, v: Value) -> Value:
    """Sum of weights; those of all rows together meet those of each row summed."""
    if np.shape(u)[-1] == np.shape(v)[-1]:
        return u + v
    wide, narrow = (u, v) if np.shape(u)[-1] > 1 else (v, u)
    return wide.sum(axis=1, keepdims=True) + narrow


def _row_sums(u: Value, v: Value) -> FloatArray:
    """Sums of products over the rows, shape (batch,)."""
    if np.ndim(v) == 2 and np.shape(v)[1] == 1:
        return np.asarray(np.sum(u, axis=1) * v[:, 0])
    if np.shape(u)[1] == 1:
        return np.asarray(u[:, 0] * np.sum(v, axis=-1))
    if np.ndim(v) == 1:
        return np.asarray(u @ v)
    return np.asarray(np.einsum("bn,bn->b", u, v))


def _local(function: str, values: Sequence[Value]) -> Local:
    """Value and partial derivatives of one operation."""
    match function, values:
        case "+", (u, v):
            return Local(u + v, (1.0, 1.0))
        case "-", (u, v):
            return Local(u - v, (1.0, -1.0))
        case "*", (u, v):
            return Local(u * v, (v, u), {(0, 1): 1.0})
        case "/", (u, v):
            inverse = np.true_divide(1.0, v)
            ratio = u * inverse
            return Local(
                ratio, (inverse, -ratio * inverse),
                {(0, 1): -inverse * inverse, (1, 1): 2.0 * ratio * inverse * inverse},
            )  # fmt: skip
        case "**", (u, c):
            return _local_power(u, c)
        case name, (u, c) if name == _VARYING_POWER:
            log_u, value = np.log(u), power(u, c)
            return Local(
                value, (c * power(u, c - 1.0), value * log_u),
                {(0, 0): c * (c - 1.0) * power(u, c - 2.0), (1, 1): value * log_u * log_u,
                 (0, 1): power(u, c - 1.0) * (1.0 + c * log_u)},
            )  # fmt: skip
        case "neg", (u,):
            return Local(-u, (-1.0,))
        case "exp", (u,):
            f = np.exp(u)
            return Local(f, (f,), {(0, 0): f})
        case "log", (u,):
            inverse = np.true_divide(1.0, u)
            return Local(np.log(u), (inverse,), {(0, 0): -inverse * inverse})
        case (("min" | "max"), _):
            return _local_choice(function, values)
        case name, _ if name == _LOG_SUM:
            return _local_log_sum(values)
        case name, _ if name in FUNCTIONS_OF_SEVERAL:
            found = FUNCTIONS_OF_SEVERAL[name].partials(*(np.asarray(v) * 1.0 for v in values))
            return Local(found.value, found.first, found.second)
    (u,) = values
    known = UNARY[function]
    f = known.value(np.asarray(u))
    return Local(f, (known.first(u, f),), {(0, 0): known.second(u, f)})


def _local_power(u: Value, c: Value) -> Local:
    """A power with a known exponent."""
    if np.ndim(c) == 0 and c == -1.0:
        inverse = np.true_divide(1.0, u)
        square = inverse * inverse
        return Local(inverse, (-square, 0.0), {(0, 0): 2.0 * square * inverse})
    if np.ndim(c) == 0 and c == 1.0:  # c - 2 would be a pole at u = 0
        return Local(u, (1.0, 0.0))
    return Local(
        power(u, c), (c * power(u, c - 1.0), 0.0), {(0, 0): c * (c - 1.0) * power(u, c - 2.0)}
    )


def _local_log_sum(values: Sequence[Value]) -> Local:
    """Relative to the largest; with p the shares, f_ab is ``p_a (a = b) - p_a p_b``."""
    largest = values[0]
    for value in values[1:]:
        largest = np.maximum(largest, value)
    largest = np.where(np.isfinite(largest), largest, 0.0)
    shares = [np.exp(value - largest) for value in values]
    total = sum(shares[1:], start=shares[0])
    shares = [share / total for share in shares]
    second: dict[Pair, Value] = {(k, k): share for k, share in enumerate(shares)}
    return Local(largest + np.log(total), shares, second | {(_RESULT, _RESULT): -1.0})


def _local_choice(which: str, values: Sequence[Value]) -> Local:
    value = values[0]
    first: list[Value] = [np.ones(np.shape(value))]
    for other in values[1:]:
        keep = np.asarray(first_wins(which, value, other), dtype=np.float64)
        value = np.where(keep, value, other)
        first = [slope * keep for slope in first] + [1.0 - keep]
    return Local(value, tuple(first))


# --- derivatives at each point ----------------------------------------------------------------


class Derivatives:
    """An expression and its derivatives at points.

    Parameters
    ----------
    expression : Expression
    values : arrays or numbers for all names, which broadcast together
    names : those by which it is differentiated, in order
    """

    def __init__(
        self, expression: Expression, values: Mapping[str, Any], names: Sequence[str]
    ) -> None:
        self._expression, self._values, self._names = expression, values, names
        self.shape = np.broadcast_shapes(*(np.shape(v) for v in values.values()))

    def _traced(self, values: Mapping[str, Any]) -> Trace:
        with np.errstate(all="ignore"):
            tape = Tape(self._expression, self._names, values)
            return tape.run([values[name] for name in self._names])

    @cached_property
    def gradient(self) -> NumberArray:
        """First derivatives, shape (..., names)."""
        found = self._traced(self._values).gradient
        columns = [np.broadcast_to(found.get(j, 0.0), self.shape) for j in range(len(self._names))]
        return np.stack(columns, axis=-1)

    @cached_property
    def hessian(self) -> NumberArray:
        """Second derivatives, shape (..., names, names)."""
        # each point is a batch of its own, with one row
        one_row = {
            k: np.broadcast_to(v, self.shape).reshape(-1, 1) for k, v in self._values.items()
        }
        trace, n = self._traced(one_row), len(self._names)
        with np.errstate(all="ignore"):
            found = trace.curvature(np.ones((math.prod(self.shape), 1)), n)
        return found.reshape(*self.shape, n, n)
