"""How long candidates are followed, and how much work a search may do in all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scalinglaws.fitting.solver.model import Model
from scalinglaws.fitting.solver.problem import Problem

# Evaluations of a batch in one search, and in another one with a new Huber threshold: a second or
# two for a table of a few dozen runs. A sum of products is evaluated about four times as fast.
_MOST_EVALUATIONS, _OF_RENEWED, _FASTER = 2000, 400, 4
_FEWEST_STEPS = 25  # of a minimisation, however little is left


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


class Budget:
    """Evaluations of the model that the search of one fit may still make.

    They are counted, never timed, so that a table has the same answer on every machine. What comes
    first is what matters most: all starts, the neighbours of the best minimum, the valley that it
    lies in. On runs that the law does not fit, or that hardly determine it, these have no end.
    """

    def __init__(self, problem: Problem, model: Model) -> None:
        most = _MOST_EVALUATIONS * (1 if problem.law.products is None else _FASTER)
        self._model, self._end = model, model.n_evaluations + most

    @property
    def is_spent(self) -> bool:
        """Nothing is left."""
        return self._model.n_evaluations >= self._end

    def steps(self, most: int) -> int:
        """So many steps of one minimisation, or as many as are left."""
        return int(np.clip(self._end - self._model.n_evaluations, _FEWEST_STEPS, most))

    def renew(self) -> None:
        """Leave enough for a search that begins where another one ended."""
        self._end = max(self._end, self._model.n_evaluations + _OF_RENEWED)
