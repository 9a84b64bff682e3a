"""Training FLOPs by each convention, and as a cost of plans from the shapes of a ladder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from scalinglaws.arrays import FloatArray
from scalinglaws.options import check_option

if TYPE_CHECKING:
    from scalinglaws.transformer.shape import Transformer

COUNTS = ("N", "N_active", "N_no_emb", "N_no_emb_active")
# What each convention counts and where it is from.
SOURCES = {
    "6N": "6 times all parameters",
    "6N without embeddings": "6 times the parameters of the layers",
    "kaplan": "layers and causal attention; Kaplan et al. 2020, arXiv:2001.08361, table 1",
    "chinchilla": "everything; Hoffmann et al. 2022, arXiv:2203.15556, appendix F",
    "chinchilla table A4": "layers, attention and softmax, as that paper's own table has them",
    "palm": "all parameters and attention; Chowdhery et al. 2022, arXiv:2204.02311, appendix B",
    "deepseek": "layers and attention; DeepSeek-AI 2024, arXiv:2401.02954, eq. 2",
    "megatron": "layers, attention and head; Narayanan et al. 2021, arXiv:2104.04473",
    "porian": "layers and head; Porian et al. 2024, arXiv:2406.19146",
    "porian with attention": "layers, head and causal attention; the same",
}


def as_frame(shape: Transformer, context: int) -> pd.DataFrame:
    """See `Transformer.flops`."""
    d, blocks = shape.width, shape.block_weights
    head = d * shape.vocabulary
    # a multiply and an add, forward once and backward twice, for scores and again for values
    scores = 6 * shape.score_width * shape.attended(context)
    softmax = 9 * shape.heads * shape.attended(context)  # 3 operations a score, three passes
    counted = {
        "6N": (shape.N_active, 6 * shape.N_active),
        "6N without embeddings": (shape.N_no_emb_active, 6 * shape.N_no_emb_active),
        "kaplan": (blocks, 6 * blocks + scores // 2),
        "chinchilla": (blocks + 2 * head, 6 * (blocks + 2 * head) + scores + softmax),
        "chinchilla table A4": (blocks, 6 * blocks + scores + softmax),
        "palm": (shape.N_active, 6 * shape.N_active + scores),
        "deepseek": (blocks, 6 * blocks + scores),
        "megatron": (blocks + head, 6 * (blocks + head) + scores),
        "porian": (blocks + head, 6 * (blocks + head)),
        "porian with attention": (blocks + head, 6 * (blocks + head) + scores // 2),
    }
    frame = pd.DataFrame.from_dict(
        counted, orient="index", columns=["parameters", "flops_per_token"]
    )
    frame.index.name = "convention"
    frame["to_6N"] = frame["flops_per_token"] / (6 * shape.N_active)
    frame["counts"] = pd.Series(SOURCES)
    return frame


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
    >>> from scalinglaws import Transformer
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
