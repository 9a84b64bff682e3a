"""The set of runs that tells most for a given compute, whatever it is about."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scalinglaws.arrays import FloatArray

_ROUNDS = 20
_TINY = 1e-12
_SETTLED = 1e-9
_SHARES = (1.0, 0.5, 0.3, 0.2, 0.12)  # of the allowance, for a single run


@dataclass(frozen=True)
class Belief:
    """What candidates would show, jointly with the answer, under each of some plausible truths.

    The first truth is the estimate, which is what a plan reports; a set of runs is chosen for all.

    Attributes
    ----------
    between : covariance of the candidates' log performances, without noise, (truths, n, n)
    across : covariance of each with the answer's logarithm, (truths, n); for two laws, how far
        these lie apart, since the squared distance of two means over the covariance is the same
        quadratic form
    variance : of the answer's logarithm, (truths,); 0 for two laws
    floor : variance that remains if everything about theta were known and no run were near
    noise : variance of a run
    """

    between: FloatArray
    across: FloatArray
    variance: FloatArray
    floor: float
    noise: float

    @property
    def estimate(self) -> Belief:
        """The first truth alone."""
        return Belief(self.between[:1], self.across[:1], self.variance[:1], self.floor, self.noise)

    def after(self, chosen: list[int]) -> FloatArray:
        """Variance of the answer once these candidates have been trained, one for each truth."""
        if not chosen:
            return self.variance
        across = self.across[:, chosen]
        return np.asarray(self.variance - (across * self._solve(chosen, across)).sum(axis=-1))

    def gains(self, chosen: list[int]) -> FloatArray:
        """By how much each candidate would lower it once these have been trained, (truths, n)."""
        variances, across = np.diagonal(self.between, axis1=1, axis2=2), self.across
        if chosen:
            rows = self.between[:, chosen]
            solved = self._solve(chosen, rows)
            variances = variances - np.einsum("kij,kij->kj", rows, solved)
            across = across - np.einsum("ki,kij->kj", self.across[:, chosen], solved)
        return np.asarray(across**2 / (np.maximum(variances, 0.0) + self.noise))

    def worth(self, chosen: list[int]) -> FloatArray:
        """What each candidate would add: the mean fall of the log variance over the truths.

        Logarithms, so that a truth under which little can be known does not decide alone; for two
        laws the squared distance itself.
        """
        gains = self.gains(chosen)
        if not self.variance.any():
            return np.asarray(gains.mean(axis=0))
        left = np.maximum(self.after(chosen), _TINY * self.variance)[:, None]
        return np.asarray(-np.log1p(-np.minimum(gains / left, 1 - _TINY)).mean(axis=0))

    def loss(self, chosen: list[int]) -> float:
        """What a set leaves: the mean log variance over the truths."""
        after = self.after(chosen)
        if not self.variance.any():
            return float(after.mean())
        return float(np.log(np.maximum(after, _TINY * self.variance)).mean())

    def _solve(self, chosen: list[int], right: FloatArray) -> FloatArray:
        both = self.between[:, chosen][:, :, chosen] + self.noise * np.eye(len(chosen))
        columns = right[..., None] if right.ndim == 2 else right
        solved = np.linalg.solve(both, columns)
        return np.asarray(solved[..., 0] if right.ndim == 2 else solved)


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
    best = min(sets, key=belief.loss)
    order: list[int] = []
    rest = list(best)
    while rest:  # the most telling first
        worth = belief.worth(order)
        place = max(rest, key=lambda j: worth[j])
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
        value = np.where(spent <= min(left, ceiling), belief.worth(chosen) / spent**power, -1.0)
        place = int(value.argmax())
        chosen.append(place)
        left -= spent[place]
    return chosen


def _exchange(belief: Belief, spent: FloatArray, allowance: float, chosen: list[int]) -> list[int]:
    """Replace single runs by better ones within the allowance until none is left."""
    for _ in range(_ROUNDS):
        before = belief.loss(chosen)
        for k in range(len(chosen)):
            others = chosen[:k] + chosen[k + 1 :]
            left = allowance * (1 + 1e-9) - spent[others].sum()
            value = np.where(spent <= left, belief.worth(others), -1.0)
            chosen = [*others[:k], int(value.argmax()), *others[k:]]
        if belief.loss(chosen) >= before - _SETTLED * max(abs(before), 1.0):
            break
    return chosen
