"""Draw the pictures of the documents: ``python docs/make_images.py``."""

from __future__ import annotations

import warnings
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd

import scalinglaws as sl
from scalinglaws.plotting import plot_contours, plot_corner, plot_isoflop, plot_next_runs
from scalinglaws.plotting.axes import figure_of

FOLDER = Path(__file__).parent / "images"


def profiles() -> pd.DataFrame:
    """The IsoFLOP profiles of the page on planning."""
    truth = {"E": 1.69, "A": 406.4, "B": 410.7, "alpha": 0.34, "beta": 0.28}
    steps = np.geomspace(1 / 8, 8, 15)
    design = pd.DataFrame(
        [
            {"N": n, "D": c / (6 * n)}
            for c in (1e18, 1e19, 1e20, 1e21)
            for n in 1.35 * (c / 6) ** 0.4516 * steps
        ]
    )
    return sl.simulate("chinchilla", design, 0.002, values=truth)


def main() -> None:
    mpl.use("Agg")
    runs, targets = sl.datasets.ladder(), sl.datasets.ladder("target")
    fit = sl.fit(runs[runs["D"] > 1.5e6], "kaplan")
    figure_of(fit.plot(targets=targets)).savefig(FOLDER / "kaplan.png", dpi=130)
    figure_of(plot_contours(fit)).savefig(FOLDER / "contours.png", dpi=130)
    campaign = sl.next_runs(fit, budget=3e13, C=1e14)
    figure_of(plot_next_runs(campaign)).savefig(FOLDER / "next_runs.png", dpi=130)
    figure_of(plot_isoflop(sl.isoflop(profiles()))).savefig(FOLDER / "isoflop.png", dpi=130)
    with warnings.catch_warnings(action="ignore", category=sl.LackOfFitWarning):
        first = sl.fit(runs, "chinchilla")
    figure_of(first.plot_residuals("D")).savefig(FOLDER / "residuals.png", dpi=130)
    figure_of(fit.plot_profile("alpha_N")).savefig(FOLDER / "profile.png", dpi=130)
    draws = fit.bootstrap(4000, method="wild", rng=0)
    corner = plot_corner(draws, estimate=fit.params)
    figure_of(corner[0, 0]).savefig(FOLDER / "corner.png", dpi=110)


if __name__ == "__main__":
    main()
