"""Parameters and FLOPs of transformers against published figures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import scalinglaws as sl
from scalinglaws.planning.cost import bill
from scalinglaws.transformer.flops import shape_cost
from scalinglaws.transformer.shape import Transformer
from tests.planning_cases import CHINCHILLA_LAW, EPOCH, HOFFMANN, Published


def _gpt2(width: int, layers: int, heads: int) -> dict[str, Any]:
    return {
        "model_type": "gpt2", "n_embd": width, "n_layer": layers, "n_head": heads,
        "n_positions": 1024, "vocab_size": 50257, "n_inner": None,
    }  # fmt: skip


def _llama(width: int, layers: int, heads: int, kv: int, ffn: int, vocab: int, **more: Any) -> Any:
    return {
        "model_type": "llama", "hidden_size": width, "num_hidden_layers": layers,
        "num_attention_heads": heads, "num_key_value_heads": kv, "intermediate_size": ffn,
        "vocab_size": vocab, "max_position_embeddings": 8192, **more,
    }  # fmt: skip


def _deepseek(width: int, layers: int, heads: int, ffn: int, vocab: int, **more: Any) -> Any:
    config = _llama(width, layers, heads, heads, ffn, vocab, model_type="deepseek_v2")
    latent = {
        "kv_lora_rank": 512, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128,
    }  # fmt: skip
    return {**config, **latent, **more}


# Exact counts that the released checkpoints have; DeepSeek V3 without its module for the token
# after the next.
PUBLISHED = {
    "GPT-2": (_gpt2(768, 12, 12), 124_439_808),
    "GPT-2 medium": (_gpt2(1024, 24, 16), 354_823_168),
    "GPT-2 large": (_gpt2(1280, 36, 20), 774_030_080),
    "GPT-2 XL": (_gpt2(1600, 48, 25), 1_557_611_200),
    "Pythia 1.4B": (
        _llama(2048, 24, 16, 16, 8192, 50304, model_type="gpt_neox"),
        1_414_647_808,
    ),
    "Llama 3 8B": (_llama(4096, 32, 32, 8, 14336, 128256), 8_030_261_248),
    "Llama 3 70B": (_llama(8192, 80, 64, 8, 28672, 128256), 70_553_706_496),
    "Mixtral 8x7B": (
        _llama(
            4096,
            32,
            32,
            8,
            14336,
            32000,
            model_type="mixtral",
            num_local_experts=8,
            num_experts_per_tok=2,
        ),
        46_702_792_704,
    ),
    "Gemma 2B": (
        _llama(2048, 18, 8, 1, 16384, 256000, model_type="gemma", head_dim=256),
        2_506_172_416,
    ),
    "Gemma 7B": (
        _llama(3072, 28, 16, 16, 24576, 256000, model_type="gemma", head_dim=256),
        8_537_680_896,
    ),
    "Gemma 2 2B": (
        _llama(2304, 26, 8, 4, 9216, 256000, model_type="gemma2", head_dim=256),
        2_614_341_888,
    ),
    "Qwen2.5 3B": (
        _llama(2048, 36, 16, 2, 11008, 151936, model_type="qwen2", tie_word_embeddings=True),
        3_085_938_688,
    ),
    "Qwen3 0.6B": (
        _llama(
            1024,
            28,
            16,
            8,
            3072,
            151936,
            model_type="qwen3",
            head_dim=128,
            tie_word_embeddings=True,
        ),
        596_049_920,
    ),
    "Qwen3 8B": (
        _llama(4096, 36, 32, 8, 12288, 151936, model_type="qwen3", head_dim=128),
        8_190_735_360,
    ),
    "Qwen3 30B-A3B": (
        _llama(
            2048,
            48,
            32,
            4,
            6144,
            151936,
            model_type="qwen3_moe",
            head_dim=128,
            num_experts=128,
            num_experts_per_tok=8,
            moe_intermediate_size=768,
        ),
        30_532_122_624,
    ),
    "Gemma 3 1B": (
        _llama(1152, 26, 4, 1, 6912, 262144, model_type="gemma3_text", head_dim=256),
        999_885_952,
    ),
    "OLMo 2 7B": (
        _llama(4096, 32, 32, 32, 11008, 100352, model_type="olmo2"),
        7_298_617_344,
    ),
    "OLMo 2 13B": (
        _llama(5120, 40, 40, 40, 13824, 100352, model_type="olmo2"),
        13_716_198_400,
    ),
    "OLMoE 1B-7B": (
        _llama(
            2048,
            16,
            16,
            16,
            1024,
            50304,
            model_type="olmoe",
            num_experts=64,
            num_experts_per_tok=8,
        ),
        6_919_161_856,
    ),
    "DeepSeek V2 Lite": (
        _deepseek(
            2048,
            27,
            16,
            10944,
            102400,
            moe_intermediate_size=1408,
            n_routed_experts=64,
            num_experts_per_tok=6,
            n_shared_experts=2,
            first_k_dense_replace=1,
            q_lora_rank=None,
        ),
        15_706_484_224,
    ),
    "DeepSeek V2": (
        _deepseek(
            5120,
            60,
            128,
            12288,
            102400,
            moe_intermediate_size=1536,
            n_routed_experts=160,
            num_experts_per_tok=6,
            n_shared_experts=2,
            first_k_dense_replace=1,
            q_lora_rank=1536,
        ),
        235_741_434_880,
    ),
    "DeepSeek V3": (
        _deepseek(
            7168,
            61,
            128,
            18432,
            129280,
            model_type="deepseek_v3",
            moe_intermediate_size=2048,
            n_routed_experts=256,
            num_experts_per_tok=8,
            n_shared_experts=1,
            first_k_dense_replace=3,
            q_lora_rank=1536,
        ),
        671_026_419_200,
    ),
    "Mistral 7B": (
        _llama(4096, 32, 32, 8, 14336, 32000, model_type="mistral", sliding_window=4096),
        7_241_732_096,
    ),
    "Pythia 70M": (_llama(512, 6, 8, 8, 2048, 50304, model_type="gpt_neox"), 70_426_624),
    "Phi-3.5 mini": (_llama(3072, 32, 32, 32, 8192, 32064, model_type="phi3"), 3_821_079_552),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_counts_to_the_parameter(name: str) -> None:
    """From the configuration alone."""
    config, count = PUBLISHED[name]
    found = Transformer.from_config(config).N

    assert found == count


def test_active_parameters_of_experts() -> None:
    """Mixtral of Experts, arXiv:2401.04088: 47B in all, 13B for a token."""
    shape = Transformer.from_config(PUBLISHED["Mixtral 8x7B"][0])

    assert shape.N_active == 12_879_925_248
    assert Transformer.from_config(PUBLISHED["Qwen3 30B-A3B"][0]).N_active == 3_353_032_704
    assert shape.N - shape.N_active == 6 * 32 * 3 * 4096 * 14336
    parts = shape.parameters()
    assert parts.loc["router", "total"] == 32 * 4096 * 8
    assert parts["total"].iloc[:-1].sum() == shape.N


def test_latent_attention() -> None:
    """DeepSeek V2, arXiv:2405.04434: 236B in all, 21B for a token; V3, arXiv:2412.19437: 37B."""
    second, third = (
        Transformer.from_config(PUBLISHED[name][0]) for name in ("DeepSeek V2", "DeepSeek V3")
    )

    assert round(second.N_active / 1e9) == 21
    # the input embedding is looked up, and not counted among the 37B
    assert round((third.N_active - 7168 * 129280) / 1e9) == 37
    scores = third.flops(4096)["flops_per_token"]["palm"] - 6 * third.N_active
    assert scores == 61 * 128 * (192 + 128) * 4096 * 6


def test_dense_layers_among_experts() -> None:
    """Named ones, and all but every second one."""
    config = PUBLISHED["Qwen3 30B-A3B"][0]
    every = Transformer.from_config(config)
    named = Transformer.from_config({**config, "mlp_only_layers": [0, 5]})
    second = Transformer.from_config({**config, "decoder_sparse_step": 2})
    of_experts = 128 * 3 * 2048 * 768 + 2048 * 128

    assert (named.dense_layers, second.dense_layers) == (2, 24)
    assert 2 * (of_experts - 3 * 2048 * 6144) == every.N - named.N
    assert 24 * (of_experts - 3 * 2048 * 6144) == every.N - second.N


def test_the_text_part_of_a_larger_model() -> None:
    """A configuration of text and pictures keeps the language model's shape apart."""
    config, count = PUBLISHED["Gemma 3 1B"]
    found = Transformer.from_config({"model_type": "gemma3", "text_config": config}).N

    assert found == count


