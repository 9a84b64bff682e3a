"""Conventions for the training FLOPs per token."""

from __future__ import annotations

from typing import Protocol

import pandas as pd


class Shape(Protocol):
    """What counting FLOPs asks of a transformer."""

    @property
    def width(self) -> int:
        """Width of the residual stream."""

    @property
    def heads(self) -> int:
        """Attention heads."""

    @property
    def vocabulary(self) -> int:
        """Rows of the token embedding."""

    @property
    def N_active(self) -> int:
        """Parameters that a token meets."""

    @property
    def N_no_emb_active(self) -> int:
        """Those outside embeddings and head."""

    @property
    def block_weights(self) -> int:
        """Weights of the layers' matrices that a token is multiplied by."""

    @property
    def score_width(self) -> int:
        """Width of all queries and of all values together."""

    def attended(self, context: int) -> int:
        """Positions that a token is compared with, over all layers."""


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


def as_frame(shape: Shape, context: int) -> pd.DataFrame:
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
