"""The study as a page: what was promised, every method side by side, and one in full."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np
import pandas as pd

from benchmarks.coverage.cells import cells
from benchmarks.harness import Section

SHOWN = 0.9
# Promised at a nominal 90 % for quantities of the law: of each where identified and from so many
# runs on, of the mean of a cell, and of each with fewer runs.
BAND, MEAN_BAND, FEWEST, LEAST_FEW = (0.85, 0.97), (0.87, 0.94), 16, 0.82
RUN_BAND = (0.84, 0.98)  # of a new run, where noise does not depend on the size
MANY = 60
_ERRORS = 3.0  # Monte-Carlo standard errors beyond which a shortfall is no chance


def rates(frame: pd.DataFrame) -> pd.DataFrame:
    """The study's rows with coverage, its Monte-Carlo error, and widths against the oracle."""
    given = frame["given"].where(frame["given"] > 0)
    coverage = frame["covered"] / given
    # with Laplace's correction, so that a hundred per cent has an error as well
    smooth = (frame["covered"] + 1) / (given + 2)
    return frame.assign(
        coverage=coverage,
        error=np.sqrt(smooth * (1 - smooth) / given),
        none=1 - frame["given"] / frame["tables"],
        missed=(frame["below"] + frame["above"]) / frame["tables"],
        ratio=frame["width"] / frame["oracle_width"],
    )


def section(frame: pd.DataFrame, promised: str) -> Section:
    """The page.

    Parameters
    ----------
    promised : the method that the bars are for, and that is shown in full
    """
    found = Section("Coverage of intervals")
    every = rates(frame)
    shown = every[every["level"] == SHOWN]
    found.tables.append((_METHODS, methods(shown)))
    found.tables.append((_CELLS, by_cell(shown)))
    found.tables.append((_KINDS, by_kind(shown)))
    found.tables.append((_OPEN, left_open(shown)))
    found.tables.append((_VERDICTS, verdicts(frame)))
    own = every[every["method"] == promised]
    if len(own):
        _bars(found, own[own["level"] == SHOWN], promised)
        found.tables.append((_FULL.format(promised), in_full(own)))
    found.notes += _notes(frame)
    return found


_METHODS = (
    "All methods at a nominal 90 %, over every target of every cell that one who knows the noise "
    "can tell. *Inside* is 85 to 97 %; *short* is below 90 % by more than three Monte-Carlo "
    "errors; *width* is the median interval over the oracle's, its median over cells of 60 runs "
    "and more."
)
_CELLS = "Coverage of the nominal 90 %, per cent: mean over the identified targets, and the least."
_KINDS = (
    "The same by kind of target and noise: mean coverage, per cent, and width over the oracle's."
)
_OPEN = (
    "Where the design leaves a target open. *None* is the share of tables without an interval, "
    "which is the right answer; *missed* the share with one that does not hold the truth."
)
_VERDICTS = "Verdicts of the default fits, per cent of the tables."
_FULL = (
    "{}, every cell and target: coverage in per cent at the four levels, Monte-Carlo error at "
    "90 %, share of tables without interval, median width at 90 %, the oracle's limit, and "
    "their ratio."
)


def methods(shown: pd.DataFrame) -> pd.DataFrame:
    """One row for each method."""
    rows = []
    for name, group in shown.groupby("method", sort=False):
        firm = group[(group["identified"] == "yes")]
        large, small = firm[firm["runs"] >= FEWEST], firm[firm["runs"] < FEWEST]
        short = large["coverage"] < SHOWN - _ERRORS * large["error"]
        many = firm[firm["runs"] >= MANY]
        rows.append({
            "method": name,
            "mean, n >= 16": _percent(large["coverage"].mean()),
            "least": _percent(large["coverage"].min()),
            "most": _percent(large["coverage"].max()),
            "inside": _percent(large["coverage"].between(*BAND).mean()),
            "short": _percent(short.mean()),
            "mean, n = 8": _percent(small["coverage"].mean()),
            "least, n = 8": _percent(small["coverage"].min()),
            "without": _percent(firm["none"].mean()),
            "width": f"{many['ratio'].median():.2f}" if len(many) else "",
            "widest": f"{many['ratio'].max():.2f}" if len(many) else "",
            "ms": f"{1000 * group['seconds'].mean():.1f}",
        })  # fmt: skip
    return pd.DataFrame(rows)


def by_cell(shown: pd.DataFrame) -> pd.DataFrame:
    """One row for each cell: mean and least coverage of each method."""
    names = _names()
    firm = shown[shown["identified"] == "yes"]
    rows = []
    for index, cell in firm.groupby("cell"):
        row: dict[str, object] = {"cell": names[index]}
        for method, group in cell.groupby("method", sort=False):
            mean, least = group["coverage"].mean(), group["coverage"].min()
            row[str(method)] = f"{_percent(mean)} ({_percent(least)})"
        rows.append(row)
    return pd.DataFrame(rows)


def by_kind(shown: pd.DataFrame) -> pd.DataFrame:
    """One row for each kind of target and noise, of at least 16 runs."""
    firm = shown[(shown["identified"] == "yes") & (shown["runs"] >= FEWEST)]
    rows = []
    for (kind, noise), part in firm.groupby(["kind", "noise"], sort=False):
        row: dict[str, object] = {"target": kind, "noise": noise}
        for method, group in part.groupby("method", sort=False):
            ratio = group["ratio"].median()
            row[str(method)] = f"{_percent(group['coverage'].mean())} x{ratio:.2f}"
        rows.append(row)
    return pd.DataFrame(rows).sort_values(["target", "noise"]) if rows else pd.DataFrame()