def test_without_embeddings() -> None:
    """Kaplan's count leaves out tokens, positions and the head, tied or not."""
    shape = Transformer.from_config(PUBLISHED["GPT-2"][0])
    untied = Transformer.from_config({**PUBLISHED["GPT-2"][0], "tie_word_embeddings": False})

    assert shape.N_no_emb == untied.N_no_emb == 124_439_808 - 768 * (50257 + 1024)
    assert untied.N - shape.N == 768 * 50257
    # 12 l d^2 and the biases and norms of Radford's model
    assert shape.block_weights == 12 * 12 * 768**2


@pytest.mark.parametrize(
    ("layers", "width", "without", "all_of_it"), [(8, 512, 0.43, 1.32), (80, 8192, 0.92, 0.94)]
)
def test_deepseek_ratios(layers: int, width: int, without: float, all_of_it: float) -> None:
    """Table 3 of arXiv:2401.02954: 6N against FLOPs for a token, either way of counting N."""
    shape = Transformer(
        width=width, layers=layers, heads=8, vocabulary=102400, context=4096, gated=False,
        tied=True,
    )  # fmt: skip
    counted = shape.flops()["flops_per_token"]["deepseek"]

    assert counted == 72 * layers * width**2 + 12 * layers * width * 4096
    assert 6 * shape.block_weights / counted == pytest.approx(without, abs=0.005)
    assert 6 * shape.N / counted == pytest.approx(all_of_it, abs=0.005)


