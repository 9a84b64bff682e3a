"""Scores of forecasts with intervals. Every source counts once, and every distance in it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

LEVEL = 0.9
_BINS = [1.3, 3.0, 7.0, 16.0, 60.0, 200.0]
DISTANCES = ["2x", "5x", "10x", "30x", "100x"]
_SCORES = ["error", "bias", "covered", "half_width", "winkler", "density"]


def scored(targets: pd.DataFrame) -> pd.DataFrame:
    """Each target with its scores.

    Parameters
    ----------
    targets : DataFrame
        Columns source, table, cut, times_beyond; y, the logarithm of what was reached; mean, sd and
        dof of a Student's t forecast of it.

    Returns
    -------
    DataFrame
        With error (absolute) and bias of the logarithm, whether the 90 % interval covers, its
        half-width and Winkler score (width plus 20 times the miss), the negative log density, and
        the distance as a word.
    """
    miss = targets["mean"] - targets["y"]
    half = stats.t.ppf(0.5 + LEVEL / 2, targets["dof"]) * targets["sd"]
    outside = np.maximum(miss.abs() - half, 0)
    density = stats.t.logpdf(miss / targets["sd"], targets["dof"]) - np.log(targets["sd"])
    return targets.assign(
        error=miss.abs(), bias=miss, covered=(outside == 0).astype(float), half_width=half,
        winkler=2 * half + 2 / (1 - LEVEL) * outside, density=-density,
        distance=pd.cut(targets["times_beyond"], _BINS, labels=DISTANCES),
    )  # fmt: skip


def by_source_and_distance(found: pd.DataFrame) -> pd.DataFrame:
    """Means of the cuts of each source and distance."""
    each = found.groupby(["source", "table", "cut", "distance"], observed=True)[_SCORES].mean()
    return each.groupby(["source", "distance"], observed=True).mean()


def by_source(found: pd.DataFrame) -> pd.DataFrame:
    """Mean over the distances of each source."""
    return by_source_and_distance(found).groupby("source").mean()


def by_distance(found: pd.DataFrame) -> pd.DataFrame:
    """Mean over the sources at each distance."""
    return by_source_and_distance(found).groupby("distance", observed=True).mean()


def overall(found: pd.DataFrame) -> pd.Series:
    """Mean over the sources."""
    return by_source(found).mean()


def shown(scores: pd.Series) -> dict[str, str]:
    """One row of a table."""
    percent = {"error": "error %", "bias": "bias %", "half_width": "half-width %"}
    row = {name: f"{100 * scores[key]:.2f}" for key, name in percent.items()}
    return {
        "error %": row["error %"], "bias %": f"{100 * scores['bias']:+.2f}",
        "covered": f"{scores['covered']:.2f}", "half-width %": row["half-width %"],
        "Winkler x100": f"{100 * scores['winkler']:.1f}", "-ln density": f"{scores['density']:.2f}",
    }  # fmt: skip
