"""Loss curves under a learning-rate schedule."""

from __future__ import annotations

from scalinglaws.core.catalogue.entry import (
    DECAY,
    NOT_NEGATIVE,
    NOT_STATED,
    Coefficients,
    Entry,
    Reference,
)

_LUO = Reference("Luo et al.", 2025, "2503.12811")
MOST_FALLS = 64


def multi_power(n_falls: int) -> Entry:
    """The Multi-Power law with so many groups of changes of the learning rate."""
    groups = range(1, n_falls + 1)
    terms = [f"fall_{k}*(1 - (1 + C_s*since_{k}/lr_{k}**gamma)**-beta)" for k in groups]
    variables = {"S1": "sum of the learning rates so far, warm-up included (sl.schedule_features)"}
    for k in groups:
        variables[f"fall_{k}"] = f"how far the learning rate has fallen in group {k} of its changes"
        variables[f"since_{k}"] = "sum of the learning rates since then"
        variables[f"lr_{k}"] = "learning rate after it"
    return Entry(
        name="multi-power" if n_falls == 2 else f"multi-power-{n_falls}",
        aliases=("multi-power-2",) if n_falls == 2 else (),
        formula=f"loss ~ L_0 + A/S1**alpha - B*({' + '.join(terms)})",
        variables=variables,
        summary="A whole loss curve under any schedule; each fall of the learning rate pays off as "
        "a power of what was learned since.",
        reference=_LUO,
        topics=("language model", "loss", "learning curve", "learning rate"),
        traps="The sum over steps is one over groups of changes: exact for a few drops, and close "
        "for a smooth decay with some sixteen groups (multi-power-16). The rise of a warm-up is "
        "one of the changes; without it L_0 is higher by B times the peak learning rate.",
        bounds={"alpha": DECAY, "beta": DECAY, "gamma": DECAY, "L_0": NOT_NEGATIVE,
                "A": NOT_NEGATIVE, "B": NOT_NEGATIVE},
        published=_MULTI_POWER_SETS if n_falls == 2 else (),
    )  # fmt: skip


_MULTI_POWER_SETS = tuple(
    Coefficients(
        name,
        {"L_0": floor, "A": a, "alpha": alpha, "B": b, "C_s": c, "beta": beta, "gamma": gamma},
        data=f"loss curves of a {size} model (cosine, constant, and constant then cosine)",
        method=NOT_STATED,
        counting="learning rates as such, one step each, warm-up included",
        verified="read in the authors' repository; evaluated on their curves, they give the "
        "printed errors",
        note="For the sum over every step: with few groups of changes, only schedules of few drops "
        "have these values.",
    )
    for name, size, floor, a, alpha, b, c, beta, gamma in (
        ("luo-25m", "25M", 3.04045406, 0.52468604, 0.50786857, 363.78751622, 2.06560812,
         0.58279013, 0.64142257),
        ("luo-100m", "100M", 2.6514477, 0.60115152, 0.45295811, 437.9464276, 2.13245612,
         0.59785199, 0.65523644),
        ("luo-400m", "400M", 2.37474466, 0.65421216, 0.42878731, 523.42464371, 2.02462735,
         0.59350493, 0.63472457),
    )
)  # fmt: skip

ENTRIES = (
    Entry(
        name="tissue",
        aliases=("annealing",),
        formula="loss ~ L_0 + A/S1**alpha - C_s*S2",
        variables={
            "S1": "sum of the learning rates so far, warm-up included (sl.schedule_features)",
            "S2": "annealing since the warm-up: falls of the learning rate, remembered with decay "
            "lambda",
        },
        summary="A whole loss curve under any learning-rate schedule.",
        reference=Reference("Tissue et al.", 2024, "2408.11029"),
        topics=("language model", "loss", "learning curve", "learning rate"),
        traps="The warm-up counts for S1 and not for S2, as sl.schedule_features has it from whole "
        "schedules. lambda (0.99 to 0.999) is chosen before the fit: compare a few. Steps of one "
        "run are not independent, so that intervals are too narrow.",
        bounds={"alpha": DECAY, "L_0": NOT_NEGATIVE, "A": NOT_NEGATIVE, "C_s": NOT_NEGATIVE},
        published=tuple(
            Coefficients(
                name,
                {"L_0": floor, "A": a, "alpha": alpha, "C_s": c},
                data=f"loss curves of a {size} model (cosine, constant, and constant then cosine)",
                method="Huber loss of log residuals, delta 1e-3, lambda 0.999",
                counting="S1 and S2 in units of the learning rate, one step each; warm-up in S1 "
                "alone",
                reference=Reference("Luo et al.", 2025, "2503.12811", "curves; refitted"),
                verified="recomputed from the authors' curves",
                note="The coefficients of a refit, not of a paper.",
            )
            for name, size, floor, a, alpha, c in (
                ("luo-25m", "25M", 3.1583, 0.5136, 0.5134, 0.4019),
                ("luo-100m", "100M", 2.7889, 0.5926, 0.4550, 0.4812),
                ("luo-400m", "400M", 2.5246, 0.6536, 0.4205, 0.5700),
            )
        ),
    ),
    multi_power(2),
)  # fmt: skip
