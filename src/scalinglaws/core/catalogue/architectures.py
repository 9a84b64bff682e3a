"""Mixtures of experts, sparse weights and low precision."""

from __future__ import annotations

from scalinglaws.core.catalogue.entry import (
    DECAY,
    NOT_NEGATIVE,
    NOT_STATED,
    Coefficients,
    Entry,
    Reference,
)

_READ = "read in the paper, second hand"
_EXPERTS = "1/(1/(n_exp - 1 + 1/(1/E_start - 1/E_max)) + 1/E_max)"
_SATURATION = {"E_start": "effective experts of a dense model", "E_max": "most effective experts"}

ENTRIES = (
    Entry(
        name="clark",
        aliases=("routed-experts",),
        formula=(
            f"loss ~ 10**(d + a*log10(N) + (b + c*log10(N))*log10(E_eff)) where E_eff = {_EXPERTS}"
        ),
        variables={"N": "parameters seen by a token", "n_exp": "experts"},
        summary="Loss of routed models: a power of size and of experts, with an interaction.",
        reference=Reference("Clark et al.", 2022, "2202.01169"),
        topics=("mixture of experts", "loss"),
        traps="All runs saw 130B tokens. E_start and E_max are weakly determined; more experts "
        "help only below 10**(-b/c) parameters.",
        parameters=_SATURATION,
        bounds={"E_start": (1.0, 1e4), "E_max": (1.0, 1e6)},
        published=tuple(
            Coefficients(
                name,
                {"d": d, "a": a, "b": b, "c": c, "E_start": start, "E_max": most},
                data="routed language models at 130B tokens",
                method=NOT_STATED,
                counting="N parameters of the dense model: those that a token sees",
                verified=_READ,
            )
            for name, a, b, c, d, start, most in (
                ("s-base", -0.082, -0.108, 0.009, 1.104, 1.847, 314.478),
                ("rl-r", -0.083, -0.126, 0.012, 1.111, 1.880, 469.982),
                ("hash", -0.087, -0.136, 0.012, 1.157, 4.175, 477.741),
            )
        ),
    ),
    Entry(
        name="krajewski",
        aliases=("fine-grained-experts",),
        formula="loss ~ c + (g/G**gamma + a)/N**alpha + b/D**beta",
        variables={
            "N": "parameters, experts included",
            "D": "training tokens",
            "G": "granularity: width of the dense layer over that of an expert",
        },
        summary="Finer experts lower the cost of a finite model.",
        reference=Reference("Krajewski et al.", 2024, "2402.07871"),
        topics=("mixture of experts", "loss"),
        traps="Fitted at an expansion of 64; weight decay in the fit pulls the coefficients.",
        bounds={"alpha": DECAY, "beta": DECAY, "gamma": DECAY},
        published=(
            Coefficients(
                "krajewski2024",
                {"c": 0.47, "g": 2.1, "gamma": 0.58, "a": 18.1, "alpha": 0.115, "b": 30.8,
                 "beta": 0.147},
                data="mixtures of experts at an expansion of 64",
                method="Huber loss of log residuals, delta 0.1, BFGS, with weight decay 5e-4",
                counting="N parameters, experts included",
                verified=_READ,
            ),
        ),
    ),
    Entry(
        name="abnar",
        aliases=("sparse-experts",),
        formula=(
            "loss ~ e + a/N**alpha + b/D**beta + c/(1 - S)**lambda_ + d/((1 - S)**delta * N**gamma)"
        ),
        variables={
            "N": "parameters, inactive ones included",
            "D": "training tokens",
            "S": "share of experts that are inactive",
        },
        summary="Sparsity of experts as a term of its own and in interaction with size.",
        reference=Reference("Abnar et al.", 2025, "2501.12370"),
        topics=("mixture of experts", "sparsity", "loss"),
        traps="Explains 99 % of the variance of the fitted runs and 68 % at the sparsity kept out "
        "(0.98): do not extrapolate in S.",
        bounds={"alpha": DECAY, "beta": DECAY, "gamma": (-10.0, 10.0), "delta": (-10.0, 10.0),
                "lambda_": (-10.0, 10.0)},
        published=(
            Coefficients(
                "abnar2025",
                {"e": 0.94, "a": 16612.50, "alpha": 0.5962, "b": 5455.67, "beta": 0.3954,
                 "c": 0.4598, "lambda_": -0.1666, "d": 17.26, "delta": 0.1603, "gamma": 0.1595},
                data="mixtures of experts of several sparsities, those of 0.98 kept out",
                method="Huber loss of log residuals, delta 1e-3",
                counting="N parameters, inactive experts included",
                verified=_READ + "; the same ten numbers appear in an independent code file",
            ),
        ),
    ),
    Entry(
        name="ludziejewski",
        aliases=("joint-experts",),
        formula=(
            "loss ~ c + a*E_eff**delta * N**(alpha + gamma*log(E_eff)) "
            f"+ b*E_eff**omega * D**(beta + zeta*log(E_eff)) where E_eff = {_EXPERTS}"
        ),
        variables={"N": "active parameters", "D": "training tokens", "n_exp": "experts"},
        summary="Experts change the exponents of size and of data.",
        reference=Reference("Ludziejewski et al.", 2025, "2502.05172"),
        topics=("mixture of experts", "loss", "compute-optimal"),
        traps="Eleven parameters: E_start and E_max are best fixed.",
        parameters=_SATURATION,
        bounds={"alpha": (-10.0, 0.0), "beta": (-10.0, 0.0), "E_start": (1.0, 1e4),
                "E_max": (1.0, 1e6)},
        published=(
            Coefficients(
                "ludziejewski2025",
                {"c": 1.3637, "a": 35.91, "alpha": -0.1889, "delta": -0.2285, "gamma": 0.0098,
                 "E_start": 2.0732, "E_max": 290.4521, "b": 35.98, "beta": -0.1775,
                 "omega": 0.5529, "zeta": -0.0259},
                data="over 280 runs on FineWeb-Edu, up to 32 experts, one of them active",
                method="Huber loss of log residuals, delta 0.01, bad runs weighted down",
                counting="N active parameters, embeddings included",
                verified="read in the paper (table 3); losses by its table 4, which follows from "
                "them, agree to 5e-4",
            ),
        ),
    ),
    Entry(
        name="frantar",
        aliases=("weight-sparsity",),
        formula="loss ~ (a_S*(1 - S)**b_S + c_S)/N**b_N + (a_D/D)**b_D + c",
        variables={
            "N": "parameters that are not zero",
            "D": "training tokens or examples",
            "S": "share of weights that are zero",
        },
        summary="Sparse weights act as a factor on the cost of a finite model.",
        reference=Reference("Frantar et al.", 2023, "2309.08520"),
        topics=("sparsity", "loss"),
        traps="N counts the weights that remain; sparsity was reached gradually in training.",
        bounds={"b_S": (-10.0, 10.0), "b_N": DECAY, "b_D": DECAY, "a_D": NOT_NEGATIVE},
    ),
    Entry(
        name="kumar",
        aliases=("precision",),
        formula="loss ~ E + A/(N*(1 - exp(-P/gamma)))**alpha + B/D**beta",
        variables={
            "N": "parameters",
            "D": "training tokens",
            "P": "precision of the weights in training [bits]",
        },
        summary="Low precision in training acts as fewer parameters.",
        reference=Reference("Kumar et al.", 2024, "2411.04330"),
        topics=("precision", "quantisation", "loss"),
        traps="One factor for each of weights, activations and cache in the paper; with one "
        "precision for all, one factor stands for their product.",
        parameters={"gamma": "sensitivity to precision [bits]"},
        bounds={"alpha": DECAY, "beta": DECAY, "gamma": (1e-3, 1e3), "A": NOT_NEGATIVE,
                "B": NOT_NEGATIVE, "E": NOT_NEGATIVE},
    ),
    Entry(
        name="kumar-parts",
        aliases=("precision-of-parts",),
        formula=(
            "loss ~ E + A/N_eff**alpha + B/D**beta where N_eff = "
            "N*(1 - exp(-P_w/gamma_w))*(1 - exp(-P_a/gamma_a))*(1 - exp(-P_kv/gamma_kv))"
        ),
        variables={
            "N": "parameters",
            "D": "training tokens",
            "P_w": "precision of the weights in training [bits]",
            "P_a": "precision of the activations [bits]",
            "P_kv": "precision of the key-value cache [bits]",
        },
        summary="Low precision of weights, activations and cache, each as fewer parameters.",
        reference=Reference("Kumar et al.", 2024, "2411.04330"),
        topics=("precision", "quantisation", "loss"),
        traps="A factor is seen only where its precision varies below some eight bits. The paper's "
        "own fit shifts each precision by a constant and ties beta to alpha.",
        parameters={f"gamma_{part}": "sensitivity to that precision [bits]"
                    for part in ("w", "a", "kv")},
        bounds={"alpha": DECAY, "beta": DECAY, "A": NOT_NEGATIVE, "B": NOT_NEGATIVE,
                "E": NOT_NEGATIVE,
                **{f"gamma_{part}": (1e-3, 1e3) for part in ("w", "a", "kv")}},
    ),
    Entry(
        name="kumar-ptq",
        aliases=("quantisation",),
        formula="delta ~ C_T * D**gamma_D / N**gamma_N * exp(-P/gamma_post)",
        variables={
            "N": "parameters",
            "D": "training tokens",
            "P": "precision after training [bits]",
        },
        summary="Loss added by quantising after training: more data make a model more fragile.",
        reference=Reference("Kumar et al.", 2024, "2411.04330"),
        topics=("precision", "quantisation", "loss"),
        traps="The performance is the loss added, which must be positive.",
        bounds={"gamma_post": (1e-3, 1e3)},
    ),
    Entry(
        name="ouyang",
        aliases=("low-bit-quantisation",),
        formula="delta ~ k * D**beta / (N**alpha * P**gamma)",
        variables={
            "N": "parameters",
            "D": "training tokens",
            "P": "precision after training [bits]",
        },
        summary="Loss added by low-bit quantisation, as powers of data, size and bits.",
        reference=Reference("Ouyang et al.", 2024, "2411.17691"),
        topics=("precision", "quantisation", "loss", "power law"),
        traps="The performance is the loss added, which must be positive.",
        published=(
            Coefficients(
                "gptq-pythia",
                {"k": 0.017, "beta": 0.5251, "alpha": 0.2261, "gamma": 5.4967},
                data="Pythia models quantised by GPTQ",
                method=NOT_STATED,
                counting=NOT_STATED,
                verified="read in the paper",
            ),
        ),
    ),
    Entry(
        name="chen-qat",
        aliases=("quantisation-aware",),
        formula="delta ~ k * D**gamma_D * log2(G)**gamma_G / N**gamma_N",
        variables={
            "N": "parameters",
            "D": "training tokens",
            "G": "weights that share a scale (group size)",
        },
        summary="Loss added by quantisation-aware training.",
        reference=Reference("Chen et al.", 2025, "2505.14302"),
        topics=("precision", "quantisation", "loss", "power law"),
        traps="The performance is the loss added, which must be positive.",
        published=tuple(
            Coefficients(
                name,
                {"k": k, "gamma_D": by_d, "gamma_G": by_g, "gamma_N": by_n},
                data=f"quantisation-aware training with {data}",
                method=NOT_STATED,
                counting=NOT_STATED,
                verified="read in the paper (table 1)",
            )
            for name, data, k, by_n, by_d, by_g in (
                ("w4a4", "weights and activations in 4 bits", 0.1582, 0.2186, 0.0745, 0.7779),
                ("w4a16", "weights in 4 bits", 0.2522, 0.3589, 0.1610, 0.3533),
                ("w16a4", "activations in 4 bits", 0.1004, 0.1816, 0.0331, 0.9812),
            )
        ),
    ),
)  # fmt: skip
