"""Learning rate, batch size and allocation as powers of size, data and compute."""

from __future__ import annotations

from scalinglaws.core.catalogue.entry import NOT_STATED, Coefficients, Entry, Reference

_DEEPSEEK = Reference("DeepSeek-AI", 2024, "2401.02954")
_STEP = Reference("Li et al.", 2025, "2503.04715")
_PORIAN = Reference("Porian et al.", 2024, "2406.19146")
_READ = "read in the paper, second hand"
_COUNT_M = "training compute [FLOP], M D with M = 72 n_layer d^2 + 12 n_layer d l_seq"
_N_BODY = "parameters without embeddings"
_NEAR = "models within 0.25 % of the best loss of their budget"
_GRIDS = "grids of learning rate and batch size, at many sizes and numbers of tokens"
_GRID_METHOD = "log-linear least squares on runs within 0.25 % of each grid's minimum"
_SWEEPS = "sweeps of learning rate and batch size of models up to 220M parameters"
_SWEEP_METHOD = "power law through the best of each size"
_N_LINEAR = "N with the output head, without the embedding"
_TOPIC_LR = ("hyper-parameter", "learning rate", "power law")
_TOPIC_BATCH = ("hyper-parameter", "batch size", "power law")

ENTRIES = (
    Entry(
        name="deepseek-lr",
        formula="lr ~ a * C**b",
        variables={"C": _COUNT_M},
        summary="Near-optimal learning rate for a compute budget.",
        reference=_DEEPSEEK,
        topics=_TOPIC_LR,
        traps="Near-optimal means within 0.25 % of the best loss. Some tables misprint the factor "
        "as 0.3188.",
        published=(
            Coefficients(
                "deepseek2024", {"a": 0.3118, "b": -0.1250}, verified=_READ,
                data=_NEAR, method=NOT_STATED, counting="C = M D",
            ),
        ),
    ),
    Entry(
        name="deepseek-batch",
        formula="batch ~ a * C**b",
        variables={"C": _COUNT_M},
        summary="Near-optimal batch size for a compute budget.",
        reference=_DEEPSEEK,
        topics=_TOPIC_BATCH,
        traps="Near-optimal means within 0.25 % of the best loss.",
        published=(
            Coefficients(
                "deepseek2024", {"a": 0.2920, "b": 0.3271}, verified=_READ,
                data=_NEAR, method=NOT_STATED, counting="batch in tokens, C = M D",
            ),
        ),
    ),
    Entry(
        name="deepseek-allocation",
        formula="D ~ a * C**b",
        variables={"C": _COUNT_M},
        summary="Compute-optimal training tokens for a compute budget.",
        reference=_DEEPSEEK,
        topics=("compute-optimal", "power law"),
        traps="The model scale M counts FLOP per token, not parameters.",
        published=(
            Coefficients(
                "deepseek2024", {"a": 5.8316, "b": 0.4757}, verified=_READ,
                data=NOT_STATED, method=NOT_STATED, counting="D tokens, C = M D",
            ),
        ),
    ),
    Entry(
        name="llama3-allocation",
        formula="D ~ A * C**alpha",
        variables={"C": "training compute [FLOP]"},
        summary="Compute-optimal training tokens for a compute budget.",
        reference=Reference("Grattafiori et al.", 2024, "2407.21783", "sec. 3.2.1"),
        topics=("compute-optimal", "power law"),
        traps="Written as N* in the text, but tokens. The rounded (0.53, 0.29) gives 1.05e13 "
        "tokens at 3.8e25 FLOP, the figure's digits 1.63e13.",
        published=(
            Coefficients(
                "llama3", {"A": 0.299, "alpha": 0.537}, verified=_READ,
                data="IsoFLOP profiles of 6e18 to 1e22 FLOP",
                method="power law through the minima of parabolas in the logarithm of tokens",
                counting="D tokens, C in FLOP",
                note="Digits of the figure; the text rounds to 0.29 and 0.53.",
            ),
        ),
    ),
    Entry(
        name="steplaw-lr",
        formula="lr ~ a * N**b * D**c",
        variables={"N": _N_BODY, "D": "training tokens"},
        summary="Optimal peak learning rate for a size and a number of tokens.",
        reference=_STEP,
        topics=_TOPIC_LR,
        traps="Amplitude and exponents trade off: refits of the released grids give other "
        "constants and the same predictions inside them.",
        published=(
            Coefficients(
                "steplaw2025", {"a": 1.79, "b": -0.713, "c": 0.307},
                data=_GRIDS, counting="N without embeddings, D tokens",
                method=_GRID_METHOD,
                verified="read in the authors' repository; means of its 1000 resamples are 1.797, "
                "-0.7129, 0.3075",
            ),
        ),
    ),
    Entry(
        name="steplaw-batch",
        formula="batch ~ a * D**b",
        variables={"D": "training tokens"},
        summary="Optimal batch size for a number of tokens.",
        reference=_STEP,
        topics=_TOPIC_BATCH,
        traps="The minima are shallow: a factor of two is often below 0.1 % of the loss.",
        published=(
            Coefficients(
                "steplaw2025", {"a": 0.58, "b": 0.571},
                data=_GRIDS, method=_GRID_METHOD, counting="batch and D in tokens",
                verified="read in the authors' repository; means of its 1000 resamples are 0.5807, "
                "0.5709",
            ),
        ),
    ),
    Entry(
        name="porian-lr",
        formula="lr ~ a * N**b",
        variables={"N": "parameters of linear layers, head included, embedding not"},
        summary="Tuned learning rate for a size, at its compute-optimal number of tokens.",
        reference=_PORIAN,
        topics=_TOPIC_LR,
        traps="beta_2 of the optimiser was 0.99 up to 220M parameters.",
        published=(
            Coefficients(
                "porian2024", {"a": 3.7, "b": -0.36}, verified=_READ,
                data=_SWEEPS, method=_SWEEP_METHOD, counting=_N_LINEAR,
            ),
        ),
    ),
    Entry(
        name="porian-batch",
        formula="batch ~ a * N**b",
        variables={"N": "parameters of linear layers, head included, embedding not"},
        summary="Tuned batch size for a size, at its compute-optimal number of tokens.",
        reference=_PORIAN,
        topics=_TOPIC_BATCH,
        traps="Batches are counted in sequences, and were tuned on compute-optimal runs up to 220M "
        "parameters.",
        published=(
            Coefficients(
                "porian2024", {"a": 0.00037, "b": 0.703}, verified=_READ,
                data=_SWEEPS, method=_SWEEP_METHOD,
                counting=f"batch in sequences of 2048 tokens; {_N_LINEAR}",
            ),
        ),
    ),
)  # fmt: skip
