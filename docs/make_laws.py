"""Write the reference of the laws and draw their shapes: ``python docs/make_laws.py``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

FOLDER = Path(__file__).parent
sys.path.insert(0, str(FOLDER.parent))  # coefficients and designs are those of the tests

import scalinglaws as sl  # noqa: E402
from scalinglaws.core.catalogue import GROUPS, Coefficients, Entry, Reference  # noqa: E402
from scalinglaws.numerals import format_plain, format_variable  # noqa: E402
from scalinglaws.plotting.axes import frame, log_axis  # noqa: E402
from scalinglaws.plotting.labels import labels_of  # noqa: E402
from scalinglaws.plotting.style import LIGHT  # noqa: E402
from tests.catalogue_rows import ROWS, coefficients, smallest_grid, smallest_table  # noqa: E402

PAGE, IMAGES = FOLDER / "laws.md", FOLDER / "images" / "laws"
_HEADER = """\
# The laws

Written by `python docs/make_laws.py` from the catalogue; edit the rows in
`src/scalinglaws/core/catalogue`, not this page.

```pycon
>>> import scalinglaws as sl
>>> print(sl.laws["gadre"].formula)
loss ~ E + (a*(D/N)**eta + b*(D/N)**-eta) / C**eta
>>> list(sl.laws.search("vocabulary"))
['tao']
>>> print(sl.published["chinchilla/epoch2024"].predict(N="70B", D="1.4T").estimate.__round__(4))
1.9739

```

`sl.laws.about("gadre")` describes a law, as does `scalinglaws laws gadre` in a terminal.
`sl.fit(runs, "gadre")` fits it. Any other law is one line of maths.

## How to choose a law

| you have | begin with | then try |
|---|---|---|
| losses of several sizes and token counts | `chinchilla` | `kaplan`, `outer-power` |
| the same, few runs | `gadre` (equal exponents) | `chinchilla` |
| the same, a hundred runs and more | `chinchilla` | `farseer` |
| tokens repeated over epochs | `muennighoff` | |
| one curve of loss against data, steps or compute | `m2` | `m1` if it does not bend |
| the same, with a knee | `bnsl` | `bnsl-2` |
| the same, from chance level on | `m4` | `scalerl` for rewards |
| accuracy of a task, and the loss | `accuracy-sigmoid`, both ends fixed | `accuracy-cloglog` |
| accuracy of a task, and sizes and token counts | the two steps, by `sl.chain` | |
| error over many tasks, and the loss | `gadre-error` | |
| loss on two data sets | `loss-to-loss` | |
| experts | `clark` (at one token count), `abnar` | `krajewski`, `ludziejewski` |
| whole loss curves, and the learning rates | `tissue` | `multi-power-16` |
| mixtures of a few domains | `ye` at one scale, `shukor` over several | `que` |
| bits | `kumar` in training, `kumar-ptq` or `ouyang` after it | |
| fine-tuning sets of several sizes | `lin` | `zhang` where the model varies too |
| reward against compute of reinforcement learning | `scalerl` | |
| solved share against samples | `pass-at-k` | |
| best learning rates or batch sizes | `power` in N and D | or `steplaw-lr`, `steplaw-batch` |

Begin with fewer coefficients, and add one only if it improves the prediction of held-out runs. A
floor, an outer power and a break need runs on both sides of what they describe. Without such runs
the parameter is not identifiable, the fit's verdict says so, and the simpler law is better.

