"""Powers of one quantity, with a floor, a bend or breaks; and powers of several."""

from __future__ import annotations

from collections.abc import Iterable

from scalinglaws.core.catalogue.entry import (
    DECAY,
    NOT_NEGATIVE,
    NOT_POSITIVE,
    NOT_STATED,
    Coefficients,
    Entry,
    Reference,
)
from scalinglaws.core.law import STANDARD_VARIABLES

_EXPONENT_OF = {"N": "b", "D": "c", "C": "d"}
_MEANINGS = {
    "N": "parameters",
    "D": "training tokens or examples",
    "C": "training compute [FLOP]",
}
_ANY = "examples or tokens seen; any other quantity through columns={'D': ...}"
_ALABDULMOHSIN = Reference("Alabdulmohsin et al.", 2022, "2209.06640")
_CABALLERO = Reference("Caballero et al.", 2022, "2210.14891", "eq. 1")
MOST_BREAKS = 9


def power(variables: Iterable[str] = STANDARD_VARIABLES) -> Entry:
    """The plain power law in the variables wanted: ``a * N**b * D**c * C**d``."""
    names = _in_order(variables)
    return Entry(
        name="power",
        formula=_monomial(names),
        variables={name: _MEANINGS.get(name, "any positive quantity") for name in names},
        summary="Plain power law; the exponents are elasticities and may have either sign.",
        reference=Reference("Hestness et al.", 2017, "1712.00409"),
        topics=("power law", "loss", "compute"),
        traps="With C = 6ND the exponents of N, D and C cannot be told apart; only their sums can.",
    )


def power_floor(variables: Iterable[str] = STANDARD_VARIABLES) -> Entry:
    """The power law above a floor: ``E + a * N**b * D**c * C**d``."""
    names = _in_order(variables)
    return Entry(
        name="power-floor",
        formula=f"E + {_monomial(names)}",
        variables={name: _MEANINGS.get(name, "any positive quantity") for name in names},
        summary="Power law above an irreducible level E.",
        reference=Reference("Hestness et al.", 2017, "1712.00409"),
        topics=("power law", "loss", "compute"),
        traps="The exponent depends strongly on the floor; runs that do not bend leave it open.",
    )


def _in_order(variables: Iterable[str]) -> tuple[str, ...]:
    """N, D and C first, then others as they come."""
    wanted = list(dict.fromkeys(variables))
    standard = [name for name in STANDARD_VARIABLES if name in wanted]
    return (*standard, *(name for name in wanted if name not in standard))


def _monomial(variables: Iterable[str]) -> str:
    factors = [f"{name}**{_EXPONENT_OF.get(name, f'b_{name}')}" for name in variables]
    return " * ".join(["a", *factors])


def bnsl(n_breaks: int) -> Entry:
    """The broken power law with so many breaks."""
    breaks = "".join(f" * smoothmax(1, D/d_{k}, f_{k})**-c_{k}" for k in range(1, n_breaks + 1))
    bounds = {f"f_{k}": (1e-3, 10.0) for k in range(1, n_breaks + 1)}
    return Entry(
        name="bnsl" if n_breaks == 1 else f"bnsl-{n_breaks}",
        aliases=("bnsl-1",) if n_breaks == 1 else (),
        formula=f"a + b * D**-c_0{breaks}",
        variables={"D": _ANY},
        summary=(
            "Broken neural scaling law: a power law whose exponent changes, smoothly, at "
            + ("one place." if n_breaks == 1 else f"{n_breaks} places.")
        ),
        reference=_CABALLERO,
        topics=("power law", "learning curve", "break"),
        traps=(
            "A break that the runs do not show is not determined; choose the number of breaks by "
            "runs that were kept out. c_k may be negative, as in double descent."
        ),
        parameters={
            "a": "limit", "c_0": "exponent before the first break",
            "c_1": "change of the exponent at the break", "d_1": "place of the break",
            "f_1": "width of the break in log D; small is sharp",
        },
        bounds={"c_0": (-10.0, 10.0), **bounds},
        published=_BNSL_PUBLISHED if n_breaks == 1 else (),
    )  # fmt: skip


_BNSL_PUBLISHED = (
    Coefficients(
        "four-digit-addition",
        {"a": 0.41388453, "b": 2.27727229, "c_0": 0.05507735, "c_1": 5.66290382,
         "d_1": 612.58362, "f_1": 0.05919304},
        data="4-digit addition, the first 14 of 17 points",
        method="least squares of log(1 + y)",
        counting="D training examples",
        verified="read in the authors' repository; a refit reproduces all six to five digits",
    ),
)  # fmt: skip

