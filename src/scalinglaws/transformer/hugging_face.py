"""Read the shape of a model from its Hugging Face configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scalinglaws.errors import DataError
from scalinglaws.numerals import listed
from scalinglaws.transformer.latent_attention import LatentAttention

_BIASES = ("qkv_bias", "output_bias", "ffn_bias")
_GPT = {"gated": False, "norm": "layer", **dict.fromkeys(_BIASES, True)}

# What the kind of model implies, where the configuration itself does not say.
_KINDS: Mapping[str, Mapping[str, Any]] = {
    "gpt2": {**_GPT, "tied": True},
    "gpt_neox": _GPT,
    "llama": {},
    "mistral": {},
    "phi3": {},
    "mixtral": {},
    "qwen2": {"qkv_bias": True},
    "olmo2": {"qk_norm": True, "qk_norm_over": "all"},
    "olmoe": {"qk_norm": True, "qk_norm_over": "all"},
    "deepseek_v2": {},
    "deepseek_v3": {"router_bias": True},
    "qwen3": {"qk_norm": True},
    "qwen3_moe": {"qk_norm": True},
    "gemma": {"tied": True},
    "gemma2": {"tied": True, "norms_per_layer": 4},
    "gemma3_text": {"tied": True, "norms_per_layer": 4, "qk_norm": True},
}
# The configuration's keys for each field, the first that it has.
_KEYS: Mapping[str, tuple[str, ...]] = {
    "width": ("hidden_size", "n_embd"),
    "layers": ("num_hidden_layers", "n_layer"),
    "heads": ("num_attention_heads", "n_head"),
    "vocabulary": ("vocab_size",),
    "kv_heads": ("num_key_value_heads",),
    "head_width": ("head_dim",),
    "ffn_width": ("intermediate_size", "n_inner"),
    "tied": ("tie_word_embeddings",),
    "experts": ("num_local_experts", "num_experts", "n_routed_experts"),
    "active_experts": ("num_experts_per_tok",),
    "expert_width": ("moe_intermediate_size",),
}
_LATENT = ("deepseek_v2", "deepseek_v3")
_LATENT_KEYS: Mapping[str, str] = {
    "kv_rank": "kv_lora_rank",
    "key_width": "qk_nope_head_dim",
    "rope_width": "qk_rope_head_dim",
    "value_width": "v_head_dim",
}
_REQUIRED = ("width", "layers", "heads", "vocabulary")
_LONGEST = ("max_position_embeddings", "n_positions")


def shape_of(config: Mapping[str, Any], context: int | None) -> dict[str, Any]:
    """Arguments of `Transformer`.

    Raises
    ------
    DataError
        If the kind of model is not known here, or a key is missing.
    """
    if not isinstance(config, Mapping):
        raise DataError(
            "A configuration is a mapping, as json.load reads it from config.json; got "
            f"{type(config).__name__}."
        )
    # models of text and pictures keep the language model's shape apart
    config = {**config, **config.get("text_config", {})}
    kind = str(config.get("model_type"))
    if kind not in _KINDS:
        raise DataError(
            f"The configuration's model_type is {kind!r}; parameters are counted for "
            f"{listed(sorted(_KINDS), most=20)}. Describe any other with "
            "Transformer(width=..., layers=..., ...)."
        )
    fields = dict(_KINDS[kind])
    for name, keys in _KEYS.items():
        value = next((config[key] for key in keys if config.get(key) is not None), None)
        if value is not None:
            fields[name] = value
        elif name in _REQUIRED:
            raise DataError(f"The configuration of a {kind} model needs the key {keys[0]!r}.")
    longest = next((config[key] for key in _LONGEST if config.get(key) is not None), None)
    if context is None and longest is None:
        raise DataError(
            f"The configuration has no {_LONGEST[0]!r}: say how long sequences are with `context`."
        )
    fields["context"] = longest if context is None else context
    if kind == "gpt2":
        fields["positions"] = longest or fields["context"]
    if kind in _LATENT:
        fields |= _deepseek(config, fields)
    if kind == "qwen3_moe":
        fields["dense_layers"] = _dense_layers(config, fields["layers"])
    fields.update(_biases(config))
    return {**fields, **_window(kind, config, fields["layers"])}


def _biases(config: Mapping[str, Any]) -> dict[str, bool]:
    found: dict[str, bool] = {}
    if config.get("attention_bias") is not None:
        found |= {"qkv_bias": bool(config["attention_bias"])}
        found |= {"output_bias": bool(config["attention_bias"])}
    if config.get("mlp_bias") is not None:
        found |= {"ffn_bias": bool(config["mlp_bias"])}
    return found


def _dense_layers(config: Mapping[str, Any], layers: int) -> int:
    """Layers without experts: those that are named, and those between every so many."""
    named, step = config.get("mlp_only_layers") or (), config.get("decoder_sparse_step", 1)
    return sum(k in named or (k + 1) % step != 0 for k in range(layers))


def _deepseek(config: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """Latent attention, dense layers first, and experts that see every token."""
    missing = [key for key in _LATENT_KEYS.values() if config.get(key) is None]
    if missing:
        raise DataError(
            f"The configuration of a {config['model_type']} model needs the key {missing[0]!r}."
        )
    if config.get("moe_layer_freq", 1) != 1:
        raise DataError("Experts in every so many layers (moe_layer_freq) are not counted.")
    own = {name: config[key] for name, key in _LATENT_KEYS.items()}
    return {
        "latent": LatentAttention(**own, q_rank=config.get("q_lora_rank")),
        "kv_heads": None,
        "dense_layers": config.get("first_k_dense_replace", 0),
        "shared_width": (config.get("n_shared_experts") or 0) * fields.get("expert_width", 0),
    }


def _window(kind: str, config: Mapping[str, Any], layers: int) -> dict[str, int]:
    """Sliding windows, and how many layers look at everything all the same."""
    window = config.get("sliding_window")
    if window is None or config.get("use_sliding_window") is False:
        return {}
    kinds = config.get("layer_types")
    if kinds:
        return {"window": window, "full_attention_layers": list(kinds).count("full_attention")}
    every = {"gemma2": 2, "gemma3_text": config.get("sliding_window_pattern") or 6}.get(kind)
    return {"window": window, "full_attention_layers": layers // every if every else 0}
