"""Limited, borrowed and mixed data: repetition, transfer, fine-tuning, mixtures."""

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

_READ = "read in the paper, second hand"
_HERNANDEZ = Reference("Hernandez et al.", 2021, "2102.01293")
_CHARACTERS = "D_F and D_T in characters, N without embeddings"
MOST_DOMAINS = 9


def ye(n_domains: int) -> Entry:
    """The exponential mixing law for so many domains."""
    domains = range(1, n_domains + 1)
    exponent = " + ".join(f"t_{k}*r_{k}" for k in domains)
    return Entry(
        name="ye" if n_domains == 2 else f"ye-{n_domains}",
        aliases=("data-mixing", "ye-2") if n_domains == 2 else (),
        formula=f"loss ~ c + exp({exponent})",
        variables={f"r_{k}": f"share of domain {k} in the training data" for k in domains},
        summary="Validation loss of one domain as an exponential of the training mixture.",
        reference=Reference("Ye et al.", 2024, "2403.16952"),
        topics=("data mixture", "loss"),
        traps="The shares add up to one, which is why there is no amplitude beside the t_j: it "
        "could be absorbed in them.",
        bounds={f"t_{k}": (-100.0, 100.0) for k in domains},
    )


def shukor(n_domains: int) -> Entry:
    """The additive mixing law for so many domains."""
    domains = range(1, n_domains + 1)
    others = domains[1:]
    worth = " + ".join(["h_1**gamma_1", *(f"c_{k}*h_{k}**gamma_{k}" for k in others)])
    return Entry(
        name="shukor" if n_domains == 2 else f"shukor-{n_domains}",
        aliases=("data-mixing-additive", "shukor-2") if n_domains == 2 else (),
        formula=f"loss ~ E + K/({worth}) + A/N**alpha + B/D**beta",
        variables={
            "N": "parameters",
            "D": "training tokens",
            **{f"h_{k}": f"share of domain {k} in the training data" for k in domains},
        },
        summary="What the mixture costs, added to what a finite model and finite data cost.",
        reference=Reference("Shukor et al.", 2025, "2507.09404", "additive law, in other letters"),
        topics=("data mixture", "loss", "compute-optimal"),
        traps="The best mixture is the same at every scale by assumption. Every share must be "
        "above zero, and E is told from the mixture's cost only by mixtures that differ much. "
        "In the paper C_1 is 1/K, and C_k is c_k/K.",
        parameters={
            "K": "what it costs to train on domain 1 alone",
            **{f"c_{k}": f"worth of domain {k}, for domain 1's of 1" for k in others},
        },
        bounds={"alpha": DECAY, "beta": DECAY, "E": NOT_NEGATIVE, "A": NOT_NEGATIVE,
                "B": NOT_NEGATIVE, "K": NOT_NEGATIVE, **{f"c_{k}": NOT_NEGATIVE for k in others},
                **{f"gamma_{k}": DECAY for k in domains}},
    )  # fmt: skip


