"""Loss of language models as a function of size, data, steps and compute."""

from __future__ import annotations

from math import exp

from scalinglaws.core.catalogue.entry import (
    DECAY,
    NOT_NEGATIVE,
    NOT_STATED,
    Coefficients,
    Entry,
    Reference,
)

_N = "parameters"
_N_TOTAL = "parameters, embeddings included"
_N_BODY = "parameters without embeddings"
_D = "training tokens"
_KAPLAN = "2001.08361"
_READ = "read in the paper, second hand"
PF_DAY = 8.64e19  # FLOP


def _kaplan(where: str) -> Reference:
    return Reference("Kaplan et al.", 2020, _KAPLAN, where)


_SURFACE = "Irreducible loss plus what a finite model and finite data cost."
_CHINCHILLA_SETS = (
    Coefficients(
        "epoch2024",
        {"E": 1.8172, "A": 482.01, "alpha": 0.3478, "B": 2085.43, "beta": 0.3658},
        reference=Reference("Besiroglu et al.", 2024, "2404.10102"),
        data="240 Chinchilla runs digitised from a figure; the five highest losses left out",
        method="Huber loss of log residuals as printed (delta 1e-3); in effect least absolute "
        "deviations, which reproduce it to five digits",
        counting="N total parameters, D = C/(6N)",
        verified="read in the authors' notebook, and recomputed from the 240 runs",
        note="The stated objective itself has its minimum at A 477.83, B 2143.42, E 1.81722, alpha "
        "0.34731, beta 0.36717.",
    ),
    Coefficients(
        "epoch2024-stated-objective",
        {"E": 1.8172180986, "A": 477.825863226, "alpha": 0.347310498249, "B": 2143.41738136,
         "beta": 0.367172433049},
        reference=Reference("Besiroglu et al.", 2024, "2404.10102"),
        data="the same 240 runs",
        method="sum of Huber losses of log residuals, delta 1e-3, at its global minimum",
        counting="N total parameters, D = C/(6N)",
        verified="recomputed from the 240 runs, checked in 40-digit arithmetic",
    ),
    Coefficients(
        "hoffmann2022-tex",
        {"E": exp(0.5267228), "A": exp(6.0073404), "alpha": 0.33917084, "B": exp(6.0179186),
         "beta": 0.2849083},
        data="over 400 runs, 70M to 16B parameters, MassiveText",
        method="approach 3: Huber loss of log residuals, delta 1e-3, L-BFGS",
        counting="N total parameters, C counted in full (close to 6ND)",
        verified="digits of the paper's source, read in Besiroglu et al.'s notebook",
        note="The optimiser had stopped early (Besiroglu et al. 2024): these are not the optimum.",
    ),
    Coefficients(
        "hoffmann2022",
        {"E": 1.69, "A": 406.4, "alpha": 0.34, "B": 410.7, "beta": 0.28},
        data="over 400 runs, 70M to 16B parameters, MassiveText",
        method="approach 3, as printed",
        counting="N total parameters, C counted in full (close to 6ND)",
        verified="read in the paper",
        note="Rounding alone moves the optimal D/N at 5.76e23 FLOP from 59 to 93; prefer "
        "hoffmann2022-tex.",
    ),
    Coefficients(
        "sardana2024",
        {"E": 1.45, "A": 33.66, "alpha": 0.18, "B": 138.9, "beta": 0.24},
        reference=Reference("Sardana et al.", 2024, "2401.00448"),
        data="runs up to 10,000 tokens per parameter",
        method=NOT_STATED,
        counting=NOT_STATED,
        verified=_READ,
        note="With fewer tokens per parameter the same form gave alpha .08, beta .13: the "
        "exponents are local. Two digits only.",
    ),
    Coefficients(
        "chen2025",
        {"E": 1.9279, "A": 237.7042, "alpha": 0.3022, "B": 596.2490, "beta": 0.3022},
        reference=Reference("Chen et al.", 2025, "2505.14302", "table 1"),
        data="runs without quantisation, beside those with it",
        method="exponents tied",
        counting=NOT_STATED,
        verified="read in the paper",
    ),
    Coefficients(
        "muennighoff2023-single-epoch",
        {"E": exp(0.6254804), "A": exp(6.255414), "alpha": 0.3526596, "B": exp(7.3049974),
         "beta": 0.3526596},
        reference=Reference("Muennighoff et al.", 2023, "2305.16264"),
        data="54 single-epoch runs on C4",
        method="Huber loss of log residuals, delta 1e-3, exponents tied",
        counting="D tokens, none repeated",
        verified="read in the authors' notebook",
    ),
)  # fmt: skip

