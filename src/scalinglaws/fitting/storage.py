"""A fit as plain JSON, and back. Numbers round-trip exactly: they are written with repr."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from scalinglaws.arrays import FloatArray
from scalinglaws.core.law import Law
from scalinglaws.errors import FileFormatError
from scalinglaws.fitting.record import Evidence
from scalinglaws.fitting.tables.runs import RunTable

if TYPE_CHECKING:
    from scalinglaws.fitting.result import Fit

FORMAT = "scalinglaws fit"
SCHEMA = 2
# Fields that are already plain JSON values.
_PLAIN = (
    "method", "objective", "scale", "delta", "objective_value", "confidence_level",
)  # fmt: skip


def write(fit: Fit, path: str | Path) -> None:
    """Write the fit; see `Fit.save`."""
    text = json.dumps(to_dict(fit), indent=1, ensure_ascii=False, allow_nan=False)
    Path(path).write_text(text + "\n", encoding="utf-8")


def read(path: str | Path) -> dict[str, Any]:
    """Fields of a saved fit; see `scalinglaws.load`."""
    if not Path(path).exists():
        raise FileNotFoundError(f"There is no file {str(path)!r}.")
    try:
        values = json.loads(Path(path).read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise FileFormatError(f"{path} is not a saved fit: it is not JSON ({error}).") from error
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        raise FileFormatError(
            f"{path} is not a saved fit: it has no 'format': '{FORMAT}'. Fits are written by "
            "fit.save(path)."
        )
    schema = values.get("schema")
    if isinstance(schema, bool) or not isinstance(schema, int) or schema < 1:
        raise FileFormatError(f"{path} is damaged: it has no valid schema number.")
    if schema > SCHEMA:
        raise FileFormatError(
            f"{path} has schema {schema}, and this version of scalinglaws reads up to {SCHEMA}: "
            "it was saved by a newer version; update scalinglaws."
        )
    try:
        return from_dict(values)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise FileFormatError(f"{path} is damaged: {type(error).__name__}: {error}.") from error


def to_dict(fit: Fit) -> dict[str, Any]:
    """The fit as values that JSON has."""
    runs = fit.runs
    return {
        "format": FORMAT,
        "schema": SCHEMA,
        "law": fit.law.to_dict(),
        **{name: _plain(getattr(fit, name)) for name in _PLAIN},
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
            "index": _labels(runs.index),
            "values": {name: _list(values) for name, values in runs.values.items()},
            "y": _list(runs.y),
            "weights": _list(runs.weights),
            "weighted": runs.weighted,
            "repeats": runs.repeats.tolist(),
            "labels": {name: list(labels) for name, labels in runs.labels.items()},
            "clusters": runs.clusters.tolist(),
            "cluster_column": runs.cluster_column,
            "dropped": [[_label(k), v] for k, v in runs.dropped],
        },
    }


def from_dict(values: Mapping[str, Any]) -> dict[str, Any]:
    """The inverse of `to_dict`: the fields of a `Fit`."""
    runs, law = values["runs"], Law.from_dict(values["law"])
    table = RunTable(
        values={name: _array(v) for name, v in runs["values"].items()},
        y=_array(runs["y"]),
        weights=_array(runs["weights"]),
        index=pd.Index(runs["index"]),
        columns=runs["columns"],
        target=runs["target"],
        dropped=tuple((label, reason) for label, reason in runs["dropped"]),
        weighted=runs["weighted"],
        repeats=np.array(runs["repeats"], dtype=np.intp),
        labels={
            name: pd.Categorical(labels, categories=law.levels[name])
            for name, labels in runs.get("labels", {}).items()
        },
        clusters=np.array(runs.get("clusters", []), dtype=np.intp),
        cluster_column=runs.get("cluster_column", ""),
    )
    if table.digest != runs["digest"]:
        raise ValueError("the runs do not have the hash that was saved with them")
    plain = {name: values[name] for name in _PLAIN}
    for name in ("objective_value", "confidence_level"):
        plain[name] = _number(plain[name])
    plain["delta"] = None if plain["delta"] is None else _number(plain["delta"])
    p = len(values["theta"])
    evidence = values["evidence"]
    return dict(
        law=law,
        runs=table,
        evidence=Evidence(
            evidence["n_starts"], evidence["n_agreeing"], evidence["n_minima"],
            _number(evidence["decrement"]), _number(evidence.get("curvature", "nan")),
            _converged(values),
        ),
        fixed={k: _number(v) for k, v in values["fixed"].items()},
        versions=values["versions"],
        theta=_array(values["theta"]),
        free=_free(values),
        alternatives=np.array([_array(r) for r in values["alternatives"]]).reshape(-1, p),
        **plain,
    )  # fmt: skip


def _converged(values: Mapping[str, Any]) -> bool:
    """Whether the search reached a minimum; schema 1 says so in the verdicts."""
    if "converged" in values["evidence"]:
        return bool(values["evidence"]["converged"])
    return all(verdict["status"] != "NOT_CONVERGED" for verdict in values["verdicts"])


def _free(values: Mapping[str, Any]) -> npt.NDArray[np.bool_]:
    """Which parameters moved; schema 1 says so in their statuses."""
    if "free" in values:
        return np.array(values["free"], dtype=np.bool_)
    status = [str(item["status"]) for item in values["parameters"]]
    held = ("fixed", "aliased", "without effect", "at its bound, 0")
    return np.array([not text.startswith(held) for text in status])


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


def _number(value: Any) -> float:
    return float(value)  # float("nan") and float("inf") read the text back


def _list(values: FloatArray) -> list[Any]:
    return [_plain(float(v)) for v in values]


def _array(values: list[Any]) -> FloatArray:
    return np.array([_number(v) for v in values], dtype=np.float64)


def _labels(index: pd.Index) -> list[Any]:
    return [_label(label) for label in index]


def _label(label: Any) -> Any:
    """Row labels as JSON has them: numbers and text stay, anything else becomes text."""
    label = label.item() if isinstance(label, np.generic) else label
    if isinstance(label, float) and not math.isfinite(label):
        return str(label)
    return label if isinstance(label, int | float | str) else str(label)
