"""Training cost of a run, from the model shapes of a ladder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from scalinglaws.arrays import FloatArray
from scalinglaws.options import check_option
from scalinglaws.transformer.flop_conventions import SOURCES
from scalinglaws.transformer.shape import Transformer

COUNTS = ("N", "N_active", "N_no_emb", "N_no_emb_active")


def shape_cost(
    shapes: Sequence[Transformer], convention: str = "chinchilla", counted: str = "N"
) -> Callable[[Any, Any], FloatArray]:
    """The training FLOPs of models that lie between some shapes, as a `cost` of plans.

    Parameters
    ----------
    shapes : sequence of Transformer
        Two or more, from small to large; with their context lengths, experts and heads.
    convention : str
        How FLOPs are counted: a row of :meth:`Transformer.flops`.
    counted : {"N", "N_active", "N_no_emb", "N_no_emb_active"}
        What N is in the law that the plan is made from.

    Returns
    -------
    callable
        Of arrays N and D. FLOPs for one token are interpolated in logarithms between the shapes
        and carried on beyond the smallest and the largest.

    Raises
    ------
    ValueError
        If there are fewer than two sizes, or a name is misspelt.

    Examples
    --------
    >>> ladder = [
    ...     Transformer(width=64 * k, layers=k, heads=k, vocabulary=50304, context=2048)
    ...     for k in (4, 8, 16, 32)
    ... ]
    >>> cost = shape_cost(ladder, "chinchilla")
    >>> exact = ladder[1].flops().loc["chinchilla", "flops_per_token"]
    >>> print(round(cost(ladder[1].N, 1e9) / (1e9 * exact), 12))
    1.0
    """
    check_option("convention", convention, tuple(SOURCES))
    check_option("counted", counted, COUNTS)
    sizes = np.array([float(getattr(shape, counted)) for shape in shapes])
    if len(np.unique(sizes)) < 2:
        raise ValueError(
            f"`shapes` must have two sizes or more, to interpolate between; got {len(shapes)}."
        )
    order = np.argsort(sizes)
    tokens = [float(s.flops()["flops_per_token"][convention]) for s in shapes]
    log_n, log_f = np.log(sizes)[order], np.log(tokens)[order]
    first, last = ((log_f[j] - log_f[i]) / (log_n[j] - log_n[i]) for i, j in ((0, 1), (-2, -1)))

    def cost(N: Any, D: Any) -> FloatArray:
        x = np.log(np.asarray(N, dtype=np.float64))
        inside = np.interp(x, log_n, log_f)
        beyond = first * np.minimum(x - log_n[0], 0.0) + last * np.maximum(x - log_n[-1], 0.0)
        return np.asarray(np.exp(inside + beyond) * np.asarray(D, dtype=np.float64))

    return cost