def test_conventions_of_gpt3() -> None:
    """GPT-3 175B by each formula as its paper writes it."""
    n_layers, d, s, vocab, h = 96, 12288, 2048, 50257, 96
    shape = Transformer(
        width=d, layers=n_layers, heads=h, vocabulary=vocab, context=s, positions=s, gated=False,
        tied=True, norm="layer", qkv_bias=True, output_bias=True, ffn_bias=True,
    )  # fmt: skip
    flops = shape.flops()["flops_per_token"]
    n_kaplan = 12 * n_layers * d**2

    assert flops["kaplan"] == 6 * n_kaplan + 6 * n_layers * s * d
    assert flops["palm"] == 6 * shape.N + 12 * n_layers * d * s
    megatron = 72 * n_layers * d**2 * (1 + s / (6 * d) + vocab / (12 * n_layers * d))
    assert flops["megatron"] == pytest.approx(megatron, rel=1e-12)
    layer = 6 * s * d * d + 2 * s * s * d + 3 * h * s * s + 2 * s * s * d + 2 * s * d * d
    forward = 4 * s * vocab * d + n_layers * (layer + 4 * s * d * 4 * d)
    assert flops["chinchilla"] == pytest.approx(3 * forward / s, rel=1e-12)
    assert flops["porian with attention"] - flops["porian"] == 6 * s * d * n_layers
    # table D.1 of arXiv:2005.14165: 3.14e23 FLOPs for 300B tokens of a 174,600M model
    assert 300e9 * flops["6N"] == pytest.approx(3.14e23, rel=0.005)


