"""The tables that benchmarks fit."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]

# Besiroglu et al. 2024, the minimum of the stated objective on the 240 runs, checked in 40 digits.
EPOCH_MINIMUM = 0.0010182740178006
DELTA = 1e-3
TRUTH = {"E": 1.8172, "A": 477.83, "alpha": 0.34731, "B": 2143.4, "beta": 0.36717}


@dataclass(frozen=True)
class Table:
    """Runs as arrays, and where they are from."""

    N: Floats
    D: Floats
    y: Floats
    note: str
    minimum: float | None = None

    @property
    def frame(self) -> pd.DataFrame:
        """The runs as a DataFrame."""
        return pd.DataFrame({"N": self.N, "D": self.D, "loss": self.y}, copy=False)


def data_folder(given: Path | None) -> Path | None:
    """The folder of public tables, if it is there."""
    default = Path(__file__).parents[2] / "shared" / "data"
    folder = given or Path(os.environ.get("SCALINGLAWS_DATA", default))
    return folder if folder.is_dir() else None


def chinchilla_runs(folder: Path | None) -> Table:
    """The 240 Chinchilla runs, or a synthetic table of their shape."""
    if folder is None:
        return _synthetic(240)
    runs = pd.read_csv(folder / "chinchilla" / "chinchilla_epoch.csv").query("outlier == 0")
    n, d, y = (runs[name].to_numpy(float) for name in ("N", "D", "loss"))
    return Table(n, d, y, "the 240 Chinchilla runs", EPOCH_MINIMUM)


def _synthetic(count: int) -> Table:
    rng = np.random.default_rng(2203)
    c = np.resize(np.geomspace(6e18, 3e21, 9), count)
    n = np.sqrt(c / 120) * np.exp(rng.uniform(-1.5, 1.5, count))
    d = c / 6 / n
    y = _chinchilla(n, d) * np.exp(0.004 * rng.standard_t(3, count))
    return Table(n, d, y, f"SYNTHETIC: {count} runs of the shape of the Chinchilla runs")


def _chinchilla(n: Floats, d: Floats) -> Floats:
    t = TRUTH
    return np.asarray(t["E"] + t["A"] / n ** t["alpha"] + t["B"] / d ** t["beta"])


def large_table(rows: int) -> Table:
    """Random sizes and durations under the Chinchilla law, with 1 % of noise."""
    rng = np.random.default_rng(rows)
    n, d = 10 ** rng.uniform(7, 10, rows), 10 ** rng.uniform(9, 12, rows)
    y = _chinchilla(n, d)
    y *= np.exp(0.01 * rng.standard_normal(rows))
    return Table(n, d, y, f"{rows} runs")
