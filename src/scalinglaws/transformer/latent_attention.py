"""Parameters and FLOPs of multi-head latent attention (MLA), with compressed keys and values."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class LatentAttention:
    """Widths of multi-head latent attention, as a part of a `Transformer`.

    Parameters
    ----------
    kv_rank : int
        Width of the vector that keys and values are made from.
    key_width : int
        Width of a head's key without its rotary part.
    rope_width : int
        Width of the rotary part, which all heads share.
    value_width : int
        Width of a head's value.
    q_rank : int, optional
        Width of the vector that queries are made from; by default queries are not compressed.

    References
    ----------
    DeepSeek-AI 2024, arXiv:2405.04434, section 2.1.

    Examples
    --------
    >>> mla = LatentAttention(kv_rank=512, key_width=128, rope_width=64, value_width=128)
    >>> mla.weights(width=2048, heads=16)
    13762560
    """

    kv_rank: int
    key_width: int
    rope_width: int
    value_width: int
    q_rank: int | None = None

    def weights(self, width: int, heads: int) -> int:
        """Weights of one layer's matrices.

        Parameters
        ----------
        width : int
            Width of the residual stream.
        heads : int
            Attention heads.

        Returns
        -------
        int
        """
        asked = heads * (self.key_width + self.rope_width)
        query = width * asked if self.q_rank is None else self.q_rank * (width + asked)
        down = width * (self.kv_rank + self.rope_width)
        up = self.kv_rank * heads * (self.key_width + self.value_width)
        return query + down + up + heads * self.value_width * width

    @property
    def norms(self) -> int:
        """Widths of one layer's norms over the compressed vectors."""
        return self.kv_rank + (self.q_rank or 0)

    def score_width(self, heads: int) -> int:
        """Width of all queries and of all values together."""
        return heads * (self.key_width + self.rope_width + self.value_width)
