"""Classical learning-curve families of the LCDB; scores increase with D."""

from __future__ import annotations

from collections.abc import Mapping

from scalinglaws.core.catalogue.entry import DECAY, NOT_NEGATIVE, Entry, Reference

_LCDB = Reference("Mohr et al.", 2022, where="LCDB, ECML PKDD 2022")
_D = {"D": "training set size; any other quantity through columns={'D': ...}"}
_FREE = (-float("inf"), float("inf"))
# name, formula, summary, trap, bounds
_FAMILIES: tuple[tuple[str, str, str, str, Mapping[str, tuple[float, float]]], ...] = (
    ("log2", "score ~ b + a*log(D)", "Logarithm.",
     "Leaves every bounded score.", {}),
    ("lin2", "score ~ a*D + b", "Straight line.",
     "Leaves every bounded score.", {"a": _FREE, "b": _FREE}),
    ("pow2", "score ~ a*D**b", "Power law.",
     "Good with few points; no limit.", {}),
    ("exp2", "score ~ a*exp(-b*D)", "Exponential.",
     "Falls or rises for ever.", {}),
    ("ilog2", "score ~ b - a/log(D)", "Inverse logarithm.",
     "Good with few points; needs D above 1.", {}),
    ("pow3", "score ~ a - b/D**c", "Power law towards a limit.",
     "The limit lies where the points end, if they do not bend.", {"c": DECAY}),
    ("exp3", "score ~ a*exp(-b*D) + c", "Exponential towards a limit.",
     "Too fast for most learners; a is negative where the score rises.", {"a": _FREE}),
    ("vap3", "score ~ exp(a + b/D + c*log(D))", "Vapour pressure.",
     "A power law in the long run.", {}),
    ("expp3", "score ~ c - exp((D + b)**a)", "Exponential of a power.",
     "a is negative where the score rises.", {"a": (-10.0, 10.0)}),
    ("expd3", "score ~ c - (c - a)*exp(-b*D)", "Exponential from a start a to a limit c.",
     "The same curves as exp3.", {}),
    ("logpower3", "score ~ a/(1 + (D/d)**c)", "Logistic in log D.",
     "The score rises where c is negative.", {"c": (-10.0, 10.0)}),
    ("hill3", "score ~ a*D**c/(b**c + D**c)", "Hill curve.",
     "Starts from zero.", {"c": (0.01, 10.0), "b": (1e-12, float("inf"))}),
    ("mmf4", "score ~ (a*b + c*D**d)/(b + D**d)", "Morgan-Mercer-Flodin: from a to c.",
     "Four parameters want points on both sides of the middle.", {"d": DECAY}),
    ("wbl4", "score ~ c - b*exp(-a*D**d)", "Weibull.",
     "A small d makes it a power law of which the limit is open.", {"d": (0.0, 10.0)}),
    ("exp4", "score ~ c - exp(b - a*D**d)", "Exponential of a power towards a limit.",
     "The same curves as wbl4.", {"d": (0.0, 10.0)}),
    ("pow4", "score ~ a - b/(D + d)**c", "Shifted power law towards a limit.",
     "Shift, amplitude and exponent trade off.", {"c": DECAY, "d": NOT_NEGATIVE}),
)  # fmt: skip

ENTRIES = tuple(
    Entry(
        name=f"lcdb-{name}",
        aliases=(name,),
        formula=formula,
        variables=_D,
        summary=summary,
        reference=_LCDB,
        topics=("learning curve",),
        traps=trap,
        bounds=bounds,
    )
    for name, formula, summary, trap, bounds in _FAMILIES
)