ENTRIES = (
    Entry(
        name="muennighoff",
        aliases=("data-constrained",),
        formula=(
            "loss ~ E + A/saturate(N, U_N, R_N)**alpha + B/saturate(D, U, R_D)**alpha "
            "where U_N = (A/B)**(1/alpha) * min(U, D)"
        ),
        variables={
            "N": "parameters",
            "D": "training tokens, repeats included",
            "U": "unique training tokens available",
        },
        summary="Repeated tokens and surplus parameters are worth less and less.",
        reference=Reference("Muennighoff et al.", 2023, "2305.16264"),
        topics=("language model", "loss", "data-constrained", "repetition"),
        traps="It cannot rise with repetition, as losses do after very many epochs; the authors "
        "left such runs out. Fit E, A, B and alpha on runs of one epoch first and fix them.",
        parameters={
            "R_D": "epochs beyond the first at which repeats have lost 63 % of their worth",
            "R_N": "the same for parameters beyond those optimal for U",
        },
        bounds={"alpha": DECAY},
        published=(
            Coefficients(
                "muennighoff2023",
                {"E": exp(0.6254804), "A": exp(6.255414), "B": exp(7.3049974),
                 "alpha": 0.3526596, "R_N": 5.309743, "R_D": 15.387756},
                data="54 single-epoch runs, then 182 runs with repeats, on C4",
                method="two steps, Huber loss of log residuals, delta 1e-3",
                counting="N as the authors' notebook rounds it, D tokens with repeats, U without",
                verified="read in the authors' notebook (log A 6.255414, log B 7.3049974, log E "
                "0.6254804)",
                note="Many losses of the released table lie about 8 % above it.",
            ),
        ),
    ),
    Entry(
        name="hernandez",
        aliases=("transfer",),
        formula="D_T ~ k * D_F**alpha * N**beta",
        variables={"D_F": "fine-tuning data [characters]", "N": "parameters without embeddings"},
        summary="Data that pre-training is worth, as a power of fine-tuning data and model size.",
        reference=_HERNANDEZ,
        topics=("transfer", "fine-tuning", "power law"),
        traps="Data are counted in characters.",
        published=(
            Coefficients(
                "text-to-python", {"k": 1.9e4, "alpha": 0.18, "beta": 0.38}, verified=_READ,
                data="text to Python", method=NOT_STATED, counting=_CHARACTERS,
            ),
            Coefficients(
                "text-and-code-to-python", {"k": 2.1e5, "alpha": 0.096, "beta": 0.38},
                verified=_READ, data="half text, half code other than Python, to Python",
                method=NOT_STATED, counting=_CHARACTERS,
            ),
        ),
    ),
    Entry(
        name="hernandez-loss",
        formula="loss ~ ((N_c/N)**(alpha_N/alpha_D) + D_c/(k * D_F**alpha * N**beta))**alpha_D",
        variables={"D_F": "fine-tuning data [characters]", "N": "parameters without embeddings"},
        summary="Kaplan's loss with the data that pre-training is worth.",
        reference=_HERNANDEZ,
        topics=("transfer", "fine-tuning", "loss"),
        traps="D_c and k enter as a quotient: fix one of them.",
        bounds={"alpha_N": NOT_NEGATIVE, "alpha_D": NOT_NEGATIVE},
    ),
    Entry(
        name="zhang",
        aliases=("fine-tuning",),
        formula="loss ~ A / (X**alpha * D_f**beta) + E",
        variables={
            "X": "what is scaled: model size, pre-training tokens or tuned parameters",
            "D_f": "fine-tuning examples",
        },
        summary="Fine-tuning loss as a product of powers above a floor.",
        reference=Reference("Zhang et al.", 2024, "2402.17193"),
        topics=("fine-tuning", "loss"),
        traps="Multiplicative: more data never makes up for a model of the wrong size.",
        bounds={"alpha": DECAY, "beta": DECAY},
    ),
    Entry(
        name="lin",
        aliases=("fine-tuning-rectified",),
        formula="loss ~ B/(D_l + D**beta) + E",
        variables={"D": "fine-tuning examples"},
        summary="Fine-tuning loss with data learned already: flat first, then a power law.",
        reference=Reference("Lin et al.", 2024, "2402.02314"),
        topics=("fine-tuning", "loss", "learning curve"),
        traps="Without sets so small that the loss is flat D_l is open.",
        parameters={"D_l": "data learned already, in units of D**beta"},
        bounds={"beta": DECAY, "D_l": NOT_NEGATIVE},
    ),
    ye(2),
    shukor(2),
    Entry(
        name="ge",
        aliases=("bimix",),
        formula="loss ~ A/r**alpha * (B/S**beta + 1)",
        variables={
            "r": "share of the domain in the training data",
            "S": "training steps, or tokens",
        },
        summary="Loss of one domain as a power of its share times one of training above a floor.",
        reference=Reference("Ge et al.", 2024, "2405.14908", "in other letters"),
        topics=("data mixture", "loss"),
        traps="Only the domain's own share enters. In the paper the floor C stands in place of 1; "
        "it can be absorbed in A.",
        bounds={"alpha": DECAY, "beta": DECAY},
    ),
    Entry(
        name="que",
        aliases=("d-cpt", "continual-pre-training"),
        formula="loss ~ E + A/N**alpha + B*r**eta/D**beta + C_r/(r + eps)**gamma",
        variables={
            "N": "parameters",
            "D": "tokens of continued training",
            "r": "share of the domain in the mixture",
        },
        summary="Continued pre-training on a mixture of a domain and general text.",
        reference=Reference("Que et al.", 2024, "2406.01375"),
        topics=("data mixture", "transfer", "loss"),
        traps="eps is open without mixtures that have hardly any of the domain; C_r, eps and gamma "
        "trade off.",
        bounds={"alpha": DECAY, "beta": DECAY, "gamma": DECAY, "eta": (-10.0, 10.0),
                "eps": NOT_NEGATIVE},
    ),
)  # fmt: skip
