"""Save and load fits as plain JSON. Numbers round-trip exactly: they are written with repr.

What a file has is stated once, in `to_dict`; what may stand there, in `from_dict`, which checks
every value before anything is made of it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from scalinglaws import json_files
from scalinglaws.arrays import FloatArray
from scalinglaws.core.law import Law
from scalinglaws.core.parameters import positive_variables
from scalinglaws.fitting import stored_values as stored
from scalinglaws.fitting.arguments import DELTAS, METHODS
from scalinglaws.fitting.record import Evidence, FitRecord
from scalinglaws.fitting.solver.objective import Loss
from scalinglaws.fitting.tables.runs import RunTable
from scalinglaws.options import OBJECTIVES, SCALES, check_level

if TYPE_CHECKING:
    from scalinglaws.fitting.result import Fit

Loaded = TypeVar("Loaded", bound=FitRecord)

FORMAT = "scalinglaws fit"
SCHEMA = 2
_HASHED_FROM = 2
# Of the saved value of the objective and the one found again; solvers' sums differ in order.
_SAME = 1e-6
_ROUNDING = 1e-12


def write(fit: Fit, path: str | Path, *, follow_links: bool = False) -> None:
    """Write the fit; see `Fit.save`."""
    json_files.write(to_dict(fit), path, follow_links=follow_links)


def built(values: Any, path: str | Path, kind: type[Loaded]) -> Loaded:
    """The saved fit in a file that was parsed; see `scalinglaws.load`."""
    build = partial(from_dict, kind=kind)
    fit: Loaded = json_files.built(values, path, FORMAT, SCHEMA, _HASHED_FROM, build)
    return fit


def to_dict(fit: Fit) -> dict[str, Any]:
    """The fit as values that JSON has."""
    runs = fit.runs
    return {
        "format": FORMAT,
        "schema": SCHEMA,
        "law": fit.law.to_dict(),
        "method": fit.method,
        "objective": fit.objective,
        "scale": fit.scale,
        "delta": _plain(fit.delta),
        "objective_value": _plain(fit.objective_value),
        "confidence_level": _plain(fit.confidence_level),
        # for people: what is loaded is computed again from the estimate and the runs
        "parameters": _rows(fit.table),
        "combinations": _rows(fit.identified),
        "verdicts": [{"status": v.status.name, "detail": v.detail} for v in fit.verdicts],
        "evidence": {k: _plain(v) for k, v in asdict(fit.evidence).items()},
        "fixed": {k: _plain(v) for k, v in fit.fixed.items()},
        "versions": dict(fit.versions),
        "theta": _list(fit.theta),
        "free": [bool(v) for v in fit.free],
        "alternatives": [_list(row) for row in fit.alternatives],
        "runs": {
            "columns": dict(runs.columns),
            "target": runs.target,
            "digest": runs.digest,
            "index": [_label(label) for label in runs.index],
            "values": {name: _list(values) for name, values in runs.values.items()},
            "y": _list(runs.y),
            "weights": _list(runs.weights),
            "weighted": runs.weighted,
            "repeats": runs.repeats.tolist(),
            "labels": {name: list(labels) for name, labels in runs.labels.items()},
            "clusters": runs.clusters.tolist(),
            "cluster_column": runs.cluster_column,
            "factors": {name: codes.tolist() for name, codes in runs.factors.items()},
            "dropped": [[_label(k), v] for k, v in runs.dropped],
        },
    }


def from_dict(values: Mapping[str, Any], kind: type[Loaded]) -> Loaded:
    """The inverse of `to_dict`: a `Fit`, whose model is bound to check it and stays.

    Raises
    ------
    ValueError, TypeError, KeyError
        If something is missing, is not of its kind, or does not go with the rest.
    """
    law = _law(stored.mapping(values["law"], "law"))
    runs = _runs(law, stored.mapping(values["runs"], "runs"))
    p = len(law.parameter_names)
    objective = stored.one_of(values["objective"], OBJECTIVES, "objective")
    delta = values["delta"]
    if (delta is None) == (objective == "huber"):
        raise ValueError("delta does not go with the objective")
    if delta is not None and stored.number(delta, "delta", least=DELTAS[0]) > DELTAS[1]:
        raise ValueError("delta is out of range")
    check_level(values["confidence_level"])
    fixed = {
        name: stored.number(value, f"fixed {name}")
        for name, value in stored.mapping(values["fixed"], "fixed").items()
    }
    if unknown := set(fixed) - set(law.parameter_names):
        raise ValueError(f"fixed names {sorted(unknown)}, and the law has no such parameters")
    fields: dict[str, Any] = {
        "law": law,
        "runs": runs,
        "method": stored.one_of(values["method"], METHODS, "method"),
        "objective": objective,
        "scale": stored.one_of(values["scale"], SCALES, "scale"),
        "delta": None if delta is None else float(delta),
        "objective_value": stored.number(values["objective_value"], "objective_value", least=0.0),
        "confidence_level": float(values["confidence_level"]),
        "evidence": _evidence(values),
        "fixed": fixed,
        "versions": {
            name: stored.text(value, f"version of {name}")
            for name, value in stored.mapping(values["versions"], "versions").items()
        },
        "theta": _theta(law, values["theta"]),
        "free": _free(values, p),
        "alternatives": _alternatives(values["alternatives"], p),
    }
    fit = kind(**fields)
    _check_together(fit, whitened=bool(_correlated(values)))
    return fit


# --- the parts ------------------------------------------------------------------------------


def _law(values: Mapping[str, Any]) -> Law:
    for name in ("formula", "description", "reference"):
        stored.text(values[name], f"law {name}")
    if values["name"] is not None:
        stored.text(values["name"], "law name")
    for name in ("variables", *stored.mapping(values.get("levels", {}), "levels")):
        listed = values["variables"] if name == "variables" else values["levels"][name]
        stored.texts(listed, f"law {name}")
    pairs = stored.mapping(values["bounds"], "law bounds")
    limits = values.get("limits")
    for name, pair in [*pairs.items(), *([] if limits is None else [("limits", limits)])]:
        stored.numbers(pair, f"law {name}", length=2, infinite=True)
    return Law.from_dict(values)


def _runs(law: Law, values: Mapping[str, Any]) -> RunTable:
    y = stored.numbers(values["y"], "y")
    n = len(y)
    columns = {
        name: stored.text(column, f"column of {name}")
        for name, column in stored.mapping(values["columns"], "columns").items()
    }
    if set(columns) != {*law.variables, *law.group_columns}:
        raise ValueError("the columns are not those of the law")
    given = stored.mapping(values["values"], "values")
    if set(given) != set(law.variables):
        raise ValueError("the variables are not those of the law")
    arrays = {name: stored.numbers(column, name, length=n) for name, column in given.items()}
    for name in positive_variables(law.parsed.expression, law.variables):
        if not (arrays[name] > 0).all():
            raise ValueError(f"{name} is not positive")
    table = RunTable(
        values=arrays,
        y=y,
        weights=stored.numbers(values["weights"], "weights", length=n, least=0.0),
        index=_index(stored.labels(values["index"], "index", length=n)),
        columns=columns,
        target=stored.text(values["target"], "target"),
        dropped=tuple(stored.reasons(values["dropped"], "dropped")),
        weighted=stored.flag(values["weighted"], "weighted"),
        repeats=stored.codes(values["repeats"], "repeats", n),
        labels=_labels(law, stored.mapping(values.get("labels", {}), "labels"), n),
        clusters=stored.codes(values.get("clusters", []), "clusters", n),
        cluster_column=stored.text(values.get("cluster_column", ""), "cluster_column"),
        factors=stored.factors(values.get("factors", {}), n),
    )
    if table.digest != values["digest"]:
        raise ValueError("the runs do not have the hash that was saved with them")
    return table


def _index(labels: list[Any]) -> pd.Index:
    try:
        index: pd.Index = pd.Index(labels)
    except UnicodeEncodeError:  # half a surrogate pair, which only objects hold
        index = pd.Index(labels, dtype=object)
    return index


def _labels(law: Law, values: Mapping[str, Any], n: int) -> dict[str, pd.Categorical]:
    if set(values) != set(law.group_columns) or set(law.levels) != set(law.group_columns):
        raise ValueError("the labels are not those of the law")
    found = {}
    for name, labels in values.items():
        texts, levels = stored.texts(labels, f"labels {name}", length=n), list(law.levels[name])
        if len(set(levels)) < len(levels) or not set(texts) <= set(levels):
            raise ValueError(f"{name} has labels that are none of the law's")
        found[name] = pd.Categorical(texts, categories=pd.Index(levels, dtype=object))
    return found


def _theta(law: Law, values: Any) -> FloatArray:
    """The working parameters: finite, or the logarithm of zero."""
    theta = stored.numbers(values, "theta", length=len(law.parameter_names), infinite=True)
    positive = np.array([p.positive for p in law.parameters])
    if not (np.isfinite(theta) | (positive & np.isneginf(theta))).all():
        raise ValueError("theta is not finite")
    return theta


def _alternatives(values: Any, p: int) -> FloatArray:
    rows = [
        stored.numbers(row, "alternatives", length=p)
        for row in stored.array(values, "alternatives")
    ]
    return np.array(rows, dtype=np.float64).reshape(-1, p)


def _evidence(values: Mapping[str, Any]) -> Evidence:
    evidence = stored.mapping(values["evidence"], "evidence")
    return Evidence(
        stored.count(evidence["n_starts"], "n_starts"),
        stored.count(evidence["n_agreeing"], "n_agreeing"),
        stored.count(evidence["n_minima"], "n_minima"),
        stored.number(evidence["decrement"], "decrement", unknown=True),
        stored.number(evidence.get("curvature", "nan"), "curvature", unknown=True),
        _converged(values, evidence),
        stored.flag(evidence.get("stopped", False), "stopped"),
    )


# --- files of schema 1 ----------------------------------------------------------------------


def _converged(values: Mapping[str, Any], evidence: Mapping[str, Any]) -> bool:
    """Whether the search reached a minimum; schema 1 says so in the verdicts."""
    if "converged" in evidence:
        return stored.flag(evidence["converged"], "converged")
    verdicts = stored.array(values["verdicts"], "verdicts")
    return all(stored.mapping(v, "verdict")["status"] != "NOT_CONVERGED" for v in verdicts)


def _free(values: Mapping[str, Any], p: int) -> npt.NDArray[np.bool_]:
    """Which parameters moved; schema 1 says so in their statuses."""
    if "free" in values:
        moved = [stored.flag(v, "free") for v in stored.array(values["free"], "free", length=p)]
        return np.array(moved, dtype=np.bool_)
    rows = stored.array(values["parameters"], "parameters", length=p)
    status = [stored.text(stored.mapping(r, "parameters")["status"], "status") for r in rows]
    held = ("fixed", "aliased", "without effect", "at its bound, 0")
    return np.array([not text.startswith(held) for text in status])


def _correlated(values: Mapping[str, Any]) -> Any:
    """Files of schema 1 may have residuals that were made independent within a run."""
    return stored.mapping(values.get("correlation", {}), "correlation").get("variable")


# --- all together ---------------------------------------------------------------------------


def _check_together(fit: FitRecord, *, whitened: bool) -> None:
    """The law at the estimate must give the saved objective on the saved runs.

    Raises
    ------
    ValueError
        If it does not: the parts are not of one fit.
    """
    runs = fit.runs
    with np.errstate(all="ignore"):
        residuals = fit.model.residuals(fit.theta[None, :])[0]
    used = runs.weights > 0
    if not used.any() or not np.isfinite(residuals[used]).all():
        raise ValueError("the law has no value at the runs")
    if whitened:
        return
    size = np.abs(np.where(used, residuals, 0.0))
    with np.errstate(over="ignore"):  # a damaged file may be far off
        if fit.delta is not None:
            each = Loss("huber", fit.delta).value(size)
        else:
            each = size if fit.objective == "absolute" else size**2
    found, saved = float(runs.weights @ each), fit.objective_value
    scale = 1.0 if fit.scale == "log" else float(np.abs(runs.y).max()) ** 2
    if not math.isclose(
        found, saved, rel_tol=_SAME, abs_tol=_ROUNDING * scale * runs.weights.sum()
    ):
        raise ValueError(
            "the law, its coefficients and the runs do not belong together: the objective is "
            f"{found:.6g}, and {saved:.6g} was saved"
        )


# --- values ---------------------------------------------------------------------------------


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {"name": str(name)} | {str(k): _plain(v) for k, v in row.items()}
        for name, row in table.iterrows()
    ]


def _plain(value: Any) -> Any:
    """JSON has no NaN and no infinity: they are written as text."""
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else str(float(value))
    return int(value) if isinstance(value, np.integer) else value


def _list(values: FloatArray) -> list[Any]:
    return [_plain(float(v)) for v in values]


def _label(label: Any) -> Any:
    """Row labels as JSON has them: numbers and text stay, anything else becomes text."""
    label = label.item() if isinstance(label, np.generic) else label
    if isinstance(label, float) and not math.isfinite(label):
        return str(label)
    return label if isinstance(label, int | float | str) else str(label)
