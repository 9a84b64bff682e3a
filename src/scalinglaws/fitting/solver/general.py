"""Any law, by second-order automatic differentiation of its expression."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from scalinglaws.arrays import FloatArray
from scalinglaws.core.autodiff import Tape, Trace
from scalinglaws.core.expression import Apply, Expression, Name, Number, evaluate, names_in
from scalinglaws.fitting.solver.buffers import BUFFERS


class GeneralBlock:
    """A law on a block of rows; every part without parameters is evaluated once, here.

    Parameters
    ----------
    expression : the law, or its logarithm, in log space
    names : working names of the parameters, in order
    columns : variables on these rows
    target : observations on these rows, in the residuals' scale
    """

    work_size = 8_192  # every step of the tape leaves a few such arrays

    def __init__(
        self,
        expression: Expression,
        names: Sequence[str],
        columns: Mapping[str, FloatArray],
        target: FloatArray,
    ) -> None:
        self.n_parameters, self.n_rows = len(names), len(target)
        self._names = names
        self.target = target
        known: dict[str, FloatArray] = {}
        folded = self._fold(expression, columns, known)
        self._tape = Tape(folded, self._names, known)

    def _fold(
        self,
        expression: Expression,
        columns: Mapping[str, FloatArray],
        known: dict[str, FloatArray],
    ) -> Expression:
        if isinstance(expression, Number):
            return expression
        if not set(names_in(expression)) & set(self._names):
            name = f"known {len(known)}"
            known[name] = np.asarray(evaluate(expression, columns), dtype=np.float64)
            return Name(name)
        if isinstance(expression, Apply):
            inner = tuple(self._fold(a, columns, known) for a in expression.arguments)
            return Apply(expression.function, inner)
        return expression

    def slopes(self) -> None:
        return None

    def at(self, theta: FloatArray) -> GeneralPoint:
        parameters = np.split(theta, self.n_parameters, axis=1)
        return GeneralPoint(self, self._tape.run(parameters), len(theta))


class GeneralPoint:
    """A law and its derivatives at a batch of parameter vectors."""

    def __init__(self, block: GeneralBlock, trace: Trace, n_batch: int) -> None:
        self._block, self._trace = block, trace
        self._shape = n_batch, block.n_rows
        self.residuals = np.broadcast_to(trace.value, self._shape) - block.target

    def _rows(self) -> FloatArray:
        """Derivatives of the residuals, shape (batch, parameters, rows)."""
        n_batch, n_rows = self._shape
        found = BUFFERS.take("derivatives", n_batch, self._block.n_parameters, n_rows)
        for j in range(self._block.n_parameters):
            found[:, j] = self._trace.gradient.get(j, 0.0)
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
        weighted = np.multiply(rows, outer[:, None, :], out=BUFFERS.take("weighted", *rows.shape))
        hessian = np.matmul(weighted, rows.transpose(0, 2, 1))
        if curved:
            hessian += self._trace.curvature(slope, self._block.n_parameters)
        return gradient, hessian
