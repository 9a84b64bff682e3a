"""Write the table of results and their three faces: ``python docs/make_results.py``."""

from __future__ import annotations

import inspect
import re
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

FOLDER = Path(__file__).parent
sys.path.insert(0, str(FOLDER.parent))  # runs are those of the tests

import scalinglaws as sl  # noqa: E402
from tests.test_forecast_unfinished import checkpoints  # noqa: E402

PAGE = FOLDER / "results.md"
_HEADER = """\
# Results and their three faces

Written by `python docs/make_results.py`, which makes every result and asks it; edit that file, not
this page.

`print(result)` writes text of at most 88 columns. A notebook shows the same as HTML.
`result.plot()` draws it and returns Axes. A plan is a DataFrame too: `plan.frame` is the plain
table, and `plan.frame.plot` the plot of pandas.

| result | from | text begins | HTML | plot |
|---|---|---|---|---|
"""


# Every kind of public result, by a call that makes it.
CALLS = (
    "sl.forecast(runs)",
    'sl.forecast(curve, x="D")',
    'sl.forecast(curves, x="D", series="N")',
    'sl.forecast(recipes, groups="recipe")',
    'sl.forecast(scored, through="loss", y="accuracy", limits=(0.1, 1.0))',
    'sl.finish(training, "r9", D="60B")',
    'forecast.predict(N="1M", D="16M")',
    'forecast.deciding_run(N="1M", D="16M")',
    "forecast.backtest()",
    'sl.compare(runs, ["chinchilla", "kaplan"], N="1M", D="16M")',
    'sl.fit(runs, "kaplan")',
    'sl.fit_each(recipes, "kaplan", by="recipe")',
    "sl.chain(fit, to_error)",
    'fit.predict(N="1M", D="16M")',
    'fit.reach(1.0, N="1M")',
    "sl.laws",
    'sl.laws["chinchilla"]',
    "sl.published",
    'sl.published["chinchilla/epoch2024"]',
    'sl.optimal(fit, C=["1e13", "1e14"])',
    'sl.near_optimal(fit, C="1e14")',
    'sl.overtraining(fit, C="1e14")',
    'sl.serving(fit, served="1B", loss=1.2)',
    'sl.limited_data(fit, C="1e14", unique="3M")',
    'sl.next_runs(fit, budget="3e13", C="1e14")',
    "sl.isoflop(profiles)",
    "sl.isoflop(profiles).bias",
    'sl.isoflop(profiles).predict("1e24")',
    "sl.envelope(checkpoints, n_resamples=10)",
    'sl.gain(fit, fit, C="1e14")',
    'sl.compare_recipes(three, "recipe", C="1e14")',
    'sl.planning.one_group(grouped, recipe="old")',
    'sl.planning.regret(fit, N="1M", D="16M")',
    'sl.planning.served_for(fit, N="100K", D="160M")',
    'sl.planning.approaches(profiles, fit, C="1e24")',
    'sl.planning.bill("1e24", device="H100", utilisation=0.4)',
    "sl.Transformer(**shape)",
)


def _profiles() -> pd.DataFrame:
    """Three IsoFLOP budgets."""
    steps, C = (g.ravel() for g in np.meshgrid(np.geomspace(1 / 4, 4, 9), [1e19, 1e20, 1e21]))
    design = {"N": 0.1 * C**0.5 * steps, "D": C**0.5 / (0.6 * steps)}
    return sl.simulate(sl.published["chinchilla/epoch2024"], design, 0.002)


def _training_curves() -> pd.DataFrame:
    N, D = (
        g.ravel() for g in np.meshgrid(np.geomspace(1e7, 1e10, 16), np.geomspace(1e8, 1e12, 30))
    )
    return pd.DataFrame({"N": N, "D": D, "loss": 1.7 + 400 / N**0.34 + 410 / D**0.34})


def names() -> dict[str, Any]:
    """What the calls of the table use."""
    every = sl.datasets.ladder()
    runs = every[every["D"] > 1.5e6]
    recipes = pd.concat(
        [runs.assign(recipe="old"), runs.assign(recipe="new", loss=0.95 * runs["loss"])]
    )
    three = pd.concat([recipes, runs.assign(recipe="third", loss=0.9 * runs["loss"])])
    scored = runs.assign(accuracy=0.1 + 2 * np.exp(-runs["loss"]))
    error = 0.9 - 2 * np.exp(-runs["loss"]) + 0.002 * np.sin(runs["D"])
    training = checkpoints()
    return {
        "sl": sl, "runs": runs, "recipes": recipes, "scored": scored, "three": three,
        "fit": sl.fit(runs, "kaplan"),
        "grouped": sl.fit(recipes, "kaplan", groups={"N_c": "recipe"}),
        "curve": every[every["N"] == 103_344], "curves": every, "forecast": sl.forecast(runs),
        "to_error": sl.fit(runs.assign(error=error), "gadre-error", y="error", scale="level"),
        "training": training[(training["run"] != "r9") | (training["D"] < 3.7e10)],
        "profiles": _profiles(), "checkpoints": _training_curves(),
        "shape": {"layers": 32, "width": 4096, "heads": 32, "vocabulary": 32_000, "context": 2048},
    }  # fmt: skip


def row(call: str, result: Any) -> str:
    """A line of the table: what the result is, and which faces it has."""
    kind = type(result)
    name = "a plan (DataFrame)" if isinstance(result, pd.DataFrame) else f"`{kind.__name__}`"
    first = str(result if not isinstance(result, pd.DataFrame) else repr(result)).split("\n")
    said = re.sub(r"\s+", " ", " ".join(first[: first.index("")] if "" in first else first[:1]))
    said = f"{said[:87]} …" if len(said) > 88 else said
    html = "yes" if result._repr_html_() else "no"
    return f"| {name} | `{call}` | {_text(said)} | {html} | {_plot(result)} |"


def _plot(result: Any) -> str:
    """The gallery's page of its picture."""
    if isinstance(result, pd.DataFrame):
        return "yes" if hasattr(result.plot, "func") else ""
    method = getattr(result, "plot", None)
    if method is None:
        return ""
    drawn = re.search(r"return (plot_\w+)\(", inspect.getsource(method))
    assert drawn is not None
    kind = next(FOLDER.parent.glob(f"examples/gallery/*/{drawn[1]}.py")).parent.name
    return f"{{doc}}`yes <gallery/{kind}/{drawn[1]}>`"


def _text(plain: str) -> str:
    """Plain text as Markdown has it in a table."""
    return re.sub(r"([*_|<\[$])", r"\\\1", plain)


def page() -> str:
    """The whole page."""
    known = names()
    with warnings.catch_warnings(action="ignore", category=sl.ScalingLawWarning):
        rows = [row(call, eval(call, known)) for call in CALLS]
    return _HEADER + "\n".join(rows) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
