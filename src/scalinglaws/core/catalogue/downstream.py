"""From loss or compute to accuracy, error, reward and coverage."""

from __future__ import annotations

from scalinglaws.core.catalogue.entry import (
    DECAY,
    NOT_COUNTED,
    NOT_NEGATIVE,
    NOT_STATED,
    Coefficients,
    Entry,
    Reference,
)

_LOSS = "loss, or bits per byte, on the task or in training"
_UNIT = (0.0, 1.0)

ENTRIES = (
    Entry(
        name="accuracy-sigmoid",
        aliases=("olmo-accuracy", "bhagia"),
        formula="accuracy ~ floor + (ceiling - floor)*sigmoid(k*(L_0 - loss))",
        variables={"loss": _LOSS},
        summary="Accuracy as a logistic function of loss, between a floor and a ceiling.",
        reference=Reference("Bhagia et al.", 2024, "2412.04403"),
        topics=("downstream", "accuracy", "link"),
        traps="A ceiling above the best run is extrapolation: fix the floor at chance and the "
        "ceiling at 1, unless runs come near a lower one. The error of ten tasks of the OLMo "
        "ladder at 13B is 7 % that way, and 12 % with the floor alone.",
        parameters={"L_0": "loss half-way", "k": "steepness", "floor": "chance level"},
        limits=_UNIT,
        bounds={"floor": _UNIT, "ceiling": _UNIT, "k": NOT_NEGATIVE},
    ),
    Entry(
        name="accuracy-exponential",
        formula="accuracy ~ floor + (1 - floor)*exp(-k*loss)",
        variables={"loss": _LOSS},
        summary="Exact match of independent tokens above a floor.",
        reference=Reference("Schaeffer et al.", 2023, "2304.15004"),
        topics=("downstream", "accuracy", "link"),
        traps="A sum over many tokens in one exponent: items of different length do not fit it.",
        limits=_UNIT,
        bounds={"floor": _UNIT, "k": NOT_NEGATIVE},
    ),
    Entry(
        name="accuracy-cloglog",
        formula="accuracy ~ floor - (ceiling - floor)*expm1(-exp(k*(L_0 - loss)))",
        variables={"loss": _LOSS},
        summary="Complementary log-log link: steep on its way to the ceiling, slow from the floor.",
        reference=Reference("McCullagh and Nelder", 1989, where="Generalized Linear Models"),
        topics=("downstream", "accuracy", "link"),
        traps="Like the logistic one where the runs stay in the middle.",
        parameters={"L_0": "loss at which 63 % of the way is gone", "floor": "chance level"},
        limits=_UNIT,
        bounds={"floor": _UNIT, "ceiling": _UNIT, "k": NOT_NEGATIVE},
    ),
    Entry(
        name="gadre-error",
        aliases=("error-exponential",),
        formula="error ~ eps - k*exp(-gamma*loss)",
        variables={"loss": "validation loss [nat per token]"},
        summary="Average downstream error as an exponential of the loss.",
        reference=Reference("Gadre et al.", 2024, "2403.08540", "eq. 5"),
        topics=("downstream", "error", "link"),
        traps="eps is what the curve tends to at high loss, not the error of chance.",
        limits=_UNIT,
        bounds={"gamma": DECAY},
        published=tuple(
            Coefficients(
                name,
                {"eps": eps, "k": k, "gamma": gamma},
                data=f"models up to 1.4B parameters, {label}",
                method="least squares of the error",
                counting=NOT_COUNTED,
                verified="recomputed with the authors' code",
            )
            for name, label, eps, k, gamma in (
                ("c4-17", "trained on C4, 17 tasks", 0.8497, 2.0789, 0.7561),
                ("c4-46", "trained on C4, 46 tasks", 0.7589, 1.2885, 0.9722),
                ("redpajama-17", "trained on RedPajama, 17 tasks", 0.8570, 2.2065, 0.7146),
                ("redpajama-46", "trained on RedPajama, 46 tasks", 0.7608, 1.3229, 0.8907),
                ("refinedweb-17", "trained on RefinedWeb, 17 tasks", 0.8653, 2.2148, 0.7070),
                ("refinedweb-46", "trained on RefinedWeb, 46 tasks", 0.7677, 1.1281, 0.8215),
            )
        ),
    ),
    Entry(
        name="loss-to-loss",
        aliases=("brandfonbrener",),
        formula="loss ~ K*(loss_0 - E_0)**kappa + E_1",
        variables={"loss_0": "loss on the first data set [nat per token]"},
        summary="The loss on one data set as a shifted power of that on another.",
        reference=Reference("Brandfonbrener et al.", 2024, "2411.12925"),
        topics=("downstream", "loss", "link"),
        traps="The two floors come from fits of each loss alone; fitted here, they trade off.",
        parameters={"E_0": "irreducible loss on the first set", "E_1": "on the second"},
        bounds={"kappa": DECAY, "E_0": NOT_NEGATIVE, "E_1": NOT_NEGATIVE, "K": NOT_NEGATIVE},
    ),
    Entry(
        name="observational",
        aliases=("ruan",),
        formula="accuracy ~ h*sigmoid(a + b*log(C))",
        variables={"C": "training compute [FLOP], of one family; or a capability's exponential"},
        summary="Accuracy as a logistic function of log compute within a family.",
        reference=Reference("Ruan et al.", 2024, "2405.10938"),
        topics=("downstream", "accuracy", "observational", "link"),
        traps="Families have intercepts of their own, which are not causal.",
        parameters={"h": "ceiling"},
        limits=_UNIT,
        bounds={"h": _UNIT, "b": NOT_NEGATIVE},
    ),
    Entry(
        name="pass-at-k",
        aliases=("brown",),
        formula="coverage ~ exp(-a / k**b)",
        variables={"k": "samples per problem"},
        summary="Share of problems solved by at least one of k samples.",
        reference=Reference("Brown et al.", 2024, "2407.21787"),
        topics=("test time", "accuracy", "pass@k"),
        traps="A power law only where many problems are nearly unsolvable; use the unbiased "
        "estimate of pass@k.",
        limits=_UNIT,
        bounds={"a": NOT_NEGATIVE, "b": DECAY},
    ),
    Entry(
        name="scalerl",
        aliases=("rl-compute", "khatri"),
        formula="reward ~ R_0 + (A - R_0)/(1 + (C_mid/C)**B)",
        variables={"C": "training compute [FLOP or GPU-hours]"},
        summary="Pass rate of reinforcement learning: sigmoid in log compute.",
        reference=Reference("Khatri et al.", 2025, "2510.13786"),
        topics=("reinforcement learning", "test time", "saturation"),
        traps="A and C_mid are confounded until C is a few times C_mid. Fix R_0 at the initial "
        "policy's pass rate, and leave the first steps out.",
        parameters={"A": "asymptotic pass rate", "C_mid": "compute half-way"},
        limits=_UNIT,
        bounds={"A": _UNIT, "R_0": _UNIT, "B": DECAY},
    ),
    Entry(
        name="jones",
        aliases=("iso-elo",),
        formula="test ~ 10**(a + b*elo) / train**c",
        variables={"train": "training compute [FLOP]", "elo": "playing strength [Elo]"},
        summary="Compute at test time that makes up for compute in training, at equal strength.",
        reference=Reference("Jones", 2021, "2104.03113"),
        topics=("test time", "compute"),
        traps="Board games.",
        published=(
            Coefficients(
                "hex", {"a": 29.0, "b": 0.004, "c": 1.2}, data="Hex",
                method=NOT_STATED, counting=NOT_STATED,
                verified="read in the paper, second hand",
            ),
        ),
    ),
)  # fmt: skip
