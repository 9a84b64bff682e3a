"""The set of runs that tells most for a given compute, whatever it is about."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scalinglaws.arrays import FloatArray

_ROUNDS = 20
_SHARES = (1.0, 0.5, 0.3, 0.2, 0.12)  # of the allowance, for a single run


@dataclass(frozen=True)
class Belief:
    """What candidates would show, jointly with the answer.

    Attributes
    ----------
    between : covariance of the candidates' log performances, without noise
    across : covariance of each with the answer's logarithm; for two laws, how far these lie apart,
        since the squared distance of two means over the covariance is the same quadratic form
    variance : of the answer's logarithm; 0 for two laws
    floor : variance that remains if everything about theta were known and no run were near
    noise : variance of a run
    """

    between: FloatArray
    across: FloatArray
    variance: float
    floor: float
    noise: float

    def after(self, chosen: list[int]) -> float:
        """Variance of the answer once these candidates have been trained."""
        if not chosen:
            return self.variance
        both = self.between[np.ix_(chosen, chosen)] + self.noise * np.eye(len(chosen))
        return self.variance - float(
            self.across[chosen] @ np.linalg.solve(both, self.across[chosen])
        )

    def gains(self, chosen: list[int]) -> FloatArray:
        """By how much each candidate would lower the variance once these have been trained."""
        variances, across = np.diag(self.between), self.across
        if chosen:
            both = self.between[np.ix_(chosen, chosen)] + self.noise * np.eye(len(chosen))
            solved = np.linalg.solve(both, self.between[chosen])
            variances = variances - np.einsum("ij,ij->j", self.between[chosen], solved)
            across = across - self.across[chosen] @ solved
        return np.asarray(across**2 / (np.maximum(variances, 0.0) + self.noise))


def choose(belief: Belief, spent: FloatArray, allowance: float, most: int) -> list[int]:
    """A good set of candidates: several greedy ones, each improved by exchanges, the best taken.

    Exchanges of single runs never undo a choice of one large run over several middling ones, so
    that some sets begin with a ceiling on what a run may cost.
    """
    sets = [
        _exchange(belief, spent, allowance, _greedy(belief, spent, allowance, most, power, share))
        for power in (0.0, 0.5, 1.0)
        for share in _SHARES
        if (spent <= share * allowance).any()
    ]
    best = min(sets, key=belief.after)
    order: list[int] = []
    rest = list(best)
    while rest:  # the most telling first
        gains = belief.gains(order)
        place = max(rest, key=lambda j: gains[j])
        rest.remove(place)
        order.append(place)
    return order


def _greedy(
    belief: Belief, spent: FloatArray, allowance: float, most: int, power: float, share: float
) -> list[int]:
    """Add the candidate of the largest gain over cost**power, as long as the allowance lasts."""
    chosen: list[int] = []
    left = allowance * (1 + 1e-9)
    ceiling = share * left
    while len(chosen) < most and (spent <= min(left, ceiling)).any():
        value = np.where(spent <= min(left, ceiling), belief.gains(chosen) / spent**power, -1.0)
        place = int(value.argmax())
        chosen.append(place)
        left -= spent[place]
    return chosen


def _exchange(belief: Belief, spent: FloatArray, allowance: float, chosen: list[int]) -> list[int]:
    """Replace single runs by better ones within the allowance until none is left."""
    for _ in range(_ROUNDS):
        before = belief.after(chosen)
        for k in range(len(chosen)):
            others = chosen[:k] + chosen[k + 1 :]
            left = allowance * (1 + 1e-9) - spent[others].sum()
            value = np.where(spent <= left, belief.gains(others), -1.0)
            chosen = [*others[:k], int(value.argmax()), *others[k:]]
        if belief.after(chosen) >= before * (1 - 1e-9):
            break
    return chosen
