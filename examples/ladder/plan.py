"""Which runs make up the ladder, and what each of them costs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

VOCABULARY = 256  # bytes
CONTEXT = 128
MILLION = 1_000_000


@dataclass(frozen=True)
class Shape:
    """A GPT-2 of a given depth and width; the output head is tied to the embedding."""

    n_layer: int
    d_model: int

    @property
    def n_head(self) -> int:
        return max(1, self.d_model // 16)

    @property
    def n_no_embedding(self) -> int:
        """Blocks and the final norm: weights, biases and norms."""
        return self.n_layer * (12 * self.d_model**2 + 13 * self.d_model) + 2 * self.d_model

    @property
    def n_parameters(self) -> int:
        """All parameters, token and position embeddings included."""
        return self.n_no_embedding + (VOCABULARY + CONTEXT) * self.d_model

    @property
    def training_flops_per_token(self) -> float:
        """Matrix products as executed: multiply and add apart, backward twice the forward."""
        d = self.d_model
        blocks = 2 * self.n_layer * 12 * d**2
        attention_scores = self.n_layer * 4 * CONTEXT * d  # scores and their use, no causal halving
        head = 2 * VOCABULARY * d
        return 3.0 * (blocks + attention_scores + head)


@dataclass(frozen=True)
class Run:
    """One training run: a shape, a number of bytes, a seed, and what it is for."""

    shape: Shape
    n_tokens: int
    seed: int
    role: str  # "ladder", "repeat" (another seed) or "target" (kept out of every fit)

    @property
    def name(self) -> str:
        d_millions = f"{self.n_tokens / MILLION:g}M"
        return f"L{self.shape.n_layer}d{self.shape.d_model}-D{d_millions}-s{self.seed}"

    @property
    def flops(self) -> float:
        return self.shape.training_flops_per_token * self.n_tokens

    @property
    def batch_size(self) -> int:
        """Sequences a step, growing as the square root of D."""
        return round(8 * math.sqrt(self.n_tokens / (0.5 * MILLION)))

    @property
    def n_steps(self) -> int:
        return self.n_tokens // (CONTEXT * self.batch_size)

    @property
    def learning_rate(self) -> float:
        """Peak rate, inverse to the width; constants from a short sweep (see README)."""
        return min(0.05, 0.576 / self.shape.d_model)


SHAPES = [
    Shape(2, 8), Shape(2, 12), Shape(2, 16), Shape(2, 24),
    Shape(2, 32), Shape(3, 32), Shape(3, 48), Shape(4, 64),
]  # fmt: skip
TOKENS = [MILLION // 2, MILLION, 2 * MILLION, 4 * MILLION, 8 * MILLION]
# A sixth budget for all but the largest size, which would come too near to the targets.
LONGEST = 16 * MILLION
REPEATED = [(Shape(2, 16), MILLION), (Shape(3, 32), 2 * MILLION), (Shape(3, 48), 4 * MILLION)]
TARGETS = [
    (Shape(5, 96), 16 * MILLION),
    (Shape(5, 128), 10 * MILLION),
    (Shape(5, 128), 16 * MILLION),
]


def whole_ladder() -> Iterator[Run]:
    """Every run, cheapest first inside each role."""
    ladder = [Run(shape, n_tokens, 0, "ladder") for shape in SHAPES for n_tokens in TOKENS]
    ladder += [Run(shape, LONGEST, 0, "ladder") for shape in SHAPES[:-1]]
    yield from sorted(ladder, key=lambda run: run.flops)
    for seed in range(1, 6):
        yield from (Run(shape, n_tokens, seed, "repeat") for shape, n_tokens in REPEATED)
    yield from (Run(shape, n_tokens, 0, "target") for shape, n_tokens in TARGETS)
