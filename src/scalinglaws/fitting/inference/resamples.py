"""What a replicate is made of: other weights, or other observations around the same law.

Cases draws runs with replacement, and clusters draws whole clusters of them; both are weights. The
others keep the design and put new noise on the fitted curve: residuals drawn with replacement, each
run's own residual with a random sign (wild: Wu 1986, Ann. Stat. 14; for clusters Cameron, Gelbach
and Miller 2008, Rev. Econ. Stat. 90), or normal noise. Residuals are first brought back to the size
that they had before the fit took its share.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from scalinglaws.arrays import FloatArray, IntArray
from scalinglaws.fitting.solver.resampling import resampled_weights

Kind = Literal["cases", "clusters", "residual", "wild", "parametric"]
KINDS: tuple[Kind, ...] = ("cases", "clusters", "residual", "wild", "parametric")
NAMES: dict[Kind, str] = {
    "cases": "case bootstrap",
    "clusters": "cluster bootstrap",
    "residual": "residual bootstrap",
    "wild": "wild bootstrap",
    "parametric": "parametric bootstrap",
}
# Signs of few units take few values: below this, six points with the same first moments (Webb 2023,
# Can. J. Econ. 56).
_FEW_UNITS = 12
_SIX_POINTS = np.sqrt([0.5, 1.0, 1.5])


@dataclass(frozen=True)
class Resampler:
    """Makes replicates of one kind.

    Attributes
    ----------
    residuals : (runs,)
        Law minus observation.
    adjusted : (runs,)
        The same before the fit took its share.
    weights : (runs,)
    noise : float
        Standard deviation of a run of average weight.
    clusters : (runs,) or (0,)
        A number for each cluster.
    """

    kind: Kind
    residuals: FloatArray
    adjusted: FloatArray
    weights: FloatArray
    noise: float
    clusters: IntArray

    def replicates(self, n: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray | None]:
        """Weights, and shifts of the observations in the residuals' scale.

        Returns
        -------
        (n, runs) or (1, runs), and (n, runs) or None
        """
        if self.kind == "cases":
            return resampled_weights(self.weights, n, rng), None
        if self.kind == "clusters":
            return self._clusters(n, rng), None
        errors = {"residual": self._residual, "wild": self._wild, "parametric": self._normal}
        # an observation is the law less its residual; a replicate's is the law plus new noise
        return self.weights[None, :], errors[self.kind](n, rng) + self.residuals

    @property
    def _roots(self) -> FloatArray:
        """Precision of each run relative to an average one; runs without weight have no noise."""
        return np.asarray(np.sqrt(self.weights / self.weights[self.weights > 0].mean()))

    def _clusters(self, n: int, rng: np.random.Generator) -> FloatArray:
        _, codes = np.unique(self.clusters, return_inverse=True)
        n_clusters = int(codes.max()) + 1
        counts = rng.multinomial(n_clusters, np.full(n_clusters, 1.0 / n_clusters), n)
        return np.asarray(counts[:, codes] * self.weights)

    def _residual(self, n: int, rng: np.random.Generator) -> FloatArray:
        used = self.weights > 0
        pool = (self.adjusted * self._roots)[used]
        drawn = rng.choice(pool - pool.mean(), (n, len(self.weights)))
        return self._scaled(drawn)

    def _wild(self, n: int, rng: np.random.Generator) -> FloatArray:
        runs = np.arange(len(self.weights))
        units = self.clusters if len(self.clusters) else runs
        _, codes = np.unique(units, return_inverse=True)
        n_units = int(codes.max()) + 1
        signs = rng.choice([-1.0, 1.0], (n, n_units))
        if n_units < _FEW_UNITS:
            signs *= rng.choice(_SIX_POINTS, (n, n_units))
        return np.asarray(signs[:, codes] * self.adjusted)

    def _normal(self, n: int, rng: np.random.Generator) -> FloatArray:
        return self._scaled(self.noise * rng.standard_normal((n, len(self.weights))))

    def _scaled(self, errors: FloatArray) -> FloatArray:
        roots = self._roots
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(np.where(roots > 0, errors / roots, 0.0))