def test_windows_bound_attention() -> None:
    """Sliding windows replace the context, except in the layers that look at everything."""
    config = {**PUBLISHED["Gemma 2 2B"][0], "sliding_window": 4096}
    shape = Transformer.from_config(config, context=8192)

    assert shape.attended(8192) == 13 * 8192 + 13 * 4096
    assert shape.attended(1024) == 26 * 1024
    assert Transformer.from_config({**config, "sliding_window": None}).window is None
    kinds = ["full_attention"] * 3 + ["sliding_attention"] * 23
    listed = Transformer.from_config({**config, "layer_types": kinds}, context=8192)
    assert listed.attended(8192) == 3 * 8192 + 23 * 4096


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            {"model_type": "mamba"},
            "is 'mamba'; parameters are counted for deepseek_v2, deepseek_v3, gemma",
        ),
        ({"model_type": "llama"}, "a llama model needs the key 'hidden_size'"),
        (
            {**PUBLISHED["Llama 3 8B"][0], "max_position_embeddings": None},
            "say how long sequences are with `context`",
        ),
        (
            {**PUBLISHED["DeepSeek V2"][0], "v_head_dim": None},
            "a deepseek_v2 model needs the key 'v_head_dim'",
        ),
        ({**PUBLISHED["DeepSeek V2"][0], "moe_layer_freq": 2}, "every so many layers"),
    ],
)
def test_configurations_that_are_not_counted(config: dict[str, Any], message: str) -> None:
    """Refused rather than counted wrongly."""
    with pytest.raises(sl.DataError, match=message):
        Transformer.from_config(config)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layers": 0}, "`layers` must be a positive whole number; got 0"),
        ({"width": 100}, "`width` 100 is not a multiple of `heads` 8"),
        ({"kv_heads": 3}, "`heads` 8 is not a multiple of `kv_heads` 3"),
        ({"dense_layers": 3}, r"`dense_layers` must be between 0 and `layers` \(2\); got 3"),
        ({"active_experts": 2}, r"between 1 and `experts` \(1\); got 2"),
    ],
)
def test_impossible_shapes(change: dict[str, int], message: str) -> None:
    """Each says what may stand there."""
    shape = {"width": 64, "layers": 2, "heads": 8, "vocabulary": 10, "context": 8}
    with pytest.raises(ValueError, match=message):
        Transformer(**{**shape, **change})


def test_hours_and_money() -> None:
    """DeepSeek-V3, arXiv:2412.19437, table 1: 2.788M hours at 2 dollars are 5.576M dollars."""
    flops = 2.788e6 * 3600 * 0.35 * 989e12
    frame = bill([flops], device="H100", utilisation=0.35, price=2.0, power=700, overhead=1.0)

    assert frame.loc[0, "hours"] == pytest.approx(2.788e6, rel=1e-12)
    assert frame.loc[0, "money"] == pytest.approx(5.576e6, rel=1e-12)
    assert frame.loc[0, "kwh"] == pytest.approx(0.7 * 2.788e6, rel=1e-12)
    assert bill(1e18, device=1e15, utilisation=0.5).columns.tolist() == ["flops", "hours"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"device": "H10"}, "`device` must be one of 'A100', 'H100' and 'H200', or a number"),
        ({"utilisation": 40}, "at most 1; got 40"),
        ({"price": -1}, "`price` must be a positive number; got -1"),
        ({"flops": float("nan")}, "`flops` must be finite"),
    ],
)
def test_impossible_bills(options: dict[str, Any], message: str) -> None:
    """Per cent for a share is the usual slip."""
    with pytest.raises(ValueError, match=message):
        bill(**{"flops": 1e20, "device": "H100", "utilisation": 0.4, **options})


