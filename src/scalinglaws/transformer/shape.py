"""Shape and parameter count of a decoder-only transformer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from scalinglaws.display import Card, Column, Displayed, Table, with_card
from scalinglaws.display.plan_columns import plan_table
from scalinglaws.numerals import format_compute, format_count, plural
from scalinglaws.transformer import flops as conventions
from scalinglaws.transformer import hugging_face
from scalinglaws.transformer.latent_attention import LatentAttention

NormName = Literal["rms", "layer"]
NormSpan = Literal["head", "all"]


@dataclass(frozen=True, kw_only=True, repr=False)
class Transformer(Displayed):
    """The shape of a decoder-only transformer, for counting parameters and FLOPs.

    Parameters
    ----------
    width : int
        Width of the residual stream, d.
    layers : int
        Number of layers.
    heads : int
        Attention heads.
    vocabulary : int
        Rows of the token embedding.
    context : int
        Sequence length in training; the FLOPs of attention grow with it.
    kv_heads : int, optional
        Heads of keys and values; fewer than `heads` is grouped-query attention.
    head_width : int, optional
        Width of one head; ``width / heads`` by default.
    ffn_width : int, optional
        Inner width of the feed-forward layers; ``4 * width`` by default.
    gated : bool
        Whether feed-forward layers have three matrices (SwiGLU, GeGLU) rather than two.
    tied : bool
        Whether the output head shares the token embedding.
    positions : int
        Rows of a learned position embedding; 0 for rotary or none.
    norm : {"rms", "layer"}
        One vector in each norm, or two (with a bias).
    norms_per_layer : int
        Norms over the residual stream in each layer; one more follows the last layer.
    qk_norm : bool
        Whether queries and keys are normalised.
    qk_norm_over : {"head", "all"}
        Whether the norm has the weights of one head, shared by all heads, or those of all heads.
    qkv_bias, output_bias, ffn_bias : bool
        Biases of the queries, keys and values, of the attention's output, of the feed-forward.
    experts, active_experts : int
        Experts in each feed-forward layer, and experts active for a token; 1 is a dense model.
    expert_width, shared_width : int, optional
        Inner width of one expert (by default `ffn_width`), and of the shared expert.
    dense_layers : int
        Number of layers with one feed-forward of `ffn_width` instead of experts.
    router_bias : bool
        Whether the router has a bias for each expert.
    latent : LatentAttention, optional
        Widths of multi-head latent attention, in place of `kv_heads` and `head_width`.
    window, full_attention_layers : int, optional
        Width of sliding-window attention, and number of layers with full attention.

    Examples
    --------
    >>> gpt2 = Transformer(
    ...     width=768, layers=12, heads=12, vocabulary=50257, context=1024, positions=1024,
    ...     gated=False, tied=True, norm="layer",
    ...     qkv_bias=True, output_bias=True, ffn_bias=True,
    ... )  # fmt: skip
    >>> gpt2.N, gpt2.N_no_emb
    (124439808, 85056000)
    """

    width: int
    layers: int
    heads: int
    vocabulary: int
    context: int
    kv_heads: int | None = None
    head_width: int | None = None
    ffn_width: int | None = None
    gated: bool = True
    tied: bool = False
    positions: int = 0
    norm: NormName = "rms"
    norms_per_layer: int = 2
    qk_norm: bool = False
    qk_norm_over: NormSpan = "head"
    qkv_bias: bool = False
    output_bias: bool = False
    ffn_bias: bool = False
    experts: int = 1
    active_experts: int = 1
    expert_width: int | None = None
    shared_width: int = 0
    dense_layers: int = 0
    router_bias: bool = False
    latent: LatentAttention | None = None
    window: int | None = None
    full_attention_layers: int = 0

    def __post_init__(self) -> None:
        for name in ("width", "layers", "heads", "vocabulary", "context", "experts"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ValueError(f"`{name}` must be a positive whole number; got {value!r}.")
        if self.latent is None and self.head_width is None and self.width % self.heads:
            raise ValueError(
                f"`width` {self.width} is not a multiple of `heads` {self.heads}: "
                "say how wide a head is with `head_width`."
            )
        if self.heads % (self.kv_heads or self.heads):
            raise ValueError(
                f"`heads` {self.heads} is not a multiple of `kv_heads` {self.kv_heads}."
            )
        if not 1 <= self.active_experts <= self.experts:
            raise ValueError(
                f"`active_experts` must be between 1 and `experts` ({self.experts}); "
                f"got {self.active_experts}."
            )
        if not 0 <= self.dense_layers <= self.layers:
            raise ValueError(
                f"`dense_layers` must be between 0 and `layers` ({self.layers}); "
                f"got {self.dense_layers}."
            )

    @classmethod
    def from_config(cls, config: Mapping[str, Any], *, context: int | None = None) -> Transformer:
        """Read the shape from a Hugging Face configuration.

        Parameters
        ----------
        config : mapping
            The contents of ``config.json``, or ``model.config.to_dict()``.
        context : int, optional
            Sequence length in training; the longest that the configuration allows by default.

        Raises
        ------
        DataError
            If the kind of model is not known here, or a key is missing.

        Examples
        --------
        >>> llama = Transformer.from_config({
        ...     "model_type": "llama", "hidden_size": 4096, "num_hidden_layers": 32,
        ...     "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 128256,
        ...     "intermediate_size": 14336, "max_position_embeddings": 8192,
        ... })  # fmt: skip
        >>> llama.N
        8030261248
        """
        return cls(**hugging_face.shape_of(config, context))

    def _card(self) -> Card:
        parts, flops = self.parameters(), self.flops()
        rows = [(str(part), row) for part, row in parts.iterrows() if row["total"]]
        columns = [
            Column("", tuple(part for part, _ in rows), left=True),
            Column("parameters", tuple(f"{int(row['total']):,}" for _, row in rows)),
        ]
        if self.experts > 1:
            columns.append(Column("active", tuple(f"{int(row['active']):,}" for _, row in rows)))
        active = f", {format_count(self.N_active)} active" if self.experts > 1 else ""
        least, most = flops["to_6N"].min(), flops["to_6N"].max()
        caveat = (
            f"FLOP a token by 6N: {format_compute(6 * self.N_active)}. Other conventions count "
            f"{least:.2f} to {most:.2f} times as many."
        )
        return Card(
            f"{format_count(self.N)} parameters{active} ({format_count(self.N_no_emb)} without "
            f"embeddings), {plural(self.layers, 'layer')} of width {self.width:,}.",
            tables=(Table(tuple(columns)),),
            caveats=(caveat,),
            next="shape.flops()",
        )

    # --- parts ---------------------------------------------------------------------------------

    @property
    def attention_width(self) -> int:
        """Width of all heads together."""
        return self.heads * (self.head_width or self.width // self.heads)

    @property
    def kv_width(self) -> int:
        """Width of all heads of keys, or of values."""
        return (self.kv_heads or self.heads) * (self.head_width or self.width // self.heads)

    @property
    def score_width(self) -> int:
        """Width of all queries and of all values together, which every position is met with."""
        if self.latent is not None:
            return self.latent.score_width(self.heads)
        return 2 * self.attention_width

    @property
    def dense_width(self) -> int:
        """Inner width of a feed-forward layer without experts."""
        return self.ffn_width or 4 * self.width

    @property
    def inner_width(self) -> int:
        """Inner width of one expert, or of the one feed-forward layer."""
        return self.expert_width or self.dense_width

    @property
    def attention_weights(self) -> int:
        """Weights of one layer's attention matrices."""
        if self.latent is not None:
            return self.latent.weights(self.width, self.heads)
        return self.width * (2 * self.attention_width + 2 * self.kv_width)

    def ffn_weights(self, experts: int) -> int:
        """Weights of the matrices of all feed-forward layers with so many experts each."""
        inner = (self.layers - self.dense_layers) * (experts * self.inner_width + self.shared_width)
        inner += self.dense_layers * self.dense_width
        return (3 if self.gated else 2) * self.width * inner

    @property
    def router_weights(self) -> int:
        """Weights that choose the experts in all layers."""
        chosen = self.width * self.experts if self.experts > 1 else 0
        return (self.layers - self.dense_layers) * chosen

    @property
    def block_weights(self) -> int:
        """Weights of all matrices that a token is multiplied by, embedding and head apart."""
        attention = self.layers * self.attention_weights
        return attention + self.router_weights + self.ffn_weights(self.active_experts)

    def _attention_biases(self) -> int:
        asked = self.qkv_bias * (self.attention_width + 2 * self.kv_width)
        return self.layers * (asked + self.output_bias * self.width)

    def _ffn_biases(self, experts: int) -> int:
        matrices = 2 if self.gated else 1
        own = matrices * (experts * self.inner_width + self.shared_width)
        own += (experts + bool(self.shared_width)) * self.width
        dense = matrices * self.dense_width + self.width
        every = (self.layers - self.dense_layers) * own + self.dense_layers * dense
        return self.ffn_bias * every

    def _norms(self) -> int:
        vectors = 2 if self.norm == "layer" else 1
        normed = (
            self.attention_width + self.kv_width
            if self.qk_norm_over == "all"
            else 2 * (self.attention_width // self.heads)
        )
        over_heads = normed * self.qk_norm * self.layers
        if self.latent is not None:
            over_heads += self.latent.norms * self.layers
        return vectors * ((self.norms_per_layer * self.layers + 1) * self.width + over_heads)

    def parameters(self) -> pd.DataFrame:
        """Parameters of each part, in total and active for a token.

        Returns
        -------
        DataFrame
            Rows embedding, positions, attention, feed-forward, router, norms, head and total;
            columns ``total`` and ``active``, which differ where there are experts.

        Examples
        --------
        >>> shape = Transformer(width=64, layers=2, heads=4, vocabulary=1000, context=128)
        >>> shape.parameters().loc["attention", "total"].item() == 2 * 4 * 64**2
        True
        """
        attention = self.layers * self.attention_weights + self._attention_biases()
        bias = (self.layers - self.dense_layers) * self.experts * self.router_bias
        rows = {
            "embedding": 2 * (self.vocabulary * self.width,),
            "positions": 2 * (self.positions * self.width,),
            "attention": 2 * (attention,),
            "feed-forward": tuple(
                self.ffn_weights(n) + self._ffn_biases(n)
                for n in (self.experts, self.active_experts)
            ),
            "router": 2 * (self.router_weights + bias,),
            "norms": 2 * (self._norms(),),
            "head": 2 * (0 if self.tied else self.vocabulary * self.width,),
        }
        frame = pd.DataFrame.from_dict(rows, orient="index", columns=["total", "active"])
        frame.index.name = "part"
        frame.loc["total"] = frame.sum()
        return frame

    # --- counts --------------------------------------------------------------------------------

    @property
    def N(self) -> int:
        """All parameters."""
        return int(self.parameters().loc["total", "total"])  # type: ignore[arg-type]

    @property
    def N_active(self) -> int:
        """Parameters active for a token; all of them in a dense model."""
        return int(self.parameters().loc["total", "active"])  # type: ignore[arg-type]

    @property
    def N_no_emb(self) -> int:
        """Parameters without embeddings of tokens and positions and without the head."""
        return self.N - self._outer

    @property
    def N_no_emb_active(self) -> int:
        """Active parameters without embeddings and head."""
        return self.N_active - self._outer

    @property
    def _outer(self) -> int:
        tables = 1 if self.tied else 2
        return self.width * (tables * self.vocabulary + self.positions)

    def attended(self, context: int) -> int:
        """Positions that a token is compared with, added up over the layers, without a mask."""
        near = context if self.window is None else min(context, self.window)
        full = self.full_attention_layers if self.window is not None else 0
        return full * context + (self.layers - full) * near

    def flops(self, context: int | None = None) -> pd.DataFrame:
        """Training FLOPs for one token, by each convention that papers use.

        Parameters
        ----------
        context : int, optional
            Sequence length; that of the shape by default.

        Returns
        -------
        DataFrame
            One row for each convention: ``parameters`` that it counts, ``flops_per_token``, and
            ``to_6N``, the same relative to 6 times all active parameters.

        Notes
        -----
        With experts, every convention counts the parameters that a token meets. The choice moves
        exponents of compute-optimal laws by tenths (Porian et al. 2024, arXiv:2406.19146; Pearce
        and Song 2024, arXiv:2406.12907): use one, say which, and use it for every run.

        Examples
        --------
        >>> shape = Transformer(width=512, layers=8, heads=8, vocabulary=102400, context=4096,
        ...                     gated=False)
        >>> flops = shape.flops()["flops_per_token"]
        >>> print(f"{6 * shape.block_weights / flops['deepseek']:.2f}")
        0.43
        """
        return with_card(conventions.as_frame(self, context or self.context), _flops_card)


def _flops_card(frame: pd.DataFrame) -> Card:
    """Each convention beside 6N."""
    ratios = frame["to_6N"]
    first = format_compute(float(frame["flops_per_token"].iloc[0]))
    return Card(
        f"FLOP a token by {len(frame)} conventions: {first} by {frame.index[0]}, and "
        f"{ratios.min():.2f} to {ratios.max():.2f} times that by the others.",
        tables=(plan_table(frame.reset_index(), 0.95),),
    )
