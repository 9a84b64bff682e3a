"""Identifiable parameters and combinations, from the columns of the Jacobian.

With C = 6ND the columns of b, c and d in a*N^b*D^c*C^d are linearly dependent: infinitely many
values fit equally well. Columns are taken in the order of the law, as R's lm does. A column that
is a combination of earlier ones is aliased, and only combinations with it are identified.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scalinglaws.arrays import FloatArray
from scalinglaws.fitting.solver.build_model import bind
from scalinglaws.fitting.solver.model import Model
from scalinglaws.fitting.solver.problem import Problem
from scalinglaws.fitting.tables.chunks import is_large, spread_rows
from scalinglaws.numerals import format_plain

# What remains of a column, relative to its own spread, when it counts as explained by the others.
ALIASED = 1e-6
# Runs of a large table that are looked at first.
_FIRST_LOOK = 2000
# Strong collinearity of scaled columns (Belsley, Kuh and Welsch 1980).
_WEAK_CONDITION = 30.0


@dataclass(frozen=True)
class Aliasing:
    """Columns that are linear combinations of earlier ones.

    Attributes
    ----------
    kept : indices of the independent columns, in order
    aliased : index of a dependent column to its weights on the kept ones
    condition : condition number of the kept columns, scaled and centred
    weakest : the least determined direction of the kept columns, one weight per parameter
    """

    kept: tuple[int, ...]
    aliased: Mapping[int, Mapping[int, float]]
    condition: float
    weakest: FloatArray

    @property
    def is_weak(self) -> bool:
        """Whether the condition number exceeds its limit."""
        return self.condition > _WEAK_CONDITION


def null_space(aliased: Mapping[int, Mapping[int, float]], n_parameters: int) -> FloatArray:
    """Directions that leave the fitted values unchanged, shape (parameters, directions)."""
    basis = np.zeros((n_parameters, len(aliased)))
    for place, (j, weights) in enumerate(aliased.items()):
        basis[j, place] = 1.0
        for k, weight in weights.items():
            basis[k, place] = -weight
    return basis


def structural_aliasing(problem: Problem, model: Model) -> Aliasing:
    """Parameters whose effect on every term equals that of others, for all values."""
    moving = list(problem.movable)
    if not model.is_one_block:
        # what some of the runs tell apart, all of them do
        some = spread_rows(model.n_rows)
        part = {name: column[some] for name, column in problem.columns.items()}
        sample = bind(problem.law, part, problem.y[some], problem.scale)
        found = structural_aliasing(problem, sample)
        if not found.aliased:
            return found
    slopes = model.design_triangle
    columns = np.eye(len(moving)) if slopes is None else slopes
    return aliasing(columns, [p.is_amplitude for p in problem.law.parameters], moving)


def aliasing(jacobian: FloatArray, amplitudes: Sequence[bool], moving: Sequence[bool]) -> Aliasing:
    """Find dependent columns.

    Parameters
    ----------
    jacobian : (rows, parameters)
    amplitudes : mask of coefficients and offsets; they come first, and the other columns are
        compared after projection on them, so that units do not matter
    moving : mask of the estimated parameters
    """
    p = jacobian.shape[1]
    first = [j for j in range(p) if moving[j] and amplitudes[j]]
    then = [j for j in range(p) if moving[j] and not amplitudes[j]]
    basis: list[FloatArray] = []
    kept: list[int] = []
    aliased: dict[int, dict[int, float]] = {}
    scaled: list[FloatArray] = []
    n_amplitudes = 0
    for j in first + then:
        column = jacobian[:, j]
        length = np.linalg.norm(column)
        own = column if j in first else _without(column, basis[:n_amplitudes])
        remainder = _without(own, basis)
        size = np.linalg.norm(own)
        if length == 0 or size <= 1e-9 * length or np.linalg.norm(remainder) <= ALIASED * size:
            aliased[j] = _weights(jacobian[:, kept], column, kept)
            continue
        basis.append(remainder / np.linalg.norm(remainder))
        kept.append(j)
        scaled.append(own / size)
        if j in first:
            n_amplitudes = len(basis)
    condition, weakest = _condition(scaled, kept, p)
    return Aliasing(tuple(sorted(kept)), aliased, condition, weakest)


def _without(column: FloatArray, basis: Sequence[FloatArray]) -> FloatArray:
    """Remainder after projection, projected twice to avoid loss of digits."""
    for _ in range(2):
        for direction in basis:
            column = column - (direction @ column) * direction
    return column


def _weights(kept: FloatArray, column: FloatArray, names: Sequence[int]) -> dict[int, float]:
    if not names:
        return {}
    scale = np.linalg.norm(kept, axis=0)
    weights = np.linalg.lstsq(kept / scale, column, rcond=None)[0] / scale
    size = np.abs(weights).max(initial=0.0)
    return {k: _tidy(float(w)) for k, w in zip(names, weights, strict=True) if abs(w) > 1e-6 * size}


def _tidy(weight: float) -> float:
    """-1 rather than -0.99999999997."""
    nearest = round(weight * 12) / 12
    return nearest if abs(weight - nearest) < 1e-6 else weight


def _condition(
    scaled: Sequence[FloatArray], kept: Sequence[int], p: int
) -> tuple[float, FloatArray]:
    weakest = np.zeros(p)
    if not scaled:
        return 1.0, weakest
    _, singular, directions = np.linalg.svd(np.stack(scaled, axis=1), full_matrices=False)
    weakest[list(kept)] = directions[-1]
    return float(singular[0] / max(singular[-1], 1e-300)), weakest


def combination_label(
    name: str, others: Mapping[str, float], logarithms: Mapping[str, bool]
) -> str:
    """Text of an identified combination: ``b + d``, or ``log a + 1.792*d``."""

    def term(parameter: str) -> str:
        return f"log {parameter}" if logarithms[parameter] else parameter

    text = term(name)
    for other, weight in others.items():
        size = "" if abs(weight) == 1 else f"{format_plain(abs(weight))}*"
        text += f" {'+' if weight > 0 else '-'} {size}{term(other)}"
    return text


# --- what the design looks like, in words ---------------------------------------------------


def design_facts(columns: Mapping[str, FloatArray]) -> list[str]:
    """Relations among N, D and C that make parameters weakly or not identifiable."""
    n_rows = len(next(iter(columns.values()), ()))
    if is_large(n_rows):
        # what does not hold in some runs does not hold in all
        some = spread_rows(n_rows, _FIRST_LOOK)
        if not design_facts({name: column[some] for name, column in columns.items()}):
            return []
    facts: list[str] = []
    logs = {name: np.log(v) for name, v in columns.items() if np.all(v > 0)}
    for name, values in logs.items():
        if np.ptp(values) <= 1e-9:
            facts.append(f"{name} is the same in every run.")
    facts += _ratio_fact(logs, {"C": 1, "N": -1, "D": -1}, "C = {} * N * D")
    facts += _ratio_fact(logs, {"D": 1, "N": -1}, "D = {} * N, one ratio of tokens to parameters")
    facts += _ratio_fact(logs, {"N": 1, "D": 1}, "N * D = {}, a single compute budget")
    return facts


def _ratio_fact(logs: Mapping[str, FloatArray], powers: Mapping[str, int], text: str) -> list[str]:
    if not set(powers) <= set(logs) or any(np.ptp(logs[v]) <= 1e-9 for v in powers):
        return []
    ratio: npt.NDArray[np.float64] = sum(
        (power * logs[v] for v, power in powers.items()), start=np.zeros(1)
    )
    centre = float(np.median(ratio))
    spread = float(np.abs(ratio - centre).max())
    if spread > 0.02:
        return []
    exact = "" if spread <= 1e-5 else f" within {100 * spread:.2g} %"
    return [f"{text.format(format_plain(np.exp(centre)))}{exact}, in every run."]
