"""Any law, by second-order automatic differentiation."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from scalinglaws.core.expression import Apply, Expression, Name, evaluate, names_in
from scalinglaws.core.jets import Jet, differentiate
from scalinglaws.core.law import Law
from scalinglaws.fitting.model import Sums, in_blocks, magnitude_of
from scalinglaws.fitting.objective import FloatArray, Loss, ScaleName


class GeneralModel:
    """Any law, by second-order automatic differentiation of its expression."""

    def __init__(
        self,
        law: Law,
        positive: tuple[bool, ...],
        columns: Mapping[str, FloatArray],
        y: FloatArray,
        scale: ScaleName,
    ) -> None:
        self.n_parameters, self.n_rows = len(law.parameters), len(y)
        self._names = law.parameter_names
        self._positive = positive
        self._log = scale == "log"
        self._target = np.log(y) if self._log else y
        self.magnitude = magnitude_of(self._target, logarithms=self._log)
        self._known: dict[str, FloatArray] = {}
        self._expression = self._fold(law.parsed.expression, columns)

    @property
    def metric(self) -> None:
        return None

    def stacked_slopes(self) -> None:
        return None

    def _fold(self, expression: Expression, columns: Mapping[str, FloatArray]) -> Expression:
        """Evaluate every part without parameters once, here."""
        if not set(names_in(expression)) & set(self._names):
            name = f"known {len(self._known)}"
            value = np.asarray(evaluate(expression, columns), dtype=np.float64)
            self._known[name] = np.broadcast_to(value, (self.n_rows,)) if value.ndim else value
            return Name(name)
        if isinstance(expression, Apply):
            return Apply(
                expression.function, tuple(self._fold(a, columns) for a in expression.arguments)
            )
        return expression

    def _jet(self, theta: FloatArray, rows: slice) -> Jet:
        """Residuals as a jet in the working parameters."""
        jets = {k: Jet(v[rows] if v.ndim else v) for k, v in self._known.items()}
        for place, name in enumerate(self._names):
            value = theta[:, place : place + 1]
            if self._positive[place]:
                value = np.exp(value)
                jets[name] = Jet(value, {place: value}, {(place, place): value})
            else:
                jets[name] = Jet(value, {place: np.ones_like(value)})
        f = differentiate(self._expression, jets)
        shape = (len(theta), len(self._target[rows]))
        if not self._log:
            return Jet(np.broadcast_to(f.value, shape) - self._target[rows], f.gradient, f.hessian)
        inverse = 1.0 / f.value
        gradient = {i: d * inverse for i, d in f.gradient.items()}
        hessian = {pair: h * inverse for pair, h in f.hessian.items()}
        for i, d in gradient.items():
            for j, e in gradient.items():
                if i <= j:
                    hessian[i, j] = hessian.get((i, j), 0.0) - d * e
        residual = np.log(f.value) - self._target[rows]
        return Jet(np.broadcast_to(residual, shape), gradient, hessian)

    def residuals(self, theta: FloatArray) -> FloatArray:
        with np.errstate(all="ignore"):
            return np.asarray(self._jet(theta, slice(None)).value)

    def jacobian(self, theta: FloatArray) -> FloatArray:
        with np.errstate(all="ignore"):
            gradient = self._jet(theta[None, :], slice(None)).gradient
        columns = [
            np.broadcast_to(gradient.get(i, 0.0), (1, self.n_rows))[0]
            for i in range(self.n_parameters)
        ]
        return np.stack(columns, axis=1)

    def sums(
        self, theta: FloatArray, weights: FloatArray, loss: Loss, *, majorised: bool = True
    ) -> Sums:
        with np.errstate(all="ignore"):
            sums = in_blocks(self._sums_of_block, theta, weights, loss, majorised, self.n_rows)
        broken = ~(
            np.isfinite(sums.value)
            & np.isfinite(sums.gradient).all(axis=1)
            & np.isfinite(sums.hessian).all(axis=(1, 2))
        )
        sums.value[broken] = np.inf
        sums.gradient[broken] = 0.0
        sums.hessian[broken] = sums.majorised[broken] = np.eye(self.n_parameters)
        return sums

    def _sums_of_block(
        self, theta: FloatArray, weights: FloatArray, loss: Loss, majorised: bool, rows: slice
    ) -> Sums:
        jet = self._jet(theta, rows)
        psi, curvature = loss.derivatives(jet.value)
        slope, outer = weights * psi, weights * curvature
        majorising = weights * loss.reweighted(jet.value) if majorised else outer
        b, p = theta.shape
        value = (weights * loss.value(jet.value)).sum(axis=1)
        sums = Sums(value, np.zeros((b, p)), np.zeros((b, p, p)), np.zeros((b, p, p)))
        for i, d in jet.gradient.items():
            sums.gradient[:, i] = (slope * d).sum(axis=1)
            for j, e in jet.gradient.items():
                if i > j:
                    continue
                product = d * e
                second = outer * product
                if (i, j) in jet.hessian:
                    second = second + slope * jet.hessian[i, j]
                sums.hessian[:, i, j] = sums.hessian[:, j, i] = second.sum(axis=1)
                if majorised:
                    second = (majorising * product).sum(axis=1)
                    sums.majorised[:, i, j] = sums.majorised[:, j, i] = second
        return sums