Pictures show the law at the coefficients of its first published set, or at typical ones. Colours
go from dark to light with the value of the variable named. The smallest design is a crossed grid
without noise, or as few runs where no grid can be crossed. Fitted to it, each law recovers its
coefficients to 1e-6. Real, noisy runs need more.
"""


# The variable along the axis, where it is not D or the first.
_ALONG = {"busbridge-student": "L_T"}
# Shares that add up to one: the second follows from the first.
_SHARES = {"ye": ("r_1", "r_2"), "shukor": ("h_1", "h_2")}


def page() -> str:
    """The whole page."""
    parts = [_HEADER]
    for title, entries in GROUPS.items():
        parts.append(f"## {title}\n")
        parts += [section(entry) for entry in entries]
    return "\n".join(parts)


def section(entry: Entry) -> str:
    """One law."""
    lines = [
        f"### {entry.name}",
        "",
        f'<img src="images/laws/{entry.name}.png" width="240" align="right" alt="its shape">',
        "",
        f"{_text(entry.summary)} {_linked(entry.reference)}.",
        "",
        "```math",
        entry.law.latex,
        "```",
        "",
        f"`{entry.formula}`",
        "",
    ]
    lines += [f"* `{name}`: {_text(meaning)}" for name, meaning in entry.variables.items()]
    lines += [f"* `{name}`: {_text(meaning)}" for name, meaning in entry.parameters.items()]
    if entry.ranges:
        lines.append(f"* Ranges: {entry.ranges}.")
    lines += _smallest(entry)
    if entry.traps:
        lines.append(f"* Caveats: {_text(entry.traps)}")
    if entry.aliases:
        lines.append("* Also called " + ", ".join(f"`{a}`" for a in entry.aliases) + ".")
    if entry.published:
        lines += [
            "",
            "| published as | coefficients | data | method | counting | checked |",
            "|---|---|---|---|---|---|",
        ]
        lines += [_published_row(entry, c) for c in entry.published]
    return "\n".join([*lines, "", '<br clear="right">', ""])


def _smallest(entry: Entry) -> list[str]:
    grid = smallest_grid(entry.name)
    held = "".join(f", `{name}` known" for name in ROWS[entry.name].fixed)
    if grid is None:
        n_runs = len(smallest_table(entry.name))
        what = f"as few as {n_runs} runs at well-chosen {_listed(tuple(entry.variables))}"
        return [f"* Determined, without noise, from {what}{held}."]
    levels = " x ".join(f"{n} `{variable}`" for variable, n in grid.items())
    return [f"* Determined, without noise, from {levels}{held}."]


def _text(plain: str) -> str:
    """Markdown of plain text, whose formulas have asterisks."""
    return plain.replace("*", r"\*")


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _published_row(entry: Entry, c: Coefficients) -> str:
    values = ", ".join(f"{k} = {format_plain(v, 7)}" for k, v in c.values.items())
    source = "" if c.reference is None else f"{_linked(c.reference)}: "
    note = f". {_text(c.note)}" if c.note else ""
    return (
        f"| `{entry.name}/{c.name}` | {values} | {source}{c.data} | {c.method} | {c.counting} "
        f"| {c.verified}{note} |"
    )


def _linked(reference: Reference) -> str:
    if not reference.arxiv:
        return str(reference)
    return f"[{reference}](https://arxiv.org/abs/{reference.arxiv})"


def draw(entry: Entry, ax: Axes) -> None:
    """The law along one variable, at a few levels of a second one."""
    if entry.name in ("tissue", "multi-power"):
        draw_schedules(entry, ax)
        return
    table, values = ROWS[entry.name].table(), coefficients(entry.name)
    x = _ALONG.get(entry.name, "D" if "D" in entry.variables else next(iter(entry.variables)))
    # the law's own variable tells more than N, D or C
    others = sorted((v for v in entry.variables if v != x), key=lambda v: v in ("N", "D", "C"))
    middle = {v: float(np.exp(np.log(np.maximum(table[v], 1e-12)).mean())) for v in others}
    linear = table[x].min() <= 0 or table[x].max() < 10 * table[x].min()
    span = (np.linspace if linear else np.geomspace)(table[x].min(), table[x].max(), 200)
    first, second = _SHARES.get(entry.name, ("", ""))
    by = next((v for v in others if v != second), None)
    levels = (
        np.quantile(table[by].unique(), [0, 1 / 3, 2 / 3, 1], method="nearest") if by else [None]
    )
    lowest, highest = np.inf, -np.inf
    ends: list[tuple[float, Any, Any]] = []
    for place, level in enumerate(levels):
        at = {**middle, x: span, **({by: level} if by else {})}
        if second:
            at[second] = 1 - at[first]
        if {"N", "D", "C"} <= set(at):
            at["C"] = 6 * at["N"] * at["D"]
        y = np.broadcast_to(entry.law.value(values, at), span.shape)
        lowest, highest = min(lowest, y.min()), max(highest, y.max())
        colour = LIGHT.size_map()(place / (len(levels) - 1)) if by else LIGHT.forecast
        ax.plot(span, y, color=colour)
        ends.append((float(y[-1]), colour, level))
    if not linear:
        log_axis(ax.xaxis, x, float(span[0]), float(span[-1]))
    if lowest > 0 and highest > 3 * lowest:
        log_axis(ax.yaxis, None, 0.93 * lowest, 1.07 * highest)
    frame(ax, x, f"{entry.law.target or 'performance'}{f', by {by}' if by else ''}")
    for height, colour, level in ends if by else []:
        labels_of(ax).name(height, format_variable(str(by), float(f"{level:.2g}")), colour)


def draw_schedules(entry: Entry, ax: Axes) -> None:
    """Whole curves of a learning rate that is constant, and that drops to a tenth."""
    steps = np.arange(1, 4001)
    values = coefficients(entry.name)
    places = (4001, 1000, 2500)
    for place, drop in enumerate(places):
        shape = np.minimum(steps / 200, 1.0) if entry.name == "multi-power" else np.ones(len(steps))
        rates = 3e-4 * np.where(steps < drop, shape, 0.1 * shape)
        features = sl.schedule_features(rates, n_falls=2)
        colour = LIGHT.size_map()(place / (len(places) - 1))
        ax.plot(steps[300:], entry.law.value(values, features)[300:], color=colour)
    frame(ax, "step", "loss; learning rate kept, or cut to a tenth")


def main() -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context({"font.size": 8, "lines.linewidth": 1.4}):
        for entry in (entry for entries in GROUPS.values() for entry in entries):
            figure = Figure(figsize=(2.6, 1.8), layout="constrained")
            draw(entry, figure.subplots())
            figure.savefig(IMAGES / f"{entry.name}.png", dpi=100)
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
