"""How much of the library one call of a verb passes through: modules, functions and lines of code.

python -m benchmarks --only verb_path --write

A reader who follows the call meets these. Functions are counted once however often they run,
without and with comprehensions, generator expressions and lambdas; the bars count these as well.
Each verb is called twice and the second call is counted: what is cached for good is left out.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import scalinglaws as sl
from benchmarks.harness import Options, Section

_PACKAGE = str(Path(sl.__file__).parent)
# Most modules and functions that a reader should have to meet.
BARS = {"fit.predict(N=, D=)": (12, 80), "fit(runs, 'kaplan')": (25, 200)}


def run(_: Options) -> Section:
    """What each verb meets, by room, against its bars."""
    section = Section("What a call passes through")
    runs = sl.datasets.ladder()
    runs = runs[runs["D"] > 1.5e6]
    rows, rooms = [], {}
    with warnings.catch_warnings(action="ignore"):
        fit = sl.fit(runs, "kaplan")
        whole = sl.fit(runs, "chinchilla")
        verbs: dict[str, Callable[[], object]] = {
            "fit.predict(N=, D=)": lambda: fit.predict(N=1e6, D=16e6),
            "fit(runs, 'kaplan')": lambda: sl.fit(runs, "kaplan"),
            "fit(runs, 'chinchilla')": lambda: sl.fit(runs, "chinchilla"),
            "fit.intervals()": fit.intervals,
            "optimal(fit, C=)": lambda: sl.optimal(whole, C=1e14),
        }
        for name, call in verbs.items():
            call()
            met = functions_met(call)
            modules = {code.co_filename for code in met}
            rows.append({
                "call": name, "modules": len(modules),
                "functions": sum(code.co_name[0] != "<" for code in met),
                "with comprehensions": len(met), "lines": _n_lines(met),
            })  # fmt: skip
            rooms[name] = _by_room(modules)
            if name in BARS:
                section.at_most(f"{name}, modules", len(modules), BARS[name][0])
                section.at_most(f"{name}, functions", len(met), BARS[name][1])
    section.table("Each module and each function counted once.", rows)
    names = sorted({room for of in rooms.values() for room in of})
    section.table(
        "Modules by room.", [{"call": call, **{n: of.get(n, 0) for n in names}}
                             for call, of in rooms.items()],
    )  # fmt: skip
    return section


def functions_met(call: Callable[[], object]) -> set[CodeType]:
    """Code of the library's functions that a call enters."""
    met: set[CodeType] = set()

    def enter(frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(_PACKAGE):
            met.add(code)

    sys.setprofile(enter)
    try:
        call()
    finally:
        sys.setprofile(None)
    return met


def _n_lines(met: set[CodeType]) -> int:
    """Lines with code of all these functions."""
    return len({(code.co_filename, line) for code in met for *_, line in code.co_lines() if line})


def _by_room(modules: set[str]) -> dict[str, int]:
    """Number of modules in each folder of the package."""
    rooms: dict[str, int] = {}
    for module in modules:
        room = str(Path(module).parent.relative_to(_PACKAGE))
        rooms[room] = rooms.get(room, 0) + 1
    return rooms