def _ladder() -> list[Transformer]:
    return [
        Transformer(width=64 * k, layers=k, heads=k, vocabulary=50304, context=2048)
        for k in (4, 6, 8, 12, 16, 24, 32, 48)
    ]


@pytest.mark.parametrize("counted", ["N", "N_no_emb"])
def test_cost_of_a_ladder_of_shapes(counted: str) -> None:
    """Exact at the shapes, in between between them, and a plan with it spends the budget."""
    shapes = _ladder()
    cost = shape_cost(shapes, "palm", counted)
    sizes = np.array([getattr(shape, counted) for shape in shapes], dtype=float)
    tokens = np.array(
        [shape.flops().loc["palm", "flops_per_token"] for shape in shapes], dtype=float
    )

    np.testing.assert_allclose(cost(sizes, 3.0), 3.0 * tokens, rtol=1e-12)
    middle = cost(np.sqrt(sizes[1:] * sizes[:-1]), 1.0)
    np.testing.assert_allclose(middle, np.sqrt(tokens[1:] * tokens[:-1]), rtol=1e-12)
    assert (np.diff(cost(np.geomspace(1e4, 1e13, 200), 1.0)) > 0).all()
    plan = sl.optimal(EPOCH, C=1e20, cost=cost).iloc[0]
    assert cost(plan["N"], plan["D"]) == pytest.approx(1e20, rel=1e-9)
    near = plan["N"] * np.array([0.99, 1.01])
    worse = CHINCHILLA_LAW.value(EPOCH.values, N=near, D=1e20 / cost(near, 1.0))
    assert (worse > plan["loss"]).all()


def test_what_is_counted_moves_the_exponent() -> None:
    """Pearce and Song 2024, arXiv:2406.12907: without embeddings, N grows faster at small scale."""
    shapes = _ladder()
    ratio = np.array([s.N_no_emb / s.N for s in shapes])
    total = np.array([s.N for s in shapes], dtype=float)
    plan = sl.optimal(EPOCH, C=[1e17, 1e18], cost=shape_cost(shapes, "6N"))
    without = plan["N"] * np.interp(np.log(plan["N"]), np.log(total), ratio)
    both = [np.log(n.iloc[1] / n.iloc[0]) / np.log(10) for n in (plan["N"], without)]

    assert both[0] == pytest.approx(0.5126, abs=1e-3)
    assert both[1] > 0.6


@pytest.mark.parametrize("law", [EPOCH, HOFFMANN])
def test_frontier_without_embeddings(law: Published) -> None:
    """The local exponent of Pearce and Song 2024, arXiv:2406.12907, and its limit."""
    omega = 47491.0  # of the Chinchilla models: N + omega N^(1/3) parameters in all
    line = sl.Law("E + A/(N + omega*N**(1/3))**alpha + B/D**beta")
    bridged = Published(line, {**law.values, "omega": omega})
    alpha, beta = law.values["alpha"], law.values["beta"]
    for size in (1e3, 1e6, 768e6, 1.58e9, 1e15):
        near = sl.optimal(bridged, N=size * np.array([0.999, 1.001]))
        found = np.log(1.001 / 0.999) / np.log(near["C"].iloc[1] / near["C"].iloc[0])
        x = size ** (2 / 3)
        inverse = 1 - (x + omega / 9) / (x + omega / 3) / beta
        inverse += (alpha + 1) / beta * (x + omega / 3) / (x + omega)

        assert found == pytest.approx(1 / inverse, rel=1e-5)
    assert found == pytest.approx(beta / (alpha + beta), rel=1e-4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([_ladder()[0]],), "`shapes` must have two sizes or more"),
        ((_ladder(), "8N"), "`convention` must be '6N'"),
        ((_ladder(), "6N", "M"), "`counted` must be 'N', 'N_active'"),
    ],
)
def test_impossible_ladders(arguments: tuple[Any, ...], message: str) -> None:
    """Each says what may stand there."""
    with pytest.raises(ValueError, match=message):
        shape_cost(*arguments)
