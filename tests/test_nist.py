"""NIST StRD nonlinear regression: every problem typed as a line of maths, certified to 6 digits.

The 27 problems are public domain; they are read from the folder of public tables.
"""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

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


def _as_certified(name: str, params: pd.Series) -> pd.Series:
    """The same law with exchangeable terms and free signs arranged as in the certified solution."""
    if name == "MGH17" and params["b4"] > params["b5"]:
        return params.rename({"b2": "b3", "b3": "b2", "b4": "b5", "b5": "b4"})
    if name == "Eckerle4" and params["b2"] < 0:
        return -params + 2 * params["b3"] * (params.index == "b3")
    return params


def _read(file: Path) -> tuple[pd.DataFrame, dict[str, list[float]]]:
    """Data, and for each parameter both starts, the certified value and its deviation."""
    lines = file.read_text().splitlines()
    pairs = [line.split("=") for line in lines if re.match(r"\s+b\d+ =", line)]
    values = {name.strip(): [float(v) for v in text.split()] for name, text in pairs}
    first = max(k for k, line in enumerate(lines) if line.startswith("Data:"))
    rows = np.array(
        [[float(v) for v in line.split()] for line in lines[first + 1 :] if line.strip()]
    )
    table = pd.DataFrame(rows, columns=["y", "x", "z"][: rows.shape[1]])
    if file.stem == "Nelson":
        table["y"] = np.log(table["y"])
    return table, values


@pytest.mark.parametrize("start", [0, 1])
@pytest.mark.parametrize("name", MODELS)
def test_certified_values(data: Path, name: str, start: int) -> None:
    """From both of the file's starting points."""
    table, values = _read(data / "nist_strd" / f"{name}.dat")
    law = sl.Law(
        f"y ~ {MODELS[name]}",
        variables=[c for c in table.columns if c != "y"],
        bounds=dict.fromkeys(values, (-np.inf, np.inf)),
    )

    with warnings.catch_warnings(action="ignore", category=sl.ScalingLawWarning):
        fit = sl.fit(
            table, law, objective="squared", scale="level", units="trust",
            start={parameter: numbers[start] for parameter, numbers in values.items()},
        )  # fmt: skip

    found = _as_certified(name, fit.params)
    for parameter, numbers in values.items():
        assert found[parameter] == pytest.approx(numbers[2], rel=1e-6), parameter
