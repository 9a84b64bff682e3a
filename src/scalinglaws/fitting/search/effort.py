"""How long candidates are followed, in a quick look and in a thorough search."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Effort:
    """How many steps the candidates are given.

    Attributes
    ----------
    safe : steps of least squares
    reweighted : steps of iteratively reweighted least squares on the way to a robust fit
    newton : second-order steps
    hopeless : times above the best after the safe steps, from which on a candidate is given up
    enough : candidates that must agree for the others to be left where they are; None for never
    many : candidates of one kind from which on many more are tried if no two agree, so that no
        valley is worth following before; None where this is the last search
    """

    safe: int
    reweighted: int
    newton: int
    hopeless: float
    enough: int | None
    many: int | None = None


QUICK = Effort(safe=2, reweighted=3, newton=25, hopeless=1.1, enough=2)
THOROUGH = Effort(safe=15, reweighted=15, newton=30, hopeless=10.0, enough=None)
