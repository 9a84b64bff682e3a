"""One law for two recipes, with shared exponents or shared altogether, against separate laws."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import fdtrc

from scalinglaws.core.law import Law
from scalinglaws.errors import IdentifiabilityWarning, ScalingLawWarning
from scalinglaws.fitting.arguments import resolve_law
from scalinglaws.fitting.fit import fit as fit_law
from scalinglaws.fitting.result import Fit

# A column that is 1 for the first recipe and 2 for the second.
DUMMY = "second_recipe"


def fit_with_levels(
    frame: pd.DataFrame, is_second: pd.Series, law: str | Law, options: Mapping[str, Any]
) -> Fit:
    """One law with the same exponents, and coefficients of its own for each recipe."""
    with warnings.catch_warnings():
        # that recipes hardly differ in some coefficient is an answer, not a fault
        warnings.simplefilter("ignore", IdentifiabilityWarning)
        return fit_law(
            _marked(frame, is_second), _with_levels(_resolved(law, frame, options)), **options
        )


def pooling_tests(
    frame: pd.DataFrame, is_second: pd.Series, law: str | Law, options: Mapping[str, Any]
) -> pd.DataFrame:
    """Each hypothesis with its sum of squares, AICc, and an F test against the next richer one."""
    table = _marked(frame, is_second)
    resolved = _resolved(law, frame, options)
    n, p = len(table), len(resolved.parameter_names)
    levels = _with_levels(resolved)
    squares = {
        "one law": (p, _squares([table], resolved, options)),
        "levels differ": (len(levels.parameter_names), _squares([table], levels, options)),
        "separate": (
            2 * p,
            _squares([table[table[DUMMY] == k] for k in (1.0, 2.0)], resolved, options),
        ),
    }
    rows = []
    names = list(squares)
    for place, name in enumerate(names):
        k, total = squares[name]
        row = {
            "hypothesis": name,
            "parameters": k,
            "sum_of_squares": total,
            "aicc": _aicc(n, k, total),
        }
        if place + 1 < len(names):
            richer, least = squares[names[place + 1]]
            spare = n - richer
            ratio = (total - least) / (richer - k) / (least / spare) if spare > 0 else np.nan
            row["p_value"] = float(fdtrc(richer - k, spare, max(ratio, 0.0)))
        rows.append(row)
    return pd.DataFrame(rows).set_index("hypothesis")


def _marked(frame: pd.DataFrame, is_second: pd.Series) -> pd.DataFrame:
    """The table with a column that is 1 for the first recipe and 2 for the second."""
    # not 0 and 1, since a variable of zero may not stand under every law
    return frame.assign(**{DUMMY: 1.0 + is_second})


def _resolved(law: str | Law, frame: pd.DataFrame, options: Mapping[str, Any]) -> Law:
    return resolve_law(law, frame, dict(options["columns"] or {}), options["y"])


def _aicc(n: int, k: int, total: float) -> float:
    """Small-sample Akaike criterion of normal noise; the noise is one more parameter."""
    estimated = k + 1
    if n <= estimated + 1:
        return np.inf
    return float(n * np.log(total / n)) + 2 * estimated * n / (n - estimated - 1)


def _with_levels(law: Law) -> Law:
    """The law with coefficients of its own for the second recipe, exponents shared."""
    formula = law.formula
    for parameter in law.parameters:
        if parameter.role != "exponent":
            name = parameter.name
            formula = re.sub(rf"\b{name}\b", f"({name}*exp({name}_second*({DUMMY} - 1)))", formula)
    return Law(formula, variables=[*law.variables, DUMMY], bounds=law.bounds)


def _squares(tables: list[pd.DataFrame], law: Law, options: Mapping[str, Any]) -> float:
    """Sum of squared log residuals of the best fit."""
    total = 0.0
    for table in tables:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ScalingLawWarning)  # the separate fits have said it
            fitted = fit_law(table, law, objective="squared", method="nls", **options)
        total += float((fitted.residuals**2).sum())
    return total
