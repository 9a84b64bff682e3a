"""Draw the pictures of the documents: ``python docs/make_images.py``.

With $SCALINGLAWS_DATA, a folder of public tables, also the first picture of the README.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

import scalinglaws as sl
from scalinglaws.plotting import (
    plot_contours,
    plot_corner,
    plot_frontier,
    plot_gain,
    plot_isoflop,
    plot_limited_data,
    plot_near_optimal,
    plot_next_runs,
    plot_overtraining,
    plot_serving,
)
from scalinglaws.plotting.axes import figure_of

FOLDER = Path(__file__).parent / "images"


TRUTH = {"E": 1.69, "A": 406.4, "B": 410.7, "alpha": 0.34, "beta": 0.28}


def design() -> pd.DataFrame:
    """Four IsoFLOP budgets, as the page on planning has them."""
    steps = np.geomspace(1 / 8, 8, 15)
    return pd.DataFrame(
        [
            {"N": n, "D": c / (6 * n)}
            for c in (1e18, 1e19, 1e20, 1e21)
            for n in 1.35 * (c / 6) ** 0.4516 * steps
        ]
    )


def two_recipes() -> pd.DataFrame:
    """Two recipes on the same design; in the second every token is worth two."""
    better = {**TRUTH, "B": TRUTH["B"] * 2.0 ** -TRUTH["beta"]}
    old = sl.simulate("chinchilla", design(), 0.003, values=TRUTH).assign(recipe="old")
    new = sl.simulate("chinchilla", design(), 0.003, values=better, rng=1).assign(recipe="new")
    return pd.concat([old, new], ignore_index=True)


def save(ax: Axes, name: str, dpi: int = 130) -> None:
    """Write the figure that an Axes is in."""
    figure_of(ax).savefig(FOLDER / f"{name}.png", dpi=dpi)


def forecast_of_olmo() -> Axes | None:
    """README: runs of the OLMo ladder to 3B parameters, and the two larger ones kept out.

    Bhagia et al. 2024, arXiv:2412.04403 (Apache-2.0), https://github.com/allenai/OLMo-ladder; read
    where the table is present ($SCALINGLAWS_DATA), not shipped.
    """
    folder = os.environ.get("SCALINGLAWS_DATA")
    if folder is None:
        return None
    runs = pd.read_csv(Path(folder) / "olmo_ladder" / "olmo_ladder_final.csv")
    small = runs.loc[runs["series"] == "ladder", ["N", "D", "C", "loss"]]
    large = runs[runs["run"].isin(["peteish7_eval_anneal", "peteish13_eval_final"])]
    forecast = sl.forecast(small, confidence_level=0.9)
    last = large.loc[large["C"].idxmax()]
    said = forecast.predict(N=last["N"], D=last["D"], C=last["C"])
    title = (
        f"From {len(small)} runs to 3B: the 13B run forecast at {said.estimate:.2f} "
        f"({said.run_low:.2f} to {said.run_high:.2f}), reached {last['loss']:.2f}"
    )
    with warnings.catch_warnings(action="ignore", category=sl.LackOfFitWarning):
        law = sl.fit(small[["N", "D", "loss"]], "kaplan")
    named = large.set_index(pd.Index(["7B", "13B"]))
    return forecast.plot("8e23", ratio=last["D"] / last["N"], law=law, targets=named, title=title)


def main() -> None:
    mpl.use("Agg")
    runs, targets = sl.datasets.ladder(), sl.datasets.ladder("target")
    fit = sl.fit(runs[runs["D"] > 1.5e6], "kaplan")
    if (ax := forecast_of_olmo()) is not None:
        save(ax, "forecast")
    save(fit.plot(targets=targets), "kaplan")
    save(fit.plot("C"), "compute")
    save(fit.plot_observed(targets=targets), "observed")
    save(plot_frontier(fit), "frontier")
    save(plot_contours(fit), "contours")
    save(plot_overtraining(fit, 1e13), "overtraining")
    save(plot_serving(fit, ("1M", "10B"), loss=1.3), "serving")
    save(plot_near_optimal(fit, (1e12, 1e15)), "tolerance")
    save(plot_limited_data(fit, ("1e12", "1e15"), ["3M", "30M"]), "limited_data")
    save(plot_next_runs(sl.next_runs(fit, budget=3e13, C=1e14)), "next_runs")
    profiles = sl.simulate("chinchilla", design(), 0.002, values=TRUTH)
    save(plot_isoflop(sl.isoflop(profiles)), "isoflop")
    gain = sl.compare_recipes(two_recipes(), "recipe", C=np.geomspace(1e18, 1e23, 26))
    save(plot_gain(gain), "gain")
    with warnings.catch_warnings(action="ignore", category=sl.LackOfFitWarning):
        first = sl.fit(runs, "chinchilla")
    save(first.plot_residuals("D"), "residuals")
    save(fit.plot_profile("alpha_N"), "profile")
    draws = fit.bootstrap(4000, rng=0)
    save(plot_corner(draws, estimate=fit.params)[0, 0], "corner", dpi=110)


if __name__ == "__main__":
    main()
