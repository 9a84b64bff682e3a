"""Shared tables and the folder of real runs, which is not part of the project."""

from __future__ import annotations

import os
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, settings

import scalinglaws as sl

mpl.use("Agg")
settings.register_profile(
    "default", max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("default")

_DATA = Path(os.environ.get("SCALINGLAWS_DATA", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture(scope="session")
def data() -> Path:
    """Public run tables of others; not redistributed, so tests skip where they are absent."""
    if not _DATA.exists():
        pytest.skip(f"the public run tables are not in {_DATA} (set SCALINGLAWS_DATA)")
    return _DATA


@pytest.fixture(scope="session")
def epoch(data: Path) -> pd.DataFrame:
    """The 240 Chinchilla runs of Besiroglu et al. 2024; C is 6ND exactly."""
    return pd.read_csv(data / "chinchilla" / "chinchilla_epoch.csv").query("outlier == 0")


@pytest.fixture(scope="session")
def epoch_all(data: Path) -> pd.DataFrame:
    """All 245 runs, five far ones included."""
    return pd.read_csv(data / "chinchilla" / "chinchilla_epoch.csv")


@pytest.fixture(scope="session")
def marin(data: Path) -> pd.DataFrame:
    """IsoFLOP runs with a compute column that was measured."""
    runs = pd.read_csv(data / "isoflop_marin" / "marin_isoflop.csv")
    return runs.query("kind == 'isoflop' and series == 'dclm'")


@pytest.fixture(scope="session")
def ladder() -> pd.DataFrame:
    """The shipped runs."""
    return sl.datasets.ladder()


@pytest.fixture(scope="session")
def long_runs(ladder: pd.DataFrame) -> pd.DataFrame:
    """The shipped runs of a thousand steps and more, which the kaplan law follows."""
    return ladder[ladder["D"] > 1.5e6]


CHINCHILLA = {"E": 1.8172, "A": 482.01, "alpha": 0.3478, "B": 2085.43, "beta": 0.3658}


def make_runs(noise: float = 0.0, seed: int = 0, **params: float) -> pd.DataFrame:
    """A grid of 6 sizes and 6 budgets under the chinchilla law."""
    n, d = (g.ravel() for g in np.meshgrid(np.geomspace(1e7, 1e10, 6), np.geomspace(1e9, 1e12, 6)))
    p = {**CHINCHILLA, **params}
    loss = p["E"] + p["A"] / n ** p["alpha"] + p["B"] / d ** p["beta"]
    loss *= np.exp(noise * np.random.default_rng(seed).standard_normal(len(loss)))
    return pd.DataFrame({"N": n, "D": d, "loss": loss})
