"""A parameter of a law, with its role and range."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Parameter:
    """One coefficient of a law.

    Attributes
    ----------
    name : str
    symbol : str
        Its name in the line of maths: that of ``E[c4]`` is E.
    role : str
        "coefficient", "offset", "exponent" or "shape".
    linear : bool
        The law is linear in it once the exponents are known.
    positive : bool
        Positive, and therefore worked on as a logarithm.
    lower, upper : float
        The range in which it is sought.
    """

    name: str
    symbol: str
    role: str
    linear: bool
    positive: bool
    lower: float
    upper: float

    @property
    def is_amplitude(self) -> bool:
        """It scales a term, as a coefficient or as the logarithm of one under an exp."""
        return self.linear or self.role in ("coefficient", "offset")

    @property
    def is_floor(self) -> bool:
        """A positive constant of its own, such as an irreducible loss: the law is linear in it."""
        return self.positive and self.role == "offset"
