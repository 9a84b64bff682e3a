"""Laws with coefficients but without runs, as published ones are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

import scalinglaws as sl

CHINCHILLA_LAW = sl.Law("E + A/N**alpha + B/D**beta")


@dataclass(frozen=True)
class Published:
    """What a plan asks of a published law."""

    law: sl.Law
    values: Mapping[str, float]


@dataclass(frozen=True)
class Known(Published):
    """A law with draws of its coefficients that a test knows."""

    table: pd.DataFrame = field(default_factory=pd.DataFrame)

    def draws(self, n_resamples: int, rng: object) -> pd.DataFrame:
        """The table, whatever is asked for."""
        return self.table


def chinchilla(E: float, A: float, B: float, alpha: float, beta: float) -> Published:
    """A Chinchilla surface."""
    return Published(CHINCHILLA_LAW, {"E": E, "A": A, "B": B, "alpha": alpha, "beta": beta})


# Besiroglu et al. 2024 as printed; Hoffmann et al. 2022 from the paper's source, the same with four
# digits, and as printed; and with the exponents of Sardana et al. 2024 (after de Vries 2023), whose
# optima are nearer to Hoffmann et al.'s tables than those of the printed ones.
EPOCH = chinchilla(1.8172, 482.01, 2085.43, 0.3478, 0.3658)
HOFFMANN = chinchilla(
    float(np.exp(0.5267228)), float(np.exp(6.0073404)), float(np.exp(6.0179186)), 0.33917084,
    0.2849083,
)  # fmt: skip
FOUR_DIGITS = chinchilla(1.693, 406.4, 410.7, 0.3392, 0.2849)
PRINTED = chinchilla(1.69, 406.4, 410.7, 0.34, 0.28)
SARDANA = chinchilla(1.69, 406.4, 410.7, 0.336, 0.283)
