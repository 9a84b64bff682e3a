"""The named laws: one line of maths each, with where it is from."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

from scalinglaws.core.law import STANDARD_VARIABLES, Law
from scalinglaws.errors import FormulaError

_NOT_NEGATIVE = (0.0, float("inf"))
_EXPONENT_OF = {"N": "b", "D": "c", "C": "d"}


def power(variables: Iterable[str] = STANDARD_VARIABLES) -> Law:
    """The plain power law in whichever of N, D and C are wanted: ``a * N**b * D**c * C**d``."""
    names = _in_order(variables)
    return Law(
        _monomial(names),
        variables=names,
        name="power",
        description="Plain power law; the exponents are elasticities and may have either sign.",
    )


def power_floor(variables: Iterable[str] = STANDARD_VARIABLES) -> Law:
    """The power law above a floor: ``E + a * N**b * D**c * C**d``."""
    names = _in_order(variables)
    return Law(
        f"E + {_monomial(names)}",
        variables=names,
        name="power-floor",
        description="Power law above an irreducible level E.",
    )


def _in_order(variables: Iterable[str]) -> tuple[str, ...]:
    wanted = set(variables)
    return tuple(name for name in STANDARD_VARIABLES if name in wanted)


def _monomial(variables: Iterable[str]) -> str:
    return " * ".join(["a", *(f"{name}**{_EXPONENT_OF[name]}" for name in variables)])


# Laws in any of N, D, C: the table or the user says which.
FLEXIBLE = {"power": power, "power-floor": power_floor}

FIXED: Mapping[str, Law] = {
    law.name or "": law
    for law in (
        Law(
            "((N_c/N)**(alpha_N/alpha_D) + D_c/D)**alpha_D",
            name="kaplan",
            bounds={"alpha_N": _NOT_NEGATIVE, "alpha_D": _NOT_NEGATIVE},
            description="Loss of early-stopped training as a function of model and data size.",
            reference="Kaplan et al. 2020, arXiv:2001.08361, eq. 1.5",
        ),
        Law(
            "E + A/N**alpha + B/D**beta",
            name="chinchilla",
            description="Irreducible loss plus what a finite model and finite data cost.",
            reference="Hoffmann et al. 2022, arXiv:2203.15556, eq. 2",
        ),
    )
}

NAMES = (*FLEXIBLE, *FIXED)


def named(name: str, variables: Iterable[str] = STANDARD_VARIABLES) -> Law:
    """The law of that name.

    Raises
    ------
    FormulaError
        If there is none; the message lists the names.
    """
    if name in FLEXIBLE:
        return FLEXIBLE[name](variables)
    if name in FIXED:
        return FIXED[name]
    nearest = difflib.get_close_matches(name, NAMES, n=1)
    hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
    raise FormulaError(
        f"No law is called {name!r}; the names are {', '.join(NAMES)}.{hint} "
        "A law of your own is one line of maths, such as 'loss ~ E + A/N**alpha'."
    )


def looks_like_a_name(text: str) -> bool:
    """A word with no operator that a formula would have is meant as a name."""
    return not any(character in text for character in "~+*/()^=") and " " not in text.strip()
