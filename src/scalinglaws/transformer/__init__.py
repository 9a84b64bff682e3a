"""Counting the parameters and training FLOPs of decoder-only transformers."""

from scalinglaws.transformer.flops import shape_cost as shape_cost
from scalinglaws.transformer.latent_attention import LatentAttention as LatentAttention
from scalinglaws.transformer.shape import Transformer as Transformer

__all__ = ["LatentAttention", "Transformer", "shape_cost"]
