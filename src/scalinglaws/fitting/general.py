"""Any law, by second-order automatic differentiation of its expression."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from scalinglaws.core.expression import Apply, Expression, Name, evaluate, names_in
from scalinglaws.core.jets import Jet, differentiate
from scalinglaws.fitting.objective import FloatArray, ScaleName
from scalinglaws.fitting.workspace import WORKSPACE


class GeneralBlock:
    """A law on a block of rows; every part without parameters is evaluated once, here.

    Parameters
    ----------
    expression : the law
    names, positive : the parameters, in order, and which are worked on as logarithms
    columns : variables on these rows
    target : observations on these rows, logarithms if `scale` is "log"
    """

    def __init__(
        self,
        expression: Expression,
        names: Sequence[str],
        positive: Sequence[bool],
        columns: Mapping[str, FloatArray],
        target: FloatArray,
        scale: ScaleName,
    ) -> None:
        self.n_parameters, self.n_rows = len(names), len(target)
        self._names, self._positive = names, positive
        self.is_log, self.target = scale == "log", target
        self._known: dict[str, FloatArray] = {}
        self._expression = self._fold(expression, columns)

    def _fold(self, expression: Expression, columns: Mapping[str, FloatArray]) -> Expression:
        if not set(names_in(expression)) & set(self._names):
            name = f"known {len(self._known)}"
            self._known[name] = np.asarray(evaluate(expression, columns), dtype=np.float64)
            return Name(name)
        if isinstance(expression, Apply):
            return Apply(
                expression.function, tuple(self._fold(a, columns) for a in expression.arguments)
            )
        return expression

    def slopes(self) -> None:
        return None

    def at(self, theta: FloatArray) -> GeneralPoint:
        jets = {name: Jet(value) for name, value in self._known.items()}
        for place, name in enumerate(self._names):
            value = theta[:, place : place + 1]
            if self._positive[place]:
                value = np.exp(value)
                jets[name] = Jet(value, {place: value}, {(place, place): value})
            else:
                jets[name] = Jet(value, {place: np.ones_like(value)})
        return GeneralPoint(self, differentiate(self._expression, jets), len(theta))


class GeneralPoint:
    """A law and its derivatives at a batch of parameter vectors."""

    def __init__(self, block: GeneralBlock, f: Jet, n_batch: int) -> None:
        self._block, self._f = block, f
        self._shape = n_batch, block.n_rows
        # with log f, every derivative is relative to f
        self._inverse = 1.0 / f.value if block.is_log else None
        value = np.log(f.value) if block.is_log else f.value
        self.residuals = np.broadcast_to(value, self._shape) - block.target

    def _rows(self) -> FloatArray:
        """Derivatives of the residuals, shape (batch, parameters, rows)."""
        n_batch, n_rows = self._shape
        found = WORKSPACE.take("derivatives", n_batch, self._block.n_parameters, n_rows)
        for j in range(self._block.n_parameters):
            derivative = self._f.gradient.get(j, 0.0)
            if self._inverse is None:
                found[:, j] = derivative
            else:
                np.multiply(derivative, self._inverse, out=found[:, j])
        return found

    def gradients(self) -> FloatArray:
        return np.array(self._rows().transpose(0, 2, 1))

    def along(self, step: FloatArray) -> FloatArray:
        return np.asarray(np.matmul(step[:, None, :], self._rows())[:, 0])

    def contract(
        self, slope: FloatArray, outer: FloatArray, *, curved: bool
    ) -> tuple[FloatArray, FloatArray]:
        rows = self._rows()
        gradient = np.matmul(rows, slope[:, :, None])[:, :, 0]
        if curved and self._block.is_log:
            outer -= slope
        weighted = np.multiply(rows, outer[:, None, :], out=WORKSPACE.take("weighted", *rows.shape))
        hessian = np.matmul(weighted, rows.transpose(0, 2, 1))
        if curved:
            if self._inverse is not None:
                slope *= self._inverse
            for (i, j), second in self._f.hessian.items():
                sums = np.einsum("bn,bn->b", slope, np.broadcast_to(second, slope.shape))
                hessian[:, i, j] += sums
                if i != j:
                    hessian[:, j, i] += sums
        return gradient, hessian
