"""Draw the pictures of the README and the tutorial: ``python docs/make_images.py``."""

from __future__ import annotations

import warnings
from pathlib import Path

import matplotlib as mpl

import scalinglaws as sl
from scalinglaws.plotting import plot_contours
from scalinglaws.plotting.axes import figure_of

FOLDER = Path(__file__).parent / "images"


def main() -> None:
    mpl.use("Agg")
    runs, targets = sl.datasets.ladder(), sl.datasets.ladder("target")
    fit = sl.fit(runs[runs["D"] > 1.5e6], "kaplan")
    figure_of(fit.plot(targets=targets)).savefig(FOLDER / "kaplan.png", dpi=130)
    figure_of(plot_contours(fit)).savefig(FOLDER / "contours.png", dpi=130)
    with warnings.catch_warnings(action="ignore", category=sl.LackOfFitWarning):
        first = sl.fit(runs, "chinchilla")
    figure_of(first.plot_residuals("D")).savefig(FOLDER / "residuals.png", dpi=130)


if __name__ == "__main__":
    main()
