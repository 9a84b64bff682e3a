"""Demo on the included runs: fit, verdict, extrapolation and figures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
import pandas as pd

from scalinglaws import datasets
from scalinglaws.errors import no_warnings
from scalinglaws.fitting.fit import fit
from scalinglaws.fitting.result import Fit
from scalinglaws.numerals import format_compute, format_count, format_level
from scalinglaws.readers import read_runs

# Shorter runs take fewer than a thousand steps: they are still warming up.
_LONG_ENOUGH = 1.5e6


def run_demo(folder: Path, say: Callable[[str], object] = print) -> None:
    """Fit three laws to the ladder, hold them against its larger runs, and draw them.

    Parameters
    ----------
    folder : Path
        Where the pictures and the saved fit go; made if it does not exist.
    say : callable
        Receives each piece of text.
    """
    mpl.use("Agg")
    folder.mkdir(parents=True, exist_ok=True)
    runs, targets = datasets.ladder("fit"), datasets.ladder("target")
    say(
        f"{len(runs)} small language models trained on Python's own sources "
        f"({format_count(runs['N'].min())} to {format_count(runs['N'].max())} parameters, "
        f"{format_count(runs['D'].min())} to {format_count(runs['D'].max())} bytes).\n"
        f"{len(targets)} larger ones were kept out of every fit.\n"
    )
    long = runs[runs["D"] > _LONG_ENOUGH]
    for title, table, law in (
        ("power", runs, "power"),
        ("chinchilla", runs, "chinchilla"),
        ("kaplan", runs, "kaplan"),
        (f"kaplan-above-{format_count(_LONG_ENOUGH)}", long, "kaplan"),
    ):
        with no_warnings():  # the summary says the same
            fitted = fit(table, law)
        say(f"{'=' * 88}\n{title}: {fitted.summary()}\n")
        say(f"{title}, extrapolated to the larger runs:\n{held_out_table(fitted, targets)}\n")
        _draw(fitted, title, targets, folder)
        if title == "chinchilla":
            fitted.save(folder / "chinchilla.json")
    pictures = sorted(path.name for path in folder.glob("*.png"))
    say(f"Written to {folder}/: {', '.join(pictures)}, chinchilla.json")


def run_demo_of_logs(logs: str, folder: Path, say: Callable[[str], object] = print) -> None:
    """Read a folder of logs, fit the chinchilla law to their evaluations, and draw it.

    Parameters
    ----------
    logs : str
        What `read_runs` reads.
    folder : Path
        Where the table, the picture and the saved fit go; made if it does not exist.
    say : callable
        Receives each piece of text.
    """
    mpl.use("Agg")
    folder.mkdir(parents=True, exist_ok=True)
    runs = read_runs(logs, every="eval")
    runs.to_csv(folder / "runs.csv", index=False)
    say(f"{len(runs)} evaluations of {runs['run'].nunique()} runs.\n{runs.attrs['source']}\n")
    with no_warnings():  # the summary says the same
        fitted = fit(runs[runs["D"] > 0], "chinchilla")
    say(f"{'=' * 88}\nchinchilla: {fitted.summary()}\n")
    _draw(fitted, "chinchilla", None, folder)
    fitted.save(folder / "chinchilla.json")
    say(f"Written to {folder}/: runs.csv, chinchilla.json and pictures")


def held_out_table(fitted: Fit, targets: pd.DataFrame) -> str:
    """Predictions for runs that were not fitted, beside what they really reached."""
    with no_warnings():
        found = fitted.predict(targets)
    assert isinstance(found, pd.DataFrame)
    loss = targets["loss"]
    covered = (found["run_low"] <= loss) & (loss <= found["run_high"])
    table = pd.DataFrame(
        {
            "N": targets["N"].map(format_count),
            "D": targets["D"].map(format_count),
            "C": targets["C"].map(format_compute),
            "reached": loss.map("{:.3f}".format),
            "predicted": found["estimate"].map("{:.3f}".format),
            "error": (100 * (found["estimate"] / loss - 1)).map("{:+.1f} %".format),
            f"{format_level(fitted.confidence_level)} of a new run": [
                f"{low:.3f} to {high:.3f}"
                for low, high in zip(found["run_low"], found["run_high"], strict=True)
            ],
            "covered": covered.map({True: "yes", False: "NO"}),
            "beyond": found["times_beyond"].map("{:.1f}x".format),
        }
    )
    return table.to_string(index=False)


def _draw(fitted: Fit, title: str, targets: pd.DataFrame | None, folder: Path) -> None:
    import matplotlib.pyplot as plt

    from scalinglaws.plotting import plot_fit, plot_residuals
    from scalinglaws.plotting.axes import figure_of

    pictures = {f"{title}-curves": plot_fit(fitted, targets=targets)}
    if title == "chinchilla":
        pictures["chinchilla-by-parameters"] = plot_fit(fitted, "N", targets=targets, band="run")
        pictures["chinchilla-residuals"] = plot_residuals(fitted, "D")
    for name, ax in pictures.items():
        figure = figure_of(ax)
        figure.savefig(folder / f"{name}.png", dpi=150)
        plt.close(figure)