def left_open(shown: pd.DataFrame) -> pd.DataFrame:
    """One row for each cell and target that the design does not determine."""
    lost = shown[shown["identified"] == "no"]
    names = _names()
    rows = []
    for (index, target), part in lost.groupby(["cell", "target"], sort=False):
        row: dict[str, object] = {"cell": names[index], "target": target}
        for method, group in part.groupby("method", sort=False):
            none, missed = group["none"].iloc[0], group["missed"].iloc[0]
            row[str(method)] = f"none {_percent(none)}, missed {_percent(missed)}"
        rows.append(row)
    return pd.DataFrame(rows)


def verdicts(frame: pd.DataFrame) -> pd.DataFrame:
    """One row for each cell: how often each verdict was the most serious."""
    names, rows = _names(), []
    for index, cell in frame.groupby("cell"):
        counts = [pair.split("=") for pair in str(cell["verdicts"].iloc[0]).split()]
        total = sum(int(count) for _, count in counts)
        shares = {name.lower(): _percent(int(count) / total, 1) for name, count in counts}
        rows.append({"cell": names[index], **shares})
    return pd.DataFrame(rows).fillna("")


def in_full(own: pd.DataFrame) -> pd.DataFrame:
    """One row for each cell and target of one method."""
    names = _names()
    rows = []
    for (index, target), part in own.groupby(["cell", "target"], sort=False):
        shown = part[part["level"] == SHOWN].iloc[0]
        rows.append({
            "cell": names[index], "target": target, "identified": shown["identified"],
            **{
                f"{100 * level:g}": _percent(coverage, 1)
                for level, coverage in zip(part["level"], part["coverage"], strict=True)
            },
            "±": _percent(shown["error"], 1), "none": _percent(shown["none"]),
            "width": f"{shown['width']:.3g}", "oracle": f"{shown['oracle_width']:.3g}",
            "ratio": f"{shown['ratio']:.2f}",
        })  # fmt: skip
    return pd.DataFrame(rows)


def _bars(found: Section, own: pd.DataFrame, promised: str) -> None:
    firm = own[own["identified"] == "yes"]
    large, small = firm[firm["runs"] >= FEWEST], firm[firm["runs"] < FEWEST]
    of_law, of_runs = large[large["kind"] != "run"], large[large["kind"] == "run"]
    _range(found, f"{promised}: of the law, n >= {FEWEST}, identified", of_law, BAND)
    if len(of_law):
        means = of_law.groupby("cell")["coverage"].mean()
        found.at_least(f"{promised}: least mean of a cell", 100 * means.min(), 100 * MEAN_BAND[0],
                       " %")  # fmt: skip
        found.at_most(f"{promised}: largest mean of a cell", 100 * means.max(), 100 * MEAN_BAND[1],
                      " %")  # fmt: skip
    equal = of_runs[of_runs["noise"] != "scale"]
    _range(found, f"{promised}: new runs, noise that does not depend on size", equal, RUN_BAND)
    if len(small):
        found.at_least(f"{promised}: least coverage, n = 8, identified",
                       100 * small["coverage"].min(), 100 * LEAST_FEW, " %")  # fmt: skip
    lost = own[own["identified"] == "no"]
    if len(lost):
        found.at_most(f"{promised}: intervals that miss where the design leaves the target open",
                      100 * lost["missed"].max(), 100 - 100 * BAND[0], " %")  # fmt: skip


def _range(found: Section, name: str, rows: pd.DataFrame, band: tuple[float, float]) -> None:
    if len(rows):
        found.at_least(f"{name}, least", 100 * rows["coverage"].min(), 100 * band[0], " %")
        found.at_most(f"{name}, most", 100 * rows["coverage"].max(), 100 * band[1], " %")


def _notes(frame: pd.DataFrame) -> list[str]:
    tables = frame.groupby("cell")["tables"].first()
    count = f"{len(tables)} cells, {tables.min()} to {tables.max()} tables each."
    return [count, *_NOTES]


_NOTES = tuple(
    """\
Every level of sizes, designs, noises, noise levels and laws meets every level of the others.
A target is identified where the oracle, who knows the noise, has an exponent or a floor at least \
four standard errors from zero, and a coefficient, size or loss within a factor of e; weakly, down \
to one standard error or a factor of e cubed; below, not at all.
Coverage is over the tables with an interval. Widths are on the scale of logarithms, but for \
exponents, shares and floors; their median counts a table without one as infinite.
The time of a method is what it takes beyond those before it, which share the fit and the refits.
A new run is drawn with the noise of its own scale. Noise of the kind 'scale' falls with compute \
to the power -0.2; checkpoints of a run are correlated by exp(-1/3) from one to the next, at half \
the tokens.""".split("\n")
)


def _names() -> dict[Hashable, str]:
    return {index: cell.name for index, cell in enumerate(cells())}


def _percent(value: float, digits: int = 0) -> str:
    return "" if np.isnan(value) else f"{100 * value:.{digits}f}"