ENTRIES = (
    Entry(
        name="m1",
        formula="loss ~ b * D**c",
        variables={"D": _ANY},
        summary="Plain power law of one quantity.",
        reference=_ALABDULMOHSIN,
        topics=("power law", "learning curve"),
        traps="Exponents depend on the form: the same curves gave c from -0.09 to -0.57.",
        bounds={"c": NOT_POSITIVE},
    ),
    Entry(
        name="m2",
        formula="loss ~ eps_inf + b * D**c",
        variables={"D": _ANY},
        summary="Power law above a floor.",
        reference=_ALABDULMOHSIN,
        topics=("power law", "learning curve"),
        traps="A curve that does not bend yet leaves the floor open.",
        bounds={"c": (-10.0, 0.0)},
    ),
    Entry(
        name="m3",
        formula="loss ~ b * (1/D + gamma)**-c",
        variables={"D": _ANY},
        summary="Power law that saturates: a floor at b * gamma**-c, reached in logarithms.",
        reference=_ALABDULMOHSIN,
        topics=("power law", "learning curve", "saturation"),
        traps="Its floor is not a parameter: where the curve does not bend yet, gamma is open.",
        parameters={"gamma": "inverse of the D at which the law saturates"},
        bounds={"c": (-10.0, 0.0)},
    ),
    Entry(
        name="m4",
        formula=(
            "loss ~ eps_inf + (eps_0 - eps_inf) * share(b * D**c * (eps_0 - eps_inf)**(alpha - 1), "
            "alpha)"
        ),
        variables={"D": _ANY},
        summary=(
            "From chance level eps_0 through a power law to a floor eps_inf; the solution of "
            "(loss - eps_inf)/(eps_0 - loss)**alpha = b * D**c."
        ),
        reference=_ALABDULMOHSIN,
        topics=("power law", "learning curve", "saturation", "error"),
        traps=(
            "Where the chance level is known, fix eps_0. alpha = 0 is m2; without points near "
            "chance level alpha and eps_0 are open."
        ),
        parameters={"eps_0": "chance level", "eps_inf": "floor", "alpha": "strength of the bend"},
        bounds={"c": (-10.0, 0.0), "alpha": (0.0, 10.0), "eps_0": (1e-6, float("inf")),
                "eps_inf": NOT_NEGATIVE},
    ),
    Entry(
        name="hestness",
        formula="loss ~ a * D**beta_g + gamma",
        variables={"D": "training set size"},
        summary="Generalisation error as a power of the training set size, above a floor.",
        reference=Reference("Hestness et al.", 2017, "1712.00409"),
        topics=("power law", "learning curve", "language model"),
        traps="The model size was chosen anew for each set size: no slice of an L(N, D) law.",
        bounds={"beta_g": (-10.0, 0.0)},
        published=(
            Coefficients(
                "word-language-model",
                {"a": 11.9, "beta_g": -0.066, "gamma": 0.0},
                data="word language models on the One Billion Word benchmark",
                method=NOT_STATED,
                counting="D words of the training set",
                verified="read in the paper, second hand",
                note="No floor was seen; the exponent is also printed as -0.0656 (1 %).",
            ),
        ),
    ),
    Entry(
        name="henighan",
        formula="loss ~ L_inf + (x_0/N)**alpha",
        variables={"N": "parameters without embeddings; or C, D through columns={'N': ...}"},
        summary="Power law above an irreducible loss, in any modality.",
        reference=Reference("Henighan et al.", 2020, "2010.14701"),
        topics=("power law", "loss", "multimodal"),
        traps="The exponent 0.7 of the optimal size in every modality is a result of the protocol.",
        bounds={"alpha": DECAY},
        published=tuple(
            Coefficients(
                name,
                {"L_inf": floor, "x_0": x_0, "alpha": alpha},
                data=data,
                method=NOT_STATED,
                counting="N without embeddings; loss in nats per token",
                verified="read in the paper (table 1)",
                note="Two digits.",
            )
            for name, data, floor, x_0, alpha in (
                ("language", "language models of Brown et al. 2020", 0.0, 1.47e14, 0.070),
                ("image-8x8", "images of 8x8 pixels", 3.12, 8.0e1, 0.24),
                ("image-16x16", "images of 16x16 pixels", 2.64, 2.8e2, 0.22),
                ("image-32x32", "images of 32x32 pixels", 2.20, 6.3e1, 0.13),
                ("image-vq-16x16", "images in 16x16 codes", 3.99, 2.7e4, 0.13),
                ("image-vq-32x32", "images in 32x32 codes", 3.07, 1.9e4, 0.14),
                ("video", "video in 16x16x16 codes", 1.01, 3.7e4, 0.24),
                ("math", "mathematical problems beyond those trained on", 0.28, 1.1e4, 0.16),
            )
        ),
    ),
    bnsl(1),
    Entry(
        name="nezhurina",
        formula="loss ~ E + A/(C + B)**alpha",
        variables={"C": "training compute [FLOP or GMAC x samples]"},
        summary="Power law of compute that saturates at both ends.",
        reference=Reference("Nezhurina et al.", 2025, "2506.04598"),
        topics=("power law", "saturation", "vision-language", "compute"),
        traps="B needs runs so small that the law is flat there, E runs that bend at the end.",
        bounds={"alpha": DECAY},
    ),
    Entry(
        name="cherti",
        formula="error ~ beta * C**alpha",
        variables={"C": "training compute [GMAC x samples seen]"},
        summary="Zero-shot error of CLIP models as a power of compute, on the lower envelope.",
        reference=Reference("Cherti et al.", 2022, "2212.07143"),
        topics=("power law", "vision-language", "error"),
        traps="Fitted to the lower envelope of runs, which moves with how many runs there are.",
        published=(
            Coefficients(
                "laion-imagenet",
                {"beta": 5.88, "alpha": -0.111},
                data="OpenCLIP on LAION, ImageNet zero-shot top-1 error",
                method="log-linear least squares on the Pareto envelope (10 of 29 runs)",
                counting="C in GMAC of a forward pass times samples seen",
                verified="recomputed from the authors' table; the paper prints -0.11",
            ),
            Coefficients(
                "wit-imagenet",
                {"beta": 23.18, "alpha": -0.164},
                data="OpenAI CLIP on WIT, ImageNet zero-shot top-1 error",
                method="log-linear least squares on 3 runs",
                counting="C in GMAC of a forward pass times samples seen",
                verified="recomputed from the authors' table; the paper prints -0.16",
            ),
        ),
    ),
)  # fmt: skip
