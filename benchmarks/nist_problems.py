"""NIST StRD nonlinear regression: the 27 problems as lines of maths, and their files.

The problems are public domain: https://www.itl.nist.gov/div898/strd/nls/nls_main.shtml
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

import scalinglaws as sl

_LANCZOS = "b1*exp(-b2*x) + b3*exp(-b4*x) + b5*exp(-b6*x)"
_GAUSS = "b1*exp(-b2*x) + b3*exp(-(x-b4)**2/b5**2) + b6*exp(-(x-b7)**2/b8**2)"
_CUBICS = "(b1 + b2*x + b3*x**2 + b4*x**3) / (1 + b5*x + b6*x**2 + b7*x**3)"
_PI = "3.141592653589793"
MODELS = {
    "Bennett5": "b1 * (b2+x)**(-1/b3)",
    "BoxBOD": "b1 * (1-exp(-b2*x))",
    "Chwirut1": "exp(-b1*x) / (b2+b3*x)",
    "Chwirut2": "exp(-b1*x) / (b2+b3*x)",
    "DanWood": "b1 * x**b2",
    "ENSO": (
        f"b1 + b2*cos(2*{_PI}*x/12) + b3*sin(2*{_PI}*x/12) + b5*cos(2*{_PI}*x/b4)"
        f" + b6*sin(2*{_PI}*x/b4) + b8*cos(2*{_PI}*x/b7) + b9*sin(2*{_PI}*x/b7)"
    ),
    "Eckerle4": "(b1/b2) * exp(-0.5*((x-b3)/b2)**2)",
    "Gauss1": _GAUSS,
    "Gauss2": _GAUSS,
    "Gauss3": _GAUSS,
    "Hahn1": _CUBICS,
    "Kirby2": "(b1 + b2*x + b3*x**2) / (1 + b4*x + b5*x**2)",
    "Lanczos1": _LANCZOS,
    "Lanczos2": _LANCZOS,
    "Lanczos3": _LANCZOS,
    "MGH09": "b1*(x**2+x*b2) / (x**2+x*b3+b4)",
    "MGH10": "b1 * exp(b2/(x+b3))",
    "MGH17": "b1 + b2*exp(-x*b4) + b3*exp(-x*b5)",
    "Misra1a": "b1 * (1-exp(-b2*x))",
    "Misra1b": "b1 * (1-(1+b2*x/2)**(-2))",
    "Misra1c": "b1 * (1-(1+2*b2*x)**(-0.5))",
    "Misra1d": "b1*b2*x * ((1+b2*x)**(-1))",
    "Nelson": "b1 - b2*x * exp(-b3*z)",  # the response is log(y)
    "Rat42": "b1 / (1+exp(b2-b3*x))",
    "Rat43": "b1 / ((1+exp(b2-b3*x))**(1/b4))",
    "Roszman1": f"b1 - b2*x - arctan(b3/(x-b4))/{_PI}",
    "Thurber": _CUBICS,
}


@dataclass(frozen=True)
class NistProblem:
    """A table, a law, two starts, certified values and their certified standard deviations."""

    name: str
    table: pd.DataFrame
    law: sl.Law
    starts: tuple[Mapping[str, float], Mapping[str, float]]
    certified: Mapping[str, float]
    deviations: Mapping[str, float]


def read_problem(folder: Path, name: str) -> NistProblem:
    """Read one of the files."""
    lines = (folder / f"{name}.dat").read_text(encoding="utf-8").splitlines()
    pairs = [line.split("=") for line in lines if re.match(r"\s+b\d+ =", line)]
    values = {key.strip(): [float(v) for v in text.split()] for key, text in pairs}
    first = max(k for k, line in enumerate(lines) if line.startswith("Data:"))
    rows = np.array(
        [[float(v) for v in line.split()] for line in lines[first + 1 :] if line.strip()]
    )
    table = pd.DataFrame(rows, columns=["y", "x", "z"][: rows.shape[1]])
    if name == "Nelson":
        table["y"] = np.log(table["y"])
    law = sl.Law(
        f"y ~ {MODELS[name]}",
        variables=[c for c in table.columns if c != "y"],
        bounds=dict.fromkeys(values, (-np.inf, np.inf)),
    )
    one, two, certified, deviations = (
        {key: numbers[k] for key, numbers in values.items()} for k in range(4)
    )
    return NistProblem(name, table, law, (one, two), certified, deviations)


def exchanged(name: str, params: Mapping[str, float]) -> list[dict[str, float]]:
    """The same curve in other names: exchangeable terms and free signs."""
    p = dict(params)
    if name.startswith("Lanczos"):
        pairs = [("b1", "b2"), ("b3", "b4"), ("b5", "b6")]
        orders = ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))
        return [
            {pairs[k][side]: p[pairs[j][side]] for k, j in enumerate(order) for side in (0, 1)}
            for order in orders
        ]
    if name.startswith("Gauss"):
        signs = [{**p, "b5": s * p["b5"], "b8": t * p["b8"]} for s in (1, -1) for t in (1, -1)]
        swap = {"b3": "b6", "b4": "b7", "b5": "b8", "b6": "b3", "b7": "b4", "b8": "b5"}
        return signs + [{k: q[swap.get(k, k)] for k in q} for q in signs]
    if name == "MGH17":
        swap = {"b2": "b3", "b3": "b2", "b4": "b5", "b5": "b4"}
        return [p, {k: p[swap.get(k, k)] for k in p}]
    if name == "Eckerle4":
        return [p, {**p, "b1": -p["b1"], "b2": -p["b2"]}]
    if name == "ENSO":
        swap = {"b4": "b7", "b5": "b8", "b6": "b9", "b7": "b4", "b8": "b5", "b9": "b6"}
        both = [p, {k: p[swap.get(k, k)] for k in p}]
        return both + [
            {**q, a: -q[a], b: -q[b]} for q in both for a, b in (("b4", "b6"), ("b7", "b9"))
        ]
    return [p]