ENTRIES = (
    Entry(
        name="chinchilla",
        formula="loss ~ E + A/N**alpha + B/D**beta",
        variables={"N": _N_TOTAL, "D": "training tokens, one epoch"},
        summary=_SURFACE,
        reference=Reference("Hoffmann et al.", 2022, "2203.15556", "eq. 2"),
        topics=("language model", "loss", "compute-optimal"),
        traps="A, B and the exponents trade off along a ridge: round none of them. Learning-rate "
        "schedules must end where training ends, and early checkpoints are not such runs.",
        published=_CHINCHILLA_SETS,
    ),
    Entry(
        name="outer-power",
        aliases=("nested",),
        formula="loss ~ E + smoothmax(A/N**alpha, B/D**beta, q)",
        variables={"N": _N, "D": _D},
        summary="The family between Chinchilla (q = 1), Kaplan (E = 0) and a bottleneck (q to 0).",
        reference=Reference("Busbridge et al.", 2025, "2502.08606", "in other letters"),
        topics=("language model", "loss", "compute-optimal"),
        traps="q is seen only where both terms matter and nearly trades off with the exponents; "
        "exponents of the optimum are those of Chinchilla for every q.",
        bounds={"alpha": DECAY, "beta": DECAY, "q": (0.01, 20.0)},
    ),
    Entry(
        name="kaplan",
        formula="loss ~ ((N_c/N)**(alpha_N/alpha_D) + D_c/D)**alpha_D",
        variables={"N": _N_BODY, "D": "tokens of the training set"},
        summary="Loss of early-stopped training as a function of model and data size.",
        reference=_kaplan("eq. 1.5"),
        topics=("language model", "loss"),
        traps="No irreducible loss. Runs were early-stopped over many epochs with dropout, so that "
        "C = 6ND does not hold for it.",
        # at an alpha_D of 0 it is the larger of two terms, and has no derivatives
        bounds={"alpha_N": (0.0, 10.0), "alpha_D": (0.01, 10.0)},
        published=(
            Coefficients(
                "kaplan2020",
                {"N_c": 6.4e13, "alpha_N": 0.076, "alpha_D": 0.103, "D_c": 1.8e13},
                data="WebText2, stopped early under dropout",
                method=NOT_STATED,
                counting="N without embeddings, D tokens of the set (not tokens seen)",
                verified=_READ,
            ),
        ),
    ),
    Entry(
        name="kaplan-params",
        formula="loss ~ (N_c/N)**alpha_N",
        variables={"N": _N_BODY},
        summary="Loss of models trained to convergence on ample data.",
        reference=_kaplan("eq. 1.1"),
        topics=("language model", "loss", "power law"),
        traps="N_c is the size at which the loss would be 1 nat: it means nothing by itself.",
        bounds={"alpha_N": NOT_NEGATIVE},
        published=(
            Coefficients(
                "kaplan2020", {"N_c": 8.8e13, "alpha_N": 0.076}, data="WebText2", verified=_READ,
                method=NOT_STATED, counting="N without embeddings",
            ),
        ),
    ),
    Entry(
        name="kaplan-data",
        formula="loss ~ (D_c/D)**alpha_D",
        variables={"D": "tokens of the training set"},
        summary="Loss of large models stopped early on limited data.",
        reference=_kaplan("eq. 1.2"),
        topics=("language model", "loss", "power law"),
        traps="D is the size of the set, not the tokens seen.",
        bounds={"alpha_D": NOT_NEGATIVE},
        published=(
            Coefficients(
                "kaplan2020", {"D_c": 5.4e13, "alpha_D": 0.095}, data="WebText2", verified=_READ,
                method=NOT_STATED, counting="D tokens of the set (not tokens seen)",
            ),
        ),
    ),
    Entry(
        name="kaplan-compute",
        formula="loss ~ (C_c/C)**alpha_C",
        variables={"C": "training compute [FLOP], at a batch well below critical"},
        summary="Loss of the best model for a compute budget.",
        reference=_kaplan("eq. 1.3"),
        topics=("language model", "loss", "power law", "compute"),
        traps="The paper counts compute in PF-days (8.64e19 FLOP); here it is FLOP.",
        bounds={"alpha_C": NOT_NEGATIVE},
        published=(
            Coefficients(
                "kaplan2020", {"C_c": 3.1e8 * PF_DAY, "alpha_C": 0.050}, data="WebText2",
                method=NOT_STATED, verified=_READ,
                counting="C_min, non-embedding; 3.1e8 PF-days in the paper",
            ),
        ),
    ),
    Entry(
        name="kaplan-steps",
        formula="loss ~ (N_c/N)**alpha_N + (S_c/S)**alpha_S",
        variables={"N": _N_BODY, "S": "optimiser steps at a batch far above critical"},
        summary="Learning curves of all sizes: what a finite model and finite training cost.",
        reference=_kaplan("eq. 1.6"),
        topics=("language model", "loss", "learning curve"),
        traps="S is S_min = steps / (1 + B_crit/B), not the steps taken.",
        bounds={"alpha_N": DECAY, "alpha_S": DECAY},
    ),
    Entry(
        name="critical-batch",
        aliases=("kaplan-batch",),
        formula="batch ~ B_star / loss**(1/alpha_B)",
        variables={"loss": "training loss [nat per token]"},
        summary="The critical batch size grows as the loss falls.",
        reference=_kaplan("eq. 1.4"),
        topics=("hyper-parameter", "batch size", "power law"),
        traps="It measures noise of the gradient at a point of training, not the best batch.",
        bounds={"alpha_B": (1e-3, 10.0)},
        published=(
            Coefficients(
                "kaplan2020", {"B_star": 2e8, "alpha_B": 0.21}, data="WebText2", verified=_READ,
                method=NOT_STATED, counting="batch in tokens",
            ),
        ),
    ),
    Entry(
        name="rosenfeld",
        formula="error ~ eps_0/sqrt(1 + (eta/(D**-alpha + b/N**beta + c))**2)",
        variables={"D": "training examples", "N": _N},
        summary="Chance error eps_0 at small scale, the sum of two powers and a floor beyond.",
        reference=Reference("Rosenfeld et al.", 2020, "1909.12673"),
        topics=("error", "image classification", "saturation"),
        traps="Exponents live inside the envelope and on error: not those of a loss. Where chance "
        "error is known, fix eps_0.",
        parameters={"eta": "place of the transition from chance"},
        bounds={"alpha": DECAY, "beta": DECAY, "eps_0": NOT_NEGATIVE, "eta": (1e-12, float("inf"))},
    ),
    Entry(
        name="gadre",
        aliases=("over-training",),
        formula="loss ~ E + (a*(D/N)**eta + b*(D/N)**-eta) / C**eta",
        variables={"N": _N, "D": _D, "C": "training compute [FLOP]"},
        summary="Chinchilla with equal exponents, in compute and tokens per parameter.",
        reference=Reference("Gadre et al.", 2024, "2403.08540", "eq. 4"),
        topics=("language model", "loss", "over-training"),
        traps="Published fits rest on five runs each and imply 3 to 7 tokens per parameter as "
        "optimal. eta is half the exponent of N and D.",
        bounds={"eta": DECAY},
        published=tuple(
            Coefficients(
                name,
                {"E": e, "a": a, "b": b, "eta": eta},
                data=f"five runs up to 411M parameters on {label}, C4 loss",
                method="least squares of the loss",
                counting="N with embeddings, C = 6ND",
                verified="recomputed with the authors' code",
                note="Three to four digits: amplitude and exponent trade off.",
            )
            for name, label, e, a, b, eta in (
                ("c4", "C4", 1.5083, 141.3, 189.5, 0.1212),
                ("redpajama", "RedPajama", 1.8366, 212.2, 366.7, 0.1364),
                ("refinedweb", "RefinedWeb", 1.7345, 157.1, 246.2, 0.1272),
            )
        ),
    ),
    Entry(
        name="farseer",
        formula=(
            "loss ~ exp(c_3 + s_3*boxcox(N/1e9, g_3)) + exp(c_2 + s_2*boxcox(N/1e9, g_2)) "
            "* (D/1e9)**-exp(c_1 + s_1*boxcox(N/1e9, g_1))"
        ),
        variables={"N": _N_BODY, "D": _D},
        summary="The exponent of the data changes with the size of the model.",
        reference=Reference("Li et al.", 2025, "2506.10972"),
        topics=("language model", "loss"),
        traps="In the paper each exponent is a*N**g + b, where very different triples make one "
        "surface. Here it is c at 1e9 parameters, its slope s, and g: a = s/g, b = c - s/g for N "
        "and D in billions.",
        bounds={"g_1": (-2.0, 2.0), "g_2": (-2.0, 2.0), "g_3": (-2.0, 2.0), "s_3": (-10.0, 10.0),
                "s_2": (-10.0, 10.0), "s_1": (-10.0, 10.0), "c_1": (-10.0, 10.0)},
    ),
    Entry(
        name="tao",
        aliases=("vocabulary",),
        formula="loss ~ -E + A_1/(N_nv/1e6)**alpha_1 + A_2/(N_v/1e3)**alpha_2 + B/(D/1e9)**alpha_1",
        variables={
            "N_nv": "parameters outside the vocabulary",
            "N_v": "parameters of the vocabulary [thousands per 1e3 width: V d / 1e3]",
            "D": "training tokens, as the authors' script counts them",
        },
        summary="What the vocabulary's parameters contribute; loss normalised by unigrams.",
        reference=Reference("Tao et al.", 2024, "2407.13623"),
        topics=("language model", "loss", "vocabulary"),
        traps="The normalised loss is negative, so that fits need scale='level'. The vocabulary's "
        "term rests on a conversion of characters in which the vocabulary is in thousands.",
        bounds={"alpha_1": DECAY, "alpha_2": DECAY, "A_1": NOT_NEGATIVE, "A_2": NOT_NEGATIVE,
                "B": NOT_NEGATIVE},
        published=(
            Coefficients(
                "tao2024",
                {"E": 5.5327846803337435, "A_1": 1.8313851559554126, "A_2": 0.19584238398665638,
                 "B": 2.1241123120064955, "alpha_1": 0.44660634152009615,
                 "alpha_2": 0.6707374679896795},
                data="1,054 of the authors' 1,200 checkpoints: those above 2.18e17 FLOP",
                method="Huber loss of the level, delta 1e-3, L-BFGS-B",
                counting="N_nv without the vocabulary's matrices; D from characters, by a "
                "conversion of the authors' script",
                verified="read in the authors' repository; a refit reaches the same objective",
                note="The term of the vocabulary is weakly determined.",
            ),
        ),
    ),
    Entry(
        name="parscale",
        aliases=("parallel-streams",),
        formula="loss ~ E + (A/(N*(k*log(P) + 1)))**alpha",
        variables={"N": _N_BODY, "P": "parallel streams"},
        summary="P parallel streams act as k log P + 1 times the parameters.",
        reference=Reference("Chen et al.", 2025, "2505.10475"),
        topics=("language model", "loss", "test time"),
        traps="Fitted up to 8 streams, one data size each.",
        bounds={"alpha": DECAY, "k": NOT_NEGATIVE},
        published=(
            Coefficients(
                "stack-v2-python",
                {"E": 0.691208, "A": 1.131e7, "alpha": 0.189358, "k": 0.393466},
                data="24 runs on Stack-V2-Python",
                method="Huber loss of log residuals, delta 1e-3",
                counting="N without embeddings",
                verified="recomputed from the authors' table",
            ),
            Coefficients(
                "pile",
                {"E": 1.288583, "A": 1.975e8, "alpha": 0.196280, "k": 0.334446},
                data="24 runs on the Pile",
                method="Huber loss of log residuals, delta 1e-3",
                counting="N without embeddings",
                verified="recomputed from the authors' table",
            ),
        ),
    ),
    Entry(
        name="busbridge",
        aliases=("distillation-teacher",),
        formula="loss ~ E + (A/N**alpha + B/D**beta)**gamma",
        variables={"N": _N_BODY, "D": _D},
        summary="Chinchilla's two terms under a power; the supervised law of distillation.",
        reference=Reference("Busbridge et al.", 2025, "2502.08606", "supervised law"),
        topics=("language model", "loss", "distillation"),
        traps="Where one term dominates only alpha*gamma or beta*gamma is determined.",
        bounds={"alpha": DECAY, "beta": DECAY, "gamma": (1e-3, 10.0)},
        published=(
            Coefficients(
                "busbridge2025",
                {"E": 1.220, "A": 3355.0, "alpha": 0.408, "B": 18186.0, "beta": 0.431,
                 "gamma": 0.452},
                data="models trained without a teacher",
                method=NOT_STATED,
                counting="N without embeddings",
                verified="read second hand, in two sources that agree",
                note="Amplitudes and exponents trade off: three digits are few.",
            ),
        ),
    ),
    Entry(
        name="busbridge-student",
        aliases=("distillation",),
        formula=(
            "loss ~ L_T + L_T**-c_0 * smoothmax(1, L_T/(L_S*d_1), f_1)**-c_1 * "
            "(A/N**alpha + B/D**beta)**gamma"
        ),
        variables={
            "N": "parameters of the student, without embeddings",
            "D": "tokens that the student is trained on",
            "L_T": "loss of the teacher [nat per token]",
            "L_S": "loss of the same student trained without a teacher [nat per token]",
        },
        summary="Loss of a distilled student: a better teacher helps until it is too much better.",
        reference=Reference("Busbridge et al.", 2025, "2502.08606", "student law"),
        topics=("language model", "loss", "distillation", "break"),
        traps="Needs teachers on both sides of the break.",
        bounds={"alpha": DECAY, "beta": DECAY, "gamma": (1e-3, 10.0), "f_1": (1e-3, 10.0),
                "c_0": (-10.0, 20.0), "d_1": (0.03, 30.0)},
    ),
)  # fmt: skip
